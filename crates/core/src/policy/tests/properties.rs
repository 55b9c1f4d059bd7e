//! No UID and no parameter value that [`Policy::params`] accepts can make a certificate that breaks a lint.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::cert::{IssuerIdentity, SerialRule, TbsCertificate};
use crate::lint;
use crate::origin::{ItemName, Origin, Uid};
use crate::verify::Family;
use crate::x509::tlv::{element, tag};
use crate::x509::{Certificate, Name, SerialNumber, SignatureAlgorithm, oid};

use crate::policy::testing::{batch, issuer, parse, verified};
use crate::policy::{BoundPolicy, Policy};

/// A policy that puts every placeholder somewhere.
fn policy(family: &str) -> Policy {
    let keys = if family == "stsafe-l" { "[\"Ed25519\"]" } else { "[\"P-256\", \"Ed25519\"]" };
    let serial = if family == "generic" { "\"derived\"" } else { "\"source\"" };
    let family = format!("\"{family}\"");
    parse(&[
        ("source.family", family.as_str()),
        ("source.keys", keys),
        ("params.lot.pattern", "\"[A-Z0-9]{4,8}|x(-[a-z]{1,3}){0,4}\""),
        ("params.free.pattern", "\"[!-~]([ -~]{0,18}[!-~])?\""),
        ("certificate.serial", serial),
        (
            "certificate.subject",
            r#"[{ O = "Lot {lot|upper}" }, { OU = "{free}" }, { CN = "{uid}", serialNumber = "{source.serial|lower}" },
                { type = "1.3.6.1.4.1.32473.9", value = "{source.common_name}", string = "utf8" }]"#,
        ),
        ("extensions.subject_key_identifier", "{ method = \"rfc5280-1\" }"),
        ("extensions.authority_key_identifier", "{}"),
        (
            "extensions.subject_alt_name",
            r#"{ critical = false, names = [{ uri = "urn:stsafe:{uid|lower}:{lot}" }, { dns = "d{uid}.{lot|lower|slice(0,1)}.example" },
                { hardware_module_name = { type = "1.3.6.1.4.1.32473.1", serial = "{uid|bytes}" } },
                { permanent_identifier = { value = "{free}{source.sha256}" } }] }"#,
        ),
        ("extensions.crl_distribution_points", r#"{ critical = false, urls = ["http://a.example/{spki.sha256|slice(0,2)}"] }"#),
        ("extensions.other", r#"[{ oid = "1.2.3", critical = false, value = { octets = "{free}{uid|bytes}" } }]"#),
    ])
    .unwrap_or_else(|errors| panic!("{errors}"))
}

/// A leaf with this serial number and common name, its signature invented.
fn leaf(uid: &[u8], common_name: &str) -> Vec<u8> {
    let genuine = Certificate::from_der(crate::policy::testing::LEAF).unwrap();
    let pair =
        element(tag::SEQUENCE, &[&element(6, &[oid::COMMON_NAME.as_bytes()]), &element(12, &[common_name.as_bytes()])]);
    let subject = element(tag::SEQUENCE, &[&element(tag::SET, &[&pair])]);
    Name::from_der(&subject).unwrap();
    let algorithm = SignatureAlgorithm::EcdsaSha256.identifier();
    let times = [genuine.validity().not_before().to_der(), genuine.validity().not_after().to_der()];
    let tbs = element(
        tag::SEQUENCE,
        &[
            &[0xA0, 3, 2, 1, 2],
            &element(tag::INTEGER, &[uid]),
            &algorithm,
            genuine.issuer().der(),
            &element(tag::SEQUENCE, &[&times[0], &times[1]]),
            &subject,
            genuine.spki().der(),
        ],
    );
    element(tag::SEQUENCE, &[&tbs, &algorithm, &element(tag::BIT_STRING, &[&[0, 1]])])
}

fn check(
    bound: &BoundPolicy,
    issuer: &IssuerIdentity,
    family: Family,
    uid: &[u8],
    common_name: &str,
    context: &crate::policy::BatchContext,
) -> Result<(), TestCaseError> {
    let der = leaf(uid, common_name);
    let mut leaf = verified(&der, Family::Generic);
    if family != Family::Generic {
        let origin =
            Origin { item: ItemName::input(b"x"), uid: Uid::from_bytes(uid).unwrap(), ..leaf.origin().clone() };
        leaf = crate::verify::VerifiedLeaf::for_tests(origin, family, leaf.certificate().clone(), leaf.proof().clone());
    }
    let template = match bound.template(&leaf) {
        Ok(template) => template,
        // the only thing that a verified leaf can lack
        Err(finding) => {
            let hostile = common_name.chars().any(char::is_control)
                || common_name.chars().count() > 64
                || common_name.starts_with(' ')
                || common_name.ends_with(' ')
                || common_name.is_empty();
            prop_assert!(hostile, "{finding:?}");
            return Ok(());
        }
    };
    let serial = match &template.serial {
        SerialRule::Source(serial) => *serial,
        SerialRule::Derived => SerialNumber::from_content(&[0x40; 16]).unwrap(),
    };
    let tbs = TbsCertificate::encode(issuer, &template, serial, 0);
    prop_assert!(tbs.wrap(&[0; 72]).len() <= bound.max_certificate_bytes(issuer));
    // what was encoded is a certificate for the strict reader too, and says what the policy says and no more
    let wrapped = Certificate::from_der(&tbs.wrap(&[0; 8]));
    prop_assert!(wrapped.is_ok(), "{wrapped:?}");
    says_what_the_policy_says(&wrapped.expect("checked"), &leaf, context)?;
    if let Err(findings) = lint::check(issuer, &template, tbs) {
        prop_assert!(false, "{findings:?}");
    }
    Ok(())
}

