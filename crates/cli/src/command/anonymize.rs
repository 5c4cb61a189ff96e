//! `medveil anonymize`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use comfy_table::{ContentArrangement, presets};
use medveil_clinical::dataset::{Anonymization, Table, count};
use medveil_deid::report::SearchReport;
use medveil_deid::search::{
    Effort, Explanation, FrontierPoint, LocalOutcome, Outcome, Recoding, explain, frontier, solve,
    solve_locally,
};
use medveil_deid::table::Recoded;
use medveil_deid::utility::{Workload, WorkloadReport};
use serde_json::{Map, Value, json};

use super::{job, total_size, write_new};
use crate::args::AnonymizeArgs;
use crate::console::{Console, interruptible};
use crate::failure::Failure;
use crate::resources::Resources;

/// Lattices beyond this are searched only with a deadline: their frontier alone may not fit into memory.
const LARGEST_LATTICE: u64 = 50_000_000;
/// Memory for grouped tables; the table's own tuples come on top.
const TABLES_MEMORY: usize = 256 << 20;
/// What `--frontier` looks at.
const KS: [u64; 6] = [2, 3, 5, 10, 20, 50];
const SUPPRESSIONS: [f64; 5] = [0.0, 0.01, 0.02, 0.05, 1.0];

/// Finds the best generalisation of a table and writes it.
pub fn run(args: &AnonymizeArgs, console: &Console) -> Result<(), Failure> {
    let start = Instant::now();
    let cancelled = interruptible();
    let inputs: Vec<_> = [&args.input].into_iter().chain(&args.population_table).cloned().collect();
    let bar = console.progress(total_size(&inputs) + total_size(std::slice::from_ref(&args.input)));
    let progress = |bytes| bar.inc(bytes);
    let job = job(&args.run, &cancelled, &progress);
    let taken = [Some(&args.out), args.report.as_ref()].into_iter().flatten().find(|path| path.exists());
    if let Some(path) = taken.filter(|_| !args.overwrite) {
        let shown = path.display();
        return Err(Failure::unusable(format!("{shown}: exists; choose another name, or say --overwrite")));
    }
    let mut table = count(&request(args)?, &job)?;
    for (column, method) in &table.drafted {
        console.note(match console.text("en", "zh") {
            "zh" => format!("`{}` 没有泛化层次文件，已自动起草：{method}", column.escape_debug()),
            _ => format!("`{}` has no hierarchy file; drafted one: {method}", column.escape_debug()),
        });
    }
    let deadline = args.deadline.map(|seconds| start + Duration::from_secs_f64(seconds));
    let stop = || cancelled.load(Ordering::Relaxed) || deadline.is_some_and(|at| Instant::now() >= at);
    let effort = Effort { threads: job.threads, memory: TABLES_MEMORY, stop: &stop, progress: &|_| () };
    let found = Found::search(args, &mut table, &effort)?;
    if cancelled.load(Ordering::Relaxed) {
        return Err(Failure::unusable(console.text("interrupted", "已中断")));
    }
    let Some(recoding) = found.recoding() else { return Err(nothing_found(&found, console)) };
    let recoded = table.write(recoding, &args.out, args.overwrite, &job)?;
    bar.finish_and_clear();
    let workload = match args.workload.is_empty() {
        true => None,
        false => {
            let workload = Workload { tasks: args.workload.clone(), ..Workload::default() };
            Some(table.measure(&args.out, &workload, &job)?)
        }
    };
    if let Some(path) = &args.report {
        let page = page(args, &table, &found, &recoded, console);
        write_new(path, page.as_bytes(), args.overwrite, false)?;
    }
    let report = Report { args, table: &table, found: &found, recoded: &recoded, workload, start };
    if args.json {
        return console.json(&report.json());
    }
    report.lines(console).into_iter().try_for_each(|line| console.print(line))
}

