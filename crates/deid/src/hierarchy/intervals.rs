//! `intervals`: numbers to intervals that widen level by level, with open ends.
//!
//! Every edge is a decimal and computed exactly, so that no value lands beside its interval for being rounded. Each width is a multiple of the one
//! before and all intervals start at one origin: so every interval lies in one of the next level, and the hierarchy is monotone.
//!
//! Values that were generalised before are read too: `40-44`, `[40,45)`, `<18`, `90+`. They stand as they are at levels that are finer than they are.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::climb::{BuildError, Ladder, Reason, build};
use super::{Hierarchy, HierarchySpec, Method};
use crate::action::decimal::Decimal;
use crate::action::generalize::age;
use crate::action::generalize::bins::{Bins, Edges};
use crate::action::{Parameter, ParameterError, Refusal, Shape, parameters};
use crate::kind::Text;

/// Numbers to intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Intervals {
    /// The width of the intervals of each level, finest first; each a multiple of the one before.
    pub widths: Vec<Number>,
    /// A number at which an interval begins; `lower`, else `bottom`, else 0 where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Number>,
    /// The smallest number that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<Number>,
    /// The largest number that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<Number>,
    /// Numbers below it become one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottom: Option<Number>,
    /// Numbers from it on become one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<Number>,
    /// The label of values that are no number within the bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

pub(super) const METHOD: Method = Method {
    name: "intervals",
    summary: Text {
        en: "numbers to intervals that widen level by level, then `*`",
        zh: "数值逐级归入更宽的区间，最后为 `*`",
    },
    parameters: &[
        Parameter {
            name: "widths",
            shape: Shape::List(&Shape::Number(0.0, f64::MAX)),
            default: None,
            doc: Text {
                en: "the width of the intervals at each level, such as [5, 10, 20]; each a multiple of the one before",
                zh: "各级区间的宽度，如 [5, 10, 20]；后一级须为前一级的整数倍",
            },
        },
        Parameter {
            name: "origin",
            shape: Shape::Number(f64::MIN, f64::MAX),
            default: None,
            doc: Text {
                en: "a number at which an interval begins (default: `lower`, or `bottom`, or 0)",
                zh: "某一区间的起点（默认为 `lower`，否则 `bottom`，否则 0）",
            },
        },
        Parameter {
            name: "lower",
            shape: Shape::Number(f64::MIN, f64::MAX),
            default: None,
            doc: Text {
                en: "the smallest number that is meant; less is refused, or `other`",
                zh: "下界；更小的值被拒绝，或归入 `other`",
            },
        },
        Parameter {
            name: "upper",
            shape: Shape::Number(f64::MIN, f64::MAX),
            default: None,
            doc: Text {
                en: "the largest number that is meant; more is refused, or `other`",
                zh: "上界；更大的值被拒绝，或归入 `other`",
            },
        },
        BOTTOM,
        Parameter {
            name: "top",
            shape: Shape::Number(f64::MIN, f64::MAX),
            default: None,
            doc: Text {
                en: "numbers from it on become one class, such as `90+`, from the first level",
                zh: "达到此值者自第一级起归为一类，如 `90+`",
            },
        },
        super::OTHER,
    ],
    citation: "ISO/IEC 20889:2018, 9.3 (generalization: rounding, top and bottom coding)",
    short: None,
    parse: |value| {
        let spec: Intervals = parameters(value)?;
        spec.ladder()?;
        Ok(HierarchySpec::Intervals(spec))
    },
};

pub(super) const BOTTOM: Parameter = Parameter {
    name: "bottom",
    shape: Shape::Number(f64::MIN, f64::MAX),
    default: None,
    doc: Text {
        en: "numbers below it become one class, such as `<18`, from the first level",
        zh: "低于此值者自第一级起归为一类，如 `<18`",
    },
};

impl Intervals {
    pub(super) fn build(&self, values: &[&str]) -> Result<Hierarchy, BuildError> {
        let ladder = self.ladder().map_err(|error| BuildError::Settings { hierarchy: METHOD.name, error })?;
        build(METHOD.name, &ladder, self.other.as_deref(), values)
    }

    fn ladder(&self) -> Result<Steps, ParameterError> {
        Steps::new(self, false)
    }
}

/// The intervals of each level.
pub(super) struct Steps {
    levels: Vec<Bins>,
    lower: Option<Decimal>,
    upper: Option<Decimal>,
    bottom: Option<Decimal>,
    top: Option<Decimal>,
    ages: bool,
}

/// The most levels between values and root.
const MOST_LEVELS: usize = 32;

