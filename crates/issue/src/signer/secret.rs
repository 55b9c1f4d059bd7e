//! Passphrases and PINs: where they come from, and a type that does not print them.
//!
//! They come from a file, an environment variable named in the configuration, or a prompt; never from an argument,
//! which every user of the machine can read.

use crate::text::Printable;
use crate::x509::form;

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretSlice};
use zeroize::Zeroizing;

use crate::input;

/// A passphrase or PIN: wiped when dropped, and `Debug` says nothing.
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Longest secret that is read, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// Takes the bytes of a secret. `from` says where they are from, for the message.
    ///
    /// # Errors
    /// The secret is empty or longer than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(bytes: Vec<u8>, from: &str) -> Result<Self, SecretError> {
        let bytes = Zeroizing::new(bytes);
        match bytes.len() {
            0 => Err(SecretError::Empty { what: PASSPHRASE, from: from.to_owned() }),
            // a copy of the exact size: SecretSlice wipes it, Zeroizing the original
            1..=Self::MAX_BYTES => Ok(Self(SecretSlice::new(bytes.as_slice().into()))),
            _ => Err(SecretError::TooLong { what: PASSPHRASE, from: from.to_owned(), limit: Self::MAX_BYTES }),
        }
    }

    /// Reads a secret from a file: its content without one newline at its end.
    ///
    /// # Errors
    /// The file cannot be read, or the secret is empty or too long.
    pub fn read_file(path: &Path) -> Result<Self, SecretError> {
        let failed = |source| SecretError::File { what: PASSPHRASE, path: path.to_owned(), source };
        // one allocation that never grows: no copy of the secret stays behind
        let mut content = Zeroizing::new(Vec::with_capacity(Self::MAX_BYTES + 16));
        let limit = Self::MAX_BYTES as u64 + 3;
        input::open(path).map_err(failed)?.take(limit).read_to_end(&mut content).map_err(failed)?;
        // a guess would be tried on a token, which counts
        if let Some(mark) = form::byte_order_mark(&content) {
            return Err(SecretError::ByteOrderMark { what: PASSPHRASE, path: path.to_owned(), mark });
        }
        if content.last() == Some(&b'\n') {
            content.pop();
            if content.last() == Some(&b'\r') {
                content.pop();
            }
        }
        Self::new(std::mem::take(&mut *content), &format!("file `{}`", Printable::new(path)))
    }

    /// Hands the secret over in the type that other crates know. It stays wiped when dropped.
    pub(super) fn into_inner(self) -> SecretSlice<u8> {
        self.0
    }

    /// The bytes, for the call that needs them.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A credential of this name, which the service manager hands over in a folder (systemd.exec(5), `LoadCredential=`).
    Credential(String),
    /// An environment variable of this name.
    Env(String),
    /// A file's content without one newline at its end.
    File(PathBuf),
    /// A prompt at the terminal.
    Prompt,
}

impl SecretSource {
    /// Fetches the secret. `purpose` completes the question `passphrase for ...`.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, the prompt fails, or the secret is empty or too long.
    pub fn resolve(&self, purpose: &str, resolver: &dyn SecretResolver) -> Result<Secret, SecretError> {
        match self {
            Self::Credential(name) => {
                let folder = resolver
                    .env(CREDENTIALS)
                    .ok_or_else(|| SecretError::CredentialMissing { what: PASSPHRASE, name: name.clone() })?;
                Secret::read_file(&Path::new(&folder).join(name))
            }
            Self::Env(name) => {
                let value = resolver
                    .env(name)
                    .ok_or_else(|| SecretError::EnvMissing { what: PASSPHRASE, name: name.clone() })?;
                Secret::new(value.into_vec(), &format!("environment variable `{name}`"))
            }
            Self::File(path) => Secret::read_file(path),
            Self::Prompt => {
                let question = format!("passphrase for {purpose}");
                match resolver.prompt(&question) {
                    Ok(text) => Secret::new(text.into_bytes(), "prompt"),
                    Err(source) => Err(SecretError::Prompt { what: PASSPHRASE, purpose: purpose.to_owned(), source }),
                }
            }
        }
    }
}

/// Asks the outside for secrets: the library itself has neither an environment nor a terminal.
///
/// Values returned are wiped by the caller; an implementer keeps no copy.
pub trait SecretResolver {
    /// The value of an environment variable, if it is set.
    fn env(&self, name: &str) -> Option<OsString>;

    /// Asks a person `question` without echo.
    ///
    /// # Errors
    /// There is no terminal, or the person did not answer.
    fn prompt(&self, question: &str) -> std::io::Result<String>;
}

/// A [`SecretResolver`] from two closures.
#[expect(missing_debug_implementations, reason = "holds closures")]
pub struct ResolveWith<E, P> {
    /// Looks up an environment variable.
    pub env: E,
    /// Asks a person.
    pub prompt: P,
}

