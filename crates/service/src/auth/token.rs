//! API tokens: `rrt_ID_SECRET` and a checksum. The text is shown once; the store has its digest.
//!
//! The checksum is for secret scanners: it says that a text is a token, and nothing about whether it is a known one.

use std::net::IpAddr;

use reroot_core::crypto::sha256;
use reroot_core::x509::Time;
use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::cidr::Network;
use crate::auth::users;
use crate::principal::allowed::Area;
use crate::principal::{Peer, Principal, Role, Roles, Shown};
use crate::problem::{AUTH_REFUSED, Problem, REQUEST_MALFORMED, TOKEN_UNKNOWN};
use crate::store::{Store, StoreError, integer};
use crate::world::World;

/// What a token may be used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The name under which everything is recorded that is done with it.
    pub owner: String,
    /// Roles.
    pub roles: Vec<Role>,
    /// Parts of the API that it is limited to; all that the roles allow if it is empty.
    #[serde(default)]
    pub areas: Vec<Area>,
    /// Networks that it may be used from, such as `10.0.0.0/8`; all if it is empty.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Its last second: at most a year from now.
    pub expires: String,
}

/// A token as the store knows it: without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Token {
    /// Its name in lists and in the audit log; the middle of its text.
    pub id: String,
    /// As it was asked for.
    pub owner: String,
    /// As it was asked for.
    pub roles: Vec<Role>,
    /// As it was asked for.
    pub areas: Vec<Area>,
    /// As it was asked for.
    pub networks: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created: String,
    /// Its last second.
    pub expires: String,
    /// Since when it is refused.
    pub revoked: Option<String>,
    /// When it was used last, to the minute.
    pub last_used: Option<String>,
}

/// Checks what is asked for.
///
/// # Errors
/// A member says something that a token cannot have.
pub fn check(wanted: &NewToken, now: Time) -> Result<Time, Problem> {
    let wrong = |what: String| Err(Problem::new(REQUEST_MALFORMED, what));
    users::check_name("owner", &wanted.owner)?;
    users::check_roles(&wanted.roles)?;
    for network in &wanted.networks {
        if network.parse::<Network>().is_err() {
            return wrong(format!("`networks` has `{network}`, expected a network such as 10.0.0.0/8"));
        }
    }
    if wanted.networks.len() > MOST_NETWORKS {
        return wrong(format!("`networks` has {} networks, expected at most {MOST_NETWORKS}", wanted.networks.len()));
    }
    match Time::from_rfc3339(&wanted.expires) {
        Ok(expires) if expires > now && expires.unix() - now.unix() <= LONGEST => Ok(expires),
        Ok(expires) => wrong(format!("`expires` is {expires}, expected a time within a year after {now}")),
        Err(_) => wrong(format!("`expires` is `{}`, expected a time such as 2027-01-31T00:00:00Z", wanted.expires)),
    }
}

/// Makes a token, and returns its text, which cannot be had a second time.
///
/// # Errors
/// As [`check`], or the store cannot be written.
pub fn create(store: &Store, world: &World, wanted: &NewToken, by: &str) -> Result<(Token, String), Problem> {
    let now = world.now();
    let expires = check(wanted, now)?;
    let id = hex::encode(world.bytes::<6>());
    let text = with_checksum(&format!("{PREFIX}{id}_{}", hex::encode(world.bytes::<32>())));
    let row = params![
        id,
        sha256(text.as_bytes()).to_string(),
        wanted.owner,
        words(&wanted.roles, Role::as_str),
        words(&wanted.areas, Area::as_str),
        wanted.networks.join(","),
        by,
        now.to_string(),
        expires.to_string(),
    ];
    let sql = "INSERT INTO token (id, sha256, owner, roles, areas, networks, created_by, created, expires)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    store.connection().execute(sql, row).map_err(StoreError::from)?;
    let made = find(store, &id)?.ok_or_else(|| Problem::new(TOKEN_UNKNOWN, "the token is not in the store"))?;
    Ok((made.token, text))
}

/// Refuses a token from now on. One that is revoked already stays as it is.
///
/// # Errors
/// There is no such token, or the store cannot be written.
pub fn revoke(store: &Store, world: &World, id: &str) -> Result<Token, Problem> {
    let sql = "UPDATE token SET revoked = coalesce(revoked, ?) WHERE id = ?";
    store.connection().execute(sql, params![world.now().to_string(), id]).map_err(StoreError::from)?;
    match find(store, id)? {
        Some(stored) => Ok(stored.token),
        None => Err(Problem::new(TOKEN_UNKNOWN, format!("there is no token `{id}`"))),
    }
}

/// Tokens after an identifier, in the order of identifiers.
///
/// # Errors
/// The store cannot be read.
pub fn list(store: &Store, after: &str, limit: usize) -> Result<Vec<Token>, Problem> {
    let connection = store.connection();
    let sql = format!("SELECT {COLUMNS} FROM token WHERE id > ? ORDER BY id LIMIT ?");
    let mut statement = connection.prepare_cached(&sql).map_err(StoreError::from)?;
    let rows = statement.query_map(params![after, integer(limit)], read).map_err(StoreError::from)?;
    Ok(rows.map(|row| row.map(|stored| stored.token)).collect::<Result<_, _>>().map_err(StoreError::from)?)
}

