//! CTR: contracts, and which terms contradict each other.

use medveil_ledger::action::*;
use medveil_ledger::measure::{Freeze, Unfreeze};
use medveil_ledger::role::Role;
use medveil_ledger::state::contract::{Contract, Standing};
use medveil_ledger::template::Template;
use medveil_ledger::terms::*;
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;

use crate::common::{Chain, grounds, key, organisation};
use crate::scene::*;

/// What terms are refused for, when they are published.
fn fault(chain: &mut Chain, dataset: DatasetId, change: impl FnOnce(&mut Terms)) -> String {
    let mut terms = research(chain, [dataset]);
    change(&mut terms);
    let publish = ContractPublish { label: Slug::new("faulty").unwrap(), revision: 1, terms };
    chain.refused(&key(1), publish).name.into_owned()
}

#[test]
fn terms_that_contradict_each_other_are_refused_by_name() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let begin = chain.genesis.time_ms;
    let chain = &mut chain;
    assert_eq!(fault(chain, dataset, |terms| terms.term.until_ms = terms.term.from_ms), "contract.term");
    assert_eq!(
        fault(chain, dataset, |terms| (terms.term.from_ms, terms.term.until_ms) = (0, begin)),
        "contract.term"
    );
    assert_eq!(fault(chain, dataset, |terms| terms.term.access_ms = 0), "contract.access_time");
    assert_eq!(
        fault(chain, dataset, |terms| terms.term.access_ms = terms.term.until_ms),
        "contract.access_time"
    );
    assert_eq!(
        fault(chain, dataset, |terms| terms.purposes = set([Purpose::Claims])),
        "contract.commercial_purpose"
    );
    assert_eq!(fault(chain, dataset, |terms| terms.commercial = true), "contract.condition");
    assert_eq!(fault(chain, dataset, |terms| terms.export = ExportRule::Assessed), "contract.condition");
    for (condition, purpose) in [
        (Condition::ApprovedUser, Purpose::HealthResearch),
        (Condition::ApprovedProject, Purpose::HealthResearch),
        (Condition::ApprovedInstitution, Purpose::HealthResearch),
        (Condition::GeneticStudiesOnly, Purpose::HealthResearch),
        (Condition::NoMethods, Purpose::ModelTraining),
        (Condition::NoAncestry, Purpose::AncestryResearch),
    ] {
        let name = fault(chain, dataset, |terms| {
            (terms.conditions, terms.purposes) = (set([condition]), set([purpose]));
        });
        assert_eq!(name, "contract.condition", "{condition}");
    }
    let waiver = ConsentMode::Waiver { ethics: Digest([1; 32]) };
    let commercial = |terms: &mut Terms| {
        (terms.commercial, terms.conditions, terms.consent) = (true, set([]), waiver);
    };
    assert_eq!(fault(chain, dataset, commercial), "contract.commercial_waiver");
    let public = |terms: &mut Terms| {
        (terms.release, terms.recipients) = (ReleaseModel::Public, Recipients::anyone());
    };
    for contradiction in [
        (|terms| terms.on_withdrawal = OnWithdrawal::Destroy) as fn(&mut Terms),
        |terms| terms.sandbox = Some(Sandbox { participants: 1, records: 1, until_ms: terms.term.until_ms }),
        |terms| terms.recipients = Recipients::new([Role::Hospital], []).unwrap(),
        |terms| terms.classes = set([DataClass::Notes]),
        |terms| terms.price = Price { fen: 1, organisations: [].into(), patients: 10_000 },
    ] {
        let name = fault(chain, dataset, |terms| {
            public(terms);
            contradiction(terms);
        });
        assert_eq!(name, "contract.public_release");
    }
    assert_eq!(fault(chain, dataset, |terms| terms.max_risk_ppm = 200_001), "contract.risk");
    assert_eq!(fault(chain, dataset, |terms| terms.min_cohort = 4), "contract.cohort");
    assert_eq!(fault(chain, dataset, |terms| terms.epsilon.per_request = 10_000_001), "contract.epsilon");
    assert_eq!(fault(chain, dataset, |terms| terms.epsilon.per_recipient = 999_999), "contract.epsilon");
    for price in [
        Price { fen: 100, organisations: [(organisation("hospital-1"), 9_999)].into(), patients: 0 },
        Price { fen: 0, organisations: [].into(), patients: 1 },
    ] {
        assert_eq!(fault(chain, dataset, |terms| terms.price = price), "contract.split");
    }
    assert_eq!(fault(chain, dataset, |terms| terms.rate.per_account = 0), "contract.rate");
    assert_eq!(fault(chain, dataset, |terms| terms.rate.window_ms = 0), "contract.rate");
    for needed in [0, 2] {
        let committee = set([organisation("regulator-1")]);
        let name = fault(chain, dataset, |terms| terms.approvals = Approvals { committee, needed });
        assert_eq!(name, "contract.committee");
    }
    let sandbox = Sandbox { participants: 1, records: 0, until_ms: begin + DAY_MS };
    assert_eq!(fault(chain, dataset, |terms| terms.sandbox = Some(sandbox)), "contract.sandbox");
}

