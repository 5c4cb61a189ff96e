//! Reading plans, with the line and column of each fault and a suggestion where one is near.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::{Head, Match, Plan, Privacy, Rule};
use crate::action::{self, Action, METHODS};
use crate::kind::Kind;
use crate::metric::Metric;
use crate::model::{Model, ModelError};

/// Why a text is no plan, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// Line, from 1; 0 where the form has no lines (JSON on the ledger).
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub help: Option<String>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PlanError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    plan: Head,
    #[serde(default)]
    rule: Vec<RawRule>,
    privacy: Option<Spanned<Privacy>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    r#match: Spanned<BTreeMap<String, String>>,
    action: Spanned<Value>,
    source: Option<String>,
}

/// A fault at a byte range of the text.
struct Fault {
    span: Option<Range<usize>>,
    message: String,
    help: Option<String>,
}

impl Fault {
    fn at(span: &Range<usize>, message: impl Into<String>) -> Self {
        Fault { span: Some(span.clone()), message: message.into(), help: None }
    }

    fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    fn locate(self, text: &str) -> PlanError {
        let (line, column) = match self.span {
            Some(span) => place(text, span.start),
            None => (0, 0),
        };
        PlanError { line, column, message: self.message, help: self.help }
    }
}

pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

pub(super) fn from_toml(text: &str) -> Result<Plan, PlanError> {
    let raw: RawPlan = toml::from_str(text).map_err(|error| {
        let message = error.message().trim().replace('\n', "; ");
        Fault { help: unknown_field_help(&message), span: error.span(), message }.locate(text)
    })?;
    let rules =
        raw.rule.into_iter().map(rule).collect::<Result<_, Fault>>().map_err(|fault| fault.locate(text))?;
    if let Some(privacy) = &raw.privacy {
        check_privacy(privacy.get_ref())
            .map_err(|message| Fault::at(&privacy.span(), message).locate(text))?;
    }
    Ok(Plan { head: raw.plan, rules, privacy: raw.privacy.map(Spanned::into_inner) })
}

pub(super) fn from_json(text: &str) -> Result<Plan, PlanError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct JsonPlan {
        plan: Head,
        #[serde(default)]
        rule: Vec<JsonRule>,
        privacy: Option<Privacy>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct JsonRule {
        r#match: BTreeMap<String, String>,
        action: Value,
        source: Option<String>,
    }
    let raw: JsonPlan = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line").next().unwrap_or_default().to_owned();
        PlanError { line: error.line(), column: error.column(), help: unknown_field_help(&message), message }
    })?;
    let mut rules = Vec::new();
    for (i, raw) in raw.rule.into_iter().enumerate() {
        let parsed = matcher(raw.r#match, &(0..0)).and_then(|matcher| {
            Ok(Rule { matcher, action: action(raw.action, &(0..0))?, source: raw.source })
        });
        rules.push(parsed.map_err(|fault| PlanError {
            line: 0,
            column: 0,
            message: format!("rule {}: {}", i + 1, fault.message),
            help: fault.help,
        })?);
    }
    if let Some(privacy) = &raw.privacy {
        check_privacy(privacy).map_err(|message| PlanError { line: 0, column: 0, message, help: None })?;
    }
    Ok(Plan { head: raw.plan, rules, privacy: raw.privacy })
}

