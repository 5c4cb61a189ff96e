//! Configurations of Microsoft's FHIR anonymizer, read as plans.
//!
//! The configuration's `fhirPathRules` become rules on FHIR paths in the same order, because there, too, the first rule that reaches an
//! element decides; what no rule reaches is kept, as that tool does. What it documents and a plan cannot say, or says otherwise, is told in
//! [`Imported::notes`]: above all, **keys stay behind**. A plan is published; hashes, ciphertexts and shifts come from the key
//! file, so they are as consistent as that tool's and differ from them.
//!
//! | method there | action here |
//! |---|---|
//! | keep, redact | `keep`, `redact` (`enablePartial...ForRedact` become `partial`) |
//! | dateShift | `shift-date` by at most 50 days |
//! | cryptoHash | `hash` |
//! | encrypt | `encrypt` |
//! | substitute | `substitute` |
//! | perturb | `perturb` |
//! | generalize | `recode` |
//!
//! Source: "FHIR Data Anonymization" in the documentation of Tools for Health Data Anonymization. Like that tool, comments and
//! trailing commas are read over, and names of methods and settings are taken without regard to case.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Plan;
use super::parse::{place, suggest};
use crate::action;

/// A configuration as a plan.
#[derive(Debug)]
pub struct Imported {
    /// The plan as TOML, the notes as comments in it.
    pub text: String,
    /// The same, read.
    pub plan: Plan,
    /// What a person should know: settings left behind, behaviour that differs.
    pub notes: Vec<String>,
}

/// Why a text is no configuration that can be followed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub help: Option<String>,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ImportError {}

/// Reads a configuration.
pub fn import(text: &str) -> Result<Imported, ImportError> {
    let plain = without_comments(text);
    let at = |fault: Fault| {
        let (line, column) = place(text, fault.offset);
        ImportError { line, column, message: fault.message, help: fault.help }
    };
    let root: &RawValue = serde_json::from_str(&plain).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line").next().unwrap_or_default().to_owned();
        // serde_json counts bytes.
        let before: usize =
            plain.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        at(Fault { offset: before + error.column().saturating_sub(1), message, help: None })
    })?;
    let configuration = Configuration::read(Node { raw: root, text: &plain }).map_err(at)?;
    let text = configuration.to_toml();
    let plan = Plan::from_toml(&text).map_err(|error| {
        let offset = configuration.rules.first().map_or(0, |rule| rule.offset);
        at(Fault { offset, message: format!("the plan made of it: {}", error.message), help: error.help })
    })?;
    Ok(Imported { text, plan, notes: configuration.notes })
}

/// A configuration, understood.
struct Configuration {
    rules: Vec<ImportedRule>,
    skip_errors: bool,
    notes: Vec<String>,
}

struct ImportedRule {
    offset: usize,
    path: String,
    action: Value,
}

/// The block `parameters`.
#[derive(Default)]
struct Parameters {
    partial: Vec<&'static str>,
    restricted_zips: Vec<String>,
    fixed_days: Option<i64>,
}

const METHODS: [&str; 8] =
    ["keep", "redact", "dateShift", "cryptoHash", "encrypt", "substitute", "perturb", "generalize"];

