//! CTR-7, DEC-10: policies of contracts, which forbid of what the terms allow.

use medveil_ledger::action::*;
use medveil_ledger::decision::{PreviewError, preview};
use medveil_ledger::policy::limits;
use medveil_ledger::role::Role;
use medveil_ledger::state::contract::Contract;
use medveil_ledger::state::request::{Ask, RequestStatus, Subject};
use medveil_ledger::terms::*;
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;
use proptest::prelude::*;

use crate::common::{Chain, key, organisation};
use crate::scene::*;

/// A policy with an id and a reason.
fn forbid(id: &str, scope: &str, condition: &str) -> String {
    format!("@id(\"{id}\")\n@reason(\"{id} is the reason\")\nforbid ({scope}) when {{ {condition} }};\n")
}

const ANY: &str = "principal, action, resource";

fn text(refusal: &Refusal, fact: &str) -> String {
    refusal.fact(fact).unwrap_or_else(|| panic!("{refusal} has no {fact}")).to_string()
}

fn number(refusal: &Refusal, fact: &str) -> u64 {
    text(refusal, fact).parse().unwrap()
}

#[test]
fn a_text_that_is_no_policy_is_refused_by_name_with_what_was_compared() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let mut fault = |policy: String| {
        let (label, terms) = (Slug::new("faulty").unwrap(), research(&chain, [dataset]));
        chain.refused(&key(1), ContractPublishWithPolicy { label, revision: 1, terms, policy })
    };
    let good = forbid("a", ANY, "context.abroad");
    let large = fault(good.clone() + &"/".repeat(limits::MAX_BYTES));
    assert_eq!((large.name.as_ref(), number(&large, "limit")), ("contract.policy_size", 8192));
    assert_eq!(number(&large, "bytes"), (good.len() + limits::MAX_BYTES) as u64);
    let deep = fault(forbid("a", ANY, &format!("{}context.abroad{}", "(".repeat(32), ")".repeat(32))));
    assert_eq!((deep.name.as_ref(), number(&deep, "depth")), ("contract.policy_depth", 33));
    assert_eq!((number(&deep, "limit"), number(&deep, "line")), (32, 3));
    let many = fault("forbid (principal, action, resource);".repeat(33));
    assert_eq!((many.name.as_ref(), number(&many, "policies")), ("contract.policy_count", 33));
    assert_eq!(fault("// nothing".into()).name, "contract.policy_count");
    let listed = format!("[{}].contains(context.epsilon)", vec!["1"; 1024].join(","));
    let listed = fault(forbid("a", ANY, &listed));
    assert_eq!((listed.name.as_ref(), number(&listed, "limit")), ("contract.policy_expressions", 1024));
    assert_eq!(number(&listed, "line"), 3);
    for (policy, name, line, column) in [
        ("deny (principal, action, resource);".to_owned(), "contract.policy_syntax", 1, 1),
        (forbid("a", ANY, "resource.label like \"v*\""), "contract.policy_not_admitted", 3, 45),
        (forbid("a b", ANY, "context.abroad"), "contract.policy_annotation", 1, 1),
        (forbid("a", ANY, "principal.role == Role::\"insurrer\""), "contract.policy_type", 3, 63),
        (forbid("a", ANY, "false"), "contract.policy_never_applies", 3, 1),
    ] {
        let refusal = fault(policy);
        assert_eq!(refusal.name, name);
        // A policy begins with its annotations.
        let line = if name == "contract.policy_never_applies" { 1 } else { line };
        assert_eq!((number(&refusal, "line"), number(&refusal, "column")), (line, column), "{name}");
    }
}

#[test]
fn a_contract_keeps_its_policy_until_other_terms_are_published() {
    let mut chain = Chain::new();
    let (dataset, policy) = (chain.dataset(1), forbid("a", ANY, "context.abroad"));
    let terms = research(&chain, [dataset]);
    let contract = chain.publish_with_policy(1, "guarded", terms.clone(), &policy);
    let has = |chain: &Chain| chain.latest::<Contract>(&contract).unwrap().value;
    assert_eq!(has(&chain).policy.as_deref(), Some(policy.as_str()));
    let label = Slug::new("guarded").unwrap();
    let again =
        ContractPublishWithPolicy { label, revision: 2, terms: terms.clone(), policy: policy.clone() };
    assert_eq!(chain.refused(&key(1), again).name, "contract.unchanged");
    // Freezing and countersigning are about the same terms.
    for standing in [state::contract::Standing::Frozen, state::contract::Standing::Open] {
        chain.apply_action(&key(1), ContractSetStanding { contract, standing });
        assert_eq!(has(&chain).policy.as_deref(), Some(policy.as_str()));
    }
    // Another policy is another revision, and so is none.
    let other = forbid("b", ANY, "context.commercial");
    chain.publish_with_policy(1, "guarded", terms.clone(), &other);
    assert_eq!((has(&chain).revision, has(&chain).policy), (2, Some(other)));
    chain.publish(1, "guarded", terms.clone());
    assert_eq!((has(&chain).revision, has(&chain).policy), (3, None));
    // Without one it is encoded as before there were any: what is in the state ends with who set the standing.
    let plain = chain.publish(1, "plain", terms);
    let bytes = Versioned::<Contract>::encode(&chain.latest(&plain).unwrap());
    assert!(bytes.ends_with(&(organisation("hospital-1"), chain.height).encode()));
}

