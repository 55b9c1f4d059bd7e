//! Time-stamps of RFC 3161 over a statement: a third party's word for when it existed at the latest.
//!
//! A time-stamp is of the bytes of `manifest.json`, not of its seal: a seal's ECDSA signature has a twin, and batches
//! name each other by the digest of the statement too. What is kept is the TimeStampToken alone, which OpenSSL reads
//! (`openssl ts -verify -token_in`). No network is asked: the request is a file, and so is the answer.

use crate::crypto::{PublicKey, check_authority, reaches_anchor, sha1, sha2, sha256, signed_by};
use crate::x509::oid::{self, ObjectIdentifier};
use crate::x509::tlv::{DerError, Element, Reader, element, tag};
use crate::x509::{Certificate, Place, Purposes, Scheme, Sha2, Sha256Digest, SignatureAlgorithm, Time};

use super::error::{ManifestError, codes};

/// Largest answer that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// A TimeStampReq (RFC 3161 §2.4.1) for the bytes of a statement; asks for the signer's certificate. `nonce` is random.
pub fn request(statement: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    // a positive INTEGER in its shortest form, for every nonce
    let nonce = [&[nonce[0] & 0x3F | 0x40], &nonce[1..]].concat();
    element(
        tag::SEQUENCE,
        &[
            &[tag::INTEGER, 1, 1],
            &imprint(&sha256(statement)),
            &element(tag::INTEGER, &[&nonce]),
            &[tag::BOOLEAN, 1, 0xFF],
        ],
    )
}

fn imprint(digest: &Sha256Digest) -> Vec<u8> {
    element(tag::SEQUENCE, &[&sha256_identifier(true), &element(tag::OCTET_STRING, &[digest.as_bytes()])])
}

/// Authorities write SHA-256 with parameters NULL and without; both mean the same (RFC 5754 §2).
fn sha256_identifier(null: bool) -> Vec<u8> {
    let parameters: &[u8] = if null { &[tag::NULL, 0] } else { &[] };
    element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[oid::SHA256.as_bytes()]), parameters])
}

/// What a time-stamp says, once it was verified.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Stamped {
    /// The statement existed then: seconds, fractions cut off.
    pub time: Time,
    /// Subject of the signer's certificate.
    pub authority: String,
    /// The authority's number for this time-stamp, hexadecimal.
    pub serial: String,
    /// The authority's policy.
    pub policy: String,
}

/// A TimeStampToken taken apart. Nothing of it is believed.
#[derive(Clone, Debug)]
pub struct Token {
    der: Vec<u8>,
    info: Info,
    info_bytes: Vec<u8>,
    certificates: Vec<Certificate>,
    signer: SignerInfo,
}

/// TSTInfo (RFC 3161 §2.4.2).
#[derive(Clone, Debug)]
struct Info {
    policy: ObjectIdentifier,
    imprint: Vec<u8>,
    serial: Vec<u8>,
    time: Time,
}

