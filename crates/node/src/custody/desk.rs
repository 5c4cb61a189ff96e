//! What owners and readers ask of: the ledger, and the members' stores through their own node.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use medveil_ledger::{
    Action, ChainId, CustodyId, Digest, OrganisationId, Slug, Versioned,
    state::custody::Custody as Registered,
};
use medveil_vault::{envelope::Subject, shards::SourceError};
use serde::{Deserialize, Serialize};

use super::Roster;

/// Why a desk does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// A rule refused the action, or no block may hold it.
    #[error("{detail} ({code})")]
    Refused {
        /// The reason's name.
        code: String,
        /// What was compared.
        detail: String,
    },
    /// It cannot be asked.
    #[error("{0}")]
    Unreachable(String),
}

/// What a member that is to hold a shard says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The shard.
    pub shard: u8,
    /// Who is to hold it.
    pub holder: Option<OrganisationId>,
    /// The segments that it has.
    pub segments: BTreeSet<u64>,
    /// Why it takes none.
    pub problem: Option<String>,
}

/// The ledger and the members' stores, as an owner or a reader reaches them. Calls block; they come from several threads at once.
pub trait Desk: Sync {
    /// The chain.
    fn chain(&self) -> ChainId;

    /// The organisation that asks.
    fn organisation(&self) -> OrganisationId;

    /// The committee now.
    ///
    /// # Errors
    /// [`DeskError`].
    fn roster(&self) -> Result<Option<Roster>, DeskError>;

    /// A version of an object, or its latest.
    ///
    /// # Errors
    /// [`DeskError`].
    fn registered(
        &self,
        object: CustodyId,
        version: Option<u64>,
    ) -> Result<Option<Versioned<Registered>>, DeskError>;

    /// Asks the ledger, and waits until that is final; the transaction's id.
    ///
    /// # Errors
    /// [`DeskError`].
    fn act(&self, action: Action) -> Result<Digest, DeskError>;

    /// The sealed partials that were posted for a request, by organisation.
    ///
    /// # Errors
    /// [`DeskError`].
    fn partials(
        &self,
        request: Digest,
        of: &[OrganisationId],
    ) -> Result<BTreeMap<OrganisationId, Vec<u8>>, DeskError>;

    /// Offers a manifest of this organisation to the members that are to hold shards.
    ///
    /// # Errors
    /// [`DeskError`].
    fn offer(&self, subject: &Subject, label: Slug, manifest: &[u8]) -> Result<Vec<Offered>, DeskError>;

    /// Gives a segment to its holder.
    ///
    /// # Errors
    /// [`DeskError`].
    fn place(&self, subject: &Subject, shard: u8, segment: u64, bytes: Vec<u8>) -> Result<(), DeskError>;

    /// The manifest of a registered object. It is checked by who asks.
    ///
    /// # Errors
    /// [`DeskError`].
    fn manifest(&self, subject: &Subject) -> Result<Vec<u8>, DeskError>;

    /// Bytes of a segment from its holder.
    ///
    /// # Errors
    /// [`SourceError`].
    fn read(
        &self,
        subject: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Vec<u8>, SourceError>;

    /// The holder of each shard, so that who lies is named.
    ///
    /// # Errors
    /// [`DeskError`].
    fn holders(
        &self,
        subject: &Subject,
        total: u8,
    ) -> Result<BTreeMap<u8, Option<OrganisationId>>, DeskError>;
}
