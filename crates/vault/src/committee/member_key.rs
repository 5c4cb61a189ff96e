//! A member's custody key.

use std::fmt;

use commonware_codec::{Copying, DecodeExt};
use commonware_cryptography::{Signer as _, Verifier as _, ed25519};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{Digest, Member};

/// The Ed25519 key with which a member takes part in ceremonies. It is none of its keys for consensus or transactions, so that neither can be
/// made to sign for the other.
#[derive(Clone)]
pub struct MemberKey(ed25519::PrivateKey);

impl MemberKey {
    /// A new key.
    pub fn generate(rng: &mut impl CryptoRng) -> MemberKey {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        MemberKey::from_seed(&seed)
    }

    /// The key of an RFC 8032 seed.
    pub fn from_seed(seed: &[u8; 32]) -> MemberKey {
        let key = ed25519::PrivateKey::decode(Copying(seed)).expect("any 32 bytes are a seed");
        MemberKey(key)
    }

    /// Its public half, by which the member is known.
    pub fn member(&self) -> Member {
        member(&self.0.public_key())
    }

    /// States something, such as that the key is this member's in a ceremony.
    pub fn state(&self, statement: &Digest) -> [u8; 64] {
        let signature = self.0.sign(STATEMENT, &statement.0);
        signature.as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }

    pub(super) fn signer(&self) -> &ed25519::PrivateKey {
        &self.0
    }
}

impl fmt::Debug for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberKey({}, ..)", self.member())
    }
}

impl Member {
    /// Whether the holder of the member's key [stated](MemberKey::state) this.
    pub fn has_stated(&self, statement: &Digest, signature: &[u8; 64]) -> bool {
        match (public(self), ed25519::Signature::decode(Copying(signature))) {
            (Some(key), Ok(signature)) => key.verify(STATEMENT, &statement.0, &signature),
            _ => false,
        }
    }
}

/// What statements are signed under: no acceptance of a deal is one.
const STATEMENT: &[u8] = b"medveil/vault/statement/v1";

pub(super) fn member(key: &ed25519::PublicKey) -> Member {
    Member(key.as_ref().try_into().expect("an Ed25519 public key has 32 bytes"))
}

/// The key of a member, if it is a point of the curve.
pub(super) fn public(member: &Member) -> Option<ed25519::PublicKey> {
    ed25519::PublicKey::decode(Copying(&member.0)).ok()
}
