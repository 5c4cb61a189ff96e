//! What people at an organisation do: hospitals 0 and 1 own datasets and answer for releases, the regulator challenges, organisations 0, 1 and the regulator are the committee of one of the contracts,
//! all others ask. The dishonest among them try, half of the time, what they must not.

use std::{collections::VecDeque, sync::Arc};

use medveil_ledger::{
    AccountId, Action, ContractId, DatasetId, Digest, ObjectRef, OrganisationId, ReleaseId, RequestId,
    action::{
        AccessRequest, AuditAnswer, AuditChallenge, AuditVerdict, BudgetSet, ContractCountersign,
        ContractPublish, ContractPublishWithPolicy, ContractSetStanding, DatasetRegister, DestructionAttest,
        DestructionOrder, PatientInvite, ReleasePost, RequestCancel, RequestSubmit, RequestVote,
    },
    state::{
        challenge::Verdict,
        contract::Standing,
        dataset::{Fingerprint, HashSuite, Level},
        destruction::DestructionCause,
        release::Figures,
        request::{Ask, Subject},
    },
    template::{Particulars, Template},
    terms::{Approvals, Epsilon, RateLimit, Terms},
    vocabulary::{DataClass, Purpose},
};

use crate::{
    chance::Chance,
    claims::{Asked, Cohort, POLICY, Posted},
    consortium::{Consortium, GENESIS_MS, REGULATOR, desk_key},
    custodian::reader,
    hospital::plan,
    people::{Known, PATIENTS, code, set, slug},
    run::Cluster,
    scenario::People,
};

const DAY_MS: u64 = 86_400_000;

/// Something to do, and for a release the patients whom an honest custodian picked.
type Move = (Action, Option<Cohort>);

/// An organisation's people.
struct Desk {
    organisation: usize,
    id: OrganisationId,
    account: AccountId,
    dishonest: bool,
    /// Registers, releases, answers and attests in their place.
    has_custodian: bool,
    /// What is done first, in this order.
    founding: VecDeque<Action>,
    /// What a release was tried of, how often: an honest custodian gives up on what is refused for its differences.
    tried: std::collections::BTreeMap<(RequestId, DatasetId), u32>,
    /// The release that was handed in last. What the next one differs by is looked at once it is known what became of that, as a custodian does.
    handed: Option<Digest>,
}

impl Cluster {
    /// Does one thing after the other, as long as people go on.
    pub async fn desk(self: Arc<Self>, organisation: usize, people: People) {
        let mut chance = Chance::new(self.scenario.seed ^ ((organisation as u64 + 1) << 48));
        let mut desk = Desk::new(&self.consortium, organisation, &people);
        let (signer, mut nonce) = (desk_key(organisation), 0);
        while self.goes_on() {
            let next = desk.next(&self.consortium, &self.learn(), &mut chance);
            let founding = !desk.founding.is_empty();
            if let Some((action, cohort)) = next {
                let transaction = self.next_of(desk.account, &signer, nonce, action);
                if let Some(cohort) = cohort {
                    desk.handed = Some(transaction.digest());
                    self.known.lock().unwrap().claims.picked(transaction.digest(), cohort);
                }
                self.hand_in(organisation, &transaction, &mut chance).await;
                nonce += 1;
            }
            let pause = if founding { 10 } else { chance.between(people.pause / 2, people.pause * 3 / 2) };
            self.world.sleep(pause).await;
        }
    }
}

impl Desk {
    fn new(consortium: &Consortium, organisation: usize, people: &People) -> Self {
        let known = &consortium.organisations[organisation];
        let dishonest = people.dishonest.contains(&organisation);
        let has_custodian = people.custodians.contains(&organisation);
        let founding = match organisation {
            0 | 1 => founding(consortium, organisation, has_custodian),
            _ => VecDeque::new(),
        };
        let (id, account) = (known.id, known.desk);
        Self {
            organisation,
            id,
            account,
            dishonest,
            has_custodian,
            founding,
            tried: Default::default(),
            handed: None,
        }
    }

