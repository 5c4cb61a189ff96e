//! `medveil bench vault`: what custody costs on this machine.
//!
//! - *stores*: an object sealed and cut into the stores of seven members on disk, read back, with members lost and lying, and rebuilt. In this process, on one
//!   thread, with the code and the store that nodes use.
//! - *committee*: the steps of the committee's key in this process, and a dealer that cheats.
//! - *network*: seven node processes; keys released, ceremonies held, a member down, a member that cheats.

mod cheat;
mod committee;
mod meter;
mod network;
mod stores;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::args::parse_size;
use crate::console::Console;
use crate::failure::Failure;

/// `medveil bench vault`.
#[derive(Args, Debug)]
pub struct VaultArgs {
    /// Parts that are measured, separated by commas [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Size of the object
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = parse_size)]
    pub size: usize,
    /// Keys that are asked for
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub requests: u64,
    /// A folder for stores and network, which is removed afterwards [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// An object in the stores of seven members on disk.
    Stores,
    /// The steps of the committee's key, in one process; a dealer that cheats.
    Committee,
    /// Seven node processes: release of keys, ceremonies, members down.
    Network,
}

/// What a part has found.
#[derive(Default)]
struct Found {
    value: serde_json::Map<String, Value>,
    lines: Vec<String>,
}

impl Found {
    fn note(&mut self, name: &str, value: Value, line: impl Into<String>) {
        self.value.insert(name.to_owned(), value);
        self.lines.push(line.into());
    }
}

/// Runs the parts.
pub fn run(args: &VaultArgs, console: &Console) -> Result<(), Failure> {
    let folder = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
    .map_err(Failure::unusable)?;
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    let mut value = serde_json::Map::new();
    let mut lines = Vec::new();
    let mut add = |name: &str, found: Found| {
        value.insert(name.to_owned(), Value::Object(found.value));
        lines.extend(found.lines);
    };
    // First: later this process has held other things, and its peak memory would tell of them.
    if wanted(Part::Stores) {
        console.note(console.text("objects in stores ...", "对象存取……"));
        add("stores", stores::measure(folder.path(), args.size as u64, console)?);
    }
    if wanted(Part::Committee) {
        console.note(console.text("the committee's key ...", "委员会密钥……"));
        add("committee", committee::measure()?);
    }
    if wanted(Part::Network) {
        console.note(console.text("seven node processes ...", "七个节点进程……"));
        add("network", network::measure(folder.path(), args, console)?);
    }
    value
        .insert("environment".to_owned(), json!({ "cores": super::cores(), "load_average": load_average() }));
    if args.json { console.json(&value) } else { console.print(lines.join("\n")) }
}

/// What else the machine does: proc(5), loadavg over one minute.
fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// How a claim ends in the table.
fn judged(met: bool, console: &Console) -> &'static str {
    match (met, console.lang()) {
        (true, crate::console::Lang::En) => "met",
        (false, crate::console::Lang::En) => "missed",
        (true, crate::console::Lang::Zh) => "达到",
        (false, crate::console::Lang::Zh) => "未达到",
    }
}

/// The middle of some times, and the one that 95 of 100 do not exceed.
fn quantiles(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |share| super::ledger_bench::figures::quantile(&times, share);
    (at(0.5), at(0.95))
}
