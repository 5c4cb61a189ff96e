//! What was released of a record against what the plan makes of it, value by value.

use std::collections::BTreeMap;

use medveil_deid::plan::{Match, Plan};
use medveil_deid::table::csv::{Block, RawBlock};
use medveil_deid::table::{Dialect, parquet_record};
use medveil_ledger::state::challenge::Verdict;
use serde_json::Value;

use super::Fault;
use crate::layout::{Layout, SchemaFile};

/// Actions that draw noise: their values follow from the seed.
const NOISE: [&str; 3] = ["laplace", "gaussian", "perturb"];

/// A difference, in one column or as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) verdict: Verdict,
    pub(super) fault: Fault,
    pub(super) column: Option<String>,
}

impl Difference {
    fn value(verdict: Verdict, column: &str) -> Self {
        Difference { verdict, fault: Fault::Value, column: Some(column.to_owned()) }
    }
}

/// One record, three times.
pub(super) struct Three<'a> {
    pub(super) raw: &'a [u8],
    pub(super) expected: &'a [u8],
    pub(super) released: &'a [u8],
}

/// The labels that values got, by column: equal values have equal labels.
pub(super) type Labels = BTreeMap<String, BTreeMap<Cell, Cell>>;

/// The text of a value; none for a null, which CSV does not have.
type Cell = Option<String>;

/// The columns of a table, before and after.
pub(super) struct Columns<'a> {
    pub(super) raw: Vec<String>,
    pub(super) released: Vec<String>,
    pub(super) schema: &'a SchemaFile,
    /// Those that were made coarser for the table as a whole.
    pub(super) generalised: &'a [String],
}

/// Compares a record.
pub(super) fn compare(
    plan: &Plan,
    layout: Layout,
    columns: &Columns<'_>,
    three: &Three<'_>,
    labels: &mut Labels,
) -> Vec<Difference> {
    if three.expected == three.released && columns.generalised.is_empty() {
        return Vec::new();
    }
    match layout {
        Layout::Csv(_) | Layout::Parquet => compare_cells(plan, layout, columns, three, labels),
        Layout::Ndjson | Layout::Json => compare_resources(plan, three),
    }
}

/// The names of the columns that a header has.
pub(super) fn names(layout: Layout, header: &[u8]) -> Vec<String> {
    let names: Vec<String> = match layout {
        Layout::Csv(dialect) => csv_cells(header, &dialect).unwrap_or_default(),
        Layout::Parquet => {
            let columns = parquet_record::columns(header).unwrap_or_default();
            columns.into_iter().map(|(name, _)| name.to_owned()).collect()
        }
        Layout::Ndjson | Layout::Json => Vec::new(),
    };
    names.into_iter().map(|name| name.trim().to_owned()).collect()
}

/// Whether a release has the header that the plan makes. In Parquet a column that was made coarser is of text.
pub(super) fn headers_agree(
    layout: Layout,
    expected: Option<&[u8]>,
    released: Option<&[u8]>,
    generalised: &[String],
) -> bool {
    let (Layout::Parquet, Some(expected), Some(released)) = (layout, expected, released) else {
        return expected == released;
    };
    let (Some(expected), Some(released)) =
        (parquet_record::columns(expected), parquet_record::columns(released))
    else {
        return false;
    };
    let coarser = |name: &str| generalised.iter().any(|column| column == name.trim());
    let expected = expected.into_iter().map(|(name, of)| (name, if coarser(name) { "text" } else { of }));
    expected.eq(released)
}

/// The cells of one record; none if it is not one.
fn cells(layout: Layout, record: &[u8]) -> Option<Vec<Cell>> {
    match layout {
        Layout::Csv(dialect) => Some(csv_cells(record, &dialect)?.into_iter().map(Some).collect()),
        Layout::Parquet => {
            // What is nested or binary is compared by its bytes, in which no label or noise is.
            let text = |bytes: &[u8]| {
                std::str::from_utf8(bytes).map_or_else(|_| format!("{bytes:?}"), str::to_owned)
            };
            Some(parquet_record::cells(record)?.into_iter().map(|cell| cell.map(text)).collect())
        }
        Layout::Ndjson | Layout::Json => None,
    }
}

fn csv_cells(record: &[u8], dialect: &Dialect) -> Option<Vec<String>> {
    let raw = RawBlock { bytes: record.to_vec(), first_record: 0, offset: 0 };
    let block = Block::parse(&raw, dialect, None).ok()?;
    (block.records() == 1)
        .then(|| (0..block.columns()).map(|column| block.text(0, column).to_owned()).collect())
}

