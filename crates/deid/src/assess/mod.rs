//! Risk and utility of a table, before and after a plan, in one pass and bounded memory.
//!
//! Worker threads feed records to a [`Part`] each; the parts are [absorbed](Assessor::absorb) in source order and give an [`Assessment`].
//!
//! # What is exact and what is estimated
//! Records, and classes up to [`Spec::max_classes`], are counted exactly. Above that a uniform sample of classes is followed ([`Classes`]): shares and
//! averages are then unbiased estimates with a 95 % interval and labelled so, and extremes are those of the sample. Figures of utility
//! come from a uniform sample of records. Everything is a function of the table and the [`Spec`] alone: threads, memory and block size do not change a bit.
//!
//! # What it does not say
//! No value of the data is in an assessment: no category, no minimum or maximum, no mean. What was measured against quasi-identifiers that
//! nobody named is not measured. A small risk under these attackers is no proof of anonymity against others.

use serde::Serialize;

use crate::kind::Kind;

mod check;
mod classes;
mod diversity;
mod fingerprint;
mod followed;
mod joined;
mod population;
mod risk;
mod sample;
mod tally;
mod threshold;
mod utility;

pub(crate) use check::measured_in_one_pass;
pub use check::{Breach, Evaluation, check, evaluate};
pub use classes::{Attack, Classes, Estimate};
pub(crate) use fingerprint::{SEED, push, spread};
pub use followed::Followed;
pub use joined::{Earlier, EarlierRelease, Join, Joined, required_class};
pub use population::{Census, InPopulation};
pub use risk::{AtRisk, Bucket, Diverse, Risk};
pub(crate) use sample::number;
pub(crate) use threshold::cell_size;
pub use threshold::{BENCHMARKS, Benchmark, Level, convention};
pub use utility::{ColumnUtility, Correlation, Numeric, Treatment, Utility};

use diversity::{Diversity, Pair};
use followed::Levels;
use sample::{Choice, Row, Sample};
pub(crate) use tally::FingerprintMap;
use tally::{Tally, under};

/// What is to be assessed.
#[derive(Clone, Debug)]
pub struct Spec {
    /// One entry a column, in order.
    pub columns: Vec<ColumnSpec>,
    /// Columns that an attacker may know.
    pub quasi_identifiers: Vec<usize>,
    /// Columns that an attacker wants to learn.
    pub sensitive: Vec<usize>,
    /// Classes that are counted exactly: about 32 bytes each, before and after.
    pub max_classes: usize,
    /// About every n-th record feeds the figures of utility.
    pub utility_stride: u64,
}

/// One column.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    /// The name.
    pub name: String,
    /// What it holds.
    pub kind: Option<Kind>,
    /// What the plan does with it.
    pub action: String,
    /// Whether it is in the release.
    pub released: bool,
}

impl Spec {
    /// A table as it stands, on which nothing is done: each record is given to [`Part::row`] as both its sides.
    pub fn as_it_stands(
        columns: Vec<(String, Option<Kind>)>,
        quasi_identifiers: Vec<usize>,
        sensitive: Vec<usize>,
        max_classes: usize,
    ) -> Spec {
        let columns = columns
            .into_iter()
            .map(|(name, kind)| ColumnSpec { name, kind, action: "keep".into(), released: true })
            .collect();
        Spec { columns, quasi_identifiers, sensitive, max_classes, utility_stride: u64::MAX }
    }
}

/// What one thread saw of one block of records.
pub struct Part {
    quasi_identifiers: Vec<usize>,
    sensitive: Vec<usize>,
    columns: usize,
    choice: Choice,
    records: u64,
    released: u64,
    before: SidePart,
    after: SidePart,
    sample: Vec<Row>,
}

#[derive(Debug)]
struct SidePart {
    levels: Levels,
    /// Classes and their records, one entry for neighbours of one class. They are counted when the part is absorbed: a map here would be
    /// filled and emptied for classes of which most have one record.
    classes: Vec<(u64, u64)>,
    /// One entry a sensitive column.
    pairs: Vec<Vec<Pair>>,
    present: Vec<bool>,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part")
            .field("records", &self.records)
            .field("released", &self.released)
            .finish_non_exhaustive()
    }
}

impl Part {
    /// An empty part.
    pub fn new(spec: &Spec) -> Part {
        Part::of(spec, &Followed::default())
    }

