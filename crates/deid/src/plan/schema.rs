//! What is published of plans: their JSON Schema and the reference of actions and kinds.
//!
//! Both are made from the registry of actions and the list of kinds, so that they cannot tell other than what is read. The files
//! `docs/plan.schema.json` and the second half of `docs/plans.md` are this module's output; a test fails while they are not.

use serde_json::{Map, Value, json};

use crate::action::{METHODS, Method, Parameter, ParameterError, Shape};
use crate::hierarchy;
use crate::kind::{Class, Kind, Text};
use crate::metric::Metric;

/// The JSON Schema (draft 2020-12) of the JSON form of plans, which TOML editors use for the TOML form, too.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:medveil:schema:plan:1",
        "title": "Medveil plan",
        "description": "What happens to what, for which purpose. The first rule that matches decides. · 脱敏方案：按用途规定如何处理各项数据，首条匹配的规则生效。",
        "type": "object",
        "required": ["plan"],
        "additionalProperties": false,
        "properties": {
            "plan": { "$ref": "#/$defs/head" },
            "rule": {
                "description": "In order of precedence. · 按优先顺序排列。",
                "type": "array",
                "items": { "$ref": "#/$defs/rule" },
            },
            "privacy": { "$ref": "#/$defs/privacy" },
        },
        "$defs": {
            "head": head(),
            "rule": {
                "type": "object",
                "required": ["match", "action"],
                "additionalProperties": false,
                "properties": {
                    "match": { "$ref": "#/$defs/match" },
                    "action": { "$ref": "#/$defs/action" },
                    "source": { "type": "string", "description": "The clause that asks for it. · 依据的条款。" },
                },
            },
            "match": matcher(),
            "kind": {
                "oneOf": Kind::ALL
                    .iter()
                    .map(|kind| json!({ "const": kind.name(), "title": both(kind.title()) }))
                    .collect::<Vec<_>>(),
            },
            "action": actions(),
            "hierarchy": hierarchies(),
            "privacy": privacy(),
        },
    })
}

/// The schema as the text of its file.
pub fn schema_text() -> String {
    let mut text =
        serde_json::to_string_pretty(&super::canonical(schema())).expect("a JSON value has a text");
    text.push('\n');
    text
}

/// Every action and kind, as Markdown.
pub fn reference_markdown() -> String {
    let mut text = String::from("## Actions · 处理方法\n");
    for method in METHODS {
        text.push_str(&format!(
            "\n### `{}`\n\n{}  \n{}\n",
            method.name, method.summary.en, method.summary.zh
        ));
        parameter_table(method.parameters, &required(method.parameters, &refuses(method)), &mut text);
        text.push_str(&format!(
            "\nGuarantee: {}  \n保证：{}  \nSource: {}\n",
            method.guarantee.en, method.guarantee.zh, method.citation
        ));
    }
    hierarchies_markdown(&mut text);
    text.push_str("\n## Kinds · 标识种类\n\n| kind | meaning | class |\n|---|---|---|\n");
    for kind in Kind::ALL {
        text.push_str(&format!("| `{}` | {} | {} |\n", kind.name(), both(kind.title()), class(kind.class())));
    }
    text
}

