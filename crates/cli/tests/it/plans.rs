//! Plans as the command lists, shows, checks and imports them.

use super::Home;

#[test]
fn every_built_in_plan_shows_and_checks() {
    let home = Home::new();
    let list = home.ok(&["plan", "list", "--json"]).json();
    let plans = list["plans"].as_array().unwrap();
    assert!(plans.len() >= 8);
    let said = home.ok(&["plan", "list"]).stdout;
    for plan in plans {
        let name = plan["name"].as_str().unwrap();
        assert!(said.contains(name) && !plan["title_zh"].as_str().unwrap().is_empty());
        home.write("shown.toml", home.ok(&["plan", "show", name]).stdout);
        let checked = home.ok(&["plan", "check", "shown.toml"]).stdout;
        assert!(checked.contains(name) && checked.contains("valid"), "{checked}");
        home.ok(&["plan", "check", "shown.toml", "--json"]).json();
        home.ok(&["plan", "show", name, "--json"]).json();
    }
}

#[test]
fn the_canonical_form_of_a_plan_is_the_same_plan() {
    let home = Home::new();
    home.write("a.toml", home.ok(&["plan", "show", "diabetes-research"]).stdout);
    home.write("a.json", home.ok(&["plan", "show", "diabetes-research", "--json"]).stdout);
    home.write("t.csv", "patient_id,glucose\nP1,5.1\nP2,6.2\n");
    let digest = |plan: &str, out: &str| {
        let args = ["deid", "t.csv", "--plan", plan, "--key", "k.key", "--out", out, "--json"];
        let said = home.run(&args);
        (said.code, said.code.filter(|code| *code == 0).map(|_| said.json()["plan_sha256"].clone()))
    };
    assert_eq!(digest("a.toml", "one"), digest("diabetes-research", "two"));
}

#[test]
fn a_misspelt_plan_is_named_by_line_column_and_suggestion() {
    let home = Home::new();
    for (from, to, wanted) in [
        (
            "\"shift-date\"",
            "\"shift-dat\"",
            "line 18, column 10: unknown action `shift-dat`; did you mean `shift-date`?",
        ),
        ("unmatched", "unmatchd", "did you mean `unmatched`?"),
        ("epsilon", "epsilom", "did you mean `epsilon`?"),
        ("[[rule]]", "[[rule]", "line 8, column"),
    ] {
        home.write("typo.toml", super::PLAN.replacen(from, to, 1));
        let said = home.run(&["plan", "check", "typo.toml"]);
        assert_eq!(said.code, Some(2), "{to}");
        assert!(said.stderr.contains("typo.toml: line ") && said.stderr.contains(wanted), "{}", said.stderr);
        let options = ["--key", "k.key", "--out", "out"];
        let said = home.run(&[&["deid", "plan.toml", "--plan", "typo.toml"][..], &options].concat());
        assert!(said.code == Some(2) && said.stderr.contains(wanted), "{}", said.stderr);
        assert!(!home.path("out").exists());
    }
}

#[test]
fn an_unknown_plan_is_answered_with_the_known_ones() {
    let home = Home::new();
    let said = home.run(&["deid", "plan.toml", "--plan", "hipaa", "--out", "out"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("hipaa-safe-harbor") && said.stderr.contains("gbt-37964-public"));
    assert_eq!(home.run(&["plan", "show", "hipaa"]).code, Some(2));
}

#[test]
fn every_action_has_a_guarantee_and_a_source() {
    let home = Home::new();
    let list = home.ok(&["plan", "actions"]).stdout;
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 15);
    for name in names {
        let said = home.ok(&["plan", "actions", name]).stdout;
        assert!(said.contains("guarantee: ") && said.contains("source: "), "{said}");
    }
    assert_eq!(home.run(&["plan", "actions", "redakt"]).code, Some(2));
}

#[test]
fn the_schema_is_the_one_that_is_published() {
    let home = Home::new();
    let schema = home.ok(&["plan", "schema"]).stdout;
    assert_eq!(schema, include_str!("../../../../docs/plan.schema.json"));
}

#[test]
fn an_imported_configuration_is_a_plan_that_runs() {
    let home = Home::with_hospital();
    home.write(
        "microsoft.json",
        r#"{
  "fhirVersion": "R4",
  "fhirPathRules": [
    {"path": "nodesByType('HumanName')", "method": "redact"},
    {"path": "Patient.birthDate", "method": "dateShift"},
    {"path": "Resource.id", "method": "cryptoHash"}
  ],
  "parameters": {"dateShiftKey": "", "cryptoHashKey": "", "encryptKey": "", "enablePartialDatesForRedact": true}
}"#,
    );
    let plan = home.ok(&["plan", "import", "--from", "microsoft", "microsoft.json"]).stdout;
    home.write("imported.toml", plan);
    home.ok(&["plan", "check", "imported.toml"]);
    let args =
        ["deid", "raw/fhir/Patient.ndjson", "--plan", "imported.toml", "--key", "k.key", "--out", "out"];
    home.ok(&args);
    let patients = home.text("out/Patient.ndjson");
    assert!(!patients.contains("\"family\"") && !patients.contains("\"id\":\"P0"));
    home.write("microsoft.json", r#"{"fhirPathRules": [{"path": "Patient.name", "method": "vanish"}]}"#);
    assert_eq!(home.run(&["plan", "import", "--from", "microsoft", "microsoft.json"]).code, Some(2));
}
