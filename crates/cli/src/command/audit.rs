//! `medveil audit`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use medveil_evidence::{Answer, Question, Subject};
use medveil_ledger::action::AuditNotarise;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::{Digest, ObjectRef};
use serde_json::{Value, json};

use super::{DetailsArgs, evidence, vocabulary};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{SignArgs, Signer, done};

/// `medveil audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// What to do with audits.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What `medveil audit` does.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Append an entry to the trail of an object
    #[command(
        after_help = "Example:\n  medveil audit notarise dataset/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --step access --reason research --details-of log.json --account doctor.key\n\nSteps: capture, deidentify, authorise, access, result, export, correct, destroy, incident.\nReasons: treatment, payment, operations, research, public-health, emergency, person-request, legal, audit, maintenance.\nThe ledger gets the digest of the details, never the details."
    )]
    Notarise(NotariseArgs),
    /// Show everything that happened to an object, and to what belongs to it, in its order
    #[command(
        after_help = "Examples:\n  medveil audit trail dataset/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n  medveil audit trail patient/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n\nOf a dataset: its versions, contracts, requests, decisions, releases, accesses, challenges, incidents. Of a contract, request or release: the same from there on. Of an account (a person): what it did. Of a patient:\nconsents, and requests about this patient. Of an organisation: what it answers for. --notes shows the entries of `medveil audit notarise` alone, whose completeness is provable."
    )]
    Trail(super::trail::TrailArgs),
    /// Draw rows of a release, which its owner then has to open to you alone
    #[command(
        after_help = "Example:\n  medveil audit challenge 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --rows 300 --account administrator.key\n\nFor regulators and organisations of the contract's committee. The rows follow from the transaction, so that the owner cannot foresee them. What is opened is sealed to a one-time key, whose secret\nlies in a file until the verdict: `medveil audit check CHALLENGE` goes on."
    )]
    Challenge(super::audit_challenge::ChallengeArgs),
    /// Run the contract's plan again on the rows that were opened, compare, and post the verdict
    #[command(
        after_help = "Examples:\n  medveil audit check 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --owner-node http://hospital-1.example:8080 --account administrator.key\n  medveil audit check 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --openings opened.sealed --dry-run --account administrator.key\n\nVerdicts: passed, dropped-rows, invented-rows, altered-value, unmasked-field, foreign-noise, other-plan, no-consent, no-answer. A release that does not pass is used no more, and an incident is opened for\nwhich its owner is liable. Exit code 1 when it does not pass. The report names rows and columns, never values; its digest is on the ledger."
    )]
    Check(super::audit_check::CheckArgs),
    /// Write an evidence file, which anybody checks with the genesis alone
    #[command(
        after_help = "Examples:\n  medveil audit export dataset/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --at 1200 --out dataset.evidence --genesis genesis.toml\n  medveil audit export trail/organisation/hospital-1 --out trail.evidence\n  medveil audit export event/1200/3 --out event.evidence\n\nOBJECT is one of account/HEX, organisation/NAME, patient/HEX, consent/HEX, dataset/HEX, contract/HEX, request/HEX, release/HEX, access/HEX, challenge/HEX, incident/HEX,\nbudget/KIND/ID, destruction/KIND/ID, custody/HEX, key-request/HEX, partial/HEX, certificate/HEX, issuer/HEX, proposal/N, parameters, validators, validators/EPOCH, trail/KIND/ID, transaction/HEX, event/HEIGHT/INDEX.\nWhat does not exist is proven not to. `medveil verify FILE --genesis genesis.toml` says what a file proves."
    )]
    Export(ExportArgs),
}

/// `medveil audit notarise`.
#[derive(Args, Debug)]
pub struct NotariseArgs {
    /// What the note is about: KIND/ID; external/HEX for what is not on the ledger
    pub object: ObjectRef,
    /// What was done
    #[arg(long, value_parser = vocabulary(Step::ALL, Step::name))]
    pub step: Step,
    /// Why
    #[arg(long, value_parser = vocabulary(Reason::ALL, Reason::name))]
    pub reason: Reason,
    /// What the note stands for.
    #[command(flatten)]
    pub details: DetailsArgs,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil audit export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// What is to be proven
    #[arg(value_parser = parse_target)]
    pub object: Target,
    /// The evidence file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// As it was after the block of this height
    #[arg(long, value_name = "HEIGHT", conflicts_with = "version")]
    pub at: Option<u64>,
    /// This version, and until when it was in force
    #[arg(long, value_name = "N")]
    pub version: Option<u64>,
    /// Check the file against this genesis before it is written
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
    /// Which node is asked.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What may be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A record of the state.
    Subject(Subject),
    /// The validators of an epoch.
    Epoch(u64),
    /// A transaction and what became of it.
    Transaction(Digest),
    /// An event.
    Event {
        /// The block's height.
        height: u64,
        /// Its place in the block, from 0.
        index: u32,
    },
}

