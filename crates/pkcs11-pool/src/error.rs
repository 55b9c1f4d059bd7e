//! Why a token, its key or a signature from it could not be had. No variant carries a PIN.

use std::path::PathBuf;
use std::time::Duration;

use crate::class::Class;
use crate::text::Printable;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::fault;

/// Why a key in a PKCS#11 token cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11Error {
    /// The key cannot make signatures of this algorithm.
    #[error("a {key} key cannot sign with {algorithm}")]
    Algorithm {
        /// The key found.
        key: KeyAlgorithm,
        /// The algorithm asked for.
        algorithm: SignatureAlgorithm,
    },
    /// Every token of a pool has failed.
    #[error("all {} tokens that hold the key have failed: {}", failures.len(), list(failures))]
    AllFailed {
        /// The last failure of each.
        failures: Vec<Pkcs11Error>,
    },
    /// Several tokens or keys answer to one URI.
    #[error("`{uri}` names {} {what}s, expected one: {}", candidates.len(), candidates.join(" "))]
    Ambiguous {
        /// `token` or `private key`.
        what: &'static str,
        /// The URI, which never has a PIN in it.
        uri: String,
        /// URIs that name one of them each.
        candidates: Vec<String>,
    },
    /// The key's attributes keep it from signing.
    #[error("key in {token} cannot sign a batch: {reason}")]
    Attribute {
        /// The token.
        token: String,
        /// The attribute and what it says.
        reason: &'static str,
    },
    /// A PKCS#11 function returned something else than CKR_OK.
    #[error("{function} returned {code} ({token}{})", tries(*attempts))]
    Call {
        /// The function, `C_Sign`.
        function: String,
        /// The return value's name, `CKR_DEVICE_ERROR`.
        code: String,
        /// The token, or the module where no token is concerned yet.
        token: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The system has no thread left for calls into the token's library.
    #[error("{reason}; calls into {token} are made on threads of their own, because they may never return")]
    NoThread {
        /// The system's reason.
        reason: String,
        /// The token.
        token: String,
    },
    /// Making a key would leave two that answer to the same name.
    #[error("{token} already holds an object with {what}, and nothing is overwritten")]
    Exists {
        /// The token.
        token: String,
        /// The label or identifier found.
        what: String,
    },
    /// A kind of key that is not made in tokens.
    #[error("cannot make a {key} key in a token, expected P-256, P-384, P-521, Ed25519 or RSA with 2048 to 4096 bits")]
    Generate {
        /// The kind asked for.
        key: KeyAlgorithm,
    },
    /// A call into the library did not return.
    #[error("{function} did not return within {} ({token}); the token was taken out of use", seconds(*limit))]
    Hang {
        /// The function.
        function: String,
        /// How long was waited.
        limit: Duration,
        /// The token.
        token: String,
    },
    /// The token's key is not the one that was expected.
    #[error("key in {token} is not the certificate's: {reason}")]
    KeyMismatch {
        /// The token.
        token: String,
        /// What showed it.
        reason: String,
    },
    /// The module cannot be loaded.
    #[error("PKCS#11 module `{}` cannot be loaded: {reason}", Printable::new(path))]
    Load {
        /// The module.
        path: PathBuf,
        /// The loader's reason.
        reason: String,
    },
    /// The token lacks the algorithm.
    #[error("{token} cannot sign with {algorithm}: it offers neither {wanted}")]
    Mechanism {
        /// The token.
        token: String,
        /// The algorithm.
        algorithm: SignatureAlgorithm,
        /// The mechanisms that would do.
        wanted: String,
    },
    /// The URI does not say which library to load.
    #[error("`{uri}` has no module-path (RFC 7512 §2.4)")]
    ModuleMissing {
        /// The URI.
        uri: String,
    },
    /// No token or key answers to the URI.
    #[error("`{uri}` names no {what}, found {}", some(found))]
    NotFound {
        /// `token` or `private key`.
        what: &'static str,
        /// The URI.
        uri: String,
        /// URIs of what there is.
        found: Vec<String>,
    },
    /// The PIN cannot be tried.
    #[error("{token} wants a PIN, and {reason}")]
    Pin {
        /// The token.
        token: String,
        /// Why not.
        reason: &'static str,
    },
    /// The public key is not known.
    #[error("public key in {token} cannot be had: {reason}")]
    PublicKey {
        /// The token.
        token: String,
        /// Why not.
        reason: String,
    },
    /// A signature that is not even of the right form.
    #[error("{token} returned a signature of {found} bytes, expected {expected}")]
    Signature {
        /// The token.
        token: String,
        /// Bytes found.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
}

impl Pkcs11Error {
    /// Returns the kind of failure.
    pub const fn class(&self) -> Class {
        match self {
            // the policy asks for what this key cannot do, or the URI for what cannot be meant; nothing was signed
            Self::Algorithm { .. }
            | Self::Ambiguous { .. }
            | Self::Exists { .. }
            | Self::Generate { .. }
            | Self::ModuleMissing { .. } => Class::Usage,
            Self::NoThread { .. } => Class::Storage,
            Self::AllFailed { .. }
            | Self::Attribute { .. }
            | Self::Call { .. }
            | Self::Hang { .. }
            | Self::KeyMismatch { .. }
            | Self::Load { .. }
            | Self::Mechanism { .. }
            | Self::NotFound { .. }
            | Self::Pin { .. }
            | Self::PublicKey { .. }
            | Self::Signature { .. } => Class::Signer,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let mut text = self.check()?;
        if let Some(more) = self.doctor() {
            text.push(' ');
            text.push_str(more);
        }
        Some(text)
    }

    /// What a closer look at the token would show, for errors whose own message does not say enough.
    fn doctor(&self) -> Option<&'static str> {
        match self {
            Self::AllFailed { failures } => failures.last().and_then(Self::doctor),
            Self::Call { function, code, .. } => fault::doctor(function, code),
            Self::KeyMismatch { .. } => Some("An examination of the token shows the public key object."),
            Self::NotFound { .. } => Some("An examination of the token shows what there is."),
            _ => None,
        }
    }

    /// As [`hint`](Self::hint), without the advice to run the command that goes through a token step by step: this is
    /// what that command itself says.
    pub(crate) fn check(&self) -> Option<String> {
        let text = match self {
            Self::AllFailed { failures } => return failures.last().and_then(Self::check),
            Self::Call { function, code, token, .. } => return Some(fault::hint(function, code, token)),
            Self::NotFound { what: "token", uri, found } if found.is_empty() => return Some(fault::surroundings(uri)),
            // `SignerError::Algorithm` has the hint
            Self::Algorithm { .. } => return None,
            Self::Ambiguous { .. } => "Use one of these URIs, or add the attribute that tells them apart.",
            Self::Attribute { .. } => "docs/guide/hsm.md, \"The key's attributes\", lists what the key must say.",
            Self::Exists { .. } => "Choose another label and identifier, or use the key that is there.",
            Self::Generate { .. } => "Choose P-256 or P-384.",
            Self::Hang { .. } => {
                "Look at the token and the way to it; then run the same command again: it goes on where it was."
            }
            Self::KeyMismatch { .. } => {
                "Check `object` and `id` in the URI against the certificate, and whether the public key object beside \
                 the private key is its own: one that is left over from another key must be deleted or replaced (see \
                 docs/guide/hsm.md, \"A public key object that is stale or missing\")."
            }
            Self::Load { .. } => "Check module-path in the URI; `ldd` shows libraries that the module itself misses.",
            Self::Mechanism { .. } => "Set another `signature` in the policy, or switch the mechanism on in the token.",
            Self::ModuleMissing { .. } => "Add ?module-path=/path/to/the/vendors/module.so at the end of the URI.",
            Self::NotFound { .. } => {
                "Use one of the URIs found; attributes must match letter by letter. A private key is seen only after \
                 the login with its own PIN."
            }
            Self::Pin { .. } => {
                "Add pin-source=file:PATH to the URI, or a line `secret = { env = \"NAME\" }` below the key. A locked \
                 or nearly locked PIN is for the security officer, or for one login with the vendor's tool."
            }
            Self::NoThread { .. } => {
                "This user, the container or the system has as many threads as it may (`ulimit -u`, `pids.max`), or too \
                 little memory. End other programs or raise the limit; then run the same command again."
            }
            Self::PublicKey { .. } => {
                "Write the public key object into the token, with the private key's CKA_ID: pkcs11-tool --module MODULE \
                 --login --write-object PUBLIC.der --type pubkey --id ID. Or give the key's certificate."
            }
            Self::Signature { .. } => "The module does not follow PKCS #11 §6.3.1: ask its vendor.",
        };
        Some(text.to_owned())
    }
}

fn list(failures: &[Pkcs11Error]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn some(found: &[String]) -> String {
    if found.is_empty() { "none at all".to_owned() } else { found.join(" ") }
}

fn tries(attempts: u32) -> String {
    if attempts > 1 { format!(", {attempts} attempts") } else { String::new() }
}

fn seconds(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The operator who reads the hint has just run that command.
    #[test]
    fn the_command_that_goes_through_a_token_never_advises_to_run_itself() {
        let call = |function: &str, code: &str| Pkcs11Error::Call {
            function: function.to_owned(),
            code: code.to_owned(),
            token: "`pkcs11:token=a?module-path=/usr/lib/softhsm/libsofthsm2.so`".to_owned(),
            attempts: 1,
        };
        let (uri, token) = ("pkcs11:token=a".to_owned(), "token `a` in slot 0".to_owned());
        let mut all = vec![
            Pkcs11Error::NotFound { what: "token", uri: uri.clone(), found: vec![] },
            Pkcs11Error::NotFound { what: "token", uri: uri.clone(), found: vec![uri.clone()] },
            Pkcs11Error::NotFound { what: "private key", uri: uri.clone(), found: vec![] },
            Pkcs11Error::KeyMismatch { token: token.clone(), reason: "x".to_owned() },
            Pkcs11Error::PublicKey { token, reason: "x".to_owned() },
            Pkcs11Error::ModuleMissing { uri },
        ];
        for code in ["CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED", "CKR_MECHANISM_INVALID", "CKR_PIN_INCORRECT", "CKR_X"]
        {
            all.extend(["C_Initialize", "C_GetSlotList", "C_Login", "C_SignInit"].map(|function| call(function, code)));
        }
        all.push(Pkcs11Error::AllFailed { failures: all.clone() });
        for error in all {
            let check = error.check().unwrap();
            assert!(!check.contains("xamination"), "{error}: {check}");
            assert!(error.hint().unwrap().starts_with(&check), "{error}");
        }
        let lost = call("C_Initialize", "CKR_GENERAL_ERROR").check().unwrap();
        assert!(lost.contains("SOFTHSM2_CONF") && lost.contains("user"), "{lost}");
    }
}
