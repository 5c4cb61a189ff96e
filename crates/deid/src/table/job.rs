//! What a run is told and what it tells.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::bind::BoundColumn;
use super::dialect::Hints;
use super::error::{TableError, Trouble};
use super::generalise::Generalisation;
use super::linkage::{PatientColumns, Persons, Tie};
use crate::assess::Assessment;
use crate::merkle::{Builder, Checkpoints, Hash};
use crate::pipeline::Width;
use crate::search::SearchResult;

/// How a run is carried out. Nothing here changes the output.
pub struct Job<'a> {
    /// Worker threads.
    pub threads: NonZeroUsize,
    /// Memory for data in flight, in bytes.
    pub memory: usize,
    /// The longest record, in bytes.
    pub max_record: usize,
    /// What the user says of CSV files.
    pub hints: Hints,
    /// Set from outside to stop the run.
    pub cancelled: &'a AtomicBool,
    /// Told how many bytes of input are done.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl Job<'_> {
    /// The number of threads and items in flight.
    pub fn width(&self) -> Width {
        Width::new(self.threads)
    }

    /// The size of a block of input: a block costs about six times its size until it is written, and what one thread works on should stay in the
    /// cache of its core.
    pub fn block_size(&self) -> usize {
        const SMALLEST: usize = 64 << 10;
        const LARGEST: usize = 256 << 10;
        (self.memory / (6 * self.width().in_flight.get())).clamp(SMALLEST, LARGEST)
    }

    /// Fails if the run has been stopped.
    pub fn check(&self) -> Result<(), TableError> {
        if self.cancelled.load(Ordering::Relaxed) {
            Err(TableError::new(Trouble::Interrupted))
        } else {
            Ok(())
        }
    }
}

/// One side of a run: what was read, or what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Records, without the header.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The Merkle root over header and records.
    #[serde(with = "crate::merkle::hex_hash")]
    pub root: Hash,
    /// Roots of blocks of records, which tell where two files differ.
    pub checkpoints: Checkpoints,
}

impl Side {
    /// The side that `tree` describes.
    pub fn new(tree: &Builder, records: u64, bytes: u64) -> Side {
        Side { records, bytes, root: tree.root(), checkpoints: tree.checkpoints().clone() }
    }
}

/// What an action did to a column or path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Values that left as they came.
    pub kept: u64,
    /// Values that were replaced.
    pub changed: u64,
    /// Values that the action removed.
    pub removed: u64,
    /// Values that the action could not read, and which were removed for it; not counted in `removed`.
    pub invalid: u64,
    /// Values that were missing.
    pub empty: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.kept += other.kept;
        self.changed += other.changed;
        self.removed += other.removed;
        self.invalid += other.invalid;
        self.empty += other.empty;
    }
}

/// What came of one table.
#[derive(Debug)]
pub struct TableOutcome {
    /// The format with its details, such as `csv (utf-8, comma)`.
    pub format: String,
    /// What happened to each column.
    pub columns: Vec<(BoundColumn, Counts)>,
    /// What was read.
    pub input: Side,
    /// What was written.
    pub output: Side,
    /// Records that were dropped.
    pub dropped: u64,
    /// Which, by their numbers in the file from 0, where its kinds were settled before the run; empty otherwise.
    pub dropped_records: Vec<u64>,
    /// Risk and utility.
    pub assessment: Assessment,
    /// What came of the search, where the plan asks for one.
    pub search: Option<SearchResult>,
    /// What tells the patients, where a column does and quasi-identifiers of them are released.
    pub patients: Option<PatientColumns>,
    /// The patients, where they are followed over tables and releases.
    pub persons: Option<Persons>,
}

/// What protects the patients of a table beyond the rules of its plan.
#[derive(Debug, Default)]
pub struct Protection<'a> {
    /// What the search found.
    pub generalisation: Option<Generalisation>,
    /// Ties to earlier releases; none where patients are not followed.
    pub ties: Option<&'a [Tie]>,
}
