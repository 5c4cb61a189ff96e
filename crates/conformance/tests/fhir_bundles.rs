//! FHIR bundles that nobody here wrote (Synthea, by smart-on-fhir): the claims about rules, on real structure.
//!
//! They stand beside the repository, in `../shared/data/fhir/bundles`; without that folder the tests skip.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "these are tests")]

#[path = "../../clinical/tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use common::reference;
use medveil_clinical::fhir::path::Path as FhirPath;
use medveil_clinical::fhir::{FhirExecutor, RecordOutcome};
use serde_json::Value;

/// The bundles' bytes; `None`, with a line that says so, where they are absent.
fn bundles() -> Option<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/fhir/bundles");
    let folder = if folder.is_dir() {
        folder
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/fhir/bundles")
    };
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("skipped: no FHIR bundles in ../shared/data");
        return None;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    Some(paths.iter().map(|path| fs::read(path).unwrap()).collect())
}

/// The resources of the bundles as lines, as a bulk export writes them.
fn lines(bundles: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let marker = b"\"resource\":";
    let mut lines = Vec::new();
    for bundle in bundles {
        let compact = compact(bundle);
        let mut rest = compact.as_slice();
        while let Some(at) = rest.windows(marker.len()).position(|window| window == marker) {
            let value = &rest[at + marker.len()..];
            let mut values = serde_json::Deserializer::from_slice(value).into_iter::<Value>();
            values.next().unwrap().unwrap();
            let end = values.byte_offset();
            lines.push(value[..end].to_vec());
            rest = &value[end..];
        }
    }
    lines
}

/// JSON without the whitespace between its tokens.
fn compact(json: &[u8]) -> Vec<u8> {
    let (mut out, mut quoted, mut escaped) = (Vec::new(), false, false);
    for byte in json {
        if quoted || !byte.is_ascii_whitespace() {
            out.push(*byte);
        }
        quoted = if *byte == b'"' && !escaped { !quoted } else { quoted };
        escaped = *byte == b'\\' && !escaped;
    }
    out
}

/// Rules as a Safe Harbor plan has them.
const SAFE_HARBOR: &[(&str, &str)] = &[
    ("nodesByType('HumanName').use", "\"keep\""),
    ("nodesByType('Address').country", "\"keep\""),
    ("nodesByType('Address').state", "\"keep\""),
    ("nodesByType('Extension')", "\"redact\""),
    ("Resource.id", "\"pseudonymize\""),
    ("nodesByType('Reference').reference", "\"pseudonymize\""),
    ("Bundle.entry.fullUrl", "\"pseudonymize\""),
    ("nodesByType('Reference').display", "\"redact\""),
    ("nodesByType('Identifier').value", "\"pseudonymize\""),
    ("nodesByType('Narrative')", "\"redact\""),
    ("nodesByType('HumanName')", "\"redact\""),
    ("nodesByType('Address')", "\"redact\""),
    ("nodesByType('ContactPoint')", "\"redact\""),
    ("nodesByType('Annotation')", "\"redact\""),
    ("nodesByType('Attachment')", "\"redact\""),
    ("nodesByType('date')", "\"shift-date\""),
    ("nodesByType('dateTime')", "\"shift-date\""),
    ("nodesByType('instant')", "\"shift-date\""),
];

fn run(executor: &FhirExecutor, record: &[u8]) -> Vec<u8> {
    let study = common::study();
    let noise = study.noise("file");
    let mut out = Vec::new();
    let outcome = executor.record(record, &noise.record(0, [0; 32]), &mut executor.scratch(), &mut out);
    assert_eq!(outcome.unwrap_or_else(|e| panic!("{e}")), RecordOutcome::Written);
    out
}

#[test]
fn bundles_keep_their_links_and_lose_their_identifiers() {
    let Some(bundles) = bundles() else { return };
    let executor = common::executor(common::KEEP, SAFE_HARBOR);
    for bundle in bundles {
        let input: Value = serde_json::from_slice(&bundle).unwrap();
        let output: Value = serde_json::from_slice(&run(&executor, &bundle)).unwrap();
        let entries = |bundle: &Value| bundle["entry"].as_array().unwrap().clone();
        assert_eq!(entries(&input).len(), entries(&output).len());
        let urls: Vec<Value> = entries(&output).iter().map(|entry| entry["fullUrl"].clone()).collect();
        for (before, after) in entries(&input).iter().zip(entries(&output)) {
            let resource = &after["resource"];
            assert_eq!(before["resource"]["resourceType"], resource["resourceType"]);
            assert_ne!(before["resource"]["id"], resource["id"]);
            assert_eq!(
                format!("urn:uuid:{}", resource["id"].as_str().unwrap()),
                after["fullUrl"].as_str().unwrap()
            );
            for subject in ["subject", "patient"] {
                if let Some(reference) = resource[subject].get("reference") {
                    assert!(urls.contains(reference), "{subject} of {}", resource["resourceType"]);
                }
            }
            assert!(resource["meta"]["security"].as_array().is_some_and(|labels| !labels.is_empty()));
        }
        let patient = &input["entry"][0]["resource"];
        let text = output.to_string();
        let secrets = [
            &patient["name"][0]["family"],
            &patient["birthDate"],
            &patient["id"],
            &patient["telecom"][0]["value"],
        ];
        for secret in secrets {
            assert!(!text.contains(&format!("\"{}\"", secret.as_str().unwrap())));
        }
    }
}

