//! How strongly columns go together, before and after.
//!
//! Two columns that measure something are compared by Pearson's correlation, all others by Cramer's V with Bergsma's correction for bias: of an
//! `r x c` table over `n` records with the statistic `chi^2`,
//!
//! ```text
//! V = sqrt( max(0, chi^2/n - (r-1)(c-1)/(n-1)) / min(r~ - 1, c~ - 1) ),   r~ = r - (r-1)^2/(n-1),   c~ = c - (c-1)^2/(n-1)
//! ```
//!
//! Uncorrected V of columns with many values is far above 0 where there is no association at all. Records in which either value is
//! suppressed are left out: otherwise suppression itself would look like an association. Where too little is left to measure, the association counts as
//! lost (0).
//!
//! *Source*: W. Bergsma, *A bias-correction for Cramer's V and Tschuprow's T*, J Korean Statistical Society 42(3), 2013, 323-328. *Heuristic*: V is
//! comparable over tables of different sizes by convention, not by theory; a coarser column can have a larger V.

use std::collections::HashMap;

use serde::Serialize;

use super::column::{Column, Table};
use super::{FEWEST, WorkloadError};

/// The associations of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Associations {
    /// One entry for each pair of columns of which the raw table has a measurable association.
    pub pairs: Vec<Association>,
    /// The mean of the absolute differences.
    pub mean_absolute_loss: f64,
    /// The largest of them.
    pub largest_loss: f64,
}

/// Two columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Association {
    /// The columns.
    pub columns: [String; 2],
    /// By what it is measured.
    pub measure: Measure,
    /// In the raw table.
    pub raw: f64,
    /// In the released table; none where too little is left.
    pub released: Option<f64>,
}

/// A measure of association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Cramer's V, corrected: 0 to 1.
    CramersV,
    /// Pearson's correlation: -1 to 1.
    Correlation,
}

impl Association {
    /// The absolute difference, where what cannot be measured any more is 0.
    pub fn loss(&self) -> f64 {
        (self.raw - self.released.unwrap_or(0.0)).abs()
    }
}

/// Compares all pairs of these columns.
pub(super) fn compare(
    raw: &Table,
    released: &Table,
    columns: &[String],
) -> Result<Associations, WorkloadError> {
    let find = |name: &String| {
        let column = raw.column(name)?;
        Ok((column, released.column(name)?, column.is_numeric()))
    };
    let all = columns.iter().map(find).collect::<Result<Vec<_>, WorkloadError>>()?;
    let mut pairs = Vec::new();
    for (i, (a, new_a, a_is_numeric)) in all.iter().enumerate() {
        for (j, (b, new_b, b_is_numeric)) in all.iter().enumerate().skip(i + 1) {
            let measure =
                if *a_is_numeric && *b_is_numeric { Measure::Correlation } else { Measure::CramersV };
            let Some(before) = measure.of(a, b) else { continue };
            let after = measure.of(new_a, new_b);
            let columns = [columns[i].clone(), columns[j].clone()];
            pairs.push(Association { columns, measure, raw: before, released: after });
        }
    }
    let total: f64 = pairs.iter().map(Association::loss).sum();
    let largest_loss = pairs.iter().map(Association::loss).fold(0.0, f64::max);
    Ok(Associations { mean_absolute_loss: total / (pairs.len() as f64).max(1.0), largest_loss, pairs })
}

impl Measure {
    fn of(self, a: &Column, b: &Column) -> Option<f64> {
        match self {
            Measure::CramersV => cramers_v(a, b),
            Measure::Correlation => correlation(&a.numbers(), &b.numbers()),
        }
    }
}

