//! The list says when the next one comes, and that is after its own time.

use crate::x509::Time;
use crate::x509::tlv::Element;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.time.order"),
    clause: "RFC 5280 §5.1.2.5",
    meaning: "nextUpdate is absent or not after thisUpdate",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(next) = subject.list.next_update else {
        return report.find("nextUpdate", "nextUpdate is absent");
    };
    let time = |element: Element<'_>| Time::from_der(element.tag, element.content);
    if let (Ok(this), Ok(next)) = (time(subject.list.this_update), time(next))
        && next <= this
    {
        report.find("nextUpdate", format_args!("nextUpdate {next} is not after thisUpdate {this}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn the_next_update_is_later() {
        Case::good().passes(&RULE);
        Case { next_update: vec![], ..Case::good() }.fails(&RULE, "absent");
        Case { next_update: Case::good().this_update, ..Case::good() }.fails(&RULE, "not after");
    }
}
