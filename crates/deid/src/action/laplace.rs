//! `laplace`: discrete Laplace noise with a stated epsilon.
//!
//! The noise is drawn exactly (no floats) on the value's own decimal grid, after clamping to declared bounds, so the sensitivity is
//! `upper - lower`; the result is clamped again. See [medveil_privacy] for the mechanism, its proof and what the key holder learns.

use medveil_privacy::{GridError, LaplaceMechanism};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;
use crate::study::site;

/// Adds discrete Laplace noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Laplace {
    epsilon: f64,
    lower: f64,
    upper: f64,
    #[serde(default)]
    decimals: u8,
}

pub(super) const METHOD: Method = Method {
    name: "laplace",
    summary: Text { en: "adds discrete Laplace noise", zh: "加入离散拉普拉斯噪声" },
    parameters: &[
        Parameter { name: "epsilon", shape: Shape::Number(1e-6, 1e6), default: None, doc: super::EPSILON },
        Parameter { name: "lower", shape: Shape::Number(-1e9, 1e9), default: None, doc: super::LOWER },
        Parameter { name: "upper", shape: Shape::Number(-1e9, 1e9), default: None, doc: super::UPPER },
        Parameter {
            name: "decimals",
            shape: Shape::Integer(0, 18),
            default: Some("0"),
            doc: super::DECIMALS,
        },
    ],
    guarantee: Text {
        en: "epsilon-differential privacy of each released value, against everyone who lacks the key",
        zh: "对无密钥者，每个发布值满足 epsilon-差分隐私",
    },
    citation: "Canonne, Kamath, Steinke, The Discrete Gaussian for Differential Privacy, NeurIPS 2020, Algorithm 2; Dwork et al., TCC 2006",
    output: Output::Same,
    parse: |value| {
        let action: Laplace = super::parameters(value)?;
        action.mechanism()?;
        Ok(Box::new(action))
    },
};

impl Laplace {
    fn mechanism(&self) -> Result<LaplaceMechanism, ParameterError> {
        LaplaceMechanism::new(self.epsilon, self.lower, self.upper, self.decimals)
            .map_err(|error| ParameterError(error.to_string()))
    }
}

impl Action for Laplace {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::all_parameters(self)
    }

    fn prepare(&self, place: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Noise { mechanism: self.mechanism()?, stream: Stream::new(place.label) }))
    }

    fn epsilon(&self) -> Option<(f64, f64)> {
        // As delivered: rounded down to what the mechanism computes with.
        Some((self.mechanism().ok()?.epsilon().to_f64(), 0.0))
    }
}

struct Noise {
    mechanism: LaplaceMechanism,
    stream: Stream,
}

/// The random streams of a place: every value of a record draws from one of its own.
pub(super) struct Stream {
    label: Box<str>,
    first: u64,
}

impl Stream {
    pub(super) fn new(label: &str) -> Self {
        Stream { label: label.into(), first: site(label, 0) }
    }

    /// The number of the stream for a value.
    pub(super) fn of(&self, cell: &Cell<'_>) -> u64 {
        if cell.occurrence == 0 { self.first } else { site(&self.label, cell.occurrence) }
    }
}

impl Transform for Noise {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        match self.mechanism.release_text(
            &mut cell.record.rng(self.stream.of(cell)),
            cell.value.0.trim(),
            out,
        ) {
            Ok(()) => Ok(Effect::Replaced),
            Err(GridError::Overflow { .. }) => Err(Refusal::NumberOverflow),
            Err(_) => Err(Refusal::NotANumber),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{apply_at, run};
    use super::*;

    #[test]
    fn noise_stays_on_the_grid_within_bounds_and_repeats() {
        let parameters = json!({ "epsilon": 1.0, "lower": 0.0, "upper": 40.0, "decimals": 1 });
        let once = run("laplace", parameters.clone(), None, "7.35").unwrap().unwrap();
        assert_eq!(run("laplace", parameters, None, "7.35").unwrap().unwrap(), once);
        let value: f64 = once.parse().unwrap();
        assert!((0.0..=40.0).contains(&value));
        assert_eq!(once.split('.').nth(1).unwrap().len(), 1);
    }

    #[test]
    fn every_value_of_every_record_has_noise_of_its_own() {
        let parameters = json!({ "epsilon": 20, "lower": 0, "upper": 1_000_000 });
        let at = |place| apply_at("laplace", &parameters, place, "500000").unwrap().unwrap();
        assert_eq!(at((0, "glucose", 0)), at((0, "glucose", 0)));
        assert_ne!(at((0, "glucose", 0)), at((1, "glucose", 0)));
        assert_ne!(at((0, "glucose", 0)), at((0, "hba1c", 0)));
        assert_ne!(at((0, "glucose", 0)), at((0, "glucose", 1)));
        assert_ne!(at((0, "glucose", 1)), at((0, "glucose", 2)));
    }

    #[test]
    fn epsilon_is_stated_as_delivered_and_only_by_mechanisms() {
        let parse = |name: &str, value| (super::super::method(name).unwrap().parse)(value).unwrap().epsilon();
        assert_eq!(
            parse("laplace", json!({ "epsilon": 0.123_456_78, "lower": 0, "upper": 1 })),
            Some((0.123_456, 0.0))
        );
        let gaussian = json!({ "epsilon": 2.0, "delta": 1e-6, "lower": 0, "upper": 1 });
        assert_eq!(parse("gaussian", gaussian), Some((2.0, 1e-6)));
        assert_eq!(parse("perturb", json!({ "span": 1 })), None);
    }

    #[test]
    fn numbers_beyond_the_bounds_are_released_as_numbers_of_the_range() {
        let parameters = json!({ "epsilon": 1.0, "lower": 0.0, "upper": 40.0, "decimals": 1 });
        for value in ["-12", "99999999999999999999999", " 7.3 "] {
            let released: f64 =
                run("laplace", parameters.clone(), None, value).unwrap().unwrap().parse().unwrap();
            assert!((0.0..=40.0).contains(&released));
        }
        for value in ["high", "7.3 mmol/l", "NaN", "inf", "1e3", "7,3", "7.3.1"] {
            assert_eq!(run("laplace", parameters.clone(), None, value), Err(Refusal::NotANumber), "{value}");
        }
    }

    #[test]
    fn what_is_no_number_and_bounds_that_are_none_are_refused() {
        let parameters = json!({ "epsilon": 1.0, "lower": 0.0, "upper": 40.0, "decimals": 1 });
        assert_eq!(run("laplace", parameters, None, "<0.5"), Err(Refusal::NotANumber));
        assert!((METHOD.parse)(json!({ "epsilon": 0.0, "lower": 0.0, "upper": 1.0 })).is_err());
        assert!((METHOD.parse)(json!({ "epsilon": 1.0, "lower": 2.0, "upper": 1.0 })).is_err());
    }
}
