//! Destructions: orders, and who has attested to have carried them out.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::Domain;
use super::{Missing, Record, State};
use crate::id::{ObjectRef, OrganisationId};
use crate::refusal::refusals;
use crate::role::vocabulary;

/// An order to destroy a release or an object in custody.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Destruction {
    /// Why.
    pub cause: DestructionCause,
    /// The height since which it is in force.
    pub ordered_at: u64,
    /// The time by which it is carried out, in milliseconds since 1970.
    pub due_ms: u64,
    /// Who has attested, at which height.
    pub attested: BTreeMap<OrganisationId, u64>,
}

vocabulary! {
    /// Why something is destroyed.
    DestructionCause {
        /// The term of its use is over.
        TermEnded = 0, "term-ended", "使用期满";
        /// A consent that it can stand on was withdrawn.
        Withdrawal = 1, "withdrawal", "授权撤回";
        /// Its owner orders it.
        Owner = 2, "owner", "数据方要求";
        /// An authority orders it.
        Authority = 3, "authority", "监管要求";
        /// It failed a challenge.
        FailedChallenge = 4, "failed-challenge", "质询未通过";
    }
}

impl Record for Destruction {
    const DOMAIN: Domain = Domain::Destruction;
    type Id = ObjectRef;
}

refusals! {
    /// Why a destruction is not ordered or attested.
    pub enum DestructionRefusal in "destruction" {
        /// DES-1: things of this kind are not destroyed.
        Kind { object: ObjectRef } = "kind",
            "`{object}` is of a kind that is not destroyed", "此类对象不可销毁";
        /// DES-1: who may order it.
        NotYours { object: ObjectRef } = "not_yours",
            "the owner of `{object}` or a regulator orders its destruction", "无权下令销毁";
        /// DES-1: the cause does not hold.
        Cause { cause: DestructionCause } = "cause",
            "`{cause}` does not hold", "销毁事由不成立";
        /// DES-1: it is ordered already.
        Ordered { object: ObjectRef, since: u64 } = "ordered",
            "the destruction of `{object}` was ordered at height {since}", "此前已下令销毁";
        /// DES-3: it is not ordered.
        NotOrdered { object: ObjectRef } = "not_ordered",
            "the destruction of `{object}` is not ordered", "尚未下令销毁";
        /// DES-3: it has been attested.
        Attested { organisation: OrganisationId, since: u64 } = "attested",
            "`{organisation}` attested it at height {since}", "该机构已证明销毁";
    }
}

impl State<'_> {
    /// The height since which the destruction of something is ordered.
    pub(crate) fn destruction_since(&self, object: &ObjectRef) -> Result<Option<u64>, Missing> {
        Ok(self.latest::<Destruction>(object)?.map(|order| order.value.ordered_at))
    }
}
