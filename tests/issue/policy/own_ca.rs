//! An external CA: keys and certificates by OpenSSL, a configuration by hand.

use std::path::{Path, PathBuf};

use reroot::durable::{Access, create_directory};
use reroot::ledger::Ledger;
use reroot::reel::certificates_in_pem;
use reroot::x509::Certificate;

use crate::support::judges::{Case, Exceptions, judge_with, put, put_secret, unpack};
use crate::support::run::{Finished, Run, project};

/// The kinds of key as `openssl genpkey` takes them.
pub(crate) const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
pub(crate) const P384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
pub(crate) const P521: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
pub(crate) const ED25519: &[&str] = &["-algorithm", "ED25519"];
pub(crate) const RSA_2048: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
pub(crate) const RSA_3072: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"];
pub(crate) const RSA_4096: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"];

/// The genuine leaves under ST's production root.
pub(crate) const GENUINE: [&str; 3] =
    ["leaf-0209B0846159E439520139.der", "leaf-020930C56159E439520139.der", "leaf-0209F0204021CC225B0139.der"];

/// What an issuing CA is like.
pub(crate) struct Spec<'a> {
    /// Arguments of `openssl genpkey`.
    pub(crate) key: &'a [&'a str],
    /// The subject in OpenSSL's form: `/O=Own/CN=Issuing`.
    pub(crate) subject: &'a str,
    /// For how many days it is valid.
    pub(crate) days: u32,
}

impl Default for Spec<'_> {
    fn default() -> Self {
        Self { key: P256, subject: "/O=Own/CN=Own Issuing CA", days: 3650 }
    }
}

/// A folder with such a CA.
pub(crate) struct OwnCa {
    folder: tempfile::TempDir,
}

impl OwnCa {
    /// Makes root, issuing CA and manifest signer, and writes `reroot.toml`; ST's production root is the source anchor.
    pub(crate) fn new(spec: &Spec<'_>) -> Self {
        let ca = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        put(&ca.path("extensions.cnf"), EXTENSIONS);
        ca.key("root", P256);
        let root = ["req", "-x509", "-new", "-config", "extensions.cnf", "-extensions", "root", "-key", "root.key"];
        ca.openssl(&[&root[..], &["-subj", "/O=Own/CN=Own Root CA", "-days", "2900000", "-out", "root.pem"]].concat());
        ca.key("issuing", spec.key);
        ca.certify("issuing", "root", "issuing", spec.subject, spec.days);
        ca.key("manifest", P256);
        ca.certify("manifest", "root", "manifest", "/O=Own/CN=Own Manifest Signer", 3650);
        ca.configured()
    }

    /// With these files: `root.pem`, and certificate (`.pem`) and key (`.key`) of `issuing` and `manifest`.
    pub(crate) fn of(files: &[(&str, String)]) -> Self {
        let ca = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for (name, content) in files {
            let write = if name.contains(".key") { put_secret } else { put };
            write(&ca.path(name), content);
        }
        ca.configured()
    }

    fn configured(self) -> Self {
        put(
            &self.path("anchor.pem"),
            std::fs::read(project("fixtures/st/stm-stsafe-a-prod-ca-01.pem")).expect("shipped"),
        );
        put(&self.path("reroot.toml"), CONFIGURATION);
        // `reroot init` makes a ledger with its CA; here the CA was made elsewhere
        drop(Ledger::create(&self.path("ledger.db"), self.certificate("issuing.pem").spki()).expect("a new ledger"));
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs OpenSSL in the folder.
    pub(crate) fn openssl(&self, args: &[&str]) -> Finished {
        Run::openssl().args(args).folder(self.folder.path()).run().success()
    }

    /// Makes a key.
    pub(crate) fn key(&self, name: &str, kind: &[&str]) {
        self.openssl(&[&["genpkey", "-out", &format!("{name}.key")], kind].concat());
    }

    /// Certifies a key by another one.
    pub(crate) fn certify(&self, name: &str, by: &str, extensions: &str, subject: &str, days: u32) {
        let [key, csr, certificate] = ["key", "csr", "pem"].map(|suffix| format!("{name}.{suffix}"));
        let request = ["req", "-new", "-config", "extensions.cnf", "-key", &key, "-subj", subject, "-out", &csr];
        self.openssl(&request);
        let [by_key, by_certificate] = ["key", "pem"].map(|suffix| format!("{by}.{suffix}"));
        let signer = ["x509", "-req", "-in", &csr, "-CA", &by_certificate, "-CAkey", &by_key, "-CAcreateserial"];
        let what = ["-extfile", "extensions.cnf", "-extensions", extensions, "-days", &days.to_string()];
        self.openssl(&[&signer[..], &what, &["-out", &certificate]].concat());
    }

    /// A certificate of the folder.
    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        let pem = std::fs::read(self.path(name)).expect("it was made");
        Certificate::from_der(&certificates_in_pem(&pem).expect("PEM")[0]).expect("DER")
    }

