//! CUS: objects, keys and the committee.

use std::collections::BTreeMap;

use medveil_ledger::action::*;
use medveil_ledger::bounded::OpaqueBytes;
use medveil_ledger::state::custody::*;
use medveil_ledger::state::destruction::DestructionCause;
use medveil_ledger::*;

use crate::common::{Chain, key, organisation};
use crate::scene::*;

/// RFC 7748, section 6.1: a secret of X25519 with its public key.
const SECRET: [u8; 32] = [
    0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf,
    0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
];
const PUBLIC: &str = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";

fn register(version: u64) -> CustodyRegister {
    CustodyRegister {
        label: Slug::new("release-1").unwrap(),
        version,
        manifest: Digest([1; 32]),
        wrapped_key: OpaqueBytes::new(vec![7; 112]).unwrap(),
        policy: Digest([2; 32]),
    }
}

fn object(chain: &Chain) -> CustodyId {
    CustodyId::derive(chain.id, organisation("hospital-1"), Slug::new("release-1").unwrap())
}

fn one_time_keys() -> OneTimeKeys {
    BTreeMap::from([
        (organisation("hospital-2"), PUBLIC.parse().unwrap()),
        (organisation("hospital-3"), Digest([5; 32])),
    ])
}

fn sealed() -> SealedPartial {
    OpaqueBytes::new(vec![8; 80]).unwrap()
}

#[test]
fn an_object_is_its_owner_s_and_its_key_is_asked_for_by_it() {
    let mut chain = Chain::new();
    assert_eq!(chain.refused(&key(1), register(2)).name, "custody.version");
    chain.apply_action(&key(1), register(1));
    let object = object(&chain);
    let ask = |version, keys| CustodyRequestKey { object, version, keys };
    assert_eq!(chain.refused(&key(2), ask(1, one_time_keys())).name, "custody.not_yours");
    assert_eq!(chain.refused(&key(1), ask(2, one_time_keys())).name, "custody.version");
    assert_eq!(chain.refused(&key(1), ask(1, BTreeMap::new())).name, "custody.keys");
    let unknown = CustodyRequestKey { object: CustodyId([9; 32]), ..ask(1, one_time_keys()) };
    assert_eq!(chain.refused(&key(1), unknown).name, "custody.unknown");
    chain.apply_action(&key(1), ask(1, one_time_keys()));
    let request = chain.last_transaction();

    let post = CustodyPostPartial { request, sealed: sealed() };
    let nowhere = CustodyPostPartial { request: Digest([9; 32]), ..post.clone() };
    assert_eq!(chain.refused(&key(2), nowhere).name, "custody.unknown_request");
    assert_eq!(chain.refused(&key(4), post.clone()).name, "custody.not_asked");
    let report = |secret| CustodyReportPartial { request, organisation: organisation("hospital-2"), secret };
    assert_eq!(chain.refused(&key(1), report(Digest(SECRET))).name, "custody.no_partial");
    chain.apply_action(&key(2), post.clone());
    assert_eq!(chain.refused(&key(2), post.clone()).name, "custody.posted");
    // The requester shows that it is bad.
    assert_eq!(chain.refused(&key(4), report(Digest(SECRET))).name, "custody.not_requester");
    assert_eq!(chain.refused(&key(1), report(Digest([1; 32]))).name, "custody.secret");
    chain.apply_action(&key(1), report(Digest(SECRET)));
    assert_eq!(chain.refused(&key(1), report(Digest(SECRET))).name, "custody.reported");
    let partial = chain.latest::<Partial>(&partial_id(request, organisation("hospital-2"))).unwrap();
    assert_eq!(partial.value.disclosed, Some(Digest(SECRET)));
    // Late.
    chain.wait_ms(KEY_REQUEST_MS);
    assert_eq!(chain.refused(&key(3), post).name, "custody.over");
}

#[test]
fn what_is_to_be_destroyed_is_not_opened() {
    let mut chain = Chain::new();
    chain.apply_action(&key(1), register(1));
    let id = object(&chain);
    let ask = CustodyRequestKey { object: id, version: 1, keys: one_time_keys() };
    chain.apply_action(&key(1), ask.clone());
    let request = chain.last_transaction();
    let object = ObjectRef::custody(id);
    chain.apply_action(&key(1), DestructionOrder { object, cause: DestructionCause::Owner });
    assert_eq!(chain.refused(&key(1), ask).name, "custody.destroyed");
    assert_eq!(chain.refused(&key(1), register(2)).name, "custody.destroyed");
    let post = CustodyPostPartial { request, sealed: sealed() };
    assert_eq!(chain.refused(&key(2), post).name, "custody.destroyed");
    for member in 1..=7 {
        chain.apply_action(&key(member), DestructionAttest { object });
    }
}

#[test]
fn an_access_asks_for_the_keys_of_what_is_in_custody() {
    let mut scene = granted();
    scene.chain.apply_action(&key(1), register(1));
    let mut post = scene.post(1);
    post.figures.custody = Some(object(&scene.chain));
    scene.chain.apply_action(&key(1), post);
    let access = AccessRequest { keys: one_time_keys(), ..scene.access(1) };
    scene.chain.apply_action(&key(RESEARCHER), access);
    let request = scene.chain.last_transaction();
    let record = scene.chain.latest::<KeyRequest>(&request).unwrap().value;
    assert_eq!(record.grant, ObjectRef::access(AccessId(request.0)));
    scene.chain.apply_action(&key(2), CustodyPostPartial { request, sealed: sealed() });

    let mut scene = granted().released();
    let access = AccessRequest { keys: one_time_keys(), ..scene.access(1) };
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access).name, "custody.not_in_custody");
    // Another's object is no place for a release.
    scene.chain.apply_action(&key(2), register(1));
    let mut post = scene.post(2);
    let label = Slug::new("release-1").unwrap();
    post.figures.custody = Some(CustodyId::derive(scene.chain.id, organisation("hospital-2"), label));
    assert_eq!(scene.chain.refused(&key(1), post).name, "custody.not_yours");
}

#[test]
fn the_committee_s_messages_are_numbered_and_bounded() {
    let mut chain = Chain::new();
    let post = |round| CommitteePost { session: 1, round, payload: OpaqueBytes::new(vec![3; 500]).unwrap() };
    assert_eq!(chain.refused(&key(1), post(MAX_ROUNDS)).name, "custody.round");
    for _ in 0..MAX_MESSAGES {
        chain.apply_action(&key(1), post(0));
    }
    assert_eq!(chain.refused(&key(1), post(0)).name, "custody.messages");
    chain.apply_action(&key(1), post(1));
    chain.apply_action(&key(2), post(0));
    let id = message_id(1, 0, organisation("hospital-1"));
    assert_eq!(chain.latest::<CommitteeMessage>(&id).unwrap().version, MAX_MESSAGES);
    // Without a seat in the epoch there is no say.
    chain.enact(measure::UnseatValidator {
        organisation: organisation("hospital-5"),
        grounds: crate::common::grounds(),
    });
    chain.apply_action(&key(5), post(0));
    chain.end_epoch();
    assert_eq!(chain.refused(&key(5), post(0)).name, "custody.no_seat");
}
