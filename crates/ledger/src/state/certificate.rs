//! Certificates of organisations' SM2 keys, and what they are asked for.
//!
//! A certificate is verified once, when it is registered. What each transaction then costs is two look-ups: the certificate of the key that signs, and
//! whether its issuer still is one.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::issuer::{Issuer, IssuerRefusal};
use super::key::{self, Domain, Key};
use super::{Record, State, Versioned};
use crate::action::Action;
use crate::call::Halt;
use crate::encoding::Canonical;
use crate::id::{AccountId, CertificateId, Digest, IssuerId, OrganisationId};
use crate::measure::Cause;
use crate::public_key::PublicKey;
use crate::refusal::refusals;
use crate::role::Capacity;
use crate::state::account::Account;
use crate::transaction::Body;
use crate::x509::{Serial, check_time};

/// The certificate of a key of an account: the one that was registered last. Earlier ones are earlier versions.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Certificate {
    /// Whose key it is.
    pub account: AccountId,
    /// The organisation that the account acts for, and that the certificate names.
    pub organisation: OrganisationId,
    /// The key.
    pub key: PublicKey,
    /// The authority that the path leads to.
    pub issuer: IssuerId,
    /// SHA-256 of the certificate's DER, which stands in the transaction that registered it.
    pub fingerprint: Digest,
    /// The number that its issuer gave it.
    pub serial: Serial,
    /// When it begins: milliseconds since 1970. That of the path: the latest beginning in it ...
    pub not_before_ms: u64,
    /// ... and the earliest end, which is within it.
    pub not_after_ms: u64,
    /// Whether it was revoked.
    pub revoked: Option<Revocation>,
}

/// That a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Revocation {
    /// The height since which it is.
    pub since: u64,
    /// Why.
    pub cause: Cause,
}

impl Record for Certificate {
    const DOMAIN: Domain = Domain::Certificate;
    type Id = CertificateId;
}

