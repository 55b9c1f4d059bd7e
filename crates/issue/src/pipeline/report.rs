//! How a run ended, for programs ([`Serialize`]) and as names and values for people: a front door renders both from the same
//! values.

use std::path::Path;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use reroot_core::report::{FindingsOf, count, path};

use crate::verify::MissingChip;
use crate::x509::{Sha256Digest, Time};

use super::outcome::{Elapsed, Outcome, Planned, Refusal, Signed, Stage, Summary, Timings};

/// How a run ended, with the place of what it leaves behind.
#[derive(Debug)]
pub struct Ended<'a, P> {
    /// How the run ended.
    pub outcome: &'a Outcome<P>,
    /// The output's place.
    pub out: &'a Path,
}

impl<P> Outcome<P> {
    /// Returns the word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::AlreadyDone(_) => "already-done",
            Self::Done(_) => "done",
            Self::DryRun(_) => "dry-run",
            Self::Refused(_) => "refused",
        }
    }
}

impl Summary {
    /// Returns whether something of the input, or of what was expected, is not in the batch.
    pub fn is_short(&self) -> bool {
        self.rejected > 0 || !self.reasons.is_empty()
    }

    /// Returns names and values for people; `out` is the batch directory.
    pub fn facts(&self, out: &Path) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        let planned = self.statement_sha256.is_none();
        if !planned {
            facts.extend([("batch", self.batch.clone()), ("issued at", self.issued_at.to_string())]);
        }
        if self.republished {
            facts.push(("published", "again, as it was sealed; nothing was signed".to_owned()));
        } else if self.resumed {
            facts.push(("resumed", "certificates of an earlier run were taken from the ledger".to_owned()));
        }
        let issued = if planned { "to issue" } else { "issued" };
        let [items, ready, rejected, ignored] = [self.items, self.issued, self.rejected, self.ignored].map(count);
        facts.push(("items", format!("{items} = {ready} {issued} + {rejected} rejected + {ignored} ignored")));
        if !planned {
            facts.push(("signatures", self.signatures()));
        }
        facts.extend(self.root_hash.map(|root| ("tree root", root.to_string())));
        if let Some(statement) = self.statement_sha256 {
            facts.extend([("statement", statement.to_string()), ("written to", path(out))]);
        }
        facts.extend(self.head.map(|head| ("ledger head", head.to_string())));
        facts
    }

    /// How many signatures were made, and why they are more than the certificates.
    fn signatures(&self) -> String {
        let (made, issued) = (self.signatures_made, self.issued);
        if made <= issued {
            return count(made);
        }
        format!(
            "{} for {} certificates: {} came out short and were made again, as the policy wants full width",
            count(made),
            count(issued),
            count(made - issued)
        )
    }
}

impl Timings {
    /// Returns how long each stage took, for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let fact = |stage: Stage| {
            let Elapsed { wall, cpu } = self.of(stage);
            (stage.as_str(), format!("{:.3} s, {:.3} s CPU", wall.as_secs_f64(), cpu.as_secs_f64()))
        };
        Stage::ALL.map(fact).into()
    }
}

impl Planned {
    /// Returns what a plan has beside its summary, for people; `out` is the plan.
    pub fn facts(&self, out: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("batch", self.summary.batch.clone()),
            ("issued at", self.summary.issued_at.to_string()),
            ("plan", self.plan_sha256.to_string()),
            ("written to", file(out, self.bytes)),
        ]
    }
}

impl Signed {
    /// Returns names and values for people; `out` is the signature file.
    pub fn facts(&self, out: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("batch", self.batch.clone()),
            ("signed", count(self.count)),
            ("signatures", count(self.signatures_made)),
            ("plan", self.plan_sha256.to_string()),
            ("written to", file(out, self.bytes)),
            ("its SHA-256", self.file_sha256.to_string()),
            ("ledger head", self.head.to_string()),
        ]
    }
}

fn file(out: &Path, bytes: u64) -> String {
    format!("{} ({} bytes)", path(out), count(bytes))
}

#[derive(Serialize)]
struct OfBatch<'a> {
    outcome: &'static str,
    batch: Option<&'a str>,
    issued_at: Option<Time>,
    out: String,
    counts: Counts,
    resumed: bool,
    republished: bool,
    reasons: &'a [String],
    missing: &'a [MissingChip],
    root_hash: Option<Sha256Digest>,
    statement_sha256: Option<Sha256Digest>,
    ledger_head: Option<Sha256Digest>,
    warnings: &'a [String],
    timings: Timings,
    #[serde(flatten)]
    findings: FindingsOf<'a>,
}

#[derive(Serialize)]
struct Counts {
    items: u64,
    issued: u64,
    rejected: u64,
    ignored: u64,
    signatures_made: u64,
}

