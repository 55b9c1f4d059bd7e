//! p11-kit's server in the place of a network HSM, killed and stopped in the middle of a batch.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::place::{PIN, Place, append, certificates, edit, on_the_ledger, silent, without_pin};
use crate::support::run::Finished;
use crate::support::tokens::{faulty, succeed};
use crate::support::workshop::Workshop;

const CLIENT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";
const LEAVES: u64 = 200;

/// A server in front of a token that takes its time; each client gets a process of its own from it.
struct Server {
    listener: Child,
    socket: PathBuf,
    /// The calls that reached the token.
    trace: PathBuf,
}

impl Server {
    fn start(place: &Place, name: &str) -> Self {
        let socket = place.path(name);
        let mut command = Command::new("p11-kit");
        command.args(["server", "--foreground", "--provider", faulty(), "--name"]).arg(&socket).arg("pkcs11:token=lab");
        command.envs(&place.env).env("FAULTY_PKCS11_MODULE", &place.module).env("FAULTY_PKCS11", "C_Sign:*:delay=20");
        let trace = place.path(&format!("{name}-trace"));
        command.env("FAULTY_PKCS11_TRACE", &trace);
        let listener = command.stdout(Stdio::null()).spawn().expect("p11-kit must be installed for the tests");
        let server = Self { listener, socket, trace };
        wait_until("the server listens", || std::os::unix::net::UnixStream::connect(&server.socket).is_ok());
        wait_until("the first client is gone", || server.children().is_empty());
        server
    }

    /// How many signatures the token was asked for.
    fn signatures(&self) -> usize {
        let calls = std::fs::read_to_string(&self.trace).unwrap_or_default();
        calls.lines().filter(|call| *call == "C_Sign").count()
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }

    /// The processes that serve clients.
    fn children(&self) -> Vec<String> {
        let children = Command::new("pgrep").args(["-P", &self.listener.id().to_string()]).output().unwrap().stdout;
        String::from_utf8(children).unwrap().split_whitespace().map(ToOwned::to_owned).collect()
    }

    fn signal_children(&self, signal: &str) {
        for child in self.children() {
            succeed(Command::new("kill").args([signal, &child]));
        }
    }

    /// Closes the server to new clients; clients that are connected are still served.
    fn close(&mut self) {
        std::fs::remove_file(&self.socket).unwrap();
        self.listener.kill().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal_children("-KILL");
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what} never");
        std::thread::sleep(Duration::from_millis(5));
    }
}

struct Network {
    place: Place,
    workshop: Workshop,
}

impl Network {
    /// With one session p11-kit's client always says that its server is gone; with several it may leave a thread waiting
    /// for ever, which is a hanging call.
    fn new(sessions: usize) -> Self {
        let place = Place::softhsm(&["lab"]);
        let workshop = place.workshop("P-256");
        workshop.reel("reel.zip", 0..LEAVES);
        edit(&workshop, &place.module, CLIENT);
        append(
            &workshop,
            &format!(
                "[hsm]\nsessions = {sessions}\nretries = 2\nfirst_pause = \"10ms\"\nlongest_pause = \"50ms\"\n\
                 call_timeout = \"3s\"\n"
            ),
        );
        Self { place, workshop }
    }

    /// Issues, and disturbs when signing has been going on for a while. Also reads what everybody on the machine can
    /// read about the process.
    fn issue(&self, server: &mut Server, disturb: impl FnOnce(&mut Server) + Send) -> Finished {
        let args = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"];
        let run = self.workshop.reroot(&args).args(["--set", "lot=A1"]);
        let run = run.env("P11_KIT_SERVER_ADDRESS", server.address());
        std::thread::scope(|scope| {
            let running = scope.spawn(|| run.run());
            // each takes 20 ms, so that 150 more are to come
            wait_until("signing has begun", || running.is_finished() || server.signatures() > 50);
            for process in
                Command::new("pgrep").args(["-f", "reroot issue"]).output().unwrap().stdout.split(|b| *b == b'\n')
            {
                let process = String::from_utf8_lossy(process);
                let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
                assert!(!String::from_utf8_lossy(&line).contains(PIN));
            }
            disturb(server);
            silent(running.join().unwrap())
        })
    }

    fn finished(&self) {
        assert_eq!(certificates(&self.workshop, "batch").len() as u64, LEAVES);
        assert_eq!(on_the_ledger(&self.workshop), LEAVES);
        silent(self.workshop.verify("batch", &["--input", "reel.zip"])).success();
        without_pin(self.workshop.folder());
    }
}

#[test]
fn a_server_killed_in_the_middle_ends_with_4_and_the_same_command_finishes() {
    let network = Network::new(1);
    let mut server = Server::start(&network.place, "first");
    let stopped = network.issue(&mut server, |server| {
        let children = server.children();
        server.close();
        for child in children {
            succeed(Command::new("kill").args(["-KILL", &child]));
        }
    });
    let said = stopped.expect(4).err();
    assert!(said.contains("C_") && said.contains(" returned CKR_"), "{said}");
    let before = on_the_ledger(&network.workshop);
    assert!(before > 0 && before < LEAVES, "{before} were signed");
    drop(server);
    network.issue(&mut Server::start(&network.place, "second"), |_| {}).success();
    network.finished();
}

#[test]
fn a_server_that_comes_back_at_once_costs_nothing() {
    let network = Network::new(1);
    let mut server = Server::start(&network.place, "one");
    network.issue(&mut server, |server| server.signal_children("-KILL")).success();
    network.finished();
}

#[test]
fn a_server_that_stops_answering_ends_with_4_and_the_same_command_finishes() {
    let network = Network::new(2);
    let mut server = Server::start(&network.place, "first");
    let started = Instant::now();
    let stopped = network.issue(&mut server, |server| server.signal_children("-STOP"));
    let said = stopped.expect(4).err();
    assert!(said.contains(" did not return within 3 s"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(60));
    drop(server);
    network.issue(&mut Server::start(&network.place, "second"), |_| {}).success();
    network.finished();
}
