//! The judgement on one candidate.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crypto::{Claim, EngineError, IssuerKey, PublicKey, Verdict, VerificationEngine, sha256};
use crate::origin::{Code, Finding, Origin, Uid};
use crate::reel::SourceLeaf;
use crate::x509::tlv::Reader;
use crate::x509::{Certificate, KeyUsage, Leniency, Sha256Digest, Time};

use super::anchor::TrustAnchor;
use super::codes;
use super::defect::Defect;
use super::error::VerifyError;
use super::leaf::{ChainProof, VerifiedLeaf};
use super::path::{Authorities, Known};
use super::profile;
use super::receipt::VerifiedPaths;
use super::relaxations::Relaxations;
use super::rules::{Relaxation, SourceRules};

/// Largest candidate that is looked at, padding included. Genuine leaves have about 400 bytes, the largest zone of a
/// chip 5120.
pub const MAX_CANDIDATE_BYTES: usize = 16 * 1024;

/// Judges candidates: anchors, rules and the instant of verification are fixed. It is `Sync`.
#[derive(Debug)]
pub struct Verifier {
    authorities: Authorities,
    rules: SourceRules,
    allowed: Relaxations,
    at: Time,
    engine: VerificationEngine,
    paths: VerifiedPaths,
}

/// What a candidate turned out to be.
#[derive(Clone, Debug)]
pub enum Examined {
    /// A CA's certificate: to be ignored, and to be given to [`Verifier::add_intermediate`]. Nothing about it is
    /// verified.
    CaCertificate(Certificate),
    /// Not a genuine leaf, or not one that the rules accept.
    Rejected(Finding),
    /// A genuine leaf.
    Verified(VerifiedLeaf, Vec<Warning>),
}

/// Something an operator should know about a leaf that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The stable code.
    pub code: Code,
    /// What was found, safe to print.
    pub reason: String,
}

/// A candidate of which everything is known that does not depend on others.
enum Begun {
    Done(Box<Examined>),
    Open(Box<Open>),
}

/// A leaf that has nothing wrong with it but perhaps its signature and its path.
struct Open {
    certificate: Certificate,
    needed: Relaxations,
    fingerprint: Sha256Digest,
    uid: Uid,
}

impl Begun {
    fn rejected(leaf: &SourceLeaf, defect: Defect, uid: Option<Uid>, fingerprint: Sha256Digest) -> Self {
        Self::Done(Box::new(rejected(leaf, defect, uid, fingerprint)))
    }

    fn claim(&self) -> Option<Claim<'_>> {
        let Self::Open(open) = self else { return None };
        let certificate = &open.certificate;
        Some(Claim {
            algorithm: certificate.signature_algorithm(),
            message: certificate.tbs(),
            signature: certificate.signature(),
            sha256: None,
        })
    }
}

fn rejected(leaf: &SourceLeaf, defect: Defect, uid: Option<Uid>, fingerprint: Sha256Digest) -> Examined {
    let finding = Finding::rejected(leaf.item.clone(), defect.code, defect.reason);
    Examined::Rejected(finding.of(uid, Some(fingerprint)))
}

impl Verifier {
    /// Fixes anchors, rules and the instant for which validity is judged.
    ///
    /// # Errors
    /// There is no anchor, or the rules allow no key.
    pub fn new(anchors: Vec<TrustAnchor>, rules: SourceRules, at: Time) -> Result<Self, VerifyError> {
        if anchors.is_empty() {
            return Err(VerifyError::NoAnchor);
        }
        if rules.keys.is_empty() {
            return Err(VerifyError::NoKeyAllowed);
        }
        let allowed = Relaxations::of(&rules.relax);
        let engine = VerificationEngine::default();
        Ok(Self {
            authorities: Authorities::new(anchors, at),
            rules,
            allowed,
            at,
            engine,
            paths: VerifiedPaths::default(),
        })
    }

    /// Chooses who checks signatures in [`examine_all`](Self::examine_all). The verdicts are the same.
    #[must_use]
    pub fn with_engine(mut self, engine: VerificationEngine) -> Self {
        self.engine = engine;
        self
    }

    /// Takes over the leaves that another verifier with the same anchors has laid aside.
    #[must_use]
    pub(crate) fn with_leaves_of(mut self, other: Self) -> Self {
        self.paths = other.paths;
        self
    }

    pub(super) fn paths(&self) -> &VerifiedPaths {
        &self.paths
    }

