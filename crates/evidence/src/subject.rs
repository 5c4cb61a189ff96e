//! What a key of the state is about.

use std::fmt;
use std::str::FromStr;

use medveil_ledger::state::Record;
use medveil_ledger::state::account::Account;
use medveil_ledger::state::charter::Charter;
use medveil_ledger::state::dataset::Dataset;
use medveil_ledger::state::freeze::Freeze;
use medveil_ledger::state::key::{self, Domain};
use medveil_ledger::state::organisation::Organisation;
use medveil_ledger::state::parameters::Parameters;
use medveil_ledger::state::proposal::Proposal;
use medveil_ledger::state::trail::TrailEntry;
use medveil_ledger::state::validators::{KeyHolder, Roster, ValidatorKey, ValidatorSet};
use medveil_ledger::{AccountId, Canonical, DatasetId, Key, ObjectKind, ObjectRef, OrganisationId};
use serde::{Serialize, Serializer};

/// A thing that the state keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// An account.
    Account(AccountId),
    /// A member.
    Organisation(OrganisationId),
    /// What the genesis fixes for ever.
    Charter,
    /// The parameters.
    Parameters,
    /// The seats as votes have left them.
    Roster,
    /// The validators; version n are those of epoch n - 1.
    Validators,
    /// Whose a validator's key is.
    ValidatorKey(ValidatorKey),
    /// A proposal.
    Proposal(u64),
    /// Whether a thing is frozen.
    Freeze(ObjectRef),
    /// A dataset.
    Dataset(DatasetId),
    /// The trail of a thing; version n is entry n.
    Trail(ObjectRef),
    /// An account's next nonce, which has no history.
    Nonce(AccountId),
    /// The number of proposals, which has no history.
    ProposalCount,
}

/// What of a subject a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The latest version.
    Head,
    /// A version, counted from 1.
    Version(u64),
    /// A value without history.
    Plain,
}

impl Subject {
    /// The subject and form of a key of the state; `None` for what the ledger has no key for.
    pub fn of_key(bytes: &[u8]) -> Option<(Self, Form)> {
        let (head, rest) = bytes.split_first_chunk::<2>()?;
        let (form, id) = match head[1] {
            0 => (Form::Head, rest),
            1 => {
                let (id, number) = rest.split_last_chunk::<8>()?;
                (Form::Version(u64::from_be_bytes(*number)), id)
            }
            2 => (Form::Plain, rest),
            _ => return None,
        };
        let domain = |domain: Domain| domain as u8 == head[0];
        let subject = if domain(Domain::Nonce) {
            Subject::Nonce(AccountId(id.try_into().ok()?))
        } else if domain(Domain::ProposalCount) {
            Subject::ProposalCount
        } else if domain(Domain::Account) {
            Subject::Account(AccountId(id.try_into().ok()?))
        } else if domain(Domain::Organisation) {
            let named = ObjectRef { kind: ObjectKind::Organisation, id: id.try_into().ok()? };
            Subject::Organisation(named.as_organisation()?)
        } else if domain(Domain::Charter) {
            Subject::Charter
        } else if domain(Domain::Parameters) {
            Subject::Parameters
        } else if domain(Domain::Roster) {
            Subject::Roster
        } else if domain(Domain::Validators) {
            Subject::Validators
        } else if domain(Domain::ValidatorKey) {
            Subject::ValidatorKey(ValidatorKey(id.try_into().ok()?))
        } else if domain(Domain::Proposal) {
            Subject::Proposal(u64::from_be_bytes(id.try_into().ok()?))
        } else if domain(Domain::Freeze) {
            Subject::Freeze(ObjectRef::decode(id).ok()?)
        } else if domain(Domain::Dataset) {
            Subject::Dataset(DatasetId(id.try_into().ok()?))
        } else if domain(Domain::Trail) {
            Subject::Trail(ObjectRef::decode(id).ok()?)
        } else {
            return None;
        };
        // Whatever was read must be written so: no second spelling, no rest, no form that the subject does not have.
        (subject.key(form)?.as_ref() == bytes).then_some((subject, form))
    }

