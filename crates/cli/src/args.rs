//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use medveil_deid::metric::Metric;
use medveil_deid::model::Model;
use medveil_deid::table::{Encoding, Hints};
use medveil_deid::utility::Task;

use crate::console::Lang;

/// Share medical data that stays private: de-identification by purpose, and a consortium ledger that holds everybody to it.
///
/// At each site: de-identifies tables (CSV, Parquet) and FHIR by a plan, measures the risk that remains, and gives a receipt that anyone can check.
/// Between sites: hospitals and regulators run a ledger together, on which patients consent, contracts decide on requests by themselves, and every use is recorded and provable to third parties.
#[derive(Parser, Debug)]
#[command(
    name = "medveil",
    version,
    arg_required_else_help = true,
    after_help = "Example, from nothing to a checked release:
  medveil synth --patients 1000 --seed 1 --out hospital
  medveil scan hospital/visits.csv
  medveil key new --out hospital.key
  medveil deid hospital/visits.csv --plan hipaa-safe-harbor --key hospital.key --out release
  medveil verify release/receipt.json

Exit codes: 0 done, 1 refused or a check that failed, 2 wrong usage or unreadable input."
)]
pub struct Cli {
    /// The language of messages: zh or en [default: from the locale]
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Lang>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `medveil` does.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Say what is in the data, and draft a plan
    #[command(
        after_help = "Examples:\n  medveil scan extract.csv --write-plan draft.toml\n  medveil scan extract.csv --write-hierarchies hierarchies"
    )]
    Scan(ScanArgs),
    /// De-identify files or folders by a plan
    #[command(
        after_help = "Example:\n  medveil deid extract/ --plan gbt-37964-controlled --key hospital.key --study dm-2026 --out release\n\nPLAN is a file or the name of a built-in plan (see `medveil plan list`)."
    )]
    Deid(DeidArgs),
    /// Find the generalisation of a table that loses least under privacy models
    #[command(after_help = "Examples:
  medveil anonymize visits.csv --quasi-identifiers sex,age,district --model k=5 --out release.csv
  medveil anonymize adult.csv --hierarchies hierarchies/ --quasi-identifiers sex,age,race --sensitive occupation \\
      --model k=5 --model distinct-l=3 --suppression 0.02 --explain --out release.csv

MODEL is one of: k, k-map, max-risk, average-risk, population-uniques, delta-presence, distinct-l, entropy-l,
recursive-cl, t, ordered-t, hierarchical-t, beta-likeness, enhanced-beta-likeness, delta-disclosure, each with
`=` and its parameter; `diagnosis:t=0.2` asks it of one sensitive column.
METRIC is one of: loss, loss-geometric, precision, entropy, discernibility, average-class-size.
A column without a hierarchy file gets a drafted one. Suppressed records keep their row; their quasi-identifiers are `*`.")]
    Anonymize(AnonymizeArgs),
    /// Measure the re-identification risk of a table as it stands
    #[command(
        after_help = "Examples:\n  medveil assess release/visits.csv --quasi-identifiers sex,age,district --sensitive diagnosis\n  medveil assess release/visits.csv --quasi-identifiers sex,age,district --population 1200000"
    )]
    Assess(AssessArgs),
    /// List, show, check and import plans
    Plan(PlanArgs),
    /// Make a key file
    Key(KeyArgs),
    /// Restore reversible pseudonyms (authorised use: needs the key)
    #[command(
        after_help = "Example:\n  medveil reidentify release/visits.csv --key hospital.key --out restored.csv\n\nThe study is read from receipt.json beside INPUT unless --study names it."
    )]
    Reidentify(ReidentifyArgs),
    /// Check a receipt against its release (with raw data and key, the whole run), or an evidence file against a genesis
    #[command(
        after_help = "Examples:\n  medveil verify release/receipt.json\n  medveil verify release/receipt.json --raw extract/ --key hospital.key\n  medveil verify dataset.evidence --genesis genesis.toml"
    )]
    Verify(VerifyArgs),
    /// Run a whole consortium on this machine: five hospitals, two regulators
    #[command(
        after_help = "Examples:\n  medveil demo\n  medveil demo --tour --exit\n  medveil demo --dir trial --port 9000 --exit\n\nCtrl-C stops it. The next start continues the same chain; remove DIR to begin anew."
    )]
    Demo(crate::command::demo::DemoArgs),
    /// Make the genesis of a consortium, and a folder for each member
    Network(crate::command::network::NetworkArgs),
    /// Run a member's node, ask how it is, take and restore snapshots
    Node(crate::command::node::NodeCommandArgs),
    /// Make keys of accounts, open accounts on a ledger, show them
    Account(crate::command::account::AccountArgs),
    /// Make patients' handles, bind wallets, name guardians
    Patient(crate::command::patient::PatientArgs),
    /// Give, narrow, withdraw and list a patient's consents
    Consent(crate::command::consent::ConsentArgs),
    /// Register fingerprints of datasets on a ledger, list and show them
    Dataset(crate::command::dataset::DatasetArgs),
    /// Put files into custody of all members, take them out, keep them whole, destroy them
    Vault(crate::command::vault::VaultArgs),
    /// Publish, countersign, freeze and show data-use contracts
    Contract(Box<crate::command::contract::ContractArgs>),
    /// Ask for data under a contract, vote on requests, show what was decided
    Request(crate::command::request::RequestArgs),
    /// List and show releases, and use them
    Release(crate::command::release::ReleaseArgs),
    /// Set and show privacy budgets
    Budget(crate::command::budget::BudgetArgs),
    /// Order destructions and attest them
    Destruction(crate::command::destruction::DestructionArgs),
    /// Report incidents; the ledger says who is liable
    Incident(crate::command::incident::IncidentArgs),
    /// Propose measures, vote, ask for seats
    Governance(crate::command::governance::GovernanceArgs),
    /// Note what was done to data, read trails, write evidence files
    Audit(crate::command::audit::AuditArgs),
    /// Make a synthetic Chinese hospital
    #[command(
        after_help = "Example:\n  medveil synth --patients 1000 --seed 1 --out hospital --formats csv,fhir"
    )]
    Synth(SynthArgs),
    /// Run a benchmark on this machine
    #[command(after_help = "Example:\n  medveil bench csv")]
    Bench(BenchArgs),
}

