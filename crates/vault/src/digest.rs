//! 32-byte names and hashes.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest under one of this crate's domains, or one that the ledger gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Digest(pub [u8; 32]);

/// What is kept: a release, or any object that the ledger names by 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct ObjectId(pub [u8; 32]);

/// A member of the custody committee, named by its Ed25519 custody key, which is none of its consensus keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Member(pub [u8; 32]);

/// Why a text is not 32 bytes in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
pub struct NotHex;

macro_rules! hex_name {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| NotHex)?;
                Ok($name(bytes))
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                $name(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

hex_name!(Digest);
hex_name!(ObjectId);
hex_name!(Member);

/// SHA-256 under a domain. The parts must be of fixed length, or say their length: they are put one after the other.
pub(crate) fn tagged_hash(domain: &str, parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(domain.as_bytes());
    // No domain contains a zero byte, so none is a prefix of another with its separator.
    hash.update([0]);
    for part in parts {
        hash.update(part);
    }
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_hexadecimal_digits() {
        let name = ObjectId([0xab; 32]);
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!("ab".parse::<ObjectId>(), Err(NotHex));
        assert_eq!("zz".repeat(32).parse::<ObjectId>(), Err(NotHex));
    }

    #[test]
    fn domains_separate() {
        assert_ne!(tagged_hash("a", &[b"b"]), tagged_hash("ab", &[b""]));
    }
}
