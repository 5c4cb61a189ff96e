//! Policies of contracts from any text.
//!
//! Claims: nothing panics and no stack runs out; a text is admitted or refused at a place in it, alike each time; what is admitted is within its bounds and is decided alike each time, and whatever it
//! says of a question with numbers that fit, every policy of it can be evaluated.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medveil_policy::{Policies, Question, Released, Step, Verdict, limits};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match (Policies::compile(text), Policies::compile(text)) {
        (Ok(first), Ok(second)) => {
            assert!(text.len() <= limits::MAX_BYTES);
            assert!((1..=limits::MAX_POLICIES).contains(&first.ids().count()));
            assert!(first.ids().is_sorted() && first.ids().eq(second.ids()));
            let released = Released { patients: 6, records: 60 };
            for step in [Step::Request, Step::Release(released), Step::Access(released)] {
                let question = Question { step, study: Some("7f"), ..Question::EXAMPLE };
                let verdict = first.decide(&question);
                assert_eq!(verdict, second.decide(&question));
                // Only sums fail: what the schema admits is there and is of its type.
                let counts = text.contains(['+', '-', '*']);
                assert!(counts || !matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
            }
        }
        (Err(first), Err(second)) => {
            assert_eq!(std::mem::discriminant(&first), std::mem::discriminant(&second));
            assert_eq!(first.position(), second.position());
            if let Some(at) = first.position() {
                assert!(at.line as usize <= text.lines().count().max(1) + 1, "{first}");
            }
        }
        _ => panic!("admitted once, refused once"),
    }
});
