//! How long a release of 10,000 patients takes, and where the time goes: `cargo test --release -p medveil-custodian --test custodian -- --ignored --nocapture`.

use std::time::Instant;

use medveil_deid::plan::Plan;
use medveil_ledger::*;

use crate::world::*;

#[test]
#[ignore = "a measurement"]
fn ten_thousand_patients() {
    let mut world = World::new(1);
    let data = world.home.path().join("data");
    std::fs::remove_file(data.join("visits.csv")).unwrap();
    medveil_synth::csv::write_all(&data, 10_000, 1, &mut |_| ()).unwrap();
    // Whoever consents is another test's matter: by a waiver all are in it, and all consents are looked for.
    let plan = medveil_deid::plan::builtin::find("gbt-37964-controlled").unwrap();
    world.plan = Plan::from_toml(plan.text).unwrap();
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
