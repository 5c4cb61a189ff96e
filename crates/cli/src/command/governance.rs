//! `medveil governance`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medveil_ledger::action::{GovernancePropose, GovernanceVote, ValidatorRotate};
use medveil_ledger::signature::possession_digest;
use medveil_ledger::state::validators::{Address, SeatClaim, ValidatorKey};
use medveil_ledger::{ChainId, Measure, OrganisationId, Signature};
use medveil_node::keys::{KeyFile, Kind};
use serde_json::json;

use super::ListArgs;
use super::measure::{MeasureCommand, measure};
use crate::client::NodeArgs;
use crate::console::{Console, Lang};
use crate::failure::Failure;
use crate::signer::{SignArgs, Signer, done};

/// `medveil governance`.
#[derive(Args, Debug)]
pub struct GovernanceArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GovernanceCommand,
}

/// What `medveil governance` does.
#[derive(Subcommand, Debug)]
pub enum GovernanceCommand {
    /// Put a measure to the vote; the proposer's organisation votes for it with that
    #[command(
        after_help = "Examples:\n  medveil governance propose suspend-organisation hospital-3 --cause breach --details-of report.pdf --account administrator.key\n  medveil governance propose change-parameters expiry-window=2000 --account administrator.key\n  medveil governance propose file measure.json --account administrator.key"
    )]
    Propose(Box<ProposeArgs>),
    /// Vote on a proposal
    #[command(after_help = "Example:\n  medveil governance vote 3 --approve --account administrator.key")]
    Vote(VoteArgs),
    /// List proposals, the newest first
    #[command(after_help = "Example:\n  medveil governance list")]
    List(ListArgs),
    /// Show a proposal and the votes on it
    #[command(after_help = "Example:\n  medveil governance show 3")]
    Show {
        /// The proposal's number
        number: u64,
        /// Which node is asked.
        #[command(flatten)]
        node: NodeArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Ask for a seat for a node, by a claim that its key signs: for `propose seat-validator` and `admit-organisation`
    #[command(
        after_help = "Example:\n  medveil governance claim --organisation hospital-6 --node-key keys/node.key --address node.hospital-6.example:7001 --genesis genesis.toml --out claim.json\n\nThe node's key stays where it is; the claim is handed to a member that proposes the seat."
    )]
    Claim(ClaimArgs),
    /// Give the organisation's validator another key or address, from the next epoch on
    #[command(
        after_help = "Example:\n  medveil governance rotate-validator --claim claim.json --account administrator.key\n\nStart the node with the new key at the epoch that follows; destroy the old key then."
    )]
    RotateValidator {
        /// The claim of the new key (`medveil governance claim`)
        #[arg(long, value_name = "FILE")]
        claim: PathBuf,
        /// Who signs.
        #[command(flatten)]
        sign: SignArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// `medveil governance propose`.
#[derive(Args, Debug)]
pub struct ProposeArgs {
    /// What is to be done.
    #[command(subcommand)]
    pub measure: MeasureCommand,
}

/// What is the same in every proposal.
#[derive(Args, Debug, Clone)]
pub struct Common {
    /// Who signs.
    #[command(flatten)]
    pub sign: SignArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `medveil governance vote`.
#[derive(Args, Debug)]
#[group(id = "ballot", required = true, multiple = false, args = ["approve", "reject"])]
pub struct VoteArgs {
    /// The proposal's number
    pub number: u64,
    /// Vote for it
    #[arg(long)]
    pub approve: bool,
    /// Vote against it
    #[arg(long)]
    pub reject: bool,
    /// What is the same in every transaction.
    #[command(flatten)]
    pub common: Common,
}

/// `medveil governance claim`.
#[derive(Args, Debug)]
pub struct ClaimArgs {
    /// The organisation that the seat is for
    #[arg(long, value_name = "NAME")]
    pub organisation: OrganisationId,
    /// The node's key file
    #[arg(long, value_name = "FILE")]
    pub node_key: PathBuf,
    /// Where other nodes reach it: HOST:PORT
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Address,
    /// The genesis of the chain
    #[arg(long, value_name = "FILE")]
    pub genesis: PathBuf,
    /// The claim
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace what exists
    #[arg(long)]
    pub overwrite: bool,
}

/// Runs the command.
pub fn run(args: &GovernanceArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        GovernanceCommand::Propose(args) => {
            let (measure, common) = measure(&args.measure, console)?;
            propose(measure, common, console)
        }
        GovernanceCommand::Vote(args) => vote(args, console),
        GovernanceCommand::List(args) => {
            let columns = ["number", "measure", "by", "status", "for", "against", "until"];
            super::list("proposals", args, &columns, console, |item| {
                let value = &item["value"];
                let votes = value["votes"].as_array().map(Vec::as_slice).unwrap_or_default();
                let approve = votes.iter().filter(|ballot| ballot["approve"] == json!(true)).count();
                let status = match (item["status"].as_str(), &value["outcome"]) {
                    (Some(status), _) => status.to_owned(),
                    (None, outcome) => outcome
                        .as_str()
                        .or_else(|| outcome.as_object()?.keys().next().map(String::as_str))
                        .unwrap_or("?")
                        .to_owned(),
                };
                vec![
                    super::text(&item["id"]),
                    super::text(&value["measure"]["type"]),
                    super::text(&value["organisation"]),
                    status,
                    approve.to_string(),
                    (votes.len() - approve).to_string(),
                    super::text(&value["expires"]),
                ]
            })
        }
        GovernanceCommand::Show { number, node, json } => {
            let proposal = node
                .client()?
                .get(&format!("/api/v1/proposals/{number}"))
                .map_err(|error| error.failure(console))?;
            if *json { console.json(&proposal) } else { super::show(&proposal, console) }
        }
        GovernanceCommand::Claim(args) => claim(args, console),
        GovernanceCommand::RotateValidator { claim, sign, json } => {
            let seat = read_claim(claim)?;
            let key = seat.key;
            let answer = Signer::new(sign, console)?.act(ValidatorRotate { seat }, console)?;
            let said = match console.lang() {
                Lang::En => format!("the validator has the key {key} from the next epoch on"),
                Lang::Zh => format!("验证者自下一纪元起使用公钥 {key}"),
            };
            done(&answer, json!({ "key": key }), &said, *json, console)
        }
    }
}

fn propose(measure: Measure, common: &Common, console: &Console) -> Result<(), Failure> {
    let spec = measure.spec();
    let signer = Signer::new(&common.sign, console)?;
    let mut answer = signer.act(GovernancePropose { measure }, console)?;
    // The number is what the voters need: the receipt does not have it, the event does.
    if answer["height"].is_u64() && answer["events"].is_null() {
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        if let Ok(found) = signer.client().transaction(&id, std::time::Duration::from_secs(5)) {
            answer = found;
        }
    }
    let number = answer["events"].as_array().into_iter().flatten().find_map(|event| {
        let object = event["object"].as_str()?;
        let number = object.strip_prefix("proposal/")?;
        number.parse::<u64>().ok()
    });
    let name = number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let said = match console.lang() {
        Lang::En => format!("proposal {name}: `{}`, {}", spec.name, spec.doc.en),
        Lang::Zh => format!("议案 {name}：`{}`，{}", spec.name, spec.doc.zh),
    };
    done(&answer, json!({ "proposal": number, "measure": spec.name }), &said, common.json, console)
}

fn vote(args: &VoteArgs, console: &Console) -> Result<(), Failure> {
    let (proposal, approve) = (args.number, args.approve);
    let signer = Signer::new(&args.common.sign, console)?;
    let answer = signer.act(GovernanceVote { proposal, approve }, console)?;
    let stands = signer.client().get(&format!("/api/v1/proposals/{proposal}")).ok();
    let status = stands.and_then(|stands| stands["status"].as_str().map(str::to_owned));
    let now = status.clone().unwrap_or_else(|| "?".to_owned());
    let said = match (console.lang(), approve) {
        (Lang::En, true) => format!("voted for proposal {proposal}, which is {now}"),
        (Lang::En, false) => format!("voted against proposal {proposal}, which is {now}"),
        (Lang::Zh, true) => format!("已对议案 {proposal} 投赞成票，议案状态：{now}"),
        (Lang::Zh, false) => format!("已对议案 {proposal} 投反对票，议案状态：{now}"),
    };
    let extra = json!({ "proposal": proposal, "approve": approve, "status": status });
    done(&answer, extra, &said, args.common.json, console)
}

fn claim(args: &ClaimArgs, console: &Console) -> Result<(), Failure> {
    let chain = super::evidence::genesis(&args.genesis)?.chain_id();
    let key = KeyFile::read(&args.node_key, Kind::Node).map_err(|refusal| {
        Failure::unusable(match console.lang() {
            Lang::En => refusal.to_string(),
            Lang::Zh => refusal.chinese(),
        })
    })?;
    let claim = seat_claim(&key, chain, args.organisation, args.address.clone())?;
    let text = serde_json::to_string_pretty(&claim).map_err(Failure::unusable)? + "\n";
    super::write_new(&args.out, text.as_bytes(), args.overwrite, false)?;
    console.note(match console.lang() {
        Lang::En => format!(
            "{} written: the key {} asks for the seat of `{}`",
            args.out.display(),
            claim.key,
            args.organisation
        ),
        Lang::Zh => {
            format!("{} 已写入：公钥 {} 申请 `{}` 的席位", args.out.display(), claim.key, args.organisation)
        }
    });
    Ok(())
}

/// The claim of a node's key for a seat.
pub fn seat_claim(
    key: &KeyFile,
    chain: ChainId,
    organisation: OrganisationId,
    address: Address,
) -> Result<SeatClaim, Failure> {
    let bytes: [u8; 32] =
        key.public().bytes().try_into().map_err(|_| Failure::unusable("a node's key is Ed25519"))?;
    let possession = key.signing_key().sign_digest(possession_digest(chain, organisation, &bytes));
    let Signature::Ed25519(possession) = possession else {
        return Err(Failure::unusable("a node's key is Ed25519"));
    };
    Ok(SeatClaim { key: ValidatorKey(bytes), address, possession })
}

pub(super) fn read_claim(path: &Path) -> Result<SeatClaim, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error))?;
    serde_json::from_str(&text).map_err(|error| fail(&error))
}
