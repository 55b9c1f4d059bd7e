//! Checking a proof: the anchors and the proof, nothing else.

use std::collections::BTreeSet;

use crate::audit::{self, AuditContext, Contradiction, Fault, identify};
use crate::cert::{self, AnswerFault, Encoder, IssuerIdentity, Serials};
use crate::crypto::is_kept_form;
use crate::error::Error;
use crate::manifest::{
    Entry, IssuerMode, ManifestAnchor, ManifestError, Proof, ProofChip, ProofLine, SignedManifest, Statement,
    leaf_hash, seal, verify_inclusion,
};
use crate::origin::{ChipName, Uid};
use crate::verify::{Family, NamedUids, SourceRules, TrustAnchor, VerifiedLeaf, Verifier};
use crate::x509::{Certificate, CertificateError, KeyAlgorithm, Purposes, Sha256Digest};

use super::family;

/// Checks proofs against anchors.
#[derive(Debug)]
pub struct Checker {
    source: Vec<Certificate>,
    trusted: Vec<TrustAnchor>,
    issuer: Vec<Certificate>,
    manifest: Vec<ManifestAnchor>,
}

/// What a proof proves.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The chip that the proof is about.
    pub uid: Uid,
    /// The family of the batch's chips.
    pub family: Family,
    /// The chip's certificates; `None`: the chip is not in the batch, if the lines are in the order that the signer
    /// claims.
    pub presence: Option<Presence>,
    /// Of a chip that is not in the batch: the chips before and after its place, as far as there are any.
    pub beside: [Option<Uid>; 2],
    /// What the batch's signer says.
    pub statement: Statement,
    /// SHA-256 of `manifest.json`, by which batches name each other.
    pub statement_sha256: Sha256Digest,
    /// What was checked, in words, in the order in which it was.
    pub checks: Vec<&'static str>,
    /// Kinds of seals that the statement or the proof names and that this release cannot check.
    pub unchecked_seals: Vec<String>,
}

/// A chip that is in the batch, once if the lines are in the order that the signer claims.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Its line.
    pub entry: Entry,
    /// The line's place, counted from 0.
    pub index: u64,
    /// The genuine leaf.
    pub source: Certificate,
    /// The subject of the source anchor that the leaf's chain reaches.
    pub anchor: String,
    /// The new certificate.
    pub certificate: Certificate,
    /// The issuing CA and those above it.
    pub identity: IssuerIdentity,
}

/// What a proof is asked to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The chip is not in the batch.
    Absence,
    /// The chip is in the batch.
    Presence,
}

impl Proved {
    /// Checks that this is what was asked for: a proof of absence never passes for one of presence, nor the reverse.
    ///
    /// # Errors
    /// The proof shows the opposite.
    pub fn must_show(&self, claim: Claim) -> Result<(), Fault> {
        let place = format!("chip {}", self.uid);
        match (claim, &self.presence) {
            (Claim::Presence, Some(_)) | (Claim::Absence, None) => Ok(()),
            (Claim::Presence, None) => Err(fault(
                code::ABSENT,
                &place,
                "is NOT in the batch, and that is proved; its presence was to be shown",
            )),
            (Claim::Absence, Some(_)) => {
                Err(fault(code::PRESENT, &place, "is in the batch, and that is proved; its absence was to be shown"))
            }
        }
    }

    /// Checks that the proof is about the chip of this name. A unique number does not contain the product id: a proof
    /// of absence must then exclude every product id.
    ///
    /// # Errors
    /// The name is not one of the family, or it is the name of a different chip.
    pub fn must_be_about(&self, name: &ChipName) -> Result<(), Fault> {
        let place = format!("chip {name}");
        let another = || fault(code::UID, &place, format!("the proof is about chip {}", self.uid));
        if self.presence.is_some() && name.names(&self.uid) {
            return Ok(());
        }
        let Some(named) = self.family.named(name) else {
            return Err(fault(code::UID_FORM, &place, format!("`{name}` {}", self.family.misnamed())));
        };
        if self.presence.is_some() || !named.contains(&self.uid) {
            return Err(another());
        }
        // what else could be called so in such a batch
        let others = self.family.includes().iter().filter_map(|family| family.named(name));
        std::iter::once(named).chain(others).try_for_each(|named| self.must_exclude(&named))
    }

