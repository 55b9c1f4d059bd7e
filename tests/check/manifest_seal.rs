//! Seals: made here and verified by OpenSSL and GnuTLS, refused here in every other form.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests, their helpers included")]

use std::path::Path;
use std::process::{Command, Output};

use reroot::durable::{self, Access};
use reroot::error::{CoreError, Error};
use reroot::manifest::{ManifestAnchor, ManifestError, SignedManifest, Statement};
use reroot::seal;
use reroot::signer::{Signer, SignerError};
use reroot::x509::tlv::element;
use reroot::x509::{Certificate, KeyUsage, SignatureAlgorithm, Spki, Time, oid};

use crate::support::manifest_pki::{
    Shape, TestKey, ca, extension, key_usage, pem, purposes, root, root_until, signer_shape, statement, time,
};

const ROOT: &str = "TEST root";

fn created() -> Time {
    time("2026-06-01T12:00:00Z")
}

/// Seals; what is refused is refused by the manifest's rules.
fn sign(bytes: &[u8], certificate: &Certificate, signer: &dyn Signer, at: Time) -> Result<Vec<u8>, ManifestError> {
    seal::sign(bytes, certificate, signer, at).map_err(|error| match error {
        Error::Core(CoreError::Manifest(error)) => error,
        other => panic!("{other}"),
    })
}

/// A root, its manifest signer, and a statement it has sealed.
struct Sealed {
    root: Certificate,
    root_key: TestKey,
    signer: Certificate,
    key: TestKey,
    statement: Vec<u8>,
    seal: Vec<u8>,
}

fn sealed(root_key: TestKey, key: TestKey) -> Sealed {
    sealed_under(root(ROOT, &root_key), root_key, &signer_shape(ROOT, &key), key)
}

/// Under certificates without an end, for judges that know no other time than today.
fn sealed_for_ever(root_key: TestKey, key: TestKey) -> Sealed {
    let root = root_until(ROOT, &root_key, Time::NEVER);
    sealed_under(root, root_key, &Shape { not_after: Time::NEVER, ..signer_shape(ROOT, &key) }, key)
}

fn sealed_under(root: Certificate, root_key: TestKey, signer: &Shape, key: TestKey) -> Sealed {
    let signer = signer.certify(&root_key);
    let statement = statement(created(), vec![]).to_bytes();
    let seal = sign(&statement, &signer, &key, created()).unwrap();
    Sealed { root, root_key, signer, key, statement, seal }
}

fn ordinary() -> Sealed {
    sealed(TestKey::p256(1), TestKey::p256(2))
}

impl Sealed {
    fn anchors(&self) -> Vec<ManifestAnchor> {
        vec![ManifestAnchor::from_certificate(&self.root).unwrap()]
    }

    fn open(&self) -> Result<SignedManifest, ManifestError> {
        SignedManifest::open(&self.statement, &self.seal, &self.signer, &self.anchors())
    }

    /// The same statement sealed, without looking, under another certificate for the same key.
    fn under(&self, shape: &Shape) -> Result<SignedManifest, ManifestError> {
        let signer = shape.certify(&self.root_key);
        let lax = lax_seal(&self.statement, &signer, &self.key);
        let opened = SignedManifest::open(&self.statement, &lax, &signer, &self.anchors());
        match sign(&self.statement, &signer, &self.key, created()) {
            Ok(strict) => assert_eq!(strict, lax, "a seal has one form"),
            // `sign` refuses what `open` refuses, with the same code
            Err(error) => assert_eq!(Some(error.code()), opened.as_ref().err().map(ManifestError::code)),
        }
        opened
    }
}

/// RFC 5652 SignedData with SHA-256, written down a second time and by a signer that checks nothing.
fn lax_seal(statement: &[u8], certificate: &Certificate, key: &TestKey) -> Vec<u8> {
    bent_seal(statement, certificate, key, None)
}

/// What a seal may not be although its signature holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bend {
    AttributeMissing,
    AttributeTwice,
    AttributesOutOfOrder,
    Certificate,
    Content,
    DigestParameters,
    SignatureParameters,
    TwoSigners,
    UnsignedAttribute,
    ValueTwice,
}

