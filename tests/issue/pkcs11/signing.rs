//! Whole batches with every algorithm that a token has, verified by OpenSSL.

use std::process::Command;

use reroot::x509::SignatureAlgorithm as A;

use super::run::{Run, message};
use crate::support::tokens::{Hsm, SOFTHSM, faulty, succeed};

/// Has OpenSSL verify the first and the last signature of a report.
fn openssl_verifies(hsm: &Hsm, run: &Run, options: &[&str]) {
    let report = run.report(hsm);
    assert_eq!(report.error, None, "{}", run.algorithm);
    assert_eq!(report.signatures.len(), run.messages);
    assert_eq!(report.verified(A::from_name(&run.algorithm).unwrap()), run.messages, "{}", run.algorithm);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        reroot::durable::write_new(&path, reroot::durable::Access::Private, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let key = file("key.der", &hex::decode(report.spki.as_ref().unwrap()).unwrap());
    for number in [0, run.messages - 1] {
        let text = file(&format!("message-{number}"), &message(number));
        let signature = file(&format!("signature-{number}"), &hex::decode(&report.signatures[number]).unwrap());
        let mut openssl = Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key, "-rawin"]);
        openssl.args(["-in", &text, "-sigfile", &signature]).args(options);
        succeed(&mut openssl);
    }
}

#[test]
fn softhsm_signs_whole_batches_with_every_algorithm_it_has() {
    let hsm = Hsm::new(&["lab"]);
    let pss = ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"];
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str, bool)]);
    let cases: [Case<'_>; 5] = [
        ("EC:secp256r1", "p256", &[("ecdsa-sha256", "sha256", false), ("ecdsa-sha512", "sha512", false)]),
        ("EC:secp384r1", "p384", &[("ecdsa-sha384", "sha384", false), ("ecdsa-sha512", "sha512", false)]),
        ("EC:secp521r1", "p521", &[("ecdsa-sha512", "sha512", false), ("ecdsa-sha256", "sha256", false)]),
        ("EC:edwards25519", "ed", &[("ed25519", "", false)]),
        (
            "rsa:2048",
            "rsa",
            &[
                ("rsa-pkcs1-sha256", "sha256", false),
                ("rsa-pkcs1-sha384", "sha384", false),
                ("rsa-pkcs1-sha512", "sha512", false),
                ("rsa-pss-sha256", "sha256", true),
                ("rsa-pss-sha384", "sha384", true),
                ("rsa-pss-sha512", "sha512", true),
            ],
        ),
    ];
    for (number, (kind, label, algorithms)) in cases.into_iter().enumerate() {
        hsm.key("lab", kind, label, &format!("0{number}"));
        let uri = hsm.uri(&format!("token=lab;object={label}"), SOFTHSM);
        for (algorithm, digest, is_pss) in algorithms {
            let run = Run { algorithm: (*algorithm).to_owned(), sessions: 2, messages: 20, ..Run::signing(&uri) };
            let mut options = if digest.is_empty() { vec![] } else { vec!["-digest", *digest] };
            options.extend(if *is_pss { &pss[..] } else { &[] });
            openssl_verifies(&hsm, &run, &options);
        }
        let other = if label == "rsa" { "ecdsa-sha256" } else { "rsa-pkcs1-sha256" };
        let refused = Run { algorithm: other.to_owned(), ..Run::signing(&uri) }.report(&hsm);
        let error = refused.error.unwrap();
        assert!(error.ends_with(&format!("key cannot sign with {other}")), "{error}");
        assert!(refused.signatures.is_empty());
    }
}

