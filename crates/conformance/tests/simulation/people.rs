//! People who live with contracts while machines fail: what they know of the chain, and the patients among them. [`desk`](crate::desk) has the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard},
};

use medveil_chain::{Block, Bytes};
use medveil_ledger::{
    AccountId, Action, BlockContext, BlockOutcome, ChallengeId, ConsentId, Digest, Event, ExecuteError, Key,
    Missing, ObjectRef, OrganisationId, Outcome, Receipt, ReleaseId, RequestId, SigningKey, Slug, Snapshot,
    Transaction, Verified,
    action::{AccessRequest, ConsentGrant, ConsentNarrow, ConsentWithdraw, PatientEnrol},
    block_reads,
    bounded::BoundedSet,
    encoding::Canonical as _,
    execute_block, reads,
    state::key,
    vocabulary::{Commerce, DataClass, DataClasses, Effect, Provision, Provisions, Purpose, Recipients},
};

use crate::{
    chance::Chance,
    claims::Claims,
    consortium::{Consortium, GENESIS_MS, desk_key},
    run::Cluster,
    watch::{Acknowledged, Failure},
};

/// Patients of each of the two hospitals that have datasets.
pub const PATIENTS: usize = 8;

/// Withdrawals of a run after which nodes are asked.
const PROBES: usize = 3;

/// What whoever follows the final blocks knows.
pub struct Known {
    pub claims: Claims,
    pub state: BTreeMap<Key, Vec<u8>>,
    pub height: u64,
    pub time_ms: u64,
    pub challenges: BTreeMap<ChallengeId, Challenged>,
    pub votes: BTreeSet<(RequestId, OrganisationId)>,
    /// What is to be destroyed, and who has attested it.
    pub orders: BTreeMap<ObjectRef, BTreeSet<OrganisationId>>,
    /// Releases that were decided about.
    pub posts: BTreeSet<Digest>,
    /// What came of each block, from the first on.
    pub carried: Vec<Arc<Carried>>,
    /// Withdrawals whose patient was in a version of a release and does not permit it any more: after each, nodes are asked for an access to it.
    withdrawals: Vec<(u64, ReleaseId, u64)>,
    broken: bool,
}

/// What came of a block.
pub struct Carried {
    pub time_ms: u64,
    pub events: Vec<Event>,
    pub receipts: Vec<Receipt>,
    pub writes: BTreeMap<Key, Option<Vec<u8>>>,
}

/// A challenge.
pub struct Challenged {
    pub release: ReleaseId,
    pub by: OrganisationId,
    pub answered: bool,
    pub decided: bool,
}

impl Known {
    pub fn new(consortium: &Consortium) -> Self {
        let genesis = consortium.rules.genesis();
        Self {
            claims: Claims::new(genesis),
            state: genesis.writes(),
            height: 0,
            time_ms: GENESIS_MS,
            challenges: BTreeMap::new(),
            posts: BTreeSet::new(),
            votes: BTreeSet::new(),
            orders: BTreeMap::new(),
            carried: Vec::new(),
            withdrawals: Vec::new(),
            broken: false,
        }
    }

