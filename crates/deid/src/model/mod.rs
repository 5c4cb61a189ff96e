//! Privacy models: what the equivalence classes of a table must satisfy.
//!
//! A [`Model`] is what people write (`k=5`, `distinct-l=3`, `diagnosis:t=0.2`). Prepared for a table it becomes a criterion of one of three sorts:
//!
//! | sort | judges | examples | what becomes of a violation |
//! |---|---|---|---|
//! | size | a class by its number of records | `k`, `max-risk`, `k-map`, `delta-presence` | the class is suppressed |
//! | [sensitive](SensitiveCriterion) | a class by the distribution of a sensitive attribute in it | `distinct-l`, `entropy-l`, `recursive-cl`, `t`, `beta-likeness` | the class is suppressed |
//! | [table](TableCriterion) | all classes that are kept, together | `average-risk`, `population-uniques` | the smallest classes are suppressed until it holds |
//!
//! That, and the limit on suppressed records, is how ARX 3.9 treats them, so that results compare.
//!
//! # Monotone or not
//! A criterion is *row-monotone* if whoever violates it in a class also violates it in every finer class: what is suppressed at a
//! node is then suppressed at every finer node, and the search may prune below. `k`, `k-map` and `distinct-l` are. For `entropy-l`, `recursive-cl`, closeness, likeness and
//! presence only whole tables are monotone: classes that satisfy them satisfy them together, but a class that does may also be a union of one that does and one that does not. So
//! without suppression a violation is one at every finer node, and with a suppression limit the search prunes by the loss alone. `delta-disclosure` is not even that: it asks nothing of values that a
//! class lacks, so a value may be frequent enough in one class and, together with a class that lacks it, too rare.

use std::fmt;
use std::str::FromStr;

mod average_risk;
mod beta_likeness;
mod delta_disclosure;
mod delta_presence;
mod distinct_l;
mod entropy_l;
mod histogram;
mod population_uniques;
mod recursive_cl;
mod t_closeness;

pub use average_risk::AverageRisk;
pub use beta_likeness::BetaLikeness;
pub use delta_disclosure::DeltaDisclosure;
pub use delta_presence::DeltaPresence;
pub use distinct_l::DistinctL;
pub use entropy_l::EntropyL;
pub use histogram::Histogram;
pub use population_uniques::PopulationUniques;
pub use recursive_cl::RecursiveCl;
pub use t_closeness::{Distance, TCloseness};

/// A privacy model with its parameters, and the sensitive attribute that it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The sensitive attribute; all of them where none is named.
    pub attribute: Option<String>,
    /// What is asked.
    pub kind: ModelKind,
}

/// What a model asks of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelKind {
    /// Each class has at least `k` records (Samarati and Sweeney 1998; Sweeney 2002, definition 3).
    K(u64),
    /// Each class has at least `k` persons in the population table (Sweeney 2002, section 5).
    KMap(u64),
    /// No record has a higher prosecutor risk: each class has at least the reciprocal's number of records (El Emam 2013).
    MaxRisk(f64),
    /// The average prosecutor risk of the records is at most this (El Emam 2013): classes over records.
    AverageRisk(AverageRisk),
    /// The share of the population that is unique, estimated, is at most this.
    PopulationUniques(PopulationUniques),
    /// A tuple's members in the table are a share of its members in the population within bounds.
    DeltaPresence(DeltaPresence),
    /// Each class has at least `l` values of the sensitive attribute.
    DistinctL(DistinctL),
    /// Each class has the entropy of at least `l` equally frequent values.
    EntropyL(EntropyL),
    /// The most frequent value of a class is not too frequent against the rest.
    RecursiveCl(RecursiveCl),
    /// The distribution in each class is close to that of the table.
    TCloseness(TCloseness),
    /// No value is much more frequent in a class than in the table.
    BetaLikeness(BetaLikeness),
    /// No value's frequency in a class differs from that in the table by a factor.
    DeltaDisclosure(DeltaDisclosure),
}

