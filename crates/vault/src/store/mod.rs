//! Where a member keeps its shards: a folder, or a store that speaks S3 (feature `s3`).
//!
//! ```text
//!  objects/OBJECT/VERSION/manifest            canonical bytes
//!  objects/OBJECT/VERSION/shard-N/SEGMENT     pieces and table
//!  incoming/                                  what is being written; swept when the store is opened
//! ```
//!
//! A file is there whole or not at all: in a folder it is written beside, flushed to the disk and moved to its place; S3 shows an object when it has all of it. What a store
//! gives back is checked by whoever reads it ([`ShardReader`](crate::shards::ShardReader), [`scrub`](crate::upkeep::scrub)), so that a disk that lies is
//! found out like a member that lies.
//!
//! Nothing in a store is secret: shards are pieces of sealed bytes.

#[cfg(feature = "s3")]
mod bucket;
mod direct;
mod error;
mod member_store;
mod shard_files;

#[cfg(feature = "s3")]
pub use bucket::{AccessKeys, Address, AddressError, Bucket, Buckets, Connection, Found};
pub use error::StoreError;
pub use member_store::{MemberStore, Shredded};
pub use shard_files::StoredShards;

#[cfg(test)]
mod tests;
