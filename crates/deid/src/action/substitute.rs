//! `substitute`: a fixed value, or one of a list, in place of the value.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;
use crate::study::Prf;

/// Replaces a value by a given one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Substitute {
    with: Value,
    values: Vec<String>,
}

pub(super) const METHOD: Method = Method {
    name: "substitute",
    summary: Text {
        en: "writes a fixed value, or one of a list, instead", zh: "以固定值或列表中的值代替"
    },
    parameters: &[
        Parameter {
            name: "with",
            shape: Shape::Any,
            default: Some("null"),
            doc: Text {
                en: "the value that is written (in FHIR any JSON)",
                zh: "写入的值（FHIR 中可为任意 JSON）",
            },
        },
        Parameter {
            name: "values",
            shape: Shape::Any,
            default: Some("[]"),
            doc: Text {
                en: "a list to choose from: the same value always becomes the same word within a study",
                zh: "可选列表：同一研究内同值总得同词",
            },
        },
    ],
    guarantee: Text {
        en: "with `with`, nothing of the value is released; with `values`, only a hint which values are equal",
        zh: "`with`：不泄露该值；`values`：仅提示哪些值相等",
    },
    citation: "ISO/IEC 20889:2018, 9.2",
    output: Output::Text,
    parse: |value| {
        let action: Substitute = super::parameters(value)?;
        match (action.with.is_null(), action.values.is_empty()) {
            (true, true) | (false, false) => Err(ParameterError("say either `with` or `values`".into())),
            _ => Ok(Box::new(action)),
        }
    },
};

impl Action for Substitute {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Substitution {
            with: match &self.with {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                // Whatever order its keys were written in.
                other => crate::plan::canonical(other.clone()).to_string(),
            },
            values: self.values.clone(),
            prf: site.study.prf(&["substitute"]),
        }))
    }
}

struct Substitution {
    with: String,
    values: Vec<String>,
    prf: Prf,
}

impl Transform for Substitution {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        if self.values.is_empty() {
            out.push_str(&self.with);
        } else {
            let tag = self.prf.tag(&[cell.value.0.trim().as_bytes()]);
            let word = u64::from_be_bytes(tag[..8].try_into().expect("8 of 32 bytes"));
            out.push_str(&self.values[(word % self.values.len() as u64) as usize]);
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
    fn a_fixed_value_or_a_stable_choice_is_written() {
        assert_eq!(run("substitute", json!({ "with": "Anon" }), None, "x").unwrap().unwrap(), "Anon");
        let pick = |value: &str| {
            run("substitute", json!({ "values": ["a", "b", "c"] }), None, value).unwrap().unwrap()
        };
        assert_eq!(pick("x"), pick(" x "));
        let all: std::collections::BTreeSet<String> = (0..100).map(|i| pick(&i.to_string())).collect();
        assert_eq!(all.len(), 3, "every word is chosen for some value");
        assert_eq!(run("substitute", json!({ "with": 0 }), None, "x").unwrap().unwrap(), "0");
        assert!(["a", "b", "c"].contains(&pick("y").as_str()));
        for text in [r#"{"b":{"d":1,"c":2},"a":3}"#, r#"{"a":3,"b":{"c":2,"d":1}}"#] {
            let with: serde_json::Value = serde_json::from_str(text).unwrap();
            let written = run("substitute", json!({ "with": with }), None, "x").unwrap().unwrap();
            assert_eq!(written, r#"{"a":3,"b":{"c":2,"d":1}}"#);
        }
    }

    #[test]
    fn exactly_one_way_is_said() {
        assert!((super::METHOD.parse)(json!({})).is_err());
        assert!((super::METHOD.parse)(json!({ "with": "a", "values": ["b"] })).is_err());
    }
}