/// Every value is where the policy puts it, whole and alone; the extensions are the policy's, in its order.
fn says_what_the_policy_says(
    issued: &Certificate,
    leaf: &crate::verify::VerifiedLeaf,
    context: &crate::policy::BatchContext,
) -> Result<(), TestCaseError> {
    let given = context.params.values();
    let uid = hex::encode_upper(leaf.uid().as_bytes());
    let own = leaf.certificate().subject().common_name().expect("the template was filled with it");
    let rdns = issued.subject().rdns();
    let found: Vec<Vec<String>> = rdns
        .iter()
        .map(|rdn| rdn.iter().map(|attribute| attribute.text().expect("texts were written").into_owned()).collect())
        .collect();
    let common_name_and_serial = vec![uid.clone(), uid.to_lowercase()];
    let expected = [
        vec![format!("Lot {}", given["lot"].to_ascii_uppercase())],
        vec![given["free"].clone()],
        common_name_and_serial,
        vec![own],
    ];
    prop_assert_eq!(found, expected);
    let found: Vec<_> = issued.extensions().iter().map(|extension| (extension.oid, extension.critical)).collect();
    let expected = [
        oid::SUBJECT_KEY_IDENTIFIER,
        oid::AUTHORITY_KEY_IDENTIFIER,
        oid::SUBJECT_ALT_NAME,
        oid::CRL_DISTRIBUTION_POINTS,
        der::asn1::ObjectIdentifier::new_unwrap("1.2.3"),
    ];
    prop_assert_eq!(found, expected.map(|oid| (oid, false)).to_vec());
    prop_assert_eq!(issued.spki().der(), leaf.spki().der());
    Ok(())
}

fn params(policy: &Policy, lot: &str, free: &str) -> Option<crate::policy::BatchContext> {
    let given = BTreeMap::from([("lot".to_owned(), lot.to_owned()), ("free".to_owned(), free.to_owned())]);
    policy.params(&given).ok()?;
    Some(batch(policy, &[("lot", lot), ("free", free)]))
}

fn uid_of(family: Family) -> BoxedStrategy<Vec<u8>> {
    match family {
        Family::StsafeA => {
            prop::collection::vec(any::<u8>(), 9).prop_map(|number| [vec![2, 9], number].concat()).boxed()
        }
        Family::StsafeL => prop::collection::vec(any::<u8>(), 9).prop_map(positive).boxed(),
        Family::Generic => prop::collection::vec(any::<u8>(), 1..20).prop_map(positive).boxed(),
    }
}

/// The nearest content of a positive INTEGER.
fn positive(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[0] = bytes[0] & 0x7F | 1;
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_uid_and_no_parameter_breaks_a_lint(
        (family, uid) in prop::sample::select(&[Family::StsafeA, Family::Generic][..])
            .prop_flat_map(|family| (Just(family), uid_of(family))),
        lot in "[A-Z0-9]{4,8}|x(-[a-z]{1,3}){0,4}",
        free in "[!-~]([ -~]{0,18}[!-~])?",
        common_name in "\\PC{0,70}|[\\x00-\\x7f]{1,10}",
    ) {
        let policy = policy(family.as_str());
        let context = params(&policy, &lot, &free).expect("the values were made from the patterns");
        let issuer = issuer();
        let bound = policy.bind(&issuer, &context).unwrap();
        check(&bound, &issuer, family, &uid, &common_name, &context)?;
    }

    #[test]
    fn what_params_accepts_is_safe_whatever_was_tried(lot in ".{0,10}", free in ".{0,22}") {
        let policy = policy("stsafe-a");
        if let Some(context) = params(&policy, &lot, &free) {
            let issuer = issuer();
            let bound = policy.bind(&issuer, &context).unwrap();
            check(&bound, &issuer, Family::StsafeA, &[2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0], "a", &context)?;
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", key in 0..14_usize, value in "[ -~]{0,40}") {
        let _ = Policy::parse(&text, "x");
        let base = crate::policy::testing::text(&[]);
        let mut lines: Vec<String> = base.lines().map(str::to_owned).collect();
        let at = key % lines.len();
        if let Some((name, _)) = lines[at].clone().split_once('=') {
            lines[at] = format!("{name} = {value}");
        }
        if let Err(errors) = Policy::parse(&lines.join("\n"), "x") {
            prop_assert!(!errors.errors().is_empty());
            prop_assert!(errors.errors().iter().all(|error| error.message().chars().all(|c| !c.is_control())));
            prop_assert!(errors.errors().iter().all(|error| error.span().end <= errors.text().len()));
        }
    }
}
