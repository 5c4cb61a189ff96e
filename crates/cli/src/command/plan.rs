//! `medveil plan`.

use std::path::Path;

use medveil_clinical::fhir::FhirExecutor;
use medveil_deid::action::{METHODS, Method, method};
use medveil_deid::plan::{builtin, microsoft, schema};
use medveil_deid::study::{MasterKey, Study};
use serde_json::json;

use super::deid::load_plan;
use crate::args::{ImportFrom, PlanArgs, PlanCommand};
use crate::console::Console;
use crate::failure::Failure;

/// Lists, shows, checks and imports plans.
pub fn run(args: &PlanArgs, console: &Console) -> Result<(), Failure> {
    match &args.command {
        PlanCommand::List { json } => list(*json, console),
        PlanCommand::Show { name, json } => show(name, *json, console),
        PlanCommand::Check { file, json } => check(file, *json, console),
        PlanCommand::Import { from: ImportFrom::Microsoft, file } => import(file, console),
        PlanCommand::Schema => console.print(schema::schema_text().trim_end()),
        PlanCommand::Actions { name } => actions(name.as_deref(), console),
    }
}

fn list(json: bool, console: &Console) -> Result<(), Failure> {
    if json {
        let plans: Vec<_> = builtin::list()
            .iter()
            .map(|plan| json!({ "name": plan.name, "title": plan.title.en, "title_zh": plan.title.zh }))
            .collect();
        return console.json(&json!({ "plans": plans }));
    }
    for plan in builtin::list() {
        console.print(format_args!("{:24} {}", plan.name, console.text(plan.title.en, plan.title.zh)))?;
    }
    Ok(())
}

fn show(name: &str, json: bool, console: &Console) -> Result<(), Failure> {
    let Some(plan) = builtin::find(name) else {
        return Err(Failure::unusable(format!(
            "no built-in plan is called `{name}`; see `medveil plan list`"
        )));
    };
    if json {
        return console.json(&load_plan(name)?.to_json());
    }
    console.print(plan.text.trim_end())
}

fn check(file: &Path, json: bool, console: &Console) -> Result<(), Failure> {
    let name = file.display().to_string();
    let plan = load_plan(&name)?;
    // FHIR paths and actions are checked by binding them; the key does not matter for that.
    let study = Study::new(&MasterKey::from_bytes([0; 32]), "check", plan.head.suite, None);
    FhirExecutor::new(&plan, &study).map_err(|error| Failure::unusable(format!("{name}: {error}")))?;
    let digest: String = plan.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    if json {
        return console
            .json(&json!({ "name": plan.head.name, "rules": plan.rules.len(), "plan_sha256": digest }));
    }
    console.print(format_args!(
        "{} v{}: {} {}",
        plan.head.name,
        plan.head.version,
        plan.rules.len(),
        console.text("rules, valid", "条规则，有效")
    ))?;
    console.print(format_args!("sha256 {digest}"))
}

fn import(file: &Path, console: &Console) -> Result<(), Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| fail(&error))?;
    let imported = microsoft::import(&text).map_err(|error| fail(&error))?;
    let plan = &imported.plan;
    let study = Study::new(&MasterKey::from_bytes([0; 32]), "check", plan.head.suite, None);
    FhirExecutor::new(plan, &study).map_err(|error| fail(&error))?;
    for note in &imported.notes {
        console.note(note);
    }
    console.print(imported.text.trim_end())
}

fn actions(name: Option<&str>, console: &Console) -> Result<(), Failure> {
    let chosen: Vec<&Method> = match name {
        Some(name) => {
            vec![method(name).ok_or_else(|| {
                Failure::unusable(format!("no action is called `{name}`; see `medveil plan actions`"))
            })?]
        }
        None => METHODS.to_vec(),
    };
    for method in &chosen {
        console.print(format_args!(
            "{:16} {}",
            method.name,
            console.text(method.summary.en, method.summary.zh)
        ))?;
        if name.is_some() {
            for parameter in method.parameters {
                let default = parameter.default.map(|d| format!(" [{d}]")).unwrap_or_default();
                let doc = console.text(parameter.doc.en, parameter.doc.zh);
                console.print(format_args!("  {}{default}: {doc}", parameter.name))?;
            }
            let guarantee = console.text(method.guarantee.en, method.guarantee.zh);
            console.print(format_args!("  {}: {guarantee}", console.text("guarantee", "保证")))?;
            console.print(format_args!("  {}: {}", console.text("source", "出处"), method.citation))?;
        }
    }
    Ok(())
}
