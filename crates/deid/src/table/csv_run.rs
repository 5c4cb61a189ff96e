//! CSV files through a plan, and through detection.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::bind::{Binding, Fate};
use super::csv::{Block, Blocks, RawBlock, write_field};
use super::dialect::Dialect;
use super::error::{TableError, Trouble};
use super::execute::{self, Rows, Transformed, Value, observe, spec_as_it_stands, transform};
use super::generalise::{self, Generalisation};
use super::job::{Counts, Job, Protection, Side, TableOutcome};
use super::linkage::{Follow, PatientColumns, Persons};
use super::survey::{Survey, SurveyPart};
use crate::assess::{Assessment, Assessor, Followed, Part, Spec};
use crate::code::calendar::Date;
use crate::detect::{self, ColumnFinding, Strength, TableScanner};
use crate::kind::Kind;
use crate::merkle::{Builder, Hash, leaf};
use crate::pipeline;
use crate::plan::Plan;
use crate::study::{NoiseKey, Prf, Record, Study, Suite};

/// The keys of one file, and what of it was settled before the run.
pub struct FileKeys {
    /// Of the leaves of the input.
    pub input_leaves: Prf,
    /// Of the leaves of the output.
    pub output_leaves: Prf,
    /// Of the random choices.
    pub noise: NoiseKey,
    /// The kinds of the columns of a table by their names, where they are known: those of a file of which this is a part. Detected where there are none.
    pub kinds: Option<Arc<BTreeMap<String, Option<Kind>>>>,
}

impl FileKeys {
    /// Gives columns the kinds that are known of them.
    pub(super) fn settle(&self, findings: &mut [ColumnFinding]) {
        let Some(kinds) = &self.kinds else { return };
        for finding in findings {
            if let Some(kind) = kinds.get(&finding.name) {
                finding.kind = *kind;
            }
        }
    }
}

/// Bytes that are read before a run starts. Fixed, so that what is detected does not depend on how a run is carried out.
const HEAD: usize = 1 << 20;
/// Records from which kinds are told before a run starts.
const DETECTION_RECORDS: usize = 4096;
/// Rows that feed the utility figures of a large table.
const UTILITY_ROWS: u64 = 50_000;

impl Rows for Block<'_> {
    fn rows(&self) -> usize {
        self.records()
    }

    #[inline]
    fn text(&self, row: usize, column: usize) -> &str {
        Block::text(self, row, column)
    }

    #[inline]
    fn repeats(&self, row: usize, column: usize) -> bool {
        Block::repeats(self, row, column)
    }
}

/// A table whose header and first records have been read.
pub(super) struct Opened<R> {
    blocks: Blocks<R>,
    pub(super) dialect: Dialect,
    first: Option<RawBlock>,
    pub(super) names: Vec<String>,
    pub(super) header: Option<Vec<u8>>,
}

impl<R: Read> Opened<R> {
    /// The next records; the ones that were read to tell the kinds come first.
    pub(super) fn next_block(&mut self, job: &Job<'_>) -> Result<Option<RawBlock>, TableError> {
        job.check()?;
        match self.first.take() {
            Some(block) => Ok(Some(block)),
            None => self.blocks.next_block(),
        }
    }
}

/// Reads the head of the table, and its column names.
pub(super) fn open<R: Read>(mut input: R, job: &Job<'_>) -> Result<Opened<R>, TableError> {
    let mut head = Vec::with_capacity(HEAD);
    input.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let dialect = Dialect::detect(&head, head.len() < HEAD, job.hints)?;
    let mut blocks = Blocks::new(input, &head, dialect, job.block_size(), job.max_record);
    let Some(first) = blocks.next_block()? else { return Err(TableError::new(Trouble::Empty)) };
    let block = Block::parse(&first, &dialect, None)?;
    let columns = block.columns();
    if !dialect.header {
        let names = (1..=columns).map(|n| format!("column{n}")).collect();
        return Ok(Opened { blocks, dialect, first: Some(first), names, header: None });
    }
    let names: Vec<String> = (0..columns).map(|c| block.text(0, c).trim().to_owned()).collect();
    check_names(&names)?;
    let header = block.record(0).to_vec();
    let rest = first.bytes[header.len()..].to_vec();
    let first = (!rest.is_empty()).then(|| RawBlock {
        bytes: rest,
        first_record: 1,
        offset: first.offset + header.len() as u64,
    });
    Ok(Opened { blocks, dialect, first, names, header: Some(header) })
}

