//! One policy for every kind of mistake, and the exact words that answer it.
//!
//! `fixtures/golden/policy-mistakes.txt` holds the answers; `REROOT_UPDATE=1 cargo test policy::` writes it again, and
//! a change there is a change of what users read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cert::IssuerIdentity;
use crate::lint::testing::CaSpec;
use crate::x509::{KeyAlgorithm, Time};

use super::same_as_file;
use crate::policy::error::CODES;
use crate::policy::testing::{batch, parse, passes};
use crate::policy::{Policy, PolicyErrors};

/// Lines of the base policy that are changed: table and key, value (empty: the line is dropped).
type Changes = &'static [(&'static str, &'static str)];

#[test]
fn every_kind_of_mistake_has_its_answer() {
    let mut page = String::new();
    let mut met = Vec::new();
    for (title, changes) in WHEN_LOADED {
        let Err(errors) = parse(changes) else { panic!("{title}: expected a mistake") };
        show(&mut page, title, changes, &errors, &mut met);
    }
    for (title, text) in WHOLE_FILES {
        let Err(errors) = Policy::parse(text, "test.toml") else { panic!("{title}: expected a mistake") };
        show(&mut page, title, &[], &errors, &mut met);
    }
    for (title, changes, issuer) in when_bound() {
        let policy = passes(changes);
        let Err(errors) = policy.bind(&issuer.issuer(), &batch(&policy, &[])) else {
            panic!("{title}: expected a mistake")
        };
        show(&mut page, title, changes, &errors, &mut met);
    }
    for (title, given) in [
        ("a parameter is missing", &[][..]),
        ("a parameter does not match", &[("lot", "a0042")]),
        ("a parameter is hostile", &[("lot", "A0042\n\u{1b}[2J\u{202e}")]),
        ("a parameter is unknown", &[("lot", "A0042"), ("lott", "A")]),
    ] {
        let changes: Changes =
            &[("params.lot.pattern", "\"[A-Z0-9]{4,8}\""), ("certificate.subject", "[{ CN = \"{lot}\" }]")];
        let given: BTreeMap<String, String> =
            given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let errors = passes(changes).params(&given).unwrap_err();
        show(&mut page, title, changes, &errors, &mut met);
    }
    let above = CaSpec { not_after: "2050-01-01T00:00:00Z", ..CaSpec::default() }.certificate();
    let issuer = IssuerIdentity::new(CaSpec::default().certificate(), vec![above]).unwrap();
    let errors = passes(&[]).check_ends(&issuer).unwrap_err();
    show(&mut page, "the CA above the issuer ends first", &[], &errors, &mut met);
    let mut wrong_batch = batch(&passes(&[]), &[]);
    wrong_batch.batch = "0198C5B0-7A3E-7CC0-8000-0123456789AB".to_owned();
    let errors = passes(&[]).bind(&CaSpec::default().issuer(), &wrong_batch).unwrap_err();
    show(&mut page, "the batch id is not a UUID in lower case", &[], &errors, &mut met);
    for (title, changes) in [
        ("another CA cannot promise full width", &[("device.full_width_signature", "true")][..]),
        ("another CA cannot copy serial numbers", &[("certificate.serial", "\"source\"")]),
    ] {
        let errors = passes(changes).check_foreign().unwrap_err();
        show(&mut page, title, changes, &errors, &mut met);
    }
    same_as_file("fixtures/golden/policy-mistakes.txt", &page);

    let unmet: Vec<&str> = CODES
        .iter()
        .map(|(code, _)| code.as_str())
        .filter(|code| !met.contains(code) && !code.starts_with("policy.leaf."))
        .collect();
    assert_eq!(unmet, Vec::<&str>::new(), "codes without an example");
}

