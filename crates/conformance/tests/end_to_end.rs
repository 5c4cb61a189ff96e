//! Whole runs on data that nobody here made: what goes in comes out, without what identifies, and the receipt says so.
//!
//! UCI Adult (30,162 records without missing values) and Synthea's FHIR bundles stand beside the repository, in `../shared/data`; without
//! them the tests skip.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use medveil_clinical::dataset::{Released, Request, Rerun, deidentify, verify};
use medveil_deid::detect::Language;
use medveil_deid::plan::microsoft::import;
use medveil_deid::plan::{Plan, builtin};
use medveil_deid::study::{MasterKey, Study};
use medveil_deid::table::{Hints, Job};
use serde_json::Value;

/// A path below `../shared/data`; `None`, with a line that says so, where it is absent.
fn shared(name: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = ["../../..", "../../../.."]
        .iter()
        .map(|up| root.join(up).join("shared/data").join(name))
        .find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no {name} in ../shared/data");
    }
    found
}

/// Runs `run` with a job on two threads: enough for records to overtake each other.
fn with_job<T>(run: impl FnOnce(&Job<'_>) -> T) -> T {
    let cancelled = AtomicBool::new(false);
    run(&Job {
        threads: NonZeroUsize::new(2).unwrap(),
        memory: 64 << 20,
        max_record: 16 << 20,
        hints: Hints::default(),
        cancelled: &cancelled,
        progress: &|_| {},
    })
}

/// A release of `input` under `plan` in a folder of its own.
struct Release {
    folder: tempfile::TempDir,
    input: PathBuf,
    key: MasterKey,
    released: Released,
}

impl Release {
    fn new(input: PathBuf, plan: &Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = MasterKey::from_bytes([9; 32]);
        let study = Study::new(&key, "end-to-end", plan.head.suite, None);
        let request = Request {
            inputs: std::slice::from_ref(&input),
            plan,
            key: &key,
            study: &study,
            folder: None,
            earlier: &[],
            output_leaf_key: [4; 32],
            time: "",
            language: Language::En,
            settled: &BTreeMap::new(),
        };
        let released = with_job(|job| deidentify(&request, &folder.path().join("release"), false, job));
        let released = released.unwrap_or_else(|error| panic!("{error}"));
        Release { folder, input, key, released }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("release")
    }

    /// The checks that do not hold, with the raw data and this key.
    fn faults(&self, key: &MasterKey) -> Vec<String> {
        let rerun =
            Rerun { inputs: std::slice::from_ref(&self.input), key, seed: None, folder: None, earlier: &[] };
        let result = with_job(|job| verify(&self.path().join("receipt.json"), Some(&rerun), job)).unwrap();
        assert!(!result.checks.is_empty());
        result.checks.into_iter().filter(|check| !check.holds).map(|check| check.what).collect()
    }

    fn assert_verifies_and_notices(&self, changed: &str, from: &str, to: &str) {
        assert_eq!(self.faults(&self.key), Vec::<String>::new());
        assert_ne!(self.faults(&MasterKey::from_bytes([8; 32])), Vec::<String>::new(), "another key");
        let path = self.path().join(changed);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert_ne!(self.faults(&self.key), Vec::<String>::new(), "a changed release");
        std::fs::write(&path, text).unwrap();
    }
}

const ADULT: &str = r#"
    [plan]
    name = "adult"
    version = 1
    release-model = "enclave"
    title = "UCI Adult with ages in bands of five years"
    title-zh = "UCI Adult 数据集，年龄按五岁分组"
    basis = ["test"]
    unmatched = "keep"

    [[rule]]
    match = { column = "age" }
    action = { generalize = { to = "5" } }

    [privacy]
    quasi-identifiers = ["sex", "age", "race", "marital-status"]
"#;

#[test]
fn adult_keeps_its_records_and_loses_risk() {
    const RECORDS: u64 = 30_162;
    let Some(input) = shared("tabular/adult/adult.csv") else { return };
    let release = Release::new(input.clone(), &Plan::from_toml(ADULT).unwrap());
    let file = &release.released.receipt.files[0];
    assert_eq!((file.input.records, file.output.records, file.dropped), (RECORDS, RECORDS, 0));

    let figures = &release.released.receipt.risk["adult.csv"];
    let figure = |side: &str, path: &str| figures[side].pointer(path).and_then(Value::as_f64).unwrap();
    for path in ["/prosecutor/maximum", "/prosecutor/average/value", "/marketer/value", "/uniques/value"] {
        assert!(figure("before", path) >= figure("after", path), "{path}");
    }
    // Bands of five years merge classes here, so the average must fall, not just not rise.
    assert!(figure("before", "/marketer/value") > figure("after", "/marketer/value"));
    for side in ["before", "after"] {
        assert_eq!(figure(side, "/records"), RECORDS as f64);
    }
    // The classes counted anew, by nothing but a map.
    for (side, path) in [("before", input), ("after", release.path().join("adult.csv"))] {
        let text = std::fs::read_to_string(path).unwrap();
        let classes: BTreeSet<Vec<&str>> =
            text.lines().skip(1).map(|line| line.split(';').take(4).collect()).collect();
        assert_eq!(figure(side, "/classes/value"), classes.len() as f64, "{side}");
    }
    release.assert_verifies_and_notices("adult.csv", "35-39", "40-44");
}

#[test]
fn adult_changes_in_its_ages_alone() {
    let Some(input) = shared("tabular/adult/adult.csv") else { return };
    let release = Release::new(input.clone(), &Plan::from_toml(ADULT).unwrap());
    let before = std::fs::read_to_string(input).unwrap();
    let after = std::fs::read_to_string(release.path().join("adult.csv")).unwrap();
    assert_eq!(before.lines().next(), after.lines().next());
    assert_eq!(before.lines().count(), after.lines().count());
    for (before, after) in before.lines().zip(after.lines()).skip(1) {
        let (before, after): (Vec<&str>, Vec<&str>) =
            (before.split(';').collect(), after.split(';').collect());
        let age: u32 = before[1].parse().unwrap();
        let from = age / 5 * 5;
        assert_eq!(after[1], format!("{from}-{}", from + 4));
        assert_eq!((before[0], &before[2..]), (after[0], &after[2..]));
    }
}

/// Safe Harbor in the form of Microsoft's tool, but for dates, which are shifted.
const MICROSOFT: &str = r#"{
    "fhirVersion": "R4",
    "processingErrors": "raise",
    "fhirPathRules": [
        {"path": "nodesByType('Extension')", "method": "redact"},
        {"path": "Resource.id", "method": "cryptoHash"},
        {"path": "nodesByType('Reference').reference", "method": "cryptoHash"},
        {"path": "Bundle.entry.fullUrl", "method": "cryptoHash"},
        {"path": "Bundle.entry.request", "method": "redact"},
        {"path": "nodesByType('Reference').display", "method": "redact"},
        {"path": "nodesByType('Identifier').value", "method": "cryptoHash"},
        {"path": "ImagingStudy.series.uid | ImagingStudy.series.instance.uid", "method": "cryptoHash"},
        {"path": "nodesByType('HumanName') | nodesByType('ContactPoint')", "method": "redact"},
        {"path": "nodesByType('Address').state | nodesByType('Address').country", "method": "keep"},
        {"path": "nodesByType('Address')", "method": "redact"},
        {"path": "Location.position | Location.name | Organization.name", "method": "redact"},
        {"path": "Patient.birthDate", "method": "redact"},
        {"path": "nodesByType('date') | nodesByType('dateTime') | nodesByType('instant')", "method": "dateShift"},
        {"path": "nodesByType('Narrative') | nodesByType('Annotation') | nodesByType('Attachment')", "method": "redact"},
    ],
    // No key belongs into a plan.
    "parameters": {"dateShiftKey": "", "dateShiftScope": "folder", "cryptoHashKey": "", "enablePartialDatesForRedact": true}
}"#;

