//! What was made of a CA, and what there is of it: values that a front door renders.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use reroot_core::report::{Described, Place};

use crate::config::{Config, ConfigErrors, Holder};
use crate::crypto::{named_notes, sha256};
use crate::x509::{Certificate, KeyAlgorithm, Name, Sha256Digest, Spki, Time};

use super::{AdoptReport, AdoptedManifest, Imported, InitReport, RequestReport};

/// The certificates that a configuration names.
#[derive(Debug)]
pub struct CaCertificates {
    config: PathBuf,
    certificates: Vec<(&'static str, Certificate)>,
}

impl CaCertificates {
    /// Reads the issuing CA's certificate, those above it, the manifest signer's and the source anchors.
    ///
    /// # Errors
    /// One cannot be read, or they do not belong together.
    pub fn of(config: &Config) -> Result<Self, ConfigErrors> {
        let issuer = config.issuer_identity()?;
        let mut certificates = vec![("issuing CA", issuer.certificate().clone())];
        certificates.extend(issuer.chain().iter().map(|above| ("above it", above.clone())));
        certificates.push(("manifest signer", config.manifest_certificate()?));
        certificates.extend(config.anchors()?.into_iter().map(|anchor| ("source anchor", anchor)));
        Ok(Self { config: config.file().to_owned(), certificates })
    }

    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        self.described().iter().flat_map(Described::facts).collect()
    }

    fn described(&self) -> Vec<Described<'_>> {
        self.certificates.iter().map(|(role, certificate)| Described { role, certificate }).collect()
    }
}

#[derive(Serialize)]
struct OfConfig<'a> {
    config: Place<'a>,
    certificates: Vec<Described<'a>>,
}

impl Serialize for CaCertificates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        OfConfig { config: Place(&self.config), certificates: self.described() }.serialize(serializer)
    }
}

impl Imported {
    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let certificate = &self.certificate;
        let validity = certificate.validity();
        let mut facts = vec![
            (self.role(), certificate.subject().to_string()),
            ("issued by", certificate.issuer().to_string()),
            ("valid", format!("{} to {}", validity.not_before(), validity.not_after())),
        ];
        facts.extend(named_notes(certificate).into_iter().map(|note| ("note", note)));
        facts
    }

    fn role(&self) -> &'static str {
        match self.holder {
            Holder::Issuer => "issuing CA",
            Holder::Manifest => "manifest signer",
        }
    }
}

#[derive(Serialize)]
struct OfImport<'a> {
    files: Vec<Place<'a>>,
    certificate: Described<'a>,
}

impl Serialize for Imported {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let files = self.files.iter().map(|file| Place(file)).collect();
        let certificate = Described { role: self.role(), certificate: &self.certificate };
        OfImport { files, certificate }.serialize(serializer)
    }
}

/// A request that was written.
#[derive(Debug, Serialize)]
pub struct RequestMade<'a> {
    file: Place<'a>,
    subject: String,
    key: KeyAlgorithm,
    spki_sha256: Sha256Digest,
}

impl<'a> RequestMade<'a> {
    /// Takes the file, the name, and the key that the request is for.
    pub fn new(file: &'a Path, subject: &Name, key: &Spki) -> Self {
        let spki_sha256 = sha256(key.der());
        Self { file: Place(file), subject: subject.to_string(), key: key.algorithm(), spki_sha256 }
    }
}

#[derive(Serialize)]
struct OfNewCa<'a> {
    directory: Place<'a>,
    files: Vec<Place<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates: Option<Vec<Certified>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<Vec<Requested>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a [String]>,
    encrypted: bool,
}

#[derive(Serialize)]
struct Certified {
    role: &'static str,
    subject: String,
    sha256: Sha256Digest,
    not_after: Time,
}

#[derive(Serialize)]
struct Requested {
    role: &'static str,
    subject: String,
}

impl From<(&'static str, &Certificate)> for Certified {
    fn from((role, certificate): (&'static str, &Certificate)) -> Self {
        Self {
            role,
            subject: certificate.subject().to_string(),
            sha256: sha256(certificate.der()),
            not_after: certificate.validity().not_after(),
        }
    }
}

impl Requested {
    fn new(role: &'static str, name: &Name) -> Self {
        Self { role, subject: name.to_string() }
    }
}

fn places(files: &[PathBuf]) -> Vec<Place<'_>> {
    files.iter().map(|file| Place(file)).collect()
}

fn certified(named: Vec<(&'static str, &Certificate)>) -> Vec<Certified> {
    named.into_iter().map(Certified::from).collect()
}

impl InitReport {
    /// The certificates, with what each is for.
    pub fn named(&self) -> Vec<(&'static str, &Certificate)> {
        let (root, issuing) = if self.matter { ("Matter PAA", "Matter PAI") } else { ("root CA", "issuing CA") };
        vec![
            (root, &self.root),
            (issuing, &self.issuing),
            ("manifest signer", &self.manifest),
            ("source anchor", &self.anchor),
        ]
    }
}

impl Serialize for InitReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = OfNewCa {
            directory: Place(&self.directory),
            files: places(&self.files),
            certificates: Some(certified(self.named())),
            requests: None,
            notes: None,
            encrypted: !self.plain,
        };
        whole.serialize(serializer)
    }
}

impl Serialize for RequestReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let requests =
            vec![Requested::new("issuing CA", &self.issuing), Requested::new("manifest signer", &self.manifest)];
        let whole = OfNewCa {
            directory: Place(&self.directory),
            files: places(&self.files),
            certificates: None,
            requests: Some(requests),
            notes: None,
            encrypted: !self.plain,
        };
        whole.serialize(serializer)
    }
}

impl AdoptReport {
    /// The certificates, with what each is for.
    pub fn named(&self) -> Vec<(&'static str, &Certificate)> {
        let mut named = vec![("issuing CA", &self.issuing)];
        named.extend(self.chain.iter().map(|above| ("above it", above)));
        if let AdoptedManifest::Certified { signer, anchor } = &self.manifest {
            named.extend([("manifest signer", &**signer), ("manifest anchor", &**anchor)]);
        }
        named.push(("source anchor", &self.anchor));
        named
    }
}

impl Serialize for AdoptReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let requests = match &self.manifest {
            AdoptedManifest::Certified { .. } => vec![],
            AdoptedManifest::Requested(name) => vec![Requested::new("manifest signer", name)],
        };
        let whole = OfNewCa {
            directory: Place(&self.directory),
            files: places(&self.files),
            certificates: Some(certified(self.named())),
            requests: Some(requests),
            notes: Some(&self.notes),
            encrypted: !self.plain,
        };
        whole.serialize(serializer)
    }
}
