//! Properties over several hospitals, contracts, studies, recipients and accounts: nobody gets round a budget, a withdrawal or the guard against differences by taking the pieces of a query
//! elsewhere. Custodians are honest here and state true figures; what a dishonest one could state, auditors find (`challenges.rs`).

use std::collections::BTreeMap;

use medveil_ledger::action::*;
use medveil_ledger::role::Capacity;
use medveil_ledger::state::budget::Budget;
use medveil_ledger::state::contract::Standing;
use medveil_ledger::state::patient::Patient;
use medveil_ledger::state::release::Figures;
use medveil_ledger::terms::{Approvals, Epsilon, RateLimit, Terms};
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;
use proptest::prelude::*;

use crate::claims::{Claims, Cohort};
use crate::common::{Chain, key, organisation};
use crate::scene::*;

/// Patients 1 to 9 are of hospital 1, 10 to 16 of hospital 2.
const PATIENTS: u8 = 16;
const FIRST_OF_SECOND: u8 = 10;
const PURPOSES: [Purpose; 3] = [Purpose::DiseaseResearch, Purpose::HealthResearch, Purpose::GeneticResearch];
/// In millionths.
const EPSILONS: [u64; 4] = [0, 400_000, 1_000_000, 1_200_000];
const CEILING: u64 = 4_000_000;
const CONTRACTS: usize = 4;

/// Who asks: the administrators of two hospitals, and a doctor at the first of them.
const RECIPIENTS: [u8; 3] = [3, 4, 33];

struct World {
    chain: Chain,
    claims: Claims,
    datasets: [DatasetId; 2],
    contracts: [ContractId; CONTRACTS],
    patients: Vec<AccountId>,
    /// All requests that were taken, with who asked.
    requests: Vec<(u8, RequestId, Vec<DatasetId>)>,
    /// Patients whom a custodian has picked, and has not posted yet.
    picks: BTreeMap<(RequestId, DatasetId), (u64, Cohort)>,
}

#[derive(Clone, Debug)]
enum Step {
    Grant { patient: u8, purpose: usize, deny: bool },
    Narrow { patient: u8, number: u32 },
    Withdraw { patient: u8, number: u32 },
    Ask { by: usize, contract: usize, purpose: usize, epsilon: usize, both: bool },
    Vote { voter: u8, request: usize, approve: bool },
    Cancel { request: usize },
    Pick { request: usize, second: bool },
    Post { request: usize, second: bool, leave_out: u8 },
    Access { by: usize, request: usize, second: bool },
    Ceiling { second: bool, millionths: u64 },
    Stand { contract: usize, standing: Standing },
    Wait { days: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let patient = 1..=PATIENTS;
    let (by, contract, request) = (0..RECIPIENTS.len(), 0..CONTRACTS, 0usize..6);
    prop_oneof![
        4 => (patient.clone(), 0usize..3, prop::bool::weighted(0.2))
            .prop_map(|(patient, purpose, deny)| Step::Grant { patient, purpose, deny }),
        1 => (patient.clone(), 1u32..3).prop_map(|(patient, number)| Step::Narrow { patient, number }),
        3 => (patient, 1u32..4).prop_map(|(patient, number)| Step::Withdraw { patient, number }),
        8 => (by.clone(), contract.clone(), 0usize..3, 0usize..4, any::<bool>()).prop_map(
            |(by, contract, purpose, epsilon, both)| Step::Ask { by, contract, purpose, epsilon, both }),
        5 => (prop_oneof![Just(1u8), Just(6), Just(7), Just(2)], request.clone(), prop::bool::weighted(0.8))
            .prop_map(|(voter, request, approve)| Step::Vote { voter, request, approve }),
        1 => request.clone().prop_map(|request| Step::Cancel { request }),
        2 => (request.clone(), any::<bool>()).prop_map(|(request, second)| Step::Pick { request, second }),
        9 => (request.clone(), any::<bool>(), prop_oneof![3 => Just(0u8), 1 => 1u8..6])
            .prop_map(|(request, second, leave_out)| Step::Post { request, second, leave_out }),
        8 => (by, request, any::<bool>()).prop_map(|(by, request, second)| Step::Access { by, request, second }),
        1 => (any::<bool>(), 0u64..6_000_000).prop_map(|(second, millionths)| Step::Ceiling { second, millionths }),
        1 => (contract, prop_oneof![1 => Just(Standing::Frozen), 2 => Just(Standing::Open)])
            .prop_map(|(contract, standing)| Step::Stand { contract, standing }),
        1 => (1u64..70).prop_map(|days| Step::Wait { days }),
    ]
}

impl World {
    fn new() -> Self {
        let chain = Chain::new();
        let claims = Claims::new(&chain.genesis);
        let (datasets, contracts) = ([DatasetId([0; 32]); 2], [ContractId([0; 32]); CONTRACTS]);
        let (patients, requests, picks) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut world = World { chain, claims, datasets, contracts, patients, requests, picks };
        world.found();
        world
    }