/// The table of what can be set.
fn parameter_table(parameters: &[Parameter], required: &[&str], text: &mut String) {
    if parameters.is_empty() {
        return;
    }
    text.push_str("\n| parameter | values | default | meaning |\n|---|---|---|---|\n");
    for parameter in parameters {
        let default = match parameter.default {
            Some(default) => format!("`{default}`"),
            None if required.contains(&parameter.name) => "required".to_owned(),
            None => String::new(),
        };
        let cells = [
            format!("`{}`", parameter.name),
            values(&parameter.shape),
            default,
            format!("{}<br>{}", parameter.doc.en, parameter.doc.zh),
        ];
        text.push_str(&format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
}

fn hierarchies_markdown(text: &mut String) {
    text.push_str(
        "\n## Hierarchies · 泛化层次\n\nFor `[privacy.hierarchies]`: how the values of a column are generalised, level by level. Level 0 are the values \
         themselves, the last level is `*`. An empty value stays empty.  \n用于 `[privacy.hierarchies]`：各列取值如何逐级泛化。第 0 级为原值，最后一级为 `*`；\
         空值保持为空。\n",
    );
    for method in hierarchy::METHODS {
        text.push_str(&format!(
            "\n### Hierarchy `{}`\n\n{}  \n{}\n",
            method.name, method.summary.en, method.summary.zh
        ));
        parameter_table(method.parameters, &required(method.parameters, &refuses_hierarchy(method)), text);
        if let Some(parameter) = method.short {
            text.push_str(&format!("\nA text alone is its `{parameter}`.  \n只写文本即为 `{parameter}`。\n"));
        }
        text.push_str(&format!("\nSource: {}\n", method.citation));
    }
}

fn both(text: Text) -> String {
    format!("{} · {}", text.en, text.zh)
}

fn class(class: Class) -> &'static str {
    match class {
        Class::DirectIdentifier => "direct identifier · 直接标识符",
        Class::QuasiIdentifier => "quasi-identifier · 准标识符",
        Class::Sensitive => "sensitive · 敏感属性",
        Class::FreeText => "free text · 自由文本",
        Class::Other => "other · 其他",
    }
}

fn values(shape: &Shape) -> String {
    match shape {
        Shape::Boolean => "`true`, `false`".into(),
        Shape::Integer(low, high) => format!("whole number, {low} to {high}"),
        Shape::Number(low, high) => {
            match (low.is_finite() && *low > f64::MIN, high.is_finite() && *high < f64::MAX) {
                (true, true) => format!("number, {low} to {high}"),
                (true, false) => format!("number, at least {low}"),
                (false, true) => format!("number, at most {high}"),
                (false, false) => "number".into(),
            }
        }
        Shape::Text => "text".into(),
        Shape::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::List(item) => format!("list of: {}", values(item)),
        Shape::Any => "see meaning".into(),
    }
}

fn head() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "required": ["name", "version", "release-model"],
        "additionalProperties": false,
        "properties": {
            "name": text("The plan's name. · 方案名称。"),
            "version": { "type": "integer", "minimum": 0, "maximum": u32::MAX, "description": "Counts up with every change. · 每次修改递增。" },
            "release-model": {
                "enum": ["public", "controlled", "enclave"],
                "description": "Who will see the release: anybody, named recipients under contract, or nobody outside a protected environment. · 公开、受控或领地共享。",
            },
            "title": text("One sentence on what the plan is for, in English. · 英文用途说明。"),
            "title-zh": text("The same in Chinese. · 中文用途说明。"),
            "basis": {
                "type": "array",
                "items": { "type": "string" },
                "description": "The laws and standards that it rests on. · 依据的法律与标准。",
            },
            "unmatched": {
                "enum": ["drop", "keep"],
                "default": "drop",
                "description": "What happens to what no rule matches. · 未匹配任何规则的数据如何处理。",
            },
            "invalid": {
                "enum": ["fail", "redact"],
                "default": "fail",
                "description": "What happens to a value that its action cannot read. · 无法解读的值如何处理。",
            },
            "subject": text("The column that tells whose record a row is; found by kind where left out. · 标明记录所属患者的列。"),
            "suite": {
                "enum": ["international", "national"],
                "default": "international",
                "description": "The cryptographic suite. · 密码套件（国际或国密）。",
            },
        },
    })
}

