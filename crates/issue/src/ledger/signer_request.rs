//! What the holder of a CA key was asked to sign, who approved it, and what became of it.

use crate::x509::{Sha256Digest, Time};

use super::LedgerError;
use super::codec::Writer;
use super::instruction::read_time;
use super::open::{Ledger, decoded};
use super::record::{Draft, Kind, Place, Record};

/// A request and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerRequest {
    /// When it was decided, by the signing machine's clock.
    pub at: Time,
    /// What the key was asked to do, such as `sign-plan`.
    pub action: String,
    /// SHA-256 of the plan.
    pub subject: Sha256Digest,
    /// The batch, or the number of the round of revocation lists.
    pub about: String,
    /// Why it was refused; `None` if it was accepted.
    pub refused: Option<String>,
    /// The approvals that were accepted.
    pub approvals: Vec<SignedApproval>,
}

/// An approval that was accepted, whole: an auditor who has the person's certificate can verify it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedApproval {
    /// Who approved.
    pub person: String,
    /// The line that was signed.
    pub line: Vec<u8>,
    /// The CMS signature over it, in DER.
    pub signature: Vec<u8>,
}

impl Ledger {
    /// Makes a request and its outcome durable.
    ///
    /// # Errors
    /// The store fails.
    pub fn record_signer_request(&self, request: &SignerRequest) -> Result<(), LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let mut body = Writer::with_capacity(1024);
            body.i64(request.at.unix());
            body.text(&request.action);
            body.digest(&request.subject);
            body.text(&request.about);
            body.optional(request.refused.as_deref(), Writer::text);
            body.count(request.approvals.len());
            for SignedApproval { person, line, signature } in &request.approvals {
                body.text(person);
                body.bytes(line);
                body.bytes(signature);
            }
            let draft = Draft::new(Place::new(Kind::SignerRequest, 0, head.records + 1), body.finish());
            state.append(&head, std::iter::once(draft))
        })
    }

    /// Every request, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn signer_requests(&self) -> Result<Vec<SignerRequest>, LedgerError> {
        self.with(|state| {
            let mut entries = state.store.entries(Kind::SignerRequest, 0, 0)?;
            entries.sort_unstable_by_key(|entry| entry.position);
            entries.into_iter().map(|entry| read(&state.expect(entry.place)?)).collect()
        })
    }
}

/// Whether a record of this kind says what it has to.
pub(super) fn check(record: &Record) -> Result<(), &'static str> {
    match read(record) {
        Ok(_) if record.entry.place.chunk != record.entry.position => Err("it is not at its own place"),
        Ok(_) if record.entry.count != 0 || record.entry.signatures != 0 => Err("it counts something"),
        Ok(_) => Ok(()),
        Err(_) => Err("what was requested cannot be read"),
    }
}

fn read(record: &Record) -> Result<SignerRequest, LedgerError> {
    decoded(record, |reader| {
        Ok(SignerRequest {
            at: read_time(reader)?,
            action: reader.text()?.to_owned(),
            subject: reader.digest()?,
            about: reader.text()?.to_owned(),
            refused: reader.optional(|reader| Ok(reader.text()?.to_owned()))?,
            approvals: (0..reader.count()?)
                .map(|_| {
                    Ok(SignedApproval {
                        person: reader.text()?.to_owned(),
                        line: reader.bytes()?.to_vec(),
                        signature: reader.bytes()?.to_vec(),
                    })
                })
                .collect::<Result<_, _>>()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::issuer_spki;

    #[test]
    fn requests_come_back_in_their_order() {
        let ledger = Ledger::in_memory(&issuer_spki());
        let request = |about: &str, refused: Option<&str>| SignerRequest {
            at: Time::from_unix(1_800_000_000).unwrap(),
            action: "sign-plan".to_owned(),
            subject: Sha256Digest::new([7; 32]),
            about: about.to_owned(),
            refused: refused.map(str::to_owned),
            approvals: vec![SignedApproval { person: "anna".into(), line: b"{}\n".to_vec(), signature: vec![1, 2] }],
        };
        let requests = [request("a", Some("too few")), request("a", None), request("b", None)];
        for request in &requests {
            ledger.record_signer_request(request).unwrap();
        }
        assert_eq!(ledger.signer_requests().unwrap(), requests);
        let checked =
            ledger.with(|state| Ok(state.store.read(Place::new(Kind::SignerRequest, 0, 2))?)).unwrap().unwrap();
        assert_eq!(check(&checked), Ok(()));
    }
}
