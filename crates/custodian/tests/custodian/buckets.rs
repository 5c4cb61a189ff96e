//! Sources in a real bucket. Where `MEDVEIL_S3_ENDPOINT` names no server, the tests say so and pass (`crates/vault/tests/s3.sh`).

use std::time::{SystemTime, UNIX_EPOCH};

use medveil_custodian::*;
use medveil_ledger::action::DatasetRegister;
use medveil_ledger::state::dataset::Dataset;
use medveil_ledger::{DatasetId, Slug, Versioned};
use medveil_vault::store::{AccessKeys, Buckets, Connection};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStoreExt as _, path::Path};

use crate::common::key;
use crate::world::*;

/// A folder of its own in the bucket.
struct Away {
    endpoint: String,
    store: AmazonS3,
    prefix: String,
    runtime: tokio::runtime::Runtime,
}

impl Away {
    fn new(name: &str) -> Option<Away> {
        let Ok(endpoint) = std::env::var("MEDVEIL_S3_ENDPOINT") else {
            eprintln!("skipped: MEDVEIL_S3_ENDPOINT is not set (crates/vault/tests/s3.sh)");
            return None;
        };
        let builder = AmazonS3Builder::new().with_bucket_name("medveil").with_endpoint(&endpoint);
        let builder = builder.with_access_key_id("S3RVER").with_secret_access_key("S3RVER");
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        Some(Away {
            endpoint,
            store: builder.with_allow_http(true).build().unwrap(),
            prefix: format!("custodian-{time}/{name}"),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        })
    }

    fn path(&self, name: &str) -> Path {
        Path::parse(format!("{}/{name}", self.prefix)).unwrap()
    }

    fn put(&self, name: &str, text: &str) {
        self.runtime.block_on(self.store.put(&self.path(name), text.to_owned().into())).unwrap();
    }

    fn delete(&self, name: &str) {
        self.runtime.block_on(self.store.delete(&self.path(name))).unwrap();
    }

    /// A custodian that has not looked yet.
    fn keeper(&self, world: &World) -> Keeper {
        self.keeper_with(world, "", "S3RVER", &self.endpoint)
    }

    fn keeper_with(&self, world: &World, below: &str, secret: &str, endpoint: &str) -> Keeper {
        let mut settings = world.settings();
        let address = format!("s3://medveil/{}{below}", self.prefix);
        settings.datasets[0].path = Place::Bucket(address.parse().unwrap());
        let keys = AccessKeys { id: "S3RVER".into(), secret: secret.to_owned().into(), session: None };
        let connection =
            Connection { endpoint: Some(endpoint.into()), allow_http: true, ..Connection::default() };
        let mut buckets = Buckets::default();
        buckets.insert("medveil".into(), connection, keys);
        settings.buckets = buckets;
        Custodian::open_with(settings, world.book.clone(), world.safe.clone(), Hook::default()).unwrap()
    }
}

fn registered(world: &World) -> Versioned<Dataset> {
    world.chain().latest::<Dataset>(&world.dataset).unwrap()
}

fn faulty(turn: &Turn) -> Vec<(DatasetId, &str)> {
    turn.faulty.iter().map(|(dataset, name)| (*dataset, name.as_str())).collect()
}

