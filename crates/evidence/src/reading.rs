//! From proven keys, values and entries to statements about the ledger.

use std::collections::{BTreeMap, BTreeSet};

use medveil_chain::EntryKind;
use medveil_ledger::state::Versioned;
use medveil_ledger::{
    Body, Canonical, ChainId, Digest, Event, Genesis, Outcome, Receipt, Transaction, Verified,
};
use serde::Serialize;

use crate::{Form, Refused, Subject, Value};

/// What a file says. All of it is so as of one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The name of the chain.
    pub chain: String,
    /// The ledger's id of the chain: the digest of its genesis.
    pub chain_id: ChainId,
    /// The block that everything is as of.
    pub at: At,
    /// What is said.
    pub statements: Vec<Statement>,
}

/// The block that statements are about: the state is the one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    /// Its height.
    pub height: u64,
    /// Its time in milliseconds since 1970 (UTC): the proposer's, which the validators found near their clocks.
    pub time_ms: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Its digest.
    pub block: Digest,
    /// Changes of the validators between genesis and it.
    pub validator_changes: usize,
}

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Statement {
    /// Versions of a thing, or that there is none.
    History(History),
    /// A value without history.
    Number {
        /// Of what.
        subject: Subject,
        /// The value; one that was never written is 0.
        value: u64,
    },
    /// The block holds a transaction.
    Transaction {
        /// Its place among the transactions of the block, from 0.
        index: u32,
        /// Its id.
        id: Digest,
        /// What it asked for; none if only its receipt is shown.
        body: Option<Box<Body>>,
        /// What became of it; none if its receipt is not shown.
        outcome: Option<Outcome>,
    },
    /// The block holds an event.
    Event {
        /// Its place among the events of the block, from 0.
        index: u32,
        /// What happened.
        event: Box<Event>,
    },
}

/// Versions of a thing, as far as they are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct History {
    /// The thing.
    pub subject: Subject,
    /// The versions shown, in order. The heights of neighbours do not decrease.
    pub versions: Vec<Period>,
    /// There are at least so many versions.
    pub at_least: u64,
    /// There are at most so many; none if that is not shown. Equal to `at_least` if it is known how many there are.
    pub at_most: Option<u64>,
}

/// A version and how long it was in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Its number, from 1.
    pub version: u64,
    /// The height of the block from which on it was in force.
    pub from: u64,
    /// Until when.
    pub until: Until,
    /// What was so.
    pub value: Value,
}

/// Until when a version was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// The next version took effect with the block of this height.
    Replaced(u64),
    /// It still is, at this height: the statement's.
    Still(u64),
    /// It is not shown.
    Unknown,
}

impl Period {
    /// Whether the version is shown to have been the one in force after the block of `height`.
    pub fn covers(&self, height: u64) -> bool {
        self.from <= height
            && match self.until {
                Until::Replaced(next) => height < next,
                Until::Still(tip) => height <= tip,
                Until::Unknown => false,
            }
    }
}

impl History {
    /// Whether there is no such thing, and never was one.
    pub fn is_absent(&self) -> bool {
        self.at_most == Some(0)
    }

    /// Whether all versions are shown, and that there are no more.
    pub fn is_complete(&self) -> bool {
        self.at_most == Some(self.versions.len() as u64)
    }
}

/// What a claim says, without its proof.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fact<'a> {
    /// A key of the state has a value, or none.
    State { key: &'a [u8], value: Option<&'a [u8]> },
    /// The block holds an entry.
    Entry { kind: EntryKind, index: u32, entry: &'a [u8] },
}

