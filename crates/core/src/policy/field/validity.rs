//! `certificate.not_before`, `not_after`, `outlives_issuer`: the certificate's validity.

use std::ops::Range;

use crate::policy::duration::CalendarDuration;
use crate::policy::error;
use crate::text::{Printable, did_you_mean};
use crate::toml::{Table, Value};
use crate::x509::{Time, Validity};

use super::Field;

pub(super) const NOT_BEFORE: Field = Field {
    path: "certificate.not_before",
    meaning: "First second of validity. `issuance` is the batch's instant in whole seconds, `source` the source leaf's own.",
    form: "`issuance`, `source` or an RFC 3339 time",
    clause: "RFC 5280 §4.1.2.5",
    criticality: None,
    checks: &[
        "not before the issuing CA's own and not after its end; with `source` a leaf that breaks this is rejected",
    ],
    example: "not_before = \"issuance\"",
};

pub(super) const NOT_AFTER: Field = Field {
    path: "certificate.not_after",
    meaning: "Last second of validity. A duration counts calendar years, days and hours from not_before and ends one second \
              earlier, because the end is inclusive; 29 February becomes 28 February. `never` is 9999-12-31T23:59:59Z. \
              Years to 2049 are encoded as UTCTime, from 2050 as GeneralizedTime.",
    form: "a duration (`20y`, `90d`, `12h`, `1y30d12h`), `never`, `source` or an RFC 3339 time",
    clause: "RFC 5280 §4.1.2.5",
    criticality: None,
    checks: &[
        "not before not_before",
        "within the year 9999",
        "within the issuing CA's validity, see `outlives_issuer`",
    ],
    example: "not_after = \"20y\"",
};

pub(super) const OUTLIVES_ISSUER: Field = Field {
    path: "certificate.outlives_issuer",
    meaning: "What to do when not_after is after the issuing CA's: `error` refuses, `clamp` takes the CA's end, `allow` \
              writes it as it is.",
    form: "`error`, `clamp` or `allow`",
    clause: "RFC 5280 §6.1.3 (a)(2): a path is not valid outside its CA's validity",
    criticality: None,
    checks: &[
        "`never` with `error` can only hold under a CA that never ends",
        "no CA above the issuing CA ends before it, unless `allow` (before a batch begins; RFC 5280 §6.1.3 (a)(2))",
    ],
    example: "outlives_issuer = \"error\"",
};

/// Where the first second comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Begin {
    At(Time),
    Issuance,
    Source,
}

/// Where the last second comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum End {
    After(CalendarDuration),
    At(Time),
    Source,
}

/// What to do beyond the issuer's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum OutlivesIssuer {
    Allow,
    Clamp,
    Error,
}

/// The three lines together, with their places.
#[derive(Clone, Debug)]
pub(in crate::policy) struct ValidityRule {
    pub(in crate::policy) begin: Begin,
    pub(in crate::policy) end: End,
    pub(in crate::policy) outlives: OutlivesIssuer,
    pub(in crate::policy) begin_span: Range<usize>,
    pub(in crate::policy) end_span: Range<usize>,
}

/// Why a validity cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::policy) enum ValidityFault {
    #[error("not_before {not_before} lies after the issuing CA's own end {issuer}")]
    AfterIssuer { not_before: Time, issuer: Time },
    #[error("not_before {not_before} lies before the issuing CA's own {issuer}")]
    BeforeIssuer { not_before: Time, issuer: Time },
    #[error("not_after {not_after} lies before not_before {not_before}")]
    Negative { not_before: Time, not_after: Time },
    #[error("not_after {not_after} lies beyond the issuing CA's own {issuer}")]
    OutlivesIssuer { not_after: Time, issuer: Time },
    #[error("not_after lies beyond the year 9999")]
    OutOfRange,
}

impl ValidityFault {
    /// Returns whether `not_before` is at fault.
    pub(in crate::policy) fn is_of_begin(&self) -> bool {
        matches!(self, Self::AfterIssuer { .. } | Self::BeforeIssuer { .. })
    }

    /// What to do about it.
    pub(in crate::policy) fn hint(&self) -> &'static str {
        match self {
            Self::AfterIssuer { .. } => "The CA has expired: issue under one that is valid.",
            Self::BeforeIssuer { .. } => {
                "The CA is not valid yet at that instant: check the clock, write not_before = \"issuance\", or issue under an older CA."
            }
            Self::Negative { .. } => "Let not_after follow not_before, for example by a duration such as \"20y\".",
            Self::OutlivesIssuer { .. } => {
                "Shorten not_after, write outlives_issuer = \"clamp\" or \"allow\", or issue under a CA that lives longer."
            }
            Self::OutOfRange => "Write not_after = \"never\" for a certificate without an end.",
        }
    }
}