#[test]
fn bundles_lose_their_patients_under_safe_harbor() {
    let Some(input) = shared("fhir/bundles") else { return };
    let plan = builtin::find("hipaa-safe-harbor").unwrap().plan();
    let release = Release::new(input, &plan);
    check_bundles(&release);
    // Of dates the year stays (45 CFR 164.514(b)(2)(i)(C)): nothing in the outputs reads as a longer date.
    for (name, output) in bundles(&release.path()) {
        for (path, text) in strings(&output) {
            let digits = |range: std::ops::Range<usize>| {
                text.get(range).is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit()))
            };
            let date = digits(0..4)
                && text.get(4..5) == Some("-")
                && digits(5..7)
                && matches!(text.len(), 7 | 10 | 20..);
            assert!(!date, "{name}: {path} is longer than a year");
        }
    }
}

#[test]
fn bundles_lose_their_patients_under_a_configuration_of_microsofts_tool() {
    let Some(input) = shared("fhir/bundles") else { return };
    let plan = import(MICROSOFT).unwrap_or_else(|error| panic!("{error}")).plan;
    check_bundles(&Release::new(input, &plan));
}

/// A reference to a contained resource (`#id`) is part of its record, and has to follow that resource's id.
#[test]
fn references_to_contained_resources_resolve() {
    let Some(input) = shared("fhir/bundles") else { return };
    let release = Release::new(input, &builtin::find("hipaa-safe-harbor").unwrap().plan());
    let mut seen = 0;
    for (name, bundle) in bundles(&release.path()) {
        for resource in resources(&bundle) {
            let contained: BTreeSet<String> = resource["contained"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|contained| format!("#{}", contained["id"].as_str().unwrap()))
                .collect();
            for reference in references(resource).into_iter().filter(|reference| reference.starts_with('#')) {
                seen += 1;
                assert!(
                    contained.contains(&reference),
                    "{name}: a reference in {} leads nowhere",
                    resource["resourceType"]
                );
            }
        }
    }
    assert!(seen > 0);
}

