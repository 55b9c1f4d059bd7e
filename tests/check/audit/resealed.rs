//! What the holder of the manifest key can do, with digests, tree and seal that fit: only what an auditor derives again
//! from the anchors, the leaves and the policy is in the way. In the last group the issuing key is in the wrong
//! hands too.

use reroot::crypto::sha256;
use reroot::manifest::{Format, IssuerMode, Statement};
use reroot::verify::{Family, Relaxation};
use reroot::x509::tlv::{element, tag};
use reroot::x509::{Sha256Digest, Time, oid};

use super::batch::batch;
use super::forge::{Forge, certify};
use super::verdict::{refused, refused_only};
use crate::support::pki::{Recipe, TestPki, variants};
use crate::support::workshop::Workshop;

/// Takes the batch apart, applies both changes, and demands that the auditor gives exactly these reasons.
#[track_caller]
fn resealed(
    workshop: &Workshop,
    name: &str,
    because: &[&str],
    change: impl FnOnce(&mut Forge<'_>),
    last: impl FnOnce(&mut Statement),
) {
    let mut forge = Forge::of(workshop);
    change(&mut forge);
    forge.seal(name, last);
    refused_only(workshop, name, &[], because);
}

fn nothing(_: &mut Statement) {}

fn no_change(_: &mut Forge<'_>) {}

#[test]
fn a_batch_taken_apart_and_put_together_is_the_batch() {
    let workshop = batch();
    Forge::of(&workshop).seal("again", nothing);
    workshop.verify("again", &["--input", "reel.zip"]).success();
    let mut again = workshop.files("again");
    let mut before = workshop.files("batch");
    // a seal's signature is random
    again.retain(|(name, _)| name != "manifest.json.p7s");
    before.retain(|(name, _)| name != "manifest.json.p7s");
    assert_eq!(again, before);
}

#[test]
fn lines_that_say_something_else_than_the_certificates_are_refused() {
    let workshop = batch();
    let digest = format!("\"{}\"", "ab".repeat(32));
    let other = format!("\"{}\"", "4B".repeat(16));
    let cases: [(&str, &str, &[&str]); 15] = [
        ("source_sha256", &digest, &["audit.source.digest"]),
        ("spki_sha256", &digest, &["audit.entry.differs"]),
        ("serial", &other, &["audit.entry.differs"]),
        ("attempt", "1", &["audit.certificate.tbs"]),
        ("sha256", &digest, &["audit.entry.differs"]),
        ("sha1", "\"abababababababababababababababababababab\"", &["audit.entry.differs"]),
        ("not_before", "\"2020-01-01T00:00:00Z\"", &["audit.entry.differs"]),
        ("not_after", "\"9999-12-31T23:59:59Z\"", &["audit.entry.differs"]),
        ("bytes", "1", &["audit.entry.differs"]),
        ("anchor", "1", &["audit.source.anchor"]),
        // a relaxation that was needed, left out; one that was not needed; one that the policy does not allow
        ("relax", "[]", &["audit.entry.differs"]),
        ("relax", "[\"expired-leaf\",\"test-anchor\"]", &["audit.entry.differs"]),
        ("relax", "[\"test-anchor\",\"trailing-padding\"]", &["audit.entry.differs"]),
        ("st_number", "null", &["audit.entry.syntax"]),
        // one chip of a batch reissued for a reason, the others not
        ("reissue", "\"lost\"", &["audit.entry.differs"]),
    ];
    for (n, (key, value, because)) in cases.into_iter().enumerate() {
        let change = |forge: &mut Forge<'_>| forge.chips[1].set(key, value);
        resealed(&workshop, &format!("line-{n}"), because, change, nothing);
    }
}

#[test]
fn chips_under_each_others_names_are_refused() {
    let workshop = batch();
    // everything of chip 1 under the UID of chip 2
    let moved = |forge: &mut Forge<'_>| {
        let (uid, st_number) = (forge.chips[2].get("uid"), forge.chips[2].get("st_number"));
        forge.chips.remove(2);
        forge.chips[1].name = uid.trim_matches('"').to_owned();
        forge.chips[1].set("uid", &uid);
        forge.chips[1].set("st_number", &st_number);
    };
    resealed(&workshop, "moved", &["audit.source.uid"], moved, nothing);
    // the sources of two chips exchanged
    let exchanged = |forge: &mut Forge<'_>| {
        let sources = [forge.chips[1].source.clone(), forge.chips[2].source.clone()];
        let [one, two] = sources;
        forge.chips[1].resource(two);
        forge.chips[2].resource(one);
    };
    resealed(&workshop, "exchanged", &["audit.source.uid"], exchanged, nothing);
    // and their new certificates
    let certificates = |forge: &mut Forge<'_>| {
        let (one, two) = (forge.chips[1].certificate.clone(), forge.chips[2].certificate.clone());
        forge.chips[1].recertify(two);
        forge.chips[2].recertify(one);
    };
    resealed(&workshop, "certificates", &["audit.certificate.tbs"], certificates, nothing);
}

