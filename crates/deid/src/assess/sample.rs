//! A sample of records, as fingerprints and numbers, from which the figures of utility are computed.
//!
//! A record is taken by its number alone (a fixed pseudo-random choice, so that no period in the data can meet one in the choice).
//! When more than the cap are held, every record stays with probability one half, by its number again. So the sample does not depend on
//! threads, memory or how the input was cut; and figures, summed in source order, come out the same to the last bit.

use super::fingerprint::{SEED, push, spread};

/// Cells that are held, over all records: 16 bytes each, before and after.
const CELLS: usize = 1 << 19;
/// Records that are held at most: more would not make the figures visibly better.
const RECORDS: usize = 1 << 15;
const FEWEST: usize = 1 << 10;

/// What is kept of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Value {
    /// Tells values apart; [`EMPTY`](Value::EMPTY) where there is none.
    pub(crate) fingerprint: u64,
    /// The value as a number, or NaN.
    pub(crate) number: f64,
}

/// One record.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    rank: u64,
    /// One value a column.
    pub(crate) raw: Box<[Value]>,
    /// The same after the plan; none where the record was dropped.
    pub(crate) released: Option<Box<[Value]>>,
}

/// The sample so far, in source order.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) rows: Vec<Row>,
    cap: usize,
    limit: u64,
}

/// Which records a part takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    limit: u64,
}

impl Choice {
    /// About every `stride`-th record.
    pub(crate) fn every(stride: u64) -> Choice {
        Choice { limit: u64::MAX / stride.max(1) }
    }

    /// Takes the record of that number, or not.
    pub(crate) fn take<'a>(
        self,
        index: u64,
        columns: usize,
        raw: impl Fn(usize) -> &'a str,
        released: Option<impl Fn(usize) -> &'a str>,
    ) -> Option<Row> {
        let rank = spread(index);
        (rank <= self.limit).then(|| Row {
            rank,
            raw: (0..columns).map(|c| Value::raw(raw(c))).collect(),
            released: released.map(|released| (0..columns).map(|c| Value::released(released(c))).collect()),
        })
    }
}

impl Sample {
    /// For records of so many columns.
    pub(crate) fn new(columns: usize) -> Self {
        Sample { rows: Vec::new(), cap: (CELLS / columns.max(1)).clamp(FEWEST, RECORDS), limit: u64::MAX }
    }

    /// Adds records that follow on those before.
    pub(crate) fn extend(&mut self, rows: Vec<Row>) {
        for row in rows {
            if row.rank > self.limit {
                continue;
            }
            self.rows.push(row);
            while self.rows.len() > self.cap {
                self.limit /= 2;
                let limit = self.limit;
                self.rows.retain(|row| row.rank <= limit);
            }
        }
    }
}

impl Value {
    /// The fingerprint of a missing value: no text has it but the empty one.
    pub(crate) const EMPTY: u64 = 0;

    fn raw(text: &str) -> Value {
        Value { fingerprint: mark(text), number: plain(text).unwrap_or(f64::NAN) }
    }

    fn released(text: &str) -> Value {
        Value { fingerprint: mark(text), number: plain(text).or_else(|| middle(text)).unwrap_or(f64::NAN) }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.fingerprint == Value::EMPTY
    }
}

fn mark(text: &str) -> u64 {
    if text.is_empty() { Value::EMPTY } else { push(SEED, text) | 1 }
}

/// The number that a text stands for: itself, or the middle of an interval.
pub(crate) fn number(text: &str) -> Option<f64> {
    plain(text).or_else(|| middle(text))
}

/// A plain decimal number: digits, a sign, a point. Exponents, NaN and infinity are none.
fn plain(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = !text.is_empty()
        && text.len() <= 24
        && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+'));
    plain.then(|| text.parse().ok()).flatten()
}

/// The middle of an interval as generalisation writes it (`40-44`, `[40, 45)`, `90+`), so that a generalised column can still be compared.
fn middle(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some(open) =
        text.strip_suffix('+').or_else(|| text.strip_prefix('≥')).or_else(|| text.strip_prefix(">="))
    {
        return plain(open);
    }
    let inner = text.trim_start_matches(['[', '(', ']']).trim_end_matches([']', ')', '[']);
    let (low, high) = inner.split_once(',').or_else(|| {
        // The first hyphen that is no sign.
        let at = inner.char_indices().skip(1).find(|(_, c)| matches!(c, '-' | '–' | '~'))?;
        Some((&inner[..at.0], &inner[at.0 + at.1.len_utf8()..]))
    })?;
    let (low, high) = (plain(low)?, plain(high)?);
    (low < high).then_some(f64::midpoint(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_stand_for_their_middle_and_dates_for_nothing() {
        for (text, number) in [
            ("40-44", Some(42.0)),
            ("[40, 50)", Some(45.0)),
            ("-5--1", Some(-3.0)),
            ("90+", Some(90.0)),
            ("≥90", Some(90.0)),
            ("1.5–2.5", Some(2.0)),
            ("2020-01-05", None),
            ("2011-12", None),
            ("a-b", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(plain(text).or_else(|| middle(text)), number, "{text}");
        }
        for text in ["NaN", "inf", "1e5", "--", "1.2.3"] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn a_sample_does_not_depend_on_how_the_input_was_cut() {
        let take = |from: u64, to: u64| -> Vec<Row> {
            (from..to).filter_map(|i| Choice::every(3).take(i, 1, |_| "x", Some(|_| "y"))).collect()
        };
        let ranks = |cuts: &[u64]| {
            let mut sample = Sample { cap: 100, ..Sample::new(1) };
            cuts.windows(2).for_each(|w| sample.extend(take(w[0], w[1])));
            sample.rows.iter().map(|row| row.rank).collect::<Vec<_>>()
        };
        let whole = ranks(&[0, 5000]);
        assert!((30..=100).contains(&whole.len()), "{}", whole.len());
        assert_eq!(whole, ranks(&[0, 7, 1000, 1001, 4999, 5000]));
    }
}
