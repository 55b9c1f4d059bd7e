//! Policies end to end: from the text to an encoded, linted certificate.

mod mistakes;
mod properties;

use crate::cert::{IssuerIdentity, SerialRule, TbsCertificate};
use crate::lint;
use crate::lint::testing::{self, CaSpec};
use crate::verify::{Family, VerifiedLeaf};
use crate::x509::{KeyAlgorithm, SerialNumber, SignatureAlgorithm, Time, oid};

use super::testing::{LEAF, LEAVES, batch, bind, issuer, passes, verified};
use super::{FIELDS, Policy, SHIPPED, reference_markdown};

/// Templates a leaf, encodes it and lints it.
fn issue(policy: &Policy, issuer: &IssuerIdentity, given: &[(&str, &str)], leaf: &VerifiedLeaf) -> TbsCertificate {
    let bound = policy.bind(issuer, &batch(policy, given)).unwrap_or_else(|errors| panic!("{errors}"));
    let template = bound.template(leaf).unwrap();
    let serial = match &template.serial {
        SerialRule::Source(serial) => *serial,
        SerialRule::Derived => SerialNumber::from_content(&[0x40; 16]).unwrap(),
    };
    let tbs = TbsCertificate::encode(issuer, &template, serial, 0);
    let bytes = tbs.wrap(&[0; 72]).len();
    assert!(bytes <= bound.max_certificate_bytes(issuer), "{bytes} bytes are more than was promised");
    lint::check(issuer, &template, tbs).unwrap_or_else(|findings| panic!("{findings:?}")).into_tbs()
}

/// What a shipped policy needs from outside: parameters, and an issuer's name.
fn surroundings(file: &str) -> (&'static [(&'static str, &'static str)], IssuerIdentity) {
    let pai = testing::name(&[(oid::COMMON_NAME, 0x0C, b"TEST PAI"), (oid::MATTER_VENDOR_ID, 0x0C, b"FFF1")]);
    match file {
        "ldevid.toml" => (&[("site", "LYON-2")], issuer()),
        "matter-dac.toml" => {
            (&[("vid", "FFF1"), ("pid", "8000")], CaSpec { subject: pai, ..CaSpec::default() }.issuer())
        }
        _ => (&[], issuer()),
    }
}

#[test]
fn every_shipped_policy_issues_lint_clean_certificates_for_genuine_leaves() {
    for (file, text) in SHIPPED {
        let policy = Policy::parse(text, file).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(format!("{}.toml", policy.name()), *file);
        assert!(
            text.starts_with("# ") && text.contains("\n# Who: ") && text.contains("\n# For: "),
            "{file} has a header"
        );
        let (given, issuer) = surroundings(file);
        for leaf in LEAVES {
            issue(&policy, &issuer, given, &verified(leaf, policy.source().family));
        }
    }
}

#[test]
fn the_largest_size_is_one_that_certificates_have() {
    for (file, text) in SHIPPED {
        let policy = Policy::parse(text, file).unwrap();
        let (given, issuer) = surroundings(file);
        let bound = policy.bind(&issuer, &batch(&policy, given)).unwrap();
        // parameters are filled in by then, and the UIDs of a family have one length
        if policy.source().keys == [KeyAlgorithm::P256] {
            let tbs = issue(&policy, &issuer, given, &verified(LEAF, policy.source().family));
            assert_eq!(tbs.wrap(&[0; 72]).len(), bound.max_certificate_bytes(&issuer), "{file}");
        }
    }
}

#[test]
fn shipped_policies_are_those_of_the_folder() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut files: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, SHIPPED.iter().map(|(file, _)| (*file).to_owned()).collect::<Vec<_>>());
}

