//! Secrets locked with a passphrase, in the [age format](https://github.com/C2SP/C2SP/blob/main/age.md).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, Key, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a locked secret at most: one chunk of age's payload.
pub const MAX_SECRET_BYTES: usize = 64 << 10;

/// A passphrase. Erased when dropped, and shown by no `Debug`.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// The passphrase as it was typed.
    pub fn new(text: String) -> Passphrase {
        Passphrase(Zeroizing::new(text))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// The binary logarithm of scrypt's cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// 2 to the power of `log`, from 1 to 20: 2^20 takes a GiB of memory.
    pub fn new(log: u8) -> Option<WorkFactor> {
        (1..=20).contains(&log).then_some(WorkFactor(log))
    }
}

/// 2^17, 128 MiB: OWASP's Password Storage Cheat Sheet, scrypt.
impl Default for WorkFactor {
    fn default() -> Self {
        WorkFactor(17)
    }
}

/// Why a secret cannot be locked or unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// The passphrase is another one.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// It is no age file, or not one that is locked with a passphrase.
    #[error("not a file that is locked with a passphrase: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// Unlocking takes more memory than this software gives.
    #[error("the passphrase's work factor is 2^{found}, at most 2^20 is possible")]
    TooMuchWork {
        /// Its binary logarithm.
        found: u8,
    },
    /// Header or secret are not what was locked.
    #[error("the file has been altered or is damaged")]
    Altered,
    /// The secret is too long.
    #[error("{bytes} bytes, at most {MAX_SECRET_BYTES} can be locked")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
}

