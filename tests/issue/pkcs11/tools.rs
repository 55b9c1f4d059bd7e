//! Making keys, the doctor, the benchmark.

use reroot::x509::{KeyAlgorithm, SignatureAlgorithm, Spki};

use super::run::Run;
use crate::support::tokens::{Hsm, SOFTHSM, faulty};

#[test]
fn keys_made_in_a_token_stay_there_and_sign() {
    let hsm = Hsm::new(&["lab"]);
    let uri = hsm.uri("token=lab", SOFTHSM);
    for (kind, id, algorithm, found) in [
        ("P-256", "01", "ecdsa-sha256", KeyAlgorithm::P256),
        ("P-384", "02", "ecdsa-sha384", KeyAlgorithm::P384),
        ("P-521", "03", "ecdsa-sha512", KeyAlgorithm::P521),
        ("Ed25519", "04", "ed25519", KeyAlgorithm::Ed25519),
        ("RSA-2048", "05", "rsa-pss-sha256", KeyAlgorithm::Rsa { bits: 2048 }),
    ] {
        let make = Run { algorithm: format!("{kind} key-{id} {id}"), ..Run::command(&uri, "generate") };
        let made = make.report(&hsm);
        assert_eq!(made.error, None, "{kind}");
        let spki = made.spki.unwrap();
        assert_eq!(Spki::from_der(&hex::decode(&spki).unwrap()).unwrap().algorithm(), found);
        // OpenSC's tool reads the attributes
        let listed = hsm.pkcs11_tool("lab", &["--list-objects", "--type", "privkey", "--id", id]);
        assert!(listed.contains(&format!("label:      key-{id}")), "{listed}");
        assert!(listed.contains("Access:     sensitive, always sensitive, never extractable, local"), "{listed}");
        let own = hsm.uri(&format!("token=lab;object=key-{id}"), SOFTHSM);
        let signing = Run { algorithm: algorithm.to_owned(), expected: Some(spki), messages: 3, ..Run::signing(&own) };
        let report = signing.report(&hsm);
        assert_eq!(report.error, None);
        assert_eq!(report.verified(SignatureAlgorithm::from_name(algorithm).unwrap()), 3);
    }
    let again =
        |what: &str| Run { algorithm: what.to_owned(), ..Run::command(&uri, "generate") }.report(&hsm).error.unwrap();
    assert!(
        again("P-256 key-01 77").ends_with("already holds an object with label `key-01`, and nothing is overwritten")
    );
    assert!(again("P-256 other 01").contains("already holds an object with identifier 01"));
    assert!(again("brainpoolP256r1 bp 99").starts_with("cannot make a brainpoolP256r1 key in a token"));
}

#[test]
fn the_doctor_goes_as_far_as_it_can_and_signs_nothing() {
    let hsm = Hsm::with_p256();
    let trace = hsm.path("trace");
    let doctor = |attributes: &str, rules: &str| {
        let run = Run { timeout_ms: 800, ..Run::command(&hsm.uri(attributes, faulty()), "doctor") };
        run.faults(rules).env("FAULTY_PKCS11_TRACE", trace.to_str().unwrap()).report(&hsm)
    };
    let healthy = doctor("token=lab;object=ca", "");
    assert_eq!(healthy.error, None);
    let text = healthy.lines.join("\n");
    for fact in [
        "load passed: module: ",
        "token=lab;serial=",
        "token passed: token `lab` in slot",
        "login passed: logged in with the PIN",
        "key passed: CKA_LABEL: ca, CKA_ID: 01, public key: P-256, 04",
        "attributes passed: CKA_LOCAL: true, CKA_ALWAYS_SENSITIVE: true, CKA_NEVER_EXTRACTABLE: true",
        "mechanisms passed: ecdsa-sha256: CKM_ECDSA",
        "sessions passed: 16 sessions at a time work",
    ] {
        assert!(text.contains(fact), "{fact}\n{text}");
    }
    let calls = std::fs::read_to_string(&trace).unwrap();
    assert!(!calls.contains("C_Sign") && calls.ends_with("C_Finalize\n"));
    let outcomes = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.split([':', '.']).next().unwrap().to_owned()).collect()
    };
    let lost = doctor("token=lab;object=nothing", "");
    assert_eq!(
        outcomes(&lost.lines)[3..],
        ["login passed", "key failed", "attributes skipped", "mechanisms skipped", "sessions skipped"]
    );
    let hanging = doctor("token=lab;object=ca", "C_Login:1:hang");
    assert!(hanging.lines[3].starts_with("login failed: C_Login did not return within 800 ms"), "{:?}", hanging.lines);
    let mechanism = doctor("token=lab;object=ca", "C_GetMechanismList:1:fail=0x30");
    assert!(mechanism.lines[6].starts_with("mechanisms failed: C_GetMechanismList returned CKR_DEVICE_ERROR"));
}

#[test]
fn the_benchmark_leaves_no_key_behind() {
    let hsm = Hsm::with_p256();
    let before = hsm.pkcs11_tool("lab", &["--list-objects"]);
    for key in ["P-256", "given"] {
        let run = Run { algorithm: key.to_owned(), ..Run::command(&hsm.uri("token=lab;object=ca", SOFTHSM), "bench") };
        let report = run.report(&hsm);
        assert_eq!(report.error, None);
        assert!(report.lines[0].starts_with("1 sessions: ") && report.lines[1].starts_with("2 sessions: "));
        assert!(report.lines[2].starts_with("ecdsa-sha256: Some("), "{:?}", report.lines);
    }
    assert_eq!(hsm.pkcs11_tool("lab", &["--list-objects"]), before);
}
