//! A statement as bytes and back: JSON in one layout.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cert::{Encoder, Seed};
use crate::manifest::error::{ManifestError, Part};
use crate::manifest::json::{self, Nullable, REASON, is_reason, present};
use crate::manifest::{ENTRIES_FILE, Format, INPUTS_FILE, MISSING_FILE, REJECTED_FILE, SEAL_FILE, STATEMENT_FILE};
use crate::verify::{Family, Relaxation};
use crate::x509::{SerialNumber, Sha256Digest, Time};

use super::{
    AnchorReference, Counts, EntriesReference, Expected, FileDigest, InputsReference, IssuerMode, IssuerReference,
    PolicyReference, Possession, Previous, Statement, Unmet,
};

impl Statement {
    /// The bytes of `manifest.json`: JSON, keys in order, indented by two spaces a level, one member or element a
    /// line, a newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::pretty(&Written::of(self)).into_bytes()
    }

    /// Reads a statement. Unknown, missing, doubled and displaced keys, other spacing and other escapes are refused:
    /// what is read, written again, is the same bytes.
    ///
    /// A statement is not believed because it parses: see [`SignedManifest::open`](crate::manifest::SignedManifest).
    ///
    /// # Errors
    /// The format is another one, the bytes are spelled otherwise, or values contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > Self::MAX_BYTES {
            let found = format!("{} bytes", bytes.len());
            return Err(value("length", &found, "at most 16 MiB"));
        }
        let encoder = version(bytes)?;
        let statement = json::read::<Written>(Part::Statement, bytes)?.into_statement(encoder)?;
        json::same(Part::Statement, bytes, &json::pretty(&Written::of(&statement)))?;
        spelled(&statement)?;
        consistent(&statement)?;
        Ok(statement)
    }
}

/// A statement as it is written.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    #[serde(deserialize_with = "json::batch")]
    batch: String,
    issued_at: Time,
    created: Time,
    tool: String,
    encoder: u32,
    /// Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<Family>,
    inputs: InputsReference,
    anchors: Vec<AnchorReference>,
    relaxations: Vec<Relaxation>,
    policy: PolicyReference,
    #[serde(deserialize_with = "json::sorted")]
    params: BTreeMap<String, String>,
    reissue: Option<String>,
    bulk_id: Option<String>,
    issuer: IssuerReference,
    serial_seed: Option<Seed>,
    /// Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    beacon: Option<Nullable<Sha256Digest>>,
    discarded_serials: Vec<SerialNumber>,
    expected: Option<WrittenExpected>,
    counts: Counts,
    entries: EntriesReference,
    rejected: Rejected,
    files: Vec<FileDigest>,
    previous: Option<Previous>,
    proof_of_possession: Possession,
    /// Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seals: Option<Vec<String>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenExpected {
    sha256: Sha256Digest,
    count: u64,
    /// With `surplus` since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<Missing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    surplus: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "file", rename = "missing.jsonl")]
struct Missing {
    sha256: Sha256Digest,
    count: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "file", rename = "rejected.jsonl")]
struct Rejected {
    sha256: Sha256Digest,
}

impl Written {
    fn of(statement: &Statement) -> Self {
        let Statement {
            format,
            batch,
            rejected,
            beacon,
            expected,
            seals,
            issued_at,
            created,
            tool,
            inputs,
            anchors,
            relaxations,
            policy,
            params,
            reissue,
            bulk_id,
            issuer,
            serial_seed,
            discarded_serials,
            counts,
            entries,
            files,
            previous,
            proof_of_possession,
        } = statement.clone();
        let encoder = format.encoder();
        let second = encoder >= Encoder::Two;
        let expected = expected.map(|Expected { sha256, count, unmet }| WrittenExpected {
            sha256,
            count,
            surplus: unmet.as_ref().map(|unmet| unmet.surplus),
            missing: unmet.map(|unmet| Missing { sha256: unmet.missing, count: unmet.missing_count }),
        });
        Self {
            format: Format::name(encoder).to_owned(),
            batch,
            encoder: encoder.number(),
            family: format.family(),
            beacon: second.then_some(Nullable(beacon)),
            expected,
            rejected: Rejected { sha256: rejected },
            seals: second.then_some(seals),
            issued_at,
            created,
            tool,
            inputs,
            anchors,
            relaxations,
            policy,
            params,
            reissue,
            bulk_id,
            issuer,
            serial_seed,
            discarded_serials,
            counts,
            entries,
            files,
            previous,
            proof_of_possession,
        }
    }

