//! The program that hands plans over was taken over: it has the planner's key and may connect, and it asks for everything
//! that it can think of. It gets no signature, and each request leaves a record.

use reroot::signing_service::{Click, RequestState};
use reroot::x509::Time;

use super::{Bench, Signer, ended, is_ready, outcome, signed};
use crate::plan::approvals::approve_as;
use crate::support::judges::put;
use crate::support::workshop::POLICY;

/// Nothing was signed: the vault began no batch, and every request that was taken has a refusal on the ledger.
struct Attack {
    bench: Bench,
    signer: Option<Signer>,
    refused: usize,
}

impl Attack {
    fn on(bench: Bench) -> Self {
        let signer = bench.start();
        is_ready(&signer.client);
        Self { bench, signer: Some(signer), refused: 0 }
    }

    #[track_caller]
    fn refused(&mut self, plan: &str, approvals: &[String], code: &str) {
        self.signer.as_ref().unwrap().refuses(&self.bench.path(plan), approvals, code);
        self.refused += 1;
    }

    fn end(mut self) {
        assert_eq!(self.signer.take().unwrap().stop().code, Some(0));
        assert_eq!(self.bench.machines.begun_in_vault(), 0, "no batch was begun");
        let requests = self.bench.requests();
        assert_eq!(requests.iter().map(outcome).collect::<Vec<_>>(), vec!["refused"; self.refused]);
        assert!(requests.iter().all(|request| request.service.is_some() && request.approvals.is_empty()));
        self.bench.machines.workshop.reroot(&["ledger", "verify", "--config", "vault/reroot.toml"]).run().success();
    }
}

/// The text of an approval with one thing of its line changed, and its signature as it was.
fn changed(approval: &str, from: &str, to: &str) -> String {
    let text = approval.replacen(from, to, 1);
    assert_ne!(text, approval, "{from}");
    text
}

#[test]
fn no_forged_approval_gets_a_signature() {
    let bench = Bench::new(3);
    let bert = bench.approval("bert");
    // another plan, with approvals of its own
    bench.machines.workshop.reel("other.zip", 50..53);
    bench.machines.plan("other.zip", "other.plan", &[]).success();
    let others = bench.approval_of("carl", "anna", "other.plan", &[]);
    let own = bench.approval_of("bert", "bert", "reel.plan", &[]);
    let own_in_capitals = bench.approval_of("bert", "BERT", "reel.plan", &[]);
    let mallory = bench.approval("mallory");
    let mut attack = Attack::on(bench);
    let plan = "reel.plan";
    attack.refused(plan, &[], "approval.too-few");
    // self-approval, also in other letters
    attack.refused(plan, &[own], "approval.own-request");
    attack.refused(plan, &[own_in_capitals], "approval.own-request");
    // replayed for another plan
    attack.refused(plan, std::slice::from_ref(&others), "approval.other-plan");
    // by a person whom this machine does not know
    attack.refused(plan, std::slice::from_ref(&mallory), "approval.no-approver");
    // one that holds beside one that does not
    attack.refused(plan, &[bert.clone(), mallory], "approval.no-approver");
    // every member of the line, with the signature over what it was
    let line = bert.lines().next().unwrap().to_owned();
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    for member in ["subject", "issuer", "policy", "requester", "not_after", "nonce", "action", "format"] {
        let text = value[member].as_str().unwrap();
        let other = match member {
            "not_after" => "2099-01-01T00:00:00Z".to_owned(),
            "action" => "sign-crl-plan".to_owned(),
            "format" => "reroot-approval/2".to_owned(),
            "requester" => "carl".to_owned(),
            _ => "0".repeat(text.len()),
        };
        let forged = changed(&bert, &format!("\"{text}\""), &format!("\"{other}\""));
        attack.refused(plan, &[forged], "approval.no-approver");
    }
    attack.refused(plan, &[changed(&bert, "\"count\":3", "\"count\":4")], "approval.no-approver");
    // the line of one person and the signature of another
    let (_, signature) = others.split_once('\n').unwrap();
    attack.refused(plan, &[format!("{line}\n{signature}")], "approval.no-approver");
    // not the form of an approval
    attack.refused(plan, &[String::new()], "approval.malformed");
    attack.refused(plan, &[line], "approval.malformed");
    attack.refused(plan, &["x".repeat(300_000)], "approval.malformed");
    attack.end();
}

#[test]
fn two_persons_are_two_persons_and_time_passes() {
    let bench = Bench::with(crate::plan::machines::Machines::planned(3), |machines| {
        crate::plan::approvals::demand(machines, 2);
    });
    let bert = bench.approval("bert");
    approve_as(&bench.machines, "bert", "anna", "reel.plan", &["--days", "3"]).success();
    let again = bench.text("reel-plan.bert.approval");
    let for_dora = bench.approval_of("carl", "dora", "reel.plan", &[]);
    let carl = bench.approval("carl");
    let mut attack = Attack::on(bench);
    attack.refused("reel.plan", std::slice::from_ref(&bert), "approval.too-few");
    // twice by one person: what was given before stays, so this is the second
    attack.refused("reel.plan", &[again], "approval.twice");
    attack.refused("reel.plan", &[bert.clone(), for_dora], "approval.requesters");
    attack.end();
    // both together are what the rule demands; it is the same plan
    let bench = Bench::with(crate::plan::machines::Machines::planned(3), |machines| {
        crate::plan::approvals::demand(machines, 2);
    });
    let mut attack = Attack::on(bench);
    attack.refused("reel.plan", &[bert, carl], "approval.no-approver");
    attack.end();
}

