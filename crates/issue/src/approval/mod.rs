//! Approvals: what a second person signs before a CA key signs a plan.
//!
//! An approval is one line of JSON that names exactly what is to be signed, and a CMS signature over that line with the
//! person's own key. The machine that signs checks it against certificates in its own configuration, so that neither the
//! planner nor the person who asked can make one. `docs/spec/approval.md` specifies the file.
//!
//! Guarantees: a [`Rule`] is met only by signatures of as many different persons as it needs, over this very plan, in time,
//! none of them by the person who asked. What is left to others: who the persons are, and how a file comes to the signer.

mod click;
mod error;
mod gate;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use reroot_core::manifest::seal::sign_detached;
use serde::{Deserialize, Serialize};

use crate::input;
use crate::manifest::verify_detached;
use crate::signer::Signer;
use crate::text::brief;
use crate::x509::{Certificate, KeyUsage, Sha256Digest, Time, pem};

pub use click::{ApprovalMode, Click};
pub use error::ApprovalError;
pub(crate) use gate::pass;
pub use gate::{Given, Socket};

/// The format that the line names.
pub const FORMAT: &str = "reroot-approval/1";
/// Label of the signature in PEM (RFC 7468 §9).
const LABEL: &str = "CMS";
/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Longest name of a person, in bytes.
pub const MAX_PERSON: usize = 200;
/// Longest time for which an approval can be given, in days.
pub const MAX_DAYS: u16 = 30;

/// What a CA key is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Sign the certificates of a plan.
    SignPlan,
    /// Sign the revocation lists of a plan.
    SignCrlPlan,
    /// Put certificates on the lists: the request is approved before it is recorded.
    Revoke,
    /// Take certificates that are on hold off the lists.
    Release,
}

impl Action {
    /// The word in an approval.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignPlan => "sign-plan",
            Self::SignCrlPlan => "sign-crl-plan",
            Self::Revoke => "revoke",
            Self::Release => "release",
        }
    }
}

/// Exactly what is to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// What the key does.
    pub action: Action,
    /// SHA-256 of the plan, as the planner printed it.
    pub subject: Sha256Digest,
    /// The issuing CA as the plan names it: SHA-256 of its certificate, or, where it is about revocation, of its public key
    /// (DER of SubjectPublicKeyInfo).
    pub issuer: Sha256Digest,
    /// SHA-256 of the policy; revocation has none.
    pub policy: Option<Sha256Digest>,
    /// Certificates, or revocation lists; of a request to revoke, certificates and chips to block.
    pub count: u64,
}

/// What a person approves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What is to be signed.
    pub demand: Demand,
    /// Who asked for it, and therefore cannot approve it.
    pub requester: String,
    /// Last second at which the signer accepts the approval.
    pub not_after: Time,
    /// Random bytes: no two approvals are the same file.
    pub nonce: [u8; 16],
}

/// The line as it is written: these members in this order, nothing else.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    format: String,
    action: Action,
    subject: String,
    issuer: String,
    policy: Option<String>,
    count: u64,
    requester: String,
    not_after: String,
    nonce: String,
}

impl Terms {
    /// The bytes that are signed: one line of JSON and its line feed.
    pub fn to_line(&self) -> String {
        let Demand { action, subject, issuer, policy, count } = self.demand;
        let line = Line {
            format: FORMAT.to_owned(),
            action,
            subject: subject.to_string(),
            issuer: issuer.to_string(),
            policy: policy.map(|digest| digest.to_string()),
            count,
            requester: self.requester.clone(),
            not_after: self.not_after.to_string(),
            nonce: hex::encode(self.nonce),
        };
        serde_json::to_string(&line).expect("an approval has text for keys") + "\n"
    }

    /// Reads what [`to_line`](Self::to_line) wrote, and nothing that is spelled differently.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let read: Line = serde_json::from_slice(line).map_err(|error| brief(&error.to_string()))?;
        if read.format != FORMAT {
            return Err(format!("its format is `{}`, expected `{FORMAT}`", brief(&read.format)));
        }
        let mut nonce = [0; 16];
        hex::decode_to_slice(&read.nonce, &mut nonce).map_err(|_| "its `nonce` is not 16 bytes in hexadecimal")?;
        check_person(&read.requester).map_err(|what| format!("its `requester` {what}"))?;
        let not_after = Time::from_rfc3339(&read.not_after).map_err(|_| "its `not_after` is not a time")?;
        let digest = |member: &str, text: &str| {
            text.parse::<Sha256Digest>().map_err(|_| format!("its `{member}` is not a SHA-256 digest"))
        };
        let demand = Demand {
            action: read.action,
            subject: digest("subject", &read.subject)?,
            issuer: digest("issuer", &read.issuer)?,
            policy: read.policy.as_deref().map(|text| digest("policy", text)).transpose()?,
            count: read.count,
        };
        let terms = Self { demand, requester: read.requester, not_after, nonce };
        if terms.to_line().as_bytes() == line {
            Ok(terms)
        } else {
            Err("its line is not in its one spelling".to_owned())
        }
    }
}

