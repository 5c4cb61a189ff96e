//! The built-in plans on FHIR: every path is understood, and nothing that identifies comes through.

use medveil_clinical::fhir::{FhirExecutor, RecordOutcome};
use medveil_deid::plan::builtin::{self, Builtin};
use medveil_deid::study::{MasterKey, Study, Suite};
use serde_json::Value;

/// What must not be in any output. Each stands once in [`PATIENT`] or [`OBSERVATION`].
const MARKS: [&str; 18] = [
    "Zhangsan",
    "Meihua",
    "mrn-777",
    "pat-111",
    "13800138000",
    "photo-url",
    "5 Jiefang Road",
    "430021",
    "Mother-Wang",
    "1979-08-21",
    "2020-03-04",
    "obs-222",
    "seen by Dr. Li",
    "conclusion-text",
    "prof-ext",
    "Zhangsan-display",
    "div-text",
    "serial-9",
];

const PATIENT: &str = r#"{
    "resourceType": "Patient", "id": "pat-111",
    "meta": {"lastUpdated": "2020-03-04T11:12:13Z", "source": "http://prof-ext/"},
    "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">div-text</div>"},
    "extension": [{"url": "http://example.org/employer", "valueString": "prof-ext"}],
    "identifier": [{"system": "http://example.org/mrn", "value": "mrn-777"}],
    "name": [{"family": "Zhangsan", "given": ["Meihua"], "text": "Zhangsan Meihua"}],
    "telecom": [{"system": "phone", "value": "13800138000"}],
    "gender": "female", "birthDate": "1979-08-21",
    "address": [{"line": ["5 Jiefang Road"], "city": "Wuhan", "state": "Hubei", "postalCode": "430021", "country": "CN"}],
    "contact": [{"name": {"text": "Mother-Wang"}}],
    "photo": [{"url": "http://example.org/photo-url"}]
}"#;

const OBSERVATION: &str = r#"{
    "resourceType": "Observation", "id": "obs-222", "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "seen by Dr. Li"},
    "subject": {"reference": "Patient/pat-111", "display": "Zhangsan-display"},
    "device": {"display": "serial-9"},
    "effectiveDateTime": "2020-03-04T11:12:13Z",
    "valueQuantity": {"value": 13.5, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"},
    "interpretation": [{"text": "conclusion-text"}]
}"#;

fn release(plan: &Builtin, resource: &str) -> Value {
    let study = Study::new(&MasterKey::from_bytes([9; 32]), "study", Suite::International, None);
    let executor =
        FhirExecutor::new(&plan.plan(), &study).unwrap_or_else(|error| panic!("{}: {error}", plan.name));
    let noise = study.noise("file");
    let (mut scratch, mut out) = (executor.scratch(), Vec::new());
    let outcome = executor
        .record(resource.as_bytes(), &noise.record(0, [0; 32]), &mut scratch, &mut out)
        .unwrap_or_else(|error| panic!("{}: {error}", plan.name));
    assert_eq!(outcome, RecordOutcome::Written, "{}", plan.name);
    serde_json::from_slice(&out).expect("what is written is JSON")
}

#[test]
fn nothing_that_identifies_comes_through() {
    for plan in builtin::list() {
        for resource in [PATIENT, OBSERVATION] {
            let released = release(plan, resource).to_string();
            for mark in MARKS {
                // What the plans release on purpose: the zip code of a limited data set, the day of a reported case.
                let allowed = matches!(
                    (plan.name, mark),
                    ("hipaa-limited-data-set", "430021") | ("public-health-report", "2020-03-04")
                );
                assert!(allowed || !released.contains(mark), "{}: {mark} in {released}", plan.name);
            }
        }
    }
}

#[test]
fn what_the_study_is_about_and_the_links_stay() {
    for plan in builtin::list() {
        let (patient, observation) = (release(plan, PATIENT), release(plan, OBSERVATION));
        assert_eq!(patient["gender"], "female", "{}", plan.name);
        assert_eq!(observation["valueQuantity"]["value"], 13.5, "{}", plan.name);
        assert_eq!(observation["code"]["coding"][0]["code"], "718-7", "{}", plan.name);
        let id = patient["id"].as_str().unwrap();
        assert_eq!(observation["subject"]["reference"], format!("Patient/{id}"), "{}", plan.name);
    }
}
