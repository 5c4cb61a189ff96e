//! `medveil demo --tour`: the life of a dataset on a running consortium, step by step, each with what decided it and how to check it.
//!
//! Every step does what members and patients do, by the same functions as their commands: transactions signed with their keys, handed to their nodes, decided by the rules on every node. A step that does not come out as it
//! must ends the tour with a failure. Nothing is told that did not happen.

mod batch;
mod challenge;
mod cheat;
mod consultation;
mod contract;
mod dataset;
mod destruction;
mod evidence;
mod expiry;
mod fetch;
mod forger;
mod institute;
mod patients;
mod refusals;
mod release;
mod request;
mod withdrawal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use medveil_ledger::{
    AccountId, Action, ChainId, ContractId, DatasetId, Genesis, OrganisationId, ReleaseId, RequestId,
};
use medveil_node::Folder;
use medveil_node::folder::read_genesis;
use medveil_node::keys::{KeyFile, Kind};
use serde_json::{Value, json};

use self::patients::Wallet;
use super::evidence::time;
use crate::client::Client;
use crate::cluster::Cluster;
use crate::console::{Console, Lang};
use crate::desk::HttpDesk;
use crate::failure::{Failure, refused};
use crate::signer::{Signer, refusal};

/// The hospitals of the demo, each with a dataset.
pub const HOSPITALS: [&str; 5] = ["hospital-1", "hospital-2", "hospital-3", "hospital-4", "hospital-5"];

/// The institute that asks for data: no seat, an administrator's key in the consortium's folder.
const INSTITUTE: &str = "institute-1";

/// The node that the institute's people use.
const INSTITUTE_NODE: &str = "hospital-3";

/// The plan that the studies' contracts name.
const PLAN: &str = "diabetes-research";

/// A tour under way, and what its steps have made.
pub struct Tour<'a> {
    folder: &'a Path,
    cluster: &'a Cluster,
    patients_each: u64,
    console: &'a Console,
    interrupted: &'a AtomicBool,
    genesis: Genesis,
    chain: ChainId,
    /// Of each hospital, whose consents are given in the tour.
    wallets: BTreeMap<OrganisationId, Vec<Wallet>>,
    datasets: BTreeMap<OrganisationId, DatasetId>,
    study: Option<ContractId>,
    request: Option<RequestId>,
    /// The releases of the study, by owner.
    releases: BTreeMap<OrganisationId, ReleaseId>,
    /// How long the way took from the request to the first decrypted bytes.
    way: Way,
    /// A grant that lasts for a moment.
    short: Option<expiry::Short>,
    /// A release whose destruction was ordered.
    destroyed: Option<destruction::Ordered>,
    /// What the last step exports: statements that hold for ever.
    proofs: Vec<String>,
}

/// How long the parts of the way from a request to its data took, in milliseconds.
#[derive(Clone, Copy, Default)]
pub struct Way {
    /// From the request to its grant, with the votes.
    granted: u64,
    /// From the grant to the posted release of the first hospital.
    posted: u64,
}

/// A step that held.
pub struct Step {
    /// What happened, line by line.
    pub said: Vec<String>,
    /// Who decided it.
    pub decided: String,
    /// The height at which it was final.
    pub height: u64,
    /// The command that checks it.
    pub check: String,
    /// The same for programs.
    pub facts: Value,
}

