//! Validators: whose nodes agree on blocks.
//!
//! The [`Roster`] has the seats as votes have left them; the [`ValidatorSet`] of an epoch is the roster at the end of the one before.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::key::{Domain, Key};
use super::{Missing, Record, RecordId, Snapshot, State, Versioned};
use crate::encoding::invalid;
use crate::id::{Digest, OrganisationId, text_serde};
use crate::refusal::{FactValue, refusals};
use crate::signature::ed25519;

/// A validator's Ed25519 key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ValidatorKey(pub [u8; 32]);

impl fmt::Display for ValidatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ValidatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ValidatorKey {
    type Err = crate::id::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Digest>().map(|bytes| ValidatorKey(bytes.0))
    }
}

text_serde!(ValidatorKey);

impl From<ValidatorKey> for FactValue {
    fn from(key: ValidatorKey) -> Self {
        FactValue::Bytes(key.0)
    }
}

impl RecordId for ValidatorKey {
    fn write(&self, key: &mut Key) {
        key.push(&self.0);
    }
}

/// Where other nodes reach a validator: `host:port`, at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize)]
pub struct Address(String);

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `host:port` of at most 128 letters, digits, `.`, `-` and `[:]`")]
pub struct AddressError;

impl Address {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        // One spelling of a port: no sign, no leading zeros.
        let port = port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
        if host.is_empty() || !plain || !port || text.len() > 128 {
            return Err(AddressError);
        }
        Ok(Address(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_serde!(Address);

impl BorshDeserialize for Address {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        String::deserialize_reader(reader)?.parse().map_err(|error: AddressError| invalid(error.to_string()))
    }
}

impl From<Address> for FactValue {
    fn from(address: Address) -> Self {
        address.0.into()
    }
}

/// The seat of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Seat {
    /// The key that signs its votes.
    pub key: ValidatorKey,
    /// Where its node is reached.
    pub address: Address,
}

/// A seat that its holder asks for.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SeatClaim {
    /// The key that is to sign votes.
    pub key: ValidatorKey,
    /// Where the node is reached.
    pub address: Address,
    /// That key's signature over [`possession_digest`](crate::signature::possession_digest).
    #[serde(with = "hex_signature")]
    pub possession: [u8; 64],
}

/// The seats after all votes so far, effective at the next epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Roster {
    /// One seat an organisation.
    pub seats: BTreeMap<OrganisationId, Seat>,
}

impl Record for Roster {
    const DOMAIN: Domain = Domain::Roster;
    type Id = ();
}

impl Roster {
    /// The most seats.
    pub const MAX: usize = 128;

    /// The set of an epoch that begins with these seats.
    pub fn set(&self, epoch: u64) -> ValidatorSet {
        let mut validators: Vec<Validator> = self
            .seats
            .iter()
            .map(|(organisation, seat)| Validator {
                organisation: *organisation,
                key: seat.key,
                address: seat.address.clone(),
            })
            .collect();
        validators.sort_by_key(|validator| validator.key);
        ValidatorSet { epoch, validators }
    }
}

/// The validators of an epoch. Blocks need more than two thirds of them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct ValidatorSet {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// In the order of their keys.
    pub validators: Vec<Validator>,
}

impl Record for ValidatorSet {
    // Version n is the set of epoch n - 1.
    const DOMAIN: Domain = Domain::Validators;
    type Id = ();
}

impl ValidatorSet {
    /// Whether the organisation has a seat.
    pub fn has(&self, organisation: OrganisationId) -> bool {
        self.validators.iter().any(|validator| validator.organisation == organisation)
    }
}

/// One validator.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Validator {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The key that signs its votes.
    pub key: ValidatorKey,
    /// Where its node is reached.
    pub address: Address,
}

/// Which organisation a validator's key belongs to, for ever (VAL-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct KeyHolder {
    /// The organisation.
    pub organisation: OrganisationId,
}

impl Record for KeyHolder {
    const DOMAIN: Domain = Domain::ValidatorKey;
    type Id = ValidatorKey;
}

refusals! {
    /// Why a seat is not given or taken.
    pub enum SeatRefusal in "validator" {
        /// VAL-4: the key is no point.
        InvalidKey { key: ValidatorKey } = "invalid_key",
            "`{key}` is no valid Ed25519 key", "验证者公钥无效";
        /// VAL-4: the key did not sign for this organisation on this chain.
        NoPossession { key: ValidatorKey, organisation: OrganisationId } = "no_possession",
            "the key `{key}` has not signed for a seat of `{organisation}`", "未证明持有验证者私钥";
        /// VAL-3: the key is or was another organisation's.
        KeyTaken { key: ValidatorKey, holder: OrganisationId } = "key_taken",
            "the key `{key}` belongs to `{holder}`", "验证者公钥属于其他机构";
        /// VAL-5: there is no seat.
        NoSeat { organisation: OrganisationId } = "no_seat",
            "`{organisation}` has no seat", "该机构没有验证者席位";
        /// VAL-5: the seat is the same already.
        SameSeat { organisation: OrganisationId } = "same_seat",
            "`{organisation}` has this seat already", "席位没有变化";
        /// VAL-2: too few validators would be left.
        TooFew { left: u64, min: u64 } = "too_few",
            "{left} validators would be left, at least {min} are needed", "验证者数量将低于下限";
        /// VAL-2: too many seats.
        TooMany { seats: u64, max: u64 } = "too_many",
            "{seats} seats, at most {max} are allowed", "验证者席位过多";
    }
}

