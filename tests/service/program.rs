//! The service as a program of its own, which can be killed and started again.

use rustix::process::{Pid, Signal};
use serde_json::json;

use crate::bench::Bench;
use crate::client::Client;
use crate::support::judges::put;
use crate::support::run::{Run, Running};

/// The service as a program, with people who have tokens.
pub(crate) struct Program {
    running: Option<Running>,
    admin: String,
    anna: String,
    bert: String,
    address: std::net::SocketAddr,
}

impl Program {
    /// Writes the settings, makes the people, and starts it.
    pub(crate) fn new(bench: &Bench, more: &str) -> Self {
        let settings = format!(
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\nconfiguration = \"pki/reroot.toml\"\nsigner = \"s\"\n{more}"
        );
        put(&bench.workshop.path("service.toml"), settings);
        let args = ["serve", "--config", "service.toml", "--first-admin", "root"];
        let admin = bench.workshop.reroot(&args).run().success().out().trim().to_owned();
        let (running, address) = spawn(command(bench).arg("--new-ledger"));
        let mut program = Self { running: Some(running), admin, anna: String::new(), bert: String::new(), address };
        program.anna = program.token("anna", "operator", 3600);
        program.bert = program.token("bert", "approver", 3600);
        for text in &bench.policies {
            let path = format!("/v1/policies/{}", reroot::crypto::sha256(text.as_bytes()));
            let new = program.anna().put_json(&path, &[], &json!({ "text": text })).expect(201);
            let tag = [("if-match", &*new.headers["etag"])];
            let state = json!({ "state": "active" });
            program.of(&program.admin).put_json(&format!("{path}/state"), &tag, &state).expect(200);
        }
        program
    }

    pub(crate) fn of(&self, token: &str) -> Client {
        Client { address: self.address, token: Some(token.to_owned()) }
    }

    pub(crate) fn anna(&self) -> Client {
        self.of(&self.anna)
    }

    pub(crate) fn bert(&self) -> Client {
        self.of(&self.bert)
    }

    pub(crate) fn token(&self, owner: &str, role: &str, seconds: i64) -> String {
        let wanted = json!({ "owner": owner, "roles": [role], "expires": soon(seconds) });
        let made = self.of(&self.admin).post("/v1/tokens", &wanted).expect(201).json();
        made["text"].as_str().unwrap().to_owned()
    }

    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal(Signal::KILL);
            running.finish();
        }
    }

    /// Ends it under a tool that watches it, whose child it is.
    pub(crate) fn end(&mut self) {
        assert!(!self.ended(), "the tool has a child");
    }

    /// As [`end`](Self::end). Returns whether it was gone by itself.
    pub(crate) fn ended(&mut self) -> bool {
        let running = self.running.take().unwrap();
        let id = running.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let child = children.split_whitespace().next().and_then(|child| child.parse().ok()).and_then(Pid::from_raw);
        let there = child.is_some_and(|child| rustix::process::kill_process(child, Signal::TERM).is_ok());
        // the signal reaches also who is gone and not yet waited for
        running.finish().code == Some(137) || !there
    }

    pub(crate) fn again(&mut self, command: Run) {
        self.follow(command.start());
    }

    /// A process that is there already has the folder now.
    pub(crate) fn follow(&mut self, running: Running) {
        let (running, address) = listening(running);
        (self.running, self.address) = (Some(running), address);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The command that starts it again.
pub(crate) fn command(bench: &Bench) -> Run {
    bench.workshop.reroot(&SERVE)
}

/// What starts it.
pub(crate) const SERVE: [&str; 3] = ["serve", "--config", "service.toml"];

fn spawn(command: Run) -> (Running, std::net::SocketAddr) {
    listening(command.start())
}

fn listening(mut running: Running) -> (Running, std::net::SocketAddr) {
    running.wait_for_err("listening on ");
    let line = running.read_err_line();
    let address = line.trim().parse().unwrap_or_else(|error| panic!("{error}: {line}"));
    (running, address)
}

#[expect(clippy::disallowed_methods, reason = "a token that is valid now needs the clock")]
fn soon(seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    reroot::x509::Time::from_unix(i64::try_from(now).unwrap() + seconds).unwrap().to_string()
}
