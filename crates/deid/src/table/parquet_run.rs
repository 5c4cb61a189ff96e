//! Parquet files through a plan, and through detection.
//!
//! Columns that are kept leave as they came. Columns that an action changes keep their type, or become text where the action
//! writes text; what is removed becomes null. The output keeps the compression of the input, and none of its metadata.
//!
//! A Parquet file has no header row: **row N in an error is record N, from 1**.
//!
//! Leaves are made of the values (see [`super::parquet_record`]), not of the file's bytes, so a file that was written again by
//! another program with the same types has the same root. Every column of the input counts, dropped or not.

use std::fs::File;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, SchemaRef};
use arrow_select::filter::filter_record_batch;
use arrow_select::zip::zip;

use super::FileKeys;
use super::bind::{Binding, Fate};
use super::error::{TableError, Trouble};
use super::execute::{NewColumn, Rows, Value, assess, observe, spec_as_it_stands, transform};
use super::generalise::{self, Generalisation};
use super::job::{Counts, Job, Protection, Side, TableOutcome};
use super::linkage::{Follow, PatientColumns, Persons};
use super::parquet_file::{Batch, Batches, Cut, Sink, Source, compression_name, schema};
use super::parquet_record::{Column, header};
use super::parquet_text;
use super::survey::{Survey, SurveyPart};
use crate::action::Output;
use crate::assess::{Assessment, Assessor, Followed, Part, Spec};
use crate::detect::{self, ColumnFinding, TableScanner};
use crate::merkle::{Builder, Hash, leaf};
use crate::pipeline::{self, Width};
use crate::plan::Plan;
use crate::study::{Prf, Record, Study, Suite};

/// Rows that feed the utility figures of a large table, as for CSV.
const UTILITY_ROWS: u64 = 50_000;

/// The first pass over a Parquet file whose plan asks for a search, as for [CSV](super::search_csv).
///
/// # Errors
/// The first fault in source order, with its place; a hierarchy that does not fit.
pub fn search(
    file: File,
    plan: &Plan,
    study: &Study,
    keys: &FileKeys,
    folder: Option<&Path>,
    job: &Job<'_>,
) -> Result<Option<Generalisation>, TableError> {
    let source = Source::open(file)?;
    let (findings, cut) = detect_first(&source, Some(keys), job)?;
    let binding = Binding::new(plan, study, findings)?;
    let Some(focus) = generalise::focus(plan, &binding) else { return Ok(None) };
    // Columns that are not released need not be of a type that is read.
    released_schema(source.schema(), &binding)?;
    let mut survey = Survey::new(&focus, &binding);
    let mut batches = source.batches(cut.batch_rows)?;
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| {
            let text = BatchText::new(&batch, job.max_record)?;
            let leaves = text.leaves(&keys.input_leaves, batch.first, job.max_record)?;
            let records = noise_of(&leaves, batch.first, keys);
            let done = transform(&binding, plan.head.invalid, &text, &records, batch.first + 1)?;
            Ok((SurveyPart::new(&focus, &binding, &text, &done, batch.first + 1), batch.bytes))
        },
        |(part, bytes)| {
            (job.progress)(bytes);
            survey.absorb(part)
        },
    )?;
    Generalisation::search(plan, &binding, &focus, &survey, folder, job)
}

fn noise_of<'a>(leaves: &[Hash], first: u64, keys: &'a FileKeys) -> Vec<Record<'a>> {
    leaves.iter().zip(first..).map(|(leaf, index)| keys.noise.record(index, *leaf)).collect()
}

