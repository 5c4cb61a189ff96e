//! The patients of FHIR data as a table, for risk: what an attacker may know of a person from a census or a neighbourhood.

use medveil_deid::assess::{ColumnSpec, Part, Spec};
use medveil_deid::kind::Kind;
use serde::Deserialize;

/// Equivalence classes of patients that are counted exactly.
const MAX_CLASSES: usize = 1 << 19;

/// The quasi-identifiers of a patient, as columns.
pub fn spec() -> Spec {
    let column = |name: &str, kind| ColumnSpec {
        name: name.to_owned(),
        kind: Some(kind),
        action: "fhir".to_owned(),
        released: true,
    };
    Spec {
        columns: vec![
            column("Patient.gender", Kind::Sex),
            column("Patient.birthDate", Kind::BirthDate),
            column("Patient.address.postalCode", Kind::Postcode),
            column("Patient.address.city", Kind::Geography),
            column("Patient.address.district", Kind::Geography),
            column("Patient.maritalStatus", Kind::MaritalStatus),
        ],
        quasi_identifiers: (0..6).collect(),
        sensitive: Vec::new(),
        max_classes: MAX_CLASSES,
        utility_stride: 1,
    }
}

/// Feeds the patients of one record, as they were and as they are released.
pub fn observe(raw: &[u8], released: Option<&[u8]>, index: u64, part: &mut Part) {
    if memchr::memmem::find(raw, b"\"Patient\"").is_none() {
        return;
    }
    let before = patients(raw);
    let after = released.map(patients);
    for (i, person) in before.iter().enumerate() {
        let raw = |column: usize| person[column].as_str();
        let released = after.as_ref().and_then(|after| after.get(i));
        let index = index.wrapping_mul(1 << 20).wrapping_add(i as u64);
        part.row(index, raw, released.map(|person| move |column: usize| person[column].as_str()));
    }
}

type Person = [String; 6];

/// The patients of a resource or Bundle; none where it is neither, which the executor has then refused.
fn patients(json: &[u8]) -> Vec<Person> {
    let Ok(record) = serde_json::from_slice::<Record>(json) else { return Vec::new() };
    let own = Patient {
        resource_type: record.resource_type,
        gender: record.gender,
        birth_date: record.birth_date,
        address: record.address,
        marital_status: record.marital_status,
    };
    let entries = record.entry.into_iter().filter_map(|entry| entry.resource);
    let all = std::iter::once(own).chain(entries);
    all.filter(|resource| resource.resource_type == "Patient").map(Patient::into_person).collect()
}

/// A resource that may be a Patient or a Bundle of them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record {
    #[serde(rename = "resourceType")]
    resource_type: String,
    entry: Vec<Entry>,
    gender: Lenient,
    #[serde(rename = "birthDate")]
    birth_date: Lenient,
    address: serde_json::Value,
    #[serde(rename = "maritalStatus")]
    marital_status: serde_json::Value,
}

#[derive(Deserialize)]
struct Entry {
    resource: Option<Patient>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Patient {
    #[serde(rename = "resourceType")]
    resource_type: String,
    gender: Lenient,
    #[serde(rename = "birthDate")]
    birth_date: Lenient,
    address: serde_json::Value,
    #[serde(rename = "maritalStatus")]
    marital_status: serde_json::Value,
}

/// A text; anything else counts as missing, since other resources use these names for other things.
#[derive(Default)]
struct Lenient(String);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Lenient(value.as_str().unwrap_or_default().to_owned()))
    }
}

impl Patient {
    fn into_person(self) -> Person {
        let place = |name: &str| {
            let first = self.address.get(0).and_then(|address| address.get(name));
            first.and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
        };
        let marital = self.marital_status.pointer("/coding/0/code").and_then(serde_json::Value::as_str);
        let (postcode, city, district) = (place("postalCode"), place("city"), place("district"));
        [self.gender.0, self.birth_date.0, postcode, city, district, marital.unwrap_or_default().to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_of_resources_and_bundles_are_found() {
        let patient = r#"{"resourceType":"Patient","gender":"male","birthDate":"1980-01-01","address":[{"city":"X","postalCode":"02139"}]}"#;
        let bundle = format!(
            r#"{{"resourceType":"Bundle","entry":[{{"resource":{patient}}},{{"resource":{{"resourceType":"Location","address":{{"city":"Y"}}}}}}]}}"#
        );
        for json in [patient, bundle.as_str()] {
            let found = patients(json.as_bytes());
            assert_eq!(found.len(), 1);
            assert_eq!(found[0][..4], ["male", "1980-01-01", "02139", "X"]);
        }
        assert!(patients(b"[1]").is_empty());
    }
}
