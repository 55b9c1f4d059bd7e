//! What an operator writes: key URIs (RFC 7512), configurations, policies. No panic, and errors are printable.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use reroot::config::Config;
use reroot::policy::Policy;
use reroot::signer::KeyLocation;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = str::from_utf8(rest) else { return };
    let error = match kind % 3 {
        0 => KeyLocation::parse(text, Path::new("/nowhere")).err().map(|error| error.to_string()),
        1 => Config::parse(text, Path::new("/nowhere/reroot.toml")).err().map(|error| error.to_string()),
        _ => Policy::parse(text, "policy.toml").err().map(|error| error.to_string()),
    };
    if let Some(error) = error {
        assert!(!error.chars().any(|character| character.is_control() && character != '\n'), "{error:?}");
    }
});
