//! Lines of text for as many patients as a size takes.

use std::io::{self, Write};

use crate::parallel;

/// Writes the lines that `make` gives for run after run of `run` patients, until one more line would make more than
/// `bytes` in all, `header` included. No line contains a line break. Returns what was written.
pub(crate) fn lines(
    header: &[u8],
    bytes: u64,
    run: u64,
    make: impl Fn(std::ops::Range<u64>) -> Vec<u8> + Sync,
    writer: &mut impl Write,
) -> io::Result<u64> {
    if header.len() as u64 > bytes {
        return Ok(0);
    }
    writer.write_all(header)?;
    let mut written = header.len() as u64;
    parallel::in_order(
        u64::MAX / run,
        |job| make(job * run..(job + 1) * run),
        |piece| {
            let room = usize::try_from(bytes - written).unwrap_or(usize::MAX);
            let fits = match piece.get(..room) {
                None => &piece[..],
                Some(start) => &start[..start.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)],
            };
            writer.write_all(fits)?;
            written += fits.len() as u64;
            Ok::<_, io::Error>(piece.len() < room)
        },
    )?;
    writer.flush()?;
    Ok(written)
}
