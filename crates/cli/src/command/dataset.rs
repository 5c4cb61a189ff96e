//! `medveil dataset`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use medveil_clinical::dataset::{self, Fingerprint};
use medveil_deid::study::{MasterKey, Study, Suite};
use medveil_ledger::action::DatasetRegister;
use medveil_ledger::state::dataset::{Fingerprint as OnLedger, HashSuite, Level};
use medveil_ledger::{DatasetId, Digest, OrganisationId, Slug};
use serde_json::json;

use super::{ListArgs, job, read_key, total_size};
use crate::args::RunArgs;
use crate::client::NodeArgs;
use crate::console::{Console, Lang, interruptible};
use crate::failure::Failure;
use crate::signer::{SignArgs, Signer, done};

/// `medveil dataset`.
#[derive(Args, Debug)]
pub struct DatasetArgs {
    /// What to do with datasets.
    #[command(subcommand)]
    pub command: DatasetCommand,
}

/// What `medveil dataset` does.
#[derive(Subcommand, Debug)]
pub enum DatasetCommand {
    /// Put the fingerprint of a dataset, or of its next version, on the ledger
    #[command(
        after_help = "Example:\n  medveil dataset register extract/ --label visits-2025 --key hospital.key --account administrator.key\n\nThe data are read and stay where they are. The ledger gets the root of a tree over keyed leaves, the number of records, the digest of the schema and the level.\nThe key is needed to prove later that a record was in the dataset: keep it."
    )]
    Register(Box<RegisterArgs>),
    /// List datasets, those first that were registered last
    #[command(after_help = "Example:\n  medveil dataset list --organisation hospital-1")]
    List(ListArgs),
    /// Show a dataset: its owner, its latest version, or another
    #[command(
        after_help = "Examples:\n  medveil dataset show visits-2025 --organisation hospital-1\n  medveil dataset show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --at 1200"
    )]
    Show(ShowArgs),
}

/// `medveil dataset register`.
#[derive(Args, Debug)]
pub struct RegisterArgs {
    /// Files or folders
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// What the owner calls it: a-z, 0-9 and hyphens. It is public: say what kind of data it is, never whose
    #[arg(long)]
    pub label: Slug,
    /// The key file under which records become leaves, so that nobody can guess them
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// How sensitive it is, 1 to 5 (GB/T 39725-2020) [default: 4 with direct identifiers, 3 without]
    #[arg(long, value_name = "1..5", value_parser = parse_level)]
    pub level: Option<Level>,
    /// The hash functions of leaves and tree
    #[arg(long, value_enum, default_value = "international")]
    pub hashes: HashesArg,
    /// Compute the fingerprint and print it, without asking a node
    #[arg(long)]
    pub dry_run: bool,
    /// Write the schema whose digest goes on the ledger
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How the run is carried out.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Hash functions on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HashesArg {
    /// SHA-256.
    International,
    /// SM3.
    National,
}

/// `medveil dataset show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The dataset's id, or with --organisation its label
    pub dataset: String,
    /// The owner, if DATASET is a label
    #[arg(long, value_name = "NAME")]
    pub organisation: Option<OrganisationId>,
    /// Another version than the latest
    #[arg(long, value_name = "N", conflicts_with = "at")]
    pub version: Option<u64>,
    /// The version that was in force at this height
    #[arg(long, value_name = "HEIGHT")]
    pub at: Option<u64>,
    /// Which node is asked.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn parse_level(text: &str) -> Result<Level, String> {
    text.parse().ok().and_then(Level::new).ok_or_else(|| "a level is a number from 1 to 5".to_owned())
}

/// Runs the command.
pub fn run(args: &DatasetArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        DatasetCommand::Register(args) => register(args, console),
        DatasetCommand::List(args) => super::list(
            "datasets",
            args,
            &["owner", "label", "version", "records", "level", "id"],
            console,
            |item| {
                let value = &item["value"];
                let print = &value["fingerprint"];
                vec![
                    super::text(&value["organisation"]),
                    super::text(&value["label"]),
                    super::text(&item["version"]),
                    super::text(&print["count"]),
                    super::text(&print["level"]),
                    super::text(&item["id"]),
                ]
            },
        ),
        DatasetCommand::Show(args) => show(args, console),
    }
}

/// The fingerprint of files under a label and a key, with the default level.
///
/// # Errors
/// A file cannot be read.
pub fn fingerprint(inputs: &[PathBuf], label: Slug, key: &MasterKey) -> Result<OnLedger, Failure> {
    let study = Study::new(key, label.as_str(), Suite::International, None);
    let never = std::sync::atomic::AtomicBool::new(false);
    let args = RunArgs {
        threads: None,
        memory: 128 << 20,
        max_record: 4 << 20,
        encoding: None,
        delimiter: None,
        no_header: false,
    };
    let found = dataset::fingerprint(inputs, &study, &job(&args, &never, &|_| {}))?;
    Ok(on_ledger(&found, default_level(&found), HashSuite::International))
}

