//! The whole report: bounds, refusals, and that it holds no value.

use proptest::prelude::*;

use super::*;

fn table(columns: &[(&str, Vec<String>)]) -> Table {
    let column = |values: &Vec<String>| Column::of(values.iter().map(String::as_str));
    Table::new(columns.iter().map(|(name, values)| ((*name).to_owned(), column(values))).collect()).unwrap()
}

fn sample(records: usize, seed: u64) -> Table {
    let mut draw = Draw(seed);
    let (mut age, mut arm, mut ill, mut days, mut state) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..records {
        let (years, treated) = (20 + draw.below(60), draw.uniform() < 0.5);
        age.push(format!("{years}"));
        arm.push(if treated { "zq-drug" } else { "zq-placebo" }.to_owned());
        ill.push(if draw.uniform() < years as f64 / 100.0 { "zq-ill" } else { "zq-well" }.to_owned());
        let hazard = if treated { 0.01 } else { 0.02 };
        days.push(format!("{:.0}", -draw.uniform().ln() / hazard));
        state.push(if draw.uniform() < 0.7 { "zq-dead" } else { "zq-alive" }.to_owned());
    }
    table(&[("age", age), ("arm", arm), ("ill", ill), ("days", days), ("state", state)])
}

fn tasks() -> Vec<Task> {
    ["target=ill", "associations", "survival=days:state=zq-dead:arm", "regression=ill~age+arm"]
        .iter()
        .map(|task| task.parse().unwrap())
        .collect()
}

/// Every value of a column becomes `*` for some records.
fn suppress(of: &Table, column: &str, share: f64) -> Table {
    let mut draw = Draw(77);
    let columns = of
        .names()
        .map(|name| {
            let mut column_of = of.column(name).unwrap().clone();
            if name == column {
                column_of.labels.push("*".to_owned());
                let star = column_of.labels.len() as u32 - 1;
                for code in &mut column_of.codes {
                    if draw.uniform() < share {
                        *code = star;
                    }
                }
            }
            (name.to_owned(), column_of)
        })
        .collect();
    Table::new(columns).unwrap()
}

#[test]
fn an_unchanged_table_keeps_everything() {
    let raw = sample(600, 1);
    let report = workload(&raw, &raw, &Workload { tasks: tasks(), ..Workload::default() }).unwrap();
    assert!(report.complete && report.records == 600);
    for method in &report.classification[0].methods {
        assert_eq!((method.difference, method.standard_error), (0.0, 0.0));
    }
    assert_eq!(report.associations[0].mean_absolute_loss, 0.0);
    assert_eq!(report.survival[0].curve.unwrap().largest, 0.0);
    assert_eq!(report.regression[0].mean_overlap, 1.0);
}

#[test]
fn no_value_is_in_a_report() {
    let raw = sample(600, 2);
    let released = suppress(&raw, "arm", 0.5);
    let report = workload(&raw, &released, &Workload { tasks: tasks(), ..Workload::default() }).unwrap();
    let shown = format!("{report:?}{}", serde_json::to_string(&report).unwrap());
    assert!(!shown.contains("zq-") && shown.contains("arm"), "{shown}");
}

#[test]
fn more_records_than_wanted_are_sampled() {
    let raw = sample(900, 3);
    let asked = Workload { tasks: tasks(), max_records: 400, ..Workload::default() };
    let report = workload(&raw, &raw, &asked).unwrap();
    assert_eq!((report.records, report.complete), (400, false));
    assert_eq!(workload(&raw, &raw, &asked).unwrap(), report);
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let raw = sample(100, 4);
    let refused = |tasks: &[&str], released: &Table| {
        let tasks = tasks.iter().map(|task| task.parse().unwrap()).collect();
        workload(&raw, released, &Workload { tasks, ..Workload::default() }).unwrap_err()
    };
    let no_column = |column: &str| WorkloadError::NoColumn { column: column.into() };
    assert_eq!(refused(&["target=nothing"], &raw), no_column("nothing"));
    assert_eq!(refused(&["associations=age+nothing"], &raw), no_column("nothing"));
    let names: Vec<String> = (0..6000).map(|i| format!("name{i}")).collect();
    let wide = table(&[("name", names.clone()), ("target", names)]);
    let asked = Workload { tasks: vec!["target=target".parse().unwrap()], ..Workload::default() };
    let refusal = WorkloadError::Weights { column: "target".into(), number: 36_000_000 };
    assert_eq!(workload(&wide, &wide, &asked), Err(refusal));
    let without = table(&[("age", vec!["30".to_owned(); 100])]);
    assert_eq!(refused(&["target=ill"], &without), no_column("ill"));
    let fewer = sample(90, 4);
    assert_eq!(refused(&[], &fewer), WorkloadError::Records { raw: 100, released: 90 });
    let one_fold = Workload { folds: 1, ..Workload::default() };
    assert_eq!(workload(&raw, &raw, &one_fold), Err(WorkloadError::Folds));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever is suppressed, shares are shares and nothing fails.
    #[test]
    fn any_suppression_gives_a_report(
        seed in 0_u64..1000,
        share in 0.0_f64..=1.0,
        column in prop::sample::select(vec!["age", "arm", "ill", "days", "state"]),
    ) {
        let raw = sample(200, seed);
        let released = suppress(&raw, column, share);
        let report = workload(&raw, &released, &Workload { tasks: tasks(), folds: 3, ..Workload::default() }).unwrap();
        for method in &report.classification[0].methods {
            prop_assert!((0.0..=1.0).contains(&method.released), "{method:?}");
        }
        prop_assert!((0.0..=1.0).contains(&report.regression[0].mean_overlap));
        let lost = &report.associations[0];
        prop_assert!(lost.mean_absolute_loss <= lost.largest_loss && lost.largest_loss <= 1.0);
    }
}
