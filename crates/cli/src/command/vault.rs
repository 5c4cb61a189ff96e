//! `medveil vault`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use medveil_ledger::action::{CustodyRequestKey, DestructionOrder};
use medveil_ledger::state::destruction::DestructionCause;
use medveil_ledger::{Action, CustodyId, Digest, ObjectRef, OrganisationId, Slug};
use medveil_node::custody::{self, CustodyError, Desk as _, DeskError, Fetch, Fetched, Keep, ObjectHealth};
use medveil_vault::envelope::Suite;
use serde_json::{Value, json};

use crate::client::ClientError;
use crate::console::{Console, Lang};
use crate::desk::HttpDesk;
use crate::failure::Failure;
use crate::resources::Resources;
use crate::signer::{SignArgs, Signer};

/// `medveil vault`.
#[derive(Args, Debug)]
pub struct VaultArgs {
    /// What to do with objects in custody.
    #[command(subcommand)]
    pub command: VaultCommand,
}

/// What `medveil vault` does.
#[derive(Subcommand, Debug)]
pub enum VaultCommand {
    /// Put a file, or the next version of it, into custody of all members
    #[command(
        after_help = "Example:\n  medveil vault put release.tar --label diabetes-2026 --account administrator.key\n\nThe file is sealed and cut here; members get pieces of sealed bytes, the ledger gets the manifest's digest and the wrapped key. After an interruption the same command goes on."
    )]
    Put(PutArgs),
    /// Take an own object out of custody
    #[command(
        after_help = "Examples:\n  medveil vault get diabetes-2026 --out release.tar --account administrator.key\n  medveil vault get 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --out release.tar\n\nThe request is on the ledger for everybody to see. After an interruption the same command goes on. A release of another organisation is read with `medveil release fetch`."
    )]
    Get(GetArgs),
    /// Say how many more losses an object can bear
    #[command(
        after_help = "Example:\n  medveil vault health diabetes-2026 --account administrator.key\n\nExit code 1 when a shard is not whole."
    )]
    Health(ObjectArgs),
    /// Have all members read their shards of an object again, and rebuild what is lost or wrong
    #[command(after_help = "Example:\n  medveil vault repair diabetes-2026 --account administrator.key")]
    Repair(ObjectArgs),
    /// Order the destruction of an own object, and wait for the members to attest it
    #[command(
        after_help = "Example:\n  medveil vault shred diabetes-2026 --account administrator.key\n\nIt cannot be undone. What cannot be recalled either: keys that were released before, and what was read with them."
    )]
    Shred(ShredArgs),
}

/// `medveil vault put`.
#[derive(Args, Debug)]
pub struct PutArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the owner calls it: a-z, 0-9 and hyphens. It is public
    #[arg(long)]
    pub label: Slug,
    /// Digest of the policy under which it may be read, bound into its key [default: zeros]
    #[arg(long, value_name = "HEX")]
    pub policy: Option<Digest>,
    /// The cipher
    #[arg(long, value_enum, default_value = "international")]
    pub suite: SuiteArg,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Ciphers on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SuiteArg {
    /// AES-256-GCM.
    International,
    /// SM4-GCM.
    National,
}

/// `medveil vault get`.
#[derive(Args, Debug)]
pub struct GetArgs {
    /// The object's label or id
    #[arg(value_name = "LABEL_OR_ID")]
    pub object: String,
    /// The file, which must not exist
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil vault health` and `repair`.
#[derive(Args, Debug)]
pub struct ObjectArgs {
    /// The object's label or id
    #[arg(value_name = "LABEL_OR_ID")]
    pub object: String,
    /// Another version than the latest
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil vault shred`.
#[derive(Args, Debug)]
pub struct ShredArgs {
    /// The object's label or id
    #[arg(value_name = "LABEL_OR_ID")]
    pub object: String,
    /// Seconds to wait for attestations
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub patience: u64,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &VaultArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        VaultCommand::Put(args) => put(args, console),
        VaultCommand::Get(args) => get(args, console),
        VaultCommand::Health(args) => health(args, console),
        VaultCommand::Repair(args) => repair(args, console),
        VaultCommand::Shred(args) => shred(args, console),
    }
}

