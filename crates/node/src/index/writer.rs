//! What a block brings to the index.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
};

use medveil_chain::{Block, Bytes};
use medveil_ledger::{
    AccountId, Action, Canonical as _, Digest, Event, Measure, ObjectKind, ObjectRef, OrganisationId,
    Outcome, Receipt, Transaction,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Index, IndexError, Place, facts, mention, runs::RUN};

/// The events of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockEvents {
    /// The block's height.
    pub height: u64,
    /// The block's time in milliseconds since 1970.
    pub time_ms: u64,
    /// In their order.
    pub events: Vec<Event>,
}

/// The one that writes. Whatever it writes is written in whole blocks.
pub(crate) struct Writer {
    connection: Connection,
    index: Index,
    /// Objects met lately, so that busy accounts are not looked up again and again.
    objects: HashMap<ObjectRef, i64>,
    /// Digests that are kept in memory before they are written as a run.
    pub(super) run: usize,
}

/// Objects remembered: about 8 MB.
const OBJECTS: usize = 1 << 16;

impl Writer {
    pub(crate) fn new(connection: Connection, index: Index) -> Result<Self, IndexError> {
        Ok(Self { connection, index, objects: HashMap::new(), run: RUN })
    }

    /// Notes that everything is known from `since` on: the blocks before are not to be had.
    pub(crate) fn skip_to(&mut self, since: u64) -> Result<(), IndexError> {
        self.connection
            .execute("UPDATE state SET since = ?, height = ?", params![integer(since), integer(since - 1)])?;
        self.index.0.progress.send_modify(|progress| {
            progress.since = since;
            progress.height = since - 1;
        });
        Ok(())
    }

    /// Takes blocks that follow each other; those that it has already are passed over. All or nothing, then tells who waits.
    pub(crate) fn apply(&mut self, blocks: &[Arc<Block>]) -> Result<(), IndexError> {
        let mut height = self.index.height();
        let mut told = Vec::with_capacity(blocks.len());
        let mut met = Met::default();
        let transaction = self.connection.transaction()?;
        // INVARIANT: only this thread changes what is recent.
        let full: Vec<bool> = {
            let mut recents = write(&self.index.0.recents);
            recents.both().iter().map(|recent| recent.len() >= self.run).collect()
        };
        for (recent, full) in write(&self.index.0.recents).both().into_iter().zip(&full) {
            if *full {
                recent.write(&transaction)?;
            }
        }
        for block in blocks {
            if block.height() <= height {
                continue;
            }
            if block.height() != height + 1 {
                // What was remembered of this transaction is taken back.
                self.objects.clear();
                return Err(IndexError::Gap { height, found: block.height() });
            }
            height = block.height();
            let result =
                BlockWriter { connection: &transaction, index: &self.index, objects: &mut self.objects }
                    .write(block, &mut met);
            match result {
                Ok(events) => told.push(events),
                Err(error) => {
                    self.objects.clear();
                    return Err(error);
                }
            }
        }
        transaction.prepare_cached("UPDATE state SET height = ?")?.execute([integer(height)])?;
        if let Err(error) = transaction.commit() {
            self.objects.clear();
            return Err(error.into());
        }
        let inner = &self.index.0;
        {
            let mut recents = write(&inner.recents);
            for (recent, full) in recents.both().into_iter().zip(full) {
                if full {
                    recent.clear();
                }
            }
            met.transactions.iter().for_each(|(id, place)| recents.transactions.add(&id.0, *place));
            met.externals.iter().for_each(|(digest, place)| recents.externals.add(digest, *place));
        }
        inner.progress.send_modify(|progress| progress.height = height);
        inner.waiters.tell(&met.transactions);
        for events in told {
            // Nobody listens: nothing is lost.
            let _ = inner.events.send(Arc::new(events));
        }
        if self.objects.len() > OBJECTS {
            self.objects.clear();
        }
        Ok(())
    }

    /// Says why the index goes no further.
    pub(crate) fn halt(&self, reason: String) {
        self.index.0.progress.send_modify(|progress| progress.halted = Some(reason));
    }
}

/// Digests that blocks bring, with their places.
#[derive(Default)]
struct Met {
    transactions: Vec<(Digest, Place)>,
    externals: Vec<([u8; 32], Place)>,
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// The writing of one block.
struct BlockWriter<'a> {
    connection: &'a Connection,
    index: &'a Index,
    objects: &'a mut HashMap<ObjectRef, i64>,
}

