//! The custodian's private file: whose handle is whose, what was registered, what is under way, who is in which release.
//!
//! SQLite in one file of mode 0600. What it says of the ledger is only what the custodian means to do or has seen; before each step the ledger is asked.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::path::Path;

use medveil_ledger::{AccountId, ChainId, Digest, OrganisationId, ReleaseId, Slug};
use rusqlite::{Connection, OptionalExtension as _, params};
use zeroize::Zeroizing;

/// The private file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database says no.
    #[error("the custodian's private file: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// It is another organisation's, or of another chain or version.
    #[error("the custodian's private file is one of {found}, this is {expected}")]
    Other {
        /// Of what it is.
        found: String,
        /// Of what it should be.
        expected: String,
    },
    /// The file system says no.
    #[error("the custodian's private file: {0}")]
    File(#[from] std::io::Error),
    /// What stands in it cannot be read.
    #[error("the custodian's private file: what is in `{table}` cannot be read")]
    Damaged {
        /// The table.
        table: &'static str,
    },
}

/// The seed of an enrolment code.
pub type CodeSeed = Zeroizing<[u8; 32]>;

/// A patient with their handle.
#[derive(Clone, PartialEq, Eq)]
pub struct Tie {
    /// The patient's id in the hospital's records.
    pub patient: String,
    /// The handle on the ledger.
    pub handle: AccountId,
    /// The salt of study tags, which the wallet knows, too.
    pub salt: Digest,
}

impl std::fmt::Debug for Tie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tie").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// What a job is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKind {
    /// A version of a release is made and posted.
    Release,
    /// A challenge is answered.
    Answer,
    /// Something is destroyed.
    Destroy,
}

impl JobKind {
    const fn name(self) -> &'static str {
        match self {
            JobKind::Release => "release",
            JobKind::Answer => "answer",
            JobKind::Destroy => "destroy",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [JobKind::Release, JobKind::Answer, JobKind::Destroy].into_iter().find(|kind| kind.name() == name)
    }
}

/// Something under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What is done.
    pub kind: JobKind,
    /// With what: a release or a challenge.
    pub id: [u8; 32],
    /// Which version of it.
    pub version: u64,
    /// What has been done so far, as JSON; empty at first.
    pub data: String,
    /// How it ended: `done`, or the name of a reason. None while it is under way.
    pub ended: Option<String>,
    /// Why it waits: the name of a reason.
    pub waits: Option<String>,
}

/// A release that was given to a recipient, with its patients, for comparisons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Which.
    pub release: ReleaseId,
    /// Which version.
    pub version: u64,
    /// The patients in it.
    pub patients: BTreeSet<String>,
}

/// The private file.
#[derive(Debug)]
pub struct Store {
    db: Connection,
}

const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE TABLE about (one INTEGER PRIMARY KEY CHECK (one = 1), chain BLOB NOT NULL, organisation TEXT NOT NULL, cursor INTEGER NOT NULL);
    -- Handles. `code` is the seed of an enrolment code, until a wallet is bound.
    CREATE TABLE tie (patient TEXT PRIMARY KEY, handle BLOB NOT NULL UNIQUE, salt BLOB NOT NULL, code BLOB) WITHOUT ROWID;
    -- Registered versions of which there is a copy. `schema` opens the digest on the ledger.
    CREATE TABLE version (label TEXT NOT NULL, version INTEGER NOT NULL, fingerprint TEXT NOT NULL, schema TEXT NOT NULL, PRIMARY KEY (label, version)) WITHOUT ROWID;
    -- What was seen last of a live source, and why nothing is released of it.
    CREATE TABLE source (label TEXT PRIMARY KEY, seen TEXT NOT NULL, fault TEXT) WITHOUT ROWID;
    CREATE TABLE job (
        kind TEXT NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL, ended TEXT, waits TEXT, PRIMARY KEY (kind, id, version)
    ) WITHOUT ROWID;
    CREATE INDEX job_open ON job (kind) WHERE ended IS NULL;
    -- Who is in a version of a release. `recipient` and `dataset` tell which releases are compared.
    CREATE TABLE given (
        release BLOB NOT NULL, version INTEGER NOT NULL, dataset BLOB NOT NULL, recipient TEXT NOT NULL, posted INTEGER NOT NULL, PRIMARY KEY (release, version)
    ) WITHOUT ROWID;
    CREATE TABLE member (release BLOB NOT NULL, version INTEGER NOT NULL, patient TEXT NOT NULL, PRIMARY KEY (release, version, patient)) WITHOUT ROWID;
";

