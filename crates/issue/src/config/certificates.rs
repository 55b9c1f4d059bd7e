//! Every certificate that a configuration names, for those who watch when they end.

use std::path::PathBuf;

use toml::Spanned;

use crate::signer::KeyLocation;
use crate::x509::Certificate;

use super::cmp::Shown;
use super::schema::KeyPlace;
use super::{Config, ConfigErrors, Holder, files};

/// A certificate that a configuration names.
#[derive(Clone, Debug)]
pub struct NamedCertificate {
    /// What it is for, in words.
    pub role: &'static str,
    /// The certificate.
    pub certificate: Certificate,
}

impl Config {
    /// Reads every certificate that the configuration names, each file by itself: one that cannot be read does not hide
    /// the others. Whether they belong together is not checked.
    pub fn certificates(&self) -> (Vec<NamedCertificate>, Vec<ConfigErrors>) {
        let document = &self.document;
        let one = |path| std::slice::from_ref(path);
        let mut files: Vec<(&'static str, &[Spanned<PathBuf>])> = vec![
            ("issuing CA", one(&document.issuer.certificate)),
            ("above it", &document.chain),
            ("manifest signer", one(&document.manifest.certificate)),
            ("manifest anchor", document.manifest_anchor.as_slice()),
            ("source anchor", &document.anchors),
        ];
        if let Some(signing) = &document.signing {
            files.push(("planner", &signing.planners));
        }
        if let Some(cmp) = &document.cmp {
            if let Shown::Certificate(identity, chain) = &cmp.shown {
                files.extend([("CMP client", one(&identity.certificate)), ("above it", &chain[..])]);
            }
            files.extend([("CMP server", &cmp.servers[..]), ("TLS anchor", &cmp.tls_anchors[..])]);
        }
        let (mut certificates, mut failures) = (Vec::new(), Vec::new());
        for (role, paths) in files {
            for path in paths {
                match self.collect(|errors| files::certificates(path, errors)) {
                    Ok(read) => {
                        certificates.extend(read.into_iter().map(|certificate| NamedCertificate { role, certificate }));
                    }
                    Err(errors) => failures.push(errors),
                }
            }
        }
        (certificates, failures)
    }

    /// Where the holder's key is: a path, or the URIs of tokens; nothing where no key is configured.
    pub fn key_places(&self, holder: Holder) -> Vec<String> {
        match self.identity(holder).key.as_ref().map(|key| key.place.get_ref()) {
            None => Vec::new(),
            Some(KeyPlace::File(path)) => vec![KeyLocation::File(path.clone()).to_string()],
            Some(KeyPlace::Tokens(uris)) => uris.iter().map(ToString::to_string).collect(),
        }
    }
}
