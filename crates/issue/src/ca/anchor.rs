//! The source anchor that comes with the program: ST's production CA for STSAFE-A.

use crate::crypto::sha256;
use crate::x509::{Certificate, Sha256Digest, pem};

/// The anchor's file name in a new configuration.
pub const ANCHOR_FILE_NAME: &str = "stm-stsafe-a-prod-ca-01.pem";

/// The file as ST publishes it.
pub(super) const ANCHOR_PEM: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/stm-stsafe-a-prod-ca-01.pem"));

/// SHA-256 of the certificate's DER, as printed in ST's own sources: written here a second time, so that a changed file
/// is noticed by every run.
const ANCHOR_SHA256: &str = "ddd7014f665244d66ae2d114949f859e7c7f9dfb56e2d53eb6a03805bb766f9e";

/// "STM STSAFE-A PROD CA 01", if the file compiled into this program is still the genuine one.
pub fn anchor() -> Option<Certificate> {
    checked(ANCHOR_PEM)
}

fn checked(text: &str) -> Option<Certificate> {
    let blocks = pem::read(text.as_bytes()).ok()?;
    let [block] = &blocks[..] else { return None };
    let expected: Sha256Digest = ANCHOR_SHA256.parse().ok()?;
    if block.label != "CERTIFICATE" || sha256(&block.der) != expected {
        return None;
    }
    Certificate::from_der(&block.der).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anchor_is_the_genuine_one() {
        let anchor = anchor().unwrap();
        assert_eq!(anchor.subject().to_string(), "C=NL, O=STMicroelectronics nv, CN=STM STSAFE-A PROD CA 01");
        assert!(anchor.is_ca());
    }

    #[test]
    fn a_changed_anchor_is_noticed() {
        assert!(checked(&ANCHOR_PEM.replacen("MIIBo", "MIIBp", 1)).is_none());
        let another =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/stm-stsafe-a-test-ca-91-2023.pem"));
        assert!(checked(another).is_none());
        assert!(checked(&format!("{ANCHOR_PEM}{another}")).is_none());
    }
}
