//! An auditor's part: challenges, and what is found by what was opened.

use chacha20::ChaCha20Rng;
use medveil_custodian::audit::{Fault, Judgement, judge};
use medveil_custodian::*;
use medveil_ledger::action::*;
use medveil_ledger::state::challenge::Verdict;
use medveil_ledger::*;
use medveil_vault::committee::{OneTimeKeys, OneTimeSecret};
use rand_core::SeedableRng as _;

use crate::common::key;
use crate::world::*;

pub fn secret() -> OneTimeSecret {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    OneTimeKeys::generate(&mut rng).secret(&medveil_vault::Digest([0; 32]), &medveil_vault::Member([0; 32]))
}

/// A challenge of so many rows by the regulator.
pub fn challenge(world: &World, request: RequestId, rows: u32) -> ChallengeId {
    let version = world.posted(request).unwrap().version;
    let reader = Digest(secret().key().0);
    let action = AuditChallenge { release: world.release_id(request), version, rows, reader };
    let mut chain = world.chain();
    let transaction = chain.transaction(&key(REGULATOR), action);
    let id = ChallengeId(transaction.digest().0);
    assert_eq!(chain.block(&[transaction]).receipts[0].outcome, Outcome::Applied);
    id
}

pub fn sealed(world: &World, challenge: ChallengeId) -> Vec<u8> {
    std::fs::read(openings_file(&world.settings().folder, challenge)).unwrap()
}

/// What the auditor finds, by a ledger that tells the truth; the verdict is posted.
pub fn verdict(world: &World, id: ChallengeId) -> Judgement {
    let scratch = tempfile::tempdir().unwrap();
    let honest = Book { member: REGULATOR, lie: None, forge: None, ..world.book.clone() };
    let found = judge(&honest, id, &sealed(world, id), &secret(), scratch.path()).unwrap();
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing of a patient is left behind");
    assert!(!found.report().contains("王某") && !found.report().contains("P00"));
    world.chain().apply_action(&key(REGULATOR), found.action());
    found
}

/// A release by a custodian that is stopped nowhere, in a hospital of so many patients of whom all consent.
pub fn released(patients: u8) -> (World, RequestId) {
    let world = World::new(patients).consenting(1..=patients);
    let request = world.granted();
    world.keeper().turn().unwrap();
    (world, request)
}

pub fn audited(world: &World, request: RequestId, rows: u32) -> Judgement {
    let id = challenge(world, request, rows);
    world.keeper().turn().unwrap();
    verdict(world, id)
}

pub fn caught(world: &World, request: RequestId, rows: u32, verdict: Verdict, fault: Fault) -> Judgement {
    let found = audited(world, request, rows);
    assert_eq!(found.verdict, verdict, "{:#?}", found.findings);
    assert!(found.findings.iter().any(|finding| finding.fault == fault), "{:#?}", found.findings);
    // From here on nobody uses it. That it failed is a version of its record.
    let access = AccessRequest { release: world.release_id(request), version: 2, keys: Default::default() };
    assert_eq!(world.chain().refused(&key(RESEARCHER), access).name, "release.failed");
    found
}
