//! Certificates as PEM text (RFC 7468 §5): 64 characters a line, LF, nothing around.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::x509::pem;

/// The PEM block of a certificate, with a newline at its end.
pub fn certificate_to_pem(der: &[u8]) -> String {
    std::mem::take(&mut *pem::write("CERTIFICATE", der))
}

/// The certificate in a block that [`certificate_to_pem`] wrote, and only in such.
pub(super) fn certificate_from_pem(text: &[u8]) -> Option<Vec<u8>> {
    let body = text.strip_prefix(BEGIN.as_bytes())?.strip_suffix(END.as_bytes())?;
    let body: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\n').collect();
    let der = STANDARD.decode(body).ok()?;
    (certificate_to_pem(&der).as_bytes() == text).then_some(der)
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
const END: &str = "-----END CERTIFICATE-----\n";
