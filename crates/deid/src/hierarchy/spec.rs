//! What a plan says of a hierarchy: a builder with its settings, or a file.
//!
//! Each builder registers once, in [`METHODS`], with its parameters and the source of the method; parsing, the JSON Schema and the documentation
//! derive from that, as they do for [actions](crate::action).

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::climb::BuildError;
use super::{Hierarchy, age, dates, division, flat, from_file, icd10, intervals, ordering, prefix};
use crate::action::{Parameter, ParameterError, Shape};
use crate::kind::Text;
use crate::plan::{suggest, unknown_field_help};

/// How the hierarchy of a column is made. In a plan it is a name, `"icd-10"`, or a table, `{ intervals = { widths = [5, 10] } }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HierarchySpec {
    /// Numbers to intervals.
    Intervals(intervals::Intervals),
    /// Ages to intervals of years.
    Age(age::Age),
    /// Dates to periods.
    Dates(dates::Dates),
    /// Codes that lose characters from the right.
    Prefix(prefix::Prefix),
    /// Chinese addresses and divisions.
    Division(division::Division),
    /// Diagnosis codes.
    Icd10(icd10::Icd10),
    /// Values in an order.
    Ordering(ordering::Ordering),
    /// A value, or `*`.
    Flat(flat::Flat),
    /// A hierarchy that somebody wrote.
    File(from_file::FromFile),
}

/// Every builder, in the order of the documentation.
pub const METHODS: &[&Method] = &[
    &intervals::METHOD,
    &age::METHOD,
    &dates::METHOD,
    &prefix::METHOD,
    &division::METHOD,
    &icd10::METHOD,
    &ordering::METHOD,
    &flat::METHOD,
    &from_file::METHOD,
];

/// What is published of a builder.
pub struct Method {
    /// The name in plans.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: Text,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// Where the method is defined.
    pub citation: &'static str,
    /// The parameter that a text alone stands for: `{ file = "age.csv" }`.
    pub short: Option<&'static str>,
    /// Reads the settings (an object, possibly empty).
    pub parse: fn(Value) -> Result<HierarchySpec, ParameterError>,
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({})", self.name)
    }
}

/// The setting for values that a builder cannot read.
pub(super) const OTHER: Parameter = Parameter {
    name: "other",
    shape: Shape::Text,
    default: None,
    doc: Text {
        en: "the label of values that cannot be read, from the first level; without it they are refused",
        zh: "无法解读的值自第一级起所归的类别；未设则拒绝",
    },
};

impl HierarchySpec {
    /// Reads what a plan says.
    ///
    /// # Errors
    /// An unknown builder (with the nearest name), or settings that it refuses.
    pub fn from_json(value: Value) -> Result<HierarchySpec, ParameterError> {
        let (name, settings) = match value {
            Value::String(name) => (name, Value::Object(Map::new())),
            Value::Object(map) if map.len() == 1 => map.into_iter().next().expect("one entry"),
            _ => {
                return Err(ParameterError(
                    "a hierarchy is a name or one table, for example { intervals = { widths = [5, 10] } }"
                        .into(),
                ));
            }
        };
        let Some(method) = METHODS.iter().find(|method| method.name == name) else {
            let help = suggest(&name, METHODS.iter().map(|method| method.name));
            let help = help.map_or_else(String::new, |help| format!("; {help}"));
            return Err(ParameterError(format!("unknown hierarchy `{name}`{help}")));
        };
        let settings = match (method.short, settings) {
            (Some(parameter), Value::String(text)) => serde_json::json!({ parameter: text }),
            (_, settings) => settings,
        };
        (method.parse)(settings).map_err(|error| {
            let help = unknown_field_help(&error.0).map_or_else(String::new, |help| format!("; {help}"));
            ParameterError(format!("hierarchy `{name}`: {error}{help}"))
        })
    }

    /// The canonical form: its name alone, or `{name: settings}` with the settings that differ from their defaults.
    pub fn to_json(&self) -> Value {
        let name = self.method().name;
        match self.settings() {
            Value::Object(map) if map.is_empty() => Value::from(name),
            Value::Object(map) => match (self.method().short, map.len()) {
                (Some(parameter), 1) => serde_json::json!({ name: map.get(parameter) }),
                _ => serde_json::json!({ name: map }),
            },
            other => serde_json::json!({ name: other }),
        }
    }

