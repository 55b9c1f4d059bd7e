//! A constraint that a CA certificate sets for everything below it is processed or refused, at any place in the path.

use super::ca::Foreign;
use crate::support::run::{Run, project};

/// What is written into a CA certificate, and the words of the refusal: the extension and the clause.
const CONSTRAINTS: [(&str, [&str; 2]); 8] = [
    ("name-constraints", ["nameConstraints", "§4.2.1.10"]),
    ("name-constraints-excluded", ["nameConstraints", "§4.2.1.10"]),
    ("name-constraints-uncritical", ["nameConstraints", "§4.2.1.10"]),
    ("policy-constraints", ["policyConstraints", "§4.2.1.11"]),
    ("inhibit-any-policy", ["inhibitAnyPolicy", "§4.2.1.14"]),
    ("policy-mappings", ["policyMappings", "§4.2"]),
    ("unknown-critical", ["1.2.3.4.5", "§4.2"]),
    ("eku-server", ["clientAuth", "§4.2.1.12"]),
];

#[test]
fn a_constraint_on_any_ca_of_the_path_is_refused_before_anything_is_recorded() {
    for position in ["root", "policy", "issuing"] {
        for (what, words) in CONSTRAINTS {
            let ca = Foreign::with(&[&format!("{position}={what}")]);
            ca.refuses(&[&words[..], &[&format!("Foreign {position}")]].concat());
        }
    }
}

#[test]
fn policy_check_and_ca_import_refuse_the_same() {
    for (what, words) in CONSTRAINTS {
        let ca = Foreign::with(&[&format!("issuing={what}")]);
        let said = ca.reroot(&["policy", "check", "policy.toml", "--issuer", "issuing.pem"]).expect(2).err();
        assert!(words.iter().all(|word| said.contains(word)), "{what}: {said}");
        if what != "eku-server" {
            // the policy is not known to `import`
            let said = ca
                .reroot(&["ca", "import", "issuing.pem", "--chain", "policy.pem", "--chain", "root.pem"])
                .expect(2)
                .err();
            assert!(words.iter().all(|word| said.contains(word)), "{what}: {said}");
        }
    }
}

#[test]
fn an_anchor_with_a_constraint_is_refused_by_verify_and_verify_proof() {
    let ca = Foreign::with(&[]);
    ca.issue(&[]).success();
    ca.verify("batch", "root.pem", &[]).success();
    let uid = "0209B0846159E439520139";
    ca.reroot(&["prove", "batch", uid, "--out", "chip.proof"]).success();
    for (what, words) in CONSTRAINTS {
        // the same names and keys as the batch was made with, and a constraint
        let path = ca.path("variant");
        let folder = path.display().to_string();
        Run::tool("rm").args(["-rf", &folder]).run().success();
        Run::tool("mkdir").arg(&folder).run().success();
        for key in ["root.key", "policy.key", "issuing.key", "manifest.key"] {
            Run::tool("cp").args([ca.path(key), path.join(key)]).run().success();
        }
        Run::python(include_str!("make_ca.py")).arg(format!("root={what}")).folder(&path).run().success();
        for (script, what) in [("verify_batch.py", "batch"), ("verify_proof.py", "chip.proof")] {
            let script = project("verifier").join(script).display().to_string();
            let refused = Run::venv("python").args([&script, what, "anchor.pem", "variant/root.pem", "root.pem"]);
            let said = refused.folder(&ca.path("")).run().expect(1).err();
            assert!(said.contains("REFUSED"), "{said}");
        }
        for (command, expected) in
            [(vec!["verify", "batch"], vec![1, 2]), (vec!["verify-proof", "chip.proof"], vec![1, 2])]
        {
            let anchors = ["--source-anchor", "anchor.pem", "--issuer-anchor", "variant/root.pem"];
            let finished = ca.reroot(&[&command[..], &anchors[..], &["--manifest-anchor", "root.pem"]].concat());
            assert!(expected.contains(&finished.code.unwrap()), "{what}: {:?}", finished.code);
            // what comes from a proof is printed in ASCII
            let said = (finished.out() + &finished.err()).replace("\\u{a7}", "§");
            assert!(words.iter().all(|word| said.contains(word)), "{what}: {said}");
            // as the anchor of the manifest signer too
            let anchors = ["--source-anchor", "anchor.pem", "--issuer-anchor", "root.pem"];
            let finished =
                ca.reroot(&[&command[..], &anchors[..], &["--manifest-anchor", "variant/root.pem"]].concat());
            assert_ne!(finished.code, Some(0), "{what}");
        }
    }
}

#[test]
fn what_constrains_nothing_is_accepted_and_openssl_agrees() {
    for position in ["root", "policy", "issuing"] {
        for what in ["eku-client", "unknown", "policies-critical"] {
            let ca = Foreign::with(&[&format!("{position}={what}")]);
            ca.issue(&[]).success();
            ca.verify("batch", "root.pem", &[]).success();
            assert!(ca.openssl("batch"), "{position} {what}");
        }
        let ca = Foreign::with(&[&format!("{position}=eku-any")]);
        ca.issue(&[]).success();
        ca.verify("batch", "root.pem", &[]).success();
    }
}

#[test]
fn a_policy_without_purposes_claims_all_of_them() {
    let ca = Foreign::with(&["issuing=eku-client"]);
    ca.policy(&[("extended_key_usage = { critical = false, purposes = [\"clientAuth\"] }\n", "")]);
    ca.refuses(&["name no purpose", "§4.2.1.12", "extensions.extended_key_usage"]);
}
