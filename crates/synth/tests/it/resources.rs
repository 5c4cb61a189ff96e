//! FHIR.

use std::collections::{HashMap, HashSet};

use medveil_synth::fhir::{self, Layout};
use medveil_synth::{Hospital, csv};
use serde_json::Value;

use crate::{column, read, records};

const TYPES: [&str; 5] = ["Patient", "Encounter", "Condition", "Observation", "MedicationRequest"];

fn resources(patients: u64, seed: u64) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    fhir::write_all(dir.path(), patients, seed, Layout::Ndjson, &mut |_| ()).unwrap();
    let mut all = Vec::new();
    for kind in TYPES {
        for line in read(dir.path(), &format!("fhir/{kind}.ndjson")).lines() {
            let resource: Value = serde_json::from_str(line).unwrap();
            assert_eq!(resource["resourceType"], kind);
            all.push(resource);
        }
    }
    all
}

fn path(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

/// Every `reference` below a value.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == "reference" => found.push(text.to_owned()),
                    _ => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => (),
    }
}

#[test]
fn ids_are_unique_and_references_resolve() {
    let all = resources(200, 1);
    let mut paths = HashSet::new();
    assert!(all.iter().all(|resource| paths.insert(path(resource))));
    let mut links = Vec::new();
    all.iter().for_each(|resource| references(resource, &mut links));
    assert!(links.len() > all.len());
    assert!(links.iter().all(|link| paths.contains(link)));
}

/// Every member that R4 requires, and no member that it doesn't know.
#[test]
fn resources_have_the_members_of_r4() {
    let shape = |kind: &str| -> (&[&str], &[&str]) {
        match kind {
            "Patient" => (
                &["identifier", "name", "gender", "birthDate"],
                &[
                    "extension",
                    "active",
                    "telecom",
                    "address",
                    "maritalStatus",
                    "contact",
                    "managingOrganization",
                ],
            ),
            "Encounter" => (
                &["status", "class", "subject", "period"],
                &[
                    "extension",
                    "identifier",
                    "serviceType",
                    "participant",
                    "diagnosis",
                    "hospitalization",
                    "serviceProvider",
                ],
            ),
            "Condition" => (
                &["subject", "code", "clinicalStatus"],
                &["verificationStatus", "category", "encounter", "onsetDateTime", "recordedDate", "note"],
            ),
            "Observation" => (
                &["status", "code", "subject", "category"],
                &[
                    "encounter",
                    "effectiveDateTime",
                    "valueQuantity",
                    "interpretation",
                    "referenceRange",
                    "component",
                ],
            ),
            _ => (
                &["status", "intent", "medicationCodeableConcept", "subject"],
                &[
                    "encounter",
                    "authoredOn",
                    "requester",
                    "reasonReference",
                    "dosageInstruction",
                    "dispenseRequest",
                ],
            ),
        }
    };
    for resource in resources(200, 2) {
        let members = resource.as_object().unwrap();
        let (required, optional) = shape(resource["resourceType"].as_str().unwrap());
        assert!(required.iter().all(|name| members.contains_key(*name)), "{}", path(&resource));
        for name in members.keys().filter(|name| !["resourceType", "id"].contains(&name.as_str())) {
            assert!(required.contains(&name.as_str()) || optional.contains(&name.as_str()), "{name}");
        }
        if resource["resourceType"] == "Observation" {
            let parts =
                resource["component"].as_array().map_or(vec![&resource], |parts| parts.iter().collect());
            for part in parts {
                assert!(part["valueQuantity"]["value"].is_number());
                assert_eq!(part["valueQuantity"]["system"], "http://unitsofmeasure.org");
            }
        }
    }
}

