//! Stack enough, whatever thread asks.
//!
//! Cedar gives up where less than 100 KiB of stack are left, and recurses where nesting is deep. Were that to depend on the thread that executes a block, two nodes could decide differently. Here
//! everything begins with a known amount: where a thread has less, the work is done on a stack of its own, made for it. What is admitted needs far less: a test compiles and evaluates the deepest texts on exactly this much.

/// What a decision begins with, at least. At [`MAX_DEPTH`](crate::limits::MAX_DEPTH) it needs less than half of it.
const DECISION_BYTES: usize = 1 << 20;

/// What a text of [`MAX_BYTES`](crate::limits::MAX_BYTES) that is not looked at yet is parsed with: it may be nested thousands deep.
const COMPILE_BYTES: usize = 64 << 20;

/// Runs a decision.
pub(crate) fn for_decision<R>(run: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(DECISION_BYTES, DECISION_BYTES, run)
}

/// Runs the admission of a text.
pub(crate) fn for_compiling<R>(run: impl FnOnce() -> R) -> R {
    stacker::grow(COMPILE_BYTES, run)
}
