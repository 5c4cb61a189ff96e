//! Values of the state, decoded.

use medveil_ledger::state::account::Account;
use medveil_ledger::state::charter::Charter;
use medveil_ledger::state::dataset::Dataset;
use medveil_ledger::state::freeze::Freeze;
use medveil_ledger::state::organisation::Organisation;
use medveil_ledger::state::parameters::Parameters;
use medveil_ledger::state::proposal::Proposal;
use medveil_ledger::state::trail::TrailEntry;
use medveil_ledger::state::validators::{KeyHolder, Roster, ValidatorSet};
use medveil_ledger::state::{Record, Versioned};
use medveil_ledger::{Canonical, ChainId, DatasetId, DecodeError};
use serde::Serialize;

use crate::Subject;

/// What a version of a subject says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Of an account.
    Account(Account),
    /// Of a member.
    Organisation(Organisation),
    /// Of the charter.
    Charter(Charter),
    /// Of the parameters.
    Parameters(Parameters),
    /// Of the roster.
    Roster(Roster),
    /// Of the validators.
    Validators(ValidatorSet),
    /// Of a validator's key.
    KeyHolder(KeyHolder),
    /// Of a proposal.
    Proposal(Box<Proposal>),
    /// Of a freeze.
    Freeze(Freeze),
    /// Of a dataset.
    Dataset(Dataset),
    /// Of a trail.
    TrailEntry(TrailEntry),
}

impl Value {
    /// The version that the bytes under a key of the subject are; `None` for subjects without history.
    pub(crate) fn decode(subject: &Subject, bytes: &[u8]) -> Option<Result<Versioned<Value>, DecodeError>> {
        fn of<R: Record>(bytes: &[u8], value: fn(R) -> Value) -> Result<Versioned<Value>, DecodeError> {
            Versioned::<R>::decode(bytes).map(|found| Versioned {
                version: found.version,
                height: found.height,
                value: value(found.value),
            })
        }
        Some(match subject {
            Subject::Account(_) => of(bytes, Value::Account),
            Subject::Organisation(_) => of(bytes, Value::Organisation),
            Subject::Charter => of(bytes, Value::Charter),
            Subject::Parameters => of(bytes, Value::Parameters),
            Subject::Roster => of(bytes, Value::Roster),
            Subject::Validators => of(bytes, Value::Validators),
            Subject::ValidatorKey(_) => of(bytes, Value::KeyHolder),
            Subject::Proposal(_) => of(bytes, |proposal| Value::Proposal(Box::new(proposal))),
            Subject::Freeze(_) => of(bytes, Value::Freeze),
            Subject::Dataset(_) => of(bytes, Value::Dataset),
            Subject::Trail(_) => of(bytes, Value::TrailEntry),
            Subject::Nonce(_) | Subject::ProposalCount => return None,
        })
    }

    /// What the value says of its own id or number that is not so, if anything: the rules never write such a value.
    pub(crate) fn mismatch(&self, subject: &Subject, version: u64, chain: ChainId) -> Option<&'static str> {
        match (self, subject) {
            (Value::Dataset(dataset), Subject::Dataset(id))
                if DatasetId::derive(chain, dataset.organisation, dataset.label) != *id =>
            {
                Some("owner and label")
            }
            (Value::Charter(charter), _) if charter.chain != chain => Some("chain"),
            (Value::Validators(set), _) if set.epoch.checked_add(1) != Some(version) => Some("epoch"),
            _ => None,
        }
    }
}
