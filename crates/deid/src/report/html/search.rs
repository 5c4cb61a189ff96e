//! The page of a search: what was written, why it won, what else there is to choose.

use maud::{Markup, html};

use super::figure::{count, percent};
use super::{chart, name, say};
use crate::model::MODELS;
use crate::report::SearchReport;
use crate::search::{Achieved, Neighbour};

pub(super) fn body(report: &SearchReport<'_>) -> Markup {
    html! {
        (head(report))
        (columns(report))
        (models(report))
        (explanation(report))
        (frontier(report))
        (next_best(report))
        (evidence(report))
    }
}

fn head(report: &SearchReport<'_>) -> Markup {
    let asked: Vec<String> = report.problem.models.iter().map(ToString::to_string).collect();
    let proven = report.outcome.is_some_and(|outcome| outcome.proven);
    let sizes = report.class_sizes();
    let classes: u64 = sizes.iter().map(|(_, classes)| classes).sum();
    let (smallest, largest) = (sizes.first().map_or(0, |s| s.0), sizes.last().map_or(0, |s| s.0));
    html! {
        header {
            p .kicker { (say("Report on a generalisation", "泛化方案报告")) }
            h1 { (name(report.table)) }
            dl .facts {
                div { dt { (say("Time of the search", "搜索时间")) } dd { (name(report.time)) } }
                div { dt { (say("Asked", "要求")) } dd { (name(&asked.join(" · "))) } }
                div { dt { (say("Suppression at most", "抑制上限")) } dd { (percent(report.problem.suppression)) } }
            }
        }
        section .verdict .met {
            svg width="26" height="26" viewBox="0 0 26 26" fill="none" stroke="currentColor" stroke-width="2.6" aria-hidden="true" { path d="M5 13 l6 6 L21 7" {} }
            div {
                p .say { (say("Every class of the released table satisfies every model.", "发布表中的每个等价类都满足全部隐私模型。")) }
                p .note { @if report.local.is_some() {
                    (say(
                        "Each record is generalised only as far as its class needs; that is no proven optimum.",
                        "每条记录只泛化到其等价类所需的程度；不保证最优。",
                    ))
                } @else if proven {
                    (say(
                        "No other combination of levels that satisfies them loses less: proven for the whole lattice.",
                        "在全部级别组合中，没有其他满足要求的方案损失更小（已证明）。",
                    ))
                } @else {
                    (say(
                        "The search was stopped: there may be a better combination of levels.",
                        "搜索被提前终止：可能存在更好的级别组合。",
                    ))
                } }
            }
        }
        dl .cards {
            div {
                dt { (say("Loss of information", "信息损失")) }
                dd { (report.score().map_or_else(|| "-".to_owned(), |score| format!("{score:.4}"))) small { (name(report.metric().name())) } }
            }
            div {
                dt { (say("Suppressed records", "被抑制的记录")) }
                dd {
                    (count(report.recoded.suppressed_rows))
                    small { (percent(report.recoded.suppressed_rows as f64 / report.recoded.rows.max(1) as f64)) (say(" of ", "，共 ")) (count(report.recoded.rows)) (say("", " 条")) }
                }
            }
            div { dt { (say("Equivalence classes", "等价类")) } dd { (count(classes)) small { (count(smallest)) "–" (count(largest)) (say(" records", " 条记录")) } } }
            @if let Some(outcome) = report.outcome {
                div {
                    dt { (say("Combinations of levels", "级别组合")) }
                    dd { (count(outcome.lattice_size)) small { (count(outcome.nodes_checked)) (say(" checked", " 个被检查")) } }
                }
            } @else if let Some(global) = report.local.and_then(|local| local.global_score) {
                div { dt { (say("Best with one level a column", "每列一个级别时的最优值")) } dd { (format!("{global:.4}")) } }
            }
        }
    }
}

fn columns(report: &SearchReport<'_>) -> Markup {
    let levels = report
        .outcome
        .and_then(|outcome| outcome.solution.as_ref())
        .map(|solution| &solution.candidate.levels);
    html! {
        h2 { (say("What became of each quasi-identifier", "每个准标识符的处理")) }
        table {
            thead { tr {
                th { (say("Column", "列")) }
                th { (say("Level", "级别")) }
                th .n { (say("Loss", "损失")) }
                th {}
            } }
            tbody {
                @for (a, attribute) in report.problem.attributes.iter().enumerate() {
                    @let top = attribute.hierarchy.levels() - 1;
                    tr {
                        th { (name(&attribute.name)) }
                        td {
                            @if let Some(levels) = levels { (levels[a]) " / " (top) }
                            @if let Some(local) = report.local {
                                @for (level, share) in local.level_shares[a].iter().enumerate().filter(|(_, share)| **share > 0.0) {
                                    span .tag { (level) ": " (percent(*share)) } " "
                                }
                            }
                        }
                        td .n { (format!("{:.4}", report.losses()[a])) }
                        td { (chart::bar(report.losses()[a])) }
                    }
                }
            }
        }
        p .note { (say(
            "Level 0 are the values themselves. Loss: the share of the column's domain that a cell stands for, 0 for the value itself, 1 for nothing.",
            "0 级为原值。损失：单元格所代表的取值占该列取值范围的比例，0 为原值，1 为完全不可知。",
        )) }
    }
}

