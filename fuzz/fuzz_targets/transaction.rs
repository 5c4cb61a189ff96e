//! Transactions from any bytes.
//!
//! Claims: nothing panics; what is read is written the same, byte for byte, and has the id of its body; checks of signatures agree, single and in a batch;
//! receipts and events read back; what is proposed is executed the same. The action is carried out on a small chain as if its signature held.

#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use medveil_ledger::*;

fuzz_target!(|data: &[u8]| {
    if let Ok(event) = Event::decode(data) {
        assert_eq!(event.encode(), data);
    }
    if let Ok(receipt) = Receipt::decode(data) {
        assert_eq!(receipt.encode(), data);
    }
    let Ok(transaction) = Transaction::decode(data) else { return };
    assert_eq!(transaction.encode(), data, "one value, one encoding");
    assert_eq!(transaction.encoded_len(), data.len());
    assert_eq!(transaction.digest(), transaction.body().digest());
    let json = serde_json::to_string(&transaction.body().action).expect("an action has a form in JSON");
    let action: Action = serde_json::from_str(&json).expect("and reads back");
    assert_eq!(action, transaction.body().action);
    let (genesis, state) = chain();
    let single = signature::verify(&genesis.relying_party, &transaction);
    let batch = verify_signatures(&genesis.relying_party, &[transaction.clone(), transaction.clone()]);
    assert_eq!(batch, [single.clone(), single]);
    execute(genesis, state, transaction.body().action.clone());
});

/// Carries the action out as the first administrator's.
fn execute(genesis: &Genesis, state: &BTreeMap<Key, Vec<u8>>, action: Action) {
    let chain = genesis.chain_id();
    let key = SigningKey::ed25519([1; 32]);
    let account = AccountId::derive(chain, &key.public());
    let body = Body { chain, account, signer: key.public(), nonce: 0, expires: 9, action };
    let Ok(transaction) = Transaction::new(body, Signature::Ed25519([0; 64])) else { return };
    let block = BlockContext { chain, height: 1, epoch: 0, time_ms: 1, epoch_end: true };
    let transactions = [transaction.assume_signature_verified()];
    let Ok((included, outcome)) = propose_block(&block, &transactions, state) else {
        panic!("a state that is all there has no missing keys");
    };
    for (event, leaf) in outcome.events.iter().zip(&outcome.event_leaves) {
        assert_eq!(Event::decode(leaf).as_ref(), Ok(event));
    }
    if included.len() == 1 {
        assert_eq!(execute_block(&block, &transactions, state), Ok(outcome));
    }
}

fn chain() -> &'static (Genesis, BTreeMap<Key, Vec<u8>>) {
    static CHAIN: OnceLock<(Genesis, BTreeMap<Key, Vec<u8>>)> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let text = include_str!("../../crates/ledger/vectors/genesis.toml");
        let genesis = Genesis::from_toml(text).expect("the seed is a genesis");
        let state = genesis.writes();
        (genesis, state)
    })
}
