//! Any bytes as a configuration file, and as text in an archive that begins with a line of its own.
#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use reroot::reel::{self, Input, Item, Limits};

fuzz_target!(|bytes: &[u8]| {
    let strict = reel::certificates_in_pem(bytes);
    let text = [b"text\n", bytes].concat();
    let mut candidates = Vec::new();
    let each = &mut |item| {
        if let Item::Candidate(leaf) = item {
            candidates.push(leaf.der);
        }
        ControlFlow::Continue(())
    };
    let read = reel::read(&Input::Stdin, Some(&mut &text[..]), &Limits::default(), &std::env::temp_dir(), each);
    assert_eq!(read.expect("only the environment fails").len(), 1);
    // What the strict reader takes for certificates, the lax one does too, unless it is an archive for the lax one:
    // those have a signature, or a mark behind byte 256. UTF-16 with a mark is read in a configuration only.
    if let Ok(certificates) = strict
        && text.len() < 257
        && bytes.first() != Some(&0x30)
        && !bytes.starts_with(b"\xFF\xFE")
        && !bytes.starts_with(b"\xFE\xFF")
        && !bytes.windows(2).any(|pair| pair == b"PK")
    {
        assert!(certificates.iter().all(|der| candidates.contains(der)));
    }
});
