//! `reroot.toml`: issuer, anchors, ledger, manifest signer.
//!
//! Guarantees: the schema is closed, paths are relative to the file, and every mistake is reported before the first
//! signature, all of them at once, each with its place in the file. Issuer and chain belong together by signature and
//! not only by name; a signer that is handed out holds the certificate's own key; the manifest signer is fit to seal
//! and its certificate is not the issuing CA's work.
//!
//! *Trusted.* Who can change this file chooses whose signatures count as ST's (`[source] anchors`) and which ledger
//! remembers what was issued. It holds no secret.

mod certificates;
mod check;
mod cmp;
mod error;
mod files;
mod hsm;
mod keys;
mod reference;
mod schema;
mod signer;
mod signing;
#[cfg(test)]
mod tests;
mod trust;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use crate::approval::{ApprovalMode, Approver, Rule};
use crate::cert::IssuerIdentity;
use crate::ledger::{Ledger, LedgerError};
use crate::ownership::Shared;
use crate::signer::{BatchSigning, Secret, SecretResolver, Signer, SignerError};
use crate::toml::Mistakes;
use crate::x509::form;
use crate::x509::{Certificate, Sha256Digest, Spki};

pub use certificates::NamedCertificate;
pub use error::{CODES, ConfigErrors};
pub use reference::reference_markdown;
pub use signer::SignerSection;
pub use trust::Sharing;
pub use write::{CaSection, NewConfig, SecretPlace};

use schema::{Document, Identity};

/// Whose key or certificate is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The issuing CA.
    Issuer,
    /// The manifest signer.
    Manifest,
}

/// A CA that speaks CMP (`[cmp]`).
#[expect(missing_debug_implementations, reason = "holds a secret or a signer")]
pub struct Cmp {
    /// Its address.
    pub url: String,
    /// By what requests are protected.
    pub shown: CmpCredentials,
    /// Certificates of those whose signatures on answers count.
    pub servers: Vec<Certificate>,
    /// Roots of the server's TLS certificate.
    pub tls_anchors: Vec<Certificate>,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Requests under way at once.
    pub concurrency: usize,
    /// How often to try again when it is not reached.
    pub retries: u32,
    /// How often to ask a CA that wants time.
    pub polls: u32,
    /// Longest pause between two polls.
    pub longest_pause: Duration,
}

/// By what requests are protected.
#[expect(missing_debug_implementations, reason = "holds a secret or a signer")]
pub enum CmpCredentials {
    /// The registration authority's certificate, those above it, and its key.
    Certificate(Box<Certificate>, Vec<Certificate>, Box<dyn Signer>),
    /// A reference and a secret that were agreed on.
    Secret(String, Secret),
}

/// What a signing machine takes (`[signing]`).
#[derive(Clone, Debug)]
pub struct Signing {
    /// Manifest certificates of those whose plans are taken.
    pub planners: Vec<Certificate>,
    /// SHA-256 of the policies under which is signed.
    pub policies: Vec<Sha256Digest>,
    /// How many days a plan may be from this machine's clock.
    pub max_days: u32,
    /// How many days after now lists end at the latest that are signed without an approval, as they change nothing.
    pub routine_days: Option<u32>,
    /// How many persons besides the one who asked must approve.
    pub approvals: usize,
    /// How they do it.
    pub mode: ApprovalMode,
    /// Those who may approve.
    pub approvers: Vec<Approver>,
}

impl Signing {
    /// What must be approved, and by whom.
    pub fn rule(&self) -> Rule<'_> {
        Rule { needed: self.approvals, approvers: &self.approvers, mode: self.mode }
    }
}

/// The configuration's usual name.
pub const FILE_NAME: &str = "reroot.toml";

/// A configuration whose own text is right; the files it names are read by the methods that need them.
#[derive(Debug)]
pub struct Config {
    file: PathBuf,
    text: String,
    document: Document,
    overruled: Vec<Shared>,
}

