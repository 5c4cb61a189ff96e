//! Certificates, requests and paths of the national suite from any bytes.
//!
//! Claims: nothing panics; what is read has one reading; nothing that an authority has not signed passes for signed, whatever follows from its bytes; PEM reads back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medveil_ledger::state::issuer::Issuer;
use medveil_ledger::x509::{CertificateRequest, Path, X509, pem};

fuzz_target!(|data: &[u8]| {
    if let Ok(certificate) = X509::read(data) {
        assert_eq!(X509::read(data).as_ref(), Ok(&certificate));
        let (signer, authority) = (certificate.check_signer(), certificate.check_authority());
        assert!(signer.is_err() || authority.is_err(), "no certificate is both");
        let _ = Issuer::of(&certificate, 0);
        // A seed of the corpus is signed by the national root; what differs from it in a byte is not.
        let root = root();
        if certificate.check_signed_by(&root.subject, &root.key).is_ok() {
            assert!(SIGNED.contains(&hex(&certificate.fingerprint.0).as_str()));
        }
    }
    let _ = CertificateRequest::read(data);
    if let Some((first, rest)) = data.split_first() {
        let (certificate, intermediate) = rest.split_at(usize::from(*first) * 4 % (rest.len() + 1));
        if let Ok(path) = Path::read(certificate, Some(intermediate)) {
            let issuer = Issuer::of(&root(), 0).expect("the national root is an authority");
            assert!(path.check_signatures(&issuer).is_err(), "no such path was ever signed");
        }
    }
    let text = pem::write(pem::CERTIFICATE, data);
    assert_eq!(pem::read(pem::CERTIFICATE, &text).as_deref(), Some(data));
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = pem::read(pem::REQUEST, text);
    }
});

/// The fingerprints of what the national root has signed and the corpus has.
const SIGNED: [&str; 2] = [
    "9c28d3847414bfff1a5749e7e2381146f82842083e8c592e16a612d04a5ba8cd",
    "e8c021d29e57da03552c512adfc74a3320cb79e4e2a1f2c19435cbd258976813",
];

fn root() -> X509 {
    let text = include_str!("../../crates/ledger/vectors/gmt-0015-2012/nrcac-root.pem");
    X509::read(&pem::read(pem::CERTIFICATE, text).expect("PEM")).expect("the national root")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
