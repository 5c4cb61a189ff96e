//! Erasure coding: sealed bytes as `n` shards, of which any `k` give them back and every wrong one is found out.
//!
//! ```text
//!  sealed bytes   | stripe 0        | stripe 1        | ..     a stripe is one sealed chunk unless configured otherwise
//!                   k pieces + (n-k) of Reed-Solomon
//!  shard 0        | piece           | piece           | ..     each shard goes to one member,
//!  ..                                                          in files of `segment_stripes` stripes
//!  shard n-1      | piece           | piece           | ..
//!
//!  table of a segment   one leaf for each piece: SHA-256 of shard, stripe and piece; every segment file ends with it
//!  manifest             Merkle root of each segment's table; its digest is on the ledger
//! ```
//!
//! A segment's file holds the table of *all* shards, so that whoever has one honest file can check every piece of the segment, and name the
//! member and stripe of a wrong one. Reading takes `k` pieces that match their leaves, restores the others, **encodes again and compares
//! every piece with its leaf**: an encoder that committed to pieces that are of no one stripe is caught, and all readers read the same whichever members answer them.
//!
//! Memory is a few segments ([`Scheme::memory`]), whatever the object's size.

mod encode;
mod fault;
mod memory;
mod merkle;
mod read;
mod scheme;
mod segment;

pub use encode::{ShardSink, ShardWriter, Sharded};
pub use fault::{Fault, FaultKind, Faults, ReadError, SourceError};
pub use memory::MemoryShards;
pub use read::{ShardReader, ShardSource};
pub use scheme::{Layout, MAX_PIECES, Scheme, SchemeError};
pub use segment::{SegmentCheck, Table};

#[cfg(test)]
mod tests;
