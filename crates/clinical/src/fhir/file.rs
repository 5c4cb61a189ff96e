//! FHIR files: NDJSON streamed line by line on all cores; a resource or Bundle file as one record.

use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Mutex;

use medveil_deid::assess::{Assessor, Part, Spec};
use medveil_deid::merkle::{Builder, Hash, leaf};
use medveil_deid::pipeline;
use medveil_deid::plan::Plan;
use medveil_deid::study::Suite;
use medveil_deid::table::{Counts, FileKeys, Job, Side};

use super::demographics;
use super::opening::Openings;
use super::{FhirExecutor, RecordError, RecordOutcome, Scratch, Tally};

/// What is wrong with a FHIR file, and where. No value is in it.
#[derive(Debug, thiserror::Error)]
pub enum FhirFileError {
    /// Reading failed.
    #[error("cannot read: {0}")]
    Read(std::io::Error),
    /// Writing failed.
    #[error("cannot write: {0}")]
    Write(std::io::Error),
    /// The run was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// No record at all.
    #[error("the file is empty")]
    Empty,
    /// A line of NDJSON that is longer than the limit.
    #[error("line {line}: longer than {limit} bytes; raise `--max-record` if it is meant")]
    TooLong {
        /// From 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A resource or Bundle that is larger than the memory it may use.
    #[error(
        "larger than the {limit} bytes of memory that may be used; raise `--memory`, or give the data as NDJSON, which is streamed"
    )]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A record that cannot be processed.
    #[error("line {line}, {error}")]
    Record {
        /// From 1; 1 for files of one record.
        line: u64,
        /// What, and at which byte of the record and FHIR path.
        error: RecordError,
    },
}

impl FhirFileError {
    /// Whether the run was stopped from outside.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, FhirFileError::Interrupted)
    }
}

/// What came of one FHIR file.
#[derive(Debug)]
pub struct FhirOutcome {
    /// The format, for reports.
    pub format: &'static str,
    /// What was read.
    pub input: Side,
    /// What was written.
    pub output: Side,
    /// Records that were dropped.
    pub dropped: u64,
    /// Which, by their numbers in the file from 0, where the file is a part of another; empty otherwise.
    pub dropped_records: Vec<u64>,
    /// What the rules did.
    pub tally: Tally,
}

impl FhirOutcome {
    /// How many elements each FHIR rule of the plan touched; `None` stands for what no rule matched.
    pub fn rule_counts(&self, plan: &Plan) -> Vec<(Option<usize>, Counts)> {
        let touched = self.tally.rules.iter().enumerate().filter(|(_, count)| **count > 0);
        let mut all: Vec<_> = touched
            .map(|(rule, count)| {
                let mut counts = Counts::default();
                match plan.rules[rule].action.method().name {
                    "keep" => counts.kept = *count,
                    "redact" => counts.removed = *count,
                    _ => counts.changed = *count,
                }
                (Some(rule), counts)
            })
            .collect();
        if self.tally.unmatched > 0 {
            all.push((None, Counts { removed: self.tally.unmatched, ..Counts::default() }));
        }
        if self.tally.invalid > 0 {
            all.push((None, Counts { invalid: self.tally.invalid, ..Counts::default() }));
        }
        all
    }
}

