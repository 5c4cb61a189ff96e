//! Keys of accounts that change and keys in tokens, with real nodes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::custody::{MEMBERS, done, seated, vault};
use super::nodes::{Network, wait_for};

const TEXT: &str = "patient,glucose\n7,5.4\n";

/// Puts an object into custody, and leaves as few members as suffice: from then on each of them must do its part.
fn put_and_thin_out(network: &mut Network) {
    network.home.write("release.csv", TEXT);
    let put = done(vault(network, &["put", "release.csv", "--label", "trial"]));
    assert_eq!(put["holders"].as_object().unwrap().len(), MEMBERS);
    network.kill(MEMBERS - 1);
}

/// Takes it out: the first member's custodian must post its partial, signed with its key.
fn get(network: &Network, out: &str) {
    let got = done(vault(network, &["get", "trial", "--out", out]));
    assert_eq!(network.home.text(out), TEXT);
    assert!(got["bad_partials"].as_array().unwrap().is_empty(), "{got}");
}

/// Replaces the key of the first member's custodian.
fn rotate(network: &Network, more: &[&str]) -> Value {
    let (node, keys) = (network.url(0), format!("{}/keys", network.dir(0)));
    let (now, next) = (format!("{keys}/custodian.key"), format!("{keys}/custodian.next.key"));
    let rotate = ["account", "rotate", "--account", &now, "--out", &next, "--node", &node, "--json"];
    let mut command = network.home.command(&[&rotate[..], more].concat());
    command.envs(network.environment.iter().map(|(name, value)| (name, value)));
    let said = done(command.output().unwrap().into());
    wait_for("the node to take the key over", Duration::from_secs(60), || {
        (!network.home.path(&next).exists()).then_some(())
    });
    assert!(network.home.text(&now).contains(said["key"].as_str().unwrap()));
    said
}

#[test]
fn a_custodians_key_is_replaced_without_a_stop() {
    let mut network = seated(Vec::new());
    put_and_thin_out(&mut network);
    get(&network, "before.csv");
    let former = network.folder(0).join("former.key");
    std::fs::copy(network.folder(0).join("keys/custodian.key"), &former).unwrap();
    let first = rotate(&network, &[]);
    // The same account, the same process; what it signs is taken with the new key alone.
    get(&network, "after.csv");
    let account = first["account"].as_str().unwrap();
    let shown = network.get(0, &format!("/api/v1/accounts/{account}")).unwrap();
    let keys: Vec<&String> = shown["value"]["keys"].as_object().unwrap().keys().collect();
    assert_eq!(keys, [first["key"].as_str().unwrap()]);
    let former = former.display().to_string();
    let out = network.folder(0).join("none.key").display().to_string();
    let refused = network.home.run(&[
        "account",
        "rotate",
        "--account",
        &former,
        "--account-id",
        account,
        "--out",
        &out,
        "--node",
        &network.url(0),
    ]);
    assert_eq!(refused.code, Some(1), "{}", refused.all());
    assert!(!Path::new(&out).exists());
    // Once more, and it is the same after a restart, though node.toml names the first key.
    rotate(&network, &[]);
    assert_eq!(network.stop(0), Some(0));
    network.start(0);
    network.reach(0, 1);
    get(&network, "restarted.csv");
    // A key of nobody's is refused at the start.
    assert_eq!(network.stop(0), Some(0));
    std::fs::copy(network.folder(1).join("keys/custodian.key"), network.folder(0).join("keys/custodian.key"))
        .unwrap();
    network.refused(0, "node.wrong_key", 1);
}

/// Debian's softhsm2, as in the vault's test.
fn softhsm() -> Option<PathBuf> {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
    ];
    places.iter().map(PathBuf::from).find(|path| path.exists())
}

