//! CSV.

use medveil_deid::code::resident_id::{ResidentId, Sex};
use medveil_synth::{csv, fhir};
use sha2::{Digest, Sha256};

use crate::{column, read, records};

const TABLES: [&str; 5] = ["patients.csv", "visits.csv", "diagnoses.csv", "labs.csv", "medications.csv"];
const RESOURCES: [&str; 5] = [
    "fhir/Patient.ndjson",
    "fhir/Encounter.ndjson",
    "fhir/Condition.ndjson",
    "fhir/Observation.ndjson",
    "fhir/MedicationRequest.ndjson",
];

fn written(patients: u64, seed: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    csv::write_all(dir.path(), patients, seed, &mut |_| ()).unwrap();
    fhir::write_all(dir.path(), patients, seed, fhir::Layout::Ndjson, &mut |_| ()).unwrap();
    dir
}

#[test]
fn every_record_has_the_columns_of_its_header() {
    let dir = written(300, 1);
    for name in TABLES {
        let table = records(&read(dir.path(), name));
        assert!(table.len() > 300, "{name}");
        assert!(table.iter().all(|record| record.len() == table[0].len()), "{name}");
    }
    let visits = records(&read(dir.path(), "visits.csv"));
    assert_eq!(visits[0].len(), 20);
    let bytes = read(dir.path(), "visits.csv").len() / visits.len();
    assert!((180..280).contains(&bytes), "{bytes} bytes a row");
}

#[test]
fn notes_need_quotes_and_name_people() {
    let dir = written(400, 2);
    let patients = records(&read(dir.path(), "patients.csv"));
    let names: std::collections::HashMap<&str, &str> = patients
        .iter()
        .map(|record| (record[0].as_str(), record[column(&patients, "name")].as_str()))
        .collect();
    let diagnoses = records(&read(dir.path(), "diagnoses.csv"));
    let (note, patient) = (column(&diagnoses, "note"), column(&diagnoses, "patient_id"));
    let notes: Vec<_> = diagnoses[1..].iter().filter(|record| !record[note].is_empty()).collect();
    for mark in [',', '"', '\n'] {
        assert!(notes.iter().any(|record| record[note].contains(mark)), "{mark:?}");
    }
    let naming = notes.iter().filter(|record| record[note].contains(names[record[patient].as_str()])).count();
    assert!((10..60).contains(&(naming * 100 / notes.len())), "{naming} of {}", notes.len());
}

#[test]
fn identity_columns_agree() {
    let dir = written(500, 3);
    let table = records(&read(dir.path(), "visits.csv"));
    let at = |name| column(&table, name);
    for record in &table[1..] {
        let id = ResidentId::parse(record[at("resident_id")].as_bytes()).unwrap();
        let (year, month, day) = id.birth_date();
        assert_eq!(record[at("birth_date")], format!("{year:04}-{month:02}-{day:02}"));
        assert_eq!(record[at("sex")], if id.sex() == Sex::Male { "男" } else { "女" });
        assert_eq!(record[at("district_code")], id.region().to_string());
        assert!(record[at("birth_date")] <= record[at("admit_date")]);
        assert!(record[at("admit_date")] <= record[at("discharge_date")]);
        assert!(record[at("discharge_date")].as_str() <= "2026-06-30");
        assert!(record[at("phone")].len() == 11 && record[at("phone")].starts_with('1'));
        assert_eq!((record[at("postcode")].len(), record[at("insurance_no")].len()), (6, 14));
    }
}

#[test]
fn fewer_patients_are_the_first_of_more() {
    // More than a run of a thread, so that several take part.
    let (few, many) = (written(10, 4), written(300, 4));
    for name in TABLES.into_iter().chain(RESOURCES) {
        let (few, many) = (read(few.path(), name), read(many.path(), name));
        assert!(many.starts_with(&few) && many.len() > few.len(), "{name}");
    }
}

/// Any change of a word list, a table or the order of draws changes this, and with it every result that people have
/// kept of a seed: a decision, not a fix.
#[test]
fn a_seed_gives_these_bytes() {
    let mut hash = Sha256::new();
    let dir = written(150, 42);
    for name in TABLES.into_iter().chain(RESOURCES) {
        hash.update(read(dir.path(), name));
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let visits = read(dir.path(), "visits.csv");
    assert_eq!((visits.lines().nth(1), digest.as_str()), (Some(FIRST_VISIT), DIGEST));
}

const FIRST_VISIT: &str = "V0000000101,P00000001,何静怡,430112200301093544,女,2003-01-09,19,15881281494,\
    湖南省长沙市望城区文化大道356号兰亭苑32幢1601室,411400,430112,43013243187747,妇产科,2022-08-03,2022-08-10,O80.000,\
    头位顺产,5.24,,8354.56";
const DIGEST: &str = "753868fb80595adafa2a176a24928f152b6d7dd548dbdbda79443fd6ba72fb90";

#[test]
fn a_sized_file_is_the_beginning_of_the_whole() {
    let dir = written(400, 5);
    let whole = read(dir.path(), "visits.csv");
    for bytes in [100, 1_000, 100_000] {
        let mut out = Vec::new();
        let written = csv::visits_sized(5, bytes, &mut out).unwrap();
        assert_eq!(written, out.len() as u64);
        assert!(written <= bytes && (written == 0 || written + 400 > bytes));
        assert!(whole.as_bytes().starts_with(&out) && (out.is_empty() || out.ends_with(b"\n")));
    }
}

#[test]
fn progress_counts_the_patients() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    csv::write_all(dir.path(), 300, 1, &mut |done| seen.push(done)).unwrap();
    assert!(seen.is_sorted() && seen.last() == Some(&300));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("taken");
    std::fs::write(&file, "").unwrap();
    let error = csv::write_all(&file, 1, 1, &mut |_| ()).unwrap_err();
    assert_eq!(error.path, file);
    assert!(fhir::write_all(&file, 1, 1, fhir::Layout::Ndjson, &mut |_| ()).is_err());
}
