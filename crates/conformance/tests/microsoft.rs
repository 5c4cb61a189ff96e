//! Configurations of Microsoft's FHIR anonymizer behave as that tool documents ("FHIR Data Anonymization", sections Parameters and
//! Data anonymization algorithms). The configurations here are our own.

use medveil_clinical::fhir::FhirExecutor;
use medveil_deid::action::{Cell, Effect, Secret, Site};
use medveil_deid::kind::Kind;
use medveil_deid::plan::microsoft::import;
use medveil_deid::study::{MasterKey, Study, Suite};
use serde_json::json;

/// Applies the first rule of an imported configuration to a value of an element that is of this kind.
fn apply(rule: &str, parameters: &str, kind: Option<Kind>, value: &str) -> Option<String> {
    let configuration = format!(r#"{{ "fhirPathRules": [{rule}], "parameters": {parameters} }}"#);
    let plan = import(&configuration).unwrap_or_else(|error| panic!("{rule}: {error}")).plan;
    let study = Study::new(&MasterKey::from_bytes([7; 32]), "study", Suite::International, None);
    let site = Site { study: &study, kind, label: "path" };
    let transform = plan.rules[0].action.prepare(&site).expect("an imported action is complete");
    let noise = study.noise("file");
    let record = noise.record(0, [0; 32]);
    let cell =
        Cell { value: Secret(value), subject: Some(Secret("patient")), record: &record, occurrence: 0 };
    let mut out = String::new();
    match transform.apply(&cell, &mut out).unwrap_or_else(|refusal| panic!("{rule}: {refusal}")) {
        Effect::Kept => Some(value.to_owned()),
        Effect::Replaced => Some(out),
        Effect::Removed | Effect::DropRecord => None,
    }
}

const PARTIAL: &str = r#"{
    "enablePartialAgesForRedact": true, "enablePartialDatesForRedact": true, "enablePartialZipCodesForRedact": true,
    "restrictedZipCodeTabulationAreas": ["036"]
}"#;

#[test]
fn redact_keeps_years_young_ages_and_three_digits_where_the_parameters_allow_it() {
    let redact = r#"{"path": "nodesByType('date')", "method": "redact"}"#;
    for (kind, value, whole, partial) in [
        (Kind::EventDate, "2015-02-07T13:28:17-05:00", None, Some("2015")),
        (Kind::BirthDate, "1900-01-01", None, None),
        (Kind::Age, "89", None, Some("89")),
        (Kind::Age, "90", None, None),
        (Kind::Postcode, "98052", None, Some("98000")),
        (Kind::Postcode, "03601", None, Some("00000")),
        (Kind::PersonName, "Ada", None, None),
    ] {
        assert_eq!(apply(redact, "{}", Some(kind), value).as_deref(), whole, "{kind} {value}");
        assert_eq!(apply(redact, PARTIAL, Some(kind), value).as_deref(), partial, "{kind} {value}");
    }
}

