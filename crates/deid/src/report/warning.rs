//! What a reader of a report must know before signing it.

use serde::Serialize;

use super::{Item, Words};
use crate::kind::{Class, Kind};
use crate::plan::Plan;
use crate::table::{BoundColumn, TableOutcome};

/// Something that no figure shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A fixed word for programs.
    pub code: &'static str,
    /// The sentence.
    #[serde(flatten)]
    pub words: Words,
}

impl Warning {
    fn new(code: &'static str, en: String, zh: String) -> Warning {
        Warning { code, words: Words { en, zh } }
    }
}

/// What is to be said of a table.
pub(super) fn of_table(plan: &Plan, outcome: &TableOutcome) -> Vec<Warning> {
    let mut found = Vec::new();
    let names = |wanted: &dyn Fn(&BoundColumn) -> bool| -> Vec<&str> {
        let columns = outcome.columns.iter().map(|(column, _)| column);
        columns.filter(|column| wanted(column)).map(|column| column.finding.name.as_str()).collect()
    };
    let class = |column: &BoundColumn| column.finding.kind.map(Kind::class);
    let kept = |column: &BoundColumn| column.released() && column.action() == "keep";

    let identified = names(&|column| kept(column) && class(column) == Some(Class::DirectIdentifier));
    if !identified.is_empty() {
        found.push(Warning::new(
            "direct-identifiers-kept",
            format!("direct identifiers are released as they are: {}", identified.join(", ")),
            format!("直接标识符原样发布：{}", identified.join("、")),
        ));
    }
    let texts = names(&|column| kept(column) && class(column) == Some(Class::FreeText));
    if !texts.is_empty() {
        found.push(Warning::new(
            "free-text-kept",
            format!("free text is released as it is and may name persons: {}", texts.join(", ")),
            format!("自由文本原样发布，可能包含个人身份信息：{}", texts.join("、")),
        ));
    }
    let cleaned = names(&|column| column.action() == "clean-text");
    if !cleaned.is_empty() {
        found.push(Warning::new(
            "free-text-cleaned",
            format!(
                "identifiers in free text are found by heuristics; read a sample before release: {}",
                cleaned.join(", ")
            ),
            format!("自由文本中的标识符由启发式方法识别，发布前请抽样人工复核：{}", cleaned.join("、")),
        ));
    }
    let unknown = names(&|column| kept(column) && column.finding.kind.is_none());
    if !unknown.is_empty() {
        found.push(Warning::new(
            "unrecognised-kept",
            format!("kept, although it was not recognised what they hold: {}", unknown.join(", ")),
            format!("未识别出内容类型但予以保留：{}", unknown.join("、")),
        ));
    }
    let mixed = names(&|column| kept(column) && !column.finding.also_contains.is_empty());
    if !mixed.is_empty() {
        found.push(Warning::new(
            "identifiers-inside",
            format!("kept, although some values contain identifiers: {}", mixed.join(", ")),
            format!("部分取值内含标识符但予以保留：{}", mixed.join("、")),
        ));
    }
    let unmatched = names(&|column| column.rule.is_none() && !column.released());
    if !unmatched.is_empty() {
        found.push(Warning::new(
            "unmatched-dropped",
            format!("no rule names them, so they are not released: {}", unmatched.join(", ")),
            format!("方案未涉及，因此未发布：{}", unmatched.join("、")),
        ));
    }
    let reversible = names(&|column| {
        let rule = column.rule.and_then(|rule| plan.rules.get(rule));
        rule.is_some_and(|rule| {
            rule.action.parameters()["reversible"] == true || column.action() == "encrypt"
        })
    });
    if !reversible.is_empty() {
        found.push(Warning::new(
            "reversible",
            format!("whoever holds the key can restore: {}", reversible.join(", ")),
            format!("密钥持有者可还原：{}", reversible.join("、")),
        ));
    }
    let assessment = &outcome.assessment;
    if assessment.quasi_identifiers.is_empty() {
        found.push(Warning::new(
            "no-quasi-identifiers",
            "no quasi-identifier is named or was recognised: the risk of linking was not measured".into(),
            "未指定也未识别出准标识符，因此未度量链接风险".into(),
        ));
    }
    if assessment.after.as_ref().is_some_and(|risk| !risk.exact) {
        found.push(Warning::new(
            "estimated",
            "there are more classes than are counted: figures of risk are estimates with 95 % intervals"
                .into(),
            "等价类数量超过精确计数上限，风险指标为估计值并附 95% 置信区间".into(),
        ));
    }
    found.extend(invalid(outcome.columns.iter().map(|(_, counts)| counts.invalid).sum()));
    found
}

/// What is to be said of rules on records.
pub(super) fn of_rules(items: &[Item]) -> Vec<Warning> {
    let mut found = vec![Warning::new(
        "risk-not-measured",
        "risk is measured on tables and on the demographic elements of patients only: for everything else in this file judge by the rules".into(),
        "风险仅对表格以及患者的人口学元素度量；此文件的其余内容请依据所用规则判断".into(),
    )];
    found.extend(invalid(items.iter().map(|item| item.counts.invalid).sum()));
    found
}

fn invalid(values: u64) -> Option<Warning> {
    (values > 0).then(|| {
        Warning::new(
            "unreadable-removed",
            format!("{values} values could not be read by their action and were removed"),
            format!("有 {values} 个值无法按规则解析，已删除"),
        )
    })
}
