//! CON: what patients permit and deny, and what follows at once.

use medveil_ledger::action::*;
use medveil_ledger::state::consent::Consent;
use medveil_ledger::state::coverage::Coverage;
use medveil_ledger::state::patient::Patient;
use medveil_ledger::state::request::RequestStatus;
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;

use crate::common::{Chain, key, organisation};
use crate::scene::*;

fn coverage(chain: &Chain, purpose: Purpose) -> Coverage {
    let key = state::key::coverage(&organisation("hospital-1"), purpose);
    chain.state.get(&key).map(|bytes| Coverage::decode(bytes).unwrap()).unwrap_or_default()
}

#[test]
fn consents_are_numbered_and_few() {
    let mut chain = Chain::new();
    let patient = chain.patient(1, 1);
    let provision = permit(&chain, Purpose::HealthResearch);
    assert_eq!(
        chain.refused_as(patient, &wallet(1), grant(patient, 2, vec![provision.clone()])),
        "consent.number"
    );
    for _ in 0..16 {
        chain.consent(patient, 1, provision.clone());
    }
    assert_eq!(
        chain.refused_as(patient, &wallet(1), grant(patient, 17, vec![provision.clone()])),
        "consent.too_many"
    );
    assert_eq!(coverage(&chain, Purpose::HealthResearch).permits, 16);
    let first = ConsentId::derive(chain.id, patient, 1);
    chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent: first });
    chain.consent(patient, 1, provision);
    assert_eq!(coverage(&chain, Purpose::HealthResearch).permits, 16);
    assert_eq!(chain.latest::<Patient>(&patient).unwrap().value.open.len(), 16);
}

#[test]
fn a_sentence_has_a_term_that_ends_in_the_future() {
    let mut chain = Chain::new();
    let patient = chain.patient(1, 1);
    let now_ms = chain.now_ms();
    for (from_ms, until_ms) in [(now_ms + 5, now_ms + 5), (0, now_ms), (now_ms, now_ms + 3654 * DAY_MS)] {
        let provision = Provision { from_ms, until_ms, ..permit(&chain, Purpose::HealthResearch) };
        assert_eq!(chain.refused_as(patient, &wallet(1), grant(patient, 1, vec![provision])), "consent.term");
    }
}

#[test]
fn a_consent_is_withdrawn_once_and_narrowed_never_widened() {
    let mut chain = Chain::new();
    let patient = chain.patient(1, 1);
    let broad = permit(&chain, Purpose::HealthResearch);
    let consent = chain.consent(patient, 1, broad.clone());
    let unknown = ConsentId([9; 32]);
    assert_eq!(
        chain.refused_as(patient, &wallet(1), ConsentWithdraw { consent: unknown }),
        "consent.unknown"
    );
    let narrow = |purpose| {
        let provisions = vec![Provision { purposes: set([purpose]), ..broad.clone() }];
        ConsentNarrow { consent, provisions: Provisions::new(provisions).unwrap() }
    };
    assert_eq!(
        chain.refused_as(patient, &wallet(1), narrow(Purpose::GeneralResearch)),
        "consent.not_narrower"
    );
    chain.apply_as(patient, &wallet(1), narrow(Purpose::DiseaseResearch));
    assert_eq!(coverage(&chain, Purpose::HealthResearch).permits, 0);
    assert_eq!(coverage(&chain, Purpose::DiseaseResearch).permits, 1);
    assert_eq!(
        chain.refused_as(patient, &wallet(1), narrow(Purpose::HealthResearch)),
        "consent.not_narrower"
    );
    chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    assert_eq!(chain.refused_as(patient, &wallet(1), ConsentWithdraw { consent }), "consent.withdrawn");
    assert_eq!(chain.refused_as(patient, &wallet(1), narrow(Purpose::DiseaseResearch)), "consent.withdrawn");
    let record = chain.latest::<Consent>(&consent).unwrap();
    assert_eq!((record.version, record.value.withdrawn), (3, Some(record.height)));
}

