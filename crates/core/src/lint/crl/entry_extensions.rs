//! An entry has a reason or no extension at all.

use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.entry.extension"),
    clause: "RFC 5280 §5.3",
    meaning: "an entry has an extension besides one reasonCode, or an empty list of extensions",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for entry in subject.list.entries().filter(|entry| entry.extensions.is_some()) {
        match entry.extension_list().as_deref() {
            Some([only]) if only.oid == oid::CRL_REASON.as_bytes() => {}
            Some([]) => return report.find(entry.path(), "crlEntryExtensions is present and empty"),
            Some(_) => return report.find(entry.path(), "the entry has an extension besides one reasonCode"),
            None => return report.find(entry.path(), "crlEntryExtensions is not a list of extensions"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn a_reason_is_the_only_extension() {
        Case::good().passes(&RULE);
        let reason = (oid::CRL_REASON, false, &[10, 1, 1][..]);
        let date = (oid::INVALIDITY_DATE, false, &[0x18, 0][..]);
        Case::good().entry(&[99], &[reason]).passes(&RULE);
        Case::good().entry(&[99], &[date]).fails(&RULE, "besides");
        Case::good().entry(&[99], &[reason, reason]).fails(&RULE, "besides");
        let empty = [&[0x30, 20, 2, 1, 99, 0x17, 13][..], b"260301000000Z", &[0x30, 0]].concat();
        Case { entries: Some(vec![empty]), ..Case::good() }.fails(&RULE, "empty");
    }
}
