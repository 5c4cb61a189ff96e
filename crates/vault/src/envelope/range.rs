//! Opening a part of an object.

use std::io::{self, Write};
use std::ops::Range;

use zeroize::Zeroizing;

use super::chunk::{Header, open_body};
use super::cipher::Cipher;
use super::open::OpenError;
use super::{CHUNK_BYTES, Envelope, HEADER_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES, WrongKey, chunks};
use crate::{DataKey, Digest};

/// Sealed bytes that can be read from any place.
pub trait ReadAt {
    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when there are not that many.
    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl<R: ReadAt + ?Sized> ReadAt for &mut R {
    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buffer, offset)
    }
}

impl ReadAt for &[u8] {
    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl ReadAt for std::fs::File {
    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        self.seek(SeekFrom::Start(offset))?;
        self.read_exact(buffer)
    }
}

/// Opens ranges of an object whose length is known from its manifest. Holds one chunk.
///
/// A range shows that its bytes are in their place, and that the object ends where it should if the range reaches the end; what
/// lies outside of it is not read.
pub struct RangeOpener<R> {
    inner: R,
    cipher: Cipher,
    context: Digest,
    length: u64,
    chunk: Zeroizing<Vec<u8>>,
}

impl<R: ReadAt> RangeOpener<R> {
    /// Opens ranges of the `length` plaintext bytes that are sealed in `inner`.
    ///
    /// # Errors
    /// `key` is not the one that sealed it.
    pub fn new(
        inner: R,
        envelope: &Envelope,
        key: &DataKey,
        length: u64,
    ) -> Result<RangeOpener<R>, WrongKey> {
        Ok(RangeOpener {
            inner,
            cipher: envelope.cipher(key)?,
            context: envelope.context(),
            length,
            chunk: Zeroizing::new(vec![0; CHUNK_BYTES + TAG_BYTES]),
        })
    }

    /// Writes the plaintext bytes of `range` to `out`, chunk by chunk.
    ///
    /// # Errors
    /// [`OpenError`]; what was written before it is authentic.
    pub fn read(&mut self, range: Range<u64>, out: &mut impl Write) -> Result<(), OpenError> {
        if range.start > range.end || range.end > self.length {
            let Range { start, end } = range;
            return Err(OpenError::OutOfRange { start, end, length: self.length });
        }
        let chunk_bytes = CHUNK_BYTES as u64;
        let mut at = range.start;
        while at < range.end {
            let position = at / chunk_bytes;
            let start = position * chunk_bytes;
            let text = self.open(position)?;
            let end = range.end.min(start + chunk_bytes);
            out.write_all(&text[(at - start) as usize..(end - start) as usize])?;
            at = end;
        }
        Ok(())
    }

    fn open(&mut self, position: u64) -> Result<&[u8], OpenError> {
        let offset = position * SEALED_CHUNK_BYTES as u64;
        let mut raw = [0; HEADER_BYTES];
        let ended = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => OpenError::Truncated { chunk: position },
            _ => OpenError::Io(error),
        };
        self.inner.read_exact_at(&mut raw, offset).map_err(ended)?;
        let header = Header::read(&raw, &self.context, position)?;
        let last = position + 1 == chunks(self.length);
        let length = if last { self.length - position * CHUNK_BYTES as u64 } else { CHUNK_BYTES as u64 };
        if header.last != last || header.length as u64 != length {
            // Authentic or not, it is not the chunk that an object of this length has here.
            let found = position * CHUNK_BYTES as u64 + header.length as u64;
            return Err(OpenError::Length { found, expected: self.length });
        }
        let size = header.length + TAG_BYTES;
        self.inner.read_exact_at(&mut self.chunk[..size], offset + HEADER_BYTES as u64).map_err(ended)?;
        open_body(&self.cipher, &self.context, &raw, &header, &mut self.chunk[..size])
    }
}