#[derive(Clone, Debug)]
struct SignerInfo {
    /// IssuerAndSerialNumber, or the content of `[0] SubjectKeyIdentifier`.
    identifier: Identifier,
    digest: Sha2,
    attributes: Vec<u8>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Identifier {
    IssuerAndSerial(Vec<u8>),
    Key(Vec<u8>),
}

impl Token {
    /// Reads a TimeStampResp (RFC 3161 §2.4.2) or a bare TimeStampToken, DER.
    ///
    /// # Errors
    /// The authority refused, or the bytes are neither.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_BYTES {
            return Err(form("has more than 256 KiB"));
        }
        let mut reader = Reader::new(bytes);
        let outer = reader.expect(tag::SEQUENCE, "TimeStampResp").map_err(der)?;
        reader.finish("TimeStampResp").map_err(der)?;
        let mut fields = Reader::new(outer.content);
        let first = fields.element("TimeStampResp").map_err(der)?;
        if first.tag == tag::OBJECT_IDENTIFIER {
            return Self::from_der(bytes);
        }
        // PKIStatusInfo: granted (0) or grantedWithMods (1)
        let mut status = Reader::new(first.content);
        let status = status.expect(tag::INTEGER, "status").map_err(der)?;
        if !matches!(status.content, [0 | 1]) {
            let reason = format!("the authority refused with status {}", hex::encode(status.content));
            return Err(ManifestError::Timestamp { reason, code: codes::TIMESTAMP_REFUSED });
        }
        let token = fields.expect(tag::SEQUENCE, "timeStampToken").map_err(der)?;
        fields.finish("timeStampToken").map_err(der)?;
        Self::from_der(token.raw)
    }

    fn from_der(token: &[u8]) -> Result<Self, ManifestError> {
        let mut reader = Reader::new(token);
        let content_info = reader.expect(tag::SEQUENCE, "ContentInfo").map_err(der)?;
        reader.finish("ContentInfo").map_err(der)?;
        let mut fields = Reader::new(content_info.content);
        let kind = fields.expect(tag::OBJECT_IDENTIFIER, "contentType").map_err(der)?;
        if kind.content != oid::CMS_SIGNED_DATA.as_bytes() {
            return Err(form("is not SignedData (RFC 5652 §5.1)"));
        }
        let content = fields.expect(0xA0, "content").map_err(der)?;
        fields.finish("content").map_err(der)?;
        let mut fields = Reader::new(content.content);
        let signed_data = fields.expect(tag::SEQUENCE, "SignedData").map_err(der)?;
        fields.finish("SignedData").map_err(der)?;

        let mut fields = Reader::new(signed_data.content);
        fields.expect(tag::INTEGER, "SignedData version").map_err(der)?;
        fields.expect(tag::SET, "digestAlgorithms").map_err(der)?;
        let encapsulated = fields.expect(tag::SEQUENCE, "encapContentInfo").map_err(der)?;
        let info_bytes = tst_info(encapsulated)?.to_vec();
        let bag = fields.optional(0xA0, "certificates").map_err(der)?;
        fields.optional(0xA1, "crls").map_err(der)?;
        let infos = fields.expect(tag::SET, "signerInfos").map_err(der)?;
        fields.finish("signerInfos").map_err(der)?;
        // RFC 3161 §2.4.2: "The time-stamp token MUST NOT contain any signatures other than the signature of the TSA."
        let mut reader = Reader::new(infos.content);
        let signer = signer_info(reader.expect(tag::SEQUENCE, "SignerInfo").map_err(der)?)?;
        reader.finish("the one SignerInfo").map_err(der)?;

        let mut certificates = Vec::new();
        let mut reader = Reader::new(bag.map_or(&[], |bag| bag.content));
        while !reader.is_empty() {
            let one = reader.element("certificate").map_err(der)?;
            // what cannot be read cannot help
            certificates.extend(Certificate::from_der(one.raw));
        }
        let info = Info::read(&info_bytes)?;
        Ok(Self { der: token.to_vec(), info, info_bytes, certificates, signer })
    }

    /// The TimeStampToken, DER: what is kept beside a batch.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether the time-stamp is of these bytes; nothing says yet whose word it is.
    ///
    /// # Errors
    /// It is of others.
    pub fn check_imprint(&self, statement: &[u8]) -> Result<(), ManifestError> {
        let digest = element(tag::OCTET_STRING, &[sha256(statement).as_bytes()]);
        let fits =
            [true, false].iter().any(|null| self.info.imprint == [sha256_identifier(*null), digest.clone()].concat());
        if fits {
            return Ok(());
        }
        let reason = "is of other bytes than manifest.json, or not over SHA-256".to_owned();
        Err(ManifestError::Timestamp { reason, code: codes::TIMESTAMP_IMPRINT })
    }

    /// Verifies that an authority below one of `anchors` put its time under these bytes.
    ///
    /// # Errors
    /// It is of other bytes, its signature does not hold, or its signer is not one for time-stamping, certified
    /// below an anchor and valid then.
    pub fn verify(&self, statement: &[u8], anchors: &[Certificate]) -> Result<Stamped, ManifestError> {
        self.check_imprint(statement)?;
        let signer = self
            .certificates
            .iter()
            .find(|one| self.signer.is(one))
            .ok_or_else(|| form("does not carry its signer's certificate (a request must ask for it: certReq)"))?;
        self.signer.verify(&self.info_bytes, signer)?;
        let time = self.info.time;
        check_signer(signer, time, &self.certificates, anchors)
            .map_err(|reason| ManifestError::Timestamp { reason, code: codes::TIMESTAMP_CHAIN })?;
        Ok(Stamped {
            time,
            authority: signer.subject().to_string(),
            serial: hex::encode_upper(&self.info.serial),
            policy: self.info.policy.to_string(),
        })
    }
}