    /// Two hospitals with datasets and patients, and contracts of several studies over them.
    fn found(&mut self) {
        let label = Slug::new("visits").unwrap();
        for (place, member) in [1u8, 2].into_iter().enumerate() {
            let owner = organisation(crate::common::MEMBERS[place]);
            self.datasets[place] = DatasetId::derive(self.chain.id, owner, label);
            self.must(&key(member), DatasetRegister { label, version: 1, fingerprint: fingerprint(1) });
            self.must(&key(member), BudgetSet { dataset: self.datasets[place], ceiling: CEILING });
        }
        self.must(&key(3), AccountCreate { key: key(33).public(), capacity: Capacity::Staff });
        for number in 1..=PATIENTS {
            let hospital = if number < FIRST_OF_SECOND { 1 } else { 2 };
            let until_ms = self.chain.now_ms() + DAY_MS;
            let invite = PatientInvite { code: code(number).public(), until_ms, guardians: set([]) };
            self.must(&key(hospital), invite);
            let patient = self.chain.account(&code(number));
            self.patients.push(patient);
            self.must_as(patient, &code(number), PatientEnrol { wallet: wallet(number).public() });
            let permit = permit(&self.chain, Purpose::HealthResearch);
            self.must_as(patient, &wallet(number), grant(patient, 1, vec![permit]));
        }
        let study = |label: &str| {
            StudyId::derive(self.chain.id, organisation("hospital-1"), Slug::new(label).unwrap())
        };
        let [first, second] = self.datasets;
        let terms = |datasets: &[DatasetId], of: Option<&str>, min_cohort| Terms {
            study: of.map(study),
            epsilon: Epsilon { per_request: 1_000_000, total: 2_500_000, per_recipient: 3_000_000 },
            rate: RateLimit { per_account: 40, per_organisation: 60, window_ms: DAY_MS },
            min_cohort,
            ..research(&self.chain, datasets.iter().copied())
        };
        let committee =
            set([organisation("hospital-1"), organisation("regulator-1"), organisation("regulator-2")]);
        let all = [
            (1u8, "one", terms(&[first], Some("one"), 5)),
            (
                1,
                "two",
                Terms { approvals: Approvals { committee, needed: 2 }, ..terms(&[first], Some("two"), 6) },
            ),
            (1, "centres", terms(&[first, second], Some("centres"), 5)),
            (2, "other", terms(&[second], None, 5)),
        ];
        for (place, (member, label, terms)) in all.into_iter().enumerate() {
            let owner = organisation(crate::common::MEMBERS[usize::from(member) - 1]);
            let label = Slug::new(label).unwrap();
            self.contracts[place] = ContractId::derive(self.chain.id, owner, label);
            self.must(&key(member), ContractPublish { label, revision: 1, terms });
        }
        self.must(&key(2), ContractCountersign { contract: self.contracts[2], revision: 1 });
    }

    fn must(&mut self, signer: &SigningKey, action: impl Into<Action>) {
        let account = self.chain.account(signer);
        self.must_as(account, signer, action);
    }

    fn must_as(&mut self, account: AccountId, signer: &SigningKey, action: impl Into<Action>) {
        let transaction = self.chain.transaction_as(account, signer, action);
        assert_eq!(self.execute(&[transaction]).unwrap(), [Outcome::Applied]);
    }

