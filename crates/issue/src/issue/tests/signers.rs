//! Good signers, deterministic signers, and signers that fail.

use std::sync::Mutex;

use super::run::{Order, Stop, run};
use crate::cert::{IssuedCertificate, TbsCertificate};
use crate::crypto::{PublicKey, is_full_width, low_s};
use crate::issue::testing::{ChangingSigner, DeterministicSigner, identity, issuer, seed, serial_for, template_with};
use crate::issue::{IssueError, Issuer, Signed, received};
use crate::ledger::testing::{leaves, row, terms};
use crate::ledger::{BatchId, Ledger, Recorded, RecordedLeaf};
use crate::signer::{Signer, SignerError};
use crate::x509::{KeyAlgorithm, SignatureAlgorithm, Spki};

/// Follows a script at each call: the function gets the number of the message and a true signature.
struct Scripted {
    inner: DeterministicSigner,
    script: Box<Script>,
    count: Mutex<usize>,
}

type Script = dyn Fn(usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync;

impl Scripted {
    fn issuer(script: impl Fn(usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync + 'static) -> Issuer {
        let inner = DeterministicSigner::issuing();
        let signer = Self { inner, script: Box::new(script), count: Mutex::new(0) };
        Issuer::new(identity(), Box::new(signer)).unwrap()
    }
}

impl Signer for Scripted {
    fn public_key(&self) -> &Spki {
        self.inner.public_key()
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        for message in messages {
            let mut count = self.count.lock().unwrap();
            let Some(signature) = (self.script)(*count, self.inner.sign(message)) else {
                return Err(SignerError::Algorithm { key: KeyAlgorithm::P256, algorithm });
            };
            *count += 1;
            signatures.push(signature);
        }
        Ok(())
    }
}

/// Intents for the first `count` made-up leaves in one chunk.
fn recorded(count: u64, full_width: bool) -> (Ledger, BatchId, Vec<Recorded<TbsCertificate>>) {
    let identity = identity();
    let ledger = Ledger::in_memory(identity.spki());
    let leaves = leaves(0..count);
    let row = row(1, terms("test", &leaves), 1_000);
    let batch = row.id.clone();
    ledger.begin(row, &leaves).unwrap();
    let linted = (0..count).map(|number| {
        let template = template_with(number, |fields| fields.device.full_width_signature = full_width);
        let serial = serial_for(&template, &seed(), &identity, 0);
        identity.prepare(&template, serial, 0).unwrap()
    });
    let recorded = ledger.record(&batch, 0, linted.collect()).unwrap().into_iter().map(|recorded| match recorded {
        RecordedLeaf::Fresh(recorded) => recorded,
        other => panic!("nothing was recorded before: {other:?}"),
    });
    (ledger, batch, recorded.collect())
}

fn kinds(outcomes: &[Signed]) -> String {
    let letter = |outcome: &Signed| match outcome {
        Signed::Issued(_) => 'i',
        Signed::NeedsNewSerial(_) => 'n',
        Signed::Unsigned(_) => 'u',
    };
    outcomes.iter().map(letter).collect()
}

#[test]
fn a_signer_with_another_key_is_refused() {
    let other = DeterministicSigner::new("reroot TEST root key");
    assert!(matches!(Issuer::new(identity(), Box::new(other)), Err(IssueError::KeyMismatch { .. })));
}

#[test]
fn a_wrong_signature_is_caught_and_the_others_are_kept() {
    let issuer = Scripted::issuer(|count, mut signature| {
        if count == 2 {
            *signature.last_mut().unwrap() ^= 1;
        }
        Some(signature)
    });
    let report = issuer.sign(recorded(5, false).2);
    assert_eq!(kinds(&report.outcomes), "iiuii");
    assert_eq!(report.signatures_made, 5);
    assert!(matches!(report.failure, Some(IssueError::WrongSignature { .. })), "{:?}", report.failure);
}

#[test]
fn signatures_in_the_wrong_order_are_caught() {
    let issuer = Issuer::new(identity(), Box::new(Shuffled(DeterministicSigner::issuing()))).unwrap();
    let report = issuer.sign(recorded(2, false).2);
    assert_eq!(kinds(&report.outcomes), "uu");
}

struct Shuffled(DeterministicSigner);

impl Signer for Shuffled {
    fn public_key(&self) -> &Spki {
        self.0.public_key()
    }

    fn sign_batch(
        &self,
        _: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        signatures.extend(messages.iter().rev().map(|message| self.0.sign(message)));
        Ok(())
    }
}

#[test]
fn what_was_signed_before_a_failure_is_not_lost() {
    let issuer = Scripted::issuer(|count, signature| (count < 3).then_some(signature));
    let (ledger, batch, recorded) = recorded(5, false);
    let report = issuer.sign(recorded);
    assert_eq!(kinds(&report.outcomes), "iiiuu");
    assert_eq!(report.signatures_made, 3);
    assert!(matches!(report.failure, Some(IssueError::Signer(_))));
    let issued: Vec<IssuedCertificate> = report.outcomes.into_iter().filter_map(issued).collect();
    ledger.record_issued(&batch, 0, &issued, 3).unwrap();
    assert_eq!(ledger.signatures_made(&batch).unwrap(), 3);
}

fn issued(outcome: Signed) -> Option<IssuedCertificate> {
    if let Signed::Issued(certificate) = outcome { Some(certificate) } else { None }
}

#[test]
fn a_signer_that_returns_too_few_is_found_out() {
    let issuer = Issuer::new(identity(), Box::new(Lazy(DeterministicSigner::issuing()))).unwrap();
    let report = issuer.sign(recorded(3, false).2);
    assert_eq!(kinds(&report.outcomes), "iiu");
    assert!(matches!(report.failure, Some(IssueError::SignatureCount { found: 2, expected: 3 })));
}

struct Lazy(DeterministicSigner);

impl Signer for Lazy {
    fn public_key(&self) -> &Spki {
        self.0.public_key()
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        self.0.sign_batch(algorithm, &messages[1..], &mut vec![])?;
        self.0.sign_batch(algorithm, &messages[..messages.len() - 1], signatures)
    }
}

#[test]
fn an_algorithm_that_the_key_cannot_make_stops_before_the_first_signature() {
    let identity = identity();
    let template = template_with(0, |fields| fields.signature = SignatureAlgorithm::Ed25519);
    let serial = serial_for(&template, &seed(), &identity, 0);
    // a policy bound to this issuer does not let such a template through, so the ledger is asked directly
    let Ok(linted) = identity.prepare(&template, serial, 0) else { return };
    let ledger = Ledger::in_memory(identity.spki());
    let leaves = leaves([0]);
    let row = row(1, terms("test", &leaves), 1);
    ledger.begin(row.clone(), &leaves).unwrap();
    let RecordedLeaf::Fresh(recorded) = ledger.record(&row.id, 0, vec![linted]).unwrap().remove(0) else { panic!() };
    let report = issuer().sign(vec![recorded]);
    assert_eq!((kinds(&report.outcomes).as_str(), report.signatures_made), ("u", 0));
    assert!(matches!(report.failure, Some(IssueError::AlgorithmNotOfKey { .. })));
}

#[test]
fn a_short_signature_is_made_again_over_the_same_bytes() {
    let issuer = Issuer::new(identity(), Box::new(ChangingSigner::issuing(0))).unwrap();
    let (_, _, recorded) = recorded(400, true);
    let before: Vec<_> = recorded.iter().map(|recorded| recorded.tbs().clone()).collect();
    let report = issuer.sign(recorded);
    assert!(report.failure.is_none());
    assert!(report.signatures_made > 400, "3 signatures in 256 are short; the signer is reproducible");
    for (outcome, before) in report.outcomes.into_iter().zip(before) {
        let certificate = issued(outcome).unwrap();
        assert_eq!(*certificate.tbs(), before);
        assert!(is_full_width(KeyAlgorithm::P256, certificate.signature()));
    }
}

#[test]
fn a_deterministic_signer_needs_another_serial_for_a_short_signature() {
    let (_, _, recorded) = recorded(400, true);
    let report = issuer().sign(recorded);
    assert!(report.failure.is_none());
    let again: Vec<_> = report.outcomes.iter().filter(|outcome| matches!(outcome, Signed::NeedsNewSerial(_))).collect();
    assert!(!again.is_empty(), "3 signatures in 256 are short; the signer is reproducible");
    assert_eq!(report.signatures_made, 400 + again.len() as u64, "each of them was tried twice");
}

#[test]
fn a_deterministic_signer_ends_in_full_width_and_the_given_up_serials_are_on_the_ledger() {
    let issuer = issuer();
    let ledger = Ledger::in_memory(issuer.identity().spki());
    let order = Order { full_width: true, ..Order::of(0..400) };
    let certificates = run(&ledger, &issuer, &order, (1, 64)).unwrap();
    assert!(certificates.iter().all(|certificate| is_full_width(KeyAlgorithm::P256, certificate.signature())));
    let batch = ledger.find(&order.terms().key()).unwrap().unwrap();
    let mut attempts = Vec::new();
    for chunk in 0..batch.chunks() {
        attempts.extend(ledger.attempts(&batch.id, chunk).unwrap());
    }
    let carried: Vec<_> = certificates.iter().map(IssuedCertificate::attempt).collect();
    assert_eq!(attempts, carried);
    let given_up: u32 = attempts.iter().sum();
    assert!(given_up > 0);
    assert_eq!(ledger.signatures_made(&batch.id).unwrap(), 400 + 2 * u64::from(given_up));
    assert_eq!(ledger.verify().unwrap().stats.retries, u64::from(given_up));
}

#[test]
fn a_signer_that_is_never_full_width_is_a_failure_not_an_endless_loop() {
    let (_, _, mut all) = recorded(1, true);
    let one = all.remove(0);
    // signatures that differ and of which each is short
    let signer = ChangingSigner::issuing(0);
    let message = one.tbs().der().to_vec();
    let mut short = std::iter::repeat_with(move || low_s(KeyAlgorithm::P256, signer.sign(&message)))
        .filter(|signature| !is_full_width(KeyAlgorithm::P256, signature));
    let short: Vec<Vec<u8>> = short.by_ref().take(17).collect();
    let issuer = Scripted::issuer(move |count, _| short.get(count).cloned());
    let report = issuer.sign(vec![one]);
    assert_eq!((kinds(&report.outcomes).as_str(), report.signatures_made), ("u", 17));
    assert!(matches!(report.failure, Some(IssueError::NeverFullWidth { signatures: 17, .. })));
}

#[test]
fn of_two_twins_the_one_with_the_lower_s_is_issued_whichever_the_signer_returns() {
    let sign = |twins: bool| {
        let issuer = Scripted::issuer(move |_, signature| Some(if twins { negated(&signature) } else { signature }));
        let report = issuer.sign(recorded(30, false).2);
        assert!(report.failure.is_none());
        report.outcomes.into_iter().filter_map(issued).collect::<Vec<_>>()
    };
    let certificates = sign(false);
    assert_eq!(certificates, sign(true));
    for certificate in certificates {
        let signature = p256::ecdsa::Signature::from_der(certificate.signature()).unwrap();
        assert_eq!(signature.normalize_s(), signature);
    }
}

/// Twins that alternate are one signature: a signer that returns them has nothing else to give.
#[test]
fn a_deterministic_signer_is_recognised_by_either_twin() {
    let (_, _, all) = recorded(1_000, true);
    let signer = DeterministicSigner::issuing();
    let is_short = |recorded: &Recorded<TbsCertificate>| {
        !is_full_width(KeyAlgorithm::P256, &low_s(KeyAlgorithm::P256, signer.sign(recorded.tbs().der())))
    };
    let one: Vec<Recorded<TbsCertificate>> = all.into_iter().filter(is_short).take(1).collect();
    let issuer = Scripted::issuer(
        |count, signature| if count.is_multiple_of(2) { Some(signature) } else { Some(negated(&signature)) },
    );
    let report = issuer.sign(one);
    assert_eq!((kinds(&report.outcomes).as_str(), report.signatures_made), ("n", 2));
}

#[test]
fn what_comes_back_is_kept_in_the_form_in_which_it_left() {
    let identity = identity();
    let key = PublicKey::from_spki(identity.spki()).unwrap();
    let signer = DeterministicSigner::issuing();
    let take = |recorded: Recorded<TbsCertificate>, signature: Vec<u8>, as_sent: bool| {
        received(&key, identity.spki(), recorded, signature, as_sent).unwrap().signature().to_vec()
    };
    let low = |message: &[u8]| low_s(KeyAlgorithm::P256, signer.sign(message));
    for as_sent in [false, true] {
        for recorded in recorded(4, false).2 {
            let low = low(recorded.tbs().der());
            let expected = if as_sent { negated(&low) } else { low.clone() };
            assert_eq!(take(recorded, negated(&low), as_sent), expected);
        }
    }
    // where only the higher s is of full width, an earlier release made it: there is no other form to keep
    let full = |signature: &[u8]| is_full_width(KeyAlgorithm::P256, signature);
    let of_earlier = |recorded: &Recorded<TbsCertificate>| {
        let low = low(recorded.tbs().der());
        !full(&low) && full(&negated(&low))
    };
    let mut found = recorded(1_000, true).2.into_iter().filter(of_earlier).peekable();
    assert!(found.peek().is_some(), "one signature in 128; the signer is reproducible");
    for recorded in found {
        let high = negated(&low(recorded.tbs().der()));
        assert_eq!(take(recorded, high.clone(), false), high);
    }
}

fn negated(signature: &[u8]) -> Vec<u8> {
    let signature = p256::ecdsa::Signature::from_der(signature).unwrap();
    let (r, s) = signature.split_scalars();
    p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap().to_der().as_bytes().to_vec()
}

#[test]
fn a_failing_signer_and_the_same_order_again_end_in_the_same_serials() {
    let undisturbed = {
        let issuer = issuer();
        run(&Ledger::in_memory(issuer.identity().spki()), &issuer, &Order::of(0..20), (1, 6)).unwrap()
    };
    for lost_at in 0..20 {
        let ledger = Ledger::in_memory(identity().spki());
        let broken = Scripted::issuer(move |count, signature| (count < lost_at).then_some(signature));
        assert!(matches!(run(&ledger, &broken, &Order::of(0..20), (1, 6)), Err(Stop::Issue(_))));
        let certificates = run(&ledger, &issuer(), &Order::of(0..20), (2, 7)).unwrap();
        assert_eq!(certificates, undisturbed);
        let batch = ledger.find(&Order::of(0..20).terms().key()).unwrap().unwrap();
        assert_eq!(ledger.signatures_made(&batch.id).unwrap(), 20, "nothing was signed twice");
    }
}
