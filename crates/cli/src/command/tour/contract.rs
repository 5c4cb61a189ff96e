//! A contract over the data of five owners: nothing is granted before each has signed.

use medveil_ledger::action::{ContractCountersign, ContractPublish, RequestSubmit};
use medveil_ledger::bounded::BoundedSet;
use medveil_ledger::template::{Particulars, Template};
use medveil_ledger::terms::{Epsilon, Terms};
use medveil_ledger::vocabulary::StudyId;
use medveil_ledger::{ContractId, Digest, Slug};
use serde_json::json;

use super::super::deid::load_plan;
use super::{HOSPITALS, INSTITUTE, PLAN, Step, Tour, height, organisation, request};
use crate::failure::Failure;

/// What the contract is called.
const LABEL: &str = "diabetes-2026";

pub(super) fn published(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let label = Slug::new(LABEL).expect("a slug");
    let publisher = tour.administrator(HOSPITALS[0])?;
    let terms = terms(tour)?;
    let contract = ContractId::derive(tour.chain, organisation(HOSPITALS[0]), label);
    let least = terms.min_cohort;
    tour.act(&publisher, ContractPublish { label, revision: 1, terms })?;
    tour.study = Some(contract);
    // What is not signed by everyone grants nothing.
    let ask = request::ask(tour, contract)?;
    let refused =
        tour.must_refuse(&tour.administrator(INSTITUTE)?, RequestSubmit { ask }, "decision.awaiting")?;
    let mut last = 0;
    for owner in &HOSPITALS[1..] {
        let answer = tour.act(&tour.administrator(owner)?, ContractCountersign { contract, revision: 1 })?;
        last = height(&answer);
    }
    let found = tour.get(HOSPITALS[4], &format!("/api/v1/contracts/{contract}"))?;
    tour.must(found["value"]["awaiting"] == json!([]), "an owner is still waited for", "仍有数据方未会签")?;
    tour.proofs.push(format!("contract/{contract}"));
    Ok(Step {
        said: vec![
            tour.say(
                format!("hospital-1/{LABEL}, from the template `multi-centre-study`: research on diabetes, consented data only, plan `{PLAN}`, at least {least} patients a release, 2 of 3 approvals"),
                format!("hospital-1/{LABEL}，依模板“多中心研究”：糖尿病研究，仅限已授权数据，方案 `{PLAN}`，每次发布至少 {least} 名患者，3 票中 2 票批准"),
            ),
            tour.say(
                format!("before the last owner had signed, a request was refused: decision.awaiting ({}), height {}", refused.compared(), refused.height),
                format!("最后一家数据方会签之前，申请被拒绝：decision.awaiting（{}），高度 {}", refused.compared(), refused.height),
            ),
        ],
        decided: HOSPITALS.join(", "),
        height: last,
        check: format!("medveil contract show hospital-1/{LABEL} --node {}", tour.url(HOSPITALS[4])?),
        facts: json!({ "contract": contract, "refused": { "reason": "decision.awaiting", "facts": refused.facts, "height": refused.height } }),
    })
}

/// The terms of the study.
fn terms(tour: &Tour<'_>) -> Result<Terms, Failure> {
    let chain = tour.chain;
    let owner = organisation(HOSPITALS[0]);
    let committee = [HOSPITALS[0], "regulator-1", "regulator-2"].map(organisation);
    let mut terms = Template::MultiCentreStudy.terms(&Particulars {
        owner,
        datasets: set(tour.datasets.values().copied())?,
        plan: Digest(load_plan(PLAN)?.digest()),
        ethics: request::approval(),
        now_ms: tour.now_ms(HOSPITALS[0])?,
        committee: set(committee)?,
    });
    terms.study = Some(StudyId::derive(chain, owner, Slug::new("diabetes").expect("a slug")));
    // Whoever tries the tour with a few patients still sees it.
    terms.min_cohort = u32::try_from(tour.patients_each / 4).unwrap_or(u32::MAX).clamp(5, 100);
    // The plan hides each patient among five.
    terms.max_risk_ppm = 200_000;
    terms.epsilon = Epsilon { per_request: 10_000_000, total: 40_000_000, per_recipient: 40_000_000 };
    terms.approvals.needed = 2;
    Ok(terms)
}

pub(super) fn set<T: Ord, const MIN: usize, const MAX: usize>(
    values: impl IntoIterator<Item = T>,
) -> Result<BoundedSet<T, MIN, MAX>, Failure> {
    BoundedSet::new(values).map_err(Failure::unusable)
}