/// Cramer's V with Bergsma's correction; none where fewer than two values or too few records are present.
fn cramers_v(a: &Column, b: &Column) -> Option<f64> {
    let (lost_a, lost_b) = (a.missing(), b.missing());
    let mut cells: HashMap<(u32, u32), u64> = HashMap::new();
    for (x, y) in a.codes.iter().zip(&b.codes) {
        if !lost_a[*x as usize] && !lost_b[*y as usize] {
            *cells.entry((*x, *y)).or_insert(0) += 1;
        }
    }
    // Sorted, so that sums come out the same on every machine.
    let mut cells: Vec<((u32, u32), u64)> = cells.into_iter().collect();
    cells.sort_unstable();
    let (mut rows, mut columns) = (vec![0_u64; a.labels.len()], vec![0_u64; b.labels.len()]);
    for ((x, y), count) in &cells {
        rows[*x as usize] += count;
        columns[*y as usize] += count;
    }
    let n: u64 = rows.iter().sum();
    let present = |counts: &[u64]| counts.iter().filter(|count| **count > 0).count() as f64;
    let (r, c) = (present(&rows), present(&columns));
    if r < 2.0 || c < 2.0 || n < FEWEST as u64 {
        return None;
    }
    // chi^2 / n = sum n_xy^2 / (n_x n_y) - 1
    let phi: f64 = cells
        .iter()
        .map(|((x, y), count)| {
            let count = *count as f64;
            count * (count / rows[*x as usize] as f64) / columns[*y as usize] as f64
        })
        .sum::<f64>()
        - 1.0;
    let rest = n as f64 - 1.0;
    let corrected = (phi - (r - 1.0) * (c - 1.0) / rest).max(0.0);
    let shrunk = |k: f64| k - (k - 1.0).powi(2) / rest;
    let most = shrunk(r).min(shrunk(c)) - 1.0;
    (most > 0.0).then(|| (corrected / most).sqrt().min(1.0))
}

/// Pearson's correlation over the records in which both are numbers.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let pairs = || a.iter().zip(b).filter(|(x, y)| !x.is_nan() && !y.is_nan());
    let n = pairs().count() as f64;
    if n < FEWEST as f64 {
        return None;
    }
    let (sum_x, sum_y) = pairs().fold((0.0, 0.0), |(s, t), (x, y)| (s + x, t + y));
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs() {
        xx += (x - mean_x).powi(2);
        yy += (y - mean_y).powi(2);
        xy += (x - mean_x) * (y - mean_y);
    }
    let scale = (xx * yy).sqrt();
    (scale > 0.0 && scale.is_finite()).then(|| (xy / scale).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utility::draw::Draw;

    /// 2 x 2 with 30, 10, 10, 30: chi^2/n = 0.25; corrected (0.25 - 1/79) / (2 - 1/79 - 1).
    #[test]
    fn a_two_by_two_table_by_hand() {
        let mut pairs = Vec::new();
        for (x, y, n) in [("a", "c", 30), ("a", "d", 10), ("b", "c", 10), ("b", "d", 30)] {
            pairs.extend(std::iter::repeat_n((x, y), n));
        }
        let a = Column::of(pairs.iter().map(|(x, _)| *x));
        let b = Column::of(pairs.iter().map(|(_, y)| *y));
        let expected = ((0.25 - 1.0 / 79.0) / (1.0 - 1.0 / 79.0_f64)).sqrt();
        assert!((cramers_v(&a, &b).unwrap() - expected).abs() < 1e-12);
        assert!((cramers_v(&a, &a).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn independent_columns_of_many_values_have_almost_no_association() {
        let mut draw = Draw(5);
        let values: Vec<(String, String)> =
            (0..2000).map(|_| (draw.below(40).to_string(), draw.below(30).to_string())).collect();
        let a = Column::of(values.iter().map(|(x, _)| x.as_str()));
        let b = Column::of(values.iter().map(|(_, y)| y.as_str()));
        assert!(cramers_v(&a, &b).unwrap() < 0.05);
    }

    #[test]
    fn suppression_is_no_association() {
        let mut draw = Draw(6);
        let values: Vec<(String, String)> = (0..3000)
            .map(|i| match i % 3 {
                0 => ("*".to_owned(), "*".to_owned()),
                _ => (draw.below(4).to_string(), draw.below(4).to_string()),
            })
            .collect();
        let a = Column::of(values.iter().map(|(x, _)| x.as_str()));
        let b = Column::of(values.iter().map(|(_, y)| y.as_str()));
        assert!(cramers_v(&a, &b).unwrap() < 0.06);
    }

    #[test]
    fn a_lost_column_loses_all_of_its_associations() {
        let mut draw = Draw(7);
        let values: Vec<String> = (0..500).map(|_| draw.below(3).to_string()).collect();
        let column = Column::of(values.iter().map(String::as_str));
        let raw = Table::new(vec![("x".into(), column.clone()), ("y".into(), column.clone())]).unwrap();
        let gone = Column::of(std::iter::repeat_n("*", 500));
        let released = Table::new(vec![("x".into(), column), ("y".into(), gone)]).unwrap();
        let names = ["x".to_owned(), "y".to_owned()];
        let found = compare(&raw, &released, &names).unwrap();
        assert_eq!((found.pairs[0].released, found.mean_absolute_loss), (None, found.pairs[0].raw));
        assert_eq!(compare(&raw, &raw, &names).unwrap().mean_absolute_loss, 0.0);
    }
}
