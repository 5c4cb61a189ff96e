//! Small messages for one reader, sealed by HPKE ([RFC 9180](https://www.rfc-editor.org/rfc/rfc9180)) to a key that is used once.
//!
//! A one-time key can be disclosed to prove what was sealed to it, and nothing else: that is how a cheating dealer and a bad partial are shown
//! to everybody.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use chacha20::ChaCha20Rng;
use hkdf::Hkdf;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::{CryptoRng, SeedableRng};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Digest, Member};

/// A public X25519 key to which one message is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct SealKey(pub [u8; 32]);

impl SealKey {
    /// Refuses keys with which nothing is secret: points of low order.
    ///
    /// # Errors
    /// [`BadSealKey`].
    pub fn check(&self) -> Result<(), BadSealKey> {
        // Whether a point is of low order does not depend on what it is multiplied with: X25519 scalars are multiples of the cofactor.
        let mut rng = ChaCha20Rng::from_seed([0; 32]);
        Sealed::seal(self, "check", &[], b"", &mut rng).map(|_| ())
    }
}

/// Nothing can be sealed to the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key of X25519 that keeps a secret")]
pub struct BadSealKey;

/// The private half of a [`SealKey`]. Erased when dropped.
#[derive(Clone)]
pub struct OneTimeSecret(Zeroizing<[u8; 32]>);

impl OneTimeSecret {
    /// The secret with these bytes, as disclosed by its owner.
    pub fn from_bytes(bytes: &[u8; 32]) -> OneTimeSecret {
        OneTimeSecret(Zeroizing::new(*bytes))
    }

    /// Gives the secret away. Whoever has it reads what was sealed to this key.
    pub fn disclose(&self) -> [u8; 32] {
        *self.0
    }

    /// The public half.
    pub fn key(&self) -> SealKey {
        SealKey(X25519HkdfSha256::sk_to_pk(&self.private()).to_bytes().into())
    }

    fn private(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        Deserializable::from_bytes(self.0.as_ref()).expect("any 32 bytes are a key of X25519")
    }
}

impl fmt::Debug for OneTimeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeSecret(..)")
    }
}

/// One key for each member and purpose, from one random seed: disclosing one tells nothing of the others.
///
/// Keep the seed until its messages have been read, then erase it: who finds it later reads them all.
#[derive(Clone)]
pub struct OneTimeKeys(Zeroizing<[u8; 32]>);

impl OneTimeKeys {
    /// Keys of a new seed.
    pub fn generate(rng: &mut impl CryptoRng) -> OneTimeKeys {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        OneTimeKeys(seed)
    }

    /// Keys of a kept seed.
    pub fn from_seed(seed: &[u8; 32]) -> OneTimeKeys {
        OneTimeKeys(Zeroizing::new(*seed))
    }

    /// The seed, to be kept where secrets are.
    pub fn seed(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key for what `member` will seal in `context`.
    pub fn secret(&self, context: &Digest, member: &Member) -> OneTimeSecret {
        let material = self.derive("medveil/vault/one-time/v1", context, Some(member));
        let (private, _) = X25519HkdfSha256::derive_keypair(material.as_ref());
        let mut secret = Zeroizing::new([0; 32]);
        private.write_exact(secret.as_mut());
        OneTimeSecret(secret)
    }

    /// 32 bytes for another use of the seed.
    pub(super) fn derive(
        &self,
        purpose: &str,
        context: &Digest,
        member: Option<&Member>,
    ) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        let none: &[u8] = &[];
        let info = [purpose.as_bytes(), &[0], &context.0, member.map_or(none, |member| &member.0)];
        Hkdf::<Sha256>::new(None, self.0.as_ref())
            .expand_multi_info(&info, out.as_mut())
            .expect("HKDF gives up to 8,160 bytes");
        out
    }
}

impl fmt::Debug for OneTimeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeKeys(..)")
    }
}

/// A message that the holder of one [`OneTimeSecret`] can read.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sealed {
    encapsulated: [u8; 32],
    text: Vec<u8>,
}

impl Sealed {
    /// Seals `text` to `key`, for this `purpose` and these `associated` data only.
    ///
    /// # Errors
    /// [`BadSealKey`].
    pub fn seal(
        key: &SealKey,
        purpose: &str,
        associated: &[u8],
        text: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, BadSealKey> {
        let key = Deserializable::from_bytes(&key.0).map_err(|_| BadSealKey)?;
        let (encapsulated, text) = hpke::single_shot_seal_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            X25519HkdfSha256,
        >(&OpModeS::Base, &key, purpose.as_bytes(), text, associated, rng)
        .map_err(|_| BadSealKey)?;
        Ok(Sealed { encapsulated: encapsulated.to_bytes().into(), text })
    }

    /// The text, if it was sealed to this key for this purpose with these associated data.
    pub fn open(
        &self,
        secret: &OneTimeSecret,
        purpose: &str,
        associated: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let encapsulated = Deserializable::from_bytes(&self.encapsulated).ok()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &secret.private(),
            &encapsulated,
            purpose.as_bytes(),
            &self.text,
            associated,
        )
        .ok()
        .map(Zeroizing::new)
    }

    /// Bytes of the sealed text, tag included.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}
