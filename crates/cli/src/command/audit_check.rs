//! `medveil audit check`: what the owner opened is run through the contract's plan again and compared; the verdict goes on the ledger.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use medveil_custodian::audit::{AuditError, Fault, Finding, Judgement, judge};
use medveil_custodian::ledger::latest;
use medveil_custodian::{LedgerError, Reader as _};
use medveil_ledger::action::AuditVerdict;
use medveil_ledger::state::challenge::{Challenge, Verdict};
use medveil_ledger::{ChallengeId, Digest};
use serde_json::{Value, json};

use super::audit_challenge::{erase, read_challenge_secret, secret_of};
use super::governance::Common;
use crate::client::{Client, ClientError};
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::ledger::HttpLedger;
use crate::signer::Signer;

/// `medveil audit check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The challenge's id
    pub challenge: ChallengeId,
    /// The one-time secret of the challenge [default: challenge-ID.secret]
    #[arg(long, value_name = "FILE")]
    pub secret: Option<PathBuf>,
    /// The owner's node, which hands over what was opened [default: the node that is asked]
    #[arg(long, value_name = "URL")]
    pub owner_node: Option<String>,
    /// What was opened, in a file instead
    #[arg(long, value_name = "FILE", conflicts_with = "owner_node")]
    pub openings: Option<PathBuf>,
    /// Seconds to wait for the owner's answer
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub patience: u64,
    /// The report [default: challenge-ID.json]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only look: no verdict is posted, and the secret stays
    #[arg(long)]
    pub dry_run: bool,
    /// Who signs.
    #[command(flatten)]
    pub common: Common,
}

/// Where the sealed openings come from.
pub enum Openings {
    /// A node that hands them over.
    Node(Client),
    /// A file.
    File(PathBuf),
}

/// How a challenge is checked.
pub struct Check {
    /// The one-time secret's file.
    pub secret: PathBuf,
    /// Where the sealed openings come from.
    pub openings: Openings,
    /// How long it is waited for the answer.
    pub patience: Duration,
    /// Where the report is written.
    pub out: PathBuf,
    /// Whether the verdict is posted, and the secret erased.
    pub posts: bool,
}

/// What came of a check.
pub struct Checked {
    /// Who owed the answer.
    pub owner: String,
    /// What came of the challenge.
    pub verdict: Verdict,
    /// What was found; none where nothing was opened in time.
    pub judgement: Option<Judgement>,
    /// What became of the verdict's transaction; null when none was posted now.
    pub posted: Value,
}

/// Runs the command.
pub fn run(args: &CheckArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.common.sign, console)?;
    let (id, here) = (args.challenge, Path::new(""));
    let openings = match (&args.openings, &args.owner_node) {
        (Some(file), _) => Openings::File(file.clone()),
        (None, Some(url)) => Openings::Node(Client::new(url)?),
        (None, None) => Openings::Node(args.common.sign.node.client()?),
    };
    let plan = Check {
        secret: args.secret.clone().unwrap_or_else(|| secret_of(here, id)),
        openings,
        patience: Duration::from_secs(args.patience),
        out: args.out.clone().unwrap_or_else(|| format!("challenge-{id}.json").into()),
        posts: !args.dry_run,
    };
    let checked = check(&signer, id, &plan, console)?;
    if args.common.json {
        let judgement: Value = checked.judgement.as_ref().map_or(Value::Null, |found| json!(found));
        console.json(&json!({
            "challenge": id, "owner": checked.owner, "verdict": checked.verdict, "report": plan.out,
            "judgement": judgement, "soundness": checked.judgement.as_ref().map(soundness),
            "transaction": checked.posted["id"], "height": checked.posted["height"],
        }))?;
    } else {
        for line in told(id, &checked, console) {
            console.print(line)?;
        }
        if let Some(judgement) = checked.judgement.as_ref().filter(|found| !found.findings.is_empty()) {
            print(&judgement.findings, console)?;
        }
        console.print(format_args!("  {}: {}", console.text("report", "报告"), plan.out.display()))?;
        if let Some(height) = checked.posted["height"].as_u64() {
            let id = super::text(&checked.posted["id"]);
            console.print(match console.lang() {
                Lang::En => format!("  verdict: final at height {height}, transaction {id}"),
                Lang::Zh => format!("  结论：已于高度 {height} 最终确认，交易 {id}"),
            })?;
        }
    }
    if checked.verdict == Verdict::Passed {
        return Ok(());
    }
    Err(Failure::Refused(match console.lang() {
        Lang::En => format!("the release of {} does not pass: {}", checked.owner, checked.verdict),
        Lang::Zh => format!("{} 的发布未通过质询：{}", checked.owner, checked.verdict.chinese()),
    }))
}

