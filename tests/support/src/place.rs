//! A token of either kind, and a provider's folder with its keys in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use reroot_core::delivery::BatchReader;
use reroot_core::durable::{Access, create_directory};
use reroot_core::x509::{Certificate, pem};
use reroot_issue::ledger::Ledger;

use super::judges::{put, put_secret};
use super::run::{Finished, project};
use super::tokens::{SOFTHSM, succeed};
use super::workshop::{POLICY, Workshop};

/// Distinctive, so that it is found wherever it should not be.
pub const PIN: &str = "Geheim-7319-Pin";

/// A folder with tokens.
pub struct Place {
    folder: tempfile::TempDir,
    /// The library.
    pub module: String,
    /// What the library reads.
    pub env: BTreeMap<String, String>,
}

impl Place {
    /// SoftHSM2 with tokens of these labels.
    pub fn softhsm(tokens: &[&str]) -> Self {
        let mut place = Self::empty(SOFTHSM);
        let conf = place.path("softhsm2.conf");
        create_directory(&place.path("tokens"), Access::Private).unwrap();
        put(&conf, format!("directories.tokendir = {}\nobjectstore.backend = file\n", place.path("tokens").display()));
        place.env.insert("SOFTHSM2_CONF".to_owned(), conf.to_str().unwrap().to_owned());
        for token in tokens {
            let options = ["--init-token", "--free", "--label", token, "--so-pin", "1234", "--pin", PIN];
            place.tool("softhsm2-util", &options);
        }
        place
    }

    /// kryoptic with one token `lab`.
    pub fn kryoptic() -> Self {
        let mut place = Self::empty(kryoptic());
        let conf = place.path("kryoptic.conf");
        let database = place.path("token.sql");
        put(&conf, format!("[[slots]]\nslot = 42\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", database.display()));
        place.env.insert("KRYOPTIC_CONF".to_owned(), conf.to_str().unwrap().to_owned());
        let module = place.module.clone();
        let so = ["--module", &module, "--so-pin", "12345678"];
        place.tool("pkcs11-tool", &[&so[..], &["--init-token", "--slot", "42", "--label", "lab"]].concat());
        let login = ["--init-pin", "--token-label", "lab", "--login", "--login-type", "so", "--pin", PIN];
        place.tool("pkcs11-tool", &[&so[..], &login].concat());
        place
    }

    fn empty(module: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), module: module.to_owned(), env: BTreeMap::new() };
        put_secret(&place.path("pin"), format!("{PIN}\n"));
        place
    }

    /// Path of one of its files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Path of the file that holds the PIN, as text.
    pub fn pin_file(&self) -> String {
        self.path("pin").to_str().unwrap().to_owned()
    }

    /// A URI with these path attributes and the PIN file.
    pub fn uri(&self, attributes: &str) -> String {
        format!("pkcs11:{attributes}?module-path={}&pin-source=file:{}", self.module, self.pin_file())
    }

    /// Runs a tool that must be there and succeed.
    pub fn tool(&self, tool: &str, options: &[&str]) -> String {
        succeed(Command::new(tool).args(options).envs(&self.env))
    }

    /// OpenSC's tool, logged in.
    pub fn pkcs11_tool(&self, token: &str, options: &[&str]) -> String {
        let login = ["--module", &self.module, "--token-label", token, "--login", "--pin", PIN];
        self.tool("pkcs11-tool", &[&login[..], options].concat())
    }

    /// A provider's folder whose CA keys were made in the token `lab`.
    pub fn workshop(&self, kind: &str) -> Workshop {
        let (uri, pin) = (format!("pkcs11:token=lab?module-path={}", self.module), self.pin_file());
        let init = ["--pkcs11", &uri, "--pin-file", &pin, "--key", kind];
        Workshop::with_env(&init, self.env.clone())
    }
}

/// The module that `scripts/kryoptic.sh` builds once and keeps.
fn kryoptic() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| succeed(&mut Command::new(project("scripts/kryoptic.sh"))).trim().to_owned())
}

/// Changes the configuration.
pub fn edit(workshop: &Workshop, from: &str, to: &str) {
    let path = workshop.path("pki/reroot.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    put(&path, text.replace(from, to));
}

/// Adds to the configuration.
pub fn append(workshop: &Workshop, more: &str) {
    let path = workshop.path("pki/reroot.toml");
    put(&path, std::fs::read_to_string(&path).unwrap() + more);
}

/// Writes the policy with another signature algorithm.
pub fn sign_with(workshop: &Workshop, algorithm: &str) {
    put(&workshop.path("policy.toml"), POLICY.replace("ecdsa-sha256", algorithm));
}

/// The policy under which short signatures are made again.
pub fn full_width(workshop: &Workshop) {
    put(&workshop.path("policy.toml"), POLICY.replace("full_width_signature = false", "full_width_signature = true"));
}

/// UID and tbsCertificate of each certificate of a batch.
pub fn certificates(workshop: &Workshop, out: &str) -> BTreeMap<String, Vec<u8>> {
    let mut stream = BatchReader::open(&workshop.path(out)).unwrap().certificates().unwrap();
    let mut all = BTreeMap::new();
    while let Some(stored) = stream.next_certificate().unwrap() {
        let tbs = Certificate::from_der(&stored.der).unwrap().tbs().to_vec();
        assert!(all.insert(stored.uid.to_string(), tbs).is_none(), "{} twice", stored.uid);
    }
    all
}

/// How many certificates are on the ledger.
pub fn on_the_ledger(workshop: &Workshop) -> u64 {
    let text = std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap();
    let issuing = Certificate::from_der(&pem::read(&text).unwrap()[0].der).unwrap();
    let ledger = Ledger::open(&workshop.path("pki/ledger.db"), issuing.spki()).unwrap();
    ledger.verify().unwrap();
    ledger.stats().unwrap().certificates
}

/// The PIN is nowhere in what was printed.
pub fn silent(finished: Finished) -> Finished {
    for text in [finished.out(), finished.err()] {
        assert!(!text.contains(PIN), "{}: {text}", finished.command);
    }
    finished
}

/// The PIN is nowhere in a folder's files.
pub fn without_pin(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = std::fs::read(&path).unwrap();
                let found = content.windows(PIN.len()).any(|window| window == PIN.as_bytes());
                assert!(!found, "the PIN is in {}", path.display());
            }
        }
    }
}
