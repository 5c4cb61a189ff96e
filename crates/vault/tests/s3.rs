//! A real store that speaks S3. Where `MEDVEIL_S3_ENDPOINT` names none, the tests say so and pass; `tests/s3.sh` installs and starts one.
#![cfg(feature = "s3")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use chacha20::ChaCha20Rng;
use medveil_vault::envelope::{Envelope, Subject, Suite};
use medveil_vault::shards::{MemoryShards, Scheme};
use medveil_vault::store::{
    AccessKeys, Address, Bucket, Buckets, Connection, MemberStore, StoreError, StoredShards,
};
use medveil_vault::upkeep::{Pace, repair, scrub};
use medveil_vault::{DataKey, ObjectId, object};
use rand_core::SeedableRng;
use tokio::runtime::Runtime;

/// A bucket of the server below a prefix of its own, with these keys.
fn bucket(name: &str, prefix: &str, id: &str, secret: &str) -> Option<Bucket> {
    let Ok(endpoint) = std::env::var("MEDVEIL_S3_ENDPOINT") else {
        eprintln!("skipped: MEDVEIL_S3_ENDPOINT is not set (tests/s3.sh)");
        return None;
    };
    let connection = Connection { endpoint: Some(endpoint), allow_http: true, ..Connection::default() };
    let keys = AccessKeys { id: id.into(), secret: secret.to_owned().into(), session: None };
    let mut buckets = Buckets::default();
    buckets.insert(name.to_owned(), connection, keys);
    let address: Address = format!("s3://{name}/{}/{prefix}", own()).parse().unwrap();
    Some(buckets.open(&address).unwrap())
}

/// What no other run has.
fn own() -> String {
    static OWN: std::sync::LazyLock<u128> =
        std::sync::LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos());
    format!("vault-{}", *OWN)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

const SUBJECT: Subject = Subject { object: ObjectId([1; 32]), version: 1 };

#[test]
fn an_object_goes_into_a_bucket_is_repaired_there_and_comes_out() {
    let Some(bucket) = bucket("medveil", "hospital-1", "S3RVER", "S3RVER") else { return };
    let store = MemberStore::bucket(&bucket);
    let runtime = runtime();

    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let key = DataKey::generate(&mut rng);
    let envelope = Envelope::new(Suite::Aes256Gcm, SUBJECT, &key, &mut rng);
    let text = vec![7; 20_000_000];
    let mut stored = StoredShards::new(store.clone(), SUBJECT, runtime.handle().clone());
    let manifest =
        object::seal(&mut text.as_slice(), &mut stored, &envelope, Scheme::default(), &key).unwrap();
    let mut out = Vec::new();
    let faults = object::open(&manifest, stored.clone(), &key, &mut out).unwrap();
    assert!(out == text && faults.is_empty());

    let mut shards = MemoryShards::default();
    object::seal(&mut text.as_slice(), &mut shards, &envelope, Scheme::default(), &key).unwrap();
    runtime.block_on(async {
        store.put_manifest(&manifest).await.unwrap();
        assert_eq!(store.manifest(&SUBJECT, &manifest.digest()).await.unwrap(), manifest);
        assert_eq!(store.objects().await.unwrap(), [SUBJECT]);
        assert_eq!(store.segments(&SUBJECT, 3).await.unwrap(), BTreeSet::from([0, 1]));
        // From the middle, over the end, and beyond it.
        let whole = &shards.files[&(3, 1)];
        let read = async |range| store.read(&SUBJECT, 3, 1, range).await;
        assert_eq!(read(10..20).await.unwrap(), whole[10..20]);
        assert_eq!(read(whole.len() - 5..whole.len() + 5).await.unwrap(), whole[whole.len() - 5..]);
        assert!(read(whole.len() + 5..whole.len() + 9).await.is_err());
        let others = shards.files[&(2, 0)].clone();
        assert!(matches!(store.put_checked(&manifest, 3, 0, others.into()).await, Err(StoreError::Wrong(_))));
        // A disk behind the bucket that lies.
        let mut lie = whole.clone();
        lie[1000] ^= 1;
        store.put_segment(&SUBJECT, 3, 1, lie.into()).await.unwrap();
    });
    let mut pace = Pace::new(1 << 30);
    let bad: Vec<u64> = scrub(&manifest, 3, stored.clone(), &mut pace).faults.into_keys().collect();
    assert_eq!(bad, [1]);
    let report = repair(&manifest, 3, bad, shards.clone(), &mut stored.clone(), &mut pace).unwrap();
    assert_eq!(report.repaired, 1);
    assert!(scrub(&manifest, 3, stored, &mut pace).faults.is_empty());
    runtime.block_on(async {
        assert_eq!(store.shred(&SUBJECT).await.unwrap().segments, 14);
        assert!(store.objects().await.unwrap().is_empty());
        assert!(matches!(store.read(&SUBJECT, 3, 0, 0..1).await, Err(StoreError::Absent { .. })));
        assert_eq!(store.anything().await.unwrap(), None);
    });
}

