//! FHIR records from any bytes, under three plans.
//!
//! Claims: nothing panics; what is refused leaves no output; what is written is JSON, and so was what it came from; memory that has
//! seen other records gives the same bytes as new memory; a plan that keeps everything gives the input, but for what has no shape of FHIR,
//! which is counted.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use medveil_clinical::fhir::{FhirExecutor, RecordOutcome, Scratch};
use medveil_deid::action;
use medveil_deid::plan::Plan;
use medveil_deid::study::{MasterKey, Study, Suite};
use serde::de::IgnoredAny;

const HEAD: &str = "[plan]\nname = \"fuzz\"\nversion = 1\nrelease-model = \"controlled\"\n";

/// Paths of every form that rules have, with the actions that a build knows.
const RULES: &[(&str, &str)] = &[
    ("Resource.id", "pseudonymize"),
    ("nodesByType('Reference').reference", "pseudonymize"),
    ("nodesByType('HumanName')", "redact"),
    ("Patient.birthDate", "shift-date"),
    ("nodesByType('date')", "shift-date"),
    ("nodesByType('dateTime')", "redact"),
    ("nodesByType('Extension')", "redact"),
    ("nodesByType('Narrative')", "redact"),
    ("Patient.telecom.where(system = 'phone').value", "pseudonymize"),
    ("Observation.value.value", "laplace"),
    ("nodesByName('code')", "keep"),
    ("Patient.gender", "keep"),
    ("Patient.address.state", "keep"),
    ("Patient.contact", "keep"),
    ("Observation.status", "keep"),
    ("Bundle.type", "keep"),
];

struct Case {
    study: Study,
    executor: FhirExecutor,
    used: RefCell<Scratch>,
    keeps_all: bool,
}

impl Case {
    fn new(head: &str, rules: &[(&str, &str)]) -> Case {
        let mut text = format!("{HEAD}{head}");
        for (path, name) in rules.iter().filter(|(_, name)| action::method(name).is_some()) {
            let action = match *name {
                "laplace" => "{ laplace = { epsilon = 1.0, lower = 0.0, upper = 40.0 } }".to_owned(),
                name => format!("\"{name}\""),
            };
            text.push_str(&format!("[[rule]]\nmatch = {{ fhir = \"{path}\" }}\naction = {action}\n"));
        }
        let plan = Plan::from_toml(&text).expect("the plan of this target is one");
        let study = Study::new(&MasterKey::from_bytes([1; 32]), "s", Suite::International, None);
        let executor = FhirExecutor::new(&plan, &study).expect("its rules compile");
        let used = RefCell::new(executor.scratch());
        Case { study, executor, used, keeps_all: rules.is_empty() }
    }

    fn check(&self, bytes: &[u8]) {
        let noise = self.study.noise("f");
        let record = noise.record(0, [0; 32]);
        let (mut out, mut again) = (Vec::new(), Vec::new());
        let first = self.executor.record(bytes, &record, &mut self.used.borrow_mut(), &mut out);
        let mut fresh = self.executor.scratch();
        let second = self.executor.record(bytes, &record, &mut fresh, &mut again);
        assert!(first == second && out == again, "what was read before changes the outcome");
        match first {
            Ok(RecordOutcome::Written) => {
                // The reference reader stops at 128 levels.
                if depth(bytes) < 100 {
                    let is_json = |text| serde_json::from_slice::<IgnoredAny>(text).is_ok();
                    assert!(is_json(bytes), "what is no JSON was accepted");
                    assert!(is_json(&out), "what was written is no JSON");
                }
                let removed = || self.executor.tally(&fresh).unmatched > 0;
                assert!(!self.keeps_all || out == bytes || removed(), "what is kept leaves byte for byte");
            }
            _ => assert!(out.is_empty(), "only what is written has output"),
        }
    }
}

thread_local! {
    static CASES: [Case; 3] = [
        Case::new("invalid = \"redact\"\n", RULES),
        Case::new("unmatched = \"keep\"\n", RULES),
        Case::new("unmatched = \"keep\"\n", &[]),
    ];
}

fuzz_target!(|data: &[u8]| CASES.with(|cases| cases.iter().for_each(|case| case.check(data))));

fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut most) = (0usize, 0);
    for byte in bytes {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}