refusals! {
    /// Why a certificate is not taken, or a transaction needs one.
    pub enum CertificateRefusal in "certificate" {
        /// CERT-2: it is not what the profile says.
        Malformed { part: &'static str } = "malformed",
            "the certificate is no X.509 of version 3 in canonical DER: its {part} cannot be read", "证书不是规范的 X.509 第 3 版 DER 编码";
        /// CERT-2: it is signed by another algorithm.
        Algorithm { found: String, needed: &'static str } = "algorithm",
            "the certificate is signed with {found}, SM2 with SM3 ({needed}) is needed", "证书签名算法不是 SM2-SM3";
        /// CERT-2: its key is of another curve.
        Curve { found: String, needed: &'static str } = "curve",
            "the certificate's key is of {found}, SM2's curve ({needed}) is needed", "证书公钥不在 SM2 曲线上";
        /// CERT-2: a critical extension that is not understood.
        Extension { oid: String } = "extension",
            "the certificate has the critical extension {oid}, which is not understood", "证书含有无法理解的关键扩展";
        /// CERT-3: it is an authority's.
        IsAuthority {} = "is_authority",
            "the certificate is that of an authority, not of an organisation's signing key", "该证书属于签发机构，不是机构签名证书";
        /// CERT-3: its key is not for what it is used for.
        Usage { needed: &'static str } = "usage",
            "the certificate's key usage lacks {needed}", "证书密钥用途不符";
        /// CERT-4: who signs it is no authority.
        NotAuthority { fingerprint: Digest } = "not_authority",
            "the certificate `{fingerprint}` is not that of an authority", "该证书不是签发机构证书";
        /// CERT-4: more authorities than the issuer allows below it.
        PathLength { allowed: u64, found: u64 } = "path_length",
            "{found} authorities come below the issuer, it allows {allowed}", "证书路径过长";
        /// CERT-4: who should have signed it has another name.
        IssuerName { fingerprint: Digest } = "issuer_name",
            "the certificate `{fingerprint}` names another issuer", "证书的签发者名称不符";
        /// CERT-4: the signature does not hold.
        Signature { fingerprint: Digest } = "signature",
            "the signature of `{fingerprint}` is not one of its issuer", "证书签名不成立";
        /// CERT-5: the key is none of the account's.
        Key { account: AccountId, key: PublicKey } = "key",
            "`{key}` is no key of the account `{account}`", "证书公钥不属于该账户";
        /// CERT-5: the subject's organisation has another name.
        Organisation { found: String, needed: String } = "organisation",
            "the certificate is for the organisation `{found}`, the account's is `{needed}`", "证书中的机构名称与账户所属机构不符";
        /// CERT-5: it is on the ledger.
        Same { fingerprint: Digest } = "same",
            "`{fingerprint}` is the certificate of this key already", "该证书已登记";
        /// CERT-6: it begins later.
        NotYet { not_before_ms: u64, now_ms: u64 } = "not_yet",
            "the certificate is valid from {not_before_ms} ms, it is {now_ms} ms", "证书尚未生效";
        /// CERT-6: it has ended.
        Expired { not_after_ms: u64, now_ms: u64 } = "expired",
            "the certificate was valid until {not_after_ms} ms, it is {now_ms} ms", "证书已过期";
        /// CERT-8: it was revoked.
        Revoked { fingerprint: Digest, since: u64 } = "revoked",
            "the certificate `{fingerprint}` has been revoked since height {since}", "证书已被吊销";
        /// CERT-8: there is no such certificate.
        Unknown { certificate: CertificateId } = "unknown",
            "there is no certificate `{certificate}`", "证书不存在";
        /// CERT-8: the key has another certificate by now.
        Superseded { expected: Digest, found: Digest } = "superseded",
            "the key has the certificate `{found}` by now, not `{expected}`", "该密钥已换用其他证书";
        /// CERT-8: it is another organisation's, or a colleague's.
        NotYours { certificate: CertificateId, organisation: OrganisationId } = "not_yours",
            "the caller may not revoke `{certificate}` of `{organisation}`", "无权吊销该证书";
        /// CERT-9: the members want one, and the key has none.
        Required { key: PublicKey } = "required",
            "`{key}` has no certificate, and the members want one", "该密钥没有所要求的证书";
    }
}

/// What an action needs of the certificate of the key that signs it (CERT-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// That there is one and it holds.
    Valid,
    /// That it was not revoked, if there is one: who was certified and is not any more may be somebody else.
    NotRevoked,
    /// Nothing: what brings certificates, and what can do away with the rule.
    Nothing,
}

impl Needs {
    fn of(body: &Body) -> Self {
        match &body.action {
            Action::CertificateRegister(_) | Action::GovernancePropose(_) | Action::GovernanceVote(_) => {
                Needs::Nothing
            }
            Action::AccountSetKeys(set) if set.account == body.account => Needs::NotRevoked,
            _ => Needs::Valid,
        }
    }
}

/// The certificate that a transaction may need, to be loaded in advance.
pub(crate) fn needed(body: &Body) -> Option<Key> {
    let PublicKey::Sm2(key) = &body.signer else { return None };
    let id = CertificateId::derive(body.chain, body.account, key);
    (Needs::of(body) != Needs::Nothing).then(|| Certificate::head_key(&id))
}

impl State<'_> {
    /// CERT-9: the certificate of the SM2 key with which an organisation's account signs.
    pub(crate) fn check_certified(&self, body: &Body, account: &Account) -> Result<(), Halt> {
        let (needs, PublicKey::Sm2(key)) = (Needs::of(body), &body.signer) else { return Ok(()) };
        // A patient's key is their own, not the hospital's.
        if needs == Needs::Nothing || account.capacity == Capacity::Patient {
            return Ok(());
        }
        let id = CertificateId::derive(body.chain, body.account, key);
        let certificate = match self.latest::<Certificate>(&id)? {
            Some(found) => found.value,
            None if needs == Needs::NotRevoked => return Ok(()),
            None => return Err(CertificateRefusal::Required { key: body.signer }.into()),
        };
        if let Some(Revocation { since, .. }) = certificate.revoked {
            let fingerprint = certificate.fingerprint;
            return Err(CertificateRefusal::Revoked { fingerprint, since }.into());
        }
        if needs == Needs::NotRevoked {
            return Ok(());
        }
        check_time(certificate.not_before_ms, certificate.not_after_ms, self.block().time_ms)?;
        self.issuer(certificate.issuer).map(drop)
    }

    /// An authority that is admitted.
    pub(crate) fn issuer(&self, issuer: IssuerId) -> Result<Versioned<Issuer>, Halt> {
        let found: Versioned<Issuer> = self.latest(&issuer)?.ok_or(IssuerRefusal::Unknown { issuer })?;
        match found.value.removed {
            Some(since) => Err(IssuerRefusal::Removed { issuer, since }.into()),
            None => Ok(found),
        }
    }

    /// A certificate that is the latest of its key and was not revoked.
    pub(crate) fn standing_certificate(
        &self,
        certificate: CertificateId,
        fingerprint: Digest,
    ) -> Result<Versioned<Certificate>, Halt> {
        let found: Versioned<Certificate> =
            self.latest(&certificate)?.ok_or(CertificateRefusal::Unknown { certificate })?;
        if found.value.fingerprint != fingerprint {
            let found = found.value.fingerprint;
            return Err(CertificateRefusal::Superseded { expected: fingerprint, found }.into());
        }
        match found.value.revoked {
            Some(Revocation { since, .. }) => Err(CertificateRefusal::Revoked { fingerprint, since }.into()),
            None => Ok(found),
        }
    }

    /// Revokes a certificate for ever.
    pub(crate) fn revoke(&mut self, id: &CertificateId, before: Versioned<Certificate>, cause: Cause) {
        let revocation = Revocation { since: self.block().height, cause };
        self.write(key::revoked(&before.value.fingerprint), revocation.encode());
        self.succeed(id, before.version, Certificate { revoked: Some(revocation), ..before.value });
    }

    /// Another certificate of the key takes this one's place, for ever: whoever has the key must not go back to it when the later one is revoked.
    pub(crate) fn supersede(&mut self, before: &Certificate) {
        if before.revoked.is_none() {
            let spent = Revocation { since: self.block().height, cause: Cause::Request };
            self.write(key::revoked(&before.fingerprint), spent.encode());
        }
    }

    /// Refuses a certificate that was revoked or replaced, whatever key it is handed in for.
    pub(crate) fn check_not_revoked(&self, fingerprint: Digest) -> Result<(), Halt> {
        match self.read::<Revocation>(&key::revoked(&fingerprint))? {
            Some(Revocation { since, .. }) => Err(CertificateRefusal::Revoked { fingerprint, since }.into()),
            None => Ok(()),
        }
    }
}
