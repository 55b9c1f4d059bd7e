//! Adopting a CA that exists: its certificates and its key stay as they are; ledger, manifest signer, anchors, policies and
//! configuration are made around them.
//!
//! Guarantees: nothing is made before the certificates are a chain from the key at hand up to a root, each of them a CA
//! that may sign certificates and is valid now. The adopted key signs nothing here. The issuing CA never certifies the
//! manifest signer: a root above it does, or an anchor of its own that is made here.

use std::path::{Path, PathBuf};

use crate::cert::IssuerIdentity;
use crate::config::{CaSection, SecretPlace};
use crate::crypto::{PublicKey, check_authority, check_signed, named_notes, other_algorithm_hint};
use crate::signer::pkcs11::{Settings, resolve_pin, token_key};
use crate::signer::{
    KeyFile, KeyLocation, KeyUri, Pkcs11Error, Pkcs11Signer, SecretResolver, SecretSource, Signer, SignerError,
};
use crate::x509::{Certificate, KeyAlgorithm, KeyUsage, Name, Place, Purposes, SignatureAlgorithm, Spki, Time};

use super::CaError;
use super::certificate::Role;
use super::init::{InitOptions, MANIFEST, MANIFEST_ANCHOR, Plan, write_certificates};
use super::key::CaKey;
use super::keys::NewKey;
use super::place::Staging;
use super::request::RequestRole;

/// Where the key of an existing CA is, and what opens it.
#[derive(Clone, Copy, Debug)]
pub struct ExistingKey<'a> {
    /// The place. The configuration repeats it, so that the path of a file is absolute.
    pub place: &'a KeyLocation,
    /// Where the passphrase of a file, or the PIN of a token, comes from. `None`: a person is asked where there is one.
    pub secret: Option<&'a SecretSource>,
    /// How a token is treated.
    pub settings: &'a Settings,
}

impl ExistingKey<'_> {
    /// Opens the key of a CA.
    ///
    /// # Errors
    /// It cannot be opened, or is not that of the certificate.
    pub fn open(&self, certificate: &Certificate, secrets: &dyn SecretResolver) -> Result<Box<dyn Signer>, CaError> {
        let failed = |source| failed(self.place, source);
        match self.place {
            KeyLocation::Pkcs11(uri) => in_token(uri, self.secret, certificate, self.settings, secrets),
            KeyLocation::File(path) => {
                let signer = KeyFile::read(path, self.secret, secrets).and_then(|file| file.open()).map_err(failed)?;
                if same_key(certificate.spki(), signer.public_key()) {
                    return Ok(Box::new(signer));
                }
                Err(mismatch(certificate, Some(signer.public_key())))
            }
        }
    }
}

/// An existing CA whose key was opened: its certificates are a chain of valid CAs from that key up to a root.
#[derive(Debug)]
pub struct ExistingCa {
    issuing: Certificate,
    chain: Vec<Certificate>,
    notes: Vec<String>,
    key: String,
    in_token: bool,
    encrypted: bool,
    secret: Option<SecretSource>,
}

impl ExistingCa {
    /// Opens the key and checks the certificates: that of the issuing CA first, then those above it in any order. The
    /// certificates of PKCS#12 need not be given again.
    ///
    /// # Errors
    /// The key cannot be opened or is not that of a certificate, or the certificates are not such a chain.
    pub fn open(
        key: &ExistingKey<'_>,
        mut certificates: Vec<Certificate>,
        now: Time,
        secrets: &dyn SecretResolver,
    ) -> Result<Self, CaError> {
        let ExistingKey { place, secret, settings } = *key;
        let failed = |source| failed(place, source);
        let mut encrypted = false;
        let (text, signer): (String, Box<dyn Signer>) = match place {
            KeyLocation::File(path) => {
                let text = path.to_str().ok_or(CaError::KeyPath)?.to_owned();
                let file = KeyFile::read(path, secret, secrets).map_err(failed)?;
                encrypted = !file.is_plain();
                let signer = file.open().map_err(failed)?;
                certificates.extend(file.certificates().map_err(failed)?);
                (text, Box::new(signer))
            }
            KeyLocation::Pkcs11(uri) => {
                let first = certificates.first().ok_or(CaError::NoCertificate)?;
                (uri.to_string(), in_token(uri, secret, first, settings, secrets)?)
            }
        };
        if certificates.is_empty() {
            return Err(CaError::NoCertificate);
        }
        let (issuing, chain) = arrange(certificates, signer.public_key())?;
        let notes = check(&issuing, &chain, now)?;
        signer.check_algorithm(issuing.spki().algorithm().usual_signature())?;
        let in_token = matches!(place, KeyLocation::Pkcs11(_));
        Ok(Self { issuing, chain, notes, key: text, in_token, encrypted, secret: secret.cloned() })
    }

