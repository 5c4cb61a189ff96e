//! Arrow columns as the text that detection and actions read, and text back as Arrow columns.
//!
//! The text of a value is the one that a CSV export of the same table would have: dates and times in ISO 8601, decimals with all
//! digits of their scale, floating-point numbers by the fewest digits that read back as the same number, never with an exponent
//! (so that a patient number stored as a float is still the number). Timestamps with a time zone are shown with their offset:
//! fixed offsets as they are, the zones of China at +08:00 (in the summers of 1986-1991 their clocks showed one hour more), all
//! others in UTC. Dates and times outside the calendar are shown as the integers that they are stored as.
//!
//! Text goes back into a column only exactly: what is read out again must be what was written, up to zeros that a decimal
//! fraction ends in. Only floating-point columns take the nearest number that they can hold.

use std::fmt::{Display, Write};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::{
    Float32Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Float32Array, Float64Array, Int64Array, PrimitiveArray, StringArray,
    new_null_array,
};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, TimeUnit};
use chrono::{DateTime, FixedOffset, NaiveDateTime};

/// Whether the values of a type have a text that can be written back.
pub(super) fn is_readable(of: &DataType) -> bool {
    use DataType::*;
    match of {
        Dictionary(_, values) => matches!(**values, Utf8 | LargeUtf8),
        Null | Boolean | Utf8 | LargeUtf8 | Utf8View => true,
        Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..) => true,
        Duration(_) | Interval(_) => false,
        other => other.is_numeric(),
    }
}

/// The texts of a column; null where it is null.
pub(super) fn read(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    use DataType::*;
    match array.data_type() {
        Float16 => Ok(shortest(cast(array, &Float32)?.as_primitive::<Float32Type>())),
        Float32 => Ok(shortest(array.as_primitive::<Float32Type>())),
        Float64 => Ok(shortest(array.as_primitive::<Float64Type>())),
        Date32 | Date64 | Time32(_) | Time64(_) => Ok(read_temporal(array)),
        Timestamp(unit, Some(zone)) => Ok(read_temporal(&with_zone(array, unit, offset_of(zone)))),
        Timestamp(_, None) => Ok(read_temporal(array)),
        _ => Ok(cast(array, &Utf8)?.as_string::<i32>().clone()),
    }
}

/// The type of a column after an action that keeps types: its own, except that a small dictionary may need more keys.
pub(super) fn changed(of: &DataType) -> DataType {
    use DataType::*;
    match of {
        Dictionary(key, values) if matches!(**key, Int8 | Int16 | UInt8 | UInt16) => {
            Dictionary(Box::new(Int32), values.clone())
        }
        other => other.clone(),
    }
}

/// Whether a column of this type holds any text as it is.
pub(super) fn is_text(of: &DataType) -> bool {
    matches!(of, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..))
}

/// A column of type `to` with the values that `texts` tell.
///
/// # Errors
/// The first row whose text the type cannot hold.
pub(super) fn write(texts: &StringArray, to: &DataType) -> Result<ArrayRef, usize> {
    let first = || (0..texts.len()).find(|row| texts.is_valid(*row)).unwrap_or(0);
    let array: ArrayRef = Arc::new(texts.clone());
    if is_text(to) {
        return cast(&array, to).map_err(|_| first());
    }
    // Casts answer null for what they cannot read; none of their messages is used, because they quote the value.
    let array = match to {
        DataType::Timestamp(unit, Some(zone)) => {
            let offset = DataType::Timestamp(*unit, Some(offset_of(zone)));
            cast(&array, &offset).map(|array| with_zone(&array, unit, zone.clone()))
        }
        _ => cast(&array, to),
    };
    let array = array.map_err(|_| first())?;
    let back = read(&array).map_err(|_| first())?;
    let fits = |row: &usize| {
        texts.is_null(*row) || back.is_valid(*row) && is_same(texts.value(*row), back.value(*row), to)
    };
    match (0..texts.len()).find(|row| !fits(row)) {
        None => Ok(array),
        Some(row) => Err(row),
    }
}

