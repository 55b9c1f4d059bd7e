//! Four eyes: what a second person approves is what is signed, and nothing else is.

use reroot::config::Config;
use reroot::ledger::{Ledger, SignerRequest};

use crate::plan::machines::Machines;
use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::run::{Finished, Run};

/// Persons with a key and a certificate of their own each.
pub(crate) fn person(machines: &Machines, name: &str, days: u32) {
    let line = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem -days {days} -subj \
         /CN={name} -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature"
    );
    // openssl adds a CA's basicConstraints of its own unless it has another configuration
    put(&machines.path("empty.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n");
    let run = Run::openssl().folder(machines.workshop.folder()).env("OPENSSL_CONF", "empty.cnf");
    run.args(line.split(' ')).run().success();
    let key = machines.path(&format!("{name}.key"));
    put_private(&key);
}

fn put_private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A plan of three leaves; the vault demands this many approvals by anna, bert or carl.
fn guarded(approvals: u32) -> Machines {
    let machines = Machines::planned(3);
    for name in ["anna", "bert", "carl", "mallory"] {
        person(&machines, name, 3650);
    }
    demand(&machines, approvals);
    machines
}

pub(crate) fn demand(machines: &Machines, approvals: u32) {
    machines.edit("vault", |text| {
        text + &format!(
            "approvals = {approvals}\n\n[signing.approvers]\nanna = \"../anna.pem\"\nbert = \"../bert.pem\"\n\"carl@example.com\" = \
             \"../carl.pem\"\n"
        )
    });
}

pub(crate) fn approve_as(machines: &Machines, name: &str, requester: &str, plan: &str, more: &[&str]) -> Finished {
    let (key, certificate, out) =
        (format!("{name}.key"), format!("{name}.pem"), format!("{}.{name}.approval", plan.replace('.', "-")));
    let args = ["approve", plan, "--planner", "pki/ca/manifest.pem", "--requester", requester, "--yes"];
    let own = ["--key", &key, "--certificate", &certificate, "--out", &out];
    Run::tool("rm").args(["-f", &out]).folder(machines.workshop.folder()).run().success();
    machines.workshop.reroot(&args).args(own).args(more).run()
}

fn approve(machines: &Machines, name: &str) -> String {
    approve_as(machines, name, "anna", "reel.plan", &[]).success();
    format!("reel-plan.{name}.approval")
}

fn sign(machines: &Machines, approvals: &[&str]) -> Finished {
    let args = ["sign", "reel.plan", "--out", "reel.signatures", "--config", "vault/reroot.toml", "--yes"];
    machines.workshop.reroot(&args).args(approvals.iter().flat_map(|file| ["--approval", file])).run()
}

fn requests(machines: &Machines) -> Vec<SignerRequest> {
    let config = Config::load(&machines.path("vault/reroot.toml")).unwrap();
    if !config.ledger_path().exists() {
        return vec![];
    }
    Ledger::open(config.ledger_path(), config.issuer_identity().unwrap().spki()).unwrap().signer_requests().unwrap()
}

/// Refused before the key is used, and the refusal is on the ledger.
fn refused(machines: &Machines, approvals: &[&str], reason: &str) {
    let before = requests(machines).len();
    let said = sign(machines, approvals).expect(3).err();
    assert!(said.contains(reason), "expected {reason:?}: {said}");
    assert!(!machines.path("reel.signatures").exists());
    assert_eq!(machines.begun_in_vault(), 0);
    let requests = requests(machines);
    assert_eq!(requests.len(), before + 1, "{reason}");
    let last = requests.last().unwrap();
    assert!(last.refused.as_ref().is_some_and(|refused| refused.contains(reason)), "{last:?}");
    assert!(last.approvals.is_empty());
}

