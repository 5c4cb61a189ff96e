//! Custody: what is shared is held by all members and readable by none alone.

pub mod committee;
mod data_key;
mod digest;
mod encoding;
pub mod envelope;
pub mod manifest;
pub mod object;
pub mod shards;
#[cfg(feature = "store")]
pub mod store;
pub mod upkeep;

pub use data_key::DataKey;
pub use digest::{Digest, Member, NotHex, ObjectId};
pub use encoding::{Canonical, DecodeError};
