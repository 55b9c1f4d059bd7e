//! With the largest signature the certificate fits the device's zone.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("device.size").hinted(&super::HINT),
    clause: "policy: device.max_certificate_bytes",
    meaning: "the certificate can be larger than the device's zone",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(limit) = subject.template.device.max_certificate_bytes else { return };
    let signature = subject.issuer.spki().algorithm().longest_signature();
    // BIT STRING with its unused-bits byte, then the outer SEQUENCE
    let header = |content: usize| {
        if content < 0x80 {
            2
        } else if content < 0x100 {
            3
        } else {
            4
        }
    };
    let bits = header(signature + 1) + 1 + signature;
    let content = subject.tbs.der.len() + subject.tbs.signature.len() + bits;
    let size = header(content) + content;
    if size > usize::try_from(limit).unwrap_or(usize::MAX) {
        report.find("tbsCertificate", format_args!("certificate can have {size} octets, the device takes {limit}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn the_largest_signature_counts() {
        Case::good().passes(&RULE);
        let case = Case::good();
        // ECDSA with P-256: 72 bytes at most, 75 as BIT STRING; 12 bytes of algorithm, 4 of header
        let size = case.der().len() + 12 + 75 + 4;
        let with = |limit: usize| {
            let mut case = Case::good();
            case.template.device.max_certificate_bytes = Some(limit.try_into().unwrap());
            case
        };
        with(size).passes(&RULE);
        with(size - 1).fails(&RULE, "the device takes");
    }
}
