//! What is known in public of a kept object; its digest is on the ledger.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::Digest;
use crate::digest::tagged_hash;
use crate::encoding::{Canonical, DecodeError, invalid};
use crate::envelope::{Envelope, MAX_LENGTH, Subject, sealed_length};
use crate::shards::{Layout, ReadError, Scheme, SegmentCheck, Sharded};

/// Bytes of a manifest at most: enough for 2 TiB in the default units.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// How an object was sealed and cut, and what its shards must be. Every member keeps it with its shard; it is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    envelope: Envelope,
    length: u64,
    scheme: Scheme,
    segments: Vec<Digest>,
}

impl Manifest {
    /// The manifest of what was written, or `None` when the shards are not of `length` sealed bytes.
    pub fn new(envelope: Envelope, length: u64, scheme: Scheme, sharded: Sharded) -> Option<Manifest> {
        let whole = length <= MAX_LENGTH
            && sharded.length == sealed_length(length)
            && sharded.segments.len() as u64 == Layout::new(scheme, sharded.length).segments();
        whole.then_some(Manifest { envelope, length, scheme, segments: sharded.segments })
    }

    /// The manifest of these bytes.
    ///
    /// # Errors
    /// When they are no manifest, or too many.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, DecodeError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(DecodeError::TooLarge { bytes: bytes.len(), limit: MAX_MANIFEST_BYTES });
        }
        Canonical::decode(bytes)
    }

    /// The manifest of these bytes, if it is the one that the ledger names.
    ///
    /// # Errors
    /// When it is another, or none.
    pub fn check(bytes: &[u8], expected: &Digest) -> Result<Manifest, ManifestError> {
        let manifest = Manifest::decode(bytes)?;
        let found = manifest.digest();
        if found != *expected {
            return Err(ReadError::WrongManifest { found, expected: *expected }.into());
        }
        Ok(manifest)
    }

    /// What the ledger keeps.
    pub fn digest(&self) -> Digest {
        tagged_hash("medveil/vault/manifest/v1", &[&Canonical::encode(self)])
    }

    /// The cipher's parameters.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The object and its version.
    pub fn subject(&self) -> Subject {
        self.envelope.subject
    }

    /// Plaintext bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The code.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The digest of each segment's table.
    pub fn segments(&self) -> &[Digest] {
        &self.segments
    }

    /// Where the bytes of the shards are.
    pub fn layout(&self) -> Layout {
        Layout::new(self.scheme, sealed_length(self.length))
    }

    /// Checks segment files of this object.
    pub fn segment_check(&self) -> SegmentCheck<'_> {
        SegmentCheck::new(self.layout(), &self.segments)
    }
}

/// Why bytes are not the manifest that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// They are none.
    #[error("no manifest: {0}")]
    Encoding(#[from] DecodeError),
    /// They are another one.
    #[error(transparent)]
    Other(#[from] ReadError),
}

impl BorshSerialize for Manifest {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        FORMAT.serialize(writer)?;
        self.envelope.serialize(writer)?;
        self.length.serialize(writer)?;
        self.scheme.serialize(writer)?;
        // Their number follows from length and scheme.
        self.segments.iter().try_for_each(|digest| digest.serialize(writer))
    }
}

impl BorshDeserialize for Manifest {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let format = u8::deserialize_reader(reader)?;
        if format != FORMAT {
            return Err(invalid(format!("unknown manifest format {format}, expected {FORMAT}")));
        }
        let envelope = Envelope::deserialize_reader(reader)?;
        let length = u64::deserialize_reader(reader)?;
        if length > MAX_LENGTH {
            return Err(invalid(format!("{length} bytes, at most {MAX_LENGTH} are possible")));
        }
        let scheme = Scheme::deserialize_reader(reader)?;
        let count = Layout::new(scheme, sealed_length(length)).segments();
        if count > (MAX_MANIFEST_BYTES / 32) as u64 {
            return Err(invalid(format!("{count} segments are too many for a manifest")));
        }
        // Grows with what there is to read, whatever the length promises.
        let segments = (0..count).map(|_| Digest::deserialize_reader(reader)).collect::<Result<_, _>>()?;
        Ok(Manifest { envelope, length, scheme, segments })
    }
}

const FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::envelope::Suite;
    use crate::{DataKey, ObjectId};

    fn manifest(length: u64, segments: u8) -> Option<Manifest> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = DataKey::generate(&mut rng);
        let subject = Subject { object: ObjectId([1; 32]), version: 1 };
        let envelope = Envelope::new(Suite::Aes256Gcm, subject, &key, &mut rng);
        let segments = (0..segments).map(|at| Digest([at; 32])).collect();
        let sharded = Sharded { length: sealed_length(length), segments };
        Manifest::new(envelope, length, Scheme::default(), sharded)
    }

    #[test]
    fn a_manifest_is_its_bytes() {
        let manifest = manifest(40 << 20, 3).unwrap();
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes), Ok(manifest.clone()));
        assert_eq!(Manifest::check(&bytes, &manifest.digest()), Ok(manifest));
    }

    #[test]
    fn segments_must_be_as_many_as_the_length_takes() {
        assert_eq!(manifest(40 << 20, 2), None);
        assert_eq!(manifest(40 << 20, 4), None);
    }

    #[test]
    fn every_flipped_bit_is_refused_or_another_manifest() {
        let manifest = manifest(40 << 20, 3).unwrap();
        let (bytes, digest) = (manifest.encode(), manifest.digest());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                assert!(Manifest::check(&bytes, &digest).is_err(), "byte {at}, bit {bit}");
                // What decodes encodes to the same bytes.
                if let Ok(other) = Manifest::decode(&bytes) {
                    assert_eq!(other.encode(), bytes);
                }
            }
        }
    }

    #[test]
    fn cut_and_lengthened_manifests_are_refused() {
        let bytes = manifest(40 << 20, 3).unwrap().encode();
        for length in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..length]).is_err());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Manifest::decode(&longer), Err(DecodeError::TrailingBytes { count: 1 }));
        let huge = vec![0; MAX_MANIFEST_BYTES + 1];
        assert!(matches!(Manifest::decode(&huge), Err(DecodeError::TooLarge { .. })));
    }

    #[test]
    fn a_length_that_promises_more_than_there_is_is_refused_at_once() {
        let bytes = manifest(40 << 20, 3).unwrap().encode();
        let at = 1 + 1 + 32 + 8 + 32 + 32;
        for length in [u64::MAX, MAX_LENGTH, MAX_LENGTH + 1, 1 << 40] {
            let mut bytes = bytes.clone();
            bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
            assert!(Manifest::decode(&bytes).is_err(), "{length}");
        }
    }
}
