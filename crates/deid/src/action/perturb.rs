//! `perturb`: uniform noise within a span.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform};
use super::number::{self, ONE, grid};
use crate::kind::Text;
use crate::study::site;
use rand_core::Rng;

/// Adds uniform noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Perturb {
    span: f64,
    #[serde(default)]
    range: Range,
    #[serde(default = "two")]
    decimals: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Range {
    #[default]
    Fixed,
    Proportional,
}

fn two() -> u8 {
    2
}

pub(super) const METHOD: Method = Method {
    name: "perturb",
    summary: Text { en: "adds uniform noise within a span", zh: "在给定跨度内加入均匀噪声" },
    parameters: &[
        Parameter {
            name: "span",
            shape: Shape::Number(0.0, 1e9),
            default: None,
            doc: Text { en: "the width of the noise: from -span/2 to span/2", zh: "噪声宽度：-span/2 至 span/2" },
        },
        Parameter {
            name: "range",
            shape: Shape::Choice(&["fixed", "proportional"]),
            default: Some("\"fixed\""),
            doc: Text { en: "proportional: the span is a share of the value", zh: "proportional：跨度为该值的比例" },
        },
        Parameter {
            name: "decimals",
            shape: Shape::Integer(0, 28),
            default: Some("2"),
            doc: Text { en: "decimals that are written (at most nine are computed)", zh: "写出的小数位数（最多计算九位）" },
        },
    ],
    guarantee: Text {
        en: "the value is known to within the span; no differential privacy: use `laplace` where a promise is needed",
        zh: "只知该值在跨度之内；不是差分隐私，需要保证时用 `laplace`",
    },
    citation: "Microsoft, Tools for Health Data Anonymization (FHIR), method perturb; ISO/IEC 20889:2018, 9.4 (noise addition)",
    output: Output::Same,
    parse: |value| {
        let action: Perturb = super::parameters(value)?;
        if !(0.0..=1e9).contains(&action.span) {
            return Err(ParameterError("`span` must be from 0 to 1e9".into()));
        }
        if action.decimals > 28 {
            return Err(ParameterError("`decimals` must be from 0 to 28".into()));
        }
        Ok(Box::new(action))
    },
};

impl Action for Perturb {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::all_parameters(self)
    }

    fn prepare(&self, place: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Perturber {
            span: number::steps(self.span).ok_or_else(|| ParameterError("`span` is too large".into()))?,
            range: self.range,
            decimals: self.decimals.min(number::DECIMALS),
            label: place.label.to_owned(),
        }))
    }
}

struct Perturber {
    span: i64,
    range: Range,
    decimals: u8,
    label: String,
}

impl Transform for Perturber {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let value = i128::from(number::parse(cell.value.0)?);
        let span = match self.range {
            Range::Fixed => i128::from(self.span),
            Range::Proportional => value.abs() * i128::from(self.span) / i128::from(ONE),
        };
        // Uniform over the span + 1 steps of 1e-9; the bias of the 64-bit draw is below 2^-30.
        let draw = i128::from(cell.record.rng(site(&self.label, cell.occurrence)).next_u64());
        let noise = ((draw * (span + 1)) >> 64) - span / 2;
        let unit = 10i128.pow(u32::from(number::DECIMALS - self.decimals));
        let moved = value + noise;
        let rounded = (moved.abs() + unit / 2) / unit * moved.signum();
        grid(self.decimals).write(i64::try_from(rounded).map_err(|_| Refusal::NumberOverflow)?, out);
        Ok(Effect::Replaced)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use crate::action::Refusal;

    #[test]
    fn noise_stays_within_half_the_span() {
        for value in ["100", "-100", "0.5"] {
            let x: f64 = value.parse().unwrap();
            let y: f64 = run("perturb", json!({ "span": 4.0 }), None, value).unwrap().unwrap().parse().unwrap();
            assert!((x - y).abs() <= 2.005, "{x} {y}");
            let z: f64 =
                run("perturb", json!({ "span": 0.1, "range": "proportional", "decimals": 4 }), None, value).unwrap().unwrap().parse().unwrap();
            assert!((x - z).abs() <= x.abs() * 0.05 + 1e-4, "{x} {z}");
        }
        assert_eq!(run("perturb", json!({ "span": 0.0 }), None, "3.14159").unwrap().unwrap(), "3.14");
        assert_eq!(run("perturb", json!({ "span": 1.0 }), None, "NaN"), Err(Refusal::NotANumber));
    }
}