/// What a step is called, in English and Chinese, and what carries it out.
type Stage = (&'static str, &'static str, fn(&mut Tour<'_>) -> Result<Step, Failure>);

const STAGES: &[Stage] = &[
    ("A research institute is admitted by vote", "经表决接纳研究机构", institute::admitted),
    ("Five hospitals register their data", "五家医院登记数据", dataset::registered),
    ("A contract, countersigned by every owner", "合同发布并由各数据方会签", contract::published),
    ("Patients bind wallets and consent", "患者绑定钱包并授权", patients::consented),
    ("A request is granted by the committee", "委员会批准申请", request::granted),
    (
        "Five custodians de-identify and release by themselves",
        "五家医院的托管程序自动去标识并发布",
        release::released,
    ),
    (
        "The institute fetches with a quorum of partial keys",
        "研究机构凭法定数量的密钥分片取得发布",
        fetch::taken,
    ),
    ("A challenge is passed", "质询通过", challenge::passed),
    ("A patient is seen elsewhere, for twenty seconds", "异地会诊，授权二十秒", expiry::begun),
    ("A cheating hospital is caught", "作弊的医院被发现", cheat::caught),
    ("A withdrawal shrinks the next release", "撤回使下一版发布缩小", withdrawal::shrunk),
    ("Out of scope is refused by name", "超出范围即被拒绝", refusals::out_of_scope),
    ("Expired access is refused", "过期访问被拒绝", expiry::over),
    ("A consultation is viewed, and sealed by the patient", "会诊查阅，患者撤回后封存", consultation::sealed),
    ("Destruction is attested by every member", "全体成员证明已销毁", destruction::attested),
    ("Evidence is verified offline", "离线核验证据", evidence::verified),
];

/// Walks through the life of a dataset.
///
/// # Errors
/// The first step that does not hold.
pub fn run(
    folder: &Path,
    patients_each: u64,
    cluster: &Cluster,
    interrupted: &AtomicBool,
    as_json: bool,
    console: &Console,
) -> Result<Value, Failure> {
    let genesis =
        read_genesis(&folder.join(Folder::GENESIS)).map_err(|refusal| refused(&refusal, console))?;
    // A consortium that was begun before may have fewer.
    let mut there = patients_each;
    for hospital in HOSPITALS {
        there = there.min(patients::patient_ids(&folder.join(hospital), usize::MAX)?.len() as u64);
    }
    let mut tour = Tour {
        folder,
        cluster,
        patients_each: there,
        console,
        interrupted,
        chain: genesis.chain_id(),
        genesis,
        wallets: BTreeMap::new(),
        datasets: BTreeMap::new(),
        study: None,
        request: None,
        releases: BTreeMap::new(),
        way: Way::default(),
        short: None,
        destroyed: None,
        proofs: Vec::new(),
    };
    let start = Instant::now();
    let mut told = Vec::new();
    for (number, (en, zh, stage)) in (1..).zip(STAGES) {
        if interrupted.load(Ordering::SeqCst) {
            return Err(Failure::Refused(console.text("interrupted", "已中断").to_owned()));
        }
        let began = Instant::now();
        let title = console.text(en, zh);
        let step = stage(&mut tour).map_err(|failure| does_not_hold(number, title, &failure, console))?;
        let took = began.elapsed();
        if !as_json {
            print(number, title, &step, took, console)?;
        }
        told.push(json!({
            "step": number, "title": en, "title_zh": zh, "said": step.said, "decided": step.decided, "height": step.height,
            "check": step.check, "facts": step.facts, "elapsed_ms": took.as_millis() as u64,
        }));
    }
    let elapsed = start.elapsed();
    if !as_json {
        console.print(match console.lang() {
            Lang::En => format!("\nAll {} steps held, in {:.1} s.", told.len(), elapsed.as_secs_f64()),
            Lang::Zh => format!("\n全部 {} 步均成立，用时 {:.1} 秒。", told.len(), elapsed.as_secs_f64()),
        })?;
    }
    Ok(json!({ "steps": told, "elapsed_ms": elapsed.as_millis() as u64 }))
}

fn does_not_hold(number: usize, title: &str, failure: &Failure, console: &Console) -> Failure {
    Failure::Refused(match console.lang() {
        Lang::En => format!("step {number}, `{title}`, does not hold: {failure}"),
        Lang::Zh => format!("第 {number} 步“{title}”不成立：{failure}"),
    })
}

fn print(number: usize, title: &str, step: &Step, took: Duration, console: &Console) -> Result<(), Failure> {
    console.print(format_args!("\n{number:>2}  {title}  ({:.1} s)", took.as_secs_f64()))?;
    for line in &step.said {
        console.print(format_args!("    {line}"))?;
    }
    for (en, zh, text) in [
        ("decided by", "裁决", &step.decided),
        ("height", "高度", &step.height.to_string()),
        ("check", "核验", &step.check),
    ] {
        console.print(format_args!("    {}: {text}", console.text(en, zh)))?;
    }
    Ok(())
}

/// What a rule refused.
pub struct Refused {
    /// The rule's name.
    pub name: String,
    /// The values that were compared, as the ledger tells them.
    pub facts: Value,
    /// The height at which it is recorded.
    pub height: u64,
    /// The transaction.
    pub id: String,
}

impl Refused {
    /// The values in a line.
    pub fn compared(&self) -> String {
        let each = self.facts.as_object().into_iter().flatten();
        each.map(|(name, value)| format!("{name} {}", super::text(value))).collect::<Vec<_>>().join(", ")
    }
}

impl Tour<'_> {
    /// The text in the language that is spoken.
    fn say(&self, en: String, zh: String) -> String {
        match self.console.lang() {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// Where a member's node answers.
    fn url(&self, organisation: &str) -> Result<String, Failure> {
        let member = self.cluster.members.iter().find(|member| member.organisation == organisation);
        member
            .map(|member| member.url())
            .ok_or_else(|| Failure::unusable(format!("{organisation} has no node")))
    }

    fn client(&self, organisation: &str) -> Result<Client, Failure> {
        Client::new(&self.url(organisation)?)
    }

    /// Somebody who acts through an organisation's node with a key file.
    fn signer_of(&self, node: &str, key: &Path) -> Result<Signer, Failure> {
        let file = KeyFile::read(key, Kind::Account).map_err(|refusal| refused(&refusal, self.console))?;
        let signing = file.signing_key();
        let account = file.account().unwrap_or_else(|| AccountId::derive(self.chain, &signing.public()));
        Ok(Signer::of(self.client(node)?, self.chain, signing, account))
    }

    /// An organisation's administrator.
    fn administrator(&self, organisation: &str) -> Result<Signer, Failure> {
        match organisation {
            INSTITUTE => self.signer_of(INSTITUTE_NODE, &self.institute_key()),
            member => self.signer_of(member, &Folder::new(self.folder.join(member)).administrator_key_file()),
        }
    }

    /// What an organisation reads and puts into custody through its node.
    fn desk(&self, organisation: &str) -> Result<HttpDesk<'_>, Failure> {
        HttpDesk::new(self.administrator(organisation)?, self.console)
    }

    fn institute_key(&self) -> PathBuf {
        self.folder.join(INSTITUTE).join("administrator.key")
    }

    /// Carries out an action that must be applied; what became of it.
    fn act(&self, signer: &Signer, action: impl Into<Action>) -> Result<Value, Failure> {
        signer.act(action, self.console)
    }

    /// Tries an action that must be refused by a rule of this name.
    fn must_refuse(
        &self,
        signer: &Signer,
        action: impl Into<Action>,
        reason: &str,
    ) -> Result<Refused, Failure> {
        self.must_refuse_for(signer, action, &[reason])
    }

    /// The same with several names, where the order of blocks decides which rule is met first.
    fn must_refuse_for(
        &self,
        signer: &Signer,
        action: impl Into<Action>,
        reasons: &[&str],
    ) -> Result<Refused, Failure> {
        let answer = signer.ask(action, self.console)?;
        let refused = &answer["outcome"]["refused"];
        let name = refused["name"].as_str().unwrap_or_default();
        if reasons.contains(&name) {
            return Ok(Refused {
                name: name.to_owned(),
                facts: refused["facts"].clone(),
                height: answer["height"].as_u64().unwrap_or(0),
                id: super::text(&answer["id"]),
            });
        }
        Err(match refusal(&answer, self.console) {
            Some(other) => other,
            None => Failure::Refused(self.say(
                format!("the ledger took what it should refuse with {}", reasons.join(" or ")),
                format!("账本接受了应以 {} 拒绝的操作", reasons.join(" 或 ")),
            )),
        })
    }

    /// Fails unless something holds.
    fn must(&self, holds: bool, en: &str, zh: &str) -> Result<(), Failure> {
        if holds { Ok(()) } else { Err(Failure::Refused(self.console.text(en, zh).to_owned())) }
    }

    /// The time of the last block, which the rules read as now.
    fn now_ms(&self, organisation: &str) -> Result<u64, Failure> {
        let status = self.client(organisation)?.status();
        Ok(status.map_err(|error| error.failure(self.console))?.time_ms)
    }

    /// An object of a node.
    fn get(&self, organisation: &str, path: &str) -> Result<Value, Failure> {
        super::get(&self.client(organisation)?, path, self.console)
    }

    /// An object of a node, if it is there.
    fn look(&self, organisation: &str, path: &str) -> Result<Option<Value>, Failure> {
        match self.client(organisation)?.get(path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.failure(self.console)),
        }
    }

    /// Looks until something is there.
    fn wait<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let start = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if start.elapsed() > within || self.interrupted.load(Ordering::SeqCst) {
                return Err(Failure::Refused(match self.console.lang() {
                    Lang::En => format!("{what}: not within {} s", within.as_secs()),
                    Lang::Zh => format!("{what}：{} 秒内没有发生", within.as_secs()),
                }));
            }
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// Fails when the consortium has been toured before: what the steps make, they make once.
    fn first_time(&self) -> Result<(), Failure> {
        let Some(found) = self.look(HOSPITALS[0], &format!("/api/v1/members/{INSTITUTE}"))? else {
            return Ok(());
        };
        let since = found["time_ms"].as_u64().map(time).unwrap_or_default();
        let folder = self.folder.display();
        Err(Failure::Refused(self.say(
            format!("{folder} was toured before, {since}: remove it, or name another folder with --dir"),
            format!("{folder} 已于 {since} 演示过：请删除它，或用 --dir 指定其他文件夹"),
        )))
    }
}

fn organisation(name: &str) -> OrganisationId {
    OrganisationId::new(name).expect("the demo's names are slugs")
}

/// The height of an answer.
fn height(answer: &Value) -> u64 {
    answer["height"].as_u64().unwrap_or(0)
}