fn check_names(names: &[String]) -> Result<(), TableError> {
    // A header is made of words. If it is a record, taking it for a header would release it, so one identifier is enough to refuse, and
    // half of the cells if each may be a word by chance.
    let identified = names.iter().any(|name| is_identifier(name));
    let data = names.iter().filter(|name| looks_like_data(name)).count();
    if identified || (data > 0 && data * 2 >= names.len()) {
        return Err(TableError::at_row(1, Trouble::NoHeader));
    }
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(TableError::at_column(i + 1, "", Trouble::Nameless));
        }
        if let Some(first) = names[..i].iter().position(|other| other == name) {
            return Err(TableError::at_column(i + 1, "", Trouble::Duplicate { first: first + 1 }));
        }
    }
    Ok(())
}

/// Whether the text is an identifier that no column is called by.
fn is_identifier(name: &str) -> bool {
    use Kind::{Email, IpAddress, LicencePlate, MacAddress, Phone, Url};
    detect::detect_value(name).into_iter().any(|(kind, strength)| match strength {
        Strength::CheckDigit => true,
        Strength::Pattern => matches!(kind, Phone | Email | Url | IpAddress | MacAddress | LicencePlate),
        Strength::Plausible => false,
    })
}

/// Whether the text is more likely a value than the name of a column.
fn looks_like_data(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let number = name.parse::<f64>().is_ok() || digits * 2 > name.len() || Date::parse(name).is_some();
    // One English word is a surname as often as a column: `day`, `rose`.
    let name_like = !name.is_ascii() || name.contains(' ');
    let word = || {
        let typical = |(kind, strength)| {
            let wanted = kind == Kind::Sex || (kind == Kind::PersonName && name_like);
            strength >= Strength::Pattern && wanted
        };
        detect::detect_value(name).into_iter().any(typical)
    };
    // One letter of the alphabet is as often a name.
    number || (name.len() > 1 && word())
}

/// The first pass over a CSV file whose plan asks for a search: how to generalise it after its rules. `None` where nothing is asked.
/// `folder` is where the plan's hierarchy files are.
///
/// # Errors
/// The first fault in source order, with its place; a hierarchy that does not fit.
pub fn search(
    input: impl Read + Send,
    plan: &Plan,
    study: &Study,
    keys: &FileKeys,
    folder: Option<&Path>,
    job: &Job<'_>,
) -> Result<Option<Generalisation>, TableError> {
    let mut opened = open(input, job)?;
    let dialect = opened.dialect;
    let binding = Binding::new(plan, study, detect_first(&opened, keys)?)?;
    let Some(focus) = generalise::focus(plan, &binding) else { return Ok(None) };
    let columns = opened.names.len();
    let header_rows = u64::from(dialect.header);
    let mut survey = Survey::new(&focus, &binding);
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw: RawBlock| {
            let size = raw.bytes.len() as u64;
            let block =
                Block::parse(&raw, &dialect, Some(columns)).map_err(|error| name_column(error, &binding))?;
            let leaves = leaves(&block, &keys.input_leaves);
            let records = noise_of(&leaves, block.first_record - header_rows, keys);
            let first_row = block.first_record + 1;
            let done = transform(&binding, plan.head.invalid, &block, &records, first_row)?;
            Ok((SurveyPart::new(&focus, &binding, &block, &done, first_row), size))
        },
        |(part, size)| {
            (job.progress)(size);
            survey.absorb(part)
        },
    )?;
    Generalisation::search(plan, &binding, &focus, &survey, folder, job)
}

