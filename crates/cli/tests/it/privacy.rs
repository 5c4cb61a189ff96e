//! `[privacy]` in a run: the search, tables that share their patients, and earlier releases.

use std::collections::BTreeMap;

use super::Home;

/// A plan for tables of `patient_id`, `sex` and `stage` or `age`, with more under `[privacy]`.
fn plan(privacy: &str) -> String {
    format!(
        "[plan]\nname = \"toy\"\nversion = 1\nrelease-model = \"controlled\"\nunmatched = \"keep\"\nsubject = \"patient_id\"\n\n\
         [[rule]]\nmatch = {{ column = \"patient_id\" }}\naction = \"pseudonymize\"\n\n\
         [[rule]]\nmatch = {{ column = \"dose\" }}\naction = {{ laplace = {{ epsilon = 0.5, lower = 0.0, upper = 9.0, decimals = 1 }} }}\n\n\
         [privacy]\nmodels = [\"k=2\"]\n{privacy}"
    )
}

fn release(home: &Home, inputs: &[&str], out: &str, more: &[&str]) -> super::Said {
    let options = ["--plan", "toy.toml", "--key", "k.key", "--out", out];
    home.run(&[&["deid"], inputs, &options, more].concat())
}

#[test]
fn the_built_in_plans_release_a_hospital_of_a_thousand_and_verify() {
    let home = Home::new();
    home.ok(&["synth", "--patients", "1000", "--seed", "1", "--out", "raw", "--formats", "csv"]);
    for plan in ["gbt-37964-controlled", "diabetes-research", "gbt-37964-public"] {
        for file in ["patients.csv", "visits.csv"] {
            let (raw, out) = (format!("raw/{file}"), format!("{plan}-{file}"));
            let args = ["deid", &raw, "--plan", plan, "--key", "k.key", "--out", &out, "--json"];
            let said = home.ok(&args).json();
            let risk = &said["risk"][file]["after"];
            let k = if plan.ends_with("public") { 20 } else { 5 };
            assert!(risk["min_class"].as_u64().unwrap() >= k, "{plan} {file}: {risk}");
            let search = &said["files"][0]["search"];
            assert_eq!(said["files"][0]["dropped"], search["suppressed"]);
            assert!(search["columns"].as_array().unwrap().iter().any(|c| c["level"].as_u64().unwrap() > 0));
            let receipt = format!("{out}/receipt.json");
            let said = home.ok(&["verify", &receipt, "--raw", &raw, "--key", "k.key", "--threads", "1"]);
            assert!(said.stdout.contains("the generalisation is the best that the plan allows"));
        }
    }
    // What the receipt says of the search is bound: another level is found out.
    let receipt = home.text("gbt-37964-controlled-visits.csv/receipt.json");
    let forged = receipt.replacen("\"level\": 2", "\"level\": 1", 1);
    assert_ne!(forged, receipt);
    home.write("gbt-37964-controlled-visits.csv/receipt.json", forged);
    let args = [
        "verify",
        "gbt-37964-controlled-visits.csv/receipt.json",
        "--raw",
        "raw/visits.csv",
        "--key",
        "k.key",
    ];
    let said = home.run(&args);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("FAILED  visits.csv: the generalisation"), "{}", said.stdout);
    // The page tells both languages why.
    let page = home.text("gbt-37964-controlled-visits.csv/report.html");
    assert!(page.contains("What was generalised further, and why") && page.contains("进一步的泛化及其理由"));
}

#[test]
fn a_plan_that_does_not_search_is_refused_where_it_was_before() {
    let home = Home::new();
    home.write("t.csv", "patient_id,sex,age\nP1,F,30\nP2,F,31\nP3,M,30\nP4,M,31\n");
    let named = "quasi-identifiers = [\"sex\", \"age\"]\n";
    home.write("toy.toml", plan(&format!("{named}search = false\n")));
    let said = release(&home, &["t.csv"], "out", &[]);
    assert!(said.code == Some(1) && said.stderr.contains("the plan asks for k = 2"), "{}", said.all());
    home.write("toy.toml", plan(named));
    let said = release(&home, &["t.csv"], "out", &[]);
    assert_eq!(said.code, Some(0), "{}", said.all());
    let ages = home.column("out/t.csv", "age");
    assert!(
        ages.iter().all(|age| *age == ages[0])
            || home.column("out/t.csv", "sex").iter().all(|sex| sex == "*")
    );
}

