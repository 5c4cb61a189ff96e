//! The sections of the page, in reading order.

use maud::{Markup, html};

use super::figure::{about, bytes, count, loss, percent, risk as write_risk, share};
use super::{chart, name, say, text, words};
use crate::action;
use crate::assess::{
    Assessment, BENCHMARKS, ColumnUtility, Correlation, Diverse, Estimate, Evaluation, Level, Risk,
    convention,
};
use crate::kind::Text;
use crate::plan::{ReleaseModel, Unmatched};
use crate::report::{FileReport, Item, Loss, Report, Verdict};

/// Title, verdict, key figures and warnings.
pub(super) fn head(report: &Report) -> Markup {
    let plan = &report.plan;
    html! {
        header {
            p .kicker { (say("Report on de-identification", "去标识化报告")) }
            h1 { (words(&plan.title)) }
            dl .facts {
                (fact("Plan", "方案", html! { (name(&plan.name)) " " (say("version", "第")) " " (plan.version) (say("", " 版")) }))
                (fact("Release model", "共享类型", text(release_model(plan.release_model))))
                (fact("Study", "研究", name(&report.study)))
                @if let Some(time) = &report.time { (fact("Time of the run", "运行时间", name(time))) }
                (fact("Made with", "生成软件", name(report.engine)))
                @if !plan.basis.is_empty() { (fact("Legal and technical basis", "依据", name(&plan.basis.join("; ")))) }
            }
        }
        (verdict(report))
        (cards(report))
        @let warned = report.files.iter().filter(|file| !file.warnings.is_empty());
        @if warned.clone().next().is_some() {
            h3 { (say("To know before signing", "签署前须知")) }
            @for file in warned {
                @if report.files.len() > 1 { p .note { (name(&file.path)) } }
                ul .warnings { @for warning in &file.warnings { li { (words(&warning.words)) } } }
            }
        }
    }
}

fn fact(en: &str, zh: &str, value: Markup) -> Markup {
    html! { div { dt { (say(en, zh)) } dd { (value) } } }
}

fn release_model(model: ReleaseModel) -> Text {
    match model {
        ReleaseModel::Public => Text { en: "public: anybody", zh: "完全公开共享" },
        ReleaseModel::Controlled => Text {
            en: "controlled: named recipients under contract",
            zh: "受控公开共享：签约的特定接收方",
        },
        ReleaseModel::Enclave => Text {
            en: "enclave: data stay inside, results leave",
            zh: "领地公开共享：数据不出域，仅结果可带出",
        },
    }
}

fn verdict(report: &Report) -> Markup {
    let (class, mark, said) = match report.verdict {
        Verdict::Met => (
            "verdict met",
            "M5 13 l6 6 L21 7",
            say("The release satisfies every requirement of the plan.", "发布数据满足方案的隐私要求。"),
        ),
        Verdict::Breached => (
            "verdict breached",
            "M7 7 L19 19 M19 7 L7 19",
            say(
                "The release does not satisfy the plan and must not be shared.",
                "发布数据未满足方案要求，不得共享。",
            ),
        ),
        Verdict::NothingRequired => (
            "verdict",
            "M6 13 H20",
            say(
                "The plan sets no requirement: the figures below are for judgement.",
                "方案未设定隐私要求，请依据下列指标自行判断。",
            ),
        ),
        Verdict::NotMeasured => (
            "verdict",
            "M6 13 H20",
            say(
                "The risk could not be measured: judge by the rules below.",
                "风险无法度量，请依据下列规则判断。",
            ),
        ),
    };
    let reasons = report.files.iter().flat_map(|file| file.reasons.iter().map(move |reason| (file, reason)));
    html! {
        section class=(class) {
            svg width="26" height="26" viewBox="0 0 26 26" fill="none" stroke="currentColor" stroke-width="2.6" aria-hidden="true" { path d=(mark) {} }
            div {
                p .say { (said) }
                @if !report.plan.requirements.is_empty() {
                    p .note { (say("Asked: ", "要求：")) (name(&report.plan.requirements.join(" · "))) }
                }
                @if report.verdict == Verdict::Breached {
                    ul {
                        @for (file, reason) in reasons {
                            li { @if report.files.len() > 1 { (name(&file.path)) ": " } (words(reason)) }
                        }
                        @for reason in &report.reasons { li { (words(reason)) } }
                    }
                }
            }
        }
    }
}