#[test]
fn lines_out_of_order_are_refused() {
    let workshop = batch();
    let mut forge = Forge::of(&workshop);
    forge.chips.swap(1, 2);
    forge.seal("swapped", nothing);
    refused(&workshop, "swapped", &[], &["delivery.order"]);
    let mut forge = Forge::of(&workshop);
    let twice = forge.chips[1].clone();
    forge.chips.insert(1, twice);
    forge.seal("twice", nothing);
    refused(&workshop, "twice", &[], &["delivery.order"]);
    // the lines alone, over archives in order
    let mut forge = Forge::of(&workshop);
    let lines = (forge.chips[1].line.clone(), forge.chips[2].line.clone());
    (forge.chips[2].line, forge.chips[1].line) = lines;
    forge.seal("lines", nothing);
    refused_only(&workshop, "lines", &[], &["audit.entry.order", "audit.source.name"]);
}

#[test]
fn leaves_that_no_anchor_of_the_auditor_signed_are_refused() {
    let workshop = batch();
    let mut recipe = Recipe::shipped();
    recipe.root.common_name = "REROOT TEST STSAFE-A CA 99".to_owned();
    let stranger = TestPki::new(recipe).leaf(1).der;
    for (name, leaf, code) in [
        ("stranger", stranger, "audit.source.rejected"),
        ("forged", variants::bad_signature(&workshop.pki.leaf(1).der), "audit.source.rejected"),
        ("swapped-key", variants::swapped_key(&workshop.pki, 1, 2), "audit.source.rejected"),
        ("root", workshop.pki.root().to_vec(), "audit.source.rejected"),
        ("padded", variants::padded(&workshop.pki.leaf(1).der, 1000, 0xFF), "audit.source.rejected"),
        // genuine, and not the one that was issued for
        ("renewed", variants::renewed(&workshop.pki, 1), "audit.certificate.tbs"),
        ("twin", variants::twin(&workshop.pki.leaf(1).der), "audit.certificate.tbs"),
        ("crossed", variants::crossed(&workshop.pki, 1, 2), "audit.certificate.tbs"),
    ] {
        let change = |forge: &mut Forge<'_>| forge.chips[1].resource(leaf);
        resealed(&workshop, name, &[code], change, nothing);
    }
}

