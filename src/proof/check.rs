//! Checking a proof: the anchors and the proof, nothing else.

use std::collections::BTreeSet;

use crate::audit::{self, Against, Contradiction, Fault, identify};
use crate::cert::{Encoder, IssuerIdentity};
use crate::crypto::{PublicKey, is_kept_form, sha256};
use crate::error::Error;
use crate::issue::Serials;
use crate::manifest::{
    self, Entry, IssuerMode, ManifestAnchor, ManifestError, Proof, ProofChip, ProofLine, ProofVersion, SignedManifest,
    Statement, leaf_hash, seal, verify_inclusion,
};
use crate::policy::Policy;
use crate::verify::{Family, SourceRules, TrustAnchor, VerifiedLeaf, Verifier};
use crate::x509::{Certificate, CertificateError, KeyAlgorithm, Purposes, Sha256Digest, SignatureAlgorithm};

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
    /// The chip's certificates; `None`: the chip is not in the batch, if the lines are in the order that the signer claims.
    pub presence: Option<Presence>,
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

impl Checker {
    /// Takes the anchors: from whoever checks, never from a proof or a batch.
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
    pub fn check_octets(&self, proof: &[u8]) -> Result<(Proof, Proved), Fault> {
        let proof = Proof::parse(proof).map_err(|error| untrusted("proof", &error))?;
        let proved = self.check(&proof)?;
        Ok((proof, proved))
    }

