//! Freezes of objects. That of an account or organisation stands in its own record.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::Domain;
use super::{Missing, Record, State};
use crate::id::ObjectRef;
use crate::refusal::refusals;

/// Whether an object is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Freeze {
    /// The height since which it is; `None` when it is not any more.
    pub since: Option<u64>,
}

impl Record for Freeze {
    const DOMAIN: Domain = Domain::Freeze;
    type Id = ObjectRef;
}

refusals! {
    /// Why something cannot be done to an object.
    pub enum FreezeRefusal in "freeze" {
        /// GOV-9: the object is frozen.
        Frozen { object: ObjectRef, since: u64 } = "frozen",
            "`{object}` has been frozen since height {since}", "对象已冻结";
        /// GOV-10: it is frozen already.
        Already { object: ObjectRef, since: u64 } = "already",
            "`{object}` has been frozen since height {since} already", "对象此前已冻结";
        /// GOV-10: it is not frozen.
        NotFrozen { object: ObjectRef } = "not_frozen",
            "`{object}` is not frozen", "对象未冻结";
        /// GOV-10: there is no such thing.
        Unknown { object: ObjectRef } = "unknown_object",
            "there is no `{object}`", "对象不存在";
        /// GOV-10: a thing of this kind is not frozen.
        Kind { object: ObjectRef } = "kind",
            "`{object}` is of a kind that is not frozen", "此类对象不可冻结";
    }
}

impl State<'_> {
    /// The height since which an object is frozen.
    pub(crate) fn frozen_since(&self, object: &ObjectRef) -> Result<Option<u64>, Missing> {
        Ok(self.latest::<Freeze>(object)?.and_then(|freeze| freeze.value.since))
    }
}
