//! One transaction: request, answers, confirmation.

use std::time::Duration;

use crate::cert::{IssuerIdentity, ObjectTemplate};
use crate::crypto::sha2;
use crate::ledger::RecordedRequest;
use crate::x509::tlv::{Reader, element, tag};
use crate::x509::{Certificate, Name, Sha2};

use super::http::Http;
use super::message::{self, Refusal, Said};
use super::protection::Credentials;
use crate::error::{CmpError, RequestError, TransportError};

/// How long a CA may keep asking to wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often to ask.
    pub polls: u32,
    /// Longest pause between two polls; a CA that wants a longer one is asked after this.
    pub longest_pause: Duration,
}

/// Asks a CA for certificates.
#[expect(missing_debug_implementations, reason = "holds a secret or a signer")]
pub struct Client<'a> {
    /// The CA.
    pub issuer: &'a IssuerIdentity,
    /// What protects messages.
    pub credentials: &'a Credentials,
    /// The way to the CA.
    pub transport: &'a Http,
    /// How long to wait.
    pub patience: Patience,
    /// Fresh random bytes.
    pub random: &'a (dyn Fn(&mut [u8]) + Sync),
    /// Pauses.
    pub pause: &'a (dyn Fn(Duration) + Sync),
}

impl Client<'_> {
    /// Asks for one certificate and confirms it if `accept` returns what is made of it. `transaction` names the
    /// exchange: it was recorded with the request.
    ///
    /// # Errors
    /// There is no accepted certificate; [`RequestError`] says whether the CA may have made one.
    ///
    /// # Panics
    /// The template is of another leaf than the recorded request.
    pub fn request<T>(
        &self,
        recorded: &RecordedRequest,
        template: &ObjectTemplate,
        transaction: &[u8; 16],
        accept: &dyn Fn(&Certificate) -> Result<T, String>,
    ) -> Result<T, RequestError> {
        assert_eq!(recorded.wanted().origin(), &template.origin, "what is asked for is what was recorded");
        assert_eq!(recorded.wanted().spki(), &template.spki, "what is asked for is what was recorded");
        let mut exchange = Exchange { client: self, transaction, peer_nonce: None };
        let body = message::certificate_request(self.issuer.subject().der(), template);
        let (request, nonce) = exchange.compose(&body).map_err(RequestError::Settled)?;
        let answer = self.transport.post(&request).map_err(|error| match error {
            TransportError::NotSent { .. } => RequestError::Settled(error.into()),
            TransportError::Lost { .. } | TransportError::Status { .. } => RequestError::InDoubt(error.into()),
        })?;
        // The CA may have the request: from here on only the CA's own, protected word proves anything.
        let certificate = match exchange.understand(&answer, &nonce).map_err(RequestError::InDoubt)? {
            Said::Certificate(certificate) => *certificate,
            Said::Refused(Refusal { status, reason, is_proof: true }) => {
                return Err(RequestError::Settled(CmpError::Refused { status, reason }));
            }
            other => exchange.poll(other).map_err(RequestError::InDoubt)?,
        };
        // The CA has made a certificate. It ends accepted and acknowledged, or rejected and acknowledged; anything else
        // leaves it open what the CA does with it.
        let hash = hash_of(&certificate);
        let accepted = match accept(&certificate) {
            Ok(accepted) => accepted,
            Err(reason) => {
                return Err(match exchange.say(&message::confirmation(&hash, Some(&reason))) {
                    Ok(Said::Acknowledged) => RequestError::Settled(CmpError::Certificate { reason }),
                    other => {
                        RequestError::InDoubt(CmpError::RejectionNotAcknowledged { answer: words(&other), reason })
                    }
                });
            }
        };
        match exchange.say(&message::confirmation(&hash, None)) {
            Ok(Said::Acknowledged) => Ok(accepted),
            other => Err(RequestError::InDoubt(CmpError::NotAcknowledged { reason: words(&other) })),
        }
    }
}

/// What was answered in place of an acknowledgement.
fn words(answer: &Result<Said, CmpError>) -> String {
    match answer {
        Ok(Said::Acknowledged) => "pkiConf".to_owned(),
        Ok(Said::Certificate(_)) => "a certificate".to_owned(),
        Ok(Said::Refused(refusal)) => refusal.words(),
        Ok(Said::Wait(_)) => "that it wants to wait".to_owned(),
        Err(error) => error.to_string(),
    }
}

struct Exchange<'a, 'b> {
    client: &'a Client<'b>,
    transaction: &'a [u8; 16],
    peer_nonce: Option<Vec<u8>>,
}

impl Exchange<'_, '_> {
    /// Polls until the CA has a certificate. Every way out without one leaves a doubt: the CA has had the request, and
    /// what it answers to a poll may come from a station between here and the CA that has lost sight of it.
    fn poll(&mut self, first: Said) -> Result<Certificate, CmpError> {
        let patience = self.client.patience;
        let (mut said, mut polls) = (first, 0);
        loop {
            said = match said {
                Said::Certificate(certificate) => return Ok(*certificate),
                Said::Acknowledged => {
                    return Err(CmpError::Malformed { what: "pkiConf, where a certificate was asked for".to_owned() });
                }
                Said::Refused(refusal) if polls == 0 => return Err(CmpError::Unclear { answer: refusal.words() }),
                Said::Refused(refusal) => return Err(CmpError::RefusedLate { answer: refusal.words() }),
                Said::Wait(_) if polls == patience.polls => return Err(CmpError::StillWaiting { polls }),
                Said::Wait(seconds) => {
                    polls += 1;
                    (self.client.pause)(Duration::from_secs(seconds).min(patience.longest_pause));
                    self.say(&message::poll_request())?
                }
            };
        }
    }

