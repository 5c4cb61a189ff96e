//! A patient withdraws: what was released is refused from that block on, and the next version is made without the patient.

use medveil_ledger::action::{AccessRequest, ConsentWithdraw};
use medveil_ledger::{ConsentId, ObjectRef};
use serde_json::json;

use super::{HOSPITALS, INSTITUTE, INSTITUTE_NODE, Step, Tour, height, organisation};
use crate::failure::Failure;

pub(super) fn shrunk(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let hospital = HOSPITALS[0];
    let owner = organisation(hospital);
    let release = tour.releases[&owner];
    let before = tour.get(hospital, &format!("/api/v1/releases/{release}"))?;
    let version = before["version"].as_u64().unwrap_or(0);
    let (index, visits) = tour.somebody(&owner, 1)?;
    let patient = tour.wallets[&owner][index].handle;
    let consent = ConsentId::derive(tour.chain, patient, 1);
    let withdrawn = tour.act(&tour.patient(&owner, index)?, ConsentWithdraw { consent })?;
    let at = height(&withdrawn);
    // The next version may be there before anybody asks again.
    let access = AccessRequest { release, version, keys: Default::default() };
    let refused = tour.must_refuse_for(
        &tour.administrator(INSTITUTE)?,
        access,
        &["release.stale", "access.superseded"],
    )?;
    let after = tour.posted(hospital, INSTITUTE_NODE, release, version + 1)?;
    let number =
        |found: &serde_json::Value, name: &str| found["value"]["figures"][name].as_u64().unwrap_or(0);
    let (had, has) = (number(&before, "patients"), number(&after, "patients"));
    tour.must(
        has + 1 == had && number(&after, "added") == 0,
        &format!("the next version has {has} patients after {had}"),
        &format!("下一版有 {has} 名患者，前一版 {had} 名"),
    )?;
    let took = after["time_ms"].as_u64().unwrap_or(0).saturating_sub(tour.time_of(hospital, at)?);
    let next = height(&after);
    tour.proofs.push(format!("consent/{consent}"));
    let object = ObjectRef::release(release);
    Ok(Step {
        said: vec![
            tour.say(
                format!("a patient of {hospital} with {visits} visits withdrew at height {at}; the version before: {}, height {}", refused.name, refused.height),
                format!("{hospital} 一名有 {visits} 次就诊的患者于高度 {at} 撤回授权；前一版即被拒绝：{}，高度 {}", refused.name, refused.height),
            ),
            tour.say(
                format!("{hospital}'s custodian made version {} by itself, posted {:.1} s later: {has} patients instead of {had}, {} records instead of {}", version + 1, took as f64 / 1e3, number(&after, "records"), number(&before, "records")),
                format!("{hospital} 的托管程序自动生成第 {} 版，{:.1} 秒后登记：患者 {had} 减为 {has} 名，记录 {} 变为 {} 条", version + 1, took as f64 / 1e3, number(&before, "records"), number(&after, "records")),
            ),
        ],
        decided: tour.say("the patient".into(), "患者本人".into()),
        height: next,
        check: format!("medveil audit trail {object} --node {}", tour.url(INSTITUTE_NODE)?),
        facts: json!({
            "consent": consent, "withdrawn_at": at, "refused": { "reason": refused.name, "height": refused.height },
            "patients_before": had, "patients_after": has, "posted_at": next, "posted_after_ms": took,
        }),
    })
}
