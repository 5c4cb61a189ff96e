//! Genuine certificates, those of OpenSSL, our own, and everything that is wrong with one.

use super::write::{self, Draft, Kind, tlv};
use super::*;
use crate::public_key::PublicKey;
use crate::signature::SigningKey;
use crate::state::issuer::Issuer;

macro_rules! vector {
    ($label:ident, $file:literal) => {
        pem::read(pem::$label, include_str!(concat!("../../vectors/gmt-0015-2012/", $file))).unwrap()
    };
}

/// 2026-06-01.
const NOW: u64 = 1_780_272_000;

fn key(number: u8) -> SigningKey {
    SigningKey::sm2([number; 32]).unwrap()
}

fn public(number: u8) -> [u8; 33] {
    key(number).public().bytes().try_into().unwrap()
}

fn draft<'a>(subject: &'a [u8], number: u8, kind: Kind) -> Draft<'a> {
    Draft {
        serial: &[0x8f, 1],
        subject,
        key: key(number).public(),
        not_before: NOW - 1000,
        not_after: NOW + 1000,
        kind,
    }
}

/// The body of an organisation's certificate with its extensions, signed by key 1 in the name of `authority`.
fn with_extensions(extensions: &[Vec<u8>]) -> Result<X509, CertificateRefusal> {
    let (authority, subject) = (write::name("CA", "Root"), write::name("第一医院", "administrator"));
    let body = write::body_with(&draft(&subject, 2, Kind::Signer), &authority, &extensions.concat());
    X509::read(&write::signed(&body.unwrap(), &key(1)).unwrap())
}

fn usage(bits: &[u8]) -> Vec<u8> {
    write::extension(KEY_USAGE, true, &tlv(0x03, bits))
}

fn constraints(ca: bool) -> Vec<u8> {
    let value = if ca { tlv(0x01, &[0xff]) } else { Vec::new() };
    write::extension(BASIC_CONSTRAINTS, true, &tlv(0x30, &value))
}

/// digitalSignature.
const SIGNATURE: &[u8] = &[7, 0x80];

/// An organisation's certificate, and the names in it.
fn good() -> Vec<u8> {
    let (authority, subject) = (write::name("CA", "Root"), write::name("第一医院", "administrator"));
    write::certificate(&draft(&subject, 2, Kind::Signer), &authority, &key(1)).unwrap()
}

#[test]
fn the_national_root_is_an_authority_and_has_signed_one() {
    let root = X509::read(&vector!(CERTIFICATE, "nrcac-root.pem")).unwrap();
    assert!(root.is_self_issued());
    assert_eq!(hex::encode(root.serial.as_ref()), "69e2fec0170ac67b");
    assert_eq!(root.organisation.as_deref(), Some("NRCAC"));
    assert_eq!((root.not_before_ms, root.not_after_ms), (1_342_235_519_000, 2_288_315_519_000));
    let issuer = Issuer::of(&root, 7).unwrap();
    assert_eq!((issuer.name.as_str(), issuer.path_length, issuer.since), ("ROOTCA", None, 7));
    let authority = X509::read(&vector!(CERTIFICATE, "mcsca.pem")).unwrap();
    assert_eq!(authority.check_authority(), Ok(None));
    assert_eq!(authority.check_signed_by(&root.subject, &root.key), Ok(()));
    assert_eq!(
        authority.check_signed_by(&root.subject, &authority.key).unwrap_err(),
        CertificateRefusal::Signature { fingerprint: authority.fingerprint }
    );
    assert_eq!(authority.check_signer(), Err(CertificateRefusal::IsAuthority {}));
    // One that another has signed may be admitted, too.
    assert_eq!(Issuer::of(&authority, 0).unwrap().name.as_str(), "MCSCA");
}

