//! A first hierarchy for a column, from what it holds and the values that occur: for a person to read and change.
//!
//! The kind says which builders may fit, the values which of them does: a builder is taken if it reads at least 95 of 100 distinct values. What it cannot
//! read is then labelled `*` from the first level, and levels that join nothing are left out. A draft is a function of kind and values alone.

use super::age::Age;
use super::dates::{Dates, Period, Span};
use super::division::Division;
use super::flat::Flat;
use super::icd10::Icd10;
use super::intervals::Intervals;
use super::ordering::Ordering;
use super::prefix::Prefix;
use super::{Hierarchy, HierarchySpec, ROOT};
use crate::action::decimal::Decimal;
use crate::code::calendar::Order;
use crate::code::{postcode, zip3};
use crate::kind::Kind;

/// Drafts the hierarchy of a column. `values` are its distinct values; without any the kind alone decides.
///
/// What nothing else fits is `flat`.
pub fn draft(kind: Option<Kind>, values: &[&str]) -> HierarchySpec {
    let values: Vec<&str> = values.iter().copied().filter(|value| !value.trim().is_empty()).collect();
    candidates(kind, &values)
        .into_iter()
        .find_map(|candidate| fit(candidate, &values))
        .unwrap_or(HierarchySpec::Flat(Flat {}))
}

/// What may fit the kind, best first.
fn candidates(kind: Option<Kind>, values: &[&str]) -> Vec<HierarchySpec> {
    let division = || HierarchySpec::Division(Division::default());
    let mut all = match kind {
        Some(Kind::Age) => vec![HierarchySpec::Age(Age::default())],
        // As the built-in plans do: 45 CFR 164.514(b)(2)(i)(C).
        Some(Kind::BirthDate) => vec![dates(values, Some(90))],
        Some(Kind::EventDate) => vec![dates(values, None)],
        Some(Kind::Geography | Kind::DivisionCode | Kind::Address) => vec![division()],
        Some(Kind::Postcode) => postcodes(values),
        Some(Kind::DiagnosisCode) => vec![HierarchySpec::Icd10(Icd10::default())],
        Some(Kind::Education) => education(values).into_iter().collect(),
        // An order, where one is known, is for a person to write down.
        Some(
            Kind::Sex
            | Kind::Ethnicity
            | Kind::Nationality
            | Kind::MaritalStatus
            | Kind::Occupation
            | Kind::Employer,
        ) => Vec::new(),
        _ if values.is_empty() => Vec::new(),
        _ => vec![dates(values, None), HierarchySpec::Icd10(Icd10::default()), division()],
    };
    // Columns of numbers whatever else they are: codes of categories are few, and their order means nothing.
    const CATEGORIES: usize = 8;
    let measured =
        matches!(kind, Some(Kind::Age | Kind::LaboratoryValue | Kind::Amount | Kind::Measure) | None);
    if measured && values.len() > CATEGORIES {
        all.extend(intervals(values));
    }
    all
}

/// The candidate, if it reads enough of the values.
fn fit(mut candidate: HierarchySpec, values: &[&str]) -> Option<HierarchySpec> {
    if values.is_empty() {
        return Some(candidate);
    }
    // A look at some spares the work on all where the builder is a wrong guess. One in ten may be unread: the whole has the last word.
    if values.len() > 2 * LOOK {
        let some: Vec<&str> = values.iter().copied().step_by(values.len() / LOOK).collect();
        let read = |value: &&str| candidate.build(&[value], None).is_ok();
        if some.iter().filter(|value| !read(value)).count() * 10 > some.len() {
            return None;
        }
    }
    let mut hierarchy = candidate.build(values, None).ok();
    if hierarchy.is_none() {
        candidate.set_other(ROOT.to_owned());
        let built = candidate.build(values, None).ok().filter(|built| built.levels() > 2)?;
        let unread = built.labels(1).iter().position(|label| &**label == ROOT);
        let unread = unread.map_or(0, |code| built.leaves(1)[code] as usize);
        if unread * 20 > values.len() {
            return None;
        }
        hierarchy = Some(built);
    }
    prune(&mut candidate, &hierarchy?);
    Some(candidate)
}

/// How many of many values are looked at first.
const LOOK: usize = 1_000;

