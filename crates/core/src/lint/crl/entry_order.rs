//! Entries come in the order of their serial numbers, each once, and an empty list of them is left out.

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.entry.order"),
    clause: "RFC 5280 §5.1.2.6; design: a list is rebuilt byte for byte",
    meaning: "entries are not in ascending order of serial numbers, a serial number is there twice, or revokedCertificates is empty",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.list.revoked == Some(&[]) {
        return report.find("revokedCertificates", "revokedCertificates is present and empty");
    }
    // content is minimal where crl.entry.serial found nothing, and then the longer one is the larger one
    let mut before: &[u8] = &[];
    for entry in subject.list.entries() {
        if (entry.serial.len(), entry.serial) <= (before.len(), before) {
            return report.find(entry.path(), "serial number is not above that of the entry before");
        }
        before = entry.serial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn entries_ascend() {
        Case::good().passes(&RULE);
        let first = Case::good().entries.unwrap().remove(0);
        let twice = vec![first.clone(), first];
        Case { entries: Some(twice), ..Case::good() }.fails(&RULE, "revokedCertificates.2: serial number is not above");
        Case::good().entry(&[3], &[]).fails(&RULE, "revokedCertificates.3");
        Case { entries: Some(vec![]), ..Case::good() }.fails(&RULE, "empty");
    }
}
