//! The section `[releases]` of `node.toml`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use medveil_ledger::Slug;
use medveil_ledger::state::dataset::{HashSuite, Level};
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
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            folder: "data/custodian".into(),
            plans: "plans".into(),
            threads: NonZeroUsize::MIN,
            memory_mib: NonZeroUsize::new(256).expect("256 is not 0"),
            datasets: Vec::new(),
        }
    }
}

/// A dataset of the organisation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatasetSettings {
    /// What it is called on the ledger.
    pub label: Slug,
    /// A folder, or a file, of CSV and FHIR NDJSON.
    pub path: PathBuf,
    /// The key file (`medveil key new`) of leaves and releases.
    pub key: PathBuf,
    /// The column of CSV that tells the patient. In FHIR it is the id of the `Patient`, or the subject's.
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
            dataset.path = home.join(&dataset.path);
            dataset.key = home.join(&dataset.key);
        }
        self
    }
}
