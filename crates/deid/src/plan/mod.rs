//! Plans: what happens to what, for which purpose.
//!
//! A plan is data: rules (what is matched, which action), the release model, and the privacy that the release must have. It is
//! written in TOML, is the same object as JSON, and has one canonical JSON form whose SHA-256 is its digest. **The first rule
//! that matches a column, element or tag decides**; what no rule matches is dropped unless the plan says `unmatched = "keep"`.
//!
//! ```
//! use medveil_deid::plan::Plan;
//!
//! let plan = Plan::from_toml(r#"
//!     [plan]
//!     name = "glucose-study"
//!     version = 1
//!     release-model = "controlled"
//!
//!     [[rule]]
//!     match = { column = "name" }
//!     action = "redact"
//! "#).unwrap();
//! assert_eq!(plan.rules.len(), 1);
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::action::{self, Action};
use crate::hierarchy::HierarchySpec;
use crate::kind::Kind;
use crate::study::Suite;

pub mod builtin;
pub mod microsoft;
mod parse;
pub mod schema;

pub use parse::PlanError;
pub(crate) use parse::{suggest, unknown_field_help};

/// A plan: see the [module](self).
#[derive(Debug)]
pub struct Plan {
    /// Name, purpose and defaults.
    pub head: Head,
    /// The rules, in order of precedence.
    pub rules: Vec<Rule>,
    /// The privacy that the released data must have.
    pub privacy: Option<Privacy>,
}

/// The table `[plan]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Head {
    /// The plan's name.
    pub name: String,
    /// Counts up with every change.
    pub version: u32,
    /// Who will see the release.
    pub release_model: ReleaseModel,
    /// One sentence on what the plan is for, in English.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The same in Chinese.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title_zh: String,
    /// The laws and standards that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis: Vec<String>,
    /// What happens to what no rule matches.
    #[serde(default)]
    pub unmatched: Unmatched,
    /// What happens to a value that its action cannot read.
    #[serde(default)]
    pub invalid: Invalid,
    /// The column that tells whose record a row is; found by kind where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The cryptographic suite.
    #[serde(default)]
    pub suite: Suite,
}

/// Who will see the release (GB/T 37964-2019, 5.2; GB/T 42460-2023, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseModel {
    /// Anybody.
    Public,
    /// Named recipients under contract.
    Controlled,
    /// Nobody: work is done inside a protected environment and only results leave.
    Enclave,
}

/// What happens to what no rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unmatched {
    /// It is not released.
    #[default]
    Drop,
    /// It is released as it is.
    Keep,
}

/// What happens to a value that its action cannot read, such as a date that is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invalid {
    /// The run stops with the place of the value.
    #[default]
    Fail,
    /// The value is removed and counted.
    Redact,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// What it applies to.
    pub matcher: Match,
    /// What is done.
    pub action: Box<dyn Action>,
    /// The clause that asks for it.
    pub source: Option<String>,
}

/// What a rule applies to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Match {
    /// Columns of this kind.
    Kind(Kind),
    /// Columns of this name; `*` stands for any letters.
    Column(String),
    /// FHIR elements on this path (the FHIRPath subset of the documentation).
    Fhir(String),
    /// A DICOM tag or keyword.
    Dicom(String),
    /// An HL7 v2 field, such as `PID-5`.
    Hl7(String),
}

impl Match {
    /// Whether the rule is for a column of this name and kind.
    pub fn matches_column(&self, name: &str, kind: Option<Kind>) -> bool {
        match self {
            Match::Kind(wanted) => kind == Some(*wanted),
            Match::Column(pattern) => glob(pattern, name),
            Match::Fhir(_) | Match::Dicom(_) | Match::Hl7(_) => false,
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Match::Kind(kind) => write!(f, "kind {kind}"),
            Match::Column(name) => write!(f, "column {name}"),
            Match::Fhir(path) => write!(f, "fhir {path}"),
            Match::Dicom(tag) => write!(f, "dicom {tag}"),
            Match::Hl7(field) => write!(f, "hl7 {field}"),
        }
    }
}

