//! Tables: CSV and Parquet in, the same format out.
//!
//! [`Binding`] decides for every column what the plan does with it; the executors stream records through that decision on all cores,
//! and hash what comes in and what goes out, so that a receipt can bind both.

mod bind;
mod columns;
pub mod csv;
mod csv_run;
mod dialect;
mod distinct;
mod error;
mod execute;
mod generalise;
mod job;
mod linkage;
mod marks;
mod parquet_file;
mod parquet_part;
pub mod parquet_record;
mod parquet_run;
mod parquet_text;
mod recode;
mod recode_csv;
mod recode_parquet;
mod survey;

pub use bind::{Binding, BoundColumn, Fate};
pub use columns::{columns_csv, columns_parquet};
pub use csv_run::{
    FileKeys, assess as assess_csv, count_in as count_in_csv, deidentify as deidentify_csv, hash as hash_csv,
    kinds as kinds_csv, scan as scan_csv, search as search_csv,
};
pub use dialect::{Dialect, Encoding, Hints};
pub use distinct::{Distinct, distinct_csv, distinct_parquet};
pub use error::{Place, TableError, Trouble};
pub use generalise::Generalisation;
pub use job::{Counts, Job, Protection, Side, TableOutcome};
pub use linkage::{
    PatientColumns, Persons, SubjectColumn, Tie, fingerprint_in, patients_csv, patients_parquet,
};
pub use parquet_part::{ParquetRecords, write_records};
pub use parquet_run::{
    count_in as count_in_parquet, deidentify as deidentify_parquet, hash as hash_parquet,
    kinds as kinds_parquet, measure as assess_parquet, scan as scan_parquet, search as search_parquet,
};
pub use recode::{Counted, Recoded, Roles};
pub use recode_csv::{count as count_csv, recode as recode_csv};
pub use recode_parquet::{count as count_parquet, recode as recode_parquet};
