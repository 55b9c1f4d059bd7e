//! PKCS#11 libraries: loaded and initialised once per process, finalised when the last user is gone.
//!
//! The issuing key and the manifest key may be in one module, so modules are shared through a table. Sessions live in
//! [`PooledSession`]s that the module knows, so that it can close them all and start afresh when the way to a token was
//! lost: some libraries never find back without C_Finalize and C_Initialize.

use crate::text::Printable;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::slot::Slot;

use crate::c_sign::SignFunctions;
use crate::error::Pkcs11Error;
use crate::fault::Fault;
use crate::watchdog::call;

/// A library between C_Initialize and C_Finalize.
pub(crate) struct Module {
    path: PathBuf,
    pkcs11: Pkcs11,
    /// `None`: cryptoki signs, with one call more.
    signing: Option<SignFunctions>,
    /// Whether this program called C_Initialize; what others have initialised is theirs to finalise.
    ours: bool,
    seats: Mutex<Vec<Weak<PooledSession>>>,
    /// Read while a session is opened, written while the library starts afresh.
    gate: RwLock<()>,
    generation: AtomicU64,
}

/// The modules in use. Held while one is initialised or finalised.
static LOADED: Mutex<Vec<(PathBuf, Weak<Module>)>> = Mutex::new(Vec::new());

impl Module {
    /// Loads and initialises the library at `path`, or returns the module that an earlier caller loaded.
    pub(crate) fn load(path: &Path) -> Result<Arc<Self>, Fault> {
        if !path.is_absolute() {
            // the loader would look for a bare name in folders that the environment names
            let reason = "its path is not absolute".to_owned();
            return Err(Pkcs11Error::Load { path: path.to_owned(), reason }.into());
        }
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        call("C_Initialize", || {
            loop {
                let mut loaded = locked(&LOADED);
                match loaded.iter().find(|(known, _)| *known == path).map(|(_, module)| module.upgrade()) {
                    Some(Some(module)) => return Ok(module),
                    // its last user is about to finalise it, and needs the table for that
                    Some(None) => {
                        drop(loaded);
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    None => {
                        let module = Arc::new(Self::start(path.clone())?);
                        loaded.push((path, Arc::downgrade(&module)));
                        return Ok(module);
                    }
                }
            }
        })
    }

    fn start(path: PathBuf) -> Result<Self, Fault> {
        let pkcs11 = match Pkcs11::new(&path) {
            Ok(pkcs11) => pkcs11,
            Err(Error::LibraryLoading(reason)) => {
                let reason = Printable::new(&reason.to_string()).to_string();
                return Err(Pkcs11Error::Load { path, reason }.into());
            }
            Err(Error::MissingSymbol(name)) => {
                let reason = format!("it has no {name}: not a PKCS#11 module");
                return Err(Pkcs11Error::Load { path, reason }.into());
            }
            Err(other) => return Err(other.into()),
        };
        // Unloading is left to the end of the process: libraries with threads of their own do not survive dlclose.
        std::mem::forget(pkcs11.clone());
        let ours = match pkcs11.initialize(arguments()) {
            Ok(()) => true,
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => false,
            Err(other) => return Err(other.into()),
        };
        let signing = SignFunctions::find(&path);
        let (seats, gate, generation) = (Mutex::default(), RwLock::default(), AtomicU64::new(0));
        Ok(Self { path, pkcs11, signing, ours, seats, gate, generation })
    }

    /// The library's functions.
    pub(crate) fn pkcs11(&self) -> &Pkcs11 {
        &self.pkcs11
    }

    /// Makes one signature in a session of this module.
    pub(crate) fn sign(
        &self,
        session: &Session,
        mechanism: &Mechanism<'_>,
        key: ObjectHandle,
        input: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let signature = call("C_Sign", || match &self.signing {
            Some(functions) => functions.sign(session, mechanism, key, input, LONGEST_SIGNATURE),
            None => session.sign(mechanism, key, input),
        });
        Ok(signature?)
    }

    /// Where it was loaded from.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Counts how often the library was started afresh or a login may have been lost: object handles of another
    /// generation mean nothing.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Closes the sessions of a slot that are not in use at this moment. Whether there were any.
    fn close_idle(&self, slot: Slot) -> bool {
        let seats: Vec<Arc<PooledSession>> = locked(&self.seats).iter().filter_map(Weak::upgrade).collect();
        let mut closed = false;
        for seat in seats.iter().filter(|seat| seat.slot == slot) {
            if let Ok(mut session) = seat.session.try_lock()
                && let Some(session) = session.take()
            {
                call("C_CloseSession", || drop(session));
                closed = true;
            }
        }
        if closed {
            // with the last session the login ends: everybody looks again
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        closed
    }

    /// Closes every session, finalises the library and initialises it again. Does nothing, and says so, while any
    /// session is in use: then the library is evidently not dead.
    pub(crate) fn restart(&self) -> Result<bool, Fault> {
        if !self.ours {
            return Ok(false);
        }
        let Ok(_gate) = self.gate.try_write() else { return Ok(false) };
        let seats: Vec<Arc<PooledSession>> = locked(&self.seats).iter().filter_map(Weak::upgrade).collect();
        let mut sessions = Vec::with_capacity(seats.len());
        for seat in &seats {
            let Ok(session) = seat.session.try_lock() else { return Ok(false) };
            sessions.push(session);
        }
        for session in &mut sessions {
            call("C_CloseSession", || drop(session.take()));
        }
        // a dead library may fail to finalise; what counts is whether it initialises
        let _ = call("C_Finalize", || self.pkcs11.clone().finalize());
        self.generation.fetch_add(1, Ordering::AcqRel);
        match call("C_Initialize", || self.pkcs11.initialize(arguments())) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(true),
            Err(other) => Err(Fault::from(other)),
        }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let mut loaded = locked(&LOADED);
        if self.ours {
            // no caller is left that could act on a failure
            let _ = call("C_Finalize", || self.pkcs11.clone().finalize());
        }
        loaded.retain(|(path, module)| *path != self.path || module.strong_count() > 0);
    }
}

/// A place for one session at one token, used by one thread at a time.
pub(crate) struct PooledSession {
    session: Mutex<Option<Session>>,
    module: Arc<Module>,
    slot: Slot,
    first: bool,
}

impl PooledSession {
    /// A place without a session yet. The `first` one of a key gets a session even if others of this program must lose
    /// theirs: so two keys in a token that allows one session both sign.
    pub(crate) fn new(module: &Arc<Module>, slot: Slot, first: bool) -> Arc<Self> {
        let seat = Arc::new(Self { session: Mutex::default(), module: Arc::clone(module), slot, first });
        let mut seats = locked(&module.seats);
        seats.retain(|seat| seat.strong_count() > 0);
        seats.push(Arc::downgrade(&seat));
        seat
    }

