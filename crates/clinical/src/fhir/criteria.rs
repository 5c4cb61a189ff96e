//! Deciding the criteria of `where(..)` on the content of a node.
//!
//! This is the one thing that the [automaton](super::automaton) cannot decide while it reads: the answer may stand behind the
//! bytes that it decides about. So the node is parsed into a DOM first, only where a rule with criteria reaches it.
//!
//! As in FHIRPath, a comparison holds only if the path leads to exactly one value; an empty path never compares.

use serde_json::Value;

use super::path::{Comparison, Criteria, Literal};

impl Criteria {
    /// Whether the node meets the criteria.
    pub fn holds(&self, node: &Value) -> bool {
        match self {
            Criteria::And(parts) => parts.iter().all(|part| part.holds(node)),
            Criteria::Or(parts) => parts.iter().any(|part| part.holds(node)),
            Criteria::Not(part) => !part.holds(node),
            Criteria::Exists(path) => !select(node, path).is_empty(),
            // FHIRPath lets a comparison of several values fail. Here any of them counts, so that a rule for a code governs every resource that
            // carries the code, however many codings it has.
            Criteria::Compare(path, comparison, literal) => {
                select(node, path).into_iter().any(|value| compare(value, *comparison, literal))
            }
        }
    }
}

/// The nodes on a path, lists spread out.
fn select<'a>(node: &'a Value, path: &[String]) -> Vec<&'a Value> {
    let mut nodes = vec![node];
    for name in path {
        let children = nodes.into_iter().filter_map(Value::as_object).flat_map(|object| {
            let named = object.iter().filter(|(property, _)| is_named(property, name));
            named.flat_map(|(_, value)| match value {
                Value::Array(items) => items.iter().collect(),
                other => vec![other],
            })
        });
        nodes = children.filter(|value| !value.is_null()).collect();
    }
    nodes
}

/// Whether a property is the element of that name: `valueQuantity` is `value`.
fn is_named(property: &str, name: &str) -> bool {
    let choice = |rest: &str| {
        rest.is_empty() || (name == "value" && rest.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    property.strip_prefix(name).is_some_and(choice)
}

fn compare(value: &Value, comparison: Comparison, literal: &Literal) -> bool {
    let equal = || match (value, literal) {
        (Value::String(text), Literal::Text(wanted)) => text == wanted,
        (Value::Bool(flag), Literal::Boolean(wanted)) => flag == wanted,
        (Value::Number(number), Literal::Number(wanted)) => number.as_f64() == wanted.parse().ok(),
        _ => false,
    };
    let text = |test: fn(&str, &str) -> bool| match (value, literal) {
        (Value::String(text), Literal::Text(wanted)) => test(text, wanted),
        _ => false,
    };
    match comparison {
        Comparison::Equal => equal(),
        Comparison::NotEqual => !equal(),
        Comparison::StartsWith => text(|text, start| text.starts_with(start)),
        Comparison::EndsWith => text(|text, end| text.ends_with(end)),
        Comparison::Contains => text(|text, part| text.contains(part)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::path::{Path, Step};
    use super::*;

    fn holds(criteria: &str, node: Value) -> bool {
        let path = Path::parse(&format!("nodesByName('x').where({criteria})")).unwrap();
        let Step::Where(criteria) = &path.alternatives[0][1] else { panic!("{path:?}") };
        criteria.holds(&node)
    }

    #[test]
    fn criteria_follow_fhirpath() {
        use serde_json::json;
        let phone =
            || json!({"system": "phone", "use": "home", "rank": 2, "given": ["A", "B"], "valueCode": "c"});
        for (criteria, expected) in [
            ("use = 'home'", true),
            ("use = 'work'", false),
            ("use != 'work'", true),
            ("period != 'work'", false),
            ("use = 'home' and system = 'email'", false),
            ("use = 'work' or system = 'phone'", true),
            ("use = 'work' or use = 'home' and system = 'phone'", true),
            ("rank = 2", true),
            ("rank.exists() and period.empty()", true),
            ("given = 'A'", true),
            ("given = 'C'", false),
            ("given != 'A'", true),
            ("value = 'c'", true),
            ("(use = 'home').not()", false),
            ("system.startsWith('ph') and system.endsWith('ne') and system.contains('ho')", true),
        ] {
            assert_eq!(holds(criteria, phone()), expected, "{criteria}");
        }
        assert!(holds("$this = 'x'", json!("x")));
        assert!(holds("coding.code = 'N'", json!({"coding": [{"code": "N"}]})));
    }
}
