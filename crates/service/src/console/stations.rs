//! Stations on the line: which line packs each has, and what it loaded.

use askama::Template;
use axum::extract::{Path as Named, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part};
use super::form::{Asked, Fields};
use super::words;

#[derive(Debug, Deserialize)]
struct Station {
    name: String,
    packs: u64,
    last_seq: u64,
    received: Option<String>,
}

#[derive(Template)]
#[template(path = "stations.html")]
struct ListPage {
    c: Chrome,
    stations: List<Station>,
    may_assign: bool,
}

pub(super) async fn list(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let cursor = asked.cursor();
    let stations = desk.get(&visit, &format!("/v1/stations?limit=100{cursor}")).await?;
    let may_assign = visit.may("PUT", "/v1/stations/{station}/packs/{batch}");
    Ok(show(&ListPage { c: visit.chrome("Stations"), stations, may_assign }))
}

#[derive(Debug, Deserialize)]
struct Pack {
    batch: String,
    bytes: Option<u64>,
    sha256: Option<String>,
    by: String,
    since: String,
}

#[derive(Debug, Deserialize)]
struct Load {
    seq: u64,
    uid: String,
    sha256: String,
    result: String,
    time: String,
}

#[derive(Template)]
#[template(path = "station.html")]
struct StationPage {
    c: Chrome,
    name: String,
    packs: List<Pack>,
    loads: List<Load>,
    may_withdraw: bool,
}

pub(super) async fn page(
    State(desk): State<Desk>,
    visit: Visit,
    Named(name): Named<String>,
    Asked(asked): Asked,
) -> Result<Response, Trouble> {
    let path = format!("/v1/stations/{}", part(&name));
    let cursor = asked.cursor();
    let packs = desk.get(&visit, &format!("{path}/packs?limit=1000")).await?;
    let loads = desk.get(&visit, &format!("{path}/loads?limit=100{cursor}")).await?;
    let name = reroot_core::text::Printable::new(&name).to_string();
    let may_withdraw = visit.may("DELETE", "/v1/stations/{station}/packs/{batch}");
    Ok(show(&StationPage { c: visit.chrome(format!("Station {name}")), name, packs, loads, may_withdraw }))
}

pub(super) async fn assign(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let (station, batch) = (part(fields.one("station")), part(fields.one("batch")));
    desk.act(&visit, Method::PUT, &format!("/v1/stations/{station}/packs/{batch}")).await?;
    Ok(Redirect::to(&format!("/console/stations/{station}")).into_response())
}

pub(super) async fn withdraw(
    State(desk): State<Desk>,
    visit: Visit,
    Named(name): Named<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let (station, batch) = (part(&name), part(fields.one("batch")));
    desk.act(&visit, Method::DELETE, &format!("/v1/stations/{station}/packs/{batch}")).await?;
    Ok(Redirect::to(&format!("/console/stations/{station}")).into_response())
}
