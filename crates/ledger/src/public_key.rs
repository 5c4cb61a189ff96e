//! Public keys of the three signature suites.

use std::fmt;
use std::str::FromStr;

use borsh::io::{Read, Result as IoResult, Write};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::encoding::invalid;
use crate::id::text_serde;
use crate::signature;

/// How a signature is made and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Suite {
    /// Ed25519 with the acceptance rule of ZIP 215.
    Ed25519 = 0,
    /// SM2 with SM3 (GB/T 32918.2-2016, GB/T 32905-2016).
    Sm2 = 1,
    /// A passkey's assertion with ECDSA on P-256 (W3C Web Authentication Level 2, 7.2; COSE ES256).
    WebAuthn = 2,
}

impl Suite {
    /// Every suite.
    pub const ALL: &[Suite] = &[Suite::Ed25519, Suite::Sm2, Suite::WebAuthn];

    /// The name before a key: `ed25519:HEX`.
    pub const fn name(self) -> &'static str {
        match self {
            Suite::Ed25519 => "ed25519",
            Suite::Sm2 => "sm2",
            Suite::WebAuthn => "webauthn",
        }
    }

    /// The suite of a number in the canonical encoding.
    pub fn from_number(number: u8) -> Option<Self> {
        Suite::ALL.iter().copied().find(|suite| *suite as u8 == number)
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key. That it is a point of its curve is checked by [`PublicKey::check`], not by decoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PublicKey {
    /// RFC 8032, 5.1.5.
    Ed25519([u8; 32]),
    /// SEC 1, 2.3.3, compressed.
    Sm2([u8; 33]),
    /// SEC 1, 2.3.3, compressed.
    WebAuthn([u8; 33]),
}

impl PublicKey {
    /// The suite.
    pub const fn suite(&self) -> Suite {
        match self {
            PublicKey::Ed25519(_) => Suite::Ed25519,
            PublicKey::Sm2(_) => Suite::Sm2,
            PublicKey::WebAuthn(_) => Suite::WebAuthn,
        }
    }

    /// The key's bytes.
    pub const fn bytes(&self) -> &[u8] {
        match self {
            PublicKey::Ed25519(bytes) => bytes,
            PublicKey::Sm2(bytes) | PublicKey::WebAuthn(bytes) => bytes,
        }
    }

    /// The key of a suite's bytes; `None` if their number is wrong.
    pub fn from_parts(suite: Suite, bytes: &[u8]) -> Option<Self> {
        Some(match suite {
            Suite::Ed25519 => PublicKey::Ed25519(bytes.try_into().ok()?),
            Suite::Sm2 => PublicKey::Sm2(bytes.try_into().ok()?),
            Suite::WebAuthn => PublicKey::WebAuthn(bytes.try_into().ok()?),
        })
    }

    /// Whether the bytes are a point that the suite can check signatures with.
    pub fn check(&self) -> bool {
        match self {
            PublicKey::Ed25519(bytes) => signature::ed25519::is_key(bytes),
            PublicKey::Sm2(bytes) => signature::sm2::is_key(bytes),
            PublicKey::WebAuthn(bytes) => signature::webauthn::is_key(bytes),
        }
    }
}

impl fmt::Display for PublicKey {
    /// `ed25519:HEX`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.suite(), hex::encode(self.bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No suite before the colon.
    #[error("expected `ed25519:HEX`, `sm2:HEX` or `webauthn:HEX`")]
    Suite,
    /// Not the hexadecimal digits of a key.
    #[error("expected {digits} hexadecimal digits after the suite")]
    Digits {
        /// Digits that a key of the suite has.
        digits: usize,
    },
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, digits) = text.split_once(':').ok_or(KeyError::Suite)?;
        let suite = *Suite::ALL.iter().find(|suite| suite.name() == name).ok_or(KeyError::Suite)?;
        let length = if suite == Suite::Ed25519 { 32 } else { 33 };
        let bytes = hex::decode(digits).ok();
        bytes
            .and_then(|bytes| PublicKey::from_parts(suite, &bytes))
            .ok_or(KeyError::Digits { digits: 2 * length })
    }
}

text_serde!(PublicKey);

impl From<PublicKey> for crate::refusal::FactValue {
    fn from(key: PublicKey) -> Self {
        key.to_string().into()
    }
}

impl BorshSerialize for PublicKey {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        writer.write_all(&[self.suite() as u8])?;
        writer.write_all(self.bytes())
    }
}

impl BorshDeserialize for PublicKey {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let number = u8::deserialize_reader(reader)?;
        match Suite::from_number(number) {
            Some(Suite::Ed25519) => <[u8; 32]>::deserialize_reader(reader).map(PublicKey::Ed25519),
            Some(Suite::Sm2) => <[u8; 33]>::deserialize_reader(reader).map(PublicKey::Sm2),
            Some(Suite::WebAuthn) => <[u8; 33]>::deserialize_reader(reader).map(PublicKey::WebAuthn),
            None => Err(invalid(format!("unknown signature suite {number}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Canonical;

    #[test]
    fn keys_read_as_they_are_written() {
        for key in [PublicKey::Ed25519([1; 32]), PublicKey::Sm2([2; 33]), PublicKey::WebAuthn([3; 33])] {
            assert_eq!(key.to_string().parse(), Ok(key));
            assert_eq!(PublicKey::decode(&key.encode()), Ok(key));
        }
        assert_eq!("ed25519:00".parse::<PublicKey>(), Err(KeyError::Digits { digits: 64 }));
        assert_eq!("rsa:00".parse::<PublicKey>(), Err(KeyError::Suite));
        assert!(PublicKey::decode(&[3; 34]).is_err());
    }

    #[test]
    fn bytes_that_are_no_point_are_told() {
        // y = 2 is not on edwards25519; the x of these does not exist, or the prefix is that of no compressed point.
        let mut y = [0; 32];
        y[0] = 2;
        assert!(!PublicKey::Ed25519(y).check());
        for prefix in [0, 4] {
            let mut bytes = [0x11; 33];
            bytes[0] = prefix;
            assert!(!PublicKey::Sm2(bytes).check());
            assert!(!PublicKey::WebAuthn(bytes).check());
        }
        assert!(!PublicKey::WebAuthn([2; 33].map(|byte: u8| if byte == 2 { 0xff } else { byte })).check());
    }
}