impl ValidityRule {
    /// Whether the validity is the same for every leaf of a batch.
    pub(in crate::policy) fn is_constant(&self) -> bool {
        self.begin != Begin::Source && self.end != End::Source
    }

    /// The validity for a leaf.
    pub(in crate::policy) fn decide(
        &self,
        issued_at: Time,
        source: Validity,
        issuer: Validity,
    ) -> Result<Validity, ValidityFault> {
        let not_before = match self.begin {
            Begin::At(time) => time,
            Begin::Issuance => issued_at,
            Begin::Source => source.not_before(),
        };
        let mut not_after = match self.end {
            End::After(duration) => duration.end(not_before).ok_or(ValidityFault::OutOfRange)?,
            End::At(time) => time,
            End::Source => source.not_after(),
        };
        if not_before < issuer.not_before() {
            return Err(ValidityFault::BeforeIssuer { not_before, issuer: issuer.not_before() });
        }
        if not_before > issuer.not_after() {
            return Err(ValidityFault::AfterIssuer { not_before, issuer: issuer.not_after() });
        }
        if not_after > issuer.not_after() {
            match self.outlives {
                OutlivesIssuer::Allow => {}
                OutlivesIssuer::Clamp => not_after = issuer.not_after(),
                OutlivesIssuer::Error => {
                    return Err(ValidityFault::OutlivesIssuer { not_after, issuer: issuer.not_after() });
                }
            }
        }
        Validity::new(not_before, not_after).map_err(|_| ValidityFault::Negative { not_before, not_after })
    }
}

pub(in crate::policy) fn read(table: &Table<'_>) -> Option<ValidityRule> {
    let begin = table.required("not_before").and_then(|value| Some((begin(&value)?, value.span.clone())));
    let end = table.required("not_after").and_then(|value| Some((end(&value)?, value.span.clone())));
    let outlives = table.required("outlives_issuer").and_then(|value| {
        let choices =
            [("error", OutlivesIssuer::Error), ("clamp", OutlivesIssuer::Clamp), ("allow", OutlivesIssuer::Allow)];
        value.choice(&choices)
    });
    let ((begin, begin_span), (end, end_span)) = (begin?, end?);
    let rule = ValidityRule { begin, end, outlives: outlives?, begin_span, end_span };
    let fault = match (rule.begin, rule.end) {
        (Begin::At(not_before), End::At(not_after)) if not_after < not_before => {
            Some(ValidityFault::Negative { not_before, not_after })
        }
        (Begin::At(not_before), End::After(duration)) if duration.end(not_before).is_none() => {
            Some(ValidityFault::OutOfRange)
        }
        _ => None,
    };
    match fault {
        None => Some(rule),
        Some(fault) => table.errors.push_hint(
            error::CONTRADICTION,
            rule.end_span.clone(),
            format!("`certificate`: {fault}"),
            fault.hint(),
        ),
    }
}

fn begin(value: &Value<'_>) -> Option<Begin> {
    match value.string()? {
        "issuance" => Some(Begin::Issuance),
        "source" => Some(Begin::Source),
        text if looks_like_time(text) => time(value, text).map(Begin::At),
        text => value.unknown(text, &["issuance", "source", "an RFC 3339 time"]),
    }
}

fn end(value: &Value<'_>) -> Option<End> {
    let text = value.string()?;
    match text {
        "never" => return Some(End::At(Time::NEVER)),
        "source" => return Some(End::Source),
        _ if looks_like_time(text) => return time(value, text).map(End::At),
        _ => {}
    }
    if let Some(duration) = CalendarDuration::parse(text) {
        return Some(End::After(duration));
    }
    let message = format!(
        "`{}` is \"{}\", expected a duration, never, source or an RFC 3339 time",
        value.path,
        Printable::new(text)
    );
    let hint = did_you_mean(text, ["never", "source"]).unwrap_or_else(|| {
        "A duration is years, days and hours in this order, such as 20y, 90d or 1y30d12h.".to_owned()
    });
    value.error_hint(error::DURATION, message, hint)
}

fn looks_like_time(text: &str) -> bool {
    text.len() > 4 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit) && text.contains('-')
}

fn time(value: &Value<'_>, text: &str) -> Option<Time> {
    match Time::from_rfc3339(text) {
        // RFC 5280 §4.1.2.5: UTCTime begins in 1950; nothing older is written by this program
        Ok(time) if time.civil().year() >= 1950 => Some(time),
        Ok(time) => value.error(error::TIME, format!("`{}` is {time}, expected a time from 1950 on", value.path)),
        Err(reason) => value.error(error::TIME, format!("`{}` is {reason}", value.path)),
    }
}
