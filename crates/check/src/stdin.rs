//! Standard input that a signal can end: a read that waits for a silent pipe would otherwise wait on.

use std::fs::File;
use std::io::{Error, Read, Result};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Reads standard input until it ends or `cancel` is set.
pub struct Stdin {
    /// Set by Ctrl-C and SIGTERM.
    pub cancel: Arc<AtomicBool>,
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        // closing the duplicate below gives up the locks on its file, as closing any descriptor does
        reroot_core::input::check_descriptor(std::io::stdin())?;
        let mut file = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        while !self.cancel.load(Ordering::Relaxed) {
            let mut input = [PollFd::new(&file, PollFlags::IN)];
            match poll(&mut input, Some(&LOOK_AGAIN)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return file.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::other("interrupted"))
    }
}

/// A signal may come between the look at `cancel` and the wait.
const LOOK_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
