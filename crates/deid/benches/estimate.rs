//! Population estimates and workloads: what one figure costs.
//!
//! `cargo bench -p medveil-deid --bench estimate`

use std::collections::BTreeMap;

use divan::Bencher;
use medveil_deid::risk::{Population, Sample, population_risk, uniqueness};
use medveil_deid::utility::{Column, Table, Workload, workload};

fn main() {
    divan::main();
}

/// Class sizes that fall as a power, of about that many records.
fn sample(records: u64) -> Sample {
    let sizes: BTreeMap<u64, u64> = (1..3000_u64)
        .map(|size| (size, (records as f64 * 0.15 / (size as f64).powf(2.2)) as u64))
        .filter(|(_, classes)| *classes > 0)
        .collect();
    Sample::new(&sizes, Population::Fraction(0.05)).expect("a fraction")
}

/// The figure of the rule alone, as a search asks for it.
#[divan::bench(name = "risk::uniqueness/records", args = [30_000, 1_000_000, 50_000_000])]
fn rule(bencher: Bencher<'_, '_>, records: u64) {
    let sample = sample(records);
    bencher.bench(|| uniqueness(divan::black_box(&sample), None));
}

/// Every figure, as `assess` prints them.
#[divan::bench(name = "risk::population_risk/records", args = [30_000, 1_000_000, 50_000_000])]
fn all(bencher: Bencher<'_, '_>, records: u64) {
    let sample = sample(records);
    bencher.bench(|| population_risk(divan::black_box(&sample)));
}

/// One task on 30,000 records of eight columns.
#[divan::bench(name = "utility::workload", args = ["target=c0", "associations", "regression=c0~c1+c2"])]
fn task(bencher: Bencher<'_, '_>, task: &str) {
    let columns = (0..8_u64)
        .map(|c| {
            let levels = [2, 70, 5, 7, 16, 41, 7, 14][c as usize];
            let value = |row: u64| (row.wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (c << 7)) >> 40) % levels;
            let values: Vec<String> = (0..30_000).map(|row| value(row).to_string()).collect();
            (format!("c{c}"), Column::of(values.iter().map(String::as_str)))
        })
        .collect();
    let table = Table::new(columns).expect("columns of the same length");
    let workload_of = Workload { tasks: vec![task.parse().expect("a task")], ..Workload::default() };
    bencher.bench(|| workload(divan::black_box(&table), &table, &workload_of));
}