/// As [`lax_seal`], in a form that seals do not have.
fn bent_seal(statement: &[u8], certificate: &Certificate, key: &TestKey, bend: Option<Bend>) -> Vec<u8> {
    let is = |one: Bend| bend == Some(one);
    let sequence = |parts: &[&[u8]]| element(0x30, parts);
    let set = |parts: &[&[u8]]| element(0x31, parts);
    let hex = |text: &str| hex::decode(text).unwrap();
    let sha256 =
        if is(Bend::DigestParameters) { "300d06096086480165030402010500" } else { "300b0609608648016503040201" };
    let sha256 = hex(sha256);
    let digest = |bytes: &[u8]| element(4, &[reroot::crypto::sha256(bytes).as_bytes()]);
    let attribute = |last: &str, value: &[u8]| sequence(&[&hex(last), &set(&[value])]);
    let content_type = attribute("06092a864886f70d010903", &hex("06092a864886f70d010701"));
    let mut time = created().to_der();
    if is(Bend::ValueTwice) {
        time = [&time[..], &time].concat();
    }
    let time = attribute("06092a864886f70d010905", &time);
    let digest_of_statement = attribute("06092a864886f70d010904", &digest(statement));
    let certificate_digest = sequence(&[&sequence(&[&sequence(&[&digest(certificate.der())])])]);
    let reference = attribute("060b2a864886f70d010910022f", &certificate_digest);
    let mut attributes = vec![content_type, time, digest_of_statement, reference];
    match bend {
        Some(Bend::AttributeMissing) => attributes.truncate(3),
        Some(Bend::AttributeTwice) => attributes.insert(0, attributes[0].clone()),
        Some(Bend::AttributesOutOfOrder) => attributes.swap(0, 1),
        _ => {}
    }
    let attributes = attributes.concat();
    let mut signatures = vec![];
    let signer: &dyn Signer = key;
    signer.sign_bytes(SignatureAlgorithm::EcdsaSha256, &[&set(&[&attributes])], &mut signatures).unwrap();
    let algorithm =
        if is(Bend::SignatureParameters) { "300c06082a8648ce3d0403020500" } else { "300a06082a8648ce3d040302" };
    let unsigned = element(0xA1, &[&attribute("06092a864886f70d010905", &created().to_der())]);
    let signer_info = sequence(&[
        &[2, 1, 1],
        &sequence(&[certificate.issuer().der(), &element(2, &[certificate.serial().content()])]),
        &sha256,
        &element(0xA0, &[&attributes]),
        &hex(algorithm),
        &element(4, &[&signatures[0]]),
        if is(Bend::UnsignedAttribute) { &unsigned } else { &[] },
    ]);
    let content = element(0xA0, &[&element(4, &[statement])]);
    let signed_data = sequence(&[
        &[2, 1, 1],
        &set(&[&sha256]),
        &sequence(&[&hex("06092a864886f70d010701"), if is(Bend::Content) { &content } else { &[] }]),
        &element(0xA0, &[certificate.der(), if is(Bend::Certificate) { certificate.der() } else { &[] }]),
        &set(&[&signer_info, if is(Bend::TwoSigners) { &signer_info } else { &[] }]),
    ]);
    sequence(&[&hex("06092a864886f70d010702"), &element(0xA0, &[&signed_data])])
}

#[test]
fn a_seal_whose_signature_holds_is_refused_in_any_other_form() {
    let sealed = ordinary();
    let open = |bend| {
        let seal = bent_seal(&sealed.statement, &sealed.signer, &sealed.key, bend);
        SignedManifest::open(&sealed.statement, &seal, &sealed.signer, &sealed.anchors())
    };
    open(None).unwrap();
    for (bend, expected) in [
        (Bend::AttributeMissing, "manifest.seal.attributes"),
        (Bend::AttributeTwice, "manifest.seal.attributes"),
        (Bend::AttributesOutOfOrder, "manifest.seal.attributes"),
        (Bend::Certificate, "manifest.seal.certificates"),
        (Bend::Content, "manifest.seal.content"),
        (Bend::DigestParameters, "manifest.seal.algorithm"),
        (Bend::SignatureParameters, "manifest.seal.algorithm"),
        (Bend::TwoSigners, "manifest.seal.signers"),
        (Bend::UnsignedAttribute, "manifest.seal.der"),
        (Bend::ValueTwice, "manifest.seal.der"),
    ] {
        assert_eq!(code(open(Some(bend))), expected, "{bend:?}");
    }
}

