//! Encryption of one version of an object under its own key, in chunks whose place cannot be changed.
//!
//! ```text
//!  plaintext   | chunk 0: 1 MiB          | chunk 1: 1 MiB          | .. | last: 0 to 1 MiB |
//!  sealed      | header | text | tag     | header | text | tag     | .. | header | .. | tag|
//!
//!  header, 32 bytes   context (16) · position (8, little-endian) · length (4) · last (1) · zero (3)
//!  associated data    SHA-256 of suite, object, version and salt · the header
//!  nonce              zero (3) · position (8, big-endian) · last (1)
//! ```
//!
//! This is the STREAM construction of [HRRV15](https://eprint.iacr.org/2015/189): each chunk is authenticated with its position and with whether it is
//! the last, so that chunks that are left out, repeated, exchanged or appended are found at their place, and what a reader has been given is a
//! prefix of what was sealed. The headers are there so that a refusal can say which of these happened; nothing rests on them, since they are
//! authenticated with the text.
//!
//! Cipher key and *key commitment* are derived by HKDF from the data key, a random salt and the names of object and version. The salt makes it
//! harmless to seal twice under one data key; the commitment tells a wrong key from a changed chunk, and makes sure that no
//! text opens under two keys (GCM alone does not, [DGRW18](https://eprint.iacr.org/2019/016)).
//!
//! # Example
//! ```
//! use medveil_vault::envelope::{Envelope, Opener, Sealer, Subject, Suite};
//! use medveil_vault::{DataKey, ObjectId};
//! use std::io::{Read, Write};
//! # use rand_core::SeedableRng;
//! # let mut rng = chacha20::ChaCha20Rng::from_seed([7; 32]);
//!
//! let key = DataKey::generate(&mut rng);
//! let subject = Subject { object: ObjectId([1; 32]), version: 1 };
//! let envelope = Envelope::new(Suite::Aes256Gcm, subject, &key, &mut rng);
//!
//! let mut sealer = Sealer::new(Vec::new(), &envelope, &key)?;
//! sealer.write_all(b"patient,glucose\n7,5.4\n")?;
//! let (sealed, length) = sealer.finish()?;
//! assert_eq!(length, 22);
//!
//! let mut text = Vec::new();
//! Opener::new(sealed.as_slice(), &envelope, &key)?.read_to_end(&mut text)?;
//! assert_eq!(text, b"patient,glucose\n7,5.4\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunk;
mod cipher;
mod open;
mod range;
mod seal;

pub use open::{OpenError, Opener};
pub use range::{RangeOpener, ReadAt};
pub use seal::Sealer;

use borsh::{BorshDeserialize, BorshSerialize};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use crate::{DataKey, Digest, ObjectId};
use cipher::Cipher;

/// Plaintext bytes of every chunk but the last.
pub const CHUNK_BYTES: usize = 1 << 20;
/// Bytes that precede a chunk's text.
pub const HEADER_BYTES: usize = 32;
/// Bytes that follow a chunk's text.
pub const TAG_BYTES: usize = 16;
/// Bytes that a full chunk takes.
pub const SEALED_CHUNK_BYTES: usize = HEADER_BYTES + CHUNK_BYTES + TAG_BYTES;
/// The largest plaintext, 16 TiB.
pub const MAX_LENGTH: u64 = 1 << 44;

/// The cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Suite {
    /// AES-256-GCM (NIST SP 800-38D), keys derived by HKDF-SHA-256.
    Aes256Gcm = 1,
    /// SM4-GCM (GB/T 32907, GB/T 36624), keys derived by HKDF-SM3: the national suite.
    Sm4Gcm = 2,
}

/// What is sealed: a change of either number is another ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Subject {
    /// The object.
    pub object: ObjectId,
    /// Its version.
    pub version: u64,
}

/// The public parameters of a sealed object: what its key does not say. Part of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Envelope {
    /// The cipher.
    pub suite: Suite,
    /// What is sealed.
    pub subject: Subject,
    /// Random, so that a key that is used twice seals under different cipher keys.
    pub salt: [u8; 32],
    /// Derived from key, salt and subject: which key opens this.
    pub key_commitment: [u8; 32],
}

impl Envelope {
    /// Parameters for sealing `subject` under `key`, with a fresh salt.
    pub fn new(suite: Suite, subject: Subject, key: &DataKey, rng: &mut impl CryptoRng) -> Envelope {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let (_, key_commitment) = cipher::derive(suite, subject, &salt, key);
        Envelope { suite, subject, salt, key_commitment }
    }

    /// The cipher, if `key` is the one that sealed this.
    fn cipher(&self, key: &DataKey) -> Result<Cipher, WrongKey> {
        let (cipher, commitment) = cipher::derive(self.suite, self.subject, &self.salt, key);
        if bool::from(commitment.ct_eq(&self.key_commitment)) { Ok(cipher) } else { Err(WrongKey) }
    }

    /// What every chunk's associated data begins with.
    fn context(&self) -> Digest {
        crate::digest::tagged_hash(
            "medveil/vault/chunk/v1",
            &[&[self.suite as u8], &self.subject.object.0, &self.subject.version.to_le_bytes(), &self.salt],
        )
    }
}

/// The key is not the one under which the object was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is not the one that sealed the object")]
pub struct WrongKey;

/// Sealed bytes of a plaintext of `length` bytes.
pub fn sealed_length(length: u64) -> u64 {
    length + chunks(length) * (HEADER_BYTES + TAG_BYTES) as u64
}

/// Chunks of a plaintext of `length` bytes: at least one.
pub fn chunks(length: u64) -> u64 {
    length.div_ceil(CHUNK_BYTES as u64).max(1)
}

#[cfg(test)]
mod tests;
