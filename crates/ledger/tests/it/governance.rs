//! GOV, ORG, PAR: proposals, votes, thresholds, members, parameters.

use std::collections::{BTreeMap, BTreeSet};

use medveil_ledger::action::{GovernancePropose, GovernanceVote};
use medveil_ledger::measure::{
    AdmitOrganisation, ChangeParameters, Freeze, ReinstateOrganisation, RemoveOrganisation,
    SuspendOrganisation, Unfreeze,
};
use medveil_ledger::role::Role;
use medveil_ledger::state::charter::{Threshold, Thresholds};
use medveil_ledger::state::organisation::{Organisation, OrganisationName, Status};
use medveil_ledger::state::parameters::{Parameter, Parameters};
use medveil_ledger::*;
use proptest::prelude::*;

use crate::common::{Chain, genesis_of, grounds, key, organisation};

fn longer_window() -> ChangeParameters {
    ChangeParameters { changes: BTreeMap::from([(Parameter::ExpiryWindow, 2000)]) }
}

fn vote(proposal: u64, approve: bool) -> GovernanceVote {
    GovernanceVote { proposal, approve }
}

fn propose(measure: impl Into<Measure>) -> GovernancePropose {
    GovernancePropose { measure: measure.into() }
}

fn suspend(name: &str) -> SuspendOrganisation {
    SuspendOrganisation { organisation: organisation(name), grounds: grounds() }
}

fn admit(chain: &Chain, seat: bool) -> AdmitOrganisation {
    AdmitOrganisation {
        organisation: organisation("insurer-1"),
        name: OrganisationName::new("保险一").unwrap(),
        role: Role::Insurer,
        administrators: BTreeSet::from([key(80).public()]),
        seat: seat.then(|| chain.claim("insurer-1", 80)),
    }
}

#[test]
fn the_fourth_of_seven_votes_enacts_a_measure_in_its_block() {
    let mut chain = Chain::new();
    let number = chain.propose(1, longer_window());
    for member in 2..=3 {
        chain.apply_action(&key(member), vote(number, true));
        assert_eq!(chain.proposal(number).status(chain.height), "open");
    }
    chain.apply_action(&key(4), vote(number, true));
    assert_eq!(chain.last_kinds(3), ["governance.voted", "governance.enacted", "parameters.changed"]);
    assert_eq!(chain.proposal(number).status(chain.height), "enacted");
    assert_eq!(chain.latest::<Parameters>(&()).unwrap().value.expiry_window, 2000);
    let voted = &chain.events[chain.events.len() - 3];
    assert_eq!((voted.fact("approvals"), voted.fact("needed")), (Some(&4u64.into()), Some(&4u64.into())));
}

#[test]
fn a_vote_is_cast_once_and_is_final() {
    let mut chain = Chain::new();
    let number = chain.propose(1, longer_window());
    for approve in [true, false] {
        let reason = chain.refused(&key(1), vote(number, approve));
        assert_eq!(
            reason.to_string(),
            "governance.already_voted (proposal 1, organisation hospital-1, at 1)"
        );
    }
    assert_eq!(chain.proposal(number).votes.len(), 1);
    // Not by another administrator of the organisation either.
    let second = action::AccountCreate { key: key(90).public(), capacity: role::Capacity::Administrator };
    chain.apply_action(&key(1), second);
    assert_eq!(chain.refused(&key(90), vote(number, true)).name, "governance.already_voted");
}

#[test]
fn a_proposal_that_cannot_pass_any_more_is_rejected() {
    let mut chain = Chain::new();
    let number = chain.propose(1, longer_window());
    for member in 2..=5 {
        assert_eq!(chain.proposal(number).status(chain.height), "open");
        chain.apply_action(&key(member), vote(number, false));
    }
    assert_eq!(chain.proposal(number).status(chain.height), "rejected");
    let reason = chain.refused(&key(6), vote(number, true));
    assert_eq!(reason.to_string(), "governance.decided (proposal 1, status rejected)");
}

#[test]
fn an_expired_proposal_takes_no_votes() {
    let parameters = Parameters { proposal_lifetime: 3, ..Parameters::default() };
    let mut chain = Chain::of(genesis_of(parameters, Thresholds::default()));
    let number = chain.propose(1, longer_window());
    chain.block(&[]);
    chain.block(&[]);
    chain.apply_action(&key(2), vote(number, true));
    let reason = chain.refused(&key(3), vote(number, true));
    assert_eq!(reason.to_string(), "governance.expired (proposal 1, expires 4, height 5)");
    assert_eq!(chain.proposal(number).status(5), "expired");
}

