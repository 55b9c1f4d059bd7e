//! Who may do what: one table of every route. The guard refuses what is not in it, the guide prints it, tests compare both.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Role;
use super::Role::{Admin, Approver, Auditor, Operator, Station, Viewer};
use crate::rate::Class;
use crate::rate::Class::{Download, Lookup, Read, Secret, Write};

/// A part of the API. A token can be limited to some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// The audit log.
    Audit,
    /// Batches, their files and findings.
    Batches,
    /// Chips: lookups, certificates, proofs.
    Chips,
    /// Revocation lists.
    Crls,
    /// Jobs and approvals.
    Jobs,
    /// Policies.
    Policies,
    /// Stations, their packs, loads and receipts.
    Stations,
    /// Tokens and users.
    Tokens,
    /// Uploads.
    Uploads,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 9] = [
        Self::Audit,
        Self::Batches,
        Self::Chips,
        Self::Crls,
        Self::Jobs,
        Self::Policies,
        Self::Stations,
        Self::Tokens,
        Self::Uploads,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Batches => "batches",
            Self::Chips => "chips",
            Self::Crls => "crls",
            Self::Jobs => "jobs",
            Self::Policies => "policies",
            Self::Stations => "stations",
            Self::Tokens => "tokens",
            Self::Uploads => "uploads",
        }
    }

    /// The area of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|area| area.as_str() == word)
    }
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path as the router has it.
    pub path: &'static str,
    /// The part of the API.
    pub area: Area,
    /// What it costs.
    pub class: Class,
    /// Whether the audit log has it.
    pub logged: bool,
    /// Who may.
    pub roles: &'static [Role],
}

/// A route that is read and not logged.
const fn read(path: &'static str, area: Area, class: Class, roles: &'static [Role]) -> Route {
    Route { method: "GET", path, area, class, logged: false, roles }
}

/// A file that leaves the service: logged.
const fn file(path: &'static str, area: Area, roles: &'static [Role]) -> Route {
    Route { method: "GET", path, area, class: Download, logged: true, roles }
}

/// What is sent to be looked at and changes nothing: not logged.
const fn question(path: &'static str, area: Area, roles: &'static [Role]) -> Route {
    Route { method: "POST", path, area, class: Write, logged: false, roles }
}

/// What changes something: logged.
const fn change(method: &'static str, path: &'static str, area: Area, class: Class, roles: &'static [Role]) -> Route {
    Route { method, path, area, class, logged: true, roles }
}

/// People who read.
const READERS: &[Role] = &[Viewer, Operator, Approver, Auditor, Admin];
/// The same and stations.
const LOOKERS: &[Role] = &[Viewer, Operator, Approver, Auditor, Admin, Station];

