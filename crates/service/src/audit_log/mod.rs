//! The audit log: one thread writes it, another seals the files that are closed.
//!
//! Guarantees: an event is on disk when [`AuditLog::record`] returns. Requests that arrive at the same time share one flush.
//! Where the log cannot be written, nothing is done that would need an event.
//!
//! *Trusted*, as far as seals and noted heads do not reach: who can change the folder can cut off the end of the open file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reroot_core::journal::{Entry, Head};
use reroot_core::parallel;
use reroot_core::x509::Time;
use reroot_issue::audit_log::{Journal, JournalError};
use reroot_issue::error::Error;
use reroot_issue::seal::sign_closed_journal;

use crate::error::ServiceError;
use crate::problem::{AUDIT_FAILED, Problem};
use crate::world::World;

/// The log; cheap to clone.
#[derive(Clone, Debug)]
pub struct AuditLog {
    requests: Sender<Request>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    head: Mutex<Head>,
    failing: AtomicBool,
    seal_failing: AtomicBool,
}

#[derive(Debug)]
struct Request {
    entry: Entry,
    answer: SyncSender<Result<u64, String>>,
}

impl AuditLog {
    /// Opens the log in a folder and starts its threads, of which the one that writes is returned: it ends with the last clone,
    /// and with it the hold on the folder.
    ///
    /// # Errors
    /// The log cannot be opened, or there is no thread to spare.
    pub fn start(folder: &Path, configuration: PathBuf, world: &World) -> Result<(Self, JoinHandle<()>), ServiceError> {
        let journal = Journal::open(folder, world.now()).map_err(|error| ServiceError::from(Error::from(error)))?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            head: Mutex::new(journal.head()),
            failing: AtomicBool::new(false),
            seal_failing: AtomicBool::new(false),
        });
        let (requests, waiting) = channel();
        let (state, clock) = (Arc::clone(&shared), world.clone());
        let writer = parallel::start("audit log".to_owned(), move || write(journal, &waiting, &state, &clock));
        let (state, sealing) = (Arc::clone(&shared), world.clone());
        let sealer = parallel::start("audit seals".to_owned(), move || seal(&configuration, &state, &sealing));
        let writer = sealer.and(writer).map_err(|error| ServiceError::Runtime(std::io::Error::other(error)))?;
        Ok((Self { requests, shared }, writer))
    }

    /// Appends an event and waits until it is on disk. Returns its number.
    ///
    /// # Errors
    /// It is not on the log. The caller must not do what it is about.
    pub fn record(&self, entry: Entry) -> Result<u64, Problem> {
        let (answer, answered) = sync_channel(1);
        let sent = self.requests.send(Request { entry, answer });
        let answered = sent
            .map_err(|_| "its thread has ended".to_owned())
            .and_then(|()| answered.recv().unwrap_or_else(|_| Err("its thread has ended".to_owned())));
        answered.map_err(|reason| Problem::new(AUDIT_FAILED, reason))
    }

    /// The end of the log.
    pub fn head(&self) -> Head {
        *self.shared.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Whether the last event was written.
    pub fn works(&self) -> bool {
        !self.shared.failing.load(Ordering::Relaxed)
    }

    /// Whether closed files could be sealed when it was tried last.
    pub fn seals(&self) -> bool {
        !self.shared.seal_failing.load(Ordering::Relaxed)
    }
}

/// Writes what arrives, as much as there is in one flush.
fn write(mut journal: Journal, waiting: &Receiver<Request>, shared: &Shared, world: &World) {
    while let Ok(first) = waiting.recv() {
        let requests: Vec<Request> = std::iter::once(first).chain(waiting.try_iter().take(MOST_AT_ONCE - 1)).collect();
        let entries = requests.iter().map(|request| request.entry.clone()).collect();
        match journal.append(world.now(), entries) {
            Ok(number) => {
                note(&journal, shared, true);
                for (number, request) in (number..).zip(requests) {
                    let _ = request.answer.send(Ok(number));
                }
            }
            // one that is too long keeps no other from the log
            Err(JournalError::TooLong { .. }) => {
                for request in requests {
                    let written = journal.append(world.now(), vec![request.entry]);
                    note(
                        &journal,
                        shared,
                        !matches!(written, Err(JournalError::Durable(_) | JournalError::Lost { .. })),
                    );
                    let _ = request.answer.send(written.map_err(|error| error.to_string()));
                }
            }
            Err(error) => {
                note(&journal, shared, false);
                for request in requests {
                    let _ = request.answer.send(Err(error.to_string()));
                }
            }
        }
    }
}

fn note(journal: &Journal, shared: &Shared, works: bool) {
    *shared.head.lock().unwrap_or_else(PoisonError::into_inner) = journal.head();
    shared.failing.store(!works, Ordering::Relaxed);
}

/// Looks for closed files every minute. The manifest key is opened when there is one.
fn seal(configuration: &Path, shared: &Shared, world: &World) {
    // nothing is sent: the channel is a pause that a test or the end of the process need not sit out
    let (_keep, pause) = channel::<()>();
    let mut waited = SEAL_EVERY;
    while !world.cancel.load(Ordering::Relaxed) {
        if waited >= SEAL_EVERY {
            waited = Duration::ZERO;
            let sealed = seal_once(configuration, &shared.folder, world.now(), world);
            shared.seal_failing.store(sealed.is_err(), Ordering::Relaxed);
            if let Err(error) = sealed {
                tracing::warn!(error = %error, "audit log not sealed");
            }
        }
        match pause.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => waited += LOOK,
            _ => return,
        }
    }
}

fn seal_once(configuration: &Path, folder: &Path, now: Time, world: &World) -> Result<(), Error> {
    let mut files = reroot_core::journal::list(folder)?;
    files.pop();
    if files.iter().all(|file| file.seal().exists()) {
        return Ok(());
    }
    let config = world.config(configuration)?;
    let certificate = config.manifest_certificate()?;
    let signer = config.open_manifest_signer(&*world.secrets)?;
    for name in sign_closed_journal(folder, &certificate, &*signer, now)? {
        tracing::info!(file = name, "audit log sealed");
    }
    Ok(())
}

/// Events of one flush.
const MOST_AT_ONCE: usize = 256;
/// How often closed files are looked for.
const SEAL_EVERY: Duration = Duration::from_secs(60);
/// How often the wish to end is looked at.
const LOOK: Duration = Duration::from_millis(200);