fn show(page: &mut String, title: &str, changes: Changes, errors: &PolicyErrors, met: &mut Vec<&'static str>) {
    writeln!(page, "## {title}\n").unwrap();
    for (path, value) in changes {
        let value = if value.is_empty() { "(left out)" } else { value };
        writeln!(page, "    {path} = {value}").unwrap();
    }
    for error in errors.errors() {
        let (line, column) = errors.position(error);
        let place = errors.text().get(error.span()).unwrap_or("").lines().next().unwrap_or("");
        writeln!(page, "\n{} at {line}:{column} `{place}`", error.code()).unwrap();
        writeln!(page, "  {}", error.message()).unwrap();
        if let Some(hint) = error.hint() {
            writeln!(page, "  hint: {hint}").unwrap();
        }
        assert!(
            !error.message().ends_with('.') && error.message().is_ascii() || error.message().contains('§'),
            "{error:?}"
        );
        met.push(error.code().as_str());
    }
    page.push('\n');
}

const WHOLE_FILES: &[(&str, &str)] = &[
    ("the file is empty", ""),
    ("the file is not TOML", "version = 1\nname = \nkeys = [1,\n"),
    ("a key is written twice", "version = 1\nversion = 1\n"),
];

const WHEN_LOADED: &[(&str, Changes)] = &[
    ("the version is another one", &[("version", "2")]),
    ("the version is text", &[("version", "\"1\"")]),
    ("the name has a space", &[("name", "\"aws iot\"")]),
    ("the description is empty", &[("description", "\"\"")]),
    ("the description has two lines", &[("description", "\"a\\nb\"")]),
    ("a profile is misspelt", &[("profiles", "[\"aws_iot\"]")]),
    ("a profile is named twice", &[("profiles", "[\"devid\", \"devid\"]")]),
    ("a top-level key is misspelt", &[("descripton", "\"x\""), ("description", "")]),
    ("a key is in the wrong table", &[("certificate.family", "\"stsafe-a\"")]),
    ("the family is misspelt", &[("source.family", "\"stsafe_a\"")]),
    ("no keys are accepted", &[("source.keys", "[]")]),
    ("a key kind is unknown", &[("source.keys", "[\"P256\"]")]),
    ("a relaxation is misspelt", &[("source.relax", "[\"expired-leafs\"]")]),
    ("relax is left out", &[("source.relax", "")]),
    ("the signature is SHA-1", &[("certificate.signature", "\"ecdsa-sha1\"")]),
    ("the serial is misspelt", &[("certificate.serial", "\"derive\"")]),
    ("numbers of any issuer are copied", &[("source.family", "\"generic\""), ("certificate.serial", "\"source\"")]),
    ("a duration has a foreign unit", &[("certificate.not_after", "\"20j\"")]),
    ("a duration has months", &[("certificate.not_after", "\"1y6m\"")]),
    ("a time does not exist", &[("certificate.not_after", "\"2026-02-30T00:00:00Z\"")]),
    ("a time is a TOML date", &[("certificate.not_after", "2046-01-01")]),
    (
        "the end is before the beginning",
        &[
            ("certificate.not_before", "\"2027-01-01T00:00:00Z\""),
            ("certificate.not_after", "\"2026-01-01T00:00:00Z\""),
        ],
    ),
    ("what to do beyond the issuer is misspelt", &[("certificate.outlives_issuer", "\"clamped\"")]),
    ("an attribute has the wrong case", &[("certificate.subject", "[{ cn = \"{uid}\" }]")]),
    ("an attribute is too long", &[("certificate.subject", "[{ CN = \"{uid}{uid}{uid}\" }]")]),
    ("a country has three letters", &[("certificate.subject", "[{ C = \"FRA\" }]")]),
    (
        "an attribute holds characters its type forbids",
        &[("certificate.subject", "[{ serialNumber = \"{batch}_{uid}\" }]")],
    ),
    ("an attribute can begin with a space", &[("certificate.subject", "[{ CN = \" {uid}\" }]")]),
    ("one RDN has an attribute type twice", &[("certificate.subject", "[[{ CN = \"a\" }, { CN = \"b\" }]]")]),
    ("the subject is a string", &[("certificate.subject", "\"CN={uid}\"")]),
    ("the subject is empty", &[("certificate.subject", "[]")]),
    ("a placeholder is misspelt", &[("certificate.subject", "[{ CN = \"{udi}\" }]")]),
    ("a placeholder is unknown", &[("certificate.subject", "[{ CN = \"{customer}\" }]")]),
    ("a placeholder is not closed", &[("certificate.subject", "[{ CN = \"{uid\" }]")]),
    ("a brace is alone", &[("certificate.subject", "[{ CN = \"uid}\" }]")]),
    ("a filter is unknown", &[("certificate.subject", "[{ CN = \"{uid|lowercase}\" }]")]),
    ("a slice reaches too far", &[("certificate.subject", "[{ CN = \"{uid|slice(0,23)}\" }]")]),
    ("a slice is backwards", &[("certificate.subject", "[{ CN = \"{uid|slice(4,2)}\" }]")]),
    ("bytes are put into text", &[("certificate.subject", "[{ CN = \"{uid|bytes}\" }]")]),
    ("text is made bytes that are not hexadecimal", &[("certificate.subject", "[{ CN = \"{batch|bytes}\" }]")]),
    (
        "the family has no such placeholder",
        &[
            ("source.family", "\"stsafe-l\""),
            ("source.keys", "[\"Ed25519\"]"),
            ("certificate.subject", "[{ CN = \"{st_number}\" }]"),
        ],
    ),
    (
        "a parameter's pattern has no bound",
        &[("params.lot.pattern", "\"[A-Z]+\""), ("certificate.subject", "[{ CN = \"{lot}\" }]")],
    ),
    (
        "a parameter's pattern is not a pattern",
        &[("params.lot.pattern", "\"[A-Z\""), ("certificate.subject", "[{ CN = \"{lot}\" }]")],
    ),
    (
        "a parameter's pattern has an anchor",
        &[("params.lot.pattern", "\"^[A-Z]{4}$\""), ("certificate.subject", "[{ CN = \"{lot}\" }]")],
    ),
    (
        "a parameter can be too long where it is used",
        &[("params.lot.pattern", "\"[A-Z]{1,65}\""), ("certificate.subject", "[{ CN = \"{lot}\" }]")],
    ),
    ("a parameter has a built-in name", &[("params.uid.pattern", "\"[A-Z]\"")]),
    (
        "a parameter's name has a hyphen",
        &[("params.lot-no.pattern", "\"[A-Z]\""), ("certificate.subject", "[{ CN = \"{lot-no}\" }]")],
    ),
    ("a parameter is used nowhere", &[("params.lot.pattern", "\"[A-Z]\"")]),
    ("an extension is misspelt", &[("extensions.keyUsage", "{ critical = true, bits = [\"digitalSignature\"] }")]),
    ("criticality is left out", &[("extensions.basic_constraints", "{}")]),
    ("a device wants to be a CA", &[("extensions.basic_constraints", "{ critical = true, ca = true }")]),
    (
        "a device wants to sign certificates",
        &[("extensions.key_usage", "{ critical = true, bits = [\"keyCertSign\"] }")],
    ),
    ("a key usage bit is misspelt", &[("extensions.key_usage", "{ critical = true, bits = [\"digitalSignatures\"] }")]),
    (
        "a curve is to encipher",
        &[("extensions.key_usage", "{ critical = true, bits = [\"digitalSignature\", \"keyEncipherment\"] }")],
    ),
    (
        "a device wants to sign manifests",
        &[("extensions.extended_key_usage", "{ critical = true, purposes = [\"documentSigning\"] }")],
    ),
    (
        "a device wants every purpose",
        &[("extensions.extended_key_usage", "{ critical = false, purposes = [\"2.5.29.37.0\"] }")],
    ),
    (
        "a purpose is misspelt",
        &[("extensions.extended_key_usage", "{ critical = false, purposes = [\"clientauth\"] }")],
    ),
    (
        "no bit serves a purpose",
        &[
            ("extensions.key_usage", "{ critical = true, bits = [\"keyAgreement\"] }"),
            ("extensions.extended_key_usage", "{ critical = false, purposes = [\"codeSigning\"] }"),
        ],
    ),
    (
        "a key identifier is critical",
        &[("extensions.subject_key_identifier", "{ method = \"rfc5280-1\", critical = true }")],
    ),
    ("a URI has no scheme", &[("extensions.subject_alt_name", "{ critical = false, names = [{ uri = \"{uid}\" }] }")]),
    (
        "a DNS name has a label that can be too long",
        &[("extensions.subject_alt_name", "{ critical = false, names = [{ dns = \"{source.sha256}.example.com\" }] }")],
    ),
    (
        "a CRL's number without its section",
        &[("extensions.crl_distribution_points", "{ critical = false, urls = [\"http://a.example/{crl_shard}\"] }")],
    ),
    (
        "a CRL becomes too large",
        &[
            ("extensions.crl_distribution_points", "{ critical = false, urls = [\"http://a.example/{crl_shard}\"] }"),
            ("revocation.shards", "16"),
            ("revocation.expected_certificates", "100000000"),
            ("revocation.worst_revoked_percent", "5"),
        ],
    ),
    (
        "a URL is that of several CRLs",
        &[
            ("extensions.crl_distribution_points", "{ critical = false, urls = [\"http://a.example/all.crl\"] }"),
            ("revocation.shards", "64"),
            ("revocation.expected_certificates", "10000000"),
            ("revocation.worst_revoked_percent", "1"),
        ],
    ),
    (
        "a name has two forms",
        &[("extensions.subject_alt_name", "{ critical = false, names = [{ dns = \"a\", ip = \"::1\" }] }")],
    ),
    (
        "names of an empty subject are not critical",
        &[
            ("certificate.subject", "[]"),
            ("extensions.subject_alt_name", "{ critical = false, names = [{ uri = \"urn:stsafe:{uid}\" }] }"),
        ],
    ),
    (
        "an object identifier is none",
        &[("extensions.certificate_policies", "{ critical = false, policies = [\"1.2.03\"] }")],
    ),
    (
        "an extension by number has a field",
        &[("extensions.other", "[{ oid = \"2.5.29.15\", critical = true, value = { null = true } }]")],
    ),
    (
        "an extension by number is a CA's",
        &[("extensions.other", "[{ oid = \"2.5.29.30\", critical = true, value = { sequence = [] } }]")],
    ),
    ("the device's target is misspelt", &[("device.target", "\"STSELib\"")]),
    ("the target wants full-width signatures", &[("device.target", "\"stselib\"")]),
    (
        "full width is asked of Ed25519",
        &[("device.full_width_signature", "true"), ("certificate.signature", "\"ed25519\"")],
    ),
    ("the zone is not a number", &[("device.max_certificate_bytes", "\"1 kB\"")]),
    ("the device is left out", &[("device.target", ""), ("device.full_width_signature", "")]),
    (
        "several mistakes at once",
        &[
            ("name", "\"A\""),
            ("source.keys", "[]"),
            ("certificate.not_after", "\"soon\""),
            ("device.targt", "\"none\""),
        ],
    ),
];

