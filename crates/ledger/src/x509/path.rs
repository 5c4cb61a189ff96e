//! Paths: from an organisation's certificate up to an issuer that is admitted.

use super::X509;
use crate::public_key::PublicKey;
use crate::state::certificate::CertificateRefusal;
use crate::state::issuer::Issuer;

/// A certificate and what stands between it and an issuer: nothing, or one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// That of an organisation's key.
    pub certificate: X509,
    intermediate: Option<X509>,
}

impl Path {
    /// Reads a path. Its signatures and its times are checked against the issuer.
    ///
    /// # Errors
    /// [`CertificateRefusal`]: what is not of the profile, or not where it belongs.
    pub fn read(certificate: &[u8], intermediate: Option<&[u8]>) -> Result<Self, CertificateRefusal> {
        let certificate = X509::read(certificate)?;
        certificate.check_signer()?;
        let intermediate = intermediate.map(X509::read).transpose()?;
        // How many authorities come below it does not matter: none does.
        if let Some(authority) = &intermediate {
            authority.check_authority()?;
        }
        Ok(Path { certificate, intermediate })
    }

    /// The latest beginning on the path, the issuer's included, and the earliest end: milliseconds since 1970.
    pub fn validity(&self, issuer: &Issuer) -> (u64, u64) {
        let below = std::iter::once(&self.certificate).chain(&self.intermediate);
        below.fold((issuer.not_before_ms, issuer.not_after_ms), |(from, until), next| {
            (from.max(next.not_before_ms), until.min(next.not_after_ms))
        })
    }

    /// Refuses a path that is not signed from end to end, or longer than the issuer allows.
    ///
    /// # Errors
    /// [`CertificateRefusal::PathLength`], [`CertificateRefusal::IssuerName`], [`CertificateRefusal::Signature`].
    pub fn check_signatures(&self, issuer: &Issuer) -> Result<(), CertificateRefusal> {
        let (subject, PublicKey::Sm2(key)) = (issuer.subject.as_ref(), &issuer.key) else {
            return Err(CertificateRefusal::Malformed { part: "issuer" });
        };
        let Some(authority) = &self.intermediate else {
            return self.certificate.check_signed_by(subject, key);
        };
        if let Some(allowed @ 0) = issuer.path_length {
            return Err(CertificateRefusal::PathLength { allowed: allowed.into(), found: 1 });
        }
        authority.check_signed_by(subject, key)?;
        self.certificate.check_signed_by(&authority.subject, &authority.key)
    }
}