/// The bytes of the TSTInfo inside EncapsulatedContentInfo.
fn tst_info(encapsulated: Element<'_>) -> Result<&[u8], ManifestError> {
    let mut fields = Reader::new(encapsulated.content);
    let kind = fields.expect(tag::OBJECT_IDENTIFIER, "eContentType").map_err(der)?;
    if kind.content != oid::CMS_TST_INFO.as_bytes() {
        return Err(form("is not over a TSTInfo (RFC 3161 §2.4.2)"));
    }
    let explicit = fields.expect(0xA0, "eContent").map_err(der)?;
    fields.finish("eContent").map_err(der)?;
    let mut inner = Reader::new(explicit.content);
    let bytes = inner.expect(tag::OCTET_STRING, "eContent").map_err(der)?;
    inner.finish("eContent").map_err(der)?;
    Ok(bytes.content)
}

impl Info {
    fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut reader = Reader::new(bytes);
        let sequence = reader.expect(tag::SEQUENCE, "TSTInfo").map_err(der)?;
        reader.finish("TSTInfo").map_err(der)?;
        let mut fields = Reader::new(sequence.content);
        if fields.expect(tag::INTEGER, "TSTInfo version").map_err(der)?.content != [1] {
            return Err(form("is not of version 1 (RFC 3161 §2.4.2)"));
        }
        let policy = fields.oid("TSA policy").map_err(der)?;
        let imprint = fields.expect(tag::SEQUENCE, "messageImprint").map_err(der)?.content.to_vec();
        let serial = fields.expect(tag::INTEGER, "serialNumber").map_err(der)?.content.to_vec();
        let time = general_time(fields.expect(tag::GENERALIZED_TIME, "genTime").map_err(der)?.content)?;
        // accuracy, ordering, nonce, tsa, extensions: the signature covers them, nothing here rests on them
        while !fields.is_empty() {
            fields.element("TSTInfo").map_err(der)?;
        }
        Ok(Self { policy, imprint, serial, time })
    }
}

/// GeneralizedTime of RFC 3161 §2.4.2: with seconds, possibly with a fraction, in UTC.
fn general_time(content: &[u8]) -> Result<Time, ManifestError> {
    let bad = || form("has a genTime that is not YYYYMMDDhhmmss[.f]Z");
    let text = std::str::from_utf8(content).ok().and_then(|text| text.strip_suffix('Z')).ok_or_else(bad)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "1"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) || fraction.ends_with('0') {
        return Err(bad());
    }
    let part = |from: usize, to: usize| &whole[from..to];
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let text = format!("{year}-{month}-{day}T{}:{}:{}Z", part(8, 10), part(10, 12), part(12, 14));
    Time::from_rfc3339(&text).map_err(|_| bad())
}

fn signer_info(info: Element<'_>) -> Result<SignerInfo, ManifestError> {
    let mut fields = Reader::new(info.content);
    fields.expect(tag::INTEGER, "SignerInfo version").map_err(der)?;
    let identifier = fields.element("sid").map_err(der)?;
    let identifier = match identifier.tag {
        tag::SEQUENCE => Identifier::IssuerAndSerial(identifier.raw.to_vec()),
        0x80 => Identifier::Key(identifier.content.to_vec()),
        _ => return Err(form("names its signer in no known way (RFC 5652 §5.3)")),
    };
    let digest = digest(fields.expect(tag::SEQUENCE, "digestAlgorithm").map_err(der)?)?;
    let attributes = fields.expect(0xA0, "signedAttrs").map_err(der)?.content.to_vec();
    let algorithm = signature_algorithm(fields.expect(tag::SEQUENCE, "signatureAlgorithm").map_err(der)?, digest)?;
    let signature = fields.expect(tag::OCTET_STRING, "signature").map_err(der)?.content.to_vec();
    fields.optional(0xA1, "unsignedAttrs").map_err(der)?;
    fields.finish("unsignedAttrs").map_err(der)?;
    Ok(SignerInfo { identifier, digest, attributes, algorithm, signature })
}

fn digest(identifier: Element<'_>) -> Result<Sha2, ManifestError> {
    let kind = Reader::new(identifier.content).oid("digestAlgorithm").map_err(der)?;
    Sha2::ALL
        .into_iter()
        .find(|hash| hash.oid() == kind)
        .ok_or_else(|| form(&format!("uses the digest {kind}, expected SHA-256, SHA-384 or SHA-512")))
}

