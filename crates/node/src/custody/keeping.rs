//! What lies on this member's shelf, and who may put and take it.
//!
//! A manifest comes first: from the object's owner while the ledger does not know the version yet, within a bound for each member and a day; or as the ledger names it. Segments are
//! taken only by who is their holder, and only as the manifest says they must be.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use medveil_ledger::{
    CustodyId, ObjectRef, OrganisationId, Slug, Versioned,
    state::{custody::Custody as Registered, destruction::Destruction},
};
use medveil_vault::{
    Canonical as _, Digest, ObjectId,
    envelope::Subject,
    manifest::{Manifest, ManifestError},
    store::{Shredded, StoreError},
};
use serde::{Deserialize, Serialize};

use super::{
    Custody,
    desk::Offered,
    lock,
    peers::{self, PeerError, object},
};
use crate::{Refusal, agent::replace, clock, folder::create_private, read::ReadError};

/// Bytes of a segment's file at most: what one request carries.
pub(super) const MAX_SEGMENT: usize = 8 << 20;

/// How long an object may lie here that the ledger does not know, in milliseconds.
const UNREGISTERED_MS: u64 = 86_400_000;

/// Manifests that are held in memory.
const MANIFESTS: usize = 8;

/// Why something is not kept or not given.
#[derive(Debug, thiserror::Error)]
pub enum KeepingError {
    /// There is no such thing here.
    #[error("there is no {what}")]
    Absent {
        /// What was asked for.
        what: &'static str,
    },
    /// Only the owner of an object puts it here.
    #[error("the object is not one that {organisation} calls so")]
    NotYours {
        /// Who asked.
        organisation: OrganisationId,
    },
    /// Another version is due.
    #[error("version {version}, the ledger knows {latest}")]
    Version {
        /// The version.
        version: u64,
        /// The latest one on the ledger.
        latest: u64,
    },
    /// Its destruction is ordered.
    #[error("the destruction of the object is ordered")]
    Destroyed,
    /// The manifest is none, or another one than the ledger's.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest is of something else, or asks for what is not taken.
    #[error("the manifest is {what}")]
    Unfit {
        /// What is wrong.
        what: &'static str,
    },
    /// Another member holds the shard.
    #[error("shard {shard} is not held here")]
    NotHeld {
        /// The shard.
        shard: u8,
    },
    /// The member has too much here that the ledger does not know.
    #[error("{bytes} bytes of the member wait for the ledger, at most {limit} may")]
    TooMuch {
        /// Bytes with this object.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// No committee exists yet.
    #[error("there is no custody committee yet")]
    NoCommittee,
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The disk says no.
    #[error(transparent)]
    System(#[from] Refusal),
    /// The holder says no.
    #[error(transparent)]
    Peer(#[from] PeerError),
}

/// What the last check of an object found here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The shard that this member is to hold.
    pub shard: Option<u8>,
    /// Segments of it that the object has.
    pub segments: u64,
    /// Those that are here and, if they were read, right.
    pub good: u64,
    /// Those that were rebuilt from other members' shards.
    pub repaired: u64,
    /// Bytes that other members gave for it.
    pub fetched: u64,
    /// Those that are lost or wrong still.
    pub missing: BTreeSet<u64>,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// Members whose pieces were wrong, with what was.
    pub wrong: BTreeMap<OrganisationId, String>,
}

/// What lies here that the ledger does not know yet.
pub(super) struct Incoming {
    folder: PathBuf,
    entries: Mutex<BTreeMap<(ObjectId, u64), Entry>>,
    manifests: Mutex<Vec<Arc<Manifest>>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    organisation: OrganisationId,
    manifest: String,
    bytes: u64,
    since_ms: u64,
}

impl Incoming {
    pub(super) fn open(folder: PathBuf) -> Result<Self, Refusal> {
        create_private(&folder)?;
        let mut entries = BTreeMap::new();
        let files = std::fs::read_dir(&folder).map_err(|error| Refusal::file(&folder, error))?;
        for file in files.flatten() {
            let name = file.file_name();
            let key = name.to_str().and_then(|name| name.split_once('-'));
            let key = key.and_then(|(object, version)| Some((object.parse().ok()?, version.parse().ok()?)));
            let entry = std::fs::read(file.path()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if let (Some(key), Some(entry)) = (key, entry) {
                entries.insert(key, entry);
            }
        }
        Ok(Self { folder, entries: Mutex::new(entries), manifests: Mutex::default() })
    }

    fn get(&self, subject: &Subject) -> Option<Entry> {
        lock(&self.entries).get(&(subject.object, subject.version)).cloned()
    }

    /// Notes an object, if its owner may have more here.
    fn note(&self, subject: &Subject, entry: Entry, limit: u64) -> Result<(), KeepingError> {
        let mut entries = lock(&self.entries);
        let key = (subject.object, subject.version);
        let others =
            entries.iter().filter(|(at, known)| **at != key && known.organisation == entry.organisation);
        let bytes = others.map(|(_, known)| known.bytes).sum::<u64>().saturating_add(entry.bytes);
        if bytes > limit {
            return Err(KeepingError::TooMuch { bytes, limit });
        }
        let path = self.path(subject);
        let text = serde_json::to_vec(&entry).expect("names and numbers have a form in JSON");
        replace(&path, &text).map_err(|error| Refusal::file(&path, error))?;
        entries.insert(key, entry);
        Ok(())
    }

    fn forget(&self, subject: &Subject) {
        lock(&self.entries).remove(&(subject.object, subject.version));
        // What cannot be removed is looked at again at the next start.
        let _ = std::fs::remove_file(self.path(subject));
    }

    fn path(&self, subject: &Subject) -> PathBuf {
        self.folder.join(format!("{}-{}", subject.object, subject.version))
    }
}

/// What is known of a version of an object.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) registered: Option<Versioned<Registered>>,
    pub(super) latest: u64,
    pub(super) destroyed: bool,
}

impl Known {
    pub(super) fn height(&self) -> Option<u64> {
        self.registered.as_ref().map(|registered| registered.height)
    }
}

/// What other members and the own people ask of this node's shelf.
#[derive(Clone, Copy, Debug)]
pub struct Shelf<'c>(pub(super) &'c Custody);

impl Custody {
    /// This member's shelf, and through it the others'.
    pub fn shelf(&self) -> Shelf<'_> {
        Shelf(self)
    }

