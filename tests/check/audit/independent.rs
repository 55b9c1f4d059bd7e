//! Both verifiers on good batches of every policy that can be written, and on every byte that the CA could sign
//! otherwise.

use reroot::x509::tlv::{element, tag};

use super::batch::batch;
use super::forge::{Forge, key};
use super::mutated::{anchors, holds};
use crate::support::judges::put;
use crate::support::opinion::{ANCHORS, agreed};
use crate::support::run::{Run, project};
use crate::support::workshop::{POLICY, Workshop};

/// Every extension and every form of a name and of a value, with and without placeholders.
const EVERYTHING: &str = r#"
subject_alt_name = { critical = false, names = [
    { dns = "{uid|lower}.devices.example.org" }, { uri = "urn:stsafe:{uid|lower}" }, { email = "{st_number}@example.org" },
    { ip = "192.0.2.7" }, { ip = "2001:db8::7" }, { registered_id = "2.23.133.3" },
    { directory_name = [{ O = "Workshop", OU = "{lot}" }, [{ CN = "x" }, { type = "2.5.4.5", value = "{unique}", string = "printable" }]] },
    { hardware_module_name = { type = "1.3.6.1.4.1.32473.9", serial = "{uid|bytes}" } },
    { hardware_module_name = { type = "1.3.6.1.4.1.32473.9", serial = "no {product_id}" } },
    { permanent_identifier = { value = "{uid}", assigner = "1.3.6.1.4.1.32473.10" } },
    { permanent_identifier = { value = "{spki.sha256}" } },
    { other_name = { type = "1.3.6.1.4.1.32473.11", value = { sequence = [{ utf8 = "{batch}" }, { boolean = false }] } } },
] }
certificate_policies = { critical = true, policies = [
    "1.3.6.1.4.1.32473.5.1", { id = "1.3.6.1.4.1.32473.5.2", cps = "https://pki.example.com/cps" },
    { id = "1.3.6.1.4.1.32473.5.3", cps = "https://pki.example.com/{lot}", user_notice = "for tests, lot {lot}" },
] }
crl_distribution_points = { critical = false, urls = ["http://pki.example.com/{lot}.crl", "ldap://pki.example.com/o=x"] }
authority_info_access = { ca_issuers = ["http://pki.example.com/ca.cer"], ocsp = ["http://ocsp.example.com/", "http://o.example.com/{lot}"] }
related_certificate = { hash = "sha256" }

[[extensions.other]]
oid = "1.3.6.1.4.1.32473.7"
critical = false
value = { sequence = [
    { utf8 = "{uid|slice(4,22)|lower} caf\u00e9 {{}}" }, { printable = "{issued_at}" }, { ia5 = "{source.sha256}" },
    { octets = "{source.sha256|bytes}" }, { integer = 0 }, { integer = 127 }, { integer = 128 }, { integer = 65536 },
    { boolean = true }, { null = true }, { oid = "1.2.840.113549" }, { sequence = [] }, { der = "020107" },
] }

[[extensions.other]]
oid = "2.5.29.18"
critical = false
value = { sequence = [] }
"#;

