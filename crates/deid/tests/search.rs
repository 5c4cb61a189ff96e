//! Cases in which a search was once wrong, or could easily be. The whole is held against a brute force in `medveil-conformance`.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the test functions")]

use std::num::NonZeroUsize;
use std::sync::Arc;

use medveil_deid::hierarchy::Hierarchy;
use medveil_deid::search::{
    Attribute, Counter, Effort, LocalOutcome, Outcome, Problem, Sensitive, solve, solve_locally,
};

/// One attribute a slice; each of its rows is a value and its labels, separated by spaces.
fn attributes(rows: &[&[&str]]) -> Vec<Attribute> {
    let row = |row: &&str| row.split(' ').map(str::to_owned).collect();
    let attribute = |(at, rows): (usize, &&[&str])| Attribute {
        name: format!("q{at}"),
        hierarchy: Arc::new(Hierarchy::from_rows(rows.iter().map(row).collect()).unwrap()),
        weight: 1.0,
    };
    rows.iter().enumerate().map(attribute).collect()
}

/// The search of a table of `(codes, sensitive code, records)` among `others` beside them.
fn problem(
    hierarchies: &[&[&str]],
    table: &[(&[u32], u32, usize)],
    others: &[&[u32]],
    models: &[&str],
    suppression: f64,
    metric: &str,
) -> Problem {
    let attributes = attributes(hierarchies);
    let domains: Vec<usize> = attributes.iter().map(|attribute| attribute.hierarchy.values()).collect();
    let mut counter = Counter::new(&domains, 1).unwrap();
    for (codes, secret, records) in table {
        (0..*records).for_each(|_| counter.add(codes, &[*secret]).unwrap());
    }
    if !others.is_empty() {
        for (codes, _, records) in table {
            (0..*records).for_each(|_| counter.add_population(codes));
        }
        others.iter().for_each(|codes| counter.add_population(codes));
    }
    Problem {
        attributes,
        sensitive: vec![Sensitive { name: "s".into(), values: 3, hierarchy: None }],
        tuples: counter.finish(),
        models: models.iter().map(|model| model.parse().unwrap()).collect(),
        suppression,
        metric: metric.parse().unwrap(),
    }
}

fn effort<T>(run: impl FnOnce(&Effort<'_>) -> T) -> T {
    run(&Effort { threads: NonZeroUsize::MIN, memory: 1 << 20, stop: &|| false, progress: &|_| () })
}

fn global(problem: &Problem) -> Outcome {
    effort(|effort| solve(problem, effort)).unwrap()
}

fn local(problem: &Problem) -> Option<LocalOutcome> {
    effort(|effort| solve_locally(problem, effort)).unwrap()
}

#[test]
fn a_model_that_unions_may_break_excludes_no_finer_node() {
    // a and b satisfy delta-disclosure apart and not together: b lacks the first sensitive value.
    let classes = [(0, [3, 10, 7]), (1, [0, 10, 10]), (2, [17, 20, 23])];
    let codes = [[0], [1], [2]];
    let table: Vec<(&[u32], u32, usize)> = classes
        .iter()
        .flat_map(|(value, counts)| {
            counts.iter().enumerate().map(|(secret, n)| (&codes[*value as usize][..], secret as u32, *n))
        })
        .collect();
    let hierarchy: &[&str] = &["a ab *", "b ab *", "c c *"];
    let outcome = global(&problem(&[hierarchy], &table, &[], &["delta-disclosure=0.8"], 0.0, "loss"));
    let candidate = outcome.solution.unwrap().candidate;
    assert_eq!((&candidate.levels[..], candidate.score), (&[0][..], 0.0));
}

#[test]
fn a_node_that_no_suppression_mends_says_nothing_of_class_sizes() {
    // Nobody of the table is at (a, q), where a person of the population is: only nodes that join p and q, or all of the first, hold.
    let first: &[&str] = &["a x *", "b y *", "c y *"];
    let second: &[&str] = &["p *", "q *"];
    let table: &[(&[u32], u32, usize)] = &[(&[0, 0], 0, 2), (&[1, 0], 0, 2), (&[2, 1], 0, 2)];
    let models = ["delta-presence=0.1,1"];
    let problem = problem(&[first, second], table, &[&[0, 1]], &models, 0.2, "average-class-size");
    let candidate = global(&problem).solution.unwrap().candidate;
    assert_eq!((&candidate.levels[..], candidate.score, candidate.classes), (&[0, 1][..], 2.0, 3));
}

#[test]
fn local_recoding_takes_no_labels_of_a_hierarchy_without_a_root_for_one_class() {
    let hierarchy: &[&str] = &["a x", "b y"];
    let table: &[(&[u32], u32, usize)] = &[(&[0], 0, 3), (&[1], 0, 1)];
    let outcome = local(&problem(&[hierarchy], table, &[], &["k=2"], 0.5, "loss")).unwrap();
    assert_eq!((outcome.suppressed_rows, &outcome.class_sizes[..]), (1, &[(3, 1)][..]));
    assert_eq!(outcome.recoding.levels(&[1]), None);
    // Where nothing may be suppressed there is no such release.
    assert!(local(&problem(&[hierarchy], table, &[], &["k=2"], 0.0, "loss")).is_none());
}

#[test]
fn local_recoding_stays_coarse_where_a_model_on_the_table_asks_for_it() {
    let hierarchy: &[&str] = &["a *", "b *"];
    let table: &[(&[u32], u32, usize)] = &[(&[0], 0, 2), (&[1], 0, 2)];
    let outcome = local(&problem(&[hierarchy], table, &[], &["average-risk=0.3"], 0.0, "loss")).unwrap();
    assert_eq!((outcome.suppressed_rows, &outcome.class_sizes[..]), (0, &[(4, 1)][..]));
}

#[test]
fn a_search_that_is_stopped_at_once_gives_the_coarsest_node_and_bounds_what_it_missed() {
    let hierarchy: &[&str] = &["a *", "b *"];
    let table: &[(&[u32], u32, usize)] = &[(&[0], 0, 2), (&[1], 0, 2)];
    let problem = problem(&[hierarchy], table, &[], &["k=2"], 0.0, "loss");
    let stopped = Effort { threads: NonZeroUsize::MIN, memory: 0, stop: &|| true, progress: &|_| () };
    let outcome = solve(&problem, &stopped).unwrap();
    assert_eq!((outcome.proven, outcome.bound, outcome.gap()), (false, 0.0, Some(1.0)));
    assert_eq!(outcome.solution.unwrap().candidate.levels, [1]);
}