#[test]
fn splicing_equals_the_slow_reference_on_every_resource() {
    let Some(bundles) = bundles() else { return };
    let rule_sets: [&[(&str, &str)]; 4] = [
        &[
            ("nodesByType('Address').country", "\"keep\""),
            ("nodesByType('Address')", "\"redact\""),
            ("nodesByType('Extension')", "\"redact\""),
            ("Resource.id", "\"redact\""),
        ],
        &[
            ("nodesByType('Coding').code", "\"redact\""),
            ("nodesByType('dateTime')", "\"redact\""),
            ("Observation.value as Quantity", "\"redact\""),
        ],
        &[
            ("Observation.code", "\"keep\""),
            ("Observation.value", "\"keep\""),
            ("nodesByType('Period')", "\"keep\""),
            ("Patient.gender", "\"keep\""),
        ],
        &[
            ("nodesByName('system')", "\"keep\""),
            ("Claim.item.descendants()", "\"keep\""),
            ("nodesByType('Identifier').where(system = 'http://hospital.smarthealthit.org')", "\"keep\""),
        ],
    ];
    let lines = lines(&bundles);
    for rules in rule_sets {
        let parsed: Vec<(FhirPath, bool)> = rules
            .iter()
            .map(|(path, action)| (FhirPath::parse(path).unwrap(), *action == "\"keep\""))
            .collect();
        for (head, keep_unmatched) in [(common::KEEP, true), (common::DROP, false)] {
            let executor = common::executor(head, rules);
            // Every seventh resource has all types of all bundles, and a debug build has them in seconds.
            for record in lines.iter().step_by(7) {
                let input: Value = serde_json::from_slice(record).unwrap();
                let mut output: Value = serde_json::from_slice(&run(&executor, record)).unwrap();
                let mut expected = reference::apply(&parsed, keep_unmatched, &input);
                reference::without_labels(&mut output);
                reference::without_labels(&mut expected);
                assert_eq!(output, expected, "{} {head} {:?}", input["resourceType"], rules);
            }
        }
    }
}

/// Seconds that this thread has had a processor (Linux; since the epoch elsewhere).
fn cpu_seconds() -> f64 {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split(' ').next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.map_or_else(|| SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64(), |ns| ns / 1e9)
}

/// Prints MB per CPU-second; run with `cargo test --release -p medveil-conformance --test fhir_bundles -- --ignored --nocapture`.
#[test]
#[ignore = "measures, and tells nothing about correctness"]
fn speed() {
    let Some(bundles) = bundles() else { return };
    let lines = lines(&bundles);
    let bytes: usize = lines.iter().map(Vec::len).sum();
    let removal = |(path, action): &(&'static str, &'static str)| {
        (*path, if action.contains("keep") { *action } else { "\"redact\"" })
    };
    let removals: Vec<(&str, &str)> = SAFE_HARBOR.iter().map(removal).collect();
    let study = common::study();
    let noise = study.noise("file");
    for (name, head, rules) in [
        ("one rule", common::KEEP, &[("Patient.photo", "\"redact\"")][..]),
        ("removals", common::KEEP, &removals[..]),
        ("safe harbor", common::KEEP, SAFE_HARBOR),
        ("all dropped", common::DROP, &[]),
    ] {
        let executor = common::executor(head, rules);
        let (mut scratch, mut out) = (executor.scratch(), Vec::new());
        // The clock moves in steps of some milliseconds, so many rounds count as one.
        const ROUNDS: usize = 100;
        let (mut written, start) = (0, cpu_seconds());
        for line in (0..ROUNDS).flat_map(|_| &lines) {
            out.clear();
            executor.record(line, &noise.record(0, [0; 32]), &mut scratch, &mut out).unwrap();
            written += out.len();
        }
        let rate = (ROUNDS * bytes) as f64 / (cpu_seconds() - start) / 1e6;
        let written = written / ROUNDS;
        println!(
            "{name}: {rate:.0} MB per CPU-second of {bytes} bytes in {} lines, {written} written",
            lines.len()
        );
    }
}
