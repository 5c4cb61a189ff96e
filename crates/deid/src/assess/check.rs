//! Whether a table may be released: what the plan's `[privacy]` asks, against what was measured.
//!
//! Every refusal is a [`Breach`] with the two values that were compared. What cannot be shown does not pass: a model that neither the assessment nor
//! the [search](crate::search) of the run has measured, or an extreme that is known from a sample of classes only, is a breach of its own.
//!
//! What the assessment measures it measures on the records that are written; the gate stands behind the search and does not take its word. For the other models
//! the figures of the search stand, which counted every class.

use serde::Serialize;

use super::diversity::COUNTED;
use super::threshold::{Level, cell_size, convention};
use super::{Assessment, InPopulation, Risk};
use crate::detect::Language;
use crate::model::{Model, ModelKind, TableCriterion};
use crate::plan::{Privacy, ReleaseModel};
use crate::search::SearchResult;

/// Why a release is refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "breach")]
pub enum Breach {
    /// A column of direct identifiers would be published as it is.
    DirectIdentifier {
        /// The column.
        column: String,
    },
    /// A record has a higher risk than the plan allows.
    MaxRisk {
        /// The highest risk of a record.
        measured: f64,
        /// The plan's `max-risk`.
        limit: f64,
    },
    /// The smallest class is too small.
    KAnonymity {
        /// Records of the smallest class.
        measured: u64,
        /// The plan's `k`.
        required: u64,
    },
    /// A class holds too few values of a sensitive attribute.
    DistinctL {
        /// The sensitive column.
        column: String,
        /// Values in the least diverse class.
        measured: u64,
        /// The plan's `l`.
        required: u64,
    },
    /// Too many records were dropped.
    Suppression {
        /// The share that was dropped.
        measured: f64,
        /// The plan's `suppression`.
        limit: f64,
    },
    /// There are more classes than are counted, so that the smallest may be smaller than the smallest that was seen.
    Uncertain {
        /// The requirement.
        model: String,
        /// Classes that were counted.
        classes: u64,
    },
    /// One pass over a table does not measure this model.
    Unmeasured {
        /// The requirement.
        model: String,
    },
    /// Classes violate a model.
    Violated {
        /// The requirement.
        model: String,
        /// Records in such classes.
        records: u64,
    },
    /// The average risk of the records is too high.
    AverageRisk {
        /// The average.
        measured: f64,
        /// The plan's `average-risk`.
        limit: f64,
    },
    /// No generalisation satisfies every model.
    Unsatisfiable {
        /// Records that the search might have suppressed.
        allowed: u64,
        /// Records of the table.
        records: u64,
        /// Records that the best one suppresses if any number may be; none if there is none even then.
        best: Option<u64>,
    },
    /// The table could not be searched.
    NotSearched {
        /// Why.
        reason: String,
    },
}

/// The verdict on a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Whether nothing that the plan asks is breached.
    pub acceptable: bool,
    /// What is.
    pub breaches: Vec<Breach>,
    /// The threshold that the risk is held against.
    pub threshold: f64,
    /// The smallest class that meets it.
    pub cell_size: u64,
    /// Whether the plan sets the threshold; otherwise it is the custom of the release model.
    pub threshold_from_plan: bool,
    /// The level of GB/T 42460-2023, 4 that the figures support. It rests on the prosecutor's risk, also where a population is known.
    pub level: Level,
    /// Whether the journalist's highest risk meets the threshold; none unless the table was measured against a population.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journalist_within: Option<bool>,
}

/// Whether an assessment measures the model, without a search.
pub(crate) fn measured_in_one_pass(model: &Model) -> bool {
    match &model.kind {
        ModelKind::K(_) | ModelKind::MaxRisk(_) | ModelKind::AverageRisk(_) => true,
        ModelKind::DistinctL(model) => model.l() <= COUNTED as u64,
        _ => false,
    }
}

