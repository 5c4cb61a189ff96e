//! Custody as members run it: four nodes as processes, objects put, lost, lied about, taken out and destroyed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use medveil_node::custody::Roster;
use medveil_vault::committee::{Identity, KeyShare, RecoverError, Willingness, WrappedKey, recover};
use medveil_vault::manifest::Manifest;
use medveil_vault::object;
use medveil_vault::shards::{MemoryShards, ReadError};
use medveil_vault::{Canonical as _, DataKey, Digest};
use serde_json::{Value, json};

use super::Said;
use super::nodes::{Network, wait_for};

/// What no thief may find.
const MARK: &[u8] = b"patient-of-the-test";

pub(super) const MEMBERS: usize = 4;

/// A network whose committee has its key.
pub(super) fn seated(environment: Vec<(&'static str, String)>) -> Network {
    let mut network = Network::new(MEMBERS);
    network.environment = environment;
    seat(&mut network);
    network
}

/// Starts the members and waits for the committee.
pub(super) fn seat(network: &mut Network) {
    for index in 0..MEMBERS {
        network.start(index);
    }
    for index in 0..MEMBERS {
        wait_for("the committee", Duration::from_secs(180), || {
            let committee = network.get(index, "/api/v1/committee")?;
            (committee["has_share"] == true && committee["members"].as_object()?.len() == MEMBERS)
                .then_some(())
        });
    }
}

/// A command of the first member's administrator.
pub(super) fn vault(network: &Network, args: &[&str]) -> Said {
    let (node, key) = (network.url(0), format!("{}/keys/administrator.key", network.dir(0)));
    network.home.run(&[&["vault"], args, &["--node", &node, "--account", &key, "--json"]].concat())
}

pub(super) fn done(said: Said) -> Value {
    assert_eq!(said.code, Some(0), "{}", said.all());
    said.json()
}

/// Files under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The segment files of a member, with shard and segment.
fn segments(network: &Network, index: usize) -> Vec<(u8, u64, PathBuf)> {
    let place = |path: PathBuf| {
        let shard = path.parent()?.file_name()?.to_str()?.strip_prefix("shard-")?.parse().ok()?;
        let segment = path.file_name()?.to_str()?.parse().ok()?;
        Some((shard, segment, path))
    };
    files(&network.folder(index).join("data/custody/objects")).into_iter().filter_map(place).collect()
}

#[test]
fn an_object_survives_loss_and_lies_and_ends_with_its_destruction() {
    let mut network = seated(Vec::new());
    let text: Vec<u8> =
        (0..200_000u32).flat_map(|row| [MARK, row.to_string().as_bytes(), b",5.4\n"].concat()).collect();
    network.home.write("release.csv", &text);

    // Put, and taken out by its owner.
    let put = done(vault(&network, &["put", "release.csv", "--label", "trial"]));
    assert_eq!((put["version"].as_u64(), put["bytes"].as_u64()), (Some(1), Some(text.len() as u64)));
    assert_eq!(put["holders"].as_object().unwrap().len(), MEMBERS);
    assert_eq!(put["missing"], json!({}));
    let got = done(vault(&network, &["get", "trial", "--out", "got.csv"]));
    assert!(network.home.read("got.csv") == text);
    assert_eq!((&got["faults"], &got["bad_partials"]), (&json!([]), &json!([])));
    // What is there stays as it is, and nothing is left beside.
    let again = vault(&network, &["get", "trial", "--out", "got.csv"]);
    assert_eq!(again.code, Some(2), "{}", again.all());
    assert_eq!(network.home.names(), ["got.csv", "members.toml", "network", "release.csv"]);
    let unknown = vault(&network, &["get", "nothing", "--out", "none.csv"]);
    assert_eq!(unknown.code, Some(1), "{}", unknown.all());

    two_thieves_open_nothing(&network, &put);
    let health = done(vault(&network, &["health", "trial"]));
    assert_eq!((&health["status"], &health["spare"]), (&json!("whole"), &json!(1)));

    // One member lies, of whose shard every reader asks first: it is named, and mends itself when it is told to look.
    let liar = put["holders"]["0"].as_str().unwrap();
    let at = (0..MEMBERS).find(|index| network.dir(*index).ends_with(liar)).unwrap();
    let (_, _, lie) = segments(&network, at).remove(0);
    let mut bytes = std::fs::read(&lie).unwrap();
    let honest = bytes.clone();
    bytes[1000] ^= 1;
    std::fs::write(&lie, &bytes).unwrap();
    let got = done(vault(&network, &["get", "trial", "--out", "despite-a-lie.csv"]));
    assert!(network.home.read("despite-a-lie.csv") == text);
    let faults = got["faults"].as_array().unwrap();
    let named: Vec<_> = faults.iter().map(|fault| (&fault["member"], &fault["wrong"])).collect();
    assert_eq!(named, [(&json!(liar), &json!(true))]);
    let repaired = done(vault(&network, &["repair", "trial"]));
    assert_eq!(repaired["members"][liar]["Ok"]["repaired"], 1, "{repaired}");
    assert!(std::fs::read(&lie).unwrap() == honest);

    // One member loses its shard and the manifest, which it remembers: it rebuilds both.
    let lost = segments(&network, 3);
    let folder = lost[0].2.parent().and_then(Path::parent).unwrap().to_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    let health = vault(&network, &["health", "trial"]);
    assert_eq!((health.code, &health.json()["status"]), (Some(1), &json!("critical")), "{}", health.all());
    done(vault(&network, &["repair", "trial"]));
    assert_eq!(segments(&network, 3).len(), lost.len());
    assert!(folder.join("manifest").is_file());

    // One member is there and never answers: it is waited for once, and named if it was asked.
    network.pause(2);
    let got = vault(&network, &["get", "trial", "--out", "despite-silence.csv"]);
    network.resume(2);
    let got = done(got);
    assert!(network.home.read("despite-silence.csv") == text);
    assert!(got["faults"].as_array().unwrap().iter().all(|fault| fault["member"] == "hospital-3"), "{got}");
    assert!(got["elapsed_ms"].as_u64().unwrap() < 150_000, "{got}");

    // One member is gone: everything goes on without it.
    network.kill(2);
    let got = done(vault(&network, &["get", "trial", "--out", "without-one.csv"]));
    assert!(network.home.read("without-one.csv") == text);
    assert!(got["faults"].as_array().unwrap().iter().all(|fault| fault["member"] == "hospital-3"), "{got}");
    network.home.write("second.csv", "small");
    let put = done(vault(&network, &["put", "second.csv", "--label", "second"]));
    assert_eq!(put["missing"].as_object().unwrap().len(), 1, "{put}");

    // The destruction is ordered: those who are there carry it out, the one that is gone does when it is back.
    let shredded = vault(&network, &["shred", "trial", "--patience", "20"]);
    assert_eq!(shredded.code, Some(1), "{}", shredded.all());
    assert_eq!(shredded.json()["missing"], json!(["hospital-3"]));
    let refused = vault(&network, &["get", "trial", "--out", "late.csv"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("custody.destroyed"), "{}", refused.stderr);
    assert!(!network.home.path("late.csv").exists());
    network.start(2);
    let shredded = done(vault(&network, &["shred", "trial", "--patience", "120"]));
    assert_eq!(shredded["attested"].as_array().unwrap().len(), MEMBERS);
    let object = put_folder(&network, 0, &put);
    for index in 0..MEMBERS {
        let left: Vec<_> =
            segments(&network, index).into_iter().filter(|(.., path)| !path.starts_with(&object)).collect();
        assert!(
            left.iter().all(|(.., path)| path.to_string_lossy().contains(put["object"].as_str().unwrap())),
            "{left:?}"
        );
    }
    // The member that was gone rebuilds its shard of what was put meanwhile.
    wait_for("the shard of the member that was gone", Duration::from_secs(120), || {
        let health = vault(&network, &["health", "second"]);
        (health.code == Some(0)).then_some(())
    });
}

#[test]
fn a_put_and_a_get_that_are_killed_go_on_and_show_nothing_half_done() {
    let network = seated(Vec::new());
    let text: Vec<u8> = (0..20_000_000u64).flat_map(|at| (at * 2_654_435_761).to_le_bytes()).collect();
    network.home.write("large", &text);
    let (node, key) = (network.url(0), format!("{}/keys/administrator.key", network.dir(0)));
    let kill_when = |args: &[&str], ready: &dyn Fn() -> bool| {
        let args = [&["vault"], args, &["--node", &node, "--account", &key, "--json"]].concat();
        let mut command = network.home.command(&args);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        while !ready() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it ended before it was killed");
    };
    kill_when(&["put", "large", "--label", "large"], &|| segments(&network, 1).len() > 1);
    let unknown = vault(&network, &["get", "large", "--out", "early"]);
    assert_eq!(unknown.code, Some(1), "{}", unknown.all());
    let there: Vec<_> =
        segments(&network, 1).iter().map(|(.., path)| (path.clone(), modified(path))).collect();
    let put = done(vault(&network, &["put", "large", "--label", "large"]));
    assert_eq!((put["version"].as_u64(), put["holders"].as_object().unwrap().len()), (Some(1), MEMBERS));
    // What was there was not given again.
    assert!(there.iter().all(|(path, before)| modified(path) == *before));

    let partial = || {
        let names = network.home.names();
        names.into_iter().find(|name| name.starts_with(".out.") && name.ends_with(".partial"))
    };
    let begun = || partial().is_some_and(|name| network.home.path(&name).metadata().unwrap().len() > 4 << 20);
    kill_when(&["get", "large", "--out", "out"], &begun);
    assert!(!network.home.path("out").exists() && partial().is_some());
    done(vault(&network, &["get", "large", "--out", "out"]));
    assert!(network.home.read("out") == text);
    assert_eq!(network.home.names(), ["large", "members.toml", "network", "out"]);
}

fn modified(path: &Path) -> std::time::SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

fn put_folder(network: &Network, index: usize, put: &Value) -> PathBuf {
    network.folder(index).join("data/custody/objects").join(put["object"].as_str().unwrap())
}

/// Everything on the disks of any two members, keys included: no text, too few key shares, too few pieces.
fn two_thieves_open_nothing(network: &Network, put: &Value) {
    let committee = network.get(0, "/api/v1/committee").unwrap();
    let roster = Roster::decode(&hex::decode(committee["roster"].as_str().unwrap()).unwrap()).unwrap();
    let id = put["object"].as_str().unwrap();
    let registered = network.get(0, &format!("/api/v1/custody/{id}")).unwrap();
    let digest = |name: &str| -> Digest { registered["value"][name].as_str().unwrap().parse().unwrap() };
    let wrapped = hex::decode(registered["value"]["wrapped_key"].as_str().unwrap()).unwrap();
    let wrapped = WrappedKey::decode(&wrapped).unwrap();
    let chain = network.get(0, "/api/v1/status").unwrap()["chain_id"].as_str().unwrap().parse().unwrap();
    let manifest = std::fs::read(put_folder(network, 0, put).join("1/manifest")).unwrap();
    let manifest = Manifest::check(&manifest, &digest("manifest")).unwrap();
    let identity = Identity::new(&chain, &manifest.subject(), &digest("manifest"), &digest("policy"));
    let mut willing = Willingness::default();
    willing.admit(identity).unwrap();
    let organisations: Vec<_> = roster.members.keys().copied().collect();
    let mut held = BTreeSet::new();
    for first in 0..MEMBERS {
        for second in first + 1..MEMBERS {
            let mut shards = MemoryShards::default();
            let mut partials = Vec::new();
            for index in [first, second] {
                let folder = network.folder(index);
                for path in files(&folder) {
                    let bytes = std::fs::read(&path).unwrap_or_default();
                    assert!(!bytes.windows(MARK.len()).any(|window| window == MARK), "{path:?}");
                }
                for (shard, segment, path) in segments(network, index) {
                    held.insert((index, shard));
                    shards.files.insert((shard, segment), std::fs::read(path).unwrap());
                }
                let secrets = folder.join("keys/custody");
                let names: Vec<_> = files(&secrets);
                assert!(!names.iter().any(|path| path.to_string_lossy().contains("seed-")), "{names:?}");
                let share = names.iter().find(|path| path.to_string_lossy().contains("share-")).unwrap();
                let member = roster.members[&organisations[index]];
                let share =
                    KeyShare::from_secret_bytes(&std::fs::read(share).unwrap(), member, &roster.committee)
                        .unwrap();
                partials.push(share.release(&identity, &willing).unwrap());
            }
            let opened = recover(&roster.committee, &identity, &wrapped, &partials);
            assert!(matches!(opened, Err(RecoverError::TooFew { good: 2, needed: 3, .. })));
            let guess = DataKey::from_bytes(&[7; 32]);
            let opened = object::open(&manifest, shards.clone(), &guess, &mut std::io::sink());
            assert!(opened.is_err());
            let mut reader =
                medveil_vault::shards::ShardReader::new(shards, manifest.layout(), manifest.segments());
            let sealed = std::io::copy(&mut reader, &mut std::io::sink()).unwrap_err();
            let error = sealed.downcast::<ReadError>().unwrap();
            assert!(matches!(error, ReadError::TooFew { good: 2, needed: 3, .. }), "{error}");
        }
    }
    assert_eq!(held.len(), MEMBERS, "each member holds one shard");
}
