//! One block of records through a [`Binding`], whatever format it came in.

use super::bind::{Binding, Fate};
use super::error::{TableError, Trouble};
use super::job::Counts;
use crate::action::{Cell, Effect, Reads, Secret};
use crate::assess::{Followed, Part, Spec};
use crate::plan::Invalid;
use crate::study::Record;

/// Records as text.
pub(super) trait Rows {
    /// How many.
    fn rows(&self) -> usize;
    /// The text of a cell; empty where it is missing.
    fn text(&self, row: usize, column: usize) -> &str;
    /// Whether a cell is known to have the text of the one in the row before.
    fn repeats(&self, row: usize, column: usize) -> bool {
        row > 0 && self.text(row, column) == self.text(row - 1, column)
    }
}

/// What a block became, column by column.
pub(super) struct Transformed {
    /// One entry a column; `None` where it is kept or dropped whole.
    pub columns: Vec<Option<NewColumn>>,
    /// Whether each record is dropped.
    pub dropped: Vec<bool>,
    /// What the actions did.
    pub counts: Vec<Counts>,
}

impl Transformed {
    /// What is released of a cell; empty where nothing is.
    pub(super) fn released<'a>(
        &'a self,
        binding: &Binding,
        rows: &'a impl Rows,
        row: usize,
        column: usize,
    ) -> &'a str {
        match (&binding.columns[column].fate, &self.columns[column]) {
            (Fate::Drop, _) => "",
            (_, None) => rows.text(row, column),
            (_, Some(new)) => match new.get(row) {
                Value::Kept => rows.text(row, column),
                Value::Removed => "",
                Value::New(text) => text,
            },
        }
    }
}

/// New values of a column.
pub(super) struct NewColumn {
    text: String,
    ends: Vec<u32>,
    effects: Vec<Effect>,
}

/// A value after its action.
pub(super) enum Value<'a> {
    /// As it was.
    Kept,
    /// Gone.
    Removed,
    /// New text.
    New(&'a str),
}

/// What became of a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was missing.
    Empty,
    /// The action could not read it, and it was removed for that.
    Invalid,
    /// What the action says.
    Done(Effect),
}

impl Outcome {
    fn effect(self) -> Effect {
        match self {
            Outcome::Empty => Effect::Kept,
            Outcome::Invalid => Effect::Removed,
            Outcome::Done(effect) => effect,
        }
    }

    fn count(self, counts: &mut Counts) {
        match self {
            Outcome::Empty => counts.empty += 1,
            Outcome::Invalid => counts.invalid += 1,
            Outcome::Done(Effect::Kept) => counts.kept += 1,
            Outcome::Done(Effect::Replaced) => counts.changed += 1,
            Outcome::Done(Effect::Removed) => counts.removed += 1,
            Outcome::Done(Effect::DropRecord) => {}
        }
    }
}

impl NewColumn {
    /// An empty column with room for `rows` values.
    pub(super) fn with_capacity(rows: usize) -> NewColumn {
        NewColumn {
            text: String::with_capacity(rows * 12),
            ends: Vec::with_capacity(rows),
            effects: Vec::with_capacity(rows),
        }
    }

    /// Appends a value: `text` where the effect replaces it.
    pub(super) fn push(&mut self, effect: Effect, text: &str) {
        if effect == Effect::Replaced {
            self.text.push_str(text);
        }
        self.ends.push(u32::try_from(self.text.len()).expect("a block's new text stays below 4 GiB"));
        self.effects.push(effect);
    }

    /// The new text of the record before once more.
    fn repeat(&mut self) {
        if let [.., start, end] = *self.ends {
            self.text.extend_from_within(start as usize..end as usize);
        } else if let [end] = *self.ends {
            self.text.extend_from_within(..end as usize);
        }
    }

    pub(super) fn get(&self, row: usize) -> Value<'_> {
        match self.effects[row] {
            Effect::Kept => Value::Kept,
            Effect::Replaced => {
                let start = if row == 0 { 0 } else { self.ends[row - 1] };
                Value::New(&self.text[start as usize..self.ends[row] as usize])
            }
            Effect::Removed | Effect::DropRecord => Value::Removed,
        }
    }
}

