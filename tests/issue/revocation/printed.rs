//! What the commands of revocation print, each in both forms, and every way in which they refuse.
//!
//! The texts are under `tests/cli/`; every one of them is read as an operator would read it before it is committed.

use reroot::durable::{Access, create_directory};

use super::field::{Field, sharded};
use super::vault::{Vault, run as planner};
use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::run::{Finished, Run, program};
use crate::support::workshop::{POLICY, Workshop};

const CONFIG: &str = "--config pki/reroot.toml";

/// A case whose commands are those of this CA.
struct Typed<'a>(Case<'a>);

impl Typed<'_> {
    fn note(self, text: &str) -> Self {
        Self(self.0.note(text))
    }

    fn run(self, line: &str) -> Self {
        Self(self.0.run(&format!("{line} {CONFIG}")))
    }

    /// With a name that differs from run to run.
    fn run_as(self, line: &str, name: &str, value: &str) -> Self {
        let line = format!("{line} {CONFIG}");
        let args: Vec<String> = line.split(' ').map(|word| word.replace(name, value)).collect();
        let finished = Run::reroot(self.0.folder()).args(args).run();
        Self(self.0.ran(&line, &finished))
    }

    /// With what a person types when asked.
    fn answer(self, line: &str, answer: &str) -> Self {
        Self(self.0.run_with(&format!("{line} {CONFIG}"), |run| run.stdin(answer)))
    }
}

/// A CA whose chips are known by name: the first three have certificates.
fn field() -> (Field, [String; 5]) {
    let field = Field::new(3);
    let uids = [0, 1, 2, 3, 4].map(|index| field.uid(index));
    (field, uids)
}

#[test]
fn revoke_and_release_say_what_is_recorded_and_why_not() {
    let (field, [first, second, third, unknown, _]) = field();
    let batch = field.workshop.statement("batch")["batch"].as_str().unwrap().to_owned();
    put(&field.path("damaged.csv"), format!("UID;Lot\n{second};1\n2.09E+20;2\n209021021;3\n{unknown};4\n0209XY;5\n"));
    put(&field.path("list.csv"), format!("uid,reason,time\n{second},nonsense,\n{second},superseded,yesterday\n"));
    put(&field.path("columns.csv"), "chip,why\n");
    put(&field.path("binary.der"), [0x30, 0x82, 0, 0, 0x0A, 1, 0x0A, 2, 0x0A, 0xFF].as_slice());
    put(&field.path("empty.txt"), "");
    put(&field.path("notes.txt"), "hello\n");
    let other = Workshop::new();
    other.reel("reel.zip", 0..1);
    other.issue("reel.zip", "batch", &[]).success();
    let foreign = other.path("pki/ca/issuing.pem");
    Run::tool("cp").arg(foreign).arg(field.path("foreign.pem")).run().success();
    let by = "--reason keyCompromise --by quality";
    Typed(Case::new(&field.workshop, "revoke"))
        .note("What would be recorded, and what the lists would weigh")
        .run(&format!("revoke --uid {first} {by} --dry-run"))
        .run(&format!("revoke --uid {first} {by} --dry-run --format json"))
        .note("A person is asked")
        .answer(&format!("revoke --uid {first} {by}"), "no\n")
        .answer(&format!("revoke --uid {first} {by}"), "revoke\n")
        .note("A second time, and for another reason")
        .run(&format!("revoke --uid {first} {by} --yes"))
        .run(&format!("revoke --uid {first} --reason superseded --yes --format json"))
        .note("For now, and valid again")
        .run(&format!("revoke --uid {second} --hold --by quality --yes"))
        .run(&format!("release --uid {second} --by quality --yes"))
        .run(&format!("release --uid {second} --by quality --yes --format json"))
        .run(&format!("release --uid {first} --by quality --yes"))
        .note("A list with a spreadsheet's damage: nothing, or what is not in doubt")
        .run(&format!("revoke --uids damaged.csv {by} --yes"))
        .run(&format!("revoke --uids damaged.csv {by} --yes --format json"))
        .run(&format!("revoke --uids damaged.csv {by} --yes --skip-unknown"))
        .run("revoke --list list.csv --by quality --yes")
        .run("revoke --list columns.csv --by quality --yes")
        .note("What is not a list, and no reel")
        .run(&format!("revoke --uids binary.der {by} --yes"))
        .run(&format!("revoke --uids empty.txt {by} --yes"))
        .run(&format!("revoke --uids absent.txt {by} --yes"))
        .run(&format!("revoke --reel notes.txt {by} --yes"))
        .note("Names of nothing here")
        .run(&format!("revoke --serial 4000000000000001 {by} --yes"))
        .run(&format!("revoke --certificate foreign.pem {by} --yes"))
        .run(&format!("revoke --batch 01890a5d-ac96-774b-bcce-000000000001 {by} --yes"))
        .run(&format!("revoke --policy nobody {by} --yes"))
        .run(&format!("revoke --uid {unknown} {by} --yes --skip-unknown"))
        .note("Not a name")
        .run(&format!("revoke --uid 0209XY {by} --yes"))
        .run(&format!("revoke --serial 01:2 {by} --yes"))
        .run(&format!("revoke --batch 17 {by} --yes"))
        .run(&format!("revoke --issued-between 2026-02-01..2026-01-01 {by} --yes"))
        .run(&format!("revoke --issued-between January {by} --yes"))
        .note("Without a name, without a reason, with a wrong reason, time or person")
        .run(&format!("revoke {by} --yes"))
        .run(&format!("revoke --uid {third} --yes"))
        .run(&format!("revoke --uid {third} --reason removeFromCRL --yes"))
        .run(&format!("revoke --uid {third} {by} --at yesterday --yes"))
        .run(&format!("revoke --uid {third} {by} --at 2099-01-01T00:00:00Z --yes"))
        .run(&format!("revoke --uid {third} --reason superseded --by '' --yes"))
        .note("A whole batch")
        .run_as("revoke --batch BATCH --reason superseded --by quality --yes", "BATCH", &batch)
        .0
        .finish();
    field.ledger_holds();
}

