//! `medveil demo`: a whole consortium on this machine.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{Table, presets};
use medveil_clinical::dataset::Stage;
use medveil_ledger::action::AuditNotarise;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::{Digest, ObjectRef, OrganisationId};
use medveil_node::folder::read_genesis;
use medveil_node::{Folder, Members, clock};
use medveil_synth::{csv, fhir};
use serde_json::{Value, json};

use super::tour;
use crate::client::{Client, NodeArgs};
use crate::cluster::{Cluster, ClusterError, LOG, free_ports};
use crate::console::{Console, Lang, interruptible};
use crate::failure::{Failure, refused};
use crate::signer::{SignArgs, Signer};

/// `medveil demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// The folder of the consortium; made on the first start
    #[arg(long, value_name = "DIR", default_value = "medveil-demo")]
    pub dir: PathBuf,
    /// Synthetic patients of each hospital, made on the first start [default: 100, with --tour 2000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    pub patients: Option<u64>,
    /// The nodes answer HTTP on this port of 127.0.0.1 and the six after it
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..=65_529))]
    pub port: u16,
    /// Walk through the whole life of a dataset and print each step: what happened, who decided, at which height, how to check it
    #[arg(long)]
    pub tour: bool,
    /// Stop when everything has been shown
    #[arg(long)]
    pub exit: bool,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

impl DemoArgs {
    /// Synthetic patients of each hospital.
    fn patients(&self) -> u64 {
        self.patients.unwrap_or(if self.tour { 2000 } else { 100 })
    }
}

/// The members: name on the ledger, name for people, role.
const MEMBERS: [(&str, &str, &str); 7] = [
    ("hospital-1", "临海市第一人民医院 Linhai First People's Hospital", "hospital"),
    ("hospital-2", "临海市中医院 Linhai Hospital of Chinese Medicine", "hospital"),
    ("hospital-3", "海滨大学附属医院 Haibin University Hospital", "hospital"),
    ("hospital-4", "临海市妇幼保健院 Linhai Maternity and Child Hospital", "hospital"),
    ("hospital-5", "临海市肿瘤医院 Linhai Cancer Hospital", "hospital"),
    ("regulator-1", "临海市卫生健康委员会 Linhai Health Commission", "regulator"),
    ("regulator-2", "临海市数据管理局 Linhai Data Administration", "regulator"),
];

/// Where a hospital's synthetic patients lie in its folder.
pub const PATIENTS: &str = "patients";

/// What a hospital's dataset is called on the ledger.
pub const VISITS: &str = "visits";

/// The table that is registered, in [`PATIENTS`].
pub const TABLE: &str = "visits.csv";

/// A hospital's key of leaves and releases, in its folder.
pub const DATA_KEY: &str = "keys/data.key";

/// Where a hospital's custodian keeps what is private, in the hospital's folder.
pub const CUSTODIAN: &str = "data/custodian";

/// The evidence of the demo's own transaction, in the folder of the consortium.
const EVIDENCE: &str = "note.evidence";

/// How long all nodes are given to follow the chain.
const READY: Duration = Duration::from_secs(120);

/// How long a node is given to know a transaction that another has as final.
const FINAL: Duration = Duration::from_secs(30);

