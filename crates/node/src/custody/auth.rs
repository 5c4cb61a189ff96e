//! Who asks over HTTP, and who answers: signatures of accounts of the ledger.
//!
//! A request to another member's node, or to the own node about shards, carries
//!
//! ```text
//! medveil-request: account=HEX; key=SUITE:HEX; time=MILLISECONDS; nonce=HEX; signature=HEX
//! signed   SHA-256, domain "medveil/http-request/1": chain 32 | SHA-256 of the method | SHA-256 of path and query
//!          | receiving organisation 32 | time 8, big-endian | nonce 16 | SHA-256 of the body
//! ```
//!
//! and its answer
//!
//! ```text
//! medveil-answer: account=HEX; key=SUITE:HEX; signature=HEX
//! signed   SHA-256, domain "medveil/http-answer/1": what was signed of the request 32 | status 2, big-endian | SHA-256 of the body
//! ```
//!
//! Keys are those of accounts as the receiver's own state has them, so that rotation, closing and freezing hold here as on the ledger. A request is taken within a minute of its time and once.
//! This is what RFC 9421 would sign, without its canonicalisation: every component is there, fixed, and hashed alone.

use std::{collections::BTreeSet, sync::Mutex};

use medveil_ledger::{
    AccountId, Canonical as _, ChainId, Digest, OrganisationId, PublicKey, Signature,
    role::Capacity,
    signature::{ed25519, sm2},
    state::{
        account::Account,
        organisation::{Organisation, Status},
    },
};

use super::lock;
use crate::{Node, read::ReadError};

/// The header of a request.
pub const REQUEST_HEADER: &str = "medveil-request";

/// The header of an answer.
pub const ANSWER_HEADER: &str = "medveil-answer";

/// How far a request's time may be from the receiver's clock, in milliseconds.
const WINDOW_MS: u64 = 60_000;

/// Requests that are remembered at most.
const REMEMBERED: usize = 200_000;

/// What is signed of a request.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The chain.
    pub chain: ChainId,
    /// The method, such as `GET`.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The organisation whose node is asked.
    pub receiver: OrganisationId,
    /// The body.
    pub body: &'a [u8],
}

/// A request's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Who asks.
    pub account: AccountId,
    /// With which key.
    pub key: PublicKey,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// A random number, used once.
    pub nonce: [u8; 16],
    /// The signature.
    pub signature: Signature,
}

/// Somebody whose request was signed by a key of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// The organisation that answers for it.
    pub organisation: OrganisationId,
    /// What the account is there.
    pub capacity: Capacity,
    /// What was signed: the answer names it.
    pub request: Digest,
}

/// Why a request or an answer is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFault {
    /// It is not signed, or the header cannot be read.
    #[error("the header `{header}` is missing or cannot be read")]
    Unsigned {
        /// Which header.
        header: &'static str,
    },
    /// Its time is too far away.
    #[error("signed at {time_ms}, it is {now_ms}: more than a minute apart")]
    Time {
        /// The request's time.
        time_ms: u64,
        /// The receiver's.
        now_ms: u64,
    },
    /// It was there before, or too many are remembered.
    #[error("the request was made before")]
    Replayed,
    /// The account is not on the ledger, or may not act.
    #[error("the account {account} is not there, closed or frozen, or its organisation is not active")]
    Account {
        /// The account.
        account: AccountId,
    },
    /// The key is none of the account's.
    #[error("the key is none of the account's")]
    Key,
    /// The signature does not hold.
    #[error("the signature does not belong to this message")]
    Signature,
    /// An account of another organisation, or of a capacity that may not ask for this.
    #[error("{account} may not ask for this")]
    NotAllowed {
        /// The account.
        account: AccountId,
    },
    /// The state cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Line<'_> {
    /// What is signed.
    pub fn digest(&self, time_ms: u64, nonce: &[u8; 16]) -> Digest {
        let hash = |bytes: &[u8]| Digest::of("medveil/http-part/1", &[bytes]).0;
        let (method, path) = (hash(self.method.as_bytes()), hash(self.path.as_bytes()));
        let (body, time) = (hash(self.body), time_ms.to_be_bytes());
        let parts: [&[u8]; 7] = [&self.chain.0, &method, &path, self.receiver.padded(), &time, nonce, &body];
        Digest::of("medveil/http-request/1", &parts)
    }

    /// The header of this request, and what was signed. `sign` says with which key it signs what it is given.
    ///
    /// # Errors
    /// Those of `sign`.
    pub fn sign<E>(
        &self,
        account: AccountId,
        time_ms: u64,
        nonce: [u8; 16],
        sign: impl FnOnce(Digest) -> Result<(PublicKey, Signature), E>,
    ) -> Result<(String, Digest), E> {
        let digest = self.digest(time_ms, &nonce);
        let (key, signature) = sign(digest)?;
        let (signature, nonce) = (hex::encode(signature.encode()), hex::encode(nonce));
        let text =
            format!("account={account}; key={key}; time={time_ms}; nonce={nonce}; signature={signature}");
        Ok((text, digest))
    }
}