/// The report as a page.
fn page(args: &AnonymizeArgs, table: &Table, found: &Found, recoded: &Recoded, console: &Console) -> String {
    let name = args.input.file_name().unwrap_or_default().to_string_lossy();
    let time = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string();
    SearchReport {
        table: &name,
        time: &time,
        problem: &table.problem,
        outcome: found.outcome.as_ref(),
        local: found.local.as_ref(),
        explanation: found.explanation.as_ref(),
        frontier: &found.frontier,
        recoded,
    }
    .to_html(console.language())
}

fn request(args: &AnonymizeArgs) -> Result<Anonymization<'_>, Failure> {
    Ok(Anonymization {
        input: &args.input,
        population: args.population_table.as_deref(),
        hierarchies: args.hierarchies.as_deref(),
        quasi_identifiers: &args.quasi_identifiers,
        sensitive: &args.sensitive,
        dropped: &args.drop,
        kept: &args.keep,
        weights: args.weight.iter().cloned().collect(),
        models: args.model.clone(),
        suppression: args.suppression,
        metric: args.metric,
    })
}

/// What the search came to.
struct Found {
    outcome: Option<Outcome>,
    local: Option<LocalOutcome>,
    explanation: Option<Explanation>,
    frontier: Vec<FrontierPoint>,
}

impl Found {
    fn search(args: &AnonymizeArgs, table: &mut Table, effort: &Effort<'_>) -> Result<Found, Failure> {
        let nodes = table.problem.lattice_size();
        if nodes > LARGEST_LATTICE && args.deadline.is_none() {
            return Err(Failure::unusable(format!(
                "the hierarchies span {nodes} combinations of levels, too many to search to the end; say --deadline SECONDS for the best \
                 that is found by then, or use hierarchies with fewer levels"
            )));
        }
        let problem = &mut table.problem;
        if args.local {
            let local = solve_locally(problem, effort).map_err(Failure::unusable)?;
            return Ok(Found { outcome: None, local, explanation: None, frontier: Vec::new() });
        }
        let outcome = solve(problem, effort).map_err(Failure::unusable)?;
        let explanation = match args.explain {
            true => explain(problem, &outcome, effort).map_err(Failure::unusable)?,
            false => None,
        };
        let frontier = match args.frontier {
            true => frontier(problem, &KS, &SUPPRESSIONS, effort).map_err(Failure::unusable)?,
            false => Vec::new(),
        };
        Ok(Found { outcome: Some(outcome), local: None, explanation, frontier })
    }

    fn recoding(&self) -> Option<&Recoding> {
        let global = self.outcome.as_ref().and_then(|outcome| outcome.solution.as_ref());
        global.map(|solution| &solution.recoding).or(self.local.as_ref().map(|local| &local.recoding))
    }
}

fn nothing_found(found: &Found, console: &Console) -> Failure {
    let proven = found.outcome.as_ref().is_none_or(|outcome| outcome.proven);
    Failure::Refused(
        match proven {
            true => console.text(
                "no generalisation satisfies the models within the suppression limit; ask for less, allow more suppression, or add levels to the hierarchies",
                "在抑制上限内没有任何泛化方案满足隐私模型；请降低要求、放宽抑制上限，或为泛化层次增加级别",
            ),
            false => console.text(
                "no generalisation that satisfies the models was found before the deadline; there may be one",
                "在时限内没有找到满足隐私模型的泛化方案；但可能存在",
            ),
        }
        .to_owned(),
    )
}

/// What is told of a run.
struct Report<'a> {
    args: &'a AnonymizeArgs,
    table: &'a Table,
    found: &'a Found,
    recoded: &'a Recoded,
    workload: Option<WorkloadReport>,
    start: Instant,
}

