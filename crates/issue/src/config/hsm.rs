//! `[hsm]`: how tokens are treated. Nothing in it enters a certificate, so what is not written has its usual value.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::signer::pkcs11::Settings;
use crate::toml::Value;

use super::error;
use super::schema::{Section, name};

/// Reads the section. Every mistake in it is noted.
pub(super) fn settings(section: &Section<'_>) -> Settings {
    let usual = Settings::default();
    let integer = |key, allowed| section.table.optional(key)?.integer(&allowed);
    let duration = |key, allowed| duration(&section.table.optional(key)?, &allowed);
    Settings {
        sessions: integer("sessions", SESSIONS).and_then(|count| NonZeroUsize::new(usize::try_from(count).ok()?)),
        call_timeout: duration("call_timeout", CALL_TIMEOUT).unwrap_or(usual.call_timeout),
        retries: integer("retries", RETRIES).and_then(|count| u32::try_from(count).ok()).unwrap_or(usual.retries),
        first_pause: duration("first_pause", PAUSE).unwrap_or(usual.first_pause),
        longest_pause: duration("longest_pause", PAUSE).unwrap_or(usual.longest_pause),
        wait: None,
    }
}

/// A whole number and a unit: `250ms`, `30s`, `2m`.
pub(super) fn duration(value: &Value<'_>, allowed: &RangeInclusive<Duration>) -> Option<Duration> {
    let text = value.text("a duration such as \"30s\"")?;
    parse(text).filter(|duration| allowed.contains(duration)).or_else(|| {
        let message = format!(
            "`{}` is not a duration from {} to {}, such as \"250ms\", \"30s\" or \"2m\"",
            name(value),
            shown(*allowed.start()),
            shown(*allowed.end()),
        );
        value.error(error::VALUE, message)
    })
}

fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

fn shown(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

const SESSIONS: RangeInclusive<u64> = 1..=1_024;
const RETRIES: RangeInclusive<u64> = 0..=100;
/// The longest is for people who touch a key or insert a card.
const CALL_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
const PAUSE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        for wrong in ["", "30", "s", "1.5s", "-1s", "30 s", "30S", "99999999999999999999s", "1h"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn limits_are_told_in_the_form_that_is_read() {
        for limit in [*CALL_TIMEOUT.start(), *CALL_TIMEOUT.end(), *PAUSE.start(), Duration::from_secs(90)] {
            assert_eq!(parse(&shown(limit)), Some(limit));
        }
    }
}
