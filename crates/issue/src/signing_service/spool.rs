//! Requests on disk: a folder for each, under the SHA-256 of its plan's file.
//!
//! ```text
//! requests/.new-N/              a plan that is being copied; removed at the next start
//! requests/<sha256>/plan        gone once the request is answered
//! requests/<sha256>/request.json     approvals, click, peer, place in the queue
//! requests/<sha256>/signatures  the answer
//! requests/<sha256>/outcome.json     that it was signed, or why it was refused
//! ```
//!
//! Guarantees: a request has its name only when its plan is whole and on disk. A request without an outcome is done again
//! after a restart. What is here says nothing about what was signed: the ledger does.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::approval::Click;
use crate::crypto::{Sha256, sha256};
use crate::durable::{self, Access, DurableError};
use crate::error::{CoreError, Error};
use crate::input;
use crate::x509::Sha256Digest;

use super::SigningServiceError;
use super::message::{self, MAX_APPROVALS, RequestState};

/// Longest plan, in bytes: about ten million leaves.
pub(super) const MAX_PLAN: u64 = 16 << 30;
/// What stays free beside twice the plan.
const RESERVE: u64 = 64 << 20;
/// Answered requests that are kept. What is older can be submitted again: it comes out of the ledger.
const KEPT: usize = 200;

/// The folder of all requests.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    next: AtomicU64,
}

/// A request as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    format: String,
    /// Its place in the queue.
    pub(super) number: u64,
    /// Who handed it over last.
    pub(super) peer: u32,
    pub(super) approvals: Vec<String>,
    pub(super) click: Option<Click>,
}

/// A plan that was copied and has no name yet.
#[derive(Debug)]
pub(super) struct Copied {
    folder: PathBuf,
    pub(super) id: Sha256Digest,
}

/// What was found at a start.
pub(super) struct Found {
    pub(super) id: Sha256Digest,
    pub(super) number: u64,
    pub(super) state: RequestState,
}

