//! `medveil bench release`: how long it takes from a request to the first decrypted byte of what is released for it, on seven node processes.
//!
//! One member owns the visits of so many synthetic patients, of whom nobody objects; another asks under a contract without a committee. Everything in between is what nodes and custodians do by themselves.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use medveil_ledger::action::{ContractPublish, RequestSubmit};
use medveil_ledger::bounded::BoundedSet;
use medveil_ledger::state::request::{Ask, Subject};
use medveil_ledger::template::{Particulars, Template};
use medveil_ledger::terms::{Approvals, ConsentMode, Epsilon};
use medveil_ledger::vocabulary::{DataClass, Purpose};
use medveil_ledger::{AccountId, ContractId, DatasetId, Digest, OrganisationId, ReleaseId, RequestId, Slug};
use serde_json::{Value, json};

use super::deid::load_plan;
use super::ledger_bench::members::{Network, Plan};
use super::release::take;
use crate::console::{Console, Lang};
use crate::desk::HttpDesk;
use crate::failure::Failure;
use crate::signer::Signer;

/// `medveil bench release`.
#[derive(Args, Debug)]
pub struct ReleaseBenchArgs {
    /// Patients of the release
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub patients: u64,
    /// A folder for the network, which is removed afterwards [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Members.
const COUNT: usize = 7;

/// What is asked of the whole way, in seconds.
const CLAIM: f64 = 15.0;

/// The plan of the contract.
const PLAN: &str = "diabetes-research";

/// What the dataset and the contract are called.
const LABEL: &str = "visits";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

const SETTINGS: &str = "\n[releases]\n\n[[releases.dataset]]\nlabel = \"visits\"\npath = \"extract/visits.csv\"\nkey = \"keys/data.key\"\npatient = \"patient_id\"\n";

/// Runs the benchmark.
pub fn run(args: &ReleaseBenchArgs, console: &Console) -> Result<(), Failure> {
    let folder = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
    .map_err(Failure::unusable)?;
    console.note(console.text("seven nodes start ...", "七个节点正在启动……"));
    let plan = Plan { count: COUNT, epoch_length: 1000, threads: 2, second: false, absent: 0, mute: 0 };
    let (mut network, _) = Network::start(folder.path(), &plan)?;
    let ran = measure(&mut network, folder.path(), args, console);
    ran.inspect_err(|_| network.keep_logs(console))
}

fn measure(
    network: &mut Network,
    folder: &Path,
    args: &ReleaseBenchArgs,
    console: &Console,
) -> Result<(), Failure> {
    for index in 0..COUNT {
        until(network, "the committee", |network| {
            let committee = network.client(index)?.get("/api/v1/committee").unwrap_or_default();
            Ok((committee["has_share"] == true).then_some(()))
        })?;
    }
    console.note(console.text("a dataset is made and registered ...", "生成并登记数据集……"));
    let home = network.members()[0].folder.clone();
    let extract = home.join("extract");
    medveil_synth::csv::write_all(&extract, args.patients, 1, &mut |_| {}).map_err(Failure::unusable)?;
    super::key::write(&home.join("keys/data.key"), false)?;
    let settings = home.join(medveil_node::Settings::FILE);
    let text = std::fs::read_to_string(&settings).map_err(Failure::unusable)?;
    std::fs::write(&settings, text + SETTINGS).map_err(Failure::unusable)?;
    network.kill(0)?;
    network.run(0)?;

    let chain = network.genesis.chain_id();
    let [owner, reader] = [0, 1].map(|index| network.members()[index].organisation.clone());
    let owner: OrganisationId = owner.parse().map_err(Failure::unusable)?;
    let label = Slug::new(LABEL).expect("a slug");
    let dataset = DatasetId::derive(chain, owner, label);
    until(network, "the dataset", |network| {
        Ok(network.client(1)?.get(&format!("/api/v1/datasets/{dataset}")).ok())
    })?;
    let [publisher, researcher] = [signer(network, 0)?, signer(network, 1)?];
    let ask = contract(&publisher, owner, dataset, console)?;

    console.note(console.text("a request is made ...", "提交申请……"));
    let start = Instant::now();
    let submitted = researcher.act(RequestSubmit { ask }, console)?;
    let granted = start.elapsed();
    let id: Digest = super::text(&submitted["id"]).parse().map_err(Failure::unusable)?;
    let request = RequestId(id.0);
    let record = super::get(researcher.client(), &format!("/api/v1/requests/{request}"), console)?;
    if super::request::status(&record["value"]["status"]) != "granted" {
        return Err(Failure::Refused(format!("the request was not granted: {}", record["value"]["status"])));
    }
    let release = ReleaseId::derive(request, dataset);
    let path = format!("/api/v1/releases/{release}");
    let found = until(network, "the release", |network| Ok(network.client(1)?.get(&path).ok()))?;
    let posted = start.elapsed();
    let desk = HttpDesk::new(researcher, console)?;
    let out = folder.join("release");
    let taking = Instant::now();
    let taken = take(&desk, release, &out, console)?;
    let whole = taking.elapsed();
    let fetched = &taken.fetched;
    let steps = [
        ("request granted", "批准申请", granted),
        ("release made, kept and posted", "生成、托管并登记发布", posted.saturating_sub(granted)),
        ("access granted", "批准访问", fetched.asked),
        ("key opened by a quorum", "法定数量成员开启密钥", fetched.key_after),
        ("first bytes decrypted", "解密首批字节", fetched.first_bytes),
    ];
    report(args, &reader, &found, &steps, posted + whole, fetched.length, console)
}

fn report(
    args: &ReleaseBenchArgs,
    reader: &str,
    release: &Value,
    steps: &[(&str, &str, Duration)],
    whole: Duration,
    bytes: u64,
    console: &Console,
) -> Result<(), Failure> {
    let total: f64 = steps.iter().map(|(.., took)| took.as_secs_f64()).sum();
    let share = |took: Duration| 100.0 * took.as_secs_f64() / total.max(f64::MIN_POSITIVE);
    let figures = &release["value"]["figures"];
    if args.json {
        let steps: Vec<Value> = steps
            .iter()
            .map(|(name, _, took)| json!({ "step": name, "seconds": took.as_secs_f64(), "percent": share(*took) }))
            .collect();
        return console.json(&json!({
            "patients": figures["patients"], "records": figures["records"], "bytes": bytes, "reader": reader,
            "first_byte_seconds": total, "whole_seconds": whole.as_secs_f64(), "steps": steps, "claim_seconds": CLAIM,
        }));
    }
    let (patients, records) = (super::text(&figures["patients"]), super::text(&figures["records"]));
    console.print(match console.lang() {
        Lang::En => format!("request submitted -> first decrypted byte: {total:.2} s (asked: {CLAIM:.0} s); {patients} patients, {records} records, {bytes} bytes, all there after {:.2} s", whole.as_secs_f64()),
        Lang::Zh => format!("提交申请 -> 首个解密字节：{total:.2} 秒（要求 {CLAIM:.0} 秒）；{patients} 名患者，{records} 条记录，{bytes} 字节，{:.2} 秒后全部取得", whole.as_secs_f64()),
    })?;
    let columns = match console.lang() {
        Lang::En => ["step", "seconds", "share"],
        Lang::Zh => ["步骤", "秒", "占比"],
    };
    let rows = steps.iter().map(|(en, zh, took)| {
        let name = console.text(en, zh).to_owned();
        vec![name, format!("{:.2}", took.as_secs_f64()), format!("{:.0} %", share(*took))]
    });
    super::table(&columns, console, rows)
}

/// Looks until something is there.
fn until<T>(
    network: &mut Network,
    what: &str,
    look: impl Fn(&Network) -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let start = Instant::now();
    loop {
        if let Some(found) = look(network)? {
            return Ok(found);
        }
        network.check()?;
        if start.elapsed() > PATIENCE {
            return Err(Failure::Refused(format!("{what}: not within {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A member's administrator, through the member's node.
fn signer(network: &Network, index: usize) -> Result<Signer, Failure> {
    let (key, chain) = (network.administrator(index)?, network.genesis.chain_id());
    let account = AccountId::derive(chain, &key.public());
    Ok(Signer::of(network.client(index)?, chain, key, account))
}

/// Publishes the contract; what is asked for under it.
fn contract(
    publisher: &Signer,
    owner: OrganisationId,
    dataset: DatasetId,
    console: &Console,
) -> Result<Ask, Failure> {
    let now_ms = publisher.client().status().map_err(|error| error.failure(console))?.time_ms;
    let approval = Digest::of("medveil/bench-approval/1", &[b"approved"]);
    let mut terms = Template::ClinicalResearch.terms(&Particulars {
        owner,
        datasets: set([dataset])?,
        plan: Digest(load_plan(PLAN)?.digest()),
        ethics: approval,
        now_ms,
        committee: set([])?,
    });
    terms.consent = ConsentMode::OptOut;
    terms.approvals = Approvals { committee: set([])?, needed: 0 };
    terms.max_risk_ppm = 200_000;
    terms.epsilon = Epsilon { per_request: 10_000_000, total: 40_000_000, per_recipient: 40_000_000 };
    let label = Slug::new(LABEL).expect("a slug");
    publisher.act(ContractPublish { label, revision: 1, terms }, console)?;
    Ok(Ask {
        contract: ContractId::derive(publisher.chain(), owner, label),
        revision: 1,
        datasets: set([dataset])?,
        purposes: set([Purpose::HealthResearch])?,
        classes: set([DataClass::Demographics, DataClass::Encounters, DataClass::Conditions])?,
        commercial: false,
        undertakings: set([])?,
        ethics: Some(approval),
        abroad: None,
        subject: Subject::Cohort,
        query: super::request::whole_query(),
        epsilon: 8_000_000,
    })
}

fn set<T: Ord, const MIN: usize, const MAX: usize>(
    values: impl IntoIterator<Item = T>,
) -> Result<BoundedSet<T, MIN, MAX>, Failure> {
    BoundedSet::new(values).map_err(Failure::unusable)
}
