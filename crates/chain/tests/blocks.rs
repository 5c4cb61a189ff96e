//! Blocks as they are read from peers and files.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod common;

use common::{child, genesis, validators};
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use medveil_chain::{Block, Body, Bytes, Digest, MAX_BLOCK_BYTES, MAX_ENTRIES};
use proptest::prelude::*;

fn block() -> Block {
    let genesis = genesis();
    let set = validators(0..4);
    child(&genesis, &genesis.header(), &set, &set, Digest::from([3; 32]))
}

fn read(bytes: &[u8]) -> Option<Block> {
    Block::decode(Copying(bytes)).ok()
}

#[test]
fn a_block_is_read_back() {
    let block = block();
    assert_eq!(read(&block.encode()).unwrap(), block);
}

#[test]
fn every_flipped_byte_is_refused_or_another_block() {
    let block = block();
    let bytes = block.encode();
    for place in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut altered = bytes.to_vec();
            altered[place] ^= flip;
            if let Some(other) = read(&altered) {
                assert_ne!(other.header().digest(), block.header().digest(), "byte {place}");
                assert_eq!(other.body(), block.body(), "only the header may differ: byte {place}");
                assert_eq!(other.encode(), altered, "two encodings: byte {place}");
            }
        }
    }
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    let bytes = block().encode();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_none());
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(read(&longer).is_none());
}

#[test]
fn a_header_must_commit_to_the_body() {
    let block = block();
    let mut body = block.body().clone();
    body.events.swap(0, 1);
    assert!(Block::new(block.header().clone(), body).is_none());
    let mut body = block.body().clone();
    body.next_validators = Some(validators(0..4));
    assert!(Block::new(block.header().clone(), body).is_none());
}

#[test]
fn oversize_bodies_do_not_fit() {
    let large = Body { events: vec![Bytes::from(vec![0; MAX_BLOCK_BYTES])], ..Body::default() };
    assert!(!large.fits());
    let many = Body { events: vec![Bytes::new(); MAX_ENTRIES + 1], ..Body::default() };
    assert!(!many.fits());
    assert!(Body { events: vec![Bytes::new(); MAX_ENTRIES], ..Body::default() }.fits());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1024)) {
        let _ = read(&bytes);
        let mut with_header = block().encode()[..400].to_vec();
        with_header.extend(bytes);
        let _ = read(&with_header);
    }
}
