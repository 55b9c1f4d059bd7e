//! Kills, full disks and tokens that hang: the same plan submitted again is signed once.

use reroot::signing_service::{Readiness, RequestState};
use rustix::process::Signal;

use super::{Bench, ended, is_over, is_ready, outcome, send, signed, until};
use crate::plan::approvals::demand;
use crate::plan::machines::Machines;
use crate::plan::token::Token;
use crate::support::campaign::sample;

/// What is left of a service that was killed becomes a batch when it is started again and, where the plan had not arrived,
/// the plan is submitted again.
fn recover(bench: &Bench, approvals: &[String], leaves: usize, case: &str) {
    let signer = bench.start();
    let (id, state) = signer.submit(&bench.path("reel.plan"), approvals);
    let RequestState::Signed { .. } = state else { panic!("{case}: {state:?}") };
    signer.client.fetch(id, &bench.path("reel.signatures")).unwrap();
    signer.stop();
    assert!(std::fs::read_dir(bench.path("spool/requests")).unwrap().count() == 1, "{case}: nothing else is left");
    let ledger = bench.ledger();
    let batch = ledger.last_sealed().unwrap().unwrap_or_else(|| panic!("{case}: a batch"));
    assert!(ledger.open_batches().unwrap().is_empty(), "{case}");
    let made = ledger.signatures_made(&batch.0).unwrap();
    assert!(made <= 2 * leaves as u64, "{case}: {made} signatures");
    let requests = ledger.signer_requests().unwrap();
    assert_eq!(requests.last().map(outcome), Some("signed"), "{case}");
    drop(ledger);
    bench.check_batch("reel.signatures", leaves);
}

/// A service that is killed at any call that changes a file, from its start to its answer.
#[test]
fn after_a_kill_at_any_call_the_plan_is_signed_once() {
    let leaves = 5;
    let count = {
        let bench = Bench::new(leaves);
        let approvals = [bench.approval("bert")];
        let record = tempfile::NamedTempFile::new().unwrap();
        let signer = bench.started(bench.disturbed(&["--record", record.path().to_str().unwrap()]));
        signed(&signer.submit(&bench.path("reel.plan"), &approvals).1);
        signer.stop();
        std::fs::read_to_string(record.path()).unwrap().lines().count()
    };
    assert!(count > 40, "{count} calls");
    for at in sample(1..=count, 7) {
        for how in ["kill-before", "kill-after"] {
            let bench = Bench::new(leaves);
            let approvals = [bench.approval("bert")];
            let number = at.to_string();
            let running = bench.disturbed(&["--at", &number, "--how", how]).start();
            let client = bench.client();
            // until the service is gone or has answered
            let answered = until("an answer or a kill", || {
                if is_over(&running) {
                    return Some(false);
                }
                let (id, _) = client.submit(&bench.path("reel.plan"), &approvals, None).ok()?;
                client.request(id).ok().filter(RequestState::is_final).map(|_| true)
            });
            if answered {
                // the call is one of the last: those at the service's end
                send(&running, Signal::TERM);
            }
            running.finish();
            recover(&bench, &approvals, usize::try_from(leaves).expect("few"), &format!("{how} call {at}"));
        }
    }
}

/// A service that is killed while a request waits, while it is signed, and when it is signed.
#[test]
fn a_request_in_any_state_survives_a_kill() {
    let leaves = 1_500;
    let bench = Bench::new(leaves);
    let approvals = [bench.approval("bert")];
    let plan = bench.path("reel.plan");
    // copied and queued
    let signer = bench.start();
    let (id, _) = signer.client.submit(&plan, &approvals, None).unwrap();
    signer.kill();
    // without the plan: it is in the service's own directory
    let signer = bench.start();
    until("it is being signed", || {
        let state = signer.client.request(id).ok()?;
        matches!(state, RequestState::Signing { .. } | RequestState::Signed { .. }).then_some(())
    });
    signer.kill();
    let signer = bench.start();
    let digest = signed(&ended(&signer.client, id));
    signer.kill();
    let signer = bench.start();
    assert_eq!(signed(&signer.client.request(id).unwrap()), digest);
    signer.client.fetch(id, &bench.path("reel.signatures")).unwrap();
    signer.stop();
    bench.check_batch("reel.signatures", usize::try_from(leaves).expect("few"));
}

