//! Issuers: certification authorities whose certificates the members take.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::Record;
use super::certificate::CertificateRefusal;
use super::key::Domain;
use crate::bounded::OpaqueBytes;
use crate::id::{BoundedText, IssuerId};
use crate::public_key::PublicKey;
use crate::refusal::refusals;
use crate::x509::X509;

/// A certification authority. Its id is the SHA-256 fingerprint of its certificate; the certificate itself stands in the genesis or in the proposal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Issuer {
    /// Its common name, for people.
    pub name: BoundedText<200>,
    /// Its name as certificates spell it: DER.
    pub subject: OpaqueBytes<1, 1024>,
    /// Its key.
    pub key: PublicKey,
    /// When it begins: milliseconds since 1970.
    pub not_before_ms: u64,
    /// Until when, included, it holds.
    pub not_after_ms: u64,
    /// How many authorities may come below it, if it says that.
    pub path_length: Option<u8>,
    /// The height at which it was admitted.
    pub since: u64,
    /// The height since which it is none any more.
    pub removed: Option<u64>,
}

impl Record for Issuer {
    const DOMAIN: Domain = Domain::Issuer;
    type Id = IssuerId;
}

refusals! {
    /// Why nothing is done with a certification authority.
    pub enum IssuerRefusal in "issuer" {
        /// CERT-1: it is admitted.
        Exists { issuer: IssuerId, since: u64 } = "exists",
            "the authority `{issuer}` has been admitted since height {since}", "该签发机构已被接纳";
        /// CERT-1: it is not admitted.
        Unknown { issuer: IssuerId } = "unknown",
            "there is no authority `{issuer}`", "签发机构不存在";
        /// CERT-7: it was removed.
        Removed { issuer: IssuerId, since: u64 } = "removed",
            "the authority `{issuer}` has been removed since height {since}", "签发机构已被移除";
    }
}

impl Issuer {
    /// The authority of a certificate, admitted at a height.
    ///
    /// # Errors
    /// [`CertificateRefusal`]: it is not that of an authority, or says that it signs itself and does not.
    pub fn of(certificate: &X509, since: u64) -> Result<Self, CertificateRefusal> {
        let path_length = certificate.check_authority()?;
        // What signs another authority is not known here: the members' votes stand for it.
        if certificate.is_self_issued() {
            certificate.check_signed_by(&certificate.subject, &certificate.key)?;
        }
        let malformed = CertificateRefusal::Malformed { part: "subject" };
        let name = certificate.common_name.clone().or_else(|| certificate.organisation.clone());
        let name = name.and_then(|name| BoundedText::new(name).ok()).ok_or_else(|| malformed.clone())?;
        Ok(Issuer {
            name,
            subject: OpaqueBytes::new(certificate.subject.clone()).map_err(|_| malformed)?,
            key: PublicKey::Sm2(certificate.key),
            not_before_ms: certificate.not_before_ms,
            not_after_ms: certificate.not_after_ms,
            path_length,
            since,
            removed: None,
        })
    }
}
