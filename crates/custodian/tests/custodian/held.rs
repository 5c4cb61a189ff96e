//! What stands in the way of a post and may pass is waited for; and what never was posted leaves nothing.

use std::cell::Cell;
use std::rc::Rc;

use medveil_custodian::*;
use medveil_ledger::action::{ContractSetStanding, RequestCancel};
use medveil_ledger::measure::*;
use medveil_ledger::state::contract::Standing;
use medveil_ledger::state::custody::Custody;
use medveil_ledger::state::destruction::Destruction;
use medveil_ledger::*;

use crate::common::{grounds, key};
use crate::scene::{ask, research};
use crate::world::*;

fn stand(world: &World, standing: Standing) {
    let contract =
        ContractId::derive(world.chain().id, world.book.organisation(), Slug::new("research").unwrap());
    world.chain().apply_action(&key(HOSPITAL), ContractSetStanding { contract, standing });
}

/// What a turn says of the one job that waits or has ended.
fn said(turn: Turn) -> String {
    let mut all = turn.ended.into_iter().chain(turn.waiting);
    let (.., name) = all.next().unwrap();
    assert_eq!(all.next(), None);
    name
}

fn posts(world: &World) -> usize {
    world.book.acts.borrow().iter().filter(|(name, _)| *name == "release.post").count()
}

/// Whether the destruction of what is in custody of a request's release is ordered.
fn is_destroyed(world: &World, request: RequestId) -> bool {
    let release = ReleaseId::derive(request, world.dataset);
    let chain = world.chain();
    let kept = CustodyId::derive(chain.id, world.book.organisation(), custody_label(release));
    assert!(chain.latest::<Custody>(&kept).is_some());
    chain.latest::<Destruction>(&ObjectRef::custody(kept)).is_some()
}

#[test]
fn a_release_waits_while_its_contract_is_frozen_and_is_posted_when_it_is_not() {
    let world = World::new(20).consenting(1..=20);
    let request = world.granted();
    stand(&world, Standing::Frozen);
    for _ in 0..3 {
        assert_eq!(said(world.keeper().turn().unwrap()), "custodian.held");
    }
    assert_eq!((posts(&world), world.applied("audit.notarise")), (0, 1), "nothing is asked in vain");
    stand(&world, Standing::Open);
    assert_eq!(said(world.keeper().turn().unwrap()), "done");
    assert_eq!(world.posted(request).unwrap().version, 1);
}

#[test]
fn a_freeze_between_the_look_and_the_post_is_waited_for_too() {
    let world = World::new(20).consenting(1..=20);
    let request = world.granted();
    // The first thing that is handed in is the post.
    let (frozen, chain) = (Rc::new(Cell::new(false)), world.book.chain.clone());
    let (hook, dataset) = (frozen.clone(), ObjectRef::dataset(world.dataset));
    let hook = move |point| {
        if point == Point::BeforeAct && !hook.replace(true) {
            chain.borrow_mut().enact(Freeze { object: dataset, grounds: grounds() });
        }
        false
    };
    let mut keeper = world.keeper_with(Hook(Some(Rc::new(hook))), world.book.clone());
    assert_eq!(said(keeper.turn().unwrap()), "custodian.held");
    assert_eq!(said(keeper.turn().unwrap()), "custodian.held");
    assert_eq!((frozen.get(), posts(&world)), (true, 1));
    world.chain().enact(Unfreeze { object: dataset });
    assert_eq!(said(keeper.turn().unwrap()), "done");
    assert_eq!((posts(&world), world.posted(request).unwrap().version), (2, 1));
}

#[test]
fn what_cannot_be_read_in_the_state_is_asked_again_after_a_while() {
    let world = World::new(20).consenting(1..=20);
    let request = world.granted();
    let own = ObjectRef::account(world.chain().account(&key(HOSPITAL)));
    let chain = world.book.chain.clone();
    let hook = move |point| {
        if point == Point::Kept {
            chain.borrow_mut().enact(Freeze { object: own, grounds: grounds() });
        }
        false
    };
    let mut keeper = world.keeper_with(Hook(Some(Rc::new(hook))), world.book.clone());
    for _ in 0..3 {
        assert_eq!(said(keeper.turn().unwrap()), "custodian.held");
        assert_eq!(posts(&world), 1);
    }
    world.chain().enact(Unfreeze { object: own });
    world.chain().height += 100;
    assert_eq!(said(keeper.turn().unwrap()), "done");
    assert_eq!((posts(&world), world.posted(request).unwrap().version), (2, 1));
}

