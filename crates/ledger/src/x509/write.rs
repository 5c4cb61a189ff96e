//! Writing certificates and requests: for a consortium that is its own authority, and for tests. The rules read; they write nothing.
//!
//! A national authority does this in production, with keys in a device that is certified for it, and with an office that looks at papers.

use super::{
    BASIC_CONSTRAINTS, COMMON_NAME, EC_PUBLIC_KEY, KEY_USAGE, ORGANISATION_NAME, SM2_CURVE, SM2_WITH_SM3,
};
use crate::public_key::PublicKey;
use crate::signature::{SigningKey, sm2};
use x509_cert::der::Encode as _;
use x509_cert::der::asn1::ObjectIdentifier;

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The number; a zero in front is added where it needs one.
    pub serial: &'a [u8],
    /// Whose it is: the name's DER ([`name`]).
    pub subject: &'a [u8],
    /// The key that it is for, of suite SM2.
    pub key: PublicKey,
    /// From when it is valid, in seconds since 1970.
    pub not_before: u64,
    /// Until when, included.
    pub not_after: u64,
    /// What it is for.
    pub kind: Kind,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An authority, with so many authorities below it at most, if it says that.
    Authority(Option<u8>),
    /// An organisation's key that signs.
    Signer,
}

/// A name in DER: country `CN`, organisation, common name.
pub fn name(organisation: &str, common_name: &str) -> Vec<u8> {
    // PrintableString for the country, as RFC 5280, appendix A, says; UTF8String for the rest.
    let country = attribute("2.5.4.6", 0x13, b"CN");
    let organisation = attribute(ORGANISATION_NAME, 0x0c, organisation.as_bytes());
    let common_name = attribute(COMMON_NAME, 0x0c, common_name.as_bytes());
    tlv(0x30, &[country, organisation, common_name].concat())
}

/// The certificate of a draft, signed by an authority of a name; `None` if one of the keys is none of SM2, or a time is beyond the year 9999.
pub fn certificate(draft: &Draft<'_>, issuer: &[u8], key: &SigningKey) -> Option<Vec<u8>> {
    signed(&body(draft, issuer)?, key)
}

/// A request for a certificate of a key (PKCS#10, RFC 2986), signed with it; `None` if it is none of SM2.
pub fn request(subject: &[u8], key: &SigningKey) -> Option<Vec<u8>> {
    let parts = [tlv(0x02, &[0]), subject.to_vec(), public_key(&key.public())?, tlv(0xa0, &[])].concat();
    signed(&tlv(0x30, &parts), key)
}

/// What is signed of a certificate.
pub fn body(draft: &Draft<'_>, issuer: &[u8]) -> Option<Vec<u8>> {
    let (constraints, usage): (Vec<u8>, &[u8]) = match draft.kind {
        Kind::Authority(length) => {
            let length = length.map(|length| tlv(0x02, &[length & 0x7f])).unwrap_or_default();
            // keyCertSign and cRLSign: bits 5 and 6.
            (tlv(0x30, &[tlv(0x01, &[0xff]), length].concat()), &[1, 0b0000_0110])
        }
        // digitalSignature and nonRepudiation: bits 0 and 1.
        Kind::Signer => (tlv(0x30, &[]), &[6, 0b1100_0000]),
    };
    let extensions =
        [extension(BASIC_CONSTRAINTS, true, &constraints), extension(KEY_USAGE, true, &tlv(0x03, usage))];
    body_with(draft, issuer, &extensions.concat())
}

/// The same with other extensions.
pub fn body_with(draft: &Draft<'_>, issuer: &[u8], extensions: &[u8]) -> Option<Vec<u8>> {
    let serial = match draft.serial.first() {
        Some(first) if first & 0x80 == 0 => draft.serial.to_vec(),
        _ => [&[0], draft.serial].concat(),
    };
    let validity = [time(draft.not_before)?, time(draft.not_after)?].concat();
    let parts = [
        tlv(0xa0, &tlv(0x02, &[2])),
        tlv(0x02, &serial),
        algorithm(),
        issuer.to_vec(),
        tlv(0x30, &validity),
        draft.subject.to_vec(),
        public_key(&draft.key)?,
        tlv(0xa3, &tlv(0x30, extensions)),
    ];
    Some(tlv(0x30, &parts.concat()))
}

/// An extension. Panics if `oid` is no object identifier.
pub fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { tlv(0x01, &[0xff]) } else { Vec::new() };
    tlv(0x30, &[object_identifier(oid), critical, tlv(0x04, value)].concat())
}

/// A body with the signature over it.
pub fn signed(body: &[u8], key: &SigningKey) -> Option<Vec<u8>> {
    let signature = key.sign_der(body)?;
    let (r, s) = signature.split_at(32);
    let numbers = tlv(0x30, &[integer(r), integer(s)].concat());
    Some(tlv(0x30, &[body.to_vec(), algorithm(), tlv(0x03, &[&[0], numbers.as_slice()].concat())].concat()))
}

/// A value with its tag and length.
pub fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let mut bytes = vec![tag];
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        let digits = length.to_be_bytes();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        bytes.push(0x80 | (digits.len() - zeros) as u8);
        bytes.extend_from_slice(&digits[zeros..]);
    }
    bytes.extend_from_slice(value);
    bytes
}

fn attribute(oid: &str, tag: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x31, &tlv(0x30, &[object_identifier(oid), tlv(tag, value)].concat()))
}

fn algorithm() -> Vec<u8> {
    tlv(0x30, &object_identifier(SM2_WITH_SM3))
}

fn public_key(key: &PublicKey) -> Option<Vec<u8>> {
    let PublicKey::Sm2(key) = key else { return None };
    let point = sm2::uncompressed(key)?;
    let curve = tlv(0x30, &[object_identifier(EC_PUBLIC_KEY), object_identifier(SM2_CURVE)].concat());
    Some(tlv(0x30, &[curve, tlv(0x03, &[&[0], point.as_slice()].concat())].concat()))
}

fn object_identifier(oid: &str) -> Vec<u8> {
    let oid = ObjectIdentifier::new(oid).ok().and_then(|oid| oid.to_der().ok());
    oid.expect("the identifier is a literal")
}

/// A number of the signature, without zeros in front that it does not need.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = &bytes[zeros.min(bytes.len() - 1)..];
    if digits[0] & 0x80 == 0 { tlv(0x02, digits) } else { tlv(0x02, &[&[0], digits].concat()) }
}

/// `UTCTime` up to 2049, `GeneralizedTime` from then on (RFC 5280, 4.1.2.5).
fn time(seconds: u64) -> Option<Vec<u8>> {
    let time = x509_cert::der::DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).ok()?;
    x509_cert::time::Time::from(time).to_der().ok()
}
