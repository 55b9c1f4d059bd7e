//! Everything that can go wrong in a token while a batch of 50 is made, and the same command again.
//!
//! Seed and time of a batch are drawn once, so every case starts from the same open batch: a run that stopped at its
//! first signature. What an undisturbed run makes of that batch is what every disturbed one must end with.

use crate::support::campaign::takes;
use crate::support::place::{Place, append, certificates, edit, on_the_ledger, silent, without_pin};
use crate::support::run::Finished;
use crate::support::tokens::faulty;
use crate::support::workshop::Workshop;

const LEAVES: u64 = 50;

struct Bench {
    place: Place,
    /// The open batch.
    open: Workshop,
}

impl Bench {
    fn new() -> Self {
        let place = Place::softhsm(&["lab"]);
        let mut open = place.workshop("P-256");
        open.reel("reel.zip", 0..LEAVES);
        edit(&open, &place.module, faulty());
        append(
            &open,
            "[hsm]\nsessions = 1\nretries = 1\nfirst_pause = \"1ms\"\nlongest_pause = \"1ms\"\ncall_timeout = \"1s\"\n",
        );
        open.env.insert("FAULTY_PKCS11_MODULE".to_owned(), place.module.clone());
        let bench = Self { place, open };
        bench.issue(&bench.open, "C_SignInit:1-:fail=0x30").expect(4);
        assert_eq!(on_the_ledger(&bench.open), 0);
        bench
    }

    fn issue(&self, workshop: &Workshop, faults: &str) -> Finished {
        let args = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"];
        let run = workshop.reroot(&args).args(["--set", "lot=A1", "--jobs", "1"]).env("FAULTY_PKCS11", faults);
        let trace = self.place.path("trace");
        let _ = std::fs::remove_file(&trace);
        silent(run.env("FAULTY_PKCS11_TRACE", &trace).run())
    }

    /// The calls of the last run.
    fn calls(&self) -> Vec<String> {
        let trace = std::fs::read_to_string(self.place.path("trace")).unwrap();
        trace.lines().map(ToOwned::to_owned).collect()
    }
}

/// All calls with `REROOT_LONG=1`; otherwise each kind of call at its first time, some signatures, and a few that the
/// seed chooses.
fn sample(calls: &[String]) -> Vec<usize> {
    let first = |at: usize| calls[..at].iter().all(|call| *call != calls[at]);
    let signatures: Vec<usize> = (0..calls.len()).filter(|at| calls[*at] == "C_Sign").collect();
    let some = [signatures.len() / 2, signatures.len() - 2, signatures.len() - 1].map(|at| signatures[at]);
    (0..calls.len())
        .filter(|at| first(*at) || some.contains(at) || takes(*at, calls.len() / 2))
        .map(|at| at + 1)
        .collect()
}

#[test]
fn after_any_fault_at_any_call_the_same_command_makes_the_same_batch() {
    let bench = Bench::new();
    let undisturbed = bench.open.copy();
    bench.issue(&undisturbed, "").success();
    let expected = certificates(&undisturbed, "batch");
    let calls = bench.calls();
    assert_eq!(expected.len() as u64, LEAVES);
    assert_eq!(calls.iter().filter(|call| *call == "C_Sign").count() as u64, LEAVES + 1);

    for number in sample(&calls) {
        let function = &calls[number - 1];
        for how in ["fail", "wrong", "hang", "die"] {
            let rule = match how {
                "fail" => format!("*:{number}-:fail=0x30"),
                "wrong" if function != "C_Sign" => continue,
                how => format!("*:{number}:{how}"),
            };
            let case = format!("{rule} ({function})");
            let workshop = bench.open.copy();
            let disturbed = bench.issue(&workshop, &rule);
            // when everything is signed, a token that cannot be closed must not fail the run
            let after = matches!(function.as_str(), "C_CloseSession" | "C_Finalize");
            let said = disturbed.err();
            match how {
                "die" => assert_eq!(disturbed.code, Some(137), "{case}: {said}"),
                _ if after => assert_eq!(disturbed.code, Some(0), "{case}: {said}"),
                _ => {
                    assert_eq!(disturbed.code, Some(4), "{case}: {said}");
                    let named = match how {
                        "fail" => said.contains(" returned CKR_DEVICE_ERROR") && said.contains("C_"),
                        "hang" => said.contains(" did not return within 1 s") && said.contains("C_"),
                        _ => said.contains("signature"),
                    };
                    assert!(named, "{case}: {said}");
                }
            }
            assert!(on_the_ledger(&workshop) <= LEAVES, "{case}");
            bench.issue(&workshop, "").success();
            assert_eq!(certificates(&workshop, "batch"), expected, "{case}");
            assert_eq!(on_the_ledger(&workshop), LEAVES, "{case}");
            assert_eq!(workshop.leftovers(), Vec::<String>::new(), "{case}");
            without_pin(workshop.folder());
        }
    }
    // one of them looked at as a customer would
    undisturbed.verify("batch", &["--input", "reel.zip"]).success();
}

#[test]
fn nothing_that_was_signed_before_a_fault_is_signed_again() {
    let bench = Bench::new();
    let signed = |faults: &str, workshop: &Workshop, code| {
        bench.issue(workshop, faults).expect(code);
        bench.calls().iter().filter(|call| *call == "C_Sign").count() as u64
    };
    for rule in ["C_Sign:21-:fail=0x30", "C_Sign:21:hang"] {
        let workshop = bench.open.copy();
        signed(rule, &workshop, 4);
        assert_eq!(on_the_ledger(&workshop), 20, "{rule}");
        // the rest, and the manifest
        assert_eq!(signed("", &workshop, 0), LEAVES - 20 + 1, "{rule}");
    }
}
