//! The side that has the key: it listens, keeps requests, and has one thread that signs.
//!
//! A connection has a thread of its own, which never signs: a call reads, or adds to the queue. The ledger has one writer, so
//! one thread signs, one plan after the other.

mod calls;
mod queue;
mod verdict;
mod worker;

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{info, warn};

use crate::approval::ApprovalMode;
use crate::config::Config;
use crate::crypto::sha256;
use crate::durable;
use crate::error::Error;
use crate::ownership::{Ownership, Role};
use crate::parallel;
use crate::x509::Sha256Digest;

use super::SigningServiceError;
use super::message::{self, Answer};
use super::spool::Spool;
use super::wire::Wire;
use queue::Queue;
use worker::Worker;

/// Most connections at once.
const MAX_CONNECTIONS: usize = 64;
/// How long the service may take to see that it is to end.
const PAUSE: Duration = Duration::from_millis(200);

/// What the service takes from its front door.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds callbacks")]
pub struct Host {
    /// Returns the time since 1970.
    pub clock: fn() -> Duration,
    /// Fills a buffer from the system's random generator.
    pub random: fn(&mut [u8]),
    /// The value of an environment variable.
    pub env: fn(&str) -> Option<OsString>,
    /// Ends the service at the next border between chunks.
    pub cancel: Arc<AtomicBool>,
    /// Name and version of the program.
    pub tool: &'static str,
}

/// A signing service that listens.
#[expect(missing_debug_implementations, reason = "holds callbacks")]
pub struct Service {
    listener: UnixListener,
    shared: Arc<Shared>,
    worker: Worker,
    /// While it is open, no other service uses the directory.
    _held: File,
}

/// What all threads of the service have.
struct Shared {
    config: Config,
    host: Host,
    spool: Spool,
    queue: Queue,
    /// Users that may connect.
    peers: Vec<u32>,
    /// The service's own user.
    user: u32,
    issuer_sha256: Sha256Digest,
    mode: ApprovalMode,
    needed: u32,
    connections: AtomicUsize,
}

impl Service {
    /// Checks the configuration, opens ledger and requests, and listens. The key is opened by [`run`](Self::run).
    ///
    /// # Errors
    /// The configuration has no `[signer]` or `[signing]`, demands no approval, or could have been written by others where it
    /// takes clicks; a file of it cannot be read; the ledger cannot be opened; or another service uses socket or directory.
    pub fn open(config: Config, host: Host, new_ledger: bool) -> Result<Self, Error> {
        let section = config.signer_section().ok_or(SigningServiceError::NoSection)?.clone();
        let signing = config.signing()?;
        if signing.approvals == 0 {
            return Err(SigningServiceError::NoApprovals.into());
        }
        let ownership = Ownership::of_this_process();
        if signing.mode == ApprovalMode::Console
            && let Err(shared) = ownership.check(config.file(), Role::Trusted)
        {
            return Err(SigningServiceError::Console { what: shared.to_string() }.into());
        }
        let mut peers = vec![0, ownership.user()];
        for name in section.peers() {
            let user = ownership.user_id(name);
            peers.push(user.ok_or_else(|| SigningServiceError::UnknownPeer { name: name.clone() })?);
        }
        let issuer = config.issuer_identity()?;
        // before the ledger: a service that waits for the directory does not open the ledger meanwhile
        let held = durable::hold(section.directory())?;
        let held = held.ok_or_else(|| SigningServiceError::Running { path: section.directory().to_owned() })?;
        // a ledger that cannot be opened is found now, and closed again: between two requests other commands can have it
        let ledger =
            if new_ledger { config.open_or_create_ledger(issuer.spki()) } else { config.open_ledger(issuer.spki()) };
        drop(ledger?);
        let (spool, found) = Spool::open(section.directory())?;
        let shared = Arc::new(Shared {
            queue: Queue::new(found),
            spool,
            peers,
            user: ownership.user(),
            issuer_sha256: sha256(issuer.certificate().der()),
            mode: signing.mode,
            needed: u32::try_from(signing.approvals).unwrap_or(u32::MAX),
            connections: AtomicUsize::new(0),
            config,
            host,
        });
        let listener = listen(section.socket())?;
        let worker = Worker::new(Arc::clone(&shared));
        Ok(Self { listener, shared, worker, _held: held })
    }

