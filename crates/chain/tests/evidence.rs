//! Evidence holds, and nothing that was altered does.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod common;

use std::time::Instant;

use common::{child, evidence, finality, genesis, sign, validators};
use medveil_chain::{
    Claim, Digest, Evidence, EvidenceError, Finality, Genesis, LightClient, MAX_EVIDENCE_BYTES, StateProof,
    Untrusted,
};
use proptest::prelude::*;

#[test]
fn evidence_of_every_kind_holds() {
    let bytes = evidence().to_bytes();
    let start = Instant::now();
    let verified = Evidence::decode(&bytes).unwrap().verify(&genesis()).unwrap();
    eprintln!("{} bytes, verified in {:?}", bytes.len(), start.elapsed());
    assert_eq!(verified.header().height, 12);
    assert_eq!(verified.claims().len(), 5);
    assert!(matches!(
        &verified.claims()[0],
        Claim::State { proof: StateProof::Present { value, .. }, .. } if &value[..] == b"value 3"
    ));
}

/// Whether altered evidence is refused, or says the same with one thing changed that is as true: neighbours prove the absence of
/// every key between them.
fn is_refused_or_true(bytes: &[u8], genesis: &Genesis) -> bool {
    let Ok(verified) = Evidence::decode(bytes).map(|evidence| evidence.verify(genesis)) else { return true };
    let Ok(verified) = verified else { return true };
    let original = evidence();
    verified.header() == &original.header
        && verified.claims().len() == original.claims.len()
        && verified.claims().iter().zip(&original.claims).all(|(claim, known)| match claim {
            Claim::State { key, proof: StateProof::Absent { .. } } => {
                key.as_slice() > b"k003".as_slice() && key.as_slice() < b"k004".as_slice()
            }
            other => other == known,
        })
}

#[test]
fn every_flipped_byte_is_refused() {
    let genesis = genesis();
    let bytes = evidence().to_bytes();
    for place in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut altered = bytes.clone();
            altered[place] ^= flip;
            assert!(is_refused_or_true(&altered, &genesis), "byte {place} of {} may be altered", bytes.len());
        }
    }
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    let bytes = evidence().to_bytes();
    for length in 0..bytes.len() {
        assert!(Evidence::decode(&bytes[..length]).is_err(), "{length}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Evidence::decode(&longer).is_err());
    assert!(Evidence::decode(&vec![0; MAX_EVIDENCE_BYTES + 1]).is_err());
}

#[test]
fn evidence_of_another_chain_is_refused() {
    let other = Genesis::new("test", 1_700_000_000_001, 10, validators(0..4), Digest::from([1; 32])).unwrap();
    let error = evidence().verify(&other).unwrap_err();
    assert!(matches!(error, EvidenceError::OtherChain { .. }));
}

#[test]
fn evidence_without_a_statement_is_refused() {
    let mut evidence = evidence();
    evidence.claims.clear();
    assert!(matches!(evidence.verify(&genesis()), Err(EvidenceError::Nothing)));
}

#[test]
fn another_value_another_key_or_the_opposite_is_not_proven() {
    let original = evidence();
    let with = |claim: Claim| {
        let mut evidence = original.clone();
        evidence.claims = vec![claim];
        evidence.verify(&genesis())
    };
    let Claim::State { key, proof: StateProof::Present { value, proof } } = original.claims[0].clone() else {
        panic!()
    };
    let state = |key: &[u8], value: &'static [u8]| Claim::State {
        key: key.to_vec(),
        proof: StateProof::Present { value: value.into(), proof: proof.clone() },
    };
    assert!(with(Claim::State { key, proof: StateProof::Present { value, proof: proof.clone() } }).is_ok());
    assert!(matches!(with(state(b"k003", b"value 4")), Err(EvidenceError::Claim { number: 1 })));
    assert!(matches!(with(state(b"k004", b"value 3")), Err(EvidenceError::Claim { number: 1 })));

    let Claim::State { proof: absent, .. } = original.claims[1].clone() else { panic!() };
    for key in [b"k003".as_slice(), b"k004", b"k2"] {
        let claim = Claim::State { key: key.to_vec(), proof: absent.clone() };
        assert!(with(claim).is_err(), "the proof of one absence serves for another");
    }
    let between = Claim::State { key: b"k003zzz".to_vec(), proof: absent };
    assert!(with(between).is_ok(), "neighbours prove everything between them absent");
}

