//! Shards in memory.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use super::encode::ShardSink;
use super::fault::SourceError;
use super::read::ShardSource;

/// Segment files by shard and segment, for small objects and for tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryShards {
    /// The files.
    pub files: BTreeMap<(u8, u64), Vec<u8>>,
}

impl MemoryShards {
    /// Forgets a shard.
    pub fn lose(&mut self, shard: u8) {
        self.files.retain(|(of, _), _| *of != shard);
    }
}

impl ShardSink for MemoryShards {
    fn put(&mut self, shard: u8, segment: u64, bytes: &[u8]) -> io::Result<()> {
        self.files.insert((shard, segment), bytes.to_vec());
        Ok(())
    }
}

impl ShardSource for MemoryShards {
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
        let file = self.files.get(&(shard, segment)).ok_or(SourceError::Absent)?;
        // As a file would: what is not there is not given.
        let end = range.end.min(file.len());
        Ok(file[range.start.min(end)..end].to_vec())
    }
}
