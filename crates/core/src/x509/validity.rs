//! Certificate times (RFC 5280 §4.1.2.5): whole seconds, UTC, to 9999-12-31T23:59:59Z.

use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::tlv::{tag, write_element};

/// An instant in whole seconds UTC between the years 0000 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// "No well-defined expiration date": 99991231235959Z (RFC 5280 §4.1.2.5).
    pub const NEVER: Self = Self(253_402_300_799);

    /// From seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// The instant is outside the years 0000 to 9999.
    pub fn from_unix(seconds: i64) -> Result<Self, TimeError> {
        match OffsetDateTime::from_unix_timestamp(seconds) {
            Ok(moment) if (0..=9999).contains(&moment.year()) => Ok(Self(seconds)),
            _ => Err(TimeError::OutOfRange),
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339; a fraction of a second is refused.
    ///
    /// # Errors
    /// The text is not RFC 3339 in whole seconds.
    pub fn from_rfc3339(text: &str) -> Result<Self, TimeError> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimeError::NotRfc3339)?;
        if moment.nanosecond() != 0 {
            return Err(TimeError::NotRfc3339);
        }
        Self::from_unix(moment.unix_timestamp())
    }

    /// The civil date and time in UTC.
    pub fn civil(self) -> PrimitiveDateTime {
        let moment = OffsetDateTime::from_unix_timestamp(self.0).expect("constructors keep the range");
        PrimitiveDateTime::new(moment.date(), moment.time())
    }

    /// From a civil date and time in UTC, fractions dropped.
    ///
    /// # Errors
    /// The year is outside 0000 to 9999.
    pub fn from_civil(civil: PrimitiveDateTime) -> Result<Self, TimeError> {
        Self::from_unix(civil.assume_offset(UtcOffset::UTC).unix_timestamp())
    }

    /// Reads a Time's tag and content bytes as RFC 5280 §4.1.2.5 wants them: UTCTime to 2049, GeneralizedTime after,
    /// with seconds, without fractions, ending in Z.
    ///
    /// # Errors
    /// The bytes break one of these rules or name a date that does not exist.
    pub fn from_der(found: u8, content: &[u8]) -> Result<Self, TimeError> {
        let time = Self::from_named_der(found, content)?;
        // RFC 5280 §4.1.2.5: "CAs ... MUST always encode certificate validity dates through the year 2049 as UTCTime"
        if found == tag::GENERALIZED_TIME && time.civil().year() <= 2049 {
            return Err(TimeError::GeneralizedBefore2050 { year: time.civil().year() });
        }
        Ok(time)
    }

    /// As [`from_der`](Self::from_der), of a certificate that a person has named: GeneralizedTime for every year.
    /// RFC 5280 §4.1.2.5: "conforming applications MUST be able to process validity dates that are encoded in either".
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub(super) fn from_named_der(found: u8, content: &[u8]) -> Result<Self, TimeError> {
        let digits = |at: usize, count: usize| -> Result<i32, TimeError> {
            content[at..at + count].iter().try_fold(0, |value, byte| match byte {
                b'0'..=b'9' => Ok(value * 10 + i32::from(byte - b'0')),
                _ => Err(TimeError::Format),
            })
        };
        let (year, rest): (i32, usize) = match (found, content.len()) {
            (tag::UTC_TIME, 13) => {
                let year = digits(0, 2)?;
                (if year >= 50 { 1900 + year } else { 2000 + year }, 2)
            }
            (tag::GENERALIZED_TIME, 15) => (digits(0, 4)?, 4),
            (tag::UTC_TIME | tag::GENERALIZED_TIME, _) => return Err(TimeError::Format),
            _ => return Err(TimeError::WrongTag { found }),
        };
        if content.last() != Some(&b'Z') {
            return Err(TimeError::Format);
        }
        let part = |at| digits(rest + at, 2).map(|value| u8::try_from(value).expect("two digits"));
        let month = Month::try_from(part(0)?).map_err(|_| TimeError::NoSuchDate)?;
        let date = Date::from_calendar_date(year, month, part(2)?).map_err(|_| TimeError::NoSuchDate)?;
        let time = time::Time::from_hms(part(4)?, part(6)?, part(8)?).map_err(|_| TimeError::NoSuchDate)?;
        Self::from_civil(PrimitiveDateTime::new(date, time))
    }

    /// The DER element: UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5).
    pub fn to_der(self) -> Vec<u8> {
        let mut der = Vec::with_capacity(17);
        self.write_der(&mut der);
        der
    }

    /// As [`to_der`](Self::to_der), appended to `out`.
    pub fn write_der(self, out: &mut Vec<u8>) {
        let digits = self.digits();
        // years of two digits are those from 1950 to 2049
        let (tag, text) = match self.civil().year() {
            1950..=2049 => (tag::UTC_TIME, &digits[2..]),
            _ => (tag::GENERALIZED_TIME, &digits[..]),
        };
        write_element(out, tag, &[text, b"Z"]);
    }

    /// YYYYMMDDHHMMSS
    fn digits(self) -> [u8; 14] {
        let civil = self.civil();
        let year = u16::try_from(civil.year()).expect("constructors keep the range");
        let century = |year: u16| u8::try_from(year).expect("two digits");
        let parts = [
            century(year / 100),
            century(year % 100),
            u8::from(civil.month()),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
        ];
        let mut digits = [b'0'; 14];
        for (digits, part) in digits.chunks_exact_mut(2).zip(parts) {
            digits[0] += part / 10;
            digits[1] += part % 10;
        }
        digits
    }
}