fn cards(report: &Report) -> Markup {
    // What has no bytes is no file: the patients of FHIR files are measured together, and their records are counted there.
    let files = || report.files.iter().filter(|file| file.bytes_in > 0);
    let sum = |part: fn(&FileReport) -> u64| files().map(part).sum::<u64>();
    let (records_in, records_out) = (sum(|file| file.records_in), sum(|file| file.records_out));
    // The table at the highest risk speaks for the release.
    let worst = report
        .files
        .iter()
        .filter_map(|file| Some((file.assessment.as_ref()?.after.as_ref()?, file.evaluation.as_ref()?)))
        .min_by_key(|(risk, _)| risk.min_class);
    let level =
        report.files.iter().filter_map(|file| file.evaluation.as_ref()).map(|found| found.level).min();
    html! {
        dl .cards {
            div {
                dt { (say("Records released", "发布记录数")) }
                dd { (count(records_out)) small { (say("of", "共读入")) " " (count(records_in)) " " (say("read", "条")) } }
            }
            div {
                dt { (say("Highest risk of a record", "单条记录最高重标识风险")) }
                dd {
                    @match worst {
                        Some((risk, evaluation)) => {
                            (write_risk(risk.prosecutor.maximum))
                            small {
                                (say("smallest class", "最小等价类")) " " (count(risk.min_class)) " · "
                                (say("threshold", "阈值")) " " (evaluation.threshold)
                            }
                        }
                        None => { "–" small { (say("not measured", "未度量")) } }
                    }
                }
            }
            div {
                dt { (say("Level supported", "可支持的去标识化级别")) }
                dd {
                    @match level {
                        Some(level) => {
                            (level.number()) " / 4"
                            small { (text(level.title())) " · " (name(Level::SOURCE)) }
                        }
                        None => { "–" small { (say("not measured", "未度量")) } }
                    }
                }
            }
            div {
                dt { (say("Privacy loss of a record", "单条记录隐私损失")) }
                dd {
                    @if report.loss == Loss::default() {
                        "–" small { (say("no noise in tables", "表格未加噪")) }
                    } @else {
                        "ε = " (loss(report.loss.epsilon))
                        @if report.loss.delta > 0.0 { small { "δ = " (loss(report.loss.delta)) } }
                        small { (say("over the noised columns, added up", "各加噪列累加")) }
                    }
                }
            }
        }
    }
}

/// What was done, column by column.
pub(super) fn done(report: &Report) -> Markup {
    html! {
        section {
            h2 { (say("What was done, and why", "处理内容与依据")) }
            p .note {
                @match report.plan.unmatched {
                    Unmatched::Drop => (say("What no rule of the plan names is not released.", "方案未涉及的内容一律不发布。")),
                    Unmatched::Keep => (say("What no rule of the plan names is released as it is.", "方案未涉及的内容原样发布。")),
                }
            }
            @for file in report.files.iter().filter(|file| !file.items.is_empty()) {
                h3 { (name(&file.path)) }
                p .note {
                    (name(&file.format)) " · " (count(file.records_in)) " → " (count(file.records_out)) " " (say("records", "条记录"))
                    " · " (bytes(file.bytes_in)) " → " (bytes(file.bytes_out))
                }
                div .scroll { table {
                    caption { (say("Each column or path: the action, its source, and the number of values", "各列（或路径）所用操作、依据及值的数量")) }
                    thead { tr {
                        th scope="col" { (say("Column or path", "列或路径")) }
                        th scope="col" { (say("Action", "操作")) }
                        th .n scope="col" { (say("Kept", "保留")) }
                        th .n scope="col" { (say("Changed", "改变")) }
                        th .n scope="col" { (say("Removed", "删除")) }
                        th scope="col" { (say("Source", "依据条款")) }
                    } }
                    tbody { @for item in &file.items { (row(item)) } }
                } }
            }
        }
    }
}

