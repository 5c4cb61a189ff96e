//! Evidence files from any bytes.
//!
//! Claims: nothing panics; what is read is written the same, byte for byte; and of what is read, only what says what the seed says, or as truly, is believed: nobody
//! can sign for the validators of the genesis.

#![no_main]

use std::sync::OnceLock;

use commonware_codec::{Copying, DecodeExt as _};
use libfuzzer_sys::fuzz_target;
use medveil_chain::{Claim, Evidence, Genesis, StateProof, Verified};

fuzz_target!(|data: &[u8]| {
    let Ok(evidence) = Evidence::decode(data) else { return };
    assert_eq!(evidence.to_bytes(), data, "one value, one encoding");
    let (genesis, known) = known();
    let Ok(verified) = evidence.verify(genesis) else { return };
    assert_eq!(verified.header(), known.header(), "the only header that was signed");
    for claim in verified.claims() {
        let absent = matches!(claim, Claim::State { key, proof: StateProof::Absent { .. } }
            if key.as_slice() > b"k003".as_slice() && key.as_slice() < b"k004".as_slice());
        assert!(absent || known.claims().contains(claim), "something else is believed");
    }
});

fn known() -> &'static (Genesis, Verified) {
    static KNOWN: OnceLock<(Genesis, Verified)> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let genesis = include_bytes!("../corpus-seeds/certificate/genesis");
        let genesis = Genesis::decode(Copying(genesis.as_slice())).expect("the seed is a genesis");
        let evidence = include_bytes!("../corpus-seeds/evidence/every-kind");
        let evidence = Evidence::decode(evidence).expect("the seed is evidence");
        let verified = evidence.verify(&genesis).expect("the seed holds");
        (genesis, verified)
    })
}