impl<E, P> SecretResolver for ResolveWith<E, P>
where
    E: Fn(&str) -> Option<OsString>,
    P: Fn(&str) -> std::io::Result<String>,
{
    fn env(&self, name: &str) -> Option<OsString> {
        (self.env)(name)
    }

    fn prompt(&self, question: &str) -> std::io::Result<String> {
        (self.prompt)(question)
    }
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// An editor has put a mark in front of the secret, which may have changed its encoding too.
    #[error("{what} file `{}` starts with {mark}, which would be part of the {what}", Printable::new(path))]
    ByteOrderMark {
        /// `passphrase` or `PIN`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The mark.
        mark: &'static str,
    },
    /// No service manager has handed credentials over.
    #[error("credential `{name}`, which should hold a {what}, was not handed over: CREDENTIALS_DIRECTORY is not set")]
    CredentialMissing {
        /// `passphrase` or `PIN`.
        what: &'static str,
        /// The credential.
        name: String,
    },
    /// Nothing in it.
    #[error("{what} from {from} is empty")]
    Empty {
        /// `passphrase` or `PIN`.
        what: &'static str,
        /// Where it is from.
        from: String,
    },
    /// The variable is not set.
    #[error("environment variable `{name}`, which should hold a {what}, is not set")]
    EnvMissing {
        /// `passphrase` or `PIN`.
        what: &'static str,
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("{what} file `{}`: {source}", Printable::new(path))]
    File {
        /// `passphrase` or `PIN`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no person to ask.
    #[error("{what} for {purpose} could not be asked for: {source}")]
    Prompt {
        /// `passphrase` or `PIN`.
        what: &'static str,
        /// What it is for.
        purpose: String,
        /// The reason.
        source: std::io::Error,
    },
    /// More bytes than any passphrase has.
    #[error("{what} from {from} is longer than {limit} bytes")]
    TooLong {
        /// `passphrase` or `PIN`.
        what: &'static str,
        /// Where it is from.
        from: String,
        /// The most that is read.
        limit: usize,
    },
}

impl SecretError {
    /// Says that it is a PIN.
    pub(super) fn of_a_pin(mut self) -> Self {
        match &mut self {
            Self::ByteOrderMark { what, .. }
            | Self::CredentialMissing { what, .. }
            | Self::Empty { what, .. }
            | Self::EnvMissing { what, .. }
            | Self::File { what, .. }
            | Self::Prompt { what, .. }
            | Self::TooLong { what, .. } => *what = "PIN",
        }
        self
    }

    /// Whether the person who was asked ended the program instead of answering.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::Prompt { source, .. } if source.kind() == std::io::ErrorKind::Interrupted)
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Prompt { .. } if self.is_interrupted() => "Run the same command again.".to_owned(),
            Self::ByteOrderMark { .. } => {
                "Save it as plain text without a mark, or write it with: printf '%s' 'SECRET' > FILE".to_owned()
            }
            Self::CredentialMissing { name, .. } => {
                format!("In the unit of the service: LoadCredential={name}:/etc/reroot/{name}")
            }
            Self::Empty { what: PASSPHRASE, .. } => {
                "An empty passphrase protects nothing: set one, or leave the key unencrypted.".to_owned()
            }
            Self::Empty { what, .. } => format!("Write the {what} there."),
            Self::EnvMissing { name, what } => format!("Set and export {name}, or name another source for the {what}."),
            Self::File { .. } => "Check the path and that this user may read the file.".to_owned(),
            Self::Prompt { .. } => "Without a terminal, name an environment variable or a file: in the configuration \
                 `secret = { env = \"NAME\" }`, for a new CA the options for its passphrase."
                .to_owned(),
            Self::TooLong { .. } => "Is this the right file?".to_owned(),
        };
        Some(text)
    }
}

/// The folder of the credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// How the question for a PIN begins.
pub(super) const PIN_FOR: &str = "PIN for ";

/// What a secret is called that opens a key file.
pub(super) const PASSPHRASE: &str = "passphrase";

/// PINs that a person typed, so that none is asked for twice: the keys of one token have one PIN. Wiped when dropped.
#[derive(Default)]
pub struct Answers(Mutex<Vec<(String, Zeroizing<String>)>>);