    /// Checks that the lines of a proof of absence are on either side of all these UIDs.
    pub(super) fn must_exclude(&self, named: &NamedUids) -> Result<(), Fault> {
        let [before, after] = &self.beside;
        let clear =
            before.is_none_or(|before| before < *named.first()) && after.is_none_or(|after| *named.last() < after);
        if clear {
            return Ok(());
        }
        let message =
            format!("the lines are not on either side of the UIDs from {} to {}", named.first(), named.last());
        Err(fault(code::NEIGHBOURS, &format!("chip {}", self.uid), message))
    }
}

impl Checker {
    /// Takes the anchors: the person who checks gives them, a proof or a batch never does.
    ///
    /// # Errors
    /// An anchor is not one.
    pub fn new(source: &[Certificate], issuer: &[Certificate], manifest: &[Certificate]) -> Result<Self, Error> {
        let trusted = source.iter().cloned().map(TrustAnchor::from_certificate).collect::<Result<_, _>>()?;
        let manifest = manifest.iter().map(ManifestAnchor::from_certificate).collect::<Result<_, _>>()?;
        Ok(Self { source: source.to_vec(), trusted, issuer: issuer.to_vec(), manifest })
    }

    /// Reads and checks a proof; nothing of the statement is parsed before its seal holds.
    ///
    /// # Errors
    /// What does not hold, the first of it.
    pub fn check_bytes(&self, proof: &[u8]) -> Result<(Proof, Proved), Fault> {
        let proof = Proof::parse(proof).map_err(|error| untrusted("proof", &error))?;
        let proved = self.check(&proof)?;
        Ok((proof, proved))
    }

    /// Checks a proof.
    ///
    /// # Errors
    /// What does not hold, the first of it.
    pub fn check(&self, proof: &Proof) -> Result<Proved, Fault> {
        let signed = self.signed(proof)?;
        let statement = signed.statement();
        let family = family::stated(proof, statement)?;
        let lines = lines(proof, statement)?;
        let mut checks = vec![
            "the seal of the statement, its signer's purpose and anchor",
            "the lines are in the tree that the statement names (RFC 9162)",
        ];
        let mut beside = [None, None];
        let family = match &proof.chip {
            None => family.unwrap_or(family::UNSAID),
            // a proof of version 1 has nothing but the line, and the leaf has more to say than its UID
            Some(_) => family.unwrap_or_else(|| {
                let own = lines.iter().find(|(_, entry)| *entry.uid() == proof.uid);
                if own.is_some_and(|(_, entry)| entry.st_number().is_none()) { Family::Generic } else { family::UNSAID }
            }),
        };
        let presence = match &proof.chip {
            None => {
                // lines of other chips than the family has would say that the family is another one
                for uid in std::iter::once(&proof.uid).chain(lines.iter().map(|(_, entry)| entry.uid())) {
                    if !family.has(uid) {
                        let message = format!("`{uid}` {}", family.misnamed());
                        return Err(fault(code::UID_FORM, &format!("chip {}", proof.uid), message));
                    }
                }
                // a statement of version 1 does not name its family; leaving the policy away must not choose one
                let silent = statement.format.family().is_none() && proof.policy.is_none();
                if silent && lines.iter().any(|(_, entry)| entry.st_number().is_none()) {
                    let message = "it has no policy, and its lines are not of the family stsafe-a";
                    return Err(fault(crate::manifest::codes::PROOF_VALUE, "proof", message));
                }
                beside = absent(proof, &lines, statement)?;
                checks.push("no line is between the neighbours: the chip is not in the batch (if lines are in order)");
                None
            }
            Some(chip) => {
                let (line, entry) = present(proof, &lines, statement)?;
                checks.push("the lines beside it are of other chips: it is in the batch once (if lines are in order)");
                let place = format!("chip {}", proof.uid);
                let presence =
                    self.presence(chip, line, entry, (statement, family)).map_err(|found| at(&place, found))?;
                checks.extend([
                    "the source leaf's chain, UID and key under the source anchor",
                    "the issuing CA's chain up to the issuer anchor",
                    "the certificate: the leaf's key, the CA's signature, its serial number",
                    "every field of the line against the two certificates",
                ]);
                Some(presence)
            }
        };
        let statement_sha256 = signed.statement_sha256();
        let named = statement.seals.iter().chain(proof.seals.iter().map(|seal| &seal.kind));
        let unchecked_seals = named.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let (uid, statement) = (proof.uid, statement.clone());
        Ok(Proved { uid, family, presence, beside, statement, statement_sha256, checks, unchecked_seals })
    }