fn row(item: &Item) -> Markup {
    let summary = action::method(&item.action).map(|method| method.summary);
    let dropped = Text { en: "not released: no rule names it", zh: "未发布：方案未涉及" };
    let parameters = item.parameters.as_object().filter(|map| !map.is_empty());
    html! {
        tr {
            th scope="row" {
                (name(&item.place))
                @if let Some(kind) = item.kind {
                    small { (text(kind.title())) @if let Some(confidence) = item.confidence { " · " (confidence) "/100" } }
                }
                @if !item.recognised.is_empty() {
                    small { @for (i, reason) in item.recognised.iter().enumerate() {
                        @if i > 0 { (say("; ", "；")) }
                        (words(reason))
                    } }
                }
            }
            td {
                code .v { (item.action) }
                @if let Some(rule) = item.rule { " " span .note { (say("rule", "规则")) " " (rule) } }
                @if let Some(parameters) = parameters {
                    small { code .v { @for (i, (key, value)) in parameters.iter().enumerate() {
                        @if i > 0 { ", " } (key) " = " (value.to_string())
                    } } }
                }
                @if let Some(summary) = summary { small { (text(summary)) } } @else if item.rule.is_none() && item.action == "drop" { small { (text(dropped)) } }
                @if let Some(spent) = item.loss {
                    small { "ε = " (loss(spent.epsilon)) @if spent.delta > 0.0 { ", δ = " (loss(spent.delta)) } " " (say("a value", "每值")) }
                }
            }
            td .n { (count(item.counts.kept)) }
            td .n { (count(item.counts.changed)) }
            td .n {
                (count(item.counts.removed + item.counts.invalid))
                @if item.counts.invalid > 0 { small { (count(item.counts.invalid)) " " (say("unreadable", "无法解析")) } }
                @if item.counts.empty > 0 { small { (count(item.counts.empty)) " " (say("were empty", "原为空")) } }
            }
            td { @match &item.source { Some(source) => (name(source)), None => "–" } }
        }
    }
}

/// The risk of each table that was measured.
pub(super) fn risk(report: &Report) -> Markup {
    let tables = report
        .files
        .iter()
        .enumerate()
        .filter_map(|(i, file)| Some((i, file, file.assessment.as_ref()?, file.evaluation.as_ref()?)));
    html! {
        section {
            h2 { (say("Risk of re-identification", "重标识风险")) }
            p {
                (say(
                    "An attacker who knows the quasi-identifiers of a person can narrow the release down to a class of records that agree on them. The risk of a record is one over the size of its class.",
                    "攻击者若知道某人的准标识符，就能把发布数据缩小到这些准标识符取值相同的一组记录（等价类）。一条记录的风险等于其等价类大小的倒数。",
                ))
            }
            @for (i, file, assessment, evaluation) in tables.clone() { (table_risk(i, file, assessment, evaluation)) }
            @if tables.clone().next().is_none() {
                p { (say("Nothing in this run could be measured.", "本次运行没有可度量的内容。")) }
            }
            (benchmarks(report.plan.release_model))
        }
    }
}

fn table_risk(i: usize, file: &FileReport, assessment: &Assessment, evaluation: &Evaluation) -> Markup {
    let (before, Some(after)) = (assessment.before.as_ref(), assessment.after.as_ref()) else {
        return html! {
            h3 { (name(&file.path)) }
            p { (say("Not measured: no quasi-identifier is named or was recognised, or no record is released.", "未度量：没有指定或识别出准标识符，或没有发布任何记录。")) }
        };
    };
    let gauge = format!("gauge-{i}");
    let histogram = format!("histogram-{i}");
    html! {
        h3 { (name(&file.path)) }
        p .note {
            (say("Quasi-identifiers: ", "准标识符：")) (name(&assessment.quasi_identifiers.join(", ")))
            @if !assessment.sensitive.is_empty() { " · " (say("sensitive: ", "敏感属性：")) (name(&assessment.sensitive.join(", "))) }
            " · " @if after.exact { (say("counted exactly", "精确计数")) } @else { (say("estimated from a sample of classes", "基于等价类抽样估计")) }
        }
        figure {
            (chart::gauge(before, after, evaluation.threshold, &gauge))
            figcaption #(gauge) {
                (say("Highest risk of a record: before (ring) ", "单条记录最高风险：处理前（圆环）"))
                (before.map_or_else(|| "–".to_owned(), |risk| write_risk(risk.prosecutor.maximum)))
                (say(", after (arrow) ", "，处理后（箭头）")) (write_risk(after.prosecutor.maximum))
                (say("; threshold (bar) ", "；阈值（竖线）")) (evaluation.threshold)
                @if evaluation.threshold_from_plan { (say(", set by the plan.", "，由方案设定。")) }
                @else { (say(", customary for the release model; the plan sets none.", "，为该共享类型的惯例值；方案未设定。")) }
                (say(" Small dots: average risk.", "小点为平均风险。"))
            }
        }
        (risk_table(before, after, evaluation))
        figure {
            (chart::histogram(before.map(|risk| risk.histogram.as_slice()), &after.histogram, &histogram))
            figcaption #(histogram) {
                (say("Share of records by the size of their class: ", "按等价类大小统计的记录占比："))
                span .key {} (say("before ", "处理前 ")) span .key.after {} (say("after", "处理后"))
            }
        }
    }
}