/// De-identifies one CSV file, generalised as its [search] says.
///
/// # Errors
/// The first fault in source order, with its place. What has been written by then is incomplete and must be thrown away by the caller.
#[expect(clippy::too_many_arguments, reason = "each is a thing of its own, and all callers have them apart")]
pub fn deidentify(
    input: impl Read + Send,
    size: Option<u64>,
    output: &mut dyn Write,
    plan: &Plan,
    study: &Study,
    keys: &FileKeys,
    protection: Protection<'_>,
    job: &Job<'_>,
) -> Result<TableOutcome, TableError> {
    let Protection { generalisation, ties } = protection;
    let mut opened = open(input, job)?;
    let dialect = opened.dialect;
    let findings = detect_first(&opened, keys)?;
    let mut binding = Binding::new(plan, study, findings)?;
    if let Some(generalisation) = &generalisation {
        generalisation.mark(&mut binding);
    }
    let binding = binding;
    let follow = ties.and_then(|ties| Follow::new(&binding, ties));
    let mut persons = follow.as_ref().map(Follow::persons);
    let spec = binding.spec(utility_stride(&opened, size));
    let columns = opened.names.len();

    let mut trees = (Builder::new(study.suite()), Builder::new(study.suite()));
    let (mut records_in, mut records_out) = (0, 0);
    let mut bytes_in = dialect.mark_len() as u64;
    let mut bytes_out = dialect.mark_len() as u64;
    output.write_all(&b"\xef\xbb\xbf"[..dialect.mark_len()]).map_err(write_error)?;
    if let Some(header) = &opened.header {
        let new = new_header(header, &opened, &binding)?;
        trees.0.push(leaf(&keys.input_leaves, header));
        trees.1.push(leaf(&keys.output_leaves, &new));
        output.write_all(&new).map_err(write_error)?;
        bytes_in += header.len() as u64;
        bytes_out += new.len() as u64;
    }

    let mut assessor = Assessor::new(spec.clone());
    let run = Run {
        plan,
        binding: &binding,
        generalisation: generalisation.as_ref(),
        follow: follow.as_ref(),
        pieces: pieces(&binding),
        spec: &spec,
        followed: assessor.followed(),
        keys,
        dialect: &dialect,
    };
    let mut counts = vec![Counts::default(); columns];
    let mut dropped_records = Vec::new();
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw| {
            let block =
                Block::parse(&raw, &dialect, Some(columns)).map_err(|error| name_column(error, &binding))?;
            run.process(&block)
        },
        |done: Done| {
            for hash in &done.leaves_in {
                trees.0.push(*hash);
            }
            for hash in &done.leaves_out {
                trees.1.push(*hash);
            }
            dropped_records.extend(done.dropped);
            records_in += done.leaves_in.len() as u64;
            records_out += done.leaves_out.len() as u64;
            bytes_in += done.bytes_in;
            bytes_out += done.out.len() as u64;
            counts.iter_mut().zip(&done.counts).for_each(|(total, part)| *total += *part);
            assessor.absorb(done.part);
            if let (Some(persons), Some(part)) = (&mut persons, done.persons) {
                persons.absorb(part)?;
            }
            (job.progress)(done.bytes_in);
            output.write_all(&done.out).map_err(write_error)
        },
    )?;
    output.flush().map_err(write_error)?;
    let patients = PatientColumns::of(&binding);
    Ok(TableOutcome {
        format: dialect.describe(),
        columns: binding.columns.into_iter().zip(counts).collect(),
        input: Side::new(&trees.0, records_in, bytes_in),
        output: Side::new(&trees.1, records_out, bytes_out),
        dropped: records_in - records_out,
        dropped_records,
        assessment: assessor.finish(),
        search: generalisation.map(Generalisation::into_result),
        patients,
        persons,
    })
}

