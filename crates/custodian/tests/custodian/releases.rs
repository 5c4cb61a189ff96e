//! What is released, of whom, and what follows from a withdrawal.

use std::collections::BTreeSet;

use medveil_custodian::store::JobKind;
use medveil_ledger::action::*;
use medveil_ledger::state::destruction::{Destruction, DestructionCause};
use medveil_ledger::state::request::Request;
use medveil_ledger::terms::OnWithdrawal;
use medveil_ledger::vocabulary::Purpose;
use medveil_ledger::*;

use crate::common::key;
use crate::scene::{ask, ask_about, consultation, permit, research, set};
use crate::world::*;

#[test]
fn only_records_of_consenting_patients_are_released_and_the_figures_say_so() {
    let world = World::new(40).consenting(1..=30);
    let request = world.granted();
    let turn = world.keeper().turn().unwrap();
    assert_eq!(
        turn.ended.iter().map(|(kind, .., how)| (*kind, how.as_str())).collect::<Vec<_>>(),
        [(JobKind::Release, "done")]
    );
    let posted = world.posted(request).unwrap();
    let figures = posted.value.figures;
    assert_eq!((figures.patients, figures.records, figures.suppressed), (30, 60, 0));
    assert_eq!((figures.risk_ppm, figures.epsilon), (33_334, 1_000_000));
    assert_eq!(figures.plan.0, world.plan.digest());
    let rows = world.released(request, 1);
    assert_eq!(rows.len(), 60);
    let pseudonyms: BTreeSet<&String> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(pseudonyms.len(), 30);
    assert!(rows.iter().flatten().all(|cell| !cell.contains("王某") && !cell.starts_with("P00")));
    // It is in custody as it is here, and nothing else of the hospital is.
    let object = figures.custody.unwrap();
    let kept = world.safe.kept.borrow();
    let files: Vec<&String> = kept[&(object, 1)].keys().collect();
    assert_eq!(files, ["receipt.json", "report.html", "report.json", "visits.csv"]);
    assert!(kept[&(object, 1)].values().all(|bytes| !String::from_utf8_lossy(bytes).contains("王某")));
    // Nothing to do is nothing done.
    assert_eq!(world.keeper().turn().unwrap().ended, []);
    assert_eq!(
        (world.applied("release.post"), world.applied("custody.register"), world.applied("dataset.register")),
        (1, 1, 1)
    );
}

#[test]
fn a_withdrawal_shrinks_the_next_release_and_whoever_stays_keeps_their_noise() {
    let world = World::new(30).consenting(1..=30);
    let request = world.granted();
    world.keeper().turn().unwrap();
    let before = world.released(request, 1);
    world.withdraw(7);
    let access = AccessRequest { release: world.release_id(request), version: 1, keys: Default::default() };
    assert_eq!(world.chain().refused(&key(RESEARCHER), access).name, "release.stale");
    world.keeper().turn().unwrap();
    let posted = world.posted(request).unwrap();
    assert_eq!((posted.version, posted.value.figures.patients), (2, 29));
    let after = world.released(request, 2);
    let expected: Vec<_> =
        before.into_iter().enumerate().filter(|(row, _)| row / 2 != 6).map(|(_, row)| row).collect();
    assert_eq!(
        after, expected,
        "the records of the others are the same to the letter: two versions averaged tell nothing"
    );
    let access = AccessRequest { release: world.release_id(request), version: 2, keys: Default::default() };
    world.chain().apply_action(&key(RESEARCHER), access);
    // A consent that nobody's release stands on changes nothing.
    world.withdraw(8);
    world.keeper().turn().unwrap();
    assert_eq!(world.posted(request).unwrap().version, 3);
    assert_eq!(world.keeper().turn().unwrap().ended, []);
}

#[test]
fn a_later_version_takes_new_patients_only_when_they_are_many() {
    let world = World::new(40).consenting(1..=20);
    let request = world.granted();
    world.keeper().turn().unwrap();
    // Two come and one goes: of a version with the two, they could be told.
    let world = world.consenting(21..=22);
    world.withdraw(1);
    world.keeper().turn().unwrap();
    let figures = world.posted(request).unwrap().value.figures;
    assert_eq!((figures.patients, figures.added, figures.removed), (19, 0, 0));
    let world = world.consenting(23..=30);
    world.withdraw(2);
    world.keeper().turn().unwrap();
    let figures = world.posted(request).unwrap().value.figures;
    assert_eq!((figures.patients, figures.added, figures.removed), (28, 10, 0));
}

#[test]
fn where_the_contract_says_so_a_withdrawal_destroys_and_it_is_attested() {
    let world = World::new(20).consenting(1..=20);
    world.keeper().turn().unwrap();
    let request = world.request("research", |terms| {
        terms.on_withdrawal = OnWithdrawal::Destroy;
        terms.max_risk_ppm = 90_910;
    });
    world.keeper().turn().unwrap();
    assert!(world.release_folder(request, 1).exists());
    world.withdraw(3);
    let mut keeper = world.keeper();
    keeper.turn().unwrap();
    keeper.turn().unwrap();
    let object = ObjectRef::release(world.release_id(request));
    let order = world.chain().latest::<Destruction>(&object).unwrap().value;
    assert_eq!(order.cause, DestructionCause::Withdrawal);
    assert_eq!(order.attested.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["hospital-1"]);
    assert!(!world.release_folder(request, 1).exists());
    assert!(world.safe.kept.borrow().is_empty());
    assert_eq!((world.applied("destruction.order"), world.applied("destruction.attest")), (1, 1));
}