/// What of `privacy` the release does not satisfy. `search` is what came of the run's search, if there was one.
pub fn check(
    assessment: &Assessment,
    privacy: &Privacy,
    model: ReleaseModel,
    search: Option<&SearchResult>,
) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if model == ReleaseModel::Public {
        breaches.extend(
            assessment.identified.iter().map(|column| Breach::DirectIdentifier { column: column.clone() }),
        );
    }
    if let Some(limit) = privacy.suppression
        && assessment.suppressed() > limit
    {
        breaches.push(Breach::Suppression { measured: assessment.suppressed(), limit });
    }
    // Without quasi-identifiers or without records there is nothing that an attacker could match.
    let Some(risk) = &assessment.after else { return breaches };
    let models = breaches.len();
    if let Some(limit) = privacy.max_risk {
        let words = format!("max-risk={limit}");
        if risk.min_class < cell_size(limit) {
            breaches.push(Breach::MaxRisk { measured: risk.prosecutor.maximum, limit });
        } else if !risk.exact && !shows(search, &words) {
            breaches.push(uncertain(words, risk));
        }
    }
    for model in &privacy.models {
        breaches.extend(check_model(model, risk, search));
    }
    match search {
        Some(SearchResult::Nothing { allowed, records, best, .. }) => {
            breaches.push(Breach::Unsatisfiable { allowed: *allowed, records: *records, best: *best });
        }
        // It matters only where the search was needed.
        Some(SearchResult::Impossible { reason }) if breaches.len() > models => {
            breaches.push(Breach::NotSearched { reason: reason.clone() });
        }
        _ => {}
    }
    breaches
}

/// Whether the search shows that the model holds.
fn shows(search: Option<&SearchResult>, model: &str) -> bool {
    search.and_then(SearchResult::found).is_some_and(|found| found.shows(model))
}

fn check_model(words: &str, risk: &Risk, search: Option<&SearchResult>) -> Vec<Breach> {
    let shown = shows(search, words);
    let unmeasured = || match search {
        _ if shown => Vec::new(),
        Some(SearchResult::Nothing { violations, .. }) => {
            let violation = violations.iter().find(|(model, _)| model == words);
            // What only the whole set of models makes unsatisfiable is said once, for all of them.
            let violated = |(_, records): &(String, u64)| Breach::Violated {
                model: words.to_owned(),
                records: *records,
            };
            violation.map(violated).into_iter().collect()
        }
        _ => vec![Breach::Unmeasured { model: words.to_owned() }],
    };
    let Ok(model) = words.parse::<Model>() else {
        return vec![Breach::Unmeasured { model: words.to_owned() }];
    };
    match &model.kind {
        ModelKind::K(required) if risk.min_class < *required => {
            vec![Breach::KAnonymity { measured: risk.min_class, required: *required }]
        }
        ModelKind::K(required) if !risk.exact && *required > 1 && !shown => {
            vec![uncertain(words.to_owned(), risk)]
        }
        ModelKind::K(_) => Vec::new(),
        ModelKind::MaxRisk(limit) if risk.min_class < cell_size(*limit) => {
            vec![Breach::MaxRisk { measured: risk.prosecutor.maximum, limit: *limit }]
        }
        ModelKind::MaxRisk(_) if !risk.exact && !shown => vec![uncertain(words.to_owned(), risk)],
        ModelKind::MaxRisk(_) => Vec::new(),
        ModelKind::AverageRisk(asked) if risk.exact => {
            let measured = risk.prosecutor.average.value;
            let breach = Breach::AverageRisk { measured, limit: asked.limit() };
            // The same figure from the same classes, but for the last bit.
            if measured > asked.limit() * (1.0 + 1e-12) { vec![breach] } else { Vec::new() }
        }
        ModelKind::AverageRisk(_) if !shown => vec![uncertain(words.to_owned(), risk)],
        ModelKind::AverageRisk(_) => Vec::new(),
        ModelKind::DistinctL(asked) if asked.l() <= COUNTED as u64 => {
            let about = |column: &String| model.attribute.as_ref().is_none_or(|name| name == column);
            risk.distinct_l
                .iter()
                .filter(|diverse| about(&diverse.column))
                .filter_map(|diverse| {
                    if diverse.min < asked.l() {
                        let (column, measured) = (diverse.column.clone(), diverse.min);
                        Some(Breach::DistinctL { column, measured, required: asked.l() })
                    } else if !diverse.exact && asked.l() > 1 && !shown {
                        Some(uncertain(words.to_owned(), risk))
                    } else {
                        None
                    }
                })
                .collect()
        }
        _ => unmeasured(),
    }
}

fn uncertain(model: String, risk: &Risk) -> Breach {
    Breach::Uncertain { model, classes: risk.sizes.known() }
}

