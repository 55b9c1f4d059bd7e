//! A folder with a CA that was made elsewhere, by `make_ca.py`: root, policy CA, issuing CA, manifest signer.

use std::path::{Path, PathBuf};

use reroot::ledger::Ledger;
use reroot::reel::certificates_in_pem;
use reroot::x509::Certificate;

use crate::support::judges::put;
use crate::support::run::{Finished, Run, project};

/// The folder.
pub(super) struct Foreign {
    folder: tempfile::TempDir,
}

impl Foreign {
    /// A CA of which each position has what is asked for: `root=name-constraints`.
    pub(super) fn with(asked: &[&str]) -> Self {
        Self::made(|folder| {
            Run::python(include_str!("make_ca.py")).args(asked).folder(folder).run().success();
        })
    }

    /// A CA of which `make` writes root, policy CA, issuing CA and manifest signer.
    pub(super) fn made(make: impl FnOnce(&Path)) -> Self {
        let ca = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        make(ca.folder.path());
        let anchor = std::fs::read(project("fixtures/st/stm-stsafe-a-prod-ca-01.pem")).expect("shipped");
        put(&ca.path("anchor.pem"), anchor);
        ca.configure(r#"["policy.pem", "root.pem"]"#);
        put(&ca.path("policy.toml"), POLICY);
        drop(Ledger::create(&ca.path("ledger.db"), ca.issuing().spki()).expect("a new ledger"));
        ca
    }

    /// Writes `reroot.toml` with this chain.
    pub(super) fn configure(&self, chain: &str) {
        put(&self.path("reroot.toml"), CONFIGURATION.replace("CHAIN", chain));
        // the program refuses a key file that other users can read, even one that a test's own tool made
        Run::tool("sh").args(["-c", "chmod 600 *.key"]).folder(self.folder.path()).run().success();
    }

    /// Replaces lines of the policy.
    pub(super) fn policy(&self, changes: &[(&str, &str)]) {
        let text = changes.iter().fold(POLICY.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        put(&self.path("policy.toml"), text);
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn issuing(&self) -> Certificate {
        let pem = std::fs::read(self.path("issuing.pem")).expect("it was made");
        Certificate::from_named_der(&certificates_in_pem(&pem).expect("PEM")[0]).expect("DER")
    }

    /// A command in the folder.
    pub(super) fn reroot(&self, args: &[&str]) -> Finished {
        Run::reroot(self.folder.path()).args(args).run()
    }

    /// A command in the folder with the clock moved: `+3y`, `-2d`.
    pub(super) fn reroot_at(&self, offset: &str, args: &[&str]) -> Finished {
        let run = Run::tool("faketime").args(["-f", offset, env!("CARGO_BIN_EXE_reroot")]);
        run.args(args).folder(self.folder.path()).run()
    }

    /// Issues for one genuine leaf.
    pub(super) fn issue(&self, more: &[&str]) -> Finished {
        self.reroot(&issue(0, "batch", more).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// `issue` is refused before anything is recorded, for a reason with these words.
    #[track_caller]
    pub(super) fn refuses(&self, words: &[&str]) {
        let said = self.issue(&[]).expect(2).err();
        for word in words {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
        self.is_untouched();
    }

    /// Nothing was recorded or written.
    #[track_caller]
    pub(super) fn is_untouched(&self) {
        assert!(!self.path("batch").exists());
        let ledger = Ledger::open(&self.path("ledger.db"), self.issuing().spki()).expect("a ledger");
        assert_eq!(ledger.stats().expect("it can be read").records, 1, "only the genesis");
    }

    /// `reroot verify` with the anchors of the folder.
    pub(super) fn verify(&self, batch: &str, issuer_anchor: &str, more: &[&str]) -> Finished {
        let anchors = ["verify", batch, "--source-anchor", "anchor.pem", "--issuer-anchor", issuer_anchor];
        self.reroot(&[&anchors[..], more].concat())
    }

    /// What OpenSSL says of a certificate of the batch under root and policy CA, used by a client.
    pub(super) fn openssl(&self, batch: &str) -> bool {
        let objects = crate::support::judges::unpack(&self.path(batch).join("certificates.zip"), &self.path("objects"));
        let object = objects[0].display().to_string();
        let chain = Run::tool("cat").args(["policy.pem", "issuing.pem"]).folder(self.folder.path()).run().success();
        put(&self.path("above.pem"), chain.stdout);
        Run::openssl()
            .args(["x509", "-inform", "DER", "-in", &object, "-out", "object.pem"])
            .folder(self.folder.path())
            .run()
            .success();
        let verify =
            ["verify", "-purpose", "sslclient", "-CAfile", "root.pem", "-untrusted", "above.pem", "object.pem"];
        Run::openssl().args(verify).folder(self.folder.path()).run().code == Some(0)
    }
}

/// The arguments of `issue` for one of the genuine leaves.
pub(super) fn issue(leaf: usize, out: &str, more: &[&str]) -> Vec<String> {
    let leaf = project("fixtures/st").join(LEAVES[leaf]).display().to_string();
    let args = ["issue", "--policy", "policy.toml", "--out", out, &leaf];
    args.iter().chain(more).map(ToString::to_string).collect()
}

const LEAVES: [&str; 3] =
    ["leaf-0209B0846159E439520139.der", "leaf-020930C56159E439520139.der", "leaf-0209F0204021CC225B0139.der"];

const POLICY: &str = r#"version = 1
name = "foreign"
description = "for tests"

[source]
family = "stsafe-a"
keys = ["P-256"]
relax = []

[certificate]
subject = [{ O = "Own" }, { CN = "{uid}" }]
serial = "derived"
not_before = "issuance"
not_after = "5y"
outlives_issuer = "error"
signature = "ecdsa-sha256"

[extensions]
basic_constraints = { critical = true }
key_usage = { critical = true, bits = ["digitalSignature"] }
extended_key_usage = { critical = false, purposes = ["clientAuth"] }

[device]
target = "none"
full_width_signature = false
"#;

const CONFIGURATION: &str = r#"[issuer]
certificate = "issuing.pem"
chain = CHAIN
key = "issuing.key"

[manifest]
certificate = "manifest.pem"
key = "manifest.key"

[source]
anchors = ["anchor.pem"]

[ledger]
path = "ledger.db"
"#;
