//! `medveil consent`: what a patient permits and denies.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medveil_ledger::action::{ConsentGrant, ConsentNarrow, ConsentWithdraw};
use medveil_ledger::vocabulary::provision::study_tag;
use medveil_ledger::vocabulary::{
    Commerce, DataClass, DataClasses, Effect, Provision, Provisions, Purpose, Recipients,
};
use medveil_ledger::{AccountId, ChainId, ConsentId, Digest};
use serde::Deserialize;
use serde_json::json;

use super::governance::Common;
use super::named::{Named, Recipient, recipients};
use super::{bounded, digest_of, evidence, get, parse_span, vocabulary};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{Signer, done};

/// `medveil consent`.
#[derive(Args, Debug)]
pub struct ConsentArgs {
    /// What to do with consents.
    #[command(subcommand)]
    pub command: ConsentCommand,
}

/// What `medveil consent` does.
#[derive(Subcommand, Debug)]
pub enum ConsentCommand {
    /// Give a consent: permit uses, deny uses
    #[command(
        after_help = "Examples:\n  medveil consent grant --permit disease-research --recipient research --for 730d --account wallet.key\n  medveil consent grant --permit health-research --deny genetic-research,ancestry-research --account wallet.key\n  medveil consent grant --provisions sentences.toml --account wallet.key\n\nWhat no sentence permits is not permitted; a denial wins over every permission, also of other consents. To permit a purpose is to permit what is within it\n(docs/spec/vocabulary.md). A consent can be narrowed and withdrawn at any time, with effect in the same block."
    )]
    Grant(Box<GrantArgs>),
    /// Permit less than a consent did; to permit more, give another
    #[command(
        after_help = "Example:\n  medveil consent narrow 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --permit disease-research --recipient research-1 --account wallet.key\n\nWithout --class, --for and --recipient they stay as they are in the consent's first permission."
    )]
    Narrow(Box<NarrowArgs>),
    /// Take a consent back, at any time and without a reason
    #[command(
        after_help = "Example:\n  medveil consent withdraw 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account wallet.key\n\nIt takes effect in the block that carries it: requests are decided anew, what can stand on the consent is not accessed any more."
    )]
    Withdraw {
        /// The consent's id
        consent: ConsentId,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// List consents: of one patient, all of them; or the newest of all
    #[command(
        after_help = "Examples:\n  medveil consent list --patient 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n  medveil consent list --organisation hospital-1"
    )]
    List {
        /// Of this patient, by the handle
        #[arg(long, value_name = "HANDLE", conflicts_with = "organisation")]
        patient: Option<AccountId>,
        /// Which part of the list.
        #[command(flatten)]
        list: super::ListArgs,
    },
    /// Show a consent
    #[command(
        after_help = "Example:\n  medveil consent show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Show {
        /// The consent's id
        consent: ConsentId,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Sentences of a consent.
#[derive(Args, Debug)]
pub struct SentenceArgs {
    /// Purposes that are permitted
    #[arg(long, value_name = "PURPOSE", value_delimiter = ',', value_parser = vocabulary(Purpose::ALL, Purpose::name))]
    pub permit: Vec<Purpose>,
    /// Purposes that are denied, whatever else is permitted
    #[arg(long, value_name = "PURPOSE", value_delimiter = ',', value_parser = vocabulary(Purpose::ALL, Purpose::name))]
    pub deny: Vec<Purpose>,
    /// By whom: roles or names of organisations [default: anyone]
    #[arg(long, value_name = "WHO", value_delimiter = ',')]
    pub recipient: Vec<Recipient>,
    /// Which classes of data [default: all]
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = vocabulary(DataClass::ALL, DataClass::name))]
    pub class: Vec<DataClass>,
    /// Commercial uses: excluded, included or only [default: excluded from what is permitted, included in what is denied]
    #[arg(long, value_name = "WHICH", value_parser = vocabulary(Commerce::ALL, Commerce::name))]
    pub commerce: Option<Commerce>,
    /// One study alone, as SPONSOR/LABEL: the ledger gets a tag, not its name
    #[arg(long, value_name = "STUDY", requires = "salt")]
    pub study: Option<Named>,
    /// The salt of the tag, which patient and hospital share
    #[arg(long, value_name = "HEX", requires = "study")]
    pub salt: Option<Digest>,
    /// For how long from now on, such as 730d; at most ten years [default: 365d]
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    pub lasting: Option<u64>,
    /// A TOML or JSON file of sentences instead: `[[provision]]` with all their parts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["permit", "deny", "recipient", "class", "commerce", "study", "lasting"])]
    pub provisions: Option<PathBuf>,
}

