//! `reroot hsm`, PINs, pools.

use crate::support::place::{PIN, Place, append, edit, silent};
use crate::support::run::{Finished, Run};
use crate::support::tokens::faulty;
use crate::support::workshop::Workshop;

fn json(finished: &Finished) -> serde_json::Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.out()))
}

fn hsm(place: &Place, args: &[&str]) -> Run {
    let run = Run::reroot(&place.path("")).args(["hsm"]).args(args);
    place.env.iter().fold(run, |run, (name, value)| run.env(name, value))
}

#[test]
fn the_doctor_says_the_same_in_text_and_json_and_ends_with_4_where_something_fails() {
    let place = Place::softhsm(&["lab"]);
    place.pkcs11_tool("lab", &["--keypairgen", "--key-type", "EC:secp256r1", "--label", "ca", "--id", "01"]);
    let uri = place.uri("token=lab;object=ca");
    let text = silent(hsm(&place, &["doctor", &uri]).run()).success().out();
    let report = json(&silent(hsm(&place, &["doctor", &uri, "--format", "json"]).run()).success());
    assert_eq!(report["healthy"], true);
    assert_eq!(report["key"]["algorithm"], "P-256");
    for step in report["steps"].as_array().unwrap() {
        assert_eq!(step["outcome"], "works");
        assert!(text.contains(&format!("{:<12}works", step["step"].as_str().unwrap())), "{text}");
        for fact in step["facts"].as_array().unwrap() {
            assert!(text.contains(fact.as_str().unwrap()), "{fact}");
        }
    }
    for fact in ["CKA_LOCAL: true", "CKA_ALWAYS_SENSITIVE: true", "CKA_NEVER_EXTRACTABLE: true"] {
        assert!(text.contains(fact), "{text}");
    }
    let lost = silent(hsm(&place, &["doctor", &place.uri("token=lab;object=nothing")]).run()).expect(4).out();
    assert!(lost.contains("key         FAILS: ") && lost.contains("attributes  not tried"), "{lost}");
    assert!(lost.contains("hint: "), "{lost}");
    let value = hsm(&place, &["doctor", &format!("pkcs11:token=lab?pin-value={PIN}")]).run();
    silent(Finished { command: String::new(), ..value }).expect(2);
}

#[test]
fn a_pin_comes_from_a_file_or_the_environment_and_is_tried_once() {
    let place = Place::softhsm(&["lab"]);
    place.pkcs11_tool("lab", &["--keypairgen", "--key-type", "EC:secp256r1", "--label", "ca", "--id", "01"]);
    let uri = format!("pkcs11:token=lab;object=ca?module-path={}", place.module);
    silent(hsm(&place, &["doctor", &uri, "--pin-file", "pin"]).run()).success();
    silent(hsm(&place, &["doctor", &uri, "--pin-env", "HSM_PIN"]).env("HSM_PIN", PIN).run()).success();
    let unset = silent(hsm(&place, &["doctor", &uri, "--pin-env", "HSM_PIN"]).run()).expect(4);
    assert!(unset.err().contains("HSM_PIN"), "{}", unset.err());
    // no operator to ask: a session without a terminal
    let asked = Run::tool("setsid").args(["--wait", env!("CARGO_BIN_EXE_reroot"), "hsm", "doctor", &uri]);
    let asked = place.env.iter().fold(asked, |run, (name, value)| run.env(name, value));
    let asked = silent(asked.run()).expect(4);
    assert!(asked.err().contains("could not be asked for"), "{}", asked.err());
    silent(hsm(&place, &["doctor", &place.uri("token=lab;object=ca"), "--pin-file", "pin"]).run()).expect(2);
    hsm(&place, &["doctor", &uri, "--pin", PIN]).run().expect(2);
    let trace = place.path("trace");
    let uri = uri.replace(&place.module, faulty());
    let wrong = hsm(&place, &["doctor", &uri, "--pin-env", "HSM_PIN"]).env("HSM_PIN", "87654321");
    let wrong = wrong.env("FAULTY_PKCS11_MODULE", &place.module).env("FAULTY_PKCS11_TRACE", &trace).run().expect(4);
    assert!(wrong.out().contains("CKR_PIN_INCORRECT") && !wrong.out().contains("87654321"), "{}", wrong.out());
    assert_eq!(std::fs::read_to_string(trace).unwrap().matches("C_Login\n").count(), 1);
}

