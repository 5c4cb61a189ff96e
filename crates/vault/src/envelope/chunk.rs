//! A chunk's header, and how a chunk is opened.

use super::cipher::Cipher;
use super::open::OpenError;
use super::{CHUNK_BYTES, HEADER_BYTES, TAG_BYTES};
use crate::Digest;

/// What a chunk's header says.
#[derive(Clone, Copy)]
pub(super) struct Header {
    /// The chunk's place in the object, from 0.
    pub(super) position: u64,
    /// Plaintext bytes.
    pub(super) length: usize,
    /// Nothing follows.
    pub(super) last: bool,
}

impl Header {
    pub(super) fn write(&self, context: &Digest) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..16].copy_from_slice(&context.0[..16]);
        bytes[16..24].copy_from_slice(&self.position.to_le_bytes());
        let length = u32::try_from(self.length).expect("a chunk has at most 1 MiB");
        bytes[24..28].copy_from_slice(&length.to_le_bytes());
        bytes[28] = u8::from(self.last);
        bytes
    }

    /// Reads a header where the chunk `expected` belongs.
    pub(super) fn read(
        bytes: &[u8; HEADER_BYTES],
        context: &Digest,
        expected: u64,
    ) -> Result<Header, OpenError> {
        if bytes[..16] != context.0[..16] {
            return Err(OpenError::Foreign { chunk: expected });
        }
        let position = u64::from_le_bytes(bytes[16..24].try_into().expect("8 bytes"));
        if position < expected {
            return Err(OpenError::Repeated { chunk: expected, found: position });
        }
        if position > expected {
            return Err(OpenError::OutOfOrder { chunk: expected, found: position });
        }
        let length = u32::from_le_bytes(bytes[24..28].try_into().expect("4 bytes")) as usize;
        let last = bytes[28] == 1;
        // Only the last chunk may be short, and it is empty only when the object is.
        let fits = match last {
            true => length <= CHUNK_BYTES && (length > 0 || position == 0),
            false => length == CHUNK_BYTES,
        };
        if bytes[28] > 1 || bytes[29..] != [0; 3] || !fits {
            return Err(OpenError::BadHeader { chunk: expected });
        }
        Ok(Header { position, length, last })
    }

    pub(super) fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.position.to_be_bytes());
        nonce[11] = u8::from(self.last);
        nonce
    }
}

/// What a chunk is authenticated with beside its text.
pub(super) fn associated(context: &Digest, header: &[u8; HEADER_BYTES]) -> [u8; 32 + HEADER_BYTES] {
    let mut bytes = [0; 32 + HEADER_BYTES];
    bytes[..32].copy_from_slice(&context.0);
    bytes[32..].copy_from_slice(header);
    bytes
}

/// Decrypts in place the chunk whose header has been read: `body` is its text and tag.
pub(super) fn open_body<'b>(
    cipher: &Cipher,
    context: &Digest,
    raw: &[u8; HEADER_BYTES],
    header: &Header,
    body: &'b mut [u8],
) -> Result<&'b [u8], OpenError> {
    let (text, tag) = body.split_at_mut(header.length);
    let tag: [u8; TAG_BYTES] = (&*tag).try_into().expect("the caller cuts text and tag");
    if !cipher.open(header.nonce(), &associated(context, raw), text, tag) {
        return Err(OpenError::Altered { chunk: header.position });
    }
    Ok(text)
}