    /// The kind of the issuing key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.issuing.spki().algorithm()
    }

    /// What the new configuration says of it.
    fn section(&self, own_anchor: bool) -> CaSection<'_> {
        let secret = match &self.secret {
            Some(source) => SecretPlace::Named(source),
            None if self.encrypted => SecretPlace::Prompt,
            None => SecretPlace::None,
        };
        CaSection::Adopted {
            key: &self.key,
            in_token: self.in_token,
            secret,
            chain: !self.chain.is_empty(),
            own_anchor,
        }
    }
}

/// Who certifies the manifest signer of an adopted CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestIssuer {
    /// An anchor of its own, which is made with it.
    OwnAnchor,
    /// The root above the issuing CA: a request is made for it. A CA that is its own root cannot.
    Root,
}

/// What was made around the CA.
#[derive(Debug)]
pub struct AdoptReport {
    /// The new directory.
    pub directory: PathBuf,
    /// Every file made, relative to the directory, in the order of making.
    pub files: Vec<PathBuf>,
    /// The issuing CA's certificate.
    pub issuing: Certificate,
    /// The certificates above it, nearest first.
    pub chain: Vec<Certificate>,
    /// The manifest signer.
    pub manifest: AdoptedManifest,
    /// The source anchor.
    pub anchor: Certificate,
    /// What is worth a look about the CA's certificates and stops nothing.
    pub notes: Vec<String>,
    /// Whether the new keys are in plain files.
    pub plain: bool,
}

/// The manifest signer of an adopted CA.
#[derive(Debug)]
pub enum AdoptedManifest {
    /// It has a certificate under an anchor of its own.
    Certified {
        /// The signer's certificate.
        signer: Box<Certificate>,
        /// The anchor.
        anchor: Box<Certificate>,
    },
    /// The root is to certify it under this name.
    Requested(Name),
}

/// Makes everything that an existing CA needs in `dir`, which may be new, empty, or hold unrelated files.
///
/// # Errors
/// The CA is its own root and the root is to certify the manifest signer; or as for [`init`](super::init()). Then nothing is
/// left in `dir`.
pub fn adopt(
    dir: &Path,
    options: &InitOptions<'_>,
    ca: ExistingCa,
    manifest: ManifestIssuer,
) -> Result<AdoptReport, CaError> {
    let plan = Plan::new(options)?;
    if manifest == ManifestIssuer::Root && ca.chain.is_empty() {
        return Err(CaError::OneLevel { subject: ca.issuing.subject().to_string() });
    }
    let own_anchor = manifest == ManifestIssuer::OwnAnchor;
    let config = plan.config(ca.section(own_anchor))?;
    let parties: &[usize] = if own_anchor { &[MANIFEST_ANCHOR, MANIFEST] } else { &[MANIFEST] };
    let build = Build { plan: &plan, issuing: &ca.issuing, chain: &ca.chain, config: &config };
    let (files, manifest) = plan.make_in(dir, parties, |staging, keys| build.run(staging, keys))?;
    let (anchor, plain) = (plan.anchor.clone(), plan.plain(parties));
    let ExistingCa { issuing, chain, notes, .. } = ca;
    Ok(AdoptReport { directory: dir.to_owned(), files, issuing, chain, manifest, anchor, notes, plain })
}

