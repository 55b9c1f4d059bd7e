//! A batch's leaf list, read back piece by piece.

use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::batch::Summary;
use super::leaf;
use super::open::{State, damaged};
use super::record::{Kind, Place, Record};

/// The leaf list of a batch. The chunk looked at last is kept, as leaves are asked for in order.
pub(super) struct LeafList<'a> {
    state: &'a mut State,
    batch: &'a Summary,
    uids: Option<(u32, Vec<Uid>)>,
    digests: Option<(u32, Record)>,
}

impl<'a> LeafList<'a> {
    pub(super) fn new(state: &'a mut State, batch: &'a Summary) -> Self {
        Self { state, batch, uids: None, digests: None }
    }

    /// The UID of one leaf.
    pub(super) fn uid(&mut self, index: u32) -> Result<&Uid, LedgerError> {
        let (chunk, at) = self.place(index);
        if self.uids.as_ref().is_none_or(|(kept, _)| *kept != chunk) {
            let record = self.state.expect(Place::new(Kind::Uids, self.batch.number, u64::from(chunk)))?;
            let uids = leaf::read_uids(&record.body).map_err(|_| damaged(&record))?;
            let uids = uids.into_iter().map(Uid::from_bytes).collect::<Result<_, _>>().map_err(|_| damaged(&record))?;
            self.uids = Some((chunk, uids));
        }
        let uids = self.uids.as_ref().and_then(|(_, uids)| uids.get(at));
        uids.ok_or(LedgerError::Damaged { position: self.batch.number, what: "its leaf list is too short" })
    }

    /// Digests of key and source of one leaf.
    pub(super) fn digests(&mut self, index: u32) -> Result<(Sha256Digest, Sha256Digest), LedgerError> {
        let (chunk, at) = self.place(index);
        let record = match self.digests.take() {
            Some((kept, record)) if kept == chunk => record,
            _ => self.state.expect(Place::new(Kind::Digests, self.batch.number, u64::from(chunk)))?,
        };
        let digests = leaf::read_digests(&record.body, at).map_err(|_| damaged(&record));
        self.digests = Some((chunk, record));
        digests
    }

    fn place(&self, index: u32) -> (u32, usize) {
        (index / self.batch.chunk_size, (index % self.batch.chunk_size) as usize)
    }
}