#[test]
fn a_withdrawal_stops_a_release_of_a_cohort_in_its_own_block() {
    let Granted { mut chain, release, patients, consents, .. } = granted().released();
    let access = AccessRequest { release, version: 1, keys: Default::default() };
    chain.apply_action(&key(RESEARCHER), access.clone());
    // In one block: an access before the withdrawal is granted, one after it is refused.
    let before = chain.transaction(&key(RESEARCHER), access.clone());
    let withdraw = chain.transaction_as(patients[0], &wallet(1), ConsentWithdraw { consent: consents[0] });
    let after = {
        let body = chain.body(&key(RESEARCHER), access);
        let body = Body { nonce: body.nonce + 1, ..body };
        chain.verified(body.sign(&key(RESEARCHER)))
    };
    let outcome = chain.block(&[before, withdraw, after]);
    assert_eq!(outcome.receipts[0].outcome, Outcome::Applied);
    assert_eq!(outcome.receipts[1].outcome, Outcome::Applied);
    let Outcome::Refused(reason) = &outcome.receipts[2].outcome else { panic!("granted after a withdrawal") };
    assert_eq!(reason.name, "release.stale");
}

#[test]
fn a_withdrawal_shrinks_the_next_version() {
    let mut scene = granted().released();
    let (patient, consent) = (scene.patients[0], scene.consents[0]);
    scene.chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    let mut post = scene.post(2);
    // The same six patients are more than consents can permit, and of a height before the withdrawal.
    assert_eq!(scene.chain.refused(&key(1), post.clone()).name, "release.cohort_large");
    post.figures.patients = 5;
    post.figures.cohort_at = scene.chain.height - 2;
    assert_eq!(scene.chain.refused(&key(1), post.clone()).name, "release.stale");
    post.figures.cohort_at = scene.chain.height;
    scene.chain.apply_action(&key(1), post);
    let (old, new) = (scene.access(1), scene.access(2));
    assert_eq!(scene.chain.refused(&key(RESEARCHER), old).name, "access.superseded");
    scene.chain.apply_action(&key(RESEARCHER), new);
}

#[test]
fn a_withdrawal_between_picking_and_posting_is_not_missed() {
    let mut scene = granted();
    let post = scene.post(1);
    let (patient, consent) = (scene.patients[0], scene.consents[0]);
    scene.chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    let another = scene.patients[1];
    let provision = permit(&scene.chain, Purpose::HealthResearch);
    scene.chain.consent(another, 2, provision);
    assert_eq!(scene.chain.refused(&key(1), post).name, "release.stale");
}

#[test]
fn a_withdrawal_touches_what_can_stand_on_the_consent_and_nothing_else() {
    let mut scene = granted().released();
    let (patient, access) = (scene.patients[0], scene.access(1));
    // A consent given after the cohort was picked, and one for another purpose.
    let chain = &mut scene.chain;
    let late = chain.consent(patient, 1, permit(chain, Purpose::HealthResearch));
    let care = chain.consent(patient, 1, permit(chain, Purpose::ClinicalCare));
    for consent in [late, care] {
        chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    }
    // And one at another hospital.
    let elsewhere = chain.patient(2, 20);
    let consent = chain.consent(elsewhere, 20, permit(chain, Purpose::HealthResearch));
    chain.apply_as(elsewhere, &wallet(20), ConsentWithdraw { consent });
    chain.apply_action(&key(RESEARCHER), access);
}