/// Applies a plan's FHIR rules to one file: NDJSON with `lines`, else one resource or Bundle. The demographics of the patients in it go to
/// `patients`, whose spec is [`demographics::spec`].
///
/// # Errors
/// The first fault in source order, with its place. What has been written by then is incomplete and must be thrown away by the caller.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one thing that a run needs; a struct would only rename them"
)]
pub fn deidentify(
    input: impl Read + Send,
    lines: bool,
    output: &mut dyn Write,
    executor: &FhirExecutor,
    suite: Suite,
    keys: &FileKeys,
    patients: &mut Assessor,
    job: &Job<'_>,
) -> Result<FhirOutcome, FhirFileError> {
    let spec = demographics::spec();
    let scratches: Pool<(Scratch, Openings)> = Pool::default();
    let buffers = Pool::default();
    let mut trees = (Builder::new(suite), Builder::new(suite));
    let (mut bytes_in, mut bytes_out) = (0, 0);
    let mut source = Lines::new(input, lines, job);
    let mut dropped_records = Vec::new();
    pipeline::run(
        job.width(),
        || {
            if job.check().is_err() {
                return Err(FhirFileError::Interrupted);
            }
            source.next_block_in(buffers.take())
        },
        |block: Block| {
            let mut scratch =
                scratches.take().unwrap_or_else(|| (executor.scratch(), Openings::new(&keys.output_leaves)));
            let out = buffers.take().unwrap_or_default();
            let done = process(&block, executor, &mut scratch, keys, &spec, out);
            scratches.give(scratch);
            buffers.give(block.bytes);
            done
        },
        |done: Done| {
            let first = trees.0.count();
            dropped_records.extend(done.dropped.iter().map(|record| first + record));
            done.leaves_in.iter().for_each(|leaf| trees.0.push(*leaf));
            done.leaves_out.iter().for_each(|leaf| trees.1.push(*leaf));
            bytes_in += done.bytes_in;
            bytes_out += done.out.len() as u64;
            patients.absorb(done.part);
            (job.progress)(done.bytes_in);
            output.write_all(&done.out).map_err(FhirFileError::Write)?;
            buffers.give(done.out);
            Ok(())
        },
    )?;
    output.flush().map_err(FhirFileError::Write)?;
    let mut tally = Tally::default();
    while let Some((scratch, _)) = scratches.take() {
        tally.add(&executor.tally(&scratch));
    }
    let (records_in, records_out) = (trees.0.count(), trees.1.count());
    if records_in == 0 {
        return Err(FhirFileError::Empty);
    }
    Ok(FhirOutcome {
        format: format_name(lines),
        input: Side::new(&trees.0, records_in, bytes_in),
        output: Side::new(&trees.1, records_out, bytes_out),
        dropped: records_in - records_out,
        dropped_records,
        tally,
    })
}

/// What is used again, so that memory need not be asked for, and cleared by the system, block after block.
struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool(Mutex::new(Vec::new()))
    }
}

impl<T> Pool<T> {
    // A panicking thread ends the whole run, so the lock is never found poisoned.
    fn take(&self) -> Option<T> {
        self.0.lock().ok().and_then(|mut spare| spare.pop())
    }

    fn give(&self, spare: T) {
        if let Ok(mut all) = self.0.lock() {
            all.push(spare);
        }
    }
}

/// The Merkle root of a FHIR file over its records.
pub fn hash(
    input: impl Read + Send,
    lines: bool,
    suite: Suite,
    leaf_of: &(dyn Fn(&[u8]) -> Hash + Sync),
    job: &Job<'_>,
) -> Result<Side, FhirFileError> {
    let mut source = Lines::new(input, lines, job);
    let mut tree = Builder::new(suite);
    let mut bytes = 0;
    while let Some(block) = source.next_block()? {
        if job.check().is_err() {
            return Err(FhirFileError::Interrupted);
        }
        bytes += block.bytes.len() as u64;
        block.records().for_each(|(_, record)| tree.push(leaf_of(record)));
    }
    Ok(Side::new(&tree, tree.count(), bytes))
}

fn format_name(lines: bool) -> &'static str {
    if lines { "fhir r4 (ndjson)" } else { "fhir r4 (json)" }
}

/// Whole records, in source order.
pub(super) struct Block {
    bytes: Vec<u8>,
    /// The line of the first record, from 1.
    first_line: u64,
    lines: bool,
}

impl Block {
    /// The records with their lines; blank lines are none.
    pub(super) fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.places().map(|(line, place)| (line, &self.bytes[place]))
    }

    /// Where the records stand.
    fn places(&self) -> impl Iterator<Item = (u64, Range<usize>)> {
        let mut start = 0;
        let places = std::iter::from_fn(move || {
            let rest = &self.bytes[start..];
            let end = match memchr::memchr(b'\n', rest).filter(|_| self.lines) {
                Some(at) => start + at + 1,
                None if rest.is_empty() => return None,
                None => self.bytes.len(),
            };
            Some(std::mem::replace(&mut start, end)..end)
        });
        let numbered = (self.first_line..).zip(places);
        numbered.filter(|(_, place)| !self.bytes[place.clone()].trim_ascii_start().is_empty())
    }
}

