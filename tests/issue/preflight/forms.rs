//! CA certificates as other software makes them, named in the configuration and in options.

use super::ca::Foreign;
use crate::support::run::{Run, project};

/// A form at a position, what else it needs, and the words of its note.
const ACCEPTED: [(&str, &[&str], &str); 17] = [
    ("root", &["root=gentime"], "GeneralizedTime"),
    ("policy", &["policy=gentime"], "GeneralizedTime"),
    ("issuing", &["issuing=gentime"], "GeneralizedTime"),
    ("manifest", &["manifest=gentime"], "GeneralizedTime"),
    ("root", &["root=serial-zero"], "serial number is zero"),
    ("policy", &["policy=serial-negative"], "serial number is negative"),
    ("issuing", &["issuing=serial-long"], "serial number is 24 bytes long"),
    ("manifest", &["manifest=serial-zero"], "serial number is zero"),
    ("root", &["root=rsa", "root=sha1"], "sha1WithRSAEncryption"),
    ("root", &["root=sha1"], "ecdsa-sha1"),
    ("root", &["root=rsa", "root=pss-salt20"], "a salt of 20 bytes"),
    ("root", &["root=rsa", "root=pss-default"], "RSA-PSS with SHA-1"),
    ("policy", &["root=rsa", "policy=pss-absent"], "RFC 4055"),
    ("issuing", &["policy=rsa", "issuing=pkcs1-absent"], "RFC 4055"),
    ("issuing", &["issuing=explicit-false"], "writes out a default"),
    ("root", &["root=version-1"], "version 1"),
    ("root", &["root=unsorted"], "order of DER"),
];

#[test]
fn other_forms_are_accepted_and_noted_and_openssl_agrees() {
    for (position, asked, note) in ACCEPTED {
        let ca = Foreign::with(asked);
        let subject = format!("Foreign {position}");
        let noted = |said: &str| said.lines().any(|line| line.contains(note) && line.contains(&subject));
        let said = ca.issue(&[]).success().out();
        assert!(noted(&said), "{asked:?}: {said}");
        let said = ca.verify("batch", "root.pem", &[]).success().out();
        assert!(noted(&said), "{asked:?}: {said}");
        let json = ca.verify("batch", "root.pem", &["--format", "json"]).success().out();
        assert!(json.contains(note), "{asked:?}: {json}");
        let said = ca.reroot(&["ca", "show"]).success().out();
        assert!(said.contains(note), "{asked:?}: {said}");
        let json = ca.reroot(&["ca", "show", "--format", "json"]).success().out();
        assert!(json.contains(note), "{asked:?}: {json}");
        assert!(ca.openssl("batch"), "{asked:?}");
        let uid = "0209B0846159E439520139";
        ca.reroot(&["prove", "batch", uid, "--out", "chip.proof"]).success();
        let anchors = ["verify-proof", "chip.proof", "--source-anchor", "anchor.pem", "--issuer-anchor", "root.pem"];
        ca.reroot(&anchors).success();
        // the second verifier, written from the documents
        for (script, what) in [("verify_batch.py", "batch"), ("verify_proof.py", "chip.proof")] {
            let script = project("verifier").join(script).display().to_string();
            Run::venv("python").args([&script, what, "anchor.pem", "root.pem"]).folder(&ca.path("")).run().success();
        }
        ca.reroot(&["export", "batch", "--to", "csv", "--out", "chips.csv", "--issuer-anchor", "root.pem"]).success();
    }
}

#[test]
fn a_root_whose_signature_over_itself_is_wrong_is_an_anchor_all_the_same() {
    let ca = Foreign::with(&["root=bad-self"]);
    let said = ca.issue(&[]).success().out();
    assert!(said.contains("`O=Foreign, CN=Foreign root`: its signature over itself does not verify"), "{said}");
    ca.verify("batch", "root.pem", &[]).success();
}

#[test]
fn what_cannot_be_processed_is_refused_with_a_way_out() {
    for (asked, words) in [
        (&["policy=rsa", "issuing=pss-salt20"][..], ["a salt of 20 bytes", "rsa_pss_saltlen:digest"]),
        (&["root=rsa", "policy=pss-salt20"], ["a salt of 20 bytes", "rsa_pss_saltlen:digest"]),
        (&["root=rsa", "policy=sha1"], ["sha1WithRSAEncryption", "SHA-256"]),
        (&["root=rsa", "manifest=sha1"], ["sha1WithRSAEncryption", "manifest"]),
        (&["issuing=unsorted"], ["order of DER (X.690 §11.6)", "issued again"]),
    ] {
        let ca = Foreign::with(asked);
        ca.refuses(&words);
    }
}
