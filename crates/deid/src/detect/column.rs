//! The scanner: exact counts for every cell, a reading for the sampled ones, parts that merge.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::FixedState;

use super::finding::{ColumnFinding, Statistics};
use super::kind_set::KindSet;
use super::statistics::{Counts, round};
use super::value::Reading;
use super::{dictionary, score, span};
use crate::kind::Kind;

/// How many values are read with every pattern and dictionary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thoroughness {
    /// The first values of each column and then every so many.
    #[default]
    Sample,
    /// Every value.
    Full,
}

/// How a table is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Sample or all.
    pub thoroughness: Thoroughness,
    /// How many values of each column are read before sampling begins.
    pub head: u32,
    /// From then on every so manieth value is read.
    pub stride: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options { thoroughness: Thoroughness::Sample, head: 2_000, stride: 256 }
    }
}

/// Scans a table row by row; see the [module](super).
///
/// Cells are UTF-8; a cell that is not is counted and read as if it were opaque text.
pub struct TableScanner {
    columns: Vec<ColumnScanner>,
}

impl TableScanner {
    /// A scanner for a table, or for its first part.
    pub fn new(header: &[&str], options: Options) -> Self {
        TableScanner { columns: header.iter().map(|name| ColumnScanner::new(name, options)).collect() }
    }

    /// A scanner for a later part of a table, which samples without reading the first values again.
    pub fn continuing(header: &[&str], options: Options) -> Self {
        Self::new(header, Options { head: 0, ..options })
    }

    /// Takes a row. Columns that it lacks are counted as empty; cells beyond the header are ignored.
    pub fn row<C: AsRef<[u8]>>(&mut self, cells: &[C]) {
        let mut cells = cells.iter();
        for column in &mut self.columns {
            column.cell(cells.next().map_or(&[], AsRef::as_ref));
        }
    }

    /// Takes one cell: what [`row`](Self::row) does for all.
    #[inline]
    pub fn cell(&mut self, column: usize, value: &[u8]) {
        if let Some(column) = self.columns.get_mut(column) {
            column.cell(value);
        }
    }

    /// Adds what another scanner found in the part that follows this one's. Both have the same header.
    pub fn merge(&mut self, other: Self) {
        debug_assert_eq!(self.columns.len(), other.columns.len(), "parts of one table");
        for (mine, theirs) in self.columns.iter_mut().zip(other.columns) {
            mine.merge(theirs);
        }
    }

    /// What was found, in the order of the columns.
    pub fn finish(self) -> Vec<ColumnFinding> {
        self.columns.iter().map(|column| score::judge(&column.name, &column.tally())).collect()
    }
}

impl fmt::Debug for TableScanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableScanner({} columns)", self.columns.len())
    }
}

/// What is known about a column when its kind is judged.
pub(super) struct Tally<'a> {
    pub(super) statistics: Statistics,
    pub(super) checked: &'a PerKind,
    pub(super) typical: &'a PerKind,
    pub(super) plausible: &'a PerKind,
    pub(super) inside: &'a PerKind,
    pub(super) numbers: Option<(f64, f64)>,
    pub(super) whole_numbers: bool,
    pub(super) years: Option<(i32, i32)>,
    pub(super) times: u64,
}

/// A count for each kind.
pub(super) struct PerKind([u64; Kind::ALL.len()]);

impl PerKind {
    fn new() -> Self {
        PerKind([0; Kind::ALL.len()])
    }

    fn add(&mut self, kinds: KindSet) {
        for kind in kinds.iter() {
            self.0[kind as usize] += 1;
        }
    }

    fn merge(&mut self, other: &PerKind) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    pub(super) fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }
}

struct ColumnScanner {
    name: String,
    options: Options,
    /// The number of the value that is read next, counting from 1 and without empty ones.
    due: u64,
    counts: Counts,
    examined: u64,
    checked: PerKind,
    typical: PerKind,
    plausible: PerKind,
    inside: PerKind,
    numbers: Option<(f64, f64)>,
    whole_numbers: bool,
    rising: Rising,
    years: Option<(i32, i32)>,
    times: u64,
    /// How often each examined value occurred, by hash; values beyond the limit are counted as if each occurred once.
    frequencies: HashMap<u64, u64, FixedState>,
    beyond: u64,
    /// Readings of values seen lately, by the low bits of their hash. Columns of few values are nearly free.
    seen: Vec<Option<Seen>>,
}

#[derive(Clone, Copy)]
struct Seen {
    hash: u64,
    reading: Reading,
    inside: KindSet,
}

const SEEN: usize = 256;
const FREQUENCIES: usize = 1 << 15;

impl ColumnScanner {
    fn new(name: &str, options: Options) -> Self {
        let first_is_read = options.thoroughness == Thoroughness::Full || options.head > 0;
        ColumnScanner {
            name: name.to_owned(),
            options,
            due: if first_is_read { 1 } else { u64::from(options.stride.max(1)) },
            counts: Counts::new(),
            examined: 0,
            checked: PerKind::new(),
            typical: PerKind::new(),
            plausible: PerKind::new(),
            inside: PerKind::new(),
            numbers: None,
            whole_numbers: true,
            rising: Rising::Unknown,
            years: None,
            times: 0,
            frequencies: HashMap::default(),
            beyond: 0,
            seen: Vec::new(),
        }
    }

    #[inline]
    fn cell(&mut self, value: &[u8]) {
        if value.is_empty() {
            return self.counts.add_empty();
        }
        let hash = self.counts.add(value);
        let present = self.counts.present();
        if present >= self.due {
            self.due = present + self.step_after(present);
            self.examine(value, hash);
        }
    }

