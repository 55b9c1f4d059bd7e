//! Relying parties on CRLs of this program: OpenSSL, GnuTLS, pyca/cryptography and rustls-webpki, with shards, with full
//! lists, and with the wrong ones.
//!
//! What they get wrong is here too, so that a version that mends it is noticed.

#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]
#![expect(clippy::print_stderr, reason = "time and memory must be seen")]

use std::path::{Path, PathBuf};

use reroot::crl::{
    Crl, CrlEntry, CrlParameters, IssuingDistributionPoint, Reason, Status, VerifiedCrls, tbs_cert_list, wrap,
};
use reroot::x509::{Certificate, SerialNumber, SignatureAlgorithm, Time, pem};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::support::judges::put;
use crate::support::run::{Finished, Run, project};

/// A CA and its certificates, all of them made by OpenSSL.
struct Field {
    folder: tempfile::TempDir,
}

const SHARDS: [&str; 2] = ["http://pki.example.com/01.crl", "http://pki.example.com/02.crl"];

impl Field {
    fn new() -> Self {
        let field = Self { folder: tempfile::tempdir().unwrap() };
        field.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            "/CN=TEST CA",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout",
            "ca.TEST-key.pem",
            "-out",
            "ca.pem",
        ]);
        field
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, args: &[&str]) -> Finished {
        Run::openssl().args(args).folder(self.folder.path()).run().success()
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        put(&self.path(name), content);
    }

    /// The certificate `NAME.pem` with a serial number and the URLs of its CRL distribution point.
    fn leaf(&self, name: &str, serial: u32, urls: &[&str]) {
        let urls: Vec<String> = urls.iter().map(|url| format!("URI:{url}")).collect();
        let point = if urls.is_empty() { String::new() } else { format!("crlDistributionPoints={}\n", urls.join(",")) };
        self.put("leaf.cnf", format!("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n{point}"));
        let request = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"];
        self.openssl(&[&request[..], &["leaf.TEST-key.pem", "-subj", "/CN=chip", "-out", "leaf.csr"]].concat());
        let (serial, out) = (serial.to_string(), format!("{name}.pem"));
        let sign = ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.TEST-key.pem", "-days", "3000"];
        self.openssl(&[&sign[..], &["-set_serial", &serial, "-extfile", "leaf.cnf", "-out", &out]].concat());
    }

    fn certificate(&self, name: &str) -> Certificate {
        let blocks = pem::read(&std::fs::read(self.path(name)).unwrap()).unwrap();
        Certificate::from_named_der(&blocks[0].der).unwrap()
    }

    /// The list `NAME.pem`, and its DER.
    fn list(&self, name: &str, number: u64, urls: &[&str], entries: Vec<CrlEntry>) -> Vec<u8> {
        let issuer = self.certificate("ca.pem");
        let now = now().unix();
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        let parameters = CrlParameters {
            issuer: issuer.subject().clone(),
            authority_key_identifier: issuer.subject_key_identifier().unwrap(),
            number,
            this_update: Time::from_unix(now - 3_600).unwrap(),
            next_update: Time::from_unix(now + 8 * 86_400).unwrap(),
            signature: SignatureAlgorithm::EcdsaSha256,
            distribution_point: (!urls.is_empty()).then(|| IssuingDistributionPoint::of_urls(urls)),
        };
        let tbs = tbs_cert_list(&parameters, entries.into_iter());
        let sign = ["dgst", "-sha256", "-sign", "ca.TEST-key.pem"];
        let signed = Run::openssl().args(sign).folder(self.folder.path()).stdin(tbs.clone()).run().success();
        let der = wrap(&tbs, SignatureAlgorithm::EcdsaSha256, &signed.stdout);
        self.put(&format!("{name}.pem"), &*pem::write("X509 CRL", &der));
        der
    }

    /// Several lists in one file.
    fn join(&self, name: &str, parts: &[&str]) {
        let read = |part: &&str| std::fs::read(self.path(&format!("{part}.pem"))).unwrap();
        self.put(&format!("{name}.pem"), parts.iter().map(read).collect::<Vec<_>>().concat());
    }

    /// What `openssl verify` says of a certificate with a file of lists.
    fn openssl_says(&self, leaf: &str, lists: &str) -> Finished {
        let files = [format!("{lists}.pem"), format!("{leaf}.pem")];
        let args = ["verify", "-CAfile", "ca.pem", "-CRLfile", &files[0], "-crl_check", &files[1]];
        Run::openssl().args(args).folder(self.folder.path()).run()
    }

    /// Whether `certtool` takes the certificate with a file of lists.
    fn gnutls_accepts(&self, leaf: &str, lists: &str) -> bool {
        let args = ["--verify", "--load-ca-certificate", "ca.pem", "--load-crl"];
        let files = [format!("{lists}.pem"), "--infile".to_owned(), format!("{leaf}.pem")];
        let run = Run::certtool().args(args).args(files).folder(self.folder.path()).run();
        let out = run.out() + &run.err();
        let verified = out.contains("Chain verification output: Verified. The certificate is trusted.");
        assert_eq!(run.code == Some(0), verified, "{out}");
        run.code == Some(0)
    }

    /// What `check_crl.py` says.
    fn pyca_says(&self, leaf: &str, lists: &[&str]) -> Finished {
        let script = project(CHECK_CRL);
        let lists = lists.iter().map(|list| format!("{list}.pem"));
        let run = Run::venv("python").arg("-B").arg(script).args([format!("{leaf}.pem"), "ca.pem".to_owned()]);
        run.args(lists).folder(self.folder.path()).run()
    }

    /// What rustls-webpki says with some lists, where a status that is not known is an error.
    fn webpki_says(&self, leaf: &str, lists: &[&[u8]]) -> Result<(), webpki::Error> {
        let (ca, leaf) = (self.certificate("ca.pem"), self.certificate(&format!("{leaf}.pem")));
        let (ca, leaf) = (CertificateDer::from(ca.der()), CertificateDer::from(leaf.der()));
        let anchor = webpki::anchor_from_trusted_cert(&ca).unwrap();
        let lists: Vec<webpki::CertRevocationList<'_>> =
            lists.iter().map(|der| webpki::BorrowedCertRevocationList::from_der(der).unwrap().into()).collect();
        let lists: Vec<&webpki::CertRevocationList<'_>> = lists.iter().collect();
        let options = webpki::RevocationOptionsBuilder::new(&lists)
            .unwrap()
            .with_depth(webpki::RevocationCheckDepth::EndEntity)
            .with_status_policy(webpki::UnknownStatusPolicy::Deny)
            .with_expiration_policy(webpki::ExpirationPolicy::Enforce)
            .build();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now().unix().try_into().unwrap()));
        let usage = webpki::KeyUsage::client_auth();
        let entity = webpki::EndEntityCert::try_from(&leaf).unwrap();
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        entity.verify_for_usage(algorithms, &[anchor], &[], now, usage, Some(options), None).map(|_| ())
    }

    /// What this program says.
    fn own(&self, leaf: &str, lists: &[&[u8]]) -> &'static str {
        let (ca, leaf) = (self.certificate("ca.pem"), self.certificate(&format!("{leaf}.pem")));
        let lists = lists.iter().map(|der| Crl::from_der(*der).unwrap());
        let verified = VerifiedCrls::new(lists, &[&ca]).unwrap();
        match verified.status(&leaf, &ca, now()) {
            Status::Good(_) => "good",
            Status::Revoked(..) => "revoked",
            Status::OutOfDate(_) => "out of date",
            Status::Uncovered => "uncovered",
        }
    }
}

