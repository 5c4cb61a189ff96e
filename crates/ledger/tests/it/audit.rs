//! AUD: trails.

use medveil_ledger::action::{AuditNotarise, GovernancePropose};
use medveil_ledger::measure::UnseatValidator;
use medveil_ledger::state::Record;
use medveil_ledger::state::trail::{Reason, Step, TrailEntry};
use medveil_ledger::*;

use crate::common::{Chain, grounds, key, organisation};

fn note(object: ObjectRef, step: Step) -> AuditNotarise {
    AuditNotarise { object, step, reason: Reason::Research, details: Digest([2; 32]) }
}

#[test]
fn entries_about_an_object_are_numbered_without_gaps() {
    let mut chain = Chain::new();
    let object = ObjectRef::external(Digest([1; 32]));
    for (member, step) in [(1, Step::Capture), (2, Step::Access), (6, Step::Result)] {
        chain.apply_action(&key(member), note(object, step));
    }
    let entry = |number| {
        let bytes = chain.state.get(&TrailEntry::version_key(&object, number));
        bytes.map(|bytes| Versioned::<TrailEntry>::decode(bytes).unwrap())
    };
    let organisations: Vec<String> =
        (1..=2).map(|number| entry(number).unwrap().value.organisation.to_string()).collect();
    assert_eq!(organisations, ["hospital-1", "hospital-2"]);
    assert_eq!(entry(3), None);
    let last = chain.latest::<TrailEntry>(&object).unwrap();
    assert_eq!((last.version, last.value.organisation), (3, organisation("regulator-1")));
}

#[test]
fn an_entry_tells_who_answers_for_it() {
    let mut chain = Chain::new();
    let object = ObjectRef::organisation(organisation("hospital-3"));
    chain.apply_action(&key(2), note(object, Step::Incident));
    let event = chain.events.last().unwrap();
    assert_eq!(event.kind, "audit.notarised");
    assert_eq!(
        (event.actor, event.organisation),
        (Some(chain.account(&key(2))), Some(organisation("hospital-2")))
    );
    assert_eq!(event.object, object);
    let json = serde_json::to_value(event).unwrap();
    assert_eq!(json["object"], "organisation/hospital-3");
    assert_eq!(json["facts"]["step"], "incident");
    assert_eq!(json["facts"]["entry"], 1);
    let decoded = Event::decode(&event.encode()).unwrap();
    assert_eq!(&decoded, event);
}

#[test]
fn things_that_the_ledger_keeps_must_exist() {
    let mut chain = Chain::new();
    for object in [
        ObjectRef::account(AccountId([1; 32])),
        ObjectRef::organisation(organisation("nobody")),
        ObjectRef::proposal(1),
        ObjectRef::dataset(DatasetId([1; 32])),
    ] {
        assert_eq!(
            chain.refused(&key(1), note(object, Step::Access)).name,
            "audit.unknown_object",
            "{object}"
        );
    }
    for object in [ObjectRef::parameters(), ObjectRef::validators(0), ObjectRef::transaction(Digest([1; 32]))]
    {
        assert_eq!(chain.refused(&key(1), note(object, Step::Access)).name, "audit.kind", "{object}");
    }
    let measure = UnseatValidator { organisation: organisation("hospital-5"), grounds: grounds() };
    chain.apply_action(&key(1), GovernancePropose { measure: measure.into() });
    let account = ObjectRef::account(chain.account(&key(3)));
    for object in [ObjectRef::proposal(1), account] {
        chain.apply_action(&key(1), note(object, Step::Access));
    }
}
