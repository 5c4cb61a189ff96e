//! What an assessor still follows, told to the threads that feed it.
//!
//! Above the cap a class is followed while its fingerprint lies under a threshold, and thresholds only fall (see [`Tally`](super::tally::Tally)). A
//! thread that knows a threshold, even a former one, leaves out nothing but what would be thrown away on arrival, so that the figures do not depend
//! on when it looked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The thresholds of both sides of an assessment. Clones see the same ones.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    before: Arc<Side>,
    after: Arc<Side>,
}

#[derive(Debug, Default)]
struct Side {
    classes: AtomicU32,
    pairs: AtomicU32,
}

/// A class is followed with probability `2^-level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels {
    /// For counting its records.
    pub(super) classes: u32,
    /// For telling its sensitive values apart.
    pub(super) pairs: u32,
}

impl Followed {
    pub(super) fn before(&self) -> Levels {
        self.before.levels()
    }

    pub(super) fn after(&self) -> Levels {
        self.after.levels()
    }

    pub(super) fn set(&self, before: Levels, after: Levels) {
        self.before.set(before);
        self.after.set(after);
    }
}

impl Side {
    // Relaxed: any former level will do.
    fn levels(&self) -> Levels {
        Levels { classes: self.classes.load(Ordering::Relaxed), pairs: self.pairs.load(Ordering::Relaxed) }
    }

    fn set(&self, levels: Levels) {
        self.classes.store(levels.classes, Ordering::Relaxed);
        self.pairs.store(levels.pairs, Ordering::Relaxed);
    }
}
