//! The distribution of one sensitive attribute in a class.

/// How often each value occurs in a class, beside how often it occurs in the table.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    /// Codes that occur in the class, ascending, with the number of records.
    pub class: &'a [(u32, u32)],
    /// Records of the class.
    pub records: u64,
    /// Records of the table by code.
    pub table: &'a [u64],
    /// Records of the table.
    pub table_records: u64,
}

impl Histogram<'_> {
    /// The share of the class that each of its values has.
    pub fn shares(&self) -> impl Iterator<Item = (u32, f64)> {
        self.class.iter().map(|(code, n)| (*code, f64::from(*n) / self.records as f64))
    }

    /// The share of the table that a value has.
    pub fn table_share(&self, code: u32) -> f64 {
        self.table[code as usize] as f64 / self.table_records as f64
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::Histogram;

    /// Calls `test` with the class of these counts by code in the table of those.
    pub(in crate::model) fn with<T>(
        class: &[u32],
        table: &[u64],
        test: impl FnOnce(&Histogram<'_>) -> T,
    ) -> T {
        let present: Vec<(u32, u32)> = (0..).zip(class.iter().copied()).filter(|(_, n)| *n > 0).collect();
        let records = class.iter().map(|n| u64::from(*n)).sum();
        test(&Histogram { class: &present, records, table, table_records: table.iter().sum() })
    }
}
