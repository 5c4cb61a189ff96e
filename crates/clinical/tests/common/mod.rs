//! What the tests of FHIR share: plans in a line, and applying them to a record.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use medveil_clinical::fhir::{FhirExecutor, RecordError, RecordOutcome, Tally};
use medveil_deid::plan::Plan;
use medveil_deid::study::{MasterKey, Study, Suite};

pub mod reference;

/// A plan of FHIR rules: the path, and the action as in TOML.
pub fn plan(head: &str, rules: &[(&str, &str)]) -> Plan {
    let mut text = format!("[plan]\nname = \"t\"\nversion = 1\nrelease-model = \"controlled\"\n{head}\n");
    for (path, action) in rules {
        text += &format!("[[rule]]\nmatch = {{ fhir = \"{path}\" }}\naction = {action}\n");
    }
    Plan::from_toml(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub fn study() -> Study {
    Study::new(&MasterKey::from_bytes([3; 32]), "study", Suite::International, None)
}

pub fn executor(head: &str, rules: &[(&str, &str)]) -> FhirExecutor {
    FhirExecutor::new(&plan(head, rules), &study()).unwrap_or_else(|e| panic!("{e}"))
}

/// Applies rules to one record.
pub fn run(
    head: &str,
    rules: &[(&str, &str)],
    input: &str,
) -> Result<(RecordOutcome, String, Tally), RecordError> {
    let executor = executor(head, rules);
    let (study, mut out) = (study(), Vec::new());
    let noise = study.noise("file");
    let mut scratch = executor.scratch();
    let outcome = executor.record(input.as_bytes(), &noise.record(0, [0; 32]), &mut scratch, &mut out)?;
    let tally = executor.tally(&scratch);
    Ok((outcome, String::from_utf8(out).unwrap(), tally))
}

pub const KEEP: &str = "unmatched = \"keep\"";
pub const DROP: &str = "unmatched = \"drop\"";
pub const REDACT: &str = "\"redact\"";
pub const STAY: &str = "\"keep\"";

/// The output under `unmatched = "keep"`, without the labels that it gains.
pub fn kept(rules: &[(&str, &str)], input: &str) -> String {
    unlabelled(&run(KEEP, rules, input).unwrap().1)
}

/// The output under `unmatched = "drop"`, without the labels that it gains.
pub fn dropped(rules: &[(&str, &str)], input: &str) -> String {
    unlabelled(&run(DROP, rules, input).unwrap().1)
}

/// Takes the label for removed elements out again, which many tests are not about.
pub fn unlabelled(output: &str) -> String {
    let label = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED","display":"redacted"}"#;
    output.replace(&format!(r#","meta":{{"security":[{label}]}}"#), "")
}