#[test]
fn hierarchy_files_stand_beside_the_plan_and_are_given_to_verify() {
    let home = Home::new();
    home.write("t.csv", "patient_id,age\nP1,30\nP2,31\nP3,50\nP4,51\n");
    std::fs::create_dir(home.path("plans")).unwrap();
    home.write("plans/age.csv", "30;young;*\n31;young;*\n50;old;*\n51;old;*\n");
    let text = plan("quasi-identifiers = [\"age\"]\n[privacy.hierarchies]\nage = { file = \"age.csv\" }\n");
    home.write("plans/toy.toml", text);
    home.ok(&["deid", "t.csv", "--plan", "plans/toy.toml", "--key", "k.key", "--out", "out"]);
    assert_eq!(home.column("out/t.csv", "age"), ["young", "young", "old", "old"]);
    let verify = ["verify", "out/receipt.json", "--raw", "t.csv", "--key", "k.key"];
    assert_eq!(home.run(&verify).code, Some(2));
    home.ok(&[&verify[..], &["--hierarchies", "plans"]].concat());
    // A value that the file lacks stops the run at its cell.
    home.write("t.csv", "patient_id,age\nP1,30\nP2,31\nP3,50\nP4,777\n");
    let said = home.run(&["deid", "t.csv", "--plan", "plans/toy.toml", "--key", "k.key", "--out", "no"]);
    assert!(said.code == Some(2) && said.stderr.contains("row 5, column 2 `age`"), "{}", said.all());
    assert!(!said.stderr.contains("777") && !home.path("no").exists());
}

#[test]
fn a_patient_who_stands_out_by_two_tables_together_is_not_released() {
    let home = Home::new();
    home.write("patients.csv", "patient_id,sex\nP1,F\nP2,F\nP3,M\nP4,M\n");
    home.write("visits.csv", "patient_id,age\nP1,30\nP2,40\nP3,30\nP4,40\n");
    home.write("toy.toml", plan(""));
    for (i, file) in ["patients.csv", "visits.csv"].into_iter().enumerate() {
        let said = release(&home, &[file], &format!("alone{i}"), &[]);
        assert_eq!(said.code, Some(0), "{}", said.all());
    }
    let said = release(&home, &["patients.csv", "visits.csv"], "out", &["--refused-report", "why.html"]);
    assert_eq!(said.code, Some(1), "{}", said.all());
    let wanted = "linked: joined over patients.csv, visits.csv, the smallest class has 1 patients and 4 of 4";
    assert!(said.stderr.contains(wanted) && !home.path("out").exists(), "{}", said.stderr);
    assert!(home.text("why.html").contains("联表（linked）"));

    home.write("toy.toml", plan("linked = \"report\"\n"));
    let said = release(&home, &["patients.csv", "visits.csv"], "out", &["--json"]);
    let said = said.json();
    assert_eq!(said["linked"][0]["min_class"], 1);
    assert_eq!(said["linked"][0]["required"], 2);
    let report: serde_json::Value = serde_json::from_str(&home.text("out/report.json")).unwrap();
    assert_eq!((&report["linked"], report["verdict"].as_str()), (&said["linked"], Some("met")));
    home.ok(&["verify", "out/receipt.json", "--raw", "patients.csv", "visits.csv", "--key", "k.key"]);

    // Without anything that joins them, they are two tables.
    let rule = "match = { column = \"patient_id\" }\naction = ";
    let text = plan("").replace(&format!("{rule}\"pseudonymize\""), &format!("{rule}\"redact\""));
    home.write("toy.toml", text);
    assert_eq!(release(&home, &["patients.csv", "visits.csv"], "apart", &[]).code, Some(0));
}

/// Six patients in two classes, released in January, with a dose that costs epsilon.
fn with_january(study: &str) -> Home {
    let home = Home::new();
    home.write("toy.toml", plan(""));
    home.write("t.csv", "patient_id,sex,dose\nP1,F,1\nP2,F,2\nP3,F,3\nP4,M,4\nP5,M,5\nP6,M,6\n");
    let said = release(&home, &["t.csv"], "january", &["--study", study]);
    assert_eq!(said.code, Some(0), "{}", said.all());
    home
}

