//! The patients of FHIR data as a table, for risk: what an attacker may know of a person from a census or a neighbourhood.

use std::borrow::Cow;

use medveil_deid::assess::{ColumnSpec, Part, Spec};
use medveil_deid::kind::Kind;
use serde::Deserialize;

use super::scan::{self, Skimmer};

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

/// Whether a resource of this type can hold patients for [`observe`]: by itself or as an `entry`. What FHIR R4 does not have is not
/// considered.
pub fn looks_into(ty: &str) -> bool {
    matches!(ty, "Patient" | "Bundle" | "List")
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
    match single(json) {
        Some(person) => vec![person],
        None => any(json),
    }
}

fn any(json: &[u8]) -> Vec<Person> {
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

/// The person of a Patient by itself, which is what most records with patients are; `None` sends all else the long way.
fn single(json: &[u8]) -> Option<Person> {
    // Escapes could spell a key in another way.
    if memchr::memchr(b'\\', json).is_some() {
        return None;
    }
    let mut person = Person::default();
    let mut is_patient = false;
    for (name, value) in members(json, scan::space(json, 0)) {
        let at = match name {
            b"resourceType" => {
                is_patient = true;
                match &*text(json, value)? {
                    "Patient" => continue,
                    _ => return None,
                }
            }
            b"entry" => return None,
            b"gender" => 0,
            b"birthDate" => 1,
            b"address" => {
                let first = scan::space(json, value + 1);
                if json.get(value) == Some(&b'[') {
                    for (name, value) in members(json, first) {
                        let part = match name {
                            b"postalCode" => 2,
                            b"city" => 3,
                            b"district" => 4,
                            _ => continue,
                        };
                        person[part] = text(json, value).unwrap_or_default().into_owned();
                    }
                }
                continue;
            }
            b"maritalStatus" => {
                let Some((_, coding)) = members(json, value).find(|(name, _)| *name == b"coding") else {
                    continue;
                };
                match json.get(coding) {
                    Some(b'[') => {}
                    Some(b'{') => return None,
                    _ => continue,
                }
                let first = scan::space(json, coding + 1);
                let code = members(json, first).find(|(name, _)| *name == b"code");
                person[5] = code.and_then(|(_, at)| text(json, at)).unwrap_or_default().into_owned();
                continue;
            }
            _ => continue,
        };
        person[at] = text(json, value).unwrap_or_default().into_owned();
    }
    is_patient.then_some(person)
}

/// The members of the object at `at`, which has been validated, by their keys as they are written; none if there is no object.
fn members(json: &[u8], at: usize) -> impl Iterator<Item = (&[u8], usize)> {
    let mut skimmer = Skimmer::default();
    let mut next = (json.get(at) == Some(&b'{')).then(|| scan::space(json, at + 1));
    std::iter::from_fn(move || {
        let (key, value) = scan::key(json, next.take()?).ok()?;
        let end = skimmer.value(json, value, 0).ok()?;
        next = scan::next(json, end, b'}', "").ok()?.ok();
        Some((key.raw(json), value))
    })
}

/// The string at `at`, if there is one.
fn text(json: &[u8], at: usize) -> Option<Cow<'_, str>> {
    (json.get(at) == Some(&b'"')).then(|| scan::string(json, at).ok())?.map(|token| token.text(json))
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
    use super::super::model::{Category, Model};
    use super::*;

    #[test]
    fn resources_with_entries_are_looked_into() {
        let model = Model::r4();
        for (ty, found) in model.types().filter(|(_, found)| found.category == Category::Resource) {
            let has = found.name == "Patient" || model.element(ty, "entry").is_some();
            assert_eq!(looks_into(found.name), has, "{}", found.name);
        }
    }

    #[test]
    fn patients_of_resources_and_bundles_are_found() {
        let patient = r#"{"resourceType":"Patient","gender":"male","birthDate":"1980-01-01","address":[{"city":"X","postalCode":"02139"}]}"#;
        let bundle = format!(
            r#"{{"resourceType":"Bundle","entry":[{{"resource":{patient}}},{{"resource":{{"resourceType":"Location","address":{{"city":"Y"}}}}}}]}}"#
        );
        assert!(single(patient.as_bytes()).is_some() && single(bundle.as_bytes()).is_none());
        for json in [patient, bundle.as_str()] {
            let found = patients(json.as_bytes());
            assert_eq!(found.len(), 1);
            assert_eq!(found[0][..4], ["male", "1980-01-01", "02139", "X"]);
        }
        assert!(patients(b"[1]").is_empty());
    }

    #[test]
    fn the_short_way_reads_what_the_long_one_does() {
        let values = [
            r#""A""#,
            "null",
            "7",
            "[]",
            "[7]",
            "{}",
            r#"[{"city":"X","district":null,"postalCode":"1"},{"city":"Y"}]"#,
            r#"{"coding":[{"code":"M"},{"code":"S"}]}"#,
            r#"{"coding":{"0":{"code":"M"}}}"#,
            r#"{"coding":["M"]}"#,
            r#"{"text":"t","coding":null}"#,
            r#""\u0041""#,
        ];
        let names = ["gender", "birthDate", "address", "maritalStatus", "entry", "x", "gend\\u0065r"];
        let mut short = 0;
        for (first, second) in values.iter().flat_map(|a| values.map(|b| (a, b))) {
            for name in names {
                for other in names.iter().filter(|other| **other != name) {
                    let json =
                        format!(r#" {{"{name}":{first}, "resourceType":"Patient" ,"{other}" : {second}}}"#);
                    let Some(person) = single(json.as_bytes()) else { continue };
                    assert_eq!(vec![person], any(json.as_bytes()), "{json}");
                    short += 1;
                }
            }
        }
        assert!(short > 1000);
        for other in
            [r#"{"resourceType":"Group","gender":"male"}"#, r#"{"gender":"male"}"#, r#"{"resourceType":7}"#]
        {
            assert!(single(other.as_bytes()).is_none());
        }
    }
}
