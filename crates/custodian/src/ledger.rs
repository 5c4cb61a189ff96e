//! What custodian and auditor read of the ledger, and how a custodian acts on it.
//!
//! Only what is final is seen here. The node implements these traits over its engine, tests over the rules alone.

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
    read(ledger, &R::version_key(id, number))
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

fn read<R: Record>(ledger: &dyn Reader, key: &Key) -> Result<Option<Versioned<R>>, LedgerError> {
    let decode = |bytes: Vec<u8>| {
        Versioned::decode(&bytes).map_err(|error| LedgerError(format!("a record that is none: {error}")))
    };
    ledger.get(key)?.map(decode).transpose()
}
