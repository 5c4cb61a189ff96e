//! How long a release of 10,000 patients takes, and where the time goes: `cargo test --release -p medveil-custodian --test custodian -- --ignored --nocapture`.

use std::time::Instant;

use medveil_deid::plan::Plan;
use medveil_ledger::*;

use crate::world::World;

const PLAN: &str = r#"
[plan]
name = "figures"
version = 1
release-model = "controlled"
subject = "patient_id"

[[rule]]
match = { column = "patient_id" }
action = "pseudonymize"

[[rule]]
match = { column = "sex" }
action = "keep"

[[rule]]
match = { column = "age" }
action = "keep"

[[rule]]
match = { column = "diagnosis_code" }
action = "keep"

[[rule]]
match = { column = "glucose" }
action = { laplace = { epsilon = 1.0, lower = 0.0, upper = 40.0, decimals = 1 } }

[privacy]
quasi-identifiers = ["sex", "age"]
models = ["k=11"]
suppression = 0.05
"#;

#[test]
#[ignore = "a measurement"]
fn ten_thousand_patients() {
    let mut world = World::new(1);
    let data = world.home.path().join("data");
    std::fs::remove_file(data.join("visits.csv")).unwrap();
    medveil_synth::csv::write_all(&data, 10_000, 1, &mut |_| ()).unwrap();
    // One table: what patients are by all five together is another plan's matter.
    for other in ["patients", "diagnoses", "labs", "medications"] {
        std::fs::remove_file(data.join(format!("{other}.csv"))).unwrap();
    }
    std::fs::write(world.home.path().join("plans/figures.toml"), PLAN).unwrap();
    world.plan = Plan::from_toml(PLAN).unwrap();
    let start = Instant::now();
    world.keeper().turn().unwrap();
    println!("register: {:?}", start.elapsed());
    let request = world.request("research", |terms| {
        terms.consent = terms::ConsentMode::OptOut;
        terms.max_risk_ppm = 200_000;
        terms.min_cohort = 5;
    });
    let start = Instant::now();
    let turn = world.keeper().turn().unwrap();
    let all = start.elapsed();
    for (step, took) in &turn.steps {
        println!("{step}: {took:?}, {:.0} %", took.as_secs_f64() / all.as_secs_f64() * 100.0);
    }
    println!("request -> release posted: {all:?}; {:?}", turn.ended);
    if let Some(posted) = world.posted(request) {
        println!("{:?}", posted.value.figures);
    }
}
