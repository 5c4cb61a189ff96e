//! Parquet in, Parquet out: what leaves, what it is bound to, and what is said when something is wrong.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::File;
use std::io::{Seek, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use medveil_deid::detect::Options;
use medveil_deid::kind::Kind;
use medveil_deid::plan::Plan;
use medveil_deid::study::{MasterKey, Study, Suite};
use medveil_deid::table::{
    FileKeys, Hints, Job, Protection, TableError, TableOutcome, Trouble, deidentify_csv, deidentify_parquet,
    hash_parquet, scan_parquet,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

type Columns = Vec<(&'static str, ArrayRef)>;

fn batch(columns: Columns) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn properties() -> WriterProperties {
    WriterProperties::builder().set_compression(Compression::SNAPPY).build()
}

fn written(records: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, records.schema(), Some(properties)).unwrap();
    writer.write(records).unwrap();
    writer.close().unwrap();
    bytes
}

fn parquet(columns: Columns) -> Vec<u8> {
    written(&batch(columns), properties())
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn read(bytes: &[u8]) -> RecordBatch {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file(bytes)).unwrap().with_batch_size(1 << 20).build();
    let mut batches = reader.unwrap().map(Result::unwrap);
    let first = batches.next().unwrap();
    assert!(batches.next().is_none());
    first
}

fn text(records: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let texts = cast(records.column_by_name(column).unwrap(), &DataType::Utf8).unwrap();
    let texts = texts.as_any().downcast_ref::<StringArray>().unwrap();
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

fn plan(head: &str, rules: &str) -> Plan {
    let head = format!("[plan]\nname = \"t\"\nversion = 1\nrelease-model = \"controlled\"\n{head}\n");
    Plan::from_toml(&format!("{head}{rules}")).unwrap()
}

fn rule(column: &str, action: &str) -> String {
    format!("[[rule]]\nmatch = {{ column = \"{column}\" }}\naction = {action}\n")
}

fn study() -> Study {
    Study::new(&MasterKey::from_bytes([3; 32]), "s", Suite::International, None)
}

fn keys(study: &Study) -> FileKeys {
    FileKeys {
        input_leaves: study.prf(&["in"]),
        output_leaves: study.prf(&["out"]),
        noise: study.noise("file"),
        kinds: None,
    }
}

fn with_job<T>(threads: usize, memory: usize, run: impl FnOnce(&Job<'_>) -> T) -> T {
    run(&Job {
        threads: NonZeroUsize::new(threads).unwrap(),
        memory,
        max_record: 1 << 20,
        hints: Hints::default(),
        cancelled: &AtomicBool::new(false),
        progress: &|_| {},
    })
}

fn deid_in(
    bytes: &[u8],
    plan: &Plan,
    threads: usize,
    memory: usize,
) -> Result<(Vec<u8>, TableOutcome), TableError> {
    let (study, mut out) = (study(), Vec::new());
    let outcome = with_job(threads, memory, |job| {
        deidentify_parquet(file(bytes), &mut out, plan, &study, &keys(&study), Protection::default(), job)
    })?;
    Ok((out, outcome))
}

fn deid(bytes: &[u8], plan: &Plan) -> Result<(Vec<u8>, TableOutcome), TableError> {
    deid_in(bytes, plan, 2, 64 << 20)
}

fn error(bytes: &[u8], plan: &Plan) -> TableError {
    deid(bytes, plan).map(|_| ()).unwrap_err()
}

/// A column of each type that is read, the last of three values null.
fn every_type() -> Columns {
    let integers = Arc::new(Int64Array::from(vec![Some(1), Some(100), None])) as ArrayRef;
    let days = Arc::new(Int32Array::from(vec![Some(0), Some(19_782), None])) as ArrayRef;
    let texts = Arc::new(StringArray::from(vec![Some(""), Some("糖尿病"), None])) as ArrayRef;
    let to = |array: &ArrayRef, to: DataType| cast(array, &to).unwrap();
    let zoned = |unit, zone: &str| DataType::Timestamp(unit, Some(zone.into()));
    let dictionary = |key, values| DataType::Dictionary(Box::new(key), Box::new(values));
    vec![
        ("boolean", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("int8", to(&integers, DataType::Int8)),
        ("int16", to(&integers, DataType::Int16)),
        ("int32", to(&integers, DataType::Int32)),
        ("int64", integers.clone()),
        ("uint8", to(&integers, DataType::UInt8)),
        ("uint16", to(&integers, DataType::UInt16)),
        ("uint32", to(&integers, DataType::UInt32)),
        ("uint64", to(&integers, DataType::UInt64)),
        ("float16", to(&integers, DataType::Float16)),
        ("float32", Arc::new(Float32Array::from(vec![Some(0.1), Some(f32::NAN), None]))),
        ("float64", Arc::new(Float64Array::from(vec![Some(-0.0), Some(f64::INFINITY), None]))),
        ("decimal32", to(&integers, DataType::Decimal32(8, 2))),
        ("decimal64", to(&integers, DataType::Decimal64(15, 3))),
        ("decimal128", to(&integers, DataType::Decimal128(30, 5))),
        ("decimal256", to(&integers, DataType::Decimal256(60, 10))),
        ("date32", to(&days, DataType::Date32)),
        ("date64", to(&to(&days, DataType::Date32), DataType::Date64)),
        ("time32s", to(&days, DataType::Time32(TimeUnit::Second))),
        ("time32ms", to(&days, DataType::Time32(TimeUnit::Millisecond))),
        ("time64us", to(&integers, DataType::Time64(TimeUnit::Microsecond))),
        ("time64ns", to(&integers, DataType::Time64(TimeUnit::Nanosecond))),
        ("seconds", to(&integers, DataType::Timestamp(TimeUnit::Second, None))),
        ("millis", to(&integers, DataType::Timestamp(TimeUnit::Millisecond, None))),
        ("micros", to(&integers, zoned(TimeUnit::Microsecond, "Asia/Shanghai"))),
        ("nanos", to(&integers, zoned(TimeUnit::Nanosecond, "-03:30"))),
        ("utf8", texts.clone()),
        ("large_utf8", to(&texts, DataType::LargeUtf8)),
        ("utf8_view", to(&texts, DataType::Utf8View)),
        ("dictionary8", to(&texts, dictionary(DataType::Int8, DataType::Utf8))),
        ("dictionary32", to(&texts, dictionary(DataType::Int32, DataType::LargeUtf8))),
        ("null", new_null_array(&DataType::Null, 3)),
    ]
}

#[test]
fn what_is_kept_leaves_as_it_came_in_every_type() {
    let input = parquet(every_type());
    let (output, outcome) = deid(&input, &plan("unmatched = \"keep\"", "")).unwrap();
    let (before, after) = (read(&input), read(&output));
    for (i, field) in before.schema().fields().iter().enumerate() {
        assert_eq!(after.schema().field(i).data_type(), field.data_type());
        assert_eq!(format!("{:?}", after.column(i)), format!("{:?}", before.column(i)), "{}", field.name());
    }
    assert_eq!(outcome.format, "parquet (snappy)");
    assert_eq!((outcome.input.records, outcome.output.records), (3, 3));
    assert_eq!((outcome.input.bytes, outcome.output.bytes), (input.len() as u64, output.len() as u64));
}

#[test]
fn redaction_leaves_nulls_and_pseudonyms_leave_text_in_every_type() {
    let input = parquet(every_type());
    let redacted = read(&deid(&input, &plan("", &rule("*", "\"redact\""))).unwrap().0);
    let (named, outcome) = deid(&input, &plan("", &rule("*", "\"pseudonymize\""))).unwrap();
    let named = read(&named);
    let before = read(&input);
    for (i, field) in before.schema().fields().iter().enumerate() {
        let (empty_text, name) =
            (field.name().starts_with("utf8") || field.name().contains("_utf8"), field.name());
        let empty_text = empty_text || name.starts_with("dictionary");
        assert_eq!(redacted.column(i).logical_null_count(), if empty_text { 2 } else { 3 }, "{name}");
        let dictionary = name == "dictionary8";
        let to = redacted.schema().field(i).data_type().clone();
        assert!(to == *field.data_type() || dictionary, "{name}: {to}");
        assert_eq!(named.column(i).data_type(), &DataType::Utf8, "{name}");
        let same_nulls = before.column(i).logical_null_count();
        assert_eq!(named.column(i).null_count(), same_nulls, "{name}");
        let counts = outcome.columns[i].1;
        assert_eq!((counts.changed + counts.empty, counts.changed > 0), (3, name != "null"), "{name}");
    }
}

fn visits(rows: usize) -> Columns {
    let of = |f: &dyn Fn(usize) -> String| (0..rows).map(|r| Some(f(r))).collect::<StringArray>();
    let days = |r: usize| 10_000 + (r % 9000) as i32;
    let dates: Date32Array = (0..rows).map(|r| (r % 5 != 0).then(|| days(r))).collect();
    let times: TimestampMillisecondArray =
        (0..rows).map(|r| Some(i64::from(days(r)) * 86_400_000 + r as i64)).collect();
    let glucose: Float64Array =
        (0..rows).map(|r| (r % 7 != 0).then_some(4.0 + (r % 100) as f64 / 10.0)).collect();
    let sex: DictionaryArray<Int8Type> = (0..rows).map(|r| if r % 2 == 0 { "男" } else { "女" }).collect();
    vec![
        ("patient_id", Arc::new(of(&|r| format!("P{:06}", r / 3)))),
        ("name", Arc::new(of(&|r| format!("张{r}")))),
        ("visit_date", Arc::new(dates)),
        ("seen_at", Arc::new(times)),
        ("glucose", Arc::new(glucose)),
        ("sex", Arc::new(sex)),
        ("note", Arc::new(of(&|r| format!("a note, \"quoted\" {}", "x".repeat(r % 50))))),
    ]
}

fn visits_plan() -> Plan {
    let rules = [
        rule("patient_id", "\"pseudonymize\""),
        rule("name", "\"redact\""),
        rule("*_date", "\"shift-date\""),
        rule("seen_at", "\"shift-date\""),
        rule("glucose", "\"keep\""),
        rule("sex", "\"keep\""),
    ];
    plan("subject = \"patient_id\"", &rules.concat())
}

#[test]
fn dates_keep_their_types_and_move_together() {
    let input = parquet(visits(100));
    let (output, outcome) = deid(&input, &visits_plan()).unwrap();
    let (before, after) = (read(&input), read(&output));
    let names: Vec<String> = after.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["patient_id", "name", "visit_date", "seen_at", "glucose", "sex"]);
    for column in ["visit_date", "seen_at"] {
        assert_eq!(
            after.schema().field_with_name(column).unwrap().data_type(),
            before.schema().field_with_name(column).unwrap().data_type()
        );
    }
    let days = |records: &RecordBatch| -> Vec<Option<i32>> {
        let column = records.column_by_name("visit_date").unwrap();
        column.as_any().downcast_ref::<Date32Array>().unwrap().iter().collect()
    };
    let millis = |records: &RecordBatch, row: usize| {
        let column = records.column_by_name("seen_at").unwrap();
        column.as_any().downcast_ref::<TimestampMillisecondArray>().unwrap().value(row)
    };
    for (row, (old, new)) in days(&before).into_iter().zip(days(&after)).enumerate() {
        let shift = millis(&after, row) - millis(&before, row);
        assert!(shift != 0 && shift % 86_400_000 == 0);
        assert_eq!(new.map(|new| i64::from(new - old.unwrap())), old.map(|_| shift / 86_400_000));
    }
    let (_, visit) = &outcome.columns[2];
    assert_eq!((visit.changed, visit.empty), (80, 20));
}

#[test]
fn the_output_does_not_depend_on_threads_or_memory() {
    let input = parquet(visits(9_500));
    let first = deid_in(&input, &visits_plan(), 1, 1).unwrap();
    for (threads, memory) in [(1, 1 << 30), (2, 8 << 20), (7, 1 << 30)] {
        let (output, outcome) = deid_in(&input, &visits_plan(), threads, memory).unwrap();
        assert!(output == first.0, "{threads} threads, {memory} bytes");
        assert_eq!((outcome.input, outcome.output), (first.1.input.clone(), first.1.output.clone()));
    }
}

#[test]
fn a_parquet_table_and_its_csv_twin_become_the_same_table() {
    let columns = visits(3000);
    let mut csv: String = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",") + "\n";
    let cells = |array: &ArrayRef| cast(array, &DataType::Utf8).unwrap();
    let all: Vec<ArrayRef> = columns.iter().map(|(_, array)| cells(array)).collect();
    for row in 0..3000 {
        let cell = |array: &ArrayRef| match array.is_null(row) {
            true => String::new(),
            false => {
                let text = array.as_any().downcast_ref::<StringArray>().unwrap().value(row);
                // Whole numbers are told without a fraction.
                format!("\"{}\"", text.strip_suffix(".0").unwrap_or(text).replace('"', "\"\""))
            }
        };
        csv += &(all.iter().map(cell).collect::<Vec<_>>().join(",") + "\n");
    }
    let (study, mut out) = (study(), Vec::new());
    let from_csv = with_job(2, 1 << 26, |job| {
        deidentify_csv(
            csv.as_bytes(),
            None,
            &mut out,
            &visits_plan(),
            &study,
            &keys(&study),
            Protection::default(),
            job,
        )
    })
    .unwrap();
    let (output, from_parquet) = deid(&parquet(columns), &visits_plan()).unwrap();

    let after = read(&output);
    let mut again = String::from("patient_id,name,visit_date,seen_at,glucose,sex\n");
    let columns: Vec<_> = after.schema().fields().iter().map(|field| text(&after, field.name())).collect();
    for row in 0..3000 {
        for (i, column) in columns.iter().enumerate() {
            let cell = column[row].as_deref().unwrap_or_default();
            again += if i > 0 { "," } else { "" };
            again += cell.strip_suffix(".0").unwrap_or(cell);
        }
        again.push('\n');
    }
    assert_eq!(String::from_utf8(out).unwrap().replace('"', ""), again);
    for ((a, x), (b, y)) in from_csv.columns.iter().zip(&from_parquet.columns) {
        assert_eq!((a.finding.kind, a.action(), x), (b.finding.kind, b.action(), y), "{}", a.finding.name);
    }
}

#[test]
fn both_roots_are_those_of_the_files_as_anybody_reads_them() {
    let (study, input) = (study(), parquet(visits(10_000)));
    let (output, outcome) = deid(&input, &visits_plan()).unwrap();
    let keys = keys(&study);
    let hash =
        |bytes: &[u8], key| with_job(2, 1 << 26, |job| hash_parquet(file(bytes), key, study.suite(), job));
    assert_eq!(hash(&input, &keys.input_leaves).unwrap(), outcome.input);
    assert_eq!(hash(&output, &keys.output_leaves).unwrap(), outcome.output);
    // Written again in other pages, row groups and compression: other bytes, same values, same root.
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_max_row_group_row_count(Some(777))
        .build();
    let other = hash(&written(&read(&output), properties), &keys.output_leaves).unwrap();
    assert_eq!(other.root, outcome.output.root);
    assert_ne!(other.bytes, outcome.output.bytes);
}

#[test]
fn any_edited_cell_changes_the_root_of_the_input_dropped_columns_included() {
    let mut columns = every_type();
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), Some("b")]);
    lists.append_value([Some("ab")]);
    lists.append_null();
    columns.push(("list", Arc::new(lists.finish())));
    columns.push(("binary", Arc::new(BinaryArray::from(vec![Some(&b"\xff"[..]), Some(b""), None]))));
    let plan = plan("", &rule("int32", "\"keep\""));
    let root = |columns: &Columns| deid(&parquet(columns.clone()), &plan).unwrap().1.input.root;
    let before = root(&columns);
    assert_eq!(before, root(&columns));
    for i in 0..columns.len() {
        let (name, old) = columns[i].clone();
        if name == "null" {
            continue;
        }
        let swapped = arrow_select::take::take(&old, &Int32Array::from(vec![1, 0, 2]), None).unwrap();
        let nulled =
            arrow_select::take::take(&old, &Int32Array::from(vec![Some(0), None, Some(2)]), None).unwrap();
        for edited in [swapped, nulled] {
            columns[i].1 = edited;
            assert_ne!(root(&columns), before, "{name}");
        }
        columns[i].1 = old;
    }
    columns[3].0 = "int32 ";
    assert_ne!(root(&columns), before, "renamed");
}