/// What judges a class by the distribution of one sensitive attribute in it.
pub trait SensitiveCriterion: Send + Sync + fmt::Debug {
    /// Whether the class may be released.
    fn holds(&self, class: &Histogram<'_>) -> bool {
        self.satisfied(self.figure(class))
    }
    /// The figure that the model bounds, for one class.
    fn figure(&self, class: &Histogram<'_>) -> f64;
    /// Whether a figure satisfies the model.
    fn satisfied(&self, figure: f64) -> bool;
    /// Whether a larger figure is the worse one.
    fn larger_is_worse(&self) -> bool;
    /// Whether every record of a violating class violates in every finer class too.
    fn row_monotone(&self) -> bool {
        false
    }
    /// Whether classes that satisfy the model satisfy it together, too.
    fn holds_for_unions(&self) -> bool {
        true
    }
}

/// What judges all classes that are kept, together.
pub trait TableCriterion: Send + Sync + fmt::Debug {
    /// The figure that the model bounds: `sizes` are class sizes with the number of classes of that size, ascending. `None`
    /// where it cannot be told, which does not satisfy.
    fn figure(&self, sizes: &[(u64, u64)]) -> Option<f64>;
    /// The largest figure that satisfies.
    fn limit(&self) -> f64;
    /// Whether these classes satisfy the model. A table without records does.
    fn holds(&self, sizes: &[(u64, u64)]) -> bool {
        sizes.is_empty() || self.figure(sizes).is_some_and(|figure| figure <= self.limit())
    }
}

/// Why a model cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// No such model.
    #[error("no privacy model is called `{name}`{help}; models are {NAMES}")]
    Unknown {
        /// What was written.
        name: String,
        /// A suggestion, or nothing.
        help: String,
    },
    /// A parameter that is missing or wrong.
    #[error("`{name}` takes {expected}, as in `{example}`")]
    Parameter {
        /// The model.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
        /// How it is written.
        example: &'static str,
    },
    /// A model of sizes for which an attribute is named.
    #[error("`{name}` is not about a sensitive attribute: write it without `{attribute}:`")]
    NotSensitive {
        /// The model.
        name: &'static str,
        /// The attribute.
        attribute: String,
    },
}

/// One entry a model: its name, what it takes, an example, what it guarantees and who says so.
#[derive(Clone, Copy, Debug)]
pub struct ModelEntry {
    /// The name before `=`.
    pub name: &'static str,
    /// What the parameter is.
    pub takes: &'static str,
    /// How it is written.
    pub example: &'static str,
    /// The guarantee, in English.
    pub guarantee: &'static str,
    /// The guarantee, in Chinese.
    pub guarantee_zh: &'static str,
    /// The publication.
    pub source: &'static str,
    read: fn(&str) -> Option<ModelKind>,
}