    /// Follows a final block.
    fn follow(&mut self, consortium: &Consortium, block: &Block) -> Result<(), Failure> {
        let (height, header) = (block.height(), block.header());
        let context = BlockContext {
            chain: consortium.chain,
            height,
            epoch: header.epoch,
            time_ms: header.time,
            epoch_end: consortium.chain_genesis.is_last_of_epoch(height),
        };
        let invalid = |what: String| Failure::Invalid { height, what };
        let broken = |what: String| Failure::Claim { height, what };
        // Whether they are signed, the judge looks at.
        let transactions = block.body().transactions.iter();
        let transactions: Vec<Verified> = transactions
            .map(|bytes| Transaction::decode(bytes).map(Transaction::assume_signature_verified))
            .collect::<Result<_, _>>()
            .map_err(|fault| invalid(fault.to_string()))?;
        let outcome = execute_block(&context, &transactions, &self.state)
            .map_err(|error| invalid(error.to_string()))?;
        let BlockOutcome { receipts, events, writes, .. } = outcome;
        for event in events.iter().filter(|event| event.transaction.is_none()) {
            if event.kind != "validators.chosen" || !context.epoch_end {
                return Err(broken(format!("`{}` has no author", event.kind)));
            }
        }
        for (transaction, receipt) in transactions.iter().zip(&receipts) {
            let digest = transaction.digest();
            if matches!(transaction.body().action, Action::ReleasePost(_)) {
                self.posts.insert(digest);
            }
            let told: Vec<_> =
                events.iter().filter(|event| event.transaction == Some(digest)).cloned().collect();
            self.claims.follow(&context, transaction, &receipt.outcome, &told).map_err(broken)?;
            if receipt.outcome == Outcome::Applied {
                self.applied(transaction);
                let touched = self.touched_by_withdrawal(transaction);
                self.withdrawals.extend(touched.map(|(release, version)| (height, release, version)));
            }
            for event in told.iter().filter(|event| event.kind == "destruction.ordered") {
                self.orders.entry(event.object).or_default();
            }
        }
        for (key, value) in &writes {
            match value {
                Some(value) => self.state.insert(*key, value.clone()),
                None => self.state.remove(key),
            };
        }
        self.carried.push(Arc::new(Carried { time_ms: header.time, events, receipts, writes }));
        (self.height, self.time_ms) = (height, header.time);
        Ok(())
    }

    /// A release that is used, with its version, if the patient who withdrew with this transaction is in it and does not permit it any more.
    fn touched_by_withdrawal(&self, transaction: &Transaction) -> Option<(ReleaseId, u64)> {
        let body = transaction.body();
        if !matches!(body.action, Action::ConsentWithdraw(_)) {
            return None;
        }
        let mut touched = self.claims.releases.iter().filter(|(_, posted)| {
            let asked = &self.claims.requests[&posted.request];
            let last = posted.versions.last().and_then(Option::as_ref);
            asked.is_open(self.time_ms)
                && !posted.failed
                && !posted.destroyed
                && last.is_some_and(|cohort| cohort.contains(&body.account))
                && !self.claims.permits(body.account, asked, self.time_ms)
        });
        touched.next().map(|(release, posted)| (*release, posted.versions.len() as u64))
    }

    fn applied(&mut self, transaction: &Transaction) {
        let (body, id) = (transaction.body(), transaction.digest().0);
        let by = self.claims.accounts[&body.account];
        match &body.action {
            Action::AuditChallenge(challenge) => {
                let release = challenge.release;
                let challenged = Challenged { release, by, answered: false, decided: false };
                self.challenges.insert(ChallengeId(id), challenged);
            }
            Action::AuditAnswer(answer) => {
                if let Some(challenge) = self.challenges.get_mut(&answer.challenge) {
                    challenge.answered = true;
                }
            }
            Action::AuditVerdict(verdict) => {
                if let Some(challenge) = self.challenges.get_mut(&verdict.challenge) {
                    challenge.decided = true;
                }
            }
            Action::RequestVote(vote) => {
                self.votes.insert((vote.request, by));
            }
            Action::DestructionAttest(attest) => {
                self.orders.entry(attest.object).or_default().insert(by);
            }
            _ => {}
        }
    }
}

impl Cluster {
    /// Lets people begin.
    pub fn people(self: &Arc<Self>) {
        let Some(people) = self.scenario.people.clone() else { return };
        for organisation in 0..self.scenario.size {
            let (cluster, people) = (self.clone(), people.clone());
            self.world.spawn(async move { cluster.desk(organisation, people).await });
        }
        for hospital in 0..2 {
            let (cluster, people) = (self.clone(), people.clone());
            let dishonest = people.dishonest.contains(&hospital);
            self.world.spawn(async move { cluster.patients(hospital, dishonest, people.pause).await });
        }
        for hospital in people.custodians.clone() {
            let (cluster, pause) = (self.clone(), people.pause);
            self.world.spawn(async move { cluster.custodian(hospital, pause).await });
        }
        let cluster = self.clone();
        self.world.spawn(async move { cluster.probe().await });
    }