fn models(report: &SearchReport<'_>) -> Markup {
    html! {
        h2 { (say("What is guaranteed", "保证")) }
        table {
            thead { tr {
                th { (say("Model", "模型")) }
                th .n { (say("Achieved", "实际达到")) }
                th .n { (say("Records of violating classes, suppressed", "因不满足而被抑制的记录")) }
                th { (say("Meaning", "含义")) }
            } }
            tbody { @for model in report.models() {
                @let entry = MODELS.iter().find(|entry| model.name.rsplit(':').next() == Some(entry.name));
                tr {
                    th { (name(&format!("{}={}", model.name, model.parameter))) }
                    td .n { (figure(model)) }
                    td .n { (count(model.violating_rows)) }
                    td { @if let Some(entry) = entry { (say(entry.guarantee, entry.guarantee_zh)) small { (name(entry.source)) } } }
                }
            } }
        }
        p .note { (say(
            "A record may violate several models at once, so the counts do not add up to the suppressed records.",
            "同一条记录可能同时不满足多个模型，因此各行之和不等于被抑制的记录数。",
        )) }
    }
}

fn figure(model: &Achieved) -> String {
    let text = model.achieved.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.4}"));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn explanation(report: &SearchReport<'_>) -> Markup {
    let Some(explanation) = report.explanation else { return html! {} };
    let neighbour = |neighbour: &Option<Neighbour>| match neighbour {
        None => html! { "–" },
        Some(neighbour) => match neighbour.score {
            Some(score) => html! { (format!("{score:.4}")) },
            None => {
                let worst = neighbour.violations.iter().max_by_key(|model| model.violating_rows);
                html! { @if let Some(model) = worst {
                    (name(&format!("{}={}", model.name, model.parameter))) ": "
                    (count(model.violating_rows)) (say(" records violate", " 条记录不满足"))
                } }
            }
        },
    };
    html! {
        h2 { (say("Why these levels", "为何选择这些级别")) }
        table {
            caption { (say(
                "The score one level away, or what forbids it; and the mean loss of the other columns as it is, and if this column were not released.",
                "相邻级别的得分，或其不可行的原因；以及其他列的平均损失：发布此列时，与不发布此列时。",
            )) }
            thead { tr {
                th { (say("Column", "列")) }
                th { (say("One level finer", "细一级")) }
                th { (say("One level coarser", "粗一级")) }
                th .n { (say("Others with it", "其他列：有此列")) }
                th .n { (say("Others without it", "其他列：无此列")) }
            } }
            tbody { @for (a, attribute) in report.problem.attributes.iter().enumerate() {
                @let price = &explanation.prices[a];
                tr {
                    th { (name(&attribute.name)) }
                    td { (neighbour(&explanation.finer[a])) }
                    td { (neighbour(&explanation.coarser[a])) }
                    td .n { (format!("{:.4}", price.others_with)) }
                    td .n { (price.others_without.map_or_else(|| "–".to_owned(), |loss| format!("{loss:.4}"))) }
                }
            } }
        }
    }
}

fn frontier(report: &SearchReport<'_>) -> Markup {
    let points = report.frontier;
    if points.is_empty() {
        return html! {};
    }
    let mut ks: Vec<u64> = points.iter().map(|point| point.k).collect();
    ks.dedup();
    let mut limits: Vec<f64> = points.iter().map(|point| point.suppression).collect();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let point = |k: u64, limit: f64| points.iter().find(|point| point.k == k && point.suppression == limit);
    let score = |k: u64, limit: f64| point(k, limit)?.best.as_ref().map(|best| best.score);
    let line = |limit: &f64| (percent(*limit), ks.iter().map(|k| score(*k, *limit)).collect());
    let lines: Vec<(String, Vec<Option<f64>>)> = limits.iter().map(line).collect();
    html! {
        h2 { (say("Risk against utility", "风险与效用的权衡")) }
        figure {
            (chart::frontier(&ks, &lines, "frontier-caption"))
            figcaption #frontier-caption { (say(
                "The least loss for each k, a line for each limit on suppressed records, all other models as asked. Lower is more useful; further right is safer.",
                "各 k 值下的最小信息损失，每条线对应一个抑制上限，其他模型不变。越低越有用，越靠右越安全。",
            )) }
        }
        table {
            thead { tr {
                th { "k" }
                @for limit in &limits { th .n { (say("suppressed ≤ ", "抑制 ≤ ")) (percent(*limit)) } }
            } }
            tbody { @for k in &ks { tr {
                th { (k) }
                @for limit in &limits { td .n {
                    @match point(*k, *limit).and_then(|point| point.best.as_ref()) {
                        Some(best) => { (format!("{:.4}", best.score)) small { (count(best.suppressed_rows)) (say(" suppressed", " 条被抑制")) } }
                        None => "–"
                    }
                } }
            } } }
        }
    }
}

fn next_best(report: &SearchReport<'_>) -> Markup {
    let Some(outcome) = report.outcome.filter(|outcome| !outcome.others.is_empty()) else { return html! {} };
    html! {
        h2 { (say("The next best that were looked at", "检查过的次优方案")) }
        table {
            thead { tr {
                @for attribute in &report.problem.attributes { th .n { (name(&attribute.name)) } }
                th .n { (say("Loss", "损失")) }
                th .n { (say("Suppressed", "被抑制")) }
            } }
            tbody { @for other in &outcome.others { tr {
                @for level in &other.levels { td .n { (level) } }
                td .n { (format!("{:.4}", other.score)) }
                td .n { (count(other.suppressed_rows)) }
            } } }
        }
    }
}

fn evidence(report: &SearchReport<'_>) -> Markup {
    html! {
        h2 { (say("Evidence", "凭据")) }
        dl .evidence {
            dt { (say("SHA-256 of the released table", "发布表的 SHA-256")) }
            dd .hash { (report.recoded.output_sha256_hex()) }
        }
        footer { "Medveil " (env!("CARGO_PKG_VERSION")) }
    }
}
