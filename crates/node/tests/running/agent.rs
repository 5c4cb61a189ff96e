//! The acting account.

use medveil_ledger::action::{AccountClose, DestructionAttest};
use medveil_ledger::bounded::OpaqueBytes;
use medveil_ledger::state::custody::{CommitteeMessage, message_id};
use medveil_ledger::{CustodyId, ObjectRef, SigningKey, action::CommitteePost};
use medveil_node::agent::{ActError, Agent};

use crate::chain::{agent, run, start};

fn post(session: u64, text: &str) -> CommitteePost {
    CommitteePost { session, round: 0, payload: OpaqueBytes::new(text.as_bytes().to_vec()).unwrap() }
}

#[test]
fn callers_at_once_each_have_their_action_carried_out_once() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let node = start(folder.path());
        let agent = agent(&node, folder.path());
        let mut calls = tokio::task::JoinSet::new();
        for session in 0..40 {
            let agent = agent.clone();
            calls.spawn(async move { agent.act(post(session, "hello")).await.unwrap() });
        }
        let mut ids: Vec<_> = calls.join_all().await.into_iter().map(|done| done.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 40);
        for session in 0..40 {
            let id = message_id(session, 0, agent.organisation());
            assert_eq!(node.latest::<CommitteeMessage>(&id).await.unwrap().unwrap().version, 1);
        }
        // After a restart of its services the account goes on where the state is.
        let again = crate::chain::agent(&node, folder.path());
        again.act(post(0, "again")).await.unwrap();
        agent.act(post(0, "by the handle that did not know")).await.unwrap();
        assert_eq!(node.nonce(&agent.account()).await.unwrap().1, 42);
        tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    });
}

#[test]
fn a_refusal_has_its_name_and_an_account_that_is_not_there_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let node = start(folder.path());
        let agent = agent(&node, folder.path());
        let object = ObjectRef::custody(CustodyId([7; 32]));
        let refused = agent.act(DestructionAttest { object }).await.unwrap_err();
        assert_eq!(refused.refusal(), Some("destruction.not_ordered"));
        let ActError::Refused { facts, .. } = refused else { panic!() };
        assert!(facts.iter().any(|fact| fact.name == "object"), "{facts:?}");
        // What its capacity does not allow.
        let refused = agent.act(AccountClose { account: agent.account() }).await.unwrap_err();
        assert_eq!(refused.refusal(), Some("authority.capacity"));
        let stranger = Agent::new(
            node.clone(),
            agent.organisation(),
            SigningKey::ed25519([77; 32]),
            folder.path().join("other"),
        );
        match stranger.act(post(1, "hello")).await.unwrap_err() {
            ActError::NotTaken { code, .. } => assert_eq!(code, "transaction.unknown_account"),
            other => panic!("{other}"),
        }
        tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    });
}

#[test]
fn events_come_in_order_and_go_on_after_the_saved_place() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let node = start(folder.path());
        let first = agent(&node, folder.path());
        for session in 0..3 {
            first.act(post(session, "hello")).await.unwrap();
        }
        let session = |row: &medveil_node::index::EventRow| row.event.fact("session").unwrap().to_string();
        let mut events = first.events("test", &["committee.posted", "destruction.ordered"]).unwrap();
        let batch = events.next().await.unwrap().unwrap();
        let seen: Vec<_> = batch.events.iter().map(session).collect();
        assert_eq!(seen, ["0", "1", "2"]);
        // Not saved: they come again. Saved in the middle: from there.
        assert_eq!(events.next().await.unwrap().unwrap().events.len(), 3);
        events.save(batch.events[1].place).unwrap();
        drop(events);
        first.close();
        assert!(matches!(first.act(post(9, "late")).await, Err(ActError::Stopped)));
        // Another process, as far as the place is concerned.
        let again = agent(&node, folder.path());
        let mut events = again.events("test", &["committee.posted"]).unwrap();
        let batch = events.next().await.unwrap().unwrap();
        assert_eq!(batch.events.iter().map(session).collect::<Vec<_>>(), ["2"]);
        events.save(batch.upto).unwrap();
        let (next, acted) = tokio::join!(events.next(), again.act(post(4, "hello")));
        acted.unwrap();
        assert_eq!(next.unwrap().unwrap().events.iter().map(session).collect::<Vec<_>>(), ["4"]);
        let closing = again.clone();
        let last = events.place();
        events.save(closing.node().index().end()).unwrap();
        assert!(events.place() > last);
        let (ended, ()) = tokio::join!(events.next(), async { closing.close() });
        assert!(ended.unwrap().is_none());
        std::fs::write(folder.path().join("agent/test.place"), "12").unwrap();
        assert!(again.events("test", &[]).is_err());
        tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    });
}