#[test]
fn a_full_disk_is_not_the_plans_fault() {
    let leaves = 5;
    let bench = Bench::new(leaves);
    let approvals = [bench.approval("bert")];
    let only = ["--calls", "write,pwrite64,openat,mkdir,ftruncate,renameat2"];
    let count = {
        let record = tempfile::NamedTempFile::new().unwrap();
        let args = [only[0], only[1], "--record", record.path().to_str().unwrap()];
        let signer = bench.started(bench.disturbed(&args));
        signed(&signer.submit(&bench.path("reel.plan"), &approvals).1);
        signer.stop();
        std::fs::read_to_string(record.path()).unwrap().lines().count()
    };
    for from in sample(1..=count, 5) {
        let bench = Bench::new(leaves);
        let approvals = [bench.approval("bert")];
        let number = from.to_string();
        let running = bench.disturbed(&[only[0], only[1], "--from", &number, "--how", "error=ENOSPC"]).start();
        let client = bench.client();
        let case = format!("full from call {from} on");
        let state = until(&case, || {
            if is_over(&running) {
                return Some(None);
            }
            match client.submit(&bench.path("reel.plan"), &approvals, None) {
                Ok((id, _)) => client.request(id).ok().filter(RequestState::is_final).map(Some),
                Err(reroot::signing_service::SigningServiceError::Refused { code, .. }) => {
                    assert_eq!(code, "storage", "{case}");
                    Some(None)
                }
                // it has not begun to listen, or could not
                Err(_) => None,
            }
        });
        if let Some(state) = state {
            assert!(
                matches!(state, RequestState::Failed { .. } | RequestState::Signed { .. }),
                "{case}: nothing is refused: {state:?}"
            );
        }
        if !is_over(&running) {
            send(&running, Signal::TERM);
        }
        running.finish();
        recover(&bench, &approvals, usize::try_from(leaves).expect("few"), &case);
    }
}

/// A token that hangs, or is gone, fails the request and not the service.
#[test]
fn a_token_that_hangs_fails_the_request_and_the_next_one_is_signed() {
    let token = Token::of(Machines::planned(6));
    let bench = Bench::with(token.machines, |machines| demand(machines, 1));
    let real = "/usr/lib/softhsm/libsofthsm2.so";
    bench.machines.edit("vault", |text| {
        text.replace(real, crate::support::tokens::faulty()) + "\n[hsm]\ncall_timeout = \"2s\"\n"
    });
    let command = |rules: &str| {
        let run = bench.command().env("SOFTHSM2_CONF", bench.path("softhsm2.conf"));
        run.env("FAULTY_PKCS11_MODULE", real).env("FAULTY_PKCS11", rules)
    };
    let approvals = [bench.approval("bert")];
    let signer = bench.started(command("C_Sign:1:hang"));
    is_ready(&signer.client);
    let (_, state) = signer.submit(&bench.path("reel.plan"), &approvals);
    let RequestState::Failed { text } = state else { panic!("{state:?}") };
    assert!(text.contains("did not return"), "{text}");
    // the service answers, and says how it is
    signer.client.state().unwrap();
    let (id, state) = signer.submit(&bench.path("reel.plan"), &approvals);
    signed(&state);
    signer.client.fetch(id, &bench.path("reel.signatures")).unwrap();
    signer.kill();
    bench.check_batch("reel.signatures", 6);
    let outcomes: Vec<_> = bench.requests().iter().map(outcome).collect();
    assert_eq!(outcomes, ["accepted", "failed", "accepted", "signed"]);
}

/// A token that is gone when the service starts.
#[test]
fn a_token_that_comes_later_is_used_then() {
    let token = Token::of(Machines::planned(3));
    let bench = Bench::with(token.machines, |machines| demand(machines, 1));
    let conf = bench.text("softhsm2.conf");
    crate::support::judges::put(&bench.path("softhsm2.conf"), conf.replace("tokens", "elsewhere"));
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    let signer = bench.started(bench.command().env("SOFTHSM2_CONF", bench.path("softhsm2.conf")));
    until("it fails", || matches!(signer.client.state().ok()?.readiness, Readiness::Failing { .. }).then_some(()));
    let approvals = [bench.approval("bert")];
    let (_, state) = signer.submit(&bench.path("reel.plan"), &approvals);
    assert!(matches!(state, RequestState::Failed { .. }), "{state:?}");
    signer.stop();
    crate::support::judges::put(&bench.path("softhsm2.conf"), conf);
    let signer = bench.started(bench.command().env("SOFTHSM2_CONF", bench.path("softhsm2.conf")));
    signed(&signer.submit(&bench.path("reel.plan"), &approvals).1);
    signer.stop();
}