/// Whether `name` fits `pattern`, in which each `*` stands for any run of letters.
fn glob(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    if first.len() == pattern.len() {
        return rest.is_empty();
    }
    let pieces: Vec<&str> = pieces.collect();
    let (last, middle) = pieces.split_last().expect("a pattern with `*` has a piece after it");
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// The table `[privacy]`: what the release must satisfy, as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Privacy {
    /// Attributes that an attacker may know; found by kind where left out.
    pub quasi_identifiers: Vec<String>,
    /// Attributes that an attacker wants to learn.
    pub sensitive: Vec<String>,
    /// Privacy models, such as `k=5`.
    pub models: Vec<String>,
    /// The largest share of records that may be suppressed.
    pub suppression: Option<f64>,
    /// The measure of information loss.
    pub metric: Option<String>,
    /// The largest re-identification risk of a record that may be released.
    pub max_risk: Option<f64>,
    /// How the values of a column are generalised, by column. They are applied to the values that the rules release.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hierarchies: BTreeMap<String, HierarchySpec>,
    /// Whether a run generalises what the rules release until it satisfies the models; otherwise it is checked only. True where left out.
    #[serde(skip_serializing_if = "is_default_search")]
    pub search: Option<bool>,
    /// What happens where a patient stands out by several tables of a run together.
    #[serde(skip_serializing_if = "is_default_linked")]
    pub linked: Linked,
}

/// What happens where a patient stands out in the joined view of several tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linked {
    /// The release is refused.
    #[default]
    Refuse,
    /// The report says so.
    Report,
}

fn is_default_search(search: &Option<bool>) -> bool {
    *search != Some(false)
}

fn is_default_linked(linked: &Linked) -> bool {
    *linked == Linked::Refuse
}

impl Privacy {
    /// Whether a run searches for a generalisation.
    pub fn searches(&self) -> bool {
        self.search != Some(false)
    }

    /// Whether anything is asked of the classes of a table.
    pub fn asks(&self) -> bool {
        !self.models.is_empty() || self.max_risk.is_some()
    }
}

impl Plan {
    /// Reads the TOML form.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        parse::from_toml(text)
    }

    /// Reads the JSON form.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        parse::from_json(text)
    }

    /// The canonical form: keys in byte order, defaults of actions left out.
    pub fn to_json(&self) -> Value {
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|rule| {
                let mut json = serde_json::json!({ "match": rule.matcher, "action": action::to_json(rule.action.as_ref()) });
                if let Some(source) = &rule.source {
                    json["source"] = Value::from(source.as_str());
                }
                json
            })
            .collect();
        let mut plan = serde_json::json!({ "plan": self.head, "rule": rules });
        if let Some(privacy) = &self.privacy {
            plan["privacy"] = serde_json::json!(privacy);
        }
        canonical(plan)
    }

    /// SHA-256 of the canonical JSON text.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.to_json().to_string()).into()
    }

    /// The first rule for a column.
    pub fn rule_for_column(&self, name: &str, kind: Option<Kind>) -> Option<usize> {
        self.rules.iter().position(|rule| rule.matcher.matches_column(name, kind))
    }

    /// The rules by column, by their place, that none of these columns meets.
    pub fn unused_column_rules(&self, columns: &[String]) -> Vec<usize> {
        let unused = |rule: &Rule| {
            matches!(rule.matcher, Match::Column(_))
                && !columns.iter().any(|name| rule.matcher.matches_column(name, None))
        };
        (0..self.rules.len()).filter(|i| unused(&self.rules[*i])).collect()
    }

    /// The kinds that the rules speak of.
    pub fn kinds(&self) -> BTreeSet<Kind> {
        self.rules
            .iter()
            .filter_map(|rule| match rule.matcher {
                Match::Kind(kind) => Some(kind),
                _ => None,
            })
            .collect()
    }
}

/// Sorts the keys of every object, whatever map `serde_json` was built with.
pub(crate) fn canonical(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().map(|(k, v)| (k, canonical(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_no_column_meets_are_found() {
        let head = "[plan]\nname = \"t\"\nversion = 1\nrelease-model = \"controlled\"\n";
        let rule = |name: &str| format!("[[rule]]\nmatch = {{ column = \"{name}\" }}\naction = \"keep\"\n");
        let plan =
            Plan::from_toml(&[head, &rule("age"), &rule("gluccose"), &rule("lab_*")].concat()).unwrap();
        assert_eq!(plan.unused_column_rules(&["age".into(), "glucose".into(), "lab_1".into()]), [1]);
    }

    #[test]
    fn star_stands_for_any_letters() {
        for (pattern, name, fits) in [
            ("name", "name", true),
            ("name", "names", false),
            ("*_date", "birth_date", true),
            ("*_date", "date_birth", false),
            ("lab*value", "lab_glucose_value", true),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "acb", false),
        ] {
            assert_eq!(glob(pattern, name), fits, "{pattern} {name}");
        }
    }
}
