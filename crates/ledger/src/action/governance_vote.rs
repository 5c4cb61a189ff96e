//! `governance.vote`: for or against a proposal.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::governance::{self, GovernanceRefusal};
use crate::id::ChainId;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::key::Key;
use crate::state::proposal::{Outcome, Proposal};
use crate::state::{Record, Versioned};
use crate::transaction::Body;

/// Casts the vote of the caller's organisation.
///
/// # Rules
/// > GOV-2: one organisation, one vote; voters are those that hold a seat in force and have not lost it since.
/// >
/// > GOV-5: a vote is final.
/// >
/// > GOV-6: the vote that decides a proposal carries it out or rejects it.
/// >
/// > GOV-7: after its last height a proposal has expired.
///
/// See `docs/spec/governance.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GovernanceVote {
    /// The proposal's number.
    pub proposal: u64,
    /// For or against.
    pub approve: bool,
}

impl Execute for GovernanceVote {
    const SPEC: ActionSpec = ActionSpec {
        number: 11,
        name: "governance.vote",
        doc: Text { en: "votes on a proposal", zh: "对议案表决" },
        authority: Authority {
            capacities: &[Capacity::Administrator],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: true,
        },
        rules: &["GOV-1", "GOV-2", "GOV-5", "GOV-6", "GOV-7", "GOV-9"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (number, organisation, height) = (self.proposal, call.caller.account.organisation, call.height());
        let voters = governance::voters(call.state)?;
        governance::check_voter(organisation, &voters)?;
        let Some(Versioned { version, value: mut proposal, .. }) = call.state.latest::<Proposal>(&number)?
        else {
            let proposals = call.state.proposal_count()?;
            return Err(GovernanceRefusal::UnknownProposal { proposal: number, proposals }.into());
        };
        if proposal.outcome != Outcome::Open {
            return Err(
                GovernanceRefusal::Decided { proposal: number, status: proposal.status(height) }.into()
            );
        }
        if height > proposal.expires {
            let expires = proposal.expires;
            return Err(GovernanceRefusal::Expired { proposal: number, expires, height }.into());
        }
        if let Some(ballot) = proposal.ballot(organisation) {
            let at = ballot.height;
            return Err(GovernanceRefusal::AlreadyVoted { proposal: number, organisation, at }.into());
        }
        governance::cast(call, number, &mut proposal, self.approve, &voters)?;
        call.state.succeed(&number, version, proposal);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Proposal::head_key(&self.proposal));
    }
}
