//! Objects in custody: sealed and cut in one pass, put together and opened in one pass.

use std::io::{self, Read, Write};
use std::ops::Range;

use crate::DataKey;
use crate::envelope::{Envelope, OpenError, Opener, RangeOpener, Sealer};
use crate::manifest::Manifest;
use crate::shards::{Faults, ReadError, Scheme, ShardReader, ShardSink, ShardSource, ShardWriter};

/// Why an object cannot be given out.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// Its sealed bytes cannot be put together.
    #[error(transparent)]
    Shards(ReadError),
    /// Its sealed bytes do not open.
    #[error(transparent)]
    Open(OpenError),
}

impl From<OpenError> for CustodyError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => match error.downcast::<ReadError>() {
                Ok(error) => CustodyError::Shards(error),
                Err(error) => CustodyError::Open(OpenError::Io(error)),
            },
            error => CustodyError::Open(error),
        }
    }
}

/// Seals what `text` gives under `key` and hands its shards to `sink`.
///
/// To go on after an interruption, seal the same text again with the same `envelope`: the shards are the same, byte for byte, so that those
/// which a sink already has may stay.
///
/// # Errors
/// When reading or writing fails, or the key is not the envelope's.
pub fn seal(
    text: &mut impl Read,
    sink: &mut impl ShardSink,
    envelope: &Envelope,
    scheme: Scheme,
    key: &DataKey,
) -> io::Result<Manifest> {
    let shards = ShardWriter::new(sink, scheme);
    let mut sealer = Sealer::new(shards, envelope, key)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    io::copy(text, &mut sealer)?;
    let (shards, length) = sealer.finish()?;
    let (_, sharded) = shards.finish()?;
    let manifest = Manifest::new(envelope.clone(), length, scheme, sharded);
    Ok(manifest.expect("the shards are of the bytes that the sealer wrote"))
}

/// Writes the object's plaintext to `out`. Returns what was wrong with shards that it could do without.
///
/// # Errors
/// What was written before an error is authentic, but not all.
pub fn open(
    manifest: &Manifest,
    source: impl ShardSource,
    key: &DataKey,
    out: &mut impl Write,
) -> Result<Faults, CustodyError> {
    let reader = ShardReader::new(source, manifest.layout(), manifest.segments());
    let mut opener = Opener::new(reader, manifest.envelope(), key).map_err(OpenError::from)?;
    let mut found = 0;
    while let Some(text) = opener.next_chunk()? {
        out.write_all(text).map_err(OpenError::from)?;
        found += text.len() as u64;
    }
    if found != manifest.length() {
        return Err(OpenError::Length { found, expected: manifest.length() }.into());
    }
    let (_, faults) = opener.into_inner().into_parts();
    Ok(faults)
}

/// Writes the plaintext bytes of `range` to `out`, reading only the chunks in which they are: for parts of an object, and to go on
/// after an interruption. Returns what was wrong with shards that it could do without.
///
/// # Errors
/// What was written before an error is authentic.
pub fn open_range(
    manifest: &Manifest,
    source: impl ShardSource,
    key: &DataKey,
    range: Range<u64>,
    out: &mut impl Write,
) -> Result<Faults, CustodyError> {
    let mut reader = ShardReader::new(source, manifest.layout(), manifest.segments());
    RangeOpener::new(&mut reader, manifest.envelope(), key, manifest.length())
        .map_err(OpenError::from)?
        .read(range, out)?;
    let (_, faults) = reader.into_parts();
    Ok(faults)
}
