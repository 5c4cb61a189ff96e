//! `medveil contract`.

mod policy;
mod terms;

use clap::{Args, Subcommand};
use medveil_ledger::action::{
    Action, ContractCountersign, ContractPublish, ContractPublishWithPolicy, ContractSetStanding,
};
use medveil_ledger::state::contract::Standing;
use medveil_ledger::template::Template;
use medveil_ledger::{ContractId, Named as _, OrganisationId, Slug};
use serde_json::{Value, json};

use self::terms::TermsArgs;
use super::governance::Common;
use super::named::Named;
use super::{ListArgs, get};
use crate::client::{Client, NodeArgs};
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{Signer, done};

/// `medveil contract`.
#[derive(Args, Debug)]
pub struct ContractArgs {
    /// What to do with contracts.
    #[command(subcommand)]
    pub command: ContractCommand,
}

/// What `medveil contract` does.
#[derive(Subcommand, Debug)]
pub enum ContractCommand {
    /// Publish a data-use contract, or other terms of one
    #[command(
        after_help = "Examples:\n  medveil contract publish --label diabetes-2026 --template diabetes-study --dataset hospital-1/visits --plan diabetes-research \\\n      --committee hospital-1,regulator-1 --account administrator.key\n  medveil contract publish --label pooled --template multi-centre-study --study hospital-1/sepsis --dataset hospital-1/visits hospital-2/visits --plan plan.toml --dry-run > terms.toml\n  medveil contract publish --label pooled --terms terms.toml --account administrator.key\n  medveil contract publish --label licensed --template insurance-licence --dataset hospital-1/check-ups --plan diabetes-research \\\n      --ethics-of approval.pdf --policy policy.cedar --dry-run\n\nA template gives terms to begin with, and fixes a few. --dry-run prints all of them, to be read, changed and given back with --terms.\nTerms that contradict each other are refused by name. Other owners of datasets countersign before anything is granted.\nPolicies are Cedar; they forbid some of what the terms allow, never allow more. What is wrong with them is told with line and column."
    )]
    Publish(Box<PublishArgs>),
    /// List the templates
    #[command(after_help = "Example:\n  medveil contract templates")]
    Templates {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List contracts, the newest first
    #[command(after_help = "Example:\n  medveil contract list --organisation hospital-1")]
    List(ListArgs),
    /// Show a contract: its terms, who still has to countersign, how it stands
    #[command(after_help = "Example:\n  medveil contract show hospital-1/diabetes-2026")]
    Show {
        /// The contract: OWNER/LABEL or its id
        contract: Named,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Agree to a contract's terms as an owner of its data
    #[command(
        after_help = "Example:\n  medveil contract countersign hospital-1/pooled --account administrator.key\n\nRead the terms first: `medveil contract show hospital-1/pooled`."
    )]
    Countersign {
        /// The contract: OWNER/LABEL or its id
        contract: Named,
        /// The revision that is agreed to [default: the latest]
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// Freeze a contract at once: nothing is granted, released or accessed under it
    #[command(
        after_help = "Example:\n  medveil contract freeze hospital-1/diabetes-2026 --account administrator.key"
    )]
    Freeze {
        /// The contract: OWNER/LABEL or its id
        contract: Named,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// Lift the freeze of a contract; only who froze it does
    #[command(
        after_help = "Example:\n  medveil contract reopen hospital-1/diabetes-2026 --account administrator.key"
    )]
    Reopen {
        /// The contract: OWNER/LABEL or its id
        contract: Named,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// Close a contract for ever; only its publisher does
    #[command(
        after_help = "Example:\n  medveil contract close hospital-1/diabetes-2026 --account administrator.key"
    )]
    Close {
        /// The contract: OWNER/LABEL or its id
        contract: Named,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
}

/// `medveil contract publish`.
#[derive(Args, Debug)]
pub struct PublishArgs {
    /// What the publisher calls it: a-z, 0-9 and hyphens. Labels are public
    #[arg(long)]
    pub label: Slug,
    /// What it says.
    #[command(flatten)]
    pub terms: TermsArgs,
    /// Print the terms as TOML, say whether they hold together, and publish nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Who signs.
    #[command(flatten)]
    pub common: Common,
}