#[test]
fn metadata_of_the_input_does_not_leak() {
    let field = Field::new("glucose", DataType::Int32, true);
    let field = field.with_metadata([("hint".to_owned(), "SECRET".to_owned())].into());
    let schema = Schema::new_with_metadata(vec![field], [("pandas".to_owned(), "SECRET".to_owned())].into());
    let records =
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int32Array::from(vec![5, 6]))]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_key_value_metadata(Some(vec![KeyValue::new("pandas".to_owned(), "SECRET".to_owned())]))
        .build();
    let (output, outcome) = deid(&written(&records, properties), &plan("unmatched = \"keep\"", "")).unwrap();
    assert_eq!(outcome.format, "parquet (zstd)");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file(&output)).unwrap();
    let keys = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert_eq!(keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>(), ["ARROW:schema"]);
    assert!(reader.schema().metadata().is_empty() && reader.schema().field(0).metadata().is_empty());
}

#[test]
fn a_value_that_its_type_cannot_hold_is_named_by_record_and_column() {
    let cases = r#"{ recode = { cases = [{ when = "$this > 90", value = "'90+'" }], otherwise = "keep" } }"#;
    let ages = || -> Columns { vec![("age", Arc::new(Int32Array::from(vec![50, 95])))] };
    // `recode` writes text, so this fits.
    let output = deid(&parquet(ages()), &plan("", &rule("age", cases))).unwrap().0;
    assert_eq!(text(&read(&output), "age"), [Some("50".to_owned()), Some("90+".to_owned())]);

    let dates: Columns = vec![
        ("patient_id", Arc::new(StringArray::from(vec!["P1"; 5000]))),
        (
            "on",
            Arc::new(
                (0..5000).map(|r| Some(if r == 4711 { i32::MAX } else { 10_000 })).collect::<Date32Array>(),
            ),
        ),
    ];
    let rules = [rule("patient_id", "\"keep\""), rule("on", "\"shift-date\"")].concat();
    let input = parquet(dates);
    let error = error(&input, &plan("subject = \"patient_id\"", &rules));
    assert!(error.to_string().starts_with("row 4712, column 2 `on`: not a date"), "{error}");
    assert!(!error.to_string().contains("2147483647"));
    let redacted = deid(&input, &plan("subject = \"patient_id\"\ninvalid = \"redact\"", &rules)).unwrap();
    assert_eq!((redacted.1.columns[1].1.invalid, redacted.1.columns[1].1.changed), (1, 4999));

    // Nanoseconds reach from 1677 to 2262 only.
    let end = i64::MAX / 86_400_000_000_000 * 86_400_000_000_000;
    let edge: Columns = vec![
        ("patient_id", Arc::new((0..64).map(|p| Some(format!("P{p}"))).collect::<StringArray>())),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![end; 64]))),
    ];
    let rules = [rule("patient_id", "\"keep\""), rule("at", "\"shift-date\"")].concat();
    let error = self::error(&parquet(edge), &plan("subject = \"patient_id\"", &rules));
    assert!(matches!(&error.trouble, Trouble::Fit(of) if of == "timestamp(ns)"), "{error}");
    assert!(error.place.row.is_some() && error.place.column == Some((2, "at".into())), "{error}");
}