    /// What the ledger says of a version.
    pub(super) async fn known(&self, subject: &Subject) -> Result<Known, ReadError> {
        let (node, object) = (self.agent().node(), object(subject));
        let latest = node.latest::<Registered>(&object).await?;
        let number = latest.as_ref().map_or(0, |latest| latest.version);
        let registered = match latest {
            Some(latest) if latest.version == subject.version => Some(latest),
            Some(_) if subject.version < number => node.version(&object, subject.version).await?,
            _ => None,
        };
        let destroyed = node.latest::<Destruction>(&ObjectRef::custody(object)).await?.is_some();
        Ok(Known { registered, latest: number, destroyed })
    }

    /// The manifest of what lies here, as the ledger or, before that, its owner gave it.
    pub(super) async fn manifest_here(
        &self,
        subject: &Subject,
        known: &Known,
    ) -> Result<Arc<Manifest>, KeepingError> {
        let absent = KeepingError::Absent { what: "manifest" };
        let digest = match &known.registered {
            Some(registered) => Digest(registered.value.manifest.0),
            None => {
                let entry = self.0.incoming.get(subject).ok_or(absent)?;
                entry.manifest.parse().map_err(|_| KeepingError::Absent { what: "manifest" })?
            }
        };
        let cached = lock(&self.0.incoming.manifests)
            .iter()
            .find(|manifest| manifest.subject() == *subject && manifest.digest() == digest)
            .cloned();
        if let Some(manifest) = cached {
            return Ok(manifest);
        }
        let manifest = match self.0.store.manifest(subject, &digest).await {
            Err(StoreError::Absent { .. }) => return Err(KeepingError::Absent { what: "manifest" }),
            manifest => manifest?,
        };
        Ok(self.remember(manifest))
    }

    /// Keeps a manifest in memory: it is asked for with every segment.
    fn remember(&self, manifest: Manifest) -> Arc<Manifest> {
        let manifest = Arc::new(manifest);
        let mut manifests = lock(&self.0.incoming.manifests);
        manifests.truncate(MANIFESTS - 1);
        manifests.insert(0, manifest.clone());
        manifest
    }

    /// The shard that this member holds.
    pub(super) fn own_shard(&self, subject: &Subject, total: u8, known: &Known) -> Option<u8> {
        let member = self.0.secrets.key().member();
        self.placement(subject, total, known.height())?.shard_of(&member)
    }

