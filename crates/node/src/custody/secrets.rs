//! A member's secrets in custody: its key, its share of the committee's key, the seeds of ceremonies under way.
//!
//! ```text
//! keys/custody/
//!   member.key        the custody key (an RFC 8032 seed)
//!   share-DIGEST      the share in the committee with this digest
//!   seed-NUMBER       the seed of a ceremony that is not over
//! ```
//!
//! Apart from `data/`, which can be made again from the other members: these cannot. Files are written once, for their owner alone, and overwritten before they are removed. When the
//! node's key is locked with a passphrase, so are they: what is written from then on, and at the next start what was there.

use std::{
    fmt,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use medveil_vault::{
    Digest,
    committee::{Committee, KeyShare, MemberKey, OneTimeKeys},
    keys::{Passphrase, SecretFileError, WorkFactor, is_locked, lock as locked, read_secret, write_secret},
};
use zeroize::Zeroizing;

use super::{lock, random, rng};
use crate::{folder::create_private, keys::passphrase, refusal::Refusal};

/// The secrets of a member.
pub(super) struct Secrets {
    folder: PathBuf,
    key: MemberKey,
    /// What files are locked with, if they are to be.
    passphrase: Option<Passphrase>,
    /// The seed that was last asked for: to unlock one takes 128 MiB (scrypt at 2^17).
    last_seed: Mutex<Option<(u64, Seed)>>,
}

type Seed = Zeroizing<[u8; 32]>;

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("member", &self.key.member()).finish_non_exhaustive()
    }
}

impl Secrets {
    /// The secrets in a folder, which are locked with the passphrase if there is one. The first time, the key is made.
    pub(super) fn open(folder: PathBuf, passphrase: Option<Passphrase>) -> Result<Self, Refusal> {
        create_private(&folder)?;
        if let Some(passphrase) = &passphrase {
            lock_all(&folder, passphrase)?;
        }
        let path = folder.join("member.key");
        let key = match read(&path, passphrase.as_ref())? {
            Some(seed) => key_of(&path, &seed)?,
            None => {
                let seed = random::<32>()?;
                write(&path, seed.as_slice(), passphrase.as_ref())?;
                key_of(&path, seed.as_slice())?
            }
        };
        Ok(Self { folder, key, passphrase, last_seed: Mutex::default() })
    }

    pub(super) fn key(&self) -> &MemberKey {
        &self.key
    }

    /// The member's share in a committee; `None` if it has none here.
    pub(super) fn share(&self, committee: &Committee) -> Result<Option<KeyShare>, Refusal> {
        let path = self.share_file(&committee.digest());
        let Some(bytes) = read(&path, self.passphrase.as_ref())? else { return Ok(None) };
        let share = KeyShare::from_secret_bytes(&bytes, self.key.member(), committee);
        share.map(Some).map_err(|error| Refusal::file(&path, error))
    }

    /// Keeps a share, and erases those of other committees when it is on the disk: a quorum of former shares opens everything.
    pub(super) fn keep_share(&self, share: &KeyShare) -> Result<(), Refusal> {
        let path = self.share_file(&share.committee());
        if !path.exists() {
            write(&path, &share.to_secret_bytes(), self.passphrase.as_ref())?;
        }
        self.erase(|name| name.starts_with("share-") && self.folder.join(name) != path)
    }

    /// The seed of a ceremony, made when it is first asked for and then the same.
    pub(super) fn seed(&self, number: u64) -> Result<OneTimeKeys, Refusal> {
        let mut last = lock(&self.last_seed);
        if let Some((_, seed)) = last.as_ref().filter(|(of, _)| *of == number) {
            return Ok(OneTimeKeys::from_seed(seed));
        }
        let path = self.folder.join(format!("seed-{number}"));
        let seed = match read(&path, self.passphrase.as_ref())? {
            Some(seed) => Zeroizing::new(
                seed.as_slice().try_into().map_err(|_| Refusal::file(&path, "is no seed of 32 bytes"))?,
            ),
            None => {
                let seed = random::<32>()?;
                write(&path, seed.as_slice(), self.passphrase.as_ref())?;
                seed
            }
        };
        let keys = OneTimeKeys::from_seed(&seed);
        *last = Some((number, seed));
        Ok(keys)
    }

    /// Whether there is a seed of a ceremony.
    pub(super) fn has_seed(&self, number: u64) -> bool {
        self.folder.join(format!("seed-{number}")).exists()
    }

