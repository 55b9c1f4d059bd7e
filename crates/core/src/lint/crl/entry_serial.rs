//! Every entry names a possible serial number.

use crate::x509::SerialNumber;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.entry.serial"),
    clause: "RFC 5280 §4.1.2.2",
    meaning: "a serial number is not a positive INTEGER of at most 20 bytes",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    // the first says enough: a list that is wrong in one place is made again as a whole
    let fault = |entry: super::list::Entry<'_>| {
        let error = SerialNumber::from_content(entry.serial).err()?;
        Some((entry.path(), error))
    };
    if let Some((path, error)) = subject.list.entries().find_map(fault) {
        report.find(path, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn a_number_that_no_certificate_has_is_found() {
        Case::good().passes(&RULE);
        Case::good().entry(&[0], &[]).fails(&RULE, "revokedCertificates.3: serial number is zero");
        Case::good().entry(&[1; 21], &[]).fails(&RULE, "21");
    }
}
