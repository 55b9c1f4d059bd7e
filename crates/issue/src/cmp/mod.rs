//! Certificates from a CA that speaks CMP (RFC 9810), asked for as a registration authority: in place of the chips'
//! proofs of possession, this program states raVerified (RFC 9483 §5.2.3), on the strength of ST's signature over the
//! leaf.
//!
//! One request, one transaction (RFC 9483 §4.1): `cr`, `cp` or `pollRep`s before it, `certConf`, `pkiConf`. Only what
//! the ledger has recorded is asked for ([`RecordedRequest`](crate::ledger::RecordedRequest)). Nothing of an answer is
//! believed before its protection was verified: by the shared secret, or under the certificate of the CA's that the
//! configuration names. Whether a certificate is as asked for is the caller's judgement, asked before it is confirmed.
//!
//! [`RequestError`] distinguishes a request that may have led to a certificate from one that is proved to have led to
//! none: the CA may have issued a certificate that this program does not have. It is never asked for twice silently.

mod exchange;
mod http;
mod message;
mod protection;

pub use crate::error::{CmpError, RequestError, TransportError};
pub use exchange::{Client, Patience};
pub use http::Http;
pub use protection::{Credentials, Protection};

/// Reads bytes as an answer's header and as its body, without asking who protected them.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    exchange::fuzz(bytes);
    let mut reader = crate::x509::tlv::Reader::new(bytes);
    if let Ok(body) = reader.element("PKIBody") {
        let _ = message::said(body.tag, body.content);
    }
}
