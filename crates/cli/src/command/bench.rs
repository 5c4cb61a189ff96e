//! `medveil bench`: the figures of docs/benchmarks.md, on the user's own machine.
//!
//! The measured command runs as a process of its own, which reports its processor time and memory; generating the data counts for nothing.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::cores;
use crate::args::{BenchArgs, BenchName, BenchNetwork};
use crate::console::Console;
use crate::failure::Failure;

/// Two columns redacted, two pseudonymised, two dates shifted, three generalised, one with noise, the rest kept.
const CSV_PLAN: &str = include_str!("bench_visits.toml");
const SEED: u64 = 1;
/// Of the visits, what somebody may know who looks for a person; and what is left out.
const QUASI_IDENTIFIERS: &str = "sex,birth_date,postcode,district_code,department,admit_date,discharge_date";
const IDENTIFIERS: &str = "visit_id,patient_id,name,resident_id,phone,address,insurance_no";

/// Runs one benchmark.
pub fn run(args: &BenchArgs, console: &Console) -> Result<(), Failure> {
    match &args.network {
        Some(BenchNetwork::Ledger(args)) => return super::ledger_bench::run(args, console),
        Some(BenchNetwork::Vault(args)) => return super::vault_bench::run(args, console),
        Some(BenchNetwork::Release(args)) => return super::release_bench::run(args, console),
        None => {}
    }
    let name = args.name.expect("the command line has a name or a network");
    let folder = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
    .map_err(Failure::unusable)?;
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let size = args.size as u64;
    let threads = args.threads.unwrap_or_else(cores).to_string();
    console.note(console.text("generating data ...", "正在生成数据……"));
    let arguments: Vec<String> = match name {
        BenchName::Synth => {
            ["synth", "--patients", "50000", "--seed", "1", "--json", "--out", &path("hospital")]
                .map(str::to_owned)
                .to_vec()
        }
        BenchName::Csv | BenchName::Scan => {
            generate(&folder.join("visits.csv"), |file| medveil_synth::csv::visits_sized(SEED, size, file))?;
            if name == BenchName::Scan {
                ["scan", &path("visits.csv"), "--json", "--threads", &threads].map(str::to_owned).to_vec()
            } else {
                std::fs::write(folder.join("plan.toml"), CSV_PLAN).map_err(Failure::unusable)?;
                deid(&path("visits.csv"), &path("plan.toml"), folder, &threads)?
            }
        }
        BenchName::Fhir => {
            generate(&folder.join("fhir.ndjson"), |file| {
                medveil_synth::fhir::ndjson_sized(SEED, size, file)
            })?;
            deid(&path("fhir.ndjson"), "hipaa-safe-harbor", folder, &threads)?
        }
        BenchName::Anonymize => {
            generate(&folder.join("visits.csv"), |file| medveil_synth::csv::visits_sized(SEED, size, file))?;
            let (table, hierarchies) = (path("visits.csv"), path("hierarchies"));
            let draft =
                ["--write-hierarchies", &hierarchies, "--quasi-identifiers", QUASI_IDENTIFIERS, "--json"];
            run_itself(&[&["scan", &table][..], &draft].concat(), Stdio::null())?;
            let columns = ["--quasi-identifiers", QUASI_IDENTIFIERS, "--drop", IDENTIFIERS];
            let models = ["--model", "k=5", "--suppression", "0.02", "--hierarchies", &hierarchies];
            let carried_out = ["--out", &path("out.csv"), "--json", "--threads", &threads];
            [&["anonymize", &table][..], &columns, &models, &carried_out]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect()
        }
    };
    console.note(console.text("measuring ...", "正在测量……"));
    let result = run_itself(&arguments, Stdio::inherit())?;
    report(args, name, &result, input_bytes(name, folder), console)
}

/// Runs this program as a process of its own, and reads the JSON that it prints.
pub(super) fn run_itself<A: AsRef<OsStr>>(arguments: &[A], messages: Stdio) -> Result<Value, Failure> {
    let output = Command::new(std::env::current_exe().map_err(Failure::unusable)?)
        .args(arguments)
        .stderr(messages)
        .output()
        .map_err(Failure::unusable)?;
    if !output.status.success() {
        return Err(Failure::unusable("the measured command failed"));
    }
    serde_json::from_slice(&output.stdout).map_err(Failure::unusable)
}

fn deid(input: &str, plan: &str, folder: &Path, threads: &str) -> Result<Vec<String>, Failure> {
    let key = folder.join("bench.key");
    super::write_new(
        &key,
        medveil_deid::study::MasterKey::from_bytes([1; 32]).to_text().as_bytes(),
        false,
        true,
    )?;
    let (key, out) = (key.display().to_string(), folder.join("out").display().to_string());
    let arguments =
        ["deid", input, "--plan", plan, "--key", &key, "--out", &out, "--json", "--threads", threads];
    Ok(arguments.map(str::to_owned).to_vec())
}

fn generate(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<u64>,
) -> Result<(), Failure> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(Failure::unusable)?);
    write(&mut file).map_err(Failure::unusable)?;
    file.flush().map_err(Failure::unusable)
}

fn input_bytes(name: BenchName, folder: &Path) -> Option<u64> {
    let name = match name {
        BenchName::Csv | BenchName::Scan | BenchName::Anonymize => "visits.csv",
        BenchName::Fhir => "fhir.ndjson",
        BenchName::Synth => return None,
    };
    std::fs::metadata(folder.join(name)).ok().map(|metadata| metadata.len())
}

fn report(
    args: &BenchArgs,
    benchmark: BenchName,
    result: &Value,
    bytes: Option<u64>,
    console: &Console,
) -> Result<(), Failure> {
    let resources = &result["resources"];
    let wall = resources["wall_seconds"].as_f64().unwrap_or(0.0);
    let cpu = resources["cpu_seconds"].as_f64();
    let peak = resources["peak_memory_bytes"].as_u64();
    let megabytes = bytes.map(|bytes| bytes as f64 / 1e6);
    let rate = megabytes.zip(cpu).map(|(mb, cpu)| mb / cpu);
    let name = format!("{benchmark:?}").to_lowercase();
    if args.json {
        return console.json(&json!({
            "benchmark": name, "bytes": bytes, "wall_seconds": wall, "cpu_seconds": cpu,
            "mb_per_cpu_second": rate, "wall_per_cpu": cpu.map(|cpu| wall / cpu), "peak_memory_bytes": peak,
            "rows": result["rows"], "lattice_size": result["lattice_size"], "nodes_checked": result["nodes_checked"],
        }));
    }
    let mut line = name;
    if let Some(mb) = megabytes {
        line += &format!("  {mb:.0} MB");
    }
    line += &format!("  wall {wall:.2} s");
    if let Some(cpu) = cpu {
        line += &format!("  cpu {cpu:.2} s  wall/cpu {:.2}", wall / cpu);
    }
    if let Some(rate) = rate {
        line += &format!("  {rate:.0} MB/cpu-s");
    }
    if benchmark == BenchName::Synth {
        line += &format!("  {:.0} patients/min", 50_000.0 / wall * 60.0);
    }
    if let (Some(checked), Some(nodes)) = (result["nodes_checked"].as_u64(), result["lattice_size"].as_u64())
    {
        line += &format!("  {} records, {checked} of {nodes} nodes checked", result["rows"]);
    }
    if let Some(peak) = peak {
        line += &format!("  peak {:.0} MB", peak as f64 / 1e6);
    }
    console.print(line)
}