/// Waits for the answer, judges it, writes the report and posts the verdict. No answer in time is a verdict, too.
///
/// # Errors
/// There is nothing to judge (yet), the secret or the openings are those of something else, or the ledger does not take the verdict.
pub fn check(signer: &Signer, id: ChallengeId, plan: &Check, console: &Console) -> Result<Checked, Failure> {
    let ledger = HttpLedger::new(signer.client().clone(), signer.chain());
    let secret = read_challenge_secret(&plan.secret)?;
    let (challenge, late) = answered(&ledger, id, plan.patience, console)?;
    let (report, action, judgement) = if late {
        let text = json!({ "challenge": id, "verdict": Verdict::NoAnswer, "due": challenge.due }).to_string();
        let report = Digest::of("medveil/audit-report/1", &[text.as_bytes()]);
        (text, AuditVerdict { challenge: id, verdict: Verdict::NoAnswer, report }, None)
    } else {
        let sealed = fetch(plan, id, console)?;
        // Raw records are run through the plan there; the folder is for this user alone, and goes.
        let scratch = tempfile::tempdir().map_err(Failure::unusable)?;
        let found = judge(&ledger, id, &sealed, &secret, scratch.path());
        let found = found.map_err(|error| failure(&error, console))?;
        (found.report(), found.action(), Some(found))
    };
    super::write_new(&plan.out, report.as_bytes(), true, false)?;
    let mut posted = Value::Null;
    if plan.posts {
        // An interruption may have come between verdict and erasure.
        if challenge.verdict.is_none() {
            posted = signer.act(action.clone(), console)?;
        }
        erase(&plan.secret)?;
    }
    let verdict = challenge.verdict.unwrap_or(action.verdict);
    Ok(Checked { owner: challenge.owner.to_string(), verdict, judgement, posted })
}

