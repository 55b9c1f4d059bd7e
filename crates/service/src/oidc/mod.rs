//! People who show who they are at an OpenID provider (OpenID Connect Core 1.0).
//!
//! [`token`] judges an ID token: a pure function of token, keys and time. [`keys`] are those that the provider publishes.
//! [`provider`] asks the provider over HTTPS, and remembers its keys. [`login`] is the authorization code flow with PKCE.
//!
//! Guarantees: a name and roles come from a token only that a published key of the configured issuer has signed, that is
//! for this client, and that is valid now. Nothing is taken from a token before its signature is checked but the name of
//! the key.

pub mod keys;
pub mod login;
pub mod provider;
pub mod token;

pub use keys::Keys;
pub use login::{Answer, Begun, Logins};
pub use provider::{OidcError, Provider};
pub use token::{Claims, Refused};

#[cfg(test)]
mod tests;
