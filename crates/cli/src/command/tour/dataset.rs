//! Hospitals' custodians register fingerprints of their data; the data stay where they are.

use std::time::Duration;

use medveil_ledger::{DatasetId, Slug};
use serde_json::json;

use super::super::dataset::fingerprint;
use super::super::demo::{DATA_KEY, PATIENTS, TABLE, VISITS};
use super::{HOSPITALS, Step, Tour, height, organisation};
use crate::cluster::LOG;
use crate::failure::Failure;

/// How long a custodian may take to register a dataset.
const REGISTERED: Duration = Duration::from_secs(60);

pub(super) fn registered(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let label = Slug::new(VISITS).expect("a slug");
    let (mut records, mut last, mut said) = (0, 0, Vec::new());
    for hospital in HOSPITALS {
        let folder = tour.folder.join(hospital);
        let id = DatasetId::derive(tour.chain, organisation(hospital), label);
        let log = folder.join(LOG);
        let what = tour.say(
            format!("the custodian of {hospital} registers its dataset (its log: {})", log.display()),
            format!("{hospital} 的托管程序登记数据集（日志：{}）", log.display()),
        );
        // The node of another organisation is asked: what it has is final.
        let path = format!("/api/v1/datasets/{id}");
        let found = tour.wait(&what, REGISTERED, || tour.look("regulator-1", &path))?;
        // What is on the ledger is what lies there, by the key that the hospital alone has.
        let key = super::super::read_key(&folder.join(DATA_KEY))?;
        let own = fingerprint(&[folder.join(PATIENTS).join(TABLE)], label, &key)?;
        let print = &found["value"]["fingerprint"];
        let (root, count, level) = (own.root.to_string(), own.count, own.level);
        tour.must(
            print["root"] == json!(root) && print["count"] == json!(count),
            "what was registered is not what lies in the hospital",
            "登记的内容与医院的数据不符",
        )?;
        records += count;
        last = last.max(height(&found));
        tour.datasets.insert(organisation(hospital), id);
        said.push(tour.say(
            format!("{hospital}/{VISITS}: {count} records, level {level}, root {}…", &root[..16]),
            format!("{hospital}/{VISITS}：{count} 条记录，{level} 级，根 {}…", &root[..16]),
        ));
    }
    tour.proofs.push(format!("dataset/{}", tour.datasets[&organisation(HOSPITALS[0])]));
    Ok(Step {
        said,
        decided: tour
            .say("each owner's custodian, for its own data".into(), "各数据方的托管程序就各自数据".into()),
        height: last,
        check: format!("medveil dataset list --node {}", tour.url(HOSPITALS[0])?),
        facts: json!({ "datasets": tour.datasets, "records": records }),
    })
}
