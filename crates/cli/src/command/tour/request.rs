//! A request, decided on every node by the same rules once its committee has approved.

use medveil_ledger::action::{RequestSubmit, RequestVote};
use medveil_ledger::state::request::{Ask, Subject};
use medveil_ledger::vocabulary::{DataClass, Purpose};
use medveil_ledger::{ContractId, Digest, RequestId};
use serde_json::json;

use super::super::request::{status, whole_query};
use super::contract::set;
use super::{HOSPITALS, INSTITUTE, Step, Tour, height};
use crate::failure::Failure;

/// The approval of the ethics committee, whose digest contract and request name.
pub(super) fn approval() -> Digest {
    Digest::of("medveil/tour-approval/1", &[b"Linhai ethics committee, 2026/11: approved"])
}

/// The institute's request under the study's contract.
pub(super) fn ask(tour: &Tour<'_>, contract: ContractId) -> Result<Ask, Failure> {
    Ok(Ask {
        contract,
        revision: 1,
        datasets: set(tour.datasets.values().copied())?,
        purposes: set([Purpose::DiseaseResearch])?,
        classes: set([
            DataClass::Demographics,
            DataClass::Encounters,
            DataClass::Conditions,
            DataClass::Observations,
            DataClass::Medications,
        ])?,
        commercial: false,
        undertakings: set([])?,
        ethics: Some(approval()),
        abroad: None,
        subject: Subject::Cohort,
        query: whole_query(),
        epsilon: EPSILON,
    })
}

/// The privacy loss that is asked for, in millionths of epsilon.
pub(super) const EPSILON: u64 = 8_000_000;

pub(super) fn granted(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let contract = tour.study.expect("the contract was published in a step before");
    let researcher = tour.administrator(INSTITUTE)?;
    let ask = ask(tour, contract)?;
    let start = std::time::Instant::now();
    let submitted = tour.act(&researcher, RequestSubmit { ask })?;
    let id: Digest = super::super::text(&submitted["id"]).parse().map_err(Failure::unusable)?;
    let request = RequestId(id.0);
    let path = format!("/api/v1/requests/{request}");
    let before = tour.get(INSTITUTE_NODE, &path)?;
    tour.must(
        status(&before["value"]["status"]) == "pending",
        "the committee was not asked",
        "未经委员会审批",
    )?;
    let mut last = submitted.clone();
    for voter in ["regulator-1", HOSPITALS[0]] {
        last = tour.act(&tour.administrator(voter)?, RequestVote { request, approve: true })?;
    }
    tour.way.granted = start.elapsed().as_millis() as u64;
    let height = height(&last);
    // Every node decided the same, in the same block.
    for member in &tour.cluster.members {
        let what = tour.say(
            format!("{} has the block", member.organisation),
            format!("{} 收到区块", member.organisation),
        );
        let record = tour.wait(&what, FINAL, || {
            let found = tour.get(&member.organisation, &path)?;
            Ok((found["height"].as_u64() >= Some(height)).then_some(found))
        })?;
        tour.must(
            record["value"]["status"]["granted"]["decided-at"] == json!(height),
            "a node decided otherwise",
            "有节点裁决不同",
        )?;
    }
    let granted = &tour.get(INSTITUTE_NODE, &path)?["value"]["status"]["granted"];
    let until = granted["until-ms"].as_u64().map(super::time).unwrap_or_default();
    tour.request = Some(request);
    tour.proofs.push(format!("request/{request}"));
    let spent = super::super::budget::said(EPSILON);
    Ok(Step {
        said: vec![
            tour.say(
                format!("`{INSTITUTE}` asked for five datasets for `disease-research`; after 2 of 3 approvals all seven nodes granted it in the same block"),
                format!("`{INSTITUTE}` 申请五个数据集用于“特定疾病研究”；获 3 票中 2 票批准后，七个节点在同一区块内一致批准"),
            ),
            tour.say(
                format!("obligations: the contract's plan, risk at most 20 %, epsilon {spent} taken from three budgets, until {until}"),
                format!("附带义务：按合同方案执行，风险不超过 20 %，epsilon {spent} 计入三项预算，有效至 {until}"),
            ),
        ],
        decided: tour.say(
            "the rules on seven nodes, after regulator-1 and hospital-1 had approved".into(),
            "regulator-1 与 hospital-1 批准后，由七个节点依规则裁决".into(),
        ),
        height,
        check: format!("medveil request show {request} --node {}", tour.url("regulator-2")?),
        facts: json!({ "request": request, "obligations": granted }),
    })
}

use super::INSTITUTE_NODE;

/// How long a node is given to have a block that another has.
const FINAL: std::time::Duration = std::time::Duration::from_secs(30);
