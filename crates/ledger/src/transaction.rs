//! Transactions: an account asks for an action.
//!
//! ```text
//! format 1 | chain 32 | account 32 | signer 1 + 32 or 33 | nonce 8 | expires 8 | action 2 + .. | signature 1 + ..
//! \____________________________ digest = the transaction's id ______________________________/
//! ```
//!
//! The digest covers everything but the signature, the signer's key included: a signature cannot be carried over to another key, and its
//! own spelling changes nothing that the ledger keeps.

use std::fmt;

use borsh::BorshSerialize;
use serde::Serialize;

use crate::action::Action;
use crate::encoding::{self, Canonical, DecodeError};
use crate::id::{AccountId, ChainId, Digest};
use crate::public_key::{PublicKey, Suite};
use crate::signature::{RelyingParty, Signature, SignatureFault, SigningKey};

/// The most bytes that a transaction can have. The parameter `max-transaction-bytes` may say less.
pub const MAX_TRANSACTION_BYTES: usize = 64 * 1024;

/// The format of transactions that this software knows.
pub const FORMAT: u8 = 1;

/// The domain of transaction digests.
const DOMAIN: &str = "medveil/transaction/1";

/// What an account asks for: everything of a transaction but the signature.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize)]
pub struct Body {
    /// The chain that it is for.
    pub chain: ChainId,
    /// Who asks.
    pub account: AccountId,
    /// The account's key that signs.
    pub signer: PublicKey,
    /// The account's transactions before this one.
    pub nonce: u64,
    /// The last height at which it may be included.
    pub expires: u64,
    /// What is asked for.
    pub action: Action,
}

impl Body {
    /// The transaction's id.
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::with_capacity(256);
        self.write(&mut bytes);
        digest(&bytes)
    }

    /// The transaction, signed with a key of the account. The key must be the one that `signer` names.
    pub fn sign(self, key: &SigningKey) -> Transaction {
        debug_assert_eq!(self.signer, key.public(), "signed with another key than the signer's");
        let mut bytes = Vec::with_capacity(256);
        self.write(&mut bytes);
        let digest = digest(&bytes);
        let signature = key.sign_digest(digest);
        signature.encode_into(&mut bytes);
        Transaction { body: self, signature, digest, length: bytes.len() }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(FORMAT);
        BorshSerialize::serialize(self, bytes).expect("writing into memory does not fail");
    }
}

/// A signed transaction; its signature is not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Transaction {
    body: Body,
    signature: Signature,
    digest: Digest,
    length: usize,
}

impl Transaction {
    /// The transaction of a body and a signature that was made elsewhere, such as a passkey's.
    ///
    /// # Errors
    /// [`DecodeError::SuiteMismatch`] when key and signature are of two suites, [`DecodeError::TooLarge`].
    pub fn new(body: Body, signature: Signature) -> Result<Self, DecodeError> {
        check_suites(&body.signer, &signature)?;
        let mut bytes = Vec::with_capacity(256);
        body.write(&mut bytes);
        let digest = digest(&bytes);
        signature.encode_into(&mut bytes);
        check_length(bytes.len())?;
        Ok(Transaction { body, signature, digest, length: bytes.len() })
    }

    /// Reads a transaction.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset of the first fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        check_length(bytes.len())?;
        let (total, mut rest) = (bytes.len(), bytes);
        let rest = &mut rest;
        let format: u8 = encoding::part(total, rest)?;
        if format != FORMAT {
            return Err(DecodeError::UnknownFormat { found: format, expected: FORMAT });
        }
        let chain = encoding::part(total, rest)?;
        let account = encoding::part(total, rest)?;
        known_suite(total, rest)?;
        let signer = encoding::part(total, rest)?;
        let nonce = encoding::part(total, rest)?;
        let expires = encoding::part(total, rest)?;
        let action = Action::read(total, rest)?;
        let body = Body { chain, account, signer, nonce, expires, action };
        let signed = total - rest.len();
        known_suite(total, rest)?;
        let signature: Signature = encoding::part(total, rest)?;
        encoding::end(rest)?;
        check_suites(&body.signer, &signature)?;
        Ok(Transaction { body, signature, digest: digest(&bytes[..signed]), length: total })
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        self.body.write(&mut bytes);
        self.signature.encode_into(&mut bytes);
        bytes
    }

    /// The number of canonical bytes.
    pub fn encoded_len(&self) -> usize {
        self.length
    }

    /// The transaction's id.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What is asked for.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The signature, checked or not.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// **Skips the check of the signature**: for transactions that [`verify_signatures`](crate::verify_signatures) has accepted, in
    /// this process, before.
    pub fn assume_signature_verified(self) -> Verified {
        Verified(self)
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("digest", &self.digest).field("body", &self.body).finish()
    }
}

/// A transaction whose signature is one of the key that it names. That the key is the account's is checked against the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified(Transaction);

impl Verified {
    /// Checks the signature.
    ///
    /// # Errors
    /// [`SignatureFault`]: what does not hold.
    pub fn check(transaction: Transaction, party: &RelyingParty) -> Result<Self, SignatureFault> {
        crate::signature::verify(party, &transaction)?;
        Ok(Verified(transaction))
    }
}

impl std::ops::Deref for Verified {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.0
    }
}

fn digest(signed: &[u8]) -> Digest {
    Digest::of(DOMAIN, &[signed])
}

fn check_length(bytes: usize) -> Result<(), DecodeError> {
    if bytes > MAX_TRANSACTION_BYTES {
        return Err(DecodeError::TooLarge { bytes, limit: MAX_TRANSACTION_BYTES });
    }
    Ok(())
}

fn check_suites(key: &PublicKey, signature: &Signature) -> Result<(), DecodeError> {
    let (key, signature) = (key.suite(), signature.suite());
    if key == signature {
        return Ok(());
    }
    Err(DecodeError::SuiteMismatch { key: key.name(), signature: signature.name() })
}

/// Names an unknown suite before the general decoder calls it malformed.
fn known_suite(total: usize, rest: &[u8]) -> Result<(), DecodeError> {
    match rest.first() {
        Some(number) if Suite::from_number(*number).is_none() => {
            Err(DecodeError::UnknownSuite { number: *number, at: total - rest.len() })
        }
        _ => Ok(()),
    }
}
