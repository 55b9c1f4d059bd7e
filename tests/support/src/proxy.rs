//! A proxy between a program and a PostgreSQL server, which cuts the connection at a COMMIT: before the server has it, or
//! before the program has the answer.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which COMMIT is cut, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server never has the COMMIT of this number, from 1.
    Before(usize),
    /// The server has committed, and its answer does not arrive.
    After(usize),
    /// None.
    Never,
}

/// A proxy that runs until the test ends.
pub struct Proxy {
    port: u16,
    commits: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on 127.0.0.1 and connects to the server's Unix socket.
    pub fn start(socket: &Path, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let commits = Arc::new(AtomicUsize::new(0));
        let (socket, counted) = (socket.to_owned(), Arc::clone(&commits));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, commits) = (client.unwrap(), Arc::clone(&counted));
                // the server may be down: the client sees its connection end
                if let Ok(server) = UnixStream::connect(&socket) {
                    std::thread::spawn(move || {
                        let _ = connection(&client, &server, cut, &commits);
                        let _ = client.shutdown(Shutdown::Both);
                        let _ = server.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { port, commits }
    }

    /// The URL of a ledger in this schema, through the proxy.
    pub fn url(&self, schema: &str) -> PathBuf {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable&schema={schema}", self.port).into()
    }

    /// How many COMMITs have come.
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

/// Passes messages on. Ends with an error when either side does, or at the cut.
fn connection(client: &TcpStream, server: &UnixStream, cut: Cut, commits: &AtomicUsize) -> std::io::Result<()> {
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (client, server);
    // the first message has no type
    let mut message = Vec::new();
    read_message(&mut from, 0, &mut message)?;
    to.write_all(&message)?;
    loop {
        message.clear();
        read_message(&mut from, 1, &mut message)?;
        let number = if message == COMMIT { commits.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        if number > 0 && cut == Cut::Before(number) {
            return Ok(());
        }
        if number > 0 && cut == Cut::After(number) {
            // the way back is closed first, so that nothing of the answer gets through
            client.shutdown(Shutdown::Both)?;
            to.write_all(&message)?;
            // ends when the server has done it: it reads the end of its input only then
            server.shutdown(Shutdown::Write)?;
            return std::io::copy(&mut &*server, &mut std::io::sink()).map(drop);
        }
        to.write_all(&message)?;
    }
}

/// Reads one message: its type, of so many bytes, a length that counts itself, and the rest.
fn read_message(from: &mut impl Read, kind: usize, message: &mut Vec<u8>) -> std::io::Result<()> {
    message.resize(kind + 4, 0);
    from.read_exact(message)?;
    let length = u32::from_be_bytes(message[kind..].try_into().unwrap());
    message.resize(kind + usize::try_from(length).unwrap(), 0);
    from.read_exact(&mut message[kind + 4..])
}

const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