impl Report<'_> {
    fn names(&self) -> impl Iterator<Item = &String> {
        self.table.problem.attributes.iter().map(|attribute| &attribute.name)
    }

    /// One entry a quasi-identifier.
    fn by_name<T: Into<Value>>(&self, values: impl IntoIterator<Item = T>) -> Value {
        self.names().cloned().zip(values.into_iter().map(Into::into)).collect::<Map<_, _>>().into()
    }

    fn json(&self) -> Value {
        let mut json = json!({
            "rows": self.recoded.rows,
            "metric": self.args.metric.name(),
            "suppressed_rows": self.recoded.suppressed_rows,
            "output_sha256": self.recoded.output_sha256_hex(),
            "drafted_hierarchies": self.table.drafted.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        });
        if let Some(outcome) = &self.found.outcome {
            json["lattice_size"] = outcome.lattice_size.into();
            json["nodes_checked"] = outcome.nodes_checked.into();
            json["proven_optimal"] = outcome.proven.into();
            json["gap"] = outcome.gap().into();
            json["next_best"] = json!(outcome.others);
            if let Some(solution) = &outcome.solution {
                let candidate = &solution.candidate;
                json["levels"] = self.by_name(candidate.levels.iter().copied());
                json["losses"] = self.by_name(solution.losses.iter().copied());
                json["score"] = candidate.score.into();
                json["classes"] = candidate.classes.into();
                json["min_class"] = candidate.min_class.into();
                json["max_class"] = candidate.max_class.into();
                json["models"] = json!(solution.models);
            }
        }
        if let Some(local) = &self.found.local {
            json["lattice_size"] = self.table.problem.lattice_size().into();
            json["recoding"] = "local".into();
            json["level_shares"] = self.by_name(local.level_shares.iter().map(|shares| json!(shares)));
            json["losses"] = self.by_name(local.losses.iter().copied());
            json["score"] = local.score.into();
            json["global_score"] = local.global_score.into();
            json["classes"] = local.classes().into();
            json["min_class"] = local.class_sizes.first().map_or(0, |(size, _)| *size).into();
            json["max_class"] = local.class_sizes.last().map_or(0, |(size, _)| *size).into();
            json["models"] = json!(local.models);
        }
        if let Some(explanation) = &self.found.explanation {
            json["explanation"] = json!({
                "finer": self.by_name(explanation.finer.iter().map(|neighbour| json!(neighbour))),
                "coarser": self.by_name(explanation.coarser.iter().map(|neighbour| json!(neighbour))),
                "prices": self.by_name(explanation.prices.iter().map(|price| json!(price))),
            });
        }
        if !self.found.frontier.is_empty() {
            json["frontier"] = json!(self.found.frontier);
        }
        if let Some(workload) = &self.workload {
            json["workload"] = json!(workload);
        }
        let resources = Resources::since(self.start);
        json["elapsed_ms"] = (resources.wall_seconds * 1000.0).round().into();
        json["resources"] = json!(resources);
        json
    }

    fn lines(&self, console: &Console) -> Vec<String> {
        let say = |en: &'static str, zh: &'static str| console.text(en, zh);
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let (rows, gone) = (self.recoded.rows, self.recoded.suppressed_rows);
        let mut lines = vec![
            format!("{}: {rows}", say("records", "记录数")),
            format!(
                "{}: {gone} ({})",
                say("suppressed records", "被抑制的记录"),
                percent(gone as f64 / rows.max(1) as f64)
            ),
        ];
        if let Some(outcome) = &self.found.outcome
            && let Some(solution) = &outcome.solution
        {
            let candidate = &solution.candidate;
            lines.push(format!(
                "{} ({}): {:.6}{}",
                say("loss of information", "信息损失"),
                self.args.metric,
                candidate.score,
                match outcome.gap() {
                    Some(gap) if !outcome.proven => {
                        format!(", {} {gap:.6}", say("at most above the optimum by", "与最优值的差距至多为"))
                    }
                    _ => format!(", {}", say("proven to be the least", "已证明为最小")),
                }
            ));
            lines.push(format!(
                "{}: {} ({} - {})",
                say("equivalence classes (smallest - largest)", "等价类数（最小 - 最大）"),
                candidate.classes,
                candidate.min_class,
                candidate.max_class
            ));
            lines.push(format!(
                "{}: {} / {}",
                say("combinations of levels checked / in all", "检查过的级别组合 / 总数"),
                outcome.nodes_checked,
                outcome.lattice_size
            ));
            lines.push(self.levels(&candidate.levels, &solution.losses, console));
            lines.extend(models(&solution.models, console));
        }
        if let Some(local) = &self.found.local {
            lines.push(format!(
                "{} ({}): {:.6}",
                say("loss of information, recoded locally", "信息损失（局部泛化）"),
                self.args.metric,
                local.score
            ));
            if let Some(global) = local.global_score {
                lines.push(format!(
                    "{}: {global:.6}",
                    say("the best that one level a column can do", "每列只用一个级别时的最优值")
                ));
            }
            lines.push(format!("{}: {}", say("equivalence classes", "等价类数"), local.classes()));
            lines.push(self.shares(local, console));
            lines.extend(models(&local.models, console));
        }
        if let Some(explanation) = &self.found.explanation {
            lines.push(self.explanation(explanation, console));
        }
        if !self.found.frontier.is_empty() {
            lines.push(frontier_table(&self.found.frontier, console));
        }
        if let Some(workload) = &self.workload {
            lines.extend(workload_lines(workload, console));
        }
        lines.push(format!("{}: {}", say("written", "已写入"), self.args.out.display()));
        lines
    }

    fn levels(&self, levels: &[u8], losses: &[f64], console: &Console) -> String {
        let header = [
            console.text("quasi-identifier", "准标识符"),
            console.text("level", "级别"),
            console.text("loss", "损失"),
        ];
        let rows = self.table.problem.attributes.iter().zip(levels).zip(losses);
        grid(
            &header,
            rows.map(|((attribute, level), loss)| {
                let top = attribute.hierarchy.levels() - 1;
                vec![
                    attribute.name.escape_debug().to_string(),
                    format!("{level} / {top}"),
                    format!("{loss:.4}"),
                ]
            }),
        )
    }

    fn shares(&self, local: &LocalOutcome, console: &Console) -> String {
        let header = [
            console.text("quasi-identifier", "准标识符"),
            console.text("records by level, from 0", "各级别的记录占比（自 0 级起）"),
            console.text("loss", "损失"),
        ];
        let rows = self.names().zip(&local.level_shares).zip(&local.losses);
        grid(
            &header,
            rows.map(|((name, shares), loss)| {
                let shares: Vec<String> =
                    shares.iter().map(|share| format!("{:.1} %", share * 100.0)).collect();
                vec![name.escape_debug().to_string(), shares.join("  "), format!("{loss:.4}")]
            }),
        )
    }

    /// Why not one level finer, and what each attribute costs the others.
    fn explanation(&self, explanation: &Explanation, console: &Console) -> String {
        let header = [
            console.text("quasi-identifier", "准标识符"),
            console.text("one level finer", "细一级"),
            console.text("one level coarser", "粗一级"),
            console.text("loss of the others, with / without it", "其他列的损失：有 / 无此列"),
        ];
        let neighbour = |neighbour: &Option<medveil_deid::search::Neighbour>| match neighbour {
            None => "-".to_owned(),
            Some(neighbour) => match neighbour.score {
                Some(score) => format!("{score:.4}"),
                None => {
                    let worst = neighbour.violations.iter().max_by_key(|model| model.violating_rows);
                    let model = worst
                        .map_or_else(String::new, |model| format!("{}={}: ", model.name, model.parameter));
                    let rows = worst.map_or(neighbour.suppressed_rows, |model| model.violating_rows);
                    format!("{model}{rows} {}", console.text("records violate", "条记录不满足"))
                }
            },
        };
        let rows = self.names().zip(&explanation.finer).zip(&explanation.coarser).zip(&explanation.prices);
        grid(
            &header,
            rows.map(|(((name, finer), coarser), price)| {
                let without =
                    price.others_without.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.4}"));
                vec![
                    name.escape_debug().to_string(),
                    neighbour(finer),
                    neighbour(coarser),
                    format!("{:.4} / {without}", price.others_with),
                ]
            }),
        )
    }
}

