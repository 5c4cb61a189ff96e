//! The cost of each cell, as integers.

use super::{Column, Metric};

/// What a cell costs at each level, and how the sums of columns become a score.
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    metric: Metric,
    records: u64,
    columns: Vec<ColumnCosts>,
    /// The sum of weights.
    weights: f64,
}

/// The costs of one column.
#[derive(Clone, Debug)]
struct ColumnCosts {
    /// By level and label: what one record costs.
    cells: Vec<Vec<u64>>,
    /// What a suppressed record costs.
    suppressed: u64,
    /// By level: what the column costs if nothing is suppressed.
    base: Vec<u64>,
    /// What the column costs as it is, which is no loss.
    least: u64,
    /// What remains: the cost of a column that is suppressed altogether, less `least`.
    span: f64,
    weight: f64,
}

/// Bits are counted in units of this.
const BIT: f64 = (1_u64 << 20) as f64;

impl Costs {
    pub(crate) fn new(metric: Metric, columns: &[Column<'_>]) -> Costs {
        let records = columns.first().map_or(0, |column| column.records.iter().sum());
        // Metrics of class sizes still need an order in which nodes are looked at.
        let by = if metric.sums_cells() { metric } else { Metric::Loss };
        let columns: Vec<ColumnCosts> =
            columns.iter().map(|column| ColumnCosts::new(by, column, records)).collect();
        let weights = columns.iter().map(|column| column.weight).sum();
        Costs { metric, records, columns, weights }
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// What one record costs in a column, by the label at this level.
    pub(crate) fn cells(&self, column: usize, level: u8) -> &[u64] {
        &self.columns[column].cells[usize::from(level)]
    }

    /// What a suppressed record costs in a column.
    pub(crate) fn suppressed(&self, column: usize) -> u64 {
        self.columns[column].suppressed
    }

    /// What a column costs at this level if nothing is suppressed.
    pub(crate) fn base(&self, column: usize, level: u8) -> u64 {
        self.columns[column].base[usize::from(level)]
    }

    /// The loss of a column that costs so much, from 0 to 1.
    pub(crate) fn loss(&self, column: usize, cost: u64) -> f64 {
        let column = &self.columns[column];
        if column.span <= 0.0 {
            return 0.0;
        }
        let loss = (cost.saturating_sub(column.least) as f64 / column.span).max(0.0);
        match self.metric {
            Metric::Loss | Metric::LossGeometric => (loss * 1e10).floor() / 1e10,
            _ => loss,
        }
    }

    /// One column's part of the [total](Costs::total).
    pub(crate) fn part(&self, column: usize, cost: u64) -> f64 {
        let loss = self.loss(column, cost);
        let weight = self.columns[column].weight / self.weights;
        if self.metric == Metric::LossGeometric { loss.ln_1p() * weight } else { loss * weight }
    }

    /// By how much the total grows at least if the columns, which cost `base`, cost `extra` more.
    pub(crate) fn growth(&self, base: impl Iterator<Item = u64>, extra: &[u64]) -> f64 {
        let grow = |(column, (base, extra)): (usize, (u64, &u64))| {
            self.part(column, base + extra) - self.part(column, base)
        };
        base.zip(extra).enumerate().map(grow).sum()
    }

    /// The same where it does not depend on what the columns cost, up to rounding: none for metrics that are not linear.
    pub(crate) fn linear_growth(&self, extra: &[u64]) -> Option<f64> {
        if self.metric == Metric::LossGeometric {
            return None;
        }
        Some(extra.iter().enumerate().map(|(column, extra)| *extra as f64 * self.unit(column)).sum())
    }

    /// What one unit of a column's cost adds to an arithmetic mean of losses.
    pub(crate) fn unit(&self, column: usize) -> f64 {
        let column = &self.columns[column];
        if column.span > 0.0 { column.weight / (column.span * self.weights) } else { 0.0 }
    }

    /// The score of a total of parts.
    pub(crate) fn score(&self, total: f64) -> f64 {
        if self.metric == Metric::LossGeometric { total.exp_m1() } else { total }
    }

    /// The score of a transformation whose columns cost so much.
    pub(crate) fn score_of(&self, costs: &[u64]) -> f64 {
        if self.metric == Metric::LossGeometric && self.columns.iter().all(|column| column.weight == 1.0) {
            // As ARX reckons it: its root of a product differs from the exponential of a mean in the last digits.
            let product: f64 = costs.iter().enumerate().map(|(c, cost)| 1.0 + self.loss(c, *cost)).product();
            return product.powf(1.0 / costs.len() as f64) - 1.0;
        }
        self.score(costs.iter().enumerate().map(|(c, cost)| self.part(c, *cost)).sum())
    }

    /// The score by class sizes, for metrics that are no sum over cells. `squares` is the sum of the squares of the kept classes' sizes.
    pub(crate) fn score_of_classes(&self, squares: u128, classes: u64, suppressed: u64) -> f64 {
        match self.metric {
            Metric::Discernibility => (squares + u128::from(suppressed) * u128::from(self.records)) as f64,
            _ => self.records as f64 / (classes + u64::from(suppressed > 0)).max(1) as f64,
        }
    }

    /// For metrics of class sizes: no transformation that suppresses `suppressed` records scores less.
    pub(crate) fn suppression_bound(&self, suppressed: u64, k: u64) -> f64 {
        match self.metric {
            Metric::Discernibility => {
                let kept = u128::from(self.records.saturating_sub(suppressed)) * u128::from(k);
                (u128::from(suppressed) * u128::from(self.records) + kept) as f64
            }
            _ => 0.0,
        }
    }

    /// For metrics of class sizes: no node above one with these classes scores less. Classes only merge upwards.
    pub(crate) fn floor_above(&self, squares: u128, classes: u64) -> f64 {
        match self.metric {
            Metric::Discernibility => squares as f64,
            _ => self.records as f64 / classes.max(1) as f64,
        }
    }
}

impl ColumnCosts {
    fn new(metric: Metric, column: &Column<'_>, records: u64) -> ColumnCosts {
        let hierarchy = column.hierarchy;
        let levels = hierarchy.levels();
        let by_label = |level: usize| {
            let mut counts = vec![0_u64; hierarchy.labels(level).len()];
            for (label, n) in hierarchy.codes(level).iter().zip(&column.records) {
                counts[*label as usize] += n;
            }
            counts
        };
        let bits = |n: u64| if n == 0 { 0 } else { ((n as f64).log2() * BIT).round() as u64 };
        let cells: Vec<Vec<u64>> = (0..levels)
            .map(|level| match metric {
                Metric::Precision => vec![level as u64; hierarchy.labels(level).len()],
                Metric::Entropy => by_label(level).into_iter().map(bits).collect(),
                _ => hierarchy.leaves(level).iter().map(|leaves| u64::from(*leaves)).collect(),
            })
            .collect();
        let suppressed = match metric {
            // A column of one level loses nothing but by suppression.
            Metric::Precision => (levels as u64 - 1).max(1),
            Metric::Entropy => bits(records),
            _ => hierarchy.values() as u64,
        };
        let base: Vec<u64> = (0..levels)
            .map(|level| cells[level].iter().zip(by_label(level)).map(|(cost, n)| cost * n).sum())
            .collect();
        let least = base[0];
        let span = (suppressed * records).saturating_sub(least) as f64;
        ColumnCosts { cells, suppressed, base, least, span, weight: column.weight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hierarchy::Hierarchy;

    fn hierarchy() -> Hierarchy {
        let row = |row: [&str; 3]| row.map(str::to_owned).to_vec();
        Hierarchy::from_rows(vec![
            row(["a", "ab", "*"]),
            row(["b", "ab", "*"]),
            row(["c", "c", "*"]),
            row(["d", "d", "*"]),
        ])
        .unwrap()
    }

    fn costs(metric: Metric, records: [u64; 4]) -> Costs {
        Costs::new(metric, &[Column { hierarchy: &hierarchy(), records: records.to_vec(), weight: 1.0 }])
    }

    #[test]
    fn loss_is_the_share_of_the_domain_above_that_of_a_value() {
        let costs = costs(Metric::Loss, [3, 1, 2, 0]);
        assert_eq!(costs.score_of(&[costs.base(0, 0)]), 0.0);
        assert_eq!(costs.score_of(&[costs.base(0, 2)]), 1.0);
        // x = 4 * 2/4 + 2 * 1/4 = 2.5, n/d = 1.5: (2.5 - 1.5) / 4.5
        let expected = (1.0 / 4.5 * 1e10_f64).floor() / 1e10;
        assert_eq!(costs.score_of(&[costs.base(0, 1)]), expected);
        assert_eq!(costs.suppressed(0) * 6, costs.base(0, 2));
    }

    #[test]
    fn precision_counts_levels() {
        let costs = costs(Metric::Precision, [1, 1, 1, 1]);
        assert_eq!(costs.score_of(&[costs.base(0, 1)]), 0.5);
        // Two records at level 1, two suppressed.
        assert_eq!(costs.score_of(&[2 + 2 * costs.suppressed(0)]), 0.75);
        let flat = Hierarchy::from_rows(vec![vec!["a".to_owned()], vec!["b".to_owned()]]).unwrap();
        let flat = Costs::new(
            Metric::Precision,
            &[Column { hierarchy: &flat, records: vec![3, 1], weight: 1.0 }],
        );
        assert_eq!((flat.score_of(&[0]), flat.score_of(&[flat.suppressed(0)])), (0.0, 0.25));
    }

    #[test]
    fn entropy_counts_what_can_no_longer_be_told_apart() {
        let costs = costs(Metric::Entropy, [2, 2, 4, 0]);
        assert_eq!(costs.score_of(&[costs.base(0, 0)]), 0.0);
        // One bit on each of four records, of 2 + 2 bits on two values and 1 bit on the third: 4 / (4 * 2 + 4 * 1)
        assert!((costs.score_of(&[costs.base(0, 1)]) - 4.0 / 12.0).abs() < 1e-6);
        assert_eq!(costs.score_of(&[costs.base(0, 2)]), 1.0);
    }

    #[test]
    fn class_sizes_are_scored_as_published() {
        let discernibility = costs(Metric::Discernibility, [4, 3, 3, 0]);
        // Classes of 3 and 5, two records suppressed in a table of ten.
        assert_eq!(discernibility.score_of_classes(9 + 25, 2, 2), 54.0);
        assert!(
            (costs(Metric::AverageClassSize, [4, 3, 3, 0]).score_of_classes(34, 2, 2) - 10.0 / 3.0).abs()
                < 1e-12
        );
    }
}
