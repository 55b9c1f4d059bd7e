//! What was revoked, and which rounds were made: values that a front door renders.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Serialize, Serializer};

use reroot_core::report::{Place, count, path};

use crate::ledger::CrlRound;
use crate::x509::{Sha256Digest, Time};

use super::chosen::{Chosen, Finding};
use super::due::Due;
use super::export::Exported;
use super::plan::CrlCeremony;
use super::round::Round;

/// What a change of certificates or chips came to.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The word for what is done with what was chosen, such as `revoke`.
    pub verb: &'static str,
    /// How it ended.
    pub outcome: &'static str,
    /// What was chosen.
    pub chosen: &'a Chosen,
}

#[derive(Serialize)]
struct OfChange<'a> {
    outcome: &'static str,
    counts: BTreeMap<String, u64>,
    batches: Vec<OfBatch>,
    lists: Vec<OfSize<'a>>,
    findings: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct OfBatch {
    batch: Option<String>,
    certificates: u64,
}

#[derive(Serialize)]
struct OfSize<'a> {
    urls: &'a [String],
    added: u64,
    entries: u64,
    bytes: u64,
    max_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Found<'a> {
    place: &'a str,
    kind: &'static str,
    finding: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a Finding> for Found<'a> {
    fn from(finding: &'a Finding) -> Self {
        let Finding { place, kind, what, hint } = finding;
        Self { place, kind, finding: what, hint: hint.as_deref() }
    }
}

impl Serialize for Change<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { verb, outcome, chosen } = *self;
        let mut counts: BTreeMap<String, u64> =
            sorts(chosen).into_iter().map(|(name, count)| (name.replace(' ', "_"), count)).collect();
        counts.insert(verb.to_owned(), chosen.counts.chosen);
        let batches = chosen.batches.iter();
        let sizes = chosen.sizes.iter();
        let whole = OfChange {
            outcome,
            counts,
            batches: batches
                .map(|(batch, count)| OfBatch { batch: batch.as_ref().map(ToString::to_string), certificates: *count })
                .collect(),
            lists: sizes
                .map(|size| OfSize {
                    urls: size.scope.urls(),
                    added: size.added,
                    entries: size.entries,
                    bytes: size.bytes,
                    max_bytes: size.max_bytes,
                })
                .collect(),
            findings: chosen.findings.iter().map(Found::from).collect(),
        };
        whole.serialize(serializer)
    }
}

impl Chosen {
    /// Names and values for people: the first twenty lines of each sort; programs get all.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        for Finding { place, what, hint, .. } in self.findings.iter().take(MAX_SHOWN) {
            facts.push(("finding", format!("{place}: {what}")));
            facts.extend(hint.iter().map(|hint| ("", format!("hint: {hint}"))));
        }
        facts.extend(more(self.findings.len()));
        for (batch, certificates) in self.batches.iter().take(MAX_SHOWN) {
            let batch = batch.as_ref().map_or("no batch (CAs and manifest signers)".to_owned(), ToString::to_string);
            facts.push(("batch", format!("{batch}: {}", count(*certificates))));
        }
        facts.extend(more(self.batches.len()));
        for size in &self.sizes {
            let name = size.scope.urls().first().map_or("full list", String::as_str);
            let [added, entries, bytes] = [size.added, size.entries, size.bytes].map(count);
            let most = size.max_bytes.filter(|_| size.is_too_large()).map_or(String::new(), |most| {
                format!(", above the policy's `revocation.max_crl_bytes` = {}", count(most))
            });
            facts.push(("list", format!("{name}: {added} more, {entries} entries, about {bytes} bytes{most}")));
        }
        facts.extend(
            sorts(self).into_iter().filter(|(_, number)| *number > 0).map(|(name, number)| (name, count(number))),
        );
        facts
    }
}

/// How many lines of a sort are not shown.
fn more(lines: usize) -> Option<(&'static str, String)> {
    (lines > MAX_SHOWN).then(|| ("", format!("and {} more", count((lines - MAX_SHOWN) as u64))))
}

/// Every sort but what is chosen.
fn sorts(chosen: &Chosen) -> [(&'static str, u64); 8] {
    let counts = &chosen.counts;
    [
        ("changed", counts.changed),
        ("already", counts.already),
        ("not revoked", counts.valid),
        ("expired", counts.expired),
        ("unknown", counts.unknown),
        ("foreign", counts.foreign),
        ("end unknown", counts.inexact),
        ("to block", chosen.block.len() as u64),
    ]
}

#[derive(Serialize)]
struct OfRound<'a> {
    round: u64,
    this_update: Time,
    next_update: Time,
    lists: Vec<OfList<'a>>,
}

#[derive(Serialize)]
struct OfList<'a> {
    urls: &'a [String],
    entries: u64,
    tbs_sha256: Sha256Digest,
}

impl<'a> From<&'a CrlRound> for OfRound<'a> {
    fn from(round: &'a CrlRound) -> Self {
        let list = |list: &'a crate::ledger::RoundList| OfList {
            urls: list.scope.urls(),
            entries: list.entries,
            tbs_sha256: list.tbs_sha256,
        };
        let CrlRound { number, this_update, next_update, lists, .. } = round;
        Self {
            round: *number,
            this_update: *this_update,
            next_update: *next_update,
            lists: lists.iter().map(list).collect(),
        }
    }
}