/// Runs the demo.
pub fn run(args: &DemoArgs, console: &Console) -> Result<(), Failure> {
    let interrupted = interruptible();
    let start = Instant::now();
    let continued = prepare(args, console)?;
    for port in args.port..args.port + MEMBERS.len() as u16 {
        std::net::TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
            Failure::unusable(match console.lang() {
                Lang::En => format!("port {port} of 127.0.0.1: {error}; choose another with --port"),
                Lang::Zh => format!("127.0.0.1 的端口 {port}：{error}；请用 --port 另选端口"),
            })
        })?;
    }
    let lang = if console.lang() == Lang::Zh { "zh" } else { "en" };
    let mut cluster = Cluster::open(&args.dir, Some(args.port), &["--lang", lang])
        .map_err(|error| failed(&error, console))?;
    if !args.json {
        console.note(console.text("seven nodes start ...", "七个节点正在启动……"));
    }
    cluster.start_all().map_err(|error| failed(&error, console))?;
    let ready = cluster.wait_ready(READY, |_| !interrupted.load(Ordering::SeqCst));
    if interrupted.load(Ordering::SeqCst) {
        return stopped(cluster, args, console);
    }
    ready.map_err(|error| failed(&error, console))?;
    let note = notarise(args, &cluster, console)?;
    let elapsed = start.elapsed();
    if !args.json {
        show(args, &cluster, &note, continued, elapsed, console)?;
    }
    let tour = match args.tour {
        true => tour::run(&args.dir, args.patients(), &cluster, &interrupted, args.json, console)?,
        false => Value::Null,
    };
    if args.json {
        let mut summary = summary(args, &cluster, &note, continued);
        if args.tour {
            summary["tour"] = tour;
        }
        console.json(&summary)?;
    }
    if !args.exit {
        wait(&mut cluster, &interrupted, console)?;
    }
    stopped(cluster, args, console)
}

/// Makes the consortium on the first start; says whether there was one.
fn prepare(args: &DemoArgs, console: &Console) -> Result<bool, Failure> {
    let continued = args.dir.join(Folder::GENESIS).is_file();
    if !continued {
        // An empty folder may be there; anything else stays.
        let _ = std::fs::remove_dir(&args.dir);
        let ports = free_ports(MEMBERS.len()).map_err(|error| failed(&error, console))?;
        let members =
            Members::parse(&members(args.port, &ports)).map_err(|refusal| refused(&refusal, console))?;
        members.create(&args.dir, clock::now_ms()).map_err(|refusal| refused(&refusal, console))?;
    }
    let hospitals = MEMBERS.iter().filter(|(_, _, role)| *role == "hospital");
    for ((organisation, ..), seed) in hospitals.zip(1..) {
        let out = args.dir.join(organisation).join(PATIENTS);
        if args.patients() > 0 && !out.exists() {
            synthesise(&out, args.patients(), seed).map_err(Failure::unusable)?;
        }
        name_dataset(&args.dir.join(organisation), console)?;
    }
    Ok(continued)
}

/// Tells a hospital's node of its dataset, of which its custodian makes releases; once.
fn name_dataset(folder: &Path, console: &Console) -> Result<(), Failure> {
    use std::io::Write as _;
    let known = Folder::new(folder).settings().map_err(|refusal| refused(&refusal, console))?;
    if known.releases.is_some() || !folder.join(PATIENTS).join(TABLE).is_file() {
        return Ok(());
    }
    let key = folder.join(DATA_KEY);
    if !key.exists() {
        super::key::write(&key, false)?;
    }
    let section = format!(
        "\n# The demo's dataset, of which the custodian of this node makes releases. 演示数据集，由本节点的托管程序生成发布。\n[releases]\nfolder = \"{CUSTODIAN}\"\nplans = \"plans\"\n\n[[releases.dataset]]\nlabel = \"{VISITS}\"\npath = \"{PATIENTS}/{TABLE}\"\nkey = \"{DATA_KEY}\"\npatient = \"patient_id\"\n"
    );
    let settings = folder.join(medveil_node::Settings::FILE);
    let append = || std::fs::File::options().append(true).open(&settings)?.write_all(section.as_bytes());
    append().map_err(|error: std::io::Error| Failure::unusable(format!("{}: {error}", settings.display())))
}

/// The list that the consortium is made from.
fn members(http: u16, ports: &[u16]) -> String {
    let origins: Vec<String> = (http..http + 7).map(|port| format!("\"http://localhost:{port}\"")).collect();
    let mut list = format!(
        "chain = \"demo\"\nepoch-length = 100\nrelying-party = {{ id = \"localhost\", origins = [{}] }}\n",
        origins.join(", ")
    );
    for (((organisation, name, role), port), http) in MEMBERS.iter().zip(ports).zip(http..) {
        list.push_str(&format!(
            "\n[[member]]\norganisation = \"{organisation}\"\nname = \"{name}\"\nrole = \"{role}\"\naddress = \"127.0.0.1:{port}\"\nhttp = \"127.0.0.1:{http}\"\n"
        ));
    }
    list
}

