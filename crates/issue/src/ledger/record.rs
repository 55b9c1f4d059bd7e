//! One record of the ledger, its place, and the chain through all records.

use crate::crypto::{Sha256, sha256};
use crate::x509::Sha256Digest;

/// What a record says. The numbers are part of the format and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The first record: format and issuer key.
    Genesis = 0,
    /// A batch begins: its name, the digest of its terms, its policy's name and digest.
    Batch = 1,
    /// The whole batch row.
    Terms = 2,
    /// The UIDs of a chunk, in order.
    Uids = 3,
    /// SHA-256 of key and source leaf of each leaf of a chunk.
    Digests = 4,
    /// By which UIDs are looked for: the beginnings of their digests, sorted, of a run of leaves.
    Names = 5,
    /// By which keys are looked for: the beginnings of their digests, sorted, of a run of leaves.
    Keys = 6,
    /// What may be signed in a chunk: SHA-256 of each tbsCertificate.
    Intent = 7,
    /// What may be signed for one leaf under its next serial number.
    Retry = 8,
    /// Signatures that were verified.
    Issued = 9,
    /// Statement and CMS signature.
    Sealed = 10,
    /// What a CA key may sign besides leaves.
    CaIntent = 11,
    /// What it signed.
    CaSigned = 12,
    /// Requests that are about to leave for another CA.
    Sent = 13,
    /// Requests that came to nothing, by the CA's word or the operator's decision.
    Settled = 14,
    /// Certificates that are revoked, and why.
    Revoked = 15,
    /// Certificates that were on hold and are valid again.
    Released = 16,
    /// Chips for which nothing may be issued.
    Blocked = 17,
    /// Chips for which something may be issued again.
    Unblocked = 18,
    /// The lists of a round that may be signed.
    CrlRound = 19,
    /// What was signed of a round.
    CrlIssued = 20,
    /// Where the ledger goes on: the last record of one that was moved.
    Moved = 24,
    /// A batch that a person gave up before it was sealed. The numbers before it are those of records that later releases
    /// make.
    Abandoned = 25,
    /// A clock jump that a person accepted.
    Accepted = 26,
    /// What the holder of the key was asked to sign, who approved it, and what became of it.
    SignerRequest = 28,
}

impl Kind {
    /// Every kind in the order of its number.
    pub const ALL: [Self; 25] = [
        Self::Genesis,
        Self::Batch,
        Self::Terms,
        Self::Uids,
        Self::Digests,
        Self::Names,
        Self::Keys,
        Self::Intent,
        Self::Retry,
        Self::Issued,
        Self::Sealed,
        Self::CaIntent,
        Self::CaSigned,
        Self::Sent,
        Self::Settled,
        Self::Revoked,
        Self::Released,
        Self::Blocked,
        Self::Unblocked,
        Self::CrlRound,
        Self::CrlIssued,
        Self::Moved,
        Self::Abandoned,
        Self::Accepted,
        Self::SignerRequest,
    ];

    /// The kind of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// The place of a record. No two records share a place: that is what makes an intent or a seal happen once, however
/// many writers a store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// What it says.
    pub kind: Kind,
    /// Number of the batch: the position of its [`Kind::Batch`] record; 0 for records of no batch.
    pub batch: u64,
    /// Chunk of the batch, run of its leaves, position of the CA intent, number of the round, or own position.
    pub chunk: u64,
    /// Counts records of one kind in one chunk.
    pub part: u32,
}

impl Place {
    /// The first part of a chunk.
    pub const fn new(kind: Kind, batch: u64, chunk: u64) -> Self {
        Self { kind, batch, chunk, part: 0 }
    }

    /// Another part of the same chunk.
    #[must_use]
    pub const fn part(self, part: u32) -> Self {
        Self { part, ..self }
    }
}

/// What is known of a record without reading its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position in the ledger, from 1.
    pub position: u64,
    /// The batch, chunk and part that it belongs to.
    pub place: Place,
    /// Leaves or certificates in the body.
    pub count: u64,
    /// Signatures that were made for it, repeats included.
    pub signatures: u64,
}

