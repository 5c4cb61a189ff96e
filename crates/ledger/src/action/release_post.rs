//! `release.post`: the custodian commits to what it made.

use borsh::{BorshDeserialize, BorshSerialize};
use medveil_policy::Released;
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::decision::{Decided, decide};
use crate::id::{ChainId, DatasetId, ObjectRef, OrganisationId, ReleaseId, RequestId};
use crate::policy::Step;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::budget::Budget;
use crate::state::coverage::Withdrawals;
use crate::state::custody::{Custody, CustodyRefusal};
use crate::state::destruction::Destruction;
use crate::state::exposure::{self, Exposure};
use crate::state::key::Key;
use crate::state::release::{Figures, Release, ReleaseRefusal};
use crate::state::request::{Obligations, Request, Subject};
use crate::state::{Record, State, Versioned, coverage};
use crate::terms::{ConsentMode, Terms};
use crate::transaction::Body;

/// Commits the owner of a dataset to what it made of it for a granted request: roots, figures, the seed's commitment. A later version takes the place of one before.
///
/// # Rules
/// > REL-1: the owner of a dataset posts what a granted request is given of it; versions are numbered from 1.
/// >
/// > REL-2: the latest version of the dataset was read and the contract's plan was run; there are no more records or patients than it has records; risk and privacy loss are within what was granted.
/// >
/// > REL-3: patients were picked from the state after the decision or later; there are at least as many as the contract asks for, and no more than consents can permit.
/// >
/// > REL-4: patients were picked after the last change of consents that can touch the use.
/// >
/// > REL-5: of the patients of any earlier release of the dataset to the recipient, under whatever contract, this one differs by none or by at least as many as the contract asks for; a later version, by those whom no version before it has.
/// >
/// > REL-6: a sandbox takes so many records.
/// >
/// > REL-7: what failed a challenge or is to be destroyed gets no new version.
///
/// See `docs/spec/releases.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReleasePost {
    /// For which request.
    pub request: RequestId,
    /// Of which dataset.
    pub dataset: DatasetId,
    /// The version that this is.
    pub version: u64,
    /// What the custodian says of it.
    pub figures: Figures,
}

