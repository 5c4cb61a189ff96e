//! Accounts: who signs transactions.

use std::collections::BTreeMap;

use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::key::{self, Domain};
use super::{Missing, Record, State};
use crate::encoding::invalid;
use crate::id::{AccountId, OrganisationId};
use crate::public_key::PublicKey;
use crate::refusal::refusals;
use crate::role::{Capacity, KeyUse};

/// An account. Its id is that of its first key and never changes; its keys do.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Account {
    /// The organisation that it acts for; for a patient the one that enrolled them.
    pub organisation: OrganisationId,
    /// What it is there.
    pub capacity: Capacity,
    /// The keys that may sign for it.
    pub keys: KeySet,
    /// The height at which it was closed.
    pub closed: Option<u64>,
    /// The height since which it is frozen.
    pub frozen: Option<u64>,
}

impl Account {
    /// A new account.
    pub fn new(organisation: OrganisationId, capacity: Capacity, keys: KeySet) -> Self {
        Account { organisation, capacity, keys, closed: None, frozen: None }
    }
}

impl Record for Account {
    const DOMAIN: Domain = Domain::Account;
    type Id = AccountId;
}

/// The keys of an account: 1 to 8, at least one of them a master key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize)]
pub struct KeySet(BTreeMap<PublicKey, KeyUse>);

refusals! {
    /// Why keys are no set of keys.
    pub enum KeySetFault in "keys" {
        /// ACC-2: the number of keys.
        Count { count: u64, max: u64 } = "count",
            "{count} keys, 1 to {max} are allowed", "密钥数量不符";
        /// ACC-2: no key is a master key.
        NoMaster {} = "no_master",
            "none of the keys is a master key", "缺少主密钥";
        /// ACC-2: a key is no point of its curve.
        Invalid { key: PublicKey } = "invalid",
            "`{key}` is no valid public key", "公钥无效";
    }
}

impl KeySet {
    /// The most keys.
    pub const MAX: usize = 8;

    /// The set of these keys.
    ///
    /// # Errors
    /// [`KeySetFault`] when there are none, too many, or no master key. Whether they are points is checked by [`KeySet::check`].
    pub fn new(keys: BTreeMap<PublicKey, KeyUse>) -> Result<Self, KeySetFault> {
        if keys.is_empty() || keys.len() > KeySet::MAX {
            return Err(KeySetFault::Count { count: keys.len() as u64, max: KeySet::MAX as u64 });
        }
        if !keys.values().any(|used| *used == KeyUse::Master) {
            return Err(KeySetFault::NoMaster {});
        }
        Ok(KeySet(keys))
    }

    /// The set of one master key.
    pub fn of(key: PublicKey) -> Self {
        KeySet(BTreeMap::from([(key, KeyUse::Master)]))
    }

    /// Refuses keys that are no points.
    ///
    /// # Errors
    /// [`KeySetFault::Invalid`] with the first.
    pub fn check(&self) -> Result<(), KeySetFault> {
        match self.0.keys().find(|key| !key.check()) {
            Some(key) => Err(KeySetFault::Invalid { key: *key }),
            None => Ok(()),
        }
    }

    /// What a key may sign; `None` if it is not one of the account's.
    pub fn used_for(&self, key: &PublicKey) -> Option<KeyUse> {
        self.0.get(key).copied()
    }

    /// The keys with what each may sign, in the order of their bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&PublicKey, KeyUse)> {
        self.0.iter().map(|(key, used)| (key, *used))
    }

    /// The number of keys.
    #[expect(clippy::len_without_is_empty, reason = "a set of keys is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl BorshDeserialize for KeySet {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        KeySet::new(BTreeMap::deserialize_reader(reader)?).map_err(|fault| invalid(fault.to_string()))
    }
}

impl<'de> Deserialize<'de> for KeySet {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        KeySet::new(Deserialize::deserialize(d)?).map_err(D::Error::custom)
    }
}

impl State<'_> {
    /// The account's next nonce.
    pub(crate) fn nonce(&self, account: &AccountId) -> Result<u64, Missing> {
        Ok(self.read(&key::nonce(account))?.unwrap_or(0))
    }
}
