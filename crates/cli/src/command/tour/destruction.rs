//! What is to be destroyed is destroyed by every member that holds a piece, and each says so.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use medveil_ledger::{CustodyId, ReleaseId};
use serde_json::json;

use super::super::demo::CUSTODIAN;
use super::{Step, Tour};
use crate::failure::Failure;

/// How long members may take.
const ATTESTED: Duration = Duration::from_secs(60);

/// A release whose destruction was ordered.
pub struct Ordered {
    pub(super) owner: &'static str,
    pub(super) release: ReleaseId,
    /// What it is in custody, and how many versions of it there are.
    pub(super) custody: CustodyId,
    pub(super) versions: u64,
    pub(super) ordered_at: u64,
}

pub(super) fn attested(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let Some(Ordered { owner, release, custody, versions, ordered_at }) = tour.destroyed.take() else {
        return Err(Failure::unusable("no destruction was ordered in a step before"));
    };
    let start = Instant::now();
    let members: BTreeSet<String> =
        tour.cluster.members.iter().map(|member| member.organisation.clone()).collect();
    let path = format!("/api/v1/destructions/release/{release}");
    let what = tour.say("every member attests".into(), "全体成员证明销毁".into());
    let order = tour.wait(&what, ATTESTED, || {
        let order = tour.get("regulator-2", &path)?;
        let attested = order["value"]["attested"].as_object().map_or(0, serde_json::Map::len);
        Ok((attested >= members.len()).then_some(order))
    })?;
    let attested = order["value"]["attested"].as_object().cloned().unwrap_or_default();
    tour.must(
        members.iter().all(|member| attested.contains_key(member)),
        "somebody else has attested",
        "证明者并非全体成员",
    )?;
    // An attestation is a statement; here the disks can be looked at.
    let releases = tour.folder.join(owner).join(CUSTODIAN).join("releases").join(release.to_string());
    let mut left = usize::from(releases.exists());
    for member in &members {
        let objects = tour.folder.join(member).join("data/custody/objects").join(custody.to_string());
        left += (1..=versions).map(|version| segments(&objects.join(version.to_string()))).sum::<usize>();
    }
    tour.must(left == 0, "something of it is still on a disk", "仍有内容留在磁盘上")?;
    let last = attested.values().filter_map(serde_json::Value::as_u64).max().unwrap_or(ordered_at);
    let seconds = start.elapsed().as_secs_f64();
    tour.proofs.push(format!("destruction/release/{release}"));
    Ok(Step {
        said: vec![
            tour.say(
                format!("{owner}'s custodian removed its copy; {} of {} members shredded their shards, dropped the key's identity and attested it, up to height {last}", attested.len(), members.len()),
                format!("{owner} 的托管程序删除副本；{} 名成员（共 {} 名）粉碎分片、放弃密钥并作出证明，至高度 {last}", attested.len(), members.len()),
            ),
            tour.say(
                format!("no segment of it is on any of the seven disks ({seconds:.1} s after this step began)"),
                format!("七个节点的磁盘上均无其片段（本步开始后 {seconds:.1} 秒）"),
            ),
        ],
        decided: tour.say(
            format!("the contract, with the withdrawal at height {ordered_at}; each member for what it held"),
            format!("合同依高度 {ordered_at} 的撤回下令；各成员就各自所持执行"),
        ),
        height: last,
        check: format!("medveil destruction show release/{release} --node {}", tour.url("regulator-2")?),
        facts: json!({ "release": release, "custody": custody, "attested": attested, "ordered_at": ordered_at }),
    })
}

/// Files of segments below a folder.
fn segments(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.path() {
            path if path.is_dir() => segments(&path),
            path => usize::from(path.parent().is_some_and(|folder| {
                folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("shard-"))
            })),
        })
        .sum()
}
