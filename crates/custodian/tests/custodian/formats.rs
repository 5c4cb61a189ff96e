//! Parquet and FHIR as sources: released of those who consent, opened to an auditor, and caught where they are not what the plan makes.

use std::collections::BTreeSet;
use std::rc::Rc;

use medveil_custodian::audit::Fault;
use medveil_custodian::*;
use medveil_deid::table::{ParquetRecords, parquet_record};
use medveil_ledger::action::Action;
use medveil_ledger::state::challenge::Verdict;
use medveil_ledger::state::dataset::Dataset;
use medveil_ledger::*;

use crate::challenge::*;
use crate::cheat::cheated;
use crate::world::*;

/// The cells of a released file of Parquet, record by record.
fn cells(world: &World, request: RequestId, version: u64) -> Vec<Vec<Option<String>>> {
    let path = world.release_folder(request, version).join("visits.parquet");
    let mut all = Vec::new();
    let text = |cell: Option<&[u8]>| cell.map(|cell| String::from_utf8(cell.to_vec()).unwrap());
    let found = ParquetRecords::open(std::fs::File::open(path).unwrap(), 1 << 20).unwrap();
    found
        .each(|_, record| all.push(parquet_record::cells(record).unwrap().into_iter().map(text).collect()))
        .unwrap();
    all
}

#[test]
fn a_table_of_parquet_is_released_of_those_who_consent_and_audited() {
    let world = World::new(40);
    world.in_parquet();
    let world = world.consenting(1..=30);
    let request = world.granted();
    assert_eq!(world.keeper().turn().unwrap().ended.last().unwrap().3, "done");
    let figures = world.posted(request).unwrap().value.figures;
    assert_eq!((figures.patients, figures.records, figures.epsilon), (30, 60, 1_000_000));
    assert_eq!(figures.risk_ppm, 33_334, "as of the same table in CSV");
    let before = cells(&world, request, 1);
    let pseudonyms: BTreeSet<_> = before.iter().map(|row| &row[0]).collect();
    assert_eq!((before.len(), pseudonyms.len()), (60, 30));
    let shown = format!("{before:?}");
    assert!(!shown.contains("王某") && !shown.contains("P00"));
    let found = audited(&world, request, 300);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
    assert!(found.checked.outside > 10 && found.checked.run_again > 50, "{:?}", found.checked);
    // Who stays has the noise that they had.
    world.withdraw(7);
    world.keeper().turn().unwrap();
    let others = before.into_iter().enumerate().filter(|(row, _)| row / 2 != 6).map(|(_, row)| row);
    assert_eq!(cells(&world, request, 2), others.collect::<Vec<_>>());
    let found = audited(&world, request, 200);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
}

#[test]
fn a_release_of_parquet_is_the_same_bytes_wherever_it_is_made() {
    let made = || {
        let world = World::new(20);
        world.in_parquet();
        let world = world.consenting(1..=20);
        let request = world.granted();
        world.keeper().turn().unwrap();
        (std::fs::read(world.release_folder(request, 1).join("visits.parquet")).unwrap(), world)
    };
    let ((one, _one), (other, _other)) = (made(), made());
    assert_eq!(one, other);
}