fn parse_target(text: &str) -> Result<Target, String> {
    let expected = || {
        "expected account/HEX, organisation/NAME, patient/HEX, consent/HEX, dataset/HEX, contract/HEX, request/HEX, release/HEX, access/HEX, challenge/HEX, incident/HEX, budget/KIND/ID, destruction/KIND/ID, custody/HEX, key-request/HEX, partial/HEX, certificate/HEX, issuer/HEX, proposal/N, parameters, validators, validators/EPOCH, trail/KIND/ID, transaction/HEX or event/HEIGHT/INDEX".to_owned()
    };
    if let Some(place) = text.strip_prefix("event/") {
        let (height, index) = place.split_once('/').ok_or_else(expected)?;
        let (height, index) =
            (height.parse().map_err(|_| expected())?, index.parse().map_err(|_| expected())?);
        return Ok(Target::Event { height, index });
    }
    if let Some(id) = text.strip_prefix("transaction/") {
        return id.parse().map(Target::Transaction).map_err(|_| expected());
    }
    if let Some(epoch) = text.strip_prefix("validators/") {
        return epoch.parse().map(Target::Epoch).map_err(|_| expected());
    }
    let subject: Subject = text.parse().map_err(|_| expected())?;
    // What no endpoint gives.
    match path(&subject) {
        Some(_) => Ok(Target::Subject(subject)),
        None => Err(expected()),
    }
}

/// Where a node answers about a record.
fn path(subject: &Subject) -> Option<String> {
    Some(match subject {
        Subject::Account(id) => format!("accounts/{id}"),
        Subject::Organisation(name) => format!("members/{name}"),
        Subject::Dataset(id) => format!("datasets/{id}"),
        Subject::Proposal(number) => format!("proposals/{number}"),
        Subject::Parameters => "parameters/current".to_owned(),
        Subject::Validators => "validators/current".to_owned(),
        Subject::Trail(object) => format!("audits/{object}"),
        Subject::Patient(id) => format!("patients/{id}"),
        Subject::Consent(id) => format!("consents/{id}"),
        Subject::Contract(id) => format!("contracts/{id}"),
        Subject::Request(id) => format!("requests/{id}"),
        Subject::Release(id) => format!("releases/{id}"),
        Subject::Access(id) => format!("accesses/{id}"),
        Subject::Challenge(id) => format!("challenges/{id}"),
        Subject::Budget(object) => format!("budgets/{object}"),
        Subject::Destruction(object) => format!("destructions/{object}"),
        Subject::Incident(id) => format!("incidents/{id}"),
        Subject::Custody(id) => format!("custody/{id}"),
        Subject::KeyRequest(id) => format!("key-requests/{id}"),
        Subject::Partial(id) => format!("partials/{id}"),
        Subject::Certificate(id) => format!("certificates/{id}"),
        Subject::Issuer(id) => format!("issuers/{id}"),
        _ => return None,
    })
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_target(text)
    }
}

impl Target {
    /// What is asked of the node, and what the evidence must answer.
    pub fn request(&self, at: Option<u64>, version: Option<u64>) -> (String, Question) {
        match *self {
            Target::Subject(subject) => {
                let path = path(&subject).expect("a target has an endpoint");
                match (at, version, subject) {
                    (Some(height), _, _) => (format!("{path}?at={height}"), Question::At(subject, height)),
                    (_, Some(version), _) => {
                        (format!("{path}?version={version}"), Question::Version(subject, version))
                    }
                    (None, None, Subject::Trail(object)) => (path, Question::Trail(object)),
                    (None, None, _) => (path, Question::Latest(subject)),
                }
            }
            Target::Epoch(epoch) => (
                format!("validators/{epoch}"),
                Question::Version(Subject::Validators, epoch.saturating_add(1)),
            ),
            Target::Transaction(id) => (format!("transactions/{id}"), Question::Transaction(id)),
            Target::Event { height, index } => {
                (format!("events/{height}/{index}"), Question::Event { height, index })
            }
        }
    }
}

/// Runs the command.
pub fn run(args: &AuditArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        AuditCommand::Notarise(args) => notarise(args, console),
        AuditCommand::Trail(args) => super::trail::run(args, console),
        AuditCommand::Challenge(args) => super::audit_challenge::run(args, console),
        AuditCommand::Check(args) => super::audit_check::run(args, console),
        AuditCommand::Export(args) => export(args, console),
    }
}

fn notarise(args: &NotariseArgs, console: &Console) -> Result<(), Failure> {
    let details = args.details.digest()?;
    let signer = Signer::new(&args.sign, console)?;
    let NotariseArgs { object, step, reason, .. } = *args;
    let answer = signer.act(AuditNotarise { object, step, reason, details }, console)?;
    let said = match console.lang() {
        Lang::En => format!("noted about {object}: {step} for {reason}, details {details}"),
        Lang::Zh => {
            format!("已就 {object} 存证：{}（{}），详情摘要 {details}", step.chinese(), reason.chinese())
        }
    };
    done(&answer, json!({ "object": object, "details": details }), &said, args.json, console)
}

/// How often a node that cannot prove something yet is asked again.
const ATTEMPTS: u32 = 10;

