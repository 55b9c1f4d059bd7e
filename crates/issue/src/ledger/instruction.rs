//! Who asked for a revocation, a release or a block, and when.

use crate::x509::{Sha256Digest, Time};

use super::codec::{Malformed, Reader, Writer};

/// Who asked, when, and who approved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Its time: of a revocation, the one that the CRL states.
    pub at: Time,
    /// Who asked.
    pub requester: String,
    /// SHA-256 of each approval.
    pub approvals: Vec<Sha256Digest>,
}

impl Instruction {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.i64(self.at.unix());
        writer.text(&self.requester);
        writer.count(self.approvals.len());
        for approval in &self.approvals {
            writer.digest(approval);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            at: read_time(reader)?,
            requester: reader.text()?.to_owned(),
            approvals: (0..reader.count()?).map(|_| reader.digest()).collect::<Result<_, _>>()?,
        })
    }
}

pub(super) fn read_time(reader: &mut Reader<'_>) -> Result<Time, Malformed> {
    Time::from_unix(reader.i64()?).map_err(|_| Malformed)
}
