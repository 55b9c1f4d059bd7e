//! The fields of a leaf: each thing accepted with what is next to it and is refused.

use reroot::verify::Family;

use crate::intake::builder::{
    BRAINPOOL_P256, Builder, ED25519, Key, P256, P384, UID, attribute, device_key, ec_spki, extension, extensions, hex,
    name, oids, root_key, st_name, tlv,
};
use crate::intake::support::{accepted, leaf, refused, strict, verdict};

/// RFC 5280 §4.1.2.1. Versions 1 and 2 are refused on purpose: see `profile`.
#[test]
fn the_version_is_3() {
    for (version, what) in [
        (vec![], "version 1"),
        (vec![0xA0, 3, 2, 1, 1], "version 2"),
        (vec![0xA0, 3, 2, 1, 0], "version 1 written out (X.690 §11.5)"),
        (vec![0xA0, 3, 2, 1, 3], "version 4"),
        (vec![0xA0, 4, 2, 2, 0, 2], "padded"),
        (vec![0xA0, 3, 2, 1, 0x82], "negative"),
    ] {
        refused(what, "verify.certificate.version", &leaf(|leaf| leaf.version = version));
    }
    for version in [vec![], vec![0xA0, 3, 2, 1, 1]] {
        refused(
            "extensions need version 3 (RFC 5280 §4.1.2.9)",
            "verify.extension.version",
            &leaf(|leaf| {
                leaf.version = version;
                leaf.rest = extensions(&[extension(oids::UNKNOWN, false, &[5, 0])]);
            }),
        );
    }
}

/// RFC 5280 §4.1.2.2, X.690 §8.3.2
#[test]
fn the_serial_number_is_positive_minimal_and_short() {
    for (content, code) in [
        (vec![], "verify.serial.empty"),
        (vec![0], "verify.serial.zero"),
        (vec![0x80], "verify.serial.negative"),
        ([&[0xFF][..], &hex(UID)].concat(), "verify.serial.negative"),
        ([&[0][..], &hex(UID)].concat(), "verify.serial.padded"),
        (vec![1; 21], "verify.serial.too-long"),
    ] {
        let leaf = leaf(|leaf| leaf.serial = tlv(2, &[&content])).sign(&root_key());
        assert_eq!(verdict(Family::Generic, &[], &leaf), Some(code), "{content:?}");
    }
    for content in [vec![1], vec![0, 0x80], vec![1; 20]] {
        let leaf = leaf(|leaf| leaf.serial = tlv(2, &[&content])).sign(&root_key());
        assert_eq!(verdict(Family::Generic, &[], &leaf), None, "{content:?}");
    }
}