/// RFC 3339 in UTC, whole seconds.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        let [year, month, day, hour, minute, second] =
            [&digits[..4], &digits[4..6], &digits[6..8], &digits[8..10], &digits[10..12], &digits[12..]]
                .map(|digits| std::str::from_utf8(digits).expect("digits"));
        for text in [year, "-", month, "-", day, "T", hour, ":", minute, ":", second, "Z"] {
            f.write_str(text)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({self})")
    }
}

/// The period in which a certificate is valid, both ends inclusive (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: Time,
    not_after: Time,
}

impl Validity {
    /// A period that does not end before it begins.
    ///
    /// # Errors
    /// `not_after` is before `not_before`.
    pub fn new(not_before: Time, not_after: Time) -> Result<Self, TimeError> {
        if not_after < not_before {
            return Err(TimeError::EndsBeforeItBegins { not_before, not_after });
        }
        Ok(Self { not_before, not_after })
    }

    /// First second of the period.
    pub const fn not_before(self) -> Time {
        self.not_before
    }

    /// Last second of the period.
    pub const fn not_after(self) -> Time {
        self.not_after
    }

    /// Whether `at` is inside.
    pub fn contains(self, at: Time) -> bool {
        self.not_before <= at && at <= self.not_after
    }
}

/// Why something is not a time or a period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The period is negative.
    #[error("validity ends at {not_after}, before it begins at {not_before}")]
    EndsBeforeItBegins {
        /// Begin found.
        not_before: Time,
        /// End found.
        not_after: Time,
    },
    /// Not YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ.
    #[error("time is not of the form YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ (RFC 5280 §4.1.2.5)")]
    Format,
    /// GeneralizedTime where UTCTime is required.
    #[error("year {year} is encoded as GeneralizedTime, expected UTCTime (RFC 5280 §4.1.2.5)")]
    GeneralizedBefore2050 {
        /// Year found.
        year: i32,
    },
    /// 30 February, hour 24, second 60.
    #[error("date or time of day does not exist")]
    NoSuchDate,
    /// Not RFC 3339 text in whole seconds.
    #[error("not an RFC 3339 time in whole seconds, expected for example 2026-01-31T00:00:00Z")]
    NotRfc3339,
    /// Outside the years 0000 to 9999.
    #[error("time lies outside the years 0000 to 9999")]
    OutOfRange,
    /// Neither UTCTime nor GeneralizedTime.
    #[error("time has tag {found:#04x}, expected UTCTime or GeneralizedTime")]
    WrongTag {
        /// Tag found.
        found: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Result<Time, TimeError> {
        Time::from_der(tag::UTC_TIME, text.as_bytes())
    }

    fn generalized(text: &str) -> Result<Time, TimeError> {
        Time::from_der(tag::GENERALIZED_TIME, text.as_bytes())
    }

    #[test]
    fn the_encoding_switches_in_2050() {
        let last = Time::from_rfc3339("2049-12-31T23:59:59Z").unwrap();
        assert_eq!(last.to_der(), [&[0x17, 13][..], b"491231235959Z"].concat());
        let first = Time::from_unix(last.unix() + 1).unwrap();
        assert_eq!(first.to_der(), [&[0x18, 15][..], b"20500101000000Z"].concat());
        assert_eq!(Time::NEVER.to_der(), [&[0x18, 15][..], b"99991231235959Z"].concat());
        assert_eq!(utc("491231235959Z"), Ok(last));
        assert_eq!(generalized("20500101000000Z"), Ok(first));
        assert_eq!(generalized("99991231235959Z"), Ok(Time::NEVER));
        assert_eq!(generalized("20491231235959Z"), Err(TimeError::GeneralizedBefore2050 { year: 2049 }));
        assert_eq!(generalized("19491231235959Z"), Err(TimeError::GeneralizedBefore2050 { year: 1949 }));
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in
            ["230230000000Z", "230001000000Z", "231301000000Z", "230229000000Z", "230101240000Z", "230101000060Z"]
        {
            assert_eq!(utc(text), Err(TimeError::NoSuchDate), "{text}");
        }
        assert!(utc("240229000000Z").is_ok());
    }

    #[test]
    fn only_the_der_form_of_a_time_is_read() {
        for text in ["2301010000Z", "230101000000+0100", "2301010000 0Z", "23010100000aZ", "2301010000000"] {
            assert_eq!(utc(text), Err(TimeError::Format), "{text}");
        }
        for text in ["20500101000000.5Z", "205001010000Z", "20500101000000"] {
            assert_eq!(generalized(text), Err(TimeError::Format), "{text}");
        }
        assert_eq!(Time::from_der(0x0C, b"230101000000Z"), Err(TimeError::WrongTag { found: 0x0C }));
    }

    #[test]
    fn a_period_includes_both_ends() {
        let begin = Time::from_unix(10).unwrap();
        let end = Time::from_unix(20).unwrap();
        let validity = Validity::new(begin, end).unwrap();
        assert!(validity.contains(begin) && validity.contains(end));
        assert!(!validity.contains(Time::from_unix(21).unwrap()));
        assert!(Validity::new(end, begin).is_err());
    }

    #[test]
    fn rfc_3339_text_round_trips() {
        assert_eq!(Time::NEVER.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Time::from_rfc3339("9999-12-31T23:59:59Z"), Ok(Time::NEVER));
        assert_eq!(Time::from_rfc3339("2026-01-31T01:00:00+01:00").unwrap().to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(Time::from_rfc3339("2026-01-31T00:00:00.5Z"), Err(TimeError::NotRfc3339));
    }
}
