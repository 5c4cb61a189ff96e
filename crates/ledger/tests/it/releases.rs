//! REL, ACS: what is released, and who uses it.

use medveil_ledger::action::*;
use medveil_ledger::state::contract::Standing;
use medveil_ledger::state::exposure::{self, Exposure};
use medveil_ledger::state::release::Figures;
use medveil_ledger::terms::{ConsentMode, Sandbox};
use medveil_ledger::vocabulary::Purpose;
use medveil_ledger::*;

use crate::common::{key, organisation};
use crate::scene::*;

/// What a change of the custodian's figures is refused for.
fn fault(scene: &mut Granted, change: impl FnOnce(&mut Figures)) -> String {
    let mut post = scene.post(1);
    change(&mut post.figures);
    scene.chain.refused(&key(1), post).name.into_owned()
}

#[test]
fn a_release_is_what_was_granted_or_is_refused_by_name() {
    let mut scene = granted();
    assert_eq!(fault(&mut scene, |figures| figures.dataset_version = 2), "release.dataset_version");
    assert_eq!(fault(&mut scene, |figures| figures.records = 1001), "release.records");
    assert_eq!(fault(&mut scene, |figures| figures.patients = 1001), "release.records");
    assert_eq!(fault(&mut scene, |figures| figures.plan = Digest([1; 32])), "release.plan");
    assert_eq!(fault(&mut scene, |figures| figures.risk_ppm = 90_911), "release.risk");
    assert_eq!(fault(&mut scene, |figures| figures.epsilon += 1), "release.epsilon");
    assert_eq!(fault(&mut scene, |figures| figures.patients = 4), "release.cohort_small");
    assert_eq!(fault(&mut scene, |figures| figures.patients = 7), "release.cohort_large");
    assert_eq!(fault(&mut scene, |figures| figures.cohort_at = 1), "release.cohort_height");
    assert_eq!(fault(&mut scene, |figures| figures.cohort_at += 1), "release.cohort_height");
    assert_eq!(fault(&mut scene, |figures| figures.custody = Some(CustodyId([9; 32]))), "custody.unknown");
    let post = scene.post(2);
    assert_eq!(scene.chain.refused(&key(1), post).name, "release.version");
    let post = scene.post(1);
    assert_eq!(scene.chain.refused(&key(2), post.clone()).name, "release.not_owner");
    let other = scene.chain.dataset(2);
    let elsewhere = ReleasePost { dataset: other, ..post.clone() };
    assert_eq!(scene.chain.refused(&key(2), elsewhere).name, "release.dataset");
    scene.chain.apply_action(&key(1), post.clone());
    assert_eq!(scene.chain.refused(&key(1), post).name, "release.version", "the same twice");
    // The source changes: the next version reads it.
    scene.chain.dataset(1);
    let stale = scene.post(2);
    assert_eq!(scene.chain.refused(&key(1), stale).name, "release.dataset_version");
}

#[test]
fn only_who_asked_uses_a_release_as_long_as_the_contract_is_open() {
    let mut scene = granted().released();
    let access = scene.access(1);
    let unknown = AccessRequest { release: ReleaseId([9; 32]), ..access.clone() };
    assert_eq!(scene.chain.refused(&key(RESEARCHER), unknown).name, "release.unknown");
    assert_eq!(scene.chain.refused(&key(4), access.clone()).name, "access.not_yours");
    scene.chain.apply_action(&key(RESEARCHER), access.clone());
    let event = scene.chain.events.last().unwrap();
    assert_eq!(event.fact("purpose").unwrap().to_string(), "disease-research");
    let standing = |standing| ContractSetStanding { contract: scene.contract, standing };
    scene.chain.apply_action(&key(1), standing(Standing::Frozen));
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access.clone()).name, "decision.standing");
    scene.chain.apply_action(&key(1), standing(Standing::Open));
    scene.chain.apply_action(&key(RESEARCHER), access.clone());
    scene.chain.wait_ms(180 * DAY_MS);
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access).name, "request.over");
}

