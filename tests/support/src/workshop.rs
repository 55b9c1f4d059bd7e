//! A provider's folder: a CA made by `reroot init`, the TEST root as anchor, policies, archives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reroot_core::durable::{Access, write_new};

use super::judges::put;
use super::pki::{TestPki, archive, der};
use super::run::{Finished, Run};

/// A policy for TEST leaves: a TLS client certificate.
pub const POLICY: &str = r#"version = 1
name = "workshop"
description = "TLS client certificates for tests"

[source]
family = "stsafe-a"
keys = ["P-256"]
relax = ["test-anchor"]

[params.lot]
pattern = "[A-Z0-9]{1,8}"

[certificate]
subject = [{ O = "Workshop" }, { OU = "{lot}" }, { CN = "{uid}" }]
serial = "derived"
not_before = "issuance"
not_after = "5y"
outlives_issuer = "error"
signature = "ecdsa-sha256"

[extensions]
basic_constraints = { critical = true }
key_usage = { critical = true, bits = ["digitalSignature"] }
extended_key_usage = { critical = false, purposes = ["clientAuth"] }
subject_key_identifier = { method = "rfc7093-1" }
authority_key_identifier = {}

[device]
target = "none"
full_width_signature = false
"#;

/// What `init` is given where a test has it encrypt the keys, in the environment variable [`PASSPHRASE_VARIABLE`].
pub const PASSPHRASE: &str = "TEST passphrase";

/// The variable that holds it while `init` runs, and no longer.
pub const PASSPHRASE_VARIABLE: &str = "CA_PASSPHRASE";

/// One folder with everything in it.
pub struct Workshop {
    folder: tempfile::TempDir,
    /// Maker of leaves.
    pub pki: TestPki,
    /// The environment of every command.
    pub env: BTreeMap<String, String>,
}

impl Workshop {
    /// Runs `reroot init` and makes the TEST root the only anchor.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// As [`new`](Self::new), with more arguments for `init`.
    pub fn with(init: &[&str]) -> Self {
        Self::with_env(init, BTreeMap::new())
    }

    /// As [`with`](Self::with), in this environment.
    pub fn with_env(init: &[&str], env: BTreeMap<String, String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let workshop = Self { folder, pki: TestPki::shipped(), env };
        workshop
            .reroot(&["init", "pki", "--organization", "Workshop"])
            .args(init)
            .env(PASSPHRASE_VARIABLE, PASSPHRASE)
            .run()
            .success();
        workshop.prepare()
    }

    /// A folder that was packed as a `.tar.gz`, modes included.
    pub fn unpacked(archive: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = Run::tool("tar").args(["--no-same-owner", "-xpzf"]).arg(archive).arg("-C").arg(folder.path());
        run.run().success();
        Self { folder, pki: TestPki::shipped(), env: BTreeMap::new() }
    }

    /// A folder in which `init` was run already.
    pub fn at(folder: tempfile::TempDir) -> Self {
        Self { folder, pki: TestPki::shipped(), env: BTreeMap::new() }
    }

    /// A copy of everything in the folder.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (from, to) = (self.folder.path().join("."), folder.path());
        Run::tool("cp").arg("-a").arg(from).arg(to).run().success();
        Self { folder, pki: TestPki::shipped(), env: self.env.clone() }
    }

    /// Makes the TEST root the only anchor of a new CA, and writes the policy.
    pub fn prepare(self) -> Self {
        let workshop = self;
        let config = workshop.path("pki/reroot.toml");
        let text = std::fs::read_to_string(&config).expect("init writes it");
        let test = text.replace("stm-stsafe-a-prod-ca-01.pem", "test-root.pem");
        assert_ne!(text, test, "the configuration names ST's anchor");
        put(&config, test);
        put(&workshop.path("pki/anchors/test-root.pem"), der::pem("CERTIFICATE", workshop.pki.root()));
        workshop.write("policy.toml", POLICY.as_bytes());
        workshop
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a new file that no other user can read: it may be a key. The file must not exist.
    pub fn write(&self, name: &str, content: &[u8]) {
        write_new(&self.path(name), Access::Private, content).expect("a new file");
    }

    /// Writes an archive of the TEST leaves with these indices.
    pub fn reel(&self, name: &str, indices: impl IntoIterator<Item = u64>) {
        let leaves: Vec<_> = indices.into_iter().map(|index| self.pki.leaf(index)).collect();
        let names: Vec<String> = leaves.iter().map(|leaf| format!("{}.der", leaf.uid())).collect();
        let files: Vec<(&str, &[u8])> =
            names.iter().zip(&leaves).map(|(name, leaf)| (name.as_str(), leaf.der.as_slice())).collect();
        self.write(name, &archive::zip(&files));
    }

    /// A command in the folder.
    pub fn reroot(&self, args: &[&str]) -> Run {
        let run = Run::reroot(self.folder()).args(args);
        self.env.iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    /// `reroot issue INPUT --policy policy.toml --out OUT` and more arguments.
    pub fn issue(&self, input: &str, out: &str, more: &[&str]) -> Finished {
        self.issue_under("policy.toml", input, out, more)
    }

    /// As [`issue`](Self::issue) under another policy.
    pub fn issue_under(&self, policy: &str, input: &str, out: &str, more: &[&str]) -> Finished {
        let args = ["issue", input, "--policy", policy, "--out", out, "--config", "pki/reroot.toml"];
        let lot: &[&str] = if more.contains(&"--set") { &[] } else { &["--set", "lot=A1"] };
        self.reroot(&args).args(lot).args(more).run()
    }

    /// `reroot verify OUT` with the anchors of the folder and more arguments.
    pub fn verify(&self, out: &str, more: &[&str]) -> Finished {
        let anchors = ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "pki/ca/root.pem"];
        self.reroot(&["verify", out]).args(anchors).args(more).run()
    }

    /// Every file of a batch with its content, sorted by name.
    pub fn files(&self, out: &str) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(self.path(out))
            .unwrap_or_else(|error| panic!("{out}: {error}"))
            .map(|entry| {
                let entry = entry.expect("a directory entry");
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, std::fs::read(entry.path()).expect("a readable file"))
            })
            .collect();
        files.sort();
        files
    }

    /// The manifest's lines.
    pub fn lines(&self, out: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.path(out).join("manifest.jsonl")).expect("a batch has lines");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// The statement.
    pub fn statement(&self, out: &str) -> serde_json::Value {
        let bytes = std::fs::read(self.path(out).join("manifest.json")).expect("a batch has a statement");
        serde_json::from_slice(&bytes).expect("a statement is JSON")
    }

    /// The findings file as JSON lines.
    pub fn rejected(&self, out: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.path(out).join("rejected.jsonl")).expect("a batch has findings");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// Removes a batch directory, as an operator would.
    #[expect(clippy::disallowed_methods, reason = "a test plays the operator")]
    pub fn delete(&self, out: &str) {
        std::fs::remove_dir_all(self.path(out)).expect("a batch directory");
    }

    /// Names in the folder that look like something half-written.
    pub fn leftovers(&self) -> Vec<String> {
        std::fs::read_dir(self.folder())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| ["partial", "scratch", "probe"].iter().any(|part| name.contains(part)))
            .collect()
    }
}
