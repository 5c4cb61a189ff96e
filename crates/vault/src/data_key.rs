//! The key of one version of one object.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// A fresh secret for one version of an object. Erased when dropped, and shown by no `Debug`.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new key.
    pub fn generate(rng: &mut impl CryptoRng) -> DataKey {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        DataKey(bytes)
    }

    /// The key with these bytes. The caller's copy stays the caller's to erase.
    pub fn from_bytes(bytes: &[u8; 32]) -> DataKey {
        DataKey(Zeroizing::new(*bytes))
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}
