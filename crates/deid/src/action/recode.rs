//! `recode`: values are mapped by a table of cases, each a condition and a result in a subset of FHIRPath.
//!
//! `{ when = "$this >= 0 and $this < 20", value = "20" }` writes 20 for the numbers from 0 up to 20. The first case whose condition
//! is true decides; a value that fits no case is removed, or kept with `otherwise = "keep"`. A condition that cannot be decided
//! for a value (a comparison of dates of different precision, say) does not hold.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expression::Expression;
use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;

/// Maps values by cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recode {
    cases: Vec<Case>,
    #[serde(default)]
    otherwise: Otherwise,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    when: String,
    value: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Otherwise {
    #[default]
    Redact,
    Keep,
}

pub(super) const METHOD: Method = Method {
    name: "recode",
    summary: Text {
        en: "maps values by a table of conditions and results", zh: "按“条件—结果”表映射取值"
    },
    parameters: &[
        Parameter {
            name: "cases",
            shape: Shape::Any,
            default: Some("[]"),
            doc: Text {
                en: "a list of `{ when = CONDITION, value = RESULT }` in FHIRPath over `$this`; the first condition that holds decides",
                zh: "`{ when = 条件, value = 结果 }` 列表，用 FHIRPath 书写，`$this` 为原值；首个成立的条件生效",
            },
        },
        Parameter {
            name: "otherwise",
            shape: Shape::Choice(&["redact", "keep"]),
            default: Some("\"redact\""),
            doc: Text {
                en: "what becomes of a value that fits no case", zh: "不符合任何条件的值如何处理"
            },
        },
    ],
    guarantee: Text {
        en: "of a value only the case that it falls in is released, as far as the results do not quote it",
        zh: "只要结果表达式不引用原值，则只泄露该值落入哪一情形",
    },
    citation: "ISO/IEC 20889:2018, 9.4 (generalization); FHIRPath Normative Release (ANSI/HL7 NMN R1-2020) for the expressions",
    output: Output::Text,
    parse: |value| {
        let action: Recode = super::parameters(value)?;
        action.compile()?;
        Ok(Box::new(action))
    },
};

impl Recode {
    fn compile(&self) -> Result<Vec<(Expression, Expression)>, ParameterError> {
        let parse = |i: usize, name: &str, text: &str| {
            Expression::parse(text)
                .map_err(|error| ParameterError(format!("case {}, `{name}`: {error}", i + 1)))
        };
        let case =
            |(i, case): (usize, &Case)| Ok((parse(i, "when", &case.when)?, parse(i, "value", &case.value)?));
        self.cases.iter().enumerate().map(case).collect()
    }
}

impl Action for Recode {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        let mut parameters = serde_json::json!({ "cases": self.cases });
        if self.otherwise != Otherwise::default() {
            parameters["otherwise"] = serde_json::json!(self.otherwise);
        }
        parameters
    }

    fn prepare(&self, _: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Recoder { cases: self.compile()?, otherwise: self.otherwise }))
    }
}

struct Recoder {
    cases: Vec<(Expression, Expression)>,
    otherwise: Otherwise,
}

impl Transform for Recoder {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        for (when, value) in &self.cases {
            if when.holds(cell.value.0)? {
                return Ok(if value.write(cell.value.0, out)? { Effect::Replaced } else { Effect::Removed });
            }
        }
        Ok(match self.otherwise {
            Otherwise::Redact => Effect::Removed,
            Otherwise::Keep => Effect::Kept,
        })
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use super::super::{Refusal, method};

    fn recode(cases: &[(&str, &str)], value: &str) -> Result<Option<String>, Refusal> {
        let cases: Vec<_> =
            cases.iter().map(|(when, value)| json!({ "when": when, "value": value })).collect();
        run("recode", json!({ "cases": cases }), None, value)
    }

    #[test]
    fn first_case_that_holds_decides_and_the_rest_is_removed() {
        let bands = [("$this>=0 and $this<20", "20"), ("$this>=20 and $this<40", "40"), ("$this<30", "0")];
        for (value, expected) in
            [("18", Some("20")), ("19.99", Some("20")), ("20", Some("40")), ("-3", Some("0")), ("40", None)]
        {
            assert_eq!(recode(&bands, value), Ok(expected.map(str::to_owned)), "{value}");
        }
        assert_eq!(recode(&bands, "high"), Err(Refusal::NotANumber));
        let keep = json!({ "cases": [{ "when": "$this = 'a'", "value": "'b'" }], "otherwise": "keep" });
        assert_eq!(run("recode", keep, None, "z"), Ok(Some("z".into())));
    }

    #[test]
    fn an_empty_result_removes_the_value() {
        assert_eq!(recode(&[("true", "{}")], "x"), Ok(None));
    }

    #[test]
    fn faults_name_the_case_and_the_column() {
        let error = (method("recode").unwrap().parse)(
            json!({ "cases": [{ "when": "true", "value": "1" }, { "when": "$this >", "value": "1" }] }),
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "case 2, `when`: column 8: a value is missing");
    }

    #[test]
    fn parameters_round_trip() {
        let value = json!({ "cases": [{ "when": "$this = 'a'", "value": "'b'" }], "otherwise": "keep" });
        assert_eq!((method("recode").unwrap().parse)(value.clone()).unwrap().parameters(), value);
    }
}
