//! TLS: the server's certificate, and the CAs of clients. Their files are read again when they have changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
use crate::version::Version;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Turns connections into TLS connections, with the files of the settings as they are now. A client need not show a certificate:
/// it can have a token. One that it shows must reach a configured CA, be in time and not be revoked, or there is no
/// connection.
#[expect(missing_debug_implementations, reason = "holds a key")]
pub struct Secure {
    tls: Tls,
    read: Mutex<Read>,
}

/// What was read, and of which versions of the files.
struct Read {
    looked: Instant,
    versions: Vec<Option<Version>>,
    acceptor: TlsAcceptor,
}

impl Secure {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub fn new(tls: Tls) -> Result<Self, ServiceError> {
        let versions = versions(&tls);
        let read = Mutex::new(Read { looked: Instant::now(), versions, acceptor: acceptor(&tls)? });
        Ok(Self { tls, read })
    }

    /// What takes the next connection. The files are looked at once a second at most. New ones that cannot be used, such as a
    /// certificate whose key is not there yet, leave those before in place.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.looked.elapsed() >= LOOK {
            read.looked = Instant::now();
            let versions = versions(&self.tls);
            if versions != read.versions {
                read.versions = versions;
                match acceptor(&self.tls) {
                    Ok(acceptor) => {
                        read.acceptor = acceptor;
                        tracing::info!("certificates and revocation lists of TLS were read again");
                    }
                    Err(error) => {
                        let error = error.to_string();
                        tracing::error!(error, "new files of TLS cannot be used: the earlier ones stay in use");
                    }
                }
            }
        }
        read.acceptor.clone()
    }
}

/// The versions of all files, before they are read: a change in between is seen the next time.
fn versions(tls: &Tls) -> Vec<Option<Version>> {
    let files = [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref(), tls.client_crl.as_ref()];
    let version = |file: &PathBuf| Some(Version::of(&file.metadata().ok()?));
    files.into_iter().flatten().map(version).collect()
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, ServiceError> {
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