#[test]
fn who_has_no_seat_has_no_vote() {
    let mut chain = Chain::new();
    let admission = admit(&chain, false);
    chain.enact(admission);
    let reason = chain.refused(&key(80), vote(1, true));
    assert_eq!(reason.to_string(), "governance.no_vote (organisation insurer-1, voters 7)");
    assert_eq!(chain.refused(&key(80), propose(longer_window())).name, "governance.no_vote");
    assert_eq!(
        chain.refused(&key(1), vote(9, true)).to_string(),
        "governance.unknown_proposal (proposal 9, proposals 1)"
    );
}

#[test]
fn a_new_member_votes_from_the_epoch_in_which_its_seat_begins() {
    let mut chain = Chain::new();
    let admission = admit(&chain, true);
    chain.enact(admission);
    assert_eq!(chain.refused(&key(80), propose(longer_window())).name, "governance.no_vote");
    let next = chain.end_epoch().next_validators.unwrap();
    assert_eq!((next.epoch, next.validators.len()), (1, 8));
    chain.propose(80, longer_window());
}

#[test]
fn a_suspended_member_loses_vote_and_votes_at_once() {
    let mut chain = Chain::new();
    let number = chain.propose(7, longer_window());
    chain.enact(suspend("regulator-2"));
    assert_eq!(chain.refused(&key(7), vote(1, true)).name, "authority.organisation_inactive");
    // Of six voters four are needed; the vote of the seventh counts no more.
    for member in 1..=3 {
        chain.apply_action(&key(member), vote(number, true));
    }
    assert_eq!(chain.proposal(number).status(chain.height), "open");
    chain.apply_action(&key(4), vote(number, true));
    assert_eq!(chain.proposal(number).status(chain.height), "enacted");
}

#[test]
fn names_are_used_once_and_removal_is_for_ever() {
    let mut chain = Chain::new();
    let admission = admit(&chain, false);
    let refused = |chain: &mut Chain, measure: Measure| chain.refused(&key(1), propose(measure)).name;
    chain.enact(admission.clone());
    assert_eq!(refused(&mut chain, admission.clone().into()), "organisation.exists");
    let taken = AdmitOrganisation {
        organisation: organisation("insurer-2"),
        administrators: BTreeSet::from([key(1).public()]),
        ..admission.clone()
    };
    assert_eq!(refused(&mut chain, taken.into()), "account.exists");
    let empty = AdmitOrganisation { administrators: BTreeSet::new(), ..admission.clone() };
    assert_eq!(refused(&mut chain, empty.into()), "organisation.administrators");
    let bad = AdmitOrganisation { administrators: BTreeSet::from([PublicKey::Sm2([9; 33])]), ..admission };
    assert_eq!(refused(&mut chain, bad.into()), "keys.invalid");
    assert_eq!(refused(&mut chain, suspend("nobody").into()), "organisation.unknown");
    let insurer = organisation("insurer-1");
    let reinstate = ReinstateOrganisation { organisation: insurer, seat: None };
    assert_eq!(refused(&mut chain, reinstate.clone().into()), "organisation.status");
    chain.enact(suspend("insurer-1"));
    assert_eq!(refused(&mut chain, suspend("insurer-1").into()), "organisation.status");
    chain.enact(reinstate.clone());
    let record: Organisation = chain.latest(&insurer).unwrap().value;
    assert_eq!(record.status, Status::Active);
    chain.enact(RemoveOrganisation { organisation: insurer, grounds: grounds() });
    let reason = chain.refused(&key(1), propose(reinstate));
    assert_eq!(
        reason.to_string(),
        "organisation.status (organisation insurer-1, status removed, needed suspended)"
    );
}

#[test]
fn what_has_become_impossible_when_the_votes_are_there_has_failed() {
    let mut chain = Chain::new();
    let first = chain.propose(1, suspend("regulator-2"));
    let second = chain
        .propose(2, RemoveOrganisation { organisation: organisation("regulator-2"), grounds: grounds() });
    for member in [1, 3, 4] {
        chain.apply_action(&key(member), vote(second, true));
    }
    for member in 2..=4 {
        chain.apply_action(&key(member), vote(first, true));
    }
    let proposal = chain.proposal(first);
    let state::proposal::Outcome::Failed { reason, .. } = proposal.outcome else { panic!("{proposal:?}") };
    assert_eq!(reason.name, "organisation.status");
    assert_eq!(chain.last_kinds(1), ["governance.failed"]);
}

