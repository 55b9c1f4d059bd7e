//! `[signing]`: whose plans the signing machine takes, and what it signs. Every line is a decision, so none has a usual
//! value.

use std::path::PathBuf;

use toml::Spanned;

use crate::toml::Value;
use crate::x509::Sha256Digest;

use super::error;
use super::schema::Section;

/// Longest distance between a plan and the clock that can be configured.
const MAX_DAYS: u64 = 3_650;

/// The section as it is written.
#[derive(Debug)]
pub(super) struct SigningSection {
    pub(super) planners: Vec<Spanned<PathBuf>>,
    pub(super) policies: Vec<Sha256Digest>,
    pub(super) max_days: u32,
}

/// Reads the section. Every mistake in it is noted.
pub(super) fn read(section: &Section<'_>) -> Option<SigningSection> {
    let planners = section.paths("planners");
    let policies = section.table.required("policies").and_then(|value| policies(&value));
    let max_days = section.table.required("max_days").and_then(|value| value.integer(&(1..=MAX_DAYS)));
    let max_days = max_days.and_then(|days| u32::try_from(days).ok());
    Some(SigningSection { planners: planners?, policies: policies?, max_days: max_days? })
}

fn policies(value: &Value<'_>) -> Option<Vec<Sha256Digest>> {
    let digests: Vec<_> = value
        .members("an array of SHA-256 digests")?
        .iter()
        .map(|item| {
            item.text("a SHA-256 digest")?.parse().ok().or_else(|| {
                let message = "`policies` has a value that is not 64 lower-case hexadecimal digits";
                let hint = "It is the SHA-256 of a policy file that was read and found right: sha256sum policy.toml";
                item.error_hint(error::VALUE, message, hint)
            })
        })
        .collect();
    digests.into_iter().collect()
}
