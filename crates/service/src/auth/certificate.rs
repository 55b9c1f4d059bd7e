//! Principals that show a client certificate.

use reroot_core::crypto::sha256;
use reroot_core::x509::Certificate;

use crate::app::App;
use crate::auth::users;
use crate::principal::{Principal, Shown};
use crate::problem::{AUTH_REFUSED, Problem};

/// Whose certificate it is. The connection has shown that it reaches a configured CA and was not revoked; a connection may
/// be open for longer than the certificate is valid.
///
/// # Errors
/// The certificate is not a known principal's, or has ended.
pub fn principal(app: &App, der: &[u8]) -> Result<Principal, Problem> {
    let refused = |what: &str| Err(Problem::new(AUTH_REFUSED, what));
    let Ok(certificate) = Certificate::from_der(der) else {
        return refused("the client certificate cannot be read");
    };
    if !certificate.validity().contains(app.world().now()) {
        return refused("the client certificate is not valid now");
    }
    match users::of_certificate(app.store(), sha256(der))? {
        Some((name, roles)) => Ok(Principal { name, roles, shown: Shown::Certificate, areas: None }),
        None => refused("the client certificate is not that of a known principal"),
    }
}
