//! Names of chips by family: which UIDs a typed name can stand for.

use crate::origin::{ChipName, Uid};
use crate::x509::SerialNumber;

use super::Family;

/// The UIDs that a name stands for among the chips of a family: one, or all with the same unique number and any
/// product id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedUids {
    first: Uid,
    last: Uid,
}

impl NamedUids {
    /// The lowest.
    pub fn first(&self) -> &Uid {
        &self.first
    }

    /// The highest.
    pub fn last(&self) -> &Uid {
        &self.last
    }

    /// Returns whether the name stands for this UID. It may stand for others too.
    pub fn contains(&self, uid: &Uid) -> bool {
        self.first <= *uid && *uid <= self.last && uid.as_bytes().len() == self.first.as_bytes().len()
    }

    fn one(uid: Uid) -> Self {
        Self { first: uid, last: uid }
    }
}

impl Family {
    /// Whether a chip of this family can have the UID.
    pub fn has(self, uid: &Uid) -> bool {
        SerialNumber::from_content(uid.as_bytes()).is_ok_and(|serial| self.is_uid(&serial))
    }

    /// Returns the UIDs that the name stands for; `None` if no chip of this family can have the name.
    pub fn named(self, name: &ChipName) -> Option<NamedUids> {
        let bytes = name.as_bytes();
        let one = |bytes: &[u8]| Uid::from_bytes(bytes).ok().map(NamedUids::one);
        match self.parts() {
            Some(parts) if bytes.len() == parts.number => one(&parts.with_head(bytes)),
            Some(parts) if bytes.len() == parts.unique => {
                let with = |product: u8| [parts.with_head(bytes), vec![product; parts.product_id()]].concat();
                let [first, last] = [with(0), with(0xFF)];
                Some(NamedUids { first: Uid::from_bytes(&first).ok()?, last: Uid::from_bytes(&last).ok()? })
            }
            _ => one(bytes).filter(|named| self.has(&named.first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(family: Family, text: &str) -> Option<(String, String)> {
        let named = family.named(&text.parse().unwrap())?;
        Some((named.first().to_string(), named.last().to_string()))
    }

    #[test]
    fn a_name_stands_for_uids_that_the_family_has_or_for_none() {
        let whole = "0209A021E021C4E1D00139";
        let one = |uid: &str| Some((uid.to_owned(), uid.to_owned()));
        assert_eq!(named(Family::StsafeA, whole), one(whole));
        assert_eq!(named(Family::StsafeA, &whole[4..]), one(whole));
        let range = ("0209A021E021C4E1D00000".to_owned(), "0209A021E021C4E1D0FFFF".to_owned());
        assert_eq!(named(Family::StsafeA, &whole[4..18]), Some(range));
        assert_eq!(named(Family::StsafeL, "400000000082940113"), one("400000000082940113"));
        for generic in ["01", "0080", "A021E021C4E1D00139".replace('A', "7").as_str(), whole] {
            assert_eq!(named(Family::Generic, generic), one(generic));
        }
        for (family, text) in [
            // shortened, longer, zeros before, another beginning, another family
            (Family::StsafeA, "0209"),
            (Family::StsafeA, "0209A021E021C4E1D001"),
            (Family::StsafeA, "0209A021E021C4E1D0013900"),
            (Family::StsafeA, "000209A021E021C4E1D00139"),
            (Family::StsafeA, "0309A021E021C4E1D00139"),
            (Family::StsafeA, "01"),
            (Family::StsafeL, "0040000000000082940113"),
            (Family::StsafeL, "40000000008294"),
            (Family::StsafeL, "008000000082940113"),
            (Family::StsafeL, "800000000082940113"),
            (Family::StsafeL, whole),
            (Family::Generic, "00"),
            (Family::Generic, "0001"),
            (Family::Generic, "80"),
            (Family::Generic, "000209A021E021C4E1D00139"),
        ] {
            assert_eq!(named(family, text), None, "{family} {text}");
        }
    }

    #[test]
    fn a_unique_number_stands_for_every_product_id_and_for_nothing_longer() {
        let named = Family::StsafeA.named(&"A021E021C4E1D0".parse().unwrap()).unwrap();
        let contains = |uid: &str| named.contains(&uid.parse().unwrap());
        assert!(contains("0209A021E021C4E1D00000") && contains("0209A021E021C4E1D0FFFF"));
        assert!(!contains("0209A021E021C4E1D1FFFF") && !contains("0209A021E021C4E1D001"));
        assert!(!contains("0209A021E021C4E1D0013900"));
    }
}