/// A policy says how large its lists may become; a revocation that exceeds it is recorded all the same.
#[test]
fn a_list_above_the_limit_of_its_policy_is_named_in_the_dry_run() {
    let limit = "worst_revoked_percent = 10\nmax_crl_bytes = 1024\n";
    let policy = sharded().replace("shards = 4", "shards = 1").replace("= 1000\n", "= 20\n");
    let field = Field::of(Workshop::new(), 20, &policy.replace("worst_revoked_percent = 10\n", limit));
    let revoke = "revoke --policy workshop --reason superseded --by quality";
    Typed(Case::new(&field.workshop, "revoke_limit"))
        .run(&format!("{revoke} --dry-run"))
        .run(&format!("{revoke} --dry-run --format json"))
        .0
        .finish();
}

#[test]
fn block_and_unblock_say_what_is_recorded_and_issue_what_is_blocked() {
    let (field, [_, _, _, fourth, fifth]) = field();
    put(&field.path("chips.txt"), format!("{fourth}\n{fifth}\n"));
    field.workshop.reel("next.zip", 3..5);
    let issue = "issue next.zip --policy policy.toml --out next --set lot=A1";
    Typed(Case::new(&field.workshop, "block"))
        .run("block --uids chips.txt --why 'lost in transit' --by quality --dry-run")
        .run("block --uids chips.txt --why 'lost in transit' --by quality --dry-run --format json")
        .answer("block --uids chips.txt --why 'lost in transit' --by quality", "yes\n")
        .answer("block --uids chips.txt --why 'lost in transit' --by quality", "block\n")
        .run("block --uids chips.txt --why 'lost in transit' --by quality --yes")
        .note("None of them is issued")
        .run(issue)
        .note("Found again")
        .run("unblock --uids chips.txt --why 'found again' --by quality --yes")
        .run("unblock --uids chips.txt --why 'found again' --by quality --yes --format json")
        .run(&format!("{issue} --dry-run"))
        .note("Refused")
        .run("block --why 'lost in transit' --yes")
        .run(&format!("block --uid {fourth} --why '' --yes"))
        .run(&format!("block --uid {} --why sample --yes", &fourth[4..18]))
        .run("block --uid 0209XY --why sample --yes")
        .0
        .finish();
    field.ledger_holds();
}

/// A command at another time than now.
fn at(field: &Field, time: &str, line: &str) -> Finished {
    let args = line.split(' ').chain(CONFIG.split(' '));
    Run::tool("faketime").arg(time).arg(program()).args(args).folder(field.workshop.folder()).run()
}

