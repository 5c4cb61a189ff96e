//! `medveil deid`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use medveil_clinical::dataset::{self, DatasetError, Released, Request};
use medveil_deid::assess::Joined;
use medveil_deid::plan::{Plan, builtin};
use medveil_deid::report::Report;
use medveil_deid::study::{MasterKey, Study};
use serde_json::json;

use super::{job, random, read_key, total_size, write_new};
use crate::args::DeidArgs;
use crate::console::{Console, interruptible};
use crate::failure::Failure;
use crate::resources::Resources;

/// De-identifies files or folders.
pub fn run(args: &DeidArgs, console: &Console) -> Result<(), Failure> {
    let start = Instant::now();
    let plan = load_plan(&args.plan)?;
    let key = match &args.key {
        Some(path) => read_key(path)?,
        None => MasterKey::from_bytes(*random()?),
    };
    let id = args.study.clone().unwrap_or_else(|| plan.head.name.clone());
    let study = Study::new(&key, &id, plan.head.suite, args.seed.as_ref().map(|seed| seed.0));
    let cancelled = interruptible();
    let bar = console.progress(total_size(&args.inputs));
    let progress = |bytes| bar.inc(bytes);
    let time = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string();
    let request = Request {
        inputs: &args.inputs,
        plan: &plan,
        key: &key,
        study: &study,
        folder: plan_folder(&args.plan),
        earlier: &args.earlier,
        output_leaf_key: *random()?,
        time: &time,
        language: console.language(),
        settled: &BTreeMap::new(),
    };
    let released =
        dataset::deidentify(&request, &args.out, args.overwrite, &job(&args.run, &cancelled, &progress));
    bar.finish_and_clear();
    let released = match released {
        Err(DatasetError::Refused { reasons, report }) => {
            return Err(refused(&reasons, &report, args, console));
        }
        other => other?,
    };
    let receipt = &released.receipt;
    if args.json {
        return console.json(&json!({
            "out": args.out,
            "plan": plan.head.name,
            "plan_sha256": hex(&receipt.plan_sha256),
            "study": id,
            "files": receipt.files,
            "output_root": hex(&receipt.output_root),
            "risk": receipt.risk,
            "linked": receipt.linked,
            "earlier": receipt.earlier,
            "utility": receipt.utility,
            "skipped": released.skipped,
            "unused_rules": released.unused.iter().map(|rule| rule + 1).collect::<Vec<_>>(),
            "resources": Resources::since(start),
        }));
    }
    summary(&released, &plan, console);
    if args.key.is_none() {
        console.note(console.text(
            "no key file was given: this release cannot be extended, restored or proven later",
            "未提供密钥文件：此发布包日后无法追加、还原或证明",
        ));
    }
    console.note(format_args!("{} {}", console.text("release:", "发布目录："), args.out.display()));
    Ok(())
}

/// Nothing is released. The report on it says where the risk lies, so that the plan can be changed.
fn refused(reasons: &[String], report: &Report, args: &DeidArgs, console: &Console) -> Failure {
    let mut message = console.text("the release is refused", "拒绝发布").to_owned();
    for reason in reasons {
        message += "\n  ";
        message += reason;
    }
    message += "\n";
    match &args.refused_report {
        None => {
            message += console.text(
                "generalise or drop more quasi-identifiers in the plan; --refused-report FILE writes a report on where the risk lies",
                "请在方案中进一步泛化或删除准标识符；--refused-report FILE 可写出说明风险所在的报告",
            );
        }
        Some(path) => {
            let html = report.to_html(console.language());
            match write_new(path, html.as_bytes(), args.overwrite, false) {
                Err(failure) => return failure,
                Ok(()) => {
                    message += console.text("where the risk lies: ", "风险所在：");
                    message += &path.display().to_string();
                }
            }
        }
    }
    Failure::Refused(message)
}

/// What a steward wants to know first; the rest is in the report.
fn summary(released: &Released, plan: &Plan, console: &Console) {
    for file in &released.report.files {
        let records = console.text("records", "条记录");
        console.note(format_args!("{}  {} -> {} {records}", file.path, file.records_in, file.records_out));
        let risks =
            file.assessment.as_ref().and_then(|found| found.before.as_ref().zip(found.after.as_ref()));
        if let Some((before, after)) = risks {
            console.note(format_args!(
                "  {}: {:.1} % -> {:.1} %; {}: {} -> {}",
                console.text("average re-identification risk", "平均重标识风险"),
                before.prosecutor.average.value * 100.0,
                after.prosecutor.average.value * 100.0,
                console.text("smallest class", "最小等价类"),
                before.min_class,
                after.min_class,
            ));
        }
        if let Some(search) = file.search.as_ref().filter(|search| search.found.changed()) {
            let found = &search.found;
            let coarser = found.columns.iter().filter(|column| column.level > 0);
            let levels: Vec<String> = coarser
                .map(|column| format!("{} {}/{}", column.column.escape_debug(), column.level, column.highest))
                .collect();
            console.note(format_args!(
                "  {}: {}; {} {:.4}; {}: {}",
                console.text("generalised", "泛化层级"),
                if levels.is_empty() { "-".to_owned() } else { levels.join(", ") },
                found.metric,
                found.score,
                console.text("records dropped for it", "为此丢弃的记录"),
                found.suppressed,
            ));
        }
    }
    let joined = |what: &str, joined: &Joined| {
        console.note(format_args!(
            "{what}: {} {}, {} {}",
            joined.patients,
            console.text("patients; smallest joined class", "名患者；最小联合等价类"),
            joined.min_class,
            console.text("patients", "名"),
        ));
    };
    for tables in &released.receipt.linked {
        joined(&tables.parts.join(" + "), tables);
    }
    if let Some(earlier) = &released.receipt.earlier {
        joined(console.text("with earlier releases", "与历次发布联合"), &earlier.joined);
    }
    if released.receipt.files.iter().any(|file| file.format == "fhir r4 (json)") {
        console.note(console.text(
            "file names are kept: if they name patients, rename the inputs and run again",
            "文件名保持不变：若其中含患者姓名或标识，请先重命名输入文件再运行",
        ));
    }
    for rule in &released.unused {
        console.note(format_args!(
            "{} {} ({}): {}",
            console.text("rule", "规则"),
            rule + 1,
            plan.rules[*rule].matcher,
            console.text("no column has this name", "没有此名称的列"),
        ));
    }
    for name in &released.skipped {
        console.note(format_args!(
            "{name}: {}",
            console.text("no data file, not released", "不是数据文件，未发布")
        ));
    }
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the hierarchy files of a plan are: beside it.
fn plan_folder(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    path.exists().then(|| path.parent().unwrap_or(Path::new("")))
}

/// A plan file, or a built-in plan by its name.
pub(super) fn load_plan(name: &str) -> Result<Plan, Failure> {
    if let Some(plan) = builtin::find(name).filter(|_| !Path::new(name).exists()) {
        return Plan::from_toml(plan.text).map_err(|error| Failure::unusable(format!("{name}: {error}")));
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        let names: Vec<&str> = builtin::list().iter().map(|plan| plan.name).collect();
        Failure::unusable(format!(
            "{name}: neither a plan file ({error}) nor a built-in plan ({})",
            names.join(", ")
        ))
    })?;
    let plan = if name.ends_with(".json") { Plan::from_json(&text) } else { Plan::from_toml(&text) };
    plan.map_err(|error| Failure::unusable(format!("{name}: {error}")))
}