    /// What is done next, if anything.
    fn next(&mut self, consortium: &Consortium, known: &Known, chance: &mut Chance) -> Option<Move> {
        let needs_dataset =
            |action: &Action| !matches!(action, Action::DatasetRegister(_) | Action::PatientInvite(_));
        if self.founding.front().is_some_and(needs_dataset)
            && !known.claims.datasets.contains_key(&dataset(consortium, self.organisation))
            && self.has_custodian
        {
            return None;
        }
        if let Some(action) = self.founding.pop_front() {
            return Some((action, None));
        }
        if let Some(action) = self.shared_contract(consortium, known) {
            return Some((action, None));
        }
        if self.dishonest && chance.percent(50) {
            return self.misdeed(known, chance).map(|action| (action, None));
        }
        // Duties first, in an order by chance.
        let first = chance.index(5);
        for duty in 0..5 {
            let found = match (first + duty) % 5 {
                0 => self.vote(consortium, known, chance),
                1 if !self.has_custodian => self.answer(known),
                2 if !self.has_custodian => self.attest(known),
                3 => self.judge(known, chance),
                _ => None,
            };
            if let Some(action) = found {
                return Some((action, None));
            }
        }
        match self.organisation {
            0 | 1 => self.release(known, chance),
            REGULATOR => self.challenge(known, chance).map(|action| (action, None)),
            _ => self.ask(known, chance).map(|action| (action, None)),
        }
    }

    /// The contract over both datasets: hospital 1 publishes it when there are both, hospital 0 countersigns.
    fn shared_contract(&mut self, consortium: &Consortium, known: &Known) -> Option<Action> {
        let id = contract(consortium, 1, "both");
        let key = (RequestId(id.0), DatasetId([0; 32]));
        let published = known.claims.contracts.contains_key(&id);
        let turn = match self.organisation {
            1 => !published && known.claims.datasets.len() == 2,
            0 => published,
            _ => false,
        };
        if !turn || self.tried.insert(key, 1).is_some() {
            return None;
        }
        Some(if self.organisation == 0 {
            ContractCountersign { contract: id, revision: 1 }.into()
        } else {
            let committee = [0, 1, REGULATOR].map(|member| consortium.organisations[member].id);
            let terms = terms(consortium, 1, &[0, 1], Approvals { committee: set(committee), needed: 2 });
            ContractPublish { label: slug("both"), revision: 1, terms }.into()
        })
    }

    fn vote(&self, consortium: &Consortium, known: &Known, chance: &mut Chance) -> Option<Action> {
        if ![0, 1, REGULATOR].contains(&self.organisation) {
            return None;
        }
        let both = contract(consortium, 1, "both");
        let pending = known.claims.requests.iter().find(|(id, asked)| {
            asked.ask.contract == both
                && asked.granted.is_none()
                && !asked.over
                && !known.votes.contains(&(**id, self.id))
        });
        pending.map(|(request, _)| RequestVote { request: *request, approve: chance.percent(85) }.into())
    }

    fn answer(&self, known: &Known) -> Option<Action> {
        let owed = known.challenges.iter().find(|(_, challenge)| {
            !challenge.answered
                && !challenge.decided
                && self.owns(known, known.claims.releases[&challenge.release].dataset)
        });
        owed.map(|(challenge, _)| AuditAnswer { challenge: *challenge, openings: Digest([4; 32]) }.into())
    }

    fn judge(&self, known: &Known, chance: &mut Chance) -> Option<Action> {
        let answered = known
            .challenges
            .iter()
            .find(|(_, challenge)| challenge.answered && !challenge.decided && challenge.by == self.id);
        answered.map(|(challenge, _)| {
            let verdict = if chance.percent(80) { Verdict::Passed } else { Verdict::AlteredValue };
            AuditVerdict { challenge: *challenge, verdict, report: Digest([3; 32]) }.into()
        })
    }

    /// Who holds something that is to be destroyed says that it is.
    fn attest(&self, known: &Known) -> Option<Action> {
        let ordered = known.orders.iter().find(|(object, attested)| {
            let posted = known.claims.releases.get(&ReleaseId(object.id));
            let holds = posted.is_some_and(|posted| {
                self.owns(known, posted.dataset)
                    || known.claims.requests[&posted.request].organisation == self.id
            });
            holds && !attested.contains(&self.id)
        });
        ordered.map(|(object, _)| DestructionAttest { object: *object }.into())
    }

