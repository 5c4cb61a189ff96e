//! What becomes of values: ids and the references to them, dates by patient, labels, and values that an action cannot read.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{KEEP, REDACT, run};
use medveil_clinical::fhir::{RecordFault, RecordOutcome};
use medveil_deid::action::Refusal;
use serde_json::Value;

const PSEUDONYM: &str = "\"pseudonymize\"";
const SHIFT: &str = "\"shift-date\"";

fn output(rules: &[(&str, &str)], input: &str) -> Value {
    serde_json::from_str(&run(KEEP, rules, input).unwrap().1).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn links_survive_in_every_form_of_reference() {
    let id = "0f0e0d0c-0b0a-4908-8706-050403020100";
    let input = format!(
        r##"{{"resourceType":"Bundle","entry":[{{"fullUrl":"urn:uuid:{id}","resource":{{"resourceType":"Patient","id":"{id}"}},"request":{{"method":"PUT","url":"Patient/{id}"}}}},{{"fullUrl":"https://h.example/Encounter/e1","resource":{{"resourceType":"Encounter","id":"e1","contained":[{{"resourceType":"Organization","id":"o"}}],"subject":{{"reference":"urn:uuid:{id}"}},"partOf":{{"reference":"https://h.example/Encounter/e1/_history/2"}},"serviceProvider":{{"reference":"#o"}},"episodeOfCare":[{{"reference":"EpisodeOfCare?identifier=secret"}}],"participant":[{{"individual":{{"reference":"Patient/{id}"}}}}]}}}}]}}"##
    );
    let rules = [
        ("Resource.id", PSEUDONYM),
        ("nodesByType('Reference').reference", PSEUDONYM),
        ("Bundle.entry.fullUrl | Bundle.entry.request.url", PSEUDONYM),
    ];
    let bundle = output(&rules, &input);
    let (patient, encounter) = (&bundle["entry"][0], &bundle["entry"][1]["resource"]);
    let new = text(&patient["resource"]["id"]);
    assert!(new != id && new.len() == 36, "a UUID stays one");
    assert_eq!(text(&patient["fullUrl"]), format!("urn:uuid:{new}"));
    assert_eq!(text(&patient["request"]["url"]), format!("Patient/{new}"));
    assert_eq!(text(&encounter["subject"]["reference"]), format!("urn:uuid:{new}"));
    assert_eq!(text(&encounter["participant"][0]["individual"]["reference"]), format!("Patient/{new}"));
    let encounter_id = text(&encounter["id"]);
    assert_eq!(
        text(&encounter["partOf"]["reference"]),
        format!("https://h.example/Encounter/{encounter_id}/_history/2")
    );
    assert_eq!(text(&bundle["entry"][1]["fullUrl"]), format!("https://h.example/Encounter/{encounter_id}"));
    let contained = text(&encounter["contained"][0]["id"]);
    assert_ne!(contained, "o");
    assert_eq!(text(&encounter["serviceProvider"]["reference"]), format!("#{contained}"));
    assert!(encounter.get("episodeOfCare").is_none(), "a search may name anybody");
}

#[test]
fn the_dates_of_one_patient_move_together_wherever_the_patient_is_named() {
    let date = |record: &str, path: &str| {
        let value = output(&[("nodesByType('date') | nodesByType('dateTime')", SHIFT)], record);
        text(value.pointer(path).unwrap())[..10].to_owned()
    };
    let own = date(r#"{"birthDate":"2020-03-01","id":"p","resourceType":"Patient"}"#, "/birthDate");
    assert_ne!(own, "2020-03-01");
    for (reference, same) in [
        ("Patient/p", true),
        ("urn:uuid:p", true),
        ("https://h.example/fhir/Patient/p/_history/3", true),
        ("Patient/q", false),
        ("Group/p", false),
    ] {
        let observation = format!(
            r#"{{"resourceType":"Observation","effectiveDateTime":"2020-03-01T10:00:00Z","id":"o","subject":{{"reference":"{reference}"}}}}"#
        );
        assert_eq!(date(&observation, "/effectiveDateTime") == own, same, "{reference}");
    }
    let contained = r#"{"resourceType":"Claim","created":"2020-03-01","contained":[{"resourceType":"Patient","id":"x","birthDate":"2020-03-01"}],"patient":{"reference":"Patient/p"}}"#;
    assert_eq!(date(contained, "/created"), own);
    assert_eq!(date(contained, "/contained/0/birthDate"), own);
}

#[test]
fn a_patient_whose_reference_is_removed_still_moves_the_dates() {
    let rules = [("Observation.subject", REDACT), ("nodesByType('dateTime')", SHIFT)];
    let record = |patient: &str| {
        format!(
            r#"{{"resourceType":"Observation","id":"o","effectiveDateTime":"2020-03-01","subject":{{"reference":"Patient/{patient}"}}}}"#
        )
    };
    let (p, q) = (output(&rules, &record("p")), output(&rules, &record("q")));
    assert!(p.get("subject").is_none());
    assert_ne!(p["effectiveDateTime"], q["effectiveDateTime"]);
}

#[test]
fn dates_without_a_day_cannot_move_and_go() {
    let rules = [("nodesByType('date') | nodesByType('dateTime')", SHIFT)];
    for partial in ["2020", "2020-05"] {
        let record = format!(
            r#"{{"resourceType":"Patient","id":"p","birthDate":"{partial}","deceasedDateTime":"2021-01-01"}}"#
        );
        let patient = output(&rules, &record);
        assert!(patient.get("birthDate").is_none(), "{patient}");
        assert!(patient.get("deceasedDateTime").is_some(), "{patient}");
    }
}

#[test]
fn an_action_leaves_types_that_it_cannot_read_to_the_rest_of_the_plan() {
    let period =
        r#"{"resourceType":"Patient","id":"p","name":[{"family":"Li","period":{"start":"2020-01-01"}}]}"#;
    let rules = [("Patient.name", SHIFT)];
    let (kept, dropped) = (output(&rules, period), run("", &rules, period).unwrap().1);
    assert_eq!(text(&kept["name"][0]["family"]), "Li");
    assert!(!dropped.contains("Li") && dropped.contains("start"), "{dropped}");
}

#[test]
fn unreadable_values_stop_the_run_or_go_as_the_plan_says() {
    let record = r#"{"resourceType":"Patient","id":"p","birthDate":"secret","active":true}"#;
    let rules = [("Patient.birthDate", SHIFT)];
    let error = run(KEEP, &rules, record).unwrap_err();
    assert_eq!(
        (error.path.as_str(), error.reason),
        ("Patient.birthDate", RecordFault::Refused(Refusal::NotADate))
    );
    assert!(!format!("{error} {error:?}").contains("secret"));
    let (_, out, tally) = run(&format!("{KEEP}\ninvalid = \"redact\""), &rules, record).unwrap();
    assert!(!out.contains("birthDate") && tally.invalid == 1);
}

#[test]
fn a_text_that_the_type_cannot_hold_is_not_written() {
    let record = r#"{"resourceType":"Patient","id":"p","birthDate":"1980-01-01","active":true,"multipleBirthInteger":2,"gender":"male"}"#;
    let rules = [("Patient.birthDate | Patient.active | Patient.multipleBirth | Patient.gender", PSEUDONYM)];
    let patient = output(&rules, record);
    for gone in ["birthDate", "active", "multipleBirthInteger"] {
        assert!(patient.get(gone).is_none(), "{gone}");
    }
    assert_ne!(text(&patient["gender"]), "male");
}

#[test]
fn values_are_unescaped_for_actions_and_escaped_again() {
    let rules = [
        ("Patient.name.family", "{ mask = { keep-first = 1 } }"),
        ("Patient.name.text", "{ redact = { with = \"a\\\"b\\\\\" } }"),
    ];
    let plain = output(&rules, r#"{"resourceType":"Patient","name":[{"family":"\u674e\u5a1c","text":"x"}]}"#);
    let family = text(&plain["name"][0]["family"]);
    assert!(family.starts_with('李') && !family.contains('娜'), "{family}");
    assert_eq!(text(&plain["name"][0]["text"]), "a\"b\\");
}

#[test]
fn changed_resources_are_labelled_once_and_others_are_not() {
    let labels = |resource: &Value| -> Vec<String> {
        let codings = resource["meta"]["security"].as_array().cloned().unwrap_or_default();
        codings.iter().map(|coding| coding["code"].as_str().unwrap_or("?").to_owned()).collect()
    };
    let rules = [("Patient.name", REDACT), ("Resource.id", PSEUDONYM), ("Patient.birthDate", SHIFT)];
    let body = r#""name":[{"family":"Li"}],"birthDate":"2020-01-01""#;
    let redacted =
        r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}"#;
    for (meta, expected) in [
        (String::new(), &["REDACTED", "PSEUDED", "PERTURBED"][..]),
        (r#""meta":{},"#.into(), &["REDACTED", "PSEUDED", "PERTURBED"]),
        (r#""meta":{"versionId":"1"},"#.into(), &["REDACTED", "PSEUDED", "PERTURBED"]),
        (r#""meta":{"security":[]},"#.into(), &["REDACTED", "PSEUDED", "PERTURBED"]),
        (format!(r#""meta":{{"security":[{redacted}]}},"#), &["PSEUDED", "PERTURBED", "REDACTED"]),
    ] {
        for (first, last) in [(meta.as_str(), ""), ("", meta.as_str())] {
            let last =
                if last.is_empty() { String::new() } else { format!(",{}", last.trim_end_matches(',')) };
            let record = format!(r#"{{{first}"id":"p","resourceType":"Patient",{body}{last}}}"#);
            let patient = output(&rules, &record);
            assert_eq!(labels(&patient), expected, "{record}");
            let again = output(&rules[..1], &patient.to_string());
            assert_eq!(labels(&again).len(), 3, "nothing was left to change");
        }
    }
    let bundle = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","name":[{"family":"Li"}]}},{"resource":{"resourceType":"Basic"}}]}"#;
    let bundle = output(&[("Patient.name", REDACT)], bundle);
    assert_eq!(labels(&bundle), ["REDACTED"]);
    assert_eq!(labels(&bundle["entry"][0]["resource"]), ["REDACTED"]);
    assert!(bundle["entry"][1]["resource"].get("meta").is_none());
}

#[test]
fn labels_stand_in_a_new_meta_where_rules_remove_the_old_one() {
    let record = r#"{"resourceType":"Patient","meta":{"versionId":"7","security":[{"code":"R","display":"secret"}]},"active":true}"#;
    for path in [
        "Resource.meta",
        "nodesByType('Meta')",
        "Resource.meta.descendants()",
        "Resource.meta.versionId | Resource.meta.security",
    ] {
        let (_, out, _) = run(KEEP, &[(path, REDACT)], record).unwrap();
        assert!(!out.contains("secret") && out.matches("\"meta\"").count() == 1, "{path}: {out}");
        assert!(out.contains("REDACTED"), "{path}: {out}");
    }
    // A `meta` that is none would stand beside the new one.
    let odd = r#"{"resourceType":"Patient","meta":[{"versionId":"7"}],"name":[{"family":"Li"}]}"#;
    let (_, out, _) = run(KEEP, &[("Patient.name", REDACT)], odd).unwrap();
    assert_eq!(out.matches("\"meta\"").count(), 1, "{out}");
}

#[test]
fn a_rule_can_drop_the_record_or_its_entry() {
    let patient = r#"{"resourceType":"Patient","id":"p","name":[{"family":"Li"}]}"#;
    let rules = [("Patient.name", "\"drop-row\"")];
    let (outcome, out, tally) = run(KEEP, &rules, patient).unwrap();
    assert_eq!((outcome, out.as_str(), tally.dropped), (RecordOutcome::Dropped, "", 1));
    let bundle = format!(
        r#"{{"resourceType":"Bundle","entry":[{{"fullUrl":"urn:uuid:p","resource":{patient}}},{{"resource":{{"resourceType":"Basic"}}}}]}}"#
    );
    let bundle = output(&rules, &bundle);
    assert_eq!(bundle["entry"].as_array().unwrap().len(), 1);
    assert!(!bundle.to_string().contains("urn:uuid:p"));
}

#[test]
fn figures_are_counted_by_the_rule_of_the_plan() {
    let record = r#"{"resourceType":"Patient","id":"p","name":[{"family":"Li"},{"family":"Wu"}],"active":true,"gender":"male"}"#;
    let rules = [("Patient.photo", REDACT), ("Patient.name.family", PSEUDONYM), ("Patient.gender", REDACT)];
    let (_, _, tally) = run("", &rules, record).unwrap();
    assert_eq!((tally.rules.as_slice(), tally.unmatched, tally.written), ([0, 2, 1].as_slice(), 2, 1));
}
