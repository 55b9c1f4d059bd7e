//! Parse, call, print, exit.

fn main() {}
