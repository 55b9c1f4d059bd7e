use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::place::Staging;
use super::*;
use crate::config::Config;
use crate::crypto::{is_full_width, sha256};
use crate::durable::{self, Access};
use crate::ledger::Ledger;
use crate::signer::file::tests::{openssl, run, secret};
use crate::signer::{FileSigner, Secret, SecretSource};
use crate::x509::{Certificate, KeyAlgorithm, Time, oid};

fn random() -> [u8; RANDOM_BYTES] {
    let mut random = [0; RANDOM_BYTES];
    for (number, block) in (0_u8..).zip(random.chunks_mut(32)) {
        let digest = sha256(&[number]);
        block.copy_from_slice(&digest.as_bytes()[..block.len()]);
    }
    random
}

fn options() -> InitOptions<'static> {
    InitOptions {
        token: None,
        organization: "Acme SA",
        key: KeyAlgorithm::P256,
        matter: None,
        secrets: NewSecrets::default(),
        policies: &[("aws-iot.toml", "version = 1\n"), ("tls-client.toml", "version = 1 # too\n")],
        now: Time::from_rfc3339("2026-02-28T12:00:00Z").unwrap(),
        years: CaYears::USUAL,
        random: random(),
    }
}

fn one<'a>(secret: &'a Secret, source: Option<&'a SecretSource>) -> NewSecrets<'a> {
    NewSecrets::one(NewSecret { secret, source })
}

fn listing(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                names.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    names.sort();
    names
}

const ALL: [&str; 11] = [
    "anchors/stm-stsafe-a-prod-ca-01.pem",
    "ca/issuing.key.pem",
    "ca/issuing.pem",
    "ca/manifest.key.pem",
    "ca/manifest.pem",
    "ca/root.key.pem",
    "ca/root.pem",
    "ledger.db",
    "policies/aws-iot.toml",
    "policies/tls-client.toml",
    "reroot.toml",
];

struct Made {
    _folder: tempfile::TempDir,
    dir: PathBuf,
    report: InitReport,
}

impl Made {
    fn new(options: &InitOptions<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("pki");
        let report = init(&dir, options).unwrap();
        Self { _folder: folder, dir, report }
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.join(name)).unwrap()
    }
}

#[test]
fn init_makes_a_whole_ca_and_nothing_else() {
    let made = Made::new(&options());
    assert_eq!(listing(&made.dir), ALL);
    assert_eq!(listing(made.dir.parent().unwrap()).len(), ALL.len(), "nothing is left beside it");
    let mut reported: Vec<_> = made.report.files.iter().map(|file| file.to_str().unwrap().to_owned()).collect();
    reported.sort();
    assert_eq!(reported, ALL);
    for name in ALL {
        let mode = std::fs::metadata(made.dir.join(name)).unwrap().permissions().mode() & 0o777;
        let private = name.contains(".key.") || name == "ledger.db";
        assert_eq!(mode.trailing_zeros() >= 6, private, "{name} has mode {mode:o}");
        if name.contains(".key.") {
            assert_eq!(mode, 0o600, "{name}");
        }
    }
    assert_eq!(made.read("policies/tls-client.toml"), b"version = 1 # too\n");
}

