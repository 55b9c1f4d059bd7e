//! CMP over HTTP and HTTPS (RFC 9811): one POST a message.

use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate as TlsCertificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Timeout};

use crate::parallel;
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
        let roots: Vec<TlsCertificate<'static>> =
            anchors.iter().map(|anchor| TlsCertificate::from_der(anchor.der()).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(timeout))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), Names);
        Self { agent, url: url.to_owned() }
    }
}

/// Looks host names up on a thread of its own, which is given up when it takes too long. The library's own resolver does
/// the same, and panics where the system has no thread left.
#[derive(Debug)]
struct Names;

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(ureq::Error::BadUri(uri.to_string()));
        };
        let Some(host) = DefaultResolver::host_and_port(scheme, authority) else {
            return Err(ureq::Error::BadUri(uri.to_string()));
        };
        let (sender, receiver) = sync_channel(1);
        let on_its_own = {
            let host = host.clone();
            parallel::start("resolver".to_owned(), move || drop(sender.send(host.to_socket_addrs())))
        };
        let found = match on_its_own {
            Ok(_) if timeout.after.is_not_happening() => receiver.recv().map_err(|_| ureq::Error::HostNotFound)?,
            Ok(_) => receiver.recv_timeout(*timeout.after).map_err(|_| ureq::Error::Timeout(timeout.reason))?,
            Err(_) => host.to_socket_addrs(),
        };
        let mut addresses = self.empty();
        // as many as the array takes
        found?.take(16).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
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
