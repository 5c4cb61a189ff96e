//! X.509 certificates of the national suite: an SM2 key, signed by SM2 with SM3 (GM/T 0015-2012, GM/T 0009-2012).
//!
//! A profile, not all of X.509: version 3 in canonical DER, one curve, one algorithm, the default identity, no critical extension but two. What is
//! not in it is refused with its reason. Nothing here knows the time or the state: [`state::certificate`](crate::state::certificate) does.
//!
//! ```text
//!   issuer (admitted by the members) --signs--> [intermediate] --signs--> certificate of an organisation's key
//! ```
//!
//! [`write`](mod@write) makes what is read here, for consortiums that are their own authority, and for tests.

mod path;
pub mod pem;
pub mod write;

pub use path::Path;

use x509_cert::Certificate;
use x509_cert::der::asn1::{Any, AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Encode as _, Error as DerError, Tag, Tagged as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::name::Name;
use x509_cert::request::CertReq;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::bounded::OpaqueBytes;
use crate::id::{Digest, IssuerId};
use crate::signature::sm2;
use crate::state::certificate::CertificateRefusal;

/// The most bytes of a certificate that are read. National certificates have 500 to 2,000.
pub const MAX_BYTES: usize = 4096;

/// A certificate as it was issued: DER, hexadecimal for people.
pub type CertificateDer = OpaqueBytes<1, MAX_BYTES>;

/// A serial number: big-endian, without zeros in front, of at most 20 bytes (RFC 5280, 4.1.2.2).
pub type Serial = OpaqueBytes<1, 20>;

/// SM2 with SM3 (GM/T 0006-2012).
pub const SM2_WITH_SM3: &str = "1.2.156.10197.1.501";
/// The recommended curve of GB/T 32918.5-2017 (GM/T 0006-2012).
pub const SM2_CURVE: &str = "1.2.156.10197.1.301";
/// A key of a curve (RFC 5480, 2.1.1).
pub const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
/// `basicConstraints`, `keyUsage` (RFC 5280, 4.2.1.9 and 4.2.1.3); `organizationName`, `commonName` (RFC 4519, 2.19 and 2.3).
pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const ORGANISATION_NAME: &str = "2.5.4.10";
pub(crate) const COMMON_NAME: &str = "2.5.4.3";

/// A certificate of the profile. Its signature is not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X509 {
    /// SHA-256 of the DER.
    pub fingerprint: Digest,
    /// The number that the issuer gave it.
    pub serial: Serial,
    /// Who signs it: the name's DER.
    pub issuer: Vec<u8>,
    /// Whose it is: the name's DER.
    pub subject: Vec<u8>,
    /// The organisation in the subject's name, if there is exactly one that can be read.
    pub organisation: Option<String>,
    /// The common name in the subject's name, if there is exactly one that can be read.
    pub common_name: Option<String>,
    /// When it begins: milliseconds since 1970.
    pub not_before_ms: u64,
    /// Until when, included, it holds.
    pub not_after_ms: u64,
    /// The key, a point of the curve, compressed.
    pub key: [u8; 33],
    /// Whether it is that of an authority, and how many authorities may come below it.
    authority: Option<BasicConstraints>,
    usage: Option<KeyUsage>,
    /// What is signed.
    signed: Vec<u8>,
    signature: [u8; 64],
}

/// `Malformed` at a part of the certificate. Where a parser stopped is not told: receipts must be the same whatever version of it read them.
fn malformed(part: &'static str) -> CertificateRefusal {
    CertificateRefusal::Malformed { part }
}

