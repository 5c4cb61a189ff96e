//! `audit.notarise`: a note about an object that nobody can take back, move or leave out.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{
    AccessId, AccountId, CertificateId, ChainId, ChallengeId, ConsentId, ContractId, CustodyId, DatasetId,
    Digest, IncidentId, IssuerId, ObjectKind, ObjectRef, ReleaseId, RequestId,
};
use crate::refusal::{fact, refusals};
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::access::Access;
use crate::state::account::Account;
use crate::state::certificate::Certificate;
use crate::state::challenge::Challenge;
use crate::state::consent::Consent;
use crate::state::contract::Contract;
use crate::state::custody::Custody;
use crate::state::dataset::Dataset;
use crate::state::incident::Incident;
use crate::state::issuer::Issuer;
use crate::state::key::Key;
use crate::state::organisation::Organisation;
use crate::state::proposal::Proposal;
use crate::state::release::Release;
use crate::state::request::Request;
use crate::state::trail::{Reason, Step, TrailEntry};
use crate::state::{Record, State};
use crate::transaction::Body;

/// Appends an entry to the trail of an object: what was done, why, and the digest of the details.
///
/// # Rules
/// > AUD-1: the actor is the account that signs, the organisation that answers for it is the account's; neither can be claimed.
/// >
/// > AUD-2: step and reason are words of a vocabulary, details are a digest: no text, so that nothing of a patient gets onto the ledger.
/// >
/// > AUD-3: entries about an object are numbered without gaps and never change, so that a trail is provably complete.
/// >
/// > AUD-4: a thing of a kind that the ledger keeps must exist; other things are named by a digest, as `external`.
///
/// See `docs/spec/audit.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuditNotarise {
    /// What the note is about.
    pub object: ObjectRef,
    /// What was done.
    pub step: Step,
    /// Why.
    pub reason: Reason,
    /// Digest of the details, which stay with the organisation. Salted, if they can be guessed.
    pub details: Digest,
}

refusals! {
    /// Why a note is not taken.
    pub enum AuditRefusal in "audit" {
        /// AUD-4: there is no such thing.
        UnknownObject { object: ObjectRef } = "unknown_object",
            "there is no `{object}`", "对象不存在";
        /// AUD-4: things of this kind have no trail.
        Kind { object: ObjectRef } = "kind",
            "things of the kind of `{object}` have no trail", "此类对象没有审计记录";
    }
}

impl Execute for AuditNotarise {
    const SPEC: ActionSpec = ActionSpec {
        number: 40,
        name: "audit.notarise",
        doc: Text {
            en: "appends an entry to the trail of an object", zh: "向对象的审计记录追加条目"
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["AUD-1", "AUD-2", "AUD-3", "AUD-4"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        match self.object.kind {
            ObjectKind::Parameters | ObjectKind::Validators | ObjectKind::Transaction => {
                Err(AuditRefusal::Kind { object: self.object }.into())
            }
            _ => Ok(()),
        }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        if !exists(call.state, &self.object)? {
            return Err(AuditRefusal::UnknownObject { object: self.object }.into());
        }
        let before = call.state.latest::<TrailEntry>(&self.object)?.map_or(0, |entry| entry.version);
        let entry = TrailEntry {
            actor: call.caller.id,
            organisation: call.caller.account.organisation,
            step: self.step,
            reason: self.reason,
            details: self.details,
            transaction: call.transaction,
        };
        call.state.succeed(&self.object, before, entry);
        call.emit(
            "audit.notarised",
            self.object,
            vec![
                fact("entry", before + 1),
                fact("step", self.step),
                fact("reason", self.reason),
                fact("details", self.details),
            ],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.extend(record_key(&self.object));
        keys.push(TrailEntry::head_key(&self.object));
    }
}

/// Whether the ledger keeps the object; what is not on the ledger always exists.
fn exists(state: &State<'_>, object: &ObjectRef) -> Result<bool, Halt> {
    Ok(match (object.kind, record_key(object)) {
        (ObjectKind::External, _) => true,
        (_, Some(key)) => state.has(&key)?,
        (_, None) => false,
    })
}

/// The key of the object's own record.
fn record_key(object: &ObjectRef) -> Option<Key> {
    match object.kind {
        ObjectKind::Account => Some(Account::head_key(&AccountId(object.id))),
        ObjectKind::Organisation => object.as_organisation().map(|id| Organisation::head_key(&id)),
        ObjectKind::Proposal => object.as_number().map(|number| Proposal::head_key(&number)),
        ObjectKind::Dataset => Some(Dataset::head_key(&DatasetId(object.id))),
        ObjectKind::Consent => Some(Consent::head_key(&ConsentId(object.id))),
        ObjectKind::Contract => Some(Contract::head_key(&ContractId(object.id))),
        ObjectKind::Request => Some(Request::head_key(&RequestId(object.id))),
        ObjectKind::Release => Some(Release::head_key(&ReleaseId(object.id))),
        ObjectKind::Access => Some(Access::head_key(&AccessId(object.id))),
        ObjectKind::Challenge => Some(Challenge::head_key(&ChallengeId(object.id))),
        ObjectKind::Incident => Some(Incident::head_key(&IncidentId(object.id))),
        ObjectKind::Certificate => Some(Certificate::head_key(&CertificateId(object.id))),
        ObjectKind::Issuer => Some(Issuer::head_key(&IssuerId(object.id))),
        ObjectKind::Custody => Some(Custody::head_key(&CustodyId(object.id))),
        ObjectKind::External | ObjectKind::Parameters | ObjectKind::Validators | ObjectKind::Transaction => {
            None
        }
    }
}
