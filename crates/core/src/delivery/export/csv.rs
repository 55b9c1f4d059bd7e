//! A table (RFC 4180, with LF): which names clouds and networks give to the certificate of each chip, and what it says.
//!
//! Every cell but two is empty or made of digits and a time's letters. Subject and issuer are text: printable, in
//! quotes, and never the beginning of a formula in a spreadsheet, even if a subject is written like one. (A spreadsheet
//! may still show a long number rounded: import the columns as text.)

use std::path::Path;

use crate::delivery::error::DeliveryError;
use crate::delivery::output::Output;
use crate::text::{Printable, no_formula};
use crate::x509::Sha256Digest;

use super::{FILE, Format, Object};

pub(super) struct Csv {
    lines: Output,
}

impl Csv {
    pub(super) fn create(folder: &Path) -> Result<Self, DeliveryError> {
        let mut lines = Output::create(folder, FILE)?;
        lines.append(HEADER.as_bytes())?;
        Ok(Self { lines })
    }
}

impl Format for Csv {
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        let Object { entry, certificate } = object;
        let (lfdi, sfdi) = (lfdi(entry.sha256()), sfdi(entry.sha256()));
        let cells = [
            Cell::hex(entry.uid().as_bytes()),
            Cell::hex(entry.st_number().unwrap_or_default()),
            Cell::hex(entry.serial().content()),
            Cell(hex::encode(entry.sha256().as_bytes())),
            Cell::hex(entry.sha1().as_bytes()),
            Cell::hex(&lfdi),
            Cell::number(sfdi),
            Cell::text(&certificate.subject().to_string()),
            Cell(certificate.validity().not_before().to_string()),
            Cell(certificate.validity().not_after().to_string()),
            Cell(entry.spki_sha256().to_string()),
            Cell::text(&certificate.issuer().to_string()),
        ];
        let mut line = String::with_capacity(640);
        for (position, Cell(text)) in cells.into_iter().enumerate() {
            if position > 0 {
                line.push(',');
            }
            line.push_str(&text);
        }
        line.push('\n');
        self.lines.append(line.as_bytes())
    }

    fn finish(self: Box<Self>) -> Result<(), DeliveryError> {
        self.lines.finish().map(drop)
    }
}

/// A cell as it is written.
struct Cell(String);

impl Cell {
    fn hex(bytes: &[u8]) -> Self {
        Self(hex::encode_upper(bytes))
    }

    /// Text, in quotes.
    fn text(text: &str) -> Self {
        Self(format!("\"{}\"", no_formula(&Printable::new(text).to_string()).replace('"', "\"\"")))
    }

    /// In 12 digits, as short-form identifiers are shown.
    fn number(number: u64) -> Self {
        Self(format!("{number:012}"))
    }
}

/// Long-form device identifier: the leftmost 160 bits of the certificate's SHA-256 (IEEE 2030.5-2018, LFDI).
fn lfdi(sha256: Sha256Digest) -> [u8; 20] {
    sha256.as_bytes()[..20].try_into().expect("20 of 32 bytes")
}

/// Short-form device identifier: the leftmost 36 bits of the LFDI in decimal, and a digit that makes the sum of all
/// digits a multiple of 10 (IEEE 2030.5-2018, SFDI).
fn sfdi(sha256: Sha256Digest) -> u64 {
    let leading = sha256.as_bytes()[..5].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) >> 4;
    let mut sum = 0;
    let mut rest = leading;
    while rest > 0 {
        sum += rest % 10;
        rest /= 10;
    }
    leading * 10 + (10 - sum % 10) % 10
}

/// `certificate_id` is AWS IoT's, `thumbprint` Azure's and Windows'.
pub(super) const HEADER: &str =
    "uid,st_number,serial,certificate_id,thumbprint,lfdi,sfdi,subject,not_before,not_after,spki_sha256,issuer\n";

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the standard gives; open-source stacks test against it too.
    #[test]
    fn device_identifiers_are_those_of_the_standards_example() {
        let digest = "3e4f45ab31edfe5b67e343e5e4562e31984e23e5349e2ad745672ed145ee213a".parse().unwrap();
        assert_eq!(hex::encode_upper(lfdi(digest)), "3E4F45AB31EDFE5B67E343E5E4562E31984E23E5");
        assert_eq!(sfdi(digest), 167_261_211_391);
        assert_eq!(sfdi(Sha256Digest::new([0; 32])), 0);
        assert_eq!(sfdi(Sha256Digest::new([0xFF; 32])), 687_194_767_357);
    }
}
