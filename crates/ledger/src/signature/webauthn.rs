//! Passkeys: a WebAuthn assertion whose challenge is the transaction's digest.
//!
//! The checks are those of Web Authentication Level 2, 7.2, steps 11 to 20, that a ledger can make: nothing here depends on a session, so every replica decides alike. The
//! signature counter is ignored: synchronised passkeys do not count, and nonces already keep a transaction from being used twice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Assertion, RelyingParty, SignatureFault};
use crate::id::Digest;
use crate::public_key::Suite;

/// Flags of the authenticator data (6.1): the user was present.
const USER_PRESENT: u8 = 0x01;
/// Flags of the authenticator data (6.1): the user was verified.
const USER_VERIFIED: u8 = 0x04;
/// rpIdHash, flags, signCount (6.1).
const HEADER: usize = 37;
const TYPE: &str = "webauthn.get";

/// What is read of `clientDataJSON` (5.8.1); other members may follow and are not looked at.
#[derive(Deserialize)]
struct ClientData<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    challenge: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    origin: std::borrow::Cow<'a, str>,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// Whether the bytes are a point in compressed form.
pub fn is_key(key: &[u8; 33]) -> bool {
    verifying_key(key).is_some()
}

/// Checks an assertion of `key` over a transaction's digest.
///
/// # Errors
/// [`SignatureFault`]: the first check that fails, in the order of the recommendation.
pub fn verify(
    party: &RelyingParty,
    key: &[u8; 33],
    digest: Digest,
    assertion: &Assertion,
) -> Result<(), SignatureFault> {
    let client: ClientData<'_> = serde_json::from_slice(&assertion.client_data_json)
        .map_err(|_| SignatureFault::ClientData { expected: "type, challenge and origin in JSON" })?;
    if client.kind != TYPE {
        return Err(SignatureFault::AssertionType { expected: TYPE });
    }
    if client.challenge != URL_SAFE_NO_PAD.encode(digest.0) {
        return Err(SignatureFault::Challenge { expected: digest });
    }
    if !party.origins.iter().any(|origin| *origin == client.origin) {
        return Err(SignatureFault::Origin { allowed: party.origins.len() as u64 });
    }
    if client.cross_origin {
        return Err(SignatureFault::CrossOrigin {});
    }
    let data = &assertion.authenticator_data;
    if data.len() < HEADER {
        return Err(SignatureFault::AuthenticatorData { bytes: data.len() as u64, expected: HEADER as u64 });
    }
    if data[..32] != Sha256::digest(&party.id)[..] {
        return Err(SignatureFault::RelyingParty { expected: party.id.clone() });
    }
    if data[32] & USER_PRESENT == 0 {
        return Err(SignatureFault::UserPresence {});
    }
    if data[32] & USER_VERIFIED == 0 {
        return Err(SignatureFault::UserVerification {});
    }
    let mut message = data.clone();
    message.extend_from_slice(&Sha256::digest(&assertion.client_data_json));
    let holds = verifying_key(key).zip(low_s(&assertion.signature));
    match holds {
        Some((key, signature)) if key.verify(&message, &signature).is_ok() => Ok(()),
        _ => Err(SignatureFault::Invalid { suite: Suite::WebAuthn }),
    }
}

/// The signature if its s is the lower of the two that hold, so that there is one spelling.
fn low_s(bytes: &[u8; 64]) -> Option<Signature> {
    let signature = Signature::from_slice(bytes).ok()?;
    (signature.normalize_s() == signature).then_some(signature)
}

/// r and low s of a signature in DER, as authenticators give it; `None` if it is none.
pub fn from_der(der: &[u8]) -> Option<[u8; 64]> {
    let signature = Signature::from_der(der).ok()?.normalize_s();
    Some(signature.to_bytes().into())
}

