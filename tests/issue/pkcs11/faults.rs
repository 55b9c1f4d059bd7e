//! Everything that can go wrong in a token, at every call of a batch.

use reroot::x509::SignatureAlgorithm::EcdsaSha256;

use super::run::Run;
use crate::support::campaign::takes;
use crate::support::tokens::{Hsm, faulty, succeed};

fn uri(hsm: &Hsm) -> String {
    hsm.uri("token=lab;object=ca", faulty())
}

/// The calls of an undisturbed run, in order.
fn calls(hsm: &Hsm) -> Vec<String> {
    let trace = hsm.path("undisturbed");
    let report = Run::signing(&uri(hsm)).faults("").env("FAULTY_PKCS11_TRACE", trace.to_str().unwrap()).report(hsm);
    assert_eq!(report.verified(EcdsaSha256), 50);
    std::fs::read_to_string(trace).unwrap().lines().map(ToOwned::to_owned).collect()
}

/// The numbers of calls to disturb: all, or each kind of call at its first time and some in the middle.
fn sample(calls: &[String]) -> Vec<usize> {
    let first = |number: usize| calls[..number].iter().all(|call| *call != calls[number]);
    (0..calls.len()).filter(|number| first(*number) || takes(*number, 53)).map(|n| n + 1).collect()
}

