//! What an audit found.

use std::collections::BTreeMap;

use crate::crypto::named_notes;
use crate::manifest::Statement;
use crate::manifest::timestamp::Stamped;
use crate::origin::Code;
use crate::x509::{Certificate, Sha256Digest};

use super::expected::ListShown;
use super::history::History;
use super::possession::PossessionShown;
use super::tally::Tally;

/// Faults kept with their text; more are only counted.
pub(super) const MAX_FAULTS: usize = 1_000;

/// The outcome of an audit.
#[derive(Clone, Debug, Default)]
pub struct AuditReport {
    /// The statement, if its seal verified.
    pub statement: Option<Statement>,
    /// SHA-256 of `manifest.json`, if its seal verified.
    pub statement_sha256: Option<Sha256Digest>,
    /// What a time-stamping authority says, if it is believed.
    pub timestamp: Option<Stamped>,
    /// What the other batches of the ledger showed, if they were given.
    pub history: Option<History>,
    /// What the expected list showed, if it was given.
    pub list: Option<ListShown>,
    /// Lines about items that were rejected.
    pub rejected: u64,
    /// Lines about items that were ignored.
    pub ignored: u64,
    /// Findings that nothing which was given could show: the signer's word, by code.
    pub word: BTreeMap<Code, u64>,
    /// What was not given.
    pub not_given: Vec<NotGiven>,
    /// What was checked and holds, in words.
    pub checks: Vec<String>,
    /// Certificates that were derived again.
    pub certificates: u64,
    /// Leaves by the anchor their chain reaches.
    pub anchors: BTreeMap<String, u64>,
    /// Leaves by the relaxation they needed.
    pub relaxations: BTreeMap<String, u64>,
    /// Whether chips have shown that they hold their keys.
    pub possession: PossessionShown,
    /// Counts over all certificates that hold.
    pub tally: Tally,
    /// Things worth a look that break nothing.
    pub warnings: Vec<String>,
    /// What does not hold.
    pub faults: Vec<Fault>,
    /// Faults beyond those listed.
    pub more_faults: u64,
}

/// What an auditor can give and did not, so that something was not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotGiven {
    /// The inputs that the batch was made from.
    Inputs,
    /// The other batches of the ledger.
    History,
    /// The list of expected chips.
    ExpectedList,
    /// The anchor of a time-stamping authority.
    TimestampAnchor,
}

impl NotGiven {
    /// What was not checked without it.
    pub const fn unchecked(self) -> &'static str {
        match self {
            Self::Inputs => {
                "that every item of the inputs is in the batch, and that each finding is true: what was left out, and why, \
                 is the signer's word"
            }
            Self::History => {
                "that no batch of the ledger was left out, that no chip, key, seed or serial number is in another batch, and \
                 that each chip listed as already certified has a certificate"
            }
            Self::ExpectedList => "which chips of an expected list are missing, and which are not on it",
            Self::TimestampAnchor => "when the statement existed at the latest: its time is the signer's word",
        }
    }
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{place}: {message} [{code}]")]
pub struct Fault {
    /// The stable code.
    pub code: Code,
    /// The file, line or chip.
    pub place: String,
    /// What was found and what was expected.
    pub message: String,
}

