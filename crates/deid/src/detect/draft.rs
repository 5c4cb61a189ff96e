//! A first plan from findings: one rule a column, each with the evidence beside it, for a person to read and change.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::finding::{ColumnFinding, Language};
use crate::action::{Cell, Effect, Secret, Site};
use crate::hierarchy;
use crate::kind::{Class, Kind};
use crate::plan::{Plan, ReleaseModel};
use crate::study::{MasterKey, Study, Suite};

/// A plan in TOML for the columns found in each of `tables`. It parses with [`Plan::from_toml`].
///
/// Columns without a kind get no rule, and the plan drops what no rule names. Quasi-identifiers are listed for one table only: a listed
/// column must be in every table of a run, so that for several tables they are told by kind in each.
///
/// `values` are the distinct values of quasi-identifiers, by column, as far as they are known: their hierarchies are drafted for what the drafted rule makes of them.
/// Where they are not known the kind alone decides. No value is in the plan, but for the words of an order of education.
pub fn draft_plan(
    tables: &[&[ColumnFinding]],
    release_model: ReleaseModel,
    values: &BTreeMap<String, Vec<String>>,
) -> String {
    let model = match release_model {
        ReleaseModel::Public => "public",
        ReleaseModel::Controlled => "controlled",
        ReleaseModel::Enclave => "enclave",
    };
    let mut out = format!(
        "# Drafted from a scan. Read each rule before use: detection is a heuristic.\n\
         # 由扫描结果生成的草稿；识别为启发式方法，使用前请逐条核对。\n\n\
         [plan]\nname = \"draft\"\nversion = 1\nrelease-model = \"{model}\"\n\
         # What no rule names is not released. 未列出的列不予发布。\nunmatched = \"drop\"\n"
    );
    let mut written = Vec::new();
    let mut quasi = Vec::new();
    let mut sensitive = Vec::new();
    let mut hierarchies = String::new();
    for finding in tables.iter().copied().flatten() {
        let name = finding.name.as_str();
        if written.contains(&name) {
            continue;
        }
        written.push(name);
        let Some(kind) = finding.kind else {
            let _ = write!(
                out,
                "\n# Column {}: nothing was recognised; dropped. 未能识别，不发布。\n",
                quote(name)
            );
            continue;
        };
        let action = action(kind, release_model);
        out.push('\n');
        explain(&mut out, finding, kind);
        let _ = write!(out, "[[rule]]\nmatch = {{ column = {} }}\naction = {action}\n", quote(name));
        match kind.class() {
            Class::QuasiIdentifier if action != REDACT => {
                quasi.push(quote(name));
                let released = released(action, kind, values.get(name).map_or(&[], Vec::as_slice));
                let released: Vec<&str> = released.iter().map(String::as_str).collect();
                let drafted = hierarchy::draft(Some(kind), &released).to_json();
                let _ = writeln!(hierarchies, "{} = {}", quote(name), inline(&drafted));
            }
            Class::Sensitive if matches!(kind, Kind::Diagnosis | Kind::DiagnosisCode) => {
                sensitive.push(quote(name))
            }
            _ => {}
        }
    }
    if !quasi.is_empty() {
        // GB/T 42460-2023, Annex D: a class of k records bounds the risk of each by 1/k.
        let k = match release_model {
            ReleaseModel::Public => 20,
            ReleaseModel::Controlled => 5,
            ReleaseModel::Enclave => 3,
        };
        out.push_str("\n[privacy]\n");
        if tables.len() == 1 {
            let (quasi, sensitive) = (quasi.join(", "), sensitive.join(", "));
            let _ = write!(out, "quasi-identifiers = [{quasi}]\nsensitive = [{sensitive}]\n");
        }
        let _ = write!(out, "models = [\"k={k}\"]\nsuppression = 0.05\nmetric = \"loss\"\n");
        let _ = write!(
            out,
            "\n# How what the rules release may be generalised further. 规则处理后的值可如何进一步泛化。\n[privacy.hierarchies]\n{hierarchies}"
        );
    }
    out
}

fn explain(out: &mut String, finding: &ColumnFinding, kind: Kind) {
    let title = kind.title();
    let _ = writeln!(out, "# {} {} ({}), confidence {}", title.en, title.zh, kind, finding.confidence);
    for evidence in &finding.evidence {
        let _ = writeln!(out, "#   {} | {}", evidence.explain(Language::En), evidence.explain(Language::Zh));
    }
    if !finding.also_contains.is_empty() {
        let kinds: Vec<_> = finding.also_contains.iter().map(|(kind, _)| kind.name()).collect();
        let _ = writeln!(out, "#   some values also contain: {}", kinds.join(", "));
    }
}

