//! Partials on their way to a requester, and the proof that one was bad.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use rand_core::CryptoRng;

use super::group::Committee;
use super::identity::Identity;
use super::release::{Partial, PartialFault};
use super::sealed::{BadSealKey, OneTimeKeys, OneTimeSecret, SealKey, Sealed};
use crate::encoding::Canonical;
use crate::{Digest, Member};

/// One one-time key of the requester for each member: part of the request on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RequestKeys(pub BTreeMap<Member, SealKey>);

/// Why a request's keys cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestKeysError {
    /// They are not one for each member of the committee.
    #[error("{found} keys for {expected} members, or for others")]
    NotTheMembers {
        /// Keys given.
        found: u32,
        /// Members of the committee.
        expected: u32,
    },
    /// Two members would seal to the same key: disclosing it for one would open the other's.
    #[error("two members have the same key")]
    Repeated,
    /// Nothing is secret with the key.
    #[error("the key for {member} keeps no secret")]
    BadKey {
        /// Whose key.
        member: Member,
    },
}

impl RequestKeys {
    /// What the ledger checks before it takes a request.
    ///
    /// # Errors
    /// [`RequestKeysError`].
    pub fn check(&self, committee: &Committee) -> Result<(), RequestKeysError> {
        let members: BTreeSet<Member> = committee.members().into_iter().collect();
        if self.0.len() != members.len() || !self.0.keys().all(|member| members.contains(member)) {
            let (found, expected) = (self.0.len() as u32, members.len() as u32);
            return Err(RequestKeysError::NotTheMembers { found, expected });
        }
        if self.0.values().collect::<BTreeSet<_>>().len() != self.0.len() {
            return Err(RequestKeysError::Repeated);
        }
        for (member, key) in &self.0 {
            key.check().map_err(|BadSealKey| RequestKeysError::BadKey { member: *member })?;
        }
        Ok(())
    }
}

/// The requester's side of [`RequestKeys`]. Keep its seed until the key is recovered.
#[derive(Clone, Debug)]
pub struct RequestSecrets {
    keys: OneTimeKeys,
    identity: Identity,
}

impl RequestSecrets {
    /// One-time keys for a request for `identity`. Each request takes a new seed.
    pub fn new(keys: OneTimeKeys, identity: Identity) -> RequestSecrets {
        RequestSecrets { keys, identity }
    }

    /// What goes into the request.
    pub fn public(&self, committee: &Committee) -> RequestKeys {
        let keys = committee.members().into_iter().map(|member| (member, self.secret(&member).key()));
        RequestKeys(keys.collect())
    }

    /// Opens a member's sealed partial and checks it.
    ///
    /// # Errors
    /// What to disclose, so that everybody sees the fault.
    pub fn open(
        &self,
        sealed: &SealedPartial,
        committee: &Committee,
        request: &Digest,
    ) -> Result<Partial, BadPartial> {
        let secret = self.secret(&sealed.member);
        sealed
            .open(&secret, committee, &self.identity, request)
            .map_err(|_| BadPartial { member: sealed.member, secret: secret.disclose() })
    }

    fn secret(&self, member: &Member) -> OneTimeSecret {
        self.keys.secret(&self.identity.0, member)
    }
}

/// A partial that only the requester can read: what a member posts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SealedPartial {
    /// Whose it is.
    pub member: Member,
    /// The partial, sealed to the requester's one-time key for the member.
    pub sealed: Sealed,
}

impl SealedPartial {
    /// Seals `partial` for `request`, which names the request on the ledger.
    ///
    /// # Errors
    /// When nothing can be sealed to `key`; the ledger takes no request with such a key.
    pub fn seal(
        partial: &Partial,
        key: &SealKey,
        identity: &Identity,
        request: &Digest,
        rng: &mut impl CryptoRng,
    ) -> Result<SealedPartial, BadSealKey> {
        let associated = associated(&partial.member, identity, request);
        let sealed = Sealed::seal(key, PURPOSE, &associated, &partial.encode(), rng)?;
        Ok(SealedPartial { member: partial.member, sealed })
    }

    fn open(
        &self,
        secret: &OneTimeSecret,
        committee: &Committee,
        identity: &Identity,
        request: &Digest,
    ) -> Result<Partial, SealedFault> {
        let associated = associated(&self.member, identity, request);
        let bytes = self.sealed.open(secret, PURPOSE, &associated).ok_or(SealedFault::DoesNotOpen)?;
        let partial = Partial::decode(&bytes).map_err(|_| SealedFault::Malformed)?;
        if partial.member != self.member {
            return Err(SealedFault::Malformed);
        }
        partial.verify(committee, identity).map_err(SealedFault::Partial)?;
        Ok(partial)
    }
}

/// What is wrong with a sealed partial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedFault {
    /// It was not sealed to the requester's key.
    #[error("does not open with the requester's key")]
    DoesNotOpen,
    /// What was sealed is no partial of the member.
    #[error("is no partial of the member")]
    Malformed,
    /// The partial is wrong.
    #[error("{0}")]
    Partial(PartialFault),
}

/// The requester's proof that a member's partial was bad: the one-time key that it was sealed to. It opens what that member sealed in this request, and
/// nothing else.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BadPartial {
    /// The accused.
    pub member: Member,
    /// The disclosed one-time key.
    pub secret: [u8; 32],
}

/// What everybody finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The member posted a bad partial.
    Guilty(SealedFault),
    /// The partial is good: the accusation is false, and the partial is now known to all.
    Innocent,
    /// The disclosed key is not the one in the request: nothing is shown.
    NotTheKey,
}

impl BadPartial {
    /// Judges what the member posted for `request`, with the keys that the request carried.
    pub fn judge(
        &self,
        posted: &SealedPartial,
        keys: &RequestKeys,
        committee: &Committee,
        identity: &Identity,
        request: &Digest,
    ) -> Verdict {
        let secret = OneTimeSecret::from_bytes(&self.secret);
        if posted.member != self.member || keys.0.get(&self.member) != Some(&secret.key()) {
            return Verdict::NotTheKey;
        }
        match posted.open(&secret, committee, identity, request) {
            Ok(_) => Verdict::Innocent,
            Err(fault) => Verdict::Guilty(fault),
        }
    }
}

fn associated(member: &Member, identity: &Identity, request: &Digest) -> Vec<u8> {
    [member.0, identity.0.0, request.0].concat()
}

const PURPOSE: &str = "medveil/vault/partial/v1";
