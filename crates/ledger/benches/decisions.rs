//! What a decision costs with a million consents and a thousand contracts, in processor time (printed first) and by the clock. The ledger's claim is at least 50,000 access decisions a core-second, everything but the signature included: reading contract, request,
//! release, freezes and coverage, deciding, writing the access and its event.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use medveil_ledger::action::{AccessRequest, ConsentWithdraw, RequestSubmit};
use medveil_ledger::bounded::BoundedSet;
use medveil_ledger::genesis::Member;
use medveil_ledger::role::{Capacity, Role};
use medveil_ledger::state::Record;
use medveil_ledger::state::account::{Account, KeySet};
use medveil_ledger::state::consent::Consent;
use medveil_ledger::state::contract::{Contract, Standing};
use medveil_ledger::state::coverage::Coverage;
use medveil_ledger::state::dataset::{Dataset, Fingerprint, HashSuite, Level};
use medveil_ledger::state::organisation::OrganisationName;
use medveil_ledger::state::parameters::Parameters;
use medveil_ledger::state::patient::{Enrolment, Patient};
use medveil_ledger::state::release::{Figures, Release};
use medveil_ledger::state::request::{Ask, Obligations, Request, RequestStatus, Subject};
use medveil_ledger::state::validators::{Seat, ValidatorKey};
use medveil_ledger::template::{Particulars, Template};
use medveil_ledger::terms::Approvals;
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;

fn main() {
    let before = resident();
    let world = world();
    println!(
        "state: {} keys, {} MB resident for {CONSENTS} consents and {CONTRACTS} contracts",
        world.state.len(),
        (resident() - before) / 1_000_000
    );
    for (what, transactions) in [
        ("accesses", &world.accesses),
        ("accesses under a policy", &world.guarded),
        ("consultations", &world.consultations),
        ("withdrawals", &world.withdrawals),
    ] {
        let mut spent: Vec<u64> =
            (0..REPEATS).map(|_| processor_ns(|| execute(world, transactions))).collect();
        spent.sort_unstable();
        let each = |ns: u64| ns / BLOCK as u64;
        println!(
            "{what}: {} ns of a processor each, {} a core-second (median of {REPEATS} blocks of {BLOCK}; {} to {} ns)",
            each(spent[REPEATS / 2]),
            BLOCK as u64 * 1_000_000_000 / spent[REPEATS / 2],
            each(spent[0]),
            each(spent[REPEATS - 1]),
        );
    }
    divan::main();
}

const CONSENTS: usize = 1_000_000;
/// Of these, a half is about consultations; the other is about research, each with a twin that has a policy.
const CONTRACTS: usize = 1_000;
const POLICY: &str = r#"
@id("insurers-in-studies")
forbid (principal, action, resource) when { principal.role == Role::"insurer" } unless { context has study };
@id("half-a-year")
forbid (principal, action == Action::"access", resource) when { context.day >= 180 };
@id("named")
forbid (principal, action, resource) unless { [Organisation::"hospital-2", Organisation::"research-1"].contains(principal.organisation) };
"#;
/// Decisions in the block that is measured.
const BLOCK: usize = 2_000;
/// Blocks of each kind whose processor time is taken.
const REPEATS: usize = 41;

struct World {
    state: BTreeMap<Key, Vec<u8>>,
    block: BlockContext,
    accesses: Vec<Verified>,
    guarded: Vec<Verified>,
    consultations: Vec<Verified>,
    withdrawals: Vec<Verified>,
}

/// Bytes of memory that the process holds.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// Nanoseconds that the system has let this thread run meanwhile: what others do on the machine counts less than on a clock.
fn processor_ns<R>(run: impl FnOnce() -> R) -> u64 {
    let ran = || -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
        text.split(' ').next().and_then(|ns| ns.parse().ok()).expect("the first is time on a processor")
    };
    let before = ran();
    let kept = run();
    let after = ran();
    drop(kept);
    after - before
}

fn digest(of: &str, number: usize) -> [u8; 32] {
    Digest::of(of, &[&(number as u64).to_be_bytes()]).0
}

fn set<T: Ord, const MIN: usize, const MAX: usize>(
    values: impl IntoIterator<Item = T>,
) -> BoundedSet<T, MIN, MAX> {
    BoundedSet::new(values).unwrap()
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(build)
}

