//! Bounds.

use medveil_engine::MempoolLimits;
use serde_json::json;

use crate::fixture::{Server, external, folder, note, private_actor};

#[test]
fn a_full_queue_pushes_back() {
    let limits = MempoolLimits { transactions: 3, bytes: 1 << 20, per_account: 2 };
    let server = Server::start(folder("full"), |config| config.mempool = limits);
    let (first, second) = (private_actor(1), private_actor(2));
    // With gaps before them they wait for ever.
    let waiting = |actor, nonce| server.body(actor, nonce, note(external(1), 1)).sign(&actor.key).encode();
    let taken = server.submit(&waiting(&first, 5), "");
    assert_eq!(taken.status, 202);
    assert_eq!(server.submit(&waiting(&first, 6), "").status, 202);
    let answer = server.submit(&waiting(&first, 7), "");
    answer.problem(429, "mempool.account_full");
    assert_eq!(answer.retry_after.as_deref(), Some("1"));
    assert_eq!(server.submit(&waiting(&second, 5), "").status, 202);
    server.submit(&waiting(&second, 6), "").problem(429, "mempool.full");
    let batch = server.submit_all(&[waiting(&second, 7)]);
    assert_eq!((batch.status, batch.retry_after.as_deref()), (200, Some("1")));
    assert_eq!(batch.json()["results"][0]["error"]["code"], "mempool.full");
    let status = server.ok("/api/v1/status");
    assert_eq!(status["mempool"]["transactions"], 3);
    // One that waits is told as waiting when the time is up.
    let id = taken.json()["id"].as_str().unwrap().to_owned();
    let answer = server.get(&format!("/api/v1/transactions/{id}?wait=1"));
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("waiting")));
    server.stop();
}

#[test]
fn what_no_block_takes_in_time_is_told_as_expired() {
    let server = Server::start(folder("expiring"), |_| {});
    let actor = private_actor(1);
    let mut body = server.body(&actor, 3, note(external(1), 1));
    body.expires = server.node.index().height() + 5;
    server.submit(&body.sign(&actor.key).encode(), "?wait=30").problem(422, "mempool.expired");
    server.stop();
}
