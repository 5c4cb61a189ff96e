//! A record becomes the same whatever stands next to it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use medveil_deid::plan::Plan;
use medveil_deid::study::{MasterKey, Study, Suite};
use medveil_deid::table::{FileKeys, Hints, Job, Protection, deidentify_csv};

const PLAN: &str = r#"
[plan]
name = "t"
version = 1
release-model = "controlled"
subject = "patient"
invalid = "redact"
[[rule]]
match = { column = "patient" }
action = "pseudonymize"
[[rule]]
match = { column = "seen" }
action = "shift-date"
[[rule]]
match = { column = "age" }
action = { generalize = { to = "5", top = 90 } }
[[rule]]
match = { column = "code" }
action = { drop-row = { values = ["x"] } }
[[rule]]
match = { column = "glucose" }
action = { laplace = { epsilon = 20.0, lower = 0.0, upper = 1000000.0 } }
"#;

/// The released records, and what the plan did to each column.
fn deidentify(records: &[&str]) -> (Vec<String>, String) {
    let study = Study::new(&MasterKey::from_bytes([3; 32]), "s", Suite::International, None);
    let keys = FileKeys {
        input_leaves: study.prf(&["in"]),
        output_leaves: study.prf(&["out"]),
        noise: study.noise("file"),
        kinds: None,
    };
    let job = Job {
        threads: NonZeroUsize::MIN,
        memory: 1 << 20,
        max_record: 1 << 20,
        hints: Hints::default(),
        cancelled: &AtomicBool::new(false),
        progress: &|_| {},
    };
    let plan = Plan::from_toml(PLAN).unwrap();
    let text = format!("patient,seen,age,code,glucose\n{}\n", records.join("\n"));
    let mut out = Vec::new();
    let outcome =
        deidentify_csv(text.as_bytes(), None, &mut out, &plan, &study, &keys, Protection::default(), &job)
            .unwrap();
    let counts: Vec<_> = outcome.columns.iter().map(|(_, counts)| *counts).collect();
    let out = String::from_utf8(out).unwrap();
    (out.lines().skip(1).map(str::to_owned).collect(), format!("{counts:?}"))
}

/// Without the noise, which belongs to the record's place.
fn fixed(record: &str) -> &str {
    record.rsplit_once(',').unwrap().0
}

#[test]
fn values_that_repeat_those_of_the_record_before_become_what_they_do_alone() {
    let records = [
        "P1,2024-01-05,44,a,7",
        "P1,2024-01-05,44,a,7",
        // Another patient on the same day.
        "P2,2024-01-05,44,a,7",
        "P2,2024-01-05,44,x,7",
        "P2,2024-01-05,44,x,7",
        "P2,2024-01-05,44,a,7",
        "P2,,,a,",
        "P2,,,a,",
        "P1,no date,no age,a,7",
        "P1,no date,no age,a,7",
        "P1,2024-01-06,95,a,7",
        "\"P1\",2024-01-06,95,a,7",
        "P1,2024-01-06,95,a,7",
    ];
    let alone: BTreeMap<&str, Vec<String>> = records
        .iter()
        .map(|record| (*record, deidentify(&[*record]).0.iter().map(|r| fixed(r).to_owned()).collect()))
        .collect();
    let (together, counts) = deidentify(&records);
    let expected: Vec<&String> = records.iter().flat_map(|record| &alone[record]).collect();
    assert_eq!(together.iter().map(|record| fixed(record)).collect::<Vec<_>>(), expected);
    assert_eq!(together.len(), 11);

    // In another order other values repeat; the counts are the same.
    let apart: Vec<&str> = [0, 2, 6, 8, 10, 3, 1, 5, 7, 9, 11, 4, 12].map(|i| records[i]).to_vec();
    assert_eq!(deidentify(&apart).1, counts);
}

#[test]
fn equal_values_in_neighbouring_records_have_noise_of_their_own() {
    let (records, _) = deidentify(&["P1,2024-01-05,44,a,500000"; 40]);
    let noisy: std::collections::BTreeSet<&str> =
        records.iter().map(|record| record.rsplit_once(',').unwrap().1).collect();
    assert!(noisy.len() > 30, "{}", noisy.len());
}
