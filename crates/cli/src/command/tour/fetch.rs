//! The data leave custody by the partial keys of a quorum, for who was granted them.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use medveil_clinical::dataset;
use medveil_deid::receipt::Receipt;
use medveil_deid::table::{Hints, Job};
use medveil_node::custody::Desk as _;
use serde_json::json;

use super::super::release::take;
use super::{HOSPITALS, INSTITUTE, Step, Tour, organisation};
use crate::failure::Failure;

/// Memory for checking a release, in bytes.
const MEMORY: usize = 64 << 20;

pub(super) fn taken(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let desk = tour.desk(INSTITUTE)?;
    let roster = desk.roster().map_err(|error| Failure::Refused(error.to_string()))?;
    let roster = roster.ok_or_else(|| Failure::unusable("there is no custody committee"))?;
    let (needed, members) = (roster.committee.quorum(), roster.members.len());
    let (mut said, mut facts, mut bytes, mut last) = (Vec::new(), Vec::new(), 0, 0);
    for hospital in HOSPITALS {
        let release = tour.releases[&organisation(hospital)];
        let out = tour.folder.join(INSTITUTE).join("releases").join(format!("{hospital}-1"));
        if let Some(folder) = out.parent() {
            std::fs::create_dir_all(folder).map_err(Failure::unusable)?;
        }
        let start = Instant::now();
        let taken = take(&desk, release, &out, tour.console)?;
        let whole = start.elapsed().as_millis() as u64;
        tour.is_what_was_posted(release, &out)?;
        let access = tour.get(INSTITUTE_NODE, &format!("/api/v1/accesses/{}", taken.fetched.request))?;
        last = last.max(super::height(&access));
        bytes += taken.fetched.length;
        let ms = |duration: std::time::Duration| duration.as_millis() as u64;
        let fetched = &taken.fetched;
        let (asked, key, first) = (ms(fetched.asked), ms(fetched.key_after), ms(fetched.first_bytes));
        facts.push(json!({
            "organisation": hospital, "access": fetched.request, "bytes": fetched.length,
            "access_ms": asked, "key_ms": key, "first_bytes_ms": first, "whole_ms": whole,
        }));
        if hospital != HOSPITALS[0] {
            continue;
        }
        let parts = [tour.way.granted, tour.way.posted, asked, key, first];
        let total = parts.iter().sum::<u64>().max(1);
        let [granted, posted, asked, key, first] = parts.map(|part| {
            let share = 100.0 * part as f64 / total as f64;
            format!("{:.2} s ({share:.0} %)", part as f64 / 1e3)
        });
        let seconds = total as f64 / 1e3;
        said.push(tour.say(
            format!("{needed} of {members} members' partial keys open a key: {key} after the access was final; no fewer do"),
            format!("{members} 名成员中 {needed} 名的密钥分片即可开启密钥：访问确认后 {key}；少于此数则不能"),
        ));
        said.push(tour.say(
            format!("request submitted -> first decrypted byte: {seconds:.2} s: granted with two votes {granted}, released {posted}, access {asked}, key {key}, first bytes {first}"),
            format!("提交申请 -> 首个解密字节：{seconds:.2} 秒：两票批准 {granted}，发布 {posted}，访问 {asked}，密钥 {key}，首批字节 {first}"),
        ));
        facts.push(json!({ "first_byte_ms": total, "granted_ms": parts[0], "posted_ms": parts[1] }));
    }
    let kib = bytes.div_ceil(1024);
    said.push(tour.say(
        format!(
            "five releases, {kib} KiB, are in {}; each is what its owner posted, to the letter",
            tour.folder.join(INSTITUTE).join("releases").display()
        ),
        format!(
            "五份发布（{kib} KiB）已存入 {}；内容均与数据方登记的完全一致",
            tour.folder.join(INSTITUTE).join("releases").display()
        ),
    ));
    let receipt =
        tour.folder.join(INSTITUTE).join("releases").join(format!("{}-1", HOSPITALS[0])).join("receipt.json");
    Ok(Step {
        said,
        decided: tour.say(
            "the rules, for each access; each member for its partial key".into(),
            "规则就每次访问裁决；各成员各自提供密钥分片".into(),
        ),
        height: last,
        check: format!("medveil verify {}", receipt.display()),
        facts: json!({ "needed": needed, "members": members, "fetched": facts }),
    })
}

use super::INSTITUTE_NODE;

impl Tour<'_> {
    /// Fails unless what was taken out of custody agrees with its receipt, and the receipt with what was posted.
    pub(super) fn is_what_was_posted(
        &self,
        release: medveil_ledger::ReleaseId,
        out: &std::path::Path,
    ) -> Result<(), Failure> {
        let path = out.join("receipt.json");
        let (cancelled, threads) = (AtomicBool::new(false), std::num::NonZeroUsize::MIN);
        let job = Job {
            threads,
            memory: MEMORY,
            max_record: 1 << 24,
            hints: Hints::default(),
            cancelled: &cancelled,
            progress: &|_| (),
        };
        let holds = dataset::verify(&path, None, &job)?.holds();
        let text = std::fs::read_to_string(&path).map_err(Failure::unusable)?;
        let receipt = Receipt::parse(&text).map_err(Failure::unusable)?;
        let posted = self.get("regulator-1", &format!("/api/v1/releases/{release}"))?;
        let root = json!(hex::encode(receipt.output_root));
        self.must(
            holds && posted["value"]["figures"]["root"] == root,
            "what was fetched is not what was posted",
            "取得的内容与登记的不符",
        )
    }
}
