//! CMP against OpenSSL's server, which knows the protocol and returns one certificate made before.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::plan::foreign::{Deviation, Houses};
use crate::support::judges::put;
use crate::support::run::{Finished, Run};
use crate::support::server::Server;
use crate::support::workshop::{POLICY, Workshop};

const LAX: &str = "\n[foreign]\nmay_differ = [\"not_before\", \"not_after\"]\n";

/// One chip, the certificate that OpenSSL's server has for it, and a registration authority.
struct Desk {
    houses: Houses,
}

impl Desk {
    fn new() -> Self {
        let mut houses = Houses::with_policy(&(POLICY.to_owned() + LAX));
        houses.machines.workshop.reel("reel.zip", 0..1);
        houses.machines.workshop.env.insert("CMP_SECRET".to_owned(), "a shared secret".to_owned());
        // what the chip's certificate is to be, from a plan that is thrown away
        let aside = Houses::with_workshop(houses.machines.workshop.copy());
        aside.plan("foreign.toml", "handed").success();
        put(&houses.machines.path("preset.der"), aside.make(&aside.wishes()[0], &Deviation::default()));
        let wrong =
            aside.make(&aside.wishes()[0], &Deviation { key: Some(&aside.stray_key()), ..Deviation::default() });
        put(&houses.machines.path("wrong.der"), wrong);
        for (name, subject) in [("ra", "/CN=Registration Authority"), ("srv", "/O=Other House/CN=CMP Server")] {
            let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"];
            let usage = ["-addext", "keyUsage=critical,digitalSignature", "-subj", subject];
            let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
            let run = Run::openssl().args(new).args(usage).args(["-keyout", &key, "-out", &pem]);
            run.folder(houses.folder()).run().success();
        }
        put(&houses.machines.path("srv.cnf"), "[cmp]\n");
        Self { houses }
    }

    /// OpenSSL's server with a shared secret or, in the second case, certificates on both sides.
    fn server(&self, secret: bool, preset: &str, more: &[&str]) -> Server {
        let folder = self.houses.folder().to_owned();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("cmp-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Server::start(&folder.clone(), &name, |port| {
            let mut command = Command::new("openssl");
            command.current_dir(&folder).args(["cmp", "-config", "srv.cnf", "-port", &port.to_string()]);
            command.args(["-rsp_cert", preset, "-srv_cert", "srv.pem", "-srv_key", "srv.key"]);
            if secret {
                command.args(["-srv_ref", "1234", "-srv_secret", "pass:a shared secret"]);
            } else {
                command.args(["-srv_trusted", "ra.pem"]);
            }
            command.args(more);
            command
        })
    }

    fn ask(&self, server: &Server, secret: bool, more: &[&str]) -> Finished {
        let shown = if secret {
            "reference = \"1234\"\nsecret = { env = \"CMP_SECRET\" }\n"
        } else {
            "certificate = \"../ra.pem\"\nkey = \"../ra.key\"\nserver_certificate = [\"../srv.pem\"]\n"
        };
        self.houses.machines.edit("pki", |text| {
            let text = text.split("\n[cmp]").next().unwrap().to_owned();
            let url = format!("http://127.0.0.1:{}/pkix/", server.port());
            format!("{text}\n[cmp]\nurl = \"{url}\"\n{shown}longest_pause = \"1s\"\npolls = 5\nretries = 1\ntimeout = \"20s\"\n")
        });
        self.houses.issue_by_cmp(more)
    }

    fn starts_anew(&self) {
        let folder = self.houses.folder();
        Run::tool("rm").args(["-rf", "pki/foreign.db", "batch"]).folder(folder).run().success();
    }

    fn holds(&self) {
        self.houses.verify("batch").success();
        let statement = self.houses.machines.workshop.statement("batch");
        assert_eq!(statement["issuer"]["mode"], "foreign");
    }
}

const TAKES: &[&str] = &["-accept_raverified"];

#[test]
fn a_certificate_is_had_with_a_shared_secret_and_with_certificates() {
    let desk = Desk::new();
    for secret in [true, false] {
        desk.starts_anew();
        let server = desk.server(secret, "preset.der", TAKES);
        let asked = desk.ask(&server, secret, &["--log", "debug"]).success();
        let said = asked.out() + &asked.err();
        assert!(
            said.contains("\"message\":\"requests recorded\"") && said.contains("\"message\":\"certificate received\"")
        );
        assert!(!said.contains("a shared secret"), "{said}");
        desk.holds();
        let again = desk.ask(&server, secret, &[]).success();
        assert!(again.err().contains("already done"), "{}", again.err());
        // from the ledger, without asking
        drop(server);
        desk.houses.machines.workshop.delete("batch");
        desk.houses.issue_by_cmp(&[]).success();
        desk.holds();
    }
}

#[test]
fn a_ca_may_want_time() {
    let desk = Desk::new();
    let server = desk.server(true, "preset.der", &["-accept_raverified", "-poll_count", "2", "-check_after", "1"]);
    desk.ask(&server, true, &[]).success();
    desk.holds();
    desk.starts_anew();
    let server = desk.server(true, "preset.der", &["-accept_raverified", "-poll_count", "9", "-check_after", "1"]);
    let waited = desk.ask(&server, true, &[]).expect(3);
    assert!(waited.err().contains("still had no certificate after 5 polls"), "{}", waited.err());
    assert!(waited.err().contains("cmp.in-doubt"), "{}", waited.err());
}