fn risk_table(before: Option<&Risk>, after: &Risk, evaluation: &Evaluation) -> Markup {
    let line = |label: Markup, figure: &dyn Fn(&Risk) -> String| {
        html! { tr {
            th scope="row" { (label) }
            td .n { (before.map_or_else(|| "–".to_owned(), figure)) }
            td .n { (figure(after)) }
        } }
    };
    let average = |estimate: Estimate| match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => {
            format!("≈ {} [{}, {}]", write_risk(estimate.value), write_risk(low), write_risk(high))
        }
        _ => write_risk(estimate.value),
    };
    let columns: Vec<&str> = after.distinct_l.iter().map(|diverse| diverse.column.as_str()).collect();
    html! { table {
        caption { (say("Figures of risk before and after", "处理前后的风险指标")) }
        thead { tr {
            th scope="col" { (say("Figure", "指标")) }
            th .n scope="col" { (say("Before", "处理前")) }
            th .n scope="col" { (say("After", "处理后")) }
        } }
        tbody {
            (line(html! { (say("Prosecutor risk, highest", "检察官风险，最高")) small { (say("the attacker knows that the person is in the data", "攻击者知道目标在数据中")) } }, &|risk| write_risk(risk.prosecutor.maximum)))
            (line(html! { (say("Prosecutor risk, average", "检察官风险，平均")) }, &|risk| average(risk.prosecutor.average)))
            (line(html! { (say("Records above the threshold", "超过阈值的记录占比")) small { (say("in classes of fewer than", "等价类小于")) " " (count(evaluation.cell_size)) } }, &|risk| share(risk.share_above(evaluation.threshold))))
            (line(html! { (say("Journalist risk, highest", "记者风险，最高")) small { (say("no population is given: the table is taken as its own, which cannot understate the risk", "未提供总体数据：以本表为总体，不会低估风险")) } }, &|risk| write_risk(risk.journalist.maximum)))
            (line(html! { (say("Marketer risk", "营销者风险")) small { (say("expected share of correct matches", "正确匹配的期望占比")) } }, &|risk| share(risk.marketer)))
            (line(html! { (say("Unique records", "唯一记录占比")) }, &|risk| share(risk.uniques)))
            (line(html! { (say("Classes", "等价类数")) }, &|risk| about(risk.classes)))
            (line(html! { (say("Smallest and largest class", "最小与最大等价类")) }, &|risk| format!("{} – {}", count(risk.min_class), count(risk.max_class))))
            @for column in columns {
                (line(html! { (say("Distinct values in the least diverse class: ", "多样性最低等价类的不同取值数：")) (name(column)) }, &|risk| diverse(risk.distinct_l.iter().find(|found| found.column == column))))
            }
        }
    } }
}

fn diverse(diverse: Option<&Diverse>) -> String {
    match diverse {
        Some(found) if found.or_more => format!("{}+", found.min),
        Some(found) => found.min.to_string(),
        None => "–".into(),
    }
}

fn benchmarks(model: ReleaseModel) -> Markup {
    let customary = convention(model).cell_size;
    html! {
        h3 { (say("Which risk is acceptable", "可接受风险的参照")) }
        p {
            (say(
                "GB/T 42460-2023 (6.3; Annex D, informative) and ISO/IEC 27559:2022 (8.2.2) measure the risk and hold it against a threshold that is chosen for the purpose. The sizes below are conventions of practice with their precedents, not requirements of a standard.",
                "GB/T 42460-2023（6.3 及资料性附录 D）与 ISO/IEC 27559:2022（8.2.2）度量风险，并与按用途选定的阈值比较。下表为实践惯例及其先例，并非标准的规范性要求。",
            ))
        }
        table {
            caption { (say("Customary cell sizes", "惯例的最小等价类")) }
            thead { tr {
                th .n scope="col" { (say("Class size", "等价类大小")) }
                th .n scope="col" { (say("Risk", "风险")) }
                th scope="col" { (say("Used for", "用途")) }
                th scope="col" { (say("Precedent", "先例")) }
            } }
            tbody { @for benchmark in BENCHMARKS { tr {
                td .n { (benchmark.cell_size) }
                td .n { (benchmark.threshold) }
                td { (text(benchmark.used)) @if benchmark.cell_size == customary { small { (say("customary for this release model (convention, not norm)", "本共享类型的惯例（非规范性要求）")) } } }
                td { (name(benchmark.source)) }
            } } }
        }
    }
}

