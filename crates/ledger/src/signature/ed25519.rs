//! Ed25519 (RFC 8032) with the acceptance rule of [ZIP 215](https://zips.z.cash/zip-0215): cofactored, `s` canonical, points in any encoding.
//!
//! It is the one rule under which single and batched checks agree on every input, and the one that consensus votes are checked by. The
//! strict rules of other libraries differ on some keys of small order; two replicas with different rules could be split by whoever holds one.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use ed25519_zebra::{Signature, SigningKey, VerificationKey, VerificationKeyBytes, batch};
use sha2::{Digest, Sha256};

/// Whether the bytes are a point.
pub fn is_key(key: &[u8; 32]) -> bool {
    VerificationKey::try_from(*key).is_ok()
}

/// Whether the signature is one of the key over the message.
pub fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerificationKey::try_from(*key)
        .is_ok_and(|key| key.verify(&Signature::from_bytes(signature), message).is_ok())
}

/// One check of a batch.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The public key.
    pub key: &'a [u8; 32],
    /// The message: a digest.
    pub message: [u8; 32],
    /// The signature.
    pub signature: &'a [u8; 64],
}

/// Whether every signature of the batch holds.
///
/// The coefficients of the linear combination come from a hash over all keys, messages and signatures: who chooses those does not choose the coefficients, and no
/// randomness of the machine is needed.
pub fn verify_batch<'a>(entries: impl Iterator<Item = Entry<'a>>) -> bool {
    let mut transcript = Sha256::new_with_prefix(b"medveil/ed25519-batch/1");
    let mut verifier = batch::Verifier::new();
    for entry in entries {
        transcript.update(entry.key);
        transcript.update(entry.message);
        transcript.update(entry.signature);
        let key = VerificationKeyBytes::from(*entry.key);
        verifier.queue((key, Signature::from_bytes(entry.signature), &entry.message));
    }
    verifier.verify(Coefficients(ChaCha20Rng::from_seed(transcript.finalize().into()))).is_ok()
}

/// The public key of a seed.
pub fn public(seed: &[u8; 32]) -> [u8; 32] {
    VerificationKey::from(&SigningKey::from(*seed)).into()
}

/// The signature of a seed's key.
pub fn sign(seed: &[u8; 32], message: &[u8]) -> [u8; 64] {
    SigningKey::from(*seed).sign(message).to_bytes()
}

/// The generator under the traits that the verifier asks for.
struct Coefficients(ChaCha20Rng);

impl rand_core_06::RngCore for Coefficients {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for Coefficients {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_vectors_of_rfc_8032_hold() {
        // RFC 8032, 7.1, TEST 1 and TEST 2.
        for (seed, key, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
        ] {
            let seed: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
            let message = hex::decode(message).unwrap();
            assert_eq!(hex::encode(public(&seed)), key);
            assert_eq!(hex::encode(sign(&seed, &message)), signature);
            assert!(verify(&public(&seed), &message, &sign(&seed, &message)));
        }
    }

    #[test]
    fn single_and_batched_checks_agree_on_points_of_small_order() {
        // ZIP 215's own cases: eight torsion points, their non-canonical encodings, s = 0. All are accepted; a strict verifier refuses them.
        let encodings = [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for a in encodings {
            for r in encodings {
                let key: [u8; 32] = hex::decode(a).unwrap().try_into().unwrap();
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(&hex::decode(r).unwrap());
                let message = [0x5a; 32];
                assert!(verify(&key, &message, &signature), "{a} {r}");
                let entry = Entry { key: &key, message, signature: &signature };
                assert!(verify_batch([entry, entry].into_iter()), "{a} {r}");
            }
        }
    }

    #[test]
    fn one_bad_signature_fails_its_batch() {
        let seeds: Vec<[u8; 32]> = (1..=20).map(|n| [n; 32]).collect();
        let keys: Vec<[u8; 32]> = seeds.iter().map(public).collect();
        let mut signatures: Vec<[u8; 64]> = seeds.iter().map(|seed| sign(seed, &seed[..])).collect();
        let all = |signatures: &[[u8; 64]]| {
            let entries: Vec<_> = (0..seeds.len())
                .map(|i| Entry { key: &keys[i], message: seeds[i], signature: &signatures[i] })
                .collect();
            verify_batch(entries.into_iter())
        };
        assert!(all(&signatures));
        assert!(verify_batch([].into_iter()));
        for index in [0, 7, 19] {
            signatures[index][40] ^= 1;
            assert!(!all(&signatures));
            signatures[index][40] ^= 1;
        }
        assert!(all(&signatures));
    }
}