/// Scans one CSV file.
pub fn scan(
    input: impl Read + Send,
    options: detect::Options,
    job: &Job<'_>,
) -> Result<(String, Vec<ColumnFinding>), TableError> {
    let mut opened = open(input, job)?;
    let dialect = opened.dialect;
    let names = std::mem::take(&mut opened.names);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let columns = names.len();
    let mut scanner: Option<TableScanner> = None;
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw: RawBlock| {
            let starts = raw.first_record == u64::from(dialect.header);
            let size = raw.bytes.len() as u64;
            let block = Block::parse(&raw, &dialect, Some(columns))?;
            let mut part = match starts {
                true => TableScanner::new(&names, options),
                false => TableScanner::continuing(&names, options),
            };
            scan_block(&block, &mut part);
            Ok((part, size))
        },
        |(part, size)| {
            match &mut scanner {
                Some(scanner) => scanner.merge(part),
                None => scanner = Some(part),
            }
            (job.progress)(size);
            Ok(())
        },
    )?;
    let scanner = scanner.unwrap_or_else(|| TableScanner::new(&names, options));
    Ok((dialect.describe(), scanner.finish()))
}

/// Measures a CSV file as it stands.
pub fn assess(
    input: impl Read + Send,
    quasi_identifiers: &[String],
    sensitive: &[String],
    job: &Job<'_>,
) -> Result<Assessment, TableError> {
    observe_all(input, quasi_identifiers, sensitive, None, job)
}

/// Counts the classes of `table` in a CSV file of its population, by the quasi-identifiers that the table was measured by.
pub fn count_in(
    input: impl Read + Send,
    table: &Assessment,
    job: &Job<'_>,
) -> Result<Assessment, TableError> {
    observe_all(input, &table.quasi_identifiers, &[], Some(table), job)
}

fn observe_all(
    input: impl Read + Send,
    quasi_identifiers: &[String],
    sensitive: &[String],
    sample: Option<&Assessment>,
    job: &Job<'_>,
) -> Result<Assessment, TableError> {
    let mut opened = open(input, job)?;
    let dialect = opened.dialect;
    let columns = opened.names.len();
    let spec = spec_as_it_stands(&opened.names, quasi_identifiers, sensitive)?;
    let mut assessor = match sample {
        Some(table) => Assessor::of_population(spec.clone(), table),
        None => Assessor::new(spec.clone()),
    };
    let followed = assessor.followed();
    let header_rows = u64::from(dialect.header);
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw| {
            let block = Block::parse(&raw, &dialect, Some(columns))?;
            let size: usize = (0..block.records()).map(|r| block.record(r).len()).sum();
            Ok((observe(&spec, &followed, &block, block.first_record - header_rows), size as u64))
        },
        |(part, size)| {
            assessor.absorb(part);
            (job.progress)(size);
            Ok(())
        },
    )?;
    Ok(assessor.finish_counted())
}

/// The Merkle root of a CSV file that was written in `dialect`, over header and records.
pub fn hash(
    mut input: impl Read + Send,
    dialect: Dialect,
    suite: Suite,
    leaf_of: &(dyn Fn(&[u8]) -> Hash + Sync),
    job: &Job<'_>,
) -> Result<Side, TableError> {
    let mut head = vec![0; dialect.mark_len()];
    input.read_exact(&mut head)?;
    let mut blocks = Blocks::new(input, &head, dialect, job.block_size(), job.max_record);
    let mut tree = Builder::new(suite);
    let mut bytes = dialect.mark_len() as u64;
    pipeline::run(
        job.width(),
        || {
            job.check()?;
            blocks.next_block()
        },
        |raw| {
            let block = Block::parse(&raw, &dialect, None)?;
            let leaves: Vec<Hash> = (0..block.records()).map(|r| leaf_of(block.record(r))).collect();
            let size: usize = (0..block.records()).map(|r| block.record(r).len()).sum();
            Ok((leaves, size as u64))
        },
        |(leaves, size)| {
            leaves.into_iter().for_each(|leaf| tree.push(leaf));
            bytes += size;
            (job.progress)(size);
            Ok(())
        },
    )?;
    let records = tree.count().saturating_sub(u64::from(dialect.header));
    Ok(Side::new(&tree, records, bytes))
}

fn scan_block(block: &Block<'_>, scanner: &mut TableScanner) {
    for column in 0..block.columns() {
        for row in 0..block.records() {
            scanner.cell(column, block.text(row, column).as_bytes());
        }
    }
}

