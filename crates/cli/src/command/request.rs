//! `medveil request`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use medveil_ledger::action::{RequestCancel, RequestSubmit, RequestVote};
use medveil_ledger::state::request::{Ask, Subject};
use medveil_ledger::vocabulary::{Condition, DataClass, Purpose};
use medveil_ledger::{AccountId, Digest, RequestId};
use serde_json::{Value, json};

use super::contract::Terms;
use super::governance::Common;
use super::named::Named;
use super::{ListArgs, bounded, digest_of, get, parse_epsilon, vocabulary};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{Signer, done};

/// `medveil request`.
#[derive(Args, Debug)]
pub struct RequestArgs {
    /// What to do with requests.
    #[command(subcommand)]
    pub command: RequestCommand,
}

/// What `medveil request` does.
#[derive(Subcommand, Debug)]
pub enum RequestCommand {
    /// Ask for data under a contract; it is decided in the block that carries it, or when the committee has approved
    #[command(
        after_help = "Examples:\n  medveil request submit hospital-1/diabetes-2026 --ethics-of approval.pdf --epsilon 1 --account researcher.key\n  medveil request submit hospital-1/consultation --patient 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account doctor.key\n\nWhat is not said is what the contract allows: all its datasets, purposes and classes. A refusal is told with its reason and the values compared, and is on the ledger."
    )]
    Submit(Box<SubmitArgs>),
    /// List requests, the newest first
    #[command(after_help = "Example:\n  medveil request list --organisation research-1")]
    List(ListArgs),
    /// Show a request: what is asked for, who voted, what was decided
    #[command(
        after_help = "Example:\n  medveil request show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Show {
        /// The request's id
        request: RequestId,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Vote on a request as a member of the contract's committee
    #[command(
        after_help = "Example:\n  medveil request vote 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --approve --account administrator.key"
    )]
    Vote(VoteArgs),
    /// Take a request back
    #[command(
        after_help = "Example:\n  medveil request cancel 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account researcher.key\n\nWhat a grant took of the budgets is given back only if nothing was released."
    )]
    Cancel {
        /// The request's id
        request: RequestId,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
}

/// `medveil request submit`.
#[derive(Args, Debug)]
pub struct SubmitArgs {
    /// The contract: OWNER/LABEL or its id
    pub contract: Named,
    /// The datasets, as OWNER/LABEL or by id [default: the contract's]
    #[arg(long, value_name = "DATASET", num_args = 1..)]
    pub dataset: Vec<Named>,
    /// For what [default: the contract's purposes]
    #[arg(long, value_name = "PURPOSE", value_delimiter = ',', value_parser = vocabulary(Purpose::ALL, Purpose::name))]
    pub purpose: Vec<Purpose>,
    /// Which classes of data [default: the contract's]
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = vocabulary(DataClass::ALL, DataClass::name))]
    pub class: Vec<DataClass>,
    /// It is for a commercial use
    #[arg(long)]
    pub commercial: bool,
    /// Conditions that you undertake to keep [default: those of the contract that nobody else can keep]
    #[arg(long, value_name = "CONDITION", value_delimiter = ',', value_parser = vocabulary(Condition::ALL, Condition::name))]
    pub undertake: Vec<Condition>,
    /// The approval of an ethics committee; its SHA-256 goes on the ledger
    #[arg(long, value_name = "FILE")]
    pub ethics_of: Option<PathBuf>,
    /// For a use abroad: the security assessment; its SHA-256 goes on the ledger
    #[arg(long, value_name = "FILE")]
    pub abroad: Option<PathBuf>,
    /// One patient, by the handle, under a contract that is view only
    #[arg(long, value_name = "HANDLE")]
    pub patient: Option<AccountId>,
    /// The salt that patient and hospital share, for a consent to one study alone
    #[arg(long, value_name = "HEX", requires = "patient")]
    pub salt: Option<Digest>,
    /// The query in a file: criteria, columns, computation; its SHA-256 goes on the ledger, so put something random into it [default: all that the contract gives]
    #[arg(long, value_name = "FILE")]
    pub query_of: Option<PathBuf>,
    /// The privacy loss that is asked for
    #[arg(long, value_name = "EPSILON", default_value = "0", value_parser = parse_epsilon)]
    pub epsilon: u64,
    /// Who signs.
    #[command(flatten)]
    pub common: Common,
}

/// `medveil request vote`.
#[derive(Args, Debug)]
#[group(id = "ballot", required = true, multiple = false, args = ["approve", "reject"])]
pub struct VoteArgs {
    /// The request's id
    pub request: RequestId,
    /// Vote for it
    #[arg(long)]
    pub approve: bool,
    /// Vote against it
    #[arg(long)]
    pub reject: bool,
    /// Who signs.
    #[command(flatten)]
    pub common: Common,
}

