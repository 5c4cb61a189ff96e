//! Patients over several tables, and over several releases.

use maud::{Markup, html};

use super::figure::{count, loss};
use super::{name, say};
use crate::assess::{Earlier, Joined};
use crate::report::Report;

/// The section; nothing where nothing was joined.
pub(super) fn section(report: &Report) -> Markup {
    html! {
        @if !report.linked.is_empty() || report.earlier.is_some() {
            section {
                h2 { (say("Patients over tables and releases", "跨表与历次发布的患者")) }
                p { (say(
                    "Who holds several tables, or releases, that tell the same patients apart joins them. A joined class are the patients whose released records agree in all of them: the same quasi-identifiers, with as many records. It is the worst case: the attacker knows every visit of his target.",
                    "持有可区分同一患者的多个表或多次发布者可将其联合。联合等价类由在所有表（或发布）中记录均一致的患者组成：准标识符相同，记录数也相同。此为最坏情形：攻击者知道目标的每一次就诊。",
                )) }
                @for joined in &report.linked {
                    h3 { (name(&joined.parts.join(" + "))) }
                    (figures(joined))
                }
                @if let Some(earlier) = &report.earlier { (releases(earlier)) }
            }
        }
    }
}

fn figures(joined: &Joined) -> Markup {
    html! { table {
        caption { (say("Figures of the joined view", "联合视图的指标")) }
        tbody {
            tr { th scope="row" { (say("Patients", "患者数")) } td .n { (count(joined.patients)) } }
            tr { th scope="row" { (say("Joined classes", "联合等价类数")) } td .n { (count(joined.classes)) } }
            tr { th scope="row" { (say("Smallest joined class", "最小联合等价类")) } td .n { (count(joined.min_class)) } }
            @if let Some(required) = joined.required {
                tr {
                    th scope="row" { (say("Patients in classes of fewer than", "所在等价类小于该值的患者：")) " " (count(required)) }
                    td .n { (count(joined.below)) }
                }
            }
        }
    } }
}

fn releases(earlier: &Earlier) -> Markup {
    html! {
        h3 { (say("Together with earlier releases", "与历次发布联合")) }
        (figures(&earlier.joined))
        div .scroll { table {
            caption { (say("Earlier releases to the same recipient", "此前向同一接收方的发布")) }
            thead { tr {
                th scope="col" { (say("Output root", "输出根")) }
                th scope="col" { (say("Study", "研究")) }
                th .n scope="col" { (say("Patients", "患者数")) }
                th .n scope="col" { (say("Of them in this release", "其中在本次发布中")) }
                th .n scope="col" { "ε" }
            } }
            tbody { @for release in &earlier.releases { tr {
                th scope="row" { span .hash.v translate="no" { (hex::encode(release.output_root)) } }
                td { (name(&release.study)) }
                td .n { (count(release.patients)) }
                td .n { (count(release.tied)) }
                td .n { (loss(release.epsilon)) }
            } } }
        } }
        p .note {
            (say("Epsilon of all releases and this one, added up: ", "本次与历次发布的 ε 累计：")) (loss(earlier.epsilon))
            @if earlier.delta > 0.0 { ", δ = " (loss(earlier.delta)) }
        }
    }
}
