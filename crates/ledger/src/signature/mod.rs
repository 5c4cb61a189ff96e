//! Signatures: what authorises a transaction.
//!
//! Three suites, one acceptance rule each, the same on every replica and in every batch:
//! [`ed25519`] (ZIP 215), [`sm2`] (GB/T 32918.2) and [`webauthn`] (passkeys). A signature is no part of a transaction's id, so that its
//! malleability, where a suite has any, changes nothing that the ledger keeps.

pub mod ed25519;
pub mod sm2;
pub mod webauthn;

use std::fmt;

use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::encoding::invalid;
use crate::id::{ChainId, Digest};
use crate::public_key::{PublicKey, Suite};
use crate::refusal::refusals;
use crate::transaction::Transaction;

/// A signature over a transaction's digest.
#[derive(Clone, PartialEq, Eq)]
pub enum Signature {
    /// R and s (RFC 8032, 5.1.6) over the 32 bytes of the digest.
    Ed25519([u8; 64]),
    /// r and s over the 32 bytes of the digest, with the identity [`sm2::IDENTITY`].
    Sm2([u8; 64]),
    /// A passkey's assertion whose challenge is the digest.
    WebAuthn(Box<Assertion>),
}

/// What an authenticator returns (Web Authentication Level 2, 5.2.2), the signature brought from DER into r and low s.
#[derive(Clone, PartialEq, Eq, BorshSerialize)]
pub struct Assertion {
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data_json: Vec<u8>,
    /// r and s, each 32 bytes, s at most half the order.
    pub signature: [u8; 64],
}

impl Assertion {
    /// The most bytes of `authenticatorData` that are read: header and extensions, no attested credential.
    pub const MAX_AUTHENTICATOR_DATA: usize = 512;

    /// The most bytes of `clientDataJSON` that are read.
    pub const MAX_CLIENT_DATA: usize = 1024;
}

impl Signature {
    /// The suite.
    pub const fn suite(&self) -> Suite {
        match self {
            Signature::Ed25519(_) => Suite::Ed25519,
            Signature::Sm2(_) => Suite::Sm2,
            Signature::WebAuthn(_) => Suite::WebAuthn,
        }
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The origin in an assertion may name a person's device; the suite is all that a log needs.
        write!(f, "Signature({})", self.suite())
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion")
    }
}

impl BorshSerialize for Signature {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> IoResult<()> {
        writer.write_all(&[self.suite() as u8])?;
        match self {
            Signature::Ed25519(bytes) | Signature::Sm2(bytes) => writer.write_all(bytes),
            Signature::WebAuthn(assertion) => assertion.serialize(writer),
        }
    }
}

impl BorshDeserialize for Signature {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let number = u8::deserialize_reader(reader)?;
        match Suite::from_number(number) {
            Some(Suite::Ed25519) => <[u8; 64]>::deserialize_reader(reader).map(Signature::Ed25519),
            Some(Suite::Sm2) => <[u8; 64]>::deserialize_reader(reader).map(Signature::Sm2),
            Some(Suite::WebAuthn) => Assertion::deserialize_reader(reader)
                .map(|assertion| Signature::WebAuthn(Box::new(assertion))),
            None => Err(invalid(format!("unknown signature suite {number}"))),
        }
    }
}

impl BorshDeserialize for Assertion {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let authenticator_data = bounded(reader, Assertion::MAX_AUTHENTICATOR_DATA)?;
        let client_data_json = bounded(reader, Assertion::MAX_CLIENT_DATA)?;
        let signature = <[u8; 64]>::deserialize_reader(reader)?;
        Ok(Assertion { authenticator_data, client_data_json, signature })
    }
}

fn bounded<R: Read>(reader: &mut R, limit: usize) -> IoResult<Vec<u8>> {
    let length = u32::deserialize_reader(reader)? as usize;
    if length > limit {
        return Err(invalid(format!("{length} bytes where at most {limit} are allowed")));
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).map_err(|_| invalid("the input breaks off"))?;
    Ok(bytes)
}

