//! From bytes to a statement that is believed: the seal is verified first, the statement parsed after.

use crate::cert::Encoder;
use crate::crypto::{NotSigned, PublicKey, check_signed, is_kept_form, sha256};
use crate::origin::Code;
use crate::x509::tlv::{Reader, element, tag};
use crate::x509::{
    Certificate, ExtensionError, Name, Place, Purposes, Sha256Digest, Time, check_ca, check_purposes, oid,
};

use super::error::{ManifestError, codes};
use super::possession::Supplement;
use super::seal::{
    CERTIFICATES, CONTENT, SIGNED_ATTRIBUTES, Suite, check_profile, check_validity, detached_content, encode,
    signed_attributes, signer_identifier,
};
use super::statement::Statement;

/// A name and a key that may certify manifest signers (RFC 5280 §6.1.1 (d)).
#[derive(Clone, Debug)]
pub struct ManifestAnchor {
    name: Name,
    key: PublicKey,
    fingerprint: Sha256Digest,
}

impl ManifestAnchor {
    /// Returns the anchor for a CA certificate. Does not check the certificate's own signature and dates: it is trusted
    /// because of where it came from, which is never the batch.
    ///
    /// # Errors
    /// The certificate is not a CA's, may not sign certificates, has an extension or a constraint that must be
    /// processed and is not, or its key is not valid.
    pub fn from_certificate(certificate: &Certificate) -> Result<Self, ManifestError> {
        let subject = || certificate.subject().to_string();
        let refused = |found, expected| ManifestError::AnchorNotACa { subject: subject(), found, expected };
        let purposes = Purposes::Of(&[oid::KP_DOCUMENT_SIGNING]);
        match check_ca(certificate, Place::Anchor).and_then(|_| check_purposes(certificate, purposes)) {
            Ok(()) => {}
            Err(ExtensionError::Certificate(error)) => return Err(error.into()),
            Err(ExtensionError::NotACa) => {
                return Err(refused("basicConstraints cA is not TRUE", "cA TRUE (RFC 5280 §4.2.1.9)"));
            }
            Err(ExtensionError::NoKeyCertSign) => {
                return Err(refused("keyUsage lacks keyCertSign", "keyCertSign (RFC 5280 §4.2.1.3)"));
            }
            Err(source) => return Err(ManifestError::AnchorExtension { subject: subject(), source }),
        }
        let key = PublicKey::from_spki(certificate.spki())
            .map_err(|source| ManifestError::AnchorKey { subject: subject(), source })?;
        Ok(Self { name: certificate.subject().clone(), key, fingerprint: sha256(certificate.der()) })
    }

    /// The name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// SHA-256 of the certificate that it came from, for reports.
    pub fn fingerprint(&self) -> Sha256Digest {
        self.fingerprint
    }
}

/// A statement whose seal was verified under a manifest anchor. There is no other way to one.
#[derive(Clone, Debug)]
pub struct SignedManifest {
    statement: Statement,
    statement_sha256: Sha256Digest,
    signer: Certificate,
    anchor: usize,
}

impl SignedManifest {
    /// Largest seal that is read, in bytes.
    pub const MAX_SEAL_BYTES: usize = 64 * 1024;

    /// Verifies a seal, then reads the statement under it.
    ///
    /// `statement` and `seal` are the bytes of `manifest.json` and `manifest.json.p7s`; `signer` is the certificate
    /// in `manifest.pem`, believed only if one of `anchors` certified it directly. The certificate is judged as of the
    /// seal's signingTime, which is the statement's `created`: the signer's own word.
    ///
    /// # Errors
    /// Anything that is not exactly as docs/spec/manifest-format.md says, each with its [code](ManifestError::code).
    /// Nothing of the statement is parsed before the signature holds.
    pub fn open(
        statement: &[u8],
        seal: &[u8],
        signer: &Certificate,
        anchors: &[ManifestAnchor],
    ) -> Result<Self, ManifestError> {
        let (anchor, Sealed { signing_time, low_s }) = check_sealed(statement, seal, signer, anchors)?;
        let claims = Statement::parse(statement)?;
        if claims.created != signing_time {
            return Err(ManifestError::SigningTime { signing_time, created: claims.created });
        }
        if claims.format.encoder() >= Encoder::Two && !low_s {
            return Err(ManifestError::SealForm);
        }
        let statement_sha256 = sha256(statement);
        Ok(Self { statement: claims, statement_sha256, signer: signer.clone(), anchor })
    }

