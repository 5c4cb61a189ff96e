//! Terms of a contract from the command line: those of a template or a file, with what is said otherwise.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use medveil_ledger::template::{Particulars, Template};
use medveil_ledger::terms::{Approvals, ConsentMode, OnWithdrawal, ReleaseModel, Terms};
use medveil_ledger::vocabulary::{Condition, DataClass, Purpose};
use medveil_ledger::{ChainId, Digest, OrganisationId};

use super::policy::Place;
use crate::command::deid::load_plan;
use crate::command::named::{Named, Recipient, recipients};
use crate::command::{bounded, digest_of, millionths, parse_epsilon, parse_span, vocabulary};
use crate::failure::Failure;

/// What a contract says.
#[derive(Args, Debug)]
pub struct TermsArgs {
    /// The template that gives the terms to begin with (`medveil contract templates`)
    #[arg(long, value_name = "NAME", value_parser = vocabulary(Template::ALL, Template::name), required_unless_present = "terms")]
    pub template: Option<Template>,
    /// A TOML or JSON file of all terms instead, as --dry-run prints them; what follows replaces what it says
    #[arg(long, value_name = "FILE", conflicts_with = "template")]
    pub terms: Option<PathBuf>,
    /// Policies in Cedar that forbid some of what the terms allow, in a file; a file of terms may have them as `policy`, or name their file as `policy-file`
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The datasets, as OWNER/LABEL or by id; other owners countersign
    #[arg(long, value_name = "DATASET", num_args = 1.., required_unless_present = "terms")]
    pub dataset: Vec<Named>,
    /// The de-identification plan: a file, or the name of a built-in plan; the ledger gets its digest
    #[arg(long, value_name = "PLAN", required_unless_present = "terms")]
    pub plan: Option<String>,
    /// The study that it is of, as SPONSOR/LABEL
    #[arg(long, value_name = "STUDY")]
    pub study: Option<Named>,
    /// For what
    #[arg(long, value_name = "PURPOSE", value_delimiter = ',', value_parser = vocabulary(Purpose::ALL, Purpose::name))]
    pub purpose: Vec<Purpose>,
    /// On which conditions
    #[arg(long, value_name = "CONDITION", value_delimiter = ',', value_parser = vocabulary(Condition::ALL, Condition::name))]
    pub condition: Vec<Condition>,
    /// By whom: roles or names of organisations
    #[arg(long, value_name = "WHO", value_delimiter = ',')]
    pub recipient: Vec<Recipient>,
    /// Which classes of data
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = vocabulary(DataClass::ALL, DataClass::name))]
    pub class: Vec<DataClass>,
    /// Allow commercial uses
    #[arg(long)]
    pub commercial: bool,
    /// Whose data are used
    #[arg(long, value_enum, value_name = "MODE")]
    pub consent: Option<ConsentArg>,
    /// The decision of the ethics committee, or the legal basis, of a waiver; its SHA-256 goes on the ledger
    #[arg(long, value_name = "FILE")]
    pub ethics_of: Option<PathBuf>,
    /// What becomes of releases when a consent is withdrawn: refresh or destroy
    #[arg(long, value_name = "WHAT", value_parser = vocabulary(OnWithdrawal::ALL, OnWithdrawal::name))]
    pub on_withdrawal: Option<OnWithdrawal>,
    /// How it is released: public, controlled, enclave or view-only
    #[arg(long, value_name = "MODEL", value_parser = vocabulary(ReleaseModel::ALL, ReleaseModel::name))]
    pub release: Option<ReleaseModel>,
    /// The highest risk of re-identification, such as 0.09
    #[arg(long, value_name = "SHARE", value_parser = parse_risk)]
    pub max_risk: Option<u32>,
    /// The fewest patients that a release is about
    #[arg(long, value_name = "N")]
    pub min_cohort: Option<u32>,
    /// Privacy loss of a request at most
    #[arg(long, value_name = "EPSILON", value_parser = parse_epsilon)]
    pub epsilon: Option<u64>,
    /// Privacy loss of all requests together at most
    #[arg(long, value_name = "EPSILON", value_parser = parse_epsilon)]
    pub epsilon_total: Option<u64>,
    /// Privacy loss of a recipient at most, over all contracts of the consortium
    #[arg(long, value_name = "EPSILON", value_parser = parse_epsilon)]
    pub epsilon_per_recipient: Option<u64>,
    /// How long the contract runs from now on, such as 365d
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub term: Option<u64>,
    /// How long a grant lasts, such as 90d or 4h
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub access: Option<u64>,
    /// Within what time holders destroy what is to be destroyed, such as 7d
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub destroy_within: Option<u64>,
    /// The organisations of the data access committee
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub committee: Vec<OrganisationId>,
    /// How many of them must approve a request [default: half of them]
    #[arg(long, value_name = "N")]
    pub approvals: Option<u8>,
    /// Requests of an account in a day at most
    #[arg(long, value_name = "N")]
    pub requests_per_day: Option<u32>,
}

/// Modes of consent on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsentArg {
    /// Data of those who consented.
    Required,
    /// Data of those who did not object.
    OptOut,
    /// Data of all, by a decision that --ethics-of names.
    Waiver,
}

/// A share such as 0.09, in parts per million.
fn parse_risk(text: &str) -> Result<u32, String> {
    let ppm = millionths(text).filter(|ppm| *ppm <= 1_000_000).and_then(|ppm| u32::try_from(ppm).ok());
    ppm.ok_or_else(|| "expected a share from 0 to 1, such as 0.09".to_owned())
}

