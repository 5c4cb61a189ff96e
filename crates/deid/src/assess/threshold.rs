//! How much risk is acceptable: what standards say, and what is custom.
//!
//! GB/T 42460-2023 measures the risk (6.3; Annex D, informative, by k-anonymity) and ISO/IEC 27559:2022 quantifies identifiability (8.2.2); both hold
//! it against a threshold that is chosen for the purpose, and GB/T 37964-2019 leaves the strength to the release model. The sizes in
//! [`BENCHMARKS`] are conventions of practice, each with its precedent. They are no requirement of a standard, and reports say so.

use serde::Serialize;

use crate::kind::Text;
use crate::plan::ReleaseModel;

/// A cell size with the risk that it stands for, and who uses it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Benchmark {
    /// Records that a class must have.
    pub cell_size: u64,
    /// The risk as it is written: 1 / cell size with two decimals.
    pub threshold: f64,
    /// For what it is used.
    pub used: Text,
    /// The precedent.
    pub source: &'static str,
}

/// Customary cell sizes, the most lenient first.
pub const BENCHMARKS: [Benchmark; 4] = [
    Benchmark {
        cell_size: 3,
        threshold: 0.33,
        used: Text {
            en: "trusted recipients in a protected environment", zh: "受保护环境中的可信使用者"
        },
        source: "El Emam 2013",
    },
    Benchmark {
        cell_size: 5,
        threshold: 0.2,
        used: Text { en: "known recipients under contract", zh: "签约的特定接收方" },
        source: "El Emam 2013; ISO/IEC 27559:2022",
    },
    Benchmark {
        cell_size: 11,
        threshold: 0.09,
        used: Text { en: "publication of clinical reports", zh: "临床报告的公开发布" },
        source: "EMA/90915/2016 (Policy 0070); Health Canada PRCI 2019; ISO/IEC 27559:2022",
    },
    Benchmark {
        cell_size: 20,
        threshold: 0.05,
        used: Text { en: "public release of sensitive data", zh: "敏感数据的完全公开发布" },
        source: "El Emam 2013; ISO/IEC 27559:2022",
    },
];

/// The benchmark that is customary for a release model. It is a convention of practice: GB/T 37964-2019 names the models, but no figure.
pub fn convention(model: ReleaseModel) -> &'static Benchmark {
    match model {
        ReleaseModel::Enclave => &BENCHMARKS[0],
        ReleaseModel::Controlled => &BENCHMARKS[1],
        ReleaseModel::Public => &BENCHMARKS[3],
    }
}

/// The smallest class whose records have at most this risk. Benchmarks are written with two decimals, so 0.09 stands for 1/11 and 0.33 for 1/3; any
/// other limit is taken at its word.
pub(crate) fn cell_size(limit: f64) -> u64 {
    let custom = BENCHMARKS.iter().find(|benchmark| (benchmark.threshold - limit).abs() < TOLERANCE);
    match custom {
        Some(benchmark) => benchmark.cell_size,
        None if limit > 0.0 => (1.0 / limit - TOLERANCE).ceil().max(1.0) as u64,
        None => u64::MAX,
    }
}

/// How far records are from a person (GB/T 42460-2023, clause 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "u8")]
pub enum Level {
    /// Data that identify a person directly.
    Identifying,
    /// Data without direct identifiers, whose risk is not shown to be acceptable.
    WithoutDirectIdentifiers,
    /// Data whose risk of re-identification is acceptable.
    AcceptableRisk,
    /// Aggregated data. Records are never that.
    Aggregated,
}

impl Level {
    /// The number in the standard.
    pub fn number(self) -> u8 {
        self.into()
    }

    /// What it means.
    pub fn title(self) -> Text {
        match self {
            Level::Identifying => {
                Text { en: "identifies persons directly", zh: "能直接识别个人信息主体" }
            }
            Level::WithoutDirectIdentifiers => Text {
                en: "direct identifiers removed; risk not shown to be acceptable",
                zh: "已消除直接标识符，重标识风险尚未证明可接受",
            },
            Level::AcceptableRisk => {
                Text { en: "risk of re-identification acceptable", zh: "重标识风险可接受" }
            }
            Level::Aggregated => Text { en: "aggregated data", zh: "聚合数据" },
        }
    }

    /// Where the levels are defined.
    pub const SOURCE: &str = "GB/T 42460-2023, 4";
}

impl From<Level> for u8 {
    fn from(level: Level) -> u8 {
        match level {
            Level::Identifying => 1,
            Level::WithoutDirectIdentifiers => 2,
            Level::AcceptableRisk => 3,
            Level::Aggregated => 4,
        }
    }
}

const TOLERANCE: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_eleven_meets_0_09_and_one_of_ten_does_not() {
        for (limit, size) in
            [(0.09, 11), (0.33, 3), (0.05, 20), (0.2, 5), (0.1, 10), (0.06, 17), (0.3, 4), (1.0, 1), (2.0, 1)]
        {
            assert_eq!(cell_size(limit), size, "{limit}");
        }
        for limit in [0.0, -1.0, f64::NAN] {
            assert_eq!(cell_size(limit), u64::MAX);
        }
    }

    #[test]
    fn benchmarks_are_the_reciprocals_of_their_cells() {
        for benchmark in BENCHMARKS {
            let risk = 1.0 / benchmark.cell_size as f64;
            assert_eq!((risk * 100.0).round() / 100.0, benchmark.threshold);
        }
    }
}
