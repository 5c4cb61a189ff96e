//! Secrets in files that only their owner can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::passphrase::{INTRODUCTION, MAX_SECRET_BYTES, Passphrase, PassphraseError, unlock};

/// Why a secret cannot be read from or written to a file.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// There is no such file.
    #[error("`{}` is not there", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// There is one already: secrets are not overwritten.
    #[error("`{}` is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner can read or write it.
    #[error("`{}` has mode {mode:03o}: others than its owner can get at it (chmod 600)", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is locked, and no passphrase was given.
    #[error("`{}` is locked with a passphrase", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It does not unlock.
    #[error("`{}`: {error}", path.display())]
    Passphrase {
        /// The file.
        path: PathBuf,
        /// Why.
        error: PassphraseError,
    },
    /// It is longer than any secret.
    #[error("`{}` has more bytes than a secret", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file system says no.
    #[error("`{}`: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

/// Writes a secret, locked or not, into a new file that only its owner can read. On any error there is no file.
///
/// # Errors
/// [`SecretFileError::Exists`], [`SecretFileError::Io`].
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), SecretFileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => SecretFileError::Exists { path: path.to_owned() },
        _ => SecretFileError::Io { path: path.to_owned(), error },
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.map_err(failed)
}

/// Reads a secret that only its owner can read; unlocks it if it is locked.
///
/// # Errors
/// [`SecretFileError`].
pub fn read_secret(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => SecretFileError::Missing { path: path.to_owned() },
        _ => SecretFileError::Io { path: path.to_owned(), error },
    };
    let file = fs::File::open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().map_err(failed)?) & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretFileError::Exposed { path: path.to_owned(), mode });
        }
    }
    // So that the buffer never grows, and leaves no copy behind.
    let most = MAX_SECRET_BYTES + 1024;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > most {
        return Err(SecretFileError::TooLarge { path: path.to_owned() });
    }
    if !is_locked(&bytes) {
        return Ok(bytes);
    }
    let passphrase = passphrase.ok_or_else(|| SecretFileError::Locked { path: path.to_owned() })?;
    unlock(&bytes, passphrase).map_err(|error| SecretFileError::Passphrase { path: path.to_owned(), error })
}

/// Whether bytes are those of a locked secret.
pub fn is_locked(bytes: &[u8]) -> bool {
    bytes.starts_with(INTRODUCTION.as_bytes())
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::keys::{WorkFactor, lock};

    #[test]
    fn a_secret_is_written_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(read_secret(&path, None), Err(SecretFileError::Missing { .. })));
        write_secret(&path, b"a key").unwrap();
        assert_eq!(*read_secret(&path, None).unwrap(), b"a key");
        assert!(matches!(write_secret(&path, b"other"), Err(SecretFileError::Exists { .. })));
        assert_eq!(*read_secret(&path, None).unwrap(), b"a key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let error = read_secret(&path, None).unwrap_err();
            assert!(matches!(error, SecretFileError::Exposed { mode: 0o640, .. }), "{error}");
        }
    }

    #[test]
    fn a_locked_secret_asks_for_its_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let right = Passphrase::new("open sesame".to_owned());
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let bytes = lock(b"a key", &right, WorkFactor::new(2).unwrap(), &mut rng).unwrap();
        write_secret(&path, &bytes).unwrap();
        assert_eq!(*read_secret(&path, Some(&right)).unwrap(), b"a key");
        assert!(matches!(read_secret(&path, None), Err(SecretFileError::Locked { .. })));
        let wrong = Passphrase::new("open".to_owned());
        let error = PassphraseError::WrongPassphrase;
        assert!(matches!(
            read_secret(&path, Some(&wrong)),
            Err(SecretFileError::Passphrase { error: found, .. }) if found == error
        ));
    }

    #[test]
    fn a_file_that_is_too_long_is_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_secret(&path, &vec![0; MAX_SECRET_BYTES + 2000]).unwrap();
        assert!(matches!(read_secret(&path, None), Err(SecretFileError::TooLarge { .. })));
    }
}
