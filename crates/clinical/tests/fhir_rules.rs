//! Which elements rules reach, and what is left around what they remove.

mod common;

use common::{DROP, KEEP, REDACT, STAY, dropped, kept, run};
use medveil_clinical::fhir::{RecordFault, RecordOutcome, scan::FaultKind};

const PATIENT: &str = r##"{"resourceType":"Patient","id":"p1","name":[{"use":"official","family":"Li","given":["Na","Mei"]},{"use":"old","family":"Wang"}],"birthDate":"1980-02-03","address":[{"city":"Ningbo","country":"CN"}]}"##;

#[test]
fn an_element_is_removed_with_its_comma() {
    assert_eq!(
        kept(&[("Patient.name", REDACT)], PATIENT),
        r#"{"resourceType":"Patient","id":"p1","birthDate":"1980-02-03","address":[{"city":"Ningbo","country":"CN"}]}"#
    );
    let last = kept(&[("Patient.address", REDACT)], PATIENT);
    assert!(last.ends_with(r#""birthDate":"1980-02-03"}"#), "{last}");
    let spaced = "{ \"id\" : \"a\" ,\n  \"resourceType\": \"Patient\" ,\n  \"active\": true\n}";
    assert_eq!(
        kept(&[("Resource.id", REDACT)], spaced),
        "{ \"resourceType\": \"Patient\" ,\n  \"active\": true\n}"
    );
    assert_eq!(
        kept(&[("Patient.active", REDACT)], spaced),
        "{ \"id\" : \"a\" ,\n  \"resourceType\": \"Patient\"\n}"
    );
}

#[test]
fn what_no_rule_touches_leaves_byte_for_byte() {
    let odd = " {\"resourceType\" :\"Observation\", \"valueQuantity\":{\"value\":1.50e+2 , \"unit\":\"\\u006dg\"}}\n";
    let (outcome, out, _) = run(KEEP, &[("Patient.name", REDACT)], odd).unwrap();
    assert_eq!((outcome, out.as_str()), (RecordOutcome::Written, odd));
}

#[test]
fn the_first_rule_governs_whatever_is_below() {
    let country = ("nodesByType('Address').country", STAY);
    let address = ("nodesByType('Address')", REDACT);
    assert!(kept(&[country, address], PATIENT).ends_with(r#""address":[{"country":"CN"}]}"#));
    assert!(!kept(&[address, country], PATIENT).contains("country"));
    assert!(kept(&[("Patient", STAY), address], PATIENT).contains("Ningbo"));
}

#[test]
fn every_form_of_path_reaches_its_elements() {
    for (path, gone) in [
        ("Patient.name.given", &["Na", "Mei"][..]),
        ("Patient.name.where(use = 'old')", &["Wang", "old"]),
        ("Patient.name.where(use = 'old' or given.exists()).family", &["Li", "Wang"]),
        ("nodesByType('HumanName').use", &["official", "old"]),
        ("nodesByType('date')", &["1980-02-03"]),
        ("nodesByName('city')", &["Ningbo"]),
        ("Patient.nodesByType('Address')", &["Ningbo", "CN"]),
        ("Patient.address.descendants()", &["Ningbo", "CN"]),
        ("Patient.address.children()", &["Ningbo", "CN"]),
        ("Resource.id", &["p1"]),
        ("DomainResource.birthDate", &["1980-02-03"]),
        ("birthDate", &["1980-02-03"]),
        ("Patient.birthDate | Patient.address.city", &["1980-02-03", "Ningbo"]),
        ("Patient.address.city.where($this = 'Ningbo')", &["Ningbo"]),
        ("Patient.address.city.where($this = 'Beijing')", &[]),
        ("Observation.value", &[]),
    ] {
        let out = kept(&[(path, REDACT)], PATIENT);
        for value in ["official", "Li", "Na", "Mei", "old", "Wang", "1980-02-03", "Ningbo", "CN", "p1"] {
            let has = out.contains(&format!("\"{value}\""));
            assert_eq!(has, !gone.contains(&value), "{path}: {value} in {out}");
        }
        assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{path}: {out}");
    }
}

#[test]
fn a_choice_is_one_element_of_many_types() {
    let quantity = r#"{"resourceType":"Observation","valueQuantity":{"value":5,"unit":"mmol/L"}}"#;
    let text = r#"{"resourceType":"Observation","valueString":"high"}"#;
    let bare = r#"{"resourceType":"Observation"}"#;
    assert_eq!(kept(&[("Observation.value", REDACT)], quantity), bare);
    assert_eq!(kept(&[("Observation.value", REDACT)], text), bare);
    for path in
        ["Observation.value as Quantity", "Observation.value.ofType(Quantity)", "Observation.valueQuantity"]
    {
        assert_eq!(kept(&[(path, REDACT)], quantity), bare, "{path}");
        assert_eq!(kept(&[(path, REDACT)], text), text, "{path}");
    }
    let value = "(nodesByType('Observation').value as Quantity).value";
    assert_eq!(
        kept(&[(value, REDACT)], quantity),
        r#"{"resourceType":"Observation","valueQuantity":{"unit":"mmol/L"}}"#
    );
}

#[test]
fn extensions_are_told_apart_by_url() {
    let input = r#"{"resourceType":"Patient","extension":[{"url":"http://a","valueString":"A"},{"url":"http://b","extension":[{"url":"c","valueCode":"C"}]}],"active":true}"#;
    let without_a = r#"{"resourceType":"Patient","extension":[{"url":"http://b","extension":[{"url":"c","valueCode":"C"}]}],"active":true}"#;
    assert_eq!(kept(&[("Patient.extension('http://a')", REDACT)], input), without_a);
    assert_eq!(kept(&[("extension.where(url = 'http://a')", REDACT)], input), without_a);
    assert_eq!(
        kept(&[("Patient.extension('http://b')", STAY), ("nodesByType('Extension')", REDACT)], input),
        without_a
    );
    // Without its value an extension is nothing; without its url it is invalid.
    assert_eq!(
        kept(&[("nodesByType('Extension').value", REDACT)], input),
        r#"{"resourceType":"Patient","active":true}"#
    );
    assert_eq!(
        kept(&[("nodesByType('Extension').url", REDACT)], input),
        r#"{"resourceType":"Patient","active":true}"#
    );
}

#[test]
fn what_loses_everything_goes_itself() {
    let input = r#"{"resourceType":"Patient","contact":[{"id":"c","name":{"family":"Li"}},{"name":{"given":["A"]},"gender":"male"}]}"#;
    assert_eq!(
        kept(&[("nodesByType('HumanName')", REDACT)], input),
        r#"{"resourceType":"Patient","contact":[{"gender":"male"}]}"#
    );
    assert_eq!(
        kept(&[("nodesByType('HumanName')", REDACT), ("Patient.contact.gender", REDACT)], input),
        r#"{"resourceType":"Patient"}"#
    );
}

#[test]
fn what_its_type_requires_takes_the_rest_along() {
    let narrative =
        r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div>x</div>"},"active":true}"#;
    assert_eq!(
        kept(&[("nodesByName('div')", REDACT)], narrative),
        r#"{"resourceType":"Patient","active":true}"#
    );
    let request = r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1"}}]}"#;
    assert_eq!(
        kept(&[("Bundle.entry.request.url", REDACT)], request),
        r#"{"resourceType":"Bundle","type":"batch"}"#
    );
}

#[test]
fn a_primitive_and_its_extensions_share_their_rule() {
    let input = r#"{"resourceType":"Patient","birthDate":"1980-02-03","_birthDate":{"extension":[{"url":"u","valueDateTime":"1980-02-03T04:05:06Z"}]},"active":true}"#;
    assert_eq!(kept(&[("Patient.birthDate", REDACT)], input), r#"{"resourceType":"Patient","active":true}"#);
    let extension = ("Patient.birthDate.extension", STAY);
    assert!(kept(&[extension, ("Patient.birthDate", REDACT)], input).contains("_birthDate"));
    assert!(!kept(&[("nodesByType('Extension')", REDACT)], input).contains("_birthDate"));
}

#[test]
fn lists_of_primitives_and_their_extensions_stay_aligned() {
    let input = r#"{"resourceType":"Patient","name":[{"given":["A",null,"B"],"_given":[null,{"extension":[{"url":"x","valueCode":"masked"}]},{"extension":[{"url":"y","valueCode":"z"}]}]}]}"#;
    let name = |rest: &str| format!(r#"{{"resourceType":"Patient","name":[{{{rest}}}]}}"#);
    let x = r#"{"extension":[{"url":"x","valueCode":"masked"}]}"#;
    let y = r#"{"extension":[{"url":"y","valueCode":"z"}]}"#;
    assert_eq!(kept(&[("nodesByType('Extension')", REDACT)], input), name(r#""given":["A","B"]"#));
    assert_eq!(
        kept(&[("nodesByType('Extension').where(url = 'x')", REDACT)], input),
        name(&format!(r#""given":["A","B"],"_given":[null,{y}]"#))
    );
    assert_eq!(
        kept(&[("nodesByType('Extension').where(url = 'y')", REDACT)], input),
        name(&format!(r#""given":["A",null,"B"],"_given":[null,{x},null]"#))
    );
    let alone = name(&format!(r#""_given":[{x},{y}]"#));
    assert_eq!(
        kept(&[("nodesByType('Extension').where(url = 'y')", REDACT)], &alone),
        name(&format!(r#""_given":[{x}]"#))
    );
    let a = "Patient.name.given.where($this = 'A')";
    assert_eq!(
        kept(&[("Patient.name.given.extension", STAY), (a, REDACT)], input),
        name(&format!(r#""given":[null,"B"],"_given":[{x},{y}]"#))
    );
}

#[test]
fn contained_resources_and_entries_are_processed_on_their_own() {
    let input = r#"{"contained":[{"id":"o","name":"Ward 3","resourceType":"Organization"},{"resourceType":"Patient","id":"c","name":[{"family":"Li"}]}],"resourceType":"Patient","name":[{"family":"Wu"}]}"#;
    let out = kept(&[("Patient.name", REDACT)], input);
    assert_eq!(
        out,
        r#"{"contained":[{"id":"o","name":"Ward 3","resourceType":"Organization"},{"resourceType":"Patient","id":"c"}],"resourceType":"Patient"}"#
    );
    assert!(!kept(&[("Organization.name", REDACT)], input).contains("Ward"));
    assert!(kept(&[("Patient", STAY), ("Organization.name", REDACT)], input).contains("Wu"));
    assert_eq!(
        kept(&[("DomainResource.contained", REDACT), ("name", REDACT)], input),
        r#"{"resourceType":"Patient"}"#
    );
    let bundle = format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{input}}}]}}"#);
    assert!(!kept(&[("Organization.name", REDACT)], &bundle).contains("Ward"));
    assert!(kept(&[("Patient.name", REDACT)], &bundle).contains("Ward"));
}

#[test]
fn unmatched_and_unknown_elements_are_dropped_where_the_plan_drops() {
    let input = r#"{"resourceType":"Patient","gender":"male","brithDate":"1980","name":"Li Na","active":{"x":1},"communication":[["zh"]]}"#;
    assert_eq!(dropped(&[("Patient.gender", STAY)], input), r#"{"resourceType":"Patient","gender":"male"}"#);
    assert_eq!(dropped(&[("Patient", STAY)], input), r#"{"resourceType":"Patient","gender":"male"}"#);
    assert_eq!(kept(&[("Patient.gender", REDACT)], input), input.replace(r#""gender":"male","#, ""));
    // An element that no rule could have meant goes with the rule around it.
    let inside = r#"{"resourceType":"Patient","name":[{"family":"Li","alias":"N"}],"active":true}"#;
    assert_eq!(kept(&[("Patient.name", REDACT)], inside), r#"{"resourceType":"Patient","active":true}"#);
}

#[test]
fn types_that_fhir_does_not_have_are_refused_or_left_out() {
    let alien = r#"{"resourceType":"Alien","id":"1"}"#;
    let error = run(KEEP, &[], alien).unwrap_err();
    assert_eq!(error.reason, RecordFault::Malformed(FaultKind::UnknownResource));
    let lenient = &format!("{KEEP}\ninvalid = \"redact\"");
    let (outcome, out, tally) = run(lenient, &[], alien).unwrap();
    assert_eq!((outcome, out.as_str(), tally.unknown_types), (RecordOutcome::UnknownType, "", 1));
    let bundle = format!(
        r#"{{"resourceType":"Bundle","entry":[{{"fullUrl":"urn:uuid:1","resource":{alien}}},{{"resource":{{"resourceType":"Basic"}}}}]}}"#
    );
    let (_, out, tally) = run(lenient, &[], &bundle).unwrap();
    assert!(
        out.contains(r#""entry":[{"resource":{"resourceType":"Basic"}}]"#) && tally.unknown_types == 1,
        "{out}"
    );
    assert!(matches!(
        run(DROP, &[], "{}").unwrap_err().reason,
        RecordFault::Malformed(FaultKind::NoResource)
    ));
}

#[test]
fn malformed_records_are_refused_with_their_place_and_no_value() {
    let open = r#"{"resourceType":"Patient","#;
    for (rest, reason, path) in [
        (r#""id":"secret","id":"secret"}"#, FaultKind::Duplicate, "Patient.id"),
        (
            r#""name":[{"family":"secret","family":"secret"}]}"#,
            FaultKind::Duplicate,
            "Patient.name[0].family",
        ),
        (r#""secret":1,"secret":2}"#, FaultKind::Duplicate, "Patient.?"),
        (r#""\u0069d":"secret","id":"secret"}"#, FaultKind::Duplicate, "Patient.id"),
        (r#""birthDate":"secret"#, FaultKind::Truncated, "Patient.birthDate"),
        (r#""active":secret}"#, FaultKind::Expected("a value"), "Patient.active"),
        (r#""active":true}secret"#, FaultKind::Trailing, "Patient"),
    ] {
        for head in [KEEP, DROP] {
            let error = run(head, &[("Patient.gender", REDACT)], &format!("{open}{rest}")).unwrap_err();
            assert_eq!(error.reason, RecordFault::Malformed(reason), "{rest}");
            assert!(error.path.starts_with(path), "{rest}: {}", error.path);
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }
}
