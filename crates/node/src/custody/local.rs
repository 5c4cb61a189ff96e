//! A node's own services as owners and readers.

use std::{collections::BTreeMap, ops::Range};

use medveil_ledger::{
    Action, ChainId, CustodyId, Digest, OrganisationId, Slug, Versioned,
    state::custody::{Custody as Registered, Partial, partial_id},
};
use medveil_vault::{Canonical as _, envelope::Subject, shards::SourceError};
use tokio::runtime::Handle;

use super::{Custody, Desk, DeskError, KeepingError, Offered, Roster};
use crate::{agent::ActError, read::ReadError};

/// The desk of a service within the node. To be used on a thread that may wait (`spawn_blocking`).
#[derive(Clone, Debug)]
pub struct LocalDesk {
    custody: Custody,
    runtime: Handle,
}

impl LocalDesk {
    /// The desk of a node's custody, which works on `runtime`.
    pub fn new(custody: Custody, runtime: Handle) -> Self {
        Self { custody, runtime }
    }
}

impl From<ReadError> for DeskError {
    fn from(error: ReadError) -> Self {
        DeskError::Unreachable(error.to_string())
    }
}

impl From<KeepingError> for DeskError {
    fn from(error: KeepingError) -> Self {
        DeskError::Unreachable(error.to_string())
    }
}

impl From<ActError> for DeskError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Refused { name, facts, .. } => {
                let facts: Vec<_> =
                    facts.iter().map(|fact| format!("{} {}", fact.name, fact.value)).collect();
                DeskError::Refused { code: name, detail: facts.join(", ") }
            }
            ActError::NotTaken { code, message } => DeskError::Refused { code, detail: message },
            other => DeskError::Unreachable(other.to_string()),
        }
    }
}

impl Desk for LocalDesk {
    fn chain(&self) -> ChainId {
        self.custody.chain()
    }

    fn organisation(&self) -> OrganisationId {
        self.custody.organisation()
    }

    fn roster(&self) -> Result<Option<Roster>, DeskError> {
        Ok(self.custody.roster().map(|roster| Roster::clone(&roster)))
    }

    fn registered(
        &self,
        object: CustodyId,
        version: Option<u64>,
    ) -> Result<Option<Versioned<Registered>>, DeskError> {
        let node = self.custody.agent().node();
        Ok(match version {
            Some(version) => self.runtime.block_on(node.version(&object, version))?,
            None => self.runtime.block_on(node.latest(&object))?,
        })
    }

    fn act(&self, action: Action) -> Result<Digest, DeskError> {
        Ok(self.runtime.block_on(self.custody.agent().act(action))?.id)
    }

    fn partials(
        &self,
        request: Digest,
        of: &[OrganisationId],
    ) -> Result<BTreeMap<OrganisationId, Vec<u8>>, DeskError> {
        let ids: Vec<Digest> = of.iter().map(|organisation| partial_id(request, *organisation)).collect();
        let found = self.runtime.block_on(self.custody.agent().node().latest_of::<Partial>(&ids))?;
        let posted = of.iter().zip(found);
        Ok(posted
            .filter_map(|(organisation, found)| Some((*organisation, found?.value.sealed.as_ref().to_vec())))
            .collect())
    }

    fn offer(&self, subject: &Subject, label: Slug, manifest: &[u8]) -> Result<Vec<Offered>, DeskError> {
        Ok(self.runtime.block_on(self.custody.shelf().offer_to_all(subject, label, manifest))?)
    }

    fn place(&self, subject: &Subject, shard: u8, segment: u64, bytes: Vec<u8>) -> Result<(), DeskError> {
        Ok(self.runtime.block_on(self.custody.shelf().place(subject, shard, segment, bytes.into()))?)
    }

    fn manifest(&self, subject: &Subject) -> Result<Vec<u8>, DeskError> {
        Ok(self.runtime.block_on(self.custody.shelf().any_manifest(subject))?.encode())
    }

    fn read(
        &self,
        subject: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Vec<u8>, SourceError> {
        self.runtime.block_on(self.custody.shelf().fetch(subject, shard, segment, range))
    }

    fn holders(
        &self,
        subject: &Subject,
        total: u8,
    ) -> Result<BTreeMap<u8, Option<OrganisationId>>, DeskError> {
        let known = self.runtime.block_on(self.custody.known(subject))?;
        Ok(self.custody.holders(subject, total, known.height()))
    }
}
