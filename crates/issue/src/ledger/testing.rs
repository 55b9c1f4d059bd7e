//! For tests: made-up leaves and batches.

use std::collections::BTreeMap;

use crate::cert::{Encoder, Seed};
use crate::crypto::sha256;
use crate::origin::Uid;
use crate::x509::{Spki, Time};

use super::index::Patience;
#[cfg(feature = "postgres")]
pub(crate) use super::postgres::testing::Server;
use super::{
    AuthorityKind, BatchId, BatchRow, BatchState, BatchTerms, Delivery, LeafKey, Ledger, OnReject, leaf_set_digest,
};

/// Runs a test body over an empty ledger of each kind: in memory, in a file, and on a server of its own.
pub(crate) fn on_every_store(issuer: &Spki, body: impl Fn(&Ledger)) {
    body(&Ledger::in_memory(issuer));
    let folder = tempfile::tempdir().unwrap();
    body(&Ledger::create(&folder.path().join("ledger.db"), issuer).unwrap());
    #[cfg(feature = "postgres")]
    {
        let server = super::postgres::testing::Server::start();
        body(&Ledger::create(&server.url("reroot"), issuer).unwrap());
    }
}

/// The n-th made-up leaf. UIDs ascend with n; neighbours differ by 256 in the unique number.
pub(crate) fn leaf(n: u64) -> LeafKey {
    LeafKey { uid: uid(n), spki: sha256(leaf_spki(n).der()), source: sha256(&[b"leaf", &n.to_be_bytes()[..]].concat()) }
}

/// Its UID: 0209, a unique number of 7 bytes, product 0139.
pub(crate) fn uid(n: u64) -> Uid {
    let unique = (n << 8).to_be_bytes();
    Uid::from_bytes(&[&[2, 9], &unique[1..], &[1, 0x39]].concat()).unwrap()
}

/// Its key: the form of a point, but none.
pub(crate) fn leaf_spki(n: u64) -> Spki {
    let half = |axis: &[u8]| *sha256(&[axis, &n.to_be_bytes()].concat()).as_bytes();
    let header = hex::decode("3059301306072a8648ce3d020106082a8648ce3d03010703420004").unwrap();
    Spki::from_der(&[&header[..], &half(b"x"), &half(b"y")].concat()).unwrap()
}

/// Made-up leaves in order.
pub(crate) fn leaves(numbers: impl IntoIterator<Item = u64>) -> Vec<LeafKey> {
    numbers.into_iter().map(leaf).collect()
}

/// An issuer key.
pub(crate) fn issuer_spki() -> Spki {
    leaf_spki(u64::MAX)
}

/// The n-th batch name.
pub(crate) fn batch_id(n: u32) -> BatchId {
    format!("01890a5d-ac96-774b-bcce-{n:012x}").parse().unwrap()
}

/// Terms for these leaves under a policy of this name.
pub(crate) fn terms(policy: &str, leaves: &[LeafKey]) -> BatchTerms {
    let text = format!("version = 1\nname = \"{policy}\"\n").into_bytes();
    BatchTerms {
        issuer_sha256: sha256(b"issuer certificate"),
        policy_name: policy.to_owned(),
        policy_sha256: sha256(&text),
        policy: text,
        params: BTreeMap::from([("lot".to_owned(), "A0042".to_owned())]),
        anchors: vec![sha256(b"anchor")],
        relaxations: vec![],
        on_reject: OnReject::Stop,
        encoder: Encoder::NEW,
        // other leaves come from another archive
        inputs_sha256: leaf_set_digest(leaves),
        leaves_sha256: leaf_set_digest(leaves),
        leaf_count: leaves.len() as u64,
        reissue: None,
        bulk_id: None,
        expected_sha256: None,
    }
}

/// The n-th batch of these leaves.
pub(crate) fn row(n: u32, terms: BatchTerms, chunk_size: u32) -> BatchRow {
    let seed = Seed(*sha256(&n.to_be_bytes()).as_bytes());
    let issued_at = Time::from_rfc3339("2026-01-31T12:00:00Z").unwrap();
    BatchRow {
        id: batch_id(n),
        terms,
        seed,
        beacon: None,
        issued_at,
        chunk_size,
        delivery: Delivery { authority: AuthorityKind::Local, der: true, pem: false, publish_bulk_id: false },
        state: BatchState::Open,
    }
}

/// Sets when a ledger takes lists into its index.
pub(super) fn be_patient(ledger: &Ledger, patience: Patience) {
    ledger
        .with(|state| {
            state.index.patience = patience;
            Ok(())
        })
        .unwrap();
}

/// Lets a ledger look for leaves in the lists of every batch, until the next batch begins.
pub(crate) fn look_without_index(ledger: &Ledger) {
    ledger
        .with(|state| {
            state.index.distrusted = true;
            Ok(())
        })
        .unwrap();
}
