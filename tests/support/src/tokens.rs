//! Token folders, keys and modules for the cases.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::run::project;

/// SoftHSM2's module, where Debian puts it.
pub const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The user PIN of every token.
pub const PIN: &str = "geheim-4711";

/// A SoftHSM2 folder of its own.
pub struct Hsm {
    folder: TempDir,
}

impl Hsm {
    /// With initialised tokens of these labels.
    pub fn new(tokens: &[&str]) -> Self {
        let hsm = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::DirBuilder::new().create(hsm.path("tokens")).unwrap();
        let text = format!("directories.tokendir = {}\nobjectstore.backend = file\n", hsm.path("tokens").display());
        hsm.write("softhsm2.conf", &text);
        hsm.write("pin", &format!("{PIN}\n"));
        for token in tokens {
            let options = ["--init-token", "--free", "--label", token, "--so-pin", "1234", "--pin", PIN];
            hsm.tool("softhsm2-util", &options);
        }
        hsm
    }

    /// With one token `lab` and one P-256 key `ca` with identifier 01.
    pub fn with_p256() -> Self {
        let hsm = Self::new(&["lab"]);
        hsm.key("lab", "EC:secp256r1", "ca", "01");
        hsm
    }

    /// Path of one of the folder's files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a new file that only its owner may read.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        reroot_core::durable::write_new(&path, reroot_core::durable::Access::Private, text.as_bytes()).unwrap();
        path
    }

    /// Makes a key with OpenSC's tool, not with ours.
    pub fn key(&self, token: &str, kind: &str, label: &str, id: &str) {
        self.pkcs11_tool(token, &["--keypairgen", "--key-type", kind, "--label", label, "--id", id]);
    }

    /// Puts the same key into a token.
    pub fn import(&self, token: &str, pem: &Path, label: &str, id: &str) {
        let pem = pem.to_str().unwrap();
        let options = ["--import", pem, "--token", token, "--label", label, "--id", id, "--pin", PIN];
        self.tool("softhsm2-util", &options);
    }

    /// Runs OpenSC's tool, logged in to a token, and returns what it printed.
    pub fn pkcs11_tool(&self, token: &str, options: &[&str]) -> String {
        let login = ["--module", SOFTHSM, "--token-label", token, "--login", "--pin", PIN];
        self.tool("pkcs11-tool", &[&login[..], options].concat())
    }

    fn tool(&self, tool: &str, options: &[&str]) -> String {
        succeed(Command::new(tool).args(options).env("SOFTHSM2_CONF", self.path("softhsm2.conf")))
    }

    /// A URI with these path attributes, the PIN file and a module.
    pub fn uri(&self, attributes: &str, module: &str) -> String {
        format!("pkcs11:{attributes}?module-path={module}&pin-source=file:{}", self.path("pin").display())
    }
}

/// Runs a tool that must be there and succeed.
pub fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?} must be installed for the tests: {error}"));
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).into_owned()
}

/// The fault-injecting module. Cargo builds no cdylib for the tests of another package, so it is built here, once per
/// process, into the folder that this test was built into; or `FAULTY_PKCS11_LIBRARY` names it.
pub fn faulty() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Ok(path) = std::env::var("FAULTY_PKCS11_LIBRARY") {
            return path;
        }
        let binary = std::env::current_exe().unwrap();
        let profile = binary.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
        let target = profile.parent().expect("target/<profile>");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--offline", "--package", "faulty-pkcs11", "--manifest-path"]);
        cargo.arg(project("Cargo.toml"));
        cargo.arg("--target-dir").arg(target);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        succeed(&mut cargo);
        let library = profile.join("libfaulty_pkcs11.so");
        assert!(library.exists(), "{} was not built", library.display());
        library.to_str().unwrap().to_owned()
    })
}
