//! Names as small numbers: kinds of events, actions, refusals, facts, organisations.

use std::collections::HashMap;

use medveil_ledger::OrganisationId;
use rusqlite::Connection;

/// Every name of the index, by number. They are few, and never taken back.
#[derive(Default)]
pub(crate) struct Names {
    texts: Vec<String>,
    numbers: HashMap<String, i64>,
}

impl Names {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut names = Self::default();
        let mut statement = connection.prepare("SELECT text FROM name ORDER BY id")?;
        let texts = statement.query_map((), |row| row.get(0))?;
        for text in texts {
            names.push(text?);
        }
        Ok(names)
    }

    /// The name of a number, counted from 1.
    pub(crate) fn text(&self, number: i64) -> &str {
        let place = usize::try_from(number - 1).ok();
        place.and_then(|place| self.texts.get(place)).map_or("", String::as_str)
    }

    /// The number of a name; `None` if the index has never met it.
    pub(crate) fn number(&self, text: &str) -> Option<i64> {
        self.numbers.get(text).copied()
    }

    pub(crate) fn organisation(&self, number: Option<i64>) -> Option<OrganisationId> {
        OrganisationId::new(self.text(number?)).ok()
    }

    /// The number of a new name.
    pub(crate) fn push(&mut self, text: String) -> i64 {
        self.texts.push(text.clone());
        let number = self.texts.len() as i64;
        self.numbers.insert(text, number);
        number
    }
}