/// With an RSA key many authorities write rsaEncryption and leave the digest to the other field (RFC 3370 §3.2).
fn signature_algorithm(identifier: Element<'_>, digest: Sha2) -> Result<SignatureAlgorithm, ManifestError> {
    let kind = Reader::new(identifier.content).oid("signatureAlgorithm").map_err(der)?;
    if kind == oid::RSA_ENCRYPTION {
        return Ok(SignatureAlgorithm::of(Scheme::RsaPkcs1, digest).expect("there is one for every hash"));
    }
    match SignatureAlgorithm::from_identifier(identifier.raw) {
        Ok(algorithm) if algorithm.is_over_sha1() => Err(form("is signed over SHA-1, expected SHA-256 or stronger")),
        Ok(algorithm) => Ok(algorithm),
        Err(error) => Err(form(&error.to_string())),
    }
}

impl SignerInfo {
    fn is(&self, certificate: &Certificate) -> bool {
        match &self.identifier {
            Identifier::IssuerAndSerial(identifier) => *identifier == super::seal::signer_identifier(certificate),
            Identifier::Key(identifier) => certificate
                .subject_key_identifier()
                .is_ok_and(|own| own.is_some_and(|own| own.as_bytes() == identifier.as_slice())),
        }
    }

    fn verify(&self, info: &[u8], signer: &Certificate) -> Result<(), ManifestError> {
        let refused =
            |reason: &str| ManifestError::Timestamp { reason: reason.into(), code: codes::TIMESTAMP_SIGNATURE };
        let content_type = self.attribute(oid::CMS_CONTENT_TYPE)?;
        if content_type != Some(&element(tag::OBJECT_IDENTIFIER, &[oid::CMS_TST_INFO.as_bytes()])[..]) {
            return Err(refused("signs another kind of content (RFC 5652 §11.1)"));
        }
        let message_digest = element(tag::OCTET_STRING, &[&sha2(self.digest, info)]);
        if self.attribute(oid::CMS_MESSAGE_DIGEST)? != Some(&message_digest[..]) {
            return Err(refused("messageDigest is not that of its TSTInfo (RFC 5652 §11.2)"));
        }
        self.check_signing_certificate(signer)?;
        let key = PublicKey::from_spki(signer.spki()).map_err(|error| refused(&error.to_string()))?;
        // RFC 5652 §5.4: the SET OF tag, not [0], is what was signed
        let message = element(tag::SET, &[&self.attributes]);
        key.verify(self.algorithm, &message, &self.signature).map_err(|error| refused(&error.to_string()))
    }

    /// The one value of an attribute; twice is an error.
    fn attribute(&self, kind: ObjectIdentifier) -> Result<Option<&[u8]>, ManifestError> {
        let mut found = None;
        let mut attributes = Reader::new(&self.attributes);
        while !attributes.is_empty() {
            let attribute = attributes.expect(tag::SEQUENCE, "attribute").map_err(der)?;
            let mut fields = Reader::new(attribute.content);
            let own = fields.expect(tag::OBJECT_IDENTIFIER, "attrType").map_err(der)?;
            let value = fields.expect(tag::SET, "attrValues").map_err(der)?;
            fields.finish("attrValues").map_err(der)?;
            if own.content == kind.as_bytes() && found.replace(value.content).is_some() {
                return Err(form("has an attribute twice"));
            }
        }
        Ok(found)
    }