/// How a run is carried out; none of it changes the output.
#[derive(Args, Debug, Clone)]
pub struct RunArgs {
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Memory for data in flight, such as 200MB
    #[arg(long, value_name = "SIZE", default_value = "128MB", value_parser = parse_size)]
    pub memory: usize,
    /// The longest record that is read
    #[arg(long, value_name = "SIZE", default_value = "4MB", value_parser = parse_size)]
    pub max_record: usize,
    /// Encoding of CSV files [default: detected]
    #[arg(long, value_enum)]
    pub encoding: Option<EncodingArg>,
    /// Delimiter of CSV files, such as ';' or '\t' [default: detected]
    #[arg(long, value_parser = parse_delimiter)]
    pub delimiter: Option<u8>,
    /// CSV files have no header row; columns are called column1, column2, ...
    #[arg(long)]
    pub no_header: bool,
}

impl RunArgs {
    /// What the user says of CSV files.
    pub fn hints(&self) -> Hints {
        Hints {
            encoding: self.encoding.map(|encoding| match encoding {
                EncodingArg::Utf8 => Encoding::Utf8,
                EncodingArg::Gb18030 => Encoding::Gb18030,
            }),
            delimiter: self.delimiter,
            header: self.no_header.then_some(false),
        }
    }
}

/// Encodings on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum EncodingArg {
    /// UTF-8.
    #[value(name = "utf-8", alias = "utf8")]
    Utf8,
    /// GB 18030, GBK, GB 2312.
    #[value(name = "gb18030", aliases = ["gbk", "gb2312"])]
    Gb18030,
}