/// The verdict, with the level that it supports.
pub fn evaluate(
    assessment: &Assessment,
    privacy: Option<&Privacy>,
    model: ReleaseModel,
    search: Option<&SearchResult>,
) -> Evaluation {
    let nothing = Privacy::default();
    let privacy = privacy.unwrap_or(&nothing);
    let breaches = check(assessment, privacy, model, search);
    let threshold = privacy.max_risk.unwrap_or(convention(model).threshold);
    let cell_size = cell_size(threshold);
    let shown = assessment.after.as_ref().is_some_and(|risk| risk.exact && risk.min_class >= cell_size);
    let level = if !assessment.identified.is_empty() {
        Level::Identifying
    } else if shown {
        Level::AcceptableRisk
    } else {
        Level::WithoutDirectIdentifiers
    };
    Evaluation {
        acceptable: breaches.is_empty(),
        breaches,
        threshold,
        cell_size,
        threshold_from_plan: privacy.max_risk.is_some(),
        level,
        journalist_within: assessment.before.as_ref().and_then(|risk| {
            let attack = match risk.population.as_deref()? {
                InPopulation::Size(population) => population.matches.journalist,
                InPopulation::Table(_) => risk.journalist,
            };
            Some(attack.maximum * cell_size as f64 <= 1.0 + 1e-9)
        }),
    }
}

impl Breach {
    /// The reason in a sentence.
    pub fn explain(&self, language: Language) -> String {
        match language {
            Language::En => self.in_english(),
            Language::Zh => self.in_chinese(),
        }
    }

    fn in_english(&self) -> String {
        match self {
            Breach::DirectIdentifier { column } => {
                format!("column `{column}` holds direct identifiers and would be published as it is")
            }
            Breach::MaxRisk { measured, limit } => {
                format!("a record has a re-identification risk of {measured:.3}; the plan allows {limit}")
            }
            Breach::KAnonymity { measured, required } => {
                format!("the smallest class has {measured} records; the plan asks for k = {required}")
            }
            Breach::DistinctL { column, measured, required } => {
                format!(
                    "a class has {measured} distinct values of `{column}`; the plan asks for l = {required}"
                )
            }
            Breach::Suppression { measured, limit } => {
                format!(
                    "{:.2} % of the records were dropped; the plan allows {:.2} %",
                    measured * 100.0,
                    limit * 100.0
                )
            }
            Breach::Uncertain { model, classes } => {
                format!(
                    "`{model}` holds for the {classes} classes that were followed, but there are more: it is not shown for all"
                )
            }
            Breach::Unmeasured { model } => {
                format!("`{model}` was not measured on this table: it is not shown")
            }
            Breach::Violated { model, records } => {
                format!("`{model}` does not hold in classes of {records} records together")
            }
            Breach::AverageRisk { measured, limit } => {
                format!(
                    "the records have an average re-identification risk of {measured:.4}; the plan allows {limit}"
                )
            }
            Breach::Unsatisfiable { allowed, records, best } => {
                let best = match best {
                    Some(best) => format!(
                        "the best that is possible drops {best} of them ({:.2} %)",
                        share(*best, *records) * 100.0
                    ),
                    None => "nor does any that drops more".to_owned(),
                };
                format!(
                    "no generalisation of the quasi-identifiers satisfies all that is asked and drops at most {allowed} of the {records} records; {best}"
                )
            }
            Breach::NotSearched { reason } => format!("no generalisation was searched for: {reason}"),
        }
    }

    fn in_chinese(&self) -> String {
        match self {
            Breach::DirectIdentifier { column } => format!("“{column}”列为直接标识符，将原样公开"),
            Breach::MaxRisk { measured, limit } => {
                format!("存在重标识风险为 {measured:.3} 的记录，方案允许的上限为 {limit}")
            }
            Breach::KAnonymity { measured, required } => {
                format!("最小等价类仅有 {measured} 条记录，方案要求 k = {required}")
            }
            Breach::DistinctL { column, measured, required } => {
                format!("有等价类中“{column}”仅有 {measured} 个不同取值，方案要求 l = {required}")
            }
            Breach::Suppression { measured, limit } => {
                format!("丢弃的记录占 {:.2}%，方案允许的上限为 {:.2}%", measured * 100.0, limit * 100.0)
            }
            Breach::Uncertain { model, classes } => {
                format!("所跟踪的 {classes} 个等价类均满足“{model}”，但等价类总数更多，尚未证明全部满足")
            }
            Breach::Unmeasured { model } => format!("未在该表上度量“{model}”，未能证明满足"),
            Breach::Violated { model, records } => format!("共 {records} 条记录所在的等价类不满足“{model}”"),
            Breach::AverageRisk { measured, limit } => {
                format!("记录的平均重标识风险为 {measured:.4}，方案允许的上限为 {limit}")
            }
            Breach::Unsatisfiable { allowed, records, best } => {
                let best = match best {
                    Some(best) => {
                        format!("可能的最优泛化需丢弃 {best} 条（{:.2}%）", share(*best, *records) * 100.0)
                    }
                    None => "丢弃更多记录也无法满足".to_owned(),
                };
                format!(
                    "在最多丢弃 {allowed} 条（共 {records} 条）的前提下，没有任何泛化满足全部要求；{best}"
                )
            }
            Breach::NotSearched { reason } => format!("未能搜索泛化方案：{reason}"),
        }
    }
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::{Classes, Diverse, Utility};

