//! The messages of RFC 9810 that a registration authority sends and gets, in DER.

use crate::cert::ObjectTemplate;
use crate::text::Printable;
use crate::x509::Certificate;
use crate::x509::tlv::{Reader, element, tag};

use crate::error::CmpError;

/// Choices of PKIBody (RFC 9810 §5.1.2), as context-specific tags.
pub(super) mod body {
    pub(crate) const CR: u8 = 0xA2;
    pub(crate) const CP: u8 = 0xA3;
    pub(crate) const PKI_CONF: u8 = 0xB3;
    pub(crate) const ERROR: u8 = 0xB7;
    pub(crate) const CERT_CONF: u8 = 0xB8;
    pub(crate) const POLL_REQ: u8 = 0xB9;
    pub(crate) const POLL_REP: u8 = 0xBA;
}

/// The one request of a transaction has this identifier (RFC 9483 §4.1.1).
const CERT_REQ_ID: [u8; 3] = [tag::INTEGER, 1, 0];

const fn context(number: u8) -> u8 {
    0xA0 | number
}

/// `cr` with what the template says, and raVerified (RFC 4211 §4: `[0] NULL`).
///
/// The serial number is the CA's; so are the fields of CertTemplate that it alone decides.
pub(super) fn certificate_request(issuer: &[u8], template: &ObjectTemplate) -> Vec<u8> {
    let validity = template.validity;
    let times = [
        element(context(0), &[&validity.not_before().to_der()]),
        element(context(1), &[&validity.not_after().to_der()]),
    ];
    let spki = Reader::new(template.spki.der()).element("subjectPublicKeyInfo").expect("it was read as one").content;
    let mut extensions = Vec::new();
    for extension in &template.extensions {
        let oid = element(tag::OBJECT_IDENTIFIER, &[extension.oid.as_bytes()]);
        let critical: &[u8] = if extension.critical { &[tag::BOOLEAN, 1, 0xFF] } else { &[] };
        let value = element(tag::OCTET_STRING, &[&extension.value]);
        extensions.extend(element(tag::SEQUENCE, &[&oid, critical, &value]));
    }
    let extensions = if extensions.is_empty() { extensions } else { element(context(9), &[&extensions]) };
    let template = element(
        tag::SEQUENCE,
        &[
            &element(context(3), &[issuer]),
            &element(context(4), &[&times[0], &times[1]]),
            &element(context(5), &[template.subject.der()]),
            &element(context(6), &[spki]),
            &extensions,
        ],
    );
    let request = element(tag::SEQUENCE, &[&CERT_REQ_ID, &template]);
    let message = element(tag::SEQUENCE, &[&request, &[0x80, 0]]);
    element(body::CR, &[&element(tag::SEQUENCE, &[&message])])
}

/// `pollReq`
pub(super) fn poll_request() -> Vec<u8> {
    let one = element(tag::SEQUENCE, &[&CERT_REQ_ID]);
    element(body::POLL_REQ, &[&element(tag::SEQUENCE, &[&one])])
}

/// `certConf`: the certificate with this hash is accepted, or is not for a reason.
pub(super) fn confirmation(hash: &[u8], refused: Option<&str>) -> Vec<u8> {
    let status = match refused {
        None => vec![],
        Some(reason) => {
            let text = element(tag::SEQUENCE, &[&element(tag::UTF8_STRING, &[reason.as_bytes()])]);
            // status rejection (2); failInfo badCertTemplate (19)
            let fail_info = element(tag::BIT_STRING, &[&[4, 0, 0, 0x10]]);
            element(tag::SEQUENCE, &[&[tag::INTEGER, 1, 2], &text, &fail_info])
        }
    };
    let one = element(tag::SEQUENCE, &[&element(tag::OCTET_STRING, &[hash]), &CERT_REQ_ID, &status]);
    element(body::CERT_CONF, &[&element(tag::SEQUENCE, &[&one])])
}

/// What an answer says.
#[derive(Debug)]
pub(super) enum Said {
    /// `pkiConf`
    Acknowledged,
    /// A certificate (`accepted` or `grantedWithMods`).
    Certificate(Box<Certificate>),
    /// Neither a certificate nor a promise of one.
    Refused(Refusal),
    /// Wait so many seconds; 0 if it was not said how long.
    Wait(u64),
}

/// A PKIStatusInfo that comes without a certificate.
#[derive(Debug)]
pub(super) struct Refusal {
    /// PKIStatus and PKIFailureInfo in words.
    pub(super) status: String,
    /// The CA's own words, escaped.
    pub(super) reason: Option<String>,
    /// Whether it says, of the request it answers, that no certificate was made: status `rejection`, and no failure
    /// that concerns an earlier request or the CA's own state ([`NO_PROOF`]).
    pub(super) is_proof: bool,
}

impl Refusal {
    pub(super) fn words(&self) -> String {
        let Self { status, reason, .. } = self;
        reason.as_ref().map_or_else(|| status.clone(), |reason| format!("{status} ({reason})"))
    }
}

