//! STATE: what was so at a height is provable from the tip, by keys and values alone.

use std::collections::BTreeMap;

use medveil_ledger::measure::{ReinstateOrganisation, SuspendOrganisation};
use medveil_ledger::state::Record;
use medveil_ledger::state::organisation::{Organisation, Status};
use medveil_ledger::*;

use crate::common::{Chain, grounds, organisation};

/// What a verifier concludes for a height, given inclusion or exclusion of keys of the tip.
fn at(chain: &Chain, id: OrganisationId, height: u64) -> Option<Status> {
    let version = |number| {
        let head = chain.latest::<Organisation>(&id)?;
        let bytes = chain.state.get(&Organisation::version_key(&id, number));
        assert_eq!(bytes.is_some(), number < head.version, "replaced versions, and only they, have keys");
        bytes.map_or((number == head.version).then_some(head), |bytes| {
            Some(Versioned::<Organisation>::decode(bytes).unwrap())
        })
    };
    (1..).map_while(version).find_map(|record| {
        let next = version(record.version + 1).map(|next| next.height);
        record.in_force_at(height, next).then_some(record.value.status)
    })
}

#[test]
fn the_status_of_an_organisation_at_every_height_is_provable_from_the_tip() {
    let mut chain = Chain::new();
    let id = organisation("regulator-2");
    let mut model = BTreeMap::new();
    let record = |chain: &Chain, model: &mut BTreeMap<u64, Status>| {
        let now: Organisation = chain.latest(&id).unwrap().value;
        model.insert(chain.height, now.status);
    };
    record(&chain, &mut model);
    chain.enact(SuspendOrganisation { organisation: id, grounds: grounds() });
    record(&chain, &mut model);
    chain.block(&[]);
    record(&chain, &mut model);
    chain.enact(ReinstateOrganisation { organisation: id, seat: None });
    record(&chain, &mut model);
    chain.block(&[]);
    assert_eq!(model.values().filter(|status| **status == Status::Suspended).count(), 2);
    for (height, status) in model {
        assert_eq!(at(&chain, id, height), Some(status), "height {height}");
    }
    assert_eq!(at(&chain, organisation("nobody"), 3), None);
}

#[test]
fn versions_are_never_written_again() {
    let mut chain = Chain::new();
    let id = organisation("regulator-2");
    let mut versions: BTreeMap<Key, Vec<u8>> = BTreeMap::new();
    for _ in 0..3 {
        let now: Organisation = chain.latest(&id).unwrap().value;
        if now.status == Status::Active {
            chain.enact(SuspendOrganisation { organisation: id, grounds: grounds() });
        } else {
            chain.enact(ReinstateOrganisation { organisation: id, seat: None });
        }
        for (key, value) in &versions {
            assert_eq!(chain.state.get(key), Some(value), "{key:?} changed");
        }
        // Form 1 is that of versions.
        versions = chain
            .state
            .iter()
            .filter(|(key, _)| key.as_ref()[1] == 1)
            .map(|(k, v)| (*k, v.clone()))
            .collect();
    }
    assert!(versions.contains_key(&Organisation::version_key(&id, 3)));
}
