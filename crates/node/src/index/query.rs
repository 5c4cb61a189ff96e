//! Lists and look-ups.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use medveil_ledger::{AccountId, Digest, Event, ObjectKind, ObjectRef, OrganisationId};
use rusqlite::{OptionalExtension as _, params};

use super::list::{
    ACTOR_EVENT, EVENT, EXTERNAL_EVENT, List, MENTION_EVENT, Span, TRANSACTION, block_row, event_at,
    event_row, find_transaction, heights, number, object_ref, transaction_at, transaction_row, unsigned,
};
use super::runs::{Kind, short};
use super::writer::{find_object, integer};
use super::{Index, IndexError, Place};

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
    /// That happened to an object.
    pub object: Option<ObjectRef>,
    /// That happened to an object, or are about it all the same: a request under a contract, an access to a release. [`EventFilter::matches`] does not look at it.
    pub about: Option<ObjectRef>,
    /// By an account.
    pub actor: Option<AccountId>,
    /// In blocks of a time.
    pub times: Times,
}

impl EventFilter {
    /// Whether an event is among those asked for. The time and what else it is about are not looked at.
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
        let recent = self.recent_transactions(id);
        self.read(|connection, names| match find_transaction(connection, &recent, id)? {
            Some(place) => transaction_at(connection, names, place),
            None => Ok(None),
        })
    }

    /// The transaction at a place.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn transaction_at(&self, place: Place) -> Result<Option<TransactionRow>, IndexError> {
        self.read(|connection, names| transaction_at(connection, names, place))
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
            // Few are refused: they have an index of their own, which is not taken by itself.
            let select = match filter.refused == Some(true) && filter.account.is_none() {
                true => TRANSACTION.replace("FROM tx ", "FROM tx INDEXED BY tx_refused "),
                false => TRANSACTION.to_owned(),
            };
            let mut list = List::new(&select, "tx.place");
            list.span(Span::before(page.before).within(connection, filter.times)?);
            let account = match filter.account {
                Some(account) => find_object(connection, &ObjectRef::account(account))?.map_or(Some(0), Some),
                None => None,
            };
            list.equal("tx.account", account);
            list.equal("tx.organisation", number(names, filter.organisation.as_ref().map(|o| o.as_str())));
            list.equal("tx.action", number(names, filter.action.as_deref()));
            match filter.refused {
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
        self.read(|connection, names| event_at(connection, names, place))
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
        self.events_in(filter, Span::before(page.before), page.limit)
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
        self.events_in(filter, Span::after(after), limit)
    }

    fn events_in(&self, filter: &EventFilter, span: Span, limit: u32) -> Result<Vec<EventRow>, IndexError> {
        if let Some(about) = filter.about {
            let own = EventFilter { object: Some(about), about: None, ..filter.clone() };
            let mut rows = self.events_in(&own, span, limit)?;
            rows.extend(self.mentions(filter, about, span, limit)?);
            rows.sort_unstable_by_key(|row| row.place);
            if !span.ascending {
                rows.reverse();
            }
            rows.truncate(limit as usize);
            return Ok(rows);
        }
        match filter.object {
            Some(object) if object.kind == ObjectKind::External => {
                self.external_events(filter, object, span, limit)
            }
            Some(object) if object.kind == ObjectKind::Transaction => {
                self.refusals(filter, Digest(object.id), span, limit)
            }
            _ => self.read(|connection, names| {
                let span = span.within(connection, filter.times)?;
                let mut list = match filter.actor {
                    Some(actor) => {
                        let mut list = List::new(ACTOR_EVENT, "event.place");
                        list.order_before = "tx.place";
                        let actor = find_object(connection, &ObjectRef::account(actor))?;
                        list.equal("tx.account", Some(actor.unwrap_or(0)));
                        list.transactions_around(span);
                        list
                    }
                    None => List::new(EVENT, "event.place"),
                };
                list.events(connection, names, filter)?;
                if let Some(object) = &filter.object {
                    list.equal("event.object", Some(find_object(connection, object)?.unwrap_or(0)));
                    // The index has those events only.
                    list.condition("event.object > 0");
                }
                list.span(span);
                list.query(connection, limit, |row| event_row(row, names))
            }),
        }
    }

    /// Events that are about an object and happened to another.
    fn mentions(
        &self,
        filter: &EventFilter,
        about: ObjectRef,
        span: Span,
        limit: u32,
    ) -> Result<Vec<EventRow>, IndexError> {
        self.read(|connection, names| {
            let span = span.within(connection, filter.times)?;
            let mut list = List::new(MENTION_EVENT, "mention.place");
            list.equal("mention.object", Some(find_object(connection, &about)?.unwrap_or(0)));
            list.events(connection, names, filter)?;
            list.span(span);
            list.query(connection, limit, |row| event_row(row, names))
        })
    }

    /// A transaction is the object of the event that it was refused, its only one.
    fn refusals(
        &self,
        filter: &EventFilter,
        id: Digest,
        span: Span,
        limit: u32,
    ) -> Result<Vec<EventRow>, IndexError> {
        let recent = self.recent_transactions(id);
        self.read(|connection, names| {
            let span = span.within(connection, filter.times)?;
            let Some(place) = find_transaction(connection, &recent, id)? else { return Ok(Vec::new()) };
            let Some(row) = transaction_at(connection, names, place)? else { return Ok(Vec::new()) };
            let place = Place { index: row.first_event, ..place };
            let event = event_at(connection, names, place)?;
            let asked = |event: &EventRow| filter.matches(&event.event) && span.has(event.place) && limit > 0;
            Ok(event.filter(asked).into_iter().collect())
        })
    }

    /// Events about something outside of the ledger: in runs up to some place, in memory after it.
    fn external_events(
        &self,
        filter: &EventFilter,
        object: ObjectRef,
        span: Span,
        limit: u32,
    ) -> Result<Vec<EventRow>, IndexError> {
        // The memory is looked at first: what goes from there to a run meanwhile is then found twice, and not missed.
        let mut recent = read(&self.0.recents).externals.find(&object.id);
        self.read(|connection, names| {
            let span = span.within(connection, filter.times)?;
            let mut list = List::new(EXTERNAL_EVENT, "run_entry.place");
            list.order_before = "run.id";
            list.values.push(short(&object.id).into());
            list.equal("run.kind", Some(Kind::External as i64));
            list.bound("event.external = ", object.id.to_vec());
            list.events(connection, names, filter)?;
            list.span(span);
            let mut rows = list.query(connection, limit, |row| event_row(row, names))?;
            recent.retain(|place| span.has(*place) && rows.iter().all(|row| row.place != *place));
            if !span.ascending {
                recent.reverse();
            }
            let mut latest = Vec::new();
            for place in recent {
                if latest.len() == limit as usize {
                    break;
                }
                latest.extend(event_at(connection, names, place)?.filter(|row| filter.matches(&row.event)));
            }
            if span.ascending {
                rows.extend(latest);
            } else {
                latest.extend(rows);
                rows = latest;
            }
            rows.truncate(limit as usize);
            Ok(rows)
        })
    }

    fn recent_transactions(&self, id: Digest) -> Vec<Place> {
        read(&self.0.recents).transactions.find(&id.0)
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
            list.equal("object.kind", Some(i64::from(filter.kind as u8)));
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

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