    /// Follows the final blocks that were seen since, and looks whether they keep the claims.
    pub fn learn(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap();
        while !known.broken {
            let next = self.watch.seen().blocks.get(&(known.height + 1)).cloned();
            let Some(block) = next else { break };
            if let Err(failure) = known.follow(&self.consortium, &block) {
                known.broken = true;
                self.watch.fail(failure);
            }
        }
        known
    }

    /// Whether people still do something new.
    pub fn goes_on(&self) -> bool {
        self.world.now() < GENESIS_MS + 1_000 + self.scenario.ends
    }

    /// What an account does next, signed.
    pub fn next_of(
        &self,
        account: AccountId,
        signer: &SigningKey,
        nonce: u64,
        action: Action,
    ) -> Transaction {
        self.consortium.signed(account, signer, nonce, self.watch.height() + 900, action)
    }

    /// Hands a transaction in, mostly at home.
    pub async fn hand_in(&self, home: usize, transaction: &Transaction, chance: &mut Chance) {
        let (nonce, expires) = (transaction.body().nonce, transaction.body().expires);
        let promise = Acknowledged { by: 0, account: home, nonce, expires };
        self.submit(promise, &transaction.encode().into(), chance).await;
    }

    /// The patients of a hospital: each enrols with the code of its invitation, permits research, and changes its mind.
    async fn patients(self: Arc<Self>, hospital: usize, dishonest: bool, pause: u64) {
        let mut chance = Chance::new(self.scenario.seed ^ ((hospital as u64 + 1) << 40));
        let mut patients: Vec<Patient> =
            (0..PATIENTS).map(|number| Patient::new(&self.consortium, hospital, number)).collect();
        while self.goes_on() {
            let settled = patients.iter().all(|patient| patient.given > 0);
            let wait = if settled { chance.between(pause / 2, pause * 5 / 2) } else { 60 };
            self.world.sleep(wait).await;
            let place = if settled {
                chance.index(PATIENTS)
            } else {
                patients.iter().position(|patient| patient.given == 0).expect("one is not settled")
            };
            if !self.learn().claims.accounts.contains_key(&patients[place].handle) {
                continue;
            }
            if dishonest && chance.percent(15) {
                let other = &patients[(place + 1) % PATIENTS];
                let (victim, given) = (other.handle, other.given);
                self.impersonate(victim, &mut chance).await;
                if patients[place].given > 0 && given > 0 {
                    let consent = ConsentId::derive(self.consortium.chain, victim, given);
                    let forged = if chance.percent(50) {
                        ConsentWithdraw { consent }.into()
                    } else {
                        grant(victim, given + 1, permit(Purpose::GeneralResearch)).into()
                    };
                    self.patient_does(&mut patients[place], forged, &mut chance).await;
                }
                continue;
            }
            let action = patients[place].next(&self.consortium, &mut chance);
            self.patient_does(&mut patients[place], action, &mut chance).await;
        }
    }

    async fn patient_does(&self, patient: &mut Patient, action: Action, chance: &mut Chance) {
        let enrols = matches!(action, Action::PatientEnrol(_));
        let signer = if enrols { patient.code() } else { patient.wallet() };
        let transaction = self.next_of(patient.handle, &signer, patient.nonce, action);
        patient.nonce += 1;
        self.hand_in(patient.hospital, &transaction, chance).await;
    }

