//! Revocation lists of any bytes: no panic, what is read is what was there, and what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reroot::crl::{Crl, CrlParameters, tbs_cert_list, wrap};

fuzz_target!(|bytes: &[u8]| {
    let _ = Crl::from_file(bytes);
    let Ok(crl) = Crl::from_der(bytes) else { return };
    assert_eq!(crl.der(), bytes, "nothing is dropped and nothing added");
    assert_eq!(crl.entries().count(), crl.len());
    if let Some(first) = crl.entries().next() {
        assert_eq!(crl.entry(&first.serial), Some(first));
    }
    let parameters = CrlParameters {
        issuer: crl.issuer().clone(),
        authority_key_identifier: crl.authority_key_identifier().cloned(),
        number: crl.number().value().unwrap_or(1),
        this_update: crl.this_update(),
        next_update: crl.next_update(),
        signature: crl.signature_algorithm(),
        distribution_point: crl.distribution_point().cloned(),
    };
    let tbs = tbs_cert_list(&parameters, crl.entries());
    let again = Crl::from_der(wrap(&tbs, crl.signature_algorithm(), crl.signature())).expect("what is written is read");
    assert!(again.entries().eq(crl.entries()));
    assert_eq!((again.issuer(), again.distribution_point()), (crl.issuer(), crl.distribution_point()));
    assert_eq!((again.this_update(), again.next_update()), (crl.this_update(), crl.next_update()));
});