/// What the columns that `wanted` names hold, told from the first records.
///
/// # Errors
/// The first fault of the table's beginning, with its place.
pub fn kinds(
    input: impl Read,
    wanted: &dyn Fn(&str) -> bool,
    job: &Job<'_>,
) -> Result<Vec<ColumnFinding>, TableError> {
    let findings = detect_columns(&open(input, job)?, wanted)?;
    Ok(findings.into_iter().filter(|finding| wanted(&finding.name)).collect())
}

/// Tells the kinds of the columns from the first records, unless they are known.
fn detect_first<R: Read>(opened: &Opened<R>, keys: &FileKeys) -> Result<Vec<ColumnFinding>, TableError> {
    let mut findings = detect_columns(opened, &|_| true)?;
    keys.settle(&mut findings);
    Ok(findings)
}

fn detect_columns<R: Read>(
    opened: &Opened<R>,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<ColumnFinding>, TableError> {
    let names: Vec<&str> = opened.names.iter().map(String::as_str).collect();
    let wanted: Vec<usize> = (0..names.len()).filter(|column| wanted(names[*column])).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut scanner = TableScanner::new(&names, detect::Options::default());
    if let Some(raw) = &opened.first {
        let block = Block::parse(raw, &opened.dialect, Some(names.len()))?;
        for column in wanted {
            for row in 0..block.records().min(DETECTION_RECORDS) {
                scanner.cell(column, block.text(row, column).as_bytes());
            }
        }
    }
    Ok(scanner.finish())
}

/// Every how many rows the utility figures are fed: 1 for small tables.
fn utility_stride<R: Read>(opened: &Opened<R>, size: Option<u64>) -> u64 {
    let Some(first) = &opened.first else { return 1 };
    let records = memchr::memchr_iter(b'\n', &first.bytes).count().max(1) as u64;
    match size {
        Some(size) => (size / (first.bytes.len() as u64 / records).max(1) / UTILITY_ROWS).max(1),
        // A stream of unknown length: one in 16 is enough for any that is long.
        None => 16,
    }
}

fn new_header<R: Read>(header: &[u8], opened: &Opened<R>, binding: &Binding) -> Result<Vec<u8>, TableError> {
    let raw = RawBlock { bytes: header.to_vec(), first_record: 0, offset: 0 };
    let block = Block::parse(&raw, &opened.dialect, Some(opened.names.len()))?;
    let mut out = Vec::with_capacity(header.len());
    let released = (0..binding.columns.len()).filter(|c| binding.columns[*c].released());
    for (i, c) in released.enumerate() {
        if i > 0 {
            out.push(opened.dialect.delimiter);
        }
        out.extend_from_slice(block.raw_field(0, c));
    }
    out.extend_from_slice(block.line_end(0));
    Ok(out)
}

/// A block, done.
struct Done {
    out: Vec<u8>,
    leaves_in: Vec<Hash>,
    leaves_out: Vec<Hash>,
    counts: Vec<Counts>,
    part: Part,
    persons: Option<Persons>,
    /// The numbers of the records that were dropped, where they are asked for.
    dropped: Vec<u64>,
    bytes_in: u64,
}

fn leaves(block: &Block<'_>, key: &Prf) -> Vec<Hash> {
    (0..block.records()).map(|r| leaf(key, block.record(r))).collect()
}

fn noise_of<'a>(leaves: &[Hash], first_record: u64, keys: &'a FileKeys) -> Vec<Record<'a>> {
    leaves.iter().zip(first_record..).map(|(leaf, index)| keys.noise.record(index, *leaf)).collect()
}

/// What a run needs for each block.
struct Run<'a> {
    plan: &'a Plan,
    binding: &'a Binding,
    generalisation: Option<&'a Generalisation>,
    follow: Option<&'a Follow<'a>>,
    pieces: Vec<Piece>,
    spec: &'a Spec,
    followed: Followed,
    keys: &'a FileKeys,
    dialect: &'a Dialect,
}

