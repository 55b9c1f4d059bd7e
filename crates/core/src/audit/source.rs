//! A line's source leaf against the auditor's anchors: the same for a whole batch and for the proof of one chip.

use crate::crypto::sha256;
use crate::manifest::{AnchorReference, Entry, Statement};
use crate::origin::Code;
use crate::reel::SourceLeaf;
use crate::verify::{Examined, Relaxation, VerifiedLeaf, Verifier};
use crate::x509::Certificate;

use super::report::code;

/// What a source leaf is checked against.
pub(crate) struct AuditContext<'a> {
    /// Knows the auditor's anchors and what the policy, or the statement, tolerates.
    pub(crate) verifier: &'a Verifier,
    /// The anchors that the verifier was made with, in its order.
    pub(crate) anchors: &'a [Certificate],
    pub(crate) statement: &'a Statement,
}

/// Something that does not hold, before anyone knows its place.
#[derive(Debug)]
pub struct Contradiction {
    /// The stable code.
    pub code: Code,
    /// What was found and what was expected.
    pub message: String,
}

impl Contradiction {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl AuditContext<'_> {
    /// The leaf of a line: it is the one that the line names, of the chip that the line names, and its chain reaches
    /// the anchor that the line names.
    pub(crate) fn source(&self, entry: &Entry, der: &[u8]) -> Result<VerifiedLeaf, Contradiction> {
        let leaf = Self::named(entry, der)?;
        self.judged(entry, self.verifier.examine(&leaf))
    }

    /// The leaf that a line names, to be examined.
    pub(super) fn named(entry: &Entry, der: &[u8]) -> Result<SourceLeaf, Contradiction> {
        if sha256(der) != entry.source_sha256() {
            let message = format!("source leaf of chip {} has another SHA-256", entry.uid());
            return Err(Contradiction::new(code::SOURCE_DIGEST, message));
        }
        Ok(SourceLeaf { item: entry.source_item().clone(), der: der.to_vec(), file_name: None })
    }

    /// What was found of it against what the line says.
    pub(super) fn judged(&self, entry: &Entry, examined: Examined) -> Result<VerifiedLeaf, Contradiction> {
        let uid = entry.uid();
        let found = |code, message: String| Err(Contradiction { code, message });
        let leaf = match examined {
            Examined::Verified(leaf, _) => leaf,
            Examined::CaCertificate(_) => {
                return found(code::SOURCE_REJECTED, format!("source leaf of chip {uid} is a CA certificate"));
            }
            Examined::Rejected(finding) => {
                let message = format!("chip {uid}: {} [{}]", finding.reason, finding.code);
                return found(code::SOURCE_REJECTED, message);
            }
        };
        if leaf.uid() != uid {
            let message = format!("source leaf is of chip {}, the line says {uid}", leaf.uid());
            return found(code::SOURCE_UID, message);
        }
        let anchor = &self.anchors[leaf.proof().anchor()];
        let stated = self.statement.anchors.get(entry.anchor());
        let same = |stated: &AnchorReference| {
            stated.spki_sha256 == sha256(anchor.spki().der()) && stated.subject == anchor.subject().to_string()
        };
        if !stated.is_some_and(same) {
            let message = format!("chain of chip {uid} reaches `{}`, the line says another anchor", anchor.subject());
            return found(code::SOURCE_ANCHOR, message);
        }
        Ok(leaf)
    }

    /// Whether a line may say that its leaf was cut out of a padded zone dump. The audit cannot see the padding in the
    /// leaf, so it accepts the line's word where both the entry and the rules tolerate padding.
    pub(crate) fn may_be_padded(&self, entry: &Entry) -> bool {
        [entry.relax(), &self.verifier.rules().relax].iter().all(|relax| relax.contains(&Relaxation::TrailingPadding))
    }
}
