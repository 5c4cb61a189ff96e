//! `medveil synth`.

use std::time::Instant;

use medveil_clinical::dataset::Stage;
use medveil_synth::{Format, csv, fhir};
use serde_json::json;

use crate::args::SynthArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::resources::Resources;

/// Makes a synthetic hospital.
pub fn run(args: &SynthArgs, console: &Console) -> Result<(), Failure> {
    let start = Instant::now();
    let formats = args
        .formats
        .iter()
        .map(|name| name.parse::<Format>().map_err(Failure::unusable))
        .collect::<Result<Vec<_>, _>>()?;
    let stage = Stage::new(&args.out, &[], args.overwrite).map_err(Failure::unusable)?;
    let bar = console.progress(0);
    bar.set_length(args.patients * formats.len() as u64);
    for (i, format) in formats.iter().enumerate() {
        let done_before = i as u64 * args.patients;
        let mut progress = |done: u64| bar.set_position(done_before + done);
        let written = match format {
            Format::Csv => csv::write_all(stage.path(), args.patients, args.seed, &mut progress),
            Format::Fhir => {
                fhir::write_all(stage.path(), args.patients, args.seed, fhir::Layout::Ndjson, &mut progress)
            }
        };
        written.map_err(Failure::unusable)?;
    }
    bar.finish_and_clear();
    stage.publish().map_err(Failure::unusable)?;
    let resources = Resources::since(start);
    if args.json {
        let formats: Vec<&str> = formats.iter().map(|format| format.name()).collect();
        return console.json(&json!({
            "out": args.out, "patients": args.patients, "seed": args.seed, "formats": formats, "resources": resources,
        }));
    }
    console.note(format_args!(
        "{} {} {} {:.1} s",
        args.patients,
        console.text("patients written to", "名患者的数据已写入"),
        args.out.display(),
        resources.wall_seconds,
    ));
    Ok(())
}