/// RFC 5280 §4.1.2.4, §4.1.2.6, appendix A
#[test]
fn names_are_present_and_hold_what_their_types_allow() {
    refused("empty issuer", "verify.name.empty-issuer", &leaf(|leaf| leaf.issuer = vec![0x30, 0]));
    refused("empty subject", "verify.name.empty-subject", &leaf(|leaf| leaf.subject = vec![0x30, 0]));
    let alt_name = |critical| {
        leaf(|leaf| {
            leaf.subject = vec![0x30, 0];
            leaf.rest = extensions(&[extension(oids::SUBJECT_ALT_NAME, critical, &[0x30, 3, 0x82, 1, b'a'])]);
        })
    };
    accepted("empty subject with a critical subjectAltName (§4.1.2.6)", &alt_name(true));
    refused("the subjectAltName is not critical", "verify.name.empty-subject", &alt_name(false));
    refused("an empty RDN", "verify.name.empty-rdn", &leaf(|leaf| leaf.subject = vec![0x30, 2, 0x31, 0]));
    let subject = |kind: &[u8], tag, value: &[u8]| {
        let rdn = attribute(kind, tag, value);
        leaf(|leaf| leaf.subject = name(&[rdn]))
    };
    accepted("a common name with markup is only text", &subject(oids::CN, 0x0C, b"=cmd|<b>../..</b>"));
    accepted("right-to-left marks are shown escaped", &subject(oids::CN, 0x0C, "a\u{202e}b".as_bytes()));
    refused("C as UTF8String", "verify.name.string-type", &subject(oids::C, 0x0C, b"FR"));
    refused("C of three letters", "verify.name.length", &subject(oids::C, 0x13, b"FRA"));
    refused("@ in a PrintableString", "verify.name.string", &subject(oids::O, 0x13, b"a@b"));
    refused("broken UTF-8", "verify.name.string", &subject(oids::CN, 0x0C, &[0xC3, 0x28]));
    refused("overlong UTF-8", "verify.name.string", &subject(oids::CN, 0x0C, &[0xC0, 0xAF]));
    refused("a surrogate in UTF-8", "verify.name.string", &subject(oids::CN, 0x0C, &[0xED, 0xA0, 0x80]));
    refused("NUL", "verify.name.string", &subject(oids::CN, 0x0C, b"good\0bad"));
    refused("a newline", "verify.name.string", &subject(oids::CN, 0x0C, b"good\nbad"));
    refused("an odd BMPString", "verify.name.string", &subject(oids::CN, 0x1E, &[0, 65, 0]));
    refused("a surrogate in a BMPString", "verify.name.string", &subject(oids::CN, 0x1E, &[0xD8, 0, 0xDC, 0]));
    refused("10,000 characters", "verify.name.length", &subject(oids::CN, 0x0C, &[b'a'; 10_000]));
    refused("no characters", "verify.name.length", &subject(oids::CN, 0x0C, b""));
    refused("a constructed string", "verify.name.string-type", &subject(oids::CN, 0x2C, &[0x0C, 1, b'a']));
    refused("an attribute type that is none", "verify.name.attribute-type", &subject(&[0x80], 0x0C, b"a"));
}

/// RFC 5280 §4.1.2.5
#[test]
fn times_have_one_form_and_exist() {
    let after = |tag, text: &[u8]| {
        let element = tlv(tag, &[text]);
        leaf(|leaf| leaf.not_after = element)
    };
    accepted("UTCTime to 2049", &after(0x17, b"491231235959Z"));
    accepted("GeneralizedTime from 2050", &after(0x18, b"20500101000000Z"));
    accepted("no end", &after(0x18, b"99991231235959Z"));
    refused("GeneralizedTime in 2049", "verify.time.generalized-before-2050", &after(0x18, b"20491231235959Z"));
    for text in [
        &b"490229000000Z"[..],
        b"490230000000Z",
        b"491301000000Z",
        b"490001000000Z",
        b"490101240000Z",
        b"490101006000Z",
        b"490101000060Z",
    ] {
        refused("no such date", "verify.time.no-such-date", &after(0x17, text));
    }
    for text in [&b"4912312359Z"[..], b"491231235959+0000", b"491231235959", b"49123123595 Z", b""] {
        refused("not YYMMDDHHMMSSZ", "verify.time.format", &after(0x17, text));
    }
    for text in [&b"20500101000000.5Z"[..], b"205001010000Z", b"20500101000000+0100", b"20500101000000"] {
        refused("not YYYYMMDDHHMMSSZ", "verify.time.format", &after(0x18, text));
    }
    refused("ends before it begins", "verify.time.ends-before-it-begins", &after(0x17, b"210304235959Z"));
    refused("expired", "verify.time.expired", &after(0x17, b"251231235959Z"));
    accepted("the last second", &after(0x17, b"260101000000Z"));
    let before = |text: &[u8]| {
        let element = tlv(0x17, &[text]);
        leaf(|leaf| leaf.not_before = element)
    };
    refused("not yet valid", "verify.time.not-yet-valid", &before(b"260101000001Z"));
    accepted("the first second", &before(b"260101000000Z"));
}

