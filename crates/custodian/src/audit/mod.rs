//! The auditor's side: does what was opened give what was released?
//!
//! [`judge`] re-runs the contract's plan on the rows that the challenge drew and compares. It reads the ledger and trusts nothing that the owner says without a proof.
//!
//! # What a verdict rests on
//! - *Rows.* Both sides are sampled: [`Soundness`] tells which share of bad rows is caught. A row that was not drawn is not looked at.
//! - *Whose a row is.* Which handle belongs to a patient only the hospital knows. That two opened rows of one patient have one handle, and two patients two, is checked; that a patient has no handle
//!   at all is the hospital's word.
//! - *The table as a whole.* A search for k-anonymity is a function of all records. Of a column that it made coarser, rows show that the rules were kept up to there and that equal values got
//!   equal labels; not that the labels are those of the search, nor that a record had to be suppressed. Who holds the release counts its classes, and k with them.
//!   [`Judgement::unproven`] names these columns.

mod compare;
mod context;
mod judge;
mod rerun;
mod soundness;

use medveil_ledger::action::AuditVerdict;
use medveil_ledger::state::challenge::Verdict;
use medveil_ledger::{ChallengeId, Digest, ReleaseId};
use serde::Serialize;

use crate::ledger::LedgerError;

pub use judge::judge;
pub use soundness::Soundness;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The ledger does not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no such challenge, or what it is about is not there.
    #[error("there is no challenge `{0}` of a release")]
    Unknown(ChallengeId),
    /// It has not been answered.
    #[error("the challenge has not been answered; the answer is due at height {due}")]
    Unanswered {
        /// The last height for it.
        due: u64,
    },
    /// The file is not what the owner answered with.
    #[error(
        "these are not the openings that the owner answered with: their digest is not the one on the ledger"
    )]
    NotTheAnswer,
    /// The secret is not that of the challenge.
    #[error("the secret is not that of the key which the challenge names")]
    OtherSecret,
    /// The file system says no.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What it says.
        error: std::io::Error,
    },
}

/// What is wrong, in words of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// What was sealed does not open.
    Unreadable,
    /// The plan that was opened is not the contract's.
    Plan,
    /// The plan fails on the rows.
    PlanFails,
    /// Key and seed are not those that were committed to.
    Commitment,
    /// Schema, files or roots of the source are not those that were registered.
    Source,
    /// Files or roots of the release are not those that were posted.
    Output,
    /// Columns of the release are not those that the plan releases.
    Header,
    /// A row that was drawn was not opened.
    Unopened,
    /// A raw record is not in the registered source.
    Raw,
    /// A record is not in the release where it is said to be.
    Place,
    /// A record of a patient whose consent covers the use is not in the release.
    LeftOut,
    /// More records were suppressed than the plan allows.
    Suppressed,
    /// A record of the release was made of no row, or of one that another was made of.
    NoSource,
    /// A record that the plan drops is in the release.
    NotDropped,
    /// A patient whose record is in the release does not consent.
    Consent,
    /// Rows of one patient have two handles, or rows of two patients one.
    Tie,
    /// A value is not what the plan makes of the raw record.
    Value,
    /// A record loses more privacy to noise than was posted.
    Loss,
    /// Equal values got different labels.
    Label,
    /// A record differs in its form alone: quotes, line end.
    Form,
}

/// One thing that is wrong. No value of a patient is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The verdict that it asks for.
    pub verdict: Verdict,
    /// What is wrong.
    pub fault: Fault,
    /// In which file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// In which row of the source, numbered over all files from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// In which column, or path of FHIR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Different rows of the source.
    pub rows: u64,
    /// Those on which the plan was run again.
    pub run_again: u64,
    /// Those that are not in the release, as their patients wish.
    pub outside: u64,
    /// Those that the plan drops by itself.
    pub dropped: u64,
    /// Those that are said to have been suppressed for the table as a whole, which a row cannot show.
    pub suppressed: u64,
}

/// A column of which rows do not show everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unproven {
    /// The file.
    pub file: String,
    /// The column, which was made coarser for the table as a whole.
    pub column: String,
}

/// What came of a challenge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// The challenge.
    pub challenge: ChallengeId,
    /// The release.
    pub release: ReleaseId,
    /// Its version.
    pub version: u64,
    /// The verdict: the gravest of the findings.
    pub verdict: Verdict,
    /// What is wrong, the gravest first; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub checked: Checked,
    /// What the sample can catch.
    pub soundness: Soundness,
    /// What rows of this release do not show.
    pub unproven: Vec<Unproven>,
}

/// Findings that a report names at most.
pub const MAX_FINDINGS: usize = 100;

impl Judgement {
    /// The report, whose digest goes on the ledger.
    pub fn report(&self) -> String {
        serde_json::to_string(self).expect("string keys and finite numbers")
    }

    /// What the auditor posts.
    pub fn action(&self) -> AuditVerdict {
        let report = Digest::of("medveil/audit-report/1", &[self.report().as_bytes()]);
        AuditVerdict { challenge: self.challenge, verdict: self.verdict, report }
    }
}
