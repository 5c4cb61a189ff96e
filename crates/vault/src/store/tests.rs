use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::sync::Arc;

use chacha20::ChaCha20Rng;
use full_store::FullStore;
use object_store::path::Path;
use rand_core::{Rng, SeedableRng};
use tokio::runtime::Runtime;

use super::*;
use crate::envelope::{Envelope, Subject, Suite};
use crate::manifest::Manifest;
use crate::shards::{MemoryShards, Scheme, ShardReader, SourceError};
use crate::{DataKey, Digest, ObjectId, object};

const SUBJECT: Subject = Subject { object: ObjectId([1; 32]), version: 2 };

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

fn made(length: usize) -> (Manifest, MemoryShards, DataKey, Vec<u8>) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut text = vec![0; length];
    rng.fill_bytes(&mut text);
    let key = DataKey::generate(&mut rng);
    let envelope = Envelope::new(Suite::Aes256Gcm, SUBJECT, &key, &mut rng);
    let scheme = Scheme::with_units(2, 3, 4096, 2).unwrap();
    let mut shards = MemoryShards::default();
    let manifest = object::seal(&mut text.as_slice(), &mut shards, &envelope, scheme, &key).unwrap();
    (manifest, shards, key, text)
}

fn files_under(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[test]
fn what_is_kept_is_read_listed_and_shredded() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, shards, ..) = made(30_000);
    runtime().block_on(async {
        let store = MemberStore::folder(folder.path()).unwrap();
        store.put_manifest(&manifest).await.unwrap();
        for ((shard, segment), bytes) in &shards.files {
            if *shard == 1 {
                store.put_checked(&manifest, 1, *segment, bytes.clone().into()).await.unwrap();
            }
        }
        // Another process finds it all.
        let store = MemberStore::folder(folder.path()).unwrap();
        assert_eq!(store.objects().await.unwrap(), [SUBJECT]);
        assert_eq!(store.manifest(&SUBJECT, &manifest.digest()).await.unwrap(), manifest);
        let segments = manifest.layout().segments();
        assert_eq!(store.segments(&SUBJECT, 1).await.unwrap(), (0..segments).collect());
        assert_eq!(store.segments(&SUBJECT, 0).await.unwrap(), BTreeSet::new());
        let bytes = store.read(&SUBJECT, 1, 0, 10..20).await.unwrap();
        assert_eq!(bytes, shards.files[&(1, 0)][10..20]);

        let shredded = store.shred(&SUBJECT).await.unwrap();
        assert_eq!((shredded.segments, shredded.bytes), (segments, manifest.layout().shard_bytes()));
        assert_eq!(store.objects().await.unwrap(), []);
        assert!(matches!(store.read(&SUBJECT, 1, 0, 0..1).await, Err(StoreError::Absent { .. })));
        assert_eq!(store.shred(&SUBJECT).await.unwrap(), Shredded::default());
    });
    assert_eq!(files_under(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_is_not_the_objects_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, shards, ..) = made(30_000);
    runtime().block_on(async {
        let store = MemberStore::folder(folder.path()).unwrap();
        let mut bytes = shards.files[&(1, 0)].clone();
        bytes[100] ^= 1;
        let error = store.put_checked(&manifest, 1, 0, bytes.into()).await.unwrap_err();
        assert_eq!(error.to_string(), "shard 1, segment 0: the piece of stripe 0 is wrong");
        let others = shards.files[&(2, 0)].clone();
        assert!(matches!(store.put_checked(&manifest, 1, 0, others.into()).await, Err(StoreError::Wrong(_))));
        assert!(store.segments(&SUBJECT, 1).await.unwrap().is_empty());
        // A manifest that is not the ledger's is not taken for it.
        store.put_manifest(&manifest).await.unwrap();
        assert!(store.manifest(&SUBJECT, &Digest([0; 32])).await.is_err());
    });
}

#[test]
fn what_was_being_written_when_the_power_went_is_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let store = MemberStore::folder(folder.path()).unwrap();
        store.put_segment(&SUBJECT, 0, 0, vec![1; 100].into()).await.unwrap();
    });
    // Half of a file, and one that object_store was staging.
    let incoming = folder.path().join("incoming");
    std::fs::create_dir_all(&incoming).unwrap();
    std::fs::write(incoming.join("7"), [2; 50]).unwrap();
    std::fs::write(incoming.join("8#1"), [2; 50]).unwrap();
    let store = MemberStore::folder(folder.path()).unwrap();
    assert_eq!(files_under(folder.path()).len(), 1);
    runtime().block_on(async {
        assert_eq!(store.segments(&SUBJECT, 0).await.unwrap(), BTreeSet::from([0]));
    });
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    let store = MemberStore::over(Arc::new(FullStore), Path::default());
    let error = runtime().block_on(store.put_segment(&SUBJECT, 0, 0, vec![1; 100].into())).unwrap_err();
    assert!(matches!(&error, StoreError::Full { path } if path.ends_with("shard-0/0")), "{error}");
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::StorageFull);
}

