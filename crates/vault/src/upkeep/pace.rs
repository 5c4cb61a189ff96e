//! How fast upkeep may go.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::shards::{ShardSource, SourceError};

/// A bound on bytes a second, over the time since it began.
#[derive(Clone, Debug)]
pub struct Pace {
    bytes_per_second: Option<u64>,
    began: Instant,
    bytes: u64,
}

impl Pace {
    /// At most so many bytes a second; zero stands for one.
    pub fn new(bytes_per_second: u64) -> Pace {
        Pace { bytes_per_second: Some(bytes_per_second.max(1)), began: Instant::now(), bytes: 0 }
    }

    /// As fast as it goes.
    pub fn unlimited() -> Pace {
        Pace { bytes_per_second: None, began: Instant::now(), bytes: 0 }
    }

    /// Counts `bytes` and sleeps until they are due.
    pub fn spend(&mut self, bytes: u64) {
        let pause = self.due(bytes, self.began.elapsed());
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long to wait when `bytes` more are spent `elapsed` after the beginning.
    fn due(&mut self, bytes: u64, elapsed: Duration) -> Duration {
        self.bytes += bytes;
        match self.bytes_per_second {
            None => Duration::ZERO,
            Some(rate) => Duration::from_secs_f64(self.bytes as f64 / rate as f64).saturating_sub(elapsed),
        }
    }
}

/// A source whose answers are taken at a pace.
pub struct Paced<'p, S> {
    inner: S,
    pace: &'p mut Pace,
}

impl<'p, S> Paced<'p, S> {
    /// Reads from `inner` at `pace`.
    pub fn new(inner: S, pace: &'p mut Pace) -> Paced<'p, S> {
        Paced { inner, pace }
    }
}

impl<S: ShardSource> ShardSource for Paced<'_, S> {
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
        let bytes = self.inner.read(shard, segment, range)?;
        self.pace.spend(bytes.len() as u64);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_due_at_their_rate() {
        let mut pace = Pace::new(1000);
        assert_eq!(pace.due(500, Duration::ZERO), Duration::from_millis(500));
        assert_eq!(pace.due(500, Duration::from_millis(700)), Duration::from_millis(300));
        assert_eq!(pace.due(0, Duration::from_secs(9)), Duration::ZERO);
        assert_eq!(Pace::unlimited().due(u64::MAX, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn spending_takes_its_time() {
        let began = Instant::now();
        let mut pace = Pace::new(100_000);
        (0..4).for_each(|_| pace.spend(2_500));
        assert!(began.elapsed() >= Duration::from_millis(100));
        assert_eq!(pace.bytes(), 10_000);
    }
}
