//! What is posted in a ceremony.

use super::*;
use crate::committee::sealed::Sealed;

/// A member says that it takes part.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Join {
    /// For each possible dealer the one-time key to which it seals its value; none from who only deals.
    pub keys: BTreeMap<Member, SealKey>,
    /// Whether it deals: in a reshare, whether it has its share.
    pub deals: bool,
}

/// A dealer's polynomial: committed to in public, and one value for each player.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Deal {
    /// The commitment, as `commonware-cryptography` encodes it.
    pub commitment: Vec<u8>,
    /// The values, each sealed to its player.
    pub values: BTreeMap<Member, Sealed>,
}

impl Deal {
    pub(super) fn polynomial(&self) -> Option<Poly<G1>> {
        let coefficients = NonZeroU32::MIN..=most();
        Poly::decode_cfg(Copying(&self.commitment), &(RangeCfg::from(coefficients), ())).ok()
    }

    pub(super) fn public_message(&self) -> Option<DealerPubMsg<MinPk>> {
        DealerPubMsg::decode_cfg(Copying(&self.commitment), &most()).ok()
    }
}

/// What a player finds of one deal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// The value is right: the player's signature of the commitment.
    Accept([u8; 64]),
    /// The value is wrong: the one-time key to which it was sealed, for everybody to see.
    Complain([u8; 32]),
}

/// What a player finds of each deal.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Answers(
    /// By dealer.
    pub BTreeMap<Member, Answer>,
);

/// A dealer's signed log, as `commonware-cryptography` encodes it: who accepted, and the values of those who did not.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Closing(
    /// The encoded log.
    pub Vec<u8>,
);

impl Closing {
    /// The dealer and its log, if it is signed in this ceremony.
    pub(super) fn log(
        &self,
        info: &Info<MinPk, ed25519::PublicKey>,
    ) -> Option<(ed25519::PublicKey, DealerLog<MinPk, ed25519::PublicKey>)> {
        SignedDealerLog::decode_cfg(Copying(&self.0), &most()).ok()?.check(info)
    }
}
