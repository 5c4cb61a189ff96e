//! The committee with the organisations behind its members.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use medveil_ledger::OrganisationId;
use medveil_vault::{
    Member,
    committee::Committee,
    shards::{Scheme, SchemeError},
};

/// The outcome of a ceremony: who holds the key together, and which organisation is which member. Everybody computes the same from the ledger.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Roster {
    /// The number of the ceremony.
    pub session: u64,
    /// The height at which it was over.
    pub height: u64,
    /// The committee.
    pub committee: Committee,
    /// Its members by organisation.
    pub members: BTreeMap<OrganisationId, Member>,
    /// The organisations that had a seat when the ceremony began.
    pub seats: BTreeSet<OrganisationId>,
}

impl Roster {
    /// The organisation of a member.
    pub fn organisation(&self, member: &Member) -> Option<OrganisationId> {
        self.members.iter().find(|(_, found)| *found == member).map(|(organisation, _)| *organisation)
    }

    /// Into how many shards a new object is cut, and how many suffice: as many as seats, and all but those that may fail. Seven and five.
    ///
    /// # Errors
    /// Nobody has a seat, or too many have.
    pub fn scheme(&self) -> Result<Scheme, SchemeError> {
        let seats = u8::try_from(self.seats.len()).unwrap_or(u8::MAX);
        let total = seats.max(2);
        let may_fail = (total.saturating_sub(1) / 3).max(1);
        Scheme::new(total - may_fail, total)
    }
}
