//! Sessions of the console: 256 random bits in a cookie, of which the store has the digest.
//!
//! Guarantees: a session ends 30 minutes after its last request, 12 hours after its login, at its logout, and when its user is
//! removed. A link logs in once, within 15 minutes. What a session may do is looked up with every request, unless the login
//! said it.
//!
//! *Trusted.* Who has a cookie or a link is the user, as long as it counts.

use reroot_core::crypto::{hmac_sha256, sha256};
use reroot_core::journal::{Auth, Entry, Outcome};
use rusqlite::{OptionalExtension as _, params};
use subtle::ConstantTimeEq as _;

use crate::app::App;
use crate::auth::users;
use crate::principal::{LoggedIn, Principal, Role, Roles, Shown};
use crate::problem::{AUTH_REFUSED, AUTH_ROLE, Problem};
use crate::store::{Store, StoreError};

/// Seconds without a request after which a session ends.
pub const IDLE: i64 = 30 * 60;
/// Seconds after the login at which it ends.
pub const LONGEST: i64 = 12 * 3600;
/// Seconds that a link counts.
pub const LINK: i64 = 15 * 60;
/// What the audit log calls the making of a link.
pub const LINK_MADE: &str = "login-link";
/// Of what the events of logins are.
pub const OBJECT: &str = "session";
/// Uses of a session are noted so many seconds apart: each note is a flush.
const NOTE: i64 = 60;

/// Who logs in, and how they were known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name under which everything is recorded.
    pub name: String,
    /// What they may do for the whole session; if it is not said, what the store says with each request.
    pub roles: Option<Roles>,
    /// How they were known.
    pub by: LoggedIn,
}

/// A session of a request.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who asks.
    pub principal: Principal,
    /// What a form of this session carries: a page of a different site cannot know it.
    pub form_token: String,
}

/// Begins a session. Returns the text of its cookie.
///
/// # Errors
/// The user is not known, is a station, or the store cannot be written.
pub fn begin(app: &App, login: &Login) -> Result<String, Problem> {
    let roles = roles(app.store(), &login.name, login.roles)?;
    let refused = || Problem::new(AUTH_REFUSED, format!("`{}` is not a user of this service", login.name));
    check(roles.ok_or_else(refused)?)?;
    let secret = hex::encode(app.world().bytes::<32>());
    let now = app.world().now().unix();
    let fixed = login.roles.map(words);
    let sql = "INSERT INTO session (sha256, name, roles, logged_in, created, used) VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
    let row = params![digest(&secret), login.name, fixed, login.by.as_str(), now];
    app.store().connection().execute(sql, row).map_err(StoreError::from)?;
    Ok(secret)
}

/// The session of a cookie, if there is one that counts.
///
/// # Errors
/// The store cannot be read or written.
pub fn find(app: &App, secret: &str) -> Result<Option<Session>, Problem> {
    let (store, now) = (app.store(), app.world().now().unix());
    let sql = "SELECT name, roles, logged_in, created, used FROM session WHERE sha256 = ?";
    let found = store
        .connection()
        .query_row(sql, [digest(secret)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?, row.get::<_, i64>(4)?))
        })
        .optional()
        .map_err(StoreError::from)?;
    let Some((name, fixed, by, created, used)): Option<(String, Option<String>, _, _, _)> = found else {
        return Ok(None);
    };
    let roles = roles(store, &name, fixed.as_deref().map(of_words))?.filter(|roles| check(*roles).is_ok());
    let (Some(roles), Some(by), false) = (roles, LoggedIn::of(&by), is_over(now, created, used)) else {
        end(store, secret)?;
        return Ok(None);
    };
    if now - used >= NOTE {
        let sql = "UPDATE session SET used = ? WHERE sha256 = ?";
        store.connection().execute(sql, params![now, digest(secret)]).map_err(StoreError::from)?;
    }
    let principal = Principal { name, roles, shown: Shown::Session(by), areas: None };
    Ok(Some(Session { principal, form_token: form_token(secret) }))
}

/// Whether a session is over: a clock that was set back ends it too.
const fn is_over(now: i64, created: i64, used: i64) -> bool {
    now - used >= IDLE || now - created >= LONGEST || now + NOTE < created
}

/// Ends a session.
///
/// # Errors
/// The store cannot be written.
pub fn end(store: &Store, secret: &str) -> Result<(), StoreError> {
    store.connection().execute("DELETE FROM session WHERE sha256 = ?", [digest(secret)])?;
    Ok(())
}

/// Whether a form carries the token of its session.
pub fn is_form_token(session: &Session, found: &str) -> bool {
    session.form_token.as_bytes().ct_eq(found.as_bytes()).into()
}

/// Adds a link that logs in once, and says whether the audit log has it. Returns its secret.
///
/// # Errors
/// The name is not one, the user is not known or is a station, or the store cannot be written.
pub fn add_link(
    store: &Store,
    now: i64,
    secret: [u8; 32],
    name: &str,
    fixed: Option<Roles>,
    noted: bool,
) -> Result<String, Problem> {
    users::check_name("name", name)?;
    let unknown = || {
        Problem::new(AUTH_REFUSED, format!("`{name}` is not a user of this service"))
            .hint("name a user of the service, or say with `--login-role` what the login may do")
    };
    check(roles(store, name, fixed)?.ok_or_else(unknown)?)?;
    let secret = hex::encode(secret);
    let sql = "INSERT OR REPLACE INTO login_link (sha256, name, roles, expires, noted) VALUES (?, ?, ?, ?, ?)";
    let row = params![digest(&secret), name, fixed.map(words), now + LINK, noted];
    store.connection().execute(sql, row).map_err(StoreError::from)?;
    Ok(secret)
}

