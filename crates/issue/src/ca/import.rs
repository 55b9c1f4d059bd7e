//! `reroot ca import`: the certificate that another root made for a key of ours.

use std::path::{Path, PathBuf};

use crate::config::{Config, Holder};
use crate::durable::{self, Access};
use crate::input;
use crate::signer::SecretResolver;
use crate::x509::{Certificate, bundle, pem};

use super::CaError;

/// What was taken in.
#[derive(Debug)]
pub struct Imported {
    /// Whose certificate it is.
    pub holder: Holder,
    /// The certificate.
    pub certificate: Certificate,
    /// The files made, in order; none if everything was in its place already.
    pub files: Vec<PathBuf>,
}

/// Takes in a certificate for the issuing CA or, if it is another key's and not a CA's, for the manifest signer, and
/// puts it where the configuration says. `chain` is what is above the issuing CA, nearest first; without it, the files
/// that the configuration names must be there.
///
/// Before anything is written: the key that the configuration names is opened and is the certificate's; the rights and
/// the chain are those that issuing and sealing need; the ledger is that of this key. Files that exist stay as they
/// are.
///
/// # Errors
/// One of these does not hold, or a file is there with another content.
pub fn import(
    config: &Config,
    certificate: Certificate,
    chain: Vec<Certificate>,
    secrets: &dyn SecretResolver,
) -> Result<Imported, CaError> {
    // a certificate of the issuing key that forgot the CA rights is not taken for the manifest signer's
    let issuing = certificate.is_ca() || config.open_ledger(certificate.spki()).is_ok();
    let holder = if issuing { Holder::Issuer } else { Holder::Manifest };
    let mut wanted: Vec<(PathBuf, Vec<Certificate>)> = Vec::new();
    match holder {
        Holder::Issuer => {
            let chain = if chain.is_empty() { above(config)? } else { chain };
            config.check_issuer(certificate.clone(), chain.clone())?;
            drop(config.open_ledger(certificate.spki())?);
            wanted = places(config, chain)?;
        }
        Holder::Manifest if !chain.is_empty() => return Err(CaError::ChainUnused { found: chain.len() }),
        Holder::Manifest => config.check_manifest(&certificate)?,
    }
    drop(config.open_key_of(holder, &certificate, secrets)?);
    // last, so that a run that was interrupted is known by its absence
    wanted.push((config.certificate_path(holder).to_owned(), vec![certificate.clone()]));
    let mut missing = Vec::with_capacity(wanted.len());
    for (path, content) in wanted {
        match read(&path)? {
            None => missing.push((path, content)),
            Some(found) if found == content => {}
            Some(_) => return Err(CaError::Kept { path }),
        }
    }
    let mut files = Vec::with_capacity(missing.len());
    for (path, content) in missing {
        let text: String = content.iter().map(|one| pem::write("CERTIFICATE", one.der()).to_string()).collect();
        durable::write_new(&path, Access::Trusted, text.as_bytes())?;
        files.push(path);
    }
    Ok(Imported { holder, certificate, files })
}

/// The certificates that are in the chain's places already.
fn above(config: &Config) -> Result<Vec<Certificate>, CaError> {
    let mut chain = Vec::new();
    for path in config.chain_paths() {
        match read(path)? {
            Some(certificates) => chain.extend(certificates),
            None => return Err(CaError::ChainCount { found: 0, expected: config.chain_paths().count() }),
        }
    }
    Ok(chain)
}

/// All of the chain into the one file that is named for it, or one certificate into each of several.
fn places(config: &Config, chain: Vec<Certificate>) -> Result<Vec<(PathBuf, Vec<Certificate>)>, CaError> {
    let paths: Vec<&Path> = config.chain_paths().collect();
    match paths[..] {
        [only] if !chain.is_empty() => Ok(vec![(only.to_owned(), chain)]),
        _ if paths.len() == chain.len() => {
            Ok(paths.into_iter().zip(chain).map(|(path, one)| (path.to_owned(), vec![one])).collect())
        }
        _ => Err(CaError::ChainCount { found: chain.len(), expected: paths.len() }),
    }
}

/// The certificates of a file, if it is there; none of a file with anything else in it.
fn read(path: &Path) -> Result<Option<Vec<Certificate>>, CaError> {
    let content = match input::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CaError::Read { path: path.to_owned(), source }),
    };
    Ok(Some(bundle::named(&content).unwrap_or_default()))
}