fn synthesise(out: &Path, patients: u64, seed: u64) -> Result<(), String> {
    let stage = Stage::new(out, &[], false).map_err(|error| error.to_string())?;
    csv::write_all(stage.path(), patients, seed, &mut |_| {}).map_err(|error| error.to_string())?;
    fhir::write_all(stage.path(), patients, seed, fhir::Layout::Ndjson, &mut |_| {})
        .map_err(|error| error.to_string())?;
    stage.publish().map_err(|error| error.to_string())
}

/// A transaction that is final.
struct Note {
    id: String,
    height: u64,
    index: u64,
    /// Of the block, as each node has it.
    digests: Vec<String>,
    latency: Duration,
}

/// Notes on the ledger, in the name of the first hospital, that its extract was captured; waits until every node has it.
fn notarise(args: &DemoArgs, cluster: &Cluster, console: &Console) -> Result<Note, Failure> {
    let (organisation, ..) = MEMBERS[0];
    let first = &cluster.members[0];
    let sign = SignArgs {
        node: NodeArgs { node: Some(first.url()) },
        account: Some(Folder::new(&first.folder).administrator_key_file()),
        account_id: None,
        genesis: Some(args.dir.join(Folder::GENESIS)),
        no_wait: false,
    };
    let signer = Signer::new(&sign, console)?;
    let extract = first.folder.join(PATIENTS).join("visits.csv");
    let content = std::fs::read(&extract).unwrap_or_default();
    let organisation = OrganisationId::new(organisation).expect("the members' names are slugs");
    let action = AuditNotarise {
        object: ObjectRef::organisation(organisation),
        step: Step::Capture,
        reason: Reason::Operations,
        details: Digest::of("medveil/demo/1", &[&content]),
    };
    let start = Instant::now();
    let answer = signer.act(action, console)?;
    let latency = start.elapsed();
    let missing =
        || Failure::unusable(console.text("the node's answer cannot be read", "节点的回答无法解读"));
    let id = answer["id"].as_str().ok_or_else(missing)?.to_owned();
    let height = answer["height"].as_u64().ok_or_else(missing)?;
    let index = answer["index"].as_u64().ok_or_else(missing)?;
    let mut digests = Vec::new();
    for member in &cluster.members {
        let fail = |error: crate::client::ClientError| error.failure(console);
        let client = Client::new(&member.url())?;
        let deadline = Instant::now() + FINAL;
        let mut found = client.transaction(&id, FINAL);
        // A node that has not heard of it yet says so at once.
        while Instant::now() < deadline && !matches!(&found, Ok(found) if found["height"].is_u64()) {
            std::thread::sleep(Duration::from_millis(100));
            found = client.transaction(&id, FINAL);
        }
        if found.map_err(fail)?["height"].as_u64() != Some(height) {
            return Err(missing());
        }
        let block = client.get(&format!("/api/v1/blocks/{height}")).map_err(fail)?;
        digests.push(block["digest"].as_str().ok_or_else(missing)?.to_owned());
    }
    if digests.iter().any(|digest| *digest != digests[0]) {
        return Err(Failure::Refused(format!("the nodes differ at height {height}: {digests:?}")));
    }
    let second = Client::new(&cluster.members[1].url())?;
    let evidence = export(&second, &format!("/api/v1/transactions/{id}"), console)?;
    super::write_new(&args.dir.join(EVIDENCE), &evidence, true, false)?;
    Ok(Note { id, height, index, digests, latency })
}

/// Evidence of what a node answers under a path.
pub fn export(client: &Client, path: &str, console: &Console) -> Result<Vec<u8>, Failure> {
    let deadline = Instant::now() + FINAL;
    loop {
        match client.get_evidence(path) {
            // The newest block may have no certificate of its own yet.
            Err(error) if error.code() == Some("proof.not_ready") && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(200));
            }
            answer => return answer.map_err(|error| error.failure(console)),
        }
    }
}