    /// Notes that the ledger knows an object: it waits no more.
    pub(super) async fn registered(&self, subject: &Subject, manifest: &Digest) -> Result<(), KeepingError> {
        if let Some(entry) = self.0.incoming.get(subject) {
            if entry.manifest != manifest.to_string() {
                self.shred(subject).await?;
            }
            self.0.incoming.forget(subject);
        }
        Ok(())
    }

    /// Deletes everything of an object here.
    pub(super) async fn shred(&self, subject: &Subject) -> Result<Shredded, StoreError> {
        lock(&self.0.incoming.manifests).retain(|manifest| manifest.subject() != *subject);
        lock(&self.0.checked).remove(&(subject.object, subject.version));
        let shredded = self.0.store.shred(subject).await?;
        self.0.incoming.forget(subject);
        Ok(shredded)
    }

    /// Deletes what has waited too long for the ledger.
    pub(super) async fn sweep(&self) -> Result<(), KeepingError> {
        let now = clock::now_ms();
        let waiting: Vec<Subject> = lock(&self.0.incoming.entries)
            .iter()
            .filter(|(_, entry)| entry.since_ms + UNREGISTERED_MS < now)
            .map(|((object, version), _)| Subject { object: *object, version: *version })
            .collect();
        for subject in waiting {
            match self.known(&subject).await?.registered {
                Some(registered) => self.registered(&subject, &Digest(registered.value.manifest.0)).await?,
                None => drop(self.shred(&subject).await?),
            }
        }
        Ok(())
    }
}

