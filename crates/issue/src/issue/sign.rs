//! Signing: batch first, every signature looked at before anyone else sees it, nothing signed ever lost.

use crate::cert::{
    IssuedCertificate, IssuerIdentity, TbsCertificate, UncheckedCertificate, WrongSignature, check_all, claim, released,
};
use crate::crypto::{Claim, IssuerKey, PublicKey, Verdict, VerificationEngine, is_full_width, kept_form, sha256};
use crate::ledger::Recorded;
use crate::signer::Signer;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm, Spki};

use super::IssueError;
use super::ca_key::sign_recorded;

/// An issuer with its key: signs what the ledger has recorded, and nothing else.
pub struct Issuer {
    identity: IssuerIdentity,
    key: IssuerKey,
    engine: VerificationEngine,
    signer: Box<dyn Signer>,
}

impl Issuer {
    /// Joins an issuer and its signer, whose public key must be the certificate's, byte for byte.
    ///
    /// # Errors
    /// The signer holds another key, or the key is not usable.
    pub fn new(identity: IssuerIdentity, signer: Box<dyn Signer>) -> Result<Self, IssueError> {
        let (found, expected) = (signer.public_key(), identity.spki());
        if found.der() != expected.der() {
            return Err(IssueError::KeyMismatch { found: sha256(found.der()), expected: sha256(expected.der()) });
        }
        let key = IssuerKey::new(PublicKey::from_spki(expected)?);
        Ok(Self { identity, key, engine: VerificationEngine::default(), signer })
    }

    /// Chooses who checks the signatures. The verdicts are the same.
    #[must_use]
    pub fn with_engine(mut self, engine: VerificationEngine) -> Self {
        self.engine = engine;
        self
    }

    /// Who checks the signatures.
    pub const fn engine(&self) -> VerificationEngine {
        self.engine
    }

    /// So many are to be signed or checked.
    pub fn expect(&self, count: u64) {
        self.key.expect(count);
    }

    /// The signer, for what is signed beside certificates.
    pub(crate) fn signer(&self) -> &dyn Signer {
        &*self.signer
    }

    /// The issuer without its key.
    pub fn identity(&self) -> &IssuerIdentity {
        &self.identity
    }

    /// Whether the key can make signatures of this algorithm; asked before anything is recorded.
    ///
    /// # Errors
    /// It cannot.
    pub fn check_algorithm(&self, algorithm: SignatureAlgorithm) -> Result<(), IssueError> {
        Ok(self.signer.check_algorithm(algorithm)?)
    }

    /// What went wrong at the signer without stopping the work.
    pub fn notes(&self) -> Vec<String> {
        self.signer.notes()
    }

    /// Signs what was recorded. There is one outcome for each, in order, also when the signer fails in the middle.
    pub fn sign(&self, recorded: Vec<Recorded<TbsCertificate>>) -> SignReport {
        let mut work = Work { issuer: self, signatures_made: 0, failure: None };
        let mut slots: Vec<Slot> = recorded.into_iter().map(Slot::new).collect();
        if let Err(error) = slots.iter().try_for_each(|slot| check_algorithm(self.identity.spki(), slot)) {
            work.failure = Some(error);
        }
        let mut pending: Vec<usize> = (0..slots.len()).collect();
        while work.failure.is_none() && !pending.is_empty() {
            work.round(&mut slots, &pending);
            pending.retain(|at| matches!(slots[*at].state, State::Pending));
        }
        let outcomes = slots.into_iter().map(Slot::outcome).collect();
        SignReport { outcomes, signatures_made: work.signatures_made, failure: work.failure }
    }

    /// As [`check`], with the key at hand.
    ///
    /// # Errors
    /// The signature is not the issuer's.
    pub fn check(&self, unchecked: UncheckedCertificate) -> Result<IssuedCertificate, IssueError> {
        verified(self.key.public_key(), unchecked)
    }

    /// Looks at the signatures of certificates that come from the ledger; there is one outcome for each, in order.
    ///
    /// # Errors
    /// The engine is wrong, which is a bug. The inner error is a signature that is not the issuer's.
    pub fn check_all(
        &self,
        unchecked: Vec<UncheckedCertificate>,
    ) -> Result<Vec<Result<IssuedCertificate, IssueError>>, IssueError> {
        let checked = check_all(&self.key, self.engine, unchecked)?;
        Ok(checked.into_iter().map(|one| one.map_err(IssueError::from)).collect())
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Issuer({}, ..)", self.identity.subject())
    }
}

/// Looks at the signature of a certificate that comes from the ledger or from elsewhere.
///
/// # Errors
/// The issuer's key is not usable, or the signature is not the issuer's.
pub fn check(issuer: &IssuerIdentity, unchecked: UncheckedCertificate) -> Result<IssuedCertificate, IssueError> {
    verified(&PublicKey::from_spki(issuer.spki())?, unchecked)
}

fn verified(key: &PublicKey, unchecked: UncheckedCertificate) -> Result<IssuedCertificate, IssueError> {
    let tbs = unchecked.tbs();
    let verdict = key.verify(tbs.signature_algorithm(), tbs.der(), unchecked.signature());
    Ok(released(unchecked, verdict)?)
}

/// What came of a call to [`Issuer::sign`].
#[derive(Debug)]
pub struct SignReport {
    /// One outcome for each that was handed over, in order.
    pub outcomes: Vec<Signed>,
    /// How many signatures the signer returned, those thrown away included.
    pub signatures_made: u64,
    /// What stopped the work, if anything did.
    pub failure: Option<IssueError>,
}

