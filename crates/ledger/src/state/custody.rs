//! Custody: objects that members keep together, requests for their keys, partial keys, and the committee's messages.
//!
//! The ledger keeps what custody needs to be agreed upon; what is inside of wrapped keys, partials and messages is custody's (crate `vault`). Points of the curve are not verified here: a
//! bad partial is proven by disclosing the one-time key that it was sealed to, and whoever reads it verifies it.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::Domain;
use super::{Record, State, Versioned};
use crate::bounded::OpaqueBytes;
use crate::call::Halt;
use crate::id::{AccountId, CustodyId, Digest, ObjectRef, OrganisationId, Slug};
use crate::refusal::refusals;

/// A wrapped data key.
pub type WrappedKey = OpaqueBytes<16, 512>;
/// A partial key, sealed to a one-time key.
pub type SealedPartial = OpaqueBytes<16, 1024>;
/// A message of the committee's key generation.
pub type CommitteePayload = OpaqueBytes<1, 12_288>;
/// One-time public keys (X25519), one for each organisation that is asked for a partial.
pub type OneTimeKeys = BTreeMap<OrganisationId, Digest>;

/// A version of an object in custody.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Custody {
    /// The owner.
    pub organisation: OrganisationId,
    /// What the owner calls it.
    pub label: Slug,
    /// Digest of the manifest: sizes, suites, Merkle roots of the shards.
    pub manifest: Digest,
    /// The data key, wrapped to the committee.
    pub wrapped_key: WrappedKey,
    /// Digest of the policy that is bound into the key's identity: a contract's terms.
    pub policy: Digest,
}

impl Record for Custody {
    const DOMAIN: Domain = Domain::Custody;
    type Id = CustodyId;
}

/// A request for the key of an object, decided and granted.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct KeyRequest {
    /// The object ...
    pub object: CustodyId,
    /// ... and which version of it.
    pub version: u64,
    /// Why it was granted: the access to a release, or the object itself for its owner.
    pub grant: ObjectRef,
    /// Who asks.
    pub requester: AccountId,
    /// The organisation that answers for them.
    pub organisation: OrganisationId,
    /// The key that each organisation's partial is sealed to.
    pub keys: OneTimeKeys,
    /// Partials are given until before this time, in milliseconds since 1970.
    pub until_ms: u64,
}

impl Record for KeyRequest {
    const DOMAIN: Domain = Domain::KeyRequest;
    /// The digest of the transaction that asked.
    type Id = Digest;
}

/// A member's partial key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Partial {
    /// The key request.
    pub request: Digest,
    /// Whose partial.
    pub organisation: OrganisationId,
    /// Sealed to the one-time key.
    pub sealed: SealedPartial,
    /// The secret one-time key, once the requester has disclosed it to show that the partial is bad.
    pub disclosed: Option<Digest>,
}

impl Record for Partial {
    const DOMAIN: Domain = Domain::Partial;
    type Id = Digest;
}

/// The id of a member's partial.
pub fn partial_id(request: Digest, organisation: OrganisationId) -> Digest {
    Digest::of("medveil/partial/1", &[&request.0, organisation.padded()])
}

/// A message of the committee's key generation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct CommitteeMessage {
    /// Who says it.
    pub organisation: OrganisationId,
    /// What it says; custody reads it.
    pub payload: CommitteePayload,
}

impl Record for CommitteeMessage {
    const DOMAIN: Domain = Domain::Committee;
    /// [`message_id`]: further messages of a round are further versions.
    type Id = Digest;
}

/// The id of what an organisation says in a round of a session.
pub fn message_id(session: u64, round: u8, organisation: OrganisationId) -> Digest {
    Digest::of("medveil/committee/1", &[&session.to_be_bytes(), &[round], organisation.padded()])
}

/// Rounds of a session.
pub const MAX_ROUNDS: u8 = 8;
/// Messages of an organisation in a round.
pub const MAX_MESSAGES: u64 = 64;
/// Organisations that are asked for partials at most.
pub const MAX_KEYS: usize = 128;
/// How long partials are given for a key request of the owner: one hour, in milliseconds.
pub const KEY_REQUEST_MS: u64 = 3_600_000;