fn summary(args: &DemoArgs, cluster: &Cluster, note: &Note, continued: bool) -> Value {
    let members: Vec<Value> = cluster
        .members
        .iter()
        .zip(&note.digests)
        .map(|(member, digest)| {
            json!({
                "organisation": member.organisation, "folder": member.folder, "http": member.url(), "pid": member.pid(),
                "height": note.height, "digest": digest,
            })
        })
        .collect();
    json!({
        "dir": args.dir, "genesis": args.dir.join(Folder::GENESIS), "continued": continued, "members": members,
        "transaction": { "id": note.id, "height": note.height, "index": note.index, "latency_ms": note.latency.as_millis() as u64 },
    })
}

/// Prints where everything is.
fn show(
    args: &DemoArgs,
    cluster: &Cluster,
    note: &Note,
    continued: bool,
    elapsed: Duration,
    console: &Console,
) -> Result<(), Failure> {
    let genesis_file = args.dir.join(Folder::GENESIS);
    let chain = read_genesis(&genesis_file).map_err(|refusal| refused(&refusal, console))?.chain_id();
    console.print(match (console.lang(), continued) {
        (Lang::En, false) => {
            format!("A new consortium of seven runs after {:.1} s: chain {chain}", elapsed.as_secs_f64())
        }
        (Lang::En, true) => {
            format!("The consortium continues after {:.1} s: chain {chain}", elapsed.as_secs_f64())
        }
        (Lang::Zh, false) => {
            format!("由七个成员组成的新联盟已运行（{:.1} 秒）：链 {chain}", elapsed.as_secs_f64())
        }
        (Lang::Zh, true) => format!("联盟继续运行（{:.1} 秒）：链 {chain}", elapsed.as_secs_f64()),
    })?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(match console.lang() {
        Lang::En => ["member", "name", "HTTP", "folder", "block"],
        Lang::Zh => ["成员", "名称", "HTTP", "文件夹", "区块"],
    });
    for (member, digest) in cluster.members.iter().zip(&note.digests) {
        let name = MEMBERS.iter().find(|(organisation, ..)| *organisation == member.organisation);
        // The Chinese name, a space, the English one.
        let name = name.and_then(|(_, name, _)| name.split_once(' ')).unwrap_or_default();
        table.add_row([
            member.organisation.clone(),
            console.text(name.1, name.0).to_owned(),
            member.url(),
            member.folder.display().to_string(),
            format!("{} {}", note.height, digest.get(..8).unwrap_or(digest)),
        ]);
    }
    console.print(table)?;
    let Note { id, height, latency, .. } = note;
    console.print(match console.lang() {
        Lang::En => format!("hospital-1 noted that its extract was captured: transaction {id}\n  final at height {height} after {} ms, the same block on all seven nodes", latency.as_millis()),
        Lang::Zh => format!("hospital-1 在账本上记录了数据采集：交易 {id}\n  {} 毫秒后于高度 {height} 最终确认，七个节点上的区块相同", latency.as_millis()),
    })?;
    let first = &cluster.members[0];
    let url = first.url();
    let of_first = |name: &str| first.folder.join(name).display().to_string();
    let administrator = Folder::new(&first.folder).administrator_key_file().display().to_string();
    let patients = args.dir.join("hospital-N").join(PATIENTS).display().to_string();
    let evidence = args.dir.join(EVIDENCE).display().to_string();
    let genesis = genesis_file.display().to_string();
    let places = [
        (("settings", "设置"), of_first("node.toml"), ("", "")),
        (
            ("keys", "密钥"),
            of_first("keys"),
            (
                "node.key votes, custodian.key and administrator.key sign transactions",
                "node.key 用于投票，custodian.key 与 administrator.key 用于签署交易",
            ),
        ),
        (("log", "日志"), of_first(LOG), ("", "")),
        (("patients", "患者"), patients, ("made up", "均为虚构")),
        (
            ("evidence", "证据"),
            evidence.clone(),
            ("of the note above, from hospital-2's node", "上述记录的证据，取自 hospital-2 的节点"),
        ),
        (
            ("genesis", "创世"),
            genesis.clone(),
            ("all that is needed to check evidence", "核验证据只需此文件"),
        ),
    ];
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, path, remark) in places {
        table.add_row([
            console.text(name.0, name.1).to_owned(),
            path,
            console.text(remark.0, remark.1).to_owned(),
        ]);
    }
    console.print(format_args!("\n{}\n{table}", console.text("Where things are", "各项内容的位置")))?;
    console.print(format_args!(
        "\n{}\n  medveil verify {evidence} --genesis {genesis}\n  medveil node status --node {url}\n  medveil audit trail organisation/hospital-1 --node {url}\n  medveil governance propose --help   ({}: --account {administrator})",
        console.text("Try", "可以尝试"),
        console.text("sign with", "签署用"),
    ))
}

