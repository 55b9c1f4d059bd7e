//! What the quickstart issues for genuine ST parts, read back by programs of other projects.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SignatureAlgorithm, date_time_ymd,
};

use super::policy::own_ca::{OwnCa, genuine, policy};
use crate::support::judges::{Case, Exceptions, judge, judge_with, lint, unpack};
use crate::support::run::Run;

/// What is issued for the genuine leaves under a shipped policy, as files.
struct Issued {
    _folder: tempfile::TempDir,
    batch: PathBuf,
    ca: PathBuf,
    scratch: PathBuf,
    cases: Vec<Case>,
}

impl Issued {
    fn under(policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        Run::reroot(folder.path()).args(["quickstart", "try"]).run().success();
        let (mut batch, mut ca) = (at("try/batch"), at("try/pki/ca"));
        if policy != "tls-client" {
            // with a CA of its own: that of the quickstart has shards of CRLs, and so in all of its policies
            Run::reroot(folder.path()).args(["init", "pki", "--organization", "Example"]).run().success();
            let policy = format!("pki/policies/{policy}.toml");
            let args = ["issue", "try/reel.zip", "--policy", &policy, "--out", "other", "--config", "pki/reroot.toml"];
            Run::reroot(folder.path()).args(args).run().success();
            (batch, ca) = (at("other"), at("pki/ca"));
        }
        let scratch = at("scratch");
        reroot::durable::create_directory(&scratch, reroot::durable::Access::Public).unwrap();
        let objects = unpack(&batch.join("certificates.zip"), &at("objects"));
        let sources = unpack(&batch.join("sources.zip"), &at("sources"));
        assert_eq!(objects.len(), 3, "three genuine leaves, three object certificates");
        assert_eq!(sources.len(), objects.len());
        let cases = objects.into_iter().zip(sources).map(|(object, source)| {
            assert_eq!(object.file_name(), source.file_name(), "one name for a chip's two certificates");
            Case { object, source, issuing: ca.join("issuing.pem"), root: ca.join("root.pem") }
        });
        let cases = cases.collect();
        Self { _folder: folder, batch, ca, scratch, cases }
    }
}

#[test]
fn every_certificate_of_the_quickstart_passes_every_judge() {
    let issued = Issued::under("tls-client");
    let Issued { batch, ca, scratch, cases, .. } = &issued;
    // the policy's header names it: pkilint knows URLs only, and the certificate has a URN (RFC 3986 §1.1.3)
    let exceptions = Exceptions { pkilint: vec!["pkix.invalid_uri_syntax".to_owned()], ..Exceptions::default() };
    judge_with(cases, scratch, &exceptions);
    for certificate in ["root.pem", "issuing.pem", "manifest.pem"] {
        lint(&ca.join(certificate));
    }

    // the batch carries its own chain, so that the CA's folder is not needed to check it
    let pem = scratch.join("object.pem");
    let verify = Run::openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(ca.join("root.pem"));
    verify.arg("-untrusted").arg(batch.join("chain.pem")).arg(&pem).run().success();

    // the source leaves are genuine by OpenSSL's judgement as well; ST's root lacks what -x509_strict wants
    let anchor = crate::support::run::project("fixtures/st/stm-stsafe-a-prod-ca-01.pem");
    for case in cases {
        let leaf = crate::support::pki::der::pem("CERTIFICATE", &std::fs::read(&case.source).unwrap());
        let text = Run::openssl().args(["verify", "-attime", "1735689600", "-CAfile"]).arg(&anchor);
        text.stdin(leaf).run().success();
    }
}

#[test]
fn every_certificate_for_aws_iot_passes_every_judge() {
    let issued = Issued::under("aws-iot");
    judge(&issued.cases, &issued.scratch);
}

/// Judges that accept everything judge nothing.
#[test]
fn the_judges_refuse_another_key_and_another_issuer() {
    let issued = Issued::under("tls-client");
    let other = tempfile::tempdir().unwrap();
    Run::reroot(other.path()).args(["init", "pki", "--organization", "Other"]).run().success();
    let [one, two, _] = &issued.cases[..] else { panic!("three cases") };
    let case = |object: &Case, source: &Case, issuing: &Path, root: &Path| Case {
        object: object.object.clone(),
        source: source.source.clone(),
        issuing: issuing.to_owned(),
        root: root.to_owned(),
    };
    let (issuing, root) = (issued.ca.join("issuing.pem"), issued.ca.join("root.pem"));
    let (stranger, strange_root) = (other.path().join("pki/ca/issuing.pem"), other.path().join("pki/ca/root.pem"));
    for (what, case) in [
        ("the key of another chip", case(one, two, &issuing, &root)),
        ("another CA", case(one, one, &stranger, &strange_root)),
        ("another root", case(one, one, &issuing, &strange_root)),
    ] {
        let judged = std::panic::catch_unwind(|| judge(std::slice::from_ref(&case), &issued.scratch));
        assert!(judged.is_err(), "{what} was accepted");
    }
    // each judge by itself: Python compares names and keys byte by byte, GnuTLS and OpenSSL verify the chain
    let python = |case: &Case| {
        let files = [&case.issuing, &case.object, &case.source];
        Run::python(crate::support::judges::PYTHON).args(files).run().code
    };
    assert_eq!(python(&case(one, one, &issuing, &root)), Some(0));
    assert_ne!(python(&case(one, two, &issuing, &root)), Some(0));
    assert_ne!(python(&case(one, one, &stranger, &root)), Some(0));
}

