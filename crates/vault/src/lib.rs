//! Custody: what is shared is held by all members and readable by none alone.
//!
//! An object is sealed under a key of its own, cut into one shard for each member, any `k` of which give it back, and its key is wrapped so that only a
//! quorum of the members can open it. Nobody who has fewer shards and fewer key shares than that, disks and secrets included, reads anything.
//!
//! ```text
//!  put    text --> envelope --> sealed chunks --> shards --> one to each member        manifest: its digest is on the ledger
//!         data key --> committee: WrappedKey ------------------------------------->    on the ledger
//!
//!  get    request on the ledger --> each member: partial, sealed to the requester --> recover --> data key
//!         any k shards, each piece checked, wrong members named --> sealed chunks --> envelope --> text
//!
//!  keep   scrub what is held · repair what is lost · move what must move · know how many losses an object can bear
//!  end    shred shards, drop the willingness to release, attest it
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | how an object is encrypted, and why chunks cannot change places | [`envelope`] |
//! | how it is cut into shards, and why a wrong one is named | [`shards`] |
//! | what is public of it | [`manifest`] |
//! | both in one pass | [`object`] |
//! | who can open a key: ceremonies, partials, proofs of misconduct | [`committee`] |
//! | where a member keeps shards | `store` (feature `store`, on by default) |
//! | how objects are kept whole | [`upkeep`] |
//! | where a member keeps its keys | [`keys`] |
//!
//! Time, randomness and what the ledger decided are arguments. What a ledger needs (`committee`, `manifest`) does no I/O: take the crate without default
//! features. `docs/custody.md` describes the whole, and what cannot be recalled.
//!
//! # Example
//! ```
//! use medveil_vault::envelope::{Envelope, Subject, Suite};
//! use medveil_vault::shards::{MemoryShards, Scheme};
//! use medveil_vault::{DataKey, ObjectId, object};
//! # use rand_core::SeedableRng;
//! # let mut rng = chacha20::ChaCha20Rng::from_seed([7; 32]);
//!
//! let key = DataKey::generate(&mut rng);
//! let subject = Subject { object: ObjectId([1; 32]), version: 1 };
//! let envelope = Envelope::new(Suite::Aes256Gcm, subject, &key, &mut rng);
//!
//! // Seven shards, of which any five suffice.
//! let mut shards = MemoryShards::default();
//! let text = b"patient,glucose\n7,5.4\n";
//! let manifest = object::seal(&mut &text[..], &mut shards, &envelope, Scheme::default(), &key)?;
//!
//! // One member is gone, another lies.
//! shards.lose(0);
//! shards.files.get_mut(&(1, 0)).unwrap()[3] ^= 1;
//! let mut read = Vec::new();
//! let faults = object::open(&manifest, shards, &key, &mut read)?;
//! assert_eq!(read, text);
//! assert_eq!(faults.iter().map(|fault| fault.shard).collect::<Vec<_>>(), [0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod committee;
mod data_key;
mod digest;
mod encoding;
pub mod envelope;
pub mod keys;
pub mod manifest;
pub mod object;
pub mod shards;
#[cfg(feature = "store")]
pub mod store;
pub mod upkeep;

pub use data_key::DataKey;
pub use digest::{Digest, Member, NotHex, ObjectId};
pub use encoding::{Canonical, DecodeError};
