//! A round whose key is in a vault: planned here, signed there, published here; and planners who are not believed.

use crate::support::judges::put;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

use super::super::plan::approvals;
use super::super::plan::machines::Machines;
use super::field::sharded;

/// A vault and the machine that plans for it, which have made a batch under the sharded policy.
pub(super) struct Vault {
    pub(super) machines: Machines,
}

impl Vault {
    /// With a batch of so many chips.
    pub(super) fn new(chips: u64) -> Self {
        let policy = sharded();
        let machines = Machines { workshop: Workshop::new() };
        put(&machines.path("policy.toml"), &policy);
        machines.part(&[&policy, &lists_at("one.example.com"), &lists_at("two.example.com")]);
        machines.workshop.reel("reel.zip", 0..chips);
        machines.plan("reel.zip", "reel.plan", &[]).success();
        machines
            .workshop
            .reroot(&["sign", "reel.plan", "--out", "reel.signatures", "--yes"])
            .args(["--config", "vault/reroot.toml", "--new-ledger"])
            .run()
            .success();
        machines.finish("reel.plan", "reel.signatures", "batch").success();
        Self { machines }
    }

    pub(super) fn revoke(&self, index: u64, how: &[&str]) {
        let uid = self.machines.workshop.pki.leaf(index).uid();
        run(&self.machines, &[&["revoke", "--yes", "--by", "quality", "--uid", &uid], how].concat()).success();
    }

    pub(super) fn plan(&self, out: &str) {
        run(&self.machines, &["crl", "plan", "--out", out]).success();
    }
}

/// The sharded policy, whose certificates name lists of a different place.
fn lists_at(host: &str) -> String {
    sharded().replace("crl.example.com", host)
}

/// A command on the machine that plans.
pub(super) fn run(machines: &Machines, args: &[&str]) -> Finished {
    machines.workshop.reroot(args).args(["--config", "pki/reroot.toml"]).run()
}

/// Entries of the published full list.
pub(super) fn entries(machines: &Machines) -> usize {
    let run =
        Run::openssl().args(["crl", "-inform", "DER", "-noout", "-text", "-in"]).arg(machines.path("www/full.crl"));
    run.run().success().out().matches("Serial Number: ").count()
}

