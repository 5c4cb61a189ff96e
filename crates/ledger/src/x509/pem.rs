//! PEM (RFC 7468): how people hand certificates and requests around.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The label of a certificate.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// The label of a request for one.
pub const REQUEST: &str = "CERTIFICATE REQUEST";

/// DER in PEM, lines of 64 letters.
pub fn write(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for start in (0..text.len()).step_by(64) {
        pem += &text[start..text.len().min(start + 64)];
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

/// The DER of the first part with the label; what stands before and after it is not read. `None` if there is none.
pub fn read(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_other_labels_do_not() {
        for length in [0, 1, 47, 48, 49, 700] {
            let der: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let pem = write(CERTIFICATE, &der);
            assert!(pem.lines().all(|line| line.len() <= 64));
            assert_eq!(read(CERTIFICATE, &format!("subject\r\n{}", pem.replace('\n', "\r\n"))), Some(der));
            assert_eq!(read(REQUEST, &pem), None);
        }
        assert_eq!(read(CERTIFICATE, "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----"), None);
        assert_eq!(read(CERTIFICATE, "-----BEGIN CERTIFICATE-----\nAA=="), None);
    }
}