#[test]
fn rows_after_the_last_of_a_file_of_parquet_make_a_version() {
    let world = World::new(20);
    world.in_parquet();
    let registered = || world.chain().latest::<Dataset>(&world.dataset).unwrap();
    world.keeper().turn().unwrap();
    assert_eq!(registered().value.fingerprint.count, 40);
    let file = world.home.path().join("data/visits.parquet");
    std::fs::write(&file, parquet(&table(1..=21))).unwrap();
    world.keeper().turn().unwrap();
    assert_eq!((registered().version, registered().value.fingerprint.count), (2, 42));
    std::fs::write(&file, parquet(&table(1..=21).replacen(",IV,", ",I,", 1))).unwrap();
    assert_eq!(world.keeper().turn().unwrap().faulty[0].1, "custodian.source_changed");
    assert_eq!(registered().version, 2);
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

/// The resources of a patient: themselves, and two measurements of so many values each.
fn resources(number: u8, values: usize) -> [String; 3] {
    let (id, gender) = (patient(number), if number.is_multiple_of(2) { "male" } else { "female" });
    let person = format!(
        "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"gender\":\"{gender}\",\"name\":[{{\"text\":\"王某\"}}]}}"
    );
    let measured = |visit: usize| {
        let value = |n: usize| format!("{{\"value\":{}.{number}}}", visit + n);
        let more: Vec<String> = (1..values)
            .map(|n| format!("{{\"code\":{{\"text\":\"glucose\"}},\"valueQuantity\":{}}}", value(n)))
            .collect();
        let more =
            if more.is_empty() { String::new() } else { format!(",\"component\":[{}]", more.join(",")) };
        format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"{id}-{visit}\",\"status\":\"final\",\"subject\":{{\"reference\":\"Patient/{id}\"}},\"valueQuantity\":{}{more}}}",
            value(0)
        )
    };
    [person, measured(0), measured(1)]
}

/// Patients and measurements as NDJSON; the last patients have measurements of two values.
fn ndjson(plan: &str) -> World {
    let all: Vec<[String; 3]> =
        (1..=40).map(|number| resources(number, if number > 26 { 2 } else { 1 })).collect();
    let patients = all.iter().map(|[person, ..]| format!("{person}\n")).collect();
    let observations = all.iter().map(|[_, first, second]| format!("{first}\n{second}\n")).collect();
    let files = [("patients.ndjson".to_owned(), patients), ("observations.ndjson".to_owned(), observations)];
    World::new(1).holding(files, plan)
}

#[test]
fn a_dataset_of_fhir_is_released_and_audited() {
    let world = ndjson(FHIR).consenting(1..=30);
    let request = world.granted();
    let turn = world.keeper().turn().unwrap();
    assert_eq!(turn.ended.last().unwrap().3, "done");
    let figures = world.posted(request).unwrap().value.figures;
    assert_eq!((figures.patients, figures.records, figures.epsilon), (30, 90, 0));
    let text = |version| {
        let folder = world.release_folder(request, version);
        std::fs::read_to_string(folder.join("observations.ndjson")).unwrap()
    };
    let released = text(1);
    assert!(released.lines().count() == 60 && !released.contains("P00"));
    let found = audited(&world, request, 100);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
    world.withdraw(3);
    world.keeper().turn().unwrap();
    let others: Vec<&str> =
        released.lines().enumerate().filter(|(line, _)| line / 2 != 2).map(|(_, line)| line).collect();
    assert_eq!(text(2).lines().collect::<Vec<_>>(), others);
}

#[test]
fn records_that_are_nobody_s_are_rightly_outside_of_what_silence_permits() {
    let of = |number: u8| resources(number, 1).join("\n") + "\n";
    let clinics = (1..=20).map(|n| format!("{{\"resourceType\":\"Organization\",\"id\":\"o{n}\"}}\n"));
    let text: String = (1..=40).map(of).chain(clinics).collect();
    let world = World::new(1).holding([("all.ndjson".to_owned(), text)], FHIR).consenting(1..=20);
    world.keeper().turn().unwrap();
    let request = world.request("research", |terms| terms.consent = terms::ConsentMode::OptOut);
    assert_eq!(world.keeper().turn().unwrap().ended.last().unwrap().3, "done");
    let figures = world.posted(request).unwrap().value.figures;
    assert_eq!((figures.patients, figures.records), (40, 120));
    let found = audited(&world, request, 200);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
    assert!(found.checked.outside > 5, "{:?}", found.checked);
}

