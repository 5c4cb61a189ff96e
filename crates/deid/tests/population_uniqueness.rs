//! UCI Adult as a population: samples of it are drawn, and what is estimated from them is held against what is true of the whole, as Dankar et al. 2012 did.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where something is missing, and shows its figures"
)]

mod adult;

use std::collections::{BTreeMap, HashMap};

use adult::{folder, lines};
use medveil_deid::risk::{Population, Sample, population_risk};

/// splitmix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as usize
    }
}

fn sizes(classes: &[u32]) -> HashMap<u32, u64> {
    let mut sizes = HashMap::new();
    classes.iter().for_each(|class| *sizes.entry(*class).or_insert(0) += 1);
    sizes
}

#[test]
fn samples_of_adult_tell_what_is_unique_in_all_of_adult() {
    let Some(folder) = folder() else { return };
    let rows = lines(&folder, "adult.csv");
    let mut draw = Draw(2012);
    for names in [
        &["sex", "age", "race", "marital-status", "native-country"][..],
        &["sex", "age", "race", "education", "occupation"],
        &["sex", "age", "race", "marital-status", "education", "native-country", "workclass", "occupation"],
    ] {
        let columns: Vec<usize> =
            names.iter().map(|name| rows[0].iter().position(|column| column == name).unwrap()).collect();
        let mut index: HashMap<Vec<&str>, u32> = HashMap::new();
        let mut people: Vec<u32> = rows[1..]
            .iter()
            .map(|row| {
                let next = index.len() as u32;
                *index.entry(columns.iter().map(|c| row[*c].as_str()).collect()).or_insert(next)
            })
            .collect();
        let all = sizes(&people);
        let unique = all.values().filter(|size| **size == 1).count() as f64 / people.len() as f64;
        for fraction in [0.03, 0.1, 0.3, 0.6] {
            let n = (people.len() as f64 * fraction) as usize;
            let (mut rule, mut matches, repeats) = (0.0, 0.0, 10);
            for _ in 0..repeats {
                for i in 0..n {
                    let other = i + draw.below(people.len() - i);
                    people.swap(i, other);
                }
                let drawn = sizes(&people[..n]);
                let right: f64 = drawn.iter().map(|(class, size)| *size as f64 / all[class] as f64).sum();
                let mut histogram = BTreeMap::new();
                drawn.values().for_each(|size| *histogram.entry(*size).or_insert(0) += 1);
                let sample = Sample::new(&histogram, Population::Size(people.len() as u64)).unwrap();
                let risk = population_risk(&sample);
                assert!(unique <= risk.ceiling, "{unique} {}", risk.ceiling);
                rule += risk.uniques.share.value / unique / f64::from(repeats);
                matches += risk.matches.marketer.value / (right / n as f64) / f64::from(repeats);
            }
            println!(
                "{} columns, {:5.2} % unique, fraction {fraction}: uniques {rule:.2}, right matches {matches:.2} of the truth",
                names.len(),
                unique * 100.0
            );
            assert!((0.5..1.8).contains(&rule), "{rule}");
            assert!((0.7..1.3).contains(&matches), "{matches}");
        }
    }
}
