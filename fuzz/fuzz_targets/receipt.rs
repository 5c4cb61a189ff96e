//! Receipts and key files from any text.
//!
//! Claims: nothing panics, hangs or allocates by what a receipt merely says; a receipt that is read is written and read as the same;
//! every check on it ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medveil_deid::receipt::Receipt;
use medveil_deid::study::{MasterKey, Study, Suite};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = MasterKey::parse(text) {
        assert_eq!(MasterKey::parse(&key.to_text()).map(|k| k.commitment()), Ok(key.commitment()));
    }
    let Ok(receipt) = Receipt::parse(text) else { return };
    let again = Receipt::parse(&receipt.to_text()).expect("what is written can be read");
    assert!(again == receipt, "a receipt reads back as the same");
    let _ = receipt.contradictions();
    let _ = receipt.plan();
    let _ = receipt.output_leaves();
    let key = MasterKey::from_bytes([3; 32]);
    let study = Study::new(&key, &receipt.study, Suite::International, None);
    let _ = receipt.contradictions_under(&key, &study);
    for file in &receipt.files {
        let (a, b) = (&file.input, &file.output);
        let found = a.checkpoints.first_difference(&b.checkpoints, receipt.suite, a.records.min(b.records));
        assert!(found.start <= found.end && found.end <= a.records.min(b.records));
    }
});
