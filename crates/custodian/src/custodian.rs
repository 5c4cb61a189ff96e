//! The custodian: what it holds, and one turn of its work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use medveil_deid::study::{MasterKey, Study};
use medveil_ledger::action::AuditNotarise;
use medveil_ledger::state::release::Release;
use medveil_ledger::state::request::Request;
use medveil_ledger::state::trail::{Reason as Why, Step, TrailEntry};
use medveil_ledger::{
    AccountId, Action, ChallengeId, DatasetId, Digest, Event, FactValue, ObjectKind, ObjectRef, Outcome,
    ReleaseId, RequestId,
};

use crate::arrivals::Arrivals;
use crate::error::{CustodianError, Stop, file_fault};
use crate::interrupt::{Interrupt, Never, Point};
use crate::keys::dataset_study;
use crate::ledger::{Ledger, latest, version};
use crate::reason::Reason;
use crate::settings::{DatasetSettings, Settings};
use crate::store::{Job, JobKind, Store};
use crate::vault::Vault;

/// Acts for an organisation on what the ledger decided.
pub struct Custodian<L, V, I = Never> {
    pub(crate) settings: Settings,
    pub(crate) ledger: L,
    pub(crate) vault: V,
    pub(crate) interrupt: I,
    pub(crate) store: Store,
    /// The datasets of the settings, with their keys.
    pub(crate) datasets: BTreeMap<DatasetId, (DatasetSettings, MasterKey)>,
    pub(crate) arrivals: Arrivals,
    pub(crate) turn: Turn,
}

impl<L, V, I> std::fmt::Debug for Custodian<L, V, I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custodian").field("datasets", &self.datasets.keys()).finish_non_exhaustive()
    }
}

/// What came of a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// How long the steps took, in the order in which they were done.
    pub steps: Vec<(&'static str, Duration)>,
    /// Jobs that ended: what, with which release or challenge, which version of it, and `done` or the name of a reason.
    pub ended: Vec<(JobKind, Digest, u64, String)>,
    /// Jobs that wait, and the name of the reason.
    pub waiting: Vec<(JobKind, Digest, u64, String)>,
    /// Sources of which nothing is released, and the name of the reason.
    pub faulty: Vec<(DatasetId, String)>,
}

/// The private file of a custodian's folder.
pub(crate) fn private_file(folder: &Path) -> PathBuf {
    folder.join("custodian.sqlite")
}

/// Events that are read at once.
const BATCH: usize = 512;