fn code<T>(result: Result<T, ManifestError>) -> &'static str {
    let error = result.err().unwrap();
    assert!(!error.to_string().is_empty());
    error.code().as_str()
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    durable::write_new(&folder.join(name), Access::Public, bytes.as_ref()).unwrap();
}

fn run(folder: &Path, program: &str, arguments: &str) -> Output {
    Command::new(program).args(arguments.split_whitespace()).current_dir(folder).output().unwrap()
}

fn succeeds(folder: &Path, program: &str, arguments: &str) {
    let output = run(folder, program, arguments);
    assert!(output.status.success(), "{program} {arguments}\n{}", String::from_utf8_lossy(&output.stderr));
}

const OPENSSL: &str = "cms -verify -binary -inform DER -in s.p7s -content s.json -nointern -certfile signer.pem \
                       -purpose any -attime 1780315200 -CAfile root.pem -no-CApath -no-CAstore -out /dev/null";

fn written(sealed: &Sealed) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "root.pem", pem(&sealed.root));
    put(folder.path(), "signer.pem", pem(&sealed.signer));
    put(folder.path(), "s.json", &sealed.statement);
    put(folder.path(), "s.p7s", &sealed.seal);
    folder
}

#[test]
fn openssl_and_gnutls_verify_seals_of_both_curves() {
    let keys = [
        (TestKey::p256(1), TestKey::p256(2)),
        (TestKey::p384(1), TestKey::p384(2)),
        (TestKey::p384(1), TestKey::p256(2)),
    ];
    for sealed in keys.map(|(root_key, key)| sealed_for_ever(root_key, key)) {
        let opened = sealed.open().unwrap();
        assert_eq!(opened.statement().to_bytes(), sealed.statement);
        assert_eq!(opened.statement_sha256(), reroot::crypto::sha256(&sealed.statement));
        assert_eq!((opened.anchor(), opened.signer()), (0, &sealed.signer));

        let folder = written(&sealed);
        let folder = folder.path();
        succeeds(folder, "openssl", OPENSSL);
        succeeds(folder, "openssl", &format!("{OPENSSL} -cades"));
        let gnutls = "--p7-verify --inder --infile s.p7s --load-data s.json --load-ca-certificate root.pem";
        let lenient = format!("--verify-allow-broken {gnutls}");
        succeeds(folder, "certtool", &lenient);
        // both look at the content
        put(folder, "other.json", [&sealed.statement[..], b"\n"].concat());
        assert!(!run(folder, "openssl", &OPENSSL.replace("s.json", "other.json")).status.success());
        assert!(!run(folder, "certtool", &lenient.replace("s.json", "other.json")).status.success());
        // and another parser finds what was put in
        let output = run(folder, "openssl", "cms -cmsout -print -inform DER -in s.p7s");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("UTCTIME:Jun  1 12:00:00 2026 GMT"), "{text}");
    }
}

#[test]
fn a_device_certificate_under_the_same_root_seals_nothing() {
    let sealed = ordinary();
    let mut device = signer_shape(ROOT, &sealed.key);
    device.subject = "0209B0846159E439520139".to_owned();
    for extensions in [
        vec![key_usage(7, 0x80), purposes(false, &[oid::KP_CLIENT_AUTH])],
        vec![key_usage(7, 0x80), purposes(true, &[oid::KP_CLIENT_AUTH])],
        vec![key_usage(7, 0x80), purposes(true, &[oid::KP_CLIENT_AUTH, oid::KP_DOCUMENT_SIGNING])],
        vec![key_usage(7, 0x80), purposes(true, &[oid::KP_DOCUMENT_SIGNING, oid::KP_DOCUMENT_SIGNING])],
        vec![key_usage(7, 0x80), purposes(true, &[oid::ANY_EXTENDED_KEY_USAGE])],
        vec![key_usage(7, 0x80), purposes(false, &[oid::KP_DOCUMENT_SIGNING])],
        vec![key_usage(7, 0x80)],
        vec![],
    ] {
        device.extensions = extensions;
        assert_eq!(code(sealed.under(&device)), "manifest.signer.purpose");
    }

    // OpenSSL makes such a seal and, told not to look at purposes, accepts it: this is why verifiers demand the EKU
    device.extensions = vec![key_usage(7, 0x80), purposes(false, &[oid::KP_CLIENT_AUTH])];
    let device = device.certify(&sealed.root_key);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "root.pem", pem(&sealed.root));
    put(folder, "signer.pem", pem(&device));
    put(folder, "signer.key", sealed.key.pkcs8());
    put(folder, "s.json", &sealed.statement);
    let sign = "cms -sign -binary -outform DER -in s.json -signer signer.pem -inkey signer.key -keyform DER -nosmimecap \
                -cades -out s.p7s";
    succeeds(folder, "openssl", sign);
    succeeds(folder, "openssl", OPENSSL);
    let seal = std::fs::read(folder.join("s.p7s")).unwrap();
    assert_eq!(
        code(SignedManifest::open(&sealed.statement, &seal, &device, &sealed.anchors())),
        "manifest.signer.purpose"
    );
}

