//! Signatures are those of RFC 6979 and of `p256`, in each form, in every lane.

mod support;

use p256_sign::{Fault, Form, Key, Signature};
use support::{Chance, count, hex, is_valid, key, p256_signature};

for_each_form!(
    vectors_of_rfc_6979,
    equal_to_p256_for_many_keys_and_digests,
    every_lane_in_every_order_gives_the_same_signature,
    hedged_signatures_are_those_of_p256_with_the_same_randomness,
    batches_of_every_size,
    a_key_out_of_range_is_refused,
);

/// Appendix A.2.5, with SHA-256 and, since a digest is only a number, those of SHA-384 and SHA-512 cut to 256 bits.
fn vectors_of_rfc_6979(form: Form) {
    let secret = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    let sample = hex("AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF");
    let test = hex("9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08");
    let key = key(&secret, form);
    assert_eq!(key.form(), form);
    assert_eq!(key.public_key()[1..33], hex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"));
    assert_eq!(key.public_key()[33..], hex("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"));
    assert_eq!(key.nonce(&sample, None), hex("A6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60"));
    assert_eq!(key.nonce(&test, None), hex("D16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0"));
    let signatures = key.sign_deterministic(&[sample, test], false).expect("signatures");
    let expected = [
        Signature {
            r: hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"),
            s: hex("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"),
        },
        Signature {
            r: hex("F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"),
            s: hex("019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"),
        },
    ];
    assert_eq!(signatures, expected);
}

/// A million with `REROOT_LONG=1`; of keys of chance, with s as it comes and with the low one.
fn equal_to_p256_for_many_keys_and_digests(form: Form) {
    let mut chance = Chance(0x5EED);
    let (all, each) = (count(2_000, 1_000_000), count(250, 10_000));
    for turn in 0..all / each {
        let secret = chance.secret();
        let key = key(&secret, form);
        let low_s = turn % 2 == 1;
        let digests: Vec<[u8; 32]> = (0..each).map(|_| chance.bytes()).collect();
        let mut made = vec![];
        for digests in digests.chunks(977) {
            made.extend(key.sign_deterministic(digests, low_s).expect("signatures"));
        }
        assert_eq!(made.len(), each);
        for (digest, made) in digests.iter().zip(&made) {
            assert_eq!(*made, p256_signature(&secret, digest, &[], low_s), "{secret:02x?} {digest:02x?}");
        }
    }
}

/// 32 lanes work together: each digest goes through each of them (rotations), beside different neighbours (shuffles).
fn every_lane_in_every_order_gives_the_same_signature(form: Form) {
    let mut chance = Chance(0x1A4E5);
    let secret = chance.secret();
    let mut numbered: Vec<([u8; 32], Signature)> = (0..32)
        .map(|_| {
            let digest = chance.bytes();
            (digest, p256_signature(&secret, &digest, &[], false))
        })
        .collect();
    for turn in 0..64 {
        if turn < 32 {
            numbered.rotate_left(1);
        } else {
            chance.shuffle(&mut numbered);
        }
        // a key of its own, since the same r comes again
        let key = key(&secret, form);
        let (digests, expected): (Vec<_>, Vec<_>) = numbered.iter().copied().unzip();
        assert_eq!(key.sign_deterministic(&digests, false).expect("signatures"), expected, "{turn}");
    }
}

fn hedged_signatures_are_those_of_p256_with_the_same_randomness(form: Form) {
    let mut chance = Chance(0xFEED);
    let secret = chance.secret();
    let key = key(&secret, form);
    let digests: Vec<[u8; 32]> = (0..100).map(|_| chance.bytes()).collect();
    for low_s in [false, true] {
        let mut drawn = vec![];
        let mut randomness = |bytes: &mut [u8]| {
            chance.fill(bytes);
            drawn.push(bytes.to_vec());
            Ok(())
        };
        let made = key.sign_batch(&digests, &mut randomness, low_s).expect("signatures");
        assert_eq!(drawn[0].len(), 16 * digests.len(), "sixteen bytes for each nonce");
        for ((digest, extra), made) in digests.iter().zip(drawn[0].chunks_exact(16)).zip(&made) {
            assert_eq!(*made, p256_signature(&secret, digest, extra, low_s));
            assert!(is_valid(&secret, digest, made));
            assert!(!low_s || made.s[0] < 0x80);
        }
    }
}

fn batches_of_every_size(form: Form) {
    let mut chance = Chance(0xBA7C4);
    let secret = chance.secret();
    let key = key(&secret, form);
    for size in (0..=34).chain([63, 64, 65, 100]) {
        let digests: Vec<[u8; 32]> = (0..size).map(|_| chance.bytes()).collect();
        let made = key.sign_batch(&digests, &mut chance.randomness(), true).expect("signatures");
        assert_eq!(made.len(), size);
        assert!(digests.iter().zip(&made).all(|(digest, made)| is_valid(&secret, digest, made)), "{size}");
    }
}

fn a_key_out_of_range_is_refused(form: Form) {
    let order = hex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    let mut above = order;
    above[31] += 1;
    for secret in [[0; 32], order, above, [0xFF; 32]] {
        assert_eq!(Key::with_form(&secret, form).expect_err("refused"), Fault::KeyOutOfRange, "{secret:02x?}");
    }
}

#[test]
#[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
fn lanes_are_chosen_where_the_processor_has_them() {
    assert_eq!(Key::new(&[1; 32]).expect("a key").form(), Form::Lanes);
}