fn policies() -> [(&'static [&'static str], String); 5] {
    let short = "subject = [{ O = \"Workshop\" }, { OU = \"{lot}\" }, { CN = \"{uid}\" }]";
    assert!(POLICY.contains(short));
    let long = POLICY
        .replace(
            short,
            r#"subject = [
    { C = "FR", O = "Work {{ shop" }, { DC = "org" }, { emailAddress = "a@example.org" }, { serialNumber = "{unique|lower}" },
    { dnQualifier = "{product_id}" }, { GN = "g", SN = "s" }, { title = "t", name = "n" }, { pseudonym = "p" }, { UID = "{uid}" },
    { L = "Lyon", ST = "x" }, { matterVendorId = "FFF1" }, { matterProductId = "8000" },
    [{ type = "2.5.4.15", value = "v", string = "utf8" }, { type = "O", value = "o", string = "printable" }],
    { CN = "{st_number|slice(0,4)}-{lot}" } ]"#,
        )
        .replace("not_after = \"5y\"", "not_after = \"never\"")
        .replace("outlives_issuer = \"error\"", "outlives_issuer = \"clamp\"")
        .replace("rfc7093-1", "rfc5280-1")
        .replace("full_width_signature = false", "full_width_signature = true");
    let everything =
        POLICY.replace("authority_key_identifier = {}\n", &format!("authority_key_identifier = {{}}{EVERYTHING}"));
    let source = POLICY
        .replace("serial = \"derived\"", "serial = \"source\"")
        .replace("not_after = \"5y\"", "not_after = \"1y30d12h\"")
        .replace("bits = [\"digitalSignature\"]", "bits = [\"digitalSignature\", \"keyAgreement\", \"decipherOnly\"]")
        .replace("purposes = [\"clientAuth\"]", "purposes = [\"timeStamping\", \"1.3.6.1.5.5.7.3.17\"]")
        .replace("subject_key_identifier = { method = \"rfc7093-1\" }\n", "")
        .replace("ecdsa-sha256", "ecdsa-sha384");
    let (head, _) = POLICY.split_once("[extensions]").unwrap();
    let (_, device) = POLICY.split_once("[device]").unwrap();
    let none = format!("{head}[device]{device}").replace("not_before = \"issuance\"", "not_before = \"source\"");
    let none = none.replace("not_after = \"5y\"", "not_after = \"2033-02-01T00:00:00Z\"");
    let none = none.replace("outlives_issuer = \"error\"", "outlives_issuer = \"allow\"");
    [
        (&[], POLICY.to_owned()),
        (&[], long),
        (&[], everything),
        (&["--key", "P-384"], source),
        (&[], none.replace("not_before = \"source\"", "not_before = \"issuance\"")),
    ]
}

#[test]
fn both_verifiers_accept_good_batches() {
    for (init, policy) in policies() {
        let workshop = Workshop::with(init);
        put(&workshop.path("policy.toml"), policy);
        for (n, form) in (0..).zip(["der", "pem", "der,pem"]) {
            let reel = format!("{n}.zip");
            workshop.reel(&reel, 10 * n..10 * n + 5);
            workshop.issue(&reel, form, &["--form", form, "--reissue", "a \"test\"\n\u{e9}"]).success();
            workshop.verify(form, &[]).success();
            agreed(&workshop, form, true);
        }
    }
}

/// The CA itself signs something else than the policy asks for, and everything around it is made to fit.
#[test]
fn every_byte_that_the_ca_signs_is_the_one_that_the_policy_gives() {
    use reroot::signer::Signer;
    use reroot::x509::{Certificate, SignatureAlgorithm};
    let workshop = Workshop::new();
    put(&workshop.path("policy.toml"), &policies()[2].1);
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    let [source, root] = anchors(&workshop);
    let signer = key(&workshop, "issuing");
    let good = Certificate::from_der(&Forge::of(&workshop).chips[1].certificate).unwrap();
    let out = workshop.path("other");
    let mut tried = 0;
    for at in 0..good.tbs().len() {
        let mut tbs = good.tbs().to_vec();
        tbs[at] ^= 1 << (at % 8);
        let mut signatures = Vec::new();
        signer.sign_batch(SignatureAlgorithm::EcdsaSha256, &[&tbs], &mut signatures).unwrap();
        let signature = element(tag::BIT_STRING, &[&[0], &signatures[0]]);
        let identifier = SignatureAlgorithm::EcdsaSha256.identifier();
        let mut forge = Forge::of(&workshop);
        forge.chips[1].recertify(element(tag::SEQUENCE, &[&tbs, &identifier, &signature]));
        forge.seal("other", |_| ());
        assert!(!holds(&out, &source, &root), "byte {at}: accepted");
        agreed(&workshop, "other", false);
        reroot::durable::remove_partial(&out).unwrap();
        tried += 1;
    }
    assert!(tried > 1500, "{tried}");
}

#[test]
fn it_runs_as_it_is_printed() {
    let workshop = batch();
    let script = project("verifier/verify_batch.py").display().to_string();
    let run = |anchors: [&str; 2]| {
        let run = Run::venv("python").args([&script, "batch"]).args(anchors).env("PYTHONDONTWRITEBYTECODE", "1");
        run.folder(workshop.folder()).run()
    };
    assert_eq!(run([ANCHORS[0], ANCHORS[1]]).success().out(), "4 certificates hold\n");
    let refused = run([ANCHORS[1], ANCHORS[1]]).expect(1);
    assert!(refused.err().starts_with("REFUSED: no source anchor signed the leaf"), "{}", refused.err());
}

#[test]
fn its_own_tests_pass() {
    let run = Run::venv("python").args(["-B", "-m", "unittest", "tests"]).folder(&project("verifier"));
    run.run().success();
}
