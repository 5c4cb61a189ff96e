//! Challenges: an honest hospital passes, and each way to cheat is caught by playing it.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use chacha20::ChaCha20Rng;
use medveil_custodian::audit::{AuditError, Fault, Judgement, judge};
use medveil_custodian::*;
use medveil_deid::merkle::{Builder, leaf};
use medveil_deid::plan::Plan;
use medveil_deid::receipt::{Receipt, files_root};
use medveil_deid::study::Prf;
use medveil_deid::table::Side;
use medveil_ledger::action::*;
use medveil_ledger::state::challenge::{Challenge, Verdict};
use medveil_ledger::*;
use medveil_vault::committee::{OneTimeKeys, OneTimeSecret};
use rand_core::SeedableRng as _;

use crate::common::key;
use crate::world::*;

fn secret() -> OneTimeSecret {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    OneTimeKeys::generate(&mut rng).secret(&medveil_vault::Digest([0; 32]), &medveil_vault::Member([0; 32]))
}

/// A challenge of so many rows by the regulator.
fn challenge(world: &World, request: RequestId, rows: u32) -> ChallengeId {
    let version = world.posted(request).unwrap().version;
    let reader = Digest(secret().key().0);
    let action = AuditChallenge { release: world.release_id(request), version, rows, reader };
    let mut chain = world.chain();
    let transaction = chain.transaction(&key(REGULATOR), action);
    let id = ChallengeId(transaction.digest().0);
    assert_eq!(chain.block(&[transaction]).receipts[0].outcome, Outcome::Applied);
    id
}

fn sealed(world: &World, challenge: ChallengeId) -> Vec<u8> {
    std::fs::read(openings_file(&world.settings().folder, challenge)).unwrap()
}

/// What the auditor finds, by a ledger that tells the truth; the verdict is posted.
fn verdict(world: &World, id: ChallengeId) -> Judgement {
    let scratch = tempfile::tempdir().unwrap();
    let honest = Book { member: REGULATOR, lie: None, forge: None, ..world.book.clone() };
    let found = judge(&honest, id, &sealed(world, id), &secret(), scratch.path()).unwrap();
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing of a patient is left behind");
    assert!(!found.report().contains("王某") && !found.report().contains("P00"));
    world.chain().apply_action(&key(REGULATOR), found.action());
    found
}

/// A release by a custodian that is stopped nowhere, in a hospital of so many patients of whom all consent.
fn released(patients: u8) -> (World, RequestId) {
    let world = World::new(patients).consenting(1..=patients);
    let request = world.granted();
    world.keeper().turn().unwrap();
    (world, request)
}

fn audited(world: &World, request: RequestId, rows: u32) -> Judgement {
    let id = challenge(world, request, rows);
    world.keeper().turn().unwrap();
    verdict(world, id)
}

#[test]
fn an_honest_release_passes_and_the_sample_s_strength_is_told() {
    let (world, request) = released(40);
    let found = audited(&world, request, 300);
    assert_eq!(
        (found.verdict, found.findings.as_slice(), found.unproven.as_slice()),
        (Verdict::Passed, &[][..], &[][..])
    );
    assert!(found.checked.rows > 70 && found.checked.run_again == found.checked.rows);
    assert!((found.soundness.confidence(0.01) - 0.951).abs() < 1e-3);
}

#[test]
fn those_outside_of_a_release_are_shown_to_be_rightly_so() {
    let world = World::new(40).consenting(1..=25);
    let request = world.granted();
    world.keeper().turn().unwrap();
    // Some withdraw later: they were rightly in it as of its height.
    world.withdraw(1);
    let id = challenge(&world, request, 200);
    world.keeper().turn().unwrap();
    let found = verdict(&world, id);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
    assert!(found.checked.outside > 10, "{:?}", found.checked);
}

#[test]
fn a_challenge_is_answered_while_custody_takes_nothing() {
    let (world, request) = released(40);
    world.safe.down.set(true);
    world.withdraw(1);
    let mut keeper = world.keeper();
    assert!(matches!(keeper.turn(), Err(CustodianError::Vault(_))), "the next version has to wait");
    let id = challenge(&world, request, 50);
    assert!(matches!(keeper.turn(), Err(CustodianError::Vault(_))));
    assert_eq!(verdict(&world, id).verdict, Verdict::Passed);
    // And when it takes something again, the version is made.
    world.safe.down.set(false);
    keeper.turn().unwrap();
    assert_eq!(world.posted(request).unwrap().version, 2);
}

