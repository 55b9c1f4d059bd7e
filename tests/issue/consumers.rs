//! The programs that object certificates are for: an MQTT broker, a web server, a TLS library, the Matter SDK.
//!
//! The devices' keys are the TEST keys of the PKI in `fixtures/pki.toml`: what a chip would do with its own.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use reroot::durable::{Access, create_directory};

use crate::support::judges::put;
use crate::support::pki::der;
use crate::support::run::{Finished, Run, project};
use crate::support::server::Server;
use crate::support::workshop::{POLICY, Workshop};

/// A device with its key and certificate as files, and the CA that its certificate is from.
struct Device {
    uid: String,
    key: PathBuf,
    /// The certificate alone, then with the issuing CA's behind it.
    certificate: PathBuf,
    chain: PathBuf,
    issuing: PathBuf,
}

/// A CA, one device of it, and a server's own key and certificate.
struct Field {
    workshop: Workshop,
    device: Device,
}

impl Field {
    fn new() -> Self {
        let workshop = Workshop::new();
        workshop.reel("reel.zip", 0..1);
        workshop.issue("reel.zip", "batch", &[]).success();
        let device = device(&workshop, 0);
        let own = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
        let files = ["-keyout", "server.key", "-out", "server.pem"];
        Run::openssl().args(own).args(names).args(files).folder(workshop.folder()).run().success();
        Self { workshop, device }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workshop.path(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// The exported certificate of a TEST leaf, and its key.
fn device(workshop: &Workshop, index: u64) -> Device {
    let leaf = workshop.pki.leaf(index);
    let uid = leaf.uid();
    let args = ["export", "batch", "--to", "directory", "--form", "pem", "--out", "certificates"];
    workshop.reroot(&args).args(["--issuer-anchor", "pki/ca/root.pem"]).run().success();
    let device = Device {
        key: workshop.path("device.TEST-key.pem"),
        certificate: workshop.path(&format!("certificates/{uid}.pem")),
        chain: workshop.path("device.pem"),
        issuing: workshop.path("pki/ca/issuing.pem"),
        uid,
    };
    put(&device.key, der::pem("PRIVATE KEY", &leaf.key));
    let [own, issuing] =
        [&device.certificate, &device.issuing].map(|path| std::fs::read_to_string(path).expect("it was just written"));
    put(&device.chain, own + &issuing);
    device
}

/// One HTTP request over TLS as a device makes it; none presents no certificate.
fn get(server: &Server, field: &Field, device: Option<&Device>) -> Finished {
    let address = server.address();
    let mut client = Run::openssl().args(["s_client", "-connect", &address, "-quiet", "-verify_return_error"]);
    client = client.arg("-CAfile").arg(field.path("server.pem"));
    if let Some(device) = device {
        client = client.arg("-cert").arg(&device.certificate).arg("-key").arg(&device.key);
        client = client.arg("-cert_chain").arg(&device.issuing);
    }
    client.stdin("GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n").run()
}

/// The same chip and key, certified by a different CA.
fn stranger() -> Field {
    let other = Field::new();
    assert_eq!(other.device.uid, other.workshop.pki.leaf(0).uid());
    other
}

#[test]
fn mosquitto_knows_the_device_by_its_uid_and_refuses_another_cas() {
    let (field, other) = (Field::new(), stranger());
    let server = Server::start(field.workshop.folder(), "mosquitto", |port| {
        let config = field.path("mosquitto.conf");
        let [root, certificate, key] = ["pki/ca/root.pem", "server.pem", "server.key"].map(|name| field.text(name));
        let text = format!(
            "user root\nlog_dest stderr\nlog_type all\nallow_anonymous false\nlistener {port} 127.0.0.1\n\
             cafile {root}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate true\n\
             use_identity_as_username true\n"
        );
        put(&config, text);
        let mut command = Command::new("/usr/sbin/mosquitto");
        command.arg("-c").arg(config);
        command
    });
    let publish = |id: &str, device: Option<&Device>| {
        let port = server.port().to_string();
        let mut client = Run::tool("mosquitto_pub").args(["-h", "127.0.0.1", "-p", &port, "-i", id, "-q", "1"]);
        client = client.args(["-t", "state", "-m", "up", "--cafile"]).arg(field.path("server.pem"));
        if let Some(device) = device {
            client = client.arg("--cert").arg(&device.chain).arg("--key").arg(&device.key);
        }
        client.run()
    };
    publish("genuine", Some(&field.device)).success();
    let log = server.said(" as genuine ");
    let user = format!("u'{}'", field.device.uid);
    assert!(log.contains(&user), "mosquitto does not say {user}:\n{log}");
    server.said("Received PUBLISH from genuine");

    for (id, device) in [("stranger", Some(&other.device)), ("nobody", None)] {
        let refused = publish(id, device);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        assert!(!server.log().contains(&format!(" as {id} ")), "{}", server.log());
    }
    server.said("certificate verify failed");
    server.said("peer did not return a certificate");
}

#[test]
fn nginx_knows_the_device_by_its_subject_and_refuses_another_cas() {
    let (field, other) = (Field::new(), stranger());
    let server = Server::start(field.workshop.folder(), "nginx", |port| {
        let folder = field.path("nginx");
        if !folder.exists() {
            create_directory(&folder, Access::Public).unwrap();
        }
        let config = folder.join("nginx.conf");
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {}/{what}; ", folder.display()))
            .concat();
        let [root, certificate, key] = ["pki/ca/root.pem", "server.pem", "server.key"].map(|name| field.text(name));
        let text = format!(
            "daemon off; master_process off; pid {folder}/pid; error_log stderr info;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; {paths}\n\
             server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};\n\
             ssl_client_certificate {root}; ssl_verify_client on; ssl_verify_depth 2;\n\
             location / {{ return 200 \"$ssl_client_verify|$ssl_client_s_dn|$ssl_client_serial\"; }} }} }}\n",
            folder = folder.display(),
        );
        put(&config, text);
        let mut command = Command::new("/usr/sbin/nginx");
        command.args(["-e", "stderr", "-p"]).arg(&folder).arg("-c").arg(config);
        command
    });
    let answer = get(&server, &field, Some(&field.device)).out();
    let line = &field.workshop.lines("batch")[0];
    let serial = line["serial"].as_str().unwrap();
    let expected = format!("SUCCESS|CN={},OU=A1,O=Workshop|{serial}", field.device.uid);
    assert!(answer.ends_with(&expected), "nginx does not say {expected}:\n{answer}\n{}", server.log());

    for (device, reason) in [(Some(&other.device), "The SSL certificate error"), (None, "No required SSL certificate")]
    {
        let answer = get(&server, &field, device).out();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(reason), "{answer}");
    }
    server.said("client SSL certificate verify error");
}

#[test]
fn openssl_completes_a_handshake_with_the_device_and_refuses_another_cas() {
    let (field, other) = (Field::new(), stranger());
    let server = Server::start(field.workshop.folder(), "s_server", |port| {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}"), "-Verify", "2"]);
        command.args(["-verify_return_error", "-purpose", "sslclient", "-x509_strict", "-CAfile"]);
        command.arg(field.path("pki/ca/root.pem")).arg("-cert").arg(field.path("server.pem"));
        command.arg("-key").arg(field.path("server.key"));
        command
    });
    let page = get(&server, &field, Some(&field.device)).out();
    assert!(page.starts_with("HTTP/1.0 200 ok"), "{page}\n{}", server.log());
    // releases of OpenSSL differ in blanks
    let subject = format!("Subject:O=Workshop,OU=A1,CN={}", field.device.uid);
    let shows = |page: &str| page.replace(' ', "").contains(&subject);
    assert!(shows(&page), "{page}");

    for device in [Some(&other.device), None] {
        let refused = get(&server, &field, device);
        assert!(!refused.out().contains("HTTP/1.0 200"), "{refused:?}");
    }
    server.said("certificate verify failed");
    server.said("peer did not return a certificate");
    // and goes on serving those it knows
    let page = get(&server, &field, Some(&field.device)).out();
    assert!(shows(&page), "{page}");
}

/// The Matter SDK's own functions, out of the library in its Python package.
const MATTER: &str = r#"
import ctypes, glob, site, sys

library = ctypes.CDLL(glob.glob(site.getsitepackages()[0] + "/chip/_ChipDeviceCtrl.so")[0])

class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint32), ("file", ctypes.c_char_p), ("line", ctypes.c_uint)]

