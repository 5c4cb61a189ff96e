//! Sealing, as a stream.

use std::io::{self, Write};

use zeroize::Zeroizing;

use super::chunk::{Header, associated};
use super::cipher::Cipher;
use super::{CHUNK_BYTES, Envelope, HEADER_BYTES, MAX_LENGTH, SEALED_CHUNK_BYTES, WrongKey};
use crate::{DataKey, Digest};

/// Encrypts what is written to it and writes the chunks on. Holds one chunk.
///
/// [`finish`](Sealer::finish) writes the last chunk; what is dropped before that is no sealed object, and readers find it truncated.
pub struct Sealer<W> {
    inner: W,
    cipher: Cipher,
    context: Digest,
    /// Header, text so far and room for the tag.
    chunk: Zeroizing<Vec<u8>>,
    /// Plaintext bytes in `chunk`.
    filled: usize,
    position: u64,
    /// An earlier write of a chunk failed: how much of it was written is unknown.
    broken: bool,
}

impl<W: Write> Sealer<W> {
    /// Begins to seal into `inner`.
    ///
    /// # Errors
    /// `key` is not the one that the envelope was made for.
    pub fn new(inner: W, envelope: &Envelope, key: &DataKey) -> Result<Sealer<W>, WrongKey> {
        Ok(Sealer {
            inner,
            cipher: envelope.cipher(key)?,
            context: envelope.context(),
            chunk: Zeroizing::new(vec![0; SEALED_CHUNK_BYTES]),
            filled: 0,
            position: 0,
            broken: false,
        })
    }

    /// Writes the last chunk. Returns what was written to, and the number of plaintext bytes.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        let length = self.position * CHUNK_BYTES as u64 + self.filled as u64;
        self.emit(true)?;
        self.inner.flush()?;
        Ok((self.inner, length))
    }

    fn emit(&mut self, last: bool) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier chunk could not be written"));
        }
        let header = Header { position: self.position, length: self.filled, last };
        let raw = header.write(&self.context);
        self.chunk[..HEADER_BYTES].copy_from_slice(&raw);
        let end = HEADER_BYTES + self.filled;
        let tag = self.cipher.seal(
            header.nonce(),
            &associated(&self.context, &raw),
            &mut self.chunk[HEADER_BYTES..end],
        );
        self.chunk[end..end + tag.len()].copy_from_slice(&tag);
        self.broken = true;
        self.inner.write_all(&self.chunk[..end + tag.len()])?;
        self.broken = false;
        self.position += 1;
        self.filled = 0;
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        // A full chunk waits for the next byte, since only then is it known not to be the last.
        if self.filled == CHUNK_BYTES {
            if (self.position + 1) * CHUNK_BYTES as u64 >= MAX_LENGTH {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 16 TiB"));
            }
            self.emit(false)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.filled);
        let start = HEADER_BYTES + self.filled;
        self.chunk[start..start + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        Ok(taken)
    }

    /// Flushes what has been written on. The chunk that is being filled stays here.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
