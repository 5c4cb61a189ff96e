//! What custodian and auditor read of the ledger, and how a custodian acts on it.
//!
//! Only what is final is seen here. The node implements these traits over its engine, tests over the rules alone.

use std::collections::BTreeMap;

use medveil_ledger::encoding::Canonical as _;
use medveil_ledger::state::Record;
use medveil_ledger::{Action, ChainId, Digest, Event, Key, OrganisationId, Outcome, Versioned};

/// The last final block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its height.
    pub height: u64,
    /// Its time, in milliseconds since 1970.
    pub time_ms: u64,
}

/// The ledger does not answer now; asked again later, it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger does not answer: {0}")]
pub struct LedgerError(pub String);

/// Reads the state after the last final block.
pub trait Reader {
    /// Which chain.
    fn chain(&self) -> ChainId;

    /// The last final block.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn tip(&self) -> Result<Tip, LedgerError>;

    /// The time of a final block, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn time_ms(&self, height: u64) -> Result<u64, LedgerError>;

    /// The bytes under a key; `None` when the state has no such key.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError>;

    /// The bytes under several keys, in their order. A ledger that is asked over a channel answers all at once.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, LedgerError> {
        keys.iter().map(|key| self.get(key)).collect()
    }
}

/// What became of an action, once it was final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The height of its block.
    pub height: u64,
    /// The transaction that carried it.
    pub transaction: Digest,
    /// Whether a rule refused it.
    pub outcome: Outcome,
}

/// A ledger on which a custodian acts for its organisation.
pub trait Ledger: Reader {
    /// The organisation.
    fn organisation(&self) -> OrganisationId;

    /// Final events after the one of this number, in order, at most `limit`. Numbers rise and are the same after a restart; 0 is before the first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, LedgerError>;

    /// Signs an action with the custodian's account, hands it in and waits until it is final.
    ///
    /// # Errors
    /// [`LedgerError`] when nobody can say what became of it: it may still become final, and the caller looks before it acts again.
    fn act(&self, action: Action) -> Result<Done, LedgerError>;
}

/// The latest version of a record.
///
/// # Errors
/// [`LedgerError`], also for bytes that are no such record.
pub fn latest<R: Record>(ledger: &dyn Reader, id: &R::Id) -> Result<Option<Versioned<R>>, LedgerError> {
    read(ledger, &R::head_key(id))
}

/// A version of a record.
///
/// # Errors
/// [`LedgerError`].
pub fn version<R: Record>(
    ledger: &dyn Reader,
    id: &R::Id,
    number: u64,
) -> Result<Option<Versioned<R>>, LedgerError> {
    if let Some(found) = read(ledger, &R::version_key(id, number))? {
        return Ok(Some(found));
    }
    // The latest may be under the head alone.
    Ok(latest::<R>(ledger, id)?.filter(|found| found.version == number))
}

/// The version of a record that was in force at a height, however many came later: the past of the ledger does not change.
///
/// # Errors
/// [`LedgerError`].
pub fn at<R: Record>(
    ledger: &dyn Reader,
    id: &R::Id,
    height: u64,
) -> Result<Option<Versioned<R>>, LedgerError> {
    let mut found = latest::<R>(ledger, id)?;
    while let Some(later) = found.as_ref().filter(|found| found.height > height) {
        found = match later.version {
            1 => None,
            number => version::<R>(ledger, id, number - 1)?,
        };
    }
    Ok(found)
}

/// A ledger of which some values have been read at once. They may be older than its tip: for questions about the past, which does not change.
pub(crate) struct Prefetched<'a> {
    ledger: &'a dyn Reader,
    known: BTreeMap<Key, Option<Vec<u8>>>,
}

/// Values that are asked for at once.
const CHUNK: usize = 1024;

impl<'a> Prefetched<'a> {
    pub(crate) fn new(ledger: &'a dyn Reader) -> Self {
        Prefetched { ledger, known: BTreeMap::new() }
    }

    /// Reads what is under keys.
    pub(crate) fn load(&mut self, keys: impl IntoIterator<Item = Key>) -> Result<(), LedgerError> {
        let keys: Vec<Key> = keys.into_iter().collect();
        for keys in keys.chunks(CHUNK) {
            self.known.extend(keys.iter().copied().zip(self.ledger.get_all(keys)?));
        }
        Ok(())
    }
}

impl Reader for Prefetched<'_> {
    fn chain(&self) -> ChainId {
        self.ledger.chain()
    }

    fn tip(&self) -> Result<Tip, LedgerError> {
        self.ledger.tip()
    }

    fn time_ms(&self, height: u64) -> Result<u64, LedgerError> {
        self.ledger.time_ms(height)
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, LedgerError> {
        match self.known.get(key) {
            Some(known) => Ok(known.clone()),
            None => self.ledger.get(key),
        }
    }
}

fn read<R: Record>(ledger: &dyn Reader, key: &Key) -> Result<Option<Versioned<R>>, LedgerError> {
    let decode = |bytes: Vec<u8>| {
        Versioned::decode(&bytes).map_err(|error| LedgerError(format!("a record that is none: {error}")))
    };
    ledger.get(key)?.map(decode).transpose()
}