/// De-identifies one Parquet file, generalised as its [search] says.
///
/// # Errors
/// The first fault in source order, with its place. What has been written by then is incomplete and must be thrown away by the caller.
pub fn deidentify(
    file: File,
    output: &mut (dyn Write + Send),
    plan: &Plan,
    study: &Study,
    keys: &FileKeys,
    protection: Protection<'_>,
    job: &Job<'_>,
) -> Result<TableOutcome, TableError> {
    let Protection { generalisation, ties } = protection;
    let source = Source::open(file)?;
    let (findings, cut) = detect_first(&source, Some(keys), job)?;
    let mut binding = Binding::new(plan, study, findings)?;
    if let Some(generalisation) = &generalisation {
        generalisation.mark(&mut binding);
    }
    let binding = binding;
    let follow = ties.and_then(|ties| Follow::new(&binding, ties));
    let mut persons = follow.as_ref().map(Follow::persons);
    let spec = binding.spec((source.rows / UTILITY_ROWS).max(1));
    let released = released_schema(source.schema(), &binding)?;
    let mut assessor = Assessor::new(spec.clone());
    let run = Run {
        plan,
        binding: &binding,
        generalisation: generalisation.as_ref(),
        follow: follow.as_ref(),
        spec: &spec,
        followed: assessor.followed(),
        keys,
        released: &released,
        max_record: job.max_record,
    };

    let mut trees = (Builder::new(study.suite()), Builder::new(study.suite()));
    trees.0.push(leaf(&keys.input_leaves, &header(source.schema())));
    trees.1.push(leaf(&keys.output_leaves, &header(&released)));
    let (mut records_in, mut records_out) = (0, 0);
    let mut dropped_records = Vec::new();
    let mut counts = vec![Counts::default(); binding.columns.len()];
    let mut sink = Sink::new(output, released.clone(), source.compression, cut.group_rows)?;
    let mut batches = source.batches(cut.batch_rows)?;
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| run.process(batch),
        |done: Done| {
            done.leaves_in.iter().for_each(|hash| trees.0.push(*hash));
            done.leaves_out.iter().for_each(|hash| trees.1.push(*hash));
            records_in += done.leaves_in.len() as u64;
            records_out += done.leaves_out.len() as u64;
            dropped_records.extend(done.dropped);
            counts.iter_mut().zip(&done.counts).for_each(|(total, part)| *total += *part);
            assessor.absorb(done.part);
            if let (Some(persons), Some(part)) = (&mut persons, done.persons) {
                persons.absorb(part)?;
            }
            (job.progress)(done.bytes_in);
            sink.write(&done.records)
        },
    )?;
    let bytes_out = sink.finish()?;
    let patients = PatientColumns::of(&binding);
    Ok(TableOutcome {
        format: format(&source),
        columns: binding.columns.into_iter().zip(counts).collect(),
        input: Side::new(&trees.0, records_in, source.size),
        output: Side::new(&trees.1, records_out, bytes_out),
        dropped: records_in - records_out,
        dropped_records,
        assessment: assessor.finish(),
        search: generalisation.map(Generalisation::into_result),
        patients,
        persons,
    })
}

/// Measures a Parquet file as it stands.
pub fn measure(
    file: File,
    quasi_identifiers: &[String],
    sensitive: &[String],
    job: &Job<'_>,
) -> Result<Assessment, TableError> {
    observe_all(file, quasi_identifiers, sensitive, None, job)
}

/// Counts the classes of `table` in a Parquet file of its population, by the quasi-identifiers that the table was measured by.
pub fn count_in(file: File, table: &Assessment, job: &Job<'_>) -> Result<Assessment, TableError> {
    observe_all(file, &table.quasi_identifiers, &[], Some(table), job)
}

fn observe_all(
    file: File,
    quasi_identifiers: &[String],
    sensitive: &[String],
    sample: Option<&Assessment>,
    job: &Job<'_>,
) -> Result<Assessment, TableError> {
    let source = Source::open(file)?;
    let spec = spec_as_it_stands(&source.names()?, quasi_identifiers, sensitive)?;
    let mut assessor = match sample {
        Some(table) => Assessor::of_population(spec.clone(), table),
        None => Assessor::new(spec.clone()),
    };
    let followed = assessor.followed();
    let cut = source.cut(0);
    let mut batches = source.batches(cut.batch_rows)?;
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| {
            let text = BatchText::of_readable(&batch, job.max_record)?;
            Ok((observe(&spec, &followed, &text, batch.first), batch.bytes))
        },
        |(part, bytes)| {
            assessor.absorb(part);
            (job.progress)(bytes);
            Ok(())
        },
    )?;
    Ok(assessor.finish_counted())
}

