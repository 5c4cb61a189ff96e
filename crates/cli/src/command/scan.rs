//! `medveil scan`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use comfy_table::{ContentArrangement, Table, presets};
use medveil_clinical::dataset::{self, Scanned};
use medveil_deid::detect::{Options, Thoroughness, draft_plan};
use medveil_deid::hierarchy::{self, Hierarchy};
use medveil_deid::kind::{Class, Kind};
use medveil_deid::plan::ReleaseModel;
use serde::Serialize;
use serde_json::{Value, json};

use super::{job, total_size, write_new};
use crate::args::ScanArgs;
use crate::console::{Console, Lang, interruptible};
use crate::failure::Failure;
use crate::resources::Resources;

/// Says what is in the data.
pub fn run(args: &ScanArgs, console: &Console) -> Result<(), Failure> {
    let start = Instant::now();
    let cancelled = interruptible();
    let drafts = args.write_plan.is_some() || args.write_hierarchies.is_some();
    // Hierarchies take a second look, at all values of the columns that the first found to be quasi-identifiers.
    let bar = console.progress(total_size(&args.inputs) * if drafts { 2 } else { 1 });
    let progress = |bytes| bar.inc(bytes);
    let thoroughness = if args.full { Thoroughness::Full } else { Thoroughness::Sample };
    let options = Options { thoroughness, ..Options::default() };
    let job = job(&args.run, &cancelled, &progress);
    let scanned = dataset::scan(&args.inputs, options, &job)?;
    let kinds = kinds(&scanned);
    let mut written = Vec::new();
    if drafts {
        let columns = match args.quasi_identifiers.is_empty() {
            true => found_quasi_identifiers(&kinds),
            false => named(&args.quasi_identifiers, &kinds)?,
        };
        let values = dataset::distinct_values(&args.inputs, &columns, MOST_VALUES, &job)?;
        bar.finish_and_clear();
        // Hierarchies come first: if one cannot be had, nothing is written.
        if let Some(folder) = &args.write_hierarchies {
            written = write_hierarchies(folder, &values, &kinds, args.overwrite)?;
            for hierarchy in &written {
                console.note(format_args!("{}", hierarchy.describe(folder, console)));
            }
            console.note(console.text(
                "hierarchies hold values of the data: keep them as you keep the data, and read them before use",
                "泛化层次文件含有数据中的值：请与数据同等保管，使用前请审阅",
            ));
        }
        if let Some(path) = &args.write_plan {
            write_plan(path, &scanned, values, args.overwrite, console)?;
        }
    }
    bar.finish_and_clear();
    if args.json {
        let mut found = json!({ "files": scanned, "resources": Resources::since(start) });
        if args.write_hierarchies.is_some() {
            found["hierarchies"] = json!(written);
        }
        return console.json(&found);
    }
    for file in &scanned {
        console.print(format_args!("{}  ({})", file.path, file.format))?;
        console.print(table(file, console))?;
    }
    Ok(())
}

/// The most distinct values that a hierarchy is made for: it is held in memory, and no attribute of people that is generalised has more.
const MOST_VALUES: usize = 1_000_000;

/// The kinds of all columns of tables; of a name in several tables the first that is told.
fn kinds(scanned: &[Scanned]) -> BTreeMap<String, Option<Kind>> {
    let mut kinds: BTreeMap<String, Option<Kind>> = BTreeMap::new();
    for column in scanned.iter().filter(|file| !is_fhir(file)).flat_map(|file| &file.columns) {
        let kind = kinds.entry(column.name.clone()).or_default();
        *kind = kind.or(column.kind);
    }
    kinds
}

fn is_fhir(file: &Scanned) -> bool {
    file.format.starts_with("fhir")
}

fn found_quasi_identifiers(kinds: &BTreeMap<String, Option<Kind>>) -> BTreeSet<String> {
    let quasi = |kind: &Option<Kind>| kind.is_some_and(|kind| kind.class() == Class::QuasiIdentifier);
    kinds.iter().filter(|(_, kind)| quasi(kind)).map(|(name, _)| name.clone()).collect()
}

/// The columns that the user names, which must be there.
fn named(wanted: &[String], kinds: &BTreeMap<String, Option<Kind>>) -> Result<BTreeSet<String>, Failure> {
    match wanted.iter().find(|name| !kinds.contains_key(*name)) {
        Some(name) => Err(Failure::unusable(format!("no column is called `{name}`"))),
        None => Ok(wanted.iter().cloned().collect()),
    }
}

/// The distinct values of columns; nothing of a column with too many.
type Values = BTreeMap<String, Option<Vec<String>>>;

/// A hierarchy that was written.
#[derive(Serialize)]
struct Written {
    column: String,
    file: String,
    hierarchy: Value,
    values: usize,
    levels: usize,
}

