//! Files of certificates: either every certificate of a file is read, or none.
//!
//! There are two degrees of strictness and no third. [`of_batch`] reads the PEM files of a batch, which have one form, so
//! that all commands judge the same file the same way. [`named`] reads a file that a person names: PEM with any text
//! around the blocks, or one certificate in DER. Which of the certificates counts is for the caller to check.

use zeroize::Zeroizing;

use super::form::Form;
use super::pem::{self, PemBlock, PemError};
use super::tlv::{Reader, tag};
use super::{Certificate, CertificateError};

/// Reads the certificates of `chain.pem`, `source-chain.pem` or `manifest.pem`, at least one: PEM blocks exactly as
/// [`pem::write`] makes them, one after the other, and nothing else.
///
/// # Errors
/// The file is not in that form, or one of its blocks is not a certificate.
pub fn of_batch(text: &[u8]) -> Result<Vec<Certificate>, BundleError> {
    let blocks = certificate_blocks(text)?;
    let mut rest = text;
    for block in &blocks {
        rest = rest.strip_prefix(pem::write(CERTIFICATE, &block.der).as_bytes()).ok_or(BundleError::Spelling)?;
    }
    if rest.is_empty() { parse(blocks) } else { Err(BundleError::Spelling) }
}

/// Reads a file of a batch that holds one certificate, in the form of [`of_batch`].
///
/// # Errors
/// As [`of_batch`], or there are several.
pub fn one_of_batch(text: &[u8]) -> Result<Certificate, BundleError> {
    let mut certificates = of_batch(text)?;
    match certificates.len() {
        1 => Ok(certificates.remove(0)),
        found => Err(BundleError::Count { found }),
    }
}

/// Reads the certificates of a file that a person names, at least one: the DER of one, or PEM blocks.
///
/// # Errors
/// The file is something else, a block is not a certificate, or PEM is broken.
pub fn named(content: &[u8]) -> Result<Vec<Certificate>, BundleError> {
    match Form::of(content) {
        Some(Form::Certificate) => return Ok(vec![Certificate::from_named_der(content)?]),
        None if content.first() == Some(&tag::SEQUENCE) => return Ok(vec![Certificate::from_named_der(content)?]),
        _ => {}
    }
    match certificate_blocks(content) {
        Ok(blocks) => parse(blocks),
        Err(BundleError::Pem(PemError::Form { form })) => Err(BundleError::Form { form }),
        Err(BundleError::Pem(PemError::NoBlock)) => {
            let read = Reader::new(content).expect(tag::SEQUENCE, "the certificate");
            let reason = read.err().map_or_else(String::new, |error| format!(", and as DER {error}"));
            Err(BundleError::NoCertificate { reason })
        }
        Err(other) => Err(other),
    }
}

fn certificate_blocks(text: &[u8]) -> Result<Vec<PemBlock>, BundleError> {
    let blocks = pem::read(text)?;
    match blocks.iter().find(|block| block.label != CERTIFICATE) {
        Some(other) => Err(BundleError::Label { found: other.label.clone() }),
        None => Ok(blocks),
    }
}

fn parse(blocks: Vec<PemBlock>) -> Result<Vec<Certificate>, BundleError> {
    let parsed = |der: Zeroizing<Vec<u8>>| Ok(Certificate::from_named_der(&der)?);
    blocks.into_iter().map(|block| parsed(block.der)).collect()
}

const CERTIFICATE: &str = "CERTIFICATE";

/// Why a file is not one of certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A block, or the DER, is not a certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Several certificates where one is expected.
    #[error("{found} certificates, expected one")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// Something else that is known.
    #[error("the file is {form}, expected {EXPECTED}")]
    Form {
        /// What it is.
        form: Form,
    },
    /// A block of another kind.
    #[error("PEM block `{found}`, expected `{CERTIFICATE}`")]
    Label {
        /// The label found.
        found: String,
    },
    /// Neither PEM nor DER.
    #[error("no PEM block found{reason}, expected {EXPECTED}")]
    NoCertificate {
        /// What is wrong with it as DER.
        reason: String,
    },
    /// The PEM is broken.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The same certificates in another form.
    #[error(
        "the file is not in the one form: PEM blocks one after the other, 64 characters a line, line feeds, and nothing else \
         (RFC 7468 §2, §3)"
    )]
    Spelling,
}

impl BundleError {
    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Form { form } => form.hint(),
            Self::Certificate(_)
            | Self::Count { .. }
            | Self::Label { .. }
            | Self::NoCertificate { .. }
            | Self::Pem(_)
            | Self::Spelling => None,
        }
    }
}

const EXPECTED: &str = "one certificate in DER, or PEM blocks CERTIFICATE (RFC 7468 §5)";

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTION: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/stm-stsafe-a-prod-ca-01.pem"));
    const TEST: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/stm-stsafe-a-test-ca-91-2023.pem"));

    fn block(text: &str) -> String {
        pem::write(CERTIFICATE, &pem::read(text.as_bytes()).unwrap()[0].der).to_string()
    }

    #[test]
    fn the_one_form_is_what_is_written_and_nothing_else() {
        let (one, two) = (block(PRODUCTION), block(TEST));
        let good = format!("{one}{two}");
        assert_eq!(of_batch(good.as_bytes()).unwrap().len(), 2);
        assert_eq!(one_of_batch(good.as_bytes()), Err(BundleError::Count { found: 2 }));
        let narrow = one.replace('\n', "").replace("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n");
        for other in [
            format!("{good}\n"),
            format!("\n{good}"),
            format!("subject=CN = x\n{good}"),
            format!("{one}\n{two}"),
            format!("\u{feff}{good}"),
            good.replace('\n', "\r\n"),
            good.replacen('\n', " \n", 1),
            good.trim_end().to_owned(),
            narrow.replace("-----END", "\n-----END"),
        ] {
            assert!(named(other.as_bytes()).is_ok(), "{other}");
            assert_eq!(of_batch(other.as_bytes()), Err(BundleError::Spelling), "{other}");
        }
    }

    #[test]
    fn one_thing_that_is_not_a_certificate_spoils_the_file_for_both_readers() {
        let good = block(PRODUCTION);
        let with = |label: &str, der: &[u8]| format!("{good}{}", *pem::write(label, der));
        for bad in [
            with("PRIVATE KEY", &[1]),
            with(CERTIFICATE, &[1]),
            with("TRUSTED CERTIFICATE", &pem::read(good.as_bytes()).unwrap()[0].der),
            good.replacen("MII", "M!I", 1),
            good.replace("-----END", "----END"),
            good[..200].to_owned(),
            String::new(),
        ] {
            assert!(of_batch(bad.as_bytes()).is_err() && named(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_person_may_name_der_too() {
        let der = pem::read(PRODUCTION.as_bytes()).unwrap()[0].der.clone();
        assert_eq!(named(&der).unwrap()[0].der(), &**der);
        assert!(matches!(named(&der[..400]), Err(BundleError::Certificate(_))));
        assert!(of_batch(&der).is_err());
        let key_store = BundleError::Form { form: Form::JavaKeyStore };
        assert!(key_store.hint().is_some());
        assert_eq!(named(&[0xFE, 0xED, 0xFE, 0xED]), Err(key_store));
        assert_eq!(
            named("version = 1\n".repeat(20).as_bytes()).unwrap_err().to_string(),
            "no PEM block found, and as DER the certificate has tag 0x76, expected 0x30, expected one certificate in DER, \
             or PEM blocks CERTIFICATE (RFC 7468 §5)"
        );
    }
}