/// Runs the command.
pub fn run(args: &ContractArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        ContractCommand::Publish(args) => publish(args, console),
        ContractCommand::Templates { json } => templates(*json, console),
        ContractCommand::List(args) => {
            let columns = ["publisher", "label", "revision", "template", "standing", "awaiting", "id"];
            super::list("contracts", args, &columns, console, |item| {
                let value = &item["value"];
                let awaiting = value["awaiting"].as_array().into_iter().flatten().map(super::text);
                vec![
                    super::text(&value["organisation"]),
                    super::text(&value["label"]),
                    super::text(&value["revision"]),
                    super::text(&value["terms"]["template"]),
                    super::text(&value["standing"]),
                    awaiting.collect::<Vec<_>>().join(" "),
                    super::text(&item["id"]),
                ]
            })
        }
        ContractCommand::Show { contract, node, json } => {
            let client = node.client()?;
            let id = id(&client, *contract, console)?;
            let found = get(&client, &format!("/api/v1/contracts/{id}"), console)?;
            if *json { console.json(&found) } else { show(found, console) }
        }
        ContractCommand::Countersign { contract, revision, common } => {
            let signer = Signer::new(&common.sign, console)?;
            let contract = contract.contract(signer.chain());
            let revision = match revision {
                Some(revision) => *revision,
                None => Terms::of(signer.client(), contract, console)?.revision,
            };
            let answer = signer.act(ContractCountersign { contract, revision }, console)?;
            let said = match console.lang() {
                Lang::En => format!("agreed to contract/{contract}, revision {revision}"),
                Lang::Zh => format!("已会签 contract/{contract} 第 {revision} 版条款"),
            };
            done(&answer, json!({ "contract": contract, "revision": revision }), &said, common.json, console)
        }
        ContractCommand::Freeze { contract, common } => stand(*contract, Standing::Frozen, common, console),
        ContractCommand::Reopen { contract, common } => stand(*contract, Standing::Open, common, console),
        ContractCommand::Close { contract, common } => stand(*contract, Standing::Closed, common, console),
    }
}

/// A contract's terms as a node has them.
pub struct Terms {
    /// Which terms they are, counted from 1.
    pub revision: u64,
    /// What they say.
    pub terms: medveil_ledger::terms::Terms,
}

impl Terms {
    /// The latest terms of a contract.
    ///
    /// # Errors
    /// There is no such contract, or the node cannot be asked.
    pub fn of(client: &Client, contract: ContractId, console: &Console) -> Result<Self, Failure> {
        let found = get(client, &format!("/api/v1/contracts/{contract}"), console)?;
        let unreadable = |what: String| {
            Failure::unusable(format!(
                "{}: {what}",
                console.text("the node's answer cannot be read", "节点的回答无法解读")
            ))
        };
        let value = &found["value"];
        let revision = value["revision"].as_u64().ok_or_else(|| unreadable("revision".into()))?;
        let terms =
            serde_json::from_value(value["terms"].clone()).map_err(|error| unreadable(error.to_string()))?;
        Ok(Terms { revision, terms })
    }
}

/// The id of a contract that is named.
pub fn id(client: &Client, contract: Named, console: &Console) -> Result<ContractId, Failure> {
    match contract {
        Named::Id(id) => Ok(ContractId(id.0)),
        named => {
            let chain = client.status().map_err(|error| error.failure(console))?.chain;
            Ok(named.contract(chain))
        }
    }
}

/// Shows a contract; its policy as it was written.
fn show(mut found: Value, console: &Console) -> Result<(), Failure> {
    let policy = found["value"].as_object_mut().and_then(|contract| contract.remove("policy"));
    super::show(&found, console)?;
    let Some(Value::String(policy)) = policy else { return Ok(()) };
    console.print(console.text("  policy:", "  策略："))?;
    policy.lines().try_for_each(|line| console.print(format_args!("    {line}")))
}