class Span(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_size_t)]

def span(data):
    buffer = ctypes.create_string_buffer(data, len(data))
    made = Span(ctypes.addressof(buffer), len(data))
    made.buffer = buffer
    return made

# chip::Crypto: VerifyAttestationCertificateFormat, ValidateCertificateChain, ExtractVIDPIDFromX509Cert
verify_format = library["_ZN4chip6Crypto34VerifyAttestationCertificateFormatERKNS_4SpanIKhEENS0_19AttestationCertTypeE"]
verify_format.restype, verify_format.argtypes = Error, [ctypes.POINTER(Span), ctypes.c_uint8]
verify_chain = library["_ZN4chip6Crypto24ValidateCertificateChainEPKhmS2_mS2_mRNS0_32CertificateChainValidationResultE"]
verify_chain.restype = Error
verify_chain.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 3 + [ctypes.POINTER(ctypes.c_uint)]
extract_ids = library["_ZN4chip6Crypto25ExtractVIDPIDFromX509CertERKNS_4SpanIKhEERNS0_21AttestationCertVidPidE"]
extract_ids.restype, extract_ids.argtypes = Error, [ctypes.POINTER(Span), ctypes.c_char_p]

def der(path):
    data = open(path, "rb").read()
    if data.startswith(b"-----"):
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding
        data = x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
    return data

