//! Encodings, pinned by their hashes. A change here is a change of the protocol: chains and evidence files of before are lost.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod common;

use common::{child, evidence, genesis, validators};
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256};
use medveil_chain::Digest;

fn hash(bytes: &[u8]) -> String {
    Sha256::hash(&[bytes]).to_string()
}

#[test]
fn encodings_are_pinned() {
    let genesis = genesis();
    let set = validators(0..4);
    let block = child(&genesis, &genesis.header(), &set, &set, Digest::from([3; 32]));
    let last = {
        let mut parent = genesis.header();
        parent.height = 8;
        child(&genesis, &parent, &set, &validators(2..6), Digest::from([3; 32]))
    };
    let evidence = evidence().to_bytes();
    let found = [
        ("validators", hash(&set.encode())),
        ("validators, digest", set.digest().to_string()),
        ("genesis", hash(&genesis.encode())),
        ("genesis, digest", genesis.digest().to_string()),
        ("genesis header, digest", genesis.header().digest().to_string()),
        ("block", hash(&block.encode())),
        ("block, digest", block.header().digest().to_string()),
        ("last block of an epoch", hash(&last.encode())),
        ("evidence", hash(&evidence)),
    ];
    let pinned = include_str!("vectors.txt");
    let text: String = found.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect();
    assert_eq!(text, pinned);
}
