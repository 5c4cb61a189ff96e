//! Opening, as a stream.

use std::io::{self, Read};

use zeroize::Zeroizing;

use super::chunk::{Header, open_body};
use super::cipher::Cipher;
use super::{CHUNK_BYTES, Envelope, HEADER_BYTES, TAG_BYTES, WrongKey};
use crate::{DataKey, Digest};

/// Why sealed bytes are not the object. Chunks count from 0.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The key is another one.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
    /// The chunk belongs to another object, another version, or another sealing of this one.
    #[error("chunk {chunk} belongs to another object or version")]
    Foreign {
        /// The place at which it was found.
        chunk: u64,
    },
    /// An earlier chunk comes again.
    #[error("chunk {found} comes again in the place of chunk {chunk}")]
    Repeated {
        /// The place at which it was found.
        chunk: u64,
        /// The place to which it belongs.
        found: u64,
    },
    /// A later chunk comes too early: chunks were exchanged or left out.
    #[error("chunk {found} is in the place of chunk {chunk}")]
    OutOfOrder {
        /// The place at which it was found.
        chunk: u64,
        /// The place to which it belongs.
        found: u64,
    },
    /// The header cannot be of any chunk.
    #[error("chunk {chunk} has an impossible header")]
    BadHeader {
        /// The chunk.
        chunk: u64,
    },
    /// Header, text or tag are not what was sealed.
    #[error("chunk {chunk} has been altered")]
    Altered {
        /// The chunk.
        chunk: u64,
    },
    /// The bytes end before the last chunk does.
    #[error("the object breaks off in chunk {chunk}")]
    Truncated {
        /// The first chunk that is not whole.
        chunk: u64,
    },
    /// Bytes follow the last chunk.
    #[error("bytes follow the last chunk, {chunk}")]
    Extended {
        /// The last chunk.
        chunk: u64,
    },
    /// The object has another number of bytes than its manifest says.
    #[error("the object has {found} bytes, its manifest says {expected}")]
    Length {
        /// Plaintext bytes found.
        found: u64,
        /// Plaintext bytes promised.
        expected: u64,
    },
    /// The range reaches beyond the object.
    #[error("bytes {start}..{end} are not within the object's {length} bytes")]
    OutOfRange {
        /// First byte asked for.
        start: u64,
        /// End of what was asked for.
        end: u64,
        /// Bytes that there are.
        length: u64,
    },
    /// The sealed bytes cannot be read.
    #[error("sealed bytes cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> io::Error {
        match error {
            OpenError::Io(error) => error,
            error => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// Decrypts what it reads. Gives out authenticated bytes only; holds one chunk.
///
/// As a [`Read`], errors that are not of the source are [`OpenError`]s inside the [`io::Error`].
pub struct Opener<R> {
    inner: R,
    cipher: Cipher,
    context: Digest,
    /// Text and tag of the current chunk.
    chunk: Zeroizing<Vec<u8>>,
    /// The part of `chunk` that [`Read`] has yet to give out.
    unread: std::ops::Range<usize>,
    position: u64,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Reading,
    Ended,
    /// An error was told: what follows is not read, and is not taken for the end.
    Broken,
}

impl<R: Read> Opener<R> {
    /// Begins to open what `inner` gives.
    ///
    /// # Errors
    /// `key` is not the one that sealed it.
    pub fn new(inner: R, envelope: &Envelope, key: &DataKey) -> Result<Opener<R>, WrongKey> {
        Ok(Opener {
            inner,
            cipher: envelope.cipher(key)?,
            context: envelope.context(),
            chunk: Zeroizing::new(vec![0; CHUNK_BYTES + TAG_BYTES]),
            unread: 0..0,
            position: 0,
            state: State::Reading,
        })
    }

    /// The next chunk's plaintext; `None` after the last.
    ///
    /// # Errors
    /// [`OpenError`]; after one, every call says that the object breaks off there.
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, OpenError> {
        let range = self.advance()?;
        Ok(range.map(|range| &self.chunk[range]))
    }

    /// What is read from.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Opens the next chunk and says where in `chunk` its text is.
    fn advance(&mut self) -> Result<Option<std::ops::Range<usize>>, OpenError> {
        self.unread = 0..0;
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(None),
            State::Broken => return Err(OpenError::Truncated { chunk: self.position }),
        }
        self.state = State::Broken;
        let mut raw = [0; HEADER_BYTES];
        self.fill(&mut raw)?;
        let header = Header::read(&raw, &self.context, self.position)?;
        let size = header.length + TAG_BYTES;
        let mut chunk = std::mem::take(&mut self.chunk);
        let filled = self.fill(&mut chunk[..size]);
        self.chunk = chunk;
        filled?;
        open_body(&self.cipher, &self.context, &raw, &header, &mut self.chunk[..size])?;
        if header.last && read_up_to(&mut self.inner, &mut [0])? > 0 {
            return Err(OpenError::Extended { chunk: header.position });
        }
        self.state = if header.last { State::Ended } else { State::Reading };
        self.position += 1;
        Ok(Some(0..header.length))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), OpenError> {
        if read_up_to(&mut self.inner, buffer)? < buffer.len() {
            return Err(OpenError::Truncated { chunk: self.position });
        }
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            match self.advance()? {
                Some(range) => self.unread = range,
                None => return Ok(0),
            }
        }
        let taken = buffer.len().min(self.unread.len());
        buffer[..taken].copy_from_slice(&self.chunk[self.unread.start..self.unread.start + taken]);
        self.unread.start += taken;
        Ok(taken)
    }
}

/// Fills `buffer` as far as there are bytes.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