/// SEC 1 §3.2.2.1, RFC 5480 §2.1.1
#[test]
fn the_key_is_a_point_on_a_named_curve() {
    let good = device_key().spki();
    let point = good[good.len() - 65..].to_vec();
    let with = |curve: &[u8], point: &[u8]| {
        let spki = ec_spki(curve, point);
        leaf(|leaf| leaf.spki = spki)
    };
    accepted("an uncompressed point", &with(&P256, &point));
    let mut off = point.clone();
    off[64] ^= 1;
    refused("off the curve", "verify.key.not-on-curve", &with(&P256, &off));
    refused("(0, 0)", "verify.key.not-on-curve", &with(&P256, &[&[4][..], &[0; 64]].concat()));
    refused("all ones", "verify.key.not-on-curve", &with(&P256, &[&[4][..], &[0xFF; 64]].concat()));
    refused("infinity", "verify.key.infinity", &with(&P256, &[0]));
    refused("infinity in full length", "verify.key.infinity", &with(&P256, &[0; 65]));
    refused("compressed", "verify.key.point-form", &with(&P256, &[&[2 | (point[64] & 1)][..], &point[1..33]].concat()));
    refused("hybrid", "verify.key.point-form", &with(&P256, &[&[6 | (point[64] & 1)][..], &point[1..]].concat()));
    refused("one byte short", "verify.key.length", &with(&P256, &point[..64]));
    refused("one byte long", "verify.key.length", &with(&P256, &[&point[..], &[0]].concat()));
    refused("no key", "verify.key.length", &with(&P256, &[]));
    refused("a P-256 point called P-384", "verify.key.length", &with(&P384, &point));
    refused("a P-256 point called Brainpool", "verify.key.not-on-curve", &with(&BRAINPOOL_P256, &point));
    // (p, sqrt(b)) is (0, sqrt(b)) without reduction (SEC 1 §2.3.6)
    let root_of_b = "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
    let zero = hex(&format!("04{}{root_of_b}", "00".repeat(32)));
    let prime = hex(&format!("04ffffffff00000001000000000000000000000000ffffffffffffffffffffffff{root_of_b}"));
    accepted("x = 0", &with(&P256, &zero));
    refused("x = p", "verify.key.not-on-curve", &with(&P256, &prime));
    // the quadratic twist: x = 1 has no y on P-256
    refused(
        "a point of the twist",
        "verify.key.not-on-curve",
        &with(&P256, &[&[4][..], &[0; 31], &[1], &[0; 31], &[2]].concat()),
    );

    refused("no curve", "verify.der.truncated", &with(&[], &point));
    refused("implicit curve (RFC 5480 §2.1.1)", "verify.key.curve-not-named", &with(&[5, 0], &point));
    refused("explicit parameters (RFC 5480 §2.1.1)", "verify.key.curve-not-named", &with(&[0x30, 3, 2, 1, 1], &point));
    refused("secp256k1", "verify.key.curve", &with(&[6, 5, 0x2B, 0x81, 4, 0, 10], &point));
    refused("parameters after the curve", "verify.key.parameters", &with(&[&P256[..], &[5, 0]].concat(), &point));
    refused(
        "unused bits",
        "verify.der.unused-bits",
        &leaf(|leaf| {
            let at = leaf.spki.len() - 66;
            leaf.spki[at] = 1;
        }),
    );
    refused(
        "X25519 is no signature key",
        "verify.key.algorithm",
        &leaf(|leaf| leaf.spki = tlv(0x30, &[&[0x30, 5, 6, 3, 0x2B, 0x65, 0x6E], &tlv(3, &[&[0; 33]])])),
    );
}

