//! `medveil scan`.

use std::time::Instant;

use comfy_table::{ContentArrangement, Table, presets};
use medveil_clinical::dataset::{self, Scanned};
use medveil_deid::detect::{Options, Thoroughness, draft_plan};
use medveil_deid::plan::ReleaseModel;
use serde_json::json;

use super::{job, total_size, write_new};
use crate::args::ScanArgs;
use crate::console::{Console, Lang, interruptible};
use crate::failure::Failure;
use crate::resources::Resources;

/// Says what is in the data.
pub fn run(args: &ScanArgs, console: &Console) -> Result<(), Failure> {
    let start = Instant::now();
    let cancelled = interruptible();
    let bar = console.progress(total_size(&args.inputs));
    let progress = |bytes| bar.inc(bytes);
    let thoroughness = if args.full { Thoroughness::Full } else { Thoroughness::Sample };
    let options = Options { thoroughness, ..Options::default() };
    let scanned = dataset::scan(&args.inputs, options, &job(&args.run, &cancelled, &progress))?;
    bar.finish_and_clear();
    if let Some(path) = &args.write_plan {
        let (fhir, tables): (Vec<&Scanned>, Vec<&Scanned>) =
            scanned.iter().partition(|file| file.format.starts_with("fhir"));
        let columns: Vec<_> = tables.iter().map(|table| table.columns.as_slice()).collect();
        let plan = draft_plan(&columns, ReleaseModel::Controlled);
        write_new(path, plan.as_bytes(), args.overwrite, false)?;
        console.note(format_args!(
            "{} {}",
            path.display(),
            console.text("written: a draft to read and decide on", "已写入：这是草案，请审阅后定稿")
        ));
        if !fhir.is_empty() {
            console.note(console.text(
                "it has rules for tables only; for FHIR, take those of a built-in plan (medveil plan show NAME)",
                "其中仅有表格规则；FHIR 请采用内置方案的规则（medveil plan show NAME）",
            ));
        }
    }
    if args.json {
        return console.json(&json!({ "files": scanned, "resources": Resources::since(start) }));
    }
    for file in &scanned {
        console.print(format_args!("{}  ({})", file.path, file.format))?;
        console.print(table(file, console))?;
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
