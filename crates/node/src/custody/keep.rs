//! Putting an object into custody.
//!
//! ```text
//!  1  seal and cut the file once, keeping nothing: the manifest
//!  2  offer the manifest to the members that are to hold shards; they say what they have
//!  3  seal and cut it again, the same byte for byte, and give each member what it lacks
//!  4  register manifest and wrapped key on the ledger
//! ```
//!
//! Nothing readable leaves this process, nothing is spooled, and memory is bounded whatever the file's size. After an interruption the same call goes on where it stopped: key and salt are
//! in the state file until the object is registered.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::{Mutex, mpsc},
};

use borsh::{BorshDeserialize, BorshSerialize};
use medveil_ledger::{
    CustodyId, Digest, OrganisationId, Slug, action::CustodyRegister, bounded::OpaqueBytes,
};
use medveil_vault::{
    Canonical as _, DataKey,
    committee::{Identity, WrappedKey},
    envelope::{Envelope, Subject, Suite},
    object,
    shards::ShardSink,
};
use zeroize::Zeroize;

use super::{CustodyError, Desk, Offered, lock, rng, state, subject};

/// How an object is put into custody.
#[derive(Clone, Debug)]
pub struct Keep {
    /// What the owner calls it.
    pub label: Slug,
    /// Digest of the policy under which it may be read, bound into its key's identity.
    pub policy: Digest,
    /// The cipher.
    pub suite: Suite,
    /// A file that is there while it is under way, for its owner alone: it holds the data key.
    pub state: PathBuf,
}

/// An object in custody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The object.
    pub object: CustodyId,
    /// Its version.
    pub version: u64,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Plaintext bytes.
    pub length: u64,
    /// Shards that suffice.
    pub needed: u8,
    /// Who holds which shard.
    pub holders: BTreeMap<u8, OrganisationId>,
    /// Shards that nobody took, and why. Their holders rebuild them when they are back.
    pub missing: BTreeMap<u8, String>,
    /// The transaction that registered it; `None` when an earlier attempt had registered it already.
    pub transaction: Option<Digest>,
}

/// What is kept while it is under way.
#[derive(BorshSerialize, BorshDeserialize)]
struct State {
    label: String,
    version: u64,
    policy: [u8; 32],
    envelope: Envelope,
    key: [u8; 32],
}