#[test]
fn tables_and_resources_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    csv::write_all(dir.path(), 120, 3, &mut |_| ()).unwrap();
    let table = |name: &str| records(&read(dir.path(), name));
    let all = resources(120, 3);
    let by_path: HashMap<String, &Value> = all.iter().map(|resource| (path(resource), resource)).collect();
    let number = |text: &str| text.parse::<f64>().unwrap();

    let patients = table("patients.csv");
    let at = |name| column(&patients, name);
    for record in &patients[1..] {
        let patient = by_path[&format!("Patient/{}", record[0])];
        assert_eq!(patient["identifier"][0]["value"], record[at("resident_id")]);
        assert_eq!(patient["identifier"][1]["value"], record[at("record_no")]);
        assert_eq!(patient["identifier"][2]["value"], record[at("insurance_no")]);
        assert_eq!(patient["name"][0]["text"], record[at("name")]);
        assert_eq!(patient["birthDate"], record[at("birth_date")]);
        assert_eq!(patient["gender"], if record[at("sex")] == "男" { "male" } else { "female" });
        assert_eq!(patient["telecom"][0]["value"], record[at("phone")]);
        assert_eq!(patient["address"][0]["text"], record[at("address")]);
        assert_eq!(patient["maritalStatus"]["text"], record[at("marital_status")]);
        assert_eq!(patient["contact"][0]["name"]["text"], record[at("contact_name")]);
        let employer = patient["extension"]
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["url"].as_str().unwrap().ends_with("employer"));
        assert_eq!(employer.map_or("", |e| e["valueString"].as_str().unwrap()), record[at("employer")]);
    }

    let visits = table("visits.csv");
    let at = |name| column(&visits, name);
    for record in &visits[1..] {
        let encounter = by_path[&format!("Encounter/{}", record[0])];
        assert_eq!(encounter["period"]["start"], record[at("admit_date")]);
        assert_eq!(encounter["period"]["end"], record[at("discharge_date")]);
        assert_eq!(encounter["serviceType"]["text"], record[at("department")]);
        assert_eq!(
            encounter["extension"][0]["valueMoney"]["value"].as_f64(),
            Some(number(&record[at("cost")]))
        );
    }

    let diagnoses = table("diagnoses.csv");
    let at = |name| column(&diagnoses, name);
    for record in &diagnoses[1..] {
        let condition = by_path[&format!("Condition/{}", record[0])];
        assert_eq!(condition["code"]["coding"][1]["code"], record[at("diagnosis_code")]);
        assert!(
            record[at("diagnosis_code")]
                .starts_with(condition["code"]["coding"][0]["code"].as_str().unwrap())
        );
        assert_eq!(condition["code"]["text"], record[at("diagnosis")]);
        assert_eq!(condition["onsetDateTime"], record[at("onset_date")]);
        assert_eq!(condition["note"][0]["text"].as_str().unwrap_or_default(), record[at("note")]);
    }

    let labs = table("labs.csv");
    let at = |name| column(&labs, name);
    let mut pressure = None;
    for record in &labs[1..] {
        let observation = by_path.get(&format!("Observation/{}", record[0])).copied();
        let part = match (record[at("loinc")].as_str(), observation) {
            ("8480-6", Some(panel)) => {
                pressure = Some(panel);
                &panel["component"][0]
            }
            ("8462-4", None) => &pressure.take().unwrap()["component"][1],
            (_, Some(observation)) => observation,
            (_, None) => panic!("{} is missing", record[0]),
        };
        assert_eq!(part["code"]["coding"][0]["code"], record[at("loinc")]);
        assert_eq!(part["valueQuantity"]["value"].as_f64(), Some(number(&record[at("value")])));
        assert_eq!(part["valueQuantity"]["unit"], record[at("unit")]);
        let flag = part["interpretation"][0]["coding"][0]["code"].as_str();
        assert_eq!(flag.unwrap_or_default(), record[at("flag")]);
        let low = part["referenceRange"][0]["low"]["value"].as_f64();
        assert_eq!(low.is_none(), record[at("reference_low")].is_empty());
    }

    let medications = table("medications.csv");
    let at = |name| column(&medications, name);
    for record in &medications[1..] {
        let request = by_path[&format!("MedicationRequest/{}", record[0])];
        let dose = &request["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"];
        assert_eq!(request["medicationCodeableConcept"]["text"], record[at("drug")]);
        assert_eq!(
            (dose["value"].as_f64(), dose["unit"].as_str().unwrap()),
            (Some(number(&record[at("dose")])), record[at("dose_unit")].as_str())
        );
        let reason = by_path[request["reasonReference"][0]["reference"].as_str().unwrap()];
        assert_eq!(reason["code"]["coding"][1]["code"], record[at("diagnosis_code")]);
    }
}

#[test]
fn glucose_of_a_visit_is_among_its_measurements() {
    let hospital = Hospital::new(8);
    for visit in (0..200).flat_map(|index| hospital.patient(index).visits) {
        let measured = |loinc| visit.measurements.iter().find(|m| m.analyte.loinc == loinc).map(|m| m.value);
        assert_eq!((measured("14771-0"), measured("4548-4")), (visit.glucose, visit.hba1c));
    }
}

#[test]
fn bundles_are_whole() {
    for (layout, kind) in [(Layout::Collections, "collection"), (Layout::Transactions, "transaction")] {
        let dir = tempfile::tempdir().unwrap();
        fhir::write_all(dir.path(), 20, 4, layout, &mut |_| ()).unwrap();
        let expected: HashSet<String> = resources(20, 4).iter().map(path).collect();
        let mut found = HashSet::new();
        for number in 1..=20 {
            let text = read(dir.path(), &format!("fhir/P{number:08}.json"));
            let bundle: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&bundle["resourceType"], &bundle["type"]), (&"Bundle".into(), &kind.into()));
            let entries = bundle["entry"].as_array().unwrap();
            let urls: HashSet<&str> =
                entries.iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
            assert_eq!(urls.len(), entries.len());
            for entry in entries {
                let path = path(&entry["resource"]);
                assert_eq!(entry["fullUrl"], format!("http://hospital.example.cn/fhir/{path}"));
                match kind {
                    "transaction" => assert_eq!(
                        (&entry["request"]["method"], &entry["request"]["url"]),
                        (&"PUT".into(), &path.as_str().into())
                    ),
                    _ => assert!(entry.get("request").is_none()),
                }
                let mut links = Vec::new();
                references(entry, &mut links);
                let base = "http://hospital.example.cn/fhir/";
                assert!(links.iter().all(|link| urls.contains(format!("{base}{link}").as_str())));
                found.insert(path);
            }
        }
        assert_eq!(found, expected);
    }
}

#[test]
fn a_stream_of_lines_mixes_the_types() {
    let mut out = Vec::new();
    let written = fhir::ndjson_sized(6, 300_000, &mut out).unwrap();
    assert!(written <= 300_000 && written > 280_000);
    let mut kinds = HashSet::new();
    for line in std::str::from_utf8(&out).unwrap().lines() {
        let resource: Value = serde_json::from_str(line).unwrap();
        kinds.insert(resource["resourceType"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, TYPES.map(str::to_owned).into());
}
