//! p11-kit's server in the place of a network HSM: a process of its own that dies or stops in the middle of a batch.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reroot::x509::SignatureAlgorithm::EcdsaSha256;

use super::run::{Report, Run};
use crate::support::tokens::{Hsm, SOFTHSM, succeed};

const CLIENT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";

/// A server; each client gets a process of its own from it.
struct Server {
    listener: Child,
    socket: PathBuf,
}

impl Server {
    fn start(hsm: &Hsm, name: &str) -> Self {
        let socket = hsm.path(name);
        let mut command = Command::new("p11-kit");
        command.args(["server", "--foreground", "--provider", SOFTHSM, "--name"]).arg(&socket).arg("pkcs11:token=lab");
        command.env("SOFTHSM2_CONF", hsm.path("softhsm2.conf")).stdout(Stdio::null());
        let listener = command.spawn().expect("p11-kit must be installed for the tests");
        let server = Self { listener, socket };
        wait_until("the server listens", || std::os::unix::net::UnixStream::connect(&server.socket).is_ok());
        wait_until("the first client is gone", || server.children().is_empty());
        server
    }

    /// The processes that serve clients.
    fn children(&self) -> Vec<String> {
        let children = Command::new("pgrep").args(["-P", &self.listener.id().to_string()]).output().unwrap().stdout;
        String::from_utf8(children).unwrap().split_whitespace().map(ToOwned::to_owned).collect()
    }

    fn signal_children(&self, signal: &str) {
        assert!(!self.children().is_empty(), "nobody is served");
        for child in self.children() {
            succeed(Command::new("kill").args([signal, &child]));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in self.children() {
            let _ = Command::new("kill").args(["-KILL", &child]).status();
        }
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what} never");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A long batch that is disturbed when its first chunk has been signed.
fn disturbed(hsm: &Hsm, server: &Server, run: Run, disturb: impl FnOnce()) -> Report {
    let run = Run { messages: 10_000, chunk: 500, ..run };
    let running = run.env("P11_KIT_SERVER_ADDRESS", format!("unix:path={}", server.socket.display())).spawn(hsm);
    wait_until("the first chunk is signed", || running.has_begun());
    disturb();
    let (status, report) = running.wait();
    assert!(status.success(), "{status}");
    report.unwrap()
}

#[test]
fn a_network_hsm_that_dies_is_reached_again_by_the_same_run() {
    let hsm = Hsm::with_p256();
    let server = Server::start(&hsm, "s1");
    // one session: with several, p11-kit's client may leave a thread waiting for ever when its server dies, which is a
    // hanging call and ends the run
    let run = Run { sessions: 1, real_pauses: true, ..Run::signing(&hsm.uri("token=lab;object=ca", CLIENT)) };
    let report = disturbed(&hsm, &server, run, || server.signal_children("-KILL"));
    assert_eq!(report.error, None);
    assert_eq!(report.signatures.len(), 10_000);
    assert_eq!(report.verified(EcdsaSha256), 10_000);
}

#[test]
fn a_network_hsm_that_is_gone_for_good_ends_the_batch_with_its_signatures() {
    let hsm = Hsm::with_p256();
    let server = Server::start(&hsm, "s2");
    let run = Run { sessions: 1, retries: 3, ..Run::signing(&hsm.uri("token=lab;object=ca", CLIENT)) };
    let report = disturbed(&hsm, &server, run, || {
        // the listener first, so that no client can connect again
        succeed(Command::new("kill").args(["-STOP", &server.listener.id().to_string()]));
        std::fs::remove_file(&server.socket).unwrap();
        server.signal_children("-KILL");
    });
    let error = report.error.clone().unwrap();
    assert!(error.starts_with("C_") && error.contains(" returned CKR_"), "{error}");
    assert!(report.signatures.len() < 10_000);
    assert_eq!(report.verified(EcdsaSha256), report.signatures.len());
}

#[test]
fn a_network_hsm_that_stops_answering_ends_the_wait() {
    let hsm = Hsm::with_p256();
    let server = Server::start(&hsm, "s3");
    let run = Run { sessions: 2, timeout_ms: 1500, ..Run::signing(&hsm.uri("token=lab;object=ca", CLIENT)) };
    let started = Instant::now();
    let report = disturbed(&hsm, &server, run, || server.signal_children("-STOP"));
    assert!(started.elapsed() < Duration::from_secs(30));
    let error = report.error.clone().unwrap();
    assert!(error.contains(" did not return within 1500 ms (token `lab`"), "{error}");
    assert!(report.signatures.len() < 10_000 && report.hanging > 0);
    assert_eq!(report.verified(EcdsaSha256), report.signatures.len());
}
