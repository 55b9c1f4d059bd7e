//! Two machines in one folder: `pki` plans and finishes and has no CA key, `vault` has it and no network.

use std::path::PathBuf;

use reroot::config::Config;
use reroot::ledger::Ledger;

use crate::support::judges::put;
use crate::support::run::{Finished, Run};
use crate::support::workshop::{POLICY, Workshop};

pub(crate) struct Machines {
    pub(crate) workshop: Workshop,
}

impl Machines {
    /// The vault signs under the workshop's policy, for the workshop's manifest signer.
    pub(crate) fn new() -> Self {
        let machines = Self { workshop: Workshop::new() };
        machines.part(&[POLICY]);
        machines
    }

    /// Moves what belongs to the vault there, and approves policies.
    pub(crate) fn part(&self, policies: &[&str]) {
        let folder = self.workshop.folder();
        Run::tool("cp").args(["-a", "pki", "vault"]).folder(folder).run().success();
        let taken = ["pki/ca/issuing.key.pem", "pki/ca/root.key.pem", "pki/ledger.db", "vault/ca/manifest.key.pem"];
        Run::tool("rm").args(taken).folder(folder).run().success();
        self.edit("pki", |text| {
            text.lines()
                .filter(|line| !line.contains("issuing.key.pem"))
                .fold(String::new(), |text, line| text + line + "\n")
        });
        let digests: Vec<String> =
            policies.iter().map(|text| format!("\"{}\"", reroot::crypto::sha256(text.as_bytes()))).collect();
        let signing = format!(
            "\n[signing]\nplanners = [\"ca/manifest.pem\"]\npolicies = [{}]\nmax_days = 30\n",
            digests.join(", ")
        );
        self.edit("vault", |text| text + &signing);
    }

    /// Changes a machine's configuration.
    pub(crate) fn edit(&self, machine: &str, change: impl FnOnce(String) -> String) {
        let config = self.path(&format!("{machine}/reroot.toml"));
        let text = std::fs::read_to_string(&config).unwrap();
        put(&config, change(text));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.workshop.path(name)
    }

    pub(crate) fn plan(&self, input: &str, out: &str, more: &[&str]) -> Finished {
        self.plan_under("policy.toml", input, out, more)
    }

    pub(crate) fn plan_under(&self, policy: &str, input: &str, out: &str, more: &[&str]) -> Finished {
        let args = ["plan", input, "--policy", policy, "--out", out, "--config", "pki/reroot.toml", "--new-ledger"];
        let lot: &[&str] = if more.contains(&"--set") { &[] } else { &["--set", "lot=A1"] };
        self.workshop.reroot(&args).args(lot).args(more).run()
    }

    pub(crate) fn sign(&self, plan: &str, out: &str) -> Finished {
        self.workshop.reroot(&["sign", plan, "--out", out, "--config", "vault/reroot.toml", "--yes"]).run()
    }

    pub(crate) fn finish(&self, plan: &str, signatures: &str, out: &str) -> Finished {
        let args = ["finish", plan, "--signatures", signatures, "--out", out, "--config", "pki/reroot.toml"];
        self.workshop.reroot(&args).run()
    }

    /// A plan of some TEST leaves.
    pub(crate) fn planned(leaves: u64) -> Self {
        let machines = Self::new();
        machines.workshop.reel("reel.zip", 0..leaves);
        machines.plan("reel.zip", "reel.plan", &[]).success();
        machines
    }

    /// Batches that the vault has started.
    pub(crate) fn begun_in_vault(&self) -> usize {
        let config = Config::load(&self.path("vault/reroot.toml")).unwrap();
        let ledger = Ledger::open(config.ledger_path(), config.issuer_identity().unwrap().spki()).unwrap();
        ledger.open_batches().unwrap().len() + usize::from(ledger.last_sealed().unwrap().is_some())
    }

    /// The plan is refused before the first signature, for this reason.
    pub(crate) fn refuses(&self, plan: &str, exit: i32, reason: &str) {
        let refused = self.sign(plan, "refused.signatures").expect(exit);
        assert!(refused.err().contains(reason), "expected {reason:?}: {}", refused.err());
        assert!(!self.path("refused.signatures").exists());
        assert_eq!(self.begun_in_vault(), 0, "{reason}");
    }
}
