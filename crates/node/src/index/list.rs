//! How lists are asked for: statements, spans, rows.

use std::borrow::Cow;
use std::fmt::Write as _;

use medveil_ledger::{AccountId, Digest, Event, ObjectKind, ObjectRef};
use rusqlite::{
    Connection, OptionalExtension as _, Row, params,
    types::{Type, Value},
};

use super::names::Names;
use super::query::{BlockRow, EventFilter, EventRow, Times, TransactionRow};
use super::runs::{self, Kind};
use super::writer::{find_object, integer};
use super::{Place, facts};

pub(super) const TRANSACTION: &str = "SELECT tx.id, tx.place, block.time, account.ref, tx.organisation, tx.action, tx.refusal, tx.first_event, tx.events
    FROM tx JOIN object AS account ON account.id = tx.account JOIN block ON block.height = tx.place >> 16";

pub(super) const EVENT: &str = "SELECT event.place, block.time, event.kind, tx.id, actor.ref, event.organisation, object.kind, object.ref, event.external, event.facts
    FROM event JOIN block ON block.height = event.place >> 16
    LEFT JOIN tx ON event.tx IS NOT NULL AND tx.place = (event.place & ~65535) + event.tx
    LEFT JOIN object AS actor ON actor.id = event.actor LEFT JOIN object ON object.id = event.object";

/// Events that an account caused: by its transactions, whose order is that of their events.
pub(super) const ACTOR_EVENT: &str = "SELECT event.place, block.time, event.kind, tx.id, actor.ref, event.organisation, object.kind, object.ref, event.external, event.facts
    FROM tx CROSS JOIN event ON event.place >= (tx.place & ~65535) + tx.first_event AND event.place < (tx.place & ~65535) + tx.first_event + tx.events
    JOIN block ON block.height = event.place >> 16
    LEFT JOIN object AS actor ON actor.id = event.actor LEFT JOIN object ON object.id = event.object";

/// Events that are about something beside their object.
pub(super) const MENTION_EVENT: &str = "SELECT event.place, block.time, event.kind, tx.id, actor.ref, event.organisation, object.kind, object.ref, event.external, event.facts
    FROM mention CROSS JOIN event ON event.place = mention.place JOIN block ON block.height = event.place >> 16
    LEFT JOIN tx ON event.tx IS NOT NULL AND tx.place = (event.place & ~65535) + event.tx
    LEFT JOIN object AS actor ON actor.id = event.actor LEFT JOIN object ON object.id = event.object";

/// Events about something outside of the ledger, the beginning of whose digest is the first value. Runs are in the order of places.
pub(super) const EXTERNAL_EVENT: &str = "SELECT event.place, block.time, event.kind, tx.id, actor.ref, event.organisation, NULL, NULL, event.external, event.facts
    FROM run CROSS JOIN run_entry ON run_entry.run = run.id AND run_entry.hash = ?
    CROSS JOIN event ON event.place = run_entry.place JOIN block ON block.height = event.place >> 16
    LEFT JOIN tx ON event.tx IS NOT NULL AND tx.place = (event.place & ~65535) + event.tx
    LEFT JOIN object AS actor ON actor.id = event.actor";

/// A statement under construction: conditions, and the values for them. Nothing that anybody wrote gets into its text.
pub(super) struct List {
    sql: String,
    key: &'static str,
    order: &'static str,
    /// A column that orders before the key.
    pub(super) order_before: &'static str,
    pub(super) values: Vec<Value>,
    conditions: usize,
}

impl List {
    pub(super) fn new(select: &str, key: &'static str) -> Self {
        let (sql, order, order_before) = (select.to_owned(), "DESC", "");
        Self { sql, key, order, order_before, values: Vec::new(), conditions: 0 }
    }

    /// What events are narrowed by, but for their object and time.
    pub(super) fn events(
        &mut self,
        connection: &Connection,
        names: &Names,
        filter: &EventFilter,
    ) -> rusqlite::Result<()> {
        self.equal("event.kind", number(names, filter.kind.as_deref()));
        self.equal("event.organisation", number(names, filter.organisation.as_ref().map(|o| o.as_str())));
        if let Some(actor) = filter.actor {
            let actor = find_object(connection, &ObjectRef::account(actor))?;
            self.equal("event.actor", Some(actor.unwrap_or(0)));
        }
        Ok(())
    }

    pub(super) fn condition(&mut self, condition: &str) {
        let word = if self.conditions == 0 { "WHERE" } else { "AND" };
        write!(self.sql, " {word} {condition}").expect("writing into memory does not fail");
        self.conditions += 1;
    }

    pub(super) fn bound(&mut self, comparison: &str, value: impl Into<Value>) {
        self.condition(&format!("{comparison}?"));
        self.values.push(value.into());
    }

    pub(super) fn equal(&mut self, column: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.bound(&format!("{column} = "), number);
        }
    }

    pub(super) fn span(&mut self, span: Span) {
        let key = self.key;
        self.order = if span.ascending { "ASC" } else { "DESC" };
        if let Some(after) = span.after {
            self.bound(&format!("{key} > "), after.number());
        }
        if let Some(before) = span.before {
            self.bound(&format!("{key} < "), before.number());
        }
    }

    /// Only transactions of blocks in which a span has something.
    pub(super) fn transactions_around(&mut self, span: Span) {
        if let Some(after) = span.after {
            self.bound("tx.place >= ", Place::first(after.height).number());
        }
        if let Some(before) = span.before {
            self.bound("tx.place <= ", Place { index: u16::MAX, ..before }.number());
        }
    }

    pub(super) fn query<T>(
        mut self,
        connection: &Connection,
        limit: u32,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let (key, order) = (self.key, self.order);
        let before = match self.order_before {
            "" => String::new(),
            column => format!("{column} {order}, "),
        };
        write!(self.sql, " ORDER BY {before}{key} {order} LIMIT {limit}")
            .expect("writing into memory does not fail");
        let mut statement = connection.prepare_cached(&self.sql)?;
        statement.query_map(rusqlite::params_from_iter(&self.values), row)?.collect()
    }
}

