//! The courier of a signature file can exchange signatures for their twins and write a different head. The program
//! publishes what the vault has recorded, and counts what it has seen itself.

use reroot::crypto::{EcdsaSignature, low_s, sha256};
use reroot::x509::tlv::{Element, Reader, tag};
use reroot::x509::{Certificate, KeyAlgorithm, pem};

use crate::plan::machines::Machines;
use crate::plan::signed::{SignatureFile, twin};
use crate::support::judges::put;
use crate::support::run::Finished;
use crate::support::workshop::{POLICY, Workshop};

/// A plan that the vault has signed.
fn signed(leaves: u64) -> Machines {
    let machines = Machines::planned(leaves);
    machines.sign("reel.plan", "reel.signatures").success();
    machines
}

fn finish(machines: &Machines, signatures: &str, out: &str, digest: &str) -> Finished {
    let args = ["finish", "reel.plan", "--signatures", signatures, "--out", out, "--config", "pki/reroot.toml"];
    machines.workshop.reroot(&args).args(["--expect-signatures", digest]).run()
}

/// Whether each signature is in one of the batch's certificates, as it is.
fn published(machines: &Machines, out: &str, file: &SignatureFile) -> bool {
    let certificates: Vec<u8> = machines.workshop.files(out).into_iter().flat_map(|(_, content)| content).collect();
    file.entries.iter().all(|(_, signature)| certificates.windows(signature.len()).any(|window| window == signature))
}

fn is_low(key: KeyAlgorithm, signature: &[u8]) -> bool {
    low_s(key, signature.to_vec()) == signature
}

#[test]
fn everything_that_this_program_signs_has_the_lower_s() {
    for init in [&[][..], &["--key", "P-384"]] {
        let workshop = Workshop::with(init);
        let policy = if init.is_empty() { POLICY.to_owned() } else { POLICY.replace("-sha256", "-sha384") };
        crate::support::judges::put(&workshop.path("policy.toml"), policy);
        workshop.reel("reel.zip", 0..24);
        workshop.issue("reel.zip", "batch", &[]).success();
        workshop.verify("batch", &["--input", "reel.zip"]).success();
        let proof = ["ca", "proof", "--code", "0123abcd", "--out", "proof.pem", "--config", "pki/reroot.toml"];
        workshop.reroot(&proof).run().success();
        let key = if init.is_empty() { KeyAlgorithm::P256 } else { KeyAlgorithm::P384 };
        for file in ["pki/ca/root.pem", "pki/ca/issuing.pem", "pki/ca/manifest.pem", "proof.pem"] {
            let der = pem::read(&std::fs::read(workshop.path(file)).unwrap()).unwrap().remove(0).der;
            assert!(is_low(key, Certificate::from_der(&der).unwrap().signature()), "{file}");
        }
        let seal = std::fs::read(workshop.path("batch/manifest.json.p7s")).unwrap();
        let signature = seal_signature(&seal);
        assert!(EcdsaSignature::parse(key, signature).is_ok() && is_low(key, signature), "the seal");
        let signatures = certificates(&workshop);
        assert_eq!(signatures.len(), 24);
        assert!(signatures.iter().all(|signature| is_low(key, signature)));
    }
}

/// Returns the signature of a seal's one SignerInfo (RFC 5652 §5.1, §5.3), read element by element: the bytes of a
/// signature are random, and a search for its header could find that header inside the signature.
fn seal_signature(seal: &[u8]) -> &[u8] {
    // ContentInfo, [0], SignedData, signerInfos, SignerInfo: each is the last element of the one before
    let mut inside = seal;
    for what in ["ContentInfo", "content", "SignedData", "signerInfos", "SignerInfo"] {
        inside = elements(inside, what).last().unwrap().content;
    }
    let signature: Vec<_> =
        elements(inside, "SignerInfo").into_iter().filter(|element| element.tag == tag::OCTET_STRING).collect();
    assert_eq!(signature.len(), 1, "a SignerInfo has one OCTET STRING, its signature");
    signature[0].content
}

fn elements<'a>(content: &'a [u8], what: &'static str) -> Vec<Element<'a>> {
    let mut reader = Reader::new(content);
    let mut elements = Vec::new();
    while !reader.is_empty() {
        elements.push(reader.element(what).unwrap());
    }
    elements
}

