//! Policies through the front door: what is shown, what is issued under every shipped one, by every kind of key, for
//! every kind of key, and when it ends.

mod issuer_keys;
pub(crate) mod own_ca;
mod shipped;
mod show;
mod subject_keys;
mod validity;
