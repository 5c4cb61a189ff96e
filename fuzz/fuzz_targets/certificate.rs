//! Certificates, finality, changes of validators and chain geneses from any bytes.
//!
//! Claims: nothing panics; what is read is written the same, byte for byte; a certificate is believed only if it is that of the seed, by whomever of the quorum signed.

#![no_main]

use std::sync::OnceLock;

use commonware_codec::{Copying, DecodeExt as _, Encode as _, Read};
use libfuzzer_sys::fuzz_target;
use medveil_chain::{Certificate, Evidence, Finality, Genesis, Header, LightClient, Link, ValidatorSet};

fuzz_target!(|data: &[u8]| {
    if let Ok(set) = decode::<ValidatorSet>(data) {
        assert_eq!(set.encode(), data, "one value, one encoding");
        assert!(set.quorum() * 3 > set.len() * 2);
    }
    if let Ok(genesis) = decode::<Genesis>(data) {
        assert_eq!(genesis.encode(), data, "one value, one encoding");
        let _ = genesis.header().digest();
    }
    let (genesis, header, link) = known();
    if let Ok(certificate) = decode::<Certificate>(data) {
        believe(genesis, header, Finality { descendants: Vec::new(), certificate });
    }
    if let Ok(finality) = decode::<Finality>(data) {
        believe(genesis, header, finality);
    }
    if let Ok(other) = decode::<Link>(data)
        && LightClient::new(genesis.clone()).follow(&other).is_ok()
    {
        assert_eq!((&other.header, &other.next), (&link.header, &link.next));
    }
});

/// Only votes for the very header count, so nothing else can be in it.
fn believe(genesis: &Genesis, header: &Header, finality: Finality) {
    let verified = LightClient::new(genesis.clone()).verify(header, &finality);
    if verified.is_ok() {
        assert_eq!(*finality.certificate.block(), header.digest());
        assert!(finality.descendants.is_empty());
    }
}

fn known() -> &'static (Genesis, Header, Link) {
    static KNOWN: OnceLock<(Genesis, Header, Link)> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let genesis = include_bytes!("../corpus-seeds/certificate/genesis");
        let evidence = include_bytes!("../corpus-seeds/evidence/every-kind");
        let genesis = decode::<Genesis>(genesis).expect("the seed is a genesis");
        let link = Evidence::decode(evidence).expect("the seed is evidence").links.remove(0);
        (genesis, link.header.clone(), link)
    })
}

fn decode<T: Read<Cfg = ()>>(data: &[u8]) -> Result<T, commonware_codec::Error> {
    T::decode(Copying(data))
}