#[test]
fn a_round_says_what_was_published_and_why_not() {
    let (field, [first, second, ..]) = field();
    let folder = field.workshop.folder();
    let other = Field::new(1);
    other.crl();
    Run::tool("cp").arg("-a").arg(other.path("www")).arg(field.path("elsewhere")).run().success();
    let mut case = Typed(Case::new(&field.workshop, "crl"))
        .note("No round yet")
        .run_due("www --ledger pki/ledger.db")
        .note("The first round, and one after a revocation")
        .run("crl --out www")
        .run(&format!("revoke --uid {first} --reason keyCompromise --by quality --at 2026-01-01T00:00:00Z --yes"))
        .run_due("www --ledger pki/ledger.db")
        .run("crl --out www --valid 36h --format json")
        .run_due("www --ledger pki/ledger.db --before 1d")
        .run_due("www --before 3d --format json");
    put(&field.path("www/2.crl"), "changed");
    Run::tool("rm").arg("www/3.crl").folder(folder).run().success();
    case = case
        .note("A file is changed, one is missing")
        .run_due("www --before 1d")
        .run("crl --out www")
        .run_due("www")
        .note("Something is in the way of a file: the round is signed and not published")
        .run(&format!("revoke --uid {second} --hold --by quality --yes"));
    Run::tool("rm").arg("www/1.crl").folder(folder).run().success();
    create_directory(&field.path("www/1.crl"), Access::Public).unwrap();
    case = case.run("crl --out www").run_due("www --ledger pki/ledger.db").note("With a clock that is behind, nothing");
    let line = format!("crl --out www {CONFIG}");
    case.0 = case.0.ran(&line, &at(&field, "2020-01-01 00:00:00", "crl --out www"));
    Run::tool("rmdir").arg("www/1.crl").folder(folder).run().success();
    case = case.note("The same command publishes the round").run("crl --out www").run_due("www");
    case = case
        .note("What is revoked, for those who read no CRL")
        .run("crl export --to jsonl --out revocations.jsonl")
        .run("crl export --to aws-revoke --out revoke.sh --format json")
        .run("crl export --to azure-dps-disable --out disable.jsonl")
        .run("crl export --to jsonl --out revocations.jsonl")
        .note("Refused")
        .run("crl")
        .run("crl --out www --valid soon")
        .run("crl --out www --valid 0d")
        .run("crl --out elsewhere");
    put(&field.path("elsewhere/index.json"), "{}");
    case = case.run("crl --out elsewhere");
    Run::tool("mv").args(["pki/ledger.db", "away.db"]).folder(folder).run().success();
    case = case.run("crl --out www").run_due("www --ledger pki/ledger.db");
    case.0.finish();
}

impl Typed<'_> {
    /// `crl due`, which reads no configuration.
    fn run_due(self, words: &str) -> Self {
        Self(self.0.run(&format!("crl due {words}")))
    }
}

#[test]
fn a_planned_round_says_what_is_signed_and_why_not() {
    let vault = Vault::new(3);
    vault.revoke(0, &["--reason", "keyCompromise"]);
    let machines = &vault.machines;
    let mut case = Case::new(&machines.workshop, "crl_vault")
        .note("Plan")
        .run(&format!("crl plan --out one.plan {CONFIG}"))
        .run(&format!("crl plan --out again.plan --published www --format json {CONFIG}"));
    put(&machines.path("taken"), "a file of somebody");
    case = case.run(&format!("crl plan --out taken {CONFIG}")).note("Sign: a person is asked");
    let line = "sign one.plan --out one.signatures --config vault/reroot.toml";
    case = case.run_with(line, |run| run.stdin("no\n")).run_with(line, |run| run.stdin("sign\n"));
    case = case.note("A second time").run(&format!("{line} --yes --format json")).note("Finish");
    case = case.run(&format!("crl finish one.signatures --out www {CONFIG}"));
    case = case.run(&format!("crl finish one.signatures --out www --format json {CONFIG}"));

    vault.revoke(1, &["--hold"]);
    vault.plan("two.plan");
    let text = std::fs::read_to_string(machines.path("two.plan")).unwrap();
    put(&machines.path("changed.plan"), text.replacen("\"round\":2", "\"round\":3", 1));
    case = case.note("Plans that are refused");
    for plan in ["changed.plan", "one.signatures", "absent.plan"] {
        case = case.run(&format!("sign {plan} --out x.signatures --config vault/reroot.toml --yes"));
    }
    case = case.run("sign two.plan --out taken --config vault/reroot.toml --yes");
    machines.sign("two.plan", "two.signatures").success();
    planner(machines, &["crl", "finish", "two.signatures", "--out", "www"]).success();
    case = case.note("Signatures that are refused: of an earlier round, of no round, damaged");
    let signatures = std::fs::read_to_string(machines.path("two.signatures")).unwrap();
    put(&machines.path("none.signatures"), signatures.replacen("\"round\":2", "\"round\":9", 1));
    let at = signatures.find("\"signature\":\"").unwrap() + 40;
    let digit = if signatures.as_bytes()[at] == b'0' { "1" } else { "0" };
    let changed = format!("{}{digit}{}", &signatures[..at], &signatures[at + 1..]);
    put(&machines.path("changed.signatures"), changed);
    for name in ["one.signatures", "none.signatures", "changed.signatures", "two.plan", "absent.signatures"] {
        case = case.run(&format!("crl finish {name} --out www {CONFIG}"));
    }
    case.note("The key is in the vault").run(&format!("crl --out www {CONFIG}")).finish();
}

