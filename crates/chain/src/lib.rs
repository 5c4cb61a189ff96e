//! What a Medveil chain consists of, and how anybody checks a statement about it without trusting anybody.
//!
//! The crate holds the [genesis](Genesis), [blocks](Block) with their [headers](Header), [finality](Finality) by
//! Ed25519 certificates of the [validators](ValidatorSet), the [light client](LightClient) that follows the validators from
//! the genesis on, and [evidence](Evidence): a file that proves values of the state (or their absence) and entries of blocks.
//! It does no I/O and knows nothing of what transactions mean.
//!
//! ```text
//!  genesis file ---> LightClient: validators of epoch 0
//!                         |  links: one for each change of the validators, each signed by those before it
//!                         v
//!                    validators of epoch e  --- certificate --->  header H'  --- parent hashes --->  header H
//!                                                                                                     |
//!             state root: key = value, or no such key  <----------------------------------------------+
//!             transaction, receipt and event roots: entry i of block H  <------------------------------+
//! ```
//!
//! # What a verified statement rests on
//!
//! - More than two thirds of the validators of every epoch between genesis and the header follow the protocol, **also after
//!   they have left**: whoever gathers the keys of a quorum of an old set can sign another history from there on. Members
//!   destroy the keys of validators that were removed; a verifier that knows a recent header starts there
//!   ([`LightClient::from_checkpoint`]).
//! - SHA-256 is collision resistant and Ed25519 (ZIP-215 rules) unforgeable.
//! - The genesis file is the right one.
//!
//! # Encodings
//!
//! Every type has one encoding: decoding refuses any other bytes for the same value, and trailing bytes. Integers are
//! big-endian; lengths and the fields of commonware's types are minimal varints. `tests/vectors.rs` pins them by hash.

mod block;
mod certificate;
mod claim;
mod entry;
mod evidence;
mod genesis;
mod header;
mod light_client;
mod validators;

pub use block::{Block, Body, MAX_BLOCK_BYTES, MAX_ENTRIES};
pub use bytes::Bytes;
pub use certificate::{Certificate, Finality, MAX_DESCENDANTS, Scheme, scheme_namespace};
pub use claim::{
    AbsenceProof, CHUNK_BYTES, Claim, MAX_KEY_BYTES, MAX_VALUE_BYTES, PresenceProof, StateProof,
};
pub use commonware_codec::Error as CodecError;
pub use commonware_cryptography::{ed25519::PublicKey, sha256::Digest};
pub use entry::{EntryKind, EntryProof, EntryTree};
pub use evidence::{Evidence, EvidenceError, MAX_EVIDENCE_BYTES, Verified};
pub use genesis::{Genesis, GenesisError};
pub use header::{Header, OperationsRange};
pub use light_client::{LightClient, Link, Untrusted};
pub use validators::{MAX_VALIDATORS, ValidatorSet, ValidatorSetError};

use commonware_cryptography::{Hasher as _, Sha256};

/// SHA-256 under a domain, so that the hash of one kind of object is never the hash of another.
fn tagged_hash(domain: &str, parts: &[&[u8]]) -> Digest {
    let mut all: Vec<&[u8]> = Vec::with_capacity(parts.len() + 2);
    all.push(domain.as_bytes());
    // No domain contains a zero byte, so none is a prefix of another with its separator.
    all.push(&[0]);
    all.extend_from_slice(parts);
    Sha256::hash(&all)
}

/// The public key with these bytes (RFC 8032, 5.1.5).
///
/// # Errors
/// They are no point of the curve.
pub fn public_key(bytes: &[u8; 32]) -> Result<PublicKey, CodecError> {
    decode(bytes)
}

/// Decodes `bytes`, all of them.
///
/// # Errors
/// Fails on malformed, non-canonical and left-over bytes.
fn decode<T: commonware_codec::Read<Cfg = ()>>(bytes: &[u8]) -> Result<T, CodecError> {
    commonware_codec::Decode::decode_cfg(commonware_codec::Copying(bytes), &())
}