    /// Executes a block, and has the claims follow each of its transactions.
    fn execute(&mut self, transactions: &[Verified]) -> Result<Vec<Outcome>, TestCaseError> {
        let block = self.chain.next_block();
        let outcome = execute_block(&block, transactions, &self.chain.state).unwrap();
        let mut outcomes = Vec::new();
        for (transaction, receipt) in transactions.iter().zip(&outcome.receipts) {
            let digest = transaction.digest();
            prop_assert_eq!(receipt.transaction, digest);
            let told: Vec<Event> =
                outcome.events.iter().filter(|event| event.transaction == Some(digest)).cloned().collect();
            let followed = self.claims.follow(&block, transaction, &receipt.outcome, &told);
            prop_assert!(followed.is_ok(), "{}", followed.unwrap_err());
            outcomes.push(receipt.outcome.clone());
        }
        self.chain.apply(&block, &outcome);
        // What the ledger says was spent is what the claims have counted.
        let counted = self.contracts.iter().map(|contract| ObjectRef::contract(*contract));
        let datasets = self.datasets.iter().map(|dataset| ObjectRef::dataset(*dataset));
        let recipients = [3, 4]
            .map(|member: usize| ObjectRef::organisation(organisation(crate::common::MEMBERS[member - 1])));
        for of in counted.chain(datasets).chain(recipients) {
            let kept = self.chain.latest::<Budget>(&of).map_or(0, |budget| budget.value.spent);
            prop_assert_eq!(kept, self.claims.spent(&of), "{}", of);
        }
        Ok(outcomes)
    }

    fn dataset(&self, second: bool) -> DatasetId {
        self.datasets[usize::from(second)]
    }

    /// The transaction of a step in a block, in which the accounts have sent so many before.
    fn transaction(&mut self, step: &Step, sent: &BTreeMap<AccountId, u64>) -> Option<Verified> {
        let request = |place: &usize| self.requests.iter().rev().nth(*place).cloned();
        let chain = &self.chain;
        let (account, signer, action): (AccountId, SigningKey, Action) = match step {
            Step::Grant { patient, purpose, deny } => {
                let id = self.patients[usize::from(*patient) - 1];
                let said = sent.get(&id).copied().unwrap_or(0) as u32;
                let number = chain.latest::<Patient>(&id).unwrap().value.consents + 1 + said;
                let mut provision = permit(chain, PURPOSES[*purpose]);
                if *deny {
                    provision.effect = Effect::Deny;
                }
                (id, wallet(*patient), grant(id, number, vec![provision]).into())
            }
            Step::Narrow { patient, number } => {
                let id = self.patients[usize::from(*patient) - 1];
                let consent = ConsentId::derive(chain.id, id, *number);
                let provisions = Provisions::new(vec![permit(chain, Purpose::GeneticResearch)]).unwrap();
                (id, wallet(*patient), ConsentNarrow { consent, provisions }.into())
            }
            Step::Withdraw { patient, number } => {
                let id = self.patients[usize::from(*patient) - 1];
                let consent = ConsentId::derive(chain.id, id, *number);
                (id, wallet(*patient), ConsentWithdraw { consent }.into())
            }
            Step::Ask { by, contract, purpose, epsilon, both } => {
                let datasets = match contract {
                    0 | 1 => vec![self.datasets[0]],
                    2 if *both => self.datasets.to_vec(),
                    _ => vec![self.datasets[1]],
                };
                let mut ask = ask(self.contracts[*contract], datasets);
                (ask.purposes, ask.epsilon) = (set([PURPOSES[*purpose]]), EPSILONS[*epsilon]);
                let signer = key(RECIPIENTS[*by]);
                (chain.account(&signer), signer, RequestSubmit { ask }.into())
            }
            Step::Vote { voter, request: place, approve } => {
                let (_, request, _) = request(place)?;
                let signer = key(*voter);
                (chain.account(&signer), signer, RequestVote { request, approve: *approve }.into())
            }
            Step::Cancel { request: place } => {
                let (by, request, _) = request(place)?;
                (chain.account(&key(by)), key(by), RequestCancel { request }.into())
            }
            Step::Post { request: place, second, leave_out } => {
                let (_, request, _) = request(place)?;
                let dataset = self.dataset(*second);
                let (cohort_at, mut cohort) = match self.picks.remove(&(request, dataset)) {
                    Some(picked) => picked,
                    None => (chain.height, self.claims.covered(request, dataset, chain.now_ms())?),
                };
                // The query is about fewer.
                for _ in 0..*leave_out {
                    cohort.pop_first();
                }
                return Some(self.post(request, dataset, cohort_at, cohort, sent, u8::from(*second) + 1));
            }
            Step::Access { by, request: place, second } => {
                let (_, request, _) = request(place)?;
                let release = ReleaseId::derive(request, self.dataset(*second));
                let version = chain.latest::<state::release::Release>(&release)?.version;
                let signer = key(RECIPIENTS[*by]);
                let access = AccessRequest { release, version, keys: Default::default() };
                (chain.account(&signer), signer, access.into())
            }
            Step::Ceiling { second, millionths } => {
                let signer = key(u8::from(*second) + 1);
                let action = BudgetSet { dataset: self.dataset(*second), ceiling: *millionths };
                (chain.account(&signer), signer, action.into())
            }
            Step::Stand { contract, standing } => {
                let signer = key(if *contract == 3 { 2 } else { 1 });
                let action = ContractSetStanding { contract: self.contracts[*contract], standing: *standing };
                (chain.account(&signer), signer, action.into())
            }
            Step::Pick { .. } | Step::Wait { .. } => return None,
        };
        Some(self.signed(account, &signer, action, sent))
    }

