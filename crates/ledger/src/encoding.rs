//! The canonical encoding: one value, one sequence of bytes.
//!
//! The format is [borsh](https://borsh.io): little-endian integers of fixed width, lengths as `u32`, enums by a tag. Nothing about it is left
//! to the encoder, so that what decodes encodes to the same bytes; where a type has more spellings than values (sets, texts, points) its decoder refuses all but one. It is
//! published and has implementations in the languages that wallets are written in.
//!
//! Decoding is strict: bytes left over, unknown tags, text that is not UTF-8, and lists out of order are refused. Memory is bounded by the
//! length of the input: a length that promises more than there is costs nothing.

use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::refusal::{Fact, Named, fact};

/// What has one canonical encoding.
pub trait Canonical: BorshSerialize + BorshDeserialize {
    /// The canonical bytes.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        self.encode_into(&mut bytes);
        bytes
    }

    /// Appends the canonical bytes.
    fn encode_into(&self, bytes: &mut Vec<u8>) {
        BorshSerialize::serialize(self, bytes)
            .expect("writing into memory does not fail, and every length is below 2^32");
    }

    /// The value of exactly these bytes.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset at which the bytes stop being canonical.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        let value = part(bytes.len(), &mut rest)?;
        end(rest)?;
        Ok(value)
    }
}

impl<T: BorshSerialize + BorshDeserialize> Canonical for T {}

/// Why bytes are not the encoding of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than any value of the type may take.
    #[error("{bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The first byte names a format that this software does not know.
    #[error("unknown transaction format {found}, expected {expected}")]
    UnknownFormat {
        /// The format found.
        found: u8,
        /// The format known.
        expected: u8,
    },
    /// No action has the number.
    #[error("unknown action number {number} at byte {at}")]
    UnknownAction {
        /// The number found.
        number: u16,
        /// Where.
        at: usize,
    },
    /// No signature suite has the number.
    #[error("unknown signature suite {number} at byte {at}")]
    UnknownSuite {
        /// The number found.
        number: u8,
        /// Where.
        at: usize,
    },
    /// The signature is of another suite than the signer's key.
    #[error("the signer's key is of suite {key}, the signature of suite {signature}")]
    SuiteMismatch {
        /// The key's suite.
        key: &'static str,
        /// The signature's suite.
        signature: &'static str,
    },
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
}

impl Named for DecodeError {
    fn name(&self) -> &'static str {
        match self {
            DecodeError::TooLarge { .. } => "encoding.too_large",
            DecodeError::UnknownFormat { .. } => "encoding.unknown_format",
            DecodeError::UnknownAction { .. } => "encoding.unknown_action",
            DecodeError::UnknownSuite { .. } => "encoding.unknown_suite",
            DecodeError::SuiteMismatch { .. } => "encoding.suite_mismatch",
            DecodeError::Malformed { .. } => "encoding.malformed",
            DecodeError::TrailingBytes { .. } => "encoding.trailing_bytes",
        }
    }

    fn chinese(&self) -> &'static str {
        match self {
            DecodeError::TooLarge { .. } => "超过大小上限",
            DecodeError::UnknownFormat { .. } => "未知的交易格式",
            DecodeError::UnknownAction { .. } => "未知的操作",
            DecodeError::UnknownSuite { .. } => "未知的签名算法套件",
            DecodeError::SuiteMismatch { .. } => "签名与公钥的算法套件不一致",
            DecodeError::Malformed { .. } => "编码不规范",
            DecodeError::TrailingBytes { .. } => "末尾有多余字节",
        }
    }

    fn facts(&self) -> Vec<Fact> {
        match self {
            DecodeError::TooLarge { bytes, limit } => vec![fact("bytes", *bytes), fact("limit", *limit)],
            DecodeError::UnknownFormat { found, expected } => {
                vec![fact("found", u64::from(*found)), fact("expected", u64::from(*expected))]
            }
            DecodeError::UnknownAction { number, at } => {
                vec![fact("number", u64::from(*number)), fact("at", *at)]
            }
            DecodeError::UnknownSuite { number, at } => {
                vec![fact("number", u64::from(*number)), fact("at", *at)]
            }
            DecodeError::SuiteMismatch { key, signature } => {
                vec![fact("key", *key), fact("signature", *signature)]
            }
            DecodeError::Malformed { at, .. } => vec![fact("at", *at)],
            DecodeError::TrailingBytes { count } => vec![fact("count", *count)],
        }
    }
}

/// Reads one part of a value of `total` bytes from the front of `rest`.
pub(crate) fn part<T: BorshDeserialize>(total: usize, rest: &mut &[u8]) -> Result<T, DecodeError> {
    T::deserialize(rest)
        .map_err(|error| DecodeError::Malformed { at: total - rest.len(), what: error.to_string() })
}

/// Refuses bytes that are left over.
pub(crate) fn end(rest: &[u8]) -> Result<(), DecodeError> {
    if rest.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes { count: rest.len() }) }
}

/// The next byte, if there is one: what was added to a type later stands at its end, or not at all.
pub(crate) fn next_byte<R: Read>(reader: &mut R) -> IoResult<Option<u8>> {
    let mut byte = [0];
    Ok((reader.read(&mut byte)? == 1).then_some(byte[0]))
}

/// An error inside a hand-written decoder.
pub(crate) fn invalid(what: impl Into<String>) -> borsh::io::Error {
    borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn bytes_left_over_are_refused() {
        assert_eq!(u32::decode(&[1, 0, 0, 0, 9]), Err(DecodeError::TrailingBytes { count: 1 }));
    }

    #[test]
    fn sets_out_of_order_or_with_duplicates_are_refused() {
        let sorted = BTreeSet::from([1u8, 2]).encode();
        assert_eq!(sorted, [2, 0, 0, 0, 1, 2]);
        for bad in [[2, 0, 0, 0, 2, 1], [2, 0, 0, 0, 1, 1]] {
            assert!(matches!(BTreeSet::<u8>::decode(&bad), Err(DecodeError::Malformed { .. })));
        }
    }

    #[test]
    fn a_length_that_promises_more_than_there_is_is_refused() {
        assert!(matches!(Vec::<u64>::decode(&[255; 12]), Err(DecodeError::Malformed { .. })));
    }
}