/// A part of a list: after a place, before a place, in an order.
#[derive(Clone, Copy)]
pub(super) struct Span {
    after: Option<Place>,
    before: Option<Place>,
    pub(super) ascending: bool,
}

impl Span {
    /// The newest first, before a place.
    pub(super) fn before(before: Option<Place>) -> Self {
        Self { after: None, before, ascending: false }
    }

    /// The oldest first, after a place.
    pub(super) fn after(after: Place) -> Self {
        Self { after: Some(after), before: None, ascending: true }
    }

    /// Only what is in blocks of a time.
    pub(super) fn within(mut self, connection: &Connection, times: Times) -> rusqlite::Result<Self> {
        if times != Times::default() {
            let (from, to) = heights(connection, times)?;
            let last_before = (from > 0).then(|| Place { height: from - 1, index: u16::MAX });
            self.after = self.after.max(last_before);
            let end = Place::first(to);
            self.before = Some(self.before.map_or(end, |before| before.min(end)));
        }
        Ok(self)
    }

    pub(super) fn has(&self, place: Place) -> bool {
        self.after.is_none_or(|after| place > after) && self.before.is_none_or(|before| place < before)
    }
}

/// The place of a transaction: one of the `recent` ones, or in the runs.
pub(super) fn find_transaction(
    connection: &Connection,
    recent: &[Place],
    id: Digest,
) -> rusqlite::Result<Option<Place>> {
    let mut is_it = connection.prepare_cached("SELECT 1 FROM tx WHERE place = ? AND id = ?")?;
    for place in recent {
        if is_it.exists(params![place, id.0])? {
            return Ok(Some(*place));
        }
    }
    for place in runs::find(connection, Kind::Transaction, &id.0)? {
        if is_it.exists(params![place, id.0])? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

pub(super) fn transaction_at(
    connection: &Connection,
    names: &Names,
    place: Place,
) -> rusqlite::Result<Option<TransactionRow>> {
    let mut statement = connection.prepare_cached(&format!("{TRANSACTION} WHERE tx.place = ?"))?;
    statement.query_row([place], |row| transaction_row(row, names)).optional()
}

pub(super) fn event_at(
    connection: &Connection,
    names: &Names,
    place: Place,
) -> rusqlite::Result<Option<EventRow>> {
    let mut statement = connection.prepare_cached(&format!("{EVENT} WHERE event.place = ?"))?;
    statement.query_row([place], |row| event_row(row, names)).optional()
}

/// The number of a name that is asked for; 0, which none has, if the index has never met it.
pub(super) fn number(names: &Names, text: Option<&str>) -> Option<i64> {
    text.map(|text| names.number(text).unwrap_or(0))
}

/// Heights of the blocks of a time: from, up to but without. Times rise with heights.
pub(super) fn heights(connection: &Connection, times: Times) -> rusqlite::Result<(u64, u64)> {
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

pub(super) fn block_row(row: &Row<'_>) -> rusqlite::Result<BlockRow> {
    Ok(BlockRow {
        height: unsigned(row, 0)?,
        time_ms: unsigned(row, 1)?,
        digest: Digest(row.get(2)?),
        transactions: row.get(3)?,
        events: row.get(4)?,
    })
}

pub(super) fn transaction_row(row: &Row<'_>, names: &Names) -> rusqlite::Result<TransactionRow> {
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

pub(super) fn event_row(row: &Row<'_>, names: &Names) -> rusqlite::Result<EventRow> {
    let place: Place = row.get(0)?;
    let transaction = row.get::<_, Option<[u8; 32]>>(3)?.map(Digest);
    let external = row.get::<_, Option<[u8; 32]>>(8)?.map(Digest);
    let object = match (row.get::<_, Option<u8>>(6)?, external, transaction) {
        (Some(kind), _, _) => object_ref(6, kind, row.get(7)?)?,
        (None, Some(external), _) => ObjectRef::external(external),
        (None, None, Some(transaction)) => ObjectRef::transaction(transaction),
        (None, None, None) => return Err(unreadable(6, Type::Null)),
    };
    let bytes = row.get_ref(9)?.as_blob()?;
    let event = Event {
        kind: Cow::Owned(names.text(row.get(2)?).to_owned()),
        height: place.height,
        transaction,
        actor: row.get::<_, Option<[u8; 32]>>(4)?.map(AccountId),
        organisation: names.organisation(row.get(5)?),
        object,
        facts: facts::read(bytes, names).ok_or_else(|| unreadable(9, Type::Blob))?,
    };
    Ok(EventRow { place, time_ms: unsigned(row, 1)?, event })
}

pub(super) fn object_ref(column: usize, kind: u8, id: [u8; 32]) -> rusqlite::Result<ObjectRef> {
    let kind = ObjectKind::ALL.iter().find(|known| **known as u8 == kind);
    let kind = *kind.ok_or_else(|| unreadable(column, Type::Integer))?;
    Ok(ObjectRef { kind, id })
}

fn unreadable(column: usize, found: Type) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, "written by other software".to_owned(), found)
}
