//! `medveil bench ledger`: a whole network of node processes on this machine, under load and under faults.
//!
//! Nothing is taken out of the way: real processes over loopback TCP, every transaction signature-checked by every replica, handed over and seen final through the
//! nodes' HTTP API. Signing is done before. Client and nodes share the processors.

mod evidence;
mod faults;
pub(super) mod figures;
mod load;
pub(super) mod members;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::figures::Figures;
use self::load::{Outcome, Senders, Shape};
use self::members::{Network, Plan, Second};
use super::account::SuiteArg;
use crate::console::Console;
use crate::failure::Failure;

/// `medveil bench ledger`.
#[derive(Args, Debug)]
pub struct LedgerArgs {
    /// What is done to the network
    #[arg(long, value_enum, default_value = "load")]
    pub scenario: Scenario,
    /// Nodes [default: 4; 7 for idle and down]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(4..=32))]
    pub nodes: Option<u8>,
    /// Seconds of load
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// How transactions are signed
    #[arg(long, value_enum, default_value = "ed25519")]
    pub suite: SuiteArg,
    /// Transactions that are offered, a second [default: a tenth more than is asked of the network]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=200_000))]
    pub rate: Option<u64>,
    /// Accounts that send them
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub accounts: u64,
    /// Transactions of one request
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub batch: u64,
    /// Transactions under way at most: beyond that the load waits [default: one second's worth]
    #[arg(long, value_name = "N")]
    pub in_flight: Option<u64>,
    /// Threads of consensus of each node
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub node_threads: u64,
    /// A folder for the network, which is removed afterwards [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What is done to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Transactions at a fixed rate; evidence files afterwards.
    Load,
    /// One transaction at a time; memory of nodes that have nothing to do.
    Idle,
    /// `kill -9` of one node under load, and its return.
    Crash,
    /// Two and three of seven nodes down; a validator replaced while another is down.
    Down,
}

impl LedgerArgs {
    /// Nodes of the scenario.
    fn count(&self) -> usize {
        let few = matches!(self.scenario, Scenario::Load | Scenario::Crash);
        usize::from(self.nodes.unwrap_or(if few { 4 } else { 7 }))
    }

    /// The rate that is asked of a network of this size, in transactions a second.
    fn claim(&self) -> u64 {
        match (self.suite, self.count()) {
            (SuiteArg::Sm2, _) => 1000,
            (_, 4 | 5) => 5000,
            _ => 2500,
        }
    }

    fn shape(&self) -> Shape {
        let rate = self.rate.unwrap_or_else(|| self.claim() + self.claim() / 10);
        Shape {
            rate,
            seconds: self.seconds,
            batch: self.batch as usize,
            in_flight: self.in_flight.unwrap_or(rate),
        }
    }

    fn start(
        &self,
        epoch_length: u64,
        second: bool,
    ) -> Result<(tempfile::TempDir, Network, Option<Second>), Failure> {
        let folder = match &self.dir {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        }
        .map_err(Failure::unusable)?;
        let plan = Plan {
            count: self.count(),
            epoch_length,
            threads: self.node_threads,
            second,
            absent: 0,
            mute: 0,
        };
        let (network, second) = Network::start(folder.path(), &plan)?;
        Ok((folder, network, second))
    }
}

/// Runs the scenario.
pub fn run(args: &LedgerArgs, console: &Console) -> Result<(), Failure> {
    console.note(format_args!(
        "{} {} ...",
        console.text("starting node processes:", "正在启动节点进程："),
        args.count()
    ));
    let (value, text) = match args.scenario {
        Scenario::Load => under_load(args, console)?,
        Scenario::Idle => faults::idle(args, console)?,
        Scenario::Crash => faults::crash(args, console)?,
        Scenario::Down => faults::down(args, console)?,
    };
    if args.json { console.json(&value) } else { console.print(text) }
}

/// The figures of a load, as a table and as JSON.
fn told(name: &str, outcome: &Outcome) -> (Figures, Value, String) {
    let refused: u64 = outcome.refused.values().sum();
    let figures = Figures::of(
        outcome.latencies.clone(),
        outcome.lost + refused,
        outcome.sent,
        outcome.sending,
        outcome.whole,
    );
    let value = json!({
        "figures": figures, "acknowledged_and_lost": outcome.lost, "refused": outcome.refused,
        "held_back": outcome.held_back, "requests_repeated": outcome.repeated,
        "longest_gap_seconds": outcome.longest_gap,
    });
    let mut text = figures.table(name);
    text += &format!(
        "\nacknowledged and not final: {}; answers `full`: {}; requests repeated: {}; longest time between blocks: {:.2} s",
        outcome.lost, outcome.held_back, outcome.repeated, outcome.longest_gap
    );
    for (code, count) in &outcome.refused {
        text += &format!("\nrefused: {count} x {code}");
    }
    (figures, value, text)
}

