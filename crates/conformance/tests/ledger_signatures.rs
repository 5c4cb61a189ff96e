//! The ledger's signature suites against Project Wycheproof, and the one rule of Ed25519 that all of it keeps.
//!
//! Wycheproof's files stand beside the repository, in `../shared/data/vectors/wycheproof`; without them those tests skip.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

use std::path::PathBuf;

use medveil_ledger::signature::ed25519;
use serde_json::Value;

/// A file of vectors; `None`, with a line that says so, where it is absent.
fn vectors(name: &str) -> Option<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = ["../../..", "../../../.."]
        .iter()
        .map(|up| root.join(up).join("shared/data/vectors/wycheproof").join(name))
        .find(|path| path.is_file());
    let Some(path) = path else {
        eprintln!("skipped: no {name} in ../shared/data/vectors/wycheproof");
        return None;
    };
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// What the file calls invalid after RFC 8032 and ZIP 215 accepts, with the reason. Every replica accepts it alike, and a signature is no part of a
/// transaction's id, so that its other spellings change nothing.
const ACCEPTED_BY_ZIP_215: &[(u64, &str)] =
    &[(151, "R is the neutral element with the sign bit of x set: no canonical encoding, but a point")];

#[test]
fn ed25519_accepts_and_refuses_what_wycheproof_says() {
    let Some(file) = vectors("ed25519_test.json") else { return };
    let (mut ran, mut accepted, mut exceptions) = (0, 0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let key: [u8; 32] = bytes(&group["publicKey"]["pk"]).try_into().unwrap();
        for test in group["tests"].as_array().unwrap() {
            let message = bytes(&test["msg"]);
            let holds = <[u8; 64]>::try_from(bytes(&test["sig"]))
                .is_ok_and(|signature| ed25519::verify(&key, &message, &signature));
            let excepted = ACCEPTED_BY_ZIP_215.iter().any(|(id, _)| Some(*id) == test["tcId"].as_u64());
            let expected = match test["result"].as_str().unwrap() {
                "valid" => true,
                "invalid" => excepted,
                other => panic!("a result `{other}` needs a decision"),
            };
            exceptions += usize::from(excepted);
            assert_eq!(holds, expected, "test {} ({})", test["tcId"], test["comment"]);
            ran += 1;
            accepted += u64::from(holds);
        }
    }
    assert_eq!(Some(ran), file["numberOfTests"].as_u64());
    assert_eq!(exceptions, ACCEPTED_BY_ZIP_215.len());
    assert!(accepted > 0 && accepted < ran);
}
