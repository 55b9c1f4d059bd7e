//! What the two sides say to each other: JSON, of which every member is known.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::approval::{ApprovalMode, Click};
use crate::text::brief;
use crate::x509::Sha256Digest;

use super::SigningServiceError;

/// The version of the protocol.
pub const FORMAT: &str = "reroot-rpc/1";
/// Most approvals that one call carries.
pub const MAX_APPROVALS: usize = 16;

/// The first message of either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`FORMAT`].
    pub format: String,
    /// Name and version of the program.
    pub build: String,
}

/// What the service is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Call {
    /// For the signatures of a request, as a descriptor.
    Fetch {
        /// The request.
        #[serde(with = "digest")]
        id: Sha256Digest,
    },
    /// How far a request is.
    Request {
        /// The request.
        #[serde(with = "digest")]
        id: Sha256Digest,
    },
    /// How the service is.
    State {},
    /// To sign a plan, whose descriptor comes with the call.
    Submit {
        /// The content of files of approvals.
        approvals: Vec<String>,
        /// The second person's click, where the service takes one.
        click: Option<Click>,
    },
    /// To open the key with this secret.
    Unlock {
        /// The passphrase or PIN.
        secret: SecretText,
    },
}

/// What the service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// The signatures come as a descriptor.
    Fetched {
        /// SHA-256 of the file.
        #[serde(with = "digest")]
        sha256: Sha256Digest,
    },
    /// The call was refused; nothing was changed.
    Refused {
        /// A stable code.
        code: String,
        /// Why.
        text: String,
    },
    /// How far the request is.
    Request {
        /// Its state.
        state: RequestState,
    },
    /// How the service is.
    State {
        /// Its state.
        state: SignerState,
    },
    /// The request is in the service's own directory.
    Submitted {
        /// Its name from now on: SHA-256 of the plan's file.
        #[serde(with = "digest")]
        id: Sha256Digest,
        /// How far it is.
        state: RequestState,
    },
    /// The secret was taken. Whether it is right is in the service's state.
    Unlocking {
        /// How far that is.
        state: Unlocking,
    },
}

impl Answer {
    /// Its name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Fetched { .. } => "fetched",
            Self::Refused { .. } => "refused",
            Self::Request { .. } => "request",
            Self::State { .. } => "state",
            Self::Submitted { .. } => "submitted",
            Self::Unlocking { .. } => "unlocking",
        }
    }
}

/// What became of a secret that was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Unlocking {
    /// The key is open.
    Open {},
    /// The key was not opened.
    Failed {
        /// Why.
        text: String,
    },
    /// The key is being opened. The service's state says how it ends.
    Trying {},
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RequestState {
    /// The environment failed: a disk, an HSM, the clock. Submitting the plan again tries again.
    Failed {
        /// Why.
        text: String,
    },
    /// It waits for those before it.
    Queued {},
    /// It is not signed, because of the plan or its approvals. Submitting it again with what was missing tries again.
    Refused {
        /// A stable code.
        code: String,
        /// Why.
        text: String,
    },
    /// It is signed: the signatures can be fetched.
    Signed {
        /// SHA-256 of the file of signatures.
        #[serde(with = "digest")]
        sha256: Sha256Digest,
    },
    /// It is being checked or signed.
    Signing {
        /// Certificates that are done.
        done: u64,
        /// Certificates in all; 0 until they were counted.
        total: u64,
    },
    /// It waits until a person opens the key.
    WaitingForSecret {},
}

impl RequestState {
    /// Whether it stays as it is until the plan is submitted again.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Refused { .. } | Self::Signed { .. })
    }
}

/// How the service is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerState {
    /// Whether it can sign.
    pub readiness: Readiness,
    /// Name and version of the program.
    pub build: String,
    /// SHA-256 of the issuing CA's certificate.
    #[serde(with = "digest")]
    pub issuer_sha256: Sha256Digest,
    /// How approvals are given.
    pub approvals: ApprovalMode,
    /// How many persons besides the one who asked must approve.
    pub approvals_needed: u32,
    /// Bytes that are free where the service keeps requests.
    pub free_bytes: u64,
    /// Requests that are not answered.
    pub queued: u64,
}