    /// Sends a body and returns the answer, after checking that it is the CA's answer to this body.
    fn say(&mut self, body: &[u8]) -> Result<Said, CmpError> {
        let (message, nonce) = self.compose(body)?;
        let answer = self.client.transport.post(&message)?;
        self.understand(&answer, &nonce)
    }

    /// Makes the protected message with a body, and the nonce that its answer must repeat. Nothing leaves.
    fn compose(&self, body: &[u8]) -> Result<(Vec<u8>, [u8; 16]), CmpError> {
        let Client { issuer, credentials, .. } = self.client;
        let protection = &credentials.protection;
        let (mut salt, mut nonce) = ([0; 16], [0; 16]);
        (self.client.random)(&mut salt);
        (self.client.random)(&mut nonce);
        let algorithm = protection.algorithm(&salt)?;
        let bytes = |number: u8, content: &[u8]| element(0xA0 | number, &[&element(tag::OCTET_STRING, &[content])]);
        let name = |der: &[u8]| element(0xA4, &[der]);
        let header = element(
            tag::SEQUENCE,
            &[
                &[tag::INTEGER, 1, 2],
                &name(&protection.sender()),
                &name(issuer.subject().der()),
                &element(0xA1, &[&algorithm]),
                &protection.key_identifier().map(|id| bytes(2, &id)).unwrap_or_default(),
                &bytes(4, self.transaction),
                &bytes(5, &nonce),
                &self.peer_nonce.as_ref().map(|nonce| bytes(6, nonce)).unwrap_or_default(),
            ],
        );
        let protected = element(tag::SEQUENCE, &[&header, body]);
        let bits = element(tag::BIT_STRING, &[&[0], &protection.protect(&algorithm, &protected)?]);
        let certificates: Vec<u8> = protection.certificates().iter().flat_map(|one| one.der().to_vec()).collect();
        let extra =
            if certificates.is_empty() { vec![] } else { element(0xA1, &[&element(tag::SEQUENCE, &[&certificates])]) };
        Ok((element(tag::SEQUENCE, &[&header, body, &element(0xA0, &[&bits]), &extra]), nonce))
    }

    fn understand(&mut self, answer: &[u8], nonce: &[u8]) -> Result<Said, CmpError> {
        let mut reader = Reader::new(answer);
        let message = reader.expect(tag::SEQUENCE, "PKIMessage")?;
        reader.finish("PKIMessage")?;
        let mut parts = Reader::new(message.content);
        let header = parts.expect(tag::SEQUENCE, "PKIHeader")?;
        let body = parts.element("PKIBody")?;
        let protection = parts.optional(0xA0, "protection")?;
        let fields = Header::read(header.content)?;
        let (Some(protection), Some(algorithm)) = (protection, fields.algorithm) else {
            let says = match message::said(body.tag, body.content) {
                Ok(Said::Refused(refusal)) => refusal.words(),
                Ok(Said::Certificate(_)) => "a certificate".to_owned(),
                Ok(_) | Err(_) => "nothing that helps".to_owned(),
            };
            return Err(CmpError::Unprotected { says });
        };
        let bits = Reader::new(protection.content).expect(tag::BIT_STRING, "protection")?;
        let Some((0, bits)) = bits.content.split_first() else {
            return Err(CmpError::Malformed { what: "protection is not of whole bytes".to_owned() });
        };
        let protected = element(tag::SEQUENCE, &[header.raw, body.raw]);
        self.client.credentials.verify(algorithm, fields.sender.as_ref(), &protected, bits)?;
        if fields.transaction != Some(&self.transaction[..]) {
            return Err(CmpError::Foreign { what: "transactionID" });
        }
        if fields.recipient_nonce != Some(nonce) {
            return Err(CmpError::Foreign { what: "recipNonce" });
        }
        self.peer_nonce = fields.sender_nonce.map(<[u8]>::to_vec);
        message::said(body.tag, body.content)
    }
}

/// What is looked at of a PKIHeader (RFC 9810 §5.1.1).
struct Header<'a> {
    sender: Option<Name>,
    algorithm: Option<&'a [u8]>,
    transaction: Option<&'a [u8]>,
    sender_nonce: Option<&'a [u8]>,
    recipient_nonce: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn read(content: &'a [u8]) -> Result<Self, CmpError> {
        let mut reader = Reader::new(content);
        reader.expect(tag::INTEGER, "pvno")?;
        let sender = reader.element("sender")?;
        reader.element("recipient")?;
        let mut header =
            Self { sender: None, algorithm: None, transaction: None, sender_nonce: None, recipient_nonce: None };
        // a directory name that is not empty is the signer's (RFC 9483 §3.1)
        if sender.tag == 0xA4 {
            header.sender = Name::from_der(sender.content).ok().filter(|name| !name.is_empty());
        }
        while !reader.is_empty() {
            let field = reader.element("field of PKIHeader")?;
            let bytes = || Ok::<_, CmpError>(Reader::new(field.content).expect(tag::OCTET_STRING, "octets")?.content);
            match field.tag {
                0xA1 => header.algorithm = Some(field.content),
                0xA4 => header.transaction = Some(bytes()?),
                0xA5 => header.sender_nonce = Some(bytes()?),
                0xA6 => header.recipient_nonce = Some(bytes()?),
                _ => {}
            }
        }
        Ok(header)
    }
}

/// certHash: by the hash of the certificate's own signature (RFC 9810 §5.3.18); Ed25519 goes with SHA-512
/// (RFC 9481 §3.3).
fn hash_of(certificate: &Certificate) -> Vec<u8> {
    sha2(certificate.signature_algorithm().hash().unwrap_or(Sha2::Sha256), certificate.der())
}

#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8]) {
    let _ = Header::read(bytes);
}
