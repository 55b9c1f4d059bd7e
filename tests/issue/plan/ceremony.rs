//! From the reel to a batch that verifies, with the CA key on the other machine.

use std::sync::atomic::AtomicBool;

use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::DecodePrivateKey as _;
use reroot::config::Config;
use reroot::issue::Issuer;
use reroot::ledger::Ledger;
use reroot::pipeline::{Local, Progress, Sign, SignBasis, SignJob, Stage, run};
use reroot::signer::{Signer, SignerError};
use reroot::x509::{SignatureAlgorithm, Spki, Time};

use crate::plan::forge::Plan;
use crate::plan::machines::Machines;
use crate::plan::signed::SignatureFile;
use crate::support::workshop::{POLICY, Workshop};

#[test]
fn a_batch_is_planned_signed_elsewhere_finished_and_verified() {
    let machines = Machines::planned(500);
    let per_leaf = |name: &str| std::fs::metadata(machines.path(name)).unwrap().len() / 500;
    assert!(per_leaf("reel.plan") <= 600, "{} bytes a certificate in", per_leaf("reel.plan"));

    let signed = machines.sign("reel.plan", "reel.signatures").success();
    for shown in ["500 certificates", "workshop, SHA-256", "lot = A1", "first", "last", "CN=", "planner"] {
        assert!(signed.err().contains(shown), "the ceremony shows {shown:?}: {}", signed.err());
    }
    assert!(per_leaf("reel.signatures") <= 80, "{} bytes a certificate out", per_leaf("reel.signatures"));

    machines.finish("reel.plan", "reel.signatures", "batch").success();
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
    assert_eq!(machines.workshop.statement("batch")["issuer"]["mode"], "air-gapped");
    assert_eq!(machines.workshop.lines("batch").len(), 500);
    assert_eq!(machines.workshop.leftovers(), Vec::<String>::new());
}

#[test]
fn an_expected_list_and_a_beacon_go_the_whole_way() {
    let machines = Machines::new();
    machines.workshop.reel("reel.zip", 0..4);
    let uid = |n: u64| machines.workshop.pki.leaf(n).uid();
    machines.workshop.write("list.txt", [uid(0), uid(1), uid(2), uid(8), uid(7)].join("\n").as_bytes());
    machines.workshop.write("news", b"TEST: the news of today\n");
    let more = ["--expect", "list.txt", "--on-missing", "note", "--on-surplus", "ignore", "--beacon", "news"];
    machines.plan("reel.zip", "reel.plan", &more).expect(1);
    let plan = std::fs::read(machines.path("reel.plan")).unwrap();
    assert!(plan.starts_with(b"reroot-plan/2\n"));
    machines.sign("reel.plan", "reel.signatures").success();
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    let statement = machines.workshop.statement("batch");
    assert_eq!(statement["expected"]["missing"]["count"], 2);
    assert_eq!(statement["expected"]["surplus"], 1);
    let mut missing = [format!("{{\"chip\":\"{}\"}}\n", uid(7)), format!("{{\"chip\":\"{}\"}}\n", uid(8))];
    missing.sort_unstable();
    assert_eq!(std::fs::read_to_string(machines.path("batch/missing.jsonl")).unwrap(), missing.concat());
    machines.workshop.verify("batch", &["--input", "reel.zip", "--beacon", "news"]).success();
    // the plan goes on with its own beacon, and says so; what is published comes out again
    machines.workshop.write("other", b"TEST: the news of another day\n");
    let again = machines.plan("reel.zip", "reel.plan", &[&more[..7], &["other"]].concat()).expect(1);
    let said = again.out() + &again.err();
    assert!(said.contains("continues with it; the one given now is not used"), "{said}");
    assert_eq!(std::fs::read(machines.path("reel.plan")).unwrap(), plan);
    let batch = machines.workshop.files("batch");
    machines.workshop.delete("batch");
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    assert_eq!(machines.workshop.files("batch"), batch);
    // missing chips are checked in the section like everything else
    let mut lie = Plan::read(&machines.path("reel.plan"));
    let text = String::from_utf8(lie.small[3].clone()).unwrap();
    let (first, second) = text.split_once('\n').unwrap();
    let changed = format!("{second}{first}\n");
    let digest = |text: &str| reroot::crypto::sha256(text.as_bytes()).to_string();
    lie.replace(&digest(&text), &digest(&changed));
    lie.small[3] = changed.into_bytes();
    lie.sign(machines.workshop.folder(), "pki/ca/manifest.key.pem");
    lie.write(&machines.path("lie.plan"));
    let refused = machines.sign("lie.plan", "lie.signatures").expect(3);
    assert!(refused.err().contains("its section `missing` does not have lines"), "{}", refused.err());
    // another CA chooses its serial numbers itself
    let foreign = "\n[foreign]\nmay_differ = []\n";
    machines.workshop.write("foreign.toml", format!("{POLICY}{foreign}").as_bytes());
    let refused =
        machines.plan_under("foreign.toml", "reel.zip", "handed", &["--foreign", "--beacon", "news"]).expect(2);
    assert!(refused.err().contains("another CA chooses the serial numbers"), "{}", refused.err());
}

