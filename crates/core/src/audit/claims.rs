//! Findings that rest on an earlier batch, until the history is asked for that batch.
//!
//! Sorted in scratch files, because all chips but one of a batch may have been issued before.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Error;
use crate::origin::ledger_codes;
use crate::origin::{Code, Uid};
use crate::reel::{SortedRecord, SortedSpool};
use crate::x509::Sha256Digest;

use super::grounds::{Ground, listed};
use super::inputs::half_digest;

/// What a line of `rejected.jsonl` says that only the ledger knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Counted from zero.
    pub(super) line: u64,
    pub(super) code: Code,
    pub(super) uid: Uid,
    /// The leaf, where the line names it.
    pub(super) source: Option<Sha256Digest>,
    /// Its key, where the leaf itself is at hand.
    pub(super) spki: Option<Sha256Digest>,
}

/// All of them.
pub(super) struct Claims {
    /// By half the digest of the UID.
    pub(super) by_uid: SortedSpool,
    /// By half the digest of the key.
    pub(super) by_key: SortedSpool,
}

impl Claims {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { by_uid: SortedSpool::new(scratch), by_key: SortedSpool::new(scratch) }
    }

    /// Adds a claim, if a history could show it.
    pub(super) fn add(&mut self, claim: &Claim) -> Result<(), Error> {
        let Some(code) = CODES.iter().position(|code| *code == claim.code) else { return Ok(()) };
        let code = u8::try_from(code).expect("four codes");
        let optional = |digest: &Option<Sha256Digest>| {
            let (there, digest) = digest.map_or((0, [0; 32]), |digest| (1, *digest.as_bytes()));
            [&[there], &digest[..]].concat()
        };
        let uid = claim.uid.as_bytes();
        let body =
            [&[code], &claim.line.to_be_bytes()[..], &optional(&claim.source), &optional(&claim.spki), uid].concat();
        let (spool, key) = match claim.spki {
            Some(spki) if claim.code == ledger_codes::KEY_UNDER_OTHER_UID => (&mut self.by_key, half(&spki)),
            // which key it is, only the inputs say
            None if claim.code == ledger_codes::KEY_UNDER_OTHER_UID => return Ok(()),
            _ => (&mut self.by_uid, half_digest(uid)),
        };
        Ok(spool.add(SortedRecord { key, name: &[], body: &body })?)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_uid.count() + self.by_key.count() == 0
    }
}

impl Claim {
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        Self::parse(body).ok_or(Error::SpoolChanged)
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let ([code], rest) = body.split_first_chunk::<1>()?;
        let (line, rest) = rest.split_first_chunk::<8>()?;
        let (source, rest) = rest.split_first_chunk::<33>()?;
        let (spki, uid) = rest.split_first_chunk::<33>()?;
        let optional = |bytes: &[u8; 33]| {
            let digest = bytes[1..].try_into().expect("32 of 33 bytes");
            (bytes[0] != 0).then_some(Sha256Digest::new(digest))
        };
        Some(Self {
            line: u64::from_be_bytes(*line),
            code: *CODES.get(usize::from(*code))?,
            uid: Uid::from_bytes(uid).ok()?,
            source: optional(source),
            spki: optional(spki),
        })
    }
}

/// The first half of a digest.
pub(super) fn half(digest: &Sha256Digest) -> u128 {
    u128::from_be_bytes(digest.as_bytes()[..16].try_into().expect("half of 32 bytes"))
}

/// How many findings rest on the signer's word, by code.
pub(super) fn rests_on_word(word: &mut BTreeMap<Code, u64>, code: Code, inputs: bool, list: bool) {
    let derived = match listed(code.as_str()).map(|listed| listed.ground) {
        Some(Ground::Inputs | Ground::Leaf | Ground::Certificate) => inputs,
        Some(Ground::List) => inputs && list,
        Some(Ground::History | Ground::Signer) | None => false,
    };
    if !derived {
        *word.entry(code).or_default() += 1;
    }
}

/// Codes that a history can show.
const CODES: [Code; 4] = [
    ledger_codes::ALREADY_ISSUED,
    ledger_codes::KEY_UNDER_OTHER_UID,
    ledger_codes::SERIAL_REPEATED,
    ledger_codes::UID_WITH_OTHER_KEY,
];
