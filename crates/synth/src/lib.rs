//! A synthetic Chinese hospital: patients who do not exist, as plausible as those who do.
//!
//! Names suit sex and generation, resident ids obey GB 11643 and agree with birth date, sex and county, addresses go
//! down to the door, diseases follow age, sex and each other, laboratory values follow the diseases, drugs follow both, and
//! physicians write notes that name people. The same record says the same as a CSV row and as a FHIR resource.
//!
//! **Deterministic.** A patient is a function of the seed and its index: the first ten of a hundred patients are the ten
//! of ten, whatever the formats and the number of threads, on any machine (no floating point, no clock, no
//! hash order). The world ends on [`TODAY`], so the calendar of the machine changes nothing.
//!
//! **Not a model of disease.** Frequencies and correlations have the right direction and order of size; they
//! are set by hand and no study should be drawn from them. Since no record of a real person went in, none can come
//! out; a made-up resident id may still be somebody's real one by chance.
//!
//! ```
//! use medveil_synth::Hospital;
//!
//! let hospital = Hospital::new(2026);
//! let patient = hospital.patient(0);
//! assert_eq!(patient.id(), "P00000001");
//! assert_eq!(hospital.patient(0).resident_id(), patient.resident_id());
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

mod analyte;
pub mod csv;
mod date;
mod dice;
mod disease;
mod drug;
pub mod fhir;
mod hospital;
mod id;
mod labs;
mod name;
mod note;
mod parallel;
mod patient;
mod person;
mod place;
mod prescribe;
mod put;
mod stream;
pub mod tumours;
mod visit;
mod words;

pub use analyte::Analyte;
pub use date::{Date, OPENED, TODAY};
pub use disease::{Disease, Kind};
pub use drug::{Drug, Unit};
pub use hospital::{Hospital, UNIQUE_PATIENTS};
pub use name::Name;
pub use patient::{Contact, Diagnosis, Flag, Marital, Measurement, Patient, Prescription, Social, Visit};
pub use place::{Address, Place};

/// A format that the hospital can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Five tables: [`csv`].
    Csv,
    /// FHIR R4 resources: [`fhir`].
    Fhir,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Csv, Self::Fhir];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Fhir => "fhir",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| UnknownFormat { name: text.to_owned(), planned: PLANNED.contains(&text) })
    }
}

/// Formats that are known by name and not written yet.
const PLANNED: [&str; 3] = ["hl7v2", "dicom", "notes"];

/// A name that is no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} `{name}` (formats: csv, fhir)", if *.planned { "this version does not write" } else { "unknown format" })]
pub struct UnknownFormat {
    /// The name.
    pub name: String,
    /// Whether a later version will have it.
    pub planned: bool,
}

/// A file or folder that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {source}", path.display())]
pub struct Error {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl Error {
    fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

/// Patients that a thread makes before it hands them over.
const RUN: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_name() {
        assert_eq!("csv".parse(), Ok(Format::Csv));
        assert_eq!("fhir".parse(), Ok(Format::Fhir));
        let refusal = |text: &str| text.parse::<Format>().unwrap_err().to_string();
        assert_eq!(refusal("dicom"), "this version does not write `dicom` (formats: csv, fhir)");
        assert_eq!(refusal("xml"), "unknown format `xml` (formats: csv, fhir)");
    }
}