#[test]
fn a_path_of_openssl_holds_from_end_to_end() {
    let root = Issuer::of(&X509::read(&vector!(CERTIFICATE, "openssl-root.pem")).unwrap(), 0).unwrap();
    let (middle, hospital) =
        (vector!(CERTIFICATE, "openssl-middle.pem"), vector!(CERTIFICATE, "openssl-hospital.pem"));
    let path = Path::read(&hospital, Some(&middle)).unwrap();
    assert_eq!(path.check_signatures(&root), Ok(()));
    assert_eq!(path.certificate.organisation.as_deref(), Some("成员 1"));
    assert_eq!(path.certificate.key, public(0x31));
    // 2026-01-01 to 2027-01-01: the root's and the middle's go further.
    assert_eq!(path.validity(&root), (1_767_225_600_000, 1_798_761_600_000));
    let unsigned = Path::read(&hospital, None).unwrap();
    assert!(matches!(unsigned.check_signatures(&root), Err(CertificateRefusal::IssuerName { .. })));
    let by_middle = Issuer::of(&X509::read(&middle).unwrap(), 0).unwrap();
    assert_eq!(by_middle.path_length, Some(0));
    assert_eq!(unsigned.check_signatures(&by_middle), Ok(()));
    assert_eq!(
        path.check_signatures(&by_middle),
        Err(CertificateRefusal::PathLength { allowed: 0, found: 1 })
    );
}

#[test]
fn requests_read_as_they_are_written_and_those_of_openssl_too() {
    let read = CertificateRequest::read(&vector!(REQUEST, "openssl-request.pem")).unwrap();
    assert_eq!((read.organisation.as_deref(), read.key), (Some("成员 1"), public(0x31)));
    let subject = write::name("第一医院", "administrator");
    let mut der = write::request(&subject, &key(2)).unwrap();
    let request = CertificateRequest::read(&der).unwrap();
    assert_eq!((&request.subject, request.key), (&subject, public(2)));
    for index in 0..der.len() {
        der[index] ^= 1;
        assert!(CertificateRequest::read(&der).is_err(), "byte {index}");
        der[index] ^= 1;
    }
}

#[test]
fn what_is_written_reads_back() {
    let read = X509::read(&good()).unwrap();
    assert_eq!(read.check_signer(), Ok(()));
    assert_eq!(read.check_signed_by(&write::name("CA", "Root"), &public(1)), Ok(()));
    assert_eq!(hex::encode(read.serial.as_ref()), "8f01");
    assert_eq!((read.not_before_ms, read.not_after_ms), ((NOW - 1000) * 1000, (NOW + 1000) * 1000));
    assert_eq!(read.key, public(2));
    let name = write::name("CA", "Root");
    for length in [None, Some(0), Some(3)] {
        let der = write::certificate(&draft(&name, 1, Kind::Authority(length)), &name, &key(1)).unwrap();
        let read = X509::read(&der).unwrap();
        assert_eq!(read.check_authority(), Ok(length));
        assert!(Issuer::of(&read, 0).is_ok());
    }
    // A time beyond 2049 is spelled otherwise.
    let late = Draft { not_after: 4_102_444_800, ..draft(&name, 2, Kind::Signer) };
    let read = X509::read(&write::certificate(&late, &name, &key(1)).unwrap()).unwrap();
    assert_eq!(read.not_after_ms, 4_102_444_800_000);
    let ed25519 = Draft { key: SigningKey::ed25519([1; 32]).public(), ..late };
    assert_eq!(write::certificate(&ed25519, &name, &key(1)), None);
    assert_eq!(write::request(&name, &SigningKey::ed25519([1; 32])), None);
}

#[test]
fn no_byte_can_be_changed_added_or_taken_away() {
    let der = good();
    let name = write::name("CA", "Root");
    let holds =
        |der: &[u8]| X509::read(der).is_ok_and(|read| read.check_signed_by(&name, &public(1)).is_ok());
    assert!(holds(&der));
    for index in 0..der.len() {
        for change in [1, 0x80, 0xff] {
            let mut other = der.clone();
            other[index] ^= change;
            assert!(!holds(&other), "byte {index} by {change:x}");
        }
        assert!(!holds(&der[..index]), "{index} bytes");
    }
    let longer = [der.as_slice(), &[0]].concat();
    assert_eq!(X509::read(&longer), Err(malformed("certificate")));
}

