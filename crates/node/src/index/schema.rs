//! The tables.
//!
//! An entry's key is its [`Place`](super::Place) as one number, so that the newest stand at the end and pages never shift. Names stand once in `name`; accounts and
//! other objects once in `object`. A file of another version is made anew from the chain.

use std::{collections::BTreeMap, fs, io, path::Path, time::Duration};

use medveil_ledger::{ChainId, ObjectRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};

use super::{
    IndexError, Progress,
    list::unsigned,
    writer::{hash, integer},
};
use crate::Rules;

/// The version of the tables.
pub const VERSION: i32 = 2;

const TABLES: &str = "
    -- The chain, and from which height to which everything is known.
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1), chain BLOB NOT NULL, since INTEGER NOT NULL, height INTEGER NOT NULL
    );
    CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
    CREATE TABLE block (
        height INTEGER PRIMARY KEY, time INTEGER NOT NULL, digest BLOB NOT NULL, transactions INTEGER NOT NULL, events INTEGER NOT NULL
    );
    -- Whatever on the ledger an event is about, and every account that acted. `place` is where it was first met.
    CREATE TABLE object (
        id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, ref BLOB NOT NULL, organisation INTEGER, place INTEGER NOT NULL
    );
    CREATE TABLE object_hash (hash INTEGER NOT NULL, object INTEGER NOT NULL, PRIMARY KEY (hash, object)) WITHOUT ROWID;
    CREATE INDEX object_kind ON object (kind);
    CREATE INDEX object_organisation ON object (kind, organisation);
    CREATE TABLE tx (
        place INTEGER PRIMARY KEY, id BLOB NOT NULL, account INTEGER NOT NULL, organisation INTEGER, action INTEGER NOT NULL,
        refusal INTEGER, first_event INTEGER NOT NULL, events INTEGER NOT NULL
    );
    CREATE INDEX tx_account ON tx (account);
    CREATE INDEX tx_organisation ON tx (organisation);
    CREATE INDEX tx_action ON tx (action);
    CREATE INDEX tx_refused ON tx (place) WHERE refusal > 0;
    -- `tx`: its index in the block. What it is about: `external`, `object`, or, with neither, the transaction itself.
    CREATE TABLE event (
        place INTEGER PRIMARY KEY, kind INTEGER NOT NULL, tx INTEGER, actor INTEGER, organisation INTEGER, object INTEGER, external BLOB,
        facts BLOB NOT NULL
    );
    CREATE INDEX event_kind ON event (kind);
    CREATE INDEX event_organisation ON event (organisation);
    CREATE INDEX event_object ON event (object) WHERE object > 0;
    -- What an event is about beside its object.
    CREATE TABLE mention (object INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (object, place)) WITHOUT ROWID;
    -- Digests in sorted runs: of transactions (0) and of things outside of the ledger (1). `last`: the last place in the run.
    CREATE TABLE run (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, last INTEGER NOT NULL);
    CREATE TABLE run_entry (run INTEGER NOT NULL, hash INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (run, hash, place)) WITHOUT ROWID;
    -- Accounts that an organisation will have if it is admitted.
    CREATE TABLE nominee (organisation INTEGER NOT NULL, account BLOB NOT NULL);
";

/// Opens the file for writing; makes it anew when it is of another version, or no index that can be read.
pub(crate) fn open(
    path: &Path,
    rules: &Rules,
    chain: &medveil_chain::Genesis,
) -> Result<Connection, IndexError> {
    match open_as_is(path, rules.chain()) {
        Ok(Some(connection)) => return Ok(connection),
        Ok(None) => {}
        Err(IndexError::Database(error)) if is_unreadable(&error) => {
            tracing::warn!("the index cannot be read and is made anew from the chain");
        }
        Err(error) => return Err(error),
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut connection = Connection::open(path)?;
    configure(&connection)?;
    create(&mut connection, rules, chain)?;
    Ok(connection)
}

/// A connection that cannot write.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, IndexError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// How far the file is.
pub(crate) fn progress(connection: &Connection) -> rusqlite::Result<Progress> {
    connection.query_row("SELECT since, height FROM state", (), |row| {
        Ok(Progress { since: unsigned(row, 0)?, height: unsigned(row, 1)?, halted: None })
    })
}

fn open_as_is(path: &Path, expected: ChainId) -> Result<Option<Connection>, IndexError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = Connection::open(path)?;
    configure(&connection)?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // Every version says here which chain it is of.
    let has_state: bool =
        connection.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'state'", (), |row| {
            row.get::<_, u32>(0)
        })? > 0;
    let chain: Option<[u8; 32]> = match has_state {
        true => connection.query_row("SELECT chain FROM state", (), |row| row.get(0)).optional()?,
        false => None,
    };
    match chain.map(ChainId) {
        Some(found) if found != expected => Err(IndexError::OtherChain { found, expected }),
        Some(_) if version == VERSION => Ok(Some(connection)),
        _ => {
            tracing::info!(version, expected = VERSION, "the index is made anew from the chain");
            Ok(None)
        }
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A crash of the machine may lose the last transactions, never the order: they come again from the chain.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.pragma_update(None, "wal_autocheckpoint", 2000)?;
    connection.pragma_update(None, "journal_size_limit", 32 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// The tables, and what the genesis brings.
fn create(
    connection: &mut Connection,
    rules: &Rules,
    chain: &medveil_chain::Genesis,
) -> Result<(), IndexError> {
    let genesis = rules.genesis();
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute(
        "INSERT INTO block (height, time, digest, transactions, events) VALUES (0, ?, ?, 0, 0)",
        params![integer(genesis.time_ms), chain.header().digest().as_ref()],
    )?;
    let insert_object = |object: ObjectRef, organisation: Option<i64>| -> rusqlite::Result<()> {
        transaction
            .prepare_cached("INSERT INTO object (kind, ref, organisation, place) VALUES (?, ?, ?, 0)")?
            .execute(params![object.kind as u8, object.id, organisation])?;
        transaction
            .prepare_cached("INSERT INTO object_hash (hash, object) VALUES (?, ?)")?
            .execute(params![hash(&object), transaction.last_insert_rowid()])?;
        Ok(())
    };
    let mut organisations = BTreeMap::new();
    for member in &genesis.members {
        transaction.execute("INSERT INTO name (text) VALUES (?)", [member.organisation.as_str()])?;
        let organisation = transaction.last_insert_rowid();
        insert_object(ObjectRef::organisation(member.organisation), Some(organisation))?;
        organisations.insert(member.organisation, organisation);
    }
    for (organisation, _, account) in genesis.accounts() {
        insert_object(ObjectRef::account(account), Some(organisations[&organisation]))?;
    }
    for issuer in &genesis.issuers {
        insert_object(ObjectRef::issuer(issuer.id()), None)?;
    }
    transaction.execute(
        "INSERT INTO state (one, chain, since, height) VALUES (1, ?, 1, 0)",
        [rules.chain().0.as_slice()],
    )?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown)
    )
}
