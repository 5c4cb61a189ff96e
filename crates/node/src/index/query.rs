//! Lists and look-ups.

use std::borrow::Cow;
use std::fmt::Write as _;

use medveil_ledger::{AccountId, Digest, Event, ObjectKind, ObjectRef, OrganisationId};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params, types::Type};

use super::names::Names;
use super::writer::{find_object, integer, short};
use super::{Index, IndexError, Place, facts};

/// A block as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// The height; 0 is the genesis.
    pub height: u64,
    /// The header's time in milliseconds since 1970.
    pub time_ms: u64,
    /// The digest of the header.
    pub digest: Digest,
    /// Transactions in it.
    pub transactions: u32,
    /// Events in it.
    pub events: u32,
}

/// A transaction as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRow {
    /// The id.
    pub id: Digest,
    /// Where it is.
    pub place: Place,
    /// The block's time in milliseconds since 1970.
    pub time_ms: u64,
    /// Who asked.
    pub account: AccountId,
    /// The organisation that answers for it.
    pub organisation: Option<OrganisationId>,
    /// The name of the action.
    pub action: String,
    /// The name of the reason, if a rule refused it.
    pub refusal: Option<String>,
    /// The index of its first event in the block.
    pub first_event: u16,
    /// How many events it caused.
    pub events: u16,
}

/// An event with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Where it is.
    pub place: Place,
    /// The block's time in milliseconds since 1970.
    pub time_ms: u64,
    /// The event, as the chain has it.
    pub event: Event,
}

/// Something that the state has, or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    /// Its number in the index: later ones are newer.
    pub number: i64,
    /// What it is.
    pub object: ObjectRef,
    /// The organisation that brought it.
    pub organisation: Option<OrganisationId>,
    /// The block in which it was first met.
    pub height: u64,
    /// That block's time in milliseconds since 1970.
    pub time_ms: u64,
}

/// A span of time, in milliseconds since 1970: from, and up to but without, what is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Not before.
    pub from: Option<u64>,
    /// Before.
    pub to: Option<u64>,
}

/// A part of a list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Only what is older than this.
    pub before: Option<T>,
    /// How many at most.
    pub limit: u32,
}

/// Which transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// Of an account.
    pub account: Option<AccountId>,
    /// Of an organisation.
    pub organisation: Option<OrganisationId>,
    /// Asking for an action.
    pub action: Option<String>,
    /// Refused, or not.
    pub refused: Option<bool>,
    /// In blocks of a time.
    pub times: Times,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of a kind.
    pub kind: Option<String>,
    /// Of an organisation.
    pub organisation: Option<OrganisationId>,
    /// About an object.
    pub object: Option<ObjectRef>,
    /// By an account.
    pub actor: Option<AccountId>,
    /// In blocks of a time.
    pub times: Times,
}

impl EventFilter {
    /// Whether an event is among those asked for. The time is not looked at.
    pub fn matches(&self, event: &Event) -> bool {
        self.kind.as_deref().is_none_or(|kind| event.kind == kind)
            && self.organisation.is_none_or(|organisation| event.organisation == Some(organisation))
            && self.object.is_none_or(|object| event.object == object)
            && self.actor.is_none_or(|actor| event.actor == Some(actor))
    }
}

/// Which objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectFilter {
    /// Of a kind that the state keeps.
    pub kind: ObjectKind,
    /// Brought by an organisation.
    pub organisation: Option<OrganisationId>,
    /// First met in blocks of a time.
    pub times: Times,
}

const TRANSACTION: &str = "SELECT tx.id, tx.place, block.time, account.ref, tx.organisation, tx.action, tx.refusal, tx.first_event, tx.events
    FROM tx JOIN object AS account ON account.id = tx.account JOIN block ON block.height = tx.place >> 16";

const EVENT: &str =
    "SELECT event.place, block.time, event.kind, tx.id, actor.ref, event.organisation, object.kind, object.ref, event.facts
    FROM event JOIN block ON block.height = event.place >> 16
    LEFT JOIN tx ON event.tx IS NOT NULL AND tx.place = (event.place & ~65535) + event.tx
    LEFT JOIN object AS actor ON actor.id = event.actor LEFT JOIN object ON object.id = event.object";

