//! Actions: what a rule does to the values it matches.
//!
//! Each action lives in a file named as in plans and registers once, in [`METHODS`], with its parameters, guarantee
//! and citation; parsing, `--help`, the JSON Schema and the documentation derive from that.
//!
//! An [`Action`] is data (it is part of the plan's digest). [`Action::prepare`] binds it to a study and a place, which gives a
//! [`Transform`]: a pure function of (value, subject, record), the same for a CSV cell, a Parquet value or a FHIR element.

use std::fmt;

use serde_json::Value;

use crate::code::calendar::{Date, Parsed, Precision};
use crate::kind::{Kind, Text};
use crate::study::{Record, Study};

mod age_from_date;
pub(crate) mod decimal;
mod drop_row;
mod encrypt;
mod expression;
mod format_preserving;
mod gaussian;
pub(crate) mod generalize;
mod hash;
mod keep;
mod laplace;
mod mask;
mod new_uid;
mod perturb;
mod pseudonymize;
mod recode;
mod redact;
mod round;
mod shift_date;
mod substitute;
mod truncate;

pub use encrypt::Decryptor;
pub use pseudonymize::{REVERSIBLE_MARK, Restorer};

/// Every action, in the order of the documentation.
pub const METHODS: &[&Method] = &[
    &keep::METHOD,
    &redact::METHOD,
    &mask::METHOD,
    &pseudonymize::METHOD,
    &encrypt::METHOD,
    &hash::METHOD,
    &new_uid::METHOD,
    &generalize::METHOD,
    &recode::METHOD,
    &truncate::METHOD,
    &round::METHOD,
    &age_from_date::METHOD,
    &shift_date::METHOD,
    &laplace::METHOD,
    &gaussian::METHOD,
    &perturb::METHOD,
    &substitute::METHOD,
    &drop_row::METHOD,
];

/// The action of that name.
pub fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().copied().find(|method| method.name == name)
}

/// What is published of an action.
pub struct Method {
    /// The name in plans.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: Text,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// What it promises.
    pub guarantee: Text,
    /// Where the method is defined: standard and clause, or paper and theorem.
    pub citation: &'static str,
    /// What comes out, which decides the type of a Parquet column.
    pub output: Output,
    /// Builds the action from its parameters (an object, possibly empty).
    pub parse: fn(Value) -> Result<Box<dyn Action>, ParameterError>,
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({})", self.name)
    }
}

/// What an action writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Values of the input's type.
    Same,
    /// Text.
    Text,
}

/// One setting of an action.
#[derive(Debug)]
pub struct Parameter {
    /// The name in plans.
    pub name: &'static str,
    /// Which values it takes.
    pub shape: Shape,
    /// The default as JSON text; `None` where the setting is required.
    pub default: Option<&'static str>,
    /// What it does.
    pub doc: Text,
}

/// The values that a parameter takes.
#[derive(Debug)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// An integer in the closed range.
    Integer(i64, i64),
    /// A number in the closed range.
    Number(f64, f64),
    /// Any text.
    Text,
    /// One of the words.
    Choice(&'static [&'static str]),
    /// A list of such values.
    List(&'static Shape),
    /// Any JSON value, checked by the action itself.
    Any,
}

/// Why the parameters of an action are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParameterError(pub String);

/// An action with its parameters: data, comparable by its JSON form.
pub trait Action: fmt::Debug + Send + Sync {
    /// The registration it belongs to.
    fn method(&self) -> &'static Method;

    /// The parameters that differ from their defaults, as an object (empty for none).
    fn parameters(&self) -> Value;

    /// The (epsilon, delta) that one released value costs; `None` where the action promises no differential privacy.
    fn epsilon(&self) -> Option<(f64, f64)> {
        None
    }

    /// Binds the action to a study and a place.
    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError>;
}

/// The JSON form of an action: its name alone, or `{name: parameters}`.
pub fn to_json(action: &dyn Action) -> Value {
    let name = action.method().name;
    match action.parameters() {
        Value::Object(map) if map.is_empty() => Value::from(name),
        parameters => serde_json::json!({ name: parameters }),
    }
}

