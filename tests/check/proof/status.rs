//! `--crl`: what `verify`, `lookup` and `verify-proof` say of revoked certificates, with CRLs that were signed with the
//! issuing CA's key.

use reroot::crl::{CrlEntry, CrlParameters, IssuingDistributionPoint, Reason, tbs_cert_list, wrap};
use reroot::x509::{Certificate, SerialNumber, SignatureAlgorithm, Time, pem};

use super::cli::{ANCHORS, check, prove};
use crate::audit::batch::batch;
use crate::support::judges::put;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

/// Where `init` writes the issuing CA's key.
const ISSUING_KEY: &str = "pki/ca/issuing.key.pem";

/// Writes the CRL `NAME.crl`, valid for so many days from an hour ago.
fn list(workshop: &Workshop, name: &str, number: u64, days: i64, urls: &[&str], entries: Vec<CrlEntry>) {
    let blocks = pem::read(&std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap()).unwrap();
    let issuer = Certificate::from_der(&blocks[0].der).unwrap();
    let now = now();
    let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
    let parameters = CrlParameters {
        issuer: issuer.subject().clone(),
        authority_key_identifier: issuer.subject_key_identifier().unwrap(),
        number,
        this_update: Time::from_unix(now + days.min(0) * 86_400 - 3_600).unwrap(),
        next_update: Time::from_unix(now + days * 86_400 - 1_800).unwrap(),
        signature: SignatureAlgorithm::EcdsaSha256,
        distribution_point: (!urls.is_empty()).then(|| IssuingDistributionPoint::of_urls(urls)),
    };
    let tbs = tbs_cert_list(&parameters, entries.into_iter());
    let args = ["dgst", "-sha256", "-sign", ISSUING_KEY];
    let signed = Run::openssl().args(args).folder(workshop.folder()).stdin(tbs.clone()).run().success();
    let der = wrap(&tbs, SignatureAlgorithm::EcdsaSha256, &signed.stdout);
    put(&workshop.path(&format!("{name}.crl")), &*pem::write("X509 CRL", &der));
}

#[expect(clippy::disallowed_methods, reason = "relying parties ask the clock")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

/// UID and serial number of the chip on a line.
fn chip(workshop: &Workshop, line: usize) -> (String, SerialNumber) {
    let line = &workshop.lines("batch")[line];
    let serial = hex::decode(line["serial"].as_str().unwrap()).unwrap();
    (line["uid"].as_str().unwrap().to_owned(), SerialNumber::from_content(&serial).unwrap())
}

fn revoked(serial: SerialNumber) -> CrlEntry {
    CrlEntry { serial, revoked_at: Time::from_unix(now() - 7_200).unwrap(), reason: Reason::KeyCompromise }
}

/// A batch whose first chip is revoked, and lists: of now, of the past, and of a scope that no certificate has.
fn world() -> (Workshop, [String; 2]) {
    let workshop = batch();
    let [(first, serial), (second, _)] = [chip(&workshop, 0), chip(&workshop, 1)];
    list(&workshop, "full", 7, 8, &[], vec![revoked(serial)]);
    list(&workshop, "old", 6, -1, &[], vec![]);
    list(&workshop, "shard", 8, 8, &["http://pki.example.com/01.crl"], vec![]);
    (workshop, [first, second])
}

fn lookup(workshop: &Workshop, uid: &str, more: &[&str]) -> Finished {
    workshop.reroot(&["lookup", "batch", uid]).args(ANCHORS).args(more).run()
}

#[test]
fn lookup_gives_out_only_what_is_shown_not_to_be_revoked() {
    let (workshop, [first, second]) = world();
    lookup(&workshop, &first, &["--der"]).success();
    for (uid, lists, code) in [
        (&first, &["full.crl"][..], "[status.revoked]"),
        (&second, &["shard.crl"], "[status.uncovered]"),
        (&second, &["old.crl"], "[status.out-of-date]"),
    ] {
        let refused = lookup(&workshop, uid, &[&["--der", "--crl"], lists].concat()).expect(1);
        assert!(refused.stdout.is_empty() && refused.err().contains(code), "{}", refused.err());
    }
    let good = lookup(&workshop, &second, &["--crl", "full.crl", "old.crl"]).success();
    assert!(good.out().contains("not revoked as of CRL 7 of "), "{}", good.out());
    let good = lookup(&workshop, &second, &["--crl", "full.crl", "--format", "json"]).success();
    let good: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!(good["status"]["crl"], "7");
}

