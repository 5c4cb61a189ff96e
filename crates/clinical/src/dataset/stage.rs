//! A folder that appears whole or not at all.

use std::io;
use std::path::{Path, PathBuf};

/// A folder being written beside its destination. Dropped before [`Stage::publish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Stage {
    folder: tempfile::TempDir,
    destination: PathBuf,
    overwrite: bool,
}

/// Why a release cannot be written there.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Something is there.
    #[error("{path}: the folder exists and is not empty; choose another, or say --overwrite")]
    Exists {
        /// The destination.
        path: String,
    },
    /// The destination is a file.
    #[error("{path}: is a file; a folder is needed")]
    NotAFolder {
        /// The destination.
        path: String,
    },
    /// The output would be read as input the next time, or overwrite it.
    #[error(
        "the output folder {output} and the input {input} lie inside one another; choose a folder outside"
    )]
    Overlap {
        /// The destination.
        output: String,
        /// The input.
        input: String,
    },
    /// Writing failed.
    #[error("{path}: cannot write: {error}")]
    Write {
        /// The place.
        path: String,
        /// Why.
        error: io::Error,
    },
}

impl Stage {
    /// Prepares to write `destination`, which must not exist, or be empty, or be given up with `overwrite`; and which must lie apart
    /// from all `inputs`.
    pub fn new(destination: &Path, inputs: &[PathBuf], overwrite: bool) -> Result<Stage, StageError> {
        let shown = || destination.display().to_string();
        let write_error = |error| StageError::Write { path: shown(), error };
        if destination.is_file() {
            return Err(StageError::NotAFolder { path: shown() });
        }
        if !overwrite && std::fs::read_dir(destination).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(StageError::Exists { path: shown() });
        }
        let absolute = std::path::absolute(destination).map_err(write_error)?;
        let parent = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        std::fs::create_dir_all(&parent).map_err(write_error)?;
        let parent = parent.canonicalize().map_err(write_error)?;
        let output = parent.join(absolute.file_name().unwrap_or_default());
        let output = output.canonicalize().unwrap_or(output);
        for input in inputs {
            let Ok(input) = input.canonicalize() else { continue };
            if output.starts_with(&input) || input.starts_with(&output) {
                return Err(StageError::Overlap { output: shown(), input: input.display().to_string() });
            }
        }
        let folder = tempfile::Builder::new()
            .prefix(".medveil-")
            .suffix(".partial")
            .tempdir_in(&parent)
            .map_err(write_error)?;
        Ok(Stage { folder, destination: output, overwrite })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts everything in place at once.
    pub fn publish(self) -> Result<(), StageError> {
        let shown = self.destination.display().to_string();
        let write_error = |error| StageError::Write { path: shown.clone(), error };
        // What was there goes aside first, and back if the new folder cannot take its place.
        let aside = self.destination.with_extension("medveil-old");
        let exists = self.destination.exists();
        if exists && !self.overwrite {
            std::fs::remove_dir(&self.destination).map_err(write_error)?;
        } else if exists {
            std::fs::rename(&self.destination, &aside).map_err(write_error)?;
        }
        let staged = self.folder.keep();
        make_listable(&staged).map_err(write_error)?;
        if let Err(error) = std::fs::rename(&staged, &self.destination) {
            let _ = std::fs::remove_dir_all(&staged);
            if exists && self.overwrite {
                let _ = std::fs::rename(&aside, &self.destination);
            }
            return Err(write_error(error));
        }
        if exists && self.overwrite {
            std::fs::remove_dir_all(&aside).map_err(write_error)?;
        }
        Ok(())
    }
}

/// Temporary folders are private; a release has the ordinary rights of a new folder.
#[cfg(unix)]
fn make_listable(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o750))
}

#[cfg(not(unix))]
fn make_listable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_unless_published() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("out");
        let stage = Stage::new(&out, &[], false).unwrap();
        std::fs::write(stage.path().join("x"), "1").unwrap();
        drop(stage);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        let stage = Stage::new(&out, &[], false).unwrap();
        std::fs::write(stage.path().join("x"), "1").unwrap();
        stage.publish().unwrap();
        assert_eq!(std::fs::read_to_string(out.join("x")).unwrap(), "1");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_exists_is_replaced_only_when_asked() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("out");
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("old"), "1").unwrap();
        assert!(matches!(Stage::new(&out, &[], false), Err(StageError::Exists { .. })));
        Stage::new(&out, &[], true).unwrap().publish().unwrap();
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
    }

    #[test]
    fn output_and_input_must_lie_apart() {
        let home = tempfile::tempdir().unwrap();
        let input = home.path().join("in");
        std::fs::create_dir(&input).unwrap();
        let inputs = [input.clone()];
        assert!(matches!(Stage::new(&input.join("out"), &inputs, false), Err(StageError::Overlap { .. })));
        assert!(matches!(Stage::new(home.path(), &inputs, true), Err(StageError::Overlap { .. })));
        assert!(matches!(Stage::new(&input, &inputs, true), Err(StageError::Overlap { .. })));
    }
}