fn under_load(args: &LedgerArgs, console: &Console) -> Result<(Value, String), Failure> {
    let (_folder, mut network, _) = args.start(1000, false)?;
    let mut senders = Senders::open(&network, args.accounts as usize, args.suite.suite())?;
    let shape = args.shape();
    console.note(format_args!(
        "{} {} x {} s ...",
        console.text("signing, then sending", "正在签名，随后发送"),
        shape.rate,
        shape.seconds
    ));
    let (disk_before, cpu_before) = (network.disk(), std::cell::Cell::new(0.0));
    let ran = load::run(&mut network, &mut senders, shape, 0, |network| {
        // Signing is over here, and nothing but the load has cost anything since.
        cpu_before.set(network.all_cpu_seconds());
        let mut resident: Vec<u64> = Vec::new();
        let start = std::time::Instant::now();
        while start.elapsed().as_secs() < args.seconds {
            std::thread::sleep(std::time::Duration::from_millis(500));
            let now = network.resident();
            resident = match resident.is_empty() {
                true => now,
                false => resident.into_iter().zip(now).map(|(before, now)| before.max(now)).collect(),
            };
        }
        Ok(resident)
    });
    let (outcome, resident) = ran.inspect_err(|_| network.keep_logs(console))?;
    let (cpu_after, disk_after) = (network.all_cpu_seconds(), network.disk());
    let name = format!("{} {} nodes={}", console.text("notes", "存证"), args.suite.suite(), args.count());
    let (figures, mut value, mut text) = told(&name, &outcome);
    let replicas = args.count() as f64;
    let all = (figures.succ as f64).max(1.0);
    let cpu_us = (cpu_after - cpu_before.get()) * 1e6 / all / replicas;
    let engine = disk_after.0.saturating_sub(disk_before.0) as f64 / all / replicas;
    let index = disk_after.1.saturating_sub(disk_before.1) as f64 / all / replicas;
    let refused = network
        .client(0)?
        .get("/api/v1/transactions?outcome=refused&limit=1")
        .map_err(|error| error.failure(console))?;
    let by_rules = refused["items"].as_array().map_or(0, Vec::len);
    text += &format!(
        "\nprocessor a transaction and replica: {cpu_us:.0} us; disk a transaction and replica: {engine:.0} B engine, {index:.0} B index; memory of the nodes at most: {}; refused by rules: {by_rules}; load average: {}",
        megabytes(&resident),
        load_average(),
    );
    value["cpu_us_per_transaction_and_replica"] = json!(cpu_us);
    value["engine_bytes_per_transaction_and_replica"] = json!(engine);
    value["index_bytes_per_transaction_and_replica"] = json!(index);
    value["resident_bytes"] = json!(resident);
    value["refused_by_rules"] = json!(by_rules);
    let claim = args.claim();
    let met = figures.throughput >= claim as f64 && figures.p99_latency <= 2.0 && figures.fail == 0;
    value["claim"] = json!({ "throughput": claim, "p99_seconds": 2.0, "met": met });
    text += &format!(
        "\n{}: {} tx/s, p99 2 s: {}",
        console.text("claim", "目标"),
        claim,
        if met { console.text("met", "达到") } else { console.text("missed", "未达到") }
    );
    let (files, lines) = evidence::measure(&network, console)?;
    value["evidence"] = files;
    text += &lines;
    value["environment"] = environment(args);
    Ok((value, text))
}

fn environment(args: &LedgerArgs) -> Value {
    json!({
        "nodes": args.count(), "suite": args.suite.suite().name(), "accounts": args.accounts, "batch": args.batch,
        "cores": super::cores(), "load_average": load_average(),
    })
}

fn megabytes(bytes: &[u64]) -> String {
    let all: Vec<String> = bytes.iter().map(|bytes| format!("{:.0}", *bytes as f64 / 1e6)).collect();
    format!("{} MB", all.join(", "))
}

/// What else the machine does: proc(5), loadavg over one minute.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