/// Whose token it is.
///
/// # Errors
/// No token like this was given out; it has expired, was revoked, or is not for the caller's network.
pub fn principal(app: &App, text: &str, peer: &Peer) -> Result<Principal, Problem> {
    // one answer for all of them: a stranger learns nothing
    let refused =
        || Problem::new(AUTH_REFUSED, "the token is not known, has expired, was revoked or is not for this network");
    let id = parse(text).ok_or_else(refused)?;
    let Some(stored) = find(app.store(), id)? else { return Err(refused()) };
    let known: bool = stored.sha256.as_bytes().ct_eq(sha256(text.as_bytes()).to_string().as_bytes()).into();
    let now = app.world().now();
    let expired = Time::from_rfc3339(&stored.token.expires).map_or(true, |expires| expires < now);
    let networks = &stored.token.networks;
    if !known || expired || stored.token.revoked.is_some() || !may_come_from(networks, peer.address) {
        return Err(refused());
    }
    used(app.store(), &stored.token, now)?;
    let roles = Roles::of(&stored.token.roles);
    let areas = (!stored.token.areas.is_empty()).then(|| stored.token.areas.clone());
    Ok(Principal { name: stored.token.owner, roles, shown: Shown::Token, areas })
}

fn may_come_from(networks: &[String], address: Option<IpAddr>) -> bool {
    let parsed: Vec<Network> = networks.iter().filter_map(|network| network.parse().ok()).collect();
    // a network that cannot be read allows nothing
    networks.is_empty() || address.is_some_and(|address| parsed.iter().any(|network| network.has(address)))
}

/// Notes when a token was used, at most once a minute: each note is a flush.
fn used(store: &Store, token: &Token, now: Time) -> Result<(), Problem> {
    let last = token.last_used.as_deref().and_then(|time| Time::from_rfc3339(time).ok());
    if last.is_some_and(|last| now.unix() - last.unix() < 60) {
        return Ok(());
    }
    let sql = "UPDATE token SET last_used = ? WHERE id = ?";
    store.connection().execute(sql, params![now.to_string(), token.id]).map_err(StoreError::from)?;
    Ok(())
}

struct Stored {
    token: Token,
    sha256: String,
}

fn find(store: &Store, id: &str) -> Result<Option<Stored>, StoreError> {
    let connection = store.connection();
    let sql = format!("SELECT {COLUMNS} FROM token WHERE id = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([id], read).optional()?)
}

const COLUMNS: &str = "id, owner, roles, areas, networks, created_by, created, expires, revoked, last_used, sha256";

fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let list = |text: String| text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (roles, areas): (String, String) = (row.get(2)?, row.get(3)?);
    Ok(Stored {
        token: Token {
            id: row.get(0)?,
            owner: row.get(1)?,
            roles: list(roles).iter().filter_map(|word| Role::of(word)).collect(),
            areas: list(areas).iter().filter_map(|word| Area::of(word)).collect(),
            networks: list(row.get(4)?),
            created_by: row.get(5)?,
            created: row.get(6)?,
            expires: row.get(7)?,
            revoked: row.get(8)?,
            last_used: row.get(9)?,
        },
        sha256: row.get(10)?,
    })
}

/// The words of these values, joined by commas.
pub(crate) fn words<T: Copy>(of: &[T], word: fn(T) -> &'static str) -> String {
    let words: Vec<&str> = of.iter().map(|one| word(*one)).collect();
    words.join(",")
}

/// The identifier in a text that has the form and the checksum of a token.
fn parse(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let hexadecimal = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let form = id.len() == 12 && secret.len() == 72 && hexadecimal(id) && hexadecimal(secret);
    (form && with_checksum(&text[..text.len() - 8]) == text).then_some(id)
}

fn with_checksum(text: &str) -> String {
    format!("{text}{:08x}", crc32fast::hash(text.as_bytes()))
}

const PREFIX: &str = "rrt_";
/// Seconds of a year.
const LONGEST: i64 = 366 * 24 * 3600;
const MOST_NETWORKS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_form_and_a_checksum() {
        let text = with_checksum(&format!("rrt_0123456789ab_{}", "5".repeat(64)));
        assert_eq!(parse(&text), Some("0123456789ab"));
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'1' { b'2' } else { b'1' };
            assert_eq!(parse(std::str::from_utf8(&other).unwrap()), None, "byte {at}");
        }
        for other in ["", "rrt_", &text[..text.len() - 1], &format!("{text}0"), &text.to_uppercase()] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_token_with_networks_is_for_those_alone() {
        let networks = vec!["10.0.0.0/8".to_owned(), "not a network".to_owned()];
        assert!(may_come_from(&networks, "10.1.2.3".parse().ok()));
        assert!(!may_come_from(&networks, "11.1.2.3".parse().ok()));
        assert!(!may_come_from(&networks, None));
        assert!(!may_come_from(&networks[1..], "10.1.2.3".parse().ok()));
        assert!(may_come_from(&[], None));
    }
}
