//! A real store that speaks S3. Where `MEDVEIL_S3_ENDPOINT` names none, the test says so and passes; `tests/s3.sh` installs and starts one.
#![cfg(feature = "s3")]

use std::collections::BTreeSet;

use chacha20::ChaCha20Rng;
use medveil_vault::envelope::{Envelope, Subject, Suite};
use medveil_vault::shards::{MemoryShards, Scheme};
use medveil_vault::store::{MemberStore, StoreError, StoredShards};
use medveil_vault::{DataKey, ObjectId, object};
use rand_core::SeedableRng;

#[test]
fn an_object_goes_into_a_bucket_and_comes_out() {
    let Ok(endpoint) = std::env::var("MEDVEIL_S3_ENDPOINT") else {
        eprintln!("skipped: MEDVEIL_S3_ENDPOINT is not set (tests/s3.sh)");
        return;
    };
    let options = [
        ("endpoint", endpoint.as_str()),
        ("allow_http", "true"),
        ("region", "us-east-1"),
        ("access_key_id", "S3RVER"),
        ("secret_access_key", "S3RVER"),
        ("virtual_hosted_style_request", "false"),
    ];
    let store = MemberStore::s3("medveil", "hospital-1", options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    let subject = Subject { object: ObjectId([1; 32]), version: 1 };
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let key = DataKey::generate(&mut rng);
    let envelope = Envelope::new(Suite::Aes256Gcm, subject, &key, &mut rng);
    let text = vec![7; 20_000_000];
    let mut stored = StoredShards::new(store.clone(), subject, runtime.handle().clone());
    let manifest =
        object::seal(&mut text.as_slice(), &mut stored, &envelope, Scheme::default(), &key).unwrap();
    let mut out = Vec::new();
    let faults = object::open(&manifest, stored, &key, &mut out).unwrap();
    assert!(out == text && faults.is_empty());

    runtime.block_on(async {
        store.put_manifest(&manifest).await.unwrap();
        assert_eq!(store.manifest(&subject, &manifest.digest()).await.unwrap(), manifest);
        assert_eq!(store.objects().await.unwrap(), [subject]);
        assert_eq!(store.segments(&subject, 3).await.unwrap(), BTreeSet::from([0, 1]));
        let mut shards = MemoryShards::default();
        object::seal(&mut text.as_slice(), &mut shards, &envelope, Scheme::default(), &key).unwrap();
        let others = shards.files.remove(&(2, 0)).unwrap();
        assert!(matches!(store.put_checked(&manifest, 3, 0, others.into()).await, Err(StoreError::Wrong(_))));
        assert_eq!(store.shred(&subject).await.unwrap().segments, 14);
        assert!(store.objects().await.unwrap().is_empty());
        assert!(matches!(store.read(&subject, 3, 0, 0..1).await, Err(StoreError::Absent { .. })));
    });

    // Who is not known is refused by the server, and that is named as its failure.
    let wrong = options.map(|(name, value)| match name {
        "access_key_id" => (name, "another"),
        _ => (name, value),
    });
    let store = MemberStore::s3("medveil", "hospital-1", wrong).unwrap();
    let refused = runtime.block_on(store.put_segment(&subject, 0, 0, vec![1].into()));
    assert!(matches!(refused, Err(StoreError::Failed { .. })), "{refused:?}");
    let error = MemberStore::s3("medveil", "", [("no_such_option", "secret")]).unwrap_err();
    assert!(error.to_string().contains("no_such_option") && !error.to_string().contains("`secret`"));
}