#[test]
fn numbers_keep_their_types_or_do_not_fit() {
    let numbers = |to: DataType| -> Vec<u8> {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("12"), None, Some("99")]));
        parquet(vec![("n", cast(&texts, &to).unwrap())])
    };
    let round = |to: &str| plan("", &rule("n", &format!("{{ round = {{ to = {to} }} }}")));
    for to in [DataType::Int8, DataType::Float32, DataType::Decimal128(5, 2), DataType::Utf8View] {
        let after = read(&deid(&numbers(to.clone()), &round("10")).unwrap().0);
        assert_eq!(after.column(0).data_type(), &to);
        let whole = cast(after.column(0), &DataType::Float64).unwrap();
        let rounded: ArrayRef = Arc::new(Float64Array::from(vec![Some(10.0), None, Some(100.0)]));
        assert_eq!(&whole, &rounded, "{to}");
    }
    let error = error(&numbers(DataType::Int8), &round("190"));
    assert_eq!(
        error.to_string(),
        "row 3, column 1 `n`: the transformed value does not fit the column's type int8"
    );
}

#[test]
fn nothing_of_a_dropped_record_is_in_the_output() {
    let code: DictionaryArray<Int32Type> = ["HIV", "E11", "E11", "I10"].into_iter().collect();
    let view = cast(
        &StringArray::from(vec!["a", "b", "a very long note on SECRET things", "d"]),
        &DataType::Utf8View,
    );
    let columns: Columns = vec![
        ("code", Arc::new(code)),
        ("age", Arc::new(Int32Array::from(vec![9_999_999, 30, 31, 32]))),
        ("note", view.unwrap()),
    ];
    let rules = [
        rule("code", r#"{ drop-row = { values = ["HIV"] } }"#),
        rule("age", r#"{ drop-row = { values = ["31"] } }"#),
        rule("note", "\"keep\""),
    ];
    let plain = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
    let (output, outcome) = deid(&written(&batch(columns), plain), &plan("", &rules.concat())).unwrap();
    assert_eq!((outcome.dropped, outcome.output.records), (2, 2));
    let after = read(&output);
    assert_eq!(text(&after, "code"), [Some("E11".to_owned()), Some("I10".to_owned())]);
    assert_eq!(text(&after, "note"), [Some("b".to_owned()), Some("d".to_owned())]);
    let holds = |needle: &[u8]| output.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"E11") && !holds(b"HIV") && !holds(b"SECRET") && !holds(&9_999_999i32.to_le_bytes()));
}

