//! What a wrapped key is for.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::Digest;
use crate::digest::tagged_hash;
use crate::envelope::Subject;

/// Names one wrapped key: chain, object, what the data are, under which policy they may be read, and the version. What differs in any of them is another
/// identity, whose releases open nothing here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Identity(pub Digest);

impl Identity {
    /// `chain` is the ledger's id, `commitment` what the ledger knows the data by (the release's root), `policy` the digest of the contract's policy.
    pub fn new(chain: &Digest, subject: &Subject, commitment: &Digest, policy: &Digest) -> Identity {
        Identity(tagged_hash(
            "medveil/vault/identity/v1",
            &[&chain.0, &subject.object.0, &commitment.0, &policy.0, &subject.version.to_le_bytes()],
        ))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.0)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The domain of everything that the committee's key signs.
pub(super) const NAMESPACE: &[u8] = b"medveil/vault/release/v1";
