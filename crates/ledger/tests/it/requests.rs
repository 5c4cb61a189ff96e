//! REQ, DEC: what is asked for, and what is decided.

use medveil_ledger::action::*;
use medveil_ledger::measure::Freeze;
use medveil_ledger::state::budget::Budget;
use medveil_ledger::state::patient::MAX_REQUESTS;
use medveil_ledger::state::request::{RequestStatus, Subject};
use medveil_ledger::terms::*;
use medveil_ledger::vocabulary::provision::study_tag;
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;

use crate::common::{Chain, grounds, key, organisation};
use crate::scene::*;

fn spent(chain: &Chain, of: ObjectRef) -> u64 {
    chain.latest::<Budget>(&of).map_or(0, |budget| budget.value.spent)
}

#[test]
fn a_grant_returns_obligations() {
    let scene = granted();
    let RequestStatus::Granted(obligations) = scene.chain.decided(scene.request).status else {
        panic!("not granted")
    };
    assert_eq!((obligations.plan, obligations.epsilon), (PLAN, 1_000_000));
    assert_eq!((obligations.min_cohort, obligations.decided_at), (5, scene.chain.height));
    assert_eq!(scene.chain.last_kinds(2), ["request.submitted", "request.granted"]);
}

#[test]
fn what_is_outside_of_the_terms_is_refused_by_name() {
    let mut scene = granted();
    assert_eq!(scene.refused(|ask| ask.revision = 2), "decision.revision");
    assert_eq!(scene.refused(|ask| ask.datasets = set([DatasetId([9; 32])])), "decision.dataset");
    assert_eq!(scene.refused(|ask| ask.purposes = set([Purpose::Referral])), "decision.purpose");
    assert_eq!(scene.refused(|ask| ask.purposes = set([Purpose::GeneralResearch])), "decision.purpose");
    assert_eq!(scene.refused(|ask| ask.classes = set([DataClass::Genomics])), "decision.class");
    assert_eq!(scene.refused(|ask| ask.commercial = true), "decision.commercial");
    assert_eq!(scene.refused(|ask| ask.ethics = None), "decision.condition");
    assert_eq!(scene.refused(|ask| ask.abroad = Some(Digest([1; 32]))), "decision.condition");
    assert_eq!(scene.refused(|ask| ask.epsilon = 1_000_001), "decision.epsilon");
    let patient = scene.patients[0];
    let about = Subject::Patient { patient, salt: None };
    assert_eq!(scene.refused(|ask| ask.subject = about), "decision.subject");
    assert_eq!(scene.refused(|ask| ask.contract = ContractId([9; 32])), "contract.unknown");
    let ask = ask(scene.contract, [scene.dataset]);
    assert_eq!(scene.chain.refused(&key(6), RequestSubmit { ask }).name, "decision.recipient");
}

#[test]
fn conditions_are_met_or_undertaken() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let mut terms = research(&chain, [dataset]);
    terms.consent = ConsentMode::OptOut;
    terms.purposes = set([Purpose::GeneralResearch]);
    terms.conditions = set([Condition::Publication, Condition::EthicsApproval]);
    terms.export = ExportRule::Assessed;
    let contract = chain.publish(1, "open", terms.clone());
    let mut ask = ask(contract, [dataset]);
    ask.purposes = set([Purpose::GeneralResearch]);
    let submit = |ask: &state::request::Ask| RequestSubmit { ask: ask.clone() };
    assert_eq!(chain.refused(&key(RESEARCHER), submit(&ask)).name, "decision.condition");
    ask.undertakings = set([Condition::Publication]);
    ask.abroad = Some(Digest([1; 32]));
    let request = chain.request(RESEARCHER, ask.clone());
    chain.apply_action(&key(RESEARCHER), RequestCancel { request });
    // Not stated as a purpose of the contract, but the request's purpose holds both.
    terms.conditions = set([Condition::NoMethods, Condition::EthicsApproval]);
    chain.publish(1, "open", terms.clone());
    ask.revision = 2;
    assert_eq!(chain.refused(&key(RESEARCHER), submit(&ask)).name, "decision.condition");
    terms.conditions = set([Condition::NoAncestry, Condition::EthicsApproval]);
    terms.export = ExportRule::Forbidden;
    chain.publish(1, "open", terms);
    (ask.revision, ask.purposes) = (3, set([Purpose::HealthResearch]));
    assert_eq!(chain.refused(&key(RESEARCHER), submit(&ask)).name, "decision.export");
    ask.abroad = None;
    chain.request(RESEARCHER, ask);
}