#[test]
fn a_later_version_passes_though_new_patients_wait() {
    let world = World::new(40).consenting(1..=20);
    let request = world.granted();
    world.keeper().turn().unwrap();
    let world = world.consenting(21..=22);
    world.withdraw(1);
    world.keeper().turn().unwrap();
    assert_eq!(world.posted(request).unwrap().version, 2);
    let found = audited(&world, request, 200);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
}

#[test]
fn openings_are_for_the_auditor_and_the_challenge_alone() {
    let (world, request) = released(20);
    let id = challenge(&world, request, 5);
    world.keeper().turn().unwrap();
    let (scratch, sealed) = (tempfile::tempdir().unwrap(), sealed(&world, id));
    assert!(!String::from_utf8_lossy(&sealed).contains("王某"));
    let other = OneTimeSecret::from_bytes(&[9; 32]);
    let judged = |bytes: &[u8], secret| judge(&world.book, id, bytes, secret, scratch.path());
    assert!(matches!(judged(&sealed, &other), Err(AuditError::OtherSecret)));
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(matches!(judged(&changed, &secret()), Err(AuditError::NotTheAnswer)));
    let open = challenge(&world, request, 5);
    let unanswered = judge(&world.book, open, &sealed, &secret(), scratch.path());
    assert!(matches!(unanswered, Err(AuditError::Unanswered { .. })));
}

/// The output of a release as lines, header first, and how it is written again.
struct Output {
    folder: std::path::PathBuf,
    lines: Vec<String>,
}

impl Output {
    fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("visits.csv")).unwrap();
        Output { folder: folder.to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }

    fn write(&self) {
        std::fs::write(self.folder.join("visits.csv"), self.lines.join("\n") + "\n").unwrap();
    }

    /// Root and records of what is there, under the leaf key in the receipt.
    fn root(&self) -> (Digest, u64) {
        let receipt = std::fs::read_to_string(self.folder.join("receipt.json")).unwrap();
        let receipt = Receipt::parse(&receipt).unwrap();
        let leaves = Prf::new(receipt.suite, &receipt.output_leaf_key);
        let mut tree = Builder::new(receipt.suite);
        self.lines.iter().for_each(|line| tree.push(leaf(&leaves, format!("{line}\n").as_bytes())));
        let records = self.lines.len() as u64 - 1;
        let side = Side::new(&tree, records, 0);
        (Digest(files_root(receipt.suite, [("visits.csv", &side)])), records)
    }
}

/// Plays a custodian that changes the release before it posts the root of what it made of it, and what it knows privately, so that its answers fit as well as they can.
fn cheating(
    patients: u8,
    cheat: impl Fn(&mut Output, &mut serde_json::Value) + 'static,
) -> (World, RequestId) {
    cheating_with(PLAN, patients, cheat)
}

fn cheating_with(
    plan: &str,
    patients: u8,
    cheat: impl Fn(&mut Output, &mut serde_json::Value) + 'static,
) -> (World, RequestId) {
    let mut world = World::new(patients + 10).consenting(1..=patients);
    std::fs::write(world.home.path().join("plans/tumours.toml"), plan).unwrap();
    world.plan = Plan::from_toml(plan).unwrap();
    let request = world.granted();
    let folder = world.release_folder(request, 1);
    let posted: Rc<RefCell<Option<(Digest, u64)>>> = Rc::default();
    let (private, made) = (folder.with_file_name("1.private.json"), posted.clone());
    let hook = move |point| {
        if point == Point::Made && made.borrow().is_none() {
            let mut output = Output::read(&folder);
            let mut known: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&private).unwrap()).unwrap();
            cheat(&mut output, &mut known);
            output.write();
            std::fs::write(&private, known.to_string()).unwrap();
            *made.borrow_mut() = Some(output.root());
        }
        false
    };
    let forge = move |action| match action {
        Action::ReleasePost(mut post) => {
            let (root, records) = posted.borrow().unwrap();
            (post.figures.root, post.figures.records) = (root, records);
            post.into()
        }
        other => other,
    };
    let book = Book { forge: Some(Rc::new(forge)), ..world.book.clone() };
    world.keeper_with(Hook(Some(Rc::new(hook))), book).turn().unwrap();
    assert!(world.posted(request).is_some(), "the ledger cannot see it");
    (world, request)
}

fn caught(world: &World, request: RequestId, rows: u32, verdict: Verdict, fault: Fault) -> Judgement {
    let found = audited(world, request, rows);
    assert_eq!(found.verdict, verdict, "{:#?}", found.findings);
    assert!(found.findings.iter().any(|finding| finding.fault == fault), "{:#?}", found.findings);
    // From here on nobody uses it. That it failed is a version of its record.
    let access = AccessRequest { release: world.release_id(request), version: 2, keys: Default::default() };
    assert_eq!(world.chain().refused(&key(RESEARCHER), access).name, "release.failed");
    found
}

