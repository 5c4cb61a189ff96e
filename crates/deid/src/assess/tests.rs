//! The whole pass against a naive model, and the promise to be free of values.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

type Cells = Vec<[String; 3]>;

fn spec(max_classes: usize) -> Spec {
    let column = |name: &str, action: &str, released| ColumnSpec {
        name: name.into(),
        kind: None,
        action: action.into(),
        released,
    };
    Spec {
        columns: vec![
            column("sex", "keep", true),
            column("age", "generalize", true),
            column("diagnosis", "keep", true),
        ],
        quasi_identifiers: vec![0, 1],
        sensitive: vec![2],
        max_classes,
        utility_stride: 1,
    }
}

fn assess(spec: &Spec, raw: &Cells, released: &[Option<[String; 3]>], block: usize) -> Assessment {
    let mut assessor = Assessor::new(spec.clone());
    for (b, rows) in raw.chunks(block.max(1)).enumerate() {
        let mut part = Part::of(spec, &assessor.followed());
        for (r, row) in rows.iter().enumerate() {
            let index = b * block.max(1) + r;
            let new = released[index].as_ref();
            part.row(index as u64, |c| row[c].as_str(), new.map(|new| |c: usize| new[c].as_str()));
        }
        assessor.absorb(part);
    }
    assessor.finish()
}

/// Ages become decades; a diagnosis `drop` drops its record.
fn release(row: &[String; 3]) -> Option<[String; 3]> {
    let age: u32 = row[1].parse().unwrap();
    (row[2] != "drop")
        .then(|| [row[0].clone(), format!("{}-{}", age / 10 * 10, age / 10 * 10 + 9), row[2].clone()])
}

fn table() -> impl Strategy<Value = Cells> {
    let row = ("[fm]", 20_u32..60, prop_oneof![Just("flu"), Just("gout"), Just("acne"), Just("drop")])
        .prop_map(|(sex, age, diagnosis)| [sex, age.to_string(), diagnosis.to_owned()]);
    prop::collection::vec(row, 1..300)
}

proptest! {
    #[test]
    fn below_the_cap_figures_equal_a_naive_model(raw in table(), block in 1_usize..400) {
        let released: Vec<_> = raw.iter().map(release).collect();
        let found = assess(&spec(1000), &raw, &released, block);
        let mut classes: BTreeMap<(&str, &str), (u64, BTreeSet<&str>)> = BTreeMap::new();
        for row in released.iter().flatten() {
            let class = classes.entry((&row[0], &row[1])).or_default();
            class.0 += 1;
            class.1.insert(&row[2]);
        }
        prop_assert_eq!(found.released, released.iter().flatten().count() as u64);
        let Some(risk) = found.after else {
            prop_assert!(classes.is_empty());
            return Ok(());
        };
        prop_assert!(risk.exact);
        prop_assert_eq!(risk.classes.value, classes.len() as f64);
        prop_assert_eq!(Some(risk.min_class), classes.values().map(|class| class.0).min());
        prop_assert_eq!(Some(risk.max_class), classes.values().map(|class| class.0).max());
        prop_assert_eq!(Some(risk.distinct_l[0].min), classes.values().map(|class| class.1.len() as u64).min());
        let unique = classes.values().filter(|class| class.0 == 1).count() as f64 / risk.records as f64;
        prop_assert_eq!(risk.uniques.value, unique);
        let in_buckets: f64 = risk.histogram.iter().map(|bucket| bucket.classes.value).sum();
        prop_assert_eq!(in_buckets, classes.len() as f64);
        let changed = &found.utility.columns[1];
        prop_assert_eq!((changed.changed, changed.removed), (1.0, 0.0));
    }

    #[test]
    fn nothing_depends_on_how_the_input_was_cut(raw in table(), block in 1_usize..400, cap in 2_usize..40) {
        let released: Vec<_> = raw.iter().map(release).collect();
        let spec = spec(cap);
        prop_assert_eq!(assess(&spec, &raw, &released, block), assess(&spec, &raw, &released, 1));
    }

    #[test]
    fn no_value_is_in_an_assessment(tokens in prop::collection::vec("[qxz]{6,9}", 60)) {
        let raw: Cells = tokens.iter().enumerate().map(|(i, t)| [t.clone(), format!("{}.7319", i * 7919), tokens[i % 7].clone()]).collect();
        let released: Vec<_> = raw.iter().cloned().map(Some).collect();
        let found = assess(&spec(1000), &raw, &released, 16);
        let text = serde_json::to_string(&found).unwrap() + &format!("{found:?}");
        for cell in raw.iter().flatten() {
            prop_assert!(!text.contains(cell.as_str()));
        }
    }
}

#[test]
fn a_released_table_that_was_not_changed_keeps_everything() {
    let raw: Cells =
        (0..100).map(|i| [format!("{}", i % 3), format!("{i}"), format!("{}", i * i % 17)]).collect();
    let released: Vec<_> = raw.iter().cloned().map(Some).collect();
    let found = assess(&spec(1000), &raw, &released, 10);
    assert!(found.utility.complete);
    for column in &found.utility.columns {
        assert_eq!((column.changed, column.removed, column.entropy_kept), (0.0, 0.0, Some(1.0)));
        assert_eq!(column.total_variation, Some(0.0));
        let same = Numeric { mean_shift: 0.0, sd_ratio: 1.0, kolmogorov_smirnov: 0.0, wasserstein: 0.0 };
        assert_eq!(column.numeric, Some(same));
    }
    assert_eq!(found.utility.correlation.unwrap().max_difference, 0.0);
    assert_eq!(found.before, found.after);
}

#[test]
fn a_removed_sensitive_attribute_has_no_diversity_to_ask_for() {
    let raw: Cells = (0..10).map(|_| ["f".into(), "30".into(), "flu".into()]).collect();
    let released: Vec<_> =
        raw.iter().map(|row| Some([row[0].clone(), row[1].clone(), String::new()])).collect();
    let found = assess(&spec(10), &raw, &released, 3);
    assert_eq!(found.before.unwrap().distinct_l[0].min, 1);
    assert_eq!(found.after.unwrap().distinct_l, []);
}

#[test]
fn without_quasi_identifiers_no_risk_is_claimed() {
    let raw: Cells = vec![["f".into(), "30".into(), "flu".into()]];
    let spec = Spec { quasi_identifiers: vec![], ..spec(10) };
    let found = assess(&spec, &raw, &[None], 1);
    assert_eq!((found.records, found.released), (1, 0));
    assert!(found.before.is_none() && found.after.is_none());
}
