//! Whether chips have shown that they hold their keys: receipts beside the batch, sealed by the manifest signer.

use std::collections::BTreeMap;

use crate::crypto::sha256;
use crate::manifest::possession::Receipt;
use crate::manifest::{Entry, ManifestAnchor, SignedManifest, open_supplement, seal};
use crate::origin::Uid;
use crate::x509::Spki;

use super::report::{AuditReport, code};
use super::source::Contradiction;

/// The three files beside a batch.
#[derive(Clone, Copy, Debug)]
pub struct Supplements<'a> {
    /// `NAME.pop.json`
    pub supplement: &'a [u8],
    /// `NAME.pop.json.p7s`
    pub seal: &'a [u8],
    /// `NAME.pop.jsonl`
    pub receipts: &'a [u8],
}

/// How many chips have shown that they hold their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PossessionShown {
    /// No chip was asked, or the answers were not sealed.
    #[default]
    None,
    /// Some of them.
    Partial {
        /// Chips that did.
        shown: u64,
        /// Chips of the batch.
        chips: u64,
    },
    /// Every one.
    Complete,
}

impl PossessionShown {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial { .. } => "partial",
            Self::Complete => "complete",
        }
    }
}

/// Receipts of a batch by chip, believed to be what was sealed; their signatures are verified line by line.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    batch: String,
    chips: BTreeMap<Uid, Receipt>,
    stated: Option<(u64, u64)>,
}

const PLACE: &str = "possession";

/// Opens the supplement and reads the receipts under it.
pub(super) fn open(
    files: Option<Supplements<'_>>,
    anchors: &[ManifestAnchor],
    signed: &SignedManifest,
    report: &mut AuditReport,
) -> Receipts {
    let Some(files) = files else { return Receipts::default() };
    let opened = seal::certificate_in(files.seal)
        .and_then(|signer| open_supplement(files.supplement, files.seal, &signer, anchors))
        .and_then(|supplement| Ok((supplement, Receipt::parse_all(files.receipts)?)));
    let (supplement, receipts) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            report.fault(error.code(), PLACE, &error.to_string());
            return Receipts::default();
        }
    };
    let batch = signed.statement().batch.clone();
    if supplement.statement_sha256 != signed.statement_sha256() || supplement.batch != batch {
        report.fault(code::POSSESSION_BATCH, PLACE, "the supplement is of another batch");
        return Receipts::default();
    }
    if sha256(files.receipts) != supplement.receipts_sha256 {
        report.fault(code::POSSESSION_RECEIPTS, PLACE, "the receipts are not those that were sealed");
        return Receipts::default();
    }
    let chips = receipts.into_iter().map(|receipt| (receipt.uid, receipt)).collect();
    Receipts { batch, chips, stated: Some((supplement.shown, supplement.chips)) }
}

impl Receipts {
    /// Whether this chip has a receipt; if so, it is one over its certificate, by its key.
    pub(super) fn check(&self, entry: &Entry, spki: &Spki) -> Result<bool, Contradiction> {
        let Some(receipt) = self.chips.get(entry.uid()) else { return Ok(false) };
        let uid = entry.uid();
        if receipt.certificate_sha256 != entry.sha256() {
            let message = format!("receipt of chip {uid} is about another certificate");
            return Err(Contradiction::new(code::POSSESSION_RECEIPT, message));
        }
        match receipt.verify(&self.batch, spki) {
            Ok(()) => Ok(true),
            Err(error) => {
                let message = format!("receipt of chip {uid} was not signed by its key: {error}");
                Err(Contradiction::new(code::POSSESSION_RECEIPT, message))
            }
        }
    }

    /// What all of it shows, once every line was gone through.
    pub(super) fn finish(&self, shown: u64, chips: u64, report: &mut AuditReport) {
        let Some(stated) = self.stated else { return };
        if stated != (shown, chips) || shown != self.chips.len() as u64 {
            let message = format!(
                "the supplement says {} of {}; {shown} of the batch's {chips} chips have a receipt, of {} receipts",
                stated.0,
                stated.1,
                self.chips.len()
            );
            report.fault(code::POSSESSION_COUNT, PLACE, &message);
            return;
        }
        report.possession = match shown {
            0 => PossessionShown::None,
            _ if shown == chips => PossessionShown::Complete,
            _ => PossessionShown::Partial { shown, chips },
        };
        report.checked("the receipts of possession: sealed, and signed by the chips' keys");
    }
}