/// RFC 8410 §3, RFC 8032 §5.1.3
#[test]
fn an_ed25519_key_is_a_point_of_large_order() {
    let with = |algorithm: &[u8], key: &[u8]| {
        let spki = tlv(0x30, &[algorithm, &tlv(3, &[&[0], key])]);
        leaf(|leaf| leaf.spki = spki)
    };
    let good = Key::ed25519(9).spki();
    let point = &good[good.len() - 32..];
    accepted("a key", &with(&ED25519, point));
    refused("31 bytes", "verify.key.length", &with(&ED25519, &point[1..]));
    refused("33 bytes", "verify.key.length", &with(&ED25519, &[point, &[0]].concat()));
    refused(
        "parameters (RFC 8410 §3)",
        "verify.key.parameters",
        &with(&[0x30, 7, 6, 3, 0x2B, 0x65, 0x70, 5, 0], point),
    );
    let mut identity = [0; 32];
    identity[0] = 1;
    refused("the identity", "verify.key.small-order", &with(&ED25519, &identity));
    refused("all zero, of order 4", "verify.key.small-order", &with(&ED25519, &[0; 32]));
    refused("not reduced", "verify.key.not-canonical", &with(&ED25519, &[0xFF; 32]));
    let mut off = [0; 32];
    off[0] = 2;
    refused("no point", "verify.key.not-on-curve", &with(&ED25519, &off));
}

#[test]
fn a_leaf_does_not_carry_a_ca_key() {
    refused("the root's key", "verify.key.of-a-ca", &leaf(|leaf| leaf.spki = root_key().spki()));
}

/// RFC 5280 §4.1.2.8: "Conforming CAs MUST NOT generate certificates with unique identifiers."
#[test]
fn unique_identifiers_are_refused() {
    for tag in [0x81, 0x82, 0xA1, 0xA2] {
        refused(
            "a unique identifier",
            "verify.unique-identifier.present",
            &leaf(|leaf| leaf.rest = vec![tag, 2, 0, 1]),
        );
    }
}

/// RFC 5280 §4.2
#[test]
fn extensions_of_a_leaf_are_known_or_uncritical_and_stand_once() {
    let with = |list: &[Vec<u8>]| {
        let field = extensions(list);
        leaf(|leaf| leaf.rest = field)
    };
    let usage = |bits: [u8; 2]| extension(oids::KEY_USAGE, true, &[3, 2, bits[0], bits[1]]);
    accepted("unknown, not critical", &with(&[extension(oids::UNKNOWN, false, b"anything")]));
    refused(
        "unknown, critical",
        "verify.extension.unknown-critical",
        &with(&[extension(oids::UNKNOWN, true, &[5, 0])]),
    );
    let one = extension(oids::UNKNOWN, false, &[5, 0]);
    refused("twice", "verify.extension.duplicate", &with(&[one.clone(), one]));
    refused("an empty list (RFC 5280 §4.1)", "verify.extension.none", &with(&[]));
    accepted("digitalSignature", &with(&[usage([7, 0x80])]));
    refused("keyCertSign (§4.2.1.3)", "verify.extension.key-cert-sign", &with(&[usage([2, 4])]));
    refused("no bit (§4.2.1.3)", "verify.extension.malformed", &with(&[usage([7, 0])]));
    refused("trailing zero bits (X.690 §11.2.2)", "verify.extension.malformed", &with(&[usage([6, 0x80])]));
    refused("unused bits set (X.690 §11.2.1)", "verify.extension.malformed", &with(&[usage([7, 0x81])]));
    let purposes = |value: &[u8]| with(&[extension(oids::EXTENDED_KEY_USAGE, true, value)]);
    accepted("clientAuth", &purposes(&tlv(0x30, &[&[6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 2]])));
    refused("no purpose", "verify.extension.malformed", &purposes(&[0x30, 0]));
    refused("no list", "verify.extension.malformed", &purposes(&[5, 0]));
    let names = |value: &[u8]| with(&[extension(oids::SUBJECT_ALT_NAME, false, value)]);
    accepted("dNSName", &names(&[0x30, 3, 0x82, 1, b'a']));
    refused("no name", "verify.extension.malformed", &names(&[0x30, 0]));
    refused("bytes after the names", "verify.extension.malformed", &names(&[0x30, 3, 0x82, 1, b'a', 0]));
    let identifier = |kind, critical, value: &[u8]| with(&[extension(kind, critical, value)]);
    accepted("subjectKeyIdentifier", &identifier(oids::SUBJECT_KEY_IDENTIFIER, false, &[4, 1, 7]));
    refused(
        "critical (§4.2.1.2)",
        "verify.extension.criticality",
        &identifier(oids::SUBJECT_KEY_IDENTIFIER, true, &[4, 1, 7]),
    );
    refused("no OCTET STRING", "verify.extension.malformed", &identifier(oids::SUBJECT_KEY_IDENTIFIER, false, &[5, 0]));
    accepted("authorityKeyIdentifier", &identifier(oids::AUTHORITY_KEY_IDENTIFIER, false, &[0x30, 3, 0x80, 1, 7]));
    refused(
        "critical (§4.2.1.1)",
        "verify.extension.criticality",
        &identifier(oids::AUTHORITY_KEY_IDENTIFIER, true, &[0x30, 3, 0x80, 1, 7]),
    );
    refused(
        "serial without issuer (§4.2.1.1)",
        "verify.extension.malformed",
        &identifier(oids::AUTHORITY_KEY_IDENTIFIER, false, &[0x30, 3, 0x82, 1, 7]),
    );
    refused(
        "nameConstraints (§4.2.1.10)",
        "verify.extension.unsupported-constraint",
        &identifier(oids::NAME_CONSTRAINTS, true, &[0x30, 0]),
    );
    refused(
        "pathLenConstraint without cA (§4.2.1.9)",
        "verify.extension.path-length",
        &identifier(oids::BASIC_CONSTRAINTS, true, &[0x30, 3, 2, 1, 0]),
    );
    refused(
        "a padded pathLenConstraint",
        "verify.extension.path-length",
        &identifier(oids::BASIC_CONSTRAINTS, true, &[0x30, 4, 2, 2, 0, 0]),
    );
    refused(
        "fields after pathLenConstraint",
        "verify.der.trailing-data",
        &identifier(oids::BASIC_CONSTRAINTS, true, &[0x30, 5, 2, 1, 0, 5, 0]),
    );
}