    /// What the signer says.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// SHA-256 of `manifest.json`: the name by which the next batch of the ledger calls this one.
    pub fn statement_sha256(&self) -> Sha256Digest {
        self.statement_sha256
    }

    /// The signer's certificate.
    pub fn signer(&self) -> &Certificate {
        &self.signer
    }

    /// Position of the anchor that certified the signer in the list that was given.
    pub fn anchor(&self) -> usize {
        self.anchor
    }
}

/// Proves that `seal` is one by `signer` over `bytes`, which need not be a statement; returns its signingTime. Who
/// certified the signer is not looked at: the caller knows the certificate itself.
///
/// # Errors
/// As [`SignedManifest::open`], but for anchors and statement.
pub fn verify_bytes(bytes: &[u8], seal: &[u8], signer: &Certificate) -> Result<Time, ManifestError> {
    check_profile(signer)?;
    let Sealed { signing_time, .. } = check_seal(bytes, seal, signer)?;
    check_validity(signer, signing_time)?;
    Ok(signing_time)
}

/// Verifies a signature that [`sign_detached`](super::seal::sign_detached) made over `bytes` with the key of `certificate`;
/// returns its signingTime. The caller knows the certificate, and checks what it is good for and when.
///
/// # Errors
/// As [`SignedManifest::open`], but for anchors, statement and the rules for manifest signers.
pub fn verify_detached(bytes: &[u8], signature: &[u8], certificate: &Certificate) -> Result<Time, ManifestError> {
    if signature.len() > SignedManifest::MAX_SEAL_BYTES {
        return Err(form("its length", "at most 64 KiB", "§5", codes::SEAL_DER));
    }
    Ok(check_seal(bytes, signature, certificate)?.signing_time)
}

/// Verifies a seal over bytes that are not a statement; returns its signingTime. The signer is believed only if one of
/// `anchors` certified it directly, and the certificate is judged as of the signingTime.
///
/// # Errors
/// As [`SignedManifest::open`], but for the statement.
pub fn open_bytes(
    bytes: &[u8],
    seal: &[u8],
    signer: &Certificate,
    anchors: &[ManifestAnchor],
) -> Result<Time, ManifestError> {
    let (_, Sealed { signing_time, .. }) = check_sealed(bytes, seal, signer, anchors)?;
    Ok(signing_time)
}

/// Verifies the seal of a supplement of possession, then reads it: the rules are those of a statement.
///
/// # Errors
/// As [`SignedManifest::open`].
pub fn open_supplement(
    supplement: &[u8],
    seal: &[u8],
    signer: &Certificate,
    anchors: &[ManifestAnchor],
) -> Result<Supplement, ManifestError> {
    let (_, Sealed { signing_time, .. }) = check_sealed(supplement, seal, signer, anchors)?;
    let read = Supplement::parse(supplement)?;
    if read.created != signing_time {
        return Err(ManifestError::SigningTime { signing_time, created: read.created });
    }
    Ok(read)
}

/// A seal whose signature holds.
struct Sealed {
    signing_time: Time,
    /// Whether the signature is the one of the two twins that has the lower s.
    low_s: bool,
}

/// The anchor that certified the signer, and what the seal says.
fn check_sealed(
    bytes: &[u8],
    seal: &[u8],
    signer: &Certificate,
    anchors: &[ManifestAnchor],
) -> Result<(usize, Sealed), ManifestError> {
    if seal.len() > SignedManifest::MAX_SEAL_BYTES {
        return Err(form("its length", "at most 64 KiB", "§5", codes::SEAL_DER));
    }
    check_profile(signer)?;
    let anchor = certified_by(signer, anchors)?;
    let sealed = check_seal(bytes, seal, signer)?;
    check_validity(signer, sealed.signing_time)?;
    Ok((anchor, sealed))
}

