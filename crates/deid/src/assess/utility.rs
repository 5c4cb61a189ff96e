//! What a released table is still good for: per column, and between numeric columns.
//!
//! Every figure is relative (a share, a ratio, a distance in standard deviations), so that none is a value of the data. They are computed from a
//! uniform sample of records, which is the whole table where it is small; f64 sums run in source order.
//!
//! - *Entropy kept*: Shannon entropy of the released values over that of the raw values. Pseudonyms keep all of it, noise may add some.
//! - *Kolmogorov-Smirnov*: the largest difference between the two distribution functions.
//! - *1-Wasserstein*: the mean distance that values moved in distribution, in raw standard deviations.
//! - *Total variation*: half the sum of the differences of the relative frequencies, where the released values are raw values.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Spec;
use super::sample::{Row, Value};
use crate::kind::{Class, Kind, Text};

/// The figures of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Utility {
    /// Records that the figures rest on.
    pub sampled: u64,
    /// Whether those are all.
    pub complete: bool,
    /// One entry a column, in order.
    pub columns: Vec<ColumnUtility>,
    /// Correlation between numeric columns; none where there are fewer than two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Correlation>,
}

/// What is done to a column, in the words of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// As it was.
    Kept,
    /// Coarser.
    Generalised,
    /// Random noise on each value.
    Noised,
    /// Dates moved, intervals kept.
    Shifted,
    /// Another value in its place.
    Replaced,
    /// Not released.
    Removed,
}

/// The figures of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnUtility {
    /// The name.
    pub column: String,
    /// What it holds.
    pub kind: Option<Kind>,
    /// What was done.
    pub treatment: Treatment,
    /// The share of the values present that are released with another text.
    pub changed: f64,
    /// The share of the values present that are removed.
    pub removed: f64,
    /// Distinct values in the sample, before.
    pub distinct_before: u64,
    /// Distinct values in the sample, after.
    pub distinct_after: u64,
    /// Entropy after over entropy before; none where there was none before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy_kept: Option<f64>,
    /// Distances of numeric values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numeric: Option<Numeric>,
    /// Total variation distance, where released values are raw values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_variation: Option<f64>,
}

/// Distances between the distributions of a numeric column before and after.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Numeric {
    /// Mean after less mean before, in standard deviations before.
    pub mean_shift: f64,
    /// Standard deviation after over before.
    pub sd_ratio: f64,
    /// Kolmogorov-Smirnov distance.
    pub kolmogorov_smirnov: f64,
    /// 1-Wasserstein distance in standard deviations before.
    pub wasserstein: f64,
}

/// Pearson's correlation between numeric columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Correlation {
    /// The columns.
    pub columns: Vec<String>,
    /// Row by row, before; none where a column does not vary.
    pub before: Vec<Vec<Option<f64>>>,
    /// The same, after.
    pub after: Vec<Vec<Option<f64>>>,
    /// The largest absolute difference.
    pub max_difference: f64,
}

/// Numeric columns whose correlation is shown.
const MATRIX: usize = 12;
/// Fewer values than this describe persons rather than a distribution.
const FEWEST: usize = 20;
/// The share of values that must be numbers in a numeric column, and raw values in a column whose domain is kept.
const MOST: f64 = 0.95;

/// Computes the figures.
pub(crate) fn measure(spec: &Spec, rows: &[Row], records: u64) -> Utility {
    let columns = (0..spec.columns.len()).map(|c| column(spec, rows, c)).collect();
    Utility {
        sampled: rows.len() as u64,
        complete: rows.len() as u64 == records,
        columns,
        correlation: correlation(spec, rows),
    }
}

impl Treatment {
    /// What the action of that name does.
    pub fn of(action: &str) -> Treatment {
        match action {
            "keep" => Treatment::Kept,
            "redact" | "drop" | "drop-row" => Treatment::Removed,
            "laplace" | "gaussian" | "perturb" => Treatment::Noised,
            "shift-date" => Treatment::Shifted,
            "generalize" | "truncate" | "round" | "mask" | "age-from-date" | "clean-text"
            | "clean-pixels" => Treatment::Generalised,
            _ => Treatment::Replaced,
        }
    }

    /// The word for people.
    pub fn title(self) -> Text {
        match self {
            Treatment::Kept => Text { en: "kept", zh: "保留" },
            Treatment::Generalised => Text { en: "generalised", zh: "泛化" },
            Treatment::Noised => Text { en: "noise added", zh: "加噪" },
            Treatment::Shifted => Text { en: "dates shifted", zh: "日期平移" },
            Treatment::Replaced => Text { en: "replaced", zh: "替换" },
            Treatment::Removed => Text { en: "removed", zh: "删除" },
        }
    }
}

