//! Tables: CSV and Parquet in, the same format out.
//!
//! [`Binding`] decides for every column what the plan does with it; the executors stream records through that decision on all cores,
//! and hash what comes in and what goes out, so that a receipt can bind both.

mod bind;
pub mod csv;
mod csv_run;
mod dialect;
mod error;
mod execute;
mod job;
mod marks;
mod parquet_file;
mod parquet_record;
mod parquet_run;
mod parquet_text;

pub use bind::{Binding, BoundColumn, Fate};
pub use csv_run::{
    FileKeys, assess as assess_csv, deidentify as deidentify_csv, hash as hash_csv, scan as scan_csv,
};
pub use dialect::{Dialect, Encoding, Hints};
pub use error::{Place, TableError, Trouble};
pub use job::{Counts, Job, Side, TableOutcome};
pub use parquet_run::{
    deidentify as deidentify_parquet, hash as hash_parquet, measure as assess_parquet, scan as scan_parquet,
};
