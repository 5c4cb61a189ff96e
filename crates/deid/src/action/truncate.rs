//! `truncate`: the first letters of a value, or the first decimals of a number.
//!
//! Dates are cut by `generalize`, which knows their spellings.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::decimal::Decimal;
use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;

/// Cuts a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Truncate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decimals: Option<u32>,
}

pub(super) const METHOD: Method = Method {
    name: "truncate",
    summary: Text { en: "keeps the first letters of a value", zh: "只保留前若干字符" },
    parameters: &[
        Parameter {
            name: "length",
            shape: Shape::Integer(1, 1000),
            default: None,
            doc: Text { en: "letters that stay", zh: "保留的字符数" },
        },
        Parameter {
            name: "decimals",
            shape: Shape::Integer(0, 18),
            default: None,
            doc: Text {
                en: "instead of `length`: decimals of a number that stay; the others are cut, not rounded",
                zh: "代替 `length`：数值保留的小数位数，其余截去而不舍入",
            },
        },
    ],
    guarantee: Text {
        en: "values with one beginning cannot be told apart", zh: "开头相同的值不可区分"
    },
    citation: "ISO/IEC 20889:2018, 9.3 (generalization)",
    output: Output::Text,
    parse: |value| {
        let action: Truncate = super::parameters(value)?;
        match (action.length, action.decimals) {
            (Some(1..=1000), None) | (None, Some(0..=18)) => Ok(Box::new(action)),
            (Some(_), None) => Err(ParameterError("`length` must be from 1 to 1000".into())),
            (None, Some(_)) => Err(ParameterError("`decimals` must be from 0 to 18".into())),
            _ => Err(ParameterError("say either `length` or `decimals`".into())),
        }
    },
};

impl Action for Truncate {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::all_parameters(self)
    }

    fn prepare(&self, _: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(self.clone()))
    }
}

impl Transform for Truncate {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        if let Some(decimals) = self.decimals {
            let number = Decimal::parse(cell.value.0)?;
            if number.scale <= decimals {
                return Ok(Effect::Kept);
            }
            number.cut(decimals).write(out);
            return Ok(Effect::Replaced);
        }
        match self.length.and_then(|length| cell.value.0.char_indices().nth(length)) {
            None => Ok(Effect::Kept),
            Some((end, _)) => {
                out.push_str(&cell.value.0[..end]);
                Ok(Effect::Replaced)
            }
        }
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
    fn the_first_letters_stay() {
        let cut = |value| run("truncate", json!({ "length": 2 }), None, value).unwrap().unwrap();
        assert_eq!((cut("欧阳修").as_str(), cut("ab").as_str()), ("欧阳", "ab"));
    }

    #[test]
    fn decimals_are_cut_towards_zero() {
        let cut = |value| run("truncate", json!({ "decimals": 1 }), None, value).map(Option::unwrap);
        for (value, expected) in
            [("7.39", "7.3"), ("-7.39", "-7.3"), ("-0.04", "0.0"), ("7", "7"), ("7.3", "7.3")]
        {
            assert_eq!(cut(value).unwrap(), expected, "{value}");
        }
        assert_eq!(cut("high"), Err(Refusal::NotANumber));
    }

    #[test]
    fn exactly_one_way_is_said() {
        for value in [
            json!({}),
            json!({ "length": 1, "decimals": 1 }),
            json!({ "length": 0 }),
            json!({ "decimals": 19 }),
        ] {
            assert!((super::METHOD.parse)(value.clone()).is_err(), "{value}");
        }
    }
}
