//! What the product is made of: crates.io only, under the licences that `deny.toml` allows.
//!
//! `cargo deny check` says the same and more (advisories, duplicates), where it is installed; this needs no tool and no network.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

#[test]
fn every_dependency_has_an_allowed_licence() {
    let allowed = allowed();
    for package in packages() {
        let name = &package["name"];
        let Some(expression) = package["license"].as_str() else { panic!("{name} states no licence") };
        assert!(
            Expression::new(expression).holds(&allowed),
            "{name} is under `{expression}`, which `deny.toml` does not allow"
        );
    }
}

#[test]
fn every_dependency_comes_from_crates_io() {
    for package in packages() {
        let source = package["source"].as_str().unwrap_or("this repository");
        let known = ["this repository", "registry+https://github.com/rust-lang/crates.io-index"];
        assert!(known.contains(&source), "{} comes from {source}", package["name"]);
    }
}

/// See docs/decisions/0027.
#[test]
fn the_demo_has_the_features_of_the_tests() {
    let tests = tree(&["--workspace", "-e", "all"]);
    let only: Vec<String> =
        tree(&["-p", "medveil", "-e", "normal,build"]).difference(&tests).cloned().collect();
    assert!(only.is_empty(), "compiled a second time, without what the tests add: {only:#?}");
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT".to_owned(), "Zlib".to_owned()];
    for (expression, holds) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR Zlib", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Zlib", true),
        ("MIT AND Zlib OR GPL-3.0", true),
        ("GPL-3.0 AND (MIT OR Zlib)", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("MIT WITH LLVM-exception", false),
    ] {
        assert_eq!(Expression::new(expression).holds(&allowed), holds, "{expression}");
    }
}

/// An SPDX licence expression (SPDX 2.3, annex D), with the `/` of old manifests for `OR`.
struct Expression {
    words: std::vec::IntoIter<String>,
    next: Option<String>,
}

impl Expression {
    fn new(text: &str) -> Self {
        let spaced = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter();
        let next = words.next();
        Expression { words, next }
    }

    /// Whether the allowed licences are enough; `AND` binds closer than `OR`.
    fn holds(mut self, allowed: &[String]) -> bool {
        self.any(allowed)
    }

    fn any(&mut self, allowed: &[String]) -> bool {
        let mut holds = self.all(allowed);
        while self.take("OR") {
            holds |= self.all(allowed);
        }
        holds
    }

    fn all(&mut self, allowed: &[String]) -> bool {
        let mut holds = self.one(allowed);
        while self.take("AND") {
            holds &= self.one(allowed);
        }
        holds
    }

    fn one(&mut self, allowed: &[String]) -> bool {
        if self.take("(") {
            let holds = self.any(allowed);
            assert!(self.take(")"), "a bracket is not closed");
            return holds;
        }
        let licence = self.advance().expect("a licence stands here");
        if self.take("WITH") {
            let exception = self.advance().expect("an exception stands here");
            return allowed.contains(&format!("{licence} WITH {exception}"));
        }
        allowed.contains(&licence)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.next.as_deref() == Some(word);
        if found {
            self.advance();
        }
        found
    }

    fn advance(&mut self) -> Option<String> {
        std::mem::replace(&mut self.next, self.words.next())
    }
}

fn allowed() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deny.toml"));
    let deny: toml::Table = text.expect("deny.toml is there").parse().expect("deny.toml is TOML");
    let allow = deny["licenses"]["allow"].as_array().expect("a list of licences");
    allow.iter().filter_map(|licence| licence.as_str()).map(str::to_owned).collect()
}

/// Every package for every platform; only those of this platform, where the others have not been fetched.
fn packages() -> Vec<Value> {
    let metadata = metadata(&[]).or_else(|_| metadata(&["--filter-platform", &host()]));
    let metadata = metadata.unwrap_or_else(|message| panic!("{message}"));
    metadata["packages"].as_array().expect("a list of packages").clone()
}

fn metadata(more: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(more)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("cargo writes JSON")),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Packages with the features that they are compiled with.
fn tree(selection: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p} {f}"])
        .args(selection)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("rustc writes UTF-8");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}