#[test]
fn a_denial_stops_releases_above_at_and_below_its_purpose() {
    for (purpose, stops) in [
        (Purpose::NoRestriction, true),
        (Purpose::HealthResearch, true),
        (Purpose::DiseaseResearch, true),
        (Purpose::GeneticResearch, false),
        (Purpose::ClinicalCare, false),
    ] {
        let mut scene = granted().released();
        let (patient, access) = (scene.patients[0], scene.access(1));
        let denial = Provision { effect: Effect::Deny, ..permit(&scene.chain, purpose) };
        scene.chain.consent(patient, 1, denial);
        match scene.chain.submit(&key(RESEARCHER), access) {
            Outcome::Applied => assert!(!stops, "{purpose}"),
            Outcome::Refused(reason) => assert!(stops && reason.name == "release.stale", "{purpose}"),
        }
    }
    // The use is above what is denied.
    let mut scene = granted_with(|_| {});
    let (contract, dataset) = (scene.contract, scene.dataset);
    scene.chain.apply_action(&key(RESEARCHER), RequestCancel { request: scene.request });
    let mut broad = ask(contract, [dataset]);
    broad.purposes = set([Purpose::HealthResearch]);
    scene.request = scene.chain.request(RESEARCHER, broad);
    scene.release = ReleaseId::derive(scene.request, dataset);
    let mut scene = scene.released();
    let denial = Provision { effect: Effect::Deny, ..permit(&scene.chain, Purpose::DiseaseResearch) };
    let (patient, access) = (scene.patients[0], scene.access(1));
    scene.chain.consent(patient, 1, denial);
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access).name, "release.stale");
}

/// A consultation that hospital-3 was granted about a patient of hospital-1, with what it was given.
fn consulted() -> (Chain, AccountId, ConsentId, RequestId, ReleaseId) {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let patient = chain.patient(1, 1);
    let consent = chain.consent(patient, 1, permit(&chain, Purpose::TeleConsultation));
    let contract = chain.publish(1, "consult", consultation(&chain, [dataset]));
    let request = chain.request(RESEARCHER, ask_about(contract, dataset, patient));
    let mut figures = figures(&chain);
    (figures.patients, figures.epsilon) = (1, 0);
    chain.apply_action(&key(1), ReleasePost { request, dataset, version: 1, figures });
    (chain, patient, consent, request, ReleaseId::derive(request, dataset))
}

#[test]
fn a_consultation_ends_in_the_block_of_the_withdrawal_and_is_destroyed() {
    let (mut chain, patient, consent, request, release) = consulted();
    chain.access(RESEARCHER, release, 1);
    chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    assert_eq!(chain.last_kinds(3), ["consent.withdrawn", "request.ended", "destruction.ordered"]);
    let height = chain.height;
    let status = chain.decided(request).status;
    assert_eq!(status, RequestStatus::Ended { reason: "decision.no_consent".into(), at: height });
    assert!(chain.latest::<Patient>(&patient).unwrap().value.requests.is_empty());
    let access = AccessRequest { release, version: 1, keys: Default::default() };
    assert_eq!(chain.refused(&key(RESEARCHER), access).name, "release.destroyed");
    chain.apply_action(&key(RESEARCHER), DestructionAttest { object: ObjectRef::release(release) });
}

#[test]
fn a_consultation_is_sealed_when_its_hours_are_over() {
    let (mut chain, _, _, _, release) = consulted();
    chain.wait_ms(4 * 3_600_000);
    let access = AccessRequest { release, version: 1, keys: Default::default() };
    assert_eq!(chain.refused(&key(RESEARCHER), access).name, "request.over");
    let order = DestructionOrder {
        object: ObjectRef::release(release),
        cause: state::destruction::DestructionCause::TermEnded,
    };
    chain.apply_action(&key(RESEARCHER), order);
}

#[test]
fn a_pending_request_about_a_patient_is_refused_by_a_denial() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let patient = chain.patient(1, 1);
    chain.consent(patient, 1, permit(&chain, Purpose::TeleConsultation));
    let mut terms = consultation(&chain, [dataset]);
    terms.approvals = terms::Approvals { committee: set([organisation("hospital-1")]), needed: 1 };
    let contract = chain.publish(1, "consult", terms);
    let request = chain.request(RESEARCHER, ask_about(contract, dataset, patient));
    assert_eq!(chain.decided(request).status, RequestStatus::Pending);
    let denial = Provision { effect: Effect::Deny, ..permit(&chain, Purpose::ClinicalCare) };
    chain.consent(patient, 1, denial);
    let status = chain.decided(request).status;
    assert_eq!(status, RequestStatus::Refused { reason: "decision.denied".into(), at: chain.height });
    let vote = RequestVote { request, approve: true };
    assert_eq!(chain.refused(&key(1), vote).name, "request.status");
}
