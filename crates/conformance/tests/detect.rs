//! Detection on data that nobody here wrote: the columns of UCI Adult, identifiers in the synthetic English sentences of
//! presidio-research, and Chinese names against names of diseases and places.
//!
//! The floors are what was measured, rounded down. The misses of the sentences were looked at when the words around telephone
//! numbers were listed, so their figures say what this set gives, not what another would.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, outside the test functions")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medveil_deid::detect::{Language, Options, Strength, TableScanner, detect_value, find_spans};
use medveil_deid::kind::{Class, Kind};

/// The file in `shared/data` of the nearest directory above that has it.
fn data(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join("shared/data").join(path))
        .find(|file| file.exists());
    if found.is_none() {
        println!("skipped: ../shared/data/{path} is absent");
    }
    found
}

#[test]
fn columns_of_uci_adult_are_recognised() {
    let Some(file) = data("tabular/adult/adult.csv") else { return };
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(';').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(';').collect()).collect();

    let scan = |header: &[&str]| {
        let mut scanner = TableScanner::new(header, Options::default());
        rows.iter().for_each(|row| scanner.row(row));
        scanner.finish()
    };
    let findings = scan(&header);
    for finding in &findings {
        let why: Vec<_> = finding.evidence.iter().map(|evidence| evidence.explain(Language::En)).collect();
        let kind = finding.kind.map_or("-", Kind::name);
        println!("{:<15} {:<15} {:>3}  {}", finding.name, kind, finding.confidence, why.join("; "));
    }
    let found: BTreeMap<&str, Option<Kind>> = findings.iter().map(|f| (f.name.as_str(), f.kind)).collect();
    for (name, kind) in [
        ("sex", Kind::Sex),
        ("age", Kind::Age),
        ("race", Kind::Ethnicity),
        ("marital-status", Kind::MaritalStatus),
        ("education", Kind::Education),
        ("native-country", Kind::Nationality),
        ("workclass", Kind::Employer),
        ("occupation", Kind::Occupation),
        ("salary-class", Kind::Amount),
    ] {
        assert_eq!(found[name], Some(kind), "{name}");
    }

    // Without headers the values have to do.
    let blind: Vec<String> = (0..header.len()).map(|i| format!("c{i}")).collect();
    let blind = scan(&blind.iter().map(String::as_str).collect::<Vec<_>>());
    let right = blind.iter().zip(&findings).filter(|(blind, told)| blind.kind == told.kind).count();
    let wrong = blind
        .iter()
        .zip(&findings)
        .filter(|(blind, told)| blind.kind.is_some() && blind.kind != told.kind)
        .count();
    println!("without headers: {right} of {} right, {wrong} wrong", header.len());
    assert!(right >= 8 && wrong == 0);
}

#[derive(Default)]
struct Score {
    /// Spans that people marked.
    marked: usize,
    /// Of those, spans that a finding of the kind overlaps.
    hit: usize,
    /// Findings of the kind.
    found: usize,
    /// Of those, findings that overlap a mark of any sort that the kind may stand for.
    right: usize,
}