#[test]
fn nested_and_binary_columns_are_refused_unless_dropped() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]);
    let binary = BinaryArray::from_vec(vec![b"a", b"b"]);
    for (array, of) in [(Arc::new(list) as ArrayRef, "list(int32)"), (Arc::new(binary), "binary")] {
        let input = parquet(vec![("n", Arc::new(Int32Array::from(vec![1, 2]))), ("odd", array)]);
        let error = error(&input, &plan("unmatched = \"keep\"", ""));
        assert!(matches!(&error.trouble, Trouble::Type(name) if name == of), "{error}");
        assert_eq!(error.place.column, Some((2, "odd".into())));
        let (output, _) = deid(&input, &plan("", &rule("n", "\"keep\""))).unwrap();
        assert_eq!(read(&output).num_columns(), 1);
    }
}

#[test]
fn columns_need_names_of_their_own() {
    let schema =
        |names: [&str; 2]| Schema::new(names.map(|name| Field::new(name, DataType::Int32, true)).to_vec());
    for (names, of) in [
        (["a", "a"], "column 2: the column has the name of column 1"),
        (["a", ""], "column 2: the column has no name"),
    ] {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let records = RecordBatch::try_new(Arc::new(schema(names)), vec![numbers.clone(), numbers]).unwrap();
        let error = error(&written(&records, properties()), &plan("unmatched = \"keep\"", ""));
        assert_eq!(error.to_string(), of);
    }
}

