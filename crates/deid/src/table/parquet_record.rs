//! A record of Parquet as bytes, for the leaves of receipts.
//!
//! ```text
//! record = cell*          in the order of the columns
//! cell   = u32 length, big-endian, and that many bytes; 0xffffffff alone for a null
//! bytes  = the text of the value (see `parquet_text.rs`), or the bytes of a binary value,
//!          or the cells of a list's elements, a map's entries, a struct's fields
//! header = for each column: cell of its name, cell of its type's name
//! ```
//!
//! Cells delimit themselves, so two records of one schema have the same bytes only if all their values are the same.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, LargeBinaryArray, StringArray};
use arrow_buffer::NullBuffer;
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, Schema};

use super::parquet_text;

/// The canonical bytes of a schema.
pub(super) fn header(schema: &Schema) -> Vec<u8> {
    let mut out = Vec::new();
    for field in schema.fields() {
        cell(&mut out, |out| out.extend_from_slice(field.name().as_bytes()));
        cell(&mut out, |out| out.extend_from_slice(parquet_text::name(field.data_type()).as_bytes()));
    }
    out
}

/// A column whose cells can be told as text or bytes.
#[derive(Clone)]
pub(super) enum Column {
    /// Values with a text.
    Text(StringArray),
    /// Binary values.
    Bytes(LargeBinaryArray),
    /// Lists and maps: where each one's elements end, and the elements.
    List { nulls: Option<NullBuffer>, bounds: Vec<(usize, usize)>, items: Box<Column> },
    /// Structs: their fields.
    Struct { nulls: Option<NullBuffer>, fields: Vec<Column> },
}

/// The cells of a record, none for a null; of a list, its elements'. None where the bytes are no cells.
pub fn cells(record: &[u8]) -> Option<Vec<Option<&[u8]>>> {
    let (mut rest, mut cells) = (record, Vec::new());
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length);
        let (content, after) = match length {
            u32::MAX => (None, after),
            _ => after.split_at_checked(length as usize).map(|(content, after)| (Some(content), after))?,
        };
        cells.push(content);
        rest = after;
    }
    Some(cells)
}

/// The bytes of a record that has these cells.
pub fn record<'a>(cells: impl IntoIterator<Item = Option<&'a [u8]>>) -> Vec<u8> {
    let mut out = Vec::new();
    for content in cells {
        match content {
            Some(content) => cell(&mut out, |out| out.extend_from_slice(content)),
            None => out.extend_from_slice(&u32::MAX.to_be_bytes()),
        }
    }
    out
}

/// The columns that a header names, with their types. None where it is no header.
pub fn columns(header: &[u8]) -> Option<Vec<(&str, &str)>> {
    let cells: Option<Vec<&str>> =
        cells(header)?.into_iter().map(|cell| std::str::from_utf8(cell?).ok()).collect();
    let cells = cells?;
    let (pairs, rest) = cells.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[name, of]| (*name, *of)).collect())
}

