//! What CRLs say of certificates.

use serde::{Serialize, Serializer};

use crate::crl::CrlEntry;
use crate::origin::Uid;
use crate::proof::{BatchStatus, NotRevoked};
use crate::x509::Time;

use super::count;

#[derive(Serialize)]
struct List {
    crl: String,
    this_update: Time,
    next_update: Time,
}

impl Serialize for NotRevoked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = List { crl: self.number.to_string(), this_update: self.this_update, next_update: self.next_update };
        list.serialize(serializer)
    }
}

#[derive(Serialize)]
struct OfBatch<'a> {
    crls: &'a [NotRevoked],
    good: u64,
    uncovered: u64,
    out_of_date: u64,
    revoked: Vec<Revoked<'a>>,
}

#[derive(Serialize)]
struct Revoked<'a> {
    uid: &'a Uid,
    serial: String,
    since: Time,
    reason: &'static str,
}

impl<'a> From<&'a (Uid, CrlEntry)> for Revoked<'a> {
    fn from((uid, entry): &'a (Uid, CrlEntry)) -> Self {
        Self { uid, serial: entry.serial.to_string(), since: entry.revoked_at, reason: entry.reason.name() }
    }
}

impl Serialize for BatchStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = OfBatch {
            crls: &self.lists,
            good: self.good,
            uncovered: self.uncovered,
            out_of_date: self.out_of_date,
            revoked: self.revoked.iter().map(Revoked::from).collect(),
        };
        whole.serialize(serializer)
    }
}

impl BatchStatus {
    /// Names and values for people; the first hundred of the revoked certificates.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let list = |list: &NotRevoked| {
            ("CRL", format!("{} of {}, valid until {}", list.number, list.this_update, list.next_update))
        };
        let mut facts: Vec<(&'static str, String)> = self.lists.iter().map(list).collect();
        let [revoked, good, uncovered, out_of_date] =
            [self.revoked.len() as u64, self.good, self.uncovered, self.out_of_date].map(count);
        facts.push((
            "revoked",
            format!(
                "{revoked} certificates; {good} not revoked, {uncovered} not covered by a CRL given, {out_of_date} covered \
                 only by a CRL that is out of date"
            ),
        ));
        let line = |(uid, entry): &(Uid, CrlEntry)| {
            ("revoked", format!("chip {uid}, serial {}, since {}: {}", entry.serial, entry.revoked_at, entry.reason))
        };
        facts.extend(self.revoked.iter().take(SHOWN).map(line));
        facts
    }
}

/// Revoked certificates that are listed one by one.
const SHOWN: usize = 100;