impl Configuration {
    fn read(root: Node<'_>) -> Result<Self, Fault> {
        let root_object = root.object("a configuration")?;
        let mut notes = vec![
            "release-model, name and version are not part of that configuration: set them before the plan is used".to_owned(),
        ];
        if let Some(version) = root_object.get("fhirVersion").filter(|node| !node.is_null()) {
            let name = version.text("`fhirVersion`")?;
            if !(name.is_empty() || name.eq_ignore_ascii_case("R4")) {
                return Err(version
                    .fault(format!("`fhirVersion` `{name}` is not supported"))
                    .help("resources are read as FHIR R4"));
            }
        }
        let skip_errors = match root_object.get("processingErrors").filter(|node| !node.is_null()) {
            None => false,
            Some(node) => node.choice("`processingErrors`", &["raise", "skip"])? == "skip",
        };
        if skip_errors {
            notes.push(
                "processingErrors: a value that cannot be processed is removed; that tool empties its whole resource".to_owned(),
            );
        }
        let parameters = match root_object.get("parameters").filter(|node| !node.is_null()) {
            None => Parameters::default(),
            Some(node) => Parameters::read(node, &mut notes)?,
        };
        let Some(rules) = root_object.get("fhirPathRules").filter(|node| !node.is_null()) else {
            return Err(root.fault("`fhirPathRules` is missing"));
        };
        const KNOWN: [&str; 4] = ["fhirVersion", "processingErrors", "fhirPathRules", "parameters"];
        for name in root_object.names().filter(|name| !KNOWN.iter().any(|k| k.eq_ignore_ascii_case(name))) {
            let help = suggest(name, KNOWN.into_iter()).map(|help| format!(" ({help})")).unwrap_or_default();
            notes.push(format!("`{name}` is no setting of that tool and is passed over{help}"));
        }
        let rules = rules
            .array("`fhirPathRules`")?
            .into_iter()
            .enumerate()
            .map(|(i, node)| {
                ImportedRule::read(node, i + 1, &parameters, &mut notes).map_err(|mut fault| {
                    fault.message = format!("rule {}: {}", i + 1, fault.message);
                    fault
                })
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        explain(&rules, &parameters, &mut notes);
        Ok(Configuration { rules, skip_errors, notes })
    }

    fn to_toml(&self) -> String {
        let mut text = String::from(
            "# Imported from a configuration of Microsoft's FHIR anonymizer.\n#\n# What to know:\n",
        );
        for note in &self.notes {
            // A name out of the configuration must not end the comment.
            text.push_str(&format!("# - {}\n", note.replace(char::is_control, " ")));
        }
        text.push_str(
            "\n[plan]\nname = \"imported\"\nversion = 1\nrelease-model = \"controlled\"\n\
             title = \"Imported from a configuration of Microsoft's FHIR anonymizer\"\n\
             title-zh = \"由 Microsoft FHIR 匿名化工具的配置导入\"\n\
             basis = [\"Tools for Health Data Anonymization, FHIR configuration\"]\n\
             unmatched = \"keep\"\n",
        );
        if self.skip_errors {
            text.push_str("invalid = \"redact\"\n");
        }
        for (i, rule) in self.rules.iter().enumerate() {
            text.push_str(&format!(
                "\n[[rule]]\nmatch = {{ fhir = {} }}\naction = {}\nsource = \"configuration, rule {}\"\n",
                inline(&json!(rule.path)),
                inline(&rule.action),
                i + 1
            ));
        }
        text
    }
}

impl Parameters {
    fn read(node: Node<'_>, notes: &mut Vec<String>) -> Result<Self, Fault> {
        let object = node.object("`parameters`")?;
        let mut parameters = Parameters::default();
        let mut keys = Vec::new();
        for (name, node) in object.entries() {
            match name.to_ascii_lowercase().as_str() {
                "dateshiftkey" | "cryptohashkey" | "encryptkey" => {
                    if !node.is_null() && !node.text(&format!("`{name}`"))?.is_empty() {
                        keys.push(format!("`{name}`"));
                    }
                }
                "dateshiftscope" => {
                    if !node.is_null() {
                        node.choice("`dateShiftScope`", &["resource", "file", "folder"])?;
                    }
                }
                "dateshiftfixedoffsetindays" => {
                    if !node.is_null() {
                        parameters.fixed_days = Some(node.integer("`dateShiftFixedOffsetInDays`")?);
                    }
                }
                "enablepartialdatesforredact" => parameters.enable("date", node, name)?,
                "enablepartialagesforredact" => parameters.enable("age", node, name)?,
                "enablepartialzipcodesforredact" => parameters.enable("zip", node, name)?,
                "restrictedzipcodetabulationareas" => {
                    if !node.is_null() {
                        for item in node.array(&format!("`{name}`"))? {
                            let prefix = item.text(&format!("an entry of `{name}`"))?;
                            if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
                                return Err(item.fault(format!("an entry of `{name}` must be digits")));
                            }
                            parameters.restricted_zips.push(prefix);
                        }
                    }
                }
                _ => notes.push(format!("parameter `{name}` is passed over")),
            }
        }
        if !keys.is_empty() {
            notes.push(format!(
                "{} stay behind: keys do not belong in a plan; pseudonyms, ciphertexts and shifts come from the key file and differ from that tool's",
                keys.join(", ")
            ));
        }
        Ok(parameters)
    }

    fn enable(&mut self, part: &'static str, node: Node<'_>, name: &str) -> Result<(), Fault> {
        if node.boolean(&format!("`{name}`"))? {
            self.partial.push(part);
        }
        Ok(())
    }

    fn redact(&self) -> Value {
        if self.partial.is_empty() {
            return json!("redact");
        }
        // In the order of the documentation, whatever the order of the configuration.
        let partial: Vec<&str> =
            ["date", "age", "zip"].into_iter().filter(|part| self.partial.contains(part)).collect();
        let mut settings = json!({ "partial": partial });
        if partial.contains(&"zip") && !self.restricted_zips.is_empty() {
            settings["restricted-zips"] = json!(self.restricted_zips);
        }
        json!({ "redact": settings })
    }

    /// That tool shifts whole days, writes the time of day as zeros and redacts what it cannot shift.
    fn shift(&self) -> Value {
        json!({ "shift-date": { "max-days": LARGEST_SHIFT } })
    }
}

/// That tool's shifts go up to 50 days either way.
const LARGEST_SHIFT: u32 = 50;

impl ImportedRule {
    fn read(
        node: Node<'_>,
        number: usize,
        parameters: &Parameters,
        notes: &mut Vec<String>,
    ) -> Result<Self, Fault> {
        let object = node.object("a rule")?;
        let required =
            |name: &str| object.get(name).ok_or_else(|| node.fault(format!("`{name}` is missing")));
        let path = required("path")?.text("`path`")?;
        if path.trim().is_empty() {
            return Err(required("path")?.fault("`path` is empty"));
        }
        let method = required("method")?.choice("`method`", &METHODS)?;
        let mut known = vec!["path", "method"];
        let action = match method {
            "keep" => json!("keep"),
            "redact" => parameters.redact(),
            "dateShift" => parameters.shift(),
            "cryptoHash" => json!("hash"),
            "encrypt" => json!("encrypt"),
            "substitute" => {
                known.push("replaceWith");
                substitute(required("replaceWith")?)?
            }
            "perturb" => {
                known.extend(["span", "rangeType", "roundTo"]);
                perturb(required("span")?, &object)?
            }
            _ => {
                known.extend(["cases", "otherValues"]);
                generalize(required("cases")?, &object)?
            }
        };
        for name in object.names().filter(|name| !known.iter().any(|k| k.eq_ignore_ascii_case(name))) {
            notes.push(format!("rule {number}: `{name}` is no setting of {method} and is passed over"));
        }
        Ok(ImportedRule { offset: node.offset(), path: corrected(path, number, notes), action })
    }
}

/// The sample that many configurations start from misspells an element, so that its rule does nothing there.
fn corrected(path: String, number: usize, notes: &mut Vec<String>) -> String {
    const MISSPELT: (&str, &str) = ("notAvaliable", "notAvailable");
    if !path.contains(MISSPELT.0) {
        return path;
    }
    notes.push(format!(
        "rule {number}: `{}` is no element of FHIR R4 and is read as `{}`; that tool passes the rule over",
        MISSPELT.0, MISSPELT.1
    ));
    path.replace(MISSPELT.0, MISSPELT.1)
}

fn substitute(with: Node<'_>) -> Result<Value, Fault> {
    let value: Value = with.read("`replaceWith`")?;
    Ok(json!({ "substitute": { "with": value } }))
}

fn perturb(span: Node<'_>, object: &Object<'_>) -> Result<Value, Fault> {
    let width = span.number("`span`")?;
    if width < 0.0 {
        return Err(span.fault("`span` must not be negative"));
    }
    let mut settings = json!({ "span": width });
    if let Some(node) = object.get("rangeType").filter(|node| !node.is_null())
        && node.choice("`rangeType`", &["fixed", "proportional"])? == "proportional"
    {
        settings["range"] = json!("proportional");
    }
    let decimals = match object.get("roundTo").filter(|node| !node.is_null()) {
        None => 2,
        Some(node) => match node.integer("`roundTo`")? {
            places @ 0..=28 => places,
            _ => return Err(node.fault("`roundTo` must be from 0 to 28")),
        },
    };
    settings["decimals"] = json!(decimals);
    Ok(json!({ "perturb": settings }))
}

fn generalize(cases: Node<'_>, object: &Object<'_>) -> Result<Value, Fault> {
    let recode = action::method("recode").expect("`recode` is registered");
    let mut listed = Vec::new();
    for (when, node) in cases.object("`cases`")?.entries() {
        let value = match node.read::<Value>("a case")? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return Err(node.fault("the result of a case is written as a text")),
        };
        let case = json!({ "when": when, "value": value });
        (recode.parse)(json!({ "cases": [case] })).map_err(|error| {
            // Each case is checked alone, so that the fault is at its place.
            let message = error.0.replacen("case 1", &format!("case {}", listed.len() + 1), 1);
            node.fault(message).help("conditions and results are FHIRPath over `$this`")
        })?;
        listed.push(case);
    }
    let mut settings = json!({ "cases": listed });
    if let Some(node) = object.get("otherValues").filter(|node| !node.is_null())
        && node.choice("`otherValues`", &["redact", "keep"])? == "keep"
    {
        settings["otherwise"] = json!("keep");
    }
    Ok(json!({ "recode": settings }))
}