/// Waits for Ctrl-C; fails when a node ends by itself.
fn wait(cluster: &mut Cluster, interrupted: &AtomicBool, console: &Console) -> Result<(), Failure> {
    console.note(console.text(
        "\nCtrl-C stops all nodes; the next start continues.",
        "\n按 Ctrl-C 停止全部节点；下次启动将继续同一条链。",
    ));
    while !interrupted.load(Ordering::SeqCst) {
        cluster.check().map_err(|error| failed(&error, console))?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Stops the nodes and says so.
fn stopped(mut cluster: Cluster, args: &DemoArgs, console: &Console) -> Result<(), Failure> {
    let start = Instant::now();
    cluster.stop_all();
    if !args.json || std::io::stderr().is_terminal() {
        let (took, dir) = (start.elapsed().as_secs_f64(), args.dir.display());
        console.note(match console.lang() {
            Lang::En => {
                format!("all nodes stopped in {took:.1} s; {dir} holds everything, remove it to begin anew")
            }
            Lang::Zh => format!("全部节点已在 {took:.1} 秒内停止；所有内容均在 {dir} 中，删除后即可重新开始"),
        });
    }
    Ok(())
}

fn failed(error: &ClusterError, console: &Console) -> Failure {
    match error {
        ClusterError::Folder(refusal) => refused(refusal, console),
        other => Failure::Refused(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medveil_custodian::Place;

    #[test]
    fn the_demos_members_make_a_network() {
        let ports: Vec<u16> = (20_000..20_007).collect();
        let members = Members::parse(&members(8080, &ports)).unwrap();
        let parent = tempfile::tempdir().unwrap();
        let made = members.create(&parent.path().join("demo"), 1_767_225_600_000).unwrap();
        assert_eq!(made.genesis.validators().validators.len(), 7);
        assert_eq!(made.folders.len(), MEMBERS.len());
        assert!(MEMBERS.iter().all(|(_, name, _)| name.contains(' ')));
    }

    #[test]
    fn a_hospital_s_node_is_told_of_its_dataset_once() {
        let ports: Vec<u16> = (20_000..20_007).collect();
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("demo");
        Members::parse(&members(8080, &ports)).unwrap().create(&dir, 1_767_225_600_000).unwrap();
        let (console, folder) = (Console::new(Some(Lang::En)), dir.join("hospital-1"));
        name_dataset(&folder, &console).unwrap();
        assert_eq!(Folder::new(&folder).settings().unwrap().releases, None, "there are no data");
        std::fs::create_dir(folder.join(PATIENTS)).unwrap();
        std::fs::write(folder.join(PATIENTS).join(TABLE), "visit_id,patient_id\n").unwrap();
        name_dataset(&folder, &console).unwrap();
        let text = std::fs::read_to_string(folder.join("node.toml")).unwrap();
        let releases = Folder::new(&folder).settings().unwrap().releases.unwrap().within(&folder);
        let Place::Folder(table) = &releases.datasets[0].path else { panic!("it is not in a bucket") };
        assert!(releases.datasets[0].key.is_file() && table.is_file());
        name_dataset(&folder, &console).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("node.toml")).unwrap(), text);
    }
}
