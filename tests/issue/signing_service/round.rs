//! Whole rounds through the socket.

use reroot::crypto::sha256;
use reroot::signing_service::{ApprovalMode, Click, Readiness, RequestState};
use reroot::x509::Time;

use super::{Bench, ended, is_ready, outcome, signed};
use crate::plan::machines::Machines;
use crate::plan::token::Token;
use crate::support::judges::put;

#[test]
fn a_plan_goes_in_and_its_signatures_make_the_batch() {
    let bench = Bench::new(30);
    let signer = bench.start();
    is_ready(&signer.client);
    let state = signer.client.state().unwrap();
    assert_eq!((state.approvals, state.approvals_needed, state.queued), (ApprovalMode::Signed, 1, 0));
    assert_eq!(state.readiness, Readiness::Ready {});
    assert!(state.free_bytes > 0 && state.build.starts_with("reroot "), "{state:?}");

    let plan = bench.path("reel.plan");
    signer.refuses(&plan, &[], "approval.too-few");
    // what is missing is added, and the request is the same
    let (id, state) = signer.submit(&plan, &[bench.approval("bert")]);
    assert_eq!(id, sha256(&std::fs::read(&plan).unwrap()));
    let digest = signed(&state);
    assert_eq!(signer.client.fetch(id, &bench.path("reel.signatures")).unwrap(), digest);
    assert_eq!(sha256(&std::fs::read(bench.path("reel.signatures")).unwrap()), digest);
    // a second time is no mistake, and nothing is signed again
    assert_eq!(signer.client.submit(&plan, &[], None).unwrap(), (id, state));
    assert_eq!(signer.client.fetch(id, &bench.path("reel.signatures")).unwrap(), digest);

    let status = bench.machines.workshop.reroot(&["signer", "status", "--socket", "s"]).run().success();
    assert!(status.out().contains("ready") && status.out().contains("1, signed by persons"), "{}", status.out());
    let ended = signer.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.err());
    assert!(!bench.socket().exists(), "the socket goes with the service");
    bench.check_batch("reel.signatures", 30);

    let requests = bench.requests();
    assert_eq!(requests.iter().map(outcome).collect::<Vec<_>>(), ["refused", "accepted", "signed"]);
    for request in &requests {
        let service = request.service.as_ref().unwrap();
        assert_eq!((service.file, service.peer), (id, rustix::process::geteuid().as_raw()));
        assert_eq!(request.action, "sign-plan");
    }
    assert_eq!(requests[1].approvals[0].person, "bert");
    assert_eq!(requests[1].subject, requests[2].subject);
}

#[test]
fn two_plans_are_signed_one_after_the_other_and_a_token_can_do_it() {
    let token = Token::of(Machines::planned(8));
    let bench = Bench::with(token.machines, |machines| crate::plan::approvals::demand(machines, 1));
    bench.machines.workshop.reel("more.zip", 100..104);
    bench.machines.plan("more.zip", "more.plan", &[]).success();
    let signer = bench.started(bench.command().env("SOFTHSM2_CONF", bench.path("softhsm2.conf")));
    let approvals = [bench.approval("bert"), bench.approval_of("bert", "anna", "more.plan", &[])];
    let (one, _) = signer.client.submit(&bench.path("reel.plan"), &approvals[..1], None).unwrap();
    let (two, _) = signer.client.submit(&bench.path("more.plan"), &approvals[1..], None).unwrap();
    for id in [one, two] {
        signed(&ended(&signer.client, id));
    }
    signer.client.fetch(one, &bench.path("reel.signatures")).unwrap();
    signer.client.fetch(two, &bench.path("more.signatures")).unwrap();
    bench.machines.finish("more.plan", "more.signatures", "more").success();
    signer.stop();
    bench.check_batch("reel.signatures", 8);
}

#[test]
fn a_plan_of_revocation_lists_is_signed_by_the_same_service() {
    let bench = Bench::new(3);
    let signer = bench.start();
    let (id, state) = signer.submit(&bench.path("reel.plan"), &[bench.approval("bert")]);
    signed(&state);
    signer.client.fetch(id, &bench.path("reel.signatures")).unwrap();
    bench.machines.finish("reel.plan", "reel.signatures", "batch").success();
    let pki = |args: &[&str]| bench.machines.workshop.reroot(args).args(["--config", "pki/reroot.toml"]).run();
    pki(&["crl", "plan", "--out", "round.plan"]).success();
    let plan = bench.path("round.plan");
    signer.refuses(&plan, &[], "approval.too-few");
    // an approval of the other plan is none of this one
    signer.refuses(&plan, &[bench.approval("bert")], "approval.other-plan");
    let (id, state) = signer.submit(&plan, &[bench.approval_of("bert", "anna", "round.plan", &[])]);
    signed(&state);
    signer.client.fetch(id, &bench.path("round.signatures")).unwrap();
    pki(&["crl", "finish", "round.signatures", "--out", "crl"]).success();
    signer.stop();
    let requests = bench.requests();
    let last = requests.last().unwrap();
    assert_eq!((last.action.as_str(), last.about.as_str(), outcome(last)), ("sign-crl-plan", "round 1", "signed"));
}

fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_unix(i64::try_from(since.as_secs()).unwrap()).unwrap()
}

/// The console is the approver; the requester is not, and the configuration says so where others cannot write.
#[test]
fn a_click_counts_where_the_configuration_says_so() {
    let bench = Bench::with_console(3);
    let config = bench.path("vault/reroot.toml");
    // others could write it
    let mode = |mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&config, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o666);
    let refused = bench.command().arg("--allow-shared").run().expect(2);
    assert!(refused.err().contains("and other users can change that"), "{}", refused.err());
    mode(0o644);

    let signer = bench.start();
    let plan = bench.path("reel.plan");
    assert_eq!(signer.client.state().unwrap().approvals, ApprovalMode::Console);
    let click = |person: &str| Click { person: person.to_owned(), requester: "anna".to_owned(), at: now() };
    signer.refuses(&plan, &[], "approval.too-few");
    // a signature does not stand for a click: no person is known here
    signer.refuses(&plan, &[bench.approval("bert")], "approval.no-approver");
    let submit = |click: &Click| {
        let (id, _) = signer.client.submit(&plan, &[], Some(click)).unwrap();
        (id, ended(&signer.client, id))
    };
    for (bad, expected) in [
        (click("anna"), "approval.own-request"),
        (click("Anna"), "approval.own-request"),
        (click(" bert"), "approval.click"),
        (Click { at: Time::from_unix(now().unix() + 3600).unwrap(), ..click("bert") }, "approval.click"),
        (Click { at: Time::from_unix(now().unix() - 31 * 86_400).unwrap(), ..click("bert") }, "approval.click"),
    ] {
        let (_, state) = submit(&bad);
        assert!(matches!(&state, RequestState::Refused { code, .. } if code == expected), "{bad:?}: {state:?}");
    }
    let (id, state) = submit(&click("bert"));
    signed(&state);
    signer.client.fetch(id, &bench.path("reel.signatures")).unwrap();
    signer.stop();
    bench.check_batch("reel.signatures", 3);
    let accepted: Vec<_> = bench.requests().into_iter().filter(|request| outcome(request) == "accepted").collect();
    let [request] = &accepted[..] else { panic!("{accepted:?}") };
    let clicked = request.service.as_ref().unwrap().click.as_ref().unwrap();
    assert_eq!((clicked.person.as_str(), clicked.requester.as_str()), ("bert", "anna"));
}

#[test]
fn a_service_without_approvers_or_a_section_does_not_start() {
    let machines = Machines::new();
    let serve = |expected: &str| {
        let args = ["signer", "--config", "vault/reroot.toml", "--new-ledger"];
        let refused = machines.workshop.reroot(&args).run().expect(2);
        assert!(refused.err().contains(expected), "{}", refused.err());
    };
    serve("there is no [signer]");
    machines.edit("vault", |text| text + "\n[signer]\nsocket = \"../s\"\ndirectory = \"../spool\"\n");
    serve("`approvals` in [signing] is missing");
    machines.edit("vault", |text| text.replace("max_days = 30\n", "max_days = 30\napprovals = \"console\"\n"));
    machines.edit("vault", |text| text.replace("../spool\"\n", "../spool\"\npeers = [\"nobody-of-that-name\"]\n"));
    serve("who is not a user of this machine");
    machines.edit("vault", |text| text.replace("peers = ", "peer = "));
    let refused = machines.workshop.reroot(&["signer", "--config", "vault/reroot.toml"]).run().expect(2);
    assert!(refused.err().contains("unknown key `peer` in [signer]"), "{}", refused.err());
    put(&machines.path("s"), "not a socket");
    machines.edit("vault", |text| text.replace("peer = [\"nobody-of-that-name\"]\n", ""));
    std::fs::create_dir(machines.path("spool")).unwrap();
    serve("exists and is not a socket");
}