    /// The session, held until the guard is dropped.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        locked(&self.session)
    }

    /// Opens a session if there is none. `write` asks for one that may make token objects.
    pub(crate) fn open<'a>(&self, session: &'a mut Option<Session>, write: bool) -> Result<&'a Session, Fault> {
        if session.is_none() {
            let open = || {
                call("C_OpenSession", || {
                    let _gate = self.module.gate.read().unwrap_or_else(PoisonError::into_inner);
                    let pkcs11 = self.module.pkcs11();
                    if write { pkcs11.open_rw_session(self.slot) } else { pkcs11.open_ro_session(self.slot) }
                })
            };
            let opened = match open() {
                Err(Error::Pkcs11(RvError::SessionCount, _)) if self.first && self.module.close_idle(self.slot) => {
                    open()
                }
                other => other,
            };
            *session = Some(opened?);
        }
        Ok(session.as_ref().expect("opened above"))
    }

    /// Closes the session. An error of the token is ignored.
    pub(crate) fn close(&self) {
        let session = self.lock().take();
        call("C_CloseSession", || drop(session));
    }
}

impl Drop for PooledSession {
    fn drop(&mut self) {
        self.close();
    }
}

/// That of RSA with 4096 bits; a longer one costs a further call.
const LONGEST_SIGNATURE: usize = 512;

fn arguments() -> CInitializeArgs {
    CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