#[test]
fn every_command_again_changes_nothing() {
    let machines = Machines::planned(5);
    let read = |name: &str| std::fs::read(machines.path(name)).unwrap();
    let plan = read("reel.plan");
    let again = machines.plan("reel.zip", "reel.plan", &[]).success();
    assert!(again.err().contains("already done") && read("reel.plan") == plan, "{}", again.err());
    machines.sign("reel.plan", "reel.signatures").success();
    let signatures = read("reel.signatures");
    let again = machines.sign("reel.plan", "reel.signatures").success();
    assert!(again.err().contains("already done") && read("reel.signatures") == signatures, "{}", again.err());
    machines.sign("reel.plan", "lost.signatures").success();
    assert_eq!(read("lost.signatures"), signatures, "a lost file comes out again from the ledger");
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    let batch = machines.workshop.files("batch");
    let again = machines.finish("reel.plan", "reel.signatures", "batch").success();
    assert!(again.err().contains("already done"), "{}", again.err());
    machines.workshop.delete("batch");
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    assert_eq!(machines.workshop.files("batch"), batch);
    // a plan that was lost is the same one: what was signed for the first is good for the second
    machines.plan("reel.zip", "lost.plan", &[]).success();
    machines.sign("lost.plan", "again.signatures").success();
    assert_eq!(read("again.signatures"), signatures);
}

#[test]
fn nothing_is_signed_that_nobody_confirmed() {
    let machines = Machines::planned(3);
    let sign = ["sign", "reel.plan", "--out", "reel.signatures", "--config", "vault/reroot.toml"];
    for answer in ["", "no\n", "yes\n", "signal\n"] {
        let declined = machines.workshop.reroot(&sign).stdin(answer).run().expect(6);
        assert!(declined.err().contains("not confirmed"), "{}", declined.err());
        assert_eq!(machines.begun_in_vault(), 0);
    }
    machines.workshop.reroot(&sign).stdin("sign\n").run().success();
    machines.finish("reel.plan", "reel.signatures", "batch").success();
}

#[test]
fn rejections_padding_and_intermediates_come_through() {
    let machines = Machines { workshop: Workshop::new() };
    let policy = POLICY.replace("[\"test-anchor\"]", "[\"test-anchor\", \"trailing-padding\"]");
    machines.part(&[&policy]);
    machines.workshop.write("lax.toml", policy.as_bytes());
    let pki = &machines.workshop.pki;
    let padded = crate::support::pki::variants::padded(&pki.leaf(1).der, 1024, 0xFF);
    let bad = crate::support::pki::variants::bad_signature(&pki.leaf(2).der);
    let files = [("a.der", &pki.leaf(0).der), ("b.der", &padded), ("c.der", &bad)];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, der)| (*name, der.as_slice())).collect();
    machines.workshop.write("reel.zip", &crate::support::pki::archive::zip(&files));
    machines.plan_under("lax.toml", "reel.zip", "reel.plan", &[]).expect(3);
    machines.plan_under("lax.toml", "reel.zip", "reel.plan", &["--on-reject", "skip"]).expect(1);
    machines.sign("reel.plan", "reel.signatures").success();
    machines.finish("reel.plan", "reel.signatures", "batch").expect(1);
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
    let relaxed =
        machines.workshop.lines("batch").iter().filter(|line| line["relax"].to_string().contains("padding")).count();
    assert_eq!((relaxed, machines.workshop.rejected("batch").len()), (1, 1));
}

/// A signing key that gives the same signature for the same bytes (RFC 6979), as some tokens do.
struct Deterministic(p256::ecdsa::SigningKey, Spki);

