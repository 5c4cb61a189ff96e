//! The search inside a run: what it releases satisfies the plan, is the same however it is run, and what cannot be satisfied is refused by name.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use medveil_deid::assess::{Breach, check};
use medveil_deid::plan::Plan;
use medveil_deid::search::SearchResult;
use medveil_deid::study::{MasterKey, Study, Suite};
use medveil_deid::table::{
    FileKeys, Hints, Job, Protection, TableError, TableOutcome, Trouble, deidentify_csv, deidentify_parquet,
    search_csv, search_parquet,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

const HEAD: &str =
    "[plan]\nname = \"t\"\nversion = 1\nrelease-model = \"controlled\"\nunmatched = \"keep\"\n";

fn plan(privacy: &str) -> Plan {
    Plan::from_toml(&format!("{HEAD}[privacy]\n{privacy}")).unwrap()
}

fn study() -> Study {
    Study::new(&MasterKey::from_bytes([3; 32]), "s", Suite::International, None)
}

fn keys(study: &Study) -> FileKeys {
    FileKeys {
        input_leaves: study.prf(&["in"]),
        output_leaves: study.prf(&["out"]),
        noise: study.noise("file"),
        kinds: None,
    }
}

fn with_job<T>(threads: usize, memory: usize, run: impl FnOnce(&Job<'_>) -> T) -> T {
    run(&Job {
        threads: NonZeroUsize::new(threads).unwrap(),
        memory,
        max_record: 1 << 20,
        hints: Hints { delimiter: Some(b','), header: Some(true), ..Hints::default() },
        cancelled: &AtomicBool::new(false),
        progress: &|_| {},
    })
}

fn deid_in(csv: &str, plan: &Plan, threads: usize) -> Result<(String, TableOutcome), TableError> {
    let (study, mut out) = (study(), Vec::new());
    let outcome = with_job(threads, 1 << 20, |job| {
        let keys = keys(&study);
        let generalisation = search_csv(csv.as_bytes(), plan, &study, &keys, None, job)?;
        let protection = Protection { generalisation, ties: None };
        deidentify_csv(csv.as_bytes(), None, &mut out, plan, &study, &keys, protection, job)
    })?;
    Ok((String::from_utf8(out).unwrap(), outcome))
}

fn deid(csv: &str, plan: &Plan) -> (String, TableOutcome) {
    deid_in(csv, plan, 2).unwrap()
}

fn breaches(outcome: &TableOutcome, plan: &Plan) -> Vec<Breach> {
    let privacy = plan.privacy.as_ref().unwrap();
    check(&outcome.assessment, privacy, plan.head.release_model, outcome.search.as_ref())
}

/// Records by their first `columns` cells.
fn classes(csv: &str, columns: usize) -> BTreeMap<Vec<String>, u64> {
    let mut classes = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let class = line.split(',').take(columns).map(str::to_owned).collect();
        *classes.entry(class).or_insert(0) += 1;
    }
    classes
}

/// Ages from 20 to 79 and two sexes, one record each.
fn ages() -> String {
    let rows = (20..80).flat_map(|age| ["F", "M"].map(|sex| format!("{age},{sex},J0{}\n", age % 4)));
    "age,sex,diagnosis\n".to_owned() + &rows.collect::<String>()
}

const ASKED: &str = "quasi-identifiers = [\"age\", \"sex\"]\nsensitive = [\"diagnosis\"]\n";

#[test]
fn what_the_rules_release_is_generalised_until_it_satisfies_the_models() {
    let plan = plan(&format!(
        "{ASKED}models = [\"k=5\"]\n[privacy.hierarchies]\nage = {{ intervals = {{ widths = [5, 10, 20] }} }}\n"
    ));
    let (out, outcome) = deid(&ages(), &plan);
    assert!(out.starts_with("age,sex,diagnosis\n20-24,F,J00\n20-24,M,J00\n20-24,F,J01\n"), "{}", &out[..60]);
    let found = outcome.search.as_ref().unwrap().found().unwrap();
    let levels: Vec<_> = found.columns.iter().map(|c| (c.column.as_str(), c.level, c.labels)).collect();
    assert_eq!(levels, [("age", 1, 12), ("sex", 0, 2)]);
    assert_eq!(breaches(&outcome, &plan), []);
    assert_eq!((outcome.dropped, outcome.columns[0].1.changed, outcome.columns[0].1.kept), (0, 120, 0));
}

#[test]
fn rules_that_suffice_are_left_alone_to_the_byte() {
    let csv = "age,sex,diagnosis\n\"30\",F,J06\n\"30\",F,\"a,b\"\n";
    for metric in ["loss", "loss-geometric", "precision", "entropy", "discernibility", "average-class-size"] {
        let plan = plan(&format!("{ASKED}models = [\"k=2\"]\nsuppression = 1.0\nmetric = \"{metric}\"\n"));
        let (out, outcome) = deid(csv, &plan);
        assert_eq!(out, csv, "{metric}");
        let found = outcome.search.as_ref().unwrap().found().unwrap();
        assert!(!found.changed() && found.models[0].achieved == Some(2.0));
    }
}

#[test]
fn suppressed_records_are_dropped_and_held_against_the_limit_with_those_of_rules() {
    // Ten alike and one alone: dropping it loses less than generalising all.
    let mut csv = "age,sex,diagnosis\n".to_owned() + &"30,F,J06\n".repeat(10) + "99,M,I10\n";
    let asked = |share: f64| plan(&format!("{ASKED}models = [\"k=5\"]\nsuppression = {share}\n"));
    let (out, outcome) = deid(&csv, &asked(0.1));
    assert_eq!((classes(&out, 2).len(), outcome.dropped), (1, 1));
    assert_eq!(breaches(&outcome, &asked(0.1)), []);
    let found = outcome.search.as_ref().unwrap().found().unwrap();
    assert_eq!((found.suppressed, found.models[0].violating), (1, 1));

    // Without leave to drop, everything becomes one class instead.
    let (out, outcome) = deid(&csv, &asked(0.0));
    assert_eq!((classes(&out, 2).len(), outcome.dropped), (1, 0));
    assert!(out.contains("\n*,*,I10\n"), "{out}");

    // A record that a rule drops uses the limit up.
    csv += "999,F,J06\n";
    let rule = "[[rule]]\nmatch = { column = \"age\" }\naction = { drop-row = { values = [\"999\"] } }\n";
    let plan =
        Plan::from_toml(&format!("{HEAD}{rule}[privacy]\n{ASKED}models = [\"k=5\"]\nsuppression = 0.1\n"))
            .unwrap();
    let (_, outcome) = deid(&csv, &plan);
    assert_eq!(outcome.dropped, 1);
    assert_eq!(outcome.search.as_ref().unwrap().found().unwrap().allowed, 0);
    assert_eq!(breaches(&outcome, &plan), []);
}

#[test]
fn missing_values_stay_missing_below_the_root() {
    let mut csv = ages();
    csv += &",F,J01\n".repeat(6);
    let plan = plan(&format!(
        "{ASKED}models = [\"k=5\"]\n[privacy.hierarchies]\nage = {{ intervals = {{ widths = [5, 10] }} }}\n"
    ));
    let (out, _) = deid(&csv, &plan);
    assert_eq!(out.lines().filter(|line| line.starts_with(",F,")).count(), 6);
}

#[test]
fn models_of_the_distribution_are_shown_by_the_search() {
    let rows =
        (0..120).map(|i| format!("{},F,{}\n", 20 + i / 10, if i / 10 % 2 == 0 { "J06" } else { "I10" }));
    let csv = "age,sex,diagnosis\n".to_owned() + &rows.collect::<String>();
    for model in [
        "t=0.2",
        "entropy-l=1.8",
        "recursive-cl=2,2",
        "beta-likeness=0.3",
        "hierarchical-t=0.2",
        "diagnosis:t=0.2",
    ] {
        let plan = plan(&format!(
            "{ASKED}models = [\"{model}\"]\n[privacy.hierarchies]\nage = {{ intervals = {{ widths = [2, 4] }} }}\n"
        ));
        let (out, outcome) = deid(&csv, &plan);
        assert_eq!(breaches(&outcome, &plan), [], "{model}");
        assert!(out.contains("\n20-21,"), "{model}: {}", &out[..40]);

        // The same table is refused where it is only checked.
        let plan = Plan::from_json(&plan.to_json().to_string().replacen(
            "{\"hierarchies",
            "{\"search\":false,\"hierarchies",
            1,
        ))
        .unwrap();
        assert!(!plan.privacy.as_ref().unwrap().searches());
        let (out, outcome) = deid(&csv, &plan);
        assert_eq!(out, csv);
        let found = breaches(&outcome, &plan);
        let violated = Breach::Violated { model: model.to_owned(), records: 120 };
        assert!(found.contains(&violated), "{model}: {found:?}");
    }
}

#[test]
fn a_model_of_an_attribute_that_is_not_released_has_nothing_to_hide() {
    let plan = Plan::from_toml(&format!(
        "{HEAD}[[rule]]\nmatch = {{ column = \"diagnosis\" }}\naction = \"redact\"\n[privacy]\n{ASKED}models = [\"t=0.0\", \"k=2\"]\n"
    ))
    .unwrap();
    let (_, outcome) = deid(&ages(), &plan);
    assert_eq!(breaches(&outcome, &plan), []);
}

#[test]
fn what_no_generalisation_satisfies_is_refused_with_the_best_that_is_possible() {
    // Two diagnoses are all there are.
    let rows = (0..40).map(|i| format!("{},F,{}\n", 20 + i, if i < 30 { "J06" } else { "I10" }));
    let csv = "age,sex,diagnosis\n".to_owned() + &rows.collect::<String>();
    let three = plan(&format!("{ASKED}models = [\"distinct-l=3\", \"k=2\"]\nsuppression = 0.1\n"));
    let (out, outcome) = deid(&csv, &three);
    assert_eq!(out, csv, "nothing is generalised in vain");
    let found = breaches(&outcome, &three);
    assert!(found.contains(&Breach::KAnonymity { measured: 1, required: 2 }), "{found:?}");
    let best = Breach::Unsatisfiable { allowed: 4, records: 40, best: Some(40) };
    assert_eq!(found.last(), Some(&best));
    assert!(best.explain(medveil_deid::detect::Language::En).contains("drops 40 of them (100.00 %)"));

    // A class that is larger than the table.
    let large = plan(&format!("{ASKED}models = [\"k=50\"]\nsuppression = 0.1\n"));
    let (_, outcome) = deid(&csv, &large);
    assert_eq!(
        breaches(&outcome, &large),
        [
            Breach::KAnonymity { measured: 1, required: 50 },
            Breach::Unsatisfiable { allowed: 4, records: 40, best: None }
        ]
    );
}

#[test]
fn a_model_that_needs_a_population_is_refused_and_not_passed_over() {
    let plan = plan(&format!("{ASKED}models = [\"k-map=2\"]\n"));
    let (_, outcome) = deid(&ages(), &plan);
    let found = breaches(&outcome, &plan);
    assert_eq!(found[0], Breach::Unmeasured { model: "k-map=2".into() });
    assert!(
        matches!(&found[1], Breach::NotSearched { reason } if reason.contains("population")),
        "{found:?}"
    );
}

#[test]
fn the_outcome_does_not_depend_on_threads() {
    let rows = (0..4_000_u32).map(|i| format!("{},{},{}\n", i * 7 % 83, i * 13 % 41, i % 7));
    let csv = "age,sex,diagnosis\n".to_owned() + &rows.collect::<String>();
    let plan = plan(&format!("{ASKED}models = [\"k=5\", \"distinct-l=3\"]\nsuppression = 0.03\n"));
    let (out, outcome) = deid_in(&csv, &plan, 1).unwrap();
    let again = deid_in(&csv, &plan, 4).unwrap();
    assert!(out == again.0);
    assert_eq!(outcome.search, again.1.search);
    assert_eq!(outcome.output, again.1.output);
}

#[test]
fn a_value_without_a_place_in_the_plans_hierarchy_is_named_by_its_cell_and_never_shown() {
    let plan = plan(&format!(
        "{ASKED}models = [\"k=5\"]\n[privacy.hierarchies]\nage = {{ intervals = {{ widths = [5] }} }}\n"
    ));
    let csv = ages() + "secret,F,J01\n";
    let error = deid_in(&csv, &plan, 2).unwrap_err();
    assert!(matches!(error.trouble, Trouble::Hierarchy(_)));
    let text = error.to_string();
    assert!(text.starts_with("row 122, column 1 `age`: ") && !text.contains("secret"), "{text}");
}

#[test]
fn plans_with_models_that_do_not_exist_are_refused_when_they_are_read() {
    let error =
        |privacy: &str| Plan::from_toml(&format!("{HEAD}[privacy]\n{privacy}")).unwrap_err().to_string();
    assert!(error("models = [\"distnct-l=3\"]\n").contains("did you mean `distinct-l`?"));
    assert!(error("metric = \"los\"\n").contains("no metric is called `los`"));
    assert!(error("sensitive = [\"diagnosis\"]\nmodels = [\"diagnsis:t=0.2\"]\n").contains("`diagnsis`"));
    assert!(error("linked = \"no\"\n").contains("line 7"));
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn parquet_is_generalised_to_the_same_levels_and_becomes_text_only_where_it_must() {
    let ages: Vec<i32> = (0..200).map(|i| 20 + i % 50).collect();
    let sexes: Vec<&str> = (0..200).map(|i| if i % 3 == 0 { "M" } else { "F" }).collect();
    let csv = "age,sex,diagnosis\n".to_owned()
        + &ages.iter().zip(&sexes).map(|(age, sex)| format!("{age},{sex},7\n")).collect::<String>();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("age", Arc::new(Int32Array::from(ages))),
        ("sex", Arc::new(StringArray::from(sexes))),
        ("diagnosis", Arc::new(Int32Array::from(vec![7; 200]))),
    ];
    let records = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, records.schema(), None).unwrap();
    writer.write(&records).unwrap();
    writer.close().unwrap();

    let plan = plan(&format!(
        "{ASKED}models = [\"k=5\"]\nsuppression = 0.02\n[privacy.hierarchies]\nage = {{ intervals = {{ widths = [5, 10] }} }}\n"
    ));
    let (from_csv, expected) = deid(&csv, &plan);
    let (study, mut out) = (study(), Vec::new());
    let outcome = with_job(2, 1 << 24, |job| {
        let keys = keys(&study);
        let generalisation = search_parquet(file(&bytes), &plan, &study, &keys, None, job).unwrap();
        let protection = Protection { generalisation, ties: None };
        deidentify_parquet(file(&bytes), &mut out, &plan, &study, &keys, protection, job).unwrap()
    });
    assert_eq!(outcome.search, expected.search);
    assert!(outcome.search.as_ref().and_then(SearchResult::found).unwrap().columns[0].level > 0);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file(&out)).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let types: Vec<DataType> = batches[0].schema().fields().iter().map(|f| f.data_type().clone()).collect();
    assert_eq!(types, [DataType::Utf8, DataType::Utf8, DataType::Int32]);
    let mut again = String::from("age,sex,diagnosis\n");
    for batch in &batches {
        let column = |c: usize| batch.column(c).as_any().downcast_ref::<StringArray>().unwrap();
        for row in 0..batch.num_rows() {
            again += &format!("{},{},7\n", column(0).value(row), column(1).value(row));
        }
    }
    assert_eq!(from_csv, again);
    assert_eq!(breaches(&outcome, &plan), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_released_satisfies_the_plan_within_its_limit(
        rows in prop::collection::vec((0_u8..40, 0_u8..3, 0_u8..4), 1..120),
        k in 1_u64..6,
        l in 1_u64..4,
        suppression in 0.0_f64..0.4,
    ) {
        let lines = rows.iter().map(|(age, sex, diagnosis)| format!("{age},{sex},{diagnosis}\n"));
        let csv = "age,sex,diagnosis\n".to_owned() + &lines.collect::<String>();
        let plan = plan(&format!("{ASKED}models = [\"k={k}\", \"distinct-l={l}\"]\nsuppression = {suppression}\n"));
        let (out, outcome) = deid(&csv, &plan);
        let found = matches!(outcome.search, Some(SearchResult::Found(_)));
        prop_assert_eq!(found, breaches(&outcome, &plan).is_empty());
        if found {
            let classes = classes(&out, 2);
            prop_assert!(classes.values().all(|n| *n >= k));
            for class in classes.keys() {
                let prefix = class.join(",") + ",";
                let values: std::collections::BTreeSet<&str> =
                    out.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
                prop_assert!(values.len() as u64 >= l);
            }
            prop_assert!(outcome.dropped as f64 <= suppression * rows.len() as f64);
        } else {
            prop_assert_eq!(out, csv);
        }
    }
}
