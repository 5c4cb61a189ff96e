//! Reports on real runs of the CSV executor, with hostile names and random values.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::study::{MasterKey, Study, Suite};
use crate::table::{FileKeys, Hints, Job, Protection, deidentify_csv};

fn plan(privacy: &str) -> Plan {
    Plan::from_toml(&format!(
        r#"
        [plan]
        name = "test"
        version = 3
        release-model = "controlled"
        title = "A test"
        title-zh = "测试"
        basis = ["PIPL Art. 51"]

        [[rule]]
        match = {{ column = "name" }}
        action = "redact"
        source = "45 CFR 164.514(b)(2)(i)(A)"

        [[rule]]
        match = {{ column = "id" }}
        action = "pseudonymize"

        [[rule]]
        match = {{ column = "k*" }}
        action = "keep"

        {privacy}
        "#
    ))
    .unwrap()
}

const ASKED: &str = "[privacy]\nquasi-identifiers = [\"k0\", \"k1\"]\nsensitive = [\"k2\"]\nmodels = [\"k=5\"]\nmax-risk = 0.2";

fn run(plan: &Plan, csv: &str) -> Report {
    let study = Study::new(&MasterKey::from_bytes([1; 32]), "s", Suite::International, None);
    let leaves = || study.prf(&["leaves"]);
    let keys = FileKeys {
        input_leaves: leaves(),
        output_leaves: leaves(),
        noise: study.noise("t.csv"),
        kinds: None,
    };
    let cancelled = AtomicBool::new(false);
    let job = Job {
        threads: NonZeroUsize::MIN,
        memory: 64 << 20,
        max_record: 1 << 20,
        hints: Hints { delimiter: Some(b','), header: Some(true), ..Hints::default() },
        cancelled: &cancelled,
        progress: &|_| {},
    };
    let outcome = deidentify_csv(
        csv.as_bytes(),
        None,
        &mut Vec::new(),
        plan,
        &study,
        &keys,
        Protection::default(),
        &job,
    )
    .unwrap();
    let file = FileReport::of_table("t.csv", plan, &outcome);
    Report::new(plan, "s", vec![file]).at("2026-01-02").bound_to([1; 32], [2; 32])
}

fn table(rows: impl IntoIterator<Item = [String; 5]>) -> String {
    let lines = rows.into_iter().map(|row| row.join(",") + "\n");
    "name,id,k0,k1,k2\n".to_owned() + &lines.collect::<String>()
}

fn small() -> String {
    table((0..60).map(|i| {
        [
            format!("n{i}"),
            format!("id{i}"),
            format!("{}", i % 2),
            format!("a{}", i % 3),
            format!("{}.5", i * i % 37),
        ]
    }))
}

