//! State: what the chain knows, as bytes under keys.
//!
//! The rules read a [`Snapshot`] (the state after the parent block) and write into an overlay; nothing is written before a block is final.
//! A snapshot may not have a key at hand: it says [`Missing`], the caller loads the key and asks again. Execution is a pure function, so asking again is safe.
//!
//! Everything that must be provable later is a [`Record`]: each change appends a version, and keeps the one before it for good.
//! See [`key`] for what that proves.

pub mod access;
pub mod account;
pub mod budget;
pub mod certificate;
pub mod challenge;
pub mod charter;
pub mod consent;
pub mod contract;
pub mod coverage;
pub mod custody;
pub mod dataset;
pub mod destruction;
pub mod exposure;
pub mod freeze;
pub mod incident;
pub mod issuer;
pub mod key;
pub mod organisation;
pub mod parameters;
pub mod patient;
pub mod proposal;
pub mod rate;
pub mod release;
pub mod request;
pub mod trail;
pub mod validators;

use std::cell::RefCell;
use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::encoding::Canonical;
use crate::execute::BlockContext;
use key::{Domain, Key};

/// The state after the parent block.
pub trait Snapshot {
    /// The bytes under a key; `None` when the state has no such key.
    ///
    /// # Errors
    /// [`Missing`] when it is not known yet which of the two holds.
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Missing>;
}

/// A key that the snapshot does not have at hand: load it and call again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key {0:?} is not loaded")]
pub struct Missing(pub Key);

impl Snapshot for BTreeMap<Key, Vec<u8>> {
    /// The map is the whole state: what it does not have does not exist.
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Missing> {
        Ok(BTreeMap::get(self, key).map(Vec::as_slice))
    }
}

/// A kind of thing that the state keeps, with its history.
pub trait Record: BorshSerialize + BorshDeserialize {
    /// Where its keys begin.
    const DOMAIN: Domain;
    /// What tells one from another.
    type Id: RecordId;

    /// The key of the latest version: a [`Versioned`] record.
    fn head_key(id: &Self::Id) -> Key {
        key::head(Self::DOMAIN, id)
    }

    /// The key of a version that was replaced, counted from 1: a [`Versioned`] record.
    fn version_key(id: &Self::Id, version: u64) -> Key {
        key::version(Self::DOMAIN, id, version)
    }
}

/// What a record is found by; all ids of one domain have the same number of bytes.
pub trait RecordId {
    /// Appends the id to a key.
    fn write(&self, key: &mut Key);
}

/// One version of a record, never changed once written.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Versioned<T> {
    /// Counted from 1.
    pub version: u64,
    /// The height of the block that made it so.
    pub height: u64,
    /// What holds from then on.
    pub value: T,
}

impl<T> Versioned<T> {
    /// Whether this version was the one in force at a height. `next` is the height at which the next version took effect; `None` if
    /// there is none yet. Both come with a proof: the inclusion of both, or of this one as the head.
    pub fn in_force_at(&self, height: u64, next: Option<u64>) -> bool {
        self.height <= height && next.is_none_or(|next| height < next)
    }
}

/// A point inside a transaction.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

/// The state as a block's transactions see it: a snapshot with the block's writes over it.
pub struct State<'a> {
    snapshot: &'a dyn Snapshot,
    block: BlockContext,
    writes: BTreeMap<Key, Option<Vec<u8>>>,
    /// What the overlay had under the keys that the transaction under way has written.
    undo: Vec<(Key, Option<Option<Vec<u8>>>)>,
    /// Keys that a transaction needs beside the one for which it stopped.
    wanted: RefCell<Vec<Key>>,
}

impl<'a> State<'a> {
    /// The state at the beginning of a block.
    pub fn new(block: BlockContext, snapshot: &'a dyn Snapshot) -> Self {
        State { snapshot, block, writes: BTreeMap::new(), undo: Vec::new(), wanted: RefCell::default() }
    }

    /// The block under way.
    pub fn block(&self) -> &BlockContext {
        &self.block
    }

    /// The latest version of a record.
    pub(crate) fn latest<R: Record>(&self, id: &R::Id) -> Result<Option<Versioned<R>>, Missing> {
        self.read(&R::head_key(id))
    }

    /// Appends the first version of a record. INVARIANT: there is none.
    pub(crate) fn create<R: Record>(&mut self, id: &R::Id, value: R) {
        self.append(id, 1, value);
    }

    /// Appends the version after `before`, which must be the latest.
    pub(crate) fn succeed<R: Record>(&mut self, id: &R::Id, before: u64, value: R) {
        self.append(id, before + 1, value);
    }