#[test]
fn a_token_without_the_raw_mechanism_hashes_itself_and_one_without_both_is_refused() {
    let hsm = Hsm::new(&["lab"]);
    hsm.key("lab", "rsa:2048", "rsa", "01");
    hsm.key("lab", "EC:secp256r1", "ec", "02");
    let signing = |label: &str, algorithm: &str, hidden: &str| {
        let uri = hsm.uri(&format!("token=lab;object={label}"), faulty());
        let run = Run { algorithm: algorithm.to_owned(), messages: 5, ..Run::signing(&uri) };
        run.faults("").env("FAULTY_PKCS11_HIDE", hidden)
    };
    openssl_verifies(&hsm, &signing("rsa", "rsa-pkcs1-sha256", "0x1"), &["-digest", "sha256"]);
    let pss = ["-digest", "sha384", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"];
    openssl_verifies(&hsm, &signing("rsa", "rsa-pss-sha384", "0xd"), &pss);
    // the tool, too, must see no raw mechanism in the first case and none at all in these
    for (label, algorithm, hidden, wanted) in [
        ("rsa", "rsa-pkcs1-sha256", "0x1,0x40", "CKM_RSA_PKCS nor CKM_SHA256_RSA_PKCS"),
        ("ec", "ecdsa-sha256", "0x1041", "CKM_ECDSA nor CKM_ECDSA_SHA256"),
    ] {
        let report = signing(label, algorithm, hidden).report(&hsm);
        let error = report.error.unwrap();
        assert!(error.ends_with(&format!("cannot sign with {algorithm}: it offers neither {wanted}")), "{error}");
        assert!(report.signatures.is_empty() && report.hint.is_some());
    }
}

#[test]
fn order_is_kept_whoever_signs_and_the_number_of_sessions_is_found() {
    let hsm = Hsm::with_p256();
    let uri = hsm.uri("token=lab;object=ca", faulty());
    for sessions in [1, 3, 16] {
        let run = Run { sessions, messages: 200, chunk: 70, ..Run::signing(&uri) }.faults("");
        let report = run.report(&hsm);
        assert_eq!(report.error, None);
        assert_eq!(report.verified(A::EcdsaSha256), 200);
        assert_eq!(report.sessions, sessions);
    }
    // so far away that a busy machine does not hide it: sessions help, and are found to
    let run = Run { sessions: 0, messages: 600, chunk: 600, ..Run::signing(&uri) }.faults("C_Sign:*:delay=40");
    let report = run.report(&hsm);
    assert_eq!(report.verified(A::EcdsaSha256), 600);
    assert!(report.sessions >= 8, "{} sessions", report.sessions);
}

#[test]
fn a_token_with_few_sessions_works_and_whether_it_tells_or_not() {
    let hsm = Hsm::with_p256();
    let uri = hsm.uri("token=lab;object=ca", faulty());
    for most in ["1", "3"] {
        for told in [true, false] {
            let run = Run { sessions: 8, ..Run::signing(&uri) }.faults("").env("FAULTY_PKCS11_SESSIONS", most);
            let run = if told { run } else { run.env("FAULTY_PKCS11_SESSIONS_UNTOLD", "1") };
            let report = run.report(&hsm);
            assert_eq!(report.error, None);
            assert_eq!(report.verified(A::EcdsaSha256), 50);
        }
    }
}

#[test]
fn two_keys_in_a_token_with_one_session_take_turns() {
    let hsm = Hsm::with_p256();
    hsm.key("lab", "EC:secp256r1", "manifest", "02");
    let uris = ["ca", "manifest"].map(|object| hsm.uri(&format!("token=lab;object={object}"), faulty())).to_vec();
    for (most, logins) in [("1", 10), ("40", 1)] {
        let trace = hsm.path(&format!("trace-{most}"));
        let run = Run { uris: uris.clone(), sessions: 2, chunk: 10, ..Run::command("", "take turns") }.faults("");
        let run = run.env("FAULTY_PKCS11_SESSIONS", most).env("FAULTY_PKCS11_TRACE", trace.to_str().unwrap());
        let report = run.report(&hsm);
        assert_eq!((report.error.as_deref(), report.verified(A::EcdsaSha256)), (None, 50));
        assert!(report.pauses_ms.is_empty());
        let calls = std::fs::read_to_string(&trace).unwrap();
        let count = |function| calls.lines().filter(|call| *call == function).count();
        // with the last session of a token its login ends
        assert!(count("C_Login") <= logins + 2, "{} logins", count("C_Login"));
        assert_eq!((count("C_SignInit"), count("C_Initialize"), count("C_Finalize")), (100, 1, 1));
    }
}

#[test]
fn a_key_without_a_public_object_is_proved_by_its_first_signature() {
    let hsm = Hsm::new(&["lab"]);
    hsm.key("lab", "EC:secp256r1", "ca", "01");
    hsm.key("lab", "EC:secp256r1", "other", "02");
    hsm.key("lab", "rsa:2048", "rsa", "03");
    let uri = hsm.uri("token=lab;object=ca", faulty());
    let spki = |uri: &str| Run::command(uri, "doctor").faults("").report(&hsm).spki.unwrap();
    let (own, others) = (spki(&uri), spki(&hsm.uri("token=lab;object=other", faulty())));
    let mismatch = Run { expected: Some(others.clone()), ..Run::signing(&uri) }.faults("").report(&hsm);
    assert!(mismatch.error.unwrap().ends_with("the token's public key object is another one"));
    for id in ["01", "03"] {
        hsm.pkcs11_tool("lab", &["--delete-object", "--type", "pubkey", "--id", id]);
    }
    let trace = hsm.path("trace");
    let run = |expected: Option<&String>| {
        let run = Run { expected: expected.cloned(), sessions: 4, ..Run::signing(&uri) };
        run.faults("").env("FAULTY_PKCS11_TRACE", trace.to_str().unwrap()).report(&hsm)
    };
    let signatures = || {
        let calls = std::fs::read_to_string(&trace).unwrap_or_default();
        calls.lines().filter(|call| *call == "C_Sign").count()
    };
    assert!(run(None).error.unwrap().contains("no public key object, and no certificate was given"));
    let wrong = run(Some(&others));
    let error = wrong.error.unwrap();
    assert!(error.contains("is not the certificate's: its first signature does not verify"), "{error}");
    assert_eq!((wrong.signatures.len(), signatures()), (0, 1), "one signature and no more");
    let right = run(Some(&own));
    assert_eq!((right.error, right.signatures.len(), signatures()), (None, 50, 51));
    // RSA private keys tell their public half themselves
    let rsa = hsm.uri("token=lab;object=rsa", faulty());
    let report =
        Run { algorithm: "rsa-pkcs1-sha256".to_owned(), messages: 3, ..Run::signing(&rsa) }.faults("").report(&hsm);
    assert_eq!((report.error, report.signatures.len()), (None, 3));
}

#[test]
fn one_login_one_lookup_and_one_c_sign_init_for_each_signature() {
    const SPY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";
    let hsm = Hsm::with_p256();
    let uri = hsm.uri("token=lab;object=ca", SPY);
    let log = hsm.path("spy");
    let run = Run { sessions: 4, chunk: 13, ..Run::signing(&uri) };
    let report = run.env("PKCS11SPY", SOFTHSM).env("PKCS11SPY_OUTPUT", log.to_str().unwrap()).report(&hsm);
    assert_eq!(report.verified(A::EcdsaSha256), 50);
    let log = std::fs::read_to_string(&log).unwrap();
    let count = |function: &str| log.lines().filter(|line| line.ends_with(&format!(": {function}"))).count();
    let calls = ["C_Initialize", "C_Login", "C_SignInit", "C_Finalize"].map(count);
    assert_eq!(calls, [1, 1, 50, 1], "C_Initialize, C_Login, C_SignInit, C_Finalize");
    let sessions = ["C_OpenSession", "C_CloseSession"].map(count);
    assert!((1..=4).contains(&sessions[0]) && sessions[0] == sessions[1], "{sessions:?}");
    assert_eq!(count("C_Sign"), 50, "the length is not asked for");
    // the private key, and its public half
    assert_eq!(count("C_FindObjectsInit"), 2);
}

#[test]
fn being_logged_in_already_is_success() {
    let hsm = Hsm::with_p256();
    let uri = hsm.uri("token=lab;object=ca", faulty());
    // CKR_USER_ALREADY_LOGGED_IN after a login that worked
    let report = Run::signing(&uri).faults("C_Login:1:lost=0x100").report(&hsm);
    assert_eq!((report.error, report.signatures.len()), (None, 50));
}