impl RequestHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// [`AuthFault::Unsigned`].
    pub fn parse(text: &str) -> Result<Self, AuthFault> {
        let read = || {
            let mut fields = Fields::of(text, &["account", "key", "time", "nonce", "signature"])?;
            let (account, key) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            let time_ms = fields.next()?.parse().ok()?;
            let mut nonce = [0; 16];
            hex::decode_to_slice(fields.next()?, &mut nonce).ok()?;
            let signature = signature(fields.next()?)?;
            Some(Self { account, key, time_ms, nonce, signature })
        };
        read().ok_or(AuthFault::Unsigned { header: REQUEST_HEADER })
    }
}

/// The header of an answer. `sign` says with which key it signs what it is given.
///
/// # Errors
/// Those of `sign`.
pub fn sign_answer<E>(
    request: &Digest,
    status: u16,
    body: &[u8],
    account: AccountId,
    sign: impl FnOnce(Digest) -> Result<(PublicKey, Signature), E>,
) -> Result<String, E> {
    let (key, signature) = sign(answer_digest(request, status, body))?;
    let signature = hex::encode(signature.encode());
    Ok(format!("account={account}; key={key}; signature={signature}"))
}

/// Who signed an answer to a request; whether that is who was asked, the caller compares.
///
/// # Errors
/// [`AuthFault`].
pub async fn check_answer(
    node: &Node,
    request: &Digest,
    status: u16,
    body: &[u8],
    header: Option<&str>,
) -> Result<Caller, AuthFault> {
    let (account, key, signature) =
        read_answer(header).ok_or(AuthFault::Unsigned { header: ANSWER_HEADER })?;
    let digest = answer_digest(request, status, body);
    let caller = known(node, account, &key, *request).await?;
    if holds(&key, &digest, &signature) { Ok(caller) } else { Err(AuthFault::Signature) }
}

fn read_answer(header: Option<&str>) -> Option<(AccountId, PublicKey, Signature)> {
    let mut fields = Fields::of(header?, &["account", "key", "signature"])?;
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, signature(fields.next()?)?))
}

/// Checks a request to this node.
///
/// # Errors
/// [`AuthFault`].
pub(super) async fn check_request(
    node: &Node,
    nonces: &Nonces,
    line: &Line<'_>,
    header: Option<&str>,
    now_ms: u64,
) -> Result<Caller, AuthFault> {
    let header = RequestHeader::parse(header.unwrap_or_default())?;
    let RequestHeader { account, key, time_ms, nonce, signature } = header;
    if time_ms.abs_diff(now_ms) > WINDOW_MS {
        return Err(AuthFault::Time { time_ms, now_ms });
    }
    let digest = line.digest(time_ms, &nonce);
    let caller = known(node, account, &key, digest).await?;
    if !holds(&key, &digest, &signature) {
        return Err(AuthFault::Signature);
    }
    // Last, so that nobody uses up another's nonces.
    nonces.note(time_ms, account, nonce, now_ms)?;
    Ok(caller)
}

/// The account, if it may act and the key is one of its own.
async fn known(
    node: &Node,
    account: AccountId,
    key: &PublicKey,
    request: Digest,
) -> Result<Caller, AuthFault> {
    let refused = AuthFault::Account { account };
    let found = node.latest::<Account>(&account).await?.ok_or(refused.clone())?.value;
    if found.closed.is_some() || found.frozen.is_some() {
        return Err(refused);
    }
    if found.keys.used_for(key).is_none() {
        return Err(AuthFault::Key);
    }
    let organisation = node.latest::<Organisation>(&found.organisation).await?.ok_or(refused.clone())?.value;
    if organisation.status != Status::Active || organisation.frozen.is_some() {
        return Err(refused);
    }
    Ok(Caller { account, organisation: found.organisation, capacity: found.capacity, request })
}

fn answer_digest(request: &Digest, status: u16, body: &[u8]) -> Digest {
    let body = Digest::of("medveil/http-part/1", &[body]);
    Digest::of("medveil/http-answer/1", &[&request.0, &status.to_be_bytes(), &body.0])
}

fn holds(key: &PublicKey, digest: &Digest, signature: &Signature) -> bool {
    match (key, signature) {
        (PublicKey::Ed25519(key), Signature::Ed25519(signature)) => {
            ed25519::verify(key, &digest.0, signature)
        }
        (PublicKey::Sm2(key), Signature::Sm2(signature)) => sm2::verify(key, &digest.0, signature),
        _ => false,
    }
}

fn signature(text: &str) -> Option<Signature> {
    Signature::decode(&hex::decode(text).ok()?).ok()
}

/// The values of `name=value; name=value`, exactly these names in this order.
struct Fields<'t>(std::vec::IntoIter<&'t str>);

