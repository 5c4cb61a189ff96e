//! Regression coefficients on the release against those on the raw table.
//!
//! A numeric outcome is explained by ordinary least squares, an outcome of two classes by logistic regression (Newton's method, which for this model is iteratively
//! reweighted least squares). A predictor that measures something is one coefficient per unit, its released intervals taken at their middle; a category has one
//! coefficient for each value but the most frequent, which is the reference in both tables. Records in which something is missing or suppressed are
//! left out, as most software does by default.
//!
//! For each coefficient with 95 % intervals `[L, U]` on raw and `[l, u]` on released data the overlap is
//!
//! ```text
//! 1/2 ( (min(U,u) - max(L,l)) / (U - L)  +  (min(U,u) - max(L,l)) / (u - l) ),   0 where they do not meet
//! ```
//!
//! *Source*: A. Karr, C. Kohnen, A. Oganian, J. Reiter, A. Sanil, *A framework for evaluating the utility of data altered to protect confidentiality*, The American
//! Statistician 60(3), 2006, 224-232. *Heuristic*: overlap says whether the same conclusions would be drawn, not that they are true. A value that
//! the release calls otherwise has no coefficient there and counts as an overlap of 0.

use serde::Serialize;

use super::WorkloadError;
use super::column::{Column, Table};
use super::solve::{Symmetric, times};

/// A regression on both tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regression {
    /// What is explained.
    pub outcome: String,
    /// How.
    pub model: RegressionModel,
    /// Records on which the raw fit rests.
    pub raw_records: u64,
    /// Records on which the released fit rests.
    pub released_records: u64,
    /// One entry for each coefficient of the raw fit but the constant.
    pub coefficients: Vec<Coefficient>,
    /// The mean overlap.
    pub mean_overlap: f64,
    /// The share of coefficients whose sign and significance (5 %) are the same.
    pub same_conclusion: f64,
}

/// A kind of regression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegressionModel {
    /// Ordinary least squares.
    Linear,
    /// Logistic regression.
    Logistic,
}

/// A coefficient on both tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// The predictor.
    pub column: String,
    /// For a category its rank by frequency in the raw table, from 1; 0 is the reference. None for a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// On the raw table.
    pub raw: Fitted,
    /// On the release; none where it cannot be fitted.
    pub released: Option<Fitted>,
    /// Overlap of the 95 % intervals.
    pub overlap: f64,
}

/// A coefficient with its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fitted {
    /// The coefficient.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl Fitted {
    fn interval(self) -> (f64, f64) {
        let half = NORMAL_95 * self.standard_error;
        (self.estimate - half, self.estimate + half)
    }

    /// -1, 0 or 1: below, about or above zero at the 5 % level.
    fn conclusion(self) -> i8 {
        let (low, high) = self.interval();
        i8::from(low > 0.0) - i8::from(high < 0.0)
    }

    /// The overlap of two intervals.
    pub(super) fn overlap(self, other: Fitted) -> f64 {
        let ((low, high), (other_low, other_high)) = (self.interval(), other.interval());
        let shared = high.min(other_high) - low.max(other_low);
        if shared <= 0.0 {
            return f64::from(u8::from(self == other));
        }
        0.5 * (shared / (high - low) + shared / (other_high - other_low))
    }
}

const NORMAL_95: f64 = 1.959_963_984_540_054;
/// More coefficients than this are no regression that a person reads.
const WIDEST: usize = 200;

/// Fits the regression on both tables.
pub(super) fn compare(
    raw: &Table,
    released: &Table,
    outcome: &str,
    predictors: &[String],
) -> Result<Regression, WorkloadError> {
    let answer = Outcome::of(raw.column(outcome)?, outcome)?;
    let mut terms = Vec::new();
    for name in predictors {
        terms.extend(Term::of(raw.column(name)?, name));
    }
    if terms.is_empty() || terms.len() > WIDEST {
        return Err(WorkloadError::Coefficients { number: terms.len() as u64 });
    }
    let before = fit(raw, &answer, outcome, &terms)?;
    let Some((raw_records, before)) = before else {
        return Err(WorkloadError::Singular { column: outcome.to_owned() });
    };
    let (released_records, after) =
        fit(released, &answer, outcome, &terms)?.unwrap_or((0, vec![None; terms.len()]));
    let coefficients: Vec<Coefficient> = terms
        .into_iter()
        .zip(before.into_iter().zip(after))
        .filter_map(|(term, (raw, released))| {
            let raw = raw?;
            let overlap = released.map_or(0.0, |released| raw.overlap(released));
            Some(Coefficient { column: term.column, level: term.level, raw, released, overlap })
        })
        .collect();
    let n = coefficients.len().max(1) as f64;
    let same = coefficients
        .iter()
        .filter(|c| c.released.is_some_and(|released| released.conclusion() == c.raw.conclusion()))
        .count();
    Ok(Regression {
        outcome: outcome.to_owned(),
        model: answer.model(),
        raw_records,
        released_records,
        mean_overlap: coefficients.iter().map(|c| c.overlap).sum::<f64>() / n,
        same_conclusion: same as f64 / n,
        coefficients,
    })
}

