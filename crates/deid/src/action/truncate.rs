//! `truncate`: the first letters of a value.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Cell, Effect, Method, Output, Parameter, ParameterError, Refusal, Shape, Site, Transform};
use crate::kind::Text;

/// Cuts a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Truncate {
    length: usize,
}

pub(super) const METHOD: Method = Method {
    name: "truncate",
    summary: Text { en: "keeps the first letters of a value", zh: "只保留前若干字符" },
    parameters: &[Parameter {
        name: "length",
        shape: Shape::Integer(1, 1000),
        default: None,
        doc: Text { en: "letters that stay", zh: "保留的字符数" },
    }],
    guarantee: Text { en: "values with one beginning cannot be told apart", zh: "开头相同的值不可区分" },
    citation: "ISO/IEC 20889:2018, 9.3 (generalization)",
    output: Output::Text,
    parse: |value| {
        let action: Truncate = super::parameters(value)?;
        match action.length {
            1..=1000 => Ok(Box::new(action)),
            _ => Err(ParameterError("`length` must be from 1 to 1000".into())),
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
        match cell.value.0.char_indices().nth(self.length) {
            None => Ok(Effect::Kept),
            Some((end, _)) => {
                out.push_str(&cell.value.0[..end]);
                Ok(Effect::Replaced)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;

    #[test]
    fn the_first_letters_stay() {
        let cut = |value| run("truncate", json!({ "length": 2 }), None, value).unwrap().unwrap();
        assert_eq!((cut("欧阳修").as_str(), cut("ab").as_str()), ("欧阳", "ab"));
    }
}
