//! Modules without their configuration or under another user, public key objects that are stale or missing: the message
//! says what to check, and the exit code is 4.

use std::os::unix::fs::{PermissionsExt, chown};

use crate::support::place::{Place, append, silent};
use crate::support::run::{Finished, Run};
use crate::support::tokens::faulty;
use crate::support::workshop::Workshop;

/// The program as a user who may read what its permissions say, and no more: root without the right to pass them over.
fn without_privileges(place: &Place, args: &[&str]) -> Run {
    let run = if rustix::process::getuid().is_root() {
        Run::tool("setpriv").args(["--bounding-set=-all", "--inh-caps=-all", env!("CARGO_BIN_EXE_reroot")]).args(args)
    } else {
        Run::reroot(&place.path("")).args(args)
    };
    place.env.iter().fold(run, |run, (name, value)| run.env(name, value))
}

/// Another user's, with no right for anyone else.
fn take_away(path: &std::path::Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
    if rustix::process::getuid().is_root() {
        chown(path, Some(65_534), Some(65_534)).unwrap();
    }
}

/// What the message must say, of the doctor and of a command that signs.
#[track_caller]
fn told(finished: Finished, words: &[&str]) -> String {
    let finished = silent(finished);
    let text = format!("{}{}", finished.out(), finished.err());
    assert_eq!(finished.code, Some(4), "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    text
}

#[test]
fn a_module_that_sees_no_token_says_what_it_reads() {
    let words = ["SOFTHSM2_CONF", "directories.tokendir", "as which user"];
    for hidden in ["variable", "file", "unreadable file", "folder"] {
        let mut place = Place::softhsm(&["lab"]);
        let workshop = place.workshop("P-256");
        append(&workshop, "[hsm]\nretries = 0\n");
        let uri = place.uri("token=lab");
        match hidden {
            "variable" => drop(place.env.insert("SOFTHSM2_CONF".to_owned(), String::new())),
            "file" => drop(place.env.insert("SOFTHSM2_CONF".to_owned(), "/nonexistent/softhsm2.conf".to_owned())),
            "unreadable file" => take_away(&place.path("softhsm2.conf")),
            _ => take_away(&place.path("tokens")),
        }
        let doctor = without_privileges(&place, &["hsm", "doctor", &uri]).run();
        let text = told(doctor, &words);
        assert!(!text.contains("hsm doctor"), "{hidden}: {text}");
        let config = workshop.path("pki/reroot.toml");
        let csr = ["ca", "csr", "--for", "issuing", "--organization", "Own", "--config", config.to_str().unwrap()];
        let out = workshop.path("request.pem");
        told(without_privileges(&place, &csr).arg("--out").arg(&out).run(), &words);
        assert!(!out.exists(), "{hidden}");
    }
}

#[test]
fn a_library_that_does_not_start_says_what_to_check_without_naming_the_doctor_to_the_doctor() {
    let place = Place::softhsm(&["lab"]);
    let uri = place.uri("token=lab;object=ca").replace(&place.module, faulty());
    for rule in [
        "C_Initialize:1-:fail=0x5",
        "C_Initialize:1-:fail=0x6",
        "C_GetSlotList:1-:fail=0x5",
        "C_GetTokenInfo:1-:fail=0x30",
        "C_OpenSession:1-:fail=0x6",
        "C_Login:1-:fail=0x5",
        "C_FindObjectsInit:1-:fail=0x70",
        "C_GetMechanismList:1-:fail=0x54",
    ] {
        let run = Run::reroot(&place.path("")).args(["hsm", "doctor", &uri]).env("FAULTY_PKCS11_MODULE", &place.module);
        let run = place.env.iter().fold(run, |run, (name, value)| run.env(name, value)).env("FAULTY_PKCS11", rule);
        let text = told(run.run(), &["FAILS: ", "hint: "]);
        assert!(!text.contains("hsm doctor"), "{rule}: {text}");
    }
}

/// The identifier of a key, from the URI in the configuration, in hexadecimal.
fn identifier(workshop: &Workshop, label: &str) -> String {
    let text = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let uri = text.lines().find(|line| line.starts_with("key = ") && line.contains(label)).unwrap();
    uri.split("id=").nth(1).unwrap().split(['?', ';', '"']).next().unwrap().replace('%', "").to_lowercase()
}

/// A batch, or what became of it.
fn issue(workshop: &Workshop) -> Finished {
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[])
}