fn matcher() -> Value {
    let forms = [
        ("kind", json!({ "$ref": "#/$defs/kind" })),
        (
            "column",
            json!({ "type": "string", "description": "A column's name; `*` stands for any letters. · 列名，`*` 代表任意字符。" }),
        ),
        (
            "fhir",
            json!({ "type": "string", "description": "A path in the supported FHIRPath. · FHIRPath 路径。" }),
        ),
        ("dicom", json!({ "type": "string", "description": "A tag or keyword. · DICOM 标签或关键字。" })),
        ("hl7", json!({ "type": "string", "description": "A field, such as PID-5. · HL7 字段，如 PID-5。" })),
    ];
    let properties: Map<String, Value> =
        forms.into_iter().map(|(name, form)| (name.to_owned(), form)).collect();
    json!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
        "properties": properties,
    })
}

fn actions() -> Value {
    let alone: Vec<&str> = METHODS
        .iter()
        .filter(|method| refuses(method)(json!({})).is_none())
        .map(|method| method.name)
        .collect();
    let tables: Map<String, Value> = METHODS
        .iter()
        .map(|method| {
            let required = required(method.parameters, &refuses(method));
            (method.name.to_owned(), settings(method.summary, method.parameters, &required))
        })
        .collect();
    named("An action with its defaults. · 采用默认参数的方法。", &alone, tables)
}

fn hierarchies() -> Value {
    let methods = hierarchy::METHODS;
    let alone: Vec<&str> = methods
        .iter()
        .filter(|method| refuses_hierarchy(method)(json!({})).is_none())
        .map(|method| method.name)
        .collect();
    let tables: Map<String, Value> = methods
        .iter()
        .map(|method| {
            let required = required(method.parameters, &refuses_hierarchy(method));
            let table = settings(method.summary, method.parameters, &required);
            let schema = match method.short {
                Some(_) => json!({ "oneOf": [{ "type": "string" }, table] }),
                None => table,
            };
            (method.name.to_owned(), schema)
        })
        .collect();
    named("A hierarchy with its defaults. · 采用默认参数的泛化层次。", &alone, tables)
}

/// One of the names alone, or a table with one of the names.
fn named(description: &str, alone: &[&str], tables: Map<String, Value>) -> Value {
    json!({
        "oneOf": [
            { "enum": alone, "description": description },
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": false,
                "properties": tables,
            },
        ],
    })
}