#[test]
fn a_contract_keeps_what_its_template_fixes() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let particulars = particulars(&chain, "hospital-1", [dataset]);
    let refresh = |terms: &mut Terms| terms.release = ReleaseModel::Controlled;
    for (template, breaks) in [
        (Template::ClinicalResearch, (|terms| terms.purposes = set([Purpose::Referral])) as fn(&mut Terms)),
        (Template::DiabetesStudy, |terms| terms.conditions = set([])),
        (Template::MultiCentreStudy, |_| {}),
        (Template::TeleConsultation, |terms| terms.consent = ConsentMode::OptOut),
        (Template::ReferralExchange, |terms| {
            (terms.release, terms.max_risk_ppm, terms.min_cohort) = (ReleaseModel::Controlled, 1, 5);
        }),
        (Template::PublicHealthReport, |terms| terms.purposes = set([Purpose::HealthResearch])),
        (Template::InsuranceLicence, |terms| {
            terms.price.patients = 0;
            terms.price.organisations.values_mut().for_each(|share| *share = 10_000);
        }),
    ] {
        let mut terms = template.terms(&particulars);
        breaks(&mut terms);
        let publish = ContractPublish { label: Slug::new("faulty").unwrap(), revision: 1, terms };
        assert_eq!(chain.refused(&key(1), publish).name, "contract.template", "{template}");
    }
    let mut custom = Template::Custom.terms(&particulars);
    refresh(&mut custom);
    chain.publish(1, "custom", custom);
}

#[test]
fn what_a_contract_names_exists_and_its_owners_agree() {
    let mut chain = Chain::new();
    let (first, second) = (chain.dataset(1), chain.dataset(2));
    let publish =
        |terms: Terms, revision| ContractPublish { label: Slug::new("joint").unwrap(), revision, terms };
    let joint = research(&chain, [first, second]);
    let mut unknown = joint.clone();
    unknown.datasets = set([first, DatasetId([9; 32])]);
    assert_eq!(chain.refused(&key(1), publish(unknown, 1)).name, "contract.unknown_dataset");
    let mut stranger = joint.clone();
    stranger.approvals = Approvals { committee: set([organisation("nobody")]), needed: 1 };
    assert_eq!(chain.refused(&key(1), publish(stranger, 1)).name, "contract.unknown_organisation");
    assert_eq!(chain.refused(&key(3), publish(joint.clone(), 1)).name, "contract.no_dataset");
    assert_eq!(chain.refused(&key(1), publish(joint.clone(), 2)).name, "contract.revision");

    let contract = chain.publish(1, "joint", joint.clone());
    assert_eq!(chain.refused(&key(1), publish(joint.clone(), 2)).name, "contract.unchanged");
    let request = RequestSubmit { ask: ask(contract, [first]) };
    assert_eq!(chain.refused(&key(RESEARCHER), request).name, "decision.awaiting");
    let countersign = |revision| ContractCountersign { contract, revision };
    assert_eq!(chain.refused(&key(2), countersign(2)).name, "contract.revision");
    assert_eq!(chain.refused(&key(3), countersign(1)).name, "contract.nothing_to_sign");
    let nowhere = ContractCountersign { contract: ContractId([9; 32]), revision: 1 };
    assert_eq!(chain.refused(&key(2), nowhere).name, "contract.unknown");
    chain.apply_action(&key(2), countersign(1));
    assert_eq!(chain.refused(&key(2), countersign(1)).name, "contract.nothing_to_sign");
    let record = chain.latest::<Contract>(&contract).unwrap().value;
    assert_eq!((record.owners, record.awaiting.len()), (organisations(&["hospital-1", "hospital-2"]), 0));

    // Other terms: the owners agree anew, and what was granted under those before is over.
    let mut other = joint;
    other.min_cohort = 7;
    chain.apply_action(&key(1), publish(other, 2));
    let request = RequestSubmit { ask: ask(contract, [first]) };
    assert_eq!(chain.refused(&key(RESEARCHER), request).name, "decision.revision");
}

#[test]
fn data_too_sensitive_for_a_release_model_are_not_put_under_it() {
    let mut chain = Chain::new();
    let dataset = chain.dataset(1);
    let name = fault(&mut chain, dataset, |terms| {
        (terms.release, terms.max_risk_ppm) = (ReleaseModel::Public, 90_000);
        terms.recipients = Recipients::anyone();
    });
    assert_eq!(name, "contract.level");
}

#[test]
fn one_owner_freezes_a_contract_and_its_publisher_closes_it() {
    let mut chain = Chain::new();
    let (first, second) = (chain.dataset(1), chain.dataset(2));
    let contract = chain.publish(1, "joint", research(&chain, [first, second]));
    chain.apply_action(&key(2), ContractCountersign { contract, revision: 1 });
    let set = |standing| ContractSetStanding { contract, standing };
    assert_eq!(chain.refused(&key(3), set(Standing::Frozen)).name, "contract.not_yours");
    assert_eq!(chain.refused(&key(2), set(Standing::Closed)).name, "contract.not_yours");
    assert_eq!(chain.refused(&key(2), set(Standing::Open)).name, "contract.standing");
    chain.apply_action(&key(2), set(Standing::Frozen));
    let request = RequestSubmit { ask: ask(contract, [first]) };
    assert_eq!(chain.refused(&key(RESEARCHER), request.clone()).name, "decision.standing");
    assert_eq!(chain.refused(&key(1), set(Standing::Open)).name, "contract.frozen_by");
    chain.apply_action(&key(2), set(Standing::Open));
    assert_eq!(chain.refused(&key(RESEARCHER), request.clone()).name, "decision.coverage");
    // A vote freezes it too.
    let object = ObjectRef::contract(contract);
    chain.enact(Freeze { object, grounds: grounds() });
    assert_eq!(chain.refused(&key(RESEARCHER), request).name, "decision.frozen");
    chain.enact(Unfreeze { object });
    chain.apply_action(&key(1), set(Standing::Closed));
    assert_eq!(chain.refused(&key(1), set(Standing::Open)).name, "contract.closed");
    let publish =
        ContractPublish { label: Slug::new("joint").unwrap(), revision: 2, terms: research(&chain, [first]) };
    assert_eq!(chain.refused(&key(1), publish).name, "contract.closed");
}
