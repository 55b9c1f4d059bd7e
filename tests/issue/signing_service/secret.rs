//! A service that waits for the secret of its key.

use reroot::signing_service::{Readiness, RequestState, SecretText, SigningServiceError};

use super::{Bench, ended, is_ready, signed, until};
use crate::plan::machines::Machines;
use crate::support::run::Run;
use crate::support::workshop::PASSPHRASE;

/// The vault's key is encrypted and nothing says what opens it.
fn locked() -> Bench {
    let bench = Bench::with(Machines::planned(4), |machines| crate::plan::approvals::demand(machines, 1));
    let key = "vault/ca/issuing.key.pem";
    let encrypt = ["pkcs8", "-topk8", "-in", key, "-out", "encrypted", "-passout"];
    let run = Run::openssl().args(encrypt).arg(format!("pass:{PASSPHRASE}"));
    let run = run.args(["-passin", &format!("pass:{PASSPHRASE}")]);
    run.folder(bench.machines.workshop.folder()).run().success();
    Run::tool("mv").args(["encrypted", key]).folder(bench.machines.workshop.folder()).run().success();
    bench.machines.edit("vault", |text| {
        text.lines().filter(|line| !line.starts_with("secret")).fold(String::new(), |text, line| text + line + "\n")
    });
    bench
}

fn unlock(bench: &Bench, secret: &str) -> Result<(), SigningServiceError> {
    bench.client().unlock(SecretText::new(secret.to_owned()))
}

#[test]
fn requests_wait_until_a_person_opens_the_key() {
    let bench = locked();
    let signer = bench.start();
    let waiting = until("the service waits", || {
        let state = signer.client.state().ok()?;
        matches!(state.readiness, Readiness::WaitingForSecret { last: None }).then_some(state)
    });
    assert_eq!(waiting.queued, 0);
    let status = bench.machines.workshop.reroot(&["signer", "status", "--socket", "s"]).run().expect(1);
    assert!(status.out().contains("waiting for the secret"), "{}", status.out());
    let (id, state) = signer.client.submit(&bench.path("reel.plan"), &[bench.approval("bert")], None).unwrap();
    assert_eq!(state, RequestState::WaitingForSecret {});
    assert_eq!(signer.client.request(id).unwrap(), RequestState::WaitingForSecret {});

    let wrong = unlock(&bench, "a guess").unwrap_err();
    assert!(matches!(&wrong, SigningServiceError::Unlock { text } if !text.contains("a guess")), "{wrong}");
    let state = signer.client.state().unwrap();
    assert!(matches!(state.readiness, Readiness::WaitingForSecret { last: Some(_) }), "{state:?}");
    assert_eq!(signer.client.request(id).unwrap(), RequestState::WaitingForSecret {}, "it still waits");

    unlock(&bench, PASSPHRASE).unwrap();
    signed(&ended(&signer.client, id));
    let again = unlock(&bench, PASSPHRASE).unwrap_err();
    assert!(matches!(&again, SigningServiceError::Refused { code, .. } if code == "unlock"), "{again}");
    signer.client.fetch(id, &bench.path("reel.signatures")).unwrap();
    signer.stop();
    bench.check_batch("reel.signatures", 4);
}

#[test]
fn the_secret_is_typed_or_in_a_file_or_a_credential() {
    let bench = locked();
    let signer = bench.start();
    bench.machines.workshop.write("pass", format!("{PASSPHRASE}\n").as_bytes());
    until("the service waits", || {
        let state = signer.client.state().ok()?;
        matches!(state.readiness, Readiness::WaitingForSecret { .. }).then_some(())
    });
    let args = ["signer", "unlock", "--socket", "s", "--secret-file", "pass"];
    let opened = bench.machines.workshop.reroot(&args).run().success();
    assert!(opened.err().contains("the key is open"), "{}", opened.err());
    is_ready(&signer.client);
    signer.stop();

    // what systemd's LoadCredential= leaves to a service
    bench.machines.edit("vault", |text| {
        let key = text.lines().find(|line| line.contains("issuing.key.pem")).unwrap().to_owned();
        text.replace(&key, &format!("{key}\nsecret = {{ credential = \"issuing\" }}"))
    });
    let refused = bench.start();
    let failing = until("it fails", || match refused.client.state().ok()?.readiness {
        Readiness::Failing { text } => Some(text),
        _ => None,
    });
    assert!(failing.contains("CREDENTIALS_DIRECTORY is not set"), "{failing}");
    refused.stop();
    Run::tool("mkdir").args(["-m", "700", "credentials"]).folder(bench.machines.workshop.folder()).run().success();
    bench.machines.workshop.write("credentials/issuing", PASSPHRASE.as_bytes());
    let signer = bench.started(bench.command().env("CREDENTIALS_DIRECTORY", bench.path("credentials")));
    is_ready(&signer.client);
    signer.stop();
}

/// A token counts wrong PINs: a wrong one in a file is tried twice, however many requests come.
#[test]
fn a_wrong_pin_in_a_file_does_not_lock_the_token() {
    let token = crate::plan::token::Token::of(Machines::planned(2));
    let bench = Bench::with(token.machines, |machines| crate::plan::approvals::demand(machines, 1));
    crate::support::judges::put(&bench.path("pin"), "0000\n");
    let signer = bench.started(bench.command().env("SOFTHSM2_CONF", bench.path("softhsm2.conf")));
    let approvals = [bench.approval("bert")];
    let texts: Vec<String> = (0..4)
        .map(|_| match signer.submit(&bench.path("reel.plan"), &approvals).1 {
            RequestState::Failed { text } => text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(texts[3].contains("a token counts wrong PINs"), "{texts:?}");
    signer.stop();
    crate::support::judges::put(&bench.path("pin"), "5678\n");
    let signer = bench.started(bench.command().env("SOFTHSM2_CONF", bench.path("softhsm2.conf")));
    let (id, state) = signer.submit(&bench.path("reel.plan"), &approvals);
    signed(&state);
    signer.client.fetch(id, &bench.path("reel.signatures")).unwrap();
    signer.stop();
    bench.check_batch("reel.signatures", 2);
}