#[test]
fn a_signer_is_exactly_as_specified() {
    let sealed = ordinary();
    let shape = || signer_shape(ROOT, &sealed.key);
    let purpose = || purposes(true, &[oid::KP_DOCUMENT_SIGNING]);
    let with = |extensions: Vec<Vec<u8>>| sealed.under(&Shape { extensions, ..shape() });
    with(vec![key_usage(6, 0xC0), purpose()]).unwrap();
    with(vec![ca(false), purpose(), key_usage(7, 0x80)]).unwrap();
    with(vec![key_usage(7, 0x80), purpose(), extension(oid::SUBJECT_KEY_IDENTIFIER, false, &[4, 1, 9])]).unwrap();
    with(vec![key_usage(7, 0x80), purpose(), extension(oid::CERTIFICATE_POLICIES, false, &[0x30, 0])]).unwrap();
    assert_eq!(code(with(vec![purpose()])), "manifest.signer.key-usage");
    assert_eq!(code(with(vec![key_usage(6, 0x40), purpose()])), "manifest.signer.key-usage");
    assert_eq!(code(with(vec![key_usage(2, 0x84), purpose()])), "manifest.signer.key-usage");
    assert_eq!(code(with(vec![ca(true), key_usage(7, 0x80), purpose()])), "manifest.signer.ca");
    let critical = extension(oid::CERTIFICATE_POLICIES, true, &[0x30, 0]);
    assert_eq!(code(with(vec![key_usage(7, 0x80), purpose(), critical])), "manifest.signer.critical-extension");
    let broken = extension(oid::KEY_USAGE, true, &[3, 1, 0]);
    assert_eq!(code(with(vec![broken, purpose()])), "manifest.signer.certificate");

    // id-Ed25519 (RFC 8410): a good key, but seals have one algorithm a curve
    let ed25519 = [&hex::decode("302a300506032b6570032100").unwrap()[..], &[9; 32]].concat();
    let edwards = Shape { spki: Spki::from_der(&ed25519).unwrap(), ..shape() };
    assert_eq!(code(sealed.under(&edwards)), "manifest.signer.key");

    let one_second = |time: Time, seconds| Time::from_unix(time.unix() + seconds).unwrap();
    sealed.under(&Shape { not_before: created(), not_after: created(), ..shape() }).unwrap();
    let early = Shape { not_after: one_second(created(), -1), ..shape() };
    assert_eq!(code(sealed.under(&early)), "manifest.signer.validity");
    let late = Shape { not_before: one_second(created(), 1), ..shape() };
    assert_eq!(code(sealed.under(&late)), "manifest.signer.validity");
    assert_eq!(KeyUsage::DIGITAL_SIGNATURE, 1, "the bits above are DER's: 0x80 is digitalSignature");
}