/// Where an action is applied.
#[derive(Debug)]
pub struct Site<'a> {
    /// The study whose keys apply.
    pub study: &'a Study,
    /// What the values are, if known.
    pub kind: Option<Kind>,
    /// A stable name of the place: the column's name or the rule's path. It separates noise streams.
    pub label: &'a str,
}

/// A prepared action: a pure function on text values. It is never called for a missing or empty value.
pub trait Transform: Send + Sync {
    /// Transforms one value. The new text is appended to `out` when [`Effect::Replaced`] is returned; what is appended otherwise is not read.
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal>;

    /// What of a cell the outcome depends on. Callers use the outcome again for a cell that agrees in it, so an action that draws noise must
    /// not say less than it reads; what says nothing is taken to read everything.
    fn reads(&self) -> Reads {
        Reads::Record
    }
}

/// What of a [`Cell`] an outcome depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// The value alone.
    Value,
    /// The value and the patient.
    Subject,
    /// The record too: no two cells need have the same outcome.
    Record,
}

/// One value in its place.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// The value's text, without quoting or escapes.
    pub value: Secret<'a>,
    /// The patient that the record is about, normalised (see [`crate::study`]); `None` where nothing tells.
    pub subject: Option<Secret<'a>>,
    /// The record, for random choices.
    pub record: &'a Record<'a>,
    /// Tells repeated elements at one site of one record apart.
    pub occurrence: u32,
}

/// Text that may be patient data: printed by nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a>(pub &'a str);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It stays as it is, byte for byte.
    Kept,
    /// The text in `out` takes its place.
    Replaced,
    /// It is gone: an empty cell, a null, an absent element.
    Removed,
    /// Its whole record is gone.
    DropRecord,
}

/// Why a value cannot be transformed. The value is not in it; the caller adds the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No day of the calendar, in none of the spellings that are read.
    #[error("not a date of the calendar")]
    NotADate,
    /// Shifting would leave the years 1 to 9999.
    #[error("the shifted date would leave the years 1 to 9999")]
    DateOverflow,
    /// No plain decimal number (NaN, infinity and exponents are none).
    #[error("not a plain decimal number")]
    NotANumber,
    /// More digits than the grid of the action can hold.
    #[error("number too large for the declared precision")]
    NumberOverflow,
    /// The value holds letters that would stay readable.
    #[error("letters other than A to Z have no format-preserving encryption and would stay readable")]
    ForeignLetters,
    /// Not a value of the hierarchy or code system.
    #[error("not a known {0}")]
    Unknown(&'static str),
    /// Nothing tells whose record it is.
    #[error("the record's patient is not known, so its dates cannot be shifted consistently")]
    NoSubject,
    /// Too short for format-preserving encryption (NIST SP 800-38G: radix^length must be at least 1,000,000).
    #[error("too short for format-preserving encryption: fewer than 1,000,000 values have this format")]
    DomainTooSmall,
    /// Too long for what the place can hold.
    #[error("too long: {actual} bytes, at most {limit} fit")]
    TooLong {
        /// Bytes found.
        actual: usize,
        /// Bytes that fit.
        limit: usize,
    },
}

/// Reads parameters into `T` and names the fault.
pub(crate) fn parameters<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ParameterError> {
    serde_json::from_value(value).map_err(|error| ParameterError(error.to_string()))
}

/// Every parameter: the canonical form of an action that has required ones.
pub(crate) fn all_parameters<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The day at which ages are reckoned if a plan names none: a constant, because the same plan and data must give the same bytes
/// whenever they are run, and late, because a later day pools more.
pub(crate) const AS_OF: &str = "2026-12-31";