fn put(args: &PutArgs, console: &Console) -> Result<(), Failure> {
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let state = args.file.with_file_name(format!(".{name}.{}.medveil-put", args.label));
    if args.file.as_path() == Path::new("-") || args.file.is_dir() {
        return Err(Failure::unusable(console.text(
            "one file is put into custody at a time: it is read twice; pack a folder first",
            "每次托管一个文件（需读取两遍）；文件夹请先打包",
        )));
    }
    let desk = desk(&args.sign, console)?;
    let suite = match args.suite {
        SuiteArg::International => Suite::Aes256Gcm,
        SuiteArg::National => Suite::Sm4Gcm,
    };
    let keep = Keep { label: args.label, policy: args.policy.unwrap_or(Digest([0; 32])), suite, state };
    let start = Instant::now();
    let kept = custody::keep(&desk, &args.file, &keep).map_err(|error| failure(error, console))?;
    let (shards, missing) = (kept.holders.len(), &kept.missing);
    for (shard, problem) in missing {
        console.note(match console.lang() {
            Lang::En => format!("shard {shard} is missing: {problem}"),
            Lang::Zh => format!("分片 {shard} 缺失：{problem}"),
        });
    }
    if args.json {
        return console.json(&json!({
            "object": kept.object, "version": kept.version, "label": args.label, "manifest": kept.manifest,
            "bytes": kept.length, "needed": kept.needed, "holders": kept.holders, "missing": kept.missing,
            "transaction": kept.transaction, "elapsed_ms": start.elapsed().as_millis() as u64,
            "resources": Resources::since(start),
        }));
    }
    console.print(match console.lang() {
        Lang::En => format!(
            "custody/{}, version {} of `{}`: {} bytes in {shards} shards, any {} of which give them back",
            kept.object, kept.version, args.label, kept.length, kept.needed
        ),
        Lang::Zh => format!(
            "custody/{}，`{}` 第 {} 版：{} 字节，{shards} 个分片，任意 {} 个即可恢复",
            kept.object, args.label, kept.version, kept.length, kept.needed
        ),
    })
}

fn get(args: &GetArgs, console: &Console) -> Result<(), Failure> {
    let desk = desk(&args.sign, console)?;
    let object = object(&args.object, &desk)?;
    let version = latest(&desk, object, console)?;
    let name = args.out.file_name().unwrap_or_default().to_string_lossy();
    let state = args.out.with_file_name(format!(".{name}.medveil-get"));
    let fetch = Fetch { object, version, out: args.out.clone(), state };
    let start = Instant::now();
    let ask = |keys| Action::from(CustodyRequestKey { object, version, keys });
    let fetched = custody::fetch(&desk, &fetch, &ask).map_err(|error| failure(error, console))?;
    note(&fetched, console);
    if args.json {
        let faults: Vec<_> = fetched
            .faults
            .iter()
            .map(|(member, fault, wrong)| json!({ "member": member, "fault": fault, "wrong": wrong }))
            .collect();
        let bad: Vec<_> = fetched
            .bad_partials
            .iter()
            .map(|(member, reported)| json!({ "member": member, "reported": reported }))
            .collect();
        return console.json(&json!({
            "object": object, "version": version, "out": args.out, "bytes": fetched.length,
            "request": fetched.request, "key_ms": fetched.key_after.as_millis() as u64,
            "faults": faults, "bad_partials": bad, "elapsed_ms": start.elapsed().as_millis() as u64,
            "resources": Resources::since(start),
        }));
    }
    console.print(match console.lang() {
        Lang::En => {
            format!("{}: {} bytes; asked for by {}", args.out.display(), fetched.length, fetched.request)
        }
        Lang::Zh => format!("{}：{} 字节；申请交易 {}", args.out.display(), fetched.length, fetched.request),
    })
}

