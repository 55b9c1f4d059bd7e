//! Whole batches by CMP from a CA that truly issues, with faults between request and answer.

use std::collections::BTreeSet;

use p256::ecdsa::SigningKey;
use p256::pkcs8::DecodePrivateKey as _;
use reroot::x509::{Certificate, pem};

use crate::plan::foreign::Houses;
use crate::plan::responder::{Fault, Mishap, Responder, Step};
use crate::support::run::{Finished, Run};
use crate::support::workshop::POLICY;

struct Batch {
    houses: Houses,
}

impl Batch {
    /// The policy lets nothing differ: this CA makes what is asked for, dates included.
    fn new(leaves: u64) -> Self {
        let mut houses = Houses::with_policy(POLICY);
        houses.machines.workshop.reel("reel.zip", 0..leaves);
        houses.machines.workshop.env.insert("CMP_SECRET".to_owned(), "s3cret".to_owned());
        Self { houses }
    }

    fn responder(&self, mishaps: impl IntoIterator<Item = (u64, Mishap)>) -> Responder {
        let key = Run::openssl().args(["pkcs8", "-topk8", "-nocrypt", "-in", "other.key"]).folder(self.houses.folder());
        let key = SigningKey::from_pkcs8_pem(&key.run().success().out()).unwrap();
        let ca = pem::read(&std::fs::read(self.houses.machines.path("other.pem")).unwrap()).unwrap().remove(0);
        let issuer = Certificate::from_der(&ca.der).unwrap().subject().der().to_vec();
        Responder::start(key, issuer, "s3cret", mishaps)
    }

    fn ask(&self, responder: &Responder, more: &[&str]) -> Finished {
        self.houses.machines.edit("pki", |text| {
            let text = text.split("\n[cmp]").next().unwrap().to_owned();
            let secret = "reference = \"ra\"\nsecret = { env = \"CMP_SECRET\" }\nretries = 1\npolls = 3";
            let (url, concurrency) = (responder.url(), responder.concurrency());
            format!("{text}\n[cmp]\nurl = \"{url}\"\n{secret}\nconcurrency = {concurrency}\n")
        });
        self.houses.issue_by_cmp(more)
    }

    fn holds(&self, leaves: usize) {
        self.houses.verify("batch").success();
        let lines = self.houses.machines.workshop.lines("batch");
        assert_eq!(lines.len(), leaves);
        assert!(lines.iter().all(|line| line["differs"] == serde_json::json!([])), "{}", lines[0]);
    }
}

/// How many certificates were made for each key, at most.
fn most_for_one_key(responders: &[&Responder]) -> usize {
    let keys: Vec<Vec<u8>> = responders.iter().flat_map(|responder| responder.keys()).collect();
    let distinct: BTreeSet<&Vec<u8>> = keys.iter().collect();
    distinct.iter().map(|key| keys.iter().filter(|other| *other == *key).count()).max().unwrap_or(0)
}

#[test]
fn a_whole_batch_is_had_by_cmp_each_chip_asked_for_once() {
    let batch = Batch::new(300);
    let responder = batch.responder([]);
    batch.ask(&responder, &[]).success();
    batch.holds(300);
    assert_eq!((responder.requests(), most_for_one_key(&[&responder])), (300, 1));
    let again = batch.ask(&responder, &[]).success();
    assert!(again.err().contains("already done"), "{}", again.err());
    batch.houses.machines.workshop.delete("batch");
    batch.ask(&responder, &[]).success();
    assert_eq!(responder.requests(), 300, "a batch comes out again from the ledger");
    batch.holds(300);
}

/// What a run must say of a request that ended in this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The CA may have made a certificate: nothing is asked for before the operator has decided.
    InDoubt,
    /// It is proved that none is outstanding: the same command asks again.
    Refused,
}

