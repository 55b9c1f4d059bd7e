//! Times are UTCTime to 2049 and GeneralizedTime from 2050, in seconds, ending in Z.

use crate::origin::Code;
use crate::x509::Time;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.validity.encoding").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.5",
    meaning: "a time is not encoded as RFC 5280 wants it",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (name, time) in [("notBefore", subject.tbs.not_before), ("notAfter", subject.tbs.not_after)] {
        if let Err(error) = Time::from_der(time.tag, time.content) {
            report.find("validity", format_args!("{name}: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn the_encoding_switches_in_2050() {
        Case::good().passes(&RULE);
        Case { not_after: Time::NEVER.to_der(), ..Case::good() }.passes(&RULE);
        let early = [&[0x18, 15][..], b"20460228235959Z"].concat();
        Case { not_after: early, ..Case::good() }.fails(&RULE, "UTCTime");
        let no_date = [&[0x17, 13][..], b"260230000000Z"].concat();
        Case { not_before: no_date, ..Case::good() }.fails(&RULE, "does not exist");
    }
}