impl X509 {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`CertificateRefusal`]: what is not of the profile.
    pub fn read(der: &[u8]) -> Result<Self, CertificateRefusal> {
        let certificate = Certificate::from_der(der).map_err(|_| malformed("certificate"))?;
        // What decodes may have been spelled otherwise than DER would: the signature is one over the canonical spelling alone.
        if certificate.to_der().ok().as_deref() != Some(der) {
            return Err(malformed("encoding"));
        }
        let body = certificate.tbs_certificate();
        if body.version() != x509_cert::Version::V3 {
            return Err(malformed("version"));
        }
        check_algorithm(body.signature())?;
        if certificate.signature_algorithm() != body.signature() {
            return Err(malformed("algorithm"));
        }
        let (not_before_ms, not_after_ms) =
            (milliseconds(body.validity().not_before), milliseconds(body.validity().not_after));
        if not_before_ms > not_after_ms {
            return Err(malformed("validity"));
        }
        let extensions = Extensions::read(body.extensions().map(Vec::as_slice).unwrap_or_default())?;
        Ok(X509 {
            fingerprint: fingerprint(der),
            serial: serial(body.serial_number().as_bytes()).ok_or_else(|| malformed("serial"))?,
            issuer: body.issuer().to_der().map_err(|_| malformed("issuer"))?,
            subject: body.subject().to_der().map_err(|_| malformed("subject"))?,
            organisation: only(body.subject(), ORGANISATION_NAME),
            common_name: only(body.subject(), COMMON_NAME),
            not_before_ms,
            not_after_ms,
            key: key(body.subject_public_key_info())?,
            authority: extensions.basic_constraints,
            usage: extensions.key_usage,
            signed: body.to_der().map_err(|_| malformed("certificate"))?,
            signature: signature(certificate.signature().as_bytes()).ok_or_else(|| malformed("signature"))?,
        })
    }

    /// The id that it has as that of an authority.
    pub fn issuer_id(&self) -> IssuerId {
        IssuerId(self.fingerprint.0)
    }

    /// Whether subject and issuer are one.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Refuses what is not that of an organisation's signing key: that of an authority, or of another use.
    ///
    /// # Errors
    /// [`CertificateRefusal::IsAuthority`], [`CertificateRefusal::Usage`].
    pub fn check_signer(&self) -> Result<(), CertificateRefusal> {
        let usage = self.usage.ok_or(CertificateRefusal::Usage { needed: "digitalSignature" })?;
        if self.authority.as_ref().is_some_and(|constraints| constraints.ca) || usage.key_cert_sign() {
            return Err(CertificateRefusal::IsAuthority {});
        }
        if !usage.digital_signature() {
            return Err(CertificateRefusal::Usage { needed: "digitalSignature" });
        }
        Ok(())
    }

    /// Refuses what is not that of an authority; how many authorities may come below it, if it says that.
    ///
    /// # Errors
    /// [`CertificateRefusal::NotAuthority`], [`CertificateRefusal::Usage`].
    pub fn check_authority(&self) -> Result<Option<u8>, CertificateRefusal> {
        let fingerprint = self.fingerprint;
        let constraints = self.authority.as_ref().filter(|constraints| constraints.ca);
        let constraints = constraints.ok_or(CertificateRefusal::NotAuthority { fingerprint })?;
        if !self.usage.is_some_and(|usage| usage.key_cert_sign()) {
            return Err(CertificateRefusal::Usage { needed: "keyCertSign" });
        }
        Ok(constraints.path_len_constraint)
    }

    /// Refuses what an authority of that name and key has not signed.
    ///
    /// # Errors
    /// [`CertificateRefusal::IssuerName`], [`CertificateRefusal::Signature`].
    pub fn check_signed_by(&self, subject: &[u8], key: &[u8; 33]) -> Result<(), CertificateRefusal> {
        let fingerprint = self.fingerprint;
        if self.issuer != subject {
            return Err(CertificateRefusal::IssuerName { fingerprint });
        }
        if !sm2::verify(key, &self.signed, &self.signature) {
            return Err(CertificateRefusal::Signature { fingerprint });
        }
        Ok(())
    }
}

/// Refuses a time outside of a validity, whose ends are within it.
pub(crate) fn check_time(
    not_before_ms: u64,
    not_after_ms: u64,
    now_ms: u64,
) -> Result<(), CertificateRefusal> {
    if now_ms < not_before_ms {
        return Err(CertificateRefusal::NotYet { not_before_ms, now_ms });
    }
    if now_ms > not_after_ms {
        return Err(CertificateRefusal::Expired { not_after_ms, now_ms });
    }
    Ok(())
}

/// A request for a certificate (PKCS#10, RFC 2986) whose signature shows that who asks has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The name that is asked for: its DER.
    pub subject: Vec<u8>,
    /// The organisation in it.
    pub organisation: Option<String>,
    /// The key, compressed.
    pub key: [u8; 33],
}

impl CertificateRequest {
    /// Reads a request and checks its signature.
    ///
    /// # Errors
    /// [`CertificateRefusal`]: what is not of the profile, or that the signature is another's.
    pub fn read(der: &[u8]) -> Result<Self, CertificateRefusal> {
        let request = CertReq::from_der(der).map_err(|_| malformed("request"))?;
        if request.to_der().ok().as_deref() != Some(der) {
            return Err(malformed("encoding"));
        }
        check_algorithm(&request.algorithm)?;
        let (info, key) = (&request.info, key(&request.info.public_key)?);
        let signed = info.to_der().map_err(|_| malformed("request"))?;
        let signature = signature(request.signature.as_bytes()).ok_or_else(|| malformed("signature"))?;
        if !sm2::verify(&key, &signed, &signature) {
            return Err(CertificateRefusal::Signature { fingerprint: fingerprint(der) });
        }
        let subject = info.subject.to_der().map_err(|_| malformed("subject"))?;
        Ok(CertificateRequest { subject, organisation: only(&info.subject, ORGANISATION_NAME), key })
    }
}