impl AuditReport {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.faults.is_empty() && self.statement.is_some()
    }

    /// Says what a certificate that a person has named has otherwise than RFC 5280 or DER: once for each certificate.
    pub(super) fn note_deviations(&mut self, role: &str, certificate: &Certificate) {
        for note in named_notes(certificate) {
            let note = format!("{role} `{}`: {note}", certificate.subject());
            if !self.warnings.iter().any(|other| other.ends_with(&note[role.len()..])) {
                self.warnings.push(note);
            }
        }
    }

    pub(super) fn checked(&mut self, what: &str) {
        self.checks.push(what.to_owned());
    }

    /// Faults so far, for [`checked_since`](Self::checked_since).
    pub(super) fn count(&self) -> u64 {
        self.faults.len() as u64 + self.more_faults
    }

    /// Notes a check if nothing was found since there were `before` faults.
    pub(super) fn checked_since(&mut self, before: u64, what: &str) {
        if self.count() == before {
            self.checked(what);
        }
    }

    pub(super) fn fault(&mut self, code: Code, place: &str, message: &str) {
        self.push(Fault { code, place: place.to_owned(), message: message.to_owned() });
    }

    /// As [`fault`](Self::fault), unless it was reported before.
    pub(super) fn fault_once(&mut self, code: Code, place: &str, message: &str) {
        let fault = Fault { code, place: place.to_owned(), message: message.to_owned() };
        if !self.faults.contains(&fault) {
            self.push(fault);
        }
    }

    pub(super) fn push(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }
}