#[test]
fn a_source_in_a_bucket_is_registered_released_from_and_followed_like_a_folder() {
    let Some(away) = Away::new("visits") else { return };
    let world = World::new(20).consenting(1..=20);
    away.put("visits.csv", &table(1..=20));
    away.put("notes.docx", "no data");
    away.keeper(&world).turn().unwrap();
    // Byte for byte what the same files in a folder are.
    let folder = World::new(20);
    folder.keeper().turn().unwrap();
    assert_eq!(registered(&world).value.fingerprint, registered(&folder).value.fingerprint);
    let request = world.request("research", |_| {});
    away.keeper(&world).turn().unwrap();
    assert_eq!(world.posted(request).unwrap().value.figures.dataset_version, 1);

    // Records after the last, and a file in a folder of the bucket.
    away.put("visits.csv", &table(1..=22));
    away.keeper(&world).turn().unwrap();
    away.put("2026/march.csv", &table(30..=31));
    away.keeper(&world).turn().unwrap();
    assert_eq!((registered(&world).version, registered(&world).value.fingerprint.count), (3, 48));
    // The same bytes again are no change.
    away.put("visits.csv", &table(1..=22));
    assert_eq!(away.keeper(&world).turn().unwrap().faulty, []);
    assert_eq!(registered(&world).version, 3);

    // What was registered has changed, or is gone.
    away.put("visits.csv", &table(1..=22).replacen(",IV,", ",I,", 1));
    let mut keeper = away.keeper(&world);
    for _ in 0..2 {
        assert_eq!(faulty(&keeper.turn().unwrap()), [(world.dataset, "custodian.source_changed")]);
    }
    away.put("visits.csv", &table(1..=22));
    away.delete("2026/march.csv");
    assert_eq!(faulty(&away.keeper(&world).turn().unwrap()), [(world.dataset, "custodian.source_changed")]);
    away.delete("visits.csv");
    assert_eq!(faulty(&away.keeper(&world).turn().unwrap()), [(world.dataset, "custodian.source")]);
    assert_eq!(registered(&world).version, 3);
    let sources = world.home.path().join("custodian/sources").join(LABEL);
    assert!(!sources.join("arriving.partial").exists());
}

#[test]
fn one_object_is_a_source_as_one_file_is() {
    let Some(away) = Away::new("single") else { return };
    let world = World::new(10);
    away.put("visits.csv", &table(1..=10));
    away.put("visits.csv.bak", "old");
    away.keeper_with(&world, "/visits.csv", "S3RVER", &away.endpoint).turn().unwrap();
    assert_eq!(registered(&world).value.fingerprint.count, 20);
}

#[test]
fn what_changes_or_vanishes_during_the_copy_is_named_and_looked_at_again() {
    for vanishes in [false, true] {
        let Some(away) = Away::new("unsteady") else { return };
        let world = World::new(10);
        away.put("visits.csv", &table(1..=10));
        let mut keeper = away.keeper(&world);
        keeper.turn().unwrap();
        // The version of somebody else has to be looked for in the source, which is not what was just listed.
        let other = World::new(12);
        other.keeper().turn().unwrap();
        let fingerprint = registered(&other).value.fingerprint;
        let action = DatasetRegister { label: Slug::new(LABEL).unwrap(), version: 2, fingerprint };
        world.chain().apply_action(&key(HOSPITAL), action);
        match vanishes {
            true => away.delete("visits.csv"),
            false => away.put("visits.csv", &table(1..=12)),
        }
        assert_eq!(faulty(&keeper.turn().unwrap()), [(world.dataset, "custodian.source_unsteady")]);
        let after = keeper.turn().unwrap();
        match vanishes {
            true => assert_eq!(faulty(&after), [(world.dataset, "custodian.source")]),
            // It is what was registered.
            false => assert_eq!((faulty(&after), registered(&world).version), (Vec::new(), 2)),
        }
    }
}

#[test]
fn objects_that_cannot_lie_in_one_folder_are_named_and_hold_nothing_up() {
    let Some(away) = Away::new("names") else { return };
    let world = World::new(10);
    away.put("visits.csv", &table(1..=10));
    away.put("visits.csv/more.csv", &table(1..=10));
    let turn = away.keeper(&world).turn().unwrap();
    assert_eq!(faulty(&turn), [(world.dataset, "custodian.source")]);
}

#[test]
fn a_store_that_does_not_answer_or_let_in_is_named_and_holds_nothing_else_up() {
    let Some(away) = Away::new("denied") else { return };
    let world = World::new(10);
    away.put("visits.csv", &table(1..=10));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (secret, endpoint, name) in [
        ("another", away.endpoint.clone(), "custodian.store_denied"),
        ("S3RVER", format!("http://{nobody}"), "custodian.store_unreachable"),
    ] {
        let turn = away.keeper_with(&world, "", secret, &endpoint).turn().unwrap();
        assert_eq!(faulty(&turn), [(world.dataset, name)]);
    }
    away.keeper(&world).turn().unwrap();
    assert_eq!(registered(&world).version, 1);
}
