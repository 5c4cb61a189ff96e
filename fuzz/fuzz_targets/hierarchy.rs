//! Hierarchy files from any bytes, and hierarchies built for any values.
//!
//! Claims: nothing panics; what is accepted is total and monotone, and reads back as the same hierarchy from what is written; whatever a builder makes of any values
//! obeys the same; a draft builds for the values that it was drafted for.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use medveil_deid::hierarchy::{Hierarchy, HierarchySpec, ROOT, draft, file};
use medveil_deid::kind::Kind;

fuzz_target!(|data: &[u8]| {
    if let Ok(hierarchy) = file::read(data) {
        check(&hierarchy);
    }
    let [choice, rest @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let values: BTreeSet<&str> = text.split('\n').collect();
    let values: Vec<&str> = values.into_iter().collect();
    for name in ["age", "dates", "division", "icd-10"] {
        built(&serde_json::json!({ name: { "other": "?" } }), &values);
    }
    built(&serde_json::json!({ "prefix": { "levels": [choice >> 4, 0], "other": "?" } }), &values);
    built(&serde_json::json!({ "intervals": { "widths": [0.5, u32::from(*choice)], "other": "?" } }), &values);
    // The first value as settings.
    if let Some(settings) = values.first().and_then(|text| serde_json::from_str(text).ok()) {
        built(&settings, &values);
    }
    let kind = Kind::ALL.get(usize::from(*choice)).copied();
    let hierarchy = draft(kind, &values).build(&values, None).expect("a draft builds for its values");
    check(&hierarchy);
});

fn built(settings: &serde_json::Value, values: &[&str]) {
    let Ok(spec) = HierarchySpec::from_json(settings.clone()) else { return };
    assert_eq!(HierarchySpec::from_json(spec.to_json()).as_ref(), Ok(&spec), "the form is read as the same");
    let Ok(hierarchy) = spec.build(values, None) else { return };
    assert_eq!(hierarchy.values(), values.len());
    assert!(hierarchy.row(0).last() == Some(ROOT), "a built hierarchy has a root");
    check(&hierarchy);
}

fn check(hierarchy: &Hierarchy) {
    let last = hierarchy.levels() - 1;
    for level in 0..=last {
        let (codes, labels) = (hierarchy.codes(level), hierarchy.labels(level));
        assert_eq!(codes.len(), hierarchy.values(), "total");
        assert_eq!(hierarchy.leaves(level).iter().sum::<u32>() as usize, hierarchy.values());
        assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), labels.len(), "labels differ");
        if level < last {
            let parents = hierarchy.parents(level);
            assert_eq!(parents.len(), labels.len());
            for (row, code) in codes.iter().enumerate() {
                assert_eq!(parents[*code as usize], hierarchy.codes(level + 1)[row], "monotone");
            }
        }
    }
    let mut written = Vec::new();
    file::write(hierarchy, &mut written).expect("memory takes all");
    // A zero byte in a value, which no file may hold, comes only from settings and values of this target.
    if !written.contains(&0) {
        assert!(file::read(&written).expect("what is written can be read") == *hierarchy);
    }
}