    /// The anchors in the order given: [`ChainProof::anchor`] is a position here.
    pub fn anchors(&self) -> &[TrustAnchor] {
        self.authorities.anchors()
    }

    /// CA certificates from inputs whose own signature leads to an anchor.
    pub fn intermediates(&self) -> impl Iterator<Item = &Certificate> {
        self.authorities.intermediates()
    }

    /// The rules of the policy.
    pub fn rules(&self) -> &SourceRules {
        &self.rules
    }

    /// The instant for which validity is judged.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Takes a CA certificate from an input or the command line as possible part of a path.
    ///
    /// It is not trusted: it counts once its own signature leads to an anchor. Leaves that were rejected with one of
    /// [`DEPENDS_ON_INTERMEDIATES`](super::DEPENDS_ON_INTERMEDIATES) may be examined again.
    pub fn add_intermediate(&mut self, certificate: Certificate) {
        self.authorities.add(certificate);
    }

    /// Judges one candidate.
    pub fn examine(&self, leaf: &SourceLeaf) -> Examined {
        match self.begin(leaf) {
            Begun::Done(examined) => *examined,
            Begun::Open(open) => self.finish(leaf, open, None),
        }
    }

    /// Judges many candidates, each as [`examine`](Self::examine) would, with the signatures of one key in one go.
    ///
    /// # Errors
    /// The engine for many signatures is wrong, which is a bug: nothing was judged.
    pub fn examine_all(&self, leaves: &[SourceLeaf]) -> Result<Vec<Examined>, EngineError> {
        let begun: Vec<Begun> = leaves.iter().map(|leaf| self.begin(leaf)).collect();
        let mut by_key: BTreeMap<usize, (&IssuerKey, Vec<usize>)> = BTreeMap::new();
        for (at, begun) in begun.iter().enumerate() {
            if let Begun::Open(open) = begun
                && let Some((authority, key)) = self.authorities.first_key(&open.certificate)
            {
                by_key.entry(authority).or_insert_with(|| (key, vec![])).1.push(at);
            }
        }
        let mut known: Vec<Option<(&IssuerKey, Verdict)>> = vec![None; begun.len()];
        for (key, places) in by_key.into_values() {
            let claims: Vec<Claim<'_>> = places.iter().filter_map(|at| begun[*at].claim()).collect();
            for (at, verdict) in places.into_iter().zip(key.verify_batch(self.engine, &claims)?) {
                known[at] = Some((key, verdict));
            }
        }
        let examined = begun.into_iter().zip(leaves).zip(known).map(|((begun, leaf), known)| match begun {
            Begun::Done(examined) => *examined,
            Begun::Open(open) => {
                self.finish(leaf, open, known.map(|(key, verdict)| Known { key: key.public_key(), verdict }))
            }
        });
        Ok(examined.collect())
    }

    /// Everything that can be said without looking at signatures.
    fn begin(&self, leaf: &SourceLeaf) -> Begun {
        let (certificate, needed) = match self.read(&leaf.der) {
            Ok(read) => read,
            Err(defect) => return Begun::rejected(leaf, defect, None, sha256(&leaf.der)),
        };
        // the certificate's, not the zone's
        let fingerprint = sha256(certificate.der());
        let serial = Uid::from_serial(certificate.serial());
        match self.is_ca(&certificate) {
            Ok(false) => {}
            Ok(true) => return Begun::Done(Box::new(Examined::CaCertificate(certificate))),
            Err(defect) => return Begun::rejected(leaf, defect, Some(serial), fingerprint),
        }
        match self.judge_alone(&certificate) {
            Ok(uid) => Begun::Open(Box::new(Open { certificate, needed, fingerprint, uid })),
            Err(defect) => Begun::rejected(leaf, defect, Some(serial), fingerprint),
        }
    }

    /// The rest: what only the path can tell.
    fn finish(&self, leaf: &SourceLeaf, open: Box<Open>, known: Option<Known<'_>>) -> Examined {
        let Open { certificate, needed, fingerprint, uid } = *open;
        match self.judge_path(&certificate, needed, known) {
            Err(defect) => {
                let serial = Uid::from_serial(certificate.serial());
                rejected(leaf, defect, Some(serial), fingerprint)
            }
            Ok(proof) => {
                let warnings = self.warnings(leaf, &certificate, &proof);
                let origin = Origin { item: leaf.item.clone(), uid, fingerprint };
                let verified = VerifiedLeaf::assert_verified(origin, self.rules.family, certificate, proof);
                Examined::Verified(verified, warnings)
            }
        }
    }

