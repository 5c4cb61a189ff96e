//! A grant ends by itself: after its time nobody uses what it gave.

use std::time::Duration;

use medveil_ledger::action::AccessRequest;
use serde_json::json;

use super::consultation::{CONSULTED, Visit};
use super::{HOSPITALS, Step, Tour};
use crate::failure::Failure;

/// How long the grant lasts, in milliseconds: an hour in life, half a minute here.
const LASTS_MS: u64 = 30_000;

/// A grant that lasts for half a minute.
pub struct Short(Visit);

pub(super) fn begun(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let visit = tour.visited(HOSPITALS[3], "short-consultation", 3, Some(LASTS_MS))?;
    let until = super::time(visit.until_ms);
    let step = Step {
        said: vec![tour.say(
            format!("a patient of {} let a doctor of `{CONSULTED}` see the history for half a minute: {} visits, until {until}", visit.owner, visit.rows),
            format!("{} 的一名患者授权 `{CONSULTED}` 的医生查阅病史半分钟：{} 次就诊，至 {until}", visit.owner, visit.rows),
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
    tour.proofs.push(format!("transaction/{}", refused.id));
    let until = super::time(until_ms);
    let compared = refused.compared();
    Ok(Step {
        said: vec![tour.say(
            format!("the same doctor asked for the same release after {until}: {} ({compared}), recorded at height {}", refused.name, refused.height),
            format!("同一医生在 {until} 之后再次访问同一发布：{}（{compared}），记录于高度 {}", refused.name, refused.height),
        )],
        decided: tour
            .say("the rules on every node, by the time of blocks".into(), "各节点依规则及区块时间裁决".into()),
        height: refused.height,
        check: format!("medveil audit trail release/{release} --node {}", tour.url(visit.owner)?),
        facts: json!({
            "release": release, "until_ms": until_ms, "reason": refused.name, "facts": refused.facts, "transaction": refused.id,
        }),
    })
}