/// Checks the name of a person: text that can be shown on one line.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn check_person(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() || name.trim() != name {
        Err("is empty, or begins or ends with a blank")
    } else if name.len() > MAX_PERSON {
        Err("is longer than 200 bytes")
    } else if name.chars().any(char::is_control) {
        Err("has a control character")
    } else {
        Ok(())
    }
}

/// Signs an approval with a person's key. Returns the content of the file.
///
/// # Errors
/// The name of the requester cannot be written, the certificate is not valid at `now` or is not for signatures, the key is
/// not the certificate's, or the signer fails.
pub fn approve(
    terms: &Terms,
    certificate: &Certificate,
    signer: &dyn Signer,
    now: Time,
) -> Result<String, ApprovalError> {
    check_person(&terms.requester).map_err(|what| ApprovalError::Requester { what })?;
    check_certificate(certificate, now)
        .map_err(|what| ApprovalError::Certificate { subject: certificate.subject().to_string(), what })?;
    if signer.public_key() != certificate.spki() {
        return Err(ApprovalError::KeyMismatch { subject: certificate.subject().to_string() });
    }
    let line = terms.to_line();
    let signature = sign_detached(line.as_bytes(), certificate, now, |algorithm, message| {
        let mut signatures = Vec::with_capacity(1);
        signer.sign_bytes(algorithm, &[message], &mut signatures).map_err(ApprovalError::Signer)?;
        Ok::<_, ApprovalError>(signatures.pop().unwrap_or_default())
    })?;
    Ok(line + pem::write(LABEL, &signature).as_str())
}

/// Whether a certificate can stand for a person at an instant: an end entity's, for digital signatures, in its validity.
fn check_certificate(certificate: &Certificate, at: Time) -> Result<(), String> {
    if !certificate.spki().algorithm().seals() {
        return Err("has a key that is neither P-256 nor P-384".to_owned());
    }
    if certificate.basic_constraints().map_err(|error| error.to_string())?.is_some_and(|constraints| constraints.ca) {
        return Err("is a CA's".to_owned());
    }
    let usage = certificate.key_usage().map_err(|error| error.to_string())?;
    if usage.is_some_and(|KeyUsage(bits)| bits & KeyUsage::DIGITAL_SIGNATURE == 0) {
        return Err("is not for digital signatures (keyUsage)".to_owned());
    }
    let validity = certificate.validity();
    if validity.contains(at) {
        return Ok(());
    }
    Err(format!("is valid from {} to {}, not at {at}", validity.not_before(), validity.not_after()))
}

/// A file that claims to be an approval. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Where it came from, for messages.
    name: String,
    line: Vec<u8>,
    signature: Vec<u8>,
}

impl Approval {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or does not have the form of an approval.
    pub fn read(path: &Path) -> Result<Self, ApprovalError> {
        let failed = |source| ApprovalError::Read { path: path.to_owned(), source };
        let mut content = Vec::new();
        input::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut content).map_err(failed)?;
        Self::parse(&path.to_string_lossy(), &content)
    }

    /// Reads files, in the order given.
    ///
    /// # Errors
    /// As [`read`](Self::read), of the first that fails.
    pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Self>, ApprovalError> {
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Reads the content of a file; `name` is for messages.
    ///
    /// # Errors
    /// It does not have the form of an approval.
    pub fn parse(name: &str, content: &[u8]) -> Result<Self, ApprovalError> {
        let malformed = |what: &str| ApprovalError::Malformed { name: name.to_owned(), what: what.to_owned() };
        if content.len() as u64 > MAX_BYTES {
            return Err(malformed("it is longer than 1 MiB"));
        }
        let end = content.iter().position(|byte| *byte == b'\n').ok_or_else(|| malformed("it has only one line"))?;
        let (line, rest) = content.split_at(end + 1);
        let mut blocks = pem::read(rest).map_err(|error| malformed(&error.to_string()))?;
        match (blocks.pop(), blocks.is_empty()) {
            (Some(block), true) if block.label == LABEL => {
                Ok(Self { name: name.to_owned(), line: line.to_vec(), signature: block.der.to_vec() })
            }
            _ => Err(malformed("what follows its first line is not one PEM block `CMS`")),
        }
    }
}

