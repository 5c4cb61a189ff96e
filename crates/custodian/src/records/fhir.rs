//! Records of FHIR: a line of NDJSON or a file, each a resource or a Bundle; and whose they are.
//!
//! A Bundle is one record, as it is one leaf: it goes as a whole or not at all. So it must be of one patient.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use medveil_clinical::fhir::reference::Reference;
use serde::Deserialize;
use serde_json::Value;

/// The lines that are records.
pub(super) fn lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut at = 0;
    let all = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let start = at;
        at += line.len();
        start..at
    });
    all.filter(|range| !bytes[range.clone()].trim_ascii().is_empty()).collect()
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "resourceType", default)]
    kind: String,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    patient: Value,
    #[serde(default)]
    subject: Value,
    #[serde(default)]
    beneficiary: Value,
    #[serde(default)]
    individual: Value,
    #[serde(default, rename = "for")]
    whom: Value,
    #[serde(default)]
    entry: Option<Vec<Entry>>,
}

/// An entry of a Bundle. Elements of that name in other resources (of a `List`) have no resource.
#[derive(Deserialize)]
struct Entry {
    #[serde(default, rename = "fullUrl")]
    url: Value,
    #[serde(default)]
    resource: Option<Box<Resource>>,
}

/// Whose a record is: the id of a `Patient`, or that of the patient to whom it refers; of a Bundle, of the one whose all its resources are that are somebody's. What cannot be read is nobody's.
pub(super) fn patient(record: &[u8]) -> Result<Option<String>, String> {
    let text = record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record).trim_ascii();
    let Ok(resource) = serde_json::from_slice::<Resource>(text) else { return Ok(None) };
    let (mut known, mut patients) = (BTreeMap::new(), BTreeSet::new());
    note(&resource, None, &mut known);
    collect(&resource, None, &known, &mut patients);
    let mut patients = patients.into_iter();
    match (patients.next(), patients.next()) {
        (patient, None) => Ok(patient.filter(|id| !id.is_empty())),
        _ => Err("a Bundle of several patients is one record, which goes as a whole or not at all: write a Bundle for each patient, or NDJSON".into()),
    }
}

/// The ids of patients by the addresses of entries; none for what is no patient.
type Known = BTreeMap<String, Option<String>>;

fn note(resource: &Resource, url: Option<&str>, known: &mut Known) {
    if let Some(url) = url {
        known.insert(url.to_owned(), own(resource, Some(url)));
    }
    for entry in resource.entry.iter().flatten() {
        if let Some(resource) = &entry.resource {
            note(resource, entry.url.as_str(), known);
        }
    }
}

/// The id of a `Patient`.
fn own(resource: &Resource, url: Option<&str>) -> Option<String> {
    let id = resource.id.as_str().or_else(|| Reference::patient(url?));
    (resource.kind == "Patient").then(|| id.map(str::to_owned)).flatten()
}

fn collect(resource: &Resource, url: Option<&str>, known: &Known, patients: &mut BTreeSet<String>) {
    if resource.kind == "Patient" {
        // One who is not named is somebody all the same, and nobody's consent reaches them.
        patients.insert(own(resource, url).unwrap_or_default());
    } else {
        let Resource { patient, subject, beneficiary, individual, whom, .. } = resource;
        let named = [patient, subject, beneficiary, individual, whom].map(|element| all(element, known));
        // The first that names a patient tells it; an element that names several makes the record theirs.
        patients.extend(named.into_iter().find(|named| !named.is_empty()).unwrap_or_default());
    }
    for entry in resource.entry.iter().flatten() {
        if let Some(resource) = &entry.resource {
            collect(resource, entry.url.as_str(), known, patients);
        }
    }
}

/// The patients that an element refers to, which is a reference or a list of them.
fn all(element: &Value, known: &Known) -> BTreeSet<String> {
    let references = match element {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let patient = |reference: &Value| {
        let text = reference.get("reference")?.as_str()?;
        match known.get(text) {
            Some(known) => known.clone(),
            None => Reference::patient(text).map(str::to_owned),
        }
    };
    references.iter().filter_map(patient).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        patient(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_subject_of_a_resource_is_found() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("\u{feff}{\"resourceType\":\"Patient\",\"id\":\"p1\"}\n"), some("p1"));
        for (element, found) in [
            (r#""subject":{"reference":"Patient/p2"}"#, some("p2")),
            (r#""patient":{"reference":"https://a.cn/fhir/Patient/p3/_history/2"}"#, some("p3")),
            (r#""beneficiary":{"reference":"Patient/p4"}"#, some("p4")),
            (r#""for":{"reference":"Patient/p5"},"subject":{"display":"?"}"#, some("p5")),
            (r#""subject":[{"reference":"Group/g"},{"reference":"Patient/p6"}]"#, some("p6")),
            (r#""subject":{"reference":"Group/g"}"#, None),
            (r#""id":"o""#, None),
            (r#""id":"#, None),
        ] {
            assert_eq!(of(&format!("{{\"resourceType\":\"Basic\",{element}}}")), found, "{element}");
        }
        assert!(patient(br#"{"resourceType":"Account","subject":[{"reference":"Patient/a"},{"reference":"Patient/b"}]}"#).is_err());
    }

    fn bundle(entries: &[&str]) -> String {
        format!("{{\n\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{}]}}", entries.join(","))
    }

    #[test]
    fn a_bundle_is_of_the_one_patient_of_its_resources_or_refused() {
        let person = r#"{"fullUrl":"urn:uuid:17","resource":{"resourceType":"Patient","id":"p1"}}"#;
        let by_url = r#"{"resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:17"}}}"#;
        let by_id = r#"{"resource":{"resourceType":"Observation","subject":{"reference":"Patient/p1"}}}"#;
        let clinic = r#"{"fullUrl":"urn:uuid:18","resource":{"resourceType":"Organization","id":"o"}}"#;
        let of_clinic =
            r#"{"resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:18"}}}"#;
        let other = r#"{"resource":{"resourceType":"Condition","subject":{"reference":"Patient/p2"}}}"#;
        let one = bundle(&[by_url, person, by_id, clinic, of_clinic]);
        assert_eq!(of(&one).as_deref(), Some("p1"));
        assert_eq!(of(&bundle(&[clinic, of_clinic])), None);
        let said = patient(bundle(&[person, other]).as_bytes()).unwrap_err();
        assert!(said.contains("several patients") && !said.contains("p2"), "{said}");
        let inner = format!("{{\"resource\":{}}}", bundle(&[other]));
        assert!(patient(bundle(&[person, &inner]).as_bytes()).is_err(), "a Bundle in a Bundle");
        let nameless = r#"{"fullUrl":"urn:uuid:19","resource":{"resourceType":"Patient"}}"#;
        assert_eq!(of(&bundle(&[nameless])).as_deref(), Some("19"));
        let unnamed = r#"{"resource":{"resourceType":"Patient","gender":"male"}}"#;
        assert_eq!(of(&bundle(&[unnamed, clinic])), None);
        assert!(patient(bundle(&[unnamed, other]).as_bytes()).is_err(), "another's consent is not theirs");
    }
}
