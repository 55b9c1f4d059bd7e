//! The directory that a web server shows: a file for each list, and `index.json`, which says what they are.
//!
//! Each file is written beside its place and renamed, `index.json` last. A reader sees lists of the last round or of the one
//! before it, each of them whole.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cert::IssuerIdentity;
use crate::crypto::sha256;
use crate::durable::{self, Access};
use crate::error::{CoreError, Error, RevokeError};
use crate::input;
use crate::ledger::{CrlRound, Ledger, Scope};

/// `index.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// `reroot-crl-index/1`
    pub format: String,
    /// Number of the round: the cRLNumber of every list.
    pub round: u64,
    /// thisUpdate
    pub this_update: String,
    /// nextUpdate
    pub next_update: String,
    /// The issuing CA's name.
    pub issuer: String,
    /// SHA-256 of its key.
    pub issuer_spki_sha256: String,
    /// The lists, the full one first.
    pub lists: Vec<IndexList>,
}

/// One list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexList {
    /// Its file.
    pub file: String,
    /// The URLs under which relying parties look for it; none of the full list.
    pub urls: Vec<String>,
    /// Its entries.
    pub entries: u64,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Reads the index of a directory, if there is one.
///
/// # Errors
/// It cannot be read, or is not an index.
pub fn read_index(out: &Path) -> Result<Option<Index>, Error> {
    let path = out.join(INDEX);
    let malformed = |what: String| RevokeError::IndexMalformed { path: path.clone(), what };
    let content = match input::read(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(malformed(error.to_string()).into()),
    };
    let index: Index = serde_json::from_slice(&content).map_err(|error| malformed(error.to_string()))?;
    if index.format != FORMAT {
        return Err(malformed(format!("its format is not `{FORMAT}`")).into());
    }
    Ok(Some(index))
}

/// The round that is published; 0 if there is none. A ledger that does not have it is an old copy.
pub(super) fn check(out: &Path, issuer: &IssuerIdentity, ledger: &Ledger) -> Result<u64, Error> {
    let Some(index) = read_index(out)? else { return Ok(0) };
    let path = out.join(INDEX);
    if index.issuer_spki_sha256 != sha256(issuer.spki().der()).to_string() {
        return Err(RevokeError::IndexIssuer { path }.into());
    }
    let known = ledger.round_before(u64::MAX)?.map_or(0, |last| last.number);
    let signed = ledger.round_issued(index.round)?;
    let same = signed.is_some_and(|signed| {
        signed.iter().map(|list| list.crl_sha256.to_string()).eq(index.lists.iter().map(|list| list.sha256.clone()))
    });
    if same { Ok(index.round) } else { Err(RevokeError::LedgerBehind { path, published: index.round, known }.into()) }
}

/// Publishes the lists of a round; returns their files' names.
pub(super) fn publish(
    out: &Path,
    issuer: &IssuerIdentity,
    round: &CrlRound,
    lists: impl Iterator<Item = Vec<u8>>,
) -> Result<Vec<String>, Error> {
    let failed = |error: durable::DurableError| Error::Core(CoreError::from(error));
    if !out.exists() {
        durable::output::make_parents(out, Access::Public).map_err(failed)?;
        durable::create_directory(out, Access::Public).map_err(failed)?;
    }
    let files = names(round);
    let mut index = Index {
        format: FORMAT.to_owned(),
        round: round.number,
        this_update: round.this_update.to_string(),
        next_update: round.next_update.to_string(),
        issuer: issuer.subject().to_string(),
        issuer_spki_sha256: sha256(issuer.spki().der()).to_string(),
        lists: Vec::with_capacity(files.len()),
    };
    for ((file, list), der) in files.iter().zip(&round.lists).zip(lists) {
        durable::replace_note(&out.join(file), &der).map_err(failed)?;
        index.lists.push(IndexList {
            file: file.clone(),
            urls: list.scope.urls().to_vec(),
            entries: list.entries,
            bytes: der.len() as u64,
            sha256: sha256(&der).to_string(),
        });
    }
    let mut text = serde_json::to_string_pretty(&index).expect("an index has text for keys");
    text.push('\n');
    durable::replace_note(&out.join(INDEX), text.as_bytes()).map_err(failed)?;
    Ok(files)
}

/// The file of each list: `full.crl`, and the last part of its first URL, as long as no two lists have the same.
fn names(round: &CrlRound) -> Vec<String> {
    let mut taken: BTreeSet<String> = [INDEX, "full.crl"].map(str::to_owned).into();
    let mut name = |scope: &Scope| {
        let Some(url) = scope.urls().first() else { return "full.crl".to_owned() };
        let last = url.rsplit('/').next().unwrap_or_default();
        let plain = !last.starts_with('.')
            && last.len() <= 100
            && last.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let short = if plain && !last.is_empty() { last.to_owned() } else { String::new() };
        if !short.is_empty() && taken.insert(short.to_lowercase()) {
            return short;
        }
        format!("scope-{}.crl", &sha256(scope.urls().join("\n").as_bytes()).to_string()[..16])
    };
    round.lists.iter().map(|list| name(&list.scope)).collect()
}

const INDEX: &str = "index.json";
const FORMAT: &str = "reroot-crl-index/1";
