//! From a digest to the places where it occurs.
//!
//! Digests come in no order: a B-tree of them is written all over with every block, and more so the longer the chain is. So the latest are
//! kept in memory, and when there are enough of them they are written as one sorted *run*, which is appended and never touched again. A look-up asks the memory and then each
//! run, the newest first: some microseconds for each [`RUN`] entries of the chain.
//!
//! What is in memory only is not lost: it is read again from the rows after the last run.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::Place;

/// Entries of a run.
pub(crate) const RUN: usize = 1 << 16;

/// Which digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ids of transactions, to their places.
    Transaction = 0,
    /// Things outside of the ledger, to the places of the events about them.
    External = 1,
}

/// The latest digests of a kind.
#[derive(Debug)]
pub(crate) struct Recent {
    kind: Kind,
    /// Places by the beginning of the digest, in order.
    places: HashMap<i64, Places>,
    count: usize,
}

/// Numbers of places. Mostly one: without an allocation.
#[derive(Clone, Debug)]
enum Places {
    One(i64),
    #[expect(clippy::box_collection, reason = "two words instead of four, in a map of a hundred thousand")]
    More(Box<Vec<i64>>),
}

impl Places {
    fn numbers(&self) -> &[i64] {
        match self {
            Places::One(number) => std::slice::from_ref(number),
            Places::More(numbers) => numbers,
        }
    }
}

impl Recent {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, places: HashMap::new(), count: 0 }
    }

    /// What the runs do not have, read from the rows.
    pub(crate) fn load(kind: Kind, connection: &Connection) -> rusqlite::Result<Self> {
        let mut recent = Self::new(kind);
        let after: i64 = connection.query_row(
            "SELECT coalesce(max(last), -1) FROM run WHERE kind = ?",
            [kind as u8],
            |row| row.get(0),
        )?;
        let rows = match kind {
            Kind::Transaction => "SELECT id, place FROM tx WHERE place > ? ORDER BY place",
            Kind::External => {
                "SELECT external, place FROM event WHERE place > ? AND external IS NOT NULL ORDER BY place"
            }
        };
        let mut statement = connection.prepare(rows)?;
        for row in statement.query_map([after], |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get(1)?)))? {
            let (digest, place) = row?;
            recent.add(&digest, place);
        }
        Ok(recent)
    }

    pub(crate) fn add(&mut self, digest: &[u8; 32], place: Place) {
        self.count += 1;
        let number = place.number();
        self.places
            .entry(short(digest))
            .and_modify(|places| match places {
                Places::One(first) => *places = Places::More(Box::new(vec![*first, number])),
                Places::More(numbers) => numbers.push(number),
            })
            .or_insert(Places::One(number));
    }

    /// Places that may be the digest's, in order: those of digests that begin alike.
    pub(crate) fn find(&self, digest: &[u8; 32]) -> Vec<Place> {
        let numbers = self.places.get(&short(digest)).map(Places::numbers).unwrap_or_default();
        numbers.iter().map(|number| Place::of_number(*number)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Writes everything as a run. What is in memory stays until [`clear`](Self::clear), so that a look-up never misses it.
    pub(crate) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut entries: Vec<(i64, i64)> = Vec::with_capacity(self.count);
        for (hash, places) in &self.places {
            entries.extend(places.numbers().iter().map(|number| (*hash, *number)));
        }
        entries.sort_unstable();
        let last = entries.iter().map(|(_, place)| *place).max();
        let kind = self.kind as u8;
        connection
            .prepare_cached("INSERT INTO run (kind, last) VALUES (?, ?)")?
            .execute(params![kind, last])?;
        let run = connection.last_insert_rowid();
        let mut insert =
            connection.prepare_cached("INSERT INTO run_entry (run, hash, place) VALUES (?, ?, ?)")?;
        for (hash, place) in entries {
            insert.execute(params![run, hash, place])?;
        }
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.count = 0;
    }
}

/// The latest digests of both kinds.
#[derive(Debug)]
pub(crate) struct Recents {
    pub(crate) transactions: Recent,
    pub(crate) externals: Recent,
}

impl Recents {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            transactions: Recent::load(Kind::Transaction, connection)?,
            externals: Recent::load(Kind::External, connection)?,
        })
    }

    pub(crate) fn both(&mut self) -> [&mut Recent; 2] {
        [&mut self.transactions, &mut self.externals]
    }
}

/// Places in the runs that may be the digest's, in no order.
pub(crate) fn find(connection: &Connection, kind: Kind, digest: &[u8; 32]) -> rusqlite::Result<Vec<Place>> {
    connection
        .prepare_cached(
            "SELECT run_entry.place FROM run CROSS JOIN run_entry ON run_entry.run = run.id AND run_entry.hash = ?
             WHERE run.kind = ? ORDER BY run.id DESC",
        )?
        .query_map(params![short(digest), kind as u8], |row| row.get(0))?
        .collect()
}

/// The first eight bytes of a digest.
pub(super) fn short(digest: &[u8; 32]) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