/// The first action that this build has; the last choice is always there.
fn action(kind: Kind, model: ReleaseModel) -> &'static str {
    choices(kind, model)
        .iter()
        .copied()
        .find(|action| Plan::from_toml(&plan_of(action)).is_ok())
        .unwrap_or(REDACT)
}

const REDACT: &str = "\"redact\"";

/// What the built-in plans do with the kind, most useful first.
fn choices(kind: Kind, model: ReleaseModel) -> &'static [&'static str] {
    const PREFECTURE: &str = "{ generalize = { to = \"prefecture\" } }";
    const PROVINCE: &str = "{ generalize = { to = \"province\" } }";
    const KEEP: &str = "\"keep\"";
    const PSEUDONYMIZE: &str = "\"pseudonymize\"";
    let public = model == ReleaseModel::Public;
    match kind {
        Kind::CnResidentId
        | Kind::InsuranceNumber
        | Kind::PatientId
        | Kind::MedicalRecordNumber
        | Kind::InpatientNumber
        | Kind::VisitNumber
        | Kind::UniqueId => &[PSEUDONYMIZE, REDACT],
        Kind::BirthDate => &["{ generalize = { to = \"year\", top = 90 } }", REDACT],
        Kind::EventDate if public => &["{ generalize = { to = \"year\" } }", REDACT],
        Kind::EventDate => &["\"shift-date\"", REDACT],
        Kind::Age if model == ReleaseModel::Enclave => &["{ generalize = { top = 90 } }", REDACT],
        Kind::Age => &["{ generalize = { to = \"5\", top = 90 } }", REDACT],
        Kind::Geography | Kind::DivisionCode if public => &[PROVINCE, REDACT],
        Kind::Geography | Kind::DivisionCode => &[PREFECTURE, REDACT],
        Kind::Sex => &[KEEP],
        Kind::Ethnicity | Kind::Nationality | Kind::MaritalStatus | Kind::Education if !public => &[KEEP],
        Kind::Occupation if model == ReleaseModel::Enclave => &[KEEP],
        Kind::Diagnosis
        | Kind::DiagnosisCode
        | Kind::Procedure
        | Kind::Drug
        | Kind::LaboratoryValue
        | Kind::Department
        | Kind::Amount
        | Kind::Measure => &[KEEP],
        Kind::FreeText if model == ReleaseModel::Enclave => &["\"clean-text\"", REDACT],
        _ => &[REDACT],
    }
}

/// What the drafted action makes of the values of a column, each once. Only `generalize` makes other values of a quasi-identifier that stay of its
/// kind; the others keep them or shift dates among themselves.
fn released(action: &str, kind: Kind, values: &[String]) -> Vec<String> {
    let generalizes = action.contains("generalize");
    let plan = generalizes.then(|| Plan::from_toml(&plan_of(action)).ok()).flatten();
    let study = Study::new(&MasterKey::from_bytes([0; 32]), "draft", Suite::International, None);
    let site = Site { study: &study, kind: Some(kind), label: "draft" };
    let transform = plan.and_then(|plan| plan.rules[0].action.prepare(&site).ok());
    let Some(transform) = transform else { return values.to_vec() };
    let noise = study.noise("draft");
    let record = noise.record(0, [0; 32]);
    let mut released: Vec<String> = Vec::with_capacity(values.len());
    let mut out = String::new();
    for value in values {
        if value.is_empty() {
            released.push(String::new());
            continue;
        }
        out.clear();
        let cell = Cell { value: Secret(value), subject: None, record: &record, occurrence: 0 };
        match transform.apply(&cell, &mut out) {
            Ok(Effect::Kept) => released.push(value.clone()),
            Ok(Effect::Replaced) => released.push(out.clone()),
            Ok(Effect::Removed | Effect::DropRecord) | Err(_) => {}
        }
    }
    released.sort_unstable();
    released.dedup();
    released
}

/// A plan of one rule.
fn plan_of(action: &str) -> String {
    format!(
        "[plan]\nname = \"x\"\nversion = 1\nrelease-model = \"public\"\n[[rule]]\nmatch = {{ column = \"x\" }}\naction = {action}\n"
    )
}

/// A value in TOML on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, value)| format!("{name} = {}", inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        // Numbers and truth values are written alike; there is no null in a hierarchy.
        other => other.to_string(),
    }
}

/// A TOML basic string on one line.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