impl Steps {
    /// The intervals that `spec` says; of ages in any unit with `ages`.
    pub(super) fn new(spec: &Intervals, ages: bool) -> Result<Steps, ParameterError> {
        let fault = |message: &str| Err(ParameterError(message.to_owned()));
        if spec.widths.is_empty() || spec.widths.len() > MOST_LEVELS {
            return fault("`widths` must have from 1 to 32 widths");
        }
        let read = |name: &str, number: Option<&Number>| {
            number.map(|number| Decimal::of_parameter(name, number)).transpose()
        };
        let too_fine = |_| ParameterError("the numbers have too many digits together".into());
        let mut finer: Option<Decimal> = None;
        for width in &spec.widths {
            let width = Decimal::of_parameter("widths", width)?;
            if width.mantissa <= 0 {
                return fault("every width must be above 0");
            }
            if let Some(finer) = finer {
                let (finer, wider, _) = finer.align(width).map_err(too_fine)?;
                if wider <= finer || wider % finer != 0 {
                    return fault("each width must be a multiple of the one before, and larger");
                }
            }
            finer = Some(width);
        }
        let (lower, upper) = (read("lower", spec.lower.as_ref())?, read("upper", spec.upper.as_ref())?);
        if let (Some(lower), Some(upper)) = (lower, upper)
            && lower.compare(upper).map_err(too_fine)?.is_ge()
        {
            return fault("`lower` must be below `upper`");
        }
        let edges = Edges {
            origin: spec.origin.as_ref().or(spec.lower.as_ref()).or(spec.bottom.as_ref()),
            bottom: spec.bottom.as_ref(),
            top: spec.top.as_ref(),
        };
        let bins = |width| Bins::new(Some(width), &edges, false);
        let mut levels: Vec<Bins> = spec.widths.iter().map(bins).collect::<Result<_, _>>()?;
        if levels.iter().all(Bins::is_whole) {
            levels = levels.into_iter().map(Bins::in_completed_units).collect();
        }
        let (bottom, top) = (read("bottom", spec.bottom.as_ref())?, read("top", spec.top.as_ref())?);
        Ok(Steps { levels, lower, upper, bottom, top, ages })
    }

    fn number(&self, text: &str) -> Result<Decimal, Refusal> {
        if self.ages { age::in_years(text) } else { Decimal::parse(text) }
    }

    fn read(&self, text: &str) -> Result<Reading, Reason> {
        match self.number(text) {
            Ok(number) => return Ok(Reading::Range(number, number)),
            Err(Refusal::NotANumber) => {}
            Err(refusal) => return Err(refusal.into()),
        }
        if let Some(edge) = text.strip_prefix('<') {
            return Ok(Reading::Below(Decimal::parse(edge)?));
        }
        if let Some(edge) = text.strip_suffix('+') {
            return Ok(Reading::From(Decimal::parse(edge)?));
        }
        let (low, last) = match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) => {
                let (low, high) = inner.split_once(',').ok_or(Refusal::NotANumber)?;
                (Decimal::parse(low)?, just_below(Decimal::parse(high)?)?)
            }
            None => {
                let (low, last) = text.split_once('-').ok_or(Refusal::NotANumber)?;
                (self.number(low.trim())?, self.number(last.trim())?)
            }
        };
        if low.compare(last)?.is_gt() {
            return Err(Refusal::NotANumber.into());
        }
        Ok(Reading::Range(low, last))
    }

    fn check_bounds(&self, low: Decimal, last: Decimal) -> Result<(), Reason> {
        let below = self.lower.map(|lower| low.compare(lower)).transpose()?.is_some_and(|o| o.is_lt());
        let above = self.upper.map(|upper| last.compare(upper)).transpose()?.is_some_and(|o| o.is_gt());
        if below || above { Err(Reason::OutOfBounds) } else { Ok(()) }
    }
}

/// What a text says: a number is an interval of one.
enum Reading {
    /// From the first to the last, both in it.
    Range(Decimal, Decimal),
    Below(Decimal),
    From(Decimal),
}

/// The last number before `edge` that is told from it.
fn just_below(edge: Decimal) -> Result<Decimal, Refusal> {
    let scale = Decimal::FINEST;
    Ok(Decimal { mantissa: edge.at_scale(scale)? - 1, scale })
}

impl Ladder for Steps {
    fn steps(&self) -> usize {
        self.levels.len()
    }