#[test]
fn openssl_and_gnutls_accept_the_chain_under_strict_rules() {
    // GnuTLS judges at today's date: valid from 2020 to 2120
    let now = Time::from_rfc3339("2020-02-29T12:00:00Z").unwrap();
    let years = CaYears { root: 100, issuing: 100, manifest: 100 };
    for key in [KeyAlgorithm::P256, KeyAlgorithm::P384] {
        let made = Made::new(&InitOptions { key, now, years, ..options() });
        let (root, issuing, manifest) =
            (made.path("ca/root.pem"), made.path("ca/issuing.pem"), made.path("ca/manifest.pem"));
        for certificate in [&root, &issuing, &manifest] {
            let at =
                ["verify", "-x509_strict", "-attime", "1772280000", "-check_ss_sig", "-CAfile", &root, certificate];
            openssl(&at, b"");
        }
        let chain = [made.read("ca/issuing.pem"), made.read("ca/root.pem")].concat();
        let (verified, output, complaints) = run("certtool", &["--verify-chain"], &chain);
        let output = String::from_utf8_lossy(&output);
        assert!(verified && output.contains("Chain verification output: Verified."), "{output}{complaints}");
        for party in ["root", "issuing", "manifest"] {
            let certificate = made.read(&format!("ca/{party}.pem"));
            let key = made.read(&format!("ca/{party}.key.pem"));
            let public = openssl(&["x509", "-noout", "-pubkey"], &certificate);
            assert_eq!(openssl(&["pkey", "-pubout"], &key), public, "{party}: the key is the certificate's");
        }
        // a device certificate below the issuing CA, made by OpenSSL
        let device = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
        let request = openssl(&["req", "-new", "-subj", "/CN=device", "-key", "/dev/stdin"], &device);
        let issuing_key = made.path("ca/issuing.key.pem");
        let extensions = made.dir.join("device.ext");
        let usual = b"keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
        durable::write_new(&extensions, Access::Public, usual).unwrap();
        let issue = ["x509", "-req", "-days", "30", "-CA", &issuing, "-CAkey", &issuing_key, "-set_serial", "0x4001"];
        let issue = [&issue[..], &["-extfile", extensions.to_str().unwrap()]].concat();
        let leaf = openssl(&issue, &request);
        let leaf_path = made.dir.join("device.pem");
        durable::write_new(&leaf_path, Access::Public, &leaf).unwrap();
        let verify = ["verify", "-x509_strict", "-no_check_time", "-CAfile", &root, "-untrusted", &issuing];
        openssl(&[&verify[..], &[leaf_path.to_str().unwrap()]].concat(), b"");
    }
}

#[test]
fn the_certificates_say_what_they_are_for() {
    let made = Made::new(&options());
    let text = |name: &str| {
        let arguments = ["x509", "-noout", "-text", "-nameopt", "RFC2253", "-certopt", "no_pubkey,no_sigdump"];
        String::from_utf8(openssl(&arguments, &made.read(name))).unwrap()
    };
    let (root, issuing, manifest) = (text("ca/root.pem"), text("ca/issuing.pem"), text("ca/manifest.pem"));
    let ca = "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n";
    for (text, length) in [(&root, 1), (&issuing, 0)] {
        assert!(text.contains(ca), "{text}");
        let constraints = format!("X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:{length}\n");
        assert!(text.contains(&constraints), "{text}");
        assert!(!text.contains("Extended Key Usage"), "{text}");
    }
    assert!(manifest.contains("X509v3 Key Usage: critical\n                Digital Signature\n"), "{manifest}");
    assert!(
        manifest.contains("X509v3 Extended Key Usage: critical\n                1.3.6.1.5.5.7.3.36\n"),
        "{manifest}"
    );
    assert!(!manifest.contains("Basic Constraints"), "{manifest}");
    assert!(!root.contains("Authority Key Identifier"), "{root}");
    for text in [&root, &issuing, &manifest] {
        assert!(text.contains("Version: 3 (0x2)") && text.contains("ecdsa-with-SHA256"), "{text}");
        assert!(text.contains("Not Before: Feb 28 12:00:00 2026 GMT"), "{text}");
    }
    assert!(root.contains("Not After : Feb 28 11:59:59 2056 GMT"), "{root}");
    assert!(manifest.contains("Not After : Feb 28 11:59:59 2036 GMT"), "{manifest}");

    let report = &made.report;
    for certificate in [&report.root, &report.issuing, &report.manifest] {
        assert_eq!(certificate.issuer(), report.root.subject());
        assert_eq!(certificate.serial().content().len(), 16);
        assert!(is_full_width(KeyAlgorithm::P256, certificate.signature()));
        // RFC 7093 §2 method 1, taken apart and put together by OpenSSL
        let spki = openssl(&["pkey", "-pubin", "-inform", "DER", "-outform", "DER"], certificate.spki().der());
        let digest = openssl(&["dgst", "-sha256", "-binary"], &spki[spki.len() - 65..]);
        assert_eq!(certificate.subject_key_identifier().unwrap().unwrap().as_bytes(), &digest[..20]);
        let mark = hex::encode_upper(&digest[..4]);
        assert!(certificate.subject().to_string().ends_with(&mark), "names differ where keys do");
        assert!(certificate.subject().to_string().starts_with("O=Acme SA, CN="));
    }
    for below in [&report.issuing, &report.manifest] {
        let authority = below.extension(oid::AUTHORITY_KEY_IDENTIFIER).unwrap();
        let own = report.root.subject_key_identifier().unwrap().unwrap();
        assert_eq!(authority.value[..], [&[0x30, 22, 0x80, 20][..], own.as_bytes()].concat());
    }
}