    /// The key of the latest version, or of the value without history.
    pub fn head_key(&self) -> Key {
        self.key(Form::Head).or_else(|| self.key(Form::Plain)).expect("every subject has one of the two")
    }

    /// The key of a version, counted from 1; `None` for what has no history.
    pub fn version_key(&self, version: u64) -> Option<Key> {
        self.key(Form::Version(version))
    }

    /// The key of a form; `None` if the subject does not have it.
    pub fn key(&self, form: Form) -> Option<Key> {
        fn of<R: Record>(id: &R::Id, form: Form) -> Option<Key> {
            match form {
                Form::Head => Some(R::head_key(id)),
                Form::Version(0) | Form::Plain => None,
                Form::Version(number) => Some(R::version_key(id, number)),
            }
        }
        match self {
            Subject::Account(id) => of::<Account>(id, form),
            Subject::Organisation(id) => of::<Organisation>(id, form),
            Subject::Charter => of::<Charter>(&(), form),
            Subject::Parameters => of::<Parameters>(&(), form),
            Subject::Roster => of::<Roster>(&(), form),
            Subject::Validators => of::<ValidatorSet>(&(), form),
            Subject::ValidatorKey(id) => of::<KeyHolder>(id, form),
            Subject::Proposal(id) => of::<Proposal>(id, form),
            Subject::Freeze(id) => of::<Freeze>(id, form),
            Subject::Dataset(id) => of::<Dataset>(id, form),
            Subject::Trail(id) => of::<TrailEntry>(id, form),
            Subject::Nonce(id) => (form == Form::Plain).then(|| key::nonce(id)),
            Subject::ProposalCount => (form == Form::Plain).then(key::proposal_count),
        }
    }

    /// The record of a thing that people name as `KIND/ID`; `None` for things that are in no state: external ones and transactions.
    pub fn of_object(object: ObjectRef) -> Option<Self> {
        match object.kind {
            ObjectKind::Account => Some(Subject::Account(AccountId(object.id))),
            ObjectKind::Organisation => object.as_organisation().map(Subject::Organisation),
            ObjectKind::Proposal => object.as_number().map(Subject::Proposal),
            ObjectKind::Parameters => Some(Subject::Parameters),
            ObjectKind::Validators => Some(Subject::Validators),
            ObjectKind::Dataset => Some(Subject::Dataset(DatasetId(object.id))),
            ObjectKind::External | ObjectKind::Transaction => None,
            ObjectKind::Consent
            | ObjectKind::Contract
            | ObjectKind::Request
            | ObjectKind::Release
            | ObjectKind::Access
            | ObjectKind::Challenge
            | ObjectKind::Incident
            | ObjectKind::Custody => None,
        }
    }
}

impl fmt::Display for Subject {
    /// `dataset/HEX`, `organisation/NAME`, `trail/dataset/HEX`, `parameters`: what [`Subject::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Account(id) => write!(f, "account/{id}"),
            Subject::Organisation(id) => write!(f, "organisation/{id}"),
            Subject::Charter => f.write_str("charter"),
            Subject::Parameters => f.write_str("parameters"),
            Subject::Roster => f.write_str("roster"),
            Subject::Validators => f.write_str("validators"),
            Subject::ValidatorKey(key) => write!(f, "validator-key/{key}"),
            Subject::Proposal(number) => write!(f, "proposal/{number}"),
            Subject::Freeze(object) => write!(f, "freeze/{object}"),
            Subject::Dataset(id) => write!(f, "dataset/{id}"),
            Subject::Trail(object) => write!(f, "trail/{object}"),
            Subject::Nonce(id) => write!(f, "nonce/{id}"),
            Subject::ProposalCount => f.write_str("proposal-count"),
        }
    }
}

