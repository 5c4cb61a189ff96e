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
    /// The store does not let these keys do it.
    #[error("refused at `{path}`: {what}")]
    Denied {
        /// Where.
        path: String,
        /// What it said.
        what: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket for `{path}`")]
    NoBucket {
        /// Where.
        path: String,
    },
    /// It is not what was listed.
    #[error("`{path}` was changed meanwhile")]
    Changed {
        /// Its path.
        path: String,
    },
    /// What was read from the store cannot be written here.
    #[error(transparent)]
    Local(io::Error),
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
        let text = error.to_string();
        let answer = Answer::of(&text);
        if answer.code == "NoSuchBucket" {
            return StoreError::NoBucket { path };
        }
        match error {
            object_store::Error::NotFound { .. } => return StoreError::Absent { path },
            _ if answer.is_full() => return StoreError::Full { path },
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                return StoreError::Denied { path, what: answer.told(&error) };
            }
            _ if matches!(answer.status, 401 | 403) => {
                return StoreError::Denied { path, what: answer.told(&error) };
            }
            _ => {}
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
        let what = answer.told(&error);
        StoreError::Failed { path, source: what.into() }
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

/// What a store that speaks S3 answered: `object_store` keeps the types private, and tells it in its text alone.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer<'t> {
    status: u16,
    code: &'t str,
    message: &'t str,
}

impl<'t> Answer<'t> {
    fn of(text: &'t str) -> Self {
        let between = |open: &str, close: &str| {
            let (_, rest) = text.split_once(open)?;
            Some(rest.split_once(close)?.0)
        };
        let status = between("status code: ", " ").and_then(|digits| digits.parse().ok());
        Answer {
            status: status.unwrap_or_default(),
            code: between("<Code>", "</Code>").unwrap_or_default(),
            message: between("<Message>", "</Message>").unwrap_or_default(),
        }
    }

    /// 507 is that of RFC 4918; quotas have other statuses.
    fn is_full(&self) -> bool {
        self.status == 507 || self.code.contains("QuotaExceeded") || self.code.contains("StorageFull")
    }

    /// The answer for people; where there was none, the innermost cause.
    fn told(&self, error: &object_store::Error) -> String {
        if !self.code.is_empty() {
            return format!("{}: {}", self.code, self.message);
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        cause.to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> StoreError {
        StoreError::at("place", object_store::Error::Generic { store: "S3", source: text.into() })
    }

    #[test]
    fn what_a_store_answers_is_told_apart() {
        let says = |status: &str, code: &str| {
            at(&format!(
                "Error performing GET http://a/b in 3ms - Server returned non-2xx status code: {status}: <Error><Code>{code}</Code><Message>why</Message></Error>"
            ))
        };
        let denied = says("403 Forbidden", "SignatureDoesNotMatch");
        assert_eq!(denied.to_string(), "refused at `place`: SignatureDoesNotMatch: why");
        assert!(matches!(says("404 Not Found", "NoSuchBucket"), StoreError::NoBucket { .. }));
        for (status, code) in
            [("507 Insufficient Storage", "XMinioStorageFull"), ("403 Forbidden", "QuotaExceeded")]
        {
            assert!(matches!(says(status, code), StoreError::Full { .. }), "{code}");
        }
        let busy = says("503 Service Unavailable", "SlowDown");
        assert_eq!(busy.to_string(), "the store failed at `place`: SlowDown: why");
        assert_eq!(at("connection refused").to_string(), "the store failed at `place`: connection refused");
    }
}