impl Index {
    /// The block at a height.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn block(&self, height: u64) -> Result<Option<BlockRow>, IndexError> {
        self.read(|connection, _| {
            let sql = "SELECT height, time, digest, transactions, events FROM block WHERE height = ?";
            connection.prepare_cached(sql)?.query_row([integer(height)], block_row).optional()
        })
    }

    /// Blocks, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn blocks(&self, times: Times, page: Page<u64>) -> Result<Vec<BlockRow>, IndexError> {
        self.read(|connection, _| {
            let (from, to) = heights(connection, times)?;
            let to = page.before.map_or(to, |before| to.min(before));
            let sql = "SELECT height, time, digest, transactions, events FROM block
                WHERE height >= ? AND height < ? ORDER BY height DESC LIMIT ?";
            connection
                .prepare_cached(sql)?
                .query_map(params![integer(from), integer(to), page.limit], block_row)?
                .collect()
        })
    }

    /// The transaction with an id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn transaction(&self, id: Digest) -> Result<Option<TransactionRow>, IndexError> {
        self.read(|connection, names| {
            let sql = format!(
                "{TRANSACTION} JOIN tx_hash ON tx_hash.place = tx.place WHERE tx_hash.hash = ? AND tx.id = ?"
            );
            let row = |row: &Row<'_>| transaction_row(row, names);
            connection.prepare_cached(&sql)?.query_row(params![short(&id.0), id.0], row).optional()
        })
    }

    /// The transaction at a place.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn transaction_at(&self, place: Place) -> Result<Option<TransactionRow>, IndexError> {
        self.read(|connection, names| {
            let sql = format!("{TRANSACTION} WHERE tx.place = ?");
            let row = |row: &Row<'_>| transaction_row(row, names);
            connection.prepare_cached(&sql)?.query_row([place], row).optional()
        })
    }

    /// The ids of a block's transactions, in their order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn transaction_ids(&self, height: u64) -> Result<Vec<Digest>, IndexError> {
        self.read(|connection, _| {
            let sql = "SELECT id FROM tx WHERE place >= ? AND place < ? ORDER BY place";
            let (first, end) = (Place::first(height), Place::first(height.saturating_add(1)));
            connection
                .prepare_cached(sql)?
                .query_map(params![first, end], |row| row.get(0).map(Digest))?
                .collect()
        })
    }

    /// Transactions, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn transactions(
        &self,
        filter: &TransactionFilter,
        page: Page<Place>,
    ) -> Result<Vec<TransactionRow>, IndexError> {
        self.read(|connection, names| {
            let mut list = List::new(TRANSACTION, "tx.place");
            list.places(connection, filter.times, page.before)?;
            let account = match filter.account {
                Some(account) => find_object(connection, &ObjectRef::account(account))?.map_or(Some(0), Some),
                None => None,
            };
            list.equal("tx.account", account);
            list.equal("tx.organisation", number(names, filter.organisation.as_ref().map(|o| o.as_str())));
            list.equal("tx.action", number(names, filter.action.as_deref()));
            match filter.refused {
                // The way to its own index.
                Some(true) => list.condition("tx.refusal > 0"),
                Some(false) => list.condition("tx.refusal IS NULL"),
                None => {}
            }
            list.query(connection, page.limit, |row| transaction_row(row, names))
        })
    }

    /// The event at a place.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn event(&self, place: Place) -> Result<Option<EventRow>, IndexError> {
        self.read(|connection, names| {
            let sql = format!("{EVENT} WHERE event.place = ?");
            connection.prepare_cached(&sql)?.query_row([place], |row| event_row(row, names)).optional()
        })
    }

    /// The events of one block from an index on, so many at most.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn events_at(&self, first: Place, count: u16) -> Result<Vec<EventRow>, IndexError> {
        self.read(|connection, names| {
            let sql = format!("{EVENT} WHERE event.place >= ? AND event.place < ? ORDER BY event.place");
            let last = first.number() + i64::from(count);
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_map(params![first, last], |row| event_row(row, names))?.collect()
        })
    }

    /// Events, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn event_list(&self, filter: &EventFilter, page: Page<Place>) -> Result<Vec<EventRow>, IndexError> {
        self.read(|connection, names| {
            let mut list = List::events(connection, names, filter)?;
            list.places(connection, filter.times, page.before)?;
            list.query(connection, page.limit, |row| event_row(row, names))
        })
    }

    /// Events after a place, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn events_after(
        &self,
        filter: &EventFilter,
        after: Place,
        limit: u32,
    ) -> Result<Vec<EventRow>, IndexError> {
        self.read(|connection, names| {
            let mut list = List::events(connection, names, filter)?;
            list.ascending();
            list.places(connection, filter.times, None)?;
            list.bound("event.place > ", after.number());
            list.query(connection, limit, |row| event_row(row, names))
        })
    }

    /// The place after everything that is indexed.
    pub fn end(&self) -> Place {
        Place { height: self.height(), index: u16::MAX }
    }

    /// Objects of a kind, those first that were met last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn objects(&self, filter: ObjectFilter, page: Page<i64>) -> Result<Vec<ObjectRow>, IndexError> {
        self.read(|connection, names| {
            let select =
                "SELECT object.id, object.kind, object.ref, object.organisation, block.height, block.time
                FROM object JOIN block ON block.height = object.place >> 16";
            let mut list = List::new(select, "object.id");
            // Written out, so that the indices of what is on the ledger serve.
            list.condition(&format!("object.kind > 0 AND object.kind = {}", filter.kind as u8));
            list.equal(
                "object.organisation",
                number(names, filter.organisation.as_ref().map(|o| o.as_str())),
            );
            if filter.times != Times::default() {
                let (from, to) = heights(connection, filter.times)?;
                list.bound("object.place >= ", Place::first(from).number());
                list.bound("object.place < ", Place::first(to).number());
            }
            if let Some(before) = page.before {
                list.bound("object.id < ", before);
            }
            list.query(connection, page.limit, |row| {
                Ok(ObjectRow {
                    number: row.get(0)?,
                    object: object_ref(1, row.get(1)?, row.get(2)?)?,
                    organisation: names.organisation(row.get(3)?),
                    height: unsigned(row, 4)?,
                    time_ms: unsigned(row, 5)?,
                })
            })
        })
    }

    /// The time of a block in milliseconds since 1970; `None` if it is not indexed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn time_of(&self, height: u64) -> Result<Option<u64>, IndexError> {
        Ok(self.block(height)?.map(|block| block.time_ms))
    }
}

