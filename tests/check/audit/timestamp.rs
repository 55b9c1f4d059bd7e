//! Time-stamps of RFC 3161, made by OpenSSL.

use super::batch::{batch, codes};
use super::verdict::refused_only;
use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::run::Run;
use crate::support::workshop::Workshop;

const CONFIG: &str = "\
[tsa]
default_tsa = here
[here]
dir = .
serial = tsa.serial
crypto_device = builtin
signer_digest = DIGEST
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = ESS
[good]
extendedKeyUsage = critical, timeStamping
[soft]
extendedKeyUsage = timeStamping
[wide]
extendedKeyUsage = critical, timeStamping, clientAuth
[none]
keyUsage = critical, digitalSignature
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[req]
distinguished_name = name
[name]
";

fn openssl(workshop: &Workshop, line: &str) {
    Run::openssl().args(line.split(' ')).folder(&workshop.path("tsa")).run().success();
}

/// A root, an intermediate below it, and authorities with these extensions, on P-256 and RSA keys.
fn authority(workshop: &Workshop, digest: &str, ess: &str) {
    reroot::durable::create_directory(&workshop.path("tsa"), reroot::durable::Access::Public).unwrap();
    put(&workshop.path("tsa/config"), CONFIG.replace("DIGEST", digest).replace("ESS", ess));
    put(&workshop.path("tsa/tsa.serial"), "01\n");
    let key = "-config config -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc";
    openssl(
        workshop,
        &format!("req -x509 {key} -keyout root.key -out root.pem -subj /CN=Root -days 30 -extensions ca"),
    );
    openssl(workshop, &format!("req {key} -keyout sub.key -out sub.csr -subj /CN=Sub"));
    let sign = |ca: &str, name: &str, extensions: &str| {
        let by = format!("-CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days 20");
        openssl(
            workshop,
            &format!("x509 -req -in {name}.csr {by} -extfile config -extensions {extensions} -out {name}.pem"),
        );
    };
    sign("root", "sub", "ca");
    for name in ["good", "soft", "wide", "none"] {
        openssl(workshop, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        sign("root", name, name);
    }
    openssl(workshop, "req -config config -newkey rsa:2048 -noenc -keyout rsa.key -out rsa.csr -subj /CN=rsa");
    sign("sub", "rsa", "good");
}

fn answer(workshop: &Workshop, name: &str, more: &str) {
    let line = format!(
        "ts -reply -config config -queryfile ../request.tsq -signer {name}.pem -inkey {name}.key -out ../{name}.tsr{more}"
    );
    openssl(workshop, &line);
}

#[test]
fn an_authority_says_when_the_statement_existed() {
    let workshop = batch();
    authority(&workshop, "sha256", "sha256");
    workshop.reroot(&["timestamp", "request", "batch", "--out", "request.tsq"]).run().success();
    let text = Run::openssl().args(["ts", "-query", "-text", "-in", "request.tsq"]).folder(workshop.folder()).run();
    let text = text.success().out();
    assert!(text.contains("Hash Algorithm: sha256") && text.contains("Certificate required: yes"), "{text}");
    answer(&workshop, "good", "");
    let said = workshop.reroot(&["timestamp", "attach", "batch", "good.tsr", "--tsa-anchor", "tsa/root.pem"]).run();
    assert!(said.success().err().contains("by `CN=good`"));

    // the batch itself is as it was sealed; the token is beside it, and OpenSSL reads it
    let anchor = ["--tsa-anchor", "tsa/root.pem"];
    let finished = workshop.verify("batch", &["--format", "json", anchor[0], anchor[1]]).success();
    let report: serde_json::Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!(
        (&report["timestamp"]["authority"], &report["timestamp"]["policy"]),
        (&"CN=good".into(), &"1.2.3.4.1".into())
    );
    let line = "ts -verify -token_in -in batch.tst -data batch/manifest.json -CAfile tsa/root.pem";
    Run::openssl().args(line.split(' ')).folder(workshop.folder()).run().success();
    assert!(workshop.verify("batch", &[]).success().out().contains("note: the time-stamp was not looked at"));
    workshop.reroot(&["timestamp", "attach", "batch", "good.tsr"]).run().expect(2);

    // under a different root the time-stamp is not trusted
    openssl(
        &workshop,
        "req -x509 -config config -newkey rsa:2048 -noenc -keyout x.key -out other.pem -subj /CN=Root -extensions ca",
    );
    refused_only(&workshop, "batch", &["--tsa-anchor", "tsa/other.pem"], &["manifest.timestamp.chain"]);
    // nor is the CA of the batch an authority
    refused_only(&workshop, "batch", &["--tsa-anchor", "pki/ca/root.pem"], &["manifest.timestamp.chain"]);
    // of another statement
    workshop.reel("second.zip", 20..22);
    workshop.issue("second.zip", "second", &[]).success();
    let other = ["--timestamp", "batch.tst", "--tsa-anchor", "tsa/root.pem"];
    refused_only(&workshop, "second", &other, &["manifest.timestamp.imprint"]);
    refused_only(&workshop, "second", &anchor, &["audit.timestamp.missing"]);
    workshop.reroot(&["timestamp", "attach", "second", "good.tsr"]).run().expect(1);
}

#[test]
fn tokens_of_other_kinds_of_authorities_are_read() {
    for (digest, ess) in [("sha256", "sha1"), ("sha384", "sha256"), ("sha512", "sha512")] {
        let workshop = batch();
        authority(&workshop, digest, ess);
        workshop.reroot(&["timestamp", "request", "batch", "--out", "request.tsq"]).run().success();
        // RSA, below an intermediate that the token carries, as a bare token
        answer(&workshop, "rsa", " -chain sub.pem -token_out");
        let attach = ["timestamp", "attach", "batch", "rsa.tsr", "--tsa-anchor", "tsa/root.pem"];
        workshop.reroot(&attach).run().success();
        workshop.verify("batch", &["--tsa-anchor", "tsa/root.pem"]).success();
        // without the intermediate there is no path
        answer(&workshop, "rsa", "");
        put(&workshop.path("batch.tst"), std::fs::read(workshop.path("rsa.tsr")).unwrap());
        refused_only(&workshop, "batch", &["--tsa-anchor", "tsa/root.pem"], &["manifest.timestamp.chain"]);
    }
}

/// OpenSSL itself refuses to stamp with such certificates, so the good token's signer is exchanged.
#[test]
fn who_is_not_for_time_stamping_is_refused() {
    let workshop = batch();
    authority(&workshop, "sha256", "sha256");
    workshop.reroot(&["timestamp", "request", "batch", "--out", "request.tsq"]).run().success();
    for name in ["soft", "wide", "none"] {
        // a plain CMS signature over a TSTInfo, with the attributes that a token has
        answer(&workshop, "good", "");
        let token = Run::openssl().args(["ts", "-reply", "-in", "../good.tsr", "-token_out", "-out", "good.der"]);
        token.folder(&workshop.path("tsa")).run().success();
        openssl(&workshop, "cms -verify -inform DER -in good.der -noverify -purpose any -out info.der");
        let cms = format!(
            "cms -sign -binary -nodetach -cades -outform DER -in info.der -econtent_type 1.2.840.113549.1.9.16.1.4 \
             -signer {name}.pem -inkey {name}.key -out ../batch.tst"
        );
        openssl(&workshop, &cms);
        refused_only(&workshop, "batch", &["--tsa-anchor", "tsa/root.pem"], &["manifest.timestamp.chain"]);
    }
    // its neighbour: the same way of making it, with the right certificate
    openssl(
        &workshop,
        "cms -sign -binary -nodetach -cades -outform DER -in info.der -econtent_type 1.2.840.113549.1.9.16.1.4 -signer good.pem -inkey good.key -out ../batch.tst",
    );
    workshop.verify("batch", &["--tsa-anchor", "tsa/root.pem"]).success();
    // without the attribute that names the certificate
    openssl(
        &workshop,
        "cms -sign -binary -nodetach -outform DER -in info.der -econtent_type 1.2.840.113549.1.9.16.1.4 -signer good.pem -inkey good.key -out ../batch.tst",
    );
    refused_only(&workshop, "batch", &["--tsa-anchor", "tsa/root.pem"], &["manifest.timestamp.signature"]);
}

#[test]
fn a_flipped_bit_of_a_token_is_refused_or_without_meaning() {
    use reroot::manifest::timestamp::Token;
    let workshop = batch();
    authority(&workshop, "sha256", "sha256");
    workshop.reroot(&["timestamp", "request", "batch", "--out", "request.tsq"]).run().success();
    answer(&workshop, "good", " -token_out");
    let statement = std::fs::read(workshop.path("batch/manifest.json")).unwrap();
    let root = super::forge::certificate(&std::fs::read(workshop.path("tsa/root.pem")).unwrap());
    let good = std::fs::read(workshop.path("good.tsr")).unwrap();
    let stamped = Token::read(&good).unwrap().verify(&statement, std::slice::from_ref(&root)).unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let read = Token::read(&bad).and_then(|token| token.verify(&statement, std::slice::from_ref(&root)));
            // version numbers and the list of digests are not signed and say nothing
            assert!(read.is_err() || read.is_ok_and(|other| other == stamped), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn answers_that_are_none_are_told() {
    let workshop = batch();
    workshop.write("answer.html", b"<html>busy</html>\n");
    workshop.write("refused.tsr", &[0x30, 5, 0x30, 3, 2, 1, 2]);
    Case::new(&workshop, "timestamp")
        .run("timestamp attach batch answer.html")
        .run("timestamp attach batch refused.tsr")
        .run("timestamp attach batch nowhere.tsr")
        .run("timestamp request nowhere --out request.tsq")
        .finish();
    let finished = workshop
        .verify("batch", &["--format", "json", "--timestamp", "answer.html", "--tsa-anchor", "pki/ca/root.pem"]);
    assert_eq!(codes(&finished.expect(1)), ["manifest.timestamp.form".to_owned()].into());
}

/// A command at another time than the machine's.
fn at(run: Run, time: &str) -> Run {
    run.env("LD_PRELOAD", "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1").env("FAKETIME", time)
}

/// A time-stamp shows when the statement existed at the latest: one that was made much later shows little.
#[test]
fn a_late_time_stamp_is_noted_or_a_fault() {
    let workshop = batch();
    authority(&workshop, "sha256", "sha256");
    workshop.reroot(&["timestamp", "request", "batch", "--out", "request.tsq"]).run().success();
    let line = "ts -reply -config config -queryfile ../request.tsq -signer good.pem -inkey good.key -token_out -out ../batch.tst";
    let anchor = ["--tsa-anchor", "tsa/root.pem"];
    for (delay, noted) in [("+6d", false), ("+9d", true)] {
        at(Run::openssl().args(line.split(' ')).folder(&workshop.path("tsa")), delay).run().success();
        let text = workshop.verify("batch", &anchor).success().out();
        assert_eq!(text.contains("more than 7 days after the statement says it was made"), noted, "{text}");
        workshop.verify("batch", &[&anchor[..], &["--max-stamp-delay", "10"]].concat()).success();
        let strict = [&anchor[..], &["--max-stamp-delay", "5"]].concat();
        refused_only(&workshop, "batch", &strict, &["audit.timestamp.late"]);
    }
    // a limit without an authority would be not a limit
    workshop.verify("batch", &["--max-stamp-delay", "5"]).expect(2);
}

#[test]
fn a_statement_of_the_future_is_noted() {
    let workshop = batch();
    let anchors = ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "pki/ca/root.pem"];
    let verify = |time| at(workshop.reroot(&["verify", "batch"]).args(anchors), time).run().success().out();
    assert!(!verify("+1d").contains("this machine's clock says"));
    let text = verify("-2d");
    assert!(
        text.contains("note: the statement says it was made at") && text.contains("this machine's clock says"),
        "{text}"
    );
}