/// Leaves out levels that join nothing.
fn prune(spec: &mut HierarchySpec, hierarchy: &Hierarchy) {
    // The level below is that of the last level that is kept.
    let mut below = hierarchy.values();
    let mut useful = Vec::with_capacity(hierarchy.levels());
    for level in 1..hierarchy.levels().saturating_sub(1) {
        let labels = hierarchy.labels(level).len();
        useful.push(labels < below && labels > 1);
        below = labels;
    }
    if !useful.contains(&true) {
        // Values that no level joins, such as a single one: the widest is as good as any.
        if let Some(last) = useful.last_mut() {
            *last = true;
        }
    }
    fn keep<T>(levels: &mut Vec<T>, useful: &[bool]) {
        let mut useful = useful.iter();
        levels.retain(|_| *useful.next().unwrap_or(&true));
    }
    match spec {
        HierarchySpec::Dates(spec) => keep(&mut spec.levels, &useful),
        HierarchySpec::Division(spec) => keep(&mut spec.levels, &useful),
        HierarchySpec::Prefix(spec) => keep(&mut spec.levels, &useful),
        HierarchySpec::Icd10(spec) => keep(&mut spec.levels, &useful),
        _ => {}
    }
}

fn dates(values: &[&str], top: Option<u8>) -> HierarchySpec {
    let mut spec = Dates { top, ..Dates::default() };
    let timed = |value: &&str| Span::read(value.trim(), Order::Undeclared).is_some_and(|span| span.timed);
    if values.iter().any(timed) {
        spec.levels.insert(0, Period::Day);
    }
    HierarchySpec::Dates(spec)
}

fn postcodes(values: &[&str]) -> Vec<HierarchySpec> {
    let prefix = |levels: &[u32], zip| {
        let levels = levels.to_vec();
        HierarchySpec::Prefix(Prefix { levels, mask: '*', length: None, zip, other: None })
    };
    let share = |is: &dyn Fn(&str) -> bool| values.iter().filter(|value| is(value.trim())).count() * 20;
    if values.is_empty() || share(&|value| postcode::province(value).is_some()) >= values.len() * 19 {
        return vec![prefix(&[4, 3, 2], false)];
    }
    if share(&|value| zip3::prefix(value).is_some()) >= values.len() * 19 {
        return vec![prefix(&[3], true)];
    }
    let shortest = values.iter().map(|value| value.trim().chars().count()).min().unwrap_or(0) as u32;
    let levels: Vec<u32> = (1..shortest.min(8)).rev().collect();
    if levels.is_empty() { Vec::new() } else { vec![prefix(&levels, false)] }
}

/// Levels of education from low to high: those of GB/T 4658 with the words that hospitals use, those of the census of the United States
/// (the Adult data set), and common English ones. Words of one line mean the same level.
const EDUCATION: &[&[&str]] = &[
    &["学龄前", "preschool", "kindergarten"],
    &["文盲", "半文盲", "文盲或半文盲", "illiterate", "no education"],
    &["1st 4th"],
    &["小学", "5th 6th", "elementary school", "primary school", "primary"],
    &["7th 8th"],
    &["初中", "初级中学", "middle school"],
    &["9th"],
    &["10th"],
    &["11th"],
    &["12th"],
    &["技校", "中技", "vocational"],
    &["职高"],
    &["中专", "中等专科"],
    &[
        "高中",
        "普通高级中学",
        "hs grad",
        "high school",
        "high school graduate",
        "secondary school",
        "secondary",
    ],
    &["some college"],
    &["大专", "专科", "大学专科", "专科教育", "assoc voc"],
    &["assoc acdm", "associate", "associate degree", "college"],
    &[
        "本科",
        "大学本科",
        "大学",
        "bachelors",
        "bachelor",
        "bachelor's degree",
        "bachelor degree",
        "university",
    ],
    &["硕士", "硕士研究生", "研究生", "masters", "master", "master's degree", "graduate school"],
    &["prof school"],
    &["博士", "博士研究生", "doctorate", "phd"],
];

