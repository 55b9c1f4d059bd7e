//! `reroot policy show` and `reroot policy check`: exactly what is printed, for a fixed CA, leaf and instant.
//!
//! The texts are in `fixtures/golden/policy-show/`; `REROOT_UPDATE=1` writes them again.

use std::fmt::Write as _;

use crate::support::judges::put;
use crate::support::run::{Finished, Run, project};

/// A folder with a leaf, its anchor, a CA's certificate and policies; no configuration, no ledger, no key.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for (name, from) in [
            ("leaf.der", "fixtures/st/leaf-0209B0846159E439520139.der"),
            ("test-leaf.der", "fixtures/st/leaf-0209FBA403B2E48C7401F1.der"),
            ("anchor.pem", "fixtures/st/stm-stsafe-a-prod-ca-01.pem"),
            ("ca.der", "fixtures/golden/issue/ca.der"),
            ("tls-client.toml", "policies/tls-client.toml"),
            ("ldevid.toml", "policies/ldevid.toml"),
            ("every-form.toml", "fixtures/golden/policy-show/every-form.toml"),
        ] {
            put(&desk.folder.path().join(name), std::fs::read(project(from)).expect(from));
        }
        desk
    }

    fn run(&self, args: &[&str]) -> Finished {
        Run::reroot(self.folder.path()).arg("policy").args(args).run()
    }

    /// `policy show` with everything it needs.
    fn show(&self, policy: &str, more: &[&str]) -> Finished {
        let sources = ["--leaf", "leaf.der", "--issuer", "ca.der", "--source-anchor", "anchor.pem"];
        let at = ["--at", "2026-03-01T00:00:00Z"];
        self.run(&[&["show", policy][..], &sources, &at, more].concat())
    }
}

/// Compares with a checked-in text.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = project("fixtures/golden/policy-show").join(name);
    if std::env::var_os("REROOT_UPDATE").is_some() {
        put(&path, text);
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} differs (REROOT_UPDATE=1 writes it anew); found:\n{text}");
}

#[test]
fn a_shipped_policy_is_shown_beside_its_lines() {
    let shown = Desk::new().show("tls-client.toml", &[]).success();
    golden("tls-client.txt", &shown.out());
    assert_eq!(shown.err(), "");
}

#[test]
fn every_form_of_a_value_is_shown_for_people() {
    golden("every-form.txt", &Desk::new().show("every-form.toml", &["--set", "lot=A0042"]).success().out());
}

#[test]
fn programs_get_the_same_facts() {
    let desk = Desk::new();
    let shown = desk.show("every-form.toml", &["--set", "lot=A0042", "--format", "json"]).success();
    golden("every-form.json", &shown.out());
    let text = desk.show("every-form.toml", &["--set", "lot=A0042"]).success().out();
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    for field in json["fields"].as_array().unwrap() {
        assert!(text.contains(field["name"].as_str().unwrap()), "{field}");
        for value in field["value"].as_array().unwrap() {
            assert!(text.contains(value.as_str().unwrap()), "{value}");
        }
    }
}

/// Python's `cryptography` reads the unsigned certificate, and its values are those that were shown.
#[test]
fn the_unsigned_certificate_can_be_read_by_others() {
    let desk = Desk::new();
    let shown = desk.show("every-form.toml", &["--set", "lot=A0042", "--der", "shown.der"]).success().out();
    let script = r#"
import sys
from cryptography import x509
from cryptography.x509.oid import ExtensionOID as E
c = x509.load_der_x509_certificate(open(sys.argv[1], "rb").read())
assert c.signature == b""
e = lambda oid: c.extensions.get_extension_for_oid(oid).value
print(e(E.SUBJECT_KEY_IDENTIFIER).digest.hex())
print(e(E.AUTHORITY_KEY_IDENTIFIER).key_identifier.hex())
for name in e(E.SUBJECT_ALTERNATIVE_NAME):
    if isinstance(name, (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier)): print('"%s"' % name.value)
    if isinstance(name, x509.IPAddress): print("ip", name.value)
    if isinstance(name, x509.RegisteredID): print("registered id", name.value.dotted_string)
for point in e(E.CRL_DISTRIBUTION_POINTS):
    for name in point.full_name: print(name.value)
for access in e(E.AUTHORITY_INFORMATION_ACCESS):
    print(access.access_location.value)
for policy in e(E.CERTIFICATE_POLICIES):
    print(policy.policy_identifier.dotted_string)
    for q in policy.policy_qualifiers or []:
        print(q if isinstance(q, str) else q.explicit_text)
"#;
    let read = Run::python(script).arg(desk.folder.path().join("shown.der")).run().success().out();
    assert_eq!(read.lines().count(), 16, "{read}");
    for value in read.lines() {
        assert!(shown.contains(value), "{value} is not in\n{shown}");
    }
    // nothing is overwritten
    let again = desk.show("every-form.toml", &["--set", "lot=A0042", "--der", "shown.der"]).expect(2);
    assert!(again.err().contains("exists"), "{}", again.err());
}

