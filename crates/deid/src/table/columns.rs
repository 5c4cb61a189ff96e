//! Columns of a table in memory, for analyses that need records side by side: every n-th record of them.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use foldhash::fast::FixedState;

use super::csv::{Block, RawBlock};
use super::csv_run::open;
use super::error::TableError;
use super::execute::Rows;
use super::job::Job;
use super::parquet_file::Source;
use super::parquet_run::{BatchText, next, width};
use crate::pipeline;
use crate::utility::Column;

/// Every `stride`-th record of the columns of a CSV file that `wanted` names.
///
/// # Errors
/// The first fault in source order, with its place.
pub fn columns_csv(
    input: impl Read + Send,
    wanted: &dyn Fn(&str) -> bool,
    stride: u64,
    job: &Job<'_>,
) -> Result<Vec<(String, Column)>, TableError> {
    let mut opened = open(input, job)?;
    let (dialect, columns) = (opened.dialect, opened.names.len());
    let header_rows = u64::from(dialect.header);
    let mut growing = Growing::new(&opened.names, wanted);
    let numbers = growing.numbers.clone();
    pipeline::run(
        job.width(),
        || opened.next_block(job),
        |raw: RawBlock| {
            let size = raw.bytes.len() as u64;
            let block = Block::parse(&raw, &dialect, Some(columns))?;
            Ok((sampled(&block, block.first_record - header_rows, &numbers, stride), size))
        },
        |(part, size)| {
            growing.absorb(part);
            (job.progress)(size);
            Ok(())
        },
    )?;
    Ok(growing.finish(&opened.names))
}

/// Every `stride`-th record of the columns of a Parquet file that `wanted` names.
///
/// # Errors
/// The first fault in source order, with its place.
pub fn columns_parquet(
    file: File,
    wanted: &dyn Fn(&str) -> bool,
    stride: u64,
    job: &Job<'_>,
) -> Result<Vec<(String, Column)>, TableError> {
    let source = Source::open(file)?;
    let names = source.names()?;
    let mut growing = Growing::new(&names, wanted);
    let numbers = growing.numbers.clone();
    let cut = source.cut(0);
    let mut batches = source.batches(cut.batch_rows)?;
    pipeline::run(
        width(job, cut),
        || next(&mut batches, job),
        |batch| {
            let text = BatchText::of_readable(&batch, job.max_record)?;
            Ok((sampled(&text, batch.first, &numbers, stride), batch.bytes))
        },
        |(part, bytes)| {
            growing.absorb(part);
            (job.progress)(bytes);
            Ok(())
        },
    )?;
    Ok(growing.finish(&names))
}

/// The values of the sampled records of a block, column by column.
fn sampled(rows: &impl Rows, first: u64, columns: &[usize], stride: u64) -> Vec<Vec<String>> {
    let chosen = (0..rows.rows()).filter(|row| (first + *row as u64).is_multiple_of(stride.max(1)));
    let of_column = |column: &usize| chosen.clone().map(|row| rows.text(row, *column).to_owned()).collect();
    columns.iter().map(of_column).collect()
}

/// Columns that grow block by block.
struct Growing {
    numbers: Vec<usize>,
    known: Vec<HashMap<String, u32, FixedState>>,
    codes: Vec<Vec<u32>>,
}

impl Growing {
    fn new(names: &[String], wanted: &dyn Fn(&str) -> bool) -> Growing {
        let numbers: Vec<usize> = (0..names.len()).filter(|column| wanted(&names[*column])).collect();
        let (known, codes) = (vec![HashMap::default(); numbers.len()], vec![Vec::new(); numbers.len()]);
        Growing { numbers, known, codes }
    }

    fn absorb(&mut self, part: Vec<Vec<String>>) {
        for ((known, codes), values) in self.known.iter_mut().zip(&mut self.codes).zip(part) {
            for value in values {
                let next = known.len() as u32;
                codes.push(*known.entry(value).or_insert(next));
            }
        }
    }

    fn finish(self, names: &[String]) -> Vec<(String, Column)> {
        let mut columns = Vec::with_capacity(self.numbers.len());
        for ((number, known), codes) in self.numbers.into_iter().zip(self.known).zip(self.codes) {
            let mut labels = vec![String::new(); known.len()];
            known.into_iter().for_each(|(label, code)| labels[code as usize] = label);
            columns.push((names[number].clone(), Column { codes, labels }));
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Hints;

    #[test]
    fn every_nth_record_is_taken_whatever_the_blocks() {
        let text: String = std::iter::once("a,b,c\n".to_owned())
            .chain((0..50_000).map(|i| format!("{i},{},x\n", i % 7)))
            .collect();
        let cancelled = Default::default();
        for (threads, memory) in [(1, 1 << 20), (4, 64 << 20)] {
            let job = Job {
                threads: std::num::NonZeroUsize::new(threads).unwrap(),
                memory,
                max_record: 1 << 20,
                hints: Hints::default(),
                cancelled: &cancelled,
                progress: &|_| (),
            };
            let columns = columns_csv(text.as_bytes(), &|name| name != "c", 1000, &job).unwrap();
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["a", "b"]);
            let expected: Vec<String> = (0..50).map(|i| (i * 1000).to_string()).collect();
            let column = &columns[0].1;
            let values: Vec<&String> =
                column.codes.iter().map(|code| &column.labels[*code as usize]).collect();
            assert_eq!(values, expected.iter().collect::<Vec<_>>());
        }
    }
}