impl Written {
    fn describe(&self, folder: &Path, console: &Console) -> String {
        let Written { column, values, levels, .. } = self;
        let (path, column) = (folder.join(&self.file), column.escape_debug());
        match console.lang() {
            Lang::En => format!("{}: column {column}, {values} values, {levels} levels", path.display()),
            Lang::Zh => format!("{}：列 {column}，{values} 个取值，{levels} 级", path.display()),
        }
    }
}

/// Drafts and writes one hierarchy a column. All are built before the first is written.
fn write_hierarchies(
    folder: &Path,
    values: &Values,
    kinds: &BTreeMap<String, Option<Kind>>,
    overwrite: bool,
) -> Result<Vec<Written>, Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::unusable(format!("{}: {error}", folder.display()));
    if values.is_empty() {
        return Err(Failure::unusable("no column is a quasi-identifier; name them with --quasi-identifiers"));
    }
    let holds_files = || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if folder.exists() && !overwrite && holds_files() {
        return Err(fail(&"the folder is not empty; choose another name, or say --overwrite"));
    }
    let mut built: Vec<(Written, Hierarchy)> = Vec::with_capacity(values.len());
    for (column, values) in values {
        let shown = column.escape_debug();
        let Some(values) = values else {
            return Err(Failure::unusable(format!(
                "column `{shown}` has more than {MOST_VALUES} distinct values, too many for a hierarchy; name the other columns with \
                 --quasi-identifiers, or make the column coarser first"
            )));
        };
        let Some(file) = hierarchy::file::file_name(column) else {
            return Err(Failure::unusable(format!("column `{shown}`: no file can have this name")));
        };
        if values.is_empty() {
            continue;
        }
        let unordered: Vec<&str> = values.iter().map(String::as_str).collect();
        let spec = hierarchy::draft(kinds.get(column).copied().flatten(), &unordered);
        let mut values = values.clone();
        spec.arrange(&mut values);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let hierarchy = spec
            .build(&values, None)
            .map_err(|error| Failure::unusable(format!("column `{shown}`: {error}")))?;
        let written = Written {
            column: column.clone(),
            file,
            hierarchy: spec.to_json(),
            values: hierarchy.values(),
            levels: hierarchy.levels(),
        };
        built.push((written, hierarchy));
    }
    std::fs::create_dir_all(folder).map_err(|error| fail(&error))?;
    for (written, hierarchy) in &built {
        let mut bytes = Vec::new();
        hierarchy::file::write(hierarchy, &mut bytes).map_err(|error| fail(&error))?;
        write_new(&folder.join(&written.file), &bytes, overwrite, false)?;
    }
    Ok(built.into_iter().map(|(written, _)| written).collect())
}

fn write_plan(
    path: &Path,
    scanned: &[Scanned],
    values: Values,
    overwrite: bool,
    console: &Console,
) -> Result<(), Failure> {
    let columns: Vec<_> =
        scanned.iter().filter(|file| !is_fhir(file)).map(|table| table.columns.as_slice()).collect();
    let values = values.into_iter().filter_map(|(name, values)| Some((name, values?))).collect();
    let plan = draft_plan(&columns, ReleaseModel::Controlled, &values);
    write_new(path, plan.as_bytes(), overwrite, false)?;
    console.note(format_args!(
        "{} {}",
        path.display(),
        console.text("written: a draft to read and decide on", "已写入：这是草案，请审阅后定稿")
    ));
    if scanned.iter().any(is_fhir) {
        console.note(console.text(
            "it has rules for tables only; for FHIR, take those of a built-in plan (medveil plan show NAME)",
            "其中仅有表格规则；FHIR 请采用内置方案的规则（medveil plan show NAME）",
        ));
    }
    Ok(())
}

fn table(file: &Scanned, console: &Console) -> Table {
    let language = console.language();
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header([
        console.text("column", "列"),
        console.text("what it is", "识别结果"),
        console.text("confidence", "置信度"),
        console.text("why", "依据"),
    ]);
    for column in &file.columns {
        let (kind, confidence) = match column.kind {
            Some(kind) => {
                let title = kind.title();
                (format!("{kind} ({})", console.text(title.en, title.zh)), column.confidence.to_string())
            }
            None => (console.text("not recognised", "未识别").to_owned(), String::new()),
        };
        let mut why: Vec<String> =
            column.evidence.iter().map(|evidence| evidence.explain(language)).collect();
        for (kind, share) in &column.also_contains {
            let title = kind.title();
            why.push(format!(
                "{} {:.0}% {}",
                console.text("in", "在"),
                share * 100.0,
                match console.lang() {
                    Lang::En => format!("of the values: {}", title.en),
                    Lang::Zh => format!("的值中含有{}", title.zh),
                }
            ));
        }
        // Names of columns come from the file: control characters stay out of the terminal.
        table.add_row([column.name.escape_debug().to_string(), kind, confidence, why.join("; ")]);
    }
    table
}
