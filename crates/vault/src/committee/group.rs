//! The committee's public side.

use std::fmt;
use std::num::NonZeroU32;

use borsh::{BorshDeserialize, BorshSerialize};
use commonware_codec::{Copying, Decode, Encode};
use commonware_cryptography::bls12381::dkg::feldman_desmedt::Output;
use commonware_cryptography::bls12381::primitives::group::G1;
use commonware_cryptography::bls12381::primitives::sharing::ModeVersion;
use commonware_cryptography::bls12381::primitives::variant::MinPk;
use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::ordered::Quorum;
use commonware_utils::{N3f1, Participant};

use super::member_key::{member, public};
use crate::digest::tagged_hash;
use crate::encoding::invalid;
use crate::{Digest, Member};

/// Members of a committee at most.
pub const MAX_MEMBERS: u32 = 64;

/// The outcome of a ceremony: the committee's key, its members, and how to check what each of them gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Committee(Output<MinPk, PublicKey>);

impl Committee {
    pub(super) fn new(output: Output<MinPk, PublicKey>) -> Committee {
        Committee(output)
    }

    /// The key under which data keys are wrapped. Resharing does not change it.
    pub fn public_key(&self) -> [u8; 48] {
        self.key().encode().as_ref().try_into().expect("a point of G1 has 48 bytes")
    }

    /// The members, in the order of their shares.
    pub fn members(&self) -> Vec<Member> {
        self.0.players().iter().map(member).collect()
    }

    /// Members whose shares together open a key: more than two thirds.
    pub fn quorum(&self) -> u32 {
        self.0.quorum::<N3f1>()
    }

    /// Members whose shares became public in the ceremony, because they did not answer in it. They count as if they were in everybody's hand: reshare
    /// when they are back.
    pub fn revealed(&self) -> Vec<Member> {
        self.0.revealed().iter().map(member).collect()
    }

    /// Members whose dealings made up the key.
    pub fn dealers(&self) -> Vec<Member> {
        self.0.dealers().iter().map(member).collect()
    }

    /// Names this committee with these shares: a reshared one has another digest and the same public key.
    pub fn digest(&self) -> Digest {
        tagged_hash("medveil/vault/committee/v1", &[&self.0.encode()])
    }

    /// Whether it has the member.
    pub fn contains(&self, member: &Member) -> bool {
        self.index(member).is_some()
    }

    pub(super) fn output(&self) -> &Output<MinPk, PublicKey> {
        &self.0
    }

    pub(super) fn key(&self) -> &G1 {
        self.0.public().public()
    }

    pub(super) fn index(&self, member: &Member) -> Option<Participant> {
        self.0.players().index(&public(member)?)
    }

    /// The public half of a member's share.
    pub(super) fn share_key(&self, member: &Member) -> Option<G1> {
        self.0.public().partial_public(self.index(member)?).ok()
    }
}

impl fmt::Debug for Committee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committee")
            .field("public_key", &hex::encode(self.public_key()))
            .field("quorum", &self.quorum())
            .field("members", &self.members())
            .finish_non_exhaustive()
    }
}

impl BorshSerialize for Committee {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.0.encode().to_vec().serialize(writer)
    }
}

impl BorshDeserialize for Committee {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let bytes = Vec::<u8>::deserialize_reader(reader)?;
        let most = NonZeroU32::new(MAX_MEMBERS).expect("64 is not zero");
        let output: Output<MinPk, PublicKey> =
            Output::decode_cfg(Copying(&bytes), &(most, ModeVersion::v0()))
                .map_err(|error| invalid(format!("no committee: {error}")))?;
        let members = u32::try_from(output.players().len()).unwrap_or(u32::MAX);
        if output.public().total().get() != members || output.public().required() != output.quorum::<N3f1>() {
            return Err(invalid("no committee: its key does not fit its members"));
        }
        Ok(Committee(output))
    }
}