struct Build<'a> {
    plan: &'a Plan<'a>,
    issuing: &'a Certificate,
    chain: &'a [Certificate],
    config: &'a str,
}

impl Build<'_> {
    fn run(&self, staging: &Staging, keys: Vec<NewKey>) -> Result<(Vec<PathBuf>, AdoptedManifest), CaError> {
        let mut files = Vec::new();
        let manifest = match <[NewKey; 2]>::try_from(keys) {
            Ok([anchor, signer]) => self.certify(staging, &mut files, anchor, signer)?,
            Err(keys) => self.request(staging, &mut files, keys.into_iter().next().expect("one was asked for"))?,
        };
        write_certificates(staging, &mut files, "ca/issuing.pem", std::slice::from_ref(self.issuing))?;
        if !self.chain.is_empty() {
            write_certificates(staging, &mut files, "ca/chain.pem", self.chain)?;
        }
        if let AdoptedManifest::Certified { signer, anchor } = &manifest {
            write_certificates(staging, &mut files, "ca/manifest.pem", std::slice::from_ref(signer))?;
            write_certificates(staging, &mut files, "ca/manifest-anchor.pem", std::slice::from_ref(anchor))?;
        }
        let config = self.plan.finish(staging, &mut files, self.config)?;
        config.issuer_identity().map_err(CaError::NewConfig)?;
        if matches!(manifest, AdoptedManifest::Certified { .. }) {
            config.manifest_certificate().map_err(CaError::NewConfig)?;
        }
        Ok((files, manifest))
    }

    /// The manifest signer under an anchor of its own.
    fn certify(
        &self,
        staging: &Staging,
        files: &mut Vec<PathBuf>,
        anchor: NewKey,
        signer: NewKey,
    ) -> Result<AdoptedManifest, CaError> {
        let plan = self.plan;
        let anchor = plan.party(anchor, "Manifest Anchor", None);
        let signer = plan.party(signer, "Manifest Signer", None);
        let parties = [(MANIFEST_ANCHOR, &anchor), (MANIFEST, &signer)];
        let ledger = Plan::begin_for(staging, files, &parties, self.issuing.spki())?;
        let opened = anchor.key.open(plan.options.secrets.root)?;
        let key = CaKey::new(&*opened, opened.public_key())?;
        let certify = |subject, role, number| plan.certify(&ledger, &key, &anchor, subject, role, number);
        let own = certify(&anchor, Role::Authority { path_len: 0 }, MANIFEST_ANCHOR)?;
        let certificate = certify(&signer, Role::ManifestSigner, MANIFEST)?;
        ledger.conclude()?;
        Ok(AdoptedManifest::Certified { signer: Box::new(certificate), anchor: Box::new(own) })
    }

    /// A request for the root above the issuing CA.
    fn request(&self, staging: &Staging, files: &mut Vec<PathBuf>, signer: NewKey) -> Result<AdoptedManifest, CaError> {
        let signer = self.plan.party(signer, "Manifest Signer", None);
        let ledger = Plan::begin_for(staging, files, &[(MANIFEST, &signer)], self.issuing.spki())?;
        self.plan.request(staging, files, &ledger, (MANIFEST, RequestRole::Manifest), &signer)?;
        Ok(AdoptedManifest::Requested(signer.name))
    }
}

/// Opens the key of `certificate` in a token, which need not show the public half.
fn in_token(
    uri: &KeyUri,
    secret: Option<&SecretSource>,
    certificate: &Certificate,
    settings: &Settings,
    secrets: &dyn SecretResolver,
) -> Result<Box<dyn Signer>, CaError> {
    let key = token_key(uri.clone(), resolve_pin(uri, secret, secrets, settings)?).map_err(SignerError::from)?;
    match Pkcs11Signer::open(vec![key], Some(certificate.spki()), settings) {
        Ok(signer) => Ok(Box::new(signer)),
        Err(Pkcs11Error::KeyMismatch { .. }) => Err(mismatch(certificate, None)),
        Err(other) => Err(SignerError::from(other).into()),
    }
}