/// The name of a type in messages and receipts.
pub(super) fn name(of: &DataType) -> String {
    use DataType::*;
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match of {
        Null => "null".into(),
        Boolean => "boolean".into(),
        Int8 => "int8".into(),
        Int16 => "int16".into(),
        Int32 => "int32".into(),
        Int64 => "int64".into(),
        UInt8 => "uint8".into(),
        UInt16 => "uint16".into(),
        UInt32 => "uint32".into(),
        UInt64 => "uint64".into(),
        Float16 => "float16".into(),
        Float32 => "float32".into(),
        Float64 => "float64".into(),
        Decimal32(p, s) => format!("decimal32({p}, {s})"),
        Decimal64(p, s) => format!("decimal64({p}, {s})"),
        Decimal128(p, s) => format!("decimal128({p}, {s})"),
        Decimal256(p, s) => format!("decimal256({p}, {s})"),
        Date32 => "date32".into(),
        Date64 => "date64".into(),
        Time32(u) => format!("time32({})", unit(u)),
        Time64(u) => format!("time64({})", unit(u)),
        Timestamp(u, None) => format!("timestamp({})", unit(u)),
        Timestamp(u, Some(zone)) => format!("timestamp({}, {zone})", unit(u)),
        Duration(u) => format!("duration({})", unit(u)),
        Interval(_) => "interval".into(),
        Utf8 => "text".into(),
        LargeUtf8 => "large-text".into(),
        Utf8View => "text-view".into(),
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => "binary".into(),
        Dictionary(key, values) => format!("dictionary({}, {})", name(key), name(values)),
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) | FixedSizeList(item, _) => {
            format!("list({})", name(item.data_type()))
        }
        Map(entry, _) => format!("map({})", name(entry.data_type())),
        Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{:?}: {}", field.name(), name(field.data_type())))
                .collect();
            format!("struct({})", fields.join(", "))
        }
        Union(..) => "union".into(),
        RunEndEncoded(_, values) => format!("run-end({})", name(values.data_type())),
    }
}

/// The type of which this is the [name], where its values have a text; otherwise one that holds what leaves have of them: bytes of what is nested or binary, text of what Arrow
/// shows in its own words. None where no type is called so.
pub(super) fn of_name(name: &str) -> Option<DataType> {
    use DataType::*;
    let (word, inside) = match name.split_once('(') {
        None => (name, None),
        Some((word, rest)) => (word, Some(rest.strip_suffix(')')?)),
    };
    let unit = |text: &str| match text {
        "s" => Some(TimeUnit::Second),
        "ms" => Some(TimeUnit::Millisecond),
        "us" => Some(TimeUnit::Microsecond),
        "ns" => Some(TimeUnit::Nanosecond),
        _ => None,
    };
    let digits = |inside: Option<&str>| -> Option<(u8, i8)> {
        let (precision, scale) = inside?.split_once(", ")?;
        Some((precision.parse().ok()?, scale.parse().ok()?))
    };
    Some(match word {
        "null" => Null,
        "boolean" => Boolean,
        "int8" => Int8,
        "int16" => Int16,
        "int32" => Int32,
        "int64" => Int64,
        "uint8" => UInt8,
        "uint16" => UInt16,
        "uint32" => UInt32,
        "uint64" => UInt64,
        "float16" => Float16,
        "float32" => Float32,
        "float64" => Float64,
        "decimal32" => digits(inside).map(|(p, s)| Decimal32(p, s))?,
        "decimal64" => digits(inside).map(|(p, s)| Decimal64(p, s))?,
        "decimal128" => digits(inside).map(|(p, s)| Decimal128(p, s))?,
        "decimal256" => digits(inside).map(|(p, s)| Decimal256(p, s))?,
        "date32" => Date32,
        "date64" => Date64,
        "time32" => Time32(unit(inside?)?),
        "time64" => Time64(unit(inside?)?),
        "timestamp" => match inside?.split_once(", ") {
            Some((of, zone)) => Timestamp(unit(of)?, Some(zone.into())),
            None => Timestamp(unit(inside?)?, None),
        },
        "text" | "duration" | "interval" | "union" | "run-end" => Utf8,
        "large-text" => LargeUtf8,
        "text-view" => Utf8View,
        "binary" | "list" | "map" | "struct" => Binary,
        "dictionary" => match inside?.split_once(", ")? {
            (key, "text") => Dictionary(Box::new(of_name(key)?), Box::new(Utf8)),
            (key, "large-text") => Dictionary(Box::new(of_name(key)?), Box::new(LargeUtf8)),
            _ => Utf8,
        },
        _ => return None,
    })
}

