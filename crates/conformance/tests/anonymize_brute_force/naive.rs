//! The reference: every node, every record, strings and maps, straight from the definitions. Slow and plain on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medveil_deid::risk::{Population, Sample, population_risk};

/// A quasi-identifier: its hierarchy as rows of labels, the value first.
#[derive(Clone, Debug)]
pub struct Attr {
    pub rows: Arc<Vec<Vec<String>>>,
    /// By level: how many rows stand under each label.
    leaves: Arc<Vec<BTreeMap<String, usize>>>,
    pub weight: f64,
}

impl Attr {
    pub fn new(rows: Vec<Vec<String>>, weight: f64) -> Attr {
        let leaves = (0..rows[0].len()).map(|level| {
            let mut counts = BTreeMap::new();
            rows.iter().for_each(|row| *counts.entry(row[level].clone()).or_insert(0) += 1);
            counts
        });
        Attr { leaves: Arc::new(leaves.collect()), rows: Arc::new(rows), weight }
    }

    pub fn levels(&self) -> usize {
        self.rows[0].len()
    }

    fn share(&self, level: usize, label: &str) -> f64 {
        self.leaves[level][label] as f64 / self.rows.len() as f64
    }
}

/// A sensitive attribute: its values, in their order, with a hierarchy of them.
#[derive(Clone, Debug)]
pub struct Secret {
    pub name: String,
    pub rows: Vec<Vec<String>>,
}

/// A record: places in the hierarchies of the quasi-identifiers and of the sensitive attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub values: Vec<usize>,
    pub secrets: Vec<usize>,
}

/// What is asked of a table.
#[derive(Clone, Debug)]
pub struct Case {
    pub attributes: Vec<Attr>,
    pub secrets: Vec<Secret>,
    pub records: Vec<Record>,
    /// Persons beside those of the table; none where there is no population.
    pub others: Option<Vec<Vec<usize>>>,
    pub models: Vec<String>,
    pub suppression: f64,
    pub metric: String,
}

/// What one node comes to.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub levels: Vec<usize>,
    pub score: f64,
    pub suppressed: usize,
    pub classes: usize,
    pub smallest: usize,
    pub largest: usize,
    /// Records that are suppressed.
    pub gone: BTreeSet<usize>,
}

impl Case {
    /// Every node of the lattice.
    pub fn nodes(&self) -> Vec<Vec<usize>> {
        self.attributes.iter().fold(vec![Vec::new()], |nodes, attribute| {
            let longer = |node: &Vec<usize>| {
                let node = node.clone();
                (0..attribute.levels()).map(move |level| [node.clone(), vec![level]].concat())
            };
            nodes.iter().flat_map(longer).collect()
        })
    }

    /// Every node that is a solution within a limit.
    pub fn solutions(&self, limit: f64) -> Vec<Outcome> {
        let allowed = (limit * self.records.len() as f64).floor() as usize;
        let outcomes = self.nodes().into_iter().filter_map(|node| self.at(&node));
        outcomes.filter(|outcome| outcome.suppressed <= allowed).collect()
    }

    /// Releases the table at a node; none where no suppression mends it.
    pub fn at(&self, levels: &[usize]) -> Option<Outcome> {
        let tuple = |values: &[usize]| -> Vec<String> {
            let label = |((attr, value), level): ((&Attr, &usize), &usize)| attr.rows[*value][*level].clone();
            self.attributes.iter().zip(values).zip(levels).map(label).collect()
        };
        let mut classes: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
        for (number, record) in self.records.iter().enumerate() {
            classes.entry(tuple(&record.values)).or_default().push(number);
        }
        let mut persons: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for values in self.persons() {
            *persons.entry(tuple(values)).or_default() += 1;
        }
        for (person, n) in &persons {
            if !classes.contains_key(person) && !self.absence_is_fine(*n) {
                return None;
            }
        }
        let persons_of = |class: &Vec<String>| persons.get(class).copied().unwrap_or(0);
        let mut kept: Vec<&Vec<usize>> = classes
            .iter()
            .filter(|(tuple, members)| self.satisfies(members, persons_of(tuple)))
            .map(|(_, members)| members)
            .collect();
        // Of equally large classes, that of the first record goes first.
        kept.sort_by_key(|members| (members.len(), members[0]));
        let kept = &kept[self.first_that_stays(&kept.iter().map(|class| class.len()).collect::<Vec<_>>())..];
        let stays: BTreeSet<usize> = kept.iter().flat_map(|members| members.iter().copied()).collect();
        let gone: BTreeSet<usize> =
            (0..self.records.len()).filter(|record| !stays.contains(record)).collect();
        let sizes: Vec<usize> = kept.iter().map(|members| members.len()).collect();
        let levels_of = |record: usize| (!gone.contains(&record)).then(|| levels.to_vec());
        Some(Outcome {
            levels: levels.to_vec(),
            score: self.score(&levels_of, &sizes),
            suppressed: gone.len(),
            classes: sizes.len(),
            smallest: sizes.iter().copied().min().unwrap_or(0),
            largest: sizes.iter().copied().max().unwrap_or(0),
            gone,
        })
    }