/// Tells who gave something wrong.
pub(super) fn note(fetched: &Fetched, console: &Console) {
    for (member, fault, wrong) in &fetched.faults {
        console.note(match (console.lang(), wrong) {
            (Lang::En, true) => format!("{member} gave wrong pieces: {fault}"),
            (Lang::En, false) => format!("{member} gave no pieces: {fault}"),
            (Lang::Zh, true) => format!("{member} 提供了错误的分片：{fault}"),
            (Lang::Zh, false) => format!("{member} 未提供分片：{fault}"),
        });
    }
    for (member, reported) in &fetched.bad_partials {
        console.note(match (console.lang(), reported) {
            (Lang::En, true) => format!("{member} gave a bad partial key; it was reported on the ledger"),
            (Lang::En, false) => format!("{member} gave a bad partial key; it could not be reported"),
            (Lang::Zh, true) => format!("{member} 提供了无效密钥分片，已在账本上举报"),
            (Lang::Zh, false) => format!("{member} 提供了无效密钥分片，未能举报"),
        });
    }
}

fn health(args: &ObjectArgs, console: &Console) -> Result<(), Failure> {
    let desk = desk(&args.sign, console)?;
    let object = object(&args.object, &desk)?;
    let version = args.version.map_or_else(|| latest(&desk, object, console), Ok)?;
    let health = desk.health(&custody::subject(object, version));
    let health = health.map_err(|error| failure(error.into(), console))?;
    if args.json {
        console.json(&json!(health))?;
    } else {
        print(&health, console)?;
    }
    match health.status.as_str() {
        "whole" => Ok(()),
        status => Err(Failure::Refused(match console.lang() {
            Lang::En => format!("the object is {status}: {} more shards can be lost", health.spare.max(0)),
            Lang::Zh => format!("对象状态 {status}：还可再丢失 {} 个分片", health.spare.max(0)),
        })),
    }
}

fn print(health: &ObjectHealth, console: &Console) -> Result<(), Failure> {
    let ObjectHealth { object, version, length, needed, spare, status, shards } = health;
    console.print(match console.lang() {
        Lang::En => format!("custody/{object}, version {version}: {length} bytes, {status}; {needed} shards suffice, {spare} more can be lost"),
        Lang::Zh => format!("custody/{object}，第 {version} 版：{length} 字节，{status}；{needed} 个分片即可恢复，还可丢失 {spare} 个"),
    })?;
    let columns = match console.lang() {
        Lang::En => ["shard", "member", "segments", "problem"],
        Lang::Zh => ["分片", "成员", "段", "问题"],
    };
    let rows = shards.iter().map(|shard| {
        vec![
            shard.shard.to_string(),
            shard.holder.map(|holder| holder.to_string()).unwrap_or_default(),
            format!("{}/{}", shard.good, shard.segments),
            shard.problem.clone().unwrap_or_default(),
        ]
    });
    super::table(&columns, console, rows)
}

fn repair(args: &ObjectArgs, console: &Console) -> Result<(), Failure> {
    let desk = desk(&args.sign, console)?;
    let object = object(&args.object, &desk)?;
    let version = args.version.map_or_else(|| latest(&desk, object, console), Ok)?;
    let subject = custody::subject(object, version);
    let said = desk.check(&subject).map_err(|error| failure(error.into(), console))?;
    let members = said.as_object().cloned().unwrap_or_default();
    if args.json {
        return console.json(&json!({ "object": object, "version": version, "members": said }));
    }
    let columns = match console.lang() {
        Lang::En => ["member", "shard", "right", "rebuilt", "missing", "problem"],
        Lang::Zh => ["成员", "分片", "完好", "已重建", "缺失", "问题"],
    };
    let rows = members.iter().map(|(member, said)| {
        let checked = &said["Ok"];
        let missing = checked["missing"].as_array().map_or(0, Vec::len);
        vec![
            member.clone(),
            super::text(&checked["shard"]),
            super::text(&checked["good"]),
            super::text(&checked["repaired"]),
            missing.to_string(),
            super::text(&said["Err"]),
        ]
    });
    super::table(&columns, console, rows)
}

