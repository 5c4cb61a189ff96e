//! Events: what people read.
//!
//! An event tells who did what to which object, which organisation answers for it, and why. Its canonical bytes are a leaf of the block's event
//! root, so that it can be shown to anyone later.

use std::borrow::Cow;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::id::{AccountId, Digest, ObjectRef, OrganisationId};
use crate::refusal::{Fact, FactValue, as_map};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Event {
    /// What happened: `dataset.registered`. It keeps its meaning for ever.
    pub kind: Cow<'static, str>,
    /// The block's height.
    pub height: u64,
    /// The transaction that caused it; none for what happens at the end of an epoch.
    pub transaction: Option<Digest>,
    /// The account that acted.
    pub actor: Option<AccountId>,
    /// The organisation that answers for the actor.
    pub organisation: Option<OrganisationId>,
    /// What it happened to.
    pub object: ObjectRef,
    /// The rest, by name.
    #[serde(serialize_with = "as_map")]
    pub facts: Vec<Fact>,
}

impl Event {
    /// The value of a fact.
    pub fn fact(&self, name: &str) -> Option<&FactValue> {
        self.facts.iter().find(|fact| fact.name == name).map(|fact| &fact.value)
    }
}
