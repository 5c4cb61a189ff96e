//! Keys in a real token: Debian's softhsm2. Without it the test says so and passes; `apt-get install softhsm2` gives it.
#![cfg(feature = "hsm")]

use std::path::{Path, PathBuf};
use std::process::Command;

use medveil_vault::keys::{HsmError, Pin, Token};

/// One test, since the library reads its configuration once for the whole process.
#[test]
fn a_token_keeps_its_keys_and_names_what_is_wrong() {
    let Some(library) = library() else {
        eprintln!("skipped: softhsm2 is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    std::fs::write(&configuration, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    for label in ["hospital-1", "hospital-2", "twin", "twin"] {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", "123456"])
            .env("SOFTHSM2_CONF", &configuration)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    // The library looks for its configuration in the home directory: no variable of this process need be changed.
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "within_a_process_that_has_the_configuration"])
        .env("SOFTHSM2_CONF", &configuration)
        .env("MEDVEIL_TEST_LIBRARY", &library)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "run by the test above, with the token's configuration"]
fn within_a_process_that_has_the_configuration() {
    let library = PathBuf::from(std::env::var_os("MEDVEIL_TEST_LIBRARY").unwrap());
    let open = |label: &str, pin: &str| Token::open(&library, label, &Pin::new(pin.to_owned()));

    let error = Token::open(Path::new("/nonexistent.so"), "x", &Pin::new(String::new())).unwrap_err();
    assert!(matches!(error, HsmError::NoLibrary { .. }), "{error}");
    let error = open("hospital-3", "123456").unwrap_err();
    assert!(
        matches!(&error, HsmError::NoToken { found, .. } if found.contains(&"hospital-1".to_owned())),
        "{error}"
    );
    let error = open("twin", "123456").unwrap_err();
    assert!(matches!(error, HsmError::Ambiguous { count: 2, .. }), "{error}");
    let error = open("hospital-1", "654321").unwrap_err();
    assert!(matches!(error, HsmError::WrongPin { .. }), "{error}");

    let token = open("hospital-1", "123456").unwrap();
    let error = token.key("node").unwrap_err();
    assert!(matches!(error, HsmError::NoKey { .. }), "{error}");
    token.generate("node").unwrap();
    let error = token.generate("node").unwrap_err();
    assert!(matches!(error, HsmError::KeyExists { .. }), "{error}");
    let key = token.key("node").unwrap();
    let signature = key.sign(b"a transaction").unwrap();
    assert_eq!(key.sign(b"a transaction").unwrap(), signature, "Ed25519 is deterministic");
    let public = ed25519_zebra::VerificationKey::try_from(key.public()).unwrap();
    public.verify(&signature.into(), b"a transaction").unwrap();
    assert!(public.verify(&signature.into(), b"another").is_err());

    // Two tokens in one process, and again the first.
    let other = open("hospital-2", "123456").unwrap();
    assert!(other.key("node").is_err());
    other.generate("node").unwrap();
    assert_ne!(other.key("node").unwrap().public(), key.public());
    let again = open("hospital-1", "123456").unwrap();
    assert_eq!(again.key("node").unwrap().public(), key.public());
}

fn library() -> Option<PathBuf> {
    [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
    ]
    .iter()
    .map(PathBuf::from)
    .find(|path| path.exists())
}