fn build() -> World {
    let (hospital, doctor) = (SigningKey::ed25519([1; 32]), SigningKey::ed25519([2; 32]));
    let organisation = |name: &str| OrganisationId::new(name).unwrap();
    let member = |name: &str, key: &SigningKey, number: u8| Member {
        organisation: organisation(name),
        name: OrganisationName::new(name).unwrap(),
        role: Role::Hospital,
        seat: Some(Seat {
            key: ValidatorKey(SigningKey::ed25519([number; 32]).public().bytes().try_into().unwrap()),
            address: format!("10.0.0.{number}:7001").parse().unwrap(),
        }),
        accounts: BTreeMap::from([(key.public(), Capacity::Administrator)]),
    };
    let genesis = Genesis {
        chain: Slug::new("bench").unwrap(),
        time_ms: 0,
        epoch_length: 1000,
        relying_party: RelyingParty { id: "localhost".into(), origins: vec!["http://localhost".into()] },
        thresholds: Default::default(),
        parameters: Parameters { min_validators: 1, ..Parameters::default() },
        members: vec![member("hospital-1", &hospital, 8), member("hospital-2", &doctor, 9)],
        issuers: Vec::new(),
    };
    let chain = genesis.chain_id();
    let mut state = genesis.writes();
    fn put<R: Record>(state: &mut BTreeMap<Key, Vec<u8>>, id: &R::Id, value: R) {
        state.insert(R::head_key(id), Versioned { version: 1, height: 1, value }.encode());
    }
    let owner = organisation("hospital-1");
    let year_ms = 365 * 86_400_000;
    let permit = |purpose| Provision {
        effect: Effect::Permit,
        purposes: set([purpose]),
        recipients: Recipients::new([Role::Hospital, Role::Research], []).unwrap(),
        classes: DataClasses::new(DataClass::ALL.iter().copied()).unwrap(),
        commerce: Commerce::Excluded,
        study: None,
        from_ms: 0,
        until_ms: 3 * year_ms,
    };
    // A patient for each consent: research for most, consultations for the rest as well.
    let wallet = SigningKey::ed25519([3; 32]);
    let patient_of = |number: usize| AccountId(digest("patient", number));
    for number in 0..CONSENTS {
        let patient = patient_of(number);
        let consent = ConsentId::derive(chain, patient, 1);
        let purpose = if number % 10 == 0 { Purpose::ClinicalCare } else { Purpose::HealthResearch };
        let consented = Consent {
            patient,
            organisation: owner,
            number: 1,
            provisions: Provisions::new(vec![permit(purpose)]).unwrap(),
            form: Digest([7; 32]),
            signed_by: patient,
            since: 1,
            withdrawn: None,
        };
        put(&mut state, &consent, consented);
        let enrolled = Patient {
            organisation: owner,
            enrolment: Enrolment::Enrolled,
            guardians: set([]),
            recovery: None,
            consents: 1,
            open: [1].into(),
            requests: Default::default(),
        };
        put(&mut state, &patient, enrolled);
        put(&mut state, &patient, Account::new(owner, Capacity::Patient, KeySet::of(wallet.public())));
    }
    for purpose in Purpose::ALL {
        let coverage = Coverage { permits: 900_000, cohort_at: 2, ..Coverage::default() };
        state.insert(state::key::coverage(&owner, *purpose), coverage.encode());
    }
    let dataset = DatasetId::derive(chain, owner, Slug::new("visits").unwrap());
    let fingerprint = Fingerprint {
        root: Digest([1; 32]),
        count: 1_000_000,
        schema: Digest([2; 32]),
        level: Level::new(4).unwrap(),
        suite: HashSuite::International,
    };
    put(
        &mut state,
        &dataset,
        Dataset { organisation: owner, label: Slug::new("visits").unwrap(), fingerprint },
    );
    let particulars = Particulars {
        owner,
        datasets: set([dataset]),
        plan: Digest([5; 32]),
        ethics: Digest([6; 32]),
        now_ms: 0,
        committee: set([]),
    };
    let doctor_account = AccountId::derive(chain, &doctor.public());
    let (mut releases, mut guarded, mut consult) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..CONTRACTS + CONTRACTS / 2 {
        let twin = number >= CONTRACTS;
        let care = number % 2 == 1 && !twin;
        let template = if care { Template::TeleConsultation } else { Template::ClinicalResearch };
        let mut terms = template.terms(&particulars);
        terms.approvals = Approvals { committee: set([]), needed: 0 };
        (terms.rate.per_account, terms.rate.per_organisation) = (u32::MAX, u32::MAX);
        let contract = ContractId(digest("contract", number));
        let record = Contract {
            organisation: owner,
            label: Slug::new(&format!("contract-{number}")).unwrap(),
            revision: 1,
            terms: terms.clone(),
            owners: [owner].into(),
            awaiting: Default::default(),
            standing: Standing::Open,
            set_by: (owner, 1),
            // Each its own text, as contracts have.
            policy: twin.then(|| format!("// {number}\n{POLICY}")),
        };
        put(&mut state, &contract, record);
        let ask = Ask {
            contract,
            revision: 1,
            datasets: set([dataset]),
            purposes: set([if care { Purpose::TeleConsultation } else { Purpose::DiseaseResearch }]),
            classes: set([DataClass::Observations]),
            commercial: false,
            undertakings: set([]),
            ethics: Some(Digest([6; 32])),
            abroad: None,
            subject: Subject::Cohort,
            query: Digest([9; 32]),
            epsilon: 0,
        };
        if care {
            consult.push(ask);
            continue;
        }
        let request = RequestId(digest("request", number));
        let obligations = Obligations {
            plan: terms.plan,
            release: terms.release,
            max_risk_ppm: terms.max_risk_ppm,
            min_cohort: terms.min_cohort,
            epsilon: 0,
            fen: 0,
            until_ms: year_ms,
            destroy_ms: terms.term.destroy_ms,
            on_withdrawal: terms.on_withdrawal,
            decided_at: 1,
        };
        let record = Request {
            ask,
            requester: doctor_account,
            organisation: organisation("hospital-2"),
            role: Role::Hospital,
            status: RequestStatus::Granted(obligations),
            votes: Default::default(),
            released: [dataset].into(),
        };
        put(&mut state, &request, record);
        let release = ReleaseId::derive(request, dataset);
        let figures = Figures {
            dataset_version: 1,
            cohort_at: 2,
            root: Digest([1; 32]),
            patients: 10_000,
            records: 100_000,
            suppressed: 0,
            seed: Digest([2; 32]),
            plan: terms.plan,
            engine: Slug::new("medveil-0-1-0").unwrap(),
            risk_ppm: 1,
            utility_ppm: 900_000,
            epsilon: 0,
            added: 0,
            removed: 0,
            custody: None,
        };
        let record = Release {
            request,
            dataset,
            organisation: owner,
            transaction: Digest([3; 32]),
            figures,
            failed: None,
        };
        put(&mut state, &release, record);
        if twin { &mut guarded } else { &mut releases }.push(release);
    }
    let body = |account, key: &SigningKey, nonce: usize, action: Action| {
        let body = Body { chain, account, signer: key.public(), nonce: nonce as u64, expires: 100, action };
        body.sign(key).assume_signature_verified()
    };
    let accesses = |releases: &[ReleaseId]| -> Vec<Verified> {
        let access = |number: usize| {
            let release = releases[number.wrapping_mul(7919) % releases.len()];
            let access = AccessRequest { release, version: 1, keys: Default::default() };
            body(doctor_account, &doctor, number, access.into())
        };
        (0..BLOCK).map(access).collect()
    };
    // One of a million patients each.
    let consultations = (0..BLOCK).map(|number| {
        let patient = patient_of(number.wrapping_mul(249) * 10 % CONSENTS);
        let ask = Ask {
            subject: Subject::Patient { patient, salt: None },
            ..consult[number.wrapping_mul(7919) % consult.len()].clone()
        };
        body(doctor_account, &doctor, number, RequestSubmit { ask }.into())
    });
    let withdrawals = (0..BLOCK).map(|number| {
        let patient = patient_of(number.wrapping_mul(239) % CONSENTS);
        let consent = ConsentId::derive(chain, patient, 1);
        body(patient, &wallet, 0, ConsentWithdraw { consent }.into())
    });
    World {
        accesses: accesses(&releases),
        guarded: accesses(&guarded),
        consultations: consultations.collect(),
        withdrawals: withdrawals.collect(),
        block: BlockContext { chain, height: 3, epoch: 0, time_ms: 1000, epoch_end: false },
        state,
    }
}

fn run(bencher: Bencher, transactions: &'static [Verified]) {
    let world = world();
    bencher.counter(ItemsCount::new(transactions.len())).bench_local(|| execute(world, transactions));
}

fn execute(world: &World, transactions: &[Verified]) -> BlockOutcome {
    let outcome = execute_block(&world.block, transactions, &world.state).unwrap();
    for receipt in &outcome.receipts {
        assert_eq!(receipt.outcome, Outcome::Applied);
    }
    outcome
}

/// Accesses to releases of cohorts.
#[divan::bench(sample_count = 20)]
fn access(bencher: Bencher) {
    run(bencher, &world().accesses);
}

/// The same under contracts with a policy.
#[divan::bench(sample_count = 20)]
fn access_under_a_policy(bencher: Bencher) {
    run(bencher, &world().guarded);
}

/// Requests about one of a million patients, decided by that patient's consents.
#[divan::bench(sample_count = 20)]
fn consultation(bencher: Bencher) {
    run(bencher, &world().consultations);
}

/// Withdrawals.
#[divan::bench(sample_count = 20)]
fn withdraw(bencher: Bencher) {
    run(bencher, &world().withdrawals);
}