    /// An empty part that leaves out at once what the [assessor](Assessor::followed) no longer follows. The figures are the same.
    pub fn of(spec: &Spec, followed: &Followed) -> Part {
        let side = |levels| SidePart {
            levels,
            classes: Vec::new(),
            pairs: vec![Vec::new(); spec.sensitive.len()],
            present: vec![false; spec.sensitive.len()],
        };
        Part {
            quasi_identifiers: spec.quasi_identifiers.clone(),
            sensitive: spec.sensitive.clone(),
            columns: spec.columns.len(),
            choice: Choice::every(spec.utility_stride),
            records: 0,
            released: 0,
            before: side(followed.before()),
            after: side(followed.after()),
            sample: Vec::new(),
        }
    }

    /// Takes in the record of that number (from 0 in the table): each column as it was, and as it is released. An empty text is a missing or
    /// removed value; no `released` is a record that was dropped.
    pub fn row<'a>(
        &mut self,
        index: u64,
        raw: impl Fn(usize) -> &'a str,
        released: Option<impl Fn(usize) -> &'a str>,
    ) {
        self.records += 1;
        if !self.quasi_identifiers.is_empty() {
            self.before.record(&self.quasi_identifiers, &self.sensitive, &raw);
            if let Some(released) = &released {
                self.after.record(&self.quasi_identifiers, &self.sensitive, released);
            }
        }
        self.released += u64::from(released.is_some());
        self.sample.extend(self.choice.take(index, self.columns, raw, released));
    }
}

impl SidePart {
    #[inline]
    fn record<'a>(
        &mut self,
        quasi_identifiers: &[usize],
        sensitive: &[usize],
        cell: &impl Fn(usize) -> &'a str,
    ) {
        let class = quasi_identifiers.iter().fold(SEED, |state, c| push(state, cell(*c)));
        if under(class, self.levels.classes) {
            match self.classes.last_mut() {
                Some((last, records)) if *last == class => *records += 1,
                _ => self.classes.push((class, 1)),
            }
        }
        for (i, c) in sensitive.iter().enumerate() {
            let value = cell(*c);
            self.present[i] |= !value.is_empty();
            if under(class, self.levels.pairs) {
                let pair = Pair::new(class, push(SEED, value));
                if self.pairs[i].last() != Some(&pair) {
                    self.pairs[i].push(pair);
                }
            }
        }
    }
}

/// Brings parts together.
pub struct Assessor {
    spec: Spec,
    records: u64,
    released: u64,
    before: Side,
    after: Side,
    sample: Sample,
    /// Classes of another table, which are counted whatever becomes of the others.
    wanted: Option<Tally>,
    followed: Followed,
}

struct Side {
    classes: Tally,
    diversity: Vec<Diversity>,
    present: Vec<bool>,
}

impl std::fmt::Debug for Assessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assessor").field("records", &self.records).finish_non_exhaustive()
    }
}

impl Assessor {
    /// An assessor that has seen nothing.
    pub fn new(spec: Spec) -> Assessor {
        let side = || Side {
            classes: Tally::new(spec.max_classes),
            // What is kept of a class here is four times as large, and there are several attributes.
            diversity: vec![Diversity::new(spec.max_classes / 8); spec.sensitive.len()],
            present: vec![false; spec.sensitive.len()],
        };
        let (before, after) = (side(), side());
        let sample = Sample::new(spec.columns.len());
        let followed = Followed::default();
        Assessor { spec, records: 0, released: 0, before, after, sample, wanted: None, followed }
    }

    /// An assessor of the population of `table`, which was [counted](Assessor::finish_counted): each class of the table is followed here, however many
    /// classes the population has.
    pub fn of_population(spec: Spec, table: &Assessment) -> Assessor {
        let counted = table.before.as_ref().and_then(|risk| risk.counted.as_ref());
        Assessor { wanted: counted.map(population::Counted::cleared), ..Assessor::new(spec) }
    }

    /// What is still followed, for [parts](Part::of) that are filled while others are absorbed.
    pub fn followed(&self) -> Followed {
        match self.wanted {
            None => self.followed.clone(),
            // The other table's classes are to be counted in every part.
            Some(_) => Followed::default(),
        }
    }