fn models(models: &[medveil_deid::search::Achieved], console: &Console) -> Vec<String> {
    let line = |model: &medveil_deid::search::Achieved| {
        let achieved = model.achieved.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.6}"));
        let achieved = achieved.trim_end_matches('0').trim_end_matches('.').to_owned();
        format!("{}={}: {} {achieved}", model.name, model.parameter, console.text("achieved", "实际达到"))
    };
    models.iter().map(line).collect()
}

/// Scores by k and suppression limit.
fn frontier_table(points: &[FrontierPoint], console: &Console) -> String {
    let mut limits: Vec<f64> = points.iter().map(|point| point.suppression).collect();
    limits.dedup();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let mut header = vec![console.text("k \\ suppression at most", "k \\ 抑制上限").to_owned()];
    header.extend(limits.iter().map(|limit| format!("{:.0} %", limit * 100.0)));
    let rows = points.chunk_by(|a, b| a.k == b.k).map(|row| {
        let score = |point: &FrontierPoint| match &point.best {
            Some(best) if point.proven => format!("{:.4}", best.score),
            Some(best) => format!("<= {:.4}", best.score),
            None => "-".to_owned(),
        };
        let mut cells = vec![format!("k = {}", row[0].k)];
        cells.extend(row.iter().map(score));
        cells
    });
    grid(&header, rows)
}