/// A TEST certificate to be, by rcgen: a maker of chains that shares no code with OpenSSL, nor with this program.
fn params(common_name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Own TEST");
    params.distinguished_name.push(DnType::CommonName, common_name);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(9999, 12, 31));
    params.use_authority_key_identifier_extension = true;
    params.key_usages = match is_ca {
        IsCa::Ca(_) => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
        _ => vec![KeyUsagePurpose::DigitalSignature],
    };
    params.is_ca = is_ca;
    params
}

/// Root, issuing CA and manifest signer by rcgen, as files.
fn made_by_rcgen(root: &'static SignatureAlgorithm, issuing: &'static SignatureAlgorithm) -> OwnCa {
    let root_key = KeyPair::generate_for(root).unwrap();
    let root_params = params("rcgen Root CA", IsCa::Ca(BasicConstraints::Unconstrained));
    let root_certificate = root_params.self_signed(&root_key).unwrap();
    let root = Issuer::from_params(&root_params, root_key);
    let issuing_key = KeyPair::generate_for(issuing).unwrap();
    let issuing = params("rcgen Issuing CA", IsCa::Ca(BasicConstraints::Constrained(0)));
    let issuing = issuing.signed_by(&issuing_key, &root).unwrap();
    let manifest_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut manifest = params("rcgen Manifest Signer", IsCa::ExplicitNoCa);
    // extKeyUsage, critical, id-kp-documentSigning (RFC 9336): rcgen's own is never critical
    let purposes = vec![0x30, 10, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 0x24];
    let mut purposes = CustomExtension::from_oid_content(&[2, 5, 29, 37], purposes);
    purposes.set_criticality(true);
    manifest.custom_extensions = vec![purposes];
    let manifest = manifest.signed_by(&manifest_key, &root).unwrap();
    OwnCa::of(&[
        ("root.pem", root_certificate.pem()),
        ("issuing.pem", issuing.pem()),
        ("issuing.key", issuing_key.serialize_pem()),
        ("manifest.pem", manifest.pem()),
        ("manifest.key", manifest_key.serialize_pem()),
    ])
}

#[test]
fn a_ca_made_by_rcgen_issues_and_every_judge_accepts_it() {
    let (p256, p384) = (&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384);
    for (root, issuing, signature) in
        [(p256, p256, "\"ecdsa-sha256\""), (p384, p256, "\"ecdsa-sha256\""), (p256, p384, "\"ecdsa-sha384\"")]
    {
        let ca = made_by_rcgen(root, issuing);
        let leaves = genuine();
        let leaves: Vec<&Path> = leaves.iter().map(PathBuf::as_path).collect();
        ca.issue(&policy(&[("signature", signature)]), &leaves, &[]).success();
        assert_eq!(ca.judge(&Exceptions::default()).len(), leaves.len());
    }
}

/// The other end of the chain: anchor, intermediate and leaf by rcgen, the intermediate beside the leaf.
#[test]
fn a_source_chain_made_by_rcgen_is_verified_and_its_intermediate_is_needed() {
    let ca = made_by_rcgen(&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P256_SHA256);
    let key = || KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let (anchor_key, middle_key, leaf_key) = (key(), key(), key());
    let anchor = params("rcgen Source Root", IsCa::Ca(BasicConstraints::Unconstrained));
    crate::support::judges::put(&ca.path("anchor.pem"), anchor.self_signed(&anchor_key).unwrap().pem());
    let anchor = Issuer::from_params(&anchor, anchor_key);
    let middle = params("rcgen Source CA", IsCa::Ca(BasicConstraints::Constrained(0)));
    crate::support::judges::put(&ca.path("middle.pem"), middle.signed_by(&middle_key, &anchor).unwrap().pem());
    let middle = Issuer::from_params(&middle, middle_key);
    let leaf = params("rcgen Chip", IsCa::NoCa).signed_by(&leaf_key, &middle).unwrap();
    crate::support::judges::put(&ca.path("leaf.pem"), leaf.pem());
    let policy = policy(&[("family", "\"generic\""), ("relax", "[\"test-anchor\"]")]);
    let (leaf, middle) = (ca.path("leaf.pem"), ca.path("middle.pem"));
    let alone = ca.issue(&policy, &[&leaf], &[]).expect(3);
    assert!(alone.err().contains("verify.chain.no-trust-anchor"), "{}", alone.err());
    ca.issue(&policy, &[&leaf, &middle], &["--on-reject", "skip"]).success();
    assert_eq!(ca.judge(&Exceptions::default()).len(), 1);
}
