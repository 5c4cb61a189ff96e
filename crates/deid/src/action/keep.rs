//! `keep`: the value leaves as it came.

use serde_json::{Map, Value};

use super::{Action, Cell, Effect, Method, Output, ParameterError, Reads, Refusal, Site, Transform};
use crate::kind::Text;

/// Leaves the value byte for byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep;

pub(super) const METHOD: Method = Method {
    name: "keep",
    summary: Text { en: "leaves the value byte for byte", zh: "原样保留" },
    parameters: &[],
    guarantee: Text { en: "none: what is kept is released", zh: "无：保留即公开" },
    citation: "-",
    output: Output::Same,
    parse: |value| super::parameters::<Map<String, Value>>(value).and_then(nothing),
};

fn nothing(map: Map<String, Value>) -> Result<Box<dyn Action>, ParameterError> {
    match map.keys().next() {
        Some(name) => Err(ParameterError(format!("unknown field `{name}`: `keep` has no parameters"))),
        None => Ok(Box::new(Keep)),
    }
}

impl Action for Keep {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        Value::Object(Map::new())
    }

    fn prepare(&self, _: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Keep))
    }
}

impl Transform for Keep {
    fn apply(&self, _: &Cell<'_>, _: &mut String) -> Result<Effect, Refusal> {
        Ok(Effect::Kept)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}