    /// The registration it belongs to.
    pub fn method(&self) -> &'static Method {
        match self {
            HierarchySpec::Intervals(_) => &intervals::METHOD,
            HierarchySpec::Age(_) => &age::METHOD,
            HierarchySpec::Dates(_) => &dates::METHOD,
            HierarchySpec::Prefix(_) => &prefix::METHOD,
            HierarchySpec::Division(_) => &division::METHOD,
            HierarchySpec::Icd10(_) => &icd10::METHOD,
            HierarchySpec::Ordering(_) => &ordering::METHOD,
            HierarchySpec::Flat(_) => &flat::METHOD,
            HierarchySpec::File(_) => &from_file::METHOD,
        }
    }

    fn settings(&self) -> Value {
        use crate::action::{all_parameters, beyond_default};
        match self {
            HierarchySpec::Intervals(spec) => all_parameters(spec),
            HierarchySpec::Age(spec) => beyond_default(spec),
            HierarchySpec::Dates(spec) => beyond_default(spec),
            HierarchySpec::Prefix(spec) => all_parameters(spec),
            HierarchySpec::Division(spec) => beyond_default(spec),
            HierarchySpec::Icd10(spec) => beyond_default(spec),
            HierarchySpec::Ordering(spec) => all_parameters(spec),
            HierarchySpec::Flat(_) => Value::Object(Map::new()),
            HierarchySpec::File(spec) => all_parameters(spec),
        }
    }

    /// Says under which label values are collected that cannot be read; nothing where the builder reads everything.
    pub(super) fn set_other(&mut self, label: String) {
        let label = Some(label);
        match self {
            HierarchySpec::Intervals(spec) => spec.other = label,
            HierarchySpec::Age(spec) => spec.other = label,
            HierarchySpec::Dates(spec) => spec.other = label,
            HierarchySpec::Prefix(spec) => spec.other = label,
            HierarchySpec::Division(spec) => spec.other = label,
            HierarchySpec::Icd10(spec) => spec.other = label,
            HierarchySpec::Ordering(spec) => spec.other = label,
            HierarchySpec::Flat(_) | HierarchySpec::File(_) => {}
        }
    }

    /// Makes the hierarchy for the distinct values of a column. Of a built hierarchy row i is for `values[i]` and the last level is `*`; that
    /// of a file is as the file says. `folder` is where the plan's files are; `None` where there are none.
    ///
    /// # Errors
    /// The number of the first value that has no place in the hierarchy, unless `other` gives it one; never the value. A file that cannot be used.
    pub fn build(&self, values: &[&str], folder: Option<&Path>) -> Result<Hierarchy, BuildError> {
        match self {
            HierarchySpec::Intervals(spec) => spec.build(values),
            HierarchySpec::Age(spec) => spec.build(values),
            HierarchySpec::Dates(spec) => spec.build(values),
            HierarchySpec::Prefix(spec) => spec.build(values),
            HierarchySpec::Division(spec) => spec.build(values),
            HierarchySpec::Icd10(spec) => spec.build(values),
            HierarchySpec::Ordering(spec) => spec.build(values),
            HierarchySpec::Flat(spec) => spec.build(values),
            HierarchySpec::File(spec) => spec.build(values, folder),
        }
    }
}