#[test]
fn a_preview_says_what_would_be_decided() {
    use medveil_ledger::decision::{PreviewError, preview};
    let scene = granted();
    let (chain, mut ask) = (&scene.chain, ask(scene.contract, [scene.dataset]));
    let by = |ask: &state::request::Ask, snapshot: &dyn Snapshot| {
        let (account, hospital) = (chain.account(&key(4)), organisation("hospital-4"));
        preview(chain.next_block(), snapshot, ask, account, hospital, role::Role::Hospital)
    };
    assert_eq!(by(&ask, &chain.state).unwrap().plan, PLAN);
    let mut loaded = std::collections::BTreeSet::new();
    loop {
        let lazy = crate::common::Lazy { state: &chain.state, loaded: loaded.clone(), asked: 0.into() };
        match by(&ask, &lazy) {
            Err(PreviewError::Missing(keys)) => loaded.extend(keys),
            outcome => break assert!(outcome.is_ok()),
        }
    }
    ask.commercial = true;
    let Err(PreviewError::Refused(reason)) = by(&ask, &chain.state) else { panic!("granted") };
    assert_eq!(reason.name, "decision.commercial");
}

#[test]
fn a_contract_has_its_time() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let mut terms = research(&chain, [dataset]);
    terms.consent = ConsentMode::OptOut;
    terms.term.from_ms += 100_000;
    terms.sandbox = Some(Sandbox { participants: 1, records: 100, until_ms: terms.term.from_ms + DAY_MS });
    let contract = chain.publish(1, "timed", terms.clone());
    let submit = RequestSubmit { ask: ask(contract, [dataset]) };
    assert_eq!(chain.refused(&key(RESEARCHER), submit.clone()).name, "decision.not_begun");
    chain.wait_ms(100_000);
    let request = chain.request(RESEARCHER, submit.ask.clone());
    let RequestStatus::Granted(obligations) = chain.decided(request).status else { panic!("not granted") };
    assert_eq!(obligations.until_ms, terms.term.from_ms + DAY_MS, "a grant does not outlast the sandbox");
    assert_eq!(chain.refused(&key(4), submit.clone()).name, "decision.participants");
    chain.wait_ms(DAY_MS);
    assert_eq!(chain.refused(&key(4), submit).name, "decision.ended");
}

#[test]
fn too_few_consents_make_no_cohort() {
    let mut scene = granted();
    for number in 1..=2u8 {
        let (patient, consent) =
            (scene.patients[usize::from(number) - 1], scene.consents[usize::from(number) - 1]);
        scene.chain.apply_as(patient, &wallet(number), ConsentWithdraw { consent });
    }
    assert_eq!(scene.refused(|_| {}), "decision.coverage");
    // What was granted does not come to a release either.
    let mut post = scene.post(1);
    post.figures.patients = 5;
    assert_eq!(scene.chain.refused(&key(1), post).name, "decision.coverage");
}

#[test]
fn a_frozen_dataset_gives_nothing() {
    let mut scene = granted().released();
    let object = ObjectRef::dataset(scene.dataset);
    scene.chain.enact(Freeze { object, grounds: grounds() });
    assert_eq!(scene.refused(|_| {}), "decision.frozen");
    let access = scene.access(1);
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access).name, "decision.frozen");
}

#[test]
fn one_patient_s_consents_are_asked_themselves() {
    let mut chain = Chain::new();
    let (dataset, elsewhere) = (chain.dataset(1), chain.dataset(2));
    let patient = chain.patient(1, 1);
    let mut terms = consultation(&chain, [dataset, elsewhere]);
    (terms.rate.per_account, terms.rate.per_organisation) = (100, 100);
    let contract = chain.publish(1, "consult", terms);
    chain.apply_action(&key(2), ContractCountersign { contract, revision: 1 });
    let submit = |ask| RequestSubmit { ask };
    let about = ask_about(contract, dataset, patient);
    assert_eq!(chain.refused(&key(RESEARCHER), submit(about.clone())).name, "decision.no_consent");
    let unknown = ask_about(contract, dataset, AccountId([9; 32]));
    assert_eq!(chain.refused(&key(RESEARCHER), submit(unknown)).name, "patient.unknown");
    let other = ask_about(contract, elsewhere, patient);
    assert_eq!(chain.refused(&key(RESEARCHER), submit(other)).name, "decision.other_hospital");
    // For hospital-2 alone, and too short for the four hours of a grant.
    let provision = permit(&chain, Purpose::TeleConsultation);
    let named = Recipients::new([], [organisation("hospital-2")]).unwrap();
    chain.consent(patient, 1, Provision { recipients: named, ..provision.clone() });
    let until_ms = chain.now_ms() + 60_000;
    chain.consent(patient, 1, Provision { until_ms, ..provision.clone() });
    assert_eq!(chain.refused(&key(RESEARCHER), submit(about.clone())).name, "decision.no_consent");
    chain.request(2, about.clone());
    let consent = chain.consent(patient, 1, provision.clone());
    let first = chain.request(RESEARCHER, about.clone());
    for _ in 2..MAX_REQUESTS {
        chain.request(2, about.clone());
        chain.wait_ms(1_000);
    }
    assert_eq!(chain.refused(&key(RESEARCHER), submit(about.clone())).name, "request.too_many_open");
    chain.apply_action(&key(RESEARCHER), RequestCancel { request: first });
    chain.request(RESEARCHER, about.clone());
    chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    let denial = Provision { effect: Effect::Deny, ..provision };
    chain.consent(patient, 1, denial);
    assert_eq!(chain.refused(&key(2), submit(about)).name, "decision.denied");
}

