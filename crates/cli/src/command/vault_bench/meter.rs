//! Time on the wall and on the processor, and texts to measure with.

use std::io::{self, Read, Write};
use std::time::Instant;

use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::resources;

/// A span of time of this process.
pub struct Meter {
    wall: Instant,
    cpu: f64,
}

/// What a span came to.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// Seconds on the wall.
    pub wall: f64,
    /// Processor seconds, user and system.
    pub cpu: f64,
}

impl Meter {
    /// Begins now.
    pub fn start() -> Meter {
        Meter { cpu: resources::cpu_seconds().unwrap_or(0.0), wall: Instant::now() }
    }

    /// What it has come to.
    pub fn stop(&self) -> Spent {
        let cpu = resources::cpu_seconds().unwrap_or(0.0) - self.cpu;
        Spent { wall: self.wall.elapsed().as_secs_f64(), cpu }
    }
}

impl Spent {
    /// Megabytes a processor second.
    pub fn rate(&self, bytes: u64) -> f64 {
        // A clock of 1/100 s cannot tell less.
        bytes as f64 / 1e6 / self.cpu.max(0.005)
    }

    /// Megabytes a second.
    pub fn speed(&self, bytes: u64) -> f64 {
        bytes as f64 / 1e6 / self.wall.max(1e-6)
    }

    /// As JSON, with the bytes that were dealt with.
    pub fn value(&self, bytes: u64) -> Value {
        json!({
            "bytes": bytes, "wall_seconds": self.wall, "cpu_seconds": self.cpu,
            "mb_per_cpu_second": self.rate(bytes), "mb_per_second": self.speed(bytes),
        })
    }

    /// As a line.
    pub fn line(&self, what: &str, bytes: u64) -> String {
        format!(
            "{what}: {:.0} MB in {:.2} cpu s ({:.2} s wall): {:.0} MB/cpu-s, {:.0} MB/s",
            bytes as f64 / 1e6,
            self.cpu,
            self.wall,
            self.rate(bytes),
            self.speed(bytes),
        )
    }
}

/// A text that is no constant and costs little: a block of random bytes, again and again.
pub struct Text {
    block: Vec<u8>,
    left: u64,
    at: usize,
}

impl Text {
    /// A text of this many bytes, always the same.
    pub fn new(length: u64) -> Text {
        let mut block = vec![0; 4 << 20];
        ChaCha20Rng::from_seed([8; 32]).fill_bytes(&mut block);
        Text { block, left: length, at: 0 }
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.block.len() - self.at);
        let taken = (most as u64).min(self.left) as usize;
        buffer[..taken].copy_from_slice(&self.block[self.at..self.at + taken]);
        self.at = (self.at + taken) % self.block.len();
        self.left -= taken as u64;
        Ok(taken)
    }
}

/// Takes a text only if it is the expected one.
pub struct Compare(Text);

impl Compare {
    /// Expects [`Text::new`] of this many bytes.
    pub fn new(length: u64) -> Compare {
        Compare(Text::new(length))
    }

    /// Whether all of it has come.
    pub fn is_whole(&self) -> bool {
        self.0.left == 0
    }
}

impl Write for Compare {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Text { block, left, at } = &mut self.0;
        let taken = bytes.len().min(block.len() - *at);
        if taken as u64 > *left || bytes[..taken] != block[*at..*at + taken] {
            return Err(io::Error::other("what was read is not what was sealed"));
        }
        *at = (*at + taken) % block.len();
        *left -= taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compared_with_itself_and_with_nothing_else() {
        let length = (4 << 20) + 1000;
        let mut compare = Compare::new(length);
        io::copy(&mut Text::new(length), &mut compare).unwrap();
        assert!(compare.is_whole());
        assert!(compare.write(&[0]).is_err(), "longer");
        let mut other = Vec::new();
        Text::new(100).read_to_end(&mut other).unwrap();
        other[99] ^= 1;
        let mut compare = Compare::new(100);
        assert!(compare.write_all(&other).is_err() && !compare.is_whole());
    }
}
