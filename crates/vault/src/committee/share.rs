//! A member's share of the committee's key.

use std::fmt;

use commonware_codec::{Copying, DecodeExt, Encode};
use commonware_cryptography::bls12381::primitives::group::Share;
use commonware_cryptography::bls12381::primitives::ops::threshold;
use commonware_cryptography::bls12381::primitives::variant::MinPk;
use zeroize::Zeroizing;

use super::destroy::{Willingness, WillingnessError};
use super::group::Committee;
use super::identity::{Identity, NAMESPACE};
use super::release::Partial;
use crate::{Digest, Member};

/// A member's secret share. Erased when dropped, and shown by no `Debug`.
///
/// After a resharing the old share must be erased: a quorum of old shares still opens every key.
#[derive(Clone)]
pub struct KeyShare {
    member: Member,
    committee: Digest,
    share: Share,
}

/// Why bytes are not a member's share of a committee's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// They are no share at all.
    #[error("not a share of a committee's key")]
    Malformed,
    /// The committee has no such member.
    #[error("{member} is not a member of the committee")]
    NotAMember {
        /// The member.
        member: Member,
    },
    /// It is a share of another committee's key, another member's, or damaged.
    #[error("not the share of {member} in this committee")]
    NotThisShare {
        /// The member.
        member: Member,
    },
}

impl KeyShare {
    pub(super) fn new(share: Share, member: Member, committee: &Committee) -> Result<KeyShare, ShareError> {
        let index = committee.index(&member).ok_or(ShareError::NotAMember { member })?;
        let expected = committee.share_key(&member).ok_or(ShareError::NotAMember { member })?;
        if share.index != index || share.public::<MinPk>() != expected {
            return Err(ShareError::NotThisShare { member });
        }
        Ok(KeyShare { member, committee: committee.digest(), share })
    }

    /// The share in these bytes, if it is `member`'s in `committee`.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn from_secret_bytes(
        bytes: &[u8],
        member: Member,
        committee: &Committee,
    ) -> Result<KeyShare, ShareError> {
        let share = Share::decode(Copying(bytes)).map_err(|_| ShareError::Malformed)?;
        KeyShare::new(share, member, committee)
    }

    /// The secret, to be kept where secrets are.
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.share.encode().to_vec())
    }

    /// Whose it is.
    pub fn member(&self) -> Member {
        self.member
    }

    /// The digest of the committee of which it is.
    pub fn committee(&self) -> Digest {
        self.committee
    }

    /// This member's part in opening the keys of `identity`, if it is willing. Whether the release was decided and is final is for the caller to know.
    ///
    /// # Errors
    /// When the identity was never admitted or has been destroyed.
    pub fn release(&self, identity: &Identity, willing: &Willingness) -> Result<Partial, WillingnessError> {
        willing.check(identity)?;
        let partial = threshold::sign_message::<MinPk>(&self.share, NAMESPACE, identity.0.as_ref());
        let signature = partial.value.encode().as_ref().try_into().expect("a point of G2 has 96 bytes");
        Ok(Partial { member: self.member, signature })
    }

    pub(super) fn share(&self) -> &Share {
        &self.share
    }
}

impl fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyShare(of {} in {}, ..)", self.member, self.committee)
    }
}