/// The anchor that certified `signer`: its name, its key, its signature.
fn certified_by(signer: &Certificate, anchors: &[ManifestAnchor]) -> Result<usize, ManifestError> {
    let issuer = || signer.issuer().to_string();
    let mut failure = ManifestError::SignerNoTrustAnchor { issuer: issuer() };
    for (position, anchor) in anchors.iter().enumerate() {
        match check_signed(signer, &anchor.name, &anchor.key) {
            Ok(()) => return Ok(position),
            Err(NotSigned::Issuer) => {}
            Err(NotSigned::Signature(source)) => {
                failure = ManifestError::SignerCertificateSignature { issuer: issuer(), source };
            }
            Err(NotSigned::Weak) => {
                let algorithm = signer.signature_algorithm();
                return Err(ManifestError::SignerCertificateAlgorithm { algorithm });
            }
        }
    }
    Err(failure)
}

/// Proves that the seal is one by the key in `signer` over `statement`; returns its signingTime.
fn check_seal(statement: &[u8], seal: &[u8], signer: &Certificate) -> Result<Sealed, ManifestError> {
    let suite = Suite::of(signer)?;
    let mut reader = Reader::new(seal);
    let content_info = reader.expect(tag::SEQUENCE, "ContentInfo")?;
    reader.finish("ContentInfo")?;
    let mut fields = Reader::new(content_info.content);
    let kind = fields.expect(tag::OBJECT_IDENTIFIER, "contentType")?;
    equal(kind.content, oid::CMS_SIGNED_DATA.as_bytes(), "contentType", "id-signedData", "§5.1", codes::SEAL_CONTENT)?;
    let content = fields.expect(CONTENT, "content")?;
    fields.finish("content")?;
    let mut fields = Reader::new(content.content);
    let signed_data = fields.expect(tag::SEQUENCE, "SignedData")?;
    fields.finish("SignedData")?;

    let mut fields = Reader::new(signed_data.content);
    let version = fields.expect(tag::INTEGER, "SignedData version")?;
    equal(version.content, &[1], "version of SignedData", "1", "§5.1", codes::SEAL_VERSION)?;
    let digests = fields.expect(tag::SET, "digestAlgorithms")?;
    let digest_identifier = suite.digest_identifier();
    let expected = "the one digest for the signer's key without parameters";
    equal(digests.content, &digest_identifier, "digestAlgorithms", expected, "§5.1", codes::SEAL_ALGORITHM)?;
    let encapsulated = fields.expect(tag::SEQUENCE, "encapContentInfo")?;
    let expected = "id-data without eContent";
    equal(encapsulated.raw, &detached_content(), "encapContentInfo", expected, "§5.2", codes::SEAL_CONTENT)?;
    let certificates = fields.expect(CERTIFICATES, "certificates")?;
    let expected = "exactly the certificate of manifest.pem";
    equal(certificates.content, signer.der(), "certificates", expected, "§5.1", codes::SEAL_CERTIFICATES)?;
    let infos = fields.expect(tag::SET, "signerInfos")?;
    fields.finish("signerInfos")?;

    let mut reader = Reader::new(infos.content);
    if reader.is_empty() {
        return Err(form("signerInfos", "one SignerInfo", "§5.1", codes::SEAL_SIGNERS));
    }
    let info = reader.expect(tag::SEQUENCE, "SignerInfo")?;
    if !reader.is_empty() {
        return Err(form("signerInfos", "one SignerInfo", "§5.1", codes::SEAL_SIGNERS));
    }
    let mut fields = Reader::new(info.content);
    let version = fields.expect(tag::INTEGER, "SignerInfo version")?;
    equal(version.content, &[1], "version of SignerInfo", "1", "§5.3", codes::SEAL_VERSION)?;
    let identifier = fields.expect(tag::SEQUENCE, "issuerAndSerialNumber")?;
    let expected = "issuer and serial number of manifest.pem";
    equal(identifier.raw, &signer_identifier(signer), "sid", expected, "§5.3", codes::SEAL_SIGNERS)?;
    let digest = fields.expect(tag::SEQUENCE, "digestAlgorithm")?;
    let expected = "the digest for the signer's key without parameters";
    equal(digest.raw, &digest_identifier, "digestAlgorithm", expected, "§5.3", codes::SEAL_ALGORITHM)?;
    let attributes = fields.expect(SIGNED_ATTRIBUTES, "signedAttrs")?;
    let algorithm = fields.expect(tag::SEQUENCE, "signatureAlgorithm")?;
    let expected = "the algorithm for the signer's key";
    equal(algorithm.raw, &suite.signature.identifier(), "signatureAlgorithm", expected, "§5.3", codes::SEAL_ALGORITHM)?;
    let signature = fields.expect(tag::OCTET_STRING, "signature")?;
    // no unsignedAttrs: nothing that the signature does not cover
    fields.finish("signature")?;

    let signing_time = check_attributes(attributes.content, suite, statement, signer)?;
    // RFC 5652 §5.4: the SET OF tag, not [0], is what was signed
    suite.verify(signer, &element(tag::SET, &[attributes.content]), signature.content)?;
    // each field above has one form; this holds the whole even if one check is changed
    let rebuilt = encode(suite, signer, attributes.content, signature.content);
    equal(seal, &rebuilt, "SignedData", "the one form of a seal", "§5.1", codes::SEAL_DER)?;
    Ok(Sealed { signing_time, low_s: is_kept_form(signer.spki().algorithm(), false, signature.content) })
}