fn rule(raw: RawRule) -> Result<Rule, Fault> {
    let span = raw.r#match.span();
    let matcher = matcher(raw.r#match.into_inner(), &span)?;
    let span = raw.action.span();
    Ok(Rule { matcher, action: action(raw.action.into_inner(), &span)?, source: raw.source })
}

fn matcher(raw: BTreeMap<String, String>, span: &Range<usize>) -> Result<Match, Fault> {
    const FORMS: [&str; 5] = ["kind", "column", "fhir", "dicom", "hl7"];
    let mut entries = raw.into_iter();
    let (Some((form, value)), None) = (entries.next(), entries.next()) else {
        return Err(Fault::at(span, "`match` takes exactly one of `kind`, `column`, `fhir`, `dicom`, `hl7`"));
    };
    match form.as_str() {
        "kind" => Kind::from_name(&value).map(Match::Kind).ok_or_else(|| {
            Fault::at(span, format!("unknown kind `{value}`"))
                .help(suggest(&value, Kind::ALL.iter().map(|kind| kind.name())))
        }),
        "column" => Ok(Match::Column(value)),
        "fhir" => Ok(Match::Fhir(value)),
        "dicom" => Ok(Match::Dicom(value)),
        "hl7" => Ok(Match::Hl7(value)),
        _ => Err(Fault::at(span, format!("unknown form of match `{form}`"))
            .help(suggest(&form, FORMS.into_iter()))),
    }
}

fn action(raw: Value, span: &Range<usize>) -> Result<Box<dyn Action>, Fault> {
    let (name, parameters) = match raw {
        Value::String(name) => (name, Value::Object(serde_json::Map::new())),
        Value::Object(map) if map.len() == 1 => map.into_iter().next().expect("one entry"),
        _ => {
            return Err(Fault::at(span, "an action is a name or one table `{ name = { parameters } }`")
                .help(Some("for example action = { generalize = { to = \"year\" } }".into())));
        }
    };
    let Some(method) = action::method(&name) else {
        return Err(Fault::at(span, format!("unknown action `{name}`"))
            .help(suggest(&name, METHODS.iter().map(|method| method.name))));
    };
    (method.parse)(parameters).map_err(|error| {
        Fault::at(span, format!("action `{name}`: {error}")).help(unknown_field_help(&error.0))
    })
}

fn check_privacy(privacy: &Privacy) -> Result<(), String> {
    let share = |name: &str, value: Option<f64>| match value {
        Some(v) if !(0.0..=1.0).contains(&v) => Err(format!("`{name}` must be from 0 to 1")),
        _ => Ok(()),
    };
    share("suppression", privacy.suppression)?;
    share("max-risk", privacy.max_risk)?;
    for words in &privacy.models {
        let model: Model = words.parse().map_err(|error: ModelError| error.to_string())?;
        if let Some(name) = model.attribute.filter(|name| !privacy.sensitive.contains(name)) {
            let help = suggest(&name, privacy.sensitive.iter().map(String::as_str));
            let help = help.map_or_else(String::new, |help| format!("; {help}"));
            return Err(format!("`{words}` is about `{name}`, which `sensitive` does not list{help}"));
        }
    }
    if let Some(metric) = &privacy.metric {
        metric.parse::<Metric>().map_err(|error| error.to_string())?;
    }
    if let Some(name) = privacy.sensitive.iter().find(|name| privacy.quasi_identifiers.contains(name)) {
        return Err(format!("`{name}` cannot be both quasi-identifier and sensitive"));
    }
    // Where no quasi-identifiers are listed, they are found by kind.
    let known = || privacy.quasi_identifiers.iter().chain(&privacy.sensitive);
    let stray =
        |name: &&String| !privacy.quasi_identifiers.is_empty() && !known().any(|other| other == *name);
    match privacy.hierarchies.keys().find(stray) {
        Some(name) => {
            let help = suggest(name, known().map(String::as_str));
            let help = help.map_or_else(String::new, |help| format!("; {help}"));
            Err(format!(
                "`hierarchies` names `{name}`, which is neither quasi-identifier nor sensitive{help}"
            ))
        }
        None => Ok(()),
    }
}

/// `did you mean ...` for serde's "unknown field `x`, expected one of `a`, `b`".
pub(crate) fn unknown_field_help(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    if !(message.contains("unknown field") || message.contains("unknown variant")) {
        return None;
    }
    let found = words.next()?.to_owned();
    suggest(&found, words)
}

/// The candidate nearest to `word`, if one is near enough to be meant.
pub(crate) fn suggest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[plan]\nname = \"t\"\nversion = 1\nrelease-model = \"controlled\"\n";

    fn error(rest: &str) -> String {
        Plan::from_toml(&format!("{HEAD}{rest}")).unwrap_err().to_string()
    }

    #[test]
    fn faults_are_named_with_line_column_and_suggestion() {
        let rule = |m: &str, a: &str| format!("[[rule]]\nmatch = {m}\naction = {a}\n");
        assert_eq!(
            error(&rule("{ kind = \"person-nam\" }", "\"redact\"")),
            "line 6, column 9: unknown kind `person-nam`; did you mean `person-name`?"
        );
        assert_eq!(
            error(&rule("{ column = \"x\" }", "\"redcat\"")),
            "line 7, column 10: unknown action `redcat`; did you mean `redact`?"
        );
        assert!(
            error(&rule("{ column = \"x\" }", "{ pseudonymize = { lenght = 9 } }"))
                .contains("did you mean `length`?")
        );
        assert!(error(&rule("{ column = \"x\", kind = \"age\" }", "\"keep\"")).contains("exactly one"));
        assert!(error("[[rulez]]\n").contains("line 5"));
        assert!(error("[privacy]\nmax-risk = 2.0\n").contains("from 0 to 1"));
    }

    #[test]
    fn toml_and_json_are_the_same_plan() {
        let toml = format!(
            "{HEAD}[[rule]]\nmatch = {{ kind = \"phone\" }}\naction = {{ pseudonymize = {{ length = 16 }} }}\n"
        );
        let plan = Plan::from_toml(&toml).unwrap();
        let again = Plan::from_json(&plan.to_json().to_string()).unwrap();
        assert_eq!(plan.digest(), again.digest());
        assert_eq!(
            plan.to_json()["rule"][0]["action"],
            "pseudonymize",
            "defaults are left out of the canonical form"
        );
    }

    #[test]
    fn json_faults_name_the_rule() {
        let error = Plan::from_json(
            r#"{"plan":{"name":"t","version":1,"release-model":"public"},"rule":[{"match":{"column":"x"},"action":"nope"}]}"#,
        )
        .unwrap_err();
        assert!(error.to_string().starts_with("rule 1: unknown action `nope`"));
    }
}