impl Store {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path, chain: ChainId, organisation: OrganisationId) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        drop(file);
        let mut db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "secure_delete", true)?;
        let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            let write = db.transaction()?;
            write.execute_batch(TABLES)?;
            write.execute(
                "INSERT INTO about VALUES (1, ?1, ?2, 0)",
                params![chain.0, organisation.as_str()],
            )?;
            write.pragma_update(None, "user_version", VERSION)?;
            write.commit()?;
        } else if version != VERSION {
            let (found, expected) = (format!("version {version}"), format!("version {VERSION}"));
            return Err(StoreError::Other { found, expected });
        }
        let (of, by): ([u8; 32], String) =
            db.query_row("SELECT chain, organisation FROM about", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if of != chain.0 || by != organisation.as_str() {
            let found = format!("`{by}` on the chain {}", ChainId(of));
            return Err(StoreError::Other {
                found,
                expected: format!("`{organisation}` on the chain {chain}"),
            });
        }
        Ok(Store { db })
    }

    /// The number of the last event that has become jobs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cursor(&self) -> Result<u64, StoreError> {
        Ok(self.db.query_row("SELECT cursor FROM about", [], |row| number(row, 0))?)
    }

    /// Notes jobs that follow from events, forgets the codes of handles to which wallets were bound, and notes how far events have been read, at once. A job that is there stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note(
        &mut self,
        jobs: &[(JobKind, [u8; 32], u64, String)],
        bound: &[AccountId],
        cursor: u64,
    ) -> Result<(), StoreError> {
        let write = self.db.transaction()?;
        for handle in bound {
            write
                .prepare_cached("UPDATE tie SET code = NULL WHERE handle = ?1 AND code NOT NULL")?
                .execute([handle.0])?;
        }
        for (kind, id, version, data) in jobs {
            write.execute(
                "INSERT OR IGNORE INTO job (kind, id, version, data) VALUES (?1, ?2, ?3, ?4)",
                params![kind.name(), id, integer(*version), data],
            )?;
        }
        write.execute("UPDATE about SET cursor = ?1", [integer(cursor)])?;
        Ok(write.commit()?)
    }

    /// Notes one job.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add(&mut self, kind: JobKind, id: [u8; 32], version: u64, data: String) -> Result<(), StoreError> {
        let cursor = self.cursor()?;
        self.note(&[(kind, id, version, data)], &[], cursor)
    }

    /// Jobs under way, releases before answers before destructions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_jobs(&self) -> Result<Vec<Job>, StoreError> {
        let mut jobs = self.jobs("WHERE ended IS NULL")?;
        jobs.sort_by_key(|job| (job.kind, job.id, job.version));
        Ok(jobs)
    }

    /// Versions of releases whose jobs have ended otherwise than with their post.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn never_posted(&self) -> Result<Vec<(ReleaseId, u64)>, StoreError> {
        let ended = self.jobs("WHERE kind = 'release' AND ended <> 'done'")?;
        Ok(ended.into_iter().map(|job| (ReleaseId(job.id), job.version)).collect())
    }

    /// All jobs, with how they ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn all_jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.jobs("")
    }

    fn jobs(&self, which: &str) -> Result<Vec<Job>, StoreError> {
        let sql = format!(
            "SELECT kind, id, version, data, ended, waits FROM job {which} ORDER BY kind, id, version"
        );
        let mut statement = self.db.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            let kind: String = row.get(0)?;
            Ok((kind, row.get(1)?, number(row, 2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })?;
        rows.map(|row| {
            let (kind, id, version, data, ended, waits) = row?;
            let kind = JobKind::from_name(&kind).ok_or(StoreError::Damaged { table: "job" })?;
            Ok(Job { kind, id, version, data, ended, waits })
        })
        .collect()
    }

    /// Writes how far a job is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn save(&self, job: &Job) -> Result<(), StoreError> {
        self.db.execute(
            "UPDATE job SET data = ?4, ended = ?5, waits = ?6 WHERE kind = ?1 AND id = ?2 AND version = ?3",
            params![job.kind.name(), job.id, integer(job.version), job.data, job.ended, job.waits],
        )?;
        Ok(())
    }

    /// The tie of a patient, with the seed of a code that was not used yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tie(&self, patient: &str) -> Result<Option<(Tie, Option<CodeSeed>)>, StoreError> {
        let found =
            self.db.query_row("SELECT handle, salt, code FROM tie WHERE patient = ?1", [patient], |row| {
                let tie = Tie {
                    patient: patient.to_owned(),
                    handle: AccountId(row.get(0)?),
                    salt: Digest(row.get(1)?),
                };
                Ok((tie, row.get::<_, Option<[u8; 32]>>(2)?.map(Zeroizing::new)))
            });
        Ok(found.optional()?)
    }

    /// All ties.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ties(&self) -> Result<Vec<Tie>, StoreError> {
        let mut statement = self.db.prepare("SELECT patient, handle, salt FROM tie")?;
        let rows = statement.query_map([], |row| {
            Ok(Tie { patient: row.get(0)?, handle: AccountId(row.get(1)?), salt: Digest(row.get(2)?) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Ties patients to handles, at once; a tie that is there is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_ties<'a>(
        &mut self,
        ties: impl IntoIterator<Item = (&'a Tie, &'a [u8; 32])>,
    ) -> Result<(), StoreError> {
        let write = self.db.transaction()?;
        for (tie, code) in ties {
            write.execute(
                "INSERT OR REPLACE INTO tie VALUES (?1, ?2, ?3, ?4)",
                params![tie.patient, tie.handle.0, tie.salt.0, code],
            )?;
        }
        Ok(write.commit()?)
    }

    /// Versions of a dataset of which there is a copy: version, fingerprint as JSON, schema.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn versions(&self, label: Slug) -> Result<Vec<(u64, String, String)>, StoreError> {
        let mut statement = self
            .db
            .prepare("SELECT version, fingerprint, schema FROM version WHERE label = ?1 ORDER BY version")?;
        let rows =
            statement.query_map([label.as_str()], |row| Ok((number(row, 0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes a version of which there is a copy.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_version(
        &self,
        label: Slug,
        version: u64,
        fingerprint: &str,
        schema: &str,
    ) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT OR REPLACE INTO version VALUES (?1, ?2, ?3, ?4)",
            params![label.as_str(), integer(version), fingerprint, schema],
        )?;
        Ok(())
    }

    /// Forgets a version of which the copy is removed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove_version(&self, label: Slug, version: u64) -> Result<(), StoreError> {
        self.db.execute(
            "DELETE FROM version WHERE label = ?1 AND version = ?2",
            params![label.as_str(), integer(version)],
        )?;
        Ok(())
    }

    /// What was seen last of a live source, and its fault.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn source(&self, label: Slug) -> Result<Option<(String, Option<String>)>, StoreError> {
        let found =
            self.db.query_row("SELECT seen, fault FROM source WHERE label = ?1", [label.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
        Ok(found.optional()?)
    }

    /// Notes what was seen of a live source.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_source(&self, label: Slug, seen: &str, fault: Option<&str>) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT OR REPLACE INTO source VALUES (?1, ?2, ?3)",
            params![label.as_str(), seen, fault],
        )?;
        Ok(())
    }

    /// Notes who is in a version of a release that is being made, in the place of what was noted before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_members(
        &mut self,
        given: &Given,
        dataset: [u8; 32],
        recipient: OrganisationId,
    ) -> Result<(), StoreError> {
        let write = self.db.transaction()?;
        let (release, version) = (given.release.0, integer(given.version));
        write.execute("DELETE FROM member WHERE release = ?1 AND version = ?2", params![release, version])?;
        write.execute(
            "INSERT OR REPLACE INTO given VALUES (?1, ?2, ?3, ?4, 0)",
            params![release, version, dataset, recipient.as_str()],
        )?;
        {
            let mut insert = write.prepare("INSERT INTO member VALUES (?1, ?2, ?3)")?;
            for patient in &given.patients {
                insert.execute(params![release, version, patient])?;
            }
        }
        Ok(write.commit()?)
    }

    /// Notes that a version of a release was posted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_posted(&self, release: ReleaseId, version: u64) -> Result<(), StoreError> {
        self.db.execute(
            "UPDATE given SET posted = 1 WHERE release = ?1 AND version = ?2",
            params![release.0, integer(version)],
        )?;
        Ok(())
    }

    /// Who is in a version of a release.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn members(&self, release: ReleaseId, version: u64) -> Result<BTreeSet<String>, StoreError> {
        let mut statement =
            self.db.prepare("SELECT patient FROM member WHERE release = ?1 AND version = ?2")?;
        let rows = statement.query_map(params![release.0, integer(version)], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What a recipient was given of a dataset by other releases.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn given(
        &self,
        dataset: [u8; 32],
        recipient: OrganisationId,
        except: ReleaseId,
    ) -> Result<Vec<Given>, StoreError> {
        let mut statement = self.db.prepare(
            "SELECT release, version FROM given WHERE dataset = ?1 AND recipient = ?2 AND release <> ?3 AND posted = 1 ORDER BY release, version",
        )?;
        let rows = statement.query_map(params![dataset, recipient.as_str(), except.0], |row| {
            Ok((ReleaseId(row.get(0)?), number(row, 1)?))
        })?;
        let found: Vec<(ReleaseId, u64)> = rows.collect::<Result<_, _>>()?;
        found
            .into_iter()
            .map(|(release, version)| {
                Ok(Given { release, version, patients: self.members(release, version)? })
            })
            .collect()
    }

    /// The latest version of each release that was posted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn posted(&self) -> Result<Vec<(ReleaseId, u64)>, StoreError> {
        let mut statement = self.db.prepare(
            "SELECT release, max(version) FROM given WHERE posted = 1 GROUP BY release ORDER BY release",
        )?;
        let rows = statement.query_map([], |row| Ok((ReleaseId(row.get(0)?), number(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A number as SQLite keeps it; ours are far below its limit.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or_default())
}