/// One chip of ten meets the mishap; then the same command runs against a CA that works.
fn judge(fresh: &Batch, mishap: Mishap, verdict: Verdict, words: &str) {
    let batch = Batch { houses: Houses::with_workshop(fresh.houses.machines.workshop.copy()) };
    let first = batch.responder([(5, mishap)]);
    let ended = batch.ask(&first, &[]);
    assert_eq!(ended.code, Some(3), "{mishap:?}: {}", ended.err());
    assert!(ended.err().contains(words), "{mishap:?}, expected {words}: {}", ended.err());
    assert!(!batch.houses.machines.path("batch").exists());
    let second = batch.responder([]);
    if verdict == Verdict::Refused {
        assert!(ended.err().contains("cmp.refused") && !ended.err().contains("cmp.in-doubt"), "{}", ended.err());
        batch.ask(&second, &[]).success();
        batch.holds(10);
        return;
    }
    assert!(ended.err().contains("cmp.in-doubt"), "{mishap:?}: {}", ended.err());
    let doubtful = batch.ask(&second, &[]).expect(3);
    assert!(doubtful.err().contains("requests are in doubt"), "{mishap:?}: {}", doubtful.err());
    assert_eq!(second.requests(), 0, "nothing is asked for while anything is in doubt");
    batch.ask(&second, &["--ask-again", "all", "--because", "the CA's operator found nothing"]).success();
    batch.holds(10);
    assert!(most_for_one_key(&[&first, &second]) <= 2, "{mishap:?}");
    assert!(first.requests() + second.requests() <= 14, "{mishap:?}");
}

#[test]
fn what_is_not_the_cas_own_word_leaves_a_doubt_at_every_step() {
    let fresh = Batch::new(10);
    for step in [Step::Request, Step::Poll, Step::Confirmation] {
        for (fault, words) in [
            (Fault::BadMac, "the MAC is not that of the agreed secret"),
            (Fault::Garbage, "not a CMP message"),
            (Fault::HangUp, "no answer came"),
            (Fault::Lose, "no answer came"),
            (Fault::OtherNonce, "recipNonce is not the request's"),
            (Fault::OtherTransaction, "transactionID is not the request's"),
            (Fault::Unavailable, "HTTP status 503"),
            (Fault::Unprotected, "the answer is not protected"),
        ] {
            judge(&fresh, Mishap::at(step, fault), Verdict::InDoubt, words);
        }
    }
}

#[test]
fn only_a_plain_rejection_of_the_request_itself_proves_that_nothing_was_made() {
    let fresh = Batch::new(10);
    use Verdict::{InDoubt, Refused};
    // badCertTemplate is about the request; the others are about what the CA has or had
    for (fault, verdict, words) in [
        (Fault::Response(2, None), Refused, "the CA refused: rejection"),
        (Fault::Response(2, Some(19)), Refused, "rejection: badCertTemplate"),
        (Fault::Error(2, Some(9)), Refused, "rejection: badPOP"),
        (Fault::Response(2, Some(11)), InDoubt, "rejection: certConfirmed, which does not prove"),
        (Fault::Response(2, Some(21)), InDoubt, "rejection: transactionIdInUse, which does not prove"),
        (Fault::Error(2, Some(25)), InDoubt, "rejection: systemFailure, which does not prove"),
        (Fault::Response(2, Some(26)), InDoubt, "rejection: duplicateCertReq, which does not prove"),
        (Fault::Response(2, Some(30)), InDoubt, "which does not prove"),
        (Fault::Response(4, None), InDoubt, "revocationWarning, which does not prove"),
        (Fault::Response(5, None), InDoubt, "revocationNotification, which does not prove"),
        (Fault::Response(6, None), InDoubt, "keyUpdateWarning, which does not prove"),
        (Fault::Response(9, None), InDoubt, "status 9, which does not prove"),
        (Fault::Error(0, None), InDoubt, "accepted, which does not prove"),
        (Fault::Error(3, None), InDoubt, "waiting, which does not prove"),
        (Fault::RejectionWithCertificate, InDoubt, "rejection, which does not prove"),
        (Fault::Acknowledge, InDoubt, "pkiConf, where a certificate was asked for"),
    ] {
        judge(&fresh, Mishap::at(Step::Request, fault), verdict, words);
    }
}