/// What the release is still good for.
pub(super) fn utility(report: &Report) -> Markup {
    let tables = report.files.iter().enumerate().filter_map(|(i, file)| {
        let utility = &file.assessment.as_ref()?.utility;
        (utility.sampled > 0).then_some((i, file, utility))
    });
    html! {
        @if tables.clone().next().is_some() {
            section {
                h2 { (say("Usefulness", "数据可用性")) }
                @for (i, file, utility) in tables {
                    h3 { (name(&file.path)) }
                    div .scroll { table {
                        caption {
                            @if utility.complete { (say("All records", "全部记录")) }
                            @else { (say("A uniform sample of", "均匀抽样")) " " (count(utility.sampled)) " " (say("records", "条记录")) }
                        }
                        thead { tr {
                            th scope="col" { (say("Column", "列")) }
                            th scope="col" { (say("Treatment", "处理")) }
                            th .n scope="col" { (say("Changed", "改变")) }
                            th .n scope="col" { (say("Distinct values", "不同取值数")) }
                            th scope="col" { (say("Entropy kept", "信息熵保留")) }
                            th scope="col" { (say("Distance of distributions", "分布距离")) }
                        } }
                        tbody { @for column in &utility.columns { (utility_row(column)) } }
                    } }
                    p .note {
                        (say(
                            "Distances: KS = Kolmogorov-Smirnov; W = 1-Wasserstein in standard deviations; mean = shift of the mean in standard deviations; TV = total variation. 0 is no difference.",
                            "距离：KS 为 Kolmogorov-Smirnov 距离；W 为以标准差为单位的 1-Wasserstein 距离；mean 为以标准差为单位的均值偏移；TV 为总变差距离。0 表示无差异。",
                        ))
                    }
                    @if let Some(correlation) = &utility.correlation { (heat(i, correlation)) }
                }
            }
        }
    }
}

fn utility_row(column: &ColumnUtility) -> Markup {
    html! { tr {
        th scope="row" { (name(&column.column)) }
        td .tag { (text(column.treatment.title())) }
        td .n { (percent(column.changed)) @if column.removed > 0.0 { small { (say("removed", "删除")) " " (percent(column.removed)) } } }
        td .n { (count(column.distinct_before)) " → " (count(column.distinct_after)) }
        td .tag { @match column.entropy_kept { Some(kept) => { (chart::bar(kept)) " " (percent(kept.min(9.99))) }, None => "–" } }
        td {
            @match (&column.numeric, column.total_variation) {
                (Some(numeric), _) => {
                    span .v { "KS " (fixed(numeric.kolmogorov_smirnov)) " · W " (fixed(numeric.wasserstein)) " · mean " (signed(numeric.mean_shift)) }
                }
                (None, Some(variation)) => { span .v { "TV " (fixed(variation)) } }
                (None, None) => "–",
            }
        }
    } }
}

fn fixed(x: f64) -> String {
    format!("{x:.3}")
}

fn signed(x: f64) -> String {
    // No minus before a zero.
    if x.abs() < 0.0005 { "0.000".into() } else { format!("{x:+.3}").replace('-', "−") }
}

