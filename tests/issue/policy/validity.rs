//! When certificates end: the encoding's switch in 2050, the end that never comes, and the issuer's own end.

use std::path::{Path, PathBuf};

use super::own_ca::{OwnCa, Spec, genuine, policy};

/// Issues for one leaf; returns the validity as OpenSSL's ASN.1 parser sees it: types and values.
fn issued(ca: &OwnCa, changes: &[(&str, &str)]) -> [String; 2] {
    let leaf = genuine().remove(0);
    ca.issue(&policy(changes), &[&leaf], &[]).success();
    let objects = ca.verify();
    times(ca, &objects[0])
}

fn times(ca: &OwnCa, object: &Path) -> [String; 2] {
    let path = object.display().to_string();
    let text = ca.openssl(&["asn1parse", "-inform", "DER", "-in", &path]).out();
    let times = text.lines().filter(|line| line.contains("TIME"));
    let times =
        times.map(|line| line.split_once("prim: ").expect("primitive").1.split_whitespace().collect::<String>());
    times.collect::<Vec<_>>().try_into().expect("two times")
}

/// The issuing CA's certificate as DER.
fn issuing(ca: &OwnCa) -> PathBuf {
    ca.openssl(&["x509", "-in", "issuing.pem", "-outform", "DER", "-out", "issuing.der"]);
    ca.path("issuing.der")
}

fn end_of(certificate: &str, ca: &OwnCa) -> String {
    ca.certificate(certificate).validity().not_after().to_string()
}

/// A CA that is valid beyond 2050.
fn long() -> Spec<'static> {
    Spec { days: 20_000, ..Spec::default() }
}

#[test]
fn the_last_second_of_2049_is_a_utctime() {
    let [_, end] = issued(&OwnCa::new(&long()), &[("not_after", "\"2049-12-31T23:59:59Z\"")]);
    assert_eq!(end, "UTCTIME:491231235959Z");
}

#[test]
fn the_first_second_of_2050_is_a_generalizedtime() {
    let [begin, end] = issued(&OwnCa::new(&long()), &[("not_after", "\"2050-01-01T00:00:00Z\"")]);
    assert_eq!(end, "GENERALIZEDTIME:20500101000000Z");
    assert!(begin.starts_with("UTCTIME:"), "{begin}");
}

#[test]
fn a_certificate_that_never_ends_says_so() {
    let [_, end] =
        issued(&OwnCa::new(&Spec::default()), &[("not_after", "\"never\""), ("outlives_issuer", "\"allow\"")]);
    assert_eq!(end, "GENERALIZEDTIME:99991231235959Z");
}

#[test]
fn an_end_beyond_the_issuers_is_an_error() {
    let ca = OwnCa::new(&Spec::default());
    let leaf = genuine().remove(0);
    for end in ["20y", "never", "2090-01-01T00:00:00Z"] {
        let refused = ca.issue(&policy(&[("not_after", &format!("\"{end}\""))]), &[&leaf], &[]).expect(2);
        let own = end_of("issuing.pem", &ca);
        assert!(refused.err().contains("policy.validity.issuer"), "{}", refused.err());
        assert!(refused.err().replace("\n  │ ", "").contains(&own), "{own}: {}", refused.err());
        assert!(!ca.path("batch").exists());
    }
}

#[test]
fn an_end_beyond_the_issuers_is_clamped_to_it() {
    let ca = OwnCa::new(&Spec::default());
    let [_, end] = issued(&ca, &[("not_after", "\"20y\""), ("outlives_issuer", "\"clamp\"")]);
    assert_eq!(end, times(&ca, &issuing(&ca))[1]);
}

#[test]
fn an_end_before_the_issuers_is_not_moved_by_clamping() {
    let ca = OwnCa::new(&Spec::default());
    let [begin, end] = issued(&ca, &[("not_after", "\"30d\""), ("outlives_issuer", "\"clamp\"")]);
    assert_ne!(end, begin);
    assert_ne!(end, times(&ca, &issuing(&ca))[1]);
}

#[test]
fn an_end_beyond_the_issuers_is_allowed_where_the_policy_says_so() {
    let ca = OwnCa::new(&Spec::default());
    let [_, end] = issued(&ca, &[("not_after", "\"2090-01-01T00:00:00Z\""), ("outlives_issuer", "\"allow\"")]);
    assert_eq!(end, "GENERALIZEDTIME:20900101000000Z");
}

/// ST's leaves end in 2050 and 2051: beyond this CA, and beyond the year in which the encoding changes.
#[test]
fn the_sources_own_end_is_copied() {
    let ca = OwnCa::new(&long());
    let [_, end] = issued(&ca, &[("not_after", "\"source\"")]);
    let source = genuine().remove(0);
    assert_eq!(end, times(&ca, &source)[1]);
    let ca = OwnCa::new(&Spec::default());
    let refused = ca.issue(&policy(&[("not_after", "\"source\"")]), &[&source], &[]).expect(3);
    assert!(refused.err().contains("policy.leaf.validity"), "{}", refused.err());
}

/// not_before is the issuer's own at the earliest.
#[test]
fn a_beginning_before_the_issuers_is_an_error() {
    let ca = OwnCa::new(&Spec::default());
    let leaf = genuine().remove(0);
    let refused = ca.issue(&policy(&[("not_before", "\"2020-01-01T00:00:00Z\"")]), &[&leaf], &[]).expect(2);
    assert!(refused.err().contains("policy.validity.issuer"), "{}", refused.err());
    let refused = ca.issue(&policy(&[("not_before", "\"source\"")]), &[&leaf], &[]).expect(3);
    assert!(refused.err().contains("policy.leaf.validity"), "{}", refused.err());
}