#[test]
fn a_policy_forbids_of_what_the_terms_allow_with_ids_and_reasons() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let mut terms = research(&chain, [dataset]);
    terms.consent = ConsentMode::OptOut;
    let policy = forbid(
        "two",
        "principal in Organisation::\"hospital-3\", action, resource",
        "context.epsilon > 500000",
    ) + &forbid(
        "one",
        ANY,
        "context.within.contains(Purpose::\"health-research\") && resource.level == 4 && context.epsilon > 900000",
    );
    let contract = chain.publish_with_policy(1, "guarded", terms, &policy);
    let ask = ask(contract, [dataset]);
    let refusal = chain.refused(&key(RESEARCHER), RequestSubmit { ask: ask.clone() });
    assert_eq!(refusal.name, "decision.policy");
    assert_eq!(text(&refusal, "policies"), "one,two");
    assert_eq!(text(&refusal, "because"), "one is the reason; two is the reason");
    assert_eq!(text(&refusal, "dataset"), dataset.to_string());
    // What the terms refuse is refused by them.
    let outside = Ask { purposes: set([Purpose::Referral]), ..ask.clone() };
    assert_eq!(chain.refused(&key(RESEARCHER), RequestSubmit { ask: outside }).name, "decision.purpose");
    let smaller = Ask { epsilon: 700_000, ..ask.clone() };
    let refusal = chain.refused(&key(RESEARCHER), RequestSubmit { ask: smaller.clone() });
    assert_eq!(text(&refusal, "policies"), "two");
    chain.request(4, smaller);
    chain.request(RESEARCHER, Ask { epsilon: 500_000, ..ask });
}

#[test]
fn where_policies_permit_one_of_them_must_apply() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let mut terms = research(&chain, [dataset]);
    terms.consent = ConsentMode::OptOut;
    let policy = "
        @id(\"members\") permit (principal, action, resource)
        when { [Organisation::\"hospital-3\", Organisation::\"hospital-5\"].contains(principal.organisation) };";
    let contract = chain.publish_with_policy(1, "named", terms, policy);
    let submit = RequestSubmit { ask: ask(contract, [dataset]) };
    let refusal = chain.refused(&key(4), submit.clone());
    assert_eq!(
        (refusal.name.as_ref(), text(&refusal, "policies").as_str()),
        ("decision.policy_permits", "members")
    );
    chain.request(RESEARCHER, submit.ask);
}

#[test]
fn a_policy_that_cannot_be_evaluated_forbids() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let mut terms = research(&chain, [dataset]);
    terms.consent = ConsentMode::OptOut;
    terms.epsilon = Epsilon { per_request: u64::MAX, total: u64::MAX, per_recipient: u64::MAX };
    let contract =
        chain.publish_with_policy(1, "sums", terms, &forbid("sum", ANY, "context.epsilon * 2 < 0"));
    let ask = ask(contract, [dataset]);
    let most = Ask { epsilon: u64::MAX, ..ask.clone() };
    let refusal = chain.refused(&key(RESEARCHER), RequestSubmit { ask: most });
    assert_eq!(
        (refusal.name.as_ref(), text(&refusal, "policies").as_str()),
        ("decision.policy_failed", "sum")
    );
    chain.request(RESEARCHER, ask);
}

/// A scene whose contract has a policy.
fn granted_under(policy: &str) -> Granted {
    let mut scene = granted();
    let terms = research(&scene.chain, [scene.dataset]);
    let label = "guarded";
    scene.contract = scene.chain.publish_with_policy(1, label, terms, policy);
    scene.chain.apply_action(&key(RESEARCHER), RequestCancel { request: scene.request });
    scene.request = scene.chain.request(RESEARCHER, ask(scene.contract, [scene.dataset]));
    scene.release = ReleaseId::derive(scene.request, scene.dataset);
    scene
}

#[test]
fn releases_and_accesses_are_decided_by_the_policy_too() {
    let policy =
        forbid(
            "small",
            "principal, action in [Action::\"release\", Action::\"access\"], resource",
            "context has patients && context.patients < 6",
        ) + &forbid("stale", "principal, action == Action::\"access\", resource", "context.day >= 30");
    let mut scene = granted_under(&policy);
    let mut small = scene.post(1);
    small.figures.patients = 5;
    let refusal = scene.chain.refused(&key(1), small);
    assert_eq!((refusal.name.as_ref(), text(&refusal, "policies").as_str()), ("decision.policy", "small"));
    let mut scene = scene.released();
    scene.chain.access(RESEARCHER, scene.release, 1);
    scene.chain.wait_ms(30 * DAY_MS);
    let access = scene.access(1);
    let refusal = scene.chain.refused(&key(RESEARCHER), access);
    assert_eq!((refusal.name.as_ref(), text(&refusal, "policies").as_str()), ("decision.policy", "stale"));
    // The grant goes on: a policy about accesses ends none.
    assert!(matches!(scene.chain.decided(scene.request).status, RequestStatus::Granted(_)));
}

#[test]
fn a_request_that_a_committee_approves_too_late_is_refused_with_the_ids() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let mut terms = research(&chain, [dataset]);
    terms.consent = ConsentMode::OptOut;
    terms.approvals = Approvals { committee: set([organisation("regulator-1")]), needed: 1 };
    let contract =
        chain.publish_with_policy(1, "voted", terms, &forbid("first-day", ANY, "context.day >= 1"));
    let request = chain.request(RESEARCHER, ask(contract, [dataset]));
    chain.wait_ms(DAY_MS);
    chain.apply_action(&key(6), RequestVote { request, approve: true });
    let RequestStatus::Refused { reason, .. } = chain.decided(request).status else { panic!("not refused") };
    assert_eq!(reason, "decision.policy");
    let event = chain.events.last().unwrap();
    let facts: Vec<String> = event.facts.iter().map(|fact| format!("{} {}", fact.name, fact.value)).collect();
    assert_eq!(facts, ["reason decision.policy", "policies first-day", "because first-day is the reason"]);
}

