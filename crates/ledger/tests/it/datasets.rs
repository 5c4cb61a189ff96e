//! DATA: fingerprints.

use medveil_ledger::action::DatasetRegister;
use medveil_ledger::measure::Freeze;
use medveil_ledger::state::dataset::{Dataset, Fingerprint, HashSuite, Level};
use medveil_ledger::*;

use crate::common::{Chain, grounds, key, organisation};

fn register(version: u64, root: u8) -> DatasetRegister {
    DatasetRegister {
        label: Slug::new("diabetes-visits").unwrap(),
        version,
        fingerprint: Fingerprint {
            root: Digest([root; 32]),
            count: 1000,
            schema: Digest([2; 32]),
            level: Level::new(4).unwrap(),
            suite: HashSuite::National,
        },
    }
}

#[test]
fn versions_follow_one_another_and_differ() {
    let mut chain = Chain::new();
    assert_eq!(chain.refused(&key(1), register(2, 1)).to_string(), "dataset.version (expected 1, got 2)");
    chain.apply_action(&key(1), register(1, 1));
    assert_eq!(chain.refused(&key(1), register(1, 2)).name, "dataset.version");
    assert_eq!(chain.refused(&key(1), register(2, 1)).name, "dataset.unchanged");
    chain.apply_action(&key(1), register(2, 2));
    let id = DatasetId::derive(chain.id, organisation("hospital-1"), Slug::new("diabetes-visits").unwrap());
    let head = chain.latest::<Dataset>(&id).unwrap();
    assert_eq!((head.version, head.value.fingerprint.root), (2, Digest([2; 32])));
    let mut empty = register(3, 3);
    empty.fingerprint.count = 0;
    assert_eq!(chain.refused(&key(1), empty).name, "dataset.empty");
}

#[test]
fn one_label_at_two_hospitals_is_two_datasets() {
    let mut chain = Chain::new();
    chain.apply_action(&key(1), register(1, 1));
    chain.apply_action(&key(2), register(1, 1));
    let objects: Vec<ObjectRef> = chain.events.iter().map(|event| event.object).collect();
    assert_ne!(objects[0], objects[1]);
}

#[test]
fn a_frozen_dataset_gets_no_new_versions() {
    let mut chain = Chain::new();
    chain.apply_action(&key(1), register(1, 1));
    let object = chain.events.last().unwrap().object;
    chain.enact(Freeze { object, grounds: grounds() });
    assert_eq!(
        chain.refused(&key(1), register(2, 2)).to_string(),
        format!("freeze.frozen (object {object}, since 5)")
    );
    chain.enact(measure::Unfreeze { object });
    chain.apply_action(&key(1), register(2, 2));
}