/// The column of type `to` whose values have these texts: what [`read`] has read, whatever it was. None where the type has no value of that text.
pub(super) fn restore(texts: &StringArray, to: &DataType) -> Option<ArrayRef> {
    use DataType::*;
    let array = match to {
        Null => new_null_array(to, texts.len()),
        Float16 | Float32 => {
            let numbers: Float32Array = texts
                .iter()
                .map(|text| text.map(str::parse::<f32>).transpose())
                .collect::<Result<_, _>>()
                .ok()?;
            cast(&numbers, to).ok()?
        }
        Float64 => {
            let numbers: Float64Array = texts
                .iter()
                .map(|text| text.map(str::parse::<f64>).transpose())
                .collect::<Result<_, _>>()
                .ok()?;
            Arc::new(numbers)
        }
        Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..) => match write(texts, to) {
            Ok(array) => array,
            Err(_) => stored(texts, to)?,
        },
        _ => write(texts, to).ok()?,
    };
    (read(&array).ok()? == *texts).then_some(array)
}

/// Dates and times of which some are outside of the calendar, and shown as they are stored.
fn stored(texts: &StringArray, to: &DataType) -> Option<ArrayRef> {
    let as_stored = match to {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        _ => DataType::Int64,
    };
    let one = |text: &str| {
        let inside = write(&StringArray::from(vec![text]), to).ok();
        let inside = inside.and_then(|array| cast(&cast(&array, &as_stored).ok()?, &DataType::Int64).ok());
        let number = || text.parse().ok().or_else(|| far(text, to));
        inside.map_or_else(number, |array| Some(array.as_primitive::<Int64Type>().value(0)))
    };
    let numbers: Option<Vec<Option<i64>>> =
        texts.iter().map(|text| text.map(one).map_or(Some(None), |number| number.map(Some))).collect();
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers?));
    cast(&cast(&numbers, &as_stored).ok()?, to).ok()
}

/// An instant of a year of five digits, which Arrow writes and does not read: "no end" is often the last second of 9999, in another zone.
fn far(text: &str, to: &DataType) -> Option<i64> {
    let instant = text.parse::<DateTime<FixedOffset>>().map(|at| at.to_utc());
    let at = instant.or_else(|_| text.parse::<NaiveDateTime>().map(|at| at.and_utc())).ok()?;
    match to {
        DataType::Timestamp(TimeUnit::Second, _) => Some(at.timestamp()),
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => Some(at.timestamp_millis()),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Some(at.timestamp_micros()),
        _ => None,
    }
}

/// Rust writes the fewest digits that read back as the same number, and no exponent.
fn shortest<T: ArrowPrimitiveType<Native: Display>>(array: &PrimitiveArray<T>) -> StringArray {
    let mut texts = StringBuilder::with_capacity(array.len(), array.len() * 8);
    for value in array {
        match value {
            Some(value) => {
                write!(texts, "{value}").expect("a string takes any text");
                texts.append_value("");
            }
            None => texts.append_null(),
        }
    }
    texts.finish()
}

fn read_temporal(array: &ArrayRef) -> StringArray {
    if let Ok(texts) = cast(array, &DataType::Utf8) {
        return texts.as_string::<i32>().clone();
    }
    // A value outside the calendar: find it, and show it as it is stored.
    let stored = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        _ => DataType::Int64,
    };
    let one = |row: usize| {
        let cell = array.slice(row, 1);
        let text = cast(&cell, &DataType::Utf8).or_else(|_| cast(&cast(&cell, &stored)?, &DataType::Utf8));
        let text = text.ok()?;
        let text = text.as_string::<i32>();
        text.is_valid(0).then(|| text.value(0).to_owned())
    };
    (0..array.len()).map(one).collect()
}

/// The same instants under another name of the zone.
fn with_zone(array: &ArrayRef, unit: &TimeUnit, zone: Arc<str>) -> ArrayRef {
    match unit {
        TimeUnit::Second => Arc::new(array.as_primitive::<TimestampSecondType>().clone().with_timezone(zone)),
        TimeUnit::Millisecond => {
            Arc::new(array.as_primitive::<TimestampMillisecondType>().clone().with_timezone(zone))
        }
        TimeUnit::Microsecond => {
            Arc::new(array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone(zone))
        }
        TimeUnit::Nanosecond => {
            Arc::new(array.as_primitive::<TimestampNanosecondType>().clone().with_timezone(zone))
        }
    }
}

