//! What a scan says about a column, in words that contain no value of it.

use serde::Serialize;

use crate::kind::Kind;

/// The language of explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// What was found in one column.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnFinding {
    /// The column's header.
    pub name: String,
    /// What the column holds, if the evidence reaches the threshold.
    pub kind: Option<Kind>,
    /// Points for that kind, cut to 0..=100 (see `score`): an ordering, not a probability.
    pub confidence: u8,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// Other kinds that have some evidence, best first.
    pub alternatives: Vec<(Kind, u8)>,
    /// Figures about the values.
    pub statistics: Statistics,
    /// Identifiers found inside some of the values, with the share of examined values that contain one.
    pub also_contains: Vec<(Kind, f64)>,
}

/// Figures about the values of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// Cells.
    pub rows: u64,
    /// Cells without a character.
    pub empty: u64,
    /// Cells that patterns and dictionaries looked at, without the empty ones and those that say "missing".
    pub examined: u64,
    /// Distinct values that are not empty, estimated.
    pub distinct_estimate: u64,
    /// Shannon entropy of the examined values in bits; at most log2 of their number.
    pub entropy_bits: f64,
    /// Bytes of the shortest value that is not empty.
    pub min_len: u64,
    /// Bytes of the longest value.
    pub max_len: u64,
    /// Mean bytes of the values that are not empty.
    pub mean_len: f64,
    /// Share of the values that are not empty and look like a number.
    pub numeric_share: f64,
    /// Share of the values that are not empty and have only ASCII characters.
    pub ascii_share: f64,
    /// Whether the examined values are numbers that always rise.
    pub rising: bool,
}

impl Statistics {
    /// Distinct values per value, at most 1.
    pub fn uniqueness(&self) -> f64 {
        match self.rows - self.empty {
            0 => 0.0,
            present => (self.distinct_estimate as f64 / present as f64).min(1.0),
        }
    }
}

/// One reason for a kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "evidence")]
pub enum Evidence {
    /// The header contains a word that stands for the kind.
    Header {
        /// The word of our list.
        word: &'static str,
        /// Points.
        points: i32,
    },
    /// Values have a form that is typical of the kind.
    Pattern {
        /// The kind.
        kind: Kind,
        /// Values that match.
        matched: u64,
        /// Values looked at.
        examined: u64,
        /// Points.
        points: i32,
    },
    /// Values obey the kind's check-digit rule.
    CheckDigit {
        /// The kind.
        kind: Kind,
        /// Values that match.
        matched: u64,
        /// Values looked at.
        examined: u64,
        /// Points.
        points: i32,
    },
    /// Values stand in a dictionary of the kind.
    Dictionary {
        /// The kind.
        kind: Kind,
        /// Values that match.
        matched: u64,
        /// Values looked at.
        examined: u64,
        /// Points.
        points: i32,
    },
    /// Values do not exclude the kind, but do not show it either.
    Plausible {
        /// The kind.
        kind: Kind,
        /// Values that fit.
        matched: u64,
        /// Values looked at.
        examined: u64,
        /// Points; negative where few fit.
        points: i32,
    },
    /// How the values are distributed.
    Distribution {
        /// What was seen.
        fact: Fact,
        /// Points; negative where it speaks against the kind.
        points: i32,
    },
    /// The values show another kind than the header says.
    Contradiction {
        /// What the values show.
        shown: Kind,
        /// Points, negative.
        points: i32,
    },
}

/// Something seen in the distribution of a column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// Nearly every value occurs once.
    NearlyUnique {
        /// Distinct values in a hundred values.
        percent: u8,
    },
    /// There are many distinct values without being unique: those of something that is referred to.
    ManyTokens {
        /// About how many.
        distinct: u64,
    },
    /// There are few distinct values.
    FewValues {
        /// About how many.
        distinct: u64,
    },
    /// There are more distinct values than the kind has.
    TooManyValues {
        /// About how many.
        distinct: u64,
    },
    /// Numbers rise from row to row.
    Rising,
    /// Whole numbers from 0 to 120.
    AgeRange,
    /// Numbers outside 0 to 120.
    OutsideAgeRange,
    /// Dates spread over many years without a time of day.
    BirthYears,
    /// Dates lie close together or carry a time of day.
    EventYears,
}

