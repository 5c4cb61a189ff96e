//! Taking an object out of custody.
//!
//! ```text
//!  1  make one-time keys, one for each member, and ask on the ledger
//!  2  take each member's partial as it is posted, check it; with a quorum of good ones the data key is there
//!  3  fetch shards, check every piece, open chunk by chunk into a file beside the destination
//!  4  move the file to its place
//!  5  disclose the one-time keys of members whose partials were bad
//! ```
//!
//! After an interruption the same call goes on: with the same request while that lasts, and after the bytes that are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufWriter, Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use borsh::{BorshDeserialize, BorshSerialize};
use medveil_ledger::{
    Action, CustodyId, Digest, OrganisationId, action::CustodyReportPartial,
    state::custody::OneTimeKeys as LedgerKeys,
};
use medveil_vault::{
    Canonical as _, DataKey, Digest as VaultDigest,
    committee::{OneTimeKeys, Partial, RecoverError, RequestSecrets, SealedPartial, WrappedKey, recover},
    envelope::{CHUNK_BYTES, Subject},
    manifest::Manifest,
    object,
    shards::{Faults, ShardSource, SourceError},
};
use zeroize::Zeroize;

use super::{CustodyError, Desk, DeskError, Roster, identity, random, state, subject};
use crate::clock;

/// How long it is waited for partials.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked for them.
const BEAT: Duration = Duration::from_millis(50);

/// How long a request is good for another attempt, in milliseconds: partials are given for an hour.
const REQUEST_MS: u64 = 50 * 60_000;

/// What is taken out, and where to.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The object.
    pub object: CustodyId,
    /// Its version.
    pub version: u64,
    /// The file, which must not exist.
    pub out: PathBuf,
    /// A file that is there while it is under way, for its owner alone: it holds the seed of the one-time keys.
    pub state: PathBuf,
}

/// What was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The request on the ledger.
    pub request: Digest,
    /// Plaintext bytes.
    pub length: u64,
    /// Until the request was final; zero when an earlier attempt had made it.
    pub asked: Duration,
    /// From the request's finality until the key was there.
    pub key_after: Duration,
    /// From there until the first bytes were decrypted.
    pub first_bytes: Duration,
    /// Members whose shards were wrong or could not be had, and what was wrong first.
    pub faults: Vec<(OrganisationId, String, bool)>,
    /// Members whose partial was bad, and whether that was reported on the ledger.
    pub bad_partials: Vec<(OrganisationId, bool)>,
}

