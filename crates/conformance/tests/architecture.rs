//! Dependencies between the crates point down only: `docs/architecture.md` draws them, `cargo metadata` tells them.

use std::process::Command;

use serde_json::Value;

/// The crates, lowest first: each may depend on those before it.
const ORDER: &[&str] = &[
    "medveil-privacy",
    "medveil-deid",
    "medveil-clinical",
    "medveil-synth",
    "medveil-policy",
    "medveil-ledger",
    "medveil-chain",
    "medveil-evidence",
    "medveil-vault",
    "medveil-custodian",
    "medveil-engine",
    "medveil-simulation",
    "medveil-node",
    "medveil-api",
    "medveil",
    "medveil-conformance",
];

#[test]
fn dependencies_point_down_only() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let place = place(name)
            .unwrap_or_else(|| panic!("{name} has no place in ORDER: say which crates it may depend on"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let lower = dependency["name"].as_str().unwrap();
            let Some(found) = self::place(lower) else { continue };
            assert!(found < place, "{name} depends on {lower}, which stands above it: {}", ORDER.join(" < "));
        }
    }
}

#[test]
fn every_crate_takes_the_lints_and_the_licence_of_the_workspace() {
    for package in metadata()["packages"].as_array().unwrap() {
        assert_eq!(package["license"], "Apache-2.0", "{}", package["name"]);
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} sets its own lints", package["name"]);
    }
}

fn place(name: &str) -> Option<usize> {
    ORDER.iter().position(|crate_name| *crate_name == name)
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}
