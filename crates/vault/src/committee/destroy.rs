//! What a member is willing to release, and its word that it no longer is.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};

use super::identity::Identity;
use crate::digest::tagged_hash;
use crate::encoding::Canonical;
use crate::envelope::Subject;
use crate::{Digest, Member};

/// The identities whose keys a member will help to open. What is not in it is refused: a list that is lost releases nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Willingness {
    willing: BTreeSet<Identity>,
    /// Never again: kept for good, so that no later order admits one of them by mistake.
    destroyed: BTreeSet<Identity>,
}

/// Why a member does not release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WillingnessError {
    /// The identity was never admitted.
    #[error("no key was admitted for identity {identity}")]
    Unknown {
        /// The identity.
        identity: Identity,
    },
    /// The identity was destroyed.
    #[error("the object of identity {identity} has been destroyed")]
    Destroyed {
        /// The identity.
        identity: Identity,
    },
}

impl Willingness {
    /// Admits an identity whose wrapped key is on the ledger.
    ///
    /// # Errors
    /// It was destroyed before.
    pub fn admit(&mut self, identity: Identity) -> Result<(), WillingnessError> {
        if self.destroyed.contains(&identity) {
            return Err(WillingnessError::Destroyed { identity });
        }
        self.willing.insert(identity);
        Ok(())
    }

    /// Drops an identity for good.
    pub fn destroy(&mut self, identity: Identity) {
        self.willing.remove(&identity);
        self.destroyed.insert(identity);
    }

    /// Whether the member releases.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, identity: &Identity) -> Result<(), WillingnessError> {
        let identity = *identity;
        if self.destroyed.contains(&identity) {
            return Err(WillingnessError::Destroyed { identity });
        }
        if !self.willing.contains(&identity) {
            return Err(WillingnessError::Unknown { identity });
        }
        Ok(())
    }
}

/// A member's statement that it has shredded its shard and releases nothing more. The member signs its digest, or the transaction that carries it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Attestation {
    /// The ledger.
    pub chain: Digest,
    /// Who states it.
    pub member: Member,
    /// What was destroyed.
    pub subject: Subject,
    /// The identity that was dropped.
    pub identity: Identity,
    /// The order on the ledger that was followed.
    pub order: Digest,
    /// The manifest of what was shredded.
    pub manifest: Digest,
    /// The shard that the member held, if it held one.
    pub shard: Option<u8>,
    /// Files of it that were deleted.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Attestation {
    /// What is signed.
    pub fn digest(&self) -> Digest {
        tagged_hash("medveil/vault/attestation/v1", &[&self.encode()])
    }
}
