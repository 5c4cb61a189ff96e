//! The average risk of the records.

use super::TableCriterion;

/// The average prosecutor risk is at most the limit: each record's risk is the reciprocal of its class size, so that the average is classes over
/// records (El Emam, *Guide to the De-Identification of Personal Health Information*, 2013, chapter 16).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AverageRisk {
    limit: f64,
}

impl AverageRisk {
    /// A limit above 0.
    pub fn new(limit: f64) -> Option<AverageRisk> {
        (limit > 0.0).then_some(AverageRisk { limit })
    }
}

impl TableCriterion for AverageRisk {
    fn figure(&self, sizes: &[(u64, u64)]) -> Option<f64> {
        let classes: u64 = sizes.iter().map(|(_, classes)| classes).sum();
        let records: u64 = sizes.iter().map(|(size, classes)| size * classes).sum();
        (records > 0).then(|| classes as f64 / records as f64)
    }

    fn limit(&self) -> f64 {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_classes_over_records() {
        let model = AverageRisk::new(0.4).unwrap();
        assert_eq!(model.figure(&[(2, 4), (3, 1)]), Some(5.0 / 11.0));
        assert!(!model.holds(&[(2, 4), (3, 1)]));
        assert!(model.holds(&[(3, 1)]) && model.holds(&[]));
        assert_eq!(AverageRisk::new(0.0), None);
    }
}
