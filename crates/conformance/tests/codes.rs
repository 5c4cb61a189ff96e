//! Our tables of codes against lists that other people made.
//!
//! The lists lie outside the project (`../shared/data/codes`); where they are absent the test says so and passes.

use std::collections::BTreeMap;
use std::path::Path;

use medveil_deid::code::division::{self, Level};

/// A file of the shared codes, or `None` with a line that says it is skipped.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn shared(name: &str) -> Option<String> {
    // Beside the repository, or beside a worktree's parent.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = root
        .ancestors()
        .find_map(|dir| std::fs::read_to_string(dir.join("shared/data/codes").join(name)).ok());
    if found.is_none() {
        eprintln!("skipped: {name} is not here");
    }
    found
}

/// Rows that only group counties, and rows that the newest list dropped while records still name them.
const OURS_ONLY: [u32; 16] = [
    110100, 120100, 310100, 500100, 500200, // 市辖区, 县
    419000, 429000, 469000, 659000, // 直辖县级行政区划
    500105, 500112, // 江北区, 渝北区: merged into 两江新区
    232761, 232762, 232763,
    232764, // districts of 大兴安岭地区, in use without a code of the standard
    710000, // the list has Taiwan under the residence permit's 83
];

#[test]
fn divisions_agree_with_the_published_list() {
    let Some(text) = shared("cn-divisions/gbt2260_list.json") else { return };
    let list: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
    let theirs: BTreeMap<u32, String> = list
        .into_iter()
        .map(|(code, name)| (code.parse().unwrap(), name))
        // Hong Kong, Macao and Taiwan have no codes below the province in GB/T 2260.
        .filter(|(code, _)| !matches!(code / 10_000, 81..=83) || code % 10_000 == 0 && code / 10_000 != 83)
        .collect();
    assert!(theirs.len() > 3_100, "the list is complete");

    let mut wrong = Vec::new();
    for (&code, name) in &theirs {
        match division::lookup(code) {
            Some(ours) if ours.name == name => {}
            ours => wrong.push(format!("{code}: ours {:?}, theirs {name}", ours.map(|d| d.name))),
        }
    }
    for level in [Level::Province, Level::Prefecture, Level::County] {
        for ours in division::all(level) {
            if !theirs.contains_key(&ours.code) && !OURS_ONLY.contains(&ours.code) {
                wrong.push(format!("{}: only ours, {}", ours.code, ours.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}

/// An identity number keeps the code of its day, so every code since 1980 must have a place.
#[test]
fn abolished_divisions_still_have_a_province() {
    let Some(text) = shared("cn-divisions/gbt2260_history.json") else { return };
    let list: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
    let unplaced: Vec<_> = list
        .keys()
        .filter_map(|code| code.parse::<u32>().ok())
        // 83 is the residence permit's Taiwan; 66 is a code of statistics that no identity number carries.
        .filter(|code| !matches!(code / 10_000, 66 | 83) && division::known(*code).is_none())
        .collect();
    assert!(unplaced.is_empty(), "{unplaced:?}");
}
