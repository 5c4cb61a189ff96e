//! No bytes make the node fail.

use proptest::prelude::*;

use crate::fixture::{Server, external, note, private_actor};

/// A transaction that nobody sends as it is: its flips and cuts are sent.
fn transaction(server: &Server) -> Vec<u8> {
    let actor = private_actor(1);
    let mut body = server.body(&actor, 1_000_000, note(external(9), 9));
    body.expires = server.node.index().height() + 900;
    body.sign(&actor.key).encode()
}

#[test]
fn every_byte_flipped_and_every_cut_is_refused_with_a_reason() {
    let server = Server::shared();
    let good = transaction(server);
    let mut bad: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    for (at, bit) in (0..good.len()).flat_map(|at| [0, 3, 7].map(|bit| (at, bit))) {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << bit;
        bad.push(flipped);
    }
    let answer = server.submit_all(&bad);
    assert_eq!(answer.status, 200);
    let results = answer.json();
    let results = results["results"].as_array().unwrap();
    assert_eq!(results.len(), bad.len());
    for (result, bytes) in results.iter().zip(&bad) {
        let code = result["error"]["code"].as_str();
        assert!(code.is_some(), "{} bytes are taken: {result}", bytes.len());
        assert!(result["error"]["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    server.ok("/healthz");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_transaction_is_the_clients_fault(
        at in 0usize..300, byte in any::<u8>(), cut in proptest::option::of(0usize..300), more in 0usize..4,
    ) {
        let server = Server::shared();
        let mut bytes = transaction(server);
        let good = bytes.clone();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Some(cut) = cut {
            bytes.truncate(cut % good.len());
        }
        bytes.extend(std::iter::repeat_n(byte, more));
        prop_assume!(bytes != good);
        let answer = server.submit(&bytes, "");
        prop_assert!((400..500).contains(&answer.status), "{}", answer.status);
        prop_assert_eq!(answer.media_type, "application/problem+json");
    }

    #[test]
    fn any_body_is_answered(body in proptest::collection::vec(any::<u8>(), 0..200), json in any::<bool>()) {
        let server = Server::shared();
        let media_type = if json { "application/json" } else { "application/octet-stream" };
        let answer = server.post("/api/v1/transactions", media_type, &body);
        prop_assert!(answer.status < 500, "{}", answer.status);
    }
}
