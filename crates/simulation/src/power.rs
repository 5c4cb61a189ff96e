//! Power of a node's machine, and what its loss does to the disk.
//!
//! Until a flush, what was written may be on the disk or not, in any part: when power is lost, each such write is kept whole, in part or not at all, as the seed decides. Nothing
//! that was flushed is touched.

use std::sync::{Arc, Weak};

use commonware_runtime::{Blob as _, IoBufs, Storage, WriteOptions, deterministic::Context};
use commonware_utils::sync::Mutex;
use futures::future::pending;

/// A file of the runtime's disk.
pub(crate) type File = <Context as Storage>::Blob;

/// The power of one node, from one start to the next.
#[derive(Clone)]
pub(crate) struct Power(Arc<Mutex<State>>);

struct State {
    off: bool,
    /// Steps that change the disk, so far.
    steps: u64,
    /// At which step it is lost.
    until: Option<u64>,
    /// Files that are open.
    open: usize,
    unflushed: Vec<Write>,
    chance: Chance,
}

/// A write that is not flushed.
struct Write {
    file: Weak<File>,
    offset: u64,
    bytes: IoBufs,
}

impl Power {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            off: false,
            steps: 0,
            until: None,
            open: 0,
            unflushed: Vec::new(),
            chance: Chance(seed),
        })))
    }

    /// Lets power be lost so many steps from now.
    pub(crate) fn lose_after(&self, steps: u64) {
        let mut state = self.0.lock();
        state.until = Some(state.steps + steps.max(1));
    }

    pub(crate) fn is_off(&self) -> bool {
        self.0.lock().off
    }

    pub(crate) fn steps(&self) -> u64 {
        self.0.lock().steps
    }

    pub(crate) fn open_files(&self) -> usize {
        self.0.lock().open
    }

    pub(crate) fn opened(&self) {
        self.0.lock().open += 1;
    }

    pub(crate) fn closed(&self) {
        self.0.lock().open -= 1;
    }

    /// Without power nothing ends.
    pub(crate) async fn read(&self) {
        if self.is_off() {
            pending::<()>().await;
        }
    }

    /// A step that changes the disk: goes on with power only. `write` is torn if it is the last.
    pub(crate) async fn step(&self, write: Option<(&Arc<File>, u64, &IoBufs)>) {
        let lost = {
            let mut state = self.0.lock();
            state.steps += 1;
            !state.off && state.until.is_some_and(|until| state.steps >= until)
        };
        if lost {
            if let Some((file, offset, bytes)) = write {
                self.wrote(file, offset, bytes);
            }
            self.lose().await;
        }
        self.read().await;
    }

    /// Notes a write that is not flushed.
    pub(crate) fn wrote(&self, file: &Arc<File>, offset: u64, bytes: &IoBufs) {
        let write = Write { file: Arc::downgrade(file), offset, bytes: bytes.clone() };
        self.0.lock().unflushed.push(write);
    }

    /// Notes a flush of a file.
    pub(crate) fn flushed(&self, file: &Arc<File>) {
        let file = Arc::as_ptr(file);
        self.0.lock().unflushed.retain(|write| !std::ptr::eq(write.file.as_ptr(), file));
    }

    /// Notes a write that was flushed by itself: an older one in its place can no longer come out over it.
    pub(crate) fn flushed_range(&self, file: &Arc<File>, offset: u64, length: u64) {
        let file = Arc::as_ptr(file);
        self.0.lock().unflushed.retain(|write| {
            let end = write.offset + write.bytes.len() as u64;
            !std::ptr::eq(write.file.as_ptr(), file) || end <= offset || offset + length <= write.offset
        });
    }

    /// Turns power off. What was not flushed is torn.
    pub(crate) async fn lose(&self) {
        let (writes, mut chance) = {
            let mut state = self.0.lock();
            if state.off {
                return;
            }
            state.off = true;
            let next = state.chance.next();
            (std::mem::take(&mut state.unflushed), Chance(next))
        };
        for write in writes {
            let Some(file) = write.file.upgrade() else { continue };
            let bytes = write.bytes.coalesce();
            for (from, to) in chance.kept(bytes.len()) {
                let kept = bytes.slice(from..to);
                // A file that was removed in the meantime may refuse.
                let _ = file.write_at(write.offset + from as u64, kept, WriteOptions::SYNC).await;
            }
        }
    }
}

/// Draws from a seed (SplitMix64, Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Which parts of a write of this length are kept.
    fn kept(&mut self, length: usize) -> Vec<(usize, usize)> {
        if length == 0 {
            return Vec::new();
        }
        let cut = |chance: &mut Self| (chance.next() % (length as u64 + 1)) as usize;
        match self.next() % 10 {
            0..3 => Vec::new(),
            3..6 => vec![(0, length)],
            6..8 => {
                let cut = cut(self);
                if cut == 0 { Vec::new() } else { vec![(0, cut)] }
            }
            _ => {
                // Pieces of 1 to 64 bytes, each kept or not.
                let mut pieces = Vec::new();
                let mut from = 0;
                while from < length && pieces.len() < 256 {
                    let to = (from + 1 + (self.next() % 64) as usize).min(length);
                    if self.next().is_multiple_of(2) {
                        pieces.push((from, to));
                    }
                    from = to;
                }
                pieces
            }
        }
    }
}
