//! Certificates of any bytes: no panic, and what is read is what was there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reroot::x509::{Certificate, Leniency};

fuzz_target!(|bytes: &[u8]| {
    let leniency = Leniency { explicit_default_boolean: true };
    let lenient = Certificate::from_der_leniently(bytes, leniency);
    let Ok(strict) = Certificate::from_der(bytes) else {
        if let Ok((_, used)) = lenient {
            assert_ne!(used, Leniency::default(), "refused strictly, accepted leniently without a deviation");
        }
        return;
    };
    let (lenient, used) = lenient.expect("what is DER is accepted leniently too");
    assert_eq!((&strict, used), (&lenient, Leniency::default()));

    assert_eq!(strict.der(), bytes, "nothing is dropped and nothing added");
    for part in [strict.tbs(), strict.issuer().der(), strict.subject().der(), strict.spki().der()] {
        assert!(bytes.windows(part.len()).any(|window| window == part), "parts are kept as received");
    }
    for name in [strict.issuer(), strict.subject()] {
        assert!(name.to_string().bytes().all(|byte| (0x20..0x7F).contains(&byte)), "names print as plain ASCII");
    }
    let _ = (strict.basic_constraints(), strict.key_usage(), strict.subject_key_identifier(), strict.extended_key_usage());
});
