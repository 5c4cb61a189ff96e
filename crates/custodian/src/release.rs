//! Releases: from a grant to what is posted, and the next version when consents change.
//!
//! ```text
//!  granted --> pick (height, members) --> run (folder, figures) --> keep (custody) --> post --> posted
//!     ^                                                                             |
//!     +------------- consents or source have changed meanwhile: again --------------+
//! ```
//!
//! Each arrow is noted in the private file once it is done; before each that acts, the ledger is asked whether it has been done. A run that is repeated gives the
//! same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use medveil_ledger::action::{DestructionOrder, ReleasePost};
use medveil_ledger::encoding::Canonical as _;
use medveil_ledger::state::contract::Contract;
use medveil_ledger::state::coverage::{Coverage, Withdrawals, last_change};
use medveil_ledger::state::custody::Custody;
use medveil_ledger::state::dataset::Dataset as Registered;
use medveil_ledger::state::destruction::{Destruction, DestructionCause};
use medveil_ledger::state::key;
use medveil_ledger::state::release::{Figures, Release};
use medveil_ledger::state::request::{Obligations, Request, RequestStatus, Subject};
use medveil_ledger::terms::{ConsentMode, OnWithdrawal, Terms};
use medveil_ledger::{AccountId, CustodyId, DatasetId, Digest, ObjectRef, Outcome, ReleaseId, RequestId};
use serde::{Deserialize, Serialize};

use crate::cohort::{Rule, prefetch};
use crate::custodian::{Custodian, make_private, remove};
use crate::error::{CustodianError, Stop, file_fault};
use crate::interrupt::{Interrupt, Point};
use crate::keys::{ReleaseKeys, suite};
use crate::ledger::{Ledger, LedgerError, latest};
use crate::plans;
use crate::reason::Reason;
use crate::run::{Private, Purpose, engine, run};
use crate::source::Dataset;
use crate::store::{Given, Job, JobKind, Tie};
use crate::vault::{Vault, custody_label};

/// How far a version of a release is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) request: RequestId,
    dataset: DatasetId,
    /// Once patients are picked.
    picked: Option<Picked>,
    /// Once the release is on disk.
    made: Option<Figures>,
    /// Once it is in custody.
    kept: Option<CustodyId>,
    /// Once it may have been handed in, and nobody has told yet what became of it.
    #[serde(default)]
    handed_in: bool,
}

/// Whom a release is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Picked {
    /// From the state after this height.
    at: u64,
    /// From this version of the dataset.
    dataset_version: u64,
    patients: u64,
    added: u64,
    removed: u64,
}

impl Progress {
    pub(crate) fn new(request: RequestId, dataset: DatasetId) -> Self {
        Progress { request, dataset, picked: None, made: None, kept: None, handed_in: false }
    }

    pub(crate) fn of(job: &Job) -> Result<Self, CustodianError> {
        serde_json::from_str(&job.data).map_err(|error| CustodianError::Job(error.to_string()))
    }

    /// The version of the dataset that patients were picked from.
    pub(crate) fn reads(&self) -> Option<(DatasetId, u64)> {
        self.picked.map(|picked| (self.dataset, picked.dataset_version))
    }

    /// Whether a job is a release that may have been handed in. It goes before all others, so that nothing is compared with less than what the recipient may have by then.
    pub(crate) fn is_handed_in(job: &Job) -> bool {
        job.kind == JobKind::Release && Self::of(job).is_ok_and(|progress| progress.handed_in)
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("ids and numbers")
    }
}

