//! SM2 with SM3 (GB/T 32918.2-2016) over a transaction's digest, with the default identity of GM/T 0009-2012, clause 10.

use sm2::PublicKey;
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::sec1::ToSec1Point as _;

/// The signer's identity, the same for all: GM/T 0009-2012, clause 10. Another identity is another signature.
pub const IDENTITY: &str = "1234567812345678";

/// Whether the bytes are a point in compressed form.
pub fn is_key(key: &[u8; 33]) -> bool {
    verifying_key(key).is_some()
}

/// The compressed form of a point in compressed or uncompressed form; `None` if it is none of the curve.
pub fn compressed(point: &[u8]) -> Option<[u8; 33]> {
    let known = matches!((point.first(), point.len()), (Some(2 | 3), 33) | (Some(4), 65));
    let key = PublicKey::from_sec1_bytes(point).ok().filter(|_| known)?;
    key.to_sec1_point(true).as_bytes().try_into().ok()
}

/// The uncompressed form of a point; `None` if the bytes are none of the curve.
pub fn uncompressed(key: &[u8; 33]) -> Option<[u8; 65]> {
    if !is_key(key) {
        return None;
    }
    let key = PublicKey::from_sec1_bytes(key).ok()?;
    key.to_sec1_point(false).as_bytes().try_into().ok()
}

/// Whether the signature (r and s) is one of the key over the message.
pub fn verify(key: &[u8; 33], message: &[u8], signature: &[u8; 64]) -> bool {
    let (Some(key), Ok(signature)) = (verifying_key(key), Signature::from_slice(signature)) else {
        return false;
    };
    key.verify(message, &signature).is_ok()
}

/// The public key of a scalar, compressed; `None` if the scalar is out of range.
pub fn public(scalar: &[u8; 32]) -> Option<[u8; 33]> {
    let key = SigningKey::from_slice(IDENTITY, scalar).ok()?;
    let point = key.verifying_key().as_affine().to_sec1_point(true);
    point.as_bytes().try_into().ok()
}

/// The signature of a scalar's key, deterministic (RFC 6979). The scalar must be one that [`public`] takes.
pub fn sign(scalar: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let key = SigningKey::from_slice(IDENTITY, scalar).expect("the scalar was checked when the key was made");
    key.sign(message).to_bytes().into()
}

fn verifying_key(key: &[u8; 33]) -> Option<VerifyingKey> {
    // SEC 1 knows other forms and the point at infinity; one key has one spelling here.
    if !matches!(key[0], 2 | 3) {
        return None;
    }
    VerifyingKey::new(IDENTITY, PublicKey::from_sec1_bytes(key).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_national_standard_holds() {
        // GB/T 32918.5-2017, A.2: key and signature over "message digest" on the recommended curve, default identity.
        let scalar: [u8; 32] =
            hex::decode("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
                .unwrap()
                .try_into()
                .unwrap();
        let key = public(&scalar).unwrap();
        assert_eq!(hex::encode(key), "0309f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020");
        let signature: [u8; 64] = hex::decode(
            "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
        )
        .unwrap()
        .try_into()
        .unwrap();
        assert!(verify(&key, b"message digest", &signature));
        assert!(!verify(&key, b"message digest ", &signature));
    }

    #[test]
    fn what_is_signed_is_accepted_and_nothing_else() {
        let scalar = [7; 32];
        let key = public(&scalar).unwrap();
        let signature = sign(&scalar, b"digest");
        assert_eq!(signature, sign(&scalar, b"digest"), "signing is deterministic");
        assert!(verify(&key, b"digest", &signature));
        for index in [0, 31, 32, 63] {
            let mut other = signature;
            other[index] ^= 1;
            assert!(!verify(&key, b"digest", &other));
        }
        assert!(!verify(&key, b"digest", &[0; 64]));
        assert!(!verify(&public(&[8; 32]).unwrap(), b"digest", &signature));
    }

    #[test]
    fn scalars_out_of_range_make_no_key() {
        assert_eq!(public(&[0; 32]), None);
        assert_eq!(public(&[0xff; 32]), None);
    }
}