/// Applies every action to its column. `first_row` is the row of the first record in error messages (see [`Place`](super::Place)).
pub(super) fn transform(
    binding: &Binding,
    invalid: Invalid,
    rows: &impl Rows,
    records: &[Record<'_>],
    first_row: u64,
) -> Result<Transformed, TableError> {
    let n = rows.rows();
    let mut done = Transformed {
        columns: Vec::with_capacity(binding.columns.len()),
        dropped: vec![false; n],
        counts: vec![Counts::default(); binding.columns.len()],
    };
    // The place of the earliest failure, so that the same one is reported whatever the column order.
    let mut failure: Option<(usize, TableError)> = None;
    for (c, column) in binding.columns.iter().enumerate() {
        let counts = &mut done.counts[c];
        let Fate::Apply { action, transform, .. } = &column.fate else {
            match column.fate {
                Fate::Keep => counts.kept = n as u64,
                _ => counts.removed = n as u64,
            }
            done.columns.push(None);
            continue;
        };
        let mut new = NewColumn::with_capacity(n);
        let reads = transform.reads();
        let subject = binding.subject.filter(|_| reads > Reads::Value);
        let mut before = Outcome::Empty;
        for (r, record) in records.iter().enumerate() {
            // The records of one patient stand next to each other, and most of their values are the same.
            let repeated = reads < Reads::Record
                && rows.repeats(r, c)
                && subject.is_none_or(|subject| rows.repeats(r, subject));
            let outcome = if repeated {
                if before == Outcome::Done(Effect::Replaced) {
                    new.repeat();
                }
                before
            } else if rows.text(r, c).is_empty() {
                Outcome::Empty
            } else {
                let value = Secret(rows.text(r, c));
                let subject = subject.map(|s| rows.text(r, s)).filter(|text| !text.is_empty());
                let cell = Cell { value, subject: subject.map(Secret), record, occurrence: 0 };
                let start = new.text.len();
                let done = transform.apply(&cell, &mut new.text);
                if done != Ok(Effect::Replaced) {
                    new.text.truncate(start);
                }
                match done {
                    Ok(effect) => Outcome::Done(effect),
                    Err(_) if invalid == Invalid::Redact => Outcome::Invalid,
                    Err(refusal) => {
                        if failure.as_ref().is_none_or(|(row, _)| r < *row) {
                            let trouble = Trouble::Value { action, refusal };
                            let name = &column.finding.name;
                            failure =
                                Some((r, TableError::at_cell(first_row + r as u64, c + 1, name, trouble)));
                        }
                        break;
                    }
                }
            };
            before = outcome;
            done.dropped[r] |= outcome == Outcome::Done(Effect::DropRecord);
            outcome.count(counts);
            new.ends.push(u32::try_from(new.text.len()).expect("a block's new text stays below 4 GiB"));
            new.effects.push(outcome.effect());
        }
        done.columns.push(Some(new));
    }
    match failure {
        Some((_, error)) => Err(error),
        None => Ok(done),
    }
}

/// Feeds the assessment: every record as it was and as it is released.
pub(super) fn assess(
    spec: &Spec,
    followed: &Followed,
    binding: &Binding,
    rows: &impl Rows,
    done: &Transformed,
    first_record: u64,
) -> Part {
    let mut part = Part::of(spec, followed);
    for r in 0..rows.rows() {
        let raw = |c: usize| rows.text(r, c);
        let released = |c: usize| done.released(binding, rows, r, c);
        part.row(first_record + r as u64, raw, (!done.dropped[r]).then_some(released));
    }
    part
}

/// Feeds the assessment of a table as it stands.
pub(super) fn observe(spec: &Spec, followed: &Followed, rows: &impl Rows, first_record: u64) -> Part {
    let mut part = Part::of(spec, followed);
    for r in 0..rows.rows() {
        let cell = |c: usize| rows.text(r, c);
        part.row(first_record + r as u64, cell, Some(cell));
    }
    part
}

/// What to assess in a table of these columns.
pub(super) fn spec_as_it_stands(
    names: &[String],
    quasi_identifiers: &[String],
    sensitive: &[String],
) -> Result<Spec, TableError> {
    let find = |name: &String| {
        names.iter().position(|column| column == name).ok_or_else(|| {
            let help = crate::plan::suggest(name, names.iter().map(String::as_str));
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            TableError::new(Trouble::NoColumn { name: name.clone(), help })
        })
    };
    let all = |list: &[String]| list.iter().map(find).collect::<Result<Vec<usize>, _>>();
    let columns = names.iter().map(|name| (name.clone(), None)).collect();
    Ok(Spec::as_it_stands(columns, all(quasi_identifiers)?, all(sensitive)?, super::bind::MAX_CLASSES))
}
