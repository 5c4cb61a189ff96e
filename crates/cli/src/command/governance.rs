//! `medveil governance`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medveil_ledger::action::{GovernancePropose, GovernanceVote, ValidatorRotate};
use medveil_ledger::measure::{
    AdmitOrganisation, Cause, ChangeParameters, Freeze, Grounds, ReinstateOrganisation, RemoveOrganisation,
    ResetAccount, SeatValidator, SuspendOrganisation, Unfreeze, UnseatValidator,
};
use medveil_ledger::role::{KeyUse, Role};
use medveil_ledger::signature::possession_digest;
use medveil_ledger::state::account::KeySet;
use medveil_ledger::state::organisation::OrganisationName;
use medveil_ledger::state::parameters::Parameter;
use medveil_ledger::state::validators::{Address, SeatClaim, ValidatorKey};
use medveil_ledger::{AccountId, ChainId, Measure, ObjectRef, OrganisationId, PublicKey, Signature};
use medveil_node::keys::{KeyFile, Kind};
use serde_json::json;

use super::{DetailsArgs, ListArgs, vocabulary};
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

/// Why something is taken away.
#[derive(Args, Debug, Clone)]
pub struct GroundsArgs {
    /// The cause: request, breach, compromise, leak, unavailable or order
    #[arg(long, value_parser = vocabulary(Cause::ALL, Cause::name))]
    pub cause: Cause,
    /// What was put before the voters.
    #[command(flatten)]
    pub details: DetailsArgs,
}

impl GroundsArgs {
    fn grounds(&self) -> Result<Grounds, Failure> {
        Ok(Grounds { cause: self.cause, details: self.details.digest()? })
    }
}

