//! Keys of the state: one layout for everything.
//!
//! ```text
//! head     domain 1 | 0 | id            -> the latest version of a record
//! version  domain 1 | 1 | id | number 8 -> a version that was replaced, immutable; big-endian, counted from 1
//! plain    domain 1 | 2 | id            -> a value without history (nonces, counters)
//! ```
//!
//! Ids of a domain have one length, so that no key is the beginning of another.
//!
//! # What is provable from the tip
//! - *X is in state Y*: the head, by inclusion.
//! - *X was in state Y at height H*: version v with a height of at most H, as the head, or with version v + 1 (under its key, or as the
//!   head) of a height above H ([`Versioned::in_force_at`](super::Versioned::in_force_at)).
//! - *there is no X*: the head by exclusion. *There was none at H*: the head by exclusion, or version 1 (under its key, or as the head) with a height above H.
//! - *the trail of X is complete up to n*: entries 1 to n - 1 by inclusion, n as the head.

use std::borrow::Borrow;
use std::fmt;

use super::RecordId;
use crate::id::{
    AccessId, AccountId, CertificateId, ChallengeId, ConsentId, ContractId, CustodyId, DatasetId, Digest,
    IncidentId, IssuerId, ObjectRef, OrganisationId, ReleaseId, RequestId,
};
use crate::vocabulary::Purpose;

/// What kind of thing a key belongs to. Later rules add domains at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Domain {
    /// Next nonces of accounts (plain).
    Nonce = 1,
    /// [`Account`](super::account::Account).
    Account = 2,
    /// [`Organisation`](super::organisation::Organisation).
    Organisation = 3,
    /// [`Charter`](super::charter::Charter).
    Charter = 4,
    /// [`Parameters`](super::parameters::Parameters).
    Parameters = 5,
    /// [`Roster`](super::validators::Roster).
    Roster = 6,
    /// [`ValidatorSet`](super::validators::ValidatorSet).
    Validators = 7,
    /// [`KeyHolder`](super::validators::KeyHolder).
    ValidatorKey = 8,
    /// [`Proposal`](super::proposal::Proposal).
    Proposal = 9,
    /// The number of proposals made (plain).
    ProposalCount = 10,
    /// [`Freeze`](super::freeze::Freeze) of objects.
    Freeze = 11,
    /// [`Dataset`](super::dataset::Dataset).
    Dataset = 12,
    /// [`TrailEntry`](super::trail::TrailEntry).
    Trail = 13,
    /// [`Patient`](super::patient::Patient).
    Patient = 14,
    /// Keys that patients' accounts have or had (plain).
    WalletKey = 15,
    /// [`Consent`](super::consent::Consent).
    Consent = 16,
    /// [`Coverage`](super::coverage::Coverage) (plain).
    Coverage = 17,
    /// [`Contract`](super::contract::Contract).
    Contract = 18,
    /// [`Request`](super::request::Request).
    Request = 19,
    /// [`Release`](super::release::Release).
    Release = 20,
    /// [`Access`](super::access::Access).
    Access = 21,
    /// [`Challenge`](super::challenge::Challenge).
    Challenge = 22,
    /// [`Budget`](super::budget::Budget).
    Budget = 23,
    /// [`Exposure`](super::exposure::Exposure).
    Exposure = 24,
    /// [`Rate`](super::rate::Rate) (plain).
    Rate = 25,
    /// [`Destruction`](super::destruction::Destruction).
    Destruction = 26,
    /// [`Incident`](super::incident::Incident).
    Incident = 27,
    /// [`Custody`](super::custody::Custody).
    Custody = 28,
    /// [`KeyRequest`](super::custody::KeyRequest).
    KeyRequest = 29,
    /// [`Partial`](super::custody::Partial).
    Partial = 30,
    /// [`CommitteeMessage`](super::custody::CommitteeMessage).
    Committee = 31,
    /// [`Certificate`](super::certificate::Certificate).
    Certificate = 32,
    /// [`Issuer`](super::issuer::Issuer).
    Issuer = 33,
    /// Fingerprints of certificates that were revoked (plain).
    Revoked = 34,
}

const HEAD: u8 = 0;
const VERSION: u8 = 1;
const PLAIN: u8 = 2;