impl Serialize for Ended<'_, Summary> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let summary = match self.outcome {
            Outcome::AlreadyDone(summary) | Outcome::Done(summary) | Outcome::DryRun(summary) => summary,
            Outcome::Refused(refusal) => return refusal.serialize(serializer),
        };
        let planned = summary.statement_sha256.is_none();
        let whole = OfBatch {
            outcome: self.outcome.as_str(),
            batch: (!planned).then_some(&summary.batch),
            issued_at: (!planned).then_some(summary.issued_at),
            out: path(self.out),
            counts: Counts {
                items: summary.items,
                issued: summary.issued,
                rejected: summary.rejected,
                ignored: summary.ignored,
                signatures_made: summary.signatures_made,
            },
            resumed: summary.resumed,
            republished: summary.republished,
            reasons: &summary.reasons,
            missing: &summary.missing,
            root_hash: summary.root_hash,
            statement_sha256: summary.statement_sha256,
            ledger_head: summary.head,
            warnings: &summary.warnings,
            timings: summary.timings,
            findings: FindingsOf::new(&summary.findings),
        };
        whole.serialize(serializer)
    }
}

impl Serialize for Timings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Seconds {
            wall: f64,
            cpu: f64,
        }
        let mut map = serializer.serialize_map(Some(Stage::ALL.len()))?;
        for stage in Stage::ALL {
            let Elapsed { wall, cpu } = self.of(stage);
            map.serialize_entry(stage.as_str(), &Seconds { wall: wall.as_secs_f64(), cpu: cpu.as_secs_f64() })?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct OfRefusal<'a> {
    outcome: &'static str,
    batches: &'a [String],
    items: u64,
    ready: u64,
    skip_helps: bool,
    note_helps: bool,
    reasons: &'a [String],
    missing: &'a [MissingChip],
    warnings: &'a [String],
    #[serde(flatten)]
    findings: FindingsOf<'a>,
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = OfRefusal {
            outcome: if self.issued_in.is_empty() { "refused" } else { "already-issued" },
            batches: &self.issued_in,
            items: self.items,
            ready: self.ready,
            skip_helps: self.skip_helps,
            note_helps: self.note_helps,
            reasons: &self.reasons,
            missing: &self.missing,
            warnings: &self.warnings,
            findings: FindingsOf::new(&self.findings),
        };
        whole.serialize(serializer)
    }
}

#[derive(Serialize)]
struct OfPlan<'a> {
    outcome: &'static str,
    #[serde(flatten)]
    made: Option<MadePlan<'a>>,
    counts: PlanCounts,
    warnings: &'a [String],
    #[serde(flatten)]
    findings: FindingsOf<'a>,
}

/// What a dry run does not have.
#[derive(Serialize)]
struct MadePlan<'a> {
    batch: &'a str,
    issued_at: Time,
    plan: String,
    plan_sha256: Sha256Digest,
    bytes: u64,
    reasons: &'a [String],
    missing: &'a [MissingChip],
    ledger_head: Option<Sha256Digest>,
}

#[derive(Serialize)]
struct PlanCounts {
    items: u64,
    leaves: u64,
    rejected: u64,
    ignored: u64,
}

impl Serialize for Ended<'_, Planned> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (summary, planned) = match self.outcome {
            Outcome::AlreadyDone(planned) | Outcome::Done(planned) => (&planned.summary, Some(planned)),
            Outcome::DryRun(summary) => (summary, None),
            Outcome::Refused(refusal) => return refusal.serialize(serializer),
        };
        let whole = OfPlan {
            outcome: self.outcome.as_str(),
            made: planned.map(|planned| MadePlan {
                batch: &summary.batch,
                issued_at: summary.issued_at,
                plan: path(self.out),
                plan_sha256: planned.plan_sha256,
                bytes: planned.bytes,
                reasons: &summary.reasons,
                missing: &summary.missing,
                ledger_head: summary.head,
            }),
            counts: PlanCounts {
                items: summary.items,
                leaves: summary.issued,
                rejected: summary.rejected,
                ignored: summary.ignored,
            },
            warnings: &summary.warnings,
            findings: FindingsOf::new(&summary.findings),
        };
        whole.serialize(serializer)
    }
}

#[derive(Serialize)]
struct OfSigned<'a> {
    outcome: &'static str,
    batch: &'a str,
    plan_sha256: Sha256Digest,
    signatures: String,
    count: u64,
    signatures_made: u64,
    bytes: u64,
    signatures_sha256: Sha256Digest,
    resumed: bool,
    ledger_head: Sha256Digest,
}

impl Serialize for Ended<'_, Signed> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let signed = match self.outcome {
            Outcome::AlreadyDone(signed) | Outcome::Done(signed) => signed,
            Outcome::Refused(refusal) => return refusal.serialize(serializer),
            Outcome::DryRun(_) => return Err(serde::ser::Error::custom("signing has no dry run")),
        };
        let whole = OfSigned {
            outcome: self.outcome.as_str(),
            batch: &signed.batch,
            plan_sha256: signed.plan_sha256,
            signatures: path(self.out),
            count: signed.count,
            signatures_made: signed.signatures_made,
            bytes: signed.bytes,
            signatures_sha256: signed.file_sha256,
            resumed: signed.resumed,
            ledger_head: signed.head,
        };
        whole.serialize(serializer)
    }
}
