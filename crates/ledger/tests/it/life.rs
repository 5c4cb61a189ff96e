//! Properties of the life of a dataset, whatever people do in whatever order.

use std::collections::BTreeMap;

use medveil_ledger::action::*;
use medveil_ledger::decision::is_in_cohort;
use medveil_ledger::state::budget::Budget;
use medveil_ledger::state::consent::Consent;
use medveil_ledger::state::patient::Patient;
use medveil_ledger::state::request::{Request, RequestStatus};
use medveil_ledger::terms::{Epsilon, Terms};
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;
use proptest::prelude::*;

use crate::blocks::lazily;
use crate::common::{Chain, key, organisation};
use crate::scene::*;

const PATIENTS: u8 = 7;
const PURPOSES: [Purpose; 5] = [
    Purpose::DiseaseResearch,
    Purpose::HealthResearch,
    Purpose::GeneralResearch,
    Purpose::GeneticResearch,
    Purpose::ClinicalCare,
];

/// Two contracts of two recipients over one dataset, and what a custodian would do about them.
struct World {
    chain: Chain,
    dataset: DatasetId,
    contracts: [ContractId; 2],
    patients: Vec<AccountId>,
    /// The last request of each member under each contract.
    requests: BTreeMap<(u8, usize), RequestId>,
    /// Patients whom a custodian has picked, and has not posted yet.
    picks: BTreeMap<(u8, usize), (RequestId, Vec<AccountId>, state::release::Figures)>,
    /// Patients of each version of each release, as the custodian picked them: what the ledger does not know.
    cohorts: BTreeMap<(ReleaseId, u64), Vec<AccountId>>,
}