#[test]
fn a_hospital_that_drops_rows_is_caught() {
    // Every patient with stage IV is left out: half say that they are not in it, half that the plan dropped them.
    let (world, request) = cheating(40, |output, known| {
        let mut given = known["given"]["visits.csv"].as_array().unwrap().clone();
        let mut dropped = Vec::new();
        let (mut kept, mut lines) = (Vec::new(), vec![output.lines[0].clone()]);
        for (place, line) in output.lines[1..].iter().enumerate() {
            match (line.contains(",IV,"), place % 4 < 2) {
                (true, true) => {}
                (true, false) => {
                    dropped.push(kept.len());
                    kept.push(given[place].take());
                }
                _ => {
                    kept.push(given[place].take());
                    lines.push(line.clone());
                }
            }
        }
        output.lines = lines;
        known["given"]["visits.csv"] = kept.into();
        known["dropped"]["visits.csv"] = dropped.into();
    });
    let found = caught(&world, request, 60, Verdict::DroppedRows, Fault::LeftOut);
    assert!(found.findings.len() > 3);
}

#[test]
fn a_hospital_that_invents_rows_is_caught() {
    // Patients who do not exist, at the end; the hospital has nothing to show for them.
    let (world, request) = cheating(30, |output, _| {
        let more: Vec<String> = output.lines[1..9].iter().map(|line| line.replace(",I,", ",IV,")).collect();
        output.lines.extend(more);
    });
    // More records than the dataset has the rules would refuse; there are those of patients who do not consent.
    let found = caught(&world, request, 60, Verdict::InventedRows, Fault::NoSource);
    assert!(found.findings.iter().all(|finding| finding.row.is_none()));
}

#[test]
fn a_hospital_that_shows_one_row_for_two_is_caught() {
    let (world, request) = cheating(30, |output, known| {
        for place in [5, 15, 25, 35, 45] {
            output.lines[place + 1] = output.lines[place].clone();
            let given = known["given"]["visits.csv"].as_array_mut().unwrap();
            given[place] = given[place - 1].clone();
        }
    });
    let found = audited(&world, request, 200);
    assert!(matches!(found.verdict, Verdict::InventedRows | Verdict::DroppedRows), "{:#?}", found.findings);
    assert!(found.findings.iter().any(|finding| finding.fault == Fault::NoSource), "{:#?}", found.findings);
}

#[test]
fn an_edited_tumour_stage_is_caught() {
    let (world, request) = cheating(40, |output, _| {
        for line in output.lines.iter_mut().skip(1).step_by(9) {
            *line = line.replace(",IV,", ",I,").replace(",III,", ",I,");
        }
    });
    let found = caught(&world, request, 200, Verdict::AlteredValue, Fault::Value);
    assert!(found.findings.iter().all(|finding| finding.column.as_deref() == Some("stage")));
}

#[test]
fn a_field_that_was_left_unmasked_is_caught() {
    let (world, request) = cheating(40, |output, known| {
        let given = known["given"]["visits.csv"].as_array().unwrap().clone();
        for (line, record) in output.lines.iter_mut().skip(1).zip(given).step_by(5) {
            let name = format!("王某{}", record.as_u64().unwrap() / 2 + 1);
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[1] = &name;
            *line = cells.join(",");
        }
    });
    let found = caught(&world, request, 100, Verdict::UnmaskedField, Fault::Value);
    assert!(found.findings.iter().all(|finding| finding.column.as_deref() == Some("name")));
}

#[test]
fn noise_that_is_not_of_the_committed_seed_is_caught() {
    let (world, request) = cheating(40, |output, _| {
        for line in output.lines.iter_mut().skip(1).step_by(4) {
            let (rest, glucose) = line.rsplit_once(',').unwrap();
            let glucose: f64 = glucose.parse().unwrap();
            *line = format!("{rest},{:.1}", (glucose + 0.7) % 40.0);
        }
    });
    let found = caught(&world, request, 100, Verdict::ForeignNoise, Fault::Value);
    assert!(found.findings.iter().all(|finding| finding.column.as_deref() == Some("glucose")));
}

