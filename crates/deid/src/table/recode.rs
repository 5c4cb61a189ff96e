//! A table as tuples of hierarchy codes, and back: what the [search](crate::search) needs, and what becomes of its result.
//!
//! The table is read twice: once to count its distinct tuples, once to write each record generalised. In between only the tuples are held.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use serde::Serialize;

use super::error::{TableError, Trouble};
use super::execute::Rows;
use crate::hierarchy::Hierarchy;
use crate::plan::suggest;
use crate::search::{Counter, Recoding, Sensitive, Tuples};

/// Which columns of a table play which part.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// Quasi-identifiers, with their hierarchies.
    pub quasi_identifiers: Vec<(String, Arc<Hierarchy>)>,
    /// Sensitive attributes, with a hierarchy where one is known.
    pub sensitive: Vec<(String, Option<Arc<Hierarchy>>)>,
    /// Columns that are not released.
    pub dropped: Vec<String>,
}

/// A table, counted.
#[derive(Debug)]
pub struct Counted {
    /// Its distinct tuples.
    pub tuples: Tuples,
    /// Its sensitive attributes; codes follow their hierarchy, or else the order of values (numbers by size, words by letters).
    pub sensitive: Vec<Sensitive>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recoded {
    /// Records.
    pub rows: u64,
    /// Records whose quasi-identifiers are all `*`.
    pub suppressed_rows: u64,
    /// SHA-256 of the file.
    #[serde(with = "crate::merkle::hex_hash")]
    pub output_sha256: [u8; 32],
}

impl Recoded {
    /// The digest in hexadecimal digits.
    pub fn output_sha256_hex(&self) -> String {
        hex::encode(self.output_sha256)
    }
}

/// What a suppressed value is written as (ARX's convention).
pub(super) const SUPPRESSED: &str = "*";

/// The places of the columns of [`Roles`] in a table.
pub(super) struct Places {
    pub(super) quasi_identifiers: Vec<usize>,
    pub(super) sensitive: Vec<usize>,
    pub(super) dropped: Vec<usize>,
}

impl Roles {
    pub(super) fn places(&self, names: &[String]) -> Result<Places, TableError> {
        let find = |name: &String| {
            names.iter().position(|other| other == name).ok_or_else(|| {
                let help = suggest(name, names.iter().map(String::as_str));
                let help = help.map_or_else(String::new, |help| format!("; {help}"));
                TableError::new(Trouble::NoColumn { name: name.clone(), help })
            })
        };
        Ok(Places {
            quasi_identifiers: self
                .quasi_identifiers
                .iter()
                .map(|(name, _)| find(name))
                .collect::<Result<_, _>>()?,
            sensitive: self.sensitive.iter().map(|(name, _)| find(name)).collect::<Result<_, _>>()?,
            dropped: self.dropped.iter().map(find).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn domains(&self) -> Vec<usize> {
        self.quasi_identifiers.iter().map(|(_, hierarchy)| hierarchy.values()).collect()
    }
}

/// A block of records in codes.
pub(super) struct Encoded {
    /// As many codes a record as there are quasi-identifiers.
    codes: Vec<u32>,
    /// As many a record as there are sensitive attributes: codes of the hierarchy, or places in `values`.
    sensitive: Vec<u32>,
    /// The values that this block brought, for sensitive attributes without a hierarchy.
    values: Vec<Vec<String>>,
    rows: usize,
}

/// The codes of the quasi-identifiers of a block, record by record. `first_row` is the row of the first record in error messages.
pub(super) fn encode(
    roles: &Roles,
    places: &Places,
    rows: &impl Rows,
    first_row: u64,
) -> Result<Encoded, TableError> {
    let (q, s) = (places.quasi_identifiers.len(), places.sensitive.len());
    let n = rows.rows();
    let mut codes = vec![0; n * q];
    let mut failure: Option<(usize, TableError)> = None;
    let mut fail = |row: usize, column: usize, name: &str| {
        if failure.as_ref().is_none_or(|(first, _)| row < *first) {
            let error =
                TableError::at_cell(first_row + row as u64, column + 1, name, Trouble::NotInHierarchy);
            failure = Some((row, error));
        }
    };
    for (i, (column, (name, hierarchy))) in
        places.quasi_identifiers.iter().zip(&roles.quasi_identifiers).enumerate()
    {
        // Neighbouring records often agree.
        let mut last: Option<(&str, u32)> = None;
        for row in 0..n {
            let text = rows.text(row, *column);
            let code = match last {
                Some((known, code)) if known == text => code,
                _ => {
                    let Some(code) = hierarchy.code(text) else {
                        fail(row, *column, name);
                        break;
                    };
                    last = Some((text, code));
                    code
                }
            };
            codes[row * q + i] = code;
        }
    }
    let mut sensitive = vec![0; n * s];
    let mut values = vec![Vec::new(); s];
    for (i, (column, (name, hierarchy))) in places.sensitive.iter().zip(&roles.sensitive).enumerate() {
        let mut known: HashMap<&str, u32, FixedState> = HashMap::default();
        for row in 0..n {
            let text = rows.text(row, *column);
            let code = match hierarchy {
                Some(hierarchy) => hierarchy.code(text),
                None => Some(*known.entry(text).or_insert_with(|| {
                    values[i].push(text.to_owned());
                    values[i].len() as u32 - 1
                })),
            };
            let Some(code) = code else {
                fail(row, *column, name);
                break;
            };
            sensitive[row * s + i] = code;
        }
    }
    match failure {
        Some((_, error)) => Err(error),
        None => Ok(Encoded { codes, sensitive, values, rows: n }),
    }
}

impl Encoded {
    /// The codes of each record.
    pub(super) fn records(&self, attributes: usize) -> impl Iterator<Item = &[u32]> {
        self.codes.chunks_exact(attributes)
    }
}

/// Takes in blocks, in source order.
pub(super) struct Collector<'a> {
    roles: &'a Roles,
    counter: Counter,
    /// For each sensitive attribute without a hierarchy its values so far.
    values: Vec<HashMap<String, u32, FixedState>>,
    row: Vec<u32>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(roles: &'a Roles) -> Result<Collector<'a>, TableError> {
        let counter = Counter::new(&roles.domains(), roles.sensitive.len());
        let counter = counter.map_err(|error| TableError::new(Trouble::Search(Box::new(error))))?;
        Ok(Collector {
            roles,
            counter,
            values: vec![HashMap::default(); roles.sensitive.len()],
            row: Vec::new(),
        })
    }

    pub(super) fn absorb(&mut self, block: &Encoded) -> Result<(), TableError> {
        let (q, s) = (self.roles.quasi_identifiers.len(), self.roles.sensitive.len());
        let renumber = |(known, new): (&mut HashMap<String, u32, FixedState>, &Vec<String>)| -> Vec<u32> {
            let number = |value: &String| match known.get(value) {
                Some(code) => *code,
                None => {
                    let code = known.len() as u32;
                    known.insert(value.clone(), code);
                    code
                }
            };
            new.iter().map(number).collect()
        };
        let codes: Vec<Vec<u32>> = self.values.iter_mut().zip(&block.values).map(renumber).collect();
        for row in 0..block.rows {
            self.row.clear();
            for (i, codes) in codes.iter().enumerate() {
                let code = block.sensitive[row * s + i];
                let ranked = self.roles.sensitive[i].1.is_some();
                self.row.push(if ranked { code } else { codes[code as usize] });
            }
            self.counter
                .add(&block.codes[row * q..(row + 1) * q], &self.row)
                .map_err(|_| TableError::new(Trouble::TooManyRecords))?;
        }
        Ok(())
    }

    /// Takes in a block of the population.
    pub(super) fn absorb_population(&mut self, block: &Encoded) {
        for codes in block.records(self.roles.quasi_identifiers.len()) {
            self.counter.add_population(codes);
        }
    }

    pub(super) fn finish(self) -> Counted {
        let mut tuples = self.counter.finish();
        let mut sensitive = Vec::new();
        for (i, ((name, hierarchy), known)) in self.roles.sensitive.iter().zip(self.values).enumerate() {
            let values = match hierarchy {
                Some(hierarchy) => hierarchy.values(),
                None => {
                    let order = ranks(known);
                    tuples.renumber_sensitive(i, &order);
                    order.len()
                }
            };
            sensitive.push(Sensitive { name: name.clone(), values, hierarchy: hierarchy.clone() });
        }
        Counted { tuples, sensitive }
    }
}

/// From a value's number to its rank: numbers by size if all values are numbers, else words by letters.
pub(super) fn ranks(values: HashMap<String, u32, FixedState>) -> Vec<u32> {
    let mut values: Vec<(String, u32)> = values.into_iter().collect();
    let numbers: Option<Vec<f64>> =
        values.iter().map(|(value, _)| value.parse().ok().filter(|n: &f64| n.is_finite())).collect();
    match numbers {
        Some(numbers) => {
            let mut keyed: Vec<(f64, (String, u32))> = numbers.into_iter().zip(values).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            values = keyed.into_iter().map(|(_, value)| value).collect();
        }
        None => values.sort(),
    }
    let mut ranks = vec![0; values.len()];
    for (rank, (_, number)) in (0..).zip(&values) {
        ranks[*number as usize] = rank;
    }
    ranks
}

/// What a record's quasi-identifiers become.
pub(super) fn labels<'a>(recoding: &'a Recoding, codes: &'a [u32]) -> Option<impl Iterator<Item = &'a str>> {
    let levels = recoding.levels(codes)?;
    let label = |(attribute, (code, level)): (usize, (&u32, &u8))| recoding.label(attribute, *level, *code);
    Some(codes.iter().zip(levels).enumerate().map(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ranked_by_size_and_words_by_letters() {
        let ranks_of = |values: &[&str]| {
            ranks(values.iter().zip(0..).map(|(value, number)| ((*value).to_owned(), number)).collect())
        };
        assert_eq!(ranks_of(&["10", "9", "-1"]), [2, 1, 0]);
        assert_eq!(ranks_of(&["10", "9", "low"]), [0, 1, 2]);
    }
}