/// Measures on the command line.
#[derive(Subcommand, Debug)]
pub enum MeasureCommand {
    /// Propose the measure that a JSON or TOML file says, such as {"type": "unfreeze", "object": "dataset/HEX"}
    File {
        /// The file
        file: PathBuf,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Admit an organisation with its administrators, and a validator if it has one
    AdmitOrganisation {
        /// The name on the ledger
        organisation: OrganisationId,
        /// The name for people
        #[arg(long, value_parser = parse_name)]
        name: OrganisationName,
        /// What it is: hospital, regulator, research, public-health, insurer or operator
        #[arg(long, value_parser = vocabulary(Role::ALL, Role::name))]
        role: Role,
        /// First keys of its administrators, as ed25519:HEX, sm2:HEX or webauthn:HEX
        #[arg(long, required = true, num_args = 1.., value_name = "KEY")]
        administrator: Vec<PublicKey>,
        /// The claim of its node, if it is to vote on blocks (`medveil governance claim`)
        #[arg(long, value_name = "FILE")]
        claim: Option<PathBuf>,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Suspend an organisation: it takes no part until it is reinstated
    SuspendOrganisation {
        /// Which
        organisation: OrganisationId,
        /// Why.
        #[command(flatten)]
        grounds: GroundsArgs,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Reinstate an organisation that is suspended
    ReinstateOrganisation {
        /// Which
        organisation: OrganisationId,
        /// The claim of its node, if it is to vote on blocks again
        #[arg(long, value_name = "FILE")]
        claim: Option<PathBuf>,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Remove an organisation for ever
    RemoveOrganisation {
        /// Which
        organisation: OrganisationId,
        /// Why.
        #[command(flatten)]
        grounds: GroundsArgs,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Give an organisation a validator, or another in place of the one it has
    SeatValidator {
        /// Whose
        organisation: OrganisationId,
        /// The claim of its node (`medveil governance claim`)
        #[arg(long, value_name = "FILE")]
        claim: PathBuf,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Take an organisation's validator away
    UnseatValidator {
        /// Whose
        organisation: OrganisationId,
        /// Why.
        #[command(flatten)]
        grounds: GroundsArgs,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Change parameters
    ChangeParameters {
        /// New values, such as expiry-window=2000
        #[arg(required = true, value_name = "NAME=VALUE", value_parser = parse_change)]
        change: Vec<(Parameter, u64)>,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Freeze an organisation, an account or a dataset
    Freeze {
        /// What: KIND/ID
        object: ObjectRef,
        /// Why.
        #[command(flatten)]
        grounds: GroundsArgs,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// End a freeze
    Unfreeze {
        /// What: KIND/ID
        object: ObjectRef,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Replace the keys of an account, whose keys are lost or stolen
    ResetAccount {
        /// Which: the account's id
        subject: AccountId,
        /// Its master keys from then on
        #[arg(long, required = true, num_args = 1.., value_name = "KEY")]
        master: Vec<PublicKey>,
        /// Its keys for everyday use from then on
        #[arg(long, num_args = 1.., value_name = "KEY")]
        everyday: Vec<PublicKey>,
        /// Why.
        #[command(flatten)]
        grounds: GroundsArgs,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
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

fn parse_name(text: &str) -> Result<OrganisationName, String> {
    OrganisationName::new(text).map_err(|error| error.to_string())
}

fn parse_change(text: &str) -> Result<(Parameter, u64), String> {
    let names = || Parameter::ALL.iter().map(|known| known.name()).collect::<Vec<_>>().join(", ");
    let (name, value) = text.split_once('=').ok_or("a change is NAME=VALUE, such as expiry-window=2000")?;
    let parameter = Parameter::ALL.iter().find(|known| known.name() == name);
    let parameter =
        *parameter.ok_or_else(|| format!("there is no parameter `{name}`; there are {}", names()))?;
    Ok((parameter, value.parse().map_err(|_| format!("`{value}` is no number"))?))
}

/// Runs the command.
pub fn run(args: &GovernanceArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        GovernanceCommand::Propose(args) => {
            let (measure, common) = measure(&args.measure)?;
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

/// The measure that the command line says.
fn measure(command: &MeasureCommand) -> Result<(Measure, &Common), Failure> {
    let claimed = |file: &Option<PathBuf>| file.as_deref().map(read_claim).transpose();
    Ok(match command {
        MeasureCommand::File { file, common } => (read_measure(file)?, common),
        MeasureCommand::AdmitOrganisation { organisation, name, role, administrator, claim, common } => {
            let administrators: BTreeSet<PublicKey> = administrator.iter().copied().collect();
            let measure = AdmitOrganisation {
                organisation: *organisation,
                name: name.clone(),
                role: *role,
                administrators,
                seat: claimed(claim)?,
            };
            (measure.into(), common)
        }
        MeasureCommand::SuspendOrganisation { organisation, grounds, common } => {
            let grounds = grounds.grounds()?;
            (SuspendOrganisation { organisation: *organisation, grounds }.into(), common)
        }
        MeasureCommand::ReinstateOrganisation { organisation, claim, common } => {
            let seat = claimed(claim)?;
            (ReinstateOrganisation { organisation: *organisation, seat }.into(), common)
        }
        MeasureCommand::RemoveOrganisation { organisation, grounds, common } => {
            let grounds = grounds.grounds()?;
            (RemoveOrganisation { organisation: *organisation, grounds }.into(), common)
        }
        MeasureCommand::SeatValidator { organisation, claim, common } => {
            let seat = read_claim(claim)?;
            (SeatValidator { organisation: *organisation, seat }.into(), common)
        }
        MeasureCommand::UnseatValidator { organisation, grounds, common } => {
            let grounds = grounds.grounds()?;
            (UnseatValidator { organisation: *organisation, grounds }.into(), common)
        }
        MeasureCommand::ChangeParameters { change, common } => {
            let changes: BTreeMap<Parameter, u64> = change.iter().copied().collect();
            (ChangeParameters { changes }.into(), common)
        }
        MeasureCommand::Freeze { object, grounds, common } => {
            (Freeze { object: *object, grounds: grounds.grounds()? }.into(), common)
        }
        MeasureCommand::Unfreeze { object, common } => (Unfreeze { object: *object }.into(), common),
        MeasureCommand::ResetAccount { subject, master, everyday, grounds, common } => {
            let everyday = everyday.iter().map(|key| (*key, KeyUse::Everyday));
            let keys = everyday.chain(master.iter().map(|key| (*key, KeyUse::Master))).collect();
            let keys = KeySet::new(keys).map_err(Failure::unusable)?;
            (ResetAccount { account: *subject, keys, grounds: grounds.grounds()? }.into(), common)
        }
    })
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

fn read_claim(path: &Path) -> Result<SeatClaim, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error))?;
    serde_json::from_str(&text).map_err(|error| fail(&error))
}

fn read_measure(path: &Path) -> Result<Measure, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error))?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text).map_err(|error| fail(&error));
    }
    toml::from_str(&text).map_err(|error| fail(&error))
}
