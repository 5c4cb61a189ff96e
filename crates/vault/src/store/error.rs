//! What can go wrong with a store.

use std::error::Error as _;
use std::io;

use crate::shards::{Fault, SourceError};

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("`{path}` is not there")]
    Absent {
        /// Its path in the store.
        path: String,
    },
    /// No room is left.
    #[error("no room for `{path}`")]
    Full {
        /// Its path in the store.
        path: String,
    },
    /// What is to be kept is not the object's.
    #[error(transparent)]
    Wrong(#[from] Fault),
    /// A configuration that is none.
    #[error("no store at `{place}`: {what}")]
    Configuration {
        /// What was given.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// The store failed.
    #[error("the store failed at `{path}`: {source}")]
    Failed {
        /// Where.
        path: String,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    pub(super) fn at(path: impl ToString, error: object_store::Error) -> StoreError {
        let path = path.to_string();
        if matches!(error, object_store::Error::NotFound { .. }) {
            return StoreError::Absent { path };
        }
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>()
                && matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            {
                return StoreError::Full { path };
            }
            cause = error.source();
        }
        StoreError::Failed { path, source: Box::new(error) }
    }

    pub(super) fn io(path: impl ToString, error: io::Error) -> StoreError {
        let path = path.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
            io::ErrorKind::NotFound => StoreError::Absent { path },
            _ => StoreError::Failed { path, source: Box::new(error) },
        }
    }
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Absent { .. } => SourceError::Absent,
            error => SourceError::Failed { what: error.to_string() },
        }
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::Absent { .. } => io::ErrorKind::NotFound,
            StoreError::Full { .. } => io::ErrorKind::StorageFull,
            StoreError::Wrong(_) => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
