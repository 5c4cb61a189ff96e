//! Governance: who votes, how votes are counted, what becomes of a proposal.
//!
//! One organisation, one vote. Voters are the organisations that hold a seat in the set of validators in force and have not lost it by a vote since
//! (GOV-2). Thresholds are parts of the voters at the time of counting and constants of the chain.

use std::collections::BTreeSet;

use crate::call::{Call, Halt};
use crate::id::{ObjectRef, OrganisationId};
use crate::measure::Class;
use crate::refusal::{fact, refusals};
use crate::state::charter::{Charter, Threshold};
use crate::state::proposal::{Ballot, Outcome, Proposal};
use crate::state::{Missing, State};

refusals! {
    /// Why a proposal or vote is refused.
    pub enum GovernanceRefusal in "governance" {
        /// GOV-2: the organisation has no vote.
        NoVote { organisation: OrganisationId, voters: u64 } = "no_vote",
            "`{organisation}` is not one of the {voters} voters", "该机构没有表决权";
        /// GOV-5: the organisation has voted.
        AlreadyVoted { proposal: u64, organisation: OrganisationId, at: u64 } = "already_voted",
            "`{organisation}` voted on proposal {proposal} at height {at}: a vote is final", "该机构已表决，表决不可更改";
        /// GOV-3: there is no such proposal.
        UnknownProposal { proposal: u64, proposals: u64 } = "unknown_proposal",
            "there is no proposal {proposal}, only {proposals} were made", "提案不存在";
        /// GOV-6: the proposal is decided.
        Decided { proposal: u64, status: &'static str } = "decided",
            "proposal {proposal} is {status}", "提案已有结果";
        /// GOV-7: the proposal has expired.
        Expired { proposal: u64, expires: u64, height: u64 } = "expired",
            "proposal {proposal} could be voted on until height {expires}, this is {height}", "提案已过期";
    }
}

/// The organisations that have a vote.
pub(crate) fn voters(state: &State<'_>) -> Result<BTreeSet<OrganisationId>, Missing> {
    let roster = state.roster()?.value;
    let set = state.validators()?.value;
    Ok(set
        .validators
        .iter()
        .map(|validator| validator.organisation)
        .filter(|organisation| roster.seats.contains_key(organisation))
        .collect())
}

/// Refuses an organisation without a vote.
pub(crate) fn check_voter(
    organisation: OrganisationId,
    voters: &BTreeSet<OrganisationId>,
) -> Result<(), GovernanceRefusal> {
    if voters.contains(&organisation) {
        return Ok(());
    }
    Err(GovernanceRefusal::NoVote { organisation, voters: voters.len() as u64 })
}

/// Casts the caller's vote, and carries out or rejects the proposal if that decides it.
///
/// The caller's organisation must be a voter that has not voted on it; the proposal must be open.
pub(crate) fn cast(
    call: &mut Call<'_, '_>,
    number: u64,
    proposal: &mut Proposal,
    approve: bool,
    voters: &BTreeSet<OrganisationId>,
) -> Result<(), Halt> {
    let height = call.height();
    proposal.votes.push(Ballot {
        organisation: call.caller.account.organisation,
        account: call.caller.id,
        approve,
        height,
    });
    let needed = threshold(call.state, proposal.measure.class())?.needed(voters.len() as u64);
    let tally = Tally::of(proposal, voters);
    call.emit(
        "governance.voted",
        ObjectRef::proposal(number),
        vec![
            fact("approve", approve),
            fact("approvals", tally.approvals),
            fact("rejections", tally.rejections),
            fact("needed", needed),
            fact("voters", voters.len()),
        ],
    );
    if tally.approvals >= needed {
        enact(call, number, proposal)
    } else if voters.len() as u64 - tally.rejections < needed {
        proposal.outcome = Outcome::Rejected { height };
        call.emit("governance.rejected", ObjectRef::proposal(number), Vec::new());
        Ok(())
    } else {
        Ok(())
    }
}

fn enact(call: &mut Call<'_, '_>, number: u64, proposal: &mut Proposal) -> Result<(), Halt> {
    let height = call.height();
    // What could be done when it was proposed may be impossible by now; the votes stand, and so does the reason.
    match proposal.measure.check(call) {
        Ok(()) => {
            proposal.outcome = Outcome::Enacted { height };
            call.emit(
                "governance.enacted",
                ObjectRef::proposal(number),
                vec![fact("measure", proposal.measure.name())],
            );
            proposal.measure.enact(call)?;
        }
        Err(Halt::Refused(reason)) => {
            call.emit(
                "governance.failed",
                ObjectRef::proposal(number),
                vec![
                    fact("measure", proposal.measure.name()),
                    fact("reason", reason.name.clone().into_owned()),
                ],
            );
            proposal.outcome = Outcome::Failed { height, reason };
        }
        Err(missing) => return Err(missing),
    }
    Ok(())
}

struct Tally {
    approvals: u64,
    rejections: u64,
}

impl Tally {
    /// The votes of those who are voters now: an organisation that has lost its seat has lost its vote too.
    fn of(proposal: &Proposal, voters: &BTreeSet<OrganisationId>) -> Self {
        let count = |approve| {
            let counted = proposal.votes.iter().filter(|ballot| ballot.approve == approve);
            counted.filter(|ballot| voters.contains(&ballot.organisation)).count() as u64
        };
        Tally { approvals: count(true), rejections: count(false) }
    }
}

fn threshold(state: &State<'_>, class: Class) -> Result<Threshold, Missing> {
    let charter: Charter = state.latest(&())?.expect("the genesis writes the charter").value;
    Ok(match class {
        Class::Membership => charter.thresholds.membership,
        Class::Parameters => charter.thresholds.parameters,
        Class::Freeze => charter.thresholds.freeze,
        Class::Unfreeze => charter.thresholds.unfreeze,
    })
}