fn export(args: &ExportArgs, console: &Console) -> Result<(), Failure> {
    let is_entry = matches!(args.object, Target::Transaction(_) | Target::Event { .. } | Target::Epoch(_));
    if is_entry && (args.at.is_some() || args.version.is_some()) {
        return Err(Failure::unusable(console.text(
            "--at and --version are for what changes: not for transactions, events and epochs",
            "--at 和 --version 只用于会变化的对象，不用于交易、事件和纪元",
        )));
    }
    if args.out.exists() && !args.overwrite {
        let message = format!("{}: exists; choose another name, or say --overwrite", args.out.display());
        return Err(Failure::unusable(message));
    }
    let genesis = args.genesis.as_deref().map(evidence::genesis).transpose()?;
    let client = args.node.client()?;
    let (path, question) = args.object.request(args.at, args.version);
    let mut attempt = 0;
    let file = loop {
        attempt += 1;
        match client.get_evidence(&format!("/api/v1/{path}")) {
            // The newest block may have no certificate of its own yet.
            Err(error) if error.code() == Some("proof.not_ready") && attempt < ATTEMPTS => {
                std::thread::sleep(Duration::from_millis(500));
            }
            answer => break answer.map_err(|error| error.failure(console))?,
        }
    };
    let checked = match &genesis {
        Some(genesis) => {
            let refused = |why: String| {
                Failure::Refused(match console.lang() {
                    Lang::En => format!("the node's evidence does not hold: {why}"),
                    Lang::Zh => format!("节点给出的证据不成立：{why}"),
                })
            };
            let start = std::time::Instant::now();
            let reading = medveil_evidence::read(&file, genesis)
                .map_err(|error| refused(evidence::said(&error, console)))?;
            let elapsed = start.elapsed();
            let Some(answer) = reading.answer(&question) else {
                let why =
                    console.text("it proves something else than was asked for", "它证明的不是所问的内容");
                return Err(refused(why.to_owned()));
            };
            let absent = matches!(answer, Answer::Absent) || matches!(answer, Answer::Trail([]));
            Some((absent, evidence::as_value(&reading, file.len(), elapsed), reading.clone()))
        }
        None => None,
    };
    super::write_new(&args.out, &file, args.overwrite, false)?;
    if args.json {
        let (absent, reading) = match &checked {
            Some((absent, reading, _)) => (json!(absent), reading.clone()),
            None => (Value::Null, Value::Null),
        };
        return console.json(&json!({
            "out": args.out, "bytes": file.len(), "checked": checked.is_some(), "absent": absent, "reading": reading,
        }));
    }
    console.note(format_args!("{}: {} {}", args.out.display(), file.len(), console.text("bytes", "字节")));
    match &checked {
        Some((absent, _, reading)) => {
            evidence::print(reading, console)?;
            if *absent {
                let answer =
                    console.text("asked for: nothing, then or now", "所问的对象：不存在，或当时不存在");
                return console.print(answer);
            }
            Ok(())
        }
        None => {
            console.note(console.text(
                "not checked: say --genesis FILE, or `medveil verify FILE --genesis genesis.toml` later",
                "尚未核验：请加 --genesis，或稍后执行 `medveil verify FILE --genesis genesis.toml`",
            ));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_proven_is_named_in_one_way() {
        let hex = "11".repeat(32);
        for (text, path) in [
            (format!("dataset/{hex}"), format!("datasets/{hex}")),
            ("organisation/hospital-1".into(), "members/hospital-1".into()),
            ("proposal/3".into(), "proposals/3".into()),
            ("parameters".into(), "parameters/current".into()),
            ("validators/4".into(), "validators/4".into()),
            (format!("trail/dataset/{hex}"), format!("audits/dataset/{hex}")),
            (format!("patient/{hex}"), format!("patients/{hex}")),
            (format!("consent/{hex}"), format!("consents/{hex}")),
            (format!("budget/contract/{hex}"), format!("budgets/contract/{hex}")),
            (format!("destruction/release/{hex}"), format!("destructions/release/{hex}")),
            (format!("partial/{hex}"), format!("partials/{hex}")),
            (format!("certificate/{hex}"), format!("certificates/{hex}")),
            (format!("issuer/{hex}"), format!("issuers/{hex}")),
            (format!("transaction/{hex}"), format!("transactions/{hex}")),
            ("event/12/3".into(), "events/12/3".into()),
        ] {
            assert_eq!(parse_target(&text).unwrap().request(None, None).0, path, "{text}");
        }
        for bad in
            ["", "dataset/1", "event/1", "event/x/1", "charter", "roster", "external/00", "proposal/03"]
        {
            assert!(parse_target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_height_or_version_asks_for_the_past() {
        let target = parse_target("organisation/hospital-1").unwrap();
        let Target::Subject(subject) = target else { panic!() };
        assert_eq!(
            target.request(Some(7), None),
            ("members/hospital-1?at=7".into(), Question::At(subject, 7))
        );
        assert_eq!(
            target.request(None, Some(2)),
            ("members/hospital-1?version=2".into(), Question::Version(subject, 2))
        );
        assert_eq!(target.request(None, None).1, Question::Latest(subject));
    }
}
