//! What is made on the machine itself, by the user that runs the service: a token for the first administrator, and links that
//! log in once.

use reroot_core::durable::{Access, create_directory};
use reroot_core::journal::{Entry, Outcome};
use reroot_core::x509::Time;
use reroot_issue::audit_log::{Journal, JournalError};
use reroot_issue::error::Error;

use crate::auth::session;
use crate::auth::token::{self, NewToken};
use crate::error::ServiceError;
use crate::principal::{Role, Roles};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::store::Store;
use crate::world::World;

/// Makes a token of the role `admin` for a name, valid for one day, and returns its text. It is for a service that does not
/// run: the audit log has one writer.
///
/// # Errors
/// The service runs, the name is not one, or the store or the audit log cannot be written.
pub fn first_admin(settings: &Settings, world: &World, name: &str) -> Result<String, ServiceError> {
    let now = world.now();
    let expires = Time::from_unix(now.unix() + DAY).map_err(|error| ServiceError::Admin { what: error.to_string() })?;
    let wanted = NewToken {
        owner: name.to_owned(),
        roles: vec![Role::Admin],
        areas: vec![],
        networks: vec![],
        expires: expires.to_string(),
    };
    token::check(&wanted, now).map_err(refused)?;
    let journal = journal(settings, world).map_err(Error::from)?;
    recorded(settings, world, journal, (name, Role::Admin.as_str(), "first-admin", "token"), |store| {
        let (token, text) = token::create(store, world, &wanted, name).map_err(refused)?;
        Ok((Some(token.id), text))
    })
}

/// Makes a link that logs a person in once, within 15 minutes, and returns its path. `roles` are what the login may do; where
/// there are none, the person is a user of the service, and may do what that user may. A service that runs has the audit log:
/// it writes the event when it sees the link, and before the link is used.
///
/// # Errors
/// The name is not one, or is not a user and has no roles, or the store or the audit log cannot be written.
pub fn login_link(settings: &Settings, world: &World, name: &str, roles: &[Role]) -> Result<String, ServiceError> {
    let fixed = (!roles.is_empty()).then(|| Roles::of(roles));
    let words: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let add = |store: &Store, noted| {
        let secret = world.bytes();
        let secret = session::add_link(store, world.now().unix(), secret, name, fixed, noted).map_err(refused)?;
        Ok(session::link_path(&secret))
    };
    match journal(settings, world) {
        Err(JournalError::Held { .. }) => add(&Store::open(&settings.store())?, false),
        journal => {
            let journal = journal.map_err(Error::from)?;
            recorded(settings, world, journal, (name, &words.join(","), session::LINK_MADE, session::OBJECT), |store| {
                Ok((None, add(store, true)?))
            })
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(problem: Problem) -> ServiceError {
    let document = problem.document();
    let hint = document.hint.iter().map(|hint| format!(" ({hint})"));
    ServiceError::Admin { what: std::iter::once(document.detail.clone()).chain(hint).collect() }
}

/// Opens the audit log, and makes the service's folder if there is none.
fn journal(settings: &Settings, world: &World) -> Result<Journal, JournalError> {
    if !settings.data.is_dir() {
        create_directory(&settings.data, Access::Private)?;
    }
    Journal::open(&settings.audit(), world.now())
}

/// Does something with the store that is on the audit log before and after. `done` also says what it is now.
fn recorded(
    settings: &Settings,
    world: &World,
    mut journal: Journal,
    (name, role, action, object): (&str, &str, &str, &str),
    done: impl FnOnce(&Store) -> Result<(Option<String>, String), ServiceError>,
) -> Result<String, ServiceError> {
    let store = Store::open(&settings.store())?;
    let mut append = |result, of, after| {
        let entry = Entry { after, of, ..session::local_entry(name, role, (action, object), result) };
        journal.append(world.now(), vec![entry]).map_err(|error| ServiceError::from(Error::from(error)))
    };
    let started = append(Outcome::Started, None, None)?;
    let made = done(&store);
    let (result, after) = match &made {
        Ok((after, _)) => (Outcome::Done, after.clone()),
        Err(_) => (Outcome::Refused, None),
    };
    append(result, Some(started), after)?;
    made.map(|(_, text)| text)
}

/// Seconds of a day.
const DAY: i64 = 24 * 3600;
