//! What an auditor is shown of a challenged release: the rows that the challenge drew, and what is needed to do to them what was done.
//!
//! ```text
//!  challenge: seed --> rows of the source (of the registered version) --> each: raw record, proof · handle of its patient · where it went: place, record, proof
//!                 \--> records of the release                         --> each: record, proof · where it came from: raw record, proof
//!             with them: plan · key and seed of this release · leaf keys · headers · schema                                    sealed to the auditor's key
//! ```
//!
//! Rows are drawn from both sides: what is missing from a release shows where the source is opened, what was put into it where the release is.

use borsh::{BorshDeserialize, BorshSerialize};
use medveil_deid::merkle::Hash;
use medveil_ledger::{AccountId, ChallengeId, Digest, ReleaseId};
use medveil_vault::committee::{BadSealKey, OneTimeSecret, SealKey, Sealed};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

/// A record with the proof that it is in a tree.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OpenedRecord {
    /// What its leaf is made of: the record as it stands, its line end included; of Parquet, the cells of its values.
    pub record: Vec<u8>,
    /// From its leaf up.
    pub path: Vec<Hash>,
}

/// A file of the source or of the release.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OpenedFile {
    /// Its path.
    pub path: String,
    /// Its format, such as `csv (utf-8, comma, header)`.
    pub format: String,
    /// Records, without the header.
    pub records: u64,
    /// Root over header and records.
    pub root: Hash,
    /// The key of its leaves.
    pub leaf_key: Hash,
    /// The header, if it has one: leaf 0.
    pub header: Option<OpenedRecord>,
}

/// A row of the source.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OpenedRow {
    /// Its number over all files, from 0.
    pub row: u64,
    /// The record.
    pub raw: OpenedRecord,
    /// Its patient's handle and salt, if there is one.
    pub tie: Option<(AccountId, Digest)>,
    /// Where it went.
    pub fate: Fate,
}

/// Where a row went.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Fate {
    /// Its patient is not in the release.
    Outside,
    /// The plan drops it.
    Dropped,
    /// It is a record of the release.
    Released {
        /// The number over all files, from 0.
        place: u64,
        /// The record.
        released: OpenedRecord,
    },
}

/// What opens a challenge. It holds records of patients and the secrets of one release.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Openings {
    /// The challenge.
    pub challenge: ChallengeId,
    /// The release.
    pub release: ReleaseId,
    /// The plan that was run, in canonical form.
    pub plan: String,
    /// The key of the release.
    pub key: Hash,
    /// The seed of its noise.
    pub seed: Hash,
    /// The schema of the registered version.
    pub schema: String,
    /// The column of tables that tells the patient.
    pub patient: String,
    /// The files of the source, in their order.
    pub source: Vec<OpenedFile>,
    /// The files of the release, in their order.
    pub output: Vec<OpenedFile>,
    /// Columns that were made coarser for the table as a whole, by file.
    pub generalised: Vec<(String, Vec<String>)>,
    /// The rows of the source that were drawn, in the order of the draw.
    pub rows: Vec<OpenedRow>,
    /// For each record of the release that was drawn, in the order of the draw, the row of the source that it was made of. The row's fate is this record. None for a record that
    /// was made of no row.
    pub made_of: Vec<Option<OpenedRow>>,
}

impl std::fmt::Debug for Openings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Openings")
            .field("challenge", &self.challenge)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Openings {
    fn drop(&mut self) {
        self.key.zeroize();
        self.seed.zeroize();
        for row in self.rows.iter_mut().chain(self.made_of.iter_mut().flatten()) {
            row.raw.record.zeroize();
        }
    }
}

/// What openings are sealed for.
const PURPOSE: &str = "medveil/openings/1";

/// The sealed openings do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// They were sealed to another key, or are damaged.
    #[error("the openings were not sealed to this key for this challenge")]
    Sealed,
    /// What was sealed is no openings.
    #[error("what was sealed is no openings")]
    Unreadable,
}

impl Openings {
    /// Seals them to the auditor's one-time key, for this challenge alone.
    ///
    /// # Errors
    /// [`BadSealKey`] when nothing is secret under the key.
    pub fn seal(&self, reader: Digest, rng: &mut impl CryptoRng) -> Result<Vec<u8>, BadSealKey> {
        let text = Zeroizing::new(borsh::to_vec(self).expect("writing into memory does not fail"));
        let sealed = Sealed::seal(&SealKey(reader.0), PURPOSE, &self.challenge.0, &text, rng)?;
        Ok(borsh::to_vec(&sealed).expect("writing into memory does not fail"))
    }

    /// The digest of what is sealed. It is not given away: short openings could be guessed by it.
    pub(crate) fn content(&self) -> Digest {
        let text = Zeroizing::new(borsh::to_vec(self).expect("writing into memory does not fail"));
        Digest::of("medveil/openings-content/1", &[&text])
    }

    /// Opens what was sealed for a challenge.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(bytes: &[u8], challenge: ChallengeId, secret: &OneTimeSecret) -> Result<Self, OpenError> {
        let sealed: Sealed = borsh::from_slice(bytes).map_err(|_| OpenError::Sealed)?;
        let text = sealed.open(secret, PURPOSE, &challenge.0).ok_or(OpenError::Sealed)?;
        borsh::from_slice(&text).map_err(|_| OpenError::Unreadable)
    }
}

/// The digest of sealed openings, which `audit.answer` puts on the ledger.
pub fn digest(sealed: &[u8]) -> Digest {
    Digest::of("medveil/openings-digest/1", &[sealed])
}
