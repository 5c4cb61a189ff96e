//! The validators of an epoch.

use bytes::BufMut;
use commonware_codec::{
    Buf, Encode as _, EncodeSize, Error as CodecError, FixedSize, Read, ReadExt as _, Write,
};
use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::{Faults as _, N3f1, ordered::Set};

use crate::{Digest, tagged_hash};

/// The most validators that a set may have. Bounds certificates and votes.
pub const MAX_VALIDATORS: usize = 128;

/// Why a list of keys is no validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// There is no validator at all.
    #[error("a validator set has at least one member")]
    Empty,
    /// More than [`MAX_VALIDATORS`].
    #[error("a validator set has at most {MAX_VALIDATORS} members, not {0}")]
    TooMany(usize),
    /// A key appears twice.
    #[error("a key appears twice in the validator set")]
    Duplicate,
}

/// The validators of an epoch, in the order of their keys, without repetition.
///
/// A certificate names its signers by their place in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    keys: Set<PublicKey>,
}

impl ValidatorSet {
    /// The set of these keys, in any order.
    ///
    /// # Errors
    /// Refuses no keys, too many and a key that appears twice.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Result<Self, ValidatorSetError> {
        let keys: Vec<PublicKey> = keys.into_iter().collect();
        match keys.len() {
            0 => Err(ValidatorSetError::Empty),
            n if n > MAX_VALIDATORS => Err(ValidatorSetError::TooMany(n)),
            _ => Set::try_from(keys).map(|keys| Self { keys }).map_err(|_| ValidatorSetError::Duplicate),
        }
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// The keys as commonware's schemes take them.
    pub fn participants(&self) -> &Set<PublicKey> {
        &self.keys
    }

    /// How many there are: 1 to [`MAX_VALIDATORS`].
    #[expect(clippy::len_without_is_empty, reason = "a validator set is never empty")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether `key` is one of them.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.keys.position(key).is_some()
    }

    /// How many must sign: n - floor((n - 1) / 3), which is more than two thirds.
    pub fn quorum(&self) -> usize {
        N3f1::quorum(self.keys.len()) as usize
    }

    /// What headers commit to.
    pub fn digest(&self) -> Digest {
        tagged_hash("medveil/validators/1", &[&self.encode()])
    }
}

impl Write for ValidatorSet {
    fn write(&self, buf: &mut impl BufMut) {
        u8::try_from(self.keys.len()).expect("a set has at most 128 members").write(buf);
        for key in self.keys.iter() {
            key.write(buf);
        }
    }
}

impl EncodeSize for ValidatorSet {
    fn encode_size(&self) -> usize {
        u8::SIZE + self.keys.len() * PublicKey::SIZE
    }
}

impl Read for ValidatorSet {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let count = usize::from(u8::read(buf)?);
        let mut keys: Vec<PublicKey> = Vec::with_capacity(count.min(MAX_VALIDATORS));
        for _ in 0..count {
            let key = PublicKey::read(buf)?;
            if keys.last().is_some_and(|last| *last >= key) {
                return Err(CodecError::Invalid("ValidatorSet", "keys are not in ascending order"));
            }
            keys.push(key);
        }
        Self::new(keys).map_err(|_| CodecError::Invalid("ValidatorSet", "none or too many keys"))
    }
}

#[cfg(test)]
mod tests {
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    use super::*;

    fn keys(n: u64) -> Vec<PublicKey> {
        (0..n).map(|seed| PrivateKey::from_seed(seed).public_key()).collect()
    }

    #[test]
    fn a_quorum_is_more_than_two_thirds() {
        for n in 1..=MAX_VALIDATORS {
            let set = ValidatorSet::new(keys(n as u64)).unwrap();
            assert!(3 * set.quorum() > 2 * n, "{n}");
            assert!(set.quorum() <= n);
        }
    }

    #[test]
    fn the_order_of_the_keys_does_not_matter() {
        let mut other = keys(7);
        other.reverse();
        assert_eq!(ValidatorSet::new(keys(7)).unwrap().digest(), ValidatorSet::new(other).unwrap().digest());
    }

    #[test]
    fn empty_repeated_and_oversized_sets_are_refused() {
        assert_eq!(ValidatorSet::new([]), Err(ValidatorSetError::Empty));
        assert_eq!(ValidatorSet::new(keys(129)), Err(ValidatorSetError::TooMany(129)));
        let twice = keys(3).into_iter().chain(keys(1));
        assert_eq!(ValidatorSet::new(twice), Err(ValidatorSetError::Duplicate));
    }

    #[test]
    fn an_encoding_with_keys_out_of_order_is_refused() {
        let set = ValidatorSet::new(keys(3)).unwrap();
        let mut bytes = set.encode().to_vec();
        assert_eq!(crate::decode::<ValidatorSet>(&bytes).unwrap(), set);
        let (first, second) = bytes[1..65].split_at_mut(32);
        first.swap_with_slice(second);
        assert!(crate::decode::<ValidatorSet>(&bytes).is_err());
    }
}