#[test]
fn after_the_ca_asked_to_wait_every_end_without_a_certificate_is_in_doubt() {
    let fresh = Batch::new(10);
    for (fault, words) in [
        (Fault::Response(2, Some(19)), "the CA had asked to wait, then it answered rejection: badCertTemplate"),
        (Fault::Error(2, Some(2)), "the CA had asked to wait, then it answered rejection: badRequest"),
        (Fault::Wait, "still had no certificate after 3 polls"),
        (Fault::Acknowledge, "pkiConf, where a certificate was asked for"),
    ] {
        judge(&fresh, Mishap::at(Step::Poll, fault), Verdict::InDoubt, words);
    }
    // not reached any more: the CA has the request all the same
    judge(&fresh, Mishap::at(Step::Request, Fault::Leave).after_waiting(), Verdict::InDoubt, "was not reached");
}

#[test]
fn a_certificate_that_was_accepted_and_not_acknowledged_is_in_doubt() {
    let fresh = Batch::new(10);
    for (fault, words) in [
        (Fault::Error(2, Some(25)), "did not acknowledge it: rejection: systemFailure"),
        (Fault::Response(0, None), "did not acknowledge it: "),
        (Fault::Wait, "did not acknowledge it: that it wants to wait"),
    ] {
        judge(&fresh, Mishap::at(Step::Confirmation, fault), Verdict::InDoubt, words);
    }
    judge(
        &fresh,
        Mishap::at(Step::Request, Fault::Leave),
        Verdict::InDoubt,
        "did not acknowledge it: the CA was not reached",
    );
}

#[test]
fn a_certificate_that_was_rejected_is_settled_only_by_the_cas_acknowledgement() {
    let fresh = Batch::new(10);
    let rejected = |fault| Mishap { fault: Some((Step::Confirmation, fault)), ..Mishap::other_key() };
    judge(&fresh, Mishap::other_key(), Verdict::Refused, "not that of the leaf");
    judge(&fresh, Mishap::other_key().after_waiting(), Verdict::Refused, "not that of the leaf");
    for fault in [
        Fault::BadMac,
        Fault::Error(2, Some(11)),
        Fault::Garbage,
        Fault::HangUp,
        Fault::Lose,
        Fault::OtherNonce,
        Fault::Unavailable,
        Fault::Unprotected,
        Fault::Wait,
    ] {
        judge(&fresh, rejected(fault), Verdict::InDoubt, "did not acknowledge the rejection");
    }
    let left = Mishap { fault: Some((Step::Request, Fault::Leave)), ..Mishap::other_key() };
    judge(&fresh, left, Verdict::InDoubt, "did not acknowledge the rejection: the CA was not reached");
}

#[test]
fn a_kill_at_any_flush_asks_for_nothing_twice_silently() {
    let batch = Batch::new(6);
    let mut kills = 0;
    for n in 1.. {
        let copy = Batch { houses: Houses::with_workshop(batch.houses.machines.workshop.copy()) };
        let responder = copy.responder([]);
        copy.houses.machines.edit("pki", |text| {
            let secret = "reference = \"ra\"\nsecret = { file = \"../secret\" }\nconcurrency = 4";
            format!("{text}\n[cmp]\nurl = \"{}\"\n{secret}\n", responder.url())
        });
        crate::support::judges::put_secret(&copy.houses.machines.path("secret"), "s3cret\n");
        let args = [
            "issue",
            "reel.zip",
            "--policy",
            "foreign.toml",
            "--out",
            "batch",
            "--config",
            "pki/reroot.toml",
            "--set",
            "lot=A1",
            "--issuer",
            "cmp",
            "--new-ledger",
        ];
        if crate::plan::kill::killed(&copy.houses.machines, &args, "fsync,renameat2", n) {
            break;
        }
        kills += 1;
        let asked = responder.requests();
        let again = copy.houses.machines.workshop.reroot(&args).run();
        if again.err().contains("in doubt") {
            assert_eq!(responder.requests(), asked);
            copy.houses
                .machines
                .workshop
                .reroot(&args)
                .args(["--ask-again", "all", "--because", "killed"])
                .run()
                .success();
        } else {
            again.success();
            assert!(most_for_one_key(&[&responder]) <= 1, "at {n}");
        }
        copy.holds(6);
    }
    assert!(kills > 5, "{kills}");
}

