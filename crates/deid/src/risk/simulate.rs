//! Seeded populations whose uniques and matches are known, for tests.

use std::collections::BTreeMap;

use super::{Population, Sample};

/// splitmix64 (Steele, Lea, Flood 2014).
pub(super) struct Draw(pub(super) u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// The class of each person.
pub(super) struct People(Vec<u32>);

impl People {
    /// Pitman's process: a person opens a class with probability `(theta + alpha k) / (theta + i)`, or joins one with weight `size - alpha`.
    pub(super) fn pitman(persons: usize, theta: f64, alpha: f64, draw: &mut Draw) -> People {
        let (mut classes, mut opens) = (Vec::with_capacity(persons), Vec::with_capacity(persons));
        let mut opened = 0_u32;
        for i in 0..persons {
            if i == 0 || draw.uniform() < (theta + alpha * f64::from(opened)) / (theta + i as f64) {
                classes.push(opened);
                opens.push(true);
                opened += 1;
                continue;
            }
            // Whoever opened a class stands for 1 - alpha of its weight, everybody else for 1.
            let like = loop {
                let at = draw.below(i);
                if !opens[at] || draw.uniform() >= alpha {
                    break at;
                }
            };
            classes.push(classes[like]);
            opens.push(false);
        }
        People(classes)
    }

    /// Classes of Poisson size whose mean is lognormal.
    pub(super) fn lognormal(classes: u32, mu: f64, sigma: f64, draw: &mut Draw) -> People {
        let mut people = Vec::new();
        for class in 0..classes {
            let mean = (mu + sigma * draw.normal()).exp().min(1e5);
            let size = if mean > 50.0 {
                (mean + mean.sqrt() * draw.normal()).round().max(0.0) as usize
            } else {
                let (limit, mut product, mut size) = ((-mean).exp(), draw.uniform(), 0);
                while product > limit {
                    product *= draw.uniform();
                    size += 1;
                }
                size
            };
            people.extend(std::iter::repeat_n(class, size));
        }
        People(people)
    }

    /// Classes of `1 +` a geometric number of persons (the slide negative binomial distribution with shape 1).
    pub(super) fn geometric(classes: u32, beta: f64, draw: &mut Draw) -> People {
        let mut people = Vec::new();
        for class in 0..classes {
            let size = 1 + (draw.uniform().ln() / (1.0 - beta).ln()) as usize;
            people.extend(std::iter::repeat_n(class, size));
        }
        People(people)
    }

    /// Persons with independent attributes, as a table has: attribute `a` has `levels[a]` values of falling frequency.
    pub(super) fn attributes(persons: usize, levels: &[u32], draw: &mut Draw) -> People {
        let class = |draw: &mut Draw| {
            levels.iter().fold(0_u32, |class, levels| {
                // Zipf's law with exponent 1, by inversion of the logarithm.
                let value = f64::from(*levels + 1).powf(draw.uniform()) as u32 - 1;
                class * levels + value.min(levels - 1)
            })
        };
        People((0..persons).map(|_| class(draw)).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn sizes(people: &[u32]) -> BTreeMap<u32, u64> {
        let mut sizes = BTreeMap::new();
        people.iter().for_each(|class| *sizes.entry(*class).or_insert(0) += 1);
        sizes
    }

    /// The share of uniques.
    pub(super) fn uniques(&self) -> f64 {
        let alone = People::sizes(&self.0).values().filter(|size| **size == 1).count();
        alone as f64 / self.0.len() as f64
    }

    /// A simple random sample, and the share of its records that would be matched rightly.
    pub(super) fn sample(&self, fraction: f64, draw: &mut Draw) -> (Sample, f64) {
        let mut people = self.0.clone();
        let n = (people.len() as f64 * fraction).round() as usize;
        for i in 0..n {
            let other = i + draw.below(people.len() - i);
            people.swap(i, other);
        }
        let all = People::sizes(&self.0);
        let drawn = People::sizes(&people[..n]);
        let right: f64 = drawn.iter().map(|(class, size)| *size as f64 / all[class] as f64).sum();
        let mut sizes = BTreeMap::new();
        drawn.values().for_each(|size| *sizes.entry(*size).or_insert(0) += 1);
        let sample = Sample::new(&sizes, Population::Size(people.len() as u64)).expect("a sample is smaller");
        (sample, right / n as f64)
    }
}
