//! Datasets: fingerprints of data that stays where it is.

use std::fmt;

use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::Record;
use super::key::Domain;
use crate::encoding::invalid;
use crate::id::{DatasetId, Digest, OrganisationId, Slug};
use crate::refusal::FactValue;
use crate::role::vocabulary;

/// A version of a dataset, as its owner committed to it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Dataset {
    /// The owner.
    pub organisation: OrganisationId,
    /// What the owner calls it.
    pub label: Slug,
    /// What was committed to.
    pub fingerprint: Fingerprint,
}

impl Record for Dataset {
    const DOMAIN: Domain = Domain::Dataset;
    type Id = DatasetId;
}

/// What binds a dataset: nothing of it can be changed, dropped or added without another fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fingerprint {
    /// Root of the Merkle tree over keyed leaves of the records, in source order.
    pub root: Digest,
    /// Records.
    pub count: u64,
    /// Digest of the schema: columns or profiles with their kinds.
    pub schema: Digest,
    /// How sensitive it is.
    pub level: Level,
    /// The hash functions of leaves and tree.
    pub suite: HashSuite,
}

/// The level of health data from 1 (may be public) to 5 (the most sensitive): GB/T 39725-2020, clause 6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize, Serialize)]
pub struct Level(u8);

impl Level {
    /// The level of a number; `None` if it is not 1 to 5.
    pub const fn new(level: u8) -> Option<Self> {
        if level >= 1 && level <= 5 { Some(Level(level)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl BorshDeserialize for Level {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let level = u8::deserialize_reader(reader)?;
        Level::new(level).ok_or_else(|| invalid(format!("level {level} is not between 1 and 5")))
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Level::new(<u8 as Deserialize>::deserialize(d)?)
            .ok_or_else(|| D::Error::custom("expected a level from 1 to 5"))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Level> for FactValue {
    fn from(level: Level) -> Self {
        u64::from(level.0).into()
    }
}

vocabulary! {
    /// The hash functions of a dataset's leaves and tree; the names are those of receipts.
    HashSuite {
        /// SHA-256.
        International = 0, "international", "国际算法（SHA-256）";
        /// SM3.
        National = 1, "national", "国密算法（SM3）";
    }
}
