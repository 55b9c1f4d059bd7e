//! What goes wrong is found: by the key itself where a verifier could not see it, by the verifier where it can.

mod support;

use p256_sign::testing::Plant;
use p256_sign::{Fault, Form, NoRandomness};
use support::{Chance, is_valid, key};

for_each_form!(
    repeated_and_opposite_nonces_stop_the_key,
    a_digest_twice_has_two_nonces,
    stuck_randomness_stops_the_key,
    missing_randomness_stops_the_key,
    exchanged_lanes_and_flipped_bits_do_not_verify,
);

/// Within a batch, and of an earlier batch.
fn repeated_and_opposite_nonces_stop_the_key(form: Form) {
    let mut chance = Chance(1);
    for plant in [Plant::RepeatedNonce, Plant::OppositeNonce] {
        let key = key(&chance.secret(), form);
        let digests: Vec<[u8; 32]> = (0..50).map(|_| chance.bytes()).collect();
        assert_eq!(key.sign_planted(&digests, plant), Err(Fault::RepeatedNonce), "{plant:?}");
        // the key stays stopped: it refuses other digests too
        let others = [chance.bytes()];
        assert_eq!(key.sign_batch(&others, &mut chance.randomness(), true), Err(Fault::RepeatedNonce));
        assert_eq!(key.sign_deterministic(&others, false), Err(Fault::RepeatedNonce));
    }
    let key = key(&chance.secret(), form);
    let digests: Vec<[u8; 32]> = (0..10_000).map(|_| chance.bytes()).collect();
    assert!(key.sign_deterministic(&digests, false).is_ok());
    assert!(key.sign_batch(&digests, &mut chance.randomness(), false).is_ok(), "the same digests, other nonces");
    assert_eq!(key.sign_deterministic(&digests[5_000..5_001], false), Err(Fault::RepeatedNonce));
}

fn a_digest_twice_has_two_nonces(form: Form) {
    let mut chance = Chance(2);
    let secret = chance.secret();
    let digests = [chance.bytes(); 40];
    let made = key(&secret, form).sign_batch(&digests, &mut chance.randomness(), true).expect("signatures");
    assert!(made.iter().all(|made| is_valid(&secret, &digests[0], made)));
    assert_eq!(key(&secret, form).sign_deterministic(&digests, true), Err(Fault::RepeatedNonce));
}

fn stuck_randomness_stops_the_key(form: Form) {
    let mut chance = Chance(3);
    let secret = chance.secret();
    let digests: Vec<[u8; 32]> = (0..20).map(|_| chance.bytes()).collect();
    // one value all the time
    let stuck = key(&secret, form);
    let mut constant = |bytes: &mut [u8]| {
        bytes.fill(0x42);
        Ok(())
    };
    assert_eq!(stuck.sign_batch(&digests, &mut constant, true), Err(Fault::RandomnessRepeats));
    assert_eq!(stuck.sign_batch(&digests, &mut chance.randomness(), true), Err(Fault::RandomnessRepeats));
    // the same stream for each batch, as after a fork
    let forked = key(&secret, form);
    assert!(forked.sign_batch(&digests, &mut Chance(4).randomness(), true).is_ok());
    let others: Vec<[u8; 32]> = (0..20).map(|_| chance.bytes()).collect();
    assert_eq!(forked.sign_batch(&others, &mut Chance(4).randomness(), true), Err(Fault::RandomnessRepeats));
    // one signature a batch
    let single = key(&secret, form);
    assert!(single.sign_batch(&digests[..1], &mut Chance(5).randomness(), true).is_ok());
    assert_eq!(single.sign_batch(&digests[1..2], &mut Chance(5).randomness(), true), Err(Fault::RandomnessRepeats));
    // stuck randomness that nothing notices still has a nonce for each digest
    let unnoticed = key(&secret, form);
    for digests in digests.chunks(10) {
        let mut two_values = 0_u8;
        let mut randomness = |bytes: &mut [u8]| {
            for value in bytes.chunks_mut(16) {
                two_values ^= 1;
                value.fill(two_values ^ digests[0][0]);
            }
            Ok(())
        };
        assert!(unnoticed.sign_batch(digests, &mut randomness, true).is_ok());
    }
}

fn missing_randomness_stops_the_key(form: Form) {
    let mut chance = Chance(6);
    let key = key(&chance.secret(), form);
    let digests = [chance.bytes()];
    assert_eq!(key.sign_batch(&digests, &mut |_| Err(NoRandomness), true), Err(Fault::NoRandomness));
    assert_eq!(key.sign_batch(&digests, &mut chance.randomness(), true), Err(Fault::NoRandomness));
}

fn exchanged_lanes_and_flipped_bits_do_not_verify(form: Form) {
    let mut chance = Chance(8);
    let secret = chance.secret();
    let mut plants = vec![Plant::ExchangedLanes];
    for bit in (0..255).step_by(17) {
        plants.extend([Plant::FlippedX(bit), Plant::FlippedZ(bit), Plant::FlippedInverse(bit)]);
        plants.extend([Plant::FlippedInverseNonce(bit), Plant::FlippedR(bit)]);
    }
    for plant in plants {
        let key = key(&secret, form);
        let digests: Vec<[u8; 32]> = (0..3).map(|_| chance.bytes()).collect();
        let made = key.sign_planted(&digests, plant).expect("the key does not look at its own work");
        let valid: Vec<bool> =
            digests.iter().zip(&made).map(|(digest, made)| is_valid(&secret, digest, made)).collect();
        let expected = match plant {
            Plant::ExchangedLanes => [false, false, true],
            // the inversions are shared, what goes in and comes out is not
            _ => [false, true, true],
        };
        assert_eq!(valid, expected, "{plant:?}");
        // r and s of a signature with a repeated r would be worse than a wrong one
        assert_ne!(made[0].r, made[1].r);
    }
}
