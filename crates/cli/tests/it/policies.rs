//! Policies of contracts as people use them, on real nodes: published from a file, wrong ones told with their place, what they forbid refused with their ids.

use serde_json::json;

use super::contracts::Consortium;

const POLICY: &str = r#"@id("half-an-epsilon")
@reason("genetic research takes at most half an epsilon")
forbid (principal, action, resource)
when { context.purposes.contains(Purpose::"genetic-research") && context.epsilon > 500000 };

@id("named")
forbid (principal, action == Action::"request", resource)
unless { [Organisation::"hospital-2", Organisation::"hospital-3"].contains(principal.organisation) };
"#;

const PUBLISH: [&str; 16] = [
    "contract",
    "publish",
    "--label",
    "guarded",
    "--template",
    "clinical-research",
    "--dataset",
    "hospital-1/visits",
    "--plan",
    "diabetes-research",
    "--min-cohort",
    "5",
    "--consent",
    "opt-out",
    "--epsilon",
    "1",
];

const SUBMIT: [&str; 5] = ["request", "submit", "hospital-1/guarded", "--ethics-of", "approval.txt"];

#[test]
fn a_policy_forbids_on_real_nodes_and_what_is_wrong_with_one_is_told() {
    let consortium = Consortium::start();
    let home = &consortium.network.home;
    home.ok(&["key", "new", "--out", "k.key"]);
    home.write("visits.csv", "patient_id,age\np1,30\np2,40\np3,50\n");
    home.write("approval.txt", "approved by the ethics committee, 2026-11-26, 5d8f1c");
    consortium.ok(0, &["dataset", "register", "visits.csv", "--label", "visits", "--key", "k.key"]);
    what_is_wrong_with_a_policy_is_told_with_its_place(&consortium);
    a_file_of_terms_has_its_policy(&consortium);

    home.write("policy.cedar", POLICY);
    let published = consortium.ok(0, &[&PUBLISH[..], &["--policy", "policy.cedar"]].concat());
    assert_eq!((&published["revision"], &published["awaiting"]), (&json!(1), &json!([])));
    let shown = consortium.run(0, &["contract", "show", "hospital-1/guarded"]);
    for line in POLICY.lines().filter(|line| !line.is_empty()) {
        assert!(shown.stdout.contains(&format!("    {line}\n")), "`{line}` in {}", shown.stdout);
    }
    let found = consortium.ok(0, &["contract", "show", "hospital-1/guarded"]);
    assert_eq!(found["value"]["policy"], json!(POLICY));

    // Refused with name, ids and reasons, and so recorded; what the policies leave is granted.
    let genetic = [&SUBMIT[..], &["--purpose", "genetic-research"]].concat();
    let compared = ["policies half-an-epsilon", "because genetic research takes at most half an epsilon"];
    consortium.refused(2, &[&genetic[..], &["--epsilon", "1"]].concat(), "decision.policy", &compared);
    let disease = [&SUBMIT[..], &["--purpose", "disease-research", "--epsilon", "1"]].concat();
    consortium.refused(3, &disease, "decision.policy", &["policies named"]);
    let granted = consortium.ok(1, &[&genetic[..], &["--epsilon", "0.5"]].concat());
    assert_eq!(granted["status"], "granted");
    assert_eq!(consortium.ok(2, &disease)["status"], "granted");
    let trail = consortium
        .ok(3, &["audit", "trail", &format!("contract/{}", published["contract"].as_str().unwrap())]);
    let events = trail["events"].as_array().unwrap();
    let told = events.iter().filter(|event| event["facts"]["reason"] == "decision.policy");
    let ids: Vec<_> = told.map(|event| event["facts"]["policies"].as_str().unwrap()).collect();
    assert_eq!(ids, ["half-an-epsilon", "named"]);
    consortium.network.agree(events.last().unwrap()["height"].as_u64().unwrap());
}

fn what_is_wrong_with_a_policy_is_told_with_its_place(consortium: &Consortium) {
    let home = &consortium.network.home;
    let dry = [&PUBLISH[..], &["--policy", "bad.cedar", "--dry-run"]].concat();
    for (text, name, place) in [
        (format!("//{}", " ".repeat(8191)), "contract.policy_size", "8193 bytes, at most 8192"),
        (
            POLICY.replace("Purpose::\"genetic-", "Purpose::\"genetics-"),
            "contract.policy_type",
            "line 4, column 34",
        ),
        (POLICY.replace("unless {", "unless ("), "contract.policy_syntax", "line 8, column"),
        (POLICY.replace("@reason", "@raeson"), "contract.policy_annotation", "line 2, column 1"),
    ] {
        home.write("bad.cedar", &text);
        let said = consortium.run(0, &dry);
        assert_eq!(said.code, Some(1), "{}", said.all());
        assert!(said.stderr.contains(name) && said.stderr.contains(place), "{}", said.stderr);
        // Nothing is sent that the ledger would refuse.
        let said = consortium.run(0, &dry[..dry.len() - 1]);
        assert!(said.code == Some(1) && said.stderr.contains(name), "{}", said.all());
    }
    home.write("bad.cedar", POLICY.replace("context.epsilon", "context.epsilom"));
    let mut chinese = std::process::Command::new(env!("CARGO_BIN_EXE_medveil"));
    chinese.args(["--lang", "zh"]).args(&dry).current_dir(home.folder.path());
    chinese.env("MEDVEIL_NODE", consortium.network.url(0));
    chinese.env("MEDVEIL_ACCOUNT", format!("{}/keys/administrator.key", consortium.network.dir(0)));
    let said = super::Said::from(chinese.output().unwrap());
    for words in ["账本将拒绝该策略：第 4 行第 66 列：策略与模式不符", "contract.policy_type", "`epsilon`"]
    {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    let mark = format!("\n  {}^", " ".repeat(65));
    assert!(said.stderr.contains(&mark), "{}", said.stderr);
}

fn a_file_of_terms_has_its_policy(consortium: &Consortium) {
    let home = &consortium.network.home;
    home.write("policy.cedar", POLICY);
    // What a dry run prints is what --terms reads.
    let dry = consortium.run(0, &[&PUBLISH[..], &["--policy", "policy.cedar", "--dry-run"]].concat());
    assert_eq!(dry.code, Some(0), "{}", dry.all());
    home.write("terms.toml", &dry.stdout);
    let from_file = ["contract", "publish", "--label", "guarded", "--terms", "terms.toml", "--dry-run"];
    let again = consortium.run(0, &from_file);
    assert_eq!((again.code, &again.stdout), (Some(0), &dry.stdout), "{}", again.all());
    let json = consortium.ok(0, &from_file);
    assert_eq!(json["policy"], json!(POLICY));
    home.write("terms.json", json.to_string());
    let from_json = ["contract", "publish", "--label", "guarded", "--terms", "terms.json", "--dry-run"];
    assert_eq!(consortium.run(0, &from_json).stdout, dry.stdout);
    // Or it is in a file beside the terms.
    let mut bare: toml::Table = dry.stdout.parse().unwrap();
    bare.remove("policy");
    home.write("terms.toml", format!("policy-file = \"policy.cedar\"\n{bare}"));
    assert_eq!(consortium.run(0, &from_file).stdout, dry.stdout);
    home.write("terms.toml", format!("policy-file = \"policy.cedar\"\n{}", dry.stdout));
    let both = consortium.run(0, &from_file);
    assert!(both.code == Some(2) && both.stderr.contains("policy-file"), "{}", both.all());
}