/// A key, held in place. Ordered as its bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    length: u8,
    bytes: [u8; Key::MAX],
}

impl Key {
    /// The longest.
    pub const MAX: usize = 47;

    /// The key of these bytes, at most [`Key::MAX`].
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut key = Key { length: 0, bytes: [0; Key::MAX] };
        key.push(bytes);
        key
    }

    /// The key that a database gives back.
    ///
    /// `None` if it is longer than [`Key::MAX`].
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= Key::MAX).then(|| Key::new(bytes))
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.length);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u8;
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_ref()
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_ref().cmp(other.as_ref())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_ref()))
    }
}

/// The key of the latest version of a record.
pub fn head(domain: Domain, id: &impl RecordId) -> Key {
    key(domain, HEAD, id)
}

/// The key of a version of a record, counted from 1, once another has replaced it.
pub fn version(domain: Domain, id: &impl RecordId, number: u64) -> Key {
    let mut key = key(domain, VERSION, id);
    key.push(&number.to_be_bytes());
    key
}

/// The key of an account's next nonce: a `u64`, absent for 0.
pub fn nonce(account: &AccountId) -> Key {
    key(Domain::Nonce, PLAIN, account)
}

/// The key of the number of proposals made: a `u64`, absent for 0.
pub fn proposal_count() -> Key {
    key(Domain::ProposalCount, PLAIN, &())
}

/// The key under which it is kept that a wallet's key is a patient's.
pub(crate) fn wallet_key(key_digest: &Digest) -> Key {
    key(Domain::WalletKey, PLAIN, key_digest)
}

/// The key of a hospital's [`Coverage`](super::coverage::Coverage) of a purpose.
pub fn coverage(organisation: &OrganisationId, purpose: Purpose) -> Key {
    let mut key = key(Domain::Coverage, PLAIN, organisation);
    key.push(&[purpose as u8]);
    key
}

/// The key of a [`Rate`](super::rate::Rate).
pub(crate) fn rate(of: &Digest) -> Key {
    key(Domain::Rate, PLAIN, of)
}

/// The key under which it is kept that a certificate was revoked: the [`Revocation`](super::certificate::Revocation).
pub fn revoked(fingerprint: &Digest) -> Key {
    key(Domain::Revoked, PLAIN, fingerprint)
}

fn key(domain: Domain, form: u8, id: &impl RecordId) -> Key {
    let mut key = Key::new(&[domain as u8, form]);
    id.write(&mut key);
    key
}

impl RecordId for () {
    fn write(&self, _: &mut Key) {}
}

impl RecordId for u64 {
    fn write(&self, key: &mut Key) {
        key.push(&self.to_be_bytes());
    }
}

macro_rules! ids_of_32_bytes {
    ($($id:ty),*) => {
        $(impl RecordId for $id {
            fn write(&self, key: &mut Key) {
                key.push(&self.0);
            }
        })*
    };
}

ids_of_32_bytes!(
    Digest,
    AccountId,
    DatasetId,
    ConsentId,
    ContractId,
    RequestId,
    ReleaseId,
    AccessId,
    ChallengeId,
    IncidentId,
    CustodyId,
    CertificateId,
    IssuerId
);

impl RecordId for OrganisationId {
    fn write(&self, key: &mut Key) {
        key.push(self.padded());
    }
}

impl RecordId for ObjectRef {
    fn write(&self, key: &mut Key) {
        key.push(&[self.kind as u8]);
        key.push(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_key_fits() {
        let longest = version(Domain::Trail, &ObjectRef::external(Digest([255; 32])), u64::MAX);
        assert_eq!(longest.as_ref().len(), 43);
        assert_eq!(Key::from_slice(longest.as_ref()), Some(longest));
        assert_eq!(Key::from_slice(&[0; Key::MAX + 1]), None);
    }

    #[test]
    fn versions_are_in_order_and_never_between_heads() {
        let id = |n| AccountId([n; 32]);
        let at = |n, v| version(Domain::Account, &id(n), v);
        assert!(at(1, 1) < at(1, 2) && at(1, 255) < at(1, 256) && at(1, u64::MAX) < at(2, 1));
        assert!(head(Domain::Account, &id(255)) < at(0, 1));
    }
}
