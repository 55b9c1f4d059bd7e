//! A CA whose certificates have CRL distribution points, chips, and their lists.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::judges::put;
use crate::support::run::{Finished, Run, project};
use crate::support::workshop::{POLICY, Workshop};

/// The workshop's policy with the URLs of four lists.
pub(super) fn sharded() -> String {
    let point = "authority_key_identifier = {}\n\
                 crl_distribution_points = { critical = false, urls = [\"http://crl.example.com/{crl_shard}.crl\"] }\n";
    let section = "[revocation]\nshards = 4\nexpected_certificates = 1000\nworst_revoked_percent = 10\n\n[device]";
    let text = POLICY.replace("authority_key_identifier = {}\n", point).replace("[device]", section);
    assert!(text.contains("{crl_shard}") && text.contains("shards = 4"));
    text
}

pub(super) struct Field {
    pub(super) workshop: Workshop,
}

impl Field {
    /// A CA that has issued a batch of so many chips.
    pub(super) fn new(chips: u64) -> Self {
        Self::of(Workshop::new(), chips, &sharded())
    }

    /// This CA with a batch of so many chips under this policy.
    pub(super) fn of(workshop: Workshop, chips: u64, policy: &str) -> Self {
        let field = Self { workshop };
        put(&field.path("policy.toml"), policy);
        field.workshop.reel("reel.zip", 0..chips);
        field.workshop.issue("reel.zip", "batch", &[]).success();
        field
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.workshop.path(name)
    }

    pub(super) fn uid(&self, index: u64) -> String {
        self.workshop.pki.leaf(index).uid()
    }

    /// A command of this CA, with more arguments.
    pub(super) fn run(&self, verb: &[&str], more: &[&str]) -> Finished {
        self.workshop.reroot(verb).args(["--config", "pki/reroot.toml"]).args(more).run()
    }

    pub(super) fn revoke(&self, more: &[&str]) -> Finished {
        self.run(&["revoke", "--yes", "--by", "quality", "--format", "json"], more)
    }

    pub(super) fn release(&self, more: &[&str]) -> Finished {
        self.run(&["release", "--yes", "--by", "quality", "--format", "json"], more)
    }

    /// A round into `www`.
    pub(super) fn crl(&self) -> Value {
        json(&self.run(&["crl", "--out", "www", "--format", "json"], &[]).success())
    }

    /// The line of a chip in the batch.
    pub(super) fn line(&self, uid: &str) -> Value {
        self.workshop.lines("batch").into_iter().find(|line| line["uid"] == uid).expect("the chip is in the batch")
    }

    /// Serial numbers on a list, sorted as OpenSSL prints them.
    pub(super) fn serials(&self, file: &str) -> Vec<String> {
        let text = Run::openssl().args(["crl", "-inform", "DER", "-noout", "-text", "-in"]).arg(self.path(file)).run();
        let text = text.success().out();
        text.lines().filter_map(|line| Some(line.trim().strip_prefix("Serial Number: ")?.to_owned())).collect()
    }

    /// How many findings a ledger's walk has: none.
    pub(super) fn ledger_holds(&self) {
        self.run(&["ledger", "verify"], &[]).success();
    }
}

/// The lists of all rounds follow from the ledger's records, and the program that says so shares no line with this one.
pub(super) fn another_program_rebuilds_every_list(field: &Field) {
    let script = project("verifier/rebuild_crl.py");
    let run = Run::venv("python").arg("-B").arg(script).args(["pki/ledger.db", "pki/ca/issuing.pem"]);
    let said = run.folder(field.workshop.folder()).run().success().out();
    assert!(said.lines().count() > 0 && said.lines().all(|line| line.ends_with(": OK")), "{said}");
}

pub(super) fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.out()).unwrap_or_else(|error| panic!("{error}: {}", finished.out()))
}
