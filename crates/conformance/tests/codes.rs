//! Our tables of codes against lists that other people made.
//!
//! The lists lie outside the project (`../shared/data/codes`); where they are absent the test says so and passes.

use std::collections::BTreeMap;
use std::path::Path;

use medveil_deid::code::division::{self, Level};
use medveil_deid::code::icd10;

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

/// Blocks where the Chinese list splits what WHO's table of 2019 has as one, or is of an earlier version.
const OTHER_BLOCKS: [&str; 4] = ["K55-K63", "T20-T25", "T26-T28", "T29-T32"];

#[test]
fn icd10_ranges_agree_with_the_chinese_catalogue() {
    let Some(text) = shared("icd10-cn/disease_catalog.csv") else { return };
    let chapters: Vec<_> = icd10::chapters().map(|chapter| chapter.range).collect();
    let blocks: Vec<_> = icd10::blocks().map(|block| block.range).collect();
    let mut compared = 0;
    for line in text.lines().skip(1) {
        let [first, last, level, _title] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        let range = format!("{first}-{last}");
        let ours = if level == "1" { &chapters } else { &blocks };
        assert!(ours.contains(&range.as_str()) || OTHER_BLOCKS.contains(&range.as_str()), "{range}");
        compared += 1;
    }
    assert!(compared > 200, "the catalogue is complete");
}

#[test]
fn every_chinese_category_has_a_block_and_a_chapter() {
    let Some(text) = shared("icd10-cn/disease.csv") else { return };
    let mut compared = 0;
    for line in text.lines().skip(1) {
        let Some((code, _title)) = line.split_once('\t') else { continue };
        let category = icd10::Category::of(code);
        assert!(category.and_then(icd10::Category::block).is_some(), "{code}");
        assert!(category.and_then(icd10::Category::chapter).is_some(), "{code}");
        compared += 1;
    }
    assert!(compared > 1_500, "the list is complete");
}