impl Run<'_> {
    fn process(&self, block: &Block<'_>) -> Result<Done, TableError> {
        let n = block.records();
        let first_record = block.first_record - u64::from(self.dialect.header);
        let leaves_in = leaves(block, &self.keys.input_leaves);
        let records = noise_of(&leaves_in, first_record, self.keys);
        let first_row = block.first_record + 1;
        let mut done = transform(self.binding, self.plan.head.invalid, block, &records, first_row)?;
        if let Some(generalisation) = self.generalisation {
            generalisation.apply(self.binding, block, &mut done, first_row)?;
        }
        let part = execute::assess(self.spec, &self.followed, self.binding, block, &done, first_record);
        let persons = self.follow.map(|follow| follow.block(self.binding, block, &records, &done));

        let bytes_in: usize = (0..n).map(|r| block.record(r).len()).sum();
        let mut out = Vec::with_capacity(bytes_in + bytes_in / 8);
        let mut leaves_out = Vec::with_capacity(n);
        for r in (0..n).filter(|r| !done.dropped[*r]) {
            let start = out.len();
            self.write_record(block, r, &done, &mut out);
            leaves_out.push(leaf(&self.keys.output_leaves, &out[start..]));
        }
        let asked = self.keys.kinds.is_some();
        let dropped = (first_record..).zip(&done.dropped).filter(|(_, dropped)| asked && **dropped);
        let dropped = dropped.map(|(record, _)| record).collect();
        let bytes_in = bytes_in as u64;
        Ok(Done { out, leaves_in, leaves_out, counts: done.counts, part, persons, dropped, bytes_in })
    }

    fn write_record(&self, block: &Block<'_>, r: usize, done: &Transformed, out: &mut Vec<u8>) {
        let alone = self.pieces.len() == 1;
        for (i, piece) in self.pieces.iter().enumerate() {
            if i > 0 {
                out.push(self.dialect.delimiter);
            }
            match piece {
                Piece::Kept(first, last) => out.extend_from_slice(block.raw_fields(r, *first, *last)),
                Piece::New(c) => match done.columns[*c].as_ref().map(|new| new.get(r)) {
                    None | Some(Value::Kept) => out.extend_from_slice(block.raw_field(r, *c)),
                    Some(Value::Removed) => write_field("", self.dialect, alone, out),
                    Some(Value::New(text)) => write_field(text, self.dialect, alone, out),
                },
            }
        }
        out.extend_from_slice(block.line_end(r));
    }
}

/// A part of an output record.
enum Piece {
    /// Neighbouring columns that leave as they came, copied at once.
    Kept(usize, usize),
    /// A column that went through its action, or was generalised.
    New(usize),
}

fn pieces(binding: &Binding) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (c, column) in binding.columns.iter().enumerate() {
        match (&column.fate, pieces.last_mut()) {
            (Fate::Drop, _) => {}
            (Fate::Keep, _) if column.level > 0 => pieces.push(Piece::New(c)),
            (Fate::Keep, Some(Piece::Kept(_, last))) if *last + 1 == c => *last = c,
            (Fate::Keep, _) => pieces.push(Piece::Kept(c, c)),
            (Fate::Apply { .. }, _) => pieces.push(Piece::New(c)),
        }
    }
    pieces
}

fn name_column(mut error: TableError, binding: &Binding) -> TableError {
    if let Some((number, name)) = &mut error.place.column
        && let Some(column) = binding.columns.get(*number - 1)
    {
        name.clone_from(&column.finding.name);
    }
    error
}

pub(super) fn write_error(error: std::io::Error) -> TableError {
    TableError::new(Trouble::Write(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(header: &str) -> bool {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        check_names(&names).is_err()
    }

    #[test]
    fn a_record_is_not_taken_for_a_header() {
        for record in [
            "张伟,男,13812345678,感冒",
            "张伟,男,感冒",
            "a,b,c,d,e,someone@example.org",
            "李娜,肺炎,内科,330127195811190595",
            "1,2,3",
            "x,2024-01-05",
        ] {
            assert!(refused(record), "{record}");
        }
    }

    #[test]
    fn words_and_some_years_are_a_header() {
        for header in [
            "姓名,性别,出生日期,联系电话",
            "sex,age,race,salary-class",
            "白蛋白,血红蛋白,单位,备注",
            "code,name,2023",
            "M,F,total,unit,x",
            "day,num",
        ] {
            assert!(!refused(header), "{header}");
        }
    }
}
