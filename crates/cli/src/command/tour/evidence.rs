//! What happened is shown to somebody who trusts no node: with the genesis alone.

use std::time::Instant;

use serde_json::json;

use super::super::audit::Target;
use super::super::demo::export;
use super::{Step, Tour};
use crate::failure::Failure;

/// Where evidence lies, in the folder of the consortium.
const FOLDER: &str = "evidence";

pub(super) fn verified(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let folder = tour.folder.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(Failure::unusable)?;
    // The node that is asked took no part in any of it.
    let client = tour.client("regulator-2")?;
    let (mut said, mut bytes, mut last, mut files) = (Vec::new(), 0, 0, Vec::new());
    let mut spent = std::time::Duration::ZERO;
    for object in tour.proofs.clone() {
        let target: Target = object.parse().map_err(Failure::Unusable)?;
        let (path, question) = target.request(None, None);
        let file = export(&client, &format!("/api/v1/{path}"), tour.console)?;
        let name = format!("{}.evidence", object.replace('/', "-"));
        super::super::write_new(&folder.join(&name), &file, true, false)?;
        // From here on nothing is asked of a node.
        let start = Instant::now();
        let reading = medveil_evidence::read(&file, &tour.genesis)
            .map_err(|refused| Failure::Refused(super::super::evidence::said(&refused, tour.console)))?;
        spent += start.elapsed();
        tour.must(reading.answer(&question).is_some(), "it proves something else", "证明的内容不符")?;
        let mut broken = file.clone();
        let middle = broken.len() / 2;
        broken[middle] ^= 1;
        tour.must(
            medveil_evidence::read(&broken, &tour.genesis).is_err(),
            "a changed byte went unnoticed",
            "改动未被发现",
        )?;
        (bytes, last) = (bytes + file.len(), last.max(reading.at.height));
        files.push(name);
    }
    let (count, kib) = (files.len(), bytes.div_ceil(1024));
    said.push(tour.say(
        format!("{count} files of {kib} KiB in all were exported from regulator-2's node and checked against the genesis alone, in {:.0} ms", spent.as_secs_f64() * 1e3),
        format!("从 regulator-2 的节点导出 {count} 个文件（共 {kib} KiB），仅凭创世文件核验，用时 {:.0} 毫秒", spent.as_secs_f64() * 1e3),
    ));
    said.push(
        tour.say(
            "one bit of each changed: none holds any more".into(),
            "每个文件改动一位后，均不再成立".into(),
        ),
    );
    let first = folder.join(&files[0]);
    let genesis = tour.folder.join(medveil_node::Folder::GENESIS);
    Ok(Step {
        said,
        decided: tour.say("whoever reads it".into(), "任何核验者".into()),
        height: last,
        check: format!("medveil verify {} --genesis {}", first.display(), genesis.display()),
        facts: json!({ "folder": folder, "files": files, "bytes": bytes }),
    })
}
