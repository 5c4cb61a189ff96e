//! Hospitals with datasets, patients with wallets, and a contract between them.

use std::collections::BTreeSet;

use medveil_ledger::action::*;
use medveil_ledger::bounded::BoundedSet;
use medveil_ledger::state::dataset::{Fingerprint, HashSuite, Level};
use medveil_ledger::state::patient::Guardians;
use medveil_ledger::state::release::Figures;
use medveil_ledger::state::request::{Ask, Subject};
use medveil_ledger::template::{Particulars, Template};
use medveil_ledger::terms::Terms;
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;

use crate::common::{Chain, key, organisation};

pub const DAY_MS: u64 = 86_400_000;
pub const PLAN: Digest = Digest([0x51; 32]);

/// The enrolment code of a number.
pub fn code(number: u8) -> SigningKey {
    SigningKey::ed25519([
        number, 0xc0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1,
    ])
}

/// The wallet of a number.
pub fn wallet(number: u8) -> SigningKey {
    SigningKey::ed25519([
        number, 0xa1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
        2,
    ])
}

pub fn set<T: Ord, const MIN: usize, const MAX: usize>(
    values: impl IntoIterator<Item = T>,
) -> BoundedSet<T, MIN, MAX> {
    BoundedSet::new(values).unwrap()
}

impl Chain {
    /// A transaction of an account with a key that is not its first.
    pub fn submit_as(
        &mut self,
        account: AccountId,
        signer: &SigningKey,
        action: impl Into<Action>,
    ) -> Outcome {
        let transaction = self.transaction_as(account, signer, action);
        self.block(&[transaction]).receipts.remove(0).outcome
    }

    pub fn transaction_as(
        &self,
        account: AccountId,
        signer: &SigningKey,
        action: impl Into<Action>,
    ) -> Verified {
        let nonce = self.nonce(account);
        let body = Body { account, nonce, ..self.body(signer, action) };
        self.verified(body.sign(signer))
    }

    /// A transaction that must be refused; its reason's name.
    pub fn refused_as(
        &mut self,
        account: AccountId,
        signer: &SigningKey,
        action: impl Into<Action>,
    ) -> String {
        match self.submit_as(account, signer, action) {
            Outcome::Refused(reason) => reason.name.into_owned(),
            Outcome::Applied => panic!("the action was applied"),
        }
    }

    pub fn apply_as(&mut self, account: AccountId, signer: &SigningKey, action: impl Into<Action>) {
        assert_eq!(self.submit_as(account, signer, action), Outcome::Applied);
    }

    /// Lets time go by: a second a height.
    pub fn wait_ms(&mut self, ms: u64) {
        self.height += ms.div_ceil(1000);
    }

    pub fn now_ms(&self) -> u64 {
        self.next_block().time_ms
    }

    /// The id of the last transaction that was executed.
    pub fn last_transaction(&self) -> Digest {
        self.events.last().unwrap().transaction.unwrap()
    }

    /// A patient of hospital `member` with the code and the wallet of a number.
    pub fn patient(&mut self, member: u8, number: u8) -> AccountId {
        let patient = self.invited(member, number, set([]));
        self.apply_as(patient, &code(number), PatientEnrol { wallet: wallet(number).public() });
        patient
    }

    pub fn invited(&mut self, member: u8, number: u8, guardians: Guardians) -> AccountId {
        let until_ms = self.now_ms() + DAY_MS;
        self.apply_action(&key(member), PatientInvite { code: code(number).public(), until_ms, guardians });
        self.account(&code(number))
    }

    /// A dataset `visits` of hospital `member`.
    pub fn dataset(&mut self, member: u8) -> DatasetId {
        let label = Slug::new("visits").unwrap();
        let owner = organisation(crate::common::MEMBERS[usize::from(member) - 1]);
        let id = DatasetId::derive(self.id, owner, label);
        let version = self.latest::<state::dataset::Dataset>(&id).map_or(0, |dataset| dataset.version) + 1;
        self.apply_action(
            &key(member),
            DatasetRegister { label, version, fingerprint: fingerprint(version as u8) },
        );
        id
    }

