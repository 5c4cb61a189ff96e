//! Genesis files from any text and any bytes.
//!
//! Claims: nothing panics; a genesis that is accepted has one canonical form, whichever way it was written, reads back from it, and begins a chain whose first blocks are executed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medveil_ledger::*;

fuzz_target!(|data: &[u8]| {
    if let Ok(genesis) = Genesis::decode(data) {
        assert_eq!(genesis.encode(), data, "one value, one encoding");
        let _ = genesis.faults();
    }
    if let Ok(genesis) = Genesis::from_canonical(data) {
        check(&genesis);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    for genesis in [Genesis::from_toml(text), Genesis::from_json(text)].into_iter().flatten() {
        assert_eq!(Genesis::from_canonical(&genesis.encode()).as_ref(), Ok(&genesis));
        assert_eq!(Genesis::from_toml(&genesis.to_toml()).as_ref(), Ok(&genesis));
        check(&genesis);
    }
});

fn check(genesis: &Genesis) {
    let (chain, state) = (genesis.chain_id(), genesis.writes());
    let block = BlockContext { chain, height: 1, epoch: 0, time_ms: genesis.time_ms, epoch_end: true };
    let outcome = execute_block(&block, &[], &state).expect("a chain that begins goes on");
    let next = outcome.next_validators.expect("the epoch ends");
    assert_eq!(next.validators, genesis.validators().validators);
}