#[test]
fn every_ca_signature_is_on_the_issuing_cas_ledger() {
    let made = Made::new(&options());
    let ledger = Ledger::open(&made.dir.join("ledger.db"), made.report.issuing.spki()).unwrap();
    let entries = ledger.ca_entries().unwrap();
    let report = &made.report;
    let signed = [("root", &report.root), ("issuing-ca", &report.issuing), ("manifest-signer", &report.manifest)];
    assert_eq!(entries.len(), signed.len());
    for (entry, (kind, certificate)) in entries.iter().zip(signed) {
        assert_eq!((entry.kind.as_str(), entry.at), (kind, options().now));
        assert_eq!(entry.tbs_sha256, sha256(certificate.tbs()));
        assert_eq!(entry.der.as_deref(), Some(certificate.der()));
    }
}

#[test]
fn openssl_signs_and_verifies_a_manifest_with_the_manifest_signer() {
    let made = Made::new(&options());
    let sign = ["cms", "-sign", "-binary", "-nosmimecap", "-md", "sha256", "-outform", "DER"];
    let (certificate, key) = (made.path("ca/manifest.pem"), made.path("ca/manifest.key.pem"));
    let signature = openssl(&[&sign[..], &["-signer", &certificate, "-inkey", &key]].concat(), b"{}");
    let (path, content) = (made.path("m.p7s"), made.path("m.json"));
    durable::write_new(Path::new(&path), Access::Public, &signature).unwrap();
    durable::write_new(Path::new(&content), Access::Public, b"{}").unwrap();
    let root = made.path("ca/root.pem");
    let verify = ["cms", "-verify", "-binary", "-inform", "DER", "-in", &path, "-content", &content, "-CAfile", &root];
    openssl(&[&verify[..], &["-purpose", "any", "-attime", "1772280000"]].concat(), b"");
}

