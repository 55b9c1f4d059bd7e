//! Principals that show an API token.

use crate::app::App;
use crate::principal::{Peer, Principal};
use crate::problem::{AUTH_REFUSED, Problem};

/// Whose token it is.
///
/// # Errors
/// No token like this was given out.
pub fn principal(_: &App, _: &str, _: &Peer) -> Result<Principal, Problem> {
    Err(Problem::new(AUTH_REFUSED, "the token is not known"))
}
