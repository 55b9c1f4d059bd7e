//! Is this run another spelling of an earlier one?
//!
//! A command that was given before is found by the digest of all of it. One that differs only in what describes the run
//! (the name of the archive, the list of expected chips, the bulk identifier) makes the same certificates of the same
//! leaves: its batch is found by them. It must be in this input whole, and its terms must be the run's.
//!
//! An open batch is then gone on with. A sealed one comes out again byte for byte or not at all, so what it was sealed
//! from must be at hand: inputs of the same names and content, or the published batch itself at the output's place.

use crate::error::Error;
use crate::ledger::{BatchId, BatchRow, BatchState, Ledger, Standing, Standings};

use super::job::Job;
use super::seal;
use super::settle::Settled;

/// What was found.
pub(super) enum Again {
    /// The batch, and which of the leaves it has.
    Found(Box<BatchRow>, Vec<bool>),
    /// None, and what is worth knowing about that.
    New(Option<String>),
}

/// Looks among the batches that have leaves of this run.
pub(super) fn find(
    job: &Job<'_>,
    ledger: &Ledger,
    settled: &Settled,
    standings: &Standings,
    unexpected: &[usize],
) -> Result<Again, Error> {
    let mut warning = None;
    for id in candidates(standings, unexpected) {
        let Some(row) = ledger.batch(&id)?.filter(|row| settled.terms.goes_on_with(&row.terms)) else { continue };
        let Some(members) = ledger.members(&id, &settled.leaves())? else { continue };
        let again = match row.state {
            BatchState::Abandoned => continue,
            BatchState::Open => true,
            BatchState::Sealed => comes_out_again(job, ledger, settled, &row)?,
        };
        if again {
            return Ok(Again::Found(Box::new(row), members));
        }
        let all = members.iter().enumerate().all(|(at, member)| *member || unexpected.binary_search(&at).is_ok());
        if all {
            warning.get_or_insert(format!(
                "batch {id} was sealed from these leaves, packed or named otherwise; only the inputs as they were then \
                 publish it again"
            ));
        }
    }
    Ok(Again::New(warning))
}

/// Open batches before sealed ones, later before earlier: names of batches are times.
fn candidates(standings: &Standings, unexpected: &[usize]) -> Vec<BatchId> {
    let mut found: Vec<(bool, BatchId)> = Vec::new();
    let wanted = standings.iter().filter(|(at, _)| unexpected.binary_search(at).is_err());
    for (_, standing) in wanted.take(MAX_SAMPLE) {
        let candidate = match standing {
            Standing::Held { batch } => (true, batch),
            Standing::Issued { batch, same_policy: true, same_params: true, same_source: true } => (false, batch),
            _ => continue,
        };
        if found.last() != Some(&candidate) && !found.contains(&candidate) {
            found.push(candidate);
            if found.len() == MAX_CANDIDATES {
                break;
            }
        }
    }
    found.sort_unstable();
    found.into_iter().rev().map(|(_, batch)| batch).collect()
}

/// Whether a sealed batch can come out of this run as it was sealed.
fn comes_out_again(job: &Job<'_>, ledger: &Ledger, settled: &Settled, row: &BatchRow) -> Result<bool, Error> {
    if row.terms.inputs_sha256 == settled.terms.inputs_sha256 {
        return Ok(true);
    }
    // more items than it was made from are not its inputs under another name
    let published = seal::sealed_at(job.out, ledger)?;
    Ok(published
        .is_some_and(|statement| statement.batch == row.id.to_string() && statement.counts.items == settled.items))
}

/// A run of the same leaves has one batch; a collection of many earlier ones is not one of them.
const MAX_CANDIDATES: usize = 8;

/// Any leaf of the batch names it.
const MAX_SAMPLE: usize = 4_096;