#[test]
fn encrypted_keys_open_with_the_passphrase_alone() {
    let passphrase = secret("correct horse");
    let source = SecretSource::Env("ISSUING_PASSPHRASE".to_owned());
    let made = Made::new(&InitOptions { secrets: one(&passphrase, Some(&source)), ..options() });
    assert!(!made.report.plain);
    for party in ["root", "issuing", "manifest"] {
        let pem = made.read(&format!("ca/{party}.key.pem"));
        assert!(pem.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        openssl(&["pkey", "-noout", "-passin", "pass:correct horse"], &pem);
        assert!(!run("openssl", &["pkey", "-noout", "-passin", "pass:wrong"], &pem).0);
    }
    assert_ne!(made.read("ca/root.key.pem")[..200], made.read("ca/issuing.key.pem")[..200], "salts differ");
    let config = Config::load(&made.dir.join("reroot.toml")).unwrap();
    let known = crate::signer::secret::ResolveWith {
        env: |name: &str| (name == "ISSUING_PASSPHRASE").then(|| "correct horse".into()),
        prompt: |_: &str| Err(std::io::Error::other("nobody is asked")),
    };
    assert_eq!(config.open_issuer_signer(&known).unwrap().public_key(), made.report.issuing.spki());
    assert_eq!(config.open_manifest_signer(&known).unwrap().public_key(), made.report.manifest.spki());
}

#[test]
fn the_configuration_reads_well() {
    let made = Made::new(&options());
    let text = String::from_utf8(made.read("reroot.toml")).unwrap();
    assert_eq!(text, include_str!("reroot.toml"));
    let passphrase = secret("x");
    let with = |source: Option<&SecretSource>| {
        let made = Made::new(&InitOptions { secrets: one(&passphrase, source), ..options() });
        String::from_utf8(made.read("reroot.toml")).unwrap()
    };
    let text = with(Some(&SecretSource::Env("CA_PASSPHRASE".to_owned())));
    assert_eq!(text.matches("\nsecret = { env = \"CA_PASSPHRASE\" }\n").count(), 2, "{text}");
    let text = with(Some(&SecretSource::File("/run/secrets/a \"b\\".into())));
    assert_eq!(text.matches("\nsecret = { file = '/run/secrets/a \"b\\' }\n").count(), 2, "{text}");
    for text in [with(None), with(Some(&SecretSource::Prompt))] {
        assert_eq!(text.matches("\n# The key is encrypted and its").count(), 1, "{text}");
    }
}

#[test]
fn nothing_that_exists_is_overwritten() {
    for existing in ["ca", "anchors", "policies", "reroot.toml", "ledger.db", "ledger.db-wal"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(existing);
        durable::write_new(&path, Access::Public, b"mine").unwrap();
        let error = init(folder.path(), &options()).unwrap_err();
        assert_eq!(error.to_string(), format!("`{}` exists already, nothing was changed", path.display()));
        assert!(error.hint().is_some());
        assert_eq!(listing(folder.path()), [existing]);
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }
    let made = Made::new(&options());
    let before = made.read("ca/root.key.pem");
    assert!(matches!(init(&made.dir, &options()), Err(CaError::Exists { .. })));
    assert_eq!(made.read("ca/root.key.pem"), before);
}

#[test]
fn an_existing_directory_keeps_its_unrelated_files() {
    let folder = tempfile::tempdir().unwrap();
    durable::write_new(&folder.path().join("notes.txt"), Access::Public, b"mine").unwrap();
    init(folder.path(), &options()).unwrap();
    let mut expected = [&ALL[..], &["notes.txt"]].concat();
    expected.sort_unstable();
    assert_eq!(listing(folder.path()), expected);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6, "no empty directory is left");
}

#[test]
fn what_an_interrupted_run_left_does_not_hinder_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("pki");
    let left = Staging::prepare(&dir, &[]).unwrap();
    left.write("half", Access::Private, b"a key").unwrap();
    drop(left);
    init(&dir, &options()).unwrap();
    assert_eq!(listing(folder.path()).len(), ALL.len());
}

#[test]
fn a_failure_while_moving_into_place_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let staging = Staging::prepare(folder.path(), &["a", "b", "last"]).unwrap();
    for name in ["a", "b", "last"] {
        staging.write(name, Access::Private, b"new").unwrap();
    }
    // a different process has made the file first
    durable::write_new(&folder.path().join("last"), Access::Public, b"theirs").unwrap();
    assert!(matches!(staging.publish("last"), Err(CaError::Durable(durable::DurableError::Exists { .. }))));
    assert_eq!(listing(folder.path()), ["last"]);
    assert_eq!(std::fs::read(folder.path().join("last")).unwrap(), b"theirs");

    let dir = folder.path().join("pki");
    let staging = Staging::prepare(&dir, &[]).unwrap();
    staging.write("a", Access::Private, b"new").unwrap();
    durable::create_directory(&dir, Access::Public).unwrap();
    assert!(matches!(staging.publish("last"), Err(CaError::Durable(durable::DurableError::Exists { .. }))));
    assert_eq!(listing(folder.path()), ["last"]);
}

