//! What was found of a token: values that a front door renders.

use serde::{Serialize, Serializer};

use crate::crypto::sha256;
use crate::x509::{KeyAlgorithm, Sha256Digest};

use super::{BenchReport, DoctorReport, Outcome};

/// A token that was examined.
#[derive(Clone, Copy, Debug)]
pub struct Examined<'a>(pub &'a DoctorReport);

#[derive(Serialize)]
struct OfToken<'a> {
    healthy: bool,
    steps: Vec<Step<'a>>,
    key: Option<Key>,
}

#[derive(Serialize)]
struct Step<'a> {
    step: &'static str,
    #[serde(flatten)]
    outcome: StepOutcome<'a>,
}

#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum StepOutcome<'a> {
    Works { facts: &'a [String] },
    Fails { error: &'a str, hint: Option<&'a str>, candidates: &'a [String] },
    NotTried,
}

#[derive(Serialize)]
struct Key {
    algorithm: KeyAlgorithm,
    spki_sha256: Sha256Digest,
}

impl Serialize for Examined<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let steps = self.0.steps.iter().map(|step| Step {
            step: step.name,
            outcome: match &step.outcome {
                Outcome::Passed(facts) => StepOutcome::Works { facts },
                Outcome::Failed { message, hint, candidates } => {
                    StepOutcome::Fails { error: message, hint: hint.as_deref(), candidates }
                }
                Outcome::Skipped => StepOutcome::NotTried,
            },
        });
        let key = self.0.public_key.as_ref();
        let whole = OfToken {
            healthy: self.0.is_healthy(),
            steps: steps.collect(),
            key: key.map(|spki| Key { algorithm: spki.algorithm(), spki_sha256: sha256(spki.der()) }),
        };
        whole.serialize(serializer)
    }
}

impl Examined<'_> {
    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut shown = Vec::new();
        for step in &self.0.steps {
            match &step.outcome {
                Outcome::Passed(facts) => {
                    shown.push((step.name, "works".to_owned()));
                    shown.extend(facts.iter().map(|fact| ("", format!("  {fact}"))));
                }
                Outcome::Failed { message, hint, candidates } => {
                    shown.push((step.name, format!("FAILS: {message}")));
                    shown.extend(candidates.iter().map(|candidate| ("", format!("  {candidate}"))));
                    shown.extend(hint.iter().map(|hint| ("", format!("  hint: {hint}"))));
                }
                Outcome::Skipped => shown.push((step.name, "not tried".to_owned())),
            }
        }
        shown
    }
}

/// A token whose speed was measured, and a batch whose time is estimated.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// What was measured.
    pub report: &'a BenchReport,
    /// Certificates of the batch.
    pub batch: u64,
}

#[derive(Serialize)]
struct OfSpeed<'a> {
    token: &'a str,
    algorithm: String,
    rows: Vec<Row>,
    best_sessions: Option<usize>,
    batch: u64,
    batch_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Row {
    sessions: usize,
    signatures: u64,
    seconds: f64,
    rate: f64,
}

impl Serialize for Measured<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { report, batch } = *self;
        let rows = report.rows.iter().map(|row| Row {
            sessions: row.sessions,
            signatures: row.signatures,
            seconds: row.elapsed.as_secs_f64(),
            rate: row.rate(),
        });
        let whole = OfSpeed {
            token: &report.token,
            algorithm: report.algorithm.to_string(),
            rows: rows.collect(),
            best_sessions: report.best().map(|best| best.sessions),
            batch,
            batch_seconds: report.time_for(batch).map(|time| time.as_secs_f64()),
        };
        whole.serialize(serializer)
    }
}
