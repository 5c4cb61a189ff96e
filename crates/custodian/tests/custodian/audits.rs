//! Challenges: an honest hospital passes, and each way to cheat is caught by playing it.

use std::rc::Rc;

use medveil_custodian::audit::{AuditError, Fault, judge};
use medveil_custodian::*;
use medveil_ledger::action::*;
use medveil_ledger::state::challenge::{Challenge, Verdict};
use medveil_ledger::*;
use medveil_vault::committee::OneTimeSecret;

use crate::challenge::*;
use crate::cheat::{TABLES, cheating, cheating_with};
use crate::common::key;
use crate::world::*;

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

#[test]
fn a_hospital_that_drops_rows_is_caught() {
    for name in TABLES {
        // Every patient with stage IV is left out: half say that they are not in it, half that the plan dropped them.
        let (world, request) = cheating(name, 40, |output, known| {
            let mut given = known["given"][output.name].as_array().unwrap().clone();
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
            known["given"][output.name] = kept.into();
            known["dropped"][output.name] = dropped.into();
        });
        let found = caught(&world, request, 60, Verdict::DroppedRows, Fault::LeftOut);
        assert!(found.findings.len() > 3);
    }
}

#[test]
fn a_hospital_that_invents_rows_is_caught() {
    for name in TABLES {
        // Patients who do not exist, at the end; the hospital has nothing to show for them.
        let (world, request) = cheating(name, 30, |output, _| {
            let more: Vec<String> =
                output.lines[1..9].iter().map(|line| line.replace(",I,", ",IV,")).collect();
            output.lines.extend(more);
        });
        // More records than the dataset has the rules would refuse; there are those of patients who do not consent.
        let found = caught(&world, request, 60, Verdict::InventedRows, Fault::NoSource);
        assert!(found.findings.iter().all(|finding| finding.row.is_none()));
    }
}

#[test]
fn a_hospital_that_shows_one_row_for_two_is_caught() {
    for name in TABLES {
        let (world, request) = cheating(name, 30, |output, known| {
            for place in [5, 15, 25, 35, 45] {
                output.lines[place + 1] = output.lines[place].clone();
                let given = known["given"][output.name].as_array_mut().unwrap();
                given[place] = given[place - 1].clone();
            }
        });
        let found = audited(&world, request, 200);
        assert!(
            matches!(found.verdict, Verdict::InventedRows | Verdict::DroppedRows),
            "{:#?}",
            found.findings
        );
        assert!(
            found.findings.iter().any(|finding| finding.fault == Fault::NoSource),
            "{:#?}",
            found.findings
        );
    }
}

#[test]
fn an_edited_tumour_stage_is_caught() {
    for name in TABLES {
        let (world, request) = cheating(name, 40, |output, _| {
            for line in output.lines.iter_mut().skip(1).step_by(9) {
                *line = line.replace(",IV,", ",I,").replace(",III,", ",I,");
            }
        });
        let found = caught(&world, request, 200, Verdict::AlteredValue, Fault::Value);
        assert!(found.findings.iter().all(|finding| finding.column.as_deref() == Some("stage")));
    }
}

#[test]
fn a_field_that_was_left_unmasked_is_caught() {
    for name in TABLES {
        let (world, request) = cheating(name, 40, |output, known| {
            let given = known["given"][output.name].as_array().unwrap().clone();
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
}

#[test]
fn noise_that_is_not_of_the_committed_seed_is_caught() {
    for name in TABLES {
        let (world, request) = cheating(name, 40, |output, _| {
            for line in output.lines.iter_mut().skip(1).step_by(4) {
                let (rest, glucose) = line.rsplit_once(',').unwrap();
                let glucose: f64 = glucose.parse().unwrap();
                *line = format!("{rest},{:.1}", (glucose + 0.7) % 40.0);
            }
        });
        let found = caught(&world, request, 100, Verdict::ForeignNoise, Fault::Value);
        assert!(found.findings.iter().all(|finding| finding.column.as_deref() == Some("glucose")));
    }
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
    for name in TABLES {
        // The ages are left in finer classes than the contract's plan makes.
        let (world, request) = cheating(name, 40, |output, _| {
            for line in output.lines.iter_mut().skip(1) {
                *line = line.replace("[40,60)", "[40,59)");
            }
        });
        caught(&world, request, 50, Verdict::OtherPlan, Fault::Value);
        // A column is released that the plan drops.
        let (world, request) = cheating(name, 40, |output, _| {
            for (number, line) in output.lines.iter_mut().enumerate() {
                *line += if number == 0 { ",district" } else { ",330106" };
            }
        });
        caught(&world, request, 5, Verdict::OtherPlan, Fault::Header);
    }
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
    for name in TABLES {
        let (world, request) = cheating_with(K_ANONYMOUS, name, 40, |_, _| {});
        let found = audited(&world, request, 200);
        assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
        let unproven: Vec<&str> = found.unproven.iter().map(|column| column.column.as_str()).collect();
        assert_eq!(unproven, ["age"]);
        // What rows do show of it: one value, one label.
        let (world, request) = cheating_with(K_ANONYMOUS, name, 40, |output, _| {
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
}

#[test]
fn rows_that_a_search_is_said_to_have_suppressed_are_counted() {
    // Every patient with stage IV is left out, as if there were too few like them; the number that is posted is the honest one.
    let (world, request) = cheating_with(K_ANONYMOUS, "visits.csv", 40, |output, known| {
        let given = known["given"][output.name].as_array().unwrap().len();
        let before = known["dropped"][output.name].as_array().cloned().unwrap_or_default();
        let mut lines = std::mem::take(&mut output.lines).into_iter();
        output.lines.extend(lines.next());
        let mut dropped = Vec::new();
        for place in 0..given {
            if before.contains(&place.into()) {
                dropped.push(place);
                continue;
            }
            let line = lines.next().unwrap();
            if line.trim_end().ends_with(",IV") { dropped.push(place) } else { output.lines.push(line) }
        }
        assert!(dropped.len() > before.len() + 10);
        known["dropped"][output.name] = dropped.into();
    });
    caught(&world, request, 200, Verdict::DroppedRows, Fault::Suppressed);
}

#[test]
fn a_column_that_no_search_makes_coarser_is_not_excused_by_one() {
    for (plan, column) in [(K_ANONYMOUS, "stage"), (K_ANONYMOUS, "patient_id"), (PLAN, "age")] {
        let (world, request) = cheating_with(plan, "visits.csv", 40, move |output, known| {
            known["generalised"][output.name] = vec![column].into();
        });
        caught(&world, request, 20, Verdict::OtherPlan, Fault::Header);
    }
}

#[test]
fn a_number_that_cannot_be_is_a_finding_and_stops_no_auditor() {
    let world = World::new(40).consenting(1..=40);
    let request = world.granted();
    let forge = |action| match action {
        Action::ReleasePost(mut post) => {
            post.figures.suppressed = u64::MAX;
            post.into()
        }
        other => other,
    };
    let book = Book { forge: Some(Rc::new(forge)), ..world.book.clone() };
    world.keeper_with(Hook::default(), book).turn().unwrap();
    caught(&world, request, 20, Verdict::DroppedRows, Fault::Suppressed);
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
