//! Roles.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a principal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Users, tokens, policies, stations; no issuing.
    Admin,
    /// Gives approvals, never on own requests.
    Approver,
    /// Reads everything, and nothing else.
    Auditor,
    /// Uploads, plans, exports, cancels own jobs.
    Operator,
    /// Its packs, lookups, loads and receipts.
    Station,
    /// Reads jobs and batches, looks chips up.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Admin, Self::Approver, Self::Auditor, Self::Operator, Self::Station, Self::Viewer];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Station => "station",
            Self::Viewer => "viewer",
        }
    }

    /// The role of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// These roles.
    pub fn of(roles: &[Role]) -> Self {
        Self(roles.iter().fold(0, |set, role| set | 1 << *role as u8))
    }

    /// Whether a role is one of them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & 1 << role as u8 != 0
    }

    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}