refusals! {
    /// Why a signature does not authorise a transaction.
    pub enum SignatureFault in "signature" {
        /// TX-4: the equation of the suite does not hold, or the key is no point.
        Invalid { suite: Suite } = "invalid",
            "the {suite} signature does not belong to this transaction and key", "签名与交易或公钥不符";
        /// TX-6: `clientDataJSON` cannot be read.
        ClientData { expected: &'static str } = "client_data",
            "the passkey's client data lacks {expected}", "通行密钥的客户端数据无法读取";
        /// TX-6: the assertion's type.
        AssertionType { expected: &'static str } = "assertion_type",
            "the passkey's client data is not of type `{expected}`", "通行密钥断言类型不符";
        /// TX-6: the challenge is not the transaction's digest.
        Challenge { expected: Digest } = "challenge",
            "the passkey's challenge is not the transaction's digest {expected}", "通行密钥的挑战值不是交易摘要";
        /// TX-6: the origin is none of those of the genesis.
        Origin { allowed: u64 } = "origin",
            "the passkey's origin is none of the {allowed} that the genesis allows", "通行密钥的来源不在允许之列";
        /// TX-6: the assertion was made inside a frame of another origin.
        CrossOrigin {} = "cross_origin",
            "the passkey was used from a page of another origin", "通行密钥被跨来源使用";
        /// TX-6: the authenticator data are for another relying party.
        RelyingParty { expected: String } = "relying_party",
            "the passkey is not one of `{expected}`", "通行密钥不属于本依赖方";
        /// TX-6: the authenticator data are shorter than their header.
        AuthenticatorData { bytes: u64, expected: u64 } = "authenticator_data",
            "the authenticator data have {bytes} bytes, at least {expected} are expected", "认证器数据过短";
        /// TX-6: the person was not present.
        UserPresence {} = "user_presence",
            "the passkey does not attest that the user was present", "通行密钥未证明用户在场";
        /// TX-6: the person was not verified.
        UserVerification {} = "user_verification",
            "the passkey does not attest that the user was verified", "通行密钥未验证用户身份";
    }
}

impl From<Suite> for crate::refusal::FactValue {
    fn from(suite: Suite) -> Self {
        suite.name().into()
    }
}

/// For whom passkeys must have signed: constants of the genesis.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RelyingParty {
    /// The relying party's id: a domain, such as `wallet.example.cn`.
    pub id: String,
    /// Origins of the wallet's pages, such as `https://wallet.example.cn`.
    pub origins: Vec<String>,
}

/// Checks the signature of one transaction.
///
/// # Errors
/// [`SignatureFault`]: what does not hold.
pub fn verify(party: &RelyingParty, transaction: &Transaction) -> Result<(), SignatureFault> {
    let digest = transaction.digest();
    let holds = match (&transaction.body().signer, transaction.signature()) {
        (PublicKey::Ed25519(key), Signature::Ed25519(signature)) => {
            ed25519::verify(key, &digest.0, signature)
        }
        (PublicKey::Sm2(key), Signature::Sm2(signature)) => sm2::verify(key, &digest.0, signature),
        (PublicKey::WebAuthn(key), Signature::WebAuthn(assertion)) => {
            return webauthn::verify(party, key, digest, assertion);
        }
        // A transaction is not made of a key and a signature of two suites; were it, nothing would hold.
        _ => false,
    };
    if holds { Ok(()) } else { Err(SignatureFault::Invalid { suite: transaction.body().signer.suite() }) }
}

/// Checks the signatures of many transactions, in the order given.
///
/// Ed25519 is checked as one batch, which accepts exactly what single checks accept (ZIP 215), up to a probability of 2^-128 that no sender can influence without breaking
/// SHA-256. When the batch fails, its transactions are checked one by one. 128 to 512 transactions a call, calls on as many threads as there are.
pub fn verify_signatures(
    party: &RelyingParty,
    transactions: &[Transaction],
) -> Vec<Result<(), SignatureFault>> {
    let mut results = vec![Ok(()); transactions.len()];
    let mut batch = Vec::with_capacity(transactions.len());
    for (index, transaction) in transactions.iter().enumerate() {
        match (&transaction.body().signer, transaction.signature()) {
            (PublicKey::Ed25519(key), Signature::Ed25519(signature)) => {
                batch.push((index, ed25519::Entry { key, message: transaction.digest().0, signature }));
            }
            _ => results[index] = verify(party, transaction),
        }
    }
    if !ed25519::verify_batch(batch.iter().map(|(_, entry)| *entry)) {
        for (index, _) in batch {
            results[index] = verify(party, &transactions[index]);
        }
    }
    results
}

/// A private key of a suite whose keys are held by software. Zeroised when dropped.
///
/// Signing is deterministic (RFC 8032; RFC 6979 for SM2), so that it needs no randomness.
pub struct SigningKey {
    suite: Suite,
    secret: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

impl SigningKey {
    /// An Ed25519 key of its seed (RFC 8032, 5.1.5).
    pub fn ed25519(seed: [u8; 32]) -> Self {
        let secret = Zeroizing::new(seed);
        let public = PublicKey::Ed25519(ed25519::public(&secret));
        SigningKey { suite: Suite::Ed25519, secret, public }
    }

    /// An SM2 key of its scalar; `None` if that is not between 1 and the order less 2.
    pub fn sm2(scalar: [u8; 32]) -> Option<Self> {
        let secret = Zeroizing::new(scalar);
        let public = PublicKey::Sm2(sm2::public(&secret)?);
        Some(SigningKey { suite: Suite::Sm2, secret, public })
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The SM2 signature over the DER of a certificate or a request; `None` for a key of another suite.
    ///
    /// A transaction's signature is one over the 32 bytes of its digest. DER of this kind has more, so that neither passes for the other.
    pub fn sign_der(&self, der: &[u8]) -> Option<[u8; 64]> {
        (self.suite == Suite::Sm2 && der.len() > 32).then(|| sm2::sign(&self.secret, der))
    }

    /// The signature over a digest.
    pub fn sign_digest(&self, digest: Digest) -> Signature {
        match self.suite {
            Suite::Sm2 => Signature::Sm2(sm2::sign(&self.secret, &digest.0)),
            _ => Signature::Ed25519(ed25519::sign(&self.secret, &digest.0)),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// What a validator's key signs to show that its holder wants the seat (VAL-4).
pub fn possession_digest(chain: ChainId, organisation: crate::OrganisationId, key: &[u8; 32]) -> Digest {
    Digest::of("medveil/validator-possession/1", &[&chain.0, organisation.padded(), key])
}
