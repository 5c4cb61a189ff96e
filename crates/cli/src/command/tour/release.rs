//! The members' own custodians make the releases: nobody asks them to.

use std::time::{Duration, Instant};

use medveil_ledger::ReleaseId;
use serde_json::{Value, json};

use super::super::budget;
use super::super::release::percent;
use super::{HOSPITALS, INSTITUTE_NODE, Step, Tour, height, organisation};
use crate::cluster::LOG;
use crate::failure::Failure;

/// How long a custodian may take.
const POSTED: Duration = Duration::from_secs(120);

impl Tour<'_> {
    /// Waits until a hospital's custodian has posted a version of a release, by what a node has.
    pub(super) fn posted(
        &self,
        owner: &str,
        node: &str,
        release: ReleaseId,
        version: u64,
    ) -> Result<Value, Failure> {
        let log = self.folder.join(owner).join(LOG);
        let what = self.say(
            format!(
                "the custodian of {owner} posts version {version} of its release (its log: {})",
                log.display()
            ),
            format!("{owner} 的托管程序登记第 {version} 版发布（日志：{}）", log.display()),
        );
        let path = format!("/api/v1/releases/{release}");
        self.wait(&what, POSTED, || {
            Ok(self.look(node, &path)?.filter(|found| found["version"].as_u64() >= Some(version)))
        })
    }

    /// The time of a block.
    pub(super) fn time_of(&self, node: &str, height: u64) -> Result<u64, Failure> {
        Ok(self.get(node, &format!("/api/v1/blocks/{height}"))?["time_ms"].as_u64().unwrap_or(0))
    }
}

pub(super) fn released(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let start = Instant::now();
    let request = tour.request.expect("a request was granted in a step before");
    let granted = tour.get(INSTITUTE_NODE, &format!("/api/v1/requests/{request}"))?;
    let decided_at = granted["value"]["status"]["granted"]["decided-at"].as_u64().unwrap_or(0);
    let granted_ms = tour.time_of(INSTITUTE_NODE, decided_at)?;
    let (mut said, mut facts, mut last, mut people) = (Vec::new(), Vec::new(), 0, 0);
    for hospital in HOSPITALS {
        let owner = organisation(hospital);
        let release = ReleaseId::derive(request, tour.datasets[&owner]);
        let found = tour.posted(hospital, INSTITUTE_NODE, release, 1)?;
        let figures = &found["value"]["figures"];
        let number = |name: &str| figures[name].as_u64().unwrap_or(0);
        let posted_ms = found["time_ms"].as_u64().unwrap_or(granted_ms);
        let after = posted_ms.saturating_sub(granted_ms);
        if hospital == HOSPITALS[0] {
            tour.way.posted = after;
        }
        let (patients, records, suppressed) = (number("patients"), number("records"), number("suppressed"));
        let (risk, utility) = (percent(number("risk-ppm")), percent(number("utility-ppm")));
        let epsilon = budget::said(number("epsilon"));
        let consenting = tour.wallets[&owner].len() as u64;
        tour.must(
            patients > 0 && patients < consenting && number("risk-ppm") <= 200_000,
            "the figures are not those of a release of consenting patients",
            "发布的数字不符合授权人群",
        )?;
        people += patients;
        last = last.max(height(&found));
        let seconds = after as f64 / 1e3;
        said.push(tour.say(
            format!("{hospital}: {patients} of {consenting} patients, {records} records ({suppressed} suppressed), risk {risk}, utility {utility}, epsilon {epsilon}; {seconds:.1} s after the grant"),
            format!("{hospital}：{consenting} 名患者中的 {patients} 名，{records} 条记录（抑制 {suppressed} 条），风险 {risk}，效用 {utility}，epsilon {epsilon}；批准后 {seconds:.1} 秒"),
        ));
        facts.push(
            json!({ "organisation": hospital, "release": release, "figures": figures, "after_ms": after }),
        );
        tour.releases.insert(owner, release);
    }
    let first = tour.releases[&organisation(HOSPITALS[0])];
    tour.proofs.push(format!("release/{first}"));
    let seconds = start.elapsed().as_secs_f64();
    said.push(tour.say(
        format!("{people} patients in five releases, each run by its owner's node on what patients permit, put into custody and posted; nothing was asked of anybody; waited {seconds:.1} s"),
        format!("五份发布共 {people} 名患者，均由数据方节点依患者授权执行方案、交付托管并登记，无须任何人操作；等待 {seconds:.1} 秒"),
    ));
    Ok(Step {
        said,
        decided: tour.say(
            "the contract: each owner's custodian carried it out".into(),
            "合同，由各数据方的托管程序执行".into(),
        ),
        height: last,
        check: format!("medveil release show {first} --node {}", tour.url("regulator-2")?),
        facts: json!({ "releases": facts, "patients": people }),
    })
}