#[test]
fn a_proof_with_a_list_says_whether_the_certificate_is_revoked() {
    let (workshop, [first, second]) = world();
    let [first, second] = [first, second].map(|uid| prove(&workshop, &[&uid]).success().stdout);
    let refused = check(&workshop, &first, &["--crl", "full.crl"]).expect(1).out();
    assert!(refused.contains("[status.revoked]") && refused.contains("keyCompromise"), "{refused}");
    assert!(refused.ends_with("certificate FAILED: it is revoked, or no list shows that it is not\n"), "{refused}");
    let good = check(&workshop, &second, &["--crl", "full.crl"]).success().out();
    assert!(good.contains("not revoked as of CRL 7 of "), "{good}");
    check(&workshop, &first, &[]).success();
}

/// What `prove` writes beside a proof counts at its own time, and so for as long as the proof is kept.
#[test]
fn a_proof_made_with_its_status_keeps_it() {
    let (workshop, [first, second]) = world();
    for (uid, list, code, part) in
        [(&first, "full.crl", 1, "revoked since "), (&second, "old.crl", 0, "not revoked as of CRL 6 of ")]
    {
        let out = format!("{uid}.json");
        prove(&workshop, &[uid, "--out", &out, "--with-status", "--crl", list, "shard.crl"]).success();
        let checked = workshop.reroot(&["verify-proof", &out]).args(ANCHORS).run().expect(code);
        assert!(checked.out().contains(part), "{}", checked.out());
    }
    let refused = prove(&workshop, &[&first, "--out", "none.json", "--with-status", "--crl", "shard.crl"]).expect(2);
    assert!(refused.err().contains("no CRL given covers chip"), "{}", refused.err());
    // several: one file of CRLs for all
    prove(&workshop, &["--all", "--out", "proofs", "--with-status", "--crl", "full.crl"]).success();
    let files = ["verify-proof".to_owned(), format!("proofs/{second}.proof.json")];
    workshop.reroot(&files.each_ref().map(String::as_str)).args(ANCHORS).args(["--crl", "proofs.crl"]).run().success();
}

/// A line pack's signed revocation list is the CRL beside it.
#[test]
fn a_list_beside_a_line_pack_is_asked_without_being_named() {
    let (workshop, [first, second]) = world();
    workshop
        .reroot(&["export", "batch", "--to", "line-pack", "--out", "line.pack"])
        .args(ANCHORS[2..].iter())
        .run()
        .success();
    let lookup = |uid: &str| workshop.reroot(&["lookup", "line.pack", uid]).args(ANCHORS).run();
    lookup(&first).success();
    put(&workshop.path("line.pack.crl"), std::fs::read(workshop.path("full.crl")).unwrap());
    assert!(lookup(&first).expect(1).err().contains("[status.revoked]"));
    assert!(lookup(&second).success().out().contains("not revoked as of CRL 7"));
}

#[test]
fn verify_lists_the_revoked_certificates_of_a_batch() {
    let (workshop, [first, _]) = world();
    let verify = |more: &[&str]| workshop.reroot(&["verify", "batch"]).args(ANCHORS).args(more).run();
    let said = verify(&["--crl", "full.crl"]).success().out();
    assert!(
        said.contains(&format!("chip {first}, serial ")) && said.contains("1 certificates; 3 not revoked"),
        "{said}"
    );
    let json: serde_json::Value =
        serde_json::from_slice(&verify(&["--crl", "full.crl", "--format", "json"]).success().stdout).unwrap();
    assert_eq!((&json["revocation"]["good"], &json["revocation"]["revoked"][0]["uid"]), (&3.into(), &first.into()));
    let none = verify(&["--crl", "shard.crl"]).success().out();
    assert!(none.contains("4 not covered"), "{none}");
}

#[test]
fn a_list_that_is_not_the_issuing_cas_or_is_no_list_is_refused() {
    let (workshop, [_, second]) = world();
    let text = std::fs::read(workshop.path("full.crl")).unwrap();
    let blocks = pem::read(&text).unwrap();
    let mut der = blocks[0].der.to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    put(&workshop.path("forged.crl"), &der);
    let refused = lookup(&workshop, &second, &["--crl", "forged.crl"]).expect(1);
    assert!(refused.err().contains("[status.crl]"), "{}", refused.err());
    let forged = workshop.reroot(&["verify", "batch"]).args(ANCHORS).args(["--crl", "forged.crl"]).run().expect(1);
    assert!(forged.out().contains("[status.crl]"), "{}", forged.out());
    let refused = lookup(&workshop, &second, &["--crl", "pki/ca/root.pem"]).expect(2);
    assert!(refused.err().contains("is not a CRL, expected X509 CRL"), "{}", refused.err());
}
