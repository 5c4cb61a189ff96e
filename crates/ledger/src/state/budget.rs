//! Budgets: what was spent of a contract, of a dataset and by a recipient, over the whole consortium.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::Domain;
use super::{Missing, Record, State};
use crate::id::{ObjectRef, OrganisationId};

/// What was spent of a contract, a dataset or by an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Budget {
    /// Privacy loss granted so far, in millionths of epsilon.
    pub spent: u64,
    /// The ceiling that a dataset's owner has set; contracts have theirs in their terms.
    pub ceiling: Option<u64>,
    /// Of a contract in a sandbox: organisations that were granted something, ...
    pub participants: BTreeSet<OrganisationId>,
    /// ... and records released.
    pub records: u64,
}

impl Record for Budget {
    const DOMAIN: Domain = Domain::Budget;
    type Id = ObjectRef;
}

impl State<'_> {
    /// What was spent of something.
    pub(crate) fn budget(&self, of: &ObjectRef) -> Result<Budget, Missing> {
        Ok(self.latest(of)?.map(|budget| budget.value).unwrap_or_default())
    }

    /// Writes what was spent of something.
    pub(crate) fn set_budget(&mut self, of: &ObjectRef, budget: Budget) -> Result<(), Missing> {
        let before = self.latest::<Budget>(of)?.map_or(0, |budget| budget.version);
        self.succeed(of, before, budget);
        Ok(())
    }
}
