//! What the holder of a CA key was asked to sign, who approved it, and what became of it.

use crate::x509::{Sha256Digest, Time};

use super::LedgerError;
use super::codec::{Malformed, Reader, Writer};
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
    /// What is recorded beside it where the request came over the socket of the signing service.
    pub service: Option<ServiceRequest>,
}

/// A request that came over the socket of the signing service. It has at least two records: that it was decided, and how it
/// ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRequest {
    /// SHA-256 of the plan's file.
    pub file: Sha256Digest,
    /// The user at the other end of the socket.
    pub peer: u32,
    /// The click that was told, whether it was accepted or not.
    pub click: Option<RecordedClick>,
    /// What this record says.
    pub outcome: ServiceOutcome,
}

/// A click in a console, as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedClick {
    /// Who clicked.
    pub person: String,
    /// Who asked.
    pub requester: String,
    /// When.
    pub at: Time,
}

/// How far a request was when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceOutcome {
    /// It was accepted, and the key is used from here on; or it was refused.
    Decided,
    /// The environment failed.
    Failed(String),
    /// It was signed: SHA-256 of the file of signatures.
    Signed(Sha256Digest),
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
            if let Some(service) = &request.service {
                write_service(&mut body, service);
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

/// The second form of the record begins where the first one ends.
fn write_service(body: &mut Writer, service: &ServiceRequest) {
    body.u8(SERVICE);
    body.digest(&service.file);
    body.u32(service.peer);
    body.optional(service.click.as_ref(), |body, click| {
        body.text(&click.person);
        body.text(&click.requester);
        body.i64(click.at.unix());
    });
    match &service.outcome {
        ServiceOutcome::Decided => body.u8(0),
        ServiceOutcome::Failed(text) => {
            body.u8(1);
            body.text(text);
        }
        ServiceOutcome::Signed(sha256) => {
            body.u8(2);
            body.digest(sha256);
        }
    }
}

fn read_service(reader: &mut Reader<'_>) -> Result<Option<ServiceRequest>, Malformed> {
    if reader.is_empty() {
        return Ok(None);
    }
    if reader.u8()? != SERVICE {
        return Err(Malformed);
    }
    let (file, peer) = (reader.digest()?, reader.u32()?);
    let click = reader.optional(|reader| {
        Ok(RecordedClick {
            person: reader.text()?.to_owned(),
            requester: reader.text()?.to_owned(),
            at: read_time(reader)?,
        })
    })?;
    let outcome = match reader.u8()? {
        0 => ServiceOutcome::Decided,
        1 => ServiceOutcome::Failed(reader.text()?.to_owned()),
        2 => ServiceOutcome::Signed(reader.digest()?),
        _ => return Err(Malformed),
    };
    Ok(Some(ServiceRequest { file, peer, click, outcome }))
}

/// Begins what a request over the socket has beside the others.
const SERVICE: u8 = 1;

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
            service: read_service(reader)?,
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
            service: None,
        };
        let over_socket = |click: Option<RecordedClick>, outcome: ServiceOutcome| SignerRequest {
            service: Some(ServiceRequest { file: Sha256Digest::new([9; 32]), peer: 1001, click, outcome }),
            ..request("b", None)
        };
        let at = Time::from_unix(1_800_000_001).unwrap();
        let click = RecordedClick { person: "bert".to_owned(), requester: "anna".to_owned(), at };
        let requests = [
            request("a", Some("too few")),
            request("a", None),
            request("b", None),
            over_socket(None, ServiceOutcome::Decided),
            over_socket(Some(click), ServiceOutcome::Failed("disk".to_owned())),
            over_socket(None, ServiceOutcome::Signed(Sha256Digest::new([8; 32]))),
        ];
        for request in &requests {
            ledger.record_signer_request(request).unwrap();
        }
        assert_eq!(ledger.signer_requests().unwrap(), requests);
        let checked =
            ledger.with(|state| Ok(state.store.read(Place::new(Kind::SignerRequest, 0, 2))?)).unwrap().unwrap();
        assert_eq!(check(&checked), Ok(()));
    }
}