impl<'t> Fields<'t> {
    fn of(text: &'t str, names: &[&str]) -> Option<Self> {
        let parts: Vec<&str> = text.split("; ").collect();
        if parts.len() != names.len() {
            return None;
        }
        let value = |(part, name): (&&'t str, &&str)| part.strip_prefix(name)?.strip_prefix('=');
        let values = parts.iter().zip(names).map(value).collect::<Option<Vec<_>>>()?;
        Some(Self(values.into_iter()))
    }

    fn next(&mut self) -> Option<&'t str> {
        self.0.next()
    }
}

/// Requests that were made within the window.
#[derive(Default)]
pub(super) struct Nonces(Mutex<BTreeSet<(u64, AccountId, [u8; 16])>>);

impl Nonces {
    fn note(&self, time_ms: u64, account: AccountId, nonce: [u8; 16], now_ms: u64) -> Result<(), AuthFault> {
        let mut seen = lock(&self.0);
        // What is older is refused for its time.
        let oldest = (now_ms.saturating_sub(WINDOW_MS), AccountId([0; 32]), [0; 16]);
        *seen = seen.split_off(&oldest);
        if seen.len() >= REMEMBERED || !seen.insert((time_ms, account, nonce)) {
            return Err(AuthFault::Replayed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use medveil_ledger::SigningKey;

    use std::convert::Infallible;

    use super::*;

    fn line(body: &[u8]) -> Line<'_> {
        let receiver = OrganisationId::new("hospital-2").unwrap();
        Line {
            chain: ChainId([1; 32]),
            method: "PUT",
            path: "/internal/v1/custody/x?label=a",
            receiver,
            body,
        }
    }

    fn by(key: &SigningKey) -> impl FnOnce(Digest) -> Result<(PublicKey, Signature), Infallible> {
        |digest| Ok((key.public(), key.sign_digest(digest)))
    }

    #[test]
    fn a_signature_is_bound_to_everything_of_its_request() {
        for key in [SigningKey::ed25519([3; 32]), SigningKey::sm2([3; 32]).unwrap()] {
            let account = AccountId::derive(ChainId([1; 32]), &key.public());
            let (text, digest) = line(b"body").sign(account, 1000, [7; 16], by(&key)).unwrap();
            let header = RequestHeader::parse(&text).unwrap();
            assert_eq!((header.account, header.time_ms, header.nonce), (account, 1000, [7; 16]));
            assert!(holds(&header.key, &digest, &header.signature));
            let other = OrganisationId::new("hospital-3").unwrap();
            let changed = [
                line(b"bodY").digest(1000, &[7; 16]),
                line(b"body").digest(1001, &[7; 16]),
                line(b"body").digest(1000, &[8; 16]),
                Line { method: "GET", ..line(b"body") }.digest(1000, &[7; 16]),
                Line { path: "/internal/v1/custody/x", ..line(b"body") }.digest(1000, &[7; 16]),
                Line { receiver: other, ..line(b"body") }.digest(1000, &[7; 16]),
                Line { chain: ChainId([2; 32]), ..line(b"body") }.digest(1000, &[7; 16]),
            ];
            for changed in changed {
                assert!(!holds(&header.key, &changed, &header.signature));
            }
            let answer = sign_answer(&digest, 200, b"yes", account, by(&key)).unwrap();
            let (_, by, signature) = read_answer(Some(&answer)).unwrap();
            assert!(holds(&by, &answer_digest(&digest, 200, b"yes"), &signature));
            assert!(!holds(&by, &answer_digest(&digest, 404, b"yes"), &signature));
            assert!(!holds(&by, &answer_digest(&changed_request(), 200, b"yes"), &signature));
        }
    }

    fn changed_request() -> Digest {
        line(b"another").digest(1, &[1; 16])
    }

    #[test]
    fn a_request_is_taken_once() {
        let nonces = Nonces::default();
        let account = AccountId([1; 32]);
        nonces.note(100_000, account, [1; 16], 100_000).unwrap();
        assert_eq!(nonces.note(100_000, account, [1; 16], 100_010), Err(AuthFault::Replayed));
        nonces.note(100_000, account, [2; 16], 100_010).unwrap();
        nonces.note(100_000, AccountId([2; 32]), [1; 16], 159_000).unwrap();
        // Later it would be refused for its time, and is forgotten.
        nonces.note(200_000, account, [1; 16], 200_000).unwrap();
        assert_eq!(lock(&nonces.0).len(), 1);
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        let key = SigningKey::ed25519([3; 32]);
        let (text, _) = line(b"").sign(AccountId([1; 32]), 5, [7; 16], by(&key)).unwrap();
        for bad in [
            String::new(),
            text.replace("nonce=", "nonse="),
            text.replace("; time=5", ""),
            format!("{text}; more=1"),
            text.replace("time=5", "time=x"),
            text.replace("nonce=07", "nonce=0"),
        ] {
            assert!(RequestHeader::parse(&bad).is_err(), "{bad}");
        }
    }
}
