//! The distinct values of columns, as far as they fit a limit.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::FixedState;

use super::csv::Block;
use super::csv_run::open;
use super::error::TableError;
use super::execute::Rows;
use super::job::Job;
use super::parquet_file::Source;
use super::parquet_run::{BatchText, next, width};
use crate::pipeline;

/// The distinct values of one column.
#[derive(Clone, PartialEq, Eq)]
pub struct Distinct {
    /// The column's number, from 1.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// Its values in the order of their bytes, the empty one included; `None` where there are more than the limit.
    pub values: Option<Vec<String>>,
}

/// Counts only: values may be patient data.
impl fmt::Debug for Distinct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values.as_ref().map(Vec::len);
        write!(f, "Distinct {{ number: {}, name: {:?}, values: {values:?} }}", self.number, self.name)
    }
}

/// The distinct values of the columns of a CSV file that `wanted` names, at most `limit` a column.
///
/// # Errors
/// The first fault in source order, with its place.
pub fn distinct_csv(
    input: impl Read + Send,
    wanted: &dyn Fn(&str) -> bool,
    limit: usize,
    job: &Job<'_>,
) -> Result<Vec<Distinct>, TableError> {
    let mut opened = open(input, job)?;
    let dialect = opened.dialect;
    let columns = opened.names.len();
    let mut sets = Sets::new(&opened.names, wanted, limit);
    let wanted = sets.numbers.clone();
    let full = sets.full.clone();
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw| {
            let size = raw.bytes.len() as u64;
            let block = Block::parse(&raw, &dialect, Some(columns))?;
            Ok((of_block(&block, &wanted, &full), size))
        },
        |(part, size)| {
            sets.absorb(part);
            (job.progress)(size);
            Ok(())
        },
    )?;
    Ok(sets.finish(&opened.names))
}

/// The distinct values of the columns of a Parquet file that `wanted` names, at most `limit` a column.
///
/// # Errors
/// The first fault in source order, with its place.
pub fn distinct_parquet(
    file: File,
    wanted: &dyn Fn(&str) -> bool,
    limit: usize,
    job: &Job<'_>,
) -> Result<Vec<Distinct>, TableError> {
    let source = Source::open(file)?;
    let names = source.names()?;
    let mut sets = Sets::new(&names, wanted, limit);
    let wanted = sets.numbers.clone();
    let full = sets.full.clone();
    let cut = source.cut(0);
    let mut batches = source.batches(cut.batch_rows)?;
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| {
            let text = BatchText::of_readable(&batch, job.max_record)?;
            Ok((of_block(&text, &wanted, &full), batch.bytes))
        },
        |(part, bytes)| {
            sets.absorb(part);
            (job.progress)(bytes);
            Ok(())
        },
    )?;
    Ok(sets.finish(&names))
}

/// The distinct values of a block, for each wanted column.
fn of_block(rows: &impl Rows, wanted: &[usize], full: &[AtomicBool]) -> Vec<Vec<Box<str>>> {
    let of_column = |column: usize| {
        let mut seen: HashSet<&str, FixedState> = HashSet::default();
        seen.extend((0..rows.rows()).map(|row| rows.text(row, column)));
        seen.into_iter().map(Box::from).collect()
    };
    // Whether a column is given up already changes the work, never the outcome.
    let wanted = wanted.iter().zip(full);
    wanted
        .map(|(column, full)| if full.load(Ordering::Relaxed) { Vec::new() } else { of_column(*column) })
        .collect()
}

struct Sets {
    limit: usize,
    numbers: Vec<usize>,
    values: Vec<HashSet<Box<str>, FixedState>>,
    full: std::sync::Arc<[AtomicBool]>,
}

impl Sets {
    fn new(names: &[String], wanted: &dyn Fn(&str) -> bool, limit: usize) -> Self {
        let numbers: Vec<usize> = (0..names.len()).filter(|number| wanted(&names[*number])).collect();
        Sets {
            limit,
            values: numbers.iter().map(|_| HashSet::default()).collect(),
            full: numbers.iter().map(|_| AtomicBool::new(false)).collect(),
            numbers,
        }
    }

    fn absorb(&mut self, part: Vec<Vec<Box<str>>>) {
        for ((values, new), full) in self.values.iter_mut().zip(part).zip(self.full.iter()) {
            if full.load(Ordering::Relaxed) {
                continue;
            }
            values.extend(new);
            if values.len() > self.limit {
                *values = HashSet::default();
                full.store(true, Ordering::Relaxed);
            }
        }
    }

    fn finish(self, names: &[String]) -> Vec<Distinct> {
        let columns = self.numbers.into_iter().zip(self.values).zip(self.full.iter());
        columns
            .map(|((number, values), full)| {
                let mut values: Vec<String> = values.into_iter().map(String::from).collect();
                values.sort_unstable();
                let values = (!full.load(Ordering::Relaxed)).then_some(values);
                Distinct { number: number + 1, name: names[number].clone(), values }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::Hints;
    use super::*;

    fn distinct(text: &str, limit: usize, threads: usize) -> Vec<Distinct> {
        let cancelled = AtomicBool::new(false);
        let job = Job {
            threads: NonZeroUsize::new(threads).unwrap(),
            memory: 1 << 20,
            max_record: 1 << 20,
            hints: Hints::default(),
            cancelled: &cancelled,
            progress: &|_| {},
        };
        distinct_csv(text.as_bytes(), &|name| name != "skip", limit, &job).unwrap()
    }

    #[test]
    fn each_value_is_given_once_in_order_and_missing_ones_too() {
        let found = distinct("a,skip,b\n2,x,\n1,y,\"q\"\"\"\n2,z,é\n", 9, 1);
        assert_eq!(found[0].values.as_deref().unwrap(), ["1", "2"]);
        assert_eq!((found[1].number, found[1].name.as_str()), (3, "b"));
        assert_eq!(found[1].values.as_deref().unwrap(), ["", "q\"", "é"]);
    }

    #[test]
    fn a_column_beyond_the_limit_is_given_up_and_the_others_are_not() {
        let mut text = String::from("id,sex\n");
        (0..60_000).for_each(|n| text.push_str(&format!("{n},{}\n", n % 2)));
        for threads in [1, 3] {
            let found = distinct(&text, 59_999, threads);
            assert_eq!(found[0].values, None);
            assert_eq!(found[1].values.as_deref().unwrap(), ["0", "1"]);
            assert_eq!(distinct(&text, 60_000, threads)[0].values.as_ref().map(Vec::len), Some(60_000));
        }
        assert!(!format!("{:?}", distinct("a,b\nsecret,x\n", 5, 1)).contains("secret"));
    }
}
