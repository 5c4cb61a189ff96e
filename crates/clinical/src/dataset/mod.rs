//! Whole runs: files and folders in, a release with its receipt and report out; and the check of such a release.

mod anonymize;
mod assess;
mod compare;
mod deidentify;
mod distinct;
mod earlier;
mod error;
mod fingerprint;
mod linked;
mod scan;
mod source;
mod stage;
mod verify;

pub use anonymize::{Anonymization, Table, count};
pub use assess::{Assessed, assess};
pub use deidentify::{Released, Request, Settled, deidentify};
pub use distinct::distinct_values;
pub use error::DatasetError;
pub use fingerprint::{FilePrint, Fingerprint, fingerprint};
pub use scan::{Scanned, scan};
pub use source::{Format, Source, SourceError, Sources, discover, is_data};
pub use stage::{Stage, StageError};
pub use verify::{Check, Rerun, Verification, verify};