/// Notes on methods that behave otherwise here, each once.
fn explain(rules: &[ImportedRule], parameters: &Parameters, notes: &mut Vec<String>) {
    if uses(rules, "shift-date") {
        notes.push(
            "dateShift: the time of day stays, which that tool writes as zeros; a date without a day cannot be shifted and is removed, its year too; a date that shows an age over 89 is shifted like any other".to_owned(),
        );
        notes.push(
            "dateShift: the shift belongs to the patient, in all files of a study, whatever `dateShiftScope` says; it is never 0".to_owned(),
        );
        if parameters.fixed_days.is_some() {
            notes.push(
                "dateShiftFixedOffsetInDays is passed over: a shift that the plan tells protects nothing"
                    .to_owned(),
            );
        }
    }
    if uses(rules, "encrypt") {
        notes.push(
            "encrypt: AES-SIV under the key file in place of AES-CBC, so that equal values of a study stay equal".to_owned(),
        );
    }
    if uses(rules, "redact") && parameters.partial.contains(&"date") {
        notes.push(
            "enablePartialDatesForRedact: ages are reckoned at the day `as-of` of the action, not at today's date, so that a run can be repeated".to_owned(),
        );
    }
}

fn uses(rules: &[ImportedRule], name: &str) -> bool {
    rules.iter().any(|rule| match &rule.action {
        Value::String(action) => action == name,
        other => other.get(name).is_some(),
    })
}

