//! The body of a batch of transactions, from any bytes.
//!
//! Claims: nothing panics; what is read is the whole body, in its order, and nothing else; what is refused names a place within it.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/api/src/frames.rs"]
mod frames;

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    match frames::frames(&body) {
        Ok(all) => {
            assert!(!all.is_empty() && all.len() <= frames::MAX_TRANSACTIONS);
            let mut again = Vec::with_capacity(data.len());
            for frame in &all {
                again.extend_from_slice(&(frame.len() as u32).to_le_bytes());
                again.extend_from_slice(frame);
            }
            assert_eq!(again, data);
        }
        Err(frames::FramesError::BreaksOff { at, number, .. }) => {
            assert!(at < data.len() && number as usize <= at / 4 + 1);
        }
        Err(frames::FramesError::Empty) => assert!(data.is_empty()),
        Err(frames::FramesError::TooMany) => assert!(data.len() > 4 * frames::MAX_TRANSACTIONS),
    }
});
