//! UCI Adult as ARX ships it (30162 records, nine columns, with hierarchies).
//!
//! The data are read from `../shared/data/tabular/adult` beside the repository, or from `$MEDVEIL_SHARED/data/tabular/adult`; a test without them says so and passes.

use std::path::{Path, PathBuf};

/// Where the data are.
pub fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("MEDVEIL_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("data/tabular/adult");
    if folder.join("adult.csv").is_file() {
        return Some(folder);
    }
    println!("skipped: {} has no adult.csv", folder.display());
    None
}

/// The lines of a file as cells.
pub fn lines(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| line.split(';').map(str::to_owned).collect()).collect()
}