impl Signer for Deterministic {
    fn public_key(&self) -> &Spki {
        &self.1
    }

    fn sign_batch(
        &self,
        _: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        signatures.extend(messages.iter().map(|message| {
            let signature: p256::ecdsa::DerSignature = self.0.sign(message);
            signature.as_bytes().to_vec()
        }));
        Ok(())
    }
}

pub(crate) struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Stage) {}
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self, _: Stage) {}
}

#[test]
fn serial_numbers_given_up_in_the_vault_are_found_again_at_the_planner() {
    let machines = Machines { workshop: Workshop::new() };
    let policy = POLICY.replace("full_width_signature = false", "full_width_signature = true");
    machines.part(&[&policy]);
    machines.workshop.write("wide.toml", policy.as_bytes());
    machines.workshop.reel("reel.zip", 0..700);
    machines.plan_under("wide.toml", "reel.zip", "reel.plan", &[]).success();

    let config = Config::load(&machines.path("vault/reroot.toml")).unwrap();
    let identity = config.issuer_identity().unwrap();
    let pem = std::fs::read_to_string(machines.path("vault/ca/issuing.key.pem")).unwrap();
    let key = p256::ecdsa::SigningKey::from_pkcs8_pem(&pem).unwrap();
    let issuer = Issuer::new(identity.clone(), Box::new(Deterministic(key, identity.spki().clone()))).unwrap();
    let ledger = Ledger::open(config.ledger_path(), identity.spki()).unwrap();
    let signing = config.signing().unwrap();
    let now = std::fs::read(machines.path("reel.plan")).unwrap();
    let at = now.windows(13).position(|window| window == b"\"issued_at\":\"").unwrap() + 13;
    let (plan, out) = (machines.path("reel.plan"), machines.path("reel.signatures"));
    let anchors = config.anchors().unwrap();
    let job = SignJob::builder(SignBasis {
        plan: &plan,
        out: &out,
        issuer: &identity,
        anchors: &anchors,
        planners: &signing.planners,
        policies: &signing.policies,
        max_days: signing.max_days,
        rule: signing.rule(),
        now: Time::from_rfc3339(std::str::from_utf8(&now[at..at + 20]).unwrap()).unwrap(),
    })
    .jobs(2)
    .build();
    let task = Sign { job: &job, confirm: &mut |_| true };
    run(task, &ledger, &Local { issuer: &issuer }, &Silent, &AtomicBool::new(false)).unwrap();

    machines.finish("reel.plan", "reel.signatures", "batch").success();
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
    let statement = machines.workshop.statement("batch");
    let discarded = statement["discarded_serials"].as_array().unwrap().len() as u64;
    // three in 256; none in 700 happens once in 4,000 runs of chance, and this key is another in each
    let made = statement["counts"]["signatures_made"].as_u64().unwrap();
    assert_eq!(made, 700 + discarded, "what the vault made beyond these is on its own ledger: {statement}");
    let file = SignatureFile::read(&machines.path("reel.signatures"));
    let in_vault: u64 = file.member("signatures_made").parse().unwrap();
    assert!(in_vault >= 700 + 2 * discarded, "each was tried twice");
    // from the ledger and the same signatures once more
    let batch = machines.workshop.files("batch");
    machines.workshop.delete("batch");
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    assert!(machines.workshop.files("batch") == batch);
    machines.plan_under("wide.toml", "reel.zip", "lost.plan", &[]).success();
}

#[test]
fn what_was_planned_is_not_issued_and_what_was_issued_is_not_planned() {
    let machines = Machines::planned(3);
    // the planner gets hold of a CA key
    let folder = machines.workshop.folder();
    crate::support::run::Run::tool("cp").args(["vault/ca/issuing.key.pem", "pki/ca/"]).folder(folder).run().success();
    machines.edit("pki", |text| text.replace("[issuer]", "[issuer]\nkey = \"ca/issuing.key.pem\""));
    let refused = machines.workshop.issue("reel.zip", "batch", &[]).expect(2);
    assert!(refused.err().contains("started with `plan --form der`"), "{}", refused.err());
    machines.workshop.reel("other.zip", 7..9);
    machines.workshop.issue("other.zip", "other", &[]).success();
    let refused = machines.plan("other.zip", "other.plan", &[]).expect(2);
    assert!(refused.err().contains("this command uses `plan --form der`"), "{}", refused.err());
}
