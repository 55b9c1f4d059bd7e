//! Principals that the store knows: names with roles, and the certificates they show.

use reroot_core::x509::Sha256Digest;
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::principal::{Role, Roles};
use crate::problem::{Problem, REQUEST_MALFORMED, USER_EXISTS, USER_UNKNOWN};
use crate::store::{Store, StoreError, integer};
use crate::world::World;

/// A person or a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name under which everything is recorded.
    pub name: String,
    /// Roles.
    pub roles: Vec<Role>,
    /// SHA-256 of the client certificates, in hexadecimal.
    #[serde(default)]
    pub certificates: Vec<String>,
}

/// Checks a name.
///
/// # Errors
/// It is empty, too long, or has characters that a name does not have.
pub fn check_name(member: &str, name: &str) -> Result<(), Problem> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fits) {
        return Ok(());
    }
    let expected = format!("`{member}` must have 1 to {LONGEST_NAME} letters, digits and `@._+-`");
    Err(Problem::new(REQUEST_MALFORMED, expected))
}

/// Checks a set of roles: an auditor is no operator and no approver, and a station is nothing else.
///
/// # Errors
/// There is no role, one is there twice, or they cannot be combined.
pub fn check_roles(roles: &[Role]) -> Result<Roles, Problem> {
    let wrong = |what: &str| Err(Problem::new(REQUEST_MALFORMED, format!("`roles` {what}")));
    let set = Roles::of(roles);
    if roles.is_empty() {
        return wrong("is empty, expected at least one role");
    }
    if set.each().count() != roles.len() {
        return wrong("has a role twice");
    }
    if set.has(Role::Auditor) && (set.has(Role::Operator) || set.has(Role::Approver)) {
        return wrong("combines auditor with operator or approver: an auditor does not check own work");
    }
    if set.has(Role::Station) && roles.len() > 1 {
        return wrong("combines station with other roles: a station has its own packs and nothing else");
    }
    Ok(set)
}

/// Adds a principal.
///
/// # Errors
/// A member says something wrong, or the name or a certificate is there already.
pub fn create(store: &Store, world: &World, user: &User, by: &str) -> Result<(), Problem> {
    check_name("name", &user.name)?;
    check_roles(&user.roles)?;
    for certificate in &user.certificates {
        if certificate.parse::<Sha256Digest>().is_err() {
            let expected = "`certificates` must have SHA-256 digests of certificates, 64 lower-case hexadecimal digits";
            return Err(Problem::new(REQUEST_MALFORMED, expected));
        }
    }
    let roles: Vec<&str> = user.roles.iter().map(|role| role.as_str()).collect();
    let now = world.now().to_string();
    store.transaction(|transaction| {
        let taken = |what: &str| Problem::new(USER_EXISTS, format!("{what} is there already"));
        let insert = "INSERT OR IGNORE INTO user (name, roles, created_by, created) VALUES (?, ?, ?, ?)";
        let row = params![user.name, roles.join(","), by, now];
        if transaction.execute(insert, row).map_err(StoreError::from)? == 0 {
            return Err(taken(&format!("user `{}`", user.name)));
        }
        for certificate in &user.certificates {
            let insert = "INSERT OR IGNORE INTO user_certificate (sha256, user) VALUES (?, ?)";
            if transaction.execute(insert, params![certificate, user.name]).map_err(StoreError::from)? == 0 {
                return Err(taken(&format!("certificate {certificate}")));
            }
        }
        Ok(())
    })
}

/// Removes a principal; their certificates are refused from now on. Tokens have their own end. Returns the roles that they had.
///
/// # Errors
/// There is no such principal, or the store cannot be written.
pub fn remove(store: &Store, name: &str) -> Result<Vec<Role>, Problem> {
    store.transaction(|transaction| {
        transaction.execute("DELETE FROM user_certificate WHERE user = ?", [name]).map_err(StoreError::from)?;
        let sql = "DELETE FROM user WHERE name = ? RETURNING roles";
        let had: Option<String> =
            transaction.query_row(sql, [name], |row| row.get(0)).optional().map_err(StoreError::from)?;
        had.map(|roles| of_words(&roles))
            .ok_or_else(|| Problem::new(USER_UNKNOWN, format!("there is no user `{name}`")))
    })
}

/// Principals after a name, in the order of names.
///
/// # Errors
/// The store cannot be read.
pub fn list(store: &Store, after: &str, limit: usize) -> Result<Vec<User>, StoreError> {
    let connection = store.connection();
    let mut names = connection.prepare_cached("SELECT name, roles FROM user WHERE name > ? ORDER BY name LIMIT ?")?;
    let mut certificates =
        connection.prepare_cached("SELECT sha256 FROM user_certificate WHERE user = ? ORDER BY sha256")?;
    let rows = names.query_map(params![after, integer(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut users = Vec::new();
    for row in rows {
        let (name, roles): (String, String) = row?;
        let shown = certificates.query_map([&name], |row| row.get(0))?.collect::<Result<_, _>>()?;
        users.push(User { name, roles: of_words(&roles), certificates: shown });
    }
    Ok(users)
}

/// Name and roles of the principal who shows the certificate with this digest.
///
/// # Errors
/// The store cannot be read.
pub fn of_certificate(store: &Store, sha256: Sha256Digest) -> Result<Option<(String, Roles)>, StoreError> {
    let connection = store.connection();
    let sql = "SELECT name, roles FROM user JOIN user_certificate ON user = name WHERE sha256 = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([sha256.to_string()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(name, roles): (String, String)| (name, Roles::of(&of_words(&roles)))))
}

/// Roles of the principal with this name.
///
/// # Errors
/// The store cannot be read.
pub fn of_name(store: &Store, name: &str) -> Result<Option<Roles>, StoreError> {
    let connection = store.connection();
    let mut statement = connection.prepare_cached("SELECT roles FROM user WHERE name = ?")?;
    let found: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
    Ok(found.map(|roles| Roles::of(&of_words(&roles))))
}

fn of_words(roles: &str) -> Vec<Role> {
    roles.split(',').filter_map(Role::of).collect()
}

const LONGEST_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_that_would_check_themselves_are_refused() {
        for good in
            [&[Role::Admin][..], &[Role::Operator, Role::Approver], &[Role::Auditor, Role::Viewer], &[Role::Station]]
        {
            assert!(check_roles(good).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[Role::Viewer, Role::Viewer],
            &[Role::Auditor, Role::Operator],
            &[Role::Approver, Role::Auditor],
            &[Role::Station, Role::Viewer],
        ] {
            assert!(check_roles(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_moves_no_cursor_and_ends_no_line() {
        assert!(check_name("name", "anna@example.com").is_ok());
        for bad in ["", "anna\n", "anna\u{202e}", "a b", "<b>", &"a".repeat(101)] {
            assert!(check_name("name", bad).is_err(), "{bad}");
        }
    }
}