impl Drop for State {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Puts a file into custody. Blocks.
///
/// # Errors
/// [`CustodyError`]. What was given to members before is used by the next call with the same state file, or swept away by them after a day.
pub fn keep(desk: &dyn Desk, file: &Path, keep: &Keep) -> Result<Kept, CustodyError> {
    let object = CustodyId::derive(desk.chain(), desk.organisation(), keep.label);
    let latest = desk.registered(object, None)?;
    let version = latest.as_ref().map_or(0, |latest| latest.version);
    let begun = match state::load::<State>(&keep.state)? {
        Some(begun) => begun,
        None => {
            let mut rng = rng()?;
            let key = DataKey::generate(&mut rng);
            let envelope = Envelope::new(keep.suite, subject(object, version + 1), &key, &mut rng);
            let begun = State {
                label: keep.label.as_str().to_owned(),
                version: version + 1,
                policy: keep.policy.0,
                envelope,
                key: *key.expose(),
            };
            state::save(&keep.state, &begun)?;
            begun
        }
    };
    let fits = begun.label == keep.label.as_str()
        && begun.policy == keep.policy.0
        && begun.envelope.subject.object.0 == object.0;
    if !fits || (begun.version != version + 1 && begun.version != version) {
        let what =
            format!("is of version {} of `{}` under another policy or owner", begun.version, begun.label);
        return Err(CustodyError::State { path: keep.state.clone(), what });
    }
    let roster = desk.roster()?.ok_or(CustodyError::NoCommittee)?;
    let key = DataKey::from_bytes(&begun.key);
    let envelope = &begun.envelope;
    let subject = envelope.subject;

    // Once for the manifest.
    let open = || File::open(file).map(BufReader::new).map_err(|error| CustodyError::file(file, error));
    let scheme = roster.scheme()?;
    let sealed = |error| CustodyError::file(file, error);
    let manifest = object::seal(&mut open()?, &mut Nothing, envelope, scheme, &key).map_err(sealed)?;
    let digest = Digest(manifest.digest().0);
    let mut kept = Kept {
        object,
        version: begun.version,
        manifest: digest,
        length: manifest.length(),
        needed: scheme.needed(),
        holders: BTreeMap::new(),
        missing: BTreeMap::new(),
        transaction: None,
    };
    if begun.version == version {
        // An earlier attempt got as far as the ledger, or another one was faster.
        if latest.is_none_or(|latest| latest.value.manifest != digest) {
            return Err(CustodyError::Changed(file.to_owned(), keep.state.clone()));
        }
        state::erase(&keep.state)?;
        return Ok(kept);
    }
    let offered = desk.offer(&subject, keep.label, &manifest.encode())?;

    // And once for the members.
    let shelves = Mutex::new(Shelves::of(offered));
    let again = std::thread::scope(|scope| {
        let mut sink = Placing::start(scope, desk, subject, &shelves);
        object::seal(&mut open()?, &mut sink, envelope, scheme, &key).map_err(sealed)
    })?;
    if again.digest() != manifest.digest() {
        return Err(CustodyError::Changed(file.to_owned(), keep.state.clone()));
    }
    let shelves = shelves.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (taken, total) = (shelves.taking.len(), usize::from(scheme.total()));
    let needed = usize::from(scheme.needed());
    if taken < needed {
        let problems: Vec<_> =
            shelves.missing.iter().map(|(shard, what)| format!("shard {shard}: {what}")).collect();
        return Err(CustodyError::TooFewHolders { taken, total, needed, problems: problems.join("; ") });
    }
    kept.holders = shelves.taking.into_iter().map(|(shard, (holder, _))| (shard, holder)).collect();
    kept.missing = shelves.missing;

    let identity = Identity::new(
        &medveil_vault::Digest(desk.chain().0),
        &subject,
        &manifest.digest(),
        &medveil_vault::Digest(keep.policy.0),
    );
    let wrapped = WrappedKey::wrap(&roster.committee, &identity, &key, &mut rng()?)?;
    let wrapped_key = OpaqueBytes::new(wrapped.encode()).expect("a wrapped key has 112 bytes");
    let register = CustodyRegister {
        label: keep.label,
        version: begun.version,
        manifest: digest,
        wrapped_key,
        policy: keep.policy,
    };
    kept.transaction = Some(desk.act(register.into())?);
    state::erase(&keep.state)?;
    Ok(kept)
}

/// Takes shards and keeps nothing.
struct Nothing;

impl ShardSink for Nothing {
    fn put(&mut self, _: u8, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Who takes shards.
struct Shelves {
    /// By shard: the holder, and the segments that it had before.
    taking: BTreeMap<u8, (OrganisationId, std::collections::BTreeSet<u64>)>,
    missing: BTreeMap<u8, String>,
}

impl Shelves {
    fn of(offered: Vec<Offered>) -> Self {
        let (mut taking, mut missing) = (BTreeMap::new(), BTreeMap::new());
        for Offered { shard, holder, segments, problem } in offered {
            match (holder, problem) {
                (Some(holder), None) => drop(taking.insert(shard, (holder, segments))),
                (_, problem) => {
                    missing.insert(shard, problem.unwrap_or_else(|| "no member holds it".to_owned()));
                }
            }
        }
        Self { taking, missing }
    }

    fn has(&self, shard: u8, segment: u64) -> bool {
        // What is not taken is not given either.
        self.taking.get(&shard).is_none_or(|(_, segments)| segments.contains(&segment))
    }
}

/// Gives each shard to its holder on a thread of its own: the slowest member delays, but does not hold up more than one segment of each.
struct Placing<'s> {
    shelves: &'s Mutex<Shelves>,
    threads: BTreeMap<u8, mpsc::SyncSender<(u64, Vec<u8>)>>,
}

impl<'s> Placing<'s> {
    fn start(
        scope: &'s std::thread::Scope<'s, '_>,
        desk: &'s dyn Desk,
        subject: Subject,
        shelves: &'s Mutex<Shelves>,
    ) -> Self {
        let shards: Vec<u8> = lock(shelves).taking.keys().copied().collect();
        let mut threads = BTreeMap::new();
        for shard in shards {
            let (sender, segments) = mpsc::sync_channel::<(u64, Vec<u8>)>(0);
            threads.insert(shard, sender);
            scope.spawn(move || {
                for (segment, bytes) in segments {
                    if lock(shelves).has(shard, segment) {
                        continue;
                    }
                    if let Err(error) = desk.place(&subject, shard, segment, bytes) {
                        let mut shelves = lock(shelves);
                        shelves.taking.remove(&shard);
                        shelves.missing.insert(shard, error.to_string());
                    }
                }
            });
        }
        Self { shelves, threads }
    }
}

impl ShardSink for Placing<'_> {
    fn put(&mut self, shard: u8, segment: u64, bytes: &[u8]) -> io::Result<()> {
        if lock(self.shelves).has(shard, segment) {
            return Ok(());
        }
        match self.threads.get(&shard) {
            Some(thread) => {
                let segment = (segment, bytes.to_vec());
                thread.send(segment).map_err(|_| io::Error::other("a thread that gives shards ended"))
            }
            None => Ok(()),
        }
    }
}