    /// The statement of this version. Members that the version does not have are lost, and missed when the statement is
    /// written again.
    fn into_statement(self, encoder: Encoder) -> Result<Statement, ManifestError> {
        let second = encoder >= Encoder::Two;
        let format = match (encoder, self.family) {
            (Encoder::One, _) => Format::One,
            (Encoder::Two, Some(family)) => Format::Two(family),
            (Encoder::Two, None) => return Err(absent("family")),
        };
        let expected = self.expected.map(|WrittenExpected { sha256, count, missing, surplus }| {
            let unmet = missing.zip(surplus).filter(|_| second);
            if second && unmet.is_none() {
                return Err(absent("missing and surplus"));
            }
            let unmet = unmet.map(|(Missing { sha256, count }, surplus)| Unmet {
                missing: sha256,
                missing_count: count,
                surplus,
            });
            Ok(Expected { sha256, count, unmet })
        });
        Ok(Statement {
            format,
            batch: self.batch,
            beacon: self.beacon.and_then(|beacon| beacon.0),
            expected: expected.transpose()?,
            rejected: self.rejected.sha256,
            seals: self.seals.unwrap_or_default(),
            issued_at: self.issued_at,
            created: self.created,
            tool: self.tool,
            inputs: self.inputs,
            anchors: self.anchors,
            relaxations: self.relaxations,
            policy: self.policy,
            params: self.params,
            reissue: self.reissue,
            bulk_id: self.bulk_id,
            issuer: self.issuer,
            serial_seed: self.serial_seed,
            discarded_serials: self.discarded_serials,
            counts: self.counts,
            entries: self.entries,
            files: self.files,
            previous: self.previous,
            proof_of_possession: self.proof_of_possession,
        })
    }
}

/// Looks at `format` and `encoder` before anything else: what follows is read as they say, or not at all.
fn version(bytes: &[u8]) -> Result<Encoder, ManifestError> {
    let begins = |encoder: &Encoder| {
        bytes.starts_with(format!("{{\n  \"format\": \"{}\",\n", Format::name(*encoder)).as_bytes())
    };
    let Some(encoder) = Encoder::ALL.into_iter().find(begins) else {
        let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        return Err(ManifestError::format(&beginning));
    };
    // no string has a line feed in it, so the first place is that of the key or there is none
    const KEY: &[u8] = b"\n  \"encoder\": ";
    let Some(at) = bytes.windows(KEY.len()).position(|window| window == KEY) else { return Ok(encoder) };
    let digits = bytes[at + KEY.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    let found: String = digits.take(MAX_DIGITS).map(|digit| char::from(*digit)).collect();
    // what is not a number is refused where it is read
    match found.parse::<u64>() {
        Ok(number) if number != u64::from(encoder.number()) => {
            Err(ManifestError::Encoder { format: Format::name(encoder), found })
        }
        _ => Ok(encoder),
    }
}

/// What values must be by themselves, and lists in their order.
fn spelled(statement: &Statement) -> Result<(), ManifestError> {
    if !statement.relaxations.is_sorted_by(|one, next| one < next) {
        return Err(value("relaxations", "another order", "the names of relaxations, sorted, each once"));
    }
    if statement.reissue.as_deref().is_some_and(|reason| !is_reason(reason)) {
        return Err(value("reissue", "another text", REASON));
    }
    if statement.bulk_id.as_deref() == Some("") {
        return Err(value("bulk_id", "", "text"));
    }
    let encoder = statement.format.encoder();
    let names: Vec<&str> = statement.files.iter().map(|file| file.name.as_str()).collect();
    if let Some(name) = out_of_order(&names, |name| file_name(name, encoder)) {
        return Err(value("name", name, FILE_NAME));
    }
    let kinds: Vec<&str> = statement.seals.iter().map(String::as_str).collect();
    if let Some(kind) = out_of_order(&kinds, seal_kind) {
        return Err(value("seals", kind, SEAL_KINDS));
    }
    Ok(())
}

/// The first of the names that is not one, or that does not come after the one before it.
pub(in crate::manifest) fn out_of_order<'a>(names: &[&'a str], fits: impl Fn(&str) -> bool) -> Option<&'a str> {
    let mut last = None;
    names.iter().copied().find(|name| !fits(name) || last.replace(*name).is_some_and(|last| last >= *name))
}

