//! `laplace`: discrete Laplace noise with a stated epsilon.
//!
//! The noise is drawn exactly (no floats) on the value's own decimal grid, after clamping to declared bounds, so the sensitivity is
//! `upper - lower`; the result is clamped again. See [medveil_privacy] for the mechanism, its proof and what the key holder learns.

use medveil_privacy::{LaplaceMechanism, GridError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform};
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
        Parameter { name: "decimals", shape: Shape::Integer(0, 9), default: Some("0"), doc: super::DECIMALS },
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
        Ok(Box::new(Noise { mechanism: self.mechanism()?, label: place.label.to_owned(), site: site(place.label, 0) }))
    }

    fn epsilon(&self) -> Option<(f64, f64)> {
        Some((self.epsilon, 0.0))
    }
}

struct Noise {
    mechanism: LaplaceMechanism,
    label: String,
    site: u64,
}

impl Transform for Noise {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let site = if cell.occurrence == 0 { self.site } else { site(&self.label, cell.occurrence) };
        match self.mechanism.release_text(&mut cell.record.rng(site), cell.value.0.trim(), out) {
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
    fn noise_stays_on_the_grid_within_bounds_and_repeats() {
        let parameters = json!({ "epsilon": 1.0, "lower": 0.0, "upper": 40.0, "decimals": 1 });
        let once = run("laplace", parameters.clone(), None, "7.35").unwrap().unwrap();
        assert_eq!(run("laplace", parameters, None, "7.35").unwrap().unwrap(), once);
        let value: f64 = once.parse().unwrap();
        assert!((0.0..=40.0).contains(&value));
        assert_eq!(once.split('.').nth(1).unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_number_and_bounds_that_are_none_are_refused() {
        let parameters = json!({ "epsilon": 1.0, "lower": 0.0, "upper": 40.0, "decimals": 1 });
        assert_eq!(run("laplace", parameters, None, "<0.5"), Err(Refusal::NotANumber));
        assert!((METHOD.parse)(json!({ "epsilon": 0.0, "lower": 0.0, "upper": 1.0 })).is_err());
        assert!((METHOD.parse)(json!({ "epsilon": 1.0, "lower": 2.0, "upper": 1.0 })).is_err());
    }
}
