//! Blocks from any bytes, as peers send them.
//!
//! Claims: nothing panics; what is read is written the same, byte for byte, and its header commits to its body: each entry is provable, and fits.

#![no_main]

use commonware_codec::{Copying, DecodeExt as _, Encode as _, Read};
use libfuzzer_sys::fuzz_target;
use medveil_chain::{Block, EntryKind, Header};

fuzz_target!(|data: &[u8]| {
    if let Ok(header) = decode::<Header>(data) {
        assert_eq!(header.encode(), data, "one value, one encoding");
        let _ = header.digest();
    }
    let Ok(block) = decode::<Block>(data) else { return };
    assert_eq!(block.encode(), data, "one value, one encoding");
    assert!(block.body().fits());
    let kinds = [EntryKind::Transaction, EntryKind::Receipt, EntryKind::Event];
    let roots = [block.header().transaction_root, block.header().receipt_root, block.header().event_root];
    for (kind, root) in kinds.into_iter().zip(roots) {
        let tree = block.body().tree(kind);
        assert_eq!(tree.root(), root);
        for index in 0..block.body().entries(kind).len().min(4) {
            assert!(tree.prove(index as u32).is_some());
        }
    }
    assert_eq!(Block::new(block.header().clone(), block.body().clone()), Some(block));
});

fn decode<T: Read<Cfg = ()>>(data: &[u8]) -> Result<T, commonware_codec::Error> {
    T::decode(Copying(data))
}