    fn signed(
        &self,
        account: AccountId,
        signer: &SigningKey,
        action: Action,
        sent: &BTreeMap<AccountId, u64>,
    ) -> Verified {
        let nonce = self.chain.nonce(account) + sent.get(&account).copied().unwrap_or(0);
        let body = Body { account, nonce, ..self.chain.body(signer, action) };
        self.chain.verified(body.sign(signer))
    }

    /// What an honest custodian posts of a cohort, with the true differences.
    fn post(
        &mut self,
        request: RequestId,
        dataset: DatasetId,
        cohort_at: u64,
        cohort: Cohort,
        sent: &BTreeMap<AccountId, u64>,
        owner: u8,
    ) -> Verified {
        let release = ReleaseId::derive(request, dataset);
        let version =
            self.chain.latest::<state::release::Release>(&release).map_or(0, |release| release.version) + 1;
        let (added, removed) = self.claims.differences(request, dataset, &cohort);
        let epsilon = self.chain.decided(request).ask.epsilon;
        let patients = cohort.len() as u64;
        let figures = Figures { cohort_at, patients, added, removed, epsilon, ..figures(&self.chain) };
        let action = ReleasePost { request, dataset, version, figures };
        let signer = key(owner);
        let posted = self.signed(self.chain.account(&signer), &signer, action.into(), sent);
        self.claims.picked(posted.digest(), cohort);
        posted
    }

