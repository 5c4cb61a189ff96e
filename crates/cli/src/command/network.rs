//! `medveil network`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medveil_node::{Members, clock};
use serde_json::json;

use super::authority::AuthorityArgs;
use crate::console::{Console, Lang};
use crate::failure::{Failure, refused};

/// `medveil network`.
#[derive(Args, Debug)]
pub struct NetworkArgs {
    /// What to do with networks.
    #[command(subcommand)]
    pub command: NetworkCommand,
}

/// What `medveil network` does.
#[derive(Subcommand, Debug)]
pub enum NetworkCommand {
    /// Make the genesis of a consortium and a folder for each member
    #[command(after_help = "Example:
  medveil network new --members members.toml --out consortium

members.toml:
  chain = \"harbour-health\"

  [[member]]
  organisation = \"hospital-1\"
  name = \"First Hospital\"
  role = \"hospital\"                 # hospital, regulator, research, public-health, insurer, operator
  address = \"10.0.0.1:7001\"         # where the other members reach its node; without it there is no seat
  http = \"127.0.0.1:8080\"           # where its own people reach it

A member that makes its keys itself (`medveil node key`, `medveil account new`) gives the public halves as node-key and custodian-key = \"ed25519:HEX\" and administrator-key = \"ed25519:HEX\" or \"sm2:HEX\"; suite = \"sm2\" makes an SM2 key for the administrator. relying-party, thresholds, parameters, epoch-length and time-ms may be said as in a genesis; issuers = [\"PEM\"] admits certification authorities for SM2 keys.")]
    New(NewArgs),
    /// Be the consortium's own certification authority, for trials: make one, sign requests for certificates
    Authority(Box<AuthorityArgs>),
}

/// `medveil network new`.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The list of members (TOML), or - for standard input
    #[arg(long, value_name = "FILE")]
    pub members: PathBuf,
    /// The folder, which must not exist
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The longest list that is read, in bytes.
const MAX_LIST: u64 = 4 << 20;

/// Runs the command.
pub fn run(args: &NetworkArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        NetworkCommand::New(args) => new(args, console),
        NetworkCommand::Authority(args) => super::authority::run(args, console),
    }
}

fn new(args: &NewArgs, console: &Console) -> Result<(), Failure> {
    let text = read(&args.members)?;
    let members = Members::parse(&text).map_err(|refusal| refused(&refusal, console))?;
    let made = members.create(&args.out, clock::now_ms()).map_err(|refusal| refused(&refusal, console))?;
    let (chain, validators) = (made.genesis.chain_id(), made.genesis.validators().validators.len());
    if args.json {
        return console.json(&json!({
            "out": args.out, "chain": made.genesis.chain, "chain_id": chain, "validators": validators, "folders": made.folders,
        }));
    }
    let name = made.genesis.chain;
    console.print(match console.lang() {
        Lang::En => format!("the chain {name} ({chain}) with {validators} validators"),
        Lang::Zh => format!("链 {name}（{chain}），{validators} 个验证者"),
    })?;
    for folder in &made.folders {
        console.print(format_args!("  {}", folder.display()))?;
    }
    console.note(console.text(
        "Give each member its folder over a safe way, and delete your copy: it holds the member's keys.\nThen each starts its node: medveil node run --dir FOLDER",
        "请通过安全途径把各文件夹交给相应成员，并删除您的副本：其中有该成员的密钥。\n随后各成员启动节点：medveil node run --dir 文件夹",
    ));
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    let fail = |error: std::io::Error| Failure::unusable(format!("{}: {error}", path.display()));
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().take(MAX_LIST).read_to_string(&mut text).map_err(fail)?;
    } else {
        std::fs::File::open(path).map_err(fail)?.take(MAX_LIST).read_to_string(&mut text).map_err(fail)?;
    }
    Ok(text)
}