    fn climb(&self, value: &str, labels: &mut Vec<String>) -> Result<(), Reason> {
        // An open interval lies in the class that this end pools, or across it; without such an end it stands for itself.
        let open = |pooled: Option<bool>, class: String, labels: &mut Vec<String>| {
            let label = match pooled {
                Some(true) => class,
                Some(false) => return Err(Reason::Across),
                None => value.to_owned(),
            };
            labels.resize(self.levels.len(), label);
            Ok(())
        };
        let (low, last) = match self.read(value)? {
            Reading::Range(low, last) => (low, last),
            Reading::Below(edge) => {
                let Some(bottom) = self.bottom else { return open(None, String::new(), labels) };
                return open(Some(edge.compare(bottom)?.is_le()), format!("<{}", bottom.trimmed()), labels);
            }
            Reading::From(edge) => {
                let Some(top) = self.top else { return open(None, String::new(), labels) };
                return open(Some(edge.compare(top)?.is_ge()), format!("{}+", top.trimmed()), labels);
            }
        };
        self.check_bounds(low, last)?;
        let mut held = false;
        for bins in &self.levels {
            let mut label = String::new();
            bins.classify(low, &mut label)?;
            held = low == last || {
                let mut other = String::new();
                bins.classify(last, &mut other)?;
                other == label
            };
            labels.push(if held { label } else { value.to_owned() });
        }
        if held { Ok(()) } else { Err(Reason::Across) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{between, climb, fault};
    use super::*;

    #[test]
    fn numbers_climb_through_intervals_that_widen() {
        let given = json!({ "intervals": { "widths": [5, 10, 20], "lower": 0, "upper": 120 } });
        assert_eq!(between(&given, "37"), "35-39 30-39 20-39");
        assert_eq!(between(&given, " 39.9 "), "35-39 30-39 20-39");
        assert_eq!(between(&given, "0"), "0-4 0-9 0-19");
        assert_eq!(climb(&given, "120").unwrap(), ["120", "120-124", "120-129", "120-139", "*"]);
    }

    #[test]
    fn open_ends_pool_from_the_first_level() {
        let given = json!({ "intervals": { "widths": [10, 20], "bottom": 18, "top": 85, "origin": 0 } });
        assert_eq!(between(&given, "17.9"), "<18 <18");
        assert_eq!(between(&given, "18"), "18-19 18-19");
        assert_eq!(between(&given, "84"), "80-84 80-84");
        assert_eq!(between(&given, "85"), "85+ 85+");
    }

    #[test]
    fn edges_are_exact_decimals() {
        let given = json!({ "intervals": { "widths": [0.1, 0.5] } });
        assert_eq!(between(&given, "0.3"), "[0.3,0.4) [0,0.5)");
        assert_eq!(between(&given, "0.29999999999999999"), "[0.2,0.3) [0,0.5)");
        assert_eq!(between(&given, "-0.1"), "[-0.1,0) [-0.5,0)");
        assert_eq!(between(&given, "1"), "[1,1.1) [1,1.5)");
    }

    #[test]
    fn intervals_that_were_made_before_are_placed_whole() {
        let given = json!({ "intervals": { "widths": [5, 10, 20], "top": 90 } });
        assert_eq!(between(&given, "40-44"), "40-44 40-49 40-59");
        assert_eq!(between(&given, "[40,45)"), "40-44 40-49 40-59");
        assert_eq!(between(&given, "40-49"), "40-49 40-49 40-59", "coarser than the first level");
        assert_eq!(between(&given, "90+"), "90+ 90+ 90+");
        assert_eq!(between(&given, "95+"), "90+ 90+ 90+");
        assert_eq!(between(&given, "<18"), "<18 <18 <18", "no lower end is pooled");
        for across in ["38-47", "85+", "80-95"] {
            assert_eq!(climb(&given, across), Err(Reason::Across), "{across}");
        }
    }

    #[test]
    fn what_is_no_number_within_the_bounds_is_refused() {
        let given = json!({ "intervals": { "widths": [5], "lower": 0, "upper": 120 } });
        for text in ["forty", "1e3", "45岁", "-", "9-3", "[5,5)", "+", "<"] {
            assert_eq!(climb(&given, text), Err(Reason::Unreadable(Refusal::NotANumber)), "{text}");
        }
        for text in ["-1", "121", "120.0001", "115-125"] {
            assert_eq!(climb(&given, text), Err(Reason::OutOfBounds), "{text}");
        }
        let huge = "1".repeat(30);
        assert_eq!(climb(&given, &huge), Err(Reason::Unreadable(Refusal::NumberOverflow)));
    }

    #[test]
    fn widths_and_bounds_that_make_no_sense_are_refused() {
        let given = |settings| fault(json!({ "intervals": settings }));
        assert!(given(json!({})).contains("missing field `widths`"));
        assert!(given(json!({ "widths": [] })).contains("from 1 to 32"));
        assert!(given(json!({ "widths": [0] })).contains("above 0"));
        assert!(given(json!({ "widths": [5, 12] })).contains("multiple"));
        assert!(given(json!({ "widths": [10, 5] })).contains("multiple"));
        assert!(given(json!({ "widths": [5, 5] })).contains("multiple"));
        assert!(given(json!({ "widths": [5], "lower": 9, "upper": 9 })).contains("`lower` must be below"));
        assert!(given(json!({ "widths": [5], "bottom": 9, "top": 9 })).contains("`bottom` must be below"));
        assert!(given(json!({ "widths": [5], "botom": 9 })).contains("unknown field `botom`"));
    }
}