fn absent(member: &str) -> ManifestError {
    ManifestError::Syntax { part: Part::Statement, at: 0, problem: format!("missing {member}, which version 2 has") }
}

/// What one field says about another.
fn consistent(statement: &Statement) -> Result<(), ManifestError> {
    let Counts { items, issued, rejected, ignored, .. } = statement.counts;
    let sum = issued.checked_add(rejected).and_then(|sum| sum.checked_add(ignored));
    if sum != Some(items) {
        return Err(value("items", &items.to_string(), "the sum of issued, rejected and ignored"));
    }
    if statement.entries.tree_size != issued {
        return Err(value("tree_size", &statement.entries.tree_size.to_string(), "the number of certificates issued"));
    }
    if (statement.issuer.mode == IssuerMode::Foreign) != statement.serial_seed.is_none() {
        return Err(value("serial_seed", "null or not", "null exactly when the issuer is foreign"));
    }
    if statement.beacon.is_some() && statement.serial_seed.is_none() {
        return Err(value("beacon", "a digest", "null where no serial number depends on it"));
    }
    if let Some(expected) = &statement.expected
        && let Some(unmet) = &expected.unmet
    {
        if unmet.missing_count > expected.count {
            return Err(value("missing", &unmet.missing_count.to_string(), "at most the chips of the list"));
        }
        if unmet.surplus > rejected.saturating_add(ignored) {
            return Err(value("surplus", &unmet.surplus.to_string(), "at most the rejected and ignored items"));
        }
    }
    if statement.created < statement.issued_at {
        return Err(value("created", &statement.created.to_string(), "a time not before issued_at"));
    }
    if statement.previous.as_ref().is_some_and(|previous| previous.batch == statement.batch) {
        return Err(value("previous", &statement.batch, "another batch than this one"));
    }
    Ok(())
}

pub(in crate::manifest) const SEAL_KINDS: &str =
    "kinds of seals in lower-case letters, digits and hyphens, sorted, each once";
/// Digits of an encoder's number that are looked at; more are no number of a statement.
const MAX_DIGITS: usize = 19;
const FILE_NAME: &str = "plain file names in byte order, each once, without those of the statement's other fields";

fn file_name(text: &str, encoder: Encoder) -> bool {
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    let listed_elsewhere = [ENTRIES_FILE, INPUTS_FILE, REJECTED_FILE, STATEMENT_FILE, SEAL_FILE];
    // version 1 knows no such file, so that a batch may have one of its own
    let missing = encoder >= Encoder::Two && text == MISSING_FILE;
    !missing
        && !text.is_empty()
        && !text.starts_with(['.', '-'])
        && text.bytes().all(plain)
        && !listed_elsewhere.contains(&text)
}

/// Whether a text can name a kind of seal.
pub(in crate::manifest) fn seal_kind(text: &str) -> bool {
    let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=40).contains(&text.len()) && text.bytes().all(fits)
}

fn value(key: &'static str, found: &str, expected: &'static str) -> ManifestError {
    ManifestError::value(Part::Statement, key, found, expected)
}