    /// Carries out steps in one block.
    fn take(&mut self, steps: &[Step]) -> Result<(), TestCaseError> {
        let (mut transactions, mut sent) = (Vec::new(), BTreeMap::new());
        // The block's time is the same for all that is in it.
        for step in steps {
            if let Step::Wait { days } = step {
                self.chain.wait_ms(days * DAY_MS);
            }
        }
        for step in steps {
            match step {
                Step::Wait { .. } => {}
                Step::Pick { request, second } => {
                    let dataset = self.dataset(*second);
                    if let Some((_, request, _)) = self.requests.iter().rev().nth(*request).cloned()
                        && let Some(cohort) = self.claims.covered(request, dataset, self.chain.now_ms())
                    {
                        self.picks.insert((request, dataset), (self.chain.height, cohort));
                    }
                }
                step => {
                    if let Some(transaction) = self.transaction(step, &sent) {
                        *sent.entry(transaction.body().account).or_default() += 1;
                        transactions.push((step.clone(), transaction));
                    }
                }
            }
        }
        let block: Vec<Verified> = transactions.iter().map(|(_, transaction)| transaction.clone()).collect();
        let outcomes = self.execute(&block)?;
        for ((step, transaction), outcome) in transactions.iter().zip(outcomes) {
            if let (Step::Ask { by, .. }, Outcome::Applied) = (step, outcome) {
                let Action::RequestSubmit(submitted) = &transaction.body().action else { unreachable!() };
                let datasets = submitted.ask.datasets.iter().copied().collect();
                self.requests.push((RECIPIENTS[*by], RequestId(transaction.digest().0), datasets));
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whoever asks for whatever under whatever contract of whatever hospital: the claims of `claims.rs` hold, in blocks of several transactions too.
    #[test]
    fn nobody_gets_round_budgets_withdrawals_and_differences_by_splitting(
        blocks in proptest::collection::vec(proptest::collection::vec(step(), 1..5), 1..40),
    ) {
        let mut world = World::new();
        for steps in &blocks {
            world.take(steps)?;
        }
    }
}

#[test]
fn the_property_comes_to_what_it_is_about() {
    let mut world = World::new();
    let ask = |by, contract, epsilon| Step::Ask { by, contract, purpose: 0, epsilon, both: true };
    let post = |request, leave_out| Step::Post { request, second: false, leave_out };
    let access = |by, request| Step::Access { by, request, second: false };
    // The same query, a patient less, under another contract, of a study of its own, by another account.
    world.take(&[ask(0, 0, 2)]).unwrap();
    world.take(&[ask(2, 1, 1)]).unwrap();
    assert_eq!(world.claims.seen["decision.overlap"], 1);
    world.take(&[post(0, 0)]).unwrap();
    world.take(&[access(0, 0), Step::Withdraw { patient: 1, number: 1 }, access(0, 0)]).unwrap();
    assert_eq!(world.claims.seen["access.granted"], 1, "in its block already");
    assert_eq!(world.claims.seen["release.stale"], 1);
    world.take(&[ask(2, 1, 1)]).unwrap();
    for voter in [1, 6] {
        world.take(&[Step::Vote { voter, request: 0, approve: true }]).unwrap();
    }
    assert_eq!(world.claims.seen["request.granted"], 2);
    // The withdrawn patient is the one by whom it differs.
    world.take(&[post(0, 0)]).unwrap();
    assert_eq!(world.claims.seen["release.differencing"], 1);
    // Over both hospitals, too.
    world.take(&[Step::Cancel { request: 0 }]).unwrap();
    world.take(&[ask(2, 2, 2)]).unwrap();
    world.take(&[post(0, 0)]).unwrap();
    assert_eq!(world.claims.seen["release.differencing"], 2);
    // To another recipient it may be given, and the recipient's, the contract's and the dataset's budgets end.
    world.take(&[ask(1, 0, 2)]).unwrap();
    world.take(&[post(0, 0)]).unwrap();
    assert_eq!(world.claims.seen["release.posted"], 2);
    world.take(&[ask(1, 0, 2)]).unwrap();
    assert_eq!(world.claims.seen["decision.budget"], 1);
}

/// A later version of a release lacks those who withdrew. Who came after the first would be seen by comparing the two.
#[test]
fn a_later_version_shows_nobody_who_came_after_the_first() {
    let mut world = World::new();
    world.take(&[Step::Withdraw { patient: 9, number: 1 }]).unwrap();
    world.take(&[Step::Ask { by: 0, contract: 0, purpose: 0, epsilon: 1, both: false }]).unwrap();
    world.take(&[Step::Post { request: 0, second: false, leave_out: 0 }]).unwrap();
    // One comes, one goes.
    world.take(&[Step::Grant { patient: 9, purpose: 1, deny: false }]).unwrap();
    world.take(&[Step::Withdraw { patient: 1, number: 1 }]).unwrap();
    world.take(&[Step::Post { request: 0, second: false, leave_out: 0 }]).unwrap();
    assert_eq!(world.claims.seen["release.differencing"], 1);
    // Without the new one it is taken.
    let (_, request, _) = world.requests[0].clone();
    let dataset = world.datasets[0];
    let mut cohort = world.claims.covered(request, dataset, world.chain.now_ms()).unwrap();
    assert!(cohort.remove(&world.patients[8]));
    let posted = world.post(request, dataset, world.chain.height, cohort, &BTreeMap::new(), 1);
    assert_eq!(world.execute(&[posted]).unwrap(), [Outcome::Applied]);
}