/// Takes the public key object of a key away; then another private key in its place, too.
fn without_public(place: &Place, workshop: &Workshop, label: &str, other_private_key: bool) {
    let id = identifier(workshop, label);
    place.pkcs11_tool("lab", &["--delete-object", "--type", "pubkey", "--label", label]);
    if other_private_key {
        place.pkcs11_tool("lab", &["--delete-object", "--type", "privkey", "--label", label]);
        place.pkcs11_tool("lab", &["--keypairgen", "--key-type", "EC:secp256r1", "--label", label, "--id", &id]);
        place.pkcs11_tool("lab", &["--delete-object", "--type", "pubkey", "--label", label]);
    }
}

/// Writes a certificate's key as the public key object.
fn write_public(place: &Place, workshop: &Workshop, label: &str, certificate: &str) {
    let (pem, der) = (place.path("public.pem"), place.path("public.der"));
    let text =
        Run::openssl().args(["x509", "-noout", "-pubkey", "-in"]).arg(workshop.path(certificate)).run().success();
    crate::support::judges::put(&pem, text.out());
    let convert = Run::openssl().args(["pkey", "-pubin", "-outform", "DER", "-in"]).arg(&pem).arg("-out").arg(&der);
    convert.run().success();
    let object = ["--write-object", der.to_str().unwrap(), "--type", "pubkey", "--label", label];
    place.pkcs11_tool("lab", &[&object[..], &["--id", &identifier(workshop, label)]].concat());
}

fn csr(workshop: &Workshop, role: &str) -> Finished {
    let csr = ["ca", "csr", "--for", role, "--organization", "Own", "--out", "request.pem", "--config"];
    workshop.reroot(&csr).arg("pki/reroot.toml").run()
}

#[test]
fn a_key_without_its_public_half_signs_under_its_certificate_and_says_what_is_missing_otherwise() {
    let place = Place::softhsm(&["lab"]);
    let workshop = place.workshop("P-256");
    without_public(&place, &workshop, "reroot-issuing", false);
    told(csr(&workshop, "issuing"), &["public key", "--write-object", "--type pubkey"]);
    silent(issue(&workshop)).success();
    // the private key is another one: its first signature shows it, and none is published
    let place = Place::softhsm(&["lab"]);
    let workshop = place.workshop("P-256");
    without_public(&place, &workshop, "reroot-issuing", true);
    told(issue(&workshop), &["is not the certificate's", "first signature does not verify"]);
    assert!(!workshop.path("batch").exists());
}

#[test]
fn a_stale_public_key_object_is_told_and_never_taken_for_a_fault_of_this_program() {
    let stale = "docs/guide/hsm.md, \"A public key object that is stale or missing\"";
    for (label, certificate, role) in
        [("reroot-issuing", "pki/ca/issuing.pem", "issuing"), ("reroot-manifest", "pki/ca/manifest.pem", "manifest")]
    {
        // it is the certificate's, and the private key is not
        let place = Place::softhsm(&["lab"]);
        let workshop = place.workshop("P-256");
        without_public(&place, &workshop, label, true);
        write_public(&place, &workshop, label, certificate);
        told(issue(&workshop), &["does not verify under", stale]);
        assert!(!workshop.path("batch").exists());
        told(csr(&workshop, role), &["does not verify under its public key", stale]);
        assert!(!workshop.path("request.pem").exists());
        // it is neither's
        let place = Place::softhsm(&["lab"]);
        let workshop = place.workshop("P-256");
        without_public(&place, &workshop, label, false);
        write_public(&place, &workshop, label, "pki/ca/root.pem");
        told(issue(&workshop), &["config.signer.mismatch", "public key object is another one", stale]);
        assert!(!workshop.path("batch").exists());
    }
}