#[test]
fn a_consent_for_one_study_is_matched_by_its_salt() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let patient = chain.patient(1, 1);
    let (study, salt) = (StudyId([5; 32]), Digest([6; 32]));
    let mut terms = consultation(&chain, [dataset]);
    terms.study = Some(study);
    let contract = chain.publish(1, "consult", terms);
    let only =
        Provision { study: Some(study_tag(&study, &salt)), ..permit(&chain, Purpose::TeleConsultation) };
    chain.consent(patient, 1, only);
    let mut about = ask_about(contract, dataset, patient);
    assert_eq!(
        chain.refused(&key(RESEARCHER), RequestSubmit { ask: about.clone() }).name,
        "decision.no_consent"
    );
    about.subject = Subject::Patient { patient, salt: Some(salt) };
    chain.request(RESEARCHER, about);
}

#[test]
fn a_committee_decides_and_the_rules_after_it() {
    let mut scene = granted_with(|terms| {
        let committee = set(["hospital-1", "regulator-1", "regulator-2"].map(organisation));
        terms.approvals = Approvals { committee, needed: 2 };
    });
    let (request, contract) = (scene.request, ObjectRef::contract(scene.contract));
    assert_eq!(scene.chain.decided(request).status, RequestStatus::Pending);
    let (post, vote) = (scene.post(1), |approve| RequestVote { request, approve });
    let chain = &mut scene.chain;
    assert_eq!(chain.refused(&key(1), post).name, "request.status");
    assert_eq!(chain.refused(&key(2), vote(true)).name, "request.not_in_committee");
    let unknown = RequestVote { request: RequestId([9; 32]), approve: true };
    assert_eq!(chain.refused(&key(1), unknown).name, "request.unknown");
    chain.apply_action(&key(6), vote(true));
    assert_eq!(chain.refused(&key(6), vote(true)).name, "request.already_voted");
    assert_eq!(spent(chain, contract), 0, "nothing is spent before a grant");
    chain.apply_action(&key(7), vote(true));
    assert!(matches!(chain.decided(request).status, RequestStatus::Granted(_)));
    assert_eq!(spent(chain, contract), 1_000_000);

    // Another is voted down, a third approved when the rules say no.
    let ask = ask(scene.contract, [scene.dataset]);
    let second = chain.request(4, ask.clone());
    for member in [6, 7] {
        chain.apply_action(&key(member), RequestVote { request: second, approve: false });
    }
    assert_eq!(
        chain.decided(second).status,
        RequestStatus::Refused { reason: "decision.committee".into(), at: chain.height }
    );
    let third = chain.request(4, ask);
    for number in 1..=2u8 {
        let index = usize::from(number) - 1;
        let consent = scene.consents[index];
        chain.apply_as(scene.patients[index], &wallet(number), ConsentWithdraw { consent });
    }
    for member in [6, 7] {
        chain.apply_action(&key(member), RequestVote { request: third, approve: true });
    }
    assert_eq!(
        chain.decided(third).status,
        RequestStatus::Refused { reason: "decision.coverage".into(), at: chain.height }
    );
    assert_eq!(spent(chain, contract), 1_000_000);
}

#[test]
fn a_request_is_taken_back_by_who_made_it() {
    let mut scene = granted();
    let (request, contract) = (scene.request, ObjectRef::contract(scene.contract));
    let cancel = RequestCancel { request };
    assert_eq!(scene.chain.refused(&key(4), cancel.clone()).name, "request.not_yours");
    scene.chain.apply_action(&key(RESEARCHER), cancel.clone());
    assert_eq!(spent(&scene.chain, contract), 0);
    assert_eq!(scene.chain.refused(&key(RESEARCHER), cancel).name, "request.status");
    let post = scene.post(1);
    assert_eq!(scene.chain.refused(&key(1), post).name, "request.status");

    let mut scene = granted().released();
    scene.chain.apply_action(&key(RESEARCHER), RequestCancel { request: scene.request });
    assert_eq!(spent(&scene.chain, ObjectRef::contract(scene.contract)), 1_000_000, "what is out is spent");
}