/// Locks a secret.
///
/// # Errors
/// [`PassphraseError::TooLarge`].
pub fn lock(
    secret: &[u8],
    passphrase: &Passphrase,
    work: WorkFactor,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, PassphraseError> {
    if secret.len() > MAX_SECRET_BYTES {
        return Err(PassphraseError::TooLarge { bytes: secret.len() });
    }
    let (mut salt, mut file_key, mut nonce) = ([0; 16], Zeroizing::new([0; 16]), [0; 16]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(file_key.as_mut());
    rng.fill_bytes(&mut nonce);

    let mut wrapped = [0; FILE_KEY_BYTES + TAG_BYTES];
    wrapped[..FILE_KEY_BYTES].copy_from_slice(file_key.as_ref());
    seal(&wrapping_key(passphrase, &salt, work), [0; 12], &mut wrapped);

    let mut file = format!(
        "{INTRODUCTION}\n-> scrypt {} {}\n{}\n---",
        BASE64.encode(salt),
        work.0,
        BASE64.encode(wrapped)
    );
    let mac = header_mac(&file_key, file.as_bytes()).finalize().into_bytes();
    file.push_str(&format!(" {}\n", BASE64.encode(mac)));

    let mut file = file.into_bytes();
    file.extend_from_slice(&nonce);
    let start = file.len();
    file.extend_from_slice(secret);
    file.extend_from_slice(&[0; TAG_BYTES]);
    seal(&payload_key(&file_key, &nonce), ONLY_CHUNK, &mut file[start..]);
    Ok(file)
}

/// Unlocks what [`lock`] or `age -p` has locked.
///
/// # Errors
/// [`PassphraseError`].
pub fn unlock(file: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    let malformed = |what| PassphraseError::Malformed { what };
    let mut rest = file;
    let mut line = |what| {
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(malformed(what))?;
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        std::str::from_utf8(line).map_err(|_| malformed(what))
    };
    if line("no age file")? != INTRODUCTION {
        return Err(malformed("no age file"));
    }
    let recipient = line("no recipient")?.strip_prefix("-> scrypt ");
    let recipient = recipient.ok_or(malformed("another kind of recipient"))?;
    let (salt, work) = recipient.split_once(' ').ok_or(malformed("no work factor"))?;
    let salt: [u8; 16] = decode(salt).ok_or(malformed("no salt"))?;
    let work = match work.parse::<u8>() {
        Ok(log) if !work.starts_with(['0', '+']) => {
            WorkFactor::new(log).ok_or(PassphraseError::TooMuchWork { found: log })?
        }
        _ => return Err(malformed("no work factor")),
    };
    let mut wrapped: [u8; FILE_KEY_BYTES + TAG_BYTES] =
        decode(line("no wrapped key")?).ok_or(malformed("no wrapped key"))?;
    // A scrypt recipient stands alone.
    let mac = line("no end of the header")?.strip_prefix("--- ");
    let mac: [u8; 32] = mac.and_then(decode).ok_or(malformed("no end of the header"))?;
    let header = file.len() - rest.len() - 1 - " ".len() - BASE64.encode(mac).len();
    let (nonce, payload) = rest.split_first_chunk::<16>().ok_or(malformed("no payload"))?;
    if payload.len() < TAG_BYTES {
        return Err(malformed("no payload"));
    }
    if payload.len() > MAX_SECRET_BYTES + TAG_BYTES {
        return Err(PassphraseError::TooLarge { bytes: payload.len() - TAG_BYTES });
    }

    if !open(&wrapping_key(passphrase, &salt, work), [0; 12], &mut wrapped) {
        return Err(PassphraseError::WrongPassphrase);
    }
    let mut file_key = Zeroizing::new([0; FILE_KEY_BYTES]);
    file_key.copy_from_slice(&wrapped[..FILE_KEY_BYTES]);
    header_mac(&file_key, &file[..header]).verify_slice(&mac).map_err(|_| PassphraseError::Altered)?;
    let mut secret = Zeroizing::new(payload.to_vec());
    if !open(&payload_key(&file_key, nonce), ONLY_CHUNK, &mut secret) {
        return Err(PassphraseError::Altered);
    }
    secret.truncate(payload.len() - TAG_BYTES);
    Ok(secret)
}

/// What the first line of every age file is.
pub(super) const INTRODUCTION: &str = "age-encryption.org/v1";
const FILE_KEY_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// Chunk 0, and the last.
const ONLY_CHUNK: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn wrapping_key(passphrase: &Passphrase, salt: &[u8; 16], work: WorkFactor) -> Zeroizing<[u8; 32]> {
    let salt = [b"age-encryption.org/v1/scrypt".as_slice(), salt].concat();
    let parameters = scrypt::Params::new(work.0, 8, 1).expect("2^1 to 2^20 with r = 8 are possible");
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase.0.as_bytes(), &salt, &parameters, key.as_mut())
        .expect("32 bytes are a possible output");
    key
}

fn header_mac(file_key: &[u8; FILE_KEY_BYTES], header: &[u8]) -> Hmac<Sha256> {
    let key = derive(file_key, None, b"header");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length");
    mac.update(header);
    mac
}

fn payload_key(file_key: &[u8; FILE_KEY_BYTES], nonce: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    derive(file_key, Some(nonce), b"payload")
}

fn derive(file_key: &[u8], salt: Option<&[u8]>, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(salt, file_key).expand(info, key.as_mut()).expect("HKDF gives up to 8,160 bytes");
    key
}

/// Encrypts all but the last 16 bytes, where the tag goes.
fn seal(key: &[u8; 32], nonce: [u8; 12], buffer: &mut [u8]) {
    let (text, tag) = buffer.split_at_mut(buffer.len() - TAG_BYTES);
    let sealed = ChaCha20Poly1305::new(&Key::from(*key))
        .encrypt_inout_detached(&Nonce::from(nonce), b"", InOutBuf::from(text))
        .expect("64 KiB are far below the cipher's limit");
    tag.copy_from_slice(&sealed);
}

/// Decrypts all but the last 16 bytes, if they are the right tag.
fn open(key: &[u8; 32], nonce: [u8; 12], buffer: &mut [u8]) -> bool {
    let (text, tag) = buffer.split_at_mut(buffer.len() - TAG_BYTES);
    let tag: [u8; TAG_BYTES] = (&*tag).try_into().expect("it was split there");
    ChaCha20Poly1305::new(&Key::from(*key))
        .decrypt_inout_detached(&Nonce::from(nonce), b"", InOutBuf::from(text), &Tag::from(tag))
        .is_ok()
}

/// Exactly `N` bytes in base64 without padding, in the one way in which they are written.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use proptest::prelude::*;
    use rand_core::SeedableRng;

    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned())
    }

    fn locked(secret: &[u8]) -> Vec<u8> {
        let work = WorkFactor::new(2).unwrap();
        lock(secret, &passphrase("open sesame"), work, &mut ChaCha20Rng::seed_from_u64(1)).unwrap()
    }

    #[test]
    fn what_is_locked_unlocks_with_its_passphrase_only() {
        for secret in [&b""[..], b"a key", &[7; MAX_SECRET_BYTES]] {
            let file = locked(secret);
            assert_eq!(*unlock(&file, &passphrase("open sesame")).unwrap(), secret);
            assert_eq!(unlock(&file, &passphrase("open Sesame")), Err(PassphraseError::WrongPassphrase));
        }
    }

    /// Written by age itself: vectors/age-1.1.1/README.md says how.
    #[test]
    fn a_file_that_age_has_locked_unlocks() {
        let file = include_bytes!("../../vectors/age-1.1.1/passphrase.age");
        assert_eq!(*unlock(file, &passphrase("open sesame")).unwrap(), b"a key\n");
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let file = locked(b"a key");
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut file = file.clone();
                file[at] ^= 1 << bit;
                // The work factor can be turned into one that takes long.
                if file.starts_with(INTRODUCTION.as_bytes()) && file[55..57].iter().any(u8::is_ascii_digit) {
                    let line = file.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
                    if !line.ends_with(b" 2") {
                        continue;
                    }
                }
                assert!(unlock(&file, &passphrase("open sesame")).is_err(), "byte {at}, bit {bit}");
            }
        }
        for length in 0..file.len() {
            assert!(unlock(&file[..length], &passphrase("open sesame")).is_err());
        }
        assert!(unlock(&[&file[..], &[0]].concat(), &passphrase("open sesame")).is_err());
    }

    #[test]
    fn work_that_would_take_all_memory_is_refused_before_it_is_done() {
        let text = String::from_utf8_lossy(&locked(b""))[..80].to_owned();
        for work in [21, 63, 255] {
            let file = text.replacen(" 2\n", &format!(" {work}\n"), 1);
            let file = [file.as_bytes(), &locked(b"")[80..]].concat();
            let error = unlock(&file, &passphrase("open sesame")).unwrap_err();
            assert_eq!(error, PassphraseError::TooMuchWork { found: work });
        }
    }

    #[test]
    fn a_secret_that_is_too_long_is_refused() {
        let work = WorkFactor::new(2).unwrap();
        let long = vec![0; MAX_SECRET_BYTES + 1];
        let error = lock(&long, &passphrase("x"), work, &mut ChaCha20Rng::seed_from_u64(1));
        assert_eq!(error, Err(PassphraseError::TooLarge { bytes: long.len() }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let file = [INTRODUCTION.as_bytes(), b"\n-> scrypt ", &bytes].concat();
            prop_assert!(unlock(&bytes, &passphrase("x")).is_err());
            prop_assert!(unlock(&file, &passphrase("x")).is_err());
        }
    }
}