#[test]
fn a_seed_that_was_not_committed_to_is_caught() {
    let (world, request) = {
        let world = World::new(20).consenting(1..=20);
        let request = world.granted();
        let forge = |action| match action {
            Action::ReleasePost(mut post) => {
                post.figures.seed = Digest([1; 32]);
                post.into()
            }
            other => other,
        };
        let book = Book { forge: Some(Rc::new(forge)), ..world.book.clone() };
        world.keeper_with(Hook::default(), book).turn().unwrap();
        (world, request)
    };
    caught(&world, request, 10, Verdict::ForeignNoise, Fault::Commitment);
}

#[test]
fn another_plan_than_the_contract_s_is_caught() {
    // The ages are left in finer classes than the contract's plan makes.
    let (world, request) = cheating(40, |output, _| {
        for line in output.lines.iter_mut().skip(1) {
            *line = line.replace("[40,60)", "[40,59)");
        }
    });
    caught(&world, request, 50, Verdict::OtherPlan, Fault::Value);
    // A column is released that the plan drops.
    let (world, request) = cheating(40, |output, _| {
        for (number, line) in output.lines.iter_mut().enumerate() {
            *line += if number == 0 { ",district" } else { ",330106" };
        }
    });
    caught(&world, request, 5, Verdict::OtherPlan, Fault::Header);
}

#[test]
fn patients_who_did_not_consent_are_found_in_a_release() {
    let mut world = World::new(40).consenting(1..=30);
    let mut keeper = world.keeper();
    (31..=40).for_each(|number| world.enrol(&mut keeper, number));
    let request = world.granted();
    // The hospital's own node shows its custodian the consents of others in the place of those that were not given.
    let honest = world.book.clone();
    let (handles, chain) = (world.handles.clone(), honest.chain());
    let lie = move |asked: &Key, found: Option<Vec<u8>>| {
        use medveil_ledger::state::{Record, consent::Consent, patient::Patient};
        for (liar, model) in (31..=40).map(|number| (handles[&number], handles[&(number - 30)])) {
            if *asked == Patient::head_key(&liar) {
                return honest.get(&Patient::head_key(&model)).unwrap();
            }
            if *asked == Consent::head_key(&ConsentId::derive(chain, liar, 1)) {
                return honest.get(&Consent::head_key(&ConsentId::derive(chain, model, 1))).unwrap();
            }
        }
        found
    };
    // By the ledger's count there are no more patients than consents: it leaves ten others out, who did consent.
    let forge = |action| match action {
        Action::ReleasePost(mut post) => {
            post.figures.patients = 30;
            post.into()
        }
        other => other,
    };
    let book = Book { lie: Some(Rc::new(lie)), forge: Some(Rc::new(forge)), ..world.book.clone() };
    world.keeper_with(Hook::default(), book).turn().unwrap();
    let found = caught(&world, request, 60, Verdict::NoConsent, Fault::Consent);
    assert!(found.findings.iter().all(|finding| finding.row.unwrap() >= 60));
}

#[test]
fn a_source_that_was_changed_after_it_was_registered_does_not_pass() {
    let world = World::new(40).consenting(1..=40);
    let request = world.granted();
    let copy = world.home.path().join("custodian/sources").join(LABEL).join("1/visits.csv");
    // Between picking and running, an insider edits the copy; the openings have to be of the registered one.
    let original = std::fs::read_to_string(&copy).unwrap();
    let hook = move |point| {
        if point == Point::Picked {
            std::fs::write(&copy, original.replace(",IV,", ",I,")).unwrap();
        }
        false
    };
    world.keeper_with(Hook(Some(Rc::new(hook))), world.book.clone()).turn().unwrap();
    let found = audited(&world, request, 20);
    assert_eq!((found.verdict, found.findings[0].fault), (Verdict::AlteredValue, Fault::Source));
}

const K_ANONYMOUS: &str = r#"
[plan]
name = "k-anonymous"
version = 1
release-model = "controlled"
subject = "patient_id"

[[rule]]
match = { column = "patient_id" }
action = "pseudonymize"

[[rule]]
match = { column = "age" }
action = "keep"

[[rule]]
match = { column = "stage" }
action = "keep"

[[rule]]
match = { column = "sex" }
action = "keep"

[privacy]
quasi-identifiers = ["sex", "age"]
models = ["k=11"]
suppression = 0.05
max-risk = 0.0909091
"#;