    /// The family of the chips of a proof's batch, once the seal of its statement holds.
    pub(super) fn family(&self, proof: &Proof) -> Result<Family, Fault> {
        Ok(family::stated(proof, self.signed(proof)?.statement())?.unwrap_or(family::UNSAID))
    }

    fn signed(&self, proof: &Proof) -> Result<SignedManifest, Fault> {
        let signer = seal::certificate_in(&proof.seal).map_err(|error| untrusted("seal", &error))?;
        SignedManifest::open(&proof.statement, &proof.seal, &signer, &self.manifest)
            .map_err(|error| untrusted("statement", &error))
    }

    fn presence(
        &self,
        chip: &ProofChip,
        line: &ProofLine,
        entry: &Entry,
        (statement, family): (&Statement, Family),
    ) -> Result<Presence, Contradiction> {
        let verifier = self.verifier(chip, statement, family)?;
        let against = AuditContext { verifier: &verifier, anchors: &self.source, statement };
        let leaf = against.source(entry, &chip.source)?;
        let unreadable = |error: CertificateError| Contradiction::new(code::CERTIFICATE, error.to_string());
        let named = |der: &Vec<u8>| Certificate::from_named_der(der).map_err(unreadable);
        let mut chain = chip.chain.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        if chain.is_empty() {
            return Err(Contradiction::new(code::CERTIFICATE, "`chain` has no certificate of an issuing CA"));
        }
        let certificate = Certificate::from_der(&chip.certificate).map_err(unreadable)?;
        let purposes = certificate.extended_key_usage().map_err(unreadable)?;
        let purposes = purposes.as_deref().map_or(Purposes::Any, Purposes::Of);
        let identity = identify(chain.remove(0), chain, &self.issuer, statement, purposes)?;
        cert::object(&identity, leaf.spki(), leaf.origin(), &certificate).map_err(|found| not_an_object(&found))?;
        kept_form(&certificate, &identity, statement)?;
        serial(&certificate, &leaf, entry, &identity, statement)?;
        // serial numbers that an external CA gave up, if any, are not known here
        let attempt = if statement.issuer.mode == IssuerMode::Foreign { 0 } else { entry.attempt() };
        let restated = Entry::restated(statement.format, &certificate, &leaf, attempt, statement.reissue.as_deref());
        let Some(restated) = restated else {
            let message = "the certificate is over another key than the source leaf";
            return Err(Contradiction::new(code::KEY, message));
        };
        let anchor = u32::try_from(entry.anchor()).expect("read as one");
        let restated = restated.stated(anchor, against.may_be_padded(entry));
        // in what another CA's certificate differs from the policy, is the line's word: the policy is not in the proof
        let restated = match statement.issuer.mode {
            IssuerMode::Foreign => {
                restated.made_elsewhere(entry.differs().unwrap_or_default().iter().map(ToString::to_string))
            }
            IssuerMode::AirGapped | IssuerMode::Local => restated,
        };
        if restated.line() != line.line {
            let message = "the line is not what its certificates give";
            return Err(Contradiction::new(audit::code::ENTRY_DIFFERS, message));
        }
        let anchor = self.source[leaf.proof().anchor()].subject().to_string();
        let source = leaf.certificate().clone();
        Ok(Presence { entry: entry.clone(), index: line.index, source, anchor, certificate, identity })
    }

