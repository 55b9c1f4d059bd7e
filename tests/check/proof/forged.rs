//! What the holder of the manifest key can do, and of the issuing key too: sealed again, and still not proved.

use reroot::crypto::sha256;
use reroot::manifest::{Proof, ProofLine, Tree, leaf_hash};
use reroot::seal;
use reroot::x509::oid::{self, ObjectIdentifier};
use reroot::x509::tlv::{element, tag};
use reroot::x509::{Sha256Digest, Time};

use super::cli::prove;
use super::mutated::checker;
use crate::audit::batch::batch;
use crate::audit::forge::{Chip, Forge, certificate, certify, key};
use crate::support::judges::put;
use crate::support::opinion::agreed;
use crate::support::pki::{Recipe, TestPki, variants};
use crate::support::workshop::Workshop;

/// The proof of chip 1 in a batch of these chips, sealed with the manifest key: what `prove` would not make.
fn forged(
    workshop: &Workshop,
    chips: &[Chip],
    change: impl FnOnce(&mut reroot::manifest::Statement, &mut Proof),
) -> Result<(), String> {
    let outcome = forged_alone(workshop, chips, change);
    agreed(workshop, "forged.json", outcome.is_ok());
    outcome
}

/// As [`forged`], put before this program alone.
fn forged_alone(
    workshop: &Workshop,
    chips: &[Chip],
    change: impl FnOnce(&mut reroot::manifest::Statement, &mut Proof),
) -> Result<(), String> {
    let forge = Forge::of(workshop);
    let good = prove(workshop, &[&forge.chips[1].name]).success().stdout;
    let mut proof = Proof::parse(&good).unwrap();
    let mut statement = forge.statement.clone();
    let tree = Tree::new(chips.iter().map(|chip| leaf_hash(chip.line.as_bytes())).collect());
    statement.entries.tree_size = tree.size();
    statement.entries.root_hash = tree.root();
    statement.counts.issued = tree.size();
    statement.counts.items = tree.size() + statement.counts.rejected + statement.counts.ignored;
    statement.counts.signatures_made = tree.size();
    proof.lines = (0..)
        .zip(&chips[..3])
        .map(|(index, chip)| ProofLine { index, path: tree.path(index), line: chip.line.clone() })
        .collect();
    let own = proof.chip.as_mut().unwrap();
    own.source.clone_from(&chips[1].source);
    own.certificate.clone_from(&chips[1].certificate);
    change(&mut statement, &mut proof);
    proof.statement = statement.to_bytes();
    let signer = certificate(&forge.files["manifest.pem"]);
    proof.seal = seal::sign(&proof.statement, &signer, &key(workshop, "manifest"), statement.created).unwrap();
    put(&workshop.path("forged.json"), proof.to_line());
    let outcome = checker(workshop).check_bytes(proof.to_line().as_bytes());
    outcome.map(drop).map_err(|fault| fault.code.as_str().to_owned())
}

fn chips(workshop: &Workshop) -> Vec<Chip> {
    Forge::of(workshop).chips
}

#[test]
fn a_proof_put_together_again_holds() {
    let workshop = batch();
    assert_eq!(forged(&workshop, &chips(&workshop), |_, _| ()), Ok(()));
}

#[test]
fn lines_that_say_something_else_than_the_certificates_are_refused() {
    let workshop = batch();
    let digest = format!("\"{}\"", "ab".repeat(32));
    let other = format!("\"{}\"", "4B".repeat(16));
    for (key, value, code) in [
        ("source_sha256", &digest[..], "audit.source.digest"),
        ("spki_sha256", &digest, "audit.entry.differs"),
        ("serial", &other, "audit.entry.differs"),
        ("attempt", "1", "proof.serial"),
        ("sha256", &digest, "audit.entry.differs"),
        ("sha1", "\"abababababababababababababababababababab\"", "audit.entry.differs"),
        ("not_before", "\"2020-01-01T00:00:00Z\"", "audit.entry.differs"),
        ("not_after", "\"9999-12-31T23:59:59Z\"", "audit.entry.differs"),
        ("bytes", "1", "audit.entry.differs"),
        ("anchor", "1", "audit.source.anchor"),
        ("relax", "[]", "audit.entry.differs"),
        ("relax", "[\"expired-leaf\",\"test-anchor\"]", "audit.entry.differs"),
        ("relax", "[\"test-anchor\",\"trailing-padding\"]", "audit.entry.differs"),
        ("reissue", "\"lost\"", "audit.entry.differs"),
        ("not_before", "\"2020-01-01\"", "manifest.entry.value"),
    ] {
        let mut chips = chips(&workshop);
        chips[1].set(key, value);
        assert_eq!(forged(&workshop, &chips, |_, _| ()), Err(code.to_owned()), "{key} {value}");
    }
}

