//! Whether a table may be released: what the plan's `[privacy]` asks, against what was measured.
//!
//! Every refusal is a [`Breach`] with the two values that were compared. What cannot be shown does not pass: a model that one pass over
//! the table does not measure, or an extreme that is known from a sample of classes only, is a breach of its own.

use serde::Serialize;

use super::diversity::COUNTED;
use super::threshold::{Level, cell_size, convention};
use super::{Assessment, InPopulation, Risk};
use crate::detect::Language;
use crate::plan::{Privacy, ReleaseModel};

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

/// What of `privacy` the release does not satisfy.
pub fn check(assessment: &Assessment, privacy: &Privacy, model: ReleaseModel) -> Vec<Breach> {
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
    if let Some(limit) = privacy.max_risk {
        if risk.min_class < cell_size(limit) {
            breaches.push(Breach::MaxRisk { measured: risk.prosecutor.maximum, limit });
        } else if !risk.exact {
            breaches.push(uncertain(format!("max-risk={limit}"), risk));
        }
    }
    for model in &privacy.models {
        breaches.extend(check_model(model, risk));
    }
    breaches
}

fn check_model(model: &str, risk: &Risk) -> Vec<Breach> {
    let unmeasured = || vec![Breach::Unmeasured { model: model.to_owned() }];
    let Some((name, parameter)) = model.split_once('=') else { return unmeasured() };
    let Ok(required) = parameter.trim().parse::<u64>() else { return unmeasured() };
    match name.trim() {
        "k" if risk.min_class < required => vec![Breach::KAnonymity { measured: risk.min_class, required }],
        "k" if !risk.exact && required > 1 => vec![uncertain(model.to_owned(), risk)],
        "k" => Vec::new(),
        "distinct-l" if required > COUNTED as u64 => unmeasured(),
        "distinct-l" => risk
            .distinct_l
            .iter()
            .filter_map(|diverse| {
                if diverse.min < required {
                    let column = diverse.column.clone();
                    Some(Breach::DistinctL { column, measured: diverse.min, required })
                } else if !diverse.exact && required > 1 {
                    Some(uncertain(model.to_owned(), risk))
                } else {
                    None
                }
            })
            .collect(),
        _ => unmeasured(),
    }
}

fn uncertain(model: String, risk: &Risk) -> Breach {
    Breach::Uncertain { model, classes: risk.sizes.known() }
}

/// The verdict, with the level that it supports.
pub fn evaluate(assessment: &Assessment, privacy: Option<&Privacy>, model: ReleaseModel) -> Evaluation {
    let nothing = Privacy::default();
    let privacy = privacy.unwrap_or(&nothing);
    let breaches = check(assessment, privacy, model);
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
                format!("`{model}` is not measured in one pass over a table: it is not shown")
            }
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
            Breach::Unmeasured { model } => format!("单次遍历不度量“{model}”，未能证明满足"),
        }
    }
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
        assert_eq!(check(&assessment(&[5, 9], 1, 2), &asked, ReleaseModel::Controlled), []);
    }

    #[test]
    fn every_requirement_is_refused_by_name_with_the_values_compared() {
        let asked = privacy(&["k=5", "distinct-l=3", "t=0.2", "k", "distinct-l=9"], Some(0.09), Some(0.01));
        let mut table = assessment(&[4, 6], 1, 2);
        table.identified = vec!["name".into()];
        let column = "diagnosis".to_owned();
        assert_eq!(
            check(&table, &asked, ReleaseModel::Public),
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
        let found = check(&table, &privacy(&["k=5"], Some(0.2), None), ReleaseModel::Controlled);
        assert!(
            found.iter().all(|breach| matches!(breach, Breach::Uncertain { classes: 20, .. }))
                && found.len() == 2,
            "{found:?}"
        );
        // A violation in the sample is one in the table.
        let found = check(&table, &privacy(&["k=8"], None, None), ReleaseModel::Controlled);
        assert_eq!(found, [Breach::KAnonymity { measured: 7, required: 8 }]);
    }

    #[test]
    fn levels_follow_from_identifiers_and_the_threshold() {
        let level = |table: &Assessment, model| evaluate(table, None, model).level;
        let table = assessment(&[5, 9], 0, 2);
        assert_eq!(level(&table, ReleaseModel::Controlled), Level::AcceptableRisk);
        assert_eq!(level(&table, ReleaseModel::Public), Level::WithoutDirectIdentifiers);
        let named = Assessment { identified: vec!["name".into()], ..table };
        assert_eq!(level(&named, ReleaseModel::Controlled), Level::Identifying);
        // What was not measured is not shown.
        assert_eq!(level(&assessment(&[], 3, 2), ReleaseModel::Enclave), Level::WithoutDirectIdentifiers);
    }
}
