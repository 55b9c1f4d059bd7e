//! Everything that is known of one batch.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::crypto::sha256;
use crate::error::Error;
use crate::ledger::{BatchId, BatchRow, BatchState, Ledger};
use crate::x509::{Sha256Digest, Time};

use super::batches::{BatchLine, revoked};
use super::places::Places;

/// A batch with its terms.
#[derive(Clone, Debug, Serialize)]
pub struct BatchDetails {
    /// What a list says of it.
    #[serde(flatten)]
    pub line: BatchLine,
    /// The terms that decide what its certificates say.
    #[serde(flatten)]
    pub terms: Terms,
    /// The ledger's head before it began.
    pub head_before: Sha256Digest,
    /// SHA-256 of its statement, once it is sealed.
    pub statement_sha256: Option<Sha256Digest>,
    /// Who gave it up and why.
    pub abandoned: Option<GivenUp>,
}

/// Terms of a batch: what it was started with.
#[derive(Clone, Debug, Serialize)]
pub struct Terms {
    /// SHA-256 of the list of its inputs, as `inputs.jsonl` has them.
    pub inputs_sha256: Sha256Digest,
    /// SHA-256 of the issuing CA's certificate.
    pub issuer_sha256: Sha256Digest,
    /// SHA-256 of each trust anchor.
    pub anchors_sha256: Vec<Sha256Digest>,
    /// The operator's parameters.
    pub params: BTreeMap<String, String>,
    /// Relaxations in force.
    pub relaxations: Vec<&'static str>,
    /// What a rejected item does: `skip` or `stop`.
    pub on_reject: &'static str,
    /// Why chips that have a certificate get another one.
    pub reissue: Option<String>,
    /// ST's bulk identifier.
    pub bulk_id: Option<String>,
    /// Whether that is in the statement.
    pub publish_bulk_id: bool,
    /// SHA-256 of the list of expected chips.
    pub expected_sha256: Option<Sha256Digest>,
    /// SHA-256 of the public value that was read before it began.
    pub beacon_sha256: Option<Sha256Digest>,
    /// Encodings of the certificates.
    pub forms: Vec<&'static str>,
    /// Version of the encoder.
    pub encoder: u32,
    /// Leaves a chunk.
    pub chunk_size: u32,
}

/// That a batch was given up.
#[derive(Clone, Debug, Serialize)]
pub struct GivenUp {
    /// When.
    pub at: Time,
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Leaves that are free again.
    pub freed: u64,
}

/// Returns everything that the ledger knows of a batch, if it has it, and where it was found.
///
/// # Errors
/// The ledger cannot be read.
pub fn show(
    ledger: &Ledger,
    batch: &BatchId,
    places: &BTreeMap<BatchId, Places>,
) -> Result<Option<BatchDetails>, Error> {
    let counted = ledger.counted_batches()?.into_iter().find(|counted| counted.row.id == *batch);
    let Some(counted) = counted else { return Ok(None) };
    let revoked = revoked(ledger)?.get(&counted.number).copied().unwrap_or_default();
    let sealed = if counted.row.state == BatchState::Sealed { ledger.sealed(batch)? } else { None };
    let abandoned = ledger.abandonment(batch)?.map(|given_up| GivenUp {
        at: given_up.at,
        by: given_up.requester,
        reason: given_up.reason,
        freed: given_up.freed,
    });
    Ok(Some(BatchDetails {
        line: BatchLine::new(&counted, revoked, places.get(batch)),
        terms: Terms::of(&counted.row),
        head_before: ledger.head_before(batch)?,
        statement_sha256: sealed.map(|(statement, _)| sha256(&statement)),
        abandoned,
    }))
}

impl Terms {
    fn of(row: &BatchRow) -> Self {
        let terms = &row.terms;
        let forms = [(row.delivery.der, "der"), (row.delivery.pem, "pem")];
        Self {
            inputs_sha256: terms.inputs_sha256,
            issuer_sha256: terms.issuer_sha256,
            anchors_sha256: terms.anchors.clone(),
            params: terms.params.clone(),
            relaxations: terms.relaxations.iter().map(|relaxation| relaxation.as_str()).collect(),
            on_reject: terms.on_reject.as_str(),
            reissue: terms.reissue.clone(),
            bulk_id: terms.bulk_id.clone(),
            publish_bulk_id: row.delivery.publish_bulk_id,
            expected_sha256: terms.expected_sha256,
            beacon_sha256: row.beacon,
            forms: forms.into_iter().filter(|(wanted, _)| *wanted).map(|(_, form)| form).collect(),
            encoder: terms.encoder.number(),
            chunk_size: row.chunk_size,
        }
    }
}
