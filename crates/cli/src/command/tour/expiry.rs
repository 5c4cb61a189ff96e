//! A grant ends by itself: after its time nobody uses what it gave.

use std::time::Duration;

use medveil_ledger::action::AccessRequest;
use serde_json::json;

use super::consultation::{CONSULTED, Visit};
use super::{HOSPITALS, Step, Tour, height};
use crate::failure::Failure;

/// How long the grant lasts, in milliseconds: hours in life, seconds here.
const LASTS_MS: u64 = 20_000;

/// A grant that lasts for a moment.
pub struct Short(Visit);

pub(super) fn begun(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let visit = tour.visited(HOSPITALS[3], "short-consultation", 3, Some(LASTS_MS))?;
    let until = super::time(visit.until_ms);
    let step = Step {
        said: vec![tour.say(
            format!("a patient of {} let a doctor of `{CONSULTED}` see the history for twenty seconds: {} visits, until {until}", visit.owner, visit.rows),
            format!("{} 的一名患者授权 `{CONSULTED}` 的医生查阅病史二十秒：{} 次就诊，至 {until}", visit.owner, visit.rows),
        )],
        decided: tour.say(
            "the patient; the contract decides how long".into(),
            "患者本人；期限依合同".into(),
        ),
        height: visit.height,
        check: format!("medveil request show {} --node {}", visit.request, tour.url(CONSULTED)?),
        facts: json!({ "request": visit.request, "release": visit.release, "until_ms": visit.until_ms, "rows": visit.rows }),
    };
    tour.short = Some(Short(visit));
    Ok(step)
}

pub(super) fn over(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let Some(Short(visit)) = tour.short.take() else {
        return Err(Failure::unusable("no grant was given in a step before"));
    };
    let (until_ms, release) = (visit.until_ms, visit.release);
    let what = tour.say("the grant ends".into(), "授权到期".into());
    tour.wait(&what, Duration::from_millis(LASTS_MS) + Duration::from_secs(30), || {
        Ok((tour.now_ms(CONSULTED)? >= until_ms).then_some(()))
    })?;
    // The custodian may have ordered the destruction of what is over already.
    let access = AccessRequest { release, version: 1, keys: Default::default() };
    let doctor = tour.administrator(CONSULTED)?;
    let refused = tour.must_refuse_for(&doctor, access, &["request.over", "release.destroyed"])?;
    let what = tour.say("the custodian orders the destruction".into(), "托管程序下令销毁".into());
    let order = tour.wait(&what, Duration::from_secs(30), || {
        tour.look(CONSULTED, &format!("/api/v1/destructions/release/{release}"))
    })?;
    tour.must(
        order["value"]["cause"] == json!("term-ended"),
        "it is destroyed for another reason than its time",
        "销毁的原因不是期满",
    )?;
    tour.proofs.push(format!("transaction/{}", refused.id));
    let until = super::time(until_ms);
    let compared = refused.compared();
    Ok(Step {
        said: vec![
            tour.say(
                format!("the grant of {} was over at {until}; the same doctor asked for the same release: {} ({compared}), recorded at height {}", visit.owner, refused.name, refused.height),
                format!("{} 的授权于 {until} 期满；同一医生再次访问同一发布：{}（{compared}），记录于高度 {}", visit.owner, refused.name, refused.height),
            ),
            tour.say(
                format!("{}'s custodian ordered its destruction by itself: term-ended, height {}", visit.owner, height(&order)),
                format!("{} 的托管程序自行下令销毁：期满，高度 {}", visit.owner, height(&order)),
            ),
        ],
        decided: tour
            .say("the rules on every node, by the time of blocks".into(), "各节点依规则及区块时间裁决".into()),
        height: refused.height,
        check: format!("medveil audit trail release/{release} --node {}", tour.url(visit.owner)?),
        facts: json!({
            "release": release, "until_ms": until_ms, "reason": refused.name, "facts": refused.facts, "transaction": refused.id,
        }),
    })
}
