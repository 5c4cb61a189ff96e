//! The canonical encoding, the ledger's: strict [borsh](https://borsh.io). One value, one sequence of bytes.
//!
//! Bytes left over, unknown tags and sets out of order are refused. Memory is bounded by the length of the input: a length that promises
//! more than there is costs nothing.

use borsh::{BorshDeserialize, BorshSerialize};

/// What has one canonical encoding.
pub trait Canonical: BorshSerialize + BorshDeserialize {
    /// The canonical bytes.
    fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing into memory does not fail, and every length is below 2^32")
    }

    /// The value of exactly these bytes.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset at which the bytes stop being canonical.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        let value = Self::deserialize(&mut rest).map_err(|error| DecodeError::Malformed {
            at: bytes.len() - rest.len(),
            what: error.to_string(),
        })?;
        if rest.is_empty() { Ok(value) } else { Err(DecodeError::TrailingBytes { count: rest.len() }) }
    }
}

impl<T: BorshSerialize + BorshDeserialize> Canonical for T {}

/// Why bytes are not the encoding of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes from here on are no canonical encoding.
    #[error("malformed at byte {at}: {what}")]
    Malformed {
        /// Where the value that could not be read begins or breaks off.
        at: usize,
        /// What is wrong, without the bytes themselves.
        what: String,
    },
    /// Bytes follow the value.
    #[error("{count} bytes follow the end")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// More bytes than any value of the type may take.
    #[error("{bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

/// An error inside a hand-written decoder.
pub(crate) fn invalid(what: impl Into<String>) -> borsh::io::Error {
    borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, what.into())
}
