//! `reroot init --issuer-key` adopts an existing CA with its key in any form, and refuses by name what cannot issue.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

use crate::support::golden::Case;
use crate::support::judges::{put, put_secret};
use crate::support::pki::archive;
use crate::support::run::{Finished, Run, project};
use crate::support::workshop::Workshop;

/// An archive with a genuine leaf.
fn reel(path: &Path) {
    let name = "0209B0846159E439520139.der";
    let leaf = std::fs::read(project("fixtures/st").join(format!("leaf-{name}"))).unwrap();
    put(path, archive::zip(&[(name, &leaf)]));
}

/// What a CA certificate says.
fn params(name: &str, is_ca: IsCa, usages: &[KeyUsagePurpose]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    params.key_usages = usages.to_vec();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2099, 1, 1);
    params
}

const SIGNS: [KeyUsagePurpose; 2] = [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];

fn ca(path_len: u8) -> IsCa {
    IsCa::Ca(BasicConstraints::Constrained(path_len))
}

/// A root and an issuing CA in `root.pem`, `root.key`, `issuing.pem` and `issuing.key`.
fn two_levels(folder: &Path) {
    let [root_key, issuing_key] = [(); 2].map(|()| KeyPair::generate().unwrap());
    let root = params("Own Root", ca(1), &SIGNS);
    put(&folder.join("root.pem"), root.self_signed(&root_key).unwrap().pem());
    let issuing = params("Own Issuing", ca(0), &SIGNS);
    let issuer = Issuer::from_params(&root, &root_key);
    put(&folder.join("issuing.pem"), issuing.signed_by(&issuing_key, &issuer).unwrap().pem());
    put_secret(&folder.join("root.key"), root_key.serialize_pem());
    put_secret(&folder.join("issuing.key"), issuing_key.serialize_pem());
}

fn openssl(folder: &Path, line: &str) {
    Run::openssl().folder(folder).args(line.split(' ')).run().success();
}

/// A batch of the adopted CA: issued and verified with the configuration alone.
fn issues(folder: &Path, dir: &str) {
    let reroot = |line: &str| -> Finished { Run::reroot(folder).args(line.split(' ')).run() };
    let policy = format!("{dir}/policies/tls-client.toml");
    let config = format!("{dir}/reroot.toml");
    reroot(&format!("issue reel.zip --policy {policy} --out {dir}-batch --config {config}")).success();
    reroot(&format!("verify {dir}-batch --input reel.zip --config {config}")).success();
    reroot(&format!("export {dir}-batch --to csv --out {dir}.csv --config {config}")).success();
}

/// The commands of docs/guide/own-ca.md, one after the other, in a fresh folder that holds a reel.
#[test]
fn the_guide_runs_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    reel(&folder.path().join("reel.zip"));
    let guide = std::fs::read_to_string(project("docs/guide/own-ca.md")).unwrap();
    let blocks: Vec<&str> =
        guide.split("\n```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n")).collect();
    assert!(blocks.len() >= 4, "{} blocks", blocks.len());
    let program = Path::new(env!("CARGO_BIN_EXE_reroot")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let run = Run::tool("sh").args(["-eu", "-c", &blocks.join("\n")]).folder(folder.path()).env("PATH", path);
    run.run().success();
    assert!(folder.path().join("first/manifest.json").exists());
}