/// The same on a real file system: `mount -t tmpfs -o size=2m tmpfs DIR`, then `MEDVEIL_SMALL_FOLDER=DIR cargo test .. -- --ignored`.
#[test]
#[ignore = "needs a file system of 2 MB in MEDVEIL_SMALL_FOLDER"]
fn a_real_full_disk_is_named_and_leaves_nothing_half_written() {
    let folder = std::path::PathBuf::from(std::env::var_os("MEDVEIL_SMALL_FOLDER").unwrap());
    let store = MemberStore::folder(&folder.join("store")).unwrap();
    runtime().block_on(async {
        let mut kept = 0;
        let error = loop {
            match store.put_segment(&SUBJECT, 0, kept, vec![1; 300_000].into()).await {
                Ok(()) => kept += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(kept > 0);
        assert_eq!(store.segments(&SUBJECT, 0).await.unwrap(), (0..kept).collect());
        assert_eq!(files_under(&folder).len() as u64, kept);
        // With room again it goes on.
        store.shred(&SUBJECT).await.unwrap();
        store.put_segment(&SUBJECT, 0, 0, vec![1; 300_000].into()).await.unwrap();
        store.shred(&SUBJECT).await.unwrap();
    });
}

#[test]
fn a_folder_that_cannot_be_one_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = MemberStore::folder(file.path()).unwrap_err();
    assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
}

#[test]
fn an_object_goes_into_a_store_and_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _, key, text) = made(100_000);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let envelope = Envelope::new(Suite::Sm4Gcm, SUBJECT, &key, &mut rng);
    let runtime = runtime();
    let store = MemberStore::folder(folder.path()).unwrap();
    let mut shards = StoredShards::new(store.clone(), SUBJECT, runtime.handle().clone());
    let scheme = Scheme::with_units(2, 3, 4096, 2).unwrap();
    let manifest = object::seal(&mut text.as_slice(), &mut shards, &envelope, scheme, &key).unwrap();
    std::fs::remove_dir_all(folder.path().join(format!("objects/{}/2/shard-0", SUBJECT.object))).unwrap();
    let mut out = Vec::new();
    let faults = object::open(&manifest, shards.clone(), &key, &mut out).unwrap();
    assert!(out == text);
    assert!(faults.iter().all(|fault| fault.shard == 0));
    assert_eq!(faults.iter().next().unwrap().kind, SourceError::Absent.into());

    let mut reader = ShardReader::new(shards, manifest.layout(), manifest.segments());
    let mut again = Vec::new();
    reader.read_to_end(&mut again).unwrap();
    assert_eq!(again.len() as u64, manifest.layout().length());
}

/// A store whose disk is full.
mod full_store {
    use futures::stream::BoxStream;
    use object_store::*;

    use super::*;

    #[derive(Debug)]
    pub struct FullStore;

    impl fmt::Display for FullStore {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("full")
        }
    }

    fn full<T>() -> Result<T> {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(Error::Generic { store: "full", source: full.into() })
    }

    type Answer<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

    impl ObjectStore for FullStore {
        fn put_opts<'l0, 'l1, 'a>(
            &'l0 self,
            _: &'l1 Path,
            _: PutPayload,
            _: PutOptions,
        ) -> Answer<'a, PutResult>
        where
            'l0: 'a,
            'l1: 'a,
            Self: 'a,
        {
            Box::pin(async { full() })
        }

        fn put_multipart_opts<'l0, 'l1, 'a>(
            &'l0 self,
            _: &'l1 Path,
            _: PutMultipartOptions,
        ) -> Answer<'a, Box<dyn MultipartUpload>>
        where
            'l0: 'a,
            'l1: 'a,
            Self: 'a,
        {
            Box::pin(async { full() })
        }

        fn get_opts<'l0, 'l1, 'a>(&'l0 self, _: &'l1 Path, _: GetOptions) -> Answer<'a, GetResult>
        where
            'l0: 'a,
            'l1: 'a,
            Self: 'a,
        {
            Box::pin(async { full() })
        }

        fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
            Box::pin(futures::stream::empty())
        }

        fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            Box::pin(futures::stream::empty())
        }

        fn list_with_delimiter<'l0, 'l1, 'a>(&'l0 self, _: Option<&'l1 Path>) -> Answer<'a, ListResult>
        where
            'l0: 'a,
            'l1: 'a,
            Self: 'a,
        {
            Box::pin(async { full() })
        }

        fn copy_opts<'l0, 'l1, 'l2, 'a>(
            &'l0 self,
            _: &'l1 Path,
            _: &'l2 Path,
            _: CopyOptions,
        ) -> Answer<'a, ()>
        where
            'l0: 'a,
            'l1: 'a,
            'l2: 'a,
            Self: 'a,
        {
            Box::pin(async { full() })
        }
    }
}