/// The two extensions that are understood.
struct Extensions {
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<KeyUsage>,
}

impl Extensions {
    fn read(all: &[Extension]) -> Result<Self, CertificateRefusal> {
        let mut found = Extensions { basic_constraints: None, key_usage: None };
        for (index, extension) in all.iter().enumerate() {
            // RFC 5280, 4.2: none stands twice, and who does not understand a critical one refuses the certificate.
            // By the text: an identifier may be spelled with zeros in front of an arc, which the decoder lets pass.
            let (oid, value) = (extension.extn_id.to_string(), extension.extn_value.as_bytes());
            if all[..index].iter().any(|before| before.extn_id.to_string() == oid) {
                return Err(malformed("extensions"));
            }
            match oid.as_str() {
                BASIC_CONSTRAINTS => {
                    let read = BasicConstraints::from_der(value);
                    found.basic_constraints = Some(read.map_err(|_| malformed("basicConstraints"))?);
                }
                KEY_USAGE => {
                    found.key_usage = Some(KeyUsage::from_der(value).map_err(|_| malformed("keyUsage"))?);
                }
                _ if extension.critical => return Err(CertificateRefusal::Extension { oid }),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// SHA-256 of the DER: what `openssl x509 -fingerprint -sha256` shows.
pub fn fingerprint(der: &[u8]) -> Digest {
    use sha2::Digest as _;
    Digest(sha2::Sha256::digest(der).into())
}

/// Refuses other algorithms than SM2 with SM3. National certificates have parameters of NULL or none.
fn check_algorithm(algorithm: &AlgorithmIdentifierOwned) -> Result<(), CertificateRefusal> {
    let found = algorithm.oid.to_string();
    if found != SM2_WITH_SM3 {
        return Err(CertificateRefusal::Algorithm { found, needed: SM2_WITH_SM3 });
    }
    match &algorithm.parameters {
        None => Ok(()),
        Some(parameters) if parameters.is_null() => Ok(()),
        Some(_) => Err(malformed("algorithm")),
    }
}

/// The key, if it is one of SM2's curve.
fn key(info: &SubjectPublicKeyInfoOwned) -> Result<[u8; 33], CertificateRefusal> {
    let algorithm = info.algorithm.oid.to_string();
    if algorithm != EC_PUBLIC_KEY {
        return Err(CertificateRefusal::Curve { found: algorithm, needed: SM2_CURVE });
    }
    let curve = info.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let found = curve.ok_or_else(|| malformed("key"))?.to_string();
    if found != SM2_CURVE {
        return Err(CertificateRefusal::Curve { found, needed: SM2_CURVE });
    }
    info.subject_public_key.as_bytes().and_then(sm2::compressed).ok_or_else(|| malformed("key"))
}

fn serial(bytes: &[u8]) -> Option<Serial> {
    // Positive: not zero, and no sign. A zero in front keeps a number of 20 bytes from being a negative one.
    let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let digits = bytes.strip_prefix(&[0]).unwrap_or(bytes);
    if sign || digits.is_empty() { None } else { Serial::new(digits.to_vec()).ok() }
}

/// r and s, from DER.
fn signature(der: Option<&[u8]>) -> Option<[u8; 64]> {
    let numbers = AnyRef::from_der(der?).ok()?;
    let (r, s) = numbers
        .sequence(|reader| Ok::<_, DerError>((UintRef::decode(reader)?, UintRef::decode(reader)?)))
        .ok()?;
    let mut both = [0; 64];
    let (left, right) = both.split_at_mut(32);
    for (number, place) in [(r, left), (s, right)] {
        let start = 32_usize.checked_sub(number.as_bytes().len())?;
        place[start..].copy_from_slice(number.as_bytes());
    }
    Some(both)
}

/// The value of an attribute that stands once in a name, as text.
fn only(name: &Name, oid: &str) -> Option<String> {
    let mut found = name.iter().filter(|attribute| attribute.oid.to_string() == oid);
    let (first, second) = (found.next()?, found.next());
    if second.is_some() { None } else { text(&first.value) }
}

/// The text of `UTF8String` and `PrintableString`; others are of another time (RFC 5280, 4.1.2.4).
fn text(value: &Any) -> Option<String> {
    let text = std::str::from_utf8(value.value()).ok()?;
    let printable = value.tag() == Tag::PrintableString && text.is_ascii();
    (printable || value.tag() == Tag::Utf8String).then(|| text.to_owned())
}

fn milliseconds(time: x509_cert::time::Time) -> u64 {
    time.to_unix_duration().as_secs().saturating_mul(1000)
}

#[cfg(test)]
mod tests;
