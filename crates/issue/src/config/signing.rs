//! `[signing]`: whose plans the signing machine takes, and what it signs. Every line is a decision, so none has a usual
//! value.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

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
    section.closed(&["planners", "policies", "max_days"]);
    let planners = section.paths("planners");
    let policies = policies(section);
    let max_days = section.required("max_days").and_then(|value| {
        let days = super::hsm::integer(section, "max_days", 1..=MAX_DAYS)?;
        u32::try_from(days).ok().or_else(|| section.errors.push(error::VALUE, &value.span(), "too many days"))
    });
    Some(SigningSection { planners: planners?, policies: policies?, max_days: max_days? })
}

fn policies(section: &Section<'_>) -> Option<Vec<Sha256Digest>> {
    let value = section.required("policies")?;
    let DeValue::Array(items) = value.get_ref() else {
        return section.wrong_type("policies", value, value.get_ref(), "an array of SHA-256 digests");
    };
    let digests: Vec<_> = items
        .iter()
        .map(|item| {
            let DeValue::String(text) = item.get_ref() else {
                return section.wrong_type("policies", item, item.get_ref(), "a SHA-256 digest");
            };
            text.parse().ok().or_else(|| {
                let message = "`policies` has a value that is not 64 lower-case hexadecimal digits";
                let hint = "It is the SHA-256 of a policy file that was read and found right: sha256sum policy.toml";
                section.errors.push_hint(error::VALUE, &item.span(), message, hint)
            })
        })
        .collect();
    digests.into_iter().collect()
}