impl Approval {
    /// The line that was signed. Whose signature it is has not been checked.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

/// A person who may approve.
#[derive(Clone, Debug)]
pub struct Approver {
    /// The name by which this person asks for things and approves them.
    pub person: String,
    /// The certificate of the person's key.
    pub certificate: Certificate,
}

/// How many must approve, and who can.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    /// Different persons, besides the one who asked.
    pub needed: usize,
    /// Those who may approve.
    pub approvers: &'a [Approver],
    /// How they do it.
    pub mode: ApprovalMode,
}

/// An approval that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// Who approved.
    pub person: String,
    /// The line that was signed.
    pub line: Vec<u8>,
    /// The CMS signature over it, in DER.
    pub signature: Vec<u8>,
}

impl Rule<'_> {
    /// Verifies every approval that was given, and that there are enough of them. Returns them in the order given.
    ///
    /// # Errors
    /// One of them fails, even if the others would be enough; two are by one person or name different requesters; or
    /// there are too few.
    pub fn check(&self, demand: &Demand, given: &[Approval], now: Time) -> Result<Vec<Approved>, ApprovalError> {
        let mut approved: Vec<(Approved, Terms)> = Vec::with_capacity(given.len());
        for approval in given {
            let (person, terms) = self.verify(demand, approval, now)?;
            let name = || approval.name.clone();
            if let Some((_, first)) = approved.first()
                && first.requester != terms.requester
            {
                let (found, expected) = (terms.requester, first.requester.clone());
                return Err(ApprovalError::Requesters { name: name(), found, expected });
            }
            if approved.iter().any(|(earlier, _)| earlier.person == person) {
                return Err(ApprovalError::Twice { name: name(), person });
            }
            let Approval { line, signature, .. } = approval.clone();
            approved.push((Approved { person, line, signature }, terms));
        }
        if approved.len() < self.needed {
            return Err(ApprovalError::TooFew { found: approved.len(), needed: self.needed });
        }
        Ok(approved.into_iter().map(|(approved, _)| approved).collect())
    }

    /// Whose approval this is, and for what.
    fn verify(&self, demand: &Demand, approval: &Approval, now: Time) -> Result<(String, Terms), ApprovalError> {
        let name = || approval.name.clone();
        // who signed is decided by the signature alone: of the line nothing is read before
        let holds =
            |approver: &&Approver| verify_detached(&approval.line, &approval.signature, &approver.certificate).is_ok();
        let approver = self.approvers.iter().find(holds).ok_or_else(|| ApprovalError::NoApprover { name: name() })?;
        let person = approver.person.clone();
        check_certificate(&approver.certificate, now)
            .map_err(|what| ApprovalError::Certificate { subject: approver.certificate.subject().to_string(), what })?;
        let terms = Terms::parse(&approval.line).map_err(|what| ApprovalError::Malformed { name: name(), what })?;
        if let Some((what, found, expected)) = difference(&terms.demand, demand) {
            return Err(ApprovalError::OtherDemand { name: name(), what, found, expected });
        }
        if now > terms.not_after {
            return Err(ApprovalError::Expired { name: name(), not_after: terms.not_after, now });
        }
        if same_person(&terms.requester, &person) {
            return Err(ApprovalError::OwnRequest { name: name(), person });
        }
        Ok((person, terms))
    }
}

/// The first member in which an approval differs from what is to be signed.
fn difference(found: &Demand, expected: &Demand) -> Option<(&'static str, String, String)> {
    let digest = |digest: Option<Sha256Digest>| digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    let members = [
        ("action", found.action.as_str().to_owned(), expected.action.as_str().to_owned()),
        ("subject", found.subject.to_string(), expected.subject.to_string()),
        ("issuer", found.issuer.to_string(), expected.issuer.to_string()),
        ("policy", digest(found.policy), digest(expected.policy)),
        ("count", found.count.to_string(), expected.count.to_string()),
    ];
    members.into_iter().find(|(_, found, expected)| found != expected)
}

/// Returns whether two names are one person's. An approver does not become a second person by writing the name in
/// capitals.
pub fn same_person(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}