fn settings(summary: Text, parameters: &[Parameter], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        parameters.iter().map(|parameter| (parameter.name.to_owned(), setting(parameter))).collect();
    let mut schema = json!({
        "type": "object",
        "description": both(summary),
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn setting(parameter: &Parameter) -> Value {
    let mut schema = of_shape(&parameter.shape);
    schema["description"] = Value::from(both(parameter.doc));
    if let Some(default) = parameter.default.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        schema["default"] = default;
    }
    schema
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Shape::Number(low, high) => {
            let mut schema = json!({ "type": "number" });
            for (name, bound) in [("minimum", low), ("maximum", high)] {
                if bound.is_finite() && bound.abs() < f64::MAX {
                    schema[name] = json!(bound);
                }
            }
            schema
        }
        Shape::Text => json!({ "type": "string" }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::List(item) => json!({ "type": "array", "items": of_shape(item) }),
        Shape::Any => json!({}),
    }
}

/// Why settings are refused, if they are.
type Refuses<'a> = &'a dyn Fn(Value) -> Option<ParameterError>;

fn refuses(method: &'static Method) -> impl Fn(Value) -> Option<ParameterError> {
    |settings| (method.parse)(settings).err()
}

fn refuses_hierarchy(method: &'static hierarchy::Method) -> impl Fn(Value) -> Option<ParameterError> {
    |settings| (method.parse)(settings).err()
}

/// The settings that a method does not do without: its own reader tells.
fn required(parameters: &[Parameter], refuses: Refuses<'_>) -> Vec<&'static str> {
    let mut given = Map::new();
    let mut required = Vec::new();
    while let Some(error) = refuses(Value::Object(given.clone())) {
        let missing = error.0.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let Some(parameter) =
            parameters.iter().find(|p| Some(p.name) == missing && !given.contains_key(p.name))
        else {
            break;
        };
        required.push(parameter.name);
        given.insert(parameter.name.to_owned(), example(&parameter.shape));
    }
    required
}

fn example(shape: &Shape) -> Value {
    match shape {
        Shape::Boolean => json!(true),
        Shape::Integer(low, _) => json!(low),
        Shape::Number(low, high) => json!(low.max(high.min(1.0))),
        Shape::Text => json!("x"),
        Shape::Choice(words) => json!(words.first()),
        Shape::List(item) => json!([example(item)]),
        Shape::Any => Value::Null,
    }
}

fn privacy() -> Value {
    let names = |description: &str| json!({ "type": "array", "items": { "type": "string" }, "description": description });
    let share = |description: &str| json!({ "type": "number", "minimum": 0, "maximum": 1, "description": description });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "quasi-identifiers": names("Attributes that an attacker may know; found by kind where left out. · 准标识符。"),
            "sensitive": names("Attributes that an attacker wants to learn. · 敏感属性。"),
            "models": names("Privacy models, such as k=5. · 隐私模型，如 k=5。"),
            "suppression": share("The largest share of records that may be suppressed. · 允许抑制的最大记录比例。"),
            "metric": {
                "enum": Metric::ALL.map(Metric::name),
                "description": "What the search makes small; loss where left out. · 信息损失度量，默认为 loss。",
            },
            "search": {
                "type": "boolean",
                "description": "Whether what the rules release is generalised until it satisfies the models; otherwise it is checked only. · 是否自动搜索最优泛化；设为 false 则仅检查。",
                "default": true,
            },
            "linked": {
                "enum": ["refuse", "report"],
                "description": "What happens where a patient stands out by several tables of a run together. · 同次运行的多个表联合后患者可被区分出来时的处理：拒绝或仅报告。",
                "default": "refuse",
            },
            "hierarchies": {
                "type": "object",
                "description": "How the values of a column are generalised, by column. · 各列取值的泛化层次，以列名为键。",
                "additionalProperties": { "$ref": "#/$defs/hierarchy" },
            },
            "max-risk": share("The largest re-identification risk of a record that may be released. · 允许的最大重标识风险。"),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::plan::{Plan, builtin};

    fn docs(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
    }

    /// Compares a file with what it should be, or writes it where `MEDVEIL_WRITE_DOCS` is set.
    fn assert_fresh(name: &str, expected: &str) {
        let file = docs(name);
        if std::env::var_os("MEDVEIL_WRITE_DOCS").is_some() {
            std::fs::write(&file, expected).unwrap();
        }
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            found == expected,
            "docs/{name} is out of date: MEDVEIL_WRITE_DOCS=1 cargo test -p medveil-deid plan::schema writes it"
        );
    }

    #[test]
    fn the_published_schema_is_that_of_the_registry() {
        assert_fresh("plan.schema.json", &schema_text());
    }

    #[test]
    fn the_published_reference_is_that_of_the_registry() {
        const MARK: &str = "<!-- generated: everything below -->\n";
        let found = std::fs::read_to_string(docs("plans.md")).unwrap();
        let (guide, _) = found.split_once(MARK).expect("the guide ends with a mark");
        assert_fresh("plans.md", &format!("{guide}{MARK}\n{}", reference_markdown()));
    }

    #[test]
    fn every_builtin_plan_satisfies_the_schema_and_strays_do_not() {
        let schema = schema();
        for builtin in builtin::list() {
            let plan = Plan::from_toml(builtin.text).unwrap().to_json();
            assert_eq!(check(&plan, &schema, &schema), Ok(()), "{}", builtin.name);
        }
        let plan = |rule: Value| json!({ "plan": { "name": "x", "version": 1, "release-model": "public" }, "rule": [rule] });
        for stray in [
            json!({ "match": { "kind": "nobody" }, "action": "keep" }),
            json!({ "match": { "column": "a", "kind": "age" }, "action": "keep" }),
            json!({ "match": { "column": "a" }, "action": "vanish" }),
            json!({ "match": { "column": "a" }, "action": { "redact": { "wiht": "" } } }),
            json!({ "match": { "column": "a" } }),
        ] {
            assert!(check(&plan(stray.clone()), &schema, &schema).is_err(), "{stray}");
        }
    }

    #[test]
    fn hierarchies_that_are_read_satisfy_the_schema_and_strays_do_not() {
        let schema = schema();
        let plan = |hierarchy: Value| json!({ "plan": { "name": "x", "version": 1, "release-model": "public" }, "privacy": { "hierarchies": { "a": hierarchy } } });
        for (given, fits) in [
            (json!("icd-10"), true),
            (json!("age"), true),
            (json!({ "intervals": { "widths": [5, 10, 20], "lower": 0, "upper": 120 } }), true),
            (json!({ "prefix": { "levels": [4, 3, 0] } }), true),
            (json!({ "file": "age.csv" }), true),
            (json!({ "file": { "path": "age.csv" } }), true),
            (json!({ "dates": { "levels": ["month", "5-years"] } }), true),
            (json!({ "ordering": { "values": ["a", "b"] } }), true),
            (json!("intervals"), false),
            (json!("icd10"), false),
            (json!({ "intervals": { "widths": [5], "wdiths": [5] } }), false),
            (json!({ "dates": { "levels": ["week"] } }), false),
            (json!({ "flat": {}, "age": {} }), false),
            (json!({ "file": 3 }), false),
        ] {
            let plan = plan(given.clone());
            assert_eq!(check(&plan, &schema, &schema).is_ok(), fits, "{given}");
            assert_eq!(Plan::from_json(&plan.to_string()).is_ok(), fits, "{given}");
        }
    }

    /// The keywords that the schema uses, as JSON Schema defines them.
    fn check(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
        let schema = match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => root.pointer(&reference[1..]).expect("references resolve"),
            None => schema,
        };
        let fail = |why: &str| Err(format!("{why}: {value}"));
        if schema.get("enum").and_then(Value::as_array).is_some_and(|words| !words.contains(value)) {
            return fail("enum");
        }
        if schema.get("const").is_some_and(|constant| constant != value) {
            return fail("const");
        }
        if let Some(options) = schema.get("oneOf").and_then(Value::as_array)
            && options.iter().filter(|option| check(value, option, root).is_ok()).count() != 1
        {
            return fail("oneOf");
        }
        let fits = match schema.get("type").and_then(Value::as_str) {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("number") => value.is_number(),
            Some("integer") => value.is_i64() || value.is_u64(),
            _ => true,
        };
        if !fits {
            return fail("type");
        }
        if let Some(number) = value.as_f64() {
            let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
            if bound("minimum").is_some_and(|low| number < low)
                || bound("maximum").is_some_and(|high| number > high)
            {
                return fail("range");
            }
        }
        if let (Some(items), Some(all)) = (schema.get("items"), value.as_array()) {
            all.iter().try_for_each(|item| check(item, items, root))?;
        }
        if let Some(map) = value.as_object() {
            let count = |name: &str| schema.get(name).and_then(Value::as_u64);
            if count("minProperties").is_some_and(|n| (map.len() as u64) < n)
                || count("maxProperties").is_some_and(|n| (map.len() as u64) > n)
            {
                return fail("count");
            }
            for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                if !map.contains_key(name.as_str().unwrap()) {
                    return fail("required");
                }
            }
            for (name, item) in map {
                match schema.get("properties").and_then(|properties| properties.get(name)) {
                    Some(property) => check(item, property, root)?,
                    None => match schema.get("additionalProperties") {
                        Some(Value::Bool(false)) => return fail("additional property"),
                        Some(other @ Value::Object(_)) => check(item, other, root)?,
                        _ => {}
                    },
                }
            }
        }
        Ok(())
    }
}
