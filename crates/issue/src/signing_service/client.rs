//! The side that has plans and no key.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::approval::Click;
use crate::crypto::{Sha256, sha256};
use crate::durable::{self, Access, DurableError};
use crate::input;
use crate::x509::Sha256Digest;

use super::SigningServiceError;
use super::message::{self, Answer, Call, FORMAT, Hello, RequestState, SecretText, SignerState, Unlocking};
use super::wire::{DEADLINE, Wire};

/// Speaks to a signing service. Each call is a connection of its own, so a service that was started again is found again.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    patience: Duration,
}

impl Client {
    /// Speaks to the service at this socket. Nothing is connected yet.
    pub const fn new(socket: PathBuf) -> Self {
        Self { socket, patience: DEADLINE }
    }

    /// Waits this long for each answer in place of the usual time. Calls that take long, such as `unlock`, keep their own.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How the service is.
    ///
    /// # Errors
    /// The service is not reached or does not answer.
    pub fn state(&self) -> Result<SignerState, SigningServiceError> {
        match self.call(&Call::State {}, None, self.patience)? {
            (Answer::State { state }, _) => Ok(state),
            (other, _) => Err(unexpected(&other, "state")),
        }
    }

    /// Hands a plan over: of certificates or of revocation lists. When this returns, the service has a copy on its disk, under
    /// the SHA-256 of the file that is returned; the caller's file is not needed by it any more. To submit the same plan again
    /// is the same request: further approvals are added, and a request that failed is tried again.
    ///
    /// # Errors
    /// The plan cannot be read, or the service is not reached, does not answer, or refuses the call.
    pub fn submit(
        &self,
        plan: &Path,
        approvals: &[String],
        click: Option<&Click>,
    ) -> Result<(Sha256Digest, RequestState), SigningServiceError> {
        let file = input::open(plan).map_err(|source| read_failed(plan, source))?;
        let call = Call::Submit { approvals: approvals.to_vec(), click: click.cloned() };
        match self.call(&call, Some(&file), COPYING)? {
            (Answer::Submitted { id, state }, _) => Ok((id, state)),
            (other, _) => Err(unexpected(&other, "submitted")),
        }
    }

    /// How far a request is.
    ///
    /// # Errors
    /// The service is not reached, does not answer, or does not know the request.
    pub fn request(&self, id: Sha256Digest) -> Result<RequestState, SigningServiceError> {
        match self.call(&Call::Request { id }, None, self.patience)? {
            (Answer::Request { state }, _) => Ok(state),
            (other, _) => Err(unexpected(&other, "request")),
        }
    }

    /// Writes the signatures of a request to a new file, which has its name only when it is whole and on disk. Returns the
    /// SHA-256 of the file. A file of that name with the same content is as good.
    ///
    /// # Errors
    /// The service is not reached, does not answer, or has not signed the request; or the file cannot be written.
    pub fn fetch(&self, id: Sha256Digest, out: &Path) -> Result<Sha256Digest, SigningServiceError> {
        let (answer, came) = self.call(&Call::Fetch { id }, None, self.patience)?;
        let Answer::Fetched { sha256: expected } = answer else { return Err(unexpected(&answer, "fetched")) };
        let [descriptor] = <[OwnedFd; 1]>::try_from(came)
            .map_err(|came| SigningServiceError::Descriptors { found: came.len(), expected: 1 })?;
        let mut from = File::from(descriptor);
        // each descriptor of an open file has the same place in it
        from.seek(SeekFrom::Start(0)).map_err(SigningServiceError::Wire)?;
        if input::read(out).is_ok_and(|there| sha256(&there) == expected) {
            return Ok(expected);
        }
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(PARTIAL);
        let partial = out.with_file_name(name);
        durable::remove_partial_file(&partial).map_err(|error| write_failed(out, error))?;
        let mut file = durable::create_new(&partial, Access::Public).map_err(|error| write_failed(out, error))?;
        let found = copy(&mut from, &mut file).map_err(|source| SigningServiceError::Io {
            doing: "write",
            path: partial.clone(),
            source,
        })?;
        if found != expected {
            let what = format!("the file of signatures has SHA-256 {found}, expected {expected}");
            return Err(SigningServiceError::Message { what });
        }
        durable::output::sync_file(&partial, &file).map_err(|error| write_failed(out, error))?;
        durable::output::publish(&partial, out).map_err(|error| write_failed(out, error))?;
        Ok(expected)
    }

