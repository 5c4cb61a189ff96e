//! Proposals: what members vote on.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::{self, Domain};
use super::{Missing, Record, State};
use crate::id::{AccountId, OrganisationId};
use crate::measure::Measure;
use crate::refusal::Refusal;

/// A measure with the votes on it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Proposal {
    /// What is to be done.
    pub measure: Measure,
    /// The organisation that proposed it.
    pub organisation: OrganisationId,
    /// The account that proposed it.
    pub account: AccountId,
    /// The height at which it was made.
    pub opened: u64,
    /// The last height at which it can be voted on.
    pub expires: u64,
    /// The votes, in the order in which they were cast.
    pub votes: Vec<Ballot>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Record for Proposal {
    const DOMAIN: Domain = Domain::Proposal;
    // The number, counted from 1.
    type Id = u64;
}

/// The vote of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Ballot {
    /// Who votes.
    pub organisation: OrganisationId,
    /// The account that cast it.
    pub account: AccountId,
    /// For or against.
    pub approve: bool,
    /// When it was cast.
    pub height: u64,
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It can be voted on until it expires.
    Open,
    /// Enough approved; it was carried out.
    Enacted {
        /// When.
        height: u64,
    },
    /// Enough approved, but it could not be carried out any more.
    Failed {
        /// When.
        height: u64,
        /// Why.
        reason: Refusal,
    },
    /// So many are against it that it cannot pass.
    Rejected {
        /// When.
        height: u64,
    },
}

impl Proposal {
    /// What it is at a height: `open`, `enacted`, `failed`, `rejected` or `expired`.
    pub fn status(&self, height: u64) -> &'static str {
        match self.outcome {
            Outcome::Open if height > self.expires => "expired",
            Outcome::Open => "open",
            Outcome::Enacted { .. } => "enacted",
            Outcome::Failed { .. } => "failed",
            Outcome::Rejected { .. } => "rejected",
        }
    }

    /// The ballot of an organisation.
    pub fn ballot(&self, organisation: OrganisationId) -> Option<&Ballot> {
        self.votes.iter().find(|ballot| ballot.organisation == organisation)
    }
}

impl State<'_> {
    /// Proposals made so far.
    pub(crate) fn proposal_count(&self) -> Result<u64, Missing> {
        Ok(self.read(&key::proposal_count())?.unwrap_or(0))
    }
}
