//! The identities whose keys this member helps to open, on disk.
//!
//! A file that only grows: `+IDENTITY` admits, `-IDENTITY` drops for good. What is not in it is not released: lost, it releases nothing until the ledger has been read again.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
};

use medveil_vault::committee::{Identity, Willingness};

use crate::Refusal;

/// The list of a member.
#[derive(Debug)]
pub(super) struct Willing {
    path: PathBuf,
    file: File,
    list: Willingness,
}

impl Willing {
    /// The list in a file, which is made if it is not there. A line that a crash cut off is passed over.
    pub(super) fn open(path: PathBuf) -> Result<Self, Refusal> {
        let fail = |error| Refusal::file(&path, error);
        let mut options = File::options();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(fail)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(fail)?;
        let mut list = Willingness::default();
        for line in text.lines() {
            let Some((sign, digest)) = line.split_at_checked(1) else { continue };
            let Ok(digest) = digest.parse() else { continue };
            match sign {
                "-" => list.destroy(Identity(digest)),
                // What was dropped stays dropped.
                _ => drop(list.admit(Identity(digest))),
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            file.seek(SeekFrom::End(0)).map_err(fail)?;
            file.write_all(b"\n").map_err(fail)?;
        }
        Ok(Self { path, file, list })
    }

    pub(super) fn list(&self) -> &Willingness {
        &self.list
    }

    /// Admits an identity; nothing happens when it was dropped before.
    pub(super) fn admit(&mut self, identity: Identity) -> Result<(), Refusal> {
        if self.list.check(&identity).is_ok() || self.list.admit(identity).is_err() {
            return Ok(());
        }
        self.append('+', identity)
    }

    /// Drops an identity for good; on the disk when it returns.
    pub(super) fn destroy(&mut self, identity: Identity) -> Result<(), Refusal> {
        self.list.destroy(identity);
        self.append('-', identity)
    }

    fn append(&mut self, sign: char, identity: Identity) -> Result<(), Refusal> {
        let written = self.file.write_all(format!("{sign}{identity}\n").as_bytes());
        written.and_then(|()| self.file.sync_data()).map_err(|error| Refusal::file(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use medveil_vault::Digest;

    use super::*;

    #[test]
    fn what_is_dropped_stays_dropped_over_restarts_and_cut_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("willing");
        let (a, b, c) = (Identity(Digest([1; 32])), Identity(Digest([2; 32])), Identity(Digest([3; 32])));
        let mut willing = Willing::open(path.clone()).unwrap();
        willing.admit(a).unwrap();
        willing.admit(b).unwrap();
        willing.destroy(a).unwrap();
        willing.admit(a).unwrap();
        drop(willing);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}+0303")).unwrap();
        let mut willing = Willing::open(path.clone()).unwrap();
        assert!(willing.list().check(&a).is_err() && willing.list().check(&b).is_ok());
        willing.admit(c).unwrap();
        let willing = Willing::open(path).unwrap();
        assert!(willing.list().check(&c).is_ok() && willing.list().check(&a).is_err());
    }
}