/// Whether the service can sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Readiness {
    /// The key could not be opened or used; the next request tries again.
    Failing {
        /// Why.
        text: String,
    },
    /// The key is open.
    Ready {},
    /// The key is opened for the first time.
    Starting {},
    /// A person has to open the key.
    WaitingForSecret {
        /// Why the last secret did not open it, if there was one.
        last: Option<String>,
    },
}

/// A secret on its way: wiped when dropped, and `Debug` says nothing.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a secret.
    pub fn new(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// The secret, for the call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(..)")
    }
}

impl Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(String::deserialize(deserializer)?))
    }
}

/// Reads a message.
///
/// # Errors
/// It is not JSON, has a member that is not known, lacks one, or has too many approvals.
pub fn parse<'m, T: Deserialize<'m>>(message: &'m [u8]) -> Result<T, SigningServiceError> {
    // the text of a message may be a secret: what serde says of it names members and types, and a value only where it is
    // not the one expected
    serde_json::from_slice(message).map_err(|error| SigningServiceError::Message { what: describe(&error) })
}

/// Reads a call. The values in it are within their bounds.
///
/// # Errors
/// As [`parse`], or there are too many approvals.
pub fn parse_call(message: &[u8]) -> Result<Call, SigningServiceError> {
    let call: Call = parse(message)?;
    if let Call::Submit { approvals, .. } = &call
        && approvals.len() > MAX_APPROVALS
    {
        let what = format!("it has {} approvals, expected at most {MAX_APPROVALS}", approvals.len());
        return Err(SigningServiceError::Message { what });
    }
    Ok(call)
}

/// Writes a message.
pub fn to_bytes(message: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    serde_json::to_writer(&mut *bytes, message).expect("a message has text for keys");
    bytes
}

/// What is wrong with a message, without what it says where that may be a secret.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("unknown field") || text.starts_with("unknown variant") || text.starts_with("missing field") {
        return brief(&text);
    }
    format!("it is not of the form that is expected, at line {} column {}", error.line(), error.column())
}

/// A digest as text.
mod digest {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::x509::Sha256Digest;

    pub(super) fn serialize<S: Serializer>(digest: &Sha256Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha256Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: &str) -> String {
        parse_call(message.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn calls_have_one_form_and_no_member_that_is_not_known() {
        let id = "00".repeat(32);
        for good in [
            r#"{"state":{}}"#.to_owned(),
            format!(r#"{{"fetch":{{"id":"{id}"}}}}"#),
            r#"{"submit":{"approvals":["a"],"click":null}}"#.to_owned(),
            r#"{"submit":{"approvals":[],"click":{"person":"a","requester":"b","at":"2026-12-01T00:00:00Z"}}}"#
                .to_owned(),
        ] {
            let call = parse_call(good.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(to_bytes(&call).to_vec()).unwrap(), good);
        }
        for bad in [
            r#"{"state":{"more":1}}"#,
            r#"{"state":{},"fetch":{}}"#,
            r#"{"sign":{}}"#,
            r#""state""#,
            r#"{"fetch":{"id":"AB"}}"#,
            r#"{"submit":{"click":null}}"#,
            r#"{"submit":{"approvals":[],"click":{"person":"a","requester":"b","at":"soon"}}}"#,
            r#"{"submit":{"approvals":[],"click":{"person":"a","requester":"b","at":"2026-12-01T00:00:00Z","x":1}}}"#,
            "{}",
            "",
            "[]",
            "{\"state\":{}} x",
        ] {
            refused(bad);
        }
        assert!(refused(r#"{"state":{"more":1}}"#).contains("unknown field `more`"));
        let many = format!(r#"{{"submit":{{"approvals":[{}"x"],"click":null}}}}"#, r#""x","#.repeat(MAX_APPROVALS));
        assert!(refused(&many).contains("17 approvals"), "{}", refused(&many));
    }

    #[test]
    fn no_message_shows_a_secret() {
        let call = parse_call(br#"{"unlock":{"secret":"hunter2"}}"#).unwrap();
        assert!(!format!("{call:?}").contains("hunter2"));
        for bad in [
            r#"{"unlock":{"secret":"hunter2","x":1}}"#,
            r#"{"unlock":"hunter2"}"#,
            r#"{"unlock":{"secret":["hunter2"]}}"#,
        ] {
            let said = refused(bad);
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