/// What holds of every release of the bundles, whatever the plan.
fn check_bundles(release: &Release) {
    let inputs = bundles(&release.input);
    let outputs = bundles(&release.path());
    assert!(!inputs.is_empty());
    assert!(inputs.keys().eq(outputs.keys()));
    let identifying = identifying(&inputs);
    let leaks = |text: &str| {
        let words = words(text);
        identifying.iter().any(|secret| contains(&words, secret))
    };
    for (name, input) in &inputs {
        assert!(
            strings(input).iter().any(|(_, text)| leaks(text)),
            "{name}: the search finds the patient in the raw data"
        );
    }
    for (name, output) in &outputs {
        let before = resources(&inputs[name]);
        let after = resources(output);
        assert!(
            before.iter().map(|r| &r["resourceType"]).eq(after.iter().map(|r| &r["resourceType"])),
            "{name}"
        );
        for resource in &after {
            let labels = resource["meta"]["security"].as_array();
            assert!(
                labels.is_some_and(|labels| !labels.is_empty()),
                "{name}: {} has no label",
                resource["resourceType"]
            );
        }
        assert_links_are_those_of(&inputs[name], output, name);
        for (path, text) in strings(output) {
            assert!(
                !leaks(text),
                "{name}: {path} has a name, a birth date, an address or a contact of a patient"
            );
        }
    }
    for name in ["receipt.json", "report.json", "report.html"] {
        let text = std::fs::read_to_string(release.path().join(name)).unwrap();
        // Releases keep the names of files, and Synthea names files after patients: who releases such files renames them first.
        let text = inputs.keys().fold(text, |text, file| text.replace(file.as_str(), ""));
        assert!(!leaks(&text), "{name} has an identifying value");
    }
    let changed = outputs.keys().next().unwrap();
    release.assert_verifies_and_notices(changed, "\"finished\"", "\"planned\"");
}

/// Whatever referred to the n-th entry of a bundle still does, and to nothing else.
fn assert_links_are_those_of(before: &Value, after: &Value, name: &str) {
    let links = |bundle: &Value| -> Vec<Option<usize>> {
        let entries = bundle["entry"].as_array().unwrap();
        let urls: BTreeMap<&str, usize> =
            entries.iter().enumerate().map(|(i, entry)| (entry["fullUrl"].as_str().unwrap(), i)).collect();
        assert_eq!(urls.len(), entries.len(), "{name}: every entry has a URL of its own");
        let references = entries.iter().flat_map(|entry| references(&entry["resource"]));
        references
            .filter(|reference| !reference.starts_with('#'))
            .map(|reference| urls.get(reference.as_str()).copied())
            .collect()
    };
    let (before, after) = (links(before), links(after));
    assert!(before.len() > 100, "{name}: a bundle has many references");
    assert!(before.iter().all(Option::is_some), "{name}: the input's references resolve");
    assert!(before == after, "{name}: references lead elsewhere");
}

/// The bundles of a folder by file name.
fn bundles(folder: &Path) -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named
        .filter(|(name, _)| {
            name.ends_with(".json") && !matches!(name.as_str(), "receipt.json" | "report.json")
        })
        .map(|(name, path)| (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()))
        .collect()
}

fn resources(bundle: &Value) -> Vec<&Value> {
    bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).collect()
}

/// The references in a value, in document order of sorted members.
fn references(value: &Value) -> Vec<String> {
    let all = strings(value);
    all.into_iter()
        .filter(|(path, _)| path.ends_with(".reference"))
        .map(|(_, text)| text.to_owned())
        .collect()
}

/// Every string with the path to it; members of one list share their path.
fn strings(value: &Value) -> Vec<(String, &str)> {
    fn walk<'v>(value: &'v Value, path: &str, found: &mut Vec<(String, &'v str)>) {
        match value {
            Value::String(text) => found.push((path.to_owned(), text)),
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, found)),
            Value::Object(members) => {
                let ty = value["resourceType"].as_str().unwrap_or(path);
                members.iter().for_each(|(name, member)| walk(member, &format!("{ty}.{name}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// Names, birth dates, addresses, contacts, ids and identifiers of all patients, as words.
fn identifying(bundles: &BTreeMap<String, Value>) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let patients =
        bundles.values().flat_map(resources).filter(|resource| resource["resourceType"] == "Patient");
    for patient in patients {
        let before = found.len();
        let elements = [
            (&patient["name"], &["family", "given", "text"][..]),
            (&patient["address"], &["line", "city", "postalCode"]),
            (&patient["telecom"], &["value"]),
            (&patient["identifier"], &["value"]),
        ];
        for (element, members) in elements {
            for item in element.as_array().unwrap() {
                for text in members.iter().flat_map(|member| strings(&item[*member])) {
                    found.insert(words(text.1).into_iter().map(str::to_owned).collect());
                }
            }
        }
        for text in [&patient["birthDate"], &patient["id"]] {
            found.insert(words(text.as_str().unwrap()).into_iter().map(str::to_owned).collect());
        }
        assert!(found.len() > before + 5, "a patient has many identifying values");
    }
    found.remove(&Vec::new());
    found
}

/// The runs of letters and digits in a text.
fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect()
}

fn contains(words: &[&str], secret: &[String]) -> bool {
    words.windows(secret.len()).any(|window| window.iter().zip(secret).all(|(a, b)| a == b))
}