/// Why a text names no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected `dataset/HEX`, `organisation/NAME`, `account/HEX`, `proposal/NUMBER`, `trail/KIND/ID`, `freeze/KIND/ID`, `validator-key/HEX`, `parameters`, `validators`, `roster` or `charter`"
)]
pub struct SubjectError;

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let object = |text: &str| text.parse::<ObjectRef>().map_err(|_| SubjectError);
        match text.split_once('/') {
            None => match text {
                "charter" => Ok(Subject::Charter),
                "parameters" => Ok(Subject::Parameters),
                "roster" => Ok(Subject::Roster),
                "validators" => Ok(Subject::Validators),
                "proposal-count" => Ok(Subject::ProposalCount),
                _ => Err(SubjectError),
            },
            Some(("trail", rest)) => object(rest).map(Subject::Trail),
            Some(("freeze", rest)) => object(rest).map(Subject::Freeze),
            Some(("validator-key", rest)) => {
                rest.parse().map(Subject::ValidatorKey).map_err(|_| SubjectError)
            }
            Some(("nonce", rest)) => rest.parse().map(Subject::Nonce).map_err(|_| SubjectError),
            Some(_) => Subject::of_object(object(text)?).ok_or(SubjectError),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use medveil_ledger::Digest;
    use proptest::prelude::*;

    use super::*;

    fn subjects() -> Vec<Subject> {
        vec![
            Subject::Account(AccountId([1; 32])),
            Subject::Organisation(OrganisationId::new("hospital-1").unwrap()),
            Subject::Charter,
            Subject::Parameters,
            Subject::Roster,
            Subject::Validators,
            Subject::ValidatorKey(ValidatorKey([2; 32])),
            Subject::Proposal(12),
            Subject::Freeze(ObjectRef::dataset(DatasetId([3; 32]))),
            Subject::Dataset(DatasetId([4; 32])),
            Subject::Trail(ObjectRef::external(Digest([5; 32]))),
            Subject::Nonce(AccountId([6; 32])),
            Subject::ProposalCount,
        ]
    }

    #[test]
    fn a_key_tells_what_it_is_about() {
        for subject in subjects() {
            let mut forms = 0;
            for form in [Form::Head, Form::Version(1), Form::Version(u64::MAX), Form::Plain] {
                if let Some(key) = subject.key(form) {
                    assert_eq!(Subject::of_key(key.as_ref()), Some((subject, form)));
                    forms += 1;
                }
            }
            assert!(forms == 3 || forms == 1, "{subject}");
        }
    }

    #[test]
    fn subjects_read_as_they_are_written() {
        for subject in subjects() {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        for bad in
            ["", "dataset", "dataset/", "trail/dataset", "external/00", "transaction/1", "parameters/x"]
        {
            assert_eq!(bad.parse::<Subject>(), Err(SubjectError), "{bad}");
        }
    }

    #[test]
    fn version_zero_and_other_forms_are_no_keys() {
        let zero = key::version(Domain::Dataset, &DatasetId([4; 32]), 0);
        assert_eq!(Subject::of_key(zero.as_ref()), None);
        // A nonce has no head, a dataset no plain value, and no domain has the number 0 or 99.
        for (domain, form, length) in
            [(1, 0, 32), (12, 2, 32), (0, 0, 0), (99, 0, 32), (4, 0, 1), (12, 3, 32)]
        {
            let mut bytes = vec![domain, form];
            bytes.resize(2 + length, 7);
            assert_eq!(Subject::of_key(&bytes), None, "{domain} {form}");
        }
        // An organisation's name with a letter that no slug has.
        let mut bytes = vec![3, 0];
        bytes.extend([0xff; 32]);
        assert_eq!(Subject::of_key(&bytes), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_in_one_way_or_not_at_all(bytes in proptest::collection::vec(any::<u8>(), 0..48), domain in 0u8..16, form in 0u8..4) {
            let mut bytes = bytes;
            if bytes.len() >= 2 {
                bytes[0] = domain;
                bytes[1] = form;
            }
            if let Some((subject, form)) = Subject::of_key(&bytes) {
                let key = subject.key(form).unwrap();
                prop_assert_eq!(key.as_ref(), bytes.as_slice());
            }
        }
    }
}