/// Scans one Parquet file.
///
/// # Errors
/// The first fault in source order, with its place.
pub fn scan(
    file: File,
    options: detect::Options,
    job: &Job<'_>,
) -> Result<(String, Vec<ColumnFinding>), TableError> {
    let source = Source::open(file)?;
    let names = source.names()?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let cut = source.cut(0);
    let mut batches = source.batches(cut.batch_rows)?;
    let mut scanner = TableScanner::new(&names, options);
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| {
            let text = BatchText::of_readable(&batch, job.max_record)?;
            let mut part = match batch.first {
                0 => TableScanner::new(&names, options),
                _ => TableScanner::continuing(&names, options),
            };
            text.scan(&mut part);
            Ok((part, batch.bytes))
        },
        |(part, bytes)| {
            scanner.merge(part);
            (job.progress)(bytes);
            Ok(())
        },
    )?;
    Ok((format(&source), scanner.finish()))
}

/// Recomputes the root of a Parquet file, to check it against a receipt.
///
/// # Errors
/// The first fault in source order, with its place.
pub fn hash(file: File, leaves: &Prf, suite: Suite, job: &Job<'_>) -> Result<Side, TableError> {
    let source = Source::open(file)?;
    let cut = source.cut(0);
    let mut batches = source.batches(cut.batch_rows)?;
    let mut tree = Builder::new(suite);
    tree.push(leaf(leaves, &header(source.schema())));
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| {
            let text = BatchText::new(&batch, job.max_record)?;
            Ok((text.leaves(leaves, batch.first, job.max_record)?, batch.bytes))
        },
        |(leaves, bytes)| {
            leaves.into_iter().for_each(|leaf| tree.push(leaf));
            (job.progress)(bytes);
            Ok(())
        },
    )?;
    Ok(Side::new(&tree, source.rows, source.size))
}

/// The format of a file, for reports and schemas.
fn format(source: &Source) -> String {
    format!("parquet ({})", compression_name(source.compression))
}

pub(super) fn next(batches: &mut Batches, job: &Job<'_>) -> Result<Option<Batch>, TableError> {
    job.check()?;
    batches.next_batch()
}

/// Batches are the same for everybody; little memory means that fewer of them are in flight.
pub(super) fn width(job: &Job<'_>, cut: Cut) -> Width {
    // A batch exists as columns and as text, and both anew.
    let cost = cut.batch_bytes.saturating_mul(6).max(1);
    let room = NonZeroUsize::new(job.memory / cost).unwrap_or(NonZeroUsize::MIN);
    let width = job.width();
    Width { threads: width.threads.min(room), in_flight: width.in_flight.min(room) }
}

/// What the columns that `wanted` names hold, told from the first records.
///
/// # Errors
/// The first fault of the table's beginning, with its place.
pub fn kinds(
    file: File,
    wanted: &dyn Fn(&str) -> bool,
    job: &Job<'_>,
) -> Result<Vec<ColumnFinding>, TableError> {
    let source = Source::open(file)?;
    if !source.names()?.iter().any(|name| wanted(name)) {
        return Ok(Vec::new());
    }
    let (findings, _) = detect_first(&source, None, job)?;
    Ok(findings.into_iter().filter(|finding| wanted(&finding.name)).collect())
}

/// Tells the kinds of the columns from the first records, unless they are known, and from their size how to cut the file.
fn detect_first(
    source: &Source,
    keys: Option<&FileKeys>,
    job: &Job<'_>,
) -> Result<(Vec<ColumnFinding>, Cut), TableError> {
    let names = source.names()?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut scanner = TableScanner::new(&names, detect::Options::default());
    let mut batches = source.head()?;
    let (mut rows, mut bytes) = (0, 0);
    while let Some(batch) = next(&mut batches, job)? {
        let text = BatchText::of_readable(&batch, job.max_record)?;
        text.scan(&mut scanner);
        rows += text.rows as u64;
        bytes += text.bytes() as u64;
    }
    let mut findings = scanner.finish();
    keys.into_iter().for_each(|keys| keys.settle(&mut findings));
    Ok((findings, source.cut(bytes / rows.max(1))))
}

