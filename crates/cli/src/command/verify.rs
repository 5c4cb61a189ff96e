//! `medveil verify`.

use std::time::Instant;

use medveil_clinical::dataset::{self, Rerun};
use serde_json::json;

use super::{job, read_key};
use crate::args::VerifyArgs;
use crate::console::{Console, interruptible};
use crate::failure::Failure;
use crate::resources::Resources;

/// Checks a receipt or an evidence file. Every check is printed; one that does not hold makes the exit code 1.
pub fn run(args: &VerifyArgs, console: &Console) -> Result<(), Failure> {
    if let Some(bytes) = super::evidence::evidence_in(&args.file)? {
        return super::evidence::verify(&bytes, args.genesis.as_deref(), args.json, console);
    }
    let start = Instant::now();
    let cancelled = interruptible();
    let progress = |_| {};
    let key = args.key.as_deref().map(read_key).transpose()?;
    let rerun = key.as_ref().map(|key| Rerun {
        inputs: &args.raw,
        key,
        seed: args.seed.as_ref().map(|seed| seed.0),
        folder: args.hierarchies.as_deref(),
        earlier: &args.earlier,
    });
    let result = dataset::verify(&args.file, rerun.as_ref(), &job(&args.run, &cancelled, &progress))?;
    if args.json {
        console.json(&json!({
            "holds": result.holds(), "checks": result.checks, "resources": Resources::since(start),
        }))?;
    } else {
        for check in &result.checks {
            let mark = if check.holds {
                console.text("holds ", "成立  ")
            } else {
                console.text("FAILED", "不成立")
            };
            console.print(format_args!("{mark}  {}", check.what))?;
            if let Some(difference) = &check.difference {
                console.print(format_args!("        {difference}"))?;
            }
        }
    }
    if result.holds() {
        return Ok(());
    }
    Err(Failure::Refused(
        console.text("the receipt does not hold for this release", "回执与此发布包不符").to_owned(),
    ))
}