/// Every model, in the order in which they are documented.
pub const MODELS: &[ModelEntry] = &[
    ModelEntry {
        name: "k",
        takes: "a whole number from 1",
        example: "k=5",
        guarantee: "each record shares its quasi-identifiers with at least k - 1 others",
        guarantee_zh: "每条记录的准标识符至少与另外 k-1 条记录相同",
        source: "Samarati and Sweeney 1998; Sweeney 2002, definition 3",
        read: |text| at_least_one(text).map(ModelKind::K),
    },
    ModelEntry {
        name: "k-map",
        takes: "a whole number from 1, and a population table",
        example: "k-map=5",
        guarantee: "each record matches at least k persons of the population table",
        guarantee_zh: "每条记录在总体表中至少对应 k 个人",
        source: "Sweeney 2002, section 5",
        read: |text| at_least_one(text).map(ModelKind::KMap),
    },
    ModelEntry {
        name: "max-risk",
        takes: "a risk above 0 and at most 1",
        example: "max-risk=0.05",
        guarantee: "no record has a higher prosecutor risk of re-identification",
        guarantee_zh: "任何记录的检察官重标识风险都不超过该值",
        source: "El Emam 2013",
        read: |text| share(text).filter(|risk| *risk > 0.0).map(ModelKind::MaxRisk),
    },
    ModelEntry {
        name: "average-risk",
        takes: "a risk above 0 and at most 1",
        example: "average-risk=0.02",
        guarantee: "the average prosecutor risk of the records is not higher",
        guarantee_zh: "记录的平均检察官重标识风险不超过该值",
        source: "El Emam 2013",
        read: |text| share(text).and_then(AverageRisk::new).map(ModelKind::AverageRisk),
    },
    ModelEntry {
        name: "population-uniques",
        takes: "a share above 0, the population's size and, if not by the rule of Dankar et al., the method (pitman, zayatz, snb)",
        example: "population-uniques=0.01,1000000",
        guarantee: "at most this share of the population is unique, by a published estimator (an estimate, not a proof)",
        guarantee_zh: "按已发表的估计方法，总体中唯一个体的比例不超过该值（是估计，不是证明）",
        source: "Hoshino 2001; Zayatz 1991; Chen and Keller-McNulty 1998; Dankar et al. 2012",
        read: |text| PopulationUniques::read(text).map(ModelKind::PopulationUniques),
    },
    ModelEntry {
        name: "delta-presence",
        takes: "two shares, the lower first, and a population table",
        example: "delta-presence=0,0.2",
        guarantee: "that a person of the population is in the table can be told with a probability within the bounds only",
        guarantee_zh: "推断总体中某人是否在表中的概率被限制在给定范围内",
        source: "Nergiz, Atzori and Clifton 2007, definition 3",
        read: |text| {
            let (low, high) = text.split_once(',')?;
            DeltaPresence::new(share(low)?, share(high)?).map(ModelKind::DeltaPresence)
        },
    },
    ModelEntry {
        name: "distinct-l",
        takes: "a whole number from 1",
        example: "distinct-l=3",
        guarantee: "each class has at least l different sensitive values",
        guarantee_zh: "每个等价类至少有 l 个不同的敏感值",
        source: "Machanavajjhala et al. 2007, section 4.1",
        read: |text| at_least_one(text).map(|l| ModelKind::DistinctL(DistinctL::new(l))),
    },
    ModelEntry {
        name: "entropy-l",
        takes: "a number from 1",
        example: "entropy-l=2.5",
        guarantee: "the entropy of the sensitive values of each class is at least log l",
        guarantee_zh: "每个等价类敏感值的熵至少为 log l",
        source: "Machanavajjhala et al. 2007, definition 4.1",
        read: |text| number(text).and_then(EntropyL::new).map(ModelKind::EntropyL),
    },
    ModelEntry {
        name: "recursive-cl",
        takes: "a factor c and a whole number l",
        example: "recursive-cl=4,3",
        guarantee: "the most frequent value of each class is rarer than c times the sum of those from the l-th on",
        guarantee_zh: "每个等价类中最常见的值少于第 l 常见及其后各值之和的 c 倍",
        source: "Machanavajjhala et al. 2007, definition 4.2",
        read: |text| {
            let (c, l) = text.split_once(',')?;
            RecursiveCl::new(number(c)?, at_least_one(l)?).map(ModelKind::RecursiveCl)
        },
    },
    ModelEntry {
        name: "t",
        takes: "a distance from 0 to 1",
        example: "t=0.2",
        guarantee: "the distribution in each class is within t of the table's, all values equally far apart",
        guarantee_zh: "每个等价类的分布与全表分布的距离不超过 t（各值等距）",
        source: "Li, Li and Venkatasubramanian 2007, section 4.1",
        read: |text| closeness(text, Distance::Equal),
    },
    ModelEntry {
        name: "ordered-t",
        takes: "a distance from 0 to 1",
        example: "ordered-t=0.2",
        guarantee: "the distribution in each class is within t of the table's, values as far apart as their ranks",
        guarantee_zh: "每个等价类的分布与全表分布的距离不超过 t（按值的顺序计距）",
        source: "Li, Li and Venkatasubramanian 2007, section 4.2",
        read: |text| closeness(text, Distance::Ordered),
    },
    ModelEntry {
        name: "hierarchical-t",
        takes: "a distance from 0 to 1, and a hierarchy of the sensitive attribute",
        example: "hierarchical-t=0.2",
        guarantee: "the distribution in each class is within t of the table's, values as far apart as in their hierarchy",
        guarantee_zh: "每个等价类的分布与全表分布的距离不超过 t（按层级计距）",
        source: "Li, Li and Venkatasubramanian 2007, section 4.3",
        read: |text| closeness(text, Distance::Hierarchical),
    },
    ModelEntry {
        name: "beta-likeness",
        takes: "a number above 0",
        example: "beta-likeness=1.5",
        guarantee: "no value's frequency in a class exceeds its frequency in the table by more than the factor 1 + beta",
        guarantee_zh: "任何值在等价类中的频率超出全表频率的比例不超过 beta",
        source: "Cao and Karras 2012, definition 2",
        read: |text| number(text).and_then(BetaLikeness::basic).map(ModelKind::BetaLikeness),
    },
    ModelEntry {
        name: "enhanced-beta-likeness",
        takes: "a number above 0",
        example: "enhanced-beta-likeness=1.5",
        guarantee: "as beta-likeness, and frequent values gain less: at most -ln of their frequency",
        guarantee_zh: "同 beta-likeness，且常见值的增幅更小：不超过其频率的负对数",
        source: "Cao and Karras 2012, definition 3",
        read: |text| number(text).and_then(BetaLikeness::enhanced).map(ModelKind::BetaLikeness),
    },
    ModelEntry {
        name: "delta-disclosure",
        takes: "a number above 0",
        example: "delta-disclosure=1.5",
        guarantee: "the frequency of each value that a class has differs from the table's by less than the factor 2^delta",
        guarantee_zh: "等价类中出现的每个值，其频率与全表频率之比在 2^delta 倍以内",
        source: "Brickell and Shmatikov 2008, definition 3 (base 2, values present, as in ARX)",
        read: |text| number(text).and_then(DeltaDisclosure::new).map(ModelKind::DeltaDisclosure),
    },
];