    /// Takes in a part. Parts come in source order.
    pub fn absorb(&mut self, part: Part) {
        self.records += part.records;
        self.released += part.released;
        if let Some(wanted) = &mut self.wanted {
            part.before.classes.iter().for_each(|(class, records)| wanted.add_known(*class, *records));
        }
        self.before.absorb(part.before);
        self.after.absorb(part.after);
        self.followed.set(self.before.levels(), self.after.levels());
        self.sample.extend(part.sample);
    }

    /// The figures.
    pub fn finish(self) -> Assessment {
        let Assessor { spec, records, released, before, after, sample, .. } = self;
        let name = |c: &usize| spec.columns[*c].name.clone();
        let identified = spec
            .columns
            .iter()
            .filter(|column| column.is_plain_identifier())
            .map(|column| column.name.clone())
            .collect();
        Assessment {
            records,
            released,
            quasi_identifiers: spec.quasi_identifiers.iter().map(name).collect(),
            sensitive: spec.sensitive.iter().map(name).collect(),
            identified,
            before: before.risk(&spec, records),
            after: after.risk(&spec, released),
            utility: utility::measure(&spec, &sample.rows, records),
        }
    }

    /// The figures, with the classes of the table as it was, so that it can be [counted in](Assessment::count_in) a population or be one.
    pub fn finish_counted(mut self) -> Assessment {
        let classes = self.wanted.take().unwrap_or_else(|| self.before.classes.clone());
        let mut assessment = self.finish();
        if let Some(risk) = &mut assessment.before {
            risk.counted = Some(population::Counted::new(classes));
        }
        assessment
    }
}

impl ColumnSpec {
    /// Whether it releases direct identifiers as they are.
    fn is_plain_identifier(&self) -> bool {
        self.released
            && self.action == "keep"
            && self.kind.is_some_and(|kind| kind.class() == crate::kind::Class::DirectIdentifier)
    }
}

impl Side {
    fn absorb(&mut self, part: SidePart) {
        for (class, records) in part.classes {
            self.classes.add(class, records);
        }
        for (i, pairs) in part.pairs.into_iter().enumerate() {
            self.present[i] |= part.present[i];
            self.diversity[i].absorb(&pairs);
        }
    }

    fn levels(&self) -> Levels {
        // Every attribute follows the same classes.
        let pairs = self.diversity.iter().map(Diversity::level).min().unwrap_or(0);
        Levels { classes: self.classes.level(), pairs }
    }

    fn risk(&self, spec: &Spec, records: u64) -> Option<Risk> {
        let classes = Classes::sampled(&self.classes.sizes(), self.classes.level(), records)?;
        let diverse = spec
            .sensitive
            .iter()
            .enumerate()
            // A sensitive attribute that is not released at all cannot be learnt.
            .filter(|(i, _)| self.present[*i])
            .filter_map(|(i, c)| Diverse::new(&spec.columns[*c].name, &self.diversity[i]))
            .collect();
        Some(Risk::new(classes, diverse))
    }
}

/// Risk and utility of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// Records that were read.
    pub records: u64,
    /// Records that are released.
    pub released: u64,
    /// The columns that an attacker may know.
    pub quasi_identifiers: Vec<String>,
    /// The columns that an attacker wants to learn.
    pub sensitive: Vec<String>,
    /// Columns of direct identifiers that are released as they are.
    pub identified: Vec<String>,
    /// Risk of the table as it was; none without quasi-identifiers or records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Risk>,
    /// Risk of the table as it is released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Risk>,
    /// What the table is still good for.
    pub utility: Utility,
}

impl Assessment {
    /// The figures of risk alone, for a receipt.
    pub fn risk_json(&self) -> serde_json::Value {
        serde_json::json!({
            "records": self.records, "released": self.released, "quasi_identifiers": self.quasi_identifiers,
            "sensitive": self.sensitive, "identified": self.identified, "before": self.before, "after": self.after,
        })
    }

    /// The figures of utility alone, for a receipt.
    pub fn utility_json(&self) -> serde_json::Value {
        serde_json::json!(self.utility)
    }

    /// The share of records that were dropped.
    pub fn suppressed(&self) -> f64 {
        if self.records == 0 { 0.0 } else { (self.records - self.released) as f64 / self.records as f64 }
    }
}

#[cfg(test)]
mod tests;
