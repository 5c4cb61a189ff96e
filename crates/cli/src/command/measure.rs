//! Measures as `medveil governance propose` says them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use medveil_ledger::measure::{
    AdmitIssuer, AdmitOrganisation, Cause, ChangeParameters, Freeze, Grounds, ReinstateOrganisation,
    RemoveIssuer, RemoveOrganisation, ResetAccount, RevokeCertificate, SeatValidator, SuspendOrganisation,
    Unfreeze, UnseatValidator,
};
use medveil_ledger::role::{KeyUse, Role};
use medveil_ledger::state::account::KeySet;
use medveil_ledger::state::organisation::OrganisationName;
use medveil_ledger::state::parameters::Parameter;
use medveil_ledger::{
    AccountId, CertificateId, Digest, IssuerId, Measure, ObjectRef, OrganisationId, PublicKey,
};

use super::governance::{Common, read_claim};
use super::{DetailsArgs, vocabulary};
use crate::console::Console;
use crate::failure::Failure;

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
    /// Admit a certification authority, whose certificates of SM2 keys count from then on
    AdmitIssuer {
        /// Its certificate, PEM or DER
        certificate: PathBuf,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Remove a certification authority: its certificates count as none
    RemoveIssuer {
        /// Which: the SHA-256 fingerprint of its certificate
        issuer: IssuerId,
        /// Why.
        #[command(flatten)]
        grounds: GroundsArgs,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
    /// Revoke the certificate of a key, whosever it is
    RevokeCertificate {
        /// Which: the certificate's id
        certificate: CertificateId,
        /// Its SHA-256 fingerprint: another one may take its place while members vote
        #[arg(long, value_name = "HEX")]
        fingerprint: Digest,
        /// Why.
        #[command(flatten)]
        grounds: GroundsArgs,
        /// What is the same in every proposal.
        #[command(flatten)]
        common: Common,
    },
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

/// The measure that the command line says.
pub(super) fn measure<'a>(
    command: &'a MeasureCommand,
    console: &Console,
) -> Result<(Measure, &'a Common), Failure> {
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
        MeasureCommand::AdmitIssuer { certificate, common } => {
            let (certificate, _) = super::certificate::read(certificate, console)?;
            (AdmitIssuer { certificate }.into(), common)
        }
        MeasureCommand::RemoveIssuer { issuer, grounds, common } => {
            (RemoveIssuer { issuer: *issuer, grounds: grounds.grounds()? }.into(), common)
        }
        MeasureCommand::RevokeCertificate { certificate, fingerprint, grounds, common } => {
            let (certificate, fingerprint) = (*certificate, *fingerprint);
            let grounds = grounds.grounds()?;
            (RevokeCertificate { certificate, fingerprint, grounds }.into(), common)
        }
    })
}

fn read_measure(path: &Path) -> Result<Measure, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error))?;
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text).map_err(|error| fail(&error));
    }
    toml::from_str(&text).map_err(|error| fail(&error))
}