#[test]
fn who_waits_in_vain_ends_with_the_term_and_leaves_nothing() {
    let world = World::new(20).consenting(1..=20);
    let request = world.granted();
    let chain = world.book.chain.clone();
    let contract =
        ContractId::derive(world.chain().id, world.book.organisation(), Slug::new("research").unwrap());
    let hook = move |point| {
        if point == Point::Kept {
            let freeze = ContractSetStanding { contract, standing: Standing::Frozen };
            chain.borrow_mut().apply_action(&key(HOSPITAL), freeze);
        }
        false
    };
    let mut keeper = world.keeper_with(Hook(Some(Rc::new(hook))), world.book.clone());
    assert_eq!(said(keeper.turn().unwrap()), "custodian.held");
    assert!(world.release_folder(request, 1).join("visits.csv").exists());
    world.chain().wait_ms(181 * crate::scene::DAY_MS);
    world.chain().block(&[]);
    assert_eq!(said(keeper.turn().unwrap()), "custodian.not_granted");
    assert!(!world.release_folder(request, 1).parent().unwrap().exists());
    assert_eq!(posts(&world), 0);
    assert!(is_destroyed(&world, request));
}

#[test]
fn a_closed_contract_is_not_waited_for() {
    let world = World::new(20).consenting(1..=20);
    world.granted();
    stand(&world, Standing::Closed);
    assert_eq!(said(world.keeper().turn().unwrap()), "custodian.not_granted");
}

#[test]
fn what_the_contract_s_policies_refuse_is_decided_and_not_waited_for() {
    let world = World::new(20).consenting(1..=20);
    world.keeper().turn().unwrap();
    let policy = "@id(\"small\") @reason(\"too few\")
        forbid (principal, action == Action::\"release\", resource) when { context has patients && context.patients < 21 };";
    let mut terms = research(&world.chain(), [world.dataset]);
    terms.plan = Digest(world.plan.digest());
    let contract = world.chain().publish_with_policy(HOSPITAL, "research", terms, policy);
    let request = world.chain().request(RESEARCHER, ask(contract, [world.dataset]));
    let turn = world.keeper().turn().unwrap();
    assert!(turn.waiting.is_empty());
    assert_eq!(said(turn), "custodian.ledger");
    let refused = world.book.acts.borrow().iter().any(
        |(_, outcome)| matches!(outcome, Outcome::Refused(refusal) if refusal.name == "decision.policy"),
    );
    assert!(refused && world.posted(request).is_none());
    assert!(!world.release_folder(request, 1).parent().unwrap().exists());
    world.keeper().turn().unwrap();
    assert_eq!(posts(&world), 1);
}

#[test]
fn what_was_never_posted_is_removed_wherever_it_is_stopped() {
    for stop in [Point::Made, Point::Measured, Point::Kept, Point::Ended] {
        let world = World::new(20).consenting(1..=20);
        let request = world.granted();
        let chain = world.book.chain.clone();
        let stopped = Rc::new(Cell::new(false));
        let hook = {
            let stopped = stopped.clone();
            Hook(Some(Rc::new(move |point| {
                if point == Point::Kept {
                    chain.borrow_mut().apply_action(&key(RESEARCHER), RequestCancel { request });
                }
                point == stop && !stopped.replace(true)
            })))
        };
        let turned = world.keeper_with(hook.clone(), world.book.clone()).turn();
        assert!(matches!(turned, Err(CustodianError::Interrupted(Interrupted(point))) if point == stop));
        assert!(world.release_folder(request, 1).exists(), "{stop:?}");
        let _ = world.keeper_with(hook, world.book.clone()).turn().unwrap();
        assert!(world.posted(request).is_none());
        assert!(!world.release_folder(request, 1).parent().unwrap().exists(), "stopped at {stop:?}");
        assert!(is_destroyed(&world, request), "stopped at {stop:?}");
    }
}