#[test]
fn a_part_is_of_the_format_of_its_file() {
    // One line is left of each file: by itself it could be a file of JSON.
    let files = (1..=24).map(|number| {
        let [person, ..] = resources(number, 1);
        let [other, ..] = resources(number + 40, 1);
        (format!("{number}.json"), format!("{other}\n{person}\n"))
    });
    let world = World::new(1).holding(files, FHIR).consenting(1..=24);
    let request = world.granted();
    assert_eq!(world.keeper().turn().unwrap().ended.last().unwrap().3, "done");
    assert_eq!(world.posted(request).unwrap().value.figures.records, 24);
    let found = audited(&world, request, 60);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
}

/// The plan with noise in the place of rounding, on values and on those of components.
fn noisy() -> String {
    let laplace = "laplace = { epsilon = 0.5, lower = 0.0, upper = 40.0, decimals = 1 }";
    let value = FHIR.replace("round = { to = 0.5 }", laplace);
    let rule = value[value.rfind("[[rule]]").unwrap()..].to_owned();
    let code = "[[rule]]\nmatch = { fhir = \"Observation.component.code\" }\naction = \"keep\"\n";
    let component = rule.replace("Observation.value", "Observation.component.value");
    format!("{value}\n{code}\n{component}")
}

#[test]
fn noise_in_fhir_costs_what_the_values_of_a_record_cost_together() {
    // Of the first 26 patients a record has one value, of the others two.
    for (patients, spent) in [(26, 500_000), (30, 1_000_000)] {
        let world = ndjson(&noisy()).consenting(1..=patients);
        let request = world.granted();
        world.keeper().turn().unwrap();
        assert_eq!(world.posted(request).unwrap().value.figures.epsilon, spent);
        let found = audited(&world, request, 150);
        assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
        // Who stays has the noise that they had: it is of the record's place in the source.
        let text = |version| {
            let folder = world.release_folder(request, version);
            std::fs::read_to_string(folder.join("observations.ndjson")).unwrap()
        };
        let before = text(1);
        world.withdraw(3);
        world.keeper().turn().unwrap();
        let others = before.lines().enumerate().filter(|(line, _)| line / 2 != 2).map(|(_, line)| line);
        assert!(text(2).lines().eq(others));
    }
    // More than was granted is not released.
    let world = ndjson(&noisy().replace("epsilon = 0.5", "epsilon = 0.6")).consenting(1..=30);
    let request = world.granted();
    assert_eq!(world.keeper().turn().unwrap().ended.last().unwrap().3, "custodian.epsilon");
    assert!(world.posted(request).is_none() && !world.release_folder(request, 1).exists());
}

#[test]
fn noise_in_fhir_that_is_not_of_the_seed_or_costs_more_than_was_posted_is_caught() {
    let (world, request) =
        cheated(ndjson(&noisy()).consenting(1..=30), "observations.ndjson", |output, _| {
            for line in output.lines.iter_mut().step_by(3) {
                let (before, rest) = line.split_once("{\"value\":").unwrap();
                let (value, after) = rest.split_at(rest.find('}').unwrap());
                let value = (value.parse::<f64>().unwrap() + 20.3) % 40.0;
                *line = format!("{before}{{\"value\":{value:.1}{after}");
            }
        });
    caught(&world, request, 100, Verdict::ForeignNoise, Fault::Value);
    let world = ndjson(&noisy()).consenting(1..=30);
    let request = world.granted();
    let forge = |action| match action {
        Action::ReleasePost(mut post) => {
            post.figures.epsilon = 500_000;
            post.into()
        }
        other => other,
    };
    let book = Book { forge: Some(Rc::new(forge)), ..world.book.clone() };
    world.keeper_with(Hook::default(), book).turn().unwrap();
    caught(&world, request, 100, Verdict::OtherPlan, Fault::Loss);
}

/// A Bundle of a patient, written over several lines.
fn bundle(number: u8) -> (String, String) {
    let entries = resources(number, 1).map(|resource| format!(" {{\"resource\":{resource}}}"));
    let text = format!(
        "{{\n \"resourceType\":\"Bundle\",\n \"type\":\"collection\",\n \"entry\":[\n{}\n]}}\n",
        entries.join(",\n")
    );
    (format!("{}/{number}.json", number % 3), text)
}