    /// Reads the candidate, strictly but for the deviations that the rules name.
    fn read(&self, der: &[u8]) -> Result<(Certificate, Relaxations), Defect> {
        if der.len() > MAX_CANDIDATE_BYTES {
            return Err(Defect::new(
                codes::CERTIFICATE_TOO_LARGE,
                format!("candidate has {} octets, at most {MAX_CANDIDATE_BYTES} are read", der.len()),
            ));
        }
        let mut needed = Relaxations::default();
        let mut der = der;
        if self.allowed.contains(Relaxation::TrailingPadding)
            && let Ok(certificate) = Reader::new(der).element("certificate")
            && is_padding(&der[certificate.raw.len()..])
        {
            der = certificate.raw;
            needed.insert(Relaxation::TrailingPadding);
        }
        let leniency = Leniency { explicit_default_boolean: self.allowed.contains(Relaxation::ExplicitDefaultBoolean) };
        let (certificate, used) = Certificate::from_der_leniently(der, leniency)?;
        if used.explicit_default_boolean {
            needed.insert(Relaxation::ExplicitDefaultBoolean);
        }
        Ok((certificate, needed))
    }

    /// Whether this is a CA's certificate, which is ignored; a leaf that claims to be a CA is rejected instead, so that
    /// it can neither be certified nor pass unseen.
    fn is_ca(&self, certificate: &Certificate) -> Result<bool, Defect> {
        if !certificate.is_ca() {
            return Ok(false);
        }
        let leaf = |reason: &str| Err(Defect::new(codes::EXTENSION_CA_TRUE, reason));
        if self.rules.family.marks(certificate) {
            return leaf("serial number is a chip's UID, but basicConstraints says cA TRUE (RFC 5280 §4.2.1.9)");
        }
        if certificate.key_usage()?.is_some_and(|usage| !usage.has(KeyUsage::KEY_CERT_SIGN)) {
            return leaf("basicConstraints says cA TRUE, but keyUsage lacks keyCertSign (RFC 5280 §4.2.1.9)");
        }
        Ok(true)
    }

    /// Checks run cheapest first.
    fn judge_alone(&self, certificate: &Certificate) -> Result<Uid, Defect> {
        profile::check_leaf(certificate)?;
        let uid = self.rules.family.uid(certificate.serial())?;
        self.check_key(certificate)?;
        self.check_algorithm(certificate)?;
        Ok(uid)
    }

    /// What only the path can tell comes last.
    fn judge_path(
        &self,
        certificate: &Certificate,
        mut needed: Relaxations,
        known: Option<Known<'_>>,
    ) -> Result<ChainProof, Defect> {
        let mut reasons: Vec<(Relaxation, Defect)> = Vec::new();
        if let Err(defect) = self.rules.family.check_common_name(certificate) {
            reasons.push((Relaxation::CommonNameMismatch, defect));
        }
        let route = self.authorities.find(certificate, self.allowed, known)?;
        if let Err(defect) = check_time(certificate, self.at) {
            reasons.push((Relaxation::ExpiredLeaf, defect));
        }
        needed = needed.union(route.needed);
        for (relaxation, _) in &reasons {
            needed.insert(*relaxation);
        }
        let missing = needed.without(self.allowed).to_vec();
        if let Some(first) = missing.first() {
            let own = reasons.into_iter().find(|(relaxation, _)| relaxation == first).map(|(_, defect)| defect);
            let mut defect = own.unwrap_or_else(|| self.describe(*first, certificate, route.anchor));
            if let [_, others @ ..] = missing.as_slice()
                && !others.is_empty()
            {
                let others: Vec<_> = others.iter().map(|relaxation| relaxation.as_str()).collect();
                defect.reason = format!("{}; the leaf would also need {}", defect.reason, others.join(", "));
            }
            return Err(defect);
        }
        Ok(ChainProof { anchor: route.anchor, path: route.path, at: self.at, relaxations: needed.to_vec() })
    }

    /// ST signs with ECDSA and Ed25519; RSA is for families whose anchors the operator knows.
    fn check_algorithm(&self, certificate: &Certificate) -> Result<(), Defect> {
        let algorithm = certificate.signature_algorithm();
        if self.rules.family.has_signature(algorithm) {
            return Ok(());
        }
        let reason =
            format!("signature is {algorithm}, leaves of {} are signed with ECDSA or Ed25519", self.rules.family);
        Err(Defect::new(codes::SIGNATURE_ALGORITHM, reason))
    }