    /// Somebody signs for a patient, with a key of their own. No honest node that knows the state may take it; one that has no block yet judges by the signature alone, and what it takes goes no further than
    /// a proposal.
    async fn impersonate(&self, victim: AccountId, chance: &mut Chance) {
        let thief = SigningKey::ed25519([chance.between(1, 250) as u8; 32]);
        let action = PatientEnrol { wallet: thief.public() }.into();
        let expires = self.watch.height() + 900;
        let nonce = chance.between(0, 3);
        let forged = self.consortium.signed(victim, &thief, nonce, expires, action).encode().into();
        let member = chance.index(self.scenario.size);
        if let Some(engine) = self.engine(member)
            && engine.status().await.is_some_and(|status| status.tip.is_some())
            && engine.submit(vec![forged]).await[0].is_ok()
            && self.honest(member)
        {
            self.watch.fail(Failure::Impersonated { member });
        }
    }

    /// Asks every honest node that has the block of a withdrawal for an access to what the patient is in: a dry run on that node's own state.
    async fn probe(self: Arc<Self>) {
        let mut next = 0;
        while self.goes_on() && next < PROBES {
            self.world.sleep(100).await;
            let found = self.learn().withdrawals.get(next).copied();
            let Some((withdrawn_at, release, version)) = found else { continue };
            next += 1;
            let mut waiting: BTreeSet<usize> =
                self.seated().into_iter().filter(|member| self.honest(*member)).collect();
            for _ in 0..100 {
                for member in waiting.clone() {
                    let answer = self.would_grant(member, withdrawn_at, release, version).await;
                    let Some(granted_at) = answer else { continue };
                    waiting.remove(&member);
                    self.watch.seen().asked += 1;
                    if let Some(height) = granted_at {
                        self.watch.fail(Failure::StillOpen { member, height, withdrawn_at });
                    }
                }
                if waiting.is_empty() {
                    break;
                }
                self.world.sleep(100).await;
            }
        }
    }

    /// The height at which a member's node would grant an access; `Some(None)` if it would not; `None` if it cannot be asked, or does not have the block yet.
    async fn would_grant(
        &self,
        member: usize,
        from: u64,
        release: ReleaseId,
        version: u64,
    ) -> Option<Option<u64>> {
        let account = {
            let known = self.known.lock().unwrap();
            known.claims.requests[&known.claims.releases[&release].request].account
        };
        let organisations = &self.consortium.organisations;
        let signer = desk_key(organisations.iter().position(|other| other.desk == account)?);
        let engine = self.engine(member)?;
        let action = || -> Action { AccessRequest { release, version, keys: Default::default() }.into() };
        let probe = self.consortium.signed(account, &signer, 0, 1, action());
        let mut wanted: BTreeSet<Key> = block_reads().into_iter().chain(reads(probe.body())).collect();
        let nonce_key = key::nonce(&account);
        for _ in 0..12 {
            let keys: Vec<Key> = wanted.iter().copied().collect();
            let asked = keys.iter().map(|key| key.as_ref().to_vec()).collect();
            let (header, values) = engine.get(asked).await.ok()?;
            if header.height < from {
                return None;
            }
            let loaded = Loaded(keys.into_iter().zip(values).collect());
            let nonce = loaded.0[&nonce_key].as_deref().map_or(0, |bytes| u64::decode(bytes).unwrap());
            let height = header.height + 1;
            let context = BlockContext {
                chain: self.consortium.chain,
                height,
                epoch: self.consortium.chain_genesis.epoch_of(height),
                time_ms: header.time + 1,
                epoch_end: false,
            };
            let transaction = self.consortium.signed(account, &signer, nonce, height + 9, action());
            match execute_block(&context, &[transaction.assume_signature_verified()], &loaded) {
                Ok(outcome) => {
                    return Some((outcome.receipts[0].outcome == Outcome::Applied).then_some(height));
                }
                Err(ExecuteError::Missing(keys)) => wanted.extend(keys),
                Err(error) => panic!("a dry run on the state of member {member}: {error}"),
            }
        }
        None
    }
}

