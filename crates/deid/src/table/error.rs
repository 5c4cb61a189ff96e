//! What can be wrong with a table, and where. No error carries a value.

use std::fmt;

use crate::action::{ParameterError, Refusal};
use crate::hierarchy::BuildError;
use crate::search::ProblemError;

/// A fault and its place.
#[derive(Debug)]
pub struct TableError {
    /// Where.
    pub place: Place,
    /// What.
    pub trouble: Trouble,
}

/// A place in a table, as a spreadsheet shows it: the header of a CSV file is row 1. Parquet has no header row: row 1 is record 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The row, from 1; records are counted, not lines.
    pub row: Option<u64>,
    /// The column's number from 1, and its name where it is known.
    pub column: Option<(usize, String)>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Reading failed.
    #[error("cannot read: {0}")]
    Read(std::io::Error),
    /// Writing failed.
    #[error("cannot write: {0}")]
    Write(std::io::Error),
    /// The run was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// No record at all.
    #[error("the file is empty")]
    Empty,
    /// A zero byte in what should be text.
    #[error("not a text file: byte {offset} is zero")]
    Binary {
        /// From 0.
        offset: u64,
    },
    /// UTF-16, which cannot be streamed byte-identically.
    #[error("the file is UTF-16; save it as UTF-8 (in Excel: \"CSV UTF-8\")")]
    Utf16,
    /// Neither encoding fits.
    #[error("neither UTF-8 nor GB 18030: byte {offset} fits neither encoding")]
    UnknownEncoding {
        /// From 0.
        offset: u64,
    },
    /// A byte that the encoding does not have.
    #[error(
        "not valid {encoding}: byte {offset} of the file; if the file mixes encodings, convert it first, or say `--encoding`"
    )]
    BadEncoding {
        /// The encoding in use.
        encoding: &'static str,
        /// From 0.
        offset: u64,
    },
    /// Lines end in CR alone.
    #[error("lines end in carriage return only (an old Mac format); convert them to LF or CRLF")]
    CarriageReturns,
    /// A record with too few or too many fields.
    #[error("{found} fields where the header has {expected}")]
    Ragged {
        /// Fields of this record.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A quote that is never closed.
    #[error("a quoted field is opened here or later and never closed")]
    OpenQuote,
    /// Text after a closing quote.
    #[error("text after the closing quote of a field")]
    AfterQuote,
    /// A record longer than the limit.
    #[error("a record longer than {limit} bytes; raise `--max-record` if it is meant")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A column without a name.
    #[error("the column has no name")]
    Nameless,
    /// Two columns of one name.
    #[error("the column has the name of column {first}")]
    Duplicate {
        /// The first column of that name, from 1.
        first: usize,
    },
    /// The header looks like data.
    #[error("the first row looks like data, not like column names; say `--no-header` if it is data")]
    NoHeader,
    /// A Parquet file that the library refuses.
    #[error("not a readable Parquet file: {0}")]
    Parquet(String),
    /// A column type that no action reads.
    #[error("columns of type {0} are not supported; flatten the column first")]
    Type(String),
    /// A transformed value that its column type cannot hold.
    #[error("the transformed value does not fit the column's type {0}")]
    Fit(String),
    /// The plan names a column that is not there.
    #[error("no column is called `{name}`{help}")]
    NoColumn {
        /// The name in the plan.
        name: String,
        /// A suggestion, or nothing.
        help: String,
    },
    /// An action needs the patient and no column tells.
    #[error(
        "action `{action}` needs to know the patient; name the patient's column in the plan: subject = \"...\""
    )]
    NoSubject {
        /// The action.
        action: &'static str,
    },
    /// An action cannot be used here.
    #[error("action `{action}`: {error}")]
    Action {
        /// The action.
        action: &'static str,
        /// Why.
        error: ParameterError,
    },
    /// A value that the action cannot read.
    #[error(
        "{refusal} (action `{action}`); to remove such values instead, set invalid = \"redact\" in the plan"
    )]
    Value {
        /// The action.
        action: &'static str,
        /// Why.
        refusal: Refusal,
    },
    /// A value that cannot be generalised.
    #[error("the hierarchy of this column does not have the value")]
    NotInHierarchy,
    /// A column that is named for two parts.
    #[error("`{name}` cannot be both {} and {}", parts.0, parts.1)]
    TwoParts {
        /// The column.
        name: String,
        /// The parts.
        parts: Box<(&'static str, &'static str)>,
    },
    /// A weight for a column that is no quasi-identifier.
    #[error("a weight is given for `{name}`, which is not named as a quasi-identifier")]
    NotQuasiIdentifier {
        /// The column.
        name: String,
    },
    /// A direct identifier that nobody decided on.
    #[error(
        "`{name}` looks like a direct identifier ({kind}) and is not named; leave it out with `--drop`, or release it as it is with `--keep`"
    )]
    UnnamedIdentifier {
        /// The column.
        name: String,
        /// What it looks like.
        kind: Box<str>,
    },
    /// A column with too many values to draft a hierarchy for.
    #[error("more than {limit} distinct values; give the column a hierarchy file, or generalise it first")]
    TooManyValues {
        /// The limit.
        limit: usize,
    },
    /// The columns do not make a search.
    #[error("{0}")]
    Search(Box<ProblemError>),
    /// A hierarchy cannot be made for a column.
    #[error("{0}")]
    Hierarchy(Box<BuildError>),
    /// A column with too many values to be generalised.
    #[error(
        "the column has more than {limit} different values and is a quasi-identifier or sensitive: coarsen it by a rule, leave it out, or say search = false under [privacy]"
    )]
    TooFine {
        /// The most that are possible.
        limit: usize,
    },
    /// More patients than are followed.
    #[error(
        "more than {limit} patients are not followed over tables or releases; release the table in parts, or leave its quasi-identifiers out"
    )]
    TooManyPatients {
        /// The most that are possible.
        limit: usize,
    },
    /// The second pass meets what the first has not seen.
    #[error("the file was changed while it was read; run again")]
    Changed,
    /// More records than are counted.
    #[error("the table has more records than can be counted: at most {}", u32::MAX)]
    TooManyRecords,
    /// No column is released.
    #[error("the plan releases no column of this table")]
    NothingReleased,
}

impl TableError {
    /// A fault of a whole file.
    pub fn new(trouble: Trouble) -> Self {
        TableError { place: Place::default(), trouble }
    }

    /// A fault of a row.
    pub fn at_row(row: u64, trouble: Trouble) -> Self {
        TableError { place: Place { row: Some(row), column: None }, trouble }
    }

    /// A fault of a column.
    pub fn at_column(number: usize, name: &str, trouble: Trouble) -> Self {
        TableError { place: Place { row: None, column: Some((number, name.to_owned())) }, trouble }
    }

    /// A fault of a cell.
    pub fn at_cell(row: u64, number: usize, name: &str, trouble: Trouble) -> Self {
        TableError { place: Place { row: Some(row), column: Some((number, name.to_owned())) }, trouble }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.place.row {
            write!(f, "row {row}")?;
        }
        if let Some((number, name)) = &self.place.column {
            let comma = if self.place.row.is_some() { ", " } else { "" };
            write!(f, "{comma}column {number}")?;
            if !name.is_empty() {
                write!(f, " `{}`", name.escape_debug())?;
            }
        }
        if self.place != Place::default() {
            f.write_str(": ")?;
        }
        write!(f, "{}", self.trouble)
    }
}

impl std::error::Error for TableError {}

impl From<std::io::Error> for TableError {
    fn from(error: std::io::Error) -> Self {
        TableError::new(Trouble::Read(error))
    }
}
