//! A folder of the past, unpacked, and what its operator would do next.

use std::collections::BTreeMap;
use std::path::Path;

use p256::ecdsa::SigningKey;
use p256::pkcs8::DecodePrivateKey as _;
use reroot::x509::{Certificate, pem};

use crate::plan::responder::Responder;
use crate::support::judges::put;
use crate::support::run::{Finished, Run, project};
use crate::support::workshop::Workshop;

/// The day on which the operator comes back.
const CLOCK: &str = "@2026-12-01 12:00:00";

/// Where Debian's libfaketime is.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

const LOCAL: &[&str] =
    &["issue", "reel.zip", "--policy", "policy.toml", "--set", "lot=A1", "--jobs", "2", "--chunk", "2"];
const PLAN: &[&str] =
    &["plan", "reel.zip", "--policy", "policy.toml", "--set", "lot=A1", "--chunk", "2", "--out", "reel.plan"];
const SIGN: &[&str] = &["sign", "reel.plan", "--out", "reel.signatures", "--config", "vault/reroot.toml", "--yes"];
const FINISH: &[&str] = &["finish", "reel.plan", "--signatures", "reel.signatures"];
const HAND: &[&str] = &[
    "plan",
    "reel.zip",
    "--policy",
    "foreign.toml",
    "--set",
    "lot=A1",
    "--chunk",
    "2",
    "--foreign",
    "--out",
    "handed",
];
const TAKE: &[&str] = &["finish", "handed", "--certificates", "back.zip"];
const CMP: &[&str] =
    &["issue", "reel.zip", "--policy", "foreign.toml", "--set", "lot=A1", "--issuer", "cmp", "--chunk", "2"];

pub(crate) struct Past {
    pub(crate) workshop: Workshop,
    name: String,
}

impl Past {
    /// Every folder whose name begins like this.
    pub(crate) fn all(prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(project("fixtures/past/1"))
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str().unwrap().strip_suffix(".tar.gz").map(str::to_owned))
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort();
        assert!(!names.is_empty(), "nothing of the past is called {prefix}");
        names
    }

    pub(crate) fn unpack(name: &str) -> Self {
        let mut workshop = Workshop::unpacked(&project(&format!("fixtures/past/1/{name}.tar.gz")));
        assert!(Path::new(FAKETIME).exists(), "{FAKETIME} is missing; scripts/tools.sh installs it");
        let env = [("LD_PRELOAD", FAKETIME), ("FAKETIME", CLOCK), ("CMP_SECRET", "s3cret")];
        workshop.env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { workshop, name: name.to_owned() }
    }

    fn run(&self, command: &[&str]) -> Finished {
        let to: &[&str] = if command.contains(&"--out") { &[] } else { &["--out", "batch"] };
        let config: &[&str] = if command.contains(&"--config") { &[] } else { &["--config", "pki/reroot.toml"] };
        self.workshop.reroot(command).args(to).args(config).run()
    }

    /// Runs the operator's next commands for a folder of this kind.
    pub(crate) fn go_on(&self) {
        match self.name.split('-').next().unwrap() {
            "cmp" => self.ask(),
            "foreign" => {
                if self.name.starts_with("foreign-plan") {
                    self.run(HAND).success();
                }
                self.run(TAKE).success();
            }
            "local" => drop(self.run(LOCAL).success()),
            _ => [PLAN, SIGN, FINISH].into_iter().for_each(|command| drop(self.run(command).success())),
        }
    }

    /// The last command once more.
    pub(crate) fn again(&self) -> Finished {
        match self.name.split('-').next().unwrap() {
            "cmp" => self.run(CMP),
            "foreign" => self.run(TAKE),
            "local" => self.run(LOCAL),
            _ => self.run(FINISH),
        }
    }

    /// Takes the signature file back, with more arguments.
    pub(crate) fn finish(&self, more: &[&str]) -> Finished {
        self.run(&[FINISH, more].concat())
    }

    /// Asks the CA, and decides about what is in doubt.
    fn ask(&self) {
        let path = |name: &str| self.workshop.path(name);
        let key = Run::openssl().args(["pkcs8", "-topk8", "-nocrypt", "-in", "other.key"]);
        let key = SigningKey::from_pkcs8_pem(&key.folder(self.workshop.folder()).run().success().out()).unwrap();
        let ca = pem::read(&std::fs::read(path("other.pem")).unwrap()).unwrap().remove(0);
        let issuer = Certificate::from_der(&ca.der).unwrap().subject().der().to_vec();
        let responder = Responder::start(key, issuer, "s3cret", []);
        let text = std::fs::read_to_string(path("pki/reroot.toml")).unwrap();
        let (head, _) = text.split_once("\n[cmp]").unwrap();
        let secret = "reference = \"ra\"\nsecret = { env = \"CMP_SECRET\" }\nconcurrency = 1\nretries = 1";
        put(&path("pki/reroot.toml"), format!("{head}\n[cmp]\nurl = \"{}\"\n{secret}\n", responder.url()));
        let finished = self.run(CMP);
        if finished.code == Some(3) {
            assert!(finished.err().contains("in doubt"), "{}: {}", self.name, finished.err());
            let decided = ["--ask-again", "all", "--because", "the CA's operator found nothing"];
            self.run(&[CMP, &decided].concat()).success();
        } else {
            finished.success();
        }
    }

    /// The anchors of this house.
    pub(crate) fn anchors(&self) -> Vec<&'static str> {
        let issuer = if self.workshop.path("other.pem").exists() { "other.pem" } else { "pki/ca/root.pem" };
        let source = ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", issuer];
        [&source[..], &["--manifest-anchor", "pki/ca/root.pem"]].concat()
    }

    /// The batch and the ledger hold, and each chip has the serial number that the earlier program would have given it.
    pub(crate) fn check(&self) {
        let verify = ["verify", "batch", "--input", "reel.zip"];
        self.workshop.reroot(&verify).args(self.anchors()).run().success();
        for config in ["pki/reroot.toml", "vault/reroot.toml"] {
            if self.workshop.path(config).exists() {
                self.workshop.reroot(&["ledger", "verify", "--config", config]).run().success();
            }
        }
        let expected = std::fs::read_to_string(self.workshop.path("expected.txt")).unwrap();
        let expected: BTreeMap<&str, &str> = expected.lines().map(|line| line.split_once(' ').unwrap()).collect();
        let lines = self.workshop.lines("batch");
        assert_eq!(lines.len(), expected.len(), "{}", self.name);
        for line in lines.iter().filter(|_| !self.name.starts_with("cmp")) {
            assert_eq!(line["serial"], expected[line["uid"].as_str().unwrap()], "{}", self.name);
        }
        assert_eq!(self.workshop.leftovers(), Vec::<String>::new(), "{}", self.name);
    }
}