const NAMES: &str = "k, k-map, max-risk, average-risk, population-uniques, delta-presence, distinct-l, entropy-l, recursive-cl, t, ordered-t, hierarchical-t, beta-likeness, enhanced-beta-likeness, delta-disclosure";

impl Model {
    /// A model of all sensitive attributes, or of none.
    pub fn new(kind: ModelKind) -> Model {
        Model { attribute: None, kind }
    }

    /// The name before `=`.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            ModelKind::K(_) => "k",
            ModelKind::KMap(_) => "k-map",
            ModelKind::MaxRisk(_) => "max-risk",
            ModelKind::AverageRisk(_) => "average-risk",
            ModelKind::PopulationUniques(_) => "population-uniques",
            ModelKind::DeltaPresence(_) => "delta-presence",
            ModelKind::DistinctL(_) => "distinct-l",
            ModelKind::EntropyL(_) => "entropy-l",
            ModelKind::RecursiveCl(_) => "recursive-cl",
            ModelKind::TCloseness(model) => match model.distance() {
                Distance::Equal => "t",
                Distance::Ordered => "ordered-t",
                Distance::Hierarchical => "hierarchical-t",
            },
            ModelKind::BetaLikeness(model) if model.is_enhanced() => "enhanced-beta-likeness",
            ModelKind::BetaLikeness(_) => "beta-likeness",
            ModelKind::DeltaDisclosure(_) => "delta-disclosure",
        }
    }

    /// The parameter, as it is written after `=`.
    pub fn parameter(&self) -> String {
        match &self.kind {
            ModelKind::K(k) | ModelKind::KMap(k) => k.to_string(),
            ModelKind::MaxRisk(risk) => risk.to_string(),
            ModelKind::AverageRisk(model) => model.limit().to_string(),
            ModelKind::PopulationUniques(model) => model.to_string(),
            ModelKind::DeltaPresence(model) => model.to_string(),
            ModelKind::DistinctL(model) => model.l().to_string(),
            ModelKind::EntropyL(model) => model.l().to_string(),
            ModelKind::RecursiveCl(model) => model.to_string(),
            ModelKind::TCloseness(model) => model.t().to_string(),
            ModelKind::BetaLikeness(model) => model.beta().to_string(),
            ModelKind::DeltaDisclosure(model) => model.delta().to_string(),
        }
    }

    /// Whether it is about a sensitive attribute.
    pub fn is_sensitive(&self) -> bool {
        matches!(
            self.kind,
            ModelKind::DistinctL(_)
                | ModelKind::EntropyL(_)
                | ModelKind::RecursiveCl(_)
                | ModelKind::TCloseness(_)
                | ModelKind::BetaLikeness(_)
                | ModelKind::DeltaDisclosure(_)
        )
    }

    /// Whether it needs a table of the population.
    pub fn needs_population_table(&self) -> bool {
        matches!(self.kind, ModelKind::KMap(_) | ModelKind::DeltaPresence(_))
    }
}

