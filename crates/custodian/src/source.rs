//! A registered version of a dataset: its files by their records, and the trees over them.

use std::path::{Path, PathBuf};

use medveil_clinical::dataset::{Source, discover};
use medveil_deid::merkle::{Checkpoints, Hash, Tree};
use medveil_deid::receipt::files_root;
use medveil_deid::study::{Prf, Suite};
use medveil_deid::table::Side;

use crate::layout::{Layout, SchemaFile};
use crate::reason::Reason;
use crate::records::Records;

/// A version of a dataset.
pub(crate) struct Dataset {
    /// Its files, by their paths.
    pub(crate) files: Vec<Records>,
    pub(crate) schema: Vec<SchemaFile>,
}

impl Dataset {
    /// Reads the copy of a version.
    pub(crate) fn read(folder: &Path, schema: &str) -> Result<Self, Reason> {
        Self::read_some(folder, schema, |_| true)
    }

    /// Reads the files of a layout.
    pub(crate) fn read_some(
        folder: &Path,
        schema: &str,
        wanted: impl Fn(Layout) -> bool,
    ) -> Result<Self, Reason> {
        let damaged = || Reason::Source { fault: "the schema of the registered version is damaged".into() };
        let mut schema = SchemaFile::parse(schema).ok_or_else(damaged)?;
        if schema.iter().any(|file| file.layout().is_none()) {
            return Err(damaged());
        }
        schema.retain(|file| file.layout().is_some_and(&wanted));
        let read = |file: &SchemaFile| {
            let layout = file.layout().ok_or_else(damaged)?;
            Records::read(&folder.join(&file.path), &file.path, layout)
        };
        let files = schema.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Dataset { files, schema })
    }

    /// The trees of the files, and the root over them.
    pub(crate) fn trees(&self, suite: Suite, key: impl Fn(&str) -> Prf) -> Result<(Vec<Tree>, Hash), Reason> {
        let trees = self.files.iter().map(|file| file.tree(suite, &key(&file.name)));
        let trees: Vec<Tree> = trees.collect::<Result<_, _>>()?;
        let root = root(
            suite,
            self.files.iter().zip(&trees).map(|(file, tree)| (file.name.as_str(), file.len(), tree.root())),
        );
        Ok((trees, root))
    }

    /// Whose its records are, file by file: `column` of tables, subjects in FHIR.
    pub(crate) fn patients(&self, column: &str) -> Result<Vec<Vec<Option<String>>>, Reason> {
        self.files.iter().map(|file| file.patients(column)).collect()
    }
}

/// The root over files, of which path, records and root are known.
pub(crate) fn root<'a>(suite: Suite, files: impl IntoIterator<Item = (&'a str, u64, Hash)>) -> Hash {
    let sides: Vec<(&str, Side)> = files
        .into_iter()
        .map(|(name, records, root)| {
            (name, Side { records, bytes: 0, root, checkpoints: Checkpoints::default() })
        })
        .collect();
    files_root(suite, sides.iter().map(|(name, side)| (*name, side)))
}

/// The place of a row that is numbered over all files, of which these are the records.
pub(crate) fn place(row: u64, counts: impl IntoIterator<Item = u64>) -> Option<(usize, u64)> {
    let mut left = row;
    for (file, count) in counts.into_iter().enumerate() {
        if left < count {
            return Some((file, left));
        }
        left -= count;
    }
    None
}

/// The files of a live source, as far as they are data.
pub(crate) fn live(path: &Path) -> Result<Vec<Source>, Reason> {
    let sources =
        discover(&[PathBuf::from(path)]).map_err(|error| Reason::Source { fault: error.to_string() })?;
    Ok(sources.files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_over_files() {
        assert_eq!(place(0, [2, 0, 3]), Some((0, 0)));
        assert_eq!(place(2, [2, 0, 3]), Some((2, 0)));
        assert_eq!(place(4, [2, 0, 3]), Some((2, 2)));
        assert_eq!(place(5, [2, 0, 3]), None);
    }
}
