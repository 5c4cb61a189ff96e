//! Building anew what is lost.

use std::collections::BTreeMap;
use std::io;

use super::pace::{Pace, Paced};
use crate::manifest::Manifest;
use crate::shards::{Faults, ReadError, ShardReader, ShardSink, ShardSource};

/// What was repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Segments that are whole again.
    pub repaired: u64,
    /// Bytes that other members gave.
    pub fetched: u64,
    /// What was wrong with other members' shards.
    pub faults: Faults,
    /// Segments of which too few pieces are right.
    pub failed: BTreeMap<u64, ReadError>,
}

/// Builds segments of a shard from `others` and hands them to `sink`. Goes on when a segment cannot be built.
///
/// # Errors
/// When the sink cannot keep a segment. Those that it took before are whole.
pub fn repair(
    manifest: &Manifest,
    shard: u8,
    segments: impl IntoIterator<Item = u64>,
    others: impl ShardSource,
    sink: &mut impl ShardSink,
    pace: &mut Pace,
) -> io::Result<RepairReport> {
    let before = pace.bytes();
    let mut report = RepairReport::default();
    let mut reader = ShardReader::new(Paced::new(others, pace), manifest.layout(), manifest.segments());
    for segment in segments {
        match reader.rebuild(shard, segment) {
            Ok(bytes) => {
                sink.put(shard, segment, &bytes)?;
                report.repaired += 1;
            }
            Err(error) => {
                report.failed.insert(segment, error);
            }
        }
    }
    let (_, faults) = reader.into_parts();
    report.faults = faults;
    report.fetched = pace.bytes() - before;
    Ok(report)
}