fn publish(args: &PublishArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.common.sign, console)?;
    let publisher: OrganisationId = signer.state(console)?.organisation;
    let now_ms = signer.client().status().map_err(|error| error.failure(console))?.time_ms;
    let terms = args.terms.terms(signer.chain(), publisher, now_ms)?;
    let policy = policy::text(&args.terms)?;
    if args.dry_run {
        let written = policy::Written { policy: policy.as_deref(), terms: &terms };
        if args.common.json {
            console.json(&written)?;
        } else {
            console.print(toml::to_string_pretty(&written).map_err(Failure::unusable)?.trim_end())?;
        }
        if let Some(policy) = &policy {
            policy::check(policy, console)?;
        }
        return terms.check(now_ms).map_err(|refusal| {
            Failure::Refused(match console.lang() {
                Lang::En => format!("the ledger would refuse it: {refusal} ({})", refusal.name()),
                Lang::Zh => format!("账本将拒绝：{}（{}：{refusal}）", refusal.chinese(), refusal.name()),
            })
        });
    }
    if let Some(policy) = &policy {
        // The ledger would say the same, without what is wrong.
        policy::check(policy, console)?;
    }
    let contract = ContractId::derive(signer.chain(), publisher, args.label);
    let revision = match signer.client().get(&format!("/api/v1/contracts/{contract}")) {
        Ok(found) => found["value"]["revision"].as_u64().unwrap_or(0) + 1,
        Err(error) if error.is_not_found() => 1,
        Err(error) => return Err(error.failure(console)),
    };
    let template = terms.template;
    let label = args.label;
    let action: Action = match policy {
        Some(policy) => ContractPublishWithPolicy { label, revision, terms, policy }.into(),
        None => ContractPublish { label, revision, terms }.into(),
    };
    let answer = signer.act(action, console)?;
    let found = signer.client().get(&format!("/api/v1/contracts/{contract}")).unwrap_or(Value::Null);
    let awaiting: Vec<String> =
        found["value"]["awaiting"].as_array().into_iter().flatten().map(super::text).collect();
    let said = match (console.lang(), awaiting.is_empty()) {
        (Lang::En, true) => {
            format!("contract/{contract}, revision {revision} of `{}` ({template})", args.label)
        }
        (Lang::En, false) => format!(
            "contract/{contract}, revision {revision} of `{}` ({template}), waits for {}",
            args.label,
            awaiting.join(", ")
        ),
        (Lang::Zh, true) => {
            format!("contract/{contract}，`{}` 第 {revision} 版条款（{}）", args.label, template.chinese())
        }
        (Lang::Zh, false) => format!(
            "contract/{contract}，`{}` 第 {revision} 版条款（{}），尚待 {} 会签",
            args.label,
            template.chinese(),
            awaiting.join("、")
        ),
    };
    let extra = json!({
        "contract": contract, "organisation": publisher, "label": args.label, "revision": revision, "template": template, "awaiting": awaiting,
    });
    done(&answer, extra, &said, args.common.json, console)
}

fn templates(as_json: bool, console: &Console) -> Result<(), Failure> {
    if as_json {
        let all: Vec<Value> = Template::ALL
            .iter()
            .map(|template| json!({ "name": template.name(), "name_zh": template.chinese() }))
            .collect();
        return console.json(&json!({ "templates": all }));
    }
    let rows =
        Template::ALL.iter().map(|template| vec![template.name().to_owned(), template.chinese().to_owned()]);
    super::table(&[console.text("name", "名称"), console.text("in Chinese", "中文")], console, rows)
}

fn stand(contract: Named, standing: Standing, common: &Common, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&common.sign, console)?;
    let contract = contract.contract(signer.chain());
    let answer = signer.act(ContractSetStanding { contract, standing }, console)?;
    let said = match console.lang() {
        Lang::En => format!("contract/{contract} is {standing}"),
        Lang::Zh => format!("contract/{contract} 状态：{}", standing.chinese()),
    };
    done(&answer, json!({ "contract": contract, "standing": standing }), &said, common.json, console)
}