#[test]
fn a_signer_is_certified_by_an_anchor_itself() {
    let sealed = ordinary();
    let open =
        |anchors: &[ManifestAnchor]| SignedManifest::open(&sealed.statement, &sealed.seal, &sealed.signer, anchors);
    let anchor = |name: &str, key: u8| ManifestAnchor::from_certificate(&root(name, &TestKey::p256(key))).unwrap();
    assert_eq!(code(open(&[])), "manifest.signer.no-trust-anchor");
    assert_eq!(code(open(&[anchor("TEST other", 1)])), "manifest.signer.no-trust-anchor");
    assert_eq!(code(open(&[anchor(ROOT, 9)])), "manifest.signer.certificate-signature");
    assert_eq!(open(&[anchor(ROOT, 9), anchor("TEST other", 1), anchor(ROOT, 1)]).unwrap().anchor(), 2);

    // certified by the issuing CA, which the root certified
    let issuing_key = TestKey::p256(3);
    let signer = signer_shape("TEST issuing CA", &sealed.key).certify(&issuing_key);
    let seal = sign(&sealed.statement, &signer, &sealed.key, created()).unwrap();
    let opened = SignedManifest::open(&sealed.statement, &seal, &signer, &sealed.anchors());
    assert_eq!(code(opened), "manifest.signer.no-trust-anchor");

    let not_a_ca = Shape { extensions: vec![], ..signer_shape(ROOT, &sealed.root_key) }.certify(&sealed.root_key);
    assert_eq!(code(ManifestAnchor::from_certificate(&not_a_ca)), "manifest.anchor.not-a-ca");
    let no_signing = Shape { extensions: vec![ca(true), key_usage(7, 0x80)], ..signer_shape(ROOT, &sealed.root_key) };
    let no_signing = no_signing.certify(&sealed.root_key);
    assert_eq!(code(ManifestAnchor::from_certificate(&no_signing)), "manifest.anchor.not-a-ca");
}

#[test]
fn no_change_of_a_byte_is_accepted() {
    let sealed = ordinary();
    let anchors = sealed.anchors();
    let refused = |statement: &[u8], seal: &[u8], what: String| {
        let opened = SignedManifest::open(statement, seal, &sealed.signer, &anchors);
        assert!(opened.is_err(), "{what}");
    };
    for at in 0..sealed.statement.len() {
        let mut changed = sealed.statement.clone();
        changed[at] ^= 1 << (at % 8);
        let opened = SignedManifest::open(&changed, &sealed.seal, &sealed.signer, &anchors);
        assert_eq!(code(opened), "manifest.seal.digest", "statement byte {at}");
    }
    for at in 0..sealed.seal.len() {
        for bit in 0..8 {
            let mut changed = sealed.seal.clone();
            changed[at] ^= 1 << bit;
            refused(&sealed.statement, &changed, format!("seal byte {at} bit {bit}"));
        }
        refused(&sealed.statement, &sealed.seal[..at], format!("seal cut at {at}"));
        let longer = [&sealed.seal[..at], &[0], &sealed.seal[at..]].concat();
        refused(&sealed.statement, &longer, format!("byte inserted at {at}"));
    }
    refused(&sealed.statement, &[&sealed.seal[..], &[0]].concat(), "a byte more".to_owned());
    refused(&sealed.statement, &vec![0x30; SignedManifest::MAX_SEAL_BYTES + 1], "too large".to_owned());
    for at in 0..sealed.signer.der().len() {
        let mut changed = sealed.signer.der().to_vec();
        changed[at] ^= 1 << (at % 8);
        if let Ok(signer) = Certificate::from_der(&changed) {
            let opened = SignedManifest::open(&sealed.statement, &sealed.seal, &signer, &anchors);
            assert!(opened.is_err(), "certificate byte {at}");
        }
    }
}