    fn check_key(&self, certificate: &Certificate) -> Result<(), Defect> {
        let spki = certificate.spki();
        PublicKey::check(spki)?;
        if !self.rules.keys.contains(&spki.algorithm()) {
            let listed: Vec<_> = self.rules.keys.iter().map(ToString::to_string).collect();
            return Err(Defect::new(
                codes::KEY_NOT_ALLOWED,
                format!("public key is {}, the policy lists {}", spki.algorithm(), listed.join(", ")),
            ));
        }
        if self.authorities.have_key(spki) {
            return Err(Defect::new(codes::KEY_OF_A_CA, "public key is that of a trust anchor or intermediate CA"));
        }
        Ok(())
    }

    /// Validity of a leaf and its path at another instant than the verifier's; adds the relaxation that it needs.
    pub(super) fn check_times(
        &self,
        certificate: &Certificate,
        path: &[Arc<Certificate>],
        at: Time,
        needed: &mut Relaxations,
    ) -> Result<(), Defect> {
        if let Some(above) = path.iter().find(|above| !above.validity().contains(at)) {
            let reason = format!("intermediate `{}` is not valid at {at} (RFC 5280 §6.1.3)", above.subject());
            return Err(Defect::new(codes::CHAIN_INTERMEDIATE_TIME, reason));
        }
        match check_time(certificate, at) {
            Err(_) if self.allowed.contains(Relaxation::ExpiredLeaf) => {
                needed.insert(Relaxation::ExpiredLeaf);
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn describe(&self, relaxation: Relaxation, certificate: &Certificate, anchor: usize) -> Defect {
        let anchor = self.anchors()[anchor].name();
        match relaxation {
            Relaxation::IssuerNameCase => Defect::new(
                codes::CHAIN_NAME_CASE,
                format!(
                    "issuer `{}` equals the name in the CA's certificate in all but letter case (path to `{anchor}`)",
                    certificate.issuer()
                ),
            ),
            Relaxation::Sha1Signature => Defect::new(
                codes::SIGNATURE_SHA1,
                "a signature of the path is made with SHA-1, for which forgeries exist",
            ),
            Relaxation::TestAnchor => {
                Defect::new(codes::CHAIN_TEST_ANCHOR, format!("trust anchor `{anchor}` is a test or demonstration CA"))
            }
            // the other four have said themselves what they met
            Relaxation::CommonNameMismatch
            | Relaxation::ExpiredLeaf
            | Relaxation::ExplicitDefaultBoolean
            | Relaxation::TrailingPadding => Defect::new(codes::DER_FORM, format!("the leaf needs {relaxation}")),
        }
    }

    fn warnings(&self, leaf: &SourceLeaf, certificate: &Certificate, proof: &ChainProof) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let anchor = &self.anchors()[proof.anchor];
        let validity = anchor.certificate().validity();
        if !validity.contains(self.at) {
            warnings.push(Warning {
                code: codes::CHAIN_ANCHOR_EXPIRED,
                reason: format!(
                    "trust anchor `{}` is valid from {} to {}, not at {}",
                    anchor.name(),
                    validity.not_before(),
                    validity.not_after(),
                    self.at
                ),
            });
        }
        if let Some(name) = &leaf.file_name
            && let Err(defect) = self.rules.family.check_file_name(name, certificate.serial())
        {
            warnings.push(Warning { code: defect.code, reason: defect.reason });
        }
        warnings
    }
}

fn check_time(certificate: &Certificate, at: Time) -> Result<(), Defect> {
    let validity = certificate.validity();
    if validity.contains(at) {
        return Ok(());
    }
    let code = if at < validity.not_before() { codes::TIME_NOT_YET_VALID } else { codes::TIME_EXPIRED };
    Err(Defect::new(
        code,
        format!("leaf is valid from {} to {}, not at {at}", validity.not_before(), validity.not_after()),
    ))
}

/// A zone that was never written to: 00 throughout or FF throughout.
fn is_padding(bytes: &[u8]) -> bool {
    !bytes.is_empty() && (bytes.iter().all(|byte| *byte == 0) || bytes.iter().all(|byte| *byte == 0xFF))
}