#[test]
fn identifiers_in_english_sentences_are_found() {
    let Some(file) = data("text/en_presidio_synth_dataset_v2.json") else { return };
    let records: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    // The label, our kind, and the floors of recall and precision in per cent.
    let labels = [
        ("EMAIL_ADDRESS", Kind::Email, 100, 100),
        ("CREDIT_CARD", Kind::BankCard, 99, 100),
        ("PHONE_NUMBER", Kind::Phone, 95, 95),
        ("IP_ADDRESS", Kind::IpAddress, 100, 100),
        ("DOMAIN_NAME", Kind::Url, 100, 100),
        ("US_SSN", Kind::SocialSecurityNumber, 100, 100),
        // Names of many nations, most of them in no list of ours.
        ("PERSON", Kind::PersonName, 40, 85),
    ];
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    for record in records.as_array().unwrap() {
        let text = record["full_text"].as_str().unwrap();
        // Marks count characters; findings count bytes.
        let bytes: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
        let marks: Vec<(&str, usize, usize)> = record["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|span| {
                let place = |key: &str| bytes[(span[key].as_u64().unwrap() as usize).min(bytes.len() - 1)];
                (span["entity_type"].as_str().unwrap(), place("start_position"), place("end_position"))
            })
            .collect();
        let found: Vec<_> = find_spans(text).collect();
        for (label, kind, ..) in labels {
            let score = scores.entry(label).or_default();
            let also = |other: &str| other == label || (kind == Kind::BankCard && other == "IBAN_CODE");
            for (_, start, end) in marks.iter().filter(|(other, ..)| *other == label) {
                score.marked += 1;
                let hit =
                    found.iter().any(|span| span.kind == kind && span.start < *end && span.end > *start);
                score.hit += usize::from(hit);
                if !hit && std::env::var_os("SHOW_MISSES").is_some() {
                    println!("missed {label}: {:?} in {text:?}", &text[*start..*end]);
                }
            }
            for span in found.iter().filter(|span| span.kind == kind) {
                score.found += 1;
                let right = marks
                    .iter()
                    .any(|(other, start, end)| also(other) && span.start < *end && span.end > *start);
                score.right += usize::from(right);
                if !right && std::env::var_os("SHOW_MISSES").is_some() {
                    println!("wrong {label}: {:?} in {text:?}", &text[span.start..span.end]);
                }
            }
        }
    }
    for (label, kind, recall_floor, precision_floor) in labels {
        let Score { marked, hit, found, right } = scores[label];
        let (recall, precision) = (100 * hit / marked.max(1), 100 * right / found.max(1));
        println!("{kind:<24} recall {hit}/{marked} = {recall} %, precision {right}/{found} = {precision} %");
        assert!(recall >= recall_floor && precision >= precision_floor, "{kind}");
    }
}

/// Share of values, in per cent, that by their form or dictionary alone are of the kind.
fn share<'a>(kind: Kind, values: impl IntoIterator<Item = &'a str>) -> usize {
    let (mut all, mut found) = (0, 0);
    for value in values {
        all += 1;
        found += usize::from(
            detect_value(value).iter().any(|(k, strength)| *k == kind && *strength >= Strength::Pattern),
        );
    }
    100 * found / all.max(1)
}

#[test]
fn chinese_names_are_told_from_diseases_and_places() {
    let (Some(names), Some(diseases), Some(places)) = (
        data("codes/zh_names_faker.json"),
        data("codes/icd10-cn/diseases.json"),
        data("codes/cn-divisions/gbt2260_list.json"),
    ) else {
        return;
    };
    let json = |file| -> serde_json::Value {
        let text = std::fs::read_to_string(file).unwrap();
        serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap()
    };
    let names = json(names);
    let given: Vec<&str> =
        names["first_names"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    let names: Vec<String> = names["last_names"]
        .as_object()
        .unwrap()
        .keys()
        .flat_map(|surname| given.iter().map(move |given| format!("{surname}{given}")))
        .collect();
    let diseases = json(diseases);
    let mut labels = Vec::new();
    strings(&diseases, &mut labels);
    let diseases = labels;
    let places = json(places);
    let mut divisions = Vec::new();
    strings(&places, &mut divisions);

    let recall = share(Kind::PersonName, names.iter().map(String::as_str));
    let named_diseases = share(Kind::PersonName, diseases.iter().copied());
    let named_places = share(Kind::PersonName, divisions.iter().copied());
    let known_diseases = share(Kind::Diagnosis, diseases.iter().copied());
    println!("names recognised: {recall} % of {}", names.len());
    println!(
        "diseases taken for names: {named_diseases} % of {}; recognised: {known_diseases} %",
        diseases.len()
    );
    println!("places taken for names: {named_places} % of {}", divisions.len());
    assert!(recall >= 85 && named_diseases <= 1 && named_places <= 3);
}

/// Every string of a JSON value that is not a number in quotes.
fn strings<'a>(value: &'a serde_json::Value, out: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::String(text) if !text.starts_with(|c: char| c.is_ascii()) => out.push(text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
        serde_json::Value::Object(map) => map.values().for_each(|item| strings(item, out)),
        _ => {}
    }
}