impl Column {
    pub(super) fn new(array: &ArrayRef) -> Result<Column, ArrowError> {
        use DataType::*;
        Ok(match array.data_type() {
            Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => {
                Column::Bytes(cast(array, &LargeBinary)?.as_binary::<i64>().clone())
            }
            List(_) => {
                let list = array.as_list::<i32>();
                let bound =
                    |row| (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
                Self::list(array, bound, list.values())?
            }
            LargeList(_) => {
                let list = array.as_list::<i64>();
                let bound =
                    |row| (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
                Self::list(array, bound, list.values())?
            }
            FixedSizeList(_, size) => {
                let (list, size) = (array.as_fixed_size_list(), *size as usize);
                Self::list(array, |row| (row * size, (row + 1) * size), list.values())?
            }
            Map(..) => {
                let map = array.as_map();
                let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
                let bound = |row| (map.value_offsets()[row] as usize, map.value_offsets()[row + 1] as usize);
                Self::list(array, bound, &entries)?
            }
            Struct(_) => {
                let fields = array.as_struct().columns().iter().map(Column::new).collect::<Result<_, _>>()?;
                Column::Struct { nulls: array.nulls().cloned(), fields }
            }
            other if parquet_text::is_readable(other) => Column::Text(parquet_text::read(array)?),
            _ => Column::Text(displayed(array)?),
        })
    }

    fn list(
        array: &ArrayRef,
        bound: impl Fn(usize) -> (usize, usize),
        items: &ArrayRef,
    ) -> Result<Column, ArrowError> {
        Ok(Column::List {
            nulls: array.logical_nulls(),
            bounds: (0..array.len()).map(bound).collect(),
            items: Box::new(Column::new(items)?),
        })
    }

    /// The text of a cell; empty where it is null or has none.
    pub(super) fn text(&self, row: usize) -> &str {
        match self {
            Column::Text(texts) if texts.is_valid(row) => texts.value(row),
            _ => "",
        }
    }

    /// Appends a cell.
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) {
        let valid = match self {
            Column::Text(texts) => texts.is_valid(row),
            Column::Bytes(bytes) => bytes.is_valid(row),
            Column::List { nulls, .. } | Column::Struct { nulls, .. } => {
                nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
            }
        };
        if !valid {
            return out.extend_from_slice(&u32::MAX.to_be_bytes());
        }
        cell(out, |out| match self {
            Column::Text(texts) => out.extend_from_slice(texts.value(row).as_bytes()),
            Column::Bytes(bytes) => out.extend_from_slice(bytes.value(row)),
            Column::List { bounds, items, .. } => {
                let (start, end) = bounds[row];
                (start..end).for_each(|item| items.write(item, out));
            }
            Column::Struct { fields, .. } => fields.iter().for_each(|field| field.write(row, out)),
        });
    }
}

/// Writes what `content` writes behind its length.
fn cell(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out);
    // Longer cells do not pass the limit on records.
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX - 1);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Types that no action reads, such as intervals, in Arrow's own words.
fn displayed(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = FormatOptions::new().with_display_error(false);
    let formatter = ArrayFormatter::try_new(array, &options)?;
    let one = |row| match array.is_null(row) {
        true => Ok(None),
        false => formatter.value(row).try_to_string().map(Some),
    };
    (0..array.len()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{BinaryArray, Int32Array, ListArray, StructArray};
    use arrow_schema::Field;

    use super::*;

    fn bytes(array: impl Array + 'static, row: usize) -> Vec<u8> {
        let mut out = Vec::new();
        Column::new(&(Arc::new(array) as ArrayRef)).unwrap().write(row, &mut out);
        out
    }

    #[test]
    fn null_and_empty_and_missing_are_three_things() {
        let texts = StringArray::from(vec![None, Some(""), Some("ab")]);
        assert_eq!(bytes(texts.clone(), 0), [255, 255, 255, 255]);
        assert_eq!(bytes(texts.clone(), 1), [0, 0, 0, 0]);
        assert_eq!(bytes(texts, 2), [0, 0, 0, 2, b'a', b'b']);
        assert_eq!(bytes(BinaryArray::from_vec(vec![&[0xff]]), 0), [0, 0, 0, 1, 0xff]);
    }

    #[test]
    fn nested_values_are_bound_to_their_last_element() {
        let list =
            |rows: Vec<Option<Vec<Option<i32>>>>| ListArray::from_iter_primitive::<Int32Type, _, _>(rows);
        let rows = list(vec![Some(vec![Some(1), None]), Some(vec![]), None, Some(vec![Some(12)])]);
        let all: Vec<Vec<u8>> = (0..4).map(|row| bytes(rows.clone(), row)).collect();
        assert_eq!(all[0], [0, 0, 0, 9, 0, 0, 0, 1, b'1', 255, 255, 255, 255]);
        assert_eq!(all[1], [0, 0, 0, 0]);
        assert_eq!(all[2], [255, 255, 255, 255]);
        assert_eq!(bytes(rows.slice(3, 1), 0), all[3]);

        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7]));
        let fields = StructArray::from(vec![(Arc::new(Field::new("n", DataType::Int32, true)), numbers)]);
        assert_eq!(bytes(fields, 0), [0, 0, 0, 5, 0, 0, 0, 1, b'7']);
    }

    #[test]
    fn cells_come_back_from_a_record_and_nothing_else_is_taken_for_one() {
        let all = [None, Some(&b""[..]), Some(b"ab")];
        let bytes = record(all);
        assert_eq!(cells(&bytes).unwrap(), all);
        assert!(
            (1..bytes.len()).filter(|end| ![4, 8].contains(end)).all(|end| cells(&bytes[..end]).is_none())
        );
        let schema = Schema::new(vec![
            Field::new("id", DataType::Utf8, true),
            Field::new("at", DataType::Date32, false),
        ]);
        assert_eq!(columns(&header(&schema)).unwrap(), [("id", "text"), ("at", "date32")]);
        assert!(columns(&record([Some(&b"id"[..])])).is_none() && columns(&record([None, None])).is_none());
    }
}