/// RFC 5280 §4.2: known extensions that nothing here depends on are still of their type.
#[test]
fn extensions_that_are_not_processed_are_well_formed_and_not_critical() {
    const AUTHORITY_INFO_ACCESS: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 1, 1];
    const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1D, 31];
    const POLICIES: &[u8] = &[0x55, 0x1D, 32];
    const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 36];
    const INHIBIT_ANY_POLICY: &[u8] = &[0x55, 0x1D, 54];
    let with = |kind: &[u8], critical, value: &[u8]| {
        let field = extensions(&[extension(kind, critical, value)]);
        leaf(|leaf| leaf.rest = field)
    };
    // SEQUENCE of one AccessDescription: id-ad-ocsp, a URI
    let access = tlv(0x30, &[&tlv(0x30, &[&[6, 8, 0x2B, 6, 1, 5, 5, 7, 48, 1], &tlv(0x86, &[b"http://a"])])]);
    accepted("authorityInfoAccess", &with(AUTHORITY_INFO_ACCESS, false, &access));
    refused("critical (§4.2.2.1)", "verify.extension.criticality", &with(AUTHORITY_INFO_ACCESS, true, &access));
    refused("empty", "verify.extension.malformed", &with(AUTHORITY_INFO_ACCESS, false, &[0x30, 0]));
    refused(
        "not DER inside",
        "verify.extension.malformed",
        &with(AUTHORITY_INFO_ACCESS, false, &[0x30, 4, 0x30, 2, 6, 0]),
    );
    let points = tlv(0x30, &[&tlv(0x30, &[&tlv(0xA0, &[&tlv(0xA0, &[&tlv(0x86, &[b"http://a"])])])])]);
    accepted("cRLDistributionPoints", &with(CRL_DISTRIBUTION_POINTS, false, &points));
    refused(
        "critical, and not processed (§4.2)",
        "verify.extension.unknown-critical",
        &with(CRL_DISTRIBUTION_POINTS, true, &points),
    );
    let policy = [0x30, 4, 0x30, 2, 6, 0];
    refused("a policy without identifier", "verify.extension.malformed", &with(POLICIES, false, &policy));
    accepted("a policy", &with(POLICIES, true, &[0x30, 6, 0x30, 4, 6, 2, 0x2A, 3]));
    for (what, kind, value) in [
        ("policyConstraints (§4.2.1.11)", POLICY_CONSTRAINTS, &[0x30, 3, 0x80, 1, 0][..]),
        ("inhibitAnyPolicy (§4.2.1.14)", INHIBIT_ANY_POLICY, &[2, 1, 0]),
    ] {
        refused(what, "verify.extension.criticality", &with(kind, false, value));
        refused(what, "verify.extension.unsupported-constraint", &with(kind, true, value));
    }
    // subjectDirectoryAttributes: a countryOfCitizenship
    let citizen = tlv(0x30, &[&tlv(0x30, &[&[6, 8, 0x2B, 6, 1, 5, 5, 7, 9, 4], &tlv(0x31, &[&tlv(0x13, &[b"NL"])])])]);
    for (what, kind, value) in [
        ("subjectInfoAccess (§4.2.2.2)", &[0x2B, 6, 1, 5, 5, 7, 1, 11][..], &access),
        ("freshestCRL (§4.2.1.15)", &[0x55, 0x1D, 46], &points),
        ("subjectDirectoryAttributes (§4.2.1.8)", &[0x55, 0x1D, 9], &citizen),
    ] {
        accepted(what, &with(kind, false, value));
        refused(what, "verify.extension.criticality", &with(kind, true, value));
        refused(what, "verify.extension.malformed", &with(kind, false, &[0x04, 0]));
    }
    let usage = |value: &[u8]| with(oids::KEY_USAGE, true, value);
    accepted("decipherOnly, the ninth bit", &usage(&[3, 3, 7, 8, 0x80]));
    refused("a tenth bit", "verify.extension.malformed", &usage(&[3, 3, 6, 8, 0x40]));
    refused("a third byte", "verify.extension.malformed", &usage(&[3, 4, 0, 8, 0, 1]));
    refused(
        "a huge pathLenConstraint",
        "verify.extension.path-length",
        &with(oids::BASIC_CONSTRAINTS, true, &[0x30, 10, 1, 1, 0xFF, 2, 5, 1, 0, 0, 0, 0]),
    );
}

