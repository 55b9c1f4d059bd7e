//! How fast a token signs, against the number of sessions.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::parallel;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::error::Pkcs11Error;
use crate::fault::Fault;
use crate::module::PooledSession;
use crate::open::TokenKey;
use crate::token::Token;
use crate::watchdog::{Held, Overdue, guarded};
use crate::{MOST_SESSIONS, Settings};

/// What to measure.
#[derive(Clone, Debug)]
pub struct Bench {
    /// Which key signs.
    pub key: BenchKey,
    /// Numbers of sessions to try. Empty: 1, 2, 4 and so on, up to what the token allows or 32.
    pub sessions: Vec<NonZeroUsize>,
    /// How long to sign with each.
    pub time: Duration,
}

/// Which key signs in a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchKey {
    /// The key of the URI itself. It signs a text that says it is not a certificate.
    Given,
    /// A new key that the token forgets when the benchmark's session ends. The URI's object is not touched.
    Passing(KeyAlgorithm),
}

/// What a benchmark measured.
#[derive(Clone, Debug)]
pub struct BenchReport {
    /// The token.
    pub token: String,
    /// What it signed with.
    pub algorithm: SignatureAlgorithm,
    /// A measurement for each number of sessions.
    pub rows: Vec<BenchRow>,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct BenchRow {
    /// Sessions that signed at a time.
    pub sessions: usize,
    /// Signatures made.
    pub signatures: u64,
    /// In this time.
    pub elapsed: Duration,
}

impl BenchRow {
    /// Signatures a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no 52 bits")]
    pub fn rate(&self) -> f64 {
        self.signatures as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

impl BenchReport {
    /// The fewest sessions that come within a twentieth of the highest rate.
    pub fn best(&self) -> Option<&BenchRow> {
        let highest = self.rows.iter().map(BenchRow::rate).fold(0.0, f64::max);
        self.rows.iter().filter(|row| row.rate() >= 0.95 * highest).min_by_key(|row| row.sessions)
    }

    /// How long `signatures` take with the best number of sessions. `None` if nothing was signed.
    pub fn time_for(&self, signatures: u64) -> Option<Duration> {
        let best = self.best().filter(|best| best.signatures > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate needs no 52 bits")]
        Some(Duration::from_secs_f64(signatures as f64 / best.rate()))
    }
}

/// Measures how fast a token signs.
///
/// # Errors
/// The token cannot be opened, a key cannot be made in it, or a signature fails.
pub fn bench(key: TokenKey, what: &Bench, settings: &Settings) -> Result<BenchReport, Pkcs11Error> {
    let TokenKey { uri, pin } = key;
    let name = format!("`{uri}`");
    let limit = settings.call_timeout;
    let kind = what.key;
    let (token, first_seat) = settle(
        guarded(limit, move || match kind {
            BenchKey::Given => Token::open(&uri, Arc::new(pin)),
            BenchKey::Passing(algorithm) => Token::with_passing_key(&uri, Arc::new(pin), algorithm),
        }),
        &name,
        limit,
    )?;
    let token = Held::new(token, limit);
    let spki = token.public_key().cloned().ok_or_else(|| Pkcs11Error::PublicKey {
        token: token.name().to_owned(),
        reason: "the token does not tell it, so its kind is unknown".to_owned(),
    })?;
    let algorithm = spki.algorithm().usual_signature();
    let plan = token.plan(&spki, algorithm)?;
    let allowed = token.session_limit().unwrap_or(MOST_SESSIONS).min(MOST_SESSIONS);
    let sessions: Vec<usize> = if what.sessions.is_empty() {
        let doubling = std::iter::successors(Some(1), |sessions| Some(sessions * 2));
        doubling.take_while(|sessions| *sessions <= allowed).collect()
    } else {
        what.sessions.iter().map(|sessions| sessions.get()).collect()
    };
    let mut rows = Vec::with_capacity(sessions.len());
    let mut seats = Held::new(vec![first_seat], limit);
    for sessions in sessions {
        let opened = seats.len();
        seats.resize_with(sessions.max(opened), || token.seat());
        let started = Instant::now();
        let end = started + what.time;
        let sign = |seat: &Arc<PooledSession>| {
            let (token, seat) = (Arc::clone(&*token), Arc::clone(seat));
            guarded(limit, move || {
                let mut signatures = 0_u64;
                // at least one, so that a rate can be told
                while signatures == 0 || Instant::now() < end {
                    token.sign(&seat, plan, MESSAGE)?;
                    signatures += 1;
                }
                Ok(signatures)
            })
        };
        let counts = parallel::map_each(seats[..sessions].iter().collect(), sign);
        let elapsed = started.elapsed();
        let mut signatures = 0;
        for count in counts {
            signatures += settle(count, token.name(), limit)?;
        }
        rows.push(BenchRow { sessions, signatures, elapsed });
    }
    Ok(BenchReport { token: token.name().to_owned(), algorithm, rows })
}

fn settle<T>(result: Result<Result<T, Fault>, Overdue>, name: &str, limit: Duration) -> Result<T, Pkcs11Error> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(fault)) => Err(fault.at(name, 1)),
        Err(overdue) => Err(Fault::hang(overdue, limit, name)),
    }
}

/// Begins as no DER does, so that it can be taken for no certificate, list or request.
const MESSAGE: &[u8] = b"reroot: this text is signed to measure time and means nothing else";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_setting_is_the_smallest_within_a_twentieth_of_the_fastest() {
        let row = |sessions, signatures| BenchRow { sessions, signatures, elapsed: Duration::from_secs(1) };
        let rows = vec![row(1, 100), row(2, 195), row(4, 200), row(8, 150)];
        let report = BenchReport { token: String::new(), algorithm: SignatureAlgorithm::EcdsaSha256, rows };
        assert_eq!(report.best().unwrap().sessions, 2);
        assert_eq!(report.time_for(1950), Some(Duration::from_secs(10)));
    }
}