impl Evidence {
    /// What it adds to (or takes from) the confidence.
    pub fn points(&self) -> i32 {
        match *self {
            Evidence::Header { points, .. }
            | Evidence::Pattern { points, .. }
            | Evidence::CheckDigit { points, .. }
            | Evidence::Dictionary { points, .. }
            | Evidence::Plausible { points, .. }
            | Evidence::Distribution { points, .. }
            | Evidence::Contradiction { points, .. } => points,
        }
    }

    /// The reason in a sentence, without any value of the data.
    pub fn explain(&self, language: Language) -> String {
        let points = self.points();
        let said = match language {
            Language::En => self.in_english(),
            Language::Zh => self.in_chinese(),
        };
        match language {
            Language::En => format!("{said} ({points:+})"),
            Language::Zh => format!("{said}（{points:+}）"),
        }
    }

    fn in_english(&self) -> String {
        match self {
            Evidence::Header { word, .. } => format!("header word `{word}`"),
            Evidence::Pattern { kind, matched, examined, .. } => {
                format!("{matched} of {examined} values have the form of: {}", kind.title().en)
            }
            Evidence::CheckDigit { kind, matched, examined, .. } => {
                format!("{matched} of {examined} values pass the check-digit rule of: {}", kind.title().en)
            }
            Evidence::Dictionary { kind, matched, examined, .. } => {
                format!("{matched} of {examined} values are in the dictionary of: {}", kind.title().en)
            }
            Evidence::Plausible { kind, matched, examined, .. } => {
                format!("{matched} of {examined} values could be: {}", kind.title().en)
            }
            Evidence::Distribution { fact, .. } => match fact {
                Fact::NearlyUnique { percent } => format!("{percent} distinct values per 100 values"),
                Fact::ManyTokens { distinct } => {
                    format!("about {distinct} distinct tokens, as references to records have")
                }
                Fact::FewValues { distinct } => format!("only about {distinct} distinct values"),
                Fact::TooManyValues { distinct } => {
                    format!("about {distinct} distinct values, too many for the kind")
                }
                Fact::Rising => "numbers rise from row to row, as serial numbers do".into(),
                Fact::AgeRange => "whole numbers from 0 to 120".into(),
                Fact::OutsideAgeRange => "numbers outside 0 to 120".into(),
                Fact::BirthYears => "dates spread over decades without a time of day".into(),
                Fact::EventYears => "dates lie within a few years or carry a time of day".into(),
            },
            Evidence::Contradiction { shown, .. } => {
                format!("the values show something else: {}", shown.title().en)
            }
        }
    }

    fn in_chinese(&self) -> String {
        match self {
            Evidence::Header { word, .. } => format!("列名含“{word}”"),
            Evidence::Pattern { kind, matched, examined, .. } => {
                format!("抽查的 {examined} 个值中有 {matched} 个符合{}的格式", kind.title().zh)
            }
            Evidence::CheckDigit { kind, matched, examined, .. } => {
                format!("抽查的 {examined} 个值中有 {matched} 个通过{}的校验位", kind.title().zh)
            }
            Evidence::Dictionary { kind, matched, examined, .. } => {
                format!("抽查的 {examined} 个值中有 {matched} 个见于{}词典", kind.title().zh)
            }
            Evidence::Plausible { kind, matched, examined, .. } => {
                format!("抽查的 {examined} 个值中有 {matched} 个可能是{}", kind.title().zh)
            }
            Evidence::Distribution { fact, .. } => match fact {
                Fact::NearlyUnique { percent } => format!("每 100 个值约有 {percent} 个不同值"),
                Fact::ManyTokens { distinct } => format!("约 {distinct} 个不同代码，像对记录的引用"),
                Fact::FewValues { distinct } => format!("仅约 {distinct} 个不同值"),
                Fact::TooManyValues { distinct } => format!("约 {distinct} 个不同值，多于该类型应有的取值"),
                Fact::Rising => "数值逐行递增，像流水号".into(),
                Fact::AgeRange => "0 至 120 的整数".into(),
                Fact::OutsideAgeRange => "数值超出 0 至 120".into(),
                Fact::BirthYears => "日期跨越数十年且不含时刻".into(),
                Fact::EventYears => "日期集中在数年内或含时刻".into(),
            },
            Evidence::Contradiction { shown, .. } => format!("取值显示为另一类型：{}", shown.title().zh),
        }
    }
}