what, files = sys.argv[1], [der(path) for path in sys.argv[2:]]
if what in ("PAA", "PAI", "DAC"):
    kind = ["PAA", "PAI", "DAC"].index(what)
    print(" ".join(str(verify_format(ctypes.byref(span(one)), kind).code) for one in files))
elif what == "chain":
    paa, pai, dac = files
    result = ctypes.c_uint(99)
    error = verify_chain(paa, len(paa), pai, len(pai), dac, len(dac), ctypes.byref(result))
    print(error.code, result.value)
elif what == "ids":
    for one in files:
        buffer = ctypes.create_string_buffer(64)
        code = extract_ids(ctypes.byref(span(one)), buffer).code
        has_vendor, vendor, has_product, product = (int.from_bytes(buffer.raw[at:at + 2], "little") for at in (0, 2, 4, 6))
        print(code, has_vendor & 1 and f"{vendor:04X}", has_product & 1 and f"{product:04X}")
"#;

fn matter(what: &str, files: &[&Path]) -> String {
    let said = Run::python(MATTER).arg(what).args(files).run().success().out();
    // the library talks on standard output as it is loaded: `[time][process] ...`
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with('[')).collect();
    lines.join("\n")
}

/// CHIP_NO_ERROR; CHIP_ERROR_WRONG_CERT_TYPE is what the SDK says of a certificate of another form.
const GOOD: &str = "0";

fn matter_workshop(init: &[&str]) -> Workshop {
    let workshop = Workshop::with(init);
    let shipped = std::fs::read_to_string(project("policies/matter-dac.toml")).expect("it is shipped");
    let policy = shipped.replace("relax = []", "relax = [\"test-anchor\"]");
    assert_ne!(policy, shipped);
    workshop.write("dac.toml", policy.as_bytes());
    workshop.reel("reel.zip", 0..3);
    workshop
}

const IDS: [&str; 4] = ["--set", "vid=FFF1", "--set", "pid=8000"];

