//! Strict DER: the one encoding a certificate has (X.690), and limits.

use crate::intake::builder::{
    Builder, ECDSA_SHA256, UID, attribute, extension, extensions, hex, name, oids, root_key, tlv,
};
use crate::intake::support::{accepted, default_verifier, examine, leaf, refused, strict};

#[test]
fn the_default_leaf_is_accepted() {
    accepted("the production form", &Builder::leaf());
}

/// X.690 §10.1: "The definite form of length encoding shall be used, encoded in the minimum number of octets."
#[test]
fn lengths_are_definite_and_minimal() {
    let good = Builder::leaf().sign(&root_key());
    assert_eq!(good[..2], [0x30, 0x82]);
    let long = [&[0x30, 0x83, 0][..], &good[2..]].concat();
    assert_eq!(strict(&long), Some("verify.der.non-minimal-length"));
    let indefinite = [&[0x30, 0x80][..], &good[4..], &[0, 0]].concat();
    assert_eq!(strict(&indefinite), Some("verify.der.indefinite-length"));
    refused(
        "serial with a long-form length",
        "verify.der.non-minimal-length",
        &leaf(|leaf| leaf.serial = [&[2, 0x81, 11][..], &hex(UID)].concat()),
    );
    refused(
        "issuer with an indefinite length",
        "verify.der.indefinite-length",
        &leaf(|leaf| {
            let content = leaf.issuer[2..].to_vec();
            leaf.issuer = [&[0x30, 0x80][..], &content, &[0, 0]].concat();
        }),
    );
    refused(
        "country with a long-form length",
        "verify.der.non-minimal-length",
        &leaf(|leaf| {
            let country = tlv(0x30, &[&tlv(6, &[oids::C]), &[0x13, 0x81, 2, b'F', b'R']]);
            leaf.subject = name(&[country]);
        }),
    );
    refused(
        "extensions with a long-form length",
        "verify.der.non-minimal-length",
        &leaf(|leaf| {
            let list = tlv(0x30, &[&extension(oids::UNKNOWN, false, &[5, 0])]);
            leaf.rest = [&[0xA3, 0x81, u8::try_from(list.len()).unwrap()][..], &list].concat();
        }),
    );
}

#[test]
fn nothing_follows_where_nothing_may_follow() {
    let good = Builder::leaf().sign(&root_key());
    for padding in [&[0][..], &[0xFF], &[0; 600], &[0x30, 0], b"\n"] {
        assert_eq!(strict(&[&good, padding].concat()), Some("verify.der.trailing-data"), "{padding:?}");
    }
    assert_eq!(strict(&[&good[..], &good].concat()), Some("verify.der.trailing-data"));
    refused("inside the certificate", "verify.der.trailing-data", &leaf(|leaf| leaf.tail = vec![5, 0]));
    refused("inside tbsCertificate", "verify.der.trailing-data", &leaf(|leaf| leaf.rest = vec![5, 0]));
    refused(
        "after the extensions",
        "verify.der.trailing-data",
        &leaf(|leaf| {
            leaf.rest = [extensions(&[extension(oids::UNKNOWN, false, &[5, 0])]), vec![5, 0]].concat();
        }),
    );
    refused("after the version", "verify.der.trailing-data", &leaf(|leaf| leaf.version = vec![0xA0, 5, 2, 1, 2, 5, 0]));
    refused("after notAfter", "verify.der.trailing-data", &leaf(|leaf| leaf.not_after.extend([5, 0])));
    refused(
        "after the public key",
        "verify.der.trailing-data",
        &leaf(|leaf| {
            let content = leaf.spki[2..].to_vec();
            leaf.spki = tlv(0x30, &[&content, &[5, 0]]);
        }),
    );
    refused(
        "after an attribute's value",
        "verify.der.trailing-data",
        &leaf(|leaf| {
            leaf.subject = name(&[tlv(0x30, &[&tlv(6, &[oids::O]), &tlv(0x0C, &[b"ST"]), &[5, 0]])]);
        }),
    );
    refused(
        "after an extension's value",
        "verify.der.trailing-data",
        &leaf(|leaf| {
            let one = tlv(0x30, &[&tlv(6, &[oids::UNKNOWN]), &tlv(4, &[&[5, 0]]), &[5, 0]]);
            leaf.rest = extensions(&[one]);
        }),
    );
}

#[test]
fn a_truncated_certificate_is_refused_wherever_it_ends() {
    let good = Builder::leaf().sign(&root_key());
    let verifier = default_verifier();
    for end in 0..good.len() {
        assert!(examine(&verifier, &good[..end]).is_err(), "cut to {end} bytes");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let good = Builder::leaf().sign(&root_key());
    let verifier = default_verifier();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(examine(&verifier, &bad).is_err(), "bit {bit}");
    }
}

/// X.690 §11.1, §11.5
#[test]
fn booleans_are_true_or_absent() {
    let with = |critical: &[u8], value: &[u8]| {
        leaf(|leaf| {
            let one = tlv(0x30, &[&tlv(6, &[oids::BASIC_CONSTRAINTS]), critical, &tlv(4, &[value])]);
            leaf.rest = extensions(&[one]);
        })
    };
    accepted("empty basicConstraints", &with(&[], &[0x30, 0]));
    accepted("critical TRUE", &with(&[1, 1, 0xFF], &[0x30, 0]));
    refused("critical 01", "verify.der.boolean", &with(&[1, 1, 1], &[0x30, 0]));
    refused("critical FALSE", "verify.der.explicit-default", &with(&[1, 1, 0], &[0x30, 0]));
    refused("critical of two bytes", "verify.der.boolean", &with(&[1, 2, 0xFF, 0xFF], &[0x30, 0]));
    refused("cA 01", "verify.der.boolean", &with(&[], &[0x30, 3, 1, 1, 1]));
    refused("cA FALSE", "verify.der.explicit-default", &with(&[], &[0x30, 3, 1, 1, 0]));
}