impl<L: Ledger, V: Vault> Custodian<L, V> {
    /// A custodian with what it had before.
    ///
    /// # Errors
    /// [`CustodianError`]: a key or the private file cannot be used.
    pub fn open(settings: Settings, ledger: L, vault: V) -> Result<Self, CustodianError> {
        Custodian::open_with(settings, ledger, vault, Never)
    }
}

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// A custodian that `interrupt` may stop.
    ///
    /// # Errors
    /// [`CustodianError`].
    pub fn open_with(settings: Settings, ledger: L, vault: V, interrupt: I) -> Result<Self, CustodianError> {
        let folder = &settings.folder;
        for folder in
            [folder.clone(), folder.join("sources"), folder.join("releases"), folder.join("openings")]
        {
            make_private(&folder)?;
        }
        remove_leftovers(folder)?;
        let store = Store::open(&private_file(folder), ledger.chain(), ledger.organisation())?;
        let mut datasets = BTreeMap::new();
        for dataset in &settings.datasets {
            let path = dataset.key.display().to_string();
            let text = zeroize::Zeroizing::new(
                std::fs::read_to_string(&dataset.key).map_err(file_fault(&dataset.key))?,
            );
            let key = MasterKey::parse(&text).map_err(|error| CustodianError::Key { path, error })?;
            let id = DatasetId::derive(ledger.chain(), ledger.organisation(), dataset.label);
            datasets.insert(id, (dataset.clone(), key));
        }
        let (arrivals, turn) = (Arrivals::default(), Turn::default());
        Ok(Custodian { settings, ledger, vault, interrupt, store, datasets, arrivals, turn })
    }

    /// One turn: looks at the sources, takes note of what became final, and does what there is to do, each as far as it goes now. To be called again when
    /// something became final, and now and then for the sources.
    ///
    /// # Errors
    /// [`CustodianError`]: what was begun is taken up again at the next turn.
    pub fn turn(&mut self) -> Result<Turn, CustodianError> {
        self.turn = Turn::default();
        for id in self.datasets.keys().copied().collect::<Vec<_>>() {
            self.sync(id)?;
        }
        self.note_events()?;
        self.look_after()?;
        let mut failed = None;
        let mut jobs = self.store.open_jobs()?;
        jobs.sort_by_key(|job| !crate::release::Progress::is_handed_in(job));
        for job in jobs {
            let (kind, id) = (job.kind, Digest(job.id));
            match self.advance(job) {
                Ok(()) => {}
                // What custody or the disk does not do for one job keeps no other waiting: a late answer to an auditor is this organisation's fault.
                Err(
                    error @ (CustodianError::Vault(_) | CustodianError::File { .. } | CustodianError::Job(_)),
                ) => {
                    tracing::warn!(job = ?kind, %id, %error, "a job goes on later");
                    failed.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => {
                self.prune()?;
                Ok(std::mem::take(&mut self.turn))
            }
        }
    }

    /// The custodian's ledger.
    pub fn ledger(&self) -> &L {
        &self.ledger
    }

    /// The private file: handles, versions, jobs.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes jobs of events.
    fn note_events(&mut self) -> Result<(), CustodianError> {
        loop {
            let events = self.ledger.events(self.store.cursor()?, BATCH)?;
            let Some((last, _)) = events.last() else { return Ok(()) };
            let cursor = *last;
            let (mut jobs, mut bound) = (Vec::new(), Vec::new());
            for (_, event) in &events {
                match event.kind.as_ref() {
                    "patient.enrolled" => bound.push(AccountId(event.object.id)),
                    _ => self.jobs_of(event, &mut jobs)?,
                }
            }
            self.store.note(&jobs, &bound, cursor)?;
            self.interrupt.at(Point::Noted)?;
        }
    }

    /// What follows from an event for this organisation.
    fn jobs_of(
        &self,
        event: &Event,
        jobs: &mut Vec<(JobKind, [u8; 32], u64, String)>,
    ) -> Result<(), CustodianError> {
        let organisation = self.ledger.organisation();
        match event.kind.as_ref() {
            "request.granted" => {
                let id = RequestId(event.object.id);
                let Some(request) = latest::<Request>(&self.ledger, &id)? else { return Ok(()) };
                for dataset in request.value.ask.datasets.iter() {
                    if self.datasets.contains_key(dataset) {
                        let progress = crate::release::Progress::new(id, *dataset);
                        let release = ReleaseId::derive(id, *dataset);
                        jobs.push((JobKind::Release, release.0, 1, progress.to_text()));
                    }
                }
            }
            "audit.challenged" if says(event, "owner", organisation.as_str()) => {
                jobs.push((JobKind::Answer, event.object.id, 1, String::new()));
            }
            "destruction.ordered" if event.object.kind == ObjectKind::Release => {
                let release = latest::<Release>(&self.ledger, &ReleaseId(event.object.id))?;
                if release.is_some_and(|release| release.value.organisation == organisation) {
                    jobs.push((JobKind::Destroy, event.object.id, 1, String::new()));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Does of a job what can be done now.
    fn advance(&mut self, mut job: Job) -> Result<(), CustodianError> {
        let done = match job.kind {
            JobKind::Release => self.release(&mut job),
            JobKind::Answer => self.answer(ChallengeId(job.id)),
            JobKind::Destroy => self.destroy(ReleaseId(job.id)),
        };
        let (id, version) = (Digest(job.id), job.version);
        match done {
            Ok(()) => {
                job.ended = Some("done".into());
                job.waits = None;
                self.turn.ended.push((job.kind, id, version, "done".into()));
            }
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Reason(reason)) => {
                let name = reason.name().to_owned();
                if job.waits.as_ref() != Some(&name) {
                    tracing::warn!(job = ?job.kind, %id, version, reason = name, "{reason}");
                    self.record(&job, &reason)?;
                }
                if reason.may_pass() {
                    job.waits = Some(name.clone());
                    self.turn.waiting.push((job.kind, id, version, name));
                } else {
                    job.ended = Some(name.clone());
                    self.turn.ended.push((job.kind, id, version, name));
                }
            }
        }
        Ok(self.store.save(&job)?)
    }

    /// Notes a reason on the trail of the request or challenge that it is about, once.
    fn record(&self, job: &Job, reason: &Reason) -> Result<(), CustodianError> {
        let object = match job.kind {
            JobKind::Release => ObjectRef::request(crate::release::Progress::of(job)?.request),
            JobKind::Answer => ObjectRef::challenge(ChallengeId(job.id)),
            JobKind::Destroy => ObjectRef::release(ReleaseId(job.id)),
        };
        let details = reason_digest(reason.name(), Digest(job.id), job.version);
        let organisation = self.ledger.organisation();
        let mut entry = latest::<TrailEntry>(&self.ledger, &object)?;
        while let Some(found) = entry {
            if found.value.organisation == organisation && found.value.details == details {
                return Ok(());
            }
            entry = match found.version {
                1 => None,
                number => version::<TrailEntry>(&self.ledger, &object, number - 1)?,
            };
        }
        let note = AuditNotarise { object, step: Step::Incident, reason: Why::Operations, details };
        if let Outcome::Refused(refusal) = self.act(note)? {
            tracing::warn!(name = %refusal.name, "the reason is not on the ledger");
        }
        Ok(())
    }

    /// Acts on the ledger.
    pub(crate) fn act(&self, action: impl Into<Action>) -> Result<Outcome, CustodianError> {
        self.interrupt.at(Point::BeforeAct)?;
        let done = self.ledger.act(action.into())?;
        self.interrupt.at(Point::AfterAct)?;
        Ok(done.outcome)
    }

    /// The settings of a dataset, and the study under which its leaves are made.
    pub(crate) fn dataset(&self, id: DatasetId) -> Result<(&DatasetSettings, Study), Reason> {
        let (settings, key) = self.datasets.get(&id).ok_or(Reason::DatasetUnknown { dataset: id })?;
        Ok((settings, dataset_study(key, settings.label, settings.hashes)))
    }

    /// The copy of a version.
    pub(crate) fn copy(&self, settings: &DatasetSettings, version: u64) -> PathBuf {
        self.settings.folder.join("sources").join(settings.label.as_str()).join(version.to_string())
    }

    /// The folder of a version of a release.
    pub(crate) fn release_folder(&self, release: ReleaseId, version: u64) -> PathBuf {
        self.releases(release).join(version.to_string())
    }

    /// The folder of all versions of a release.
    pub(crate) fn releases(&self, release: ReleaseId) -> PathBuf {
        self.settings.folder.join("releases").join(release.to_string())
    }

    /// Notes how long a step took.
    pub(crate) fn took(&mut self, step: &'static str, since: Instant) {
        self.turn.steps.push((step, since.elapsed()));
    }

    /// The patients of a dataset's records, each once, and whether records are nobody's.
    pub(crate) fn people(patients: &[Vec<Option<String>>]) -> BTreeSet<&str> {
        patients.iter().flatten().filter_map(Option::as_deref).collect()
    }
}

/// What stands for a reason on the trail of a request or challenge: of its name, with which release or challenge and version.
pub fn reason_digest(name: &str, of: Digest, version: u64) -> Digest {
    Digest::of("medveil/custodian-reason/1", &[name.as_bytes(), &of.0, &version.to_be_bytes()])
}

/// Where the sealed openings of a challenge are, once it is answered. They are sealed to the auditor: who may read the file learns nothing.
pub fn openings_file(folder: &Path, challenge: ChallengeId) -> PathBuf {
    folder.join("openings").join(format!("{challenge}.sealed"))
}

fn says(event: &Event, name: &str, text: &str) -> bool {
    matches!(event.fact(name), Some(FactValue::Text(found)) if found == text)
}

/// Makes a folder that only its owner can look into.
pub(crate) fn make_private(folder: &Path) -> Result<(), CustodianError> {
    std::fs::create_dir_all(folder).map_err(file_fault(folder))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder, private).map_err(file_fault(folder))?;
    }
    Ok(())
}

/// Removes what runs that were stopped have left.
fn remove_leftovers(folder: &Path) -> Result<(), CustodianError> {
    let is_leftover =
        |name: &str| name.starts_with("run-") || name.ends_with(".partial") || name.ends_with(".medveil-old");
    let mut folders = vec![folder.to_owned()];
    for part in ["sources", "releases", "openings"] {
        let part = folder.join(part);
        let inside = std::fs::read_dir(&part).map_err(file_fault(&part))?;
        folders.push(part);
        folders.extend(inside.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    for folder in folders {
        for entry in std::fs::read_dir(&folder).map_err(file_fault(&folder))?.flatten() {
            let path = entry.path();
            if entry.file_name().to_str().is_some_and(is_leftover) {
                remove(&path)?;
            }
        }
    }
    Ok(())
}

/// Removes a file or a folder, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), CustodianError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_fault(path)(error)),
        _ => Ok(()),
    }
}
