//! `medveil patient`: handles, enrolment, guardians, lost keys.

pub mod code;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medveil_ledger::action::{
    PatientEnrol, PatientInvite, PatientObject, PatientReenrol, PatientSetGuardians,
};
use medveil_ledger::{AccountId, PublicKey};
use medveil_node::keys::{KeyFile, Kind};
use serde_json::json;
use zeroize::Zeroizing;

use self::code::Code;
use super::account::SuiteArg;
use super::governance::Common;
use super::{ListArgs, bounded, get, parse_span, random};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::{Failure, refused};
use crate::signer::{Signer, done};

/// `medveil patient`.
#[derive(Args, Debug)]
pub struct PatientArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PatientCommand,
}

/// What `medveil patient` does.
#[derive(Subcommand, Debug)]
pub enum PatientCommand {
    /// Make a handle for a patient, and the enrolment code that is handed over (hospital)
    #[command(
        after_help = "Example:\n  medveil patient invite --code-out code.txt --account administrator.key\n\nThe code is shown once, here, and nowhere on the ledger. Whoever has it binds a wallet to the handle: hand it to the patient alone.\nThe handle says nothing of who the patient is; the hospital notes whose it is."
    )]
    Invite(InviteArgs),
    /// Bind a wallet to a handle with an enrolment code (patient)
    #[command(
        after_help = "Examples:\n  medveil patient enrol --code code.txt --out wallet.key\n  medveil patient enrol --code - --out wallet.key < code.txt\n\nA new key is made and stays in wallet.key, which signs consents from then on. The code is good for nothing afterwards."
    )]
    Enrol(EnrolArgs),
    /// Give a patient who lost the wallet another one (hospital, then a guardian or the hospital after 72 hours)
    #[command(
        after_help = "Example:\n  medveil account new --out new-wallet.key     (the patient; it prints the public key)\n  medveil patient reenrol 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --wallet ed25519:HEX --account administrator.key\n\nAsked for by the hospital first; who still has the old key can object for 72 hours. It is completed by asking again after that, or at once when a guardian asks for the same."
    )]
    Reenrol {
        /// The patient's handle
        patient: AccountId,
        /// The public key of the new wallet, as ed25519:HEX, sm2:HEX or webauthn:HEX
        #[arg(long, value_name = "KEY")]
        wallet: PublicKey,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// Object to the replacement of one's own key (patient)
    #[command(after_help = "Example:\n  medveil patient object --account wallet.key")]
    Object {
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// Name who may act for oneself, in place of those before (patient)
    #[command(
        after_help = "Example:\n  medveil patient guardians 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account wallet.key\n\nGuardians are other enrolled patients of the hospital, at most four; without any, nobody acts for the patient."
    )]
    Guardians {
        /// The guardians' handles
        guardian: Vec<AccountId>,
        /// Who signs.
        #[command(flatten)]
        common: Common,
    },
    /// List handles, the newest first
    #[command(after_help = "Example:\n  medveil patient list --organisation hospital-1")]
    List(ListArgs),
    /// Show a handle: its hospital, whether a wallet is bound, its guardians
    #[command(
        after_help = "Example:\n  medveil patient show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Show {
        /// The patient's handle
        patient: AccountId,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// `medveil patient invite`.
#[derive(Args, Debug)]
pub struct InviteArgs {
    /// How long the code can be used, at most 90d
    #[arg(long = "for", value_name = "SPAN", default_value = "30d", value_parser = parse_span)]
    pub lasting: u64,
    /// Patients who may act for this one, by their handles: a child's parents
    #[arg(long, value_name = "HANDLE", num_args = 1..)]
    pub guardian: Vec<AccountId>,
    /// Write the code into this file, readable by its owner alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    pub code_out: Option<PathBuf>,
    /// Who signs.
    #[command(flatten)]
    pub common: Common,
}

/// `medveil patient enrol`.
#[derive(Args, Debug)]
pub struct EnrolArgs {
    /// A file with the enrolment code; - is standard input
    #[arg(long, value_name = "FILE")]
    pub code: PathBuf,
    /// The wallet's key file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How its signatures are made
    #[arg(long, value_enum, default_value = "ed25519")]
    pub suite: SuiteArg,
    /// Which node is asked.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &PatientArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        PatientCommand::Invite(args) => invite(args, console),
        PatientCommand::Enrol(args) => enrol(args, console),
        PatientCommand::Reenrol { patient, wallet, common } => reenrol(*patient, *wallet, common, console),
        PatientCommand::Object { common } => {
            let signer = Signer::new(&common.sign, console)?;
            let answer = signer.act(PatientObject {}, console)?;
            let patient = signer.account();
            let said = match console.lang() {
                Lang::En => format!("the key of patient/{patient} stays as it is"),
                Lang::Zh => format!("已阻止更换 patient/{patient} 的密钥"),
            };
            done(&answer, json!({ "patient": patient }), &said, common.json, console)
        }
        PatientCommand::Guardians { guardian, common } => {
            let guardians = bounded("guardian", guardian.iter().copied())?;
            let signer = Signer::new(&common.sign, console)?;
            let answer = signer.act(PatientSetGuardians { guardians }, console)?;
            let (patient, count) = (signer.account(), guardian.len());
            let said = match console.lang() {
                Lang::En => format!("patient/{patient} has {count} guardians"),
                Lang::Zh => format!("patient/{patient} 现有 {count} 位监护人"),
            };
            done(&answer, json!({ "patient": patient, "guardians": guardian }), &said, common.json, console)
        }
        PatientCommand::List(args) => {
            let columns = ["hospital", "wallet", "guardians", "consents", "in force", "handle"];
            super::list("patients", args, &columns, console, |item| {
                let value = &item["value"];
                let count = |field: &str| value[field].as_array().map_or(0, Vec::len).to_string();
                let bound = value["enrolment"] == json!("enrolled");
                vec![
                    super::text(&value["organisation"]),
                    match bound {
                        true => console.text("bound", "已绑定").to_owned(),
                        false => console.text("invited", "已邀请").to_owned(),
                    },
                    count("guardians"),
                    super::text(&value["consents"]),
                    count("open"),
                    super::text(&item["id"]),
                ]
            })
        }
        PatientCommand::Show { patient, node, json } => {
            let found = get(&node.client()?, &format!("/api/v1/patients/{patient}"), console)?;
            if *json { console.json(&found) } else { super::show(&found, console) }
        }
    }
}