    /// RFC 3161 §2.4.2: "The certificate identifier (ESSCertID) of the TSA certificate MUST be included as a
    /// signerInfo attribute"; RFC 5816 lets it be an ESSCertIDv2.
    fn check_signing_certificate(&self, signer: &Certificate) -> Result<(), ManifestError> {
        let first = |value: &'_ [u8]| -> Result<Vec<u8>, DerError> {
            let mut list = Reader::new(value);
            let list = list.expect(tag::SEQUENCE, "SigningCertificate")?;
            let list = Reader::new(list.content).expect(tag::SEQUENCE, "certs")?;
            Ok(Reader::new(list.content).expect(tag::SEQUENCE, "ESSCertID")?.content.to_vec())
        };
        let named =
            match (self.attribute(oid::CMS_SIGNING_CERTIFICATE_V2)?, self.attribute(oid::CMS_SIGNING_CERTIFICATE)?) {
                (Some(value), _) => {
                    let content = first(value).map_err(der)?;
                    let mut fields = Reader::new(&content);
                    let digest = match fields.optional(tag::SEQUENCE, "hashAlgorithm").map_err(der)? {
                        None => Sha2::Sha256,
                        Some(identifier) => digest(identifier)?,
                    };
                    fields.expect(tag::OCTET_STRING, "certHash").map_err(der)?.content == sha2(digest, signer.der())
                }
                (None, Some(value)) => {
                    let content = first(value).map_err(der)?;
                    let hash = Reader::new(&content).expect(tag::OCTET_STRING, "certHash").map_err(der)?;
                    hash.content == sha1(signer.der()).as_bytes()
                }
                (None, None) => false,
            };
        if named {
            return Ok(());
        }
        let reason = "does not name its signer's certificate in a signed attribute (RFC 5816)".to_owned();
        Err(ManifestError::Timestamp { reason, code: codes::TIMESTAMP_SIGNATURE })
    }
}

/// RFC 3161 §2.3: "The corresponding certificate MUST contain only one instance of the extended key usage field
/// extension ... with KeyPurposeID having value id-kp-timeStamping. This extension MUST be critical."
fn check_signer(signer: &Certificate, at: Time, bag: &[Certificate], anchors: &[Certificate]) -> Result<(), String> {
    let subject = signer.subject();
    let purposes = signer.extended_key_usage().map_err(|error| error.to_string())?.unwrap_or_default();
    let critical = signer.extension(oid::EXTENDED_KEY_USAGE).is_some_and(|extension| extension.critical);
    if !critical || purposes != [oid::KP_TIME_STAMPING] {
        return Err(format!("`{subject}` is not certified for time-stamping, critically and alone (RFC 3161 §2.3)"));
    }
    if signer.is_ca() {
        return Err(format!("`{subject}` is a CA certificate, expected one for an end entity"));
    }
    let validity = signer.validity();
    if !validity.contains(at) {
        let (not_before, not_after) = (validity.not_before(), validity.not_after());
        return Err(format!("`{subject}` is valid from {not_before} to {not_after}, not at {at}"));
    }
    let purposes = Purposes::Of(&[oid::KP_TIME_STAMPING]);
    if let Some(anchor) = anchors.iter().find(|anchor| signed_by(signer, anchor)) {
        return check_authority(anchor, Place::Anchor, 0, purposes);
    }
    let mut path: Vec<Certificate> = Vec::new();
    while let Some(above) = bag.iter().find(|above| {
        let below = path.last().unwrap_or(signer);
        below.subject() != below.issuer() && signed_by(below, above)
    }) {
        if path.len() == MAX_PATH {
            break;
        }
        path.push(above.clone());
    }
    match path.split_first() {
        Some((issuing, above)) => reaches_anchor(issuing, above, anchors, at, purposes),
        None => Err(format!("no anchor and no certificate of the token signed `{subject}`")),
    }
}

fn form(what: &str) -> ManifestError {
    ManifestError::Timestamp { reason: what.to_owned(), code: codes::TIMESTAMP_FORM }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn der(error: DerError) -> ManifestError {
    form(&error.to_string())
}

/// Longest path of CA certificates between signer and anchor.
const MAX_PATH: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_authorities_may_have_fractions() {
        let time = |text: &str| general_time(text.as_bytes()).map(|time| time.to_string()).ok();
        assert_eq!(time("20260601120000Z").as_deref(), Some("2026-06-01T12:00:00Z"));
        assert_eq!(time("20260601120000.25Z").as_deref(), Some("2026-06-01T12:00:00Z"));
        for bad in ["20260601120000", "20260601120000.Z", "20260601120000.50Z", "202606011200Z", "20261301120000Z", "Z"]
        {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_no_answer_are_refused() {
        for bytes in [&b""[..], b"0\0", &[0x30, 3, 2, 1, 0], &[0x30, 5, 0x30, 3, 2, 1, 2], b"<html>"] {
            assert!(Token::read(bytes).is_err(), "{bytes:?}");
        }
        let refused = Token::read(&[0x30, 5, 0x30, 3, 2, 1, 2]).unwrap_err();
        assert_eq!(refused.code(), codes::TIMESTAMP_REFUSED);
    }
}