    /// The consent of a patient whose wallet is that of a number.
    pub fn consent(&mut self, patient: AccountId, number: u8, provision: Provision) -> ConsentId {
        let count = self.latest::<state::patient::Patient>(&patient).unwrap().value.consents + 1;
        self.apply_as(patient, &wallet(number), grant(patient, count, vec![provision]));
        ConsentId::derive(self.id, patient, count)
    }

    pub fn publish(&mut self, member: u8, label: &str, terms: Terms) -> ContractId {
        let label = Slug::new(label).unwrap();
        let owner = organisation(crate::common::MEMBERS[usize::from(member) - 1]);
        let id = ContractId::derive(self.id, owner, label);
        let revision =
            self.latest::<state::contract::Contract>(&id).map_or(0, |before| before.value.revision) + 1;
        self.apply_action(&key(member), ContractPublish { label, revision, terms });
        id
    }

    pub fn publish_with_policy(&mut self, member: u8, label: &str, terms: Terms, policy: &str) -> ContractId {
        let (label, policy) = (Slug::new(label).unwrap(), policy.to_owned());
        let owner = organisation(crate::common::MEMBERS[usize::from(member) - 1]);
        let id = ContractId::derive(self.id, owner, label);
        let revision =
            self.latest::<state::contract::Contract>(&id).map_or(0, |before| before.value.revision) + 1;
        self.apply_action(&key(member), ContractPublishWithPolicy { label, revision, terms, policy });
        id
    }

    /// A request that is taken.
    pub fn request(&mut self, member: u8, ask: Ask) -> RequestId {
        let transaction = self.transaction(&key(member), RequestSubmit { ask });
        let id = RequestId(transaction.digest().0);
        let outcome = self.block(&[transaction]);
        assert_eq!(outcome.receipts[0].outcome, Outcome::Applied);
        id
    }

    pub fn decided(&self, request: RequestId) -> state::request::Request {
        self.latest::<state::request::Request>(&request).unwrap().value
    }

    /// An access that is granted.
    pub fn access(&mut self, member: u8, release: ReleaseId, version: u64) -> AccessId {
        let action = AccessRequest { release, version, keys: Default::default() };
        let transaction = self.transaction(&key(member), action);
        let id = AccessId(transaction.digest().0);
        let outcome = self.block(&[transaction]);
        assert_eq!(outcome.receipts[0].outcome, Outcome::Applied);
        id
    }
}

pub fn fingerprint(root: u8) -> Fingerprint {
    Fingerprint {
        root: Digest([root; 32]),
        count: 1000,
        schema: Digest([2; 32]),
        level: Level::new(4).unwrap(),
        suite: HashSuite::International,
    }
}

pub fn grant(patient: AccountId, number: u32, provisions: Vec<Provision>) -> ConsentGrant {
    ConsentGrant { patient, number, provisions: Provisions::new(provisions).unwrap(), form: Digest([7; 32]) }
}

/// Permits research on health by anyone, for three years.
pub fn permit(chain: &Chain, purpose: Purpose) -> Provision {
    Provision {
        effect: Effect::Permit,
        purposes: set([purpose]),
        recipients: Recipients::anyone(),
        classes: DataClasses::new(DataClass::ALL.iter().copied()).unwrap(),
        commerce: Commerce::Excluded,
        study: None,
        from_ms: chain.genesis.time_ms,
        until_ms: chain.genesis.time_ms + 3 * 365 * DAY_MS,
    }
}

pub fn particulars(chain: &Chain, owner: &str, datasets: impl IntoIterator<Item = DatasetId>) -> Particulars {
    Particulars {
        owner: organisation(owner),
        datasets: set(datasets),
        plan: PLAN,
        ethics: Digest([0xe1; 32]),
        now_ms: chain.genesis.time_ms,
        committee: set([
            organisation("hospital-1"),
            organisation("regulator-1"),
            organisation("regulator-2"),
        ]),
    }
}

/// Clinical research without a committee, for cohorts of at least five.
pub fn research(chain: &Chain, datasets: impl IntoIterator<Item = DatasetId>) -> Terms {
    let mut terms = Template::ClinicalResearch.terms(&particulars(chain, "hospital-1", datasets));
    terms.min_cohort = 5;
    terms.approvals = nobody();
    terms
}