#[test]
fn a_consultation_that_is_looked_at_anew_ends_by_the_policy() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let patient = chain.patient(1, 1);
    chain.consent(patient, 1, permit(&chain, Purpose::ClinicalCare));
    let mut terms = consultation(&chain, [dataset]);
    terms.term.access_ms = 2 * DAY_MS;
    let policy = forbid("one-day", ANY, "!context.cohort && context.day >= 1");
    let contract = chain.publish_with_policy(1, "consultation", terms, &policy);
    let request = chain.request(RESEARCHER, ask_about(contract, dataset, patient));
    chain.wait_ms(DAY_MS);
    let again = permit(&chain, Purpose::ClinicalCare);
    chain.consent(patient, 1, again);
    let RequestStatus::Ended { reason, .. } = chain.decided(request).status else { panic!("it goes on") };
    assert_eq!(reason, "decision.policy");
}

/// Policies of which contracts of the property have some.
const POLICIES: &[&str] = &[
    "permit (principal, action, resource);",
    "permit (principal, action, resource) when { principal.role == Role::\"hospital\" };",
    "permit (principal in Organisation::\"hospital-3\", action, resource);",
    "permit (principal, action == Action::\"access\", resource);",
    "permit (principal, action, resource) unless { context.abroad };",
    "forbid (principal, action, resource) when { context.epsilon > 400000 };",
    "forbid (principal, action, resource) when { context.epsilon + 9223372036854775000 > 0 };",
    "forbid (principal, action, resource) unless { context.ethics };",
    "forbid (principal, action, resource) when { context.purposes.contains(Purpose::\"disease-research\") };",
    "forbid (principal, action == Action::\"request\", resource) when { principal.role == Role::\"insurer\" };",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the policies say: what the terms refuse is refused by the same name, what is granted with them is granted without, with the same obligations.
    #[test]
    fn a_policy_never_widens(
        chosen in prop::collection::btree_set(0..POLICIES.len(), 1..5),
        purpose in prop::sample::select(Purpose::ALL),
        class in prop::sample::select(DataClass::ALL),
        epsilon in prop::sample::select(vec![0, 300_000, 500_000, 1_000_000, 2_000_000]),
        (commercial, ethics, abroad, one) in any::<(bool, bool, bool, bool)>(),
        role in prop::sample::select(Role::ALL),
        member in 1u8..=5,
    ) {
        let mut chain = Chain::new();
        let dataset = chain.dataset(1);
        let mut terms = research(&chain, [dataset]);
        (terms.consent, terms.purposes) = (ConsentMode::OptOut, set([Purpose::GeneralResearch]));
        let policy: String = chosen.iter().map(|index| POLICIES[*index]).collect();
        let plain = chain.publish(1, "plain", terms.clone());
        let guarded = chain.publish_with_policy(1, "guarded", terms, &policy);
        let patient = chain.account(&key(9));
        let decide = |contract| {
            let subject = if one { Subject::Patient { patient, salt: None } } else { Subject::Cohort };
            let ask = Ask {
                purposes: set([purpose]),
                classes: set([class]),
                commercial,
                ethics: ethics.then_some(Digest([1; 32])),
                abroad: abroad.then_some(Digest([1; 32])),
                subject,
                epsilon,
                ..ask(contract, [dataset])
            };
            let hospital = organisation(crate::common::MEMBERS[usize::from(member) - 1]);
            preview(chain.next_block(), &chain.state, &ask, chain.account(&key(member)), hospital, role)
        };
        match (decide(plain), decide(guarded)) {
            (Ok(without), Ok(with)) => prop_assert_eq!(without, with),
            (Ok(_), Err(PreviewError::Refused(reason))) => prop_assert!(reason.name.starts_with("decision.policy")),
            (Err(without), Err(with)) => prop_assert_eq!(without, with),
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert_eq!(decide(guarded), decide(guarded));
    }
}