    /// Tolerates what the statement says was tolerated, for the family; knows the proof's intermediates. Which keys the
    /// policy takes is the policy's business.
    fn verifier(&self, chip: &ProofChip, statement: &Statement, family: Family) -> Result<Verifier, Contradiction> {
        let rules = SourceRules { family, keys: KeyAlgorithm::SUBJECTS.to_vec(), relax: statement.relaxations.clone() };
        let mut verifier = Verifier::new(self.trusted.clone(), rules, statement.issued_at)
            .map_err(|error| Contradiction::new(audit::code::SOURCE_ANCHOR, error.to_string()))?;
        for der in &chip.source_chain {
            let certificate = Certificate::from_der(der)
                .map_err(|error| Contradiction::new(code::CERTIFICATE, format!("source_chain: {error}")))?;
            verifier.add_intermediate(certificate);
        }
        Ok(verifier)
    }
}

/// Every line read, in order, and in the tree.
fn lines<'a>(proof: &'a Proof, statement: &Statement) -> Result<Vec<(&'a ProofLine, Entry)>, Fault> {
    let mut read: Vec<(&ProofLine, Entry)> = Vec::new();
    for line in &proof.lines {
        let place = format!("line {}", line.index);
        let entry = Entry::parse(statement.format, &line.line).map_err(|error| untrusted(&place, &error))?;
        if let Some((before, last)) = read.last() {
            if before.index.checked_add(1) != Some(line.index) {
                let message = format!("follows line {}, expected the line after it", before.index);
                return Err(fault(code::NEIGHBOURS, &place, message));
            }
            if last.uid() >= entry.uid() {
                let message = format!("chip {} does not come after {}", entry.uid(), last.uid());
                return Err(fault(code::ORDER, &place, message));
            }
        }
        let (size, root) = (statement.entries.tree_size, statement.entries.root_hash);
        verify_inclusion(leaf_hash(line.line.as_bytes()), line.index, size, &line.path, root)
            .map_err(|error| fault(code::INCLUSION, &place, error.to_string()))?;
        read.push((line, entry));
    }
    Ok(read)
}

/// The chip's own line, with the lines beside it as far as there are any.
fn present<'a>(
    proof: &Proof,
    lines: &'a [(&'a ProofLine, Entry)],
    statement: &Statement,
) -> Result<(&'a ProofLine, &'a Entry), Fault> {
    let place = format!("chip {}", proof.uid);
    let Some((own, entry)) = lines.iter().find(|(_, entry)| *entry.uid() == proof.uid) else {
        return Err(fault(code::UID, &place, "none of the lines is of this chip"));
    };
    let first = own.index.saturating_sub(1);
    let last = own.index.saturating_add(1).min(statement.entries.tree_size - 1);
    if lines.first().is_none_or(|(line, _)| line.index != first)
        || lines.last().is_none_or(|(line, _)| line.index != last)
    {
        let message = format!("the lines are not {first} to {last}: its own and those beside it");
        return Err(fault(code::NEIGHBOURS, &place, message));
    }
    Ok((own, entry))
}

/// The two lines between which the chip would be, and their chips; at an edge, and in an empty tree, there are fewer.
fn absent(proof: &Proof, lines: &[(&ProofLine, Entry)], statement: &Statement) -> Result<[Option<Uid>; 2], Fault> {
    let size = statement.entries.tree_size;
    match lines {
        [] if size == 0 => return Ok([None, None]),
        [(only, after)] if *after.uid() > proof.uid && only.index == 0 => return Ok([None, Some(*after.uid())]),
        [(only, before)] if *before.uid() < proof.uid && only.index == size - 1 => {
            return Ok([Some(*before.uid()), None]);
        }
        // consecutive and in order, as was just seen
        [(_, before), (_, after)] if *before.uid() < proof.uid && proof.uid < *after.uid() => {
            return Ok([Some(*before.uid()), Some(*after.uid())]);
        }
        _ => {}
    }
    let message = "the lines are not those between which the chip would be";
    Err(fault(code::NEIGHBOURS, &format!("chip {}", proof.uid), message))
}

