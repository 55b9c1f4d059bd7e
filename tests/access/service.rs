//! A running service in a workshop, with one administrator.

#![expect(clippy::disallowed_methods, reason = "a token that is valid now needs the clock; folders are the test's own")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Answer, ask};
use crate::support::judges::put;
use crate::support::run::{Run, Running};
use crate::support::workshop::Workshop;

pub(crate) struct Service {
    child: Child,
    pub(crate) address: String,
    pub(crate) metrics: String,
    pub(crate) admin: String,
    pub(crate) workshop: Workshop,
}

/// A signer, which ends with the value.
pub(crate) struct Signer(Option<Running>);

impl Drop for Signer {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.signal(rustix::process::Signal::TERM);
            running.finish();
        }
    }
}

/// A workshop whose batches are where the service looks for them.
pub(crate) fn workshop() -> Workshop {
    let workshop = Workshop::new();
    std::fs::create_dir_all(workshop.path("data/batches")).expect("a folder");
    workshop
}

impl Service {
    /// Starts the service, with more lines in its settings.
    pub(crate) fn start(workshop: Workshop, more: &str) -> Self {
        // a port that is free now: the program prints the one it was given for the API, and not that of the metrics
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let settings = format!(
            "listen = \"127.0.0.1:0\"\nmetrics = \"{free}\"\ndata = \"data\"\nconfiguration = \"pki/reroot.toml\"\n\
             signer = \"signer.sock\"\n{more}"
        );
        put(&workshop.path("service.toml"), settings);
        let made = workshop.reroot(&["serve", "--config", "service.toml", "--first-admin", "root"]).run().success();
        let admin = made.out().trim().to_owned();
        let (child, address) = spawn(workshop.folder());
        Self { child, address, metrics: free.to_string(), admin, workshop }
    }

    /// A service over the batches `one` (six chips, one rejected item) and `two` (four others).
    pub(crate) fn with_batches() -> Self {
        let workshop = workshop();
        workshop.reel("one.zip", 0..6);
        workshop.reel("two.zip", 10..14);
        for name in ["one", "two"] {
            workshop.issue(&format!("{name}.zip"), &format!("data/batches/{name}"), &[]).success();
        }
        let service = Self::start(workshop, "");
        service.wait_for_batches(2);
        service
    }

    /// Starts a signer that the service finds, with a ledger of its own.
    pub(crate) fn signer(&self) -> Signer {
        let config = std::fs::read_to_string(self.workshop.path("pki/reroot.toml")).expect("the configuration");
        let signing = "\n[signing]\nplanners = [\"ca/manifest.pem\"]\npolicies = []\nmax_days = 30\napprovals = \"console\"\n\n\
                       [signer]\nsocket = \"../signer.sock\"\ndirectory = \"requests\"\n";
        put(&self.workshop.path("pki/signer.toml"), config.replace("ledger.db", "signer.db") + signing);
        Run::tool("mkdir").args(["-m", "700", "pki/requests"]).folder(self.workshop.folder()).run().success();
        let mut running = self.workshop.reroot(&["signer", "--config", "pki/signer.toml", "--new-ledger"]).start();
        running.wait_for_err("listening on");
        Signer(Some(running))
    }

    /// Starts the program again, after its end.
    pub(crate) fn again(&mut self) {
        (self.child, self.address) = spawn(self.workshop.folder());
    }

    pub(crate) fn end(&mut self, signal: &str) {
        Run::tool("kill").args([signal, &self.child.id().to_string()]).run().success();
        self.child.wait().expect("the program ends");
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Answer {
        self.ask(token, "GET", path, b"")
    }

    pub(crate) fn ask(&self, token: &str, method: &str, path: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {token}");
        ask(&self.address, method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], body)
    }

    /// Makes a token; `more` is added to what is asked for.
    #[expect(clippy::needless_pass_by_value, reason = "callers write it in place")]
    pub(crate) fn token(&self, owner: &str, roles: &[&str], more: Value) -> Answer {
        let mut wanted = json!({"owner": owner, "roles": roles, "expires": soon(30 * 24 * 3600)});
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            wanted[key] = value;
        }
        self.ask(&self.admin, "POST", "/v1/tokens", wanted.to_string().as_bytes())
    }

    /// The text of a new token.
    pub(crate) fn new_token(&self, owner: &str, roles: &[&str]) -> String {
        let made = self.token(owner, roles, json!({})).expect(201).json();
        made["text"].as_str().expect("the text is shown once").to_owned()
    }

    /// Waits until the catalog has this many batches, with their packs.
    pub(crate) fn wait_for_batches(&self, count: usize) {
        let reader = self.new_token("waiting", &["viewer"]);
        self.until(|| {
            let list = self.get(&reader, "/v1/batches").expect(200).json();
            let items = list["items"].as_array().expect("a list");
            items.len() == count && items.iter().all(|item| !item["pack_sha256"].is_null())
        });
    }

    /// Looks again until something is so, for a minute.
    #[expect(clippy::unused_self, reason = "it is the service that is looked at")]
    #[track_caller]
    pub(crate) fn until(&self, mut so: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !so() {
            assert!(begin.elapsed() < Duration::from_secs(60), "it is not so after a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The audit log as the program verifies it, once the service has ended.
    pub(crate) fn verified_audit(&mut self) -> String {
        self.end("-TERM");
        let args = ["audit", "verify", "data/audit", "--config", "pki/reroot.toml"];
        self.workshop.reroot(&args).run().success().out()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_reroot"))
        .args(["serve", "--config", "service.toml"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let mut said = String::new();
    let address = loop {
        let Some(Ok(line)) = lines.next() else { panic!("the service ended: {said}") };
        if let Some(address) = line.strip_prefix("listening on ") {
            break address.to_owned();
        }
        said += &line;
        said.push('\n');
    };
    // what is said later is read, so that the pipe does not fill
    std::thread::spawn(move || lines.for_each(drop));
    (child, address)
}

/// A time some seconds from now.
pub(crate) fn soon(seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let at = i64::try_from(now).expect("this century") + seconds;
    reroot::x509::Time::from_unix(at).expect("this century").to_string()
}
