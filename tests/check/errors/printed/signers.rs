//! Keys in files and tokens, and their secrets.

use std::time::Duration;

use reroot::signer::{KeyUriError, Pkcs11Error, SecretError, SignerError};
use reroot::x509::oid::ObjectIdentifier;
use reroot::x509::{KeyAlgorithm, SignatureAlgorithm};

use super::{disk, path};
use crate::errors::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    key_files(sheet);
    secrets(sheet);
    tokens(sheet);
}

fn key_files(sheet: &mut Sheet<'_>) {
    let other = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.3");
    let (algorithm, key) = (SignatureAlgorithm::EcdsaSha384, KeyAlgorithm::P256);
    for error in [
        SignerError::Algorithm { key, algorithm },
        SignerError::EncryptionCost { what: "rounds of PBKDF2", found: 1 << 40, limit: 10_000_000 },
        SignerError::EncryptionUnsupported { scheme: other },
        SignerError::Batch { fault: p256_sign::Fault::SelfTest },
        SignerError::Failed { algorithm },
        SignerError::Generate { key: KeyAlgorithm::Ed25519 },
        SignerError::KeyInvalid { key: "P-256", reason: "the scalar is zero".to_owned() },
        SignerError::KeyUnsupported { algorithm: ObjectIdentifier::new_unwrap("1.2.840.10040.4.1") },
        SignerError::LegacyCipher { cipher: "DES-EDE3-CBC".to_owned() },
        SignerError::OneBlock { found: 2 },
        SignerError::PassphraseMissing,
        SignerError::PassphraseUnused,
        SignerError::PassphraseWrong,
        SignerError::Pem(reroot::x509::pem::PemError::NoBlock),
        SignerError::Pkcs12 { reason: "PFX is truncated".to_owned() },
        SignerError::Pkcs12Encryption { scheme: other },
        SignerError::Pkcs12Keys { found: 2 },
        SignerError::Read { path: path("issuing.key"), source: disk() },
        SignerError::RsaSize { bits: 1024 },
        SignerError::Structure,
        SignerError::TraditionalFormat { label: "DSA PRIVATE KEY".to_owned() },
        SignerError::WrongLabel { label: "CERTIFICATE".to_owned() },
    ] {
        sheet.ends(error);
    }
}

fn secrets(sheet: &mut Sheet<'_>) {
    let what = "passphrase";
    let from = || "file `pass`".to_owned();
    for error in [
        SecretError::ByteOrderMark { what, path: path("pass"), mark: "a UTF-8 byte order mark" },
        SecretError::CredentialMissing { what, name: "issuing".to_owned() },
        SecretError::Empty { what, from: from() },
        SecretError::EnvMissing { what, name: "CA_PASSPHRASE".to_owned() },
        SecretError::File { what, path: path("pass"), source: disk() },
        SecretError::Prompt { what, purpose: "`issuing.key`".to_owned(), source: disk() },
        SecretError::TooLong { what, from: from(), limit: 4096 },
    ] {
        sheet.ends(SignerError::Secret(error));
    }
}

fn tokens(sheet: &mut Sheet<'_>) {
    sheet.part_with(&KeyUriError::Empty, KeyUriError::Empty.hint());
    let uri = || "pkcs11:token=CA;object=issuing?module-path=/usr/lib/module.so".to_owned();
    let token = || "token `CA` in slot 0".to_owned();
    let hang = || Pkcs11Error::Hang { function: "C_Sign".to_owned(), limit: Duration::from_secs(30), token: token() };
    let algorithm = SignatureAlgorithm::EcdsaSha384;
    for error in [
        Pkcs11Error::Algorithm { key: KeyAlgorithm::P256, algorithm },
        Pkcs11Error::AllFailed { failures: vec![hang(), hang()] },
        Pkcs11Error::Ambiguous { what: "key", uri: uri(), candidates: vec![uri(), uri()] },
        Pkcs11Error::Attribute { token: token(), reason: "CKA_ALWAYS_AUTHENTICATE is true" },
        Pkcs11Error::Call {
            function: "C_Sign".to_owned(),
            code: "CKR_DEVICE_REMOVED".to_owned(),
            token: token(),
            attempts: 9,
        },
        Pkcs11Error::NoThread { reason: "cannot start a thread".to_owned(), token: token() },
        Pkcs11Error::Exists { token: token(), what: "label `issuing`".to_owned() },
        Pkcs11Error::Generate { key: KeyAlgorithm::Rsa { bits: 1024 } },
        hang(),
        Pkcs11Error::KeyMismatch { token: token(), reason: "the public keys differ".to_owned() },
        Pkcs11Error::Load { path: path("/usr/lib/module.so"), reason: "no such file".to_owned() },
        Pkcs11Error::Mechanism { token: token(), algorithm, wanted: "CKM_ECDSA nor CKM_ECDSA_SHA384".to_owned() },
        Pkcs11Error::ModuleMissing { uri: "pkcs11:token=CA".to_owned() },
        Pkcs11Error::NotFound { what: "key", uri: uri(), found: vec![] },
        Pkcs11Error::Pin { token: token(), reason: "it is locked" },
        Pkcs11Error::PublicKey { token: token(), reason: "there is no public key object".to_owned() },
        Pkcs11Error::Signature { token: token(), found: 63, expected: 64 },
    ] {
        sheet.ends(SignerError::Pkcs11(error));
    }
}