/// Everything in the page that a browser shows, as (text, whether it is marked as one of the languages or as a name).
fn texts(html: &str) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    let mut open: Vec<(String, &'static str)> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let text = rest[..at].trim();
        let mark = open.iter().rev().map(|(_, mark)| *mark).find(|mark| !mark.is_empty()).unwrap_or("");
        if !text.is_empty() {
            found.push((text.to_owned(), mark));
        }
        let end = at + rest[at..].find('>').expect("every tag ends");
        let tag = &rest[at + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().map(|(open, _)| open).as_deref(), Some(name), "tags nest");
        } else if !tag.starts_with('!') {
            let name = tag.split_whitespace().next().unwrap().to_owned();
            let class = tag.split("class=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("");
            let mark = match () {
                () if ["style", "script", "title"].contains(&name.as_str())
                    || tag.contains("for=\"lang-") =>
                {
                    "skip"
                }
                () if class.split(' ').any(|c| c == "en") => "en",
                () if class.split(' ').any(|c| c == "zh") => "zh",
                () if class.split(' ').any(|c| c == "v") => "name",
                () => "",
            };
            if !["meta", "input"].contains(&name.as_str()) {
                open.push((name, mark));
            }
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

/// A report of everything that can be said: a breach, every warning, estimates, noise, rules without columns.
fn talkative() -> Report {
    let plan = plan(ASKED);
    let mut report = run(&plan, &small());
    let mut file = report.files[0].clone();
    file.reasons = vec![Words { en: "reason".into(), zh: "理由".into() }];
    file.items[0].loss = Some(Loss { epsilon: 1.0, delta: 1e-9 });
    file.items[0].counts.invalid = 3;
    let assessment = file.assessment.as_mut().unwrap();
    assessment.utility.complete = false;
    let counts = Counts { changed: 2, ..Counts::default() };
    let rules = [RuleCounts { rule: Some(0), counts }, RuleCounts { rule: None, counts }];
    let side = Side::new(&crate::merkle::Builder::new(Suite::International), 1, 2);
    report.files.push(file);
    report.files.push(FileReport::of_rules("b.ndjson", "fhir", &plan, (&side, &side), &rules, None));
    report.loss = Loss { epsilon: 1.0, delta: 1e-9 };
    report
}

#[test]
fn every_sentence_is_in_both_languages() {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    for verdict in [Verdict::Met, Verdict::Breached, Verdict::NothingRequired, Verdict::NotMeasured] {
        let html = Report { verdict, ..talkative() }.to_html(Language::Zh);
        let texts = texts(&html);
        assert!(texts.len() > 200, "{}", texts.len());
        for (i, (text, mark)) in texts.iter().enumerate() {
            match *mark {
                "en" => assert!(
                    !text.chars().any(is_chinese) && texts[i + 1].1 == "zh",
                    "{text} has no Chinese beside it"
                ),
                "zh" => assert!(
                    text.chars().any(|c| is_chinese(c) || "；：，".contains(c)),
                    "{text} is not Chinese"
                ),
                "skip" | "name" => {}
                // What stands in neither language is figures and their symbols.
                _ => assert!(
                    text.split(|c: char| !c.is_alphabetic())
                        .all(|word| ["", "B", "kB", "ε", "δ", "e"].contains(&word)),
                    "`{text}` is in one language only"
                ),
            }
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "k<script>alert(1)</script>\" onload=\"x' &amp; \u{202e}";
    let csv = small().replace(
        "k2",
        &hostile.replace('"', "\"\"").replacen('k', "\"k", 1).replace('\u{202e}', "\u{202e}\""),
    );
    let report = run(&plan("[privacy]\nquasi-identifiers = [\"k0\", \"k1\"]"), &csv);
    assert!(
        report.files[0].items.iter().any(|item| item.place == hostile),
        "{:?}",
        report.files[0].items[4].place
    );
    let html = report.to_html(Language::En);
    assert_eq!(html.matches("<script").count(), 1);
    assert!(!html.contains("\" onload"));
    assert!(
        html.contains(
            "k&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x' &amp;amp; \u{202e}</bdi>"
        )
    );
    texts(&html);
    serde_json::from_str::<Value>(&report.to_json_text()).unwrap();
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let html = talkative().to_html(Language::Zh);
    for word in ["http:", "https:", "src=", "url(", "@import", "href=", "style=\"", "onclick"] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(
        html.contains("default-src 'none'; style-src &#39;sha256-")
            || html.contains("default-src 'none'; style-src 'sha256-")
    );
    let (style, script) = html::style_and_script();
    assert!(
        html.contains(&format!("<style>{style}</style>"))
            && html.contains(&format!("<script>{script}</script>"))
    );
}

#[test]
fn the_verdict_follows_from_the_requirements() {
    assert_eq!(run(&plan(ASKED), &small()).verdict, Verdict::Met);
    let strict = ASKED.replace("k=5", "k=11");
    let report = run(&plan(&strict), &small());
    assert_eq!(report.verdict, Verdict::Breached);
    assert_eq!(report.files[0].reasons[0].en, "the smallest class has 10 records; the plan asks for k = 11");
    assert_eq!(run(&plan(""), &small()).verdict, Verdict::NothingRequired);
    assert_eq!(Report::new(&plan(ASKED), "s", vec![]).verdict, Verdict::NotMeasured);
}

#[test]
fn epsilon_adds_up_over_the_values_of_a_record() {
    let one = Loss { epsilon: 0.1, delta: 1e-9 };
    assert_eq!(Loss::sum([one; 3].into_iter()), Some(Loss { epsilon: 0.3, delta: 3e-9 }));
    assert_eq!(Loss::sum(std::iter::empty()), None);
    assert_eq!(Loss::of_parameters(&serde_json::json!({ "epsilon": 0.1, "delta": 1e-9 })), Some(one));
    assert_eq!(Loss::of_parameters(&Value::Null), None);
}

#[test]
fn kept_identifiers_and_dropped_columns_are_warned_of() {
    let csv = "name,k_phone,other\n".to_owned()
        + &(0..50).map(|i| format!("Zhang San,138001380{i:02},q{}z\n", i % 3)).collect::<String>();
    let report = run(&plan(""), &csv);
    let kinds: Vec<_> = report.files[0].items.iter().map(|item| item.kind).collect();
    assert_eq!(kinds, [Some(Kind::PersonName), Some(Kind::Phone), None]);
    let codes: Vec<&str> = report.files[0].warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["direct-identifiers-kept", "unmatched-dropped", "no-quasi-identifiers"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_value_is_in_a_report(tokens in prop::collection::vec(("[qxz]{7,9}", "[1-9][0-9]{5}\\.[1-9]{5}"), 30..60)) {
        let rows = tokens.iter().enumerate().map(|(i, (word, number))| {
            [word.clone(), format!("{word}{i}"), tokens[i % 3].0.clone(), word.clone(), number.clone()]
        });
        let report = run(&plan(ASKED), &table(rows));
        let (json, html) = (report.to_json_text(), report.to_html(Language::En));
        for (word, number) in &tokens {
            for value in [word, number] {
                prop_assert!(!json.contains(value.as_str()) && !html.contains(value.as_str()));
            }
        }
    }
}
