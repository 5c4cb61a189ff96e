//! Whether this machine's clock agrees with the validators'.
//!
//! A block's time is one that a quorum voted for, so a node whose clock is far from the times of the blocks that arrive has a wrong clock,
//! unless it is reading up on old blocks. A validator with a wrong clock gives no votes and makes blocks that get none.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// This machine's clock, in milliseconds since 1970 (UTC).
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Follows the tip and judges the clock.
#[derive(Clone, Debug)]
pub struct ClockWatch {
    drift: Duration,
    height: u64,
    /// Blocks in a row whose time was too far off on one side, and how far the last was: positive when the clock is behind.
    suspicions: (u32, i64),
}

/// What is known of the tip at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// This machine's clock, milliseconds since 1970.
    pub now_ms: u64,
    /// Height of the tip.
    pub height: u64,
    /// Its time.
    pub time_ms: u64,
    /// The highest tip that a peer told of.
    pub best_peer: Option<u64>,
}

impl ClockWatch {
    /// One block may have waited on its way; three in a row have not.
    const CERTAIN: u32 = 3;

    /// Blocks arrive, and are looked at, some time after they were made.
    const LATENCY: Duration = Duration::from_secs(2);

    /// A watch that takes a difference of `drift` for right.
    pub fn new(drift: Duration) -> Self {
        Self { drift, height: 0, suspicions: (0, 0) }
    }

    /// Looks at the tip.
    pub fn observe(&mut self, seen: Observation) {
        if seen.height <= self.height {
            return;
        }
        let first = self.height == 0;
        self.height = seen.height;
        let offset = i64::try_from(seen.time_ms)
            .unwrap_or(i64::MAX)
            .saturating_sub(i64::try_from(seen.now_ms).unwrap_or(i64::MAX));
        let drift = i64::try_from(self.drift.as_millis()).unwrap_or(i64::MAX);
        let latency = i64::try_from(Self::LATENCY.as_millis()).unwrap_or(i64::MAX);
        let behind = offset > drift;
        // An old block is a sign only where no peer knows a newer one, and it came while we looked.
        let caught_up = seen.best_peer.is_some_and(|best| best <= seen.height) && !first;
        let ahead = caught_up && offset < -drift.saturating_add(latency);
        let same_side = (self.suspicions.1 >= 0) == (offset >= 0);
        self.suspicions = match (behind || ahead, same_side) {
            (true, true) => (self.suspicions.0 + 1, offset),
            (true, false) => (1, offset),
            (false, _) => (0, 0),
        };
    }

    /// How far the clock is from the validators', in milliseconds, when that is certain and too far: positive when it is behind.
    pub fn off_by(&self) -> Option<i64> {
        (self.suspicions.0 >= Self::CERTAIN).then_some(self.suspicions.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks with times `offset` from the clock, a second apart.
    fn watch(offsets: &[i64], best_peer: impl Fn(u64) -> Option<u64>) -> Option<i64> {
        let mut watch = ClockWatch::new(Duration::from_secs(5));
        for (height, offset) in (1..).zip(offsets) {
            let now_ms: u64 = 1_700_000_000_000 + height * 1000;
            let time_ms = now_ms.saturating_add_signed(*offset);
            watch.observe(Observation { now_ms, height, time_ms, best_peer: best_peer(height) });
        }
        watch.off_by()
    }

    #[test]
    fn a_clock_within_the_drift_is_right() {
        assert_eq!(watch(&[-300, 4_900, -6_900, 0], Some), None);
    }

    #[test]
    fn a_clock_behind_is_told_even_without_peers() {
        assert_eq!(watch(&[20_000; 3], |_| None), Some(20_000));
        assert_eq!(watch(&[20_000; 2], |_| None), None, "two blocks are not certain");
    }

    #[test]
    fn a_clock_ahead_is_told_when_no_peer_knows_a_newer_block() {
        assert_eq!(watch(&[-20_000; 4], Some), Some(-20_000));
        assert_eq!(watch(&[-20_000; 9], |height| Some(height + 1)), None, "it reads up on old blocks");
        assert_eq!(watch(&[-20_000; 9], |_| None), None, "it has heard of nobody");
    }

    #[test]
    fn one_good_block_settles_it() {
        assert_eq!(watch(&[20_000, 20_000, 20_000, 100], Some), None);
        assert_eq!(watch(&[20_000, 20_000, -20_000, -20_000], Some), None, "it is not off to both sides");
    }
}