#[test]
fn a_statement_that_says_something_else_is_refused() {
    type Last = fn(&mut Statement);
    let workshop = batch();
    let cases: [(&str, &[&str], Last); 25] = [
        ("seed", &["audit.certificate.tbs"], |s| s.serial_seed = Some(reroot::cert::Seed([7; 32]))),
        ("issued-at", &["audit.certificate.tbs", "audit.archive.time"], |s| {
            let hour_later = s.issued_at.civil().saturating_add(time::Duration::HOUR);
            s.issued_at = Time::from_civil(hour_later).unwrap();
            s.created = s.issued_at;
        }),
        ("format", &["audit.entry.syntax"], |s| s.format = Format::One),
        ("family", &["audit.policy.differs", "audit.entry.syntax"], |s| s.format = Format::Two(Family::Generic)),
        ("beacon", &["audit.certificate.tbs"], |s| s.beacon = Some(Sha256Digest::new([1; 32]))),
        ("foreign", &["audit.entry.differs"], |s| {
            s.issuer.mode = IssuerMode::Foreign;
            s.serial_seed = None;
        }),
        ("policy-name", &["audit.policy.differs"], |s| s.policy.name = "other".to_owned()),
        ("policy-version", &["audit.policy.differs"], |s| s.policy.version = 2),
        ("policy-digest", &["audit.policy.digest"], |s| s.policy.sha256 = Sha256Digest::new([1; 32])),
        ("relaxations", &["audit.policy.differs"], |s| s.relaxations = vec![]),
        ("more-relaxations", &["audit.policy.differs"], |s| s.relaxations.insert(0, Relaxation::ExpiredLeaf)),
        ("param", &["audit.certificate.tbs"], |s| drop(s.params.insert("lot".to_owned(), "B2".to_owned()))),
        ("reissue", &["audit.entry.differs"], |s| s.reissue = Some("lost".to_owned())),
        ("no-param", &["audit.policy.bind"], |s| s.params.clear()),
        ("more-params", &["audit.policy.bind"], |s| drop(s.params.insert("lots".to_owned(), "B2".to_owned()))),
        ("issuer-name", &["audit.issuer.differs"], |s| s.issuer.subject = "CN=Another CA".to_owned()),
        ("issuer", &["audit.issuer.differs"], |s| s.issuer.sha256 = Sha256Digest::new([1; 32])),
        ("issuer-key", &["audit.issuer.differs"], |s| s.issuer.spki_sha256 = Sha256Digest::new([1; 32])),
        ("discarded", &["audit.statement.discarded-serials"], |s| {
            s.discarded_serials = vec![reroot::x509::SerialNumber::from_content(&[0x40; 16]).unwrap()];
            s.counts.signatures_made += 1;
        }),
        ("rejected", &["audit.account.counts"], |s| (s.counts.rejected, s.counts.items) = (2, 7)),
        ("ignored", &["audit.account.counts"], |s| (s.counts.ignored, s.counts.items) = (0, 5)),
        ("signatures", &["audit.account.counts"], |s| s.counts.signatures_made = 3),
        ("inputs", &["audit.account.counts"], |s| s.inputs.count = 2),
        ("anchor-name", &["audit.source.anchor", "audit.statement.anchors"], |s| {
            s.anchors[0].subject = "CN=ST".to_owned();
        }),
        ("anchor", &["audit.statement.anchors"], |s| s.anchors[0].sha256 = Sha256Digest::new([1; 32])),
    ];
    for (name, because, last) in cases {
        resealed(&workshop, name, because, no_change, last);
    }
    // an anchor's key that no leaf's chain reaches
    let key: Last = |s| s.anchors[0].spki_sha256 = Sha256Digest::new([1; 32]);
    resealed(&workshop, "anchor-key", &["audit.source.anchor", "audit.statement.anchors"], no_change, key);
    // the number of lines
    let size: Last = |s| {
        s.entries.tree_size = 5;
        (s.counts.issued, s.counts.items, s.counts.signatures_made) = (5, 7, 5);
    };
    resealed(&workshop, "size", &["audit.tree.size"], no_change, size);
    let root: Last = |s| s.entries.root_hash = Sha256Digest::new([1; 32]);
    resealed(&workshop, "root", &["audit.tree.root"], no_change, root);
    // digests of files
    let files: [Last; 4] = [
        |s| s.entries.sha256 = Sha256Digest::new([1; 32]),
        |s| s.rejected = Sha256Digest::new([1; 32]),
        |s| s.inputs.sha256 = Sha256Digest::new([1; 32]),
        |s| s.files[0].sha256 = Sha256Digest::new([1; 32]),
    ];
    for (n, last) in files.into_iter().enumerate() {
        resealed(&workshop, &format!("digest-{n}"), &["audit.file.digest"], no_change, last);
    }
    let missing: Last = |s| drop(s.files.remove(0));
    resealed(&workshop, "file-not-listed", &["audit.file.unexpected"], no_change, missing);
}

