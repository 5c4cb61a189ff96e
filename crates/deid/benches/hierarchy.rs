//! Hierarchies: how fast files are read, and built for the values that occur.
//!
//! `cargo bench -p medveil-deid --bench hierarchy`

use divan::{Bencher, counter::ItemsCount};
use medveil_deid::hierarchy::{HierarchySpec, file};

fn main() {
    divan::main();
}

/// A file as ARX writes it, of so many values and five levels.
#[divan::bench(name = "hierarchy::read", args = [1_000, 100_000])]
fn read(bencher: Bencher<'_, '_>, values: u32) {
    let text: String =
        (0..values).map(|n| format!("{n};{};{};{};*\n", n / 5 * 5, n / 10 * 10, n / 20 * 20)).collect();
    bencher
        .counter(ItemsCount::new(values))
        .bench(|| file::read(divan::black_box(text.as_bytes())).expect("the rows are a hierarchy"));
}

/// The hierarchy of 10,000 distinct values by each builder.
#[divan::bench(name = "hierarchy::build", args = ["age", "dates", "division", "icd-10", "intervals", "prefix"])]
fn build(bencher: Bencher<'_, '_>, name: &str) {
    const VALUES: u32 = 10_000;
    let (spec, value): (serde_json::Value, fn(u32) -> String) = match name {
        "age" => (serde_json::json!("age"), |n| format!("{}.{}", n / 100, n % 100)),
        "dates" => (serde_json::json!("dates"), |n| {
            format!("{}-{:02}-{:02}", 1980 + n / 336, n / 28 % 12 + 1, n % 28 + 1)
        }),
        "division" => (serde_json::json!("division"), |n| format!("江苏省南京市鼓楼区汉口路{n}号")),
        "icd-10" => (serde_json::json!("icd-10"), |n| format!("E{:02}.{:03}", n / 1000 + 10, n % 1000)),
        "intervals" => (serde_json::json!({ "intervals": { "widths": [0.5, 5, 50] } }), |n| {
            format!("{}.{}", n / 10, n % 10)
        }),
        _ => {
            (serde_json::json!({ "prefix": { "levels": [4, 3, 2] } }), |n| format!("{:06}", 100_000 + n * 7))
        }
    };
    let spec = HierarchySpec::from_json(spec).expect("the settings are good");
    let values: Vec<String> = (0..VALUES).map(value).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    bencher
        .counter(ItemsCount::new(VALUES))
        .bench(|| spec.build(divan::black_box(&values), None).expect("every value is read"));
}