/// Values of a node's state.
struct Loaded(BTreeMap<Key, Option<Bytes>>);

impl Snapshot for Loaded {
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Missing> {
        let key = Key::from_slice(key).unwrap();
        self.0.get(&key).map(|value| value.as_deref()).ok_or(Missing(key))
    }
}

/// A patient, with what they have said.
struct Patient {
    hospital: usize,
    number: usize,
    handle: AccountId,
    nonce: u64,
    given: u32,
    open: Vec<u32>,
}

impl Patient {
    fn new(consortium: &Consortium, hospital: usize, number: usize) -> Self {
        let handle = AccountId::derive(consortium.chain, &code(hospital, number).public());
        Self { hospital, number, handle, nonce: 0, given: 0, open: Vec::new() }
    }

    fn code(&self) -> SigningKey {
        code(self.hospital, self.number)
    }

    fn wallet(&self) -> SigningKey {
        SigningKey::ed25519(seed(0xa1, self.hospital, self.number))
    }

    /// What they do next.
    fn next(&mut self, consortium: &Consortium, chance: &mut Chance) -> Action {
        if self.nonce == 0 {
            return PatientEnrol { wallet: self.wallet().public() }.into();
        }
        let choice = if self.given == 0 { 9 } else { chance.index(10) };
        match (choice, self.open.is_empty()) {
            (0..3, false) => {
                let number = self.open.remove(chance.index(self.open.len()));
                ConsentWithdraw { consent: ConsentId::derive(consortium.chain, self.handle, number) }.into()
            }
            (3, false) => {
                let number = self.open[chance.index(self.open.len())];
                let consent = ConsentId::derive(consortium.chain, self.handle, number);
                let provisions = Provisions::new(vec![permit(Purpose::GeneticResearch)]).unwrap();
                ConsentNarrow { consent, provisions }.into()
            }
            (4, false) if self.given < 8 => {
                let denial = Provision { effect: Effect::Deny, ..permit(Purpose::DiseaseResearch) };
                self.gives(denial)
            }
            _ if self.given < 12 => self.gives(permit(Purpose::HealthResearch)),
            // Enough was said: it is refused, as what is out of order.
            _ => grant(self.handle, 1, permit(Purpose::HealthResearch)).into(),
        }
    }

    fn gives(&mut self, provision: Provision) -> Action {
        self.given += 1;
        self.open.push(self.given);
        grant(self.handle, self.given, provision).into()
    }
}

/// The enrolment code of a patient.
pub fn code(hospital: usize, number: usize) -> SigningKey {
    SigningKey::ed25519(code_seed(hospital, number))
}

/// The seed of it.
pub fn code_seed(hospital: usize, number: usize) -> [u8; 32] {
    seed(0xc0, hospital, number)
}

pub fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

fn seed(of: u8, hospital: usize, number: usize) -> [u8; 32] {
    let mut seed = [of; 32];
    (seed[0], seed[1]) = (hospital as u8, number as u8);
    seed
}

fn grant(patient: AccountId, number: u32, provision: Provision) -> ConsentGrant {
    let provisions = Provisions::new(vec![provision]).unwrap();
    ConsentGrant { patient, number, provisions, form: Digest([7; 32]) }
}

fn permit(purpose: Purpose) -> Provision {
    Provision {
        effect: Effect::Permit,
        purposes: set([purpose]),
        recipients: Recipients::anyone(),
        classes: DataClasses::new(DataClass::ALL.iter().copied()).unwrap(),
        commerce: Commerce::Excluded,
        study: None,
        from_ms: GENESIS_MS,
        until_ms: GENESIS_MS + 3 * 365 * 86_400_000,
    }
}

pub fn set<T: Ord, const MIN: usize, const MAX: usize>(
    values: impl IntoIterator<Item = T>,
) -> BoundedSet<T, MIN, MAX> {
    BoundedSet::new(values).unwrap()
}
