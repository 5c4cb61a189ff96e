//! `mask`: all but the first and last letters are covered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;

/// Covers letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Mask {
    keep_first: usize,
    keep_last: usize,
    fill: char,
}

impl Default for Mask {
    fn default() -> Self {
        Mask { keep_first: 1, keep_last: 0, fill: '*' }
    }
}

pub(super) const METHOD: Method = Method {
    name: "mask",
    summary: Text {
        en: "covers all but the first and last letters", zh: "除首尾若干字符外全部遮盖"
    },
    parameters: &[
        Parameter {
            name: "keep-first",
            shape: Shape::Integer(0, 16),
            default: Some("1"),
            doc: Text { en: "letters that stay in front", zh: "保留前几个字符" },
        },
        Parameter {
            name: "keep-last",
            shape: Shape::Integer(0, 16),
            default: Some("0"),
            doc: Text { en: "letters that stay at the end", zh: "保留后几个字符" },
        },
        Parameter {
            name: "fill",
            shape: Shape::Text,
            default: Some("\"*\""),
            doc: Text { en: "the letter that covers", zh: "遮盖用字符" },
        },
    ],
    guarantee: Text {
        en: "at least half of the letters are covered; what stays, and the length, are released: masked values often remain identifying",
        zh: "至少一半字符被遮盖；保留的字符与长度会公开，遮盖后的值仍可能识别个人",
    },
    citation: "ISO/IEC 20889:2018, 9.2 (masking); GB/T 37964-2019, A.3.1",
    output: Output::Text,
    parse: |value| Ok(Box::new(super::parameters::<Mask>(value)?)),
};

impl Action for Mask {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, _: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(self.clone()))
    }
}

impl Transform for Mask {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        // Blanks around are no letters that could be covered in exchange for others.
        let value = cell.value.0.trim();
        let letters = value.chars().count();
        // Never more than half stays; what is given up first is the end.
        let first = self.keep_first.min(letters / 2);
        let last = self.keep_last.min(letters / 2 - first);
        for (i, letter) in value.chars().enumerate() {
            out.push(if i < first || i >= letters - last { letter } else { self.fill });
        }
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

    #[test]
    fn settings_that_are_none_are_refused() {
        for value in [json!({ "fill": "" }), json!({ "fill": "**" }), json!({ "keep-first": -1 })] {
            assert!((super::METHOD.parse)(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn at_least_half_of_the_letters_are_covered() {
        let mask = |parameters, value| run("mask", parameters, None, value).unwrap().unwrap();
        assert_eq!(mask(json!({ "keep-first": 3, "keep-last": 4 }), "13812345678"), "138******78");
        assert_eq!(mask(json!({}), "张三丰"), "张**");
        assert_eq!(mask(json!({}), "张"), "*");
        assert_eq!(mask(json!({}), "𠮷野家"), "𠮷**");
        assert_eq!(mask(json!({ "keep-first": 2 }), "张三   "), "张*", "padding buys nothing");
        assert_eq!(mask(json!({ "keep-first": 0, "keep-last": 2, "fill": "×" }), "abcd"), "××cd");
        assert_eq!(mask(json!({ "keep-first": 9, "keep-last": 9 }), "ab"), "a*");
    }
}