/// A JSON value as TOML on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        // TOML has no null; actions take an empty text for nothing.
        Value::Null => "\"\"".to_owned(),
        other => other.to_string(),
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { name.to_owned() } else { toml::Value::from(name).to_string() }
}

/// A fault at a byte of the text.
#[derive(Debug)]
struct Fault {
    offset: usize,
    message: String,
    help: Option<String>,
}

impl Fault {
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A JSON value that knows where it stands.
#[derive(Clone, Copy)]
struct Node<'a> {
    raw: &'a RawValue,
    text: &'a str,
}

impl<'a> Node<'a> {
    fn offset(self) -> usize {
        // The raw value borrows from the text, so the difference of addresses is the place in it.
        (self.raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    fn fault(self, message: impl Into<String>) -> Fault {
        Fault { offset: self.offset(), message: message.into(), help: None }
    }

    fn is_null(self) -> bool {
        self.raw.get() == "null"
    }

    fn read<T: Deserialize<'a>>(self, what: &str) -> Result<T, Fault> {
        serde_json::from_str(self.raw.get()).map_err(|_| self.fault(format!("{what} is of the wrong type")))
    }

    fn text(self, what: &str) -> Result<String, Fault> {
        self.read(what).map_err(|_| self.fault(format!("{what} must be a text")))
    }

    fn boolean(self, what: &str) -> Result<bool, Fault> {
        self.read(what).map_err(|_| self.fault(format!("{what} must be `true` or `false`")))
    }

    /// That tool takes numbers in quotes, too.
    fn number(self, what: &str) -> Result<f64, Fault> {
        let text = self.raw.get().trim_matches('"');
        text.parse::<f64>()
            .ok()
            .filter(|n| n.is_finite())
            .ok_or_else(|| self.fault(format!("{what} must be a number")))
    }

    fn integer(self, what: &str) -> Result<i64, Fault> {
        self.raw
            .get()
            .trim_matches('"')
            .parse()
            .map_err(|_| self.fault(format!("{what} must be a whole number")))
    }

    fn choice(self, what: &str, words: &[&'static str]) -> Result<&'static str, Fault> {
        let found = self.text(what)?;
        words.iter().copied().find(|word| word.eq_ignore_ascii_case(&found)).ok_or_else(|| {
            let mut fault = self.fault(format!("{what} must be one of {}, not `{found}`", words.join(", ")));
            fault.help = suggest(&found, words.iter().copied());
            fault
        })
    }

    fn array(self, what: &str) -> Result<Vec<Node<'a>>, Fault> {
        let items: Vec<&RawValue> =
            self.read(what).map_err(|_| self.fault(format!("{what} must be a list")))?;
        Ok(items.into_iter().map(|raw| Node { raw, text: self.text }).collect())
    }

    fn object(self, what: &str) -> Result<Object<'a>, Fault> {
        let Entries(entries) =
            self.read(what).map_err(|_| self.fault(format!("{what} must be an object")))?;
        for (i, (name, raw)) in entries.iter().enumerate() {
            if entries[..i].iter().any(|(earlier, _)| earlier == name) {
                let node = Node { raw, text: self.text };
                return Err(node.fault(format!("`{name}` is given twice")));
            }
        }
        Ok(Object { entries, text: self.text })
    }
}

/// An object with its members in order.
struct Object<'a> {
    entries: Vec<(String, &'a RawValue)>,
    text: &'a str,
}

impl<'a> Object<'a> {
    fn get(&self, name: &str) -> Option<Node<'a>> {
        let entry = self.entries.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(Node { raw: entry.1, text: self.text })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    fn entries(&self) -> impl Iterator<Item = (&str, Node<'a>)> {
        self.entries.iter().map(|(name, raw)| (name.as_str(), Node { raw, text: self.text }))
    }
}

/// Members in order, duplicates included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// The text with comments, trailing commas and a byte-order mark blanked out, every other byte where it was.
fn without_comments(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    let mut comma = None;
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes[..3].fill(b' ');
    }
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                comma = None;
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'/' if matches!(bytes.get(at + 1), Some(b'/' | b'*')) => {
                let block = bytes[at + 1] == b'*';
                let rest = &bytes[at + 2..];
                let end = if block {
                    rest.windows(2).position(|pair| pair == b"*/").map_or(bytes.len(), |n| at + n + 4)
                } else {
                    rest.iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n + 2)
                };
                for byte in bytes[at..end].iter_mut().filter(|byte| **byte != b'\n') {
                    *byte = b' ';
                }
                at = end;
                continue;
            }
            b',' => comma = Some(at),
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    bytes[comma] = b' ';
                }
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => comma = None,
        }
        at += 1;
    }
    String::from_utf8(bytes).expect("whole characters were blanked out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Invalid, Match, Unmatched};

    /// The action that one rule becomes.
    fn mapped(rule: &str, parameters: &str) -> Value {
        let text = format!(r#"{{ "fhirPathRules": [{rule}], "parameters": {parameters} }}"#);
        read(&text).unwrap_or_else(|fault| panic!("{rule}: {}", fault.message)).rules.remove(0).action
    }

    fn read(text: &str) -> Result<Configuration, Fault> {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        Configuration::read(Node { raw, text })
    }

    fn refused(text: &str) -> String {
        import(text).unwrap_err().to_string()
    }

    #[test]
    fn each_method_has_its_action() {
        let plain =
            |method: &str| mapped(&format!(r#"{{"path": "Patient.id", "method": "{method}"}}"#), "{}");
        assert_eq!(plain("keep"), "keep");
        assert_eq!(plain("redact"), "redact");
        assert_eq!(plain("dateshift"), json!({ "shift-date": { "max-days": 50 } }));
        assert_eq!(plain("cryptoHash"), "hash");
        assert_eq!(plain("ENCRYPT"), "encrypt");
    }

    #[test]
    fn redaction_keeps_the_parts_that_the_parameters_allow() {
        let rule = r#"{"path": "Patient.birthDate", "method": "redact"}"#;
        assert_eq!(
            mapped(
                rule,
                r#"{"enablePartialZipCodesForRedact": true, "enablePartialDatesForRedact": true, "enablePartialAgesForRedact": false,
                    "restrictedZipCodeTabulationAreas": ["036", "059"]}"#
            ),
            json!({ "redact": { "partial": ["date", "zip"], "restricted-zips": ["036", "059"] } })
        );
        assert_eq!(
            mapped(rule, r#"{"restrictedZipCodeTabulationAreas": ["036"]}"#),
            "redact",
            "the list counts only where postcodes are kept in part"
        );
    }

    #[test]
    fn perturbation_has_its_span_range_and_rounding() {
        let perturb = |settings: &str| {
            mapped(&format!(r#"{{"path": "Condition.onset as Age", "method": "perturb", {settings}}}"#), "{}")
                ["perturb"]
                .take()
        };
        assert_eq!(perturb(r#""span": 6"#), json!({ "span": 6.0, "decimals": 2 }));
        assert_eq!(
            perturb(r#""span": "0.1", "rangeType": "proportional", "roundTo": "0""#),
            json!({ "span": 0.1, "range": "proportional", "decimals": 0 })
        );
        assert_eq!(
            perturb(r#""span": 6, "rangeType": "Fixed", "roundTo": 0"#),
            json!({ "span": 6.0, "decimals": 0 })
        );
    }

    #[test]
    fn generalization_has_its_cases_in_order() {
        let rule = r#"{
            "path": "Observation.value.ofType(Quantity).value", "method": "generalize", "otherValues": "keep",
            "cases": { "$this >= 20 and $this < 40": "40", "$this >= 0": 20, "true": "($this div 10)*10" }
        }"#;
        assert_eq!(
            mapped(rule, "{}"),
            json!({ "recode": { "cases": [
                { "when": "$this >= 20 and $this < 40", "value": "40" },
                { "when": "$this >= 0", "value": "20" },
                { "when": "true", "value": "($this div 10)*10" },
            ], "otherwise": "keep" } })
        );
    }

    #[test]
    fn substitutes_are_texts_or_fragments() {
        let with = |value: &str| {
            mapped(
                &format!(r#"{{"path": "Patient.address", "method": "substitute", "replaceWith": {value}}}"#),
                "{}",
            )
        };
        assert_eq!(with(r#""12233""#), json!({ "substitute": { "with": "12233" } }));
        assert_eq!(with(r#"{"city": "x"}"#), json!({ "substitute": { "with": { "city": "x" } } }));
    }

    #[test]
    fn a_configuration_is_a_plan_with_its_rules_in_order() {
        let imported = import(
            r#"{
                // comments and trailing commas are read over
                "fhirVersion": "R4", "processingErrors": "skip",
                "fhirPathRules": [
                    {"path": "nodesByType('HumanName').use", "method": "keep"},
                    {"path": "nodesByType('HumanName')", "method": "redact"}, /* the rest */
                ],
            }"#,
        )
        .unwrap();
        let plan = &imported.plan;
        assert_eq!(plan.head.unmatched, Unmatched::Keep, "what no rule reaches is kept there");
        assert_eq!(plan.head.invalid, Invalid::Redact);
        let paths: Vec<&Match> = plan.rules.iter().map(|rule| &rule.matcher).collect();
        assert_eq!(
            paths,
            [
                &Match::Fhir("nodesByType('HumanName').use".into()),
                &Match::Fhir("nodesByType('HumanName')".into())
            ]
        );
        assert_eq!(plan.rules[1].source.as_deref(), Some("configuration, rule 2"));
    }

    #[test]
    fn keys_stay_behind_and_a_note_says_so() {
        let text = r#"{"fhirPathRules": [{"path": "Patient.id", "method": "keep"}],
            "parameters": {"dateShiftKey": "hunter2", "cryptoHashKey": "hunter3", "encryptKey": ""}}"#;
        let imported = import(text).unwrap();
        assert!(!imported.text.contains("hunter"));
        assert!(imported.notes.iter().any(|n| n.starts_with("`dateShiftKey`, `cryptoHashKey` stay behind")));
    }

    #[test]
    fn names_out_of_the_configuration_cannot_leave_their_comment() {
        let text =
            r#"{"fhirPathRules": [], "x\n[[rule]]\nmatch = { column = \"*\" }\naction = \"keep\"": 1}"#;
        let imported = import(text).unwrap();
        assert!(imported.plan.rules.is_empty());
        assert!(imported.notes.iter().any(|note| note.contains("passed over")));
        let path =
            r#"{"fhirPathRules": [{"path": "Patient.where(a='\"\"\"\n[[rule]]\\')", "method": "keep"}]}"#;
        let plan = import(path).unwrap().plan;
        assert_eq!(plan.rules[0].matcher, Match::Fhir("Patient.where(a='\"\"\"\n[[rule]]\\')".into()));
    }

    #[test]
    fn a_misspelt_element_of_the_sample_is_corrected() {
        let text = r#"{"fhirPathRules": [{"path": "HealthcareService.notAvaliable.description", "method": "redact"}]}"#;
        let imported = import(text).unwrap();
        assert_eq!(
            imported.plan.rules[0].matcher,
            Match::Fhir("HealthcareService.notAvailable.description".into())
        );
        assert!(imported.notes.iter().any(|note| note.contains("notAvaliable")));
    }

    #[test]
    fn faults_have_their_line_column_and_suggestion() {
        for (text, fault) in [
            ("{\n  \"fhirPathRules\": [", "line 2, column 20: EOF while parsing a list"),
            ("{ é: 1 }", "line 1, column 3: key must be a string"),
            ("[]", "line 1, column 1: a configuration must be an object"),
            ("{}", "line 1, column 1: `fhirPathRules` is missing"),
            (
                "{\"fhirVersion\": \"Stu3\", \"fhirPathRules\": []}",
                "line 1, column 17: `fhirVersion` `Stu3` is not supported; resources are read as FHIR R4",
            ),
            (
                "{\"processingErrors\": \"raze\", \"fhirPathRules\": []}",
                "line 1, column 22: `processingErrors` must be one of raise, skip, not `raze`; did you mean `raise`?",
            ),
            (
                "{\"fhirPathRules\": [\n  {\"path\": \"Patient.id\", \"method\": \"redcat\"}\n]}",
                "line 2, column 36: rule 1: `method` must be one of keep, redact, dateShift, cryptoHash, encrypt, substitute, perturb, generalize, not `redcat`; did you mean `redact`?",
            ),
            ("{\"fhirPathRules\": [{\"path\": \"a\"}]}", "line 1, column 20: rule 1: `method` is missing"),
            (
                "{\"fhirPathRules\": [{\"path\": \"a\", \"path\": \"b\", \"method\": \"keep\"}]}",
                "line 1, column 42: rule 1: `path` is given twice",
            ),
            (
                "{\"fhirPathRules\": [{\"path\": \"a\", \"method\": \"perturb\", \"span\": -1}]}",
                "line 1, column 63: rule 1: `span` must not be negative",
            ),
            (
                "{\"fhirPathRules\": [{\"path\": \"a\", \"method\": \"generalize\", \"cases\": {\"true\": \"1\", \"$this >\": \"1\"}}]}",
                "line 1, column 92: rule 1: case 2, `when`: column 8: a value is missing; conditions and results are FHIRPath over `$this`",
            ),
            (
                "{\"fhirPathRules\": [], \"parameters\": {\"dateShiftScope\": \"patient\"}}",
                "line 1, column 56: `dateShiftScope` must be one of resource, file, folder, not `patient`",
            ),
            (
                "{\"fhirPathRules\": [], \"parameters\": {\"enablePartialAgesForRedact\": 1}}",
                "line 1, column 68: `enablePartialAgesForRedact` must be `true` or `false`",
            ),
        ] {
            assert_eq!(refused(text), fault, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[{}\\[\\]:,\"/*\\\\ a\u{e9}\n]{0,40}") {
            let _ = import(&text);
        }
    }
}
