//! A member's store.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use super::direct;
use super::error::StoreError;
use crate::encoding::Canonical;
use crate::envelope::Subject;
use crate::manifest::Manifest;
use crate::shards::Fault;
use crate::{Digest, ObjectId};

/// The shards and manifests that a member keeps.
#[derive(Clone, Debug)]
pub struct MemberStore {
    store: Arc<dyn ObjectStore>,
    /// The same store, if it is a folder: object stores do not flush to the disk, so this does.
    folder: Option<Arc<LocalFileSystem>>,
    /// What all paths begin with.
    prefix: Path,
    /// Numbers what is being written.
    incoming: Arc<AtomicU64>,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shredded {
    /// Segment files.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl MemberStore {
    /// The store in a folder of this machine, which is made if it is not there, for its owner only. Sweeps away what an earlier run was writing when it ended:
    /// one process at a time may have a folder.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn folder(path: &std::path::Path) -> Result<MemberStore, StoreError> {
        let failed = |error| StoreError::io(path.display(), error);
        make_private(path).map_err(failed)?;
        match std::fs::remove_dir_all(path.join(INCOMING)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let folder =
            LocalFileSystem::new_with_prefix(path).map_err(|error| StoreError::at(path.display(), error))?;
        let folder = Arc::new(folder);
        Ok(MemberStore {
            store: folder.clone(),
            folder: Some(folder),
            prefix: Path::default(),
            incoming: Arc::default(),
        })
    }

    /// The store in a bucket. Nothing is connected to yet.
    #[cfg(feature = "s3")]
    pub fn bucket(bucket: &super::Bucket) -> MemberStore {
        MemberStore::over(bucket.store.clone(), bucket.prefix().clone())
    }

    /// The store in any object store whose writes are atomic and durable.
    pub fn over(store: Arc<dyn ObjectStore>, prefix: Path) -> MemberStore {
        MemberStore { store, folder: None, prefix, incoming: Arc::default() }
    }

    /// A small file beside the objects, such as whose store it is; `None` when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let path = self.prefix.clone().join(name);
        let failed = |error| StoreError::at(&path, error);
        match self.store.get(&path).await.map_err(failed) {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(StoreError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a small file beside the objects.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn put_note(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.put(self.prefix.clone().join(name), bytes).await
    }

    /// Something that lies in the store, if there is anything.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn anything(&self) -> Result<Option<String>, StoreError> {
        let mut all = self.store.list(Some(&self.prefix));
        let first = all.try_next().await.map_err(|error| StoreError::at(&self.prefix, error))?;
        Ok(first.map(|found| found.location.to_string()))
    }

    /// Keeps a manifest.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn put_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let bytes = Canonical::encode(manifest);
        self.put(self.object(&manifest.subject()).join("manifest"), bytes.into()).await
    }

    /// The manifest of an object, if it is the one with this digest.
    ///
    /// # Errors
    /// When it is not there or another.
    pub async fn manifest(&self, subject: &Subject, digest: &Digest) -> Result<Manifest, StoreError> {
        let path = self.object(subject).join("manifest");
        let failed = |error| StoreError::at(&path, error);
        let bytes = self.store.get(&path).await.map_err(failed)?.bytes().await.map_err(failed)?;
        Manifest::check(&bytes, digest)
            .map_err(|error| StoreError::Failed { path: path.to_string(), source: Box::new(error) })
    }

    /// Keeps a segment that another member sent, if it is what the manifest says.
    ///
    /// # Errors
    /// When it is not, or cannot be kept.
    pub async fn put_checked(
        &self,
        manifest: &Manifest,
        shard: u8,
        segment: u64,
        bytes: Bytes,
    ) -> Result<(), StoreError> {
        manifest.segment_check().check(shard, segment, &bytes).map_err(|kind| Fault {
            shard,
            segment,
            kind,
        })?;
        self.put_segment(&manifest.subject(), shard, segment, bytes).await
    }

    /// Keeps a segment as it is: for who has just made it.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn put_segment(
        &self,
        subject: &Subject,
        shard: u8,
        segment: u64,
        bytes: Bytes,
    ) -> Result<(), StoreError> {
        self.put(self.segment(subject, shard, segment), bytes).await
    }