#[derive(Clone, Debug)]
enum Step {
    Grant { patient: u8, purpose: usize, deny: bool, short: bool },
    Narrow { patient: u8, number: u32 },
    Withdraw { patient: u8, number: u32 },
    Ask { member: u8, contract: usize, purpose: usize },
    Cancel { member: u8, contract: usize },
    Pick { member: u8, contract: usize },
    Post { member: u8, contract: usize },
    Access { member: u8, contract: usize },
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let patient = 1..=PATIENTS;
    prop_oneof![
        3 => (patient.clone(), 0usize..5, prop::bool::weighted(0.15), prop::bool::weighted(0.2))
            .prop_map(|(patient, purpose, deny, short)| Step::Grant { patient, purpose, deny, short }),
        1 => (patient.clone(), 1u32..4).prop_map(|(patient, number)| Step::Narrow { patient, number }),
        2 => (patient, 1u32..4).prop_map(|(patient, number)| Step::Withdraw { patient, number }),
        4 => (3u8..=4, 0usize..2, 0usize..2).prop_map(|(member, contract, purpose)| Step::Ask { member, contract, purpose }),
        1 => (3u8..=4, 0usize..2).prop_map(|(member, contract)| Step::Cancel { member, contract }),
        2 => (3u8..=4, 0usize..2).prop_map(|(member, contract)| Step::Pick { member, contract }),
        4 => (3u8..=4, 0usize..2).prop_map(|(member, contract)| Step::Post { member, contract }),
        6 => (3u8..=4, 0usize..2).prop_map(|(member, contract)| Step::Access { member, contract }),
        1 => Just(Step::Wait),
    ]
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new();
        let dataset = chain.dataset(1);
        let patients: Vec<AccountId> = (1..=PATIENTS).map(|number| chain.patient(1, number)).collect();
        for (number, patient) in (1..=PATIENTS).zip(&patients) {
            chain.consent(*patient, number, permit(&chain, Purpose::HealthResearch));
        }
        let terms = Terms {
            epsilon: Epsilon { per_request: 1_000_000, total: 3_000_000, per_recipient: 4_000_000 },
            ..research(&chain, [dataset])
        };
        let contracts = [
            chain.publish(1, "one", terms.clone()),
            chain.publish(1, "two", Terms { min_cohort: 6, ..terms }),
        ];
        chain.apply_action(&key(1), BudgetSet { dataset, ceiling: 5_000_000 });
        World {
            chain,
            dataset,
            contracts,
            patients,
            requests: BTreeMap::new(),
            picks: BTreeMap::new(),
            cohorts: BTreeMap::new(),
        }
    }

    /// What the patient's consents say about a request's use, from the state as it is: as an auditor would find it.
    fn covers(&self, patient: AccountId, request: &Request) -> bool {
        let record = self.chain.latest::<Patient>(&patient).unwrap().value;
        let consents: Vec<Consent> = (1..=record.consents)
            .map(|number| {
                self.chain
                    .latest::<Consent>(&ConsentId::derive(self.chain.id, patient, number))
                    .unwrap()
                    .value
            })
            .collect();
        let RequestStatus::Granted(obligations) = &request.status else { panic!("not granted") };
        let contract = self.chain.latest::<state::contract::Contract>(&request.ask.contract).unwrap().value;
        is_in_cohort(request, &contract.terms, obligations, &consents, self.chain.now_ms(), None)
    }

    /// The transaction of a step.
    fn transaction(&self, step: &Step) -> Option<Verified> {
        let chain = &self.chain;
        let request = |member: &u8, contract: &usize| self.requests.get(&(*member, *contract)).copied();
        let as_patient = |number: &u8, action: Action| {
            chain.transaction_as(self.patients[usize::from(*number) - 1], &wallet(*number), action)
        };
        let consent = |patient: &u8, number: &u32| {
            ConsentId::derive(chain.id, self.patients[usize::from(*patient) - 1], *number)
        };
        Some(match step {
            Step::Grant { patient, purpose, deny, short } => {
                let id = self.patients[usize::from(*patient) - 1];
                let number = chain.latest::<Patient>(&id).unwrap().value.consents + 1;
                let mut provision = permit(chain, PURPOSES[*purpose]);
                if *deny {
                    provision.effect = Effect::Deny;
                }
                if *short {
                    provision.until_ms = chain.now_ms() + 90 * DAY_MS;
                }
                as_patient(patient, grant(id, number, vec![provision]).into())
            }
            Step::Narrow { patient, number } => {
                let provisions = Provisions::new(vec![permit(chain, Purpose::GeneticResearch)]).unwrap();
                as_patient(patient, ConsentNarrow { consent: consent(patient, number), provisions }.into())
            }
            Step::Withdraw { patient, number } => {
                as_patient(patient, ConsentWithdraw { consent: consent(patient, number) }.into())
            }
            Step::Ask { member, contract, purpose } => {
                let mut ask = ask(self.contracts[*contract], [self.dataset]);
                ask.purposes = set([PURPOSES[*purpose]]);
                chain.transaction(&key(*member), RequestSubmit { ask })
            }
            Step::Cancel { member, contract } => {
                chain.transaction(&key(*member), RequestCancel { request: request(member, contract)? })
            }
            Step::Post { member, contract } => {
                let request = request(member, contract)?;
                let (_, figures) = self.picked(*member, *contract)?;
                let version = self.version(request) + 1;
                chain.transaction(&key(1), ReleasePost { request, dataset: self.dataset, version, figures })
            }
            Step::Access { member, contract } => {
                let request = request(member, contract)?;
                let release = ReleaseId::derive(request, self.dataset);
                let version = self.version(request);
                let access = AccessRequest { release, version, keys: Default::default() };
                chain.transaction(&key(*member), access)
            }
            Step::Pick { .. } | Step::Wait => return None,
        })
    }

    /// What was picked for a request earlier, or what would be picked now.
    fn picked(&self, member: u8, contract: usize) -> Option<(Vec<AccountId>, state::release::Figures)> {
        let request = self.requests.get(&(member, contract))?;
        match self.picks.get(&(member, contract)) {
            Some((of, cohort, figures)) if of == request => Some((cohort.clone(), figures.clone())),
            _ => self.pick(*request),
        }
    }

    fn version(&self, request: RequestId) -> u64 {
        let release = ReleaseId::derive(request, self.dataset);
        self.chain.latest::<state::release::Release>(&release).map_or(0, |release| release.version)
    }

    /// The patients whom an honest custodian picks, from the state as it is.
    fn pick(&self, request: RequestId) -> Option<(Vec<AccountId>, state::release::Figures)> {
        let record = self.chain.decided(request);
        if !matches!(record.status, RequestStatus::Granted(_)) {
            return None;
        }
        let covered = self.patients.iter().copied();
        let cohort: Vec<AccountId> = covered.filter(|patient| self.covers(*patient, &record)).collect();
        let mut figures = figures(&self.chain);
        figures.patients = cohort.len() as u64;
        Some((cohort, figures))
    }

    /// Carries out a step; whether an access was granted to somebody who is not covered any more.
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        if let Step::Pick { member, contract } = step {
            let request = self.requests.get(&(*member, *contract));
            if let Some((request, (cohort, figures))) =
                request.and_then(|request| Some((*request, self.pick(*request)?)))
            {
                self.picks.insert((*member, *contract), (request, cohort, figures));
            }
            return Ok(());
        }
        let Some(transaction) = self.transaction(step) else {
            self.chain.wait_ms(40 * DAY_MS);
            return Ok(());
        };
        let block = self.chain.next_block();
        let picked = match step {
            Step::Post { member, contract } => self.picked(*member, *contract),
            _ => None,
        };
        let digest = transaction.digest();
        let transactions = [transaction];
        let outcome = execute_block(&block, &transactions, &self.chain.state).unwrap();
        let (again, passes) = lazily(&block, &transactions, &self.chain.state);
        prop_assert_eq!(&again, &outcome);
        prop_assert!(passes <= 8, "{} passes", passes);
        let applied = outcome.receipts[0].outcome == Outcome::Applied;
        if let (Step::Access { member, contract }, true) = (step, applied) {
            let request = self.requests[&(*member, *contract)];
            let record = self.chain.decided(request);
            let release = ReleaseId::derive(request, self.dataset);
            for patient in &self.cohorts[&(release, self.version(request))] {
                prop_assert!(
                    self.covers(*patient, &record),
                    "accessed though {} is not covered any more",
                    patient
                );
            }
        }
        self.chain.apply(&block, &outcome);
        match step {
            Step::Ask { member, contract, .. } if applied => {
                self.requests.insert((*member, *contract), RequestId(digest.0));
            }
            Step::Post { member, contract } => {
                self.picks.remove(&(*member, *contract));
                if !applied {
                    return self.check_budgets();
                }
                let request = self.requests[&(*member, *contract)];
                let release = ReleaseId::derive(request, self.dataset);
                let (cohort, _) = picked.expect("what was posted was picked");
                self.cohorts.insert((release, self.version(request)), cohort);
            }
            _ => {}
        }
        self.check_budgets()
    }

    /// No budget is overspent, and each holds what was granted and not given back.
    fn check_budgets(&self) -> Result<(), TestCaseError> {
        let granted = |of: &dyn Fn(&Request) -> bool| -> u64 {
            let requests = self.chain.state.keys().filter(|key| key.as_ref().starts_with(&[19, 0]));
            let requests = requests.map(|key| Versioned::<Request>::decode(&self.chain.state[key]).unwrap());
            let counted = requests.filter(|request| {
                let status = &request.value.status;
                let held = matches!(status, RequestStatus::Granted(_));
                of(&request.value) && (held || !request.value.released.is_empty())
            });
            counted.map(|request| request.value.ask.epsilon).sum()
        };
        let spent = |of: ObjectRef| self.chain.latest::<Budget>(&of).map_or(0, |budget| budget.value.spent);
        for contract in self.contracts {
            let found = spent(ObjectRef::contract(contract));
            prop_assert!(found <= 3_000_000);
            prop_assert_eq!(found, granted(&|request| request.ask.contract == contract));
        }
        for member in ["hospital-3", "hospital-4"] {
            let found = spent(ObjectRef::organisation(organisation(member)));
            prop_assert!(found <= 4_000_000);
            prop_assert_eq!(found, granted(&|request| request.organisation == organisation(member)));
        }
        let found = spent(ObjectRef::dataset(self.dataset));
        prop_assert!(found <= 5_000_000);
        prop_assert_eq!(found, granted(&|_| true));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No release is accessed that has a patient in it whose consents do not cover the use any more; no budget is overspent; loading keys in passes changes nothing.
    #[test]
    fn nothing_is_accessed_after_a_withdrawal_and_no_budget_is_overspent(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step)?;
        }
    }

    /// What patients say in one block counts the same in whatever order they say it.
    #[test]
    fn consents_of_a_block_count_the_same_in_any_order(
        chosen in proptest::collection::vec((0usize..5, prop::bool::weighted(0.3), any::<bool>()), usize::from(PATIENTS)),
        order in Just((0..usize::from(PATIENTS)).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut world = World::new();
        // A cohort is picked, so that withdrawals count.
        world.take(&Step::Ask { member: 3, contract: 0, purpose: 0 })?;
        world.take(&Step::Post { member: 3, contract: 0 })?;
        let transactions: Vec<Verified> = (1..=PATIENTS)
            .zip(&chosen)
            .map(|(patient, (purpose, deny, withdraw))| {
                let step = if *withdraw {
                    Step::Withdraw { patient, number: 1 }
                } else {
                    Step::Grant { patient, purpose: *purpose, deny: *deny, short: false }
                };
                world.transaction(&step).unwrap()
            })
            .collect();
        let shuffled: Vec<Verified> = order.iter().map(|index| transactions[*index].clone()).collect();
        let block = world.chain.next_block();
        let one = execute_block(&block, &transactions, &world.chain.state).unwrap();
        let other = execute_block(&block, &shuffled, &world.chain.state).unwrap();
        prop_assert_eq!(one.writes, other.writes);
    }
}

#[test]
fn the_property_comes_to_accesses_and_withdrawals() {
    // A property that never grants an access would prove nothing.
    let mut world = World::new();
    let ask = Step::Ask { member: 3, contract: 0, purpose: 0 };
    for step in [
        &ask,
        &Step::Post { member: 3, contract: 0 },
        &Step::Access { member: 3, contract: 0 },
        &Step::Withdraw { patient: 1, number: 1 },
    ] {
        world.take(step).unwrap();
    }
    let count = |world: &World, kind: &str| world.chain.events.iter().filter(|e| e.kind == kind).count();
    assert_eq!(count(&world, "access.granted"), 1);
    world.take(&Step::Access { member: 3, contract: 0 }).unwrap();
    assert_eq!(count(&world, "access.granted"), 1);
    world.take(&Step::Post { member: 3, contract: 0 }).unwrap();
    world.take(&Step::Access { member: 3, contract: 0 }).unwrap();
    assert_eq!(count(&world, "access.granted"), 2);
}
