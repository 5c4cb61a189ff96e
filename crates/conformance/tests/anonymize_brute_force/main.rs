//! The search against a brute force that shares no code with it: random tables, hierarchies, models and metrics.
//!
//! `PROPTEST_CASES=20000 cargo test --release -p medveil-conformance --test anonymize_brute_force` looks further than the gate does.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the test functions")]

mod cases;
mod naive;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use medveil_deid::hierarchy::Hierarchy;
use medveil_deid::search::{
    Attribute, Candidate, Counter, Effort, LocalOutcome, Outcome, Problem, ProblemError, Recoding, Sensitive,
    solve, solve_locally,
};
use proptest::prelude::*;

use cases::cases;
use naive::{Attr, Case};

/// The problem of a case, as a user of the library poses it.
fn problem(case: &Case) -> Problem {
    let domains: Vec<usize> = case.attributes.iter().map(|attr| attr.rows.len()).collect();
    let mut counter = Counter::new(&domains, case.secrets.len()).unwrap();
    let codes = |values: &[usize]| -> Vec<u32> { values.iter().map(|value| *value as u32).collect() };
    for record in &case.records {
        counter.add(&codes(&record.values), &codes(&record.secrets)).unwrap();
    }
    case.persons().for_each(|values| counter.add_population(&codes(values)));
    let hierarchy = |rows: &Vec<Vec<String>>| Arc::new(Hierarchy::from_rows(rows.clone()).unwrap());
    Problem {
        attributes: case
            .attributes
            .iter()
            .enumerate()
            .map(|(at, attr)| Attribute {
                name: format!("q{at}"),
                hierarchy: hierarchy(&attr.rows),
                weight: attr.weight,
            })
            .collect(),
        sensitive: case
            .secrets
            .iter()
            .map(|secret| Sensitive {
                name: secret.name.clone(),
                values: secret.rows.len(),
                hierarchy: Some(hierarchy(&secret.rows)),
            })
            .collect(),
        tuples: counter.finish(),
        models: case.models.iter().map(|model| model.parse().unwrap()).collect(),
        suppression: case.suppression,
        metric: case.metric.parse().unwrap(),
    }
}