    /// Checks a proof.
    ///
    /// # Errors
    /// What does not hold, the first of it.
    pub fn check(&self, proof: &Proof) -> Result<Proved, Fault> {
        let signer = seal::certificate_in(&proof.seal).map_err(|error| untrusted("seal", &error))?;
        let signed = SignedManifest::open(&proof.statement, &proof.seal, &signer, &self.manifest)
            .map_err(|error| untrusted("statement", &error))?;
        let statement = signed.statement();
        let family = family(proof, statement)?;
        let lines = lines(proof, statement)?;
        let mut checks = vec![
            "the seal of the statement, its signer's purpose and anchor",
            "the lines are in the tree that the statement names (RFC 9162)",
        ];
        let presence = match &proof.chip {
            None => {
                absent(proof, &lines, statement)?;
                checks
                    .push("no line lies between the neighbours: the chip is not in the batch (if lines are in order)");
                None
            }
            Some(chip) => {
                let (line, entry) = present(proof, &lines, statement)?;
                checks.push("the lines beside it are of other chips: it is in the batch once (if lines are in order)");
                let place = format!("chip {}", proof.uid);
                let presence =
                    self.presence(chip, line, entry, statement, family).map_err(|found| at(&place, found))?;
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
        Ok(Proved { presence, statement: statement.clone(), statement_sha256, checks, unchecked_seals })
    }

    fn presence(
        &self,
        chip: &ProofChip,
        line: &ProofLine,
        entry: &Entry,
        statement: &Statement,
        family: Option<Family>,
    ) -> Result<Presence, Contradiction> {
        let verifier = self.verifier(chip, entry, statement, family)?;
        let against = Against { verifier: &verifier, anchors: &self.source, statement };
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
        issued_by(&certificate, &identity, statement)?;
        serial(&certificate, &leaf, entry, &identity, statement)?;
        let restated =
            Entry::restated(statement.format, &certificate, &leaf, entry.attempt(), statement.reissue.as_deref());
        let Some(restated) = restated else {
            let message = "the certificate is over another key than the source leaf";
            return Err(Contradiction::new(code::KEY, message));
        };
        let anchor = u32::try_from(entry.anchor()).expect("read as one");
        let restated = restated.stated(anchor, against.may_be_padded(entry));
        // in what another CA's certificate differs from the policy, is the line's word: the policy is not in the proof
        let restated = match (entry.differs(), statement.issuer.mode) {
            (Some(differs), IssuerMode::Foreign) => restated.made_elsewhere(differs.iter().map(ToString::to_string)),
            _ => restated,
        };
        if restated.line() != line.line {
            let message = "the line is not what its certificates give";
            return Err(Contradiction::new(audit::code::ENTRY_DIFFERS, message));
        }
        let anchor = self.source[leaf.proof().anchor].subject().to_string();
        let source = leaf.certificate().clone();
        Ok(Presence { entry: entry.clone(), index: line.index, source, anchor, certificate, identity })
    }

    /// Tolerates what the statement says was tolerated, for the family that the line shows; knows the proof's
    /// intermediates. Which keys the policy takes is the policy's business.
    fn verifier(
        &self,
        chip: &ProofChip,
        entry: &Entry,
        statement: &Statement,
        family: Option<Family>,
    ) -> Result<Verifier, Contradiction> {
        // a proof of version 1 has nothing but the line
        let shown = if entry.st_number().is_some() { Family::StsafeA } else { Family::Generic };
        let family = family.unwrap_or(shown);
        let rules = SourceRules { family, keys: KEYS.to_vec(), relax: statement.relaxations.clone() };
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

/// The two lines between which the chip would be; at an edge, and in an empty tree, there are fewer.
fn absent(proof: &Proof, lines: &[(&ProofLine, Entry)], statement: &Statement) -> Result<(), Fault> {
    let size = statement.entries.tree_size;
    let holds = match lines {
        [] => size == 0,
        [(only, entry)] if *entry.uid() > proof.uid => only.index == 0,
        [(only, entry)] if *entry.uid() < proof.uid => only.index == size - 1,
        // consecutive and in order, as was just seen
        [(_, before), (_, after)] => *before.uid() < proof.uid && proof.uid < *after.uid(),
        _ => false,
    };
    if holds {
        return Ok(());
    }
    let message = "the lines are not those between which the chip would be";
    Err(fault(code::NEIGHBOURS, &format!("chip {}", proof.uid), message))
}

fn issued_by(certificate: &Certificate, identity: &IssuerIdentity, statement: &Statement) -> Result<(), Contradiction> {
    let refused = |reason: String| {
        let message = format!("the certificate was not signed by the issuing CA: {reason}");
        Contradiction::new(audit::code::CERTIFICATE_SIGNATURE, message)
    };
    if certificate.issuer() != identity.subject() {
        return Err(refused(format!("it names `{}` as its issuer", certificate.issuer())));
    }
    let algorithm = certificate.signature_algorithm();
    if algorithm == SignatureAlgorithm::EcdsaSha1 {
        return Err(refused("a signature over SHA-1 proves nothing".to_owned()));
    }
    let key = PublicKey::from_spki(identity.spki()).map_err(|error| refused(error.to_string()))?;
    key.verify(algorithm, certificate.tbs(), certificate.signature()).map_err(|error| refused(error.to_string()))?;
    let curve = identity.spki().algorithm();
    // another CA's signatures are as it made them; on P-521 the policy decides, which is not in the proof
    let demanded = statement.format.encoder() >= Encoder::Two
        && statement.issuer.mode != IssuerMode::Foreign
        && curve != KeyAlgorithm::P521;
    if demanded && !is_kept_form(curve, false, certificate.signature()) {
        let message = "the certificate's signature does not have the lower of the two values of s that verify";
        return Err(Contradiction::new(audit::code::CERTIFICATE_FORM, message));
    }
    Ok(())
}

/// The family of the chips as statement or policy say it; `None` for a proof of version 1, which has neither.
fn family(proof: &Proof, statement: &Statement) -> Result<Option<Family>, Fault> {
    let value = |message: &str| Err(fault(manifest::codes::PROOF_VALUE, "proof", message));
    match (proof.version, statement.format.family(), &proof.policy) {
        (ProofVersion::One, Some(_), _) => value("its format is `reroot-proof/1`, and its statement is of version 2"),
        (ProofVersion::One, None, _) => Ok(None),
        (ProofVersion::Two, Some(_), Some(_)) => value("it has a policy, and its statement is of version 2"),
        (ProofVersion::Two, Some(family), None) => Ok(Some(family)),
        (ProofVersion::Two, None, None) => Ok(Some(Family::StsafeA)),
        (ProofVersion::Two, None, Some(policy)) => {
            if sha256(policy) != statement.policy.sha256 {
                let message = "the policy is not the one the statement names";
                return Err(fault(audit::code::POLICY_DIGEST, "policy", message));
            }
            let read = std::str::from_utf8(policy).map_err(|error| error.to_string());
            let read = read.and_then(|text| Policy::parse(text, "policy").map_err(|errors| errors.to_string()));
            match read {
                Ok(policy) if policy.source().family == Family::StsafeA => {
                    value("it has a policy of the family stsafe-a, expected none")
                }
                Ok(policy) => Ok(Some(policy.source().family)),
                Err(reason) => Err(fault(audit::code::FILE_UNREADABLE, "policy", reason)),
            }
        }
    }
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

fn fault(code: crate::origin::Code, place: &str, message: impl Into<String>) -> Fault {
    Fault { code, place: place.to_owned(), message: message.into() }
}

fn at(place: &str, found: Contradiction) -> Fault {
    fault(found.code, place, found.message)
}

/// Every key that a leaf can have and a certificate be made for.
const KEYS: [KeyAlgorithm; 6] = [
    KeyAlgorithm::P256,
    KeyAlgorithm::P384,
    KeyAlgorithm::P521,
    KeyAlgorithm::BrainpoolP256r1,
    KeyAlgorithm::BrainpoolP384r1,
    KeyAlgorithm::Ed25519,
];

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        /// Codes of what does not hold in a proof; the others are the manifest's and the audit's.
        pub mod code {
            use crate::origin::Code;

            $(#[doc = $meaning] pub const $name: Code = Code::new($code);)*
        }

        /// Every code with its meaning.
        pub const CODES: &[(crate::origin::Code, &str)] = &[$((code::$name, $meaning)),*];
    };
}

codes! {
    ABSENT = "proof.absent", "The chip that was looked up is not in the batch.";
    CERTIFICATE = "proof.certificate", "A certificate of the proof cannot be read, or is not there.";
    INCLUSION = "proof.inclusion", "A line is not at its place in the tree of the statement.";
    KEY = "proof.key", "The certificate is over another key than the source leaf.";
    LEAF = "proof.leaf", "The batch was made from another leaf of the chip than the one in hand.";
    NEIGHBOURS = "proof.neighbours", "The lines are not those beside the chip's place.";
    ORDER = "proof.order", "The lines are not strictly increasing by UID.";
    SERIAL = "proof.serial", "The serial number is neither that of the leaf nor the derived one.";
    UID = "proof.uid", "None of the lines is of the chip that the proof is about.";
}