const CHECK_CRL: &str = "verifier/check_crl.py";

#[expect(clippy::disallowed_methods, reason = "relying parties ask the clock")]
fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_unix(since.as_secs().try_into().unwrap()).unwrap()
}

fn entry(serial: u32, reason: Reason) -> CrlEntry {
    let bytes = serial.to_be_bytes();
    let minimal = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    let sign: &[u8] = if minimal[0] >= 0x80 { &[0] } else { &[] };
    let serial = SerialNumber::from_content(&[sign, minimal].concat()).unwrap();
    CrlEntry { serial, revoked_at: Time::from_unix(now().unix() - 7_200).unwrap(), reason }
}

/// Chip 5 is on shard 1 and revoked, chip 6 on shard 1, chip 7 on shard 2, chip 8 is revoked and names no list.
fn field() -> (Field, [Vec<u8>; 3]) {
    let field = Field::new();
    for (name, serial, urls) in [
        ("revoked", 5, &SHARDS[..1]),
        ("good", 6, &SHARDS[..1]),
        ("other", 7, &SHARDS[1..]),
        ("bare-revoked", 8, &[]),
        ("bare-good", 9, &[]),
    ] {
        field.leaf(name, serial, urls);
    }
    let (five, eight) = (entry(5, Reason::KeyCompromise), entry(8, Reason::Unspecified));
    let lists = [
        field.list("one", 3, &SHARDS[..1], vec![five]),
        field.list("two", 3, &SHARDS[1..], vec![]),
        field.list("full", 3, &[], vec![five, eight]),
    ];
    field.join("all", &["two", "one", "full"]);
    field.join("one-two", &["one", "two"]);
    field.join("two-one", &["two", "one"]);
    (field, lists)
}

