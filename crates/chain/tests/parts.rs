//! What evidence and blocks consist of, each by itself: altered, it is refused, or it is something else that nobody signed.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod common;

use common::{evidence, genesis, validators};
use commonware_codec::{Copying, DecodeExt as _, Encode, Read};
use medveil_chain::{Certificate, Finality, Genesis, Header, LightClient, Link, ValidatorSet};

fn read<T: Read<Cfg = ()>>(bytes: &[u8]) -> Option<T> {
    T::decode(Copying(bytes)).ok()
}

/// The value with each of its bytes altered, three ways, where that can be read.
fn altered<T: Encode + Read<Cfg = ()>>(value: &T) -> Vec<T> {
    let bytes = value.encode();
    let alter = |place: usize, flip: u8| {
        let mut altered = bytes.to_vec();
        altered[place] ^= flip;
        read(&altered)
    };
    (0..bytes.len()).flat_map(|place| [0x01, 0x80, 0xff].map(|flip| alter(place, flip))).flatten().collect()
}

fn is_refused_when_cut_or_longer<T: Encode + Read<Cfg = ()>>(value: &T) {
    let bytes = value.encode().to_vec();
    for length in 0..bytes.len() {
        assert!(read::<T>(&bytes[..length]).is_none(), "{length} of {} bytes", bytes.len());
    }
    assert!(read::<T>(&[&bytes[..], &[0]].concat()).is_none());
}

/// The change of validators at height 9, signed by those of the genesis.
fn link() -> Link {
    evidence().links.remove(0)
}

#[test]
fn cut_parts_are_refused() {
    let Link { header, finality, next } = link();
    is_refused_when_cut_or_longer(&header);
    is_refused_when_cut_or_longer(&finality);
    is_refused_when_cut_or_longer(&finality.certificate);
    is_refused_when_cut_or_longer(&next);
    is_refused_when_cut_or_longer(&genesis());
    is_refused_when_cut_or_longer(&link());
}

#[test]
fn an_altered_certificate_makes_nothing_final() {
    let Link { header, finality, .. } = link();
    let client = LightClient::new(genesis());
    client.verify(&header, &finality).unwrap();
    for certificate in altered::<Certificate>(&finality.certificate) {
        let believed =
            client.verify(&header, &Finality { descendants: vec![], certificate: certificate.clone() });
        assert!(believed.is_err() || certificate == finality.certificate);
    }
    for other in altered::<Finality>(&finality) {
        assert!(client.verify(&header, &other).is_err() || other == finality);
    }
}

#[test]
fn an_altered_header_is_another_that_nobody_signed() {
    let Link { header, finality, .. } = link();
    let client = LightClient::new(genesis());
    for other in altered::<Header>(&header) {
        assert_ne!(other.digest(), header.digest());
        assert!(client.verify(&other, &finality).is_err());
    }
}

#[test]
fn an_altered_change_of_validators_is_not_followed() {
    let link = link();
    for other in altered::<Link>(&link) {
        assert!(LightClient::new(genesis()).follow(&other).is_err() || other == link);
    }
}

#[test]
fn altered_validators_and_geneses_are_others() {
    let set = validators(0..4);
    for other in altered::<ValidatorSet>(&set) {
        assert_ne!(other.digest(), set.digest());
    }
    for other in altered::<Genesis>(&genesis()) {
        assert_ne!(other.digest(), genesis().digest());
    }
}

/// Fuzzing begins with these: see `fuzz/README.md`. With `MEDVEIL_WRITE_SEEDS` set they are written.
#[test]
fn the_seeds_of_the_fuzz_targets_hold() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus-seeds");
    let evidence = evidence();
    let set = validators(0..4);
    let root = medveil_chain::Digest::from([3; 32]);
    let block = common::child(&genesis(), &genesis().header(), &set, &set, root);
    let link = link();
    let files = [
        ("evidence/every-kind", evidence.to_bytes()),
        ("block/plain", block.encode().to_vec()),
        ("block/header", block.header().encode().to_vec()),
        ("certificate/certificate", link.finality.certificate.encode().to_vec()),
        ("certificate/finality", link.finality.encode().to_vec()),
        ("certificate/link", link.encode().to_vec()),
        ("certificate/genesis", genesis().encode().to_vec()),
        ("certificate/validators", set.encode().to_vec()),
    ];
    for (name, bytes) in files {
        let path = seeds.join(name);
        if std::env::var_os("MEDVEIL_WRITE_SEEDS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{name} is not what the code makes");
    }
}