    fn owns(&self, known: &Known, dataset: DatasetId) -> bool {
        known.claims.datasets.get(&dataset) == Some(&self.id)
    }

    /// What a custodian does: first versions, and later ones where a patient has withdrawn.
    fn release(&mut self, known: &Known, chance: &mut Chance) -> Option<Move> {
        let now_ms = known.time_ms;
        let waits = self.handed.is_some_and(|digest| !known.posts.contains(&digest));
        for (request, asked) in &known.claims.requests {
            if waits || self.has_custodian || !asked.is_open(now_ms) || asked.granted.is_none() {
                continue;
            }
            for dataset in &*asked.ask.datasets {
                if !self.owns(known, *dataset) {
                    continue;
                }
                let posted = known.claims.releases.get(&ReleaseId::derive(*request, *dataset));
                let Some(cohort) = self.pick(known, *request, asked, *dataset, posted) else { continue };
                let tries = self.tried.entry((*request, *dataset)).or_default();
                *tries += 1;
                if *tries > 6 {
                    continue;
                }
                let version = posted.map_or(0, |posted| posted.versions.len() as u64) + 1;
                let (added, removed) = known.claims.differences(*request, *dataset, &cohort);
                let figures = figures(known.height, asked.ask.epsilon, cohort.len() as u64);
                let figures = Figures { added, removed, ..figures };
                let post = ReleasePost { request: *request, dataset: *dataset, version, figures };
                return Some((post.into(), Some(cohort)));
            }
        }
        let object = known.claims.releases.iter().find(|(_, posted)| {
            self.owns(known, posted.dataset) && !posted.destroyed && !posted.versions.is_empty()
        });
        match (chance.index(40), object) {
            (0, Some((release, _))) => {
                let (object, cause) = (ObjectRef::release(*release), DestructionCause::Owner);
                Some((DestructionOrder { object, cause }.into(), None))
            }
            (1, _) => {
                let (contract, (_, standing)) = known.claims.contracts.first_key_value()?;
                let other = if *standing == Standing::Open { Standing::Frozen } else { Standing::Open };
                Some((ContractSetStanding { contract: *contract, standing: other }.into(), None))
            }
            // Nobody is left waiting: who has frozen it opens it.
            (2..20, _) => {
                let frozen = known.claims.contracts.iter().find(|(_, (_, s))| *s == Standing::Frozen)?;
                Some((ContractSetStanding { contract: *frozen.0, standing: Standing::Open }.into(), None))
            }
            _ => None,
        }
    }

    /// The patients whom an honest custodian would release now; `None` where there is nothing new to release.
    fn pick(
        &self,
        known: &Known,
        request: RequestId,
        asked: &Asked,
        dataset: DatasetId,
        posted: Option<&Posted>,
    ) -> Option<Cohort> {
        let covered = known.claims.covered(request, dataset, known.time_ms)?;
        let least = asked.granted?.min_cohort as usize;
        let Some(posted) = posted else { return (covered.len() >= least).then_some(covered) };
        let last = posted.versions.last()?.as_ref()?;
        if posted.failed || posted.destroyed || last.is_subset(&covered) {
            return None;
        }
        let left: Cohort = last.intersection(&covered).copied().collect();
        (left.len() >= least).then_some(left)
    }

    fn challenge(&self, known: &Known, chance: &mut Chance) -> Option<Action> {
        let releases: Vec<_> =
            known.claims.releases.iter().filter(|(_, posted)| !posted.failed && !posted.destroyed).collect();
        if releases.is_empty() {
            return None;
        }
        let (release, posted) = releases[chance.index(releases.len())];
        match chance.index(20) {
            0 => {
                let (object, cause) = (ObjectRef::release(*release), DestructionCause::Authority);
                Some(DestructionOrder { object, cause }.into())
            }
            1..8 => {
                let version = posted.versions.len() as u64;
                Some(AuditChallenge { release: *release, version, rows: 10, reader: reader() }.into())
            }
            _ => None,
        }
    }