#[test]
fn a_call_that_fails_once_at_any_place_costs_nothing_or_is_named() {
    let hsm = Hsm::with_p256();
    let calls = calls(&hsm);
    // CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_SESSION_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, a vendor's own
    let codes =
        [("fail", 0x6), ("lost", 0x6), ("fail", 0x30), ("fail", 0xB3), ("fail", 0x101), ("fail", 0x8000_0001_u32)];
    for number in sample(&calls) {
        let function = &calls[number - 1];
        // the sample takes a third of them at each place
        let codes = codes.into_iter().enumerate().filter(|(at, _)| takes(at + number, 3));
        for (at, (how, code)) in codes {
            let rules = format!("*:{number}:{how}={code:#x}");
            let sessions = [1, 4][at % 2];
            let report = Run { sessions, ..Run::signing(&uri(&hsm)) }.faults(&rules).report(&hsm);
            let signed = report.verified(EcdsaSha256);
            assert_eq!(signed, report.signatures.len(), "{rules} {function}: a wrong signature");
            match report.error {
                None => assert_eq!(signed, 50, "{rules} {function}"),
                Some(error) => {
                    // a login that may have reached the PIN check is not repeated
                    assert_eq!((function.as_str(), signed), ("C_Login", 0), "{rules}: {error}");
                    assert!(error.starts_with("C_Login returned "), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_call_that_hangs_at_any_place_ends_the_wait_and_is_named() {
    let hsm = Hsm::with_p256();
    let calls = calls(&hsm);
    for number in sample(&calls) {
        let function = calls[number - 1].trim_end_matches(".length");
        let run = Run { timeout_ms: 800, ..Run::signing(&uri(&hsm)) };
        let report = run.faults(&format!("*:{number}:hang")).report(&hsm);
        let signed = report.verified(EcdsaSha256);
        assert_eq!(signed, report.signatures.len(), "call {number}, {function}");
        // the call hangs forever: a report means that the wait has ended
        // after the last signature, a call that hangs is not an error for the caller
        if matches!(function, "C_CloseSession" | "C_Finalize") {
            assert_eq!((report.error, signed), (None, 50));
            continue;
        }
        let error = report.error.unwrap_or_else(|| panic!("call {number}, {function}: no error"));
        assert!(error.contains(" did not return within 800 ms"), "{error}");
        let named = error.split(' ').next().unwrap();
        let inside = |outer: &str| match outer {
            "C_Sign" => vec!["C_Sign", "C_SignInit"],
            "C_FindObjects" => vec!["C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal"],
            "C_Login" => vec!["C_GetSessionInfo", "C_GetTokenInfo", "C_Login"],
            _ => vec![],
        };
        assert!(named == function || inside(named).contains(&function), "{function}: {error}");
        assert_eq!(report.hanging, 1);
    }
}

#[test]
fn a_process_that_dies_at_any_place_can_run_again() {
    let hsm = Hsm::with_p256();
    let calls = calls(&hsm);
    for number in sample(&calls) {
        let (status, report) = Run::signing(&uri(&hsm)).faults(&format!("*:{number}:die")).start(&hsm);
        assert_eq!(status.code(), Some(137), "call {number}");
        assert!(report.is_none());
    }
    assert_eq!(Run::signing(&uri(&hsm)).faults("").report(&hsm).verified(EcdsaSha256), 50);
}

#[test]
fn a_wrong_signature_is_handed_on_in_its_place_for_the_issuer_to_refuse() {
    let hsm = Hsm::with_p256();
    for number in [1, 26, 50] {
        let report = Run::signing(&uri(&hsm)).faults(&format!("C_Sign:{number}:wrong")).report(&hsm);
        assert_eq!((report.error.as_deref(), report.signatures.len()), (None, 50));
        assert_eq!(report.verified(EcdsaSha256), 49);
    }
}

#[test]
fn a_token_that_stays_broken_is_given_up_after_bounded_attempts() {
    let hsm = Hsm::with_p256();
    let trace = hsm.path("trace");
    for (code, name, sessions) in
        [(0x30, "CKR_DEVICE_ERROR", 1), (0x30, "CKR_DEVICE_ERROR", 4), (0x6, "CKR_FUNCTION_FAILED", 1)]
    {
        let _ = std::fs::File::options().write(true).truncate(true).open(&trace);
        let run = Run { sessions, chunk: 10, ..Run::signing(&uri(&hsm)) };
        let run = run.faults(&format!("C_Sign:31-:fail={code:#x}"));
        let report = run.env("FAULTY_PKCS11_TRACE", trace.to_str().unwrap()).report(&hsm);
        let error = report.error.unwrap();
        assert!(error.starts_with(&format!("C_Sign returned {name} (token `lab` in slot ")), "{error}");
        assert!(error.ends_with(", 4 attempts)"), "{error}");
        assert_eq!(report.signatures.len(), 30);
        assert!(report.hint.is_some());
        // pauses double
        assert_eq!(report.pauses_ms[..2], [250, 500], "{:?}", report.pauses_ms);
        let calls = std::fs::read_to_string(&trace).unwrap();
        let tried = calls.lines().filter(|call| *call == "C_Sign").count();
        // the breaker is open: the workers do not hammer a dead token
        assert!(tried <= 30 + 4 * sessions, "{tried} calls");
        assert!(calls.ends_with("C_Finalize\n"), "finalised on the way out");
    }
}

#[test]
fn a_device_that_comes_back_is_found_again_by_starting_the_library_afresh() {
    let hsm = Hsm::with_p256();
    let trace = hsm.path("trace");
    for sessions in [1, 3] {
        // dead from the 20th signature until the library is initialised again
        let rules = "C_Sign:20-22:fail=0x30;C_OpenSession:4-6:fail=0x30";
        let run = Run { sessions, retries: 6, ..Run::signing(&uri(&hsm)) }.faults(rules);
        let report = run.env("FAULTY_PKCS11_TRACE", trace.to_str().unwrap()).report(&hsm);
        assert_eq!(report.error, None);
        assert_eq!(report.verified(EcdsaSha256), 50);
    }
    let calls = std::fs::read_to_string(&trace).unwrap();
    assert!(calls.lines().filter(|call| *call == "C_Initialize").count() > 2, "the library was never started afresh");
}

/// Two tokens `a` and `b` with the same key.
fn pool(public_objects: bool) -> (Hsm, Vec<String>) {
    let hsm = Hsm::new(&["a", "b"]);
    let pem = hsm.path("key.pem");
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"]).arg(&pem);
    succeed(&mut openssl);
    for token in ["a", "b"] {
        hsm.import(token, &pem, "ca", "01");
        if !public_objects {
            hsm.pkcs11_tool(token, &["--delete-object", "--type", "pubkey", "--id", "01"]);
        }
    }
    let uris = ["a", "b"].map(|token| hsm.uri(&format!("token={token};object=ca"), faulty())).to_vec();
    (hsm, uris)
}

#[test]
fn another_token_takes_over_from_one_that_fails_or_hangs() {
    let (hsm, uris) = pool(true);
    for (rules, failure) in [
        ("C_Sign:5-:fail=0x30", "C_Sign returned CKR_DEVICE_ERROR (token `a`"),
        ("C_Sign:5-:fail=0x5", "C_Sign returned CKR_GENERAL_ERROR (token `a`"),
        ("C_SignInit:5:hang", "C_Sign did not return within 800 ms (token `a`"),
        ("C_OpenSession:1-:fail=0xe1", "C_OpenSession returned CKR_TOKEN_NOT_RECOGNIZED (`pkcs11:token=a"),
    ] {
        let run = Run { uris: uris.clone(), timeout_ms: 800, chunk: 25, retries: 2, messages: 400, ..Run::signing("") };
        let report = run.faults(rules).env("FAULTY_PKCS11_TOKEN", "a").report(&hsm);
        assert_eq!(report.error, None, "{rules}");
        assert_eq!(report.verified(EcdsaSha256), 400);
        assert!(report.lines[0].starts_with(failure), "{rules}: {:?}", report.lines);
    }
    let both = Run { uris: uris.clone(), retries: 2, ..Run::signing("") }.faults("C_Sign:9-:fail=0x30").report(&hsm);
    let error = both.error.clone().unwrap();
    assert!(
        error.starts_with("all 2 tokens that hold the key have failed: C_Sign returned CKR_DEVICE_ERROR"),
        "{error}"
    );
    assert_eq!(both.verified(EcdsaSha256), both.signatures.len());
}

#[test]
fn each_token_of_a_pool_proves_its_key() {
    let (hsm, uris) = pool(false);
    let pem = hsm.path("key.pem");
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(&pem);
    let der = openssl.output().unwrap().stdout;
    let run = Run { uris: uris.clone(), expected: Some(hex::encode(&der)), sessions: 2, ..Run::signing("") }.faults("");
    let report = run.report(&hsm);
    assert_eq!((report.error.as_deref(), report.verified(EcdsaSha256)), (None, 50));
    // another key under the same name in the second token
    hsm.pkcs11_tool("b", &["--delete-object", "--type", "privkey", "--id", "01"]);
    hsm.key("b", "EC:secp256r1", "ca", "01");
    let report = run.report(&hsm);
    assert!(report.error.unwrap().ends_with("the token's public key object is another one"));
    hsm.pkcs11_tool("b", &["--delete-object", "--type", "pubkey", "--id", "01"]);
    // so many that the second token gets some of them, however late it begins
    let run = Run { messages: 5_000, ..run };
    let report = run.report(&hsm);
    let error = report.error.clone().unwrap();
    assert!(error.starts_with("key in token `b`") && error.contains("does not verify"), "{error}");
    assert_eq!(report.verified(EcdsaSha256), report.signatures.len());
}