#[test]
fn one_other_person_approves_and_the_ledger_keeps_the_approval() {
    let machines = guarded(1);
    refused(&machines, &[], "0 of 1 approvals were given");
    let bert = approve(&machines, "bert");
    sign(&machines, &[&bert]).success();
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();

    let requests = requests(&machines);
    let last = requests.last().unwrap();
    assert_eq!((requests.len(), last.action.as_str(), &last.refused), (2, "sign-plan", &None));
    let [approval] = &last.approvals[..] else { panic!("{last:?}") };
    assert_eq!(approval.person, "bert");
    // what the ledger keeps is what openssl verifies with the person's certificate
    put(&machines.path("line"), &approval.line);
    put(&machines.path("line.p7s"), &approval.signature);
    let verify =
        "cms -verify -binary -inform DER -in line.p7s -content line -nointern -certfile bert.pem -noverify -out said";
    Run::openssl().folder(machines.workshop.folder()).args(verify.split(' ')).run().success();
    assert_eq!(std::fs::read(machines.path("said")).unwrap(), approval.line);
    machines.workshop.reroot(&["ledger", "verify", "--config", "vault/reroot.toml"]).run().success();
    // what was signed comes out again without a second approval: the key is not used
    Run::tool("rm").arg("reel.signatures").folder(machines.workshop.folder()).run().success();
    sign(&machines, &[]).success();
}

#[test]
fn two_persons_approve_and_one_person_is_not_two() {
    let machines = guarded(2);
    let (bert, carl) = (approve(&machines, "bert"), approve(&machines, "carl"));
    refused(&machines, &[&bert], "1 of 2 approvals were given");
    refused(&machines, &[&bert, &bert], "is a second one by `bert`");
    put(&machines.path("copy"), std::fs::read(machines.path(&bert)).unwrap());
    approve_as(&machines, "bert", "anna", "reel.plan", &["--days", "3"]).success();
    refused(&machines, &["copy", &bert], "is a second one by `bert`");
    let own = approve(&machines, "anna");
    refused(&machines, &[&bert, &own], "is by `anna`, who made the request");
    approve_as(&machines, "carl", "dora", "reel.plan", &[]).success();
    refused(&machines, &[&bert, &carl], "names the requester `dora`, an earlier one names `anna`");
    approve_as(&machines, "carl", "anna", "reel.plan", &[]).success();
    sign(&machines, &[&bert, &carl]).success();
    let last = requests(&machines).pop().unwrap();
    assert_eq!(
        last.approvals.iter().map(|approval| approval.person.as_str()).collect::<Vec<_>>(),
        ["bert", "carl@example.com"]
    );
}

/// The person who asked is recognised in any spelling of the name.
#[test]
fn the_requester_never_counts() {
    let machines = guarded(1);
    for requester in ["bert", "BERT", "Bert"] {
        approve_as(&machines, "bert", requester, "reel.plan", &[]).success();
        refused(&machines, &["reel-plan.bert.approval"], "who made the request");
    }
    for bad in ["", " ", " bert", "bert ", "be\u{1b}rt", "be\nrt"] {
        let said = approve_as(&machines, "bert", bad, "reel.plan", &[]).expect(2).err();
        assert!(said.contains("--requester"), "{said}");
    }
}