/// The path of a link.
pub fn link_path(secret: &str) -> String {
    format!("/console/login/link/{secret}")
}

/// Notes on the audit log the links that were made while this service had it.
///
/// # Errors
/// The store or the audit log cannot be read or written.
fn note_links(app: &App) -> Result<(), Problem> {
    let read = || -> Result<Vec<(String, String, Option<String>)>, StoreError> {
        let connection = app.store().connection();
        let mut statement = connection.prepare_cached("SELECT sha256, name, roles FROM login_link WHERE noted = 0")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    for (sha256, name, roles) in read()? {
        let role = roles.unwrap_or_default();
        app.audit().record(local_entry(&name, &role, (LINK_MADE, OBJECT), Outcome::Done))?;
        let sql = "UPDATE login_link SET noted = 1 WHERE sha256 = ?";
        app.store().connection().execute(sql, [sha256]).map_err(StoreError::from)?;
    }
    Ok(())
}

/// An event of the user that runs the service, for a principal.
pub(crate) fn local_entry(name: &str, role: &str, (action, object): (&str, &str), result: Outcome) -> Entry {
    Entry {
        actor: name.to_owned(),
        auth: Auth::Local,
        role: role.to_owned(),
        ip: None,
        action: action.to_owned(),
        object: object.to_owned(),
        before: None,
        after: None,
        result,
        code: None,
        of: None,
    }
}

/// Whose link it is, if it counts. It still counts afterwards.
///
/// # Errors
/// The store or the audit log cannot be read or written.
pub fn look_at_link(app: &App, secret: &str) -> Result<Option<String>, Problem> {
    note_links(app)?;
    let sql = "SELECT name FROM login_link WHERE sha256 = ? AND expires > ?";
    let row = params![digest(secret), app.world().now().unix()];
    let found = app.store().connection().query_row(sql, row, |row| row.get(0)).optional();
    Ok(found.map_err(StoreError::from)?)
}

/// Takes a link: it does not count a second time.
///
/// # Errors
/// It does not count, or the store or the audit log cannot be written.
pub fn take_link(app: &App, secret: &str) -> Result<Login, Problem> {
    note_links(app)?;
    let sql = "DELETE FROM login_link WHERE sha256 = ? AND expires > ? RETURNING name, roles";
    let row = params![digest(secret), app.world().now().unix()];
    let taken = app
        .store()
        .connection()
        .query_row(sql, row, |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()
        .map_err(StoreError::from)?;
    let Some((name, fixed)) = taken else {
        return Err(Problem::new(AUTH_REFUSED, "the link is not known, was used already, or is older than 15 minutes"));
    };
    Ok(Login { name, roles: fixed.as_deref().map(of_words), by: LoggedIn::Link })
}

/// Removes sessions and links that are over.
///
/// # Errors
/// The store or the audit log cannot be written.
pub fn sweep(app: &App) -> Result<(), Problem> {
    note_links(app)?;
    let (store, now) = (app.store(), app.world().now().unix());
    store.transaction(|transaction| {
        transaction.execute("DELETE FROM login_link WHERE expires <= ? AND noted = 1", [now])?;
        transaction
            .execute("DELETE FROM session WHERE used <= ? OR created <= ?", params![now - IDLE, now - LONGEST])?;
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}

/// What the login said, or else the store.
fn roles(store: &Store, name: &str, fixed: Option<Roles>) -> Result<Option<Roles>, StoreError> {
    match fixed {
        Some(roles) => Ok(Some(roles)),
        None => users::of_name(store, name),
    }
}

/// A station is a machine: the console is for people.
fn check(roles: Roles) -> Result<(), Problem> {
    if roles.has(Role::Station) || roles.each().next().is_none() {
        return Err(Problem::new(AUTH_ROLE, "a station has no console, and neither has a user without a role"));
    }
    Ok(())
}

fn digest(secret: &str) -> String {
    sha256(secret.as_bytes()).to_string()
}

fn form_token(secret: &str) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), &[b"form of the console"]))
}

fn words(roles: Roles) -> String {
    let words: Vec<&str> = roles.each().map(Role::as_str).collect();
    words.join(",")
}

fn of_words(text: &str) -> Roles {
    Roles::of(&text.split(',').filter_map(Role::of).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_over_when_it_rests_or_is_old_or_the_clock_went_back() {
        assert!(!is_over(1_000, 1_000, 1_000));
        assert!(!is_over(1_000 + IDLE - 1, 1_000, 1_000));
        assert!(is_over(1_000 + IDLE, 1_000, 1_000));
        let late = 1_000 + LONGEST - 1;
        assert!(!is_over(late, 1_000, late));
        assert!(is_over(late + 1, 1_000, late + 1));
        assert!(is_over(1_000, 5_000, 5_000));
    }

    #[test]
    fn a_form_token_is_of_one_session() {
        assert_ne!(form_token("a"), form_token("b"));
        assert_eq!(form_token("a").len(), 64);
        assert_ne!(form_token("a"), digest("a"));
    }

    #[test]
    fn roles_survive_the_store() {
        let roles = Roles::of(&[Role::Admin, Role::Viewer]);
        assert_eq!(of_words(&words(roles)), roles);
    }
}