impl BlockWriter<'_> {
    fn write(&mut self, block: &Block, met: &mut Met) -> Result<BlockEvents, IndexError> {
        let (header, body) = (block.header(), block.body());
        let height = header.height;
        self.connection
            .prepare_cached(
                "INSERT INTO block (height, time, digest, transactions, events) VALUES (?, ?, ?, ?, ?)",
            )?
            .execute(params![
                integer(height),
                integer(header.time),
                header.digest().as_ref(),
                body.transactions.len() as u32,
                body.events.len() as u32,
            ])?;
        let read = |entries: &[Bytes]| entries.iter().map(|entry| Event::decode(entry)).enumerate().collect();
        let events: Vec<(usize, Result<Event, _>)> = read(&body.events);
        let events = events
            .into_iter()
            .map(|(index, event)| event.map_err(|_| IndexError::Unreadable { height, what: "event", index }))
            .collect::<Result<Vec<Event>, _>>()?;
        let mut next_event = 0;
        for (index, (transaction, receipt)) in body.transactions.iter().zip(&body.receipts).enumerate() {
            let unreadable = |what| move |_| IndexError::Unreadable { height, what, index };
            let transaction = Transaction::decode(transaction).map_err(unreadable("transaction"))?;
            let receipt = Receipt::decode(receipt).map_err(unreadable("receipt"))?;
            let place = Place { height, index: index as u16 };
            let id = transaction.digest();
            // The events of a transaction follow each other, in the order of the transactions.
            let caused = |event: &&Event| event.transaction == Some(id);
            let count = events[next_event..].iter().take_while(caused).count();
            let own = &events[next_event..next_event + count];
            self.transaction(place, &transaction, &receipt, next_event, own)?;
            let about = mention::of_action(&transaction.body().action);
            for (event, number) in own.iter().zip(next_event..) {
                let place = Place { height, index: number as u16 };
                self.event(place, event, Some(index as u32), met)?;
                self.mention(place, event, &about)?;
            }
            next_event += count;
            met.transactions.push((id, place));
        }
        for (event, number) in events[next_event..].iter().zip(next_event..) {
            self.event(Place { height, index: number as u16 }, event, None, met)?;
        }
        Ok(BlockEvents { height, time_ms: header.time, events })
    }

    fn transaction(
        &mut self,
        place: Place,
        transaction: &Transaction,
        receipt: &Receipt,
        first_event: usize,
        events: &[Event],
    ) -> Result<(), IndexError> {
        let body = transaction.body();
        let organisation = events.iter().find_map(|event| event.organisation);
        let account = self.object(&ObjectRef::account(body.account), organisation, place)?;
        let organisation = self.organisation(organisation)?;
        let refusal = match &receipt.outcome {
            Outcome::Applied => None,
            Outcome::Refused(refusal) => Some(self.name(&refusal.name)?),
        };
        let action = self.name(body.action.spec().name)?;
        let id = transaction.digest();
        self.connection
            .prepare_cached(
                "INSERT INTO tx (place, id, account, organisation, action, refusal, first_event, events) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                place, id.0, account, organisation, action, refusal, first_event as u32, events.len() as u32
            ])?;
        if let Action::GovernancePropose(propose) = &body.action
            && let Measure::AdmitOrganisation(admit) = &propose.measure
            && refusal.is_none()
        {
            let organisation = self.name(admit.organisation.as_str())?;
            for key in &admit.administrators {
                let account = AccountId::derive(body.chain, key);
                self.connection
                    .prepare_cached("INSERT INTO nominee (organisation, account) VALUES (?, ?)")?
                    .execute(params![organisation, account.0])?;
            }
        }
        Ok(())
    }

    fn event(
        &mut self,
        place: Place,
        event: &Event,
        transaction: Option<u32>,
        met: &mut Met,
    ) -> Result<(), IndexError> {
        let kind = self.name(&event.kind)?;
        let actor = match event.actor {
            Some(actor) => Some(self.object(&ObjectRef::account(actor), event.organisation, place)?),
            None => None,
        };
        let is_itself = event.object.kind == ObjectKind::Transaction
            && event.transaction.is_some_and(|id| id.0 == event.object.id);
        let (object, external) = match event.object.kind {
            ObjectKind::External => {
                met.externals.push((event.object.id, place));
                (None, Some(event.object.id))
            }
            _ if is_itself => (None, None),
            _ => (Some(self.object(&event.object, event.organisation, place)?), None),
        };
        let organisation = self.organisation(event.organisation)?;
        let mut bytes = Vec::with_capacity(128);
        for fact in &event.facts {
            facts::write(self.name(&fact.name)?, &fact.value, &mut bytes);
        }
        self.connection
            .prepare_cached(
                "INSERT INTO event (place, kind, tx, actor, organisation, object, external, facts) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![place, kind, transaction, actor, organisation, object, external, bytes])?;
        if event.kind == "organisation.admitted"
            && let Some(admitted) = event.object.as_organisation()
        {
            self.admit(admitted, place)?;
        }
        Ok(())
    }

    /// Notes what an event is about beside its object. What nobody has met is no object: a digest that a request names.
    fn mention(&mut self, place: Place, event: &Event, about: &[ObjectRef]) -> Result<(), IndexError> {
        let mut all: Vec<ObjectRef> = about.iter().copied().chain(mention::of_event(event)).collect();
        all.sort_unstable();
        all.dedup();
        for object in all.into_iter().filter(|object| *object != event.object) {
            let known = match self.objects.get(&object) {
                Some(number) => Some(*number),
                None => find_object(self.connection, &object)?,
            };
            if let Some(number) = known {
                self.connection
                    .prepare_cached("INSERT INTO mention (object, place) VALUES (?, ?)")?
                    .execute(params![number, place])?;
            }
        }
        Ok(())
    }

    /// The administrators of an organisation that is admitted have accounts from here on; no event names them.
    fn admit(&mut self, organisation: OrganisationId, place: Place) -> Result<(), IndexError> {
        let number = self.name(organisation.as_str())?;
        let accounts: Vec<[u8; 32]> = self
            .connection
            .prepare_cached("SELECT DISTINCT account FROM nominee WHERE organisation = ?")?
            .query_map([number], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        self.connection.execute("DELETE FROM nominee WHERE organisation = ?", [number])?;
        for account in accounts {
            self.object(&ObjectRef::account(AccountId(account)), Some(organisation), place)?;
        }
        Ok(())
    }

    /// The number of an object, which is met here for the first time or was before.
    fn object(
        &mut self,
        object: &ObjectRef,
        organisation: Option<OrganisationId>,
        place: Place,
    ) -> Result<i64, IndexError> {
        if let Some(number) = self.objects.get(object) {
            return Ok(*number);
        }
        let known = find_object(self.connection, object)?;
        let number = match known {
            Some(number) => number,
            None => {
                // An organisation belongs to itself, anything else to whoever brought it.
                let organisation = self.organisation(object.as_organisation().or(organisation))?;
                self.connection
                    .prepare_cached(
                        "INSERT INTO object (kind, ref, organisation, place) VALUES (?, ?, ?, ?)",
                    )?
                    .execute(params![object.kind as u8, object.id, organisation, place])?;
                let number = self.connection.last_insert_rowid();
                self.connection
                    .prepare_cached("INSERT INTO object_hash (hash, object) VALUES (?, ?)")?
                    .execute(params![hash(object), number])?;
                number
            }
        };
        self.objects.insert(*object, number);
        Ok(number)
    }

    fn organisation(&mut self, organisation: Option<OrganisationId>) -> Result<Option<i64>, IndexError> {
        organisation.map(|organisation| self.name(organisation.as_str())).transpose()
    }

    /// The number of a name.
    fn name(&mut self, text: &str) -> Result<i64, IndexError> {
        let names = &self.index.0.names;
        let known = names.read().unwrap_or_else(PoisonError::into_inner).number(text);
        if let Some(number) = known {
            return Ok(number);
        }
        let mut names = names.write().unwrap_or_else(PoisonError::into_inner);
        let number = names.push(text.to_owned());
        self.connection
            .prepare_cached("INSERT INTO name (id, text) VALUES (?, ?)")?
            .execute(params![number, text])?;
        Ok(number)
    }
}

/// The number of an object, if the index has met it.
pub(super) fn find_object(connection: &Connection, object: &ObjectRef) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT object.id FROM object_hash JOIN object ON object.id = object_hash.object
             WHERE object_hash.hash = ? AND object.kind = ? AND object.ref = ?",
        )?
        .query_row(params![hash(object), object.kind as u8, object.id], |row| row.get(0))
        .optional()
}

/// A height, a time or a count as the database keeps it. What is above 2^63 does not occur, and reads as that.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that tells objects apart well enough; equal ones are compared in full. Names have their letters in front, numbers at the end.
pub(super) fn hash(object: &ObjectRef) -> i64 {
    let (words, _) = object.id.as_chunks::<8>();
    let start = object.kind as u64;
    words.iter().fold(start, |hash, word| {
        (hash.rotate_left(23) ^ u64::from_be_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }) as i64
}
