//! Where releases are kept: in custody, sealed and cut over the members.

use std::path::Path;

use medveil_ledger::{CustodyId, Digest, ReleaseId, Slug};

/// Custody does not do it now; asked again later, it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("custody: {0}")]
pub struct VaultError(pub String);

/// Custody, as far as a custodian needs it.
pub trait Vault {
    /// Takes a folder into custody as a version of an object of the custodian's organisation, and waits until that is final. `policy` is bound into
    /// the key's identity. A version that is in custody already is left as it is.
    ///
    /// # Errors
    /// [`VaultError`].
    fn keep(&self, folder: &Path, label: Slug, version: u64, policy: Digest)
    -> Result<CustodyId, VaultError>;

    /// Destroys the shards and key shares that this member holds of an object. What is destroyed already is left as it is.
    ///
    /// # Errors
    /// [`VaultError`].
    fn destroy(&self, object: CustodyId) -> Result<(), VaultError>;
}

/// The label of a release in custody: the first 12 bytes of its id tell it from the owner's others.
pub fn custody_label(release: ReleaseId) -> Slug {
    Slug::new(&format!("r-{}", hex::encode(&release.0[..12]))).expect("26 letters of a slug's alphabet")
}

impl<V: Vault + ?Sized> Vault for std::sync::Arc<V> {
    fn keep(
        &self,
        folder: &Path,
        label: Slug,
        version: u64,
        policy: Digest,
    ) -> Result<CustodyId, VaultError> {
        (**self).keep(folder, label, version, policy)
    }

    fn destroy(&self, object: CustodyId) -> Result<(), VaultError> {
        (**self).destroy(object)
    }
}