/// The day that a setting names.
pub(crate) fn day(name: &str, text: &str) -> Result<Date, ParameterError> {
    let whole = |parsed: &Parsed<'_>| parsed.precision == Precision::Day && parsed.time.is_empty();
    let day = Date::parse(text).filter(whole).map(|parsed| parsed.date);
    day.ok_or_else(|| ParameterError(format!("`{name}` must be a day, such as \"2026-12-31\"")))
}

const EPSILON: Text =
    Text { en: "the privacy that one released value costs", zh: "每个发布值消耗的隐私预算" };
const LOWER: Text = Text {
    en: "the smallest value that is meant; less is raised to it",
    zh: "下界；更小的值取为下界",
};
const UPPER: Text = Text {
    en: "the largest value that is meant; more is lowered to it",
    zh: "上界；更大的值取为上界",
};
const DECIMALS: Text = Text { en: "decimals of the value's grid", zh: "数值网格的小数位数" };

/// The fields of `value` that differ from those of `T::default()`: the canonical form of parameters.
pub(crate) fn beyond_default<T: serde::Serialize + Default>(value: &T) -> Value {
    let to_map = |v: &T| match serde_json::to_value(v) {
        Ok(Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    };
    let default = to_map(&T::default());
    Value::Object(to_map(value).into_iter().filter(|(name, v)| default.get(name) != Some(v)).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::study::{MasterKey, Suite};

    /// Applies an action given as its JSON parameters to one value, for a fixed key, study "s" and patient "p1".
    pub(crate) fn run(
        name: &str,
        parameters: Value,
        kind: Option<Kind>,
        value: &str,
    ) -> Result<Option<String>, Refusal> {
        run_in("s", "p1", name, parameters, kind, value)
    }

    pub(crate) fn run_in(
        study: &str,
        subject: &str,
        name: &str,
        parameters: Value,
        kind: Option<Kind>,
        value: &str,
    ) -> Result<Option<String>, Refusal> {
        let study = Study::new(&MasterKey::from_bytes([1; 32]), study, Suite::International, None);
        let action = (method(name).unwrap().parse)(parameters).unwrap();
        let transform = action.prepare(&Site { study: &study, kind, label: "column" }).unwrap();
        let noise = study.noise("file");
        let record = noise.record(0, [0; 32]);
        let cell =
            Cell { value: Secret(value), subject: Some(Secret(subject)), record: &record, occurrence: 0 };
        let mut out = String::new();
        Ok(match transform.apply(&cell, &mut out)? {
            Effect::Kept => Some(value.to_owned()),
            Effect::Replaced => Some(out),
            Effect::Removed | Effect::DropRecord => None,
        })
    }

    /// Applies an action to one value at a place of a record that tells no patient.
    pub(crate) fn apply_at(
        name: &str,
        parameters: &Value,
        (index, label, occurrence): (u64, &str, u32),
        value: &str,
    ) -> Result<Option<String>, Refusal> {
        let study = Study::new(&MasterKey::from_bytes([1; 32]), "s", Suite::International, None);
        let action = (method(name).unwrap().parse)(parameters.clone()).unwrap();
        let transform = action.prepare(&Site { study: &study, kind: None, label }).unwrap();
        let noise = study.noise("file");
        let record = noise.record(index, [0; 32]);
        let cell = Cell { value: Secret(value), subject: None, record: &record, occurrence };
        let mut out = String::new();
        Ok(match transform.apply(&cell, &mut out)? {
            Effect::Kept => Some(value.to_owned()),
            Effect::Replaced => Some(out),
            Effect::Removed | Effect::DropRecord => None,
        })
    }

    /// Settings under which an action can be had at all.
    fn least(name: &str) -> serde_json::Map<String, Value> {
        let least = match name {
            "generalize" => serde_json::json!({ "to": "year" }),
            "truncate" => serde_json::json!({ "length": 1 }),
            "round" => serde_json::json!({ "to": 1 }),
            "perturb" => serde_json::json!({ "span": 1 }),
            "laplace" => serde_json::json!({ "epsilon": 1, "lower": 0, "upper": 1 }),
            "gaussian" => serde_json::json!({ "epsilon": 1, "delta": 0.01, "lower": 0, "upper": 1 }),
            "substitute" => serde_json::json!({ "with": "x" }),
            "recode" => serde_json::json!({ "cases": [] }),
            _ => serde_json::json!({}),
        };
        least.as_object().unwrap().clone()
    }

    #[test]
    fn defaults_are_those_that_are_published() {
        for method in METHODS {
            let least = least(method.name);
            let mut spelt_out = least.clone();
            for p in method.parameters {
                if let Some(default) = p.default {
                    spelt_out.entry(p.name).or_insert_with(|| serde_json::from_str(default).unwrap());
                }
            }
            let form = |given| {
                let action =
                    (method.parse)(Value::Object(given)).unwrap_or_else(|e| panic!("{}: {e}", method.name));
                assert_eq!(action.method().name, method.name);
                to_json(&*action)
            };
            assert_eq!(form(spelt_out), form(least), "{}", method.name);
        }
    }

    #[test]
    fn an_outcome_depends_on_no_more_than_the_action_says() {
        let study = Study::new(&MasterKey::from_bytes([1; 32]), "s", Suite::International, None);
        let noise = study.noise("file");
        for method in METHODS {
            let action = (method.parse)(Value::Object(least(method.name))).unwrap();
            for kind in [None, Some(Kind::Age), Some(Kind::EventDate)] {
                let transform = action.prepare(&Site { study: &study, kind, label: "column" }).unwrap();
                let outcome = |value: &str, subject: &str, index| {
                    let record = noise.record(index, [0; 32]);
                    let subject = Some(Secret(subject));
                    let cell = Cell { value: Secret(value), subject, record: &record, occurrence: 0 };
                    let mut out = String::new();
                    let effect = transform.apply(&cell, &mut out);
                    (effect, if effect == Ok(Effect::Replaced) { out } else { String::new() })
                };
                let (mut subjects, mut records) = (false, false);
                for value in ["2024-01-05", "45", "0.5", "1.2.840.1", "word", "123456789"] {
                    for n in 0..20 {
                        subjects |= outcome(value, "p", 0) != outcome(value, &n.to_string(), 0);
                        records |= outcome(value, "p", 0) != outcome(value, "p", n);
                    }
                }
                let reads = if records {
                    Reads::Record
                } else if subjects {
                    Reads::Subject
                } else {
                    Reads::Value
                };
                assert_eq!(transform.reads(), reads, "{}", method.name);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_value_makes_an_action_panic(
            value in "\\PC{1,40}|[-+]?[0-9.]{1,40}|[0-9]{4}[-/年][0-9]{1,2}[-/月][0-9]{1,2}|[0-9A-Zx.]{5,20}",
            occurrence in 0..3u32,
        ) {
            for method in METHODS {
                let parameters = Value::Object(least(method.name));
                let _ = apply_at(method.name, &parameters, (0, "column", occurrence), &value);
                let _ = run(method.name, parameters.clone(), Some(Kind::Age), &value);
            }
        }
    }

    #[test]
    fn the_form_of_an_action_is_read_as_the_same_action() {
        for method in METHODS {
            let action = (method.parse)(Value::Object(least(method.name))).unwrap();
            let again = (method.parse)(action.parameters()).unwrap();
            assert_eq!(again.parameters(), action.parameters(), "{}", method.name);
        }
    }

    #[test]
    fn every_registered_parameter_is_the_one_that_is_read() {
        for method in METHODS {
            for parameter in method.parameters {
                let value = parameter.default.map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
                if let Err(error) = (method.parse)(serde_json::json!({ parameter.name: value })) {
                    assert!(!error.0.contains("unknown field"), "{}: {error}", method.name);
                }
            }
            let error = (method.parse)(serde_json::json!({ "no-such-parameter": 1 })).unwrap_err();
            assert!(
                error.0.contains("no-such-parameter") || error.0.contains("missing"),
                "{}: {error}",
                method.name
            );
        }
    }
}