/// Runs the command.
pub fn run(args: &RequestArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        RequestCommand::Submit(args) => submit(args, console),
        RequestCommand::List(args) => {
            let columns = ["organisation", "purposes", "status", "reason", "contract", "id"];
            super::list("requests", args, &columns, console, |item| {
                let value = &item["value"];
                let purposes = value["ask"]["purposes"].as_array().into_iter().flatten().map(super::text);
                vec![
                    super::text(&value["organisation"]),
                    purposes.collect::<Vec<_>>().join(" "),
                    status(&value["status"]).to_owned(),
                    reason(&value["status"]).unwrap_or_default().to_owned(),
                    super::text(&value["ask"]["contract"]),
                    super::text(&item["id"]),
                ]
            })
        }
        RequestCommand::Show { request, node, json } => {
            let found = get(&node.client()?, &format!("/api/v1/requests/{request}"), console)?;
            if *json { console.json(&found) } else { super::show(&found, console) }
        }
        RequestCommand::Vote(args) => vote(args, console),
        RequestCommand::Cancel { request, common } => {
            let signer = Signer::new(&common.sign, console)?;
            let answer = signer.act(RequestCancel { request: *request }, console)?;
            let said = match console.lang() {
                Lang::En => format!("request/{request} taken back"),
                Lang::Zh => format!("已撤销 request/{request}"),
            };
            done(&answer, json!({ "request": request }), &said, common.json, console)
        }
    }
}

/// Where a request stands, of its record: `pending`, `granted`, `refused`, `ended` or `cancelled`.
pub fn status(status: &Value) -> &str {
    match status {
        Value::String(name) => name,
        Value::Object(one) => one.keys().next().map_or("?", String::as_str),
        _ => "?",
    }
}

/// The name of the reason for which a request was refused or ended.
pub fn reason(status: &Value) -> Option<&str> {
    status.as_object()?.values().next()?["reason"].as_str()
}

/// A status in Chinese.
fn chinese(status: &str) -> &str {
    match status {
        "pending" => "待审批",
        "granted" => "已批准",
        "refused" => "已拒绝",
        "ended" => "已终止",
        "cancelled" => "已撤销",
        other => other,
    }
}

/// The query of who asks for all that the contract gives: it is no secret.
pub fn whole_query() -> Digest {
    Digest::of("medveil/query/1", &[b"all that the contract gives"])
}

fn submit(args: &SubmitArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.common.sign, console)?;
    let contract = args.contract.contract(signer.chain());
    let Terms { revision, terms } = Terms::of(signer.client(), contract, console)?;
    let undertakings = match args.undertake.as_slice() {
        // Whoever asks under a contract undertakes what it asks for: the ledger would refuse the request without.
        [] => terms.conditions.iter().copied().filter(|condition| condition.is_undertaken()).collect(),
        said => said.to_vec(),
    };
    let ask = Ask {
        contract,
        revision,
        datasets: match args.dataset.as_slice() {
            [] => terms.datasets.clone(),
            named => bounded("dataset", named.iter().map(|dataset| dataset.dataset(signer.chain())))?,
        },
        purposes: match args.purpose.as_slice() {
            [] => bounded("purpose", terms.purposes.iter().copied())?,
            named => bounded("purpose", named.iter().copied())?,
        },
        classes: match args.class.as_slice() {
            [] => terms.classes.clone(),
            named => bounded("class", named.iter().copied())?,
        },
        commercial: args.commercial,
        undertakings: bounded("undertake", undertakings)?,
        ethics: args.ethics_of.as_deref().map(digest_of).transpose()?,
        abroad: args.abroad.as_deref().map(digest_of).transpose()?,
        subject: match args.patient {
            Some(patient) => Subject::Patient { patient, salt: args.salt },
            None => Subject::Cohort,
        },
        query: args.query_of.as_deref().map_or_else(|| Ok(whole_query()), digest_of)?,
        epsilon: args.epsilon,
    };
    let answer = signer.act(RequestSubmit { ask }, console)?;
    let id = super::text(&answer["id"]);
    let found = signer.client().get(&format!("/api/v1/requests/{id}")).unwrap_or(Value::Null);
    let status = status(&found["value"]["status"]).to_owned();
    let said = match console.lang() {
        Lang::En => format!("request/{id} is {status}"),
        Lang::Zh => format!("request/{id}：{}", chinese(&status)),
    };
    let extra = json!({
        "request": id, "contract": contract, "revision": revision, "status": status, "decision": found["value"]["status"],
    });
    done(&answer, extra, &said, args.common.json, console)
}

fn vote(args: &VoteArgs, console: &Console) -> Result<(), Failure> {
    let (request, approve) = (args.request, args.approve);
    let signer = Signer::new(&args.common.sign, console)?;
    let answer = signer.act(RequestVote { request, approve }, console)?;
    let found = signer.client().get(&format!("/api/v1/requests/{request}")).unwrap_or(Value::Null);
    let record = &found["value"]["status"];
    let (now, why) = (status(record).to_owned(), reason(record).map(str::to_owned));
    let because = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let said = match (console.lang(), approve) {
        (Lang::En, true) => format!("voted for request/{request}, which is {now}{because}"),
        (Lang::En, false) => format!("voted against request/{request}, which is {now}{because}"),
        (Lang::Zh, true) => format!("已对 request/{request} 投赞成票，申请状态：{}{because}", chinese(&now)),
        (Lang::Zh, false) => format!("已对 request/{request} 投反对票，申请状态：{}{because}", chinese(&now)),
    };
    let extra =
        json!({ "request": request, "approve": approve, "status": now, "reason": why, "decision": record });
    done(&answer, extra, &said, args.common.json, console)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_word_whether_or_not_it_says_more() {
        assert_eq!(status(&json!("pending")), "pending");
        let refused = json!({ "refused": { "reason": "decision.coverage", "at": 7 } });
        assert_eq!((status(&refused), reason(&refused)), ("refused", Some("decision.coverage")));
        assert_eq!(reason(&json!({ "granted": { "plan": "00" } })), None);
        assert_eq!(status(&Value::Null), "?");
    }
}