/// A statement under construction: conditions, and the numbers for them. Nothing that anybody wrote gets into its text.
struct List {
    sql: String,
    key: &'static str,
    order: &'static str,
    numbers: Vec<i64>,
    conditions: usize,
}

impl List {
    fn new(select: &str, key: &'static str) -> Self {
        Self { sql: select.to_owned(), key, order: "DESC", numbers: Vec::new(), conditions: 0 }
    }

    fn events(connection: &Connection, names: &Names, filter: &EventFilter) -> rusqlite::Result<Self> {
        let mut list = Self::new(EVENT, "event.place");
        list.equal("event.kind", number(names, filter.kind.as_deref()));
        list.equal("event.organisation", number(names, filter.organisation.as_ref().map(|o| o.as_str())));
        match filter.object {
            // A transaction is the object of the event that it was refused.
            Some(object) if object.kind == ObjectKind::Transaction => {
                let refused: Option<i64> = connection
                    .prepare_cached(
                        "SELECT (tx.place & ~65535) + tx.first_event FROM tx_hash JOIN tx ON tx.place = tx_hash.place
                         WHERE tx_hash.hash = ? AND tx.id = ? AND tx.refusal > 0",
                    )?
                    .query_row(params![short(&object.id), object.id], |row| row.get(0))
                    .optional()?;
                list.equal("event.place", Some(refused.unwrap_or(-1)));
            }
            Some(object) => list.equal("event.object", Some(find_object(connection, &object)?.unwrap_or(0))),
            None => {}
        }
        if filter.object.is_some_and(|object| object.kind != ObjectKind::Transaction) {
            list.condition("event.object > 0");
        }
        if let Some(actor) = filter.actor {
            let actor = find_object(connection, &ObjectRef::account(actor))?;
            list.equal("event.actor", Some(actor.unwrap_or(0)));
        }
        Ok(list)
    }

    fn ascending(&mut self) {
        self.order = "ASC";
    }

    fn condition(&mut self, condition: &str) {
        let word = if self.conditions == 0 { "WHERE" } else { "AND" };
        write!(self.sql, " {word} {condition}").expect("writing into memory does not fail");
        self.conditions += 1;
    }

    fn bound(&mut self, comparison: &str, number: i64) {
        self.condition(&format!("{comparison}?"));
        self.numbers.push(number);
    }