/// `medveil consent grant`.
#[derive(Args, Debug)]
pub struct GrantArgs {
    /// What it says.
    #[command(flatten)]
    pub sentences: SentenceArgs,
    /// The patient for whom a guardian signs [default: the account that signs]
    #[arg(long, value_name = "HANDLE")]
    pub patient: Option<AccountId>,
    /// The form that the patient was shown; its SHA-256 goes on the ledger
    #[arg(long, value_name = "FILE")]
    pub form_of: Option<PathBuf>,
    /// Who signs.
    #[command(flatten)]
    pub common: Common,
}

/// `medveil consent narrow`.
#[derive(Args, Debug)]
pub struct NarrowArgs {
    /// The consent's id
    pub consent: ConsentId,
    /// What it says from now on.
    #[command(flatten)]
    pub sentences: SentenceArgs,
    /// Who signs.
    #[command(flatten)]
    pub common: Common,
}

/// How long a consent runs that says nothing of it: a year, in milliseconds.
const LASTING_MS: u64 = 365 * 86_400_000;

/// A file of sentences.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    provision: Vec<Provision>,
}

impl SentenceArgs {
    /// The sentences. What is not said is as in `before`, the consent's first permission, if there is one.
    fn provisions(
        &self,
        chain: ChainId,
        now_ms: u64,
        before: Option<&Provision>,
    ) -> Result<Provisions, Failure> {
        if let Some(file) = &self.provisions {
            return list(read(file)?.provision);
        }
        if self.permit.is_empty() && self.deny.is_empty() {
            return Err(Failure::unusable(
                "a consent permits or denies something: say --permit, --deny or --provisions",
            ));
        }
        let anything = Provision {
            effect: Effect::Permit,
            purposes: bounded("permit", [Purpose::NoRestriction])?,
            recipients: Recipients::anyone(),
            classes: DataClasses::new(DataClass::ALL.iter().copied()).map_err(Failure::unusable)?,
            commerce: Commerce::Excluded,
            study: None,
            from_ms: now_ms,
            until_ms: now_ms.saturating_add(LASTING_MS),
        };
        let mut base = before.cloned().unwrap_or(anything);
        if !self.recipient.is_empty() {
            base.recipients = recipients(&self.recipient)?;
        }
        if !self.class.is_empty() {
            base.classes = bounded("class", self.class.iter().copied())?;
        }
        if let Some((study, salt)) = self.study.zip(self.salt) {
            base.study = Some(study_tag(&study.study(chain), &salt));
        }
        if let Some(lasting) = self.lasting {
            base.until_ms = now_ms.saturating_add(lasting);
        }
        let mut sentences = Vec::new();
        if !self.permit.is_empty() {
            let purposes = bounded("permit", self.permit.iter().copied())?;
            let commerce = self.commerce.unwrap_or(base.commerce);
            sentences.push(Provision { effect: Effect::Permit, purposes, commerce, ..base.clone() });
        }
        if !self.deny.is_empty() {
            let purposes = bounded("deny", self.deny.iter().copied())?;
            let commerce = self.commerce.unwrap_or(Commerce::Included);
            sentences.push(Provision { effect: Effect::Deny, purposes, commerce, ..base });
        }
        list(sentences)
    }
}

fn list(sentences: Vec<Provision>) -> Result<Provisions, Failure> {
    Provisions::new(sentences).map_err(|error| Failure::unusable(format!("sentences: {error}")))
}

fn read(path: &Path) -> Result<File, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error))?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text).map_err(|error| fail(&error));
    }
    toml::from_str(&text).map_err(|error| fail(&error))
}

/// Runs the command.
pub fn run(args: &ConsentArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        ConsentCommand::Grant(args) => grant(args, console),
        ConsentCommand::Narrow(args) => narrow(args, console),
        ConsentCommand::Withdraw { consent, common } => {
            let signer = Signer::new(&common.sign, console)?;
            let answer = signer.act(ConsentWithdraw { consent: *consent }, console)?;
            let said = match console.lang() {
                Lang::En => format!("consent/{consent} withdrawn"),
                Lang::Zh => format!("已撤回 consent/{consent}"),
            };
            done(&answer, json!({ "consent": consent }), &said, common.json, console)
        }
        ConsentCommand::List { patient, list } => {
            let resource = match patient {
                // The node gives all of them at once.
                Some(patient) => {
                    let all =
                        get(&list.node.client()?, &format!("/api/v1/patients/{patient}/consents"), console)?;
                    return rows(all["items"].as_array().map_or(&[][..], Vec::as_slice), list, console);
                }
                None => "consents",
            };
            super::list(resource, list, &COLUMNS, console, |item| row(item, console))
        }
        ConsentCommand::Show { consent, node, json } => {
            let found = get(&node.client()?, &format!("/api/v1/consents/{consent}"), console)?;
            if *json { console.json(&found) } else { super::show(&found, console) }
        }
    }
}