    /// Erases the seeds of ceremonies up to a number: whoever finds one and reads the ledger has the share.
    pub(super) fn erase_seeds(&self, upto: u64) -> Result<(), Refusal> {
        drop(lock(&self.last_seed).take_if(|(number, _)| *number <= upto));
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

/// A secret that was written as it is or locked; one that is locked although the node's key is not asks for the passphrase by itself.
fn read(path: &Path, known: Option<&Passphrase>) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
    let name = || path.display().to_string();
    match read_secret(path, known) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(SecretFileError::Missing { .. }) => Ok(None),
        Err(SecretFileError::Exposed { mode, .. }) => {
            Err(Refusal::KeyOpen { path: name(), mode: format!("{mode:03o}") })
        }
        Err(SecretFileError::Locked { .. }) if known.is_none() => read(path, Some(&passphrase(path)?)),
        Err(SecretFileError::Passphrase { error, .. }) => {
            Err(Refusal::KeyPassphrase { path: name(), error: error.to_string() })
        }
        Err(error) => Err(Refusal::file(path, error)),
    }
}

/// Writes a new secret; on the disk when it returns.
fn write(path: &Path, secret: &[u8], passphrase: Option<&Passphrase>) -> Result<(), Refusal> {
    let fail = |error: &dyn fmt::Display| Refusal::file(path, error);
    let written = match passphrase {
        None => write_secret(path, secret),
        Some(passphrase) => {
            let bytes = locked(secret, passphrase, WorkFactor::default(), &mut rng()?);
            write_secret(path, &bytes.map_err(|error| fail(&error))?)
        }
    };
    written.map_err(|error| fail(&error))?;
    flush(path.parent().unwrap_or(Path::new(".")))
}

/// Locks what was written before the node's key was locked. What lies under a name is at any moment the one or the other.
fn lock_all(folder: &Path, passphrase: &Passphrase) -> Result<(), Refusal> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| Refusal::file(folder, error))?;
    let (partial, whole): (Vec<PathBuf>, Vec<PathBuf>) = entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .partition(|path| path.extension().is_some_and(|ending| ending == "partial"));
    for path in partial {
        std::fs::remove_file(&path).map_err(|error| Refusal::file(&path, error))?;
    }
    for path in whole {
        let fail = |error: std::io::Error| Refusal::file(&path, error);
        let bytes = Zeroizing::new(std::fs::read(&path).map_err(fail)?);
        if is_locked(&bytes) {
            continue;
        }
        let Some(secret) = read(&path, Some(passphrase))? else { continue };
        let partial = path.with_extension("partial");
        write(&partial, &secret, Some(passphrase))?;
        let mut clear = File::options().write(true).open(&path).map_err(fail)?;
        std::fs::rename(&partial, &path).map_err(fail)?;
        flush(folder)?;
        clear.write_all(&vec![0; bytes.len()]).and_then(|()| clear.sync_all()).map_err(fail)?;
    }
    Ok(())
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
        let secrets = Secrets::open(place.clone(), None).unwrap();
        let member = secrets.key().member();
        let first = *secrets.seed(1).unwrap().seed();
        assert_eq!(first, *secrets.seed(1).unwrap().seed());
        assert_ne!(first, *secrets.seed(2).unwrap().seed());
        secrets.erase_seeds(1).unwrap();
        assert!(!secrets.has_seed(1) && secrets.has_seed(2));
        assert_eq!(Secrets::open(place.clone(), None).unwrap().key().member(), member);
        std::fs::write(place.join("member.key"), "short").unwrap();
        assert!(Secrets::open(place.clone(), None).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(place.join("member.key"), std::fs::Permissions::from_mode(0o644))
                .unwrap();
            assert_eq!(Secrets::open(place, None).unwrap_err().name(), "key.open");
        }
    }

    #[test]
    fn with_a_passphrase_everything_is_locked_also_what_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("custody");
        let passphrase = || Passphrase::new("correct horse battery staple".into());
        let member = {
            let secrets = Secrets::open(place.clone(), None).unwrap();
            secrets.seed(1).unwrap();
            secrets.key().member()
        };
        let secrets = Secrets::open(place.clone(), Some(passphrase())).unwrap();
        assert_eq!(secrets.key().member(), member);
        let seeds = [1, 2].map(|number| *secrets.seed(number).unwrap().seed());
        let names = ["member.key", "seed-1", "seed-2"];
        let mut found: Vec<_> = std::fs::read_dir(&place)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, names);
        for name in names {
            assert!(is_locked(&std::fs::read(place.join(name)).unwrap()), "{name}");
        }
        let again = Secrets::open(place.clone(), Some(passphrase())).unwrap();
        assert_eq!([1, 2].map(|number| *again.seed(number).unwrap().seed()), seeds);
        let wrong = Secrets::open(place, Some(Passphrase::new("wrong".into())));
        assert_eq!(wrong.unwrap_err().name(), "key.passphrase");
    }
}