/// The columns that are released, with the types that they have then.
fn released_schema(input: &SchemaRef, binding: &Binding) -> Result<SchemaRef, TableError> {
    let mut fields = Vec::new();
    for (c, (field, column)) in input.fields().iter().zip(&binding.columns).enumerate() {
        let of = field.data_type();
        if column.released() && !parquet_text::is_readable(of) {
            let trouble = Trouble::Type(parquet_text::name(of));
            return Err(TableError::at_column(c + 1, &column.finding.name, trouble));
        }
        match &column.fate {
            Fate::Drop => {}
            _ if column.level > 0 => fields.push(Field::new(field.name(), DataType::Utf8, true)),
            Fate::Keep => fields.push(Field::new(field.name(), of.clone(), field.is_nullable())),
            Fate::Apply { output: Output::Same, .. } => {
                fields.push(Field::new(field.name(), parquet_text::changed(of), true));
            }
            Fate::Apply { output: Output::Text, .. } => {
                fields.push(Field::new(field.name(), DataType::Utf8, true))
            }
        }
    }
    Ok(schema(fields.into_iter()))
}

/// A batch as text.
pub(super) struct BatchText {
    columns: Vec<Option<Column>>,
    rows: usize,
}

impl BatchText {
    /// All columns.
    pub(super) fn new(batch: &Batch, max_record: usize) -> Result<BatchText, TableError> {
        Self::of(batch, max_record, |_| true)
    }

    /// The columns that detection reads.
    pub(super) fn of_readable(batch: &Batch, max_record: usize) -> Result<BatchText, TableError> {
        Self::of(batch, max_record, parquet_text::is_readable)
    }

    fn of(
        batch: &Batch,
        max_record: usize,
        wanted: impl Fn(&DataType) -> bool,
    ) -> Result<BatchText, TableError> {
        // The text of a column is too long only where records are longer than any sensible limit.
        let column = |array: &ArrayRef| match wanted(array.data_type()) {
            true => Column::new(array).map(Some),
            false => Ok(None),
        };
        let columns: Result<Vec<_>, _> = batch.records.columns().iter().map(column).collect();
        let columns = columns
            .map_err(|_| TableError::at_row(batch.first + 1, Trouble::TooLong { limit: max_record }))?;
        Ok(BatchText { columns, rows: batch.records.num_rows() })
    }

    fn scan(&self, scanner: &mut TableScanner) {
        for (c, column) in
            self.columns.iter().enumerate().filter_map(|(c, column)| Some((c, column.as_ref()?)))
        {
            for row in 0..self.rows {
                scanner.cell(c, column.text(row).as_bytes());
            }
        }
    }

    fn bytes(&self) -> usize {
        let columns = self.columns.iter().flatten();
        columns.map(|column| (0..self.rows).map(|row| column.text(row).len() + 4).sum::<usize>()).sum()
    }

    /// The leaf of each record.
    fn leaves(&self, key: &Prf, first: u64, max_record: usize) -> Result<Vec<Hash>, TableError> {
        let mut leaves = Vec::with_capacity(self.rows);
        self.records(first, max_record, |_, record| {
            leaves.push(leaf(key, record));
            Ok(())
        })?;
        Ok(leaves)
    }

    /// Each record with its row in the batch, as leaves are made of it.
    pub(super) fn records(
        &self,
        first: u64,
        max_record: usize,
        mut each: impl FnMut(usize, &[u8]) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let (mut record, mut total) = (Vec::new(), 0usize);
        for row in 0..self.rows {
            record.clear();
            self.columns.iter().flatten().for_each(|column| column.write(row, &mut record));
            total = total.saturating_add(record.len());
            // A dictionary can make a batch of any size out of a small file.
            if record.len() > max_record || total > LARGEST_TEXT {
                let limit = max_record;
                return Err(TableError::at_row(first + row as u64 + 1, Trouble::TooLong { limit }));
            }
            each(row, &record)?;
        }
        Ok(())
    }
}

/// The most text of a batch: new text is addressed by 32 bits, and actions may lengthen what they read.
const LARGEST_TEXT: usize = 1 << 30;

impl Rows for BatchText {
    fn rows(&self) -> usize {
        self.rows
    }

    fn text(&self, row: usize, column: usize) -> &str {
        self.columns[column].as_ref().map_or("", |column| column.text(row))
    }
}

/// What is the same for every batch.
struct Run<'a> {
    plan: &'a Plan,
    binding: &'a Binding,
    generalisation: Option<&'a Generalisation>,
    follow: Option<&'a Follow<'a>>,
    spec: &'a Spec,
    followed: Followed,
    keys: &'a FileKeys,
    released: &'a SchemaRef,
    max_record: usize,
}

