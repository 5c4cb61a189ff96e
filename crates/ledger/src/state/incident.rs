//! Incidents, and who is liable for them: an organisation and its act, from the ledger.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::Record;
use super::key::Domain;
use crate::id::{AccountId, Digest, ObjectRef, OrganisationId};
use crate::refusal::refusals;
use crate::role::vocabulary;

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Incident {
    /// What happened.
    pub cause: IncidentCause,
    /// The thing with which it happened.
    pub object: ObjectRef,
    /// The organisation that is liable for it: it follows from cause and object.
    pub liable: OrganisationId,
    /// The height of the act: when the contract was written, the release posted, the access granted, the key share given, the account made.
    pub act_at: u64,
    /// Who reported it.
    pub reporter: AccountId,
    /// The organisation that answers for them.
    pub organisation: OrganisationId,
    /// Digest of the evidence.
    pub details: Digest,
}

vocabulary! {
    /// What happened (R10).
    IncidentCause {
        /// A contract allowed what it should not: the publisher is liable.
        ContractFault = 0, "contract-fault", "合同缺陷";
        /// A release was not made as the contract says: the owner of the dataset.
        ReleaseFault = 1, "release-fault", "发布违规";
        /// A recipient misused or leaked what it was given: the organisation that accessed it.
        RecipientBreach = 2, "recipient-breach", "接收方违规";
        /// A key or a share was kept badly: the organisation whose it was.
        KeyFault = 3, "key-fault", "密钥保管不当";
        /// A person or node acted wrongly: the organisation of the account.
        OperatorAct = 4, "operator-act", "操作人员行为";
        /// What was to be destroyed was not, in time: the organisation that held it.
        NotDestroyed = 5, "not-destroyed", "逾期未销毁";
    }
}

impl Record for Incident {
    const DOMAIN: Domain = Domain::Incident;
    type Id = crate::id::IncidentId;
}

refusals! {
    /// Why an incident is not taken.
    pub enum IncidentRefusal in "incident" {
        /// INC-1: cause and object do not go together.
        Kind { cause: IncidentCause, object: ObjectRef } = "kind",
            "`{cause}` is not about `{object}`", "事件原因与对象不符";
        /// INC-1: there is no such thing.
        UnknownObject { object: ObjectRef } = "unknown_object",
            "there is no `{object}`", "对象不存在";
        /// INC-2: the ledger shows otherwise.
        Unfounded { cause: IncidentCause, object: ObjectRef } = "unfounded",
            "the ledger does not bear out `{cause}` of `{object}`", "账本记录不支持该指控";
    }
}
