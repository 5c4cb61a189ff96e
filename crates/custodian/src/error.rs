//! Why a custodian cannot go on.

use crate::interrupt::Interrupted;
use crate::ledger::LedgerError;
use crate::reason::Reason;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why a custodian cannot go on now. What was begun is taken up again at the next turn.
#[derive(Debug, thiserror::Error)]
pub enum CustodianError {
    /// The ledger does not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Custody does not answer.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The private file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was stopped.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The file system says no.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What it says.
        error: std::io::Error,
    },
    /// A key file cannot be used.
    #[error("{path}: {error}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        error: medveil_deid::study::KeyError,
    },
    /// The ledger refused what must not be refused.
    #[error("the ledger refused `{action}`: {name}")]
    Refused {
        /// What was asked for.
        action: &'static str,
        /// The name of the refusal.
        name: String,
    },
    /// The machine gives no randomness.
    #[error("the machine gives no randomness: {0}")]
    Randomness(String),
    /// A note in the private file cannot be read.
    #[error("the note of a job in the private file cannot be read: {0}")]
    Job(String),
}

/// Why a job stops: it cannot be done, or not now.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It cannot be done, for a reason that has a name.
    Reason(Reason),
    /// Not now.
    Error(CustodianError),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Stop::Reason(reason)
    }
}

impl<E: Into<CustodianError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Error(error.into())
    }
}

/// A fault of the file system with its place.
pub(crate) fn file_fault(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> CustodianError {
    let path = path.display().to_string();
    move |error| CustodianError::File { path, error }
}