/// The signatures of a batch's certificates.
fn certificates(workshop: &Workshop) -> Vec<Vec<u8>> {
    let args = ["export", "batch", "--to", "directory", "--out", "certificates", "--issuer-anchor", "pki/ca/root.pem"];
    workshop.reroot(&args).run().success();
    let entries = std::fs::read_dir(workshop.path("certificates")).unwrap().map(|entry| entry.unwrap().path());
    let ders = entries.filter(|path| path.extension().is_some_and(|extension| extension == "der"));
    ders.map(|path| Certificate::from_der(&std::fs::read(path).unwrap()).unwrap().signature().to_vec()).collect()
}

/// A file of version 2 has one form: a changed signature is detected, even where the operator gives the changed file's
/// digest.
#[test]
fn twins_that_were_exchanged_on_the_way_are_refused() {
    let machines = signed(12);
    let honest = SignatureFile::read(&machines.path("reel.signatures"));
    assert!(honest.entries.iter().all(|(_, signature)| is_low(KeyAlgorithm::P256, signature)));
    let mut exchanged = honest.clone();
    for (_, signature) in exchanged.entries.iter_mut().step_by(2) {
        *signature = twin(signature);
    }
    exchanged.recount();
    exchanged.write(&machines.path("exchanged.signatures"));
    let digest = sha256(&exchanged.bytes()).to_string();
    let refused = [
        machines.finish("reel.plan", "exchanged.signatures", "batch").expect(3),
        finish(&machines, "exchanged.signatures", "batch", &digest).expect(3),
    ];
    for refused in refused {
        assert!(refused.err().contains("6 of its signatures are the twins of those"), "{}", refused.err());
    }
    assert!(!machines.path("batch").exists());
    // a file of the other version answers no plan of this one
    let first = [b"reroot-signatures/1\n", &honest.bytes()[20..]].concat();
    put(&machines.path("first.signatures"), first);
    let refused = machines.finish("reel.plan", "first.signatures", "batch").expect(3);
    assert!(refused.err().contains("it does not begin with `reroot-signatures/2`"), "{}", refused.err());
    // and the honest file is taken
    let finished = machines.finish("reel.plan", "reel.signatures", "batch").success();
    assert!(!finished.err().contains("two forms") && !finished.out().contains("two forms"), "{}", finished.err());
    assert!(published(&machines, "batch", &honest));
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
}

#[test]
fn the_digest_that_sign_prints_proves_the_file() {
    let machines = Machines::planned(5);
    let printed = machines.sign("reel.plan", "reel.signatures").success();
    let digest = sha256(&std::fs::read(machines.path("reel.signatures")).unwrap()).to_string();
    assert!(printed.out().contains(&digest), "{}", printed.out());
    let json = ["sign", "reel.plan", "--out", "reel.signatures", "--config", "vault/reroot.toml", "--yes"];
    let json = machines.workshop.reroot(&json).args(["--format", "json"]).run().success();
    let json: serde_json::Value = serde_json::from_str(&json.out()).unwrap();
    assert_eq!((json["outcome"].as_str(), json["signatures_sha256"].as_str()), (Some("already-done"), Some(&*digest)));

    let mut exchanged = SignatureFile::read(&machines.path("reel.signatures"));
    exchanged.entries[3].1 = twin(&exchanged.entries[3].1);
    exchanged.recount();
    exchanged.write(&machines.path("exchanged.signatures"));
    let refused = finish(&machines, "exchanged.signatures", "batch", &digest).expect(3);
    assert!(refused.err().contains("its SHA-256 is") && refused.err().contains(&digest), "{}", refused.err());
    assert!(!machines.path("batch").exists());
    let refused = finish(&machines, "reel.signatures", "batch", "sha256").expect(2);
    assert!(refused.err().contains("--expect-signatures is not a digest"), "{}", refused.err());
    let args = ["finish", "reel.plan", "--certificates", "reel.zip", "--out", "batch", "--config", "pki/reroot.toml"];
    machines.workshop.reroot(&args).args(["--expect-signatures", &digest]).run().expect(2);
    finish(&machines, "reel.signatures", "batch", &digest).success();
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
}