fn when_bound() -> Vec<(&'static str, Changes, CaSpec)> {
    let ca = CaSpec::default;
    vec![
        ("the issuer has an RSA key", &[], CaSpec { key: KeyAlgorithm::Rsa { bits: 3072 }, ..ca() }),
        ("the hash is shorter than the issuer's curve", &[], CaSpec { key: KeyAlgorithm::P384, ..ca() }),
        (
            "this program does not issue with the issuer's curve",
            &[],
            CaSpec { key: KeyAlgorithm::BrainpoolP256r1, ..ca() },
        ),
        ("the issuer ends too early", &[], CaSpec { not_after: "2030-01-01T00:00:00Z", ..ca() }),
        ("the issuer has expired", &[], CaSpec { not_after: "2026-02-01T00:00:00Z", ..ca() }),
        ("the issuer is too young", &[], CaSpec { not_before: "2026-03-01T00:00:01Z", ..ca() }),
        ("never needs an issuer that never ends", &[("certificate.not_after", "\"never\"")], ca()),
        ("the end is beyond the calendar", &[("certificate.not_after", "\"9000y\"")], ca()),
        (
            "the issuer has no key identifier",
            &[("extensions.authority_key_identifier", "{}")],
            CaSpec { key_identifier: None, ..ca() },
        ),
        (
            "the issuer has other purposes",
            &[("extensions.extended_key_usage", "{ critical = false, purposes = [\"clientAuth\"] }")],
            CaSpec { purposes: &[crate::x509::oid::KP_SERVER_AUTH], ..ca() },
        ),
        (
            "the issuer has purposes and the policy none",
            &[],
            CaSpec { purposes: &[crate::x509::oid::KP_CLIENT_AUTH], ..ca() },
        ),
        ("the zone is too small", &[("device.max_certificate_bytes", "300")], ca()),
        (
            "every certificate would fail a lint",
            &[("profiles", "[\"devid\"]"), ("extensions.authority_key_identifier", "{}")],
            ca(),
        ),
        (
            "the library could not load any certificate",
            &[("device.target", "\"stselib\""), ("device.full_width_signature", "true")],
            CaSpec { subject: crate::lint::testing::name(&[(crate::x509::oid::COMMON_NAME, 0x0C, b"A")]), ..ca() },
        ),
    ]
}