#[test]
fn openssl_takes_the_list_whose_scope_is_the_certificates() {
    let (field, _) = field();
    for lists in ["one", "full", "all"] {
        field.openssl_says("good", lists).success();
        let refused = field.openssl_says("revoked", lists);
        assert!(refused.code != Some(0) && refused.err().contains("certificate revoked"), "{lists}: {}", refused.err());
    }
    field.openssl_says("other", "all").success();
    for (leaf, list) in [("other", "one"), ("good", "two"), ("bare-good", "one")] {
        let refused = field.openssl_says(leaf, list);
        assert!(refused.code != Some(0) && refused.err().contains("error 44"), "{leaf} {list}: {}", refused.err());
    }
    field.openssl_says("bare-good", "full").success();
    assert!(field.openssl_says("bare-revoked", "full").err().contains("certificate revoked"));
}

#[test]
fn gnutls_is_safe_with_one_full_list() {
    let (field, _) = field();
    for (leaf, accepted) in [("good", true), ("other", true), ("revoked", false), ("bare-revoked", false)] {
        assert_eq!(field.gnutls_accepts(leaf, "full"), accepted, "{leaf}");
    }
    assert!(!field.gnutls_accepts("revoked", "one"));
}

/// GnuTLS 3.7 does not look at issuingDistributionPoint and keeps one list for each issuer. If this test fails because a
/// newer one refuses, the guide's table of relying parties has to say since which version.
#[test]
fn gnutls_is_known_to_fail_open_with_shards() {
    let (field, _) = field();
    assert!(field.gnutls_accepts("revoked", "two"), "the wrong shard");
    let orders = ["one-two", "two-one"].map(|lists| field.gnutls_accepts("revoked", lists));
    assert!(orders.contains(&true), "two shards: a revoked certificate passes in one order at least, {orders:?}");
}

#[test]
fn pyca_with_check_crl_says_what_this_program_says() {
    let (field, [one, two, full]) = field();
    for (leaf, lists, ders, code, own) in [
        ("good", &["one"][..], vec![&one[..]], 0, "good"),
        ("revoked", &["one"], vec![&one], 1, "revoked"),
        ("revoked", &["full"], vec![&full], 1, "revoked"),
        ("revoked", &["two", "one"], vec![&two, &one], 1, "revoked"),
        ("revoked", &["all"], vec![&two, &one, &full], 1, "revoked"),
        ("other", &["one"], vec![&one], 2, "uncovered"),
        ("bare-revoked", &["one"], vec![&one], 2, "uncovered"),
        ("bare-revoked", &["full"], vec![&full], 1, "revoked"),
        ("bare-good", &["all"], vec![&two, &one, &full], 0, "good"),
    ] {
        let said = field.pyca_says(leaf, lists);
        assert_eq!(said.code, Some(code), "{leaf} {lists:?}: {} {}", said.out(), said.err());
        assert_eq!(field.own(leaf, &ders), own, "{leaf} {lists:?}");
    }
}

