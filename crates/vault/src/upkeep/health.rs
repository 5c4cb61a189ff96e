//! How many more losses an object can bear.

use std::collections::{BTreeMap, BTreeSet};

use super::scrub::ScrubReport;
use crate::manifest::Manifest;

/// What is known of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nobody holds it, its holder cannot be reached, or it has not said anything.
    All,
    /// These segments are lost or wrong.
    Segments(BTreeSet<u64>),
}

impl From<&ScrubReport> for Damage {
    fn from(report: &ScrubReport) -> Self {
        Damage::Segments(report.faults.keys().copied().collect())
    }
}

/// How an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Some of it cannot be restored from what is known to be right.
    Lost,
    /// The next loss makes it so.
    Critical,
    /// Something is lost or wrong, and can be repaired.
    Degraded,
    /// Every shard is right.
    Whole,
}

/// What the state of its shards means for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Shards that are entirely right.
    pub whole: u8,
    /// Segments that at least one shard lacks.
    pub damaged: u64,
    /// Shards that can still be lost, whichever they are; negative when the object is lost.
    pub spare: i16,
    /// In a word.
    pub status: Status,
}

impl Health {
    /// Assesses an object. What is not said of a shard counts as lost.
    pub fn assess(manifest: &Manifest, shards: &BTreeMap<u8, Damage>) -> Health {
        let (total, needed) = (manifest.scheme().total(), manifest.scheme().needed());
        let segments = manifest.layout().segments();
        let mut answering: i16 = 0;
        let mut whole = 0;
        let mut lacking: BTreeMap<u64, i16> = BTreeMap::new();
        for shard in 0..total {
            let Some(Damage::Segments(bad)) = shards.get(&shard) else { continue };
            answering += 1;
            whole += u8::from(bad.is_empty());
            for segment in bad.iter().filter(|segment| **segment < segments) {
                *lacking.entry(*segment).or_default() += 1;
            }
        }
        let worst = lacking.values().max().copied().unwrap_or(0);
        let spare = answering - worst - i16::from(needed);
        let damaged = if answering < i16::from(total) { segments } else { lacking.len() as u64 };
        let status = match spare {
            ..0 => Status::Lost,
            _ if damaged == 0 => Status::Whole,
            0 => Status::Critical,
            _ => Status::Degraded,
        };
        Health { whole, damaged, spare, status }
    }
}
