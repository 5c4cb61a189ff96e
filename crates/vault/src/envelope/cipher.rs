//! The ciphers, and how their keys come from a data key.

use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, AesGcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use sm3::Sm3;
use sm4::Sm4;
use zeroize::Zeroizing;

use super::{Subject, Suite, TAG_BYTES};
use crate::DataKey;

/// A keyed cipher. Erases its key schedule when dropped.
pub(super) enum Cipher {
    Aes(Box<Aes256Gcm>),
    Sm4(Box<AesGcm<Sm4, U12>>),
}

impl Cipher {
    /// Encrypts `text` in place.
    pub(super) fn seal(&self, nonce: [u8; 12], associated: &[u8], text: &mut [u8]) -> [u8; TAG_BYTES] {
        let nonce = Array(nonce);
        let text = InOutBuf::from(text);
        let tag = match self {
            Cipher::Aes(cipher) => cipher.encrypt_inout_detached(&nonce, associated, text),
            Cipher::Sm4(cipher) => cipher.encrypt_inout_detached(&nonce, associated, text),
        };
        tag.expect("a chunk is far below the 64 GiB that GCM can take").0
    }

    /// Decrypts `text` in place if `tag` is right; leaves it encrypted otherwise.
    pub(super) fn open(
        &self,
        nonce: [u8; 12],
        associated: &[u8],
        text: &mut [u8],
        tag: [u8; TAG_BYTES],
    ) -> bool {
        let (nonce, tag) = (Array(nonce), Array(tag));
        let text = InOutBuf::from(text);
        match self {
            Cipher::Aes(cipher) => cipher.decrypt_inout_detached(&nonce, associated, text, &tag),
            Cipher::Sm4(cipher) => cipher.decrypt_inout_detached(&nonce, associated, text, &tag),
        }
        .is_ok()
    }
}

/// The cipher for `subject` under `key`, and the commitment to the key.
pub(super) fn derive(suite: Suite, subject: Subject, salt: &[u8; 32], key: &DataKey) -> (Cipher, [u8; 32]) {
    let mut info = Vec::with_capacity(DOMAIN.len() + 1 + 1 + 32 + 8);
    info.extend_from_slice(DOMAIN);
    info.push(0);
    info.push(suite as u8);
    info.extend_from_slice(&subject.object.0);
    info.extend_from_slice(&subject.version.to_le_bytes());

    let mut derived = Zeroizing::new([0; 64]);
    let expanded = match suite {
        Suite::Aes256Gcm => Hkdf::<Sha256>::new(Some(salt), key.expose()).expand(&info, derived.as_mut()),
        Suite::Sm4Gcm => Hkdf::<Sm3>::new(Some(salt), key.expose()).expand(&info, derived.as_mut()),
    };
    expanded.expect("HKDF gives up to 8,160 bytes");

    let (secret, commitment) = derived.split_at(32);
    let cipher = match suite {
        Suite::Aes256Gcm => {
            Cipher::Aes(Box::new(Aes256Gcm::new_from_slice(secret).expect("32 bytes are a key of AES-256")))
        }
        Suite::Sm4Gcm => {
            Cipher::Sm4(Box::new(AesGcm::new_from_slice(&secret[..16]).expect("16 bytes are a key of SM4")))
        }
    };
    (cipher, commitment.try_into().expect("64 - 32 = 32"))
}

const DOMAIN: &[u8] = b"medveil/vault/envelope/v1";