/// OpenSSL's TLS server in front of the responder; bytes are passed on as they come.
struct Front {
    server: std::process::Child,
    port: u16,
}

impl Front {
    fn start(folder: &std::path::Path, behind: &Responder) -> Self {
        // another program may take a port between the question and the answer
        (0..5).find_map(|_| Self::try_start(folder, behind)).expect("one of five free ports stays free")
    }

    fn try_start(folder: &std::path::Path, behind: &Responder) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let accept = format!("127.0.0.1:{port}");
        let args = ["s_server", "-quiet", "-cert", "tls.pem", "-key", "tls.key", "-accept", &accept];
        let mut command = std::process::Command::new("openssl");
        command.current_dir(folder).args(args).stderr(std::process::Stdio::null());
        let mut server =
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let address = behind.url().trim_start_matches("http://").split('/').next().unwrap().to_owned();
        let mut into = std::net::TcpStream::connect(address).unwrap();
        let mut out_of = into.try_clone().unwrap();
        let (mut stdin, mut stdout) = (server.stdin.take().unwrap(), server.stdout.take().unwrap());
        std::thread::spawn(move || drop(std::io::copy(&mut stdout, &mut into)));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = std::io::Read::read(&mut out_of, &mut piece) {
                if std::io::Write::write_all(&mut stdin, &piece[..read]).is_err() {
                    break;
                }
            }
        });
        let mut front = Self { server, port };
        loop {
            // in this order: a server that did not get its port ends, and then a different program may have answered
            let answers = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            if front.server.try_wait().unwrap().is_some() {
                return None;
            }
            if answers {
                return Some(front);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn over_https_only_a_server_under_the_configured_anchor_is_asked() {
    let batch = Batch::new(1);
    let folder = batch.houses.folder();
    let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1"];
    Run::openssl().args(new).args(["-keyout", "tls.key", "-out", "tls.csr"]).folder(folder).run().success();
    crate::support::judges::put(&batch.houses.machines.path("tls.ext"), "subjectAltName=IP:127.0.0.1\n");
    let sign = ["x509", "-req", "-in", "tls.csr", "-CA", "other.pem", "-CAkey", "other.key", "-days", "90"];
    let run = Run::openssl().args(sign).args(["-extfile", "tls.ext", "-out", "tls.pem"]);
    run.folder(folder).run().success();
    let responder = batch.responder([]);
    let front = Front::start(folder, &responder);
    let ask = |anchor: &str| {
        batch.houses.machines.edit("pki", |text| {
            let text = text.split("\n[cmp]").next().unwrap().to_owned();
            let secret = "reference = \"ra\"\nsecret = { env = \"CMP_SECRET\" }\nconcurrency = 1\nretries = 1";
            let url = format!("https://127.0.0.1:{}/cmp", front.port);
            format!("{text}\n[cmp]\nurl = \"{url}\"\ntls_anchors = [\"{anchor}\"]\n{secret}\n")
        });
        batch.houses.issue_by_cmp(&[])
    };
    let refused = ask("ca/root.pem").expect(4);
    assert!(refused.err().contains("was not reached"), "{}", refused.err());
    assert_eq!(responder.requests(), 0);
    ask("../other.pem").success();
    batch.holds(1);
}