#[test]
fn budgets_are_those_of_the_whole_consortium() {
    // Two contracts of two hospitals over one dataset, and one over another dataset.
    let mut chain = Chain::new();
    let (first, second) = (chain.dataset(1), chain.dataset(2));
    let terms = |chain: &Chain, dataset| {
        let mut terms = research(chain, [dataset]);
        terms.consent = ConsentMode::OptOut;
        terms.epsilon = Epsilon { per_request: 1_000_000, total: 2_000_000, per_recipient: 3_000_000 };
        terms
    };
    let one = chain.publish(1, "one", terms(&chain, first));
    let two = chain.publish(1, "two", Terms { min_cohort: 6, ..terms(&chain, first) });
    let three = chain.publish(2, "three", terms(&chain, second));
    let stranger = BudgetSet { dataset: first, ceiling: 3_000_000 };
    assert_eq!(chain.refused(&key(2), stranger.clone()).name, "release.not_owner");
    chain.apply_action(&key(1), stranger);
    let mut grant = |member: u8, contract, dataset| {
        let transaction = chain.transaction(&key(member), RequestSubmit { ask: ask(contract, [dataset]) });
        let outcome = chain.block(&[transaction]).receipts.remove(0).outcome;
        let request = RequestId(chain.last_transaction().0);
        if outcome == Outcome::Applied {
            let figures = figures(&chain);
            let owner = if dataset == first { 1 } else { 2 };
            chain.apply_action(&key(owner), ReleasePost { request, dataset, version: 1, figures });
        }
        outcome
    };
    let exhausted = |outcome: Outcome| match outcome {
        Outcome::Refused(reason) if reason.name == "decision.budget" => {
            reason.fact("of").unwrap().to_string()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(grant(3, one, first), Outcome::Applied);
    assert_eq!(grant(3, two, first), Outcome::Applied);
    assert_eq!(grant(3, three, second), Outcome::Applied);
    // The recipient has had its whole budget, whichever hospital or study is asked.
    for (contract, dataset) in [(one, first), (two, first), (three, second)] {
        assert_eq!(exhausted(grant(3, contract, dataset)), "organisation/hospital-3");
    }
    // Another recipient finds the dataset's, then the contract's.
    assert_eq!(grant(4, one, first), Outcome::Applied);
    assert_eq!(exhausted(grant(5, two, first)), ObjectRef::dataset(first).to_string());
    assert_eq!(exhausted(grant(5, one, first)), ObjectRef::contract(one).to_string());
}

#[test]
fn rates_and_overlaps_are_bounded() {
    let mut scene = granted_with(|terms| {
        (terms.rate.per_account, terms.rate.per_organisation) = (2, 3);
    });
    let ask = ask(scene.contract, [scene.dataset]);
    let submit = RequestSubmit { ask: ask.clone() };
    // The first is under way: the same dataset is not asked for again, under this contract or another.
    assert_eq!(scene.chain.refused(&key(RESEARCHER), submit.clone()).name, "decision.overlap");
    let other = scene.chain.publish(1, "other", research(&scene.chain, [scene.dataset]));
    let split = RequestSubmit { ask: state::request::Ask { contract: other, ..ask.clone() } };
    assert_eq!(scene.chain.refused(&key(RESEARCHER), split).name, "decision.overlap");
    scene.chain.apply_action(&key(RESEARCHER), RequestCancel { request: scene.request });
    let second = scene.chain.request(RESEARCHER, ask.clone());
    scene.chain.apply_action(&key(RESEARCHER), RequestCancel { request: second });
    assert_eq!(scene.chain.refused(&key(RESEARCHER), submit.clone()).name, "decision.rate");
    // A colleague has one left of the organisation's, and the next window begins anew.
    let colleague = AccountCreate { key: key(50).public(), capacity: role::Capacity::Staff };
    scene.chain.apply_action(&key(RESEARCHER), colleague);
    let third = scene.chain.request(50, ask);
    scene.chain.apply_action(&key(50), RequestCancel { request: third });
    assert_eq!(scene.chain.refused(&key(50), submit.clone()).name, "decision.rate");
    scene.chain.wait_ms(DAY_MS);
    scene.chain.request(RESEARCHER, submit.ask);
}

#[test]
fn a_grant_that_ran_out_does_not_hold_its_dataset() {
    let mut scene = granted();
    scene.chain.wait_ms(181 * DAY_MS);
    let post = scene.post(1);
    assert_eq!(scene.chain.refused(&key(1), post).name, "request.over");
    let (contract, dataset) = (scene.contract, scene.dataset);
    scene.chain.request(RESEARCHER, ask(contract, [dataset]));
}