#[test]
fn a_key_in_each_form_is_adopted_and_issues() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_levels(folder);
    reel(&folder.join("reel.zip"));
    put_secret(&folder.join("pass"), "hunter2\n");
    openssl(folder, "ec -in issuing.key -out sec1.pem");
    openssl(folder, "ec -in issuing.key -aes256 -passout pass:hunter2 -out legacy.pem");
    openssl(folder, "pkcs8 -topk8 -in issuing.key -passout pass:hunter2 -out pkcs8.pem");
    openssl(
        folder,
        "pkcs12 -export -inkey issuing.key -in issuing.pem -certfile root.pem -passout pass:hunter2 -out all.p12",
    );
    let certificates = ["--issuer-cert", "issuing.pem", "--chain", "root.pem"];
    let passphrase = ["--issuer-passphrase-file", "pass"];
    for (key, more) in [
        ("issuing.key", &certificates[..]),
        ("sec1.pem", &certificates),
        ("legacy.pem", &[&certificates[..], &passphrase].concat()),
        ("pkcs8.pem", &[&certificates[..], &passphrase].concat()),
        ("all.p12", &passphrase),
    ] {
        let dir = key.split('.').next().unwrap();
        let init = ["init", dir, "--organization", "Own", "--issuer-key", key];
        Run::reroot(folder).args(init).args(more).run().success();
        assert!(!folder.join(dir).join("ca/issuing.key.pem").exists(), "{key} stays where it is");
        let policy = std::fs::read_to_string(folder.join(dir).join("policies/tls-client.toml")).unwrap();
        assert!(policy.contains("{ O = \"Own\" }"), "{policy}");
        issues(folder, dir);
    }
}

/// The manifest signer of a CA that is its own root has an anchor of its own.
#[test]
fn a_ca_of_one_level_is_adopted_and_issues() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = KeyPair::generate().unwrap();
    put(&folder.join("ca.pem"), params("One Level", ca(0), &SIGNS).self_signed(&key).unwrap().pem());
    put_secret(&folder.join("ca.key"), key.serialize_pem());
    reel(&folder.join("reel.zip"));
    let init = ["init", "one", "-o", "One", "--issuer-cert", "ca.pem", "--issuer-key", "ca.key"];
    Run::reroot(folder).args(init).run().success();
    issues(folder, "one");
    // anchors by options: each signer has its own
    let verify = "verify one-batch --source-anchor one/anchors/stm-stsafe-a-prod-ca-01.pem --issuer-anchor ca.pem";
    let run = |line: &str| Run::reroot(folder).args(line.split(' ')).run();
    run(verify).expect(1);
    run(&format!("{verify} --manifest-anchor one/ca/manifest-anchor.pem")).success();
}

/// The root certifies the manifest signer: a request goes out, `ca import` takes the certificate in.
#[test]
fn the_root_can_certify_the_manifest_signer() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_levels(folder);
    reel(&folder.join("reel.zip"));
    let init =
        "init own -o Own --issuer-cert issuing.pem --issuer-key issuing.key --chain root.pem --manifest-under root";
    let reroot = |line: &str| Run::reroot(folder).args(line.split(' ')).run();
    reroot(init).success();
    put(
        &folder.join("manifest.ext"),
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,1.3.6.1.5.5.7.3.36\nsubjectKeyIdentifier=hash\n",
    );
    openssl(
        folder,
        "x509 -req -in own/ca/manifest.csr.pem -CA root.pem -CAkey root.key -days 3000 -extfile manifest.ext -out signer.pem",
    );
    reroot("ca import signer.pem --config own/reroot.toml").success();
    issues(folder, "own");
}