impl Answers {
    /// Nothing was asked yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Returns the PIN that was typed when this question was asked before, or asks. A question for anything else is
    /// asked every time.
    ///
    /// # Errors
    /// As `ask`; then it is asked again the next time.
    pub fn once(&self, question: &str, ask: impl FnOnce() -> std::io::Result<String>) -> std::io::Result<String> {
        if !question.starts_with(PIN_FOR) {
            return ask();
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = known.iter().find(|(asked, _)| asked == question) {
            return Ok(answer.to_string());
        }
        let answer = ask()?;
        known.push((question.to_owned(), Zeroizing::new(answer.clone())));
        Ok(answer)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::{Access, write_new};

    struct Outside;

    impl SecretResolver for Outside {
        fn env(&self, name: &str) -> Option<OsString> {
            match name {
                "SET" => Some("from-env".into()),
                "EMPTY" => Some(OsString::new()),
                _ => None,
            }
        }

        fn prompt(&self, question: &str) -> std::io::Result<String> {
            if question.ends_with("nobody") {
                Err(std::io::Error::other("no terminal"))
            } else {
                Ok(format!("answer to: {question}"))
            }
        }
    }

    fn resolve(source: &SecretSource) -> Result<String, String> {
        match source.resolve("`a.pem`", &Outside) {
            Ok(secret) => Ok(String::from_utf8(secret.expose().to_vec()).unwrap()),
            Err(error) => {
                assert!(error.hint().is_some());
                Err(error.to_string())
            }
        }
    }

    #[test]
    fn secrets_come_from_the_environment_or_a_prompt() {
        assert_eq!(resolve(&SecretSource::Env("SET".to_owned())), Ok("from-env".to_owned()));
        assert_eq!(
            resolve(&SecretSource::Env("UNSET".to_owned())),
            Err("environment variable `UNSET`, which should hold a passphrase, is not set".to_owned())
        );
        assert_eq!(
            resolve(&SecretSource::Env("EMPTY".to_owned())),
            Err("passphrase from environment variable `EMPTY` is empty".to_owned())
        );
        assert_eq!(resolve(&SecretSource::Prompt), Ok("answer to: passphrase for `a.pem`".to_owned()));
        assert_eq!(
            SecretSource::Prompt.resolve("nobody", &Outside).unwrap_err().to_string(),
            "passphrase for nobody could not be asked for: no terminal"
        );
    }

    #[test]
    fn one_newline_at_the_end_of_a_file_is_not_the_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let secret = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            write_new(&path, Access::Private, content).unwrap();
            resolve(&SecretSource::File(path))
        };
        assert_eq!(secret("bare", b"a"), Ok("a".to_owned()));
        assert_eq!(secret("lf", b"a\n"), Ok("a".to_owned()));
        assert_eq!(secret("crlf", b"a\r\n"), Ok("a".to_owned()));
        assert_eq!(secret("two", b"a\n\n"), Ok("a\n".to_owned()));
        assert_eq!(secret("blanks", b" a "), Ok(" a ".to_owned()));
        assert_eq!(secret("cr", b"a\r"), Ok("a\r".to_owned()));
        assert!(secret("empty", b"").unwrap_err().ends_with("is empty"));
        assert!(secret("newline", b"\n").unwrap_err().ends_with("is empty"));
        let longest = [vec![b'a'; Secret::MAX_BYTES], b"\r\n".to_vec()].concat();
        assert!(secret("longest", &longest).is_ok());
        assert!(secret("longer", &vec![b'a'; Secret::MAX_BYTES + 1]).unwrap_err().ends_with("longer than 4096 bytes"));
        assert!(secret("too long", &vec![b'a'; 100_000]).unwrap_err().ends_with("longer than 4096 bytes"));
        let missing = SecretSource::File(folder.path().join("none"));
        assert!(resolve(&missing).unwrap_err().contains("No such file"));
    }

    #[test]
    fn a_question_is_asked_once() {
        let (answers, asked) = (Answers::new(), std::cell::Cell::new(0));
        let ask = |question: &str| {
            answers.once(question, || {
                asked.set(asked.get() + 1);
                Ok(format!("answer {}", asked.get()))
            })
        };
        assert!(answers.once("PIN for `a`", || Err(std::io::Error::other("no terminal"))).is_err());
        let asked = ["PIN for `a`", "PIN for `b`", "PIN for `a`", "passphrase for `c`", "passphrase for `c`"];
        let said: Vec<String> = asked.map(|one| ask(one).unwrap()).to_vec();
        assert_eq!(said, ["answer 1", "answer 2", "answer 1", "answer 3", "answer 4"]);
        assert_eq!(format!("{answers:?}"), "Answers(..)");
    }

    #[test]
    fn a_pin_is_called_pin() {
        let missing = SecretSource::Env("UNSET".to_owned()).resolve("`a`", &Outside).unwrap_err().of_a_pin();
        assert_eq!(missing.to_string(), "environment variable `UNSET`, which should hold a PIN, is not set");
        assert_eq!(missing.hint().unwrap(), "Set and export UNSET, or name another source for the PIN.");
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new(b"hunter2".to_vec(), "test").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