impl FromStr for Model {
    type Err = ModelError;

    /// Reads `name=parameter`, or `attribute:name=parameter` for one of several sensitive attributes.
    fn from_str(text: &str) -> Result<Model, ModelError> {
        let (head, parameter) = text.split_once('=').unwrap_or((text, ""));
        let (attribute, name) = match head.rsplit_once(':') {
            Some((attribute, name)) => (Some(attribute.trim().to_owned()), name.trim()),
            None => (None, head.trim()),
        };
        let Some(entry) = MODELS.iter().find(|entry| entry.name == name) else {
            let help = crate::plan::suggest(name, MODELS.iter().map(|entry| entry.name));
            let help = help.map_or_else(String::new, |help| format!("; {help}"));
            return Err(ModelError::Unknown { name: name.to_owned(), help });
        };
        let kind = (entry.read)(parameter.trim()).ok_or(ModelError::Parameter {
            name: entry.name,
            expected: entry.takes,
            example: entry.example,
        })?;
        let model = Model { attribute, kind };
        match &model.attribute {
            Some(attribute) if !model.is_sensitive() => {
                Err(ModelError::NotSensitive { name: entry.name, attribute: attribute.clone() })
            }
            _ => Ok(model),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(attribute) = &self.attribute {
            write!(f, "{attribute}:")?;
        }
        write!(f, "{}={}", self.name(), self.parameter())
    }
}

fn closeness(text: &str, distance: Distance) -> Option<ModelKind> {
    TCloseness::new(share(text)?, distance).map(ModelKind::TCloseness)
}

fn at_least_one(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|n| *n >= 1)
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

/// A number from 0 to 1.
fn share(text: &str) -> Option<f64> {
    number(text).filter(|n| (0.0..=1.0).contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_read_and_written_as_it_stands() {
        for entry in MODELS {
            let model: Model = entry.example.parse().unwrap();
            assert_eq!(model.to_string(), entry.example);
            assert_eq!(model.name(), entry.name);
            assert!(NAMES.split(", ").any(|name| name == entry.name));
        }
        let model: Model = "diagnosis:t=0.2".parse().unwrap();
        assert_eq!(
            (model.attribute.as_deref(), model.to_string()),
            (Some("diagnosis"), "diagnosis:t=0.2".into())
        );
    }

    #[test]
    fn what_is_no_model_is_named_with_what_is_meant() {
        let fault = |text: &str| text.parse::<Model>().unwrap_err().to_string();
        assert!(fault("distnct-l=3").contains("distinct-l"));
        assert!(fault("k").contains("`k` takes a whole number from 1, as in `k=5`"));
        for text in [
            "k=0",
            "k=5.5",
            "k=-1",
            "t=1.5",
            "t=NaN",
            "entropy-l=0.5",
            "recursive-cl=3",
            "delta-presence=0.5,0.1",
        ] {
            assert!(matches!(text.parse::<Model>(), Err(ModelError::Parameter { .. })), "{text}");
        }
        assert!(fault("sex:k=5").contains("not about a sensitive attribute"));
    }
}