fn compare_cells(
    plan: &Plan,
    layout: Layout,
    columns: &Columns<'_>,
    three: &Three<'_>,
    labels: &mut Labels,
) -> Vec<Difference> {
    let whole = |fault| vec![Difference { verdict: Verdict::AlteredValue, fault, column: None }];
    let (Some(raw), Some(expected), Some(released)) =
        (cells(layout, three.raw), cells(layout, three.expected), cells(layout, three.released))
    else {
        return whole(Fault::Form);
    };
    if expected.len() != released.len() || expected.len() != columns.released.len() {
        return whole(Fault::Form);
    }
    let kinds = columns.schema.kinds();
    let mut found = Vec::new();
    for (name, (expected, released)) in columns.released.iter().zip(expected.iter().zip(&released)) {
        if columns.generalised.contains(name) {
            let label = labels
                .entry(name.clone())
                .or_default()
                .entry(expected.clone())
                .or_insert_with(|| released.clone());
            if label != released {
                found.push(Difference {
                    verdict: Verdict::AlteredValue,
                    fault: Fault::Label,
                    column: Some(name.clone()),
                });
            }
            continue;
        }
        if expected == released {
            continue;
        }
        let before = columns.raw.iter().position(|column| column == name).and_then(|at| raw.get(at));
        let kind = kinds.get(name).copied().flatten();
        let action = plan.rule_for_column(name, kind).map(|rule| plan.rules[rule].action.method().name);
        let verdict = if before == Some(released) {
            Verdict::UnmaskedField
        } else if action.is_some_and(|action| NOISE.contains(&action)) {
            Verdict::ForeignNoise
        } else {
            Verdict::AlteredValue
        };
        found.push(Difference::value(verdict, name));
    }
    let equal = three.expected == three.released;
    if found.is_empty() && !equal && columns.generalised.is_empty() { whole(Fault::Form) } else { found }
}

/// Compares two resources by the paths of their values.
fn compare_resources(plan: &Plan, three: &Three<'_>) -> Vec<Difference> {
    let whole = |fault| vec![Difference { verdict: Verdict::AlteredValue, fault, column: None }];
    let parse = |bytes: &[u8]| {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        serde_json::from_slice::<Value>(text).ok()
    };
    let (Some(raw), Some(expected), Some(released)) =
        (parse(three.raw), parse(three.expected), parse(three.released))
    else {
        return whole(Fault::Form);
    };
    let noisy = plan
        .rules
        .iter()
        .any(|rule| matches!(rule.matcher, Match::Fhir(_)) && NOISE.contains(&rule.action.method().name));
    let mut found = Vec::new();
    differ(Some(&raw), Some(&expected), Some(&released), String::new(), noisy, &mut found);
    if found.is_empty() { whole(Fault::Form) } else { found }
}

fn differ(
    raw: Option<&Value>,
    expected: Option<&Value>,
    released: Option<&Value>,
    path: String,
    noisy: bool,
    found: &mut Vec<Difference>,
) {
    if expected == released {
        return;
    }
    match (expected, released) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                differ(raw.and_then(|raw| raw.get(name)), a.get(name), b.get(name), below, noisy, found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differ(raw.and_then(|raw| raw.get(at)), Some(a), Some(b), path.clone(), noisy, found);
            }
        }
        _ => {
            let numbers = expected.is_some_and(Value::is_number) && released.is_some_and(Value::is_number);
            let verdict = if released.is_some() && raw == released {
                Verdict::UnmaskedField
            } else if noisy && numbers && raw != expected {
                Verdict::ForeignNoise
            } else {
                Verdict::AlteredValue
            };
            found.push(Difference::value(verdict, &path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let text = r#"{"plan":{"name":"t","version":1,"release-model":"controlled"},"rule":[
            {"match":{"fhir":"Observation.value.value"},"action":{"laplace":{"epsilon":1.0,"lower":0.0,"upper":40.0,"decimals":1}}}]}"#;
        Plan::from_json(text).unwrap()
    }

    #[test]
    fn a_difference_in_a_resource_is_named_by_its_path() {
        let of = |raw: &str, expected: &str, released: &str| {
            let three =
                Three { raw: raw.as_bytes(), expected: expected.as_bytes(), released: released.as_bytes() };
            compare_resources(&plan(), &three)
        };
        let raw = r#"{"name":[{"text":"A"}],"value":{"value":5.0},"stage":"II"}"#;
        let expected = r#"{"value":{"value":6.5},"stage":"II"}"#;
        let one = |verdict, path: &str| vec![Difference::value(verdict, path)];
        let other = r#"{"value":{"value":6.5},"stage":"I"}"#;
        assert_eq!(of(raw, expected, other), one(Verdict::AlteredValue, "stage"));
        let other = r#"{"value":{"value":5.5},"stage":"II"}"#;
        assert_eq!(of(raw, expected, other), one(Verdict::ForeignNoise, "value.value"));
        let other = r#"{"value":{"value":5.0},"stage":"II"}"#;
        assert_eq!(of(raw, expected, other), one(Verdict::UnmaskedField, "value.value"));
        let other = r#"{"name":[{"text":"A"}],"value":{"value":6.5},"stage":"II"}"#;
        assert_eq!(of(raw, expected, other), one(Verdict::UnmaskedField, "name"));
    }
}
