//! Requests under contracts, with what was decided.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::key::Domain;
use super::{Record, State, Versioned};
use crate::bounded::BoundedSet;
use crate::call::Halt;
use crate::id::{AccountId, ContractId, DatasetId, Digest, OrganisationId, RequestId};
use crate::refusal::refusals;
use crate::role::Role;
use crate::terms::{OnWithdrawal, ReleaseModel};
use crate::vocabulary::{Condition, DataClasses, Purpose};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ask {
    /// Under which contract ...
    pub contract: ContractId,
    /// ... and which of its terms.
    pub revision: u64,
    /// Of which datasets.
    pub datasets: BoundedSet<DatasetId, 1, 32>,
    /// For what.
    pub purposes: BoundedSet<Purpose, 1, 4>,
    /// Which data.
    pub classes: DataClasses,
    /// Whether for a commercial use.
    pub commercial: bool,
    /// Conditions that the requester undertakes to keep.
    pub undertakings: BoundedSet<Condition, 0, 16>,
    /// Digest of an ethics committee's approval.
    pub ethics: Option<Digest>,
    /// For a use abroad: digest of the security assessment.
    pub abroad: Option<Digest>,
    /// Whose data.
    pub subject: Subject,
    /// Digest of the query: the criteria of selection, the columns, the computation. Salted: it may tell what is looked for.
    pub query: Digest,
    /// Privacy loss asked for, in millionths of epsilon.
    pub epsilon: u64,
}

/// Whose data are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Subject {
    /// Everyone whom the contract's consent mode lets in: the custodian picks them, off the ledger.
    Cohort,
    /// One patient.
    Patient {
        /// Their handle.
        patient: AccountId,
        /// The salt of the study's tag, for a consent that is for one study alone.
        salt: Option<Digest>,
    },
}

/// What a grant obliges owner and recipient to.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Obligations {
    /// Digest of the plan that is run.
    pub plan: Digest,
    /// How it is released.
    pub release: ReleaseModel,
    /// The highest risk, in parts per million.
    pub max_risk_ppm: u32,
    /// The fewest patients.
    pub min_cohort: u32,
    /// Privacy loss, in millionths of epsilon.
    pub epsilon: u64,
    /// Fen to be paid.
    pub fen: u64,
    /// Until before when it is used, in milliseconds since 1970. Consents must run as long.
    pub until_ms: u64,
    /// Within how many milliseconds it is destroyed afterwards.
    pub destroy_ms: u64,
    /// What follows a withdrawal.
    pub on_withdrawal: OnWithdrawal,
    /// The height of the decision: cohorts are picked from the state after it, or later.
    pub decided_at: u64,
}

/// Where a request stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestStatus {
    /// The committee votes.
    Pending,
    /// It was granted.
    Granted(Obligations),
    /// It was refused, by the reason of this name, at a height.
    Refused {
        /// The reason's name.
        reason: String,
        /// The height.
        at: u64,
    },
    /// It was granted and is not any more, by the reason of this name, since a height.
    Ended {
        /// The reason's name.
        reason: String,
        /// The height.
        at: u64,
    },
    /// The requester took it back, at a height.
    Cancelled {
        /// The height.
        at: u64,
    },
}

impl RequestStatus {
    /// The name in events and refusals.
    pub const fn name(&self) -> &'static str {
        match self {
            RequestStatus::Pending => "pending",
            RequestStatus::Granted(_) => "granted",
            RequestStatus::Refused { .. } => "refused",
            RequestStatus::Ended { .. } => "ended",
            RequestStatus::Cancelled { .. } => "cancelled",
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Request {
    /// What is asked for.
    pub ask: Ask,
    /// Who asks.
    pub requester: AccountId,
    /// The organisation that answers for them ...
    pub organisation: OrganisationId,
    /// ... and its role when it asked.
    pub role: Role,
    /// Where it stands.
    pub status: RequestStatus,
    /// The votes of the committee.
    pub votes: BTreeMap<OrganisationId, bool>,
    /// The datasets of which something was released.
    pub released: BTreeSet<DatasetId>,
}

impl Record for Request {
    const DOMAIN: Domain = Domain::Request;
    type Id = RequestId;
}

impl Request {
    /// Whether anything can still come of it at a time.
    pub fn is_open(&self, now_ms: u64) -> bool {
        match &self.status {
            RequestStatus::Pending => true,
            RequestStatus::Granted(obligations) => now_ms < obligations.until_ms,
            _ => false,
        }
    }
}

refusals! {
    /// Why nothing is done with a request.
    pub enum RequestRefusal in "request" {
        /// REQ-1: there is no such request.
        Unknown { request: RequestId } = "unknown",
            "there is no request `{request}`", "申请不存在";
        /// REQ-1: the request is not the caller's.
        NotYours { request: RequestId } = "not_yours",
            "the request `{request}` is another account's", "申请属于其他账户";
        /// REQ-1: too much is open about one patient.
        TooManyOpen { patient: AccountId, max: u64 } = "too_many_open",
            "{max} requests about the patient `{patient}` are open", "该患者的未结申请过多";
        /// REQ-3: it is not pending, or not granted.
        Status { status: String, needed: String } = "status",
            "the request is {status}, not {needed}", "申请状态不符";
        /// REQ-3: the organisation is not in the committee.
        NotInCommittee { organisation: OrganisationId } = "not_in_committee",
            "`{organisation}` is not in the contract's committee", "该机构不在审批委员会内";
        /// REQ-3: the organisation has voted.
        AlreadyVoted { organisation: OrganisationId } = "already_voted",
            "`{organisation}` has voted on the request", "该机构已审批";
        /// REQ-5: the grant is over.
        Over { until_ms: u64, now_ms: u64 } = "over",
            "the grant lasted until {until_ms}, it is {now_ms}", "授权已到期";
    }
}

impl State<'_> {
    /// The request of an id.
    pub(crate) fn request(&self, request: &RequestId) -> Result<Versioned<Request>, Halt> {
        Ok(self.latest(request)?.ok_or(RequestRefusal::Unknown { request: *request })?)
    }
}

impl Request {
    /// The obligations of a grant that is not over.
    pub(crate) fn granted(&self, now_ms: u64) -> Result<&Obligations, RequestRefusal> {
        match &self.status {
            RequestStatus::Granted(obligations) if now_ms < obligations.until_ms => Ok(obligations),
            RequestStatus::Granted(Obligations { until_ms, .. }) => {
                Err(RequestRefusal::Over { until_ms: *until_ms, now_ms })
            }
            other => {
                Err(RequestRefusal::Status { status: other.name().to_owned(), needed: "granted".to_owned() })
            }
        }
    }
}
