//! Hierarchies drafted from data: for every quasi-identifier, readable by who reads ARX's, and in the drafted plan.

use std::collections::BTreeSet;

use medveil_deid::hierarchy::file::read_directory;

use super::{Home, Said};

fn home(csv: &str) -> Home {
    let home = Home::new();
    home.write("t.csv", csv);
    home
}

const TABLE: &str = "\
name,age,sex,birth_date,district,education,score
ZQMARKER,45,男,1980-03-04,江苏省南京市,本科,1
ZQMARKER,9,女,1981-03-04,江苏省苏州市,高中,2
ZQMARKER,93,男,1930-12-31,浙江省杭州市,初中,3
ZQMARKER,10,女,,四川省成都市,小学,4
";

fn refused(said: &Said, wanted: &str) {
    assert_eq!(said.code, Some(2), "{}", said.all());
    assert!(said.stderr.contains(wanted), "{}", said.stderr);
}

#[test]
fn every_value_of_every_quasi_identifier_is_in_its_hierarchy() {
    let home = Home::with_hospital();
    let said = home.ok(&["scan", "raw/patients.csv", "--write-hierarchies", "h", "--json"]);
    let written = said.json()["hierarchies"].as_array().unwrap().clone();
    let columns: Vec<&str> = written.iter().map(|one| one["column"].as_str().unwrap()).collect();
    for expected in ["birth_date", "sex", "district_code", "postcode"] {
        assert!(columns.contains(&expected), "{columns:?}");
    }
    let hierarchies = read_directory(&home.path("h"), &columns).unwrap();
    for ((column, hierarchy), written) in columns.iter().zip(&hierarchies).zip(&written) {
        assert_eq!(written["file"], format!("hierarchy_{column}.csv"));
        let values: BTreeSet<String> = home.column("raw/patients.csv", column).into_iter().collect();
        assert_eq!(hierarchy.values(), values.len(), "{column}");
        assert!(values.iter().all(|value| hierarchy.code(value).is_some()), "{column}");
        assert!(hierarchy.has_root(), "{column}");
    }
}

#[test]
fn hierarchies_are_in_natural_order_and_hold_missing_values() {
    let home = home(TABLE);
    let said = home.ok(&["scan", "t.csv", "--write-hierarchies", "h"]);
    assert_eq!(
        home.text("h/hierarchy_age.csv"),
        "9;5-9;0-9;0-19;*\n10;10-14;10-19;0-19;*\n45;45-49;40-49;40-59;*\n93;90+;90+;90+;*\n"
    );
    assert!(home.text("h/hierarchy_birth_date.csv").starts_with(";;"), "the missing one");
    assert_eq!(
        home.text("h/hierarchy_education.csv"),
        "小学;小学 - 初中;*\n初中;小学 - 初中;*\n高中;高中 - 本科;*\n本科;高中 - 本科;*\n"
    );
    assert!(said.stderr.contains("hierarchy_age.csv: column age, 4 values, 5 levels"), "{}", said.stderr);
    assert!(!said.all().contains("ZQMARKER"), "{}", said.all());
}

#[test]
fn the_columns_can_be_named() {
    let home = home(TABLE);
    home.ok(&["scan", "t.csv", "--write-hierarchies", "h", "--quasi-identifiers", "age,score"]);
    assert_eq!(home.text("h/hierarchy_score.csv"), "1;*\n2;*\n3;*\n4;*\n");
    assert!(!home.path("h/hierarchy_sex.csv").exists());
    refused(
        &home.run(&["scan", "t.csv", "--write-hierarchies", "g", "--quasi-identifiers", "agee"]),
        "no column is called `agee`",
    );
    refused(&home.run(&["scan", "t.csv", "--quasi-identifiers", "age"]), "--write-hierarchies");
    assert!(!home.path("g").exists());
}

#[test]
fn what_exists_is_not_overwritten_unless_asked() {
    let home = home(TABLE);
    std::fs::create_dir(home.path("h")).unwrap();
    home.write("h/note.txt", "mine");
    refused(&home.run(&["scan", "t.csv", "--write-hierarchies", "h"]), "the folder is not empty");
    assert!(!home.path("h/hierarchy_age.csv").exists());
    home.ok(&["scan", "t.csv", "--write-hierarchies", "h", "--overwrite"]);
    assert!(home.path("h/hierarchy_age.csv").exists());
    assert_eq!(home.text("h/note.txt"), "mine");
}

