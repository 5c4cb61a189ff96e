//! `medveil incident`: what went wrong, and who is liable.

use clap::{Args, Subcommand};
use medveil_ledger::action::IncidentReport;
use medveil_ledger::state::incident::IncidentCause;
use medveil_ledger::{IncidentId, ObjectRef};
use serde_json::{Value, json};

use super::governance::Common;
use super::{DetailsArgs, ListArgs, get, vocabulary};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{Signer, done};

/// `medveil incident`.
#[derive(Args, Debug)]
pub struct IncidentArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: IncidentCommand,
}

/// What `medveil incident` does.
#[derive(Subcommand, Debug)]
pub enum IncidentCommand {
    /// Report an incident: what happened, with what; the ledger says whose act it was
    #[command(
        after_help = "Example:\n  medveil incident report access/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --what recipient-breach --details-of evidence.pdf --account administrator.key\n\nWhat: contract-fault (about a contract), release-fault (a release), recipient-breach (an access), key-fault (an object in custody, an account), operator-act (an account),\nnot-destroyed (a release). The liable organisation and its act follow from the ledger and cannot be claimed."
    )]
    Report {
        /// With what: KIND/ID
        object: ObjectRef,
        /// What happened: contract-fault, release-fault, recipient-breach, key-fault, operator-act or not-destroyed
        #[arg(long, value_name = "CAUSE", value_parser = vocabulary(IncidentCause::ALL, IncidentCause::name))]
        what: IncidentCause,
        /// The evidence.
        #[command(flatten)]
        details: DetailsArgs,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// List incidents, the newest first
    #[command(after_help = "Example:\n  medveil incident list")]
    List(ListArgs),
    /// Show an incident: what happened, who is liable, since which act
    #[command(
        after_help = "Example:\n  medveil incident show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Show {
        /// The incident's id
        incident: IncidentId,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(args: &IncidentArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        IncidentCommand::Report { object, what, details, common } => {
            let (object, cause, details) = (*object, *what, details.digest()?);
            let signer = Signer::new(&common.sign, console)?;
            let answer = signer.act(IncidentReport { cause, object, details }, console)?;
            let id = super::text(&answer["id"]);
            let found = signer.client().get(&format!("/api/v1/incidents/{id}")).unwrap_or(Value::Null);
            let liable = super::text(&found["value"]["liable"]);
            let act_at = &found["value"]["act_at"];
            let said = match console.lang() {
                Lang::En => {
                    format!(
                        "incident/{id}: {cause} with {object}; liable is `{liable}` for its act at height {act_at}"
                    )
                }
                Lang::Zh => format!(
                    "incident/{id}：{object} {}；责任机构为 `{liable}`，行为发生于高度 {act_at}",
                    cause.chinese()
                ),
            };
            let extra = json!({ "incident": id, "cause": cause, "object": object, "liable": liable, "act_at": act_at });
            done(&answer, extra, &said, common.json, console)
        }
        IncidentCommand::List(args) => {
            let columns = ["cause", "object", "liable", "act at", "reported by", "id"];
            super::list("incidents", args, &columns, console, |item| {
                let value = &item["value"];
                let of = |field: &str| super::text(&value[field]);
                vec![
                    of("cause"),
                    of("object"),
                    of("liable"),
                    of("act_at"),
                    of("organisation"),
                    super::text(&item["id"]),
                ]
            })
        }
        IncidentCommand::Show { incident, node, json } => {
            let found = get(&node.client()?, &format!("/api/v1/incidents/{incident}"), console)?;
            if *json { console.json(&found) } else { super::show(&found, console) }
        }
    }
}
