//! What an audit found.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::audit::{AuditReport, History, LIST, NotGiven, PossessionShown};
use crate::manifest::Format;
use crate::origin::Code;
use crate::x509::{Sha256Digest, Time};

use super::count;

#[derive(Serialize)]
struct Whole<'a> {
    holds: bool,
    batch: Option<&'a str>,
    statement_sha256: Option<Sha256Digest>,
    format: Option<&'static str>,
    family: Option<crate::verify::Family>,
    beacon: Option<Sha256Digest>,
    seals: Option<&'a [String]>,
    timestamp: Option<&'a crate::manifest::timestamp::Stamped>,
    history: Option<&'a History>,
    rejected: u64,
    ignored: u64,
    signers_word: &'a BTreeMap<Code, u64>,
    code_list: u32,
    expected: Option<&'a crate::audit::ListShown>,
    not_checked: &'a [NotGiven],
    possession: &'static str,
    certificates: u64,
    checks: &'a [String],
    anchors: &'a BTreeMap<String, u64>,
    relaxations: &'a BTreeMap<String, u64>,
    warnings: &'a [String],
    faults: &'a [crate::audit::Fault],
    more_faults: u64,
}

impl Serialize for AuditReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let statement = self.statement.as_ref();
        let whole = Whole {
            holds: self.holds(),
            batch: statement.map(|statement| &*statement.batch),
            statement_sha256: self.statement_sha256,
            format: statement.map(|statement| Format::name(statement.format.encoder())),
            family: statement.and_then(|statement| statement.format.family()),
            beacon: statement.and_then(|statement| statement.beacon),
            seals: statement.map(|statement| &*statement.seals),
            timestamp: self.timestamp.as_ref(),
            history: self.history.as_ref(),
            rejected: self.rejected,
            ignored: self.ignored,
            signers_word: &self.word,
            code_list: LIST,
            expected: self.list.as_ref(),
            not_checked: &self.not_given,
            possession: self.possession.as_str(),
            certificates: self.certificates,
            checks: &self.checks,
            anchors: &self.anchors,
            relaxations: &self.relaxations,
            warnings: &self.warnings,
            faults: &self.faults,
            more_faults: self.more_faults,
        };
        whole.serialize(serializer)
    }
}

/// What would have to be given is named by the front door.
impl Serialize for NotGiven {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("NotGiven", 1)?;
        object.serialize_field("what", self.unchecked())?;
        object.end()
    }
}

#[derive(Serialize)]
struct Chain<'a> {
    batches: u64,
    lines: u64,
    from: Time,
    to: Time,
    head: Option<Sha256Digest>,
    complete: bool,
    policies: Vec<OfPolicy<'a>>,
    reissues: Vec<Reissued<'a>>,
    shown: u64,
}

#[derive(Serialize)]
struct OfPolicy<'a> {
    name: &'a str,
    batches: u64,
    certificates: u64,
}

#[derive(Serialize)]
struct Reissued<'a> {
    policy: &'a str,
    reason: &'a str,
    certificates: u64,
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let policies = self.policies.iter().map(|(name, chained)| OfPolicy {
            name,
            batches: chained.batches,
            certificates: chained.certificates,
        });
        let reissues = self.reissues.iter().map(|((policy, reason), certificates)| Reissued {
            policy,
            reason,
            certificates: *certificates,
        });
        let chain = Chain {
            batches: self.batches,
            lines: self.lines,
            from: self.from,
            to: self.to,
            head: self.head,
            complete: self.complete,
            policies: policies.collect(),
            reissues: reissues.collect(),
            shown: self.shown,
        };
        chain.serialize(serializer)
    }
}

/// What an audit found, as names and values for people.
pub fn facts(report: &AuditReport) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(statement) = &report.statement {
        facts.push(("batch", statement.batch.clone()));
        facts.push(("issued at", statement.issued_at.to_string()));
        facts.push(("sealed at", format!("{} (the signer's word)", statement.created)));
        if let Some(stamped) = &report.timestamp {
            facts.push((
                "stamped at",
                format!("{}, so it existed then (the word of `{}`)", stamped.time, stamped.authority),
            ));
        }
        if let Some(beacon) = statement.beacon {
            facts.push(("beacon", format!("sha256 {beacon}")));
        }
        facts.push(("policy", format!("{} (sha256 {})", statement.policy.name, statement.policy.sha256)));
        facts.push(("issuer", statement.issuer.subject.clone()));
    }
    if let Some(digest) = report.statement_sha256 {
        facts.push(("statement", format!("sha256 {digest}")));
    }
    if let Some(history) = &report.history {
        let (batches, lines) = (count(history.batches), count(history.lines));
        facts.push(("history", format!("{batches} batches, {lines} lines, {} to {}", history.from, history.to)));
        for (name, chained) in &history.policies {
            let (batches, certificates) = (count(chained.batches), count(chained.certificates));
            facts.push(("history", format!("policy `{name}`: {batches} batches, {certificates} certificates")));
        }
        for ((name, reason), of_reason) in &history.reissues {
            let certificates = count(*of_reason);
            facts.push(("history", format!("policy `{name}`: {certificates} certificates issued again: {reason}")));
        }
        if let Some(head) = history.head {
            facts.push(("head", format!("statement sha256 {head}")));
        }
    }
    facts.extend(accounted(report));
    facts.push(("certificates", format!("{} checked", count(report.certificates))));
    facts.push((
        "possession",
        match report.possession {
            PossessionShown::Partial { shown, chips } => {
                format!("partial: {} of {} chips", count(shown), count(chips))
            }
            other => other.as_str().to_owned(),
        },
    ));
    for (relaxation, leaves) in &report.relaxations {
        facts.push(("relaxation", format!("{relaxation}: {} leaves", count(*leaves))));
    }
    for (subject, leaves) in &report.anchors {
        facts.push(("anchor", format!("{subject}: {} leaves", count(*leaves))));
    }
    facts
}

/// What was left out, and on whose word.
fn accounted(report: &AuditReport) -> Vec<(&'static str, String)> {
    if report.statement.is_none() {
        return vec![];
    }
    let mut facts = vec![
        ("rejected", format!("{} items", count(report.rejected))),
        ("ignored", format!("{} items", count(report.ignored))),
    ];
    if let Some(history) = &report.history {
        let shown = count(history.shown);
        facts.push(("shown", format!("{shown} findings about earlier batches, by those batches")));
    }
    let total: u64 = report.word.values().sum();
    let kinds: Vec<String> =
        report.word.iter().map(|(code, findings)| format!("{} {code}", count(*findings))).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
    facts.push(("signer's word", format!("{} findings{kinds}", count(total))));
    if let Some(list) = &report.list {
        let (listed, missing) = (count(list.listed), count(list.missing.len() as u64));
        let unlisted = count(list.unlisted);
        let message =
            format!("{listed} chips on the list, {missing} of them missing; {unlisted} certificates of other chips");
        facts.push(("expected", message));
    }
    facts
}