impl TermsArgs {
    /// The terms, for a publisher at a time. Whether they hold together, the ledger says.
    ///
    /// # Errors
    /// A file cannot be read, or too much or too little of something is named.
    pub fn terms(&self, chain: ChainId, owner: OrganisationId, now_ms: u64) -> Result<Terms, Failure> {
        let ethics = self.ethics_of.as_deref().map(digest_of).transpose()?;
        let plan = self.plan.as_deref().map(|plan| load_plan(plan).map(|plan| Digest(plan.digest())));
        let plan = plan.transpose()?;
        let datasets = self.dataset.iter().map(|dataset| dataset.dataset(chain));
        let mut terms = match (&self.terms, self.template) {
            (Some(file), _) => read(file)?,
            (None, Some(template)) => template.terms(&Particulars {
                owner,
                datasets: bounded("dataset", datasets.clone())?,
                plan: plan.unwrap_or(Digest([0; 32])),
                ethics: ethics.unwrap_or(Digest([0; 32])),
                now_ms,
                committee: bounded("committee", self.committee.iter().copied())?,
            }),
            (None, None) => return Err(Failure::unusable("--template or --terms is needed")),
        };
        if !self.dataset.is_empty() {
            terms.datasets = bounded("dataset", datasets)?;
        }
        if let Some(plan) = plan {
            terms.plan = plan;
        }
        if let Some(study) = self.study {
            terms.study = Some(study.study(chain));
        }
        if !self.purpose.is_empty() {
            terms.purposes = bounded("purpose", self.purpose.iter().copied())?;
        }
        if !self.condition.is_empty() {
            terms.conditions = bounded("condition", self.condition.iter().copied())?;
        }
        if !self.recipient.is_empty() {
            terms.recipients = recipients(&self.recipient)?;
        }
        if !self.class.is_empty() {
            terms.classes = bounded("class", self.class.iter().copied())?;
        }
        terms.commercial |= self.commercial;
        terms.consent = self.consent_mode(terms.consent, ethics)?;
        self.replace_figures(&mut terms, now_ms);
        if !self.committee.is_empty() {
            let committee = bounded("committee", self.committee.iter().copied())?;
            terms.approvals = Approvals { needed: committee.len().div_ceil(2) as u8, committee };
        }
        if let Some(needed) = self.approvals {
            terms.approvals.needed = needed;
        }
        Ok(terms)
    }

    /// The mode of consent. A waiver names who decided it: a template cannot know.
    fn consent_mode(&self, mode: ConsentMode, ethics: Option<Digest>) -> Result<ConsentMode, Failure> {
        let waived = matches!(mode, ConsentMode::Waiver { .. });
        match (self.consent, ethics) {
            (Some(ConsentArg::Required), _) => Ok(ConsentMode::Required),
            (Some(ConsentArg::OptOut), _) => Ok(ConsentMode::OptOut),
            (None, _) if !waived => Ok(mode),
            (_, Some(ethics)) => Ok(ConsentMode::Waiver { ethics }),
            (_, None) if waived && self.terms.is_some() => Ok(mode),
            (_, None) => Err(Failure::unusable(
                "data of patients who were not asked: name the decision or the law that allows it with --ethics-of FILE",
            )),
        }
    }

    fn replace_figures(&self, terms: &mut Terms, now_ms: u64) {
        fn replace<T>(term: &mut T, said: Option<T>) {
            if let Some(said) = said {
                *term = said;
            }
        }
        replace(&mut terms.on_withdrawal, self.on_withdrawal);
        replace(&mut terms.release, self.release);
        replace(&mut terms.max_risk_ppm, self.max_risk);
        replace(&mut terms.min_cohort, self.min_cohort);
        replace(&mut terms.epsilon.per_request, self.epsilon);
        replace(&mut terms.epsilon.total, self.epsilon_total);
        replace(&mut terms.epsilon.per_recipient, self.epsilon_per_recipient);
        if let Some(term_ms) = self.term {
            terms.term.from_ms = now_ms;
            terms.term.until_ms = now_ms.saturating_add(term_ms);
        }
        replace(&mut terms.term.access_ms, self.access);
        replace(&mut terms.term.destroy_ms, self.destroy_within);
        if let Some(requests) = self.requests_per_day {
            terms.rate.per_account = requests;
            terms.rate.per_organisation = terms.rate.per_organisation.max(requests);
        }
    }
}

/// Terms in a file, in TOML or JSON.
fn read(path: &Path) -> Result<Terms, Failure> {
    // Without a policy beside the terms, a mistake is told with its line and column.
    let told = place(path)?.is_told();
    let (text, is_json) = load(path)?;
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    match (is_json, told) {
        (true, false) => serde_json::from_str(&text).map_err(|error| fail(&error)),
        (true, true) => {
            let mut fields: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&text).map_err(|error| fail(&error))?;
            fields.retain(|name, _| !Place::NAMES.contains(&name.as_str()));
            serde_json::from_value(fields.into()).map_err(|error| fail(&error))
        }
        (false, false) => toml::from_str(&text).map_err(|error| fail(&error)),
        (false, true) => {
            let mut fields: toml::Table = toml::from_str(&text).map_err(|error| fail(&error))?;
            fields.retain(|name, _| !Place::NAMES.contains(&name));
            fields.try_into().map_err(|error| fail(&error))
        }
    }
}

/// Where a file of terms has its policy.
pub(super) fn place(path: &Path) -> Result<Place, Failure> {
    let (text, is_json) = load(path)?;
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", path.display()));
    if is_json {
        return serde_json::from_str(&text).map_err(|error| fail(&error));
    }
    toml::from_str(&text).map_err(|error| fail(&error))
}

/// The text of a file of terms, and whether it is JSON.
fn load(path: &Path) -> Result<(String, bool), Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::unusable(format!("{}: {error}", path.display())))?;
    let is_json = text.trim_start().starts_with('{');
    Ok((text, is_json))
}