    /// Bytes of a segment; fewer when the file ends before the range does.
    ///
    /// # Errors
    /// When it is not there, or ends before the range begins.
    pub async fn read(
        &self,
        subject: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Bytes, StoreError> {
        let path = self.segment(subject, shard, segment);
        let failed = |error| StoreError::at(&path, error);
        if let Some(file) = self.large(&path, &range)? {
            let wanted = range.clone();
            let read = on_disk(move || direct::read(&file, wanted)).await;
            let bytes = read.map_err(|error| StoreError::io(&path, error))?;
            // If it ends before the range begins, the store says so.
            if !bytes.is_empty() {
                return Ok(bytes.into());
            }
        }
        let range = GetRange::Bounded(range.start as u64..range.end as u64);
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        self.store.get_opts(&path, options).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// The same on a thread that may wait.
    pub(super) fn read_waiting(
        &self,
        runtime: &Handle,
        subject: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Vec<u8>, StoreError> {
        let path = self.segment(subject, shard, segment);
        if let Some(file) = self.large(&path, &range)? {
            let bytes = direct::read(&file, range.clone()).map_err(|error| StoreError::io(&path, error))?;
            if !bytes.is_empty() {
                return Ok(bytes);
            }
        }
        runtime.block_on(self.read(subject, shard, segment, range)).map(Vec::from)
    }

    /// The file of a range that is large enough to go past the page cache, if this store is a folder.
    fn large(&self, path: &Path, range: &Range<usize>) -> Result<Option<PathBuf>, StoreError> {
        let folder = self.folder.as_ref().filter(|_| range.len() >= LARGE);
        let file = folder.map(|folder| folder.path_to_filesystem(path));
        file.transpose().map_err(|error| StoreError::at(path, error))
    }

    /// Which segments of a shard are there: where a transfer goes on. Whether they are right, scrubbing tells.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn segments(&self, subject: &Subject, shard: u8) -> Result<BTreeSet<u64>, StoreError> {
        let folder = self.shard(subject, shard);
        let files = self.list(&folder).await?;
        Ok(files.iter().filter_map(|(path, _)| path.filename()?.parse().ok()).collect())
    }

    /// The objects of which there is anything.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn objects(&self) -> Result<Vec<Subject>, StoreError> {
        let root = self.prefix.clone().join(OBJECTS);
        let failed = |error| StoreError::at(&root, error);
        let mut subjects = Vec::new();
        let objects = self.store.list_with_delimiter(Some(&root)).await.map_err(failed)?;
        for folder in objects.common_prefixes {
            let Some(object) = folder.filename().and_then(|name| name.parse::<ObjectId>().ok()) else {
                continue;
            };
            let versions = self.store.list_with_delimiter(Some(&folder)).await.map_err(failed)?;
            for folder in versions.common_prefixes {
                if let Some(version) = folder.filename().and_then(|name| name.parse().ok()) {
                    subjects.push(Subject { object, version });
                }
            }
        }
        subjects.sort_unstable_by_key(|subject| (subject.object, subject.version));
        Ok(subjects)
    }

    /// Deletes everything of an object. What a disk or a cloud keeps of deleted files is pieces of sealed bytes whose key nobody releases any more.
    ///
    /// # Errors
    /// When something cannot be deleted; then it can be tried again.
    pub async fn shred(&self, subject: &Subject) -> Result<Shredded, StoreError> {
        let folder = self.object(subject);
        let mut shredded = Shredded::default();
        for (path, bytes) in self.list(&folder).await? {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StoreError::at(path, error)),
            }
            if path.filename() != Some("manifest") {
                shredded.segments += 1;
                shredded.bytes += bytes;
            }
        }
        if let Some(local) = &self.folder {
            let path = local.path_to_filesystem(&folder).map_err(|error| StoreError::at(&folder, error))?;
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::io(folder, error));
                }
                _ => {}
            }
        }
        Ok(shredded)
    }

    async fn list(&self, folder: &Path) -> Result<Vec<(Path, u64)>, StoreError> {
        self.store
            .list(Some(folder))
            .map_ok(|found| (found.location, found.size))
            .try_collect()
            .await
            .map_err(|error| StoreError::at(folder, error))
    }

    async fn put(&self, path: Path, bytes: Bytes) -> Result<(), StoreError> {
        let failed = |error| StoreError::at(&path, error);
        let Some(folder) = &self.folder else {
            return self.store.put(&path, bytes.into()).await.map(|_| ()).map_err(failed);
        };
        let number = self.incoming.fetch_add(1, Ordering::Relaxed);
        let beside = Path::from_iter([INCOMING, &number.to_string()]);
        let moved = async {
            let file = folder.path_to_filesystem(&beside).map_err(failed)?;
            let written = on_disk(move || {
                if let Some(parent) = file.parent() {
                    make_private(parent)?;
                }
                direct::write(&file, &bytes)
            });
            written.await.map_err(|error| StoreError::io(&path, error))?;
            folder.rename(&beside, &path).await.map_err(failed)?;
            // The move itself is an entry of the folder.
            let mut place = folder.path_to_filesystem(&path).map_err(failed)?;
            place.pop();
            let flushed = on_disk(move || std::fs::File::open(place)?.sync_all());
            flushed.await.map_err(|error| StoreError::io(&path, error))
        };
        let result = moved.await;
        if result.is_err() {
            let _ = folder.delete(&beside).await;
        }
        result
    }

    fn object(&self, subject: &Subject) -> Path {
        let (object, version) = (subject.object.to_string(), subject.version.to_string());
        self.prefix.clone().join(OBJECTS).join(object).join(version)
    }

    fn shard(&self, subject: &Subject, shard: u8) -> Path {
        self.object(subject).join(format!("shard-{shard}"))
    }

    fn segment(&self, subject: &Subject, shard: u8, segment: u64) -> Path {
        self.shard(subject, shard).join(segment.to_string())
    }
}

/// Does what may wait for the disk on a thread that may.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.map_err(std::io::Error::other)?,
        Err(_) => work(),
    }
}

fn make_private(path: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Bytes of a read that goes past the page cache.
const LARGE: usize = 64 << 10;

const OBJECTS: &str = "objects";
const INCOMING: &str = "incoming";
