//! Comparing the index with the leaves that it covers.

use super::{IndexKey, LedgerError, State, Sum, entry};

/// What a run contributes to the index.
pub(in crate::ledger) struct Total {
    batch: u64,
    first: u64,
    sums: [Sum; 2],
}

impl Total {
    /// Of the lists of a run, whose first leaf is number `first` of all; that of its batch is number `of_batch`.
    pub(in crate::ledger) fn new(batch: u64, first: u64, of_batch: u64, lists: [&[(u64, u32)]; 2]) -> Self {
        let mut sums = [Sum::default(); 2];
        for (sum, list) in sums.iter_mut().zip(lists) {
            for (prefix, index) in list {
                sum.add(entry(*prefix, of_batch + u64::from(*index)));
            }
        }
        Self { batch, first, sums }
    }
}

/// The index has the entries of the leaves that it covers, in order.
pub(in crate::ledger) fn check(state: &mut State, totals: &[Total]) -> Result<(), LedgerError> {
    let index = state.directory()?;
    let wrong = |position| Err(LedgerError::Damaged { position, what: "the index does not agree with the leaf lists" });
    if state.index.distrusted {
        return wrong(1);
    }
    for layer in &index.layers {
        let end = layer.first + layer.leaves;
        let of_layer: Vec<&Total> = totals.iter().filter(|total| (layer.first..end).contains(&total.first)).collect();
        let position = of_layer.first().map_or(1, |total| total.batch);
        for key in [IndexKey::Names, IndexKey::Keys] {
            let mut expected = Sum::default();
            for total in &of_layer {
                expected = expected.and(total.sums[key as usize]);
            }
            let (mut found, mut last) = (Sum::default(), (0, 0));
            for at in 0..layer.fences[key as usize].len() {
                let Some(entries) = layer.entries(state, key, at)? else { return wrong(position) };
                for entry in entries {
                    if entry < last {
                        return wrong(position);
                    }
                    found.add(entry);
                    last = entry;
                }
            }
            if found != expected || found != layer.sums[key as usize] {
                return wrong(position);
            }
        }
    }
    Ok(())
}
