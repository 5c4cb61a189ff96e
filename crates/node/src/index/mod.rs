//! The read model: what people ask about, in SQLite beside the chain.
//!
//! Made of final blocks alone, block by block, each exactly once; deleted, it comes back the same. It holds no rules: which transactions,
//! events and objects there are and where, never what is in force. That is read from the state, which can prove it.
//!
//! ```text
//!  engine.blocks(height + 1) --> Follower (a thread) --> Writer: one SQLite transaction for some blocks
//!                                      |                     |
//!               watch of the height, events, waiters      index.sqlite (WAL)
//!                                                            |
//!                                       Index (any thread) <-+-- a few read-only connections
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | the tables, and when they are made anew | [`schema`] |
//! | what a block brings | `writer` |
//! | lists and look-ups | `query` |
//! | the task that keeps up | `follower` |

mod facts;
mod follower;
mod list;
mod mention;
mod names;
mod place;
mod query;
mod runs;
pub mod schema;
mod waiters;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock},
};

use medveil_ledger::{ChainId, Digest};
use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot, watch};

use crate::Rules;

pub(crate) use follower::Follower;
pub use place::Place;
pub use query::{
    BlockRow, EventFilter, EventRow, ObjectFilter, ObjectRow, Page, Times, TransactionFilter, TransactionRow,
};
pub use writer::BlockEvents;

use names::Names;
use runs::Recents;
use waiters::Waiters;
use writer::Writer;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file is one of another chain.
    #[error("the index is of the chain {found}, not of {expected}")]
    OtherChain {
        /// The chain that the file names.
        found: ChainId,
        /// The node's chain.
        expected: ChainId,
    },
    /// The database says no.
    #[error("the index cannot be used: {0}")]
    Database(#[from] rusqlite::Error),
    /// The folder cannot be used, or a thread cannot be had.
    #[error("the index cannot be used: {0}")]
    System(#[from] std::io::Error),
    /// A block does not follow what is indexed.
    #[error("block {found} does not follow the indexed height {height}")]
    Gap {
        /// The height indexed.
        height: u64,
        /// The block's height.
        found: u64,
    },
    /// A final block holds something that this software cannot read.
    #[error("block {height} has a {what} at {index} that cannot be read")]
    Unreadable {
        /// The block.
        height: u64,
        /// In which list.
        what: &'static str,
        /// Where in it.
        index: usize,
    },
}

/// The read model of a node. Clones are handles on the same one.
///
/// The look-ups block the calling thread for a moment: in a task, call them in `spawn_blocking`.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    path: PathBuf,
    readers: Mutex<Readers>,
    returned: Condvar,
    names: RwLock<Names>,
    recents: RwLock<Recents>,
    progress: watch::Sender<Progress>,
    events: broadcast::Sender<Arc<BlockEvents>>,
    waiters: Waiters,
}

/// How far the index is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first height of which it knows everything: 1, or where the blocks begin that this node has.
    pub since: u64,
    /// The last height of which it knows everything.
    pub height: u64,
    /// Why it goes no further, if it does not.
    pub halted: Option<String>,
}

#[derive(Default)]
struct Readers {
    idle: Vec<Connection>,
    made: usize,
}

/// Read-only connections at most.
const READERS: usize = 4;

/// Blocks of events that a subscriber may be behind.
const EVENTS: usize = 16;

impl Index {
    /// Opens the index of a chain, or makes it.
    ///
    /// # Errors
    /// [`IndexError::OtherChain`]; and when the file cannot be used.
    pub(crate) fn open(
        path: PathBuf,
        rules: &Rules,
        chain: &medveil_chain::Genesis,
    ) -> Result<(Self, Writer), IndexError> {
        let connection = schema::open(&path, rules, chain)?;
        let names = Names::load(&connection)?;
        let recents = Recents::load(&connection)?;
        let progress = schema::progress(&connection)?;
        let index = Self(Arc::new(Inner {
            path,
            readers: Mutex::default(),
            returned: Condvar::new(),
            names: RwLock::new(names),
            recents: RwLock::new(recents),
            progress: watch::Sender::new(progress),
            events: broadcast::Sender::new(EVENTS),
            waiters: Waiters::default(),
        }));
        let writer = Writer::new(connection, index.clone())?;
        Ok((index, writer))
    }

    /// The last height of which the index knows everything.
    pub fn height(&self) -> u64 {
        self.0.progress.borrow().height
    }

    /// How far the index is.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.0.progress.subscribe()
    }

    /// What happens, block by block, from now on. Who is too slow is told how many blocks passed by; they are in the index.
    pub fn events(&self) -> broadcast::Receiver<Arc<BlockEvents>> {
        self.0.events.subscribe()
    }

    /// Told the place of a transaction once it is indexed, if that is not before this call: look it up after it.
    pub fn wait_for(&self, transaction: Digest) -> oneshot::Receiver<Place> {
        self.0.waiters.add(transaction)
    }

    /// Reads in one snapshot of the database.
    fn read<T>(
        &self,
        query: impl FnOnce(&Connection, &Names) -> rusqlite::Result<T>,
    ) -> Result<T, IndexError> {
        let reader = Reader::take(&self.0)?;
        let connection = reader.connection.as_ref().expect("it is given back when the reader is dropped");
        // Names are never taken back: those that a snapshot uses are known.
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        Ok(query(connection, &names)?)
    }
}

/// A connection on loan.
struct Reader<'a> {
    inner: &'a Inner,
    connection: Option<Connection>,
}

impl<'a> Reader<'a> {
    fn take(inner: &'a Inner) -> Result<Self, IndexError> {
        let mut readers = lock(&inner.readers);
        loop {
            if let Some(connection) = readers.idle.pop() {
                return Ok(Self { inner, connection: Some(connection) });
            }
            if readers.made < READERS {
                let connection = schema::open_reader(&inner.path)?;
                readers.made += 1;
                return Ok(Self { inner, connection: Some(connection) });
            }
            readers = inner.returned.wait(readers).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        lock(&self.inner.readers).idle.extend(self.connection.take());
        self.inner.returned.notify_one();
    }
}

/// A panic of another holder leaves nothing half done in what the index locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