/// What a certificate of the proof is instead of an object certificate of this CA for this key.
fn not_an_object(found: &AnswerFault) -> Contradiction {
    let code = match found {
        AnswerFault::Issuer { .. } | AnswerFault::Signature(_) | AnswerFault::Weak => {
            audit::code::CERTIFICATE_SIGNATURE
        }
        AnswerFault::Key => code::KEY,
        AnswerFault::Ca
        | AnswerFault::Certificate(_)
        | AnswerFault::Encoding
        | AnswerFault::OutlivesIssuer
        | AnswerFault::Purpose
        | AnswerFault::Version { .. } => code::OBJECT,
    };
    Contradiction::new(code, format!("the certificate: {found}"))
}

fn kept_form(certificate: &Certificate, identity: &IssuerIdentity, statement: &Statement) -> Result<(), Contradiction> {
    let curve = identity.spki().algorithm();
    // another CA's signatures are as it made them; on P-521 the policy decides, which is not in the proof
    let demanded = statement.format.encoder() >= Encoder::Two
        && statement.issuer.mode != IssuerMode::Foreign
        && !curve.has_short_lower_s();
    if demanded && !is_kept_form(curve, false, certificate.signature()) {
        let message = "the certificate's signature does not have the lower of the two values of s that verify";
        return Err(Contradiction::new(audit::code::CERTIFICATE_FORM, message));
    }
    Ok(())
}

/// Without the policy: either the leaf's serial number or the one that seed and leaf give.
fn serial(
    certificate: &Certificate,
    leaf: &VerifiedLeaf,
    entry: &Entry,
    identity: &IssuerIdentity,
    statement: &Statement,
) -> Result<(), Contradiction> {
    // a foreign CA chooses its own
    let Some(basis) = statement.serial_basis() else { return Ok(()) };
    let derived = Serials::new(&basis, identity.spki()).derive(&entry.source_sha256(), entry.attempt());
    // a beacon says that serial numbers are derived
    let copied = basis.beacon.is_none() && certificate.serial() == leaf.certificate().serial();
    if copied || *certificate.serial() == derived {
        return Ok(());
    }
    let message =
        format!("serial number {} is neither {derived}, which the seed gives, nor the leaf's", certificate.serial());
    Err(Contradiction::new(code::SERIAL, message))
}

/// Some of these errors name the part themselves.
fn untrusted(place: &str, error: &ManifestError) -> Fault {
    let message = error.to_string();
    let message = message.strip_prefix(place).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&message);
    fault(error.code(), place, message)
}

pub(super) fn fault(code: crate::origin::Code, place: &str, message: impl Into<String>) -> Fault {
    Fault { code, place: place.to_owned(), message: message.into() }
}

fn at(place: &str, found: Contradiction) -> Fault {
    fault(found.code, place, found.message)
}

/// Codes of what does not hold in a proof; the others are the manifest's and the audit's.
pub mod code {
    codes! {
        pub const;

        ABSENT = "proof.absent", "The chip is not in the batch, and its presence was to be shown.";
        CERTIFICATE = "proof.certificate", "A certificate of the proof cannot be read, or is not there.";
        INCLUSION = "proof.inclusion", "A line is not at its place in the tree of the statement.";
        KEY = "proof.key", "The certificate is over another key than the source leaf.";
        LEAF = "proof.leaf", "The batch was made from another leaf of the chip than the one in hand.";
        NEIGHBOURS = "proof.neighbours", "The lines are not those beside the chip's place.";
        OBJECT = "proof.object", "The certificate has a form or a right that no object certificate has.";
        ORDER = "proof.order", "The lines are not strictly increasing by UID.";
        PRESENT = "proof.present", "The chip whose absence was to be shown is in the batch.";
        SERIAL = "proof.serial", "The serial number is neither that of the leaf nor the derived one.";
        STATUS_CRL = "status.crl", "A CRL is not the issuing CA's, or its signature does not verify.";
        STATUS_OUT_OF_DATE = "status.out-of-date", "The newest CRL that covers the certificate has ended, or is not of its time yet.";
        STATUS_REVOKED = "status.revoked", "The certificate is revoked.";
        STATUS_UNCOVERED = "status.uncovered", "No CRL that was given covers the certificate.";
        UID = "proof.uid", "None of the lines is of the chip that the proof is about, or that is another chip than the one asked for.";
        UID_FORM = "proof.uid-form", "No chip of the batch's family is called so.";
    }
}