#[test]
fn a_table_without_records_keeps_its_columns() {
    let input = written(&batch(visits(0)), properties());
    let (output, outcome) = deid(&input, &visits_plan()).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file(&output)).unwrap();
    assert_eq!((reader.schema().fields().len(), outcome.output.records), (6, 0));
    assert!(matches!(error(b"", &visits_plan()).trouble, Trouble::Empty));
}

#[test]
fn a_record_beyond_the_limit_is_named() {
    let notes: StringArray =
        (0..300).map(|r| Some("x".repeat(if r == 280 { (1 << 20) + 1 } else { 10 }))).collect();
    let error = error(&parquet(vec![("note", Arc::new(notes))]), &plan("unmatched = \"keep\"", ""));
    assert!(matches!(error.trouble, Trouble::TooLong { limit: 1_048_576 }), "{error}");
    assert_eq!(error.place.row, Some(281));
}

#[test]
fn long_records_after_short_ones_are_cut_into_smaller_batches() {
    let notes: StringArray =
        (0..9000).map(|r| Some(format!("{r}").repeat(if r >= 6000 { 3000 } else { 1 }))).collect();
    let input = parquet(vec![("note", Arc::new(notes))]);
    let (output, outcome) = deid(&input, &plan("unmatched = \"keep\"", "")).unwrap();
    assert_eq!(read(&output), read(&input));
    assert_eq!(outcome.output.records, 9000);
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let input = parquet(visits(500));
    for end in (1..input.len()).step_by(97).chain(input.len() - 12..input.len()) {
        let error = error(&input[..end], &visits_plan());
        assert!(matches!(error.trouble, Trouble::Parquet(_)), "{end}: {error}");
    }
}