/// What is explained.
enum Outcome {
    Number,
    /// The label that counts as 1, and the other.
    Class(String, String),
}

impl Outcome {
    fn of(column: &Column, name: &str) -> Result<Outcome, WorkloadError> {
        let missing = column.missing();
        let mut counts = vec![0_u64; column.labels.len()];
        column.codes.iter().for_each(|code| counts[*code as usize] += 1);
        let mut labels: Vec<&String> =
            (0..counts.len()).filter(|i| counts[*i] > 0 && !missing[*i]).map(|i| &column.labels[i]).collect();
        labels.sort();
        match labels[..] {
            [other, one] => Ok(Outcome::Class(one.clone(), other.clone())),
            _ if column.is_numeric() => Ok(Outcome::Number),
            _ => Err(WorkloadError::Outcome { column: name.to_owned() }),
        }
    }

    fn model(&self) -> RegressionModel {
        match self {
            Outcome::Number => RegressionModel::Linear,
            Outcome::Class(..) => RegressionModel::Logistic,
        }
    }

    /// For each record of a table, NaN where it is not told.
    fn values(&self, column: &Column) -> Vec<f64> {
        match self {
            Outcome::Number => column.numbers(),
            Outcome::Class(one, other) => {
                let of = |label: &String| match label {
                    label if label == one => 1.0,
                    label if label == other => 0.0,
                    _ => f64::NAN,
                };
                let values: Vec<f64> = column.labels.iter().map(of).collect();
                column.codes.iter().map(|code| values[*code as usize]).collect()
            }
        }
    }
}

/// A coefficient to be found.
struct Term {
    column: String,
    level: Option<u32>,
    /// For a category its label.
    label: Option<String>,
}

impl Term {
    fn of(column: &Column, name: &str) -> Vec<Term> {
        if column.is_numeric() {
            return vec![Term { column: name.to_owned(), level: None, label: None }];
        }
        let missing = column.missing();
        let mut counts = vec![0_u64; column.labels.len()];
        column.codes.iter().for_each(|code| counts[*code as usize] += 1);
        let mut labels: Vec<(u64, &String)> = counts
            .iter()
            .zip(&column.labels)
            .zip(missing)
            .filter(|((count, _), missing)| **count > 0 && !missing)
            .map(|((count, label), _)| (*count, label))
            .collect();
        labels.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let term = |(rank, (_, label)): (usize, (u64, &String))| Term {
            column: name.to_owned(),
            level: Some(rank as u32),
            label: Some(label.clone()),
        };
        labels.into_iter().enumerate().skip(1).map(term).collect()
    }

    /// For each record, NaN where the value is missing.
    fn values(&self, column: &Column) -> Vec<f64> {
        let of_label: Vec<f64> = match &self.label {
            None => column.label_numbers(),
            Some(wanted) => column
                .labels
                .iter()
                .zip(column.missing())
                .map(|(label, missing)| if missing { f64::NAN } else { f64::from(u8::from(label == wanted)) })
                .collect(),
        };
        column.codes.iter().map(|code| of_label[*code as usize]).collect()
    }
}

/// Records, and a coefficient for each term that varies; none where the system cannot be solved.
type Fit = Option<(u64, Vec<Option<Fitted>>)>;

