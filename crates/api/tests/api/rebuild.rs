//! The read model comes back from the chain.

use medveil_ledger::ObjectKind;
use medveil_node::index::ObjectFilter;
use medveil_node::{
    Node,
    index::{EventFilter, Page, Times, TransactionFilter},
};

use crate::fixture::{Server, external, folder, genesis, note, private_actor, register};

/// Everything that the read model has up to a height.
fn everything(node: &Node, height: u64) -> String {
    let index = node.index();
    let before = Some(medveil_node::index::Place::first(height + 1));
    let page = Page { before, limit: 10_000 };
    let blocks = index.blocks(Times::default(), Page { before: Some(height + 1), limit: 10_000 }).unwrap();
    let transactions = index.transactions(&TransactionFilter::default(), page).unwrap();
    let events = index.event_list(&EventFilter::default(), page).unwrap();
    let objects: Vec<_> = ObjectKind::ALL
        .iter()
        .map(|kind| {
            let filter = ObjectFilter { kind: *kind, organisation: None, times: Times::default() };
            let objects = index.objects(filter, Page { before: None, limit: 10_000 }).unwrap();
            objects.into_iter().filter(|object| object.height <= height).collect::<Vec<_>>()
        })
        .collect();
    assert!(blocks.len() > 3 && transactions.len() == 41 && events.len() >= 41);
    format!("{blocks:#?}{transactions:#?}{events:#?}{objects:#?}")
}

#[test]
fn a_deleted_index_comes_back_the_same() {
    let directory = folder("rebuild");
    let server = Server::start(directory.clone(), |_| {});
    let actor = private_actor(1);
    for n in 0..40 {
        let transaction = server.sign(&actor, note(external(n % 5), n));
        assert_eq!(server.submit(&transaction.encode(), "").status, 202);
    }
    let height = server.act(&actor, register("kept", 1, 1))["height"].as_u64().unwrap();
    let before = everything(&server.node, height);
    server.stop();
    let restart = || Server::start(directory.clone(), |_| {});
    // As it is.
    let server = restart();
    assert_eq!(everything(&server.node, height), before);
    server.stop();
    // Without it.
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(directory.join(format!("index.sqlite{suffix}")));
    }
    let server = restart();
    server.until("the index is back", || server.node.index().height() >= height);
    assert_eq!(everything(&server.node, height), before);
    server.stop();
    // Of another version, and of no version at all.
    let path = directory.join("index.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.pragma_update(None, "user_version", 999).unwrap();
    drop(old);
    let server = restart();
    server.until("the index is back", || server.node.index().height() >= height);
    assert_eq!(everything(&server.node, height), before);
    server.stop();
    std::fs::write(&path, vec![7; 100_000]).unwrap();
    let server = restart();
    server.until("the index is back", || server.node.index().height() >= height);
    assert_eq!(everything(&server.node, height), before);
    server.stop();
    // Of another chain.
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute("UPDATE state SET chain = ?", [&[9u8; 32][..]]).unwrap();
    drop(foreign);
    let listen = "127.0.0.1:0".parse().unwrap();
    let key = medveil_engine::NodeKey::from_seed([9; 32]);
    let refused = Node::start(medveil_node::Config::new(genesis(), key, directory, listen), None);
    let error = refused.err().unwrap().to_string();
    assert!(
        error.contains("the index is of the chain 0909") && error.contains(&genesis().chain_id().to_string()),
        "{error}"
    );
}
