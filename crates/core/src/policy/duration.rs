//! Durations as calendars count them: years, days, hours.

use time::{Date, PrimitiveDateTime, UtcOffset};

use crate::x509::Time;

/// A span of calendar years, then days, then hours; never nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CalendarDuration {
    years: i32,
    days: i64,
    hours: i64,
}

impl CalendarDuration {
    /// Reads `20y`, `90d`, `12h`, `1y30d12h`: each unit at most once, in this order.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = [0_u32; 3];
        let mut rest = text;
        let mut next = 0;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
            let (number, unit) = rest.split_at(digits);
            let at = next + ['y', 'd', 'h'][next..].iter().position(|known| unit.starts_with(*known))?;
            // at most ten thousand years, so that sums cannot leave what the calendar knows by much
            parts[at] =
                number.parse().ok().filter(|number| (1..=4_000_000).contains(number) && !rest.starts_with('0'))?;
            next = at + 1;
            rest = &unit[1..];
            if next > 2 && !rest.is_empty() {
                return None;
            }
        }
        let years = i32::try_from(parts[0]).ok().filter(|years| *years < 10_000)?;
        (next > 0).then_some(Self { years, days: parts[1].into(), hours: parts[2].into() })
    }

    /// The last second of the span that begins at `begin`: `20y` ends on the same calendar date 20 years on, one second
    /// earlier, because notAfter is inclusive. 29 February becomes 28 February where the year has no 29th.
    /// `None` beyond the year 9999.
    pub(super) fn end(self, begin: Time) -> Option<Time> {
        let civil = begin.civil();
        let date = civil.date();
        let year = date.year() + self.years;
        // the calendar repeats every 400 years; a date beyond 9999 may still be one second after an end that is not
        let cycles = if year > 9999 { (year - 9999 + 399) / 400 } else { 0 };
        let known = year - 400 * cycles;
        let day = date.day().min(date.month().length(known));
        let date = Date::from_calendar_date(known, date.month(), day).ok()?;
        let moment = PrimitiveDateTime::new(date, civil.time()).assume_offset(UtcOffset::UTC).unix_timestamp();
        let days = self.days + i64::from(cycles) * DAYS_IN_400_YEARS;
        Time::from_unix(moment + days * 86_400 + self.hours * 3_600 - 1).ok()
    }
}

/// Days of a full cycle of the Gregorian calendar.
const DAYS_IN_400_YEARS: i64 = 146_097;

#[cfg(test)]
mod tests {
    use super::*;

    fn end(begin: &str, duration: &str) -> Option<String> {
        let duration = CalendarDuration::parse(duration).unwrap();
        duration.end(Time::from_rfc3339(begin).unwrap()).map(|time| time.to_string())
    }

    #[test]
    fn twenty_years_end_one_second_before_the_same_date() {
        assert_eq!(end("2026-03-01T00:00:00Z", "20y").unwrap(), "2046-02-28T23:59:59Z");
        assert_eq!(end("2026-03-01T12:30:00Z", "1y").unwrap(), "2027-03-01T12:29:59Z");
        assert_eq!(end("2026-03-01T00:00:00Z", "90d").unwrap(), "2026-05-29T23:59:59Z");
        assert_eq!(end("2026-03-01T00:00:00Z", "1y1d1h").unwrap(), "2027-03-02T00:59:59Z");
    }

    #[test]
    fn the_leap_day_becomes_the_28th() {
        assert_eq!(end("2028-02-29T00:00:00Z", "1y").unwrap(), "2029-02-27T23:59:59Z");
        assert_eq!(end("2028-02-29T00:00:00Z", "4y").unwrap(), "2032-02-28T23:59:59Z");
        assert_eq!(end("2028-02-29T10:00:00Z", "1y").unwrap(), "2029-02-28T09:59:59Z");
    }

    #[test]
    fn nothing_ends_after_9999() {
        assert_eq!(end("2026-01-01T00:00:00Z", "7973y").unwrap(), "9998-12-31T23:59:59Z");
        assert_eq!(end("2026-01-01T00:00:00Z", "7973y365d").unwrap(), "9999-12-31T23:59:59Z");
        assert_eq!(end("2026-01-01T00:00:00Z", "7974y").unwrap(), "9999-12-31T23:59:59Z");
        assert_eq!(end("2026-01-01T00:00:01Z", "7974y"), None);
        assert_eq!(end("2028-02-29T00:00:00Z", "7972y"), None);
        assert_eq!(end("2026-01-01T00:00:00Z", "7973y366d"), None);
        assert_eq!(end("2026-01-01T00:00:00Z", "9999y4000000d4000000h"), None);
    }

    #[test]
    fn only_the_written_form_is_a_duration() {
        for text in
            ["", "20", "y", "20Y", "1d1y", "1y1y", "1h1d", "0y", "01y", "-1y", "1.5y", "20 y", "10000y", "1m", "1y "]
        {
            assert_eq!(CalendarDuration::parse(text), None, "{text:?}");
        }
        for text in ["1y", "1d", "1h", "1y1h", "9999y", "4000000h"] {
            assert!(CalendarDuration::parse(text).is_some(), "{text:?}");
        }
    }
}
