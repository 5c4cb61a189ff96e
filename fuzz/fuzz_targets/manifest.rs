//! Manifests from any bytes, and shards of a known object that are any bytes.
//!
//! Claims: nothing panics; what is read is written the same, byte for byte; where its shards are is within them; of a known object only the true file is taken for a member's, and whatever
//! one member gives out, the object is read as it was, and that member named.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use medveil_vault::manifest::Manifest;
use medveil_vault::{Canonical as _, object};

#[path = "common/custody.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod custody;

fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = Manifest::decode(data) {
        assert_eq!(manifest.encode(), data, "one value, one encoding");
        assert_eq!(Manifest::check(data, &manifest.digest()).as_ref(), Ok(&manifest));
        places(&manifest);
    }
    let [choice, file @ ..] = data else { return };
    let known = known();
    let (shard, segment) = (choice % 5, u64::from(choice / 5 % 3));
    let same = known.shards.files[&(shard, segment)] == file;
    assert_eq!(known.manifest.segment_check().check(shard, segment, file).is_ok(), same);
    let mut shards = known.shards.clone();
    shards.files.insert((shard, segment), file.to_vec());
    // The first to be asked, so that it is.
    shards.lose((shard + 1) % 5);
    shards.lose((shard + 2) % 5);
    let mut text = Vec::new();
    let read = object::open(&known.manifest, shards, &known.key, &mut text);
    match read {
        Ok(_) => assert_eq!(text, known.text, "another text"),
        // Two are lost and this one is wrong: too few.
        Err(_) => assert!(!same && known.text.starts_with(&text)),
    }
    let mut shards = known.shards.clone();
    shards.files.insert((shard, segment), file.to_vec());
    let mut text = Vec::new();
    let faults = object::open(&known.manifest, shards, &known.key, &mut text).expect("four are honest");
    assert_eq!(text, known.text, "another text");
    assert!(faults.iter().all(|fault| fault.shard == shard && !same), "an honest member is named");
});

fn places(manifest: &Manifest) {
    let layout = manifest.layout();
    let last = layout.segments().saturating_sub(1);
    for segment in [0, last / 2, last] {
        let bytes = layout.segment_bytes(segment);
        assert!(layout.table_range(segment).end <= bytes);
        for stripe in layout.stripes_of(segment).take(3) {
            assert!(layout.piece_range(stripe).end <= bytes && layout.segment_of(stripe) == segment);
        }
    }
    assert!(layout.shard_bytes() >= layout.length() / u64::from(layout.scheme().total()));
}

fn known() -> &'static custody::Object {
    static KNOWN: OnceLock<custody::Object> = OnceLock::new();
    KNOWN.get_or_init(custody::object)
}