    fn assessment(sizes: &[u64], dropped: u64, l: u64) -> Assessment {
        let diverse = Diverse { column: "diagnosis".into(), min: l, or_more: l == 8, exact: true };
        let after = Classes::of_sizes(sizes.iter().copied()).map(|classes| Risk::new(classes, vec![diverse]));
        let released = sizes.iter().sum();
        Assessment {
            records: released + dropped,
            released,
            quasi_identifiers: vec!["age".into()],
            sensitive: vec!["diagnosis".into()],
            identified: vec![],
            before: None,
            after,
            utility: Utility::default(),
        }
    }

    fn privacy(models: &[&str], max_risk: Option<f64>, suppression: Option<f64>) -> Privacy {
        let models = models.iter().map(|model| (*model).to_owned()).collect();
        Privacy { models, max_risk, suppression, ..Privacy::default() }
    }

    #[test]
    fn what_satisfies_the_plan_passes() {
        let asked = privacy(&["k=5", "distinct-l=2"], Some(0.2), Some(0.1));
        assert_eq!(check(&assessment(&[5, 9], 1, 2), &asked, ReleaseModel::Controlled, None), []);
    }

    #[test]
    fn every_requirement_is_refused_by_name_with_the_values_compared() {
        let asked = privacy(&["k=5", "distinct-l=3", "t=0.2", "k", "distinct-l=9"], Some(0.09), Some(0.01));
        let mut table = assessment(&[4, 6], 1, 2);
        table.identified = vec!["name".into()];
        let column = "diagnosis".to_owned();
        assert_eq!(
            check(&table, &asked, ReleaseModel::Public, None),
            [
                Breach::DirectIdentifier { column: "name".into() },
                Breach::Suppression { measured: 1.0 / 11.0, limit: 0.01 },
                Breach::MaxRisk { measured: 0.25, limit: 0.09 },
                Breach::KAnonymity { measured: 4, required: 5 },
                Breach::DistinctL { column, measured: 2, required: 3 },
                Breach::Unmeasured { model: "t=0.2".into() },
                Breach::Unmeasured { model: "k".into() },
                Breach::Unmeasured { model: "distinct-l=9".into() },
            ]
        );
    }

    #[test]
    fn what_is_known_from_a_sample_only_is_not_shown() {
        let mut table = assessment(&[7; 40], 0, 2);
        let sampled = Classes::sampled(&[7; 20], 1, 280).unwrap();
        table.after = Some(Risk::new(sampled, vec![]));
        let found = check(&table, &privacy(&["k=5"], Some(0.2), None), ReleaseModel::Controlled, None);
        assert!(
            found.iter().all(|breach| matches!(breach, Breach::Uncertain { classes: 20, .. }))
                && found.len() == 2,
            "{found:?}"
        );
        // A violation in the sample is one in the table.
        let found = check(&table, &privacy(&["k=8"], None, None), ReleaseModel::Controlled, None);
        assert_eq!(found, [Breach::KAnonymity { measured: 7, required: 8 }]);
    }

    #[test]
    fn levels_follow_from_identifiers_and_the_threshold() {
        let level = |table: &Assessment, model| evaluate(table, None, model, None).level;
        let table = assessment(&[5, 9], 0, 2);
        assert_eq!(level(&table, ReleaseModel::Controlled), Level::AcceptableRisk);
        assert_eq!(level(&table, ReleaseModel::Public), Level::WithoutDirectIdentifiers);
        let named = Assessment { identified: vec!["name".into()], ..table };
        assert_eq!(level(&named, ReleaseModel::Controlled), Level::Identifying);
        // What was not measured is not shown.
        assert_eq!(level(&assessment(&[], 3, 2), ReleaseModel::Enclave), Level::WithoutDirectIdentifiers);
    }
}