#[test]
fn an_approval_is_for_one_plan_in_its_time_by_a_configured_key() {
    let machines = guarded(1);
    let bert = approve(&machines, "bert");
    let genuine = std::fs::read(machines.path(&bert)).unwrap();

    approve(&machines, "mallory");
    refused(&machines, &["reel-plan.mallory.approval"], "has no valid signature of a configured approver");

    // a different plan, made of a different reel
    machines.workshop.reel("second.zip", 5..9);
    machines.plan("second.zip", "second.plan", &[]).success();
    approve_as(&machines, "bert", "anna", "second.plan", &[]).success();
    refused(&machines, &["second-plan.bert.approval"], "is for another signature: its `subject` is");

    // every changed byte of line and signature
    let text = String::from_utf8(genuine.clone()).unwrap();
    let changed = [
        text.replace("\"count\":3", "\"count\":4"),
        text.replace("sign-plan", "sign-crl-plan"),
        text.replace("anna", "dora"),
        text.replacen('{', "{ ", 1),
    ];
    for (at, text) in changed.iter().enumerate() {
        assert_ne!(text.as_bytes(), genuine);
        put(&machines.path("changed"), text);
        refused(&machines, &["changed"], "has no valid signature of a configured approver");
        assert!(at < 4);
    }
    let line = text.find('\n').unwrap() + 1;
    for (content, reason) in [
        (text[..line].to_owned(), "is not an approval"),
        (text[line..].to_owned(), "is not an approval"),
        (String::new(), "it has only one line"),
        (text.clone() + &text[line..], "what follows its first line is not one PEM block `CMS`"),
        (text.replace("CMS", "CERTIFICATE"), "what follows its first line is not one PEM block `CMS`"),
    ] {
        put(&machines.path("malformed"), content);
        let said = sign(&machines, &["malformed"]).expect(3).err();
        assert!(said.contains(reason), "expected {reason:?}: {said}");
    }
    let said = sign(&machines, &["missing.approval"]).expect(3).err();
    assert!(said.contains("cannot read `missing.approval`"), "{said}");

    // with one good approval beside it, a bad one is still a reason to stop
    put(&machines.path("changed"), &changed[0]);
    refused(&machines, &[&bert, "changed"], "has no valid signature of a configured approver");

    // after its time, by the clock of the machine that signs
    let args =
        ["sign", "reel.plan", "--out", "reel.signatures", "--config", "vault/reroot.toml", "--yes", "--approval"];
    let late = Run::tool("faketime").args(["-f", "+8d", env!("CARGO_BIN_EXE_reroot")]).args(args).arg(&bert);
    let said = late.folder(machines.workshop.folder()).run().expect(3).err();
    assert!(said.contains("expired at"), "{said}");

    sign(&machines, &[&bert]).success();
}

#[test]
fn the_approvers_certificate_must_be_valid_and_for_signatures() {
    let machines = guarded(1);
    person(&machines, "bert", 1);
    approve_as(&machines, "bert", "anna", "reel.plan", &["--days", "30"]).success();
    let args =
        ["sign", "reel.plan", "--out", "reel.signatures", "--config", "vault/reroot.toml", "--yes", "--approval"];
    let late = Run::tool("faketime").args(["-f", "+3d", env!("CARGO_BIN_EXE_reroot")]);
    let said = late.args(args).arg("reel-plan.bert.approval").folder(machines.workshop.folder()).run().expect(2).err();
    assert!(said.contains("the approver's certificate `CN=bert` is valid from"), "{said}");

    let sign_with = |key: &str, certificate: &str| {
        let args = ["approve", "reel.plan", "--planner", "pki/ca/manifest.pem", "--requester", "anna", "--yes"];
        machines.workshop.reroot(&args).args(["--key", key, "--certificate", certificate, "--out", "no.approval"]).run()
    };
    assert!(
        sign_with("carl.key", "anna.pem").expect(2).err().contains("the key is not the key of the certificate"),
        "a key of a different certificate"
    );
    assert!(sign_with("vault/ca/root.key.pem", "pki/ca/root.pem").expect(2).err().contains("is a CA's"));
    assert!(!machines.path("no.approval").exists());
}

#[test]
fn the_configuration_names_different_persons_with_different_keys() {
    let machines = Machines::planned(3);
    for name in ["anna", "bert"] {
        person(&machines, name, 3650);
    }
    let config = std::fs::read_to_string(machines.path("vault/reroot.toml")).unwrap();
    for (more, reason) in [
        ("approvals = 1\n", "`approvals` is 1, and `approvers` has 0"),
        ("approvers = { anna = \"../anna.pem\" }\n", "`approvals` does not say how many of them must approve"),
        ("approvals = 0\n", "`approvals` is not a number from 1 to 9"),
        (
            "approvals = 1\napprovers = { anna = \"../anna.pem\", ANNA = \"../bert.pem\" }\n",
            "the approver `anna` is there twice",
        ),
        (
            "approvals = 1\napprovers = { anna = \"../anna.pem\", bert = \"../anna.pem\" }\n",
            "the approver `bert` has the key of the approver `anna`",
        ),
        ("approvals = 1\napprovers = { anna = \"ca/manifest.pem\" }\n", "the approver `anna` has the key of a planner"),
        ("approvals = 1\napprovers = { \" \" = \"../anna.pem\" }\n", "the approver's name"),
        ("approvals = 1\napprovers = [\"../anna.pem\"]\n", "`approvers` is an array, expected a table"),
        ("approvals = 1\napprovers = { anna = 7 }\n", "`anna` is an integer, expected a string"),
        ("approvals = 1\napprovers = { anna = \"../none.pem\" }\n", "none.pem"),
    ] {
        put(&machines.path("vault/reroot.toml"), format!("{config}{more}"));
        let said = sign(&machines, &[]).expect(2).err();
        assert!(said.contains(reason), "expected {reason:?}: {said}");
    }
}