pub fn nobody() -> terms::Approvals {
    terms::Approvals { committee: set([]), needed: 0 }
}

pub fn consultation(chain: &Chain, datasets: impl IntoIterator<Item = DatasetId>) -> Terms {
    Template::TeleConsultation.terms(&particulars(chain, "hospital-1", datasets))
}

/// What is asked for under [`research`].
pub fn ask(contract: ContractId, datasets: impl IntoIterator<Item = DatasetId>) -> Ask {
    Ask {
        contract,
        revision: 1,
        datasets: set(datasets),
        purposes: set([Purpose::DiseaseResearch]),
        classes: set([DataClass::Observations]),
        commercial: false,
        undertakings: set([]),
        ethics: Some(Digest([0xe2; 32])),
        abroad: None,
        subject: Subject::Cohort,
        query: Digest([0x91; 32]),
        epsilon: 1_000_000,
    }
}

/// What is asked for under [`consultation`].
pub fn ask_about(contract: ContractId, dataset: DatasetId, patient: AccountId) -> Ask {
    Ask {
        purposes: set([Purpose::TeleConsultation]),
        subject: Subject::Patient { patient, salt: None },
        epsilon: 0,
        ..ask(contract, [dataset])
    }
}

/// What a custodian says of a release of patients as they are now.
pub fn figures(chain: &Chain) -> Figures {
    Figures {
        dataset_version: 1,
        cohort_at: chain.height,
        root: Digest([0x77; 32]),
        patients: 6,
        records: 60,
        suppressed: 0,
        seed: Digest([0x5e; 32]),
        plan: PLAN,
        engine: Slug::new("medveil-0-1-0").unwrap(),
        risk_ppm: 50_000,
        utility_ppm: 900_000,
        epsilon: 1_000_000,
        added: 0,
        removed: 0,
        custody: None,
    }
}

/// A hospital with a dataset, six consenting patients, a research contract, and a request that hospital-3 was granted.
pub struct Granted {
    pub chain: Chain,
    pub dataset: DatasetId,
    pub contract: ContractId,
    pub patients: Vec<AccountId>,
    pub consents: Vec<ConsentId>,
    pub request: RequestId,
    pub release: ReleaseId,
}

/// The member that asks.
pub const RESEARCHER: u8 = 3;

pub fn granted_with(change: impl FnOnce(&mut Terms)) -> Granted {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let (mut patients, mut consents) = (Vec::new(), Vec::new());
    for number in 1..=6 {
        let patient = chain.patient(1, number);
        let provision = permit(&chain, Purpose::HealthResearch);
        consents.push(chain.consent(patient, number, provision));
        patients.push(patient);
    }
    let mut terms = research(&chain, [dataset]);
    change(&mut terms);
    let contract = chain.publish(1, "research", terms);
    let request = chain.request(RESEARCHER, ask(contract, [dataset]));
    let release = ReleaseId::derive(request, dataset);
    Granted { chain, dataset, contract, patients, consents, request, release }
}

pub fn granted() -> Granted {
    granted_with(|_| {})
}

impl Granted {
    pub fn post(&self, version: u64) -> ReleasePost {
        ReleasePost { request: self.request, dataset: self.dataset, version, figures: figures(&self.chain) }
    }

    pub fn released(mut self) -> Self {
        let post = self.post(1);
        self.chain.apply_action(&key(1), post);
        self
    }

    pub fn access(&self, version: u64) -> AccessRequest {
        AccessRequest { release: self.release, version, keys: Default::default() }
    }

    /// A change of the request that is refused when it is made anew by another member.
    pub fn refused(&mut self, change: impl FnOnce(&mut Ask)) -> String {
        let mut ask = ask(self.contract, [self.dataset]);
        change(&mut ask);
        self.chain.refused(&key(4), RequestSubmit { ask }).name.into_owned()
    }
}

pub fn organisations(names: &[&str]) -> BTreeSet<OrganisationId> {
    names.iter().map(|name| organisation(name)).collect()
}