fn invite(args: &InviteArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.common.sign, console)?;
    if let Some(file) = args.code_out.as_deref().filter(|file| file.exists()) {
        return Err(Failure::unusable(format!("{}: exists; choose another name", file.display())));
    }
    let code = Code::of(random()?);
    let now_ms = signer.client().status().map_err(|error| error.failure(console))?.time_ms;
    let until_ms = now_ms.saturating_add(args.lasting);
    let guardians = bounded("guardian", args.guardian.iter().copied())?;
    let key = code.key().public();
    let text = code.text();
    // Before the handle is made, so that there is none whose code is lost.
    if let Some(file) = &args.code_out {
        super::write_new(file, format!("{}\n", *text).as_bytes(), false, true)?;
    }
    let answer = signer.act(PatientInvite { code: key, until_ms, guardians }, console).inspect_err(|_| {
        // The code is of no handle: nothing is lost with it.
        if let Some(file) = &args.code_out {
            let _ = std::fs::remove_file(file);
        }
    })?;
    let patient = AccountId::derive(signer.chain(), &key);
    let said = match console.lang() {
        Lang::En => format!("patient/{patient}, to be enrolled until {}", super::evidence::time(until_ms)),
        Lang::Zh => format!("patient/{patient}，须于 {} 前绑定钱包", super::evidence::time(until_ms)),
    };
    let mut extra = json!({ "patient": patient, "until_ms": until_ms });
    match &args.code_out {
        Some(file) => extra["code_out"] = json!(file),
        None => extra["code"] = json!(text.as_str()),
    }
    done(&answer, extra, &said, args.common.json, console)?;
    if args.code_out.is_none() && !args.common.json {
        console.print(format_args!("{} {}", console.text("enrolment code:", "登记码："), text.as_str()))?;
    }
    Ok(())
}

/// The code in a file or on standard input.
fn read_code(path: &Path) -> Result<Code, Failure> {
    /// A code has 65 characters; whatever is much longer is none.
    const LONGEST: u64 = 4096;
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let mut text = Zeroizing::new(String::new());
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(LONGEST).read_to_string(&mut text),
        false => std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)),
    };
    read.map_err(|error| fail(&error))?;
    text.parse().map_err(|error| fail(&error))
}

fn enrol(args: &EnrolArgs, console: &Console) -> Result<(), Failure> {
    let code = read_code(&args.code)?;
    let client = args.node.client()?;
    let chain = client.status().map_err(|error| error.failure(console))?.chain;
    let patient = AccountId::derive(chain, &code.key().public());
    let key =
        KeyFile::generate(Kind::Account, args.suite.suite()).map_err(|refusal| refused(&refusal, console))?;
    let key = key.with_account(patient);
    key.write(&args.out).map_err(|refusal| refused(&refusal, console))?;
    let wallet = key.public();
    let signer = Signer::of(client, chain, code.key(), patient);
    let answer = signer.act(PatientEnrol { wallet }, console).inspect_err(|_| {
        // The key is bound to nothing: nothing is lost with it.
        let _ = std::fs::remove_file(&args.out);
    })?;
    if !args.json {
        console.note(match console.lang() {
            Lang::En => format!("{} written: keep it, it signs your consents", args.out.display()),
            Lang::Zh => format!("{} 已写入：请妥善保管，您的授权由它签署", args.out.display()),
        });
    }
    let said = match console.lang() {
        Lang::En => format!("patient/{patient} has the wallet {wallet}"),
        Lang::Zh => format!("patient/{patient} 已绑定钱包 {wallet}"),
    };
    done(&answer, json!({ "patient": patient, "wallet": wallet, "out": args.out }), &said, args.json, console)
}

fn reenrol(patient: AccountId, wallet: PublicKey, common: &Common, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&common.sign, console)?;
    let answer = signer.act(PatientReenrol { patient, wallet }, console)?;
    let found = get(signer.client(), &format!("/api/v1/patients/{patient}"), console)?;
    let ready_ms = found["value"]["recovery"]["ready_ms"].as_u64();
    let said = match (console.lang(), ready_ms) {
        (Lang::En, None) => format!("patient/{patient} has the wallet {wallet}"),
        (Lang::En, Some(ready)) => format!(
            "another wallet is asked for: the old key can object until {}, a guardian completes it before",
            super::evidence::time(ready)
        ),
        (Lang::Zh, None) => format!("patient/{patient} 已更换钱包 {wallet}"),
        (Lang::Zh, Some(ready)) => {
            format!(
                "已申请更换钱包：旧密钥可在 {} 前提出异议，监护人可提前完成更换",
                super::evidence::time(ready)
            )
        }
    };
    let extra = json!({ "patient": patient, "wallet": wallet, "ready_ms": ready_ms });
    done(&answer, extra, &said, common.json, console)
}