/// The order of the levels of education that occur, if all are known.
fn education(values: &[&str]) -> Option<HierarchySpec> {
    let rank = |value: &str| {
        let word = value.trim().replace(['-', '_'], " ").to_lowercase();
        EDUCATION.iter().position(|level| level.contains(&word.as_str()))
    };
    let mut ranked: Vec<(usize, &str)> =
        values.iter().map(|value| Some((rank(value)?, value.trim()))).collect::<Option<_>>()?;
    ranked.sort_unstable();
    ranked.dedup();
    let groups = match ranked.len() {
        0..=2 => return None,
        3..=4 => vec![2],
        5..=8 => vec![2, 4],
        _ => vec![2, 4, 8],
    };
    let values = ranked.into_iter().map(|(_, value)| value.to_owned()).collect();
    Some(HierarchySpec::Ordering(Ordering { values, groups, other: None }))
}

/// Intervals for numbers: about twenty between the first and the last of a hundred, then wider by steps of 1, 2 and 5, with open ends there.
fn intervals(values: &[&str]) -> Option<HierarchySpec> {
    let mut numbers: Vec<Decimal> =
        values.iter().filter_map(|value| Decimal::parse(value.trim()).ok()).map(Decimal::trimmed).collect();
    if numbers.len() * 20 < values.len() * 19 {
        return None;
    }
    let scale = numbers.iter().map(|number| number.scale).max()?;
    let mut units: Vec<i128> =
        numbers.drain(..).map(|number| number.at_scale(scale)).collect::<Result<_, _>>().ok()?;
    units.sort_unstable();
    let (first, last) = (units[units.len() / 100], units[units.len() - 1 - units.len() / 100]);
    let range = last.checked_sub(first).filter(|range| *range > 0)?;
    // The step of 1, 2, 5, 10, 20, .. at or above a twentieth of the range, and not below the unit.
    let mut widths = vec![nice_step(range / 20 + i128::from(range % 20 > 0))?];
    while let Some(width) = widths.last().copied().filter(|width| *width * 4 < range) {
        // From 2 the next multiple of the series is 10; from the others twice or five times.
        let leading = width / 10i128.pow(width.ilog10());
        widths.push(width * if leading == 5 { 2 } else { 5 });
    }
    let number = |units: i128| -> Option<serde_json::Number> {
        let decimal = Decimal { mantissa: units, scale }.trimmed();
        // Read from text, so that a tenth is a tenth.
        let text = decimal.to_string();
        serde_json::from_str(&text).ok().filter(|number| {
            Decimal::of_parameter("", number)
                .is_ok_and(|again| again.compare(decimal).is_ok_and(|o| o.is_eq()))
        })
    };
    let finest = widths[0];
    let spec = Intervals {
        widths: widths.iter().map(|width| number(*width)).collect::<Option<_>>()?,
        origin: Some(0.into()),
        bottom: Some(number(first.div_euclid(finest) * finest)?),
        top: Some(number((last.div_euclid(finest) + 1) * finest)?),
        ..Intervals::default()
    };
    Some(HierarchySpec::Intervals(spec))
}

