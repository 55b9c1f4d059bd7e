//! What the library's results say to programs and to people: every result is a [`Serialize`] value, and a front door renders
//! its JSON and its text from that one value.
//!
//! Guarantees: the names of members do not change. Which option or command helps is left to the front door.

mod audit;
mod certificate;
mod failure;
mod findings;
mod inspect;
mod made;
mod page;
mod policy;
mod preview;
mod proof;
mod status;
mod table;

use serde::{Serialize, Serializer};

use crate::origin::Code;
use crate::x509::KeyAlgorithm;

pub use crate::text::exact_path as path;
pub use audit::facts;
pub use certificate::Described;
pub use failure::{Failed, PlaceInFile};
pub use findings::{CodesOf, FindingsOf};
pub use made::{ExportMade, FileMade, Place, PossessionMade, ProofsMade, StampMade, SupplementMade};
pub use page::{Page, page};
pub use policy::{CheckedPolicy, Issuing, PolicyFile, PolicyFiles, check_policy};
pub use preview::ShownUnder;
pub use proof::{Absent, Present, Refused, facts_of_proof};
pub use table::Table;

/// Values that are written to programs as they are shown to people; the formats of batches have the others.
macro_rules! as_text {
    ($($type:ty),* $(,)?) => {
        $(impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        })*
    };
}

as_text!(Code, KeyAlgorithm);

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(super::count(number), text);
        }
    }
}