fn verifying_key(key: &[u8; 33]) -> Option<VerifyingKey> {
    if !matches!(key[0], 2 | 3) {
        return None;
    }
    VerifyingKey::from_sec1_bytes(key).ok()
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer as _;

    use super::*;

    const DIGEST: Digest = Digest([0x42; 32]);

    fn party() -> RelyingParty {
        RelyingParty { id: "wallet.example.cn".into(), origins: vec!["https://wallet.example.cn".into()] }
    }

    fn passkey() -> (SigningKey, [u8; 33]) {
        let key = SigningKey::from_slice(&[9; 32]).unwrap();
        let public = key.verifying_key().to_sec1_point(true).as_bytes().try_into().unwrap();
        (key, public)
    }

    fn client(kind: &str, challenge: Digest, origin: &str, more: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(challenge.0);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#)
    }

    /// What an authenticator does.
    fn assert(client: &str, relying_party: &str, flags: u8) -> Assertion {
        let mut authenticator_data = Sha256::digest(relying_party).to_vec();
        authenticator_data.push(flags);
        authenticator_data.extend([0, 0, 0, 0]);
        sign(authenticator_data, client)
    }

    fn sign(authenticator_data: Vec<u8>, client: &str) -> Assertion {
        let mut message = authenticator_data.clone();
        message.extend(Sha256::digest(client));
        let signature: Signature = passkey().0.sign(&message);
        let signature = from_der(signature.to_der().as_bytes()).unwrap();
        Assertion { authenticator_data, client_data_json: client.into(), signature }
    }

    fn check(assertion: &Assertion) -> Result<(), SignatureFault> {
        verify(&party(), &passkey().1, DIGEST, assertion)
    }

    #[test]
    fn an_assertion_over_the_digest_is_accepted() {
        let origin = "https://wallet.example.cn";
        for more in ["", r#","crossOrigin":false"#, r#","other_keys":"x","topOrigin":null"#] {
            assert_eq!(
                check(&assert(&client(TYPE, DIGEST, origin, more), "wallet.example.cn", 0x1d)),
                Ok(())
            );
        }
    }

    #[test]
    fn each_check_of_the_recommendation_refuses() {
        let origin = "https://wallet.example.cn";
        let (id, good) = ("wallet.example.cn", client(TYPE, DIGEST, origin, ""));
        assert!(matches!(check(&assert("{}", id, 5)), Err(SignatureFault::ClientData { .. })));
        let create = client("webauthn.create", DIGEST, origin, "");
        assert!(matches!(check(&assert(&create, id, 5)), Err(SignatureFault::AssertionType { .. })));
        let other = client(TYPE, Digest([0x43; 32]), origin, "");
        assert!(matches!(check(&assert(&other, id, 5)), Err(SignatureFault::Challenge { .. })));
        let elsewhere = client(TYPE, DIGEST, "https://wallet.example.cn.evil", "");
        assert!(matches!(check(&assert(&elsewhere, id, 5)), Err(SignatureFault::Origin { .. })));
        let framed = client(TYPE, DIGEST, origin, r#","crossOrigin":true"#);
        assert!(matches!(check(&assert(&framed, id, 5)), Err(SignatureFault::CrossOrigin {})));
        assert!(matches!(check(&assert(&good, "example.cn", 5)), Err(SignatureFault::RelyingParty { .. })));
        assert!(matches!(check(&assert(&good, id, 4)), Err(SignatureFault::UserPresence {})));
        assert!(matches!(check(&assert(&good, id, 1)), Err(SignatureFault::UserVerification {})));
        assert!(matches!(
            check(&sign(vec![0; 36], &good)),
            Err(SignatureFault::AuthenticatorData { bytes: 36, expected: 37 })
        ));
    }

    #[test]
    fn a_signature_in_its_other_spelling_is_refused() {
        let good = assert(&client(TYPE, DIGEST, "https://wallet.example.cn", ""), "wallet.example.cn", 5);
        assert_eq!(check(&good), Ok(()));
        let signature = Signature::from_slice(&good.signature).unwrap();
        let (r, s) = signature.split_scalars();
        let high = Signature::from_scalars(r, -s).unwrap();
        assert!(
            p256::ecdsa::signature::Verifier::verify(
                passkey().0.verifying_key(),
                &[good.authenticator_data.clone(), Sha256::digest(&good.client_data_json).to_vec()].concat(),
                &high
            )
            .is_ok(),
            "the other spelling satisfies the equation"
        );
        let bad = Assertion { signature: high.to_bytes().into(), ..good };
        assert!(matches!(check(&bad), Err(SignatureFault::Invalid { .. })));
    }
}