/// The offset from UTC at which the instants of a zone are shown.
fn offset_of(zone: &Arc<str>) -> Arc<str> {
    const CHINA: [&str; 8] = [
        "Asia/Shanghai",
        "Asia/Chongqing",
        "Asia/Chungking",
        "Asia/Harbin",
        "PRC",
        "Asia/Hong_Kong",
        "Asia/Macau",
        "Asia/Taipei",
    ];
    match &**zone {
        fixed if fixed.parse::<Tz>().is_ok() => zone.clone(),
        china if CHINA.contains(&china) => "+08:00".into(),
        _ => "+00:00".into(),
    }
}

/// Whether `back`, read out of a column of type `of`, says what `text` says.
fn is_same(text: &str, back: &str, of: &DataType) -> bool {
    use DataType::*;
    match of {
        Float16 | Float32 | Float64 => back.parse().is_ok_and(f64::is_finite),
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => plain(text) == plain(back),
        // A day alone is its midnight.
        Date64 | Timestamp(..) => {
            let rest = back.strip_prefix(text);
            rest.is_some_and(|rest| {
                rest.is_empty()
                    || rest
                        .strip_prefix("T00:00:00")
                        .is_some_and(|rest| text.len() == 10 && !rest.starts_with('.'))
            })
        }
        _ => text == back,
    }
}