fn fit(table: &Table, answer: &Outcome, outcome: &str, terms: &[Term]) -> Result<Fit, WorkloadError> {
    let y = answer.values(table.column(outcome)?);
    let columns: Vec<Vec<f64>> = terms
        .iter()
        .map(|term| Ok(term.values(table.column(&term.column)?)))
        .collect::<Result<_, WorkloadError>>()?;
    let rows: Vec<usize> = (0..table.rows())
        .filter(|row| !y[*row].is_nan() && columns.iter().all(|column| !column[*row].is_nan()))
        .collect();
    // A term that does not vary in this table has no coefficient here.
    let varies = |column: &Vec<f64>| rows.iter().any(|row| column[*row] != column[rows[0]]);
    let kept: Vec<usize> = (0..terms.len()).filter(|t| varies(&columns[*t])).collect();
    if rows.len() <= kept.len() + 1 || kept.is_empty() {
        return Ok(None);
    }
    // Centred and scaled, so that nothing depends on the unit.
    let n = rows.len() as f64;
    let scales: Vec<(f64, f64)> = kept
        .iter()
        .map(|t| {
            let mean = rows.iter().map(|row| columns[*t][*row]).sum::<f64>() / n;
            let variance = rows.iter().map(|row| (columns[*t][*row] - mean).powi(2)).sum::<f64>() / n;
            (mean, variance.sqrt())
        })
        .collect();
    let width = kept.len() + 1;
    let mut x = vec![1.0; rows.len() * width];
    for (r, row) in rows.iter().enumerate() {
        for (c, (t, (mean, deviation))) in kept.iter().zip(&scales).enumerate() {
            x[r * width + c + 1] = (columns[*t][*row] - mean) / deviation;
        }
    }
    let y: Vec<f64> = rows.iter().map(|row| y[*row]).collect();
    let solved = match answer.model() {
        RegressionModel::Linear => least_squares(&x, &y, width),
        RegressionModel::Logistic => logistic(&x, &y, width),
    };
    let Some((beta, covariance)) = solved else { return Ok(None) };
    let mut found = vec![None; terms.len()];
    for (c, (t, (_, deviation))) in kept.iter().zip(&scales).enumerate() {
        let at = c + 1;
        let standard_error = covariance[at * width + at].sqrt() / deviation;
        found[*t] = Some(Fitted { estimate: beta[at] / deviation, standard_error });
    }
    Ok(Some((rows.len() as u64, found)))
}

/// Coefficients and their covariance.
fn least_squares(x: &[f64], y: &[f64], width: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut matrix = Symmetric::zero(width);
    let mut right = vec![0.0; width];
    for (row, y) in x.chunks(width).zip(y) {
        matrix.add_outer(row, 1.0);
        right.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * y);
    }
    let mut covariance = matrix.inverse()?;
    let beta = times(&covariance, &right);
    let predicted = |row: &[f64]| row.iter().zip(&beta).map(|(x, b)| x * b).sum::<f64>();
    let rest: f64 = x.chunks(width).zip(y).map(|(row, y)| (y - predicted(row)).powi(2)).sum();
    let variance = rest / (y.len() - width) as f64;
    covariance.iter_mut().for_each(|cell| *cell *= variance);
    Some((beta, covariance))
}

