//! What is not needed any more goes: what is left of releases that were never posted; copies of old versions of sources, which are kept as long as a release that may be challenged was read from them.

use std::collections::BTreeSet;

use medveil_ledger::state::challenge::Challenge;
use medveil_ledger::state::custody::Custody;
use medveil_ledger::state::dataset::Dataset as Registered;
use medveil_ledger::state::destruction::{Destruction, DestructionCause};
use medveil_ledger::state::organisation::{Organisation, Status};
use medveil_ledger::state::release::Release;
use medveil_ledger::{ChallengeId, CustodyId, DatasetId, ObjectRef, ReleaseId};

use crate::custodian::{Custodian, remove};
use crate::error::{CustodianError, file_fault};
use crate::interrupt::{Interrupt, Point};
use crate::ledger::{Ledger, latest, version};
use crate::release::Progress;
use crate::store::JobKind;
use crate::vault::{Vault, custody_label};

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// Removes what nothing is read from any more.
    pub(crate) fn prune(&self) -> Result<(), CustodianError> {
        self.prune_releases()?;
        self.prune_copies()
    }

    /// Removes what is left of versions of releases whose jobs have ended before they were posted. A job ends first: what a stop leaves is found again.
    fn prune_releases(&self) -> Result<(), CustodianError> {
        for (id, number) in self.store.never_posted()? {
            let left = self.left_of(id, number);
            if !left.iter().any(|path| path.exists()) {
                continue;
            }
            self.interrupt.at(Point::Ended)?;
            // What is on the ledger after all may be challenged.
            if latest::<Release>(&self.ledger, &id)?.is_some_and(|posted| posted.version >= number) {
                continue;
            }
            if number == 1 && !self.destroy_unposted(id)? {
                continue;
            }
            left.iter().try_for_each(|path| remove(path))?;
            // It goes with the last version; until then there is something in it.
            let _ = std::fs::remove_dir(self.releases(id));
            tracing::info!(release = %id, version = number, "what was never posted is removed");
        }
        Ok(())
    }

    /// Orders the destruction of what was kept in custody of a release of which nothing was posted. Not while the organisation's orders are not taken.
    fn destroy_unposted(&self, id: ReleaseId) -> Result<bool, CustodianError> {
        let owner = self.ledger.organisation();
        let kept = CustodyId::derive(self.ledger.chain(), owner, custody_label(id));
        let object = ObjectRef::custody(kept);
        if latest::<Custody>(&self.ledger, &kept)?.is_none()
            || latest::<Destruction>(&self.ledger, &object)?.is_some()
        {
            return Ok(true);
        }
        let own = latest::<Organisation>(&self.ledger, &owner)?.map(|own| own.value);
        if own.is_some_and(|own| own.status != Status::Active || own.frozen.is_some()) {
            return Ok(false);
        }
        self.order(object, DestructionCause::Owner)?;
        Ok(true)
    }

    /// Removes copies of old versions of sources.
    fn prune_copies(&self) -> Result<(), CustodianError> {
        let mut old = Vec::new();
        for (id, (settings, _)) in &self.datasets {
            let copies = self.copies(settings.label)?;
            if copies.len() < 2 {
                continue;
            }
            let Some(registered) = latest::<Registered>(&self.ledger, id)? else { continue };
            let copies = copies.into_iter().filter(|copy| *copy < registered.version);
            old.extend(copies.map(|copy| (*id, copy)));
        }
        if old.is_empty() {
            return Ok(());
        }
        let needed = self.needed()?;
        // INVARIANT: what was read above is of blocks of which every event has become a job. A challenge of a version that another took the place of is among them.
        if !self.ledger.events(self.store.cursor()?, 1)?.is_empty() {
            return Ok(());
        }
        for (id, copy) in old.into_iter().filter(|old| !needed.contains(old)) {
            let (settings, _) = &self.datasets[&id];
            self.store.remove_version(settings.label, copy)?;
            self.interrupt.at(Point::Pruned)?;
            remove(&self.copy(settings, copy))?;
            tracing::info!(label = %settings.label, version = copy, "the copy of an old version is removed");
        }
        Ok(())
    }

    /// Versions of which there is a copy on disk.
    fn copies(&self, label: medveil_ledger::Slug) -> Result<Vec<u64>, CustodianError> {
        let folder = self.settings.folder.join("sources").join(label.as_str());
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(file_fault(&folder)(error)),
        };
        let mut copies = Vec::new();
        for entry in entries {
            let name = entry.map_err(file_fault(&folder))?.file_name();
            copies.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        Ok(copies)
    }

    /// Versions of datasets that releases were read from which are not destroyed, or are being read from, or are to be opened from to an auditor.
    fn needed(&self) -> Result<BTreeSet<(DatasetId, u64)>, CustodianError> {
        let mut needed = BTreeSet::new();
        let mut read_from = |release: ReleaseId, number: u64| -> Result<(), CustodianError> {
            if let Some(release) = version::<Release>(&self.ledger, &release, number)? {
                needed.insert((release.value.dataset, release.value.figures.dataset_version));
            }
            Ok(())
        };
        for (id, noted) in self.store.posted()? {
            let object = ObjectRef::release(id);
            if latest::<Destruction>(&self.ledger, &object)?.is_some() && !self.releases(id).exists() {
                continue;
            }
            // The latest may be challenged; that is this one or one that was posted since it was noted.
            let last = latest::<Release>(&self.ledger, &id)?.map_or(noted, |release| release.version);
            (noted..=last).try_for_each(|number| read_from(id, number))?;
        }
        let jobs = self.store.open_jobs()?;
        for job in jobs.iter().filter(|job| job.kind == JobKind::Answer) {
            if let Some(challenge) = latest::<Challenge>(&self.ledger, &ChallengeId(job.id))? {
                read_from(challenge.value.release, challenge.value.version)?;
            }
        }
        for job in jobs.iter().filter(|job| job.kind == JobKind::Release) {
            needed.extend(Progress::of(job)?.reads());
        }
        Ok(needed)
    }
}
