//! The section `[releases]` of `node.toml`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use medveil_ledger::Slug;
use medveil_ledger::state::dataset::{HashSuite, Level};
use medveil_vault::store::{Address, AddressError, Buckets};
use serde::Deserialize;

/// What an operator decides for the custodian. Relative paths are taken from the member's folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Where it keeps what is private: copies of registered versions, releases, the file that ties handles to patients.
    pub folder: PathBuf,
    /// Plans: `*.toml` and `*.json`. A contract names one by its digest; the built-in ones need no file.
    pub plans: PathBuf,
    /// Threads that a run uses.
    pub threads: NonZeroUsize,
    /// Memory for data in flight of a run, in MiB.
    pub memory_mib: NonZeroUsize,
    /// The datasets.
    #[serde(rename = "dataset")]
    pub datasets: Vec<DatasetSettings>,
    /// How the buckets are reached that datasets are in.
    #[serde(skip)]
    pub buckets: Buckets,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            folder: "data/custodian".into(),
            plans: "plans".into(),
            threads: NonZeroUsize::MIN,
            memory_mib: NonZeroUsize::new(256).expect("256 is not 0"),
            datasets: Vec::new(),
            buckets: Buckets::default(),
        }
    }
}

/// A dataset of the organisation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatasetSettings {
    /// What it is called on the ledger.
    pub label: Slug,
    /// Where its files are: CSV, Parquet, FHIR NDJSON and FHIR JSON.
    pub path: Place,
    /// The key file (`medveil key new`) of leaves and releases.
    pub key: PathBuf,
    /// The column of tables that tells the patient. In FHIR it is the id of the `Patient`, or the subject's.
    pub patient: String,
    /// How sensitive it is, 1 to 5; by default 4 with direct identifiers and 3 without.
    #[serde(default)]
    pub level: Option<Level>,
    /// The hash functions of leaves and tree.
    #[serde(default = "international")]
    pub hashes: HashSuite,
    /// Whether additions become versions of their own accord.
    #[serde(default = "yes")]
    pub watch: bool,
}

/// Where a source is: a folder or a file of this machine, or what lies in a bucket below a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Place {
    /// A folder, or a file.
    Folder(PathBuf),
    /// `s3://BUCKET/PREFIX`.
    Bucket(Address),
}

impl TryFrom<String> for Place {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        match text.starts_with(Address::SCHEME) {
            true => text.parse().map(Place::Bucket),
            false => Ok(Place::Folder(text.into())),
        }
    }
}

fn international() -> HashSuite {
    HashSuite::International
}

fn yes() -> bool {
    true
}

impl Settings {
    /// The settings with paths that are taken from `home`.
    #[must_use]
    pub fn within(mut self, home: &Path) -> Self {
        self.folder = home.join(&self.folder);
        self.plans = home.join(&self.plans);
        for dataset in &mut self.datasets {
            if let Place::Folder(path) = &mut dataset.path {
                *path = home.join(&path);
            }
            dataset.key = home.join(&dataset.key);
        }
        self
    }
}