impl Spool {
    /// Opens the folder, and removes what a killed service left of plans that it was copying.
    pub(super) fn open(directory: &Path) -> Result<(Self, Vec<Found>), Error> {
        let folder = directory.join("requests");
        if !folder.is_dir() {
            durable::create_directory(&folder, Access::Private)?;
        }
        let spool = Self { folder, next: AtomicU64::new(0) };
        let failed = |source| io("read", &spool.folder, source);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&spool.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(NEW) {
                durable::remove_partial(&path)?;
            } else if let Ok(id) = name.parse() {
                found.extend(spool.find(id)?);
            }
        }
        found.sort_by_key(|found| found.number);
        let next = found.last().map_or(0, |last| last.number + 1);
        spool.next.store(next, Ordering::Relaxed);
        Ok((spool, found))
    }

    fn find(&self, id: Sha256Digest) -> Result<Option<Found>, Error> {
        let stored = self.stored(id)?;
        let state = match input::read(&self.at(id, OUTCOME)) {
            Ok(content) => message::parse(&content)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => RequestState::Queued {},
            Err(source) => return Err(io("read", &self.at(id, OUTCOME), source).into()),
        };
        let there = match &state {
            RequestState::Signed { .. } => self.signatures(id).exists(),
            RequestState::Refused { .. } => true,
            _ => self.plan(id).exists(),
        };
        if there {
            return Ok(Some(Found { id, number: stored.number, state }));
        }
        // half removed by a service that was killed
        durable::remove_partial(&self.folder.join(id.to_string()))?;
        Ok(None)
    }

    /// Copies a plan from a descriptor. What the descriptor's owner changes in the file afterwards has no effect.
    pub(super) fn copy(&self, from: &File) -> Result<Copied, SigningServiceError> {
        let about = from.metadata().map_err(SigningServiceError::Wire)?;
        if !about.is_file() {
            return Err(SigningServiceError::NotAFile);
        }
        let length = about.len();
        let refused = |code: &str, text: String| SigningServiceError::Refused { code: code.to_owned(), text };
        if length > MAX_PLAN {
            let text = format!("the plan has {length} bytes, expected at most {MAX_PLAN}");
            return Err(refused("plan-too-long", text));
        }
        let free = self.free();
        if free < length * 2 + RESERVE {
            let text = format!("{free} bytes are free where requests are kept, and the plan has {length}");
            return Err(refused("storage", text));
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("{NEW}{number}"));
        let copied = copy_into(&folder, from, length);
        copied.map_err(|error| {
            let _ = durable::remove_partial(&folder);
            refused("storage", error)
        })
    }

    /// Gives a copied plan its name. Returns whether it is a new request.
    pub(super) fn keep(&self, copied: &Copied, request: &Stored) -> Result<bool, DurableError> {
        let place = self.folder.join(copied.id.to_string());
        if place.exists() {
            if !self.plan(copied.id).exists() {
                durable::publish(&copied.folder.join(PLAN), &self.plan(copied.id))?;
            }
            durable::remove_partial_file(&self.at(copied.id, OUTCOME))?;
            self.write(copied.id, request)?;
            durable::remove_partial(&copied.folder)?;
            return Ok(false);
        }
        durable::write_new(&copied.folder.join(REQUEST), Access::Private, &message::to_bytes(request))?;
        durable::publish(&copied.folder, &place)?;
        Ok(true)
    }

    /// Forgets a plan that was copied and is not needed.
    pub(super) fn forget(copied: &Copied) {
        let _ = durable::remove_partial(&copied.folder);
    }

    /// A request that is new.
    pub(super) fn new_request(&self, peer: u32, approvals: Vec<String>, click: Option<Click>) -> Stored {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Stored { format: FORMAT.to_owned(), number, peer, approvals, click }
    }

    /// Reads a request.
    pub(super) fn stored(&self, id: Sha256Digest) -> Result<Stored, SigningServiceError> {
        let path = self.at(id, REQUEST);
        let content = input::read(&path).map_err(|source| io("read", &path, source))?;
        message::parse(&content)
    }

    /// Writes the answer to a request for which nothing is signed.
    pub(super) fn write_answer(&self, id: Sha256Digest, text: &str) -> Result<(), DurableError> {
        durable::replace_note(&self.signatures(id), text.as_bytes())
    }

    /// Replaces what is kept of a request.
    pub(super) fn write(&self, id: Sha256Digest, request: &Stored) -> Result<(), DurableError> {
        durable::replace_note(&self.at(id, REQUEST), &message::to_bytes(request))
    }

    /// Keeps how a request ended. Its plan is not needed any more.
    pub(super) fn end(&self, id: Sha256Digest, state: &RequestState) -> Result<(), DurableError> {
        durable::replace_note(&self.at(id, OUTCOME), &message::to_bytes(state))?;
        durable::remove_partial_file(&self.plan(id))
    }

    /// Removes the oldest of those that were answered, beyond the number that is kept.
    pub(super) fn prune(&self, mut answered: Vec<(u64, Sha256Digest)>) -> Vec<Sha256Digest> {
        answered.sort_unstable();
        let surplus = answered.len().saturating_sub(KEPT);
        let old = answered.into_iter().take(surplus).map(|(_, id)| id);
        old.filter(|id| durable::remove_partial(&self.folder.join(id.to_string())).is_ok()).collect()
    }

    /// The plan of a request.
    pub(super) fn plan(&self, id: Sha256Digest) -> PathBuf {
        self.at(id, PLAN)
    }

    /// The signatures of a request.
    pub(super) fn signatures(&self, id: Sha256Digest) -> PathBuf {
        self.at(id, SIGNATURES)
    }

    /// Bytes that are free.
    pub(super) fn free(&self) -> u64 {
        durable::free_bytes(&self.folder).unwrap_or(0)
    }

    fn at(&self, id: Sha256Digest, name: &str) -> PathBuf {
        self.folder.join(id.to_string()).join(name)
    }
}

impl Stored {
    /// Adds what came with the same plan again. Returns whether anything is new, or None if there would be too many
    /// approvals.
    pub(super) fn add(&mut self, peer: u32, approvals: Vec<String>, click: Option<Click>) -> Option<bool> {
        let mut fresh = Vec::new();
        for approval in approvals {
            if !self.approvals.contains(&approval) && !fresh.contains(&approval) {
                fresh.push(approval);
            }
        }
        if self.approvals.len() + fresh.len() > MAX_APPROVALS {
            return None;
        }
        let clicked = click.is_some() && click != self.click;
        let changed = clicked || !fresh.is_empty();
        self.peer = peer;
        self.approvals.append(&mut fresh);
        if clicked {
            self.click = click;
        }
        Some(changed)
    }
}

fn copy_into(folder: &Path, from: &File, length: u64) -> Result<Copied, String> {
    let text = |error: DurableError| error.to_string();
    durable::create_directory(folder, Access::Private).map_err(text)?;
    let path = folder.join(PLAN);
    let file = durable::create_new(&path, Access::Private).map_err(text)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    // by position: the descriptor's owner can move the place that both have in the file
    while at < length {
        let count = from.read_at(&mut buffer, at).map_err(|error| format!("cannot read the plan: {error}"))?;
        if count == 0 {
            return Err("the plan became shorter while it was copied".to_owned());
        }
        let count = count.min(usize::try_from(length - at).unwrap_or(usize::MAX));
        let written = file.write_all_at(&buffer[..count], at);
        written.map_err(|error| format!("cannot keep the plan: {error}"))?;
        hash.update(&buffer[..count]);
        at += count as u64;
    }
    durable::sync_file(&path, &file).map_err(text)?;
    durable::sync_directory(folder).map_err(text)?;
    Ok(Copied { folder: folder.to_owned(), id: hash.finish() })
}