#[test]
fn an_authority_that_says_it_signs_itself_must() {
    let name = write::name("CA", "Root");
    let der = write::certificate(&draft(&name, 1, Kind::Authority(None)), &name, &key(3)).unwrap();
    let read = X509::read(&der).unwrap();
    let refused = Issuer::of(&read, 0).unwrap_err();
    assert_eq!(refused, CertificateRefusal::Signature { fingerprint: read.fingerprint });
    let nameless = tlv(0x30, &[]);
    let der = write::certificate(&draft(&nameless, 1, Kind::Authority(None)), &nameless, &key(1)).unwrap();
    assert_eq!(Issuer::of(&X509::read(&der).unwrap(), 0), Err(malformed("subject")));
    let fingerprint = X509::read(&good()).unwrap().fingerprint;
    assert_eq!(
        Issuer::of(&X509::read(&good()).unwrap(), 0),
        Err(CertificateRefusal::NotAuthority { fingerprint })
    );
    // CA, but its key is not for signing certificates.
    let other = with_extensions(&[constraints(true), usage(SIGNATURE)]).unwrap();
    assert_eq!(other.check_authority(), Err(CertificateRefusal::Usage { needed: "keyCertSign" }));
}

#[test]
fn extensions_are_understood_or_refused() {
    let signer = |extensions: &[Vec<u8>]| with_extensions(extensions).and_then(|read| read.check_signer());
    let signs = CertificateRefusal::Usage { needed: "digitalSignature" };
    assert_eq!(signer(&[usage(SIGNATURE)]), Ok(()), "no constraints: no authority");
    assert_eq!(signer(&[constraints(false)]), Err(signs.clone()));
    // keyEncipherment alone: the other certificate of a pair (GM/T 0015-2012).
    assert_eq!(signer(&[usage(&[5, 0x20])]), Err(signs));
    assert_eq!(signer(&[constraints(true), usage(SIGNATURE)]), Err(CertificateRefusal::IsAuthority {}));
    assert_eq!(signer(&[usage(&[2, 0x84])]), Err(CertificateRefusal::IsAuthority {}), "keyCertSign");
    let other = |critical| write::extension("2.5.29.37", critical, &tlv(0x30, &[]));
    assert_eq!(signer(&[usage(SIGNATURE), other(false)]), Ok(()));
    assert_eq!(
        signer(&[usage(SIGNATURE), other(true)]),
        Err(CertificateRefusal::Extension { oid: "2.5.29.37".into() })
    );
    assert_eq!(signer(&[usage(SIGNATURE), usage(SIGNATURE)]), Err(malformed("extensions")));
    let broken = |oid| write::extension(oid, true, &[0x05, 0x00]);
    assert_eq!(signer(&[broken(KEY_USAGE)]), Err(malformed("keyUsage")));
    assert_eq!(signer(&[broken(BASIC_CONSTRAINTS)]), Err(malformed("basicConstraints")));
}

/// A certificate with one part of the body in another spelling.
fn replaced(was: &[u8], is: &[u8]) -> Result<X509, CertificateRefusal> {
    assert_eq!(was.len(), is.len());
    let (authority, subject) = (write::name("CA", "Root"), write::name("第一医院", "administrator"));
    let mut body = write::body(&draft(&subject, 2, Kind::Signer), &authority).unwrap();
    let at = body.windows(was.len()).position(|window| window == was).expect("the body has it");
    body[at..at + was.len()].copy_from_slice(is);
    X509::read(&write::signed(&body, &key(1)).unwrap())
}

