//! Why a generalisation won, in words.

use super::{Generalised, Words};
use crate::search::{Searched, Step};

impl Generalised {
    pub(super) fn new(found: &Searched) -> Generalised {
        Generalised { why: why(found), comparison: found.comparison.clone(), found: found.clone() }
    }
}

fn why(found: &Searched) -> Vec<Words> {
    let mut said = Vec::new();
    let mut say = |en: String, zh: String| said.push(Words { en, zh });
    if found.columns.is_empty() {
        say(
            "only attributes that are not released were asked for: nothing had to be generalised".into(),
            "所要求的模型仅涉及未发布的属性，无需泛化".into(),
        );
        return said;
    }
    if !found.changed() {
        say(
            "the rules alone satisfy every model: nothing was generalised further".into(),
            "仅凭规则即已满足全部模型，未作进一步泛化".into(),
        );
        return said;
    }
    let nodes = found.comparison.lattice_size;
    say(
        format!(
            "of {nodes} combinations of levels this one has the least {} of those that satisfy every model and drop at most {} records: {:.4}; it drops {}",
            found.metric, found.allowed, found.score, found.suppressed
        ),
        format!(
            "在 {nodes} 种层级组合中，满足全部模型且最多丢弃 {} 条记录者以此组合的 {} 最小：{:.4}；丢弃 {} 条",
            found.allowed, found.metric, found.score, found.suppressed
        ),
    );
    if let Some(next) = found.next_best() {
        let score = next.score.unwrap_or(f64::INFINITY);
        say(
            format!(
                "the next best one level away has column `{}` at level {}: {score:.4}",
                next.column, next.level
            ),
            format!("相差一级的次优组合为“{}”列取第 {} 级：{score:.4}", next.column, next.level),
        );
    }
    for step in &found.comparison.steps {
        let column = found.columns.iter().find(|column| column.column == step.column);
        if column.is_some_and(|column| step.level < column.level) {
            said.push(finer(step, found));
        }
    }
    for model in found.models.iter().filter(|model| model.violating > 0) {
        said.push(Words {
            en: format!(
                "`{}`: {} records were in classes that violate it, and were dropped",
                model.model, model.violating
            ),
            zh: format!("“{}”：{} 条记录所在的等价类不满足该模型，已丢弃", model.model, model.violating),
        });
    }
    said
}

/// What leaving a column one level finer would have meant.
fn finer(step: &Step, found: &Searched) -> Words {
    let (column, level) = (&step.column, step.level);
    let dropped = step.suppressed;
    match step.score {
        Some(score) => Words {
            en: format!(
                "column `{column}` at level {level} would satisfy the models too, drops {dropped} records and scores {score:.4}"
            ),
            zh: format!("“{column}”列取第 {level} 级亦满足模型，但丢弃 {dropped} 条，得分 {score:.4}"),
        },
        None if dropped > found.allowed => Words {
            en: format!(
                "column `{column}` at level {level} would drop {dropped} records; {} are allowed",
                found.allowed
            ),
            zh: format!("“{column}”列取第 {level} 级需丢弃 {dropped} 条，上限为 {} 条", found.allowed),
        },
        None => Words {
            en: format!("column `{column}` at level {level} would not satisfy the models"),
            zh: format!("“{column}”列取第 {level} 级不满足模型"),
        },
    }
}