/// What is kept while it is under way.
#[derive(BorshSerialize, BorshDeserialize)]
struct State {
    object: [u8; 32],
    version: u64,
    seed: [u8; 32],
    /// The request, and when it was made.
    request: Option<([u8; 32], u64)>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

/// Takes an object out into a file, whole or not at all. `ask` makes the action that asks for its key with these one-time keys: `custody.request-key` for the owner, `access.request` for
/// others. Blocks.
///
/// # Errors
/// [`CustodyError`]. What is under way stays for the next call with the same state file.
pub fn fetch(
    desk: &dyn Desk,
    fetch: &Fetch,
    ask: &dyn Fn(LedgerKeys) -> Action,
) -> Result<Fetched, CustodyError> {
    if fetch.out.symlink_metadata().is_ok() {
        return Err(CustodyError::Exists(fetch.out.clone()));
    }
    let subject = subject(fetch.object, fetch.version);
    let registered = desk.registered(fetch.object, Some(fetch.version))?.ok_or(CustodyError::Unknown)?;
    let mut begun = begun(fetch)?;
    let opened = open_key(desk, fetch, &registered, &mut begun, ask)?;
    let start = Instant::now();
    let manifest = desk.manifest(&subject)?;
    let manifest = Manifest::check(&manifest, &VaultDigest(registered.value.manifest.0))?;
    let holders = desk.holders(&subject, manifest.scheme().total())?;
    let (faults, first) = write(desk, &subject, &manifest, &opened.key, &fetch.out)?;

    let mut bad_partials = Vec::new();
    for (organisation, secret) in opened.bad {
        // Judged by another committee than the one that gave it, a good partial looks bad.
        let same = desk.roster()?.is_some_and(|roster| roster.committee == opened.roster.committee);
        let report = CustodyReportPartial { request: opened.request, organisation, secret: Digest(secret) };
        bad_partials.push((organisation, same && desk.act(report.into()).is_ok()));
    }
    state::erase(&fetch.state)?;
    let fault = |fault: &medveil_vault::shards::Fault| {
        let holder = holders.get(&fault.shard).copied().flatten()?;
        Some((holder, fault.to_string(), fault.kind.is_wrong()))
    };
    Ok(Fetched {
        request: opened.request,
        length: manifest.length(),
        asked: opened.asked,
        key_after: opened.after,
        first_bytes: first.saturating_duration_since(start),
        faults: faults.iter().filter_map(fault).collect(),
        bad_partials,
    })
}

fn begun(fetch: &Fetch) -> Result<State, CustodyError> {
    let found = state::load::<State>(&fetch.state)?;
    let fresh = |found: &State| {
        found.request.is_none_or(|(_, made)| clock::now_ms().saturating_sub(made) < REQUEST_MS)
    };
    match found {
        Some(found) if (found.object, found.version) != (fetch.object.0, fetch.version) => {
            let what = "is of another object or version".to_owned();
            Err(CustodyError::State { path: fetch.state.clone(), what })
        }
        Some(found) if fresh(&found) => Ok(found),
        // Each request has a seed of its own.
        _ => {
            let (object, version) = (fetch.object.0, fetch.version);
            let begun = State { object, version, seed: *random::<32>()?, request: None };
            state::save(&fetch.state, &begun)?;
            Ok(begun)
        }
    }
}

struct Opened {
    request: Digest,
    roster: Roster,
    key: DataKey,
    asked: Duration,
    after: Duration,
    /// Who gave a bad partial, and the one-time key that shows it.
    bad: Vec<(OrganisationId, [u8; 32])>,
}

/// Asks for the key and opens it with the first quorum of good partials.
fn open_key(
    desk: &dyn Desk,
    fetch: &Fetch,
    registered: &medveil_ledger::Versioned<medveil_ledger::state::custody::Custody>,
    begun: &mut State,
    ask: &dyn Fn(LedgerKeys) -> Action,
) -> Result<Opened, CustodyError> {
    let identity = identity(desk.chain(), fetch.object, registered);
    let wrapped = WrappedKey::decode(registered.value.wrapped_key.as_ref())
        .map_err(|_| CustodyError::Recover(RecoverError::NotThisKey))?;
    let roster = desk.roster()?.ok_or(CustodyError::NoCommittee)?;
    let secrets = RequestSecrets::new(OneTimeKeys::from_seed(&begun.seed), identity);
    let asking = Instant::now();
    let mut asked = Duration::ZERO;
    let request = match begun.request {
        Some((request, _)) => Digest(request),
        None => {
            let keys = secrets.public(&roster.committee).0.into_iter();
            let keys = keys.filter_map(|(member, key)| Some((roster.organisation(&member)?, Digest(key.0))));
            let request = match desk.act(ask(keys.collect())) {
                // What a rule refuses is not gone on with.
                Err(refused @ DeskError::Refused { .. }) => {
                    state::erase(&fetch.state)?;
                    return Err(refused.into());
                }
                request => request?,
            };
            asked = asking.elapsed();
            begun.request = Some((request.0, clock::now_ms()));
            state::save(&fetch.state, begun)?;
            request
        }
    };
    let start = Instant::now();
    let members: Vec<OrganisationId> = roster.members.keys().copied().collect();
    let needed = roster.committee.quorum() as usize;
    let (mut good, mut bad): (Vec<Partial>, BTreeMap<OrganisationId, [u8; 32]>) = Default::default();
    let mut seen = BTreeSet::new();
    loop {
        for (organisation, posted) in desk.partials(request, &members)? {
            if !seen.insert(organisation) {
                continue;
            }
            let Some(member) = roster.members.get(&organisation) else { continue };
            let sealed = SealedPartial::decode(&posted).ok().filter(|sealed| sealed.member == *member);
            let opened = match &sealed {
                Some(sealed) => secrets.open(sealed, &roster.committee, &VaultDigest(request.0)),
                // What is no sealed partial of this member is shown bad by the key for it, too.
                None => {
                    let secret = OneTimeKeys::from_seed(&begun.seed).secret(&identity.0, member).disclose();
                    bad.insert(organisation, secret);
                    continue;
                }
            };
            match opened {
                Ok(partial) => good.push(partial),
                Err(fault) => drop(bad.insert(organisation, fault.secret)),
            }
        }
        if good.len() >= needed {
            let key = recover(&roster.committee, &identity, &wrapped, &good)?.key;
            let (after, bad) = (start.elapsed(), bad.into_iter().collect());
            return Ok(Opened { request, roster, key, asked, after, bad });
        }
        if start.elapsed() > PATIENCE || seen.len() == members.len() {
            return Err(CustodyError::TooFewPartials {
                good: good.len(),
                needed,
                seconds: start.elapsed().as_secs(),
                bad: bad.into_keys().collect(),
            });
        }
        std::thread::sleep(BEAT);
    }
}

/// Writes the object beside its place and moves it there; what was wrong with shards, and when the first bytes were decrypted.
fn write(
    desk: &dyn Desk,
    subject: &Subject,
    manifest: &Manifest,
    key: &DataKey,
    out: &Path,
) -> Result<(Faults, Instant), CustodyError> {
    let partial = beside(out, &manifest.digest());
    let fail = |error| CustodyError::file(&partial, error);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial).map_err(fail)?;
    // Whole chunks that an earlier attempt wrote are right; the last may be cut.
    let there = file.metadata().map_err(fail)?.len().min(manifest.length());
    let from = there - there % CHUNK_BYTES as u64;
    file.set_len(from).map_err(fail)?;
    file.seek(SeekFrom::End(0)).map_err(fail)?;
    let mut buffered = Timed { out: BufWriter::with_capacity(1 << 20, file), first: None };
    let (at_once, total) = (manifest.scheme().needed(), manifest.scheme().total());
    let source = Ahead { desk, subject: *subject, at_once, total, failed: BTreeSet::new(), window: None };
    let faults = match from {
        0 => object::open(manifest, source, key, &mut buffered),
        from => object::open_range(manifest, source, key, from..manifest.length(), &mut buffered),
    };
    // What was written before an error is authentic: the next attempt goes on from there.
    let flushed = buffered.flush();
    let faults = faults?;
    flushed.map_err(fail)?;
    buffered.out.get_ref().sync_all().map_err(fail)?;
    let first = buffered.first.unwrap_or_else(Instant::now);
    drop(buffered);
    // Not over what has appeared meanwhile.
    std::fs::hard_link(&partial, out).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CustodyError::Exists(out.to_owned()),
        _ => CustodyError::file(out, error),
    })?;
    std::fs::remove_file(&partial).map_err(fail)?;
    Ok((faults, first))
}

