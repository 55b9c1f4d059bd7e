use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::signer::secret::Secret;

/// Runs `openssl`, which has the last word, and returns what it printed. A missing tool fails the test.
pub(crate) fn openssl(arguments: &[&str], stdin: &[u8]) -> Vec<u8> {
    let (success, stdout, stderr) = run("openssl", arguments, stdin);
    assert!(success, "openssl {arguments:?}: {stderr}");
    stdout
}

/// Runs a tool: whether it succeeded, its output, its complaints.
pub(crate) fn run(tool: &str, arguments: &[&str], stdin: &[u8]) -> (bool, Vec<u8>, String) {
    let mut child = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{tool} must be installed for the tests: {error}"));
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    (output.status.success(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec(), "test").unwrap()
}

fn write(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    crate::durable::write_new(&path, crate::durable::Access::Private, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn open(pem: &[u8]) -> Result<FileSigner, String> {
    FileSigner::open(pem, None).map_err(|error| error.to_string())
}

/// Signs with `algorithm` and has OpenSSL verify under the key's public half as OpenSSL derives it.
fn openssl_accepts(pem: &[u8], algorithm: SignatureAlgorithm, options: &[&str]) {
    let signer = FileSigner::open(pem, None).unwrap();
    signer.check_algorithm(algorithm).unwrap();
    let mut signatures = Vec::new();
    signer.sign_batch(algorithm, &[b"one", b"two"], &mut signatures).unwrap();
    assert_eq!(signatures.len(), 2);
    let folder = tempfile::tempdir().unwrap();
    let public = write(folder.path(), "public.pem", &openssl(&["pkey", "-pubout"], pem));
    for (number, message) in [b"one", b"two"].into_iter().enumerate() {
        let message = write(folder.path(), &format!("message-{number}"), message);
        let signature = write(folder.path(), &format!("signature-{number}"), &signatures[number]);
        let mut arguments = vec!["pkeyutl", "-verify", "-pubin", "-inkey", &public, "-rawin"];
        arguments.extend(["-in", &message, "-sigfile", &signature]);
        arguments.extend(options);
        openssl(&arguments, b"");
    }
}

#[test]
fn keys_made_by_openssl_open_and_sign_what_openssl_verifies() {
    use SignatureAlgorithm as A;
    type Case<'a> = (&'a [&'a str], KeyAlgorithm, &'a [(A, &'a [&'a str])]);
    const PSS: [&str; 4] = ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"];
    let pss = |digest| [&["-digest", digest][..], &PSS].concat();
    let (pss256, pss384, pss512) = (pss("sha256"), pss("sha384"), pss("sha512"));
    let (sha256, sha384, sha512) = (["-digest", "sha256"], ["-digest", "sha384"], ["-digest", "sha512"]);
    let cases: [Case<'_>; 5] = [
        (&["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], KeyAlgorithm::P256, &[(A::EcdsaSha256, &sha256)]),
        (&["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], KeyAlgorithm::P384, &[(A::EcdsaSha384, &sha384)]),
        (
            &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            KeyAlgorithm::P521,
            &[(A::EcdsaSha256, &sha256), (A::EcdsaSha384, &sha384), (A::EcdsaSha512, &sha512)],
        ),
        (&["ED25519"], KeyAlgorithm::Ed25519, &[(A::Ed25519, &[])]),
        (
            &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            KeyAlgorithm::Rsa { bits: 2048 },
            &[
                (A::RsaPkcs1Sha256, &sha256),
                (A::RsaPkcs1Sha384, &sha384),
                (A::RsaPkcs1Sha512, &sha512),
                (A::RsaPssSha256, &pss256),
                (A::RsaPssSha384, &pss384),
                (A::RsaPssSha512, &pss512),
            ],
        ),
    ];
    for (arguments, algorithm, signatures) in cases {
        let pem = openssl(&[&["genpkey", "-algorithm"], arguments].concat(), b"");
        let signer = FileSigner::open(&pem, None).unwrap();
        assert_eq!(signer.public_key().algorithm(), algorithm);
        let public = openssl(&["pkey", "-pubout", "-outform", "DER"], &pem);
        assert_eq!(signer.public_key().der(), public, "the SubjectPublicKeyInfo is OpenSSL's");
        for known in A::ALL {
            if let Some((_, options)) = signatures.iter().find(|(offered, _)| *offered == known) {
                openssl_accepts(&pem, known, options);
                continue;
            }
            let refusal = format!("a {algorithm} key cannot sign with {known}");
            assert_eq!(signer.check_algorithm(known).unwrap_err().to_string(), refusal);
            let error = signer.sign_batch(known, &[b"one"], &mut Vec::new()).unwrap_err();
            assert_eq!(error.to_string(), refusal);
            assert!(error.hint().is_some());
        }
    }
}

#[test]
fn keys_encrypted_by_openssl_open_with_their_passphrase_alone() {
    let plain = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
    let spki = FileSigner::open(&plain, None).unwrap().public_key().clone();
    let ways: [&[&str]; 4] = [
        &["-v2", "aes-256-cbc"],
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512", "-iter", "10000"],
        &["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA384"],
        &["-v2", "aes-256-cbc", "-scrypt"],
    ];
    for way in ways {
        let encrypted = openssl(&[&["pkcs8", "-topk8", "-passout", "pass:hunter2"], way].concat(), &plain);
        assert!(FileSigner::is_encrypted(&encrypted).unwrap());
        let signer = FileSigner::open(&encrypted, Some(&secret("hunter2"))).unwrap();
        assert_eq!(signer.public_key(), &spki, "{way:?}");
    }
    let encrypted = openssl(
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-aes256", "-pass", "pass:hunter2"],
        b"",
    );
    let signer = FileSigner::open(&encrypted, Some(&secret("hunter2"))).unwrap();
    assert_eq!(signer.public_key().algorithm(), KeyAlgorithm::P384);
    assert_eq!(open(&encrypted).unwrap_err(), "key file is encrypted and no passphrase was given");
    for wrong in ["hunter3", "hunter2\n", "hunter"] {
        let error = FileSigner::open(&encrypted, Some(&secret(wrong))).unwrap_err();
        assert!(matches!(error, SignerError::PassphraseWrong), "{error}");
        assert!(!format!("{error}{error:?}{:?}", error.hint()).contains("hunter"));
    }
}

#[test]
fn a_wrong_passphrase_that_leaves_valid_padding_is_still_wrong() {
    // one in 256 does; 600 tries leave this branch untried once in ten
    let plain = openssl(&["genpkey", "-algorithm", "ED25519"], b"");
    let weak = ["pkcs8", "-topk8", "-passout", "pass:hunter2", "-v2", "aes-256-cbc", "-iter", "1"];
    let encrypted = openssl(&weak, &plain);
    for number in 0..600 {
        let error = FileSigner::open(&encrypted, Some(&secret(&number.to_string()))).unwrap_err();
        assert!(matches!(error, SignerError::PassphraseWrong), "{number}: {error}");
    }
}

#[test]
fn a_passphrase_for_a_plain_key_is_an_error() {
    let plain = openssl(&["genpkey", "-algorithm", "ED25519"], b"");
    assert!(!FileSigner::is_encrypted(&plain).unwrap());
    let error = FileSigner::open(&plain, Some(&secret("x"))).unwrap_err();
    assert!(matches!(error, SignerError::PassphraseUnused));
}

#[test]
fn new_keys_are_opened_by_openssl_with_the_passphrase() {
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::P384] {
        let key = generate(algorithm, None).unwrap();
        assert_eq!(key.spki.algorithm(), algorithm);
        assert_eq!(openssl(&["pkey", "-pubout", "-outform", "DER"], key.pem.as_bytes()), key.spki.der());
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
    let secret = secret("correct horse");
    let encryption = KeyEncryption { secret: &secret, salt: [7; 16], iv: [9; 16] };
    let key = generate(KeyAlgorithm::P256, Some(&encryption)).unwrap();
    let pem = key.pem.as_bytes();
    assert_eq!(
        openssl(&["pkey", "-passin", "pass:correct horse", "-pubout", "-outform", "DER"], pem),
        key.spki.der(),
        "openssl pkey opens it"
    );
    assert!(!run("openssl", &["pkey", "-passin", "pass:wrong", "-noout"], pem).0);
    assert_eq!(FileSigner::open(pem, Some(&secret)).unwrap().public_key(), &key.spki);
    let structure = String::from_utf8(openssl(&["asn1parse"], pem)).unwrap();
    for part in ["PBES2", "PBKDF2", ":0927C0", "hmacWithSHA256", "aes-256-cbc"] {
        assert!(structure.contains(part), "{part} in {structure}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "key.pem", pem);
    let (opened, _, complaints) =
        run("certtool", &["--key-info", "--infile", &path, "--password", "correct horse"], b"");
    assert!(opened, "GnuTLS opens it: {complaints}");
    assert_eq!(
        generate(KeyAlgorithm::P521, None).unwrap_err().to_string(),
        "cannot make a P-521 key, expected P-256 or P-384"
    );
}

/// What OpenSSL 3 of today and of Debian 12 writes, in PEM and DER, with and without a byte order mark.
#[test]
fn keys_open_in_every_form_that_openssl_writes() {
    let ec = openssl(&["ecparam", "-name", "prime256v1", "-genkey"], b"");
    assert!(ec.starts_with(b"-----BEGIN EC PARAMETERS-----"));
    let rsa = openssl(&["genrsa", "-traditional", "2048"], b"");
    assert!(rsa.starts_with(b"-----BEGIN RSA PRIVATE KEY-----"));
    for key in [&ec, &rsa] {
        let public = openssl(&["pkey", "-pubout", "-outform", "DER"], key);
        let der = openssl(&["pkey", "-traditional", "-outform", "DER"], key);
        let pkcs8 = openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], key);
        let marked = [b"\xEF\xBB\xBF", &key[..]].concat();
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(key.iter().flat_map(|letter| [*letter, 0])).collect();
        for content in [key, &der, &pkcs8, &marked, &utf16] {
            assert!(!FileSigner::is_encrypted(content).unwrap());
            assert_eq!(FileSigner::open(content, None).unwrap().public_key().der(), public);
            assert!(matches!(FileSigner::open(content, Some(&secret("x"))), Err(SignerError::PassphraseUnused)));
        }
        let passphrase = "pass:hunter2";
        let mut encrypted = vec![openssl(&["pkcs8", "-topk8", "-passout", passphrase, "-outform", "DER"], key)];
        for cipher in ["-aes128", "-aes192", "-aes256"] {
            encrypted.push(openssl(&["pkey", "-traditional", cipher, "-passout", passphrase], key));
        }
        assert!(encrypted[1].windows(10).any(|part| part == b"Proc-Type:"));
        for content in &encrypted {
            assert!(FileSigner::is_encrypted(content).unwrap());
            let opened = FileSigner::open(content, Some(&secret("hunter2"))).unwrap();
            assert_eq!(opened.public_key().der(), public);
            for number in 0..40 {
                let wrong = FileSigner::open(content, Some(&secret(&format!("wrong {number}"))));
                assert!(matches!(wrong, Err(SignerError::PassphraseWrong)), "{wrong:?}");
            }
            assert!(matches!(FileSigner::open(content, None), Err(SignerError::PassphraseMissing)));
        }
        let old = openssl(&["pkey", "-traditional", "-des3", "-passout", passphrase], key);
        let error = FileSigner::open(&old, Some(&secret("hunter2"))).unwrap_err();
        assert_eq!(error.to_string(), "key file is encrypted with DES-EDE3-CBC, expected AES in CBC mode");
        assert!(error.hint().unwrap().contains("openssl pkcs8 -topk8"));
    }
    // the command of the hints, with the passphrase given for the test
    let options = "-topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000";
    assert!(SignerError::Structure.hint().unwrap().contains(options));
    let mut arguments = vec!["pkcs8", "-passout", "pass:y"];
    arguments.extend(options.split(' '));
    assert!(FileSigner::open(&openssl(&arguments, &ec), Some(&secret("y"))).is_ok());
}

#[test]
fn pkcs12_opens_with_its_passphrase_and_gives_its_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let key = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
    let public = openssl(&["pkey", "-pubout", "-outform", "DER"], &key);
    let key = write(folder.path(), "key.pem", &key);
    let certificate = openssl(&["req", "-x509", "-new", "-key", &key, "-subj", "/CN=P12", "-days", "9"], b"");
    let named = write(folder.path(), "certificate.pem", &certificate);
    let export = |options: &[&str]| {
        let arguments = ["pkcs12", "-export", "-inkey", &key, "-in", &named, "-passout", "pass:Schl\u{fc}ssel"];
        openssl(&[&arguments[..], options].concat(), b"")
    };
    for options in [
        &[][..],
        &["-macalg", "sha512", "-keypbe", "aes-128-cbc", "-iter", "10000"],
        &["-macalg", "sha1", "-certpbe", "aes-192-cbc", "-maciter"],
        // certificates as they are
        &["-certpbe", "NONE"],
    ] {
        let file = export(options);
        assert!(FileSigner::is_encrypted(&file).unwrap());
        let passphrase = secret("Schl\u{fc}ssel");
        assert_eq!(FileSigner::open(&file, Some(&passphrase)).unwrap().public_key().der(), public, "{options:?}");
        let certificates = FileSigner::certificates(&file, Some(&passphrase)).unwrap();
        assert_eq!(certificates.len(), 1);
        assert_eq!(pem::write("CERTIFICATE", certificates[0].der()).as_bytes(), certificate);
        for wrong in ["wrong", "Schlussel"] {
            assert!(matches!(FileSigner::open(&file, Some(&secret(wrong))), Err(SignerError::PassphraseWrong)));
        }
        // every change is noticed by the MAC, or breaks the structure
        for at in (0..file.len()).step_by(17) {
            let mut changed = file.clone();
            changed[at] ^= 1;
            if let Ok(opened) = FileSigner::open(&changed, Some(&passphrase)) {
                // what no MAC covers: nothing that is used
                assert_eq!(opened.public_key().der(), public, "{at}");
            }
        }
    }
    for options in [&["-legacy"][..], &["-keypbe", "PBE-SHA1-3DES", "-certpbe", "aes-256-cbc"], &["-macalg", "md5"]] {
        let error = FileSigner::open(&export(options), Some(&secret("Schl\u{fc}ssel"))).unwrap_err();
        assert!(matches!(error, SignerError::Pkcs12Encryption { .. }), "{options:?}: {error}");
        assert!(error.hint().unwrap().contains("openssl pkcs12 -export"));
    }
    let error = FileSigner::open(&export(&["-nomac"]), Some(&secret("Schl\u{fc}ssel"))).unwrap_err();
    assert!(error.to_string().contains("no macData"), "{error}");
    let error = FileSigner::open(&export(&["-nokeys"]), Some(&secret("Schl\u{fc}ssel"))).unwrap_err();
    assert_eq!(error.to_string(), "PKCS#12 file holds 0 private keys, expected exactly one");
}

#[test]
fn what_is_no_supported_key_is_named() {
    let brainpool = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"], b"");
    assert!(open(&brainpool).unwrap_err().starts_with("private key of kind 1.3.36.3.3.2.8.1.1.7 is not supported"));
    let x25519 = openssl(&["genpkey", "-algorithm", "X25519"], b"");
    assert!(open(&x25519).unwrap_err().starts_with("private key of kind 1.3.101.110 is not supported"));
    let small = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], b"");
    assert_eq!(open(&small).unwrap_err(), "RSA key has 1024 bits, expected 2048 to 4096");
    let plain = openssl(&["genpkey", "-algorithm", "ED25519"], b"");
    assert_eq!(open(&[&plain[..], &plain].concat()).unwrap_err(), "key file holds 2 PEM blocks, expected exactly one");
    let public = openssl(&["pkey", "-pubout"], &plain);
    assert_eq!(open(&public).unwrap_err(), "key file holds `PUBLIC KEY`, expected a private key");
    assert_eq!(
        open(b"garbage").unwrap_err(),
        "key file: no PEM block found, expected `-----BEGIN ...-----` (RFC 7468 §2)"
    );
    let garbage = pem::write("PRIVATE KEY", b"garbage");
    assert_eq!(
        open(garbage.as_bytes()).unwrap_err(),
        "key file is not a private key in PKCS#8 (RFC 5958 §2), PKCS#1 or SEC 1"
    );
    let garbage = pem::write("ENCRYPTED PRIVATE KEY", b"garbage");
    assert!(matches!(FileSigner::open(garbage.as_bytes(), Some(&secret("x"))), Err(SignerError::Structure)));
    let mut broken = pem::read(&openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b""))
        .unwrap()
        .remove(0);
    let last = broken.der.len() - 1;
    broken.der[last] ^= 1;
    let error = open(pem::write("PRIVATE KEY", &broken.der).as_bytes()).unwrap_err();
    assert!(error.starts_with("P-256 private key is not valid:"), "a public half that is not the key's: {error}");
}

#[test]
fn weak_or_ruinous_encryption_is_refused() {
    let plain = openssl(&["genpkey", "-algorithm", "ED25519"], b"");
    let encrypt = |options: &[&str]| {
        let pem = openssl(&[&["pkcs8", "-topk8", "-passout", "pass:x"], options].concat(), &plain);
        FileSigner::open(&pem, Some(&secret("x"))).unwrap_err()
    };
    let expect = "expected PBES2 with AES and PBKDF2-HMAC-SHA-2 or scrypt (RFC 8018 §6.2)";
    for (options, scheme) in [
        (&["-v2", "des3"][..], "1.2.840.113549.3.7"),
        (&["-v1", "PBE-SHA1-3DES"], "1.2.840.113549.1.12.1.3"),
        (&["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"], "1.2.840.113549.2.7"),
    ] {
        let error = encrypt(options);
        assert_eq!(error.to_string(), format!("key file is encrypted with {scheme}, {expect}"));
        assert!(error.hint().unwrap().contains("openssl pkcs8 -topk8"));
    }
    // OpenSSL would do the work before it writes such a file, so the numbers are put into a cheap one
    let patched = |options: &[&str], from: &[u8], to: &[u8]| {
        let pem =
            openssl(&[&["pkcs8", "-topk8", "-passout", "pass:x", "-v2", "aes-256-cbc"], options].concat(), &plain);
        let mut der = pem::read(&pem).unwrap().remove(0).der;
        let at = der.windows(from.len()).position(|window| window == from).unwrap();
        der[at..at + to.len()].copy_from_slice(to);
        FileSigner::open(pem::write("ENCRYPTED PRIVATE KEY", &der).as_bytes(), Some(&secret("x"))).unwrap_err()
    };
    let error = patched(&["-iter", "65536"], &[2, 3, 1, 0, 0], &[2, 3, 0x7F, 0xFF, 0xFF]);
    let text = "key file wants 8388607 rounds of PBKDF2 to derive its encryption key, at most 5000000 are accepted";
    assert_eq!(error.to_string(), text);
    let scrypt = ["-scrypt", "-scrypt_N", "1024", "-scrypt_r", "128", "-scrypt_p", "1"];
    let error = patched(&scrypt, &[2, 2, 0, 0x80, 2, 1, 1], &[2, 2, 0x7F, 0xFF, 2, 1, 1]);
    let text = "key file wants 4294836224 bytes of memory for scrypt to derive its encryption key, at most 1073741824 \
                are accepted";
    assert_eq!(error.to_string(), text);
    let error = patched(&scrypt, &[2, 2, 0, 0x80, 2, 1, 1], &[2, 2, 0, 0x80, 2, 1, 17]);
    assert!(matches!(error, SignerError::EncryptionCost { found: 17, .. }), "{error}");
    let error = patched(&scrypt, &[2, 2, 4, 0, 2, 2], &[2, 2, 4, 1, 2, 2]);
    assert!(matches!(error, SignerError::Structure), "N is no power of two: {error}");
}

/// The checks run different code: aws-lc by way of `PublicKey`, and the engine that judges the lower s.
#[test]
fn a_key_that_signs_in_batches_makes_signatures_that_other_code_accepts() {
    use crate::crypto::{PublicKey, low_s};
    let algorithm = SignatureAlgorithm::EcdsaSha256;
    let pem = generate(KeyAlgorithm::P256, None).unwrap().pem;
    let signer = FileSigner::open(pem.as_bytes(), None).unwrap().with_batches(BatchSigning::Always);
    let key = PublicKey::from_spki(signer.public_key()).unwrap();
    let messages: Vec<Vec<u8>> = (0..300_u32).map(|number| number.to_be_bytes().repeat(60)).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    for count in [1, FIRST - 1, FIRST, 300, AGAIN, AGAIN - 1, 0] {
        let mut signatures = Vec::new();
        signer.sign_batch(algorithm, &messages[..count], &mut signatures).unwrap();
        assert_eq!(signatures.len(), count);
        for (message, signature) in messages.iter().zip(&signatures) {
            key.verify(algorithm, message, signature).unwrap();
        }
        if count == 300 {
            assert!(signatures.iter().all(|signature| low_s(KeyAlgorithm::P256, signature.clone()) == *signature));
        }
    }
    // the choice decides, and not the number of messages; and no other kind of key signs in batches
    let has_lanes = p256_sign::Form::detect() == p256_sign::Form::Lanes;
    for (batches, expected) in [(BatchSigning::Never, false), (BatchSigning::WithLanes, has_lanes)] {
        let signer = FileSigner::open(pem.as_bytes(), None).unwrap().with_batches(batches);
        signer.sign_batch(algorithm, &messages, &mut Vec::new()).unwrap();
        assert_eq!(signer.batch_key.get().is_some(), expected, "{batches:?}");
    }
    let other = generate(KeyAlgorithm::P384, None).unwrap().pem;
    let other = FileSigner::open(other.as_bytes(), None).unwrap().with_batches(BatchSigning::Always);
    other.sign_batch(SignatureAlgorithm::EcdsaSha384, &messages, &mut Vec::new()).unwrap();
    assert!(other.batch_key.get().is_none());
}