impl Shelf<'_> {
    /// Takes the manifest of an object from its owner.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn offer(
        &self,
        owner: OrganisationId,
        subject: &Subject,
        label: Slug,
        bytes: &[u8],
    ) -> Result<(), KeepingError> {
        let custody = self.0;
        if CustodyId::derive(custody.chain(), owner, label) != object(subject) {
            return Err(KeepingError::NotYours { organisation: owner });
        }
        let manifest = Manifest::decode(bytes).map_err(ManifestError::from)?;
        if manifest.subject() != *subject {
            return Err(KeepingError::Unfit { what: "of another object" });
        }
        let layout = manifest.layout();
        if layout.segment_bytes(0) > MAX_SEGMENT {
            return Err(KeepingError::Unfit { what: "one of segments that are too large" });
        }
        let known = custody.known(subject).await?;
        if known.destroyed {
            return Err(KeepingError::Destroyed);
        }
        if let Some(registered) = &known.registered {
            Manifest::check(bytes, &Digest(registered.value.manifest.0))?;
            return Ok(custody.0.store.put_manifest(&manifest).await?);
        }
        if subject.version != known.latest + 1 {
            return Err(KeepingError::Version { version: subject.version, latest: known.latest });
        }
        if custody.roster().is_none() {
            return Err(KeepingError::NoCommittee);
        }
        let digest = manifest.digest().to_string();
        if custody.0.incoming.get(subject).is_some_and(|entry| entry.manifest != digest) {
            custody.shred(subject).await?;
        }
        let limit = custody.0.settings.incoming_mib.get().saturating_mul(1 << 20);
        let entry = Entry {
            organisation: owner,
            manifest: digest,
            bytes: layout.shard_bytes(),
            since_ms: clock::now_ms(),
        };
        custody.0.incoming.note(subject, entry, limit)?;
        Ok(custody.0.store.put_manifest(&manifest).await?)
    }

    /// Takes a segment of the shard that this member holds, from the object's owner.
    ///
    /// # Errors
    /// [`KeepingError`]; nothing is kept then.
    pub async fn put(
        &self,
        owner: OrganisationId,
        subject: &Subject,
        shard: u8,
        segment: u64,
        bytes: Bytes,
    ) -> Result<(), KeepingError> {
        let custody = self.0;
        let known = custody.known(subject).await?;
        if known.destroyed {
            return Err(KeepingError::Destroyed);
        }
        let of = match &known.registered {
            Some(registered) => Some(registered.value.organisation),
            None => custody.0.incoming.get(subject).map(|entry| entry.organisation),
        };
        if of != Some(owner) {
            return Err(KeepingError::NotYours { organisation: owner });
        }
        let manifest = custody.manifest_here(subject, &known).await?;
        if custody.own_shard(subject, manifest.scheme().total(), &known) != Some(shard) {
            return Err(KeepingError::NotHeld { shard });
        }
        Ok(custody.0.store.put_checked(&manifest, shard, segment, bytes).await?)
    }

    /// The manifest that lies here.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn manifest(&self, subject: &Subject) -> Result<Vec<u8>, KeepingError> {
        let known = self.0.known(subject).await?;
        Ok(self.0.manifest_here(subject, &known).await?.encode())
    }

    /// Bytes of a segment that lies here.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn read(
        &self,
        subject: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Bytes, KeepingError> {
        if range.is_empty() || range.len() > MAX_SEGMENT {
            return Err(KeepingError::Absent { what: "such range" });
        }
        match self.0.0.store.read(subject, shard, segment, range).await {
            Err(StoreError::Absent { .. }) => Err(KeepingError::Absent { what: "segment" }),
            read => Ok(read?),
        }
    }

    /// What lies here of a shard, and what the last check found. Wrong segments that are not rebuilt do not count as here.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn held(&self, subject: &Subject, shard: u8) -> Result<BTreeSet<u64>, KeepingError> {
        let mut held = match self.0.0.store.segments(subject, shard).await {
            Err(StoreError::Absent { .. }) => BTreeSet::new(),
            held => held?,
        };
        if let Some(checked) = lock(&self.0.0.checked).get(&(subject.object, subject.version)) {
            held.retain(|segment| !checked.missing.contains(segment));
        }
        Ok(held)
    }

    /// Who holds which shard of a registered object.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn holders(
        &self,
        subject: &Subject,
    ) -> Result<BTreeMap<u8, Option<OrganisationId>>, KeepingError> {
        let known = self.0.known(subject).await?;
        let manifest = self.any_manifest(subject).await?;
        Ok(self.0.holders(subject, manifest.scheme().total(), known.height()))
    }

    /// Reads this member's shard of an object again and rebuilds what is lost or wrong.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn check(&self, subject: &Subject) -> Result<Checked, KeepingError> {
        self.0.check(subject, true).await
    }

    /// Offers an object of this organisation to all members that are to hold a shard of it. What each has of it already is told, and why one takes none.
    ///
    /// # Errors
    /// [`KeepingError`]: it can be offered to nobody.
    pub async fn offer_to_all(
        &self,
        subject: &Subject,
        label: Slug,
        bytes: &[u8],
    ) -> Result<Vec<Offered>, KeepingError> {
        let (custody, me) = (self.0, self.0.organisation());
        // The own shelf checks it first, whether it holds a shard or not.
        self.offer(me, subject, label, bytes).await?;
        let known = custody.known(subject).await?;
        let manifest = custody.manifest_here(subject, &known).await?;
        let total = manifest.scheme().total();
        let holders = custody.holders(subject, total, known.height());
        let mut offers = tokio::task::JoinSet::new();
        for (shard, holder) in holders {
            let (custody, subject, bytes) = (custody.clone(), *subject, bytes.to_vec());
            let runtime = tokio::runtime::Handle::current();
            offers.spawn_blocking(move || {
                let offered = custody.offer_one(&runtime, holder, &subject, shard, label, &bytes);
                let (segments, problem) = match offered {
                    Ok(segments) => (segments, None),
                    Err(problem) => (BTreeSet::new(), Some(problem)),
                };
                Offered { shard, holder, segments, problem }
            });
        }
        let mut offered = offers.join_all().await;
        offered.sort_by_key(|offered| offered.shard);
        Ok(offered)
    }

    /// Gives a segment of an object of this organisation to its holder.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn place(
        &self,
        subject: &Subject,
        shard: u8,
        segment: u64,
        bytes: Bytes,
    ) -> Result<(), KeepingError> {
        let custody = self.0;
        let known = custody.known(subject).await?;
        let manifest = custody.manifest_here(subject, &known).await?;
        let holders = custody.holders(subject, manifest.scheme().total(), known.height());
        let holder = holders.get(&shard).copied().flatten().ok_or(KeepingError::NotHeld { shard })?;
        if holder == custody.organisation() {
            return self.put(holder, subject, shard, segment, bytes).await;
        }
        let (custody, subject) = (custody.clone(), *subject);
        let runtime = tokio::runtime::Handle::current();
        blocking(move || custody.give_to(&runtime, holder, &subject, shard, segment, &bytes))
            .await?
            .map_err(KeepingError::from)
    }

    /// Bytes of a segment from whoever holds it.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn fetch(
        &self,
        subject: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Vec<u8>, medveil_vault::shards::SourceError> {
        use medveil_vault::shards::SourceError;
        let fail = |error: &dyn std::fmt::Display| SourceError::Failed { what: error.to_string() };
        let custody = self.0;
        let known = custody.known(subject).await.map_err(|error| fail(&error))?;
        // The number of shards decides who holds them; the manifest is checked where it comes from.
        let manifest = self.any_manifest(subject).await.map_err(|error| fail(&error))?;
        let holders = custody.holders(subject, manifest.scheme().total(), known.height());
        let holder = holders.get(&shard).copied().flatten().ok_or(SourceError::Absent)?;
        let (custody, subject) = (custody.clone(), *subject);
        let runtime = tokio::runtime::Handle::current();
        blocking(move || custody.read_from(&runtime, holder, &subject, shard, segment, range))
            .await
            .unwrap_or_else(|error| Err(fail(&error)))
    }

    /// The manifest of a registered object, from here or any other member. It is the one that the ledger names.
    ///
    /// # Errors
    /// [`KeepingError`].
    pub async fn any_manifest(&self, subject: &Subject) -> Result<Arc<Manifest>, KeepingError> {
        let custody = self.0;
        let known = custody.known(subject).await?;
        match custody.manifest_here(subject, &known).await {
            Err(KeepingError::Absent { .. } | KeepingError::Store(_)) if known.registered.is_some() => {}
            manifest => return manifest,
        }
        let registered = known.registered.as_ref().ok_or(KeepingError::Absent { what: "manifest" })?;
        let digest = Digest(registered.value.manifest.0);
        let roster = custody.roster().ok_or(KeepingError::NoCommittee)?;
        let (asking, subject) = (custody.clone(), *subject);
        let runtime = tokio::runtime::Handle::current();
        let found = blocking(move || {
            let others = roster.members.keys().filter(|member| **member != asking.organisation());
            for member in others {
                let path = peers::path(&subject, "manifest");
                let answer = asking.0.peers.ask(&runtime, *member, "GET", &path, &[]);
                match answer.map(|bytes| Manifest::check(&bytes, &digest)) {
                    Ok(Ok(manifest)) => return Some(manifest),
                    Ok(Err(error)) => {
                        tracing::warn!(%member, object = %subject.object, %error, "a member gives another manifest");
                    }
                    Err(error) => tracing::debug!(%member, %error, "a member gives no manifest"),
                }
            }
            None
        })
        .await?;
        let manifest = found.ok_or(KeepingError::Absent { what: "manifest" })?;
        // Who reads does not wait for the store here; what looks after it writes it again.
        if let Err(error) = custody.0.store.put_manifest(&manifest).await {
            tracing::warn!(object = %subject.object, %error, "a manifest cannot be kept");
        }
        Ok(custody.remember(manifest))
    }
}

