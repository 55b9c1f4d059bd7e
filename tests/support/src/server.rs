//! Servers that a test starts on 127.0.0.1. A server stops when it is dropped, also when the test fails.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reroot_core::durable::{Access, create_new};

/// Longest wait for a server to answer, or for a line in its log.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A running server. It is killed when this is dropped.
pub struct Server {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Server {
    /// Starts a server and waits until it accepts connections. `command` gets a port that was free just before;
    /// if a different process took it meanwhile, `command` gets a new one.
    pub fn start(folder: &Path, name: &str, command: impl Fn(u16) -> Command) -> Self {
        for attempt in 0..5 {
            let port = free_port();
            let log = folder.join(format!("{name}-{attempt}.log"));
            let out = create_new(&log, Access::Public).expect("a new log");
            let err = out.try_clone().expect("a second handle");
            let mut command = command(port);
            command.stdin(Stdio::null()).stdout(out).stderr(err);
            let child = command.spawn().unwrap_or_else(|error| {
                panic!("{command:?} cannot be run ({error}); scripts/tools.sh installs what the tests need")
            });
            let mut server = Self { child, port, log };
            if server.accepts() {
                return server;
            }
        }
        panic!("{name} did not start: {:?}", std::fs::read_to_string(folder.join(format!("{name}-4.log"))));
    }

    /// The port it listens at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).expect("its log can be read")).into_owned()
    }

    /// Waits until it has said something, and returns all it said.
    pub fn said(&self, what: &str) -> String {
        let began = Instant::now();
        loop {
            let log = self.log();
            if log.contains(what) {
                return log;
            }
            assert!(began.elapsed() < PATIENCE, "the server never said {what:?}:\n{log}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether it accepts a connection before it ends or patience does.
    fn accepts(&mut self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.child.try_wait().expect("it is our child").is_some() {
                return false;
            }
            if TcpStream::connect_timeout(&address, PATIENCE).is_ok() {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("nothing accepts connections at {address} after {PATIENCE:?}:\n{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