#[test]
fn a_query_cannot_be_split_over_studies_to_show_a_few_patients() {
    let mut scene = granted().released();
    // Another study on the same dataset for the same recipient: a few patients more or fewer are refused.
    let contract = scene.chain.publish(1, "second", research(&scene.chain, [scene.dataset]));
    let dataset = scene.dataset;
    let request = scene.chain.request(RESEARCHER, ask(contract, [dataset]));
    let post = |chain: &crate::common::Chain, added, removed| {
        let figures = Figures { added, removed, ..figures(chain) };
        ReleasePost { request, dataset, version: 1, figures }
    };
    for (added, removed) in [(1, 0), (0, 4), (5, 1)] {
        let refused = post(&scene.chain, added, removed);
        assert_eq!(scene.chain.refused(&key(1), refused).name, "release.differencing");
    }
    let applied = post(&scene.chain, 5, 0);
    scene.chain.apply_action(&key(1), applied);
    let id = exposure::id(organisation("hospital-3"), dataset);
    let exposure = scene.chain.latest::<Exposure>(&id).unwrap().value;
    assert_eq!((exposure.open, exposure.releases), (None, 2));
    assert_eq!(exposure.last, Some(ReleaseId::derive(request, dataset)));
}

#[test]
fn a_sandbox_takes_so_many_records() {
    let mut scene = granted_with(|terms| {
        terms.sandbox =
            Some(Sandbox { participants: 5, records: 100, until_ms: terms.term.from_ms + 9 * DAY_MS });
    });
    assert_eq!(fault(&mut scene, |figures| figures.records = 101), "release.sandbox");
    let mut scene = scene.released();
    // A version in place of one before counts once.
    let mut second = scene.post(2);
    second.figures.records = 100;
    scene.chain.apply_action(&key(1), second);
    let (contract, dataset) = (scene.contract, scene.dataset);
    let request = scene.chain.request(4, ask(contract, [dataset]));
    let figures = Figures { records: 1, ..figures(&scene.chain) };
    let post = ReleasePost { request, dataset, version: 1, figures };
    assert_eq!(scene.chain.refused(&key(1), post).name, "release.sandbox");
}

#[test]
fn by_a_waiver_withdrawals_do_not_count_and_by_opt_out_denials_do() {
    let waiver = ConsentMode::Waiver { ethics: Digest([1; 32]) };
    for (mode, withdrawal, denial) in
        [(ConsentMode::Required, true, true), (ConsentMode::OptOut, false, true), (waiver, false, false)]
    {
        let scene = || granted_with(|terms| terms.consent = mode.clone()).released();
        let stopped = |mut scene: Granted| {
            let access = scene.access(1);
            scene.chain.submit(&key(RESEARCHER), access) != Outcome::Applied
        };
        let mut withdrawn = scene();
        let (patient, consent) = (withdrawn.patients[0], withdrawn.consents[0]);
        withdrawn.chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
        assert_eq!(stopped(withdrawn), withdrawal, "{mode:?}");
        let mut denied = scene();
        let provision = vocabulary::Provision {
            effect: vocabulary::Effect::Deny,
            ..permit(&denied.chain, Purpose::HealthResearch)
        };
        denied.chain.consent(patient, 1, provision);
        assert_eq!(stopped(denied), denial, "{mode:?}");
    }
}

#[test]
fn a_multi_centre_request_is_released_by_each_hospital() {
    let mut chain = crate::common::Chain::new();
    let (first, second) = (chain.dataset(1), chain.dataset(2));
    let mut terms = research(&chain, [first, second]);
    terms.consent = ConsentMode::OptOut;
    let contract = chain.publish(1, "joint", terms);
    chain.apply_action(&key(2), ContractCountersign { contract, revision: 1 });
    let request = chain.request(RESEARCHER, ask(contract, [first, second]));
    for (member, dataset) in [(1, first), (2, second)] {
        let figures = figures(&chain);
        let post = ReleasePost { request, dataset, version: 1, figures };
        assert_eq!(chain.refused(&key(3 - member), post.clone()).name, "release.not_owner");
        chain.apply_action(&key(member), post);
        chain.access(RESEARCHER, ReleaseId::derive(request, dataset), 1);
    }
    assert_eq!(chain.decided(request).released.len(), 2);
}
