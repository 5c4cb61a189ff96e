//! Data keys, wrapped to the committee.

use borsh::{BorshDeserialize, BorshSerialize};
use commonware_codec::{Copying, DecodeExt, Encode};
use commonware_cryptography::bls12381::primitives::group::G2;
use commonware_cryptography::bls12381::primitives::variant::MinPk;
use commonware_cryptography::bls12381::tle;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::group::Committee;
use super::identity::{Identity, NAMESPACE};
use crate::DataKey;

/// A data key that a quorum of the committee can open for one identity. No secret: it is on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct WrappedKey([u8; 112]);

/// Why nothing can be wrapped, or a wrapped key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// The committee's key is one to which nothing is secret.
    #[error("the committee's key keeps no secret")]
    BadKey,
    /// The bytes are not of a wrapped key.
    #[error("not a wrapped key")]
    Malformed,
}

impl WrappedKey {
    /// Wraps `key` for `identity`.
    ///
    /// # Errors
    /// [`WrapError::BadKey`], which no ceremony makes.
    pub fn wrap(
        committee: &Committee,
        identity: &Identity,
        key: &DataKey,
        rng: &mut impl CryptoRng,
    ) -> Result<WrappedKey, WrapError> {
        let block = Zeroizing::new(tle::Block::new(*key.expose()));
        let target = (NAMESPACE, identity.0.as_ref());
        let wrapped = tle::encrypt::<_, MinPk>(rng, *committee.key(), target, &block)
            .map_err(|tle::Error::InvalidPublicKey| WrapError::BadKey)?;
        Ok(WrappedKey(wrapped.encode().as_ref().try_into().expect("48 + 32 + 32 = 112 bytes")))
    }

    /// Whether these are the bytes of a wrapped key, as the ledger checks before it takes one. Whether it opens is seen when it is opened.
    ///
    /// # Errors
    /// [`WrapError::Malformed`].
    pub fn check(&self) -> Result<(), WrapError> {
        self.parse().map(|_| ())
    }

    /// Opens with the committee's release of the identity.
    pub(super) fn open(&self, release: &G2) -> Option<DataKey> {
        let block = Zeroizing::new(tle::decrypt::<MinPk>(release, &self.parse().ok()?)?);
        Some(DataKey::from_bytes(block.as_ref().try_into().expect("a block has 32 bytes")))
    }

    fn parse(&self) -> Result<tle::Ciphertext<MinPk>, WrapError> {
        tle::Ciphertext::decode(Copying(&self.0)).map_err(|_| WrapError::Malformed)
    }
}
