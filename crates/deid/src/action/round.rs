//! `round`: a number to the nearest step.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::decimal::{Decimal, nearest};
use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;

/// Rounds a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Round {
    to: Number,
}

pub(super) const METHOD: Method = Method {
    name: "round",
    summary: Text { en: "rounds a number to the nearest step", zh: "数值按步长取整" },
    parameters: &[Parameter {
        name: "to",
        shape: Shape::Number(1e-9, 1e9),
        default: None,
        doc: Text {
            en: "the step, such as 0.5 or 100; halves go away from zero",
            zh: "步长，如 0.5 或 100；半数远离零",
        },
    }],
    guarantee: Text {
        en: "values of one step cannot be told apart", zh: "同一步长内的值不可区分"
    },
    citation: "ISO/IEC 20889:2018, 9.3.2 (rounding)",
    output: Output::Same,
    parse: |value| {
        let action: Round = super::parameters(value)?;
        match Decimal::of_parameter("to", &action.to)?.mantissa {
            1.. => Ok(Box::new(action)),
            _ => Err(ParameterError("`to` must be above 0".into())),
        }
    },
};

impl Action for Round {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::all_parameters(self)
    }

    fn prepare(&self, _: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Rounder { step: Decimal::of_parameter("to", &self.to)? }))
    }
}

struct Rounder {
    step: Decimal,
}

impl Transform for Rounder {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let (value, step, _) = Decimal::parse(cell.value.0)?.align(self.step)?;
        let steps = nearest(value, step);
        // As many decimals as the step has.
        let mantissa = steps.checked_mul(self.step.mantissa).ok_or(Refusal::NumberOverflow)?;
        Decimal { mantissa, ..self.step }.write(out);
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use crate::action::Refusal;

    #[test]
    fn numbers_go_to_the_nearest_step() {
        let round = |to: f64, value| run("round", json!({ "to": to }), None, value).map(Option::unwrap);
        assert_eq!(round(0.5, "7.35").unwrap(), "7.5");
        assert_eq!(round(0.5, "7.25").unwrap(), "7.5");
        assert_eq!(round(100.0, "-149").unwrap(), "-100");
        assert_eq!(round(1.0, "-0.2").unwrap(), "0");
        assert_eq!(round(1.0, "0.49999999999999").unwrap(), "0", "rounded once, not twice");
        assert_eq!(round(0.1, "-0.25").unwrap(), "-0.3");
        assert_eq!(round(0.01, "12345678901234.565").unwrap(), "12345678901234.57");
        assert_eq!(round(1e9, "999999999999999999").unwrap(), "1000000000000000000");
        assert_eq!(round(1.0, "inf"), Err(Refusal::NotANumber));
        assert_eq!(round(1.0, "1000000000000000000"), Err(Refusal::NumberOverflow));
    }

    #[test]
    fn steps_that_are_none_are_refused() {
        for to in [json!(0), json!(-1), json!(1e300), json!("1")] {
            assert!((super::METHOD.parse)(json!({ "to": to })).is_err(), "{to}");
        }
    }
}
