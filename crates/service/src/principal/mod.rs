//! Who asks, and what they may do.
//!
//! How a request shows who asks is [`auth`](crate::auth)'s.

pub mod allowed;
mod role;

use std::net::IpAddr;

use reroot_core::crypto::sha256;
use reroot_core::journal::Auth;
use reroot_core::x509::Sha256Digest;

use crate::problem::{AUTH_ROLE, Problem};

pub use allowed::Area;
pub use role::{Role, Roles};

/// A person or a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name under which everything is recorded.
    pub name: String,
    /// What they may do.
    pub roles: Roles,
    /// How they showed who they are.
    pub shown: Shown,
    /// The parts of the API that a token is limited to.
    pub areas: Option<Vec<Area>>,
}

/// How a principal showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A client certificate on the connection.
    Certificate,
    /// A secret of this one run of the program.
    Passing,
    /// An ID token of the OpenID provider.
    Provider,
    /// The cookie of a session of the console.
    Session(LoggedIn),
    /// An API token.
    Token,
}

impl Shown {
    /// How the audit log says it.
    pub const fn auth(self) -> Auth {
        match self {
            Self::Certificate | Self::Session(LoggedIn::Certificate) => Auth::Certificate,
            Self::Passing | Self::Session(LoggedIn::Link) => Auth::Local,
            Self::Provider | Self::Session(LoggedIn::Oidc) => Auth::Oidc,
            Self::Token => Auth::Token,
        }
    }
}

/// How the user of a session logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedIn {
    /// With a client certificate.
    Certificate,
    /// With a link that was made on the machine.
    Link,
    /// With an identity provider.
    Oidc,
}

impl LoggedIn {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Link => "link",
            Self::Oidc => "oidc",
        }
    }

    /// The one of a word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Certificate, Self::Link, Self::Oidc].into_iter().find(|one| one.as_str() == word)
    }
}

/// What the connection says: where it comes from, and which client certificate was verified on it.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its address; none on a unix socket.
    pub address: Option<IpAddr>,
    /// The client's certificate in DER, which reaches a configured CA and was not revoked.
    pub certificate: Option<Vec<u8>>,
}

/// Principals of one run of the program: secrets that are in no file.
#[derive(Clone, Debug, Default)]
pub struct Passing(Vec<(Sha256Digest, Principal)>);

impl Passing {
    /// Adds a principal with this secret.
    pub fn add(&mut self, secret: &str, name: &str, roles: Roles) {
        let principal = Principal { name: name.to_owned(), roles, shown: Shown::Passing, areas: None };
        self.0.push((sha256(secret.as_bytes()), principal));
    }

    /// Whose secret it is. Digests are compared: how long that takes says nothing about a secret.
    pub fn find(&self, secret: &str) -> Option<Principal> {
        let digest = sha256(secret.as_bytes());
        self.0.iter().find(|(known, _)| *known == digest).map(|(_, principal)| principal.clone())
    }
}

impl Principal {
    /// Checks that one of these roles is the principal's.
    ///
    /// # Errors
    /// None of them is.
    pub fn must_be(&self, wanted: &[Role]) -> Result<(), Problem> {
        if wanted.iter().any(|role| self.roles.has(*role)) {
            return Ok(());
        }
        let wanted: Vec<&str> = wanted.iter().map(|role| role.as_str()).collect();
        Err(Problem::new(AUTH_ROLE, format!("`{}` is not {}", self.name, wanted.join(" or "))))
    }
}