/// Names and values of a round for people.
fn round_facts(round: &CrlRound) -> Vec<(&'static str, String)> {
    vec![
        ("round", round.number.to_string()),
        ("valid", format!("{} to {}", round.this_update, round.next_update)),
        ("lists", format!("{} with the full one", count(round.lists.len() as u64))),
        ("entries", count(round.lists[0].entries)),
    ]
}

/// A round that was published.
#[derive(Clone, Copy, Debug)]
pub struct RoundPublished<'a> {
    /// What was made.
    pub made: &'a Round,
    /// The directory.
    pub out: &'a Path,
    /// The ledger's head.
    pub head: Sha256Digest,
}

#[derive(Serialize)]
struct OfPublished<'a> {
    #[serde(flatten)]
    round: OfRound<'a>,
    outcome: &'static str,
    resumed: bool,
    out: Place<'a>,
    files: &'a [String],
    signatures_made: u64,
    ledger_head: Sha256Digest,
}

impl Serialize for RoundPublished<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = OfPublished {
            round: (&self.made.round).into(),
            outcome: "done",
            resumed: self.made.resumed,
            out: Place(self.out),
            files: &self.made.files,
            signatures_made: self.made.signatures_made,
            ledger_head: self.head,
        };
        whole.serialize(serializer)
    }
}

impl RoundPublished<'_> {
    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = round_facts(&self.made.round);
        facts.extend([
            ("signatures", count(self.made.signatures_made)),
            ("written to", path(self.out)),
            ("ledger head", self.head.to_string()),
        ]);
        facts
    }
}

/// A round that was planned for a signing machine, or signed there.
#[derive(Clone, Copy, Debug)]
pub struct RoundCarried<'a> {
    /// The round.
    pub round: &'a CrlRound,
    /// The plan or signature file.
    pub file: Carried<'a>,
    /// The ledger's head.
    pub head: Sha256Digest,
}

/// What is carried between the machines.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carried<'a> {
    /// To the signing machine.
    Plan(Place<'a>),
    /// From it.
    Signatures(Place<'a>),
}

#[derive(Serialize)]
struct OfCarried<'a> {
    #[serde(flatten)]
    round: OfRound<'a>,
    outcome: &'static str,
    #[serde(flatten)]
    file: Carried<'a>,
    ledger_head: Sha256Digest,
}

impl Serialize for RoundCarried<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (round, file) = (self.round.into(), self.file);
        OfCarried { round, outcome: "done", file, ledger_head: self.head }.serialize(serializer)
    }
}

impl RoundCarried<'_> {
    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = round_facts(self.round);
        match self.file {
            Carried::Plan(plan) => facts.push(("written to", path(plan.0))),
            Carried::Signatures(file) => {
                facts.extend([("written to", path(file.0)), ("ledger head", self.head.to_string())]);
            }
        }
        facts
    }
}

impl CrlCeremony {
    /// Names and values for people: what must be seen before the key is used.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let Self { plan_sha256, approved_by, planner, round, changes, entries_before } = self;
        let mut facts = vec![("plan", plan_sha256.to_string()), ("planner", format!("`{planner}`"))];
        facts.extend(approved_by.iter().map(|person| ("approved by", person.clone())));
        let sizes = || round.lists.iter().skip(1).map(|list| list.entries);
        if let (Some(least), Some(most)) = (sizes().min(), sizes().max()) {
            facts.push(("shards", format!("{} of {least} to {most} entries", sizes().count())));
        }
        let before =
            entries_before.map_or("the first round here".to_owned(), |entries| format!("before {}", count(entries)));
        facts.extend([
            ("changes", format!("{} certificates revoked or released since the last round here", count(*changes))),
            ("entries", format!("{} on the full list, {before}", count(round.lists[0].entries))),
            ("round", format!("{}, {} to {}", round.number, round.this_update, round.next_update)),
            ("to sign", format!("{} revocation lists", count(round.lists.len() as u64))),
        ]);
        facts
    }
}

#[derive(Serialize)]
struct OfDue<'a> {
    due: bool,
    reasons: &'a [String],
    round: Option<u64>,
    next_update: Option<&'a str>,
}

impl Serialize for Due {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let index = self.index.as_ref();
        let whole = OfDue {
            due: !self.reasons.is_empty(),
            reasons: &self.reasons,
            round: index.map(|index| index.round),
            next_update: index.map(|index| index.next_update.as_str()),
        };
        whole.serialize(serializer)
    }
}

impl Due {
    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        facts.extend(self.index.iter().map(|index| ("published", format!("{} to {}", index.round, index.next_update))));
        facts.extend(self.reasons.iter().map(|reason| ("due", reason.clone())));
        facts
    }
}

/// Revoked certificates in a form for another system.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ExportMade<'a> {
    out: Place<'a>,
    lines: u64,
    left_out: u64,
}

impl<'a> ExportMade<'a> {
    /// Takes the file and what was written into it.
    pub fn new(out: &'a Path, exported: Exported) -> Self {
        Self { out: Place(out), lines: exported.lines, left_out: exported.left_out }
    }
}

/// Lines of one sort that are shown to people.
const MAX_SHOWN: usize = 20;
