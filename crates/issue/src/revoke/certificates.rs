//! The certificates of a batch, as the ledger knows them: serial number, end and distribution point without the
//! certificate.

use std::collections::HashSet;

use crate::cert::{IssuerIdentity, Serials};
use crate::error::{Error, RevokeError};
use crate::ledger::{BatchId, BatchRow, ChunkLeaf, Ledger, Revocable, Scope};
use crate::policy::{BatchContext, BoundPolicy, Policy, RecordedValues};
use crate::x509::Time;

/// The certificates of one batch.
pub(crate) struct BatchCertificates<'a> {
    ledger: &'a Ledger,
    pub(crate) row: BatchRow,
    /// Its number on the ledger.
    pub(crate) number: u64,
    bound: BoundPolicy,
    serials: Serials,
    end: Time,
    /// Whether that is the end in the certificate, and not the latest that it can be.
    pub(crate) exact: bool,
    /// The most bytes that the policy allows of a list.
    pub(super) max_crl_bytes: Option<u64>,
    scopes: HashSet<Scope>,
    chunk: Option<(u64, Vec<ChunkLeaf>)>,
}

impl<'a> BatchCertificates<'a> {
    /// The certificates of a batch; none if an external CA made them, which alone can revoke them.
    pub(crate) fn open(ledger: &'a Ledger, issuer: &IssuerIdentity, id: &BatchId) -> Result<Option<Self>, Error> {
        let number = ledger.batch_number(id)?;
        let row = ledger.batch(id)?.ok_or_else(|| RevokeError::UnknownBatch { batch: id.to_string() })?;
        if row.delivery.authority.is_external() {
            return Ok(None);
        }
        let (bound, max_crl_bytes) = bind(&row, issuer)?;
        let serials = Serials::new(&row.serial_basis(), issuer.spki());
        let (end, exact) = bound.latest_end();
        let (scopes, chunk) = (HashSet::new(), None);
        Ok(Some(Self { ledger, row, number, bound, serials, end, exact, max_crl_bytes, scopes, chunk }))
    }

    /// How many leaves it has.
    pub(crate) fn leaves(&self) -> u32 {
        u32::try_from(self.row.terms.leaf_count).expect("the number of leaves was checked to fit")
    }

    /// A leaf, which is best asked for in order.
    pub(crate) fn leaf(&mut self, index: u32) -> Result<&ChunkLeaf, Error> {
        let (chunk, place) = (u64::from(index / self.row.chunk_size), index % self.row.chunk_size);
        if self.chunk.as_ref().is_none_or(|(kept, _)| *kept != chunk) {
            self.chunk = Some((chunk, self.ledger.chunk_leaves(&self.row.id, chunk)?));
        }
        let leaves = self.chunk.as_ref().map(|(_, leaves)| leaves).expect("the chunk was read");
        Ok(&leaves[usize::try_from(place).expect("a chunk's leaves fit into memory")])
    }

    /// What a list says of a leaf's certificate; none if there is no certificate yet.
    pub(crate) fn revocable(&mut self, index: u32) -> Result<Option<Revocable>, Error> {
        let leaf = self.leaf(index)?.clone();
        if !leaf.issued {
            return Ok(None);
        }
        let copied = self.bound.copied_serial(leaf.uid.as_bytes());
        let serial = copied.unwrap_or_else(|| self.serials.derive(&leaf.source, leaf.attempt));
        let scope = self.scope_of(&leaf)?;
        Ok(Some(Revocable { index, serial, not_after: self.end, scope }))
    }

    /// The last common name of a leaf's certificate, if it has one that follows from the ledger.
    pub(crate) fn common_name(&mut self, index: u32) -> Result<Option<String>, Error> {
        let leaf = self.leaf(index)?.clone();
        Ok(self.bound.recorded_common_name(&values(&leaf)))
    }

    fn scope_of(&mut self, leaf: &ChunkLeaf) -> Result<Scope, Error> {
        let urls = self.bound.crl_urls(&values(leaf));
        let urls = urls.map_err(|_| RevokeError::ScopeUnknown { batch: self.row.id.to_string() })?;
        let scope = Scope::new(urls);
        // millions of certificates share few scopes
        if let Some(known) = self.scopes.get(&scope) {
            return Ok(known.clone());
        }
        self.scopes.insert(scope.clone());
        Ok(scope)
    }

    /// Every scope that a certificate of the batch can have.
    pub(crate) fn all_scopes(&mut self) -> Result<Vec<Scope>, Error> {
        let mut scopes = HashSet::new();
        if let Some(all) = self.bound.all_crl_urls() {
            scopes.extend(all.into_iter().map(Scope::new));
        } else {
            for index in 0..self.leaves() {
                let leaf = self.leaf(index)?.clone();
                scopes.insert(self.scope_of(&leaf)?);
            }
        }
        Ok(scopes.into_iter().filter(|scope| !scope.is_full()).collect())
    }
}

fn values(leaf: &ChunkLeaf) -> RecordedValues<'_> {
    RecordedValues {
        uid: leaf.uid.as_bytes(),
        spki_sha256: *leaf.spki.as_bytes(),
        source_sha256: *leaf.source.as_bytes(),
    }
}

/// Binds the policy of a batch as it was bound when the batch began; also returns the most bytes of a list, if it says so.
fn bind(row: &BatchRow, issuer: &IssuerIdentity) -> Result<(BoundPolicy, Option<u64>), Error> {
    let text = String::from_utf8_lossy(&row.terms.policy);
    let policy = Policy::parse(&text, &format!("policy of batch {}", row.id))?;
    let params = policy.params(&row.terms.params)?;
    let context = BatchContext { batch: row.id.to_string(), issued_at: row.issued_at, params };
    Ok((policy.bind(issuer, &context)?, policy.max_crl_bytes()))
}