impl Execute for ReleasePost {
    const SPEC: ActionSpec = ActionSpec {
        number: 90,
        name: "release.post",
        doc: Text { en: "commits to a release made for a request", zh: "登记为申请生成的发布" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["REL-1", "REL-2", "REL-3", "REL-4", "REL-5", "REL-6", "REL-7"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let id = ReleaseId::derive(self.request, self.dataset);
        let object = ObjectRef::release(id);
        call.state.need([
            Request::head_key(&self.request),
            Release::head_key(&id),
            Destruction::head_key(&object),
        ])?;
        let Versioned { version: request_version, value: mut request, .. } =
            call.state.request(&self.request)?;
        let obligations = request.granted(call.now_ms())?.clone();
        let before = call.state.latest::<Release>(&id)?;
        let version = before.as_ref().map_or(0, |before| before.version);
        if self.version != version + 1 {
            return Err(ReleaseRefusal::Version { expected: version + 1, got: self.version }.into());
        }
        check_usable(call.state, id, before.as_ref().map(|before| &before.value))?;
        let (patients, records) = (self.figures.patients, self.figures.records);
        let step = Step::Release(self.dataset, Released { patients, records });
        let decided = decide(call.state, &request.ask, request.by(), step, Some(obligations.until_ms))?;
        let organisation = self.check_source(call, &decided)?;
        self.check_figures(&obligations)?;
        self.check_cohort(call.state, &request, &obligations, &decided, organisation)?;
        if request.ask.subject == Subject::Cohort {
            self.expose(call.state, &request, obligations.min_cohort, version)?;
        }
        self.fill_sandbox(call.state, &request, &decided.contract.value.terms, before.as_ref())?;
        if let Some(custody) = self.figures.custody {
            let found: Option<Versioned<Custody>> = call.state.latest(&custody)?;
            let owner = found.ok_or(CustodyRefusal::Unknown { object: custody })?.value.organisation;
            if owner != organisation {
                return Err(CustodyRefusal::NotYours { object: custody, organisation: owner }.into());
            }
        }
        if request.released.insert(self.dataset) {
            call.state.succeed(&self.request, request_version, request.clone());
        }
        let release = Release {
            request: self.request,
            dataset: self.dataset,
            organisation,
            transaction: call.transaction,
            figures: self.figures.clone(),
            failed: None,
        };
        call.state.succeed(&id, version, release);
        call.emit(
            "release.posted",
            object,
            vec![
                fact("request", self.request),
                fact("version", self.version),
                fact("root", self.figures.root),
                fact("seed", self.figures.seed),
                fact("plan", self.figures.plan),
                fact("patients", self.figures.patients),
                fact("records", self.figures.records),
                fact("risk_ppm", self.figures.risk_ppm),
                fact("cohort_at", self.figures.cohort_at),
            ],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        let release = ReleaseId::derive(self.request, self.dataset);
        keys.push(Request::head_key(&self.request));
        keys.push(Release::head_key(&release));
        keys.push(Destruction::head_key(&ObjectRef::release(release)));
        keys.extend(self.figures.custody.as_ref().map(Custody::head_key));
    }
}

/// REL-7: refuses what failed a challenge or is to be destroyed.
pub(super) fn check_usable(state: &State<'_>, id: ReleaseId, release: Option<&Release>) -> Result<(), Halt> {
    if let Some(challenge) = release.and_then(|release| release.failed) {
        return Err(ReleaseRefusal::Failed { release: id, challenge }.into());
    }
    match state.destruction_since(&ObjectRef::release(id))? {
        Some(since) => Err(ReleaseRefusal::Destroyed { release: id, since }.into()),
        None => Ok(()),
    }
}

/// REL-4: refuses patients that were picked before the last change of consents that can touch the use.
pub(super) fn check_fresh(
    state: &State<'_>,
    request: &Request,
    terms: &Terms,
    organisation: OrganisationId,
    cohort_at: u64,
    counted: Withdrawals,
) -> Result<(), Halt> {
    // Of one patient the consents themselves have been looked at.
    if request.ask.subject != Subject::Cohort || matches!(terms.consent, ConsentMode::Waiver { .. }) {
        return Ok(());
    }
    state.need(coverage::keys(organisation, request.ask.purposes.iter()))?;
    let counted = if terms.consent == ConsentMode::Required { counted } else { Withdrawals::None };
    let changed_at = state.last_change(organisation, request.ask.purposes.iter(), counted)?;
    if changed_at > cohort_at {
        return Err(ReleaseRefusal::Stale { cohort_at, changed_at }.into());
    }
    Ok(())
}

impl ReleasePost {
    /// REL-1, REL-2: whose dataset, and which version of it.
    fn check_source(&self, call: &Call<'_, '_>, decided: &Decided) -> Result<OrganisationId, Halt> {
        let dataset = self.dataset;
        let found = decided.datasets.iter().find(|(id, _)| *id == dataset);
        let source = &found.ok_or(ReleaseRefusal::Dataset { dataset })?.1;
        let organisation = source.value.organisation;
        if organisation != call.caller.account.organisation {
            return Err(ReleaseRefusal::NotOwner { dataset, organisation }.into());
        }
        let (read, latest) = (self.figures.dataset_version, source.version);
        if read != latest {
            return Err(ReleaseRefusal::DatasetVersion { read, latest }.into());
        }
        let (records, limit) = (self.figures.records, source.value.fingerprint.count);
        if records > limit || self.figures.patients > limit {
            let records = records.max(self.figures.patients);
            return Err(ReleaseRefusal::Records { records, limit }.into());
        }
        Ok(organisation)
    }

    /// REL-2: plan, risk and privacy loss.
    fn check_figures(&self, obligations: &Obligations) -> Result<(), ReleaseRefusal> {
        let Figures { plan, risk_ppm, epsilon, .. } = self.figures;
        if plan != obligations.plan {
            return Err(ReleaseRefusal::Plan { expected: obligations.plan, got: plan });
        }
        if risk_ppm > obligations.max_risk_ppm {
            return Err(ReleaseRefusal::Risk { risk_ppm, max_risk_ppm: obligations.max_risk_ppm });
        }
        if epsilon > obligations.epsilon {
            return Err(ReleaseRefusal::Epsilon { spent: epsilon, granted: obligations.epsilon });
        }
        Ok(())
    }

    /// REL-3, REL-4: when patients were picked, and how many there are.
    fn check_cohort(
        &self,
        state: &mut State<'_>,
        request: &Request,
        obligations: &Obligations,
        decided: &Decided,
        organisation: OrganisationId,
    ) -> Result<(), Halt> {
        let Figures { cohort_at, patients, .. } = self.figures;
        let (decided_at, height) = (obligations.decided_at, state.block().height);
        if cohort_at < decided_at || cohort_at >= height {
            return Err(ReleaseRefusal::CohortHeight { cohort_at, decided_at, height }.into());
        }
        let terms = &decided.contract.value.terms;
        let least = u64::from(obligations.min_cohort);
        if patients < least {
            return Err(ReleaseRefusal::CohortSmall { patients, least }.into());
        }
        check_fresh(state, request, terms, organisation, cohort_at, Withdrawals::All)?;
        if let Subject::Patient { .. } = request.ask.subject {
            return if patients == 1 {
                Ok(())
            } else {
                Err(ReleaseRefusal::CohortLarge { patients, permits: 1 }.into())
            };
        }
        if terms.consent == ConsentMode::Required {
            let permits = state.permits_at_most(organisation, request.ask.purposes.iter())?;
            if patients > permits {
                return Err(ReleaseRefusal::CohortLarge { patients, permits }.into());
            }
        }
        if !matches!(terms.consent, ConsentMode::Waiver { .. }) {
            state.note_cohort(organisation, request.ask.purposes.iter(), cohort_at)?;
        }
        Ok(())
    }

    /// REL-5: the differences to what the recipient holds; a first version is the last of its releases from now on. `before` is the number of earlier versions.
    fn expose(
        &self,
        state: &mut State<'_>,
        request: &Request,
        min_cohort: u32,
        before: u64,
    ) -> Result<(), Halt> {
        let Figures { added, removed, .. } = self.figures;
        let least = u64::from(min_cohort);
        let check = |difference: u64| {
            if difference > 0 && difference < least {
                return Err(ReleaseRefusal::Differencing { difference, least });
            }
            Ok(())
        };
        if before > 0 {
            // Whom it lacks the recipient has had. Whom it adds would be seen beside the version before.
            return Ok(check(added)?);
        }
        let organisation = request.organisation;
        state.need([Exposure::head_key(&exposure::id(organisation, self.dataset))])?;
        let exposure = state.exposure(organisation, self.dataset)?;
        if exposure.releases > 0 {
            check(added)?;
            check(removed)?;
        }
        let last = Some(ReleaseId::derive(self.request, self.dataset));
        let releases = exposure.releases + 1;
        state.set_exposure(organisation, self.dataset, Exposure { open: None, releases, last })?;
        Ok(())
    }

    /// REL-6: the records of a sandbox.
    fn fill_sandbox(
        &self,
        state: &mut State<'_>,
        request: &Request,
        terms: &Terms,
        before: Option<&Versioned<Release>>,
    ) -> Result<(), Halt> {
        let Some(sandbox) = terms.sandbox else { return Ok(()) };
        let contract = ObjectRef::contract(request.ask.contract);
        let budget: Budget = state.budget(&contract)?;
        let earlier = before.map_or(0, |before| before.value.figures.records);
        let records = (budget.records - earlier).saturating_add(self.figures.records);
        if records > sandbox.records {
            return Err(ReleaseRefusal::Sandbox { records, limit: sandbox.records }.into());
        }
        state.set_budget(&contract, Budget { records, ..budget })?;
        Ok(())
    }
}