fn private(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_custodians_key_in_a_token_signs_there_and_what_is_wrong_with_the_token_is_named() {
    let Some(library) = softhsm() else {
        eprintln!("skipped: softhsm2 is not installed");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let configuration = place.path().join("softhsm2.conf");
    let tokens = place.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&configuration, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "hospital-1", "--so-pin", "87654321", "--pin", "123456"])
        .env("SOFTHSM2_CONF", &configuration)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut network = seated(vec![("SOFTHSM2_CONF", configuration.display().to_string())]);
    put_and_thin_out(&mut network);
    let keys = network.folder(0).join("keys");
    private(&keys.join("token.pin"), "123456\n", 0o600);
    let library = library.display().to_string();
    let in_token = [
        "--token-library",
        &library,
        "--token",
        "hospital-1",
        "--token-key",
        "custodian",
        "--pin-file",
        "token.pin",
    ];
    rotate(&network, &in_token);
    // The key's file says where it is, and has no secret.
    let file = std::fs::read_to_string(keys.join("custodian.key")).unwrap();
    assert!(file.contains("[token]") && !file.contains("secret"), "{file}");
    get(&network, "by-token.csv");
    // People sign with it, too.
    let (node, key) = (network.url(0), keys.join("custodian.key").display().to_string());
    let said = network
        .home
        .command(&["vault", "get", "trial", "--out", "mine.csv", "--node", &node, "--account", &key])
        .env("SOFTHSM2_CONF", &configuration)
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    // Nothing starts with a token that cannot be used, and each reason has a name.
    assert_eq!(network.stop(0), Some(0));
    let custodian = keys.join("custodian.key");
    for (was, is, reason, code) in [
        ("label = \"hospital-1\"", "label = \"hospital-9\"", "token.missing", 1),
        ("key = \"custodian\"", "key = \"another\"", "token.key", 1),
        (library.as_str(), "/nonexistent.so", "token.library", 1),
        ("pin-file = \"token.pin\"\n", "", "token.no_pin", 1),
        ("pin-file = \"token.pin\"", "pin-file = \"none.pin\"", "node.file", 2),
    ] {
        assert!(file.contains(was), "{was}");
        private(&custodian, &file.replace(was, is), 0o600);
        network.refused(0, reason, code);
    }
    private(&custodian, &file, 0o600);
    private(&keys.join("token.pin"), "654321\n", 0o600);
    network.refused(0, "token.wrong_pin", 1);
    private(&keys.join("token.pin"), "123456\n", 0o644);
    network.refused(0, "key.open", 1);
    private(&keys.join("token.pin"), "123456\n", 0o600);
    network.start(0);
    network.reach(0, 1);
    get(&network, "again.csv");
}

#[test]
fn key_files_locked_with_a_passphrase_open_with_it_alone() {
    use medveil_vault::keys::{Passphrase, WorkFactor, lock};
    use rand_core::SeedableRng as _;
    let mut network = Network::new(1);
    let keys = network.folder(0).join("keys");
    let passphrase = Passphrase::new("correct horse battery staple".to_owned());
    let mut rng = chacha20::ChaCha20Rng::from_seed([1; 32]);
    for name in ["node.key", "custodian.key", "administrator.key"] {
        let text = std::fs::read(keys.join(name)).unwrap();
        let locked = lock(&text, &passphrase, WorkFactor::new(2).unwrap(), &mut rng).unwrap();
        std::fs::write(keys.join(name), locked).unwrap();
    }
    network.refused(0, "key.locked", 1);
    let file = keys.join("passphrase");
    network.environment = vec![("MEDVEIL_PASSPHRASE_FILE", file.display().to_string())];
    private(&file, "wrong\n", 0o600);
    network.refused(0, "key.passphrase", 1);
    private(&file, "correct horse battery staple\n", 0o644);
    network.refused(0, "key.open", 1);
    private(&file, "correct horse battery staple\n", 0o600);
    network.start(0);
    network.reach(0, 1);
    // People's keys as well.
    let administrator = keys.join("administrator.key").display().to_string();
    let new = keys.join("doctor.key").display().to_string();
    let node = network.url(0);
    let account = [
        "account",
        "new",
        "--out",
        &new,
        "--capacity",
        "staff",
        "--account",
        &administrator,
        "--node",
        &node,
    ];
    assert_eq!(network.home.run(&account).code, Some(2));
    assert!(!Path::new(&new).exists());
    let said = network.home.command(&account).env("MEDVEIL_PASSPHRASE_FILE", &file).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}