#[test]
fn unusable_options_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("pki");
    let refused = |options: &InitOptions<'_>| {
        let error = init(&dir, options).unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{error}");
        error.to_string()
    };
    let long = "a".repeat(65);
    let expected = "expected 1 to 64 characters of text (RFC 5280 appendix A, ub-organization-name)";
    for (organization, what) in [
        ("", "is empty"),
        (&long[..], "is longer than 64 characters"),
        ("a\nb", "has control characters"),
        (" a", "begins or ends with a blank"),
    ] {
        assert_eq!(refused(&InitOptions { organization, ..options() }), format!("organization {what}, {expected}"));
    }
    for key in [KeyAlgorithm::P521, KeyAlgorithm::Ed25519] {
        let message = format!("a CA cannot be made with a {key} key, expected P-256 or P-384");
        assert_eq!(refused(&InitOptions { key, ..options() }), message);
    }
    for policies in [
        &[("../a.toml", "")][..],
        &[("a.txt", "")],
        &[(".toml", "")],
        &[("..toml", "")],
        &[("a/b.toml", "")],
        &[("a.toml", ""), ("a.toml", "")],
    ] {
        assert!(refused(&InitOptions { policies, ..options() }).starts_with("policy file name `"));
    }
    let years = CaYears { issuing: 31, ..CaYears::USUAL };
    assert_eq!(
        refused(&InitOptions { years, ..options() }),
        "validity of 31 years for the issuing CA, expected 1 to the root's 30"
    );
    let years = CaYears { root: 0, issuing: 0, manifest: 0 };
    assert!(refused(&InitOptions { years, ..options() }).starts_with("validity of 0 years for the root"));
    let years = CaYears { root: 8000, ..CaYears::USUAL };
    assert_eq!(refused(&InitOptions { years, ..options() }), "validity: time lies outside the years 0000 to 9999");
    let random = [7; RANDOM_BYTES];
    assert_eq!(refused(&InitOptions { random, ..options() }), "random bytes repeat: the random generator is broken");
    let passphrase: Secret = secret("x");
    let source =
        SecretSource::File(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xFF")));
    let error = refused(&InitOptions { secrets: one(&passphrase, Some(&source)), ..options() });
    assert_eq!(error, "passphrase source cannot be configured: the path is not UTF-8");
}

#[test]
fn places_that_cannot_be_a_ca_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    durable::write_new(&file, Access::Public, b"").unwrap();
    let refused = |dir: &Path| init(dir, &options()).unwrap_err().to_string();
    assert_eq!(refused(&file), format!("`{}` is not a directory", file.display()));
    assert!(refused(&file.join("below")).contains("Not a directory"));
    assert_eq!(listing(folder.path()), ["file"]);
    // the directories above a new one are made with it
    init(&folder.path().join("a/b/c"), &options()).unwrap();
    assert_eq!(listing(&folder.path().join("a/b/c")), ALL);
}

#[test]
fn a_year_on_29_february_ends_on_the_28th() {
    let made = Made::new(&InitOptions { now: Time::from_rfc3339("2028-02-29T00:00:00Z").unwrap(), ..options() });
    let ends = |certificate: &Certificate| certificate.validity().not_after().to_string();
    assert_eq!(ends(&made.report.manifest), "2038-02-27T23:59:59Z");
    assert_eq!(ends(&made.report.root), "2058-02-27T23:59:59Z");
}

#[test]
fn a_matter_ca_has_vendor_and_product_behind_the_common_name() {
    let matter = Some(MatterIds { vendor: "FFF1", product: Some("8000") });
    let made = Made::new(&InitOptions { matter, ..options() });
    let kinds = |certificate: &Certificate| {
        let rdns = certificate.subject().rdns();
        rdns.iter()
            .flatten()
            .map(|attribute| (attribute.kind, attribute.tag, attribute.text().unwrap().into_owned()))
            .collect::<Vec<_>>()
    };
    let paa = kinds(&made.report.root);
    let pai = kinds(&made.report.issuing);
    assert!(paa[0].2.starts_with("Matter PAA ") && pai[0].2.starts_with("Matter PAI "));
    let vendor = (oid::MATTER_VENDOR_ID, 0x0C, "FFF1".to_owned());
    assert_eq!(paa[1..], pai[1..2]);
    assert_eq!(pai[1..], [vendor, (oid::MATTER_PRODUCT_ID, 0x0C, "8000".to_owned())]);
    assert_eq!(made.report.manifest.subject().rdns().len(), 2, "the manifest signer attests no device");
    let chain = ["verify", "-x509_strict", "-attime", "1772280000", "-CAfile"];
    openssl(&[&chain[..], &[&made.path("ca/root.pem"), &made.path("ca/issuing.pem")]].concat(), b"");
}

#[test]
fn a_matter_ca_for_all_products_of_a_vendor_names_none() {
    let made = Made::new(&InitOptions { matter: Some(MatterIds { vendor: "FFF1", product: None }), ..options() });
    assert!(made.report.issuing.subject().values(oid::MATTER_PRODUCT_ID).next().is_none());
}

