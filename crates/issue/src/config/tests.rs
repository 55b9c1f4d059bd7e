use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::*;
use crate::class::Class;
use crate::durable::{Access, write_new};
use crate::signer::SecretSource;
use crate::signer::file::tests::openssl;
use crate::signer::secret::ResolveWith;
use crate::toml::FileError;

/// A folder with a PKI that OpenSSL made: root, issuing CA, manifest signer, each with its key.
struct World {
    folder: tempfile::TempDir,
}

const ROOT: &str = "basicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign";
const ISSUING: &str = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign";
const MANIFEST: &str = "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,1.3.6.1.5.5.7.3.36";
const TEXT: &str = r#"[issuer]
certificate = "issuing.pem"
chain = ["root.pem"]
key = "issuing.key.pem"
[manifest]
certificate = "manifest.pem"
key = "manifest.key.pem"
[source]
anchors = ["anchor.pem"]
[ledger]
path = "ledger.db"
"#;

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.certify("root", "Root", None, ROOT);
        world.certify("issuing", "Issuing", Some("root"), ISSUING);
        world.certify("manifest", "Manifest", Some("root"), MANIFEST);
        let anchor =
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/stm-stsafe-a-prod-ca-01.pem"));
        world.write("anchor.pem", anchor);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &[u8]) {
        write_new(&self.path(name), Access::Private, content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Makes `stem.pem` and, unless it exists, `stem.key.pem`.
    fn certify(&self, stem: &str, name: &str, issuer: Option<&str>, extensions: &str) {
        self.certify_by("-sha256", stem, name, issuer, extensions);
    }

    fn certify_by(&self, digest: &str, stem: &str, name: &str, issuer: Option<&str>, extensions: &str) {
        let key = self.text(&format!("{stem}.key.pem"));
        if !Path::new(&key).exists() {
            let pem = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
            self.write(&format!("{stem}.key.pem"), &pem);
        }
        let config = format!(
            "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext\n[dn]\nO=Acme\nCN={name}\n[ext]\n{extensions}\n"
        );
        self.write(&format!("{stem}.cnf"), config.as_bytes());
        let (config, out) = (self.text(&format!("{stem}.cnf")), self.text(&format!("{stem}.pem")));
        let mut arguments = vec!["req", "-x509", "-new", digest, "-config", &config, "-key", &key, "-out", &out];
        let above = issuer.map(|issuer| [self.text(&format!("{issuer}.pem")), self.text(&format!("{issuer}.key.pem"))]);
        if let Some([certificate, key]) = &above {
            arguments.extend(["-CA", certificate, "-CAkey", key]);
        }
        openssl(&arguments, b"");
    }

    fn config(&self, text: &str) -> Config {
        Config::parse(text, &self.path(FILE_NAME)).unwrap()
    }

    /// The usual text with replacements.
    fn with(&self, replacements: &[(&str, &str)]) -> Config {
        let mut text = TEXT.to_owned();
        for (from, to) in replacements {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        self.config(&text)
    }
}

/// The codes and messages of all errors, with the marked text.
fn list(errors: &ConfigErrors) -> Vec<(String, String, String)> {
    let one = |error: &FileError<SignerError>| {
        assert!(CODES.iter().any(|(code, _)| *code == error.code()));
        let marked = errors.text()[error.span()].to_owned();
        (error.code().to_string(), error.message().to_owned(), marked)
    };
    errors.errors().iter().map(one).collect()
}

fn only<T: std::fmt::Debug>(result: Result<T, ConfigErrors>) -> (String, String, String) {
    let mut errors = list(&result.unwrap_err());
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

fn code_of<T>(result: Result<T, ConfigErrors>) -> String {
    let errors = result.err().expect("an error was expected");
    assert_eq!(errors.errors().len(), 1, "{errors}");
    errors.errors()[0].code().to_string()
}

fn nobody() -> impl SecretResolver {
    ResolveWith {
        env: |_: &str| -> Option<OsString> { None },
        prompt: |_: &str| -> std::io::Result<String> { Err(std::io::Error::other("no terminal")) },
    }
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, Path::new("/etc/reroot/reroot.toml"))
}

#[test]
fn a_whole_configuration_gives_issuer_anchors_signers_and_ledger() {
    let world = World::new();
    world.write(FILE_NAME, TEXT.as_bytes());
    let config = Config::load(&world.path(FILE_NAME)).unwrap();
    assert_eq!(config.file(), world.path(FILE_NAME));
    assert_eq!(config.ledger_path(), world.path("ledger.db"));
    let issuer = config.issuer_identity().unwrap();
    assert_eq!(issuer.subject().to_string(), "O=Acme, CN=Issuing");
    assert_eq!(issuer.chain().len(), 1);
    assert_eq!(config.manifest_certificate().unwrap().subject().to_string(), "O=Acme, CN=Manifest");
    assert_eq!(config.anchors().unwrap().len(), 1);
    assert_eq!(config.open_issuer_signer(&nobody()).unwrap().public_key(), issuer.spki());
    config.open_manifest_signer(&nobody()).unwrap();
}

#[test]
fn the_processor_decides_about_batches_where_the_configuration_does_not() {
    let issuer = |line: &str| TEXT.replacen("[issuer]\n", &format!("[issuer]\n{line}"), 1);
    for (line, expected) in [
        ("", BatchSigning::WithLanes),
        ("batch_signer = true\n", BatchSigning::Always),
        ("batch_signer = false\n", BatchSigning::Never),
    ] {
        let mut config = parse(&issuer(line)).unwrap();
        assert_eq!(config.document.issuer.batches, expected, "{line}");
        assert_eq!(config.document.manifest.batches, BatchSigning::Never);
        config.sign_generically();
        assert_eq!(config.document.issuer.batches, BatchSigning::Never);
    }
}

#[test]
fn certificates_are_read_as_pem_bundle_or_der() {
    let world = World::new();
    let der = openssl(&["x509", "-outform", "DER"], &world.read("issuing.pem"));
    world.write("issuing.der", &der);
    let wordy = openssl(&["x509", "-text"], &world.read("root.pem"));
    world.write("wordy.pem", &wordy);
    let config = world.with(&[("issuing.pem", "issuing.der"), ("root.pem", "wordy.pem")]);
    assert_eq!(config.issuer_identity().unwrap().certificate().der(), der);
    world.write("two.pem", &[world.read("issuing.pem"), world.read("root.pem")].concat());
    let config = world.with(&[("issuing.pem", "two.pem")]);
    let (code, message, marked) = only(config.issuer_identity());
    assert_eq!((&code[..], &marked[..]), ("config.certificate.count", "\"two.pem\""));
    assert!(message.ends_with("two.pem` holds 2 certificates, expected exactly one"));
    let test =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/stm-stsafe-a-test-ca-91-2023.pem"));
    world.write("anchors.pem", &[&world.read("anchor.pem")[..], test].concat());
    assert_eq!(world.with(&[("anchor.pem", "anchors.pem")]).anchors().unwrap().len(), 2);
}

#[test]
fn every_slip_of_the_schema_is_listed_at_once_with_its_place() {
    let text = r#"[isuer]
[issuer]
certificat = "a"
chain = "b"
key = 1
[manifest]
certificate = ""
[source]
anchors = ["a", 2]
[ledger]
paht = "ledger.db"
"#;
    let errors = parse(text).unwrap_err();
    let expect = [
        ("config.schema.unknown", "unknown section `isuer` at the top of the file", "isuer"),
        ("config.schema.missing", "[issuer] has no `certificate`", "issuer"),
        ("config.schema.unknown", "unknown key `certificat` in [issuer]", "certificat"),
        ("config.schema.type", "`chain` is a string, expected an array of paths", "\"b\""),
        ("config.schema.type", "`key` is an integer, expected a string or an array of URIs", "1"),
        ("config.schema.value", "`certificate` is empty, expected a path", "\"\""),
        ("config.schema.type", "`anchors` is an integer, expected a string", "2"),
        ("config.schema.missing", "[ledger] has no `path`", "ledger"),
        ("config.schema.unknown", "unknown key `paht` in [ledger]", "paht"),
    ];
    let expect = expect.map(|(code, message, marked)| (code.to_owned(), message.to_owned(), marked.to_owned()));
    assert_eq!(list(&errors), expect);
    let hints: Vec<_> = errors.errors().iter().filter_map(FileError::hint).collect();
    assert_eq!(hints, ["Did you mean `issuer`?", "Did you mean `certificate`?", "Did you mean `path`?"]);
    assert!(!errors.only_signers());
    assert!(errors.to_string().starts_with(
        "/etc/reroot/reroot.toml:1:2: config.schema.unknown: unknown section `isuer` at the top of the file\n\
         /etc/reroot/reroot.toml:2:2: config.schema.missing: [issuer] has no `certificate`\n"
    ));
    assert_eq!(parse("").unwrap_err().to_string().matches("config.schema.missing: there is no section [").count(), 4);
    let (code, message, marked) = only(parse(&TEXT.replace("[\"anchor.pem\"]", "[]")));
    assert_eq!(
        (&code[..], &message[..], &marked[..]),
        ("config.schema.value", "`anchors` is empty, expected at least one file", "[]")
    );
    let error = parse(&TEXT.replace("[ledger]", "[ledger]\nsize = 1")).unwrap_err();
    assert_eq!(error.errors()[0].hint(), Some("Known here: url, path, head_file."));
    let text = format!("ledger = 1\n{}", TEXT.replace("[ledger]\npath = \"ledger.db\"\n", ""));
    assert_eq!(only(parse(&text)).1, "`ledger` is an integer, expected a section");
}

#[test]
fn what_is_not_toml_is_refused_with_its_place() {
    let errors = parse("[issuer]\ncertificate = \n").unwrap_err();
    assert_eq!(errors.errors()[0].code(), error::SYNTAX);
    assert_eq!(errors.position(&errors.errors()[0]).0, 2);
    assert_eq!(code_of(parse(&format!("{TEXT}path = \"again\"\n"))), "config.schema.syntax");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    assert_eq!(code_of(Config::load(&path)), "config.file.unreadable");
    write_new(&path, Access::Public, b"\xFF").unwrap();
    assert_eq!(code_of(Config::load(&path)), "config.schema.syntax");
    assert_eq!(code_of(Config::load(folder.path())), "config.file.unreadable");
}

#[test]
fn secrets_are_named_and_never_written_down() {
    let secret = |line: &str| parse(&TEXT.replace("key = \"issuing.key.pem\"", &format!("key = \"k\"\n{line}")));
    let parsed = secret("secret = { env = \"CA_PASSPHRASE\" }").unwrap();
    let source =
        |config: &Config| config.document.issuer.key.as_ref().unwrap().secret.as_ref().unwrap().get_ref().clone();
    assert_eq!(source(&parsed), SecretSource::Env("CA_PASSPHRASE".to_owned()));
    let parsed = secret("secret = { file = \"run/pin\" }").unwrap();
    assert_eq!(source(&parsed), SecretSource::File("/etc/reroot/run/pin".into()));
    for line in [
        "secret = \"hunter2\"",
        "secret = { env = \"hunter 2\" }",
        "secret = { env = \"2hunter\" }",
        "secret = { value = \"hunter2\" }",
        "secret = { env = [\"hunter2\"] }",
        "passphrase = \"hunter2\"",
        "pin = \"hunter2\"",
        "password = \"hunter2\"",
    ] {
        let errors = secret(line).unwrap_err();
        let [error] = errors.errors() else { panic!("{errors}") };
        assert_eq!(error.code(), error::SECRET_IN_FILE, "{line}");
        assert!(!format!("{errors}{:?}", error.hint()).contains("hunter"), "{errors}");
        assert_eq!(&errors.text()[error.span()], "issuer", "an excerpt does not show the secret");
        assert!(error.hint().is_some());
    }
    for line in
        ["secret = {}", "secret = { env = \"A\", file = \"b\" }", "secret = { file = \"\" }", "secret = { file = 1 }"]
    {
        assert_eq!(only(secret(line)).0, "config.secret.source", "{line}");
    }
    let uri =
        |uri: &str, more: &str| parse(&TEXT.replace("key = \"issuing.key.pem\"", &format!("key = \"{uri}\"\n{more}")));
    let (code, message, marked) = only(uri("pkcs11:token=a?pin-value=1234", ""));
    assert_eq!((&code[..], &marked[..]), ("config.secret.in-file", "issuer"));
    assert!(!message.contains("1234"));
    let both = uri("pkcs11:token=a?pin-source=file:pin", "secret = { env = \"PIN\" }");
    assert_eq!(only(both).0, "config.secret.source");
    let (code, message, marked) = only(uri("pkcs11:tokn=a", ""));
    assert_eq!((&code[..], &marked[..]), ("config.schema.value", "\"pkcs11:tokn=a\""));
    assert_eq!(message, "`key`: attribute `tokn` is unknown in a PKCS#11 URI (RFC 7512 §2.3, §2.4)");
    let pool = "[\"pkcs11:token=a\", \"pkcs11:token=b?pin-source=file:pin\"]";
    let text = TEXT.replace("\"issuing.key.pem\"", &format!("{pool}\nsecret = {{ env = \"PIN\" }}"));
    assert_eq!(only(parse(&text)).0, "config.secret.source");
    let text = TEXT.replace("\"issuing.key.pem\"", "[\"pkcs11:token=a\", \"pkcs11:token=b?pin-value=1234\"]");
    let (code, message, marked) = only(parse(&text));
    assert_eq!((&code[..], &marked[..]), ("config.secret.in-file", "issuer"));
    assert!(!message.contains("1234"));
    let lonely = parse(&TEXT.replace("key = \"issuing.key.pem\"", "secret = { env = \"A\" }"));
    assert_eq!(only(lonely).1, "[issuer] has a `secret` and no `key`");
}

#[test]
fn a_key_may_lie_in_several_tokens_and_nowhere_else_then() {
    let key = |key: &str| parse(&TEXT.replace("\"issuing.key.pem\"", key));
    let a = "\"pkcs11:token=a;object=b?module-path=/m.so&pin-source=pin\"";
    assert!(key(a).is_err(), "a relative pin-source is a file: URI");
    let (a, b) = (a.replace("=pin", "=file:pin"), "\"pkcs11:token=b\"");
    key(&format!("[{a}]")).unwrap();
    let both = key(&format!("[{a}, {b}]")).unwrap();
    let schema::KeyPlace::Tokens(uris) = both.document.issuer.key.as_ref().unwrap().place.get_ref() else { panic!() };
    assert_eq!(uris.len(), 2);
    assert_eq!(uris[0].pin_source.as_deref(), Some(Path::new("/etc/reroot/pin")));
    for (text, expected) in [
        ("[]", ("config.schema.value", "`key` is an empty array, expected at least one URI", "[]")),
        ("7", ("config.schema.type", "`key` is an integer, expected a string or an array of URIs", "7")),
        ("[true]", ("config.schema.type", "`key` is a boolean, expected a URI", "true")),
        (
            "[\"issuing.key.pem\"]",
            (
                "config.schema.value",
                "`key` is an array with a path in it, expected URIs of PKCS#11 tokens alone",
                "\"issuing.key.pem\"",
            ),
        ),
        ("[\"pkcs11:token=b\", \"pkcs11:token=b\"]", ("config.schema.value", "`key` names this token's key twice", b)),
    ] {
        let (code, message, marked) = only(key(text));
        assert_eq!((&code[..], &message[..], &marked[..]), expected);
    }
}

#[test]
fn the_treatment_of_tokens_is_a_closed_table_with_limits() {
    let hsm = |lines: &str| parse(&format!("{TEXT}[hsm]\n{lines}\n"));
    let usual = hsm("").unwrap().document.hsm;
    assert_eq!((usual.sessions, usual.call_timeout.as_secs(), usual.retries), (None, 30, 8));
    let whole = "sessions = 4\ncall_timeout = \"2m\"\nretries = 0\nfirst_pause = \"10ms\"\nlongest_pause = \"1s\"";
    let given = hsm(whole).unwrap().document.hsm;
    assert_eq!((given.sessions.unwrap().get(), given.call_timeout.as_secs(), given.retries), (4, 120, 0));
    assert_eq!((given.first_pause.as_millis(), given.longest_pause.as_millis()), (10, 1_000));
    for (line, code, message) in [
        ("session = 4", "config.schema.unknown", "unknown key `session` in [hsm]"),
        ("pin = \"1234\"", "config.secret.in-file", "`pin` in [hsm] would put a secret into the configuration"),
        ("sessions = 0", "config.schema.value", "`sessions` is not a number from 1 to 1024"),
        ("sessions = -1", "config.schema.value", "`sessions` is not a number from 1 to 1024"),
        ("sessions = \"4\"", "config.schema.type", "`sessions` is a string, expected an integer"),
        ("retries = 101", "config.schema.value", "`retries` is not a number from 0 to 100"),
        (
            "call_timeout = \"0s\"",
            "config.schema.value",
            "`call_timeout` is not a duration from 100ms to 10m, such as \"250ms\", \"30s\" or \"2m\"",
        ),
        (
            "call_timeout = 30",
            "config.schema.type",
            "`call_timeout` is an integer, expected a duration such as \"30s\"",
        ),
    ] {
        let (found, text, marked) = only(hsm(line));
        assert_eq!((&found[..], &text[..]), (code, message));
        assert!(!text.contains("1234") && !marked.contains("1234"));
    }
    assert_eq!(list(&hsm("sessions = 0\nretries = -1").unwrap_err()).len(), 2, "all at once");
    assert_eq!(code_of(parse(&format!("hsm = 1\n{TEXT}"))), "config.schema.type");
}

#[test]
fn the_chain_holds_by_name_by_signature_and_by_what_its_cas_may() {
    let world = World::new();
    let chain = |chain: &str| world.with(&[("[\"root.pem\"]", chain)]).issuer_identity();
    assert_eq!(chain("[]").unwrap().chain().len(), 0, "an issuer may stand alone");
    let errors = list(&chain("[\"manifest.pem\"]").unwrap_err());
    let order = (
        "config.chain.order".to_owned(),
        "chain does not continue: the certificate of `O=Acme, CN=Issuing` was issued by `O=Acme, CN=Root`, found \
         `O=Acme, CN=Manifest`"
            .to_owned(),
        "\"manifest.pem\"".to_owned(),
    );
    assert!(errors.contains(&order), "{errors:?}");
    world.certify("imposter", "Root", None, ROOT);
    let (code, message, marked) = only(chain("[\"imposter.pem\"]"));
    assert_eq!((&code[..], &marked[..]), ("config.chain.signature", "\"issuing.pem\""));
    assert!(
        message.starts_with("certificate of `O=Acme, CN=Issuing` was not signed by the key of `O=Acme, CN=Root`: ")
    );

    world.write("noca.key.pem", &world.read("root.key.pem"));
    world.certify("noca", "Root", None, "keyUsage=critical,digitalSignature");
    assert_eq!(only(chain("[\"noca.pem\"]")).0, "config.chain.not-ca");
    world.write("nosign.key.pem", &world.read("root.key.pem"));
    world.certify("nosign", "Root", None, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign");
    assert_eq!(only(chain("[\"nosign.pem\"]")).0, "config.chain.not-ca");
    world.write("short.key.pem", &world.read("root.key.pem"));
    world.certify("short", "Root", None, ISSUING);
    let (code, message, _) = only(chain("[\"short.pem\"]"));
    assert_eq!(code, "config.chain.path-length");
    assert!(
        message.starts_with("certificate of `O=Acme, CN=Root` allows 0 CAs below it, the chain has 1"),
        "{message}"
    );

    // a root is believed because it was named: nothing depends on its signature over itself
    let mut der = openssl(&["x509", "-outform", "DER"], &world.read("root.pem"));
    *der.last_mut().unwrap() ^= 1;
    world.write("damaged.der", &der);
    chain("[\"damaged.der\"]").unwrap();

    let errors = chain("[\"none.pem\", \"issuing.key.pem\", \"root.cnf\"]").unwrap_err();
    assert_eq!(errors.errors().len(), 3, "every unreadable file is named: {errors}");
}

#[test]
fn sha1_is_no_proof_but_a_root_may_be_as_old_as_that() {
    let world = World::new();
    for (stem, name, issuer, extensions) in
        [("issuing-sha1", "Issuing", Some("root"), ISSUING), ("root-sha1", "Root", None, ROOT)]
    {
        world.write(&format!("{stem}.key.pem"), &world.read(&format!("{}.key.pem", name.to_lowercase())));
        world.certify_by("-sha1", stem, name, issuer, extensions);
    }
    let (code, message, _) = only(world.with(&[("issuing.pem", "issuing-sha1.pem")]).issuer_identity());
    assert_eq!(code, "config.chain.signature");
    assert!(message.ends_with("a signature over SHA-1 proves nothing"), "{message}");
    world.with(&[("root.pem", "root-sha1.pem")]).issuer_identity().unwrap();
}

#[test]
fn an_issuer_that_cannot_issue_is_refused() {
    let world = World::new();
    for (stem, extensions) in [
        ("leaf", "keyUsage=critical,digitalSignature"),
        ("crl", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign"),
    ] {
        world.certify(stem, "Issuing", Some("root"), extensions);
        let config = world.with(&[("issuing.pem", &format!("{stem}.pem"))]);
        let (code, _, marked) = only(config.issuer_identity());
        assert_eq!((code, marked), ("config.issuer.unfit".to_owned(), format!("\"{stem}.pem\"")));
    }
    world.write("text.pem", b"hello");
    let config = world.with(&[("issuing.pem", "text.pem")]);
    assert_eq!(only(config.issuer_identity()).0, "config.certificate.malformed");
    let config = world.with(&[("issuing.pem", "issuing.key.pem")]);
    let (code, message, _) = only(config.issuer_identity());
    assert_eq!(code, "config.certificate.malformed");
    assert!(message.ends_with("PEM block `PRIVATE KEY`, expected `CERTIFICATE`"));
    let config = world.with(&[("issuing.pem", "none.pem")]);
    assert_eq!(only(config.issuer_identity()).0, "config.file.unreadable");
    world.write("huge.pem", &vec![b' '; (1 << 20) + 1]);
    let config = world.with(&[("issuing.pem", "huge.pem")]);
    assert!(only(config.issuer_identity()).1.ends_with("is longer than 1048576 bytes"));
}

#[test]
fn the_manifest_signer_is_for_documents_alone_and_not_the_issuing_cas_work() {
    let world = World::new();
    let refused = |stem: &str| {
        let config = world.with(&[("\"manifest.pem\"", &format!("\"{stem}.pem\""))]);
        let errors = config.manifest_certificate().unwrap_err();
        let codes: Vec<_> = errors.errors().iter().map(|error| error.code().to_string()).collect();
        codes.join(" ")
    };
    let unfit = "config.manifest.unfit";
    let eku = "extendedKeyUsage=critical,1.3.6.1.5.5.7.3.36";
    let ku = "keyUsage=critical,digitalSignature";
    for (number, extensions) in [
        ku.to_owned(),
        eku.to_owned(),
        format!("keyUsage=critical,nonRepudiation\n{eku}"),
        format!("keyUsage=critical,digitalSignature,keyAgreement\n{eku}"),
        format!("{ku}\nextendedKeyUsage=1.3.6.1.5.5.7.3.36"),
        format!("{ku}\nextendedKeyUsage=critical,1.3.6.1.5.5.7.3.36,clientAuth"),
        format!("{ku}\nextendedKeyUsage=critical,emailProtection"),
        format!("basicConstraints=critical,CA:TRUE\n{ku}\n{eku}"),
    ]
    .iter()
    .enumerate()
    {
        let stem = format!("unfit{number}");
        world.certify(&stem, "Manifest", Some("root"), extensions);
        assert_eq!(refused(&stem), unfit, "{extensions}");
    }
    world.certify(
        "both",
        "Manifest",
        Some("root"),
        &format!("keyUsage=critical,digitalSignature,nonRepudiation\n{eku}"),
    );
    assert!(world.with(&[("\"manifest.pem\"", "\"both.pem\"")]).manifest_certificate().is_ok());
    world.certify("child", "Manifest", Some("issuing"), MANIFEST);
    assert_eq!(refused("child"), "config.manifest.issued-by-issuing-ca");
    world.write("cakey.key.pem", &world.read("issuing.key.pem"));
    world.certify("cakey", "Manifest", Some("root"), MANIFEST);
    assert_eq!(refused("cakey"), "config.manifest.key-is-a-ca-key");
    world.certify("imposter", "Root", None, ROOT);
    world.certify("false", "Manifest", Some("imposter"), MANIFEST);
    assert_eq!(refused("false"), "config.manifest.signature");
    world.certify("elsewhere", "Other Root", None, ROOT);
    world.certify("other", "Manifest", Some("elsewhere"), MANIFEST);
    let config = world.with(&[("\"manifest.pem\"", "\"other.pem\"")]);
    assert!(config.manifest_certificate().is_ok(), "a manifest anchor need not be the issuer's root");
}

#[test]
fn an_anchor_configured_twice_is_refused() {
    let world = World::new();
    let config = world.with(&[("[\"anchor.pem\"]", "[\"anchor.pem\", \"anchor.pem\", \"none.pem\"]")]);
    let errors = config.anchors().unwrap_err();
    let codes: Vec<_> = errors.errors().iter().map(FileError::code).collect();
    assert_eq!(codes, [error::ANCHOR_TWICE, error::FILE_UNREADABLE]);
}

#[test]
fn a_person_who_ends_the_program_when_asked_is_no_failure_of_the_signer() {
    let world = World::new();
    let encrypt = ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:hunter2"];
    world.write("locked.pem", &openssl(&encrypt, &world.read("issuing.key.pem")));
    for (kind, class) in
        [(std::io::ErrorKind::Interrupted, Class::Interrupted), (std::io::ErrorKind::NotFound, Class::Signer)]
    {
        let resolver = ResolveWith { env: |_: &str| None, prompt: |_: &str| Err(std::io::Error::from(kind)) };
        let config = world.with(&[("\"issuing.key.pem\"", "\"locked.pem\"")]);
        assert_eq!(config.open_issuer_signer(&resolver).err().unwrap().class(), class);
    }
}

#[test]
fn a_signer_is_opened_with_its_secret_and_proved_the_certificates() {
    let world = World::new();
    let issuer = |replacements: &[(&str, &str)]| {
        let resolver = ResolveWith {
            env: |name: &str| match name {
                "RIGHT" => Some(OsString::from("hunter2")),
                "WRONG" => Some(OsString::from("hunter3")),
                _ => None,
            },
            prompt: |question: &str| {
                assert!(question.starts_with("passphrase for `") && question.ends_with("locked.pem`"), "{question}");
                Ok("hunter2".to_owned())
            },
        };
        world.with(replacements).open_issuer_signer(&resolver).map(|signer| signer.public_key().clone())
    };
    let encrypt = ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:hunter2"];
    world.write("locked.pem", &openssl(&encrypt, &world.read("issuing.key.pem")));
    let key = ("\"issuing.key.pem\"", "\"locked.pem\"");
    let expected = world.config(TEXT).issuer_identity().unwrap().spki().clone();
    assert_eq!(issuer(&[]).unwrap(), expected, "a plain key asks for nothing");
    assert_eq!(issuer(&[key]).unwrap(), expected, "an encrypted key asks");
    assert_eq!(issuer(&[("\"issuing.key.pem\"", "\"locked.pem\"\nsecret = { env = \"RIGHT\" }")]).unwrap(), expected);
    world.write("pin", b"hunter2\n");
    assert_eq!(issuer(&[("\"issuing.key.pem\"", "\"locked.pem\"\nsecret = { file = \"pin\" }")]).unwrap(), expected);

    for (text, message) in [
        (
            "\"locked.pem\"\nsecret = { env = \"WRONG\" }",
            "passphrase does not open the key file (or the file is damaged)",
        ),
        (
            "\"locked.pem\"\nsecret = { env = \"UNSET\" }",
            "environment variable `UNSET`, which should hold a passphrase, is not set",
        ),
        (
            "\"issuing.key.pem\"\nsecret = { env = \"RIGHT\" }",
            "a passphrase was given for a key file that is not encrypted",
        ),
        ("\"issuing.pem\"", "key file holds `CERTIFICATE`, expected a private key"),
        ("\"pkcs11:token=a;object=b\"", "`pkcs11:token=a;object=b` has no module-path (RFC 7512 §2.4)"),
    ] {
        let errors = issuer(&[("\"issuing.key.pem\"", text)]).unwrap_err();
        assert!(errors.only_signers(), "{errors}");
        assert!(errors.errors()[0].cause().is_some());
        assert!(!errors.to_string().contains("hunter"));
        assert_eq!(only(Err::<(), _>(errors)).1, format!("key of [issuer]: {message}"));
    }
    let errors = world.with(&[key]).open_issuer_signer(&nobody()).err().unwrap();
    assert!(errors.to_string().ends_with("locked.pem` could not be asked for: no terminal"), "{errors}");
    assert!(errors.errors()[0].hint().unwrap().contains("secret = { env"));

    let errors = issuer(&[("\"issuing.key.pem\"", "\"root.key.pem\"")]).unwrap_err();
    assert!(!errors.only_signers());
    let (code, message, marked) = only(Err::<(), _>(errors));
    assert_eq!((&code[..], &marked[..]), ("config.signer.mismatch", "\"root.key.pem\""));
    assert!(message.starts_with("key of [issuer] is not the key of its certificate `O=Acme, CN=Issuing`"));
    assert_eq!(code_of(issuer(&[("key = \"issuing.key.pem\"", "")])), "config.signer.none");
    assert_eq!(code_of(issuer(&[("\"issuing.key.pem\"", "\"none.pem\"")])), "config.file.unreadable");
}

#[test]
fn hostile_text_is_escaped_in_messages() {
    let message = only(parse(&TEXT.replace("[ledger]", "[ledger]\n\"a\\u001b[2J\\u202e\" = 1"))).1;
    assert_eq!(message, "unknown key `a\\u{1b}[2J\\u{202e}` in [ledger]");
    let world = World::new();
    let message = only(world.with(&[("issuing.pem", "\\u001b[2J.pem")]).issuer_identity()).1;
    assert!(message.contains("\\u{1b}[2J.pem`: No such file"));
}

#[test]
fn codes_are_unique_and_have_a_meaning() {
    for (number, (code, meaning)) in CODES.iter().enumerate() {
        assert!(code.as_str().starts_with("config.") && meaning.ends_with('.'));
        assert!(CODES[..number].iter().all(|(other, _)| other != code));
    }
}
