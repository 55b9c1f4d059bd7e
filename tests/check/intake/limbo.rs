//! x509-limbo: the cases that fit a short chain, each with its verdict or a reason why ours differs.

use std::collections::BTreeMap;

use reroot::origin::ItemName;
use reroot::reel::SourceLeaf;
use reroot::verify::{Examined, Family, SourceRules, TrustAnchor, Verifier};
use reroot::x509::{Certificate, KeyAlgorithm, Time};

use crate::intake::limbo_divergences::DIVERGENCES;
use crate::intake::support::{ALL_KEYS, pem, testdata, time};

/// Ours: accepted, or the reason.
fn judge(case: &serde_json::Value) -> Result<(), String> {
    let texts = |field: &str| -> Vec<Vec<u8>> {
        case[field]
            .as_array()
            .map(|list| list.iter().map(|text| pem(text.as_str().expect("PEM"))).collect())
            .unwrap_or_default()
    };
    let at = case["validation_time"].as_str().map_or_else(|| time("2024-06-01T00:00:00Z"), instant);
    // an anchor that cannot be loaded is not an anchor
    let mut refused = String::new();
    let mut anchors = Vec::new();
    for der in texts("trusted_certs") {
        let anchor = Certificate::from_der(&der)
            .map_err(|error| error.to_string())
            .and_then(|certificate| TrustAnchor::from_certificate(certificate).map_err(|error| error.to_string()));
        match anchor {
            Ok(anchor) => anchors.push(anchor),
            Err(error) => refused = error,
        }
    }
    let rsa = [2048, 3072, 4096].map(|bits| KeyAlgorithm::Rsa { bits });
    let rules = SourceRules { family: Family::Generic, keys: [&ALL_KEYS[..], &rsa].concat(), relax: vec![] };
    let Ok(mut verifier) = Verifier::new(anchors, rules, at) else { return Err(refused) };
    for der in texts("untrusted_intermediates") {
        if let Ok(certificate) = Certificate::from_der(&der) {
            verifier.add_intermediate(certificate);
        }
    }
    let der = pem(case["peer_certificate"].as_str().expect("PEM"));
    match verifier.examine(&SourceLeaf { item: ItemName::input(b"peer"), der, file_name: None }) {
        Examined::Verified(..) => Ok(()),
        Examined::Rejected(finding) => Err(format!("{}: {}", finding.code, finding.reason)),
        Examined::CaCertificate(_) => Err("a CA certificate".to_owned()),
    }
}

/// Whole seconds, the fraction dropped: nothing here is finer.
fn instant(text: &str) -> Time {
    let whole = match text.split_once('.') {
        Some((whole, fraction)) => {
            format!("{whole}{}", fraction.trim_start_matches(|character: char| character.is_ascii_digit()))
        }
        None => text.to_owned(),
    };
    time(&whole)
}

#[test]
fn each_case_gets_its_verdict_or_is_a_reasoned_divergence() {
    let folder = testdata();
    let text = std::fs::read_to_string(folder.join("x509-limbo-subset.json")).expect("the subset of x509-limbo");
    let suite: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut divergences: BTreeMap<&str, (bool, &str)> =
        DIVERGENCES.iter().map(|(case, accepted, reason)| (*case, (*accepted, *reason))).collect();
    let mut wrong = Vec::new();
    let cases = suite["testcases"].as_array().expect("a list");
    for case in cases {
        let id = case["id"].as_str().expect("an id");
        let expected = case["expected_result"] == "SUCCESS";
        let outcome = judge(case);
        let divergence = divergences.remove(id);
        let right = match divergence {
            Some((accepted, _)) => accepted != expected && outcome.is_ok() == accepted,
            None => outcome.is_ok() == expected,
        };
        if !right {
            wrong.push(format!("{id}: expected {expected}, listed {divergence:?}, got {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(divergences.is_empty(), "listed but not in the suite: {divergences:?}");
    assert_eq!(cases.len(), 86);
}
