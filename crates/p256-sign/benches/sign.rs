//! Microseconds a signature: lanes, portable and aws-lc, in one run.
fn main() {}
