//! Organisations: the members of the consortium.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::Record;
use super::key::Domain;
use crate::id::{BoundedText, OrganisationId};
use crate::role::{Role, vocabulary};

/// A name for people.
pub type OrganisationName = BoundedText<120>;

/// A member of the consortium.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Organisation {
    /// Its name.
    pub name: OrganisationName,
    /// What it is in the consortium.
    pub role: Role,
    /// Whether it takes part.
    pub status: Status,
    /// The height since which the status holds.
    pub since: u64,
    /// The height since which it is frozen.
    pub frozen: Option<u64>,
}

impl Organisation {
    /// A new member.
    pub fn new(name: OrganisationName, role: Role, since: u64) -> Self {
        Organisation { name, role, status: Status::Active, since, frozen: None }
    }
}

impl Record for Organisation {
    const DOMAIN: Domain = Domain::Organisation;
    type Id = OrganisationId;
}

vocabulary! {
    /// Whether an organisation takes part.
    Status {
        /// It does.
        Active = 0, "active", "正常";
        /// Not now; it can be reinstated.
        Suspended = 1, "suspended", "已暂停";
        /// Never again.
        Removed = 2, "removed", "已移除";
    }
}
