//! Hospitals register fingerprints of their data; the data stay where they are.

use medveil_ledger::action::DatasetRegister;
use medveil_ledger::{DatasetId, Slug};
use serde_json::json;

use super::super::dataset::fingerprint;
use super::super::demo::PATIENTS;
use super::{HOSPITALS, Step, Tour, VISITS, height, organisation};
use crate::failure::Failure;

pub(super) fn registered(tour: &mut Tour<'_>) -> Result<Step, Failure> {
    let label = Slug::new(VISITS).expect("a slug");
    let (mut records, mut last, mut said) = (0, 0, Vec::new());
    for hospital in HOSPITALS {
        let folder = tour.folder.join(hospital);
        let key_file = folder.join(DATA_KEY);
        if !key_file.exists() {
            super::super::key::write(&key_file, false)?;
        }
        let fingerprint =
            fingerprint(&[folder.join(PATIENTS).join(TABLE)], label, &super::super::read_key(&key_file)?)?;
        let signer = tour.administrator(hospital)?;
        records += fingerprint.count;
        let (root, count, level) = (fingerprint.root.to_string(), fingerprint.count, fingerprint.level);
        let answer = tour.act(&signer, DatasetRegister { label, version: 1, fingerprint })?;
        last = last.max(height(&answer));
        let id = DatasetId::derive(tour.chain, organisation(hospital), label);
        tour.datasets.insert(organisation(hospital), id);
        said.push(tour.say(
            format!("{hospital}/{VISITS}: {count} records, level {level}, root {}…", &root[..16]),
            format!("{hospital}/{VISITS}：{count} 条记录，{level} 级，根 {}…", &root[..16]),
        ));
    }
    tour.proofs.push(format!("dataset/{}", tour.datasets[&organisation(HOSPITALS[0])]));
    Ok(Step {
        said,
        decided: tour.say("each owner, for its own data".into(), "各数据方就各自数据".into()),
        height: last,
        check: format!("medveil dataset list --node {}", tour.url(HOSPITALS[0])?),
        facts: json!({ "datasets": tour.datasets, "records": records }),
    })
}

/// A hospital's key of leaves and releases, in its folder.
pub(super) const DATA_KEY: &str = "keys/data.key";

/// The table that is registered.
pub(super) const TABLE: &str = "visits.csv";
