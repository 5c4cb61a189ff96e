//! `medveil account`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use medveil_ledger::action::{AccountCreate, AccountSetKeys};
use medveil_ledger::role::{Capacity, KeyUse};
use medveil_ledger::state::account::KeySet;
use medveil_ledger::{AccountId, PublicKey, Suite};
use medveil_node::keys::{KeyFile, Kind};
use medveil_node::{Refusal, TokenPlace};
use serde_json::json;

use super::certificate::CertificateArgs;
use super::vocabulary;
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{SignArgs, Signer, done, told};

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
    /// Replace a key of an account by a new one: the key that signs, or the keys of a colleague
    #[command(
        after_help = "Examples:\n  medveil account rotate --account doctor.key --out doctor-2026.key\n  medveil account rotate --account hospital-1/keys/custodian.key --out hospital-1/keys/custodian.next.key\n  medveil account rotate --of 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --account administrator.key --out doctor-2026.key\n\nThe account stays the same; the key before is refused from the next transaction on. A node whose custodian's key is replaced takes over keys/custodian.next.key by itself, without a stop."
    )]
    Rotate(RotateArgs),
    /// Certificates of organisations' SM2 keys: request, register, show, revoke
    Certificate(Box<CertificateArgs>),
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
    /// Where the key is.
    #[command(flatten)]
    pub token: TokenArgs,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil account rotate`.
#[derive(Args, Debug)]
pub struct RotateArgs {
    /// The new key file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The account, if it is not that of the key that signs; all its keys are replaced
    #[arg(long, value_name = "HEX")]
    pub of: Option<AccountId>,
    /// How signatures of the new key are made
    #[arg(long, value_enum, default_value = "ed25519")]
    pub suite: SuiteArg,
    /// Where the new key is.
    #[command(flatten)]
    pub token: TokenArgs,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A key that is made in a token.
#[derive(Args, Debug)]
pub struct TokenArgs {
    /// Make the key in a token behind this PKCS#11 library; the key file then says where it is
    #[arg(long, value_name = "FILE", requires_all = ["token", "token_key"])]
    pub token_library: Option<PathBuf>,
    /// The token's label
    #[arg(long, value_name = "LABEL", requires = "token_library")]
    pub token: Option<String>,
    /// The key's label in the token
    #[arg(long, value_name = "LABEL", requires = "token_library")]
    pub token_key: Option<String>,
    /// A file with the token's PIN, from the key file's folder [default: MEDVEIL_TOKEN_PIN]
    #[arg(long, value_name = "FILE", requires = "token_library")]
    pub pin_file: Option<PathBuf>,
}

impl TokenArgs {
    fn place(&self) -> Option<TokenPlace> {
        let (library, label) = (self.token_library.clone()?, self.token.clone()?);
        Some(TokenPlace { library, label, key: self.token_key.clone()?, pin_file: self.pin_file.clone() })
    }

    /// Makes a key, in a file or in the token, and writes its key file.
    fn make(
        &self,
        out: &Path,
        suite: Suite,
        account: Option<AccountId>,
        console: &Console,
    ) -> Result<PublicKey, Failure> {
        let refused = |refusal: Refusal| told(&refusal, console);
        let Some(place) = self.place() else {
            let key = KeyFile::generate(Kind::Account, suite).map_err(refused)?;
            let key = match account {
                Some(account) => key.with_account(account),
                None => key,
            };
            key.write(out).map_err(refused)?;
            return Ok(key.public());
        };
        if suite != Suite::Ed25519 {
            return Err(Failure::unusable(
                console.text("keys in tokens are of suite ed25519", "令牌中的密钥须为 ed25519 算法"),
            ));
        }
        // A key in a token cannot be taken back: first the place for its file.
        if out.symlink_metadata().is_ok() {
            return Err(refused(Refusal::Exists { path: out.display().to_string() }));
        }
        let (public, text) = place.generate(out, account).map_err(refused)?;
        super::write_new(out, text.as_bytes(), false, true)?;
        Ok(public)
    }
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
        AccountCommand::Rotate(args) => rotate(args, console),
        AccountCommand::Certificate(args) => super::certificate::run(args, console),
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
    // Whoever cannot open the account should not be left with a key.
    let signer = args.capacity.map(|_| Signer::new(&args.sign, console)).transpose()?;
    let public = args.token.make(&args.out, args.suite.suite(), None, console)?;
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

fn rotate(args: &RotateArgs, console: &Console) -> Result<(), Failure> {
    let signer = Signer::new(&args.sign, console)?;
    let account = args.of.unwrap_or(signer.account());
    let found = signer.client().get(&format!("/api/v1/accounts/{account}"));
    let found = found.map_err(|error| error.failure(console))?;
    let unreadable = |error: &dyn std::fmt::Display| Failure::unusable(error);
    let mut keys: BTreeMap<PublicKey, KeyUse> = match args.of {
        Some(_) => BTreeMap::new(),
        None => serde_json::from_value(found["value"]["keys"].clone()).map_err(|error| unreadable(&error))?,
    };
    let used = match args.of {
        Some(_) => KeyUse::Master,
        None => keys.remove(&signer.public_key()).ok_or_else(|| {
            Failure::Refused(
                console
                    .text("the key that signs is none of the account's", "签署所用密钥不属于该账户")
                    .to_owned(),
            )
        })?,
    };
    let public = args.token.make(&args.out, args.suite.suite(), Some(account), console)?;
    keys.insert(public, used);
    let keys = KeySet::new(keys).map_err(|fault| Failure::unusable(fault.to_string()))?;
    let answer = signer.act(AccountSetKeys { account, keys }, console).inspect_err(|failure| {
        if let Failure::Refused(_) = failure {
            // The key is of no account: nothing is lost with it.
            let _ = std::fs::remove_file(&args.out);
        } else {
            console.note(match console.lang() {
                Lang::En => format!("{} stays: the ledger may have it", args.out.display()),
                Lang::Zh => format!("保留 {}：账本可能已采用该密钥", args.out.display()),
            });
        }
    })?;
    let said = match console.lang() {
        Lang::En => format!("account/{account} has the key {public}, in {}", args.out.display()),
        Lang::Zh => format!("account/{account} 已启用密钥 {public}（{}）", args.out.display()),
    };
    done(&answer, json!({ "account": account, "key": public, "out": args.out }), &said, args.json, console)
}