#[test]
fn an_expired_approval_is_none() {
    let bench = Bench::new(3);
    let bert = bench.approval_of("bert", "anna", "reel.plan", &["--days", "1"]);
    // the machine's clock is two days later
    let run = crate::support::run::Run::tool("faketime").args(["-f", "+2d"]).arg(crate::support::run::program());
    let run = run.args(super::SERVE).folder(bench.machines.workshop.folder());
    let run = bench.machines.workshop.env.iter().fold(run, |run, (name, value)| run.env(name, value));
    let signer = bench.started(run);
    is_ready(&signer.client);
    let mut attack = Attack { bench, signer: Some(signer), refused: 0 };
    attack.refused("reel.plan", &[bert], "approval.expired");
    attack.end();
}

#[test]
fn a_plan_that_this_machine_would_not_make_gets_no_signature() {
    let bench = Bench::new(3);
    let bert = bench.approval("bert");
    let content = std::fs::read(bench.path("reel.plan")).unwrap();
    let folder = &bench.machines;
    // a policy that is not on the list
    folder.workshop.write("looser.toml", POLICY.replacen("version = ", "# looser\nversion = ", 1).as_bytes());
    folder.workshop.reel("free.zip", 60..63);
    folder.plan_under("looser.toml", "free.zip", "looser.plan", &[]).success();
    let mut attack = Attack::on(bench);
    // a byte changed at any place, after it was approved
    let mut cases = 0;
    for at in (0..content.len()).step_by(content.len() / 24) {
        let mut forged = content.clone();
        forged[at] ^= 1;
        let name = format!("forged-{at}");
        put(&attack.bench.path(&name), &forged);
        let signer = attack.signer.as_ref().unwrap();
        let (_, state) = signer.submit(&attack.bench.path(&name), std::slice::from_ref(&bert));
        assert!(matches!(&state, RequestState::Refused { .. }), "byte {at}: {state:?}");
        attack.refused += 1;
        cases += 1;
    }
    assert!(cases >= 24);
    // cut off, and with more behind it
    for (name, bytes) in [("cut", content[..content.len() - 1].to_vec()), ("more", [&content[..], b"x"].concat())] {
        put(&attack.bench.path(name), &bytes);
        attack.refused(name, std::slice::from_ref(&bert), "plan.refused");
    }
    attack.refused("looser.plan", std::slice::from_ref(&bert), "plan.policy");
    // a click where signatures are demanded
    let click =
        Click { person: "bert".to_owned(), requester: "anna".to_owned(), at: Time::from_unix(1_800_000_000).unwrap() };
    let signer = attack.signer.as_ref().unwrap();
    let (id, _) = signer.client.submit(&attack.bench.path("reel.plan"), &[], Some(&click)).unwrap();
    let state = ended(&signer.client, id);
    assert!(matches!(&state, RequestState::Refused { code, .. } if code == "approval.click-not-taken"), "{state:?}");
    attack.refused += 1;
    attack.end();
}

/// The planner is not on the list, although its plan is approved by a person who is.
#[test]
fn a_plan_of_another_planner_gets_no_signature() {
    let bench = Bench::new(3);
    let bert = bench.approval("bert");
    // the list names another certificate: that of a person
    bench.machines.edit("vault", |text| text.replace("[\"ca/manifest.pem\"]", "[\"../mallory.pem\"]"));
    let mut attack = Attack::on(bench);
    attack.refused("reel.plan", &[bert], "plan.planner");
    attack.end();
}

/// Leaves whose chain does not reach an anchor of this machine, whatever the planner's anchors are.
#[test]
fn leaves_that_do_not_verify_here_get_no_signature() {
    let bench = Bench::new(3);
    let bert = bench.approval("bert");
    let st = "stm-stsafe-a-prod-ca-01.pem";
    bench.machines.edit("vault", |text| text.replace("test-root.pem", st));
    let mut attack = Attack::on(bench);
    attack.signer.as_ref().unwrap().client.state().unwrap();
    let (_, state) = attack.signer.as_ref().unwrap().submit(&attack.bench.path("reel.plan"), &[bert]);
    assert!(matches!(&state, RequestState::Refused { .. }), "{state:?}");
    attack.refused += 1;
    attack.end();
}

/// What was approved once is signed once: the same approvals with a plan made again for the same chips get nothing.
#[test]
fn an_approval_that_was_used_gets_nothing_more() {
    let bench = Bench::new(3);
    let bert = bench.approval("bert");
    let signer = bench.start();
    let (_, state) = signer.submit(&bench.path("reel.plan"), std::slice::from_ref(&bert));
    signed(&state);
    // the planner forgets the first plan, and plans the same chips again
    let gone = ["pki/ledger.db", "pki/ledger.db-wal", "pki/ledger.db-shm", "pki/ledger.db-lock"];
    let folder = bench.machines.workshop.folder();
    crate::support::run::Run::tool("rm").arg("-f").args(gone).folder(folder).run().success();
    crate::support::run::Run::tool("rm").args(["-rf", "pki/state"]).folder(folder).run().success();
    let planned = bench.machines.plan("reel.zip", "again.plan", &[]);
    assert_eq!(planned.code, Some(0), "{}", planned.err());
    signer.refuses(&bench.path("again.plan"), std::slice::from_ref(&bert), "plan.taken");
    let approved = bench.approval_of("bert", "anna", "again.plan", &[]);
    signer.refuses(&bench.path("again.plan"), &[approved], "plan.taken");
    signer.stop();
    assert_eq!(bench.requests().iter().map(outcome).collect::<Vec<_>>(), ["accepted", "signed", "refused", "refused"]);
}