#[test]
fn every_member_of_a_signature_files_head_is_compared() {
    let machines = signed(4);
    let honest = SignatureFile::read(&machines.path("reel.signatures"));
    let batch = honest.member("batch");
    let other = batch.replace(&batch[1..3], if &batch[1..3] == "01" { "02" } else { "01" });
    let (issuer, plan) = (honest.member("issuer_sha256"), honest.member("plan_sha256"));
    let zeros = format!("\"{}\"", "0".repeat(64));
    let lies: [(&str, &str, &str); 12] = [
        (&batch, &other, "`batch`"),
        (&plan, &zeros, "it is for the plan with SHA-256"),
        (&issuer, &zeros, "`issuer_sha256`"),
        ("\"count\":4", "\"count\":5", "says 5"),
        ("\"count\":4", "\"count\":3", "says 3"),
        ("\"signatures_made\":4", "\"signatures_made\":3", "3 signatures were made"),
        ("\"signatures_made\":4", "\"signatures_made\":-1", "head"),
        ("\"count\":4", "\"count\": 4", "head"),
        ("\"count\":4", "\"count\":4,\"more\":1", "head"),
        ("\"count\":4", "\"count\":4,\"count\":4", "head"),
        ("\"bytes\":", "\"bytes\":1", "cut or damaged"),
        (",\"sha256\":\"", ",\"sha256\":\"00", "cut or damaged"),
    ];
    for (from, to, reason) in lies {
        let mut lie = honest.clone();
        lie.replace(from, to);
        lie.write(&machines.path("lie.signatures"));
        let refused = machines.finish("reel.plan", "lie.signatures", "batch").expect(3);
        assert!(refused.err().contains(reason), "expected {reason:?}: {}", refused.err());
    }
    // entries that are no signatures of these leaves
    let refuses = |reason: &str, exit: i32, change: &dyn Fn(&mut SignatureFile)| {
        let mut lie = honest.clone();
        change(&mut lie);
        lie.recount();
        lie.write(&machines.path("lie.signatures"));
        let refused = machines.finish("reel.plan", "lie.signatures", "batch").expect(exit);
        assert!(refused.err().contains(reason), "expected {reason:?}: {}", refused.err());
    };
    refuses("3 signatures", 3, &|lie| drop(lie.entries.pop()));
    refuses("5 signatures", 3, &|lie| lie.entries.push(lie.entries[0].clone()));
    refuses("not signatures", 3, &|lie| lie.entries[1].1 = vec![0; 1025]);
    refuses("longer than", 3, &|lie| lie.entries.resize(100, (0, vec![0; 1024])));
    refuses("does not verify", 4, &|lie| lie.entries.swap(1, 2));
    refuses("does not verify", 4, &|lie| lie.entries[1].1.clear());
    assert!(!machines.path("batch").exists());
    machines.finish("reel.plan", "reel.signatures", "batch").success();
}

#[test]
fn the_statement_counts_what_was_seen_and_not_what_the_file_says() {
    let machines = signed(4);
    let mut file = SignatureFile::read(&machines.path("reel.signatures"));
    file.replace("\"signatures_made\":4", "\"signatures_made\":4000000");
    file.write(&machines.path("more.signatures"));
    machines.finish("reel.plan", "more.signatures", "batch").success();
    assert_eq!(machines.workshop.statement("batch")["counts"]["signatures_made"], 4);
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
}

#[test]
fn serial_numbers_that_the_vault_never_gave_up_leave_no_trace_here() {
    for policy in [
        POLICY.to_owned(),
        POLICY.replace("full_width_signature = false", "full_width_signature = true"),
        POLICY
            .replace("full_width_signature = false", "full_width_signature = true")
            .replace("serial = \"derived\"", "serial = \"source\""),
    ] {
        let machines = Machines { workshop: Workshop::new() };
        machines.part(&[&policy]);
        machines.workshop.write("other.toml", policy.as_bytes());
        machines.workshop.reel("reel.zip", 0..4);
        machines.plan_under("other.toml", "reel.zip", "reel.plan", &[]).success();
        machines.sign("reel.plan", "reel.signatures").success();
        let honest = SignatureFile::read(&machines.path("reel.signatures"));
        for attempt in [1, 7, 1000] {
            let mut lie = honest.clone();
            lie.entries[2].0 = attempt;
            let made: u64 = honest.member("signatures_made").parse().unwrap();
            lie.replace(&format!("_made\":{made}"), &format!("_made\":{}", made + 1000));
            lie.recount();
            lie.write(&machines.path("lie.signatures"));
            let refused = machines.finish("reel.plan", "lie.signatures", "batch").expect(3);
            assert!(refused.err().contains("it gives up"), "{}", refused.err());
        }
        machines.finish("reel.plan", "reel.signatures", "batch").success();
        assert_eq!(machines.workshop.statement("batch")["discarded_serials"], serde_json::json!([]));
        machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
    }
}
