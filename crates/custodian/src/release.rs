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

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use medveil_ledger::action::ReleasePost;
use medveil_ledger::encoding::Canonical as _;
use medveil_ledger::state::contract::{Contract, Standing};
use medveil_ledger::state::custody::Custody;
use medveil_ledger::state::destruction::Destruction;
use medveil_ledger::state::release::{Figures, Release};
use medveil_ledger::state::request::{Obligations, Request, RequestStatus};
use medveil_ledger::terms::Terms;
use medveil_ledger::{AccountId, CustodyId, DatasetId, Digest, ObjectRef, Outcome, ReleaseId, RequestId};
use serde::{Deserialize, Serialize};

use crate::cohort::takes_everyone;
use crate::custodian::{Custodian, make_private, remove};
use crate::error::{CustodianError, Stop, file_fault};
use crate::held::{Refused, may_pass};
use crate::interrupt::{Interrupt, Point};
use crate::keys::ReleaseKeys;
use crate::ledger::{Ledger, latest};
use crate::pick::Picked;
use crate::plans;
use crate::reason::Reason;
use crate::run::{Private, Purpose, engine, run};
use crate::store::{Job, JobKind};
use crate::vault::{Vault, custody_label};

/// How far a version of a release is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) request: RequestId,
    pub(crate) dataset: DatasetId,
    /// Once patients are picked.
    pub(crate) picked: Option<Picked>,
    /// Once the release is on disk.
    made: Option<Figures>,
    /// Once it is in custody.
    kept: Option<CustodyId>,
    /// Once it may have been handed in, and nobody has told yet what became of it.
    #[serde(default)]
    handed_in: bool,
    /// Once the ledger has refused it for what may pass.
    #[serde(default)]
    pub(crate) refused: Option<Refused>,
}

impl Progress {
    pub(crate) fn new(request: RequestId, dataset: DatasetId) -> Self {
        Progress { request, dataset, picked: None, made: None, kept: None, handed_in: false, refused: None }
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
pub(crate) struct Grant {
    pub(crate) request: Request,
    pub(crate) terms: Terms,
    pub(crate) obligations: Obligations,
    /// Whether the contract is used now.
    pub(crate) standing: Standing,
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
            // What became of what may have been handed in is found out first.
            if !progress.handed_in {
                self.check_taken(&grant, &progress)?;
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
            let at = self.ledger.tip()?.height;
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
                name if may_pass(name) => {
                    let name = name.to_owned();
                    (progress.handed_in, progress.refused) =
                        (false, Some(Refused { name: name.clone(), at }));
                    job.data = progress.to_text();
                    self.store.save(job)?;
                    return Err(Reason::Held { name }.into());
                }
                other => return Err(Reason::Ledger { name: other.to_owned() }.into()),
            }
        }
    }

    /// Forgets what was made of a version that was not posted.
    fn begin_again(&self, job: &mut Job, progress: &mut Progress) -> Result<(), Stop> {
        let id = ReleaseId(job.id);
        let [folder, custody, _] = self.left_of(id, job.version);
        remove(&folder)?;
        remove(&custody)?;
        *progress = Progress::new(progress.request, progress.dataset);
        job.data = progress.to_text();
        Ok(self.store.save(job)?)
    }

    fn keep_note(&self, job: &mut Job, progress: &Progress, point: Point) -> Result<(), CustodianError> {
        job.data = progress.to_text();
        self.store.save(job)?;
        Ok(self.interrupt.at(point)?)
    }

    /// What was granted, as long as it is.
    pub(crate) fn grant(&self, id: RequestId) -> Result<Grant, Stop> {
        let request =
            latest::<Request>(&self.ledger, &id)?.ok_or(Reason::NotGranted { status: "unknown" })?.value;
        let now_ms = self.ledger.tip()?.time_ms;
        let obligations = match &request.status {
            RequestStatus::Granted(obligations) if now_ms < obligations.until_ms => obligations.clone(),
            RequestStatus::Granted(_) => return Err(Reason::NotGranted { status: "over" }.into()),
            other => return Err(Reason::NotGranted { status: other.name() }.into()),
        };
        let contract = latest::<Contract>(&self.ledger, &request.ask.contract)?;
        let contract = contract.ok_or(Reason::NotGranted { status: "without a contract" })?.value;
        Ok(Grant { request, terms: contract.terms, obligations, standing: contract.standing })
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
        let everyone = takes_everyone(&grant.request, &grant.terms);
        let made = run(&dataset, &patients, &members, everyone, &purpose, &folder, &self.settings)?;
        make_private(&folder)?;
        self.write_private(id, version, &made.private)?;
        self.interrupt.at(Point::Made)?;
        if made.records == 0 {
            return Err(Reason::Empty.into());
        }
        let (risk_ppm, max_risk_ppm) = (made.risk_ppm, grant.obligations.max_risk_ppm);
        if risk_ppm > max_risk_ppm {
            return Err(Reason::Risk { risk_ppm, max_risk_ppm }.into());
        }
        let (spent, granted) = (made.epsilon, grant.obligations.epsilon);
        if spent > granted {
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

    /// Where a version of a release leaves something: its folder, which version of the object in custody it is, and what is not given away with it.
    pub(crate) fn left_of(&self, id: ReleaseId, version: u64) -> [PathBuf; 3] {
        let custody = self.releases(id).join(format!("{version}.custody"));
        [self.release_folder(id, version), custody, self.private_path(id, version)]
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
        let [_, path, _] = self.left_of(id, version);
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

    /// The tie of a patient, as an auditor is shown it.
    pub(crate) fn tie_of(
        &self,
        patient: Option<&str>,
    ) -> Result<Option<(AccountId, Digest)>, CustodianError> {
        let Some(patient) = patient else { return Ok(None) };
        Ok(self.store.tie(patient)?.map(|(tie, _)| (tie.handle, tie.salt)))
    }
}
