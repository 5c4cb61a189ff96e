//! A member's secrets in custody: its key, its share of the committee's key, the seeds of ceremonies under way.
//!
//! ```text
//! keys/custody/
//!   member.key        the custody key (an RFC 8032 seed)
//!   share-DIGEST      the share in the committee with this digest
//!   seed-NUMBER       the seed of a ceremony that is not over
//! ```
//!
//! Apart from `data/`, which can be made again from the other members: these cannot. Files are written once, for their owner alone, and overwritten before they are removed.

use std::{
    fmt,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use medveil_vault::{
    Digest,
    committee::{Committee, KeyShare, MemberKey, OneTimeKeys},
    keys::{SecretFileError, read_secret, write_secret},
};
use zeroize::Zeroizing;

use super::random;
use crate::{folder::create_private, refusal::Refusal};

/// The secrets of a member.
pub(super) struct Secrets {
    folder: PathBuf,
    key: MemberKey,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("member", &self.key.member()).finish_non_exhaustive()
    }
}

impl Secrets {
    /// The secrets in a folder. The first time, the key is made.
    pub(super) fn open(folder: PathBuf) -> Result<Self, Refusal> {
        create_private(&folder)?;
        let path = folder.join("member.key");
        let key = match read(&path)? {
            Some(seed) => key_of(&path, &seed)?,
            None => {
                let seed = random::<32>()?;
                write_secret(&path, seed.as_slice()).map_err(|error| Refusal::file(&path, error))?;
                flush(&folder)?;
                key_of(&path, seed.as_slice())?
            }
        };
        Ok(Self { folder, key })
    }

    pub(super) fn key(&self) -> &MemberKey {
        &self.key
    }

    /// The member's share in a committee; `None` if it has none here.
    pub(super) fn share(&self, committee: &Committee) -> Result<Option<KeyShare>, Refusal> {
        let path = self.share_file(&committee.digest());
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let share = KeyShare::from_secret_bytes(&bytes, self.key.member(), committee);
        share.map(Some).map_err(|error| Refusal::file(&path, error))
    }

    /// Keeps a share, and erases those of other committees when it is on the disk: a quorum of former shares opens everything.
    pub(super) fn keep_share(&self, share: &KeyShare) -> Result<(), Refusal> {
        let path = self.share_file(&share.committee());
        match write_secret(&path, &share.to_secret_bytes()) {
            Ok(()) | Err(SecretFileError::Exists { .. }) => {}
            Err(error) => return Err(Refusal::file(&path, error)),
        }
        flush(&self.folder)?;
        self.erase(|name| name.starts_with("share-") && self.folder.join(name) != path)
    }

    /// The seed of a ceremony, made when it is first asked for and then the same.
    pub(super) fn seed(&self, number: u64) -> Result<OneTimeKeys, Refusal> {
        let path = self.folder.join(format!("seed-{number}"));
        let seed = match read(&path)? {
            Some(seed) => seed,
            None => {
                let seed = random::<32>()?;
                write_secret(&path, seed.as_slice()).map_err(|error| Refusal::file(&path, error))?;
                flush(&self.folder)?;
                Zeroizing::new(seed.to_vec())
            }
        };
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(
            seed.as_slice().try_into().map_err(|_| Refusal::file(&path, "is no seed of 32 bytes"))?,
        );
        Ok(OneTimeKeys::from_seed(&seed))
    }

    /// Whether there is a seed of a ceremony.
    pub(super) fn has_seed(&self, number: u64) -> bool {
        self.folder.join(format!("seed-{number}")).exists()
    }

    /// Erases the seeds of ceremonies up to a number: whoever finds one and reads the ledger has the share.
    pub(super) fn erase_seeds(&self, upto: u64) -> Result<(), Refusal> {
        self.erase(|name| {
            name.strip_prefix("seed-")
                .and_then(|number| number.parse().ok())
                .is_some_and(|number: u64| number <= upto)
        })
    }

    fn share_file(&self, committee: &Digest) -> PathBuf {
        self.folder.join(format!("share-{committee}"))
    }

    fn erase(&self, which: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let entries = std::fs::read_dir(&self.folder).map_err(|error| Refusal::file(&self.folder, error))?;
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(&which) {
                overwrite(&entry.path()).map_err(|error| Refusal::file(&entry.path(), error))?;
            }
        }
        flush(&self.folder)
    }
}

/// Writes zeros over a file and removes it. What the disk itself kept elsewhere is beyond reach.
pub(crate) fn overwrite(path: &Path) -> std::io::Result<()> {
    let length = usize::try_from(std::fs::metadata(path)?.len()).unwrap_or(0);
    let mut file = File::options().write(true).open(path)?;
    file.write_all(&vec![0; length])?;
    file.sync_all()?;
    std::fs::remove_file(path)
}

fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
    match read_secret(path, None) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(SecretFileError::Missing { .. }) => Ok(None),
        Err(SecretFileError::Exposed { mode, .. }) => {
            Err(Refusal::KeyOpen { path: path.display().to_string(), mode: format!("{mode:03o}") })
        }
        Err(error) => Err(Refusal::file(path, error)),
    }
}

fn key_of(path: &Path, seed: &[u8]) -> Result<MemberKey, Refusal> {
    let seed = seed.try_into().map_err(|_| Refusal::file(path, "is no key of 32 bytes"))?;
    Ok(MemberKey::from_seed(seed))
}

fn flush(folder: &Path) -> Result<(), Refusal> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Refusal::file(folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_seeds_are_erased_with_their_ceremony() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("custody");
        let secrets = Secrets::open(place.clone()).unwrap();
        let member = secrets.key().member();
        let first = *secrets.seed(1).unwrap().seed();
        assert_eq!(first, *secrets.seed(1).unwrap().seed());
        assert_ne!(first, *secrets.seed(2).unwrap().seed());
        secrets.erase_seeds(1).unwrap();
        assert!(!secrets.has_seed(1) && secrets.has_seed(2));
        assert_eq!(Secrets::open(place.clone()).unwrap().key().member(), member);
        std::fs::write(place.join("member.key"), "short").unwrap();
        assert!(Secrets::open(place.clone()).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(place.join("member.key"), std::fs::Permissions::from_mode(0o644))
                .unwrap();
            assert_eq!(Secrets::open(place).unwrap_err().name(), "key.open");
        }
    }
}