#[test]
fn leaves_that_no_anchor_signed_are_refused() {
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
        ("of another chip", workshop.pki.leaf(2).der, "audit.source.uid"),
        // genuine, and not the one that was issued for: the serial number tells
        ("renewed", variants::renewed(&workshop.pki, 1), "proof.serial"),
        ("twin", variants::twin(&workshop.pki.leaf(1).der), "proof.serial"),
        ("crossed", variants::crossed(&workshop.pki, 1, 2), "proof.key"),
    ] {
        let mut chips = chips(&workshop);
        chips[1].resource(leaf);
        assert_eq!(forged(&workshop, &chips, |_, _| ()), Err(code.to_owned()), "{name}");
    }
}

#[test]
fn certificates_that_are_not_the_chips_are_refused() {
    let workshop = batch();
    let neighbour = chips(&workshop)[2].fields();
    type Change<'a> = &'a dyn Fn(&mut Vec<Vec<u8>>);
    let cases: [(&str, &str, Change<'_>); 6] = [
        ("manifest", "audit.certificate.signature", &|_| ()),
        ("issuing", "proof.serial", &|fields| fields[1][5] ^= 1),
        ("issuing", "proof.serial", &|fields| fields[1].clone_from(&neighbour[1])),
        ("issuing", "audit.certificate.signature", &|fields| fields[3] = fields[5].clone()),
        ("issuing", "proof.key", &|fields| fields[6].clone_from(&neighbour[6])),
        ("issuing", "proof.key", &|fields| fields.clone_from(&neighbour)),
    ];
    for (signer, code, change) in cases {
        let mut chips = chips(&workshop);
        let mut fields = chips[1].fields();
        change(&mut fields);
        chips[1].recertify(certify(&workshop, signer, &fields));
        assert_eq!(forged(&workshop, &chips, |_, _| ()), Err(code.to_owned()));
    }
}

/// What the issuing key signed, and no object certificate may be: the proof knows no policy, and demands what an
/// external CA's certificates are held to.
#[test]
fn certificates_with_a_right_of_a_ca_or_of_a_manifest_signer_are_refused() {
    let workshop = batch();
    let whole = |list: &[Vec<u8>]| element(0xA3, &[&element(tag::SEQUENCE, &[&list.concat()])]);
    let extension = |kind: ObjectIdentifier, value: &[u8]| {
        let kind = element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()]);
        element(tag::SEQUENCE, &[&kind, &element(tag::OCTET_STRING, &[value])])
    };
    let constraints = |content: &[u8]| extension(oid::BASIC_CONSTRAINTS, &element(tag::SEQUENCE, &[content]));
    let usage = |bits: [u8; 2]| extension(oid::KEY_USAGE, &element(tag::BIT_STRING, &[&bits]));
    let purposes = |list: &[ObjectIdentifier]| {
        let list: Vec<u8> = list.iter().flat_map(|one| element(tag::OBJECT_IDENTIFIER, &[one.as_bytes()])).collect();
        extension(oid::EXTENDED_KEY_USAGE, &element(tag::SEQUENCE, &[&list]))
    };
    let times = |before: &str, after: &str| {
        let time = |text: &str| Time::from_rfc3339(text).unwrap().to_der();
        element(tag::SEQUENCE, &[&time(before), &time(after)])
    };
    type Change<'a> = &'a dyn Fn(&mut Vec<Vec<u8>>);
    let cases: [(&str, Option<&str>, Change<'_>); 11] = [
        // what holds: the issuing key may sign anything that is an object certificate
        ("as it was", None, &|_| ()),
        ("a right to sign data", None, &|fields| fields[7] = whole(&[usage([6, 0x40])])),
        ("cA TRUE", Some("proof.object"), &|fields| fields[7] = whole(&[constraints(&[1, 1, 0xFF])])),
        ("keyCertSign", Some("proof.object"), &|fields| fields[7] = whole(&[usage([2, 0x84])])),
        ("cRLSign", Some("proof.object"), &|fields| fields[7] = whole(&[usage([1, 0x82])])),
        ("documentSigning", Some("proof.object"), &|fields| {
            fields[7] = whole(&[purposes(&[oid::KP_CLIENT_AUTH, oid::KP_DOCUMENT_SIGNING])]);
        }),
        // without extensions it is well formed, and not of version 3
        ("version 1", Some("proof.object"), &|fields| {
            fields.remove(7);
            fields.remove(0);
        }),
        ("an end before its beginning", Some("proof.certificate"), &|fields| {
            fields[4] = times("2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
        }),
        ("cA FALSE spelled out", Some("proof.certificate"), &|fields| {
            fields[7] = whole(&[constraints(&[1, 1, 0])]);
        }),
        ("critical FALSE spelled out", Some("proof.certificate"), &|fields| {
            let kind = element(tag::OBJECT_IDENTIFIER, &[oid::KEY_USAGE.as_bytes()]);
            let value = element(tag::OCTET_STRING, &[&element(tag::BIT_STRING, &[&[7, 0x80]])]);
            fields[7] = whole(&[element(tag::SEQUENCE, &[&kind, &[1, 1, 0], &value])]);
        }),
        ("a time in the form for later years", Some("proof.certificate"), &|fields| {
            fields[4] = element(tag::SEQUENCE, &[b"\x18\x0f20260601120000Z", b"\x18\x0f20270601120000Z"]);
        }),
    ];
    for (what, code, change) in cases {
        let mut chips = chips(&workshop);
        let mut fields = chips[1].fields();
        change(&mut fields);
        let der = certify(&workshop, "issuing", &fields);
        chips[1].recertify(der.clone());
        if let Ok(certificate) = reroot::x509::Certificate::from_der(&der) {
            for (key, time) in
                [("not_before", certificate.validity().not_before()), ("not_after", certificate.validity().not_after())]
            {
                chips[1].set(key, &format!("\"{time}\""));
            }
        }
        let expected = code.map_or(Ok(()), |code| Err(code.to_owned()));
        assert_eq!(forged_alone(&workshop, &chips, |_, _| ()), expected, "{what}");
    }
}

#[test]
fn statements_that_say_something_else_are_refused() {
    use reroot::manifest::Statement;
    let workshop = batch();
    let chips = chips(&workshop);
    type Last = fn(&mut Statement);
    let cases: [(&str, Last); 10] = [
        ("proof.serial", |s| s.serial_seed = Some(reroot::cert::Seed([7; 32]))),
        ("audit.issuer.differs", |s| s.issuer.subject = "CN=Another CA".to_owned()),
        ("audit.issuer.differs", |s| s.issuer.sha256 = Sha256Digest::new([1; 32])),
        ("audit.issuer.differs", |s| s.issuer.spki_sha256 = Sha256Digest::new([1; 32])),
        ("audit.source.anchor", |s| s.anchors[0].subject = "CN=ST".to_owned()),
        ("audit.source.anchor", |s| s.anchors[0].spki_sha256 = Sha256Digest::new([1; 32])),
        ("audit.source.rejected", |s| s.relaxations = vec![]),
        ("audit.entry.differs", |s| s.reissue = Some("lost".to_owned())),
        ("proof.inclusion", |s| s.entries.root_hash = Sha256Digest::new([1; 32])),
        ("audit.source.rejected", |s| s.issued_at = Time::from_rfc3339("1990-01-01T00:00:00Z").unwrap()),
    ];
    for (code, last) in cases {
        assert_eq!(forged(&workshop, &chips, |s, _| last(s)), Err(code.to_owned()));
    }
    // a statement that claims a tree with more lines
    let more = forged(&workshop, &chips, |s, _| {
        s.entries.tree_size = 5;
        (s.counts.issued, s.counts.items, s.counts.signatures_made) = (5, 7, 5);
    });
    assert_eq!(more, Err("proof.inclusion".to_owned()));
}

/// The claim of order, where the signer breaks it: beside each other the lines give it away.
#[test]
fn a_chip_that_is_twice_in_a_batch_side_by_side_is_refused() {
    let workshop = batch();
    let mut twice = chips(&workshop);
    let copy = twice[1].clone();
    twice.insert(2, copy);
    assert_eq!(forged(&workshop, &twice, |_, _| ()), Err("proof.order".to_owned()));
    let mut swapped = chips(&workshop);
    swapped.swap(0, 2);
    assert_eq!(forged(&workshop, &swapped, |_, _| ()), Err("proof.order".to_owned()));
}

/// Certificates of another CA in the chain do no harm and no good.
#[test]
fn the_chain_must_begin_with_the_issuer_and_reach_the_anchor() {
    let workshop = batch();
    let chips = chips(&workshop);
    let other = Workshop::new();
    let foreign = certificate(&std::fs::read(other.path("pki/ca/issuing.pem")).unwrap()).der().to_vec();
    for (code, chain) in [
        ("proof.certificate", vec![]),
        ("audit.issuer.differs", vec![foreign.clone()]),
        ("proof.certificate", vec![vec![0x30, 0]]),
    ] {
        let outcome = forged(&workshop, &chips, |_, proof| proof.chip.as_mut().unwrap().chain = chain);
        assert_eq!(outcome, Err(code.to_owned()));
    }
    let named = forged(&workshop, &chips, |statement, proof| {
        let foreign = reroot::x509::Certificate::from_der(&foreign).unwrap();
        statement.issuer.sha256 = sha256(foreign.der());
        statement.issuer.spki_sha256 = sha256(foreign.spki().der());
        statement.issuer.subject = foreign.subject().to_string();
        proof.chip.as_mut().unwrap().chain = vec![foreign.der().to_vec()];
    });
    assert_eq!(named, Err("audit.issuer.chain".to_owned()));
}

/// The edge where there is no neighbour at all.
#[test]
fn no_chip_is_in_a_batch_without_lines() {
    let workshop = batch();
    let chips = chips(&workshop);
    let empty = |lines: bool| {
        forged(&workshop, &chips, |statement, proof| {
            (statement.entries.tree_size, statement.entries.root_hash) = (0, sha256(b""));
            (statement.counts.issued, statement.counts.items) = (0, 2);
            proof.chip = None;
            if !lines {
                proof.lines.clear();
            }
        })
    };
    assert_eq!(empty(false), Ok(()));
    assert_eq!(empty(true), Err("proof.inclusion".to_owned()));
}