/// The least of 1, 2, 5, 10, 20, 50, .. that is not below `least`.
fn nice_step(least: i128) -> Option<i128> {
    let mut power = 1i128;
    loop {
        for step in [1, 2, 5] {
            let step = power.checked_mul(step)?;
            if step >= least {
                return Some(step);
            }
        }
        power = power.checked_mul(10)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn drafted(kind: Kind, values: &[&str]) -> Value {
        draft(Some(kind), values).to_json()
    }

    #[test]
    fn the_kind_alone_gives_a_draft() {
        for (kind, expected) in [
            (Kind::Age, json!("age")),
            (Kind::BirthDate, json!({ "dates": { "top": 90 } })),
            (Kind::EventDate, json!("dates")),
            (Kind::Geography, json!("division")),
            (Kind::Postcode, json!({ "prefix": { "levels": [4, 3, 2] } })),
            (Kind::DiagnosisCode, json!("icd-10")),
            (Kind::Sex, json!("flat")),
            (Kind::Education, json!("flat")),
            (Kind::LaboratoryValue, json!("flat")),
        ] {
            assert_eq!(drafted(kind, &[]), expected, "{kind}");
        }
    }

    #[test]
    fn the_values_decide_between_readings() {
        assert_eq!(
            drafted(Kind::Postcode, &["02139", "90210", "10001"]),
            json!({ "prefix": { "levels": [3], "zip": true } })
        );
        assert_eq!(drafted(Kind::Geography, &["Boston", "Paris", "Rome"]), json!("flat"));
        assert_eq!(
            drafted(
                Kind::EventDate,
                &["2023-01-02 10:11", "2023-01-02 11:00", "2023-02-01", "2024-01-01", "2031-01-01"]
            ),
            json!({ "dates": { "levels": ["day", "quarter", "5-years"] } })
        );
    }

    #[test]
    fn levels_that_join_nothing_are_left_out() {
        let births: Vec<String> = (1950..2000).map(|year| year.to_string()).collect();
        let births: Vec<&str> = births.iter().map(String::as_str).collect();
        assert_eq!(
            drafted(Kind::BirthDate, &births),
            json!({ "dates": { "levels": ["5-years", "decade"], "top": 90 } })
        );
        let prefectures = ["江苏省南京市", "江苏省苏州市", "浙江省杭州市", "四川省成都市"];
        assert_eq!(
            drafted(Kind::Geography, &prefectures),
            json!({ "division": { "levels": ["province", "region"] } })
        );
        assert_eq!(
            drafted(Kind::BirthDate, &["1950"]),
            json!({ "dates": { "levels": ["decade"], "top": 90 } })
        );
    }

    #[test]
    fn a_few_values_that_cannot_be_read_are_suppressed_and_many_refute_the_draft() {
        let mut ages: Vec<String> = (0..60).map(|age| age.to_string()).collect();
        ages.push("unknown".into());
        let values: Vec<&str> = ages.iter().map(String::as_str).collect();
        assert_eq!(drafted(Kind::Age, &values), json!({ "age": { "other": "*" } }));
        assert_eq!(drafted(Kind::Age, &["adult", "child", "34"]), json!("flat"));
    }

    #[test]
    fn levels_of_education_have_their_order() {
        assert_eq!(
            drafted(Kind::Education, &["本科", "小学", "初中", "博士", "高中"]),
            json!({ "ordering": { "values": ["小学", "初中", "高中", "本科", "博士"], "groups": [2, 4] } })
        );
        assert_eq!(
            drafted(Kind::Education, &["HS-grad", "Bachelors", "9th"]),
            json!({ "ordering": { "values": ["9th", "HS-grad", "Bachelors"] } })
        );
        assert_eq!(drafted(Kind::Education, &["HS-grad", "Bachelors", "other"]), json!("flat"));
    }

    #[test]
    fn numbers_get_round_intervals_with_open_ends() {
        let values: Vec<String> = (0..1_000).map(|n| format!("{}.{}", 35 + n % 7, n / 7 % 10)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut distinct = values.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(
            draft(None, &distinct).to_json(),
            json!({ "intervals": { "widths": [0.5, 1, 5], "origin": 0, "bottom": 35, "top": 42 } })
        );
        let codes = ["1", "2", "3"];
        assert_eq!(draft(None, &codes).to_json(), json!("flat"), "few numbers are codes");
    }

    #[test]
    fn columns_of_no_kind_are_tried_as_dates_codes_and_divisions() {
        assert_eq!(draft(None, &["2023-05-06", "2023-05-07"]).method().name, "dates");
        assert_eq!(draft(None, &["E11.9", "E11.8", "I10"]).method().name, "icd-10");
        assert_eq!(draft(None, &["南京市", "杭州市", "苏州市"]).method().name, "division");
        assert_eq!(draft(None, &["a", "b"]).to_json(), json!("flat"));
    }

    proptest! {
        #[test]
        fn a_draft_is_a_hierarchy_of_its_values(
            kind in proptest::option::of(proptest::sample::select(Kind::ALL)),
            values in proptest::collection::btree_set(
                prop_oneof!["[0-9]{1,3}(\\.[0-9]{1,2})?", "[12][0-9]{3}-[01][0-9]-[0-3][0-9]", "[1-9][0-9]{5}", "[A-Z][0-9]{2}", "\\PC{0,5}", "[0-9]{1,18}"],
                0..60,
            ),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let spec = draft(kind, &values);
            prop_assert_eq!(&HierarchySpec::from_json(spec.to_json()).map_err(|error| TestCaseError::fail(error.to_string()))?, &spec);
            if !values.is_empty() {
                let hierarchy = spec.build(&values, None).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert!(hierarchy.has_root());
            }
        }
    }
}
