//! What holds for every record: the scanner agrees with `serde_json`, splicing with a slow second implementation, and no bytes
//! make it panic.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{DROP, KEEP, executor, reference, study};
use medveil_clinical::fhir::path::Path;
use medveil_clinical::fhir::{FhirExecutor, RecordOutcome, Scratch, Tally};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Applies rules to bytes; `None` where they are refused.
fn apply(executor: &FhirExecutor, bytes: &[u8]) -> Option<Vec<u8>> {
    let study = study();
    let noise = study.noise("file");
    let mut out = Vec::new();
    let outcome = executor.record(bytes, &noise.record(0, [0; 32]), &mut executor.scratch(), &mut out);
    (outcome == Ok(RecordOutcome::Written)).then_some(out)
}

const SAMPLE: &str = r##" {"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:1","resource":{"id":"1","resourceType":"Patient",
"meta":{"security":[{"code":"R"}]},"name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"u","valueDecimal":-1.5e-2}]}]}],
"birthDate":"2020-01-02","deceasedBoolean":false,"contained":[{"resourceType":"Basic","id":"b\u0041\ud83d\ude00é"}]}}]}"##;

const RULES: &[(&str, &str)] = &[
    ("Patient.name.given", "\"redact\""),
    ("Resource.id", "\"pseudonymize\""),
    ("nodesByType('Extension').where(url = 'u')", "\"redact\""),
    ("Bundle.entry.fullUrl", "\"pseudonymize\""),
    ("nodesByType('boolean')", "\"keep\""),
];

#[test]
fn no_truncated_or_damaged_record_panics_or_passes() {
    for head in [KEEP, DROP] {
        let executor = executor(head, RULES);
        let sample = SAMPLE.as_bytes();
        assert!(apply(&executor, sample).is_some());
        for end in 0..sample.len() {
            assert_eq!(apply(&executor, &sample[..end]), None, "{end}");
        }
        for at in 0..sample.len() {
            for byte in [0, b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'0', b' ', 0xff] {
                let mut damaged = sample.to_vec();
                damaged[at] = byte;
                if let Some(out) = apply(&executor, &damaged) {
                    assert!(serde_json::from_slice::<Value>(&damaged).is_ok(), "{at} {byte}");
                    assert!(serde_json::from_slice::<Value>(&out).is_ok(), "{at} {byte}");
                }
            }
        }
    }
}

#[test]
fn an_edit_at_any_depth_is_reached() {
    // Two levels for each item, within the limit of 127.
    let nested = |depth: usize, inner: &str| {
        let open = r#"{"linkId":"a","item":[{"linkId":"b","item":["#;
        format!(
            r#"{{"resourceType":"Questionnaire","item":[{}{inner}{}]}}"#,
            open.repeat(depth),
            "]}]}".repeat(depth)
        )
    };
    let executor = executor(KEEP, &[("nodesByName('text')", "\"redact\"")]);
    let output = apply(&executor, nested(30, r#"{"linkId":"z","text":"t"}"#).as_bytes()).unwrap();
    assert!(String::from_utf8(output).unwrap().contains(r#"[{"linkId":"z"}]"#));
    assert_eq!(apply(&executor, nested(40, "{}").as_bytes()), None);
}

/// JSON that is mostly right, as text.
fn json_like() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        "-?[0-9]{1,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,3})?",
        Just("true".to_owned()),
        Just("nul".to_owned()),
        Just("null".to_owned()),
        "\"([a-z é\\\\\"]|\\\\[\"\\\\/bfnrtx]|\\\\u[0-9a-fD]{3,4}|\\\\ud83d\\\\ude0[0-9]){0,4}\"",
        "\"[a-c]{1,20}\"",
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {}]", items.join(" ,"))),
            prop::collection::vec(("[a-z]{0,2}", inner), 0..4).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(k, v)| format!("\"{k}\" :\n{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Whether an object has the same key twice, anywhere.
fn repeats(text: &str) -> bool {
    struct Keys;
    impl<'de> serde::de::Visitor<'de> for Keys {
        type Value = bool;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("JSON")
        }
        fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
            Ok(false)
        }
        fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
            Ok(false)
        }
        fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
            Ok(false)
        }
        fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
            Ok(false)
        }
        fn visit_str<E>(self, _: &str) -> Result<bool, E> {
            Ok(false)
        }
        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
            let mut found = false;
            while let Some(inner) = seq.next_element_seed(Seed)? {
                found |= inner;
            }
            Ok(found)
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let (mut found, mut keys) = (false, Vec::new());
            while let Some(key) = map.next_key::<String>()? {
                found |= keys.contains(&key);
                keys.push(key);
                found |= map.next_value_seed(Seed)?;
            }
            Ok(found)
        }
    }
    struct Seed;
    impl<'de> serde::de::DeserializeSeed<'de> for Seed {
        type Value = bool;
        fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
            deserializer.deserialize_any(Keys)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde::de::DeserializeSeed::deserialize(Seed, &mut deserializer).unwrap_or(false)
}

