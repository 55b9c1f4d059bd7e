//! A Unix socket with a deadline, over which file descriptors can come and go (SCM_RIGHTS, unix(7)).

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recvmsg, sendmsg, socket_with,
};

use zeroize::Zeroizing;

use super::SigningServiceError;
use super::frame::{self, failed};

/// How long one message may take, from its first byte to its last, in either direction.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// A message, and the descriptors that came with it.
pub(super) struct Received {
    pub(super) message: Zeroizing<Vec<u8>>,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// One end of a connection.
pub(super) struct Wire {
    stream: UnixStream,
    /// Until when the message that is under way must be whole.
    until: Instant,
    /// Descriptors that came with it.
    came: Vec<OwnedFd>,
}

impl Wire {
    /// Takes a connection.
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, until: Instant::now(), came: vec![] }
    }

    /// Connects to a socket. A service that takes no connections is not waited for longer than the deadline.
    pub(super) fn connect(path: &Path) -> std::io::Result<Self> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Send, Some(DEADLINE))?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self::new(socket.into()))
    }

    /// The user at the other end, as the kernel knows it.
    pub(super) fn peer(&self) -> std::io::Result<u32> {
        Ok(socket_peercred(&self.stream)?.uid.as_raw())
    }

    /// Receives one message, and the descriptors that came with it. `None`: the other side has closed the connection.
    pub(super) fn receive(&mut self, within: Duration) -> Result<Option<Received>, SigningServiceError> {
        self.until = Instant::now() + within;
        self.came.clear();
        let message = frame::read(self)?;
        Ok(message.map(|message| Received { message, descriptors: std::mem::take(&mut self.came) }))
    }

    /// Sends one message, with a descriptor.
    pub(super) fn send(
        &mut self,
        message: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<(), SigningServiceError> {
        self.until = Instant::now() + DEADLINE;
        let framed = frame::frame(message)?;
        let mut rest = &framed[..];
        let mut descriptor = descriptor;
        while !rest.is_empty() {
            let left = self.left().map_err(failed)?;
            set_socket_timeout(&self.stream, Timeout::Send, Some(left)).map_err(|error| failed(error.into()))?;
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let descriptors = descriptor.map(|descriptor| [descriptor]);
            if let Some(descriptors) = &descriptors {
                control.push(SendAncillaryMessage::ScmRights(descriptors));
            }
            match sendmsg(&self.stream, &[IoSlice::new(rest)], &mut control, SendFlags::NOSIGNAL) {
                Ok(count) => {
                    // a descriptor goes with the first byte
                    descriptor = None;
                    rest = &rest[count..];
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
        Ok(())
    }

    fn left(&self) -> std::io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        // a timeout of 0 would wait without end
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        set_socket_timeout(&self.stream, Timeout::Recv, Some(self.left()?))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(&self.stream, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.came.extend(descriptors);
            }
        }
        if self.came.len() > MAX_DESCRIPTORS || received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(std::io::Error::new(ErrorKind::InvalidData, "too many file descriptors came with a message"));
        }
        Ok(received.bytes)
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Most descriptors of one message. A call has one; a second one is seen, and the call refused.
const MAX_DESCRIPTORS: usize = 2;