/// The challenge once it is answered, or once the answer is too late.
fn answered(
    ledger: &HttpLedger,
    id: ChallengeId,
    patience: Duration,
    console: &Console,
) -> Result<(Challenge, bool), Failure> {
    let start = Instant::now();
    let failed = |error: LedgerError| failure(&AuditError::from(error), console);
    loop {
        let found = latest::<Challenge>(ledger, &id).map_err(failed)?;
        let challenge = found.ok_or_else(|| failure(&AuditError::Unknown(id), console))?.value;
        if challenge.answer.is_some() {
            return Ok((challenge, false));
        }
        if ledger.tip().map_err(failed)?.height > challenge.due {
            return Ok((challenge, true));
        }
        if start.elapsed() >= patience {
            return Err(failure(&AuditError::Unanswered { due: challenge.due }, console));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn fetch(plan: &Check, id: ChallengeId, console: &Console) -> Result<Vec<u8>, Failure> {
    match &plan.openings {
        Openings::File(path) => std::fs::read(path)
            .map_err(|error| Failure::unusable(format!("{}: {error}", path.display()))),
        Openings::Node(client) => {
            client.get_bytes(&format!("/api/v1/audits/challenges/{id}/openings")).map_err(|error| match error {
                error if error.is_not_found() => Failure::Refused(
                    console
                        .text(
                            "that node has not opened anything for the challenge: name the owner's node with --owner-node",
                            "该节点没有为此质询开启的记录：请用 --owner-node 指定数据方的节点",
                        )
                        .to_owned(),
                ),
                error => ClientError::failure(error, console),
            })
        }
    }
}

/// Why there is no verdict, in the language that is spoken.
fn failure(error: &AuditError, console: &Console) -> Failure {
    let chinese = match error {
        AuditError::Ledger(_) => "无法读取账本",
        AuditError::Unknown(_) => "没有该质询",
        AuditError::Unanswered { .. } => "质询尚未答复",
        AuditError::NotTheAnswer => "所开启的内容与账本上的答复摘要不符",
        AuditError::OtherSecret => "密钥不属于此质询",
        AuditError::File { .. } => "文件无法读写",
    };
    let text = match console.lang() {
        Lang::En => error.to_string(),
        Lang::Zh => format!("{chinese}：{error}"),
    };
    match error {
        AuditError::Ledger(_) | AuditError::OtherSecret | AuditError::File { .. } => Failure::Unusable(text),
        _ => Failure::Refused(text),
    }
}

/// The share of wrong rows that a sample finds with 95 %, and the probability with which it finds 1 %.
pub fn soundness(judgement: &Judgement) -> Value {
    let sample = judgement.soundness;
    json!({
        "rows": sample.rows, "detectable_with_95_percent": sample.detectable(0.95),
        "confidence_for_1_percent": sample.confidence(0.01),
    })
}

/// What came of a challenge, line by line.
pub fn told(id: ChallengeId, checked: &Checked, console: &Console) -> Vec<String> {
    let Checked { owner, verdict, judgement, .. } = checked;
    let Some(found) = judgement else {
        return vec![match console.lang() {
            Lang::En => format!("challenge/{id}: {owner} has not answered in time: {verdict}"),
            Lang::Zh => format!("challenge/{id}：{owner} 逾期未答复：{}", verdict.chinese()),
        }];
    };
    let (release, version) = (found.release, found.version);
    let mut lines = vec![match console.lang() {
        Lang::En => {
            format!("challenge/{id}: version {version} of release/{release} by {owner}: {verdict}")
        }
        Lang::Zh => {
            format!("challenge/{id}：{owner} 的 release/{release} 第 {version} 版：{}", verdict.chinese())
        }
    }];
    let of = found.checked;
    lines.push(match console.lang() {
        Lang::En => format!(
            "  {} different rows opened: the plan was run again on {}, {} are not in the release as their patients wish, {} dropped by the plan, {} suppressed",
            of.rows, of.run_again, of.outside, of.dropped, of.suppressed
        ),
        Lang::Zh => format!(
            "  开启 {} 条不同记录：{} 条重新执行方案，{} 条按患者意愿未发布，{} 条被方案删除，{} 条被抑制",
            of.rows, of.run_again, of.outside, of.dropped, of.suppressed
        ),
    });
    let sample = found.soundness;
    let (least, one) = (100.0 * sample.detectable(0.95), 100.0 * sample.confidence(0.01));
    lines.push(match console.lang() {
        Lang::En => format!(
            "  soundness: n = {} drawn on each side; {least:.2} % of wrong rows or more are found with 95 %, 1 % with {one:.1} %",
            sample.rows
        ),
        Lang::Zh => format!(
            "  可靠度：两侧各抽取 n = {} 条；若错误记录占 {least:.2} % 以上，有 95 % 的概率发现；占 1 % 时概率为 {one:.1} %",
            sample.rows
        ),
    });
    if !found.unproven.is_empty() {
        let columns: Vec<String> =
            found.unproven.iter().map(|of| format!("{}:{}", of.file, of.column)).collect();
        lines.push(format!(
            "  {}: {}",
            console.text(
                "not shown by rows, since made coarser for the table as a whole",
                "抽样无法证明（因整表泛化）"
            ),
            columns.join(", ")
        ));
    }
    lines
}

/// Findings that are shown; all are in the report.
const SHOWN: usize = 12;

fn print(findings: &[Finding], console: &Console) -> Result<(), Failure> {
    let columns = match console.lang() {
        Lang::En => ["verdict", "what is wrong", "file", "row", "column"],
        Lang::Zh => ["结论", "问题", "文件", "行", "列"],
    };
    let rows = findings.iter().take(SHOWN).map(|finding| {
        let Finding { verdict, fault, file, row, column } = finding;
        vec![
            match console.lang() {
                Lang::En => verdict.to_string(),
                Lang::Zh => verdict.chinese().to_owned(),
            },
            console.text(super::text(&json!(fault)).as_str(), chinese(*fault)).to_owned(),
            file.clone().unwrap_or_default(),
            row.map(|row| row.to_string()).unwrap_or_default(),
            column.clone().unwrap_or_default(),
        ]
    });
    super::table(&columns, console, rows)?;
    match findings.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => console.print(match console.lang() {
            Lang::En => format!("  and {more} more in the report"),
            Lang::Zh => format!("  另有 {more} 项，见报告"),
        }),
    }
}

/// What is wrong, in Chinese.
fn chinese(fault: Fault) -> &'static str {
    match fault {
        Fault::Unreadable => "封装内容无法解读",
        Fault::Plan => "方案不是合同所定",
        Fault::PlanFails => "方案无法在这些记录上执行",
        Fault::Commitment => "密钥与种子不符合承诺",
        Fault::Source => "来源与登记不符",
        Fault::Output => "发布与登记不符",
        Fault::Header => "列与方案不符",
        Fault::Unopened => "抽中的记录未开启",
        Fault::Raw => "原始记录不在登记的来源中",
        Fault::Place => "记录不在所称位置",
        Fault::LeftOut => "应发布的记录缺失",
        Fault::Suppressed => "抑制超出方案许可",
        Fault::NoSource => "记录没有来源",
        Fault::NotDropped => "应删除的记录被发布",
        Fault::Consent => "患者未授权",
        Fault::Tie => "患者与标识不一致",
        Fault::Value => "数值不是方案的结果",
        Fault::Loss => "噪声的隐私损失高于登记值",
        Fault::Label => "相同值的标签不同",
        Fault::Form => "记录形式不符",
    }
}