/// Proves that the attributes are the four expected ones for statement and signer; returns signingTime.
fn check_attributes(
    content: &[u8],
    suite: Suite,
    statement: &[u8],
    signer: &Certificate,
) -> Result<Time, ManifestError> {
    let mut values: [Option<&[u8]>; 4] = [None; 4];
    let kinds =
        [oid::CMS_CONTENT_TYPE, oid::CMS_MESSAGE_DIGEST, oid::CMS_SIGNING_TIME, oid::CMS_SIGNING_CERTIFICATE_V2];
    let mut attributes = Reader::new(content);
    while !attributes.is_empty() {
        let attribute = attributes.expect(tag::SEQUENCE, "attribute")?;
        let mut fields = Reader::new(attribute.content);
        let kind = fields.expect(tag::OBJECT_IDENTIFIER, "attrType")?;
        let value = fields.expect(tag::SET, "attrValues")?;
        fields.finish("attrValues")?;
        match kinds.iter().position(|known| known.as_bytes() == kind.content) {
            Some(place) if values[place].is_none() => values[place] = Some(value.content),
            _ => return Err(form("signedAttrs", FOUR, "§11", codes::SEAL_ATTRIBUTES)),
        }
    }
    let [Some(_), Some(digest), Some(time), Some(reference)] = values else {
        return Err(form("signedAttrs", FOUR, "§11", codes::SEAL_ATTRIBUTES));
    };
    let mut reader = Reader::new(time);
    let time = reader.element("signingTime")?;
    reader.finish("signingTime")?;
    let expected = "a time as RFC 5280 wants it";
    let signing_time = Time::from_der(time.tag, time.content)
        .map_err(|_| form("signingTime", expected, "§11.3", codes::SEAL_SIGNING_TIME))?;
    if digest != element(tag::OCTET_STRING, &[&suite.digest(statement)]) {
        return Err(ManifestError::Digest);
    }
    let hash = element(tag::OCTET_STRING, &[sha256(signer.der()).as_bytes()]);
    if !reference.ends_with(&hash) {
        let expected = "the digest of manifest.pem";
        return Err(form("signingCertificateV2", expected, "§11", codes::SEAL_SIGNING_CERTIFICATE));
    }
    let rebuilt = signed_attributes(suite, statement, signer, signing_time);
    equal(content, &rebuilt, "signedAttrs", FOUR, "§11", codes::SEAL_ATTRIBUTES)?;
    Ok(signing_time)
}

const FOUR: &str = "contentType, messageDigest, signingTime and signingCertificateV2, once each, in DER";

fn equal(
    found: &[u8],
    wanted: &[u8],
    what: &'static str,
    expected: &'static str,
    clause: &'static str,
    code: Code,
) -> Result<(), ManifestError> {
    if found == wanted { Ok(()) } else { Err(form(what, expected, clause, code)) }
}

fn form(what: &'static str, expected: &'static str, clause: &'static str, code: Code) -> ManifestError {
    ManifestError::Form { what, expected, clause, code }
}