refusals! {
    /// Why custody does not do something.
    pub enum CustodyRefusal in "custody" {
        /// CUS-1: there is no such object.
        Unknown { object: CustodyId } = "unknown",
            "there is no object `{object}` in custody", "托管对象不存在";
        /// CUS-1: not the next version, or not the latest.
        Version { expected: u64, got: u64 } = "version",
            "version {got}, expected {expected}", "托管对象版本号不符";
        /// CUS-1: the object is another organisation's.
        NotYours { object: CustodyId, organisation: OrganisationId } = "not_yours",
            "the object `{object}` is one of `{organisation}`", "托管对象属于其他机构";
        /// CUS-2: nobody is asked for a partial, or too many are.
        Keys { count: u64, max: u64 } = "keys",
            "{count} one-time keys, 1 to {max} are allowed", "一次性密钥数量不当";
        /// CUS-2: the release is not in custody.
        NotInCustody {} = "not_in_custody",
            "the release is not in custody", "该发布未纳入托管";
        /// CUS-3: there is no such request for a key.
        UnknownRequest { request: Digest } = "unknown_request",
            "there is no key request `{request}`", "密钥申请不存在";
        /// CUS-3: the organisation was not asked.
        NotAsked { organisation: OrganisationId } = "not_asked",
            "`{organisation}` was not asked for a partial key", "未向该机构申请密钥分片";
        /// CUS-3: the time for it is over.
        Over { until_ms: u64, now_ms: u64 } = "over",
            "partial keys are given until {until_ms}, it is {now_ms}", "密钥释放期已过";
        /// CUS-3: it was posted already.
        Posted { organisation: OrganisationId } = "posted",
            "`{organisation}` has posted its partial key", "该机构已提交密钥分片";
        /// CUS-3: what is to be destroyed is not opened.
        Destroyed { object: CustodyId, since: u64 } = "destroyed",
            "the destruction of `{object}` was ordered at height {since}", "该对象已下令销毁";
        /// CUS-4: only who asked for a partial reports it.
        NotRequester { request: Digest } = "not_requester",
            "the key request `{request}` is another account's", "密钥申请属于其他账户";
        /// CUS-4: there is no such partial.
        NoPartial { organisation: OrganisationId } = "no_partial",
            "`{organisation}` has posted no partial key", "该机构未提交密钥分片";
        /// CUS-4: it was reported already.
        Reported { organisation: OrganisationId } = "reported",
            "the partial key of `{organisation}` was reported already", "该密钥分片已被举报";
        /// CUS-4: the secret is not that of the one-time key.
        Secret { organisation: OrganisationId } = "secret",
            "the secret is not that of the one-time key for `{organisation}`", "一次性私钥与公钥不符";
        /// CUS-5: there is no such round.
        Round { round: u64, max: u64 } = "round",
            "round {round}, at most {max} are held", "轮次超出范围";
        /// CUS-5: too many messages.
        Messages { count: u64, max: u64 } = "messages",
            "{count} messages in this round, at most {max} are allowed", "本轮消息过多";
        /// CUS-5: the organisation holds no seat.
        NoSeat { organisation: OrganisationId } = "no_seat",
            "`{organisation}` has no seat in the committee", "该机构不在托管委员会内";
    }
}

impl State<'_> {
    /// The object of an id.
    pub(crate) fn custody(&self, object: &CustodyId) -> Result<Versioned<Custody>, Halt> {
        Ok(self.latest(object)?.ok_or(CustodyRefusal::Unknown { object: *object })?)
    }
}

/// Refuses one-time keys for nobody or for too many.
pub(crate) fn check_keys(keys: &OneTimeKeys) -> Result<(), CustodyRefusal> {
    let (count, max) = (keys.len() as u64, MAX_KEYS as u64);
    if count == 0 || count > max { Err(CustodyRefusal::Keys { count, max }) } else { Ok(()) }
}
