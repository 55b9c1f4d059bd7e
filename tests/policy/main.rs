//! Policies through the front door: what is shown, what is issued under every shipped one, by every kind of key, for
//! every kind of key, and when it ends.

#[path = "../support/mod.rs"]
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

mod issuer_keys;
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, reason = "each test uses some of the helpers")]
mod own_ca;
mod shipped;
mod show;
mod subject_keys;
mod validity;