    /// Whether the ledger holds no open batch and there is no output.
    pub(crate) fn is_untouched(&self) -> bool {
        let ledger = Ledger::open(&self.path("ledger.db"), self.certificate("issuing.pem").spki()).expect("a ledger");
        !self.path("batch").exists() && ledger.open_batches().expect("it can be read").is_empty()
    }

    /// Issues for leaves (paths) under the text of a policy.
    pub(crate) fn issue(&self, policy: &str, leaves: &[&Path], more: &[&str]) -> Finished {
        put(&self.path("policy.toml"), policy);
        let args = ["issue", "--policy", "policy.toml", "--out", "batch"];
        Run::reroot(self.folder.path()).args(args).args(leaves).args(more).run()
    }

    /// `reroot verify` and every judge accept the batch, with these exceptions.
    pub(crate) fn judge(&self, exceptions: &Exceptions) -> Vec<PathBuf> {
        let objects = self.verify();
        let sources = unpack(&self.path("batch/sources.zip"), &self.path("sources"));
        create_directory(&self.path("scratch"), Access::Public).expect("a new directory");
        let cases: Vec<Case> = objects
            .iter()
            .zip(sources)
            .map(|(object, source)| Case {
                object: object.clone(),
                source,
                issuing: self.path("issuing.pem"),
                root: self.path("root.pem"),
            })
            .collect();
        judge_with(&cases, &self.path("scratch"), exceptions);
        objects
    }

    /// `reroot verify` accepts the batch; returns its certificates as files.
    pub(crate) fn verify(&self) -> Vec<PathBuf> {
        let anchors = ["--source-anchor", "anchor.pem", "--issuer-anchor", "root.pem"];
        Run::reroot(self.folder.path()).args(["verify", "batch"]).args(anchors).run().success();
        unpack(&self.path("batch/certificates.zip"), &self.path("objects"))
    }
}

/// Paths of the genuine leaves.
pub(crate) fn genuine() -> Vec<PathBuf> {
    GENUINE.iter().map(|name| project("fixtures/st").join(name)).collect()
}

/// A small policy whose lines tests replace.
pub(crate) const POLICY: &str = r#"version = 1
name = "own"
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
subject_key_identifier = { method = "rfc7093-1" }
authority_key_identifier = {}

[device]
target = "none"
full_width_signature = false
"#;

/// [`POLICY`] with lines replaced: `key = value` for each key of the text that is given.
pub(crate) fn policy(changes: &[(&str, &str)]) -> String {
    let mut text = POLICY.to_owned();
    for (key, value) in changes {
        let start = text.find(&format!("\n{key} = ")).unwrap_or_else(|| panic!("no line {key}")) + 1;
        let end = start + text[start..].find('\n').expect("every line ends");
        text.replace_range(start..end, &format!("{key} = {value}"));
    }
    text
}

const EXTENSIONS: &str = "oid_section = oids
[oids]
matterVendorId = 1.3.6.1.4.1.37244.2.1
[req]
distinguished_name = none
prompt = no
[none]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[issuing]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[manifest]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,1.3.6.1.5.5.7.3.36
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
keyUsage = critical,digitalSignature
";

const CONFIGURATION: &str = r#"[issuer]
certificate = "issuing.pem"
chain = ["root.pem"]
key = "issuing.key"

[manifest]
certificate = "manifest.pem"
key = "manifest.key"

[source]
anchors = ["anchor.pem"]

[ledger]
path = "ledger.db"
"#;
