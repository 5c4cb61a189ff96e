//! `redact`: the value is removed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;

/// Removes the value, or writes a fixed text in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Redact {
    with: String,
}

pub(super) const METHOD: Method = Method {
    name: "redact",
    summary: Text { en: "removes the value", zh: "删除该值" },
    parameters: &[Parameter {
        name: "with",
        shape: Shape::Text,
        default: Some("\"\""),
        doc: Text {
            en: "a fixed text to write instead; empty: nothing", zh: "用以代替的固定文字；空则不写"
        },
    }],
    guarantee: Text {
        en: "nothing of the value is released but that there was one, if a text takes its place",
        zh: "除“曾有一个值”（若以固定文字代替）外不泄露任何内容",
    },
    citation: "ISO/IEC 20889:2018, 9.2 (suppression); GB/T 37964-2019, A.3 (suppression techniques)",
    output: Output::Same,
    parse: |value| Ok(Box::new(super::parameters::<Redact>(value)?)),
};

impl Action for Redact {
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

impl Transform for Redact {
    fn apply(&self, _: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        if self.with.is_empty() {
            return Ok(Effect::Removed);
        }
        out.push_str(&self.with);
        Ok(Effect::Replaced)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;

    #[test]
    fn redacted_values_are_gone_or_replaced_by_the_fixed_text() {
        assert_eq!(run("redact", json!({}), None, "secret"), Ok(None));
        assert_eq!(run("redact", json!({ "with": "***" }), None, "secret"), Ok(Some("***".into())));
    }
}
