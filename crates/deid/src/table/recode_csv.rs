//! Counting and recoding CSV files.

use std::io::{Read, Write};

use sha2::{Digest, Sha256};

use super::csv::{Block, RawBlock, write_field};
use super::csv_run::{Opened, open, write_error};
use super::dialect::Dialect;
use super::error::TableError;
use super::job::Job;
use super::recode::{Collector, Counted, Encoded, Places, Recoded, Roles, SUPPRESSED, encode, labels};
use crate::pipeline;
use crate::search::Recoding;

/// Counts the distinct tuples of a CSV file, and of `population` if there is one: a table with the same quasi-identifiers, of which the file is a part.
///
/// # Errors
/// The first fault in source order, with its place; a value that its hierarchy does not have is one.
pub fn count<R: Read + Send>(
    input: R,
    population: Option<R>,
    roles: &Roles,
    job: &Job<'_>,
) -> Result<Counted, TableError> {
    let mut collector = Collector::new(roles)?;
    each_block(open(input, job)?, roles, job, |block| collector.absorb(block))?;
    if let Some(population) = population {
        let known = Roles { sensitive: Vec::new(), dropped: Vec::new(), ..roles.clone() };
        each_block(open(population, job)?, &known, job, |block| {
            collector.absorb_population(block);
            Ok(())
        })?;
    }
    Ok(collector.finish())
}

fn each_block<R: Read + Send>(
    mut opened: Opened<R>,
    roles: &Roles,
    job: &Job<'_>,
    mut sink: impl FnMut(&Encoded) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let dialect = opened.dialect;
    let places = roles.places(&opened.names)?;
    let columns = opened.names.len();
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw: RawBlock| {
            let size = raw.bytes.len() as u64;
            let block = Block::parse(&raw, &dialect, Some(columns))?;
            Ok((encode(roles, &places, &block, block.first_record + 1)?, size))
        },
        |(block, size)| {
            (job.progress)(size);
            sink(&block)
        },
    )
}

/// Writes a CSV file generalised: quasi-identifiers as `recoding` says, dropped columns left out, all others as they came.
///
/// # Errors
/// The first fault in source order, with its place. What has been written by then is incomplete and must be thrown away by the caller.
pub fn recode(
    input: impl Read + Send,
    output: &mut dyn Write,
    roles: &Roles,
    recoding: &Recoding,
    job: &Job<'_>,
) -> Result<Recoded, TableError> {
    let mut opened = open(input, job)?;
    let dialect = opened.dialect;
    let places = roles.places(&opened.names)?;
    let columns = opened.names.len();
    let writer = Writer { roles, places: &places, recoding, dialect: &dialect };
    let mut hash = Sha256::new();
    let mut recoded = Recoded { rows: 0, suppressed_rows: 0, output_sha256: [0; 32] };
    let mut write = |bytes: &[u8]| {
        hash.update(bytes);
        output.write_all(bytes).map_err(write_error)
    };
    write(&b"\xef\xbb\xbf"[..dialect.mark_len()])?;
    if let Some(header) = &opened.header {
        write(&writer.header(header, columns)?)?;
    }
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw: RawBlock| {
            let size = raw.bytes.len() as u64;
            let block = Block::parse(&raw, &dialect, Some(columns))?;
            let (out, suppressed) = writer.records(&block)?;
            Ok((out, suppressed, block.records() as u64, size))
        },
        |(out, suppressed, rows, size)| {
            recoded.rows += rows;
            recoded.suppressed_rows += suppressed;
            (job.progress)(size);
            write(&out)
        },
    )?;
    output.flush().map_err(write_error)?;
    recoded.output_sha256 = hash.finalize().into();
    Ok(recoded)
}

struct Writer<'a> {
    roles: &'a Roles,
    places: &'a Places,
    recoding: &'a Recoding,
    dialect: &'a Dialect,
}

impl Writer<'_> {
    fn header(&self, header: &[u8], columns: usize) -> Result<Vec<u8>, TableError> {
        let raw = RawBlock { bytes: header.to_vec(), first_record: 0, offset: 0 };
        let block = Block::parse(&raw, self.dialect, Some(columns))?;
        let mut out = Vec::with_capacity(header.len());
        self.record(&block, 0, |_| None, &mut out);
        Ok(out)
    }

    /// The records of a block, and how many of them are suppressed.
    fn records(&self, block: &Block<'_>) -> Result<(Vec<u8>, u64), TableError> {
        let encoded = encode(self.roles, self.places, block, block.first_record + 1)?;
        let size: usize = (0..block.records()).map(|r| block.record(r).len()).sum();
        let (mut out, mut suppressed) = (Vec::with_capacity(size + size / 8), 0);
        let mut new: Vec<&str> = Vec::new();
        for (r, codes) in encoded.records(self.places.quasi_identifiers.len()).enumerate() {
            new.clear();
            match labels(self.recoding, codes) {
                Some(labels) => new.extend(labels),
                None => {
                    suppressed += 1;
                    new.resize(codes.len(), SUPPRESSED);
                }
            }
            let place = |column: usize| self.places.quasi_identifiers.iter().position(|c| *c == column);
            self.record(block, r, |column| place(column).map(|at| new[at]), &mut out);
        }
        Ok((out, suppressed))
    }

    /// One record: the columns that are new as `new` says, the others as they came.
    fn record<'t>(
        &self,
        block: &Block<'_>,
        r: usize,
        new: impl Fn(usize) -> Option<&'t str>,
        out: &mut Vec<u8>,
    ) {
        let released = block.columns() - self.places.dropped.len();
        let columns = (0..block.columns()).filter(|column| !self.places.dropped.contains(column));
        for (i, column) in columns.enumerate() {
            if i > 0 {
                out.push(self.dialect.delimiter);
            }
            match new(column) {
                Some(text) => write_field(text, self.dialect, released == 1, out),
                None => out.extend_from_slice(block.raw_field(r, column)),
            }
        }
        out.extend_from_slice(block.line_end(r));
    }
}
