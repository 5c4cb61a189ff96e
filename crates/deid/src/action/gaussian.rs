//! `gaussian`: discrete Gaussian noise with a stated epsilon.
//!
//! The noise is drawn exactly (no floats) on the value's own decimal grid, after clamping to declared bounds, so the sensitivity is
//! `upper - lower`; the result is clamped again. See [medveil_privacy] for the mechanism, its proof and what the key holder learns.

use medveil_privacy::{GaussianMechanism, GridError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::laplace::Stream;
use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;

/// Adds discrete Gaussian noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gaussian {
    epsilon: f64,
    delta: f64,
    lower: f64,
    upper: f64,
    #[serde(default)]
    decimals: u8,
}

pub(super) const METHOD: Method = Method {
    name: "gaussian",
    summary: Text { en: "adds discrete Gaussian noise", zh: "加入离散高斯噪声" },
    parameters: &[
        Parameter { name: "epsilon", shape: Shape::Number(1e-6, 1e6), default: None, doc: super::EPSILON },
        Parameter {
            name: "delta",
            shape: Shape::Number(1e-12, 0.1),
            default: None,
            doc: Text {
                en: "probability with which the promise of epsilon may fail; well below 1 / records",
                zh: "epsilon 保证可能失效的概率；应远小于 1/记录数",
            },
        },
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
        en: "(epsilon, delta)-differential privacy of each released value, against everyone who lacks the key",
        zh: "对无密钥者，每个发布值满足 (epsilon, delta)-差分隐私",
    },
    citation: "Canonne, Kamath, Steinke, NeurIPS 2020, Algorithm 3; Bun and Steinke, TCC 2016, Proposition 1.3",
    output: Output::Same,
    parse: |value| {
        let action: Gaussian = super::parameters(value)?;
        action.mechanism()?;
        Ok(Box::new(action))
    },
};

impl Gaussian {
    fn mechanism(&self) -> Result<GaussianMechanism, ParameterError> {
        GaussianMechanism::new(self.epsilon, self.delta, self.lower, self.upper, self.decimals)
            .map_err(|error| ParameterError(error.to_string()))
    }
}

impl Action for Gaussian {
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
        let mechanism = self.mechanism().ok()?;
        Some((mechanism.epsilon().to_f64(), mechanism.delta()?.to_f64()))
    }
}

struct Noise {
    mechanism: GaussianMechanism,
    stream: Stream,
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

    use super::super::tests::run;
    use super::*;

    #[test]
    fn noise_repeats_and_stays_within_bounds() {
        let parameters = json!({ "epsilon": 1.0, "delta": 1e-6, "lower": 0.0, "upper": 300.0 });
        let once = run("gaussian", parameters.clone(), None, "120").unwrap().unwrap();
        assert_eq!(run("gaussian", parameters.clone(), None, "120").unwrap().unwrap(), once);
        assert!((0..=300).contains(&once.parse::<i32>().unwrap()));
        assert_eq!(run("gaussian", parameters, None, "high"), Err(Refusal::NotANumber));
    }

    #[test]
    fn delta_is_required_and_bounded() {
        assert!((METHOD.parse)(json!({ "epsilon": 1.0, "lower": 0.0, "upper": 1.0 })).is_err());
        assert!((METHOD.parse)(json!({ "epsilon": 1.0, "delta": 1.5, "lower": 0.0, "upper": 1.0 })).is_err());
    }
}