impl Custody {
    /// Offers an object to one holder; the segments that it has.
    fn offer_one(
        &self,
        runtime: &tokio::runtime::Handle,
        holder: Option<OrganisationId>,
        subject: &Subject,
        shard: u8,
        label: Slug,
        manifest: &[u8],
    ) -> Result<BTreeSet<u64>, String> {
        let holder = holder.ok_or("no member holds it")?;
        if holder == self.organisation() {
            return runtime.block_on(self.shelf().held(subject, shard)).map_err(|error| error.to_string());
        }
        self.offer_to(runtime, holder, subject, label, manifest).map_err(|error| error.to_string())?;
        self.held_by(runtime, holder, subject, shard).map_err(|error| error.to_string())
    }

    /// The segments of a shard that a holder says it has. Blocks.
    pub(super) fn held_by(
        &self,
        runtime: &tokio::runtime::Handle,
        holder: OrganisationId,
        subject: &Subject,
        shard: u8,
    ) -> Result<BTreeSet<u64>, PeerError> {
        if holder == self.organisation() {
            let held = runtime.block_on(self.shelf().held(subject, shard));
            return held.map_err(|error| PeerError::Own(error.to_string()));
        }
        let path = peers::path(subject, &shard.to_string());
        let answer = self.0.peers.ask(runtime, holder, "GET", &path, &[])?;
        serde_json::from_slice(&answer).map_err(|error| PeerError::Own(error.to_string()))
    }
}

/// Runs on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, KeepingError> {
    let done = tokio::task::spawn_blocking(run).await;
    done.map_err(|error| KeepingError::System(Refusal::file("custody".as_ref(), error)))
}