#[test]
fn an_issuing_key_has_shards_in_all_of_its_policies_or_in_none() {
    let (with, without) = (sharded(), POLICY.replace("\"workshop\"", "\"plain\""));
    let (first, second) = (Workshop::new(), Workshop::new());
    let mut cases = vec![];
    for (workshop, begun, other) in [(&first, &with, &without), (&second, &without, &with)] {
        put(&workshop.path("policy.toml"), begun);
        workshop.reel("reel.zip", 0..2);
        workshop.issue("reel.zip", "batch", &[]).success();
        put(&workshop.path("other.toml"), other);
        workshop.reel("next.zip", 2..4);
        let name = if std::ptr::eq(begun, &raw const with) { "shards_without" } else { "shards_with" };
        cases.push((Case::new(workshop, name), workshop));
    }
    for (case, workshop) in cases {
        let issue = format!("issue next.zip --policy other.toml --out next --set lot=A1 {CONFIG}");
        let plan = format!("plan next.zip --policy other.toml --out next.plan --set lot=A1 {CONFIG}");
        case.run(&issue).run(&format!("{issue} --dry-run --format json")).run(&plan).finish();
        assert!(!workshop.path("next").exists() && !workshop.path("next.plan").exists());
        // another number of shards, in a policy of its own, is not a difference; nor is the batch of an external CA
        let more = sharded().replace("\"workshop\"", "\"more\"").replace("shards = 4", "shards = 64");
        put(&workshop.path("more.toml"), more);
        let begun_with = std::fs::read_to_string(workshop.path("policy.toml")).unwrap().contains("[revocation]");
        workshop.issue_under("more.toml", "next.zip", "next", &[]).expect(if begun_with { 0 } else { 2 });
        workshop.reel("foreign.zip", 4..5);
        let foreign = ["plan", "foreign.zip", "--foreign", "--policy", "other.toml", "--out", "foreign"];
        workshop.reroot(&foreign).args(["--set", "lot=A1"]).args(CONFIG.split(' ')).run().success();
        workshop.reel("last.zip", 5..6);
        workshop.issue("last.zip", "last", &[]).success();
    }
}

/// The vault's own ledger is asked: a planner whose ledger is new plans what the key must not sign.
#[test]
fn a_vault_refuses_the_plan_of_a_policy_without_shards() {
    let vault = Vault::new(2);
    let machines = &vault.machines;
    let plain = POLICY.replace("\"workshop\"", "\"plain\"");
    put(&machines.path("plain.toml"), &plain);
    let approved = format!("policies = [\"{}\", ", reroot::crypto::sha256(plain.as_bytes()));
    machines.edit("vault", |text| text.replace("policies = [", &approved));
    let folder = machines.workshop.folder();
    Run::tool("mv").args(["pki/ledger.db", "away.db"]).folder(folder).run().success();
    machines.workshop.reel("next.zip", 2..3);
    machines.plan_under("plain.toml", "next.zip", "next.plan", &[]).success();
    let refused = machines.sign("next.plan", "next.signatures").expect(2);
    assert!(refused.err().contains("policy `plain` has no `revocation.shards`, and batch"), "{}", refused.err());
    assert!(!machines.path("next.signatures").exists());
}
