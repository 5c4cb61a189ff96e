//! `perturb`: uniform noise within a span.
//!
//! The noise is a whole number of steps of `10^-18` or coarser, each with the same probability, and is rounded with the value once, at the end, so no
//! float takes part and the result is the same on every machine.

use rand_core::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::decimal::{Decimal, nearest};
use super::laplace::Stream;
use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;

/// Adds uniform noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Perturb {
    span: Number,
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
            doc: Text {
                en: "the width of the noise: from -span/2 to span/2",
                zh: "噪声宽度：-span/2 至 span/2",
            },
        },
        Parameter {
            name: "range",
            shape: Shape::Choice(&["fixed", "proportional"]),
            default: Some("\"fixed\""),
            doc: Text {
                en: "proportional: the span is a share of the value",
                zh: "proportional：跨度为该值的比例",
            },
        },
        Parameter {
            name: "decimals",
            shape: Shape::Integer(0, 28),
            default: Some("2"),
            doc: Text {
                en: "decimals that are written (at most 18)", zh: "写出的小数位数（最多 18 位）"
            },
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
        if !action.span.as_f64().is_some_and(|span| (0.0..=1e9).contains(&span)) {
            return Err(ParameterError("`span` must be from 0 to 1e9".into()));
        }
        Decimal::of_parameter("span", &action.span)?;
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
            span: Decimal::of_parameter("span", &self.span)?,
            range: self.range,
            decimals: u32::from(self.decimals).min(Decimal::FINEST),
            stream: Stream::new(place.label),
        }))
    }
}

struct Perturber {
    span: Decimal,
    range: Range,
    decimals: u32,
    stream: Stream,
}

impl Transform for Perturber {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let value = Decimal::parse(cell.value.0)?;
        let span = match self.range {
            Range::Fixed => self.span,
            Range::Proportional => value.magnitude().multiply(self.span)?,
        };
        // Half the span on a grid six digits finer than what is written, as far as there are digits, so that every result is as likely as
        // its share of the span.
        let scale = (self.decimals + 6).min(Decimal::FINEST);
        let (half, steps_per) = (span.mantissa, 2 * 10i128.pow(span.scale));
        let half = half.checked_mul(10i128.pow(scale)).ok_or(Refusal::NumberOverflow)? / steps_per;
        let mut rng = cell.record.rng(self.stream.of(cell));
        let noise = Decimal { mantissa: symmetric(&mut rng, half.unsigned_abs()), scale };
        let (moved, _, scale) = value.add(noise)?.align(Decimal { mantissa: 0, scale: self.decimals })?;
        let mantissa = nearest(moved, 10i128.pow(scale - self.decimals));
        Decimal { mantissa, scale: self.decimals }.write(out);
        Ok(Effect::Replaced)
    }
}

/// A uniform integer from `-half` to `half`, by rejection: exact, whatever the bound.
fn symmetric(rng: &mut impl Rng, half: u128) -> i128 {
    let most = 2 * half;
    if most == 0 {
        return 0;
    }
    loop {
        let draw = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
        let candidate = draw & (u128::MAX >> most.leading_zeros());
        if candidate <= most {
            return candidate as i128 - half as i128;
        }
    }
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;
    use serde_json::json;

    use super::super::tests::{apply_at, run};
    use super::{METHOD, symmetric};
    use crate::action::Refusal;

    #[test]
    fn noise_is_uniform_and_centred() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[(symmetric(&mut rng, 3) + 3) as usize] += 1;
        }
        // The standard deviation of a count is 93; the seed is fixed, so this passes always or never.
        assert!(counts.iter().all(|n| n.abs_diff(10_000) < 450), "{counts:?}");
        assert_eq!(symmetric(&mut rng, 0), 0);
    }

    #[test]
    fn noise_differs_between_records_and_occurrences_and_repeats() {
        let at = |place| {
            apply_at("perturb", &json!({ "span": 1000, "decimals": 9 }), place, "5").unwrap().unwrap()
        };
        assert_eq!(at((0, "a", 0)), at((0, "a", 0)));
        assert_ne!(at((0, "a", 0)), at((1, "a", 0)));
        assert_ne!(at((0, "a", 0)), at((0, "b", 0)));
        assert_ne!(at((0, "a", 0)), at((0, "a", 1)));
    }

    #[test]
    fn extreme_numbers_are_moved_or_refused_and_never_overflow() {
        for value in
            ["999999999999999999", "-999999999999999999.999999999999999999", "0.000000000000000001", "0"]
        {
            for range in ["fixed", "proportional"] {
                for decimals in [0, 9, 28] {
                    for span in [1e-9, 1.0, 1e9] {
                        let parameters = json!({ "span": span, "range": range, "decimals": decimals });
                        let moved = run("perturb", parameters, None, value);
                        assert!(matches!(moved, Ok(Some(_)) | Err(Refusal::NumberOverflow)), "{value}");
                    }
                }
            }
        }
    }

    #[test]
    fn spans_that_are_none_are_refused() {
        for span in [json!(-1), json!(2e9), json!("wide")] {
            assert!((METHOD.parse)(json!({ "span": span })).is_err(), "{span}");
        }
        assert!((METHOD.parse)(json!({ "span": 1, "decimals": 29 })).is_err());
    }

    #[test]
    fn noise_stays_within_half_the_span() {
        for value in ["100", "-100", "0.5"] {
            let x: f64 = value.parse().unwrap();
            let y: f64 =
                run("perturb", json!({ "span": 4.0 }), None, value).unwrap().unwrap().parse().unwrap();
            assert!((x - y).abs() <= 2.005, "{x} {y}");
            let z: f64 =
                run("perturb", json!({ "span": 0.1, "range": "proportional", "decimals": 4 }), None, value)
                    .unwrap()
                    .unwrap()
                    .parse()
                    .unwrap();
            assert!((x - z).abs() <= x.abs() * 0.05 + 1e-4, "{x} {z}");
        }
        assert_eq!(run("perturb", json!({ "span": 0.0 }), None, "3.14159").unwrap().unwrap(), "3.14");
        assert_eq!(run("perturb", json!({ "span": 1.0 }), None, "NaN"), Err(Refusal::NotANumber));
    }
}