/// Every missing or wrong input is reported, each with the exit code of its kind.
#[test]
fn what_cannot_be_shown_says_why() {
    let desk = Desk::new();
    let mut text = String::new();
    let mut case = |title: &str, code: i32, finished: Finished| {
        let finished = finished.expect(code);
        writeln!(text, "# {title}\nexit {code}\n{}{}", finished.out(), finished.err()).expect("a text takes all");
    };
    case("no configuration", 2, desk.run(&["show", "tls-client.toml", "--leaf", "leaf.der"]));
    let some = ["show", "tls-client.toml", "--leaf", "leaf.der", "--issuer", "ca.der"];
    case("an issuer without anchors", 2, desk.run(&some));
    let some = ["show", "tls-client.toml", "--leaf", "leaf.der", "--source-anchor", "anchor.pem"];
    case("anchors without an issuer", 2, desk.run(&some));
    case("an issuer that is not a CA", 2, {
        let leaf = ["--leaf", "leaf.der", "--issuer", "leaf.der", "--source-anchor", "anchor.pem"];
        desk.run(&[&["show", "tls-client.toml"][..], &leaf].concat())
    });
    case("an instant that is not one", 2, {
        let sources = ["--leaf", "leaf.der", "--issuer", "ca.der", "--source-anchor", "anchor.pem"];
        desk.run(&[&["show", "tls-client.toml"][..], &sources, &["--at", "tomorrow"]].concat())
    });
    case("a parameter is missing", 2, desk.show("ldevid.toml", &[]));
    case("a parameter does not match", 2, desk.show("ldevid.toml", &["--set", "site=lyon"]));
    case("an instant before the leaf's own", 3, {
        let sources = ["--leaf", "leaf.der", "--issuer", "ca.der", "--source-anchor", "anchor.pem"];
        desk.run(&[&["show", "tls-client.toml"][..], &sources, &["--at", "2020-12-31T23:59:59Z"]].concat())
    });
    case("a leaf that is not in strict DER", 3, {
        let sources = ["--leaf", "test-leaf.der", "--issuer", "ca.der", "--source-anchor", "anchor.pem"];
        desk.run(&[&["show", "tls-client.toml"][..], &sources].concat())
    });
    case("a CA's certificate as leaf", 3, {
        let sources = ["--leaf", "anchor.pem", "--issuer", "ca.der", "--source-anchor", "anchor.pem"];
        desk.run(&[&["show", "tls-client.toml"][..], &sources].concat())
    });
    golden("refused.txt", &text);
}

#[test]
fn checking_lists_every_file_and_every_mistake() {
    let desk = Desk::new();
    let bad = std::fs::read_to_string(project("policies/tls-client.toml")).unwrap();
    let bad = bad.replace("\nkey_usage = {", "\nkeyUsage = {").replace("\"clientAuth\"", "\"clientAuthentication\"");
    put(&desk.folder.path().join("bad.toml"), bad);
    let files = ["tls-client.toml", "bad.toml", "nowhere.toml", "ldevid.toml"];
    let text = desk.run(&[&["check"][..], &files].concat()).expect(2);
    let json = desk.run(&[&["check", "--format", "json"][..], &files].concat()).expect(2);
    golden("check.txt", &format!("{}\n{}", text.out(), text.err()));
    golden("check.json", &json.out());
    assert_eq!(json.err(), "");
    // against a CA: what only shows there
    let issuer = ["--issuer", "ca.der", "--at", "2026-03-01T00:00:00Z"];
    let bound =
        desk.run(&[&["check", "tls-client.toml", "every-form.toml"][..], &issuer, &["--set", "lot=A0042"]].concat());
    golden("check-issuer.txt", &bound.success().out());
    let late = ["--issuer", "ca.der", "--at", "2019-01-01T00:00:00Z"];
    let late = desk.run(&[&["check", "tls-client.toml"][..], &late].concat()).expect(2);
    assert!(late.err().contains("policy.validity.issuer"), "{}", late.err());
}
