//! Parsers of other projects decide whether what we issue is right.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::run::Run;

/// An issued certificate with what it must agree with, all as files.
pub struct Case {
    /// The object certificate, DER.
    pub object: PathBuf,
    /// The source leaf, DER.
    pub source: PathBuf,
    /// The issuing CA's certificate, PEM.
    pub issuing: PathBuf,
    /// The root above it, PEM.
    pub root: PathBuf,
}

/// Takes DER apart by hand: names and keys as bytes, which no library hands out. Then touches everything that
/// `cryptography` parses lazily, and verifies the signature.
pub const PYTHON: &str = r#"
import sys
from cryptography import x509

def element(data, at):
    length, header = data[at + 1], 2
    if length & 0x80:
        header += length & 0x7F
        length = int.from_bytes(data[at + 2:at + header], "big")
    return data[at:at + header + length], at + header, at + header + length

def fields(der):
    _, inside, _ = element(der, 0)
    tbs, at, _ = element(der, inside)
    data, parts, end = der, [], inside + len(tbs)
    while at < end:
        part, _, at = element(data, at)
        parts.append(part)
    version, serial, algorithm, issuer, validity, subject, spki = parts[:7]
    assert version == bytes.fromhex("a003020102"), "version 3"
    return issuer, subject, spki

issuing = x509.load_pem_x509_certificate(open(sys.argv[1], "rb").read())
from cryptography.hazmat.primitives.serialization import Encoding
_, issuing_subject, _ = fields(issuing.public_bytes(Encoding.DER))
for object_path, source_path in zip(sys.argv[2::2], sys.argv[3::2]):
    der, source = open(object_path, "rb").read(), open(source_path, "rb").read()
    issuer, _, spki = fields(der)
    _, _, source_spki = fields(source)
    assert issuer == issuing_subject, f"{object_path}: issuer is not the CA's subject, byte for byte"
    assert spki == source_spki, f"{object_path}: SubjectPublicKeyInfo is not the source leaf's, byte for byte"
    certificate = x509.load_der_x509_certificate(der)
    for extension in certificate.extensions:
        repr(extension.value)
    repr((certificate.subject, certificate.issuer, certificate.public_key(), certificate.serial_number,
          certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.signature_algorithm_parameters))
    assert certificate.version == x509.Version.v3 and 0 < certificate.serial_number.bit_length() <= 159
    certificate.verify_directly_issued_by(issuing)
    print(object_path)
"#;

/// Every judge looks at every case. `scratch` takes PEM files.
pub fn judge(cases: &[Case], scratch: &Path) {
    judge_with(cases, scratch, &Exceptions::default());
}

/// What judges may say against good certificates. An exception that is not needed fails as well.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// The codes that pkilint finds in every certificate, sorted.
    pub pkilint: Vec<String>,
    /// GnuTLS does not know the certificates' kind of key.
    pub unknown_to_gnutls: bool,
}

/// As [`judge`], with exceptions.
pub fn judge_with(cases: &[Case], scratch: &Path, exceptions: &Exceptions) {
    for case in cases {
        let pem = scratch.join("object.pem");
        let der = std::fs::read(&case.object).expect("the certificate is there");
        let text = super::pki::der::pem("CERTIFICATE", &der);
        let issuing = std::fs::read_to_string(&case.issuing).expect("the CA's certificate is there");
        put(&pem, &text);

        // OpenSSL: the RFC 5280 profile, the chain, and the key
        let chain = [case.root.as_os_str(), "-untrusted".as_ref(), case.issuing.as_os_str(), pem.as_os_str()];
        Run::openssl().args(["verify", "-x509_strict", "-CAfile"]).args(chain).run().success();
        let key = |path: &Path| {
            Run::openssl().args(["x509", "-inform", "DER", "-noout", "-pubkey", "-in"]).arg(path).run().success().stdout
        };
        assert_eq!(key(&case.object), key(&case.source), "OpenSSL sees another key in {}", case.object.display());

        // GnuTLS: leaf first, then the CA
        let bundle = scratch.join("bundle.pem");
        put(&bundle, format!("{text}{issuing}"));
        let trust = ["--verify", "--verify-profile", "low", "--load-ca-certificate"];
        let gnutls = Run::certtool().args(trust).arg(&case.root).arg("--infile").arg(&bundle).run();
        if exceptions.unknown_to_gnutls {
            let said = gnutls.expect(1).out();
            assert!(said.contains("The certificate chain uses insecure algorithm"), "{said}");
        } else {
            gnutls.success();
        }

        assert_eq!(findings(&pem), exceptions.pkilint, "pkilint on {}", case.object.display());
    }
    let Some(first) = cases.first() else { panic!("nothing to judge") };
    let files = cases.iter().flat_map(|case| {
        assert_eq!(case.issuing, first.issuing, "one issuer at a time");
        [&case.object, &case.source]
    });
    let judged = Run::python(PYTHON).arg(&first.issuing).args(files).run().success();
    assert_eq!(judged.out().lines().count(), cases.len());
}

/// pkilint finds nothing.
pub fn lint(pem: &Path) {
    assert_eq!(findings(pem), Vec::<String>::new(), "pkilint on {}", pem.display());
}

/// The codes that pkilint finds with its PKIX rules at WARNING or above, sorted.
pub fn findings(pem: &Path) -> Vec<String> {
    let finished = Run::venv("lint_pkix_cert").args(["lint", "-s", "WARNING", "-f", "JSON"]).arg(pem).run();
    let text = finished.out();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", finished.err());
    });
    let results = report["results"].as_array().expect("pkilint reports results");
    let descriptions = results.iter().flat_map(|result| result["finding_descriptions"].as_array().expect("a list"));
    let mut codes: Vec<String> =
        descriptions.map(|finding| finding["code"].as_str().expect("a finding has a code").to_owned()).collect();
    codes.sort();
    // its exit code is the number of findings of that severity or above
    assert_eq!(finished.code, i32::try_from(codes.len()).ok(), "{text}");
    codes
}

/// Unpacks a zip file with a reader that is not ours; returns the files, sorted by name.
pub fn unpack(archive: &Path, into: &Path) -> Vec<PathBuf> {
    reroot_core::durable::create_directory(into, reroot_core::durable::Access::Public).expect("a new directory");
    let file = std::fs::File::open(archive).unwrap_or_else(|error| panic!("{}: {error}", archive.display()));
    let mut archive = zip::ZipArchive::new(file).expect("the batch holds zip files");
    let mut paths = Vec::new();
    for n in 0..archive.len() {
        let mut entry = archive.by_index(n).expect("the entry can be read");
        let name = entry.name().expect("names are UTF-8").into_owned();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'), "{name}");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("the entry can be read");
        let path = into.join(name);
        put(&path, content);
        paths.push(path);
    }
    paths.sort();
    paths
}

/// Writes a scratch file, over an earlier one.
#[expect(clippy::disallowed_methods, reason = "scratch files of a test")]
pub fn put(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::write(path, content).expect("scratch files can be written");
}

/// As [`put`], for a key, passphrase or PIN: no other user may read it.
pub fn put_secret(path: &Path, content: impl AsRef<[u8]>) {
    use std::os::unix::fs::PermissionsExt as _;
    put(path, content);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("it was just written");
}
