//! Key files that are locked with a passphrase, from any bytes.
//!
//! Claims: nothing panics; only the file that was locked opens, and gives what was locked; what takes more work than this software gives is refused before any is done.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medveil_vault::keys::{Passphrase, PassphraseError, is_locked, unlock};

const LOCKED: &[u8] = include_bytes!("../corpus-seeds/age/locked");

fuzz_target!(|data: &[u8]| {
    // 2^4 takes 16 KiB; more is slow and nothing else.
    if work(data).is_some_and(|log| (5..=20).contains(&log)) {
        return;
    }
    let passphrase = Passphrase::new("open sesame".to_owned());
    match unlock(data, &passphrase) {
        Ok(secret) => {
            assert!(data == LOCKED, "a file that nobody locked");
            assert_eq!(*secret, *b"a key\n");
        }
        Err(PassphraseError::TooMuchWork { found }) => assert!(found == 0 || found > 20),
        Err(error) => assert!(is_locked(data) || matches!(error, PassphraseError::Malformed { .. })),
    }
});

/// The work factor that the second line names.
fn work(data: &[u8]) -> Option<u64> {
    let line = data.split(|byte| *byte == b'\n').nth(1)?;
    let text = std::str::from_utf8(line).ok()?;
    text.rsplit(' ').next()?.parse().ok()
}