impl Reading {
    /// Reads what was proven.
    pub(crate) fn of(genesis: &Genesis, at: At, facts: &[Fact<'_>]) -> Result<Reading, Refused> {
        let chain = genesis.chain_id();
        let mut records: BTreeMap<Subject, Shown> = BTreeMap::new();
        let mut numbers: BTreeMap<Subject, u64> = BTreeMap::new();
        let mut transactions: BTreeMap<u32, Body> = BTreeMap::new();
        let mut receipts: BTreeMap<u32, (usize, Receipt)> = BTreeMap::new();
        let mut events: BTreeMap<u32, Event> = BTreeMap::new();
        for (fact, number) in facts.iter().zip(1..) {
            match *fact {
                Fact::State { key, value } => {
                    let (subject, form) = Subject::of_key(key)
                        .ok_or_else(|| Refused::Key { number, key: Hex(key).to_string() })?;
                    if form == Form::Plain {
                        let value = plain(number, subject, value)?;
                        if numbers.insert(subject, value).is_some_and(|before| before != value) {
                            return Err(contradiction(subject, "two values"));
                        }
                        continue;
                    }
                    let found = value.map(|bytes| version(number, subject, form, bytes, chain, at.height));
                    records.entry(subject).or_default().add(subject, form, found.transpose()?)?;
                }
                Fact::Entry { kind, index, entry } => {
                    let refuse = |reason: String| Refused::Entry { number, reason };
                    match kind {
                        EntryKind::Transaction => {
                            transactions.insert(index, transaction(entry, genesis, chain).map_err(refuse)?);
                        }
                        EntryKind::Receipt => {
                            let receipt =
                                Receipt::decode(entry).map_err(|error| refuse(error.to_string()))?;
                            receipts.insert(index, (number, receipt));
                        }
                        EntryKind::Event => {
                            let event = Event::decode(entry).map_err(|error| refuse(error.to_string()))?;
                            if event.height != at.height {
                                let (found, expected) = (event.height, at.height);
                                return Err(refuse(format!(
                                    "an event of height {found} in the block of {expected}"
                                )));
                            }
                            events.insert(index, event);
                        }
                        EntryKind::Genesis => return Err(refuse("the genesis is in no block".into())),
                    }
                }
            }
        }
        let mut statements = Vec::new();
        for (subject, shown) in records {
            statements.push(Statement::History(shown.history(subject, at.height)?));
        }
        statements.extend(numbers.into_iter().map(|(subject, value)| Statement::Number { subject, value }));
        let places: BTreeSet<u32> = transactions.keys().chain(receipts.keys()).copied().collect();
        for index in places {
            let body = transactions.remove(&index).map(Box::new);
            let shown = body.as_ref().map(|body| body.digest());
            let (id, outcome) = match (receipts.remove(&index), shown) {
                (Some((number, receipt)), Some(id)) if receipt.transaction != id => {
                    let reason = format!("the receipt is of transaction {}", receipt.transaction);
                    return Err(Refused::Entry { number, reason });
                }
                (Some((_, receipt)), _) => (receipt.transaction, Some(receipt.outcome)),
                (None, Some(id)) => (id, None),
                (None, None) => continue,
            };
            statements.push(Statement::Transaction { index, id, body, outcome });
        }
        let event = |(index, event)| Statement::Event { index, event: Box::new(event) };
        statements.extend(events.into_iter().map(event));
        Ok(Reading { chain: genesis.chain.to_string(), chain_id: chain, at, statements })
    }

    /// What is said of a thing.
    pub fn history(&self, subject: &Subject) -> Option<&History> {
        self.statements.iter().find_map(|statement| match statement {
            Statement::History(history) if history.subject == *subject => Some(history),
            _ => None,
        })
    }
}

/// What is shown of one thing.
#[derive(Debug, Default)]
struct Shown {
    head: Option<Option<Versioned<Value>>>,
    versions: BTreeMap<u64, Option<Versioned<Value>>>,
}

impl Shown {
    fn add(&mut self, subject: Subject, form: Form, found: Option<Versioned<Value>>) -> Result<(), Refused> {
        let before = match form {
            Form::Version(number) => self.versions.insert(number, found.clone()),
            _ => self.head.replace(found.clone()),
        };
        match before {
            Some(before) if before != found => Err(contradiction(subject, "two values of one key")),
            _ => Ok(()),
        }
    }

