//! Custody: what is shared is held by all members and readable by none alone.

pub mod data_key;
pub mod digest;
pub mod encoding;
pub mod envelope;

pub use data_key::DataKey;
pub use digest::{Digest, Member, ObjectId};
pub use encoding::{Canonical, DecodeError};