/// A decimal number without the zeros that its fraction ends in.
fn plain(number: &str) -> &str {
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    if number == "-0" { "0" } else { number }
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int8Type;
    use arrow_array::{
        Date32Array, Decimal128Array, DictionaryArray, TimestampMicrosecondArray, TimestampSecondArray,
    };
    use proptest::prelude::*;

    use super::*;

    fn texts(array: impl Array + 'static) -> Vec<Option<String>> {
        read(&(Arc::new(array) as ArrayRef)).unwrap().iter().map(|text| text.map(str::to_owned)).collect()
    }

    fn one(array: impl Array + 'static) -> String {
        texts(array).remove(0).unwrap()
    }

    fn fit(text: &str, to: &DataType) -> Option<String> {
        let array = write(&StringArray::from(vec![None, Some(text)]), to).ok()?;
        assert_eq!((array.data_type(), array.is_null(0)), (to, true));
        Some(read(&array).unwrap().value(1).to_owned())
    }

    #[test]
    fn floats_are_plain_decimals() {
        let numbers = vec![5.0, 0.1, 1e-7, 1e21, -0.0, f64::NAN];
        let shown: Vec<_> = texts(Float64Array::from(numbers)).into_iter().map(Option::unwrap).collect();
        assert_eq!(shown, ["5", "0.1", "0.0000001", "1000000000000000000000", "-0", "NaN"]);
        assert_eq!(one(Float32Array::from(vec![0.1f32])), "0.1");
    }

    #[test]
    fn zones_are_shown_by_their_offset() {
        let at = |zone: &str| {
            one(TimestampMicrosecondArray::from(vec![1_704_067_200_500_000]).with_timezone(zone))
        };
        assert_eq!(at("+05:30"), "2024-01-01T05:30:00.500+05:30");
        assert_eq!(at("Asia/Shanghai"), "2024-01-01T08:00:00.500+08:00");
        assert_eq!(at("UTC"), "2024-01-01T00:00:00.500Z");
        assert_eq!(at("Europe/Berlin"), "2024-01-01T00:00:00.500Z");
    }

    #[test]
    fn what_no_calendar_has_is_shown_as_it_is_stored() {
        assert_eq!(
            texts(Date32Array::from(vec![Some(0), Some(i32::MAX), None])),
            [Some("1970-01-01".to_owned()), Some("2147483647".to_owned()), None]
        );
        assert_eq!(one(TimestampSecondArray::from(vec![i64::MAX])), "9223372036854775807");
    }

    #[test]
    fn text_goes_back_exactly_or_not_at_all() {
        use DataType::*;
        let zoned = Timestamp(TimeUnit::Millisecond, Some("Asia/Shanghai".into()));
        for (text, to, back) in [
            ("12", Int32, Some("12")),
            ("12.5", Int32, None),
            ("300", UInt8, None),
            ("-1", UInt8, None),
            ("007", Int64, None),
            ("12.30", Float64, Some("12.3")),
            ("inf", Float64, None),
            ("1e999", Float64, None),
            ("abc", Float32, None),
            ("12.30", Decimal128(6, 2), Some("12.30")),
            ("12.3", Decimal128(6, 2), Some("12.30")),
            ("12.345", Decimal128(6, 2), None),
            ("-0.001", Decimal128(6, 2), None),
            ("123456", Decimal128(6, 2), None),
            ("true", Boolean, Some("true")),
            ("yes", Boolean, None),
            ("2024-02-29", Date32, Some("2024-02-29")),
            ("2023-02-29", Date32, None),
            ("2024-02", Date32, None),
            ("2024-02-29T10:00:00", Date32, None),
            ("2024-02-29", Timestamp(TimeUnit::Second, None), Some("2024-02-29T00:00:00")),
            ("2024-02-29T10:11:12.5", Timestamp(TimeUnit::Second, None), None),
            ("2024-02-29T10:11:12+08:00", zoned.clone(), Some("2024-02-29T10:11:12+08:00")),
            ("2024-02-29T10:11:12Z", zoned, None),
            ("10:11:12", Time32(TimeUnit::Second), Some("10:11:12")),
            ("x", Dictionary(Box::new(Int32), Box::new(LargeUtf8)), Some("x")),
        ] {
            assert_eq!(fit(text, &to).as_deref(), back, "{text} as {}", name(&to));
        }
    }

    #[test]
    fn a_small_dictionary_gets_room_for_new_values() {
        let dictionary: DictionaryArray<Int8Type> = ["a", "b", "a"].into_iter().collect();
        let many: StringArray = (0..1000).map(|n| Some(n.to_string())).collect();
        let to = changed(dictionary.data_type());
        assert_eq!(read(&write(&many, &to).unwrap()).unwrap(), many);
    }

    #[test]
    fn a_type_is_told_by_its_name_where_values_have_a_text() {
        use DataType::*;
        let of_text = Dictionary(Box::new(Int8), Box::new(LargeUtf8));
        for of in [
            Null,
            Boolean,
            UInt16,
            Float16,
            Decimal256(40, -2),
            Date64,
            Time32(TimeUnit::Millisecond),
            Timestamp(TimeUnit::Nanosecond, None),
            Timestamp(TimeUnit::Second, Some("Asia/Shanghai".into())),
            Utf8View,
            of_text,
        ] {
            assert_eq!(of_name(&name(&of)), Some(of));
        }
        assert_eq!(of_name("list(struct(\"a\": text, \"b\": int8))"), Some(Binary));
        assert_eq!(of_name("duration(s)"), Some(Utf8));
        assert!(
            ["", "words", "timestamp", "timestamp(h)", "list(text", "decimal128(7)"]
                .iter()
                .all(|name| of_name(name).is_none())
        );
    }

    #[test]
    fn what_was_read_is_restored_whatever_it_was() {
        let instants = vec![Some(i64::MAX), None, Some(0), Some(-1)];
        for array in [
            Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, -0.0, 5e-324])) as ArrayRef,
            Arc::new(Float32Array::from(vec![f32::NEG_INFINITY, 0.1])),
            Arc::new(Date32Array::from(vec![Some(0), Some(i32::MAX), None])),
            Arc::new(TimestampSecondArray::from(instants.clone())),
            Arc::new(TimestampSecondArray::from(instants).with_timezone("PRC")),
            new_null_array(&DataType::Null, 3),
        ] {
            let texts = read(&array).unwrap();
            let restored = restore(&texts, array.data_type()).unwrap();
            assert_eq!((read(&restored).unwrap(), restored.data_type()), (texts, array.data_type()));
        }
        assert!(restore(&StringArray::from(vec!["5.0"]), &DataType::Float64).is_none());
        assert!(restore(&StringArray::from(vec!["x"]), &DataType::Date32).is_none());
    }

    proptest! {
        #[test]
        fn every_value_reads_back_as_itself(bits in any::<u64>(), integer in any::<i64>(), seconds in -60_000_000_000i64..250_000_000_000) {
            let float = f64::from_bits(bits);
            prop_assume!(float.is_finite());
            for array in [
                Arc::new(Float64Array::from(vec![float])) as ArrayRef,
                Arc::new(Int64Array::from(vec![integer])),
                Arc::new(Decimal128Array::from(vec![i128::from(integer)]).with_precision_and_scale(25, 7).unwrap()),
                Arc::new(TimestampSecondArray::from(vec![seconds])),
                Arc::new(TimestampSecondArray::from(vec![seconds]).with_timezone("PRC")),
            ] {
                let back = write(&read(&array).unwrap(), array.data_type()).unwrap();
                prop_assert_eq!(&back, &array);
            }
        }
    }
}