/// Reads a body.
pub(super) fn said(tag: u8, content: &[u8]) -> Result<Said, CmpError> {
    let mut reader = Reader::new(content);
    match tag {
        body::PKI_CONF => Ok(Said::Acknowledged),
        body::ERROR => {
            let error = reader.expect(tag::SEQUENCE, "ErrorMsgContent")?;
            let status = Reader::new(error.content).expect(tag::SEQUENCE, "pKIStatusInfo")?;
            Ok(Said::Refused(refusal(status.content)?))
        }
        body::POLL_REP => {
            let list = reader.expect(tag::SEQUENCE, "PollRepContent")?;
            let one = Reader::new(list.content).expect(tag::SEQUENCE, "PollRepContent")?;
            let mut fields = Reader::new(one.content);
            check_id(fields.expect(tag::INTEGER, "certReqId")?.raw)?;
            Ok(Said::Wait(number(fields.expect(tag::INTEGER, "checkAfter")?.content)))
        }
        body::CP => {
            let answer = reader.expect(tag::SEQUENCE, "CertRepMessage")?;
            let mut fields = Reader::new(answer.content);
            fields.optional(context(1), "caPubs")?;
            let list = fields.expect(tag::SEQUENCE, "response")?;
            let mut responses = Reader::new(list.content);
            let response = responses.expect(tag::SEQUENCE, "CertResponse")?;
            responses.finish("CertRepMessage")?;
            certificate(response.content)
        }
        other => Err(CmpError::Malformed { what: format!("a body with tag {other:#04x}, which was not asked for") }),
    }
}

fn certificate(response: &[u8]) -> Result<Said, CmpError> {
    let mut fields = Reader::new(response);
    check_id(fields.expect(tag::INTEGER, "certReqId")?.raw)?;
    let status = fields.expect(tag::SEQUENCE, "PKIStatusInfo")?.content;
    let code = number(Reader::new(status).expect(tag::INTEGER, "PKIStatus")?.content);
    match code {
        0 | 1 => {}
        3 => return Ok(Said::Wait(0)),
        _ => {
            let refusal = refusal(status)?;
            // a certificate beside a rejection contradicts it
            let has_certificate = fields.optional(tag::SEQUENCE, "CertifiedKeyPair")?.is_some();
            return Ok(Said::Refused(Refusal { is_proof: refusal.is_proof && !has_certificate, ..refusal }));
        }
    }
    let pair = fields.expect(tag::SEQUENCE, "CertifiedKeyPair")?;
    let choice = Reader::new(pair.content).expect(context(0), "certificate in the clear")?;
    Ok(Said::Certificate(Box::new(Certificate::from_der(choice.content)?)))
}

fn check_id(id: &[u8]) -> Result<(), CmpError> {
    // RFC 9483 §3.6.4: an error about the whole may carry -1
    if id == CERT_REQ_ID || id == [tag::INTEGER, 1, 0xFF] {
        Ok(())
    } else {
        Err(CmpError::Foreign { what: "certReqId" })
    }
}

fn refusal(status: &[u8]) -> Result<Refusal, CmpError> {
    let mut fields = Reader::new(status);
    let code = fields.expect(tag::INTEGER, "PKIStatus")?.content;
    let mut is_proof = code == REJECTION;
    let code = number(code);
    let mut reason = None;
    if let Some(texts) = fields.optional(tag::SEQUENCE, "PKIFreeText")? {
        let mut texts = Reader::new(texts.content);
        let mut words = Vec::new();
        while !texts.is_empty() {
            let text = texts.expect(tag::UTF8_STRING, "PKIFreeText")?;
            words.push(Printable::bytes(text.content).brief().to_string());
        }
        reason = Some(words.join("; "));
    }
    let mut status = match usize::try_from(code).ok().and_then(|code| STATUS.get(code)) {
        Some(word) => (*word).to_owned(),
        None => format!("status {code}"),
    };
    if let Some(bits) = fields.optional(tag::BIT_STRING, "PKIFailureInfo")? {
        let set = |bit: usize| bits.content.get(1 + bit / 8).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
        let names: Vec<&str> =
            FAILURES.iter().enumerate().filter(|(bit, _)| set(*bit)).map(|(_, name)| *name).collect();
        // a bit that is not in the list means something that this program does not know
        let known = (0..bits.content.len().saturating_sub(1) * 8).all(|bit| bit < FAILURES.len() || !set(bit));
        is_proof &= known && !names.iter().any(|name| NO_PROOF.contains(name));
        status = format!("{status}: {}", names.join(", "));
    }
    Ok(Refusal { status, reason, is_proof })
}

fn number(content: &[u8]) -> u64 {
    content.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// PKIStatus (RFC 9810 §5.2.3).
const STATUS: [&str; 7] = [
    "accepted",
    "grantedWithMods",
    "rejection",
    "waiting",
    "revocationWarning",
    "revocationNotification",
    "keyUpdateWarning",
];

/// The one PKIStatus that says that the request was refused as a whole (RFC 9810 §5.2.3): the content of its INTEGER.
const REJECTION: &[u8] = &[2];

/// Failures with which a rejection proves nothing about certificates: the CA knows the request or its transaction
/// already, has confirmed a certificate, or failed at a point that it does not name.
const NO_PROOF: [&str; 4] = ["certConfirmed", "transactionIdInUse", "systemFailure", "duplicateCertReq"];

/// PKIFailureInfo, bit by bit (RFC 9810 §5.2.3).
const FAILURES: [&str; 27] = [
    "badAlg",
    "badMessageCheck",
    "badRequest",
    "badTime",
    "badCertId",
    "badDataFormat",
    "wrongAuthority",
    "incorrectData",
    "missingTimeStamp",
    "badPOP",
    "certRevoked",
    "certConfirmed",
    "wrongIntegrity",
    "badRecipientNonce",
    "timeNotAvailable",
    "unacceptedPolicy",
    "unacceptedExtension",
    "addInfoNotAvailable",
    "badSenderNonce",
    "badCertTemplate",
    "signerNotTrusted",
    "transactionIdInUse",
    "unsupportedVersion",
    "notAuthorized",
    "systemUnavail",
    "systemFailure",
    "duplicateCertReq",
];