/// Every route that needs a principal, in the order of paths.
pub const ROUTES: &[Route] = &[
    read("/v1/audit", Area::Audit, Download, &[Auditor]),
    read("/v1/audit/head", Area::Audit, Read, &[Auditor, Admin]),
    read("/v1/batches", Area::Batches, Read, READERS),
    read("/v1/batches/{id}", Area::Batches, Read, READERS),
    file("/v1/batches/{id}/files/{name}", Area::Batches, &[Viewer, Operator, Auditor]),
    read("/v1/batches/{id}/findings", Area::Batches, Read, READERS),
    file("/v1/batches/{id}/pack", Area::Batches, &[Operator, Auditor]),
    read("/v1/certificates/{digest}", Area::Chips, Lookup, READERS),
    read("/v1/chips/{chip}", Area::Chips, Lookup, LOOKERS),
    read("/v1/chips/{chip}/absence", Area::Chips, Download, READERS),
    file("/v1/chips/{chip}/certificate", Area::Chips, LOOKERS),
    read("/v1/chips/{chip}/history", Area::Chips, Read, READERS),
    file("/v1/chips/{chip}/proof", Area::Chips, LOOKERS),
    read("/v1/crls", Area::Crls, Read, READERS),
    read("/v1/crls/{shard}", Area::Crls, Read, READERS),
    read("/v1/jobs", Area::Jobs, Read, READERS),
    change("POST", "/v1/jobs", Area::Jobs, Write, &[Operator]),
    read("/v1/jobs/{id}", Area::Jobs, Read, READERS),
    read("/v1/jobs/{id}/approval-text", Area::Jobs, Read, READERS),
    change("POST", "/v1/jobs/{id}/approvals", Area::Jobs, Secret, &[Approver]),
    change("POST", "/v1/jobs/{id}/cancel", Area::Jobs, Write, &[Operator, Admin]),
    read("/v1/jobs/{id}/events", Area::Jobs, Read, READERS),
    file("/v1/jobs/{id}/export", Area::Jobs, &[Operator, Auditor]),
    read("/v1/jobs/{id}/findings", Area::Jobs, Download, READERS),
    file("/v1/jobs/{id}/plan", Area::Jobs, &[Operator, Approver, Auditor]),
    read("/v1/policies", Area::Policies, Read, READERS),
    question("/v1/policies/check", Area::Policies, READERS),
    read("/v1/policies/{sha256}", Area::Policies, Read, READERS),
    change("PUT", "/v1/policies/{sha256}", Area::Policies, Write, &[Operator, Admin]),
    question("/v1/policies/{sha256}/preview", Area::Policies, &[Operator, Approver, Admin]),
    change("PUT", "/v1/policies/{sha256}/state", Area::Policies, Write, &[Admin]),
    read("/v1/revocations", Area::Crls, Read, READERS),
    change("POST", "/v1/revocations", Area::Crls, Write, &[Operator]),
    read("/v1/serials/{serial}", Area::Chips, Lookup, READERS),
    read("/v1/stations", Area::Stations, Read, &[Operator, Auditor, Admin]),
    read("/v1/stations/{station}/loads", Area::Stations, Read, &[Station, Operator, Auditor, Admin]),
    change("POST", "/v1/stations/{station}/loads", Area::Stations, Write, &[Station]),
    read("/v1/stations/{station}/packs", Area::Stations, Read, &[Station, Operator, Auditor, Admin]),
    file("/v1/stations/{station}/packs/{batch}", Area::Stations, &[Station]),
    change("PUT", "/v1/stations/{station}/packs/{batch}", Area::Stations, Write, &[Operator, Admin]),
    change("DELETE", "/v1/stations/{station}/packs/{batch}", Area::Stations, Write, &[Operator, Admin]),
    read("/v1/stations/{station}/receipts", Area::Stations, Read, &[Station, Operator, Auditor, Admin]),
    change("POST", "/v1/stations/{station}/receipts", Area::Stations, Write, &[Station]),
    read("/v1/tokens", Area::Tokens, Read, &[Admin, Auditor]),
    change("POST", "/v1/tokens", Area::Tokens, Secret, &[Admin]),
    change("DELETE", "/v1/tokens/{id}", Area::Tokens, Secret, &[Admin]),
    read("/v1/uploads", Area::Uploads, Read, &[Operator, Auditor, Admin]),
    change("POST", "/v1/uploads", Area::Uploads, Write, &[Operator]),
    read("/v1/uploads/{id}", Area::Uploads, Read, &[Operator, Auditor, Admin]),
    change("DELETE", "/v1/uploads/{id}", Area::Uploads, Write, &[Operator, Admin]),
    change("PUT", "/v1/uploads/{id}/content", Area::Uploads, Write, &[Operator]),
    read("/v1/users", Area::Tokens, Read, &[Admin, Auditor]),
    change("POST", "/v1/users", Area::Tokens, Secret, &[Admin]),
    change("DELETE", "/v1/users/{name}", Area::Tokens, Secret, &[Admin]),
];

/// Routes that need no principal: without detail.
pub const OPEN: &[&str] = &["/crl/{file}", "/livez", "/readyz", "/v1/openapi.json", "/v1/version"];

/// The route of a method and a path, `HEAD` as `GET`.
pub fn route(method: &str, path: &str) -> Option<&'static Route> {
    let method = if method == "HEAD" { "GET" } else { method };
    ROUTES.iter().find(|route| route.method == method && route.path == path)
}

/// The table as the guide prints it.
pub fn table() -> String {
    let mut text = String::from("| request | who may | area of tokens | audit log |\n|---|---|---|---|\n");
    for route in ROUTES {
        let roles: Vec<&str> = route.roles.iter().map(|role| role.as_str()).collect();
        let logged = if route.logged { "yes" } else { "" };
        let (method, path, area) = (route.method, route.path, route.area.as_str());
        let roles = roles.join(", ");
        writeln!(text, "| `{method} {path}` | {roles} | `{area}` | {logged} |").expect("writing to a String");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_each_route_once() {
        let keys: Vec<(&str, &str)> = ROUTES.iter().map(|route| (route.path, route.method)).collect();
        let mut paths: Vec<&str> = keys.iter().map(|(path, _)| *path).collect();
        paths.dedup();
        let mut sorted = paths.clone();
        sorted.sort_unstable();
        assert_eq!(paths, sorted);
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{key:?}");
        }
    }

    #[test]
    fn an_auditor_changes_nothing_and_a_change_is_logged() {
        for route in ROUTES {
            let asks = route.method == "GET" || ["check", "preview"].iter().any(|end| route.path.ends_with(end));
            assert!(asks || (route.logged && !route.roles.contains(&Auditor)), "{route:?}");
            assert!(!route.roles.is_empty(), "{route:?}");
        }
    }
}