    /// What a researcher does: asks, uses, and sometimes takes back.
    fn ask(&self, known: &Known, chance: &mut Chance) -> Option<Action> {
        let mine = |asked: &Asked| asked.account == self.account;
        let open: Vec<_> = known
            .claims
            .requests
            .iter()
            .filter(|(_, asked)| mine(asked) && asked.is_open(known.time_ms))
            .collect();
        let usable: Vec<_> = known
            .claims
            .releases
            .iter()
            .filter(|(_, posted)| open.iter().any(|(request, _)| **request == posted.request))
            .collect();
        match chance.index(10) {
            0..6 if !usable.is_empty() => {
                let (release, posted) = usable[chance.index(usable.len())];
                let version = posted.versions.len() as u64;
                Some(AccessRequest { release: *release, version, keys: Default::default() }.into())
            }
            6 if !open.is_empty() && chance.percent(40) => {
                Some(RequestCancel { request: *open[chance.index(open.len())].0 }.into())
            }
            _ => self.query(known, chance).map(|ask| RequestSubmit { ask }.into()),
        }
    }

    /// A query under one of the contracts.
    fn query(&self, known: &Known, chance: &mut Chance) -> Option<Ask> {
        let contracts: Vec<_> = known.claims.contracts.iter().collect();
        // Before patients have permitted anything nothing is granted.
        let permitted = known.claims.seen.get("consent.granted").copied().unwrap_or(0);
        if contracts.is_empty() || permitted < PATIENTS {
            return None;
        }
        let (contract, (terms, _)) = contracts[chance.index(contracts.len())];
        let all: Vec<DatasetId> = terms.datasets.iter().copied().collect();
        let datasets = if chance.percent(60) { all } else { vec![all[chance.index(all.len())]] };
        Some(Ask {
            contract: *contract,
            revision: 1,
            datasets: set(datasets),
            purposes: set([chance.pick(&[Purpose::DiseaseResearch, Purpose::HealthResearch])]),
            classes: set([DataClass::Observations]),
            commercial: false,
            undertakings: set([]),
            ethics: Some(Digest([0xe2; 32])),
            abroad: None,
            subject: Subject::Cohort,
            query: Digest([0x91; 32]),
            epsilon: chance.pick(&[0, 300_000, 1_000_000]),
        })
    }

    /// Something that must be refused, or that the claims must bear.
    fn misdeed(&self, known: &Known, chance: &mut Chance) -> Option<Action> {
        let requests: Vec<_> = known.claims.requests.iter().collect();
        let releases: Vec<_> = known.claims.releases.iter().collect();
        let some_request = (!requests.is_empty()).then(|| requests[chance.index(requests.len())]);
        let some_release = (!releases.is_empty()).then(|| releases[chance.index(releases.len())]);
        let (choice, rare) = (chance.index(10), chance.index(6));
        match choice {
            // What was never granted, what is over, what is another's; picked long ago, of too few, by another plan, over the budget.
            0..4 => {
                let (request, asked) = some_request?;
                let dataset = *asked.ask.datasets.first()?;
                let height = known.height.saturating_sub(chance.between(0, 15));
                let patients = if rare == 0 { 2 } else { PATIENTS as u64 };
                let mut figures = figures(height, asked.ask.epsilon, patients);
                match rare {
                    1 => figures.plan = Digest([9; 32]),
                    2 => figures.epsilon += 1,
                    3 => figures.risk_ppm = 900_000,
                    4 => (figures.added, figures.removed) = (1, 1),
                    _ => {}
                }
                let before = known.claims.releases.get(&ReleaseId::derive(*request, dataset));
                let version = before.map_or(0, |posted| posted.versions.len() as u64) + 1;
                Some(ReleasePost { request: *request, dataset, version, figures }.into())
            }
            // Another's release, or an older version of one.
            4..7 => {
                let (release, posted) = some_release?;
                let last = posted.versions.len() as u64;
                let version = if rare < 2 { last.saturating_sub(1) } else { last };
                Some(AccessRequest { release: *release, version, keys: Default::default() }.into())
            }
            7 => {
                let mut ask = self.query(known, chance)?;
                match rare {
                    0 => ask.epsilon = 1_000_001,
                    1 => ask.purposes = set([Purpose::ClinicalCare]),
                    2 => ask.commercial = true,
                    3 => ask.ethics = None,
                    _ => {}
                }
                Some(RequestSubmit { ask }.into())
            }
            8 => Some(match rare {
                0 => {
                    let dataset = *known.claims.datasets.keys().next()?;
                    BudgetSet { dataset, ceiling: u64::MAX }.into()
                }
                1 => {
                    let contract = *known.claims.contracts.keys().next()?;
                    ContractSetStanding { contract, standing: Standing::Closed }.into()
                }
                _ => RequestCancel { request: *some_request?.0 }.into(),
            }),
            _ => Some(match rare {
                0..3 => RequestVote { request: *some_request?.0, approve: true }.into(),
                3 => {
                    let (object, cause) =
                        (ObjectRef::release(*some_release?.0), DestructionCause::Withdrawal);
                    DestructionOrder { object, cause }.into()
                }
                _ => AuditChallenge { release: *some_release?.0, version: 1, rows: 10, reader: reader() }
                    .into(),
            }),
        }
    }
}