    fn equal(&mut self, column: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.bound(&format!("{column} = "), number);
        }
    }

    /// Places in blocks of a time, before a place.
    fn places(
        &mut self,
        connection: &Connection,
        times: Times,
        before: Option<Place>,
    ) -> rusqlite::Result<()> {
        let (key, mut end) = (self.key, None);
        if times != Times::default() {
            let (from, to) = heights(connection, times)?;
            self.bound(&format!("{key} >= "), Place::first(from).number());
            end = Some(Place::first(to));
        }
        let end = match (before, end) {
            (Some(before), Some(end)) => Some(before.min(end)),
            (before, end) => before.or(end),
        };
        if let Some(end) = end {
            self.bound(&format!("{key} < "), end.number());
        }
        Ok(())
    }

    fn query<T>(
        mut self,
        connection: &Connection,
        limit: u32,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        write!(self.sql, " ORDER BY {} {} LIMIT {limit}", self.key, self.order)
            .expect("writing into memory does not fail");
        let numbers = self.numbers.iter().map(|number| number as &dyn ToSql);
        let mut statement = connection.prepare_cached(&self.sql)?;
        statement.query_map(rusqlite::params_from_iter(numbers), row)?.collect()
    }
}

/// The number of a name that is asked for; 0, which none has, if the index has never met it.
fn number(names: &Names, text: Option<&str>) -> Option<i64> {
    text.map(|text| names.number(text).unwrap_or(0))
}

/// Heights of the blocks of a time: from, up to but without. Times rise with heights.
fn heights(connection: &Connection, times: Times) -> rusqlite::Result<(u64, u64)> {
    let from = times.from.map_or(Ok(0), |time| first_since(connection, time))?;
    let to = times.to.map_or(Ok(Place::END.height), |time| first_since(connection, time))?;
    Ok((from, to))
}

/// The height of the first block at a time or later.
fn first_since(connection: &Connection, time: u64) -> rusqlite::Result<u64> {
    let last = connection.query_row("SELECT max(height) FROM block", (), |row| unsigned(row, 0))?;
    // Where blocks are missing, the next one tells.
    let mut statement =
        connection.prepare_cached("SELECT time FROM block WHERE height >= ? ORDER BY height LIMIT 1")?;
    let (mut low, mut high) = (0, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let there = statement.query_row([integer(middle)], |row| unsigned(row, 0))?;
        if there >= time {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// A height, a time or a count. INVARIANT: none that is written is negative.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn block_row(row: &Row<'_>) -> rusqlite::Result<BlockRow> {
    Ok(BlockRow {
        height: unsigned(row, 0)?,
        time_ms: unsigned(row, 1)?,
        digest: Digest(row.get(2)?),
        transactions: row.get(3)?,
        events: row.get(4)?,
    })
}

fn transaction_row(row: &Row<'_>, names: &Names) -> rusqlite::Result<TransactionRow> {
    Ok(TransactionRow {
        id: Digest(row.get(0)?),
        place: row.get(1)?,
        time_ms: unsigned(row, 2)?,
        account: AccountId(row.get(3)?),
        organisation: names.organisation(row.get(4)?),
        action: names.text(row.get(5)?).to_owned(),
        refusal: row.get::<_, Option<i64>>(6)?.map(|number| names.text(number).to_owned()),
        first_event: row.get(7)?,
        events: row.get(8)?,
    })
}

fn event_row(row: &Row<'_>, names: &Names) -> rusqlite::Result<EventRow> {
    let place: Place = row.get(0)?;
    let transaction = row.get::<_, Option<[u8; 32]>>(3)?.map(Digest);
    let object = match (row.get::<_, Option<u8>>(6)?, transaction) {
        (Some(kind), _) => object_ref(6, kind, row.get(7)?)?,
        (None, Some(transaction)) => ObjectRef::transaction(transaction),
        (None, None) => return Err(unreadable(6, Type::Null)),
    };
    let bytes = row.get_ref(8)?.as_blob()?;
    let event = Event {
        kind: Cow::Owned(names.text(row.get(2)?).to_owned()),
        height: place.height,
        transaction,
        actor: row.get::<_, Option<[u8; 32]>>(4)?.map(AccountId),
        organisation: names.organisation(row.get(5)?),
        object,
        facts: facts::read(bytes, names).ok_or_else(|| unreadable(8, Type::Blob))?,
    };
    Ok(EventRow { place, time_ms: unsigned(row, 1)?, event })
}

fn object_ref(column: usize, kind: u8, id: [u8; 32]) -> rusqlite::Result<ObjectRef> {
    let kind = ObjectKind::ALL.iter().find(|known| **known as u8 == kind);
    let kind = *kind.ok_or_else(|| unreadable(column, Type::Integer))?;
    Ok(ObjectRef { kind, id })
}

fn unreadable(column: usize, found: Type) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "written by other software".to_owned(), found)
}