/// `medveil scan`.
#[derive(Args, Debug)]
pub struct ScanArgs {
    /// Files or folders
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// Write a draft of a plan
    #[arg(long, value_name = "FILE")]
    pub write_plan: Option<PathBuf>,
    /// Write a hierarchy of generalisation for each quasi-identifier, as ARX reads them; they hold values of the data
    #[arg(long, value_name = "DIR")]
    pub write_hierarchies: Option<PathBuf>,
    /// The columns that hierarchies are written for [default: those that are found to be quasi-identifiers]
    #[arg(long, value_delimiter = ',', value_name = "A,B,..", requires = "write_hierarchies")]
    pub quasi_identifiers: Vec<String>,
    /// Read every value with every pattern, not a sample
    #[arg(long)]
    pub full: bool,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How the run is carried out.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `medveil deid`.
#[derive(Args, Debug)]
pub struct DeidArgs {
    /// Files or folders
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// A plan file, or the name of a built-in plan
    #[arg(long)]
    pub plan: String,
    /// The folder of the release
    #[arg(long)]
    pub out: PathBuf,
    /// The key file [default: a key that is used once and forgotten]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The study: pseudonyms and date shifts agree within it and nowhere else [default: the plan's name]
    #[arg(long, value_name = "ID")]
    pub study: Option<String>,
    /// 64 hexadecimal digits that vary the noise [default: from key and study]
    #[arg(long, value_name = "HEX", value_parser = parse_seed)]
    pub seed: Option<Seed>,
    /// Folders of earlier releases to the same recipient, made with the same key: checked together with this one
    #[arg(long, value_name = "RELEASE", requires = "key", num_args = 1..)]
    pub earlier: Vec<PathBuf>,
    /// Where to write the report if the release is refused for its risk
    #[arg(long, value_name = "FILE")]
    pub refused_report: Option<PathBuf>,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How the run is carried out.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `medveil anonymize`.
#[derive(Args, Debug)]
pub struct AnonymizeArgs {
    /// A table: CSV or Parquet
    pub input: PathBuf,
    /// A folder of hierarchy files, NAME_hierarchy_COLUMN.csv or COLUMN.csv (see `medveil scan --write-hierarchies`)
    #[arg(long, value_name = "DIR")]
    pub hierarchies: Option<PathBuf>,
    /// Columns that an attacker may know
    #[arg(long, value_delimiter = ',', required = true, value_name = "A,B,..")]
    pub quasi_identifiers: Vec<String>,
    /// Columns that an attacker wants to learn
    #[arg(long, value_delimiter = ',', value_name = "A,B,..")]
    pub sensitive: Vec<String>,
    /// Columns that are left out
    #[arg(long, value_delimiter = ',', value_name = "A,B,..")]
    pub drop: Vec<String>,
    /// Columns that are released as they are although they look like direct identifiers
    #[arg(long, value_delimiter = ',', value_name = "A,B,..")]
    pub keep: Vec<String>,
    /// What every class must satisfy, such as k=5; several may be given
    #[arg(long, required = true, value_name = "MODEL")]
    pub model: Vec<Model>,
    /// The largest share of records that may be suppressed
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share)]
    pub suppression: f64,
    /// What is to be small
    #[arg(long, default_value = "loss")]
    pub metric: Metric,
    /// How much a quasi-identifier's loss weighs, such as age=2; 1 unless given
    #[arg(long, value_name = "COLUMN=WEIGHT", value_parser = parse_weight)]
    pub weight: Vec<(String, f64)>,
    /// Generalise each record only as far as its class needs, instead of each column to one level
    #[arg(long, conflicts_with_all = ["explain", "frontier"])]
    pub local: bool,
    /// A table of the population of which INPUT is a part, with the same quasi-identifiers, for k-map and delta-presence
    #[arg(long, value_name = "FILE")]
    pub population_table: Option<PathBuf>,
    /// Stop searching after so many seconds, with the best found and how far it may be from the optimum
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub deadline: Option<f64>,
    /// Say why this generalisation won, and what each quasi-identifier costs
    #[arg(long)]
    pub explain: bool,
    /// Say what other k and suppression limits would cost
    #[arg(long)]
    pub frontier: bool,
    /// Measure what an analysis loses, such as target=COLUMN, associations, regression=OUTCOME~A+B or survival=TIME:EVENT=VALUE:GROUP; several may be given
    #[arg(long, value_name = "TASK")]
    pub workload: Vec<Task>,
    /// The file to write, in the input's format
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write a report on it too: one HTML page in Chinese and English, with --explain and --frontier in it if they are asked for
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How the run is carried out.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `medveil assess`.
#[derive(Args, Debug)]
pub struct AssessArgs {
    /// A table
    pub input: PathBuf,
    /// Columns that an attacker may know
    #[arg(long, value_delimiter = ',', required = true, value_name = "A,B,..")]
    pub quasi_identifiers: Vec<String>,
    /// Columns that an attacker wants to learn
    #[arg(long, value_delimiter = ',', value_name = "A,B,..")]
    pub sensitive: Vec<String>,
    /// Who will see the table
    #[arg(long, value_enum, default_value = "controlled")]
    pub release_model: ReleaseModelArg,
    /// Persons of the population that the records are a random sample of: estimates who is unique in it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), group = "background")]
    pub population: Option<u64>,
    /// The same, as the share of the population that the records are
    #[arg(long, value_name = "SHARE", value_parser = parse_fraction, group = "background")]
    pub sampling_fraction: Option<f64>,
    /// A table of the population with the same columns, written alike: counts in it instead of estimating
    #[arg(long, value_name = "FILE", group = "background")]
    pub population_table: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How the run is carried out.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Release models on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ReleaseModelArg {
    /// Anybody.
    Public,
    /// Named recipients under contract.
    Controlled,
    /// Nobody: only results leave.
    Enclave,
}

/// `medveil plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// What to do with plans.
    #[command(subcommand)]
    pub command: PlanCommand,
}

/// What `medveil plan` does.
#[derive(Subcommand, Debug)]
pub enum PlanCommand {
    /// List the built-in plans
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print a built-in plan
    #[command(after_help = "Example:\n  medveil plan show hipaa-safe-harbor > mine.toml")]
    Show {
        /// The plan's name
        name: String,
        /// Print the canonical JSON form
        #[arg(long)]
        json: bool,
    },
    /// Check a plan file
    #[command(after_help = "Example:\n  medveil plan check mine.toml")]
    Check {
        /// The plan file
        file: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Turn another tool's configuration into a plan
    #[command(after_help = "Example:\n  medveil plan import --from microsoft configuration.json > plan.toml")]
    Import {
        /// The other tool
        #[arg(long, value_enum)]
        from: ImportFrom,
        /// Its configuration file
        file: PathBuf,
    },
    /// Print the JSON Schema of plans
    Schema,
    /// Describe the actions that rules can name
    Actions {
        /// One action [default: all]
        name: Option<String>,
    },
}

/// Tools whose configurations are read.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ImportFrom {
    /// Microsoft's FHIR anonymizer (Tools for Health Data Anonymization).
    Microsoft,
}

/// `medveil key`.
#[derive(Args, Debug)]
pub struct KeyArgs {
    /// What to do with keys.
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What `medveil key` does.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a new key file, readable by you alone
    #[command(
        after_help = "Example:\n  medveil key new --out hospital.key\n\nWho has the key can undo pseudonyms, date shifts and noise: keep it as you keep the raw data."
    )]
    New {
        /// The key file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace what exists: releases made with the old key can then no longer be extended, restored or proven
        #[arg(long)]
        overwrite: bool,
    },
}