    /// How many values further the next one is read.
    fn step_after(&self, present: u64) -> u64 {
        let Options { thoroughness, head, stride } = self.options;
        if thoroughness == Thoroughness::Full || present < u64::from(head) {
            1
        } else {
            u64::from(stride.max(1))
        }
    }

    #[inline(never)]
    fn examine(&mut self, value: &[u8], hash: u64) {
        if self.seen.is_empty() {
            self.seen = vec![None; SEEN];
        }
        let slot = hash as usize % SEEN;
        let seen = match self.seen[slot] {
            Some(seen) if seen.hash == hash => seen,
            _ => {
                let text = String::from_utf8_lossy(value);
                if dictionary::is_missing(text.trim()) {
                    return;
                }
                let seen = Seen { hash, reading: Reading::of(&text), inside: inside(&text) };
                self.seen[slot] = Some(seen);
                seen
            }
        };
        self.examined += 1;
        let Reading { checked, typical, plausible, number, date } = seen.reading;
        self.checked.add(checked);
        self.typical.add(typical.without(checked));
        self.plausible.add(plausible.without(typical).without(checked));
        self.inside.add(seen.inside);
        if let Some(number) = number {
            let (low, high) = self.numbers.unwrap_or((number, number));
            self.numbers = Some((low.min(number), high.max(number)));
            self.whole_numbers &= number.fract() == 0.0;
        }
        self.rising = self.rising.then(number);
        if let Some((year, time)) = date {
            let (low, high) = self.years.unwrap_or((year, year));
            self.years = Some((low.min(year), high.max(year)));
            self.times += u64::from(time);
        }
        self.count_frequency(hash, 1);
    }

    fn count_frequency(&mut self, hash: u64, times: u64) {
        if let Some(count) = self.frequencies.get_mut(&hash) {
            *count += times;
        } else if self.frequencies.len() < FREQUENCIES {
            self.frequencies.insert(hash, times);
        } else {
            self.beyond += times;
        }
    }

    fn merge(&mut self, other: ColumnScanner) {
        self.counts.merge(&other.counts);
        self.examined += other.examined;
        self.checked.merge(&other.checked);
        self.typical.merge(&other.typical);
        self.plausible.merge(&other.plausible);
        self.inside.merge(&other.inside);
        self.numbers = widen(self.numbers, other.numbers, f64::min, f64::max);
        self.years = widen(self.years, other.years, Ord::min, Ord::max);
        self.whole_numbers &= other.whole_numbers;
        self.rising = self.rising.followed_by(other.rising);
        self.times += other.times;
        self.beyond += other.beyond;
        // In a fixed order, because the limit makes the order matter.
        let mut frequencies: Vec<_> = other.frequencies.into_iter().collect();
        frequencies.sort_unstable();
        for (hash, times) in frequencies {
            self.count_frequency(hash, times);
        }
    }

    fn tally(&self) -> Tally<'_> {
        let mut statistics = self.counts.statistics();
        statistics.examined = self.examined;
        statistics.entropy_bits = self.entropy();
        statistics.rising = matches!(self.rising, Rising::Yes { first, last } if first < last);
        Tally {
            statistics,
            checked: &self.checked,
            typical: &self.typical,
            plausible: &self.plausible,
            inside: &self.inside,
            numbers: self.numbers,
            whole_numbers: self.whole_numbers,
            years: self.years,
            times: self.times,
        }
    }

    fn entropy(&self) -> f64 {
        if self.examined == 0 {
            return 0.0;
        }
        let mut counts: Vec<u64> = self.frequencies.values().copied().collect();
        // Addition of floats is not associative.
        counts.sort_unstable();
        let n = self.examined as f64;
        let term = |count: f64| -(count / n) * (count / n).log2();
        let listed: f64 = counts.iter().map(|count| term(*count as f64)).sum();
        // Adding zero turns the negative zero of a constant column into zero.
        round(listed + self.beyond as f64 * term(1.0)) + 0.0
    }
}

/// Identifiers inside a longer text.
fn inside(text: &str) -> KindSet {
    let mut kinds = KindSet::EMPTY;
    if text.len() >= 16 {
        for span in span::find_spans(text).filter(|span| span.start > 0 || span.end < text.len()) {
            kinds.insert(span.kind);
        }
    }
    kinds
}

fn widen<T: Copy>(
    mine: Option<(T, T)>,
    theirs: Option<(T, T)>,
    min: impl Fn(T, T) -> T,
    max: impl Fn(T, T) -> T,
) -> Option<(T, T)> {
    match (mine, theirs) {
        (Some((a, b)), Some((c, d))) => Some((min(a, c), max(b, d))),
        (mine, theirs) => mine.or(theirs),
    }
}

/// Whether every examined value is a number greater than the one before.
#[derive(Clone, Copy)]
enum Rising {
    Unknown,
    Yes { first: f64, last: f64 },
    No,
}

impl Rising {
    fn then(self, number: Option<f64>) -> Self {
        match number {
            Some(number) => self.followed_by(Rising::Yes { first: number, last: number }),
            None => Rising::No,
        }
    }

    fn followed_by(self, next: Rising) -> Self {
        match (self, next) {
            (Rising::Unknown, other) | (other, Rising::Unknown) => other,
            (Rising::Yes { first, last: a }, Rising::Yes { first: b, last }) if a < b => {
                Rising::Yes { first, last }
            }
            _ => Rising::No,
        }
    }
}
