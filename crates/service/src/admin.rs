//! The first administrator: a token that is made on the machine itself, by the user that runs the service.

use reroot_core::durable::{Access, create_directory};
use reroot_core::journal::{Auth, Entry, Outcome};
use reroot_core::x509::Time;
use reroot_issue::audit_log::Journal;
use reroot_issue::error::Error;

use crate::auth::token::{self, NewToken};
use crate::error::ServiceError;
use crate::principal::Role;
use crate::settings::Settings;
use crate::store::Store;
use crate::world::World;

/// Makes a token of the role `admin` for a name, valid for one day, and returns its text. It is for a service that does not
/// run: the audit log has one writer.
///
/// # Errors
/// The service runs, the name is not one, or the store or the audit log cannot be written.
pub fn first_admin(settings: &Settings, world: &World, name: &str) -> Result<String, ServiceError> {
    if !settings.data.is_dir() {
        create_directory(&settings.data, Access::Private)?;
    }
    let now = world.now();
    let expires = Time::from_unix(now.unix() + DAY).map_err(|error| ServiceError::Admin { what: error.to_string() })?;
    let wanted = NewToken {
        owner: name.to_owned(),
        roles: vec![Role::Admin],
        areas: vec![],
        networks: vec![],
        expires: expires.to_string(),
    };
    let refused = |problem: crate::problem::Problem| ServiceError::Admin { what: problem.document().detail.clone() };
    token::check(&wanted, now).map_err(refused)?;
    let mut journal = Journal::open(&settings.audit(), now).map_err(|error| ServiceError::from(Error::from(error)))?;
    let store = Store::open(&settings.store())?;
    let mut append = |result, of, after| {
        let entry = Entry {
            actor: name.to_owned(),
            auth: Auth::Local,
            role: Role::Admin.as_str().to_owned(),
            ip: None,
            action: "first-admin".to_owned(),
            object: "token".to_owned(),
            before: None,
            after,
            result,
            code: None,
            of,
        };
        journal.append(now, vec![entry]).map_err(|error| ServiceError::from(Error::from(error)))
    };
    let started = append(Outcome::Started, None, None)?;
    let (token, text) = token::create(&store, world, &wanted, name).map_err(refused)?;
    append(Outcome::Done, Some(started), Some(token.id))?;
    Ok(text)
}

/// Seconds of a day.
const DAY: i64 = 24 * 3600;