#[test]
fn a_damaged_file_is_refused_or_read_but_never_ends_the_program() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for codec in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())] {
        let properties = WriterProperties::builder().set_compression(codec).build();
        let mut columns = visits(200);
        columns.push((
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
                (0..200).map(|r| Some(vec![Some(r); 3])),
            )),
        ));
        let input = written(&batch(columns), properties);
        let mut refused = 0;
        for round in 0..60 {
            let mut damaged = input.clone();
            // The footer steers everything, so half of the damage goes there.
            let from = if round % 2 == 0 { 0 } else { damaged.len() - 2000 };
            for _ in 0..=random(3) {
                let at = from + random(damaged.len() - from);
                damaged[at] ^= 1 << random(8);
            }
            if let Err(error) = deid(&damaged, &visits_plan()) {
                refused += 1;
                assert!(!error.to_string().contains("张"), "{error}");
            }
        }
        assert!(refused > 10, "{refused}");
    }
}

#[test]
fn a_scan_finds_the_same_kinds_by_the_values() {
    let (format, findings) =
        with_job(2, 1 << 26, |job| scan_parquet(file(&parquet(visits(9000))), Options::default(), job))
            .unwrap();
    assert_eq!(format, "parquet (snappy)");
    assert_eq!(findings[5].kind, Some(Kind::Sex));
    assert_eq!(findings[2].statistics.rows, 9000);
}