#[test]
fn parameters_keep_their_bounds_and_change_with_the_next_block() {
    let mut chain = Chain::new();
    let change =
        |pairs: &[(Parameter, u64)]| propose(ChangeParameters { changes: pairs.iter().copied().collect() });
    let reason = chain.refused(&key(1), change(&[(Parameter::MinValidators, 0)]));
    assert_eq!(
        reason.to_string(),
        "parameters.out_of_bounds (parameter min-validators, value 0, min 1, max 128)"
    );
    assert_eq!(
        chain.refused(&key(1), change(&[(Parameter::MinIntervalMs, 2000)])).name,
        "parameters.intervals"
    );
    assert_eq!(chain.refused(&key(1), change(&[])).name, "parameters.no_change");
    assert_eq!(chain.refused(&key(1), change(&[(Parameter::MinValidators, 4)])).name, "parameters.no_change");
    // In the block that decides it, the old window holds.
    let number = chain.propose(1, longer_window());
    chain.apply_action(&key(2), vote(number, true));
    chain.apply_action(&key(3), vote(number, true));
    let height = chain.height + 1;
    let deciding = chain.transaction(&key(4), vote(number, true));
    let far = chain.verified(Body { expires: height + 1500, ..chain.body(&key(5), longer()) }.sign(&key(5)));
    let (included, _) =
        propose_block(&chain.next_block(), &[deciding.clone(), far.clone()], &chain.state).unwrap();
    assert_eq!(included, [0]);
    chain.block(&[deciding]);
    chain.block(&[far]);
}

fn longer() -> GovernancePropose {
    propose(ChangeParameters { changes: BTreeMap::from([(Parameter::ProposalLifetime, 7)]) })
}

#[test]
fn freezes_are_of_what_exists_and_once() {
    let mut chain = Chain::new();
    let hospital = ObjectRef::organisation(organisation("hospital-2"));
    let freeze = |object| propose(Freeze { object, grounds: grounds() });
    for (object, name) in [
        (ObjectRef::parameters(), "freeze.kind"),
        (ObjectRef::external(Digest([1; 32])), "freeze.kind"),
        (ObjectRef::organisation(organisation("nobody")), "freeze.unknown_object"),
        (ObjectRef::dataset(DatasetId([1; 32])), "freeze.unknown_object"),
    ] {
        assert_eq!(chain.refused(&key(1), freeze(object)).name, name);
    }
    assert_eq!(chain.refused(&key(1), propose(Unfreeze { object: hospital })).name, "freeze.not_frozen");
    chain.enact(Freeze { object: hospital, grounds: grounds() });
    let reason = chain.refused(&key(1), freeze(hospital));
    assert_eq!(reason.to_string(), "freeze.already (object organisation/hospital-2, since 9)");
    chain.enact(Unfreeze { object: hospital });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any order of votes, repeated ones included, under any threshold: enacted exactly when enough organisations approve, never by counting one twice.
    #[test]
    fn votes_are_counted_once_each_against_the_threshold(
        needed in 4u32..=7,
        ballots in proptest::collection::vec((1u8..=7, any::<bool>()), 0..20),
    ) {
        let threshold = Threshold { votes: needed, of: 7 };
        let thresholds = Thresholds { parameters: threshold, ..Thresholds::default() };
        let mut chain = Chain::of(genesis_of(Parameters::default(), thresholds));
        let number = chain.propose(1, longer_window());
        let mut model = BTreeMap::from([(1, true)]);
        let mut decided = None;
        for (member, approve) in ballots {
            let outcome = chain.submit(&key(member), vote(number, approve));
            let expected = match (decided, model.contains_key(&member)) {
                (Some(_), _) => Some("governance.decided"),
                (None, true) => Some("governance.already_voted"),
                (None, false) => None,
            };
            match outcome {
                Outcome::Applied => prop_assert_eq!(expected, None),
                Outcome::Refused(reason) => prop_assert_eq!(Some(reason.name.as_ref()), expected),
            }
            if expected.is_none() {
                model.insert(member, approve);
            }
            let approvals = model.values().filter(|approve| **approve).count() as u32;
            let rejections = model.len() as u32 - approvals;
            decided = if approvals >= needed {
                Some("enacted")
            } else if 7 - rejections < needed {
                Some("rejected")
            } else {
                None
            };
            prop_assert_eq!(chain.proposal(number).status(chain.height), decided.unwrap_or("open"));
        }
        let window = chain.latest::<Parameters>(&()).unwrap().value.expiry_window;
        prop_assert_eq!(window == 2000, decided == Some("enacted"));
    }
}