/// Compares a checked-in file with what it should be; with REROOT_UPDATE=1 in the environment, writes it.
#[expect(clippy::disallowed_methods, reason = "rewrites a checked-in file on request")]
fn same_as_file(path: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("REROOT_UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = found.lines().zip(text.lines()).position(|(found, wanted)| found != wanted);
    assert!(found == text, "{} is out of date from line {line:?}: run the tests with REROOT_UPDATE=1", path.display());
}

#[test]
fn the_reference_pages_are_the_generated_ones() {
    same_as_file("docs/reference/policy-reference.md", &reference_markdown());
    same_as_file("docs/reference/lint-reference.md", &lint::reference_markdown());
}

#[test]
fn the_aws_certificate_says_what_the_policy_says() {
    let (file, text) = SHIPPED[0];
    let policy = Policy::parse(text, file).unwrap();
    let leaf = verified(LEAF, Family::StsafeA);
    let template = bind(&policy, &[]).template(&leaf).unwrap();
    assert_eq!(template.subject.to_string(), "O=Example Devices, CN=0209B0846159E439520139");
    assert_eq!(template.spki, *leaf.spki());
    assert_eq!(template.validity.not_before(), Time::from_rfc3339("2026-03-01T00:00:00Z").unwrap());
    assert_eq!(template.validity.not_after(), Time::from_rfc3339("2046-02-28T23:59:59Z").unwrap());
    let oids: Vec<_> = template.extensions.iter().map(|extension| (extension.oid, extension.critical)).collect();
    assert_eq!(
        oids,
        [
            (oid::BASIC_CONSTRAINTS, true),
            (oid::KEY_USAGE, true),
            (oid::EXTENDED_KEY_USAGE, false),
            (oid::SUBJECT_KEY_IDENTIFIER, false),
            (oid::AUTHORITY_KEY_IDENTIFIER, false)
        ]
    );
    assert_eq!(*template.extensions[1].value, [3, 2, 7, 0x80]);
    assert_eq!(policy.bytes(), text.as_bytes());
}

#[test]
fn batch_params_and_leaf_values_reach_the_subject() {
    let policy = passes(&[
        ("params.lot.pattern", "\"[A-Z0-9]{4,8}\""),
        (
            "certificate.subject",
            r#"[{ O = "Lot {lot|lower}" }, { OU = "{{{batch|slice(0,8)}}}" }, { CN = "{source.common_name}", serialNumber = "{unique|slice(2,6)}-{product_id}" }]"#,
        ),
    ]);
    let template = bind(&policy, &[("lot", "A0042")]).template(&verified(LEAF, Family::StsafeA)).unwrap();
    // in a multi-valued RDN the shorter encoding comes first (X.690 §11.6)
    assert_eq!(
        template.subject.to_string(),
        "O=Lot a0042, OU={0198c5b0}, serialNumber=8461-0139 + CN=eval3-0209B0846159E439520139"
    );
}

/// FIPS 186-5 §6.1.1 and the algorithms' own documents: which issuing key makes which signature.
#[test]
fn signature_algorithms_fit_the_issuers_key() {
    let rsa = |bits| KeyAlgorithm::Rsa { bits };
    let all_rsa =
        SignatureAlgorithm::ALL.map(SignatureAlgorithm::name).into_iter().filter(|name| name.starts_with("rsa-"));
    let all_rsa: Vec<&str> = all_rsa.collect();
    for (key, fitting) in [
        (KeyAlgorithm::P256, vec!["ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512"]),
        (KeyAlgorithm::P384, vec!["ecdsa-sha384", "ecdsa-sha512"]),
        (KeyAlgorithm::P521, vec!["ecdsa-sha512"]),
        (KeyAlgorithm::Ed25519, vec!["ed25519"]),
        (rsa(2048), all_rsa.clone()),
        (rsa(4096), all_rsa),
        (rsa(1024), vec![]),
        (rsa(8192), vec![]),
        (KeyAlgorithm::BrainpoolP256r1, vec![]),
    ] {
        let issuer = CaSpec { key, ..CaSpec::default() }.issuer();
        for algorithm in SignatureAlgorithm::ALL.into_iter().skip(1) {
            let name = format!("\"{}\"", algorithm.name());
            let policy = passes(&[("certificate.signature", &name)]);
            let bound = policy.bind(&issuer, &batch(&policy, &[]));
            assert_eq!(bound.is_ok(), fitting.contains(&algorithm.name()), "{key} {name}");
        }
    }
}

#[test]
fn every_field_of_a_certificate_has_its_place_in_the_policy() {
    let (file, text) = SHIPPED[0];
    let policy = Policy::parse(text, file).unwrap();
    let places = policy.places();
    let found: Vec<&str> = places.iter().map(|(path, _)| path.as_str()).collect();
    assert!(found.contains(&"extensions.key_usage") && found.contains(&"certificate.not_after"), "{found:?}");
    let at = |path: &str| text[places.iter().find(|(found, _)| found == path).unwrap().1.clone()].to_owned();
    assert!(at("certificate.subject").starts_with("[{ O ="));
    assert_eq!(at("certificate.serial"), "\"derived\"");
    assert_eq!(at("source.keys"), "[\"P-256\"]");
    assert_eq!(at("device.max_certificate_bytes"), "1000");
}

#[test]
fn examples_of_the_reference_are_read() {
    for field in FIELDS {
        let text = example_in_base(field.path, field.example);
        if let Err(errors) = Policy::parse(&text, "example.toml") {
            let unused = errors.errors().iter().all(|error| error.code().as_str() == "policy.param.unused");
            assert!(unused, "{}: {errors}\n{text}", field.path);
        }
    }
}

fn example_in_base(path: &str, example: &str) -> String {
    let section = path.split('.').next().unwrap();
    let key = path.rsplit('.').next().unwrap();
    match section {
        "source" | "device" => {
            let keys = ["family", "keys", "relax", "target", "max_certificate_bytes", "full_width_signature"];
            let drop: Vec<(String, &str)> = keys.iter().map(|key| (format!("{section}.{key}"), "")).collect();
            let drop: Vec<(&str, &str)> = drop.iter().map(|(key, value)| (key.as_str(), *value)).collect();
            format!("{}\n{example}\n", super::testing::text(&drop))
        }
        "extensions" | "foreign" | "params" | "revocation" => format!("{}\n{example}\n", super::testing::text(&[])),
        "certificate" => {
            let value = example.split_once('=').unwrap().1;
            super::testing::text(&[(path, value)])
        }
        _ => {
            let value = example.split_once('=').unwrap().1;
            super::testing::text(&[(key, value)])
        }
    }
}

#[test]
fn binding_is_shared_between_threads() {
    fn shared<T: Sync + Send>(_: &T) {}
    let policy = passes(&[]);
    shared(&bind(&policy, &[]));
    assert!(batch(&policy, &[]).params.values().is_empty());
}
