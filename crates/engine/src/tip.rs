//! The last final block whose state is applied, for those who follow it.
//!
//! Not tokio's `watch`: that wakes its readers in an order drawn from the machine's randomness, and a simulation must run the same twice.

use std::sync::Arc;

use commonware_utils::sync::Mutex;
use medveil_chain::Block;
use tokio::sync::Notify;

/// The tip. `None` until the node has started on a chain with blocks.
#[derive(Default)]
pub(crate) struct Tip {
    current: Mutex<(u64, Option<Arc<Block>>)>,
    changed: Notify,
}

impl Tip {
    /// The block.
    pub(crate) fn get(&self) -> Option<Arc<Block>> {
        self.current.lock().1.clone()
    }

    /// Its height, 0 before there is one.
    pub(crate) fn height(&self) -> u64 {
        self.current.lock().1.as_ref().map_or(0, |block| block.height())
    }

    /// Replaces it and wakes who follows.
    pub(crate) fn set(&self, block: Arc<Block>) {
        let mut current = self.current.lock();
        current.0 += 1;
        current.1 = Some(block);
        drop(current);
        self.changed.notify_waiters();
    }

    /// Follows it from now on.
    pub(crate) fn follow(&self) -> Follower<'_> {
        Follower { tip: self, seen: self.current.lock().0 }
    }
}

/// Waits for the next tip.
pub(crate) struct Follower<'a> {
    tip: &'a Tip,
    seen: u64,
}

impl Follower<'_> {
    /// Returns when the tip is another than when it was last looked at here.
    pub(crate) async fn changed(&mut self) {
        loop {
            // Registered before the look, so that no change falls between.
            let changed = self.tip.changed.notified();
            let count = self.tip.current.lock().0;
            if count != self.seen {
                self.seen = count;
                return;
            }
            changed.await;
        }
    }

    /// The tip now; the next change is one after it.
    pub(crate) fn latest(&mut self) -> Option<Arc<Block>> {
        let current = self.tip.current.lock();
        self.seen = current.0;
        current.1.clone()
    }
}