#[test]
fn webpki_takes_the_list_whose_scope_is_the_certificates() {
    let (field, [one, two, full]) = field();
    assert_eq!(field.webpki_says("good", &[&two, &one]), Ok(()));
    assert_eq!(field.webpki_says("revoked", &[&two, &one]), Err(webpki::Error::CertRevoked));
    assert_eq!(field.webpki_says("revoked", &[&full]), Err(webpki::Error::CertRevoked));
    assert_eq!(field.webpki_says("revoked", &[&two]), Err(webpki::Error::UnknownRevocationStatus));
    assert_eq!(field.webpki_says("bare-revoked", &[&full]), Err(webpki::Error::CertRevoked));
}

/// Of a certificate that names no list, rustls-webpki takes any list of the issuer: so policies of one issuing key have
/// shards in all of them or in none.
#[test]
fn webpki_is_known_to_fail_open_for_certificates_without_a_distribution_point() {
    let (field, [one, ..]) = field();
    assert_eq!(field.webpki_says("bare-revoked", &[&one]), Ok(()));
}

#[test]
fn a_hold_that_was_released_is_good_again_and_a_list_may_be_empty() {
    let field = Field::new();
    field.leaf("chip", 5, &[]);
    let held = field.list("held", 1, &[], vec![entry(5, Reason::CertificateHold)]);
    let empty = field.list("released", 2, &[], vec![]);
    assert!(field.openssl_says("chip", "held").code != Some(0) && !field.gnutls_accepts("chip", "held"));
    field.openssl_says("chip", "released").success();
    assert!(field.gnutls_accepts("chip", "released"));
    assert_eq!([field.own("chip", &[&held]), field.own("chip", &[&held, &empty])], ["revoked", "good"]);
    assert_eq!(field.webpki_says("chip", &[&held]), Err(webpki::Error::CertRevoked));
    assert_eq!(field.webpki_says("chip", &[&empty]), Ok(()));
    assert_eq!(field.pyca_says("chip", &["held", "released"]).code, Some(0));
}

#[test]
fn a_distribution_point_may_have_several_urls() {
    let field = Field::new();
    field.leaf("chip", 5, &SHARDS);
    let list = field.list("list", 1, &SHARDS, vec![entry(5, Reason::Superseded)]);
    assert!(field.openssl_says("chip", "list").err().contains("certificate revoked"));
    assert_eq!(field.webpki_says("chip", &[&list]), Err(webpki::Error::CertRevoked));
    assert_eq!(field.pyca_says("chip", &["list"]).code, Some(1));
    assert_eq!(field.own("chip", &[&list]), "revoked");
}

/// Time and memory are printed, not judged: `--nocapture` shows them. certtool needs a hundred times as long for ten times
/// the entries (some minutes for 100,000), so it gets 10,000 of them; with REROOT_LONG=1 all.
#[test]
fn a_list_of_100_000_certificates_is_read_by_all() {
    let field = Field::new();
    field.leaf("chip", 1_000, &[]);
    let entries: Vec<CrlEntry> = (1..=100_000).map(|serial| entry(serial, Reason::CessationOfOperation)).collect();
    let some = if std::env::var_os("REROOT_LONG").is_some() { entries.len() } else { 10_000 };
    field.list("some", 1, &[], entries[..some].to_vec());
    let der = field.list("large", 1, &[], entries);
    let read = Crl::from_der(&der[..]).unwrap();
    assert_eq!(read.len(), 100_000);
    assert_eq!(field.own("chip", &[&der]), "revoked");
    let verify = ["openssl", "verify", "-CAfile", "ca.pem", "-CRLfile", "large.pem", "-crl_check", "chip.pem"];
    let certtool = ["certtool", "--verify", "--load-ca-certificate", "ca.pem", "--load-crl", "some.pem"];
    for (command, says) in [
        (&verify[..], "certificate revoked"),
        (&[&certtool[..], &["--infile", "chip.pem"]].concat(), "revoked"),
        (&["openssl", "crl", "-in", "large.pem", "-noout", "-CAfile", "ca.pem"], "verify OK"),
    ] {
        let run = measured(field.folder.path(), command);
        assert!((run.out() + &run.err()).contains(says), "{}{}", run.out(), run.err());
        eprintln!("{}: {}", command.join(" "), run.out().lines().last().unwrap_or_default());
    }
    eprintln!("{} bytes", der.len());
}