#[test]
fn another_policy_text_of_the_same_name_is_refused() {
    let workshop = batch();
    for (n, (from, to)) in
        [("5y", "6y"), ("clientAuth", "serverAuth"), ("O = \"Workshop\"", "O = \"Workshy\"")].into_iter().enumerate()
    {
        let policy = crate::support::workshop::POLICY.replace(from, to);
        let digest = sha256(policy.as_bytes());
        let change = |forge: &mut Forge<'_>| drop(forge.files.insert("policy.toml".to_owned(), policy.into_bytes()));
        let last = |s: &mut Statement| s.policy.sha256 = digest;
        resealed(&workshop, &format!("policy-{n}"), &["audit.certificate.tbs"], change, last);
    }
    let broken = |forge: &mut Forge<'_>| drop(forge.files.insert("policy.toml".to_owned(), b"version = 1\n".to_vec()));
    let last = |s: &mut Statement| s.policy.sha256 = sha256(b"version = 1\n");
    resealed(&workshop, "no-policy", &["audit.file.unreadable"], broken, last);
}

#[test]
fn files_of_the_batch_that_say_something_else_are_refused() {
    let workshop = batch();
    let file = |name: &'static str, content: Vec<u8>| {
        move |forge: &mut Forge<'_>| drop(forge.files.insert(name.to_owned(), content))
    };
    let before = |name: &str| std::fs::read(workshop.path("batch").join(name)).unwrap();
    let text = |name: &str| String::from_utf8(before(name)).unwrap();

    // findings: one hidden, one invented, one of another kind, one that cannot be read
    let rejected = text("rejected.jsonl");
    let first = rejected.lines().next().unwrap().to_owned() + "\n";
    let more = first.replace(".der", ".DER");
    let cases = [
        ("hidden", first.clone(), "audit.account.counts"),
        ("invented", rejected.clone() + &more, "audit.account.counts"),
    ];
    for (name, content, code) in cases {
        resealed(&workshop, name, &[code], file("rejected.jsonl", content.into_bytes()), nothing);
    }
    let ignored = rejected.replace("\"rejected\"", "\"ignored\"").into_bytes();
    let because = ["audit.account.counts", "audit.account.finding"];
    resealed(&workshop, "ignored", &because, file("rejected.jsonl", ignored), nothing);
    let unreadable = rejected.replacen("{\"item\"", "{ \"item\"", 1).into_bytes();
    resealed(
        &workshop,
        "unreadable",
        &["audit.account.line", "audit.account.counts"],
        file("rejected.jsonl", unreadable),
        nothing,
    );
    let inputs = text("inputs.jsonl").replacen("{\"name\"", "{ \"name\"", 1).into_bytes();
    resealed(&workshop, "inputs", &["audit.account.line"], file("inputs.jsonl", inputs), nothing);

    // chains: empty, of another CA, with a stranger on top, with text that is not one
    let other = Workshop::new();
    let foreign = std::fs::read(other.path("pki/ca/issuing.pem")).unwrap();
    let chain = before("chain.pem");
    for (name, content, code) in [
        ("chain-empty", vec![], "audit.file.unreadable"),
        ("chain-foreign", foreign.clone(), "audit.issuer.differs"),
        (
            "chain-key",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_vec(),
            "audit.file.unreadable",
        ),
        ("chain-longer", [chain, foreign].concat(), "audit.issuer.chain"),
    ] {
        resealed(&workshop, name, &[code], file("chain.pem", content), nothing);
    }
    for (name, content) in [
        ("source-chain-text", b"anything\n".to_vec()),
        ("source-chain-half", before("source-chain.pem")[..200].to_vec()),
    ] {
        resealed(&workshop, name, &["audit.file.unreadable"], file("source-chain.pem", content), nothing);
    }
    resealed(
        &workshop,
        "source-chain-other",
        &["audit.statement.anchors"],
        file("source-chain.pem", before("chain.pem")),
        nothing,
    );

    // archives of another time
    let stamp = |forge: &mut Forge<'_>| forge.stamp = Time::from_rfc3339("2001-01-01T00:00:00Z").unwrap();
    resealed(&workshop, "stamp", &["audit.archive.time"], stamp, nothing);
}