#[test]
fn a_release_is_checked_together_with_the_earlier_ones() {
    for study in ["february", "another study"] {
        let home = with_january(study);
        let february = ["--study", "february", "--earlier", "january"];
        // The same again tells nothing new; epsilon adds up.
        let said = release(&home, &["t.csv"], "again", &[&february[..], &["--json"]].concat());
        assert_eq!(said.code, Some(0), "{}", said.all());
        let said = said.json();
        let earlier = &said["earlier"];
        assert_eq!((&earlier["joined"]["min_class"], &earlier["joined"]["patients"]), (&3.into(), &6.into()));
        assert_eq!(
            (&earlier["releases"][0]["tied"], &earlier["epsilon"]),
            (&6.into(), &1.0.into()),
            "{study}"
        );
        let january: serde_json::Value = serde_json::from_str(&home.text("january/receipt.json")).unwrap();
        assert_eq!(earlier["releases"][0]["output_root"], january["output_root"]);
        let report: serde_json::Value = serde_json::from_str(&home.text("again/report.json")).unwrap();
        assert_eq!(&report["earlier"], earlier);
        let verify = ["verify", "again/receipt.json", "--raw", "t.csv", "--key", "k.key"];
        home.ok(&verify);
        let said = home.ok(&[&verify[..], &["--earlier", "january"]].concat());
        assert!(said.stdout.contains("the figures of earlier releases are those of the run"));

        // Five women and three men now, each class large enough by itself: but who has joined is known to be new.
        home.write("t.csv", "patient_id,sex,dose\nP1,F,1\nP2,F,2\nP3,F,3\nP7,F,1\nP4,M,4\nP5,M,5\nP6,M,6\n");
        assert_eq!(release(&home, &["t.csv"], "alone", &["--study", "february"]).code, Some(0));
        let said = release(&home, &["t.csv"], "out", &february);
        assert_eq!(said.code, Some(1), "{}", said.all());
        let wanted =
            "earlier: together with 1 earlier releases, the smallest class has 1 patients and 1 of 7";
        assert!(said.stderr.contains(wanted) && !home.path("out").exists(), "{}", said.stderr);

        // And who has left, where the study is the same or another.
        home.write("t.csv", "patient_id,sex,dose\nP1,F,1\nP2,F,2\nP4,M,4\nP5,M,5\nP6,M,6\n");
        let said = release(&home, &["t.csv"], "out", &february);
        assert!(said.code == Some(1) && said.stderr.contains("1 of 6"), "{}", said.all());
    }
}

#[test]
fn patients_whose_attributes_change_between_releases_are_found() {
    let home = with_january("s");
    // Still three and three, but P3 and P6 have changed places.
    home.write("t.csv", "patient_id,sex,dose\nP1,F,1\nP2,F,2\nP6,F,3\nP4,M,4\nP5,M,5\nP3,M,6\n");
    assert_eq!(release(&home, &["t.csv"], "alone", &["--study", "s"]).code, Some(0));
    let said = release(&home, &["t.csv"], "out", &["--study", "s", "--earlier", "january"]);
    assert!(
        said.code == Some(1) && said.stderr.contains("2 of 6 are in classes of fewer than 2"),
        "{}",
        said.all()
    );
}

#[test]
fn an_earlier_release_that_was_changed_or_is_of_another_key_is_an_error() {
    let home = with_january("s");
    let again = |out: &str| release(&home, &["t.csv"], out, &["--study", "s", "--earlier", "january"]);
    let (table, receipt) = (home.text("january/t.csv"), home.text("january/receipt.json"));
    home.write("january/t.csv", table.replacen(",F,", ",M,", 1));
    let said = again("a");
    assert!(
        said.code == Some(1) && said.stderr.contains("earlier release january: t.csv is the file"),
        "{}",
        said.all()
    );
    home.write("january/t.csv", &table);
    home.write("january/receipt.json", receipt.replacen("\"linkable\": true", "\"linkable\": false", 1));
    let said = again("b");
    assert!(said.stderr.contains("january: the receipt was changed after it was made"), "{}", said.all());
    home.write("january/receipt.json", &receipt);
    home.ok(&["key", "new", "--out", "other.key"]);
    let args =
        ["deid", "t.csv", "--plan", "toy.toml", "--key", "other.key", "--out", "c", "--earlier", "january"];
    let said = home.run(&args);
    assert!(said.code == Some(1) && said.stderr.contains("the key is not the one"), "{}", said.all());
    let said = release(&home, &["t.csv"], "d", &["--earlier", "january", "january"]);
    assert!(said.code == Some(1) && said.stderr.contains("named twice"), "{}", said.all());
    assert_eq!(release(&home, &["t.csv"], "e", &["--earlier", "nowhere"]).code, Some(2));
    assert!(["a", "b", "c", "d", "e"].iter().all(|out| !home.path(out).exists()));
    assert_eq!(again("f").code, Some(0));
}

#[test]
fn rare_patients_are_dropped_and_not_made_a_class_of_their_own() {
    let home = Home::new();
    let rows: String = (0..60).map(|i| format!("P{i},{}\n", if i < 59 { "F" } else { "X" })).collect();
    home.write("t.csv", format!("patient_id,sex\n{rows}"));
    home.write("toy.toml", plan("suppression = 0.02\n"));
    let said = release(&home, &["t.csv"], "out", &[]);
    assert_eq!(said.code, Some(0), "{}", said.all());
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    home.column("out/t.csv", "sex").into_iter().for_each(|sex| *classes.entry(sex).or_default() += 1);
    assert_eq!(classes, BTreeMap::from([("F".to_owned(), 59)]));
    let receipt: serde_json::Value = serde_json::from_str(&home.text("out/receipt.json")).unwrap();
    assert_eq!(receipt["files"][0]["dropped"], 1);
}