    /// The values of every person of the population; nobody where there is no population.
    pub fn persons(&self) -> impl Iterator<Item = &Vec<usize>> {
        let own = self.records.iter().map(|record| &record.values);
        let of_table = self.others.iter().flat_map(move |_| own.clone());
        of_table.chain(self.others.iter().flatten())
    }

    /// Whether a class of the population may lack any record.
    fn absence_is_fine(&self, persons: usize) -> bool {
        self.models.iter().all(|model| match model.split_once('=') {
            Some(("delta-presence", bounds)) => within(bounds, 0.0 / persons as f64),
            _ => true,
        })
    }

    /// Whether a class of these records, which as many persons share, satisfies every model on classes.
    pub fn satisfies(&self, members: &[usize], persons: usize) -> bool {
        let n = members.len();
        self.models.iter().all(|model| {
            let (name, parameter) = model.split_once('=').unwrap();
            let number = || parameter.parse::<f64>().unwrap();
            match name {
                "k" => n as f64 >= number(),
                "max-risk" => 1.0 / n as f64 <= number() + 1e-9,
                "k-map" => persons as f64 >= number(),
                "delta-presence" => within(parameter, n as f64 / persons as f64),
                "average-risk" | "population-uniques" => true,
                _ => {
                    let (about, name) = name.split_once(':').map_or((None, name), |(a, n)| (Some(a), n));
                    let about = |secret: &Secret| about.is_none_or(|about| about == secret.name);
                    let mut secrets = self.secrets.iter().enumerate().filter(|(_, secret)| about(secret));
                    secrets.all(|(at, secret)| self.hides(at, secret, members, name, parameter))
                }
            }
        })
    }

    fn hides(&self, at: usize, secret: &Secret, members: &[usize], name: &str, parameter: &str) -> bool {
        let value = |record: &usize| self.records[*record].secrets[at];
        let share = |of: &[usize], wanted: usize| {
            of.iter().filter(|record| value(record) == wanted).count() as f64 / of.len() as f64
        };
        let all: Vec<usize> = (0..self.records.len()).collect();
        let domain = 0..secret.rows.len();
        // Of each value: its share of the class and of the table.
        let shares: Vec<(f64, f64)> =
            domain.map(|wanted| (share(members, wanted), share(&all, wanted))).collect();
        let number = || parameter.parse::<f64>().unwrap();
        let present = shares.iter().filter(|(q, _)| *q > 0.0);
        match name {
            "distinct-l" => present.count() as f64 >= number(),
            "entropy-l" => {
                let entropy: f64 = present.map(|(q, _)| -q * q.log2()).sum();
                entropy >= number().log2() - 1e-9
            }
            "recursive-cl" => {
                let (c, l) = parameter.split_once(',').unwrap();
                let (c, l): (f64, usize) = (c.parse().unwrap(), l.parse().unwrap());
                let mut counts: Vec<f64> = present.map(|(q, _)| (q * members.len() as f64).round()).collect();
                counts.sort_by(|a, b| b.total_cmp(a));
                counts[0] < c * counts.iter().skip(l - 1).sum::<f64>()
            }
            "t" => shares.iter().map(|(q, p)| (q - p).abs()).sum::<f64>() / 2.0 <= number() + 1e-9,
            "ordered-t" => {
                let up_to = |last: usize| shares[..=last].iter().map(|(q, p)| q - p).sum::<f64>().abs();
                let moved: f64 = (0..shares.len()).map(up_to).sum();
                let steps = shares.len().saturating_sub(1).max(1);
                moved / steps as f64 <= number() + 1e-9
            }
            // The distance in a tree is the sum over its edges of what has to pass them; each edge is half a level long.
            "hierarchical-t" => {
                let mut rows = secret.rows.clone();
                let tops: BTreeSet<&String> = secret.rows.iter().filter_map(|row| row.last()).collect();
                if tops.len() > 1 {
                    rows.iter_mut().for_each(|row| row.push("root".into()));
                }
                let height = rows[0].len() - 1;
                let passes = |level: usize| {
                    let mut extra: BTreeMap<&String, f64> = BTreeMap::new();
                    for (row, (q, p)) in rows.iter().zip(&shares) {
                        *extra.entry(&row[level]).or_default() += q - p;
                    }
                    extra.values().map(|extra| extra.abs()).sum::<f64>()
                };
                let moved: f64 = (0..height).map(passes).sum();
                moved / (2 * height.max(1)) as f64 <= number() + 1e-9
            }
            "beta-likeness" => present.into_iter().all(|(q, p)| (q - p) / p <= number() + 1e-9),
            "enhanced-beta-likeness" => {
                present.into_iter().all(|(q, p)| (q - p) / p <= number().min(-p.ln()) + 1e-9)
            }
            "delta-disclosure" => present.into_iter().all(|(q, p)| (q / p).log2().abs() < number()),
            _ => panic!("{name}"),
        }
    }

