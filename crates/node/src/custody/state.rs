//! What goes wrong between an owner or reader and custody, and what is kept while something is under way.

use std::path::{Path, PathBuf};

use borsh::{BorshDeserialize, BorshSerialize};
use medveil_ledger::OrganisationId;
use medveil_vault::{
    Canonical as _,
    committee::{RecoverError, WrapError},
    keys::{SecretFileError, read_secret},
    manifest::ManifestError,
    object,
    shards::SchemeError,
};
use zeroize::Zeroizing;

use super::{DeskError, secrets::overwrite};
use crate::{Refusal, agent::replace};

/// Why an object is not put into custody, or not taken out.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// The ledger or the members cannot be asked, or say no.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// There is no committee.
    #[error(
        "there is no custody committee yet: the members' nodes make its key together when enough of them run"
    )]
    NoCommittee,
    /// There is no such object, or no such version of it.
    #[error("there is no such object in custody, or no such version")]
    Unknown,
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// What exists is not overwritten.
    #[error("{} exists; choose another name", .0.display())]
    Exists(PathBuf),
    /// What is kept of an earlier attempt does not fit.
    #[error("{}: {what}; remove it to begin anew", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file is another one than when it was begun.
    #[error("{} has changed since it was begun to be put into custody; remove {} to begin anew", .0.display(), .1.display())]
    Changed(PathBuf, PathBuf),
    /// Too few members take their shards.
    #[error("{taken} of {total} members take their shards, {needed} are needed: {problems}")]
    TooFewHolders {
        /// Members that take theirs.
        taken: usize,
        /// Shards.
        total: usize,
        /// How many must be taken.
        needed: usize,
        /// What the others say.
        problems: String,
    },
    /// Too few members gave a good partial key in time.
    #[error(
        "{good} good partial keys within {seconds} s, {needed} are needed; the request stays: the same command goes on with it"
    )]
    TooFewPartials {
        /// Good ones.
        good: usize,
        /// The quorum.
        needed: usize,
        /// How long it was waited.
        seconds: u64,
        /// Who gave bad ones.
        bad: Vec<OrganisationId>,
    },
    /// The partials do not open the key.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The number of members makes no scheme.
    #[error(transparent)]
    Scheme(#[from] SchemeError),
    /// Nothing can be wrapped to the committee.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The manifest is not the ledger's.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The object cannot be put together, or does not open.
    #[error(transparent)]
    Object(#[from] object::CustodyError),
    /// The system refuses.
    #[error(transparent)]
    System(#[from] Refusal),
}

impl CustodyError {
    pub(super) fn file(path: &Path, error: std::io::Error) -> Self {
        CustodyError::File { path: path.to_owned(), error }
    }
}

/// Secrets of something under way, in a file for its owner alone.
pub(super) fn load<T: BorshDeserialize + BorshSerialize>(path: &Path) -> Result<Option<T>, CustodyError> {
    let damaged = |what: String| CustodyError::State { path: path.to_owned(), what };
    match read_secret(path, None) {
        Ok(bytes) => T::decode(&bytes).map(Some).map_err(|_| damaged("is damaged".to_owned())),
        Err(SecretFileError::Missing { .. }) => Ok(None),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// Replaces what is kept, whole or not at all.
pub(super) fn save<T: BorshDeserialize + BorshSerialize>(path: &Path, state: &T) -> Result<(), CustodyError> {
    let bytes = Zeroizing::new(state.encode());
    replace(path, &bytes).map_err(|error| CustodyError::file(path, error))
}

/// Erases what was kept.
pub(super) fn erase(path: &Path) -> Result<(), CustodyError> {
    match overwrite(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(CustodyError::file(path, error)),
        _ => Ok(()),
    }
}
