//! The vault's CA key in a SoftHSM2 token.

use std::path::Path;

use reroot::crypto::low_s;
use reroot::durable::{Access, create_directory, write_new};
use reroot::x509::KeyAlgorithm;

use crate::plan::machines::Machines;
use crate::plan::signed::SignatureFile;
use crate::support::run::{Finished, Run};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

pub(crate) struct Token {
    pub(crate) machines: Machines,
}

impl Token {
    /// Moves the vault's key into a token.
    pub(crate) fn of(machines: Machines) -> Self {
        create_directory(&machines.path("tokens"), Access::Private).unwrap();
        let conf =
            format!("directories.tokendir = {}\nobjectstore.backend = file\n", machines.path("tokens").display());
        machines.workshop.write("softhsm2.conf", conf.as_bytes());
        write_new(&machines.path("pin"), Access::Private, b"5678\n").unwrap();
        let folder = machines.workshop.folder().to_owned();
        let tool = |args: &[&str]| softhsm(&folder, Run::tool("softhsm2-util").args(args)).success();
        tool(&["--init-token", "--free", "--label", "vault", "--so-pin", "1234", "--pin", "5678"]);
        let key = "vault/ca/issuing.key.pem";
        tool(&["--import", key, "--token", "vault", "--label", "ca", "--id", "01", "--pin", "5678"]);
        Run::tool("rm").arg(key).folder(&folder).run().success();
        let uri = format!(
            "pkcs11:token=vault;object=ca?module-path={MODULE}&pin-source=file:{}",
            folder.join("pin").display()
        );
        machines.edit("vault", |text| text.replace("\"ca/issuing.key.pem\"", &format!("\"{uri}\"")));
        Self { machines }
    }

    fn sign(&self, out: &str) -> Finished {
        self.run(&["sign", "reel.plan", "--out", out, "--yes"])
    }

    /// A command in the vault.
    pub(crate) fn run(&self, args: &[&str]) -> Finished {
        let run = self.machines.workshop.reroot(args).args(["--config", "vault/reroot.toml"]);
        softhsm(self.machines.workshop.folder(), run)
    }
}

fn softhsm(folder: &Path, run: Run) -> Finished {
    run.folder(folder).env("SOFTHSM2_CONF", folder.join("softhsm2.conf")).run()
}

#[test]
fn a_plan_is_signed_in_a_token() {
    let token = Token::of(Machines::new());
    let machines = &token.machines;
    machines.workshop.reel("reel.zip", 0..100);
    machines.plan("reel.zip", "reel.plan", &[]).success();
    token.sign("reel.signatures").success();
    let made = SignatureFile::read(&machines.path("reel.signatures")).entries;
    assert!(made.iter().all(|(_, signature)| low_s(KeyAlgorithm::P256, signature.clone()) == *signature));
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
    // without its PIN nothing happens, and what is signed comes out again all the same
    let again = token.sign("reel.signatures").success();
    assert!(again.err().contains("already done"), "{}", again.err());
    crate::support::judges::put(&machines.path("pin"), "0000\n");
    token.sign("other.signatures").expect(4);
    assert!(!machines.path("other.signatures").exists());
}
