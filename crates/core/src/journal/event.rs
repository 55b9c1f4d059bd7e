//! One event, and its one spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::crypto::sha256;
use crate::manifest::canonical_line;
use crate::text::brief;
use crate::x509::{Sha256Digest, Time};

/// How the actor was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// By a client certificate.
    Certificate,
    /// By an account of the machine: a process on it, known by its user.
    Local,
    /// Not at all: the request was refused for it, or needs no right.
    None,
    /// By an identity provider.
    Oidc,
    /// It is the service itself.
    Service,
    /// By an API token.
    Token,
}

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is done from here on: written before the action.
    Started,
    /// It was done.
    Done,
    /// It was not allowed, and not done.
    Refused,
    /// It was tried and failed.
    Failed,
}

/// What a caller says of an event. The log adds the number, the time and the digest of the line before.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Entry {
    /// Who: a person, a token's owner, a station, or the service.
    pub actor: String,
    /// How the actor was known.
    pub auth: Auth,
    /// The roles of the actor, joined by commas; empty where there is none.
    pub role: String,
    /// The address that the request came from.
    pub ip: Option<String>,
    /// What was asked for: dotted words, such as `token.create`.
    pub action: String,
    /// What it was asked of: an identifier.
    pub object: String,
    /// The state before, where it changes.
    pub before: Option<String>,
    /// The state after it, where it changes.
    pub after: Option<String>,
    /// What came of it.
    pub result: Outcome,
    /// The code of the problem, where it was refused or failed.
    pub code: Option<String>,
    /// The number of the event that this one is the outcome of.
    pub of: Option<u64>,
}

/// One line.
// that `format` is the right one is seen when it is written again
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "format", rename = "reroot-audit/1")]
pub struct Event {
    /// Its number, from 1, over all files.
    pub seq: u64,
    /// When it was written, by the clock of the service.
    pub time: Time,
    /// What the caller said, member by member.
    #[serde(flatten)]
    pub entry: Entry,
    /// SHA-256 of the line before, without its newline; 32 bytes 00 for the first event.
    pub prev: Sha256Digest,
}

impl Event {
    /// The one format that this release writes and reads.
    pub const FORMAT: &str = "reroot-audit/1";

    /// The event that follows `head`.
    pub fn after(head: Head, time: Time, entry: Entry) -> Self {
        Self { seq: head.seq + 1, time, entry, prev: head.digest }
    }

    /// The line, without a newline.
    pub fn line(&self) -> String {
        canonical_line(self)
    }

    /// Reads a line without its newline: in its one spelling, or not at all. The error says what was expected.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(line).map_err(|error| brief(&error.to_string()))?;
        let written = read.line();
        if written.as_bytes() == line {
            return Ok(read);
        }
        let at = line.iter().zip(written.as_bytes()).take_while(|(found, expected)| found == expected).count();
        Err(format!("its spelling differs at byte {at}"))
    }

    /// Reads a line without its newline, if it is an event in its one spelling.
    pub fn read(line: &[u8]) -> Option<Self> {
        Self::parse(line).ok()
    }
}

/// An end of the log: the number of its last event, and the digest of that line. It is written as `NUMBER:DIGEST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the event; 0 before the first one.
    pub seq: u64,
    /// SHA-256 of its line.
    pub digest: Sha256Digest,
}

impl Head {
    /// The head of a log without an event.
    pub const EMPTY: Self = Self { seq: 0, digest: Sha256Digest::new([0; 32]) };

    /// The head after a line with this number.
    pub fn of(seq: u64, line: &[u8]) -> Self {
        Self { seq, digest: sha256(line) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.digest)
    }
}

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let (seq, digest) = text.split_once(':').ok_or(NotAHead)?;
        let head = Self { seq: seq.parse().map_err(|_| NotAHead)?, digest: digest.parse().map_err(|_| NotAHead)? };
        if head.to_string() == text { Ok(head) } else { Err(NotAHead) }
    }
}

/// A text that is not a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAHead;

impl fmt::Display for NotAHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected the number of an event, a colon and 64 lower-case hexadecimal digits")
    }
}

impl std::error::Error for NotAHead {}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let entry = Entry {
            actor: "anna \u{202e}\"x\"".to_owned(),
            auth: Auth::Token,
            role: "admin".to_owned(),
            ip: Some("127.0.0.1".to_owned()),
            action: "token.create".to_owned(),
            object: "t1".to_owned(),
            before: None,
            after: Some("scope=read".to_owned()),
            result: Outcome::Started,
            code: None,
            of: None,
        };
        Event::after(Head::EMPTY, Time::from_rfc3339("2026-11-28T10:00:00Z").unwrap(), entry)
    }

    #[test]
    fn an_event_has_one_spelling() {
        let line = event().line();
        assert!(
            line.starts_with("{\"format\":\"reroot-audit/1\",\"seq\":1,\"time\":\"2026-11-28T10:00:00Z\","),
            "{line}"
        );
        assert!(line.is_ascii());
        assert_eq!(Event::read(line.as_bytes()), Some(event()));
        for (from, to) in [
            ("reroot-audit/1", "reroot-audit/2"),
            (",\"of\":null", ""),
            ("\"seq\":1", "\"seq\": 1"),
            ("\"seq\":1", "\"seq\":1,\"extra\":2"),
            ("\"started\"", "\"begins\""),
            ("anna", "\\u0061nna"),
        ] {
            let other = line.replace(from, to);
            assert_ne!(other, line, "{from}");
            assert_eq!(Event::read(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_head_is_a_number_and_a_digest() {
        let head = Head::of(12, b"line");
        assert_eq!(head.to_string().parse(), Ok(head));
        for other in ["", "12", "12:", ":ab", "012:00", &head.to_string().replace("12:", "+12:")] {
            assert_eq!(other.parse::<Head>(), Err(NotAHead), "{other}");
        }
    }
}
