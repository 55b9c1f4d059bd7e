//! The one way in which this program asks a server over HTTP: which servers are trusted, and for how long it waits.

use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::parallel;

/// A client. With `https`, a server must have a certificate under one of `roots`, which are in DER. No redirect is
/// followed, no proxy is asked, and an answer that says no is an answer.
pub fn client<'a>(roots: impl Iterator<Item = &'a [u8]>, timeout: Duration) -> Agent {
    let roots: Vec<Certificate<'static>> = roots.map(|root| Certificate::from_der(root).to_owned()).collect();
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
    Agent::with_parts(config, DefaultConnector::default(), Names)
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
