//! Records of CSV: bytes as they stand, line ends included.

use std::io::Cursor;
use std::ops::Range;

use medveil_deid::table::Dialect;
use medveil_deid::table::csv::{Block, Blocks};

use super::MAX_RECORD;

/// Bytes that are cut into records at once.
const BLOCK: usize = 1 << 20;

/// The places of a header and of records.
type Found = (Option<Range<usize>>, Vec<Range<usize>>);

/// Finds the records of a file.
pub(super) fn records(bytes: &[u8], dialect: &Dialect) -> Result<Found, String> {
    let mut records = Vec::new();
    let mut at = dialect.mark_len();
    blocks(bytes, dialect, |block| {
        for record in 0..block.records() {
            let end = at + block.record(record).len();
            records.push(at..end);
            at = end;
        }
        Ok(())
    })?;
    let header = if dialect.header && !records.is_empty() { Some(records.remove(0)) } else { None };
    Ok((header, records))
}

/// What stands in a column, record by record.
pub(super) fn patients(bytes: &[u8], dialect: &Dialect, column: &str) -> Result<Vec<Option<String>>, String> {
    let (mut patients, mut at) = (Vec::new(), None);
    blocks(bytes, dialect, |block| {
        let mut first = 0;
        let at = match at {
            Some(at) => at,
            None => {
                let mut columns = 0..block.columns();
                let found = if dialect.header {
                    first = 1;
                    columns.find(|c| block.text(0, *c).trim() == column)
                } else {
                    columns.find(|c| format!("column{}", c + 1) == column)
                };
                *at.insert(found.ok_or_else(|| format!("there is no column `{column}`"))?)
            }
        };
        for record in first..block.records() {
            let patient = block.text(record, at).trim();
            patients.push((!patient.is_empty()).then(|| patient.to_owned()));
        }
        Ok(())
    })?;
    Ok(patients)
}

fn blocks(
    bytes: &[u8],
    dialect: &Dialect,
    mut each: impl FnMut(&Block<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let (head, rest) =
        bytes.split_at_checked(dialect.mark_len()).ok_or("shorter than its byte-order mark")?;
    let mut blocks = Blocks::new(Cursor::new(rest), head, *dialect, BLOCK, MAX_RECORD);
    let mut columns = None;
    while let Some(raw) = blocks.next_block().map_err(|error| error.to_string())? {
        let block = Block::parse(&raw, dialect, columns).map_err(|error| error.to_string())?;
        columns = Some(block.columns());
        each(&block)?;
    }
    Ok(())
}
