//! Counting and recoding Parquet files.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, SchemaRef};
use sha2::{Digest, Sha256};

use super::error::{TableError, Trouble};
use super::execute::Rows;
use super::job::Job;
use super::parquet_file::{Batch, Batches, Sink, Source, schema};
use super::parquet_record::Column;
use super::parquet_run::{next, width};
use super::recode::{Collector, Counted, Encoded, Places, Recoded, Roles, SUPPRESSED, encode, labels};
use crate::pipeline;
use crate::search::Recoding;

/// Counts the distinct tuples of a Parquet file, and of `population` if there is one: a table with the same quasi-identifiers, of which the file
/// is a part.
///
/// # Errors
/// The first fault in source order, with its place; a value that its hierarchy does not have is one.
pub fn count(
    file: File,
    population: Option<File>,
    roles: &Roles,
    job: &Job<'_>,
) -> Result<Counted, TableError> {
    let mut collector = Collector::new(roles)?;
    each_batch(&Source::open(file)?, roles, job, |block| collector.absorb(block))?;
    if let Some(population) = population {
        let known = Roles { sensitive: Vec::new(), dropped: Vec::new(), ..roles.clone() };
        each_batch(&Source::open(population)?, &known, job, |block| {
            collector.absorb_population(block);
            Ok(())
        })?;
    }
    Ok(collector.finish())
}

fn each_batch(
    source: &Source,
    roles: &Roles,
    job: &Job<'_>,
    mut sink: impl FnMut(&Encoded) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let names = source.names()?;
    let wanted = roles.places(&names)?;
    // Only the columns that are counted are decoded, and they have other places among themselves.
    let mut columns: Vec<usize> = wanted.quasi_identifiers.iter().chain(&wanted.sensitive).copied().collect();
    columns.sort_unstable();
    columns.dedup();
    let among: Vec<String> = columns.iter().map(|column| names[*column].clone()).collect();
    let counted = Roles { dropped: Vec::new(), ..roles.clone() };
    let places = counted.places(&among)?;
    let cut = source.cut(0);
    let mut batches: Batches = source.batches_of(&columns, cut.batch_rows)?;
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| {
            let text = Texts::new(&batch, job.max_record, |_| true)?;
            let encoded = encode(roles, &places, &text, batch.first + 1).map_err(|mut error| {
                if let Some((number, _)) = &mut error.place.column {
                    *number = columns[*number - 1] + 1;
                }
                error
            })?;
            Ok((encoded, batch.bytes))
        },
        |(block, bytes)| {
            (job.progress)(bytes);
            sink(&block)
        },
    )
}

/// Writes a Parquet file generalised: quasi-identifiers become text as `recoding` says, dropped columns are left out, all others stay as they came.
///
/// # Errors
/// The first fault in source order, with its place. What has been written by then is incomplete and must be thrown away by the caller.
pub fn recode(
    file: File,
    output: &mut (dyn Write + Send),
    roles: &Roles,
    recoding: &Recoding,
    job: &Job<'_>,
) -> Result<Recoded, TableError> {
    let source = Source::open(file)?;
    let places = roles.places(&source.names()?)?;
    let released = released_schema(source.schema(), &places);
    let cut = source.cut(0);
    let mut hashed = Hashed { inner: output, hash: Sha256::new() };
    let mut sink = Sink::new(&mut hashed, released.clone(), source.compression, cut.group_rows)?;
    let mut batches = source.batches(cut.batch_rows)?;
    let (mut rows, mut suppressed_rows) = (0, 0);
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| {
            let text =
                Texts::new(&batch, job.max_record, |column| places.quasi_identifiers.contains(&column))?;
            let encoded = encode(roles, &places, &text, batch.first + 1)?;
            let (columns, suppressed) = new_columns(&encoded, recoding, batch.records.num_rows());
            let records = replace(&batch, &columns, &places, &released)?;
            Ok((records, suppressed, batch.bytes))
        },
        |(records, suppressed, bytes)| {
            rows += records.num_rows() as u64;
            suppressed_rows += suppressed;
            (job.progress)(bytes);
            sink.write(&records)
        },
    )?;
    sink.finish()?;
    Ok(Recoded { rows, suppressed_rows, output_sha256: hashed.hash.finalize().into() })
}

fn released_schema(input: &SchemaRef, places: &Places) -> SchemaRef {
    let field = |(c, field): (usize, &Arc<Field>)| match places.quasi_identifiers.contains(&c) {
        true => Field::new(field.name(), DataType::Utf8, false),
        false => Field::new(field.name(), field.data_type().clone(), field.is_nullable()),
    };
    schema(input.fields().iter().enumerate().filter(|(c, _)| !places.dropped.contains(c)).map(field))
}

/// The quasi-identifiers of a batch as they are released, and how many records are suppressed.
fn new_columns(encoded: &Encoded, recoding: &Recoding, rows: usize) -> (Vec<ArrayRef>, u64) {
    let attributes = recoding.attributes();
    let mut columns: Vec<StringBuilder> =
        (0..attributes).map(|_| StringBuilder::with_capacity(rows, rows * 8)).collect();
    let mut suppressed = 0;
    for codes in encoded.records(attributes) {
        match labels(recoding, codes) {
            Some(labels) => {
                columns.iter_mut().zip(labels).for_each(|(column, label)| column.append_value(label))
            }
            None => {
                suppressed += 1;
                columns.iter_mut().for_each(|column| column.append_value(SUPPRESSED));
            }
        }
    }
    (columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect(), suppressed)
}

fn replace(
    batch: &Batch,
    new: &[ArrayRef],
    places: &Places,
    released: &SchemaRef,
) -> Result<RecordBatch, TableError> {
    let column = |c: usize| match places.quasi_identifiers.iter().position(|place| *place == c) {
        Some(at) => new[at].clone(),
        None => batch.records.column(c).clone(),
    };
    let columns = (0..batch.records.num_columns()).filter(|c| !places.dropped.contains(c)).map(column);
    RecordBatch::try_new(released.clone(), columns.collect()).map_err(|_| {
        TableError::at_row(batch.first + 1, Trouble::Parquet("a column is not as declared".into()))
    })
}

/// The columns of a batch that are read, as text.
struct Texts {
    columns: Vec<Option<Column>>,
    rows: usize,
}

impl Texts {
    fn new(batch: &Batch, max_record: usize, wanted: impl Fn(usize) -> bool) -> Result<Texts, TableError> {
        let column = |(c, array)| if wanted(c) { Column::new(array).map(Some) } else { Ok(None) };
        let columns: Result<Vec<_>, _> = batch.records.columns().iter().enumerate().map(column).collect();
        let columns = columns
            .map_err(|_| TableError::at_row(batch.first + 1, Trouble::TooLong { limit: max_record }))?;
        Ok(Texts { columns, rows: batch.records.num_rows() })
    }
}

impl Rows for Texts {
    fn rows(&self) -> usize {
        self.rows
    }

    fn text(&self, row: usize, column: usize) -> &str {
        self.columns[column].as_ref().map_or("", |column| column.text(row))
    }
}

/// Hashes what passes through.
struct Hashed<'a> {
    inner: &'a mut (dyn Write + Send),
    hash: Sha256,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
