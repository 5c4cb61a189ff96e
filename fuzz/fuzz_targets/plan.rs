//! Plans and Microsoft configurations from any text.
//!
//! Claims: nothing panics; a plan that is accepted has one canonical form, whichever way it was written; its FHIR rules compile or are
//! refused; what is imported is a plan whose text reads back as the same plan.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medveil_clinical::fhir::FhirExecutor;
use medveil_deid::plan::{Plan, microsoft};
use medveil_deid::study::{MasterKey, Study, Suite};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for plan in [Plan::from_toml(text), Plan::from_json(text)].into_iter().flatten() {
        check(&plan);
    }
    if let Ok(imported) = microsoft::import(text) {
        let again = Plan::from_toml(&imported.text).expect("the text of an imported plan is a plan");
        assert_eq!(again.digest(), imported.plan.digest(), "the text is that plan");
        check(&imported.plan);
    }
});

fn check(plan: &Plan) {
    let json = plan.to_json().to_string();
    let again = Plan::from_json(&json).expect("the canonical form is a plan");
    assert_eq!(again.to_json().to_string(), json, "the canonical form is a fixed point");
    assert_eq!(again.digest(), plan.digest());
    let study = Study::new(&MasterKey::from_bytes([1; 32]), "s", Suite::International, None);
    let _ = FhirExecutor::new(plan, &study);
    let _ = plan.rule_for_column("birth_date", None);
}