    /// Of classes whose sizes ascend, how many go until the models on the table hold: by bisection, as it is defined.
    fn first_that_stays(&self, sizes: &[usize]) -> usize {
        let holds = |first: usize| self.models.iter().all(|model| holds_for_table(model, &sizes[first..]));
        if holds(0) {
            return 0;
        }
        let (mut low, mut high) = (0, sizes.len());
        while high - low > 1 {
            let middle = (low + high) / 2;
            if holds(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// Whether these classes satisfy the models on the table.
    pub fn table_holds(&self, sizes: &[usize]) -> bool {
        self.models.iter().all(|model| holds_for_table(model, sizes))
    }

    /// The score of a release: the levels of each record (none if it is suppressed) and the sizes of the classes.
    pub fn score(&self, levels: &dyn Fn(usize) -> Option<Vec<usize>>, sizes: &[usize]) -> f64 {
        let n = self.records.len() as f64;
        let suppressed = (0..self.records.len()).filter(|record| levels(*record).is_none()).count();
        match &*self.metric {
            "discernibility" => {
                sizes.iter().map(|size| (size * size) as f64).sum::<f64>() + suppressed as f64 * n
            }
            "average-class-size" => {
                let classes = sizes.len() + usize::from(suppressed > 0);
                n / classes as f64
            }
            metric => {
                let columns = 0..self.attributes.len();
                let losses = columns.map(|column| self.column_loss(metric, column, levels));
                let weights: f64 = self.attributes.iter().map(|attr| attr.weight).sum();
                let weighted = losses.zip(self.attributes.iter().map(|attr| attr.weight / weights));
                match metric {
                    "loss-geometric" => {
                        weighted.map(|(loss, weight)| (1.0 + loss).powf(weight)).product::<f64>() - 1.0
                    }
                    _ => weighted.map(|(loss, weight)| loss * weight).sum(),
                }
            }
        }
    }

    fn column_loss(&self, metric: &str, column: usize, levels: &dyn Fn(usize) -> Option<Vec<usize>>) -> f64 {
        let attr = &self.attributes[column];
        let n = self.records.len() as f64;
        let label = |record: usize, level: usize| &attr.rows[self.records[record].values[column]][level];
        let sum = |cost: &dyn Fn(usize, usize) -> f64, gone: f64| -> f64 {
            let of = |record| levels(record).map_or(gone, |levels: Vec<usize>| cost(record, levels[column]));
            (0..self.records.len()).map(of).sum()
        };
        match metric {
            "loss" | "loss-geometric" => {
                let x = sum(&|record, level| attr.share(level, label(record, level)), 1.0);
                let least = n / attr.rows.len() as f64;
                if attr.rows.len() == 1 {
                    return 0.0;
                }
                let loss = f64::max(0.0, (x - least) / (n - least));
                (loss * 1e10).floor() / 1e10
            }
            "precision" => {
                let height = (attr.levels() - 1).max(1) as f64;
                sum(&|_, level| level as f64 / height, 1.0) / n
            }
            "entropy" => {
                let with = |record: usize, level: usize| {
                    let same = |other: &usize| label(*other, level) == label(record, level);
                    (0..self.records.len()).filter(same).count() as f64
                };
                let bits = sum(&|record, level| with(record, level).log2(), n.log2());
                let least: f64 = (0..self.records.len()).map(|record| with(record, 0).log2()).sum();
                let most = n * n.log2();
                if most - least < 1e-9 { 0.0 } else { (bits - least) / (most - least) }
            }
            _ => panic!("{metric}"),
        }
    }
}

fn within(bounds: &str, share: f64) -> bool {
    let (low, high) = bounds.split_once(',').unwrap();
    (low.parse().unwrap()..=high.parse().unwrap()).contains(&share)
}

fn holds_for_table(model: &str, sizes: &[usize]) -> bool {
    if sizes.is_empty() {
        return true;
    }
    match model.split_once('=').unwrap() {
        ("average-risk", limit) => {
            sizes.len() as f64 / sizes.iter().sum::<usize>() as f64 <= limit.parse().unwrap()
        }
        ("population-uniques", parameters) => {
            let (limit, persons) = parameters.split_once(',').unwrap();
            let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
            sizes.iter().for_each(|size| *counts.entry(*size as u64).or_default() += 1);
            if !counts.contains_key(&1) {
                return true;
            }
            // The estimators have references of their own.
            let sample = Sample::new(&counts, Population::Size(persons.parse().unwrap()));
            sample.is_ok_and(|sample| population_risk(&sample).uniques.share.value <= limit.parse().unwrap())
        }
        _ => true,
    }
}