impl Config {
    /// As [`load_with`](Self::load_with), where nothing may be shared.
    ///
    /// # Errors
    /// As there.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        Self::load_with(file, Sharing::Refused)
    }

    /// Reads a configuration, after checking that no other user could have written it. Does not open the files that it
    /// names yet, but checks that no other user can change them, or read a key or secret.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or is not of the schema: every mistake with its place. Or a different user
    /// can change one of the files or read a key or secret, and `sharing` does not allow it.
    pub fn load_with(file: &Path, sharing: Sharing) -> Result<Self, ConfigErrors> {
        let errors = Mistakes::default();
        let mut overruled = Vec::new();
        if let Err(shared) = trust::check_file(file) {
            if sharing == Sharing::Refused {
                errors.push_hint::<()>(error::FILE_SHARED, 0..0, shared.to_string(), shared.hint());
                return Ok(errors.finish(file, "", None)?);
            }
            overruled.push(shared);
        }
        let Some(content) = files::read(file, &(0..0), &errors) else {
            return Ok(errors.finish(file, "", None)?);
        };
        let Ok(text) = std::str::from_utf8(&content) else {
            let what = match form::byte_order_mark(&content) {
                Some(mark) => format!("starts with {mark}, expected UTF-8 (TOML §3)"),
                None => "not UTF-8 (TOML §3)".to_owned(),
            };
            errors.push::<()>(error::SYNTAX, 0..0, what);
            return Ok(errors.finish(file, "", None)?);
        };
        let config = Self::parse(text, file)?;
        let errors = Mistakes::default();
        overruled.extend(trust::check_named(&config.document, sharing, &errors));
        Ok(errors.finish(file, text, Some(Self { overruled, ..config }))?)
    }

    /// As [`load`](Self::load), from the text of a file that would be at `file`. Owners and modes are not looked at.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigErrors> {
        let errors = Mistakes::default();
        let base = file.parent().unwrap_or(Path::new(""));
        let document = schema::read(text, base, &errors);
        let document = errors.finish(file, text, document)?;
        Ok(Self { file: file.to_owned(), text: text.to_owned(), document, overruled: vec![] })
    }

    /// Makes aws-lc compute every signature of the issuing key. Overrides `batch_signer`.
    pub fn sign_generically(&mut self) {
        self.document.issuer.batches = BatchSigning::Never;
    }

    /// What others could change or read, and was allowed all the same.
    pub fn overruled(&self) -> &[Shared] {
        &self.overruled
    }

    /// The configuration file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the path of the ledger.
    pub fn ledger_path(&self) -> &Path {
        self.document.ledger.get_ref()
    }

    /// Where the ledger's head is noted after each run, if anywhere.
    pub fn head_file(&self) -> Option<&Path> {
        self.document.head_file.as_ref().map(|file| file.get_ref().as_path())
    }

    /// Opens the ledger, and compares it with the head that the last run noted.
    ///
    /// # Errors
    /// As [`Ledger::open`] and [`Ledger::note_head_in`].
    pub fn open_ledger(&self, issuer: &Spki) -> Result<Ledger, LedgerError> {
        self.noting_head(Ledger::open(self.ledger_path(), issuer)?)
    }

    /// As [`open_ledger`](Self::open_ledger), or makes it where there is none.
    ///
    /// # Errors
    /// As there; or a new one cannot be written.
    pub fn open_or_create_ledger(&self, issuer: &Spki) -> Result<Ledger, LedgerError> {
        self.noting_head(Ledger::open_or_create(self.ledger_path(), issuer)?)
    }

    /// Opens the ledger at this URL beside other workers of its pool, and compares it with the head that the last run noted.
    ///
    /// # Errors
    /// As [`Ledger::open_as_worker`] and [`Ledger::note_head_in`].
    pub fn open_ledger_as_worker(&self, url: &Path, issuer: &Spki) -> Result<Ledger, LedgerError> {
        self.noting_head(Ledger::open_as_worker(url, issuer)?)
    }

    fn noting_head(&self, ledger: Ledger) -> Result<Ledger, LedgerError> {
        if let Some(file) = self.head_file() {
            ledger.note_head_in(file)?;
        }
        Ok(ledger)
    }

    /// The issuing CA and the chain above it.
    ///
    /// # Errors
    /// A file is not readable or not a certificate, the issuer cannot issue, or the chain does not hold: a name, a
    /// signature, a CA bit, keyCertSign or pathLenConstraint.
    pub fn issuer_identity(&self) -> Result<IssuerIdentity, ConfigErrors> {
        self.collect(|errors| self.load_issuer(errors))
    }

    /// The manifest signer's certificate.
    ///
    /// # Errors
    /// As [`issuer_identity`](Self::issuer_identity); the certificate is not one for document signing alone
    /// (RFC 9336), or its key or its issuer's key is the issuing CA's.
    pub fn manifest_certificate(&self) -> Result<Certificate, ConfigErrors> {
        self.collect(|errors| {
            let issuer = self.load_issuer(errors);
            let anchors = self.load_manifest_anchors(errors);
            let certificate = files::certificate(&self.document.manifest.certificate, errors)?;
            let span = self.document.manifest.certificate.span();
            check::manifest_signer(&certificate, &issuer?, &anchors?, &span, errors)?;
            Some(certificate)
        })
    }

    /// The anchors of the manifest signer: those that `[manifest]` names, or else the end of the issuer's chain.
    ///
    /// # Errors
    /// As [`issuer_identity`](Self::issuer_identity), or a file of anchors is not readable or not of certificates.
    pub fn manifest_anchors(&self) -> Result<Vec<Certificate>, ConfigErrors> {
        self.collect(|errors| match &self.document.manifest_anchor {
            Some(path) => files::certificates(path, errors),
            None => Some(self.load_issuer(errors)?.anchor().cloned().into_iter().collect()),
        })
    }

    /// The source anchors: whose signatures make a leaf a genuine part. Each file holds one or several certificates.
    ///
    /// # Errors
    /// A file is not readable or not of certificates, or one anchor is there twice.
    pub fn anchors(&self) -> Result<Vec<Certificate>, ConfigErrors> {
        self.collect(|errors| {
            let mut anchors: Vec<Certificate> = Vec::new();
            for path in &self.document.anchors {
                for anchor in files::certificates(path, errors).unwrap_or_default() {
                    if anchors.contains(&anchor) {
                        let message = format!("anchor `{}` is configured twice", anchor.subject());
                        errors.push::<()>(error::ANCHOR_TWICE, path.span(), message);
                    }
                    anchors.push(anchor);
                }
            }
            Some(anchors)
        })
    }

    /// The CA that speaks CMP, with what protects the messages.
    ///
    /// # Errors
    /// There is no `[cmp]`, a certificate cannot be read, or key or secret cannot be had.
    pub fn cmp_ca(&self, secrets: &dyn SecretResolver) -> Result<Cmp, ConfigErrors> {
        self.collect(|errors| {
            let Some(section) = &self.document.cmp else {
                let message = "there is no [cmp], which asking a CA by CMP needs";
                return errors.push_hint(error::MISSING, 0..0, message, "docs/guide/other-cas.md has an example.");
            };
            let all = |paths: &[Spanned<PathBuf>]| {
                let read: Vec<_> = paths.iter().map(|path| files::certificates(path, errors)).collect();
                Some(read.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect::<Vec<_>>())
            };
            let shown = match &section.shown {
                cmp::Shown::Certificate(identity, chain) => {
                    let certificate = files::certificate(&identity.certificate, errors)?;
                    let signer = keys::open_certified(identity, &self.document.hsm, secrets, errors)?;
                    CmpCredentials::Certificate(Box::new(certificate), all(chain)?, signer)
                }
                cmp::Shown::Secret(reference, source) => match source.get_ref().resolve("secret of [cmp]", secrets) {
                    Ok(secret) => CmpCredentials::Secret(reference.clone(), secret),
                    Err(reason) => {
                        return error::push_signer(
                            errors,
                            (error::SIGNER_OPEN, &source.span()),
                            "secret of [cmp]",
                            reason.into(),
                        );
                    }
                },
            };
            Some(Cmp {
                url: section.url.clone(),
                shown,
                servers: all(&section.servers)?,
                tls_anchors: all(&section.tls_anchors)?,
                timeout: section.timeout,
                concurrency: section.concurrency,
                retries: section.retries,
                polls: section.polls,
                longest_pause: section.longest_pause,
            })
        })
    }

    /// What this machine signs of others' plans.
    ///
    /// # Errors
    /// There is no `[signing]`, or a planner's certificate cannot be read.
    pub fn signing(&self) -> Result<Signing, ConfigErrors> {
        self.collect(|errors| {
            let Some(section) = &self.document.signing else {
                let hint = "Whose plans are taken, which policies are signed and how old a plan may be is written down on \
                            the signing machine: docs/guide/other-cas.md has an example.";
                return errors.push_hint(error::MISSING, 0..0, "there is no [signing], which `sign` needs", hint);
            };
            let read = |path| files::certificates(path, errors);
            let planners: Vec<_> = section.planners.iter().map(read).collect();
            let approvers = files::approvers(section, errors);
            let planners: Vec<_> = planners.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
            let approvers = approvers?;
            check::approvers(&approvers, &section.approvers, &planners, errors)?;
            Some(Signing {
                planners,
                policies: section.policies.clone(),
                max_days: section.max_days,
                routine_days: section.routine_days,
                approvals: section.approvals,
                mode: section.mode,
                approvers,
            })
        })
    }

    /// Where the signing service of this machine listens and keeps requests (`[signer]`), if it has one.
    pub fn signer_section(&self) -> Option<&SignerSection> {
        self.document.signer.as_ref()
    }

    /// Opens the issuing key and proves it the certificate's.
    ///
    /// # Errors
    /// No key is configured, the key cannot be opened, or it is another certificate's.
    pub fn open_issuer_signer(&self, secrets: &dyn SecretResolver) -> Result<Box<dyn Signer>, ConfigErrors> {
        self.collect(|errors| keys::open_certified(&self.document.issuer, &self.document.hsm, secrets, errors))
    }

    /// Opens the manifest signer's key and proves it the certificate's.
    ///
    /// # Errors
    /// As [`open_issuer_signer`](Self::open_issuer_signer).
    pub fn open_manifest_signer(&self, secrets: &dyn SecretResolver) -> Result<Box<dyn Signer>, ConfigErrors> {
        self.collect(|errors| keys::open_certified(&self.document.manifest, &self.document.hsm, secrets, errors))
    }

    /// Opens a key before it has a certificate: its holder must tell the public half.
    ///
    /// # Errors
    /// No key is configured, or it cannot be opened.
    pub fn open_bare_key(&self, holder: Holder, secrets: &dyn SecretResolver) -> Result<Box<dyn Signer>, ConfigErrors> {
        self.collect(|errors| keys::open_bare(self.identity(holder), &self.document.hsm, secrets, errors))
    }

    /// Opens a key and proves it the key of a certificate that is not in its place yet.
    ///
    /// # Errors
    /// As [`open_issuer_signer`](Self::open_issuer_signer).
    pub fn open_key_of(
        &self,
        holder: Holder,
        certificate: &Certificate,
        secrets: &dyn SecretResolver,
    ) -> Result<Box<dyn Signer>, ConfigErrors> {
        self.collect(|errors| keys::open_for(self.identity(holder), certificate, &self.document.hsm, secrets, errors))
    }

    /// What [`issuer_identity`](Self::issuer_identity) would say with these certificates in their places.
    ///
    /// # Errors
    /// As there; or the chain does not reach a root.
    pub fn check_issuer(
        &self,
        certificate: Certificate,
        chain: Vec<Certificate>,
    ) -> Result<IssuerIdentity, ConfigErrors> {
        self.collect(|errors| {
            let span = self.document.issuer.certificate.span();
            let above = self.document.chain.first().map_or_else(|| span.clone(), Spanned::span);
            let chain = chain.into_iter().map(|certificate| Spanned::new(above.clone(), certificate)).collect();
            let identity = check::issuer(Spanned::new(span, certificate), chain, errors)?;
            check::complete(identity, &above, errors)
        })
    }

    /// What [`manifest_certificate`](Self::manifest_certificate) would say with this certificate in its place.
    ///
    /// # Errors
    /// As there.
    pub fn check_manifest(&self, certificate: &Certificate) -> Result<(), ConfigErrors> {
        self.collect(|errors| {
            let issuer = self.load_issuer(errors)?;
            let anchors = self.load_manifest_anchors(errors)?;
            check::manifest_signer(certificate, &issuer, &anchors, &self.document.manifest.certificate.span(), errors)
        })
    }

    /// Returns the path of the holder's certificate, which may not exist yet.
    pub fn certificate_path(&self, holder: Holder) -> &Path {
        self.identity(holder).certificate.get_ref()
    }

    /// Returns the paths of the certificates above the issuing CA's, nearest first.
    pub fn chain_paths(&self) -> impl Iterator<Item = &Path> {
        self.document.chain.iter().map(|path| path.get_ref().as_path())
    }

    fn identity(&self, holder: Holder) -> &Identity {
        match holder {
            Holder::Issuer => &self.document.issuer,
            Holder::Manifest => &self.document.manifest,
        }
    }

    fn load_issuer(&self, errors: &Mistakes<SignerError>) -> Option<IssuerIdentity> {
        let at = &self.document.issuer.certificate;
        let certificate = files::certificate(at, errors);
        let mut chain = Vec::new();
        let mut complete = true;
        for path in &self.document.chain {
            let Some(certificates) = files::certificates(path, errors) else {
                complete = false;
                continue;
            };
            chain.extend(certificates.into_iter().map(|above| Spanned::new(path.span(), above)));
        }
        let certificate = certificate.filter(|_| complete)?;
        check::issuer(Spanned::new(at.span(), certificate), chain, errors)
    }

    /// The anchors that `[manifest]` names, if any.
    fn load_manifest_anchors(&self, errors: &Mistakes<SignerError>) -> Option<Vec<Certificate>> {
        self.document.manifest_anchor.as_ref().map_or(Some(vec![]), |path| files::certificates(path, errors))
    }

    fn collect<T>(&self, read: impl FnOnce(&Mistakes<SignerError>) -> Option<T>) -> Result<T, ConfigErrors> {
        let errors = Mistakes::default();
        let value = read(&errors);
        Ok(errors.finish(&self.file, &self.text, value)?)
    }
}