#[test]
fn of_a_table_wide_plan_it_is_said_what_rows_do_not_show() {
    let (world, request) = cheating_with(K_ANONYMOUS, 40, |_, _| {});
    let found = audited(&world, request, 200);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
    let unproven: Vec<&str> = found.unproven.iter().map(|column| column.column.as_str()).collect();
    assert_eq!(unproven, ["age"]);
    // What rows do show of it: one value, one label.
    let (world, request) = cheating_with(K_ANONYMOUS, 40, |output, _| {
        for line in output.lines.iter_mut().skip(1).step_by(3) {
            let (rest, stage) = line.rsplit_once(',').unwrap();
            assert!(!rest.ends_with('"'), "labels of ages are not quoted");
            *line = format!("{rest}0,{stage}");
        }
    });
    let found = audited(&world, request, 200);
    assert_eq!(found.verdict, Verdict::AlteredValue);
    assert!(found.findings.iter().any(|finding| finding.fault == Fault::Label), "{:#?}", found.findings);
}

#[test]
fn who_does_not_answer_is_not_judged_but_has_failed() {
    let (world, request) = released(20);
    let id = challenge(&world, request, 5);
    let due = world.chain().latest::<Challenge>(&id).unwrap().value.due;
    world.chain().height = due + 1;
    let action = AuditVerdict { challenge: id, verdict: Verdict::NoAnswer, report: Digest([0; 32]) };
    world.chain().apply_action(&key(REGULATOR), action);
    let turn = world.keeper().turn().unwrap();
    assert!(turn.ended.iter().all(|(.., how)| how == "done"));
    assert_eq!(world.applied("audit.answer"), 0);
}

const FHIR: &str = r#"
[plan]
name = "glucose"
version = 1
release-model = "controlled"

[[rule]]
match = { fhir = "Resource.id" }
action = "pseudonymize"

[[rule]]
match = { fhir = "nodesByType('Reference').reference" }
action = "pseudonymize"

[[rule]]
match = { fhir = "Patient.gender" }
action = "keep"

[[rule]]
match = { fhir = "Observation.status" }
action = "keep"

[[rule]]
match = { fhir = "Observation.value.ofType(Quantity).value" }
action = { round = { to = 0.5 } }
"#;

fn fhir(plan: &str) -> World {
    let mut world = World::new(1);
    let data = world.home.path().join("data");
    std::fs::remove_file(data.join("visits.csv")).unwrap();
    let (mut patients, mut observations) = (String::new(), String::new());
    for number in 1..=40 {
        let (id, gender) = (patient(number), if number % 2 == 0 { "male" } else { "female" });
        patients += &format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"gender\":\"{gender}\",\"name\":[{{\"text\":\"王某\"}}]}}\n"
        );
        for visit in 0..2 {
            observations += &format!(
                "{{\"resourceType\":\"Observation\",\"id\":\"{id}-{visit}\",\"status\":\"final\",\"subject\":{{\"reference\":\"Patient/{id}\"}},\"valueQuantity\":{{\"value\":{visit}.{number}}}}}\n"
            );
        }
    }
    std::fs::write(data.join("patients.ndjson"), patients).unwrap();
    std::fs::write(data.join("observations.ndjson"), observations).unwrap();
    std::fs::write(world.home.path().join("plans/tumours.toml"), plan).unwrap();
    world.plan = Plan::from_toml(plan).unwrap();
    world.consenting(1..=30)
}

#[test]
fn a_dataset_of_fhir_is_released_and_audited() {
    let world = fhir(FHIR);
    let request = world.granted();
    let turn = world.keeper().turn().unwrap();
    assert_eq!(turn.ended.last().unwrap().3, "done");
    let figures = world.posted(request).unwrap().value.figures;
    assert_eq!((figures.patients, figures.records, figures.epsilon), (30, 90, 0));
    let released =
        std::fs::read_to_string(world.release_folder(request, 1).join("observations.ndjson")).unwrap();
    assert!(released.lines().count() == 60 && !released.contains("P00"));
    let found = audited(&world, request, 100);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
    world.withdraw(3);
    world.keeper().turn().unwrap();
    let next = std::fs::read_to_string(world.release_folder(request, 2).join("observations.ndjson")).unwrap();
    let others: Vec<&str> =
        released.lines().enumerate().filter(|(line, _)| line / 2 != 2).map(|(_, line)| line).collect();
    assert_eq!(next.lines().collect::<Vec<_>>(), others);
}

#[test]
fn noise_whose_loss_nobody_can_state_is_not_released_with_a_loss_of_nothing() {
    let laplace = "laplace = { epsilon = 1.0, lower = 0.0, upper = 40.0, decimals = 1 }";
    let world = fhir(&FHIR.replace("round = { to = 0.5 }", laplace));
    let request = world.granted();
    assert_eq!(world.keeper().turn().unwrap().ended.last().unwrap().3, "custodian.epsilon_unknown");
    assert!(world.posted(request).is_none() && !world.release_folder(request, 1).exists());
}
