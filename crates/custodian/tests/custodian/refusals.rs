//! What cannot be done is refused by name, on the ledger, and nothing partial is left.

use medveil_custodian::patients::{EnrolmentCode, tie};
use medveil_custodian::reason_digest;
use medveil_ledger::action::*;
use medveil_ledger::state::trail::TrailEntry;
use medveil_ledger::vocabulary::Purpose;
use medveil_ledger::*;

use crate::scene::{ask_about, consultation, permit, set};
use crate::world::*;

/// What a request is refused for; nothing of it is left, and the reason is on its trail.
fn refused(world: &World, request: RequestId) -> String {
    let turn = world.keeper().turn().unwrap();
    let all = turn.ended.iter().chain(&turn.waiting);
    let (_, id, version, name) = all.last().unwrap().clone();
    assert!(world.posted(request).is_none());
    assert!(!world.release_folder(request, 1).join("visits.csv").exists());
    assert!(world.safe.kept.borrow().is_empty());
    let entry = world.chain().latest::<TrailEntry>(&ObjectRef::request(request)).unwrap().value;
    assert_eq!(entry.details, reason_digest(&name, id, version));
    name
}

#[test]
fn a_plan_that_is_not_at_hand_is_waited_for() {
    let mut world = World::new(20).consenting(1..=20);
    world.keeper().turn().unwrap();
    let other = PLAN.replace("version = 1", "version = 2");
    world.plan = medveil_deid::plan::Plan::from_toml(&other).unwrap();
    let request = world.request("research", |_| {});
    assert_eq!(refused(&world, request), "custodian.plan_unknown");
    std::fs::write(world.home.path().join("plans/second.toml"), other).unwrap();
    world.keeper().turn().unwrap();
    assert_eq!(world.posted(request).unwrap().value.figures.plan.0, world.plan.digest());
}

fn with_plan(change: impl FnOnce(&str) -> String) -> (World, RequestId) {
    let mut world = World::new(20).consenting(1..=20);
    let text = change(PLAN);
    std::fs::write(world.home.path().join("plans/tumours.toml"), &text).unwrap();
    world.plan = medveil_deid::plan::Plan::from_toml(&text).unwrap();
    let request = world.granted();
    (world, request)
}

#[test]
fn a_plan_that_fails_or_is_too_risky_or_costs_too_much_releases_nothing() {
    let (world, request) =
        with_plan(|plan| plan.replace("subject = \"patient_id\"", "subject = \"visitor\""));
    assert_eq!(refused(&world, request), "custodian.plan_failed");
    let (world, request) = with_plan(|plan| plan.replace("bin = 20", "bin = 1"));
    assert_eq!(refused(&world, request), "custodian.risk");
    let (world, request) = with_plan(|plan| plan.replace("epsilon = 1.0", "epsilon = 1.5"));
    assert_eq!(refused(&world, request), "custodian.epsilon");
    let models = "\n[privacy]\nquasi-identifiers = [\"sex\", \"age\"]\nmodels = [\"k=30\"]\nsearch = false\n";
    let (world, request) = with_plan(|plan| plan.to_owned() + models);
    assert_eq!(refused(&world, request), "custodian.plan_refused");
}

#[test]
fn too_few_patients_are_waited_for() {
    let mut world = World::new(20).consenting(1..=5);
    let one_class =
        PLAN.replace("column = \"sex\" }\naction = \"keep\"", "column = \"sex\" }\naction = \"redact\"");
    std::fs::write(world.home.path().join("plans/tumours.toml"), &one_class).unwrap();
    world.plan = medveil_deid::plan::Plan::from_toml(&one_class).unwrap();
    let mut keeper = world.keeper();
    world.enrol(&mut keeper, 6);
    // One of the five consents to something else, in so many words that the ledger counts it.
    world.withdraw(5);
    let narrow = {
        let mut chain = world.chain();
        let provision = vocabulary::Provision {
            recipients: vocabulary::Recipients::new([], [crate::common::organisation("hospital-4")]).unwrap(),
            ..permit(&chain, Purpose::HealthResearch)
        };
        chain.consent(world.handles[&5], 5, provision)
    };
    world.consents.insert(5, narrow);
    keeper.turn().unwrap();
    let request = world.request("research", |terms| terms.max_risk_ppm = 200_000);
    assert_eq!(refused(&world, request), "custodian.cohort_small");
    world.consent(6);
    world.keeper().turn().unwrap();
    assert_eq!(world.posted(request).unwrap().value.figures.patients, 5);
}

#[test]
fn a_handle_that_the_hospital_cannot_tie_to_a_record_is_named() {
    let world = World::new(20);
    world.keeper().turn().unwrap();
    // Made by an administrator, and never tied.
    let code = EnrolmentCode::from_seed([0x77; 32]);
    let (request, handle) = {
        let mut chain = world.chain();
        let until_ms = chain.now_ms() + crate::scene::DAY_MS;
        let invite = PatientInvite { code: code.key().public(), until_ms, guardians: set([]) };
        chain.apply_action(&crate::common::key(HOSPITAL), invite);
        let handle = chain.account(&code.key());
        chain.apply_as(handle, &code.key(), PatientEnrol { wallet: crate::scene::wallet(9).public() });
        let provision = permit(&chain, Purpose::TeleConsultation);
        chain.consent(handle, 9, provision);
        let mut terms = consultation(&chain, [world.dataset]);
        terms.plan = Digest(world.plan.digest());
        let contract = chain.publish(HOSPITAL, "consultation", terms);
        (chain.request(RESEARCHER, ask_about(contract, world.dataset, handle)), handle)
    };
    assert_eq!(refused(&world, request), "custodian.handle_unknown");
    // Tied, it can be asked for again; what the plan costs was not granted, which is another reason.
    let folder = world.settings().folder;
    tie(&folder, world.chain().id, crate::common::organisation("hospital-1"), &[(patient(9), code)]).unwrap();
    let contract = ContractId::derive(
        world.chain().id,
        crate::common::organisation("hospital-1"),
        Slug::new("consultation").unwrap(),
    );
    let again = world.chain().request(RESEARCHER, ask_about(contract, world.dataset, handle));
    assert_eq!(refused(&world, again), "custodian.epsilon");
}

#[test]
fn a_code_that_was_not_handed_over_is_given_again_and_one_that_was_used_is_not() {
    let mut world = World::new(3);
    let mut keeper = world.keeper();
    let until_ms = world.chain().now_ms() + crate::scene::DAY_MS;
    let first = keeper.invite(&patient(1), until_ms, &set([])).unwrap().unwrap();
    drop(keeper);
    let mut keeper = world.keeper();
    let again = keeper.invite(&patient(1), until_ms, &set([])).unwrap().unwrap();
    assert_eq!((first.handle, first.code.seed()), (again.handle, again.code.seed()));
    assert_eq!(format!("{:?}", again.code), "EnrolmentCode(..)");
    world.enrol(&mut keeper, 1);
    assert!(keeper.invite(&patient(1), until_ms, &set([])).unwrap().is_none());
    keeper.turn().unwrap();
    assert!(keeper.store().tie(&patient(1)).unwrap().unwrap().1.is_none(), "the code is forgotten");
}
