//! Stopped at any point and begun again, a custodian comes to the same end, and does nothing twice.

use std::cell::Cell;
use std::rc::Rc;

use medveil_custodian::*;
use medveil_ledger::action::*;
use medveil_ledger::state::challenge::Challenge;
use medveil_ledger::*;

use crate::common::key;
use crate::world::*;

/// Everything that a custodian does: registers, releases, releases again after a withdrawal, answers, destroys. `turn` is called until nothing is left to do.
fn life(turn: &mut dyn FnMut(&World)) -> World {
    let world = World::new(20);
    turn(&world);
    let world = world.consenting(1..=20);
    let request = world.request("research", |_| {});
    turn(&world);
    world.withdraw(2);
    turn(&world);
    let release = world.release_id(request);
    let reader = Digest(medveil_vault::committee::OneTimeSecret::from_bytes(&[3; 32]).key().0);
    let challenge = AuditChallenge { release, version: 2, rows: 9, reader };
    world.chain().apply_action(&key(REGULATOR), challenge);
    turn(&world);
    // The source grows: the copy of its first version is needed until the release is destroyed.
    std::fs::write(world.home.path().join("data/visits.csv"), table(1..=21)).unwrap();
    turn(&world);
    let object = ObjectRef::release(release);
    let cause = state::destruction::DestructionCause::Authority;
    world.chain().apply_action(&key(REGULATOR), DestructionOrder { object, cause });
    turn(&world);
    world
}

/// What has come of it, as far as it must be the same: how often each act was carried out, what is on the ledger, and what is left on disk.
fn end(world: &World) -> (Vec<(&'static str, usize)>, Vec<String>) {
    let acts = [
        "dataset.register",
        "custody.register",
        "release.post",
        "audit.answer",
        "destruction.attest",
        "audit.notarise",
    ];
    let counts = acts.iter().map(|name| (*name, world.applied(name))).collect();
    let chain = world.chain();
    let posted = chain.events.iter().filter(|event| event.kind == "release.posted");
    let mut facts: Vec<String> = posted
        .map(|event| {
            let fact = |name| event.fact(name).unwrap().to_string();
            ["version", "patients", "records"].map(fact).join(" ")
        })
        .collect();
    let answered = chain.events.iter().filter(|event| event.kind == "audit.answered");
    for event in answered {
        let id = ChallengeId(event.object.id);
        let answer = chain.latest::<Challenge>(&id).unwrap().value.answer.unwrap();
        // Sealed with other randomness each time: it must be what is there, not what another run sealed.
        let sealed = std::fs::read(openings_file(&world.settings().folder, id)).unwrap();
        assert_eq!(openings::digest(&sealed), answer);
    }
    drop(chain);
    let mut left: Vec<_> = walk(&world.home.path().join("custodian"));
    left.retain(|name| !name.starts_with("custodian.sqlite"));
    facts.extend(left);
    (counts, facts)
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                names.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    // Challenges and transactions have other ids where other transactions came before them.
    names.retain(|name| !name.starts_with("openings"));
    names.sort();
    names
}

fn until_nothing_is_left(world: &World, hook: &Hook) -> Result<(), CustodianError> {
    let mut keeper =
        Custodian::open_with(world.settings(), world.book.clone(), world.safe.clone(), hook.clone())?;
    for _ in 0..4 {
        keeper.turn()?;
    }
    Ok(())
}

#[test]
fn stopped_at_every_point_it_comes_to_the_same_end() {
    let passed = Rc::new(Cell::new(0u32));
    let count = passed.clone();
    let counting = Hook(Some(Rc::new(move |_| {
        count.set(count.get() + 1);
        false
    })));
    let undisturbed = life(&mut |world| until_nothing_is_left(world, &counting).unwrap());
    let expected = end(&undisturbed);
    assert_eq!(
        expected.0,
        [
            ("dataset.register", 2),
            ("custody.register", 2),
            ("release.post", 2),
            ("audit.answer", 1),
            ("destruction.attest", 1),
            ("audit.notarise", 0)
        ]
    );
    let points = passed.get();
    assert!(points > 20, "{points}");
    for stop in 0..points {
        let (left, stopped) = (Rc::new(Cell::new(stop)), Rc::new(Cell::new(None)));
        let (steps, at) = (left.clone(), stopped.clone());
        let hook = Hook(Some(Rc::new(move |point| {
            let stops = steps.get() == 0 && at.get().is_none();
            if stops {
                at.set(Some(point));
            }
            steps.set(steps.get().saturating_sub(1));
            stops
        })));
        let world = life(&mut |world| {
            if let Err(error) = until_nothing_is_left(world, &hook) {
                assert!(matches!(error, CustodianError::Interrupted(_)), "{error}");
                until_nothing_is_left(world, &hook).unwrap();
            }
        });
        assert_eq!(end(&world), expected, "stopped at point {stop}: {:?}", stopped.get());
    }
}

#[test]
fn while_custody_or_the_ledger_do_not_answer_nothing_is_lost() {
    let world = World::new(20).consenting(1..=20);
    let request = world.granted();
    world.safe.down.set(true);
    let error = world.keeper().turn().unwrap_err();
    assert!(matches!(error, CustodianError::Vault(_)), "{error}");
    assert!(world.posted(request).is_none());
    world.safe.down.set(false);
    world.keeper().turn().unwrap();
    assert_eq!((world.applied("custody.register"), world.applied("release.post")), (1, 1));
}