/// `medveil reidentify`.
#[derive(Args, Debug)]
pub struct ReidentifyArgs {
    /// A file of a release
    pub input: PathBuf,
    /// The key file
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Where to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The study [default: that of receipt.json beside INPUT]
    #[arg(long, value_name = "ID")]
    pub study: Option<String>,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// A receipt, or an evidence file of a ledger
    pub file: PathBuf,
    /// The genesis of the evidence's chain: all that it is checked against
    #[arg(long, value_name = "FILE", conflicts_with_all = ["raw", "key"])]
    pub genesis: Option<PathBuf>,
    /// The raw data, as they were given to the run
    #[arg(long, value_name = "INPUT", requires = "key", num_args = 1..)]
    pub raw: Vec<PathBuf>,
    /// The key file
    #[arg(long, value_name = "FILE", requires = "raw")]
    pub key: Option<PathBuf>,
    /// The seed, if the run was given one
    #[arg(long, value_name = "HEX", value_parser = parse_seed)]
    pub seed: Option<Seed>,
    /// The folder of the plan's hierarchy files, if it names any
    #[arg(long, value_name = "DIR", requires = "raw")]
    pub hierarchies: Option<PathBuf>,
    /// The earlier releases that the run was given
    #[arg(long, value_name = "RELEASE", requires = "raw", num_args = 1..)]
    pub earlier: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How the run is carried out.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `medveil synth`.
#[derive(Args, Debug)]
pub struct SynthArgs {
    /// How many patients
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub patients: u64,
    /// The same seed gives the same hospital
    #[arg(long)]
    pub seed: u64,
    /// The folder
    #[arg(long)]
    pub out: PathBuf,
    /// csv, fhir (hl7v2, dicom and notes come with later versions)
    #[arg(long, value_delimiter = ',', default_value = "csv,fhir")]
    pub formats: Vec<String>,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil bench`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BenchArgs {
    /// A network of node processes under load or faults
    #[command(subcommand)]
    pub network: Option<BenchNetwork>,
    /// Which benchmark
    #[arg(value_enum, required = true)]
    pub name: Option<BenchName>,
    /// Size of the generated data
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = parse_size)]
    pub size: usize,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// A folder for the generated data, which is removed afterwards [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Benchmarks of a whole network.
#[derive(Subcommand, Debug)]
pub enum BenchNetwork {
    /// A network of node processes on this machine, under load or faults
    #[command(
        after_help = "Examples:\n  medveil bench ledger\n  medveil bench ledger --nodes 7 --seconds 60\n  medveil bench ledger --suite sm2\n  medveil bench ledger --scenario crash\n\nTransactions are signed before; every node checks every signature; all goes through the nodes' HTTP API."
    )]
    Ledger(crate::command::ledger_bench::LedgerArgs),
    /// Objects in the stores of seven members, the committee's key, and its release by seven node processes
    #[command(
        after_help = "Examples:\n  medveil bench vault\n  medveil bench vault --only stores --size 3GB\n  medveil bench vault --only network --requests 100\n\nStores are folders on disk, read and written with the code that nodes use; the part `stores` runs on one thread. Ceremonies while a member is down wait for heights of an idle chain: some minutes."
    )]
    Vault(crate::command::vault_bench::VaultArgs),
    /// From a request to the first decrypted byte of its release, on seven node processes
    #[command(
        after_help = "Examples:\n  medveil bench release\n  medveil bench release --patients 50000\n\nThe owner's custodian makes the release, custody keeps it, the requester takes it out with a quorum's partial keys; the share of each step is told."
    )]
    Release(crate::command::release_bench::ReleaseBenchArgs),
}

/// The benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchName {
    /// `deid` of synthetic visits with a plan of every kind of action.
    Csv,
    /// `deid` of FHIR NDJSON under the Safe Harbor plan.
    Fhir,
    /// `scan` of synthetic visits.
    Scan,
    /// `synth` of 50,000 patients.
    Synth,
    /// `anonymize` of synthetic visits by seven quasi-identifiers, with drafted hierarchies.
    Anonymize,
}

/// A seed: 32 bytes.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// A share from 0 to 1.
fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1, such as 0.02".to_owned())
}

fn parse_weight(text: &str) -> Result<(String, f64), String> {
    let weight = text.rsplit_once('=').and_then(|(column, weight)| {
        let weight = weight.parse().ok().filter(|weight: &f64| weight.is_finite() && *weight > 0.0)?;
        Some((column.to_owned(), weight))
    });
    weight.ok_or_else(|| "a weight is a column and a number above 0, such as age=2".to_owned())
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.0..=1e9).contains(seconds));
    seconds.ok_or_else(|| "a deadline is a number of seconds, such as 30".to_owned())
}

fn parse_seed(text: &str) -> Result<Seed, String> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err("a seed has 64 hexadecimal digits".to_owned());
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| "a seed has 64 hexadecimal digits")?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| "a seed has 64 hexadecimal digits")?;
    }
    Ok(Seed(bytes))
}

/// Reads `300MB`, `64KiB`, `1GB`, or bytes.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: usize =
        text[..digits].parse().map_err(|_| "a size is a number with a unit, such as 300MB")?;
    let unit = match text[digits..].trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1000,
        "KIB" => 1 << 10,
        "M" | "MB" => 1_000_000,
        "MIB" => 1 << 20,
        "G" | "GB" => 1_000_000_000,
        "GIB" => 1 << 30,
        _ => return Err("units are KB, MB, GB (and KiB, MiB, GiB)".to_owned()),
    };
    number
        .checked_mul(unit)
        .filter(|size| *size > 0)
        .ok_or_else(|| "the size is zero or too large".to_owned())
}

fn parse_fraction(text: &str) -> Result<f64, String> {
    let fraction: Option<f64> = text.parse().ok();
    fraction
        .filter(|fraction| *fraction > 0.0 && *fraction <= 1.0)
        .ok_or_else(|| "a share is a number greater than 0 and at most 1, such as 0.05".to_owned())
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text {
        "\\t" | "tab" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
            _ => Err("a delimiter is one ASCII letter, such as ';'".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("300MB"), Ok(300_000_000));
        assert_eq!(parse_size("64KiB"), Ok(65536));
        assert!(parse_size("many").is_err() && parse_size("1TB").is_err() && parse_size("0").is_err());
    }

    #[test]
    fn fractions_are_shares() {
        assert_eq!(parse_fraction("0.05"), Ok(0.05));
        for wrong in ["0", "-0.1", "1.5", "NaN", "inf", "5%", ""] {
            assert!(parse_fraction(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn delimiters_are_one_letter() {
        assert_eq!(parse_delimiter("\\t"), Ok(b'\t'));
        assert_eq!(parse_delimiter(";"), Ok(b';'));
        assert!(parse_delimiter("::").is_err() && parse_delimiter("\"").is_err());
    }
}
