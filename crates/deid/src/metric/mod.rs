//! How much a transformation loses.
//!
//! | name | definition | range |
//! |---|---|---|
//! | `loss` | the mean over the attributes of the share of the domain that a cell stands for, from 0 at the table's own values (ARX: Loss with the arithmetic mean) | 0-1 |
//! | `loss-geometric` | the same with the geometric mean of 1 + loss (ARX's default) | 0-1 |
//! | `precision` | the mean over all cells of level over height; suppressed cells count 1 (Sweeney 2002, section 4.2; 1 - Prec) | 0-1 |
//! | `entropy` | the bits that are lost on each cell, over those that suppressing everything loses (non-uniform entropy; de Waal and Willenborg 1999; Gionis and Tassa 2009) | 0-1 |
//! | `discernibility` | each record costs the size of its class, a suppressed one the table's size (Bayardo and Agrawal 2005) | n-n² |
//! | `average-class-size` | records over classes, where all that are suppressed make one class (LeFevre, DeWitt and Ramakrishnan 2006) | 1-n |
//!
//! Less is better. The loss of a column in which `x` leaves of the hierarchy's `d` stand under the value of each of `n` records (suppressed: all
//! `d`), summed and divided by `d`, is `(x - n/d) / (n - n/d)`, rounded down at the tenth decimal as ARX does.
//!
//! # Why the search can prune
//! The first four are sums over cells of a cost that grows with the level and is largest for a suppressed cell. `Costs` holds that cost as
//! integers, so that sums are exact and do not depend on the order in which they are taken.

use std::fmt;
use std::str::FromStr;

use crate::hierarchy::Hierarchy;

mod costs;

pub(crate) use costs::Costs;

/// A measure of information loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// Loss, arithmetic mean.
    #[default]
    Loss,
    /// Loss, geometric mean.
    LossGeometric,
    /// Levels over heights.
    Precision,
    /// Bits lost.
    Entropy,
    /// Squares of class sizes.
    Discernibility,
    /// Records over classes.
    AverageClassSize,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Metric; 6] = [
        Metric::Loss,
        Metric::LossGeometric,
        Metric::Precision,
        Metric::Entropy,
        Metric::Discernibility,
        Metric::AverageClassSize,
    ];

    /// The name in plans and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Loss => "loss",
            Metric::LossGeometric => "loss-geometric",
            Metric::Precision => "precision",
            Metric::Entropy => "entropy",
            Metric::Discernibility => "discernibility",
            Metric::AverageClassSize => "average-class-size",
        }
    }

    /// Whether it is a sum over cells; otherwise it looks at class sizes.
    pub(crate) fn sums_cells(self) -> bool {
        !matches!(self, Metric::Discernibility | Metric::AverageClassSize)
    }
}

/// No metric has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no metric is called `{0}`; metrics are loss, loss-geometric, precision, entropy, discernibility, average-class-size"
)]
pub struct UnknownMetric(pub String);

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Metric, UnknownMetric> {
        let text = text.trim();
        Metric::ALL
            .into_iter()
            .find(|metric| metric.name() == text)
            .ok_or_else(|| UnknownMetric(text.to_owned()))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a column is to a metric: its hierarchy, how many records have each of the hierarchy's values, and its weight.
pub(crate) struct Column<'a> {
    pub(crate) hierarchy: &'a Hierarchy,
    pub(crate) records: Vec<u64>,
    pub(crate) weight: f64,
}
