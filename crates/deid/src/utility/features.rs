//! A table as a classifier sees it.
//!
//! A category is one of its labels. A number, in a column that measures something in the raw table, is its distance from the raw mean in raw standard
//! deviations, and the square of that; a released interval counts as its middle. A value that is missing or suppressed is a category of its own,
//! as it is for whoever receives the release.

use super::column::{Column, Table};
use super::{WorkloadError, draw::Draw};

/// How the columns are read, as the raw table decides.
pub(super) struct Reading {
    columns: Vec<(String, Option<Scale>)>,
}

struct Scale {
    mean: f64,
    deviation: f64,
    /// Ends of ten bins of equal frequency.
    cuts: Vec<f64>,
}

/// What one table has of each record.
pub(super) struct Features {
    /// How many weights a linear model has.
    pub(super) width: usize,
    columns: Vec<Feature>,
    /// How many categories each column has for a model of categories.
    pub(super) categories: Vec<usize>,
}

enum Feature {
    Category { offset: u32, codes: Vec<u32> },
    Number { offset: u32, scaled: Vec<f32>, bins: Vec<u32> },
}

impl Reading {
    /// Reads those columns of the raw table.
    pub(super) fn of(raw: &Table, names: &[String]) -> Result<Reading, WorkloadError> {
        let read = |name: &String| Ok((name.clone(), Scale::of(raw.column(name)?)));
        Ok(Reading { columns: names.iter().map(read).collect::<Result<_, WorkloadError>>()? })
    }

    /// The features of a table.
    pub(super) fn features(&self, table: &Table) -> Result<Features, WorkloadError> {
        let mut features = Features { width: 0, columns: Vec::new(), categories: Vec::new() };
        for (name, scale) in &self.columns {
            let column = table.column(name)?;
            let offset = features.width as u32;
            match scale {
                None => {
                    features.width += column.labels.len();
                    features.categories.push(column.labels.len());
                    features.columns.push(Feature::Category { offset, codes: column.codes.clone() });
                }
                Some(scale) => {
                    features.width += 3;
                    features.categories.push(scale.cuts.len() + 2);
                    let numbers = column.numbers();
                    let scaled =
                        numbers.iter().map(|x| ((x - scale.mean) / scale.deviation) as f32).collect();
                    let bins = numbers.iter().map(|x| scale.bin(*x)).collect();
                    features.columns.push(Feature::Number { offset, scaled, bins });
                }
            }
        }
        Ok(features)
    }
}

impl Scale {
    fn of(column: &Column) -> Option<Scale> {
        if !column.is_numeric() {
            return None;
        }
        let mut numbers: Vec<f64> = column.numbers().into_iter().filter(|x| !x.is_nan()).collect();
        numbers.sort_by(f64::total_cmp);
        let n = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / n;
        let deviation = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let mut cuts: Vec<f64> = (1..10).map(|i| numbers[numbers.len() * i / 10]).collect();
        cuts.dedup();
        (deviation > 0.0 && deviation.is_finite()).then_some(Scale { mean, deviation, cuts })
    }

    /// 0 for a missing number.
    fn bin(&self, x: f64) -> u32 {
        if x.is_nan() { 0 } else { 1 + self.cuts.partition_point(|cut| *cut <= x) as u32 }
    }
}

impl Features {
    /// Puts the weights that a record touches, with their factors, into `into`.
    pub(super) fn row(&self, row: usize, into: &mut Vec<(u32, f32)>) {
        into.clear();
        for column in &self.columns {
            match column {
                Feature::Category { offset, codes } => into.push((offset + codes[row], 1.0)),
                Feature::Number { offset, scaled, .. } => {
                    let z = scaled[row];
                    if z.is_nan() {
                        into.push((offset + 2, 1.0));
                    } else {
                        into.push((*offset, z));
                        // Far values would let the square dominate every step.
                        into.push((offset + 1, (z * z).min(9.0)));
                    }
                }
            }
        }
    }

    /// The category of a record in a column.
    pub(super) fn category(&self, column: usize, row: usize) -> usize {
        match &self.columns[column] {
            Feature::Category { codes, .. } => codes[row] as usize,
            Feature::Number { bins, .. } => bins[row] as usize,
        }
    }
}

/// `rows` shuffled and dealt out to so many folds: the fold of each record.
pub(super) fn folds(rows: usize, count: usize, seed: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    Draw(seed).shuffle(&mut order);
    let mut folds = vec![0; rows];
    for (position, row) in order.into_iter().enumerate() {
        folds[row as usize] = (position % count) as u32;
    }
    folds
}
