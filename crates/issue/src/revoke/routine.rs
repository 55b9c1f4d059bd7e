//! Rounds that change nothing: what a machine with the key can tell by itself.
//!
//! Such a round says what the last one said that this machine signed, for longer. The planner chooses its number and its
//! times, so each has a bound: a planner that is not to be trusted must not use numbers up, must not sign ahead, and must
//! not make lists that are taken for years.

use crate::ledger::CrlRound;
use crate::x509::Time;

/// Whether a round, which carries no record of a revocation or release, is only the last one again: the same lists, the
/// next numbers, thisUpdate of now, and an end at most so many days from now.
pub(super) fn is_routine(round: &CrlRound, last: Option<&CrlRound>, now: Time, days: u32) -> bool {
    let Some(last) = last else { return false };
    let scopes = |round: &CrlRound| round.lists.iter().map(|list| list.scope.clone()).collect::<Vec<_>>();
    let (begin, end) = (now.unix() - EARLIER, now.unix().saturating_add(i64::from(days) * 86_400));
    scopes(round) == scopes(last)
        && round.number > last.number
        && round.number - last.number <= NUMBERS
        && (begin..=now.unix()).contains(&round.this_update.unix())
        && round.next_update.unix() <= end
}

/// Seconds that thisUpdate is before now at the most: what relying parties' clocks are slow, and the time in a queue.
const EARLIER: i64 = 3_600;
/// Most numbers from one round to the next. Rounds that were planned and given up took one each.
const NUMBERS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sha256;
    use crate::ledger::{RoundList, Scope};

    fn round(number: u64, (this_update, next_update): (i64, i64), urls: &[&str]) -> CrlRound {
        let scopes = std::iter::once(Scope::default()).chain(urls.iter().map(|url| Scope::new([(*url).to_owned()])));
        let list = |scope| RoundList { scope, entries: 1, tbs_sha256: sha256(b"list"), tbs_bytes: 4 };
        CrlRound {
            number,
            issuer_sha256: sha256(b"issuer"),
            this_update: Time::from_unix(this_update).unwrap(),
            next_update: Time::from_unix(next_update).unwrap(),
            position: 1,
            encoder: 1,
            policies_sha256: sha256(b"policies"),
            lists: scopes.map(list).collect(),
        }
    }

    #[test]
    fn only_the_same_lists_for_a_short_while_are_routine() {
        let (now, day) = (1_800_000_000, 86_400);
        let at = Time::from_unix(now).unwrap();
        let last = round(7, (now - day, now + day), &["a"]);
        let usual = (now - 300, now + 7 * day);
        assert!(is_routine(&round(8, usual, &["a"]), Some(&last), at, 7));
        assert!(is_routine(&round(107, usual, &["a"]), Some(&last), at, 7));
        for (what, round) in [
            ("a number far ahead", round(108, usual, &["a"])),
            ("the same number", round(7, usual, &["a"])),
            ("an earlier number", round(6, usual, &["a"])),
            ("a time to come", round(8, (now + 1, now + 7 * day), &["a"])),
            ("a time long ago", round(8, (now - 3_601, now + 7 * day), &["a"])),
            ("an end too far away", round(8, (now - 300, now + 7 * day + 1), &["a"])),
            ("a list more", round(8, usual, &["a", "b"])),
            ("a list less", round(8, usual, &[])),
            ("a different list", round(8, usual, &["b"])),
        ] {
            assert!(!is_routine(&round, Some(&last), at, 7), "{what}");
        }
        assert!(!is_routine(&round(8, usual, &["a"]), None, at, 7), "the first round");
    }
}