/// A record before it has a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Where it will stand.
    pub place: Place,
    /// Leaves or certificates in the body.
    pub count: u64,
    /// Signatures that were made for it, repeats included.
    pub signatures: u64,
    /// Its content.
    pub body: Vec<u8>,
}

impl Draft {
    /// A record that counts nothing.
    pub const fn new(place: Place, body: Vec<u8>) -> Self {
        Self { place, count: 0, signatures: 0, body }
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Position, place and counts.
    pub entry: Entry,
    /// Its content.
    pub body: Vec<u8>,
    /// Digest of the chain up to and including this record.
    pub digest: Sha256Digest,
}

impl Record {
    /// The record that follows `head`.
    pub fn after(head: &Head, draft: Draft) -> Self {
        let Draft { place, count, signatures, body } = draft;
        let entry = Entry { position: head.records + 1, place, count, signatures };
        let digest = link(&head.digest, &entry, &body);
        Self { entry, body, digest }
    }

    /// Whether it follows `head`.
    pub fn follows(&self, head: &Head) -> bool {
        self.entry.position == head.records + 1 && self.digest == link(&head.digest, &self.entry, &self.body)
    }

    /// The head when this is the last record.
    pub const fn head(&self) -> Head {
        Head { records: self.entry.position, digest: self.digest }
    }
}

/// The end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many records there are.
    pub records: u64,
    /// Digest of the chain.
    pub digest: Sha256Digest,
}

impl Head {
    /// Of a ledger without records.
    pub const EMPTY: Self = Self { records: 0, digest: Sha256Digest::new([0; 32]) };
}

fn link(before: &Sha256Digest, entry: &Entry, body: &[u8]) -> Sha256Digest {
    let mut hash = Sha256::new();
    hash.update(b"reroot-ledger-record/1\0");
    hash.update(before.as_bytes());
    hash.update(&entry.position.to_be_bytes());
    hash.update(&[entry.place.kind as u8]);
    hash.update(&entry.place.batch.to_be_bytes());
    hash.update(&entry.place.chunk.to_be_bytes());
    hash.update(&entry.place.part.to_be_bytes());
    hash.update(&entry.count.to_be_bytes());
    hash.update(&entry.signatures.to_be_bytes());
    hash.update(sha256(body).as_bytes());
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers() {
        let numbers: Vec<u8> = Kind::ALL.into_iter().map(|kind| kind as u8).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 24, 25, 26, 28]);
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_number(21), None);
        assert_eq!(Kind::from_number(27), None);
    }

    #[test]
    fn every_field_enters_the_chain() {
        let draft = Draft { place: Place::new(Kind::Issued, 2, 3), count: 4, signatures: 5, body: vec![6] };
        let record = Record::after(&Head::EMPTY, draft);
        assert!(record.follows(&Head::EMPTY));
        let changes: [fn(&mut Record); 8] = [
            |record| record.entry.position = 2,
            |record| record.entry.place.kind = Kind::Retry,
            |record| record.entry.place.batch = 9,
            |record| record.entry.place.chunk = 9,
            |record| record.entry.place.part = 9,
            |record| record.entry.count = 9,
            |record| record.entry.signatures = 9,
            |record| record.body = vec![7],
        ];
        for change in changes {
            let mut changed = record.clone();
            change(&mut changed);
            assert!(!changed.follows(&Head::EMPTY));
        }
        assert!(!record.follows(&record.head()));
    }

    #[test]
    fn the_chain_is_that_of_an_independent_computation() {
        // python: h(b'reroot-ledger-record/1\0' + bytes(32) + pack('>QBQQIQQ', 1, 9, 2, 3, 0, 4, 5) + h(b'\x06'))
        let draft = Draft { place: Place::new(Kind::Issued, 2, 3), count: 4, signatures: 5, body: vec![6] };
        assert_eq!(
            Record::after(&Head::EMPTY, draft).digest.to_string(),
            "abc983608f98e7db1dce9bc3110a783a28a1616142c304c694d8aff297b8086c"
        );
    }
}