fn column(spec: &Spec, rows: &[Row], c: usize) -> ColumnUtility {
    let mut before = Frequencies::default();
    let mut after = Frequencies::default();
    let (mut present, mut changed, mut removed) = (0_u64, 0_u64, 0_u64);
    for row in rows {
        let raw = row.raw[c];
        before.add(raw);
        let Some(new) = row.released.as_ref().map(|released| released[c]) else { continue };
        after.add(new);
        if !raw.is_empty() {
            present += 1;
            removed += u64::from(new.is_empty());
            changed += u64::from(!new.is_empty() && new.fingerprint != raw.fingerprint);
        }
    }
    let share = |n: u64| if present == 0 { 0.0 } else { n as f64 / present as f64 };
    let column = &spec.columns[c];
    let treatment = if column.released { Treatment::of(&column.action) } else { Treatment::Removed };
    let entropy = before.entropy();
    ColumnUtility {
        column: column.name.clone(),
        kind: column.kind,
        treatment,
        changed: share(changed),
        removed: share(removed),
        distinct_before: before.counts.len() as u64,
        distinct_after: after.counts.len() as u64,
        entropy_kept: (entropy > 0.0).then(|| after.entropy() / entropy),
        numeric: if is_numeric(spec, rows, c) { distances(rows, c) } else { None },
        total_variation: before.total_variation(&after),
    }
}

/// How often each value occurs.
#[derive(Debug, Default)]
struct Frequencies {
    counts: BTreeMap<u64, u64>,
    total: u64,
}

impl Frequencies {
    fn add(&mut self, value: Value) {
        if !value.is_empty() {
            *self.counts.entry(value.fingerprint).or_insert(0) += 1;
            self.total += 1;
        }
    }

    fn share(&self, fingerprint: u64) -> f64 {
        self.counts.get(&fingerprint).map_or(0.0, |n| *n as f64 / self.total as f64)
    }

    /// Shannon entropy in bits.
    fn entropy(&self) -> f64 {
        let total = self.total as f64;
        let bits: f64 = self.counts.values().map(|n| *n as f64 / total).map(|p| -p * p.log2()).sum();
        // One value gives -0.
        bits.max(0.0)
    }

    fn total_variation(&self, after: &Frequencies) -> Option<f64> {
        if self.total == 0 || after.total == 0 {
            return None;
        }
        let known: u64 =
            after.counts.iter().filter(|(v, _)| self.counts.contains_key(v)).map(|(_, n)| *n).sum();
        if (known as f64) < MOST * after.total as f64 {
            return None;
        }
        let lost: f64 = self.counts.keys().map(|v| (self.share(*v) - after.share(*v)).max(0.0)).sum();
        Some(lost)
    }
}

/// Whether the column is made of numbers that measure something.
fn is_numeric(spec: &Spec, rows: &[Row], c: usize) -> bool {
    let column = &spec.columns[c];
    let identifies = column.kind.is_some_and(|kind| {
        kind.class() == Class::DirectIdentifier || matches!(kind, Kind::DivisionCode | Kind::Postcode)
    });
    if identifies || !column.released {
        return false;
    }
    let numbers = |values: &mut dyn Iterator<Item = Value>| {
        let (mut present, mut numeric) = (0_usize, 0_usize);
        for value in values {
            present += usize::from(!value.is_empty());
            numeric += usize::from(!value.number.is_nan());
        }
        present >= FEWEST && numeric as f64 >= MOST * present as f64
    };
    numbers(&mut rows.iter().map(|row| row.raw[c]))
        && numbers(&mut rows.iter().filter_map(|row| row.released.as_ref().map(|released| released[c])))
}

fn distances(rows: &[Row], c: usize) -> Option<Numeric> {
    let mut before: Vec<f64> = rows.iter().map(|row| row.raw[c].number).filter(|x| !x.is_nan()).collect();
    let mut after: Vec<f64> = rows
        .iter()
        .filter_map(|row| Some(row.released.as_ref()?[c].number))
        .filter(|x| !x.is_nan())
        .collect();
    let (mean, sd) = mean_and_sd(&before)?;
    let (new_mean, new_sd) = mean_and_sd(&after)?;
    if sd <= 0.0 || !sd.is_finite() || !new_sd.is_finite() {
        return None;
    }
    before.sort_by(f64::total_cmp);
    after.sort_by(f64::total_cmp);
    let (kolmogorov_smirnov, area) = between(&before, &after);
    Some(Numeric {
        mean_shift: (new_mean - mean) / sd,
        sd_ratio: new_sd / sd,
        kolmogorov_smirnov,
        wasserstein: area / sd,
    })
}

fn mean_and_sd(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (!values.is_empty() && mean.is_finite()).then(|| (mean, (squares / n).sqrt()))
}

