//! Numbers to intervals, with open ends: `45-49` or `[45,50)`, `<18`, `90+`.
//!
//! `45-49` counts completed units, as ages are written (somebody of 49 and a half is 49); it is used where `to` is a whole number and the
//! interval does not lie below zero. Every other interval is half open: `[45,50)` holds 45 and not 50.

use serde_json::Number;

use super::super::decimal::Decimal;
use super::super::{Effect, ParameterError, Refusal};
use super::age;

/// Intervals of one width, cut at the ends. Everything is counted in units of `10^-scale`, on which every edge lies.
pub(crate) struct Bins {
    scale: u32,
    width: Width,
    origin: i128,
    bottom: Option<i128>,
    top: Option<i128>,
    ages: bool,
    completed: bool,
}

enum Width {
    /// The number stays, unless an end pools it.
    None,
    /// The number loses its fraction.
    Whole,
    /// The number becomes its interval.
    Of(i128),
}

/// Where intervals begin and end, as the plan says.
pub(crate) struct Edges<'a> {
    pub(crate) origin: Option<&'a Number>,
    pub(crate) bottom: Option<&'a Number>,
    pub(crate) top: Option<&'a Number>,
}

impl Bins {
    /// Intervals of `width`, or only the ends.
    pub(crate) fn new(width: Option<&Number>, edges: &Edges<'_>, ages: bool) -> Result<Self, ParameterError> {
        let read = |name: &'static str, number: Option<&Number>| {
            number.map(|number| Decimal::of_parameter(name, number)).transpose()
        };
        let (width, origin) = (read("bin", width)?, read("origin", edges.origin)?.unwrap_or(Decimal::ZERO));
        let (bottom, top) = (read("bottom", edges.bottom)?, read("top", edges.top)?);
        let scale = [width, Some(origin), bottom, top].iter().flatten().map(|n| n.scale).max().unwrap_or(0);
        let units = |number: Decimal| {
            number
                .at_scale(scale)
                .map_err(|_| ParameterError("the numbers have too many digits together".into()))
        };
        let bins = Bins {
            scale,
            width: width.map(units).transpose()?.map_or(Width::None, Width::Of),
            origin: units(origin)?,
            bottom: bottom.map(units).transpose()?,
            top: top.map(units).transpose()?,
            ages,
            completed: false,
        };
        if matches!(bins.width, Width::Of(..=0)) {
            return Err(ParameterError("the width (`bin`) must be above 0".into()));
        }
        if bins.bottom.zip(bins.top).is_some_and(|(bottom, top)| bottom >= top) {
            return Err(ParameterError("`bottom` must be below `top`".into()));
        }
        Ok(bins)
    }

    /// Ages in whole years.
    pub(crate) fn whole_years(edges: &Edges<'_>) -> Result<Self, ParameterError> {
        Bins::new(None, edges, true).map(|bins| Bins { width: Width::Whole, ..bins })
    }

    /// The same, labelled in completed units where that can be.
    pub(crate) fn in_completed_units(self) -> Self {
        Bins { completed: self.scale == 0, ..self }
    }

    /// Whether all edges are whole numbers.
    pub(crate) fn is_whole(&self) -> bool {
        self.scale == 0
    }

    pub(crate) fn generalize(&self, value: &str, out: &mut String) -> Result<Effect, Refusal> {
        self.classify(if self.ages { age::in_years(value)? } else { Decimal::parse(value)? }, out)
    }

    /// Appends the class of a number.
    pub(crate) fn classify(&self, number: Decimal, out: &mut String) -> Result<Effect, Refusal> {
        // Every edge is a whole number of units, so that a number lies above one exactly if its floor does.
        let units = match self.scale.checked_sub(number.scale) {
            Some(_) => number.at_scale(self.scale)?,
            None => number.mantissa.div_euclid(10i128.pow(number.scale - self.scale)),
        };
        let write =
            |units, out: &mut String| Decimal { mantissa: units, scale: self.scale }.trimmed().write(out);
        if let Some(bottom) = self.bottom.filter(|bottom| units < *bottom) {
            out.push('<');
            write(bottom, out);
            return Ok(Effect::Replaced);
        }
        if let Some(top) = self.top.filter(|top| units >= *top) {
            write(top, out);
            out.push('+');
            return Ok(Effect::Replaced);
        }
        match self.width {
            Width::None => return Ok(Effect::Kept),
            Width::Whole => number.floor().write(out),
            Width::Of(width) => {
                let low = self.origin + (units - self.origin).div_euclid(width) * width;
                let high = low + width;
                let low = self.bottom.map_or(low, |bottom| low.max(bottom));
                let high = self.top.map_or(high, |top| high.min(top));
                if self.completed && low >= 0 {
                    write(low, out);
                    if high - low > 1 {
                        out.push('-');
                        write(high - 1, out);
                    }
                } else {
                    out.push('[');
                    write(low, out);
                    out.push(',');
                    write(high, out);
                    out.push(')');
                }
            }
        }
        Ok(Effect::Replaced)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::super::tests::run;
    use super::super::METHOD;
    use super::*;

    fn bin(parameters: Value, value: &str) -> Result<Option<String>, Refusal> {
        run("generalize", parameters, None, value)
    }

    #[test]
    fn numbers_fall_into_the_interval_that_contains_them() {
        for (parameters, value, expected) in [
            (json!({ "bin": 10 }), "40", "[40,50)"),
            (json!({ "bin": 10 }), "49.999999", "[40,50)"),
            (json!({ "bin": 10 }), "-0.1", "[-10,0)"),
            (json!({ "bin": 10, "origin": 5 }), "40", "[35,45)"),
            (json!({ "bin": 0.5 }), "1.25", "[1,1.5)"),
            (json!({ "bin": 0.1 }), "0.3", "[0.3,0.4)"),
            (json!({ "bin": 10, "bottom": 18, "top": 85 }), "28", "[28,38)"),
            (json!({ "bin": 10, "bottom": 18, "origin": 0 }), "19", "[18,20)"),
            (json!({ "bin": 10, "bottom": 18, "top": 85 }), "84.9", "[78,85)"),
            (json!({ "bin": 10, "bottom": 18, "top": 85 }), "17.9", "<18"),
            (json!({ "bin": 10, "bottom": 18, "top": 85 }), "85", "85+"),
            (json!({ "top": 90 }), "89.9", "89.9"),
            (json!({ "bottom": 0.5 }), "0.49", "<0.5"),
        ] {
            assert_eq!(
                bin(parameters.clone(), value).unwrap().as_deref(),
                Some(expected),
                "{parameters} {value}"
            );
        }
    }

    #[test]
    fn widths_in_whole_numbers_count_completed_units() {
        for (parameters, value, expected) in [
            (json!({ "to": "5", "top": 90 }), "44.99", "40-44"),
            (json!({ "to": "5", "top": 88 }), "87", "85-87"),
            (json!({ "to": "1" }), "44.5", "44"),
            (json!({ "to": "10" }), "-3", "[-10,0)"),
            (json!({ "to": "0.5" }), "7.35", "[7,7.5)"),
            (json!({ "to": "10", "bottom": 18 }), "19", "18-27"),
        ] {
            assert_eq!(
                bin(parameters.clone(), value).unwrap().as_deref(),
                Some(expected),
                "{parameters} {value}"
            );
        }
    }

    #[test]
    fn numbers_at_the_ends_of_what_is_read_do_not_overflow() {
        for value in ["999999999999999999.999999999999999999", "-999999999999999999.999999999999999999"] {
            for parameters in [
                json!({ "bin": 1e9, "origin": -1e9 }),
                json!({ "bin": 0.000_000_001 }),
                json!({ "bin": 7, "origin": 1e17, "bottom": -1e17, "top": 1e17 }),
            ] {
                assert!(bin(parameters, value).is_ok());
            }
        }
        assert_eq!(bin(json!({ "bin": 10 }), "39.99999999999"), Ok(Some("[30,40)".into())));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for value in ["forty", "<5", "1e3", "45岁"] {
            assert_eq!(bin(json!({ "bin": 5 }), value), Err(Refusal::NotANumber), "{value}");
        }
        assert_eq!(bin(json!({ "bin": 5 }), "1000000000000000000"), Err(Refusal::NumberOverflow));
    }

    #[test]
    fn widths_and_ends_that_make_no_sense_are_refused() {
        let fault = |value| (METHOD.parse)(value).unwrap_err().0;
        assert!(fault(json!({ "bin": 0 })).contains("bin"));
        assert!(fault(json!({ "bin": -5 })).contains("bin"));
        assert!(fault(json!({ "bottom": 90, "top": 90 })).contains("below `top`"));
        assert!(fault(json!({ "bin": 1e300 })).contains("bin"));
    }

    proptest! {
        #[test]
        fn every_number_lies_in_its_interval(
            mantissa in -10_000_000i64..10_000_000,
            width in 1..5_000i64,
            origin in -5_000..5_000i64,
        ) {
            let value = mantissa as f64 / 1000.0;
            let label = bin(json!({ "bin": width, "origin": origin }), &format!("{value:.3}")).unwrap().unwrap();
            let (low, high) = label.trim_matches(['[', ')']).split_once(',').unwrap();
            let (low, high): (i64, i64) = (low.parse().unwrap(), high.parse().unwrap());
            prop_assert!(low * 1000 <= mantissa && mantissa < high * 1000);
            prop_assert_eq!(high - low, width);
            prop_assert_eq!((low - origin).rem_euclid(width), 0);
        }
    }
}