/// What became of one recorded tbsCertificate.
#[derive(Debug)]
pub enum Signed {
    /// Signed, and the signature verified.
    Issued(IssuedCertificate),
    /// The signer signs deterministically and the signature is not full width: only another serial number helps, and
    /// that has to be recorded first.
    NeedsNewSerial(Recorded<TbsCertificate>),
    /// Not signed, or not to anyone's knowledge, because of the report's failure or because the signer was told to stop.
    Unsigned(Recorded<TbsCertificate>),
}

/// How often the same tbsCertificate is signed again for a full-width signature: so often that chance does
/// not explain one more. A randomised signer misses three times in 256 (r begins with a zero byte once in 256 times,
/// the lower s, which is kept, twice); on P-521 every other time, since 521 bits leave one bit for the first of 66
/// bytes of r.
fn repeats(key: KeyAlgorithm) -> u32 {
    if key.has_short_lower_s() { 128 } else { 16 }
}

struct Slot {
    recorded: Recorded<TbsCertificate>,
    signatures: u32,
    /// The last one, which was not full width.
    short: Option<Vec<u8>>,
    state: State,
}

enum State {
    Pending,
    Good(Vec<u8>),
    Deterministic,
    Failed,
}

impl Slot {
    fn new(recorded: Recorded<TbsCertificate>) -> Self {
        Self { recorded, signatures: 0, short: None, state: State::Pending }
    }

    fn outcome(self) -> Signed {
        match self.state {
            State::Good(signature) => {
                let unchecked = UncheckedCertificate::new(self.recorded.into_tbs(), signature);
                let certificate = IssuedCertificate::assert_verified(unchecked);
                // here, where many work at once, and not when it is recorded
                certificate.sha256();
                Signed::Issued(certificate)
            }
            State::Deterministic => Signed::NeedsNewSerial(self.recorded),
            State::Pending | State::Failed => Signed::Unsigned(self.recorded),
        }
    }
}

fn check_algorithm(key: &Spki, slot: &Slot) -> Result<(), IssueError> {
    let tbs = slot.recorded.tbs();
    let algorithm = tbs.signature_algorithm();
    if algorithm.fits(key.algorithm()) {
        return Ok(());
    }
    Err(IssueError::AlgorithmNotOfKey { uid: tbs.origin().uid, algorithm, key: key.algorithm() })
}

struct Work<'a> {
    issuer: &'a Issuer,
    signatures_made: u64,
    failure: Option<IssueError>,
}

impl Work<'_> {
    /// Has every pending one signed once, neighbours of one algorithm together.
    fn round(&mut self, slots: &mut [Slot], pending: &[usize]) {
        let algorithm = |at: usize| slots[at].recorded.tbs().signature_algorithm();
        let groups: Vec<&[usize]> = pending.chunk_by(|a, b| algorithm(*a) == algorithm(*b)).collect();
        for group in groups {
            let algorithm = slots[group[0]].recorded.tbs().signature_algorithm();
            let mut signatures = Vec::with_capacity(group.len());
            let recorded = group.iter().map(|at| &slots[*at].recorded);
            let result = sign_recorded(&*self.issuer.signer, algorithm, recorded, &mut signatures);
            for (at, signature) in group.iter().zip(&mut signatures) {
                if slots[*at].recorded.tbs().full_width_signature() {
                    // before its width is judged and before anyone else sees it
                    let key = self.issuer.identity.spki().algorithm();
                    *signature = kept_form(key, true, std::mem::take(signature));
                }
            }
            self.signatures_made += signatures.len() as u64;
            let (found, expected) = (signatures.len(), group.len());
            let verdicts = self.verdicts(slots, group, &signatures);
            for ((at, signature), verdict) in group.iter().zip(signatures).zip(verdicts) {
                if let Err(error) = self.judge(&mut slots[*at], signature, verdict) {
                    self.failure.get_or_insert(error);
                }
            }
            match result {
                Err(error) => self.failure = Some(error.into()),
                Ok(()) if found != expected => {
                    self.failure.get_or_insert(IssueError::SignatureCount { found, expected });
                }
                Ok(()) => {}
            }
            if self.failure.is_some() {
                return;
            }
        }
    }

    /// What the issuer's own key says of each signature. If the engine for many of them is wrong, the run ends; but
    /// what was signed until now gets its verdict and is recorded.
    fn verdicts(&mut self, slots: &[Slot], group: &[usize], signatures: &[Vec<u8>]) -> Vec<Verdict> {
        let claims: Vec<Claim<'_>> =
            group.iter().zip(signatures).map(|(at, signature)| claim(slots[*at].recorded.tbs(), signature)).collect();
        let Issuer { key, engine, .. } = self.issuer;
        key.verify_batch(*engine, &claims).unwrap_or_else(|error| {
            self.failure = Some(error.into());
            let verify = |claim: &Claim<'_>| key.public_key().verify(claim.algorithm, claim.message, claim.signature);
            claims.iter().map(verify).collect()
        })
    }

    fn judge(&self, slot: &mut Slot, signature: Vec<u8>, verdict: Verdict) -> Result<(), IssueError> {
        let tbs = slot.recorded.tbs();
        slot.signatures += 1;
        if let Err(source) = verdict {
            slot.state = State::Failed;
            return Err(WrongSignature { uid: tbs.origin().uid, source }.into());
        }
        if !tbs.full_width_signature() || is_full_width(self.issuer.identity.spki().algorithm(), &signature) {
            slot.state = State::Good(signature);
        } else if slot.short.as_ref() == Some(&signature) {
            slot.state = State::Deterministic;
        } else if slot.signatures > repeats(self.issuer.identity.spki().algorithm()) {
            slot.state = State::Failed;
            return Err(IssueError::NeverFullWidth { uid: tbs.origin().uid, signatures: slot.signatures });
        } else {
            slot.short = Some(signature);
        }
        Ok(())
    }
}
