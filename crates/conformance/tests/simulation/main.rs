//! A consortium in one deterministic process, with faults that a seed decides: the node code and the rules are those of the product.
//!
//! [`Failure`](watch::Failure) states what must not happen; [`Scenario`](scenario::Scenario) what may go wrong. A seed that fails prints how to run it again, and does the same every time.
//!
//! ```text
//! just simulate 1000..5000
//! MEDVEIL_SEED=17 cargo test --release -p medveil-conformance --test simulation replay -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod adversary;
mod chance;
#[path = "../../../ledger/tests/it/claims.rs"]
#[allow(dead_code, reason = "the ledger's own tests use the rest")]
mod claims;
mod consortium;
mod custodian;
mod desk;
mod hospital;
mod judge;
mod people;
mod run;
mod scenario;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use run::{Outcome, run};
use scenario::{People, Scenario, Step};

/// Seeds that every change runs.
const SEEDS: std::ops::Range<u64> = 0..300;

#[test]
fn seeds_do_not_fail() {
    let seeds = std::env::var("MEDVEIL_SEEDS").map_or(SEEDS, |text| {
        let (from, to) = text.split_once("..").expect("MEDVEIL_SEEDS is FROM..TO");
        from.parse().expect("a number")..to.parse().expect("a number")
    });
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let sums = Mutex::new((0, 0, 0, 0));
    let seen = Mutex::new(BTreeMap::<String, usize>::new());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match attempt(seed) {
                        Ok(outcome) => {
                            let mut sums = sums.lock().unwrap();
                            sums.0 += outcome.height;
                            sums.1 += outcome.transactions;
                            sums.2 += outcome.simulated_ms;
                            sums.3 += outcome.crashes;
                            let mut seen = seen.lock().unwrap();
                            *seen.entry("asked after a withdrawal".into()).or_default() +=
                                outcome.asked as usize;
                            for (kind, count) in outcome.seen {
                                *seen.entry(kind).or_default() += count;
                            }
                        }
                        Err(message) => {
                            eprintln!("{message}");
                            failed.lock().unwrap().push(seed);
                        }
                    }
                }
            });
        }
    });
    let (blocks, transactions, simulated, crashes) = *sums.lock().unwrap();
    eprintln!(
        "{} seeds in {:.0?}: {blocks} blocks, {transactions} transactions, {crashes} crashes, {} simulated seconds",
        seeds.end - seeds.start,
        start.elapsed(),
        simulated / 1000,
    );
    let seen = seen.into_inner().unwrap();
    eprintln!("{seen:#?}");
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} seeds fail: {failed:?}", failed.len());
    // Seeds in which nothing happens would prove nothing.
    for kind in LIFE.iter().filter(|_| seeds.end - seeds.start >= 100) {
        assert!(seen.contains_key(*kind), "no seed came to {kind}");
    }
}

/// What people come to, and what they are refused, in any hundred seeds.
const LIFE: &[&str] = &[
    "patient.enrolled",
    "consent.granted",
    "consent.narrowed",
    "consent.withdrawn",
    "contract.countersigned",
    "request.granted",
    "request.refused",
    "request.cancelled",
    "release.posted",
    "release.failed",
    "access.granted",
    "audit.decided",
    "destruction.ordered",
    "destruction.attested",
    "asked after a withdrawal",
    "custodian posts",
    "custodian stopped",
    "custodian passed",
    "decision.budget",
    "decision.overlap",
    "patient.not_yours",
    "release.stale",
    "release.differencing",
    "access.not_yours",
    "access.superseded",
];

/// Runs a seed; says what went wrong and how to see it again.
fn attempt(seed: u64) -> Result<Outcome, String> {
    let scenario = Scenario::from_seed(seed);
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&scenario)));
    let failures = match outcome {
        Ok(outcome) if outcome.failures.is_empty() => return Ok(outcome),
        Ok(outcome) => outcome.failures.join("\n  "),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            format!("panic: {}", text.unwrap_or_default())
        }
    };
    Err(format!(
        "seed {seed} fails:\n  {failures}\n  {scenario:?}\n  again: MEDVEIL_SEED={seed} cargo test --release -p medveil-conformance --test simulation replay -- --nocapture"
    ))
}

/// Runs the seed of `MEDVEIL_SEED` once more. `RUST_LOG=info` tells what each node does.
#[test]
fn replay() {
    let Ok(seed) = std::env::var("MEDVEIL_SEED") else { return };
    let seed = seed.parse().expect("MEDVEIL_SEED is a number");
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_ansi(false)
        .without_time()
        .try_init();
    eprintln!("{:#?}", Scenario::from_seed(seed));
    let start = Instant::now();
    match attempt(seed) {
        Ok(outcome) => eprintln!("{outcome:#?} in {:.1?}", start.elapsed()),
        Err(message) => panic!("{message}"),
    }
}