/// Runs a command; the last line says how long it took, how much of a processor, and the most memory that it had.
fn measured(folder: &Path, command: &[&str]) -> Finished {
    const SCRIPT: &str = "import resource, subprocess, sys, time\nbegin = time.monotonic()\n\
                          subprocess.run(sys.argv[1:])\nused = resource.getrusage(resource.RUSAGE_CHILDREN)\n\
                          print(f'\\n{time.monotonic() - begin:.2f} s, {used.ru_utime + used.ru_stime:.2f} s of CPU time, '\
                          f'{used.ru_maxrss} kB')";
    Run::python(SCRIPT).args(command).folder(folder).run().success()
}

#[test]
fn lists_of_openssl_and_pyca_are_read_and_what_is_not_processed_is_refused() {
    let field = Field::new();
    const SCRIPT: &str = "
import sys
from datetime import datetime, timedelta, timezone
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
key = serialization.load_pem_private_key(open('ca.TEST-key.pem', 'rb').read(), None)
name = x509.load_pem_x509_certificate(open('ca.pem', 'rb').read()).subject
def made(file, *extensions, entry=None):
    one = x509.CertificateRevocationListBuilder().issuer_name(name)
    one = one.last_update(datetime(2026, 1, 1)).next_update(datetime(2026, 2, 1))
    for extension, critical in extensions:
        one = one.add_extension(extension, critical)
    revoked = x509.RevokedCertificateBuilder().serial_number(9).revocation_date(datetime(2026, 1, 1))
    for extension, critical in entry or []:
        revoked = revoked.add_extension(extension, critical)
    one = one.add_revoked_certificate(revoked.build()).sign(key, hashes.SHA256())
    open(file, 'wb').write(one.public_bytes(serialization.Encoding.DER))
number = (x509.CRLNumber(1), False)
made('good', number, entry=[(x509.InvalidityDate(datetime(2025, 12, 1)), False)])
made('delta', number, (x509.DeltaCRLIndicator(1), True))
made('no-number')
made('issuer', number, entry=[(x509.CertificateIssuer([x509.DirectoryName(name)]), True)])
made('remove', number, entry=[(x509.CRLReason(x509.ReasonFlags.remove_from_crl), False)])
";
    Run::python(SCRIPT).folder(field.folder.path()).run().success();
    let read = |name: &str| Crl::from_file(&std::fs::read(field.path(name)).unwrap());
    let good = read("good").unwrap();
    assert_eq!((good.len(), good[0].len()), (1, 1));
    VerifiedCrls::new(good, &[&field.certificate("ca.pem")]).unwrap();
    for (name, part) in [
        ("delta", "delta CRL"),
        ("no-number", "no cRLNumber"),
        ("issuer", "critical extension certificateIssuer"),
        ("remove", "reasonCode 8"),
    ] {
        let error = read(name).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
    // OpenSSL writes version 1 where nothing else is asked for
    field.put("index.txt", "");
    field.put("ca.cnf", "[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=9\n");
    let args = ["ca", "-config", "ca.cnf", "-gencrl", "-cert", "ca.pem", "-keyfile", "ca.TEST-key.pem", "-out"];
    field.openssl(&[&args[..], &["first.pem"]].concat());
    assert!(read("first.pem").unwrap_err().to_string().contains("not of version 2"));
}
