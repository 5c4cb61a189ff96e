//! The search: what was generalised to which level, and why.

use maud::{Markup, html};

use super::figure::{count, percent};
use super::{name, say, words};
use crate::report::{Generalised, Report};
use crate::search::SearchedColumn;

/// The section; nothing where no table was searched.
pub(super) fn section(report: &Report) -> Markup {
    let searched = report.files.iter().filter_map(|file| Some((file, file.search.as_ref()?)));
    html! {
        @if searched.clone().next().is_some() {
            section {
                h2 { (say("What was generalised further, and why", "进一步的泛化及其理由")) }
                p { (say(
                    "After the rules, the quasi-identifiers of each table were generalised to the levels that lose least among all that satisfy the models. Level 0 is what the rules release; at the highest level all values are one.",
                    "在规则处理之后，各表的准标识符被泛化到满足全部模型且信息损失最小的层级。第 0 级为规则的输出；最高级中所有取值合并为一。",
                )) }
                @for (file, search) in searched {
                    h3 { (name(&file.path)) }
                    ul { @for reason in &search.why { li { (words(reason)) } } }
                    @if search.found.changed() { (levels(search)) }
                    (models(search))
                }
            }
        }
    }
}

fn levels(search: &Generalised) -> Markup {
    html! { div .scroll { table {
        caption { (say("Levels and losses by column", "各列的层级与损失")) }
        thead { tr {
            th scope="col" { (say("Column", "列")) }
            th scope="col" { (say("Hierarchy", "泛化层次")) }
            th .n scope="col" { (say("Level", "层级")) }
            th .n scope="col" { (say("Distinct values", "不同取值数")) }
            th .n scope="col" { (say("Loss", "损失")) }
        } }
        tbody { @for column in &search.found.columns { (level(column)) } }
    } } }
}

fn level(column: &SearchedColumn) -> Markup {
    html! { tr {
        th scope="row" { (name(&column.column)) }
        td { @if column.hierarchy.is_empty() { "–" } @else { (name(&column.hierarchy)) } }
        td .n { (column.level) " / " (column.highest) }
        td .n { (count(column.values)) " → " (count(column.labels)) }
        td .n { (percent(column.loss)) }
    } }
}

fn models(search: &Generalised) -> Markup {
    let without = &search.found.without_attribute;
    html! {
        @if !search.found.models.is_empty() {
            div .scroll { table {
                caption { (say("Models: what was asked and what is achieved", "隐私模型：要求与达成")) }
                thead { tr {
                    th scope="col" { (say("Asked", "要求")) }
                    th .n scope="col" { (say("Achieved", "达成")) }
                    th .n scope="col" { (say("Records dropped for it", "因此丢弃的记录")) }
                } }
                tbody { @for model in &search.found.models { tr {
                    th scope="row" { (name(&model.model)) }
                    td .n { @match model.achieved { Some(figure) => (written(figure)), None => "–" } }
                    td .n { (count(model.violating)) }
                } } }
            } }
        }
        @if !without.is_empty() {
            p .note { (say("Without a sensitive attribute in the release: ", "发布数据中无相应敏感属性：")) (name(&without.join(", "))) }
        }
    }
}

/// Four decimals, and none where there are none.
fn written(figure: f64) -> String {
    if figure.fract() == 0.0 { format!("{figure:.0}") } else { format!("{figure:.4}") }
}
