//! What can be wrong with a shard, and with reading.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::Digest;

/// Why a member gave no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It does not have them, or cannot be reached.
    #[error("absent")]
    Absent,
    /// It did not answer in time.
    #[error("no answer within {} ms", waited.as_millis())]
    Slow {
        /// How long it was waited for.
        waited: Duration,
    },
    /// It answered with an error.
    #[error("failed: {what}")]
    Failed {
        /// What it said.
        what: String,
    },
}

/// What is wrong with a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// No bytes were given.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Another number of bytes was given.
    #[error("{found} bytes instead of {expected}")]
    Length {
        /// Bytes given.
        found: u64,
        /// Bytes expected.
        expected: u64,
    },
    /// The table is not the one that the manifest commits to.
    #[error("the table is not the manifest's")]
    WrongTable,
    /// A piece does not match its leaf.
    #[error("the piece of stripe {stripe} is wrong")]
    WrongPiece {
        /// The stripe.
        stripe: u64,
    },
    /// The object has no such shard or segment.
    #[error("the object has no such shard or segment")]
    Unknown,
}

impl FaultKind {
    /// Whether bytes were given that are not the object's. Absence and slowness can be misfortune; this cannot be a loss alone.
    pub fn is_wrong(&self) -> bool {
        !matches!(self, FaultKind::Source(_) | FaultKind::Unknown)
    }
}

/// A fault and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shard {shard}, segment {segment}: {kind}")]
pub struct Fault {
    /// The shard.
    pub shard: u8,
    /// The segment.
    pub segment: u64,
    /// What is wrong.
    pub kind: FaultKind,
}

/// The faults of each shard: how many, and the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    shards: BTreeMap<u8, (u64, Fault)>,
}

impl Faults {
    /// Notes a fault.
    pub fn note(&mut self, fault: Fault) {
        self.shards.entry(fault.shard).and_modify(|(count, _)| *count += 1).or_insert((1, fault));
    }

    /// How many faults a shard had.
    pub fn count(&self, shard: u8) -> u64 {
        self.shards.get(&shard).map_or(0, |(count, _)| *count)
    }

    /// The first fault of each shard that had one.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.shards.values().map(|(_, fault)| fault)
    }

    /// Nothing was wrong.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.iter().enumerate() {
            write!(f, "{}{fault}", if at > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

/// Why sealed bytes cannot be put together from shards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No shard gave the table that the manifest commits to.
    #[error("no table of segment {segment}: {faults}")]
    NoTable {
        /// The segment.
        segment: u64,
        /// What was wrong with each.
        faults: Faults,
    },
    /// Too few shards gave the right piece.
    #[error("stripe {stripe}: {good} good pieces, {needed} are needed: {faults}")]
    TooFew {
        /// The stripe.
        stripe: u64,
        /// Right pieces found.
        good: u8,
        /// Pieces needed.
        needed: u8,
        /// What was wrong with the others.
        faults: Faults,
    },
    /// The pieces that the manifest commits to are not the code of any stripe: whoever made the shards made them wrong.
    #[error(
        "stripe {stripe} was not encoded as the manifest claims: piece {shard} does not belong to the others"
    )]
    Inconsistent {
        /// The stripe.
        stripe: u64,
        /// The first piece that does not belong to the others.
        shard: u8,
    },
    /// The object has fewer stripes or segments.
    #[error("the object has no stripe {stripe}")]
    NoSuchStripe {
        /// The stripe asked for.
        stripe: u64,
    },
    /// The manifest is of another object than asked for.
    #[error("the manifest has digest {found}, the ledger says {expected}")]
    WrongManifest {
        /// The digest of what was given.
        found: Digest,
        /// The digest on the ledger.
        expected: Digest,
    },
}

impl From<ReadError> for std::io::Error {
    fn from(error: ReadError) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }
}
