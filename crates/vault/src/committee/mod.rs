//! The custody committee: data keys that no fewer than a quorum of the members can open.
//!
//! ```text
//!  ceremony   members make a key together over ledger transactions; each holds a share, nobody ever holds the key
//!     |
//!  Committee  public: the key, who holds which share, how many are needed ------------------+
//!     |                                                                                     |
//!  wrap       data key --> WrappedKey, for one identity = H(chain, object, data, policy, version); on the ledger
//!     |
//!  release    decided and final: each member makes its partial for the identity, sealed to a one-time key of the requester
//!     |
//!  recover    the requester checks each partial, and with any quorum of good ones has the data key
//! ```
//!
//! The key is a threshold key of BLS12-381 (`commonware-cryptography`): the ceremony is Joint-Feldman (GJKR99) and, for changes of membership, Desmedt's resharing, wrapping is
//! identity-based encryption [BF01](https://crypto.stanford.edu/~dabo/papers/bfibe.pdf) made chosen-ciphertext secure by Fujisaki and Okamoto's transform, and a partial release is a
//! partial BLS signature of the identity. So a quorum's release opens this identity's keys and no other.
//!
//! # What it rests on
//! - Fewer than a quorum (`n - (n-1)/3`, 5 of 7) of the members' shares are in one hand, counting those that the ceremony made public
//!   ([`Committee::revealed`]).
//! - Members that are not corrupt destroy their old shares and one-time seeds after each ceremony.
//! - Identities are unambiguous: the ledger wraps at most one data key for an identity.
//!
//! What has been given cannot be taken back: a partial that a requester has stays good for its identity. A new version has a new identity.

pub mod ceremony;
mod destroy;
mod group;
mod identity;
mod member_key;
mod release;
mod request;
mod sealed;
mod share;
mod wrap;

pub use destroy::{Attestation, Willingness, WillingnessError};
pub use group::{Committee, MAX_MEMBERS};
pub use identity::Identity;
pub use member_key::MemberKey;
pub use release::{Partial, PartialFault, RecoverError, Recovered, recover};
pub use request::{
    BadPartial, RequestKeys, RequestKeysError, RequestSecrets, SealedFault, SealedPartial, Verdict,
};
pub use sealed::{BadSealKey, OneTimeKeys, OneTimeSecret, SealKey, Sealed};
pub use share::{KeyShare, ShareError};
pub use wrap::{WrapError, WrappedKey};

#[cfg(test)]
mod tests;