/// Replaces the one place where `from` occurs.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths stay right");
    let mut places = bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from);
    let (at, _) = places.next().unwrap();
    assert!(places.next().is_none());
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn each_refusal_of_a_seal_has_its_code() {
    let sealed = ordinary();
    let open = |seal: &[u8]| SignedManifest::open(&sealed.statement, seal, &sealed.signer, &sealed.anchors());
    let change = |from: &str, to: &str| replaced(&sealed.seal, &hex::decode(from).unwrap(), &hex::decode(to).unwrap());
    // id-signedData to id-data
    assert_eq!(code(open(&change("06092a864886f70d010702", "06092a864886f70d010701"))), "manifest.seal.content");
    // encapContentInfo: id-data to id-signedData
    let from = "300b06092a864886f70d010701";
    assert_eq!(code(open(&change(from, "300b06092a864886f70d010702"))), "manifest.seal.content");
    // digestAlgorithms: SHA-256 to SHA-384
    let from = "310d300b0609608648016503040201";
    assert_eq!(code(open(&change(from, "310d300b0609608648016503040202"))), "manifest.seal.algorithm");
    // SignedData version 1 to 3
    assert_eq!(code(open(&change("020101310d", "020103310d"))), "manifest.seal.version");
    // signingTime's identifier to another one
    let from = "06092a864886f70d010905";
    assert_eq!(code(open(&change(from, "06092a864886f70d010906"))), "manifest.seal.attributes");
    // signingTime to a second later, then to a date that does not exist
    let text = hex::encode("260601120000Z");
    assert_eq!(code(open(&change(&text, &hex::encode("260601120001Z")))), "manifest.seal.signature");
    assert_eq!(code(open(&change(&text, &hex::encode("260631120000Z")))), "manifest.seal.signing-time");
    // the digest of the statement
    let digest = reroot::crypto::sha256(&sealed.statement).to_string();
    assert_eq!(code(open(&change(&digest, &"00".repeat(32)))), "manifest.seal.digest");
    // the digest of the certificate
    let digest = reroot::crypto::sha256(sealed.signer.der()).to_string();
    assert_eq!(code(open(&change(&digest, &"00".repeat(32)))), "manifest.seal.signing-certificate");
    let mut last = sealed.seal.clone();
    *last.last_mut().unwrap() ^= 1;
    assert_eq!(code(open(&last)), "manifest.seal.signature");
    assert_eq!(code(open(b"")), "manifest.seal.der");
    // another certificate in manifest.pem than in the seal, by the same root for the same key
    let other = Shape { serial: vec![0x43], ..signer_shape(ROOT, &sealed.key) }.certify(&sealed.root_key);
    let opened = SignedManifest::open(&sealed.statement, &sealed.seal, &other, &sealed.anchors());
    assert_eq!(code(opened), "manifest.seal.certificates");
}

#[test]
fn a_statement_is_not_parsed_before_its_seal_holds() {
    let sealed = ordinary();
    let opened = SignedManifest::open(b"no statement", &sealed.seal, &sealed.signer, &sealed.anchors());
    assert_eq!(code(opened), "manifest.seal.digest");
}

/// A signer that lies.
struct Lying<'a> {
    key: &'a TestKey,
    answer: Option<Vec<u8>>,
}

impl Signer for Lying<'_> {
    fn public_key(&self) -> &Spki {
        self.key.spki()
    }

    fn sign_batch(&self, _: SignatureAlgorithm, _: &[&[u8]], signatures: &mut Vec<Vec<u8>>) -> Result<(), SignerError> {
        signatures.extend(self.answer.clone());
        Ok(())
    }
}

#[test]
fn a_wrong_signature_is_never_released() {
    let sealed = ordinary();
    for answer in [None, Some(vec![]), Some(sealed.signer.signature().to_vec())] {
        let signer = Lying { key: &sealed.key, answer };
        assert_eq!(code(sign(&sealed.statement, &sealed.signer, &signer, created())), "manifest.seal.signature");
    }
    let other = TestKey::p256(9);
    assert_eq!(code(sign(&sealed.statement, &sealed.signer, &other, created())), "manifest.signer.key-mismatch");
    let later = time("2026-06-01T12:00:01Z");
    assert_eq!(code(sign(&sealed.statement, &sealed.signer, &sealed.key, later)), "manifest.seal.signing-time");
    assert_eq!(code(sign(b"{}", &sealed.signer, &sealed.key, created())), "manifest.statement.format");
}

#[test]
fn times_after_2049_are_generalized() {
    let sealed = ordinary();
    let at = time("2050-06-01T12:00:00Z");
    let shape = Shape { not_after: Time::NEVER, ..signer_shape(ROOT, &sealed.key) };
    let signer = shape.certify(&sealed.root_key);
    let statement = Statement { created: at, ..statement(created(), vec![]) }.to_bytes();
    let seal = sign(&statement, &signer, &sealed.key, at).unwrap();
    assert!(seal.windows(15).any(|window| window == b"20500601120000Z"));
    SignedManifest::open(&statement, &seal, &signer, &sealed.anchors()).unwrap();
}
