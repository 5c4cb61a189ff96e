//! `drop-row`: records with certain values are not released at all.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;

/// Drops records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DropRow {
    values: Vec<String>,
}

pub(super) const METHOD: Method = Method {
    name: "drop-row",
    summary: Text { en: "drops the whole record", zh: "删除整条记录" },
    parameters: &[Parameter {
        name: "values",
        shape: Shape::Any,
        default: Some("[]"),
        doc: Text {
            en: "drop only records with one of these values; empty: with any value",
            zh: "仅删除取这些值的记录；空表示任意值",
        },
    }],
    guarantee: Text {
        en: "nothing of the record is released; the receipt counts it",
        zh: "该记录不公开；由回执计数",
    },
    citation: "ISO/IEC 20889:2018, 9.2.3 (record suppression)",
    output: Output::Same,
    parse: |value| Ok(Box::new(super::parameters::<DropRow>(value)?)),
};

impl Action for DropRow {
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

impl Transform for DropRow {
    fn apply(&self, cell: &Cell<'_>, _: &mut String) -> Result<Effect, Refusal> {
        let value = cell.value.0.trim();
        let hit = self.values.is_empty() || self.values.iter().any(|wanted| wanted == value);
        Ok(if hit { Effect::DropRecord } else { Effect::Kept })
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
    fn only_records_with_the_values_are_dropped() {
        let drop = json!({ "values": ["VIP"] });
        assert_eq!(run("drop-row", drop.clone(), None, "VIP").unwrap(), None);
        assert_eq!(run("drop-row", drop.clone(), None, " VIP ").unwrap(), None);
        assert_eq!(run("drop-row", drop, None, "no").unwrap().unwrap(), "no");
        assert_eq!(run("drop-row", json!({}), None, "any").unwrap(), None);
    }
}
