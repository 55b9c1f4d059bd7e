//! TLS: the server's certificate, and the CAs of clients.

use std::path::Path;
use std::sync::Arc;

use reroot_core::input;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio_rustls::TlsAcceptor;

use crate::error::ServiceError;
use crate::settings::Tls;

/// What turns a connection into one with TLS. A client need not show a certificate: it can have a token. One that it
/// shows must reach a configured CA, be in time and not be revoked, or there is no connection.
///
/// # Errors
/// A file cannot be read or used.
pub fn acceptor(tls: &Tls) -> Result<TlsAcceptor, ServiceError> {
    let provider = Arc::new(default_provider());
    let chain = certificates(&tls.certificate)?;
    let content = read(&tls.key)?;
    let key = PrivateKeyDer::from_pem_slice(&content).map_err(|error| unfit(&tls.key, &error))?;
    let clients = match &tls.client_ca {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(file) => clients(file, tls.client_crl.as_deref(), &provider)?,
    };
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites of TLS 1.2 and 1.3")
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| unfit(&tls.key, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What checks certificates of clients.
fn clients(
    file: &Path,
    crl: Option<&Path>,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ServiceError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| unfit(file, &error))?;
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).allow_unauthenticated();
    if let Some(crl) = crl {
        let content = read(crl)?;
        let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&content).collect();
        let lists = lists.map_err(|error| unfit(crl, &error))?;
        if lists.is_empty() {
            return Err(unfit(crl, "it has no revocation list in PEM"));
        }
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    builder.build().map_err(|error| unfit(crl.unwrap_or(file), &error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ServiceError> {
    let content = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    let found = found.map_err(|error| unfit(file, &error))?;
    if found.is_empty() { Err(unfit(file, "it has no certificate in PEM")) } else { Ok(found) }
}

fn read(file: &Path) -> Result<Vec<u8>, ServiceError> {
    input::read(file).map_err(|error| unfit(file, &error))
}

fn unfit(path: &Path, what: &(impl ToString + ?Sized)) -> ServiceError {
    ServiceError::Tls { path: path.to_owned(), what: what.to_string() }
}