#[test]
fn generalize_does_what_the_documented_examples_show() {
    for (cases, value, expected) in [
        (r#"{"$this>=0 and $this<20": "20", "$this>=20 and $this<40": "40"}"#, "18", Some("20")),
        (r#"{"$this>=0 and $this<20": "20", "$this>=20 and $this<40": "40"}"#, "40", None),
        (r#"{"true": "($this div 10)*10"}"#, "18", Some("10")),
        (r#"{"$this in ('es-AR' | 'es-ES' | 'es-UY')": "'es'"}"#, "es-UY", Some("es")),
        (r#"{"$this.startsWith('123')": "$this.substring(0,3)+'****'"}"#, "1230005", Some("123****")),
        (r#"{"$this >= @2010-01-01": "@2010"}"#, "2016-03-10", Some("2010")),
        (
            r#"{"true": "$this.replaceMatches('(?<year>\\d{2,4})-(?<month>\\d{1,2})-(?<day>\\d{1,2})\\b', '${year}-${month}')"}"#,
            "2016-01-01",
            Some("2016-01"),
        ),
    ] {
        let rule = format!(r#"{{"path": "Patient.birthDate", "method": "generalize", "cases": {cases}}}"#);
        assert_eq!(apply(&rule, "{}", None, value).as_deref(), expected, "{cases} on {value}");
    }
    let keep =
        r#"{"path": "a", "method": "generalize", "cases": {"$this = 'x'": "'y'"}, "otherValues": "keep"}"#;
    assert_eq!(apply(keep, "{}", None, "z").as_deref(), Some("z"));
}

#[test]
fn keep_keeps() {
    assert_eq!(
        apply(r#"{"path": "Patient.gender", "method": "keep"}"#, "{}", None, "female").as_deref(),
        Some("female")
    );
}

/// Applies a configuration to a resource.
fn anonymize(rules: &str, parameters: &str, resource: &str) -> serde_json::Value {
    let configuration = format!(r#"{{ "fhirPathRules": [{rules}], "parameters": {parameters} }}"#);
    let plan = import(&configuration).unwrap_or_else(|error| panic!("{rules}: {error}")).plan;
    let study = Study::new(&MasterKey::from_bytes([7; 32]), "study", Suite::International, None);
    let executor = FhirExecutor::new(&plan, &study).unwrap_or_else(|error| panic!("{rules}: {error}"));
    let noise = study.noise("file");
    let (mut scratch, mut out) = (executor.scratch(), Vec::new());
    executor
        .record(resource.as_bytes(), &noise.record(0, [0; 32]), &mut scratch, &mut out)
        .unwrap_or_else(|error| panic!("{rules}: {error}"));
    let mut written: serde_json::Value = serde_json::from_slice(&out).expect("what is written is JSON");
    // The security labels are not what these tests are about.
    written.as_object_mut().expect("a resource is an object").remove("meta");
    written
}

#[test]
fn redacting_an_element_redacts_all_in_it_by_type_but_what_earlier_rules_kept() {
    let rules = r#"
        {"path": "nodesByType('Address').state", "method": "keep"},
        {"path": "Patient", "method": "redact"}
    "#;
    let patient = r#"{
        "resourceType": "Patient", "gender": "female", "birthDate": "1980-02-03", "deceasedDateTime": "2019-05-06T07:08:09Z",
        "address": [{"line": ["1 Main St"], "state": "WA", "postalCode": "98052", "period": {"start": "2001-02-03"}}]
    }"#;
    assert_eq!(
        anonymize(rules, PARTIAL, patient),
        json!({
            "resourceType": "Patient", "birthDate": "1980", "deceasedDateTime": "2019",
            "address": [{"state": "WA", "postalCode": "98000", "period": {"start": "2001"}}]
        })
    );
    assert_eq!(
        anonymize(rules, "{}", patient),
        json!({ "resourceType": "Patient", "address": [{"state": "WA"}] })
    );
}

#[test]
fn ages_up_to_89_stay_where_partial_ages_are_enabled() {
    let rule = r#"{"path": "nodesByType('Age')", "method": "redact"}"#;
    let condition = |age: u8| {
        let text = format!(
            r#"{{"resourceType": "Condition", "subject": {{"reference": "Patient/1"}}, "onsetAge": {{"value": {age}}}}}"#
        );
        anonymize(rule, PARTIAL, &text)["onsetAge"]["value"].clone()
    };
    assert_eq!(condition(89), 89);
    assert_eq!(condition(90), serde_json::Value::Null);
}

#[test]
fn generalized_numbers_stay_numbers() {
    let rule = r#"{"path": "Observation.value.ofType(Quantity).value", "method": "generalize",
        "cases": {"$this >= 0 and $this < 20": "20"}, "otherValues": "redact"}"#;
    let observation = r#"{"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "valueQuantity": {"value": 18.5, "unit": "mmol/L"}}"#;
    assert_eq!(anonymize(rule, "{}", observation)["valueQuantity"], json!({ "value": 20, "unit": "mmol/L" }));
}
