//! What a rule has found.

use std::fmt;

use der::asn1::ObjectIdentifier;

use crate::origin::Code;

/// A rule that a certificate would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintFinding {
    /// The rule's code.
    pub code: Code,
    /// The field: `subject`, `validity`, `extensions.2.5.29.15`, ...
    pub path: String,
    /// What was found and what was expected, with the clause; safe to print.
    pub message: String,
}

/// `code: path: message`
impl fmt::Display for LintFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.code, self.path, self.message)
    }
}

/// The path of an extension in findings.
pub(crate) fn extension_path(oid: ObjectIdentifier) -> String {
    format!("extensions.{oid}")
}

/// Collects findings.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<LintFinding>);

impl Report {
    pub(super) fn add(&mut self, code: Code, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(LintFinding { code, path: path.into(), message: message.into() });
    }

    /// For the findings of one rule.
    pub(super) fn of(&mut self, code: Code, clause: &'static str) -> RuleReport<'_> {
        RuleReport { report: self, code, clause }
    }

    pub(super) fn finish(self) -> Vec<LintFinding> {
        self.0
    }
}

/// Collects the findings of one rule; the rule's clause is added to each.
#[derive(Debug)]
pub(super) struct RuleReport<'r> {
    report: &'r mut Report,
    code: Code,
    clause: &'static str,
}

impl RuleReport<'_> {
    pub(super) fn find(&mut self, path: impl Into<String>, message: impl fmt::Display) {
        self.report.add(self.code, path, format!("{message} ({})", self.clause));
    }

    pub(super) fn find_in(&mut self, extension: ObjectIdentifier, message: impl fmt::Display) {
        self.find(extension_path(extension), message);
    }
}
