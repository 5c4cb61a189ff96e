//! `governance.propose`: a measure put to the vote.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::encoding::Canonical;
use crate::governance;
use crate::id::{ChainId, ObjectRef};
use crate::measure::Measure;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::key::{self, Key};
use crate::state::proposal::{Outcome, Proposal};
use crate::transaction::Body;

/// Proposes a measure. The organisation that proposes it approves it.
///
/// # Rules
/// > GOV-1: what changes the consortium is a measure; it takes effect when enough voters approve, in the same block.
/// >
/// > GOV-3: a proposal has a number; it can be voted on for `proposal-lifetime` heights.
/// >
/// > GOV-4: proposing is approving; what cannot be carried out is not proposed.
///
/// See `docs/spec/governance.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GovernancePropose {
    /// What is to be done.
    pub measure: Measure,
}

impl Execute for GovernancePropose {
    const SPEC: ActionSpec = ActionSpec {
        number: 10,
        name: "governance.propose",
        doc: Text { en: "puts a measure to the vote, and approves it", zh: "提出议案并投赞成票" },
        authority: Authority {
            capacities: &[Capacity::Administrator],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: true,
        },
        rules: &["GOV-1", "GOV-2", "GOV-3", "GOV-4", "GOV-9"],
    };

    fn verify(&self, chain: ChainId) -> Result<(), Halt> {
        self.measure.verify(chain)
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let organisation = call.caller.account.organisation;
        let voters = governance::voters(call.state)?;
        governance::check_voter(organisation, &voters)?;
        self.measure.check(call)?;
        let number = call.state.proposal_count()? + 1;
        let height = call.height();
        let mut proposal = Proposal {
            measure: self.measure.clone(),
            organisation,
            account: call.caller.id,
            opened: height,
            expires: height.saturating_add(call.parameters.proposal_lifetime),
            votes: Vec::new(),
            outcome: Outcome::Open,
        };
        call.emit(
            "governance.proposed",
            ObjectRef::proposal(number),
            vec![fact("measure", self.measure.name()), fact("expires", proposal.expires)],
        );
        governance::cast(call, number, &mut proposal, true, &voters)?;
        call.state.write(key::proposal_count(), number.encode());
        call.state.create(&number, proposal);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(key::proposal_count());
    }
}
