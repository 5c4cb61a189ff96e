//! Exposure: what an organisation has been given of a dataset, under whatever contract.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::Domain;
use super::{Missing, Record, State};
use crate::id::{DatasetId, Digest, OrganisationId, ReleaseId, RequestId};

/// What one organisation has been given of one dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Exposure {
    /// The request that is under way: there is one at a time, so that each release is compared with all before it.
    pub open: Option<RequestId>,
    /// Releases so far, each counted once whatever its versions.
    pub releases: u64,
    /// The last of them.
    pub last: Option<ReleaseId>,
}

impl Record for Exposure {
    const DOMAIN: Domain = Domain::Exposure;
    type Id = Digest;
}

/// The id of the exposure of an organisation to a dataset.
pub fn id(organisation: OrganisationId, dataset: DatasetId) -> Digest {
    Digest::of("medveil/exposure/1", &[organisation.padded(), &dataset.0])
}

impl State<'_> {
    /// The exposure of an organisation to a dataset.
    pub(crate) fn exposure(
        &self,
        organisation: OrganisationId,
        dataset: DatasetId,
    ) -> Result<Exposure, Missing> {
        Ok(self.latest(&id(organisation, dataset))?.map(|exposure| exposure.value).unwrap_or_default())
    }

    /// Writes the exposure of an organisation to a dataset.
    pub(crate) fn set_exposure(
        &mut self,
        organisation: OrganisationId,
        dataset: DatasetId,
        exposure: Exposure,
    ) -> Result<(), Missing> {
        let id = id(organisation, dataset);
        let before = self.latest::<Exposure>(&id)?.map_or(0, |exposure| exposure.version);
        self.succeed(&id, before, exposure);
        Ok(())
    }
}