    /// Hands the passphrase or PIN of the CA key over, and waits until the service has tried it.
    ///
    /// # Errors
    /// The service is not reached, does not answer, needs no secret, takes none from this user, or the secret does not open
    /// the key.
    pub fn unlock(&self, secret: SecretText) -> Result<(), SigningServiceError> {
        match self.call(&Call::Unlock { secret }, None, OPENING)? {
            (Answer::Unlocking { state: Unlocking::Open {} }, _) => Ok(()),
            (Answer::Unlocking { state: Unlocking::Failed { text } }, _) => Err(SigningServiceError::Unlock { text }),
            (Answer::Unlocking { state: Unlocking::Trying {} }, _) => {
                let text = "it is still being tried; the state of the service says how it ends".to_owned();
                Err(SigningServiceError::Unlock { text })
            }
            (other, _) => Err(unexpected(&other, "unlocking")),
        }
    }

    fn call(
        &self,
        call: &Call,
        file: Option<&File>,
        within: Duration,
    ) -> Result<(Answer, Vec<OwnedFd>), SigningServiceError> {
        let mut wire = Wire::connect(&self.socket).map_err(|source| SigningServiceError::Socket {
            doing: "connect to",
            path: self.socket.clone(),
            source,
        })?;
        let hello = Hello { format: FORMAT.to_owned(), build: BUILD.to_owned() };
        let sent = wire.send(&message::to_bytes(&hello), None);
        // a service that does not want this user says so before it closes the connection
        let greeting = match (wire.receive(self.patience), sent) {
            (Ok(Some(received)), _) => received.message,
            (_, Err(error)) | (Err(error), _) => return Err(error),
            (Ok(None), Ok(())) => return Err(closed()),
        };
        greet(&greeting)?;
        wire.send(&message::to_bytes(call), file.map(File::as_fd))?;
        let received = wire.receive(within)?.ok_or_else(closed)?;
        match message::parse(&received.message)? {
            Answer::Refused { code, text } => Err(SigningServiceError::Refused { code, text }),
            answer => Ok((answer, received.descriptors)),
        }
    }
}

/// Checks the first message of the service: a hello of this version, or why it takes no call.
fn greet(greeting: &[u8]) -> Result<(), SigningServiceError> {
    if let Ok(Answer::Refused { code, text }) = message::parse(greeting) {
        return Err(SigningServiceError::Refused { code, text });
    }
    let hello: Hello = message::parse(greeting)?;
    if hello.format == FORMAT {
        Ok(())
    } else {
        Err(SigningServiceError::Format { found: hello.format, expected: FORMAT })
    }
}

/// Copies a file to its end. Returns the SHA-256 of what was copied.
fn copy(from: &mut File, to: &mut File) -> std::io::Result<Sha256Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(hash.finish()),
            Ok(count) => {
                hash.update(&buffer[..count]);
                to.write_all(&buffer[..count])?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn unexpected(found: &Answer, expected: &'static str) -> SigningServiceError {
    SigningServiceError::Unexpected { found: found.name(), expected }
}

fn closed() -> SigningServiceError {
    SigningServiceError::Wire(ErrorKind::UnexpectedEof.into())
}

fn read_failed(path: &Path, source: std::io::Error) -> SigningServiceError {
    SigningServiceError::Io { doing: "read", path: path.to_owned(), source }
}

fn write_failed(out: &Path, error: DurableError) -> SigningServiceError {
    let source = match error {
        DurableError::Io { source, .. } => source,
        other => std::io::Error::other(other),
    };
    SigningServiceError::Io { doing: "write", path: out.to_owned(), source }
}

/// What the client calls itself.
const BUILD: &str = concat!("reroot-issue ", env!("CARGO_PKG_VERSION"));
/// Added to the name while the file is written.
const PARTIAL: &str = ".partial";
/// How long the service may copy a plan.
const COPYING: Duration = Duration::from_secs(600);
/// How long the service may try a secret.
const OPENING: Duration = Duration::from_secs(60);
