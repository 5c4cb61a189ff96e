//! Why a run stops. Every message names the file and the place in it; none carries a value.

use medveil_deid::hierarchy::file::FileError;
use medveil_deid::receipt::ReceiptError;
use medveil_deid::report::Report;
use medveil_deid::risk::SampleError;
use medveil_deid::search::ProblemError;
use medveil_deid::table::{TableError, Trouble};
use medveil_deid::utility::WorkloadError;

use super::source::SourceError;
use super::stage::StageError;
use crate::fhir::{FhirFileError, FhirPlanError};

/// Why a run stops.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The inputs cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The output folder cannot be used.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The plan's FHIR rules cannot be used.
    #[error("plan, {0}")]
    FhirPlan(#[from] FhirPlanError),
    /// A table is faulty.
    #[error("{file}: {error}")]
    Table {
        /// The input.
        file: String,
        /// What and where.
        error: TableError,
    },
    /// A table is no sample of the population that is named.
    #[error("{file}: {error}")]
    Population {
        /// The table.
        file: String,
        /// Why.
        error: SampleError,
    },
    /// A hierarchy file cannot be used.
    #[error(transparent)]
    HierarchyFile(#[from] FileError),
    /// A hierarchy cannot be drafted.
    #[error("no hierarchy can be drafted for `{column}`: {error}; give it a hierarchy file")]
    Hierarchy {
        /// The column.
        column: String,
        /// Why.
        error: String,
    },
    /// An analysis cannot be carried out.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// The search contradicts itself.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// A FHIR file is faulty.
    #[error("{file}: {error}")]
    Fhir {
        /// The input.
        file: String,
        /// What and where.
        error: FhirFileError,
    },
    /// A file of the release cannot be read or written.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// A receipt cannot be read.
    #[error("{file}: {error}")]
    Receipt {
        /// The file.
        file: String,
        /// Why.
        error: ReceiptError,
    },
    /// An earlier release is not what its receipt says, or cannot be compared.
    #[error("earlier release {folder}: {what}")]
    Earlier {
        /// Its folder.
        folder: String,
        /// Why.
        what: String,
    },
    /// The release would not be as private as the plan demands; each reason is named.
    #[error("the release is refused: {}", reasons.join("; "))]
    Refused {
        /// The reasons, with the values compared.
        reasons: Vec<String>,
        /// The report on what was refused, which says where the risk lies.
        report: Box<Report>,
    },
}

impl DatasetError {
    /// Whether the input was understood and the answer is no, rather than the input not being usable.
    pub fn is_refusal(&self) -> bool {
        matches!(self, DatasetError::Refused { .. } | DatasetError::Earlier { .. })
    }

    /// Whether the run was stopped from outside.
    pub fn is_interrupt(&self) -> bool {
        match self {
            DatasetError::Table { error, .. } => matches!(error.trouble, Trouble::Interrupted),
            DatasetError::Fhir { error, .. } => error.is_interrupt(),
            _ => false,
        }
    }
}
