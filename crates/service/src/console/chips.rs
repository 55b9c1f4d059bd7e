//! Chips: the search, and everything that is known of one.

use askama::Template;
use axum::extract::{Path as Named, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use reroot_core::origin::Uid;
use reroot_core::x509::Time;
use rusqlite::params;
use serde::Deserialize;

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, part};
use super::form::Asked;
use super::pictures;
use super::words;
use crate::problem::CHIP_UNKNOWN;
use crate::store::StoreError;

/// A certificate of a chip, as the catalog has it.
#[derive(Clone, Debug, Deserialize)]
struct Found {
    uid: String,
    batch: String,
    serial: String,
    sha256: String,
    not_after: String,
    policy: String,
    issued_at: String,
}

#[derive(Debug, Deserialize)]
struct Certificates {
    certificates: Vec<Found>,
}

/// A certificate of a chip, as the ledger has it.
#[derive(Clone, Debug, Deserialize)]
struct Standing {
    batch: String,
    #[serde(default)]
    batch_state: String,
    #[serde(default, rename = "standing")]
    word: String,
    #[serde(default)]
    serial: Option<String>,
    #[serde(default)]
    revoked: Option<String>,
    #[serde(default)]
    revoked_since: Option<String>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    issued_at: Option<String>,
}

impl Standing {
    fn is_held(&self) -> bool {
        self.revoked.as_deref() == Some("certificateHold")
    }
}

#[derive(Debug, Deserialize)]
struct History {
    certificates: Vec<Standing>,
}

/// What a station did with the chip.
#[derive(Clone, Debug, Deserialize)]
struct Load {
    #[serde(default)]
    station: String,
    seq: u64,
    sha256: String,
    result: String,
    time: String,
}

struct Shown {
    found: Found,
    standing: Option<Standing>,
    /// How much of its validity is over, of [`pictures::WIDTH`].
    elapsed: u64,
    over: bool,
}

#[derive(Template)]
#[template(path = "chip.html")]
struct ChipPage {
    c: Chrome,
    uid: String,
    certificates: Vec<Shown>,
    /// What the ledger has and the catalog does not: batches that are open, or were given up.
    others: Vec<Standing>,
    loads: Vec<Load>,
    may_certificate: bool,
    may_proof: bool,
    may_revoke: bool,
}

/// Finds a chip by any of its names, a certificate by serial number or digest, a batch or a job by its own.
pub(super) async fn search(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let wanted = asked.one("q").to_owned();
    let to = |path: &str| Redirect::to(path).into_response();
    if wanted.is_empty() {
        return Ok(to("/console/"));
    }
    let name = part(&wanted);
    for (path, page) in [
        ("/v1/batches/", "/console/batches/"),
        ("/v1/jobs/", "/console/jobs/"),
        ("/v1/policies/", "/console/policies/"),
    ] {
        if desk.get::<serde::de::IgnoredAny>(&visit, &format!("{path}{name}")).await.is_ok() {
            return Ok(to(&format!("{page}{name}")));
        }
    }
    for path in ["/v1/chips/", "/v1/certificates/", "/v1/serials/"] {
        if let Ok(Certificates { certificates }) = desk.get(&visit, &format!("{path}{name}")).await
            && let Some(found) = certificates.first()
        {
            return Ok(to(&format!("/console/chips/{}", part(&found.uid))));
        }
    }
    // a chip of which the ledger alone knows
    if desk.get::<serde::de::IgnoredAny>(&visit, &format!("/v1/chips/{name}/history")).await.is_ok() {
        return Ok(to(&format!("/console/chips/{name}")));
    }
    let what = format!("nothing has the name `{wanted}`");
    Err(crate::problem::Problem::new(CHIP_UNKNOWN, what)
        .hint("Search for a UID, an ST number, a serial number, the SHA-256 of a certificate or policy, a batch or a job.")
        .into())
}

pub(super) async fn page(
    State(desk): State<Desk>,
    visit: Visit,
    Named(chip): Named<String>,
) -> Result<Response, Trouble> {
    let path = format!("/v1/chips/{}", part(&chip));
    let found = match desk.get::<Certificates>(&visit, &path).await {
        Ok(found) => found.certificates,
        Err(trouble) if trouble.code == CHIP_UNKNOWN.code => vec![],
        Err(trouble) => return Err(trouble),
    };
    let history = match desk.get::<History>(&visit, &format!("{path}/history")).await {
        Ok(found) => found.certificates,
        Err(trouble) if trouble.code == CHIP_UNKNOWN.code && !found.is_empty() => vec![],
        Err(trouble) => return Err(trouble),
    };
    let uid = found.first().map_or_else(|| chip.to_uppercase(), |first| first.uid.clone());
    let wanted = uid.clone();
    // the loads of one chip: the API lists those of one station
    let loads = if visit.may("GET", "/v1/stations/{station}/loads") {
        desk.app.blocking(move |app| Ok(loads(app, &wanted)?)).await?
    } else {
        vec![]
    };
    let now = desk.app.world().now().unix();
    let unix = |text: &str| Time::from_rfc3339(text).map_or(0, Time::unix);
    let certificates: Vec<Shown> = found
        .into_iter()
        .map(|found| Shown {
            standing: history
                .iter()
                .find(|one| one.batch == found.batch && one.serial.as_ref() == Some(&found.serial))
                .cloned(),
            elapsed: pictures::elapsed(unix(&found.issued_at), unix(&found.not_after), now),
            over: unix(&found.not_after) < now,
            found,
        })
        .collect();
    let known = |one: &Standing| certificates.iter().any(|shown| shown.found.batch == one.batch);
    let others = history.iter().filter(|one| !known(one)).cloned().collect();
    Ok(show(&ChipPage {
        c: visit.chrome(format!("Chip {uid}")),
        uid,
        certificates,
        others,
        loads,
        may_certificate: visit.may("GET", "/v1/chips/{chip}/certificate"),
        may_proof: visit.may("GET", "/v1/chips/{chip}/proof"),
        may_revoke: visit.may("POST", "/v1/revocations"),
    }))
}

fn loads(app: &crate::app::App, uid: &str) -> Result<Vec<Load>, StoreError> {
    if uid.parse::<Uid>().is_err() {
        return Ok(vec![]);
    }
    let connection = app.store().connection();
    let sql = "SELECT station, line FROM chip_load WHERE uid = ? ORDER BY received LIMIT 200";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![uid], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut loads = Vec::new();
    for row in rows {
        let (station, line) = row?;
        if let Ok(load) = serde_json::from_str::<Load>(&line) {
            loads.push(Load { station, ..load });
        }
    }
    Ok(loads)
}
