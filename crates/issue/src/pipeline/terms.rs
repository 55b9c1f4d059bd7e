//! What the ledger keeps of a run: the terms by which a command finds its batch again, and its leaves.

use crate::cert::Encoder;
use crate::crypto::sha256;
use crate::intake::Row;
use crate::ledger::{BatchTerms, LeafRef, Leaves, leaf_set_digest};
use crate::manifest::InputLine;
use crate::reel::InputRecord;

use super::job::Job;

/// Leaves as the ledger knows them, where they are.
#[derive(Clone, Copy)]
pub(super) struct LeavesOf<'a>(pub(super) &'a [Row]);

impl Leaves for LeavesOf<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn leaf(&self, at: usize) -> LeafRef<'_> {
        let key = &self.0[at].key;
        LeafRef { uid: key.uid.as_bytes(), spki: &key.spki, source: &key.fingerprint }
    }
}

/// The leaves are part of a batch's terms.
pub(super) fn fix_leaves(terms: &mut BatchTerms, leaves: &LeavesOf<'_>) {
    terms.leaves_sha256 = leaf_set_digest(leaves);
    terms.leaf_count = leaves.count() as u64;
}

/// Leaves a chunk of a new batch, where nobody chose. A chunk is one intent, one result and two flushes to disk, and the
/// stages work on different chunks: with four of them one is read back and one written while one is signed. Smaller ones
/// cost more for each signature, larger ones only memory.
pub(super) fn usual_chunk(leaves: usize) -> u32 {
    u32::try_from(leaves.div_ceil(4)).unwrap_or(u32::MAX).clamp(1_024, 4_096)
}

/// Everything a tbsCertificate and the batch depend on, but for seed, time, chunk size and the leaves.
pub(super) fn terms(job: &Job<'_>, inputs: &[InputRecord]) -> BatchTerms {
    BatchTerms {
        issuer_sha256: sha256(job.issuer.certificate().der()),
        policy_name: job.policy.name().to_owned(),
        policy_sha256: sha256(job.policy.bytes()),
        policy: job.policy.bytes().to_vec(),
        params: job.params.values().clone(),
        anchors: job.anchors.iter().map(|anchor| sha256(anchor.der())).collect(),
        relaxations: job.policy.source().relax.clone(),
        on_reject: job.on_reject,
        encoder: Encoder::NEW,
        inputs_sha256: sha256(input_lines(inputs).as_bytes()),
        leaves_sha256: leaf_set_digest(&LeavesOf(&[])),
        leaf_count: 0,
        reissue: job.reissue.clone(),
        bulk_id: job.bulk_id.clone(),
        expected_sha256: job.expected_sha256,
    }
}

/// The content of `inputs.jsonl`.
pub(super) fn input_lines(inputs: &[InputRecord]) -> String {
    inputs.iter().map(|input| InputLine::new(input.name.clone(), input.bytes, input.sha256).line() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::usual_chunk;

    #[test]
    fn a_batch_has_four_chunks_unless_they_were_too_small_or_too_large() {
        for (leaves, chunk) in [(0, 1_024), (4_096, 1_024), (4_097, 1_025), (5_000, 1_250), (16_384, 4_096)] {
            assert_eq!(usual_chunk(leaves), chunk);
        }
        assert_eq!(usual_chunk(usize::MAX), 4_096);
    }
}
