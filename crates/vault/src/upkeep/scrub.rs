//! Looking whether what is held is still right.

use std::collections::BTreeMap;

use super::pace::Pace;
use crate::manifest::Manifest;
use crate::shards::{FaultKind, ShardSource};

/// What was found of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Segments that are right.
    pub good: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Segments that are not, and why.
    pub faults: BTreeMap<u64, FaultKind>,
}

/// Reads every segment of a shard and compares it with the manifest.
pub fn scrub(manifest: &Manifest, shard: u8, mut source: impl ShardSource, pace: &mut Pace) -> ScrubReport {
    let (layout, check) = (manifest.layout(), manifest.segment_check());
    let mut report = ScrubReport::default();
    for segment in 0..layout.segments() {
        // One byte more than there should be, so that a file that is too long is seen.
        let found = source
            .read(shard, segment, 0..layout.segment_bytes(segment) + 1)
            .map_err(FaultKind::from)
            .and_then(|bytes| {
                report.bytes += bytes.len() as u64;
                pace.spend(bytes.len() as u64);
                check.check(shard, segment, &bytes)
            });
        match found {
            Ok(()) => report.good += 1,
            Err(kind) => {
                report.faults.insert(segment, kind);
            }
        }
    }
    report
}
