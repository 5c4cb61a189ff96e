//! Whose data a folder holds: `data/format.toml`.
//!
//! It is written before anything else, so that a folder is never taken for another chain's, another key's, or an older version's.

use std::{fs::File, io::Write as _, path::Path};

use medveil_ledger::{ChainId, PublicKey};
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, toml_fault};

/// What a data folder says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// Version of the layout of the folder.
    pub format: u64,
    /// The chain whose blocks lie there.
    pub chain: ChainId,
    /// The node's key, whose votes lie there.
    pub key: PublicKey,
}

/// The part that every version of the file has.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl Marker {
    /// The name of the file in the data folder.
    pub const FILE: &str = "format.toml";

    /// The version that this program writes, and the newest that it reads.
    pub const FORMAT: u64 = 1;

    /// The marker of a node's data, as this version writes them.
    pub fn new(chain: ChainId, key: PublicKey) -> Self {
        Self { format: Self::FORMAT, chain, key }
    }

    /// Makes sure that the data folder is this node's: marks an empty one, checks any other. Files named in `ours` may lie there before the mark.
    ///
    /// # Errors
    /// Fails when the folder is another chain's, another key's, of a newer version or not a node's.
    pub fn claim(&self, data: &Path, ours: &[&str]) -> Result<(), Refusal> {
        match Self::read(data)? {
            Some(found) => self.compare(&found, data),
            None => {
                if let Some(found) = first_other(data, ours)? {
                    return Err(Refusal::ForeignData { path: data.display().to_string(), found });
                }
                self.write(data)
            }
        }
    }

    /// The marker of a data folder; `None` when there is none.
    ///
    /// # Errors
    /// Fails when it cannot be read, or was written by a newer version.
    pub fn read(data: &Path) -> Result<Option<Self>, Refusal> {
        let path = data.join(Self::FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Refusal::file(&path, error)),
        };
        let damaged = |error: &toml::de::Error| {
            let (line, fault) = toml_fault(&text, error);
            Refusal::Configuration { path: path.display().to_string(), line, fault }
        };
        // A newer version may say more than this one understands.
        let Format { format: found } = toml::from_str(&text).map_err(|error| damaged(&error))?;
        if found > Self::FORMAT {
            return Err(Refusal::NewerData { path: data.display().to_string(), found, known: Self::FORMAT });
        }
        toml::from_str(&text).map(Some).map_err(|error| damaged(&error))
    }

    fn compare(&self, found: &Self, data: &Path) -> Result<(), Refusal> {
        let path = data.display().to_string();
        if found.chain != self.chain {
            return Err(Refusal::OtherChain {
                path,
                data: found.chain.to_string(),
                genesis: self.chain.to_string(),
            });
        }
        if found.key != self.key {
            return Err(Refusal::OtherKey { path, data: found.key.to_string(), key: self.key.to_string() });
        }
        Ok(())
    }

    fn write(&self, data: &Path) -> Result<(), Refusal> {
        let content = toml::to_string(self).expect("numbers and texts have a form in TOML");
        let text = format!("# Whose data these are. Written once; never change it.\n{content}");
        let (path, partial) = (data.join(Self::FILE), data.join("format.partial"));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&partial)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&partial, &path)?;
            File::open(data)?.sync_all()
        };
        write().map_err(|error| Refusal::file(&path, error))
    }
}

/// Something in the folder that is not one of ours.
fn first_other(data: &Path, ours: &[&str]) -> Result<Option<String>, Refusal> {
    let entries = std::fs::read_dir(data).map_err(|error| Refusal::file(data, error))?;
    for entry in entries {
        let name = entry.map_err(|error| Refusal::file(data, error))?.file_name();
        if name != "format.partial" && !ours.iter().any(|known| name == **known) {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use medveil_ledger::SigningKey;

    use super::*;

    fn marker(chain: u8, key: u8) -> Marker {
        Marker::new(ChainId([chain; 32]), SigningKey::ed25519([key; 32]).public())
    }

    #[test]
    fn a_folder_stays_with_its_chain_and_key() {
        let data = tempfile::tempdir().unwrap();
        marker(1, 1).claim(data.path(), &[]).unwrap();
        assert_eq!(Marker::read(data.path()), Ok(Some(marker(1, 1))));
        marker(1, 1).claim(data.path(), &[]).unwrap();
        assert_eq!(marker(2, 1).claim(data.path(), &[]).unwrap_err().name(), "node.wrong_genesis");
        assert_eq!(marker(1, 2).claim(data.path(), &[]).unwrap_err().name(), "node.data_of_other_key");
    }

    #[test]
    fn what_no_node_wrote_is_left_alone() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("lock"), "").unwrap();
        std::fs::write(data.path().join("letters.txt"), "").unwrap();
        let refusal = marker(1, 1).claim(data.path(), &["lock"]).unwrap_err();
        assert!(matches!(refusal, Refusal::ForeignData { found, .. } if found == "letters.txt"));
        assert!(!data.path().join(Marker::FILE).exists());
        std::fs::remove_file(data.path().join("letters.txt")).unwrap();
        marker(1, 1).claim(data.path(), &["lock"]).unwrap();
    }

    #[test]
    fn a_newer_format_is_told_even_if_it_says_more() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(Marker::FILE);
        std::fs::write(&path, "format = 2\nshards = 7\n").unwrap();
        let refusal = marker(1, 1).claim(data.path(), &[]).unwrap_err();
        assert!(matches!(refusal, Refusal::NewerData { found: 2, known: 1, .. }), "{refusal}");
        std::fs::write(&path, "format = 1\nshards = 7\n").unwrap();
        let refusal = marker(1, 1).claim(data.path(), &[]).unwrap_err();
        assert!(matches!(refusal, Refusal::Configuration { line: 2, .. }), "{refusal}");
    }
}