/// Power is lost in this seed before a node that starts knows where to go on from, and marshal ends under it.
#[test]
fn a_node_that_loses_power_while_it_starts_ends_and_starts_again() {
    if let Err(failure) = attempt(326) {
        panic!("{failure}");
    }
}

#[test]
fn a_seed_does_the_same_every_time() {
    for seed in [1, 2, 3, 7] {
        let scenario = Scenario::from_seed(seed);
        assert_eq!(run(&scenario), run(&scenario), "seed {seed}");
    }
}

/// A quiet consortium, in which only what is named goes wrong.
fn calm(size: usize, ends: u64, steps: Vec<(u64, Step)>) -> Scenario {
    let (seed, epoch_length, retention, latency, pause) = (1, 1_000, None, 10, 300);
    Scenario {
        seed,
        size,
        epoch_length,
        retention,
        latency,
        cheats: Vec::new(),
        pause,
        people: None,
        steps,
        ends,
    }
}

/// Runs scenarios on all threads. None may fail.
fn all_hold(scenarios: &[Scenario]) -> Vec<Outcome> {
    let next = AtomicU64::new(0);
    let outcomes = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let outcome = run(scenario);
                    assert!(outcome.failures.is_empty(), "{scenario:?}: {:#?}", outcome.failures);
                    outcomes.lock().unwrap().push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

#[test]
fn no_crash_at_any_write_loses_what_was_acknowledged() {
    let scenarios: Vec<Scenario> = (1..=120)
        .map(|after| {
            let mut scenario = calm(4, 4_000, vec![(1_500, Step::Crash { member: 1, after, down: 300 })]);
            scenario.pause = 50;
            scenario.seed = after;
            scenario
        })
        .collect();
    let outcomes = all_hold(&scenarios);
    let transactions: usize = outcomes.iter().map(|outcome| outcome.transactions).sum();
    assert!(transactions > 120 * 50, "{transactions} transactions are not much of a load");
}

#[test]
fn two_of_seven_may_be_down_and_with_three_nothing_becomes_final_until_one_returns() {
    let down = |members: std::ops::Range<usize>| {
        members.map(|member| (2_000, Step::Kill { member, down: 20_000 })).collect()
    };
    let [two, three] = [2..4, 2..5].map(|members| run(&calm(7, 24_000, down(members))));
    for outcome in [&two, &three] {
        assert!(outcome.failures.is_empty(), "{:#?}", outcome.failures);
    }
    // What was under way when they went may yet become final.
    let between =
        |outcome: &Outcome| outcome.finals.iter().filter(|at| (4_000..22_000).contains(*at)).count();
    assert!(between(&two) >= 5, "{:?}", two.finals);
    assert_eq!(between(&three), 0, "{:?}", three.finals);
    assert!(three.finals.iter().any(|at| *at > 22_000), "{:?}", three.finals);
}

/// Members keep the last blocks only. What was written before is provable, over a change of validators whose blocks are gone, and a member that joins then begins with a snapshot.
#[test]
fn what_is_retained_stays_provable_after_pruning() {
    let steps = vec![
        (2_000, Step::Replace { organisation: 1, machine: 4, snapshot: false }),
        (3_000, Step::Kill { member: 3, down: 2_000 }),
        (200_000, Step::Replace { organisation: 2, machine: 5, snapshot: true }),
        (205_000, Step::Crash { member: 0, after: 50, down: 300 }),
    ];
    let mut scenario = calm(4, 210_000, steps);
    (scenario.epoch_length, scenario.retention) = (8, Some(1));
    let outcome = run(&scenario);
    assert!(outcome.failures.is_empty(), "{:#?}", outcome.failures);
    assert_eq!(outcome.pruning, [0, 3, 4, 5], "height {}", outcome.height);
}

/// Nothing fails but what people do: a request is granted, released, used, withdrawn from, challenged and destroyed, all are refused what they must not, and no node grants a withdrawn access for a block longer.
#[test]
fn the_life_of_a_dataset_goes_its_way_among_honest_and_dishonest_people() {
    let scenarios: Vec<Scenario> = (1..=4)
        .map(|seed| {
            let mut scenario = calm(4, 40_000, Vec::new());
            scenario.seed = seed;
            let dishonest = if seed % 2 == 0 { BTreeSet::from([0, 2]) } else { BTreeSet::new() };
            scenario.people = Some(People { dishonest, custodians: BTreeSet::from([1]), pause: 250 });
            scenario
        })
        .collect();
    let outcomes = all_hold(&scenarios);
    // Not in each: a dishonest hospital may close its contract before anybody asks.
    for kind in ["request.granted", "release.posted", "access.granted", "consent.withdrawn", "audit.decided"]
    {
        assert!(outcomes.iter().any(|outcome| outcome.seen.contains_key(kind)), "{kind}");
    }
    assert!(outcomes.iter().any(|outcome| outcome.asked > 0), "nobody was asked after a withdrawal");
}