#[test]
fn less_than_a_quorum_is_refused() {
    let genesis = genesis();
    let set = validators(0..4);
    let header = child(&genesis, &genesis.header(), &set, &set, Digest::from([3; 32])).header().clone();
    let client = LightClient::new(genesis.clone());
    client.verify(&header, &finality(&header, &set, 0..3)).unwrap();
    client.verify(&header, &finality(&header, &set, 0..4)).unwrap();

    // A certificate of two of four cannot be made by the library: it is made for a smaller set, and passed off.
    let pair = validators(0..2);
    let forged = Finality { descendants: vec![], certificate: sign(&header, &pair, 0..2) };
    assert_eq!(client.verify(&header, &forged), Err(Untrusted::NotSigned { height: 1 }));
}

#[test]
fn a_header_that_names_other_validators_is_refused() {
    // The new set shares a quorum with the old one: its votes must not count as the old one's.
    let genesis = genesis();
    let (old, new) = (validators(0..4), validators(0..5));
    let header = child(&genesis, &genesis.header(), &new, &new, Digest::from([3; 32])).header().clone();
    let client = LightClient::new(genesis.clone());
    let certificate = sign(&header, &old, 0..4);
    assert_eq!(
        client.verify(&header, &Finality { descendants: vec![], certificate }),
        Err(Untrusted::OtherValidators { epoch: 0 })
    );
}

#[test]
fn descendants_make_their_ancestors_final() {
    let genesis = genesis();
    let set = validators(0..4);
    let mut headers = vec![genesis.header()];
    for _ in 0..4 {
        let next = child(&genesis, headers.last().unwrap(), &set, &set, Digest::from([3; 32]));
        headers.push(next.header().clone());
    }
    let client = LightClient::new(genesis);
    let certificate = sign(&headers[4], &set, 0..3);
    let finality = Finality { descendants: headers[2..].to_vec(), certificate };
    client.verify(&headers[1], &finality).unwrap();

    let gap = Finality { descendants: headers[3..].to_vec(), ..finality.clone() };
    assert_eq!(client.verify(&headers[1], &gap), Err(Untrusted::BrokenAncestry { height: 3 }));
    let mut altered = headers[1].clone();
    altered.time += 1;
    assert_eq!(client.verify(&altered, &finality), Err(Untrusted::BrokenAncestry { height: 2 }));
}

#[test]
fn a_link_must_be_signed_by_the_set_that_it_ends() {
    let evidence = evidence();
    let genesis = genesis();
    let link = &evidence.links[0];
    LightClient::new(genesis.clone()).follow(link).unwrap();

    let mut by_the_new = link.clone();
    by_the_new.finality.certificate = sign(&link.header, &validators(2..6), 2..6);
    assert_eq!(
        LightClient::new(genesis.clone()).follow(&by_the_new),
        Err(Untrusted::NotSigned { height: 9 })
    );

    let mut to_others = link.clone();
    to_others.next = validators(6..10);
    assert_eq!(
        LightClient::new(genesis.clone()).follow(&to_others),
        Err(Untrusted::OtherNextValidators { height: 9 })
    );

    // Once followed, what the old set signs later is not believed, and the link not taken twice.
    let mut client = LightClient::new(genesis);
    client.follow(link).unwrap();
    assert!(matches!(client.follow(link), Err(Untrusted::TooOld { epoch: 0, known_from: 1 })));
    assert!(matches!(
        client.verify(&link.header, &link.finality),
        Err(Untrusted::TooOld { epoch: 0, known_from: 1 })
    ));
}

#[test]
fn an_old_set_cannot_sign_for_a_later_epoch() {
    // Validators that left sign another header for epoch 1 that names them.
    let evidence = evidence();
    let mut header = evidence.header.clone();
    let old = validators(0..4);
    header.validators = old.digest();
    header.time += 1;
    let mut forged = evidence.clone();
    forged.finality = finality(&header, &old, 0..4);
    forged.header = header;
    assert!(matches!(
        forged.verify(&genesis()),
        Err(EvidenceError::Header(Untrusted::OtherValidators { epoch: 1 }))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Evidence::decode(&bytes);
        let mut with_magic = b"MEDVEIL\x01".to_vec();
        with_magic.extend(bytes);
        let _ = Evidence::decode(&with_magic);
    }
}

/// Evidence once, for properties that alter it.
fn bytes() -> &'static [u8] {
    static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    BYTES.get_or_init(|| evidence().to_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn altered_evidence_is_refused(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut altered = bytes().to_vec();
        for (place, byte) in edits {
            let place = place.index(altered.len());
            altered[place] = byte;
        }
        prop_assume!(altered != bytes());
        prop_assert!(is_refused_or_true(&altered, &genesis()));
    }
}