impl SeatClaim {
    /// Checks that the key's holder asks for the seat of the organisation on the chain.
    ///
    /// # Errors
    /// [`SeatRefusal::InvalidKey`], [`SeatRefusal::NoPossession`].
    pub fn check(&self, chain: crate::ChainId, organisation: OrganisationId) -> Result<(), SeatRefusal> {
        if !ed25519::is_key(&self.key.0) {
            return Err(SeatRefusal::InvalidKey { key: self.key });
        }
        let digest = crate::signature::possession_digest(chain, organisation, &self.key.0);
        if !ed25519::verify(&self.key.0, &digest.0, &self.possession) {
            return Err(SeatRefusal::NoPossession { key: self.key, organisation });
        }
        Ok(())
    }

    /// The seat asked for.
    pub fn seat(&self) -> Seat {
        Seat { key: self.key, address: self.address.clone() }
    }
}

impl State<'_> {
    /// The seats as votes have left them.
    pub(crate) fn roster(&self) -> Result<Versioned<Roster>, Missing> {
        Ok(self.latest(&())?.expect("the genesis writes the roster"))
    }

    /// The validators of the epoch under way.
    pub(crate) fn validators(&self) -> Result<Versioned<ValidatorSet>, Missing> {
        Ok(self.latest(&())?.expect("the genesis writes the first validators"))
    }

    /// Whether `seat` may be the organisation's (VAL-2, VAL-3, VAL-5).
    pub(crate) fn check_seat(
        &self,
        organisation: OrganisationId,
        seat: &Seat,
    ) -> Result<Result<(), SeatRefusal>, Missing> {
        let roster = self.roster()?.value;
        if roster.seats.get(&organisation) == Some(seat) {
            return Ok(Err(SeatRefusal::SameSeat { organisation }));
        }
        if !roster.seats.contains_key(&organisation) && roster.seats.len() >= Roster::MAX {
            let (seats, max) = (roster.seats.len() as u64 + 1, Roster::MAX as u64);
            return Ok(Err(SeatRefusal::TooMany { seats, max }));
        }
        match self.latest::<KeyHolder>(&seat.key)? {
            Some(holder) if holder.value.organisation != organisation => {
                let holder = holder.value.organisation;
                Ok(Err(SeatRefusal::KeyTaken { key: seat.key, holder }))
            }
            _ => Ok(Ok(())),
        }
    }

    /// Gives the organisation a seat from the next epoch on.
    pub(crate) fn give_seat(&mut self, organisation: OrganisationId, seat: Seat) -> Result<(), Missing> {
        if self.latest::<KeyHolder>(&seat.key)?.is_none() {
            self.create(&seat.key, KeyHolder { organisation });
        }
        let Versioned { version, value: mut roster, .. } = self.roster()?;
        roster.seats.insert(organisation, seat);
        self.succeed(&(), version, roster);
        Ok(())
    }

    /// Whether the organisation's seat may be taken away (VAL-2). Without a seat it may.
    pub(crate) fn check_unseat(
        &self,
        organisation: OrganisationId,
        min: u64,
    ) -> Result<Result<(), SeatRefusal>, Missing> {
        let seats = self.roster()?.value.seats;
        let left = seats.len() as u64 - u64::from(seats.contains_key(&organisation));
        let too_few = seats.contains_key(&organisation) && left < min;
        Ok(if too_few { Err(SeatRefusal::TooFew { left, min }) } else { Ok(()) })
    }

    /// Takes the organisation's seat away from the next epoch on.
    pub(crate) fn take_seat(&mut self, organisation: OrganisationId) -> Result<(), Missing> {
        let Versioned { version, value: mut roster, .. } = self.roster()?;
        if roster.seats.remove(&organisation).is_some() {
            self.succeed(&(), version, roster);
        }
        Ok(())
    }
}

/// Whom nodes connect to: the validators in force and those of the next epoch, as the state stands.
///
/// # Errors
/// [`Missing`] when the snapshot does not have a key at hand.
pub fn peers(snapshot: &dyn Snapshot) -> Result<Vec<Validator>, Missing> {
    let now =
        super::latest::<ValidatorSet>(snapshot, &())?.map(|set| set.value.validators).unwrap_or_default();
    let next = super::latest::<Roster>(snapshot, &())?.map(|roster| roster.value.set(0).validators);
    let mut peers: BTreeMap<ValidatorKey, Validator> =
        now.into_iter().map(|validator| (validator.key, validator)).collect();
    // A new address is used as soon as it is decided: the old one may be gone.
    peers.extend(next.into_iter().flatten().map(|validator| (validator.key, validator)));
    Ok(peers.into_values().collect())
}

mod hex_signature {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 64], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 64], D::Error> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(<String as Deserialize>::deserialize(d)?, &mut bytes)
            .map_err(|_| D::Error::custom("expected 128 hexadecimal digits"))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for good in ["127.0.0.1:7001", "node-1.hospital.example:443", "[::1]:9"] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for bad in ["", "host", ":1", "host:0", "host:65536", "host:01", "host:+1", "a b:1", "用户:1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
