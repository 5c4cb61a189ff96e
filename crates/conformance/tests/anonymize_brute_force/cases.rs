//! Random tables, hierarchies and models.

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::naive::{Attr, Case, Record, Secret};

/// Models, with parameters at which equality is exact or impossible, whatever is rounded how.
const OF_CLASSES: &[&str] = &["k=1", "k=2", "k=3", "k=5", "max-risk=0.5", "max-risk=0.2", "max-risk=1"];
const OF_TABLES: &[&str] =
    &["average-risk=0.5", "average-risk=0.25", "average-risk=0.1", "population-uniques=0.05,200"];
const OF_POPULATIONS: &[&str] = &[
    "k-map=2",
    "k-map=4",
    "delta-presence=0,0.5",
    "delta-presence=0,0.75",
    "delta-presence=0.25,0.75",
    "delta-presence=0.1,1",
];
const OF_SECRETS: &[&str] = &[
    "distinct-l=2",
    "distinct-l=3",
    "s0:distinct-l=2",
    "entropy-l=1.5",
    "entropy-l=2",
    "s1:entropy-l=1.3",
    "recursive-cl=2,2",
    "recursive-cl=3,2",
    "recursive-cl=1.5,1",
    "recursive-cl=3,3",
    "t=0.2",
    "t=0.35",
    "s1:t=0.15",
    "ordered-t=0.1",
    "ordered-t=0.25",
    "s0:ordered-t=0.15",
    "hierarchical-t=0.1",
    "hierarchical-t=0.3",
    "beta-likeness=0.6",
    "beta-likeness=1.7",
    "enhanced-beta-likeness=0.8",
    "enhanced-beta-likeness=2.3",
    "delta-disclosure=0.7",
    "delta-disclosure=1.3",
    "s0:delta-disclosure=2.1",
];
const METRICS: &[&str] =
    &["loss", "loss-geometric", "precision", "entropy", "discernibility", "average-class-size"];

/// Rows of a monotone hierarchy: at each level every label of the one below goes under some label.
fn hierarchy(
    prefix: &'static str,
    values: impl Strategy<Value = usize>,
    levels: impl Strategy<Value = usize>,
) -> impl Strategy<Value = Vec<Vec<String>>> {
    let steps = |values: usize, levels: usize| {
        let step = (any::<bool>(), prop::collection::vec(any::<Index>(), values));
        (prop::collection::vec(step, levels - 1), any::<bool>(), Just(values))
    };
    (values, levels).prop_flat_map(move |(values, levels)| steps(values, levels)).prop_map(
        move |(steps, rooted, values)| {
            let mut rows: Vec<Vec<String>> = (0..values).map(|v| vec![format!("{prefix}{v}")]).collect();
            // The group of each value at the level that was built last.
            let mut groups: Vec<usize> = (0..values).collect();
            let top = steps.len();
            for (level, (keeps_names, parents)) in (1..).zip(steps) {
                let below = groups.iter().max().unwrap() + 1;
                let parent = |group: usize| match rooted && level == top {
                    true => 0,
                    false => parents[group % parents.len()].index(below.div_ceil(2)),
                };
                let new: Vec<usize> = groups.iter().map(|group| parent(*group)).collect();
                for (value, row) in rows.iter_mut().enumerate() {
                    let alone = (0..values).filter(|other| new[*other] == new[value]).count() == 1;
                    row.push(match (rooted && level == top, keeps_names && alone) {
                        (true, _) => "*".into(),
                        // As many hierarchies have it: what is alone keeps its name.
                        (_, true) => row[level - 1].clone(),
                        _ => format!("{prefix}{level}-{}", new[value]),
                    });
                }
                // Numbers without gaps.
                let mut seen = Vec::new();
                groups = new
                    .iter()
                    .map(|group| {
                        seen.iter().position(|other| other == group).unwrap_or_else(|| {
                            seen.push(*group);
                            seen.len() - 1
                        })
                    })
                    .collect();
            }
            rows
        },
    )
}

fn models(secrets: usize, population: bool) -> impl Strategy<Value = Vec<String>> {
    let fits = move |model: &&str| !model.starts_with("s1:") || secrets > 1;
    let mut all: Vec<&str> = OF_CLASSES.iter().chain(OF_TABLES).copied().collect();
    if secrets > 0 {
        all.extend(OF_SECRETS.iter().copied().filter(fits));
    }
    if population {
        all.extend(OF_POPULATIONS);
        // As likely as the others, that have more parameters.
        all.extend(OF_POPULATIONS);
    }
    subsequence(all, 1..=3).prop_map(|models| models.into_iter().map(str::to_owned).collect())
}

/// A table with everything that may be asked of it.
pub fn cases() -> impl Strategy<Value = Case> {
    (2_usize..=4, 0_usize..=2, any::<bool>(), 1_usize..=60)
        .prop_flat_map(|(attributes, secrets, population, records)| {
            let attribute = (hierarchy("v", 1_usize..=6, 1_usize..=4), select(&[1.0, 1.0, 0.25, 3.0][..]));
            let secret = hierarchy("s", 1_usize..=5, 1_usize..=3);
            let record = (
                prop::collection::vec(any::<Index>(), attributes),
                prop::collection::vec(any::<Index>(), secrets),
            );
            let person = prop::collection::vec(any::<Index>(), attributes);
            (
                prop::collection::vec(attribute, attributes),
                prop::collection::vec(secret, secrets),
                prop::collection::vec(record, records),
                prop::collection::vec(person, 0..120).prop_map(move |others| population.then_some(others)),
                models(secrets, population),
                prop_oneof![Just(0.0), Just(1.0), select(&[0.02, 0.1, 0.29, 0.5][..]), 0.0..=1.0_f64],
                select(METRICS),
            )
        })
        .prop_map(|(attributes, secrets, records, others, models, suppression, metric)| {
            let attributes: Vec<Attr> =
                attributes.into_iter().map(|(rows, weight)| Attr::new(rows, weight)).collect();
            let secrets: Vec<Secret> = secrets
                .into_iter()
                .enumerate()
                .map(|(at, rows)| Secret { name: format!("s{at}"), rows })
                .collect();
            let values = |places: &[Index]| -> Vec<usize> {
                places.iter().zip(&attributes).map(|(place, attr)| place.index(attr.rows.len())).collect()
            };
            let records = records
                .iter()
                .map(|(places, hidden)| Record {
                    values: values(places),
                    secrets: hidden.iter().zip(&secrets).map(|(at, s)| at.index(s.rows.len())).collect(),
                })
                .collect();
            let others = others.map(|others| others.iter().map(|places| values(places)).collect());
            Case { records, others, models, suppression, metric: metric.to_owned(), attributes, secrets }
        })
}