/// The largest difference of two distribution functions, and the area between them. Both samples are sorted and not empty.
fn between(a: &[f64], b: &[f64]) -> (f64, f64) {
    let (mut i, mut j) = (0, 0);
    let (mut largest, mut area) = (0.0_f64, 0.0);
    let mut last = a[0].min(b[0]);
    while i < a.len() || j < b.len() {
        let next = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) => *x,
            (_, y) => *y.expect("one of the samples has values left"),
        };
        let difference = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        area += difference * (next - last);
        while a.get(i).is_some_and(|x| *x <= next) {
            i += 1;
        }
        while b.get(j).is_some_and(|y| *y <= next) {
            j += 1;
        }
        largest = largest.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
        last = next;
    }
    (largest, area)
}

fn correlation(spec: &Spec, rows: &[Row]) -> Option<Correlation> {
    let columns: Vec<usize> =
        (0..spec.columns.len()).filter(|c| is_numeric(spec, rows, *c)).take(MATRIX).collect();
    if columns.len() < 2 {
        return None;
    }
    // The same records before and after, so that dropped ones do not look like lost correlation of the others.
    let (mut raw, mut released) = (Vec::new(), Vec::new());
    for row in rows {
        if let Some(new) = row.released.as_deref() {
            raw.push(row.raw.as_ref());
            released.push(new);
        }
    }
    let (before, after) = (matrix(&raw, &columns), matrix(&released, &columns));
    let pairs = before.iter().flatten().zip(after.iter().flatten());
    let max_difference =
        pairs.filter_map(|(a, b)| Some((a.as_ref()? - b.as_ref()?).abs())).fold(0.0, f64::max);
    let columns = columns.iter().map(|c| spec.columns[*c].name.clone()).collect();
    Some(Correlation { columns, before, after, max_difference })
}

fn matrix(rows: &[&[Value]], columns: &[usize]) -> Vec<Vec<Option<f64>>> {
    let entry = |x: usize, y: usize| pearson(rows.iter().map(|row| (row[x].number, row[y].number)));
    columns.iter().map(|x| columns.iter().map(|y| entry(*x, *y)).collect()).collect()
}

/// Pearson's coefficient over the pairs in which both are numbers, in two passes.
fn pearson(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let pairs = pairs.filter(|(x, y)| !x.is_nan() && !y.is_nan());
    let (mut n, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (x, y) in pairs.clone() {
        n += 1.0;
        sum_x += x;
        sum_y += y;
    }
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mean_x).powi(2);
        yy += (y - mean_y).powi(2);
        xy += (x - mean_x) * (y - mean_y);
    }
    let scale = (xx * yy).sqrt();
    (n >= FEWEST as f64 && scale > 0.0 && scale.is_finite()).then(|| (xy / scale).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_known_distributions() {
        // Moving everything by one moves the functions by one everywhere.
        let a: Vec<f64> = (0..100).map(f64::from).collect();
        let b: Vec<f64> = (1..101).map(f64::from).collect();
        let (ks, area) = between(&a, &b);
        assert!((ks - 0.01).abs() < 1e-12 && (area - 1.0).abs() < 1e-12, "{ks} {area}");
        assert_eq!(between(&a, &a), (0.0, 0.0));
        assert_eq!(between(&[0.0, 0.0], &[1.0]), (1.0, 1.0));
        // Half of the mass moves by two.
        let (ks, area) = between(&[0.0, 0.0], &[0.0, 2.0]);
        assert_eq!((ks, area), (0.5, 1.0));
    }

    #[test]
    fn correlation_of_a_line_is_one_and_of_a_constant_nothing() {
        let line = (0..30).map(|i| (f64::from(i), 3.0 - 2.0 * f64::from(i)));
        assert!((pearson(line).unwrap() + 1.0).abs() < 1e-12);
        assert_eq!(pearson((0..30).map(|i| (f64::from(i), 1.0))), None);
        assert_eq!(pearson((0..10).map(|i| (f64::from(i), f64::from(i)))), None);
    }

    #[test]
    fn entropy_and_total_variation_of_small_examples() {
        let of = |values: &[u64]| {
            let mut frequencies = Frequencies::default();
            values.iter().for_each(|v| frequencies.add(Value { fingerprint: *v, number: f64::NAN }));
            frequencies
        };
        assert_eq!(of(&[1, 2, 3, 4]).entropy(), 2.0);
        assert_eq!(of(&[1, 1]).entropy(), 0.0);
        assert_eq!(of(&[1, 1, 2, 2]).total_variation(&of(&[1, 2, 2, 2])), Some(0.25));
        assert_eq!(of(&[1, 2]).total_variation(&of(&[3, 4])), None);
        assert_eq!(of(&[]).total_variation(&of(&[])), None);
    }
}
