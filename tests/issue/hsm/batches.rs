//! Init, issue, verify: the same body for key files and for tokens, judged by OpenSSL too.

use crate::support::place::{
    Place, append, certificates, edit, full_width, on_the_ledger, sign_with, silent, without_pin,
};
use crate::support::run::Run;
use crate::support::tokens::faulty;
use crate::support::workshop::Workshop;

/// Issues a whole batch. The result does not depend on where the key is.
fn whole_batch(workshop: &Workshop, algorithm: &str) {
    sign_with(workshop, algorithm);
    workshop.reel("reel.zip", 0..12);
    silent(workshop.issue("reel.zip", "batch", &[])).success();
    silent(workshop.verify("batch", &["--input", "reel.zip"])).success();
    assert_eq!(certificates(workshop, "batch").len(), 12);
    let again = silent(workshop.issue("reel.zip", "batch", &[])).success();
    assert!(again.err().contains("already done"), "{}", again.err());
    assert_eq!(on_the_ledger(workshop), 12);
    // gone, and published again byte for byte: the token signs nothing twice
    let before = workshop.files("batch");
    workshop.delete("batch");
    silent(workshop.issue("reel.zip", "batch", &[])).success();
    assert_eq!(workshop.files("batch"), before);
    openssl(workshop);
    without_pin(workshop.folder());
}

/// OpenSSL on the seal and on one certificate.
fn openssl(workshop: &Workshop) {
    let file = |name: &str| workshop.path(name).to_str().unwrap().to_owned();
    let (seal, text, signer) =
        (file("batch/manifest.json.p7s"), file("batch/manifest.json"), file("batch/manifest.pem"));
    let (root, chain) = (file("pki/ca/root.pem"), file("batch/chain.pem"));
    let seal = ["cms", "-verify", "-binary", "-inform", "DER", "-in", &seal, "-content", &text, "-nointern"];
    let trust = ["-certfile", &signer, "-CAfile", &root, "-purpose", "any", "-out", "/dev/null"];
    Run::openssl().args(seal).args(trust).run().success();
    workshop
        .reroot(&["export", "batch", "--to", "directory", "--out", "plain", "--form", "pem"])
        .args(["--issuer-anchor", &root])
        .run()
        .success();
    let plain = std::fs::read_dir(workshop.path("plain")).unwrap().next().unwrap().unwrap().path();
    let verify = ["verify", "-x509_strict", "-CAfile", &root, "-untrusted", &chain, plain.to_str().unwrap()];
    Run::openssl().args(verify).run().success();
}

#[test]
fn a_key_file_makes_a_whole_batch() {
    whole_batch(&Workshop::new(), "ecdsa-sha256");
    whole_batch(&Workshop::with(&["--key", "P-384"]), "ecdsa-sha384");
}

#[test]
fn softhsm_makes_whole_batches_with_every_kind_of_key() {
    for (kind, algorithms) in [
        ("P-256", &["ecdsa-sha256"][..]),
        ("P-384", &["ecdsa-sha384"]),
        ("P-521", &["ecdsa-sha512"]),
        ("Ed25519", &["ed25519"]),
        ("RSA-3072", &["rsa-pkcs1-sha256"]),
    ] {
        for algorithm in algorithms {
            whole_batch(&Place::softhsm(&["lab"]).workshop(kind), algorithm);
        }
    }
}

#[test]
fn kryoptic_makes_whole_batches_with_every_kind_of_key_it_has() {
    for (kind, algorithm) in [
        ("P-256", "ecdsa-sha256"),
        ("P-384", "ecdsa-sha384"),
        ("P-521", "ecdsa-sha512"),
        ("RSA-3072", "rsa-pss-sha256"),
    ] {
        whole_batch(&Place::kryoptic().workshop(kind), algorithm);
    }
}

#[test]
fn a_token_that_allows_one_session_makes_a_whole_batch() {
    let place = Place::softhsm(&["lab"]);
    let mut workshop = place.workshop("P-256");
    edit(&workshop, &place.module, faulty());
    for untold in ["", "1"] {
        workshop.env.insert("FAULTY_PKCS11_MODULE".to_owned(), place.module.clone());
        workshop.env.insert("FAULTY_PKCS11_SESSIONS".to_owned(), "1".to_owned());
        workshop.env.insert("FAULTY_PKCS11_SESSIONS_UNTOLD".to_owned(), untold.to_owned());
        let workshop = workshop.copy();
        workshop.reel("reel.zip", 0..20);
        silent(workshop.issue("reel.zip", "batch", &[])).success();
        silent(workshop.verify("batch", &[])).success();
    }
}