#[test]
fn a_validity_taken_from_the_leaf_is_judged_leaf_by_leaf() {
    let leaf = crate::policy::testing::verified(crate::policy::testing::LEAF, crate::verify::Family::StsafeA);
    let policy = passes(&[("certificate.not_before", "\"source\"")]);
    let bound = policy.bind(&CaSpec::default().issuer(), &batch(&policy, &[])).unwrap();
    let finding = bound.template(&leaf).unwrap_err();
    assert_eq!(finding.code.as_str(), "policy.leaf.validity");
    assert_eq!(finding.reason, "not_before 2021-03-05T00:00:00Z lies before the issuing CA's own 2025-01-01T00:00:00Z");
    let older = CaSpec { not_before: "2020-01-01T00:00:00Z", ..CaSpec::default() };
    let bound = policy.bind(&older.issuer(), &batch(&policy, &[])).unwrap();
    let validity = bound.template(&leaf).unwrap().validity;
    assert_eq!(validity.not_after(), Time::from_rfc3339("2041-03-04T23:59:59Z").unwrap());
    let policy = passes(&[("certificate.not_after", "\"source\""), ("certificate.outlives_issuer", "\"clamp\"")]);
    let short = CaSpec { not_after: "2050-01-01T00:00:00Z", ..CaSpec::default() };
    let bound = policy.bind(&short.issuer(), &batch(&policy, &[])).unwrap();
    assert_eq!(
        bound.template(&leaf).unwrap().validity.not_after(),
        Time::from_rfc3339("2050-01-01T00:00:00Z").unwrap()
    );
}

#[test]
fn a_leaf_of_another_kind_is_rejected() {
    let leaf = crate::policy::testing::verified(crate::policy::testing::LEAF, crate::verify::Family::Generic);
    let policy = passes(&[]);
    let bound = policy.bind(&CaSpec::default().issuer(), &batch(&policy, &[])).unwrap();
    assert_eq!(bound.template(&leaf).unwrap_err().code.as_str(), "policy.leaf.family");
    let leaf = crate::policy::testing::verified(crate::policy::testing::LEAF, crate::verify::Family::StsafeA);
    let policy = passes(&[("source.keys", "[\"P-384\"]")]);
    let bound = policy.bind(&CaSpec::default().issuer(), &batch(&policy, &[])).unwrap();
    let finding = bound.template(&leaf).unwrap_err();
    assert_eq!(finding.code.as_str(), "policy.leaf.key");
    assert_eq!(finding.uid, Some(*leaf.uid()));
}