#[test]
fn each_part_is_of_the_profile_or_named() {
    let oid = |oid: &str| ObjectIdentifier::new(oid).unwrap().to_der().unwrap();
    // prime256v1 has as many bytes as SM2's curve, ECDSA with SHA-256 as SM2 with SM3.
    let p256 = "1.2.840.10045.3.1.7";
    assert_eq!(
        replaced(&oid(SM2_CURVE), &oid(p256)),
        Err(CertificateRefusal::Curve { found: p256.into(), needed: SM2_CURVE })
    );
    let ecdsa = "1.2.840.10045.4.3.2";
    assert_eq!(
        replaced(&oid(SM2_WITH_SM3), &oid(ecdsa)),
        Err(CertificateRefusal::Algorithm { found: ecdsa.into(), needed: SM2_WITH_SM3 })
    );
    let rsa = "1.2.840.10045.2.9";
    assert_eq!(
        replaced(&oid(EC_PUBLIC_KEY), &oid(rsa)),
        Err(CertificateRefusal::Curve { found: rsa.into(), needed: SM2_CURVE })
    );
    assert_eq!(replaced(&[2, 1, 2], &[2, 1, 1]), Err(malformed("version")));
    // -1 and 0 are no serial numbers.
    assert_eq!(replaced(&[2, 3, 0, 0x8f, 1], &[2, 3, 0xff, 0x0f, 1]), Err(malformed("serial")));
    assert_eq!(serial(&[0]), None);
    let point = sm2::uncompressed(&public(2)).unwrap();
    let mut off = point;
    off[64] ^= 1;
    assert_eq!(replaced(&point, &off), Err(malformed("key")));
    let mut hybrid = point;
    hybrid[0] = 6;
    assert_eq!(replaced(&point, &hybrid), Err(malformed("key")));
    // It ends before it begins.
    let name = write::name("CA", "Root");
    let backwards = Draft { not_after: NOW - 2000, ..draft(&name, 2, Kind::Signer) };
    let der = write::certificate(&backwards, &name, &key(1)).unwrap();
    assert_eq!(X509::read(&der), Err(malformed("validity")));
}

#[test]
fn a_signature_has_one_spelling() {
    let (der, body) = (good(), X509::read(&good()).unwrap().signed);
    let algorithm = tlv(0x30, &ObjectIdentifier::new_unwrap(SM2_WITH_SM3).to_der().unwrap());
    let read = |algorithm: &[u8], signature: &[u8]| {
        let parts = [body.as_slice(), algorithm, &tlv(0x03, signature)].concat();
        X509::read(&tlv(0x30, &parts))
    };
    let bits = &der[4 + body.len() + algorithm.len() + 2..];
    assert!(read(&algorithm, bits).is_ok());
    // The algorithm outside is that inside; a NULL is one more spelling, but not one of this certificate.
    let null = tlv(0x30, &[&algorithm[2..], &[5, 0]].concat());
    assert_eq!(read(&null, bits), Err(malformed("algorithm")));
    for bad in [
        vec![0],
        vec![0, 0x30, 0],
        [&[1], &bits[1..]].concat(),
        [bits, &[0]].concat(),
        [&[0], tlv(0x30, &[tlv(2, &[0, 1]), tlv(2, &[1])].concat()).as_slice()].concat(),
        [&[0], tlv(0x30, &[tlv(2, &[1; 33]), tlv(2, &[1])].concat()).as_slice()].concat(),
    ] {
        assert!(read(&algorithm, &bad).is_err(), "{}", hex::encode(bad));
    }
}

#[test]
fn an_organisation_that_stands_twice_is_none() {
    let both = [write::name("第一医院", "a"), write::name("第二医院", "a")];
    let subject = tlv(0x30, &[&both[0][2..], &both[1][2..]].concat());
    let der = write::certificate(&draft(&subject, 2, Kind::Signer), &write::name("CA", "Root"), &key(1));
    assert_eq!(X509::read(&der.unwrap()).unwrap().organisation, None);
    assert_eq!(PublicKey::Sm2(public(2)), key(2).public());
}

#[test]
fn der_that_is_no_longer_than_a_digest_is_not_signed() {
    assert_eq!(key(1).sign_der(&[0x30; 32]), None);
}