#[test]
fn ids_and_keys_that_matter_does_not_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |options: &InitOptions<'_>| init(&folder.path().join("pki"), options).unwrap_err().to_string();
    for id in ["", "fff1", "FFF", "FFF10", "FFFG", "0000", "FFF1\u{1}"] {
        let vendor = Some(MatterIds { vendor: id, product: None });
        assert!(refused(&InitOptions { matter: vendor, ..options() }).starts_with("Matter vendor id `"), "{id}");
        let product = Some(MatterIds { vendor: "FFF1", product: Some(id) });
        assert!(refused(&InitOptions { matter: product, ..options() }).starts_with("Matter product id `"), "{id}");
    }
    let matter = Some(MatterIds { vendor: "FFF1", product: None });
    let error = refused(&InitOptions { matter, key: KeyAlgorithm::P384, ..options() });
    assert!(error.contains("cannot have a P-384 key, expected P-256"), "{error}");
}

/// The parts of a made CA that a possession certificate needs.
fn possession(made: &Made, code: &str, days: u16, now: &str) -> Result<Certificate, CaError> {
    let config = Config::load(&made.dir.join("reroot.toml")).unwrap();
    let issuer = config.issuer_identity().unwrap();
    let signer = FileSigner::open(&made.read("ca/issuing.key.pem"), None).unwrap();
    let ledger = Ledger::open(&made.dir.join("ledger.db"), issuer.spki()).unwrap();
    let now = Time::from_rfc3339(now).unwrap();
    proof(&issuer, &signer, &ledger, &ProofOptions { code, days, now, random: [7; 16] })
}

#[test]
fn a_possession_certificate_is_recorded_and_holds_under_strict_rules() {
    for key in [KeyAlgorithm::P256, KeyAlgorithm::P384] {
        let made = Made::new(&InitOptions { key, ..options() });
        let code = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let certificate = possession(&made, code, 7, "2026-03-01T00:00:00Z").unwrap();
        assert_eq!(certificate.subject().common_name().as_deref(), Some(code));
        assert_eq!(certificate.validity().not_after(), Time::from_rfc3339("2026-03-07T23:59:59Z").unwrap());
        assert!(!certificate.is_ca());
        let text = crate::x509::pem::write("CERTIFICATE", certificate.der());
        let (root, issuing) = (made.path("ca/root.pem"), made.path("ca/issuing.pem"));
        let verify = ["verify", "-x509_strict", "-attime", "1772380000", "-CAfile", &root, "-untrusted", &issuing];
        openssl(&verify, text.as_bytes());
        let ledger = Ledger::open(&made.dir.join("ledger.db"), made.report.issuing.spki()).unwrap();
        let entries = ledger.ca_entries().unwrap();
        let last = entries.last().unwrap();
        assert_eq!((last.kind.as_str(), last.der.as_deref()), ("possession", Some(certificate.der())));
    }
}

#[test]
fn codes_and_days_that_no_cloud_asks_for_are_refused_before_anything_is_recorded() {
    let made = Made::new(&options());
    let now = "2026-03-01T00:00:00Z";
    for code in ["", "a b", "a,CN=b", "a\u{e9}", &"a".repeat(65)] {
        assert!(matches!(possession(&made, code, 7, now), Err(CaError::Code { .. })), "{code}");
    }
    assert!(matches!(possession(&made, "a", 0, now), Err(CaError::Days { .. })));
    assert!(matches!(possession(&made, "a", 31, now), Err(CaError::Days { .. })));
    for outside in ["2026-02-28T11:59:59Z", "2056-02-28T00:00:00Z"] {
        assert!(matches!(possession(&made, "a", 7, outside), Err(CaError::IssuerNotValid { .. })), "{outside}");
    }
    let ledger = Ledger::open(&made.dir.join("ledger.db"), made.report.issuing.spki()).unwrap();
    assert!(ledger.ca_entries().unwrap().iter().all(|entry| entry.kind != "possession"));
    drop(ledger);
    possession(&made, &"a".repeat(64), 30, now).unwrap();
}