#[test]
fn tables_without_a_quasi_identifier_and_columns_that_cannot_be_files_are_refused() {
    let home = home("height,weight\n1.5,50\n1.6,60\n");
    refused(&home.run(&["scan", "t.csv", "--write-hierarchies", "h"]), "no column is a quasi-identifier");
    home.write("t.csv", "a/b,weight\n1,50\n2,60\n");
    refused(
        &home.run(&["scan", "t.csv", "--write-hierarchies", "h", "--quasi-identifiers", "a/b"]),
        "column `a/b`: no file can have this name",
    );
    assert!(!home.path("h").exists());
}

#[test]
fn a_column_of_too_many_values_is_refused_by_name() {
    let mut csv = String::from("age,code\n");
    for n in 0..=1_000_000 {
        csv.push_str(&format!("{},{n}\n", n % 90));
    }
    let home = home(&csv);
    let named = ["scan", "t.csv", "--write-hierarchies", "h", "--quasi-identifiers"];
    let said = home.run(&[&named[..], &["age,code"]].concat());
    refused(&said, "column `code` has more than 1000000 distinct values");
    assert!(!home.path("h").exists());
    home.ok(&[&named[..], &["age"]].concat());
}

#[test]
fn tables_that_share_a_column_share_its_hierarchy() {
    let home = home(TABLE);
    home.write("u.csv", "age,sex\n46,女\n45,男\n");
    home.ok(&["scan", "t.csv", "u.csv", "--write-hierarchies", "h", "--quasi-identifiers", "age"]);
    let ages: Vec<String> = home
        .text("h/hierarchy_age.csv")
        .lines()
        .map(|line| line.split(';').next().unwrap().to_owned())
        .collect();
    assert_eq!(ages, ["9", "10", "45", "46", "93"]);
}

#[test]
fn a_drafted_plan_says_hierarchies_for_what_its_rules_release() {
    let home = home(TABLE);
    home.ok(&["scan", "t.csv", "--write-plan", "draft.toml"]);
    home.ok(&["plan", "check", "draft.toml"]);
    let text = home.text("draft.toml");
    let hierarchies = text.split("[privacy.hierarchies]\n").nth(1).expect("the draft has hierarchies");
    // Births are released as years, districts as prefectures.
    assert!(hierarchies.contains("\"birth_date\" = { dates = { levels = ["), "{hierarchies}");
    assert!(!hierarchies.contains("month"), "{hierarchies}");
    assert!(
        hierarchies.contains("\"district\" = { division = { levels = [\"province\", \"region\"] } }"),
        "{hierarchies}"
    );
    assert!(hierarchies.contains("\"age\" = \"age\""), "{hierarchies}");
    assert!(hierarchies.contains("\"sex\" = \"flat\""), "{hierarchies}");
    assert!(!text.contains("ZQMARKER") && !text.contains("1980"), "{text}");
}

#[test]
fn a_faulty_hierarchy_in_a_plan_is_told_with_its_place() {
    let home = home(TABLE);
    home.write(
        "bad.toml",
        "[plan]\nname = \"x\"\nversion = 1\nrelease-model = \"public\"\n[privacy.hierarchies]\nage = { intervals = { widths = [5, 12] } }\n",
    );
    refused(&home.run(&["plan", "check", "bad.toml"]), "line 6, column 7: hierarchy `intervals`: each width");
}

#[test]
fn messages_are_chinese_where_asked() {
    let home = home(TABLE);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_medveil"))
        .args(["scan", "t.csv", "--write-hierarchies", "h", "--lang", "zh"])
        .current_dir(home.folder.path())
        .output()
        .unwrap();
    let said = Said::from(output);
    assert!(
        said.stderr.contains("列 age，4 个取值，5 级") && said.stderr.contains("泛化层次文件含有数据中的值"),
        "{}",
        said.stderr
    );
}