    fn history(mut self, subject: Subject, tip: u64) -> Result<History, Refused> {
        let contradiction = |what: &str| Err(contradiction(subject, what));
        // A version has its own key once another has replaced it: what is there has a successor, and what is absent has none.
        let replaced = self.versions.iter().rfind(|(_, found)| found.is_some()).map(|(number, _)| *number);
        let absent = self.versions.iter().find(|(_, found)| found.is_none()).map(|(number, _)| *number);
        if let (Some(absent), Some(replaced)) = (absent, replaced)
            && absent < replaced
        {
            return contradiction("a version was replaced, and one before it was not");
        }
        let mut at_least = replaced.map_or(0, |number| number.saturating_add(1));
        let mut at_most = absent;
        if let Some(head) = self.head {
            let latest = head.as_ref().map_or(0, |latest| latest.version);
            if latest < at_least {
                return contradiction("the latest version was replaced");
            }
            if absent.is_some_and(|absent| absent < latest) {
                return contradiction("a version before the latest was not replaced");
            }
            (at_least, at_most) = (latest, Some(latest));
            if let Some(latest) = head {
                self.versions.insert(latest.version, Some(latest));
            }
        }
        let heights: BTreeMap<u64, u64> =
            self.versions.iter().filter_map(|(n, found)| Some((*n, found.as_ref()?.height))).collect();
        if heights.values().zip(heights.values().skip(1)).any(|(before, after)| before > after) {
            return contradiction("a version is older than the one before it");
        }
        let versions = self.versions.into_iter().filter_map(|(version, found)| {
            let found = found?;
            let until = match heights.get(&version.saturating_add(1)) {
                Some(next) => Until::Replaced(*next),
                None if at_most == Some(version) => Until::Still(tip),
                None => Until::Unknown,
            };
            Some(Period { version, from: found.height, until, value: found.value })
        });
        Ok(History { subject, versions: versions.collect(), at_least, at_most })
    }
}

fn version(
    number: usize,
    subject: Subject,
    form: Form,
    bytes: &[u8],
    chain: ChainId,
    tip: u64,
) -> Result<Versioned<Value>, Refused> {
    let found = Value::decode(&subject, bytes)
        .expect("a key of the form of a version or head is that of a subject with history")
        .map_err(|error| Refused::Value { number, subject, reason: error.to_string() })?;
    let mismatch = |field| Err(Refused::Mismatch { number, subject, field });
    match form {
        Form::Version(wanted) if wanted != found.version => return mismatch("version"),
        _ if found.version == 0 => return mismatch("version"),
        _ if found.height > tip => return mismatch("height"),
        _ => {}
    }
    match found.value.mismatch(&subject, found.version, chain) {
        Some(field) => mismatch(field),
        None => Ok(found),
    }
}

fn plain(number: usize, subject: Subject, value: Option<&[u8]>) -> Result<u64, Refused> {
    let Some(bytes) = value else { return Ok(0) };
    u64::decode(bytes).map_err(|error| Refused::Value { number, subject, reason: error.to_string() })
}

/// The transaction of an entry. Its signature is checked although the validators did: it costs nothing and needs no trust.
fn transaction(entry: &[u8], genesis: &Genesis, chain: ChainId) -> Result<Body, String> {
    let transaction = Transaction::decode(entry).map_err(|error| error.to_string())?;
    let transaction =
        Verified::check(transaction, &genesis.relying_party).map_err(|error| error.to_string())?;
    let body = transaction.body().clone();
    if body.chain != chain {
        return Err(format!("a transaction for the chain {}", body.chain));
    }
    Ok(body)
}

fn contradiction(subject: Subject, what: &str) -> Refused {
    Refused::Contradiction { subject, what: what.to_owned() }
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