/// A hospital's dataset, its budget, its patients, and a contract over it alone.
fn founding(consortium: &Consortium, hospital: usize, has_custodian: bool) -> VecDeque<Action> {
    let dataset = dataset(consortium, hospital);
    let fingerprint = Fingerprint {
        root: Digest([1; 32]),
        count: 1_000,
        schema: Digest([2; 32]),
        level: Level::new(4).unwrap(),
        suite: HashSuite::International,
    };
    let mut founding: VecDeque<Action> = VecDeque::new();
    if !has_custodian {
        founding.push_back(DatasetRegister { label: slug("visits"), version: 1, fingerprint }.into());
        founding.push_back(BudgetSet { dataset, ceiling: 4_000_000 }.into());
    }
    for number in 0..PATIENTS {
        let (code, until_ms) = (code(hospital, number).public(), GENESIS_MS + DAY_MS);
        founding.push_back(PatientInvite { code, until_ms, guardians: set([]) }.into());
    }
    if has_custodian {
        founding.push_back(BudgetSet { dataset, ceiling: 4_000_000 }.into());
    }
    let nobody = Approvals { committee: set([]), needed: 0 };
    let terms = terms(consortium, hospital, &[hospital], nobody);
    // One of the two has a policy besides.
    let (label, revision, policy) = (slug("own"), 1, POLICY.to_owned());
    founding.push_back(match hospital {
        0 => ContractPublish { label, revision, terms }.into(),
        _ => ContractPublishWithPolicy { label, revision, terms, policy }.into(),
    });
    founding
}

fn terms(consortium: &Consortium, owner: usize, datasets: &[usize], approvals: Approvals) -> Terms {
    let particulars = Particulars {
        owner: consortium.organisations[owner].id,
        datasets: set(datasets.iter().map(|hospital| dataset(consortium, *hospital))),
        plan: plan(),
        ethics: Digest([0xe1; 32]),
        now_ms: GENESIS_MS,
        committee: approvals.committee.clone(),
    };
    Terms {
        min_cohort: 5,
        epsilon: Epsilon { per_request: 1_000_000, total: 2_500_000, per_recipient: 3_500_000 },
        rate: RateLimit { per_account: 500, per_organisation: 500, window_ms: DAY_MS },
        approvals,
        ..Template::ClinicalResearch.terms(&particulars)
    }
}

fn figures(cohort_at: u64, epsilon: u64, patients: u64) -> Figures {
    Figures {
        dataset_version: 1,
        cohort_at,
        root: Digest([0x77; 32]),
        patients,
        records: 60,
        suppressed: 0,
        seed: Digest([0x5e; 32]),
        plan: plan(),
        engine: slug("medveil-0-1-0"),
        risk_ppm: 50_000,
        utility_ppm: 900_000,
        epsilon,
        added: 0,
        removed: 0,
        custody: None,
    }
}

fn dataset(consortium: &Consortium, hospital: usize) -> DatasetId {
    DatasetId::derive(consortium.chain, consortium.organisations[hospital].id, slug("visits"))
}

fn contract(consortium: &Consortium, publisher: usize, label: &str) -> ContractId {
    ContractId::derive(consortium.chain, consortium.organisations[publisher].id, slug(label))
}
