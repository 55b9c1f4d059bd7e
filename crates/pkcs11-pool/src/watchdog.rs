//! Calls into a token's library that may never return.
//!
//! Such a call cannot be ended, only waited for. Each one is therefore made on a thread of its own kind (a worker, or
//! the helper of [`guarded`]), which notes what it calls and since when. The waiting thread checks the note, and when
//! the call is overdue gives that thread up. A thread that was given up keeps everything it may still touch alive (its
//! session, its module) and delivers nothing any more.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::parallel;

/// What a thread is doing inside a token's library.
#[derive(Debug, Default)]
pub(crate) struct Activity(Mutex<Note>);

#[derive(Debug, Default)]
struct Note {
    call: Option<(&'static str, Instant)>,
    given_up: bool,
}

/// A call that did not return in time, or was not made because no thread could be started for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// The PKCS#11 function that did not return.
    Call(&'static str),
    /// Why there was no thread for it.
    NoThread(String),
}

impl Activity {
    /// Makes this the note of the calling thread.
    pub(crate) fn attach(self: &Arc<Self>) {
        CURRENT.with(|current| *current.borrow_mut() = Some(Arc::clone(self)));
    }

    /// Gives the thread up if its present call has taken longer than `limit`.
    pub(crate) fn give_up_after(&self, limit: Duration) -> Option<Overdue> {
        let mut note = self.note();
        match note.call {
            Some((function, since)) if since.elapsed() > limit && !note.given_up => {
                note.given_up = true;
                GIVEN_UP.fetch_add(1, Ordering::Relaxed);
                Some(Overdue::Call(function))
            }
            _ => None,
        }
    }

    /// Returns whether the waiting thread has given this one up.
    pub(crate) fn is_given_up(&self) -> bool {
        self.note().given_up
    }

    fn note(&self) -> std::sync::MutexGuard<'_, Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Activity>>> = const { RefCell::new(None) };
}

/// Threads given up that have not come back.
static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);

/// How many calls into token libraries were given up and are still hanging.
///
/// With one or more of them, the process should end without running the libraries' own destructors, which may wait for
/// the hanging call: see `docs/guide/hsm.md`, "When a call hangs".
pub fn hanging_calls() -> usize {
    GIVEN_UP.load(Ordering::Relaxed)
}

/// Makes one call of the PKCS#11 function `function`, and notes it for the thread that watches this one.
pub(crate) fn call<T>(function: &'static str, f: impl FnOnce() -> T) -> T {
    let activity = CURRENT.with(|current| current.borrow().clone());
    let Some(activity) = activity else { return f() };
    // calls nest where closing one thing closes another: the outer name stays
    let outer = {
        let mut note = activity.note();
        let outer = note.call;
        note.call = outer.or_else(|| Some((function, Instant::now())));
        outer
    };
    let value = f();
    let mut note = activity.note();
    note.call = outer;
    if outer.is_none() && std::mem::take(&mut note.given_up) {
        // it did return: no longer hanging, but no thread waits for the value
        GIVEN_UP.fetch_sub(1, Ordering::Relaxed);
        note.given_up = true;
    }
    value
}

/// Runs `f` on a helper thread; no single call it makes may take longer than `limit`.
///
/// # Errors
/// A call is overdue: the helper goes on alone and its result is dropped. Or there is no thread for the helper: `f` was
/// not run.
pub(crate) fn guarded<T: Send + 'static>(
    limit: Duration,
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Overdue> {
    let activity = Arc::new(Activity::default());
    let (sender, receiver) = mpsc::sync_channel(1);
    let helper = {
        let activity = Arc::clone(&activity);
        parallel::start("pkcs11-helper".to_owned(), move || {
            activity.attach();
            let _ = sender.send(f());
        })
    };
    let helper = helper.map_err(|error| Overdue::NoThread(error.to_string()))?;
    loop {
        match receiver.recv_timeout(tick(limit)) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(overdue) = activity.give_up_after(limit) {
                    return Err(overdue);
                }
            }
            Err(RecvTimeoutError::Disconnected) => match helper.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => unreachable!("the helper sends before it ends"),
            },
        }
    }
}

/// Holds what closes sessions or finalises a library when it goes: it goes on a helper thread, since that may hang too.
pub(crate) struct Held<T: Send + 'static> {
    value: Option<T>,
    limit: Duration,
}

impl<T: Send + 'static> Held<T> {
    /// Lets `value` go with calls of at most `limit`.
    pub(crate) fn new(value: T, limit: Duration) -> Self {
        Self { value: Some(value), limit }
    }

    /// Returns the value. The caller then decides how it is dropped.
    pub(crate) fn into_inner(mut self) -> T {
        self.value.take().expect("taken here and when dropped only")
    }
}

impl<T: Send + 'static> std::ops::Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("taken when dropped only")
    }
}

impl<T: Send + 'static> std::ops::DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("taken when dropped only")
    }
}

impl<T: Send + 'static> Drop for Held<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            // no caller is left that could receive the error
            let _ = guarded(self.limit, move || drop(value));
        }
    }
}

/// How often to look whether a call is overdue.
pub(crate) fn tick(limit: Duration) -> Duration {
    (limit / 8).clamp(Duration::from_millis(2), Duration::from_millis(500))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_returns_in_time_delivers() {
        assert_eq!(guarded(Duration::from_secs(5), || call("C_Sign", || 7)), Ok(7));
    }

    #[test]
    fn a_hanging_call_is_given_up_by_name_and_delivers_nothing() {
        let (sender, receiver) = mpsc::channel::<()>();
        let before = hanging_calls();
        let waited = guarded(Duration::from_millis(20), move || call("C_Sign", move || receiver.recv().is_ok()));
        assert_eq!(waited, Err(Overdue::Call("C_Sign")));
        assert!(hanging_calls() > before);
        drop(sender);
    }

    #[test]
    fn time_between_calls_is_not_counted() {
        let slow = || {
            for _ in 0..4 {
                call("C_Login", || ());
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        assert_eq!(guarded(Duration::from_millis(150), slow), Ok(()));
    }
}
