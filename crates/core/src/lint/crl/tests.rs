//! All rules together.

use std::collections::BTreeSet;

use super::testing::Case;
use super::*;
use crate::crl::tbs_cert_list;

#[test]
fn what_the_encoder_writes_has_no_finding() {
    let case = Case::good();
    let tbs = tbs_cert_list(&case.parameters, Case::good_entries().into_iter());
    assert_eq!(tbs, case.der(), "the encoder writes what the test wrote by hand");
    let linted = check_crl(&case.issuer, &case.parameters, tbs.clone()).unwrap();
    assert_eq!((linted.tbs(), linted.signature_algorithm()), (&tbs[..], case.parameters.signature));
}

#[test]
fn bytes_that_are_no_list_are_a_finding() {
    let case = Case { issuer_name: vec![0x31, 0], ..Case::good() };
    let findings = check_crl(&case.issuer, &case.parameters, case.der()).unwrap_err();
    assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [CRL_UNREADABLE]);
}

#[test]
fn codes_are_distinct() {
    let codes: BTreeSet<&str> = CRL_RULES.iter().map(|rule| rule.code.as_str()).collect();
    assert_eq!(codes.len(), CRL_RULES.len());
}
