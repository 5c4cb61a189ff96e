//! Detection: which identifiers are in the data, where, and why we think so.
//!
//! A [`TableScanner`] streams over a table and says for each column what it holds, how sure it is and on what evidence:
//! header words (Chinese, English, the pinyin abbreviations of hospital systems), value patterns with their check digits,
//! dictionaries, and the distribution of values. [`detect_value`] judges one value, [`find_spans`] finds identifiers inside
//! free text, [`draft_plan`] turns findings into a plan to edit.
//!
//! ```
//! use medveil_deid::detect::{Options, TableScanner};
//! use medveil_deid::kind::Kind;
//!
//! let mut scanner = TableScanner::new(&["sfzh", "性别"], Options::default());
//! scanner.row(&["11010519491231002X", "女"]);
//! let findings = scanner.finish();
//! assert_eq!(findings[0].kind, Some(Kind::CnResidentId));
//! assert_eq!(findings[1].kind, Some(Kind::Sex));
//! ```
//!
//! # What is exact and what is sampled
//! Counts of rows and empty cells, lengths and the share of numbers are exact; the number of distinct values is an estimate from
//! a sketch over *every* cell (HyperLogLog; standard error 1.6 %). Patterns and dictionaries look at the first
//! [`Options::head`] values of each column and then at every [`Options::stride`]-th, or at all of them under
//! [`Thoroughness::Full`]; [`Statistics::examined`] says how many. A scan is a pure function of the table, the options and
//! where the table was split into parts.
//!
//! # What it does not promise
//! Detection is a heuristic: it proposes, a person decides. It leans to the safe side: near-unique tokens that match nothing are
//! reported as [`Kind::UniqueId`](crate::kind::Kind::UniqueId), and a plan drops what no rule names. No finding, explanation
//! or `Debug` output contains a value of the data.

mod column;
mod date;
mod dictionary;
mod draft;
mod finding;
mod header;
mod kind_set;
mod name;
mod pattern;
mod score;
mod span;
mod statistics;
mod value;

pub use column::{Options, TableScanner, Thoroughness};
pub use draft::draft_plan;
pub use finding::{ColumnFinding, Evidence, Fact, Language, Statistics};
pub use span::{Span, find_spans};
pub use value::{Strength, detect_value};

#[cfg(test)]
mod tests;
