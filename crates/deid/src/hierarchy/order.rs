//! The order of the rows of a hierarchy, which is the order of the values where a distance between them counts (ordered t-closeness).

use super::HierarchySpec;
use crate::action::decimal::Decimal;
use crate::action::generalize::age;
use crate::code::calendar::Date;

impl HierarchySpec {
    /// Puts distinct values in the order in which the rows of their hierarchy belong: numbers, ages and dates by size, listed values as they are
    /// listed, all else by its letters. What has no place in that order comes first, missing values before all.
    pub fn arrange(&self, values: &mut Vec<String>) {
        let key = |value: &str| match self {
            HierarchySpec::Age(_) => age::in_years(value).ok().and_then(units),
            HierarchySpec::Dates(spec) => {
                let parsed = Date::parse_as(value, spec.order.into());
                parsed.map(|parsed| i128::from(parsed.date.day_number()))
            }
            HierarchySpec::Ordering(spec) => {
                spec.values.iter().position(|listed| listed.trim() == value).map(|place| place as i128)
            }
            _ => None,
        };
        // Codes of categories are numbers as often as words are.
        let mut present = values.iter().map(|value| value.trim()).filter(|value| !value.is_empty());
        let numbers = present.all(|value| Decimal::parse(value).is_ok());
        let key = |value: &str| match key(value) {
            None if numbers => Decimal::parse(value).ok().and_then(units),
            key => key,
        };
        // Texts of one number or day, such as `1` and `01`, by their letters.
        let mut keyed: Vec<(Option<i128>, String)> =
            values.drain(..).map(|value| (key(value.trim()), value)).collect();
        keyed.sort_by(|a, b| {
            let missing = |entry: &(Option<i128>, String)| !entry.1.trim().is_empty();
            (missing(a), a).cmp(&(missing(b), b))
        });
        values.extend(keyed.into_iter().map(|(_, value)| value));
    }
}

fn units(number: Decimal) -> Option<i128> {
    number.at_scale(Decimal::FINEST).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::spec;

    #[test]
    fn values_are_put_in_the_order_of_their_hierarchy() {
        for (given, expected) in [
            (json!("flat"), vec!["", "-1", "09", "9", "9.5", "10"]),
            (json!("flat"), vec!["10", "9", "b"]),
            (json!("age"), vec!["", "adult", "8个月", "9岁", "10"]),
            (json!({ "dates": { "order": "day-first" } }), vec!["2023-12-31", "01/02/2024", "2024/2/2"]),
            (
                json!({ "ordering": { "values": ["I", "II", "IV", "V"] } }),
                vec![" ", "?", "I", "II", "IV", "V"],
            ),
        ] {
            for reversed in [false, true] {
                let mut values: Vec<String> = expected.iter().map(|value| (*value).to_owned()).collect();
                values.sort_unstable();
                if reversed {
                    values.reverse();
                }
                spec(given.clone()).arrange(&mut values);
                assert_eq!(values, expected, "{given}");
            }
        }
    }
}