/// The records of a table; quotes are doubled inside quotes.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.trim_end().chars().peekable();
    while let Some(c) = chars.next() {
        let record = records.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                record.last_mut().unwrap().push(chars.next().unwrap())
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => records.push(vec![String::new()]),
            c => record.last_mut().unwrap().push(c),
        }
    }
    records
}

#[test]
fn no_identifier_of_the_synthetic_hospital_is_taken_for_something_harmless() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("detect-synth");
    medveil_synth::csv::write_all(&dir, 600, 7, &mut |_| {}).unwrap();
    let mut told_kinds = BTreeMap::new();
    for table in ["patients", "visits", "diagnoses", "labs", "medications"] {
        let text = std::fs::read_to_string(dir.join(table).with_extension("csv")).unwrap();
        let records = records(&text);
        let (header, rows) = records.split_first().unwrap();
        let scan = |header: &[&str]| {
            let mut scanner = TableScanner::new(header, Options::default());
            rows.iter().for_each(|row| scanner.row(row));
            scanner.finish()
        };
        let told = scan(&header.iter().map(String::as_str).collect::<Vec<_>>());
        let blind = scan(&vec!["c"; header.len()]);
        for (told, blind) in told.iter().zip(&blind) {
            let name = |kind: Option<Kind>| kind.map_or("-", Kind::name);
            println!(
                "{table}.{:<18} {:<22} {:>3}   without header {:<18} {:>3}   also {:?}",
                told.name,
                name(told.kind),
                told.confidence,
                name(blind.kind),
                blind.confidence,
                told.also_contains
            );
            // What identifies by its header must not be taken for something that plans keep, with or without it.
            let identifies = told.kind.is_some_and(|kind| kind.class() == Class::DirectIdentifier);
            if identifies {
                assert!(
                    blind.kind.is_none_or(|kind| kind.class() == Class::DirectIdentifier),
                    "{table}.{}",
                    told.name
                );
            }
            told_kinds.insert(format!("{table}.{}", told.name), told.kind);
        }
    }
    for (column, kind) in [
        ("patients.patient_id", Kind::PatientId),
        ("patients.record_no", Kind::MedicalRecordNumber),
        ("patients.name", Kind::PersonName),
        ("patients.sex", Kind::Sex),
        ("patients.birth_date", Kind::BirthDate),
        ("patients.resident_id", Kind::CnResidentId),
        ("patients.phone", Kind::Phone),
        ("patients.email", Kind::Email),
        ("patients.address", Kind::Address),
        ("patients.postcode", Kind::Postcode),
        ("patients.district_code", Kind::DivisionCode),
        ("patients.insurance_no", Kind::InsuranceNumber),
        ("patients.ethnicity", Kind::Ethnicity),
        ("patients.marital_status", Kind::MaritalStatus),
        ("patients.occupation", Kind::Occupation),
        ("patients.employer", Kind::Employer),
        ("patients.contact_name", Kind::PersonName),
        ("patients.contact_phone", Kind::Phone),
        ("visits.visit_id", Kind::VisitNumber),
        ("visits.age", Kind::Age),
        ("visits.department", Kind::Department),
        ("visits.admit_date", Kind::EventDate),
        ("visits.discharge_date", Kind::EventDate),
        ("visits.diagnosis_code", Kind::DiagnosisCode),
        ("visits.diagnosis", Kind::Diagnosis),
        ("visits.glucose", Kind::LaboratoryValue),
        ("visits.hba1c", Kind::LaboratoryValue),
        ("visits.cost", Kind::Amount),
        ("diagnoses.diagnosis_id", Kind::UniqueId),
        ("diagnoses.doctor", Kind::PersonName),
        ("diagnoses.note", Kind::FreeText),
        ("labs.lab_id", Kind::UniqueId),
        ("labs.value", Kind::LaboratoryValue),
        ("medications.medication_id", Kind::UniqueId),
        ("medications.drug", Kind::Drug),
    ] {
        assert_eq!(told_kinds[column], Some(kind), "{column}");
    }
}