/// A chip's certificate that claims to be a CA's is neither certified nor passed over.
#[test]
fn a_leaf_with_ca_true_is_refused() {
    let ca = |critical| extension(oids::BASIC_CONSTRAINTS, critical, &[0x30, 3, 1, 1, 0xFF]);
    for critical in [false, true] {
        refused(
            "the serial number is a UID",
            "verify.extension.ca-true",
            &leaf(|leaf| leaf.rest = extensions(&[ca(critical)])),
        );
    }
    // the generic family is as strict
    let der = leaf(|leaf| leaf.rest = extensions(&[ca(true)])).sign(&root_key());
    assert_eq!(verdict(Family::Generic, &[], &der), Some("verify.extension.ca-true"));
    let usage = extension(oids::KEY_USAGE, true, &[3, 2, 7, 0x80]);
    let der = leaf(|leaf| leaf.rest = extensions(&[ca(true), usage])).sign(&root_key());
    assert_eq!(verdict(Family::Generic, &[], &der), Some("verify.extension.ca-true"));
}

/// RFC 3279 §2.2.3, FIPS 186-5 §6.4.2
#[test]
fn a_signature_has_one_form_and_its_range() {
    let with = |change: fn(Vec<u8>) -> Vec<u8>| leaf(|leaf| leaf.signature = change);
    refused(
        "a flipped bit",
        "verify.signature.invalid",
        &with(|mut signature| {
            let last = signature.len() - 1;
            signature[last] ^= 1;
            signature
        }),
    );
    for (what, code, change) in [
        ("no bytes", "verify.signature.encoding", (|_| vec![]) as fn(Vec<u8>) -> Vec<u8>),
        ("bytes after it", "verify.signature.encoding", |signature| [signature, vec![0]].concat()),
        ("an element after s", "verify.signature.encoding", |signature| tlv(0x30, &[&signature[2..], &[5, 0]])),
        ("r padded", "verify.signature.encoding", |signature| {
            let length = usize::from(signature[3]);
            let (r, s) = (&signature[4..4 + length], &signature[4 + length..]);
            tlv(0x30, &[&tlv(2, &[&[0], r]), s])
        }),
        ("a long-form length", "verify.signature.encoding", |signature| [&[0x30, 0x81][..], &signature[1..]].concat()),
        ("r and s side by side", "verify.signature.encoding", |_| vec![1; 64]),
        ("r = 0", "verify.signature.range", |signature| {
            let length = usize::from(signature[3]);
            tlv(0x30, &[&[2, 1, 0], &signature[4 + length..]])
        }),
        ("s = 0", "verify.signature.range", |signature| {
            let length = usize::from(signature[3]);
            tlv(0x30, &[&signature[2..4 + length], &[2, 1, 0]])
        }),
        ("r = s = 0", "verify.signature.range", |_| vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        ("r = n", "verify.signature.range", |signature| {
            let order = hex("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
            let length = usize::from(signature[3]);
            tlv(0x30, &[&tlv(2, &[&order]), &signature[4 + length..]])
        }),
        ("s negative", "verify.signature.encoding", |signature| {
            let length = usize::from(signature[3]);
            tlv(0x30, &[&signature[2..4 + length], &[2, 1, 0xFF]])
        }),
    ] {
        refused(what, code, &with(change));
    }
    refused("unused bits", "verify.der.unused-bits", &leaf(|leaf| leaf.unused_bits = 1));
    accepted("s as signed", &with(|signature| signature));
    accepted("n - s verifies too: twins are for the conflict rules", &with(|signature| negate_s(&signature)));
}

/// Replaces s by n - s.
fn negate_s(signature: &[u8]) -> Vec<u8> {
    use p256::elliptic_curve::PrimeField as _;
    let parsed = p256::ecdsa::Signature::from_der(signature).expect("a signature");
    let s = -p256::Scalar::from_repr(parsed.s().to_bytes()).expect("in range");
    p256::ecdsa::Signature::from_scalars(parsed.r().to_bytes(), s.to_bytes())
        .expect("in range")
        .to_der()
        .as_bytes()
        .to_vec()
}

#[test]
fn the_signature_is_the_issuers_and_over_these_bytes() {
    let good = Builder::leaf();
    assert_eq!(strict(&good.sign(&Key::p256(3))), Some("verify.signature.invalid"));
    // another chip's key under the same signature
    let tbs = good.tbs();
    let swapped = leaf(|leaf| leaf.spki = Key::p256(4).spki()).tbs();
    let signature = root_key().sign(&good.outer_algorithm, &tbs);
    let der = tlv(0x30, &[&swapped, &good.outer_algorithm, &tlv(3, &[&[0], &signature])]);
    assert_eq!(strict(&der), Some("verify.signature.invalid"));
    // an algorithm that the issuer's key does not have
    let ed = Builder::leaf().algorithms(&ED25519).sign(&Key::ed25519(1));
    assert_eq!(strict(&ed), Some("verify.signature.algorithm"));
    // an unknown issuer
    let other = leaf(|leaf| leaf.issuer = st_name("NL", "STMicroelectronics nv", "STM STSAFE-A PROD CA 99"));
    assert_eq!(strict(&other.sign(&root_key())), Some("verify.chain.no-trust-anchor"));
}
