//! `medveil destruction`: orders to destroy, and attestations.

use clap::{Args, Subcommand};
use medveil_ledger::ObjectRef;
use medveil_ledger::action::{DestructionAttest, DestructionOrder};
use medveil_ledger::state::destruction::DestructionCause;
use serde_json::{Value, json};

use super::governance::Common;
use super::{ListArgs, evidence, get, vocabulary};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{Signer, done};

/// `medveil destruction`.
#[derive(Args, Debug)]
pub struct DestructionArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DestructionCommand,
}

/// What `medveil destruction` does.
#[derive(Subcommand, Debug)]
pub enum DestructionCommand {
    /// Order the destruction of a release or of an object in custody
    #[command(
        after_help = "Example:\n  medveil destruction order release/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --why owner --account administrator.key\n\nThe owner orders it (owner) or a regulator (authority). That the term is over (term-ended), consents have changed (withdrawal) or a challenge failed (failed-challenge), anyone states and the ledger checks."
    )]
    Order {
        /// What: release/HEX or custody/HEX
        object: ObjectRef,
        /// Why: term-ended, withdrawal, owner, authority or failed-challenge
        #[arg(long, value_name = "CAUSE", value_parser = vocabulary(DestructionCause::ALL, DestructionCause::name))]
        why: DestructionCause,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// Attest that the organisation has destroyed what it held; it answers for the statement
    #[command(
        after_help = "Example:\n  medveil destruction attest release/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account researcher.key\n\nDestroy first, attest afterwards: a copy that turns up later is a breach of its own."
    )]
    Attest {
        /// What: release/HEX or custody/HEX
        object: ObjectRef,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// List orders, the newest first
    #[command(after_help = "Example:\n  medveil destruction list")]
    List(ListArgs),
    /// Show an order, and who has attested
    #[command(
        after_help = "Example:\n  medveil destruction show release/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Show {
        /// What: release/HEX or custody/HEX
        object: ObjectRef,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(args: &DestructionArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        DestructionCommand::Order { object, why, common } => {
            let (object, cause) = (*object, *why);
            let signer = Signer::new(&common.sign, console)?;
            let answer = signer.act(DestructionOrder { object, cause }, console)?;
            let order = signer.client().get(&format!("/api/v1/destructions/{object}")).unwrap_or(Value::Null);
            let due = order["value"]["due_ms"].as_u64();
            let until = due.map(evidence::time).unwrap_or_default();
            let said = match console.lang() {
                Lang::En => format!("{object} is to be destroyed by {until} ({cause})"),
                Lang::Zh => format!("{object} 须于 {until} 前销毁（{}）", cause.chinese()),
            };
            done(
                &answer,
                json!({ "object": object, "cause": cause, "due_ms": due }),
                &said,
                common.json,
                console,
            )
        }
        DestructionCommand::Attest { object, common } => {
            let object = *object;
            let signer = Signer::new(&common.sign, console)?;
            let answer = signer.act(DestructionAttest { object }, console)?;
            let said = match console.lang() {
                Lang::En => format!("attested that {object} was destroyed"),
                Lang::Zh => format!("已证明销毁 {object}"),
            };
            done(&answer, json!({ "object": object }), &said, common.json, console)
        }
        DestructionCommand::List(args) => {
            let columns = ["object", "cause", "due", "attested by"];
            super::list("destructions", args, &columns, console, |item| {
                let value = &item["value"];
                let attested =
                    value["attested"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
                vec![
                    super::text(&item["id"]),
                    super::text(&value["cause"]),
                    value["due_ms"].as_u64().map(evidence::time).unwrap_or_default(),
                    attested.collect::<Vec<_>>().join(" "),
                ]
            })
        }
        DestructionCommand::Show { object, node, json } => {
            let found = get(&node.client()?, &format!("/api/v1/destructions/{object}"), console)?;
            if *json { console.json(&found) } else { super::show(&found, console) }
        }
    }
}
