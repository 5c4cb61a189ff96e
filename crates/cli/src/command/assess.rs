//! `medveil assess`.

use std::time::Instant;

use medveil_clinical::dataset;
use medveil_deid::plan::ReleaseModel;
use medveil_deid::risk::Population;
use serde_json::json;

use super::{job, total_size};
use crate::args::{AssessArgs, ReleaseModelArg};
use crate::console::{Console, interruptible};
use crate::failure::Failure;
use crate::resources::Resources;

/// Measures the risk of a table as it stands.
pub fn run(args: &AssessArgs, console: &Console) -> Result<(), Failure> {
    let start = Instant::now();
    let cancelled = interruptible();
    let inputs: Vec<_> = [&args.input].into_iter().chain(&args.population_table).cloned().collect();
    let bar = console.progress(total_size(&inputs));
    let progress = |bytes| bar.inc(bytes);
    let model = match args.release_model {
        ReleaseModelArg::Public => ReleaseModel::Public,
        ReleaseModelArg::Controlled => ReleaseModel::Controlled,
        ReleaseModelArg::Enclave => ReleaseModel::Enclave,
    };
    let job = job(&args.run, &cancelled, &progress);
    let size = args.population.map(Population::Size);
    let population = size.or(args.sampling_fraction.map(Population::Fraction));
    let assessed =
        dataset::assess(&args.input, &args.quasi_identifiers, &args.sensitive, &job).and_then(|assessed| {
            match (population, &args.population_table) {
                (Some(population), _) => assessed.in_population(population),
                (None, Some(table)) => assessed.in_table(table, &job),
                (None, None) => Ok(assessed),
            }
        });
    bar.finish_and_clear();
    let assessed = assessed?;
    if args.json {
        return console
            .json(&json!({ "assessment": assessed.figures(model), "resources": Resources::since(start) }));
    }
    for line in assessed.lines(model, console.lang() == crate::console::Lang::Zh) {
        console.print(line)?;
    }
    Ok(())
}