#[test]
fn a_refusal_is_told_and_may_be_asked_again() {
    let desk = Desk::new();
    // no leave to vouch for keys
    let server = desk.server(true, "preset.der", &[]);
    let refused = desk.ask(&server, true, &[]).expect(3);
    assert!(refused.err().contains("badPOP") && refused.err().contains("cmp.refused"), "{}", refused.err());
    assert!(!desk.houses.machines.path("batch").exists());
    let server = desk.server(true, "preset.der", &["-accept_raverified", "-send_error"]);
    let refused = desk.ask(&server, true, &[]).expect(3);
    assert!(refused.err().contains("cmp.refused"), "{}", refused.err());
    let server = desk.server(true, "preset.der", &["-accept_raverified", "-pkistatus", "2", "-failure", "19"]);
    let refused = desk.ask(&server, true, &[]).expect(3);
    assert!(refused.err().contains("rejection: badCertTemplate"), "{}", refused.err());
    let server = desk.server(true, "preset.der", TAKES);
    desk.ask(&server, true, &[]).success();
    desk.holds();
}

#[test]
fn a_certificate_for_another_key_is_not_taken() {
    let desk = Desk::new();
    let server = desk.server(true, "wrong.der", TAKES);
    let refused = desk.ask(&server, true, &[]).expect(3);
    assert!(refused.err().contains("subjectPublicKeyInfo is not that of the leaf"), "{}", refused.err());
    assert!(!desk.houses.machines.path("batch").exists());
    let server = desk.server(true, "preset.der", TAKES);
    desk.ask(&server, true, &[]).success();
}

#[test]
fn an_answer_that_anybody_can_have_written_leaves_a_doubt() {
    let desk = Desk::new();
    let server = desk.server(true, "preset.der", &["-accept_raverified", "-send_unprotected"]);
    let doubtful = desk.ask(&server, true, &[]).expect(3);
    assert!(doubtful.err().contains("not protected") && doubtful.err().contains("cmp.in-doubt"), "{}", doubtful.err());
    // the program asks for nothing twice before the operator has decided
    let server = desk.server(true, "preset.der", TAKES);
    let doubtful = desk.ask(&server, true, &[]).expect(3);
    assert!(doubtful.err().contains("requests are in doubt: 1"), "{}", doubtful.err());
    let uid = desk.houses.machines.workshop.pki.leaf(0).uid();
    desk.ask(&server, true, &["--ask-again", &uid]).expect(2);
    let other = desk.houses.machines.workshop.pki.leaf(7).uid();
    desk.ask(&server, true, &["--ask-again", &other, "--because", "x"]).expect(3);
    desk.ask(&server, true, &["--ask-again", &uid, "--because", "the CA has revoked it"]).success();
    desk.holds();
}

#[test]
fn an_answer_under_another_secret_or_key_is_not_believed() {
    let mut desk = Desk::new();
    let server = desk.server(true, "preset.der", TAKES);
    desk.houses.machines.workshop.env.insert("CMP_SECRET".to_owned(), "another secret".to_owned());
    // the server cannot check the request either, and says so under its own secret
    let refused = desk.ask(&server, true, &[]).expect(3);
    assert!(refused.err().contains("cmp.in-doubt"), "{}", refused.err());
    desk.houses.machines.workshop.env.insert("CMP_SECRET".to_owned(), "a shared secret".to_owned());
    desk.starts_anew();
    let server = desk.server(false, "preset.der", TAKES);
    Run::tool("cp").args(["ra.pem", "srv.pem"]).folder(desk.houses.folder()).run().success();
    let refused = desk.ask(&server, false, &[]).expect(3);
    assert!(refused.err().contains("none of the certificates"), "{}", refused.err());
}

#[test]
fn a_ca_that_is_not_there_was_not_asked() {
    let desk = Desk::new();
    let server = desk.server(true, "preset.der", TAKES);
    let port = server.port();
    drop(server);
    desk.houses.machines.edit("pki", |text| {
        let secret = "reference = \"1234\"\nsecret = { env = \"CMP_SECRET\" }";
        format!("{text}\n[cmp]\nurl = \"http://127.0.0.1:{port}/\"\n{secret}\nretries = 1\n")
    });
    let away = desk.houses.issue_by_cmp(&[]).expect(4);
    assert!(away.err().contains("was not reached"), "{}", away.err());
    let server = desk.server(true, "preset.der", TAKES);
    desk.ask(&server, true, &[]).success();
}

#[test]
fn what_is_wrong_in_the_configuration_is_said_at_its_place() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..1);
    let config = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let issue = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"];
    let run = |more: &str, reason: &str| {
        put(&workshop.path("pki/reroot.toml"), format!("{config}\n{more}\n"));
        let wrong = workshop.reroot(&issue).args(["--set", "lot=A1", "--issuer", "cmp"]).run().expect(2);
        assert!(wrong.err().contains(reason), "{reason}: {}", wrong.err());
    };
    run("", "there is no [cmp]");
    run("[cmp]\nurl = \"ftp://x\"\nreference = \"1\"\nsecret = { env = \"X\" }", "neither http");
    run("[cmp]\nreference = \"1\"\nsecret = { env = \"X\" }", "has no `url`");
    run("[cmp]\nurl = \"http://x\"\nreference = \"1\"", "has no `secret`");
    run("[cmp]\nurl = \"http://x\"\nreference = \"1\"\nsecret = \"geheim\"", "secret");
    run("[cmp]\nurl = \"http://x\"\nreference = \"1\"\nkey = \"k\"\nsecret = { env = \"X\" }", "not both");
    run("[cmp]\nurl = \"http://x\"", "has no `certificate`");
    run("[cmp]\nurl = \"http://x\"\nurll = 1\nreference = \"1\"\nsecret = { env = \"X\" }", "urll");
}
