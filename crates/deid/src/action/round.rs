//! `round`: a number to the nearest step.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform};
use super::number::{self, DECIMALS, grid};
use crate::kind::Text;

/// Rounds a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Round {
    to: f64,
}

pub(super) const METHOD: Method = Method {
    name: "round",
    summary: Text { en: "rounds a number to the nearest step", zh: "数值按步长取整" },
    parameters: &[Parameter {
        name: "to",
        shape: Shape::Number(1e-9, 1e9),
        default: None,
        doc: Text { en: "the step, such as 0.5 or 100; halves go away from zero", zh: "步长，如 0.5 或 100；半数远离零" },
    }],
    guarantee: Text { en: "values of one step cannot be told apart", zh: "同一步长内的值不可区分" },
    citation: "ISO/IEC 20889:2018, 9.3.2 (rounding)",
    output: Output::Same,
    parse: |value| {
        let action: Round = super::parameters(value)?;
        match number::steps(action.to) {
            Some(step) if step > 0 => Ok(Box::new(action)),
            _ => Err(ParameterError("`to` must be a number from 1e-9 to 1e9".into())),
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
        {
            let step = number::steps(self.to).ok_or_else(|| ParameterError("`to` is too large".into()))?;
            // As many decimals as the step has.
            let decimals = (0..DECIMALS).find(|d| step % 10i64.pow(u32::from(DECIMALS - d)) == 0).unwrap_or(DECIMALS);
            Ok(Box::new(Rounder { step, decimals }))
        }
    }
}

struct Rounder {
    step: i64,
    decimals: u8,
}

impl Transform for Rounder {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let value = i128::from(number::parse(cell.value.0)?);
        let step = i128::from(self.step);
        let magnitude = (value.abs() + step / 2) / step * step;
        let unit = 10i128.pow(u32::from(DECIMALS - self.decimals));
        let rounded = i64::try_from(magnitude * value.signum() / unit).map_err(|_| Refusal::NumberOverflow)?;
        grid(self.decimals).write(rounded, out);
        Ok(Effect::Replaced)
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
        assert_eq!(round(1.0, "inf"), Err(Refusal::NotANumber));
    }
}
