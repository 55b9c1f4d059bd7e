//! All rules together.

use super::testing::Case;
use super::*;

#[test]
fn a_good_certificate_has_no_finding_and_is_accepted() {
    let case = Case::good();
    assert_eq!(case.codes(), Vec::<&str>::new());
    let tbs = TbsCertificate::encode(&case.issuer, &case.template, case.recorded_serial, 0);
    assert_eq!(tbs.der(), case.der(), "the encoder writes what the test wrote by hand");
    let linted = check(&case.issuer, &case.template, tbs.clone()).unwrap();
    assert_eq!(linted.into_tbs(), tbs);
}

#[test]
fn bytes_that_are_no_tbs_are_a_finding() {
    let case = Case { version: vec![0xA0, 0], ..Case::good() };
    assert_eq!(case.codes(), ["rfc5280.structure"]);
    let case = Case { subject: vec![0x31, 0], ..Case::good() };
    assert_eq!(case.codes(), ["rfc5280.structure"]);
}

#[test]
fn codes_are_distinct_and_complete() {
    let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes.len(), 1 + RULES.iter().map(|rules| rules.len()).sum::<usize>());
    codes.sort_unstable();
    let before = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), before);
}

#[test]
fn several_faults_are_all_reported() {
    let case = Case { serial: vec![0], version: vec![], ..Case::good() };
    assert_eq!(case.codes(), ["rfc5280.version", "rfc5280.serial.not-positive", "template.serial.differs"]);
}

#[test]
fn rules_of_a_profile_apply_only_where_it_is_named() {
    let mut case = Case::good();
    case.template.device.full_width_signature = false;
    assert_eq!(case.codes(), ["stselib.signature.full-width"]);
    case.template.device.stselib = false;
    assert_eq!(case.codes(), Vec::<&str>::new());
}