#[test]
fn a_token_without_the_algorithm_is_refused_before_anything_is_recorded() {
    let place = Place::softhsm(&["lab"]);
    let mut workshop = place.workshop("P-256");
    workshop.reel("reel.zip", 0..3);
    edit(&workshop, &place.module, faulty());
    workshop.env.insert("FAULTY_PKCS11_MODULE".to_owned(), place.module.clone());
    // CKM_ECDSA, CKM_ECDSA_SHA256
    workshop.env.insert("FAULTY_PKCS11_HIDE".to_owned(), "0x1041,0x1044".to_owned());
    let before = std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    let refused = silent(workshop.issue("reel.zip", "batch", &[])).expect(4);
    assert!(refused.err().contains("cannot sign with ecdsa-sha256"), "{}", refused.err());
    assert_eq!(std::fs::read(workshop.path("pki/ledger.db")).unwrap(), before);
}

/// OpenSC's spy writes down every call, and the PIN, which is why it is one for tests.
#[test]
fn one_login_a_token_and_one_c_sign_init_for_each_signature() {
    const SPY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";
    for same in [true, false] {
        let place = Place::softhsm(&["lab", "seal"]);
        let mut workshop = place.workshop("P-256");
        if !same {
            move_manifest_key(&place, &workshop);
        }
        full_width(&workshop);
        workshop.reel("reel.zip", 0..300);
        append(&workshop, "[hsm]\nsessions = 3\n");
        edit(&workshop, &place.module, SPY);
        let log = place.path("spy");
        workshop.env.insert("PKCS11SPY".to_owned(), place.module.clone());
        workshop.env.insert("PKCS11SPY_OUTPUT".to_owned(), log.to_str().unwrap().to_owned());
        let issued = silent(workshop.issue("reel.zip", "batch", &["--jobs", "2"])).success();
        let log = std::fs::read(&log).unwrap();
        let log = String::from_utf8_lossy(&log);
        let count = |function: &str| log.lines().filter(|line| line.ends_with(&format!(": {function}"))).count();
        let made = workshop.statement("batch")["counts"]["signatures_made"].as_u64().unwrap();
        assert!(made >= 300, "{made}");
        let why = format!("{made} for 300 certificates: {} came out short and were made again", made - 300);
        assert_eq!(issued.out().contains(&why), made > 300, "{}", issued.out());
        assert_eq!(count("C_Login"), if same { 1 } else { 2 }, "logins");
        // certificates, those made again for full width, and the manifest
        assert_eq!(count("C_SignInit") as u64, made + 1, "{made} signatures, same token: {same}");
        assert_eq!(count("C_Sign") as u64, made + 1);
        assert_eq!(count("C_Initialize"), 1);
        assert_eq!(count("C_Finalize"), 1);
        assert_eq!(count("C_OpenSession"), count("C_CloseSession"));
        let anchor: &[&str] = if same { &[] } else { &["--manifest-anchor", "other.pem"] };
        silent(workshop.verify("batch", &[&["--input", "reel.zip"], anchor].concat())).success();
    }
}

/// A manifest signer with a key in the token `seal`, certified by another root.
fn move_manifest_key(place: &Place, workshop: &Workshop) {
    place.pkcs11_tool("seal", &["--keypairgen", "--key-type", "EC:secp256r1", "--label", "seal", "--id", "01"]);
    let text = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let (_, manifest) = text.split_once("[manifest]").unwrap();
    let key = manifest.lines().find(|line| line.starts_with("key = ")).unwrap();
    edit(workshop, key, &format!("key = \"pkcs11:token=seal;object=seal?module-path={}\"", place.module));
    edit(workshop, "ca/manifest.pem", "ca/seal.pem");
    let csr = ["ca", "csr", "--for", "manifest", "--organization", "Workshop", "--out", "seal.csr.pem"];
    silent(workshop.reroot(&csr).args(["--config", "pki/reroot.toml"]).run()).success();
    super::authority::certify(workshop, "other", "seal.csr.pem", "seal.pem");
    silent(workshop.reroot(&["ca", "import", "seal.pem", "--config", "pki/reroot.toml"]).run()).success();
}
