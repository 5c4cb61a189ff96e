//! Where a member's keys are: in files that may be locked with a passphrase, or in a token behind PKCS#11 (feature `hsm`).
//!
//! A locked file is an [age](https://age-encryption.org/v1) file with a `scrypt` recipient, so that it can be opened without this software too: `age -d FILE`.

#[cfg(feature = "hsm")]
mod hsm;
mod passphrase;
mod secret_file;

#[cfg(feature = "hsm")]
pub use hsm::{HsmError, HsmKey, Pin, Token};
pub use passphrase::{MAX_SECRET_BYTES, Passphrase, PassphraseError, WorkFactor, lock, unlock};
pub use secret_file::{SecretFileError, is_locked, read_secret, write_secret};
