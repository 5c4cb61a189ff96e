//! Why a custodian does not do what was granted: named, and without a value of the data.

use medveil_ledger::{DatasetId, Digest};

/// Why nothing was released. The name goes on the ledger as a digest, with the request that it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No plan of this digest is at hand.
    #[error("there is no plan of the digest `{plan}` in the folder of plans")]
    PlanUnknown {
        /// The contract's plan.
        plan: Digest,
    },
    /// The plan needs files that its digest does not cover.
    #[error("the plan names hierarchy files, which its digest does not cover")]
    PlanFiles,
    /// The plan failed on the records.
    #[error("the plan failed: {fault}")]
    PlanFailed {
        /// What and where, without a value.
        fault: String,
    },
    /// The release would not be what the plan's privacy asks.
    #[error("the release does not meet what the plan asks: {fault}")]
    PlanRefused {
        /// By which measure.
        fault: String,
    },
    /// The source is not what was registered.
    #[error("`{file}` was changed after it was registered")]
    SourceChanged {
        /// The file.
        file: String,
    },
    /// The source cannot be read.
    #[error("the source cannot be read: {fault}")]
    Source {
        /// What and where, without a value.
        fault: String,
    },
    /// The source was not the same from the first of its files to the last.
    #[error("`{file}` was changed or removed while the source was copied")]
    SourceUnsteady {
        /// The file.
        file: String,
    },
    /// The store does not let the custodian in.
    #[error("{place} refuses the access keys: {fault}")]
    StoreDenied {
        /// The store.
        place: String,
        /// What it says.
        fault: String,
    },
    /// The store does not answer as it should.
    #[error("{place} cannot be reached: {fault}")]
    StoreUnreachable {
        /// The store.
        place: String,
        /// What happened.
        fault: String,
    },
    /// The dataset is none of those in the settings.
    #[error("the dataset `{dataset}` is not in the settings")]
    DatasetUnknown {
        /// The dataset.
        dataset: DatasetId,
    },
    /// The hospital does not know whose handle it is.
    #[error("no record belongs to the handle that the request is about")]
    HandleUnknown,
    /// Too few patients.
    #[error("{patients} patients, at least {least} are asked for")]
    CohortSmall {
        /// Patients who can be in it.
        patients: u64,
        /// The contract's smallest cohort.
        least: u64,
    },
    /// An earlier release and this one would show a few patients.
    #[error(
        "{difference} patients differ from an earlier release to the recipient, 0 or at least {least} are asked for"
    )]
    Differencing {
        /// The least difference.
        difference: u64,
        /// The contract's smallest cohort.
        least: u64,
    },
    /// Nothing is left of the records.
    #[error("the plan leaves no record")]
    Empty,
    /// Too risky.
    #[error("a risk of {risk_ppm} parts per million, at most {max_risk_ppm} are allowed")]
    Risk {
        /// Measured.
        risk_ppm: u32,
        /// The contract's.
        max_risk_ppm: u32,
    },
    /// More privacy loss than granted.
    #[error("the plan costs {spent} millionths of epsilon, {granted} were granted")]
    Epsilon {
        /// By the plan.
        spent: u64,
        /// By the grant.
        granted: u64,
    },
    /// The ledger does not take it now.
    #[error("the ledger does not take it as long as this holds: {name}")]
    Held {
        /// The name of the refusal.
        name: String,
    },
    /// The ledger refused it.
    #[error("the ledger refused it: {name}")]
    Ledger {
        /// The name of the refusal.
        name: String,
    },
    /// The grant is over, or was never one.
    #[error("the request is `{status}`")]
    NotGranted {
        /// Where it stands.
        status: &'static str,
    },
    /// What is to be opened has been destroyed.
    #[error("the release has been destroyed")]
    Destroyed,
}

impl Reason {
    /// The machine's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Reason::PlanUnknown { .. } => "custodian.plan_unknown",
            Reason::PlanFiles => "custodian.plan_files",
            Reason::PlanFailed { .. } => "custodian.plan_failed",
            Reason::PlanRefused { .. } => "custodian.plan_refused",
            Reason::SourceChanged { .. } => "custodian.source_changed",
            Reason::Source { .. } => "custodian.source",
            Reason::SourceUnsteady { .. } => "custodian.source_unsteady",
            Reason::StoreDenied { .. } => "custodian.store_denied",
            Reason::StoreUnreachable { .. } => "custodian.store_unreachable",
            Reason::DatasetUnknown { .. } => "custodian.dataset_unknown",
            Reason::HandleUnknown => "custodian.handle_unknown",
            Reason::CohortSmall { .. } => "custodian.cohort_small",
            Reason::Differencing { .. } => "custodian.differencing",
            Reason::Empty => "custodian.empty",
            Reason::Risk { .. } => "custodian.risk",
            Reason::Epsilon { .. } => "custodian.epsilon",
            Reason::Held { .. } => "custodian.held",
            Reason::Ledger { .. } => "custodian.ledger",
            Reason::NotGranted { .. } => "custodian.not_granted",
            Reason::Destroyed => "custodian.destroyed",
        }
    }

    /// Whether it may cease to hold by itself or by the operator, so that the job waits instead of ending.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Reason::PlanUnknown { .. }
                | Reason::SourceChanged { .. }
                | Reason::Source { .. }
                | Reason::SourceUnsteady { .. }
                | Reason::StoreDenied { .. }
                | Reason::StoreUnreachable { .. }
                | Reason::DatasetUnknown { .. }
                | Reason::CohortSmall { .. }
                | Reason::Held { .. }
        )
    }
}