#[test]
fn an_approval_in_words() {
    let machines = guarded(1);
    let bert = "--requester anna --certificate bert.pem --key bert.key";
    let vault = "--out reel.signatures --config vault/reroot.toml --yes";
    machines.workshop.reel("second.zip", 5..9);
    machines.plan("second.zip", "second.plan", &[]).success();
    approve_as(&machines, "bert", "anna", "second.plan", &[]).success();
    approve_as(&machines, "mallory", "anna", "reel.plan", &[]).success();
    approve_as(&machines, "carl", "dora", "reel.plan", &[]).success();
    put(&machines.path("carl.approval"), std::fs::read(machines.path("reel-plan.carl.approval")).unwrap());
    approve_as(&machines, "bert", "anna", "reel.plan", &[]).success();
    let text = std::fs::read_to_string(machines.path("reel-plan.bert.approval")).unwrap();
    put(&machines.path("changed"), text.replace("\"count\":3", "\"count\":4"));
    let args =
        "sign reel.plan --out reel.signatures --config vault/reroot.toml --yes --approval reel-plan.bert.approval";
    let late = Run::tool("faketime").args(["-f", "+8d", env!("CARGO_BIN_EXE_reroot")]).args(args.split(' '));
    let late = late.folder(machines.workshop.folder()).run();
    Case::new(&machines.workshop, "approve")
        .note("What is approved is shown; a person is asked")
        .run_with(&format!("approve reel.plan --planner pki/ca/manifest.pem {bert} --out no.approval"), |run| {
            run.stdin("no\n")
        })
        .run_with(&format!("approve reel.plan --planner pki/ca/manifest.pem {bert} --out bert.approval"), |run| {
            run.stdin("approve\n")
        })
        .note("A planner that is not the plan's")
        .run(&format!("approve reel.plan --planner anna.pem {bert} --out no.approval --yes"))
        .note("The machine that signs demands one approval")
        .run(&format!("sign reel.plan {vault}"))
        .note("The person who asked, written in capitals, does not count")
        .run("approve reel.plan --planner pki/ca/manifest.pem --requester BERT --certificate bert.pem --key bert.key --out own.approval --yes")
        .run(&format!("sign reel.plan {vault} --approval own.approval"))
        .note("Approvals that do not hold: of a different plan, changed, by an unknown key, of two requesters, twice, no file")
        .run(&format!("sign reel.plan {vault} --approval second-plan.bert.approval"))
        .run(&format!("sign reel.plan {vault} --approval changed"))
        .run(&format!("sign reel.plan {vault} --approval reel-plan.mallory.approval"))
        .run(&format!("sign reel.plan {vault} --approval bert.approval --approval carl.approval"))
        .run(&format!("sign reel.plan {vault} --approval bert.approval --approval bert.approval"))
        .run(&format!("sign reel.plan {vault} --approval policy.toml"))
        .run(&format!("sign reel.plan {vault} --approval none.approval"))
        .note("Certificates and names that cannot approve")
        .run("approve reel.plan --planner pki/ca/manifest.pem --requester anna --certificate pki/ca/issuing.pem --key vault/ca/issuing.key.pem --out own2.approval --yes")
        .run("approve reel.plan --planner pki/ca/manifest.pem --requester \"\" --certificate bert.pem --key bert.key --out own2.approval --yes")
        .ran(&format!("sign reel.plan {vault} --approval bert.approval   # eight days later"), &late)
        .finish();
    // its length depends on the signatures: no transcript
    let signed = sign(&machines, &["bert.approval"]).success().err();
    assert!(signed.contains("approved by   bert"), "{signed}");
}
