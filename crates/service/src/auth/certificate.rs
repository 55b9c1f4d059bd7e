//! Principals that show a client certificate.

use crate::app::App;
use crate::principal::Principal;
use crate::problem::{AUTH_REFUSED, Problem};

/// Whose certificate it is. It reaches a configured CA, and was not revoked.
///
/// # Errors
/// The certificate is not a known principal's.
pub fn principal(_: &App, _: &[u8]) -> Result<Principal, Problem> {
    Err(Problem::new(AUTH_REFUSED, "the client certificate is not that of a known principal"))
}
