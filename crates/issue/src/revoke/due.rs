//! Whether a round is due: for monitors, which ask more often than lists are made.

use std::path::Path;

use crate::crypto::sha256;
use crate::error::Error;
use crate::input;
use crate::ledger::Ledger;
use crate::x509::Time;

use super::publish::{Index, read_index};

/// What is published, and why a round is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// What is published, if anything.
    pub index: Option<Index>,
    /// Why a round is due; none if it is not.
    pub reasons: Vec<String>,
}

/// When a round is due.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Seconds before nextUpdate.
    pub before: i64,
    /// Seconds that a revocation may wait for a round.
    pub waiting: i64,
}

/// Looks at the published lists and, with a ledger, at what waits to be published.
///
/// # Errors
/// The index or the ledger cannot be read.
pub fn due(out: &Path, ledger: Option<&Ledger>, now: Time, limits: Limits) -> Result<Due, Error> {
    let index = read_index(out)?;
    let mut reasons = Vec::new();
    match &index {
        None => reasons.push("no round was published".to_owned()),
        Some(index) => {
            match Time::from_rfc3339(&index.next_update) {
                Ok(next) if next <= now => reasons.push(format!("the lists of round {} ended at {next}", index.round)),
                Ok(next) if next.unix() - now.unix() < limits.before => {
                    reasons.push(format!("the lists of round {} end at {next}", index.round));
                }
                Ok(_) => {}
                Err(_) => reasons.push("nextUpdate in the index is not a time".to_owned()),
            }
            for list in &index.lists {
                match input::read(&out.join(&list.file)) {
                    Ok(content) if sha256(&content).to_string() == list.sha256 => {}
                    Ok(_) => reasons.push(format!("`{}` is not the list that the index names", list.file)),
                    Err(error) => reasons.push(format!("`{}` cannot be read: {error}", list.file)),
                }
            }
        }
    }
    if let Some(ledger) = ledger {
        let published = index.as_ref().map_or(0, |index| index.round);
        let last = ledger.signed_round_before(u64::MAX)?.map_or(0, |last| last.number);
        if last > published {
            reasons.push(format!("round {last} was signed and is not published"));
        }
        let position = ledger.round(published)?.map_or(0, |round| round.position);
        if let Some(oldest) = ledger.oldest_change_after(position)?
            && now.unix() - oldest.unix() > limits.waiting
        {
            reasons.push(format!("a revocation of {oldest} waits to be published"));
        }
    }
    Ok(Due { index, reasons })
}
