//! Certificates and files in text, written in a way that is not read: lists of numbers, base64 of archives, signed
//! JSON, mail. They are only noticed here, so that the text is refused and named instead of passed over.
//!
//! A clue must be one that no other text gives by chance: the frame of a certificate, byte by byte, or the mark of a
//! format of at least four bytes. Lines in which a certificate was read are not looked at.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};

use crate::origin::Code;

use super::codes;
use super::inside;
use super::item_sink::Found;
use super::numbers::Numbers;
use super::pem::find;

/// What was noticed in one text so far.
pub(super) struct Clues {
    numbers: Numbers,
    mail: Mail,
    /// The first of each kind.
    found: Vec<Found>,
    codes: Vec<Code>,
    /// The last line was `begin 644 NAME`.
    uuencoded: bool,
}

/// Shorter fields carry no file.
const MIN_FIELD: usize = 40;

impl Clues {
    pub(super) fn new() -> Self {
        Self { numbers: Numbers::new(), mail: Mail::default(), found: Vec::new(), codes: Vec::new(), uuencoded: false }
    }

    /// Looks at a line from which nothing was read. `certificates`: whether the text held some before.
    pub(super) fn line(&mut self, text: &[u8], number: u64, certificates: bool) {
        if let Some(how) = self.numbers.line(text) {
            let reason = format!("line {number}: a certificate begins, written as {how}");
            self.note(codes::TEXT_NUMBERS, reason);
        }
        self.mail.line(text);
        for field in text.split(|byte| is_border(*byte)).filter(|field| field.len() >= MIN_FIELD) {
            // beside certificates that are read, other fields may hold anything
            let name = if field.starts_with(b"MI") {
                encoded_certificate(field)
            } else if !certificates || self.mail.is_mail() {
                encoded_file(field)
            } else {
                None
            };
            if let Some(name) = name {
                self.note(codes::TEXT_ENCODED, format!("line {number}: {name}, which is not read"));
            }
        }
        self.announced(text, number);
    }

    /// What the text is refused for.
    pub(super) fn finish(self) -> Vec<Found> {
        if self.mail.is_mail() {
            let reason = "a mail message with encoded parts, which is not read";
            return vec![Found::rejected(codes::CONTAINER_MESSAGE, reason)];
        }
        self.found
    }

    fn note(&mut self, code: Code, reason: String) {
        if !self.codes.contains(&code) {
            self.codes.push(code);
            self.found.push(Found::rejected(code, reason));
        }
    }

    /// Encodings that say in a line what follows.
    fn announced(&mut self, text: &[u8], number: u64) {
        let name = if std::mem::take(&mut self.uuencoded) && text.len() > 1 && (b' '..=b'`').contains(&text[0]) {
            "a uuencoded file"
        } else if text.starts_with(b"=ybegin ") {
            "a file in yEnc"
        } else if text.starts_with(b"(This file must be converted with BinHex") {
            "a file in BinHex"
        } else if find(text, b"BEGIN%20CERTIFICATE").is_some() || find(text, b"BEGIN+CERTIFICATE").is_some() {
            "PEM in the encoding of web addresses"
        } else {
            self.uuencoded = match text.strip_prefix(b"begin ") {
                Some([a, b, c, b' ', ..]) => [a, b, c].iter().all(|digit| matches!(digit, b'0'..=b'7')),
                Some(rest) => rest.starts_with(b"-base64 ") || text.starts_with(b"begin-base64 "),
                None => text.starts_with(b"begin-base64 "),
            };
            return;
        };
        self.note(codes::TEXT_ENCODED, format!("line {number}: {name}, which is not read"));
    }
}

fn is_border(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_'))
}

/// A certificate that begins in the middle of what is not a field by itself.
fn encoded_certificate(field: &[u8]) -> Option<&'static str> {
    let begin = STANDARD_NO_PAD.decode(field.get(..28)?).ok()?;
    inside::is_certificate(&begin).then_some("a certificate in base64 inside other text")
}

/// What a field in base64 holds, where its first characters say it beyond doubt.
fn encoded_file(field: &[u8]) -> Option<&'static str> {
    if field.starts_with(b"eyJ") {
        return signed_json(field);
    }
    let known: &[(&[u8], &str)] = &[
        (b"UEsDB", "a zip archive in base64"),
        (b"H4sIA", "gzip data in base64"),
        (b"H4sIC", "gzip data in base64"),
        (b"N3q8rycc", "a 7z archive in base64"),
        (b"/Td6WFo", "xz data in base64"),
        (b"KLUv/", "zstd data in base64"),
        (b"UmFyIRoH", "a RAR archive in base64"),
        (b"TVNDRgAAAA", "a cabinet archive in base64"),
        (b"U1FMaXRlIGZvcm1hdC", "an SQLite database in base64"),
        (b"U2FsdGVkX1", "data encrypted with openssl enc, in base64"),
        (b"/u3+7QAAA", "a Java key store in base64"),
        (b"LS0tLS1CRUdJTi", "PEM in base64"),
    ];
    if field.starts_with(b"TUlJ") {
        let inner = STANDARD_NO_PAD.decode(&field[..field.len() / 4 * 4]).ok()?;
        let of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n');
        return inner.iter().all(of_base64).then_some("base64 in base64");
    }
    if field.starts_with(b"Qlpo") && field.get(5..13) == Some(b"TFBWSZTW") {
        return Some("bzip2 data in base64");
    }
    known.iter().find(|(start, _)| field.starts_with(start)).map(|(_, name)| *name)
}

/// A JSON object in base64: a token (RFC 7515), or a vendor's manifest of keys and certificates made of such.
fn signed_json(field: &[u8]) -> Option<&'static str> {
    let engine = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let json = engine.decode(field).or_else(|_| STANDARD_NO_PAD.decode(field)).ok()?;
    let has = |what: &[u8]| find(&json, what).is_some();
    if !json.starts_with(b"{\"") {
        return None;
    }
    if has(b"\"enc\"") && has(b"\"alg\"") {
        return Some("an encrypted JSON object (JWE)");
    }
    (has(b"\"x5c\"") || has(b"MII") || has(b"BEGIN CERT"))
        .then_some("a signed JSON object (JWS) with certificates, as in vendors' manifests")
}

/// Headers of a mail message or of a part of one (RFC 5322, RFC 2045).
#[derive(Default)]
struct Mail {
    version: bool,
    encoded: bool,
}

impl Mail {
    fn line(&mut self, text: &[u8]) {
        // a header's name has letters and hyphens, and is short
        let Some(colon) = text.iter().take(32).position(|byte| *byte == b':') else { return };
        let value = |word: &[u8]| text[colon + 1..].trim_ascii().to_ascii_lowercase().starts_with(word);
        match text[..colon].to_ascii_lowercase().as_slice() {
            b"mime-version" => self.version = true,
            b"content-transfer-encoding" => self.encoded |= value(b"base64") || value(b"quoted-printable"),
            _ => {}
        }
    }

    fn is_mail(&self) -> bool {
        self.encoded && self.version
    }
}