fn heat(i: usize, correlation: &Correlation) -> Markup {
    let (before, after) = (format!("correlation-before-{i}"), format!("correlation-after-{i}"));
    html! {
        div .pair {
            figure { (chart::heat_map(correlation, false, &before)) figcaption #(before) { (say("Correlation before", "处理前的相关系数")) } }
            figure { (chart::heat_map(correlation, true, &after)) figcaption #(after) { (say("Correlation after", "处理后的相关系数")) } }
        }
        ol .legend { @for column in &correlation.columns { li { (name(column)) } } }
        p .note { (say("Largest change of a coefficient: ", "相关系数的最大变化：")) (fixed(correlation.max_difference)) }
    }
}

/// What binds the release.
pub(super) fn evidence(report: &Report) -> Markup {
    let hash = |hash: &[u8; 32]| html! { span .hash.v translate="no" { (hex::encode(hash)) } };
    html! {
        section {
            h2 { (say("Evidence", "证据")) }
            p {
                (say(
                    "The receipt beside this report binds plan, key, inputs and outputs. Anyone who holds the release can check it; whoever holds the raw data and the key can show that the release is exactly the plan applied to them.",
                    "随附的回执绑定了方案、密钥、输入与输出。持有发布数据者均可核验；持有原始数据与密钥者可证明发布数据恰为该方案的处理结果。",
                ))
            }
            dl .evidence {
                dt { (say("Plan, SHA-256", "方案摘要（SHA-256）")) } dd { (hash(&report.plan.sha256)) }
                @if let Some(roots) = &report.receipt {
                    dt { (say("Merkle root of the inputs", "输入数据 Merkle 根")) } dd { (hash(&roots.input)) }
                    dt { (say("Merkle root of the outputs", "输出数据 Merkle 根")) } dd { (hash(&roots.output)) }
                }
                dt { (say("To check", "核验命令")) } dd { code .v { "medveil verify receipt.json" } }
            }
        }
    }
}

/// The block that people sign.
pub(super) fn sign(report: &Report) -> Markup {
    let line = |en: &str, zh: &str| html! { tr { th scope="row" { (say(en, zh)) } td {} td {} td {} } };
    html! {
        section .sign {
            h2 { (say("Sign-off", "签署")) }
            p {
                @match report.verdict {
                    Verdict::Breached => (say(
                        "The release does not satisfy the plan. Signing records that this was seen; it does not permit sharing.",
                        "发布数据未满足方案要求。签署仅表示已知悉，不构成共享许可。",
                    )),
                    _ => (say(
                        "I have read this report, find the remaining risk acceptable for the stated release model and purpose, and approve the release that is bound by the digests above.",
                        "本人已阅读本报告，认为剩余风险对所述共享类型与用途而言可以接受，并批准上述摘要所绑定的数据发布。",
                    )),
                }
            }
            table {
                caption { (say("Signatures", "签署栏")) }
                thead { tr {
                    th scope="col" { (say("Role", "角色")) }
                    th scope="col" { (say("Name", "姓名")) }
                    th scope="col" { (say("Signature", "签名")) }
                    th scope="col" { (say("Date", "日期")) }
                } }
                tbody {
                    (line("Data steward", "数据管理员"))
                    (line("Privacy officer", "个人信息保护负责人"))
                    (line("Approved by", "批准人"))
                }
            }
        }
    }
}

/// What the figures rest on, and what they do not say.
pub(super) fn sources(report: &Report) -> Markup {
    const SOURCES: [&str; 7] = [
        "GB/T 37964-2019; GB/T 42460-2023, 4, 6.3, Annex D",
        "ISO/IEC 27559:2022, 7.3, 8.2.2; ISO/IEC 20889:2018",
        "El Emam, Dankar: Protecting privacy using k-anonymity. J Am Med Inform Assoc 15(5), 2008",
        "Dankar, El Emam: A method for evaluating marketer re-identification risk. PAIS 2010",
        "El Emam: Guide to the De-Identification of Personal Health Information. CRC Press, 2013",
        "Machanavajjhala et al.: l-Diversity. ACM TKDD 1(1), 2007",
        "Dwork, Roth: The Algorithmic Foundations of Differential Privacy. 2014, Thm. 3.16",
    ];
    html! {
        section {
            h2 { (say("Limits and sources", "局限与出处")) }
            ul .sources {
                li { (say(
                    "Risk is measured against the quasi-identifiers named above. Knowledge of other attributes is not in the figures, nor are releases that are not named above.",
                    "风险仅针对上述准标识符度量；攻击者对其他属性的了解，以及未在上文列出的其他发布，不在指标之内。",
                )) }
                li { (say(
                    "Classes are made of records. Where a person has several records, the persons in a class may be fewer.",
                    "等价类按记录计。若一人有多条记录，等价类中的实际人数可能更少。",
                )) }
                @if report.loss != Loss::default() {
                    li { (say(
                        "Epsilon is that of one record, by basic composition; a person with m records loses up to m times as much. It covers the noised columns only.",
                        "ε 为单条记录按基本组合定理的累加值；拥有 m 条记录者的损失最多为其 m 倍。该值仅涵盖加噪列。",
                    )) }
                }
                li { (say(
                    "Kinds of columns are recognised by heuristics; a person decides.",
                    "列的类型由启发式方法识别，最终由人判定。",
                )) }
                @for source in SOURCES { li { (name(source)) } }
            }
            footer { (say("This report contains no value of the data.", "本报告不含任何数据取值。")) " " (name(report.format)) }
        }
    }
}