fn bundles() -> World {
    let kept = "[[rule]]\nmatch = { fhir = \"Bundle.type\" }\naction = \"keep\"\n";
    World::new(1).holding((1..=40).map(bundle), &format!("{FHIR}\n{kept}"))
}

#[test]
fn bundles_of_patients_who_consent_are_released_whole_and_audited() {
    let world = bundles().consenting(1..=30);
    let request = world.granted();
    assert_eq!(world.keeper().turn().unwrap().ended.last().unwrap().3, "done");
    let registered = world.chain().latest::<Dataset>(&world.dataset).unwrap().value.fingerprint;
    let figures = world.posted(request).unwrap().value.figures;
    assert_eq!((registered.count, figures.patients, figures.records), (40, 30, 30));
    let folder = world.release_folder(request, 1);
    for number in 1..=40 {
        let (name, _) = bundle(number);
        let released = std::fs::read_to_string(folder.join(name));
        assert_eq!(released.is_ok(), number <= 30);
        let Ok(released) = released else { continue };
        let resource: serde_json::Value = serde_json::from_str(&released).unwrap();
        assert_eq!(
            (&resource["resourceType"], resource["entry"].as_array().unwrap().len()),
            (&"Bundle".into(), 3)
        );
        assert!(!released.contains("王某") && !released.contains("P00"));
    }
    let found = audited(&world, request, 100);
    assert_eq!((found.verdict, found.findings.as_slice()), (Verdict::Passed, &[][..]));
    assert!(found.checked.outside > 3 && found.checked.run_again > 20, "{:?}", found.checked);
    // One more is a version, and one who withdraws takes the Bundle along.
    let (name, text) = bundle(41);
    std::fs::write(world.home.path().join("data").join(name), text).unwrap();
    world.withdraw(3);
    world.keeper().turn().unwrap();
    let registered = world.chain().latest::<Dataset>(&world.dataset).unwrap();
    let posted = world.posted(request).unwrap();
    assert_eq!((registered.version, posted.version, posted.value.figures.records), (2, 2, 29));
    assert!(!world.release_folder(request, 2).join(bundle(3).0).exists());
}

#[test]
fn a_value_that_was_edited_in_a_bundle_is_caught() {
    let world = bundles().consenting(1..=30);
    let request = world.granted();
    let copies = world.home.path().join("custodian/sources").join(LABEL).join("1");
    // Between picking and running, an insider edits what is read.
    let hook = move |point| {
        if point == Point::Picked {
            for number in 1..=30 {
                let path = copies.join(bundle(number).0);
                let text = std::fs::read_to_string(&path).unwrap();
                std::fs::write(&path, text.replace("\"final\"", "\"amended\"")).unwrap();
            }
        }
        false
    };
    world.keeper_with(Hook(Some(Rc::new(hook))), world.book.clone()).turn().unwrap();
    caught(&world, request, 20, Verdict::AlteredValue, Fault::Source);
}

#[test]
fn a_bundle_of_several_patients_is_named_and_not_registered() {
    let text =
        bundle(1).1.replacen(&format!("Patient/{}", patient(1)), &format!("Patient/{}", patient(2)), 1);
    let world = World::new(1).holding([("all.json".to_owned(), text)], FHIR);
    let turn = world.keeper().turn().unwrap();
    assert_eq!(turn.faulty, [(world.dataset, "custodian.source".to_owned())]);
    assert!(world.chain().latest::<Dataset>(&world.dataset).is_none());
    let fault = world.keeper().store().source(Slug::new(LABEL).unwrap()).unwrap().unwrap().1.unwrap();
    assert!(fault.contains("all.json: a Bundle of several patients") && !fault.contains("P00"), "{fault}");
}
