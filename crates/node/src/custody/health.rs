//! How an object in custody is.

use std::collections::{BTreeMap, BTreeSet};

use medveil_ledger::{CustodyId, OrganisationId};
use medveil_vault::{
    envelope::Subject,
    upkeep::{Damage, Health, Status},
};
use serde::{Deserialize, Serialize};

use super::{
    keeping::Checked,
    keeping::{KeepingError, Shelf, blocking},
    peers::{self, object},
};

/// What the members say of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectHealth {
    /// The object.
    pub object: CustodyId,
    /// Its version.
    pub version: u64,
    /// Plaintext bytes.
    pub length: u64,
    /// Shards that suffice.
    pub needed: u8,
    /// In a word: `whole`, `degraded`, `critical` or `lost`.
    pub status: String,
    /// Shards that can still be lost, whichever they are.
    pub spare: i16,
    /// Each shard.
    pub shards: Vec<ShardHealth>,
}

/// What is said of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardHealth {
    /// The shard.
    pub shard: u8,
    /// Who holds it.
    pub holder: Option<OrganisationId>,
    /// Segments that the holder has.
    pub good: u64,
    /// Segments that the shard has.
    pub segments: u64,
    /// Why nothing is known, if so.
    pub problem: Option<String>,
}

impl Shelf<'_> {
    /// Asks all holders what they have of an object.
    ///
    /// # Errors
    /// [`KeepingError`]: the ledger or the manifest cannot be had.
    pub async fn health(&self, subject: &Subject) -> Result<ObjectHealth, KeepingError> {
        let custody = self.0;
        let known = custody.known(subject).await?;
        let manifest = self.any_manifest(subject).await?;
        let (total, segments) = (manifest.scheme().total(), manifest.layout().segments());
        let mut asked = tokio::task::JoinSet::new();
        for (shard, holder) in custody.holders(subject, total, known.height()) {
            let (custody, subject) = (custody.clone(), *subject);
            let runtime = tokio::runtime::Handle::current();
            asked.spawn_blocking(move || {
                let held = match holder {
                    Some(holder) => {
                        custody.held_by(&runtime, holder, &subject, shard).map_err(|error| error.to_string())
                    }
                    None => Err("no member holds it".to_owned()),
                };
                (shard, holder, held)
            });
        }
        let mut damage = BTreeMap::new();
        let mut shards = Vec::new();
        for (shard, holder, held) in asked.join_all().await {
            let (good, problem) = match held {
                Ok(held) => {
                    let missing: BTreeSet<u64> = (0..segments).filter(|at| !held.contains(at)).collect();
                    let good = segments - missing.len() as u64;
                    damage.insert(shard, Damage::Segments(missing));
                    (good, None)
                }
                Err(problem) => {
                    damage.insert(shard, Damage::All);
                    (0, Some(problem))
                }
            };
            shards.push(ShardHealth { shard, holder, good, segments, problem });
        }
        shards.sort_by_key(|shard| shard.shard);
        let Health { spare, status, .. } = Health::assess(&manifest, &damage);
        let status = match status {
            Status::Whole => "whole",
            Status::Degraded => "degraded",
            Status::Critical => "critical",
            Status::Lost => "lost",
        };
        Ok(ObjectHealth {
            object: object(subject),
            version: subject.version,
            length: manifest.length(),
            needed: manifest.scheme().needed(),
            status: status.to_owned(),
            spare,
            shards,
        })
    }

    /// Has every holder read its shard again and rebuild what is lost or wrong; what each found, or why it said nothing.
    ///
    /// # Errors
    /// [`KeepingError`]: the ledger or the manifest cannot be had.
    pub async fn repair(
        &self,
        subject: &Subject,
    ) -> Result<BTreeMap<OrganisationId, Result<Checked, String>>, KeepingError> {
        let custody = self.0;
        let known = custody.known(subject).await?;
        let manifest = self.any_manifest(subject).await?;
        let mut asked = tokio::task::JoinSet::new();
        let holders = custody.holders(subject, manifest.scheme().total(), known.height());
        for holder in holders.into_values().flatten() {
            let (custody, subject) = (custody.clone(), *subject);
            asked.spawn(async move {
                let checked = if holder == custody.organisation() {
                    custody.check(&subject, true).await.map_err(|error| error.to_string())
                } else {
                    let runtime = tokio::runtime::Handle::current();
                    let path = peers::path(&subject, "check");
                    let ask = move || custody.0.peers.ask(&runtime, holder, "POST", &path, &[]);
                    match blocking(ask).await {
                        Ok(Ok(answer)) => serde_json::from_slice(&answer).map_err(|error| error.to_string()),
                        Ok(Err(error)) => Err(error.to_string()),
                        Err(error) => Err(error.to_string()),
                    }
                };
                (holder, checked)
            });
        }
        Ok(asked.join_all().await.into_iter().collect())
    }
}
