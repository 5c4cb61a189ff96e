//! Members that keep their shards in a bucket of a real server. Where `MEDVEIL_S3_ENDPOINT` names none, the test says so and passes (`crates/vault/tests/s3.sh`).

use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use medveil_vault::ObjectId;
use medveil_vault::envelope::Subject;
use medveil_vault::store::{AccessKeys, Bucket, Buckets, Connection, MemberStore};
use serde_json::{Value, json};

use super::custody::{MEMBERS, done, seat, vault};
use super::nodes::Network;

/// Members with a bucket; the last one has a folder.
const AWAY: usize = MEMBERS - 1;

/// What lies in the bucket of a member.
fn bucket(endpoint: &str, prefix: &str) -> Bucket {
    let connection =
        Connection { endpoint: Some(endpoint.into()), allow_http: true, ..Connection::default() };
    let keys = AccessKeys { id: "S3RVER".into(), secret: String::from("S3RVER").into(), session: None };
    let mut buckets = Buckets::default();
    buckets.insert("medveil".into(), connection, keys);
    buckets.open(&format!("s3://medveil/{prefix}").parse().unwrap()).unwrap()
}

fn private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn members_keep_their_shards_in_a_bucket_and_repair_and_destroy_them_there() {
    let Ok(endpoint) = std::env::var("MEDVEIL_S3_ENDPOINT") else {
        eprintln!("skipped: MEDVEIL_S3_ENDPOINT is not set (crates/vault/tests/s3.sh)");
        return;
    };
    let run = format!("cli-{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos());
    let prefix = |index: usize| format!("{run}/member-{index}");
    let store = |index: usize| format!("store = \"s3://medveil/{}\"", prefix(index));
    let reached = format!("[s3.medveil]\nendpoint = \"{endpoint}\"\nallow-http = true\n");
    let mut network = Network::new(MEMBERS);
    for index in 0..AWAY {
        network.edit(index, "node.toml", "# store = \"s3://hospital-1-shards/medveil\"", &store(index));
    }
    refusals_have_names(&mut network, &endpoint, &store(0));
    let keys =
        vec![("AWS_ACCESS_KEY_ID", "S3RVER".to_owned()), ("AWS_SECRET_ACCESS_KEY", "S3RVER".to_owned())];
    network.environment = keys;
    for index in 0..AWAY {
        // One has its keys in a file.
        let file = if index == 1 { "keys = \"keys/shards.s3\"\n" } else { "" };
        network.edit(index, "node.toml", "[followers]\n", &format!("{reached}{file}[followers]\n"));
    }
    let file = network.folder(1).join("keys/shards.s3");
    private(&file, "access-key-id = \"S3RVER\"\nsecret-access-key = \"S3RVER\"\n");
    seat(&mut network);

    let text: Vec<u8> = (0..8_000_000u64).flat_map(|at| (at * 2_654_435_761).to_le_bytes()).collect();
    network.home.write("release", &text);
    let put = done(vault(&network, &["put", "release", "--label", "trial"]));
    assert_eq!((put["holders"].as_object().unwrap().len(), &put["missing"]), (MEMBERS, &json!({})));
    let get = |network: &Network, out: &str| {
        let got = done(vault(network, &["get", "trial", "--out", out]));
        assert!(network.home.read(out) == text);
        got
    };
    assert_eq!(get(&network, "got")["faults"], json!([]));
    let object: ObjectId = put["object"].as_str().unwrap().parse().unwrap();
    let subject = Subject { object, version: 1 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let names = |index: usize| -> Vec<String> {
        let listed = runtime.block_on(bucket(&endpoint, &prefix(index)).list()).unwrap();
        listed.into_iter().map(|object| object.name).collect()
    };
    for index in 0..AWAY {
        let kept = names(index);
        assert!(kept.iter().filter(|name| name.contains("/shard-")).count() > 1, "{kept:?}");
        assert!(!network.folder(index).join("data/custody/objects").exists());
    }

    // One bucket loses everything, one lies: both are found and mended from the others.
    let kept = names(0);
    let lost = MemberStore::bucket(&bucket(&endpoint, &prefix(0)));
    runtime.block_on(lost.shred(&subject)).unwrap();
    let health = vault(&network, &["health", "trial"]);
    assert_eq!((health.code, &health.json()["status"]), (Some(1), &json!("critical")), "{}", health.all());
    get(&network, "despite-loss");
    done(vault(&network, &["repair", "trial"]));
    assert_eq!(names(0), kept);
    let liar = MemberStore::bucket(&bucket(&endpoint, &prefix(1)));
    let shard = names(1)
        .iter()
        .find_map(|name| Some(name.split("/shard-").nth(1)?.split_once('/')?.0.parse::<u8>().unwrap()));
    let shard = shard.unwrap();
    let mut bytes = runtime.block_on(liar.read(&subject, shard, 0, 0..8 << 20)).unwrap().to_vec();
    bytes[1000] ^= 1;
    runtime.block_on(liar.put_segment(&subject, shard, 0, bytes.into())).unwrap();
    get(&network, "despite-a-lie");
    let repaired = done(vault(&network, &["repair", "trial"]));
    let of = |member: &str| -> Value { repaired["members"][member]["Ok"]["repaired"].clone() };
    assert_eq!(of("hospital-2"), 1, "{repaired}");
    let health = done(vault(&network, &["health", "trial"]));
    assert_eq!(health["status"], "whole");

    // A member begins again on its bucket, and not on another's.
    assert_eq!(network.stop(0), Some(0));
    network.edit(0, "node.toml", &store(0), &store(1));
    network.refused(0, "store.other_member", 1);
    network.edit(0, "node.toml", &store(1), &store(0));
    network.start(0);
    network.reach(0, 1);
    get(&network, "again");

    let shredded = done(vault(&network, &["shred", "trial", "--patience", "120"]));
    assert_eq!(shredded["attested"].as_array().unwrap().len(), MEMBERS);
    for index in 0..AWAY {
        assert_eq!(names(index), ["format.toml"]);
    }
}

/// Nothing starts on a store that cannot be used.
fn refusals_have_names(network: &mut Network, endpoint: &str, store: &str) {
    network.refused(0, "store.configuration", 2);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let section =
        |endpoint: &str| format!("[s3.medveil]\nendpoint = \"{endpoint}\"\nallow-http = true\n[followers]\n");
    network.edit(0, "node.toml", "[followers]\n", &section(endpoint));
    network.refused(0, "store.no_keys", 1);
    let keys = |secret: &str| {
        vec![("AWS_ACCESS_KEY_ID", "S3RVER".to_owned()), ("AWS_SECRET_ACCESS_KEY", secret.to_owned())]
    };
    network.environment = keys("another");
    network.refused(0, "store.denied", 1);
    network.environment = keys("S3RVER");
    network.edit(0, "node.toml", "allow-http = true\n", "");
    network.refused(0, "store.configuration", 2);
    network.edit(
        0,
        "node.toml",
        &format!("endpoint = \"{endpoint}\"\n"),
        &format!("endpoint = \"http://{nobody}\"\nallow-http = true\n"),
    );
    network.refused(0, "store.unreachable", 1);
    network.edit(0, "node.toml", &section(&format!("http://{nobody}")), &section(endpoint));
    let elsewhere = store.replace("s3://medveil", "s3://none");
    network.edit(0, "node.toml", store, &elsewhere);
    network.edit(0, "node.toml", "[s3.medveil]", "[s3.none]");
    network.refused(0, "store.no_bucket", 1);
    network.edit(0, "node.toml", "[s3.none]", "[s3.medveil]");
    network.edit(0, "node.toml", &elsewhere, store);
    let left = network.folder(0).join("data/custody/objects/00");
    std::fs::create_dir_all(&left).unwrap();
    network.refused(0, "store.left_behind", 1);
    std::fs::remove_dir_all(network.folder(0).join("data/custody/objects")).unwrap();
    // The keys' file.
    let file = network.folder(0).join("keys/shards.s3");
    network.edit(0, "node.toml", "allow-http = true\n", "allow-http = true\nkeys = \"keys/shards.s3\"\n");
    private(&file, "access-key-id = \"S3RVER\"\nsecret = \"hush\"\n");
    network.refused(0, "key.damaged", 2);
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    network.refused(0, "key.open", 1);
    network.edit(0, "node.toml", "keys = \"keys/shards.s3\"\n", "");
    network.edit(0, "node.toml", &section(endpoint), "[followers]\n");
}