#[test]
fn the_matter_sdk_accepts_paa_pai_and_dacs_and_refuses_them_in_each_others_place() {
    let workshop = matter_workshop(&["--vendor-id", "FFF1", "--product-id", "8000"]);
    workshop.issue_under("dac.toml", "reel.zip", "batch", &IDS).success();
    workshop.verify("batch", &[]).success();
    let args = ["export", "batch", "--to", "directory", "--out", "dacs", "--issuer-anchor", "pki/ca/root.pem"];
    workshop.reroot(&args).run().success();
    let dacs: Vec<PathBuf> =
        (0..3).map(|index| workshop.path(&format!("dacs/{}.der", workshop.pki.leaf(index).uid()))).collect();
    let dacs: Vec<&Path> = dacs.iter().map(PathBuf::as_path).collect();
    let [paa, pai, manifest] = ["root", "issuing", "manifest"].map(|stem| workshop.path(&format!("pki/ca/{stem}.pem")));

    assert_eq!(matter("PAA", &[&paa]), GOOD);
    assert_eq!(matter("PAI", &[&pai]), GOOD);
    assert_eq!(matter("DAC", &dacs), "0 0 0");
    assert_eq!(matter("ids", &[&paa, &pai, dacs[0]]), "0 FFF1 0\n0 FFF1 8000\n0 FFF1 8000");
    for dac in &dacs {
        assert_eq!(matter("chain", &[&paa, &pai, dac]), "0 0");
    }
    // each in another's place
    for (kind, files) in [("PAA", [dacs[0], &manifest]), ("PAI", [dacs[0], &paa]), ("DAC", [&pai, &manifest])] {
        let said = matter(kind, &files);
        assert!(said.split(' ').all(|code| code != GOOD), "{kind}: {said}");
    }
    // under another PAA of the same vendor
    let other = matter_workshop(&["--vendor-id", "FFF1", "--product-id", "8000"]);
    let (other_paa, other_pai) = (other.path("pki/ca/root.pem"), other.path("pki/ca/issuing.pem"));
    for (paa, pai) in [(&other_paa, &pai), (&paa, &other_pai), (&other_paa, &other_pai)] {
        let said = matter("chain", &[paa, pai, dacs[0]]);
        assert!(!said.starts_with("0 "), "{said}");
    }
}

/// A PAI for all products of a vendor.
#[test]
fn the_matter_sdk_accepts_a_pai_without_a_product() {
    let workshop = matter_workshop(&["--vendor-id", "FFF1"]);
    workshop.issue_under("dac.toml", "reel.zip", "batch", &IDS).success();
    let args = ["export", "batch", "--to", "directory", "--out", "dacs", "--issuer-anchor", "pki/ca/root.pem"];
    workshop.reroot(&args).run().success();
    let [paa, pai] = ["root", "issuing"].map(|stem| workshop.path(&format!("pki/ca/{stem}.pem")));
    let dac = workshop.path(&format!("dacs/{}.der", workshop.pki.leaf(0).uid()));
    assert_eq!(matter("PAI", &[&pai]), GOOD);
    assert_eq!(matter("ids", &[&pai]), "0 FFF1 0");
    assert_eq!(matter("chain", &[&paa, &pai, &dac]), "0 0");
}

/// What the SDK would refuse in the field is stopped before anything is signed.
#[test]
fn wrong_dacs_are_stopped_before_signing() {
    let workshop = matter_workshop(&["--vendor-id", "FFF1", "--product-id", "8000"]);
    let good = std::fs::read_to_string(workshop.path("dac.toml")).unwrap();
    let key_usage = "bits = [\"digitalSignature\"]";
    let policies = [
        ("agreement.toml", key_usage, "bits = [\"digitalSignature\", \"keyAgreement\"]"),
        ("authority.toml", "authority_key_identifier = {}\n", ""),
        ("subject.toml", "subject_key_identifier = { method = \"rfc5280-1\" }\n", ""),
        ("vendor.toml", "    { matterVendorId = \"{vid}\" },\n", ""),
        ("twice.toml", "CN = \"Example DAC {uid}\"", "CN = \"Example DAC Mvid:FFF1 {uid}\""),
    ];
    let refused = |policy: &str, ids: &[&str]| {
        let refused = workshop.issue_under(policy, "reel.zip", "batch", ids);
        assert!(matches!(refused.code, Some(2 | 3)), "{policy}: {refused:?}");
        assert!(!workshop.path("batch").exists());
        refused.err() + &refused.out()
    };
    for (name, from, to) in policies {
        let policy = good.replace(from, to);
        assert_ne!(policy, good, "{name}");
        workshop.write(name, policy.as_bytes());
        let said = refused(name, &IDS);
        assert!(said.contains("matter-dac.") || said.contains("vid"), "{name}: {said}");
    }
    let vendor = refused("dac.toml", &["--set", "vid=FFF2", "--set", "pid=8000"]);
    assert!(vendor.contains("matter-dac.vendor-product"), "{vendor}");
    let product = refused("dac.toml", &["--set", "vid=FFF1", "--set", "pid=8001"]);
    assert!(product.contains("matter-dac.vendor-product"), "{product}");

    // a CA that is not a PAI
    let plain = Workshop::new();
    plain.write("dac.toml", good.as_bytes());
    plain.reel("reel.zip", 0..3);
    let said = plain.issue_under("dac.toml", "reel.zip", "batch", &IDS).expect(2);
    assert!(said.err().contains("matter-dac.vendor-product"), "{}", said.err());
}

