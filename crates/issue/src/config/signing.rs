//! `[signing]`: whose plans the signing machine takes, and what it signs. Every line is a decision, so none has a usual
//! value.

use std::path::PathBuf;

use toml::Spanned;

use crate::toml::Value;
use crate::x509::Sha256Digest;

use crate::approval::{ApprovalMode, check_person};
use crate::text::brief;

use super::error;
use super::schema::Section;

/// Longest distance between a plan and the clock that can be configured.
const MAX_DAYS: u64 = 3_650;

/// Most days that lists which no person approved can be valid.
const MAX_ROUTINE_DAYS: u64 = 60;

/// The section as it is written.
#[derive(Debug)]
pub(super) struct SigningSection {
    pub(super) planners: Vec<Spanned<PathBuf>>,
    pub(super) policies: Vec<Sha256Digest>,
    pub(super) max_days: u32,
    pub(super) routine_days: Option<u32>,
    /// How many persons must approve.
    pub(super) approvals: usize,
    /// How they do it.
    pub(super) mode: ApprovalMode,
    /// Each with the file of a certificate.
    pub(super) approvers: Vec<(String, Spanned<PathBuf>)>,
}

/// Most approvals that can be demanded.
const MAX_APPROVALS: u64 = 9;

/// Reads the section. Every mistake in it is noted.
pub(super) fn read(section: &Section<'_>) -> Option<SigningSection> {
    let planners = section.paths("planners");
    let policies = section.table.required("policies").and_then(|value| policies(&value));
    let max_days = section.table.required("max_days").and_then(|value| value.integer(&(1..=MAX_DAYS)));
    let max_days = max_days.and_then(|days| u32::try_from(days).ok());
    let routine_days = match section.table.optional("routine_days") {
        None => Some(None),
        Some(value) => value.integer(&(1..=MAX_ROUTINE_DAYS)).and_then(|days| u32::try_from(days).ok()).map(Some),
    };
    let (approvals, approvers) = (approvals(section), approvers(section));
    let ((mode, approvals), approvers) = (approvals?, approvers?);
    if mode == ApprovalMode::Console && !approvers.is_empty() {
        let message = "`approvals` is \"console\", and there are `approvers`, whose signatures would not be asked for";
        let hint = "Remove [signing.approvers], or set `approvals` to how many of them must approve.";
        return section.table.errors.push_hint(error::VALUE, section.table.place("approvals"), message, hint);
    }
    if mode == ApprovalMode::Signed && approvers.len() < approvals {
        let message = format!("`approvals` is {approvals}, and `approvers` has {}", approvers.len());
        let hint =
            "Under [signing.approvers] each line is a person and the file of a certificate: \"anna\" = \"anna.pem\".";
        return section.table.errors.push_hint(error::VALUE, section.table.place("approvals"), message, hint);
    }
    if approvals == 0 && !approvers.is_empty() {
        let message = "there are `approvers`, and `approvals` does not say how many of them must approve";
        return section.table.errors.push(error::MISSING, &section.table.header, message);
    }
    let (planners, policies) = (planners?, policies?);
    let (max_days, routine_days) = (max_days?, routine_days?);
    Some(SigningSection { planners, policies, max_days, routine_days, approvals, mode, approvers })
}

/// Reads how people approve, and how many must; without the key it is 0.
fn approvals(section: &Section<'_>) -> Option<(ApprovalMode, usize)> {
    let Some(value) = section.table.optional("approvals") else { return Some((ApprovalMode::Signed, 0)) };
    match value.as_str() {
        Some("signed") => return Some((ApprovalMode::Signed, 1)),
        Some("console") => return Some((ApprovalMode::Console, 1)),
        Some(other) => {
            let message = format!(
                "`approvals` is `{}`, expected \"signed\", \"console\" or a number from 1 to {MAX_APPROVALS}",
                brief(other)
            );
            return value.error(error::VALUE, message);
        }
        None => {}
    }
    let count = value.integer(&(1..=MAX_APPROVALS)).and_then(|count| usize::try_from(count).ok());
    count.map(|count| (ApprovalMode::Signed, count))
}

fn approvers(section: &Section<'_>) -> Option<Vec<(String, Spanned<PathBuf>)>> {
    let Some(value) = section.table.optional("approvers") else { return Some(vec![]) };
    let table = value.fields("a table")?;
    let read = |(person, value): (&str, Value<'_>)| {
        if let Err(what) = check_person(person) {
            return value.error(error::VALUE, format!("the approver's name `{}` {what}", brief(person)));
        }
        Some((person.to_owned(), section.as_path(&value)?))
    };
    // every mistake is noted before the first one ends the reading
    let approvers: Vec<_> = table.entries().into_iter().map(read).collect();
    approvers.into_iter().collect()
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