impl Serialize for HierarchySpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HierarchySpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        HierarchySpec::from_json(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Plan;

    const HEAD: &str = "[plan]\nname = \"t\"\nversion = 1\nrelease-model = \"controlled\"\n";

    fn plan(hierarchies: &str) -> Result<Plan, String> {
        Plan::from_toml(&format!("{HEAD}[privacy.hierarchies]\n{hierarchies}"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_form_of_a_hierarchy_is_read_as_the_same_hierarchy() {
        for (given, form) in [
            (json!("icd-10"), json!("icd-10")),
            (json!({ "icd-10": {} }), json!("icd-10")),
            (json!({ "age": { "top": 90 } }), json!("age")),
            (json!({ "file": { "path": "a.csv" } }), json!({ "file": "a.csv" })),
            (json!({ "prefix": { "levels": [3], "mask": "*" } }), json!({ "prefix": { "levels": [3] } })),
            (
                json!({ "ordering": { "values": ["a"], "groups": [2] } }),
                json!({ "ordering": { "values": ["a"] } }),
            ),
            (
                json!({ "intervals": { "widths": [0.5, 1], "other": "x" } }),
                json!({ "intervals": { "widths": [0.5, 1], "other": "x" } }),
            ),
        ] {
            let spec = HierarchySpec::from_json(given.clone()).unwrap();
            assert_eq!(spec.to_json(), form, "{given}");
            assert_eq!(HierarchySpec::from_json(form).unwrap(), spec);
        }
    }

    #[test]
    fn a_plan_says_hierarchies_in_toml_and_json_alike() {
        let toml = plan(
            "age = { intervals = { widths = [5, 10, 20], lower = 0, upper = 120 } }\ndiagnosis = \"icd-10\"\n\
             postcode = { prefix = { levels = [4, 3, 0] } }\nsex = { file = \"sex.csv\" }\n",
        )
        .unwrap();
        let json = toml.to_json();
        assert_eq!(json["privacy"]["hierarchies"]["diagnosis"], "icd-10");
        let again = Plan::from_json(&json.to_string()).unwrap();
        assert_eq!(again.digest(), toml.digest());
        assert_eq!(again.privacy.unwrap().hierarchies.len(), 4);
    }

    #[test]
    fn a_plan_without_hierarchies_has_the_form_that_it_always_had() {
        let plan = Plan::from_toml(&format!("{HEAD}[privacy]\nmodels = [\"k=5\"]\n")).unwrap();
        assert_eq!(plan.to_json()["privacy"].get("hierarchies"), None);
    }

    #[test]
    fn faults_are_named_with_line_column_and_suggestion() {
        let fault = |text: &str| plan(text).unwrap_err();
        assert_eq!(
            fault("age = \"interval\"\n"),
            "line 6, column 7: unknown hierarchy `interval`; did you mean `intervals`?"
        );
        let error = fault("sex = \"flat\"\nage = { intervals = { wdiths = [5] } }\n");
        assert!(
            error.starts_with("line 7, column 7: hierarchy `intervals`: unknown field `wdiths`"),
            "{error}"
        );
        assert!(error.ends_with("did you mean `widths`?"), "{error}");
        let error = fault("age = { intervals = { widths = [5, 7] } }\n");
        assert!(error.starts_with("line 6, column 7: hierarchy `intervals`: each width"), "{error}");
        assert!(fault("age = 5\n").contains("a hierarchy is a name or one table"));
        assert!(fault("age = { flat = {}, age = {} }\n").contains("a name or one table"));
    }

    #[test]
    fn a_hierarchy_for_a_column_that_nothing_measures_is_refused() {
        let privacy = |names: &str, of: &str| {
            let text = format!(
                "{HEAD}[privacy]\nquasi-identifiers = [{names}]\nsensitive = [\"diagnosis\"]\n[privacy.hierarchies]\n{of} = \"flat\"\n"
            );
            Plan::from_toml(&text).map_err(|error| error.to_string())
        };
        assert!(privacy("\"age\"", "age").is_ok());
        assert!(privacy("\"age\"", "diagnosis").is_ok());
        assert!(privacy("", "anything").is_ok(), "quasi-identifiers are found by kind");
        let error = privacy("\"age\"", "aeg").unwrap_err();
        assert!(error.contains("`aeg`") && error.ends_with("did you mean `age`?"), "{error}");
    }

    #[test]
    fn every_registered_parameter_is_one_that_is_read() {
        for method in METHODS {
            for parameter in method.parameters {
                let value = parameter.default.map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
                let refusal = (method.parse)(json!({ parameter.name: value })).err();
                assert!(
                    !refusal.is_some_and(|error| error.0.contains("unknown field")),
                    "{} {}",
                    method.name,
                    parameter.name
                );
            }
        }
    }

    #[test]
    fn defaults_are_those_that_are_published() {
        for method in METHODS {
            let mut least = match method.name {
                "intervals" => json!({ "widths": [1] }),
                "prefix" => json!({ "levels": [1] }),
                "ordering" => json!({ "values": ["x"] }),
                "file" => json!({ "path": "x.csv" }),
                _ => json!({}),
            };
            let expected = (method.parse)(least.clone()).unwrap();
            for parameter in method.parameters {
                if let Some(default) = parameter.default {
                    least[parameter.name] = serde_json::from_str(default).unwrap();
                }
            }
            assert_eq!((method.parse)(least).unwrap(), expected, "{}", method.name);
            assert_eq!(expected.method().name, method.name);
        }
    }
}
