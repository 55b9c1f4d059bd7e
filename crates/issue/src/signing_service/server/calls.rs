//! What a connection asks, and what it is answered.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use tracing::info;

use crate::approval::Click;
use crate::input;
use crate::signer::Secret;
use crate::x509::Sha256Digest;

use super::super::SigningServiceError;
use super::super::message::{self, Answer, Call, FORMAT, Hello, RequestState, SecretText, SignerState, Unlocking};
use super::super::spool::{CoreFailure, Spool};
use super::super::wire::{DEADLINE, Received, Wire};
use super::Shared;
use super::queue::Admitted;

/// How long an unlocking call waits for the key.
const OPENING: Duration = Duration::from_secs(30);
/// Requests that may wait.
const MAX_QUEUED: u64 = 64;

/// Answers one call after the other, until the other side closes the connection or breaks a rule.
pub(super) fn serve(wire: &mut Wire, peer: u32, shared: &Shared) -> Result<(), SigningServiceError> {
    let hello = Hello { format: FORMAT.to_owned(), build: shared.host.tool.to_owned() };
    wire.send(&message::to_bytes(&hello), None)?;
    let Some(received) = wire.receive(DEADLINE)? else { return Ok(()) };
    let greeted = greet(&received);
    if let Err(error) = greeted {
        return refuse(wire, &error);
    }
    while let Some(received) = wire.receive(DEADLINE)? {
        match answer(received, peer, shared) {
            Ok((answer, file)) => wire.send(&message::to_bytes(&answer), file.as_ref().map(File::as_fd))?,
            Err(error @ (SigningServiceError::Message { .. } | SigningServiceError::Descriptors { .. })) => {
                // the other side does not speak this protocol: nothing more of it is read
                return refuse(wire, &error);
            }
            Err(error) => wire.send(&message::to_bytes(&refusal(&error)), None)?,
        }
        if shared.is_ending() {
            return Ok(());
        }
    }
    Ok(())
}

fn greet(received: &Received) -> Result<(), SigningServiceError> {
    let hello: Hello = message::parse(&received.message)?;
    if hello.format == FORMAT {
        Ok(())
    } else {
        Err(SigningServiceError::Format { found: hello.format, expected: FORMAT })
    }
}

fn refuse(wire: &mut Wire, error: &SigningServiceError) -> Result<(), SigningServiceError> {
    let text = error.to_string();
    wire.send(&message::to_bytes(&refusal(error)), None)?;
    Err(SigningServiceError::Message { what: text })
}

/// What the other side is told.
fn refusal(error: &SigningServiceError) -> Answer {
    let code = match error {
        SigningServiceError::Refused { code, text } => {
            return Answer::Refused { code: code.clone(), text: text.clone() };
        }
        SigningServiceError::Descriptors { .. } => "descriptors",
        SigningServiceError::Format { .. } => "format",
        SigningServiceError::Message { .. } => "message",
        SigningServiceError::NotAFile => "not-a-file",
        _ => "storage",
    };
    Answer::Refused { code: code.to_owned(), text: error.to_string() }
}

fn answer(
    Received { message, descriptors }: Received,
    peer: u32,
    shared: &Shared,
) -> Result<(Answer, Option<File>), SigningServiceError> {
    let call = message::parse_call(&message)?;
    let expected = usize::from(matches!(call, Call::Submit { .. }));
    if descriptors.len() != expected {
        return Err(SigningServiceError::Descriptors { found: descriptors.len(), expected });
    }
    let mut descriptors = descriptors;
    Ok(match call {
        Call::State {} => (Answer::State { state: state(shared) }, None),
        Call::Request { id } => (Answer::Request { state: known(shared, id)? }, None),
        Call::Fetch { id } => {
            let (answer, file) = fetch(shared, id)?;
            (answer, Some(file))
        }
        Call::Submit { approvals, click } => {
            let plan = descriptors.pop().expect("there is one, which was checked");
            (submit(shared, peer, plan, approvals, click)?, None)
        }
        Call::Unlock { secret } => (Answer::Unlocking { state: unlock(shared, peer, &secret)? }, None),
    })
}

fn state(shared: &Shared) -> SignerState {
    let (readiness, queued) = shared.queue.readiness();
    SignerState {
        readiness,
        build: shared.host.tool.to_owned(),
        issuer_sha256: shared.issuer_sha256,
        approvals: shared.mode,
        approvals_needed: shared.needed,
        free_bytes: shared.spool.free(),
        queued,
    }
}

fn known(shared: &Shared, id: Sha256Digest) -> Result<RequestState, SigningServiceError> {
    shared.queue.state(id).ok_or_else(|| refused("unknown-request", format!("there is no request {id}")))
}

fn fetch(shared: &Shared, id: Sha256Digest) -> Result<(Answer, File), SigningServiceError> {
    let RequestState::Signed { sha256 } = known(shared, id)? else {
        return Err(refused("not-signed", format!("request {id} is not signed")));
    };
    let path = shared.spool.signatures(id);
    let file = input::open(&path).map_err(|source| SigningServiceError::Io { doing: "read", path, source })?;
    Ok((Answer::Fetched { sha256 }, file))
}

/// Copies the plan, and puts it into the queue. Nothing of it is read here.
fn submit(
    shared: &Shared,
    peer: u32,
    plan: OwnedFd,
    approvals: Vec<String>,
    click: Option<Click>,
) -> Result<Answer, SigningServiceError> {
    if input::check_descriptor(&plan).is_err() {
        // closing a descriptor of the ledger would give up its locks
        std::mem::forget(plan);
        return Err(SigningServiceError::NotAFile);
    }
    if shared.queue.readiness().1 >= MAX_QUEUED {
        return Err(refused("busy", format!("{MAX_QUEUED} requests are waiting")));
    }
    let copied = shared.spool.copy(&File::from(plan))?;
    let id = copied.id;
    let admitted = shared.queue.admit(&shared.spool, &copied, peer, approvals, click);
    let state = match admitted {
        Ok(Admitted::Queued(state)) => {
            info!(peer, request = %id, "request queued");
            state
        }
        Ok(Admitted::Known(state)) => {
            Spool::forget(&copied);
            state
        }
        Err(CoreFailure(text)) => {
            Spool::forget(&copied);
            return Err(refused("storage", text));
        }
    };
    Ok(Answer::Submitted { id, state })
}

fn unlock(shared: &Shared, peer: u32, secret: &SecretText) -> Result<Unlocking, SigningServiceError> {
    if peer != 0 && peer != shared.user {
        return Err(refused("peer", format!("user {peer} may not open the key")));
    }
    let secret = Secret::new(secret.expose().as_bytes().to_vec(), "socket")
        .map_err(|error| refused("secret", error.to_string()))?;
    if !shared.queue.give_secret(secret) {
        return Err(refused("unlock", "the key needs no secret now".to_owned()));
    }
    info!(peer, "a secret was handed over");
    Ok(shared.queue.wait_for_key(OPENING))
}

fn refused(code: &str, text: String) -> SigningServiceError {
    SigningServiceError::Refused { code: code.to_owned(), text }
}
