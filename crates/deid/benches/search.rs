//! The search for the best generalisation, and its parts: counting tuples, judging one node, rolling up to another, the whole lattice, local recoding.
//!
//! Nine quasi-identifiers with the level numbers of UCI Adult (12,960 nodes) and 30,000 records, drawn so that values are unevenly frequent, as people are.

use std::num::NonZeroUsize;
use std::sync::Arc;

use divan::counter::ItemsCount;
use medveil_deid::hierarchy::Hierarchy;
use medveil_deid::metric::Metric;
use medveil_deid::search::{Attribute, Counter, Effort, Problem, Sensitive, Tuples, solve, solve_locally};

fn main() {
    divan::main();
}

const ROWS: usize = 30_000;
/// Values and levels of each attribute.
const ATTRIBUTES: [(usize, usize); 9] =
    [(2, 2), (100, 5), (5, 2), (7, 3), (16, 4), (41, 3), (8, 3), (14, 3), (2, 2)];
const SECRETS: usize = 20;

/// Values that halve, or nearly, from level to level up to one.
fn hierarchy(values: usize, levels: usize) -> Hierarchy {
    let bits = (usize::BITS - values.leading_zeros()) as usize;
    let width = |level: usize| match level {
        0 => 1,
        top if top + 1 == levels => values,
        level => 1 << (level * bits / levels),
    };
    let row = |value: usize| (0..levels).map(|level| format!("{level}:{}", value / width(level))).collect();
    Hierarchy::from_rows((0..values).map(row).collect()).unwrap_or_else(|error| panic!("{error}"))
}

/// Codes of the records, and their sensitive values: low codes are more frequent than high ones.
fn records() -> Vec<(Vec<u32>, u32)> {
    let mut state = 0x853c_49e6_748f_ea9b_u64;
    let mut draw = |values: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let share = (state >> 11) as f64 / (1_u64 << 53) as f64;
        (share * share * values as f64) as u32
    };
    (0..ROWS).map(|_| (ATTRIBUTES.iter().map(|(values, _)| draw(*values)).collect(), draw(SECRETS))).collect()
}

fn tuples(records: &[(Vec<u32>, u32)], sensitive: bool) -> Tuples {
    let domains = ATTRIBUTES.map(|(values, _)| values);
    let mut counter =
        Counter::new(&domains, usize::from(sensitive)).unwrap_or_else(|error| panic!("{error}"));
    for (codes, secret) in records {
        let secret = if sensitive { std::slice::from_ref(secret) } else { &[] };
        counter.add(codes, secret).unwrap_or_else(|error| panic!("{error}"));
    }
    counter.finish()
}

/// The problem; with `heights` false no attribute has a level above its values, so that one node is all there is.
fn problem(models: &[&str], suppression: f64, metric: Metric, heights: bool) -> Problem {
    let sensitive = models.len() > 1;
    let attribute = |(at, (values, levels)): (usize, (usize, usize))| Attribute {
        name: format!("q{at}"),
        hierarchy: Arc::new(hierarchy(values, if heights { levels } else { 1 })),
        weight: 1.0,
    };
    let secret = Sensitive { name: "s".into(), values: SECRETS, hierarchy: None };
    Problem {
        attributes: ATTRIBUTES.into_iter().enumerate().map(attribute).collect(),
        sensitive: if sensitive { vec![secret] } else { Vec::new() },
        tuples: tuples(&records(), sensitive),
        models: models.iter().map(|model| model.parse().unwrap_or_else(|error| panic!("{error}"))).collect(),
        suppression,
        metric,
    }
}

fn with_effort<T>(run: impl FnOnce(&Effort<'_>) -> T) -> T {
    run(&Effort { threads: NonZeroUsize::MIN, memory: 256 << 20, stop: &|| false, progress: &|_| () })
}

fn search(bencher: divan::Bencher<'_, '_>, problem: &Problem) {
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| with_effort(|effort| solve(problem, effort)));
}

#[divan::bench(name = "search::count", args = [false, true], sample_count = 20)]
fn count(bencher: divan::Bencher<'_, '_>, sensitive: bool) {
    let records = records();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| tuples(&records, sensitive));
}

#[divan::bench(name = "search::check/models=k", sample_count = 20)]
fn check_sizes(bencher: divan::Bencher<'_, '_>) {
    search(bencher, &problem(&["k=5"], 1.0, Metric::Loss, false));
}

#[divan::bench(name = "search::check/models=k,t", sample_count = 20)]
fn check_distributions(bencher: divan::Bencher<'_, '_>) {
    search(bencher, &problem(&["k=5", "t=0.2"], 1.0, Metric::Loss, false));
}

/// Two nodes: the second is rolled up from the first.
#[divan::bench(name = "search::roll_up", sample_count = 20)]
fn roll_up(bencher: divan::Bencher<'_, '_>) {
    let mut problem = problem(&["k=5"], 0.0, Metric::Loss, false);
    problem.attributes[1].hierarchy = Arc::new(hierarchy(ATTRIBUTES[1].0, 2));
    search(bencher, &problem);
}

#[divan::bench(name = "search::solve/suppression", args = [0.0, 0.02, 1.0], sample_count = 10)]
fn solve_k(bencher: divan::Bencher<'_, '_>, suppression: f64) {
    search(bencher, &problem(&["k=5"], suppression, Metric::Loss, true));
}

#[divan::bench(name = "search::solve/models", args = ["distinct-l=3", "entropy-l=3", "t=0.2"], sample_count = 3)]
fn solve_sensitive(bencher: divan::Bencher<'_, '_>, model: &str) {
    search(bencher, &problem(&["k=5", model], 0.02, Metric::Loss, true));
}

#[divan::bench(name = "search::solve/metric", args = [Metric::LossGeometric, Metric::Precision, Metric::Discernibility], sample_count = 3)]
fn solve_metric(bencher: divan::Bencher<'_, '_>, metric: Metric) {
    search(bencher, &problem(&["k=5"], 0.02, metric, true));
}

#[divan::bench(name = "search::solve_locally/k=5", sample_count = 5)]
fn local(bencher: divan::Bencher<'_, '_>) {
    let problem = problem(&["k=5"], 0.0, Metric::Loss, true);
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| with_effort(|effort| solve_locally(&problem, effort)));
}
