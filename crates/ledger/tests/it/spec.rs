//! The pages of `docs/spec` and the code tell the same rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use medveil_ledger::action::ACTIONS;
use medveil_ledger::measure::MEASURES;
use medveil_ledger::refusal::CATALOGUE;
use medveil_ledger::state::parameters::{Parameter, Parameters};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn pages() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(root().join("docs/spec")).unwrap();
    files
        .map(|file| file.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into(), std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The rules of the pages, by id.
fn rules() -> BTreeMap<String, String> {
    let mut rules = BTreeMap::new();
    for text in pages().values() {
        for line in text.lines() {
            let Some((id, rule)) = line.strip_prefix("**").and_then(|line| line.split_once("** ")) else {
                continue;
            };
            assert_eq!(rules.insert(id.to_owned(), rule.to_owned()), None, "{id} stands twice");
        }
    }
    rules
}

#[test]
fn every_rule_that_code_quotes_stands_in_the_specification() {
    let rules = rules();
    let mut quoted: BTreeSet<&str> = BTreeSet::new();
    quoted.extend(ACTIONS.iter().flat_map(|spec| spec.rules));
    quoted.extend(MEASURES.iter().flat_map(|spec| spec.rules));
    quoted.extend(CATALOGUE.iter().flat_map(|all| all.iter()).map(|reason| {
        reason.rule.trim().split_once(':').unwrap_or_else(|| panic!("{} names no rule", reason.name)).0
    }));
    for id in quoted {
        assert!(rules.contains_key(id), "{id} is quoted but not in docs/spec");
    }
}

#[test]
fn every_action_names_the_rules_that_its_comment_quotes() {
    let sources = |folder: &str| -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files
            .map(|path| {
                (path.file_stem().unwrap().to_string_lossy().into(), std::fs::read_to_string(path).unwrap())
            })
            .collect()
    };
    let mut specs: BTreeMap<String, &[&str]> = BTreeMap::new();
    specs.extend(ACTIONS.iter().map(|spec| (spec.name.replace(['.', '-'], "_"), spec.rules)));
    specs.extend(MEASURES.iter().map(|spec| (spec.name.replace('-', "_"), spec.rules)));
    for (name, text) in sources("action").into_iter().chain(sources("measure")) {
        if name == "mod" {
            continue;
        }
        let registered = specs.remove(&name).unwrap_or_else(|| panic!("{name} is not registered"));
        for line in text.lines() {
            let Some(quoted) = line.strip_prefix("/// > ").filter(|quoted| quoted.contains("-")) else {
                continue;
            };
            let id = quoted.split_once(':').unwrap_or_else(|| panic!("{name}: `{quoted}`")).0;
            assert!(registered.contains(&id), "{name} quotes {id} but does not register it");
        }
        assert!(text.contains("# Rules"), "{name} quotes no rule");
    }
    assert!(specs.is_empty(), "without a file: {specs:?}");
}

#[test]
fn the_page_of_refusals_lists_each() {
    let mut text = String::from(
        "# Refusals\n\nEvery reason that the ledger gives, with the rule that it follows from. Names keep their meaning. Faults of bytes (`encoding.*`) are those of \
         [transactions.md](transactions.md#encoding).\n\n| name | rule | 中文 |\n|---|---|---|\n",
    );
    for reason in CATALOGUE.iter().flat_map(|all| all.iter()) {
        writeln!(text, "| `{}` | {} | {} |", reason.name, reason.rule.trim(), reason.zh).unwrap();
    }
    compare("docs/spec/refusals.md", &text);
}

#[test]
fn the_page_of_parameters_has_the_table() {
    let path = "docs/spec/parameters.md";
    let page = std::fs::read_to_string(root().join(path)).unwrap();
    let head = "|---|---|---|---|\n";
    let mut text = page[..page.find(head).unwrap() + head.len()].to_owned();
    let defaults = Parameters::default();
    for parameter in Parameter::ALL {
        let (min, max) = parameter.bounds();
        let (name, default, doc) = (parameter.name(), defaults.get(*parameter), parameter.doc());
        writeln!(text, "| `{name}` | {default} | {min} to {max} | {doc} |").unwrap();
    }
    compare(path, &text);
}

#[test]
fn every_event_that_code_tells_is_registered_and_in_the_specification() {
    fn sources(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                sources(&entry, texts);
            } else {
                texts.push(std::fs::read_to_string(entry).unwrap());
            }
        }
    }
    let mut texts = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    let mut told = BTreeSet::new();
    for text in &texts {
        // `call.emit("kind", ..)` and `kind: Cow::Borrowed("kind")`, over line ends.
        for start in ["emit(", "kind: Cow::Borrowed("] {
            for call in text.split(start).skip(1) {
                let Some(literal) = call.trim_start().strip_prefix('"') else { continue };
                told.insert(literal.split_once('"').unwrap().0.to_owned());
            }
        }
    }
    let registered: BTreeSet<String> =
        medveil_ledger::event::KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    assert_eq!(told, registered);
    let page = &pages()["state.md"];
    for kind in registered {
        assert!(page.contains(&format!("`{kind}`")), "{kind} is not in docs/spec/state.md");
    }
}

fn compare(path: &str, expected: &str) {
    let file = root().join(path);
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    if found != expected && std::env::var_os("MEDVEIL_PIN").is_some() {
        std::fs::write(file, expected).unwrap();
        return;
    }
    assert_eq!(found, expected, "{path} is not what the code says: run with MEDVEIL_PIN=1");
}

#[test]
fn every_refusal_has_a_test_that_names_it() {
    let mut tests = String::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.file_stem().unwrap() != "spec" {
            tests += &std::fs::read_to_string(path).unwrap();
        }
    }
    // These are tested beside the code, as variants.
    let beside =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/signature/webauthn.rs"))
            .unwrap();
    let camel = |name: &str| -> String {
        let words = name.split_once('.').unwrap().1.split('_');
        words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
    };
    let untested: Vec<&str> = CATALOGUE
        .iter()
        .flat_map(|all| all.iter().map(|reason| reason.name))
        .filter(|name| !tests.contains(name))
        .filter(|name| {
            !(name.starts_with("signature.") && beside.contains(&format!("SignatureFault::{}", camel(name))))
        })
        .collect();
    assert_eq!(untested, [""; 0]);
}