/// Cuts NDJSON into blocks at line ends, or takes a file as one block.
pub(super) struct Lines<R> {
    input: R,
    lines: bool,
    block_size: usize,
    limit: usize,
    carry: Vec<u8>,
    next_line: u64,
    done: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R, lines: bool, job: &Job<'_>) -> Self {
        let limit = if lines { job.max_record } else { job.memory };
        Lines {
            input,
            lines,
            block_size: job.block_size(),
            limit,
            carry: Vec::new(),
            next_line: 1,
            done: false,
        }
    }

    pub(super) fn next_block(&mut self) -> Result<Option<Block>, FhirFileError> {
        self.next_block_in(None)
    }

    /// The next block, in the memory of one that is no longer needed.
    fn next_block_in(&mut self, spare: Option<Vec<u8>>) -> Result<Option<Block>, FhirFileError> {
        let mut buffer = spare.unwrap_or_default();
        buffer.clear();
        buffer.append(&mut self.carry);
        let mut wanted = if self.lines { self.block_size } else { self.limit.saturating_add(1) };
        while !self.done {
            let missing = wanted.saturating_sub(buffer.len());
            if self.lines {
                buffer.reserve(missing);
            }
            let read = self.input.by_ref().take(missing as u64).read_to_end(&mut buffer);
            self.done = read.map_err(FhirFileError::Read)? < missing;
            if self.done {
                break;
            }
            if !self.lines {
                return Err(FhirFileError::TooLarge { limit: self.limit });
            }
            if let Some(end) = memchr::memrchr(b'\n', &buffer) {
                self.carry.extend_from_slice(&buffer[end + 1..]);
                buffer.truncate(end + 1);
                break;
            }
            if buffer.len() > self.limit {
                return Err(FhirFileError::TooLong { line: self.next_line, limit: self.limit });
            }
            wanted = buffer.len() * 2;
        }
        if buffer.is_empty() {
            return Ok(None);
        }
        let block = Block { first_line: self.next_line, lines: self.lines, bytes: buffer };
        self.next_line += memchr::memchr_iter(b'\n', &block.bytes).count() as u64;
        Ok(Some(block))
    }
}

/// A block, done.
struct Done {
    out: Vec<u8>,
    leaves_in: Vec<Hash>,
    leaves_out: Vec<Hash>,
    /// Records of the block that were dropped, from 0.
    dropped: Vec<u64>,
    part: Part,
    bytes_in: u64,
}

fn process(
    block: &Block,
    executor: &FhirExecutor,
    (scratch, openings): &mut (Scratch, Openings),
    keys: &FileKeys,
    spec: &Spec,
    mut out: Vec<u8>,
) -> Result<Done, FhirFileError> {
    out.clear();
    out.reserve(block.bytes.len() + block.bytes.len() / 8);
    let mut done = Done {
        out,
        leaves_in: Vec::new(),
        leaves_out: Vec::new(),
        dropped: Vec::new(),
        part: Part::new(spec),
        bytes_in: block.bytes.len() as u64,
    };
    // A record is UTF-8 where the whole block is, which is quicker to find out; otherwise the record at fault is to be named.
    let text = simdutf8::basic::from_utf8(&block.bytes).ok();
    for (line, place) in block.places() {
        let bytes = &block.bytes[place.clone()];
        let leaf_in = leaf(&keys.input_leaves, bytes);
        // The line is part of the record's identity, so that equal lines get noise of their own.
        let record = keys.noise.record(line, leaf_in);
        // A byte-order mark and the line end are not JSON; the line end stays.
        let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        let end = &bytes[bytes.trim_ascii_end().len()..];
        let start = done.out.len();
        let outcome = match text {
            Some(text) => {
                let text = &text[place];
                let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii();
                executor.text(text, &record, scratch, &mut done.out)
            }
            None => executor.record(json, &record, scratch, &mut done.out),
        };
        let outcome = outcome.map_err(|error| FhirFileError::Record { line, error })?;
        done.leaves_in.push(leaf_in);
        let written = outcome == RecordOutcome::Written;
        if scratch.may_hold_patients() {
            demographics::observe(json, written.then(|| &done.out[start..]), line, &mut done.part);
        }
        if written {
            done.out.extend_from_slice(end);
            done.leaves_out.push(openings.leaf(&done.out[start..], scratch.opening()));
        } else if keys.kinds.is_some() {
            done.dropped.push(done.leaves_in.len() as u64 - 1);
        }
    }
    Ok(done)
}
