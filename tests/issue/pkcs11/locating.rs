//! From a URI to one key, and the errors when it names no key or several; PINs.

use super::run::Run;
use crate::support::tokens::{Hsm, PIN, SOFTHSM, faulty};

fn error(hsm: &Hsm, uri: &str) -> String {
    let report = Run { messages: 1, ..Run::signing(uri) }.report(hsm);
    assert!(report.hint.is_some() || report.error.is_none());
    report.error.unwrap_or_else(|| "none".to_owned())
}

#[test]
fn what_is_given_must_match_and_more_than_one_match_lists_the_candidates() {
    let hsm = Hsm::new(&["lab", "spare"]);
    hsm.key("lab", "EC:secp256r1", "ca", "01");
    hsm.key("lab", "EC:secp256r1", "ca", "02");
    hsm.key("spare", "EC:secp256r1", "manifest key", "03");
    let error = |attributes: &str| error(&hsm, &hsm.uri(attributes, SOFTHSM));
    assert_eq!(error("token=lab;object=ca;id=%01"), "none");
    assert_eq!(error("token=lab;id=%02"), "none");
    assert_eq!(error("token=spare"), "none");
    assert_eq!(error("token=spare;object=manifest%20key;model=SoftHSM%20v2"), "none");
    let several = error("token=lab;object=ca");
    assert!(several.contains("names 2 private keys, expected one: pkcs11:token=lab;serial="), "{several}");
    assert!(several.contains("object=ca;id=%01") && several.contains("object=ca;id=%02"), "{several}");
    let several = error("object=ca");
    assert!(several.contains("names 2 tokens, expected one: pkcs11:token="), "{several}");
    assert!(several.contains("token=lab;") && several.contains("token=spare;"), "{several}");
    let none = error("token=elsewhere");
    assert!(none.contains("names no token, found pkcs11:token="), "{none}");
    let none = error("token=spare;object=ca");
    assert!(none.contains("names no private key, found pkcs11:token=spare;"), "{none}");
    assert!(none.contains("object=manifest%20key;id=%03"), "{none}");
    for (attribute, wrong) in [("serial", "0"), ("slot-id", "0"), ("manufacturer", "x"), ("slot-description", "x")] {
        let message = error(&format!("token=lab;id=%01;{attribute}={wrong}"));
        assert!(message.contains("names no token"), "{attribute}: {message}");
    }
    // a candidate's own URI names it alone
    let candidate = several.split_whitespace().find(|word| word.starts_with("pkcs11:token=spare")).unwrap();
    assert_eq!(error(candidate.trim_start_matches("pkcs11:")), "none");
}

#[test]
fn modules_that_are_none_are_named() {
    let hsm = Hsm::new(&[]);
    let pin = hsm.path("pin");
    let report = Run::signing(&format!("pkcs11:token=lab?pin-source=file:{}", pin.display())).report(&hsm);
    assert!(report.error.unwrap().contains("has no module-path"));
    let missing = error(&hsm, &hsm.uri("token=lab", "/nowhere.so"));
    assert!(missing.starts_with("PKCS#11 module `/nowhere.so` cannot be loaded"), "{missing}");
    let other = error(&hsm, &hsm.uri("token=lab", "/lib/x86_64-linux-gnu/libm.so.6"));
    assert!(other.contains("it has no C_GetFunctionList"), "{other}");
}

#[test]
fn a_wrong_pin_is_tried_once_and_never_shown() {
    let hsm = Hsm::with_p256();
    hsm.write("wrong-pin", "87654321\n");
    let trace = hsm.path("trace");
    let uri = hsm.uri("token=lab;object=ca", faulty()).replace("/pin", "/wrong-pin");
    let run = Run::signing(&uri).faults("").env("FAULTY_PKCS11_TRACE", trace.to_str().unwrap());
    let report = run.report(&hsm);
    let error = report.error.clone().unwrap();
    assert!(error.starts_with("C_Login returned CKR_PIN_INCORRECT"), "{error}");
    let calls = std::fs::read_to_string(&trace).unwrap();
    assert_eq!(calls.lines().filter(|call| *call == "C_Login").count(), 1);
    assert_eq!(calls.lines().last(), Some("C_Finalize"));
    assert!(!format!("{report:?}").contains("87654321") && !format!("{report:?}").contains(PIN));
    // without any PIN
    let uri = format!("pkcs11:token=lab;object=ca?module-path={SOFTHSM}");
    let report = Run::signing(&uri).report(&hsm);
    assert!(report.error.unwrap().ends_with("wants a PIN, and none was given"));
}
