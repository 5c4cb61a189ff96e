//! Larger tables after UCI Adult, for the figures of `medveil anonymize` in docs/benchmarks.md.
//!
//! ```sh
//! cargo run --release -p medveil-conformance --example adult_redrawn -- ../shared/data/tabular/adult redrawn.csv
//! cargo run --release -p medveil-conformance --example adult_redrawn -- ../shared/data/tabular/adult ten.parquet 10000000 0.1
//! ```
//!
//! The records of Adult come again and again; in each, with a probability (the last argument, 1 unless given), age, occupation, education and country are drawn anew,
//! evenly from the values of their hierarchies. Without a number of records there are 12 for each of Adult, some 350,000 of them distinct. The same arguments give the same file.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for developers, which stops where something is wrong"
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

const REDRAWN: [&str; 4] = ["age", "occupation", "education", "native-country"];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let adult = PathBuf::from(arguments.next().expect("the folder of Adult and its hierarchies"));
    let out = PathBuf::from(arguments.next().expect("the file to write, CSV or Parquet by its name"));
    let records: Option<usize> = arguments.next().map(|count| count.parse().unwrap());
    let share: f64 = arguments.next().map_or(1.0, |share| share.parse().unwrap());
    let table = Table::read(&adult);
    let records = records.unwrap_or(12 * table.rows.len());
    if out.extension().is_some_and(|extension| extension == "parquet") {
        table.write_parquet(&out, records, share);
    } else {
        table.write_csv(&out, records, share);
    }
    println!("{records} records in {}", out.display());
}

struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    /// By column: the values to draw from; none where the column stays.
    values: Vec<Option<Vec<String>>>,
}

impl Table {
    fn read(folder: &Path) -> Table {
        let text = std::fs::read_to_string(folder.join("adult.csv")).unwrap();
        let row = |line: &str| line.split(';').map(str::to_owned).collect::<Vec<_>>();
        let mut lines = text.lines();
        let names = row(lines.next().unwrap());
        let values = names.iter().map(|name| {
            REDRAWN.contains(&name.as_str()).then(|| {
                let file = folder.join(format!("adult_hierarchy_{name}.csv"));
                let text = std::fs::read_to_string(file).unwrap();
                text.lines().map(|line| line.split(';').next().unwrap().to_owned()).collect()
            })
        });
        Table { values: values.collect(), rows: lines.map(row).collect(), names }
    }

    /// Shows each record.
    fn each(&self, records: usize, share: f64, mut show: impl FnMut(&[&str])) {
        let mut dice = Dice(0x6d65_6476_6569_6c31);
        for record in 0..records {
            let row = &self.rows[record % self.rows.len()];
            let anew = (dice.next() as f64) < share * u64::MAX as f64;
            let cells = row.iter().zip(&self.values).map(|(cell, values)| match values {
                Some(values) if anew => &*values[(dice.next() % values.len() as u64) as usize],
                _ => &**cell,
            });
            show(&cells.collect::<Vec<_>>());
        }
    }

    fn write_csv(&self, out: &Path, records: usize, share: f64) {
        let mut file = BufWriter::new(File::create(out).unwrap());
        writeln!(file, "{}", self.names.join(";")).unwrap();
        self.each(records, share, |cells| writeln!(file, "{}", cells.join(";")).unwrap());
        file.flush().unwrap();
    }

    fn write_parquet(&self, out: &Path, records: usize, share: f64) {
        let fields: Vec<Field> =
            self.names.iter().map(|name| Field::new(name, DataType::Utf8, false)).collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = File::create(out).unwrap();
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).unwrap();
        let mut columns: Vec<Vec<String>> = vec![Vec::new(); self.names.len()];
        let mut write = |columns: &mut Vec<Vec<String>>| {
            let arrays = columns
                .iter_mut()
                .map(|column| Arc::new(StringArray::from_iter_values(column.drain(..))) as ArrayRef);
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).unwrap()).unwrap();
        };
        self.each(records, share, |cells| {
            columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push((*cell).to_owned()));
            if columns[0].len() == 1 << 16 {
                write(&mut columns);
            }
        });
        write(&mut columns);
        writer.close().unwrap();
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
