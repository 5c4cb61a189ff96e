//! An object's shards in a store, for code that waits.

use std::io;
use std::ops::Range;

use tokio::runtime::Handle;

use super::member_store::MemberStore;
use crate::envelope::Subject;
use crate::shards::{ShardSink, ShardSource, SourceError};

/// The shards of one object in a store, as sink and source. To be used on a thread that may wait (`spawn_blocking`), not within a task.
#[derive(Clone, Debug)]
pub struct StoredShards {
    store: MemberStore,
    subject: Subject,
    runtime: Handle,
}

impl StoredShards {
    /// The shards of `subject` in `store`, which works on `runtime`.
    pub fn new(store: MemberStore, subject: Subject, runtime: Handle) -> StoredShards {
        StoredShards { store, subject, runtime }
    }
}

impl ShardSink for StoredShards {
    fn put(&mut self, shard: u8, segment: u64, bytes: &[u8]) -> io::Result<()> {
        let bytes = bytes.to_vec().into();
        Ok(self.runtime.block_on(self.store.put_segment(&self.subject, shard, segment, bytes))?)
    }
}

impl ShardSource for StoredShards {
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
        Ok(self.store.read_waiting(&self.runtime, &self.subject, shard, segment, range)?)
    }
}
