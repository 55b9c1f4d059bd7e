//! Signature algorithm, validity, subject and extensions are those of the policy.

use crate::origin::Code;
use crate::x509::tlv::Element;
use crate::x509::{SignatureAlgorithm, Time};

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("template.field.differs").hinted(&super::HINT),
    clause: "design: the policy decides what a certificate says",
    meaning: "an encoded field is not what the policy decided",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let template = subject.template;
    if SignatureAlgorithm::from_identifier(subject.tbs.signature) != Ok(template.signature) {
        report.find("signature", "encoded signature algorithm differs from the policy's");
    }
    let time = |element: Element<'_>| Time::from_der(element.tag, element.content).ok();
    let decided = (Some(template.validity.not_before()), Some(template.validity.not_after()));
    if (time(subject.tbs.not_before), time(subject.tbs.not_after)) != decided {
        report.find("validity", "encoded validity differs from the policy's");
    }
    if subject.tbs.subject != template.subject.der() {
        report.find("subject", "encoded subject differs from the policy's");
    }
    let same = subject.tbs.extensions.len() == template.extensions.len()
        && subject.tbs.extensions.iter().zip(&template.extensions).all(|(found, decided)| {
            found.oid == decided.oid.as_bytes()
                && found.is_critical() == decided.critical
                && found.value == &*decided.value
        });
    if !same {
        report.find("extensions", "encoded extensions differ from the policy's");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn nothing_is_encoded_that_was_not_decided() {
        Case::good().passes(&RULE);
        Case { not_after: Time::NEVER.to_der(), ..Case::good() }.fails(&RULE, "validity");
        Case { subject: vec![0x30, 0], ..Case::good() }.fails(&RULE, "subject");
        Case { extensions: vec![], ..Case::good() }.fails(&RULE, "extensions");
        Case { signature: SignatureAlgorithm::EcdsaSha512.identifier(), ..Case::good() }.fails(&RULE, "algorithm");
    }
}
