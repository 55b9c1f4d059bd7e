//! What a peer can do at the socket itself.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use reroot::signing_service::SigningServiceError;
use serde_json::{Value, json};

use super::{Bench, is_ready};
use crate::support::judges::put;
use crate::support::run::Run;

/// A peer that writes bytes.
struct Raw(UnixStream);

impl Raw {
    fn connect(bench: &Bench) -> Self {
        let stream = UnixStream::connect(bench.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        Self(stream)
    }

    /// Connects and says hello.
    fn greeted(bench: &Bench) -> Self {
        let mut raw = Self::connect(bench);
        let hello = raw.receive().unwrap();
        assert_eq!(hello["format"], "reroot-rpc/1");
        raw.send(&json!({"format": "reroot-rpc/1", "build": "test"}).to_string());
        raw
    }

    fn send(&mut self, message: &str) {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        // a service that has refused already may be gone
        let _ = self.0.write_all(&[&length[..], message.as_bytes()].concat());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// The next message; None if the connection was closed.
    fn receive(&mut self) -> Option<Value> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut message).unwrap();
        Some(serde_json::from_slice(&message).unwrap())
    }

    fn code(&mut self) -> String {
        let answer = self.receive().expect("an answer");
        answer["refused"]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

#[test]
fn what_is_not_a_message_is_refused_and_the_service_goes_on() {
    let bench = Bench::new(1);
    let signer = bench.start();
    is_ready(&signer.client);
    for (message, code) in [
        ("{\"state\":{\"more\":1}}", "message"),
        ("{\"sign\":{}}", "message"),
        ("[]", "message"),
        ("\u{0}", "message"),
        ("{\"submit\":{\"approvals\":[],\"click\":null,\"path\":\"/etc/passwd\"}}", "message"),
        // a plan comes as a descriptor, never as a name
        ("{\"submit\":{\"approvals\":[],\"click\":null}}", "descriptors"),
        ("{\"request\":{\"id\":\"../../../vault/ledger.db\"}}", "message"),
    ] {
        let mut raw = Raw::greeted(&bench);
        raw.send(message);
        assert_eq!(raw.code(), code, "{message}");
        assert_eq!(raw.receive(), None, "the connection is closed after {message}");
    }
    let id = "0".repeat(64);
    for (message, code) in [
        (format!("{{\"request\":{{\"id\":\"{id}\"}}}}"), "unknown-request"),
        (format!("{{\"fetch\":{{\"id\":\"{id}\"}}}}"), "unknown-request"),
        ("{\"unlock\":{\"secret\":\"x\"}}".to_owned(), "unlock"),
    ] {
        let mut raw = Raw::greeted(&bench);
        raw.send(&message);
        assert_eq!(raw.code(), code, "{message}");
        // that was a call, so the connection stays
        raw.send("{\"state\":{}}");
        assert!(raw.receive().is_some_and(|answer| answer.get("state").is_some()));
    }
    // another version
    let mut raw = Raw::connect(&bench);
    raw.receive().unwrap();
    raw.send("{\"format\":\"reroot-rpc/2\",\"build\":\"test\"}");
    assert_eq!(raw.code(), "format");
    // lengths that are none: 0, one byte too long, four gigabytes
    for length in [[0; 4], [0, 0x10, 0, 1], [255; 4]] {
        let mut raw = Raw::greeted(&bench);
        raw.bytes(&length);
        assert_eq!(raw.receive(), None, "{length:?}");
    }
    is_ready(&signer.client);
    assert_eq!(bench.machines.begun_in_vault(), 0);
    signer.stop();
}

#[test]
fn silence_and_half_a_frame_end_at_the_deadline() {
    let bench = Bench::new(1);
    let signer = bench.start();
    is_ready(&signer.client);
    let began = Instant::now();
    let mut silent = Raw::connect(&bench);
    silent.receive().unwrap();
    let mut half = Raw::greeted(&bench);
    half.bytes(&[0, 0, 1, 0, b'{']);
    let mut slow = Raw::greeted(&bench);
    slow.bytes(&[0, 0, 1, 0]);
    // a byte now and then does not make the time longer
    while began.elapsed() < Duration::from_secs(12) {
        slow.bytes(b" ");
        std::thread::sleep(Duration::from_millis(500));
    }
    for (name, raw) in [("silent", &mut silent), ("half", &mut half), ("slow", &mut slow)] {
        assert_eq!(raw.receive(), None, "{name}");
    }
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    is_ready(&signer.client);
    signer.stop();
}

#[test]
fn the_sixty_fifth_connection_is_refused_and_a_place_that_is_free_is_given_again() {
    let bench = Bench::new(1);
    let signer = bench.start();
    let mut held: Vec<Raw> = (0..64).map(|_| Raw::connect(&bench)).collect();
    for raw in &mut held {
        assert!(raw.receive().unwrap().get("format").is_some());
    }
    assert_eq!(Raw::connect(&bench).code(), "busy");
    let refused = signer.client.state().unwrap_err();
    assert!(matches!(&refused, SigningServiceError::Refused { code, .. } if code == "busy"), "{refused}");
    held.clear();
    is_ready(&signer.client);
    signer.stop();
}

#[test]
fn only_regular_files_are_plans() {
    let bench = Bench::new(1);
    let signer = bench.start();
    for path in ["/dev/null", "/dev/zero", "/proc", "pki"] {
        let refused = signer.client.submit(&bench.path(path), &[], None).unwrap_err();
        assert!(
            matches!(&refused, SigningServiceError::Refused { code, .. } if code == "not-a-file"),
            "{path}: {refused}"
        );
    }
    // a file that is not a plan is a request, and is refused as one
    put(&bench.path("nothing"), "");
    put(&bench.path("text"), "reroot-plan/9 and more");
    signer.refuses(&bench.path("nothing"), &[], "plan.refused");
    signer.refuses(&bench.path("text"), &[], "plan.refused");
    signer.stop();
    let requests = bench.requests();
    assert_eq!(requests.iter().map(super::outcome).collect::<Vec<_>>(), ["refused", "refused"]);
}

/// Runs only as root, as containers do: the kernel says who is at the other end, whatever the messages say.
#[test]
fn a_user_who_is_not_on_the_list_is_refused_and_only_two_may_unlock() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let bench = Bench::new(1);
    let open = |path: &std::path::Path, mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(bench.machines.workshop.folder(), 0o711);
    let program = bench.path("reroot");
    Run::tool("cp").arg(crate::support::run::program()).arg(&program).run().success();
    let as_user = |user: &str, args: &[&str]| {
        let who = ["--reuid", user, "--regid", "65534", "--clear-groups"];
        Run::tool("setpriv").args(who).arg(&program).args(args).folder(bench.machines.workshop.folder()).run()
    };
    let signer = bench.start();
    is_ready(&signer.client);
    let refused = as_user("65534", &["signer", "status", "--socket", "s"]).expect(3);
    assert!(refused.err().contains("user 65534 may not connect"), "{}", refused.err());
    signer.stop();

    bench.machines.edit("vault", |text| text.replace("\"../spool\"\n", "\"../spool\"\npeers = [\"65534\"]\n"));
    let signer = bench.start();
    is_ready(&signer.client);
    as_user("65534", &["signer", "status", "--socket", "s"]).success();
    as_user("65533", &["signer", "status", "--socket", "s"]).expect(3);
    put(&bench.path("guess"), "1234");
    open(&bench.path("guess"), 0o444);
    let args = ["signer", "unlock", "--socket", "s", "--secret-file", "guess", "--allow-shared"];
    let refused = as_user("65534", &args).expect(3);
    assert!(refused.err().contains("user 65534 may not open the key"), "{}", refused.err());
    signer.stop();
}

#[test]
fn a_second_service_does_not_take_the_first_ones_place_and_a_killed_ones_is_taken() {
    let bench = Bench::new(1);
    let signer = bench.start();
    is_ready(&signer.client);
    let second = bench.command().run().expect(2);
    assert!(second.err().contains("another signing service uses the directory"), "{}", second.err());
    is_ready(&signer.client);
    signer.kill();
    assert!(bench.socket().exists(), "a killed service leaves its socket");
    let signer = bench.start();
    is_ready(&signer.client);
    signer.stop();
    let gone = bench.machines.workshop.reroot(&["signer", "status", "--socket", "s"]).run().expect(4);
    assert!(gone.err().contains("cannot connect to the socket"), "{}", gone.err());
}