#[test]
fn ids_that_matter_does_not_have_are_refused_by_init() {
    let folder = tempfile::tempdir().unwrap();
    for (args, complaint) in [
        (&["--vendor-id", "fff1"][..], "Matter vendor id `fff1` is not 4 upper-case hexadecimal digits"),
        (&["--vendor-id", "FFF1", "--product-id", "80"], "Matter product id `80` is not"),
        (&["--vendor-id", "FFF1", "--key", "P-384"], "a Matter PAA or PAI cannot have a P-384 key"),
        (&["--product-id", "8000"], "--vendor-id <VID>"),
    ] {
        let refused =
            Run::reroot(folder.path()).args(["init", "pki", "--organization", "Workshop"]).args(args).run().expect(2);
        assert!(refused.err().contains(complaint), "{}", refused.err());
        assert!(!folder.path().join("pki").exists());
    }
}

/// About one in 128 signatures has an r or s that begins with a zero byte, which the device's library refuses. Of so
/// many certificates, about 39 had to be signed again.
#[test]
fn five_thousand_certificates_have_full_width_signatures() {
    const COUNT: u64 = 5_000;
    let workshop = Workshop::new();
    let policy = POLICY.replace("full_width_signature = false", "full_width_signature = true");
    let policy = policy.replace("target = \"none\"", "target = \"stselib\"");
    workshop.write("stselib.toml", policy.as_bytes());
    workshop.reel("reel.zip", 0..COUNT);
    workshop.issue_under("stselib.toml", "reel.zip", "batch", &[]).success();
    assert_eq!(workshop.statement("batch")["counts"]["issued"], COUNT);
    let made = workshop.statement("batch")["counts"]["signatures_made"].as_u64().unwrap();
    assert!(made > COUNT, "{made} signatures: none had to be made again, which cannot be chance");

    let archive = std::fs::File::open(workshop.path("batch/certificates.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(archive).expect("the batch holds a zip file");
    assert_eq!(archive.len() as u64, COUNT);
    let mut der = Vec::new();
    for index in 0..archive.len() {
        der.clear();
        archive.by_index(index).expect("an entry").read_to_end(&mut der).expect("it can be read");
        assert_eq!(der[..2], [0x30, 0x82], "STSELib takes the length from bytes 2 and 3");
        let [r, s] = integers(&der);
        assert!(r.len() == 32 && s.len() == 32, "certificate {index} has r of {} and s of {}", r.len(), s.len());
    }
}

/// r and s without sign bytes, by an own reading of the certificate's end: BIT STRING { SEQUENCE { INTEGER, INTEGER }
/// }.
fn integers(certificate: &[u8]) -> [&[u8]; 2] {
    // 64 bytes of numbers, at most 2 sign bytes, 4 of their headers, 2 of the sequence's, 1 of unused bits, 2 of the
    // string
    let start = (certificate.len() - 75..certificate.len())
        .find(|at| {
            let rest = &certificate[*at..];
            rest.len() > 5 && rest[0] == 3 && usize::from(rest[1]) == rest.len() - 2 && rest[2..4] == [0, 0x30]
        })
        .expect("a certificate ends with its signature");
    let mut rest = &certificate[start + 5..];
    [(); 2].map(|()| {
        assert_eq!(rest[0], 2, "an INTEGER");
        let length = usize::from(rest[1]);
        let (number, after) = rest[2..].split_at(length);
        rest = after;
        if number[0] == 0 { &number[1..] } else { number }
    })
}