#[test]
fn a_round_is_planned_signed_and_published_on_two_machines() {
    let vault = Vault::new(5);
    let machines = &vault.machines;
    vault.revoke(0, &["--reason", "keyCompromise"]);
    vault.revoke(1, &["--hold"]);
    vault.plan("one.plan");
    vault.plan("again.plan");
    let round = |name: &str| {
        let text = std::fs::read_to_string(machines.path(name)).unwrap();
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(round("one.plan"), round("again.plan"), "the same round, until it is signed");
    let signed = machines.sign("one.plan", "one.signatures").success();
    assert!(signed.err().contains("2 on the full list, the first round here"), "{}", signed.err());
    machines.sign("one.plan", "one.signatures").success();
    let finish = |signatures: &str| run(machines, &["crl", "finish", signatures, "--out", "www"]);
    finish("one.signatures").success();
    finish("one.signatures").success();
    assert_eq!(entries(machines), 2);

    let uid = machines.workshop.pki.leaf(1).uid();
    run(machines, &["release", "--yes", "--uid", &uid]).success();
    vault.plan("two.plan");
    let signed = machines.sign("two.plan", "two.signatures").success();
    assert!(signed.err().contains("1 on the full list, before 2"), "{}", signed.err());
    finish("two.signatures").success();
    assert_eq!(entries(machines), 1);
    // an old round does not come back
    finish("one.signatures").expect(2);
    assert_eq!(entries(machines), 1);
    for machine in ["pki", "vault"] {
        let config = format!("{machine}/reroot.toml");
        machines.workshop.reroot(&["ledger", "verify", "--config", &config]).run().success();
    }
    // the key stays in the vault
    run(machines, &["crl", "--out", "www"]).expect(2);
}

/// A batch whose certificates name lists that no batch before it named, beside a round of lists, in both orders.
#[test]
fn a_batch_with_new_lists_does_not_stop_a_round() {
    let vault = Vault::new(2);
    let machines = &vault.machines;
    let planned = |host: &str, chips: std::ops::Range<u64>| {
        put(&machines.path("new.toml"), lists_at(host));
        let (reel, plan) = (format!("{host}.zip"), format!("{host}.plan"));
        machines.workshop.reel(&reel, chips);
        machines.plan_under("new.toml", &reel, &plan, &[]).success();
        plan
    };
    let publish = |plan: &str, round: &str| {
        machines.sign(plan, round).success();
        let finished = run(machines, &["crl", "finish", round, "--out", "www", "--format", "json"]).success();
        let report: serde_json::Value = serde_json::from_str(&finished.out()).unwrap();
        report["lists"].as_array().unwrap().len()
    };
    // the round after the batch's plan has the new lists, and the vault signs it before it knows the batch
    let batch = planned("one.example.com", 10..12);
    vault.plan("one.plan");
    assert_eq!(publish("one.plan", "one.signatures"), 1 + 4 + 4);
    machines.sign(&batch, "one-batch.signatures").success();

    // a batch that was signed after the round's plan: the round lacks its lists, and is planned again
    vault.plan("two.plan");
    let batch = planned("two.example.com", 20..22);
    machines.sign(&batch, "two-batch.signatures").success();
    let refused = machines.sign("two.plan", "two.signatures").expect(2);
    assert!(refused.err().contains("number of lists"), "{}", refused.err());
    vault.plan("three.plan");
    assert_eq!(publish("three.plan", "three.signatures"), 1 + 4 + 4 + 4);
    // nothing is new since: the same round, until it is signed
    vault.plan("four.plan");
    vault.plan("five.plan");
    let first = |name: &str| std::fs::read_to_string(machines.path(name)).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(first("four.plan"), first("five.plan"));
    for machine in ["pki", "vault"] {
        let config = format!("{machine}/reroot.toml");
        machines.workshop.reroot(&["ledger", "verify", "--config", &config]).run().success();
    }
}

/// A file of another kind has the name: this is found before a round is recorded or signed.
#[test]
fn a_name_that_is_taken_costs_no_round() {
    let vault = Vault::new(2);
    let machines = &vault.machines;
    vault.revoke(0, &["--reason", "superseded"]);
    put(&machines.path("taken"), "a file of somebody");
    let head = |machine: &str| {
        let config = format!("{machine}/reroot.toml");
        machines.workshop.reroot(&["ledger", "head", "--config", &config]).run().success().out()
    };
    let before = head("pki");
    let refused = run(machines, &["crl", "plan", "--out", "taken"]).expect(2);
    assert!(refused.err().contains("`taken` exists already"), "{}", refused.err());
    assert_eq!(head("pki"), before);
    vault.plan("one.plan");
    let before = head("vault");
    let refused = machines.sign("one.plan", "taken").expect(2);
    assert!(refused.err().contains("`taken` exists already"), "{}", refused.err());
    assert_eq!(head("vault"), before);
    assert_eq!(std::fs::read(machines.path("taken")).unwrap(), b"a file of somebody");
    machines.sign("one.plan", "one.signatures").success();
}

/// The planner's own ledger, set back to before a revocation: it plans a list without the entry.
#[test]
fn a_planner_that_leaves_out_an_entry_is_refused() {
    let vault = Vault::new(4);
    let machines = &vault.machines;
    vault.revoke(0, &["--reason", "keyCompromise"]);
    let folder = machines.workshop.folder();
    Run::tool("cp").args(["-a", "pki/ledger.db", "before.db"]).folder(folder).run().success();
    vault.revoke(1, &["--reason", "keyCompromise"]);
    vault.plan("one.plan");
    machines.sign("one.plan", "one.signatures").success();
    run(machines, &["crl", "finish", "one.signatures", "--out", "www"]).success();

    Run::tool("cp").args(["-a", "before.db", "pki/ledger.db"]).folder(folder).run().success();
    vault.plan("same-number.plan");
    let refused = machines.sign("same-number.plan", "x.signatures").expect(2);
    assert!(refused.err().contains("the plan's"), "{}", refused.err());
    // a higher number does not help: the entries of the vault are missing
    Run::tool("rm").args(["-r", "www"]).folder(folder).run().success();
    run(machines, &["crl", "plan", "--out", "again.plan"]).success();
    vault.revoke(2, &["--reason", "superseded"]);
    vault.plan("higher.plan");
    let refused = machines.sign("higher.plan", "y.signatures").expect(5);
    assert!(refused.err().contains("do not continue those on this ledger"), "{}", refused.err());
    assert!(!machines.path("x.signatures").exists() && !machines.path("y.signatures").exists());
}

#[test]
fn a_plan_that_was_changed_or_is_nobodys_is_refused() {
    let vault = Vault::new(3);
    let machines = &vault.machines;
    vault.revoke(0, &["--reason", "keyCompromise"]);
    vault.plan("one.plan");
    let text = std::fs::read_to_string(machines.path("one.plan")).unwrap();
    put(&machines.path("changed.plan"), text.replacen("\"round\":1", "\"round\":2", 1));
    let refused = machines.sign("changed.plan", "x.signatures").expect(2);
    assert!(refused.err().contains("no planner of this machine's `[signing]` signed it"), "{}", refused.err());
    machines.sign("one.plan", "one.signatures").success();
    let signatures = std::fs::read_to_string(machines.path("one.signatures")).unwrap();
    let at = signatures.find("\"signature\":\"").unwrap() + 40;
    let digit = if signatures.as_bytes()[at] == b'0' { "1" } else { "0" };
    let changed = format!("{}{digit}{}", &signatures[..at], &signatures[at + 1..]);
    put(&machines.path("changed.signatures"), changed);
    run(machines, &["crl", "finish", "changed.signatures", "--out", "www"]).expect(4);
    assert!(!machines.path("www").exists());
    run(machines, &["crl", "finish", "one.signatures", "--out", "www"]).success();
}

#[test]
fn a_round_is_signed_when_a_second_person_approved_this_round() {
    let vault = Vault::new(3);
    let machines = &vault.machines;
    for name in ["anna", "bert", "carl"] {
        approvals::person(machines, name, 3650);
    }
    approvals::demand(machines, 1);
    vault.revoke(0, &["--reason", "keyCompromise"]);
    vault.plan("one.plan");
    let sign = |approval: &[&str]| {
        let args = ["sign", "one.plan", "--out", "one.signatures", "--config", "vault/reroot.toml", "--yes"];
        machines.workshop.reroot(&args).args(approval).run()
    };
    assert!(sign(&[]).expect(3).err().contains("0 of 1 approvals were given"));
    // the approval of a batch is none of a round
    approvals::approve_as(machines, "bert", "anna", "reel.plan", &[]).success();
    let said = sign(&["--approval", "reel-plan.bert.approval"]).expect(3).err();
    assert!(said.contains("its `action` is sign-plan, expected sign-crl-plan"), "{said}");
    let shown = approvals::approve_as(machines, "bert", "anna", "one.plan", &[]).success().err();
    assert!(shown.contains("1 certificates revoked or released") && shown.contains("revocation lists"), "{shown}");
    let signed = sign(&["--approval", "one-plan.bert.approval"]).success().err();
    assert!(signed.contains("approved by") && signed.contains("bert"), "{signed}");
    run(machines, &["crl", "finish", "one.signatures", "--out", "www"]).success();
    assert_eq!(entries(machines), 1);
}