#[test]
fn what_a_bucket_does_not_do_is_named() {
    let runtime = runtime();
    let put = |bucket: &Bucket| {
        let store = MemberStore::bucket(bucket);
        let answers = runtime.block_on(async {
            [
                store.put_segment(&SUBJECT, 0, 0, vec![1].into()).await.err(),
                store.segments(&SUBJECT, 0).await.err(),
                store.note("format.toml").await.err(),
            ]
        });
        answers.map(|answer| answer.map(|error| (error.to_string(), error)))
    };
    for (id, secret, code) in
        [("S3RVER", "another", "SignatureDoesNotMatch"), ("another", "S3RVER", "InvalidAccessKeyId")]
    {
        let Some(bucket) = bucket("medveil", "denied", id, secret) else { return };
        for (said, error) in put(&bucket).into_iter().flatten() {
            assert!(matches!(error, StoreError::Denied { .. }) && said.contains(code), "{said}");
            assert!(!said.contains("another"), "{said}");
        }
    }
    let none = bucket("none", "x", "S3RVER", "S3RVER").unwrap();
    let [write, list, read] = put(&none).map(Option::unwrap);
    for (said, error) in [write, list, read] {
        assert!(matches!(error, StoreError::NoBucket { .. }), "{said}");
    }
    let full = bucket("full", "x", "S3RVER", "S3RVER").unwrap();
    let [write, list, read] = put(&full);
    assert!(matches!(write, Some((_, StoreError::Full { .. }))), "{write:?}");
    assert!(list.is_none() && read.is_none());
}

#[test]
fn what_lies_in_a_bucket_is_listed_and_copied_as_it_was_listed() {
    let Some(bucket) = bucket("medveil", "extract", "S3RVER", "S3RVER") else { return };
    let runtime = runtime();
    let store = MemberStore::bucket(&bucket);
    let put =
        |name: &str, text: &str| runtime.block_on(store.put_note(name, text.to_owned().into())).unwrap();
    let copy = |object| {
        let mut bytes = Vec::new();
        runtime.block_on(bucket.copy(object, &mut bytes)).map(|()| bytes)
    };
    assert!(runtime.block_on(bucket.list()).unwrap().is_empty());
    put("b.csv", "id\n2\n");
    put("a.csv", "id\n1\n");
    let listed = runtime.block_on(bucket.list()).unwrap();
    let names: Vec<_> = listed.iter().map(|object| (object.name.as_str(), object.size)).collect();
    assert_eq!(names, [("a.csv", 5), ("b.csv", 5)]);
    assert_eq!(copy(&listed[0]).unwrap(), b"id\n1\n");
    put("a.csv", "id\n3\n");
    assert!(matches!(copy(&listed[0]), Err(StoreError::Changed { .. })));
    let again = runtime.block_on(bucket.list()).unwrap();
    assert!(again[0] != listed[0] && again[1] == listed[1]);
}
