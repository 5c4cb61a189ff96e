//! `medveil account`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use medveil_ledger::action::AccountCreate;
use medveil_ledger::role::Capacity;
use medveil_ledger::{AccountId, Suite};
use medveil_node::keys::{KeyFile, Kind};
use medveil_node::refusal::Refusal;
use serde_json::json;

use super::vocabulary;
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{SignArgs, Signer, done};

/// `medveil account`.
#[derive(Args, Debug)]
pub struct AccountArgs {
    /// What to do with accounts.
    #[command(subcommand)]
    pub command: AccountCommand,
}

/// What `medveil account` does.
#[derive(Subcommand, Debug)]
pub enum AccountCommand {
    /// Make a key for an account; with --capacity an administrator also opens the account on the ledger
    #[command(
        after_help = "Examples:\n  medveil account new --out doctor.key\n  medveil account new --out doctor.key --suite sm2 --capacity staff --account administrator.key\n\nThe account's id is that of its first key. Who has the key acts in the account's name: keep it."
    )]
    New(NewArgs),
    /// Show an account: its organisation, its capacity, its keys
    #[command(
        after_help = "Example:\n  medveil account show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )]
    Show {
        /// The account's id
        id: AccountId,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// `medveil account new`.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The key file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How its signatures are made
    #[arg(long, value_enum, default_value = "ed25519")]
    pub suite: SuiteArg,
    /// What the account is in the organisation: administrator, staff, custodian or patient; opens it on the ledger
    #[arg(long, value_name = "CAPACITY", value_parser = vocabulary(Capacity::ALL, Capacity::name))]
    pub capacity: Option<Capacity>,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Signature suites whose keys are held in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SuiteArg {
    /// Ed25519.
    Ed25519,
    /// SM2 with SM3.
    Sm2,
}

impl SuiteArg {
    /// The suite.
    pub fn suite(self) -> Suite {
        match self {
            SuiteArg::Ed25519 => Suite::Ed25519,
            SuiteArg::Sm2 => Suite::Sm2,
        }
    }
}

/// Runs the command.
pub fn run(args: &AccountArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        AccountCommand::New(args) => new(args, console),
        AccountCommand::Show { id, node, json } => {
            let account = node
                .client()?
                .get(&format!("/api/v1/accounts/{id}"))
                .map_err(|error| error.failure(console))?;
            if *json {
                return console.json(&account);
            }
            super::show(&account, console)
        }
    }
}

fn new(args: &NewArgs, console: &Console) -> Result<(), Failure> {
    let refused = |refusal: Refusal| {
        Failure::unusable(match console.lang() {
            Lang::En => refusal.to_string(),
            Lang::Zh => refusal.chinese(),
        })
    };
    // Whoever cannot open the account should not be left with a key.
    let signer = args.capacity.map(|_| Signer::new(&args.sign, console)).transpose()?;
    let key = KeyFile::generate(Kind::Account, args.suite.suite()).map_err(refused)?;
    key.write(&args.out).map_err(refused)?;
    let public = key.public();
    let kept = match console.lang() {
        Lang::En => format!(
            "{} written: the key {public}. Keep it: who has it acts in the account's name",
            args.out.display()
        ),
        Lang::Zh => {
            format!("{} 已写入，公钥 {public}。请妥善保管：持有者可以该账户的名义行事", args.out.display())
        }
    };
    let (Some(signer), Some(capacity)) = (signer, args.capacity) else {
        if args.json {
            return console.json(&json!({ "out": args.out, "key": public }));
        }
        console.note(kept);
        return Ok(());
    };
    let account = AccountId::derive(signer.chain(), &public);
    let answer = signer.act(AccountCreate { key: public, capacity }, console).inspect_err(|_| {
        // The key is of no account: nothing is lost with it.
        let _ = std::fs::remove_file(&args.out);
    })?;
    if !args.json {
        console.note(kept);
    }
    let said = match console.lang() {
        Lang::En => format!("account/{account} opened ({capacity})"),
        Lang::Zh => format!("已开立 account/{account}（{}）", capacity.chinese()),
    };
    done(&answer, json!({ "account": account, "key": public, "out": args.out }), &said, args.json, console)
}