fn with_effort<T>(threads: usize, memory: usize, run: impl FnOnce(&Effort<'_>) -> T) -> T {
    let threads = NonZeroUsize::new(threads).unwrap();
    run(&Effort { threads, memory, stop: &|| false, progress: &|_| () })
}

/// How far two scores may differ: entropy is counted in units of 2^-20 bits, all others exactly.
fn tolerance(case: &Case, score: f64) -> f64 {
    match &*case.metric {
        "entropy" => 1e-5,
        _ => 1e-9 * score.abs().max(1.0),
    }
}

/// Why a problem is refused rather than searched, if it is.
fn refusal(case: &Case) -> bool {
    let least = |model: &String| match model.split_once('=').unwrap() {
        ("k", k) => k.parse().unwrap(),
        ("max-risk", risk) => (1.0 / risk.parse::<f64>().unwrap()).ceil() as usize,
        _ => 1,
    };
    case.models.iter().any(|model| least(model) > case.records.len())
}

/// Holds a search against the reference.
fn compare(case: &Case, outcome: &Outcome) -> Result<(), TestCaseError> {
    let solutions = case.solutions(case.suppression);
    let least = solutions.iter().map(|solution| solution.score).fold(f64::INFINITY, f64::min);
    prop_assert!(outcome.proven);
    let Some(solution) = &outcome.solution else {
        let levels: Vec<_> = solutions.iter().map(|solution| &solution.levels).collect();
        prop_assert!(solutions.is_empty(), "nothing was found; there are {levels:?}");
        return Ok(());
    };
    let candidate = &solution.candidate;
    let node: Vec<usize> = candidate.levels.iter().map(|level| usize::from(*level)).collect();
    let Some(same) = solutions.iter().find(|solution| solution.levels == node) else {
        return Err(TestCaseError::fail(format!("{node:?} is no solution: {:?}", case.at(&node))));
    };
    let tolerance = tolerance(case, least);
    let best: Vec<_> = solutions.iter().filter(|one| one.score <= least + tolerance).collect();
    prop_assert!(
        (candidate.score - least).abs() <= tolerance,
        "{} at {node:?} against {least} at {:?}",
        candidate.score,
        best.iter().map(|one| &one.levels).collect::<Vec<_>>()
    );
    prop_assert!((candidate.score - same.score).abs() <= tolerance);
    let figures = |c: &Candidate| (c.suppressed_rows, c.classes, c.min_class, c.max_class);
    let expected = (same.suppressed, same.classes, same.smallest, same.largest);
    let expected = (expected.0 as u64, expected.1 as u64, expected.2 as u64, expected.3 as u64);
    prop_assert_eq!(figures(candidate), expected);
    // Of equally good nodes the one with fewer suppressed records wins, where no rounding decides.
    if case.metric == "discernibility" {
        prop_assert_eq!(same.suppressed, best.iter().map(|one| one.suppressed).min().unwrap());
    }
    // And exactly those records are suppressed.
    let gone: BTreeSet<usize> = (0..case.records.len())
        .filter(|record| levels_of(case, &solution.recoding, *record).is_none())
        .collect();
    prop_assert_eq!(&gone, &same.gone);
    for other in &outcome.others {
        let node: Vec<usize> = other.levels.iter().map(|level| usize::from(*level)).collect();
        let same = solutions.iter().find(|solution| solution.levels == node);
        prop_assert!(same.is_some_and(|same| (same.score - other.score).abs() <= tolerance));
    }
    Ok(())
}

fn levels_of(case: &Case, recoding: &Recoding, record: usize) -> Option<Vec<usize>> {
    let codes: Vec<u32> = case.records[record].values.iter().map(|value| *value as u32).collect();
    recoding.levels(&codes).map(|levels| levels.iter().map(|level| usize::from(*level)).collect())
}

/// What everybody sees of values that are recoded: the levels, and the labels there.
type Seen = (Vec<usize>, Vec<String>);

fn seen(case: &Case, recoding: &Recoding, values: &[usize]) -> Option<Seen> {
    let codes: Vec<u32> = values.iter().map(|value| *value as u32).collect();
    let levels = recoding.levels(&codes)?;
    let labels = levels.iter().zip(&codes).enumerate().map(|(at, (level, code))| {
        let label = recoding.label(at, *level, *code);
        assert_eq!(label, case.attributes[at].rows[*code as usize][usize::from(*level)]);
        label.to_owned()
    });
    let labels = labels.collect();
    Some((levels.iter().map(|level| usize::from(*level)).collect(), labels))
}

/// Every class of a local recoding satisfies every model, and what is said of the whole is true.
fn holds_locally(case: &Case, local: &LocalOutcome) -> Result<(), TestCaseError> {
    let mut classes: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
    let mut regions: BTreeMap<Seen, Vec<usize>> = BTreeMap::new();
    for (number, record) in case.records.iter().enumerate() {
        if let Some(seen) = seen(case, &local.recoding, &record.values) {
            classes.entry(seen.1.clone()).or_default().push(number);
            regions.entry(seen).or_default().push(number);
        }
    }
    let mut persons: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for values in case.persons() {
        if let Some((_, labels)) = seen(case, &local.recoding, values) {
            *persons.entry(labels).or_default() += 1;
        }
    }
    // A recipient tells classes apart by their labels alone.
    for (labels, members) in &classes {
        let persons = persons.get(labels).copied().unwrap_or(0);
        prop_assert!(case.satisfies(members, persons), "{labels:?}: {members:?} of {persons} persons");
    }
    let sizes: Vec<usize> = classes.values().map(Vec::len).collect();
    prop_assert!(case.table_holds(&sizes), "{sizes:?}");
    let released: usize = sizes.iter().sum();
    let suppressed = case.records.len() - released;
    prop_assert_eq!(local.suppressed_rows, suppressed as u64);
    let allowed = (case.suppression * case.records.len() as f64).floor() as usize;
    prop_assert!(suppressed <= allowed);
    // The product counts regions, which may share labels where a level keeps the names of the one below.
    if regions.len() == classes.len() {
        let mut counted: BTreeMap<u64, u64> = BTreeMap::new();
        sizes.iter().for_each(|size| *counted.entry(*size as u64).or_default() += 1);
        prop_assert_eq!(&local.class_sizes, &counted.into_iter().collect::<Vec<_>>());
        let score = case.score(&|record| levels_of(case, &local.recoding, record), &sizes);
        prop_assert!((score - local.score).abs() <= tolerance(case, score), "{score}, {}", local.score);
    }
    Ok(())
}

/// A local recoding costs no more than the best global one, if what that suppresses satisfies the models together.
fn is_no_worse_than_global(case: &Case, local: &LocalOutcome) -> Result<(), TestCaseError> {
    let unlimited = Case { suppression: 1.0, ..case.clone() };
    let global = with_effort(1, 1 << 20, |effort| solve(&problem(&unlimited), effort)).unwrap();
    let Some(global) = global.solution else { return Ok(()) };
    let levels: Vec<usize> = global.candidate.levels.iter().map(|level| usize::from(*level)).collect();
    let at = unlimited.at(&levels).unwrap();
    let mut together: BTreeMap<Vec<&String>, Vec<usize>> = BTreeMap::new();
    for record in &at.gone {
        let values = case.attributes.iter().zip(&case.records[*record].values);
        together
            .entry(values.map(|(a, value)| a.rows[*value].last().unwrap()).collect())
            .or_default()
            .push(*record);
    }
    let of_table = case.models.iter().any(|model| model.starts_with("average") || model.contains("uniques"));
    if of_table || case.others.is_some() || !together.values().all(|members| case.satisfies(members, 0)) {
        return Ok(());
    }
    let tolerance = tolerance(case, global.candidate.score);
    prop_assert!(local.score <= global.candidate.score + tolerance, "{} > {}", local.score, at.score);
    Ok(())
}

proptest! {
    #[test]
    fn the_optimum_is_that_of_a_brute_force(case in cases()) {
        let problem = problem(&case);
        let outcome = with_effort(1, 1 << 20, |effort| solve(&problem, effort));
        if refusal(&case) {
            let refused = matches!(outcome, Err(ProblemError::ClassLargerThanTable { .. }));
            prop_assert!(refused);
            return Ok(());
        }
        let outcome = outcome.unwrap();
        compare(&case, &outcome)?;
        // Neither threads nor memory for grouped tables change it.
        let again = with_effort(4, 0, |effort| solve(&problem, effort)).unwrap();
        let candidate = |outcome: &Outcome| outcome.solution.as_ref().map(|solution| solution.candidate.clone());
        prop_assert_eq!(candidate(&outcome), candidate(&again));
        prop_assert!(again.proven);
    }

    #[test]
    fn every_class_of_a_local_recoding_satisfies_every_model(case in cases()) {
        let outcome = with_effort(1, 1 << 20, |effort| solve_locally(&problem(&case), effort));
        if refusal(&case) {
            let refused = matches!(outcome, Err(ProblemError::ClassLargerThanTable { .. }));
            prop_assert!(refused);
            return Ok(());
        }
        match outcome.unwrap() {
            Some(local) => {
                holds_locally(&case, &local)?;
                is_no_worse_than_global(&case, &local)?;
            }
            // Nothing is found only where releasing everything at the top is no solution.
            None => {
                let top: Vec<usize> = case.attributes.iter().map(|attr| attr.levels() - 1).collect();
                let allowed = (case.suppression * case.records.len() as f64).floor() as usize;
                prop_assert!(case.at(&top).is_none_or(|top| top.suppressed > allowed));
            }
        }
    }
}

/// Columns of one value each out of 65,536 make the tuples wider than 64 bits, and change nothing else.
fn widened(case: &Case) -> Case {
    static WIDE: OnceLock<Attr> = OnceLock::new();
    let wide = WIDE.get_or_init(|| Attr::new((0..1 << 16).map(|v| vec![format!("w{v}")]).collect(), 1.0));
    let mut case = case.clone();
    for at in 0..4 {
        case.attributes.push(wide.clone());
        let widen = |values: &mut Vec<usize>| values.push(1 << (at * 4));
        case.records.iter_mut().for_each(|record| widen(&mut record.values));
        case.others.iter_mut().flatten().for_each(widen);
    }
    case
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tuples_of_more_than_64_bits_are_searched_alike(case in cases()) {
        let case = widened(&case);
        if refusal(&case) {
            return Ok(());
        }
        let problem = problem(&case);
        compare(&case, &with_effort(2, 1 << 20, |effort| solve(&problem, effort)).unwrap())?;
        if let Some(local) = with_effort(2, 1 << 20, |effort| solve_locally(&problem, effort)).unwrap() {
            holds_locally(&case, &local)?;
        }
    }
}