fn default_level(found: &Fingerprint) -> Level {
    let level = if found.has_direct_identifiers() { 4 } else { 3 };
    Level::new(level).expect("3 and 4 are levels")
}

fn register(args: &RegisterArgs, console: &Console) -> Result<(), Failure> {
    // Whoever cannot sign should be told before a long read.
    let signer = if args.dry_run { None } else { Some(Signer::new(&args.sign, console)?) };
    let owner = signer.as_ref().map(|signer| signer.state(console)).transpose()?;
    let key = read_key(&args.key)?;
    let suite = match args.hashes {
        HashesArg::International => (Suite::International, HashSuite::International),
        HashesArg::National => (Suite::National, HashSuite::National),
    };
    // The label is the study of the leaves: a receipt of that study names the same input root.
    let study = Study::new(&key, args.label.as_str(), suite.0, None);
    let cancelled = interruptible();
    // Kinds and leaves are two passes.
    let bar = console.progress(2 * total_size(&args.inputs));
    let progress = |bytes| bar.inc(bytes);
    let found = dataset::fingerprint(&args.inputs, &study, &job(&args.run, &cancelled, &progress))?;
    bar.finish_and_clear();
    let level = args.level.unwrap_or(default_level(&found));
    let fingerprint = on_ledger(&found, level, suite.1);
    if let Some(file) = &args.schema {
        super::write_new(file, found.schema().as_bytes(), false, false)?;
    }
    let files: Vec<_> = found
        .files
        .iter()
        .map(|file| json!({ "path": file.path, "format": file.format, "records": file.side.records }))
        .collect();
    let (Some(signer), Some(owner)) = (signer, owner) else {
        return match args.json {
            true => console.json(&json!({ "label": args.label, "fingerprint": fingerprint, "files": files })),
            false => console.print(said(&fingerprint, console)),
        };
    };
    let id = DatasetId::derive(signer.chain(), owner.organisation, args.label);
    let version = match signer.client().get(&format!("/api/v1/datasets/{id}")) {
        Ok(dataset) => dataset["versions"].as_u64().unwrap_or(0) + 1,
        Err(error) if error.is_not_found() => 1,
        Err(error) => return Err(error.failure(console)),
    };
    let text = said(&fingerprint, console);
    let action = DatasetRegister { label: args.label, version, fingerprint: fingerprint.clone() };
    let answer = signer.act(action, console)?;
    let extra = json!({
        "dataset": id, "organisation": owner.organisation, "label": args.label, "version": version,
        "fingerprint": fingerprint, "files": files,
    });
    let said = match console.lang() {
        Lang::En => format!("dataset/{id}, version {version} of `{}`: {text}", args.label),
        Lang::Zh => format!("dataset/{id}，`{}` 第 {version} 版：{text}", args.label),
    };
    done(&answer, extra, &said, args.json, console)
}

fn on_ledger(found: &Fingerprint, level: Level, suite: HashSuite) -> OnLedger {
    OnLedger {
        root: Digest(found.root),
        count: found.records,
        schema: Digest::of("medveil/schema/1", &[found.schema().as_bytes()]),
        level,
        suite,
    }
}

fn said(fingerprint: &OnLedger, console: &Console) -> String {
    let OnLedger { root, count, level, .. } = fingerprint;
    match console.lang() {
        Lang::En => format!("{count} records, level {level}, root {root}"),
        Lang::Zh => format!("{count} 条记录，{level} 级，根 {root}"),
    }
}

fn show(args: &ShowArgs, console: &Console) -> Result<(), Failure> {
    let client = args.node.client()?;
    let id = match (args.dataset.parse::<DatasetId>(), args.organisation) {
        (Ok(id), _) => id,
        (Err(_), Some(owner)) => {
            let label = Slug::new(&args.dataset)
                .map_err(|error| Failure::unusable(format!("`{}`: {error}", args.dataset)))?;
            DatasetId::derive(client.status().map_err(|error| error.failure(console))?.chain, owner, label)
        }
        (Err(_), None) => {
            return Err(Failure::unusable(console.text(
                "a dataset is named by its id, or by its label with --organisation",
                "请用数据集标识，或用标签加 --organisation 指明数据集",
            )));
        }
    };
    let query = match (args.version, args.at) {
        (Some(version), _) => format!("?version={version}"),
        (_, Some(height)) => format!("?at={height}"),
        _ => String::new(),
    };
    let dataset =
        client.get(&format!("/api/v1/datasets/{id}{query}")).map_err(|error| error.failure(console))?;
    if args.json {
        return console.json(&dataset);
    }
    super::show(&dataset, console)
}