/// Codes of what an audit can find.
pub mod code {
    codes! {
        pub const;

        ACCOUNT_CODE = "audit.account.code", "A finding has a code that is not on the list of codes that findings of a batch can have.";
        ACCOUNT_COUNTS = "audit.account.counts", "The counts of the statement do not add up to the lines.";
        ACCOUNT_FINDING = "audit.account.finding", "An item was rejected or ignored for a reason that the input does not give.";
        ACCOUNT_INPUT = "audit.account.input", "An input is not the one the batch was made from.";
        ACCOUNT_ITEM = "audit.account.item", "An item of the input is not accounted for, or an accounted item is not in the input.";
        ACCOUNT_LINE = "audit.account.line", "A line of rejected.jsonl or inputs.jsonl cannot be read.";
        ACCOUNT_LEDGER = "audit.account.ledger", "A finding rests on an earlier batch, and the history has no such batch.";
        ACCOUNT_PADDING = "audit.account.padding", "A line hides that its leaf was cut out of a padded zone dump, or says so falsely.";
        ACCOUNT_TWICE = "audit.account.twice", "An item is in two lines or findings.";
        ANCHORS = "audit.statement.anchors", "An anchor of the statement is not among the certificates of source-chain.pem.";
        ARCHIVE_TIME = "audit.archive.time", "The entries of an archive carry another time than that of the batch.";
        ARCHIVE_UNREAD = "audit.file.archive-unread", "The statement names an archive of certificates that is not one of the batch's numbered parts.";
        BEACON_DIFFERS = "audit.beacon.differs", "The batch has no beacon, or another one than was expected.";
        BEACON_UNUSED = "audit.beacon.unused", "The statement names a beacon although no serial number depends on it.";
        CERTIFICATE_DIFFERS = "audit.certificate.differs", "Another CA made the certificate otherwise than asked for, and the policy does not allow it.";
        CERTIFICATE_FORM = "audit.certificate.form", "The signature is the twin of the one that encoder 2 demands: the other of the two values of s.";
        CERTIFICATE_NAME = "audit.certificate.name", "The entry of certificates.zip is named after another chip.";
        CERTIFICATE_SIGNATURE = "audit.certificate.signature", "The issuing CA did not sign this certificate.";
        CERTIFICATE_TBS = "audit.certificate.tbs", "The certificate is not the one that policy, seed and leaf give.";
        DISCARDED_SERIALS = "audit.statement.discarded-serials", "The discarded serial numbers are not those of the lines.";
        ENTRY_DIFFERS = "audit.entry.differs", "A line says something else than the certificates do.";
        ENTRY_ORDER = "audit.entry.order", "The lines are not strictly increasing by UID.";
        ENTRY_SYNTAX = "audit.entry.syntax", "A line cannot be read.";
        EXPECTED_MISSING = "audit.expected.missing", "missing.jsonl cannot be read, is out of order, has another number of lines than stated, or names a chip of the batch.";
        EXPECTED_SURPLUS = "audit.expected.surplus", "Another number of findings than stated is of chips that the list does not name.";
        EXPECT_CHIP = "audit.expect.chip", "A chip has a certificate or a finding that the expected list contradicts.";
        EXPECT_LIST = "audit.expect.list", "The expected list is not the one that the statement names.";
        FILE_DIGEST = "audit.file.digest", "A file has another digest than the statement names.";
        FILE_MISSING = "audit.file.missing", "A file of the batch is missing.";
        FILE_UNEXPECTED = "audit.file.unexpected", "The batch has a file that the statement does not name.";
        FILE_UNREADABLE = "audit.file.unreadable", "A file of the batch cannot be read.";
        FULL_WIDTH = "audit.certificate.full-width", "The policy demands full-width signatures and this one is shorter.";
        HISTORY_FORK = "audit.history.fork", "Two batches follow the same batch, or two are the first: the ledger branched.";
        HISTORY_GAP = "audit.history.gap", "A batch follows one that was not given.";
        HISTORY_HEAD = "audit.history.head", "The head that was kept elsewhere is not the end of the chain.";
        HISTORY_ISSUER = "audit.history.issuer", "A batch of the history is another CA's.";
        HISTORY_KEY = "audit.history.key", "A chip has different keys in two batches.";
        HISTORY_KEY_UID = "audit.history.key-uid", "A key is certified for two chips.";
        HISTORY_NAME = "audit.history.name", "A batch calls the one before it by another name.";
        HISTORY_SAME_NAME = "audit.history.same-name", "Two batches have the same name.";
        HISTORY_SEED = "audit.history.seed", "Two batches have the same serial seed.";
        HISTORY_SERIAL = "audit.history.serial", "Two certificates of the issuing CA have one serial number.";
        HISTORY_TIME = "audit.history.time", "A batch says it was made before the one it follows.";
        HISTORY_TWICE = "audit.history.twice", "A chip has certificates from two batches under one policy name, without a reason.";
        ISSUER_CHAIN = "audit.issuer.chain", "The issuing CA's chain does not reach the issuer anchor.";
        ISSUER_DIFFERS = "audit.issuer.differs", "chain.pem does not begin with the issuer that the statement names.";
        POLICY_BIND = "audit.policy.bind", "The policy cannot be bound to issuer and batch.";
        POLICY_DIFFERS = "audit.policy.differs", "The policy says something else than the statement.";
        POLICY_DIGEST = "audit.policy.digest", "policy.toml is not the policy that the statement names.";
        POSSESSION_BATCH = "audit.possession.batch", "The supplement of possession is of another batch.";
        POSSESSION_COUNT = "audit.possession.count", "The supplement counts other chips than have receipts.";
        POSSESSION_RECEIPT = "audit.possession.receipt", "A receipt was not signed by the chip's key, or is about another certificate.";
        POSSESSION_RECEIPTS = "audit.possession.receipts", "The receipts are not those that were sealed.";
        SERIAL_TWICE = "audit.certificate.serial-twice", "Two certificates of the batch have one serial number.";
        SOURCE_ANCHOR = "audit.source.anchor", "The leaf's chain reaches another anchor than the line says.";
        SOURCE_DIGEST = "audit.source.digest", "The source leaf is not the one the line names.";
        SOURCE_NAME = "audit.source.name", "The entry of sources.zip is named after another chip.";
        SOURCE_REJECTED = "audit.source.rejected", "The source leaf does not verify under the auditor's anchors.";
        SOURCE_UID = "audit.source.uid", "The source leaf belongs to another chip than the line says.";
        TIMESTAMP_LATE = "audit.timestamp.late", "The time-stamp was made later after the statement than is allowed.";
        TIMESTAMP_MISSING = "audit.timestamp.missing", "There is no time-stamp, and one was asked for.";
        TIMESTAMP_TIME = "audit.timestamp.time", "The time-stamp is older than the statement says it is itself.";
        TREE_ROOT = "audit.tree.root", "The lines do not have the Merkle root of the statement.";
        TREE_SIZE = "audit.tree.size", "Lines, certificates and sources are not equally many, or not as many as stated.";
    }
}
