//! A small pipeline: what `reissue` does between pass 1 and publication, over any ledger and any signer.

use crate::cert::{IssuedCertificate, ObjectTemplate, TbsCertificate};
use crate::issue::testing::template_with;
use crate::issue::{IssueError, Issuer, Serials, Signed};
use crate::ledger::testing::{leaf, row, terms};
use crate::ledger::{BatchId, BatchRow, BatchTerms, Ledger, LedgerError, Recorded, RecordedLeaf};

/// Why a run ended early.
#[derive(Debug)]
pub(super) enum Stop {
    Ledger(LedgerError),
    Issue(#[expect(dead_code, reason = "a failed assertion prints it")] IssueError),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<IssueError> for Stop {
    fn from(error: IssueError) -> Self {
        Self::Issue(error)
    }
}

/// What to issue: the made-up leaves of these numbers, in order.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) numbers: Vec<u64>,
    pub(super) policy: &'static str,
    pub(super) full_width: bool,
    pub(super) reissue: Option<&'static str>,
}

impl Order {
    pub(super) fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        Self { numbers: numbers.into_iter().collect(), policy: "test", full_width: false, reissue: None }
    }

    pub(super) fn terms(&self) -> BatchTerms {
        let leaves: Vec<_> = self.numbers.iter().copied().map(leaf).collect();
        BatchTerms { reissue: self.reissue.map(str::to_owned), ..terms(self.policy, &leaves) }
    }

    fn template(&self, number: u64) -> ObjectTemplate {
        template_with(number, |fields| fields.device.full_width_signature = self.full_width)
    }
}

/// Runs an order to its end, from any state that an earlier run left. `drawn` gives a new batch its name, seed and
/// chunk size.
pub(super) fn run(
    ledger: &Ledger,
    issuer: &Issuer,
    order: &Order,
    drawn: (u32, u32),
) -> Result<Vec<IssuedCertificate>, Stop> {
    let terms = order.terms();
    let row = if let Some(row) = ledger.find(&terms.key())? {
        row
    } else {
        let row = row(drawn.0, terms, drawn.1);
        let leaves: Vec<_> = order.numbers.iter().copied().map(leaf).collect();
        ledger.begin(row.clone(), &leaves)?;
        row
    };
    let mut certificates = Vec::new();
    for (chunk, numbers) in (0..).zip(order.numbers.chunks(row.chunk_size as usize)) {
        certificates.extend(issue_chunk(ledger, issuer, order, &row, chunk, numbers)?);
    }
    let statement = statement(&row.id, &certificates);
    ledger.seal(&row.id, &statement, b"cms")?;
    Ok(certificates)
}

/// What is sealed: depends on every certificate, as the real one does.
pub(super) fn statement(batch: &BatchId, certificates: &[IssuedCertificate]) -> Vec<u8> {
    let serials: Vec<_> = certificates.iter().map(|certificate| certificate.serial().to_string()).collect();
    format!("{batch} {}", serials.join(" ")).into_bytes()
}

/// Issues one chunk, from any state that an earlier call left.
pub(super) fn issue_chunk(
    ledger: &Ledger,
    issuer: &Issuer,
    order: &Order,
    row: &BatchRow,
    chunk: u64,
    numbers: &[u64],
) -> Result<Vec<IssuedCertificate>, Stop> {
    let linted = |number: u64, attempt| {
        let template = order.template(number);
        let serial = Serials::new(&row.serial_basis(), issuer.identity().spki()).of(&template, attempt);
        issuer.identity().prepare(&template, serial, attempt).unwrap()
    };
    let attempts = ledger.attempts(&row.id, chunk)?;
    let tbs = numbers.iter().zip(attempts).map(|(number, attempt)| linted(*number, attempt)).collect();
    let mut done: Vec<Option<IssuedCertificate>> = Vec::new();
    let mut to_sign: Vec<Recorded<TbsCertificate>> = Vec::new();
    for recorded in ledger.record(&row.id, chunk, tbs)? {
        match recorded {
            RecordedLeaf::Fresh(recorded) | RecordedLeaf::Resumed(recorded) => {
                to_sign.push(recorded);
                done.push(None);
            }
            RecordedLeaf::AlreadyIssued(unchecked) => done.push(Some(issuer.check(unchecked)?)),
        }
    }
    while !to_sign.is_empty() {
        let report = issuer.sign(std::mem::take(&mut to_sign));
        let mut issued = Vec::new();
        let mut again = Vec::new();
        for outcome in report.outcomes {
            match outcome {
                Signed::Issued(certificate) => issued.push(certificate),
                Signed::NeedsNewSerial(recorded) => again.push(recorded),
                Signed::Unsigned(_) => {}
            }
        }
        ledger.record_issued(&row.id, chunk, &issued, report.signatures_made)?;
        if let Some(failure) = report.failure {
            return Err(failure.into());
        }
        for certificate in issued {
            let at = numbers.iter().position(|number| leaf(*number).uid == certificate.origin().uid).unwrap();
            assert!(done[at].replace(certificate).is_none());
        }
        for recorded in again {
            let at = numbers.iter().position(|number| leaf(*number).uid == recorded.tbs().origin().uid).unwrap();
            to_sign.push(ledger.retry(&row.id, chunk, linted(numbers[at], recorded.tbs().attempt() + 1))?);
        }
    }
    Ok(done.into_iter().map(Option::unwrap).collect())
}