#[test]
fn what_cannot_be_adopted_is_refused_by_name() {
    let workshop = Workshop::new();
    let folder = workshop.folder();
    two_levels(folder);
    put_secret(&folder.join("pass"), "not it\n");
    openssl(folder, "pkcs8 -topk8 -in issuing.key -passout pass:hunter2 -out encrypted.key");
    openssl(
        folder,
        "pkcs12 -export -inkey issuing.key -in issuing.pem -certfile root.pem -passout pass:hunter2 -out all.p12",
    );
    openssl(folder, "pkcs12 -export -legacy -inkey issuing.key -in issuing.pem -passout pass:hunter2 -out old.p12");
    put_secret(&folder.join("right"), "hunter2\n");
    let pem = std::fs::read_to_string(folder.join("issuing.key")).unwrap();
    let key = KeyPair::from_pem(&pem).unwrap();
    let write = |name: &str, params: CertificateParams| {
        put(&folder.join(name), params.self_signed(&key).unwrap().pem());
    };
    let mut expired = params("Expired", ca(0), &SIGNS);
    expired.not_after = date_time_ymd(2021, 1, 1);
    write("expired.pem", expired);
    write("unable.pem", params("Unable", ca(0), &[KeyUsagePurpose::CrlSign]));
    write("no-ca.pem", params("No CA", IsCa::ExplicitNoCa, &[KeyUsagePurpose::DigitalSignature]));
    write("one.pem", params("One Level", ca(0), &SIGNS));
    // a root of the same name and another key
    let other = KeyPair::generate().unwrap();
    put(&folder.join("false-root.pem"), params("Own Root", ca(1), &SIGNS).self_signed(&other).unwrap().pem());
    put_secret(&folder.join("other.key"), other.serialize_pem());
    // a root that allows no CA below it
    let narrow = params("Narrow Root", ca(0), &SIGNS);
    put(&folder.join("narrow-root.pem"), narrow.self_signed(&other).unwrap().pem());
    let below = params("Below", ca(0), &SIGNS).signed_by(&key, &Issuer::from_params(&narrow, &other)).unwrap();
    put(&folder.join("below.pem"), below.pem());
    let init = "init new -o New --issuer-key";
    Case::new(&workshop, "own_ca")
        .note("The key of another certificate")
        .run(&format!("{init} other.key --issuer-cert issuing.pem --chain root.pem"))
        .note("A passphrase that does not open the key; PKCS#12; ciphers of before")
        .run(&format!("{init} encrypted.key --issuer-passphrase-file pass --issuer-cert issuing.pem --chain root.pem"))
        .run(&format!("{init} all.p12 --issuer-passphrase-file pass"))
        .run(&format!("{init} old.p12 --issuer-passphrase-file right"))
        .note("No key there, no certificate given, a certificate in the key's place")
        .run(&format!("{init} nowhere.key --issuer-cert issuing.pem"))
        .run(&format!("{init} issuing.key"))
        .run(&format!("{init} issuing.pem --issuer-cert issuing.pem --allow-shared"))
        .note("A CA that has ended; one that may not sign certificates; no CA at all")
        .run(&format!("{init} issuing.key --issuer-cert expired.pem"))
        .run(&format!("{init} issuing.key --issuer-cert unable.pem"))
        .run(&format!("{init} issuing.key --issuer-cert no-ca.pem"))
        .note("Chains: no root, a false root, one that does not belong to it, no CA allowed below")
        .run(&format!("{init} issuing.key --issuer-cert issuing.pem"))
        .run(&format!("{init} issuing.key --issuer-cert issuing.pem --chain false-root.pem"))
        .run(&format!("{init} issuing.key --issuer-cert issuing.pem --chain root.pem --chain narrow-root.pem"))
        .run(&format!("{init} issuing.key --issuer-cert below.pem --chain narrow-root.pem"))
        .note("A CA that is its own root cannot have its root certify the manifest signer")
        .run(&format!("{init} issuing.key --issuer-cert one.pem --manifest-under root"))
        .note("Passphrases for some of the new keys")
        .run(&format!("{init} issuing.key --issuer-cert one.pem --passphrase-file manifest=right"))
        .run(&format!("{init} issuing.key --issuer-cert one.pem --passphrase-file right --passphrase-file root=pass"))
        .run(&format!("{init} issuing.key --issuer-cert one.pem --passphrase-file issuing=right"))
        .note("What is there is seen before a passphrase is asked for")
        .run("init pki -o New --issuer-key encrypted.key --issuer-cert issuing.pem --chain root.pem")
        .note("For programs, in a place whose parent is made")
        .run("init made/own -o New --issuer-key issuing.key --issuer-cert issuing.pem --chain root.pem --format json")
        .finish();
    assert!(!workshop.path("new").exists());
}