    fn append<R: Record>(&mut self, id: &R::Id, version: u64, value: R) {
        let head = R::head_key(id);
        // The head is the latest version itself, so that the current state of a thing takes one read and one proof; what it replaces becomes history.
        if version > 1 {
            let replaced =
                self.bytes(&head).ok().flatten().expect("who appends a version has read the one before");
            let replaced = replaced.to_vec();
            self.write(R::version_key(id, version - 1), replaced);
        }
        self.write(head, Versioned { version, height: self.block.height, value }.encode());
    }

    /// The bytes under a key.
    fn bytes(&self, key: &Key) -> Result<Option<&[u8]>, Missing> {
        match self.writes.get(key) {
            Some(written) => Ok(written.as_deref()),
            None => self.snapshot.get(key.as_ref()),
        }
    }

    /// The value under a key.
    pub(crate) fn read<T: BorshDeserialize + BorshSerialize>(&self, key: &Key) -> Result<Option<T>, Missing> {
        Ok(self
            .bytes(key)?
            .map(|bytes| T::decode(bytes).expect("a record is read as the type that wrote it")))
    }

    /// Sees to it that all of these are at hand: what is missing is asked for at once, instead of one key a pass.
    pub(crate) fn need(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), Missing> {
        let missing: Vec<Key> = keys
            .into_iter()
            .filter(|key| !self.writes.contains_key(key) && self.snapshot.get(key.as_ref()).is_err())
            .collect();
        let Some(first) = missing.first().copied() else { return Ok(()) };
        self.wanted.borrow_mut().extend(missing);
        Err(Missing(first))
    }

    /// The keys that [`State::need`] has asked for since the last call.
    pub(crate) fn take_wanted(&self) -> Vec<Key> {
        self.wanted.take()
    }

    /// Whether there is anything under a key.
    pub(crate) fn has(&self, key: &Key) -> Result<bool, Missing> {
        Ok(self.bytes(key)?.is_some())
    }

    /// Writes a value under a key.
    pub(crate) fn write(&mut self, key: Key, value: Vec<u8>) {
        let before = self.writes.insert(key, Some(value));
        self.undo.push((key, before));
    }

    /// Begins a transaction: what is written from here on can be taken back.
    pub(crate) fn begin(&mut self) {
        self.undo.clear();
    }

    /// A point inside the transaction that can be gone back to.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    /// Takes back what was written since a mark of this transaction.
    pub(crate) fn roll_back(&mut self, mark: Mark) {
        for (key, before) in self.undo.drain(mark.0..).rev() {
            match before {
                Some(value) => self.writes.insert(key, value),
                None => self.writes.remove(&key),
            };
        }
    }

    /// What the block writes.
    pub(crate) fn into_writes(self) -> BTreeMap<Key, Option<Vec<u8>>> {
        self.writes
    }
}

/// Reads of a snapshot outside of any block.
pub(crate) fn latest<R: Record>(
    snapshot: &dyn Snapshot,
    id: &R::Id,
) -> Result<Option<Versioned<R>>, Missing> {
    let bytes = snapshot.get(R::head_key(id).as_ref())?;
    Ok(bytes.map(|bytes| Versioned::decode(bytes).expect("a record is read as the type that wrote it")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ChainId;

    fn block(height: u64) -> BlockContext {
        BlockContext { chain: ChainId([0; 32]), height, epoch: 0, time_ms: 0, epoch_end: false }
    }

    #[test]
    fn what_a_refused_transaction_wrote_is_taken_back() {
        let key = |n: u8| Key::new(&[n]);
        let snapshot = BTreeMap::from([(key(1), 10u64.encode())]);
        let mut state = State::new(block(1), &snapshot);
        state.begin();
        state.write(key(1), 11u64.encode());
        state.begin();
        let mark = state.mark();
        state.write(key(1), 12u64.encode());
        state.write(key(2), 20u64.encode());
        state.write(key(2), 21u64.encode());
        assert_eq!(state.read(&key(2)), Ok(Some(21u64)));
        state.roll_back(mark);
        assert_eq!((state.read(&key(1)), state.read::<u64>(&key(2))), (Ok(Some(11u64)), Ok(None)));
        assert_eq!(state.into_writes(), BTreeMap::from([(key(1), Some(11u64.encode()))]));
    }

    #[test]
    fn a_version_is_in_force_from_its_height_until_the_next() {
        let version = Versioned { version: 2, height: 5, value: () };
        for (height, next, expected) in [
            (4, None, false),
            (5, None, true),
            (9, None, true),
            (7, Some(8), true),
            (8, Some(8), false),
            (5, Some(5), false),
        ] {
            assert_eq!(version.in_force_at(height, next), expected, "{height} {next:?}");
        }
    }
}
