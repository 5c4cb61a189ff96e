//! Records of Parquet by themselves: some of a file as a file, and a file of records of which nothing but the bytes under their leaves is left.
//!
//! A part has the types of the whole, and its records in their order. A file that is made of records again has every type that a plan can release; a column of any other type (nested, binary, of time spans)
//! holds there what leaves have of it. So records have the leaves that they had, and a plan makes the same of them: rows that are opened to an auditor can be run again.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};
use arrow_select::filter::filter_record_batch;
use parquet::basic::Compression;

use super::error::{TableError, Trouble};
use super::parquet_file::{Batch, Sink, Source, schema};
use super::parquet_record::{Column, cells, columns, header};
use super::parquet_run::BatchText;
use super::parquet_text;

/// A Parquet file, by its records.
pub struct ParquetRecords {
    source: Source,
    max_record: usize,
}

impl ParquetRecords {
    /// Reads the footer of a file whose records are at most `max_record` bytes long.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(file: File, max_record: usize) -> Result<Self, TableError> {
        let source = Source::open(file)?;
        source.names()?;
        Ok(ParquetRecords { source, max_record })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.source.rows
    }

    /// The bytes of the first leaf: names and types of the columns.
    pub fn header(&self) -> Vec<u8> {
        header(self.source.schema())
    }

    /// Gives each record, as its leaf is made of it, with its number from 0.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn each(&self, mut each: impl FnMut(u64, &[u8])) -> Result<(), TableError> {
        let mut batches = self.source.batches(self.source.cut(0).batch_rows)?;
        while let Some(batch) = batches.next_batch()? {
            BatchText::new(&batch, self.max_record)?.records(
                batch.first,
                self.max_record,
                |row, record| {
                    each(batch.first + row as u64, record);
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    /// The texts of a column; empty where there is no value.
    ///
    /// # Errors
    /// There is no such column, or its values have no text; the first fault of the file, with its place.
    pub fn texts(&self, column: &str) -> Result<Vec<String>, TableError> {
        let at = self.source.names()?.iter().position(|name| name == column).ok_or_else(|| {
            TableError::new(Trouble::NoColumn { name: column.to_owned(), help: String::new() })
        })?;
        let of = self.source.schema().field(at).data_type();
        if !parquet_text::is_readable(of) {
            return Err(TableError::at_column(at + 1, column, Trouble::Type(parquet_text::name(of))));
        }
        let mut texts = Vec::new();
        let mut batches = self.source.batches_of(&[at], self.source.cut(0).batch_rows)?;
        while let Some(batch) = batches.next_batch()? {
            let text = Column::new(batch.records.column(0)).map_err(|_| too_long(&batch, self.max_record))?;
            texts.extend((0..batch.records.num_rows()).map(|row| text.text(row).to_owned()));
        }
        Ok(texts)
    }

    /// Writes these records alone, which are numbered from 0 and ascend. What is in memory is a batch, and the row group that is written.
    ///
    /// # Errors
    /// The first fault, with its place; also a value that could not be restored of its text, so that no auditor could run the plan on it again.
    pub fn write_part(&self, chosen: &[u64], output: &mut (dyn Write + Send)) -> Result<(), TableError> {
        let cut = self.source.cut(0);
        let fields: Vec<Field> =
            self.source.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        let whole = schema(fields.into_iter());
        let restored = restored_fields(&self.header()).unwrap_or_default();
        let mut sink = Sink::new(output, whole.clone(), self.source.compression, cut.group_rows)?;
        let mut batches = self.source.batches(cut.batch_rows)?;
        let mut rest = chosen;
        while let Some(batch) = batches.next_batch()? {
            let end = batch.first + batch.records.num_rows() as u64;
            let (here, after) = rest.split_at(rest.partition_point(|record| *record < end));
            rest = after;
            if here.is_empty() {
                continue;
            }
            let mut keep = vec![false; batch.records.num_rows()];
            here.iter().for_each(|record| keep[(record - batch.first) as usize] = true);
            let part =
                filter_record_batch(&batch.records, &BooleanArray::from(keep)).expect("one entry a row");
            let records = RecordBatch::try_new(whole.clone(), part.columns().to_vec())
                .map_err(|_| declared(batch.first + 1))?;
            self.check_restorable(&restored, &records, here)?;
            sink.write(&records)?;
        }
        sink.finish().map(drop)
    }

    /// Refuses a value that cannot be restored from what its leaf is made of.
    fn check_restorable(
        &self,
        fields: &[Field],
        records: &RecordBatch,
        numbers: &[u64],
    ) -> Result<(), TableError> {
        let batch = Batch { records: records.clone(), first: numbers[0], bytes: 0 };
        let mut bytes: Vec<Vec<u8>> = Vec::with_capacity(numbers.len());
        BatchText::new(&batch, self.max_record)?.records(batch.first, self.max_record, |_, record| {
            bytes.push(record.to_vec());
            Ok(())
        })?;
        let bytes: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        if restore(fields, &bytes).is_ok() {
            return Ok(());
        }
        for (number, record) in numbers.iter().zip(&bytes) {
            if let Err(column) = restore(fields, &[*record]) {
                let name = fields.get(column).map_or("", |field| field.name());
                return Err(TableError::at_cell(number + 1, column + 1, name, unrestorable()));
            }
        }
        Err(TableError::at_row(batch.first + 1, unrestorable()))
    }
}

/// Writes a file of records of which there are the bytes that leaves are made of, under the header that they had.
///
/// # Errors
/// The bytes are none of that header's records, or writing fails.
pub fn write_records(
    header: &[u8],
    records: &[&[u8]],
    output: &mut (dyn Write + Send),
) -> Result<(), TableError> {
    let fields = restored_fields(header).ok_or_else(|| TableError::new(unrestorable()))?;
    let batch = restore(&fields, records).map_err(|column| {
        TableError::at_column(column + 1, fields.get(column).map_or("", |field| field.name()), unrestorable())
    })?;
    let mut sink = Sink::new(output, batch.schema(), Compression::UNCOMPRESSED, records.len().max(1))?;
    sink.write(&batch)?;
    sink.finish().map(drop)
}

/// The columns of a header, with the types that they are restored in.
fn restored_fields(header: &[u8]) -> Option<Vec<Field>> {
    let field = |(name, of): (&str, &str)| Some(Field::new(name, parquet_text::of_name(of)?, true));
    columns(header)?.into_iter().map(field).collect()
}

/// Records as they were, or the first column that is not restored of them.
fn restore(fields: &[Field], records: &[&[u8]]) -> Result<RecordBatch, usize> {
    let all: Option<Vec<Vec<Option<&[u8]>>>> = records.iter().map(|record| cells(record)).collect();
    let all = all.filter(|all| all.iter().all(|cells| cells.len() == fields.len())).ok_or(0usize)?;
    let column = |(c, field): (usize, &Field)| -> Result<ArrayRef, usize> {
        let values = all.iter().map(|cells| cells[c]);
        if *field.data_type() == DataType::Binary {
            return Ok(Arc::new(values.collect::<BinaryArray>()));
        }
        let texts: Result<StringArray, _> =
            values.map(|value| value.map(std::str::from_utf8).transpose()).collect();
        parquet_text::restore(&texts.map_err(|_| c)?, field.data_type()).ok_or(c)
    };
    let columns = fields.iter().enumerate().map(column).collect::<Result<Vec<_>, _>>()?;
    let records = RecordBatch::try_new(schema(fields.iter().cloned()), columns).map_err(|_| 0usize)?;
    Ok(records)
}

fn too_long(batch: &Batch, limit: usize) -> TableError {
    TableError::at_row(batch.first + 1, Trouble::TooLong { limit })
}

fn declared(row: u64) -> TableError {
    TableError::at_row(row, Trouble::Parquet("a column is not as declared".into()))
}

fn unrestorable() -> Trouble {
    Trouble::Parquet(
        "a value is not restored from its text, so that nobody could check what is made of it".into(),
    )
}

#[cfg(test)]
mod tests {
    use arrow_array::types::{Int8Type, Int64Type};
    use arrow_array::{
        Array, DictionaryArray, Float64Array, Int32Array, ListArray, TimestampMicrosecondArray,
    };
    use proptest::prelude::*;

    use super::*;

    /// A table with a column of each sort: text, numbers, an enumeration, instants (of years of five digits too), and two that no plan releases.
    fn table(rows: &[(Option<String>, Option<i32>, f64, bool)]) -> RecordBatch {
        let ids: StringArray = rows.iter().map(|(id, ..)| id.as_deref()).collect();
        let ages: Int32Array = rows.iter().map(|(_, age, ..)| *age).collect();
        let doses: Float64Array = rows.iter().map(|(_, _, dose, _)| Some(*dose)).collect();
        let sexes: DictionaryArray<Int8Type> =
            rows.iter().map(|(.., male)| if *male { "男" } else { "女" }).collect();
        let seen = rows.iter().map(|(_, age, ..)| age.map(|age| i64::from(age) << 31));
        let seen: TimestampMicrosecondArray = seen.collect();
        let codes = rows.iter().map(|(_, age, ..)| age.map(|age| vec![Some(i64::from(age)), None]));
        let codes = ListArray::from_iter_primitive::<Int64Type, _, _>(codes);
        let scans: BinaryArray = rows.iter().map(|(id, ..)| id.as_deref().map(str::as_bytes)).collect();
        let columns: [(&str, ArrayRef); 7] = [
            ("id", Arc::new(ids)),
            ("age", Arc::new(ages)),
            ("dose", Arc::new(doses)),
            ("sex", Arc::new(sexes)),
            ("seen", Arc::new(seen.with_timezone("Asia/Shanghai"))),
            ("codes", Arc::new(codes)),
            ("scan", Arc::new(scans)),
        ];
        let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let fields = schema(columns.iter().map(field));
        RecordBatch::try_new(fields, columns.into_iter().map(|(_, array)| array).collect()).unwrap()
    }

    fn file(records: &RecordBatch, group: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut sink =
            Sink::new(&mut bytes, records.schema(), Compression::ZSTD(Default::default()), group).unwrap();
        sink.write(records).unwrap();
        sink.finish().unwrap();
        bytes
    }

    fn opened(bytes: &[u8]) -> ParquetRecords {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        ParquetRecords::open(file, 1 << 20).unwrap()
    }

    fn records(of: &ParquetRecords) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        of.each(|number, record| {
            assert_eq!(number, all.len() as u64);
            all.push(record.to_vec());
        })
        .unwrap();
        all
    }

    fn row() -> impl Strategy<Value = (Option<String>, Option<i32>, f64, bool)> {
        (
            prop::option::of("[a-zA-Z0-9 张,\"]{0,6}"),
            prop::option::of(any::<i32>()),
            any::<f64>(),
            any::<bool>(),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_part_has_the_chosen_records_in_their_order_with_their_types(
            rows in prop::collection::vec(row(), 1..60), group in 1usize..20, keep in prop::collection::vec(any::<bool>(), 60),
        ) {
            let whole = opened(&file(&table(&rows), group));
            let chosen: Vec<u64> = (0..whole.count()).filter(|record| keep[*record as usize]).collect();
            let (mut part, mut again) = (Vec::new(), Vec::new());
            whole.write_part(&chosen, &mut part).unwrap();
            whole.write_part(&chosen, &mut again).unwrap();
            prop_assert_eq!(&part, &again);
            let (part, all) = (opened(&part), records(&whole));
            prop_assert_eq!(part.source.schema(), whole.source.schema());
            let expected: Vec<Vec<u8>> = chosen.iter().map(|record| all[*record as usize].clone()).collect();
            prop_assert_eq!(records(&part), expected);
        }

        #[test]
        fn records_that_were_opened_make_a_file_with_their_leaves(rows in prop::collection::vec(row(), 1..40)) {
            let whole = opened(&file(&table(&rows), 7));
            let all = records(&whole);
            let chosen: Vec<&[u8]> = all.iter().step_by(2).map(Vec::as_slice).collect();
            let mut bytes = Vec::new();
            write_records(&whole.header(), &chosen, &mut bytes).unwrap();
            let restored = opened(&bytes);
            prop_assert_eq!(records(&restored), chosen);
            for (before, now) in whole.source.schema().fields().iter().zip(restored.source.schema().fields()) {
                prop_assert!(before.data_type() == now.data_type() || !parquet_text::is_readable(before.data_type()));
            }
        }
    }

    #[test]
    fn the_texts_of_a_column_are_told_and_what_has_none_is_named() {
        let rows = [(Some("P1".to_owned()), Some(7), 1.5, true), (None, None, 2.0, false)];
        let whole = opened(&file(&table(&rows), 1));
        assert_eq!(whole.texts("id").unwrap(), ["P1", ""]);
        assert_eq!(whole.texts("age").unwrap(), ["7", ""]);
        let said = |column: &str| whole.texts(column).unwrap_err().to_string();
        assert!(said("codes").contains("list(int64)") && said("patient").contains("`patient`"));
    }

    #[test]
    fn bytes_that_are_no_records_make_no_file() {
        let whole = opened(&file(&table(&[(Some("P1".to_owned()), Some(7), 1.5, true)]), 1));
        let record = records(&whole).remove(0);
        let made = |header: &[u8], record: &[u8]| write_records(header, &[record], &mut Vec::new());
        assert!(made(&whole.header(), &record).is_ok());
        assert!(made(&whole.header(), &record[..record.len() - 1]).is_err());
        assert!(made(&whole.header(), b"").is_err());
        assert!(made(b"no header", &record).is_err());
        let mut cells = cells(&record).unwrap();
        cells[1] = Some(&b"seven"[..]);
        let said =
            made(&whole.header(), &super::super::parquet_record::record(cells)).unwrap_err().to_string();
        assert!(said.contains("column 2 `age`") && !said.contains("seven"), "{said}");
    }
}
