//! CAs below an external root: requests out, certificates in.

use crate::support::judges::put;
use crate::support::place::{Place, edit, silent, without_pin};
use crate::support::run::Run;
use crate::support::workshop::Workshop;

/// Has OpenSSL make a root `NAME.pem`, unless it is there, and certify a request as it asks to be.
pub(crate) fn certify(workshop: &Workshop, name: &str, request: &str, out: &str) {
    let file = |name: &str| workshop.path(name).to_str().unwrap().to_owned();
    let (key, root) = (file(&format!("{name}.key")), file(&format!("{name}.pem")));
    if !workshop.path(&format!("{name}.pem")).exists() {
        let make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7300"];
        let rights =
            ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
        let config = file("root.cnf");
        put(&workshop.path("root.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n");
        let subject = format!("/O=Elsewhere/CN={name}");
        let what = ["-config", &config, "-subj", &subject, "-keyout", &key, "-out", &root];
        Run::openssl().args(make).args(rights).args(what).run().success();
    }
    let request = file(request);
    Run::openssl().args(["req", "-verify", "-noout", "-in", &request]).run().success();
    let sign = ["x509", "-req", "-in", &request, "-copy_extensions", "copyall", "-days", "7000"];
    let by = ["-CA", &root, "-CAkey", &key, "-out"];
    Run::openssl().args(sign).args(by).arg(workshop.path(out)).run().success();
}

/// A CA of requests, in files or in a token.
fn without_root(place: Option<&Place>, kind: &str) -> Workshop {
    let mut init = vec!["--without-root".to_owned(), "--key".to_owned(), kind.to_owned()];
    if let Some(place) = place {
        init.extend(["--pkcs11".to_owned(), place.uri("token=lab;object=acme")]);
    }
    let init: Vec<&str> = init.iter().map(String::as_str).collect();
    Workshop::with_env(&init, place.map(|place| place.env.clone()).unwrap_or_default())
}

fn import(workshop: &Workshop, args: &[&str]) -> crate::support::run::Finished {
    silent(workshop.reroot(&["ca", "import"]).args(args).args(["--config", "pki/reroot.toml"]).run())
}

#[test]
fn another_root_certifies_keys_in_files_and_in_tokens() {
    let place = Place::softhsm(&["lab"]);
    for (place, kind) in [(None, "P-256"), (Some(&place), "P-384")] {
        let workshop = without_root(place, kind);
        for stem in ["issuing", "manifest"] {
            certify(&workshop, "root", &format!("pki/ca/{stem}.csr.pem"), &format!("{stem}.pem"));
        }
        // the manifest signer is judged against the issuing CA
        import(&workshop, &["manifest.pem"]).expect(2);
        let none = import(&workshop, &["issuing.pem"]).expect(2);
        assert!(none.err().contains("0 certificates above"), "{}", none.err());
        assert!(!workshop.path("pki/ca/issuing.pem").exists());
        import(&workshop, &["issuing.pem", "--chain", "root.pem"]).success();
        let again = import(&workshop, &["issuing.pem", "--chain", "root.pem"]).success();
        assert!(again.err().contains("already in its place"), "{}", again.err());
        import(&workshop, &["manifest.pem"]).success();
        crate::support::place::sign_with(&workshop, if kind == "P-384" { "ecdsa-sha384" } else { "ecdsa-sha256" });
        workshop.reel("reel.zip", 0..3);
        silent(workshop.issue("reel.zip", "batch", &[])).success();
        silent(workshop.verify("batch", &["--input", "reel.zip"])).success();
        without_pin(workshop.folder());
    }
}

#[test]
fn certificates_that_do_not_fit_are_refused_and_nothing_is_overwritten() {
    let workshop = without_root(None, "P-256");
    let other = without_root(None, "P-256");
    let chain = ["--chain", "root.pem"];
    certify(&workshop, "root", "pki/ca/issuing.csr.pem", "issuing.pem");
    let refused = |args: &[&str], says: &str| {
        let refused = import(&workshop, &[args, &chain].concat()).expect(2);
        assert!(refused.err().contains(says), "{}", refused.err());
        assert!(!workshop.path("pki/ca/issuing.pem").exists() && !workshop.path("pki/ca/root.pem").exists());
    };
    // another CA's key: the ledger is not its
    let request = std::fs::read(other.path("pki/ca/issuing.csr.pem")).unwrap();
    workshop.write("other.csr.pem", &request);
    certify(&workshop, "root", "other.csr.pem", "other.pem");
    refused(&["other.pem"], "ledger belongs to the issuer key");
    // a chain that is another root's
    certify(&workshop, "stranger", "pki/ca/issuing.csr.pem", "strange.pem");
    refused(&["strange.pem"], "the certificate of");
    let plain = |request: &str, out: &str| {
        let sign = ["x509", "-req", "-in", request, "-CA", "root.pem", "-CAkey", "root.key", "-out", out];
        Run::openssl().args(sign).folder(workshop.folder()).run().success();
    };
    plain("pki/ca/issuing.csr.pem", "plain.pem");
    refused(&["plain.pem"], "is of version 1, which cannot say that it is a CA");

    import(&workshop, &["issuing.pem", "--chain", "root.pem"]).success();
    let before = std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap();
    certify(&workshop, "root", "pki/ca/issuing.csr.pem", "renewed.pem");
    let exists = import(&workshop, &["renewed.pem", "--chain", "root.pem"]).expect(2);
    assert!(exists.err().contains("holds another certificate, and nothing is overwritten"), "{}", exists.err());
    assert_eq!(std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap(), before);
    // under another name it is taken in
    edit(&workshop, "ca/issuing.pem", "ca/issuing-2.pem");
    import(&workshop, &["renewed.pem"]).success();
    // the manifest signer's certificate must be fit for sealing, and its key's
    plain("pki/ca/manifest.csr.pem", "unfit.pem");
    let unfit = import(&workshop, &["unfit.pem"]).expect(2);
    assert!(unfit.err().contains("config.manifest.unfit"), "{}", unfit.err());
}

#[test]
fn a_request_is_on_the_ledger_before_it_is_signed() {
    let place = Place::softhsm(&["lab"]);
    let mut workshop = place.workshop("P-256");
    edit(&workshop, &place.module, crate::support::tokens::faulty());
    workshop.env.insert("FAULTY_PKCS11_MODULE".to_owned(), place.module.clone());
    let entries = || {
        let text = std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap();
        let issuing = reroot::x509::Certificate::from_der(&reroot::x509::pem::read(&text).unwrap()[0].der).unwrap();
        let ledger = reroot::ledger::Ledger::open(&workshop.path("pki/ledger.db"), issuing.spki()).unwrap();
        let entries = ledger.ca_entries().unwrap();
        entries.into_iter().map(|entry| (entry.kind, entry.der.is_some())).collect::<Vec<_>>()
    };
    let csr = |out: &str, faults: &str| {
        let csr = ["ca", "csr", "--out", out, "--config", "pki/reroot.toml"];
        silent(workshop.reroot(&csr).env("FAULTY_PKCS11", faults).run())
    };
    let made = |kind: &str, signed| (kind.to_owned(), signed);
    let mut expected = vec![made("root", true), made("issuing-ca", true), made("manifest-signer", true)];
    assert_eq!(entries(), expected);
    let failed = csr("issuing.csr.pem", "C_Sign:1-:fail=0x5").expect(4);
    assert!(failed.err().contains("C_Sign returned CKR_GENERAL_ERROR"), "{}", failed.err());
    assert!(!workshop.path("issuing.csr.pem").exists());
    expected.push(made("issuing-request", false));
    assert_eq!(entries(), expected);
    csr("issuing.csr.pem", "").success();
    csr("issuing.csr.pem", "").expect(2);
    expected.push(made("issuing-request", true));
    assert_eq!(entries(), expected);
    // the name is that of the certificate that is there
    let name = |what: &[&str]| Run::openssl().args(what).folder(workshop.folder()).run().success().out();
    assert_eq!(
        name(&["req", "-in", "issuing.csr.pem", "-noout", "-subject"]),
        name(&["x509", "-in", "pki/ca/issuing.pem", "-noout", "-subject"])
    );
}

#[test]
fn keys_in_a_token_are_named_found_and_never_replaced() {
    let place = Place::softhsm(&["lab"]);
    let workshop = place.workshop("P-256");
    let listed = place.pkcs11_tool("lab", &["--list-objects", "--type", "privkey"]);
    for label in ["reroot-root", "reroot-issuing", "reroot-manifest"] {
        assert!(listed.contains(&format!("label:      {label}\n")), "{listed}");
    }
    assert_eq!(listed.matches("sensitive, always sensitive, never extractable, local").count(), 3, "{listed}");
    let init = |attributes: &str, dir: &str| {
        let uri = place.uri(attributes);
        silent(workshop.reroot(&["init", dir, "--organization", "Acme", "--pkcs11", &uri]).run())
    };
    let taken = init("token=lab", "second").expect(2);
    assert!(taken.err().contains("already holds an object with label `reroot-root`"), "{}", taken.err());
    assert!(!workshop.path("second").exists());
    assert_eq!(place.pkcs11_tool("lab", &["--list-objects", "--type", "privkey"]), listed);
    init("token=lab;object=second", "second").success();
    assert!(init("token=lab;id=%01", "third").expect(2).err().contains("id 01"));
    let value = init("token=lab?pin-value=1", "third").expect(2);
    assert!(!value.err().contains("pin-value=1"), "{}", value.err());
    // a directory that is taken is found before any key is made
    let listed = place.pkcs11_tool("lab", &["--list-objects", "--type", "privkey"]);
    init("token=lab;object=fourth", "pki").expect(2);
    assert_eq!(place.pkcs11_tool("lab", &["--list-objects", "--type", "privkey"]), listed);
}