/// Only the input shows what was left out of the batch, or what is under another item's name.
#[test]
fn the_accounting_of_the_items_is_checked_against_the_input() {
    let workshop = batch();
    let refused_with_input = |name: &str, because: &[&str], change: &dyn Fn(&mut Forge<'_>)| {
        let mut forge = Forge::of(&workshop);
        change(&mut forge);
        forge.seal(name, nothing);
        refused_only(&workshop, name, &["--input", "reel.zip"], because);
    };
    let with_input =
        |name: &str, change: &dyn Fn(&mut Forge<'_>)| refused_with_input(name, &["audit.account.item"], change);
    with_input("left-out", &|forge| drop(forge.chips.remove(2)));
    with_input("renamed", &|forge| forge.chips[2].set("source_item", "\"reel.zip!other.der\""));
    with_input("exchanged", &|forge| {
        let (one, two) = (forge.chips[1].get("source_item"), forge.chips[2].get("source_item"));
        forge.chips[1].set("source_item", &two);
        forge.chips[2].set("source_item", &one);
    });
    // the right disposition for a reason that is not the item's own
    let rejected = String::from_utf8(Forge::of(&workshop).files["rejected.jsonl"].clone()).unwrap();
    let code = |item: &str| {
        let line = rejected.lines().find(|line| line.contains(item)).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["code"].as_str().unwrap().to_owned()
    };
    for (item, other) in [
        ("forged.der", "verify.chain.no-trust-anchor"),
        ("forged.der", "verify.expect.unexpected"),
        ("README.txt", "reel.file.not-a-certificate"),
    ] {
        let own = code(item);
        assert_ne!(own, other);
        refused_with_input(&format!("{item}-{other}"), &["audit.account.finding"], &|forge| {
            let changed: String = rejected
                .lines()
                .map(|line| if line.contains(item) { line.replace(&own, other) } else { line.to_owned() } + "\n")
                .collect();
            forge.files.insert("rejected.jsonl".to_owned(), changed.into_bytes());
        });
    }
    // a leaf that was rejected, said to be another item's fault
    let because = ["audit.account.finding", "audit.account.item", "audit.account.twice"];
    refused_with_input("blamed", &because, &|forge| {
        let rejected = String::from_utf8(forge.files["rejected.jsonl"].clone()).unwrap();
        let blamed = rejected.replace("forged.der", "README.txt");
        forge.files.insert("rejected.jsonl".to_owned(), blamed.into_bytes());
    });
}

/// With the issuing key as well: every certificate verifies under the CA, and is still not the one that follows.
#[test]
fn certificates_that_the_ca_did_sign_and_the_policy_did_not_ask_for_are_refused() {
    let workshop = batch();
    let issued = |name: &str, code: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut forge = Forge::of(&workshop);
        let mut fields = forge.chips[1].fields();
        let before = fields.clone();
        change(&mut fields);
        assert!(code == "audit.certificate.signature" || fields != before, "{name}");
        let signer = if code == "audit.certificate.signature" { "manifest" } else { "issuing" };
        forge.chips[1].recertify(certify(&workshop, signer, &fields));
        forge.seal(name, nothing);
        refused_only(&workshop, name, &[], &[code]);
    };
    let forge = Forge::of(&workshop);
    let neighbour = forge.chips[2].fields();

    // the valid counterpart: signed again without a change; the key's holder can do this and no auditor detects it
    let mut again = Forge::of(&workshop);
    let fields = again.chips[1].fields();
    again.chips[1].recertify(certify(&workshop, "issuing", &fields));
    again.seal("again", nothing);
    workshop.verify("again", &["--input", "reel.zip"]).success();

    const TBS: &str = "audit.certificate.tbs";
    issued("wrong-key", "audit.certificate.signature", &|_| ());
    issued("serial", TBS, &|fields| fields[1][5] ^= 1);
    issued("serial-of-another", TBS, &|fields| fields[1].clone_from(&neighbour[1]));
    issued("issuer", TBS, &|fields| fields[3] = fields[5].clone());
    issued("validity", TBS, &|fields| {
        let at = fields[4].len() - 2;
        fields[4][at] ^= 1;
    });
    issued("subject", TBS, &|fields| fields[5].clone_from(&neighbour[5]));
    issued("key", TBS, &|fields| fields[6].clone_from(&neighbour[6]));
    issued("everything-of-another", TBS, &|fields| fields.clone_from(&neighbour));
    issued("no-extensions", TBS, &|fields| drop(fields.pop()));
    issued("extension", TBS, &|fields| {
        let list = reroot::x509::tlv::Reader::new(&fields[7]).element("[3]").unwrap().content;
        let list = reroot::x509::tlv::Reader::new(list).element("extensions").unwrap().content;
        let kind = element(tag::OBJECT_IDENTIFIER, &[oid::SUBJECT_ALT_NAME.as_bytes()]);
        let value = element(tag::SEQUENCE, &[&element(0x82, &[b"example.org"])]);
        let more = element(tag::SEQUENCE, &[&kind, &element(tag::OCTET_STRING, &[&value])]);
        fields[7] = element(0xA3, &[&element(tag::SEQUENCE, &[list, &more])]);
    });
}

