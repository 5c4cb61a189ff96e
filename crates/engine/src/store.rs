//! Where the engine keeps things: the state's database and the archives of blocks and certificates.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    num::{NonZeroU16, NonZeroU64, NonZeroUsize},
};

use commonware_codec::RangeCfg;
use commonware_cryptography::Sha256;
use commonware_glue::stateful::db::Shared;
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::{
    archive::prunable,
    journal::contiguous::variable,
    merkle,
    mmr::{self, full},
    qmdb::current::{VariableConfig, ordered},
    translator::{OrderedTranslator, Translator, TwoCap},
};
use commonware_utils::{NZU16, NZU64, NZUsize};
use medveil_chain::{Bytes, CHUNK_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// The state: an authenticated, ordered map of keys to values of any length.
pub type Database<E> =
    ordered::variable::Db<mmr::Family, E, Vec<u8>, Bytes, Sha256, KeyPrefix, CHUNK_BYTES, Sequential>;

/// The state as actors share it.
pub type Databases<E> = Shared<Database<E>>;

/// Place of an operation in the state's log.
pub type Location = merkle::Location<mmr::Family>;

type KeyConfig = (RangeCfg<usize>, ());
type OperationConfig = (KeyConfig, RangeCfg<usize>);

/// How the state's database is kept.
pub type StateConfig = VariableConfig<KeyPrefix, OperationConfig, Sequential>;

/// Bytes of a page in the page cache.
const PAGE_BYTES: NonZeroU16 = NZU16!(4096);

/// Buffer of each open file, in bytes.
pub const WRITE_BUFFER: NonZeroUsize = NZUsize!(256 * 1024);

/// Buffer while files are read at start, in bytes.
pub const REPLAY_BUFFER: NonZeroUsize = NZUsize!(1024 * 1024);

/// A page cache of about so many bytes.
pub fn page_cache(bytes: usize) -> CacheRef {
    let pages = NonZeroUsize::new(bytes / usize::from(PAGE_BYTES.get())).unwrap_or(NonZeroUsize::MIN);
    CacheRef::new(PAGE_BYTES, pages)
}

/// How the state's database is kept.
pub fn state_config(prefix: &str, cache: CacheRef) -> StateConfig {
    let key: KeyConfig = (RangeCfg::from(0..=MAX_KEY_BYTES), ());
    VariableConfig {
        merkle_config: full::Config {
            journal_partition: format!("{prefix}-state-nodes"),
            metadata_partition: format!("{prefix}-state-pinned"),
            items_per_blob: NZU64!(1 << 20),
            write_buffer: WRITE_BUFFER,
            replay_buffer: REPLAY_BUFFER,
            strategy: Sequential,
            page_cache: cache.clone(),
        },
        journal_config: variable::Config {
            partition: format!("{prefix}-state-log"),
            items_per_section: NZU64!(1 << 16),
            compression: None,
            codec_config: (key, RangeCfg::from(0..=MAX_VALUE_BYTES)),
            page_cache: cache,
            write_buffer: WRITE_BUFFER,
            replay_buffer: REPLAY_BUFFER,
        },
        grafted_metadata_partition: format!("{prefix}-state-bitmap"),
        translator: KeyPrefix,
        init_cache: Some(NZUsize!(1 << 16)),
        init_buffer: NZUsize!(1 << 21),
        init_concurrency: (),
    }
}

/// How an archive of finalised things is kept.
pub fn archive_config<C>(
    prefix: &str,
    name: &str,
    per_section: NonZeroU64,
    cache: CacheRef,
    codec_config: C,
) -> prunable::Config<TwoCap, C> {
    prunable::Config {
        translator: TwoCap,
        metadata_partition: format!("{prefix}-{name}-metadata"),
        key_partition: format!("{prefix}-{name}-key"),
        key_page_cache: cache,
        value_partition: format!("{prefix}-{name}-value"),
        compression: None,
        codec_config,
        items_per_section: per_section,
        key_write_buffer: NZUsize!(64 * 1024),
        value_write_buffer: WRITE_BUFFER,
        replay_buffer: REPLAY_BUFFER,
    }
}

/// Bytes of a key that the index in memory holds.
const INDEXED_BYTES: usize = 48;

/// The index in memory over keys.
///
/// Commonware's own holds at most 8 bytes of a key. Keys here begin with a domain and an object and end with a version, so all versions
/// of an object would share one entry, and finding one would read them all from disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyPrefix;

impl Translator for KeyPrefix {
    type Key = [u8; INDEXED_BYTES];

    fn transform(&self, key: &[u8]) -> Self::Key {
        let mut prefix = [0; INDEXED_BYTES];
        let length = key.len().min(INDEXED_BYTES);
        prefix[..length].copy_from_slice(&key[..length]);
        prefix
    }
}

// Cutting and padding with zeros keeps the order: a prefix never sorts after what it is a prefix of.
impl OrderedTranslator for KeyPrefix {}

impl BuildHasher for KeyPrefix {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        BuildHasherDefault::<DefaultHasher>::default().build_hasher()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_keeps_the_order_of_keys() {
        let mut keys: Vec<Vec<u8>> =
            vec![vec![], vec![0], vec![0, 0], vec![1], vec![7; 47], vec![7; 48], vec![7; 60]];
        keys.sort();
        assert!(keys.windows(2).all(|pair| KeyPrefix.transform(&pair[0]) <= KeyPrefix.transform(&pair[1])));
    }
}