/// Names the key file, where the reason does not.
fn failed(place: &KeyLocation, source: SignerError) -> CaError {
    match source {
        source @ (SignerError::Read { .. } | SignerError::Secret(_)) => source.into(),
        source => CaError::IssuerKey { place: place.to_string(), source: Box::new(source) },
    }
}

fn mismatch(certificate: &Certificate, found: Option<&Spki>) -> CaError {
    let expected = certificate.spki().algorithm();
    CaError::KeyMismatch {
        subject: certificate.subject().to_string(),
        kinds: found.map(|found| (found.algorithm(), expected)),
    }
}

/// The certificate of the key, and those above it in order. Every certificate is of the chain.
fn arrange(mut certificates: Vec<Certificate>, key: &Spki) -> Result<(Certificate, Vec<Certificate>), CaError> {
    let of_key = |certificate: &Certificate| same_key(certificate.spki(), key);
    let Some(own) = certificates.iter().position(of_key) else {
        return Err(mismatch(&certificates[0], Some(key)));
    };
    let issuing = certificates.remove(own);
    let mut chain: Vec<Certificate> = Vec::with_capacity(certificates.len());
    loop {
        let below = chain.last().unwrap_or(&issuing);
        if below.is_self_issued() {
            break;
        }
        let Some(next) = certificates.iter().position(|above| signed(below, above).is_ok()) else {
            return Err(incomplete(below, &certificates));
        };
        chain.push(certificates.remove(next));
    }
    certificates.retain(|certificate| *certificate != issuing && !chain.contains(certificate));
    match certificates.first() {
        None => Ok((issuing, chain)),
        Some(other) => Err(CaError::ChainUnrelated { subject: other.subject().to_string() }),
    }
}

fn same_key(one: &Spki, other: &Spki) -> bool {
    (one.algorithm(), one.key()) == (other.algorithm(), other.key())
}

fn signed(below: &Certificate, above: &Certificate) -> Result<(), String> {
    let key = PublicKey::from_spki(above.spki()).map_err(|error| error.to_string())?;
    check_signed(below, above.subject(), &key).map_err(|error| error.to_string())
}

/// Why the chain ends at `below`, which did not issue itself.
fn incomplete(below: &Certificate, others: &[Certificate]) -> CaError {
    let (subject, issuer) = (below.subject().to_string(), below.issuer().to_string());
    let Some(named) = others.iter().find(|above| above.subject() == below.issuer()) else {
        return CaError::ChainIncomplete { subject, issuer };
    };
    let reason = signed(below, named).err().unwrap_or_default();
    let hint = match below.signature_algorithm() {
        SignatureAlgorithm::Unverified(other) => Some(other_algorithm_hint(other)),
        _ => None,
    };
    CaError::ChainSignature { subject, issuer, reason, hint }
}

/// Checks what the certificates say. Returns what is worth a look.
fn check(issuing: &Certificate, chain: &[Certificate], now: Time) -> Result<Vec<String>, CaError> {
    let identity = IssuerIdentity::new(issuing.clone(), chain.to_vec())?;
    for (depth, certificate) in (0..).zip(std::iter::once(issuing).chain(chain)) {
        let place = if certificate.is_self_issued() { Place::Anchor } else { Place::Below };
        check_authority(certificate, place, depth, Purposes::Of(&[]))
            .map_err(|reason| CaError::ChainUnfit { reason })?;
        let validity = certificate.validity();
        if !validity.contains(now) {
            return Err(CaError::NotValid {
                subject: certificate.subject().to_string(),
                not_before: validity.not_before(),
                not_after: validity.not_after(),
                now,
            });
        }
    }
    let mut notes: Vec<String> = named_notes(issuing);
    if issuing.key_usage().ok().flatten().is_some_and(|usage| !usage.has(KeyUsage::CRL_SIGN)) {
        notes.push("the issuing CA's keyUsage lacks cRLSign: it cannot sign revocation lists".to_owned());
    }
    if identity.key_identifier().is_none() {
        notes.push("the issuing CA has no subjectKeyIdentifier for authorityKeyIdentifiers to name".to_owned());
    }
    Ok(notes)
}