/// A batch, done.
struct Done {
    records: RecordBatch,
    leaves_in: Vec<Hash>,
    leaves_out: Vec<Hash>,
    counts: Vec<Counts>,
    part: Part,
    persons: Option<Persons>,
    /// Records that were dropped, where that is asked.
    dropped: Vec<u64>,
    bytes_in: u64,
}

impl Run<'_> {
    fn process(&self, batch: Batch) -> Result<Done, TableError> {
        let text = BatchText::new(&batch, self.max_record)?;
        let leaves_in = text.leaves(&self.keys.input_leaves, batch.first, self.max_record)?;
        let records = noise_of(&leaves_in, batch.first, self.keys);
        let mut done = transform(self.binding, self.plan.head.invalid, &text, &records, batch.first + 1)?;
        if let Some(generalisation) = self.generalisation {
            generalisation.apply(self.binding, &text, &mut done, batch.first + 1)?;
        }
        let part = assess(self.spec, &self.followed, self.binding, &text, &done, batch.first);
        let persons = self.follow.map(|follow| follow.block(self.binding, &text, &records, &done));

        let mut arrays = Vec::with_capacity(self.released.fields().len());
        let mut failure: Option<(usize, TableError)> = None;
        for (c, column) in self.binding.columns.iter().enumerate().filter(|(_, column)| column.released()) {
            let (old, to) = (batch.records.column(c), self.released.field(arrays.len()).data_type());
            let array = match &done.columns[c] {
                None => Ok(old.clone()),
                Some(new) => changed(old, |row| text.text(row, c), new, to),
            };
            arrays.push(array.unwrap_or_else(|row| {
                if failure.as_ref().is_none_or(|(first, _)| row < *first) {
                    let (number, name) = (batch.first + row as u64 + 1, &column.finding.name);
                    let trouble = Trouble::Fit(parquet_text::name(to));
                    failure = Some((row, TableError::at_cell(number, c + 1, name, trouble)));
                }
                old.clone()
            }));
        }
        if let Some((_, error)) = failure {
            return Err(error);
        }
        let mut records = RecordBatch::try_new(self.released.clone(), arrays).map_err(|_| {
            TableError::at_row(batch.first + 1, Trouble::Parquet("a column is not as declared".into()))
        })?;
        if done.dropped.contains(&true) {
            let keep: BooleanArray = done.dropped.iter().map(|dropped| Some(!dropped)).collect();
            records = filter_record_batch(&records, &keep).expect("one entry a row");
        }
        let asked = self.keys.kinds.is_some();
        let dropped = (batch.first..).zip(&done.dropped).filter(|(_, dropped)| asked && **dropped);
        let dropped = dropped.map(|(record, _)| record).collect();
        let out = Batch { records, first: batch.first, bytes: 0 };
        // Read from what is written, as whoever checks the release will read it.
        let leaves_out =
            BatchText::new(&out, usize::MAX)?.leaves(&self.keys.output_leaves, out.first, usize::MAX)?;
        Ok(Done {
            records: out.records,
            leaves_in,
            leaves_out,
            counts: done.counts,
            part,
            persons,
            dropped,
            bytes_in: batch.bytes,
        })
    }
}

/// The column that `new` makes of `old`, or the first row that does not fit.
fn changed<'a>(
    old: &ArrayRef,
    text: impl Fn(usize) -> &'a str,
    new: &NewColumn,
    to: &DataType,
) -> Result<ArrayRef, usize> {
    let kept: Vec<bool> = (0..old.len()).map(|row| matches!(new.get(row), Value::Kept)).collect();
    if old.data_type() == to && !kept.contains(&false) {
        return Ok(old.clone());
    }
    let as_text = parquet_text::is_text(to);
    let nulls = old.logical_nulls();
    let texts: StringArray = (0..old.len())
        .map(|row| match new.get(row) {
            Value::New(text) => Some(text),
            Value::Removed => None,
            // A value that is kept in a column with a type of its own is taken from there.
            Value::Kept => {
                (as_text && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))).then(|| text(row))
            }
        })
        .collect();
    let array = parquet_text::write(&texts, to)?;
    match as_text || !kept.contains(&true) {
        true => Ok(array),
        false => zip(&BooleanArray::from(kept), old, &array).map_err(|_| 0),
    }
}