/// SHA-256 of a file of signatures.
pub(super) fn digest_of(path: &Path) -> Result<Sha256Digest, Error> {
    let content = input::read(path).map_err(|source| io("read", path, source))?;
    Ok(sha256(&content))
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> SigningServiceError {
    SigningServiceError::Io { doing, path: path.to_owned(), source }
}

impl From<SigningServiceError> for CoreFailure {
    fn from(error: SigningServiceError) -> Self {
        Self(error.to_string())
    }
}

/// Why something could not be kept, as text.
pub(super) struct CoreFailure(pub(super) String);

impl From<DurableError> for CoreFailure {
    fn from(error: DurableError) -> Self {
        Self(Error::Core(CoreError::from(error)).to_string())
    }
}

const FORMAT: &str = "reroot-request/1";
const NEW: &str = ".new-";
const PLAN: &str = "plan";
const REQUEST: &str = "request.json";
const SIGNATURES: &str = "signatures";
const OUTCOME: &str = "outcome.json";

#[cfg(test)]
mod tests {
    use super::*;

    fn spool() -> (tempfile::TempDir, Spool) {
        let folder = tempfile::tempdir().unwrap();
        let (spool, found) = Spool::open(folder.path()).unwrap();
        assert!(found.is_empty());
        (folder, spool)
    }

    fn plan(folder: &Path, content: &[u8]) -> File {
        let path = folder.join("a.plan");
        durable::remove_partial_file(&path).unwrap();
        durable::write_new(&path, Access::Public, content).unwrap();
        input::open(&path).unwrap()
    }

    #[test]
    fn what_is_not_answered_is_found_again_in_its_order() {
        let (folder, spool) = spool();
        let mut ids = Vec::new();
        for content in [&b"one"[..], b"two", b"three"] {
            let copied = spool.copy(&plan(folder.path(), content)).unwrap();
            assert_eq!(copied.id, sha256(content));
            assert!(spool.keep(&copied, &spool.new_request(7, vec!["a".to_owned()], None)).unwrap());
            ids.push(copied.id);
        }
        spool.end(ids[1], &RequestState::Refused { code: "x".to_owned(), text: "y".to_owned() }).unwrap();
        // a service that is killed while it copies leaves this
        spool.copy(&plan(folder.path(), b"half")).unwrap();
        drop(spool);
        let (spool, found) = Spool::open(folder.path()).unwrap();
        let states: Vec<_> = found.iter().map(|found| (found.id, found.state.is_final())).collect();
        assert_eq!(states, [(ids[0], false), (ids[1], true), (ids[2], false)]);
        assert_eq!(std::fs::read_dir(folder.path().join("requests")).unwrap().count(), 3);
        assert_eq!(spool.stored(ids[0]).unwrap().approvals, ["a"]);
        // the same plan is the same request, and its plan is there again
        let copied = spool.copy(&plan(folder.path(), b"two")).unwrap();
        assert!(!spool.keep(&copied, &spool.new_request(7, vec![], None)).unwrap());
        assert!(spool.plan(ids[1]).exists());
        assert_eq!(spool.prune(vec![(0, ids[0])]), []);
    }

    #[test]
    fn approvals_are_added_once() {
        let (_folder, spool) = spool();
        let mut request = spool.new_request(7, vec!["a".to_owned()], None);
        assert_eq!(request.add(8, vec!["a".to_owned()], None), Some(false));
        assert_eq!(request.add(8, vec!["b".to_owned(), "b".to_owned()], None), Some(true));
        assert_eq!((request.approvals.len(), request.peer), (2, 8));
        assert_eq!(request.add(8, (0..MAX_APPROVALS).map(|at| at.to_string()).collect(), None), None);
        assert_eq!(request.approvals.len(), 2);
    }

    #[test]
    fn only_regular_files_are_copied() {
        let (folder, spool) = spool();
        let directory = input::open(folder.path()).unwrap();
        assert!(matches!(spool.copy(&directory), Err(SigningServiceError::NotAFile)));
        let device = input::open(Path::new("/dev/zero")).unwrap();
        assert!(matches!(spool.copy(&device), Err(SigningServiceError::NotAFile)));
        assert_eq!(std::fs::read_dir(folder.path().join("requests")).unwrap().count(), 0);
    }
}