/// Newton's method on the log-likelihood; none where it does not converge, as with classes that a predictor separates.
fn logistic(x: &[f64], y: &[f64], width: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut beta = vec![0.0; width];
    for _ in 0..50 {
        let mut matrix = Symmetric::zero(width);
        let mut slope = vec![0.0; width];
        for (row, y) in x.chunks(width).zip(y) {
            let score: f64 = row.iter().zip(&beta).map(|(x, b)| x * b).sum();
            let p = 1.0 / (1.0 + (-score).exp());
            matrix.add_outer(row, p * (1.0 - p));
            slope.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * (y - p));
        }
        let covariance = matrix.inverse()?;
        let step = times(&covariance, &slope);
        // A step that is too long would overshoot; the likelihood is concave, so a short one is safe.
        let longest = step.iter().fold(0.0_f64, |most, s| most.max(s.abs()));
        let shorten = if longest > 4.0 { 4.0 / longest } else { 1.0 };
        beta.iter_mut().zip(&step).for_each(|(b, s)| *b += s * shorten);
        if longest < 1e-9 {
            return Some((beta, covariance));
        }
        if beta.iter().any(|b| b.abs() > 50.0) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utility::draw::Draw;

    fn table(columns: &[(&str, Vec<String>)]) -> Table {
        let columns = columns
            .iter()
            .map(|(name, values)| ((*name).to_owned(), Column::of(values.iter().map(String::as_str))))
            .collect();
        Table::new(columns).unwrap()
    }

    /// y = 3 x + 10 [g = b] + noise of deviation 2.
    fn line(x_of: impl Fn(f64) -> String) -> Table {
        let mut draw = Draw(9);
        let (mut x, mut g, mut y, mut z) = (vec![], vec![], vec![], vec![]);
        for _ in 0..2000 {
            let (value, b) = (draw.below(60) as f64, draw.uniform() < 0.3);
            x.push(x_of(value));
            g.push(if b { "b" } else { "a" }.to_owned());
            y.push(format!("{:.4}", 3.0 * value + 10.0 * f64::from(u8::from(b)) + 2.0 * draw.normal()));
            let odds = (-1.0 + 0.05 * value).exp();
            z.push(if draw.uniform() < odds / (1.0 + odds) { "yes" } else { "no" }.to_owned());
        }
        table(&[("x", x), ("g", g), ("y", y), ("z", z)])
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Three points: slope 1.5, residuals 0.5/3, -1/3, 0.5/3 ... by hand: y = 1, 2, 4 at x = 0, 1, 2.
    #[test]
    fn least_squares_by_hand() {
        let x = [1.0, -1.0, 1.0, 0.0, 1.0, 1.0];
        let (beta, covariance) = least_squares(&x, &[1.0, 2.0, 4.0], 2).unwrap();
        assert!((beta[0] - 7.0 / 3.0).abs() < 1e-12 && (beta[1] - 1.5).abs() < 1e-12);
        // Residual sum of squares 1/6, one degree of freedom, sum of squares of x 2.
        assert!((covariance[3] - 1.0 / 12.0).abs() < 1e-12);
    }

    /// One binary predictor: the coefficient is the logarithm of the odds ratio, its variance the sum of reciprocals.
    #[test]
    fn a_logistic_coefficient_is_the_log_odds_ratio() {
        let (mut x, mut y) = (vec![], vec![]);
        for (exposed, ill, n) in [(1.0, 1.0, 30), (1.0, 0.0, 10), (0.0, 1.0, 20), (0.0, 0.0, 40)] {
            for _ in 0..n {
                x.extend([1.0, exposed]);
                y.push(ill);
            }
        }
        let (beta, covariance) = logistic(&x, &y, 2).unwrap();
        assert!((beta[1] - 6_f64.ln()).abs() < 1e-9);
        let variance = 1.0 / 30.0 + 1.0 / 10.0 + 1.0 / 20.0 + 1.0 / 40.0;
        assert!((covariance[3] - variance).abs() < 1e-9);
    }

    #[test]
    fn known_coefficients_are_found_and_kept_by_narrow_intervals() {
        let raw = line(|x| x.to_string());
        let decades = line(|x| format!("[{}, {}[", (x / 5.0).floor() * 5.0, (x / 5.0).floor() * 5.0 + 5.0));
        let found = compare(&raw, &decades, "y", &names(&["x", "g"])).unwrap();
        let [x, g] = &found.coefficients[..] else { panic!("two coefficients") };
        assert!((x.raw.estimate - 3.0).abs() < 4.0 * x.raw.standard_error, "{x:?}");
        assert!((g.raw.estimate - 10.0).abs() < 4.0 * g.raw.standard_error, "{g:?}");
        assert_eq!((found.model, found.same_conclusion, g.level), (RegressionModel::Linear, 1.0, Some(1)));
        assert!(found.mean_overlap > 0.5, "{found:?}");
        let same = compare(&raw, &raw, "y", &names(&["x", "g"])).unwrap();
        assert_eq!((same.mean_overlap, same.same_conclusion), (1.0, 1.0));
        let logistic = compare(&raw, &decades, "z", &names(&["x"])).unwrap();
        assert!((logistic.coefficients[0].raw.estimate - 0.05).abs() < 0.015);
        assert!(logistic.mean_overlap > 0.8 && logistic.model == RegressionModel::Logistic);
    }

    #[test]
    fn what_the_release_lost_has_no_coefficient() {
        let raw = line(|x| x.to_string());
        let found = compare(&raw, &line(|_| "*".to_owned()), "y", &names(&["x", "g"])).unwrap();
        assert_eq!((found.mean_overlap, found.same_conclusion, found.released_records), (0.0, 0.0, 0));
        let refused = compare(&raw, &raw, "g", &[]);
        assert_eq!(refused, Err(WorkloadError::Coefficients { number: 0 }));
    }

    #[test]
    fn intervals_that_do_not_meet_do_not_overlap() {
        let at = |estimate: f64| Fitted { estimate, standard_error: 1.0 };
        assert_eq!(at(0.0).overlap(at(0.0)), 1.0);
        assert_eq!(at(0.0).overlap(at(4.0)), 0.0);
        assert!((at(0.0).overlap(at(NORMAL_95)) - 0.5).abs() < 1e-12);
    }
}