/// A granted request, with the terms under which it was.
struct Grant {
    request: Request,
    terms: Terms,
    obligations: Obligations,
}

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// Makes a version of a release and posts it, as far as it goes now.
    pub(crate) fn release(&mut self, job: &mut Job) -> Result<(), Stop> {
        let id = ReleaseId(job.id);
        loop {
            let mut progress = Progress::of(job)?;
            let posted = latest::<Release>(&self.ledger, &id)?;
            if posted.is_some_and(|posted| posted.version >= job.version) {
                self.store.set_posted(id, job.version)?;
                return Ok(());
            }
            let grant = self.grant(progress.request)?;
            if latest::<Destruction>(&self.ledger, &ObjectRef::release(id))?.is_some() {
                return Err(Reason::Destroyed.into());
            }
            let Some(picked) = progress.picked else {
                self.pick(id, job.version, &mut progress, &grant)?;
                self.keep_note(job, &progress, Point::Picked)?;
                continue;
            };
            let Some(mut figures) = progress.made.clone() else {
                let since = Instant::now();
                progress.made = Some(self.make(id, job.version, &progress, picked, &grant)?);
                self.keep_note(job, &progress, Point::Measured)?;
                self.took("run the plan", since);
                continue;
            };
            let Some(custody) = progress.kept else {
                let since = Instant::now();
                progress.kept = Some(self.put_in_custody(id, job.version, &grant)?);
                self.keep_note(job, &progress, Point::Kept)?;
                self.took("keep in custody", since);
                continue;
            };
            // What the recipient holds may have become more since the patients were picked.
            if !progress.handed_in && !self.is_compared(id, job.version, &progress, picked, &grant)? {
                self.begin_again(job, &mut progress)?;
                continue;
            }
            figures.custody = Some(custody);
            let since = Instant::now();
            if !progress.handed_in {
                progress.handed_in = true;
                job.data = progress.to_text();
                self.store.save(job)?;
            }
            let post = ReleasePost {
                request: progress.request,
                dataset: progress.dataset,
                version: job.version,
                figures,
            };
            let outcome = self.act(post)?;
            self.took("post", since);
            let Outcome::Refused(refusal) = outcome else { continue };
            if latest::<Release>(&self.ledger, &id)?.is_some_and(|posted| posted.version >= job.version) {
                // It was posted before the custodian was stopped.
                continue;
            }
            match refusal.name.as_ref() {
                // Consents or source have changed: again, from the beginning.
                "release.stale"
                | "release.cohort_height"
                | "release.dataset_version"
                | "release.cohort_large" => {
                    self.begin_again(job, &mut progress)?;
                }
                other => return Err(Reason::Ledger { name: other.to_owned() }.into()),
            }
        }
    }

    /// Forgets what was made of a version that was not posted.
    fn begin_again(&self, job: &mut Job, progress: &mut Progress) -> Result<(), Stop> {
        let id = ReleaseId(job.id);
        remove(&self.release_folder(id, job.version))?;
        remove(&self.releases(id).join(format!("{}.custody", job.version)))?;
        *progress = Progress::new(progress.request, progress.dataset);
        job.data = progress.to_text();
        Ok(self.store.save(job)?)
    }

    /// Whether the differences that were found when patients were picked are those to what the recipient holds now.
    fn is_compared(
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

    fn keep_note(&self, job: &mut Job, progress: &Progress, point: Point) -> Result<(), CustodianError> {
        job.data = progress.to_text();
        self.store.save(job)?;
        Ok(self.interrupt.at(point)?)
    }

    /// What was granted, as long as it is.
    fn grant(&self, id: RequestId) -> Result<Grant, Stop> {
        let request =
            latest::<Request>(&self.ledger, &id)?.ok_or(Reason::NotGranted { status: "unknown" })?.value;
        let now_ms = self.ledger.tip()?.time_ms;
        let obligations = match &request.status {
            RequestStatus::Granted(obligations) if now_ms < obligations.until_ms => obligations.clone(),
            RequestStatus::Granted(_) => return Err(Reason::NotGranted { status: "over" }.into()),
            other => return Err(Reason::NotGranted { status: other.name() }.into()),
        };
        let contract = latest::<Contract>(&self.ledger, &request.ask.contract)?;
        let terms = contract.ok_or(Reason::NotGranted { status: "without a contract" })?.value.terms;
        Ok(Grant { request, terms, obligations })
    }

    /// The copy of the version of a dataset that the ledger has now, if the source is what was registered.
    fn current(&self, id: DatasetId) -> Result<(u64, Dataset), Stop> {
        let (settings, study) = self.dataset(id)?;
        if let Some((_, Some(_))) = self.store.source(settings.label)? {
            return Err(Reason::SourceChanged { file: settings.label.to_string() }.into());
        }
        let registered = latest::<Registered>(&self.ledger, &id)?;
        let registered = registered.ok_or(Reason::DatasetUnknown { dataset: id })?;
        let dataset = self.open_version(id, registered.version)?;
        let (_, root) = dataset.trees(suite(settings.hashes), |name| study.prf(&["input-leaves", name]));
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
        dataset.files.iter().map(|file| file.patients(&settings.patient)).collect()
    }

    /// Picks the patients by the state as it is, and notes them.
    fn pick(
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
        let ties: std::collections::BTreeMap<&str, &Tie> =
            ties.iter().map(|tie| (tie.patient.as_str(), tie)).collect();
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

    /// Runs the plan; what it makes stays in the custodian's folder.
    fn make(
        &self,
        id: ReleaseId,
        version: u64,
        progress: &Progress,
        picked: Picked,
        grant: &Grant,
    ) -> Result<Figures, Stop> {
        let plan = plans::find(&self.settings.plans, grant.obligations.plan)?;
        let (_, study) = self.dataset(progress.dataset)?;
        let dataset = self.open_version(progress.dataset, picked.dataset_version)?;
        let patients = self.patients_of(progress.dataset, &dataset)?;
        let keys = ReleaseKeys::derive(&study, progress.request, progress.dataset);
        let folder = self.release_folder(id, version);
        make_private(&self.releases(id))?;
        let purpose = Purpose { release: id, version, plan: &plan, keys: &keys };
        let members = self.store.members(id, version)?;
        // Records that are nobody's are of no patient who could consent.
        let everyone = grant.request.ask.subject == Subject::Cohort
            && matches!(grant.terms.consent, ConsentMode::Waiver { .. });
        let made = run(&dataset, &patients, &members, everyone, &purpose, &folder, &self.settings)?;
        make_private(&folder)?;
        self.write_private(id, version, &made.private)?;
        self.interrupt.at(Point::Made)?;
        if made.records == 0 {
            return Err(Reason::Empty.into());
        }
        let (risk_ppm, max_risk_ppm) = (made.risk_ppm, grant.obligations.max_risk_ppm);
        if risk_ppm > max_risk_ppm {
            remove(&folder)?;
            return Err(Reason::Risk { risk_ppm, max_risk_ppm }.into());
        }
        let (spent, granted) = (made.epsilon, grant.obligations.epsilon);
        if spent > granted {
            remove(&folder)?;
            return Err(Reason::Epsilon { spent, granted }.into());
        }
        Ok(Figures {
            dataset_version: picked.dataset_version,
            cohort_at: picked.at,
            root: made.root,
            patients: picked.patients,
            records: made.records,
            suppressed: made.suppressed,
            seed: keys.commitment(id, plan.head.suite),
            plan: Digest(plan.digest()),
            engine: engine(),
            risk_ppm,
            utility_ppm: made.utility_ppm,
            epsilon: spent,
            added: picked.added,
            removed: picked.removed,
            custody: None,
        })
    }

    fn private_path(&self, id: ReleaseId, version: u64) -> PathBuf {
        self.releases(id).join(format!("{version}.private.json"))
    }

    fn write_private(&self, id: ReleaseId, version: u64, private: &Private) -> Result<(), CustodianError> {
        let path = self.private_path(id, version);
        let text = serde_json::to_vec(private).expect("names and numbers");
        let partial = path.with_extension("partial");
        fs::write(&partial, text).map_err(file_fault(&partial))?;
        fs::rename(&partial, &path).map_err(file_fault(&path))
    }

    /// What is known of a release and not given away with it.
    pub(crate) fn read_private(&self, id: ReleaseId, version: u64) -> Result<Private, Stop> {
        let text = fs::read(self.private_path(id, version)).map_err(|_| Reason::Destroyed)?;
        Ok(serde_json::from_slice(&text).map_err(|error| CustodianError::Job(error.to_string()))?)
    }

    /// Keeps the folder of a version in custody, unless it is there. What was kept and never posted is replaced.
    fn put_in_custody(&self, id: ReleaseId, version: u64, grant: &Grant) -> Result<CustodyId, Stop> {
        let label = custody_label(id);
        let object = CustodyId::derive(self.ledger.chain(), self.ledger.organisation(), label);
        let kept = latest::<Custody>(&self.ledger, &object)?.map_or(0, |kept| kept.version);
        let path = self.releases(id).join(format!("{version}.custody"));
        // Which version of the object it becomes is noted before it becomes one.
        let next = match fs::read_to_string(&path).ok().and_then(|text| text.parse::<u64>().ok()) {
            Some(noted) if noted >= kept => noted.max(1),
            _ => kept + 1,
        };
        let partial = path.with_extension("partial");
        fs::write(&partial, next.to_string()).map_err(file_fault(&partial))?;
        fs::rename(&partial, &path).map_err(file_fault(&path))?;
        let policy = Digest::of("medveil/release-policy/1", &[&grant.terms.encode()]);
        Ok(self.vault.keep(&self.release_folder(id, version), label, next, policy)?)
    }

    /// Looks after what was posted: what consents no longer cover is made anew or destroyed, as the contract says; what is over is destroyed.
    pub(crate) fn look_after(&mut self) -> Result<(), CustodianError> {
        for (id, version) in self.store.posted()? {
            let Some(release) = latest::<Release>(&self.ledger, &id)? else { continue };
            let object = ObjectRef::release(id);
            if release.value.failed.is_some() || latest::<Destruction>(&self.ledger, &object)?.is_some() {
                continue;
            }
            let (request, dataset) = (release.value.request, release.value.dataset);
            let grant = match self.grant(request) {
                Ok(grant) => grant,
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Reason(Reason::NotGranted { status: "over" })) => {
                    self.order(object, DestructionCause::TermEnded)?;
                    continue;
                }
                Err(Stop::Reason(_)) => continue,
            };
            if !self.is_stale(&grant, release.value.figures.cohort_at)? {
                continue;
            }
            match grant.terms.on_withdrawal {
                OnWithdrawal::Destroy => self.order(object, DestructionCause::Withdrawal)?,
                OnWithdrawal::Refresh => {
                    let progress = Progress::new(request, dataset);
                    self.store.add(JobKind::Release, id.0, version + 1, progress.to_text())?;
                }
            }
        }
        Ok(())
    }

    /// Whether a consent that a release can stand on has ceased since its patients were picked (REL-4).
    fn is_stale(&self, grant: &Grant, cohort_at: u64) -> Result<bool, CustodianError> {
        let counted = match grant.terms.consent {
            ConsentMode::Waiver { .. } => return Ok(false),
            ConsentMode::Required => Withdrawals::OfPosted,
            ConsentMode::OptOut => Withdrawals::None,
        };
        if grant.request.ask.subject != Subject::Cohort {
            return Ok(false);
        }
        let owner = self.ledger.organisation();
        let changed_at = last_change(grant.request.ask.purposes.iter(), counted, |purpose| {
            let Some(bytes) = self.ledger.get(&key::coverage(&owner, purpose))? else {
                return Ok(Coverage::default());
            };
            Coverage::decode(&bytes).map_err(|error| LedgerError(format!("no coverage: {error}")))
        })?;
        Ok(changed_at > cohort_at)
    }

    fn order(&self, object: ObjectRef, cause: DestructionCause) -> Result<(), CustodianError> {
        if let Outcome::Refused(refusal) = self.act(DestructionOrder { object, cause })? {
            // Somebody else may have ordered it meanwhile.
            tracing::info!(%object, name = %refusal.name, "the destruction was not ordered");
        }
        Ok(())
    }

    /// The tie of a patient, as an auditor is shown it.
    pub(crate) fn tie_of(
        &self,
        patient: Option<&str>,
    ) -> Result<Option<(AccountId, Digest)>, CustodianError> {
        let Some(patient) = patient else { return Ok(None) };
        Ok(self.store.tie(patient)?.map(|(tie, _)| (tie.handle, tie.salt)))
    }
}