/// A resource that is mostly FHIR, with a primitive's extensions, contained resources, unknown elements and empty things.
fn resource() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(vec!["home", "work", "A", "B", "2020-01-02"]).prop_map(Value::from);
    let extension = (word(), word()).prop_map(|(url, value)| json!({ "url": url, "valueString": value }));
    let sibling = prop::collection::vec(extension.clone(), 1..3).prop_map(|all| json!({ "extension": all }));
    let mut members: Vec<(&'static str, BoxedStrategy<Value>)> = vec![
        ("use", word().boxed()),
        ("text", word().boxed()),
        ("id", word().boxed()),
        ("alien", word().boxed()),
        ("extension", prop::collection::vec(extension, 1..3).prop_map(Value::from).boxed()),
        ("period", (word(), word()).prop_map(|(start, end)| json!({ "start": start, "end": end })).boxed()),
        ("_use", sibling.clone().boxed()),
    ];
    let name = object(members.clone());
    members.extend([
        ("city", word().boxed()),
        ("country", word().boxed()),
        ("_city", sibling.clone().boxed()),
    ]);
    let address = object(members);
    // `given` and `_given` of one length, each position with a value, extensions or both.
    let given =
        prop::collection::vec((any::<bool>(), any::<bool>(), word(), sibling), 0..4).prop_map(|items| {
            let items: Vec<_> =
                items.into_iter().filter(|(value, extended, ..)| *value || *extended).collect();
            let values: Vec<Value> =
                items.iter().map(|(on, _, v, _)| if *on { v.clone() } else { Value::Null }).collect();
            let siblings: Vec<Value> =
                items.iter().map(|(_, on, _, s)| if *on { s.clone() } else { Value::Null }).collect();
            (values, siblings)
        });
    let names = prop::collection::vec((name, given), 0..3).prop_map(|names| {
        let with_given = |(name, (values, siblings)): (Value, (Vec<Value>, Vec<Value>))| {
            let mut name = name;
            for (key, list) in [("given", values), ("_given", siblings)] {
                if list.iter().any(|item| !item.is_null()) {
                    name[key] = Value::from(list);
                }
            }
            name
        };
        names
            .into_iter()
            .map(with_given)
            .filter(|name| name.as_object().is_some_and(|n| !n.is_empty()))
            .collect::<Vec<_>>()
    });
    let narrative = Just(json!({ "status": "generated", "div": "<div/>" }));
    let organization = (word(), word())
        .prop_map(|(id, name)| json!({ "resourceType": "Organization", "id": id, "name": name }));
    (
        names,
        prop::collection::vec(address, 0..3),
        object(vec![
            ("id", word().boxed()),
            ("text", narrative.boxed()),
            ("birthDate", word().boxed()),
            ("contained", prop::collection::vec(organization, 1..3).prop_map(Value::from).boxed()),
            ("alien", Just(json!({ "x": [1, { "y": 2 }] })).boxed()),
            ("deceasedBoolean", any::<bool>().prop_map(Value::from).boxed()),
        ]),
    )
        .prop_map(|(names, addresses, mut patient)| {
            patient["resourceType"] = Value::from("Patient");
            for (key, list) in [("name", names), ("address", addresses)] {
                if !list.is_empty() {
                    patient[key] = Value::from(list);
                }
            }
            patient
        })
}

/// An object with some of the members.
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> impl Strategy<Value = Value> + Clone {
    let optional = members
        .into_iter()
        .map(|(key, value)| prop::option::of(value.prop_map(move |v| (key, v))))
        .collect::<Vec<_>>();
    optional.prop_map(|members| {
        let mut members: Vec<_> = members.into_iter().flatten().collect();
        if members.is_empty() {
            members.push(("text", Value::from("t")));
        }
        Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    })
}

