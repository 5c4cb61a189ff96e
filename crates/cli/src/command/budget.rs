//! `medveil budget`: how much privacy loss datasets, contracts and recipients have had.

use clap::{Args, Subcommand};
use medveil_ledger::ObjectRef;
use medveil_ledger::action::BudgetSet;
use serde_json::{Value, json};

use super::governance::Common;
use super::named::Named;
use super::{ListArgs, get, parse_epsilon};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{Signer, done};

/// `medveil budget`.
#[derive(Args, Debug)]
pub struct BudgetArgs {
    /// What to do with budgets.
    #[command(subcommand)]
    pub command: BudgetCommand,
}

/// What `medveil budget` does.
#[derive(Subcommand, Debug)]
pub enum BudgetCommand {
    /// Set the ceiling of a dataset's budget, over all contracts and recipients
    #[command(
        after_help = "Example:\n  medveil budget set hospital-1/visits --epsilon 20 --account administrator.key\n\nWhat is spent stays spent: a ceiling below it lets nothing more through."
    )]
    Set {
        /// The dataset: OWNER/LABEL or its id
        dataset: Named,
        /// The ceiling
        #[arg(long, value_name = "EPSILON", value_parser = parse_epsilon)]
        epsilon: u64,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// List budgets of contracts, datasets and recipients that something was taken of
    #[command(after_help = "Example:\n  medveil budget list")]
    List(ListArgs),
    /// Show a budget
    #[command(after_help = "Example:\n  medveil budget show organisation/research-1")]
    Show {
        /// Whose: contract/HEX, dataset/HEX or organisation/NAME
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
pub fn run(args: &BudgetArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        BudgetCommand::Set { dataset, epsilon, common } => {
            let signer = Signer::new(&common.sign, console)?;
            let (dataset, ceiling) = (dataset.dataset(signer.chain()), *epsilon);
            let answer = signer.act(BudgetSet { dataset, ceiling }, console)?;
            let shown = said(ceiling);
            let said = match console.lang() {
                Lang::En => format!("dataset/{dataset} has a budget of {shown} in all"),
                Lang::Zh => format!("dataset/{dataset} 的隐私预算上限为 {shown}"),
            };
            done(&answer, json!({ "dataset": dataset, "ceiling": ceiling }), &said, common.json, console)
        }
        BudgetCommand::List(args) => {
            super::list("budgets", args, &["of", "spent", "ceiling"], console, |item| {
                let figure = |field: &str| item["value"][field].as_u64().map(said).unwrap_or_default();
                vec![super::text(&item["id"]), figure("spent"), figure("ceiling")]
            })
        }
        BudgetCommand::Show { object, node, json } => {
            let found: Value = get(&node.client()?, &format!("/api/v1/budgets/{object}"), console)?;
            if *json { console.json(&found) } else { super::show(&found, console) }
        }
    }
}

/// Millionths of epsilon as people write them.
pub fn said(millionths: u64) -> String {
    let (whole, part) = (millionths / 1_000_000, millionths % 1_000_000);
    let part = format!("{part:06}");
    match part.trim_end_matches('0') {
        "" => whole.to_string(),
        part => format!("{whole}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epsilon_is_said_as_it_is_read() {
        for text in ["0", "1", "0.5", "12.000001", "3.14"] {
            assert_eq!(said(parse_epsilon(text).unwrap()), text);
        }
    }
}