    /// Serves until it is cancelled: then what is being signed ends at the border of a chunk, and goes on at the next start.
    ///
    /// # Errors
    /// The system gives no thread, or the socket fails.
    pub fn run(self) -> Result<(), Error> {
        let Self { listener, shared, worker, _held } = self;
        let socket = shared.config.signer_section().map(|section| section.socket().to_owned()).unwrap_or_default();
        let failed = |source| SigningServiceError::Socket { doing: "listen on", path: socket.clone(), source };
        let signing = parallel::start("signing".to_owned(), move || worker.run());
        let signing = signing.map_err(|error| failed(std::io::Error::other(error)))?;
        info!(socket = %crate::text::Printable::new(&socket), "signing service started");
        let mut result = Ok(());
        while !shared.is_ending() && !signing.is_finished() {
            match accept(&listener) {
                Ok(Some(stream)) => greet(stream, &shared),
                Ok(None) => {}
                Err(source) => {
                    result = Err(failed(source).into());
                    break;
                }
            }
        }
        drop(listener);
        let _ = durable::remove_partial_file(&socket);
        shared.queue.end();
        if let Err(panic) = signing.join() {
            std::panic::resume_unwind(panic);
        }
        info!("signing service ended");
        result
    }
}

impl Shared {
    fn is_ending(&self) -> bool {
        self.host.cancel.load(Ordering::Relaxed)
    }
}

/// Takes the place of a socket that no process listens on: the directory is held, so it is a killed service's.
fn listen(path: &Path) -> Result<UnixListener, SigningServiceError> {
    let failed = |doing| move |source| SigningServiceError::Socket { doing, path: path.to_owned(), source };
    if let Ok(about) = path.symlink_metadata() {
        if !about.file_type().is_socket() {
            return Err(SigningServiceError::SocketTaken { path: path.to_owned() });
        }
        if UnixStream::connect(path).is_ok() {
            return Err(SigningServiceError::Running { path: path.to_owned() });
        }
        durable::remove_partial_file(path).map_err(|error| failed("remove")(std::io::Error::other(error)))?;
    }
    let listener = UnixListener::bind(path).map_err(failed("make"))?;
    // who may connect is decided by the user at the other end, and before that by the folder
    durable::set_mode(path, 0o666).map_err(|error| failed("open")(std::io::Error::other(error)))?;
    listener.set_nonblocking(true).map_err(failed("make"))?;
    Ok(listener)
}

/// The next connection, or none for a moment.
fn accept(listener: &UnixListener) -> std::io::Result<Option<UnixStream>> {
    let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(PAUSE.subsec_nanos()) };
    match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&pause)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(false)?;
            Ok(Some(stream))
        }
        Err(error) => {
            use std::io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
            // a client that is gone, or no descriptor for the moment: those that are there go on
            let transient = [ConnectionAborted, Interrupted, WouldBlock].contains(&error.kind())
                || matches!(
                    rustix::io::Errno::from_io_error(&error),
                    Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
                );
            if transient { Ok(None) } else { Err(error) }
        }
    }
}

/// Looks at who connects, and gives the connection a thread.
fn greet(stream: UnixStream, shared: &Arc<Shared>) {
    let mut wire = Wire::new(stream);
    let peer = match wire.peer() {
        Ok(peer) if shared.peers.contains(&peer) => peer,
        Ok(peer) => {
            warn!(peer, "a user that may not connect was refused");
            refuse(&mut wire, "peer", format!("user {peer} may not connect"));
            return;
        }
        Err(_) => return,
    };
    if shared.connections.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
        shared.connections.fetch_sub(1, Ordering::Relaxed);
        refuse(&mut wire, "busy", format!("there are {MAX_CONNECTIONS} connections already"));
        return;
    }
    let connection = Connection(Arc::clone(shared));
    let started = parallel::start("connection".to_owned(), move || {
        let Connection(shared) = &connection;
        if let Err(error) = calls::serve(&mut wire, peer, shared) {
            warn!(peer, %error, "a connection was closed");
        }
    });
    if let Err(error) = started {
        // dropped with the closure, the connection is closed and no longer counted
        warn!(peer, %error, "a connection was closed");
    }
}

fn refuse(wire: &mut Wire, code: &str, text: String) {
    let _ = wire.send(&message::to_bytes(&Answer::Refused { code: code.to_owned(), text }), None);
}

/// A connection that counts.
struct Connection(Arc<Shared>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