#[test]
fn a_release_whose_time_is_over_is_destroyed() {
    let world = World::new(20).consenting(1..=20);
    let request = world.granted();
    world.keeper().turn().unwrap();
    world.chain().wait_ms(181 * crate::scene::DAY_MS);
    world.chain().block(&[]);
    let mut keeper = world.keeper();
    keeper.turn().unwrap();
    keeper.turn().unwrap();
    let object = ObjectRef::release(world.release_id(request));
    let order = world.chain().latest::<Destruction>(&object).unwrap().value;
    assert_eq!((order.cause, order.attested.len()), (DestructionCause::TermEnded, 1));
    assert!(!world.release_folder(request, 1).exists());
}

#[test]
fn a_consultation_is_about_one_patient_and_nobody_else() {
    let mut world = World::new(20).consenting(1..=20);
    world.keeper().turn().unwrap();
    let handle = world.handles[&4];
    let contract = {
        let mut chain = world.chain();
        let provision = permit(&chain, Purpose::TeleConsultation);
        chain.consent(handle, 4, provision);
        let mut terms = consultation(&chain, [world.dataset]);
        terms.plan = Digest(world.plan.digest());
        // The plan's noise is not paid for here.
        terms.epsilon = terms::Epsilon { per_request: 1_000_000, total: 9_000_000, per_recipient: 9_000_000 };
        chain.publish(HOSPITAL, "consultation", terms)
    };
    let mut about = ask_about(contract, world.dataset, handle);
    about.epsilon = 1_000_000;
    let request = world.chain().request(RESEARCHER, about);
    world.keeper().turn().unwrap();
    let figures = world.posted(request).unwrap().value.figures;
    assert_eq!((figures.patients, figures.records, figures.risk_ppm), (1, 2, 500_000));
    assert_eq!(world.released(request, 1).len(), 2);
    // The request ends with the consent, and so does the release.
    let count = world.chain().latest::<state::patient::Patient>(&handle).unwrap().value.consents;
    let consent = ConsentId::derive(world.book.chain.borrow().id, handle, count);
    world.consents.insert(4, consent);
    world.withdraw(4);
    world.keeper().turn().unwrap();
    let ended = world.chain().latest::<Request>(&request).unwrap().value.status.name();
    assert_eq!(ended, "ended");
    assert!(!world.release_folder(request, 1).exists());
}

/// Of two releases to one recipient, the next version of the first is posted while the second is picked and not posted: what the second was compared with is not all that the recipient holds.
#[test]
fn what_the_recipient_got_while_a_release_was_made_is_compared_too() {
    for attempt in 0..12 {
        let world = World::new(30).consenting(1..=30);
        world.keeper().turn().unwrap();
        let request = |label: &str, purpose: Purpose| {
            let mut chain = world.chain();
            let mut terms = research(&chain, [world.dataset]);
            terms.plan = Digest(world.plan.digest());
            let contract = chain.publish(HOSPITAL, label, terms);
            let asked = ask(contract, [world.dataset]);
            chain.request(
                RESEARCHER,
                state::request::Ask { purposes: set([purpose]), query: Digest([attempt; 32]), ..asked },
            )
        };
        let first = request("first", Purpose::DiseaseResearch);
        world.keeper().turn().unwrap();
        let second = request("second", Purpose::GeneticResearch);
        // Releases are made in the order of their ids, and in the other one there is nothing to see.
        if world.release_id(second) < world.release_id(first) {
            continue;
        }
        world.safe.down.set(true);
        world.keeper().turn().unwrap_err();
        world.safe.down.set(false);
        for number in 1..=2 {
            let mut chain = world.chain();
            let permitted = permit(&chain, Purpose::DiseaseResearch);
            let denied = vocabulary::Provision { effect: vocabulary::Effect::Deny, ..permitted };
            chain.consent(world.handles[&number], number, denied);
        }
        let turn = world.keeper().turn().unwrap();
        let first = world.posted(first).unwrap();
        assert_eq!((first.version, first.value.figures.patients), (2, 28));
        assert_eq!(turn.ended.last().unwrap().3, "custodian.differencing");
        assert!(world.posted(second).is_none() && !world.release_folder(second, 1).exists());
        return;
    }
    panic!("no attempt had the releases in this order");
}

#[test]
fn a_release_to_the_same_recipient_is_compared_with_all_before() {
    let world = World::new(60).consenting(1..=30);
    let request = world.granted();
    world.keeper().turn().unwrap();
    assert_eq!(world.posted(request).unwrap().value.figures.patients, 30);
    // Two patients more: the difference would show them.
    let world = world.consenting(31..=32);
    let second = world.request("second", |_| {});
    let turn = world.keeper().turn().unwrap();
    assert_eq!(turn.ended.last().unwrap().3, "custodian.differencing");
    assert!(world.posted(second).is_none() && !world.release_folder(second, 1).exists());
    world.chain().apply_action(&key(RESEARCHER), RequestCancel { request: second });
    let world = world.consenting(33..=40);
    let third = world.request("third", |_| {});
    world.keeper().turn().unwrap();
    let figures = world.posted(third).unwrap().value.figures;
    assert_eq!((figures.added, figures.removed), (10, 0));
}
