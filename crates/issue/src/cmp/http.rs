//! CMP over HTTP and HTTPS (RFC 9811): one POST a message.

use std::time::Duration;

use ureq::{Agent, Timeout};

use crate::https;
use crate::text::brief;
use crate::x509::Certificate;

use crate::error::TransportError;

/// Longest answer that is read.
const MAX_ANSWER: usize = 1 << 20;

/// A CA's address.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
    url: String,
}

impl Http {
    /// With `https`, the server must have a certificate under one of `anchors`; with `http`, nothing protects messages
    /// but their own protection, which is what CMP was made for. No redirect is followed.
    pub fn new(url: &str, anchors: &[Certificate], timeout: Duration) -> Self {
        let agent = https::client(anchors.iter().map(Certificate::der), timeout);
        Self { agent, url: url.to_owned() }
    }
}

impl Http {
    /// Sends a message and returns the answer.
    ///
    /// # Errors
    /// The CA was not reached, or did not answer with a message.
    pub(super) fn post(&self, message: &[u8]) -> Result<Vec<u8>, TransportError> {
        let sent = self.agent.post(&self.url).content_type("application/pkixcmp").send(message);
        let mut answer = sent.map_err(|error| judged(&error))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER as u64).read_to_vec();
        match body {
            // RFC 9811 §3.4: error messages may come with a status that says so
            Ok(body) if (200..300).contains(&status) || body.first() == Some(&0x30) => Ok(body),
            Ok(_) => Err(TransportError::Status { status }),
            Err(error) => Err(TransportError::Lost { reason: words(&error) }),
        }
    }
}

/// Whether the CA may have seen the request.
fn judged(error: &ureq::Error) -> TransportError {
    let reason = words(error);
    match error {
        ureq::Error::BadUri(_)
        | ureq::Error::ConnectionFailed
        | ureq::Error::HostNotFound
        | ureq::Error::Rustls(_)
        | ureq::Error::Tls(_)
        | ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => TransportError::NotSent { reason },
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused || handshake(error) => {
            TransportError::NotSent { reason }
        }
        _ => TransportError::Lost { reason },
    }
}

/// Whether TLS ended before anything of the message was sent: at the server's certificate, or for want of a common
/// version or suite (RFC 8446 §4.4; no early data is sent).
fn handshake(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::PeerIncompatible(_)))
}

fn words(error: &ureq::Error) -> String {
    brief(&error.to_string())
}
