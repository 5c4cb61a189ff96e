//! Whom a release is about: the patients whose consents permit it, compared with what the recipient holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use medveil_ledger::state::dataset::Dataset as Registered;
use medveil_ledger::state::request::Subject;
use medveil_ledger::{DatasetId, ReleaseId};
use serde::{Deserialize, Serialize};

use crate::cohort::{Rule, prefetch};
use crate::custodian::Custodian;
use crate::error::Stop;
use crate::interrupt::Interrupt;
use crate::keys::suite;
use crate::ledger::{Ledger, latest};
use crate::reason::Reason;
use crate::release::{Grant, Progress};
use crate::source::Dataset;
use crate::store::{Given, Tie};
use crate::vault::Vault;

/// Whom a release is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Picked {
    /// From the state after this height.
    pub(crate) at: u64,
    /// From this version of the dataset.
    pub(crate) dataset_version: u64,
    pub(crate) patients: u64,
    pub(crate) added: u64,
    pub(crate) removed: u64,
}

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// The copy of the version of a dataset that the ledger has now, if the source is what was registered.
    fn current(&self, id: DatasetId) -> Result<(u64, Dataset), Stop> {
        let (settings, study) = self.dataset(id)?;
        if let Some((_, Some(_))) = self.store.source(settings.label)? {
            return Err(Reason::SourceChanged { file: settings.label.to_string() }.into());
        }
        let registered = latest::<Registered>(&self.ledger, &id)?;
        let registered = registered.ok_or(Reason::DatasetUnknown { dataset: id })?;
        let dataset = self.open_version(id, registered.version)?;
        let (_, root) = dataset.trees(suite(settings.hashes), |name| study.prf(&["input-leaves", name]))?;
        if root != registered.value.fingerprint.root.0 {
            return Err(Reason::SourceChanged { file: settings.label.to_string() }.into());
        }
        Ok((registered.version, dataset))
    }

    /// The copy of a version.
    pub(crate) fn open_version(&self, id: DatasetId, version: u64) -> Result<Dataset, Stop> {
        let (settings, _) = self.dataset(id)?;
        let versions = self.store.versions(settings.label)?;
        let schema = versions.into_iter().find(|(number, ..)| *number == version);
        let (.., schema) = schema
            .ok_or_else(|| Reason::Source { fault: format!("there is no copy of version {version}") })?;
        Ok(Dataset::read(&self.copy(settings, version), &schema)?)
    }

    /// Whose the records of a dataset are.
    pub(crate) fn patients_of(
        &self,
        id: DatasetId,
        dataset: &Dataset,
    ) -> Result<Vec<Vec<Option<String>>>, Reason> {
        let (settings, _) = self.dataset(id)?;
        dataset.patients(&settings.patient)
    }

    /// Picks the patients by the state as it is, and notes them.
    pub(crate) fn pick(
        &mut self,
        id: ReleaseId,
        version: u64,
        progress: &mut Progress,
        grant: &Grant,
    ) -> Result<(), Stop> {
        let since = Instant::now();
        let (dataset_version, dataset) = self.current(progress.dataset)?;
        let patients = self.patients_of(progress.dataset, &dataset)?;
        self.took("read the source", since);
        let since = Instant::now();
        let tip = self.ledger.tip()?;
        let rule = Rule {
            request: &grant.request,
            terms: &grant.terms,
            obligations: &grant.obligations,
            owner: self.ledger.organisation(),
            height: tip.height,
            time_ms: tip.time_ms,
        };
        let ties = self.store.ties()?;
        let ties: BTreeMap<&str, &Tie> = ties.iter().map(|tie| (tie.patient.as_str(), tie)).collect();
        let mut members = BTreeSet::new();
        let subject = match grant.request.ask.subject {
            Subject::Cohort => None,
            Subject::Patient { patient, .. } => Some(patient),
        };
        let people = Self::people(&patients);
        let handles = people.iter().filter_map(|patient| ties.get(patient)).map(|tie| tie.handle);
        let prefetched = prefetch(&self.ledger, handles)?;
        for patient in people {
            let tie = ties.get(patient).map(|tie| (tie.handle, tie.salt));
            let asked = subject.is_none_or(|subject| tie.is_some_and(|(handle, _)| handle == subject));
            if asked && rule.admits(&prefetched, tie)? {
                members.insert(patient.to_owned());
            }
        }
        if subject.is_some() && members.is_empty() {
            return Err(Reason::HandleUnknown.into());
        }
        let least = u64::from(grant.obligations.min_cohort);
        let (added, removed) = match subject {
            Some(_) => (0, 0),
            None => self.differences(id, version, progress.dataset, grant, &mut members)?,
        };
        let found = members.len() as u64;
        if found < least {
            return Err(Reason::CohortSmall { patients: found, least }.into());
        }
        let given = Given { release: id, version, patients: members };
        self.store.set_members(&given, progress.dataset.0, grant.request.organisation)?;
        progress.picked = Some(Picked { at: tip.height, dataset_version, patients: found, added, removed });
        self.took("pick patients", since);
        Ok(())
    }

    /// The least differences to what the recipient was given of the dataset before; refuses those by which a few patients could be told. A later version of a release
    /// takes new patients only when they are as many as can hide (REL-5): until then those alone who were in the version before.
    fn differences(
        &self,
        id: ReleaseId,
        version: u64,
        dataset: DatasetId,
        grant: &Grant,
        members: &mut BTreeSet<String>,
    ) -> Result<(u64, u64), Stop> {
        let least = u64::from(grant.obligations.min_cohort);
        let note = |so_far: u64, difference: usize| match (so_far, difference as u64) {
            (so_far, 0) => so_far,
            (0, found) => found,
            (before, found) => before.min(found),
        };
        let others = self.store.given(dataset.0, grant.request.organisation, id)?;
        let mut before = Vec::new();
        for version in 1..version {
            before.push(self.store.members(id, version)?);
        }
        let more = |members: &BTreeSet<String>| {
            if before.iter().any(|before| members.is_subset(before)) {
                return 0;
            }
            let all = others.iter().map(|given| &given.patients).chain(&before);
            all.fold(0, |so_far, earlier| note(so_far, members.difference(earlier).count()))
        };
        let Some(last) = before.last() else {
            let added = more(members);
            let removed = others
                .iter()
                .fold(0, |so_far, earlier| note(so_far, earlier.patients.difference(members).count()));
            return match [added, removed].into_iter().find(|difference| (1..least).contains(difference)) {
                Some(difference) => Err(Reason::Differencing { difference, least }.into()),
                None => Ok((added, removed)),
            };
        };
        let mut added = more(members);
        if (1..least).contains(&added) {
            members.retain(|patient| last.contains(patient));
            added = 0;
        }
        Ok((added, 0))
    }

    /// Whether the differences that were found when patients were picked are those to what the recipient holds now.
    pub(crate) fn is_compared(
        &self,
        id: ReleaseId,
        version: u64,
        progress: &Progress,
        picked: Picked,
        grant: &Grant,
    ) -> Result<bool, Stop> {
        if grant.request.ask.subject != Subject::Cohort {
            return Ok(true);
        }
        let mut members = self.store.members(id, version)?;
        let count = members.len();
        match self.differences(id, version, progress.dataset, grant, &mut members) {
            Ok(found) => Ok(found == (picked.added, picked.removed) && members.len() == count),
            Err(Stop::Reason(_)) => Ok(false),
            Err(stop) => Err(stop),
        }
    }
}