/// X.690 §8.19.2: an identifier in other bytes would be another, unknown extension.
#[test]
fn an_extension_cannot_hide_behind_a_padded_identifier() {
    refused(
        "2.5.29.19 with a padded arc, cA TRUE inside",
        "verify.der.object-identifier",
        &leaf(|leaf| {
            leaf.rest = extensions(&[extension(&[0x55, 0x1D, 0x80, 19], false, &[0x30, 3, 1, 1, 0xFF])]);
        }),
    );
}

/// X.690 §11.6
#[test]
fn a_multi_valued_rdn_is_sorted() {
    let both = |first: &[u8], second: &[u8]| {
        tlv(0x30, &[&tlv(0x31, &[&attribute(oids::O, 0x0C, first), &attribute(oids::O, 0x0C, second)])])
    };
    accepted("in order", &leaf(|leaf| leaf.subject = both(b"A", b"B")));
    refused("out of order", "verify.der.set-order", &leaf(|leaf| leaf.subject = both(b"B", b"A")));
    refused("the same twice", "verify.der.set-order", &leaf(|leaf| leaf.subject = both(b"A", b"A")));
}

#[test]
fn elements_have_their_own_tags() {
    refused("serial as OCTET STRING", "verify.der.tag", &leaf(|leaf| leaf.serial[0] = 4));
    refused("validity ends with a string", "verify.der.tag", &leaf(|leaf| leaf.not_after[0] = 0x16));
    refused("issuer as SET", "verify.der.tag", &leaf(|leaf| leaf.issuer[0] = 0x31));
    refused("multi-byte tag", "verify.der.tag", &leaf(|leaf| leaf.serial = vec![0x1F, 0x81, 1, 1, 1]));
    refused(
        "extensions under [4]",
        "verify.der.trailing-data",
        &leaf(|leaf| {
            leaf.rest = extensions(&[extension(oids::UNKNOWN, false, &[5, 0])]);
            leaf.rest[0] = 0xA4;
        }),
    );
    for junk in [&b""[..], b"junk", &[0x30], &[0x30, 0], &[0x31, 0], &[0; 400], &[0xFF; 400]] {
        assert!(strict(junk).is_some(), "{junk:?}");
    }
}

#[test]
fn resources_are_bounded() {
    refused(
        "33 attributes",
        "verify.name.too-many-attributes",
        &leaf(|leaf| leaf.subject = name(&vec![attribute(oids::O, 0x0C, b"A"); 33])),
    );
    accepted("32 attributes", &leaf(|leaf| leaf.subject = name(&vec![attribute(oids::O, 0x0C, b"A"); 32])));
    let numbered = |count: u8| {
        let list: Vec<_> =
            (0..count).map(|number| extension(&[oids::UNKNOWN, &[number]].concat(), false, &[5, 0])).collect();
        leaf(|leaf| leaf.rest = extensions(&list))
    };
    accepted("64 extensions", &numbered(64));
    refused("65 extensions", "verify.extension.too-many", &numbered(65));
    // sizes at which only the limit can keep the work small
    refused(
        "thousands of RDNs",
        "verify.certificate.too-large",
        &leaf(|leaf| leaf.subject = name(&vec![attribute(oids::O, 0x0C, b"A"); 5000])),
    );
    refused(
        "a megabyte",
        "verify.certificate.too-large",
        &leaf(|leaf| leaf.rest = extensions(&[extension(oids::UNKNOWN, false, &vec![0; 1 << 20])])),
    );
    assert_eq!(strict(&vec![0x30; 1 << 20]), Some("verify.certificate.too-large"));
    // nesting costs nothing here: only known types are entered
    let mut deep = vec![];
    for _ in 0..3000 {
        deep = tlv(0x30, &[&deep]);
    }
    refused(
        "deep nesting where an attribute's value stands",
        "verify.der.form",
        &leaf(|leaf| leaf.subject = name(&[tlv(0x30, &[&tlv(6, &[oids::UNKNOWN]), &deep])])),
    );
}

#[test]
fn algorithms_are_equal_inside_and_out_and_without_parameters() {
    let with_null = [&[0x30, 12][..], &ECDSA_SHA256[2..], &[5, 0]].concat();
    refused(
        "NULL parameters (RFC 5758 §3.2: the parameters are omitted)",
        "verify.algorithm.parameters",
        &Builder::leaf().algorithms(&with_null),
    );
    refused(
        "NULL parameters outside only (RFC 5280 §4.1.1.2)",
        "verify.algorithm.mismatch",
        &leaf(|leaf| leaf.outer_algorithm = with_null.clone()),
    );
    refused(
        "another algorithm inside (RFC 5280 §4.1.1.2)",
        "verify.algorithm.mismatch",
        &leaf(|leaf| leaf.inner_algorithm = crate::intake::builder::ECDSA_SHA384.to_vec()),
    );
    // ecdsa-with-SHA224 (RFC 5758 §3.2) is not an algorithm of ours
    let sha224 = [0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 1];
    refused("SHA-224", "verify.algorithm.unknown", &Builder::leaf().algorithms(&sha224));
}