/// A writer that notes when the first bytes came.
struct Timed<W> {
    out: W,
    first: Option<Instant>,
}

impl<W: std::io::Write> std::io::Write for Timed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.first.get_or_insert_with(Instant::now);
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Where an object is written before it is whole.
fn beside(out: &Path, manifest: &VaultDigest) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", &manifest.to_string()[..16]));
    out.with_file_name(name)
}

/// Shards through a desk. The first read of pieces of a segment asks as many shards at once as suffice; one that gave nothing before is not among them, so that a member that
/// does not answer is waited for once and not with every segment.
struct Ahead<'d> {
    desk: &'d dyn Desk,
    subject: Subject,
    /// Shards that suffice.
    at_once: u8,
    total: u8,
    /// Shards that once gave nothing.
    failed: BTreeSet<u8>,
    window: Option<Window>,
}

struct Window {
    segment: u64,
    range: Range<usize>,
    given: BTreeMap<u8, Result<Vec<u8>, SourceError>>,
}

impl Ahead<'_> {
    /// Asks several holders at once.
    fn open(&self, first: u8, segment: u64, range: Range<usize>) -> Window {
        let (desk, subject) = (self.desk, self.subject);
        let others = (0..self.total).filter(|shard| *shard != first && !self.failed.contains(shard));
        let shards: Vec<u8> = std::iter::once(first).chain(others).take(self.at_once.into()).collect();
        let given = std::thread::scope(|scope| {
            let asked: Vec<_> = shards
                .into_iter()
                .map(|shard| {
                    let range = range.clone();
                    (shard, scope.spawn(move || desk.read(&subject, shard, segment, range)))
                })
                .collect();
            let given = asked.into_iter().map(|(shard, thread)| {
                let failed = || Err(SourceError::Failed { what: "the thread ended".to_owned() });
                (shard, thread.join().unwrap_or_else(|_| failed()))
            });
            given.collect()
        });
        Window { segment, range, given }
    }
}

impl ShardSource for Ahead<'_> {
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
        let fits = |window: &&mut Window| window.segment == segment && window.range == range;
        // A table is small, and one is enough; it is never at the beginning.
        if range.start == 0 && self.window.as_mut().filter(fits).is_none() {
            let window = self.open(shard, segment, range.clone());
            self.failed
                .extend(window.given.iter().filter(|(_, given)| given.is_err()).map(|(shard, _)| shard));
            self.window = Some(window);
        }
        let given = self.window.as_mut().filter(fits).and_then(|window| window.given.remove(&shard));
        let given = given.unwrap_or_else(|| self.desk.read(&self.subject, shard, segment, range));
        if given.is_err() {
            self.failed.insert(shard);
        }
        given
    }
}
