//! Nodes over loopback TCP.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod common;

use std::time::Duration;

use common::{
    Cluster, height, public, reach, status, submit, transaction, validators, value_key, wait, written,
};
use futures::executor::block_on;
use medveil_chain::{Bytes, Claim, EntryKind, Evidence, StateProof};
use medveil_engine::{Engine, NotQueued, StartError, SubmitError};

const SECONDS: Duration = Duration::from_secs(60);

#[test]
fn four_nodes_agree_and_prove_it() {
    let cluster = Cluster::new(&[1, 2, 3, 4], 4, 1000);
    let engines: Vec<Engine> = (0..4).map(|index| cluster.start(index, index as u8 + 1)).collect();
    reach(&engines.iter().collect::<Vec<_>>(), 2, SECONDS);

    // Submitted at one, found at all.
    submit(&engines[0], (0..20).map(|nonce| transaction(7, nonce, b"hello")).collect());
    submit(&engines[1], vec![transaction(8, 0, b"other")]);
    for engine in &engines {
        assert_eq!(&written(engine, value_key(7, 19), SECONDS)[..], b"hello");
        assert_eq!(&written(engine, value_key(8, 0), SECONDS)[..], b"other");
    }

    // Refused with a name: used nonce, forged, known.
    let refused =
        block_on(engines[0].submit(vec![transaction(7, 3, b"again"), transaction(9, 0, b"forged")]));
    let codes: Vec<_> = refused
        .into_iter()
        .map(|answer| match answer {
            Err(SubmitError::Refused(refusal)) => refusal.code,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, ["nonce-used", "forged"]);
    let waiting = transaction(9, 5, b"not yet");
    block_on(engines[0].submit(vec![waiting.clone()]))[0].clone().unwrap();
    assert_eq!(
        block_on(engines[0].submit(vec![waiting])),
        [Err(SubmitError::NotQueued(NotQueued::Duplicate))]
    );

    // Evidence of what is there, what is not, and of an event: a third party needs the genesis only.
    let evidence = block_on(engines[2].prove(vec![value_key(7, 4), value_key(7, 20)])).unwrap();
    let bytes = evidence.to_bytes();
    eprintln!("evidence of two keys: {} bytes", bytes.len());
    let verified = Evidence::decode(&bytes).unwrap().verify(&cluster.genesis).unwrap();
    assert!(matches!(
        &verified.claims()[0],
        Claim::State { proof: StateProof::Present { value, .. }, .. } if &value[..] == b"hello"
    ));
    assert!(matches!(&verified.claims()[1], Claim::State { proof: StateProof::Absent { .. }, .. }));

    let mut blocks = block_on(engines[3].blocks(1));
    let (at, count) = loop {
        let block = block_on(blocks.next()).unwrap();
        if !block.body().events.is_empty() {
            break (block.height(), block.body().events.len());
        }
    };
    for kind in [EntryKind::Transaction, EntryKind::Receipt, EntryKind::Event] {
        let evidence = block_on(engines[3].prove_entry(at, kind, 0)).unwrap();
        evidence.verify(&cluster.genesis).unwrap();
    }
    assert!(block_on(engines[3].prove_entry(at, EntryKind::Event, count as u32)).is_err());

    for engine in engines {
        engine.stop();
    }
}

#[test]
fn a_node_that_was_killed_returns_and_none_goes_on_without_a_quorum() {
    let cluster = Cluster::new(&[1, 2, 3, 4], 4, 1000);
    let mut engines: Vec<Option<Engine>> =
        (0..4).map(|index| Some(cluster.start(index, index as u8 + 1))).collect();
    reach(&engines.iter().flatten().collect::<Vec<_>>(), 3, SECONDS);

    // One away: three go on.
    engines[3].take().unwrap().stop();
    let at = height(engines[0].as_ref().unwrap());
    submit(engines[0].as_ref().unwrap(), vec![transaction(1, 0, b"without the fourth")]);
    reach(&engines.iter().flatten().collect::<Vec<_>>(), at + 5, SECONDS);

    // Two away: none goes on, and the last block stays.
    engines[2].take().unwrap().stop();
    std::thread::sleep(Duration::from_millis(500));
    let stalled = height(engines[0].as_ref().unwrap());
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(height(engines[0].as_ref().unwrap()), stalled);

    // Both back, with what they had and what they missed.
    for index in [2, 3] {
        engines[index] = Some(cluster.start(index, index as u8 + 1));
    }
    let all: Vec<&Engine> = engines.iter().flatten().collect();
    reach(&all, stalled + 3, SECONDS);
    assert_eq!(&written(all[3], value_key(1, 0), SECONDS)[..], b"without the fourth");
}

#[test]
fn validators_are_replaced_at_the_end_of_an_epoch() {
    let cluster = Cluster::new(&[1, 2, 3, 4, 5], 4, 20);
    let engines: Vec<Engine> = (0..5).map(|index| cluster.start(index, index as u8 + 1)).collect();
    let all: Vec<&Engine> = engines.iter().collect();
    reach(&all, 2, SECONDS);
    assert!(!status(&engines[4]).validator);

    // The fifth replaces the first.
    submit(&engines[2], vec![transaction(0, 0, &[2, 3, 4, 5])]);
    reach(&all, 25, SECONDS);
    let status = status(&engines[4]);
    assert!(status.validator);
    assert_eq!(status.validators, validators(&[2, 3, 4, 5]).keys().cloned().collect::<Vec<_>>());

    // The first, no validator any more, follows and proves what happened after; so does a light client from genesis.
    reach(&all, 45, SECONDS);
    submit(&engines[0], vec![transaction(3, 0, b"from an observer")]);
    written(&engines[0], value_key(3, 0), SECONDS);
    let evidence = block_on(engines[0].prove(vec![value_key(3, 0)])).unwrap();
    assert_eq!(evidence.links.len(), 1, "one change, one link, however many epochs");
    assert_eq!(evidence.links[0].header.height, 19);
    let bytes = evidence.to_bytes();
    eprintln!("evidence over a change of validators: {} bytes", bytes.len());
    Evidence::decode(&bytes).unwrap().verify(&cluster.genesis).unwrap();

    // Without the link the new validators are not believed.
    let mut cut = Evidence::decode(&bytes).unwrap();
    cut.links.clear();
    assert!(cut.verify(&cluster.genesis).is_err());

    // A restart in a later epoch.
    let mut engines = engines;
    engines.remove(4).stop();
    let engine = cluster.start(4, 5);
    reach(&[&engine, &engines[1]], height(&engines[1]) + 2, SECONDS);
    assert!(common::status(&engine).peers.iter().any(|peer| peer.key == public(2)));
}

#[test]
fn a_new_member_replays_or_begins_with_a_snapshot() {
    let mut cluster = Cluster::new(&[1, 2, 3, 4, 5, 6], 4, 20);
    cluster.change = |chain| chain.retention.blocks = None;
    let engines: Vec<Engine> = (0..4).map(|index| cluster.start(index, index as u8 + 1)).collect();
    let all: Vec<&Engine> = engines.iter().collect();
    submit(&engines[0], (0..300).map(|nonce| transaction(1, nonce, &[7; 100])).collect());
    written(&engines[0], value_key(1, 299), SECONDS);
    reach(&all, 30, SECONDS);

    let path = cluster.directory.path().join("snapshot");
    let taken = block_on(engines[1].snapshot(path.clone())).unwrap();
    submit(&engines[0], vec![transaction(2, 0, b"after the snapshot")]);
    written(&engines[0], value_key(2, 0), SECONDS);

    // The fifth replays from genesis.
    let replayed = cluster.start(4, 5);
    assert_eq!(&written(&replayed, value_key(2, 0), SECONDS)[..], b"after the snapshot");
    assert_eq!(&written(&replayed, value_key(1, 0), SECONDS)[..], &[7; 100]);

    // The sixth begins with the snapshot: it has the state, and no blocks from before.
    let restored = cluster.start_from(5, 6, &path);
    assert_eq!(&written(&restored, value_key(2, 0), SECONDS)[..], b"after the snapshot");
    assert_eq!(&written(&restored, value_key(1, 0), SECONDS)[..], &[7; 100]);
    assert!(block_on(restored.block(taken - 1)).is_none());
    let to = height(&engines[0]) + 25;
    reach(&[&restored, &replayed, &engines[0]], to, SECONDS);
    let evidence = block_on(restored.prove(vec![value_key(1, 5)])).unwrap();
    evidence.verify(&cluster.genesis).unwrap();

    // And once more after a restart.
    restored.stop();
    let restored = cluster.start(5, 6);
    reach(&[&restored, &engines[0]], height(&engines[0]) + 2, SECONDS);

    // A damaged snapshot is refused.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(medveil_engine::Snapshot::open(&path, &cluster.genesis).is_err());
}

#[test]
fn a_state_machine_of_another_genesis_is_not_started() {
    let cluster = Cluster::new(&[1, 2, 3, 4], 4, 100);
    let other = std::sync::Arc::new(common::Counter { seeds: vec![9] });
    let started = Engine::start(cluster.config(0, 1), other, None);
    assert!(matches!(started, Err(StartError::OtherApplication { .. })));
}

#[test]
fn before_its_first_block_a_node_promises_nothing() {
    let cluster = Cluster::new(&[1, 2, 3, 4], 4, 1000);
    let alone = cluster.start(0, 1);
    assert_eq!(block_on(alone.submit(vec![transaction(7, 0, b"early")])), [Err(SubmitError::NoBlock)]);
    alone.stop();
}

#[test]
fn a_full_mempool_pushes_back() {
    let mut cluster = Cluster::new(&[1], 1, 100);
    cluster.change = |chain| chain.mempool.per_account = 10;
    let engine = cluster.start(0, 1);
    reach(&[&engine], 1, SECONDS);
    // What waits for the account's first transaction stays.
    let answers =
        block_on(engine.submit((1..13).map(|nonce| transaction(1, nonce, b"")).collect::<Vec<Bytes>>()));
    assert!(answers[..10].iter().all(Result::is_ok));
    assert_eq!(answers[10..], vec![Err(SubmitError::NotQueued(NotQueued::AccountFull)); 2]);
    wait(SECONDS, || (status(&engine).mempool.transactions == 10).then_some(()));
    engine.stop();
}
