//! Records of Parquet: made of the values of a row when they are asked for, a batch at a time; the file stays on disk.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use medveil_deid::table::parquet_record::{cells, columns};
use medveil_deid::table::{ParquetRecords, TableError, write_records};

use super::MAX_RECORD;

/// A file, of which footer and header were read.
pub(super) struct Table {
    path: PathBuf,
    rows: u64,
    header: Vec<u8>,
}

impl Table {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let found = read(path)?;
        Ok(Table { path: path.to_owned(), rows: found.count(), header: found.header() })
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    pub(super) fn each(&self, each: impl FnMut(u64, &[u8])) -> Result<(), String> {
        said(self.again()?.each(each))
    }

    pub(super) fn write_part(&self, chosen: &[u64], to: &Path) -> Result<(), String> {
        let mut out = create(to)?;
        said(self.again()?.write_part(chosen, &mut out))
    }

    pub(super) fn patients(&self, column: &str) -> Result<Vec<Option<String>>, String> {
        let texts = said(self.again()?.texts(column))?;
        Ok(texts.into_iter().map(|text| named(&text)).collect())
    }

    /// The file, if it is what it was.
    fn again(&self) -> Result<ParquetRecords, String> {
        let found = read(&self.path)?;
        match found.count() == self.rows && found.header() == self.header {
            true => Ok(found),
            false => Err("it was changed while it was read".into()),
        }
    }
}

/// Whose a record is.
pub(super) fn patient(header: &[u8], record: &[u8], column: &str) -> Option<String> {
    let at = columns(header)?.iter().position(|(name, _)| name.trim() == column)?;
    named(std::str::from_utf8(cells(record)?.get(at).copied()??).ok()?)
}

/// Whether a file begins with the records of another, and how many more it has; none if it does not.
pub(crate) fn more_than(longer: &Path, shorter: &Path) -> Result<Option<u64>, String> {
    let (longer, shorter) = (read(longer)?, read(shorter)?);
    let Some(more) = longer.count().checked_sub(shorter.count()) else { return Ok(None) };
    if longer.header() != shorter.header() {
        return Ok(None);
    }
    // Of each record a hash is held, so that one file is read after the other.
    let hash = |record: &[u8]| medveil_ledger::Digest::of("medveil/custodian-record/1", &[record]);
    let mut before = Vec::new();
    said(shorter.each(|_, record| before.push(hash(record))))?;
    let mut same = true;
    said(longer.each(|number, record| {
        let old = usize::try_from(number).ok().and_then(|number| before.get(number));
        same &= old.is_none_or(|old| *old == hash(record));
    }))?;
    Ok(same.then_some(more))
}

pub(super) fn write_opened(header: &[u8], records: &[&[u8]], to: &Path) -> Result<(), String> {
    said(write_records(header, records, &mut create(to)?))
}

fn named(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn read(path: &Path) -> Result<ParquetRecords, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    said(ParquetRecords::open(file, MAX_RECORD))
}

fn create(path: &Path) -> Result<BufWriter<File>, String> {
    File::create(path).map(BufWriter::new).map_err(|error| error.to_string())
}

fn said<T>(done: Result<T, TableError>) -> Result<T, String> {
    done.map_err(|error| error.to_string())
}