const PATHS: &[&str] = &[
    "Patient",
    "Patient.name",
    "Patient.name.use",
    "Patient.name.given",
    "Patient.name.given.extension",
    "Patient.name.where(use = 'home')",
    "Patient.name.where(text = 'A').period",
    "Patient.address.city",
    "Patient.contained",
    "Patient.text.div",
    "Patient.deceased as boolean",
    "Organization.name",
    "Resource.id",
    "nodesByType('Extension')",
    "nodesByType('Extension').url",
    "nodesByType('Extension').where(url = 'A')",
    "nodesByType('HumanName').use | nodesByType('Address').country",
    "nodesByType('Address')",
    "nodesByType('Period')",
    "nodesByType('dateTime')",
    "nodesByType('string')",
    "nodesByName('extension').value",
    "nodesByName('start')",
    "Patient.address.descendants()",
    "Patient.children()",
    "Patient.name.nodesByType('code')",
];

const ACTIONS: &[&str] = &[
    "\"keep\"",
    "\"redact\"",
    "\"pseudonymize\"",
    "{ generalize = { to = \"year\" } }",
    "{ substitute = { with = \"x\" } }",
];

proptest! {
    #[test]
    fn the_scanner_accepts_what_serde_json_accepts_but_repeated_keys(text in json_like()) {
        let record = format!("{{\"resourceType\":\"Basic\",\"x\":{text}}}");
        let parsed = serde_json::from_str::<Value>(&record).is_ok() && !repeats(&record);
        for head in [KEEP, DROP] {
            let executor = executor(head, &[]);
            let out = apply(&executor, record.as_bytes());
            prop_assert_eq!(out.is_some(), parsed, "{}", record);
        }
    }

    #[test]
    fn splicing_equals_the_slow_reference(
        record in resource(),
        rules in prop::collection::vec((prop::sample::select(PATHS), any::<bool>()), 0..5),
        keep_unmatched in any::<bool>(),
        pretty in any::<bool>(),
    ) {
        let parsed: Vec<(Path, bool)> = rules.iter().map(|(path, keep)| (Path::parse(path).unwrap(), *keep)).collect();
        let actions: Vec<(&str, &str)> =
            rules.iter().map(|(path, keep)| (*path, if *keep { "\"keep\"" } else { "\"redact\"" })).collect();
        let executor = executor(if keep_unmatched { KEEP } else { DROP }, &actions);
        let text = if pretty { serde_json::to_string_pretty(&record) } else { serde_json::to_string(&record) }.unwrap();
        let out = apply(&executor, text.as_bytes()).unwrap();
        let mut output: Value = serde_json::from_slice(&out).unwrap();
        let mut expected = reference::apply(&parsed, keep_unmatched, &record);
        reference::without_labels(&mut output);
        reference::without_labels(&mut expected);
        prop_assert_eq!(output, expected);
    }

    /// Expected keys, values that recur and replacements that are remembered save time only.
    #[test]
    fn what_was_met_before_changes_nothing(
        records in prop::collection::vec((resource(), 0usize..4, any::<prop::sample::Index>(), any::<u8>()), 1..8),
        rules in prop::collection::vec((prop::sample::select(PATHS), prop::sample::select(ACTIONS)), 0..5),
        head in prop::sample::select(&[KEEP, DROP]),
    ) {
        let executor = executor(head, &rules);
        let study = study();
        let noise = study.noise("file");
        let mut used = executor.scratch();
        let mut tallies = Vec::new();
        // Each record twice: the second time all of it has been met.
        for (record, damage, at, byte) in records.iter().flat_map(|record| [record, record]) {
            let mut text = match damage {
                0 => serde_json::to_vec_pretty(record).unwrap(),
                _ => serde_json::to_vec(record).unwrap(),
            };
            let at = at.index(text.len());
            match damage {
                1 => text[at] = *byte,
                2 => text.truncate(at),
                _ => {}
            }
            let apply = |scratch: &mut Scratch| {
                let mut out = Vec::new();
                let outcome = executor.record(&text, &noise.record(0, [0; 32]), scratch, &mut out);
                (outcome, out)
            };
            let mut fresh = executor.scratch();
            prop_assert_eq!(apply(&mut used), apply(&mut fresh));
            tallies.push(executor.tally(&fresh));
        }
        let mut sum = Tally::default();
        tallies.iter().for_each(|tally| sum.add(tally));
        sum.rules.resize(rules.len(), 0);
        prop_assert_eq!(executor.tally(&used), sum);
    }
}