fn shred(args: &ShredArgs, console: &Console) -> Result<(), Failure> {
    let desk = desk(&args.sign, console)?;
    let id = object(&args.object, &desk)?;
    latest(&desk, id, console)?;
    let object = ObjectRef::custody(id);
    let path = format!("/api/v1/destructions/{object}");
    let ordered = |desk: &HttpDesk<'_>| match desk.signer().client().get(&path) {
        Ok(order) => Ok(Some(order)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.failure(console)),
    };
    // Ordered before, it is waited for only.
    if ordered(&desk)?.is_none() {
        let order = DestructionOrder { object, cause: DestructionCause::Owner };
        desk.act(order.into()).map_err(|error| failure(error.into(), console))?;
    }
    let roster = desk.roster().map_err(|error| failure(error.into(), console))?;
    let expected: BTreeSet<OrganisationId> =
        roster.map(|roster| roster.members.into_keys().collect()).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(args.patience);
    let (attested, missing) = loop {
        let order = ordered(&desk)?.unwrap_or_default();
        let attested = attested(&order);
        let missing: BTreeSet<_> = expected.difference(&attested).copied().collect();
        if missing.is_empty() || Instant::now() >= deadline {
            break (attested, missing);
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    if args.json {
        console.json(&json!({ "object": id, "attested": attested, "missing": missing }))?;
    } else {
        let names =
            |of: &BTreeSet<OrganisationId>| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        console.print(match console.lang() {
            Lang::En => format!("custody/{id}: destruction ordered; attested by {}", names(&attested)),
            Lang::Zh => format!("custody/{id}：已下令销毁；已证明销毁的成员：{}", names(&attested)),
        })?;
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(ToString::to_string).collect();
    Err(Failure::Refused(match console.lang() {
        Lang::En => format!("not attested yet: {}", names.join(", ")),
        Lang::Zh => format!("尚未证明销毁：{}", names.join("、")),
    }))
}

/// Who has attested a destruction.
fn attested(order: &Value) -> BTreeSet<OrganisationId> {
    let attested = order["value"]["attested"].as_object();
    attested.into_iter().flatten().filter_map(|(name, _)| name.parse().ok()).collect()
}

/// The desk of the account that signs. Here everything waits until it is final.
pub(super) fn desk<'c>(sign: &SignArgs, console: &'c Console) -> Result<HttpDesk<'c>, Failure> {
    let sign = SignArgs { no_wait: false, ..sign.clone() };
    HttpDesk::new(Signer::new(&sign, console)?, console)
}

/// The object of a label of the own organisation, or of an id.
fn object(text: &str, desk: &HttpDesk<'_>) -> Result<CustodyId, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let label = Slug::new(text).map_err(|error| Failure::unusable(format!("`{text}`: {error}")))?;
    Ok(CustodyId::derive(desk.chain(), desk.organisation(), label))
}

/// The latest version of an object.
pub(super) fn latest(desk: &HttpDesk<'_>, object: CustodyId, console: &Console) -> Result<u64, Failure> {
    let found = desk.registered(object, None).map_err(|error| failure(error.into(), console))?;
    found.map(|found| found.version).ok_or_else(|| failure(CustodyError::Unknown, console))
}

/// How the command ends: refused when the ledger or the members say no, unusable when something cannot be read.
pub(super) fn failure(error: CustodyError, console: &Console) -> Failure {
    let text = match (console.lang(), chinese(&error)) {
        (Lang::Zh, Some(chinese)) => format!("{chinese}：{error}"),
        _ => error.to_string(),
    };
    match &error {
        CustodyError::Desk(DeskError::Unreachable(what)) => {
            ClientError::Unreachable(what.clone()).failure(console)
        }
        CustodyError::File { .. } | CustodyError::Exists(_) | CustodyError::State { .. } => {
            Failure::Unusable(text)
        }
        _ => Failure::Refused(text),
    }
}

fn chinese(error: &CustodyError) -> Option<&'static str> {
    Some(match error {
        CustodyError::NoCommittee => "托管委员会尚未成立",
        CustodyError::Unknown => "托管中没有该对象或版本",
        CustodyError::Exists(_) => "文件已存在，请换一个名称",
        CustodyError::State { .. } => "此前未完成的操作与本次不符",
        CustodyError::Changed(..) => "文件在托管过程中已更改",
        CustodyError::TooFewHolders { .. } => "接收分片的成员过少",
        CustodyError::TooFewPartials { .. } => "有效密钥分片不足，申请仍有效，重新执行同一命令即可继续",
        CustodyError::Recover(_) => "密钥无法恢复",
        CustodyError::Manifest(_) => "清单与账本不符",
        CustodyError::Object(_) => "对象无法恢复",
        _ => return None,
    })
}
