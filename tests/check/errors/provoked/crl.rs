//! Revocation lists with one defect each.

use reroot::crl::{Crl, CrlError, wrap};
use reroot::x509::SignatureAlgorithm;
use reroot::x509::pem;

use super::refused;
use crate::errors::transcripts::Sheet;

/// tbsCertList: number 128, three entries, two URLs (the list of the tests of `reroot::crl`).
const LIST: &str = "30820123020101300a06082a8648ce3d04030230123110300e06035504030c0754455354204341170d323630313031303030\
                     3030305a180f32303530303130393030303030305a305d3012020102170d3236303130313030303030305a30210202010017\
                     0d3236303130313030303030305a300c300a0603551d1504030a0101302402051234567890170d3236303130313030303030\
                     305a300c300a0603551d1504030a0106a07f307d301f0603551d23041830168014cacacacacacacacacacacacacacacacaca\
                     cacaca300b0603551d14040402020080304d0603551d1c0101ff04433041a03fa03d861d687474703a2f2f706b692e657861\
                     6d706c652e636f6d2f30312e63726c861c6c6461703a2f2f6c6461702e6578616d706c652e636f6d2f636e3d61";

/// The list with some bytes replaced; lengths stay.
fn broken(from: &str, to: &str) -> CrlError {
    let text = LIST.replace(from, to);
    assert!(text != LIST, "{from} is in the list");
    read(&hex::decode(text).unwrap_or_else(|error| panic!("{error}")))
}

fn read(tbs: &[u8]) -> CrlError {
    refused(Crl::from_der(wrap(tbs, SignatureAlgorithm::EcdsaSha256, &[0x30, 6, 2, 1, 1, 2, 1, 1])))
}

pub(super) fn all(sheet: &mut Sheet<'_>) {
    for (from, to) in [
        ("020101300a", "020100300a"),
        ("2a8648ce3d040302", "2a8648ce3d040303"),
        ("180f3230353030313039", "180f3230343930313039"),
        ("0a0101", "0a0108"),
        ("0603551d14", "0603551d1b"),
        ("0603551d14", "0603551d2e"),
        ("0402020080", "0402028080"),
        ("0603551d23", "0603551d1c"),
        ("0603551d1c0101ff", "0603551d1d0101ff"),
        ("0603551d1c0101ff", "0603551d1c010100"),
        ("30168014ca", "30168114ca"),
        ("305d3012020102", "3000305b020102"),
    ] {
        let error = broken(from, to);
        sheet.part(&error);
        // what is wrong with an entry, without its number
        if let CrlError::Entry { source, .. } = &error {
            sheet.part(&**source);
        }
    }
    let der = wrap(&hex::decode(LIST).unwrap_or_else(|error| panic!("{error}")), SignatureAlgorithm::EcdsaSha256, &[0]);
    sheet.part(&refused(Crl::from_file(pem::write("CERTIFICATE", &der).as_bytes())));
}
