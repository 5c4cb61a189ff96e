//! Delta-presence: whether somebody is in the table at all.

use std::fmt;

/// Of the persons of the population who share a tuple, the share that is in the table lies within bounds (Nergiz, Atzori and Clifton, *Hiding the
/// presence of individuals from shared databases*, SIGMOD 2007, definition 3). A class of the population of whom nobody is in the table has the share 0; where
/// that is below the lower bound, no suppression mends it and the whole transformation fails, as in ARX.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeltaPresence {
    low: f64,
    high: f64,
}

impl DeltaPresence {
    /// Bounds, the lower first.
    pub fn new(low: f64, high: f64) -> Option<DeltaPresence> {
        (low <= high && high > 0.0).then_some(DeltaPresence { low, high })
    }

    /// The share of a class's population that is in the table.
    pub fn figure(&self, records: u64, population: u64) -> f64 {
        if records == 0 { 0.0 } else { records as f64 / population as f64 }
    }

    /// Whether the class may be released.
    pub fn holds(&self, records: u64, population: u64) -> bool {
        (self.low..=self.high).contains(&self.figure(records, population))
    }
}

impl fmt::Display for DeltaPresence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_is_bounded_on_both_sides() {
        let model = DeltaPresence::new(0.25, 0.5).unwrap();
        assert!(model.holds(1, 2) && model.holds(1, 4));
        assert!(!model.holds(3, 4) && !model.holds(1, 5) && !model.holds(0, 5));
        assert!(DeltaPresence::new(0.0, 0.5).unwrap().holds(0, 5));
        assert_eq!(DeltaPresence::new(0.5, 0.25), None);
    }
}
