//! Extensions are there, each once, with critical in DER.

use crate::lint::finding::extension_path;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.extension.duplicate"),
    clause: "RFC 5280 §4.2, X.690 §11.5",
    meaning: "the list has no extensions, one twice, or a critical field that is not DER",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let extensions = &subject.list.extensions;
    if extensions.is_empty() {
        report.find("crlExtensions", "the list has no extensions");
    }
    for (at, extension) in extensions.iter().enumerate() {
        let path = extension.identifier().map_or_else(|| "crlExtensions".to_owned(), extension_path);
        let name = extension.identifier().map_or_else(|| "unreadable".to_owned(), oid::shown);
        if extensions[..at].iter().any(|before| before.oid == extension.oid) {
            report.find(path.clone(), format_args!("extension {name} is there twice"));
        }
        if extension.critical.is_some_and(|content| content != [0xFF]) {
            report.find(path, format_args!("critical of extension {name} is not TRUE in DER"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn an_extension_is_there_once() {
        Case::good().passes(&RULE);
        let good = Case::good();
        let twice = [good.extensions.clone(), vec![good.extensions[1].clone()]].concat();
        Case { extensions: twice, ..Case::good() }.fails(&RULE, "cRLNumber is there twice");
        Case { extensions: vec![], ..Case::good() }.fails(&RULE, "no extensions");
        Case::good().set(oid::CRL_NUMBER, Some(&[0]), &[2, 1, 7]).fails(&RULE, "not TRUE");
    }
}