fn grid<T: ToString>(header: &[T], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(ToString::to_string));
    rows.for_each(|row| {
        table.add_row(row);
    });
    table.to_string()
}

/// What analyses keep, a line each.
fn workload_lines(workload: &WorkloadReport, console: &Console) -> Vec<String> {
    let say = |en: &'static str, zh: &'static str| console.text(en, zh);
    let (raw, released) = (say("raw", "原始"), say("released", "发布"));
    let mut lines = Vec::new();
    for task in &workload.classification {
        let target = task.target.escape_debug();
        for method in &task.methods {
            lines.push(format!(
                "{} `{target}` ({:?}): {raw} {:.4}, {released} {:.4}, {} {:.4}",
                say("accuracy of predicting", "预测准确率"),
                method.method,
                method.raw,
                method.released,
                say("always the most frequent value", "始终取最常见值"),
                task.baseline
            ));
        }
    }
    for task in &workload.associations {
        lines.push(format!(
            "{}: {:.4} ({} {:.4}, {} {})",
            say("strength of associations, mean absolute loss", "关联强度的平均绝对损失"),
            task.mean_absolute_loss,
            say("at most", "最大"),
            task.largest_loss,
            task.pairs.len(),
            say("pairs", "对")
        ));
    }
    for task in &workload.regression {
        lines.push(format!(
            "{} `{}`: {} {:.3}, {} {:.3}",
            say("regression of", "回归"),
            task.outcome.escape_debug(),
            say("mean overlap of confidence intervals", "置信区间平均重叠"),
            task.mean_overlap,
            say("share of coefficients with the same conclusion", "结论相同的系数占比"),
            task.same_conclusion
        ));
    }
    for task in &workload.survival {
        let largest =
            task.curve.as_ref().map_or_else(|| "-".to_owned(), |curve| format!("{:.4}", curve.largest));
        lines.push(format!(
            "{} `{}`: {largest}",
            say("survival curve, largest distance", "生存曲线最大距离"),
            task.time.escape_debug()
        ));
    }
    lines
}