const COLUMNS: [&str; 7] = ["number", "permits", "denies", "until", "withdrawn", "organisation", "id"];

fn rows(items: &[serde_json::Value], list: &super::ListArgs, console: &Console) -> Result<(), Failure> {
    let items = items.get(..list.limit).unwrap_or(items);
    if list.json {
        return console.json(&json!({ "items": items }));
    }
    if items.is_empty() {
        return console.print(console.text("none", "无"));
    }
    super::table(&COLUMNS, console, items.iter().map(|item| row(item, console)))
}

fn row(item: &serde_json::Value, console: &Console) -> Vec<String> {
    let value = &item["value"];
    let provisions: Vec<Provision> = serde_json::from_value(value["provisions"].clone()).unwrap_or_default();
    let purposes = |effect: Effect| {
        let of = provisions.iter().filter(|provision| provision.effect == effect);
        let names = of.flat_map(|provision| provision.purposes.iter()).map(|purpose| match console.lang() {
            Lang::En => purpose.name(),
            Lang::Zh => purpose.chinese(),
        });
        names.collect::<Vec<_>>().join(" ")
    };
    let until = provisions.iter().map(|provision| provision.until_ms).max();
    vec![
        super::text(&value["number"]),
        purposes(Effect::Permit),
        purposes(Effect::Deny),
        until.map(evidence::time).unwrap_or_default(),
        super::text(&value["withdrawn"]),
        super::text(&value["organisation"]),
        super::text(&item["id"]),
    ]
}

fn grant(args: &GrantArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.common.sign, console)?;
    let patient = args.patient.unwrap_or(signer.account());
    let now_ms = signer.client().status().map_err(|error| error.failure(console))?.time_ms;
    let provisions = args.sentences.provisions(signer.chain(), now_ms, None)?;
    let form = match &args.form_of {
        Some(file) => digest_of(file)?,
        // Whoever signs on the command line saw what they wrote there.
        None => Digest::of("medveil/consent-form/1", &[b"command line"]),
    };
    let record = get(signer.client(), &format!("/api/v1/patients/{patient}"), console)?;
    let given = record["value"]["consents"].as_u64().and_then(|given| u32::try_from(given).ok());
    let number = given.and_then(|given| given.checked_add(1)).ok_or_else(|| {
        Failure::unusable(console.text("the node's answer cannot be read", "节点的回答无法解读"))
    })?;
    let answer = signer.act(ConsentGrant { patient, number, provisions, form }, console)?;
    let consent = ConsentId::derive(signer.chain(), patient, number);
    let said = match console.lang() {
        Lang::En => format!("consent/{consent}, number {number}"),
        Lang::Zh => format!("consent/{consent}，第 {number} 项授权"),
    };
    let extra = json!({ "consent": consent, "patient": patient, "number": number });
    done(&answer, extra, &said, args.common.json, console)
}

fn narrow(args: &NarrowArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.common.sign, console)?;
    let consent = args.consent;
    let found = get(signer.client(), &format!("/api/v1/consents/{consent}"), console)?;
    let before: Vec<Provision> =
        serde_json::from_value(found["value"]["provisions"].clone()).map_err(Failure::unusable)?;
    let now_ms = signer.client().status().map_err(|error| error.failure(console))?.time_ms;
    let first = before.iter().find(|provision| provision.effect == Effect::Permit);
    let said = args.sentences.provisions(signer.chain(), now_ms, first)?;
    // Denials are never taken away by a narrower consent: those that are not said again are kept.
    let denials = before.iter().filter(|provision| provision.effect == Effect::Deny);
    let mut all: Vec<Provision> = said.to_vec();
    if args.sentences.provisions.is_none() {
        all.extend(denials.cloned());
    }
    let provisions = list(all)?;
    let answer = signer.act(ConsentNarrow { consent, provisions }, console)?;
    let said = match console.lang() {
        Lang::En => format!("consent/{consent} narrowed"),
        Lang::Zh => format!("已缩小 consent/{consent} 的授权范围"),
    };
    done(&answer, json!({ "consent": consent }), &said, args.common.json, console)
}
