//! What a rule is, and what it looks at.

use crate::cert::{IssuerIdentity, ObjectTemplate, Profile};
use crate::origin::Code;
use crate::x509::SerialNumber;

use super::finding::RuleReport;
use super::tbs::Tbs;

/// One rule.
pub struct Rule {
    /// The stable code of its findings.
    pub code: Code,
    /// The document and section that demands it.
    pub clause: &'static str,
    /// What breaks it, in one line.
    pub meaning: &'static str,
    /// Which certificates it is for.
    pub applies: Applies,
    pub(super) check: fn(&Subject<'_>, &mut RuleReport<'_>),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rule({})", self.code)
    }
}

/// Which certificates a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// All.
    Always,
    /// Those whose policy names the profile.
    To(Profile),
    /// Those whose policy has `device.target = "stselib"`.
    Stselib,
}

impl Applies {
    pub(super) fn to(self, template: &ObjectTemplate) -> bool {
        match self {
            Self::Always => true,
            Self::To(profile) => template.rules.profiles.has(profile),
            Self::Stselib => template.device.stselib,
        }
    }
}

/// What a rule looks at.
#[derive(Debug)]
pub(super) struct Subject<'s> {
    pub(super) issuer: &'s IssuerIdentity,
    pub(super) template: &'s ObjectTemplate,
    pub(super) serial: &'s SerialNumber,
    /// The encoding, read again.
    pub(super) tbs: &'s Tbs<'s>,
}

/// What to do about a finding of a rule that belongs to a profile.
pub(super) const PROFILE_HINT: &str =
    "Change what the policy says about the field that is named, or take the profile out of the policy.";