/// A key swapped in both places that name it: the line says so, the certificate says so, and the leaf does not.
#[test]
fn a_certificate_over_another_key_is_refused() {
    let workshop = batch();
    let mut forge = Forge::of(&workshop);
    let other = forge.chips[3].fields()[6].clone();
    let mut fields = forge.chips[1].fields();
    fields[6].clone_from(&other);
    forge.chips[1].recertify(certify(&workshop, "issuing", &fields));
    forge.chips[1].set("spki_sha256", &format!("\"{}\"", sha256(&other)));
    forge.seal("key", nothing);
    refused_only(&workshop, "key", &[], &["audit.certificate.tbs"]);
}

/// Where the policy wants signatures of full width, a shorter one is refused, however valid.
#[test]
fn a_short_signature_is_refused_where_the_policy_wants_full_width() {
    use reroot::crypto::is_full_width;
    use reroot::x509::{Certificate, KeyAlgorithm};
    let short = |workshop: &Workshop| {
        let mut forge = Forge::of(workshop);
        let fields = forge.chips[1].fields();
        // one signature in 128 or so
        let der = std::iter::repeat_with(|| certify(workshop, "issuing", &fields)).find(|der| {
            let certificate = Certificate::from_der(der).unwrap();
            !is_full_width(KeyAlgorithm::P256, certificate.signature())
        });
        forge.chips[1].recertify(der.unwrap());
        forge.seal("short", nothing);
    };
    let workshop = Workshop::new();
    let policy =
        crate::support::workshop::POLICY.replace("full_width_signature = false", "full_width_signature = true");
    crate::support::judges::put(&workshop.path("policy.toml"), policy);
    workshop.reel("reel.zip", 0..4);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.verify("batch", &[]).success();
    short(&workshop);
    refused_only(&workshop, "short", &[], &["audit.certificate.full-width"]);
    // its neighbour: a policy that does not care
    let workshop = batch();
    short(&workshop);
    workshop.verify("short", &[]).success();
}