/// A call into a token must be watched by another thread. Without one it is not made: exit code 5, and nothing is lost.
#[test]
fn a_system_without_threads_makes_no_call_into_a_token_and_says_why() {
    let place = Place::softhsm(&["lab"]);
    let workshop = place.workshop("P-256");
    workshop.reel("reel.zip", 0..3);
    let command = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--set", "lot=A1"];
    for from in ["1", "2", "3", "4", "5"] {
        let how = ["--under", ".", "--calls", "clone,clone3", "--from", from, "--how", "error=EAGAIN"];
        let run = Run::tool(crate::support::faulty::faulty()).args(how).arg(env!("CARGO_BIN_EXE_reroot")).args(command);
        let run = run.args(["--config", "pki/reroot.toml"]).folder(workshop.folder());
        let failed = place.env.iter().fold(run, |run, (name, value)| run.env(name, value)).run();
        let err = silent(failed).expect(5).err();
        assert!(err.contains("cannot start a thread") && !err.contains("panicked"), "{from}: {err}");
        assert!(!workshop.path("batch").exists(), "{from}");
    }
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.verify("batch", &[]).success();
}

#[test]
fn the_benchmark_names_the_best_setting_and_the_time_of_a_batch() {
    let place = Place::softhsm(&["lab"]);
    let uri = place.uri("token=lab");
    let few = ["--sessions", "1,2", "--seconds", "1", "--batch", "5000"];
    let report = json(&silent(hsm(&place, &["bench", &uri, "--format", "json"]).args(few).run()).success());
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["sessions"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert!(rows.iter().all(|row| row["rate"].as_f64().unwrap() > 1.0));
    assert_eq!(report["batch"], 5000);
    assert!(report["batch_seconds"].as_f64().unwrap() > 0.0);
    // the token holds no key before and after
    assert!(!place.pkcs11_tool("lab", &["--list-objects"]).contains("Key"));
    silent(hsm(&place, &["bench", &uri, "--use-this-key"]).args(few).run()).expect(4);
    place.pkcs11_tool("lab", &["--keypairgen", "--key-type", "EC:secp256r1", "--label", "ca", "--id", "01"]);
    let text = silent(hsm(&place, &["bench", &uri, "--use-this-key"]).args(few).run()).success().out();
    assert!(text.contains("best: ") && text.contains("5000 certificates take about"), "{text}");
}

#[test]
fn a_batch_goes_on_with_the_other_token_of_a_pool_and_says_so() {
    let place = Place::softhsm(&["lab", "a", "b"]);
    let mut workshop = place.workshop("P-256");
    // the same key in two tokens, certified by another root
    let pem = place.path("key.pem");
    let key = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    Run::openssl().args(key).arg(&pem).run().success();
    for token in ["a", "b"] {
        let import = ["--import", pem.to_str().unwrap(), "--token", token, "--label", "ca", "--id", "01", "--pin", PIN];
        place.tool("softhsm2-util", &import);
    }
    let text = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("key = ")).unwrap();
    let uri = |token: &str| format!("\"pkcs11:token={token};object=ca?module-path={}\"", faulty());
    edit(&workshop, line, &format!("key = [{}, {}]", uri("a"), uri("b")));
    for (from, to) in [("ca/issuing.pem", "ca/pool.pem"), ("ca/root.pem", "ca/pool-root.pem"), ("ledger.db", "pool.db")]
    {
        edit(&workshop, from, to);
    }
    edit(&workshop, "ca/manifest.pem", "ca/pool-manifest.pem");
    append(&workshop, "[hsm]\nretries = 1\nfirst_pause = \"1ms\"\nsessions = 2\ncall_timeout = \"2s\"\n");
    workshop.env.insert("FAULTY_PKCS11_MODULE".to_owned(), place.module.clone());
    for (role, stem) in [("issuing", "pool"), ("manifest", "pool-manifest")] {
        let csr = ["ca", "csr", "--for", role, "--organization", "Pool", "--out", &format!("{stem}.csr.pem")];
        silent(workshop.reroot(&csr).args(["--config", "pki/reroot.toml"]).run()).success();
        super::authority::certify(&workshop, "root", &format!("{stem}.csr.pem"), &format!("{stem}.pem"));
        let import = ["ca", "import", &format!("{stem}.pem"), "--config", "pki/reroot.toml"];
        let chain: &[&str] = if role == "issuing" { &["--chain", "root.pem"] } else { &[] };
        silent(workshop.reroot(&import).args(chain).run()).success();
    }
    workshop.reel("reel.zip", 0..600);
    workshop.env.insert("FAULTY_PKCS11_TOKEN".to_owned(), "a".to_owned());
    workshop.env.insert("FAULTY_PKCS11".to_owned(), "C_Sign:9-:fail=0x30".to_owned());
    let done = silent(workshop.issue("reel.zip", "batch", &[])).success();
    assert!(done.err().contains("C_Sign returned CKR_DEVICE_ERROR (token `a`"), "{}", done.err());
    assert!(done.err().contains("another token went on"), "{}", done.err());
    verify(&workshop);
}

fn verify(workshop: &Workshop) {
    let anchors = ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "root.pem"];
    silent(workshop.reroot(&["verify", "batch"]).args(anchors).run()).success();
}
